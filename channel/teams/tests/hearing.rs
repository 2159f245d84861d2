use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

use crate::service::{self, Issuer};
use crate::tenant::{CHAT, DOUG, GROUP, TWIN};
use crate::world::{World, wait};

#[tokio::test(start_paused = true)]
async fn what_a_person_writes_is_heard() {
    let world = World::new();
    let running = world.start().await;
    let message = world.doug_writes("Sarah starts Monday,&nbsp;give her an <b>E3</b>");
    running.notify(&world.post("created", &[&message])).await;
    assert_eq!(world.until_heard(1).await, ["Sarah starts Monday, give her an E3"]);
    let heard = world.scribe.heard.borrow()[0].clone();
    assert_eq!(heard.chat.as_str(), CHAT);
    assert_eq!(heard.message.to_string(), message["id"].as_str().unwrap());
    assert_eq!(heard.from.user.to_string(), DOUG);
    assert_eq!(heard.from.display_name, "Doug");
    assert!(heard.one_on_one && !heard.edited);
}

#[tokio::test(start_paused = true)]
async fn a_group_chat_is_not_one_on_one() {
    let world = World::new();
    let running = world.start().await;
    let message = world.tenant.write(GROUP, DOUG, "hi");
    running.notify(&world.post("created", &[&message])).await;
    world.until_heard(1).await;
    assert!(!world.scribe.heard.borrow()[0].one_on_one);
}

