//! Phrases that count as one word. Some hold a "not" that denies nothing anybody asks for: "Ann
//! can't sign in" is a trouble, not a prohibition. As words of their own they stand only in the
//! patterns that name them.

use super::token::{Kind, Token};

/// Puts each idiom's one word in place of its words.
pub(super) fn join(tokens: &mut Vec<Token>) {
    let mut at = 0;
    while at < tokens.len() {
        let rest = tokens.get(at..).unwrap_or_default();
        let found = IDIOMS.iter().find(|(words, _)| stands_first(rest, words));
        if let Some((words, low)) = found {
            let end = at + words.len();
            let (start, stop) = match (tokens.get(at), tokens.get(end - 1)) {
                (Some(first), Some(last)) => (first.start, last.end),
                _ => return,
            };
            let one = Token {
                start,
                end: stop,
                low: (*low).to_owned(),
                kind: Kind::Word,
                slips: Vec::new(),
            };
            tokens.splice(at..end, [one]);
        }
        at += 1;
    }
}

fn stands_first(tokens: &[Token], words: &[&[&str]]) -> bool {
    tokens.len() >= words.len() && tokens.iter().zip(words).all(|(token, any)| token.is_any(any))
}

type Idiom = (&'static [&'static [&'static str]], &'static str);

/// The one word for not getting in.
pub(super) const LOCKED_OUT: &str = "cannot-sign-in";

/// Longer ones first.
const IDIOMS: &[Idiom] = &[
    (
        &[
            &["is", "are", "am", "was", "were"],
            &["not"],
            &["able"],
            &["to"],
            &["sign", "log", "get"],
            &["in", "on", "into"],
        ],
        LOCKED_OUT,
    ),
    (
        &[
            &["is", "are", "am", "was", "were"],
            &["unable"],
            &["to"],
            &["sign", "log", "get"],
            &["in", "on", "into"],
        ],
        LOCKED_OUT,
    ),
    (
        &[&["can", "could"], &["no"], &["longer"], &["sign", "log", "get"], &["in", "on", "into"]],
        LOCKED_OUT,
    ),
    (
        &[&["can", "could"], &["not"], &["access"], &["her", "his", "their", "my"], &["account"]],
        LOCKED_OUT,
    ),
    (&[&["can", "could"], &["not"], &["sign", "log", "get"], &["in", "on", "into"]], LOCKED_OUT),
    (&[&["can", "could"], &["not"], &["login", "logon", "authenticate"]], LOCKED_OUT),
    (&[&["does", "do"], &["not"], &["work"], &["here"], &["any"], &["more"]], "left"),
    (&[&["does", "do"], &["not"], &["work"], &["here"], &["anymore"]], "left"),
    (&[&["does", "do"], &["not"], &["work"], &["here"]], "left"),
    (&[&["was", "were", "been"], &["let"], &["go"]], "left"),
    (&[&["no"], &["longer"], &["works", "work"], &["here"]], "left"),
    (&[&["no"], &["longer"], &["works", "work"], &["for"], &["us"]], "left"),
    (&[&["is", "are"], &["no"], &["longer"], &["with"], &["us"]], "left"),
    (&[&["is", "are"], &["no"], &["longer"], &["with"], &["the"], &["company"]], "left"),
    (&[&["why"], &["can", "could", "is", "are", "does", "do", "did", "am"], &["not"]], "why-not"),
    (&[&["does", "do", "did"], &["not"], &["work"]], "does-not-work"),
    (&[&["is", "are"], &["not"], &["working"]], "does-not-work"),
    (&[&["does", "do", "did", "can"], &["not"], &["remember", "know"]], "forgot"),
];
