//! One identity at work: its ears, its desk, its voice.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use subtwin_confirm::{Gate, Offered, Restraint};
use subtwin_entra::{Entra, Graph, Listed, Standing, Tokens};
use subtwin_hear::{Channel, Handler, Intake};
use subtwin_kernel::{AppId, ChatId, Digest, Effect, PrincipalKind, Tool, TwinId, UserId};
use subtwin_policy::Policies;
use subtwin_primitives::{TwinChange, TwinEvent};
use subtwin_record::Log;
use subtwin_teams::{Memory, Presence};
use subtwin_understand::{Builtin, Contact, Directory as _, Understanding};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::borrowed::{Answers, MarkedVoice, PatientSeen, Posting, Relay};
use super::cases::Cases;
use super::desk::Desk;
use super::doors::{Door, Doors};
use super::evidence::Evidence;
use super::mouth::Mouth;
use super::ports::{Sealed, SealedApart, Seen};
use super::pulse;
use super::resume::Left;
use super::watch::{Calls, Taken, Watch};
use super::watchman::{Halting, Watchman};
use super::{Common, Foundations, PATIENCE, Registration, evidence_of};
use crate::config::Config;

/// As whom a station hears, speaks and acts.
#[derive(Clone, Debug)]
pub(super) struct Acting {
    pub(super) kind: PrincipalKind,
    /// Whose token it is.
    pub(super) account: UserId,
    pub(super) upn: String,
    /// The registration whose tokens read and write chats.
    pub(super) chat_app: AppId,
    /// The one whose tokens carry out the tools.
    pub(super) admin_app: AppId,
    pub(super) chat: Tokens,
    pub(super) admin: Tokens,
    pub(super) tools: Vec<Tool>,
    /// With its owner's token: the one conversation, and what its messages begin with.
    pub(super) borrowed: Option<(ChatId, String)>,
}

impl Acting {
    /// As an ordinary account of the twin's own.
    pub(super) fn member(config: &Config, base: &Foundations) -> Self {
        Self {
            kind: PrincipalKind::MemberUser,
            account: config.twin.id.as_user(),
            upn: config.twin.upn.clone(),
            chat_app: config.twin.chat_app,
            admin_app: config.twin.admin_app,
            chat: base.tokens(config, Registration::Chat),
            admin: base.tokens(config, Registration::Admin),
            tools: config.tools.clone(),
            borrowed: None,
        }
    }

    /// Its tokens, by what they are for.
    fn tokens(&self) -> Vec<(&'static str, Tokens)> {
        vec![
            (Registration::Chat.name(), self.chat.clone()),
            (Registration::Admin.name(), self.admin.clone()),
        ]
    }

    /// Who the twin is, as the record says it.
    fn facts(&self, config: &Config) -> subtwin_primitives::Twin {
        let own = self.kind != PrincipalKind::DelegatedHuman;
        subtwin_primitives::Twin {
            tenant: config.tenant,
            id: own.then(|| TwinId::new(self.account.guid())),
            name: config.twin.name.clone(),
            upn: own.then(|| self.upn.clone()),
            acts_as: self.kind,
            token_of: (!own).then_some(self.account),
            app: self.admin_app,
        }
    }
}

/// Everything a desk needs, before it hears anything.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) acting: Acting,
    pub(super) desk: Arc<Desk>,
    mouth: Mouth,
    entra: Entra,
    human: Option<UserId>,
    /// With its owner's token.
    posting: Option<Arc<Posting>>,
}

