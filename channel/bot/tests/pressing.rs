//! A yes by button: bound to its question, once, by a person.

use axum::http::StatusCode;
use serde_json::{Value, json};
use subtwin_hear::{Channel as _, RefersTo};

use crate::world::{DOUG, Running, SARAH, World};

/// What a press is answered with.
async fn pressed(world: &World, running: &Running, activity: &Value) -> Value {
    let (status, body) = running.post(world, activity).await;
    assert_eq!(status, StatusCode::OK, "a card action's errors are inside");
    body
}

fn is_card(answer: &Value) -> bool {
    answer["statusCode"] == 200 && answer["type"] == "application/vnd.microsoft.card.adaptive"
}

#[tokio::test]
async fn a_press_is_heard_as_the_word_it_stands_for_in_answer_to_its_question() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let (prompt, message) = running.ask(&world).await;
    let answer = pressed(&world, &running, &world.press(&prompt, "yes", json!({}))).await;
    assert!(is_card(&answer), "{answer}");
    assert_eq!(answer["value"].get("actions"), None, "nothing is left to press");
    let heard = world.until_heard(2).await.pop().unwrap();
    assert_eq!((heard.text.as_str(), heard.refers_to), ("yes", RefersTo::Message(message)));
    assert_eq!(heard.from.user.to_string(), DOUG);
    assert!(heard.message > message, "{} comes after {message}", heard.message);
    assert!(running.voice.is_unchanged(&world.chat(), message).await.unwrap());
    assert!(running.voice.still_says(&heard).await.unwrap());
}

#[tokio::test]
async fn a_second_press_or_a_replayed_one_is_not_heard() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let (prompt, _) = running.ask(&world).await;
    let press = world.press(&prompt, "yes", json!({}));
    assert!(is_card(&pressed(&world, &running, &press).await));
    for verb in ["yes", "no"] {
        let again = world.press(&prompt, verb, json!({"id": "f:2"}));
        let answer = pressed(&world, &running, &again).await;
        assert_eq!(answer["type"], "application/vnd.microsoft.activity.message", "{answer}");
        assert!(answer["value"].as_str().unwrap().contains("answered already"), "{answer}");
    }
    pressed(&world, &running, &press).await;
    assert_eq!(world.heard_in_the_end(&running).await, ["hello", "yes"]);
}

#[tokio::test]
async fn a_press_on_an_old_card_is_not_heard_and_the_newest_still_can_be_pressed() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let (old, _) = running.ask(&world).await;
    let (new, message) = running.ask(&world).await;
    assert_ne!(old, new);
    for prompt in [old.as_str(), "", "00000000000000000000000000000000"] {
        let answer = pressed(&world, &running, &world.press(prompt, "yes", json!({}))).await;
        assert!(answer["value"].as_str().unwrap().contains("not open any more"), "{answer}");
    }
    assert!(is_card(&pressed(&world, &running, &world.press(&new, "no", json!({}))).await));
    let heard = world.until_heard(2).await.pop().unwrap();
    assert_eq!((heard.text.as_str(), heard.refers_to), ("no", RefersTo::Message(message)));
    assert_eq!(world.heard_in_the_end(&running).await, ["hello", "no"]);
}

#[tokio::test]
async fn a_press_by_somebody_else_is_not_heard() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let (prompt, _) = running.ask(&world).await;
    let sarah = json!({"id": "29:sarah", "name": "Doug", "aadObjectId": SARAH});
    // In the same conversation, and in their own.
    let here = world.press(&prompt, "yes", json!({"from": sarah}));
    assert_eq!(running.post(&world, &here).await.0, StatusCode::FORBIDDEN);
    let conversation = json!({"conversationType": "personal", "id": "a:sarahs"});
    let there = world.press(&prompt, "yes", json!({"from": sarah, "conversation": conversation}));
    let answer = pressed(&world, &running, &there).await;
    assert!(answer["value"].as_str().unwrap().contains("not open any more"), "{answer}");
    let group = json!({"conversationType": "groupChat", "isGroup": true, "id": "19:x@thread.v2"});
    let there = world.press(&prompt, "yes", json!({"conversation": group}));
    assert_eq!(running.post(&world, &there).await.0, StatusCode::NOT_IMPLEMENTED);
    assert_eq!(world.heard_in_the_end(&running).await, ["hello"]);
}

