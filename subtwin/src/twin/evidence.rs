//! Reading the record back.

use std::io;
use std::path::PathBuf;

use subtwin_record::audit::Archive;

/// Where the record is, to be read back while it is written.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    dir: PathBuf,
    #[cfg(test)]
    in_place: bool,
}

impl Evidence {
    /// The record in `dir`.
    pub(super) const fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            #[cfg(test)]
            in_place: false,
        }
    }

    /// The same, read on the caller's thread: on a paused clock, no time passes meanwhile.
    #[cfg(test)]
    pub(super) const fn in_place(dir: PathBuf) -> Self {
        Self { dir, in_place: true }
    }

    /// Reads on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Archive) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        #[cfg(test)]
        if self.in_place {
            return Archive::open(&self.dir).and_then(|archive| read(&archive));
        }
        let dir = self.dir.clone();
        let read = move || Archive::open(&dir).and_then(|archive| read(&archive));
        tokio::task::spawn_blocking(read).await?
    }
}
