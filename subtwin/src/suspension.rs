//! `subtwin suspend` and `resume`: a mark in the state directory that the running twin looks at
//! before it does anything.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use subtwin_kernel::{Clock as _, SystemClock};

use crate::config::Config;
use crate::{cli, say};

/// That the twin must not act, since when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Suspension {
    /// Since when.
    pub(crate) since: Timestamp,
    /// What the people are told.
    pub(crate) why: String,
}

impl Suspension {
    fn file(state: &Path) -> PathBuf {
        state.join("suspended.json")
    }

    /// The mark, where there is one. A mark that cannot be read is one.
    pub(crate) fn read(state: &Path) -> anyhow::Result<Option<Self>> {
        let file = Self::file(state);
        match fs::read(&file) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or(Self {
                since: Timestamp::UNIX_EPOCH,
                why: "its operator said so".to_owned(),
            }))),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(cause).with_context(|| format!("cannot read `{}`", file.display())),
        }
    }

    /// Makes the mark; it is on disk when this returns.
    fn make(&self, state: &Path) -> anyhow::Result<()> {
        let (file, draft) = (Self::file(state), state.join("suspended.json.new"));
        let put = || -> std::io::Result<()> {
            let mut out = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&draft)?;
            out.write_all(&serde_json::to_vec(self)?)?;
            out.sync_all()?;
            fs::rename(&draft, &file)?;
            fs::File::open(state)?.sync_all()
        };
        put().with_context(|| format!("cannot write `{}`", file.display()))
    }
}

/// Has the twin do nothing from now on.
///
/// # Errors
/// When the mark cannot be made: the twin goes on.
pub fn suspend(options: &cli::Suspend) -> anyhow::Result<()> {
    let config = Config::read(&options.config)?;
    if let Some(there) = Suspension::read(&config.state.dir)? {
        say::line(format_args!("{} is suspended already, since {}", config.twin.name, there.since));
        return Ok(());
    }
    let why = options.why.clone();
    Suspension { since: SystemClock.now(), why }.make(&config.state.dir)?;
    say::line(format_args!(
        "{} does nothing from now on. What was sent already is not undone. Take it back with \
         `subtwin resume`.",
        config.twin.name
    ));
    Ok(())
}

/// Lets the twin act again.
///
/// # Errors
/// When the mark cannot be taken away.
pub fn resume(options: &cli::Resume) -> anyhow::Result<()> {
    let config = Config::read(&options.config)?;
    let file = Suspension::file(&config.state.dir);
    match fs::remove_file(&file) {
        Ok(()) => say::line(format_args!("{} acts again", config.twin.name)),
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            say::line(format_args!("{} was not suspended", config.twin.name));
        }
        Err(cause) => {
            return Err(cause).with_context(|| format!("cannot remove `{}`", file.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_cannot_be_understood_still_suspends() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Suspension::read(dir.path()).unwrap(), None);
        let mark = Suspension {
            since: "2026-09-01T10:00:00Z".parse().unwrap(),
            why: "an inquiry".to_owned(),
        };
        mark.make(dir.path()).unwrap();
        assert_eq!(Suspension::read(dir.path()).unwrap(), Some(mark));
        fs::write(Suspension::file(dir.path()), "{").unwrap();
        assert!(Suspension::read(dir.path()).unwrap().is_some());
    }
}
