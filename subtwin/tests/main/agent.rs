//! A person's own agent, from its owner's token to an account of its own.

use std::fs::{self, File};

use serde_json::{Value, json};

use crate::stage::{DANA, DOUG, Guard, SARAH, Setup, Stage, eventually, program, succeed};

const ADA: &str = "Ada";
const UPN: &str = "ada@contoso.com";
const SARAHS: &str = "Sarah Lin";

/// Doug's agent Ada, listening to his chat with Sarah.
pub(crate) struct Agent {
    pub(crate) stage: Stage,
    /// The conversation it was told to listen to.
    pub(crate) chat: String,
}

/// A message of a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) from: String,
    pub(crate) text: String,
}

impl Agent {
    /// A tenant with the agent's configuration; nobody has signed in.
    pub(crate) async fn set() -> Self {
        let stage = Stage::set(&Setup::default()).await;
        let hello = stage.say_with(&json!({"as": DOUG, "to": SARAH, "text": "Hello"})).await;
        let mut config: toml::Table = fs::read_to_string(stage.config()).unwrap().parse().unwrap();
        config.remove("twin");
        let app = |role: &str| {
            let apps = stage.tenant["apps"].as_array().unwrap();
            let found = apps.iter().find(|app| app["role"] == role);
            found.unwrap()["appId"].as_str().unwrap().to_owned()
        };
        let agent = format!(
            "name = 'Ada'\nowner = '{DOUG}'\napp = '{}'\ninstaller = '{}'\nwatch = '{}'\n\
             upn = '{UPN}'\nusage_location = 'US'\n",
            app("personal"),
            app("installer"),
            hello.chat
        );
        config.insert("agent".to_owned(), agent.parse::<toml::Table>().unwrap().into());
        fs::write(stage.config(), config.to_string()).unwrap();
        Self { stage, chat: hello.chat }
    }

    /// The same, at work with Doug's token.
    pub(crate) async fn delegated() -> Self {
        let mut agent = Self::set().await;
        agent.sign_in("sign-in", DOUG).await;
        agent.stage.start().await;
        agent
    }

    /// Runs a command that somebody must sign in for, to its end; gives what it printed.
    pub(crate) async fn sign_in(&self, command: &str, who: &str) -> String {
        let log = self.stage.dir.path().join(format!("{command}.err"));
        let out = self.stage.dir.path().join(format!("{command}.out"));
        let child = program()
            .args([command, "--no-browser", "--config"])
            .arg(self.stage.config())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut child = Guard(Some(child));
        let url = eventually("an address to sign in at", async || {
            let text = fs::read_to_string(&log).unwrap();
            text.lines().map(str::trim).find(|it| it.starts_with("https:")).map(str::to_owned)
        });
        let body = json!({"url": url.await, "as": who, "follow": true});
        self.stage.control.post("sign-in", &body).await;
        let ended = eventually("it ends", async || child.0.as_mut().unwrap().try_wait().unwrap());
        assert!(ended.await.success(), "{}", fs::read_to_string(&log).unwrap());
        child.0.take();
        fs::read_to_string(&out).unwrap()
    }

    /// Doug writes in the old conversation.
    pub(crate) async fn doug(&self, text: &str) -> u64 {
        let body = json!({"as": DOUG, "chat": self.chat, "text": text});
        self.stage.say_with(&body).await.id
    }

    /// Doug's one-to-one conversations: with Sarah, and with Ada.
    pub(crate) async fn lines(&self, with: &str) -> Vec<Line> {
        let chats = self.stage.control.get(&format!("chats?as={DOUG}")).await;
        let mut lines = Vec::new();
        for chat in chats.as_array().unwrap() {
            let members = chat["members"].as_array().unwrap();
            let there = members.iter().any(|it| it["displayName"] == with);
            if members.len() != 2 || !there {
                continue;
            }
            for message in chat["messages"].as_array().unwrap() {
                lines.push(Line {
                    id: message["id"].as_str().unwrap().parse().unwrap(),
                    from: message["from"]["displayName"].as_str().unwrap_or_default().to_owned(),
                    text: message["content"].as_str().unwrap().to_owned(),
                });
            }
        }
        lines.sort_by_key(|line| line.id);
        lines
    }

    /// Waits for a message that holds `part`, after another one.
    pub(crate) async fn hears(&self, with: &str, after: u64, part: &str) -> Line {
        eventually(&format!("{part:?} in the chat with {with}"), async || {
            let lines = self.lines(with).await;
            lines.into_iter().find(|line| line.id > after && line.text.contains(part))
        })
        .await
    }

