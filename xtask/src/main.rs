//! Chores of this repository: `cargo xtask tidy`, `cargo xtask docs`.

#![expect(clippy::print_stdout, reason = "a command-line tool")]

mod docs;
mod tidy;

use clap::{Parser, Subcommand};

/// Chores of this repository.
#[derive(Parser)]
#[command(name = "xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check the allowed edges between crates, the absences, and what every file must keep.
    Tidy,
    /// Try out what the documentation says: its commands, its transcript, its tables.
    Docs,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Tidy => tidy::run(),
        Chore::Docs => docs::run(),
    }
}
