use std::time::Duration;

use subtwin_primitives::{ErasedFor, Event};
use subtwin_record::RecordError;
use subtwin_record::audit::{Archive, Kept, Sought};

use crate::world::{at, files, holds, open, request, verify};

#[tokio::test]
async fn erasing_a_request_leaves_no_byte_of_its_records_and_a_log_that_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    for number in 1..=3 {
        world.act(number).await;
    }
    let person = "0000000003ea"; // whom request 2 is about
    assert!(holds(dir.path(), person));
    assert_eq!(world.log.erase(request(2)).await.unwrap(), 3);
    assert!(!holds(dir.path(), person));
    assert!(holds(dir.path(), "0000000003e9") && holds(dir.path(), "0000000003eb"));
    assert_eq!(world.log.erase(request(2)).await.unwrap(), 0);
    world.log.shut_down().await.unwrap();

    let report = verify(dir.path());
    assert_eq!((report.leaves, report.erased), (10, 3));
    assert_eq!(report.findings, Vec::<String>::new());
    let shown = Archive::open(dir.path()).unwrap().show(&Sought::Request(request(2))).unwrap();
    let [first, second, third, erasure] = shown.as_slice() else { panic!("{shown:?}") };
    for gone in [first, second, third] {
        assert_eq!(gone.record, Kept::Erased);
    }
    let Kept::Whole(record) = &erasure.record else { panic!("{erasure:?}") };
    let Event::Erased(erased) = &record.event else { panic!("{record:?}") };
    assert_eq!(erased.reason, ErasedFor::Request { request: request(2) });

    let world = open(dir.path());
    assert!(world.recovered.interrupted.is_empty() && world.recovered.torn.is_none());
    world.act(4).await;
    world.log.shut_down().await.unwrap();
    assert!(verify(dir.path()).holds());
}

#[tokio::test]
async fn what_is_still_open_is_not_erased() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    world.intend(1).await;
    let refused = world.log.erase(request(1)).await.unwrap_err();
    assert!(matches!(refused, RecordError::StillOpen(_)), "{refused}");
    world.clock.advance(Duration::from_secs(3600));
    world.act(2).await;
    assert_eq!(world.log.erase_before(at("2026-07-01T10:30:00Z")).await.unwrap(), 0);
    world.log.shut_down().await.unwrap();
    assert_eq!(open(dir.path()).recovered.interrupted.len(), 1);
}

#[tokio::test]
async fn retention_erases_what_is_old_twice_over_and_keeps_its_own_traces() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    world.act(1).await;
    world.act(2).await;
    world.log.erase(request(1)).await.unwrap();
    world.clock.advance(Duration::from_secs(3600));
    world.act(3).await;
    assert_eq!(world.log.erase_before(at("2026-07-01T10:30:00Z")).await.unwrap(), 3);
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(world.log.erase_before(at("2026-07-01T11:30:00Z")).await.unwrap(), 3);
    world.log.shut_down().await.unwrap();
    let report = verify(dir.path());
    assert_eq!((report.leaves, report.erased), (12, 9));
    assert_eq!(report.findings, Vec::<String>::new());
}

#[tokio::test]
async fn an_erasure_that_was_interrupted_is_finished_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    world.act(1).await;
    world.log.checkpoint().await.unwrap();
    let before = files(dir.path());
    world.log.erase(request(1)).await.unwrap();
    world.log.shut_down().await.unwrap();

    // The erasure is on the record, but half of what it overwrote is as it was.
    let (name, old) = before.iter().find(|(name, _)| name.starts_with("records/")).unwrap();
    let path = dir.path().join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..old.len() / 2].copy_from_slice(&old[..old.len() / 2]);
    std::fs::write(&path, bytes).unwrap();
    let report = verify(dir.path());
    assert!(!report.holds());

    open(dir.path()).log.shut_down().await.unwrap();
    let report = verify(dir.path());
    assert_eq!((report.erased, report.findings), (3, Vec::<String>::new()));
    assert!(!holds(dir.path(), "Doug"));
}
