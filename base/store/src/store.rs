use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rusqlite::{Connection, OptionalExtension as _, params};
use subtwin_kernel::{Entropy, KeyBytes, Secret};
use tokio::sync::{mpsc, oneshot};

use crate::open::{OpenError, State};
use crate::seal::{Seal, fingerprint};

/// Something could not be kept or found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The database refused: disk full, damage, a failing disk.
    #[error("cannot {doing}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// What the database said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A sealed value is not as it was written.
    #[error("the sealed value `{name}` is damaged or was moved; set it again")]
    Unsealable {
        /// Its name.
        name: String,
    },
}

/// One twin's state. Clones share one connection, which lives on a thread of its own.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    seal: Arc<Seal>,
}

enum Job {
    Run(Box<dyn FnOnce(&mut Connection) + Send>),
    Close(oneshot::Sender<()>),
}

impl Store {
    /// Jobs that may wait for the connection; more callers wait for their turn to queue.
    const QUEUE: usize = 256;

    /// Opens the state in directory `path`, made if it is not there. Blocks on the disk.
    ///
    /// # Errors
    /// When the key is wrong, the state is damaged, too new or in use, or the system refuses.
    pub fn open(path: &Path, key: &KeyBytes, entropy: Arc<dyn Entropy>) -> Result<Self, OpenError> {
        Self::serve(path, State::open(path, key, None, entropy)?)
    }

    /// As [`Store::open`], for one owner alone: the first one to seal something is noted in the state,
    /// and nobody else opens it then, whatever key they share.
    ///
    /// # Errors
    /// As for [`Store::open`], and when the state belongs to somebody else.
    pub fn open_of(
        path: &Path,
        key: &KeyBytes,
        owner: &str,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenError> {
        Self::serve(path, State::open(path, key, Some(owner), entropy)?)
    }

    /// Opens the state to read only, beside the process that has it open. What would write fails.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// When there is no state, the key is wrong, or the system refuses.
    pub fn look(path: &Path, key: &KeyBytes, entropy: Arc<dyn Entropy>) -> Result<Self, OpenError> {
        Self::serve(path, State::look(path, key, None, entropy)?)
    }

    /// As [`Store::look`], for one owner alone.
    ///
    /// # Errors
    /// As for [`Store::look`], and when the state belongs to somebody else.
    pub fn look_of(
        path: &Path,
        key: &KeyBytes,
        owner: &str,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenError> {
        Self::serve(path, State::look(path, key, Some(owner), entropy)?)
    }

    fn serve(path: &Path, state: State) -> Result<Self, OpenError> {
        let seal = Arc::clone(&state.seal);
        let (jobs, queue) = mpsc::channel(Self::QUEUE);
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || serve(state, queue))
            .map_err(|cause| OpenError::Io { path: path.to_owned(), cause: cause.into() })?;
        Ok(Self { jobs, seal })
    }

    /// Finishes what is queued, closes the files and lets the directory go. Later calls, also on
    /// clones, give [`StoreError::Closed`].
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.jobs.send(Job::Close(done)).await.is_ok() {
            let _already_gone = closed.await;
        }
    }

    /// Keeps a secret under a name, replacing what was there.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn put_sealed(&self, name: &str, value: &Secret) -> Result<(), StoreError> {
        let filed = self.seal.file_name(name);
        let sealed = self
            .seal
            .seal(&context(name), value.expose().as_bytes())
            .map_err(|_| StoreError::Unsealable { name: name.to_owned() })?;
        self.run("keep a sealed value", move |db| {
            db.execute(
                "INSERT INTO sealed VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                params![filed, sealed],
            )
            .map(|_| ())
        })
        .await
    }

    /// The secret kept under a name.
    ///
    /// # Errors
    /// When the database refuses, or the value is not as it was written.
    pub async fn sealed(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let filed = self.seal.file_name(name);
        let found: Option<Vec<u8>> = self
            .run("read a sealed value", move |db| {
                db.query_row("SELECT value FROM sealed WHERE name = ?1", [filed], |row| row.get(0))
                    .optional()
            })
            .await?;
        let Some(sealed) = found else { return Ok(None) };
        let damaged = || StoreError::Unsealable { name: name.to_owned() };
        let plain = self.seal.open(&context(name), &sealed).map_err(|_| damaged())?;
        let text = std::str::from_utf8(&plain).map_err(|_| damaged())?;
        Ok(Some(Secret::new(text.to_owned())))
    }

    /// Forgets the secret kept under a name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_sealed(&self, name: &str) -> Result<(), StoreError> {
        let filed = self.seal.file_name(name);
        self.run("forget a sealed value", move |db| {
            db.execute("DELETE FROM sealed WHERE name = ?1", [filed]).map(|_| ())
        })
        .await
    }

    /// Makes `new` the key that opens this state. What is sealed stays as it is; the old key opens
    /// nothing any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn rewrap(&self, new: &KeyBytes) -> Result<(), StoreError> {
        let fingerprint = fingerprint(new);
        let wrapped = self
            .seal
            .wrap(new)
            .map_err(|_| StoreError::Unsealable { name: "data key".to_owned() })?;
        self.run("wrap the data key anew", move |db| {
            db.execute(
                "UPDATE wrapped_key SET fingerprint = ?1, wrapped = ?2",
                params![fingerprint, wrapped],
            )?;
            // The old wrapping is not left behind in the write-ahead log.
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
        .await
    }

    /// Runs `job` on the connection's thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, result) = oneshot::channel();
        let job = Job::Run(Box::new(move |connection| {
            let _caller_gone = answer.send(job(connection));
        }));
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        result
            .await
            .map_err(|_| StoreError::Closed)?
            .map_err(|cause| StoreError::Database { doing, cause: Box::new(cause) })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store(…)")
    }
}

fn serve(mut state: State, mut queue: mpsc::Receiver<Job>) {
    while let Some(job) = queue.blocking_recv() {
        match job {
            Job::Run(job) => job(&mut state.connection),
            Job::Close(done) => {
                queue.close();
                while let Ok(Job::Run(job)) = queue.try_recv() {
                    job(&mut state.connection);
                }
                drop(state);
                let _caller_gone = done.send(());
                return;
            }
        }
    }
}

fn context(name: &str) -> String {
    format!("subtwin sealed value\0{name}")
}
