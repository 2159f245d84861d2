//! The life of a person's own agent: it starts at once with its owner's token, has an account of its
//! own made in the background, and moves over without losing a message.

mod moving;

use std::sync::{Arc, Weak};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use subtwin_entra::{
    ActsAs, Agent, Because, Graph, Issued, Order, Progress, Provisioning, Read, Stage, TokenStore,
    Tokens,
};
use subtwin_hear::Channel;
use subtwin_kernel::{ChatId, PrincipalKind, Secret, Tool, UserId, Words};
use subtwin_primitives::{TwinChange, TwinEvent};
use subtwin_store::Store;
use tokio::sync::Mutex;

use super::borrowed::{Elsewhere, Gestures};
use super::ports::Sealed;
use super::resume::Left;
use super::station::{Acting, Ready, Station};
use super::{Common, Foundations, Registration};
use crate::config::{self, Config};
use crate::provisioner;
use crate::suspension::Suspension;

/// A person's agent at work.
#[derive(Debug)]
pub(super) struct Life {
    me: Weak<Self>,
    config: Config,
    agent: config::Agent,
    common: Common,
    owner: UserId,
    progress: Mutex<Progress>,
    stations: Mutex<Stations>,
    /// One account is made at a time.
    making: Mutex<()>,
}

#[derive(Debug, Default)]
struct Stations {
    own: Option<Station>,
    borrowed: Option<Station>,
}

