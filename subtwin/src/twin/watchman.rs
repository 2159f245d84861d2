//! Whether the twin may act at all: its operator may have suspended it, its customer may have taken
//! its rights away. Looked at before every message and before every request that changes something.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use subtwin_act::{Hands, LookError, Observed, SendError, Sent};
use subtwin_confirm::Declined;
use subtwin_entra::{TokenError, Tokens};
use subtwin_kernel::{Action, ChatId, Secret, Step};
use subtwin_primitives::{TwinChange, TwinEvent};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::cases::Case;
use super::desk::Desk;
use crate::suspension::Suspension;

/// Knows what keeps the twin from acting. By default nothing does.
#[derive(Debug, Default)]
pub(crate) struct Watchman {
    /// Where the mark of a suspension would be.
    state: Option<PathBuf>,
    tokens: Vec<(&'static str, Tokens)>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// What kept it from acting when last looked at.
    why: Option<String>,
    /// Who was told.
    told: HashSet<ChatId>,
}

impl Watchman {
    pub(super) fn new(state: &Path, tokens: Vec<(&'static str, Tokens)>) -> Self {
        Self { state: Some(state.to_owned()), tokens, seen: Mutex::default() }
    }

    /// Why the twin must not act now, as a sentence. A mark that cannot be read counts.
    pub(super) fn stopped(&self) -> Option<String> {
        if let Some(state) = &self.state {
            match Suspension::read(state) {
                Ok(Some(suspension)) => return Some(suspension.why),
                Ok(None) => {}
                Err(_) => return Some("my state directory cannot be read.".to_owned()),
            }
        }
        self.tokens.iter().find_map(|(name, tokens)| {
            let refused = tokens.refused()?;
            locked_out(name, &refused)
        })
    }

    /// Whether this conversation has not been told yet.
    pub(super) fn tell(&self, chat: &ChatId) -> bool {
        self.seen().told.insert(chat.clone())
    }

    /// What changed since the last look, if anything: `(before, now)`.
    fn news(&self) -> Option<(Option<String>, Option<String>)> {
        let now = self.stopped();
        let mut seen = self.seen();
        if seen.why == now {
            return None;
        }
        seen.told.clear();
        let before = std::mem::replace(&mut seen.why, now.clone());
        Some((before, now))
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A definite no of the token service that only a person can change.
fn locked_out(name: &str, error: &TokenError) -> Option<String> {
    let TokenError::Refused(refused) = error else { return None };
    // The name of the registration is for the operator; the reason is in the service's own words.
    Some(format!("my directory does not let me in any more ({name}: {refused})."))
}

impl Desk {
    /// Looks whether the twin may act. What is new about it goes on the record and to the
    /// operator's log, once.
    pub(super) async fn attend(&self) -> Option<String> {
        if let Some((before, now)) = self.watchman.news() {
            match &now {
                Some(why) => {
                    tracing::error!(why, "the twin does nothing until this is changed");
                    self.later(Self::let_all_go);
                }
                None => tracing::warn!("the twin acts again"),
            }
            let name = self.twin.upn.clone().unwrap_or_else(|| self.twin.name.clone());
            let as_whom =
                |stopped: &Option<String>| stopped.as_ref().map_or(name.clone(), |_| NOBODY.into());
            let (from, to) = (as_whom(&before), as_whom(&now));
            let change = TwinChange::Identity { from, to, why: now.clone() };
            let event = TwinEvent { twin: self.twin.clone(), change };
            if let Err(cause) = self.log.twin(event).await {
                tracing::error!(%cause, "that could not be recorded");
            }
        }
        self.watchman.stopped()
    }

    /// Lets go of every open plan: a yes to one of them must not count later.
    async fn let_all_go(self: Arc<Self>) {
        for (request, chat) in self.cases.late(Timestamp::MAX) {
            let lane = self.lane(&chat);
            let _turn = lane.lock().await;
            let Some(Case { waiting, row }) = self.cases.take(request) else { continue };
            let over = waiting.end(Declined::NoLongerPossible);
            self.withdraw(&over.asked, &chat);
            if let Err(cause) = self.give_up(over, row).await {
                tracing::warn!(%cause, "could not say that a plan was let go");
            }
        }
    }

    /// Looks again and again, so that it is noticed when nobody writes, too. After a no, the token
    /// service is asked again twice a minute at most.
    pub(super) async fn keep_watch(self: Arc<Self>, stop: CancellationToken) {
        let mut often = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = often.tick() => {}
            }
            for (_, tokens) in &self.watchman.tokens {
                if tokens.refused().is_some() {
                    let _still_refused = tokens.check().await;
                }
            }
            self.attend().await;
        }
    }
}

/// Hands that rest while the twin must not act.
#[derive(Debug)]
pub(super) struct Halting {
    pub(super) hands: Arc<dyn Hands>,
    pub(super) watchman: Arc<Watchman>,
}

#[async_trait]
impl Hands for Halting {
    async fn send(
        &self,
        step: &Step,
        password: Option<&Secret>,
        client_request_id: Uuid,
    ) -> Result<Sent, SendError> {
        if let Some(why) = self.watchman.stopped() {
            let reason = format!("I did not do it: {why}");
            return Err(SendError::Refused { code: "suspended".to_owned(), reason });
        }
        self.hands.send(step, password, client_request_id).await
    }

    async fn look(&self, action: &Action, since: Timestamp) -> Result<Observed, LookError> {
        self.hands.look(action, since).await
    }
}

const NOBODY: &str = "nobody";
const EVERY: Duration = Duration::from_secs(2);
