use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;
use subtwin_kernel::{Action, TenantEntry};
use uuid::Uuid;

/// What is known about one call when its entry is looked for in the tenant's own log.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What was done.
    pub action: Action,
    /// The `client-request-id` that was sent.
    pub client_request_id: Uuid,
    /// When it was put on the record; the call was sent after it.
    pub sent_at: Timestamp,
    /// When the call had ended, where that is known.
    pub ended_at: Option<Timestamp>,
}

/// The tenant's log could not be read.
#[derive(Debug, thiserror::Error)]
#[error("reading the tenant's audit log failed")]
pub struct TrailError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The tenant's own audit log. Implemented by `idm/*`.
#[async_trait]
pub trait Trail: Send + Sync + std::fmt::Debug {
    /// The entry the tenant wrote for this call, or `None` while it is not visible. `taken` are
    /// the ids of entries that belong to other calls.
    async fn find(
        &self,
        trace: &Trace,
        taken: &HashSet<String>,
    ) -> Result<Option<TenantEntry>, TrailError>;
}
