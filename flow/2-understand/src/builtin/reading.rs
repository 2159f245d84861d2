//! From the words of a line to what is asked: clauses, what they share, and follow-ups.

use std::cell::Cell;
use std::collections::BTreeMap;

use subtwin_kernel::{Tool, Who};

use super::asked::{About, Asked};
use super::catalog::{CLAUSES, ELIDED, SUBJECTLESS, VERBS};
use super::noise::{Bare, bare};
use super::pattern::Found;
use super::slots::{self, Strictness};
use super::token::{Kind, Line, Token};
use crate::refer;

/// How many clauses may be tried before a line counts as not understood.
const BUDGET: u32 = 64;

/// Longest clause, in words and breaks.
const LONGEST_CLAUSE: usize = 40;

/// Reads one line.
pub(super) struct Reader<'a> {
    line: &'a Line,
    twin: &'a [String],
    budget: Cell<u32>,
}

/// One clause: a request, or a remark that only says whom the next one is about.
enum Clause {
    Request(Asked),
    Remark(Vec<Who>),
}

impl<'a> Reader<'a> {
    pub(super) fn new(line: &'a Line, twin: &'a [String]) -> Self {
        Self { line, twin, budget: Cell::new(BUDGET) }
    }

    /// Every request of the line, if all of the line is requests (and remarks about people).
    pub(super) fn read(&self, tokens: &[Token]) -> Option<Vec<Asked>> {
        let clauses = self.clauses(tokens, None)?;
        let several = clauses.len() > 1;
        let mut before: Vec<Who> = Vec::new();
        let mut asked = Vec::new();
        for clause in clauses {
            match clause {
                Clause::Remark(people) => before = people,
                Clause::Request(mut request) => {
                    request.people = about_them(&request.people, &before);
                    if several && request.lacks().is_some() {
                        return None;
                    }
                    before.clone_from(&request.people);
                    asked.push(request);
                }
            }
        }
        (!asked.is_empty()).then_some(asked)
    }

    /// What follows "same for" in "same for Bob", "do the same for Ann and Tom".
    pub(super) fn after_same(tokens: &[Token]) -> Option<&[Token]> {
        const SAME: &[&[&str]] = &[
            &["same", "for"],
            &["same", "with"],
            &["same", "goes", "for"],
            &["the", "same", "for"],
            &["the", "same", "with"],
            &["the", "same", "goes", "for"],
            &["same", "thing", "for"],
            &["the", "same", "thing", "for"],
            &["do", "the", "same", "for"],
            &["do", "the", "same", "with"],
            &["do", "the", "same", "thing", "for"],
            &["do", "this", "for"],
            &["do", "that", "for"],
            &["do", "it", "for"],
            &["that", "for"],
            &["it", "for"],
            &["one", "for"],
        ];
        SAME.iter().find_map(|phrase| {
            let (head, rest) = tokens.split_at_checked(phrase.len())?;
            head.iter().zip(*phrase).all(|(token, word)| token.is(word)).then_some(rest)
        })
    }

    /// The last requests again, for the people named here.
    pub(super) fn repeat(&self, people: &[Token], last: &[Asked]) -> Option<Vec<Asked>> {
        repeated(last, &slots::people(self.line, people)?)
    }

    /// The piece that an unfinished request lacked.
    pub(super) fn complete(&self, open: &Asked, tokens: &[Token]) -> Option<Asked> {
        let tokens = match tokens {
            [to, rest @ ..] if to.is_any(&["to", "for", "from", "in", "into"]) => rest,
            _ => tokens,
        };
        let mut asked = open.clone();
        if asked.people.is_empty() {
            asked.people = slots::people(self.line, tokens)?;
        } else {
            asked.things = match asked.about() {
                About::Licence => slots::licences(self.line, tokens, Strictness::Keyword)?,
                About::Group => slots::groups(self.line, tokens)?,
                About::Nothing => return None,
            };
        }
        asked.lacks().is_none().then_some(asked)
    }

