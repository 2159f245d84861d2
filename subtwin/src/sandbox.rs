//! `subtwin sandbox`: a tenant on its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use subtwin_kernel::{Tool, TwinId};
use subtwin_sandbox::{Running, Settings};
use url::Url;

use crate::config::{
    Audit, Cloud, Config, Gate, Human, KeyPlace, Memory, Notifications, People, State, Twin,
};
use crate::control::Control;
use crate::onboard::settings::Onboard;
use crate::{cli, run, say};

/// Runs a sandbox tenant until it is interrupted.
///
/// # Errors
/// When an option is not right, the address is taken, or a file cannot be written.
pub fn command(options: &cli::Sandbox) -> anyhow::Result<()> {
    run::runtime()?.block_on(async {
        let running = subtwin_sandbox::start(settings(options)?).await?;
        let control = Control::at(running.address)?;
        control.set_faults(&options.fault).await?;
        if let Some(file) = &options.write_config {
            write_config(&running, &control, options.ca_dir.as_deref(), file).await?;
        }
        if let Some(file) = &options.write_onboarding {
            write_onboarding(&running, &control, options.ca_dir.as_deref(), file).await?;
        }
        announce(options, &running);
        run::interrupted().await;
        running.stop().await;
        Ok(())
    })
}

fn settings(options: &cli::Sandbox) -> anyhow::Result<Settings> {
    ensure!(
        options.listen.ip().is_loopback(),
        "--listen {} is not on this machine only; a sandbox has no passwords worth the name",
        options.listen
    );
    let audit_delay = Duration::try_from_secs_f64(options.audit_delay)
        .with_context(|| format!("--audit-delay {} is not a time", options.audit_delay))?;
    Ok(Settings {
        listen: options.listen,
        seed: options.seed,
        users: options.users,
        audit_delay,
        ca_dir: options.ca_dir.clone(),
        capture: options.capture.clone(),
        ..Settings::default()
    })
}

fn announce(options: &cli::Sandbox, running: &Running) {
    let address = running.address;
    if options.json {
        say::line(json!({
            "page": format!("http://{address}/"),
            "login": format!("https://localhost:{}", address.port()),
            "graph": format!("https://localhost:{}", address.port()),
            "proxy": format!("http://{address}"),
            "control": format!("http://{address}/sandbox/"),
            "ca": options.ca_dir.as_ref().map(|dir| dir.join("ca.pem")),
        }));
        return;
    }
    say::line(format_args!("the tenant's page    http://{address}/"));
    say::line(format_args!("token service, Graph https://localhost:{}", address.port()));
    say::line(format_args!("as the real names    HTTPS_PROXY=http://{address}"));
    match &options.ca_dir {
        Some(dir) => {
            let ca = dir.join("ca.pem");
            say::line(format_args!("certificate to trust {}", ca.display()));
        }
        None => say::line("certificate to trust: start with --ca-dir DIR to have it written"),
    }
    say::line("Ctrl-C stops it; nothing is kept.");
}

/// The configuration of the sample twin in a sandbox tenant.
pub(crate) async fn config_for(
    running: &Running,
    control: &Control,
    ca_file: &Path,
    state: State,
) -> anyhow::Result<Config> {
    let tenant = control.tenant().await?;
    let person = |upn: &str| {
        let found = tenant.people.iter().find(|person| person.user_principal_name == upn);
        found.with_context(|| format!("the sample company has no {upn}"))
    };
    let app = |role: &str| {
        let found = tenant.apps.iter().find(|app| app.role.as_deref() == Some(role));
        found.map(|app| app.app_id).with_context(|| format!("the company has no app `{role}`"))
    };
    let twin = person(TWIN)?;
    let human = person(HUMAN)?;
    let address = Url::parse(&format!("https://localhost:{}", running.address.port()))?;
    Ok(Config {
        tenant: tenant.id,
        twin: Twin {
            id: TwinId::new(twin.id.guid()),
            upn: TWIN.to_owned(),
            name: "Sam".to_owned(),
            chat_app: app("twinChat")?,
            admin_app: app("twinAdmin")?,
        },
        agent: None,
        cloud: Cloud { login: address.clone(), graph: address, ca_file: Some(ca_file.to_owned()) },
        state,
        notifications: Notifications::default(),
        bot: None,
        people: People {
            helpdesk: vec![HELPDESK.to_owned()],
            helpdesk_group: None,
            approvers: vec![APPROVER.to_owned()],
            approvers_group: None,
            sponsors: vec![HUMAN.to_owned()],
            break_glass: vec![BREAK_GLASS.to_owned()],
            human: Human { name: human.display_name.clone(), upn: HUMAN.to_owned() },
        },
        gate: Gate::default(),
        tools: Tool::ALL.to_vec(),
        memory: Memory::default(),
        audit: Audit::default(),
    })
}

/// What makes another twin in a sandbox tenant, with the people of the sample one.
pub(crate) async fn write_onboarding(
    running: &Running,
    control: &Control,
    ca_dir: Option<&Path>,
    file: &Path,
) -> anyhow::Result<()> {
    let ca = certificate(ca_dir)?;
    let state = State { dir: "new-twin-state".into(), key: KeyPlace::File("new-twin.key".into()) };
    let config = config_for(running, control, &ca, state).await?;
    let apps = control.tenant().await?.apps;
    let installer = apps.iter().find(|app| app.role.as_deref() == Some(INSTALLER));
    let installer = installer.context("the company has no installer")?.app_id;
    let settings = Onboard::sample(config, installer);
    fs::write(file, toml::to_string_pretty(&settings)?)
        .with_context(|| format!("cannot write {}", file.display()))
}

fn certificate(ca_dir: Option<&Path>) -> anyhow::Result<PathBuf> {
    let ca = ca_dir.context("--ca-dir is needed")?.join("ca.pem");
    fs::canonicalize(&ca).with_context(|| format!("cannot find {}", ca.display()))
}

async fn write_config(
    running: &Running,
    control: &Control,
    ca_dir: Option<&Path>,
    file: &Path,
) -> anyhow::Result<()> {
    let ca = certificate(ca_dir)?;
    let state = State { dir: "twin-state".into(), key: KeyPlace::File("twin.key".into()) };
    let config = config_for(running, control, &ca, state).await?;
    fs::write(file, toml::to_string_pretty(&config)?)
        .with_context(|| format!("cannot write {}", file.display()))
}

/// The sandbox's word for the app with which an administrator signs in.
const INSTALLER: &str = "installer";
pub(crate) const TWIN: &str = "sam@contoso.com";
pub(crate) const HELPDESK: &str = "doug@contoso.com";
/// Says yes where somebody other than the helpdesk's Doug must.
pub(crate) const APPROVER: &str = "paula.stone@contoso.com";
pub(crate) const BREAK_GLASS: &str = "emergency@contoso.com";
pub(crate) const HUMAN: &str = "dana@contoso.com";
