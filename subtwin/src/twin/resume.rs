//! After a restart: what was under way is looked up, finished, and told.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use subtwin_kernel::{ChatId, MessageId, Outcome, RequestId, UserId};
use subtwin_primitives::{Decline, Declined, Event, Intent, Proposed, Seen};
use subtwin_record::audit::{Archive, Kept, Sought};
use subtwin_record::{Interrupted, Recovered};
use subtwin_store::{RequestRow, Stage, StoreError};
use tokio::task::JoinSet;

use super::carry::Held;
use super::desk::Desk;
use super::notes::Notes;
use super::replies;
use super::watch::Followed;

/// What an earlier process left. Read before this one hears anything: what is taken up from then on
/// is not left over.
#[derive(Debug, Default)]
pub(super) struct Left(BTreeMap<ChatId, LeftInChat>);

/// What was left in one conversation.
#[derive(Debug, Default)]
struct LeftInChat {
    /// Changes that may or may not have happened.
    interrupted: Vec<Interrupted>,
    /// Results not told or without the tenant's entry, prompts nobody can answer any more.
    requests: Vec<RequestRow>,
    /// Messages whose handling never came to an end.
    unanswered: Vec<MessageId>,
}

/// What the record says about one request.
#[derive(Debug, Default)]
struct OnRecord {
    begun: bool,
    /// The plan that was shown, if its showing has not ended.
    shown: Option<Proposed>,
    intent: Option<(Box<Intent>, Timestamp)>,
    outcomes: Option<Vec<Outcome>>,
    ended_at: Option<Timestamp>,
    receipt: String,
    /// What was seen of the tenant's own entries, once looking has ended.
    seen: Option<Vec<Seen>>,
}

impl Left {
    /// Everything that is not settled.
    pub(super) async fn read(recovered: Recovered, notes: &dyn Notes) -> Result<Self, StoreError> {
        let mut left = Self::default();
        for row in notes.open_requests().await? {
            left.of(&row.chat).requests.push(row);
        }
        for interrupted in recovered.interrupted {
            left.of(interrupted.chat()).interrupted.push(interrupted);
        }
        for (chat, message) in notes.unfinished().await? {
            left.of(&chat).unanswered.push(message);
        }
        Ok(left)
    }

    /// Whom the changes are about that may or may not have happened.
    pub(super) fn people(&self) -> Vec<UserId> {
        let interrupted = self.0.values().flat_map(|left| &left.interrupted);
        interrupted.flat_map(Interrupted::traces).map(|trace| trace.action.person()).collect()
    }

    /// What was left in one conversation, taken out.
    pub(super) fn take(&mut self, chat: &ChatId) -> Self {
        Self(self.0.remove_entry(chat).into_iter().collect())
    }

    fn of(&mut self, chat: &ChatId) -> &mut LeftInChat {
        self.0.entry(chat.clone()).or_default()
    }
}

impl Desk {
    /// Takes up what an earlier process left, conversations side by side: one look at the directory
    /// may take most of a minute. `held` are those whom the interrupted changes are about, taken
    /// before anything is heard: what somebody asks for since must not be taken for what was
    /// interrupted.
    pub(super) async fn resume(self: Arc<Self>, left: Left, held: Held) {
        let held = Arc::new(held);
        let some = left.0.values().any(|left| !left.requests.is_empty());
        if some && let Err(cause) = self.recall_taken().await {
            tracing::error!(%cause, "the record cannot be read back");
        }
        let mut chats = JoinSet::new();
        for (chat, left) in left.0 {
            let (desk, held) = (Arc::clone(&self), Arc::clone(&held));
            chats.spawn(async move { desk.resume_chat(&chat, left, held).await });
        }
        drop(held);
        chats.join_all().await;
    }

    /// Entries matched before the restart belong to their calls still.
    async fn recall_taken(&self) -> io::Result<()> {
        let now = self.clock.now();
        let since = now.saturating_sub(LONGEST_WATCH).unwrap_or(now);
        self.watch.taken.recall(&self.evidence, since).await
    }

    async fn resume_chat(&self, chat: &ChatId, mut left: LeftInChat, held: Arc<Held>) {
        for interrupted in left.interrupted {
            // The record knows it even where the store has lost it.
            if !left.requests.iter().any(|row| row.request == interrupted.request()) {
                left.requests.push(row_of(&interrupted));
            }
            self.look_up(interrupted).await;
        }
        drop(held);
        // What is written meanwhile waits its turn in this conversation, and no longer than this.
        let lane = self.lane(chat);
        let _turn = lane.lock().await;
        for row in left.requests {
            self.go_on(row).await;
        }
        // Last: what was said above answers them.
        for message in left.unanswered {
            self.answer_again(chat, message).await;
        }
    }

    /// The twin was stopped between the intent and its outcome.
    async fn look_up(&self, interrupted: Interrupted) {
        let request = interrupted.request();
        tracing::warn!(%request, "stopped in the middle of an action; looking whether it happened");
        let outcomes = subtwin_act::look_up(interrupted.traces(), &*self.hands, &*self.clock).await;
        if let Err(cause) = self.log.close_interrupted(interrupted, outcomes).await {
            tracing::error!(%cause, "what was found after a restart could not be recorded");
        }
    }

