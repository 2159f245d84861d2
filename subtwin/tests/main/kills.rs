//! `kill -9` at every step of an action. Whatever happened, after the next start: at most one
//! effect, the requester is told the truth about it once, and the evidence is whole.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use crate::evidence::{events, holds};
use crate::stage::{DOUG, Message, Said, Setup, Stage, eventually, says};

const REVOKED: &str = "sessionsRevoked";
const PAULA: &str = "paula.stone@contoso.com";

/// What an action's end is told with. Exactly one of these must be said about every request.
const ENDS: [&str; 5] = [
    "Done.",
    "Done, as",
    "Not done.",
    "I cannot say whether",
    "I was restarted before you answered",
];

async fn stage() -> Stage {
    Stage::with(&Setup { look_after_seconds: (1..=60).collect(), ..Setup::default() }).await
}

fn ends(answers: &[Message]) -> Vec<&Message> {
    answers.iter().filter(|answer| ENDS.iter().any(|end| answer.text.starts_with(end))).collect()
}

/// Waits until the requester knows how it ended, and checks that it is true.
async fn told_the_truth(stage: &Stage, who: &str, target: &str, request: &Said) -> Message {
    let end = eventually("the requester is told how it ended", async || {
        let answers = stage.answers(who, request).await;
        ends(&answers).first().map(|end| (*end).clone())
    })
    .await;
    let times = stage.times(REVOKED, target).await;
    assert!(times <= 1, "it happened {times} times to {target}");
    let done = says(&end, &["Done,"]) || says(&end, &["Done."]) && !says(&end, &["Not done."]);
    assert_eq!(times == 1, done, "it happened {times} times; {who} was told {end:#?}");
    if done {
        assert!(end.text.contains("receipt R-"), "{end:?}");
    }
    end
}

/// Nothing was said twice: one prompt, one end.
async fn told_once(stage: &Stage, who: &str, request: &Said) {
    let answers = stage.answers(who, request).await;
    assert_eq!(ends(&answers).len(), 1, "{answers:#?}");
    let prompts = answers.iter().filter(|answer| says(answer, &["Reply yes"])).count();
    assert_eq!(prompts, 1, "{answers:#?}");
    let nothing = answers.iter().filter(|answer| says(answer, &["Nothing is waiting"])).count();
    assert!(nothing <= 1, "{answers:#?}");
}

/// Sam still works, and the evidence of all of it holds.
async fn goes_on(mut stage: Stage, target: &str) {
    let request = stage.say(DOUG, &sign_out(target)).await;
    stage.hears(DOUG, &request, &["Reply yes", target]).await;
    stage.ask(DOUG, "yes", &["Done.", "receipt R-"]).await;
    assert_eq!(stage.times(REVOKED, target).await, 1);
    stage.stop().await;
    let evidence: PathBuf = stage.evidence();
    holds(&evidence);
    let (begun, ended) = (events(&evidence, "intent"), events(&evidence, "outcome"));
    assert_eq!(begun.len(), ended.len());
}

fn sign_out(target: &str) -> String {
    format!("sign {target} out everywhere")
}

#[tokio::test]
async fn killed_while_a_question_is_open_the_next_start_still_serves() {
    let mut stage = stage().await;
    stage.ask(DOUG, "give Sarah Lin an E3", &["Which"]).await;
    stage.kill();
    let answer = stage.say(DOUG, "Microsoft 365 E3").await;
    stage.start().await;
    // The question went with the process; the answer to it is not taken for something else.
    eventually("an answer", async || {
        (!stage.answers(DOUG, &answer).await.is_empty()).then_some(())
    })
    .await;
    assert_eq!(stage.changes().await, []);
    let target = stage.colleague(0);
    goes_on(stage, &target).await;
}

#[tokio::test]
async fn killed_with_a_prompt_open_nothing_is_done_and_the_requester_knows() {
    let mut stage = stage().await;
    let target = stage.colleague(0);
    let (request, _) = stage.ask(DOUG, &sign_out(&target), &["Reply yes"]).await;
    stage.kill();
    // The yes comes while nobody listens: to a prompt of a process that is gone.
    let yes = stage.say(DOUG, "yes").await;
    stage.start().await;
    told_the_truth(&stage, DOUG, &target, &request).await;
    stage.hears(DOUG, &yes, &["Nothing is waiting"]).await;
    assert_eq!(stage.changes().await, []);
    told_once(&stage, DOUG, &request).await;
    let other = stage.colleague(1);
    goes_on(stage, &other).await;
}

