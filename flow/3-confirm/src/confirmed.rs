use jiff::Timestamp;
use serde::Serialize;
use subtwin_hear::Speaker;
use subtwin_kernel::{ChatId, MessageId, Plan, RequestId};

/// Permission to run one plan once. Only the gate makes one, and running it uses it up.
#[derive(Debug, Serialize)]
pub struct Confirmed {
    request: RequestId,
    #[serde(skip)]
    requester: Speaker,
    chat: ChatId,
    asked_by: MessageId,
    prompt: MessageId,
    answer: MessageId,
    confirmed_at: Timestamp,
    plan: Plan,
}

impl Confirmed {
    /// The request.
    #[must_use]
    pub const fn request(&self) -> RequestId {
        self.request
    }

    /// Who asked, and who said yes.
    #[must_use]
    pub const fn requester(&self) -> &Speaker {
        &self.requester
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

    /// The twin's message that showed the plan.
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

    /// What may be done.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What may be done, using the permission up.
    #[must_use]
    pub fn into_plan(self) -> Plan {
        self.plan
    }

    /// A permission without a gate, for tests of what comes after it.
    #[cfg(feature = "testing")]
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "one argument per fact")]
    pub const fn for_tests(
        request: RequestId,
        requester: Speaker,
        chat: ChatId,
        asked_by: MessageId,
        prompt: MessageId,
        answer: MessageId,
        confirmed_at: Timestamp,
        plan: Plan,
    ) -> Self {
        Self { request, requester, chat, asked_by, prompt, answer, confirmed_at, plan }
    }
}