impl Life {
    /// Starts it as what it is.
    pub(super) async fn start(
        config: &Config,
        agent: &config::Agent,
        common: Common,
        recovered: subtwin_record::Recovered,
    ) -> anyhow::Result<Arc<Self>> {
        let store = common.base.store.clone();
        let progress = progress(&store).await?;
        let owner = match &progress {
            Progress::SignedOut {} => {
                bail!("the agent's owner has not signed in yet; run `subtwin sign-in` first")
            }
            known => known.owner().context("the agent belongs to nobody")?,
        };
        let left = Left::read(recovered, &store).await?;
        let life = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            config: config.clone(),
            agent: agent.clone(),
            common,
            owner,
            progress: Mutex::new(progress.clone()),
            stations: Mutex::default(),
            making: Mutex::default(),
        });
        life.open(&progress, left).await?;
        life.later(|life| async move { life.follow_watchmen().await });
        Ok(life)
    }

    async fn open(&self, progress: &Progress, mut left: Left) -> anyhow::Result<()> {
        // Suspended or failed, it opens as what it was, and its watchman keeps it from acting for as
        // long as that lasts.
        match progress.would_act_as() {
            ActsAs::Nobody => bail!("the agent is {progress}"),
            ActsAs::Owner(_) => {
                let ready = self.borrowed().await?;
                ready.started(None).await?;
                let station = self.listening(ready.open(&self.common, left, None).await?);
                self.stations.lock().await.borrowed = Some(station);
                if matches!(progress, Progress::Provisioning { .. }) {
                    self.go_on_making().await?;
                }
            }
            ActsAs::Agent(id) => {
                let provisioning = self.provisioning(nobody(self));
                if let Some(ends) = provisioning.key_ends().await?
                    && ends.duration_since(self.common.base.clock.now()) < SOON
                {
                    tracing::warn!(%ends, "the certificate ends soon; run `subtwin keys rotate`");
                }
                let made = provisioning.made().await?;
                let made = made.filter(|made| made.id == id);
                let made = made.context("what the agent's account was made of is not there")?;
                let ready = self.own(&made).await?;
                ready.started(None).await?;
                let before = left.take(&self.agent.watch);
                let elsewhere = self.still_heard(progress, &ready).await?;
                let own = ready.open(&self.common, left, None).await?;
                let mut stations = self.stations.lock().await;
                if let Some((borrowed, desk, until)) = elsewhere {
                    let station = borrowed.open(&self.common, before, Some(desk)).await?;
                    stations.borrowed = Some(self.listening(station));
                    self.leave_at(until);
                }
                stations.own = Some(own);
            }
        }
        Ok(())
    }

    /// Stops both.
    pub(super) async fn stop(&self) -> subtwin_primitives::Twin {
        let stations = std::mem::take(&mut *self.stations.lock().await);
        let facts = self.facts(&stations);
        for station in [stations.borrowed, stations.own].into_iter().flatten() {
            station.close().await;
        }
        facts
    }

    /// Puts other policies in force.
    pub(super) async fn take_policies(
        &self,
        policies: subtwin_policy::Policies,
    ) -> anyhow::Result<()> {
        let stations = self.stations.lock().await;
        for station in [&stations.own, &stations.borrowed].into_iter().flatten() {
            station.take_policies(policies.clone(), &self.common.log).await?;
        }
        Ok(())
    }

    fn facts(&self, stations: &Stations) -> subtwin_primitives::Twin {
        let station = stations.own.as_ref().or(stations.borrowed.as_ref());
        station.map_or_else(|| self.nobody_yet(), |station| station.facts().clone())
    }

    fn nobody_yet(&self) -> subtwin_primitives::Twin {
        subtwin_primitives::Twin {
            tenant: self.config.tenant,
            id: None,
            name: self.agent.name.clone(),
            upn: None,
            acts_as: PrincipalKind::DelegatedHuman,
            token_of: Some(self.owner),
            app: self.agent.app,
        }
    }

    fn listening(&self, station: Station) -> Station {
        if let Some(relay) = station.relay() {
            let me: Weak<dyn Gestures> = self.me.clone();
            let _once = relay.gestures.set(me);
        }
        station
    }

    /// Keeps the stage true to what the watchmen see. They have put it on the record already.
    async fn follow_watchmen(&self) {
        let mut often = tokio::time::interval(OFTEN);
        loop {
            often.tick().await;
            let why = {
                let stations = self.stations.lock().await;
                let station = stations.own.as_ref().or(stations.borrowed.as_ref());
                station.and_then(|station| station.desk().watchman.stopped())
            };
            let suspended = Suspension::read(&self.common.state).is_ok_and(|it| it.is_some());
            let now = self.common.base.clock.now();
            let mut progress = self.progress.lock().await;
            let next = match (&*progress, why) {
                (Progress::Suspended { .. }, Some(_)) if suspended => continue,
                (Progress::Failed { .. }, Some(_)) if !suspended => continue,
                (Progress::Suspended { .. }, _) => progress.clone().resumed(),
                (_, Some(why)) if suspended => progress.clone().suspended(why, now),
                (Progress::AgentUser { .. }, Some(why)) => progress.clone().failed(why, now),
                (Progress::Failed { .. }, None) => progress.clone().mended(now),
                _ => continue,
            };
            let Ok(next) = next else { continue };
            match keep(&self.common.base.store, &next).await {
                Ok(()) => *progress = next,
                Err(cause) => tracing::error!(%cause, "the agent's stage could not be kept"),
            }
        }
    }

    async fn borrowed(&self) -> anyhow::Result<Ready> {
        let base = &self.common.base;
        let kept = Arc::new(Sealed(base.store.clone()));
        let tokens = owners_tokens(&self.config, &self.agent, base, self.owner, kept);
        let acting = Acting {
            kind: PrincipalKind::DelegatedHuman,
            account: self.owner,
            upn: self.agent.owner.clone(),
            chat_app: self.agent.app,
            admin_app: self.agent.app,
            chat: tokens.clone(),
            admin: tokens,
            // What reads the directory needs an administrator's consent; it starts without.
            tools: Vec::new(),
            borrowed: Some((self.agent.watch.clone(), self.agent.mark())),
        };
        Ready::make(&self.config, acting, &self.common).await
    }

    async fn own(&self, made: &Agent) -> anyhow::Result<Ready> {
        let scope = self.common.base.cloud.graph_scope();
        let tokens = Tokens::of_agent(made.blueprint.clone(), made.id, scope);
        let acting = Acting {
            kind: PrincipalKind::AgentUser,
            account: made.id.user,
            upn: self.agent.upn.clone(),
            chat_app: made.id.identity,
            admin_app: made.id.identity,
            chat: tokens.clone(),
            admin: tokens,
            tools: agents_tools(&self.config.tools),
            borrowed: None,
        };
        Ready::make(&self.config, acting, &self.common).await
    }

    /// What is still heard with the owner's token after the swap, and who answers it.
    async fn still_heard(
        &self,
        progress: &Progress,
        own: &Ready,
    ) -> anyhow::Result<Option<(Ready, Arc<super::desk::Desk>, Timestamp)>> {
        let Progress::AgentUser { hears_until: Some(until), chat, .. } = progress else {
            return Ok(None);
        };
        let borrowed = self.borrowed().await?;
        let desk = self.answering_from(own, &borrowed.channel(), chat)?;
        Ok(Some((borrowed, desk, *until)))
    }

    /// A desk of the agent's own that answers in `chat` what is asked in the old conversation.
    fn answering_from(
        &self,
        own: &Ready,
        here: &Arc<dyn Channel>,
        chat: &ChatId,
    ) -> anyhow::Result<Arc<super::desk::Desk>> {
        let channel =
            Elsewhere { voice: own.channel(), there: chat.clone(), here: Arc::clone(here) };
        own.desk_for(&self.config, &self.common, Arc::new(channel))
    }

    fn provisioning(&self, provisioner: Graph) -> Provisioning {
        provisioning(&self.config, &self.agent, &self.common.base, self.owner, provisioner)
    }

    /// After a restart in the middle: what is left may need nobody.
    async fn go_on_making(&self) -> anyhow::Result<()> {
        let provisioning = self.provisioning(nobody(self));
        if provisioning.so_far().await?.has(Stage::Licence) {
            self.later(|life| async move { life.make(provisioning).await });
            return Ok(());
        }
        let why = format!("it was interrupted; {}", Because::NoProvisioner);
        let now = self.common.base.clock.now();
        self.become_(|was| was.not_provisioned(why, now), None).await
    }

    fn later<F: Future<Output = ()> + Send + 'static>(&self, work: impl FnOnce(Arc<Self>) -> F) {
        if let Some(me) = self.me.upgrade() {
            let work = work(me);
            let stop = self.common.stop.clone();
            self.common.tasks.spawn(async move {
                stop.run_until_cancelled(work).await;
            });
        }
    }

    /// Moves to another stage: durable first, then on the record.
    async fn become_(
        &self,
        step: impl FnOnce(Progress) -> Result<Progress, subtwin_entra::WrongStage>,
        why: Option<String>,
    ) -> anyhow::Result<()> {
        let mut progress = self.progress.lock().await;
        let next = step(progress.clone())?;
        if next == *progress {
            return Ok(());
        }
        keep(&self.common.base.store, &next).await?;
        let change = TwinChange::Identity {
            from: progress.name().to_owned(),
            to: next.name().to_owned(),
            why: why.or_else(|| match &next {
                Progress::Delegated { failed, .. } => failed.clone(),
                Progress::Failed { why, .. } | Progress::Suspended { why, .. } => Some(why.clone()),
                _ => None,
            }),
        };
        *progress = next;
        let twin = self.nobody_yet();
        self.common.log.twin(TwinEvent { twin, change }).await?;
        Ok(())
    }

    /// Stops listening to the old conversation when its time is over, and forgets the owner's token.
    fn leave_at(&self, until: Timestamp) {
        self.later(|life| async move {
            let left = until.duration_since(life.common.base.clock.now());
            tokio::time::sleep(left.try_into().unwrap_or_default()).await;
            life.leave().await;
        });
    }

    async fn leave(&self) {
        let station = self.stations.lock().await.borrowed.take();
        if let Some(station) = station {
            station.leave(&self.common.doors).await;
        }
        if let Err(cause) = self.common.base.store.forget_sealed(OWNERS_TOKEN).await {
            tracing::error!(%cause, "the owner's token could not be forgotten");
            return;
        }
        let why = Some("its owner's token is forgotten".to_owned());
        if let Err(cause) = self.become_(Progress::alone, why).await {
            tracing::error!(%cause, "that the owner's token is forgotten could not be kept");
        }
    }
}

