//! What must survive a restart so that work goes on: the part of the store that the desk uses.

use async_trait::async_trait;
use jiff::Timestamp;
use subtwin_kernel::{ChatId, MessageId};
use subtwin_store::{RequestRow, Store, StoreError};

/// How far requests and messages came. Helps after a restart; the evidence does not depend on it.
#[async_trait]
pub(super) trait Notes: Send + Sync + std::fmt::Debug {
    /// Keeps a request, replacing what was kept of it.
    async fn save_request(&self, row: &RequestRow) -> Result<(), StoreError>;

    /// Every request that is not settled, the longest untouched first.
    async fn open_requests(&self) -> Result<Vec<RequestRow>, StoreError>;

    /// Messages that were taken and not finished, oldest first.
    async fn unfinished(&self) -> Result<Vec<(ChatId, MessageId)>, StoreError>;

    /// Says that nothing is left to do about a message.
    async fn finish(&self, chat: &ChatId, message: MessageId) -> Result<(), StoreError>;

    /// Forgets finished messages and settled requests last changed before `before`.
    async fn forget_before(&self, before: Timestamp) -> Result<(), StoreError>;
}

#[async_trait]
impl Notes for Store {
    async fn save_request(&self, row: &RequestRow) -> Result<(), StoreError> {
        Self::save_request(self, row).await
    }

    async fn open_requests(&self) -> Result<Vec<RequestRow>, StoreError> {
        Self::open_requests(self).await
    }

    async fn unfinished(&self) -> Result<Vec<(ChatId, MessageId)>, StoreError> {
        Self::unfinished(self).await
    }

    async fn finish(&self, chat: &ChatId, message: MessageId) -> Result<(), StoreError> {
        Self::finish(self, chat, message).await
    }

    async fn forget_before(&self, before: Timestamp) -> Result<(), StoreError> {
        self.forget_messages_before(before).await?;
        self.forget_requests_before(before).await.map(drop)
    }
}
