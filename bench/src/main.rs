//! Measures what subtwin promises: latency, memory, start, evidence, vault, intake, and that nothing is
//! lost. Runs the program itself as separate processes. See `README.md` beside it.

mod company;
mod control;
mod crowd;
mod evidence;
mod figures;
mod gate;
#[path = "../../flow/3-confirm/tests/main/company.rs"]
mod in_memory;
mod intake;
mod latency;
mod memory;
mod process;
#[path = "../../flow/5-record/tests/main/sample.rs"]
mod sample;
mod soak;
mod start;
mod stopwatch;
mod vault;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

use figures::{Figures, Report};

/// Measures subtwin against a sandbox tenant on this machine.
#[derive(Debug, Parser)]
#[command(name = "subtwin-bench", version)]
struct Arguments {
    /// What to measure.
    #[arg(value_enum, default_value = "all")]
    what: What,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The program; the one beside this executable when left out.
    #[arg(long, value_name = "FILE")]
    subtwin: Option<PathBuf>,
    /// Where files are written for the time of the run: on the disk whose speed counts.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Confirmed actions of the latency figures.
    #[arg(long, default_value_t = 200)]
    rounds: usize,
    /// Messages after which memory is read.
    #[arg(long, default_value_t = 10_000)]
    memory_messages: usize,
    /// Messages of the soak.
    #[arg(long, default_value_t = 20_000)]
    soak_messages: usize,
    /// Seconds after which a measurement is given up.
    #[arg(long, default_value_t = 900)]
    patience: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    All,
    Latency,
    Memory,
    Start,
    Evidence,
    Vault,
    Gate,
    Intake,
    Soak,
}

/// What every measurement needs to know.
#[derive(Debug)]
struct Setup {
    subtwin: PathBuf,
    dir: PathBuf,
    rounds: usize,
    memory_messages: usize,
    soak_messages: usize,
    patience: Duration,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut report = Report::new(arguments.json);
    match measure_all(arguments, &mut report) {
        Ok(()) => {
            report.end();
            ExitCode::SUCCESS
        }
        Err(error) => {
            report.failed(&error);
            ExitCode::FAILURE
        }
    }
}

fn measure_all(arguments: Arguments, report: &mut Report) -> anyhow::Result<()> {
    let beside = || -> anyhow::Result<PathBuf> {
        let here = std::env::current_exe()?;
        Ok(here.with_file_name("subtwin"))
    };
    let subtwin = arguments.subtwin.map_or_else(beside, Ok)?;
    let alone = matches!(arguments.what, What::Evidence | What::Vault | What::Gate | What::Intake);
    anyhow::ensure!(
        alone || subtwin.is_file(),
        "there is no `{}`; build it with `cargo build --release -p subtwin` or name it with --subtwin",
        subtwin.display()
    );
    let setup = Setup {
        subtwin,
        dir: arguments.dir.unwrap_or_else(std::env::temp_dir),
        rounds: arguments.rounds.max(1),
        memory_messages: arguments.memory_messages.max(1),
        soak_messages: arguments.soak_messages.max(1),
        patience: Duration::from_secs(arguments.patience.max(1)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    for what in [
        What::Start,
        What::Latency,
        What::Memory,
        What::Evidence,
        What::Vault,
        What::Gate,
        What::Intake,
        What::Soak,
    ] {
        if arguments.what != What::All && arguments.what != what {
            continue;
        }
        let measured = runtime
            .block_on(async { tokio::time::timeout(setup.patience, measure(&setup, what)).await });
        let figures = measured
            .with_context(|| format!("{what:?} took longer than {:?}", setup.patience))?
            .with_context(|| format!("measuring {what:?} failed"))?;
        report.add(figures);
    }
    Ok(())
}

async fn measure(setup: &Setup, what: What) -> anyhow::Result<Figures> {
    match what {
        What::All => Ok(Figures::of("all")),
        What::Latency => latency::measure(setup).await,
        What::Memory => memory::measure(setup).await,
        What::Start => start::measure(setup).await,
        What::Evidence => evidence::measure(setup).await,
        What::Vault => vault::measure(setup).await,
        What::Gate => gate::measure().await,
        What::Intake => intake::measure(setup).await,
        What::Soak => soak::measure(setup).await,
    }
}
