//! `subtwin status`: how a twin is, read from its state beside the running process.

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::json;
use subtwin_kernel::{Clock as _, SystemClock};

use crate::config::Config;
use crate::suspension::Suspension;
use crate::twin::{Foundations, Pulse};
use crate::{cli, run, say};

/// Prints how the twin is.
///
/// # Errors
/// When its state cannot be read, or it does not run.
pub fn command(options: &cli::Look) -> anyhow::Result<()> {
    run::log_to_stderr("error");
    let config = Config::read(&options.config)?;
    run::runtime()?.block_on(async {
        let now = SystemClock.now();
        let base = Foundations::to_look(&config).context("the twin's state cannot be read")?;
        let pulse = Pulse::read(&config.state.dir);
        let alive = pulse.as_ref().is_some_and(|pulse| pulse.is_alive(now));
        let open = base.store.open_requests().await?;
        let heard = base.store.watermarks().await?.into_iter().map(|(_, at)| at).max();
        let error = crate::last_error::read(&config.state.dir);
        let suspended = Suspension::read(&config.state.dir)?;
        if options.json {
            say::line(serde_json::to_string_pretty(&json!({
                "twin": config.twin.upn,
                "running": alive,
                "suspended": suspended,
                "pulse": pulse,
                "openRequests": open.iter().map(|row| json!({
                    "request": row.request,
                    "requester": row.requester,
                    "stage": format!("{:?}", row.stage).to_lowercase(),
                    "updated": row.updated,
                })).collect::<Vec<_>>(),
                "lastHeard": heard,
                "lastError": error,
            }))?);
        } else {
            let line = |name: &str, text: String| say::line(format_args!("{name:<14}{text}"));
            line("twin", format!("{} ({})", config.twin.name, config.twin.upn));
            line(
                "running",
                match &pulse {
                    Some(pulse) if alive => {
                        format!("since {} (process {})", second(pulse.since), pulse.pid)
                    }
                    Some(pulse) => match pulse.stopped {
                        Some(at) => format!("no; stopped at {}", second(at)),
                        None => format!("no; last sign of life {}", second(pulse.at)),
                    },
                    None => "no; it never ran".to_owned(),
                },
            );
            if let Some(suspended) = &suspended {
                line("suspended", format!("since {}: {}", second(suspended.since), suspended.why));
            }
            let until = pulse.as_ref().and_then(|pulse| pulse.subscribed_until);
            let until = until.filter(|_| alive).map_or("none".to_owned(), second);
            line("notified until", format!("  {until}"));
            line("last heard", heard.map_or("never".to_owned(), second));
            line("open requests", open.len().to_string());
            for row in &open {
                line("", format!("{} {:?} {}", row.request, row.stage, second(row.updated)));
            }
            match &error {
                Some(error) => line("last error", format!("{} {}", second(error.at), error.says)),
                None => line("last error", "none".to_owned()),
            }
        }
        anyhow::ensure!(alive, "the twin does not run");
        Ok(())
    })
}

fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
