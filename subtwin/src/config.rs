//! The configuration of one twin, read from a TOML file.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use subtwin_kernel::{AppId, GroupId, TenantId, Tool, TwinId};
use url::Url;

/// One twin. Relative paths count from the file's own directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The customer's directory.
    pub tenant: TenantId,
    /// Who the twin is.
    pub twin: Twin,
    /// Where the cloud is; the public one when left out.
    #[serde(default)]
    pub cloud: Cloud,
    /// Where state and evidence are kept.
    pub state: State,
    /// Where Graph reaches the twin.
    #[serde(default)]
    pub notifications: Notifications,
    /// Who may ask, and who helps when the twin cannot.
    pub people: People,
    /// What the twin offers; every tool when left out.
    #[serde(default = "every_tool")]
    pub tools: Vec<Tool>,
    /// What is remembered and for how long.
    #[serde(default)]
    pub memory: Memory,
    /// How the tenant's own audit entry is waited for.
    #[serde(default)]
    pub audit: Audit,
}

/// Who the twin is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twin {
    /// Its user object's id.
    pub id: TwinId,
    /// Its user principal name.
    pub upn: String,
    /// What people call it.
    pub name: String,
    /// The app registration that holds the chat scopes.
    pub chat_app: AppId,
    /// The app registration that holds the admin scopes.
    pub admin_app: AppId,
}

/// Addresses of the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cloud {
    /// The token service.
    pub login: Url,
    /// Microsoft Graph.
    pub graph: Url,
    /// A CA certificate to trust besides the system's (PEM).
    pub ca_file: Option<PathBuf>,
}

impl Default for Cloud {
    #[expect(clippy::expect_used, reason = "two constants")]
    fn default() -> Self {
        Self {
            login: Url::parse("https://login.microsoftonline.com").expect("a constant"),
            graph: Url::parse("https://graph.microsoft.com").expect("a constant"),
            ca_file: None,
        }
    }
}

/// Where state and evidence are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// A directory of the twin's own.
    pub dir: PathBuf,
    /// The key that seals it; keep it elsewhere. Made by `subtwin keys`.
    pub key_file: PathBuf,
}

/// Where Graph reaches the twin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifications {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address Graph posts to; left out only when the cloud is on this machine.
    pub public_url: Option<Url>,
    /// Minutes between two looks for messages that no notification told of.
    pub catch_up_minutes: u64,
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            catch_up_minutes: 15,
        }
    }
}

/// Who may ask, and who helps when the twin cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// User principal names of the helpdesk.
    #[serde(default)]
    pub helpdesk: Vec<String>,
    /// A group whose members are the helpdesk too.
    pub helpdesk_group: Option<GroupId>,
    /// Who takes over what the twin cannot do.
    pub human: Human,
}

/// A human contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Human {
    /// Display name.
    pub name: String,
    /// User principal name.
    pub upn: String,
}

/// What is remembered of conversations. Never written to disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Minutes a conversation is remembered after its last message.
    pub retention_minutes: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { retention_minutes: 60 }
    }
}

/// How the tenant's own audit entry is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Seconds after the action at which the tenant's log is read, until the entry is found.
    pub look_after_seconds: Vec<u64>,
}

impl Default for Audit {
    fn default() -> Self {
        Self { look_after_seconds: vec![2, 4, 8, 20, 60, 180, 600, 1800, 5400] }
    }
}

fn every_tool() -> Vec<Tool> {
    Tool::ALL.to_vec()
}

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// Names the file, and the field or line that is wrong.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration `{}`", path.display()))?;
        let mut config: Self = toml::from_str(&text)
            .with_context(|| format!("the configuration `{}` is not right", path.display()))?;
        let base = path.parent().unwrap_or(Path::new("."));
        for file in [&mut config.state.dir, &mut config.state.key_file]
            .into_iter()
            .chain(&mut config.cloud.ca_file)
        {
            *file = base.join(&*file);
        }
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.tools.is_empty(), "`tools` is empty: the twin could do nothing");
        ensure!(
            !self.state.key_file.starts_with(&self.state.dir),
            "`state.key_file` lies inside `state.dir`: keep the key apart from what it seals"
        );
        ensure!(
            self.memory.retention_minutes > 0,
            "`memory.retention_minutes` is 0: the twin would forget its own questions"
        );
        if let Some(url) = &self.notifications.public_url {
            ensure!(
                url.scheme() == "https" || is_loopback(url),
                "`notifications.public_url` must be https: Graph posts to nothing else"
            );
        }
        Ok(())
    }

    /// When the tenant's log is read, counted from the action.
    #[must_use]
    pub fn look_after(&self) -> Vec<Duration> {
        self.audit.look_after_seconds.iter().map(|seconds| Duration::from_secs(*seconds)).collect()
    }

    /// How long a conversation is remembered.
    #[must_use]
    pub const fn retention(&self) -> Duration {
        Duration::from_secs(self.memory.retention_minutes.saturating_mul(60))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
