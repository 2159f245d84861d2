//! The twin's state on disk: what is sealed, what was heard, which requests are open.
//!
//! The only crate that knows SQLite. Keeps no evidence: that is step 5's log, which does not depend
//! on anything here.
//!
//! A state directory holds `state.db` (SQLite, WAL) and `lock`. The key is kept elsewhere: it wraps a
//! random data key inside the database, so it can be replaced without touching what is sealed.

mod intake;
mod key_file;
mod key_text;
mod keyring;
mod open;
mod requests;
mod seal;
mod store;

pub use key_file::{KeyFile, KeyFileError};
pub use key_text::KeyText;
pub use keyring::{Keyring, KeyringError, SystemKeyring, create_in_keyring, read_from_keyring};
pub use open::OpenError;
pub use requests::{RequestRow, Stage};
pub use store::{Store, StoreError};