    /// What only makes sense after the last request: "her manager too", "also a Teams licence",
    /// "and to Marketing", "no, F3 instead".
    pub(super) fn follow(&self, start: &Bare<'_>, last: &[Asked]) -> Option<Vec<Asked>> {
        let looks = last.iter().all(|asked| asked.tool == Tool::UserFind);
        let follows = start.also || start.instead || start.about && looks;
        let newest = last.last().filter(|_| follows)?;
        let tokens = match start.tokens {
            [for_, rest @ ..] if for_.is("for") && !start.instead => rest,
            tokens => tokens,
        };
        if newest.about() == About::Licence
            && let Some(things) = slots::licences(self.line, tokens, Strictness::Article)
            && !things.iter().any(|thing| refer::is_same(thing))
        {
            return Some(vec![Asked { things, ..newest.clone() }]);
        }
        if newest.about() == About::Group
            && let Some(things) = slots::marked_groups(self.line, tokens)
        {
            return Some(vec![Asked { things, ..newest.clone() }]);
        }
        if let Some(asked) = self.elided(tokens, newest) {
            return Some(vec![asked]);
        }
        repeated(last, &slots::people(self.line, tokens)?)
    }

    /// Whether it only tells something about somebody.
    pub(super) fn is_statement(&self, tokens: &[Token]) -> bool {
        self.remark(tokens).is_some()
    }

    fn clauses(&self, tokens: &[Token], before: Option<&Asked>) -> Option<Vec<Clause>> {
        if let Some(asked) = self.clause(tokens, before) {
            return Some(vec![Clause::Request(asked)]);
        }
        let parts = |token: &Token| {
            token.is_break() || token.is_any(&["and", "then", "also", "plus", "so", "&"])
        };
        for at in tokens.iter().enumerate().filter(|(_, t)| parts(t)).map(|(at, _)| at) {
            let (Some(head), Some(tail)) = (tokens.get(..at), tokens.get(at + 1..)) else {
                continue;
            };
            if head.is_empty() || tail.iter().all(Token::is_break) {
                continue;
            }
            let (clause, before) = match self.clause(head, before) {
                // Half a request: the joint stands inside one, as in "add Ann and Bob to Sales".
                Some(asked) if asked.lacks().is_some() => continue,
                Some(asked) => (Clause::Request(asked.clone()), Some(asked)),
                None => match self.remark(bare(head, self.twin).tokens) {
                    Some(people) => (Clause::Remark(people), before.cloned()),
                    None => continue,
                },
            };
            if let Some(mut rest) = self.clauses(tail, before.as_ref()) {
                rest.insert(0, clause);
                return Some(rest);
            }
        }
        None
    }

    fn clause(&self, tokens: &[Token], before: Option<&Asked>) -> Option<Asked> {
        if tokens.len() > LONGEST_CLAUSE {
            return None;
        }
        self.budget.set(self.budget.get().checked_sub(1)?);
        let start = bare(tokens, self.twin);
        let for_me = match start.tokens {
            [rest @ .., for_, me] if for_.is("for") && me.is("me") => Some(rest),
            _ => None,
        };
        self.whole(start.tokens)
            .or_else(|| self.whole(for_me?))
            .or_else(|| self.elided(start.tokens, before?))
            .or_else(|| {
                // "… and her manager too": the same again.
                let people = slots::people(self.line, start.tokens)?;
                start.also.then(|| before.map(|b| b.for_people(&people)))?
            })
    }

    fn whole(&self, tokens: &[Token]) -> Option<Asked> {
        CLAUSES
            .iter()
            .find_map(|(tool, pattern)| Some(asked(*tool, pattern.find(self.line, tokens)?)))
    }

    /// A clause that shares the verb of the one before; and its people or things, where it names
    /// none.
    fn elided(&self, tokens: &[Token], before: &Asked) -> Option<Asked> {
        let same_tool = ELIDED.iter().filter(|(tool, _)| *tool == before.tool);
        let mut found = same_tool
            .chain(SUBJECTLESS.iter())
            .filter_map(|(tool, pattern)| Some(asked(*tool, pattern.find(self.line, tokens)?)));
        let mut asked = found.next()?;
        if asked.people.is_empty() {
            asked.people.clone_from(&before.people);
        }
        if asked.things.is_empty() {
            asked.things.clone_from(&before.things);
        }
        Some(asked)
    }

