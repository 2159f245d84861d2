//! A running twin: every part made, wired and started.

mod approvals;
mod cards;
mod carry;
mod cases;
mod desk;
mod ending;
mod evidence;
mod mouth;
mod notes;
mod ports;
mod replies;
mod resume;
#[cfg(test)]
mod sim;
mod undo;
mod watch;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use subtwin_confirm::{Gate, Offered, Restraint};
use subtwin_entra::{
    App, Cloud, CloudSettings, Credential, Entra, Graph, Listed, Standing, TokenClient, TokenStore,
    Tokens,
};
use subtwin_hear::Intake;
use subtwin_kernel::{
    Clock, Digest, Entropy, KeyBytes, PrincipalKind, SystemClock, SystemEntropy, Tool, UserId,
};
use subtwin_policy::Policies;
use subtwin_primitives::{TwinChange, TwinEvent};
use subtwin_record::{Log, Recovered};
use subtwin_store::{KeyFile, OpenError, Store};
use subtwin_understand::{Builtin, Contact, Directory as _, Understanding};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::config::Config;
use cases::Cases;
use desk::Desk;
use evidence::Evidence;
use mouth::Mouth;
use ports::{Borrowed, Sealed};
use resume::Left;
use watch::{Calls, Taken, Watch};

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
            Self::Chat => CHAT_SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
            Self::Admin => subtwin_entra::scopes(tools),
        }
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
        Self::on(config, Store::open)
    }

    /// The same to look only, beside a twin that runs.
    fn to_look(config: &Config) -> anyhow::Result<Self> {
        Self::on(config, Store::look)
    }

    fn on(
        config: &Config,
        open: impl Fn(&Path, &KeyBytes, Arc<dyn Entropy>) -> Result<Store, OpenError>,
    ) -> anyhow::Result<Self> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
        let key = KeyFile::read(&config.state.key_file)?;
        let store = open(&config.state.dir.join("store"), &key, Arc::clone(&entropy))?;
        let cloud = Cloud::open(&CloudSettings {
            login: address(&config.cloud.login),
            graph: address(&config.cloud.graph),
            extra_ca: config.cloud.ca_file.clone(),
            ..CloudSettings::default()
        })?;
        Ok(Self { cloud, store, clock: Arc::new(SystemClock), entropy })
    }

    /// The client of one registration.
    pub(crate) fn client(&self, config: &Config, registration: Registration) -> TokenClient {
        let client = match registration {
            Registration::Chat => config.twin.chat_app,
            Registration::Admin => config.twin.admin_app,
        };
        let app = App { tenant: config.tenant, client, credential: Credential::Public };
        TokenClient::new(
            self.cloud.clone(),
            app,
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
        )
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

/// The twin's gate over its directory, without the twin: to ask what the policies say.
pub(crate) async fn look(config: &Config) -> anyhow::Result<(Entra, Gate)> {
    let base = Foundations::to_look(config)?;
    let there = base.store.sealed(Registration::Admin.vault_name()).await?.is_some();
    ensure!(there, "the twin has not signed in yet; run `subtwin sign-in` first");
    let kept = Arc::new(Borrowed(base.store.clone()));
    let tokens = base.tokens_in(config, Registration::Admin, kept);
    let graph = Graph::new(base.cloud.clone(), tokens, Arc::clone(&base.entropy));
    let (entra, _) = directory(config, &graph, &base).await?;
    let gate = gate(config, &entra)?;
    Ok((entra, gate))
}

fn gate(config: &Config, entra: &Entra) -> anyhow::Result<Gate> {
    let offered = Offered {
        tools: config.tools.clone(),
        digest: subtwin_entra::catalog(&config.tools).digest(),
    };
    let (policies, zone) = (config.gate.policies()?, config.gate.zone()?);
    Ok(Gate::new(Arc::new(entra.clone()), policies, offered, zone))
}

/// A twin at work.
#[derive(Debug)]
pub(crate) struct Twin {
    intake: Intake,
    desk: Arc<Desk>,
    log: Log,
    facts: subtwin_primitives::Twin,
    store: Store,
    ears: TaskTracker,
    deaf: CancellationToken,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Twin {
    /// Starts a twin that has signed in before. It hears when this returns.
    pub(crate) async fn start(config: &Config) -> anyhow::Result<Self> {
        let base = Foundations::lay(config)?;
        for registration in Registration::of(config) {
            let there = base.store.sealed(registration.vault_name()).await?.is_some();
            ensure!(there, "the twin has not signed in yet; run `subtwin sign-in` first");
        }
        let graph = |registration| {
            let tokens = base.tokens(config, registration);
            Graph::new(base.cloud.clone(), tokens, Arc::clone(&base.entropy))
        };
        let (entra, human) = directory(config, &graph(Registration::Admin), &base).await?;
        let evidence = config.state.dir.join("evidence");
        let (log, recovered) = open_log(config, &base, &evidence).await?;
        let facts = facts(config);
        let gate = gate(config, &entra)?;
        started(&log, &facts, gate.offered(), gate.policies(), recovered.rules).await?;
        let left = Left::read(recovered, &base.store).await?;

        let listener = TcpListener::bind(config.notifications.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.notifications.listen))?;
        let here = listener.local_addr()?;
        let mouth = Mouth::open(config, &base, here, graph(Registration::Chat)).await?;
        let presence = mouth.presence();

        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let watch = Watch {
            channel: mouth.channel(),
            trail: Arc::new(entra.clone()),
            log: log.clone(),
            notes: Arc::new(base.store.clone()),
            look_after: config.look_after(),
            taken: Taken::default(),
            calls: Calls::default(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        let answers = config.gate.answers()?;
        let desk = Arc::new_cyclic(|me| Desk {
            me: me.clone(),
            channel: mouth.channel(),
            understanding: understanding(config, &entra),
            directory: Arc::new(entra.clone()),
            gate: RwLock::new(Arc::new(gate)),
            answers,
            restraint: Mutex::new(Restraint::new(config.gate.limits())),
            cards: Arc::new(entra.clone()),
            hands: Arc::new(entra),
            log: log.clone(),
            notes: Arc::new(base.store.clone()),
            evidence: Evidence::new(evidence),
            twin: facts.clone(),
            presence: presence.clone(),
            watch,
            human: Some(human),
            undo_within: Duration::from_secs(config.gate.undo_minutes.saturating_mul(60)),
            secrets_shown: Duration::from_secs(config.gate.secret_minutes.saturating_mul(60)),
            clock: Arc::clone(&base.clock),
            entropy: Arc::clone(&base.entropy),
            cases: Cases::default(),
            lanes: Mutex::new(HashMap::new()),
            targets: Mutex::new(HashMap::new()),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let held = desk.hold(left.people()).await;
        let intake = Intake::new(
            subtwin_hear::Settings::default(),
            mouth.seen(&base.store),
            Arc::clone(&desk) as _,
        );
        let (listening, deaf) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(Arc::clone(&desk).resume(left, held));
        tasks.spawn(sweep(Arc::clone(&desk), stop.clone()));
        if let Some(presence) = presence {
            let stop = stop.clone();
            tasks.spawn(async move { presence.run(stop).await });
        }
        mouth.listen(&base, intake.clone(), listener, &listening, deaf.clone()).await?;
        Ok(Self { intake, desk, log, facts, store: base.store, ears: listening, deaf, tasks, stop })
    }

    /// Puts other policies in force. What is open was shown under the old ones, so a yes to it does
    /// nothing any more.
    pub(crate) async fn take_policies(&self, policies: Policies) -> anyhow::Result<()> {
        let policy_digest = policies.digest();
        if policy_digest == self.desk.gate().policies().digest() {
            tracing::info!(policy = %policy_digest, "the policies are the same");
            return Ok(());
        }
        let known = privilege_matters(self.desk.gate().policies());
        let new = privilege_matters(&policies).into_iter().find(|tool| !known.contains(tool));
        if let Some(tool) = new {
            bail!("they ask who holds administrator roles for {tool}, too; restart the twin");
        }
        // On record before it is in force.
        let change = TwinChange::Policy { policy_digest };
        self.log.twin(TwinEvent { twin: self.facts.clone(), change }).await?;
        self.desk.take_policies(policies);
        tracing::warn!(policy = %policy_digest, "other policies are in force");
        Ok(())
    }

    /// Stops: hears nothing new, finishes or safely leaves what is under way.
    pub(crate) async fn stop(self) {
        self.deaf.cancel();
        self.ears.close();
        self.ears.wait().await;
        let rest = self.intake.shutdown(PATIENCE).await;
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(PATIENCE, self.tasks.wait()).await.is_err() {
            tracing::warn!("some background work was left; it goes on at the next start");
        }
        let stopped = TwinEvent { twin: self.facts, change: TwinChange::Stopped {} };
        if let Err(cause) = self.log.twin(stopped).await {
            tracing::error!(%cause, "the stop could not be recorded");
        }
        if let Err(cause) = self.log.shut_down().await {
            tracing::error!(%cause, "the record could not be closed");
        }
        self.store.close().await;
        tracing::info!(?rest, "stopped");
    }
}

/// Puts the start on the record, and what is new about the twin's rules since the last one.
async fn started(
    log: &Log,
    twin: &subtwin_primitives::Twin,
    offered: &Offered,
    policies: &Policies,
    before: Option<(Digest, Digest)>,
) -> anyhow::Result<()> {
    let (catalog, catalog_digest) = (offered.tools.clone(), offered.digest);
    let policy_digest = policies.digest();
    let mut changes = Vec::new();
    if before.is_some_and(|(catalog, _)| catalog != catalog_digest) {
        tracing::warn!(catalog = %catalog_digest, "the catalog is another than at the last start");
        changes.push(TwinChange::Catalog { catalog: catalog.clone(), catalog_digest });
    }
    if before.is_some_and(|(_, policy)| policy != policy_digest) {
        tracing::warn!(policy = %policy_digest, "the policies are others than at the last start");
        changes.push(TwinChange::Policy { policy_digest });
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    changes.push(TwinChange::Started { version, catalog, catalog_digest, policy_digest });
    for change in changes {
        log.twin(TwinEvent { twin: twin.clone(), change }).await?;
    }
    Ok(())
}

/// The directory as the twin, and the human contact in it.
async fn directory(
    config: &Config,
    graph: &Graph,
    base: &Foundations,
) -> anyhow::Result<(Entra, UserId)> {
    let twin = subtwin_entra::Twin {
        user: config.twin.id.as_user(),
        display_name: config.twin.name.clone(),
        upn: config.twin.upn.clone(),
        kind: PrincipalKind::MemberUser,
    };
    let entra =
        |standing| Entra::new(graph.clone(), twin.clone(), standing, Arc::clone(&base.clock));
    let looking = entra(Standing::default());
    let people = &config.people;
    let standing = Standing {
        helpdesk: Listed {
            people: all_by_upn(&looking, &people.helpdesk).await?,
            group: people.helpdesk_group,
        },
        approvers: Listed {
            people: all_by_upn(&looking, &people.approvers).await?,
            group: people.approvers_group,
        },
        sponsors: all_by_upn(&looking, &people.sponsors).await?,
        break_glass: all_by_upn(&looking, &people.break_glass).await?,
        privilege_matters: privilege_matters(&config.gate.policies()?),
    };
    let human = by_upn(&looking, &people.human.upn).await?;
    Ok((entra(standing), human))
}

/// The tools whose policies ask whether the person holds an administrator role, so that it is read.
fn privilege_matters(policies: &Policies) -> Vec<Tool> {
    Tool::ALL.into_iter().filter(|tool| policies.depend_on_privilege(*tool)).collect()
}

async fn all_by_upn(entra: &Entra, upns: &[String]) -> anyhow::Result<Vec<UserId>> {
    let mut people = Vec::new();
    for upn in upns {
        people.push(by_upn(entra, upn).await?);
    }
    Ok(people)
}

async fn by_upn(entra: &Entra, upn: &str) -> anyhow::Result<UserId> {
    let found = entra.people(upn).await.with_context(|| format!("cannot look `{upn}` up"))?;
    match found.as_slice() {
        [person] if person.upn.eq_ignore_ascii_case(upn) => Ok(person.id),
        _ => bail!("the configuration names `{upn}`, who is not in the directory"),
    }
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
    let origin = format!("{domain}/{}", config.twin.id);
    let (dir, clock, entropy) =
        (dir.to_owned(), Arc::clone(&base.clock), Arc::clone(&base.entropy));
    let opened =
        tokio::task::spawn_blocking(move || Log::open(&dir, &key, &origin, clock, entropy)).await?;
    Ok(opened?)
}

fn facts(config: &Config) -> subtwin_primitives::Twin {
    subtwin_primitives::Twin {
        tenant: config.tenant,
        id: Some(config.twin.id),
        name: config.twin.name.clone(),
        upn: Some(config.twin.upn.clone()),
        acts_as: PrincipalKind::MemberUser,
        token_of: None,
        app: config.twin.admin_app,
    }
}

fn understanding(config: &Config, entra: &Entra) -> Understanding {
    let human = &config.people.human;
    let contact = Contact { name: human.name.clone(), upn: human.upn.clone() };
    let mut settings = subtwin_understand::Settings::new(contact);
    settings.tools.clone_from(&config.tools);
    settings.retention = config.retention();
    Understanding::new(Arc::new(Builtin::new(&config.twin.name)), Arc::new(entra.clone()), settings)
}

fn teams_settings(config: &Config, here: SocketAddr) -> anyhow::Result<subtwin_teams::Settings> {
    let here = Url::parse(&format!("http://{here}/"))?;
    let public = config.notifications.public_url.as_ref().unwrap_or(&here);
    let mut settings =
        subtwin_teams::Settings::new(config.tenant, config.twin.id, config.twin.chat_app, public)?;
    settings.catch_up_every =
        Duration::from_secs(config.notifications.catch_up_minutes.saturating_mul(60));
    Ok(settings)
}

async fn sweep(desk: Arc<Desk>, stop: CancellationToken) {
    let mut often = tokio::time::interval(Duration::from_secs(5));
    let mut seldom = tokio::time::interval(Duration::from_secs(6 * 3600));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = often.tick() => desk.sweep().await,
            _ = seldom.tick() => desk.forget().await,
        }
    }
}

fn address(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// Delegated Graph scopes of the chat registration.
const CHAT_SCOPES: [&str; 5] =
    ["Chat.ReadWrite", "ChatMessage.Send", "Chat.Create", "Presence.ReadWrite", "User.Read"];
/// How long work may go on after the twin was told to stop.
const PATIENCE: Duration = Duration::from_secs(20);
/// Under which name the seed of the evidence's signing key is sealed.
const EVIDENCE_KEY: &str = "evidence/key";
