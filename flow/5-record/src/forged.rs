//! Intents that no gate would release, put on the record by somebody who has the key: the
//! signature holds, and an auditor sees it all the same.

use std::sync::Arc;

use subtwin_kernel::{
    Approval, Digest, KeyBytes, ManualClock, Plan, RequestId, SeededEntropy, Tool,
};
use subtwin_primitives::{Event, Intent};
use uuid::Uuid;

use crate::audit::{Archive, Trust};
use crate::{Facts, Log, log, sample};

fn request() -> RequestId {
    RequestId::new(Uuid::from_u128(1))
}

fn plan() -> Plan {
    sample::plan(1)
}

/// Who types what is asked for, and has two approvers.
fn strict() -> Plan {
    let type_back = Some("sarah.lin@contoso.com".to_owned());
    Plan { approval: Approval::Two, type_back, ..plan() }
}

/// What a whole log says about an intent that was changed after the gate had released it.
async fn findings(plan: &Plan, forge: impl FnOnce(&mut Intent)) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at("2026-07-01T10:00:00Z".parse().unwrap()));
    let entropy = Arc::new(SeededEntropy::new(1));
    let key = KeyBytes::new([7; 32]);
    let (log, _) = Log::open(dir.path(), &key, "contoso.com/sam", clock, entropy.clone()).unwrap();
    let confirmed = sample::confirmed(request(), plan).unwrap();
    let facts = Facts { twin: &sample::twin(), requester_upn: None };
    let mut intent = log::intent(confirmed, facts, entropy.as_ref());
    forge(&mut intent);
    let at = "2026-07-01T10:00:00Z".parse().unwrap();
    log.append(at, Event::Intent(Box::new(intent))).await.unwrap();
    log.shut_down().await.unwrap();
    let report = Archive::open(dir.path()).unwrap().verify(&Trust::default()).unwrap();
    assert_eq!((report.leaves, report.open), (1, 1), "{report:?}");
    report.findings
}

/// What verify says about it; `said` is the one thing that does not hold.
async fn is_found(plan: &Plan, said: &str, forge: impl FnOnce(&mut Intent)) {
    let found = findings(plan, forge).await;
    assert_eq!(found, [format!("record 0: {said}")]);
}

#[tokio::test]
async fn an_intent_with_every_yes_it_needs_holds() {
    for plan in [plan(), strict(), Plan { approval: Approval::Another, ..plan() }] {
        assert_eq!(findings(&plan, |_| {}).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_intent_that_lacks_an_approvers_yes_is_found() {
    let said = "it lacks the yes of an approver";
    is_found(&strict(), said, |intent| drop(intent.confirmations.pop())).await;
    is_found(&strict(), said, |intent| intent.confirmations.truncate(1)).await;
    // The plan says who must say yes; a plan that says less is another plan.
    let approval = |intent: &mut Intent| intent.plan.approval = Approval::Own;
    is_found(&strict(), "its plan is not the one its digest says", approval).await;
}

#[tokio::test]
async fn an_intent_that_counts_one_persons_yes_twice_is_found() {
    let said = "one person's yes counts twice";
    is_found(&strict(), said, |intent| {
        let approver = intent.confirmations[1].by;
        intent.confirmations[2].by = approver;
    })
    .await;
    is_found(&strict(), said, |intent| intent.confirmations[1].by = intent.asked.by.user).await;
}

#[tokio::test]
async fn an_intent_whose_first_yes_is_not_the_requesters_is_found() {
    let said = "it was not confirmed by who asked for it";
    is_found(&strict(), said, |intent| intent.confirmations.swap(0, 1)).await;
    is_found(&plan(), said, |intent| {
        intent.confirmations[0].by = sample::plan(2).parts[0].action.person();
    })
    .await;
}

#[tokio::test]
async fn an_intent_whose_required_name_was_not_typed_is_found() {
    let said = "its target was not typed";
    for yes in 0..3 {
        is_found(&strict(), said, |intent| intent.confirmations[yes].typed = false).await;
    }
    // Where it is not asked for, a typed name is no fault, and none is missed.
    let typed = |intent: &mut Intent| intent.confirmations[0].typed = true;
    assert_eq!(findings(&plan(), typed).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_intent_whose_calls_are_not_as_many_as_its_parts_is_found() {
    let said = "its calls are not as many as its parts";
    is_found(&plan(), said, |intent| intent.client_request_ids.clear()).await;
    is_found(&plan(), said, |intent| intent.client_request_ids.push(Uuid::from_u128(9))).await;
}

#[tokio::test]
async fn an_intent_whose_digest_or_tools_are_of_another_plan_is_found() {
    let said = "its plan is not the one its digest says";
    is_found(&plan(), said, |intent| intent.plan_digest = Digest::of(b"another")).await;
    is_found(&plan(), said, |intent| intent.plan.parts[0].step.path.push('x')).await;
    let said = "its plan is of other tools";
    is_found(&plan(), said, |intent| intent.tools = vec![Tool::SessionRevoke]).await;
}
