//! How people reach the twin: in Graph's chats, or as a bot. What it does is the same in both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use reqwest::header::HeaderValue;
use subtwin_entra::{App, AssertionKey, Credential, Graph, TokenClient, Tokens};
use subtwin_hear::{Channel, Intake, Seen};
use subtwin_kernel::Secret;
use subtwin_teams::{Memory, OpenIdKeys, Presence};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::doors::Door;
use super::ports::{ChatGraph, Sealed};
use super::station::{Acting, teams_settings};
use super::{Common, Foundations};
use crate::config::{Bot, Config};

/// What the twin says through, and will hear through.
#[derive(Debug)]
pub(super) enum Mouth {
    Chat {
        settings: Box<subtwin_teams::Settings>,
        graph: Arc<dyn subtwin_teams::Graph>,
        voice: Arc<subtwin_teams::Voice>,
        presence: Arc<Presence>,
    },
    Bot {
        settings: Box<subtwin_bot::Settings>,
        openid: Url,
        voice: Arc<subtwin_bot::Voice>,
    },
}

/// In Graph's chats: how it goes, and a look on demand.
#[derive(Debug)]
pub(super) struct Hearing {
    pub(super) status: watch::Receiver<subtwin_teams::Status>,
    pub(super) looker: subtwin_teams::Looker,
}

impl Mouth {
    /// The mouth that the configuration asks for; `here` is where the twin listens, and `graph` is
    /// Graph with the tokens that read and write chats.
    pub(super) async fn open(
        config: &Config,
        acting: &Acting,
        base: &Foundations,
        here: SocketAddr,
        graph: Graph,
    ) -> anyhow::Result<Self> {
        let Some(bot) = &config.bot else {
            let settings = teams_settings(config, acting, here)?;
            let graph: Arc<dyn subtwin_teams::Graph> = Arc::new(ChatGraph(graph));
            let clock = Arc::clone(&base.clock);
            let voice = subtwin_teams::Voice::new(&settings, Arc::clone(&graph), clock);
            let presence = Arc::new(Presence::new(&settings, Arc::clone(&graph)));
            let (settings, voice) = (Box::new(settings), Arc::new(voice));
            return Ok(Self::Chat { settings, graph, voice, presence });
        };
        let mut settings = subtwin_bot::Settings::new(config.tenant, bot.app, bot.allowed()?);
        settings.callers.clone_from(&bot.callers);
        let passes = passes(config, base, bot, settings.scope()).await?;
        let ports = subtwin_bot::Ports {
            http: base.cloud.http().clone(),
            passes: Arc::new(passes),
            memory: Arc::new(Sealed(base.store.clone())),
            clock: Arc::clone(&base.clock),
            entropy: Arc::clone(&base.entropy),
        };
        let voice = subtwin_bot::Voice::open(&settings, ports).await?;
        Ok(Self::Bot { settings: Box::new(settings), openid: bot.openid()?, voice })
    }

    pub(super) fn channel(&self) -> Arc<dyn Channel> {
        match self {
            Self::Chat { voice, .. } => Arc::clone(voice) as _,
            Self::Bot { voice, .. } => Arc::clone(voice) as _,
        }
    }

    /// A bot is always there; nobody sees whether it is busy.
    pub(super) fn presence(&self) -> Option<Arc<Presence>> {
        match self {
            Self::Chat { presence, .. } => Some(Arc::clone(presence)),
            Self::Bot { .. } => None,
        }
    }

    /// In Graph's chats: the voice.
    pub(super) fn voice(&self) -> Option<Arc<subtwin_teams::Voice>> {
        match self {
            Self::Chat { voice, .. } => Some(Arc::clone(voice)),
            Self::Bot { .. } => None,
        }
    }

    /// In Graph's chats: Graph.
    pub(super) fn graph(&self) -> Option<Arc<dyn subtwin_teams::Graph>> {
        match self {
            Self::Chat { graph, .. } => Some(Arc::clone(graph)),
            Self::Bot { .. } => None,
        }
    }

    /// The memory of messages that were taken up.
    pub(super) fn seen(&self, seen: Arc<dyn Seen>) -> Arc<dyn Seen> {
        match self {
            Self::Chat { .. } => seen,
            Self::Bot { voice, .. } => voice.seen(seen),
        }
    }

