//! An agent is made in a sandbox tenant, with everything that can go wrong on the way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use subtwin_entra::{
    App, Because, Cloud, CloudSettings, Credential, Expected, Graph, Order, PROVISIONER_SCOPES,
    Pace, Provisioning, Read, Stage, Stuck, TokenClient, TokenStore, TokenStoreError, Tokens,
    sign_in,
};
use subtwin_kernel::{Secret, SystemClock, SystemEntropy, UserId};
use subtwin_sandbox::{Running, Settings, start};

use crate::support::Kept;

const INSTALLER: &str = "5b7a0c11-0005-4c4e-9a51-7a0000000005";
const UPN: &str = "ada@contoso.com";

struct World {
    running: Running,
    http: reqwest::Client,
    cloud: Cloud,
    graph: Graph,
    kept: Arc<Kept>,
    order: Order,
    _ca: tempfile::NamedTempFile,
}

impl World {
    /// A tenant in which Dana, who may, has signed in to make agents.
    async fn new() -> Self {
        let settings = Settings { audit_delay: Duration::ZERO, ..Settings::default() };
        let running = start(settings).await.unwrap();
        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), &running.ca_pem).unwrap();
        let here = format!("https://localhost:{}", running.address.port());
        let cloud = Cloud::open(&CloudSettings {
            login: here.clone(),
            graph: here,
            extra_ca: Some(ca.path().into()),
            ..CloudSettings::default()
        })
        .unwrap();
        let http = crate::tenant::client();
        let told = get(&http, &running, "tenant").await;
        let tenant = told["id"].as_str().unwrap().parse().unwrap();
        let people = told["people"].as_array().unwrap();
        let doug = people.iter().find(|it| it["userPrincipalName"] == "doug@contoso.com");
        let sponsor: UserId = doug.unwrap()["id"].as_str().unwrap().parse().unwrap();

        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::default()));
        let app =
            App { tenant, client: INSTALLER.parse().unwrap(), credential: Credential::Public };
        let client = TokenClient::new(cloud.clone(), app, clock.clone(), entropy.clone());
        let scopes = PROVISIONER_SCOPES.map(str::to_owned);
        let (url, shown) = tokio::sync::oneshot::channel();
        let patience = Duration::from_secs(60);
        let signing = sign_in(&client, &scopes, "", Expected::Anyone, patience, |it| {
            url.send(it.to_string()).unwrap();
        });
        let clicking = async {
            let body = json!({"url": shown.await.unwrap(), "as": "dana", "follow": true});
            post(&http, &running, "sign-in", body).await
        };
        let (issued, _) = tokio::join!(signing, clicking);
        let issued = issued.unwrap();
        let dana = issued.identity.unwrap().user;
        let kept: Arc<Kept> = Arc::default();
        let tokens =
            Tokens::of_account(client, scopes.to_vec(), dana, "dana".to_owned(), kept.clone());
        tokens.adopt(issued).await.unwrap();
        let graph = Graph::new(cloud.clone(), tokens, entropy);
        let order = Order {
            tenant,
            name: "Ada".to_owned(),
            upn: UPN.to_owned(),
            sponsor,
            usage_location: "US".to_owned(),
            scopes: ["Chat.Create", "Chat.ReadWrite", "ChatMessage.Send", "User.Read"]
                .map(str::to_owned)
                .to_vec(),
            key_days: 180,
        };
        Self { running, http, cloud, graph, kept, order, _ca: ca }
    }

    fn provisioning(&self) -> Provisioning {
        self.provisioning_with(self.kept.clone())
    }

    fn provisioning_with(&self, kept: Arc<dyn TokenStore>) -> Provisioning {
        let pace = Pace {
            first: Duration::from_millis(20),
            longest: Duration::from_millis(500),
            step: Duration::from_secs(10),
            lost: Duration::from_millis(400),
            ready: Duration::from_secs(20),
        };
        Provisioning::new(
            self.graph.clone(),
            self.cloud.clone(),
            self.order.clone(),
            kept,
            Arc::new(SystemClock),
            Arc::new(SystemEntropy::default()),
        )
        .at_pace(pace)
    }

    async fn make(&self) -> Result<subtwin_entra::Agent, Stuck> {
        self.provisioning().run(&|_| {}).await
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        post(&self.http, &self.running, path, body).await
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        self.graph.list(&Read::at(path), 20).await.unwrap()
    }

    /// Agents' things in the directory: blueprints, identities, agent users, grants of theirs.
    async fn things(&self) -> [usize; 4] {
        let blueprints =
            self.list("/v1.0/applications/microsoft.graph.agentIdentityBlueprint").await;
        let identities = self.list("/v1.0/servicePrincipals/microsoft.graph.agentIdentity").await;
        let users = self.list("/v1.0/users/microsoft.graph.agentUser").await;
        let ids: Vec<&str> = identities.iter().map(|it| it["id"].as_str().unwrap()).collect();
        let grants = self.list("/v1.0/oauth2PermissionGrants").await;
        let grants =
            grants.iter().filter(|it| ids.contains(&it["clientId"].as_str().unwrap())).count();
        [blueprints.len(), identities.len(), users.len(), grants]
    }
}

