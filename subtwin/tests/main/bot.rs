//! A twin that people reach as a bot: the same gate, the same effects, the same evidence.

use std::fs;

use serde_json::{Value, json};

use crate::evidence::{events, holds};
use crate::stage::{DOUG, SARAH, Setup, Stage, eventually, program, succeed};

const PAULA: &str = "paula.stone@contoso.com";
const GIVEN: &str = "licenceAssigned";

/// A tenant in which the twin is an app.
struct Bot {
    stage: Stage,
    app: String,
}

impl Bot {
    async fn start() -> Self {
        let mut stage = Stage::signed_in(&Setup::default()).await;
        // The twin's port is known only when it runs.
        let nowhere = json!({"name": "Sam", "endpoint": "http://127.0.0.1:9/"});
        let app = stage.control.post("bots", &nowhere).await["appId"].as_str().unwrap().to_owned();
        let made = fs::read_to_string(stage.config()).unwrap();
        let mut config: toml::Table = made.parse().unwrap();
        let cloud = config["cloud"]["login"].as_str().unwrap().trim_end_matches('/').to_owned();
        let document = format!("{cloud}/botframework/v1/.well-known/openidconfiguration");
        let mut bot = toml::Table::new();
        bot.insert("app".to_owned(), app.clone().into());
        bot.insert("service_urls".to_owned(), vec![cloud].into());
        bot.insert("openid".to_owned(), document.into());
        config.insert("bot".to_owned(), bot.into());
        fs::write(stage.config(), config.to_string()).unwrap();

        let certificate = || {
            let made =
                program().args(["bot", "certificate", "--config"]).arg(stage.config()).output();
            String::from_utf8(made.unwrap().stdout).unwrap()
        };
        let pem = certificate();
        assert_eq!(certificate(), pem, "the same, however often it is asked for");
        stage.control.post(&format!("apps/{app}/keys"), &json!({"certificate": pem})).await;
        stage.start().await;
        let bot = Self { stage, app };
        bot.is_where_it_listens().await;
        bot
    }

    /// Tells Bot Connector where the twin listens.
    async fn is_where_it_listens(&self) {
        let log = self.stage.log();
        let address = eventually("an address", async || {
            let text = fs::read_to_string(&log).unwrap();
            let line = text.lines().find(|line| line.contains("messaging endpoint"))?.to_owned();
            Some(line.split("address=").nth(1)?.split_whitespace().next()?.to_owned())
        })
        .await;
        let here = format!("http://{address}/api/messages");
        let body = json!({"name": "Sam", "appId": self.app, "endpoint": here});
        self.stage.control.post("bots", &body).await;
    }

    async fn does(&self, what: &str, body: Value) -> Value {
        self.stage.control.post(&format!("bots/{}/{what}", self.app), &body).await
    }

    async fn messages(&self, who: &str) -> Vec<Value> {
        let chat = self.stage.control.get(&format!("bots/{}/chat?as={who}", self.app)).await;
        chat["messages"].as_array().unwrap().clone()
    }

    /// Waits for a message of the twin after another that says each of `parts`.
    async fn hears(&self, who: &str, after: &str, parts: &[&str]) -> Value {
        eventually(&format!("{who} hears {parts:?}"), async || {
            let messages = self.messages(who).await;
            messages.into_iter().find(|message| {
                let text = message["content"].as_str().unwrap();
                let id: u64 = message["id"].as_str().unwrap().parse().unwrap();
                message["from"]["name"] == "Sam"
                    && id > after.parse().unwrap()
                    && parts.iter().all(|part| text.contains(part))
            })
        })
        .await
    }

    /// Somebody writes and hears an answer.
    async fn ask(&self, who: &str, text: &str, parts: &[&str]) -> Value {
        let said = self.does("say", json!({"as": who, "text": text})).await;
        assert_eq!(said["status"], 202, "{text}");
        self.hears(who, said["message"].as_str().unwrap(), parts).await
    }

    async fn press(&self, who: &str, card: &Value, button: &str) -> Value {
        let body = json!({"as": who, "message": card["id"], "button": button, "trigger": "manual"});
        self.does("press", body).await["answer"].clone()
    }
}

