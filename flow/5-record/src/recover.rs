use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::Timestamp;
use subtwin_kernel::RequestId;
use subtwin_primitives::{AuditRecord, Event, EventKind, Intent, Leaf, TwinChange};
use tlog_tiles::Checkpoint;

use crate::RecordError;
use crate::checkpoint::{self, Signer};
use crate::disk::Disk;
use crate::leaf::{self, Held};
use crate::ledger::{ErasedLeaves, Ledger};
use crate::opened::{Interrupted, Recovered, Torn};
use crate::segment::{self, Batch};
use crate::tree::Tree;

/// Why a log could not be loaded.
#[derive(Debug)]
pub(crate) enum LoadError {
    Io(io::Error),
    Damaged(String),
    OtherLog { found: String },
}

impl From<io::Error> for LoadError {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// A log ready to be written to.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) tree: Tree,
    pub(crate) ledger: Ledger,
    pub(crate) segment: String,
    pub(crate) length: u64,
    pub(crate) recovered: Recovered,
}

/// How a walk over the segments ended.
#[derive(Debug)]
pub(crate) struct Walked {
    /// Leaves in whole batches.
    pub(crate) size: u64,
    /// The last segment, and how long it is as far as it is whole.
    pub(crate) last: Option<(String, u64)>,
    /// Where it stopped being whole.
    pub(crate) broken: Option<Broken>,
}

/// The place where the segments stop being whole.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) path: String,
    pub(crate) at: u64,
    pub(crate) bytes: u64,
    /// Nothing comes after it: it can be the end of an unfinished write.
    pub(crate) unfinished: bool,
}

