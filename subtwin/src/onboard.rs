//! `subtwin onboard`: a member twin's account, apps, consent, roles and licence, planned, made,
//! signed in and unmade.

mod administrator;
pub(crate) mod settings;
mod show;
mod summary;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use subtwin_entra::onboard::{
    OnboardStep, Onboarding, Patience, Plan, READING, Registration, Told, WRITING, plan, survey,
};
use subtwin_entra::{Made, Steps};
use subtwin_kernel::{AppId, Clock as _, Entropy, SystemClock, SystemEntropy, TwinId};
use subtwin_store::{KeyFile, Store};

use crate::cli::OnboardCommand;
use crate::config::{Config, KeyPlace};
use crate::twin::Sealed;
use crate::{cli, keys, run, say, sign_in};
use administrator::Administrator;
use settings::Onboard;

/// Plans, makes, signs in or unmakes a member twin.
///
/// # Errors
/// When the configuration is not right, nobody signs in, or the directory stops a step; what was
/// done by then is on the log, and the same command goes on from there.
pub fn command(options: &cli::Onboard) -> anyhow::Result<()> {
    run::log_to_stderr("warn");
    run::runtime()?.block_on(async {
        match &options.command {
            OnboardCommand::Plan { config, sign_in, json } => {
                let settings = Onboard::read(config)?;
                let plan = planned(&settings, *sign_in).await?;
                print(&plan, *json)
            }
            OnboardCommand::Apply { config, dry_run: true, .. } => {
                let settings = Onboard::read(config)?;
                let plan = planned(&settings, true).await?;
                print(&plan, false)?;
                ensure!(
                    plan.obstacles.is_empty(),
                    "`apply` would stop: see what stands in the way"
                );
                say::line("\nNothing was changed.");
                Ok(())
            }
            OnboardCommand::Apply { config, print_secret, new_credential, .. } => {
                apply(&Onboard::read(config)?, *print_secret, *new_credential).await
            }
            OnboardCommand::SignIn { config, out, summary } => {
                signed_in(config, out, summary).await
            }
            OnboardCommand::Undo { config } => undo(&Onboard::read(config)?).await,
        }
    })
}

fn print(plan: &Plan, json: bool) -> anyhow::Result<()> {
    if json {
        say::line(serde_json::to_string_pretty(plan)?);
    } else {
        say::line(show::plan(plan));
    }
    Ok(())
}

/// The plan: from the configuration alone, or with a look at the tenant.
async fn planned(settings: &Onboard, look: bool) -> anyhow::Result<Plan> {
    let wish = settings.wish()?;
    let steps = log_to_look(settings).await?;
    if !look {
        return Ok(plan(&wish, None, steps.as_ref()));
    }
    let administrator = Administrator::sign_in(settings, &READING).await?;
    let found = survey(&administrator.graph, &wish, steps.as_ref())
        .await
        .context("the tenant could not be looked at")?;
    Ok(plan(&wish, Some(&found), steps.as_ref()))
}

async fn apply(settings: &Onboard, print_secret: bool, new_credential: bool) -> anyhow::Result<()> {
    let wish = settings.wish()?;
    ensure!(
        print_secret || say::has_terminal(),
        "there is no terminal to show the account's first sign-in on; run this on one, or say \
         --print-secret to have it on standard output"
    );
    let (store, mut steps) = log_to_write(settings).await?;
    let administrator = Administrator::sign_in(settings, &WRITING).await?;
    ensure!(
        !administrator.upn.eq_ignore_ascii_case(&wish.upn),
        "{} is the twin itself; an administrator must sign in",
        wish.upn
    );
    say::progress(format_args!("Signed in as {}.", administrator.upn));
    steps.note(APPLIED_BY, &administrator.upn).await?;
    steps.note(APPLIED_AT, &SystemClock.now().to_string()).await?;
    let mut unshown = None;
    let mut job = Onboarding {
        graph: &administrator.graph,
        wish: &wish,
        steps: &mut steps,
        patience: Patience::default(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::default()),
    };
    let shown = std::cell::Cell::new(false);
    let mut tell = |told: Told<'_>| match &told {
        Told::Shows(first) => {
            shown.set(true);
            let text = show::first_sign_in(&wish.upn, first);
            if print_secret {
                say::line(text);
            } else if let Err(cause) = say::on_terminal(&text) {
                unshown = Some(cause);
            }
        }
        told => progress(told),
    };
    let mut done = job.apply(&mut tell).await;
    if done.is_ok() && new_credential && !shown.get() {
        done = job.renew_credential(&mut tell).await;
    }
    store.close().await;
    done?;
    if let Some(cause) = unshown {
        return Err(cause).context(
            "the account's first sign-in could not be shown; issue it a temporary access pass in \
             the portal (Users, the account, Authentication methods)",
        );
    }
    say::line(format_args!("{} is ready. Next: `subtwin onboard sign-in`.", wish.upn));
    Ok(())
}

