//! `subtwin run`: one twin, until it is told to stop.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use subtwin_kernel::SystemClock;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::Config;
use crate::last_error::Keeper;
use crate::twin::Twin;
use crate::{cli, say};

/// Runs a twin until it is interrupted.
///
/// # Errors
/// When the configuration is not right, the key does not fit, or the twin has not signed in.
pub fn command(options: &cli::Run) -> anyhow::Result<()> {
    let config = Config::read(&options.config)?;
    log_and_keep_errors("info", &config.state.dir);
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

/// As [`log_to_stderr`]; the last error is also kept in the twin's state directory.
fn log_and_keep_errors(usually: &str, state: &Path) {
    let keeper = Keeper { state: state.to_owned(), clock: Arc::new(SystemClock) };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(say::colours())
        .with_filter(filter(usually));
    // A second start in the same process (tests) keeps the first.
    let _ = tracing_subscriber::registry().with(lines).with(keeper).try_init();
}

/// Log lines go to standard error; `SUBTWIN_LOG` chooses them (`usually` when it is not set).
pub(crate) fn log_to_stderr(usually: &str) {
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter(usually))
        .with_writer(std::io::stderr)
        .with_ansi(say::colours())
        .try_init();
    // A second start in the same process (tests) keeps the first.
    let _ = started;
}

fn filter(usually: &str) -> EnvFilter {
    EnvFilter::builder()
        .with_env_var("SUBTWIN_LOG")
        .try_from_env()
        .unwrap_or_else(|_| EnvFilter::new(usually))
}
