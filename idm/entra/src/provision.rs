//! From nothing to an agent with a working Teams account: blueprint, principal, certificate, agent
//! identity, agent user, consent, licence, readiness, and a look at whether it is what it should be.
//!
//! Every step looks before it makes, and what was made is sealed at once. So it can be killed
//! anywhere and goes on where it was, and nothing is made twice (Graph page "Microsoft Entra Agent
//! ID APIs overview").

mod made;
mod steps;
mod stuck;

use std::sync::Arc;
use std::time::Duration;

use subtwin_kernel::{AppId, Clock, Entropy, TenantId, UserId};

use crate::token::{App, ClientKey, Credential, Expected, Grant, TokenClient};
use crate::{AgentId, Cloud, Graph, GraphError, TokenStore};
pub use made::{Thing, Things};
pub use stuck::{Because, Stuck};

/// What is to be made, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The directory.
    pub tenant: TenantId,
    /// What people call the agent.
    pub name: String,
    /// The user principal name of its account, on a verified domain.
    pub upn: String,
    /// The person who answers for it.
    pub sponsor: UserId,
    /// Where it is used, as an ISO 3166 code: licences depend on it.
    pub usage_location: String,
    /// The delegated Graph permissions it gets, and no more.
    pub scopes: Vec<String>,
    /// How many days its certificate is good for.
    pub key_days: u16,
}

/// How long to wait for what. The cloud's own times are its own: a new account may need a quarter of
/// an hour until Teams knows it, and up to a day.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The first pause; each is twice the one before.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// How long one step is tried again when the directory is busy, silent or behind.
    pub step: Duration,
    /// How long a made object whose answer was lost is looked for before it is made again.
    pub lost: Duration,
    /// How long Teams may need to know the account.
    pub ready: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            step: Duration::from_secs(10 * 60),
            lost: Duration::from_secs(30),
            ready: Duration::from_secs(24 * 3600),
        }
    }
}

/// What is made, in this order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The application that agents of this kind are made from.
    Blueprint,
    /// Its presence in the directory.
    Principal,
    /// The certificate it proves itself with.
    Certificate,
    /// The agent identity.
    Identity,
    /// The account people see.
    User,
    /// What the account may do through the identity.
    Consent,
    /// A licence with Teams.
    Licence,
    /// Teams knows the account.
    Ready,
    /// It is what it should be.
    Checked,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Self; 9] = [
        Self::Blueprint,
        Self::Principal,
        Self::Certificate,
        Self::Identity,
        Self::User,
        Self::Consent,
        Self::Licence,
        Self::Ready,
        Self::Checked,
    ];

    /// What is being done, as progress is told.
    #[must_use]
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Blueprint => "making the agent's blueprint",
            Self::Principal => "making the blueprint known in your directory",
            Self::Certificate => "registering its certificate",
            Self::Identity => "making the agent identity",
            Self::User => "making its account",
            Self::Consent => "giving it its permissions",
            Self::Licence => "giving it a licence with Teams",
            Self::Ready => "waiting until Teams knows the account",
            Self::Checked => "checking that it is what it should be",
        }
    }
}

/// An agent that was made.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its blueprint, with a certificate.
    pub blueprint: TokenClient,
    /// Its identity and its user.
    pub id: AgentId,
}

/// Makes one agent, or takes it back.
#[derive(Clone, Debug)]
pub struct Provisioning {
    /// Graph as somebody who may make agents. Not needed for what the agent itself can see.
    provisioner: Graph,
    cloud: Cloud,
    order: Order,
    kept: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    pace: Pace,
}

impl Provisioning {
    /// `kept` seals what was made, under names that begin with `agent/`.
    #[must_use]
    pub fn new(
        provisioner: Graph,
        cloud: Cloud,
        order: Order,
        kept: Arc<dyn TokenStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { provisioner, cloud, order, kept, clock, entropy, pace: Pace::default() }
    }

