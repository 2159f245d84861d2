use std::time::{Duration, Instant};

/// Measures real time: the only thing here that does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "measuring is what this crate is for")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// How many of something per second since the start.
    pub(crate) fn rate(self, count: usize) -> f64 {
        rate(count, self.elapsed())
    }
}

pub(crate) fn rate(count: usize, within: Duration) -> f64 {
    as_f64(count) / within.as_secs_f64().max(1e-9)
}

/// Exact for every count this crate makes.
pub(crate) fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
