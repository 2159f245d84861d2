//! A twin with everything around it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use subtwin_hear::{Handler, Heard, Intake, Seen, SeenError};
use subtwin_kernel::{ChatId, Clock, MessageId, Secret, SeededEntropy};
use subtwin_teams::{Ears, Memory, MemoryError, Ports, Settings, Status, Voice};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::service::{self, Issuer, Published};
use crate::tenant::{APP, CHAT, DOUG, TENANT, TWIN, Tenant};

/// Shows the runtime's time, which stands still until everybody waits.
#[derive(Debug)]
pub(crate) struct TestClock {
    begun: Instant,
    start: Timestamp,
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.start.checked_add(self.begun.elapsed()).unwrap()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Notebook {
    pub(crate) values: Mutex<BTreeMap<&'static str, Secret>>,
    pub(crate) marks: Mutex<BTreeMap<ChatId, Timestamp>>,
}

#[async_trait]
impl Memory for Notebook {
    async fn get(&self, name: &'static str) -> Result<Option<Secret>, MemoryError> {
        Ok(self.values.lock().unwrap().get(name).cloned())
    }

    async fn put(&self, name: &'static str, value: &Secret) -> Result<(), MemoryError> {
        self.values.lock().unwrap().insert(name, value.clone());
        Ok(())
    }

    async fn watermarks(&self) -> Result<Vec<(ChatId, Timestamp)>, MemoryError> {
        let marks = self.marks.lock().unwrap();
        Ok(marks.iter().map(|(chat, at)| (chat.clone(), *at)).collect())
    }

    async fn set_watermark(&self, chat: &ChatId, at: Timestamp) -> Result<(), MemoryError> {
        self.marks.lock().unwrap().insert(chat.clone(), at);
        Ok(())
    }
}

/// Remembers what was taken up, and writes down what was heard.
#[derive(Debug)]
pub(crate) struct Scribe {
    taken: Mutex<HashSet<(ChatId, MessageId)>>,
    pub(crate) heard: watch::Sender<Vec<Heard>>,
    /// Handling a message takes one of these.
    pub(crate) gate: Semaphore,
}

#[async_trait]
impl Seen for Scribe {
    async fn take(&self, chat: &ChatId, id: MessageId, _: Timestamp) -> Result<bool, SeenError> {
        Ok(self.taken.lock().unwrap().insert((chat.clone(), id)))
    }

    async fn finish(&self, _: &ChatId, _: MessageId) -> Result<(), SeenError> {
        Ok(())
    }
}

#[async_trait]
impl Handler for Scribe {
    async fn handle(&self, heard: Heard) {
        self.gate.acquire().await.unwrap().forget();
        self.heard.send_modify(|all| all.push(heard));
    }
}

/// What outlives a twin's process.
pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) memory: Arc<Notebook>,
    pub(crate) scribe: Arc<Scribe>,
    pub(crate) issuer: Issuer,
    pub(crate) keys: Arc<Published>,
    pub(crate) settings: Settings,
    pub(crate) intake: subtwin_hear::Settings,
}

/// A twin's process.
pub(crate) struct Running {
    pub(crate) router: Router,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) status: watch::Receiver<Status>,
    pub(crate) intake: Intake,
    stop: CancellationToken,
    tasks: TaskTracker,
}