    /// With other patience.
    #[must_use]
    pub const fn at_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Goes on from what is made to the end; `told` hears of each step as it begins.
    ///
    /// # Errors
    /// When a step cannot be done: why, and what helps. What was made stays, and is found again.
    pub async fn run(&self, told: &(dyn Fn(Stage) + Send + Sync)) -> Result<Agent, Stuck> {
        let mut made = self.load().await?;
        for stage in Stage::ALL {
            if made.has(stage) {
                continue;
            }
            told(stage);
            let thing = self.patiently(stage, &made).await?;
            made.note(stage, thing);
            self.save(&made).await?;
        }
        let blueprint = self.blueprint(&made).await?;
        let id = made.agent().ok_or_else(|| Stuck::at(Stage::Checked, Because::Kept))?;
        self.only_one(&made).await;
        Ok(Agent { blueprint, id })
    }

    /// The agent, if it was made to the end.
    ///
    /// # Errors
    /// When what was sealed cannot be read.
    pub async fn made(&self) -> Result<Option<Agent>, Stuck> {
        let made = self.load().await?;
        match made.agent().filter(|_| made.has(Stage::Checked)) {
            Some(id) => Ok(Some(Agent { blueprint: self.blueprint(&made).await?, id })),
            None => Ok(None),
        }
    }

    /// How far it came.
    ///
    /// # Errors
    /// When what was sealed cannot be read.
    pub async fn so_far(&self) -> Result<Things, Stuck> {
        self.load().await
    }

    /// Takes back all that was made, the youngest first, and forgets the key. What is gone already
    /// is no error. Deleted objects stay in the directory's bin for 30 days.
    ///
    /// # Errors
    /// When something could not be deleted; it can be tried again.
    pub async fn undo(&self, told: &(dyn Fn(Stage) + Send + Sync)) -> Result<(), Stuck> {
        let mut made = self.load().await?;
        // Things, perhaps, in the moment before a crash.
        for stage in [Stage::Blueprint, Stage::Principal, Stage::Identity, Stage::User] {
            if !made.has(stage)
                && made.can_look_for(stage)
                && let Some(thing) = self.find_patiently(stage, &made).await?
            {
                made.note(stage, thing);
            }
        }
        for stage in
            [Stage::Consent, Stage::User, Stage::Identity, Stage::Principal, Stage::Blueprint]
        {
            if made.has(stage) {
                told(stage);
                self.delete_patiently(stage, &made).await?;
                made.gone(stage);
                self.save(&made).await?;
            }
        }
        for name in [Things::NAME, KEY, NEXT_KEY] {
            self.kept.forget(name).await.map_err(|_| Stuck::at(Stage::Blueprint, Because::Kept))?;
        }
        Ok(())
    }

