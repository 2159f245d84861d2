//! After a restart: what was under way is looked up, finished, and told.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use subtwin_kernel::{ChatId, MessageId, Outcome, RequestId, TenantEntry};
use subtwin_primitives::{Event, Intent, Seen};
use subtwin_record::audit::{Archive, Kept, Sought};
use subtwin_record::{Interrupted, Recovered};
use subtwin_store::{RequestRow, Stage, Store, StoreError};
use subtwin_teams::Voice;
use tokio::task::JoinSet;

use super::desk::Desk;
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
    intent: Option<(Box<Intent>, Timestamp)>,
    outcome: Option<Outcome>,
    receipt: String,
    /// What was seen of the tenant's own entry, once looking has ended.
    seen: Option<Option<TenantEntry>>,
}

impl Left {
    /// Everything that is not settled.
    pub(super) async fn read(recovered: Recovered, store: &Store) -> Result<Self, StoreError> {
        let mut left = Self::default();
        for row in store.open_requests().await? {
            left.of(&row.chat).requests.push(row);
        }
        for interrupted in recovered.interrupted {
            left.of(interrupted.chat()).interrupted.push(interrupted);
        }
        for (chat, message) in store.unfinished().await? {
            left.of(&chat).unanswered.push(message);
        }
        Ok(left)
    }

    fn of(&mut self, chat: &ChatId) -> &mut LeftInChat {
        self.0.entry(chat.clone()).or_default()
    }
}

impl Desk {
    /// Takes up what an earlier process left, conversations side by side: one look at the directory
    /// may take most of a minute.
    pub(super) async fn resume(self: Arc<Self>, left: Left, voice: Arc<Voice>) {
        let mut chats = JoinSet::new();
        for (chat, left) in left.0 {
            let (desk, voice) = (Arc::clone(&self), Arc::clone(&voice));
            chats.spawn(async move { desk.resume_chat(&chat, left, &voice).await });
        }
        chats.join_all().await;
    }

    async fn resume_chat(&self, chat: &ChatId, mut left: LeftInChat, voice: &Voice) {
        for interrupted in left.interrupted {
            // The record knows it even where the store has lost it.
            if !left.requests.iter().any(|row| row.request == interrupted.request()) {
                left.requests.push(row_of(&interrupted));
            }
            self.look_up(interrupted).await;
        }
        // What is written meanwhile waits its turn in this conversation, and no longer than this.
        let lane = self.lane(chat);
        let _turn = lane.lock().await;
        for row in left.requests {
            self.go_on(row).await;
        }
        // Last: what was said above answers them.
        for message in left.unanswered {
            self.answer_again(chat, message, voice).await;
        }
    }

    /// The twin was stopped between the intent and its outcome.
    async fn look_up(&self, interrupted: Interrupted) {
        let (request, since) = (interrupted.request(), interrupted.opened_at());
        tracing::warn!(%request, "stopped in the middle of an action; looking whether it happened");
        let action = interrupted.action().clone();
        let outcome = subtwin_act::look_up(&action, since, &*self.hands, &*self.clock).await;
        if let Err(cause) = self.log.close_interrupted(interrupted, outcome).await {
            tracing::error!(%cause, "what was found after a restart could not be recorded");
        }
    }

    async fn go_on(&self, row: RequestRow) {
        let Some(known) = self.on_record(row.request).await else { return };
        let (Some((intent, opened_at)), Some(outcome)) = (known.intent, known.outcome) else {
            // Only where nothing was begun is it certain that nothing happened. Otherwise the row
            // stays as it is, for the next start.
            if known.begun {
                tracing::error!(request = %row.request, "begun, and its outcome is not on record");
            } else {
                self.restarted(row).await;
            }
            return;
        };
        let followed = Followed::of(
            intent.plan.action,
            intent.client_request_id,
            opened_at,
            intent.plan.summary.headline,
        );
        if let Some(seen) = known.seen {
            self.watch.finish(row, &followed.headline, &outcome, &known.receipt, seen).await;
        } else if row.stage == Stage::Told && row.reply.is_some() {
            self.watch.follow(row, followed, outcome, known.receipt);
        } else {
            self.tell(row, followed, outcome, known.receipt).await;
        }
    }

    /// Posts the result unless it is already there: the receipt is in its text.
    async fn tell(
        &self,
        mut row: RequestRow,
        followed: Followed,
        outcome: Outcome,
        receipt: String,
    ) {
        let after = row.prompt.unwrap_or(row.asked_by);
        let there = match self.channel.own_since(&row.chat, after).await {
            Ok(own) => own.into_iter().find(|(_, text)| text.contains(&receipt)).map(|(id, _)| id),
            Err(cause) => {
                tracing::warn!(%cause, "could not see whether the result had been told");
                None
            }
        };
        let words = replies::result(&followed.headline, &outcome, &receipt);
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
        self.watch.follow(row, followed, outcome, receipt);
    }

    /// A prompt was open. Its yes would come to a twin that no longer knows the plan.
    async fn restarted(&self, row: RequestRow) {
        if let Err(cause) = self.channel.post(&row.chat, &replies::restarted()).await {
            tracing::warn!(%cause, "could not say that a prompt was let go");
        }
        self.settle(row).await;
    }

    /// A message was taken up and its handling never came to an end. If the twin has said anything
    /// since, it was answered.
    async fn answer_again(&self, chat: &ChatId, message: MessageId, voice: &Voice) {
        match self.channel.own_since(chat, message).await {
            Ok(own) if own.is_empty() => match voice.heard(chat, message).await {
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
        if let Err(cause) = self.store.finish(chat, message).await {
            tracing::warn!(%cause, "could not note that a message is answered");
        }
    }

    /// `None` when the record cannot be read: then nothing is known, and nothing may be said.
    async fn on_record(&self, request: RequestId) -> Option<OnRecord> {
        let dir = self.evidence.clone();
        let read = tokio::task::spawn_blocking(move || {
            Archive::open(&dir).and_then(|archive| archive.show(&Sought::Request(request)))
        });
        let shown = match read.await {
            Ok(Ok(shown)) => shown,
            Ok(Err(cause)) => {
                tracing::error!(%cause, "the record cannot be read back");
                return None;
            }
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
                    known.outcome = Some(event.outcome);
                    known.receipt = row.receipt.to_string();
                }
                Event::Entry(entry) => {
                    known.seen = Some(match entry.seen {
                        Seen::Matched { entry } => Some(entry),
                        Seen::NotVisible {} => None,
                    });
                }
                Event::Proposed(_) | Event::Declined(_) | Event::Twin(_) | Event::Erased(_) => {}
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
        prompt: Some(interrupted.prompt()),
        reply: None,
        stage: Stage::Acting,
        updated: interrupted.opened_at(),
    }
}
