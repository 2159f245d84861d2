use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use subtwin_kernel::{
    Action, Approval, Digest, MessageId, Outcome, Part, Plan, SkuId, Tool, UserId,
};
use subtwin_primitives::{Event, Seen, TwinChange, TwinEvent};
use subtwin_record::audit::{Archive, Kept, Shown, Sought};
use subtwin_record::{Facts, OpenError, RecordError, Trace};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{
    ORIGIN, at, confirmed, declined, done, matched, open, plan, request, try_open, twin, verify,
};

/// Everything on the record about a request, oldest first.
fn events(dir: &Path, number: u64) -> Vec<Event> {
    let shown = Archive::open(dir).unwrap().show(&Sought::Request(request(number))).unwrap();
    let whole = |shown: Shown| match shown.record {
        Kept::Whole(record) => record.event,
        Kept::Erased | Kept::Altered => panic!("{shown:?}"),
    };
    shown.into_iter().map(whole).collect()
}

fn not_done() -> Outcome {
    Outcome::NotDone { reason: "no seat".to_owned(), code: None }
}

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
    let events = events(dir.path(), 1);
    let [Event::Intent(intent), Event::Outcome(outcome), Event::Entry(_)] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(intent.plan, plan(1));
    assert_eq!(intent.plan_digest, plan(1).digest());
    assert_eq!(intent.asked.by.upn.as_deref(), Some("doug@contoso.com"));
    let [yes] = intent.confirmations.as_slice() else { panic!("{intent:?}") };
    assert_eq!((yes.by, yes.at), (intent.asked.by.user, at("2026-07-01T09:59:59Z")));
    assert_eq!((yes.prompt.number(), yes.answer.number(), yes.typed), (2, 3, false));
    assert_eq!(outcome.outcomes, [done()]);
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
    let (_, ticket) = opened.into_parts();
    let sent: Vec<Uuid> = ticket.traces().iter().map(|trace| trace.client_request_id).collect();
    assert_eq!(intent.client_request_ids, sent);
    assert_eq!(record.at, ticket.opened_at());
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
    let refused = world.log.entry(request(2), vec![Seen::NotVisible {}]).await.unwrap_err();
    assert!(matches!(refused, RecordError::NotOpen(_)), "{refused}");
    assert_eq!(verify(dir.path()).leaves, 1);
}

/// A plan of three parts, each about a product of its own.
fn three(number: u64) -> Plan {
    let mut plan = plan(number);
    let [first] = plan.parts.as_slice() else { panic!("{plan:?}") };
    let of = |part: &Part, product| {
        let (person, sku) = (part.action.person(), SkuId::new(Uuid::from_u128(product)));
        let action = Action::LicenseAssign { person, sku, disabled_plans: vec![] };
        Part { touches: action.touches(), action, ..part.clone() }
    };
    plan.parts = [7, 8, 9].map(|product| of(first, product)).into();
    plan.asked = plan.parts.iter().map(|part| part.action.clone()).collect();
    plan
}

#[tokio::test]
async fn an_interrupted_intent_is_found_with_its_facts_and_closed_once() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    world.act(1).await;
    let opened = world.intend_to(2, &three(2)).await;
    let since = opened.opened_at();
    world.log.shut_down().await.unwrap();

    let world = open(dir.path());
    let [found] = world.recovered.interrupted.as_slice() else { panic!("{:?}", world.recovered) };
    assert_eq!(found.request(), request(2));
    assert_eq!(found.requester(), UserId::new(Uuid::from_u128(903)));
    assert_eq!(found.chat().as_str(), "19:doug_sam@unq.gbl.spaces");
    assert_eq!((found.asked_by(), found.prompt()), (MessageId::new(1), Some(MessageId::new(2))));
    assert_eq!(found.plan_digest(), three(2).digest());
    assert_eq!(found.opened_at(), since);
    let interrupted = world.recovered.interrupted.into_iter().next().unwrap();
    let found = Outcome::FoundDone { at: at("2026-07-01T10:05:00Z") };
    let lost = Outcome::Unknown { reason: "nobody answers".to_owned() };
    let outcomes = vec![found, not_done(), lost];
    world.log.close_interrupted(interrupted, outcomes.clone()).await.unwrap();
    world.log.shut_down().await.unwrap();

    assert!(open(dir.path()).recovered.interrupted.is_empty());
    let Event::Outcome(outcome) = events(dir.path(), 2).remove(1) else { panic!("no outcome") };
    assert_eq!((outcome.outcomes, outcome.after_restart), (outcomes, true));
    let report = verify(dir.path());
    assert_eq!((report.open, report.findings), (0, vec![]));
}

