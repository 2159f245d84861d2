use std::time::Duration;

use jiff::Timestamp;
use subtwin_kernel::{Action, Clock, Outcome, Plan, Step};
use subtwin_record::{Opened, Ticket};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::hands::{Hands, Observed, SendError};

/// Carries out what is on the record, once.
///
/// Never fails: whatever happens becomes an [`Outcome`], which the ticket puts on the record.
pub async fn run(opened: Opened, hands: &dyn Hands, clock: &dyn Clock) -> (Ticket, Outcome) {
    let client_request_id = opened.client_request_id();
    let since = opened.opened_at();
    let (plan, ticket) = opened.into_parts();
    let outcome = carry_out(&plan, client_request_id, since, hands, clock).await;
    (ticket, outcome)
}

/// Finds out whether an action happened that was begun and never finished (the twin was stopped
/// between). Only looks; never sends.
pub async fn look_up(
    action: &Action,
    opened_at: Timestamp,
    hands: &dyn Hands,
    clock: &dyn Clock,
) -> Outcome {
    // A request that was on its way when we stopped may still be working inside the directory.
    let in_flight = clock.now().duration_since(opened_at);
    let rest = IN_FLIGHT.saturating_sub(in_flight.try_into().unwrap_or(Duration::ZERO));
    match wait_until_in_place(action, opened_at, hands, rest.max(LATE_EFFECT)).await {
        Look::InPlace => Outcome::FoundDone { at: clock.now() },
        Look::NotThere => Outcome::NotDone {
            reason: "I was stopped before I could finish, and the directory shows that it did \
                     not happen."
                .to_owned(),
            code: None,
        },
        Look::Blind => Outcome::Unknown {
            reason: "I was stopped in the middle of it, and the directory does not answer when I \
                     look whether it happened. Please check before you ask again."
                .to_owned(),
        },
    }
}

async fn carry_out(
    plan: &Plan,
    client_request_id: Uuid,
    since: Timestamp,
    hands: &dyn Hands,
    clock: &dyn Clock,
) -> Outcome {
    for (done_before, step) in plan.steps.iter().enumerate() {
        match send(step, client_request_id, hands).await {
            Fate::Accepted => {}
            Fate::Refused { reason, code } if done_before == 0 => {
                return Outcome::NotDone { reason, code };
            }
            Fate::Refused { reason, .. } => {
                return Outcome::Unknown {
                    reason: format!(
                        "{done_before} of {} steps were done, then the directory refused: {reason}",
                        plan.steps.len()
                    ),
                };
            }
            Fate::Lost => return after_a_lost_answer(plan, since, hands, clock).await,
        }
    }
    match wait_until_in_place(&plan.action, since, hands, REPLICA_LAG).await {
        Look::InPlace => Outcome::Done { at: clock.now() },
        Look::NotThere => Outcome::Unknown {
            reason: "The directory accepted it, but does not show it yet. Please check in a few \
                     minutes."
                .to_owned(),
        },
        Look::Blind => Outcome::Unknown {
            reason: "The directory accepted it, but does not answer when I look whether it is in \
                     place."
                .to_owned(),
        },
    }
}

async fn after_a_lost_answer(
    plan: &Plan,
    since: Timestamp,
    hands: &dyn Hands,
    clock: &dyn Clock,
) -> Outcome {
    match wait_until_in_place(&plan.action, since, hands, LATE_EFFECT).await {
        Look::InPlace => Outcome::FoundDone { at: clock.now() },
        Look::NotThere => Outcome::NotDone {
            reason: "The directory failed while I asked it, and shows that the change was not \
                     made. Nothing was changed."
                .to_owned(),
            code: None,
        },
        Look::Blind => Outcome::Unknown {
            reason: "The directory's answer was lost, and it does not answer when I look whether \
                     the change was made. Please check before you ask again."
                .to_owned(),
        },
    }
}

/// How one step ended, as far as its answer tells.
enum Fate {
    Accepted,
    Refused { reason: String, code: Option<String> },
    Lost,
}