async fn get(http: &reqwest::Client, running: &Running, path: &str) -> Value {
    let url = format!("http://{}/sandbox/{path}", running.address);
    http.get(url).send().await.unwrap().json().await.unwrap()
}

async fn post(http: &reqwest::Client, running: &Running, path: &str, body: Value) -> Value {
    let url = format!("http://{}/sandbox/{path}", running.address);
    let method = if path == "faults" { reqwest::Method::PUT } else { reqwest::Method::POST };
    let answer = http.request(method, url).json(&body).send().await.unwrap();
    let status = answer.status();
    let told: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{path} {body}: {told}");
    told
}

#[tokio::test]
async fn an_agent_is_made_once_says_who_it_is_and_goes_without_a_trace() {
    let world = World::new().await;
    assert_eq!(world.things().await, [0; 4]);
    let told = Mutex::new(Vec::new());
    let agent = world.provisioning().run(&|stage| told.lock().unwrap().push(stage)).await.unwrap();
    assert_eq!(*told.lock().unwrap(), Stage::ALL);
    assert_eq!(world.things().await, [1; 4]);

    // As itself: its own account, through its own identity.
    let scope = world.cloud.graph_scope();
    let tokens = Tokens::of_agent(agent.blueprint.clone(), agent.id, scope);
    let graph = Graph::new(world.cloud.clone(), tokens, Arc::new(SystemEntropy::default()));
    let me: Value = graph.get(&Read::at("/v1.0/me")).await.unwrap();
    assert_eq!(me["userPrincipalName"], UPN);
    let sponsor = world.order.sponsor;
    let member = |id: UserId| {
        json!({
            "@odata.type": "#microsoft.graph.aadUserConversationMember", "roles": ["owner"],
            "user@odata.bind": format!("https://graph.microsoft.com/v1.0/users('{id}')"),
        })
    };
    let chat = json!({
        "chatType": "oneOnOne", "members": [member(agent.id.user), member(sponsor)],
    });
    let chat = graph.post("/v1.0/chats", Some(&chat)).await.unwrap().body;
    let path =
        format!("/v1.0/chats/{}/messages", subtwin_entra::segment(chat["id"].as_str().unwrap()));
    let said = graph.post(&path, Some(&json!({"body": {"content": "hello"}}))).await.unwrap().body;
    assert_eq!(said["from"]["user"]["id"], agent.id.user.to_string());

    // Again: nothing more is made.
    let again = world.make().await.unwrap();
    assert_eq!(again.id, agent.id);
    assert_eq!(world.things().await, [1; 4]);
    assert_eq!(world.provisioning().made().await.unwrap().unwrap().id, agent.id);

    world.provisioning().undo(&|_| {}).await.unwrap();
    assert_eq!(world.things().await, [0; 4]);
    assert!(world.provisioning().made().await.unwrap().is_none());
    let error = graph.get::<Value>(&Read::at("/v1.0/me")).await.unwrap_err();
    assert!(!error.to_string().is_empty(), "its tokens are worth nothing");
}

/// Keeps what it is given so many times, and then nothing more: as if the process had been killed
/// just before.
#[derive(Debug)]
struct Killed {
    kept: Arc<Kept>,
    left: AtomicUsize,
}

#[async_trait]
impl TokenStore for Killed {
    async fn load(&self, name: &str) -> Result<Option<Secret>, TokenStoreError> {
        self.kept.load(name).await
    }

    async fn save(&self, name: &str, token: &Secret) -> Result<(), TokenStoreError> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        left.map_err(|_| TokenStoreError("killed".into()))?;
        self.kept.save(name, token).await
    }

    async fn forget(&self, name: &str) -> Result<(), TokenStoreError> {
        self.kept.forget(name).await
    }
}

#[tokio::test]
async fn killed_after_each_step_and_before_it_was_noted_it_makes_nothing_twice() {
    let world = World::new().await;
    for killed in 0.. {
        // One thing more is noted each time; the next is done, and lost.
        let kept = Arc::new(Killed { kept: world.kept.clone(), left: AtomicUsize::new(1) });
        let run = world.provisioning_with(kept).run(&|_| {}).await;
        if run.is_ok() {
            assert!(killed > 5, "it was killed {killed} times only");
            break;
        }
        assert!(killed < 30, "it never comes to its end");
    }
    world.make().await.unwrap();
    assert_eq!(world.things().await, [1; 4]);
}

#[tokio::test]
async fn a_lost_answer_makes_nothing_twice_and_a_refusal_makes_nothing() {
    for fault in ["failAfterNext", "cutAfterNext", "failBeforeNext", "throttleNext"] {
        let world = World::new().await;
        // Every write of the job is hit once: the fault is set again as soon as a step begins.
        let (again, mut begun) = tokio::sync::mpsc::unbounded_channel();
        let provisioning = world.provisioning();
        let tell = move |_| {
            let _ = again.send(());
        };
        let making = async {
            let made = provisioning.run(&tell).await;
            drop(tell);
            made
        };
        let breaking = async {
            while begun.recv().await.is_some() {
                world.control("faults", json!({fault: 1})).await;
            }
        };
        let (made, ()) = tokio::join!(making, breaking);
        made.unwrap_or_else(|stuck| panic!("{fault}: {stuck} {stuck:?}"));
        world.control("faults", json!({fault: 0})).await;
        assert_eq!(world.things().await, [1; 4], "{fault}");
    }
}

