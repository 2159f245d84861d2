use std::collections::{BTreeMap, BTreeSet};
use std::io;

use subtwin_primitives::{AuditRecord, Event, Intent, Leaf};
use tlog_tiles::{Checkpoint, HASH_SIZE};

use crate::checkpoint;
use crate::disk::Disk;
use crate::leaf::{self, Held};
use crate::ledger::{ErasedLeaves, Ledger};
use crate::recover::{CHECKPOINT, VKEY, walk};
use crate::segment::{self, Found};
use crate::tree::Tree;

/// What is known from elsewhere. Without it, a log is only checked against itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust<'a> {
    /// The verifier key, as the twin's owner was given it.
    pub vkey: Option<&'a str>,
    /// A checkpoint of this log that was kept elsewhere.
    pub older_checkpoint: Option<&'a str>,
}

/// What a check of a whole log gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Leaves in the log.
    pub leaves: u64,
    /// Leaves the checkpoint signs for. Those after it are young, or somebody took the newer
    /// checkpoint away.
    pub signed: u64,
    /// Records that were erased on the record.
    pub erased: u64,
    /// Intents whose outcome is not on the record.
    pub open: u64,
    /// Bytes after the last whole batch: a write that is under way, or was interrupted.
    pub unfinished_bytes: u64,
    /// The verifier key in use.
    pub vkey: String,
    /// Everything that does not hold, in words; at most a hundred things.
    pub findings: Vec<String>,
}

impl Report {
    const MOST: usize = 100;

    /// Whether everything holds.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, what: String) {
        if self.findings.len() < Self::MOST {
            self.findings.push(what);
        }
    }
}

pub(crate) fn verify(disk: &dyn Disk, trust: &Trust<'_>) -> io::Result<Report> {
    let mut check = Check::default();
    check.heads(disk, trust)?;
    let mut tiles = Tiles::of(disk);
    check.compare_heads();
    let mut segment = String::new();
    let walked = walk(disk, |path, _, batch| {
        if segment != path {
            segment = path.to_owned();
            check.compare_tiles(&mut tiles, Tree::publish_full)?;
        }
        for found in &batch.records {
            check.record(found);
        }
        Ok::<(), io::Error>(())
    })?;
    check.compare_tiles(&mut tiles, Tree::publish)?;
    if let Some(broken) = walked.broken {
        if broken.unfinished {
            check.report.unfinished_bytes = broken.bytes;
        } else {
            let (path, at) = (broken.path, broken.at);
            check.report.find(format!("`{path}` is not whole at byte {at}"));
        }
    }
    for path in disk.list("records")? {
        if segment::first_of(&path).is_none() {
            check.report.find(format!("`{path}` is not part of a log"));
        }
    }
    tiles.strays()?;
    for what in tiles.found {
        check.report.find(what);
    }
    Ok(check.finish())
}

#[derive(Default)]
struct Check {
    report: Report,
    signed: Option<Checkpoint>,
    older: Option<Checkpoint>,
    /// All leaves.
    tree: Tree,
    /// The leaves that were signed for, with their tiles.
    published: Tree,
    ledger: Ledger,
    erased: ErasedLeaves,
    lost: Vec<(u64, Held<'static>)>,
    whole: Vec<u64>,
}

impl Check {
    fn heads(&mut self, disk: &dyn Disk, trust: &Trust<'_>) -> io::Result<()> {
        let beside = disk.read(VKEY)?.and_then(|bytes| String::from_utf8(bytes).ok());
        let beside = beside.as_deref().and_then(|text| text.strip_suffix('\n'));
        if !beside.is_some_and(checkpoint::is_vkey) {
            self.report.find(format!("`{VKEY}` is missing or holds no verifier key"));
        }
        let vkey = trust.vkey.map(str::trim).or(beside).unwrap_or_default().to_owned();
        if beside.is_some_and(|beside| beside != vkey) {
            self.report.find(format!("`{VKEY}` holds another key than the one given"));
        }
        match disk.read(CHECKPOINT)? {
            None => self.report.find(format!("`{CHECKPOINT}` is missing")),
            Some(text) => match checkpoint::verify(&text, &vkey) {
                Ok(head) => self.signed = Some(head),
                Err(what) => self.report.find(what),
            },
        }
        if let Some(text) = trust.older_checkpoint {
            match checkpoint::verify(text.as_bytes(), &vkey) {
                Ok(head) => self.older = Some(head),
                Err(what) => self.report.find(format!("the older {what}")),
            }
        }
        self.report.signed = self.signed.as_ref().map_or(0, Checkpoint::size);
        self.report.vkey = vkey;
        Ok(())
    }

