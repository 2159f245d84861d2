//! `subtwin doctor` and `subtwin whoami`: what a twin lacks and what it may do, from outside, with
//! its own tokens. They change nothing and may be run beside a running twin.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use serde::Deserialize;
use serde_json::json;
use subtwin_entra::doctor::{Finding, Patient, Permit, Registered, Verdict};
use subtwin_entra::{Graph, Read, user_path};
use subtwin_kernel::{PrincipalKind, Tool};

use crate::config::Config;
use crate::twin::{Foundations, Registration};
use crate::{cli, keys, promote, run, say};

/// Looks at everything a twin needs.
///
/// # Errors
/// When something is missing without which a configured tool does not work; it is printed.
pub fn doctor(options: &cli::Look) -> anyhow::Result<()> {
    run::log_to_stderr("error");
    let config = Config::read(&options.config)?;
    if let Some(agent) = &config.agent {
        // Its tools need no roles and no consent but what `promote` gave.
        return run::runtime()?.block_on(promote::whoami(&config, agent, options.json));
    }
    let found = run::runtime()?.block_on(examine(&config))?;
    let broken: Vec<Tool> = config
        .tools
        .iter()
        .copied()
        .filter(|tool| {
            found.iter().any(|one| {
                one.verdict == Verdict::Missing
                    && (one.tools.is_empty() || one.tools.contains(tool))
            })
        })
        .collect();
    if options.json {
        say::line(serde_json::to_string_pretty(&json!({
            "works": broken.is_empty(),
            "toolsThatDoNot": broken,
            "findings": found,
        }))?);
    } else {
        for one in &found {
            say::line(shown(one));
        }
    }
    if broken.is_empty() {
        if !options.json {
            say::line("\nEvery configured tool has what it needs.");
        }
        return Ok(());
    }
    bail!("{} of {} configured tools do not work", broken.len(), config.tools.len())
}

fn shown(one: &Finding) -> String {
    let mark = match one.verdict {
        Verdict::Good => "good   ",
        Verdict::Note => "note   ",
        Verdict::Missing => "MISSING",
    };
    let mut text = format!("{mark}  {}: {}", one.about, one.says);
    if !one.tools.is_empty() {
        let names: Vec<String> = one.tools.iter().map(Tool::to_string).collect();
        text.push_str(&format!("\n         for    {}", names.join(", ")));
    }
    if let Some(remedy) = &one.remedy {
        text.push_str(&format!("\n         remedy {remedy}"));
    }
    text
}

async fn examine(config: &Config) -> anyhow::Result<Vec<Finding>> {
    let mut found = local(config);
    let patient = match patient(config).await {
        Ok(patient) => patient,
        Err(cause) => {
            let says = format!("The twin's state cannot be looked at: {cause:#}.");
            found.push(Finding::missing("state", says).remedy(
                "`subtwin keys` and `subtwin sign-in`, or bring key and state back from a backup",
            ));
            return Ok(found);
        }
    };
    found.push(notifications(config, &patient).await);
    let (live, graph) = patient.examine().await;
    found.extend(live);
    if let Some(graph) = graph {
        found.extend(people(config, &graph).await);
    }
    // What is wrong stands last, where it is read.
    found.sort_by_key(|one| one.verdict);
    Ok(found)
}

/// The twin as its own registrations see it.
async fn patient(config: &Config) -> anyhow::Result<Patient> {
    let base = Foundations::to_look(config)?;
    let mut both = Vec::new();
    for &registration in Registration::of(config) {
        both.push(Registered {
            name: registration.name(),
            client: base.client(config, registration),
            refresh: base.store.sealed(registration.vault_name()).await?,
            scopes: registration.scopes(&config.tools),
        });
    }
    let (Some(admin), Some(chat)) = (both.pop(), both.pop()) else {
        bail!("a bot has one registration only, and is not looked at yet; see its log");
    };
    Ok(Patient {
        cloud: base.cloud.clone(),
        user: config.twin.id.as_user(),
        upn: config.twin.upn.clone(),
        kind: PrincipalKind::MemberUser,
        tools: config.tools.clone(),
        chat,
        admin,
        clock: Arc::clone(&base.clock),
        entropy: Arc::clone(&base.entropy),
    })
}

