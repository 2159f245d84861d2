use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use subtwin_kernel::ChatId;
use tokio::time::Instant;

/// Keeps below the connector's limits, so that it has nothing to refuse ("Optimize your bot with
/// rate limiting in Teams").
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When was sent, or will be, to each conversation; the oldest first.
    sent: HashMap<ChatId, VecDeque<Instant>>,
    /// The same, to all of them.
    all: VecDeque<Instant>,
}

impl Pace {
    /// Books the next moment at which something may be sent there; `None` when that is too far
    /// off. Whoever books must send.
    pub(crate) fn book(&self, chat: &ChatId, patience: Duration) -> Option<Instant> {
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = now.checked_sub(HOUR);
        state.sent.retain(|_, sent| sent.back().is_some_and(|last| Some(*last) > old));
        state.all.retain(|sent| now.saturating_duration_since(*sent) < SECOND);
        let there = state.sent.get(chat);
        let next = LIMITS.iter().fold(now, |next, (most, within)| {
            let nth = there.and_then(|sent| sent.iter().rev().nth(most - 1));
            nth.map_or(next, |nth| next.max(*nth + *within))
        });
        let next = state.all.iter().rev().nth(ALL - 1).map_or(next, |nth| next.max(*nth + SECOND));
        if next.saturating_duration_since(now) > patience {
            return None;
        }
        state.all.push_back(next);
        let sent = state.sent.entry(chat.clone()).or_default();
        sent.push_back(next);
        while sent.len() > REMEMBERED {
            sent.pop_front();
        }
        Some(next)
    }
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// So many within this time, for one bot in one conversation.
const LIMITS: [(usize, Duration); 4] =
    [(7, SECOND), (8, Duration::from_secs(2)), (60, Duration::from_secs(30)), (REMEMBERED, HOUR)];
const REMEMBERED: usize = 1800;
/// Within a second, for one app in one tenant.
const ALL: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_stays_below_every_limit_of_the_connector() {
        let pace = Pace::default();
        let chat = ChatId::parse("a:1").unwrap();
        let mut sent = Vec::new();
        for _ in 0..200 {
            let at = pace.book(&chat, Duration::from_secs(600)).unwrap();
            tokio::time::sleep_until(at).await;
            sent.push(at);
        }
        for (most, within) in LIMITS {
            for window in sent.windows(most + 1) {
                let (first, last) = (window[0], window[most]);
                assert!(last - first >= within, "{most} within {within:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_wait_is_told_at_once() {
        let pace = Pace::default();
        let chat = ChatId::parse("a:1").unwrap();
        for _ in 0..7 {
            pace.book(&chat, Duration::ZERO).unwrap();
        }
        assert_eq!(pace.book(&chat, Duration::ZERO), None);
        let other = ChatId::parse("a:2").unwrap();
        assert!(pace.book(&other, Duration::ZERO).is_some(), "another conversation is free");
    }
}
