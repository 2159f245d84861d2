//! Doing it: step by step on the log, with patience for a directory that lags behind itself.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use subtwin_kernel::{Clock, Entropy};

use super::credential::FirstSignIn;
use super::error::OnboardError;
use super::look::{Eye, GraphApi, Known, Seen};
use super::make::NotMade;
use super::wish::{OnboardStep, Wish};
use crate::graph::{Graph, GraphError, user_path};
use crate::steps::{Made, Mark, Steps};

/// How long to wait for a directory that does not show yet what was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The first pause; each is twice the one before.
    pub first: Duration,
    /// All pauses together.
    pub total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), total: Duration::from_secs(90) }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It was made now.
    Made,
    /// It had been made before the job was cut short, and is on the log now.
    Recovered,
    /// It was made earlier, and is as it should be.
    AsLogged,
    /// It was there before, and stays when this is undone.
    Found,
    /// It was there and is now what was wished for.
    Changed,
    /// It is gone again.
    Removed,
    /// What it was before is back.
    Restored,
    /// It was there before this job: left alone.
    Left,
}

/// What onboarding tells while it works.
#[derive(Debug)]
pub enum Told<'a> {
    /// A step is begun.
    Begins(&'a OnboardStep),
    /// The directory is behind; it is asked again.
    Waits(&'a OnboardStep),
    /// A step has ended.
    Ended(&'a OnboardStep, How),
    /// Show this to the administrator now; it cannot be had again.
    Shows(&'a FirstSignIn),
}

/// The job: one wish, one log, one administrator's Graph.
#[derive(Debug)]
pub struct Onboarding<'a> {
    /// Graph as the administrator.
    pub graph: &'a Graph,
    /// What should exist.
    pub wish: &'a Wish,
    /// How far it is.
    pub steps: &'a mut Steps<OnboardStep>,
    /// How long to wait for the directory.
    pub patience: Patience,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For passwords.
    pub entropy: Arc<dyn Entropy>,
}

impl Onboarding<'_> {
    /// Makes what is missing, in order. Roles and scopes that are not wished for any more are taken
    /// away, if this job gave them. Can be called again at any time.
    ///
    /// # Errors
    /// As [`OnboardError`] says. What was done is on the log.
    pub async fn apply(&mut self, tell: &mut dyn FnMut(Told<'_>)) -> Result<(), OnboardError> {
        let api = self.api().await?;
        let mut known = Known::of(self.steps);
        for step in OnboardStep::of(self.wish) {
            tell(Told::Begins(&step));
            let how = if step == OnboardStep::Credential {
                self.credential(&known, tell).await?
            } else {
                self.ensure(&step, &mut known, &api, tell).await?
            };
            if let Some(how) = how {
                tell(Told::Ended(&step, how));
            }
        }
        self.narrow(&known, tell).await
    }

    /// Takes away what this job made, last first, and brings back what it changed. What was there
    /// before stays. Can be called again at any time.
    ///
    /// # Errors
    /// As [`OnboardError`] says. What was done is on the log.
    pub async fn undo(&mut self, tell: &mut dyn FnMut(Told<'_>)) -> Result<(), OnboardError> {
        let api = self.api().await?;
        let steps: Vec<OnboardStep> =
            self.steps.entries().iter().rev().map(|entry| entry.step.clone()).collect();
        for step in steps {
            let known = Known::of(self.steps);
            let how = self.undo_one(&step, &known, &api, tell).await?;
            if let Some(how) = how {
                tell(Told::Ended(&step, how));
            }
        }
        Ok(())
    }

    /// Ends every session of the account: whoever holds a refresh token of it is out. Nothing to do
    /// where there is no account.
    ///
    /// # Errors
    /// As [`OnboardError`] says.
    pub async fn revoke(&mut self) -> Result<(), OnboardError> {
        let step = OnboardStep::User;
        let Some(user) = self.steps.object(&step).map(|made| made.id.clone()) else {
            return Ok(());
        };
        let path = format!("{}/revokeSignInSessions", user_path(&user));
        match self.patiently(async || self.graph.post(&path, None).await).await {
            Err(error) if !error.is_not_found() => Err(OnboardError::of(&step, error)),
            _ => Ok(()),
        }
    }

    async fn api(&self) -> Result<GraphApi, OnboardError> {
        let first = OnboardStep::App(super::Registration::Chat);
        let read = self.patiently(async || GraphApi::read(self.graph).await).await;
        read.map_err(|cause| OnboardError::of(&first, cause))
    }

    fn eye(&self) -> Eye<'_> {
        Eye { graph: self.graph, wish: self.wish, run: Some(self.steps.run()) }
    }

    /// Looks, and makes or changes what a step is for. `None` when it is not called for.
    async fn ensure(
        &mut self,
        step: &OnboardStep,
        known: &mut Known,
        api: &GraphApi,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<Option<How>, OnboardError> {
        let failed = |cause| OnboardError::of(step, cause);
        let mark = self.steps.mark(step).cloned();
        let begun = mark == Some(Mark::Begun);
        let mut seen = if begun && matches!(step, OnboardStep::App(_)) {
            // Perhaps it was made a moment ago, and the directory is behind. Everything else can be
            // there only once, and the directory says so when it is made again.
            let mut pauses = self.pauses();
            pauses.left /= 3;
            self.look_while(step, known, api, pauses, tell).await.map_err(failed)?
        } else {
            self.eye().find(step, known, api).await.map_err(failed)?
        };
        let mut how = match &mark {
            Some(Mark::Begun) => How::Recovered,
            Some(Mark::Made(_) | Mark::Found(_) | Mark::Changed { .. }) => How::AsLogged,
            Some(Mark::Undone { .. }) | None => How::Found,
        };
        // An account of this job's has one from the start, and most others have one, too.
        let nothing_to_change = seen.as_ref().is_none_or(|found| found.differs.is_none());
        if *step == OnboardStep::UsageLocation && mark.is_none() && nothing_to_change {
            return Ok(None);
        }
        if let Some(found) = &seen {
            if how == How::Found && found.ours {
                how = How::Recovered;
            }
            if how == How::Recovered && self.is_older(step, found) {
                how = How::Found;
            }
            self.may_use(step, found, how)?;
        }
        let made = match seen.take() {
            Some(found) => {
                let changed = self.settle(step, &found, how, api).await?;
                if changed {
                    how = How::Changed;
                }
                found.made
            }
            None => {
                how = How::Made;
                self.steps.put(step, Mark::Begun).await?;
                let made = self.make(step, known, api, tell).await?;
                self.steps.put(step, Mark::Made(made.clone())).await?;
                known.put(step, &made);
                self.look_until_there(step, known, api, tell).await.map_err(failed)?;
                made
            }
        };
        known.put(step, &made);
        Ok(Some(how))
    }

    /// Whether what is there is older than the step that was to make it: then somebody else did.
    fn is_older(&self, step: &OnboardStep, found: &Seen) -> bool {
        let begun = self.steps.entries().iter().find(|entry| entry.step == *step);
        match (begun, found.since) {
            (Some(begun), Some(since)) => begun.at.duration_since(since) > SKEW,
            _ => false,
        }
    }

    /// Refuses to use what somebody else made: it could be anybody's account, or an app prepared
    /// by whoever wants the consent that it is about to get.
    fn may_use(&self, step: &OnboardStep, found: &Seen, how: How) -> Result<(), OnboardError> {
        if let Some(strange) = &found.strange {
            return Err(OnboardError::InTheWay(strange.clone()));
        }
        let guarded = matches!(step, OnboardStep::User | OnboardStep::App(_));
        if how != How::Found || !guarded || self.wish.adopt {
            return Ok(());
        }
        Err(OnboardError::InTheWay(in_the_way(step, self.wish)))
    }

    /// Puts what was found on the log, and changes what differs. Whether it was changed.
    async fn settle(
        &mut self,
        step: &OnboardStep,
        found: &Seen,
        how: How,
        api: &GraphApi,
    ) -> Result<bool, OnboardError> {
        let made = found.made.clone();
        // The name an account has is its owner's to choose.
        let differs = found.differs.clone().filter(|_| *step != OnboardStep::User);
        let mark = match (how, &differs, self.steps.mark(step)) {
            (How::Recovered, ..) => Some(Mark::Made(made.clone())),
            (How::Found, Some(before), _) => {
                Some(Mark::Changed { made: made.clone(), before: before.clone() })
            }
            (How::Found, None, _) => Some(Mark::Found(made.clone())),
            (_, Some(before), Some(Mark::Found(_))) => {
                Some(Mark::Changed { made: made.clone(), before: before.clone() })
            }
            _ => None,
        };
        if let Some(mark) = mark {
            self.steps.put(step, mark).await?;
        }
        if differs.is_none() {
            return Ok(false);
        }
        let (eye, made) = (self.eye(), &made);
        let changed = self.patiently(async || eye.change(step, made, api).await).await;
        changed.map_err(|cause| OnboardError::of(step, cause))?;
        Ok(true)
    }

    async fn make(
        &self,
        step: &OnboardStep,
        known: &Known,
        api: &GraphApi,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<Made, OnboardError> {
        let eye = self.eye();
        let mut pauses = self.pauses();
        loop {
            let error = match eye.make(step, known, api, self.entropy.as_ref()).await {
                Ok(made) => return Ok(made),
                Err(NotMade::Impossible(why)) => return Err(OnboardError::Impossible(why)),
                Err(NotMade::Graph(error)) => error,
            };
            if matches!(error, GraphError::Unknown { .. }) || is_conflict(&error) {
                // It may have happened: never sent again before a look.
                let seen = self.look_until_there(step, known, api, tell).await;
                return match seen.map_err(|cause| OnboardError::of(step, cause))? {
                    Some(seen) => Ok(seen.made),
                    None => Err(OnboardError::Lost { step: step.clone(), cause: Box::new(error) }),
                };
            }
            let Some(pause) = worth_another_try(&error).and_then(|asked| pauses.next(asked)) else {
                return Err(OnboardError::of(step, error));
            };
            tell(Told::Waits(step));
            tokio::time::sleep(pause).await;
        }
    }

    /// Looks until it is there or patience is at its end.
    async fn look_until_there(
        &self,
        step: &OnboardStep,
        known: &Known,
        api: &GraphApi,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<Option<Seen>, GraphError> {
        self.look_while(step, known, api, self.pauses(), tell).await
    }

    async fn look_while(
        &self,
        step: &OnboardStep,
        known: &Known,
        api: &GraphApi,
        mut pauses: Pauses,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<Option<Seen>, GraphError> {
        loop {
            let seen = self.eye().find(step, known, api).await;
            let asked = match &seen {
                Ok(Some(_)) => return seen,
                Ok(None) => Duration::ZERO,
                Err(error) => match worth_another_try(error) {
                    Some(asked) => asked,
                    None => return seen,
                },
            };
            let Some(pause) = pauses.next(asked) else { return seen };
            tell(Told::Waits(step));
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends a request that may be sent twice until it is not too early for it any more.
    pub(super) async fn patiently<T>(
        &self,
        send: impl AsyncFn() -> Result<T, GraphError>,
    ) -> Result<T, GraphError> {
        let mut pauses = self.pauses();
        loop {
            let error = match send().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let asked = match &error {
                GraphError::Unknown { .. } => Some(Duration::ZERO),
                error => worth_another_try(error),
            };
            let Some(pause) = asked.and_then(|asked| pauses.next(asked)) else {
                return Err(error);
            };
            tokio::time::sleep(pause).await;
        }
    }

    const fn pauses(&self) -> Pauses {
        Pauses { next: self.patience.first, left: self.patience.total }
    }

    /// Takes away the roles that this job gave and that are not wished for any more.
    async fn narrow(
        &mut self,
        known: &Known,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<(), OnboardError> {
        let wanted = OnboardStep::of(self.wish);
        let over: Vec<(OnboardStep, Made)> = self
            .steps
            .entries()
            .iter()
            .filter(|entry| {
                matches!(entry.step, OnboardStep::Role(_)) && !wanted.contains(&entry.step)
            })
            .filter_map(|entry| match &entry.mark {
                Mark::Made(made) => Some((entry.step.clone(), made.clone())),
                Mark::Begun | Mark::Found(_) | Mark::Changed { .. } | Mark::Undone { .. } => None,
            })
            .collect();
        for (step, made) in over {
            let eye = self.eye();
            let gone = self.patiently(async || eye.unmake(&step, &made, known).await).await;
            gone.map_err(|cause| OnboardError::of(&step, cause))?;
            self.steps.put(&step, Mark::Undone { was: Some(made) }).await?;
            tell(Told::Ended(&step, How::Removed));
        }
        Ok(())
    }

    async fn undo_one(
        &mut self,
        step: &OnboardStep,
        known: &Known,
        api: &GraphApi,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<Option<How>, OnboardError> {
        let failed = |cause| OnboardError::of(step, cause);
        let mark = self.steps.mark(step).cloned();
        let made = match mark {
            None | Some(Mark::Undone { .. }) => return Ok(None),
            Some(Mark::Found(_)) => return Ok(Some(How::Left)),
            Some(Mark::Changed { made, before }) => {
                let eye = self.eye();
                let back = async || eye.restore(step, &made, &before).await;
                self.patiently(back).await.map_err(failed)?;
                self.steps.put(step, Mark::Undone { was: None }).await?;
                return Ok(Some(How::Restored));
            }
            Some(Mark::Made(made)) => Some(made),
            // Begun and not known: perhaps it was made after all.
            Some(Mark::Begun) => {
                let seen = self.look_until_there(step, known, api, tell).await.map_err(failed)?;
                seen.map(|seen| seen.made)
            }
        };
        if let Some(made) = &made {
            let eye = self.eye();
            let gone = async || eye.unmake(step, made, known).await;
            self.patiently(gone).await.map_err(failed)?;
        }
        if let OnboardStep::App(which) = step {
            // A request whose answer was lost may have left a second one.
            let all = self.eye().tagged(&Wish::run_tag(self.steps.run())).await.map_err(failed)?;
            for app in all.into_iter().filter(|app| app.tags.contains(&self.wish.tag(*which))) {
                let (eye, made) = (self.eye(), Made::new(app.id));
                let gone = async || eye.unmake(step, &made, known).await;
                self.patiently(gone).await.map_err(failed)?;
            }
        }
        self.steps.put(step, Mark::Undone { was: made }).await?;
        Ok(Some(How::Removed))
    }
}

/// Why what is there is not simply used.
pub(super) fn in_the_way(step: &OnboardStep, wish: &Wish) -> String {
    match step {
        OnboardStep::User => format!(
            "There is an account {} already, and this program did not make it. Choose another \
             `upn`, or say `adopt = true` if it is to become the twin: it gets administrator roles.",
            wish.upn
        ),
        _ => format!(
            "There is {step} for {} already, and the log of who made it is not here. Take it away, \
             bring the state directory back, or say `adopt = true`.",
            wish.upn
        ),
    }
}

/// Doubling pauses, as long as there is patience.
#[derive(Clone, Copy, Debug)]
struct Pauses {
    next: Duration,
    left: Duration,
}

impl Pauses {
    /// The next pause, at least as long as the service asks for.
    fn next(&mut self, asked: Duration) -> Option<Duration> {
        let pause = self.next.max(asked);
        if pause > self.left {
            return None;
        }
        self.left -= pause;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        Some(pause)
    }
}

/// How long the service asks to wait, when nothing happened and the reason may pass: it is too busy,
/// or does not know yet what it has just made.
fn worth_another_try(error: &GraphError) -> Option<Duration> {
    match error {
        GraphError::Busy { after, .. } => Some(after.unwrap_or_default()),
        GraphError::NotSent { .. } => Some(Duration::ZERO),
        GraphError::Refused { refused, .. } => {
            let text = refused.message.to_ascii_lowercase();
            let unknown = refused.status == 404
                || (refused.status == 400 && BEHIND.iter().any(|words| text.contains(words)));
            unknown.then_some(Duration::ZERO)
        }
        GraphError::NoToken { .. } | GraphError::Unknown { .. } => None,
    }
}

/// Whether the directory says that it is there already.
fn is_conflict(error: &GraphError) -> bool {
    error.refused().is_some_and(|refused| {
        let text = refused.message.to_ascii_lowercase();
        refused.status == 409
            || (refused.status == 400
                && (text.contains("already exist") || text.contains("conflicting object")))
    })
}

/// How Graph words that it does not know yet what it has just made.
const BEHIND: [&str; 5] = [
    "does not reference a valid",
    "does not exist",
    "not found",
    "invalid value specified for property",
    "could not be found",
];
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How far two clocks may be apart when it is judged which came first.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