async fn undo(settings: &Onboard) -> anyhow::Result<()> {
    let wish = settings.wish()?;
    let (store, mut steps) = log_to_write(settings).await?;
    ensure!(
        !steps.is_new(),
        "the log in `{}` says nothing was made; there is nothing to undo",
        settings.state.dir.display()
    );
    let administrator = Administrator::sign_in(settings, &WRITING).await?;
    say::progress(format_args!("Signed in as {}.", administrator.upn));
    let mut job = Onboarding {
        graph: &administrator.graph,
        wish: &wish,
        steps: &mut steps,
        patience: Patience::default(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::default()),
    };
    let done = job.undo(&mut |told| progress(&told)).await;
    store.close().await;
    done?;
    say::line(
        "What was made is gone; what was there before has stayed. The account and the \
         registrations are in the bin for 30 days.",
    );
    Ok(())
}

/// Takes a twin out of service, and looks whether anything is left.
///
/// # Errors
/// When it still runs, nobody signs in, or something is left that should not be; what was done by
/// then is on the log, and the same command goes on from there.
pub fn offboard(options: &cli::Offboard) -> anyhow::Result<()> {
    run::log_to_stderr("warn");
    run::runtime()?.block_on(async {
        let settings = Onboard::read(&options.config)?;
        if options.dry_run {
            let steps = log_to_look(&settings).await?;
            let steps = steps.context("the log says nothing was made")?;
            say::line(show::offboarding(&steps));
            return Ok(());
        }
        offboarded(&settings, options.json).await
    })
}

async fn offboarded(settings: &Onboard, json: bool) -> anyhow::Result<()> {
    let wish = settings.wish()?;
    let opened = log_to_write(settings).await;
    let (store, mut steps) = opened.context(
        "the twin must not run while it is taken out of service: stop it, for good (service \
         manager, container)",
    )?;
    ensure!(!steps.is_new(), "the log says nothing was made; there is nothing to take away");
    let administrator = Administrator::sign_in(settings, &WRITING).await?;
    say::progress(format_args!("Signed in as {}.", administrator.upn));
    let mut job = Onboarding {
        graph: &administrator.graph,
        wish: &wish,
        steps: &mut steps,
        patience: Patience::default(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::default()),
    };
    job.revoke().await?;
    say::progress("  the account's sessions: ended");
    job.undo(&mut |told| progress(&told)).await?;
    for registration in [crate::twin::Registration::Chat, crate::twin::Registration::Admin] {
        store.forget_sealed(registration.vault_name()).await?;
    }
    say::progress("  the refresh tokens kept here: forgotten");
    let left = subtwin_entra::onboard::remains(&administrator.graph, &wish, &steps).await?;
    let kept = [
        store.sealed(crate::twin::Registration::Chat.vault_name()).await?.is_some(),
        store.sealed(crate::twin::Registration::Admin.vault_name()).await?.is_some(),
    ];
    store.close().await;
    let orphans = left.iter().filter(|one| !one.expected && !one.found.is_empty()).count();
    let orphans = orphans + kept.iter().filter(|kept| **kept).count();
    if json {
        say::line(serde_json::to_string_pretty(&serde_json::json!({
            "twin": wish.upn,
            "orphans": orphans,
            "directory": left,
            "host": {
                "refreshTokens": kept.iter().filter(|kept| **kept).count(),
                "state": settings.state.dir,
                "evidence": settings.state.dir.join("evidence"),
            },
        }))?);
    } else {
        say::line(show::remains(&left, &settings.state.dir));
    }
    ensure!(orphans == 0, "{orphans} things are left that should not be; see above");
    Ok(())
}

