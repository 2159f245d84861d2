use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use jiff::Timestamp;
use subtwin_kernel::{Clock, Entropy, RequestId};
use subtwin_primitives::{Erased, ErasedFor, Event, EventKind, Leaf};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::checkpoint::Signer;
use crate::disk::Disk;
use crate::leaf::{self, Sealed};
use crate::ledger::{Ledger, Undo, ranges};
use crate::recover::{CHECKPOINT, Loaded, walk};
use crate::segment::{self, FULL_BATCH, FULL_SEGMENT, LARGEST_BATCH};
use crate::tree::Tree;
use crate::{Receipt, RecordError, prove};

/// How long what was written may stay without a signed tree head.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Leaves after which a tree head is signed at the latest; bounds what is kept in memory.
const CHECKPOINT_AFTER: u64 = 65_536;

type Answer<T> = oneshot::Sender<Result<T, RecordError>>;

pub(crate) enum Job {
    Append(Append),
    Erase { what: ErasedFor, answer: Answer<u64> },
    Checkpoint { answer: Answer<String> },
    Prove { index: u64, answer: Answer<String> },
    Stop { answer: Answer<()> },
}

/// One record to be written.
pub(crate) struct Append {
    pub(crate) sealed: Sealed,
    pub(crate) event: EventKind,
    pub(crate) request: Option<RequestId>,
    pub(crate) answer: Answer<Receipt>,
    /// Its place in the queue, given back when it is answered.
    pub(crate) _place: OwnedSemaphorePermit,
}

/// The one thread that writes.
#[derive(Debug)]
pub(crate) struct Writer {
    disk: Box<dyn Disk>,
    signer: Signer,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tree: Tree,
    ledger: Ledger,
    segment: String,
    /// How much of the segment is durable and whole.
    length: u64,
    /// A write failed and could not be taken back yet.
    untidy: bool,
    /// Leaves below the newest tree head.
    covered: u64,
    covered_at: Timestamp,
    checkpoint: String,
}

impl Writer {
    /// Continues a loaded log, and signs its tree head.
    pub(crate) fn new(
        disk: Box<dyn Disk>,
        loaded: Loaded,
        signer: Signer,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, RecordError> {
        let Loaded { tree, ledger, segment, length, recovered: _ } = loaded;
        let covered_at = clock.now();
        let mut writer = Self {
            disk,
            signer,
            clock,
            entropy,
            tree,
            ledger,
            segment,
            length,
            untidy: false,
            covered: 0,
            covered_at,
            checkpoint: String::new(),
        };
        writer.sign()?;
        Ok(writer)
    }

    /// Serves until it is told to stop, or nobody is left who could tell it.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        let mut waiting = VecDeque::new();
        loop {
            let job = match waiting.pop_front() {
                Some(job) => job,
                None => match self.next(jobs) {
                    Some(job) => job,
                    None => break,
                },
            };
            match self.serve(job, |first| gather(first, jobs, &mut waiting)) {
                Some(writer) => self = writer,
                None => return,
            }
        }
        self.sign_or_warn();
    }

    /// Does one job. `gather` adds to a record those that may be written with it. Nothing is left
    /// of a writer that was told to stop.
    pub(crate) fn serve(
        mut self,
        job: Job,
        gather: impl FnOnce(Append) -> Vec<Append>,
    ) -> Option<Self> {
        match job {
            Job::Append(first) => self.append(gather(first)),
            Job::Erase { what, answer } => reply(answer, self.erase(what)),
            Job::Checkpoint { answer } => {
                let signed = self.cover(self.tree.size());
                reply(answer, signed.map(|()| self.checkpoint.clone()));
            }
            Job::Prove { index, answer } => {
                let proof = self.prove(index);
                reply(answer, proof);
            }
            Job::Stop { answer } => {
                let signed = self.cover(self.tree.size());
                drop(self);
                reply(answer, signed);
                return None;
            }
        }
        self.sign_if_due();
        Some(self)
    }

