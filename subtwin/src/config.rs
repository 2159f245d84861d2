//! The configuration of one twin, read from a TOML file.

mod agent;
mod bot;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use subtwin_confirm::{Answers, Language, Limits};
use subtwin_entra::{NationalCloud, Pace};
use subtwin_kernel::{AppId, GroupId, TenantId, Tool, TwinId};
use subtwin_policy::Policies;
use url::Url;
use uuid::Uuid;

pub use agent::Agent;
pub use bot::Bot;

/// One twin. Relative paths count from the file's own directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The customer's directory.
    pub tenant: TenantId,
    /// Who the twin is, if it has an ordinary account of its own.
    #[serde(default)]
    pub twin: Twin,
    /// Whose agent it is, if it starts with its owner's token and grows into an account of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// Where the cloud is; the public one when left out.
    #[serde(default)]
    pub cloud: Cloud,
    /// Where state and evidence are kept.
    pub state: State,
    /// Where Graph reaches the twin.
    #[serde(default)]
    pub notifications: Notifications,
    /// How people reach the twin as a bot; left out, they reach it in Graph's chats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bot: Option<Bot>,
    /// Who may ask, and who helps when the twin cannot.
    pub people: People,
    /// Who may ask for what, and how a yes is given.
    #[serde(default)]
    pub gate: Gate,
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

impl Default for Twin {
    /// Nobody.
    fn default() -> Self {
        Self {
            id: TwinId::new(Uuid::nil()),
            upn: String::new(),
            name: String::new(),
            chat_app: AppId::new(Uuid::nil()),
            admin_app: AppId::new(Uuid::nil()),
        }
    }
}

/// Where the cloud is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenCloud")]
pub struct Cloud {
    /// The token service.
    pub login: Url,
    /// Microsoft Graph.
    pub graph: Url,
    /// A CA certificate to trust besides the system's (PEM).
    pub ca_file: Option<PathBuf>,
}

/// As it stands in the file: a cloud's name, and addresses that take precedence over it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenCloud {
    name: NationalCloud,
    login: Option<Url>,
    graph: Option<Url>,
    ca_file: Option<PathBuf>,
}

impl From<WrittenCloud> for Cloud {
    #[expect(clippy::expect_used, reason = "constants, each parsed in a test")]
    fn from(written: WrittenCloud) -> Self {
        let constant = |address| Url::parse(address).expect("a constant");
        Self {
            login: written.login.unwrap_or_else(|| constant(written.name.login())),
            graph: written.graph.unwrap_or_else(|| constant(written.name.graph())),
            ca_file: written.ca_file,
        }
    }
}

impl Default for Cloud {
    fn default() -> Self {
        WrittenCloud::default().into()
    }
}

/// Where state and evidence are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenState", into = "WrittenState")]
pub struct State {
    /// A directory of the twin's own.
    pub dir: PathBuf,
    /// Where the key is that seals it.
    pub key: KeyPlace,
}

/// Where the key is that seals the state. Never on a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In a file that its owner alone may read.
    File(PathBuf),
    /// In an environment variable of this name.
    Env(String),
    /// In the operating system's keyring, under this name.
    Keyring(String),
}

impl State {
    /// Its paths, to be changed.
    pub(crate) fn paths(&mut self) -> Vec<&mut PathBuf> {
        match &mut self.key {
            KeyPlace::File(path) => vec![&mut self.dir, path],
            KeyPlace::Env(_) | KeyPlace::Keyring(_) => vec![&mut self.dir],
        }
    }

    /// Where what is sealed lies.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.dir.join("store")
    }
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenState {
    dir: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_env: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_in_keyring: Option<String>,
}

impl TryFrom<WrittenState> for State {
    type Error = String;

    fn try_from(written: WrittenState) -> Result<Self, String> {
        let key = match (written.key_file, written.key_env, written.key_in_keyring) {
            (Some(file), None, None) => KeyPlace::File(file),
            (None, Some(name), None) if is_variable(&name) => KeyPlace::Env(name),
            // Whoever puts the key itself here by mistake must not find it in a log.
            (None, Some(_), None) => {
                return Err("`state.key_env` is the name of an environment variable, such as \
                            SUBTWIN_KEY: capital letters, digits and underscores"
                    .to_owned());
            }
            (None, None, Some(name)) if !name.trim().is_empty() => KeyPlace::Keyring(name),
            _ => {
                return Err("exactly one of `state.key_file`, `state.key_env` and \
                            `state.key_in_keyring` says where the key is"
                    .to_owned());
            }
        };
        Ok(Self { dir: written.dir, key })
    }
}