impl Ready {
    /// A desk of an identity.
    pub(super) async fn make(
        config: &Config,
        acting: Acting,
        common: &Common,
    ) -> anyhow::Result<Self> {
        let base = &common.base;
        let graph = |tokens| Graph::new(base.cloud.clone(), tokens, Arc::clone(&base.entropy));
        let (entra, human) = directory(config, &acting, &graph(acting.admin.clone()), base).await?;
        let gate = gate(config, &acting.tools, &entra)?;
        let chat = graph(acting.chat.clone());
        let mouth = Mouth::open(config, &acting, base, common.here, chat).await?;
        let presence = mouth.presence();
        let posting = acting.borrowed.as_ref().map(|_| Arc::new(Posting::new(base.store.clone())));
        let channel: Arc<dyn Channel> = match (&acting.borrowed, &posting, mouth.voice()) {
            (Some((_, mark)), Some(posting), Some(voice)) => Arc::new(MarkedVoice {
                voice,
                mark: mark.clone(),
                posting: Arc::clone(posting),
                seen: Seen(base.store.clone()),
                clock: Arc::clone(&base.clock),
            }),
            _ => mouth.channel(),
        };
        let parts = Parts { acting: &acting, channel, entra: entra.clone(), gate, human, presence };
        let desk = parts.desk(config, common)?;
        Ok(Self { acting, desk, mouth, entra, human, posting })
    }

    /// A desk beside this one that answers what is asked elsewhere, and changes nothing: what was
    /// asked with a token that somebody else may hold is no request of a person.
    pub(super) fn desk_for(
        &self,
        config: &Config,
        common: &Common,
        channel: Arc<dyn Channel>,
    ) -> anyhow::Result<Arc<Desk>> {
        let mut acting = self.acting.clone();
        acting.tools.retain(|tool| tool.effect() == Effect::Read);
        let presence = self.desk.presence.clone();
        let (entra, human) = (self.entra.clone(), self.human);
        let gate = gate(config, &acting.tools, &entra)?;
        Parts { acting: &acting, channel, entra, gate, human, presence }.desk(config, common)
    }

    /// What it says.
    pub(super) fn channel(&self) -> Arc<dyn Channel> {
        Arc::clone(&self.desk.channel)
    }

    /// Puts the start on the record, and what is new about the twin's rules since the last one.
    pub(super) async fn started(&self, before: Option<(Digest, Digest)>) -> anyhow::Result<()> {
        let gate = self.desk.gate();
        started(&self.desk.log, &self.desk.twin, gate.offered(), gate.policies(), before).await
    }

    /// Opens the ears. It hears when this returns. `instead` answers in place of this desk, whose
    /// token may not be spoken with any more.
    pub(super) async fn open(
        self,
        common: &Common,
        left: Left,
        instead: Option<Arc<Desk>>,
    ) -> anyhow::Result<Station> {
        let Self { acting, desk, mouth, posting, .. } = self;
        let base = &common.base;
        let store = base.store.clone();
        let answering = instead.as_ref().unwrap_or(&desk);
        let held = answering.hold(left.people()).await;
        let relay = match (&acting.borrowed, &posting) {
            (Some((chat, _)), Some(posting)) => {
                let by: Arc<dyn Handler> = Arc::clone(answering) as _;
                let answers = Answers { by, borrowed: instead.is_none() };
                Some(Relay::new(acting.account, chat.clone(), Arc::clone(posting), answers))
            }
            _ => None,
        };
        let seen: Arc<dyn subtwin_hear::Seen> = match posting {
            Some(posting) => Arc::new(PatientSeen { seen: Seen(store.clone()), posting }),
            None => mouth.seen(Arc::new(Seen(store.clone()))),
        };
        let handler: Arc<dyn Handler> = match &relay {
            Some(relay) => Arc::clone(relay) as _,
            None => Arc::clone(&desk) as _,
        };
        let intake = Intake::new(subtwin_hear::Settings::default(), seen, handler);
        let (door, memory): (_, Arc<dyn Memory>) = match &relay {
            Some(_) => (Door::Borrowed, Arc::new(SealedApart(store))),
            None => (Door::Own, Arc::new(Sealed(store))),
        };
        let (listening, deaf) = (TaskTracker::new(), CancellationToken::new());
        let graph = mouth.graph();
        common.tasks.spawn(Arc::clone(answering).resume(left, held));
        common.tasks.spawn(sweep(Arc::clone(answering), common.stop.clone()));
        common.tasks.spawn(Arc::clone(answering).keep_watch(common.stop.clone()));
        // Its owner's presence is its owner's.
        if let (None, Some(presence)) = (&relay, desk.presence.clone()) {
            let stop = common.stop.clone();
            common.tasks.spawn(async move { presence.run(stop).await });
        }
        let place = (door, memory);
        let hearing = mouth.listen(common, intake.clone(), place, &listening, deaf.clone()).await?;
        let (status, looker) = hearing.map(|it| (it.status, it.looker)).unzip();
        let (dir, clock) = (common.state.clone(), Arc::clone(&base.clock));
        common.tasks.spawn(pulse::beat(dir, clock, status, common.stop.clone()));
        tracing::info!(as_ = %acting.upn, "listening");
        Ok(Station { intake, desk, ears: listening, deaf, relay, graph, looker, door })
    }
}

