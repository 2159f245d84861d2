//! Politeness around a request, and the little words that say it follows from the one before.

use super::catalog::VERBS;
use super::lexicon::{GRAMMAR, OFF_CATALOG};
use super::token::{Kind, Token};

/// A clause without the noise at its ends, and what the noise said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bare<'a> {
    pub(super) tokens: &'a [Token],
    /// "also", "too": more of what was asked before.
    pub(super) also: bool,
    /// "no, …", "instead", "I meant": in place of what was asked before.
    pub(super) instead: bool,
    /// "what about …".
    pub(super) about: bool,
}

/// Takes the noise off both ends.
pub(super) fn bare<'a>(tokens: &'a [Token], twin: &[String]) -> Bare<'a> {
    let mut bare = Bare { tokens: trim(tokens), also: false, instead: false, about: false };
    let mut greeted = false;
    // Each round takes off at least one word.
    for _ in 0..tokens.len() {
        if let Some(rest) = after_address(bare.tokens, twin, greeted) {
            bare.tokens = trim(rest);
            greeted = false;
            continue;
        }
        if let Some(rest) = after_answer(bare.tokens) {
            bare.instead = true;
            bare.tokens = trim(rest);
        } else if let Some((phrase, rest)) = find(OPENINGS, |phrase| after(bare.tokens, phrase)) {
            bare.also |= ALSO.contains(&phrase.first().copied().unwrap_or_default());
            greeted = GREETINGS.contains(&phrase.first().copied().unwrap_or_default());
            bare.tokens = trim(rest);
        } else if let [help, mark, rest @ ..] = bare.tokens
            && help.is("help")
            && mark.is_break()
            && !rest.is_empty()
        {
            bare.tokens = trim(rest);
        } else if let Some((_, rest)) = find(CORRECTIONS, |phrase| after(bare.tokens, phrase)) {
            bare.instead = true;
            bare.tokens = trim(rest);
        } else if let Some((_, rest)) = find(ABOUT, |phrase| after(bare.tokens, phrase)) {
            bare.about = true;
            bare.tokens = trim(rest);
        } else if let Some(rest) = before_signature(bare.tokens) {
            bare.tokens = trim(rest);
        } else if let Some((phrase, rest)) = find(ENDINGS, |phrase| before(bare.tokens, phrase)) {
            bare.also |= matches!(phrase.first(), Some(&("too" | "also" | "as")));
            bare.instead |= phrase.first() == Some(&"instead");
            bare.tokens = trim(rest);
        } else {
            break;
        }
    }
    bare
}

type Phrase = &'static [&'static str];

fn find<'a>(
    phrases: &[Phrase],
    cut: impl Fn(Phrase) -> Option<&'a [Token]>,
) -> Option<(Phrase, &'a [Token])> {
    let fitting = phrases.iter().filter_map(|phrase| Some((*phrase, cut(phrase)?)));
    fitting.max_by_key(|(phrase, _)| phrase.len())
}

/// What follows a phrase. A phrase that is everything is not noise.
fn after(tokens: &[Token], phrase: Phrase) -> Option<&[Token]> {
    let (head, rest) = tokens.split_at_checked(phrase.len())?;
    let same = head.iter().zip(phrase).all(|(token, word)| token.is(word));
    (same && !rest.is_empty()).then_some(rest)
}

fn before(tokens: &[Token], phrase: Phrase) -> Option<&[Token]> {
    let (rest, tail) = tokens.split_at_checked(tokens.len().checked_sub(phrase.len())?)?;
    let same = tail.iter().zip(phrase).all(|(token, word)| token.is(word));
    (same && !rest.is_empty()).then_some(rest)
}

/// "No, …" and "yes, but …" take back; "no" and "yes" anywhere else do not.
fn after_answer(tokens: &[Token]) -> Option<&[Token]> {
    match tokens {
        [said, mark, but, rest @ ..]
            if said.is_any(&["yes", "no"])
                && mark.is_break()
                && but.is("but")
                && !rest.is_empty() =>
        {
            Some(rest)
        }
        [said, but, rest @ ..]
            if said.is_any(&["yes", "no"]) && but.is("but") && !rest.is_empty() =>
        {
            Some(rest)
        }
        [no, mark, rest @ ..] if no.is("no") && mark.is_break() && !rest.is_empty() => Some(rest),
        _ => None,
    }
}

/// The twin's own name, or any one name after a greeting and before a comma.
fn after_address<'a>(tokens: &'a [Token], twin: &[String], greeted: bool) -> Option<&'a [Token]> {
    if let Some((head, rest)) = tokens.split_at_checked(twin.len())
        && !twin.is_empty()
        && head.iter().zip(twin).all(|(token, word)| token.is(word))
        // "Sam Lin needs an E3" is about somebody else.
        && rest.first().is_some_and(|next| {
            next.is_break() || next.is_any(VERBS) || next.is_any(AFTER_NAME)
        })
    {
        return Some(rest);
    }
    match tokens {
        [name, comma, rest @ ..]
            if greeted
                && name.kind == Kind::Word
                && comma.kind == Kind::Comma
                && !rest.is_empty() =>
        {
            Some(rest)
        }
        _ => None,
    }
}

