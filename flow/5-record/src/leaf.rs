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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vector {
        salt: String,
        record: String,
        leaf: String,
        leaf_hash: String,
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_published_leaves_are_the_ones_their_records_and_salts_give() {
        let vectors = include_str!("../../../base/primitives/vectors/leaves.json");
        let vectors: Vec<Vector> = serde_json::from_str(vectors).unwrap();
        assert_eq!(vectors.len(), 2);
        for vector in vectors {
            let salt = [vector.salt.get(..2).unwrap(); SALT]
                .map(|digits| u8::from_str_radix(digits, 16).unwrap());
            assert_eq!(hex(&salt), vector.salt);
            let record: AuditRecord = serde_json::from_str(&vector.record).unwrap();
            let body = [&salt, vector.record.as_bytes()].concat();
            let leaf = leaf_of(&record, &body);
            assert_eq!(serde_json::to_string(&leaf).unwrap(), vector.leaf);
            assert_eq!(hex(&hash(vector.leaf.as_bytes()).0), vector.leaf_hash);
            assert_eq!(hold(&leaf, &body), Held::Intact(vector.record.as_bytes()));
            assert_eq!(hold(&leaf, &vec![0; body.len()]), Held::Erased);
            assert_eq!(hold(&leaf, &body[1..]), Held::Altered);
        }
    }

    #[test]
    fn the_same_event_twice_gives_commitments_that_show_no_likeness() {
        let record = include_str!("../../../base/primitives/vectors/valid/twin-stopped.json");
        let record: AuditRecord = serde_json::from_str(record).unwrap();
        let entropy = subtwin_kernel::SystemEntropy::default();
        let [one, two] = [(); 2].map(|()| seal(record.at, record.event.clone(), &entropy).unwrap());
        assert_ne!(one.leaf, two.leaf);
        assert_eq!(one.body[SALT..], two.body[SALT..]);
    }

    #[test]
    fn a_record_too_large_for_the_log_is_refused() {
        let record = include_str!("../../../base/primitives/vectors/valid/outcome-unknown.json");
        let mut record: AuditRecord = serde_json::from_str(record).unwrap();
        if let Event::Outcome(event) = &mut record.event {
            let reason = "x".repeat(LARGEST_BODY);
            event.outcomes = vec![subtwin_kernel::Outcome::Unknown { reason }];
        }
        let refused = seal(record.at, record.event, &subtwin_kernel::SystemEntropy::default());
        assert!(matches!(refused, Err(RecordError::TooLarge { .. })), "{refused:?}");
    }
}