#[tokio::test]
async fn a_request_written_while_the_twin_is_dead_is_answered_once_at_the_next_start() {
    let mut stage = stage().await;
    let target = stage.colleague(0);
    stage.ask(DOUG, "Who is Sarah Lin?", &["Account Executive"]).await;
    stage.kill();
    let request = stage.say(DOUG, &sign_out(&target)).await;
    stage.start().await;
    stage.hears(DOUG, &request, &["Reply yes", &target]).await;
    let (yes, _) = stage.ask(DOUG, "yes", &["Done.", "receipt"]).await;
    assert_eq!(stage.answers(DOUG, &yes).await.len(), 1);
    told_once(&stage, DOUG, &request).await;
    assert_eq!(stage.changes().await, [(REVOKED.to_owned(), target, 1)]);
}

#[tokio::test]
async fn killed_after_the_yes_and_before_the_call_it_is_told_truly_and_nobody_else_waits_for_it() {
    let helpdesk = vec![DOUG.to_owned(), PAULA.to_owned()];
    let mut stage = Stage::with(&Setup { helpdesk, look_after_seconds: (1..=60).collect() }).await;
    let (target, other) = (stage.colleague(0), stage.colleague(1));
    let (open, _) = stage.ask(PAULA, &sign_out(&other), &["Reply yes"]).await;
    let (request, _) = stage.ask(DOUG, &sign_out(&target), &["Reply yes"]).await;
    // From here every call waits before it does anything: the intent is on record, and the call is
    // on its way.
    stage.faults(&["slowMs=1500"]).await;
    stage.say(DOUG, "yes").await;
    let evidence = stage.evidence();
    eventually("the intent on record", async || events(&evidence, "intent").pop()).await;
    stage.kill();
    assert_eq!(stage.times(REVOKED, &target).await, 0, "killed too late");
    stage.faults(&["slowMs=0"]).await;
    stage.start().await;

    // Whether it happened takes a while to find out. Others are told, heard and answered meanwhile,
    // each message once, whenever the look ends.
    stage.hears(PAULA, &open, &["I was restarted before you answered"]).await;
    let found = events(&evidence, "outcome");
    assert!(found.is_empty(), "they waited until the look was over: {found:#?}");
    stage.faults(&["slowMs=150"]).await;
    let mut asked = 0;
    while ends(&stage.answers(DOUG, &request).await).is_empty() {
        stage.ask(PAULA, "Who is Sarah Lin?", &["Account Executive"]).await;
        asked += 1;
    }
    stage.faults(&["slowMs=0"]).await;
    told_the_truth(&stage, DOUG, &target, &request).await;
    told_once(&stage, DOUG, &request).await;
    let answers = stage.answers(PAULA, &open).await;
    let cards = answers.iter().filter(|answer| says(answer, &["Account Executive"])).count();
    assert_eq!(cards, asked, "{answers:#?}");
    goes_on(stage, &other).await;
}

#[tokio::test]
async fn killed_right_after_the_effect_it_is_found_done_and_not_done_again() {
    let mut stage = stage().await;
    let target = stage.colleague(0);
    let (request, _) = stage.ask(DOUG, &sign_out(&target), &["Reply yes"]).await;
    // The look after the call waits, so the outcome is not on record yet.
    stage.faults(&["slowMs=1000"]).await;
    stage.say(DOUG, "yes").await;
    stage.happened(REVOKED, &target).await;
    stage.kill();
    assert!(events(&stage.evidence(), "outcome").is_empty(), "killed too late");
    stage.faults(&["slowMs=0"]).await;
    stage.start().await;
    let end = told_the_truth(&stage, DOUG, &target, &request).await;
    assert!(end.text.starts_with("Done, as"), "{end:?}");
    told_once(&stage, DOUG, &request).await;
    let other = stage.colleague(1);
    goes_on(stage, &other).await;
}

#[tokio::test]
async fn killed_with_the_outcome_on_record_and_nobody_told_it_is_told_at_the_next_start() {
    let mut stage = stage().await;
    let target = stage.colleague(0);
    let (request, _) = stage.ask(DOUG, &sign_out(&target), &["Reply yes"]).await;
    stage.faults(&["slowMs=800"]).await;
    stage.say(DOUG, "yes").await;
    let evidence = stage.evidence();
    eventually("the outcome on record", async || events(&evidence, "outcome").pop()).await;
    stage.kill();
    stage.faults(&["slowMs=0"]).await;
    stage.start().await;
    told_the_truth(&stage, DOUG, &target, &request).await;
    told_once(&stage, DOUG, &request).await;
    let other = stage.colleague(1);
    goes_on(stage, &other).await;
}

#[tokio::test]
async fn killed_between_the_result_and_the_tenants_entry_the_entry_is_added_at_the_next_start() {
    let mut stage = stage().await;
    stage.faults(&["auditDelayMs=2000"]).await;
    let target = stage.colleague(0);
    let (request, _) = stage.ask(DOUG, &sign_out(&target), &["Reply yes"]).await;
    let (yes, done) = stage.ask(DOUG, "yes", &["Done.", "receipt R-"]).await;
    stage.kill();
    assert!(!done.text.contains("In your tenant's audit log"), "{done:?}");
    stage.start().await;
    let told = stage.hears(DOUG, &yes, &["In your tenant's audit log"]).await;
    assert_eq!(told.id, done.id);
    told_once(&stage, DOUG, &request).await;
    let other = stage.colleague(1);
    let evidence = stage.evidence();
    let entries = events(&evidence, "entry");
    assert_eq!(entries.len(), 1, "{entries:#?}");
    goes_on(stage, &other).await;
}

