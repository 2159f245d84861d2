use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use subtwin_hear::{Heard, RefersTo};
use subtwin_kernel::{MessageId, Plan};
use subtwin_understand::Proposal;

use crate::answer::{Answer, read};
use crate::confirmed::Confirmed;

/// How long a prompt may be answered.
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// A plan that has been shown and waits for its yes.
#[derive(Debug)]
pub struct Waiting {
    proposal: Proposal,
    plan: Plan,
    prompt: MessageId,
    shown_at: Timestamp,
}

/// What a message means for a [`Waiting`]. A verdict is given once: only `Wait` gives it back.
#[derive(Debug)]
pub enum Verdict {
    /// A yes that counts. The directory must be looked at again before anything runs.
    Yes(Assent),
    /// It is over: nothing will be done.
    Over(Box<Over>),
    /// Still waiting. The reason is for the log and for a kind word to whoever wrote.
    Wait(Waiting, Ignored),
}

/// Why a message neither confirmed nor ended the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Written in another conversation.
    OtherChat,
    /// Written by somebody else: a colleague cannot answer for the requester.
    SomebodyElse,
    /// Not newer than the prompt, so not an answer to it.
    TooOld,
    /// Changed after it was written: an edit never confirms.
    Edited,
    /// It quotes or passes on another message than the prompt.
    RefersElsewhere,
    /// Neither a yes nor a no.
    NeitherYesNorNo,
}

/// Why a plan that was shown is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declined {
    /// The requester said no.
    No,
    /// No answer in time.
    Expired,
    /// What was shown is no longer true.
    Drifted,
    /// The message that showed it was edited or deleted.
    PromptChanged,
    /// The yes was edited or deleted before it was acted upon.
    AnswerChanged,
    /// It cannot or may not be done any more.
    NoLongerPossible,
}

/// A plan that will not be carried out, for the record and for the reply. Cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// What was asked for.
    pub proposal: Proposal,
    /// What was shown.
    pub plan: Plan,
    /// The message that showed it.
    pub prompt: MessageId,
    /// Why it ended.
    pub why: Declined,
}

impl Declined {
    /// A stable name for the record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Expired => "expired",
            Self::Drifted => "drifted",
            Self::PromptChanged => "prompt-changed",
            Self::AnswerChanged => "answer-changed",
            Self::NoLongerPossible => "no-longer-possible",
        }
    }
}

impl Waiting {
    /// The plan has been posted as `prompt` and waits from now on.
    #[must_use]
    pub const fn ask(
        proposal: Proposal,
        plan: Plan,
        prompt: MessageId,
        shown_at: Timestamp,
    ) -> Self {
        Self { proposal, plan, prompt, shown_at }
    }

    /// What is waited for.
    #[must_use]
    pub const fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    /// The plan that was shown.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The message that shows it.
    #[must_use]
    pub const fn prompt(&self) -> MessageId {
        self.prompt
    }

    /// Whether the time to answer is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.duration_since(self.shown_at)
            > SignedDuration::try_from(PATIENCE).unwrap_or(SignedDuration::ZERO)
    }

    /// The plan was shown once more, because something else was said in between. Only what is
    /// newer than this answers it; the time to answer does not start anew.
    #[must_use]
    pub fn shown_again(self, prompt: MessageId) -> Self {
        Self { prompt, ..self }
    }

    /// Ends the wait.
    #[must_use]
    pub fn end(self, why: Declined) -> Over {
        Over { proposal: self.proposal, plan: self.plan, prompt: self.prompt, why }
    }

    /// Judges one message.
    #[must_use]
    pub fn hear(self, reply: &Heard, now: Timestamp) -> Verdict {
        let asked = &self.proposal.heard;
        if reply.chat != asked.chat {
            return Verdict::Wait(self, Ignored::OtherChat);
        }
        if reply.from.user != asked.from.user || reply.from.tenant != asked.from.tenant {
            return Verdict::Wait(self, Ignored::SomebodyElse);
        }
        if reply.message <= self.prompt {
            return Verdict::Wait(self, Ignored::TooOld);
        }
        if self.is_expired(now) {
            return Verdict::Over(Box::new(self.end(Declined::Expired)));
        }
        if reply.edited {
            return Verdict::Wait(self, Ignored::Edited);
        }
        let refers_elsewhere = match reply.refers_to {
            RefersTo::Nothing => false,
            RefersTo::Message(quoted) => quoted != self.prompt,
            RefersTo::Something => true,
        };
        if refers_elsewhere {
            return Verdict::Wait(self, Ignored::RefersElsewhere);
        }
        match read(&reply.text) {
            Answer::Yes => Verdict::Yes(Assent { waiting: self, answer: reply.message, at: now }),
            Answer::No => Verdict::Over(Box::new(self.end(Declined::No))),
            Answer::Other => Verdict::Wait(self, Ignored::NeitherYesNorNo),
        }
    }
}

/// A yes that counts, to a plan that has still to be looked at again.
#[derive(Debug)]
pub struct Assent {
    waiting: Waiting,
    answer: MessageId,
    at: Timestamp,
}

impl Assent {
    /// What was agreed to.
    #[must_use]
    pub const fn proposal(&self) -> &Proposal {
        &self.waiting.proposal
    }

    /// The message that showed it.
    #[must_use]
    pub const fn prompt(&self) -> MessageId {
        self.waiting.prompt
    }

    /// Ends it after all: the second look showed that it cannot or may not be done.
    #[must_use]
    pub fn end(self, why: Declined) -> Over {
        self.waiting.end(why)
    }

    /// Releases the plan if it is, byte for byte, what a fresh look at the directory gives, and if
    /// the prompt still stands as it was posted.
    ///
    /// # Errors
    /// [`Declined::PromptChanged`] or [`Declined::Drifted`]; the yes is used up either way.
    pub fn release(self, fresh: &Plan, prompt_unchanged: bool) -> Result<Confirmed, Box<Over>> {
        if !prompt_unchanged {
            return Err(Box::new(self.end(Declined::PromptChanged)));
        }
        if fresh.digest() != self.waiting.plan.digest() {
            return Err(Box::new(self.end(Declined::Drifted)));
        }
        let Waiting { proposal, plan, prompt, .. } = self.waiting;
        Ok(Confirmed::new(proposal, plan, prompt, self.answer, self.at))
    }
}