/// What a desk is made of.
struct Parts<'a> {
    acting: &'a Acting,
    channel: Arc<dyn Channel>,
    entra: Entra,
    gate: Gate,
    human: Option<UserId>,
    presence: Option<Arc<Presence>>,
}

impl Parts<'_> {
    fn desk(self, config: &Config, common: &Common) -> anyhow::Result<Arc<Desk>> {
        let Self { acting, channel, entra, gate, human, presence } = self;
        let (base, log) = (&common.base, &common.log);
        let watch = Watch {
            channel: Arc::clone(&channel),
            trail: Arc::new(entra.clone()),
            log: log.clone(),
            notes: Arc::new(base.store.clone()),
            look_after: config.look_after(),
            taken: Taken::default(),
            calls: Calls::default(),
            tasks: common.tasks.clone(),
            stop: common.stop.clone(),
        };
        let watchman = Arc::new(Watchman::new(&config.state.dir, acting.tokens()));
        let answers = config.gate.answers()?;
        Ok(Arc::new_cyclic(|me| Desk {
            me: me.clone(),
            channel,
            understanding: understanding(config, &acting.tools, &entra),
            directory: Arc::new(entra.clone()),
            gate: RwLock::new(Arc::new(gate)),
            answers,
            restraint: Mutex::new(Restraint::new(config.gate.limits())),
            cards: Arc::new(entra.clone()),
            hands: Arc::new(Halting { hands: Arc::new(entra), watchman: Arc::clone(&watchman) }),
            log: log.clone(),
            notes: Arc::new(base.store.clone()),
            evidence: Evidence::new(evidence_of(config)),
            twin: acting.facts(config),
            presence,
            watch,
            watchman: Arc::clone(&watchman),
            human,
            undo_within: Duration::from_secs(config.gate.undo_minutes.saturating_mul(60)),
            secrets_shown: Duration::from_secs(config.gate.secret_minutes.saturating_mul(60)),
            clock: Arc::clone(&base.clock),
            entropy: Arc::clone(&base.entropy),
            cases: Cases::default(),
            lanes: Mutex::new(HashMap::new()),
            targets: Mutex::new(HashMap::new()),
            tasks: common.tasks.clone(),
            stop: common.stop.clone(),
        }))
    }
}

/// An identity at work.
#[derive(Debug)]
pub(super) struct Station {
    intake: Intake,
    desk: Arc<Desk>,
    ears: TaskTracker,
    deaf: CancellationToken,
    /// With its owner's token.
    relay: Option<Arc<Relay>>,
    graph: Option<Arc<dyn subtwin_teams::Graph>>,
    looker: Option<subtwin_teams::Looker>,
    door: Door,
}

impl Station {
    /// With its owner's token: whom what is heard is handed to.
    pub(super) const fn relay(&self) -> Option<&Arc<Relay>> {
        self.relay.as_ref()
    }

    /// The desk.
    pub(super) const fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// As [`Station::close`], for good: nobody is to be notified here any more, and nobody will look
    /// again. So it looks once more, and answers what it finds.
    pub(super) async fn leave(self, doors: &Doors) {
        if let Some(looker) = &self.looker
            && tokio::time::timeout(PATIENCE, looker.look()).await.is_err()
        {
            tracing::warn!("the last look took too long");
        }
        let answered = async {
            while self.relay().is_some_and(|it| self.intake.oldest_unfinished(&it.chat).is_some()) {
                tokio::time::sleep(A_MOMENT).await;
            }
        };
        if tokio::time::timeout(PATIENCE, answered).await.is_err() {
            tracing::warn!("some messages of the old conversation were left unanswered");
        }
        if let Some(graph) = &self.graph
            && let Err(cause) = subtwin_teams::unsubscribe(&**graph).await
        {
            tracing::warn!(%cause, "the old subscription could not be ended; it lapses by itself");
        }
        let door = self.door;
        self.close().await;
        doors.shut(door);
    }

