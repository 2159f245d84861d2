//! `subtwin run`: one twin, until it is told to stop.

use std::path::Path;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::twin::Twin;
use crate::{cli, say};

/// Runs a twin until it is interrupted.
///
/// # Errors
/// When the configuration is not right, the key does not fit, or the twin has not signed in.
pub fn command(options: &cli::Run) -> anyhow::Result<()> {
    log_to_stderr("info");
    let config = Config::read(&options.config)?;
    runtime()?.block_on(async {
        let twin = Twin::start(&config).await?;
        say::progress(format_args!("{} listens ({})", config.twin.name, config.twin.upn));
        policies_anew(&twin, &options.config).await?;
        say::progress("finishing what is under way");
        twin.stop().await;
        Ok(())
    })
}

/// Until the twin is told to stop: reads its policies again whenever it is told to (SIGHUP). New
/// ones that are not right leave the old ones in force.
async fn policies_anew(twin: &Twin, file: &Path) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let stopped = interrupted();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => return Ok(()),
            _ = hangup.recv() => {
                let read = Config::read(file).and_then(|config| config.gate.policies());
                let taken = match read {
                    Ok(policies) => twin.take_policies(policies).await,
                    Err(cause) => Err(cause),
                };
                if let Err(cause) = taken {
                    tracing::error!("the policies stay as they were: {cause:#}");
                }
            }
        }
    }
}

/// The program's runtime.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// Waits for Ctrl-C or a polite kill.
pub(crate) async fn interrupted() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Log lines go to standard error; `SUBTWIN_LOG` chooses them (`usually` when it is not set).
pub(crate) fn log_to_stderr(usually: &str) {
    let filter = EnvFilter::builder()
        .with_env_var("SUBTWIN_LOG")
        .try_from_env()
        .unwrap_or_else(|_| EnvFilter::new(usually));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(say::colours())
        .try_init();
    // A second start in the same process (tests) keeps the first.
    let _ = started;
}
