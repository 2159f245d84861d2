//! Phrase patterns: words, alternatives, and typed gaps.

use std::ops::Range;

use subtwin_kernel::Who;

use super::credential::{self, Terms};
use super::slots::{self, Strictness};
use super::token::{Line, Token};

/// A phrase pattern.
///
/// Written as words; `a|b` is either, a trailing `?` makes it optional, `{X}` is a gap (see
/// [`Gap`]).
#[derive(Debug)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Word { any: Vec<&'static str>, optional: bool },
    Gap(Gap),
}

/// What may stand in a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// `{P}` people.
    People,
    /// `{Q}` people, perhaps with "from Finance".
    Qualified,
    /// `{M}` people in the possessive.
    Owners,
    /// `{B}` people whose managers are meant.
    Managed,
    /// `{U}` one address.
    Address,
    /// `{L}` licences that cannot be taken for anything else.
    Licences,
    /// `{K}` licences, where the pattern itself parts them from names.
    Marked,
    /// `{C}` a licence code.
    Code,
    /// `{G}` groups.
    Groups,
    /// `{H}` groups that are called so.
    CalledGroups,
    /// `{Z}` one person, who is to be the manager.
    Manager,
    /// `{Y}` the same in one word that is no part of a longer name: "him", an address, quotes.
    CertainManager,
    /// `{N}` the same, named in one word.
    ShortManager,
    /// `{O}` one person in the possessive, named in one word.
    ShortOwner,
    /// `{X}` "her", "his", "their", "my".
    OwnerPronoun,
    /// `{A}` an access pass, perhaps with its terms.
    Pass,
    /// `{T}` terms of a pass, or nothing.
    Terms,
    /// `{W}` sign-in methods, by any of their names.
    Methods,
    /// `{V}` sign-in methods as something that is registered.
    Registered,
    /// `{R}` whatever is left, to be read on its own.
    Rest,
    /// `{E}` "everywhere", or nothing.
    MaybeEverywhere,
    /// `{F}` "everywhere".
    Everywhere,
}

/// What a pattern found in a clause.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) people: Vec<Who>,
    pub(super) licences: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) manager: Option<Who>,
    pub(super) terms: Terms,
    /// Where what is left stands in the clause.
    pub(super) rest: Option<Range<usize>>,
}

