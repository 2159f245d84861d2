//! The built-in brain: a fixed grammar, no model, no network.

mod asked;
mod catalog;
mod credential;
mod dry;
mod idiom;
mod lexicon;
mod noise;
mod pattern;
mod profile;
mod reading;
mod remark;
mod slots;
mod small;
mod token;

use async_trait::async_trait;
use subtwin_kernel::Words;

use self::asked::Asked;
use self::catalog::Doubt;
use self::noise::bare;
use self::reading::Reader;
use self::small::{Small, small};
use self::token::{Line, Token, plain};
use crate::dictated::is_dictated;
use crate::{Brain, BrainError, Mode, Talk, Turn, say, text};

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
        let mut thread = Thread {
            twin: &self.name,
            last: Vec::new(),
            mode: Mode::Ask,
            open: None,
            only_shown: false,
            doubted: false,
        };
        let mut turn = says(SILENCE);
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
    /// Whether that was to be done, or only to be shown.
    mode: Mode,
    /// A request that still lacks something, if the line before this one made it.
    open: Option<(Asked, Mode)>,
    /// Whether the line before this one asked only to be shown something.
    only_shown: bool,
    /// Whether the line before this one was a request that had to be asked about.
    doubted: bool,
}

impl Thread<'_> {
    fn hear(&mut self, text: &str) -> Turn {
        if is_dictated(text) {
            return Turn::Say(say::no_dictation());
        }
        let mut line = Line::read(text);
        let open = self.open.take();
        let only_shown = std::mem::take(&mut self.only_shown);
        let doubted = std::mem::take(&mut self.doubted);
        if line.tokens.len() > LONGEST_LINE {
            return says(TOO_LONG);
        }
        if !line.tokens.iter().any(|token| !token.is_break()) {
            return says(SILENCE);
        }
        let mut turn = self.understood(&line, open.as_ref(), only_shown);
        if turn.is_none() && line.find_slips() {
            turn = self.understood(&line, open.as_ref(), only_shown);
        }
        turn.unwrap_or_else(|| {
            let turn = self.otherwise(&line, text, doubted);
            // It may have answered "which one?", which is read elsewhere.
            self.only_shown = only_shown && matches!(turn, Turn::Decline(_));
            turn
        })
    }

    fn understood(
        &mut self,
        line: &Line,
        open: Option<&(Asked, Mode)>,
        only_shown: bool,
    ) -> Option<Turn> {
        self.small_talk(line, only_shown).or_else(|| self.request(line, open))
    }

    fn small_talk(&mut self, line: &Line, only_shown: bool) -> Option<Turn> {
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
            Small::Hello => says(HELLO),
            Small::Fine => says(FINE),
            Small::Thanks => says(THANKS),
            Small::Bye => says(BYE),
            // "OK, do it" after what would happen: now it is a request, and shown to be confirmed.
            Small::Yes if only_shown => self.calls(self.last.clone(), Mode::Ask),
            Small::Yes => says(NOTHING_OPEN),
            Small::No => says(NOTHING_DONE),
            Small::Undo => {
                // "Same for Bob" would no longer say what.
                self.last.clear();
                Turn::Undo
            }
        })
    }

    /// A request in full, the missing piece of the one before, or a follow-up.
    fn request(&mut self, line: &Line, open: Option<&(Asked, Mode)>) -> Option<Turn> {
        let start = bare(&line.tokens, self.twin);
        if is_negated(start.tokens) {
            return None;
        }
        let reader = Reader::new(line, self.twin);
        if let Some(inside) = shown_only(line, start.tokens) {
            let asked = reader.read(&inside)?;
            return Some(self.asked(asked, Mode::DryRun));
        }
        if let Some(people) = Reader::after_same(start.tokens) {
            let again = reader.repeat(people, &self.last)?;
            return Some(self.calls(again, self.mode));
        }
        if let Some(asked) = reader.read(&line.tokens) {
            return Some(self.asked(asked, Mode::Ask));
        }
        if let Some((open, mode)) = open
            && let Some(asked) = reader.complete(open, start.tokens)
        {
            return Some(self.calls(vec![asked], *mode));
        }
        let asked = reader.follow(&start, &self.last)?;
        Some(self.calls(asked, self.mode))
    }

    fn asked(&mut self, asked: Vec<Asked>, mode: Mode) -> Turn {
        if let [one] = asked.as_slice()
            && let Some(question) = one.lacks()
        {
            self.open = Some((one.clone(), mode));
            return says(question);
        }
        self.calls(asked, mode)
    }

    fn calls(&mut self, asked: Vec<Asked>, mode: Mode) -> Turn {
        let calls = asked.iter().flat_map(Asked::calls).collect();
        self.last = asked;
        self.mode = mode;
        self.only_shown = mode == Mode::DryRun;
        Turn::Calls { calls, mode }
    }

    /// What is no request of the catalog.
    fn otherwise(&mut self, line: &Line, text: &str, doubted: bool) -> Turn {
        let start = bare(&line.tokens, self.twin);
        if is_forbidding(start.tokens) {
            // "Don't give her that" right after asking for it takes the request back.
            if self.last.is_empty() {
                return says(NOTHING_DONE);
            }
            self.last.clear();
            return Turn::Cancel;
        }
        let reader = Reader::new(line, self.twin);
        if reader.is_statement(start.tokens) {
            return says(WHAT_FOR_THEM);
        }
        match question(&reader, line, start.tokens) {
            // Asked once, and no clearer: that is for a human.
            Some(_) if doubted => Turn::HandOver,
            Some(question) => {
                self.doubted = true;
                says(question)
            }
            None => Turn::Decline(text.trim().to_owned()),
        }
    }
}

