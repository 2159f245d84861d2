//! Step 5: the evidence. An append-only hash-tree log of what was asked, confirmed, done and seen.
//!
//! The intent is durable before the directory is called, the outcome before the requester is told.
//! Log lines are never evidence; this is.

mod trail;

pub use trail::{Trace, Trail, TrailError};
