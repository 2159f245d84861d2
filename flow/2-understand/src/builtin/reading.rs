//! From the words of a line to what is asked: clauses, what they share, and follow-ups.

use std::cell::Cell;

use subtwin_kernel::{Tool, Who};

use super::asked::{About, Asked};
use super::catalog::{CLAUSES, DOUBTS, Doubt, ELIDED, PAIRS, SUBJECTLESS, TROUBLES};
use super::credential;
use super::noise::{Bare, bare};
use super::pattern::Found;
use super::profile::{self, Change, Unread};
use super::remark::{Remark, remark};
use super::slots::{self, Strictness};
use super::token::{Line, Token};
use crate::refer;

/// How many clauses may be tried before a line counts as not understood.
const BUDGET: u32 = 64;

/// Most beginnings tried to find a value without an end.
const MOST_STARTS: usize = 8;

/// Longest clause, in words and breaks.
const LONGEST_CLAUSE: usize = 40;

/// Reads one line.
pub(super) struct Reader<'a> {
    line: &'a Line,
    twin: &'a [String],
    budget: Cell<u32>,
}

/// One clause: a request, a trouble, or a remark that only says whom the next one is about.
enum Clause {
    Request(Asked),
    /// "Ann can't sign in": a request, if no other is made for her.
    Trouble(Asked),
    Remark(Remark),
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
        let mut asked: Vec<Asked> = Vec::new();
        let mut troubles: Vec<Asked> = Vec::new();
        let mut leaves_later = false;
        for clause in clauses {
            match clause {
                Clause::Remark(remark) => {
                    before = about_them(&remark.people, &before);
                    leaves_later |= remark.leaves_later;
                }
                Clause::Trouble(mut trouble) => {
                    trouble.people = about_them(&trouble.people, &before);
                    before.clone_from(&trouble.people);
                    troubles.push(trouble);
                }
                Clause::Request(mut request) => {
                    // "Ann has a new phone, reset MFA."
                    if request.people.is_empty() && asked.is_empty() {
                        request.people.clone_from(&before);
                    }
                    if leaves_later && request.takes_away() {
                        return None;
                    }
                    request.people = about_them(&request.people, &before);
                    request.manager = request.manager.map(|who| about_one(&who, &before));
                    if several && request.lacks().is_some() {
                        return None;
                    }
                    before.clone_from(&request.people);
                    before.extend(request.manager.clone());
                    asked.push(request);
                }
            }
        }
        if asked.is_empty() {
            return (!troubles.is_empty()).then_some(troubles);
        }
        // A trouble is why something is asked for the same person; for another it is left over.
        let served = |trouble: &Asked| {
            asked.iter().any(|a| a.people.iter().any(|who| trouble.people.contains(who)))
        };
        troubles.iter().all(served).then_some(asked)
    }

    /// What in the line could be meant in two ways.
    pub(super) fn doubt(&self, tokens: &[Token]) -> Option<Doubt> {
        self.starts(tokens).find_map(|rest| {
            let rest = bare(rest, self.twin).tokens;
            let found = DOUBTS.iter().find(|(_, pattern)| pattern.find(self.line, rest).is_some());
            found.map(|(doubt, _)| *doubt)
        })
    }

    /// Where a clause may begin, and all from there on.
    fn starts<'t>(&self, tokens: &'t [Token]) -> impl Iterator<Item = &'t [Token]> {
        let starts = (0..tokens.len()).filter(|at| {
            *at == 0 || at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(is_joint)
        });
        starts.take(MOST_STARTS).filter_map(|at| tokens.get(at..))
    }

    /// Whether a profile is to change, and where the new value ends is in doubt.
    pub(super) fn has_open_end(&self, tokens: &[Token]) -> bool {
        self.starts(tokens).any(|rest| {
            if profile::read(self.line, bare(rest, self.twin).tokens) == Err(Unread::Unended) {
                return true;
            }
            let ends = (1..rest.len()).filter(|at| rest.get(*at).is_some_and(is_joint));
            ends.chain([rest.len()]).filter_map(|at| rest.get(..at)).any(|clause| {
                let clause = bare(clause, self.twin).tokens;
                profile::read(self.line, clause).is_ok_and(|change| change.open_end)
            })
        })
    }

    /// The question to put when a property's name could be several.
    pub(super) fn vague_property(&self, tokens: &[Token]) -> Option<&'static str> {
        match profile::read(self.line, tokens) {
            Err(Unread::Vague(question)) => Some(question),
            Ok(_) | Err(Unread::Other | Unread::Unended) => None,
        }
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
        } else if let Some(property) = asked.wanting.take() {
            asked.set.insert(property, profile::value(self.line, tokens)?);
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
            [for_, rest @ ..] if for_.is_any(&["for", "of"]) => rest,
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
        if newest.tool == Tool::TapIssue
            && let Some(terms) = credential::terms(tokens)
        {
            let terms = terms.or(newest.terms);
            return Some(vec![Asked { terms, ..newest.clone() }]);
        }
        if newest.tool == Tool::UserUpdate
            && let Some(asked) = self.more_of(tokens, newest, start.instead)
        {
            return Some(vec![asked]);
        }
        if let Some(asked) = self.elided(tokens, newest) {
            return Some(vec![asked]);
        }
        repeated(last, &slots::people(self.line, tokens)?)
    }

    /// Whether it only tells something about somebody.
    pub(super) fn is_statement(&self, tokens: &[Token]) -> bool {
        remark(self.line, tokens).is_some()
    }

    /// "And her department to Sales"; "no, Sales Manager".
    fn more_of(&self, tokens: &[Token], newest: &Asked, instead: bool) -> Option<Asked> {
        if let Some(change) = profile::more(self.line, tokens) {
            let mut asked = updated(change);
            if asked.people.is_empty() {
                asked.people.clone_from(&newest.people);
            }
            return Some(asked);
        }
        let only = newest.set.keys().next().filter(|_| newest.set.len() == 1 && instead)?;
        let value = profile::value(self.line, tokens)?;
        Some(Asked { set: [(*only, value)].into(), ..newest.clone() })
    }

    fn clauses(&self, tokens: &[Token], before: Option<&Asked>) -> Option<Vec<Clause>> {
        if let Some(asked) = self.clause(tokens, before) {
            return Some(vec![Clause::Request(asked)]);
        }
        if let Some(pair) = self.pair(tokens) {
            return Some(pair.into_iter().map(Clause::Request).collect());
        }
        if let Some(trouble) = self.trouble(tokens) {
            return Some(vec![Clause::Trouble(trouble)]);
        }
        for at in tokens.iter().enumerate().filter(|(_, t)| is_joint(t)).map(|(at, _)| at) {
            let (Some(head), Some(tail)) = (tokens.get(..at), tokens.get(at + 1..)) else {
                continue;
            };
            if head.is_empty() || tail.iter().all(Token::is_break) {
                continue;
            }
            let open = tokens.get(at).is_some_and(is_open_joint);
            let Some((mut clauses, before)) = self.head(head, before, open) else { continue };
            if let Some(rest) = self.clauses(tail, before.as_ref()) {
                clauses.extend(rest);
                return Some(clauses);
            }
        }
        None
    }

    /// What stands before a joint, and the request that what follows may share words with. `open`:
    /// the joint could as well stand in a value.
    fn head(
        &self,
        head: &[Token],
        before: Option<&Asked>,
        open: bool,
    ) -> Option<(Vec<Clause>, Option<Asked>)> {
        if let Some(asked) = self.clause(head, before) {
            // Half a request: the joint stands inside one, as in "add Ann and Bob to Sales".
            let whole = asked.lacks().is_none() && !(asked.open_end && open);
            return whole.then(|| (vec![Clause::Request(asked.clone())], Some(asked)));
        }
        if let Some(pair) = self.pair(head) {
            let last = pair.last().cloned();
            return Some((pair.into_iter().map(Clause::Request).collect(), last));
        }
        if let Some(asked) = self.trouble(head) {
            return Some((vec![Clause::Trouble(asked.clone())], Some(asked)));
        }
        let remark = remark(self.line, bare(head, self.twin).tokens)?;
        Some((vec![Clause::Remark(remark)], before.cloned()))
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
            .or_else(|| match before {
                Some(before) => self.elided(start.tokens, before),
                None => self.subjectless(start.tokens),
            })
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
            .or_else(|| profile::read(self.line, tokens).ok().map(updated))
    }

    /// "Ann lost her phone and *needs an MFA reset*": whoever the remark was about.
    fn subjectless(&self, tokens: &[Token]) -> Option<Asked> {
        SUBJECTLESS
            .iter()
            .find_map(|(tool, pattern)| Some(asked(*tool, pattern.find(self.line, tokens)?)))
    }

    fn pair(&self, tokens: &[Token]) -> Option<Vec<Asked>> {
        let tokens = bare(tokens, self.twin).tokens;
        PAIRS.iter().find_map(|(tools, pattern)| {
            let found = pattern.find(self.line, tokens)?;
            Some(tools.iter().map(|tool| asked(*tool, found.clone())).collect())
        })
    }

    fn trouble(&self, tokens: &[Token]) -> Option<Asked> {
        let tokens = bare(tokens, self.twin).tokens;
        TROUBLES
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
        let found = found.next().or_else(|| {
            let updates = before.tool == Tool::UserUpdate;
            updates.then(|| profile::more(self.line, tokens).map(updated)).flatten()
        });
        let mut asked = found?;
        if asked.people.is_empty() {
            asked.people.clone_from(&before.people);
        }
        if asked.things.is_empty() {
            asked.things.clone_from(&before.things);
        }
        Some(asked)
    }
}

fn asked(tool: Tool, found: Found) -> Asked {
    let mut asked =
        Asked { manager: found.manager, terms: found.terms, ..Asked::new(tool, found.people) };
    asked.things = match asked.about() {
        About::Licence => found.licences,
        About::Group => found.groups,
        About::Nothing => Vec::new(),
    };
    asked
}

fn updated(change: Change) -> Asked {
    let Change { people, set, wanting, open_end } = change;
    Asked { set, wanting, open_end, ..Asked::new(Tool::UserUpdate, people) }
}

/// What may part two clauses.
fn is_joint(token: &Token) -> bool {
    token.is_break() || token.is_any(&["and", "then", "also", "plus", "so", "&"])
}

/// What may part two clauses, and may as well stand in a value: all but the end of a sentence.
fn is_open_joint(token: &Token) -> bool {
    is_joint(token) && !matches!(token.low.as_str(), "." | "!" | "?" | ";" | "\n")
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
    use super::super::token::Kind;
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
