use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtwin_kernel::{ClientState, Clock, Entropy, Secret};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::calls::repeat;
use crate::graph::{encode, items, next_page};
use crate::key::NotificationKey;
use crate::listen::Lifecycle;
use crate::memory::MemoryError;
use crate::notice::Expected;
use crate::status::{Board, Subscribed};
use crate::{Graph, GraphError, GraphRequest, Memory, Settings, Verb, chain};

/// Keeps the twin's one subscription alive.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) settings: Settings,
    pub(crate) graph: Arc<dyn Graph>,
    pub(crate) memory: Arc<dyn Memory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) key: Arc<NotificationKey>,
    pub(crate) expected: watch::Sender<Option<Expected>>,
    pub(crate) board: Board,
}

/// The subscription as it is kept over a restart.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    id: String,
    client_state: String,
    /// What it was made for; another address or key needs another subscription.
    made_for: MadeFor,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MadeFor {
    resource: String,
    notification_url: String,
    lifecycle_url: String,
    certificate: String,
}

/// Why there is no living subscription. It is tried again later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubscriptionError {
    #[error("Graph did not {operation}")]
    Graph {
        operation: &'static str,
        #[source]
        cause: GraphError,
    },
    #[error("the answer to `make the subscription` has no usable `{0}`")]
    Answer(&'static str),
    #[error("there is one already, and it cannot be found")]
    Duplicate,
    #[error("remembering the subscription failed")]
    Memory(#[source] MemoryError),
}

/// How the subscription came to be alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alive {
    /// It had been all the time.
    Still,
    /// It was made; what happened before was not notified.
    Anew,
}

/// What was done for a living subscription, and when it is renewed next.
#[derive(Clone, Copy, Debug)]
struct Acts {
    last: Instant,
    renewed: Option<Instant>,
    reauthorized: Option<Instant>,
    due: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Nothing,
    /// Moves the end, and authorises anew.
    Renew,
    Reauthorize,
}

