//! The typed gaps of the patterns: people, licences, groups. Each says no to whatever could be
//! anything else.

use subtwin_kernel::Who;

use super::lexicon::{
    EVENTS, GRAMMAR, GROUP_WORDS, NOT_GROUPS, OFF_CATALOG, TIMES, is_code, is_licence_word,
    starts_licence,
};
use super::token::{Kind, Line, Token};
use crate::refer;

/// Most names in one list.
const LONGEST_LIST: usize = 10;

/// Most words in one name.
const LONGEST_NAME: usize = 8;

/// A list of people: "Ann, Bob and her manager".
pub(super) fn people(line: &Line, tokens: &[Token]) -> Option<Vec<Who>> {
    let items = list(tokens, &["and", "&", "+"])?;
    if items.len() > 1 && items.iter().any(is_subject) {
        return None;
    }
    items.into_iter().map(|item| person(line, item)).collect()
}

/// "She": the start of what is said of her, as in "Bob is here, she needs …", and in no list.
fn is_subject(item: &&[Token]) -> bool {
    matches!(item, [one] if one.is_any(&["he", "she", "they"]))
}

/// The same, where "from Finance" may tell namesakes apart.
pub(super) fn qualified_people(line: &Line, tokens: &[Token]) -> Option<Vec<Who>> {
    let qualified = |item: &[Token]| {
        let Some(at) = item.iter().position(|token| token.is("from")) else {
            return person(line, item);
        };
        let (name, from) = item.split_at(at);
        let (Who::Named(_), Some(_)) = (person(line, name)?, group(line, from.get(1..)?)) else {
            return None;
        };
        Some(Who::Named(line.slice(item)))
    };
    let items = list(tokens, &["and", "&", "+"])?;
    if items.len() > 1 && items.iter().any(is_subject) {
        return None;
    }
    items.into_iter().map(qualified).collect()
}

/// Whose: "Sarah's", "Ann and Bob's", "her".
pub(super) fn owners(line: &Line, tokens: &[Token]) -> Option<Vec<Who>> {
    let (last, before) = tokens.split_last()?;
    if is_owner_pronoun(tokens) {
        return people(line, tokens);
    }
    if last.kind != Kind::Possessive {
        return None;
    }
    let mut plain = before.to_vec();
    // "Ann's and Bob's".
    let joined = |at: usize| {
        before.get(at + 1).is_none_or(|next| next.kind == Kind::Comma || next.is_any(&["and", "&"]))
    };
    for (at, token) in plain.iter_mut().enumerate() {
        if token.kind == Kind::Possessive && at + 1 < before.len() && joined(at) {
            token.kind = Kind::Word;
        }
    }
    plain.push(Token { kind: Kind::Word, ..last.clone() });
    people(line, &plain)
}

/// "Her", "his", "their", "my".
pub(super) fn is_owner_pronoun(tokens: &[Token]) -> bool {
    matches!(tokens, [one] if one.is_any(&["her", "his", "their", "my"]))
}

/// One token that is somebody on its own, and no part of a longer name.
pub(super) fn is_certain(tokens: &[Token]) -> bool {
    matches!(tokens, [one] if one.kind == Kind::Quoted
        || one.low.contains('@')
        || one.is_any(&["me", "myself"])
        || refer::is_pronoun(&one.low))
}

/// One address standing alone.
pub(super) fn address(line: &Line, tokens: &[Token]) -> Option<Vec<Who>> {
    match tokens {
        [one] if one.low.contains('@') => Some(vec![person(line, tokens)?]),
        _ => None,
    }
}

fn person(line: &Line, tokens: &[Token]) -> Option<Who> {
    let tokens = without_title(tokens);
    let (first, rest) = tokens.split_first()?;
    if first.is_any(&["me", "myself", "i", "my"]) && rest.is_empty() {
        return Some(Who::Me);
    }
    if rest.is_empty() && refer::is_pronoun(&first.low) {
        // "She's" is two words.
        return Some(Who::Named(first.low.clone()));
    }
    if let [before @ .., last] = tokens
        && let [.., owner] = before
        && last.is_any(&["manager", "boss", "supervisor"])
        && (owner.kind == Kind::Possessive || before.len() == 1)
    {
        let of = owners(line, before)?;
        return Some(Who::ManagerOf(Box::new(one(of)?)));
    }
    if last_is_account(tokens) {
        return one(owners(line, tokens.get(..tokens.len() - 1)?)?);
    }
    let after_the = if first.is("the") { rest } else { tokens };
    if let [manager, of, who @ ..] = after_the
        && manager.is_any(&["manager", "boss", "supervisor"])
        && of.is("of")
    {
        return Some(Who::ManagerOf(Box::new(person(line, who)?)));
    }
    // "Sarah Lin (sarah.lin@contoso.com)": the address says it exactly.
    if let Some(at) = tokens.iter().position(|token| token.low.contains('@')) {
        let exact = tokens.get(at..=at)?;
        return is_name(line, tokens).then(|| Who::Named(line.slice(exact)));
    }
    is_name(line, tokens).then(|| Who::Named(line.slice(tokens)))
}