/// What needs no network: directories, key, policies, time zone.
fn local(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    found.push(match std::fs::metadata(&config.state.dir) {
        Ok(found) if found.is_dir() => {
            let open = found.permissions().mode() & 0o077;
            let store = config.state.dir.join("store");
            let open = if store.exists() { private(&store).unwrap_or(open) } else { open };
            if open == 0 {
                Finding::good("state", format!("`{}` is there.", config.state.dir.display()))
            } else {
                Finding::note("state", "Others on this machine may look into the store's folder.")
                    .remedy(format!("chmod 700 {}", store.display()))
            }
        }
        Ok(_) | Err(_) => {
            let says = format!("`{}` is no directory.", config.state.dir.display());
            Finding::missing("state", says).remedy("`subtwin sign-in` makes it")
        }
    });
    found.push(match keys::read(&config.state.key) {
        Ok(_) => Finding::good("key", "The key can be read, by its owner alone."),
        Err(cause) => Finding::missing("key", format!("The key cannot be used: {cause:#}."))
            .remedy("`subtwin keys FILE`, or bring the key back from its backup"),
    });
    let evidence = config.state.dir.join("evidence");
    found.push(match subtwin_record::audit::Archive::open(&evidence) {
        Ok(_) => Finding::good("evidence", format!("`{}` is there.", evidence.display())),
        Err(_) => Finding::note("evidence", "There is no evidence yet: the twin never ran."),
    });
    found.push(match config.gate.policies() {
        Ok(policies) => {
            Finding::good("policies", format!("The policies can be read ({}).", policies.digest()))
        }
        Err(cause) => Finding::missing("policies", format!("{cause:#}."))
            .remedy("`subtwin policy check FILE…` says what is wrong"),
    });
    found.push(match config.gate.zone() {
        Ok(_) => Finding::good("time zone", format!("{} is known.", config.gate.time_zone)),
        Err(cause) => Finding::missing("time zone", format!("{cause:#}."))
            .remedy("install tzdata, or correct `gate.time_zone`"),
    });
    found
}

fn private(path: &Path) -> Option<u32> {
    Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o077)
}