fn progress(told: &Told<'_>) {
    if let Some(line) = show::told(told) {
        say::progress(line);
    }
}

/// The twin signs in for both registrations; then its configuration and a summary are written.
async fn signed_in(file: &Path, out: &Path, summary: &Path) -> anyhow::Result<()> {
    let settings = Onboard::read(file)?;
    let wish = settings.wish()?;
    for target in [out, summary] {
        ensure!(
            !target.exists(),
            "`{}` is there already; name another file, or take it away",
            target.display()
        );
    }
    let Some(steps) = log_to_look(&settings).await? else {
        bail!(
            "the log in `{}` says nothing was made; run `subtwin onboard apply` first",
            settings.state.dir.display()
        );
    };
    let config = configuration(&settings, &steps)?;
    sign_in::sign_in(&config, |url| {
        say::progress(format_args!(
            "Open this in a browser of this machine and sign in as {}:\n\n  {url}\n",
            wish.upn
        ));
    })
    .await?;
    let written = settings.as_written(&config, file, out)?;
    let text = toml::to_string_pretty(&written)?;
    std::fs::write(out, text).with_context(|| format!("cannot write {}", out.display()))?;
    let text = summary::markdown(&wish, &steps, SystemClock.now());
    std::fs::write(summary, text).with_context(|| format!("cannot write {}", summary.display()))?;
    say::line(format_args!(
        "{} is signed in. Its configuration is {}, a summary for your files {}.\n\
         Start it with `subtwin run --config {}`.",
        config.twin.name,
        out.display(),
        summary.display(),
        out.display()
    ));
    Ok(())
}

/// The twin's configuration, as the log says what was made.
fn configuration(settings: &Onboard, steps: &Steps<OnboardStep>) -> anyhow::Result<Config> {
    let object = |step: OnboardStep| {
        steps.object(&step).with_context(|| {
            format!("{step} is not there yet; run `subtwin onboard apply` to its end first")
        })
    };
    let app = |which: Registration| {
        let made: &Made = object(OnboardStep::App(which))?;
        let key = made.key.as_deref().context("the log names no client id")?;
        Ok::<AppId, anyhow::Error>(key.parse()?)
    };
    object(OnboardStep::Consent(Registration::Admin))?;
    let user: TwinId = object(OnboardStep::User)?.id.parse()?;
    settings.config(user, app(Registration::Chat)?, app(Registration::Admin)?)
}

async fn log(store: Store, entropy: &dyn Entropy) -> anyhow::Result<Steps<OnboardStep>> {
    Ok(Steps::open(LOG, Arc::new(Sealed(store)), Arc::new(SystemClock), entropy).await?)
}

/// The log, to write to it. Makes the twin's state and, if there is none, its key.
async fn log_to_write(settings: &Onboard) -> anyhow::Result<(Store, Steps<OnboardStep>)> {
    let entropy = SystemEntropy::default();
    let there = keys::read(&settings.state.key);
    let key = match (there, &settings.state.key) {
        (Err(_), KeyPlace::File(path)) if !path.exists() => {
            let key = KeyFile::create(path, &entropy)?;
            say::progress(format_args!(
                "Made the key {}; keep a copy of it apart from the twin's state.",
                path.display()
            ));
            key
        }
        (read, _) => read?,
    };
    let owner = format!("tenant {}", settings.tenant);
    let store = Store::open_of(&settings.state.store(), &key, &owner, Arc::new(entropy))?;
    let steps = log(store.clone(), &SystemEntropy::default()).await?;
    Ok((store, steps))
}

/// The log, to look only; `None` when there is none here.
async fn log_to_look(settings: &Onboard) -> anyhow::Result<Option<Steps<OnboardStep>>> {
    let place = settings.state.store();
    if !place.join("state.db").exists() {
        return Ok(None);
    }
    let Ok(key) = keys::read(&settings.state.key) else { return Ok(None) };
    let owner = format!("tenant {}", settings.tenant);
    let store = Store::look_of(&place, &key, &owner, Arc::new(SystemEntropy::default()))?;
    let steps = log(store, &SystemEntropy::default()).await?;
    Ok((!steps.is_new()).then_some(steps))
}

/// Under which name the log is kept.
const LOG: &str = "steps/onboard";
const APPLIED_BY: &str = "appliedBy";
const APPLIED_AT: &str = "appliedAt";