pub(crate) fn settings() -> Settings {
    let public = "https://twin.contoso.com/teams".parse().unwrap();
    Settings::new(TENANT.parse().unwrap(), TWIN.parse().unwrap(), APP.parse().unwrap(), &public)
        .unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let start = "2026-03-01T09:00:00Z".parse().unwrap();
        let clock = Arc::new(TestClock { begun: Instant::now(), start });
        let issuer = Issuer::new("key-1");
        let scribe = Scribe {
            taken: Mutex::default(),
            heard: watch::Sender::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        };
        Self {
            tenant: Tenant::new(Arc::clone(&clock) as _),
            clock,
            memory: Arc::default(),
            scribe: Arc::new(scribe),
            keys: Published::new(vec![issuer.jwk.clone()]),
            issuer,
            settings: settings(),
            intake: subtwin_hear::Settings::default(),
        }
    }

    /// Starts a process and waits until it is subscribed and has caught up.
    pub(crate) async fn start(&self) -> Running {
        let mut running = self.launch().await;
        running.until(|status| status.subscription.is_some() && status.caught_up.is_some()).await;
        // What is written from now on is written later.
        wait(1).await;
        running
    }

    /// Starts a process.
    pub(crate) async fn launch(&self) -> Running {
        let graph: Arc<Tenant> = Arc::clone(&self.tenant);
        let voice = Arc::new(Voice::new(&self.settings, graph.clone(), self.clock.clone()));
        let intake = Intake::new(self.intake, self.scribe.clone(), self.scribe.clone());
        let ports = Ports {
            graph,
            memory: self.memory.clone(),
            keys: self.keys.clone(),
            clock: self.clock.clone(),
            entropy: Arc::new(SeededEntropy::new(7)),
        };
        let ears = Ears::open(self.settings.clone(), ports, voice, intake.clone());
        let ears = ears.await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (router, status) = (ears.router(), ears.status());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(ears.run(listener, stop.clone()));
        tasks.close();
        Running { router, address, status, intake, stop, tasks }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn subscription(&self) -> Value {
        self.tenant.state().subscriptions.last().cloned().expect("there is a subscription")
    }

    pub(crate) fn token(&self) -> String {
        self.issuer.sign(&service::claims(self.clock.now()))
    }

    /// A genuine post about messages.
    pub(crate) fn post(&self, change: &str, messages: &[&Value]) -> Value {
        let subscription = self.subscription();
        let items: Vec<_> =
            messages.iter().map(|message| service::item(&subscription, change, message)).collect();
        service::post(&items, &[self.token()])
    }

    pub(crate) fn doug_writes(&self, text: &str) -> Value {
        self.tenant.write(CHAT, DOUG, &format!("<p>{text}</p>"))
    }

    /// The texts heard so far.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.scribe.heard.borrow().iter().map(|heard| heard.text.clone()).collect()
    }

    /// Waits until so many messages were heard, at most for an hour of the test's time.
    pub(crate) async fn until_heard(&self, count: usize) -> Vec<String> {
        let mut heard = self.scribe.heard.subscribe();
        let wait = heard.wait_for(|heard| heard.len() >= count);
        let waited = tokio::time::timeout(Duration::from_secs(3600), wait).await.is_ok();
        assert!(waited, "heard only {:?}", self.heard());
        self.heard()
    }
}

impl Running {
    /// Delivers a post in process and gives the answer's status.
    pub(crate) async fn deliver(&self, path: &str, body: &Value) -> StatusCode {
        let request = Request::post(path).body(Body::from(body.to_string())).unwrap();
        self.router.clone().oneshot(request).await.unwrap().status()
    }

    pub(crate) async fn notify(&self, body: &Value) {
        assert_eq!(self.deliver("/notifications", body).await, StatusCode::ACCEPTED);
    }

    /// Sends a lifecycle event about a subscription.
    pub(crate) async fn lifecycle(&self, subscription: &Value, event: &str) {
        let body = json!({"value": [{"subscriptionId": subscription["id"],
            "subscriptionExpirationDateTime": "2026-03-01T10:30:34.9097561-08:00",
            "tenantId": TENANT, "clientState": subscription["clientState"],
            "lifecycleEvent": event}]});
        assert_eq!(self.deliver("/lifecycle", &body).await, StatusCode::ACCEPTED);
    }

    pub(crate) async fn until(&mut self, is: impl FnMut(&Status) -> bool) {
        let wait = self.status.wait_for(is);
        let waited = tokio::time::timeout(Duration::from_secs(3600), wait).await.is_ok();
        assert!(waited, "{:?}", self.status.borrow());
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
        self.intake.shutdown(Duration::ZERO).await;
    }
}

pub(crate) async fn wait(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
