use jiff::Timestamp;
use subtwin_hear::{Heard, Speaker};
use subtwin_kernel::{ChatId, MessageId, Plan, RequestId, UserId};
use subtwin_understand::Proposal;

/// One yes that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yes {
    /// Who gave it.
    pub by: UserId,
    /// The conversation in which it was asked for and given.
    pub chat: ChatId,
    /// The message that showed the plan.
    pub prompt: MessageId,
    /// The message that said yes.
    pub answer: MessageId,
    /// That message as it was heard, to be looked at again.
    pub heard: Heard,
    /// Whether it is the target's name, typed.
    pub typed: bool,
    /// When it was read.
    pub at: Timestamp,
}

/// Permission to carry out one plan once.
///
/// Made only by the gate, from every yes that this very plan needs, after a second look at the
/// directory. Neither `Clone` nor `Deserialize`: what is found after a crash is another type, which
/// can be looked at but not run.
///
/// ```
/// # use subtwin_confirm::Confirmed;
/// # use subtwin_kernel::Plan;
/// fn take(confirmed: Confirmed) -> Plan {
///     confirmed.into_plan()
/// }
/// ```
/// ```compile_fail
/// # use subtwin_confirm::Confirmed;
/// # use subtwin_kernel::Plan;
/// fn twice(confirmed: Confirmed) -> (Plan, Plan) {
///     (confirmed.clone().into_plan(), confirmed.into_plan())
/// }
/// ```
/// ```compile_fail
/// # use subtwin_confirm::Confirmed;
/// # use subtwin_kernel::Plan;
/// # use subtwin_understand::Proposal;
/// fn forge(proposal: Proposal, plan: Plan) -> Confirmed {
///     Confirmed { proposal, plan, given: Vec::new() }
/// }
/// ```
#[derive(Debug)]
pub struct Confirmed {
    proposal: Proposal,
    plan: Plan,
    given: Vec<Yes>,
}

impl Confirmed {
    pub(crate) const fn new(proposal: Proposal, plan: Plan, given: Vec<Yes>) -> Self {
        Self { proposal, plan, given }
    }

    /// The request this belongs to.
    #[must_use]
    pub const fn request(&self) -> RequestId {
        self.proposal.request
    }

    /// Who asked.
    #[must_use]
    pub const fn requester(&self) -> &Speaker {
        &self.proposal.heard.from
    }

    /// The conversation in which it was asked for.
    #[must_use]
    pub const fn chat(&self) -> &ChatId {
        &self.proposal.heard.chat
    }

    /// The message that asked.
    #[must_use]
    pub const fn asked_by(&self) -> MessageId {
        self.proposal.heard.message
    }

    /// The yeses: the requester's first, then those of the approvers.
    #[must_use]
    pub fn given(&self) -> &[Yes] {
        &self.given
    }

    /// The exact plan that was shown.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Uses the permission up.
    #[must_use]
    pub fn into_plan(self) -> Plan {
        self.plan
    }
}
