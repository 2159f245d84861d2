//! What survives the end of a process.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use subtwin_bot::Allowed;
use subtwin_hear::{Channel as _, Seen as _};
use subtwin_kernel::{Clock as _, MessageId, Secret, Words};

use crate::world::{DOUG, World};

#[tokio::test]
async fn a_twin_speaks_after_a_restart_where_it_was_spoken_to_before() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let before = running.voice.post(&world.chat(), &Words::plain("hi")).await.unwrap();
    let running = world.start().await;
    let message = running.voice.post(&world.chat(), &Words::plain("again")).await.unwrap();
    let own = running.voice.own_since(&world.chat(), before).await.unwrap();
    assert_eq!(own, [(message, "again".to_owned())]);
    assert!(
        !running.voice.is_unchanged(&world.chat(), before).await.unwrap(),
        "not known any more"
    );
}

#[tokio::test]
async fn a_service_that_is_no_longer_allowed_gets_no_token() {
    let mut world = World::new().await;
    world.start().await.greeted(&world).await;
    world.settings.allowed = Allowed::new([]).unwrap();
    let running = world.start().await;
    running.voice.post(&world.chat(), &Words::plain("hi")).await.unwrap_err();
    assert!(world.service.said().is_empty());
}

#[tokio::test]
async fn what_was_accepted_and_not_taken_up_is_heard_after_a_restart_and_what_was_answered_is_not()
{
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    running.intake.shutdown(Duration::from_secs(10)).await;
    let late = world.message(7, "late", json!({}));
    let (status, _) = running.post(&world, &late).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "it is stopping: come again");

    // As a process that died between its answer to the service and the first look at the message.
    leave_waiting(&world);
    let running = world.start().await;
    let heard = world.until_heard(2).await.pop().unwrap();
    assert_eq!((heard.text.as_str(), heard.message), ("late", MessageId::new(1_700_000_000_007)));
    assert_eq!(world.heard_in_the_end(&running).await, ["hello", "late"]);
    assert_eq!(waiting(&world), "[]", "what came to its end is not kept");
}

#[tokio::test]
async fn what_was_taken_up_and_not_finished_can_be_read_again_until_it_is_answered() {
    let world = World::new().await;
    world.start().await.greeted(&world).await;
    let message = MessageId::new(1_700_000_000_007);
    // A process that died while it was handling the message.
    leave_waiting(&world);
    world.scribe.take(&world.chat(), message, world.clock.now()).await.unwrap();
    let running = world.start().await;
    let heard = running.voice.heard(&world.chat(), message).await.unwrap().unwrap();
    assert_eq!((heard.text.as_str(), heard.edited), ("late", false));
    assert_eq!(running.voice.heard(&world.chat(), MessageId::new(5)).await.unwrap(), None);
    assert_eq!(world.heard_in_the_end(&running).await, ["hello"], "not handed out twice");
    assert!(waiting(&world).contains("late"));
    running.voice.post(&world.chat(), &Words::plain("the answer")).await.unwrap();
    assert_eq!(waiting(&world), "[]");
}

#[tokio::test]
async fn what_waited_for_a_day_is_not_taken_up_any_more() {
    let world = World::new().await;
    leave_waiting(&world);
    world.clock.advance(Duration::from_secs(25 * 3600));
    let running = world.start().await;
    assert!(world.heard_in_the_end(&running).await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_noted_is_not_accepted() {
    let world = World::new().await;
    let running = world.start().await;
    *world.memory.full.lock().unwrap() = true;
    let (status, _) = running.post(&world, &world.message(5, "hello", json!({}))).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(world.heard_in_the_end(&running).await.is_empty());
}

/// A message from Doug that an earlier process accepted and did not answer.
fn leave_waiting(world: &World) {
    let kept = json!([{
        "chat": world.chat(), "message": 1_700_000_000_007_u64,
        "tenant": world.settings.tenant, "user": DOUG, "display_name": "Doug",
        "text": "late", "at": "2023-11-14T22:13:20.007Z", "refers_to": null,
    }]);
    let kept = Secret::new(kept.to_string());
    world.memory.values.lock().unwrap().insert("bot.waiting".to_owned(), kept);
}

fn waiting(world: &World) -> String {
    world.memory.values.lock().unwrap()["bot.waiting"].expose().to_owned()
}
