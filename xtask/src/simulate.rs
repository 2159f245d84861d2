//! Long runs of the simulated world, with the code that `cargo test` runs.

use std::process::Command;

use anyhow::{Context as _, bail};

/// Simulates `schedules` schedules from `seed` on, optimised; with a hostile brain, or with
/// everything failing. `aloud` tells the one schedule of a seed as it happens.
pub(crate) fn run(seed: u64, schedules: u64, hostile: bool, aloud: bool) -> anyhow::Result<()> {
    let test = match (aloud, hostile) {
        (true, _) => "one_schedule_aloud",
        (false, true) => "hostile::facts::",
        (false, false) => {
            "whatever_fails_and_whenever_it_is_killed_a_yes_is_acted_upon_once_and_told_truly"
        }
    };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--release", "--locked", "-p", "subtwin", "--lib", "--"]);
    cargo.args(["--nocapture", "--include-ignored"]).arg(format!("twin::sim::{test}"));
    // What follows is no test's name; the test reads it from its command line.
    cargo.args([format!("seed={seed}"), format!("schedules={schedules}")]);
    if hostile {
        cargo.arg("hostile=1");
    }
    let status = cargo.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("the simulation failed; its seeds are above, `--seed N --aloud` tells one of them");
    }
    Ok(())
}
