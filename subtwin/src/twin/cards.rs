//! Reads that need no yes.

use async_trait::async_trait;
use subtwin_confirm::Refusal;
use subtwin_kernel::{Action, Words};

/// Answers the read-only tools.
#[async_trait]
pub(crate) trait Cards: Send + Sync + std::fmt::Debug {
    /// What is known about it, for somebody who may ask.
    async fn card(&self, action: &Action) -> Result<Words, Refusal>;
}
