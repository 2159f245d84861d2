use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// The directory accepted it and a later read shows it.
    Done {
        /// When the directory answered.
        #[schemars(with = "String")]
        at: Timestamp,
    },
    /// The directory's answer was lost, or we were stopped; a later read shows the change.
    FoundDone {
        /// When it was seen.
        #[schemars(with = "String")]
        at: Timestamp,
    },
    /// It did not happen.
    NotDone {
        /// Why, in words for the requester.
        reason: String,
        /// The directory's own error code, where it gave one.
        code: Option<String>,
    },
    /// It is not known whether it happened; a person must look.
    Unknown {
        /// What is known, in words for the requester.
        reason: String,
    },
}

impl Outcome {
    /// Whether the change is in place.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        match self {
            Self::Done { .. } | Self::FoundDone { .. } => true,
            Self::NotDone { .. } | Self::Unknown { .. } => false,
        }
    }
}

/// The tenant's own audit entry for an action, once it is visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TenantEntry {
    /// The entry's `id`.
    pub id: String,
    /// `activityDisplayName`, for example `Change user license`.
    pub activity: String,
    /// `activityDateTime`.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Display name or UPN of who the tenant says did it.
    pub initiated_by: String,
    /// `correlationId`, which ties the entries of one call together.
    pub correlation_id: String,
    /// The entry as the tenant gave it, unchanged.
    pub raw: Value,
}
