use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subtwin_kernel::{Digest, RequestId};

/// The version of the leaf's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LeafVersion {
    /// The first.
    #[serde(rename = "subtwin.audit-leaf/1")]
    V1,
}

/// What kind of event a leaf stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is described at the event of the same name")]
pub enum EventKind {
    Proposed,
    Intent,
    Outcome,
    Entry,
    Declined,
    Twin,
    Erased,
}

/// What the hash tree keeps of a record for ever: one line of JSON, members in this order, no white
/// space. It names nobody; without the record's salt its commitment cannot be guessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// The version of this form.
    pub leaf: LeafVersion,
    /// The kind of event.
    pub event: EventKind,
    /// The request it belongs to.
    pub request: Option<RequestId>,
    /// When it was put on the record.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// SHA-256 over 32 random bytes (the salt), then the record's JSON, byte for byte as stored.
    pub commitment: Digest,
}
