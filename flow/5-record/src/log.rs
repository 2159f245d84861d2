use std::fmt;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use jiff::Timestamp;
use subtwin_confirm::Confirmed;
use subtwin_kernel::{Clock, Entropy, KeyBytes, Outcome, RequestId};
use subtwin_primitives::{
    Asked, Confirmation, Declined, Entry, ErasedFor, Event, Intent, OutcomeOf, Proposed, Requester,
    Seen, Twin, TwinEvent,
};
use tokio::sync::{Semaphore, oneshot};

use crate::checkpoint::Signer;
use crate::disk::{Directory, Disk};
use crate::opened::{Closed, Interrupted, Opened, Recovered, Ticket};
use crate::recover::{self, LoadError};
use crate::writer::{Append, Job, Writer};
use crate::{OpenError, Receipt, RecordError, leaf};

/// Records that may wait to be written; more callers wait for their turn to queue.
const QUEUE: usize = 4096;

/// What an intent says beside what was confirmed.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Who carries it out.
    pub twin: &'a Twin,
    /// The requester's `userPrincipalName`, where it is known.
    pub requester_upn: Option<&'a str>,
}

/// The evidence of one twin. Clones share one writer, which lives on a thread of its own.
///
/// A call that has returned is durable. One that is dropped before may or may not be: do not race
/// these futures against others, spawn them.
#[derive(Clone)]
pub struct Log {
    jobs: Jobs,
    places: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Where jobs go.
#[derive(Clone)]
enum Jobs {
    /// To the writer's own thread.
    Thread(mpsc::Sender<Job>),
    /// To the writer at once; nothing once it was shut down.
    InPlace(Arc<Mutex<Option<Writer>>>),
}

impl Log {
    /// Opens the log in directory `dir`, made if it is not there, of the twin that is called
    /// `origin` everywhere ("contoso.com/sam") and signs with the Ed25519 key grown from `key`.
    /// Reads the whole log, cuts off an unfinished write, and says what was found. Blocks on the disk.
    ///
    /// # Errors
    /// When it is in use, another twin's, or damaged, or the system refuses. Then nothing was
    /// changed.
    pub fn open(
        dir: &Path,
        key: &KeyBytes,
        origin: &str,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Recovered), OpenError> {
        let signer =
            Signer::new(origin, key).ok_or_else(|| OpenError::BadOrigin(origin.to_owned()))?;
        let disk = Box::new(Directory::open(dir)?);
        Self::on(disk, dir, signer, clock, entropy)
    }

    /// As [`Log::open`], but each call writes on its caller's thread, and dropping the log leaves
    /// everything as a killed process would. For simulations: on a paused clock, no time passes
    /// while the disk works.
    ///
    /// # Errors
    /// As for [`Log::open`].
    pub fn open_in_place(
        dir: &Path,
        key: &KeyBytes,
        origin: &str,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Recovered), OpenError> {
        let signer =
            Signer::new(origin, key).ok_or_else(|| OpenError::BadOrigin(origin.to_owned()))?;
        let disk = Box::new(Directory::open(dir)?);
        let (writer, recovered) =
            Self::load(disk, dir, signer, Arc::clone(&clock), Arc::clone(&entropy))?;
        let jobs = Jobs::InPlace(Arc::new(Mutex::new(Some(writer))));
        Ok((Self { jobs, places: Arc::new(Semaphore::new(QUEUE)), clock, entropy }, recovered))
    }

    pub(crate) fn on(
        disk: Box<dyn Disk>,
        dir: &Path,
        signer: Signer,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Recovered), OpenError> {
        let (writer, recovered) =
            Self::load(disk, dir, signer, Arc::clone(&clock), Arc::clone(&entropy))?;
        let (jobs, queue) = mpsc::channel();
        thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|cause| OpenError::Io { path: dir.to_owned(), cause })?;
        let jobs = Jobs::Thread(jobs);
        Ok((Self { jobs, places: Arc::new(Semaphore::new(QUEUE)), clock, entropy }, recovered))
    }

