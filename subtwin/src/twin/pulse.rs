//! Signs of life: what a running twin tells whoever looks at its state from outside.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use subtwin_kernel::Clock;
use subtwin_teams::Status;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What `subtwin status` reads. Holds no secret and no message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pulse {
    /// The process.
    pub(crate) pid: u32,
    /// The program's version.
    pub(crate) version: String,
    /// When it started.
    pub(crate) since: Timestamp,
    /// When this was written.
    pub(crate) at: Timestamp,
    /// Until when Graph notifies it.
    pub(crate) subscribed_until: Option<Timestamp>,
    /// When it stopped in good order.
    pub(crate) stopped: Option<Timestamp>,
}

impl Pulse {
    /// Where it is kept.
    pub(crate) fn file(state: &Path) -> PathBuf {
        state.join("pulse.json")
    }

    /// The last sign of life, if there ever was one.
    pub(crate) fn read(state: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::file(state)).ok()?).ok()
    }

    /// Whether the process that wrote it is likely still there.
    pub(crate) fn is_alive(&self, now: Timestamp) -> bool {
        let silent = now.duration_since(self.at);
        self.stopped.is_none() && silent.unsigned_abs() < EVERY * 3
    }

    fn write(&self, state: &Path) -> std::io::Result<()> {
        let draft = state.join("pulse.json.new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(draft, Self::file(state))
    }
}

/// Writes signs of life until the twin stops.
pub(super) async fn beat(
    state: PathBuf,
    clock: Arc<dyn Clock>,
    mut status: Option<watch::Receiver<Status>>,
    stop: CancellationToken,
) {
    let since = clock.now();
    let mut often = tokio::time::interval(EVERY);
    loop {
        let subscribed_until = status
            .as_mut()
            .and_then(|it| Some(it.borrow_and_update().subscription.as_ref()?.until));
        let stopping = stop.is_cancelled();
        let pulse = Pulse {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since,
            at: clock.now(),
            subscribed_until,
            stopped: stopping.then(|| clock.now()),
        };
        if let Err(cause) = pulse.write(&state) {
            tracing::warn!(%cause, "no sign of life could be left");
        }
        if stopping {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            _ = often.tick() => {}
            changed = news(&mut status) => if changed.is_err() { stop.cancelled().await },
        }
    }
}

async fn news(status: &mut Option<watch::Receiver<Status>>) -> Result<(), watch::error::RecvError> {
    match status {
        Some(status) => status.changed().await,
        None => std::future::pending().await,
    }
}

const EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_for_half_a_minute_is_no_life() {
        let at: Timestamp = "2026-09-01T10:00:00Z".parse().unwrap();
        let pulse = Pulse {
            pid: 1,
            version: "0".to_owned(),
            since: at,
            at,
            subscribed_until: None,
            stopped: None,
        };
        let later = |seconds| at + Duration::from_secs(seconds);
        assert!(pulse.is_alive(later(29)));
        assert!(!pulse.is_alive(later(31)));
        assert!(!Pulse { stopped: Some(at), ..pulse.clone() }.is_alive(at));
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Pulse::read(dir.path()), None);
        pulse.write(dir.path()).unwrap();
        assert_eq!(Pulse::read(dir.path()), Some(pulse));
    }
}
