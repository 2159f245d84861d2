use jiff::Timestamp;
use subtwin_hear::Speaker;
use subtwin_kernel::{ChatId, MessageId, Plan, RequestId};
use subtwin_understand::Proposal;

/// Permission to carry out one plan once.
///
/// Made only by the gate, from a yes to this very plan, after a second look at the directory.
/// Neither `Clone` nor `Deserialize`: what is found after a crash is another type, which can be
/// looked at but not run.
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
/// # use subtwin_kernel::{MessageId, Plan};
/// # use subtwin_understand::Proposal;
/// fn forge(proposal: Proposal, plan: Plan) -> Confirmed {
///     Confirmed {
///         proposal,
///         plan,
///         prompt: MessageId::new(1),
///         answer: MessageId::new(2),
///         confirmed_at: jiff::Timestamp::UNIX_EPOCH,
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Confirmed {
    proposal: Proposal,
    plan: Plan,
    prompt: MessageId,
    answer: MessageId,
    confirmed_at: Timestamp,
}

impl Confirmed {
    pub(crate) const fn new(
        proposal: Proposal,
        plan: Plan,
        prompt: MessageId,
        answer: MessageId,
        confirmed_at: Timestamp,
    ) -> Self {
        Self { proposal, plan, prompt, answer, confirmed_at }
    }

    /// The request this belongs to.
    #[must_use]
    pub const fn request(&self) -> RequestId {
        self.proposal.request
    }

    /// Who asked and said yes.
    #[must_use]
    pub const fn requester(&self) -> &Speaker {
        &self.proposal.heard.from
    }

    /// The conversation in which both were written.
    #[must_use]
    pub const fn chat(&self) -> &ChatId {
        &self.proposal.heard.chat
    }

    /// The message that asked.
    #[must_use]
    pub const fn asked_by(&self) -> MessageId {
        self.proposal.heard.message
    }

    /// The message that showed the plan.
    #[must_use]
    pub const fn prompt(&self) -> MessageId {
        self.prompt
    }

    /// The message that said yes.
    #[must_use]
    pub const fn answer(&self) -> MessageId {
        self.answer
    }

    /// When the yes was read.
    #[must_use]
    pub const fn confirmed_at(&self) -> Timestamp {
        self.confirmed_at
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
