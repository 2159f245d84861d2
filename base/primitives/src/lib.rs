//! The published shapes: types, their JSON Schemas, and test vectors that others can check against.
//!
//! Only shapes. Nothing here reads, writes, hashes or decides.
//!
//! The audit shape is an [`AuditRecord`] (what happened, for people and their tools) and a
//! [`Leaf`] (what a hash-tree log keeps of it for ever). A record can be erased; its leaf stays and
//! tells only that something of that kind happened then, for that request.

mod audit;
mod capability;
mod leaf;

pub use audit::{
    Asked, AuditRecord, Confirmation, Decline, Declined, Entry, Erased, ErasedFor, Event, Intent,
    LeafRange, OutcomeOf, Proposed, Requester, Seen, ShapeVersion, Twin, TwinChange, TwinEvent,
};
pub use capability::{Capability, Catalog, CatalogVersion, Principal, Takeback, arguments_schema};
pub use leaf::{EventKind, Leaf, LeafVersion};

/// The JSON Schema (draft 2020-12) of an [`AuditRecord`], as committed in `schemas/`.
#[must_use]
pub fn audit_record_schema() -> String {
    pretty(&schemars::schema_for!(AuditRecord))
}

/// The JSON Schema (draft 2020-12) of a [`Catalog`], as committed in `schemas/`.
#[must_use]
pub fn catalog_schema() -> String {
    pretty(&schemars::schema_for!(Catalog))
}

/// The JSON Schema (draft 2020-12) of a [`Leaf`], as committed in `schemas/`.
#[must_use]
pub fn leaf_schema() -> String {
    pretty(&schemars::schema_for!(Leaf))
}

fn pretty(schema: &schemars::Schema) -> String {
    format!("{:#}\n", schema.as_value())
}
