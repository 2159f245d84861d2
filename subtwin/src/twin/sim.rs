//! A simulated world around the real desk: seeded, on a paused clock, faults everywhere.
//!
//! The desk, the gate, the record, the steps that act and look are the real ones; chats, tenant and
//! brains are doubles. One schedule is one seed: the same seed, the same story.

mod acting;
mod brain;
mod chats;
mod clock;
mod company;
mod dice;
mod judge;
mod people;
mod planning;
mod ports;
mod process;
mod schedule;
mod tenant;
mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use subtwin_confirm::Limits;

use brain::Scripted;
use judge::{Tally, judge};
use process::{End, Process};
use world::World;

/// Runs one schedule in a directory of its own.
fn run(seed: u64, dir: &Path, aloud: bool) -> Result<(Tally, u64), String> {
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    let world = World::new(seed, dir.to_owned(), start);
    let plot = world.with(schedule::write);
    world.with(|state| state.aloud = aloud);
    let mut kills = plot.kills;
    loop {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let end = runtime.block_on(live(&world, &mut kills));
        world.with(|state| state.intake = None);
        drop(runtime);
        match end {
            Err(what) => return Err(what),
            Ok(End::Rest) => break,
            Ok(End::Killed) => {
                let down = world.with(|state| {
                    state.dead_once = true;
                    state.dice.between(1, 60_000)
                });
                world.clock.jump(Duration::from_millis(down));
            }
        }
    }
    let (tally, trace) = world.with(|state| {
        judge(state, &dir.join("evidence"), plot.all_entries).map(|t| (t, state.trace))
    })?;
    Ok((Tally { kills: plot.kills - kills, ..tally }, trace))
}

/// One life of the process.
async fn live(world: &Arc<World>, kills: &mut u64) -> Result<End, String> {
    world.clock.begin().await;
    world.with(|state| {
        state.dead = false;
        state.kill_at = (*kills > 0).then(|| state.points + 1 + state.dice.below(250));
    });
    let life = async {
        let brain = Arc::new(Scripted(Arc::clone(world)));
        let process = Process::start(world, brain, Limits::default()).await;
        process.work(world).await;
        process.stop(world).await;
    };
    let life = tokio::time::timeout(Duration::from_secs(6 * 3600), life);
    let end = tokio::select! {
        biased;
        () = world.killed.notified() => {
            *kills = kills.saturating_sub(1);
            Ok(End::Killed)
        }
        ended = life => ended.map(|()| End::Rest).map_err(|_| "never comes to rest".to_owned()),
    };
    world.clock.end();
    end
}

/// Where schedules keep their disks: in memory where the system has such a place.
fn disks() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Runs schedules on all cores; the first that fails stops everything, with its seed.
fn run_many(first: u64, count: u64, told: bool) -> Result<Tally, String> {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};
    let next = AtomicU64::new(first);
    let end = first + count;
    let sum = Mutex::new((Tally::default(), Vec::<String>::new(), 0_u64));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let disks = disks();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let dir = disks.path().join(seed.to_string());
                    let caught = std::panic::catch_unwind(|| run(seed, &dir, false));
                    let _ = std::fs::remove_dir_all(&dir);
                    let result = caught.unwrap_or_else(|_| Err("a panic".to_owned()));
                    let mut sum = sum.lock().unwrap();
                    match result {
                        Ok((tally, _)) => {
                            sum.0.add(&tally);
                            sum.2 += 1;
                            if told && sum.2.is_multiple_of(5_000) {
                                println!("{} of {count} schedules, {:?}", sum.2, sum.0);
                            }
                        }
                        Err(what) => {
                            sum.1.push(format!("seed {seed}: {what}"));
                            if sum.1.len() >= MOST_FAILURES {
                                next.store(end, Ordering::Relaxed);
                            }
                        }
                    }
                }
            });
        }
    });
    let (tally, failed, _) = sum.into_inner().unwrap();
    if failed.is_empty() { Ok(tally) } else { Err(failed.join("\n")) }
}

#[test]
fn whatever_fails_and_whenever_it_is_killed_a_yes_is_acted_upon_once_and_told_truly() {
    match run_many(0, 2_000, false) {
        Ok(tally) => println!("{tally:?}"),
        Err(what) => panic!("{what}"),
    }
}

/// Failures that are told before the others are left.
const MOST_FAILURES: usize = 12;

/// A number given on the command line beside the test's name: `seed=7`.
fn given(name: &str) -> Option<u64> {
    let values = std::env::args().filter_map(|word| {
        word.strip_prefix(name)?.strip_prefix('=')?.parse().ok()
    });
    values.last()
}

#[test]
#[ignore = "for `cargo xtask simulate`: one seed, told aloud"]
fn one_schedule_aloud() {
    let disks = disks();
    let told = run(given("seed").unwrap_or(0), &disks.path().join("disk"), true);
    println!("{told:?}");
    assert!(told.is_ok());
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let disks = disks();
    for seed in 0..40 {
        let one = run(seed, &disks.path().join(format!("{seed}-1")), false).unwrap();
        let other = run(seed, &disks.path().join(format!("{seed}-2")), false).unwrap();
        assert_eq!(one.1, other.1, "seed {seed}");
    }
}