/// Visits every whole batch in order, with its segment's path and bytes, up to the first that is not
/// whole.
pub(crate) fn walk<E: From<io::Error>>(
    disk: &dyn Disk,
    mut visit: impl FnMut(&str, &[u8], &Batch<'_>) -> Result<(), E>,
) -> Result<Walked, E> {
    let paths: Vec<String> = disk
        .list("records")?
        .into_iter()
        .filter(|path| segment::first_of(path).is_some())
        .collect();
    let mut walked = Walked { size: 0, last: None, broken: None };
    for (number, path) in paths.iter().enumerate() {
        let bytes = disk.read(path)?.unwrap_or_default();
        let is_last = number.saturating_add(1) == paths.len();
        let mut at = 0;
        let fits = segment::first_of(path) == Some(walked.size);
        while fits && at < bytes.len() {
            let Some(batch) = segment::decode(&bytes, at).filter(|next| next.first == walked.size)
            else {
                break;
            };
            visit(path, &bytes, &batch)?;
            walked.size = walked.size.saturating_add(long(batch.records.len()));
            at = batch.end;
        }
        walked.last = Some((path.clone(), long(at)));
        if !fits || at < bytes.len() {
            let unfinished = fits && is_last && !segment::any_batch_after(&bytes, at);
            let left = long(bytes.len().saturating_sub(at));
            walked.broken =
                Some(Broken { path: path.clone(), at: long(at), bytes: left, unfinished });
            break;
        }
    }
    Ok(walked)
}

/// Reads a log, cuts off an unfinished write, and makes good what follows from the records. Changes
/// nothing before everything that was signed for is found to be there.
pub(crate) fn load(disk: &mut dyn Disk, signer: &Signer) -> Result<Loaded, LoadError> {
    let vkey = format!("{}\n", signer.vkey());
    match disk.read(VKEY)? {
        Some(found) if found == vkey.as_bytes() => {}
        Some(found) => {
            let found = String::from_utf8_lossy(&found).trim_end().to_owned();
            return Err(LoadError::OtherLog { found });
        }
        None => disk.replace(VKEY, vkey.as_bytes())?,
    }
    let (mut reading, torn) = match read(disk, signer)? {
        (reading, None) => (reading, None),
        (_, Some((path, at, torn))) => {
            disk.cut(&path, at)?;
            match read(disk, signer)? {
                (reading, None) => (reading, Some(torn)),
                (_, Some(_)) => {
                    return Err(LoadError::Damaged("its end cannot be cut off".to_owned()));
                }
            }
        }
    };
    // The last write may be in the cache only, if its `fdatasync` failed before we were stopped: a
    // copy of the segment is put in its place, so that nothing durable is ever written over.
    if let Some((path, _)) = &reading.last
        && let Some(bytes) = disk.read(path)?
    {
        disk.replace(path, &bytes)?;
    }
    let tree = make_good(disk, &reading.erased)?;
    reading.recovered.torn = torn;
    let (segment, length) = reading.last.unwrap_or_else(|| (segment::path(tree.size()), 0));
    Ok(Loaded { tree, ledger: reading.ledger, segment, length, recovered: reading.recovered })
}

/// What one look at the whole log gives.
#[derive(Debug, Default)]
struct Reading {
    tree: Tree,
    ledger: Ledger,
    erased: ErasedLeaves,
    /// The records of intents without an outcome.
    intents: BTreeMap<RequestId, Vec<u8>>,
    /// Bodies that are not there: leaf, and the batch it is in.
    lost: Vec<(u64, u64)>,
    last: Option<(String, u64)>,
    last_batch: Option<(Cut, u64)>,
    recovered: Recovered,
}

/// Where to cut, and what that takes away.
type Cut = (String, u64, Torn);

fn read(disk: &dyn Disk, signer: &Signer) -> Result<(Reading, Option<Cut>), LoadError> {
    let signed = signed_head(disk, signer)?;
    let mut reading = Reading::default();
    let mut root_holds = check_root(&reading.tree, signed.as_ref());
    let walked = walk(disk, |path, _, batch| {
        let torn = Torn { leaves: batch.first, bytes: long(batch.end.saturating_sub(batch.start)) };
        reading.last_batch = Some(((path.to_owned(), long(batch.start), torn), batch.first));
        for found in &batch.records {
            reading.take(found.leaf, found.body, batch.first)?;
            root_holds = root_holds || check_root(&reading.tree, signed.as_ref());
        }
        Ok::<(), LoadError>(())
    })?;
    reading.last = walked.last;
    let covered = signed.as_ref().map_or(0, Checkpoint::size);
    if walked.size < covered {
        return Err(LoadError::Damaged(format!(
            "its checkpoint signs for {covered} records, only {} are whole",
            walked.size
        )));
    }
    if !root_holds {
        return Err(LoadError::Damaged(
            "its records are not those its checkpoint signs".to_owned(),
        ));
    }
    if let Some(broken) = walked.broken {
        if !broken.unfinished {
            return Err(LoadError::Damaged(format!(
                "`{}` is not whole at byte {}, and more comes after it",
                broken.path, broken.at
            )));
        }
        let torn = Torn { leaves: walked.size, bytes: broken.bytes };
        return Ok((reading, Some((broken.path, broken.at, torn))));
    }
    let lost = reading.lost.iter().copied().find(|(leaf, _)| !reading.erased.contain(*leaf));
    if let Some((leaf, batch)) = lost {
        // The system may have written the last batch's last block before one in its middle.
        return match reading.last_batch.take() {
            Some((cut, first)) if batch == first && first >= covered => Ok((reading, Some(cut))),
            Some(_) | None => {
                Err(LoadError::Damaged(format!("record {leaf} is not what its leaf says")))
            }
        };
    }
    reading.finish()?;
    Ok((reading, None))
}

impl Reading {
    fn take(&mut self, line: &[u8], body: &[u8], batch: u64) -> Result<(), LoadError> {
        let index = self.tree.size();
        let damaged = |what: &str| LoadError::Damaged(format!("leaf {index} {what}"));
        let leaf: Leaf = serde_json::from_slice(line).map_err(|_| damaged("is not one of ours"))?;
        self.tree.push(line);
        self.tree.forget_full();
        self.ledger
            .apply(leaf.event, leaf.request)
            .map_err(|cause: RecordError| damaged(&format!("cannot follow: {cause}")))?;
        let Held::Intact(json) = leaf::hold(&leaf, body) else {
            self.lost.push((index, batch));
            return Ok(());
        };
        // Most records are intents that are long closed: only what is left at the end is parsed.
        match (leaf.event, leaf.request) {
            (EventKind::Intent, Some(request)) => {
                self.intents.insert(request, json.to_vec());
            }
            (EventKind::Outcome, Some(request)) => {
                self.intents.remove(&request);
            }
            (EventKind::Twin, _) => {
                if let Event::Twin(event) = parse(json)?.event {
                    self.recovered.rules = match (event.change, self.recovered.rules) {
                        (TwinChange::Started { catalog_digest, policy_digest, .. }, _) => {
                            Some((catalog_digest, policy_digest))
                        }
                        (TwinChange::Catalog { catalog_digest, .. }, Some((_, policy))) => {
                            Some((catalog_digest, policy))
                        }
                        (TwinChange::Policy { policy_digest }, Some((catalog, _))) => {
                            Some((catalog, policy_digest))
                        }
                        (_, rules) => rules,
                    };
                }
            }
            (EventKind::Erased, _) => {
                if let Event::Erased(event) = parse(json)?.event {
                    self.erased.add(&event.leaves);
                }
            }
            (EventKind::Intent | EventKind::Outcome, None)
            | (EventKind::Entry | EventKind::Proposed | EventKind::Declined, _) => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), LoadError> {
        for json in self.intents.values() {
            let (at, intent) = parse_intent(json)?;
            self.recovered.interrupted.push(Interrupted::new(&intent, at));
        }
        self.recovered.interrupted.sort_by_key(Interrupted::opened_at);
        Ok(())
    }
}

fn parse(json: &[u8]) -> Result<AuditRecord, LoadError> {
    serde_json::from_slice(json)
        .map_err(|cause| LoadError::Damaged(format!("a record is not one of ours: {cause}")))
}

fn parse_intent(json: &[u8]) -> Result<(Timestamp, Intent), LoadError> {
    let record = parse(json)?;
    match record.event {
        Event::Intent(intent) => Ok((record.at, *intent)),
        other => {
            Err(LoadError::Damaged(format!("a leaf says intent, its record {:?}", other.kind())))
        }
    }
}

fn signed_head(disk: &dyn Disk, signer: &Signer) -> Result<Option<Checkpoint>, LoadError> {
    let Some(text) = disk.read(CHECKPOINT)? else { return Ok(None) };
    checkpoint::verify(&text, signer.vkey()).map(Some).map_err(LoadError::Damaged)
}

/// Whether the tree has just reached what was signed, and is it; true where nothing was signed.
fn check_root(tree: &Tree, signed: Option<&Checkpoint>) -> bool {
    signed.is_none_or(|head| tree.size() == head.size() && tree.root() == *head.hash())
}

/// Writes the tiles that follow from the records, and zeros over what an erasure left standing.
/// Every batch is known to be whole.
fn make_good(disk: &mut dyn Disk, erased: &ErasedLeaves) -> Result<Tree, LoadError> {
    let mut tree = Tree::default();
    // Partial tiles are many and soon outdated; only the newest are written again.
    let partial: BTreeSet<String> = disk
        .list("tile")?
        .into_iter()
        .filter_map(|path| path.rsplit_once(".p/").map(|(stem, _)| format!("{stem}.p")))
        .collect();
    for folder in partial {
        disk.remove_folder(&folder)?;
    }
    for path in disk.list("records")? {
        let bytes = disk.read(&path)?.unwrap_or_default();
        let mut at = 0;
        while let Some(batch) = segment::decode(&bytes, at) {
            for found in &batch.records {
                if erased.contain(tree.size()) && found.body.iter().any(|byte| *byte != 0) {
                    disk.write_at(&path, long(found.body_at), &vec![0; found.body.len()])?;
                }
                tree.push(found.leaf);
            }
            at = batch.end;
        }
        tree.publish_full(disk)?;
    }
    tree.publish(disk)?;
    Ok(tree)
}

pub(crate) fn long(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

pub(crate) const VKEY: &str = "log.vkey";
pub(crate) const CHECKPOINT: &str = "checkpoint";