    /// Listens behind a door until told to be deaf. The twin hears when this returns, as far as it
    /// depends on itself. In Graph's chats it gives how it goes.
    pub(super) async fn listen(
        self,
        common: &Common,
        intake: Intake,
        (door, memory): (Door, Arc<dyn Memory>),
        tasks: &TaskTracker,
        deaf: CancellationToken,
    ) -> anyhow::Result<Option<Hearing>> {
        let base = &common.base;
        let tenants = Arc::new(issuer_keys(base)?);
        match self {
            Self::Chat { settings, graph, voice, .. } => {
                let ports = subtwin_teams::Ports {
                    graph,
                    memory,
                    keys: tenants,
                    clock: Arc::clone(&base.clock),
                    entropy: Arc::clone(&base.entropy),
                };
                let ears = subtwin_teams::Ears::open(*settings, ports, voice, intake).await?;
                common.doors.open(door, ears.router());
                let (mut status, looker) = (ears.status(), ears.looker());
                tasks.spawn(ears.attend(deaf));
                let heard = status.wait_for(|status| status.subscription.is_some());
                if tokio::time::timeout(SUBSCRIBING, heard).await.is_err() {
                    tracing::warn!("Graph has not accepted a subscription yet; trying on");
                }
                Ok(Some(Hearing { status, looker }))
            }
            Self::Bot { settings, openid, voice } => {
                let connector = Arc::new(OpenIdKeys::new(base.cloud.http().clone(), openid));
                let keys = subtwin_bot::Keys { connector, tenant: tenants };
                let clock = Arc::clone(&base.clock);
                let ears = subtwin_bot::Ears::open(*settings, keys, clock, voice, intake).await;
                common.doors.open(door, ears.router());
                tracing::info!(address = %common.here, "the messaging endpoint is /api/messages");
                tasks.spawn(ears.attend(deaf));
                Ok(None)
            }
        }
    }
}

/// The bot's own tokens: its app proves itself with the certificate that is kept sealed.
async fn passes(
    config: &Config,
    base: &Foundations,
    bot: &Bot,
    scope: &str,
) -> anyhow::Result<Passes> {
    let certificate = base.store.sealed(BOT_CERTIFICATE).await?;
    let key = base.store.sealed(BOT_KEY).await?;
    let (Some(certificate), Some(key)) = (certificate, key) else {
        bail!("the bot has no certificate yet; run `subtwin bot certificate` first");
    };
    let key = AssertionKey::from_pem(certificate.expose(), &key)
        .context("the bot's certificate is not usable; make a new one")?;
    let credential = Credential::Certificate(key);
    let app = App { tenant: config.tenant, client: bot.app, credential };
    let (clock, entropy) = (Arc::clone(&base.clock), Arc::clone(&base.entropy));
    let client = TokenClient::new(base.cloud.clone(), app, clock, entropy);
    Ok(Passes(Tokens::of_app(client, scope.to_owned())))
}

/// The tokens, as the channel knows them.
#[derive(Debug)]
struct Passes(Tokens);

#[async_trait]
impl subtwin_bot::Passes for Passes {
    async fn authorization(&self) -> Result<HeaderValue, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.authorization().await?)
    }

    fn reject(&self) {
        self.0.renew();
    }
}

#[async_trait]
impl subtwin_bot::Memory for Sealed {
    async fn get(&self, name: &str) -> Result<Option<Secret>, subtwin_bot::MemoryError> {
        self.0.sealed(name).await.map_err(|cause| subtwin_bot::MemoryError {
            operation: "read a sealed value",
            cause: cause.into(),
        })
    }

    async fn put(&self, name: &str, value: &Secret) -> Result<(), subtwin_bot::MemoryError> {
        self.0.put_sealed(name, value).await.map_err(|cause| subtwin_bot::MemoryError {
            operation: "seal a value",
            cause: cause.into(),
        })
    }
}

/// Where the keys are that the tenant's token service signs with: the tenant-common document.
fn issuer_keys(base: &Foundations) -> anyhow::Result<OpenIdKeys> {
    let document = format!("{}/common/.well-known/openid-configuration", base.cloud.login());
    Ok(OpenIdKeys::new(base.cloud.http().clone(), Url::parse(&document)?))
}

/// Under which names the bot's certificate and its key are sealed.
pub(crate) const BOT_CERTIFICATE: &str = "bot/certificate";
pub(crate) const BOT_KEY: &str = "bot/key";
/// How long the start waits for the subscription.
const SUBSCRIBING: Duration = Duration::from_secs(20);