    fn load(
        mut disk: Box<dyn Disk>,
        dir: &Path,
        signer: Signer,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Writer, Recovered), OpenError> {
        let path = dir.to_owned();
        let mut loaded = recover::load(disk.as_mut(), &signer).map_err(|cause| match cause {
            LoadError::Io(cause) => OpenError::Io { path: path.clone(), cause },
            LoadError::Damaged(what) => OpenError::Damaged { path: path.clone(), what },
            LoadError::OtherLog { found } => {
                OpenError::OtherLog { path: path.clone(), found, given: signer.vkey().to_owned() }
            }
        })?;
        let recovered = std::mem::take(&mut loaded.recovered);
        if let Some(torn) = recovered.torn {
            tracing::warn!(leaves = torn.leaves, bytes = torn.bytes, "unfinished write cut off");
        }
        let writer = Writer::new(disk, loaded, signer, clock, entropy)
            .map_err(|cause| OpenError::Io { path, cause: std::io::Error::other(cause) })?;
        Ok((writer, recovered))
    }

    /// Puts a confirmed plan on the record. Only what this returns may be carried out.
    ///
    /// # Errors
    /// When it cannot be written, or this request was opened before. Then nothing may be done.
    pub async fn open_intent(
        &self,
        confirmed: Confirmed,
        facts: Facts<'_>,
    ) -> Result<Opened, RecordError> {
        let opened_at = self.clock.now();
        let intent = intent(confirmed, facts, self.entropy.as_ref());
        self.append(opened_at, Event::Intent(Box::new(intent.clone()))).await?;
        Ok(Opened::new(intent, opened_at))
    }

    /// Puts on the record how an intent ended; `secrets` are the parts that came to a secret.
    ///
    /// # Errors
    /// When it cannot be written. The intent then stays open, and is [`Interrupted`] at the next
    /// start.
    pub async fn close(
        &self,
        ticket: Ticket,
        outcomes: Vec<Outcome>,
        secrets: Vec<usize>,
    ) -> Result<Closed, RecordError> {
        let request = ticket.request();
        self.outcome(OutcomeOf { request, outcomes, secrets, after_restart: false }).await
    }

    /// Puts on the record what a look at the directory showed about an interrupted intent.
    ///
    /// # Errors
    /// As for [`Log::close`].
    pub async fn close_interrupted(
        &self,
        interrupted: Interrupted,
        outcomes: Vec<Outcome>,
    ) -> Result<Closed, RecordError> {
        let (request, secrets) = (interrupted.request(), Vec::new());
        self.outcome(OutcomeOf { request, outcomes, secrets, after_restart: true }).await
    }

    /// Puts on the record what the tenant's own log says about each part of a request.
    ///
    /// # Errors
    /// When it cannot be written, or the request was never opened.
    pub async fn entry(&self, request: RequestId, seen: Vec<Seen>) -> Result<Receipt, RecordError> {
        self.append(self.clock.now(), Event::Entry(Entry { request, seen })).await
    }

    /// Puts on the record that a request came to nothing.
    ///
    /// # Errors
    /// When it cannot be written, or the request was opened.
    pub async fn declined(&self, declined: Declined) -> Result<Receipt, RecordError> {
        self.append(self.clock.now(), Event::Declined(declined)).await
    }

    /// Puts on the record that a plan was shown.
    ///
    /// # Errors
    /// When it cannot be written, or the request was opened.
    pub async fn proposed(&self, proposed: Proposed) -> Result<Receipt, RecordError> {
        self.append(self.clock.now(), Event::Proposed(proposed)).await
    }

