use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use subtwin_kernel::{Action, Clock, Entropy, Outcome, Part, Secret, Step};
use subtwin_record::{Opened, Ticket, Trace};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::hands::{Hands, Observed, SendError, Sent};

/// How one part of a plan ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// When its call had ended, for the tenant's own log; nothing where it was not sent.
    pub at: Option<Timestamp>,
    /// The new password or access pass, if it came to one: to be shown once, to nobody but the
    /// entitled person.
    pub secret: Option<Secret>,
}

/// Carries out what is on the record, once, part by part. A part that fails does not undo those
/// before it; after one whose end is not known, nothing more is tried.
///
/// Never fails: whatever happens becomes an [`Outcome`], which the ticket puts on the record.
pub async fn run(
    opened: Opened,
    hands: &dyn Hands,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> (Ticket, Vec<Ended>) {
    let (plan, ticket) = opened.into_parts();
    let ended = carry_out(&plan.parts, ticket.traces(), hands, clock, entropy).await;
    (ticket, ended)
}

/// Finds out whether each part happened that was begun and never finished (the twin was stopped
/// between). Only looks; never sends.
pub async fn look_up(traces: &[Trace], hands: &dyn Hands, clock: &dyn Clock) -> Vec<Outcome> {
    // The last part may have waited for all the others, and for a busy directory.
    let others = u32::try_from(traces.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let last_sent =
        BUSY_BUDGET.saturating_add(IN_FLIGHT.saturating_add(LATE_EFFECT).saturating_mul(others));
    join_all(traces.iter().map(|trace| look_up_one(trace, last_sent, hands, clock))).await
}

/// `last_sent` is how long after it was put on the record it may have been sent.
async fn look_up_one(
    trace: &Trace,
    last_sent: Duration,
    hands: &dyn Hands,
    clock: &dyn Clock,
) -> Outcome {
    // A request that was on its way when we stopped may still be working inside the directory.
    let passed = clock.now().duration_since(trace.sent_at).try_into().unwrap_or(Duration::ZERO);
    let rest = last_sent.saturating_add(IN_FLIGHT).saturating_sub(passed).min(IN_FLIGHT);
    let patience = rest.max(LATE_EFFECT);
    match wait_until_in_place(&trace.action, trace.sent_at, hands, patience).await {
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
    parts: &[Part],
    traces: &[Trace],
    hands: &dyn Hands,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Vec<Ended> {
    let started = Instant::now();
    let mut ended: Vec<Ended> = Vec::new();
    let mut stopped = false;
    for (part, trace) in parts.iter().zip(traces) {
        if stopped {
            ended.push(not_tried());
            continue;
        }
        let password = part.step.needs_password().then(|| Secret::new_password(entropy));
        let now = one(part, trace, password, started, hands, clock).await;
        stopped = matches!(now.outcome, Outcome::Unknown { .. });
        ended.push(now);
    }
    ended
}

/// One part: its request, and the look at what came of it.
async fn one(
    part: &Part,
    trace: &Trace,
    password: Option<Secret>,
    started: Instant,
    hands: &dyn Hands,
    clock: &dyn Clock,
) -> Ended {
    let fate = send(&part.step, password.as_ref(), trace.client_request_id, started, hands).await;
    let at = Some(clock.now());
    match fate {
        Fate::Accepted(given) => {
            let outcome = match look(trace, hands, REPLICA_LAG).await {
                Look::InPlace => Outcome::Done { at: clock.now() },
                Look::NotThere => Outcome::Unknown {
                    reason: "The directory accepted it, but does not show it yet. Please check in \
                             a few minutes."
                        .to_owned(),
                },
                Look::Blind => Outcome::Unknown {
                    reason: "The directory accepted it, but does not answer when I look whether \
                             it is in place."
                        .to_owned(),
                },
            };
            Ended { outcome, at, secret: given.or(password) }
        }
        Fate::Refused { reason, code } => {
            Ended { outcome: Outcome::NotDone { reason, code }, at: None, secret: None }
        }
        Fate::Lost => {
            let outcome = after_a_lost_answer(trace, hands, clock).await;
            let secret = password.filter(|_| outcome.is_done());
            // It may have happened at any time until it was seen.
            Ended { outcome, at: Some(clock.now()), secret }
        }
    }
}

fn not_tried() -> Ended {
    let reason = "I stopped before this one, because I cannot tell how the one before it ended. \
                  Nothing was changed by this one."
        .to_owned();
    Ended { outcome: Outcome::NotDone { reason, code: None }, at: None, secret: None }
}

async fn after_a_lost_answer(trace: &Trace, hands: &dyn Hands, clock: &dyn Clock) -> Outcome {
    match look(trace, hands, LATE_EFFECT).await {
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

async fn look(trace: &Trace, hands: &dyn Hands, patience: Duration) -> Look {
    wait_until_in_place(&trace.action, trace.sent_at, hands, patience).await
}

/// How one step ended, as far as its answer tells.
enum Fate {
    Accepted(Option<Secret>),
    Refused { reason: String, code: Option<String> },
    Lost,
}

/// Sends one step. Sent again only when the directory said that it did nothing because it is busy;
/// all parts of a plan share the time for that.
async fn send(
    step: &Step,
    password: Option<&Secret>,
    client_request_id: Uuid,
    started: Instant,
    hands: &dyn Hands,
) -> Fate {
    let mut pause = Duration::from_millis(500);
    loop {
        let wait = match hands.send(step, password, client_request_id).await {
            Ok(Sent { secret, .. }) => return Fate::Accepted(secret),
            Err(SendError::AlreadySo) => return Fate::Accepted(None),
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
/// How long a request lives at most, from sending to the HTTP client's time-out.
const IN_FLIGHT: Duration = Duration::from_secs(40);

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use serde_json::json;
    use subtwin_kernel::{Inverse, ManualClock, Method, SeededEntropy, Shown, UserId};

    use super::*;
    use crate::hands::LookError;

    type Script<T> = Mutex<VecDeque<T>>;

    /// Hands that answer from a script and count what was sent.
    #[derive(Debug, Default)]
    struct Scripted {
        sends: Script<Result<Sent, SendError>>,
        looks: Script<Result<Observed, LookError>>,
        sent: Mutex<Vec<Option<String>>>,
    }

    impl Scripted {
        fn sent(&self) -> usize {
            self.sent.lock().unwrap().len()
        }
    }

    #[async_trait]
    impl Hands for Scripted {
        async fn send(
            &self,
            _: &Step,
            password: Option<&Secret>,
            _: Uuid,
        ) -> Result<Sent, SendError> {
            let password = password.map(|secret| secret.expose().to_owned());
            self.sent.lock().unwrap().push(password);
            self.sends.lock().unwrap().pop_front().unwrap_or(sent())
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
            sent: Mutex::default(),
        }
    }

    fn part(body: serde_json::Value) -> Part {
        let text = String::new;
        Part {
            action: Action::SessionRevoke { person: UserId::new(Uuid::nil()) },
            step: Step {
                method: Method::Post,
                path: "/v1.0/users/x/revokeSignInSessions".to_owned(),
                body: Some(body),
            },
            shown: Shown {
                headline: text(),
                target: text(),
                object: None,
                before: text(),
                after: text(),
                consequences: Vec::new(),
                undo: text(),
            },
            inverse: Inverse::None(text()),
            touches: Vec::new(),
            type_back: None,
        }
    }

    fn trace() -> Trace {
        Trace {
            action: part(json!({})).action,
            client_request_id: Uuid::nil(),
            sent_at: Timestamp::UNIX_EPOCH,
            ended_at: None,
        }
    }

    async fn ended(hands: &Scripted, parts: &[Part]) -> Vec<Ended> {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let traces = vec![trace(); parts.len()];
        carry_out(parts, &traces, hands, &clock, &SeededEntropy::new(1)).await
    }

    async fn outcomes(hands: &Scripted, parts: usize) -> Vec<Outcome> {
        let parts = vec![part(json!({})); parts];
        ended(hands, &parts).await.into_iter().map(|ended| ended.outcome).collect()
    }

    async fn outcome(hands: &Scripted) -> Outcome {
        outcomes(hands, 1).await.remove(0)
    }

    fn sent() -> Result<Sent, SendError> {
        Ok(Sent { request_id: None, secret: None })
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
        assert!(matches!(outcome(&hands).await, Outcome::Done { .. }));
        assert_eq!(hands.sent(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn it_failed_and_nothing_happened() {
        let hands = scripted([refused()], []);
        let ended = outcome(&hands).await;
        assert!(
            matches!(&ended, Outcome::NotDone { reason, .. } if reason == "no seats"),
            "{ended:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn it_failed_but_happened() {
        let hands = scripted([lost()], [Ok(Observed::NotThere), blind(), Ok(Observed::InPlace)]);
        assert!(matches!(outcome(&hands).await, Outcome::FoundDone { .. }));
        assert_eq!(hands.sent(), 1, "a lost answer is never sent again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_without_effect_is_not_done_and_not_repeated() {
        let hands = scripted([lost()], []);
        assert!(matches!(outcome(&hands).await, Outcome::NotDone { .. }));
        assert_eq!(hands.sent(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_directory_that_cannot_be_looked_at_leaves_it_unknown() {
        let hands = scripted([lost()], (0..100).map(|_| blind()));
        assert!(matches!(outcome(&hands).await, Outcome::Unknown { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_directory_is_asked_again_within_its_budget() {
        let busy = |seconds| Err(SendError::Busy { after: Some(Duration::from_secs(seconds)) });
        let hands = scripted([busy(5), busy(7)], [Ok(Observed::InPlace)]);
        assert!(matches!(outcome(&hands).await, Outcome::Done { .. }));
        assert_eq!(hands.sent(), 3);

        let hands = scripted((0..100).map(|_| busy(13)), []);
        assert!(matches!(outcome(&hands).await, Outcome::NotDone { .. }));
        assert_eq!(hands.sent(), 5, "five times 13 s is over the budget");
    }

    #[tokio::test(start_paused = true)]
    async fn one_part_that_fails_leaves_the_others_as_they_are() {
        let hands =
            scripted([sent(), refused(), sent()], [Ok(Observed::InPlace), Ok(Observed::InPlace)]);
        let all = outcomes(&hands, 3).await;
        assert!(
            matches!(
                all.as_slice(),
                [Outcome::Done { .. }, Outcome::NotDone { .. }, Outcome::Done { .. }]
            ),
            "{all:?}"
        );
        assert_eq!(hands.sent(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_part_whose_end_is_unknown_nothing_more_is_sent() {
        let hands = scripted([lost()], (0..100).map(|_| blind()));
        let all = outcomes(&hands, 3).await;
        assert!(
            matches!(
                all.as_slice(),
                [Outcome::Unknown { .. }, Outcome::NotDone { .. }, Outcome::NotDone { .. }]
            ),
            "{all:?}"
        );
        assert_eq!(hands.sent(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_password_is_made_for_the_step_that_needs_one_and_handed_on_once_it_is_set() {
        let needs = part(json!({"passwordProfile": {"password": Step::NEW_PASSWORD}}));
        let hands = scripted([], [Ok(Observed::InPlace), Ok(Observed::InPlace)]);
        let all = ended(&hands, &[needs.clone(), part(json!({}))]).await;
        let made = hands.sent.lock().unwrap().clone();
        let given: Vec<_> =
            all.iter().map(|e| e.secret.as_ref().map(|s| s.expose().to_owned())).collect();
        assert_eq!(given, made);
        assert!(made[0].is_some() && made[1].is_none(), "{}", made.len());

        let hands = scripted([lost()], []);
        let all = ended(&hands, &[needs]).await;
        assert!(all[0].secret.is_none(), "what was not set is not shown");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_stop_it_only_looks() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let hands = scripted([], [Ok(Observed::NotThere), Ok(Observed::InPlace)]);
        let ended = look_up(&[trace()], &hands, &clock).await;
        assert!(matches!(ended.as_slice(), [Outcome::FoundDone { .. }]));
        let hands = scripted([], []);
        let started = Instant::now();
        let ended = look_up(&[trace()], &hands, &clock).await;
        assert!(matches!(ended.as_slice(), [Outcome::NotDone { .. }]));
        assert!(started.elapsed() >= IN_FLIGHT, "a request may still be on its way");
        assert_eq!(hands.sent(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_been_sent_just_before_the_stop_is_looked_for_as_long_as_it_may_live() {
        // Put on the record most of a minute ago; a busy directory may have been waited for since.
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        clock.advance(Duration::from_secs(55));
        let late = (0..20).map(|_| Ok(Observed::NotThere)).chain([Ok(Observed::InPlace)]);
        let hands = scripted([], late);
        let ended = look_up(&[trace()], &hands, &clock).await;
        assert!(matches!(ended.as_slice(), [Outcome::FoundDone { .. }]), "{ended:?}");
    }
}
