//! `subtwin promote` and `subtwin demote`: an account of its own for a person's agent, and its end.

use anyhow::{Context as _, bail};
use subtwin_entra::{ActsAs, Obstacle, Progress, Stage, Things, Tokens};
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
        let owner = was.owner().unwrap_or(UserId::new(uuid::Uuid::nil()));
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
        let owner = was.owner().with_context(|| format!("the agent is {was}"))?;
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

/// Says how far the agent came, as whom it acts, and whether a token can be had for that now. Changes
/// nothing and may be run beside the running agent.
///
/// # Errors
/// When the state cannot be read, or the agent cannot act.
pub(crate) async fn whoami(config: &Config, agent: &Agent, json: bool) -> anyhow::Result<()> {
    let base = Foundations::to_look(config)?;
    let progress = life::progress(&base.store).await?;
    let (acts_as, tokens) = match progress.acts_as() {
        ActsAs::Nobody => ("nobody".to_owned(), None),
        ActsAs::Owner(owner) => {
            let tokens = life::owners_tokens(config, agent, &base, owner, base.kept_to_look());
            (format!("{} (with their token)", agent.owner), Some(tokens))
        }
        ActsAs::Agent(id) => {
            let nobody = provisioner::nobody(config, agent, &base);
            let owner = progress.owner().unwrap_or(id.user);
            let making = life::provisioning(config, agent, &base, owner, nobody);
            let made = making.made().await?.context("what it was made of is not there")?;
            let scope = base.cloud.graph_scope();
            let tokens = Tokens::of_agent(made.blueprint, made.id, scope);
            (agent.upn.clone(), Some(tokens))
        }
    };
    let why_not = match &tokens {
        None => Some(progress.to_string()),
        Some(tokens) => tokens.check().await.err().map(|error| Obstacle::from(&*error).to_string()),
    };
    if json {
        say::line(serde_json::to_string_pretty(&serde_json::json!({
            "name": agent.name,
            "owner": agent.owner,
            "stage": progress,
            "actsAs": acts_as,
            "whyNot": why_not,
        }))?);
    } else {
        say::line(format_args!("{}, the agent of {}", agent.name, agent.owner));
        say::line(format_args!("  stage    {progress}"));
        say::line(format_args!("  acts as  {acts_as}"));
        if why_not.is_none() {
            say::line("  token    one can be had now");
        }
    }
    match why_not {
        Some(why) => bail!("it cannot act: {why}"),
        None => Ok(()),
    }
}

fn agents(file: &std::path::Path) -> anyhow::Result<(Config, Agent)> {
    let config = Config::read(file)?;
    let agent = config.agent.clone().with_context(|| {
        format!("`{}` has no `agent`: only a person's agent is promoted", file.display())
    })?;
    Ok((config, agent))
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
