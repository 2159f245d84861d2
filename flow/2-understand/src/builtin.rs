//! The built-in brain: a fixed grammar, no model, no network.

mod asked;
mod catalog;
mod lexicon;
mod noise;
mod pattern;
mod reading;
mod slots;
mod small;
mod token;

use async_trait::async_trait;
use subtwin_kernel::Words;

use self::asked::Asked;
use self::noise::bare;
use self::reading::Reader;
use self::small::{Small, small};
use self::token::{Line, Token, plain};
use crate::{Brain, BrainError, Mode, Talk, Turn, text};

/// Most lines of talk that are read again to follow up on them.
const LOOK_BACK: usize = 16;

/// Most words in a line. A longer one is a letter, not a request.
const LONGEST_LINE: usize = 80;

/// Understands the catalog's requests by a fixed grammar.
///
/// A line becomes calls only when every word of it is accounted for. Slips of the fingers are
/// forgiven in verbs and keywords, never in names, and nothing is chosen for being similar.
#[derive(Clone, Debug, Default)]
pub struct Builtin {
    name: Vec<String>,
}

impl Builtin {
    /// A brain for the twin that people call `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: text::words(name) }
    }

    /// Reads the talk from the start and answers its last line.
    fn answer(&self, talk: &Talk) -> Turn {
        let mut thread = Thread { twin: &self.name, last: Vec::new(), open: None };
        let mut turn = say(SILENCE);
        let skipped = talk.lines.len().saturating_sub(LOOK_BACK);
        for (from_twin, text) in talk.lines.iter().skip(skipped) {
            if !from_twin {
                turn = thread.hear(text);
            }
        }
        turn
    }
}

#[async_trait]
impl Brain for Builtin {
    fn speaks_for_us(&self) -> bool {
        true
    }

    async fn turn(&self, talk: &Talk) -> Result<Turn, BrainError> {
        Ok(self.answer(talk))
    }
}

/// What a person has asked so far.
struct Thread<'a> {
    twin: &'a [String],
    /// The last request, to be followed up on.
    last: Vec<Asked>,
    /// A request that still lacks something, if the line before this one made it.
    open: Option<Asked>,
}

impl Thread<'_> {
    fn hear(&mut self, text: &str) -> Turn {
        let mut line = Line::read(text);
        let open = self.open.take();
        if line.tokens.len() > LONGEST_LINE {
            return say(TOO_LONG);
        }
        if !line.tokens.iter().any(|token| !token.is_break()) {
            return say(SILENCE);
        }
        let mut turn = self.understood(&line, open.as_ref());
        if turn.is_none() && line.find_slips() {
            turn = self.understood(&line, open.as_ref());
        }
        turn.unwrap_or_else(|| self.otherwise(&line, text))
    }

    fn understood(&mut self, line: &Line, open: Option<&Asked>) -> Option<Turn> {
        self.small_talk(line).or_else(|| self.request(line, open))
    }

    fn small_talk(&mut self, line: &Line) -> Option<Turn> {
        let whole = plain(&line.tokens);
        let stripped = plain(bare(&line.tokens, self.twin).tokens);
        let unnamed = without_name(&whole, self.twin);
        let what = small(line, unnamed).or_else(|| small(line, &stripped))?;
        Some(match what {
            Small::Cancel => {
                self.last.clear();
                Turn::Cancel
            }
            Small::Help => Turn::Help,
            Small::HandOver => Turn::HandOver,
            Small::Hello => say(HELLO),
            Small::Fine => say(FINE),
            Small::Thanks => say(THANKS),
            Small::Bye => say(BYE),
            Small::Yes => say(NOTHING_OPEN),
            Small::No => say(NOTHING_DONE),
            Small::Undo => Turn::Undo,
        })
    }

    /// A request in full, the missing piece of the one before, or a follow-up.
    fn request(&mut self, line: &Line, open: Option<&Asked>) -> Option<Turn> {
        let start = bare(&line.tokens, self.twin);
        if is_negated(start.tokens) {
            return None;
        }
        let reader = Reader::new(line, self.twin);
        if let Some(people) = Reader::after_same(start.tokens) {
            let again = reader.repeat(people, &self.last)?;
            return Some(self.calls(again));
        }
        if let Some(asked) = reader.read(&line.tokens) {
            return Some(self.asked(asked));
        }
        if let Some(asked) = open.and_then(|open| reader.complete(open, start.tokens)) {
            return Some(self.calls(vec![asked]));
        }
        let asked = reader.follow(&start, &self.last)?;
        Some(self.calls(asked))
    }

    fn asked(&mut self, asked: Vec<Asked>) -> Turn {
        if let [one] = asked.as_slice()
            && let Some(question) = one.lacks()
        {
            self.open = Some(one.clone());
            return say(question);
        }
        self.calls(asked)
    }

    fn calls(&mut self, asked: Vec<Asked>) -> Turn {
        let calls = asked.iter().flat_map(Asked::calls).collect();
        self.last = asked;
        Turn::Calls { calls, mode: Mode::Ask }
    }

    /// What is no request of the catalog.
    fn otherwise(&mut self, line: &Line, text: &str) -> Turn {
        let start = bare(&line.tokens, self.twin);
        if is_forbidding(start.tokens) {
            // "Don't give her that" right after asking for it takes the request back.
            if self.last.is_empty() {
                return say(NOTHING_DONE);
            }
            self.last.clear();
            return Turn::Cancel;
        }
        if Reader::new(line, self.twin).is_statement(start.tokens) {
            return say(WHAT_FOR_THEM);
        }
        Turn::Decline(text.trim().to_owned())
    }
}

fn say(text: &str) -> Turn {
    Turn::Say(Words::plain(text))
}

/// Without the twin's name at either end.
fn without_name<'a>(tokens: &'a [Token], twin: &[String]) -> &'a [Token] {
    let is_name = |part: &[Token]| part.iter().zip(twin).all(|(token, word)| token.is(word));
    if twin.is_empty() || tokens.len() <= twin.len() {
        return tokens;
    }
    match (tokens.split_at_checked(twin.len()), tokens.split_at_checked(tokens.len() - twin.len()))
    {
        (Some((name, rest)), _) if is_name(name) => rest,
        (_, Some((rest, name))) if is_name(name) => rest,
        _ => tokens,
    }
}

/// Whether something is said not to be. Such a line never becomes a call.
fn is_negated(tokens: &[Token]) -> bool {
    tokens.iter().enumerate().any(|(at, token)| {
        token.is_any(&["not", "never", "neither", "nor", "nobody", "nothing", "stop", "avoid"])
            // "stop all sessions of …" asks for something.
            && !(token.is("stop") && at == 0)
    })
}

fn is_forbidding(tokens: &[Token]) -> bool {
    match tokens {
        [never, _, ..] if never.is_any(&["not", "never", "avoid"]) => true,
        [do_, not, ..] if do_.is("do") && not.is("not") => true,
        _ => false,
    }
}

const SILENCE: &str = "I got an empty message. Tell me in a sentence what you need.";
const TOO_LONG: &str =
    "That is more than I can take in at once. Please tell me in a sentence or two what you need.";
const HELLO: &str = "Hello! What can I do for you? Say \u{201C}help\u{201D} to see what I do.";
const FINE: &str = "I'm here, thank you. What can I do for you?";
const THANKS: &str = "You're welcome.";
const BYE: &str = "Goodbye!";
const NOTHING_OPEN: &str = "Nothing is waiting for a yes right now. What can I do for you?";
const NOTHING_DONE: &str = "All right, I'm changing nothing.";
const WHAT_FOR_THEM: &str = "Good to know. What shall I do for them?";
