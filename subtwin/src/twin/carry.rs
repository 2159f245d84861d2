//! After the last yes: look again, record, act, tell.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use subtwin_act::Ended;
use subtwin_confirm::{Assent, Confirmed, Declined, Refusal, Standing};
use subtwin_hear::ChannelError;
use subtwin_kernel::{ChatId, Plan, Secret, UserId};
use subtwin_record::Facts;
use subtwin_store::{RequestRow, Stage};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::replies;
use super::watch::Followed;

impl Desk {
    /// Every yes is there: look again, then act, record, reply. The caller holds the turn of the
    /// requester's conversation.
    pub(super) async fn released(
        &self,
        assent: Assent,
        row: RequestRow,
    ) -> Result<(), ChannelError> {
        // From here to the last look, nothing else changes these people through this twin.
        let parts = &assent.plan().parts;
        let _targets = self.hold(parts.iter().map(|part| part.action.person())).await;
        let gate = self.gate();
        let (standing, fresh, allowed, requester) = tokio::join!(
            self.standing(&assent),
            gate.plan(&assent.proposal().actions, row.requester, self.clock.now()),
            self.approvers_still_may(&assent, row.requester),
            self.directory.person(row.requester),
        );
        let fresh = match (fresh, allowed) {
            (Ok(fresh), Ok(())) => fresh,
            (Err(refusal), _) | (_, Err(refusal)) => {
                return self
                    .not_any_more(assent.end(Declined::NoLongerPossible), row, &refusal)
                    .await;
            }
        };
        let Ok(standing) = standing else {
            return self.give_up(assent.end(Declined::NoLongerPossible), row).await;
        };
        let confirmed = match assent.release(&fresh, &standing, self.clock.now()) {
            Ok(confirmed) => confirmed,
            Err(over) => return self.give_up(*over, row).await,
        };
        let upn = requester.ok().flatten().map(|person| person.upn);
        self.act(confirmed, upn.as_deref(), row).await
    }

    /// Whether every prompt and every yes still stands, read from the chats.
    async fn standing(&self, assent: &Assent) -> Result<Vec<Standing>, ChannelError> {
        let looks = assent.given().iter().map(|yes| async move {
            let (prompt, answer) = tokio::join!(
                self.channel.is_unchanged(&yes.chat, yes.prompt),
                self.channel.still_says(&yes.heard),
            );
            Ok(Standing { prompt: prompt?, answer: answer? })
        });
        join_all(looks).await.into_iter().collect()
    }

    async fn approvers_still_may(&self, assent: &Assent, requester: UserId) -> Result<(), Refusal> {
        let gate = self.gate();
        for yes in assent.given().iter().filter(|yes| yes.by != requester) {
            let now = self.clock.now();
            if !gate.may_approve(assent.plan(), requester, yes.by, now).await? {
                return Err(Refusal::Impossible {
                    code: "approver-may-not",
                    reason: "Whoever approved this may not do so any more, so I did nothing. \
                             Please ask me again."
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    async fn act(
        &self,
        confirmed: Confirmed,
        requester_upn: Option<&str>,
        mut row: RequestRow,
    ) -> Result<(), ChannelError> {
        let plan = confirmed.plan().clone();
        let facts = Facts { twin: &self.twin, requester_upn };
        let opened = match self.log.open_intent(confirmed, facts).await {
            Ok(opened) => opened,
            Err(cause) => {
                tracing::error!(%cause, "the record cannot be written; nothing is done");
                self.settle(row.clone()).await;
                return self.channel.post(&row.chat, &replies::no_record()).await.map(drop);
            }
        };
        self.watch.calls.begin(opened.traces());
        row.stage = Stage::Acting;
        self.save(&row).await;
        let _busy = self.presence.as_ref().map(|presence| presence.busy());
        let done = CancellationToken::new();
        let acting = async {
            let result = subtwin_act::run(opened, &*self.hands, &*self.clock, &*self.entropy).await;
            done.cancel();
            result
        };
        let announcing = async {
            if done.run_until_cancelled(sleep(A_MOMENT)).await.is_some()
                && let Err(cause) = self.channel.post(&row.chat, &replies::on_it()).await
            {
                tracing::warn!(%cause, "could not say that it takes a while");
            }
        };
        let ((ticket, ended), ()) = tokio::join!(acting, announcing);
        let followed = Followed::new(&plan, &ticket, &ended);
        let secrets = (0_usize..).zip(&ended).filter(|(_, e)| e.secret.is_some());
        let secrets: Vec<usize> = secrets.map(|(at, _)| at).collect();
        let receipt = match self.log.close(ticket, followed.outcomes.clone(), secrets).await {
            Ok(closed) => closed.receipt.to_string(),
            Err(cause) => {
                tracing::error!(%cause, "the outcome could not be recorded");
                "none: my record of the outcome could not be written".to_owned()
            }
        };
        let words = replies::result(&followed, &receipt);
        // Untold, the row stays as it is, and the next start tells it.
        row.reply = Some(self.channel.post(&row.chat, &words).await?);
        row.stage = Stage::Told;
        self.save(&row).await;
        self.hand_out(&row.chat, &plan, ended).await;
        self.watch.follow(row, followed, receipt);
        Ok(())
    }

    /// Shows each secret once, to the requester in their own conversation, and takes it out of the
    /// chat after a while.
    async fn hand_out(&self, chat: &ChatId, plan: &Plan, ended: Vec<Ended>) {
        for (part, ended) in plan.parts.iter().zip(ended) {
            let tool = part.action.tool();
            let lost = ended.secret.is_none()
                && ended.outcome.is_done()
                && replies::gives_a_secret(&part.action);
            if lost && let Err(cause) = self.channel.post(chat, &replies::secret_lost()).await {
                tracing::error!(%cause, %tool, "could not say that a secret was lost");
            }
            let Some(secret) = ended.secret else { continue };
            self.show_secret(chat, &part.shown.target, &secret).await;
        }
    }

    async fn show_secret(&self, chat: &ChatId, target: &str, secret: &Secret) {
        let minutes = self.secrets_shown.as_secs().div_euclid(60).max(1);
        let words = replies::secret(target, secret, minutes);
        let message = match self.channel.post(chat, &words).await {
            Ok(message) => message,
            Err(cause) => {
                tracing::error!(%cause, "a secret could not be shown; it has to be made anew");
                return;
            }
        };
        let (chat, shown_for) = (chat.clone(), self.secrets_shown);
        self.later(move |desk| async move {
            // Also when the twin is stopped: it must not stand there until the next start.
            desk.stop.run_until_cancelled(sleep(shown_for)).await;
            if let Err(cause) = desk.channel.edit(&chat, message, &replies::secret_gone()).await {
                tracing::error!(%cause, "a secret could not be taken out of the chat");
            }
        });
    }

    /// Waits until nothing else changes these people, in an order that nobody can block.
    pub(super) async fn hold(&self, people: impl IntoIterator<Item = UserId>) -> Held {
        let mut people: Vec<UserId> = people.into_iter().collect();
        people.sort();
        people.dedup();
        let locks: Vec<Arc<Mutex<()>>> = {
            let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
            targets.retain(|_, lock| Arc::strong_count(lock) > 1);
            people.iter().map(|person| Arc::clone(targets.entry(*person).or_default())).collect()
        };
        let mut held = Vec::new();
        for lock in locks {
            held.push(lock.lock_owned().await);
        }
        held
    }
}

/// Nothing else changes some people as long as this exists.
pub(super) type Held = Vec<OwnedMutexGuard<()>>;

/// Work that takes longer than this is announced.
const A_MOMENT: Duration = Duration::from_millis(700);