    /// "Sarah starts Monday", "Bob has left", "Tom's laptop was stolen", "we have a new hire, Ann":
    /// somebody, and what happened to them.
    fn remark(&self, tokens: &[Token]) -> Option<Vec<Who>> {
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
        ];
        if let [we, have, a, new, title, name @ ..] = tokens
            && we.is_any(&["we", "i"])
            && have.is_any(&["have", "got"])
            && a.is("a")
            && new.is("new")
            && title.is_any(&["hire", "starter", "joiner", "colleague", "employee", "intern"])
        {
            let name =
                name.split_first().filter(|(first, _)| first.is_break()).map_or(name, |n| n.1);
            return slots::people(self.line, name);
        }
        let at = tokens.iter().position(|t| t.is_any(EVENTS) || t.is_any(AUXILIARIES))?;
        let (who, rest) = tokens.split_at_checked(at)?;
        let rest = match rest {
            [first, rest @ ..] if first.is_any(AUXILIARIES) => rest,
            _ => rest,
        };
        let happened = rest.iter().take(2).any(|token| token.is_any(EVENTS));
        let only_that = !rest.iter().any(|t| t.is_any(VERBS) || t.is_break() || t.is("if"));
        if !happened || !only_that || rest.len() > 8 {
            return None;
        }
        let owner = who.iter().position(|token| token.kind == Kind::Possessive);
        match owner {
            // Tom's laptop: one thing of somebody's.
            Some(at) if at + 2 == who.len() => slots::owners(self.line, who.get(..=at)?),
            Some(_) | None => slots::people(self.line, who),
        }
    }
}

fn asked(tool: Tool, found: Found) -> Asked {
    let mut asked = Asked {
        tool,
        people: found.people,
        things: Vec::new(),
        set: BTreeMap::new(),
        manager: None,
    };
    asked.things = match asked.about() {
        About::Licence => found.licences,
        About::Group => found.groups,
        About::Nothing => Vec::new(),
    };
    asked
}

fn repeated(last: &[Asked], people: &[Who]) -> Option<Vec<Asked>> {
    let mut again: Vec<Asked> = Vec::new();
    for asked in last.iter().map(|asked| asked.for_people(people)) {
        if !again.contains(&asked) {
            again.push(asked);
        }
    }
    (!again.is_empty()).then_some(again)
}

/// Puts the people of the clause before in place of "her" and "them"; and in "Sarah and her
/// manager" those before it in the list.
fn about_them(people: &[Who], before: &[Who]) -> Vec<Who> {
    let mut named: Vec<Who> = Vec::new();
    for who in people {
        let more = match who {
            Who::Named(name) if refer::is_plural(name) && !before.is_empty() => before.to_vec(),
            Who::ManagerOf(_) if !named.is_empty() => vec![about_one(who, &named)],
            Who::Me | Who::Known(_) | Who::Named(_) | Who::ManagerOf(_) => {
                vec![about_one(who, before)]
            }
        };
        named.extend(more);
    }
    named
}

fn about_one(who: &Who, meant: &[Who]) -> Who {
    match (who, meant) {
        (Who::Named(name), [only]) if refer::is_pronoun(name) => only.clone(),
        (Who::ManagerOf(of), _) => Who::ManagerOf(Box::new(about_one(of, meant))),
        (Who::Me | Who::Known(_) | Who::Named(_), _) => who.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_very_many_joints_is_given_up_in_time() {
        let text = "Ann starts, ".repeat(40);
        let line = Line::read(&text);
        let reader = Reader::new(&line, &[]);
        assert!(reader.read(&line.tokens).is_none());
        assert_eq!(line.tokens.iter().filter(|token| token.kind == Kind::Comma).count(), 40);
    }
}
