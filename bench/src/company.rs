use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Setup;
use crate::control::{Control, at};
use crate::process::Process;

/// A sandbox tenant as a process of its own, and a twin that has signed in there.
#[derive(Debug)]
pub(crate) struct Company {
    pub(crate) sandbox: Process,
    pub(crate) control: Control,
    /// The twin's object id.
    pub(crate) twin: String,
    pub(crate) people: Vec<Person>,
    subtwin: PathBuf,
    config: PathBuf,
    _place: TempDir,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) upn: String,
    pub(crate) name: String,
}

impl Company {
    /// Opens a company of `users` people, of whom the first `helpdesk` may have things changed.
    pub(crate) async fn open(setup: &Setup, users: usize, helpdesk: usize) -> anyhow::Result<Self> {
        let place = tempfile::Builder::new().prefix("subtwin-bench-").tempdir_in(&setup.dir)?;
        let path = |name: &str| -> anyhow::Result<String> {
            let path = place.path().join(name);
            Ok(path.to_str().context("the directory's name is not text")?.to_owned())
        };
        let (ca, config, key) = (path("ca")?, path("twin.toml")?, path("twin.key")?);
        let users = users.to_string();
        let arguments = ["--json", "--ca-dir", &ca, "--write-config", &config, "--users", &users];
        let mut sandbox = Process::start(&setup.subtwin, "sandbox", &arguments)?;
        let facts = sandbox.line(|line| serde_json::from_str::<Value>(line).ok()).await?;
        let control =
            Control::at(at(&facts, "/control").as_str().context("`control` is an address")?)?;
        let tenant = control.get("tenant").await?;
        let everybody: Vec<&Value> =
            at(&tenant, "/people").as_array().into_iter().flatten().collect();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let twin = everybody.iter().find(|person| at(person, "/userPrincipalName") == TWIN);
        let twin = text(at(twin.context("the sample twin is in the company")?, "/id"));
        let people: Vec<Person> = everybody
            .iter()
            .filter(|person| at(person, "/guest") == false && at(person, "/enabled") == true)
            .map(|person| Person {
                upn: text(at(person, "/userPrincipalName")),
                name: text(at(person, "/displayName")),
            })
            .filter(|person| person.upn != TWIN)
            .collect();
        let config = PathBuf::from(config);
        let desk: Vec<&str> = people.iter().take(helpdesk).map(|one| one.upn.as_str()).collect();
        hire(&config, &desk)?;
        Process::start(&setup.subtwin, "keys", &["new", &key])?.ended().await?;
        let company = Self {
            sandbox,
            control,
            twin,
            people,
            subtwin: setup.subtwin.clone(),
            config,
            _place: place,
        };
        company.sign_in().await?;
        Ok(company)
    }

    /// Signs the twin in for both of its registrations, as a person with a browser would.
    async fn sign_in(&self) -> anyhow::Result<()> {
        let config = self.config_path()?;
        let mut signing =
            Process::start(&self.subtwin, "sign-in", &["--no-browser", "--config", config])?;
        for _ in 0..2 {
            let url = signing
                .line(|line| line.trim().starts_with("http").then(|| line.trim().to_owned()))
                .await?;
            let body = json!({"url": url, "as": TWIN, "follow": true});
            self.control.post("sign-in", &body).await?;
        }
        signing.ended().await
    }

    /// Starts the twin and returns when it listens.
    pub(crate) async fn start_twin(&self) -> anyhow::Result<Process> {
        let config = self.config_path()?;
        let mut twin = Process::start(&self.subtwin, "run", &["--config", config])?;
        twin.line(|line| line.contains(" listens (").then_some(())).await?;
        Ok(twin)
    }

    fn config_path(&self) -> anyhow::Result<&str> {
        self.config.to_str().context("the directory's name is not text")
    }
}

/// Makes these people the helpdesk in a written configuration.
fn hire(config: &Path, helpdesk: &[&str]) -> anyhow::Result<()> {
    if helpdesk.is_empty() {
        return Ok(());
    }
    let text = fs::read_to_string(config)?;
    let begin = text.find("helpdesk = [").context("the configuration names a helpdesk")?;
    let (before, list) = text.split_at_checked(begin).context("in the text")?;
    let (_, after) = list.split_once(']').context("the helpdesk is a list")?;
    let text = format!("{before}helpdesk = {}{after}", json!(helpdesk));
    ensure!(text.contains(helpdesk.first().copied().unwrap_or_default()), "the list is written");
    fs::write(config, text)?;
    Ok(())
}

/// Whom people write to.
pub(crate) const TWIN: &str = "sam@contoso.com";