#[tokio::test]
async fn what_no_person_pressed_is_not_heard() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let (prompt, _) = running.ask(&world).await;
    let data = json!({"prompt": prompt});
    let action = |kind: &str, verb: &str| json!({"type": kind, "verb": verb, "data": data});
    for value in [
        json!({"action": action("Action.Execute", "yes"), "trigger": "automatic"}),
        json!({"action": action("Action.Execute", "yes"), "trigger": "somethingNew"}),
        json!({"action": action("Action.Execute", "sure")}),
    ] {
        let answer = pressed(&world, &running, &world.press("", "", json!({"value": value}))).await;
        assert_eq!(answer["statusCode"], 400, "{value}: {answer}");
        assert_eq!(answer["type"], "application/vnd.microsoft.error");
    }
    for value in
        [json!({"action": action("Action.Submit", "yes")}), json!({}), json!("yes"), Value::Null]
    {
        let call = world.press("", "", json!({"value": value}));
        assert_eq!(running.post(&world, &call).await.0, StatusCode::NOT_IMPLEMENTED, "{value}");
    }
    // The same card sent as a message.
    let submit =
        world.message(9, "yes", json!({"value": {"action": action("Action.Execute", "yes")}}));
    running.post(&world, &submit).await;
    // Without a trigger it is a person's.
    let plain = json!({"action": action("Action.Execute", "yes")});
    assert!(is_card(
        &pressed(&world, &running, &world.press("", "", json!({"value": plain}))).await
    ));
    assert_eq!(world.heard_in_the_end(&running).await, ["hello", "yes"]);
}

#[tokio::test]
async fn the_words_of_a_question_whose_posting_failed_cannot_be_answered_by_a_press() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let (first, _) = running.ask(&world).await;
    world.service.answers(403, json!({"error": {"code": "MessageWritesBlocked", "message": "no"}}));
    let question = subtwin_hear::Question {
        words: subtwin_kernel::Words::plain("And now?"),
        choices: Vec::new(),
    };
    let why = running.voice.ask(&world.chat(), &question).await.unwrap_err().to_string();
    assert!(why.contains("blocked or removed the twin's app"), "{why}");
    // The one before has been overtaken all the same.
    let answer = pressed(&world, &running, &world.press(&first, "yes", json!({}))).await;
    assert!(answer["value"].as_str().unwrap().contains("not open any more"), "{answer}");
    assert_eq!(world.heard_in_the_end(&running).await, ["hello"]);
}

#[tokio::test]
async fn a_question_that_was_taken_back_cannot_be_pressed() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let (prompt, message) = running.ask(&world).await;
    let words = subtwin_kernel::Words::plain("It has been decided.");
    running.voice.edit(&world.chat(), message, &words).await.unwrap();
    let answer = pressed(&world, &running, &world.press(&prompt, "yes", json!({}))).await;
    assert!(answer["value"].as_str().unwrap().contains("not open any more"), "{answer}");
    assert_eq!(world.heard_in_the_end(&running).await, ["hello"]);
}

#[tokio::test]
async fn a_press_that_cannot_be_taken_may_be_pressed_again() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let (prompt, _) = running.ask(&world).await;
    assert_eq!(world.heard_in_the_end(&running).await, ["hello"]);
    // The twin is stopping.
    for _ in 0..2 {
        let answer = pressed(&world, &running, &world.press(&prompt, "yes", json!({}))).await;
        assert_eq!(answer["statusCode"], 500, "{answer}");
    }
}