fn id(message: &Value) -> &str {
    message["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_licence_is_given_by_a_press_and_taken_away_by_a_typed_yes() {
    let mut bot = Bot::start().await;
    let card =
        bot.ask(DOUG, "give Sarah Lin a Microsoft 365 E3", &["Give Sarah Lin", "Reply yes"]).await;
    let titles: Vec<_> =
        card["buttons"].as_array().unwrap().iter().map(|one| one["title"].clone()).collect();
    assert_eq!(titles, ["Yes", "No"]);
    assert_eq!(bot.stage.changes().await, [], "nothing happens before the yes");
    // A client that refreshes the card has pressed nothing.
    let refresh =
        json!({"as": DOUG, "message": card["id"], "button": "Yes", "trigger": "automatic"});
    let answer = bot.does("press", refresh).await["answer"].clone();
    assert_eq!(answer["statusCode"], 400, "{answer}");
    assert_eq!(bot.stage.changes().await, []);

    let answer = bot.press(DOUG, &card, "Yes").await;
    assert_eq!(answer["type"], "application/vnd.microsoft.card.adaptive", "{answer}");
    bot.hears(DOUG, id(&card), &["Done.", "Give Sarah Lin"]).await;
    assert_eq!(bot.stage.times(GIVEN, SARAH).await, 1);
    let shown = bot.messages(DOUG).await;
    let pressed = shown.iter().find(|one| one["id"] == card["id"]).unwrap();
    assert_eq!(pressed["buttons"], json!([]), "nothing is left to press");
    assert_eq!(pressed["edited"], false, "the prompt stays what it was");

    let undo = bot.ask(DOUG, "undo that", &["Reply yes"]).await;
    bot.ask(DOUG, "yes", &["Done."]).await;
    assert_eq!(bot.stage.times("licenceRemoved", SARAH).await, 1);
    // The card was answered by typing: nothing waits for it any more.
    bot.press(DOUG, &undo, "Yes").await;
    bot.hears(DOUG, id(&undo), &["Nothing is waiting"]).await;
    assert_eq!(bot.stage.times("licenceRemoved", SARAH).await, 1);

    bot.stage.stop().await;
    let intents = events(&bot.stage.evidence(), "intent");
    assert_eq!(intents.len(), 2);
    let doug = bot.stage.person(DOUG);
    assert_eq!(intents[0]["asked"]["by"]["user"], doug.as_str());
    holds(&bot.stage.evidence());
}

#[tokio::test]
async fn a_press_on_an_old_card_or_in_a_group_confirms_nothing() {
    let bot = Bot::start().await;
    let old = bot.ask(DOUG, "sign Jon Miller out everywhere", &["Reply yes"]).await;
    bot.ask(DOUG, "no", &["Nothing was changed"]).await;
    let new = bot.ask(DOUG, "give Sarah Lin a Microsoft 365 E3", &["Reply yes"]).await;
    let answer = bot.press(DOUG, &old, "Yes").await;
    assert_eq!(answer["type"], "application/vnd.microsoft.activity.message", "{answer}");
    assert!(answer["value"].as_str().unwrap().contains("not open any more"), "{answer}");
    // What is said in between shows the question again, and only that one can be pressed.
    let again = bot.ask(DOUG, "what can you do?", &["Reply yes"]).await;
    assert_ne!(again["id"], new["id"]);
    let answer = bot.press(DOUG, &new, "Yes").await;
    assert!(answer["value"].as_str().unwrap().contains("not open any more"), "{answer}");
    let group = json!({"as": DOUG, "with": [SARAH], "text": "@Sam yes"});
    assert_eq!(bot.does("say", group).await["status"], 202);
    assert_eq!(bot.stage.changes().await, []);
    bot.press(DOUG, &again, "Yes").await;
    bot.stage.happened(GIVEN, SARAH).await;
}

#[tokio::test]
async fn an_approver_presses_in_their_own_chat() {
    let bot = Bot::start().await;
    // The app is there for the approver, who has not written yet.
    bot.messages(PAULA).await;
    let target = bot.stage.colleague(0);
    let card = bot.ask(DOUG, &format!("reset the password of {target}"), &["Needs"]).await;
    bot.press(DOUG, &card, "Yes").await;
    let asked = bot.hears(PAULA, "0", &["Your yes is needed, too", &target]).await;
    bot.press(PAULA, &asked, "Yes").await;
    bot.hears(DOUG, id(&card), &["Done."]).await;
    assert_eq!(bot.stage.times("passwordReset", &target).await, 1);
}

#[tokio::test]
async fn a_bot_without_a_certificate_says_what_to_do() {
    let stage = Stage::signed_in(&Setup::default()).await;
    let made = fs::read_to_string(stage.config()).unwrap();
    let bot = "\n[bot]\napp = \"11111111-2222-4333-8444-555555555555\"\n";
    fs::write(stage.config(), format!("{made}{bot}")).unwrap();
    let run = program().args(["run", "--config"]).arg(stage.config()).output().unwrap();
    let told = String::from_utf8(run.stderr).unwrap();
    assert!(!run.status.success() && told.contains("subtwin bot certificate"), "{told}");
    fs::write(stage.config(), made).unwrap();
    let refused = program().args(["bot", "certificate", "--config"]).arg(stage.config()).output();
    let told = String::from_utf8(refused.unwrap().stderr).unwrap();
    assert!(told.contains("no `[bot]`"), "{told}");
    succeed(program().args(["bot", "certificate", "--help"]));
}
