//! The time of the simulated world. It goes on while the twin's process is down.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use subtwin_kernel::Clock;
use tokio::time::Instant;

/// Shows the runtime's paused time, counted from where the last runtime stopped.
#[derive(Debug)]
pub(super) struct SimClock(Mutex<Reading>);

#[derive(Clone, Copy, Debug)]
struct Reading {
    base: Timestamp,
    /// Set while a runtime runs.
    since: Option<Instant>,
}

impl Reading {
    fn now(self) -> Timestamp {
        let passed = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        self.base.saturating_add(passed).unwrap()
    }
}

impl SimClock {
    pub(super) const fn at(base: Timestamp) -> Self {
        Self(Mutex::new(Reading { base, since: None }))
    }

    /// A runtime begins. Its timers tick in milliseconds from when it was made, so the first tick
    /// is waited for: from there on, every time is a whole number of them.
    pub(super) async fn begin(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.0.lock().unwrap().since = Some(Instant::now());
    }

    /// The runtime's end. Called within it: outside, another time passes.
    pub(super) fn end(&self) {
        let mut reading = self.0.lock().unwrap();
        reading.base = reading.now();
        reading.since = None;
    }

    /// Moves the clock forward beside the time that passes.
    pub(super) fn jump(&self, by: Duration) {
        let mut reading = self.0.lock().unwrap();
        reading.base = reading.base.saturating_add(by).unwrap();
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now()
    }
}