/// Whether Graph could reach the twin, as far as can be told from here. Sends nothing that counts.
async fn notifications(config: &Config, patient: &Patient) -> Finding {
    let about = "notifications";
    let Some(url) = &config.notifications.public_url else {
        let local = config.cloud.graph.host_str().is_some_and(|host| {
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        });
        if local {
            return Finding::good(about, "The cloud is on this machine; no address is needed.");
        }
        return Finding::missing(about, "There is no address at which Graph reaches the twin.")
            .remedy("set `notifications.public_url` to the https address of your reverse proxy");
    };
    let Ok(target) = url.join("notifications") else {
        return Finding::missing(about, format!("`{url}` is no address to post to."))
            .remedy("end `notifications.public_url` with a slash");
    };
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    if let Err(cause) = tokio::net::lookup_host((host.as_str(), port)).await {
        return Finding::missing(about, format!("The name {host} is not known here: {cause}."))
            .remedy(format!("publish an address for {host} in public DNS"));
    }
    match patient.cloud.http().get(target.clone()).send().await {
        Ok(answer) if [502, 503, 504].contains(&answer.status().as_u16()) => Finding::note(
            about,
            format!("{target} answers {}: the proxy is there, no twin behind it.", answer.status()),
        )
        .remedy("start the twin; if it runs, let the proxy pass on to `notifications.listen`"),
        Ok(answer) => Finding::good(
            about,
            format!("{target} can be reached from here by TLS (it answers {}).", answer.status()),
        ),
        Err(cause) => {
            let mut why = String::new();
            let mut next: Option<&dyn std::error::Error> = Some(&cause);
            while let Some(cause) = next {
                why = cause.to_string();
                next = cause.source();
            }
            Finding::missing(about, format!("{target} cannot be reached from here: {why}.")).remedy(
                "Graph needs a public https address with a certificate that browsers trust; \
                     if only this machine cannot reach it, ask from outside",
            )
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    account_enabled: Option<bool>,
    user_type: Option<String>,
}

/// The people that the configuration names.
async fn people(config: &Config, graph: &Graph) -> Vec<Finding> {
    let people = &config.people;
    let lists = [
        ("people.helpdesk", &people.helpdesk),
        ("people.approvers", &people.approvers),
        ("people.sponsors", &people.sponsors),
        ("people.break_glass", &people.break_glass),
    ];
    let mut named: Vec<(&str, &str)> = Vec::new();
    for (field, list) in lists {
        named.extend(list.iter().map(|upn| (field, upn.as_str())));
    }
    named.push(("people.human.upn", &people.human.upn));
    let mut found = Vec::new();
    for (field, upn) in named {
        let read = Read::at(user_path(upn)).option("$select", "id,accountEnabled,userType");
        let says = match graph.find::<Person>(&read).await {
            Ok(None) => {
                let says = format!("`{field}` names {upn}, who is not in the directory.");
                found.push(Finding::missing("people", says).remedy("correct the configuration"));
                continue;
            }
            Ok(Some(person)) if person.account_enabled == Some(false) => "is disabled",
            Ok(Some(person)) if person.user_type.as_deref() == Some("Guest") => "is a guest",
            Ok(Some(_)) => continue,
            Err(cause) => {
                found.push(Finding::note("people", format!("{upn} was not looked up: {cause}.")));
                continue;
            }
        };
        found.push(
            Finding::note("people", format!("`{field}` names {upn}, who {says}."))
                .remedy("name somebody else"),
        );
    }
    let groups = [
        ("people.helpdesk_group", people.helpdesk_group),
        ("people.approvers_group", people.approvers_group),
    ];
    for (field, group) in groups {
        let Some(group) = group else { continue };
        let read = Read::at(format!("/v1.0/groups/{group}")).option("$select", "id");
        if matches!(graph.find::<serde_json::Value>(&read).await, Ok(None)) {
            let says = format!("`{field}` names {group}, which is no group of the directory.");
            found.push(Finding::missing("people", says).remedy("correct the configuration"));
        }
    }
    if people.helpdesk.is_empty() && people.helpdesk_group.is_none() {
        found.push(Finding::note(
            "people",
            "Nobody is helpdesk: only owners, managers and people asking for themselves can have \
             something changed.",
        ));
    }
    if found.is_empty() {
        found.push(Finding::good("people", "Everybody named is in the directory."));
    }
    found
}

/// Says who the twin is to its directory, and what its tokens are good for.
///
/// # Errors
/// When the state cannot be read, or there is no token for a registration.
pub fn whoami(options: &cli::Look) -> anyhow::Result<()> {
    run::log_to_stderr("error");
    let config = Config::read(&options.config)?;
    if let Some(agent) = &config.agent {
        return run::runtime()?.block_on(promote::whoami(&config, agent, options.json));
    }
    run::runtime()?.block_on(async {
        let patient = patient(&config).await?;
        let permits = [patient.permit(&patient.chat).await, patient.permit(&patient.admin).await];
        if options.json {
            say::line(serde_json::to_string_pretty(&json!({
                "name": config.twin.name,
                "userPrincipalName": config.twin.upn,
                "id": config.twin.id,
                "tenant": config.tenant,
                "kind": patient.kind,
                "actsAs": config.twin.upn,
                "tokens": permits,
            }))?);
        } else {
            say::line(format_args!("{} ({})", config.twin.name, config.twin.upn));
            say::line(format_args!("  id       {} in tenant {}", config.twin.id, config.tenant));
            say::line("  kind     an ordinary member account; it acts as itself and nobody else");
            for permit in &permits {
                say::line(permit_shown(permit));
            }
        }
        if permits.iter().any(|permit| permit.error.is_some()) {
            bail!("there is no token for every registration");
        }
        Ok(())
    })
}

fn permit_shown(permit: &Permit) -> String {
    let mut text = format!("  {:<8} app {}", permit.registration, permit.app);
    if let Some(until) = permit.until {
        let until = until.strftime("%Y-%m-%dT%H:%M:%SZ");
        text.push_str(&format!("\n           a token issued now works until {until}"));
    }
    let lists =
        [("scopes ", &permit.scopes), ("refused", &permit.refused), ("beyond ", &permit.beyond)];
    for (name, list) in lists {
        if !list.is_empty() {
            text.push_str(&format!("\n           {name} {}", list.join(" ")));
        }
    }
    if let Some(error) = &permit.error {
        text.push_str(&format!("\n           no token: {error}"));
    }
    text
}
