//! A twin with everything around it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use subtwin_bot::{
    AgentUser, Allowed, Ears, Keys, Memory, MemoryError, Ports, Settings, Status, Voice,
};
use subtwin_hear::{Channel as _, Choice, Handler, Heard, Intake, Question, Seen, SeenError};
use subtwin_kernel::{ChatId, ManualClock, MessageId, Secret, SeededEntropy, Words};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::connector::{Published, Service, Wallet, connector, tenant};

pub(crate) const TENANT: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const APP: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const DOUG: &str = "33333333-3333-4333-8333-333333333333";
pub(crate) const SARAH: &str = "44444444-4444-4444-8444-444444444444";
pub(crate) const CALLER: &str = "55555555-5555-4555-8555-555555555555";
pub(crate) const AGENT: &str = "66666666-6666-4666-8666-666666666666";
pub(crate) const AGENT_APP: &str = "77777777-7777-4777-8777-777777777777";
pub(crate) const CHAT: &str = "a:1dougs_conversation";
/// Seconds.
pub(crate) const NOW: i64 = 1_700_000_000;

#[derive(Debug, Default)]
pub(crate) struct Notebook {
    pub(crate) values: Mutex<BTreeMap<String, Secret>>,
    pub(crate) full: Mutex<bool>,
}

#[async_trait]
impl Memory for Notebook {
    async fn get(&self, name: &str) -> Result<Option<Secret>, MemoryError> {
        Ok(self.values.lock().unwrap().get(name).cloned())
    }

    async fn put(&self, name: &str, value: &Secret) -> Result<(), MemoryError> {
        if *self.full.lock().unwrap() {
            return Err(MemoryError { operation: "write", cause: "the disk is full".into() });
        }
        self.values.lock().unwrap().insert(name.to_owned(), value.clone());
        Ok(())
    }
}

/// Remembers what was taken up, and writes down what was heard.
#[derive(Debug, Default)]
pub(crate) struct Scribe {
    taken: Mutex<HashSet<(ChatId, MessageId)>>,
    pub(crate) heard: watch::Sender<Vec<Heard>>,
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
        self.heard.send_modify(|all| all.push(heard));
    }
}

/// What outlives a twin's process.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) memory: Arc<Notebook>,
    pub(crate) scribe: Arc<Scribe>,
    pub(crate) service: Arc<Service>,
    pub(crate) here: String,
    pub(crate) connectors: Arc<Published>,
    pub(crate) tenants: Arc<Published>,
    tasks: TaskTracker,
}

/// A twin's process.
pub(crate) struct Running {
    pub(crate) voice: Arc<Voice>,
    pub(crate) intake: Intake,
    pub(crate) status: watch::Receiver<Status>,
    router: Router,
}

impl World {
    pub(crate) async fn new() -> Self {
        let tasks = TaskTracker::new();
        let (service, here) = Service::start(&tasks).await;
        let allowed = Allowed::new([here.parse().unwrap()]).unwrap();
        let mut settings = Settings::new(TENANT.parse().unwrap(), APP.parse().unwrap(), allowed);
        settings.callers = vec![CALLER.parse().unwrap()];
        Self {
            settings,
            clock: Arc::new(ManualClock::at(Timestamp::from_second(NOW).unwrap())),
            memory: Arc::default(),
            scribe: Arc::default(),
            service,
            here,
            connectors: Published::of(connector()),
            tenants: Published::of(tenant()),
            tasks,
        }
    }

    pub(crate) fn agent(mut self) -> Self {
        self.settings.agent = Some(AgentUser {
            user: AGENT.parse().unwrap(),
            upn: "sam@contoso.com".to_owned(),
            app: AGENT_APP.parse().unwrap(),
        });
        self
    }

    #[expect(clippy::disallowed_methods, reason = "the test is the service that is called")]
    pub(crate) async fn start(&self) -> Running {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let ports = Ports {
            http,
            passes: Arc::new(Wallet::default()),
            memory: Arc::clone(&self.memory) as _,
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::new(SeededEntropy::new(1)),
        };
        let voice = Voice::open(&self.settings, ports).await.unwrap();
        let seen = voice.seen(Arc::clone(&self.scribe) as _);
        let intake =
            Intake::new(subtwin_hear::Settings::default(), seen, Arc::clone(&self.scribe) as _);
        let keys = Keys {
            connector: Arc::clone(&self.connectors) as _,
            tenant: Arc::clone(&self.tenants) as _,
        };
        let clock = Arc::clone(&self.clock) as _;
        let ears =
            Ears::open(self.settings.clone(), keys, clock, Arc::clone(&voice), intake.clone())
                .await;
        Running { voice, intake, status: ears.status(), router: ears.router() }
    }