    /// Doug tells it to get an account, and Dana, who may, signs in for it.
    pub(crate) async fn promoted(&self) {
        self.signed_for().await;
        self.hears(ADA, 0, "It is me, Ada").await;
    }

    /// The same, and it is still being made.
    async fn signed_for(&self) {
        let asked = self.doug("Get your own account, please").await;
        let told = self.hears(SARAHS, asked, "https://localhost").await;
        for part in ["[Ada] ", "five directory objects", "one seat", "not pooled"] {
            assert!(told.text.contains(part), "{part}: {}", told.text);
        }
        let (_, rest) = told.text.split_once("https://localhost").unwrap();
        let rest = rest.split(['<', ' ']).next().unwrap();
        let url = format!("https://localhost{rest}").replace("&amp;", "&");
        let body = json!({"url": url, "as": DANA, "follow": true});
        self.stage.control.post("sign-in", &body).await;
    }
}

/// The agent's changes of identity, as the record has them.
fn identities(stage: &Stage) -> Vec<String> {
    let told = succeed(program().args(["audit", "export", "--dir"]).arg(stage.evidence()));
    let mut changes = Vec::new();
    for line in String::from_utf8(told.stdout).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let change = record.pointer("/record/event/change").or(record.pointer("/event/change"));
        if let Some(change) = change.filter(|change| change["change"] == "identity") {
            changes.push(format!(
                "{} > {}",
                change["from"].as_str().unwrap(),
                change["to"].as_str().unwrap()
            ));
        }
    }
    changes
}

#[tokio::test]
async fn an_agent_starts_with_its_owners_token_and_moves_over_to_its_own_account() {
    let mut agent = Agent::delegated().await;
    // At once, in the owner's name, and saying so.
    let asked = agent.doug("What can you do?").await;
    let answer = agent.hears(SARAHS, asked, "[Ada] ").await;
    assert_eq!(answer.from, "Doug Hale", "{answer:?}");
    // Nobody else is listened to, and its own words are not taken for its owner's.
    let before = agent.lines(SARAHS).await.len();
    agent
        .stage
        .say_with(&json!({"as": SARAH, "chat": agent.chat, "text": "What can you do?"}))
        .await;
    // A yes proves nothing here: nothing is changed, whatever is said.
    let asked = agent.doug("Give Sarah Lin a Microsoft 365 E3").await;
    agent.hears(SARAHS, asked, "[Ada] ").await;
    agent.doug("yes").await;
    let asked = agent.doug("What can you do?").await;
    agent.hears(SARAHS, asked, "[Ada] ").await;
    let lines = agent.lines(SARAHS).await;
    assert_eq!(lines.len() - before, 1 + 2 * 3, "one answer for each of Doug's: {lines:#?}");
    assert_eq!(agent.stage.changes().await, []);

    agent.promoted().await;
    agent.hears(SARAHS, asked, "I have an account of my own now").await;
    // The old conversation is still read, and answered in the new one, under its own name.
    let old = agent.lines(SARAHS).await.len();
    let asked = agent.doug("What can you do?").await;
    let answer = agent.hears(ADA, asked, "").await;
    assert_eq!(answer.from, "Ada", "{answer:?}");
    assert!(!answer.text.contains("[Ada]"), "{answer:?}");
    assert_eq!(agent.lines(SARAHS).await.len(), old + 1, "nothing more is said in Doug's name");
    // And the new one is a conversation like any other.
    let said = agent.stage.say_with(&json!({"as": DOUG, "to": UPN, "text": "Hello"})).await;
    agent.hears(ADA, said.id, "").await;
    assert_eq!(identities(&agent.stage), ["delegated > provisioning", "provisioning > agent user"]);

    // It is still itself after a restart, and reads the old conversation on.
    agent.stage.kill();
    let asked = agent.doug("What can you do?").await;
    agent.stage.start().await;
    let answer = agent.hears(ADA, asked, "").await;
    assert_eq!(answer.from, "Ada", "{answer:?}");

    // Its last day.
    agent.stage.stop().await;
    let told = agent.sign_in("demote", DANA).await;
    assert!(told.contains("Gone."), "{told}");
    let error = program().args(["run", "--config"]).arg(agent.stage.config()).output().unwrap();
    let error = String::from_utf8_lossy(&error.stderr).into_owned();
    assert!(error.contains("has not signed in"), "{error}");
}

/// What `whoami` prints, and whether the agent can act.
fn whoami(stage: &Stage) -> (String, bool) {
    let told = program().args(["whoami", "--config"]).arg(stage.config()).output().unwrap();
    let text = [told.stdout, told.stderr].concat();
    (String::from_utf8(text).unwrap(), told.status.success())
}

