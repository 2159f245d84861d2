//! `subtwin sandbox`: a tenant on its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use subtwin_sandbox::{Running, Settings};
use url::Url;

use crate::config::{Audit, Cloud, Config, Human, Memory, Notifications, People, State, Twin};
use crate::{cli, run, say};

/// Runs a sandbox tenant until it is interrupted.
///
/// # Errors
/// When an option is not right, the address is taken, or a file cannot be written.
pub fn command(options: &cli::Sandbox) -> anyhow::Result<()> {
    run::runtime()?.block_on(async {
        let running = subtwin_sandbox::start(settings(options)?).await?;
        if let Some(file) = &options.write_config {
            write_config(&running, options.ca_dir.as_deref(), file)?;
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
        faults: options.fault.clone(),
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

/// The configuration of the sample twin in this tenant.
pub(crate) fn config_for(
    running: &Running,
    ca_file: &Path,
    state: State,
) -> anyhow::Result<Config> {
    let sample = running.sample_twin();
    let address = Url::parse(&format!("https://localhost:{}", running.address.port()))?;
    Ok(Config {
        tenant: sample.tenant.parse()?,
        twin: Twin {
            id: sample.twin.parse()?,
            upn: sample.twin_upn,
            name: sample.twin_name,
            chat_app: sample.chat_app.parse()?,
            admin_app: sample.admin_app.parse()?,
        },
        cloud: Cloud { login: address.clone(), graph: address, ca_file: Some(ca_file.to_owned()) },
        state,
        notifications: Notifications::default(),
        people: People {
            helpdesk: vec![sample.helpdesk_upn],
            helpdesk_group: None,
            human: Human { name: sample.human_name, upn: sample.human_upn },
        },
        tools: subtwin_kernel::Tool::ALL.to_vec(),
        memory: Memory::default(),
        audit: Audit::default(),
    })
}

fn write_config(running: &Running, ca_dir: Option<&Path>, file: &Path) -> anyhow::Result<()> {
    let ca = ca_dir.context("--write-config needs --ca-dir")?.join("ca.pem");
    let ca = fs::canonicalize(&ca).with_context(|| format!("cannot find {}", ca.display()))?;
    let state = State { dir: "twin-state".into(), key_file: "twin.key".into() };
    let config = config_for(running, &ca, state)?;
    fs::write(file, toml::to_string_pretty(&config)?)
        .with_context(|| format!("cannot write {}", file.display()))
}
