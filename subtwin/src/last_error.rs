//! The last error of a running twin, kept for whoever asks how it is. Not evidence.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use subtwin_kernel::Clock;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// An error as the log said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastError {
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) says: String,
}

/// The last error on record in a state directory.
pub(crate) fn read(state: &Path) -> Option<LastError> {
    serde_json::from_slice(&fs::read(file(state)).ok()?).ok()
}

fn file(state: &Path) -> PathBuf {
    state.join("last-error.json")
}

/// Keeps the last line of level `error`.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) state: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
}

impl<S: Subscriber> Layer<S> for Keeper {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() != Level::ERROR {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let kept = LastError { at: self.clock.now(), says: line.0.chars().take(500).collect() };
        // An error about errors would not end.
        if let Ok(json) = serde_json::to_vec(&kept) {
            let _ = fs::write(file(&self.state), json);
        }
    }
}

/// The message, and its fields after it.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0.insert_str(0, &format!("{value:?} "));
        } else {
            let _ = write!(self.0, "{}={value:?} ", field.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use subtwin_kernel::ManualClock;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn the_last_error_is_kept_and_no_warning_is() {
        let dir = tempfile::tempdir().unwrap();
        let at: Timestamp = "2026-09-01T10:00:00Z".parse().unwrap();
        let keeper = Keeper { state: dir.path().to_owned(), clock: Arc::new(ManualClock::at(at)) };
        let subscriber = tracing_subscriber::registry().with(keeper);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!("never mind");
            assert_eq!(read(dir.path()), None);
            tracing::error!(cause = "full", "the disk");
        });
        let says = "the disk cause=\"full\" ".to_owned();
        assert_eq!(read(dir.path()), Some(LastError { at, says }));
    }
}