#[tokio::test]
async fn an_agent_whose_account_is_taken_away_sends_nothing_as_anybody_and_goes_on_when_it_is_back()
{
    let agent = Agent::delegated().await;
    let (told, can) = whoami(&agent.stage);
    assert!(can && told.contains("stage    delegated"), "{told}");
    agent.promoted().await;
    let said = agent.lines(SARAHS).await.len();
    agent.stage.control.post(&format!("users/{UPN}"), &json!({"enabled": false})).await;
    let told = eventually("it is failed", async || {
        let (told, can) = whoami(&agent.stage);
        (!can && told.contains("stage    failed")).then_some(told)
    });
    assert!(told.await.contains("acts as  nobody"));
    agent.doug("What can you do?").await;
    agent.stage.say_with(&json!({"as": DOUG, "to": UPN, "text": "What can you do?"})).await;
    agent.stage.control.post(&format!("users/{UPN}"), &json!({"enabled": true})).await;
    eventually("it acts again", async || whoami(&agent.stage).1.then_some(())).await;
    // Only what Doug wrote himself was added to the old conversation.
    assert_eq!(agent.lines(SARAHS).await.len(), said + 1);
    let asked = agent.stage.say_with(&json!({"as": DOUG, "to": UPN, "text": "Hello"})).await;
    agent.hears(ADA, asked.id, "").await;
}

#[tokio::test]
async fn killed_while_its_account_is_made_it_goes_on_with_its_owners_token_and_makes_nothing_twice()
{
    let mut agent = Agent::delegated().await;
    // Teams takes its time: there is a moment to be killed in.
    agent.stage.control.post("quirks", &json!({"teamsReadyAfterMs": 4000})).await;
    agent.stage.faults(&["slowMs=40"]).await;
    agent.signed_for().await;
    agent.hears(SARAHS, 0, "4 of 9").await;
    agent.stage.kill();
    agent.stage.faults(&["slowMs=0"]).await;
    agent.stage.start().await;
    // It has nobody to make it with any more, says so, and is as it was.
    let (told, can) = whoami(&agent.stage);
    assert!(can && told.contains("interrupted"), "{told}");
    let asked = agent.doug("What can you do?").await;
    agent.hears(SARAHS, asked, "[Ada] ").await;
    agent.promoted().await;
    let ledger = agent.stage.control.get("ledger").await;
    for (effect, times) in [("blueprintCreated", 1), ("agentCreated", 1)] {
        let made = ledger["effects"].as_array().unwrap().iter();
        let made: u64 = made
            .filter(|one| one["effect"] == effect)
            .map(|one| one["times"].as_u64().unwrap())
            .sum();
        assert_eq!(made, times, "{effect}: {ledger}");
    }
}

#[tokio::test]
async fn what_was_written_before_the_old_conversation_is_left_is_answered_and_then_it_is_left_for_good()
 {
    let mut agent = Agent::set().await;
    let mut config: toml::Table =
        fs::read_to_string(agent.stage.config()).unwrap().parse().unwrap();
    config["agent"].as_table_mut().unwrap().insert("hears_on_minutes".to_owned(), 0.into());
    fs::write(agent.stage.config(), config.to_string()).unwrap();
    agent.sign_in("sign-in", DOUG).await;
    agent.stage.start().await;
    agent.signed_for().await;
    // Nothing tells of it but the last look.
    agent.stage.faults(&["dropNotifications=1000"]).await;
    let asked = agent.doug("What can you do?").await;
    agent.hears(ADA, asked, "This is what I can do").await;
    agent.stage.faults(&["dropNotifications=0"]).await;
    let left = ["delegated > provisioning", "provisioning > agent user", "agent user > agent user"];
    eventually("it leaves", async || (identities(&agent.stage) == left).then_some(())).await;
    // Only its own subscription is left, and the owner's token is nowhere.
    let subscriptions = agent.stage.control.get("subscriptions").await;
    let resources = subscriptions.to_string();
    assert!(resources.contains("getAllMessages"), "{resources}");
    assert!(!resources.contains("/chats/19:"), "{resources}");
    let before = agent.lines(ADA).await.len();
    agent.doug("What can you do?").await;
    let said =
        agent.stage.say_with(&json!({"as": DOUG, "to": UPN, "text": "What can you do?"})).await;
    agent.hears(ADA, said.id, "This is what I can do").await;
    assert_eq!(agent.lines(ADA).await.len(), before + 2, "the old conversation is not heard");
    agent.stage.kill();
    agent.stage.start().await;
    assert!(whoami(&agent.stage).1);
}
