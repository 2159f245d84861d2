//! What people say of somebody before they ask for something.

use subtwin_kernel::Who;

use super::catalog::VERBS;
use super::lexicon::{EVENTS, GRAMMAR, TIMES};
use super::slots;
use super::token::{Kind, Line, Token};

/// Somebody, and what happened to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remark {
    /// Whom it is about.
    pub(super) people: Vec<Who>,
    /// They leave at a time that was named: what is taken from them is perhaps not to be taken now.
    pub(super) leaves_later: bool,
}

/// "Sarah starts Monday", "Bob has left", "Tom's laptop was stolen", "we have a new hire, Ann".
///
/// Nobody else may be in it, or "her" in what follows could be either.
pub(super) fn remark(line: &Line, tokens: &[Token]) -> Option<Remark> {
    if let [we, have, a, new, title, name @ ..] = tokens
        && we.is_any(&["we", "i"])
        && have.is_any(&["have", "got"])
        && a.is("a")
        && new.is("new")
        && title.is_any(&["hire", "starter", "joiner", "colleague", "employee", "intern"])
    {
        let name = name.split_first().filter(|(first, _)| first.is_break()).map_or(name, |n| n.1);
        return Some(Remark { people: slots::people(line, name)?, leaves_later: false });
    }
    let event = |token: &Token| token.is_any(PASSIVE) || EVENTS.contains(token.low.as_str());
    let at = tokens.iter().position(|t| event(t) || t.is_any(AUXILIARIES))?;
    let (who, rest) = tokens.split_at_checked(at)?;
    let (happened_to, rest) = match rest {
        [first, rest @ ..] if first.is_any(AUXILIARIES) => (true, rest),
        _ => (false, rest),
    };
    let happened = rest.iter().take(2).any(|token| {
        let active = EVENTS.contains(token.low.as_str()) || token.is_any(&["new", "our", "back"]);
        token.kind == Kind::Word && (active || happened_to && token.is_any(PASSIVE))
    });
    let only_that = !rest.iter().any(|t| t.is_any(VERBS) || t.is_break() || t.is_any(TURNS));
    if !happened || !only_that || rest.len() > 8 || names_another(rest) {
        return None;
    }
    let leaves_later = rest.iter().any(|token| token.is_any(&["leaves", "leaving"]))
        && rest.iter().any(|token| TIMES.contains(token.low.as_str()));
    Some(Remark { people: whose(line, who)?, leaves_later })
}

/// Whom it is about: somebody, or "Tom's company laptop", "her phone": one thing of somebody's.
fn whose(line: &Line, who: &[Token]) -> Option<Vec<Who>> {
    let owner = match who {
        [her, _, ..] if her.is_any(&["her", "his", "their", "my"]) => Some(0),
        _ => who.iter().position(|token| token.kind == Kind::Possessive),
    };
    let Some(at) = owner else { return slots::people(line, who) };
    let (whose, thing) = who.split_at_checked(at + 1)?;
    let is_thing = |token: &Token| {
        token.kind == Kind::Word
            && token.low.chars().all(char::is_alphanumeric)
            && !GRAMMAR.contains(token.low.as_str())
    };
    ((1..=3).contains(&thing.len()) && thing.iter().all(is_thing))
        .then(|| slots::owners(line, whose))
        .flatten()
}

/// Whether what happened could have somebody else in it: a word that no article, preposition or
/// "her" stands before.
fn names_another(rest: &[Token]) -> bool {
    let mut open = false;
    for token in rest {
        if token.kind != Kind::Word {
            return true;
        }
        let low = token.low.as_str();
        if token.is_any(OPENERS) {
            open = true;
        } else if token.is_any(CLOSERS) {
            open = false;
        } else if !(open
            || EVENTS.contains(low)
            || token.is_any(PASSIVE)
            || token.is_any(ADVERBS)
            || GRAMMAR.contains(low)
            || TIMES.contains(low))
        {
            return true;
        }
    }
    false
}

const AUXILIARIES: &[&str] = &["is", "are", "was", "were", "has", "have", "got", "just"];

/// What happens to somebody, and what somebody may do to another: only with "was" before it.
const PASSIVE: &[&str] = &[
    "blocked",
    "bought",
    "compromised",
    "damaged",
    "disabled",
    "dismissed",
    "fired",
    "hacked",
    "locked",
    "phished",
    "promoted",
    "replaced",
    "stolen",
    "terminated",
];

/// Words that turn a remark into something else.
const TURNS: &[&str] = &[
    "if", "unless", "until", "when", "whenever", "once", "or", "but", "because", "should", "must",
    "needs", "need", "wants", "asked", "said", "says",
];

const OPENERS: &[&str] = &[
    "a", "an", "the", "her", "his", "their", "my", "our", "to", "in", "from", "on", "at", "for",
    "as", "of",
];

const CLOSERS: &[&str] = &["by", "with", "under", "and"];

const ADVERBS: &[&str] = &[
    "already",
    "back",
    "early",
    "finally",
    "last",
    "new",
    "next",
    "now",
    "recently",
    "soon",
    "suddenly",
    "yesterday",
];
