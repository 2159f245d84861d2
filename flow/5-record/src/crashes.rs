//! What a failing or stopping disk can do to a log, tried at every byte.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use proptest::prelude::*;
use subtwin_kernel::{KeyBytes, ManualClock, Outcome, RequestId, SeededEntropy};
use subtwin_primitives::{EventKind, Leaf};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::audit::Trust;
use crate::audit::verify::{Report, verify};
use crate::checkpoint::Signer;
use crate::disk::Disk;
use crate::recover::walk;
use crate::sample;
use crate::{Facts, Log, OpenError, RecordError, Recovered};

/// What is left of a write during which the power went.
#[derive(Clone, Copy, Debug)]
enum Tear {
    /// Its first bytes.
    Prefix,
    /// Its first bytes, and zeros in place of the others.
    Zeros,
    /// All but one block of it.
    Hole,
    /// Its first bytes, and something else in place of the others.
    Garbage,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug)]
struct Faulty(Arc<Mutex<State>>);

#[derive(Clone, Debug)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    /// Bytes until the power goes.
    left: Option<usize>,
    tear: Tear,
    gone: bool,
    /// Refuse to write, after half of it.
    full: bool,
    /// Refuse to cut, too.
    stuck: bool,
}

impl Faulty {
    fn new(files: BTreeMap<String, Vec<u8>>, left: Option<usize>, tear: Tear) -> Self {
        let state = State { files, left, tear, gone: false, full: false, stuck: false };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The disk after the power came back. What follows from other files is as bad as can be.
    fn again(&self, left: Option<usize>, tear: Tear) -> Self {
        let state = self.state();
        let mut files = state.files.clone();
        if state.gone {
            files.retain(|path, bytes| {
                if path.starts_with("tile/") {
                    bytes.clear();
                }
                !path.starts_with("tile/entries/")
            });
        }
        Self::new(files, left, tear)
    }
}

impl State {
    /// Whether `bytes` more can be written; if not, how many of them.
    fn spend(&mut self, bytes: usize) -> Result<(), usize> {
        if self.gone {
            return Err(0);
        }
        match self.left {
            Some(left) if left < bytes => {
                self.gone = true;
                Err(left)
            }
            Some(left) => {
                self.left = Some(left - bytes);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn put(&mut self, path: &str, offset: u64, bytes: &[u8]) {
        let file = self.files.entry(path.to_owned()).or_default();
        let at = usize::try_from(offset).unwrap();
        assert!(at <= file.len(), "a write leaves a hole in `{path}`");
        file.resize(file.len().max(at + bytes.len()), 0);
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

fn power() -> io::Error {
    io::Error::other("the power is gone")
}

impl Disk for Faulty {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.state().files.get(path).cloned())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let folder = format!("{folder}/");
        Ok(self.state().files.keys().filter(|path| path.starts_with(&folder)).cloned().collect())
    }

    fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if state.full {
            state.put(path, offset, &bytes[..bytes.len() / 2]);
            return Err(io::ErrorKind::StorageFull.into());
        }
        let already_gone = state.gone;
        let Err(some) = state.spend(bytes.len()) else {
            state.put(path, offset, bytes);
            return Ok(());
        };
        if !already_gone {
            let mut torn = bytes.to_vec();
            match state.tear {
                Tear::Prefix => torn.truncate(some),
                Tear::Zeros => torn[some..].fill(0),
                Tear::Hole => torn.iter_mut().skip(some).take(64).for_each(|byte| *byte = 0),
                Tear::Garbage => torn[some..].iter_mut().for_each(|byte| *byte ^= 0x5a),
            }
            state.put(path, offset, &torn);
        }
        Err(power())
    }

    fn cut(&mut self, path: &str, length: u64) -> io::Result<()> {
        let mut state = self.state();
        if state.stuck {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        state.spend(1).map_err(|_| power())?;
        let length = usize::try_from(length).unwrap();
        state.files.entry(path.to_owned()).or_default().truncate(length);
        Ok(())
    }

    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.spend(bytes.len()).map_err(|_| power())?;
        state.files.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn replace_derived(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.replace(path, bytes)
    }

    fn remove_folder(&mut self, folder: &str) -> io::Result<()> {
        let mut state = self.state();
        state.spend(1).map_err(|_| power())?;
        state.files.retain(|path, _| !path.starts_with(&format!("{folder}/")));
        Ok(())
    }
}

fn open(disk: &Faulty, seed: u64) -> Result<(Log, Recovered), OpenError> {
    let signer = Signer::new("contoso.com/sam", &KeyBytes::new([7; 32])).unwrap();
    let clock = Arc::new(ManualClock::at("2026-07-01T10:00:00Z".parse().unwrap()));
    let entropy = Arc::new(SeededEntropy::new(seed));
    Log::on(Box::new(disk.clone()), Path::new("memory"), signer, clock, entropy)
}

fn request(number: u64) -> RequestId {
    RequestId::new(Uuid::from_u128(u128::from(number)))
}

async fn intend(log: &Log, number: u64) -> Result<crate::Opened, RecordError> {
    let confirmed = sample::confirmed(request(number), &sample::plan(number)).unwrap();
    log.open_intent(confirmed, Facts { twin: &sample::twin(), requester_upn: None }).await
}

/// What is tried with a log.
#[derive(Clone, Copy, Debug)]
enum Try {
    Act,
    IntendOnly,
    ActAndErase,
    Checkpoint,
}

type Acknowledged = BTreeSet<(RequestId, &'static str)>;

/// Tries one thing, and says what was acknowledged of it.
async fn attempt(log: Log, what: Try, number: u64) -> Vec<(RequestId, &'static str)> {
    let mut done = Vec::new();
    if let Try::Checkpoint = what {
        let _either_way = log.checkpoint().await;
        return done;
    }
    let Ok(opened) = intend(&log, number).await else { return done };
    done.push((request(number), "intent"));
    if let Try::IntendOnly = what {
        return done;
    }
    let outcome = Outcome::Unknown { reason: "text".to_owned() };
    if log.close(opened.into_parts().1, vec![outcome], vec![]).await.is_err() {
        return done;
    }
    done.push((request(number), "outcome"));
    if matches!(what, Try::ActAndErase) && log.erase(request(number)).await.is_ok() {
        done.push((request(number), "erased"));
    }
    done
}

fn leaves(disk: &Faulty) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    walk(disk, |_, _, batch| {
        leaves
            .extend(batch.records.iter().map(|found| serde_json::from_slice(found.leaf).unwrap()));
        Ok::<(), io::Error>(())
    })
    .unwrap();
    leaves
}

fn name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Intent => "intent",
        EventKind::Outcome => "outcome",
        EventKind::Erased => "erased",
        EventKind::Proposed | EventKind::Entry | EventKind::Declined | EventKind::Twin => "other",
    }
}

fn check(disk: &Faulty) -> Report {
    verify(disk, &Trust::default()).unwrap()
}

/// One life of a log: what is tried at once, and when and how the power goes.
type Life = (Vec<Try>, usize, Tear);

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let tries = prop_oneof![
        4 => Just(Try::Act),
        2 => Just(Try::IntendOnly),
        1 => Just(Try::ActAndErase),
        1 => Just(Try::Checkpoint),
    ];
    let tear =
        prop_oneof![Just(Tear::Prefix), Just(Tear::Zeros), Just(Tear::Hole), Just(Tear::Garbage)];
    prop::collection::vec((prop::collection::vec(tries, 1..8), 0..20_000_usize, tear), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_was_acknowledged_survives_any_crash_and_the_log_verifies(lives in lives()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut acknowledged = Acknowledged::new();
        let mut disk = Faulty::new(BTreeMap::new(), None, Tear::Prefix);
        let mut number = 0;
        for (life, (tries, left, tear)) in lives.into_iter().enumerate() {
            disk = disk.again(Some(left), tear);
            // The power may go while the log is being opened; that counts as a life.
            let Ok((log, _)) = open(&disk, life as u64) else { continue };
            let done = runtime.block_on(async {
                let mut running = JoinSet::new();
                for what in tries {
                    number += 1;
                    running.spawn(attempt(log.clone(), what, number));
                }
                running.join_all().await
            });
            acknowledged.extend(done.into_iter().flatten());
        }
        disk = disk.again(None, Tear::Prefix);
        let (log, recovered) = open(&disk, 99).unwrap();
        runtime.block_on(log.shut_down()).unwrap();

        let report = check(&disk);
        prop_assert_eq!(&report.findings, &Vec::<String>::new());
        prop_assert_eq!(report.leaves, report.signed);
        let found: Acknowledged = leaves(&disk)
            .into_iter()
            .filter_map(|leaf| leaf.request.map(|request| (request, name(leaf.event))))
            .collect();
        prop_assert!(found.is_superset(&acknowledged), "{:?}", acknowledged.difference(&found));
        let open: BTreeSet<RequestId> = found
            .iter()
            .filter(|(request, kind)| *kind == "intent" && !found.contains(&(*request, "outcome")))
            .map(|(request, _)| *request)
            .collect();
        let interrupted: BTreeSet<RequestId> =
            recovered.interrupted.iter().map(crate::Interrupted::request).collect();
        prop_assert_eq!(interrupted, open);
    }
}

#[test]
fn a_crash_at_every_single_byte_of_an_action_loses_nothing_acknowledged() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for tear in [Tear::Prefix, Tear::Zeros, Tear::Hole, Tear::Garbage] {
        let mut survived = 0;
        for left in (0..).step_by(13) {
            let disk = Faulty::new(BTreeMap::new(), Some(left), tear);
            let done = match open(&disk, 1) {
                Ok((log, _)) => runtime.block_on(async {
                    let mut done = attempt(log.clone(), Try::Act, 1).await;
                    done.extend(attempt(log, Try::ActAndErase, 2).await);
                    done
                }),
                Err(_) => Vec::new(),
            };
            let whole = !disk.state().gone;
            let disk = disk.again(None, Tear::Prefix);
            let (log, _) = open(&disk, 2).unwrap();
            runtime.block_on(log.shut_down()).unwrap();
            assert_eq!(check(&disk).findings, Vec::<String>::new(), "{tear:?} after {left}");
            let found: Vec<_> = leaves(&disk)
                .into_iter()
                .map(|leaf| (leaf.request.unwrap(), name(leaf.event)))
                .collect();
            assert!(found.starts_with(&done), "{tear:?} after {left}: {done:?} {found:?}");
            survived = survived.max(done.len());
            if whole {
                break;
            }
        }
        assert_eq!(survived, 5);
    }
}

#[tokio::test]
async fn while_the_disk_is_full_nothing_may_run_and_afterwards_everything_goes_on() {
    let disk = Faulty::new(BTreeMap::new(), None, Tear::Prefix);
    let (log, _) = open(&disk, 1).unwrap();
    let opened = intend(&log, 1).await.unwrap();
    // With and without being able to take back what was half written.
    for (stuck, number) in [(false, 2), (true, 3)] {
        disk.state().full = true;
        disk.state().stuck = stuck;
        for _ in 0..2 {
            let refused = intend(&log, number).await.unwrap_err();
            assert!(matches!(refused, RecordError::Write { .. }), "{refused}");
            // What was half written is taken back at once, or before the next write.
            assert_eq!(check(&disk).unfinished_bytes == 0, !stuck);
        }
        disk.state().full = false;
        disk.state().stuck = false;
        intend(&log, number).await.unwrap();
    }
    let outcome = Outcome::Unknown { reason: "text".to_owned() };
    log.close(opened.into_parts().1, vec![outcome], vec![]).await.unwrap();
    log.shut_down().await.unwrap();
    let report = check(&disk);
    assert_eq!((report.leaves, report.open), (4, 2));
    assert_eq!(report.findings, Vec::<String>::new());
    assert!(open(&disk, 2).unwrap().1.torn.is_none());
}

#[tokio::test]
async fn a_log_on_a_disk_that_cannot_be_written_does_not_open() {
    let disk = Faulty::new(BTreeMap::new(), None, Tear::Prefix);
    disk.state().full = true;
    let refused = open(&disk, 1).unwrap_err();
    assert!(matches!(refused, OpenError::Io { .. }), "{refused:?}");
}

#[tokio::test]
async fn an_unfinished_write_is_cut_off_and_said() {
    let disk = Faulty::new(BTreeMap::new(), None, Tear::Prefix);
    let (log, _) = open(&disk, 1).unwrap();
    intend(&log, 1).await.unwrap();
    log.shut_down().await.unwrap();
    let path = disk.list("records").unwrap().remove(0);
    let disk = disk.again(None, Tear::Prefix);
    disk.state().files.get_mut(&path).unwrap().extend(b"subtwin1\0\0half of one");
    assert_eq!(check(&disk).unfinished_bytes, 21);
    let (log, recovered) = open(&disk, 2).unwrap();
    assert_eq!(recovered.torn, Some(crate::Torn { leaves: 1, bytes: 21 }));
    log.shut_down().await.unwrap();
    assert_eq!(check(&disk).unfinished_bytes, 0);
}

#[tokio::test]
async fn damage_before_the_last_write_is_not_taken_for_an_unfinished_one() {
    let disk = Faulty::new(BTreeMap::new(), None, Tear::Prefix);
    let (log, _) = open(&disk, 1).unwrap();
    for number in 1..4 {
        intend(&log, number).await.unwrap();
    }
    // As it is now: three writes, none of them signed for yet.
    let disk = disk.again(None, Tear::Prefix);
    let path = disk.list("records").unwrap().remove(0);
    let second = crate::segment::decode(&disk.state().files[&path], 0).unwrap().end;
    for at in [0, 20, 100, second, second + 100] {
        let disk = disk.again(None, Tear::Prefix);
        disk.state().files.get_mut(&path).unwrap()[at] ^= 1;
        let before = disk.state().files.clone();
        let refused = open(&disk, 2).unwrap_err();
        assert!(matches!(refused, OpenError::Damaged { .. }), "byte {at}: {refused}");
        assert!(disk.state().files == before, "byte {at}");
    }
    assert_eq!(open(&disk, 2).unwrap().1.interrupted.len(), 3);
}
