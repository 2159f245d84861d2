use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};
use subtwin_kernel::{Entropy, KeyBytes};

use crate::seal::{Seal, fingerprint};

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Sealed with another key.
    #[error(
        "the key given is not the one the state in `{}` is sealed with; \
         give the original key, or move this directory away to start without its state",
        path.display()
    )]
    WrongKey {
        /// The state directory.
        path: PathBuf,
    },
    /// It is somebody else's.
    #[error(
        "the state in `{}` belongs to {found}, and the configuration names {expected}; \
         name its own directory, or move this one away to start without its state",
        path.display()
    )]
    NotOurs {
        /// The state directory.
        path: PathBuf,
        /// Whose it should be.
        expected: String,
        /// Whose it is.
        found: String,
    },
    /// The file is not what was written.
    #[error(
        "the state in `{}` is damaged: {what}; restore the directory from a backup, \
         or move it away to start without its state",
        path.display()
    )]
    Damaged {
        /// The state directory.
        path: PathBuf,
        /// What does not hold.
        what: String,
    },
    /// Written by a newer version of this program.
    #[error(
        "the state in `{}` has version {found}, this program knows up to {known}; \
         run the newer program, or restore the backup made before it ran",
        path.display()
    )]
    TooNew {
        /// The state directory.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// Another process holds it.
    #[error("the state in `{}` is in use by another process; stop that one first", path.display())]
    InUse {
        /// The state directory.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot open the state in `{}`", path.display())]
    Io {
        /// The state directory.
        path: PathBuf,
        /// What went wrong.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A state directory, opened by this process alone.
#[derive(Debug)]
pub(crate) struct State {
    // Fields drop in order: the lock is let go after the database is closed.
    pub(crate) connection: Connection,
    pub(crate) seal: Arc<Seal>,
    _lock: Option<File>,
}

impl State {
    /// Of `owner`, if one is named: what nobody owns yet becomes theirs.
    pub(crate) fn open(
        path: &Path,
        key: &KeyBytes,
        owner: Option<&str>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenError> {
        let io = |cause: io::Error| OpenError::Io { path: path.to_owned(), cause: cause.into() };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        let lock = lock(path)?;
        let database = path.join(DATABASE);
        if !database.try_exists().map_err(io)? {
            create(path, key, &entropy)?;
        }
        let sql = |cause: rusqlite::Error| from_sql(path, cause);
        let mut connection =
            Connection::open_with_flags(&database, OpenFlags::SQLITE_OPEN_READ_WRITE)
                .map_err(sql)?;
        configure(&connection).map_err(sql)?;
        check(path, &connection)?;
        migrate(path, &mut connection)?;
        let seal = unwrap(path, &connection, key, entropy)?;
        if let Some(owner) = owner
            && !is_owned(path, &connection, &seal, owner)?
        {
            own(path, &connection, &seal, owner)?;
        }
        Ok(Self { connection, seal: Arc::new(seal), _lock: Some(lock) })
    }

    /// To read only, beside the process that has it open.
    pub(crate) fn look(
        path: &Path,
        key: &KeyBytes,
        owner: Option<&str>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let mut connection = Connection::open_with_flags(path.join(DATABASE), flags)
            .map_err(|cause| from_sql(path, cause))?;
        migrate(path, &mut connection)?;
        let seal = unwrap(path, &connection, key, entropy)?;
        if let Some(owner) = owner {
            is_owned(path, &connection, &seal, owner)?;
        }
        Ok(Self { connection, seal: Arc::new(seal), _lock: None })
    }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let io = |cause: io::Error| OpenError::Io { path: path.to_owned(), cause: cause.into() };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path.join("lock"))
        .map_err(io)?;
    for _ in 0..LOOKS_AT_LOCK {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // Whoever held it may be gone, but a process that it was starting at that moment has the
            // lock until it has become another program.
            Err(TryLockError::WouldBlock) => thread::sleep(BETWEEN_LOOKS),
            Err(TryLockError::Error(cause)) => return Err(io(cause)),
        }
    }
    Err(OpenError::InUse { path: path.to_owned() })
}

/// Makes the database beside its place and moves it there whole, so that a file in that place is
/// always one that was finished: an empty one is damage, not a beginning.
fn create(path: &Path, key: &KeyBytes, entropy: &Arc<dyn Entropy>) -> Result<(), OpenError> {
    let io = |cause: io::Error| OpenError::Io { path: path.to_owned(), cause: cause.into() };
    let sql = |cause: rusqlite::Error| from_sql(path, cause);
    if path.join(WRITE_AHEAD).try_exists().map_err(io)? {
        return Err(damaged(path, "`state.db` is gone but its write-ahead log is there"));
    }
    let draft = path.join("state.db.new");
    for leftover in ["state.db.new", "state.db.new-wal", "state.db.new-shm"] {
        match fs::remove_file(path.join(leftover)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(io(cause)),
            Ok(()) | Err(_) => {}
        }
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(io)?;
    let connection =
        Connection::open_with_flags(&draft, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(sql)?;
    connection.execute_batch(SCHEMA).map_err(sql)?;
    let wrapped = Seal::generate(Arc::clone(entropy))
        .and_then(|seal| seal.wrap(key))
        .map_err(|cause| OpenError::Io { path: path.to_owned(), cause: Box::new(cause) })?;
    connection
        .execute("INSERT INTO wrapped_key VALUES (1, ?1, ?2)", params![fingerprint(key), wrapped])
        .map_err(sql)?;
    connection.close().map_err(|(_, cause)| sql(cause))?;
    File::open(&draft).and_then(|file| file.sync_all()).map_err(io)?;
    fs::rename(&draft, path.join(DATABASE)).map_err(io)?;
    File::open(path).and_then(|directory| directory.sync_all()).map_err(io)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // What is forgotten or wrapped anew is overwritten, not only unlinked.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}

fn check(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let verdict: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|cause| from_sql(path, cause))?;
    if verdict == "ok" { Ok(()) } else { Err(damaged(path, &verdict)) }
}

/// Brings an older state to this version, one step at a time, each in one transaction.
fn migrate(path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|cause| from_sql(path, cause))?;
    match found {
        VERSION => Ok(()),
        newer if newer > VERSION => {
            Err(OpenError::TooNew { path: path.to_owned(), found, known: VERSION })
        }
        _ => Err(damaged(path, &format!("it has version {found}, which never was"))),
    }
}

fn unwrap(
    path: &Path,
    connection: &Connection,
    key: &KeyBytes,
    entropy: Arc<dyn Entropy>,
) -> Result<Seal, OpenError> {
    let (filed, wrapped): (Vec<u8>, Vec<u8>) = connection
        .query_row("SELECT fingerprint, wrapped FROM wrapped_key", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
        .map_err(|cause| from_sql(path, cause))?
        .ok_or_else(|| damaged(path, "its data key is missing"))?;
    if filed != fingerprint(key) {
        return Err(OpenError::WrongKey { path: path.to_owned() });
    }
    Seal::unwrap(key, &wrapped, entropy)
        .map_err(|_| damaged(path, "its data key is not as it was written"))
}

/// Whether `owner` is the owner: false when nobody is yet, an error when somebody else is. As long as
/// nothing is sealed it belongs to nobody: a name that was mistyped at first binds nobody.
fn is_owned(
    path: &Path,
    connection: &Connection,
    seal: &Seal,
    owner: &str,
) -> Result<bool, OpenError> {
    let sealed: Option<Vec<u8>> = connection
        .query_row("SELECT value FROM sealed WHERE name = ?1", [seal.file_name(OWNER)], |row| {
            row.get(0)
        })
        .optional()
        .map_err(|cause| from_sql(path, cause))?;
    let Some(sealed) = sealed else { return Ok(false) };
    let used: bool = connection
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM sealed WHERE name <> ?1)",
            [seal.file_name(OWNER)],
            |row| row.get(0),
        )
        .map_err(|cause| from_sql(path, cause))?;
    if !used {
        return Ok(false);
    }
    let found = seal
        .open(OWNER, &sealed)
        .map_err(|_| damaged(path, "whose it is, is not as it was written"))?;
    if found.as_slice() == owner.as_bytes() {
        return Ok(true);
    }
    let found = String::from_utf8_lossy(&found).into_owned();
    Err(OpenError::NotOurs { path: path.to_owned(), expected: owner.to_owned(), found })
}

fn own(path: &Path, connection: &Connection, seal: &Seal, owner: &str) -> Result<(), OpenError> {
    let sealed = seal
        .seal(OWNER, owner.as_bytes())
        .map_err(|cause| OpenError::Io { path: path.to_owned(), cause: Box::new(cause) })?;
    connection
        .execute(
            "INSERT INTO sealed VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            params![seal.file_name(OWNER), sealed],
        )
        .map(|_| ())
        .map_err(|cause| from_sql(path, cause))
}

fn damaged(path: &Path, what: &str) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), what: what.to_owned() }
}