/// Sends one step. Sent again only when the directory said that it did nothing because it is busy.
async fn send(step: &Step, client_request_id: Uuid, hands: &dyn Hands) -> Fate {
    let started = Instant::now();
    let mut pause = Duration::from_millis(500);
    loop {
        let wait = match hands.send(step, client_request_id).await {
            Ok(_) | Err(SendError::AlreadySo) => return Fate::Accepted,
            Err(SendError::Refused { code, reason }) => {
                return Fate::Refused { reason, code: Some(code) };
            }
            Err(SendError::Unknown { cause }) => {
                tracing::warn!(%cause, path = step.path, "the directory's answer was lost");
                return Fate::Lost;
            }
            Err(SendError::Busy { after }) => after.unwrap_or(pause),
        };
        if started.elapsed().saturating_add(wait) > BUSY_BUDGET {
            return Fate::Refused {
                reason: "The directory is too busy at the moment. Nothing was changed; please \
                         ask again later."
                    .to_owned(),
                code: None,
            };
        }
        sleep(wait).await;
        pause = pause.saturating_mul(2);
    }
}

/// What repeated looks showed.
enum Look {
    InPlace,
    NotThere,
    /// The last look failed.
    Blind,
}

/// Looks again and again, at first quickly, until the effect shows or `patience` is over.
async fn wait_until_in_place(
    action: &Action,
    since: Timestamp,
    hands: &dyn Hands,
    patience: Duration,
) -> Look {
    let started = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        let seen = match hands.look(action, since).await {
            Ok(Observed::InPlace) => return Look::InPlace,
            Ok(Observed::NotThere) => Look::NotThere,
            Err(cause) => {
                tracing::warn!(%cause, "could not look whether the change is in place");
                Look::Blind
            }
        };
        if started.elapsed() >= patience {
            return seen;
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(Duration::from_secs(2));
    }
}

