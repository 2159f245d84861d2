//! The plans that wait for their yeses, and whose prompt stands last in which conversation.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use subtwin_confirm::{Answers, Asked, Assent, Ignored, Over, Verdict, Waiting};
use subtwin_hear::Heard;
use subtwin_kernel::{ChatId, MessageId, Plan, RequestId, UserId};
use subtwin_store::RequestRow;

use super::desk::asked;

/// One request that waits, and how far it must survive a restart.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) waiting: Waiting,
    pub(super) row: RequestRow,
}

/// Every open case. Judged under one lock, so that a yes and a no from two conversations cannot both
/// count.
#[derive(Debug, Default)]
pub(super) struct Cases(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    cases: HashMap<RequestId, Case>,
    /// Whose answer a message in this conversation is.
    last: HashMap<ChatId, RequestId>,
    /// Approvals that wait until the approver's conversation is free.
    queued: HashMap<ChatId, VecDeque<(RequestId, UserId)>>,
}

/// What became of a message, for the caller to act on.
#[derive(Debug)]
pub(super) enum Judged {
    /// Nothing waits for an answer there.
    Nothing,
    /// Every yes is there; the case is not open any more.
    Yes(Box<Assent>, RequestRow),
    /// It ended the case.
    Over(Box<Over>, RequestRow),
    /// A yes that counts; more are needed.
    More(RequestId),
    /// The case goes on as before.
    Waits(Ignored),
}

impl Cases {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a case that was shown to its requester.
    pub(super) fn open(&self, case: Case) {
        let mut open = self.lock();
        open.last.insert(case.row.chat.clone(), case.row.request);
        open.cases.insert(case.row.request, case);
    }

    /// Judges a message by the case whose prompt stands last in its conversation.
    pub(super) fn hear(&self, heard: &Heard, answers: &Answers, now: Timestamp) -> Judged {
        let mut open = self.lock();
        let Some(request) = open.last.get(&heard.chat).copied() else { return Judged::Nothing };
        let Some(Case { waiting, row }) = open.cases.remove(&request) else {
            open.last.remove(&heard.chat);
            return Judged::Nothing;
        };
        match waiting.hear(heard, answers, now) {
            Verdict::Yes(assent) => {
                open.last.retain(|_, last| *last != request);
                Judged::Yes(Box::new(assent), row)
            }
            Verdict::Over(over) => {
                open.last.retain(|_, last| *last != request);
                Judged::Over(over, row)
            }
            Verdict::More(waiting) => {
                // The requester's conversation stays with its case; an approver's is free again.
                if row.chat != heard.chat {
                    open.last.remove(&heard.chat);
                }
                open.cases.insert(request, Case { waiting, row });
                Judged::More(request)
            }
            Verdict::Wait(waiting, why) => {
                open.cases.insert(request, Case { waiting, row });
                Judged::Waits(why)
            }
        }
    }

    /// The plan whose prompt stands last in a conversation, and whether it waits for approvers.
    pub(super) fn at(&self, chat: &ChatId) -> Option<Standing> {
        let open = self.lock();
        let case = open.cases.get(open.last.get(chat)?)?;
        Some(Standing::of(case, chat))
    }

    /// One case, by its request.
    pub(super) fn of(&self, request: RequestId) -> Option<Standing> {
        let open = self.lock();
        let case = open.cases.get(&request)?;
        Some(Standing::of(case, &case.row.chat))
    }

    /// The approver to whom the case that stands last in a conversation was shown there.
    pub(super) fn approver_at(&self, chat: &ChatId) -> Option<UserId> {
        let open = self.lock();
        let case = open.cases.get(open.last.get(chat)?)?;
        let asked = case.waiting.asked().iter().find(|asked| asked.chat == *chat)?;
        Some(asked.approver)
    }

    /// Takes the case out of a requester's own conversation.
    pub(super) fn take_at(&self, chat: &ChatId) -> Option<Case> {
        let request = {
            let open = self.lock();
            let request = *open.last.get(chat)?;
            (open.cases.get(&request)?.row.chat == *chat).then_some(request)?
        };
        self.take(request)
    }

    /// Takes a case out: whoever holds it decides it.
    pub(super) fn take(&self, request: RequestId) -> Option<Case> {
        let mut open = self.lock();
        let case = open.cases.remove(&request)?;
        open.last.retain(|_, last| *last != request);
        Some(case)
    }

    /// The plan was shown again in its requester's conversation. `None` when it is open no more.
    pub(super) fn shown_again(&self, request: RequestId, prompt: MessageId) -> Option<RequestRow> {
        let mut open = self.lock();
        let Case { waiting, mut row } = open.cases.remove(&request)?;
        row.prompt = Some(prompt);
        let waiting = waiting.shown_again(prompt);
        open.cases.insert(request, Case { waiting, row: row.clone() });
        Some(row)
    }

    /// The plan was shown to an approver. `false` when it is open no more.
    pub(super) fn shown_to(&self, request: RequestId, asked: Asked) -> bool {
        let mut open = self.lock();
        let Some(Case { waiting, row }) = open.cases.remove(&request) else { return false };
        open.last.insert(asked.chat.clone(), request);
        open.cases.insert(request, Case { waiting: waiting.shown_to(asked), row });
        true
    }

    /// Whether an approver's conversation is free; if not, the approval is queued there.
    pub(super) fn is_free_for(&self, chat: &ChatId, request: RequestId, approver: UserId) -> bool {
        let mut open = self.lock();
        let busy = open.last.get(chat).is_some_and(|last| open.cases.contains_key(last));
        if busy {
            open.queued.entry(chat.clone()).or_default().push_back((request, approver));
        }
        !busy
    }

    /// The next approval that waited for a conversation to become free.
    pub(super) fn next_for(&self, chat: &ChatId) -> Option<(RequestId, UserId)> {
        let mut open = self.lock();
        let busy = open.last.get(chat).is_some_and(|last| open.cases.contains_key(last));
        if busy {
            return None;
        }
        let Open { cases, queued, .. } = &mut *open;
        let waiting = queued.get_mut(chat)?;
        let next = std::iter::from_fn(|| waiting.pop_front())
            .find(|(request, _)| cases.contains_key(request));
        if waiting.is_empty() {
            queued.remove(chat);
        }
        next
    }

    /// Cases whose time is over: the request and its requester's conversation.
    pub(super) fn late(&self, now: Timestamp) -> Vec<(RequestId, ChatId)> {
        let open = self.lock();
        let late = open.cases.values().filter(|case| case.waiting.is_expired(now));
        late.map(|case| (case.row.request, case.row.chat.clone())).collect()
    }
}

/// What stands open in a conversation.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) request: RequestId,
    pub(super) plan: Plan,
    /// It is the requester's own conversation, not an approver's.
    pub(super) of_requester: bool,
    pub(super) with_approvers: bool,
    pub(super) requester: UserId,
    pub(super) requester_name: String,
    /// Where and by whom it was asked, as the record says it.
    pub(super) asked: subtwin_primitives::Asked,
    pub(super) expires_at: Timestamp,
}

impl Standing {
    fn of(case: &Case, chat: &ChatId) -> Self {
        let proposal = case.waiting.proposal();
        Self {
            request: case.row.request,
            plan: case.waiting.plan().clone(),
            of_requester: case.row.chat == *chat,
            with_approvers: case.waiting.is_with_approvers(),
            requester: proposal.heard.from.user,
            requester_name: proposal.heard.from.display_name.clone(),
            asked: asked(proposal),
            expires_at: case.waiting.expires_at(),
        }
    }
}
