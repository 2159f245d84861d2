use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use subtwin_kernel::{AppId, TwinId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::calls::repeat;
use crate::{Graph, GraphRequest, Settings, Verb};

/// Shows in Teams that the twin is there, and when it is at work. A courtesy: failures are logged
/// and nothing depends on it.
#[derive(Debug)]
pub struct Presence {
    graph: Arc<dyn Graph>,
    twin: TwinId,
    app: AppId,
    at_work: watch::Sender<usize>,
}

/// The twin is at work as long as this exists.
#[derive(Debug)]
pub struct Busy(watch::Sender<usize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Presence {
    /// A twin's presence; shown while [`Presence::run`] runs.
    #[must_use]
    pub fn new(settings: &Settings, graph: Arc<dyn Graph>) -> Self {
        Self { graph, twin: settings.twin, app: settings.app, at_work: watch::Sender::new(0) }
    }

    /// Says that the twin is at work.
    #[must_use]
    pub fn busy(&self) -> Busy {
        self.at_work.send_modify(|count| *count += 1);
        Busy(self.at_work.clone())
    }

    /// Shows the twin's presence until told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let mut at_work = self.at_work.subscribe();
        stop.run_until_cancelled(async {
            loop {
                let busy = *at_work.borrow_and_update() > 0;
                self.show(busy).await;
                // Not more often than this, however often work begins and ends.
                tokio::time::sleep(AT_MOST).await;
                let other = at_work.wait_for(|count| (*count > 0) != busy);
                // The sender lives in `self`, so it cannot be closed.
                let _ = tokio::time::timeout(REFRESH, other).await;
            }
        })
        .await;
    }

    async fn show(&self, busy: bool) {
        let (availability, activity) =
            if busy { ("Busy", "InACall") } else { ("Available", "Available") };
        let path = format!("/v1.0/users/{}/presence/setPresence", self.twin);
        let request = GraphRequest::new(Verb::Post, path).with(json!({
            "sessionId": self.app.to_string(),
            "availability": availability,
            "activity": activity,
            "expirationDuration": "PT10M",
        }));
        if let Err(error) = repeat(&*self.graph, request).await {
            tracing::warn!(cause = crate::chain(&error), "showing the twin's presence failed");
        }
    }
}

/// `Available` fades after five minutes whatever the expiry says (Graph, `setPresence`).
const REFRESH: Duration = Duration::from_secs(4 * 60);

const AT_MOST: Duration = Duration::from_secs(5);
