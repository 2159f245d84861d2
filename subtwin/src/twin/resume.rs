//! After a restart: what was under way is looked up, finished, and told.

use std::sync::Arc;

use subtwin_hear::Handler as _;
use subtwin_kernel::{ChatId, MessageId, Outcome, RequestId};
use subtwin_primitives::{Event, Intent};
use subtwin_record::audit::{Archive, Kept, Sought};
use subtwin_record::{Interrupted, Recovered};
use subtwin_store::{RequestRow, Stage};
use subtwin_teams::Voice;

use super::desk::Desk;
use super::replies;
use super::watch::Followed;

/// What the record says about one request.
#[derive(Debug, Default)]
struct OnRecord {
    intent: Option<Box<Intent>>,
    outcome: Option<Outcome>,
    receipt: String,
    entry_known: bool,
}

impl Desk {
    /// Takes up what an earlier process left, in the order of its importance: changes that may or
    /// may not have happened, results not told or without the tenant's entry, prompts nobody can
    /// answer any more, messages nobody answered.
    pub(super) async fn resume(self: Arc<Self>, recovered: Recovered, voice: Arc<Voice>) {
        for interrupted in recovered.interrupted {
            self.look_up(interrupted).await;
        }
        let rows = match self.store.open_requests().await {
            Ok(rows) => rows,
            Err(cause) => {
                tracing::error!(%cause, "what was left before the restart cannot be read");
                return;
            }
        };
        for row in rows {
            // Followed already, or shown by this very process.
            if self.shows(&row) {
                continue;
            }
            self.go_on(row).await;
        }
        match self.store.unfinished().await {
            Ok(left) => {
                for (chat, message) in left {
                    self.answer_again(&chat, message, &voice).await;
                }
            }
            Err(cause) => tracing::error!(%cause, "unanswered messages cannot be read"),
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
        let known = self.on_record(row.request).await;
        let (Some(intent), Some(outcome)) = (known.intent, known.outcome) else {
            self.restarted(row).await;
            return;
        };
        let followed = Followed::of(
            intent.plan.action,
            intent.client_request_id,
            row.updated,
            intent.plan.summary.headline,
        );
        if known.entry_known {
            self.settle(row).await;
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
                Ok(Some(heard)) => self.handle(heard).await,
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

    async fn on_record(&self, request: RequestId) -> OnRecord {
        let dir = self.evidence.clone();
        let read = tokio::task::spawn_blocking(move || {
            Archive::open(&dir).and_then(|archive| archive.show(&Sought::Request(request)))
        });
        let shown = match read.await {
            Ok(Ok(shown)) => shown,
            Ok(Err(cause)) => {
                tracing::error!(%cause, "the record cannot be read back");
                return OnRecord::default();
            }
            Err(cause) => {
                tracing::error!(%cause, "the record cannot be read back");
                return OnRecord::default();
            }
        };
        let mut known = OnRecord::default();
        for row in shown {
            let Kept::Whole(record) = row.record else { continue };
            match record.event {
                Event::Intent(intent) => known.intent = Some(intent),
                Event::Outcome(event) => {
                    known.outcome = Some(event.outcome);
                    known.receipt = row.receipt.to_string();
                }
                Event::Entry(_) => known.entry_known = true,
                Event::Proposed(_) | Event::Declined(_) | Event::Twin(_) | Event::Erased(_) => {}
            }
        }
        known
    }
}
