use std::sync::Arc;

use subtwin_kernel::{Outcome, UserId};
use subtwin_primitives::Event;
use subtwin_record::audit::{Archive, Kept, Sought};
use subtwin_record::{Facts, OpenError, RecordError};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{
    ORIGIN, at, confirmed, declined, done, entry, open, plan, request, try_open, twin, verify,
};

#[tokio::test]
async fn an_action_leaves_intent_outcome_and_entry_and_the_receipt_leads_to_all_three() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    world.start().await;
    let receipt = world.act(1).await;
    world.log.declined(declined(2)).await.unwrap();
    world.log.shut_down().await.unwrap();

    assert_eq!(receipt.index(), 2);
    let archive = Archive::open(dir.path()).unwrap();
    let by_receipt = archive.show(&receipt.to_string().parse().unwrap()).unwrap();
    let by_request = archive.show(&Sought::Request(request(1))).unwrap();
    assert_eq!(by_receipt, by_request);
    let events: Vec<Event> = by_receipt
        .into_iter()
        .map(|shown| match shown.record {
            Kept::Whole(record) => record.event,
            Kept::Erased | Kept::Altered => panic!("{shown:?}"),
        })
        .collect();
    let [Event::Intent(intent), Event::Outcome(outcome), Event::Entry(_)] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(intent.plan, plan(1));
    assert_eq!(intent.plan_digest, plan(1).digest());
    assert_eq!(intent.asked.by.upn.as_deref(), Some("doug@contoso.com"));
    assert_eq!(intent.confirmation.at, at("2026-07-01T09:59:59Z"));
    assert_eq!(outcome.outcome, done());
    assert!(verify(dir.path()).holds());
}

#[tokio::test]
async fn an_intent_is_on_disk_before_it_may_be_carried_out() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    let opened = world.intend(1).await;
    // Seen beside the process that writes, which has neither closed nor signed anything since.
    let seen = Archive::open(dir.path()).unwrap().show(&Sought::Request(request(1))).unwrap();
    let [shown] = seen.as_slice() else { panic!("{seen:?}") };
    let Kept::Whole(record) = &shown.record else { panic!("{shown:?}") };
    let Event::Intent(intent) = &record.event else { panic!("{record:?}") };
    assert_eq!(intent.client_request_id, opened.client_request_id());
    assert_eq!(record.at, opened.opened_at());
}

#[tokio::test]
async fn one_request_is_opened_once_also_by_many_at_once_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    let mut tries = JoinSet::new();
    for _ in 0..50 {
        let log = world.log.clone();
        tries.spawn(async move {
            let facts = Facts { twin: &twin(), requester_upn: None };
            log.open_intent(confirmed(1), facts).await.map(drop)
        });
    }
    let results = tries.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    world.log.shut_down().await.unwrap();

    let world = open(dir.path());
    let facts = Facts { twin: &twin(), requester_upn: None };
    let refused = world.log.open_intent(confirmed(1), facts).await.unwrap_err();
    assert!(matches!(refused, RecordError::AlreadyOpened(_)), "{refused}");
    let refused = world.log.declined(declined(1)).await.unwrap_err();
    assert!(matches!(refused, RecordError::AlreadyOpened(_)), "{refused}");
    let refused = world.log.entry(request(2), None).await.unwrap_err();
    assert!(matches!(refused, RecordError::NotOpen(_)), "{refused}");
    assert_eq!(verify(dir.path()).leaves, 1);
}

#[tokio::test]
async fn an_interrupted_intent_is_found_with_its_facts_and_closed_once() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    world.act(1).await;
    let opened = world.intend(2).await;
    let (id, since) = (opened.client_request_id(), opened.opened_at());
    world.log.shut_down().await.unwrap();

    let world = open(dir.path());
    let [found] = world.recovered.interrupted.as_slice() else { panic!("{:?}", world.recovered) };
    assert_eq!(found.request(), request(2));
    assert_eq!(found.requester(), UserId::new(Uuid::from_u128(903)));
    assert_eq!(found.chat().as_str(), "19:doug_sam@unq.gbl.spaces");
    assert_eq!((found.asked_by().number(), found.prompt().number()), (1, 2));
    assert_eq!(found.action(), &plan(2).action);
    assert_eq!(found.plan_digest(), plan(2).digest());
    assert_eq!((found.client_request_id(), found.opened_at()), (id, since));
    let interrupted = world.recovered.interrupted.into_iter().next().unwrap();
    let outcome = Outcome::FoundDone { at: at("2026-07-01T10:05:00Z") };
    world.log.close_interrupted(interrupted, outcome).await.unwrap();
    world.log.shut_down().await.unwrap();

    let world = open(dir.path());
    assert!(world.recovered.interrupted.is_empty());
    let [awaiting] = world.recovered.awaiting_entry.as_slice() else {
        panic!("{:?}", world.recovered)
    };
    assert_eq!((awaiting.request, awaiting.trace.client_request_id), (request(2), id));
    world.log.entry(request(2), Some(entry())).await.unwrap();
    world.log.shut_down().await.unwrap();
    assert!(open(dir.path()).recovered.awaiting_entry.is_empty());
}

#[tokio::test]
async fn what_did_not_happen_awaits_no_entry() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    let (_, ticket) = world.intend(1).await.into_parts();
    let outcome = Outcome::NotDone { reason: "no seat".to_owned(), code: None };
    world.log.close(ticket, outcome).await.unwrap();
    world.log.shut_down().await.unwrap();
    let world = open(dir.path());
    assert!(world.recovered.interrupted.is_empty() && world.recovered.awaiting_entry.is_empty());
}

#[tokio::test]
async fn a_log_is_open_once_and_only_for_its_own_twin_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    let refused = try_open(dir.path(), 7, ORIGIN).err().unwrap();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    world.log.shut_down().await.unwrap();
    assert!(matches!(world.log.checkpoint().await, Err(RecordError::ShutDown)));
    for (key, origin) in [(8, ORIGIN), (7, "contoso.com/sue")] {
        let refused = try_open(dir.path(), key, origin).err().unwrap();
        assert!(matches!(refused, OpenError::OtherLog { .. }), "{refused}");
    }
    for origin in ["", "two words", "a+b", "line\u{7}"] {
        let refused = try_open(dir.path(), 7, origin).err().unwrap();
        assert!(matches!(refused, OpenError::BadOrigin(_)), "{refused}");
    }
    open(dir.path());
}

#[tokio::test]
async fn what_many_do_at_once_is_all_kept() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(open(dir.path()));
    let mut actors = JoinSet::new();
    for actor in 0..40_u64 {
        let world = Arc::clone(&world);
        actors.spawn(async move {
            for number in 0..10 {
                world.act(actor * 100 + number).await;
            }
        });
    }
    actors.join_all().await;
    world.log.shut_down().await.unwrap();
    let report = verify(dir.path());
    assert_eq!((report.leaves, report.signed, report.open), (1200, 1200, 0));
    assert_eq!(report.findings, Vec::<String>::new());
    open(dir.path());
}