/// What stands before a line with a closing and a line with a name.
fn before_signature(tokens: &[Token]) -> Option<&[Token]> {
    const CLOSINGS: &[&str] = &["thanks", "regards", "cheers", "best", "you"];
    let at = tokens.iter().rposition(|token| token.low == "\n")?;
    let (before, name) = tokens.split_at_checked(at)?;
    let name = name.get(1..)?;
    let is_name = |token: &Token| {
        token.kind == Kind::Word
            && !VERBS.contains(&token.low.as_str())
            && !GRAMMAR.contains(token.low.as_str())
            && !OFF_CATALOG.contains(token.low.as_str())
            && token.low.chars().all(|c| c.is_alphabetic() || matches!(c, '.' | '-' | '\''))
    };
    let before = trim(before);
    let line = before.iter().rposition(|token| token.low == "\n").map_or(0, |at| at + 1);
    let closing = trim(before.get(line..)?);
    let closes = closing.len() <= 3 && closing.last().is_some_and(|last| last.is_any(CLOSINGS));
    ((1..=2).contains(&name.len()) && name.iter().all(is_name) && closes)
        .then_some(before)
        .filter(|_| line > 0)
        .and_then(|before| before.get(..line))
}

/// Without breaks at the ends.
fn trim(mut tokens: &[Token]) -> &[Token] {
    while let [first, rest @ ..] = tokens
        && first.is_break()
    {
        tokens = rest;
    }
    while let [rest @ .., last] = tokens
        && last.is_break()
    {
        tokens = rest;
    }
    tokens
}

const AFTER_NAME: &[&str] =
    &["can", "could", "would", "will", "i", "we", "who", "what", "which", "thanks", "hi", "hello"];

const GREETINGS: &[&str] = &["hi", "hello", "hey", "good", "morning", "dear"];

const ALSO: &[&str] = &["and", "also", "plus", "then", "ditto", "likewise"];

const OPENINGS: &[Phrase] = &[
    &["i", "hope", "you", "are", "well"],
    &["hope", "you", "are", "well"],
    &["hope", "you", "are", "doing", "well"],
    &["hi", "there"],
    &["hey", "there"],
    &["hello", "there"],
    &["hi"],
    &["hello"],
    &["hey"],
    &["dear"],
    &["good", "morning"],
    &["good", "afternoon"],
    &["good", "evening"],
    &["morning"],
    &["and"],
    &["also"],
    &["plus"],
    &["then"],
    &["ditto"],
    &["likewise"],
    &["ok"],
    &["okay"],
    &["so"],
    &["well"],
    &["right"],
    &["alright"],
    &["great"],
    &["sure"],
    &["perfect"],
    &["yes"],
    &["yeah"],
    &["oh"],
    &["um"],
    &["hmm"],
    &["uh"],
    &["thanks"],
    &["thank", "you"],
    &["sorry"],
    &["actually"],
    &["now"],
    &["just"],
    &["quickly"],
    &["urgent"],
    &["can", "you"],
    &["can", "u"],
    &["could", "you"],
    &["would", "you"],
    &["will", "you"],
    &["can", "we"],
    &["could", "we"],
    &["can", "someone"],
    &["could", "someone"],
    &["you", "should"],
    &["you", "need", "to"],
    &["you", "must"],
    &["would", "you", "be", "able", "to"],
    &["would", "you", "be", "so", "kind", "to"],
    &["would", "it", "be", "possible", "to"],
    &["is", "it", "possible", "to"],
    &["are", "you", "able", "to"],
    &["be", "so", "kind", "to"],
    &["i", "need", "you", "to"],
    &["i", "want", "you", "to"],
    &["i", "would", "like", "you", "to"],
    &["i", "would", "like", "to"],
    &["i", "would", "love", "to"],
    &["i", "was", "wondering", "if", "you", "could"],
    &["i", "want", "to"],
    &["i", "need", "to"],
    &["i", "have", "to"],
    &["we", "need", "to"],
    &["we", "want", "to"],
    &["we", "have", "to"],
    &["we", "should"],
    &["let", "us"],
    &["help", "me"],
    &["help", "me", "to"],
    &["go", "ahead", "and"],
    &["go", "and"],
    &["do", "me", "a", "favour", "and"],
    &["do", "me", "a", "favor", "and"],
    &["quick", "one"],
    &["quick", "question"],
    &["make", "sure"],
    &["remember", "to"],
];

const CORRECTIONS: &[Phrase] =
    &[&["i", "meant"], &["i", "mean"], &["make", "it"], &["make", "that"], &["rather"]];

const ABOUT: &[Phrase] = &[&["what", "about"], &["how", "about"]];

const ENDINGS: &[Phrase] = &[
    &["thanks"],
    &["and", "thanks"],
    &["and", "thank", "you"],
    &["thanks", "a", "lot"],
    &["thanks", "in", "advance"],
    &["thank", "you"],
    &["thank", "you", "very", "much"],
    &["thank", "you", "so", "much"],
    &["many", "thanks"],
    &["thx"],
    &["ty"],
    &["cheers"],
    &["asap"],
    &["as", "soon", "as", "possible"],
    &["as", "soon", "as", "you", "can"],
    &["now"],
    &["right", "now"],
    &["right", "away"],
    &["straight", "away"],
    &["immediately"],
    &["today"],
    &["urgently"],
    &["quickly"],
    &["real", "quick"],
    &["if", "you", "can"],
    &["if", "you", "could"],
    &["if", "possible"],
    &["if", "that", "is", "ok"],
    &["if", "you", "do", "not", "mind"],
    &["when", "you", "can"],
    &["when", "you", "have", "time"],
    &["when", "you", "have", "a", "minute"],
    &["when", "you", "have", "a", "moment"],
    &["when", "you", "get", "a", "chance"],
    &["when", "you", "get", "a", "minute"],
    &["will", "you"],
    &["would", "you"],
    &["could", "you"],
    &["can", "you"],
    &["can", "you", "do", "that"],
    &["could", "you", "do", "that"],
    &["can", "you", "sort", "that", "out"],
    &["could", "you", "sort", "that", "out"],
    &["can", "you", "help"],
    &["ok"],
    &["okay"],
    &["again"],
    &["each"],
    &["too"],
    &["also"],
    &["as", "well"],
    &["instead"],
];
