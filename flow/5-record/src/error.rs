use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use subtwin_kernel::RequestId;

/// A log could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process writes it.
    #[error("the log in `{}` is in use by another process; stop that one first", path.display())]
    InUse {
        /// The log's directory.
        path: PathBuf,
    },
    /// It belongs to another twin, or was signed with another key.
    #[error(
        "the log in `{}` belongs to `{found}`, not to `{given}`; \
         give the key and name it was made with, or another directory",
        path.display()
    )]
    OtherLog {
        /// The log's directory.
        path: PathBuf,
        /// The verifier key it was made with.
        found: String,
        /// The verifier key of what was given.
        given: String,
    },
    /// It is not what was written. Nothing was repaired, so that it can be examined.
    #[error(
        "the log in `{}` is damaged: {what}; keep a copy for `subtwin audit verify`, \
         then restore it from a backup",
        path.display()
    )]
    Damaged {
        /// The log's directory.
        path: PathBuf,
        /// What does not hold.
        what: String,
    },
    /// The name cannot name a log.
    #[error("`{0}` cannot name a log: use letters, digits, `.`, `-` and `/`, like a web address")]
    BadOrigin(String),
    /// The system refused.
    #[error("cannot open the log in `{}`", path.display())]
    Io {
        /// The log's directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

/// Something could not be put on the record, so it must not happen.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The disk refused: full, read-only, failing. It may work again later.
    #[error("cannot write to the log")]
    Write {
        /// What the system said.
        #[source]
        cause: Arc<io::Error>,
    },
    /// This request was opened before: one yes, one action.
    #[error("request `{0}` is on the record already")]
    AlreadyOpened(RequestId),
    /// There is no open intent to close.
    #[error("request `{0}` has no open intent")]
    NotOpen(RequestId),
    /// Its outcome is not known yet, so nothing of it may be erased.
    #[error("request `{0}` is still open; close it before it is erased")]
    StillOpen(RequestId),
    /// The record is larger than a log takes.
    #[error("the record has {bytes} bytes, more than a log takes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The record cannot be written as JSON.
    #[error("the record cannot be written as JSON")]
    Json(#[source] Arc<serde_json::Error>),
    /// The log's own files do not fit together.
    #[error("the log is damaged: {what}")]
    Damaged {
        /// What does not hold.
        what: String,
    },
    /// The log was shut down.
    #[error("the log is shut down")]
    ShutDown,
}

impl From<io::Error> for RecordError {
    fn from(cause: io::Error) -> Self {
        Self::Write { cause: Arc::new(cause) }
    }
}