#[tokio::test]
async fn killed_with_the_entry_on_record_and_not_in_the_reply_it_is_added_at_the_next_start() {
    let mut stage = stage().await;
    let target = stage.colleague(0);
    let (request, _) = stage.ask(DOUG, &sign_out(&target), &["Reply yes"]).await;
    let (yes, _) = stage.ask(DOUG, "yes", &["Done.", "receipt R-"]).await;
    stage.faults(&["slowMs=1000"]).await;
    let evidence = stage.evidence();
    eventually("the entry on record", async || events(&evidence, "entry").pop()).await;
    stage.kill();
    let before = stage.hears(DOUG, &yes, &["Done."]).await;
    assert!(!before.edited, "killed too late: {before:?}");
    stage.faults(&["slowMs=0"]).await;
    stage.start().await;
    stage.hears(DOUG, &yes, &["In your tenant's audit log"]).await;
    told_once(&stage, DOUG, &request).await;
    assert_eq!(events(&evidence, "entry").len(), 1);
    let other = stage.colleague(1);
    goes_on(stage, &other).await;
}

#[tokio::test]
async fn told_to_stop_in_the_middle_of_an_action_it_finishes_and_tells() {
    let mut stage = stage().await;
    let target = stage.colleague(0);
    stage.ask(DOUG, &sign_out(&target), &["Reply yes"]).await;
    stage.faults(&["slowMs=700"]).await;
    let yes = stage.say(DOUG, "yes").await;
    let evidence = stage.evidence();
    eventually("the intent on record", async || events(&evidence, "intent").pop()).await;
    stage.terminate();
    stage.ended().await;
    assert_eq!(stage.times(REVOKED, &target).await, 1);
    let answers = stage.answers(DOUG, &yes).await;
    assert!(answers.iter().any(|answer| says(answer, &["Done.", "receipt R-"])), "{answers:#?}");
    holds(&evidence);
    // The entry it had no time to wait for comes at the next start, into the same reply.
    stage.faults(&["slowMs=0"]).await;
    stage.start().await;
    stage.hears(DOUG, &yes, &["In your tenant's audit log"]).await;
    let other = stage.colleague(1);
    goes_on(stage, &other).await;
}

/// Many people confirm at the same moment and the twin dies at some instant of it.
async fn at_random(seed: u64) {
    const PEOPLE: usize = 8;
    let mut random = seed;
    let probe = Stage::signed_in(&Setup::default()).await;
    let askers: Vec<String> = (0..PEOPLE).map(|number| probe.colleague(number)).collect();
    drop(probe);
    let setup = Setup { helpdesk: askers.clone(), look_after_seconds: (1..=60).collect() };
    let mut stage = Stage::with(&setup).await;
    for round in 0..2 {
        let mut asked = Vec::new();
        for (number, who) in askers.iter().enumerate() {
            let target = stage.colleague(PEOPLE * (round + 1) + number);
            asked.push((who, stage.say(who, &sign_out(&target)).await, target));
        }
        for (who, request, target) in &asked {
            stage.hears(who, request, &["Reply yes", target]).await;
        }
        for (who, ..) in &asked {
            stage.say(who, "yes").await;
        }
        // An instant between the first yes and the last result: so many effects, and a little more.
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let effects = usize::try_from(random >> 33).unwrap() % (PEOPLE + 1);
        eventually("some of the changes", async || {
            (round_total(&stage, &asked).await >= effects).then_some(())
        })
        .await;
        sleep(Duration::from_millis((random >> 20) % 40)).await;
        stage.kill();
        stage.start().await;
        for (who, request, target) in &asked {
            told_the_truth(&stage, who, target, request).await;
        }
        for (who, request, _) in &asked {
            told_once(&stage, who, request).await;
        }
    }
    stage.stop().await;
    holds(&stage.evidence());
    for (_, _, times) in stage.changes().await {
        assert_eq!(times, 1);
    }
}

async fn round_total(stage: &Stage, asked: &[(&String, Said, String)]) -> usize {
    let changes = stage.changes().await;
    changes.iter().filter(|(_, upn, _)| asked.iter().any(|(.., target)| target == upn)).count()
}

#[tokio::test]
async fn killed_at_some_instant_while_eight_people_confirm_each_is_told_the_truth() {
    at_random(1).await;
}

#[tokio::test]
async fn killed_at_another_instant_while_eight_people_confirm_each_is_told_the_truth() {
    at_random(7).await;
}
