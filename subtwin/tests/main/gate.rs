//! Approvers, undo, policies and secrets, with real processes and real kills.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::evidence::{events, files, holds, records};
use crate::stage::{DOUG, Message, SARAH, Setup, Stage, eventually, program, says, succeed};

const PAULA: &str = "paula.stone@contoso.com";
const JOSE: &str = "jose.nunez@contoso.com";
const RESET: &str = "reset José Núñez's password";

/// Doug asks for a new password for José and says yes; Paula has been asked for hers.
async fn with_paula(stage: &Stage) -> Message {
    stage.ask(DOUG, RESET, &["Reply yes", JOSE, "the yes of an approver"]).await;
    stage.ask(DOUG, "yes", &["somebody else", PAULA]).await;
    eventually("Paula is asked", async || {
        let messages = stage.messages(PAULA).await;
        messages.into_iter().rfind(|message| says(message, &["Your yes is needed", JOSE]))
    })
    .await
}

async fn reset(stage: &Stage) -> u64 {
    stage.times("passwordReset", JOSE).await
}

#[tokio::test]
async fn a_new_password_needs_an_approvers_yes_and_is_shown_once_to_the_requester_alone() {
    let mut stage = Stage::new().await;
    let asked = with_paula(&stage).await;
    assert!(says(&asked, &["Asked by: Doug Hale (doug@contoso.com)"]), "{asked:#?}");
    // The requester's own second yes is not the approver's, nor is anybody else's.
    stage.ask(DOUG, "yes", &["waiting for somebody else's"]).await;
    stage.ask(SARAH, "yes", &["Nothing is waiting"]).await;
    assert_eq!(reset(&stage).await, 0);
    let (yes, _) = stage.ask(PAULA, "yes", &["Thank you"]).await;
    let shown = eventually("the new password", async || {
        let messages = stage.messages(DOUG).await;
        messages.into_iter().find(|message| says(message, &["shown once"]))
    })
    .await;
    assert_eq!(reset(&stage).await, 1);
    let password = shown.text.lines().nth(1).unwrap().to_owned();
    assert_eq!(password.chars().count(), 20, "{shown:#?}");
    for other in [PAULA, JOSE] {
        let messages = stage.messages(other).await;
        assert!(messages.iter().all(|message| !message.text.contains(&password)), "{messages:#?}");
    }
    stage.ask(PAULA, "yes", &["Nothing is waiting"]).await;
    assert_eq!(reset(&stage).await, 1, "{yes:?}");

    // Stopping takes it out of the chat; it stands nowhere else.
    stage.stop().await;
    let left = stage.messages(DOUG).await;
    assert!(left.iter().all(|message| !message.text.contains(&password)), "{left:#?}");
    let kept = files(&stage.state())
        .into_iter()
        .chain([("the log".to_owned(), fs::read(stage.log()).unwrap())]);
    for (file, bytes) in kept {
        assert!(!String::from_utf8_lossy(&bytes).contains(&password), "{file}");
    }
    let intents = events(&stage.evidence(), "intent");
    let by: Vec<&str> = intents[0]["confirmations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|yes| yes["by"].as_str().unwrap())
        .collect();
    assert_eq!(by, [stage.person(DOUG), stage.person(PAULA)]);
    assert_eq!(events(&stage.evidence(), "outcome")[0]["secrets"], json!([0]));
    holds(&stage.evidence());
}

#[tokio::test]
async fn an_approvers_no_and_a_requesters_cancel_end_it_and_the_other_is_told() {
    let mut stage = Stage::new().await;
    with_paula(&stage).await;
    let (said, _) = stage.ask(DOUG, "cancel", &["Nothing was changed"]).await;
    eventually("the approval is withdrawn", async || {
        let messages = stage.messages(PAULA).await;
        messages.into_iter().find(|message| says(message, &["nothing waits for you"]))
    })
    .await;
    stage.ask(PAULA, "yes", &["Nothing is waiting"]).await;
    // The same by another tool is not proposed either, for a while.
    stage.ask(DOUG, "give José Núñez a temporary access pass", &["turned down a moment ago"]).await;
    assert_eq!(reset(&stage).await, 0, "{said:?}");
    stage.stop().await;
    let declined = events(&stage.evidence(), "declined");
    let why: Vec<&Value> = declined.iter().map(|one| &one["why"]["reason"]).collect();
    assert_eq!(why, ["said_no", "held_back"], "{declined:#?}");
    holds(&stage.evidence());
}

#[tokio::test]
async fn killed_while_an_approver_is_asked_nothing_is_done_and_the_requester_knows() {
    let mut stage = Stage::new().await;
    with_paula(&stage).await;
    stage.kill();
    let late = stage.say(PAULA, "yes").await;
    let before = stage.messages(DOUG).await.len();
    stage.start().await;
    eventually("Doug is told", async || {
        let messages = stage.messages(DOUG).await;
        let told = messages.into_iter().skip(before);
        told.into_iter().find(|message| says(message, &["I was restarted", "Nothing was changed"]))
    })
    .await;
    stage.hears(PAULA, &late, &["Nothing is waiting"]).await;
    assert_eq!(reset(&stage).await, 0);
    stage.stop().await;
    let declined = events(&stage.evidence(), "declined");
    assert_eq!(declined[0]["why"]["reason"], "restarted", "{declined:#?}");
    holds(&stage.evidence());
}

#[tokio::test]
async fn killed_between_the_new_password_and_its_showing_it_is_said_to_be_lost() {
    let mut stage = Stage::new().await;
    with_paula(&stage).await;
    stage.faults(&["slowMs=1000"]).await;
    stage.say(PAULA, "yes").await;
    stage.happened("passwordReset", JOSE).await;
    stage.kill();
    stage.faults(&["slowMs=0"]).await;
    let before = stage.messages(DOUG).await.len();
    stage.start().await;
    eventually("Doug is told", async || {
        let messages: Vec<_> = stage.messages(DOUG).await.into_iter().skip(before).collect();
        let done = messages.iter().any(|message| says(message, &["Done, as", "receipt R-"]));
        let lost = messages.iter().any(|message| says(message, &["I cannot show it"]));
        (done && lost).then_some(())
    })
    .await;
    assert_eq!(reset(&stage).await, 1);
    stage.stop().await;
    holds(&stage.evidence());
}

#[tokio::test]
async fn killed_in_the_middle_of_a_batch_each_part_is_told_truly_and_none_is_done_twice() {
    let mut stage = Stage::new().await;
    let people = [stage.colleague(0), stage.colleague(1), stage.colleague(2)];
    let [one, two, three] = &people;
    let request = format!("sign {one}, {two} and {three} out everywhere");
    stage.ask(DOUG, &request, &["3 changes", "Reply yes"]).await;
    stage.faults(&["slowMs=300"]).await;
    stage.say(DOUG, "yes").await;
    stage.happened("sessionsRevoked", one).await;
    stage.kill();
    stage.faults(&["slowMs=0"]).await;
    let before = stage.messages(DOUG).await.len();
    stage.start().await;
    let told = eventually("Doug is told", async || {
        let messages = stage.messages(DOUG).await.into_iter().skip(before);
        messages.into_iter().find(|message| says(message, &["receipt R-"]))
    })
    .await;
    for person in &people {
        let times = stage.times("sessionsRevoked", person).await;
        assert!(times <= 1, "{person}: {times}");
        let line = told.text.lines().find(|line| line.contains(person.as_str())).unwrap();
        assert_eq!(line.starts_with("Done"), times == 1, "{line}");
    }
    stage.stop().await;
    holds(&stage.evidence());
}

#[tokio::test]
async fn undo_proposes_the_exact_inverse_also_after_a_restart_and_says_why_where_there_is_none() {
    let mut stage = Stage::new().await;
    let target = stage.colleague(0);
    stage.ask(DOUG, "undo that", &["nothing for you in the last 30 minutes"]).await;
    let title = format!("change {target}'s job title to Archivist");
    let (_, prompt) = stage.ask(DOUG, &title, &["Reply yes", "Archivist"]).await;
    let old = prompt.text.split("Job title: “").nth(1).unwrap().split('”').next().unwrap();
    stage.ask(DOUG, "yes", &["Done."]).await;
    stage.stop().await;
    stage.start().await;
    stage.ask(DOUG, "undo that", &["Reply yes", "Archivist", old]).await;
    stage.ask(DOUG, "yes", &["Done.", old]).await;
    assert_eq!(stage.times("profileUpdated", &target).await, 2);
    // Somebody else's change is not theirs to undo.
    stage.ask(SARAH, "undo that", &["nothing for you"]).await;
    stage.ask(DOUG, &format!("sign {target} out everywhere"), &["Reply yes"]).await;
    stage.ask(DOUG, "yes", &["Done."]).await;
    stage.ask(DOUG, "undo that", &["cannot be undone"]).await;
    stage.stop().await;
    holds(&stage.evidence());
}

#[tokio::test]
async fn other_policies_void_an_open_prompt_and_wrong_ones_change_nothing() {
    let mut stage = Stage::signed_in(&Setup::default()).await;
    let policy = stage.dir.path().join("ours.cedar");
    let everything = "@id(\"helpdesk\") permit (principal, action, resource) \
                      when { principal.helpdesk };\n";
    fs::write(&policy, everything).unwrap();
    let config = fs::read_to_string(stage.config()).unwrap();
    let config = config.replace("policies = []", "policies = [\"ours.cedar\"]");
    assert!(config.contains("ours.cedar"), "{config}");
    fs::write(stage.config(), config).unwrap();
    stage.start().await;
    let (one, two) = (stage.colleague(0), stage.colleague(1));
    let sign_out = |who: &str| format!("sign {who} out everywhere");

    stage.ask(DOUG, &sign_out(&one), &["Reply yes"]).await;
    fs::write(&policy, "@id(\"nobody\") permit (principal, action resource);\n").unwrap();
    hang_up(&stage);
    logged(&stage, "policies stay as they were").await;
    stage.ask(DOUG, "yes", &["Done."]).await;

    stage.ask(DOUG, &sign_out(&two), &["Reply yes"]).await;
    fs::write(&policy, format!("{everything}// Read again.\n")).unwrap();
    hang_up(&stage);
    logged(&stage, "other policies are in force").await;
    stage.ask(DOUG, "yes", &["has changed since", "Nothing was changed"]).await;
    assert_eq!(stage.times("sessionsRevoked", &two).await, 0);
    fs::write(
        &policy,
        "@id(\"hr\") permit (principal, action, resource) \
                        when { principal has department && principal.department == \"HR\" };\n",
    )
    .unwrap();
    hang_up(&stage);
    eventually("another policy", async || {
        let twin = events(&stage.evidence(), "twin");
        (twin.iter().filter(|one| one["change"]["change"] == "policy").count() == 2).then_some(())
    })
    .await;
    stage.ask(DOUG, &sign_out(&two), &["may not do that for you"]).await;
    assert_eq!(stage.times("sessionsRevoked", &two).await, 0);

    // Beside the running twin, the same is explained.
    let explained = succeed(
        program().args(["policy", "explain", "--json", "--config"]).arg(stage.config()).args([
            "--as",
            DOUG,
            "--tool",
            "entra.session.revoke",
            "--target",
            &two,
        ]),
    );
    let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(explained, json!({"allowed": false, "by": []}));
    stage.stop().await;
    let declined = events(&stage.evidence(), "declined");
    assert_eq!(declined.last().unwrap()["why"]["reason"], "not_allowed", "{declined:#?}");
    holds(&stage.evidence());
}

#[tokio::test]
async fn a_smaller_catalog_is_a_visible_event_and_what_is_not_in_it_is_not_done() {
    let mut stage = Stage::new().await;
    stage.stop().await;
    let config = fs::read_to_string(stage.config()).unwrap();
    let mut config: toml::Table = config.parse().unwrap();
    config["tools"] = vec!["entra.user.find"].into();
    fs::write(stage.config(), config.to_string()).unwrap();
    stage.start().await;
    let target = stage.colleague(0);
    stage.ask(DOUG, &format!("sign {target} out everywhere"), &["not set up"]).await;
    stage.stop().await;
    let all = records(&stage.evidence());
    let changes: Vec<&Value> =
        all.iter().map(|shown| &shown["record"]["event"]["change"]["change"]).collect();
    let named: Vec<&str> = changes.iter().filter_map(|change| change.as_str()).collect();
    assert_eq!(named, ["started", "stopped", "catalog", "started", "stopped"]);
    let printed = succeed(program().args(["catalog", "--json", "--config"]).arg(stage.config()));
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let names: Vec<&str> = printed["capabilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["entra.user.find"]);
    holds(&stage.evidence());
}

fn hang_up(stage: &Stage) {
    succeed(Command::new("kill").args(["-HUP", &stage.pid()]));
}

async fn logged(stage: &Stage, text: &str) {
    let log = stage.log();
    eventually("a line in the log", async || {
        fs::read_to_string(&log).unwrap().contains(text).then_some(())
    })
    .await;
}
