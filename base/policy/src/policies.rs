use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, LazyLock};

use cedar_policy::{Authorizer, PolicySet};
use subtwin_kernel::{Approval, Digest, GroupId, Risk, Tool};

use crate::depth;
use crate::facts::{Contradiction, Facts};
use crate::fault::{Fault, PolicyError};
use crate::reading::{self, Read, Text};
use crate::schema::{Deed, MODEL, SCHEMA};
use crate::{Asker, Decision, Question};

/// The name under which the rules that cannot be replaced are shown.
pub(crate) const ALWAYS: &str = "always.cedar";
const ALWAYS_TEXT: &str = include_str!("../policies/always.cedar");
const DEFAULT: &str = "default.cedar";
const DEFAULT_TEXT: &str = include_str!("../policies/default.cedar");

/// Stands among the ids of a denial when a policy could not be evaluated.
pub const EVALUATION_ERROR: &str = "evaluation-error";
/// Stands as the id of a denial when the question's facts contradict each other or the action:
/// about another person or group than it names, or one person described in two ways.
pub const CONTRADICTION: &str = "facts-contradict";

/// Policies in force. Cheap to clone.
///
/// ```
/// let policies = subtwin_policy::Policies::shipped();
/// let rule = policies.rule("groups-owner").unwrap();
/// assert_eq!(rule.file, "default.cedar");
/// ```
#[derive(Clone)]
pub struct Policies(Arc<InForce>);

struct InForce {
    texts: Vec<(String, String)>,
    rules: BTreeMap<String, Entry>,
    compiled: BTreeMap<Deed, Compiled>,
    groups: Vec<GroupId>,
    digest: Digest,
}

/// A policy beside what Cedar keeps of it.
struct Entry {
    file: usize,
    line: usize,
    span: (usize, usize),
    approval: Option<Approval>,
    typed: bool,
    reason: Option<String>,
}

/// The policies that can apply to one deed.
#[derive(Default)]
struct Compiled {
    set: PolicySet,
    privileged: bool,
}

/// A policy as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// Its `@id`.
    pub id: &'a str,
    /// Its `@reason`.
    pub reason: Option<&'a str>,
    /// The file's name.
    pub file: &'a str,
    /// The line it begins at, from 1.
    pub line: usize,
    /// Its text, with its annotations.
    pub text: &'a str,
}

static SHIPPED: LazyLock<Policies> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "our own text, checked by every test of this crate")]
    Policies::with(vec![(DEFAULT.to_owned(), DEFAULT_TEXT.to_owned())]).expect("ours are good")
});

impl Policies {
    /// What is in force unless the configuration says otherwise.
    #[must_use]
    pub fn shipped() -> Self {
        SHIPPED.clone()
    }

    /// Reads policy texts, each under its file's name, in place of the default ones. What can never
    /// be allowed stays in force beside them.
    ///
    /// # Errors
    /// Every fault of every text, if there is any: no part of faulty policies comes into force.
    pub fn read(files: &[(String, String)]) -> Result<Self, PolicyError> {
        if files.is_empty() {
            let what = "there is no policy file";
            let remedy = "name one, or leave the setting out for the policies that come with it";
            return Err(PolicyError::new(vec![Fault::of_file("policies", what, remedy)]));
        }
        Self::with(files.to_vec())
    }

    fn with(mut texts: Vec<(String, String)>) -> Result<Self, PolicyError> {
        texts.sort();
        // Ours come first, so that what is said about an id or a name taken twice is about theirs.
        texts.insert(0, (ALWAYS.to_owned(), ALWAYS_TEXT.to_owned()));
        let borrowed: Vec<Text<'_>> =
            texts.iter().map(|(name, text)| Text { name, text }).collect();
        let policies = depth::reading(|| reading::read(&borrowed)).map_err(PolicyError::new)?;
        let compiled = Deed::all().map(|deed| (deed, Compiled::new(deed, &policies))).collect();
        let groups: BTreeSet<GroupId> =
            policies.iter().flat_map(|read| read.groups.iter().copied()).collect();
        Ok(Self(Arc::new(InForce {
            digest: digest(&texts),
            compiled,
            groups: groups.into_iter().collect(),
            rules: policies.into_iter().map(|read| (read.id.clone(), Entry::new(&read))).collect(),
            texts,
        })))
    }

    /// Over all names and texts, whatever the order they were read in, and over what policies can
    /// speak about.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// The groups the policies name, sorted: those whose members must be known ([`Asker::groups`]).
    #[must_use]
    pub fn groups(&self) -> &[GroupId] {
        &self.0.groups
    }

    /// Whether what may be asked of this tool, or who may say yes to it, depends on the target being
    /// privileged, so that it must be known.
    #[must_use]
    pub fn depend_on_privilege(&self, tool: Tool) -> bool {
        let asks = |deed| self.0.compiled.get(&deed).is_none_or(|compiled| compiled.privileged);
        asks(Deed::Use(tool)) || asks(Deed::Approve)
    }

