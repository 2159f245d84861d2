//! What counts as a yes, through the chat.

use serde_json::json;

use crate::evidence::{events, holds};
use crate::stage::{DANA, DOUG, SAM, SARAH, Setup, Stage, eventually, says};

const REVOKED: &str = "sessionsRevoked";
const PAULA: &str = "paula.stone@contoso.com";

#[tokio::test]
async fn only_a_new_bare_yes_of_the_requester_in_the_same_conversation_counts() {
    let mut stage = Stage::new().await;
    let target = stage.colleague(0);
    let (early, _) = stage.ask(DOUG, "yes", &["Nothing is waiting"]).await;
    let request = format!("sign {target} out everywhere");
    stage.ask(DOUG, &request, &["Reply yes", &target]).await;

    // Somebody else, in a conversation of their own.
    stage.ask(SARAH, "yes", &["Nothing is waiting"]).await;
    // An older message, made a yes afterwards.
    let talk = stage.say(DOUG, "what a day").await;
    stage.hears(DOUG, &talk, &["Reply yes", &target]).await;
    let edit =
        json!({"as": DOUG, "chat": talk.chat, "message": talk.id.to_string(), "text": "yes"});
    stage.control.post("messages/edit", &edit).await;
    // A yes that is only quoted.
    let quote = json!({
        "as": DOUG, "chat": talk.chat, "quoting": early.id.to_string(), "text": "hm, let me think"
    });
    let quoted = stage.say_with(&quote).await;
    stage.hears(DOUG, &quoted, &["Reply yes", &target]).await;
    // A yes to another message than the prompt.
    let elsewhere =
        json!({"as": DOUG, "chat": talk.chat, "quoting": early.id.to_string(), "text": "yes"});
    let elsewhere = stage.say_with(&elsewhere).await;
    stage.hears(DOUG, &elsewhere, &["quotes another message"]).await;
    stage.hears(DOUG, &elsewhere, &["Reply yes", &target]).await;
    assert_eq!(stage.changes().await, []);

    stage.ask(DOUG, "yes", &["Done."]).await;
    // Whatever a second one is taken for, it is not a yes to the same change.
    stage.ask(DOUG, "yes", &[]).await;
    assert_eq!(stage.changes().await, [(REVOKED.to_owned(), target, 1)]);
    stage.stop().await;
    let intents = events(&stage.evidence(), "intent");
    assert_eq!(intents.len(), 1);
    assert_eq!(intents[0]["asked"]["by"]["user"], stage.person(DOUG).as_str());
    holds(&stage.evidence());
}

#[tokio::test]
async fn a_yes_that_is_taken_back_before_it_is_acted_upon_does_nothing() {
    let mut stage = Stage::new().await;
    let target = stage.colleague(0);
    stage.ask(DOUG, &format!("sign {target} out everywhere"), &["Reply yes"]).await;
    stage.faults(&["slowMs=1500"]).await;
    let yes = stage.say(DOUG, "yes").await;
    let edit =
        json!({"as": DOUG, "chat": yes.chat, "message": yes.id.to_string(), "text": "wait, no"});
    stage.control.post("messages/edit", &edit).await;
    stage.hears(DOUG, &yes, &["changed"]).await;
    assert_eq!(stage.changes().await, []);
    stage.faults(&["slowMs=0"]).await;
    stage.stop().await;
    assert_eq!(events(&stage.evidence(), "intent").len(), 0);
    holds(&stage.evidence());
}

#[tokio::test]
async fn a_reply_that_quotes_the_prompt_and_says_yes_is_a_yes() {
    let stage = Stage::new().await;
    let target = stage.colleague(0);
    let request = format!("sign {target} out everywhere");
    let (said, prompt) = stage.ask(DOUG, &request, &["Reply yes"]).await;
    let body =
        json!({"as": DOUG, "chat": said.chat, "quoting": prompt.id.to_string(), "text": "Yes!"});
    let yes = stage.say_with(&body).await;
    stage.hears(DOUG, &yes, &["Done."]).await;
    assert_eq!(stage.times(REVOKED, &target).await, 1);
}

