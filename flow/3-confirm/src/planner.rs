use async_trait::async_trait;
use subtwin_kernel::{Action, GroupId, Part, UserId};
use subtwin_policy::{Asker, GroupTarget, Target};

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
    #[error("not allowed by {rules:?}")]
    NotAllowed {
        /// The policies that forbid it; none where nothing allows it. For the record, never for
        /// the requester.
        rules: Vec<String>,
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

/// Reads what plans and policies depend on, and makes the parts of plans. Implemented by `idm/*`.
///
/// Every call reads the directory anew. Equal directory states give equal answers, byte for byte.
#[async_trait]
pub trait Planner: Send + Sync + std::fmt::Debug {
    /// Who somebody is, as far as policies ask: with those of `groups` that they are in. Nobody of
    /// this directory is [`Refusal::NotAllowed`].
    async fn asker(&self, who: UserId, groups: &[GroupId]) -> Result<Asker, Refusal>;

    /// Whom and what an action is about, as far as policies ask.
    async fn target(&self, action: &Action) -> Result<(Target, Option<GroupTarget>), Refusal>;

    /// Refuses with the reason what cannot be done, and returns the exact requests and what the
    /// human reads, one part each. `before` are the parts of the same plan that come first: a seat
    /// they take is not free any more.
    async fn parts(
        &self,
        action: &Action,
        requester: &Asker,
        before: &[Part],
    ) -> Result<Vec<Part>, Refusal>;

    /// The people who may be asked for their yes, the best first; the policies decide among them.
    async fn approvers(&self) -> Result<Vec<UserId>, Refusal>;

    /// Whose name the tenant's log will show: "Sam (sam@contoso.com)".
    fn appears_as(&self) -> String;
}