    /// May they ask for this?
    ///
    /// A `forbid` wins over every `permit`; what nothing permits is denied; a policy that cannot be
    /// evaluated denies. Who must say yes is the strictest that any applying permit asks for. A
    /// permit that does not say asks for what the risk asks for: the requester's own yes up to
    /// [`Risk::High`], another's beyond. What is destructive must always be typed.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        let deed = Deed::Use(question.action.tool());
        match self.answer(deed, Facts::of(question)) {
            Ok(by) => {
                let risk = question.action.risk();
                let rules = || by.iter().filter_map(|id| self.0.rules.get(id));
                let wish = |rule: &Entry| rule.approval.unwrap_or_else(|| asked_by(risk));
                let approval = rules().map(wish).max().unwrap_or(Approval::Two);
                let typed = risk == Risk::Destructive || rules().any(|rule| rule.typed);
                Decision::Allow { by, approval, typed }
            }
            Err(by) => Decision::Deny { by },
        }
    }

    /// May they say yes to this in another's place? The question's asker is who asked for it.
    ///
    /// Nothing more is asked of such a yes: `approval` is [`Approval::Own`] and `typed` is false.
    #[must_use]
    pub fn may_approve(&self, approver: &Asker, question: &Question<'_>) -> Decision {
        match self.answer(Deed::Approve, Facts::of_approval(approver, question)) {
            Ok(by) => Decision::Allow { by, approval: Approval::Own, typed: false },
            Err(by) => Decision::Deny { by },
        }
    }

    /// The ids of what allows it, or of what does not; sorted.
    fn answer(
        &self,
        deed: Deed,
        facts: Result<Facts, Contradiction>,
    ) -> Result<Vec<String>, Vec<String>> {
        let Ok(Facts { request, entities }) = facts else {
            return Err(vec![CONTRADICTION.to_owned()]);
        };
        let Some(compiled) = self.0.compiled.get(&deed) else {
            return Err(vec![EVALUATION_ERROR.to_owned()]);
        };
        let response = depth::evaluating(|| {
            Authorizer::new().is_authorized(&request, &compiled.set, &entities)
        });
        let said = response.diagnostics();
        let mut by: Vec<String> = said.reason().map(ToString::to_string).collect();
        let allowed = match response.decision() {
            cedar_policy::Decision::Allow => true,
            cedar_policy::Decision::Deny => false,
        };
        let failed = said.errors().next().is_some();
        if failed {
            // What permits does not deny; what forbids does, beside the failure.
            if allowed {
                by.clear();
            }
            by.push(EVALUATION_ERROR.to_owned());
        }
        by.sort();
        if allowed && !failed { Ok(by) } else { Err(by) }
    }

    /// The texts in force, by name: first the rules that are always in force, then the others.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The policy with this id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<Rule<'_>> {
        let (id, entry) = self.0.rules.get_key_value(id)?;
        let (name, text) = self.0.texts.get(entry.file)?;
        let (offset, length) = entry.span;
        Some(Rule {
            id,
            reason: entry.reason.as_deref(),
            file: name,
            line: entry.line,
            text: text.get(offset..offset + length)?,
        })
    }
}

impl Entry {
    fn new(read: &Read) -> Self {
        Self {
            file: read.file,
            line: read.line,
            span: read.span,
            approval: read.approval,
            typed: read.typed,
            reason: read.policy.annotation("reason").map(str::to_owned),
        }
    }
}

impl Compiled {
    /// Most policies speak of a few tools. The others would be evaluated in vain for every question.
    #[expect(clippy::expect_used, reason = "no two policies that were read have one id")]
    fn new(deed: Deed, policies: &[Read]) -> Self {
        let mut compiled = Self::default();
        for read in policies.iter().filter(|read| MODEL.concerns(&read.policy, deed)) {
            compiled.privileged |= read.privileged;
            compiled.set.add(read.policy.clone()).expect("ids differ");
        }
        compiled
    }
}

/// Who must say yes where a permit does not say.
const fn asked_by(risk: Risk) -> Approval {
    match risk {
        Risk::Read | Risk::Low | Risk::High => Approval::Own,
        Risk::HighPrivilege | Risk::Destructive => Approval::Another,
    }
}

/// Every name and text after its own length, so that no two sets of them read alike.
fn digest(texts: &[(String, String)]) -> Digest {
    let mut bytes = Vec::new();
    let parts = texts.iter().flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    for part in [SCHEMA].into_iter().chain(parts) {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    Digest::of(&bytes)
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<&str> = self.texts().map(|(name, _)| name).collect();
        f.debug_struct("Policies").field("files", &files).field("digest", &self.0.digest).finish()
    }
}