#[tokio::test]
async fn a_yes_to_what_is_no_longer_true_does_nothing_and_proposes_nothing_new() {
    let setup = Setup { helpdesk: vec![DOUG.to_owned(), PAULA.to_owned()], ..Setup::default() };
    let mut stage = Stage::with(&setup).await;
    let e3 = |who: &str| format!("give {who} a Microsoft 365 E3 licence");
    stage.ask(DOUG, &e3(SARAH), &["Reply yes", "3 of 44 seats free"]).await;
    stage.ask(PAULA, &e3("sarah.linn@contoso.com"), &["Reply yes", "3 of 44 seats free"]).await;
    stage.ask(PAULA, "yes", &["Done."]).await;

    let late = stage.say(DOUG, "yes").await;
    stage.hears(DOUG, &late, &["has changed since", "ask me again"]).await;
    stage.ask(DOUG, "yes", &["Nothing is waiting"]).await;
    assert_eq!(stage.times("licenceAssigned", SARAH).await, 0);
    stage.ask(DOUG, &e3(SARAH), &["Reply yes", "2 of 44 seats free"]).await;
    stage.ask(DOUG, "yes", &["Done."]).await;
    assert_eq!(stage.times("licenceAssigned", SARAH).await, 1);

    // What somebody else has done in between is not done again.
    let bianca = "bianca.rossi@contoso.com";
    stage.ask(DOUG, &e3(bianca), &["Reply yes"]).await;
    stage.ask(PAULA, &e3(bianca), &["Reply yes"]).await;
    stage.ask(PAULA, "yes", &["Done."]).await;
    let late = stage.say(DOUG, "yes").await;
    stage.hears(DOUG, &late, &["already"]).await;
    assert_eq!(stage.times("licenceAssigned", bianca).await, 1);
    stage.stop().await;
    let declined = events(&stage.evidence(), "declined");
    assert_eq!(declined.len(), 2, "{declined:#?}");
    holds(&stage.evidence());
}

#[tokio::test]
async fn several_requests_in_one_message_are_one_plan_with_one_yes() {
    let mut stage = Stage::new().await;
    let (one, two, three) = (stage.colleague(0), stage.colleague(1), stage.colleague(2));
    let request = format!("sign {one}, {two} and {three} out everywhere");
    let (said, _) =
        stage.ask(DOUG, &request, &["Reply yes", "3 changes", &one, &two, &three]).await;
    let prompts = stage.answers(DOUG, &said).await;
    assert_eq!(prompts.len(), 1, "one prompt for one message: {prompts:#?}");
    stage.ask(DOUG, "yes", &["Done, all of it.", &one, &two, &three]).await;
    for target in [&one, &two, &three] {
        assert_eq!(stage.times(REVOKED, target).await, 1, "{target}");
    }
    stage.stop().await;
    let outcomes = events(&stage.evidence(), "outcome");
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0]["outcomes"].as_array().unwrap().len(), 3, "{outcomes:#?}");
    holds(&stage.evidence());
}

#[tokio::test]
async fn a_part_that_fails_is_said_exactly_and_the_others_are_done() {
    let mut stage = Stage::new().await;
    let (one, two) = (stage.colleague(0), stage.colleague(1));
    let request = format!("sign {one} and {two} out everywhere");
    stage.ask(DOUG, &request, &["Reply yes", "2 changes"]).await;
    // The first write of the tenant's directory fails and does nothing.
    stage.faults(&["failBeforeNext=2"]).await;
    let (yes, _) = stage.ask(DOUG, "yes", &["receipt R-"]).await;
    let told = stage.hears(DOUG, &yes, &["receipt R-"]).await;
    let done = stage.times(REVOKED, &one).await + stage.times(REVOKED, &two).await;
    assert!(told.text.contains(&format!("Done: {done} of 2.")) || done == 0, "{told:#?}");
    stage.stop().await;
    holds(&stage.evidence());
}