pub(super) fn one(mut people: Vec<Who>) -> Option<Who> {
    (people.len() == 1).then(|| people.pop()).flatten()
}

fn last_is_account(tokens: &[Token]) -> bool {
    tokens.len() > 1 && tokens.last().is_some_and(|last| last.is_any(&["account", "profile"]))
}

/// Leaves out "user", "our new hire", "my colleague" before a name.
fn without_title(tokens: &[Token]) -> &[Token] {
    const TITLES: &[&str] = &[
        "colleague",
        "coworker",
        "employee",
        "hire",
        "intern",
        "joiner",
        "starter",
        "teammate",
        "user",
    ];
    let title = tokens.iter().take(3).position(|token| token.is_any(TITLES));
    match title {
        Some(at)
            if at + 1 < tokens.len()
                && tokens.iter().take(at).all(|t| t.is_any(&["my", "our", "the", "new"])) =>
        {
            tokens.get(at + 1..).unwrap_or_default()
        }
        Some(_) | None => tokens,
    }
}

/// Keywords that are also names, when written as such: "Grant Lee", "Doris Day".
fn is_name_too(line: &Line, token: &Token) -> bool {
    token.is_any(&["grant", "day", "weeks"])
        && line.slice(std::slice::from_ref(token)).starts_with(char::is_uppercase)
}

fn is_name(line: &Line, tokens: &[Token]) -> bool {
    let fits = |token: &Token| match token.kind {
        Kind::Quoted => true,
        Kind::Word if is_name_too(line, token) => true,
        Kind::Word => {
            token.low.chars().any(char::is_alphabetic)
                && token.low.len() <= 80
                && !GRAMMAR.contains(token.low.as_str())
                && !OFF_CATALOG.contains(token.low.as_str())
                && !TIMES.contains(token.low.as_str())
                && !EVENTS.contains(token.low.as_str())
                && !is_licence_word(&token.low)
                && !is_code(&token.low)
        }
        Kind::Possessive | Kind::Comma | Kind::Stop => false,
    };
    let verb_first = tokens
        .first()
        .is_some_and(|first| first.is_any(super::catalog::VERBS) && !is_name_too(line, first));
    // Markup and code; but "Sarah Lin <sarah.lin@contoso.com>" is how mail programs write it.
    let addressed = tokens.iter().any(|token| token.low.contains('@'));
    let is_code = |c: char| match c {
        '<' | '>' => !addressed,
        c => matches!(c, '{' | '}' | '[' | ']' | '|' | '\\' | '='),
    };
    let quoted = tokens.iter().any(|token| token.kind == Kind::Quoted);
    (quoted || !line.slice(tokens).contains(is_code))
        && (1..=LONGEST_NAME).contains(&tokens.len())
        && tokens.iter().all(fits)
        && !verb_first
        && !tokens
            .first()
            .is_some_and(|t| t.is("of") || t.kind == Kind::Word && starts_licence(&t.low))
}

/// How sure a phrase must be a licence before it counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// It starts like a licence, or has an article before and "licence" after it.
    Article,
    /// What stands before or after it in the pattern parts it from a name: "licence" at the end
    /// is enough.
    Keyword,
    /// Only a code such as "E3".
    Code,
}

/// A list of licences: "an E3 and a Visio licence".
pub(super) fn licences(line: &Line, tokens: &[Token], how: Strictness) -> Option<Vec<String>> {
    let items = list(tokens, &["and", "&", "plus"])?;
    let plural = items.len() > 1
        && tokens.last().is_some_and(|last| last.kind == Kind::Word && is_licence_word(&last.low));
    items.into_iter().map(|item| licence(line, item, how, plural)).collect()
}

fn licence(line: &Line, tokens: &[Token], how: Strictness, plural: bool) -> Option<String> {
    const ARTICLES: &[&str] =
        &["a", "an", "the", "another", "one", "her", "his", "their", "that", "this", "my"];
    if refer::is_same(&line.slice(tokens)) {
        return (how != Strictness::Code).then(|| line.slice(tokens));
    }
    let (article, rest) = match tokens.split_first() {
        Some((first, rest)) if first.is_any(ARTICLES) && !rest.is_empty() => (true, rest),
        _ => (false, tokens),
    };
    let rest = match rest.split_first() {
        Some((first, rest)) if first.is("new") && article => rest,
        _ => rest,
    };
    let keyword = rest.last().is_some_and(|t| t.kind == Kind::Word && is_licence_word(&t.low));
    let name = if keyword { rest.get(..rest.len() - 1)? } else { rest };
    let first = name.first()?;
    let like_one = match how {
        Strictness::Article => starts(first) || (keyword && article),
        Strictness::Keyword => starts(first) || keyword || (plural && first.kind == Kind::Quoted),
        Strictness::Code => name.len() == 1 && is_code(&first.low),
    };
    let fits = |(at, token): (usize, &Token)| match token.kind {
        Kind::Quoted => true,
        Kind::Word => {
            let next = name.get(at + 1).map(|next| next.low.as_str());
            match token.low.as_str() {
                "for" => at > 0 && next.is_some_and(starts_licence),
                "no" | "without" => next == Some("teams"),
                "phone" => at > 0,
                "+" => true,
                low => {
                    !GRAMMAR.contains(low)
                        && !OFF_CATALOG.contains(low)
                        && !TIMES.contains(low)
                        && !is_licence_word(low)
                        && !low.contains('@')
                }
            }
        }
        Kind::Possessive | Kind::Comma | Kind::Stop => false,
    };
    (like_one && name.len() <= LONGEST_NAME && name.iter().enumerate().all(fits))
        .then(|| line.slice(name))
}

