//! Reads that need no yes.

use async_trait::async_trait;
use subtwin_confirm::Refusal;
use subtwin_kernel::{Action, UserId, Words};

/// Answers the read-only tools.
#[async_trait]
pub(crate) trait Cards: Send + Sync + std::fmt::Debug {
    /// What the asker may know about it.
    async fn card(&self, action: &Action, asker: UserId) -> Result<Words, Refusal>;
}
