//! Reading and checking a log offline: on a copy of its directory, or beside the twin that writes
//! it. Takes no lock and changes nothing.

pub(crate) mod verify;

use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;
use subtwin_kernel::RequestId;
use subtwin_primitives::{AuditRecord, Leaf};

use crate::checkpoint;
use crate::disk::{Directory, Disk as _};
use crate::leaf::{self, Held};
use crate::prove::prove;
use crate::receipt::{BadReceipt, Receipt, parse_proof};
use crate::recover::{CHECKPOINT, VKEY, walk};
use crate::segment::Found;

pub use verify::{Report, Trust};

/// A log's directory, for reading.
#[derive(Debug)]
pub struct Archive {
    disk: Directory,
}

/// One leaf and what is left of its record.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The leaf's index in the log.
    pub index: u64,
    /// Its receipt.
    pub receipt: Receipt,
    /// The leaf.
    pub leaf: Leaf,
    /// Its record.
    pub record: Kept,
}

/// What is left of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// It is as it was written.
    Whole(Box<AuditRecord>),
    /// It was overwritten with zeros.
    Erased,
    /// It is not what its leaf says.
    Altered,
}

/// What to look for: a request, or the receipt of any of its leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Everything about a request.
    Request(RequestId),
    /// Everything about the request a receipt belongs to, or that one leaf.
    Receipt(Receipt),
}

impl FromStr for Sought {
    type Err = BadReceipt;

    fn from_str(text: &str) -> Result<Self, BadReceipt> {
        text.trim().parse().map(Self::Request).or_else(|_| text.parse().map(Self::Receipt))
    }
}

impl Archive {
    /// The log in `dir`.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(dir: &Path) -> io::Result<Self> {
        if dir.join("records").is_dir() || dir.join("log.vkey").is_file() {
            Ok(Self { disk: Directory::read_only(dir) })
        } else {
            let what = format!("there is no log in `{}`", dir.display());
            Err(io::Error::new(io::ErrorKind::NotFound, what))
        }
    }

    /// Visits every leaf, oldest first. Checks nothing but that a record is what its leaf says.
    ///
    /// # Errors
    /// When the disk refuses, or `visit` does.
    pub fn each(&self, mut visit: impl FnMut(Shown) -> io::Result<()>) -> io::Result<()> {
        let mut index = 0_u64;
        walk(&self.disk, |_, _, batch| {
            for found in &batch.records {
                if let Some(shown) = shown(index, found) {
                    visit(shown)?;
                }
                index = index.saturating_add(1);
            }
            Ok(())
        })
        .map(|_| ())
    }

    /// Everything about a request, oldest first. Empty where there is nothing, and where a receipt's
    /// hash is not that of its leaf.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn show(&self, sought: &Sought) -> io::Result<Vec<Shown>> {
        let mut found = Vec::new();
        let request = match sought {
            Sought::Request(request) => Some(*request),
            Sought::Receipt(receipt) => {
                self.each(|shown| {
                    if shown.receipt == *receipt {
                        found.push(shown);
                    }
                    Ok(())
                })?;
                found.first().and_then(|shown| shown.leaf.request)
            }
        };
        if request.is_some() {
            found.clear();
            self.each(|shown| {
                if shown.leaf.request == request {
                    found.push(shown);
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// Writes every leaf as one line of JSON: index, receipt, leaf, the record or what became of it.
    ///
    /// # Errors
    /// When the disk or `out` refuses.
    pub fn export(&self, out: &mut dyn Write) -> io::Result<()> {
        self.each(|shown| {
            let (state, record) = match &shown.record {
                Kept::Whole(record) => ("whole", Some(record.as_ref())),
                Kept::Erased => ("erased", None),
                Kept::Altered => ("altered", None),
            };
            let line = Line {
                index: shown.index,
                receipt: shown.receipt.to_string(),
                state,
                leaf: &shown.leaf,
                record,
            };
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")
        })
    }

    /// The proof (C2SP tlog-proof) that a receipt's leaf is in the log, under the newest signed tree
    /// head. Whoever has it needs nothing else to check it but the verifier key: [`check_proof`].
    ///
    /// # Errors
    /// When there is no such leaf, it is not signed for yet, or the disk refuses.
    pub fn proof(&self, receipt: &Receipt) -> io::Result<String> {
        let missing = |what: &str| io::Error::new(io::ErrorKind::NotFound, what.to_owned());
        let named = self.show(&Sought::Receipt(receipt.clone()))?;
        if named.is_empty() {
            return Err(missing("no leaf has this receipt"));
        }
        let text = |path, what| {
            let bytes = self.disk.read(path)?.ok_or_else(|| missing(what))?;
            String::from_utf8(bytes).map_err(|_| missing(what))
        };
        let head = text(CHECKPOINT, "the log has no signed tree head")?;
        let vkey = text(VKEY, "the log has no verifier key")?;
        prove(&self.disk, &head, vkey.trim(), receipt.index()).map_err(io::Error::other)
    }

    /// Checks everything, and says all that does not hold.
    ///
    /// # Errors
    /// When the disk refuses. What does not hold is in the report.
    pub fn verify(&self, trust: &Trust<'_>) -> io::Result<Report> {
        verify::verify(&self.disk, trust)
    }
}

/// Checks a receipt's proof (C2SP tlog-proof) against a verifier key, with nothing else at hand, and
/// gives the leaf and its index.
///
/// # Errors
/// In words, when it proves nothing.
pub fn check_proof(proof: &str, vkey: &str) -> Result<(u64, Leaf), String> {
    let (index, line, path, signed) =
        parse_proof(proof).ok_or("this is not a proof in the tlog-proof format")?;
    let head = checkpoint::verify(signed.as_bytes(), vkey)?;
    tlog_tiles::check_record(&path, head.size(), *head.hash(), index, leaf::hash(&line))
        .map_err(|cause| format!("the leaf is not in the signed tree: {cause}"))?;
    let leaf = serde_json::from_slice(&line).map_err(|cause| format!("the leaf: {cause}"))?;
    Ok((index, leaf))
}

#[derive(Serialize)]
struct Line<'a> {
    index: u64,
    receipt: String,
    state: &'static str,
    leaf: &'a Leaf,
    record: Option<&'a AuditRecord>,
}

fn shown(index: u64, found: &Found<'_>) -> Option<Shown> {
    let leaf: Leaf = serde_json::from_slice(found.leaf).ok()?;
    let record = match leaf::hold(&leaf, found.body) {
        Held::Intact(json) => serde_json::from_slice(json)
            .map_or(Kept::Altered, |record| Kept::Whole(Box::new(record))),
        Held::Erased => Kept::Erased,
        Held::Altered => Kept::Altered,
    };
    Some(Shown { index, receipt: Receipt::of(index, &leaf::hash(found.leaf)), leaf, record })
}