#[tokio::test]
async fn yes_but_for_somebody_else_is_a_new_request() {
    let mut stage = Stage::new().await;
    let (one, two) = (stage.colleague(0), stage.colleague(1));
    stage.ask(DOUG, &format!("sign {one} out everywhere"), &["Reply yes", &one]).await;
    let but = format!("yes, but for {two}");
    let (said, _) = stage.ask(DOUG, &but, &["Nothing was changed", &one]).await;
    stage.hears(DOUG, &said, &["Reply yes", &two]).await;
    stage.ask(DOUG, "yes", &["Done.", &two]).await;
    assert_eq!(stage.changes().await, [(REVOKED.to_owned(), two, 1)]);
    stage.stop().await;
    let declined = events(&stage.evidence(), "declined");
    assert_eq!(declined[0]["why"]["reason"], "changed_mind", "{declined:#?}");
    holds(&stage.evidence());
}

#[tokio::test]
async fn a_request_while_one_is_open_has_to_wait_and_a_cancel_ends_the_open_one() {
    let stage = Stage::new().await;
    let (one, two) = (stage.colleague(0), stage.colleague(1));
    stage.ask(DOUG, &format!("sign {one} out everywhere"), &["Reply yes", &one]).await;
    let other = format!("sign {two} out everywhere");
    stage.ask(DOUG, &other, &["still waiting for your yes or no", &one]).await;
    stage.ask(DOUG, "cancel", &["Nothing was changed", &one]).await;
    stage.ask(DOUG, "yes", &["Nothing is waiting"]).await;
    stage.ask(DOUG, "cancel", &["nothing to cancel"]).await;
    assert_eq!(stage.changes().await, []);
    stage.ask(DOUG, &other, &["Reply yes", &two]).await;
}

#[tokio::test]
async fn what_the_twin_cannot_do_reaches_its_human_in_their_own_conversation() {
    let stage = Stage::new().await;
    let before = stage.messages(DANA).await.len();
    stage.ask(DOUG, "Delete Sarah Lin's mailbox", &["Dana Whitfield", "hand over"]).await;
    stage.ask(DOUG, "hand over", &["Dana Whitfield"]).await;
    let told = eventually("Dana is told", async || {
        let dana = stage.messages(DANA).await;
        dana.into_iter().skip(before).find(|message| message.by_twin)
    })
    .await;
    assert!(says(&told, &["Doug Hale needs a human", "Delete Sarah Lin's mailbox"]), "{told:#?}");
}

#[tokio::test]
async fn a_group_conversation_is_not_answered() {
    let stage = Stage::new().await;
    let target = stage.colleague(0);
    let group = json!({"as": DOUG, "with": [SAM, DANA], "topic": "IT"});
    let chat = stage.control.post("group", &group).await["chat"].clone();
    let request = format!("sign {target} out everywhere");
    stage.ask(DOUG, &request, &["Reply yes", &target]).await;
    for text in ["yes", "Sam, who is Sarah Lin?"] {
        stage.say_with(&json!({"as": DOUG, "chat": chat, "text": text})).await;
    }
    // What comes after it has been heard when this is answered.
    stage.ask(DOUG, "Who is Sarah Lin?", &["Account Executive"]).await;
    assert_eq!(stage.changes().await, []);
    let chats = stage.control.get(&format!("chats?as={DOUG}")).await;
    let found = chats.as_array().unwrap().iter().find(|one| one["id"] == chat).unwrap();
    let sam = stage.person(SAM);
    let said = found["messages"].as_array().unwrap();
    assert!(said.iter().all(|message| message["from"]["id"] != sam.as_str()), "{said:#?}");
}