impl Acts {
    /// What to do when the service asks for authorisation. It says so again every quarter of an
    /// hour. Renewing does it too, but the two are not to come close to one another.
    fn when_asked(&self, now: Instant) -> Act {
        let lately = |at: Option<Instant>| at.is_some_and(|at| now < at + NOT_BOTH_WITHIN);
        if now < self.last + CROSSING {
            Act::Nothing
        } else if lately(self.renewed) {
            Act::Renew
        } else if now + NOT_BOTH_WITHIN < self.due {
            Act::Reauthorize
        } else if lately(self.reauthorized) {
            // It is renewed soon.
            Act::Nothing
        } else {
            Act::Renew
        }
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Subscriber {
    /// Reads back what an earlier process subscribed to, and expects its notifications.
    pub(crate) async fn load(&self) -> Result<Option<Kept>, MemoryError> {
        let kept = self.memory.get(SUBSCRIPTION).await?;
        let kept: Option<Kept> = kept.and_then(|kept| serde_json::from_str(kept.expose()).ok());
        let kept = kept.filter(|kept| kept.made_for == self.made_for());
        self.expect(kept.as_ref());
        Ok(kept)
    }

    /// Keeps the subscription alive; says with `gap` when notifications may have been lost.
    pub(crate) async fn run(
        &self,
        mut kept: Option<Kept>,
        mut events: mpsc::Receiver<Lifecycle>,
        gap: impl Fn(),
    ) {
        // What an earlier process left behind besides what it remembered.
        let mut clear = true;
        let mut pause = FIRST_PAUSE;
        loop {
            let alive = match self.make_alive(&mut kept, clear).await {
                Ok(alive) => alive,
                Err(error) => {
                    let trouble = chain(&error);
                    tracing::warn!(cause = trouble, "there is no living subscription");
                    self.board.note(|status| status.trouble = Some(trouble));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            };
            clear = false;
            pause = FIRST_PAUSE;
            self.board.note(|status| status.trouble = None);
            if alive == Alive::Anew {
                // What was said of the one before.
                while events.try_recv().is_ok() {}
                gap();
            }
            self.stay_alive(&mut kept, alive, &mut events, &gap).await;
            // Never faster than this, whatever the service says about what was just made.
            tokio::time::sleep(FIRST_PAUSE).await;
        }
    }

    /// Finds the subscription alive or makes it.
    async fn make_alive(
        &self,
        kept: &mut Option<Kept>,
        clear: bool,
    ) -> Result<Alive, SubscriptionError> {
        if let Some(known) = kept.as_ref() {
            match self.renew(&known.id).await {
                Ok(()) => {
                    if clear {
                        self.remove_all_but(Some(&known.id)).await?;
                    }
                    return Ok(Alive::Still);
                }
                Err(error) if error.status().is_some() => {
                    tracing::info!(cause = chain(&error), "the kept subscription is gone");
                    *kept = None;
                }
                Err(cause) => {
                    return Err(SubscriptionError::Graph { operation: RENEW, cause });
                }
            }
        }
        let made = self.make().await?;
        self.expect(Some(&made));
        *kept = Some(made);
        Ok(Alive::Anew)
    }

    /// Renews until the subscription is lost.
    async fn stay_alive(
        &self,
        kept: &mut Option<Kept>,
        alive: Alive,
        events: &mut mpsc::Receiver<Lifecycle>,
        gap: &impl Fn(),
    ) {
        let Some(id) = kept.as_ref().map(|kept| kept.id.clone()) else { return };
        let now = Instant::now();
        let mut acts = Acts {
            last: now,
            renewed: (alive == Alive::Still).then_some(now),
            reauthorized: None,
            due: now + self.renew_in(),
        };
        let mut refusals = 0;
        loop {
            let act = tokio::select! {
                () = tokio::time::sleep_until(acts.due) => Act::Renew,
                event = events.recv() => match event {
                    Some(Lifecycle::Reauthorize) => acts.when_asked(Instant::now()),
                    Some(Lifecycle::Missed) => {
                        gap();
                        Act::Nothing
                    }
                    Some(Lifecycle::Removed) => {
                        tracing::warn!("the service removed the subscription");
                        self.board.note(|status| status.subscription = None);
                        *kept = None;
                        return;
                    }
                    // Nobody listens any more: the twin stops.
                    None => std::future::pending().await,
                },
            };
            let result = match act {
                Act::Nothing => continue,
                Act::Reauthorize => self.reauthorize(&id).await,
                Act::Renew => self.renew(&id).await,
            };
            let now = Instant::now();
            acts.last = now;
            match act {
                Act::Nothing => {}
                Act::Reauthorize => acts.reauthorized = Some(now),
                Act::Renew => {
                    acts.renewed = Some(now);
                    acts.due = now + self.renew_in();
                }
            }
            match result {
                Ok(()) => {
                    refusals = 0;
                    self.board.note(|status| status.trouble = None);
                }
                Err(error) => {
                    let trouble = chain(&error);
                    tracing::warn!(cause = trouble, "renewing the subscription failed");
                    self.board.note(|status| status.trouble = Some(trouble));
                    refusals += u32::from(error.status().is_some());
                    if error.status() == Some(404) || refusals >= MOST_REFUSALS {
                        self.board.note(|status| status.subscription = None);
                        *kept = None;
                        return;
                    }
                    acts.due = now + AFTER_FAILURE;
                }
            }
        }
    }

    /// When to renew: as set, and well before the end.
    fn renew_in(&self) -> Duration {
        self.settings.renew_every.min(self.settings.lifetime / 2).max(SHORTEST_RENEWAL)
    }

    /// Moves the end. Renews the authorisation too.
    async fn renew(&self, id: &str) -> Result<(), GraphError> {
        let until = self.until();
        let request = GraphRequest::new(Verb::Patch, path(id))
            .with(json!({"expirationDateTime": until.to_string()}))
            .with_new_token();
        let answer = repeat(&*self.graph, request).await?;
        self.is_alive(id, end(&answer.body).unwrap_or(until));
        Ok(())
    }

    async fn reauthorize(&self, id: &str) -> Result<(), GraphError> {
        let path = format!("{}/reauthorize", path(id));
        repeat(&*self.graph, GraphRequest::new(Verb::Post, path).with_new_token()).await?;
        self.board.note(|status| status.renewed += 1);
        Ok(())
    }

    /// Makes the subscription, after removing what there may be of earlier attempts.
    async fn make(&self) -> Result<Kept, SubscriptionError> {
        for _ in 0..MOST_DUPLICATES {
            self.remove_all_but(None).await?;
            let mut bytes = [0; 32];
            self.entropy.fill(&mut bytes);
            let client_state = hex::encode(bytes);
            let until = self.until();
            let request = GraphRequest::new(Verb::Post, "/v1.0/subscriptions".to_owned())
                .with(json!({
                    "changeType": "created,updated,deleted",
                    "notificationUrl": self.settings.notification_url.as_str(),
                    "lifecycleNotificationUrl": self.settings.lifecycle_url.as_str(),
                    "resource": self.settings.resource(),
                    "expirationDateTime": until.to_string(),
                    "clientState": client_state,
                    "includeResourceData": true,
                    "encryptionCertificate": self.key.certificate(),
                    "encryptionCertificateId": self.key.id(),
                }))
                .with_new_token();
            // Sent once: after a lost answer, the next attempt begins by removing what it made.
            let body = match self.graph.call(request).await {
                Ok(answer) => answer.body,
                Err(error) if error.status() == Some(409) => continue,
                Err(cause) => {
                    let operation = "make the subscription";
                    return Err(SubscriptionError::Graph { operation, cause });
                }
            };
            let id = body.get("id").and_then(Value::as_str).filter(|id| is_id(id));
            let id = id.ok_or(SubscriptionError::Answer("id"))?.to_owned();
            let kept = Kept { id, client_state, made_for: self.made_for() };
            // Before anybody is told that we listen: the first notification may come at once.
            self.expect(Some(&kept));
            let text = Secret::new(json!(kept).to_string());
            self.memory.put(SUBSCRIPTION, &text).await.map_err(SubscriptionError::Memory)?;
            self.board.note(|status| status.made += 1);
            self.is_alive(&kept.id, end(&body).unwrap_or(until));
            tracing::info!(subscription = kept.id, "subscribed");
            return Ok(kept);
        }
        Err(SubscriptionError::Duplicate)
    }

    /// Removes every subscription to the twin's chats but one. Graph lists only our app's.
    async fn remove_all_but(&self, keep: Option<&str>) -> Result<(), SubscriptionError> {
        let ours = self.settings.resource();
        let mut next = Some("/v1.0/subscriptions".to_owned());
        let mut old = Vec::new();
        for _ in 0..MOST_PAGES {
            let Some(path) = next else { break };
            let mut body = repeat(&*self.graph, GraphRequest::new(Verb::Get, path))
                .await
                .map_err(|cause| SubscriptionError::Graph {
                    operation: "list subscriptions",
                    cause,
                })?
                .body;
            next = next_page(&body);
            for item in items(&mut body) {
                let text = |name| item.get(name).and_then(Value::as_str).unwrap_or_default();
                let same = text("resource")
                    .trim_start_matches('/')
                    .eq_ignore_ascii_case(ours.trim_start_matches('/'));
                if same && Some(text("id")) != keep && is_id(text("id")) {
                    old.push(text("id").to_owned());
                }
            }
        }
        for id in old {
            match repeat(&*self.graph, GraphRequest::new(Verb::Delete, path(&id))).await {
                Ok(_) => tracing::info!(subscription = id, "an old subscription was removed"),
                Err(error) if error.status() == Some(404) => {}
                Err(cause) => {
                    let operation = "remove an old subscription";
                    return Err(SubscriptionError::Graph { operation, cause });
                }
            }
        }
        Ok(())
    }

    fn expect(&self, kept: Option<&Kept>) {
        self.expected.send_replace(kept.map(|kept| Expected {
            subscription: kept.id.clone(),
            client_state: ClientState::new(Secret::new(kept.client_state.clone())),
            tenant: self.settings.tenant,
        }));
    }

    fn is_alive(&self, id: &str, until: Timestamp) {
        self.board.note(|status| {
            status.renewed += u64::from(status.subscription.is_some());
            status.subscription = Some(Subscribed { id: id.to_owned(), until });
        });
    }

    fn made_for(&self) -> MadeFor {
        MadeFor {
            resource: self.settings.resource(),
            notification_url: self.settings.notification_url.to_string(),
            lifecycle_url: self.settings.lifecycle_url.to_string(),
            certificate: self.key.id().to_owned(),
        }
    }

    /// When a subscription asked for now shall end, in whole seconds.
    fn until(&self) -> Timestamp {
        let end = self.clock.now().checked_add(self.settings.lifetime).unwrap_or(Timestamp::MAX);
        Timestamp::from_second(end.as_second()).unwrap_or(end)
    }
}

/// Ends every subscription that the app has: whoever it was made for is not to be notified here any
/// more.
///
/// # Errors
/// When the service does not answer or refuses.
pub async fn unsubscribe(graph: &dyn Graph) -> Result<(), GraphError> {
    let list = GraphRequest::new(Verb::Get, "/v1.0/subscriptions".to_owned());
    let mut body = repeat(graph, list).await?.body;
    for item in items(&mut body) {
        let Some(id) = item.get("id").and_then(Value::as_str).filter(|id| is_id(id)) else {
            continue;
        };
        match repeat(graph, GraphRequest::new(Verb::Delete, path(id))).await {
            Err(error) if error.status() != Some(404) => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn path(id: &str) -> String {
    format!("/v1.0/subscriptions/{}", encode(id))
}

fn end(body: &Value) -> Option<Timestamp> {
    body.get("expirationDateTime")?.as_str()?.parse().ok()
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128
}

/// The name under which the memory keeps the subscription.
const SUBSCRIPTION: &str = "teams.subscription";

const RENEW: &str = "renew the subscription";

/// Renewing and reauthorising are not both to be done within ten minutes (Graph, "lifecycle
/// notifications").
const NOT_BOTH_WITHIN: Duration = Duration::from_secs(10 * 60);

/// A lifecycle event that comes this soon after we acted is about what was before.
const CROSSING: Duration = Duration::from_secs(30);

const SHORTEST_RENEWAL: Duration = Duration::from_secs(5);
const AFTER_FAILURE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Refused renewals in a row, after which a new subscription is made.
const MOST_REFUSALS: u32 = 3;

/// Attempts to make a subscription that Graph says is there already.
const MOST_DUPLICATES: u32 = 3;

const MOST_PAGES: u32 = 20;
