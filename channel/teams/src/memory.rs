use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use subtwin_kernel::{ChatId, Secret};

/// What must survive a restart. The binary glues it to the store.
#[async_trait]
pub trait Memory: Send + Sync + fmt::Debug {
    /// A small value by name, as it was last put; kept sealed.
    ///
    /// # Errors
    /// When it is not known whether there is one.
    async fn get(&self, name: &'static str) -> Result<Option<Secret>, MemoryError>;

    /// Keeps a small value under a name, instead of what was there. Durable when it returns.
    ///
    /// # Errors
    /// When it is not certain to be kept.
    async fn put(&self, name: &'static str, value: &Secret) -> Result<(), MemoryError>;

    /// How far each conversation was read.
    ///
    /// # Errors
    /// When it is not known.
    async fn watermarks(&self) -> Result<Vec<(ChatId, Timestamp)>, MemoryError>;

    /// Notes how far a conversation was read.
    ///
    /// # Errors
    /// When it is not certain to be kept.
    async fn set_watermark(&self, chat: &ChatId, at: Timestamp) -> Result<(), MemoryError>;
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