    /// Who it is, as the record says it.
    pub(super) fn facts(&self) -> &subtwin_primitives::Twin {
        &self.desk.twin
    }

    /// Puts other policies in force, after they are on the record.
    pub(super) async fn take_policies(&self, policies: Policies, log: &Log) -> anyhow::Result<()> {
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
        let change = TwinChange::Policy { policy_digest };
        log.twin(TwinEvent { twin: self.facts().clone(), change }).await?;
        self.desk.take_policies(policies);
        tracing::warn!(policy = %policy_digest, "other policies are in force");
        Ok(())
    }

    /// Hears nothing new, and finishes or safely leaves what is under way.
    pub(super) async fn close(self) {
        self.deaf.cancel();
        self.ears.close();
        self.ears.wait().await;
        let rest = self.intake.shutdown(PATIENCE).await;
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

/// The gate over a directory.
pub(super) fn gate(config: &Config, tools: &[Tool], entra: &Entra) -> anyhow::Result<Gate> {
    let offered = Offered { tools: tools.to_vec(), digest: subtwin_entra::catalog(tools).digest() };
    let (policies, zone) = (config.gate.policies()?, config.gate.zone()?);
    Ok(Gate::new(Arc::new(entra.clone()), policies, offered, zone))
}

/// The directory as the twin, and the human contact in it.
pub(super) async fn directory(
    config: &Config,
    acting: &Acting,
    graph: &Graph,
    base: &Foundations,
) -> anyhow::Result<(Entra, Option<UserId>)> {
    let twin = subtwin_entra::Twin {
        user: acting.account,
        display_name: config.twin.name.clone(),
        upn: acting.upn.clone(),
        kind: acting.kind,
    };
    let entra =
        |standing| Entra::new(graph.clone(), twin.clone(), standing, Arc::clone(&base.clock));
    let looking = entra(Standing::default());
    if acting.kind == PrincipalKind::DelegatedHuman {
        // It may not read who people are, and changes nothing.
        return Ok((looking, None));
    }
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
    Ok((entra(standing), Some(human)))
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

fn understanding(config: &Config, tools: &[Tool], entra: &Entra) -> Understanding {
    let human = &config.people.human;
    let contact = Contact { name: human.name.clone(), upn: human.upn.clone() };
    let mut settings = subtwin_understand::Settings::new(contact);
    settings.tools = tools.to_vec();
    settings.retention = config.retention();
    Understanding::new(Arc::new(Builtin::new(&config.twin.name)), Arc::new(entra.clone()), settings)
}

/// Settings of the ears and the voice in Graph's chats.
pub(super) fn teams_settings(
    config: &Config,
    acting: &Acting,
    here: SocketAddr,
) -> anyhow::Result<subtwin_teams::Settings> {
    let here = Url::parse(&format!("http://{here}/"))?;
    let mut public = config.notifications.public_url.clone().unwrap_or(here);
    if acting.borrowed.is_some() {
        let path = format!("{}/borrowed/", public.path().trim_end_matches('/'));
        public.set_path(&path);
    }
    let twin = TwinId::new(acting.account.guid());
    let mut settings = subtwin_teams::Settings::new(config.tenant, twin, acting.chat_app, &public)?;
    settings.borrowed = acting.borrowed.as_ref().map(|(chat, _)| chat.clone());
    settings.catch_up_every =
        Duration::from_secs(config.notifications.catch_up_minutes.saturating_mul(60));
    Ok(settings)
}

/// Between two looks whether everything is answered.
const A_MOMENT: Duration = Duration::from_millis(50);

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