impl From<State> for WrittenState {
    fn from(state: State) -> Self {
        let mut written =
            Self { dir: state.dir, key_file: None, key_env: None, key_in_keyring: None };
        match state.key {
            KeyPlace::File(path) => written.key_file = Some(path),
            KeyPlace::Env(name) => written.key_env = Some(name),
            KeyPlace::Keyring(name) => written.key_in_keyring = Some(name),
        }
        written
    }
}

/// Whether a text can be the name of an environment variable that holds a key.
#[must_use]
pub fn is_variable(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= 64
        && name.bytes().all(fits)
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
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
    /// User principal names of people who say yes where somebody other than the requester must.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// A group whose members are approvers too.
    pub approvers_group: Option<GroupId>,
    /// User principal names of the twin's sponsors. Nobody changes their accounts through it.
    #[serde(default)]
    pub sponsors: Vec<String>,
    /// User principal names of accounts kept for emergencies. As for sponsors.
    #[serde(default)]
    pub break_glass: Vec<String>,
    /// Who takes over what the twin cannot do.
    pub human: Human,
}

/// Who may ask for what, and how a yes is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// Policy files in Cedar, in place of the shipped ones.
    pub policies: Vec<PathBuf>,
    /// Where the policies' hours are counted (IANA name).
    pub time_zone: String,
    /// Languages in which a yes may be given (ISO 639-1).
    pub languages: Vec<String>,
    /// Minutes after a no in which nothing with the same effect is proposed to the same person.
    pub quiet_after_no_minutes: u64,
    /// Most prompts that one person is shown within ten minutes.
    pub prompts_in_ten_minutes: usize,
    /// How many minutes back "undo that" reaches.
    pub undo_minutes: u64,
    /// Minutes a new password or access pass stands in the requester's chat.
    pub secret_minutes: u64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            policies: Vec::new(),
            time_zone: "UTC".to_owned(),
            languages: vec!["en".to_owned()],
            quiet_after_no_minutes: 5,
            prompts_in_ten_minutes: 20,
            undo_minutes: 30,
            secret_minutes: 10,
        }
    }
}

impl Gate {
    /// The policies in force.
    ///
    /// # Errors
    /// When a file cannot be read, or says something that is no policy; names the line.
    pub fn policies(&self) -> anyhow::Result<Policies> {
        if self.policies.is_empty() {
            return Ok(Policies::shipped());
        }
        read_policies(&self.policies)
    }

    /// The languages of a yes.
    ///
    /// # Errors
    /// When the words of one are not known.
    pub fn answers(&self) -> anyhow::Result<Answers> {
        let languages: Result<Vec<Language>, _> =
            self.languages.iter().map(|code| code.parse::<Language>()).collect();
        Ok(Answers::new(languages.context("`gate.languages` is not right")?))
    }

    /// Where hours are counted.
    ///
    /// # Errors
    /// When there is no such time zone.
    pub fn zone(&self) -> anyhow::Result<TimeZone> {
        TimeZone::get(&self.time_zone).with_context(|| {
            format!("`gate.time_zone` names `{}`, which is no time zone", self.time_zone)
        })
    }

    /// How the gate holds back.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        Limits {
            after_a_no: minutes(self.quiet_after_no_minutes),
            prompts: self.prompts_in_ten_minutes,
            window: minutes(10),
        }
    }
}

