use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use subtwin_kernel::{Entropy, KeyBytes};
use zeroize::Zeroizing;

use crate::KeyText;

/// A key file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("cannot {doing} the key file `{}`", path.display())]
    Io {
        /// "read" or "create".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Others on this machine may read it.
    #[error(
        "the key file `{}` has mode {mode:o}, so others on this machine may read it; \
         run `chmod 600` on it, and replace the key if somebody could have read it",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It does not hold a key.
    #[error(
        "the key file `{}` does not hold 32 bytes in base64; put the key's copy in its place, or \
         remove the file if it never sealed anything",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// A file that holds one 256-bit key: 32 bytes in base64 and a line feed, readable by its owner only.
#[derive(Debug)]
pub struct KeyFile;

impl KeyFile {
    /// Longest file worth reading: the key's 44 characters and some white space.
    const LONGEST: u64 = 64;

    /// Reads a key.
    ///
    /// # Errors
    /// When it cannot be read, holds no key, or gives group or others any permission.
    pub fn read(path: &Path) -> Result<KeyBytes, KeyFileError> {
        let io = |cause| KeyFileError::Io { doing: "read", path: path.to_owned(), cause };
        let file = File::open(path).map_err(io)?;
        let mode = file.metadata().map_err(io)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(Self::LONGEST).read_to_string(&mut text).map_err(io)?;
        KeyText::read(&text).ok_or_else(|| KeyFileError::Malformed { path: path.to_owned() })
    }

    /// Makes a new key and a file for it, with mode 0600. Never replaces a file.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn create(path: &Path, entropy: &dyn Entropy) -> Result<KeyBytes, KeyFileError> {
        let io = |cause| KeyFileError::Io { doing: "create", path: path.to_owned(), cause };
        let key = KeyBytes::random(entropy);
        let text = KeyText::of(&key);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
        file.write_all(text.expose().as_bytes()).map_err(io)?;
        file.write_all(b"\n").map_err(io)?;
        file.sync_all().map_err(io)?;
        // Its name is durable, too: what is sealed with it next must not outlive it.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(directory.unwrap_or(Path::new("."))).map_err(io)?;
        directory.sync_all().map_err(io)?;
        Ok(key)
    }
}
