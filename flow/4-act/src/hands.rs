use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use subtwin_kernel::{Action, Secret, Step};
use uuid::Uuid;

/// The directory accepted a step.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The answer's `request-id`, for support cases.
    pub request_id: Option<String>,
    /// What the directory gave out only this once: an access pass.
    pub secret: Option<Secret>,
}

/// The directory did not accept a step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// A definite no (4xx): nothing happened.
    #[error("the directory refused: {code}")]
    Refused {
        /// Graph's error code.
        code: String,
        /// In words for the requester.
        reason: String,
    },
    /// Already as wanted; the directory says so with an error ("already exist"). Counts as done.
    #[error("it was already so")]
    AlreadySo,
    /// Turned away before anything happened (429, or 503 with `Retry-After`); may be sent again.
    #[error("the directory is busy")]
    Busy {
        /// How long it asks us to wait, where it does.
        after: Option<Duration>,
    },
    /// No answer, or a server error: it may or may not have happened.
    #[error("the directory's answer was lost")]
    Unknown {
        /// What went wrong.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What a look at the directory shows about an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The change is in place.
    InPlace,
    /// The change is not there (yet: replicas lag by seconds).
    NotThere,
}

/// The directory could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("looking at the directory failed")]
pub struct LookError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What carries out a step. Implemented by `idm/*`.
#[async_trait]
pub trait Hands: Send + Sync + std::fmt::Debug {
    /// Sends one request of the plan, once: no retry inside. `password` goes where the step holds
    /// [`Step::NEW_PASSWORD`], and nowhere else.
    async fn send(
        &self,
        step: &Step,
        password: Option<&Secret>,
        client_request_id: Uuid,
    ) -> Result<Sent, SendError>;

    /// Looks whether the action's effect is in place. `since` is when the call was first sent; an
    /// effect that could be older (a sign-out) counts only if it is not.
    async fn look(&self, action: &Action, since: Timestamp) -> Result<Observed, LookError>;
}