    async fn go_on(&self, row: RequestRow) {
        let Some(known) = self.on_record(row.request).await else { return };
        let (Some((intent, opened_at)), Some(outcomes)) = (known.intent, known.outcomes) else {
            // Only where nothing was begun is it certain that nothing happened. Otherwise the row
            // stays as it is, for the next start.
            if known.begun {
                tracing::error!(request = %row.request, "begun, and its outcome is not on record");
            } else {
                self.restarted(row, known.shown).await;
            }
            return;
        };
        let gave = intent.plan.parts.iter().zip(&outcomes);
        let secret = gave
            .into_iter()
            .any(|(part, outcome)| outcome.is_done() && replies::gives_a_secret(&part.action));
        let followed = Followed::of(&intent, opened_at, known.ended_at, outcomes);
        if let Some(seen) = known.seen {
            self.watch.finish(row, &followed, &known.receipt, &seen).await;
        } else if row.stage == Stage::Told && row.reply.is_some() {
            self.watch.follow(row, followed, known.receipt);
        } else {
            self.tell(row, followed, known.receipt, secret).await;
        }
    }

    /// Posts the result unless it is already there: the receipt is in its text.
    async fn tell(&self, mut row: RequestRow, followed: Followed, receipt: String, secret: bool) {
        let after = row.prompt.unwrap_or(row.asked_by);
        let there = match self.channel.own_since(&row.chat, after).await {
            Ok(own) => own.into_iter().find(|(_, text)| text.contains(&receipt)).map(|(id, _)| id),
            Err(cause) => {
                tracing::warn!(%cause, "could not see whether the result had been told");
                None
            }
        };
        let words = replies::result(&followed, &receipt);
        let told = match there {
            Some(message) => Ok(message),
            None => self.channel.post(&row.chat, &words).await,
        };
        match told {
            Ok(message) => row.reply = Some(message),
            Err(cause) => {
                // The row stays as it is, so that the next start tells it.
                tracing::error!(%cause, "could not tell how an action ended");
                return;
            }
        }
        row.stage = Stage::Told;
        self.save(&row).await;
        // It was kept nowhere.
        if secret && let Err(cause) = self.channel.post(&row.chat, &replies::secret_lost()).await {
            tracing::error!(%cause, "could not say that a secret was lost");
        }
        self.watch.follow(row, followed, receipt);
    }

    /// A prompt was open. Its yes would come to a twin that no longer knows the plan.
    async fn restarted(&self, row: RequestRow, shown: Option<Proposed>) {
        if let Some(shown) = shown {
            let declined = Declined {
                request: shown.request,
                asked: shown.asked,
                twin: self.twin.clone(),
                actions: shown.actions,
                prompt: Some(shown.prompt),
                answer: None,
                plan_digest: Some(shown.plan_digest),
                why: Decline::Restarted {},
            };
            if let Err(cause) = self.log.declined(declined).await {
                tracing::error!(%cause, "that a prompt was let go could not be recorded");
            }
        }
        if let Err(cause) = self.channel.post(&row.chat, &replies::restarted()).await {
            tracing::warn!(%cause, "could not say that a prompt was let go");
        }
        self.settle(row).await;
    }

    /// A message was taken up and its handling never came to an end. If the twin has said anything
    /// since, it was answered.
    async fn answer_again(&self, chat: &ChatId, message: MessageId) {
        match self.channel.own_since(chat, message).await {
            Ok(own) if own.is_empty() => match self.channel.heard(chat, message).await {
                Ok(Some(heard)) => self.serve(heard).await,
                Ok(None) => {}
                Err(cause) => {
                    tracing::warn!(%cause, "an unanswered message cannot be read");
                    return;
                }
            },
            Ok(_) => {}
            Err(cause) => {
                tracing::warn!(%cause, "could not see whether a message had been answered");
                return;
            }
        }
        if let Err(cause) = self.notes.finish(chat, message).await {
            tracing::warn!(%cause, "could not note that a message is answered");
        }
    }

    /// `None` when the record cannot be read: then nothing is known, and nothing may be said.
    async fn on_record(&self, request: RequestId) -> Option<OnRecord> {
        let read = move |archive: &Archive| archive.show(&Sought::Request(request));
        let shown = match self.evidence.read(read).await {
            Ok(shown) => shown,
            Err(cause) => {
                tracing::error!(%cause, "the record cannot be read back");
                return None;
            }
        };
        let mut known = OnRecord::default();
        for row in shown {
            let Kept::Whole(record) = row.record else { continue };
            match record.event {
                Event::Intent(intent) => {
                    known.begun = true;
                    known.intent = Some((intent, record.at));
                }
                Event::Outcome(event) => {
                    known.outcomes = Some(event.outcomes);
                    known.ended_at = Some(record.at);
                    known.receipt = row.receipt.to_string();
                }
                Event::Entry(entry) => {
                    known.seen = Some(entry.seen);
                }
                Event::Proposed(shown) => {
                    // The first showing is the requester's own.
                    known.shown.get_or_insert(shown);
                }
                Event::Declined(_) => known.shown = None,
                Event::Twin(_) | Event::Erased(_) => {}
            }
        }
        Some(known)
    }
}

/// A request as the record knows it.
fn row_of(interrupted: &Interrupted) -> RequestRow {
    RequestRow {
        request: interrupted.request(),
        chat: interrupted.chat().clone(),
        requester: interrupted.requester(),
        asked_by: interrupted.asked_by(),
        prompt: interrupted.prompt(),
        reply: None,
        stage: Stage::Acting,
        updated: interrupted.opened_at(),
    }
}

/// Longer than any call is followed.
const LONGEST_WATCH: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