    /// Puts a new key in the place of the one in force, without a moment in which none works: the new
    /// one is made and sealed, registered beside the old, used, and only then is the old one taken
    /// away. Interrupted, it goes on where it was.
    ///
    /// # Errors
    /// When a step cannot be done; the key in force works on.
    pub async fn rotate(&self) -> Result<(), Stuck> {
        let stage = Stage::Certificate;
        let kept = || Stuck::at(stage, Because::Kept);
        let made = self.load().await?;
        let blueprint = made.id(Stage::Blueprint).ok_or_else(kept)?;
        let app = made.blueprint_app().ok_or_else(kept)?;
        let next = match self.kept.load(NEXT_KEY).await.map_err(|_| kept())? {
            Some(text) => ClientKey::from_text(&text).map_err(|_| kept())?,
            None => self.new_key(NEXT_KEY).await?,
        };
        let mut pauses = Pauses::new(self.pace, self.pace.step);
        let registered = async || -> Result<(), GraphError> {
            let there = self.certificates(blueprint).await?;
            let id = next.id.to_string();
            match there.iter().any(|it| it.get("keyId").and_then(|it| it.as_str()) == Some(&id)) {
                true => Ok(()),
                false => self.register(blueprint, &[&next]).await,
            }
        };
        while let Err(error) = registered().await {
            let (because, again) = stuck::judge(stage, &error);
            match if again { pauses.next(stuck::asked(&error)) } else { None } {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(Stuck { cause: Some(error), ..Stuck::at(stage, because) }),
            }
        }
        // The token service may hear of it a little later.
        let key = next.assertion_key().map_err(|_| kept())?;
        let client = self.client(app, Credential::Certificate(key));
        let scopes = [self.cloud.graph_scope()];
        while let Err(cause) = client.token(Grant::ClientCredentials, &scopes, Expected::App).await
        {
            let Some(pause) = pauses.next(None) else {
                let operation = "get a token with the new key".to_owned();
                let cause = Some(GraphError::NoToken { operation, cause: cause.into() });
                return Err(Stuck { cause, ..Stuck::at(stage, Because::Silent) });
            };
            tokio::time::sleep(pause).await;
        }
        self.kept.save(KEY, &next.to_text()).await.map_err(|_| kept())?;
        // What it did not make itself stays.
        let old = made.id(Stage::Certificate).filter(|old| **old != next.id.to_string());
        if let Some(old) = old {
            while let Err(error) = self.unregister(blueprint, old).await {
                let (because, again) = stuck::judge(stage, &error);
                match if again { pauses.next(stuck::asked(&error)) } else { None } {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(Stuck { cause: Some(error), ..Stuck::at(stage, because) }),
                }
            }
        }
        let mut made = made.clone();
        made.note(stage, Thing::new(next.id.to_string()));
        self.save(&made).await?;
        self.kept.forget(NEXT_KEY).await.map_err(|_| kept())
    }

    /// When the key in force ends.
    ///
    /// # Errors
    /// When what was sealed cannot be read.
    pub async fn key_ends(&self) -> Result<Option<jiff::Timestamp>, Stuck> {
        Ok(self.key().await?.map(|key| key.not_after))
    }

    /// The blueprint's client, with the sealed key.
    async fn blueprint(&self, made: &Things) -> Result<TokenClient, Stuck> {
        let kept = || Stuck::at(Stage::Certificate, Because::Kept);
        let key = self.key().await?.ok_or_else(kept)?;
        let client = made.blueprint_app().ok_or_else(kept)?;
        let key = key.assertion_key().map_err(|_| kept())?;
        Ok(self.client(client, Credential::Certificate(key)))
    }

    fn client(&self, client: AppId, credential: Credential) -> TokenClient {
        let app = App { tenant: self.order.tenant, client, credential };
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        TokenClient::new(self.cloud.clone(), app, clock, entropy)
    }

    async fn key(&self) -> Result<Option<ClientKey>, Stuck> {
        let kept = || Stuck::at(Stage::Certificate, Because::Kept);
        let text = self.kept.load(KEY).await.map_err(|_| kept())?;
        text.map(|text| ClientKey::from_text(&text)).transpose().map_err(|_| kept())
    }

    async fn load(&self) -> Result<Things, Stuck> {
        let kept = || Stuck::at(Stage::Blueprint, Because::Kept);
        match self.kept.load(Things::NAME).await.map_err(|_| kept())? {
            Some(text) => Things::from_text(&text).ok_or_else(kept),
            None => {
                // Sealed before anything is made: what is made carries this mark, and is found by it.
                let made = Things::begin(&self.order.name, &*self.entropy);
                self.save(&made).await?;
                Ok(made)
            }
        }
    }

    async fn save(&self, made: &Things) -> Result<(), Stuck> {
        let saved = self.kept.save(Things::NAME, &made.to_text()).await;
        saved.map_err(|_| Stuck::at(Stage::Blueprint, Because::Kept))
    }

