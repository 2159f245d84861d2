//! A twin as its operator sees it from outside: what it lacks, who it is, how it is, and that it
//! stops at once when it must.

use std::fs;

use serde_json::{Value, json};

use crate::stage::{DOUG, SAM, SARAH, Stage, eventually, program};

impl Stage {
    /// Runs a command on the twin's configuration: whether it ended well, and what it printed.
    fn tell(&self, words: &[&str]) -> (bool, String) {
        let output = program().args(words).arg("--config").arg(self.config()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), if printed.is_empty() { errors } else { printed })
    }

    fn look(&self, command: &str) -> (bool, Value) {
        let (good, printed) = self.tell(&[command, "--json"]);
        let value = serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{printed}"));
        (good, value)
    }

    fn evidence_says(&self, what: &str) -> usize {
        let list = program().args(["audit", "list", "--dir"]).arg(self.evidence()).output();
        let list = String::from_utf8(list.unwrap().stdout).unwrap();
        list.lines().filter(|line| line.contains(what)).count()
    }
}

fn missing(report: &Value) -> Vec<(&str, Vec<&str>)> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|one| one["verdict"] == "missing")
        .map(|one| {
            let tools = one["tools"].as_array().unwrap().iter();
            (one["about"].as_str().unwrap(), tools.map(|tool| tool.as_str().unwrap()).collect())
        })
        .collect()
}

#[tokio::test]
async fn doctor_says_what_is_missing_for_which_tool_and_changes_nothing() {
    let stage = Stage::new().await;
    let before = stage.changes().await;
    let (good, report) = stage.look("doctor");
    assert!(good, "{report:#}");
    assert_eq!(report["works"], true);
    assert_eq!(missing(&report), []);

    let off = json!({"state": "disabled"});
    stage.control.post("policies/temporaryAccessPass", &off).await;
    stage.control.post("tenant", &json!({"premium": false})).await;
    let (good, report) = stage.look("doctor");
    assert!(!good);
    assert_eq!(
        missing(&report),
        [("sign-in log", vec!["entra.signin.explain"]), ("access passes", vec!["entra.tap.issue"])]
    );
    let remedies = report["findings"].as_array().unwrap().iter();
    let remedies = remedies.filter(|one| one["verdict"] != "good");
    assert!(remedies.into_iter().all(|one| one["remedy"].is_string()), "{report:#}");
    let (_, text) = stage.tell(&["doctor"]);
    assert!(text.contains("remedy Entra admin center, Authentication methods"), "{text}");

    stage.control.post(&format!("users/{SAM}"), &json!({"enabled": false})).await;
    let (good, report) = stage.look("doctor");
    assert!(!good);
    let all = missing(&report);
    assert!(all.contains(&("chat registration", vec![])), "{all:?}");
    let (good, who) = stage.look("whoami");
    assert!(!good);
    assert!(who["tokens"][1]["error"].as_str().unwrap().contains("disabled"), "{who:#}");
    assert_eq!(stage.changes().await, before);
}

#[tokio::test]
async fn whoami_and_status_tell_of_a_running_twin_and_of_one_that_stopped() {
    let mut stage = Stage::new().await;
    let (good, who) = stage.look("whoami");
    assert!(good, "{who:#}");
    assert_eq!(who["userPrincipalName"], SAM);
    assert_eq!(who["kind"], "member-user");
    let chat = who["tokens"][0]["scopes"].as_array().unwrap();
    assert_eq!(chat.len(), 5, "{who:#}");
    assert!(who["tokens"][1]["until"].is_string(), "{who:#}");

    stage.ask(DOUG, &format!("give {SARAH} a Microsoft 365 E3"), &["Reply yes"]).await;
    let status = eventually("a subscription in the signs of life", async || {
        let (_, status) = stage.look("status");
        status["pulse"]["subscribedUntil"].is_string().then_some(status)
    });
    let status = status.await;
    assert_eq!(status["running"], true, "{status:#}");
    assert_eq!(status["openRequests"].as_array().unwrap().len(), 1, "{status:#}");
    assert_eq!(status["suspended"], Value::Null);
    stage.stop().await;
    let (good, status) = stage.look("status");
    assert!(!good, "{status:#}");
    assert!(status["pulse"]["stopped"].is_string(), "{status:#}");
}

#[tokio::test]
async fn a_suspended_twin_does_nothing_says_so_once_and_goes_on_when_resumed() {
    let stage = Stage::new().await;
    let wish = format!("give {SARAH} a Microsoft 365 E3");
    let (asked, _) = stage.ask(DOUG, &wish, &["Reply yes"]).await;
    let (good, told) = stage.tell(&["suspend", "--why", "there is an inquiry."]);
    assert!(good, "{told}");
    // The yes comes too late.
    let said = stage.say(DOUG, "yes").await;
    stage.hears(DOUG, &said, &["I do nothing for now: there is an inquiry."]).await;
    let again = stage.say(DOUG, "hello?").await;
    eventually("it is on record", async || {
        (stage.evidence_says("there is an inquiry") == 1).then_some(())
    })
    .await;
    let (_, status) = stage.look("status");
    assert_eq!(status["suspended"]["why"], "there is an inquiry.", "{status:#}");
    assert_eq!(
        status["lastError"]["says"].as_str().map(|says| says.contains("inquiry")),
        Some(true)
    );
    assert_eq!(stage.changes().await, []);

    let (good, told) = stage.tell(&["resume"]);
    assert!(good, "{told}");
    eventually("it acts again", async || {
        (stage.evidence_says(r#""from":"nobody""#) == 1).then_some(())
    })
    .await;
    let mut told = stage.answers(DOUG, &again).await;
    // That the open plan was let go may be said later than the second message came.
    told.retain(|message| message.text.contains("I do nothing for now"));
    assert_eq!(told, [], "it said so once");
    stage.ask(DOUG, &wish, &["Reply yes"]).await;
    stage.ask(DOUG, "yes", &["receipt R-"]).await;
    assert_eq!(stage.times("licenceAssigned", SARAH).await, 1);
    drop(asked);
}

#[tokio::test]
async fn a_twin_whose_account_is_disabled_notices_stops_and_says_so_once() {
    let mut stage = Stage::new().await;
    stage.ask(DOUG, &format!("give {SARAH} a Microsoft 365 E3"), &["Reply yes"]).await;
    stage.control.post(&format!("users/{SAM}"), &json!({"enabled": false})).await;
    stage.control.post("revoke", &json!({"user": SAM})).await;
    stage.say(DOUG, "yes").await;
    eventually("it is on record", async || {
        (stage.evidence_says(r#""to":"nobody""#) == 1).then_some(())
    })
    .await;
    assert_eq!(stage.times("licenceAssigned", SARAH).await, 0);
    let log = fs::read_to_string(stage.log()).unwrap();
    assert_eq!(log.matches("the twin does nothing until this is changed").count(), 1, "{log}");
    stage.stop().await;
}
