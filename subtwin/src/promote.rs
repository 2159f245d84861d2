//! `subtwin promote` and `subtwin demote`: an account of its own for a person's agent, and its end.

use anyhow::{Context as _, bail};
use subtwin_entra::{Progress, Stage, Things};
use subtwin_kernel::UserId;

use crate::browser::Browser;
use crate::config::{Agent, Config};
use crate::sign_in::Way;
use crate::twin::{Foundations, life};
use crate::{cli, provisioner, run, say};

/// Makes the account. The agent moves over when it runs.
///
/// # Errors
/// When nobody who may make agents signs in, or a step cannot be done.
pub fn promote(options: &cli::Promote) -> anyhow::Result<()> {
    run::log_to_stderr("warn");
    let (config, agent) = agents(&options.config)?;
    say::line(life::what_is_made(&agent).to_text());
    if options.dry_run {
        return Ok(());
    }
    run::runtime()?.block_on(async {
        let base = Foundations::lay(&config)?;
        let was = life::progress(&base.store).await?;
        let owner = match &was {
            Progress::Delegated { owner, .. } | Progress::Provisioning { owner, .. } => *owner,
            Progress::SignedOut {} => {
                bail!("the agent's owner has not signed in yet; run `subtwin sign-in` first")
            }
            Progress::AgentUser { .. } | Progress::Suspended { .. } | Progress::Failed { .. } => {
                bail!("the agent is {was}")
            }
        };
        let way = Way::wanted(&options.way, false, Browser::find());
        let graph = provisioner::sign_in_here(&config, &agent, &base, way).await?;
        let now = base.clock.now();
        life::keep(&base.store, &was.provisioning(now)?).await?;
        let making = life::provisioning(&config, &agent, &base, owner, graph);
        let all = Stage::ALL.len();
        let tell = |stage: Stage| {
            let at = Stage::ALL.iter().position(|it| *it == stage).map_or(all, |at| at + 1);
            say::progress(format_args!("{at} of {all}: {}", stage.doing()));
        };
        let made = making.run(&tell).await;
        base.store.close().await;
        made?;
        say::line(format_args!(
            "{} has an account of its own ({}); it moves over when it runs: `subtwin run`",
            agent.name, agent.upn
        ));
        Ok(())
    })
}

/// Takes the account away, and everything that was made with it.
///
/// # Errors
/// When nobody who may delete agents signs in, or something cannot be deleted.
pub fn demote(options: &cli::Demote) -> anyhow::Result<()> {
    run::log_to_stderr("warn");
    let (config, agent) = agents(&options.config)?;
    run::runtime()?.block_on(async {
        let base = Foundations::lay(&config)?;
        let was = life::progress(&base.store).await?;
        let nobody = provisioner::nobody(&config, &agent, &base);
        let owner = owner_of(&was).unwrap_or(UserId::new(uuid::Uuid::nil()));
        let making = life::provisioning(&config, &agent, &base, owner, nobody);
        let made = making.so_far().await?;
        say::line(what_is_deleted(&made, &agent));
        if options.dry_run {
            base.store.close().await;
            return Ok(());
        }
        let way = Way::wanted(&options.way, false, Browser::find());
        let graph = provisioner::sign_in_here(&config, &agent, &base, way).await?;
        let making = life::provisioning(&config, &agent, &base, owner, graph);
        making.undo(&|stage| say::progress(format_args!("taking back: {}", stage.doing()))).await?;
        base.store.forget_sealed(life::OWNERS_TOKEN).await?;
        if !matches!(was, Progress::SignedOut {}) {
            life::keep(&base.store, &was.ended()?).await?;
        }
        base.store.close().await;
        say::line(
            "Gone. For 30 days the objects can be restored from the directory's bin. The record of \
             what the agent did stays here; so does your tenant's own log.",
        );
        Ok(())
    })
}

/// Puts a new certificate in the place of the one in force.
///
/// # Errors
/// When nobody who may change the blueprint signs in, or a step cannot be done. The old one works on.
pub fn rotate(options: &cli::Rotate) -> anyhow::Result<()> {
    run::log_to_stderr("warn");
    let (config, agent) = agents(&options.config)?;
    run::runtime()?.block_on(async {
        let base = Foundations::lay(&config)?;
        let was = life::progress(&base.store).await?;
        let owner = owner_of(&was).with_context(|| format!("the agent is {was}"))?;
        let way = Way::wanted(&options.way, false, Browser::find());
        let graph = provisioner::sign_in_here(&config, &agent, &base, way).await?;
        let making = life::provisioning(&config, &agent, &base, owner, graph);
        making.rotate().await?;
        let ends = making.key_ends().await?;
        base.store.close().await;
        let ends = ends.map(|at| at.to_string()).unwrap_or_default();
        say::line(format_args!("{} has a new certificate, good until {ends}", agent.name));
        Ok(())
    })
}

fn agents(file: &std::path::Path) -> anyhow::Result<(Config, Agent)> {
    let config = Config::read(file)?;
    let agent = config.agent.clone().with_context(|| {
        format!("`{}` has no `agent`: only a person's agent is promoted", file.display())
    })?;
    Ok((config, agent))
}

const fn owner_of(progress: &Progress) -> Option<UserId> {
    match progress {
        Progress::Delegated { owner, .. }
        | Progress::Provisioning { owner, .. }
        | Progress::AgentUser { owner, .. }
        | Progress::Failed { owner, .. } => Some(*owner),
        Progress::SignedOut {} | Progress::Suspended { .. } => None,
    }
}

fn what_is_deleted(made: &Things, agent: &Agent) -> String {
    let mut lines = vec![format!("{} ({}) is taken away:", agent.name, agent.upn)];
    for (stage, what) in [
        (Stage::Consent, "the grant of its permissions"),
        (Stage::User, "its account, with its licence"),
        (Stage::Identity, "its agent identity"),
        (Stage::Principal, "its blueprint's principal"),
        (Stage::Blueprint, "its blueprint, with the certificate"),
    ] {
        if let Some(id) = made.id(stage) {
            lines.push(format!("  {what} ({id})"));
        }
    }
    lines.push("  its owner's sign-in and its key, on this machine".to_owned());
    lines.join("\n")
}
