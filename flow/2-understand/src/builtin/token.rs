use super::{catalog, idiom, lexicon};
use crate::text;

/// One word of a line, or a break between words.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Where it stands in [`Line::said`], without a possessive ending.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Lower case; of a break, its character.
    pub(super) low: String,
    pub(super) kind: Kind,
    /// Keywords that it may be a slip of the fingers for; empty until that is asked.
    pub(super) slips: Vec<&'static str>,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    /// A word with `'s` or `s'`.
    Possessive,
    /// What stood between quotes: one name, whatever words are in it.
    Quoted,
    /// A comma: joins a list, or parts two clauses.
    Comma,
    /// Any other mark that ends a clause.
    Stop,
}

impl Token {
    pub(super) fn is_break(&self) -> bool {
        matches!(self.kind, Kind::Comma | Kind::Stop)
    }

    /// Whether it is this plain word.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.low == word
    }

    /// Whether it is one of these keywords, or was found to be a slip for one.
    pub(super) fn means_any(&self, words: &[&str]) -> bool {
        self.is_any(words) || self.slips.iter().any(|slip| words.contains(slip))
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        self.kind == Kind::Word && words.contains(&self.low.as_str())
    }
}

/// One line of talk, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The text the tokens point into.
    pub(super) said: String,
    pub(super) tokens: Vec<Token>,
}

impl Line {
    pub(super) fn read(text: &str) -> Self {
        let said = text::normal(text);
        let mut tokens = Vec::new();
        let mut chars = said.char_indices().peekable();
        while let Some(&(at, c)) = chars.peek() {
            if c == '"' {
                chars.next();
                quoted(&said, at + 1, &mut chars, &mut tokens);
            } else if c.is_whitespace() || is_mark(c) {
                chars.next();
                if c == '\n' || is_mark(c) {
                    tokens.push(mark(at, c));
                }
            } else {
                let mut end = at;
                while let Some(&(next, c)) = chars.peek() {
                    if c == '"' || c.is_whitespace() || is_mark(c) {
                        break;
                    }
                    end = next + c.len_utf8();
                    chars.next();
                }
                word(&said, at, end, &mut tokens);
            }
        }
        tokens.retain(|token| !token.is_any(&["please", "pls", "plz", "kindly"]));
        idiom::join(&mut tokens);
        Self { said, tokens }
    }

    /// Looks up which keywords each word may be a slip for. Whether there are any.
    pub(super) fn find_slips(&mut self) -> bool {
        for token in self.tokens.iter_mut().filter(|token| token.kind == Kind::Word) {
            let slip_of = |word: &&&str| lexicon::is_slip_of(&token.low, word);
            token.slips = catalog::VOCABULARY.iter().filter(slip_of).copied().collect();
        }
        self.tokens.iter().any(|token| !token.slips.is_empty())
    }

    /// The text from the first to the last of some tokens.
    pub(super) fn slice(&self, tokens: &[Token]) -> String {
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => {
                self.said.get(first.start..last.end).unwrap_or_default().trim().to_owned()
            }
            _ => String::new(),
        }
    }
}

/// Lower-case words of a line, breaks left out.
pub(super) fn plain(tokens: &[Token]) -> Vec<Token> {
    tokens.iter().filter(|token| !token.is_break()).cloned().collect()
}

fn quoted(
    said: &str,
    start: usize,
    chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
    tokens: &mut Vec<Token>,
) {
    let Some(length) = said.get(start..).and_then(|rest| rest.find('"')) else { return };
    let end = start + length;
    while chars.next_if(|&(at, _)| at <= end).is_some() {}
    let inside = said.get(start..end).unwrap_or_default();
    if inside.chars().any(char::is_alphanumeric) {
        tokens.push(Token {
            start,
            end,
            low: text::key(inside),
            kind: Kind::Quoted,
            slips: Vec::new(),
        });
    }
}

fn word(said: &str, start: usize, end: usize, tokens: &mut Vec<Token>) {
    let chunk = said.get(start..end).unwrap_or_default();
    if chunk.chars().all(|c| matches!(c, '-' | '–' | '—')) {
        tokens.push(mark(start, '-'));
        return;
    }
    // A ">" before a line says that somebody else wrote it.
    if matches!(chunk, "&" | "+") || chunk.chars().all(|c| c == '>') {
        tokens.push(Token {
            start,
            end,
            low: chunk.to_owned(),
            kind: Kind::Word,
            slips: Vec::new(),
        });
        return;
    }
    if chunk.starts_with('>') {
        word(said, start, start + 1, tokens);
    }
    // Only marks that can stand inside a word (an address's dot, a hyphen) reach this far.
    let body = chunk.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '$');
    let start = end - body.len();
    let possessive = body.ends_with("s'");
    let trimmed = body.trim_end_matches(|c: char| !c.is_alphanumeric());
    let cut = body.get(trimmed.len()..).unwrap_or_default();
    let mut end = start + trimmed.len();
    let low = trimmed.to_lowercase();
    if !low.chars().any(char::is_alphanumeric) {
        return;
    }
    if let Some((_, parts)) = EXPANSIONS.iter().find(|(short, _)| *short == low) {
        tokens.extend(parts.iter().map(|part| Token {
            start,
            end,
            low: (*part).to_owned(),
            kind: Kind::Word,
            slips: Vec::new(),
        }));
    } else if let Some(stem) = low.strip_suffix("'s") {
        end -= 2;
        tokens.push(Token {
            start,
            end,
            low: stem.to_owned(),
            kind: Kind::Possessive,
            slips: Vec::new(),
        });
    } else {
        let kind = if possessive { Kind::Possessive } else { Kind::Word };
        tokens.push(Token { start, end, low, kind, slips: Vec::new() });
    }
    if cut.contains(['.', '!', '?', ':']) {
        tokens.push(mark(end, if cut.contains(':') { ':' } else { '.' }));
    }
}

