use std::sync::Arc;

use futures_util::future::{join, join_all, try_join};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use subtwin_kernel::names::shown;
use subtwin_kernel::{Action, Approval, Digest, Part, Plan, Rules, Tool, Touch, UserId};
use subtwin_policy::{Asker, Decision, GroupTarget, Policies, Question, Target, When};

use crate::planner::{Planner, Refusal};

/// What a twin was deployed with: fixed, and bound into every plan by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The tools.
    pub tools: Vec<Tool>,
    /// The digest of the catalog's manifest.
    pub digest: Digest,
}

/// Makes plans from what people ask for: who may ask for what, what exactly would be done, and who
/// must say yes to it.
#[derive(Clone, Debug)]
pub struct Gate {
    planner: Arc<dyn Planner>,
    policies: Policies,
    offered: Offered,
    zone: TimeZone,
}

/// What is known about one action before it is decided upon.
type Facts = (Target, Option<GroupTarget>);

/// What the policies say to one action.
struct Allowed {
    by: Vec<String>,
    approval: Approval,
    typed: bool,
}

impl Gate {
    /// The gate of a twin; `zone` is where its policies' hours are counted.
    #[must_use]
    pub fn new(
        planner: Arc<dyn Planner>,
        policies: Policies,
        offered: Offered,
        zone: TimeZone,
    ) -> Self {
        Self { planner, policies, offered, zone }
    }

    /// The same gate under other policies.
    #[must_use]
    pub fn under(&self, policies: Policies) -> Self {
        Self { policies, ..self.clone() }
    }

    /// What the twin was deployed with.
    #[must_use]
    pub const fn offered(&self) -> &Offered {
        &self.offered
    }

    /// The policies in force.
    #[must_use]
    pub const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Whether somebody may be answered what an action reads.
    ///
    /// # Errors
    /// Why not.
    pub async fn may_read(
        &self,
        action: &Action,
        requester: UserId,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.offers(action)?;
        let (asker, facts) = try_join(self.asker(requester), self.planner.target(action)).await?;
        self.decide(action, &asker, &facts, 1, now).map(drop)
    }

    /// The exact plan for what somebody asks, from fresh directory reads and under the policies of
    /// now. What cannot or may not be done is left out and named, as long as something is left.
    ///
    /// Called twice for one request: before it is shown, and again after the last yes.
    ///
    /// # Errors
    /// When nothing is left; the reason of the first thing asked for.
    pub async fn plan(
        &self,
        actions: &[Action],
        requester: UserId,
        now: Timestamp,
    ) -> Result<Plan, Refusal> {
        let facts = join_all(actions.iter().map(|action| self.planner.target(action)));
        let (asker, facts) = join(self.asker(requester), facts).await;
        let asker = asker?;
        let mut draft = Draft::default();
        for (action, facts) in actions.iter().zip(facts) {
            let upn = facts.as_ref().ok().map(|(target, _)| shown(&target.upn));
            let planned = match facts {
                Ok(facts) => self.part(action, &asker, &facts, actions.len(), &draft, now).await,
                Err(refusal) => Err(refusal),
            };
            match planned {
                Ok((allowed, parts, upn)) => draft.add(action, allowed, parts, upn),
                // Nothing may depend on which half of a directory answers.
                Err(refusal @ Refusal::Unavailable { .. }) => return Err(refusal),
                Err(refusal) => {
                    draft.left_out.extend(sentence(&refusal, action.tool(), upn.as_deref()));
                    draft.refused.get_or_insert(refusal);
                }
            }
        }
        draft.finish(self)
    }

    /// The people who may give the yeses that a plan needs beside the requester's, in the order in
    /// which they should be asked.
    ///
    /// # Errors
    /// When the directory does not answer, or when there are fewer than the plan needs.
    pub async fn approvers(
        &self,
        plan: &Plan,
        requester: UserId,
        now: Timestamp,
    ) -> Result<Vec<UserId>, Refusal> {
        let (asker, listed) = try_join(self.asker(requester), self.planner.approvers()).await?;
        let mut may = Vec::new();
        for approver in listed.into_iter().filter(|approver| *approver != requester) {
            if !may.contains(&approver) && self.approves(plan, &asker, approver, now).await? {
                may.push(approver);
            }
        }
        if may.len() < plan.approval.approvers() {
            return Err(Refusal::Impossible {
                code: "no-approver",
                reason: "That needs the yes of somebody else, and there are not enough people who \
                         may give it. Please ask whoever looks after me to name approvers."
                    .to_owned(),
            });
        }
        Ok(may)
    }

    /// Whether somebody may say yes to a plan that somebody else asked for. Asked again when the
    /// yes is acted upon.
    ///
    /// # Errors
    /// When the directory does not answer.
    pub async fn may_approve(
        &self,
        plan: &Plan,
        requester: UserId,
        approver: UserId,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let asker = self.asker(requester).await?;
        self.approves(plan, &asker, approver, now).await
    }

