//! One action from the first word to the evidence, and the evidence on its own.

use std::fs;

use serde_json::Value;
use subtwin_kernel::SystemEntropy;
use subtwin_store::KeyFile;

use crate::evidence::{audit, copy, events, files, holds, records};
use crate::stage::{DANA, DOUG, SARAH, Setup, Stage, eventually, program, succeed};

#[tokio::test]
async fn a_confirmed_request_is_done_once_told_with_its_receipt_and_proved_by_both_logs() {
    let mut stage =
        Stage::with(&Setup { look_after_seconds: (1..=60).collect(), ..Setup::default() }).await;
    let request = "give Sarah Lin a Microsoft 365 E3 licence";
    let (_, prompt) = stage.ask(DOUG, request, &["sarah.lin@contoso.com", "Reply yes"]).await;
    assert_eq!(stage.changes().await, [], "nothing happens before the yes");
    let (yes, done) = stage.ask(DOUG, "yes", &["Done.", "receipt R-"]).await;
    assert!(done.id > prompt.id, "{done:?}");
    // The same message, with what the tenant's log says.
    let told = eventually("the tenant's entry in the reply", async || {
        let answers = stage.answers(DOUG, &yes).await;
        answers.into_iter().find(|answer| answer.text.contains("Change user license"))
    })
    .await;
    assert_eq!(told.id, done.id);
    assert!(told.text.contains("by sam@contoso.com"), "{}", told.text);
    assert_eq!(stage.answers(DOUG, &yes).await.len(), 1);
    assert_eq!(stage.changes().await, [("licenceAssigned".to_owned(), SARAH.to_owned(), 1)]);

    stage.stop().await;
    let away = stage.dir.path().join("away");
    copy(&stage.evidence(), &away);
    let report = holds(&away);
    let kinds: Vec<Value> =
        records(&away).iter().map(|shown| shown["record"]["event"]["kind"].clone()).collect();
    assert_eq!(kinds, ["twin", "proposed", "intent", "outcome", "entry", "twin"]);

    // The receipt in the reply leads to everything about the request.
    let receipt = receipt(&told.text);
    let shown = succeed(audit("show", &away).args(["--json", receipt]));
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.lines().count(), 4, "{shown}");
    let exported = succeed(&mut audit("export", &away));
    assert_eq!(String::from_utf8(exported.stdout).unwrap().lines().count(), 6);
    let key = report["key"].as_str().unwrap();
    succeed(audit("verify", &away).args(["--key", key]));

    // What was altered does not verify.
    let records = files(&away.join("records"));
    let (segment, mut bytes) = records.into_iter().next().unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let at = text.find("sarah.lin@contoso.com").filter(|at| text.is_char_boundary(*at));
    bytes[at.unwrap()] = b'S';
    fs::write(segment, bytes).unwrap();
    let altered = audit("verify", &away).output().unwrap();
    assert!(!altered.status.success());
    assert!(String::from_utf8_lossy(&altered.stdout).contains("WRONG"), "{altered:?}");
}

#[tokio::test]
async fn the_state_is_worth_nothing_without_its_key_and_only_one_process_opens_it() {
    let mut stage = Stage::new().await;
    stage.ask(DOUG, "Who is Sarah Lin?", &[SARAH]).await;

    let second = program().args(["run", "--config"]).arg(stage.config()).output().unwrap();
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && told.contains("in use by another process"), "{told}");
    stage.stop().await;

    // Refresh tokens begin with `1.`, access tokens are JWTs, the keys are PEM; none of it in clear.
    for (file, bytes) in files(&stage.state()) {
        let text = String::from_utf8_lossy(&bytes);
        for clear in ["eyJ", "BEGIN PRIVATE KEY", "BEGIN RSA"] {
            assert!(!text.contains(clear), "{clear} in {file}");
        }
        assert!(!holds_refresh_token(&text), "something like a refresh token in {file}");
    }
    assert!(holds_refresh_token(&format!("x1.{}", "a".repeat(132))), "one would be seen");

    // Another key is refused by name, and nothing is lost.
    let kept = fs::read(stage.dir.path().join("twin.key")).unwrap();
    fs::remove_file(stage.dir.path().join("twin.key")).unwrap();
    KeyFile::create(&stage.dir.path().join("twin.key"), &SystemEntropy::default()).unwrap();
    let other = program().args(["run", "--config"]).arg(stage.config()).output().unwrap();
    let told = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(!other.status.success() && told.contains("key"), "{told}");
    assert!(!told.contains("panicked"), "{told}");
    fs::write(stage.dir.path().join("twin.key"), kept).unwrap();
    stage.start().await;
    stage.ask(DOUG, "Who is Dana Whitfield?", &[DANA]).await;
}

#[tokio::test]
async fn a_twin_that_has_not_signed_in_says_so() {
    let stage = Stage::signed_in(&Setup::default()).await;
    fs::remove_dir_all(stage.state()).unwrap();
    let ended = program().args(["run", "--config"]).arg(stage.config()).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && told.contains("subtwin sign-in"), "{told}");
}

#[tokio::test]
async fn starting_and_stopping_are_on_the_record_of_every_run() {
    let mut stage = Stage::new().await;
    stage.stop().await;
    stage.start().await;
    stage.stop().await;
    let changes: Vec<Value> = events(&stage.evidence(), "twin")
        .iter()
        .map(|event| event["change"]["change"].clone())
        .collect();
    assert_eq!(changes, ["started", "stopped", "started", "stopped"]);
    holds(&stage.evidence());
}

/// Whether something in a text looks like one: `1.` and a long run of base64url.
fn holds_refresh_token(text: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.split("1.").skip(1).any(|rest| rest.chars().take_while(|c| part(*c)).count() > 60)
}

/// The receipt named in a reply.
fn receipt(text: &str) -> &str {
    text.split_once("(receipt ").unwrap().1.split_once(')').unwrap().0
}

#[tokio::test]
async fn the_story_of_two_identities_goes_as_told() {
    let output = tokio::task::spawn_blocking(|| {
        succeed(program().args(["demo", "--script", "identity", "--json"]))
    });
    let told = String::from_utf8(output.await.unwrap().stdout).unwrap();
    let scenes = told.lines().filter(|line| line.contains("\"event\":\"scene\"")).count();
    assert_eq!(scenes, 9, "{told}");
    for part in
        ["none lost, none twice", "Gone.", "certificate, good until", "What stays elsewhere"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
}
