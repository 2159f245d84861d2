//! Waits for the tenant's own audit entry and adds it to the reply.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use subtwin_hear::Channel;
use subtwin_kernel::{Action, Outcome, TenantEntry};
use subtwin_record::{Log, Opened, Trace, Trail};
use subtwin_store::{RequestRow, Stage, Store};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::replies;

/// Follows actions until their entry is found, or the time to look is over.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(super) channel: Arc<dyn Channel>,
    pub(super) trail: Arc<dyn Trail>,
    pub(super) log: Log,
    pub(super) store: Store,
    /// When to look, counted from the action.
    pub(super) look_after: Vec<Duration>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// What is followed.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) headline: String,
    pub(super) trace: Trace,
}

impl Followed {
    pub(super) fn new(opened: &Opened, action: Action, headline: String) -> Self {
        Self::of(action, opened.client_request_id(), opened.opened_at(), headline)
    }

    pub(super) const fn of(
        action: Action,
        client_request_id: Uuid,
        sent_at: Timestamp,
        headline: String,
    ) -> Self {
        Self { headline, trace: Trace { action, client_request_id, sent_at } }
    }
}

impl Watch {
    /// Follows an action in the background. What was definitely not done leaves no entry.
    pub(super) fn follow(
        &self,
        row: RequestRow,
        followed: Followed,
        outcome: Outcome,
        receipt: String,
    ) {
        let watch = self.clone();
        self.tasks.spawn(async move {
            let stopped = watch.stop.clone();
            let work = watch.work(row, followed, outcome, receipt);
            // Stopping loses nothing: a request that is not settled is followed again at start.
            let _ = stopped.run_until_cancelled(work).await;
        });
    }

    async fn work(self, row: RequestRow, followed: Followed, outcome: Outcome, receipt: String) {
        if matches!(outcome, Outcome::NotDone { .. }) {
            return self.settle(row).await;
        }
        let entry = self.find(&followed.trace).await;
        if let Err(cause) = self.log.entry(row.request, entry.clone()).await {
            tracing::error!(%cause, "the tenant's entry could not be recorded");
            return;
        }
        self.finish(row, &followed.headline, &outcome, &receipt, entry).await;
    }

    /// Adds to the reply what is on record about the tenant's entry; then nothing is left to do.
    pub(super) async fn finish(
        &self,
        row: RequestRow,
        headline: &str,
        outcome: &Outcome,
        receipt: &str,
        entry: Option<TenantEntry>,
    ) {
        let words = match &entry {
            Some(entry) => replies::result_with_entry(headline, outcome, receipt, entry),
            None => replies::result_without_entry(headline, outcome, receipt),
        };
        if let Some(reply) = row.reply
            && let Err(cause) = self.channel.edit(&row.chat, reply, &words).await
        {
            tracing::warn!(%cause, "the tenant's entry could not be added to the reply");
        }
        self.settle(row).await;
    }

    async fn settle(&self, mut row: RequestRow) {
        row.stage = Stage::Settled;
        if let Err(cause) = self.store.save_request(&row).await {
            tracing::error!(%cause, request = %row.request, "could not settle a request");
        }
    }

    async fn find(&self, trace: &Trace) -> Option<TenantEntry> {
        let mut waited = Duration::ZERO;
        for at in &self.look_after {
            sleep(at.saturating_sub(waited)).await;
            waited = *at;
            match self.trail.find(trace).await {
                Ok(Some(entry)) => return Some(entry),
                Ok(None) => {}
                Err(cause) => tracing::warn!(%cause, "could not read the tenant's audit log"),
            }
        }
        None
    }
}