    pub(crate) fn chat(&self) -> ChatId {
        ChatId::parse(CHAT).unwrap()
    }

    /// What Bot Connector puts into its tokens.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": "https://api.botframework.com", "aud": APP, "serviceurl": self.here,
            "nbf": NOW - 60, "exp": NOW + 3600,
        })
    }

    pub(crate) fn token(&self) -> String {
        connector().sign(&self.claims())
    }

    /// A message from Doug, with some things changed.
    pub(crate) fn message(&self, number: i64, text: &str, changes: Value) -> Value {
        let mut activity = json!({
            "type": "message", "id": (NOW * 1000 + number).to_string(),
            "timestamp": Timestamp::from_millisecond(NOW * 1000 + number).unwrap().to_string(),
            "serviceUrl": self.here, "channelId": "msteams",
            "from": {"id": "29:doug", "name": "Doug", "aadObjectId": DOUG},
            "conversation": {"conversationType": "personal", "tenantId": TENANT, "id": CHAT},
            "recipient": {"id": format!("28:{APP}"), "name": "Sam"},
            "textFormat": "plain", "text": text, "locale": "en-US",
            "channelData": {"tenant": {"id": TENANT}},
        });
        if let Value::Object(changes) = changes {
            for (name, value) in changes {
                activity[name] = value;
            }
        }
        activity
    }

    /// A press of a button, with some things changed.
    pub(crate) fn press(&self, prompt: &str, verb: &str, changes: Value) -> Value {
        let value = json!({
            "action": {"type": "Action.Execute", "verb": verb, "data": {"prompt": prompt}},
            "trigger": "manual",
        });
        let mut activity = self.message(
            900,
            "",
            json!({
                "type": "invoke", "id": "f:1", "name": "adaptiveCard/action", "value": value,
            }),
        );
        if let Value::Object(changes) = changes {
            for (name, value) in changes {
                activity[name] = value;
            }
        }
        activity
    }
}

impl Running {
    /// Posts as a service that signs with Bot Connector's key.
    pub(crate) async fn post(&self, world: &World, activity: &Value) -> (StatusCode, Value) {
        self.send(Some(&world.token()), activity.to_string()).await
    }

    pub(crate) async fn send(&self, token: Option<&str>, body: String) -> (StatusCode, Value) {
        let mut request = Request::post("/api/messages").header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await;
        let answer = answer.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Doug has written, so the conversation is known.
    pub(crate) async fn greeted(&self, world: &World) {
        let (status, _) = self.post(world, &world.message(1, "hello", json!({}))).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        world.until_heard(1).await;
    }

    /// Asks with a yes and a no; gives what the buttons send back, and the question's message.
    pub(crate) async fn ask(&self, world: &World) -> (String, MessageId) {
        let choice =
            |name: &'static str| Choice { name, label: name.to_uppercase(), says: name.to_owned() };
        let choices = vec![choice("yes"), choice("no")];
        let question = Question { words: Words::plain("Shall I?"), choices };
        let message = self.voice.ask(&world.chat(), &question).await.unwrap();
        let card = world.service.said().pop().unwrap().body["attachments"][0]["content"].clone();
        let prompt = card["actions"][0]["data"]["prompt"].as_str().unwrap().to_owned();
        (prompt, message)
    }
}

impl World {
    /// What was heard, once there are so many.
    pub(crate) async fn until_heard(&self, count: usize) -> Vec<Heard> {
        let mut heard = self.scribe.heard.subscribe();
        let all = heard.wait_for(|all| all.len() >= count);
        let all = tokio::time::timeout(Duration::from_secs(10), all).await;
        all.expect("nothing more was heard").unwrap().clone()
    }

    /// Everything that was heard once nothing is being handled any more.
    pub(crate) async fn heard_in_the_end(&self, running: &Running) -> Vec<String> {
        let idle = async {
            while running.intake.oldest_unfinished(&self.chat()).is_some() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), idle).await.expect("it is never idle");
        running.intake.shutdown(Duration::from_secs(10)).await;
        self.scribe.heard.borrow().iter().map(|heard| heard.text.clone()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.close();
    }
}