    /// Tiles must be there for what was signed, and may be there for what comes after it: they are
    /// written first.
    fn compare_tiles(
        &mut self,
        tiles: &mut Tiles<'_>,
        publish: impl Fn(&mut Tree, &mut dyn Disk) -> io::Result<()>,
    ) -> io::Result<()> {
        tiles.required = true;
        publish(&mut self.published, tiles)?;
        tiles.required = false;
        publish(&mut self.tree, tiles)
    }

    /// Holds the tree, at its present size, against what was signed at that size.
    fn compare_heads(&mut self) {
        let heads = [("the checkpoint", &self.signed), ("the older checkpoint", &self.older)];
        for (name, head) in heads {
            if let Some(head) = head
                && head.size() == self.tree.size()
                && *head.hash() != self.tree.root()
            {
                let size = head.size();
                let what = format!("{name} signs for other records than the first {size} here");
                self.report.findings.push(what);
            }
        }
    }

    fn record(&mut self, found: &Found<'_>) {
        let index = self.tree.size();
        self.tree.push(found.leaf);
        if index < self.report.signed {
            self.published.push(found.leaf);
        }
        self.compare_heads();
        if let Err(what) = self.leaf(index, found) {
            self.report.find(format!("record {index}: {what}"));
        }
    }

    fn leaf(&mut self, index: u64, found: &Found<'_>) -> Result<(), String> {
        let leaf: Leaf =
            serde_json::from_slice(found.leaf).map_err(|_| "its leaf is not one of ours")?;
        self.ledger.apply(leaf.event, leaf.request).map_err(|cause| cause.to_string())?;
        let json = match leaf::hold(&leaf, found.body) {
            Held::Intact(json) => json,
            Held::Erased => {
                self.lost.push((index, Held::Erased));
                return Ok(());
            }
            Held::Altered => {
                self.lost.push((index, Held::Altered));
                return Ok(());
            }
        };
        self.whole.push(index);
        let record: AuditRecord =
            serde_json::from_slice(json).map_err(|_| "it is not of a shape known here")?;
        if leaf::leaf_of(&record, found.body) != leaf {
            return Err("its leaf tells another event, request or time".to_owned());
        }
        match &record.event {
            Event::Intent(intent) => check_intent(intent)?,
            Event::Erased(erased) => {
                if erased.leaves.iter().any(|range| range.last >= index) {
                    return Err("it erases what came after it".to_owned());
                }
                self.erased.add(&erased.leaves);
            }
            Event::Proposed(_)
            | Event::Outcome(_)
            | Event::Entry(_)
            | Event::Declined(_)
            | Event::Twin(_) => {}
        }
        Ok(())
    }

