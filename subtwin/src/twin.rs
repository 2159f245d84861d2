//! A running twin: every part made, wired and started.

mod approvals;
mod borrowed;
mod cards;
mod carry;
mod cases;
mod desk;
mod doors;
mod ending;
mod evidence;
pub(crate) mod life;
mod mouth;
mod notes;
mod ports;
mod pulse;
mod replies;
mod resume;
#[cfg(test)]
mod sim;
mod station;
mod undo;
mod watch;
mod watchman;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use subtwin_confirm::Gate;
use subtwin_entra::{
    App, Cloud, CloudSettings, Credential, Entra, Graph, TokenClient, TokenStore, Tokens,
};
use subtwin_kernel::{AppId, Clock, Entropy, KeyBytes, SystemClock, SystemEntropy, Tool};
use subtwin_policy::Policies;
use subtwin_primitives::{TwinChange, TwinEvent};
use subtwin_record::{Log, Recovered};
use subtwin_store::{OpenError, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::config::Config;
use crate::keys;
use doors::Doors;
use life::Life;
use ports::Borrowed;
pub(crate) use ports::Sealed;
pub(crate) use pulse::Pulse;
use resume::Left;
use station::{Acting, Ready, Station};

pub(crate) use mouth::{BOT_CERTIFICATE, BOT_KEY};

/// One of the twin's two app registrations, and what it may do at most.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Registration {
    /// Reads and writes chats.
    Chat,
    /// Carries out the tools.
    Admin,
}

impl Registration {
    /// Those a twin signs in for. A bot is written to through an app of its own.
    pub(crate) const fn of(config: &Config) -> &'static [Self] {
        match config.bot {
            None => &[Self::Chat, Self::Admin],
            Some(_) => &[Self::Admin],
        }
    }

    /// Delegated Graph scopes, pinned: the twin asks for what its tools need and no more.
    pub(crate) fn scopes(self, tools: &[Tool]) -> Vec<String> {
        match self {
            Self::Chat => subtwin_entra::onboard::Registration::Chat.scopes(tools),
            Self::Admin => subtwin_entra::onboard::Registration::Admin.scopes(tools),
        }
    }

    /// The registration itself, as the token service knows it.
    pub(crate) const fn app(self, config: &Config) -> App {
        let client = match self {
            Self::Chat => config.twin.chat_app,
            Self::Admin => config.twin.admin_app,
        };
        App { tenant: config.tenant, client, credential: Credential::Public }
    }

    /// What people call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Admin => "admin",
        }
    }

    /// Under which name its refresh token is sealed.
    pub(crate) const fn vault_name(self) -> &'static str {
        match self {
            Self::Chat => "token/chat",
            Self::Admin => "token/admin",
        }
    }
}

