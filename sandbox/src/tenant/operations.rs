//! Password resets through the method API: accepted at once, done later.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// One reset under way or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) started: Timestamp,
    /// From the start until the outcome shows.
    pub(crate) takes: SignedDuration,
    /// Why it fails in the end; `None` when it succeeds.
    pub(crate) failure: Option<String>,
}

impl Operation {
    /// `longRunningOperationStatus` at `now`: `notStarted` in its first third, then `running`.
    pub(crate) fn status(&self, now: Timestamp) -> &'static str {
        let passed = now.duration_since(self.started);
        match &self.failure {
            _ if passed < self.takes / 3 => "notStarted",
            _ if passed < self.takes => "running",
            None => "succeeded",
            Some(_) => "failed",
        }
    }

    /// When something last happened to it.
    pub(crate) fn last_action(&self, now: Timestamp) -> Timestamp {
        let end = self.started.saturating_add(self.takes).unwrap_or(now);
        now.min(end)
    }
}

/// The newest resets.
#[derive(Debug, Default)]
pub(crate) struct Operations(VecDeque<Operation>);

impl Operations {
    pub(crate) fn add(&mut self, operation: Operation) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(operation);
    }

    /// A reset of this user's password.
    pub(crate) fn get(&self, user: Uuid, id: Uuid) -> Option<&Operation> {
        self.0.iter().find(|operation| operation.id == id && operation.user == user)
    }

    /// What goes on with this user's password.
    pub(crate) fn of(&self, user: Uuid) -> impl Iterator<Item = &Operation> {
        self.0.iter().filter(move |operation| operation.user == user)
    }
}

const KEPT: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_begins_runs_and_ends_by_the_clock() {
        let operation = |failure: Option<&str>| Operation {
            id: Uuid::nil(),
            user: Uuid::nil(),
            started: Timestamp::UNIX_EPOCH,
            takes: SignedDuration::from_secs(3),
            failure: failure.map(str::to_owned),
        };
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let states = |operation: &Operation| [0, 1, 2, 3].map(|now| operation.status(at(now)));
        let good = operation(None);
        assert_eq!(states(&good), ["notStarted", "running", "running", "succeeded"]);
        assert_eq!(states(&operation(Some("no")))[3], "failed");
        assert_eq!(good.last_action(at(2)), at(2));
        assert_eq!(good.last_action(at(9)), at(3));
        let at_once = Operation { takes: SignedDuration::ZERO, ..good };
        assert_eq!(at_once.status(at(0)), "succeeded");
    }
}