    /// One step, tried again while that may help.
    async fn patiently(&self, stage: Stage, made: &Things) -> Result<Thing, Stuck> {
        let budget = if stage == Stage::Ready { self.pace.ready } else { self.pace.step };
        let mut pauses = Pauses::new(self.pace, budget);
        loop {
            let error = match self.once(stage, made).await {
                Ok(thing) => return Ok(thing),
                Err(Failed::Stuck(stuck)) => return Err(stuck),
                Err(Failed::Graph(error)) => error,
            };
            let (because, again) = stuck::judge(stage, &error);
            let pause = if again { pauses.next(stuck::asked(&error)) } else { None };
            let Some(pause) = pause else {
                return Err(Stuck { cause: Some(error), ..Stuck::at(stage, because) });
            };
            tracing::info!(?stage, cause = %crate::chain(&error), "not yet; trying again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Looks, and makes what is not there. What was sent and not answered is looked for before
    /// anything is sent again.
    async fn once(&self, stage: Stage, made: &Things) -> Result<Thing, Failed> {
        if let Some(there) = self.find(stage, made).await? {
            return Ok(there);
        }
        let lost = match self.make(stage, made).await {
            Err(Failed::Graph(error @ GraphError::Unknown { .. })) => error,
            made => return made,
        };
        let mut pauses = Pauses::new(self.pace, self.pace.lost);
        while let Some(pause) = pauses.next(None) {
            tokio::time::sleep(pause).await;
            if let Ok(Some(there)) = self.find(stage, made).await {
                return Ok(there);
            }
        }
        Err(lost.into())
    }

    async fn find_patiently(&self, stage: Stage, made: &Things) -> Result<Option<Thing>, Stuck> {
        let mut pauses = Pauses::new(self.pace, self.pace.step);
        loop {
            let error = match self.find(stage, made).await {
                Ok(found) => return Ok(found),
                Err(Failed::Stuck(stuck)) => return Err(stuck),
                Err(Failed::Graph(error)) => error,
            };
            let (because, again) = stuck::judge(stage, &error);
            match if again { pauses.next(stuck::asked(&error)) } else { None } {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(Stuck { cause: Some(error), ..Stuck::at(stage, because) }),
            }
        }
    }

    async fn delete_patiently(&self, stage: Stage, made: &Things) -> Result<(), Stuck> {
        let mut pauses = Pauses::new(self.pace, self.pace.step);
        loop {
            let error = match self.delete(stage, made).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => error,
            };
            let (because, again) = stuck::judge(stage, &error);
            match if again { pauses.next(stuck::asked(&error)) } else { None } {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(Stuck { cause: Some(error), ..Stuck::at(stage, because) }),
            }
        }
    }
}

/// Why one attempt did not come to its end.
#[derive(Debug)]
enum Failed {
    Graph(GraphError),
    Stuck(Stuck),
}

impl From<GraphError> for Failed {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<Stuck> for Failed {
    fn from(stuck: Stuck) -> Self {
        Self::Stuck(stuck)
    }
}

/// Growing pauses within a budget. What the service asks for is waited, if there is time.
#[derive(Debug)]
struct Pauses {
    next: Duration,
    longest: Duration,
    left: Duration,
}

impl Pauses {
    const fn new(pace: Pace, budget: Duration) -> Self {
        Self { next: pace.first, longest: pace.longest, left: budget }
    }

    fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let pause = asked.unwrap_or(self.next).max(self.next);
        self.left = self.left.checked_sub(pause)?;
        self.next = (self.next * 2).min(self.longest);
        Some(pause)
    }
}

/// The delegated permissions of whoever makes agents and takes them back (Graph page "Microsoft Entra
/// Agent ID APIs overview").
pub const PROVISIONER_SCOPES: [&str; 13] = [
    "AgentIdUser.ReadWrite.All",
    "AgentIdentity.DeleteRestore.All",
    "AgentIdentity.Read.All",
    "AgentIdentityBlueprint.AddRemoveCreds.All",
    "AgentIdentityBlueprint.Create",
    "AgentIdentityBlueprint.DeleteRestore.All",
    "AgentIdentityBlueprint.Read.All",
    "AgentIdentityBlueprintPrincipal.Create",
    "AgentIdentityBlueprintPrincipal.DeleteRestore.All",
    "Application.Read.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "LicenseAssignment.ReadWrite.All",
    "User.ReadWrite.All",
];
/// The name under which the blueprint's key is sealed.
const KEY: &str = "agent/key";
/// The same of the one that takes its place.
const NEXT_KEY: &str = "agent/key-next";
