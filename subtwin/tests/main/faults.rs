//! Everything that goes wrong in the cloud. Whatever it is: one effect at most, and what the
//! requester reads is true.

use crate::evidence::{events, holds, report};
use crate::stage::{DOUG, Message, SARAH, Said, Setup, Stage, eventually, says};

const REVOKED: &str = "sessionsRevoked";

async fn stage() -> Stage {
    Stage::with(&Setup { look_after_seconds: (1..=60).collect(), ..Setup::default() }).await
}

fn sign_out(target: &str) -> String {
    format!("sign {target} out everywhere")
}

/// Asks, and has the prompt.
async fn prompted(stage: &Stage, target: &str) -> Said {
    stage.ask(DOUG, &sign_out(target), &["Reply yes", target]).await.0
}

/// It happened exactly once, was told exactly once, and both are on record.
async fn done_once(mut stage: Stage, target: &str, request: &Said) {
    assert_eq!(stage.changes().await, [(REVOKED.to_owned(), target.to_owned(), 1)]);
    let answers = stage.answers(DOUG, request).await;
    let count = |parts: &[&str]| answers.iter().filter(|answer| says(answer, parts)).count();
    assert_eq!(count(&["Reply yes"]), 1, "{answers:#?}");
    assert_eq!(count(&["Done", "receipt R-"]), 1, "{answers:#?}");
    stage.stop().await;
    assert_eq!(events(&stage.evidence(), "intent").len(), 1);
    assert_eq!(events(&stage.evidence(), "outcome").len(), 1);
    holds(&stage.evidence());
}

async fn with_entry(stage: &Stage, request: &Said) -> Message {
    stage.hears(DOUG, request, &["Done", "receipt R-", "In your tenant's audit log"]).await
}

#[tokio::test]
async fn without_a_single_notification_everything_is_still_heard() {
    let stage = stage().await;
    stage.ask(DOUG, "Who is Sarah Lin?", &[SARAH]).await;
    stage.faults(&["dropNotifications=1000"]).await;
    let target = stage.colleague(0);
    let request = prompted(&stage, &target).await;
    stage.ask(DOUG, "yes", &["Done."]).await;
    let counts = stage.control.get("subscriptions").await;
    assert!(counts["notifications"]["dropped"].as_u64().unwrap() >= 2, "{counts}");
    done_once(stage, &target, &request).await;
}

#[tokio::test]
async fn notifications_twice_late_and_out_of_order_change_nothing() {
    let stage = stage().await;
    let switches =
        ["duplicateNotifications=1000", "delayNotificationsMs=200", "reorderNotifications=500"];
    stage.faults(&switches).await;
    let target = stage.colleague(0);
    let first = stage.say(DOUG, "Who is Sarah Lin?").await;
    stage.say(DOUG, "Who is Dana Whitfield?").await;
    stage.hears(DOUG, &first, &["Account Executive"]).await;
    stage.hears(DOUG, &first, &["IT Manager"]).await;
    let request = prompted(&stage, &target).await;
    stage.ask(DOUG, "yes", &["Done."]).await;
    let said = stage.answers(DOUG, &first).await;
    assert_eq!(said.len(), 4, "one answer to each message: {said:#?}");
    done_once(stage, &target, &request).await;
}

#[tokio::test]
async fn a_throttled_call_is_made_again_after_the_time_the_service_asks_for() {
    let stage = stage().await;
    let target = stage.colleague(0);
    let request = prompted(&stage, &target).await;
    stage.faults(&["throttleNext=4", "retryAfter=\"0.301\""]).await;
    stage.ask(DOUG, "yes", &["Done."]).await;
    assert_eq!(stage.control.get("faults").await["throttleNext"], 0);
    done_once(stage, &target, &request).await;
}

#[tokio::test]
async fn a_call_that_failed_and_did_nothing_is_not_done_and_said_so() {
    let mut stage = stage().await;
    let target = stage.colleague(0);
    let request = prompted(&stage, &target).await;
    // Two: one may go to the twin's presence.
    stage.faults(&["failBeforeNext=2"]).await;
    stage.ask(DOUG, "yes", &["Not done.", "receipt R-"]).await;
    assert_eq!(stage.changes().await, []);
    let answers = stage.answers(DOUG, &request).await;
    let ends = answers.iter().filter(|answer| says(answer, &["receipt R-"])).count();
    assert_eq!(ends, 1, "{answers:#?}");
    // It may be asked for again.
    prompted(&stage, &target).await;
    stage.ask(DOUG, "yes", &["Done.", "receipt R-"]).await;
    assert_eq!(stage.times(REVOKED, &target).await, 1);
    stage.stop().await;
    holds(&stage.evidence());
}

#[tokio::test]
async fn a_call_that_failed_but_happened_is_looked_up_and_not_repeated() {
    let stage = stage().await;
    let target = stage.colleague(0);
    let request = prompted(&stage, &target).await;
    stage.faults(&["failAfterNext=2"]).await;
    stage.ask(DOUG, "yes", &["Done, as", "receipt R-"]).await;
    with_entry(&stage, &request).await;
    done_once(stage, &target, &request).await;
}