fn from_sql(path: &Path, cause: rusqlite::Error) -> OpenError {
    match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            damaged(path, &cause.to_string())
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            OpenError::InUse { path: path.to_owned() }
        }
        // A missing table or a value of another type: the file is not one of ours any more.
        Some(ErrorCode::Unknown | ErrorCode::TypeMismatch) => damaged(path, &cause.to_string()),
        Some(_) | None => OpenError::Io { path: path.to_owned(), cause: Box::new(cause) },
    }
}

/// Under which name the owner is sealed, and for which context: no value that
/// [`crate::Store::put_sealed`] kept, whatever its name, can be put in its place.
const OWNER: &str = "subtwin owner of the state";
const DATABASE: &str = "state.db";
const LOOKS_AT_LOCK: usize = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
const WRITE_AHEAD: &str = "state.db-wal";
const VERSION: i64 = 1;

// Times are RFC 3339 with nine digits, so that they sort as text.
const SCHEMA: &str = "
    BEGIN;
    CREATE TABLE wrapped_key (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        fingerprint BLOB NOT NULL,
        wrapped BLOB NOT NULL
    ) STRICT;
    CREATE TABLE sealed (
        name BLOB PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE message (
        chat TEXT NOT NULL,
        message INTEGER NOT NULL,
        at TEXT NOT NULL,
        finished INTEGER NOT NULL,
        PRIMARY KEY (chat, message)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX message_unfinished ON message (at) WHERE finished = 0;
    CREATE TABLE horizon (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE watermark (
        chat TEXT PRIMARY KEY,
        at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE request (
        request TEXT PRIMARY KEY,
        chat TEXT NOT NULL,
        requester TEXT NOT NULL,
        asked_by INTEGER NOT NULL,
        prompt INTEGER,
        reply INTEGER,
        stage TEXT NOT NULL,
        updated TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX request_open ON request (updated) WHERE stage <> 'settled';
    PRAGMA user_version = 1;
    COMMIT;
";