#[tokio::test]
async fn each_part_is_traced_by_an_id_of_its_own_before_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    let (plan, ticket) = world.intend_to(1, &three(1)).await.into_parts();
    world.log.shut_down().await.unwrap();
    let world = open(dir.path());
    let [found] = world.recovered.interrupted.as_slice() else { panic!("{:?}", world.recovered) };
    let facts = |trace: &Trace| (trace.action.clone(), trace.client_request_id, trace.sent_at);
    let before: Vec<_> = ticket.traces().iter().map(facts).collect();
    let after: Vec<_> = found.traces().iter().map(facts).collect();
    assert_eq!(before, after);
    let actions: Vec<_> = plan.parts.iter().map(|part| part.action.clone()).collect();
    assert_eq!(before.iter().map(|(action, ..)| action.clone()).collect::<Vec<_>>(), actions);
    let ids: HashSet<Uuid> = before.iter().map(|(_, id, _)| *id).collect();
    assert_eq!(ids.len(), 3, "{before:?}");
}

#[tokio::test]
async fn each_part_has_its_own_outcome_and_what_was_not_done_expects_no_entry() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    let (_, ticket) = world.intend_to(1, &three(1)).await.into_parts();
    let outcomes = vec![done(), not_done(), done()];
    world.log.close(ticket, outcomes.clone(), vec![2]).await.unwrap();
    let seen = vec![matched(), Seen::NotExpected {}, Seen::NotVisible {}];
    world.log.entry(request(1), seen.clone()).await.unwrap();
    world.log.shut_down().await.unwrap();
    assert!(open(dir.path()).recovered.interrupted.is_empty());
    let events = events(dir.path(), 1);
    let [Event::Intent(intent), Event::Outcome(outcome), Event::Entry(entry)] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!((&outcome.outcomes, outcome.after_restart), (&outcomes, false));
    assert_eq!(outcome.secrets, [2], "which parts came to a secret, and nothing of it");
    assert_eq!(entry.seen, seen);
    assert_eq!(intent.client_request_ids.len(), 3);
    assert_eq!(intent.tools, [Tool::LicenseAssign]);
    assert_eq!(verify(dir.path()).findings, Vec::<String>::new());
}

#[tokio::test]
async fn every_yes_is_on_the_record_the_requesters_first() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    let typed = Some("sarah.lin@contoso.com".to_owned());
    world.intend_to(1, &Plan { approval: Approval::Two, type_back: typed, ..plan(1) }).await;
    world.log.shut_down().await.unwrap();
    let Event::Intent(intent) = events(dir.path(), 1).remove(0) else { panic!("no intent") };
    let by: Vec<u128> = intent.confirmations.iter().map(|yes| yes.by.guid().as_u128()).collect();
    assert_eq!(by, [903, 910, 911]);
    assert!(intent.confirmations.iter().all(|yes| yes.typed), "{intent:?}");
    let chats: HashSet<&str> = intent.confirmations.iter().map(|yes| yes.chat.as_str()).collect();
    assert_eq!(chats.len(), 3, "{chats:?}");
    assert_eq!(verify(dir.path()).findings, Vec::<String>::new());
}

#[tokio::test]
async fn the_rules_of_the_last_start_are_found_at_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    assert_eq!(world.recovered.rules, None);
    let [old, new] = [b"old", b"new"].map(|text| Digest::of(text));
    let started = |catalog_digest, policy_digest| TwinChange::Started {
        version: "0.1.0".to_owned(),
        catalog: vec![],
        catalog_digest,
        policy_digest,
    };
    let catalog = TwinChange::Catalog { catalog: vec![], catalog_digest: new };
    let policy = TwinChange::Policy { policy_digest: new };
    world.log.shut_down().await.unwrap();
    for (change, rules) in [
        // Without a start, neither says both.
        (policy.clone(), None),
        (started(old, old), Some((old, old))),
        (catalog, Some((new, old))),
        (started(old, old), Some((old, old))),
        (policy, Some((old, new))),
        (TwinChange::Stopped {}, Some((old, new))),
    ] {
        let world = open(dir.path());
        world.log.twin(TwinEvent { twin: twin(), change: change.clone() }).await.unwrap();
        world.log.shut_down().await.unwrap();
        let world = open(dir.path());
        assert_eq!(world.recovered.rules, rules, "after {change:?}");
        world.log.shut_down().await.unwrap();
    }
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
