use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::OpenError;

/// The files of one log, by path below its directory. Unless it says otherwise, what a call
/// has written is durable when it returns: a test's disk can fail or stop at any byte of it.
pub(crate) trait Disk: Send + Sync + fmt::Debug {
    /// A whole file, or nothing where there is none.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// Every file below a folder, in order of their paths.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Writes into a file from `offset` on; makes the file.
    fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to a length.
    fn cut(&mut self, path: &str, length: u64) -> io::Result<()>;

    /// Puts a whole file in place at once.
    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// As [`Disk::replace`], but the file may be lost or spoilt if the power goes: for what follows
    /// from other files and is made good at the next start.
    fn replace_derived(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Removes a folder and what is in it, if it is there.
    fn remove_folder(&mut self, folder: &str) -> io::Result<()>;
}

/// A directory on this machine.
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    /// The file written last: nearly always the next one too.
    last: Option<(String, File)>,
    _lock: Option<File>,
}

impl Directory {
    /// For writing, by this process alone. Makes the directory.
    pub(crate) fn open(root: &Path) -> Result<Self, OpenError> {
        let io = |cause| OpenError::Io { path: root.to_owned(), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(io)?;
        let lock = private().create(true).truncate(false).open(root.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root: root.to_owned(), last: None, _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: root.to_owned() }),
            Err(TryLockError::Error(cause)) => Err(io(cause)),
        }
    }

    /// For reading, beside whoever writes.
    pub(crate) fn read_only(root: &Path) -> Self {
        Self { root: root.to_owned(), last: None, _lock: None }
    }

    /// One draft for all: only one thread writes, and what is left of it is of no use.
    fn draft(&self, path: &str, bytes: &[u8]) -> io::Result<(PathBuf, File)> {
        make_folder_of(&self.root.join(path))?;
        let draft = self.root.join("draft");
        let file = private().create(true).truncate(true).open(&draft)?;
        file.write_all_at(bytes, 0)?;
        Ok((draft, file))
    }

    fn file(&mut self, path: &str) -> io::Result<&File> {
        if self.last.as_ref().is_none_or(|(name, _)| name != path) {
            let full = self.root.join(path);
            let new = !full.try_exists()?;
            if new {
                make_folder_of(&full)?;
            }
            let file = private().create(true).truncate(false).open(&full)?;
            if new {
                sync_folder_of(&full)?;
            }
            self.last = Some((path.to_owned(), file));
        }
        self.last.as_ref().map(|(_, file)| file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for Directory {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.root.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(self.root.join(&folder)) {
                Ok(entries) => entries,
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                Err(cause) => return Err(cause),
            };
            for entry in entries {
                let entry = entry?;
                let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.file(path)?;
        file.write_all_at(bytes, offset)?;
        file.sync_data()
    }

    fn cut(&mut self, path: &str, length: u64) -> io::Result<()> {
        let file = self.file(path)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (draft, file) = self.draft(path, bytes)?;
        file.sync_data()?;
        let full = self.root.join(path);
        fs::rename(&draft, &full)?;
        // It may have been the file at hand.
        self.last = None;
        sync_folder_of(&full)
    }

    fn replace_derived(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (draft, _) = self.draft(path, bytes)?;
        fs::rename(draft, self.root.join(path))
    }

    fn remove_folder(&mut self, folder: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.root.join(folder)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Makes the folders a file lies in, each durable before anything is put into it.
fn make_folder_of(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    if folder.try_exists()? {
        return Ok(());
    }
    make_folder_of(folder)?;
    DirBuilder::new().mode(0o700).create(folder)?;
    sync_folder_of(folder)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
