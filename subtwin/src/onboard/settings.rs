//! What an onboarding is told: a small TOML file, most of which becomes the twin's configuration.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use subtwin_entra::onboard::{LicenceWish, Wish};
use subtwin_kernel::{AppId, TenantId, Tool, TwinId};

use crate::config::{Audit, Cloud, Config, Gate, Memory, Notifications, People, State, Twin};

/// One onboarding. Relative paths count from the file's own directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Onboard {
    /// The customer's directory.
    pub(super) tenant: TenantId,
    /// The public client with which an administrator signs in.
    pub(super) installer: AppId,
    /// Which licence: a part number, `cheapest` or `none`.
    #[serde(default = "cheapest")]
    licence: String,
    /// Whether an account and registrations that are there already may be used.
    #[serde(default)]
    adopt: bool,
    /// What the twin offers; every tool when left out.
    #[serde(default = "every_tool")]
    tools: Vec<Tool>,
    /// The account to be made.
    twin: Account,
    #[serde(default)]
    pub(super) cloud: Cloud,
    pub(super) state: State,
    #[serde(default)]
    notifications: Notifications,
    people: People,
    #[serde(default)]
    gate: Gate,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    /// What people call it.
    name: String,
    /// What the directory calls it.
    display_name: Option<String>,
    upn: String,
    usage_location: String,
    department: Option<String>,
    job_title: Option<String>,
}

impl Onboard {
    /// What makes another twin beside the one with this configuration.
    pub(crate) fn sample(config: Config, installer: AppId) -> Self {
        Self {
            tenant: config.tenant,
            installer,
            licence: cheapest(),
            adopt: false,
            tools: config.tools,
            twin: Account {
                name: "Robin".to_owned(),
                display_name: Some("Robin (IT twin)".to_owned()),
                upn: "robin@contoso.com".to_owned(),
                usage_location: "US".to_owned(),
                department: Some("IT".to_owned()),
                job_title: Some("IT Helpdesk".to_owned()),
            },
            cloud: config.cloud,
            state: config.state,
            notifications: config.notifications,
            people: config.people,
            gate: config.gate,
        }
    }

    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration `{}`", path.display()))?;
        let mut settings: Self = toml::from_str(&text)
            .with_context(|| format!("the configuration `{}` is not right", path.display()))?;
        let base = path.parent().unwrap_or(Path::new("."));
        for file in settings
            .state
            .paths()
            .into_iter()
            .chain(&mut settings.cloud.ca_file)
            .chain(&mut settings.gate.policies)
        {
            *file = base.join(&*file);
        }
        settings.wish()?;
        // What follows from it must be right before anything is made.
        let nobody = TwinId::new(uuid::Uuid::nil());
        settings.config(nobody, settings.installer, settings.installer)?;
        Ok(settings)
    }

    pub(super) fn wish(&self) -> anyhow::Result<Wish> {
        let twin = &self.twin;
        let wish = Wish {
            tenant: self.tenant,
            display_name: twin.display_name.clone().unwrap_or_else(|| twin.name.clone()),
            upn: twin.upn.clone(),
            usage_location: twin.usage_location.clone(),
            department: twin.department.clone(),
            job_title: twin.job_title.clone(),
            tools: Tool::ALL.into_iter().filter(|tool| self.tools.contains(tool)).collect(),
            licence: match self.licence.as_str() {
                "cheapest" => LicenceWish::Cheapest,
                "none" => LicenceWish::Nothing,
                part => LicenceWish::Product(part.to_owned()),
            },
            adopt: self.adopt,
        };
        wish.check()?;
        Ok(wish)
    }

    /// The configuration of the twin that was made.
    pub(super) fn config(&self, id: TwinId, chat: AppId, admin: AppId) -> anyhow::Result<Config> {
        let config = Config {
            tenant: self.tenant,
            twin: Twin {
                id,
                upn: self.twin.upn.clone(),
                name: self.twin.name.clone(),
                chat_app: chat,
                admin_app: admin,
            },
            agent: None,
            bot: None,
            cloud: self.cloud.clone(),
            state: self.state.clone(),
            notifications: self.notifications.clone(),
            people: self.people.clone(),
            gate: self.gate.clone(),
            tools: self.tools.clone(),
            memory: Memory::default(),
            audit: Audit::default(),
        };
        config.check()?;
        Ok(config)
    }

    /// The same with paths as they must stand in `out`: as they were written when it lies beside
    /// the file they were written in, whole otherwise.
    pub(super) fn as_written(
        &self,
        config: &Config,
        file: &Path,
        out: &Path,
    ) -> anyhow::Result<Config> {
        let home = |path: &Path| {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            std::path::absolute(parent.unwrap_or(Path::new(".")))
        };
        let (from, to) = (home(file)?, home(out)?);
        let mut config = config.clone();
        let paths = config
            .state
            .paths()
            .into_iter()
            .chain(&mut config.cloud.ca_file)
            .chain(&mut config.gate.policies);
        for path in paths {
            let whole: PathBuf = std::path::absolute(&*path)?;
            *path = match whole.strip_prefix(&from) {
                Ok(beside) if from == to => beside.to_owned(),
                _ => whole,
            };
        }
        Ok(config)
    }
}

fn cheapest() -> String {
    "cheapest".to_owned()
}

fn every_tool() -> Vec<Tool> {
    Tool::ALL.to_vec()
}
