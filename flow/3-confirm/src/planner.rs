use async_trait::async_trait;
use subtwin_kernel::{Action, Plan, UserId};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is already so. Nothing to do.
    #[error("nothing to do: {0}")]
    AlreadySo(String),
    /// It cannot be done, and the directory's state says why.
    #[error("cannot be done: {reason}")]
    Impossible {
        /// A stable name for the obstacle, for records and tests ("no-seats", "dynamic-group").
        code: &'static str,
        /// What is in the way and what would help, in whole sentences for the requester.
        reason: String,
    },
    /// The requester may not ask for this.
    #[error("not allowed: {reason}")]
    NotAllowed {
        /// In whole sentences for the requester; teaches no way round.
        reason: String,
    },
    /// The directory did not answer; nothing was decided.
    #[error("the directory did not answer while {doing}")]
    Unavailable {
        /// What was being read.
        doing: &'static str,
        /// What went wrong.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Makes plans from fresh directory reads. Implemented by `idm/*`.
#[async_trait]
pub trait Planner: Send + Sync + std::fmt::Debug {
    /// Reads what the action depends on, refuses with the reason what cannot or may not be done,
    /// and returns the exact requests and the summary.
    ///
    /// Called twice for one action: before it is shown, and again after the yes. Equal directory
    /// states give equal plans, byte for byte.
    async fn plan(&self, action: &Action, requester: UserId) -> Result<Plan, Refusal>;
}