/// What the owner is told before anything is made.
pub(crate) fn what_is_made(agent: &config::Agent) -> Words {
    Words::strong(format!("An account of my own: {} ({}).", agent.name, agent.upn))
        .fact("Makes", "an agent blueprint with its principal and a certificate, one agent identity, one agent user, and a grant of permissions for that user alone: five directory objects")
        .fact("Uses", "one seat of the cheapest product with Teams that has a seat free")
        .fact("Afterwards", "I speak and act under my own name, in a chat of our own, and never again with yours; your audit log tells us apart")
        .fact("Note", "The account is not pooled and not recycled. It stays until it is taken away; deleted, it stays in the directory's bin for 30 days")
        .fact("Undo", "subtwin demote")
}

/// Tools that Entra lets an agent run.
fn agents_tools(tools: &[Tool]) -> Vec<Tool> {
    let can =
        |tool: &&Tool| subtwin_entra::needs(**tool).keeps_out(PrincipalKind::AgentUser).is_none();
    tools.iter().filter(can).copied().collect()
}

/// The making of the agent's account.
pub(crate) fn provisioning(
    config: &Config,
    agent: &config::Agent,
    base: &Foundations,
    owner: UserId,
    provisioner: Graph,
) -> Provisioning {
    Provisioning::new(
        provisioner,
        base.cloud.clone(),
        order(config, agent, owner),
        Arc::new(Sealed(base.store.clone())),
        Arc::clone(&base.clock),
        Arc::clone(&base.entropy),
    )
    .at_pace(config.pace())
}