/// Marks that never stand inside a word. A dot or colon may ("sarah.lin", "10:30").
fn is_mark(c: char) -> bool {
    matches!(c, ',' | ';' | '!' | '?')
}

fn mark(at: usize, c: char) -> Token {
    let kind = if c == ',' { Kind::Comma } else { Kind::Stop };
    Token { start: at, end: at, low: c.to_string(), kind, slips: Vec::new() }
}

/// Short forms that are two words to the grammar.
const EXPANSIONS: &[(&str, &[&str])] = &[
    ("why's", &["why", "is"]),
    ("what'd", &["what", "would"]),
    ("you'd", &["you", "would"]),
    ("couldn't", &["could", "not"]),
    ("couldnt", &["could", "not"]),
    ("wasn't", &["was", "not"]),
    ("weren't", &["were", "not"]),
    ("sign-ins", &["signins"]),
    ("log-ins", &["logins"]),
    ("log-on", &["log", "on"]),
    ("re-enable", &["reenable"]),
    ("re-activate", &["reactivate"]),
    ("un-block", &["unblock"]),
    ("who's", &["who", "is"]),
    ("whos", &["who", "is"]),
    ("whois", &["who", "is"]),
    ("what's", &["what", "is"]),
    ("whats", &["what", "is"]),
    ("let's", &["let", "us"]),
    ("i'd", &["i", "would"]),
    ("i'll", &["i", "will"]),
    ("we'd", &["we", "would"]),
    ("we'll", &["we", "will"]),
    ("we've", &["we", "have"]),
    ("they're", &["they", "are"]),
    ("you're", &["you", "are"]),
    ("i'm", &["i", "am"]),
    ("i've", &["i", "have"]),
    ("he's", &["he", "is"]),
    ("she's", &["she", "is"]),
    ("it's", &["it", "is"]),
    ("that's", &["that", "is"]),
    ("don't", &["do", "not"]),
    ("dont", &["do", "not"]),
    ("doesn't", &["does", "not"]),
    ("doesnt", &["does", "not"]),
    ("didn't", &["did", "not"]),
    ("won't", &["will", "not"]),
    ("wont", &["will", "not"]),
    ("can't", &["can", "not"]),
    ("cant", &["can", "not"]),
    ("cannot", &["can", "not"]),
    ("shouldn't", &["should", "not"]),
    ("shouldnt", &["should", "not"]),
    ("mustn't", &["must", "not"]),
    ("wouldn't", &["would", "not"]),
    ("isn't", &["is", "not"]),
    ("isnt", &["is", "not"]),
    ("aren't", &["are", "not"]),
    ("hasn't", &["has", "not"]),
    ("haven't", &["have", "not"]),
    ("needn't", &["need", "not"]),
    ("sign-out", &["sign", "out"]),
    ("signout", &["sign", "out"]),
    ("log-out", &["log", "out"]),
    ("logout", &["log", "out"]),
    ("log-off", &["log", "off"]),
    ("logoff", &["log", "off"]),
    ("sign-off", &["sign", "off"]),
    ("sign-in", &["sign", "in"]),
    ("signin", &["sign", "in"]),
    ("log-in", &["log", "in"]),
    ("lookup", &["look", "up"]),
    ("look-up", &["look", "up"]),
    ("nevermind", &["never", "mind"]),
    ("thankyou", &["thank", "you"]),
    ("handover", &["hand", "over"]),
    ("hand-over", &["hand", "over"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_apart_into_words_names_and_breaks() {
        let line = Line::read("Don't: sign-out Tom's \"Head Office, EU\", (ann.b@x.com). Ok?");
        let lows: Vec<_> = line.tokens.iter().map(|token| token.low.as_str()).collect();
        assert_eq!(
            lows,
            [
                "do",
                "not",
                ":",
                "sign",
                "out",
                "tom",
                "head office, eu",
                ",",
                "ann.b@x.com",
                ".",
                "ok",
                "?"
            ]
        );
        assert_eq!(line.slice(&line.tokens[5..=5]), "Tom");
        assert_eq!(line.tokens[5].kind, Kind::Possessive);
        assert_eq!(line.slice(&line.tokens[6..=6]), "Head Office, EU");
    }
}