/// Reads policy files.
///
/// # Errors
/// As [`Gate::policies`].
pub fn read_policies(files: &[PathBuf]) -> anyhow::Result<Policies> {
    let mut texts = Vec::new();
    for file in files {
        let text = fs::read_to_string(file)
            .with_context(|| format!("cannot read the policies `{}`", file.display()))?;
        // By its name alone: the same policies in another folder are the same policies.
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        texts.push((name, text));
    }
    Ok(Policies::read(&texts)?)
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
        for file in config
            .state
            .paths()
            .into_iter()
            .chain(&mut config.cloud.ca_file)
            .chain(&mut config.gate.policies)
        {
            *file = base.join(&*file);
        }
        if let Some(agent) = &config.agent {
            ensure!(
                config.twin == Twin::default(),
                "the configuration has both `twin` and `agent`: it is one or the other"
            );
            config.twin.name.clone_from(&agent.name);
            config.twin.upn.clone_from(&agent.upn);
        }
        config.check()?;
        Ok(config)
    }

    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.tools.is_empty(), "`tools` is empty: the twin could do nothing");
        match &self.agent {
            Some(agent) => {
                agent.check()?;
                ensure!(self.bot.is_none(), "an `agent` is not reached as a `bot`: leave one out");
            }
            None => ensure!(
                self.twin != Twin::default(),
                "the configuration has neither `twin` nor `agent`: who is the twin?"
            ),
        }
        if let KeyPlace::File(path) = &self.state.key {
            ensure!(
                !path.starts_with(&self.state.dir),
                "`state.key_file` lies inside `state.dir`: keep the key apart from what it seals"
            );
        }
        ensure!(
            self.memory.retention_minutes > 0,
            "`memory.retention_minutes` is 0: the twin would forget its own questions"
        );
        ensure!(
            self.gate.prompts_in_ten_minutes > 0,
            "`gate.prompts_in_ten_minutes` is 0: the twin could ask nobody for a yes"
        );
        ensure!(
            (1..=60).contains(&self.gate.secret_minutes),
            "`gate.secret_minutes` must be 1 to 60: a secret is shown, and not left in a chat"
        );
        self.bot.as_ref().map_or(Ok(()), Bot::check)?;
        self.gate.answers()?;
        self.gate.zone()?;
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

    /// How long making an account may take. A cloud on this machine is quick.
    #[must_use]
    pub fn pace(&self) -> Pace {
        if is_loopback(&self.cloud.graph) {
            return Pace {
                first: Duration::from_millis(100),
                longest: Duration::from_secs(1),
                step: Duration::from_secs(30),
                lost: Duration::from_secs(1),
                ready: Duration::from_secs(120),
            };
        }
        Pace::default()
    }

    /// Whose state it is: the customer's directory. Sealed into the state, which opens for no other.
    #[must_use]
    pub fn owner(&self) -> String {
        format!("tenant {}", self.tenant)
    }

    /// How long a conversation is remembered.
    #[must_use]
    pub const fn retention(&self) -> Duration {
        minutes(self.memory.retention_minutes)
    }
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(60))
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_is_named_and_an_address_that_is_given_takes_precedence() {
        let read = |text: &str| toml::from_str::<Cloud>(text);
        for (name, login, graph) in [
            ("public", "https://login.microsoftonline.com/", "https://graph.microsoft.com/"),
            ("usgov", "https://login.microsoftonline.us/", "https://graph.microsoft.us/"),
            ("usgov-dod", "https://login.microsoftonline.us/", "https://dod-graph.microsoft.us/"),
            (
                "china",
                "https://login.chinacloudapi.cn/",
                "https://microsoftgraph.chinacloudapi.cn/",
            ),
        ] {
            let cloud = read(&format!("name = '{name}'")).unwrap();
            assert_eq!((cloud.login.as_str(), cloud.graph.as_str()), (login, graph));
        }
        assert_eq!(read("").unwrap(), Cloud::default());
        let mixed = read("name = 'usgov'\ngraph = 'https://localhost:1'").unwrap();
        assert_eq!(mixed.login.as_str(), "https://login.microsoftonline.us/");
        assert_eq!(mixed.graph.as_str(), "https://localhost:1/");
        let again = read(&toml::to_string(&mixed).unwrap()).unwrap();
        assert_eq!(again, mixed, "what is written is read back");
        let unknown = read("name = 'germany'").unwrap_err().to_string();
        assert!(unknown.contains("usgov-dod"), "{unknown}");
        assert!(read("names = 'public'").is_err());
    }

    #[test]
    fn exactly_one_place_holds_the_key() {
        let read = |text: &str| toml::from_str::<State>(&format!("dir = 'state'\n{text}"));
        for (text, key) in [
            ("key_file = 'twin.key'", KeyPlace::File("twin.key".into())),
            ("key_env = 'SUBTWIN_KEY'", KeyPlace::Env("SUBTWIN_KEY".to_owned())),
            ("key_in_keyring = 'contoso'", KeyPlace::Keyring("contoso".to_owned())),
        ] {
            let state = read(text).unwrap();
            assert_eq!(state.key, key);
            let again = toml::from_str::<State>(&toml::to_string(&state).unwrap()).unwrap();
            assert_eq!(again, state, "what is written is read back");
        }
        for text in [
            "",
            "key_file = 'twin.key'\nkey_env = 'SUBTWIN_KEY'",
            "key_env = 'A'\nkey_in_keyring = 'b'",
            "key_in_keyring = ' '",
        ] {
            let refused = read(text).unwrap_err().to_string();
            assert!(refused.contains("exactly one of"), "{text}: {refused}");
        }
        assert!(read("key_file = 'twin.key'\nkey = 'x'").is_err(), "no other field");
    }

    #[test]
    fn a_key_written_where_its_name_belongs_is_refused() {
        for name in ["", "9A", "subtwin", "A=B", "mRgU8DdO0xSRfDkV1xk7F6oU6YwO3iQ0v6bTq0eXr2M="] {
            let refused = toml::from_str::<State>(&format!("dir = 's'\nkey_env = '{name}'"));
            let refused = refused.unwrap_err();
            assert!(refused.message().contains("name of an environment variable"), "{refused}");
            assert!(name.is_empty() || !refused.message().contains(name), "{refused}");
        }
    }
}
