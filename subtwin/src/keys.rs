//! `subtwin keys`: the key that seals a twin's state.

use subtwin_kernel::SystemEntropy;
use subtwin_store::KeyFile;

use crate::{cli, say};

/// Makes a key file.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn command(keys: &cli::Keys) -> anyhow::Result<()> {
    KeyFile::create(&keys.file, &SystemEntropy::default())?;
    say::line(format_args!(
        "made {}; keep it apart from the twin's state, and keep a copy: without it the state \
         cannot be opened",
        keys.file.display()
    ));
    Ok(())
}
