use async_trait::async_trait;
use subtwin_kernel::{Group, GroupId, Licence, Person, UserId};

/// The directory did not answer a lookup.
#[derive(Debug, thiserror::Error)]
#[error("looking up {what} failed")]
pub struct LookupError {
    /// What was looked up, in words ("people named `Sarah`").
    pub what: String,
    /// What went wrong.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

/// Reads of the customer's directory. Implemented by `idm/*`.
#[async_trait]
pub trait Directory: Send + Sync + std::fmt::Debug {
    /// People who match a name, mail address or UPN; at most six, best first. An exact UPN or mail
    /// address gives that one person.
    async fn people(&self, name: &str) -> Result<Vec<Person>, LookupError>;

    /// One person by id.
    async fn person(&self, id: UserId) -> Result<Option<Person>, LookupError>;

    /// Somebody's manager.
    async fn manager(&self, of: UserId) -> Result<Option<Person>, LookupError>;

    /// Groups by name; at most six. Exact display names first, then those that start with it.
    async fn groups(&self, name: &str) -> Result<Vec<Group>, LookupError>;

    /// One group by id.
    async fn group(&self, id: GroupId) -> Result<Option<Group>, LookupError>;

    /// Every licence product the tenant owns.
    async fn licences(&self) -> Result<Vec<Licence>, LookupError>;
}