    /// Puts on the record that the twin itself changed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn twin(&self, event: TwinEvent) -> Result<Receipt, RecordError> {
        self.append(self.clock.now(), Event::Twin(event)).await
    }

    /// Erases every record of a request and says how many. Their leaves stay, and the erasure is on
    /// the record. Reads the whole log; appends wait meanwhile.
    ///
    /// # Errors
    /// When the request is still open, or the disk refuses. What was put on the record but not
    /// overwritten is overwritten at the next start.
    pub async fn erase(&self, request: RequestId) -> Result<u64, RecordError> {
        let what = ErasedFor::Request { request };
        self.ask(|answer| Job::Erase { what, answer }).await
    }

    /// Erases every record put here before `before`, except of requests still open, and says how
    /// many. Otherwise like [`Log::erase`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn erase_before(&self, before: Timestamp) -> Result<u64, RecordError> {
        let what = ErasedFor::Retention { before };
        self.ask(|answer| Job::Erase { what, answer }).await
    }

    /// A signed tree head (C2SP tlog-checkpoint) that covers everything written so far. Kept
    /// elsewhere, it shows later whether anything was taken away.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn checkpoint(&self) -> Result<String, RecordError> {
        self.ask(|answer| Job::Checkpoint { answer }).await
    }

    /// The proof (C2SP tlog-proof) that a receipt's leaf is in the log.
    ///
    /// # Errors
    /// When there is no such leaf, or the disk refuses.
    pub async fn proof(&self, receipt: &Receipt) -> Result<String, RecordError> {
        let index = receipt.index();
        self.ask(|answer| Job::Prove { index, answer }).await
    }

    /// Writes what is queued, signs the tree head and lets the directory go. Later calls, also on
    /// clones, give [`RecordError::ShutDown`].
    ///
    /// # Errors
    /// When the tree head cannot be written; everything else is durable all the same.
    pub async fn shut_down(&self) -> Result<(), RecordError> {
        self.ask(|answer| Job::Stop { answer }).await
    }

    async fn outcome(&self, outcome: OutcomeOf) -> Result<Closed, RecordError> {
        let event = Event::Outcome(outcome);
        Ok(Closed { receipt: self.append(self.clock.now(), event).await? })
    }

    pub(crate) async fn append(&self, at: Timestamp, event: Event) -> Result<Receipt, RecordError> {
        let (kind, request) = (event.kind(), event.request());
        let sealed = leaf::seal(at, event, self.entropy.as_ref())?;
        let place =
            Arc::clone(&self.places).acquire_owned().await.map_err(|_| RecordError::ShutDown)?;
        self.ask(|answer| {
            Job::Append(Append { sealed, event: kind, request, answer, _place: place })
        })
        .await
    }

    /// Waits as long as the disk takes: it answers or fails, and no timer may come before it.
    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, RecordError>>) -> Job,
    ) -> Result<T, RecordError> {
        let (answer, result) = oneshot::channel();
        self.jobs.send(job(answer))?;
        result.await.map_err(|_| RecordError::ShutDown)?
    }
}

impl Jobs {
    fn send(&self, job: Job) -> Result<(), RecordError> {
        match self {
            Self::Thread(jobs) => jobs.send(job).map_err(|_| RecordError::ShutDown),
            Self::InPlace(writer) => {
                let mut place = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let writer = place.take().ok_or(RecordError::ShutDown)?;
                *place = writer.serve(job, |only| vec![only]);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log(…)")
    }
}

/// What the gate confirmed, as it goes on the record.
pub(crate) fn intent(confirmed: Confirmed, facts: Facts<'_>, entropy: &dyn Entropy) -> Intent {
    let requester = confirmed.requester();
    let by = Requester {
        tenant: requester.tenant,
        user: requester.user,
        display_name: requester.display_name.clone(),
        upn: facts.requester_upn.map(ToOwned::to_owned),
    };
    let confirmations = confirmed
        .given()
        .iter()
        .map(|yes| Confirmation {
            chat: yes.chat.clone(),
            prompt: yes.prompt,
            answer: yes.answer,
            by: yes.by,
            typed: yes.typed,
            at: yes.at,
        })
        .collect();
    let asked = Asked { chat: confirmed.chat().clone(), message: confirmed.asked_by(), by };
    let request = confirmed.request();
    let plan = confirmed.into_plan();
    Intent {
        request,
        asked,
        confirmations,
        twin: facts.twin.clone(),
        tools: plan.tools(),
        client_request_ids: plan.parts.iter().map(|_| entropy.guid()).collect(),
        plan_digest: plan.digest(),
        plan,
    }
}
