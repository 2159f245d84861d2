use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{ChatId, MessageId, Plan, UserId};
use subtwin_understand::Proposal;

use crate::answers::{Answer, Answers};
use crate::confirmed::{Confirmed, Yes};

/// How long the requester may think about a prompt.
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// How long approvers may take, from the requester's yes on.
pub const APPROVERS_PATIENCE: Duration = Duration::from_secs(30 * 60);

/// How long the last yes may wait to be acted upon.
pub const ACT_WITHIN: Duration = Duration::from_secs(60);

/// A plan that has been shown and waits for the yeses it needs: the requester's first, then those
/// of approvers.
#[derive(Debug)]
pub struct Waiting {
    proposal: Proposal,
    plan: Plan,
    /// The message that shows it to the requester.
    prompt: MessageId,
    /// Since when the person whose turn it is can answer.
    since: Timestamp,
    /// The yeses that count so far; the requester's comes first.
    given: Vec<Yes>,
    /// The approvers it was shown to.
    asked: Vec<Asked>,
}

/// An approver, and where the plan was shown to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who.
    pub approver: UserId,
    /// Their own conversation with the twin.
    pub chat: ChatId,
    /// The message that shows it.
    pub prompt: MessageId,
}

/// What a message means for a [`Waiting`]. A verdict is given once.
#[derive(Debug)]
pub enum Verdict {
    /// The last yes that was needed. The directory must be looked at again before anything runs.
    Yes(Assent),
    /// A yes that counts; more are needed.
    More(Waiting),
    /// It is over: nothing will be done.
    Over(Box<Over>),
    /// Still waiting. The reason is for the log and for a kind word to whoever wrote.
    Wait(Waiting, Ignored),
}

/// Why a message neither confirmed nor ended the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Written in another conversation than it was shown in.
    OtherChat,
    /// Written by somebody whose yes is not needed: a colleague cannot answer for the requester.
    SomebodyElse,
    /// Not newer than the prompt, so not an answer to it.
    TooOld,
    /// Changed after it was written: an edit never confirms.
    Edited,
    /// It quotes or passes on another message than the prompt.
    RefersElsewhere,
    /// A yes, where the target's name must be typed.
    MustBeTyped,
    /// They have said yes already.
    Twice,
    /// Neither a yes nor a no.
    NeitherYesNorNo,
}

/// Why a plan that was shown is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declined {
    /// Somebody whose yes was needed said no.
    No(UserId),
    /// The requester wants something else instead: what they said after their yes or no.
    ChangedMind(String),
    /// No answer in time.
    Expired,
    /// What was shown is no longer true.
    Drifted,
    /// A message that showed it was edited or deleted.
    PromptChanged,
    /// A yes was edited or deleted before it was acted upon.
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
    /// The message that showed it to the requester.
    pub prompt: MessageId,
    /// The message that ended it, if one did.
    pub answer: Option<MessageId>,
    /// Approvers who had been asked, and have to be told that it is over.
    pub asked: Vec<Asked>,
    /// Why it ended.
    pub why: Declined,
}

impl Declined {
    /// A stable name for logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::No(_) => "no",
            Self::ChangedMind(_) => "changed-mind",
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
    pub const fn ask(proposal: Proposal, plan: Plan, prompt: MessageId, now: Timestamp) -> Self {
        Self { proposal, plan, prompt, since: now, given: Vec::new(), asked: Vec::new() }
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

    /// The message that shows it to the requester.
    #[must_use]
    pub const fn prompt(&self) -> MessageId {
        self.prompt
    }

    /// The approvers it was shown to.
    #[must_use]
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// How many more yeses it needs.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.plan.approval.approvers().saturating_add(1).saturating_sub(self.given.len())
    }

    /// Whether it waits for approvers, the requester having said yes.
    #[must_use]
    pub const fn is_with_approvers(&self) -> bool {
        !self.given.is_empty()
    }