    fn finish(mut self) -> Report {
        let mut report = self.report;
        report.leaves = self.tree.size();
        report.open = self.ledger.open();
        for (index, held) in self.lost {
            if self.erased.contain(index) && held == Held::Erased {
                report.erased = report.erased.saturating_add(1);
            } else {
                report.find(format!("record {index} is not what its leaf says"));
            }
        }
        self.whole.retain(|index| self.erased.contain(*index));
        for index in self.whole {
            report.find(format!("record {index} was to be erased and is still there"));
        }
        for (name, head) in [("checkpoint", &self.signed), ("older checkpoint", &self.older)] {
            let size = head.as_ref().map_or(0, Checkpoint::size);
            if size > report.leaves {
                let left = report.leaves;
                report.find(format!("the {name} signs for {size} records, only {left} are here"));
            }
        }
        report
    }
}

fn check_intent(intent: &Intent) -> Result<(), String> {
    if intent.plan.digest() != intent.plan_digest {
        return Err("its plan is not the one its digest says".to_owned());
    }
    if intent.plan.tools() != intent.tools {
        return Err("its plan is of other tools".to_owned());
    }
    if intent.plan.parts.len() != intent.client_request_ids.len() {
        return Err("its calls are not as many as its parts".to_owned());
    }
    let by: Vec<_> = intent.confirmations.iter().map(|yes| yes.by).collect();
    if by.first() != Some(&intent.asked.by.user) {
        return Err("it was not confirmed by who asked for it".to_owned());
    }
    if by.iter().collect::<BTreeSet<_>>().len() != by.len() {
        return Err("one person's yes counts twice".to_owned());
    }
    if by.len() <= intent.plan.approval.approvers() {
        return Err("it lacks the yes of an approver".to_owned());
    }
    if intent.plan.type_back.is_some() && intent.confirmations.iter().any(|yes| !yes.typed) {
        return Err("its target was not typed".to_owned());
    }
    Ok(())
}

/// Takes the tiles as they should be, and compares them with those that are there.
#[derive(Debug)]
struct Tiles<'a> {
    disk: &'a dyn Disk,
    required: bool,
    seen: BTreeSet<String>,
    /// The partial ones as wide as can be, by their path without width.
    partial: BTreeMap<String, Vec<u8>>,
    found: Vec<String>,
}

impl<'a> Tiles<'a> {
    fn of(disk: &'a dyn Disk) -> Self {
        let (seen, partial) = (BTreeSet::new(), BTreeMap::new());
        Self { disk, required: true, seen, partial, found: Vec::new() }
    }

    /// Looks at the files that need not be there: narrower tiles of older checkpoints stay until the
    /// full one comes.
    fn strays(&mut self) -> io::Result<()> {
        for path in self.disk.list("tile")? {
            if !self.seen.contains(&path) && !self.is_older(&path)? {
                self.found.push(format!("`{path}` does not follow from the records"));
            }
        }
        Ok(())
    }

    fn is_older(&self, path: &str) -> io::Result<bool> {
        let Some((stem, width)) = path.rsplit_once(".p/") else { return Ok(false) };
        let newer = match self.partial.get(stem) {
            Some(bytes) => bytes.clone(),
            None if self.seen.contains(stem) => self.disk.read(stem)?.unwrap_or_default(),
            None => return Ok(false),
        };
        let bytes = self.disk.read(path)?.unwrap_or_default();
        let count = if stem.starts_with("tile/entries/") {
            entries_in(&bytes)
        } else {
            bytes.len().is_multiple_of(HASH_SIZE).then_some(bytes.len() / HASH_SIZE)
        };
        Ok(newer.starts_with(&bytes) && count.is_some_and(|count| count.to_string() == width))
    }
}

impl Disk for Tiles<'_> {
    fn read(&self, _path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn list(&self, _folder: &str) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn write_at(&mut self, _path: &str, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn cut(&mut self, _path: &str, _length: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn replace(&mut self, _path: &str, _bytes: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn replace_derived(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        if let Some((stem, _)) = path.rsplit_once(".p/") {
            self.partial.insert(stem.to_owned(), bytes.to_vec());
        }
        match self.disk.read(path)? {
            Some(there) if there == bytes => {}
            Some(_) => self.found.push(format!("`{path}` does not follow from the records")),
            None if self.required => self.found.push(format!("`{path}` is missing")),
            None => return Ok(()),
        }
        self.seen.insert(path.to_owned());
        Ok(())
    }

    fn remove_folder(&mut self, _folder: &str) -> io::Result<()> {
        Ok(())
    }
}

fn entries_in(bundle: &[u8]) -> Option<usize> {
    let mut rest = bundle;
    let mut count = 0_usize;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        (_, rest) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        count = count.saturating_add(1);
    }
    rest.is_empty().then_some(count)
}
