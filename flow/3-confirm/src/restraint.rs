use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use subtwin_kernel::{Plan, Touch, UserId};

/// How the gate holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long after a no, or a refusal by policy, the same effect is not proposed again to the
    /// same person, by whatever tool.
    pub after_a_no: Duration,
    /// Most prompts that one person is shown within [`Limits::window`].
    pub prompts: usize,
    /// See [`Limits::prompts`].
    pub window: Duration,
}

impl Default for Limits {
    /// Five minutes after a no; twenty prompts in ten minutes.
    fn default() -> Self {
        Self {
            after_a_no: Duration::from_secs(5 * 60),
            prompts: 20,
            window: Duration::from_secs(10 * 60),
        }
    }
}

/// Why a plan is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restrained {
    /// The same was turned down a moment ago.
    TurnedDown {
        /// From when on it may be proposed again.
        until: Timestamp,
    },
    /// This person has been shown too many prompts.
    TooMany {
        /// From when on there may be another.
        until: Timestamp,
    },
}

/// Remembers what was turned down, and how often people were asked. In memory: a restart ends every
/// open prompt, and with it whoever was pushing one.
#[derive(Debug)]
pub struct Restraint {
    limits: Limits,
    turned_down: HashMap<(UserId, Touch), Timestamp>,
    shown: HashMap<UserId, VecDeque<Timestamp>>,
}

impl Restraint {
    /// Nothing was turned down yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, turned_down: HashMap::new(), shown: HashMap::new() }
    }

    /// Whether a plan may be shown to its requester now; if so, it counts as shown.
    ///
    /// # Errors
    /// Why not, and from when on.
    pub fn show(
        &mut self,
        requester: UserId,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<(), Restrained> {
        self.forget(now);
        let touches = plan.parts.iter().flat_map(|part| &part.touches);
        let until = touches.filter_map(|touch| self.turned_down.get(&(requester, touch.clone())));
        if let Some(until) = until.max() {
            return Err(Restrained::TurnedDown { until: *until });
        }
        let window = span(self.limits.window);
        let shown = self.shown.entry(requester).or_default();
        if shown.len() >= self.limits.prompts
            && let Some(oldest) = shown.front()
        {
            return Err(Restrained::TooMany { until: later(*oldest, window) });
        }
        shown.push_back(now);
        Ok(())
    }

    /// Somebody said no to this, or the policies did: not again for a while.
    pub fn turned_down(
        &mut self,
        requester: UserId,
        touches: impl IntoIterator<Item = Touch>,
        now: Timestamp,
    ) {
        // Here, too: whoever asks only for what is refused is never shown anything.
        self.forget(now);
        let until = later(now, span(self.limits.after_a_no));
        for touch in touches {
            self.turned_down.insert((requester, touch), until);
        }
    }

    fn forget(&mut self, now: Timestamp) {
        self.turned_down.retain(|_, until| *until > now);
        let window = span(self.limits.window);
        for shown in self.shown.values_mut() {
            while shown.front().is_some_and(|at| later(*at, window) <= now) {
                shown.pop_front();
            }
        }
        self.shown.retain(|_, shown| !shown.is_empty());
    }
}

fn span(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