/// How long a busy directory is waited for.
const BUSY_BUDGET: Duration = Duration::from_secs(60);
/// How long an accepted change may take to show in reads.
const REPLICA_LAG: Duration = Duration::from_secs(15);
/// How long a change may still appear after its answer was lost.
const LATE_EFFECT: Duration = REPLICA_LAG;
/// How long a request lives at most, from opening to the HTTP client's time-out.
const IN_FLIGHT: Duration = Duration::from_secs(40);

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use serde_json::json;
    use subtwin_kernel::{ManualClock, Method, Summary, UserId};

    use super::*;
    use crate::hands::{LookError, Sent};

    type Script<T> = Mutex<VecDeque<T>>;

    /// Hands that answer from a script and count what was sent.
    #[derive(Debug, Default)]
    struct Scripted {
        sends: Script<Result<Sent, SendError>>,
        looks: Script<Result<Observed, LookError>>,
        sent: Mutex<u32>,
    }

    #[async_trait]
    impl Hands for Scripted {
        async fn send(&self, _: &Step, _: Uuid) -> Result<Sent, SendError> {
            *self.sent.lock().unwrap() += 1;
            self.sends.lock().unwrap().pop_front().unwrap_or(Ok(Sent { request_id: None }))
        }

        async fn look(&self, _: &Action, _: Timestamp) -> Result<Observed, LookError> {
            self.looks.lock().unwrap().pop_front().unwrap_or(Ok(Observed::NotThere))
        }
    }

    fn scripted<S, L>(sends: S, looks: L) -> Scripted
    where
        S: IntoIterator<Item = Result<Sent, SendError>>,
        L: IntoIterator<Item = Result<Observed, LookError>>,
    {
        Scripted {
            sends: Mutex::new(sends.into_iter().collect()),
            looks: Mutex::new(looks.into_iter().collect()),
            sent: Mutex::new(0),
        }
    }

    fn plan(steps: usize) -> Plan {
        let step = Step {
            method: Method::Post,
            path: "/v1.0/users/x/revokeSignInSessions".to_owned(),
            body: Some(json!({})),
        };
        let text = String::new;
        Plan {
            action: Action::SessionRevoke { person: UserId::new(Uuid::nil()) },
            steps: vec![step; steps],
            summary: Summary {
                headline: text(),
                target: text(),
                object: None,
                before: text(),
                after: text(),
                consequences: Vec::new(),
                undo: text(),
                appears_as: text(),
            },
        }
    }

    async fn outcome(hands: &Scripted, steps: usize) -> Outcome {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        carry_out(&plan(steps), Uuid::nil(), Timestamp::UNIX_EPOCH, hands, &clock).await
    }

    fn lost() -> Result<Sent, SendError> {
        Err(SendError::Unknown { cause: "connection reset".into() })
    }

    fn refused() -> Result<Sent, SendError> {
        Err(SendError::Refused { code: "Request_BadRequest".into(), reason: "no seats".into() })
    }

    fn blind() -> Result<Observed, LookError> {
        Err(LookError("gone".into()))
    }

    #[tokio::test(start_paused = true)]
    async fn it_worked() {
        let hands = scripted([], [Ok(Observed::NotThere), Ok(Observed::InPlace)]);
        assert!(matches!(outcome(&hands, 1).await, Outcome::Done { .. }));
        assert_eq!(*hands.sent.lock().unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn it_failed_and_nothing_happened() {
        let hands = scripted([refused()], []);
        let ended = outcome(&hands, 1).await;
        assert!(
            matches!(&ended, Outcome::NotDone { reason, .. } if reason == "no seats"),
            "{ended:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn it_failed_but_happened() {
        let hands = scripted([lost()], [Ok(Observed::NotThere), blind(), Ok(Observed::InPlace)]);
        assert!(matches!(outcome(&hands, 1).await, Outcome::FoundDone { .. }));
        assert_eq!(*hands.sent.lock().unwrap(), 1, "a lost answer is never sent again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_without_effect_is_not_done_and_not_repeated() {
        let hands = scripted([lost()], []);
        assert!(matches!(outcome(&hands, 1).await, Outcome::NotDone { .. }));
        assert_eq!(*hands.sent.lock().unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_directory_that_cannot_be_looked_at_leaves_it_unknown() {
        let hands = scripted([lost()], (0..100).map(|_| blind()));
        assert!(matches!(outcome(&hands, 1).await, Outcome::Unknown { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_directory_is_asked_again_within_its_budget() {
        let busy = |seconds| Err(SendError::Busy { after: Some(Duration::from_secs(seconds)) });
        let hands = scripted([busy(5), busy(7)], [Ok(Observed::InPlace)]);
        assert!(matches!(outcome(&hands, 1).await, Outcome::Done { .. }));
        assert_eq!(*hands.sent.lock().unwrap(), 3);

        let hands = scripted((0..100).map(|_| busy(13)), []);
        assert!(matches!(outcome(&hands, 1).await, Outcome::NotDone { .. }));
        assert_eq!(*hands.sent.lock().unwrap(), 5, "five times 13 s is over the budget");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_in_the_middle_is_said_as_such() {
        let hands = scripted([Ok(Sent { request_id: None }), refused()], []);
        let ended = outcome(&hands, 2).await;
        assert!(
            matches!(&ended, Outcome::Unknown { reason } if reason.starts_with("1 of 2 steps")),
            "{ended:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_stop_it_only_looks() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let action = plan(1).action;
        let hands = scripted([], [Ok(Observed::NotThere), Ok(Observed::InPlace)]);
        let ended = look_up(&action, Timestamp::UNIX_EPOCH, &hands, &clock).await;
        assert!(matches!(ended, Outcome::FoundDone { .. }));
        let hands = scripted([], []);
        let started = Instant::now();
        let ended = look_up(&action, Timestamp::UNIX_EPOCH, &hands, &clock).await;
        assert!(matches!(ended, Outcome::NotDone { .. }));
        assert!(started.elapsed() >= IN_FLIGHT, "a request may still be on its way");
        assert_eq!(*hands.sent.lock().unwrap(), 0);
    }
}