    /// The next job; signs the tree head while there is none.
    fn next(&mut self, jobs: &Receiver<Job>) -> Option<Job> {
        loop {
            if self.covered == self.tree.size() {
                return jobs.recv().ok();
            }
            match jobs.recv_timeout(CHECKPOINT_EVERY) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Timeout) => self.sign_or_warn(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Writes a batch; all of it is durable before any of it is answered, or none of it is kept.
    fn append(&mut self, batch: Vec<Append>) {
        let mut accepted = Vec::new();
        let mut undos = Vec::new();
        for append in batch {
            match self.ledger.apply(append.event, append.request) {
                Ok(undo) => {
                    undos.push(undo);
                    accepted.push(append);
                }
                Err(refused) => reply(append.answer, Err(refused)),
            }
        }
        let records: Vec<&Sealed> = accepted.iter().map(|append| &append.sealed).collect();
        match self.write(&records, &undos) {
            Ok(receipts) => {
                for (append, receipt) in accepted.into_iter().zip(receipts) {
                    reply(append.answer, Ok(receipt));
                }
            }
            Err(failed) => {
                tracing::error!(error = &failed as &dyn std::error::Error, "record not written");
                for append in accepted {
                    reply(append.answer, Err(failed.clone()));
                }
            }
        }
    }

    fn write(&mut self, records: &[&Sealed], undos: &[Undo]) -> Result<Vec<Receipt>, RecordError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = segment::encode(self.tree.size(), records);
        if let Err(cause) = self.write_whole(&bytes) {
            for undo in undos.iter().rev() {
                self.ledger.undo(undo);
            }
            return Err(cause.into());
        }
        let receipts = records
            .iter()
            .map(|record| {
                let receipt = Receipt::of(self.tree.size(), &leaf::hash(&record.leaf));
                self.tree.push(&record.leaf);
                receipt
            })
            .collect();
        if self.length >= FULL_SEGMENT {
            self.segment = segment::path(self.tree.size());
            self.length = 0;
        }
        Ok(receipts)
    }

    /// Writes at the end of the segment. After a failure the end is where it was, now or before the
    /// next write: nothing is ever written after something half written.
    fn write_whole(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.untidy {
            self.disk.cut(&self.segment, self.length)?;
            self.untidy = false;
        }
        match self.disk.write_at(&self.segment, self.length, bytes) {
            Ok(()) => {
                let written = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.length = self.length.saturating_add(written);
                Ok(())
            }
            Err(cause) => {
                self.untidy = self.disk.cut(&self.segment, self.length).is_err();
                Err(cause)
            }
        }
    }

    /// Signs a tree head unless the newest one has `size` leaves.
    fn cover(&mut self, size: u64) -> Result<(), RecordError> {
        if self.covered >= size { Ok(()) } else { self.sign() }
    }

    fn sign(&mut self) -> Result<(), RecordError> {
        self.tree.publish(self.disk.as_mut())?;
        let text = self.signer.sign(self.tree.size(), self.tree.root())?;
        self.disk.replace(CHECKPOINT, text.as_bytes())?;
        self.checkpoint = text;
        self.covered = self.tree.size();
        self.covered_at = self.clock.now();
        Ok(())
    }

    fn sign_if_due(&mut self) {
        let uncovered = self.tree.size().saturating_sub(self.covered);
        let age = self.clock.now().duration_since(self.covered_at);
        if uncovered >= CHECKPOINT_AFTER || (uncovered > 0 && age.unsigned_abs() > CHECKPOINT_EVERY)
        {
            self.sign_or_warn();
        }
    }

    /// The records are durable without it, so failing to sign stops nobody.
    fn sign_or_warn(&mut self) {
        if let Err(failed) = self.cover(self.tree.size()) {
            self.covered_at = self.clock.now();
            tracing::warn!(error = &failed as &dyn std::error::Error, "tree head not signed");
        }
    }

    /// Puts the erasure on the record, then overwrites what is erased. Reads the whole log.
    fn erase(&mut self, what: ErasedFor) -> Result<u64, RecordError> {
        if let ErasedFor::Request { request } = &what
            && self.ledger.is_open(*request)
        {
            return Err(RecordError::StillOpen(*request));
        }
        let mut places = Vec::new();
        let mut index = 0_u64;
        let (ledger, size) = (&self.ledger, self.tree.size());
        walk(self.disk.as_ref(), |path, _, batch| {
            for found in &batch.records {
                let leaf: Leaf = serde_json::from_slice(found.leaf).map_err(io::Error::other)?;
                // What lies after the newest leaf is a write that failed.
                let written = index < size;
                if written
                    && meant(&what, &leaf, ledger)
                    && found.body.iter().any(|byte| *byte != 0)
                {
                    places.push((index, path.to_owned(), found.body_at, found.body.len()));
                }
                index = index.saturating_add(1);
            }
            Ok::<(), io::Error>(())
        })?;
        if places.is_empty() {
            return Ok(0);
        }
        let leaves = ranges(places.iter().map(|(index, ..)| *index));
        let event = Event::Erased(Erased { leaves, reason: what });
        let sealed = leaf::seal(self.clock.now(), event, self.entropy.as_ref())?;
        self.write(&[&sealed], &[])?;
        for (_, path, at, length) in &places {
            let at = u64::try_from(*at).unwrap_or(u64::MAX);
            self.disk.write_at(path, at, &vec![0; *length])?;
        }
        Ok(u64::try_from(places.len()).unwrap_or(u64::MAX))
    }

    /// The proof that a leaf is in the newest signed tree.
    fn prove(&mut self, index: u64) -> Result<String, RecordError> {
        let damaged = |what: String| RecordError::Damaged { what };
        if index >= self.tree.size() {
            return Err(damaged(format!("there is no leaf {index}")));
        }
        self.cover(index.saturating_add(1))?;
        prove::prove(self.disk.as_ref(), &self.checkpoint, self.signer.vkey(), index)
            .map_err(damaged)
    }
}

/// Whether a leaf's record is to be erased. Erasures are never erased, nor what is still open.
fn meant(what: &ErasedFor, leaf: &Leaf, ledger: &Ledger) -> bool {
    let open = leaf.request.is_some_and(|request| ledger.is_open(request));
    if leaf.event == EventKind::Erased || open {
        return false;
    }
    match what {
        ErasedFor::Request { request } => leaf.request == Some(*request),
        ErasedFor::Retention { before } => leaf.at < *before,
    }
}

/// All that waits to be appended now, up to a full batch. What comes after goes into `waiting`.
fn gather(first: Append, jobs: &Receiver<Job>, waiting: &mut VecDeque<Job>) -> Vec<Append> {
    let size = |append: &Append| append.sealed.leaf.len().saturating_add(append.sealed.body.len());
    let mut bytes = size(&first);
    let mut batch = vec![first];
    while waiting.is_empty() && batch.len() < LARGEST_BATCH && bytes < FULL_BATCH {
        match jobs.try_recv() {
            Ok(Job::Append(append)) => {
                bytes = bytes.saturating_add(size(&append));
                batch.push(append);
            }
            Ok(other) => waiting.push_back(other),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    batch
}

fn reply<T>(answer: Answer<T>, result: Result<T, RecordError>) {
    // Whoever asked may have gone away; what was written stays written.
    let _gone = answer.send(result);
}