impl Pattern {
    /// Reads a table of patterns. One with an unknown gap is left out; a test counts.
    pub(super) fn table<T: Copy>(rows: &[(T, &[&'static str])]) -> Vec<(T, Self)> {
        let all = rows.iter().flat_map(|(of, texts)| texts.iter().map(|text| (*of, *text)));
        all.filter_map(|(of, text)| Some((of, Self::read(text)?))).collect()
    }

    /// The keywords of some rows.
    pub(super) fn vocabulary<T>(
        rows: &[(T, &[&'static str])],
    ) -> impl Iterator<Item = &'static str> {
        let pieces = rows.iter().flat_map(|(_, texts)| *texts).flat_map(|t| t.split_whitespace());
        let words = pieces.filter(|piece| !piece.contains('{'));
        words.flat_map(|piece| piece.trim_end_matches('?').split('|'))
    }

    fn read(text: &'static str) -> Option<Self> {
        let pieces = text.split_whitespace().map(Piece::read).collect::<Option<_>>()?;
        Some(Self { pieces })
    }

    /// What the pattern finds when it takes in the whole clause, or nothing.
    pub(super) fn find(&self, line: &Line, clause: &[Token]) -> Option<Found> {
        let mut gaps = Vec::new();
        let matcher = Matcher { line, clause };
        if !matcher.matches(&self.pieces, 0, &mut gaps) {
            return None;
        }
        let mut found = Found::default();
        for (gap, range) in gaps {
            gap.fill(line, clause.get(range.clone())?, &mut found)?;
            if gap == Gap::Rest {
                found.rest = Some(range);
            }
        }
        Some(found)
    }
}

impl Piece {
    fn read(text: &'static str) -> Option<Self> {
        Some(match text {
            "{P}" => Self::Gap(Gap::People),
            "{Q}" => Self::Gap(Gap::Qualified),
            "{M}" => Self::Gap(Gap::Owners),
            "{B}" => Self::Gap(Gap::Managed),
            "{U}" => Self::Gap(Gap::Address),
            "{L}" => Self::Gap(Gap::Licences),
            "{K}" => Self::Gap(Gap::Marked),
            "{C}" => Self::Gap(Gap::Code),
            "{G}" => Self::Gap(Gap::Groups),
            "{H}" => Self::Gap(Gap::CalledGroups),
            "{Z}" => Self::Gap(Gap::Manager),
            "{Y}" => Self::Gap(Gap::CertainManager),
            "{N}" => Self::Gap(Gap::ShortManager),
            "{O}" => Self::Gap(Gap::ShortOwner),
            "{X}" => Self::Gap(Gap::OwnerPronoun),
            "{A}" => Self::Gap(Gap::Pass),
            "{T}" => Self::Gap(Gap::Terms),
            "{W}" => Self::Gap(Gap::Methods),
            "{V}" => Self::Gap(Gap::Registered),
            "{R}" => Self::Gap(Gap::Rest),
            "{E}" => Self::Gap(Gap::MaybeEverywhere),
            "{F}" => Self::Gap(Gap::Everywhere),
            _ if text.contains('{') => return None,
            _ => Self::Word {
                any: text.trim_end_matches('?').split('|').collect(),
                optional: text.ends_with('?'),
            },
        })
    }
}

struct Matcher<'a> {
    line: &'a Line,
    clause: &'a [Token],
}

impl Matcher<'_> {
    fn matches(&self, pieces: &[Piece], at: usize, gaps: &mut Vec<(Gap, Range<usize>)>) -> bool {
        let Some((piece, rest)) = pieces.split_first() else { return at == self.clause.len() };
        match piece {
            Piece::Word { any, optional } => {
                let here = self.clause.get(at).is_some_and(|token| token.means_any(any));
                here && self.matches(rest, at + 1, gaps)
                    || *optional && self.matches(rest, at, gaps)
            }
            Piece::Gap(gap) => {
                let may_be_empty = matches!(gap, Gap::MaybeEverywhere | Gap::Terms);
                let shortest = if may_be_empty { at } else { at + 1 };
                for end in shortest..=self.clause.len() {
                    let Some(inside) = self.clause.get(at..end) else { break };
                    // The next word is cheap to look for; the gap is not.
                    if !self.could_follow(rest, end) || !gap.takes(self.line, inside) {
                        continue;
                    }
                    gaps.push((*gap, at..end));
                    if self.matches(rest, end, gaps) {
                        return true;
                    }
                    gaps.pop();
                }
                false
            }
        }
    }

    fn could_follow(&self, rest: &[Piece], at: usize) -> bool {
        match rest.first() {
            None => at == self.clause.len(),
            Some(Piece::Word { any, optional: false }) => {
                self.clause.get(at).is_some_and(|token| token.means_any(any))
            }
            Some(Piece::Word { optional: true, .. } | Piece::Gap(_)) => true,
        }
    }
}

impl Gap {
    fn takes(self, line: &Line, tokens: &[Token]) -> bool {
        self.fill(line, tokens, &mut Found::default()).is_some()
    }

    fn fill(self, line: &Line, tokens: &[Token], found: &mut Found) -> Option<()> {
        match self {
            Self::People => found.people = slots::people(line, tokens)?,
            Self::Qualified => found.people = slots::qualified_people(line, tokens)?,
            Self::Owners => found.people = slots::owners(line, tokens)?,
            Self::Managed => {
                let people = slots::people(line, tokens)?.into_iter();
                found.people = people.map(|who| Who::ManagerOf(Box::new(who))).collect();
            }
            Self::Address => found.people = slots::address(line, tokens)?,
            Self::Licences => found.licences = slots::licences(line, tokens, Strictness::Article)?,
            Self::Marked => found.licences = slots::licences(line, tokens, Strictness::Keyword)?,
            Self::Code => found.licences = slots::licences(line, tokens, Strictness::Code)?,
            Self::Groups => found.groups = slots::groups(line, tokens)?,
            Self::CalledGroups => found.groups = slots::marked_groups(line, tokens)?,
            Self::Manager => found.manager = Some(slots::one(slots::people(line, tokens)?)?),
            Self::CertainManager if slots::is_certain(tokens) => {
                found.manager = Some(slots::one(slots::people(line, tokens)?)?);
            }
            Self::ShortManager if tokens.len() == 1 => {
                found.manager = Some(slots::one(slots::people(line, tokens)?)?);
            }
            Self::ShortOwner if tokens.len() == 1 => found.people = slots::owners(line, tokens)?,
            Self::OwnerPronoun if slots::is_owner_pronoun(tokens) => {
                found.people = slots::owners(line, tokens)?;
            }
            Self::CertainManager | Self::ShortManager | Self::ShortOwner | Self::OwnerPronoun => {
                return None;
            }
            Self::Pass => found.terms = found.terms.and(credential::pass(tokens)?)?,
            Self::Terms => found.terms = found.terms.and(credential::terms(tokens)?)?,
            Self::Methods => return credential::is_methods(tokens).then_some(()),
            Self::Registered => return credential::is_registered(tokens).then_some(()),
            Self::Rest => {}
            Self::MaybeEverywhere => {
                return (tokens.is_empty() || slots::is_everywhere(tokens)).then_some(());
            }
            Self::Everywhere => return slots::is_everywhere(tokens).then_some(()),
        }
        Some(())
    }
}