/// What signing in and running both need: the vault and the two token clients.
#[derive(Clone, Debug)]
pub(crate) struct Foundations {
    pub(crate) cloud: Cloud,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Foundations {
    /// Opens the twin's state and finds its cloud.
    pub(crate) fn lay(config: &Config) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&config.state.dir)
            .with_context(|| format!("cannot make `{}`", config.state.dir.display()))?;
        Self::on(config, Store::open_of)
    }

    /// The same to look only, beside a twin that runs.
    pub(crate) fn to_look(config: &Config) -> anyhow::Result<Self> {
        Self::on(config, Store::look_of)
    }

    fn on(
        config: &Config,
        open: impl Fn(&Path, &KeyBytes, &str, Arc<dyn Entropy>) -> Result<Store, OpenError>,
    ) -> anyhow::Result<Self> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
        let key = keys::read(&config.state.key)?;
        let (dir, owner) = (config.state.store(), config.owner());
        let store = open(&dir, &key, &owner, Arc::clone(&entropy))?;
        Ok(Self { cloud: cloud(config)?, store, clock: Arc::new(SystemClock), entropy })
    }

    /// The client of one registration.
    pub(crate) fn client(&self, config: &Config, registration: Registration) -> TokenClient {
        self.client_of(registration.app(config))
    }

    /// The client of an app.
    fn client_of(&self, app: App) -> TokenClient {
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        TokenClient::new(self.cloud.clone(), app, clock, entropy)
    }

    /// The client of a registration that has no credential.
    pub(crate) fn public_client(&self, config: &Config, client: AppId) -> TokenClient {
        self.client_of(App { tenant: config.tenant, client, credential: Credential::Public })
    }

    /// Where refresh tokens are read and not replaced: a running twin's own is not spoilt.
    pub(crate) fn kept_to_look(&self) -> Arc<dyn TokenStore> {
        Arc::new(Borrowed(self.store.clone()))
    }

    /// The twin's tokens for one registration, from the vault.
    pub(crate) fn tokens(&self, config: &Config, registration: Registration) -> Tokens {
        self.tokens_in(config, registration, Arc::new(Sealed(self.store.clone())))
    }

    fn tokens_in(
        &self,
        config: &Config,
        registration: Registration,
        kept: Arc<dyn TokenStore>,
    ) -> Tokens {
        Tokens::of_account(
            self.client(config, registration),
            registration.scopes(&config.tools),
            config.twin.id.as_user(),
            registration.vault_name().to_owned(),
            kept,
        )
    }
}

/// The cloud that a configuration names.
pub(crate) fn cloud(config: &Config) -> anyhow::Result<Cloud> {
    Ok(Cloud::open(&CloudSettings {
        login: address(&config.cloud.login),
        graph: address(&config.cloud.graph),
        extra_ca: config.cloud.ca_file.clone(),
        ..CloudSettings::default()
    })?)
}

/// The twin's gate over its directory, without the twin: to ask what the policies say.
pub(crate) async fn look(config: &Config) -> anyhow::Result<(Entra, Gate)> {
    let base = Foundations::to_look(config)?;
    let there = base.store.sealed(Registration::Admin.vault_name()).await?.is_some();
    ensure!(there, "the twin has not signed in yet; run `subtwin sign-in` first");
    let kept = base.kept_to_look();
    let tokens = base.tokens_in(config, Registration::Admin, kept);
    let graph = Graph::new(base.cloud.clone(), tokens, Arc::clone(&base.entropy));
    let acting = Acting::member(config, &base);
    let (entra, _) = station::directory(config, &acting, &graph, &base).await?;
    let gate = station::gate(config, &config.tools, &entra)?;
    Ok((entra, gate))
}

/// A twin at work.
#[derive(Debug)]
pub(crate) struct Twin {
    as_whom: AsWhom,
    common: Common,
}

/// As whom a twin is at work.
#[derive(Debug)]
enum AsWhom {
    /// As an ordinary account of its own.
    Member(Station),
    /// As a person's agent, on its way to an account of its own.
    Agent(Arc<Life>),
}

/// What every identity of one twin shares.
#[derive(Clone, Debug)]
struct Common {
    pub(super) base: Foundations,
    pub(super) log: Log,
    doors: Doors,
    /// Its state directory.
    pub(super) state: PathBuf,
    /// Where the twin listens.
    pub(super) here: SocketAddr,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    /// Serves the doors.
    porter: TaskTracker,
    closed: CancellationToken,
}

impl Twin {
    /// Starts a twin that has signed in before. It hears when this returns.
    pub(crate) async fn start(config: &Config) -> anyhow::Result<Self> {
        let base = Foundations::lay(config)?;
        if let Some(agent) = &config.agent {
            let (common, recovered) = Common::open(config, base).await?;
            let life = Life::start(config, agent, common.clone(), recovered).await?;
            return Ok(Self { as_whom: AsWhom::Agent(life), common });
        }
        for registration in Registration::of(config) {
            let there = base.store.sealed(registration.vault_name()).await?.is_some();
            ensure!(there, "the twin has not signed in yet; run `subtwin sign-in` first");
        }
        let acting = Acting::member(config, &base);
        let (common, recovered) = Common::open(config, base).await?;
        let ready = Ready::make(config, acting, &common).await?;
        ready.started(recovered.rules).await?;
        let left = Left::read(recovered, &common.base.store).await?;
        let station = ready.open(&common, left, None).await?;
        Ok(Self { as_whom: AsWhom::Member(station), common })
    }