#[tokio::test]
async fn a_directory_that_lags_behind_is_waited_for() {
    let world = World::new().await;
    world.control("faults", json!({"replicaLagMs": 300})).await;
    world.make().await.unwrap();
    world.control("faults", json!({"replicaLagMs": 0})).await;
    assert_eq!(world.things().await, [1; 4]);
}

#[tokio::test]
async fn what_stands_in_the_way_is_named_with_its_remedy() {
    // The name is taken.
    let mut world = World::new().await;
    "sarah.lin@contoso.com".clone_into(&mut world.order.upn);
    let stuck = world.make().await.unwrap_err();
    assert_eq!(
        stuck.because,
        Because::NameTaken { upn: "sarah.lin@contoso.com".to_owned() },
        "{stuck:?}"
    );
    // With another name it goes on from there.
    UPN.clone_into(&mut world.order.upn);
    world.make().await.unwrap();
    assert_eq!(world.things().await, [1; 4]);

    // A domain that is not the tenant's.
    let mut world = World::new().await;
    "ada@fabrikam.example".clone_into(&mut world.order.upn);
    let stuck = world.make().await.unwrap_err();
    assert!(matches!(stuck.because, Because::Domain { .. }), "{stuck:?}");

    // A permission that no agent may have.
    let mut world = World::new().await;
    world.order.scopes.push("User.ReadWrite.All".to_owned());
    let stuck = world.make().await.unwrap_err();
    assert!(matches!(stuck.because, Because::Blocked { .. }), "{stuck:?}");
    assert_eq!(stuck.stage, Stage::Consent);
    // Abandoned: nothing stays.
    world.provisioning().undo(&|_| {}).await.unwrap();
    assert_eq!(world.things().await, [0; 4]);

    // The directory is full.
    let world = World::new().await;
    world.control("faults", json!({"agentQuotaReached": true})).await;
    let stuck = world.make().await.unwrap_err();
    assert_eq!((stuck.stage, stuck.because), (Stage::Blueprint, Because::Quota));
    assert_eq!(world.things().await, [0; 4]);
}

#[tokio::test]
async fn a_new_key_takes_the_place_of_the_old_one_without_a_gap() {
    for fault in ["", "failAfterNext", "failBeforeNext", "cutAfterNext"] {
        let world = World::new().await;
        let before = world.make().await.unwrap();
        let token = async |agent: &subtwin_entra::Agent| {
            let tokens =
                Tokens::of_agent(agent.blueprint.clone(), agent.id, world.cloud.graph_scope());
            let entropy = Arc::new(SystemEntropy::default());
            let graph = Graph::new(world.cloud.clone(), tokens, entropy);
            graph.get::<Value>(&Read::at("/v1.0/me")).await
        };
        if !fault.is_empty() {
            world.control("faults", json!({fault: 1})).await;
        }
        // Killed somewhere, and again from there.
        let _ =
            tokio::time::timeout(Duration::from_millis(150), world.provisioning().rotate()).await;
        // Whatever is in force works.
        token(&world.provisioning().made().await.unwrap().unwrap()).await.unwrap();
        world.provisioning().rotate().await.unwrap();
        let after = world.provisioning().made().await.unwrap().unwrap();
        token(&after).await.unwrap();
        assert!(token(&before).await.is_err(), "the old key still works ({fault})");
        let blueprints =
            world.list("/v1.0/applications/microsoft.graph.agentIdentityBlueprint").await;
        assert_eq!(blueprints[0]["keyCredentials"].as_array().unwrap().len(), 1, "{fault}");
    }
}

#[tokio::test]
async fn without_a_free_seat_it_stops_says_which_are_used_up_and_goes_on_when_one_is_free() {
    let world = World::new().await;
    let seats = subtwin_entra::onboard::offered(&world.graph).await.unwrap();
    assert!(seats.len() > 2, "{seats:?}");
    let part = |seat: &subtwin_entra::onboard::Offer| seat.part_number.clone();
    for seat in &seats {
        world.control(&format!("skus/{}", part(seat)), json!({"free": 0})).await;
    }
    let stuck = world.make().await.unwrap_err();
    let Because::NoSeat { full } = &stuck.because else { panic!("{stuck:?}") };
    assert_eq!(full.len(), seats.len(), "{full:?}");
    assert!(stuck.to_string().contains("buy or free one"), "{stuck}");
    // The dearest one becomes free: it is taken, because it is the only one.
    let last = seats.last().unwrap();
    world.control(&format!("skus/{}", part(last)), json!({"free": 1})).await;
    world.make().await.unwrap();
    let made = world.provisioning().so_far().await.unwrap();
    assert_eq!(made.id(Stage::Licence), Some(last.sku.to_string().as_str()));
}
