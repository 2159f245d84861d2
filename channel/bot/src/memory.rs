use std::fmt;

use async_trait::async_trait;
use subtwin_kernel::Secret;

/// What must survive a restart, by name, each value sealed. The binary glues it to the store.
#[async_trait]
pub trait Memory: Send + Sync + fmt::Debug {
    /// A value as it was last put.
    ///
    /// # Errors
    /// When it is not known whether there is one.
    async fn get(&self, name: &str) -> Result<Option<Secret>, MemoryError>;

    /// Keeps a value under a name, instead of what was there. Durable when it returns.
    ///
    /// # Errors
    /// When it is not certain to be kept.
    async fn put(&self, name: &str, value: &Secret) -> Result<(), MemoryError>;
}

/// The memory failed.
#[derive(Debug, thiserror::Error)]
#[error("the twin's memory failed to {operation}")]
pub struct MemoryError {
    /// What was tried.
    pub operation: &'static str,
    /// What went wrong.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}
