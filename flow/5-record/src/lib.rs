//! Step 5: the evidence. An append-only hash-tree log of what was asked, confirmed, done and seen.
//!
//! The intent is durable before the directory is called, the outcome before the requester is told.
//! Log lines are never evidence; this is. Decides nothing and calls nothing.
//!
//! # On disk
//!
//! | path | what |
//! |---|---|
//! | `records/<first leaf>.seg` | the log itself: batches of leaves and records, see below |
//! | `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]` | hash tiles and leaves, as [C2SP tlog-tiles] |
//! | `checkpoint` | the newest signed tree head, as [C2SP tlog-checkpoint], Ed25519 |
//! | `log.vkey` | the key that verifies it, `<origin>+<id>+<key>` |
//! | `lock` | held while a process writes |
//!
//! A leaf is one line of JSON ([`subtwin_primitives::Leaf`]) and names nobody. It commits to its
//! record by SHA-256 over a random salt and the record's JSON. Erasing overwrites salt and JSON with
//! zeros; the leaf and so the tree stay, and the erasure is a leaf of its own.
//!
//! Only `records/` is needed: tiles and checkpoint follow from it, are written about once a second
//! and at shutdown, and are made good at every start (partial tiles of earlier checkpoints go then). One append is one write and one `fdatasync`,
//! shared by all who wait at that moment.
//!
//! # Checking it with other software
//!
//! Leaf hashes, tiles, checkpoint and [C2SP tlog-proof] receipts are the published formats, so any
//! tool for them works on a copy of the directory. A segment is a sequence of batches, numbers
//! big-endian: `subtwin1`, first leaf (8 bytes), leaves (4), payload length (4), SHA-256 (32) over
//! those three numbers and every leaf with its two lengths; then per leaf the lengths of leaf (2) and
//! record (4), the leaf, the record. A record is 32 bytes of salt, then its JSON.
//!
//! [C2SP tlog-tiles]: https://c2sp.org/tlog-tiles
//! [C2SP tlog-checkpoint]: https://c2sp.org/tlog-checkpoint
//! [C2SP tlog-proof]: https://c2sp.org/tlog-proof

pub mod audit;
mod checkpoint;
#[cfg(test)]
mod crashes;
mod disk;
mod error;
#[cfg(test)]
mod forged;
mod leaf;
mod ledger;
mod log;
mod opened;
mod prove;
mod receipt;
mod recover;
#[cfg(test)]
#[path = "../tests/main/sample.rs"]
mod sample;
mod segment;
mod trail;
mod tree;
mod writer;

pub use error::{OpenError, RecordError};
pub use log::{Facts, Log};
pub use opened::{Closed, Interrupted, Opened, Recovered, Ticket, Torn};
pub use receipt::{BadReceipt, Receipt};
pub use trail::{Trace, Trail, TrailError};