fn starts(token: &Token) -> bool {
    match token.kind {
        Kind::Quoted => token.low.split_whitespace().next().is_some_and(starts_licence),
        Kind::Word => starts_licence(&token.low),
        Kind::Possessive | Kind::Comma | Kind::Stop => false,
    }
}

/// A list of groups: "Finance and the sales group". A name that itself has "and" in it must stand
/// in quotes.
pub(super) fn groups(line: &Line, tokens: &[Token]) -> Option<Vec<String>> {
    list(tokens, &["and"])?.into_iter().map(|item| group(line, item)).collect()
}

/// The same, each with the word "group" or "team" to say that it is one.
pub(super) fn marked_groups(line: &Line, tokens: &[Token]) -> Option<Vec<String>> {
    let items = list(tokens, &["and"])?;
    let marked = |item: &&[Token]| item.last().is_some_and(|last| last.is_any(GROUP_WORDS));
    items.iter().any(marked).then(|| groups(line, tokens)).flatten()
}

fn group(line: &Line, tokens: &[Token]) -> Option<String> {
    if refer::is_same(&line.slice(tokens)) {
        return Some(line.slice(tokens));
    }
    let tokens = without_first(without_first(tokens, &["the", "our", "my"]), &["group"]);
    let company_wide = matches!(tokens, [all, whom]
        if all.is("all") && whom.is_any(&["company", "employees", "hands", "staff", "users"]));
    let fits = |token: &Token| match token.kind {
        Kind::Quoted | Kind::Possessive => true,
        Kind::Word => {
            let low = token.low.as_str();
            let of_grammar = GRAMMAR.contains(low)
                // Departments, when written as such.
                && !matches!(line.slice(std::slice::from_ref(token)).as_str(), "IT" | "US");
            !of_grammar && !TIMES.contains(low) && !NOT_GROUPS.contains(low)
        }
        Kind::Comma | Kind::Stop => false,
    };
    let only_kind = tokens.iter().all(|token| token.is_any(GROUP_WORDS)) && tokens.len() > 1;
    let verb_first =
        tokens.len() > 1 && tokens.first().is_some_and(|t| t.is_any(super::catalog::VERBS));
    // "Finance block Ann" is two things said in one breath.
    let verb_inside = tokens.iter().skip(1).any(|token| {
        token.is_any(super::catalog::VERBS)
            && line.slice(std::slice::from_ref(token)).starts_with(char::is_lowercase)
    });
    ((1..=LONGEST_NAME).contains(&tokens.len())
        && !verb_inside
        && (company_wide || tokens.iter().all(fits))
        && !only_kind
        && !verb_first)
        .then(|| line.slice(tokens))
}

fn without_first<'a>(tokens: &'a [Token], words: &[&str]) -> &'a [Token] {
    match tokens {
        [first, rest @ ..] if first.is_any(words) && !rest.is_empty() => rest,
        _ => tokens,
    }
}

/// Parts a list at commas and joining words; no part may be empty.
fn list<'a>(tokens: &'a [Token], joins: &[&str]) -> Option<Vec<&'a [Token]>> {
    let mut items = Vec::new();
    let mut start = 0;
    let mut after_comma = false;
    for (at, token) in tokens.iter().enumerate() {
        let comma = token.kind == Kind::Comma;
        if !comma && !token.is_any(joins) {
            after_comma = false;
            continue;
        }
        let item = tokens.get(start..at)?;
        // "Ann, and Bob": the comma has ended the item already.
        if !(item.is_empty() && after_comma && !comma) {
            items.push(item);
        }
        start = at + 1;
        after_comma = comma;
    }
    items.push(tokens.get(start..)?);
    let whole = items.iter().all(|item| !item.is_empty()) && items.len() <= LONGEST_LIST;
    whole.then_some(items)
}

/// "everywhere", "on all her devices", "of everything".
pub(super) fn is_everywhere(tokens: &[Token]) -> bool {
    const AROUND: &[&str] = &[
        "all",
        "any",
        "apps",
        "at",
        "completely",
        "device",
        "devices",
        "every",
        "everything",
        "everywhere",
        "from",
        "her",
        "his",
        "immediately",
        "in",
        "my",
        "of",
        "on",
        "once",
        "places",
        "sessions",
        "session",
        "the",
        "their",
    ];
    const CORE: &[&str] = &[
        "apps",
        "device",
        "devices",
        "everything",
        "everywhere",
        "places",
        "sessions",
        "session",
        "completely",
    ];
    tokens.len() <= 6
        && tokens.iter().all(|token| token.means_any(AROUND))
        && tokens.iter().any(|token| token.means_any(CORE))
}