/// What is to be made.
fn order(config: &Config, agent: &config::Agent, sponsor: UserId) -> Order {
    let tools = agents_tools(&config.tools);
    let mut scopes = Registration::Chat.scopes(&tools);
    scopes.extend(Registration::Admin.scopes(&tools));
    scopes.sort();
    scopes.dedup();
    Order {
        tenant: config.tenant,
        name: agent.name.clone(),
        upn: agent.upn.clone(),
        sponsor,
        usage_location: agent.usage_location.clone(),
        scopes,
        key_days: KEY_DAYS,
    }
}

/// Tokens of the agent's owner, through the agent's own registration, kept in `kept`.
pub(crate) fn owners_tokens(
    config: &Config,
    agent: &config::Agent,
    base: &Foundations,
    owner: UserId,
    kept: Arc<dyn TokenStore>,
) -> Tokens {
    Tokens::of_account(
        base.public_client(config, agent.app),
        OWNERS_SCOPES.map(str::to_owned).to_vec(),
        owner,
        OWNERS_TOKEN.to_owned(),
        kept,
    )
}

/// Graph as nobody: for what needs no provisioner.
fn nobody(life: &Life) -> Graph {
    provisioner::nobody(&life.config, &life.agent, &life.common.base)
}

/// Takes in that the agent's owner has signed in.
pub(crate) async fn owner_signed_in(
    config: &Config,
    agent: &config::Agent,
    base: &Foundations,
    issued: Issued,
) -> anyhow::Result<()> {
    let who = issued.identity.context("the token service does not say who signed in")?.user;
    let next = progress(&base.store).await?.signed_in(who, base.clock.now())?;
    let kept = Arc::new(Sealed(base.store.clone()));
    let tokens = owners_tokens(config, agent, base, who, kept);
    tokens.adopt(issued).await?;
    let graph = Graph::new(base.cloud.clone(), tokens, Arc::clone(&base.entropy));
    let read = Read::at("/v1.0/me").option("$select", "id,userPrincipalName");
    let me: serde_json::Value = graph.get(&read).await?;
    let upn = me.get("userPrincipalName").and_then(serde_json::Value::as_str).unwrap_or_default();
    if !upn.eq_ignore_ascii_case(&agent.owner) {
        base.store.forget_sealed(OWNERS_TOKEN).await?;
        bail!("`{upn}` signed in; the agent's owner is `{}`", agent.owner);
    }
    keep(&base.store, &next).await
}

/// How far the agent came.
pub(crate) async fn progress(store: &Store) -> anyhow::Result<Progress> {
    match store.sealed(PROGRESS).await? {
        Some(text) => serde_json::from_str(text.expose())
            .context("how far the agent came cannot be read; restore the state directory"),
        None => Ok(Progress::SignedOut {}),
    }
}

pub(crate) async fn keep(store: &Store, progress: &Progress) -> anyhow::Result<()> {
    let text = serde_json::to_string(progress)?;
    Ok(store.put_sealed(PROGRESS, &Secret::new(text)).await?)
}

/// How often the watchmen are asked.
const OFTEN: std::time::Duration = std::time::Duration::from_secs(2);
/// Delegated permissions an owner can give alone.
pub(crate) const OWNERS_SCOPES: [&str; 3] = ["Chat.ReadWrite", "ChatMessage.Send", "User.Read"];
/// Under which name the owner's refresh token is sealed.
pub(crate) const OWNERS_TOKEN: &str = "token/owner";
/// Under which name the agent's stage is sealed.
const PROGRESS: &str = "identity";
/// How many days the blueprint's certificate is good for.
const KEY_DAYS: u16 = 180;
/// How long before its end the certificate is spoken of.
const SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);
