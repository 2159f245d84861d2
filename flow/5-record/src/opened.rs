use jiff::Timestamp;
use subtwin_kernel::{ChatId, Digest, MessageId, Plan, RequestId, UserId};
use subtwin_primitives::Intent;

use crate::{Receipt, Trace};

/// An intent that is durable: what may now be sent, once. Made only by [`crate::Log::open_intent`].
///
/// ```
/// fn run(opened: subtwin_record::Opened) -> subtwin_kernel::Plan {
///     opened.into_parts().0
/// }
/// ```
/// ```compile_fail
/// fn run_twice(opened: &subtwin_record::Opened) -> subtwin_record::Opened {
///     opened.clone()
/// }
/// ```
/// ```compile_fail
/// fn forge(plan: subtwin_kernel::Plan, ticket: subtwin_record::Ticket) -> subtwin_record::Opened {
///     subtwin_record::Opened { plan, ticket }
/// }
/// ```
#[derive(Debug)]
pub struct Opened {
    plan: Plan,
    ticket: Ticket,
}

/// What is needed to close an intent, once its outcome is known. Not `Clone`: it closes once.
#[derive(Debug)]
pub struct Ticket {
    request: RequestId,
    opened_at: Timestamp,
    traces: Vec<Trace>,
}

/// An intent whose outcome is on the record.
#[derive(Clone, Debug)]
pub struct Closed {
    /// Names the outcome's leaf, for the requester.
    pub receipt: Receipt,
}

/// An intent that was open when the twin was stopped. It may or may not have happened: look at the
/// directory, then close it. It cannot be run.
#[derive(Debug)]
pub struct Interrupted {
    request: RequestId,
    requester: UserId,
    chat: ChatId,
    asked_by: MessageId,
    prompt: Option<MessageId>,
    plan_digest: Digest,
    opened_at: Timestamp,
    traces: Vec<Trace>,
}

/// What to look for, part by part.
fn traces(intent: &Intent, opened_at: Timestamp) -> Vec<Trace> {
    let parts = intent.plan.parts.iter().zip(&intent.client_request_ids);
    parts
        .map(|(part, id)| Trace {
            action: part.action.clone(),
            client_request_id: *id,
            sent_at: opened_at,
            ended_at: None,
        })
        .collect()
}

/// What was found when a log was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Intents without an outcome, oldest first.
    pub interrupted: Vec<Interrupted>,
    /// The rules of the last start: digests of catalog and policies.
    pub rules: Option<(Digest, Digest)>,
    /// An unfinished write that was cut off. Nobody was told it had succeeded.
    pub torn: Option<Torn>,
}

/// An unfinished write at the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Leaves before it.
    pub leaves: u64,
    /// Its bytes.
    pub bytes: u64,
}

impl Opened {
    pub(crate) fn new(intent: Intent, opened_at: Timestamp) -> Self {
        let traces = traces(&intent, opened_at);
        Self { plan: intent.plan, ticket: Ticket { request: intent.request, opened_at, traces } }
    }

    /// What to send.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> RequestId {
        self.ticket.request
    }

    /// When it was put on the record; nothing was sent before.
    #[must_use]
    pub const fn opened_at(&self) -> Timestamp {
        self.ticket.opened_at
    }

    /// What to look for in the tenant's own log, part by part.
    #[must_use]
    pub fn traces(&self) -> &[Trace] {
        self.ticket.traces()
    }

    /// The plan to carry out, and what closes it afterwards.
    #[must_use]
    pub fn into_parts(self) -> (Plan, Ticket) {
        (self.plan, self.ticket)
    }
}

impl Ticket {
    /// The request.
    #[must_use]
    pub const fn request(&self) -> RequestId {
        self.request
    }

    /// When it was put on the record; nothing was sent before.
    #[must_use]
    pub const fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    /// What to look for in the directory and in the tenant's own log, part by part.
    #[must_use]
    pub fn traces(&self) -> &[Trace] {
        &self.traces
    }
}

impl Interrupted {
    pub(crate) fn new(intent: &Intent, opened_at: Timestamp) -> Self {
        Self {
            request: intent.request,
            requester: intent.asked.by.user,
            chat: intent.asked.chat.clone(),
            asked_by: intent.asked.message,
            prompt: intent.confirmations.first().map(|yes| yes.prompt),
            plan_digest: intent.plan_digest,
            opened_at,
            traces: traces(intent, opened_at),
        }
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> RequestId {
        self.request
    }

    /// Who asked and said yes.
    #[must_use]
    pub const fn requester(&self) -> UserId {
        self.requester
    }

    /// The conversation.
    #[must_use]
    pub const fn chat(&self) -> &ChatId {
        &self.chat
    }

    /// The message that asked.
    #[must_use]
    pub const fn asked_by(&self) -> MessageId {
        self.asked_by
    }

    /// The twin's message that showed the plan to the requester.
    #[must_use]
    pub const fn prompt(&self) -> Option<MessageId> {
        self.prompt
    }

    /// The digest of the plan that was confirmed.
    #[must_use]
    pub const fn plan_digest(&self) -> Digest {
        self.plan_digest
    }

    /// When it was put on the record; nothing was sent before.
    #[must_use]
    pub const fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    /// What to look for in the directory and in the tenant's own log, part by part.
    #[must_use]
    pub fn traces(&self) -> &[Trace] {
        &self.traces
    }
}