#[tokio::test]
async fn a_connection_cut_after_the_change_is_looked_up_and_not_repeated() {
    let stage = stage().await;
    let target = stage.colleague(0);
    let request = prompted(&stage, &target).await;
    stage.faults(&["cutAfterNext=2"]).await;
    stage.ask(DOUG, "yes", &["Done, as", "receipt R-"]).await;
    with_entry(&stage, &request).await;
    done_once(stage, &target, &request).await;
}

#[tokio::test]
async fn a_prompt_whose_posting_was_not_answered_is_shown_once_and_can_be_confirmed() {
    let stage = stage().await;
    let target = stage.colleague(0);
    stage.ask(DOUG, "Who is Sarah Lin?", &[SARAH]).await;
    stage.faults(&["cutAfterNext=1"]).await;
    let request = prompted(&stage, &target).await;
    // Read before the twin has found its own prompt, the yes still counts: it waits its turn.
    stage.ask(DOUG, "yes", &["Done."]).await;
    done_once(stage, &target, &request).await;
}

#[tokio::test]
async fn a_slow_cloud_is_bridged_with_a_word() {
    let stage = stage().await;
    let target = stage.colleague(0);
    stage.faults(&["slowMs=500"]).await;
    let request = prompted(&stage, &target).await;
    let (yes, _) = stage.ask(DOUG, "yes", &["Done."]).await;
    stage.hears(DOUG, &yes, &["On it."]).await;
    with_entry(&stage, &request).await;
    done_once(stage, &target, &request).await;
}

#[tokio::test]
async fn tokens_that_expire_and_are_challenged_in_the_middle_are_renewed() {
    let stage = stage().await;
    let target = stage.colleague(0);
    stage.faults(&["expireTokensNext=1"]).await;
    let request = prompted(&stage, &target).await;
    stage.faults(&["challengeNext=2", "failTokensNext=1"]).await;
    stage.ask(DOUG, "yes", &["Done."]).await;
    with_entry(&stage, &request).await;
    let faults = stage.control.get("faults").await;
    assert_eq!(faults["expireTokensNext"], 0);
    done_once(stage, &target, &request).await;
}

#[tokio::test]
async fn a_tenants_entry_that_never_appears_is_said_and_put_on_record() {
    let mut stage =
        Stage::with(&Setup { look_after_seconds: vec![1, 2], ..Setup::default() }).await;
    let target = stage.colleague(0);
    stage.faults(&["auditDelayMs=3600000"]).await;
    prompted(&stage, &target).await;
    let (yes, done) = stage.ask(DOUG, "yes", &["Done."]).await;
    let told = stage.hears(DOUG, &yes, &["Done.", "has not appeared"]).await;
    assert_eq!(told.id, done.id);
    let evidence = stage.evidence();
    let entry = eventually("the entry's absence", async || events(&evidence, "entry").pop()).await;
    assert_eq!(entry["seen"][0]["result"], "not_visible", "{entry}");
    stage.stop().await;
    holds(&evidence);
}

#[tokio::test]
async fn a_record_that_cannot_be_written_stops_the_action_before_it_starts() {
    let mut stage = stage().await;
    let target = stage.colleague(0);
    let evidence = stage.evidence();
    let (records, away) = (evidence.join("records"), evidence.join("records.away"));
    prompted(&stage, &target).await;
    // Until its head is signed, the log has its last file open and would write to it anywhere.
    eventually("the signed head", async || {
        let report = report(&evidence);
        (report["signed"] == report["records"]).then_some(())
    })
    .await;
    std::fs::rename(&records, &away).unwrap();
    std::fs::write(&records, "not a directory").unwrap();
    stage.ask(DOUG, "yes", &["cannot write my record", "Nothing was changed"]).await;
    assert_eq!(stage.changes().await, []);
    std::fs::remove_file(&records).unwrap();
    std::fs::rename(&away, &records).unwrap();
    prompted(&stage, &target).await;
    stage.ask(DOUG, "yes", &["Done."]).await;
    assert_eq!(stage.times(REVOKED, &target).await, 1);
    stage.stop().await;
    holds(&evidence);
}

#[tokio::test]
async fn a_twin_whose_sessions_were_ended_does_nothing_and_lives() {
    let mut stage = stage().await;
    let target = stage.colleague(0);
    prompted(&stage, &target).await;
    stage.control.post("revoke", &serde_json::json!({"user": "sam"})).await;
    stage.faults(&["refuseSignIns=50173", "expireTokensNext=1"]).await;
    stage.say(DOUG, "yes").await;
    let log = stage.log();
    eventually("the refusal in the log", async || {
        std::fs::read_to_string(&log).unwrap().contains("50173").then_some(())
    })
    .await;
    assert_eq!(stage.times(REVOKED, &target).await, 0);
    stage.stop().await;
    holds(&stage.evidence());
}