    /// Puts other policies in force. What is open was shown under the old ones, so a yes to it does
    /// nothing any more.
    pub(crate) async fn take_policies(&self, policies: Policies) -> anyhow::Result<()> {
        match &self.as_whom {
            AsWhom::Member(station) => station.take_policies(policies, &self.common.log).await,
            AsWhom::Agent(life) => life.take_policies(policies).await,
        }
    }

    /// Stops: hears nothing new, finishes or safely leaves what is under way.
    pub(crate) async fn stop(self) {
        let Self { as_whom, common } = self;
        let facts = match as_whom {
            AsWhom::Member(station) => {
                let facts = station.facts().clone();
                station.close().await;
                facts
            }
            AsWhom::Agent(life) => life.stop().await,
        };
        common.close(facts).await;
    }
}

impl Common {
    /// Opens the record and the doors.
    async fn open(config: &Config, base: Foundations) -> anyhow::Result<(Self, Recovered)> {
        let (log, recovered) = open_log(config, &base, &evidence_of(config)).await?;
        let listener = TcpListener::bind(config.notifications.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.notifications.listen))?;
        let here = listener.local_addr()?;
        let (doors, porter, closed) =
            (Doors::default(), TaskTracker::new(), CancellationToken::new());
        porter.spawn(subtwin_edge::serve(listener, doors.router(), PATIENCE, closed.clone()));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let state = config.state.dir.clone();
        Ok((Self { base, log, state, doors, here, tasks, stop, porter, closed }, recovered))
    }

    async fn close(self, facts: subtwin_primitives::Twin) {
        self.closed.cancel();
        self.porter.close();
        self.porter.wait().await;
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(PATIENCE, self.tasks.wait()).await.is_err() {
            tracing::warn!("some background work was left; it goes on at the next start");
        }
        let stopped = TwinEvent { twin: facts, change: TwinChange::Stopped {} };
        if let Err(cause) = self.log.twin(stopped).await {
            tracing::error!(%cause, "the stop could not be recorded");
        }
        if let Err(cause) = self.log.shut_down().await {
            tracing::error!(%cause, "the record could not be closed");
        }
        self.base.store.close().await;
    }
}

/// Where a twin's evidence is.
fn evidence_of(config: &Config) -> PathBuf {
    config.state.dir.join("evidence")
}

/// The evidence, signed with a key that is made at the first start and kept sealed.
async fn open_log(
    config: &Config,
    base: &Foundations,
    dir: &Path,
) -> anyhow::Result<(Log, Recovered)> {
    let key = match base.store.sealed(EVIDENCE_KEY).await? {
        Some(text) => KeyBytes::from_text(&text).context("the evidence's key is damaged")?,
        None => {
            let key = KeyBytes::random(&*base.entropy);
            base.store.put_sealed(EVIDENCE_KEY, &key.to_text()).await?;
            key
        }
    };
    let domain = config.twin.upn.rsplit('@').next().unwrap_or_default();
    // An agent has no id yet when its record begins.
    let origin = match &config.agent {
        Some(agent) => format!("{domain}/{}", agent.upn),
        None => format!("{domain}/{}", config.twin.id),
    };
    let (dir, clock, entropy) =
        (dir.to_owned(), Arc::clone(&base.clock), Arc::clone(&base.entropy));
    let opened =
        tokio::task::spawn_blocking(move || Log::open(&dir, &key, &origin, clock, entropy)).await?;
    Ok(opened?)
}

fn address(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// How long work may go on after the twin was told to stop.
const PATIENCE: Duration = Duration::from_secs(20);
/// Under which name the seed of the evidence's signing key is sealed.
const EVIDENCE_KEY: &str = "evidence/key";