/// The question to put about a request that could be meant in two ways.
fn question(reader: &Reader<'_>, line: &Line, start: &[Token]) -> Option<&'static str> {
    if is_negated(start) {
        return None;
    }
    match reader.doubt(&line.tokens) {
        Some(Doubt::Unlock) => return Some(UNLOCK),
        Some(Doubt::Manager) => return Some(WHOSE_MANAGER),
        None => {}
    }
    let vague = reader.vague_property(start);
    vague.or_else(|| reader.has_open_end(&line.tokens).then_some(OPEN_END))
}

fn says(text: &str) -> Turn {
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
        // "Stop all sessions of …", "and stop her from signing in" ask for something.
        let opens = at == 0
            || tokens.get(at - 1).is_some_and(|before| before.is_break() || before.is("and"));
        token.is_any(&["not", "never", "neither", "nor", "nobody", "nothing", "stop", "avoid"])
            && !(token.is("stop") && opens)
    })
}

/// The request inside "what would happen if …", also after a remark.
fn shown_only(line: &Line, tokens: &[Token]) -> Option<Vec<Token>> {
    let starts = tokens.iter().enumerate().filter(|(_, token)| token.is_break());
    let starts = std::iter::once(0).chain(starts.map(|(at, _)| at + 1));
    starts.take(4).find_map(|at| {
        let (before, after) = tokens.split_at_checked(at)?;
        let remark_only = match before {
            [] => true,
            [remark @ .., _] => remark::remark(line, remark).is_some(),
        };
        let inside = dry::request(line, after).filter(|_| remark_only)?;
        Some([before, &inside].concat())
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
const UNLOCK: &str = "\u{201C}Unlock\u{201D} could mean several things. I can unblock the account, reset \
     the password, or say why the sign-in fails. Please tell me which, and for whom.";
const WHOSE_MANAGER: &str = "I can't tell where one name ends and the other begins. Please say it as \
     in: set Sarah Lin's manager to Bob Hale.";
const OPEN_END: &str = "I can't tell where the new value ends. Please put it in quotes, as in: set \
     Sarah Lin's job title to \u{201C}Head of Sales and Marketing\u{201D}.";
const WHAT_FOR_THEM: &str = "Good to know. What shall I do for them?";
