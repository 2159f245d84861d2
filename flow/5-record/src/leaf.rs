use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use jiff::Timestamp;
use subtwin_kernel::{Digest, Entropy};
use subtwin_primitives::{AuditRecord, Event, Leaf, LeafVersion};
use tlog_tiles::Hash;

use crate::RecordError;

/// Random bytes before each record's JSON, so that its commitment cannot be guessed.
pub(crate) const SALT: usize = 32;
/// Largest record a log takes, salt included. A tenant's log entry is a few kilobytes.
pub(crate) const LARGEST_BODY: usize = 1 << 20;
/// Largest leaf a log takes; ours have about 230 bytes.
pub(crate) const LARGEST_LEAF: usize = 1 << 10;

/// A record ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    /// The leaf's line.
    pub(crate) leaf: Vec<u8>,
    /// Salt and JSON.
    pub(crate) body: Vec<u8>,
}

/// What a body turns out to be when it is held against its leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held<'a> {
    /// The record's JSON.
    Intact(&'a [u8]),
    /// Nothing but zeros.
    Erased,
    /// Neither: damaged, or half erased.
    Altered,
}

/// Salts a record and makes its leaf.
pub(crate) fn seal(
    at: Timestamp,
    event: Event,
    entropy: &dyn Entropy,
) -> Result<Sealed, RecordError> {
    let json = |cause| RecordError::Json(std::sync::Arc::new(cause));
    let record = AuditRecord::new(at, event);
    let mut body = vec![0; SALT];
    entropy.fill(&mut body);
    serde_json::to_writer(&mut body, &record).map_err(json)?;
    if body.len() > LARGEST_BODY {
        return Err(RecordError::TooLarge { bytes: body.len() });
    }
    let leaf = leaf_of(&record, &body);
    Ok(Sealed { leaf: serde_json::to_vec(&leaf).map_err(json)?, body })
}

/// The leaf that commits to a body.
pub(crate) fn leaf_of(record: &AuditRecord, body: &[u8]) -> Leaf {
    Leaf {
        leaf: LeafVersion::V1,
        event: record.event.kind(),
        request: record.event.request(),
        at: record.at,
        commitment: Digest::new(sha256(&[body])),
    }
}

/// Holds a body against its leaf.
pub(crate) fn hold<'a>(leaf: &Leaf, body: &'a [u8]) -> Held<'a> {
    if Digest::new(sha256(&[body])) == leaf.commitment {
        return body.get(SALT..).map_or(Held::Altered, Held::Intact);
    }
    if body.iter().all(|byte| *byte == 0) { Held::Erased } else { Held::Altered }
}

/// The hash of a leaf in the tree (RFC 6962, section 2.1).
pub(crate) fn hash(leaf: &[u8]) -> Hash {
    Hash(sha256(&[&[0], leaf]))
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
