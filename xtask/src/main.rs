//! Chores of this repository; `cargo xtask help` lists them.

#![expect(clippy::print_stdout, reason = "a command-line tool")]

mod docs;
mod interop;
mod simulate;
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
    /// Let programs we did not write judge the sandbox and the twin. Needs Python 3.11, Node 20 and,
    /// the first time, the package registries they are configured for.
    Interop {
        /// One judge only.
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
    /// Simulate many schedules of people, faults and kills around the twin's own code.
    Simulate {
        /// The first schedule's seed.
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// How many schedules.
        #[arg(long, value_name = "M", default_value_t = 100_000)]
        schedules: u64,
        /// A hostile brain, in place of faults and kills.
        #[arg(long)]
        hostile: bool,
        /// Tell the one schedule of that seed as it happens.
        #[arg(long)]
        aloud: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Tidy => tidy::run(),
        Chore::Docs => docs::run(),
        Chore::Simulate { seed, schedules, hostile, aloud } => {
            simulate::run(seed, schedules, hostile, aloud)
        }
        Chore::Interop { only } => interop::run(only.as_deref()),
    }
}
