//! `subtwin demo`.

use crate::cli;

/// Runs the demo.
///
/// # Errors
/// When it cannot start or the story does not go as told.
pub fn command(_demo: &cli::Demo) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
