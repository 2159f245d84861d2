//! What people say of somebody before they ask for something.

use subtwin_kernel::Who;

use super::catalog::VERBS;
use super::lexicon::GRAMMAR;
use super::slots;
use super::token::{Kind, Line, Token};

/// "Sarah starts Monday", "Bob has left", "Tom's laptop was stolen", "we have a new hire, Ann":
/// somebody, and what happened to them.
pub(super) fn remark(line: &Line, tokens: &[Token]) -> Option<Vec<Who>> {
    const AUXILIARIES: &[&str] = &["is", "are", "was", "were", "has", "have", "got", "just"];
    const EVENTS: &[&str] = &[
        "starts",
        "started",
        "joins",
        "joined",
        "joining",
        "starting",
        "left",
        "leaves",
        "leaving",
        "moves",
        "moved",
        "moving",
        "transferred",
        "returns",
        "returned",
        "back",
        "new",
        "our",
        "lost",
        "stolen",
        "hacked",
        "compromised",
        "phished",
        "broke",
        "broken",
        "died",
        "damaged",
        "switched",
        "replaced",
        "bought",
        "expired",
        "promoted",
        "married",
        "fired",
        "dismissed",
        "resigned",
        "retired",
        "quit",
        "quits",
    ];
    const TURNS: &[&str] = &[
        "if", "unless", "until", "when", "whenever", "once", "or", "but", "because", "should",
        "must", "needs", "need", "wants", "asked", "said", "says",
    ];
    if let [we, have, a, new, title, name @ ..] = tokens
        && we.is_any(&["we", "i"])
        && have.is_any(&["have", "got"])
        && a.is("a")
        && new.is("new")
        && title.is_any(&["hire", "starter", "joiner", "colleague", "employee", "intern"])
    {
        let name = name.split_first().filter(|(first, _)| first.is_break()).map_or(name, |n| n.1);
        return slots::people(line, name);
    }
    let at = tokens.iter().position(|t| t.is_any(EVENTS) || t.is_any(AUXILIARIES))?;
    let (who, rest) = tokens.split_at_checked(at)?;
    let rest = match rest {
        [first, rest @ ..] if first.is_any(AUXILIARIES) => rest,
        _ => rest,
    };
    let happened = rest.iter().take(2).any(|token| token.is_any(EVENTS));
    let only_that = !rest.iter().any(|t| t.is_any(VERBS) || t.is_break() || t.is_any(TURNS));
    if !happened || !only_that || rest.len() > 8 {
        return None;
    }
    // "Tom's company laptop", "her phone": one thing of somebody's.
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
