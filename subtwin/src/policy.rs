//! `subtwin policy`: what the policies say, and why.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde_json::json;
use subtwin_confirm::Planner as _;
use subtwin_entra::Entra;
use subtwin_kernel::{Action, Clock as _, GroupId, Property, SkuId, SystemClock, Tool, UserId};
use subtwin_policy::{Decision, Policies, Question};
use subtwin_understand::Directory as _;

use crate::cli::{Explain, PolicyCommand};
use crate::config::{Config, read_policies};
use crate::{cli, run, say, twin};

/// Checks or explains policies.
///
/// # Errors
/// When a policy is not one, somebody or something is not in the directory, or the directory does
/// not answer.
pub fn command(options: &cli::Policy) -> anyhow::Result<()> {
    match &options.command {
        PolicyCommand::Check { files } => check(files),
        PolicyCommand::Explain(options) => run::runtime()?.block_on(explain(options)),
    }
}

fn check(files: &[PathBuf]) -> anyhow::Result<()> {
    if files.is_empty() {
        for (name, text) in Policies::shipped().texts() {
            say::line(format_args!("// {name}\n{text}"));
        }
        return Ok(());
    }
    let policies = read_policies(files)?;
    let rules: usize = policies.texts().map(|(_, text)| text.matches("@id(").count()).sum();
    say::line(format_args!(
        "good: {} files; {rules} rules, with those that always hold; digest {}",
        files.len(),
        policies.digest()
    ));
    Ok(())
}

async fn explain(options: &Explain) -> anyhow::Result<()> {
    let config = Config::read(&options.config)?;
    let (entra, gate) = twin::look(&config).await?;
    let asker = person(&entra, &options.asker).await?;
    let target = person(&entra, &options.target).await?;
    let action = action(&entra, options, target).await?;
    let policies = gate.policies();
    let facts = entra.target(&action).await.map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    let asker = entra
        .asker(asker, policies.groups())
        .await
        .map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    let question = Question {
        asker: &asker,
        action: &action,
        target: &facts.0,
        group: facts.1.as_ref(),
        when: gate.when(SystemClock.now()),
        count: 1,
    };
    let decision = policies.decide(&question);
    if options.json {
        say::line(match &decision {
            Decision::Allow { by, approval, typed } => {
                json!({"allowed": true, "by": by, "approval": approval, "typed": typed})
            }
            Decision::Deny { by } => json!({"allowed": false, "by": by}),
        });
        return Ok(());
    }
    match decision {
        Decision::Allow { by, approval, typed } => {
            say::line(format_args!(
                "allowed: {} may ask for {} on {}",
                asker.upn, options.tool, facts.0.upn
            ));
            say::line(format_args!(
                "needs    {}{}",
                match approval {
                    subtwin_kernel::Approval::Own => "their own yes",
                    subtwin_kernel::Approval::Another => "their own yes and an approver's",
                    subtwin_kernel::Approval::Two => "their own yes and two approvers'",
                },
                if typed { ", given by typing the target's user principal name" } else { "" }
            ));
            rules(policies, &by);
        }
        Decision::Deny { by } if by.is_empty() => {
            say::line(format_args!("denied: no rule lets {} ask for this", asker.upn));
        }
        Decision::Deny { by } => {
            say::line(format_args!("denied: {} may not ask for this", asker.upn));
            rules(policies, &by);
        }
    }
    Ok(())
}

/// Where each rule stands, and what it says.
fn rules(policies: &Policies, ids: &[String]) {
    for id in ids {
        match policies.rule(id) {
            Some(rule) => {
                say::line(format_args!("by       {id} ({}:{})", rule.file, rule.line));
                if let Some(reason) = rule.reason {
                    say::line(format_args!("         {reason}"));
                }
            }
            None => say::line(format_args!("by       {id}")),
        }
    }
}

async fn person(entra: &Entra, upn: &str) -> anyhow::Result<UserId> {
    let found = entra.people(upn).await.with_context(|| format!("cannot look `{upn}` up"))?;
    match found.as_slice() {
        [person] if person.upn.eq_ignore_ascii_case(upn) => Ok(person.id),
        _ => bail!("`{upn}` is not in the directory; give the user principal name"),
    }
}

async fn action(entra: &Entra, options: &Explain, person: UserId) -> anyhow::Result<Action> {
    Ok(match options.tool {
        Tool::UserFind => Action::UserFind { person },
        Tool::SigninExplain => Action::SigninExplain { person },
        Tool::PasswordReset => Action::PasswordReset { person },
        Tool::TapIssue => Action::TapIssue { person, minutes: 60, reusable: false },
        Tool::MfaReset => Action::MfaReset { person },
        Tool::SessionRevoke => Action::SessionRevoke { person },
        Tool::AccountBlock => Action::AccountBlock { person },
        Tool::AccountUnblock => Action::AccountUnblock { person },
        Tool::LicenseAssign => Action::LicenseAssign {
            person,
            sku: licence(entra, options).await?,
            disabled_plans: Vec::new(),
        },
        Tool::LicenseRemove => {
            Action::LicenseRemove { person, sku: licence(entra, options).await? }
        }
        Tool::GroupMemberAdd => {
            Action::GroupMemberAdd { person, group: group(entra, options).await? }
        }
        Tool::GroupMemberRemove => {
            Action::GroupMemberRemove { person, group: group(entra, options).await? }
        }
        Tool::UserUpdate => {
            let name = options.property.as_str();
            let property = Property::ALL.into_iter().find(|known| known.name() == name);
            let property = property.with_context(|| {
                let all: Vec<&str> = Property::ALL.iter().map(|known| known.name()).collect();
                format!("`--property {name}` is none of {}", all.join(", "))
            })?;
            Action::UserUpdate { person, set: BTreeMap::from([(property, String::new())]) }
        }
    })
}

async fn group(entra: &Entra, options: &Explain) -> anyhow::Result<GroupId> {
    let name = options.group.as_deref().context("this tool needs `--group`")?;
    let found = entra.groups(name).await.with_context(|| format!("cannot look `{name}` up"))?;
    let exact: Vec<_> = found
        .iter()
        .filter(|group| group.display_name == name || group.id.to_string() == name)
        .collect();
    match exact.as_slice() {
        [group] => Ok(group.id),
        [] => bail!("there is no group called `{name}`"),
        _ => bail!("several groups are called `{name}`; give the object id"),
    }
}

async fn licence(entra: &Entra, options: &Explain) -> anyhow::Result<SkuId> {
    let name = options.licence.as_deref().context("this tool needs `--licence`")?;
    let owned = entra.licences().await.context("cannot read the tenant's licences")?;
    let found = owned.iter().find(|licence| {
        licence.product.eq_ignore_ascii_case(name) || licence.part_number.eq_ignore_ascii_case(name)
    });
    found.map(|licence| licence.sku).with_context(|| format!("the tenant owns no `{name}`"))
}
