//! No secret in a log, at its loudest, nor on a command line.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use subtwin_kernel::SystemEntropy;
use subtwin_store::{KeyFile, Store};

use crate::stage::{DOUG, Guard, SAM, Setup, Stage, eventually, program, says};

const PAULA: &str = "paula.stone@contoso.com";

fn loud() -> Command {
    let mut command = program();
    command.env("SUBTWIN_LOG", "trace");
    command
}

/// What a process of this id was called with, as every user of the machine may read it.
fn command_line(pid: &str) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(!bytes.is_empty());
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// Signs in with every log line on; gives its log without the addresses that it shows on purpose,
/// and adds what these name to `secrets`.
async fn sign_in(stage: &Stage, secrets: &mut Vec<String>, lines: &mut Vec<String>) -> String {
    let log = stage.dir.path().join("loud.err");
    let child = loud()
        .args(["sign-in", "--no-browser", "--config"])
        .arg(stage.config())
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut child = Guard(Some(child));
    let is_address = |line: &str| line.starts_with("  https:");
    for number in 1..=2 {
        let address = eventually("an address", async || {
            let text = fs::read_to_string(&log).unwrap();
            text.lines()
                .filter(|line| is_address(line))
                .nth(number - 1)
                .map(|line| line.trim().to_owned())
        });
        let url = url::Url::parse(&address.await).unwrap();
        let named = url
            .query_pairs()
            .filter(|(name, _)| ["state", "nonce", "code_challenge"].contains(&&**name));
        secrets.extend(named.map(|(_, value)| value.into_owned()));
        lines.push(command_line(&child.0.as_ref().unwrap().id().to_string()));
        let body = json!({"url": url, "as": SAM, "follow": true});
        let came_back = stage.control.post("sign-in", &body).await;
        let code = came_back["fields"]["code"].as_str().unwrap();
        secrets.push(code.to_owned());
    }
    let ended = eventually("it ends", async || child.0.as_mut().unwrap().try_wait().unwrap());
    assert!(ended.await.success());
    child.0.take();
    let text = fs::read_to_string(&log).unwrap();
    text.lines().filter(|line| !is_address(line)).map(|line| format!("{line}\n")).collect()
}

/// Every text of some length in a value that was sealed.
fn texts(value: &str) -> Vec<String> {
    fn walk(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::String(text) => into.push(text.clone()),
            Value::Array(all) => all.iter().for_each(|one| walk(one, into)),
            Value::Object(all) => {
                // What a subscription is called and made for is no secret.
                let secret = all.iter().filter(|(name, _)| !["id", "made_for"].contains(&&***name));
                secret.for_each(|(_, one)| walk(one, into));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut found = vec![value.to_owned()];
    if let Ok(value) = serde_json::from_str::<Value>(value) {
        walk(&value, &mut found);
    }
    // PEM is broken into lines.
    let lines = found.iter().flat_map(|text| text.lines().map(str::to_owned)).collect::<Vec<_>>();
    lines.into_iter().filter(|line| line.len() >= 16 && !line.starts_with("-----")).collect()
}

async fn sealed(state: &Path, key: &Path, names: &[&str]) -> Vec<String> {
    let key = KeyFile::read(key).unwrap();
    let store = Store::open(&state.join("store"), &key, Arc::new(SystemEntropy::default()));
    let store = store.unwrap();
    let mut found = Vec::new();
    for name in names {
        let value = store.sealed(name).await.unwrap();
        assert!(value.is_some(), "nothing is sealed as {name} any more");
        found.extend(value.iter().flat_map(|value| texts(value.expose())));
    }
    store.close().await;
    found
}

const TOKENS: [&str; 2] = ["token/chat", "token/admin"];
const KEYS: [&str; 3] = ["evidence/key", "teams.notification-key", "teams.subscription"];

#[tokio::test]
async fn no_secret_is_on_a_command_line_or_in_the_loudest_log() {
    let mut stage = Stage::set(&Setup::default()).await;
    let (mut secrets, mut lines) = (Vec::new(), Vec::new());
    let mut logs = vec![sign_in(&stage, &mut secrets, &mut lines).await];
    let key = stage.dir.path().join("twin.key");
    secrets.extend(sealed(&stage.state(), &key, &TOKENS).await);

    stage.start_with(&mut loud()).await;
    lines.push(command_line(&stage.pid()));
    stage.ask(DOUG, "reset José Núñez's password", &["Reply yes"]).await;
    stage.ask(DOUG, "yes", &["somebody else"]).await;
    eventually("Paula is asked", async || {
        let messages = stage.messages(PAULA).await;
        messages.into_iter().rfind(|message| says(message, &["Your yes is needed"]))
    })
    .await;
    stage.ask(PAULA, "yes", &["Thank you"]).await;
    let shown = eventually("the new password", async || {
        let messages = stage.messages(DOUG).await;
        messages.into_iter().find(|message| says(message, &["shown once"]))
    });
    secrets.push(shown.await.text.lines().nth(1).unwrap().to_owned());
    stage.stop().await;
    logs.push(fs::read_to_string(stage.log()).unwrap());
    secrets.extend(sealed(&stage.state(), &key, &TOKENS).await);
    secrets.extend(sealed(&stage.state(), &key, &KEYS).await);
    secrets.push(fs::read_to_string(&key).unwrap().trim().to_owned());

    assert!(secrets.len() > 15, "{}", secrets.len());
    for log in &logs {
        assert!(log.contains("TRACE"), "the loudest log is on: {log}");
    }
    let seen = logs.iter().chain(&lines).map(String::as_str);
    for (at, text) in seen.enumerate() {
        for (number, secret) in secrets.iter().enumerate() {
            assert!(
                !text.contains(secret.as_str()),
                "secret {number} of {} in {at}",
                secrets.len()
            );
        }
        // Tokens that were used up on the way.
        for part in ["eyJ0", "eyJh", "Bearer ey", "code_verifier=", "refresh_token="] {
            assert!(!text.contains(part), "{part} in {at}");
        }
    }
    assert!(
        secrets.iter().all(|secret| secret.len() >= 16),
        "each is long enough to be told apart"
    );
}