    async fn approves(
        &self,
        plan: &Plan,
        asker: &Asker,
        approver: UserId,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let approver = match self.asker(approver).await {
            Ok(approver) => approver,
            Err(Refusal::NotAllowed { .. }) => return Ok(false),
            Err(refusal) => return Err(refusal),
        };
        for action in &plan.asked {
            let (target, group) = self.planner.target(action).await?;
            let question = Question {
                asker,
                action,
                target: &target,
                group: group.as_ref(),
                when: self.when(now),
                count: plan.asked.len(),
            };
            if let Decision::Deny { .. } = self.policies.may_approve(&approver, &question) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn asker(&self, who: UserId) -> Result<Asker, Refusal> {
        self.planner.asker(who, self.policies.groups()).await
    }

    async fn part(
        &self,
        action: &Action,
        asker: &Asker,
        facts: &Facts,
        count: usize,
        draft: &Draft,
        now: Timestamp,
    ) -> Result<(Allowed, Vec<Part>, String), Refusal> {
        self.offers(action)?;
        let allowed = self.decide(action, asker, facts, count, now)?;
        let upn = shown(&facts.0.upn);
        if count > 1 && action.risk().stands_alone() {
            return Err(Refusal::Impossible {
                code: "asks-for-its-own",
                reason: format!(
                    "What concerns how {upn} signs in I do only on its own; please ask me for that \
                     separately ({}).",
                    action.tool()
                ),
            });
        }
        let parts = self.planner.parts(action, asker, &draft.parts).await?;
        if draft.touches(&parts) {
            return Err(Refusal::Impossible {
                code: "twice",
                reason: format!(
                    "You asked for two things that concern the same about {upn}; I take only the \
                     first."
                ),
            });
        }
        if count > 1 && parts.iter().any(|part| part.type_back.is_some()) {
            return Err(Refusal::Impossible {
                code: "looks-like-another",
                reason: format!(
                    "Another account has a name that looks like that of {upn}; please ask me for \
                     that separately."
                ),
            });
        }
        Ok((allowed, parts, upn))
    }

    fn offers(&self, action: &Action) -> Result<(), Refusal> {
        if self.offered.tools.contains(&action.tool()) {
            return Ok(());
        }
        Err(Refusal::Impossible {
            code: "not-offered",
            reason: format!("I was not set up for that here ({}).", action.tool()),
        })
    }

    fn decide(
        &self,
        action: &Action,
        asker: &Asker,
        (target, group): &Facts,
        count: usize,
        now: Timestamp,
    ) -> Result<Allowed, Refusal> {
        let when = self.when(now);
        let question = Question { asker, action, target, group: group.as_ref(), when, count };
        match self.policies.decide(&question) {
            Decision::Allow { by, approval, typed } => Ok(Allowed { by, approval, typed }),
            Decision::Deny { by } => Err(Refusal::NotAllowed { rules: by }),
        }
    }

    /// The time as policies ask about it.
    #[must_use]
    pub fn when(&self, now: Timestamp) -> When {
        let local = now.to_zoned(self.zone.clone());
        When { hour: local.hour(), weekday: local.weekday() }
    }
}

/// A plan in the making.
#[derive(Default)]
struct Draft {
    asked: Vec<Action>,
    parts: Vec<Part>,
    left_out: Vec<String>,
    /// Why the first thing that was refused was.
    refused: Option<Refusal>,
    allowed_by: Vec<String>,
    approval: Option<Approval>,
    typed: bool,
    /// Whom the first part is about.
    upn: String,
}

impl Draft {
    fn add(&mut self, action: &Action, allowed: Allowed, parts: Vec<Part>, upn: String) {
        if self.parts.is_empty() {
            self.upn = upn;
        }
        self.asked.push(action.clone());
        self.parts.extend(parts);
        self.allowed_by.extend(allowed.by);
        self.approval = self.approval.max(Some(allowed.approval));
        self.typed |= allowed.typed;
    }

    fn touches(&self, parts: &[Part]) -> bool {
        let already: Vec<&Touch> = self.parts.iter().flat_map(|part| &part.touches).collect();
        parts.iter().flat_map(|part| &part.touches).any(|touch| already.contains(&touch))
    }

    fn finish(mut self, gate: &Gate) -> Result<Plan, Refusal> {
        if self.parts.is_empty() {
            return Err(self.refused.unwrap_or_else(|| Refusal::Impossible {
                code: "nothing-asked",
                reason: "There is nothing in that which I could do.".to_owned(),
            }));
        }
        // Where a name could be somebody else's, its UPN is typed. Where the risk asks for it, the
        // UPN of whom the first part is about.
        let named = self.parts.iter().find_map(|part| part.type_back.clone());
        let type_back = named.or_else(|| self.typed.then_some(self.upn));
        self.allowed_by.sort();
        self.allowed_by.dedup();
        Ok(Plan {
            asked: self.asked,
            parts: self.parts,
            left_out: self.left_out,
            appears_as: gate.planner.appears_as(),
            approval: self.approval.unwrap_or(Approval::Own),
            type_back,
            rules: Rules {
                catalog: gate.offered.digest,
                policy: gate.policies.digest(),
                allowed_by: self.allowed_by,
            },
        })
    }
}

/// Why something is not in a plan, as the requester reads it; by its tool and its person, where the
/// reason does not name them.
fn sentence(refusal: &Refusal, tool: Tool, upn: Option<&str>) -> Option<String> {
    let why = match refusal {
        Refusal::AlreadySo(why) => why,
        Refusal::Impossible { reason, .. } => reason,
        Refusal::NotAllowed { .. } => NOT_ALLOWED,
        Refusal::Unavailable { .. } => return None,
    };
    Some(match upn {
        Some(upn) if why.contains(upn) => why.to_owned(),
        Some(upn) => format!("{why} ({tool}, {upn})"),
        None => format!("{why} ({tool})"),
    })
}

/// One sentence for every reason: it teaches nobody whom to imitate or what else to try.
pub const NOT_ALLOWED: &str = "I am sorry, I may not do that for you. Please ask your helpdesk.";