    /// Until when whoever has the turn may answer.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        let patience = if self.is_with_approvers() { APPROVERS_PATIENCE } else { PATIENCE };
        self.since.saturating_add(patience).unwrap_or(self.since)
    }

    /// Whether the time to answer is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now > self.expires_at()
    }

    /// The plan was shown once more to the requester, because something else was said in between.
    /// Only what is newer than this answers it; the time to answer does not start anew.
    #[must_use]
    pub fn shown_again(self, prompt: MessageId) -> Self {
        if self.is_with_approvers() { self } else { Self { prompt, ..self } }
    }

    /// The plan was shown to an approver, or once more. Nobody is asked to approve what they asked
    /// for themselves.
    #[must_use]
    pub fn shown_to(mut self, asked: Asked) -> Self {
        if asked.approver != self.proposal.heard.from.user {
            self.asked.retain(|known| known.approver != asked.approver);
            self.asked.push(asked);
        }
        self
    }

    /// Ends the wait.
    #[must_use]
    pub fn end(self, why: Declined) -> Over {
        self.end_by(why, None)
    }

    fn end_by(self, why: Declined, answer: Option<MessageId>) -> Over {
        let Self { proposal, plan, prompt, asked, .. } = self;
        Over { proposal, plan, prompt, answer, asked, why }
    }

    /// Judges one message.
    #[must_use]
    pub fn hear(self, reply: &Heard, answers: &Answers, now: Timestamp) -> Verdict {
        if self.is_taken_back_by(reply, answers) {
            let why = Declined::No(reply.from.user);
            return Verdict::Over(Box::new(self.end_by(why, Some(reply.message))));
        }
        let (chat, prompt) = match self.shown_where(&reply.from) {
            Ok(shown) => shown,
            Err(why) => return Verdict::Wait(self, why),
        };
        if reply.chat != chat {
            return Verdict::Wait(self, Ignored::OtherChat);
        }
        if reply.message <= prompt {
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
            RefersTo::Message(quoted) => quoted != prompt,
            RefersTo::Something => true,
        };
        if refers_elsewhere {
            return Verdict::Wait(self, Ignored::RefersElsewhere);
        }
        let typed = self.plan.type_back.as_deref().is_some_and(|name| is_typed(&reply.text, name));
        match answers.read(&reply.text) {
            _ if typed => self.yes(reply, prompt, true, now),
            Answer::Yes if self.plan.type_back.is_some() => {
                Verdict::Wait(self, Ignored::MustBeTyped)
            }
            Answer::Yes => self.yes(reply, prompt, false, now),
            Answer::No => {
                let why = Declined::No(reply.from.user);
                Verdict::Over(Box::new(self.end_by(why, Some(reply.message))))
            }
            // Only the requester can want something else.
            Answer::Instead(rest) if !self.is_with_approvers() => {
                let why = Declined::ChangedMind(rest);
                Verdict::Over(Box::new(self.end_by(why, Some(reply.message))))
            }
            Answer::Instead(_) | Answer::Other => Verdict::Wait(self, Ignored::NeitherYesNorNo),
        }
    }

    /// The requester may think better of it while approvers are asked. A no in any form does.
    fn is_taken_back_by(&self, reply: &Heard, answers: &Answers) -> bool {
        let requester = &self.proposal.heard;
        self.is_with_approvers()
            && reply.from.user == requester.from.user
            && reply.from.tenant == requester.from.tenant
            && reply.chat == requester.chat
            && answers.read(&reply.text) == Answer::No
    }

    /// Where the plan was shown to whoever speaks, if their yes is needed now.
    fn shown_where(&self, speaker: &Speaker) -> Result<(ChatId, MessageId), Ignored> {
        let requester = &self.proposal.heard.from;
        if speaker.tenant != requester.tenant {
            return Err(Ignored::SomebodyElse);
        }
        if !self.is_with_approvers() {
            return if speaker.user == requester.user {
                Ok((self.proposal.heard.chat.clone(), self.prompt))
            } else {
                Err(Ignored::SomebodyElse)
            };
        }
        if self.given.iter().any(|yes| yes.by == speaker.user) {
            return Err(Ignored::Twice);
        }
        let asked = self.asked.iter().find(|asked| asked.approver == speaker.user);
        asked.map(|asked| (asked.chat.clone(), asked.prompt)).ok_or(Ignored::SomebodyElse)
    }

    fn yes(mut self, reply: &Heard, prompt: MessageId, typed: bool, now: Timestamp) -> Verdict {
        if !self.is_with_approvers() {
            self.since = now;
        }
        self.given.push(Yes {
            by: reply.from.user,
            chat: reply.chat.clone(),
            prompt,
            answer: reply.message,
            heard: reply.clone(),
            typed,
            at: now,
        });
        if self.missing() == 0 {
            Verdict::Yes(Assent { waiting: self })
        } else {
            Verdict::More(self)
        }
    }
}

/// The name, in any case of letters, and nothing else.
fn is_typed(text: &str, name: &str) -> bool {
    text.trim().to_lowercase() == name.to_lowercase()
}

/// Every yes that was needed, to a plan that has still to be looked at again.
#[derive(Debug)]
pub struct Assent {
    waiting: Waiting,
}

/// What a fresh look shows about a prompt and the yes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The prompt is there as it was posted.
    pub prompt: bool,
    /// The answer is there as it was read.
    pub answer: bool,
}

impl Assent {
    /// What was agreed to.
    #[must_use]
    pub const fn proposal(&self) -> &Proposal {
        &self.waiting.proposal
    }

    /// The plan that was shown.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.waiting.plan
    }

    /// The approvers it was shown to.
    #[must_use]
    pub fn asked(&self) -> &[Asked] {
        &self.waiting.asked
    }

    /// The yeses.
    #[must_use]
    pub fn given(&self) -> &[Yes] {
        &self.waiting.given
    }

    /// Ends it after all: the second look showed that it cannot or may not be done.
    #[must_use]
    pub fn end(self, why: Declined) -> Over {
        self.waiting.end(why)
    }

    /// Releases the plan if it is, byte for byte, what a fresh look at the directory gives under
    /// the rules of now, and if every prompt and every yes still stands. `standing` has one entry
    /// for each yes, in order.
    ///
    /// # Errors
    /// Why not; the yeses are used up either way.
    pub fn release(
        self,
        fresh: &Plan,
        standing: &[Standing],
        now: Timestamp,
    ) -> Result<Confirmed, Box<Over>> {
        let last = self.waiting.given.iter().map(|yes| yes.at).max();
        let within = SignedDuration::try_from(ACT_WITHIN).unwrap_or(SignedDuration::ZERO);
        if last.is_none_or(|last| now.duration_since(last) > within) {
            return Err(Box::new(self.end(Declined::Expired)));
        }
        let all = |holds: fn(&Standing) -> bool| {
            standing.len() == self.waiting.given.len() && standing.iter().all(holds)
        };
        if !all(|standing| standing.prompt) {
            return Err(Box::new(self.end(Declined::PromptChanged)));
        }
        if !all(|standing| standing.answer) {
            return Err(Box::new(self.end(Declined::AnswerChanged)));
        }
        if fresh.digest() != self.waiting.plan.digest() {
            return Err(Box::new(self.end(Declined::Drifted)));
        }
        let Waiting { proposal, plan, given, .. } = self.waiting;
        Ok(Confirmed::new(proposal, plan, given))
    }
}