#[tokio::test(start_paused = true)]
async fn duplicates_and_overtaking_notifications_are_heard_once_in_order() {
    let mut world = World::new();
    world.settings.openers = 1;
    let running = world.start().await;
    let said: Vec<_> = (1..=4).map(|n| world.doug_writes(&n.to_string())).collect();
    running.notify(&world.post("created", &[&said[3], &said[1], &said[3]])).await;
    running.notify(&world.post("created", &[&said[2], &said[0]])).await;
    running.notify(&world.post("created", &[&said[0], &said[1], &said[2], &said[3]])).await;
    world.until_heard(4).await;
    wait(3600).await;
    assert_eq!(world.heard(), ["1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn the_same_post_delivered_again_changes_nothing() {
    let world = World::new();
    let mut running = world.start().await;
    let post = world.post("created", &[&world.doug_writes("yes")]);
    for _ in 0..3 {
        running.notify(&post).await;
    }
    running.until(|status| status.accepted == 3).await;
    wait(3600).await;
    assert_eq!(world.heard(), ["yes"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_twin_and_the_service_write_is_not_heard() {
    let world = World::new();
    let mut running = world.start().await;
    let own = world.tenant.write(CHAT, TWIN, "<p>yes</p>");
    let system = world.doug_writes("");
    let system = world.tenant.change(&system, |message| {
        message["messageType"] = json!("unknownFutureValue");
        message["from"] = Value::Null;
        message["body"]["content"] = json!("<systemEventMessage/>");
    });
    running.notify(&world.post("created", &[&own, &system])).await;
    running.until(|status| status.accepted == 2).await;
    let message = world.doug_writes("hello");
    running.notify(&world.post("created", &[&message])).await;
    wait(3600).await;
    assert_eq!(world.heard(), ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_something_heard_is_not_heard_again() {
    let world = World::new();
    let mut running = world.start().await;
    let message = world.doug_writes("no");
    running.notify(&world.post("created", &[&message])).await;
    world.until_heard(1).await;
    let edited = world.tenant.edit(&message, "<p>yes</p>");
    running.notify(&world.post("updated", &[&edited])).await;
    running.until(|status| status.accepted == 2).await;
    wait(3600).await;
    assert_eq!(world.heard(), ["no"]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_something_never_heard_is_heard_as_edited() {
    let world = World::new();
    let mut running = world.start().await;
    let message = world.doug_writes("no");
    wait(1).await;
    let edited = world.tenant.edit(&message, "<p>yes</p>");
    running.notify(&world.post("updated", &[&edited])).await;
    running.until(|status| status.accepted == 1).await;
    wait(2).await;
    assert_eq!(world.heard(), [""; 0], "not from the notification of the change");
    world.until_heard(1).await;
    assert!(world.scribe.heard.borrow()[0].edited);
    assert_eq!(world.heard(), ["yes"]);
}

#[tokio::test(start_paused = true)]
async fn a_reaction_that_overtakes_its_message_does_not_make_it_edited() {
    let world = World::new();
    let running = world.start().await;
    let message = world.doug_writes("yes");
    let liked = world.tenant.change(&message, |message| message["reactions"] = json!([{}]));
    running.notify(&world.post("updated", &[&liked])).await;
    running.notify(&world.post("created", &[&message])).await;
    world.until_heard(1).await;
    wait(3600).await;
    assert_eq!(world.heard(), ["yes"]);
    assert!(!world.scribe.heard.borrow()[0].edited);
}

#[tokio::test(start_paused = true)]
async fn a_notification_that_carries_nothing_has_its_chat_read() {
    let world = World::new();
    let running = world.start().await;
    let mut post = world.post("created", &[&world.doug_writes("hello")]);
    post["value"][0].as_object_mut().unwrap().remove("encryptedContent");
    running.notify(&post).await;
    assert_eq!(world.until_heard(1).await, ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_message_is_not_heard() {
    let world = World::new();
    let running = world.start().await;
    let message = world.doug_writes("yes");
    let now = message["createdDateTime"].clone();
    let deleted = world.tenant.change(&message, |message| message["deletedDateTime"] = now);
    running.notify(&world.post("deleted", &[&deleted])).await;
    running.notify(&world.post("created", &[&deleted])).await;
    let message = world.doug_writes("");
    world.tenant.change(&message, |message| message["body"]["content"] = json!(""));
    running.notify(&world.post("created", &[&world.doug_writes("hello")])).await;
    wait(3600).await;
    assert_eq!(world.heard(), ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_turns_posts_away_and_loses_nothing() {
    let mut world = World::new();
    world.settings.queue = 1;
    world.settings.openers = 1;
    world.settings.attention = std::time::Duration::ZERO;
    world.keys.gate.forget_permits(usize::MAX);
    let mut running = world.start().await;
    let said: Vec<_> = (1..=3).map(|n| world.doug_writes(&n.to_string())).collect();
    let posts: Vec<_> = said.iter().map(|said| world.post("created", &[said])).collect();
    running.notify(&posts[0]).await;
    while world.keys.fetches.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    running.notify(&posts[1]).await;
    let answer = running.deliver("/notifications", &posts[2]).await;
    assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
    world.keys.gate.add_permits(9);
    running.until(|status| status.accepted == 2).await;
    assert_eq!(running.status.borrow().turned_away, 1);
    running.notify(&posts[2]).await;
    assert_eq!(world.until_heard(3).await, ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_intake_turns_posts_away_and_loses_nothing() {
    let mut world = World::new();
    world.intake = subtwin_hear::Settings { queued: 1, ..Default::default() };
    let mut running = world.start().await;
    world.scribe.gate.forget_permits(usize::MAX);
    // One is being handled, one waits.
    for (n, accepted) in [("1", 1), ("2", 2)] {
        running.notify(&world.post("created", &[&world.doug_writes(n)])).await;
        running.until(|status| status.accepted == accepted).await;
        wait(1).await;
    }
    let post = world.post("created", &[&world.doug_writes("3")]);
    let answer = running.deliver("/notifications", &post).await;
    assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
    world.scribe.gate.add_permits(9);
    assert_eq!(world.until_heard(3).await, ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn new_keys_of_the_issuer_are_fetched_when_they_are_needed_and_not_more_often() {
    let mut world = World::new();
    let mut running = world.start().await;
    running.notify(&world.post("created", &[&world.doug_writes("1")])).await;
    running.until(|status| status.accepted == 1).await;
    let fetches = || world.keys.fetches.load(Ordering::SeqCst);
    assert_eq!(fetches(), 1);

    // Tokens with made-up keys make us look once a minute at most.
    let stranger = Issuer::new("key-2");
    let message = world.doug_writes("2");
    for _ in 0..5 {
        let mut post = world.post("created", &[&message]);
        post["validationTokens"] = json!([stranger.sign(&service::claims(world.now()))]);
        running.notify(&post).await;
    }
    running.until(|status| status.refused == 5).await;
    assert_eq!(fetches(), 1, "the keys were fetched a moment ago");

    wait(61).await;
    world.keys.keys.lock().unwrap().push(stranger.jwk.clone());
    world.issuer = stranger;
    running.notify(&world.post("created", &[&world.doug_writes("3")])).await;
    running.until(|status| status.accepted == 2).await;
    assert_eq!(world.keys.fetches.load(Ordering::SeqCst), 2);
    running.notify(&world.post("created", &[&world.doug_writes("4")])).await;
    running.until(|status| status.accepted == 3).await;
    assert_eq!(world.keys.fetches.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_notified_while_the_issuer_is_away_is_heard_all_the_same() {
    let world = World::new();
    let keys = std::mem::take(&mut *world.keys.keys.lock().unwrap());
    let mut running = world.start().await;
    running.notify(&world.post("created", &[&world.doug_writes("1")])).await;
    running.until(|status| status.refused == 1).await;
    assert_eq!(world.until_heard(1).await, ["1"], "found in the chat");
    *world.keys.keys.lock().unwrap() = keys;
    running.notify(&world.post("created", &[&world.doug_writes("2")])).await;
    running.until(|status| status.accepted == 1).await;
}

#[tokio::test(start_paused = true)]
async fn stopping_opens_what_was_accepted() {
    let world = World::new();
    let running = world.start().await;
    let message = world.doug_writes("hello");
    running.notify(&world.post("created", &[&message])).await;
    let intake = running.intake.clone();
    let before = tokio::time::Instant::now();
    running.stop().await;
    assert!(before.elapsed() < world.settings.patience * 3, "{:?}", before.elapsed());
    let chat = subtwin_kernel::ChatId::parse(CHAT).unwrap();
    let left = intake.oldest_unfinished(&chat);
    assert!(world.heard() == ["hello"] || left.is_some(), "it reached the intake");
}
