use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use subtwin_hear::{Channel as _, ChannelError};
use subtwin_kernel::{ChatId, MessageId, Words};
use subtwin_teams::{Verb, Voice};

use crate::tenant::{CHAT, DOUG, Fault, TWIN};
use crate::world::{World, wait};

const MESSAGES: &str = "/messages";

fn chat() -> ChatId {
    ChatId::parse(CHAT).unwrap()
}

/// A world with a chat, and the twin's voice in it.
async fn voice() -> (World, Voice) {
    let world = World::new();
    world.doug_writes("hello");
    wait(100).await;
    let voice = Voice::new(&world.settings, world.tenant.clone(), world.clock.clone());
    (world, voice)
}

/// What the twin wrote, as stored.
fn said(world: &World) -> Vec<String> {
    let state = world.tenant.state();
    let own = state.chats[CHAT].iter().filter(|m| m["from"]["user"]["id"] == TWIN);
    own.map(|m| m["body"]["content"].as_str().unwrap().to_owned()).collect()
}

fn stored_id(world: &World) -> MessageId {
    let state = world.tenant.state();
    state.chats[CHAT].last().unwrap()["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_the_twin_says_is_posted_as_escaped_markup() {
    let (world, voice) = voice().await;
    let words = Words::strong("Shall I?").fact("Who", "Sarah <sarah@contoso.com>");
    let id = voice.post(&chat(), &words).await.unwrap();
    assert_eq!(id, stored_id(&world));
    assert_eq!(
        said(&world),
        ["<p><b>Shall I?</b></p><p><b>Who: </b>Sarah &lt;sarah@contoso.com&gt;</p>"]
    );
    let requests = &world.tenant.state().requests;
    assert_eq!(
        requests[0].path,
        "/v1.0/chats/19%3A22222222-2222-4222-8222-222222222222_\
         33333333-3333-4333-8333-333333333333%40unq.gbl.spaces/messages"
    );
}

#[tokio::test(start_paused = true)]
async fn a_post_whose_answer_is_lost_is_found_and_not_posted_again() {
    let (world, voice) = voice().await;
    world.tenant.fail(Verb::Post, MESSAGES, Fault::LostAfter);
    let id = voice.post(&chat(), &Words::plain("Done.")).await.unwrap();
    assert_eq!(said(&world).len(), 1);
    assert_eq!(id, stored_id(&world));
}

#[tokio::test(start_paused = true)]
async fn a_post_that_was_lost_is_posted_again() {
    let (world, voice) = voice().await;
    world.tenant.fail(Verb::Post, MESSAGES, Fault::Lost);
    voice.post(&chat(), &Words::plain("Done.")).await.unwrap();
    assert_eq!(said(&world).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_message_that_says_the_same_is_not_taken_for_a_lost_one() {
    let (world, voice) = voice().await;
    let first = voice.post(&chat(), &Words::plain("Done.")).await.unwrap();
    world.tenant.fail(Verb::Post, MESSAGES, Fault::Lost);
    let second = voice.post(&chat(), &Words::plain("Done.")).await.unwrap();
    assert_ne!(first, second);
    world.tenant.fail(Verb::Post, MESSAGES, Fault::LostAfter);
    let third = voice.post(&chat(), &Words::plain("Done.")).await.unwrap();
    assert!(third > second);
    assert_eq!(said(&world).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_said_is_not_taken_for_a_lost_one() {
    let (world, voice) = voice().await;
    let words = Words::plain("Done.");
    let first = voice.post(&chat(), &words).await.unwrap();
    wait(90).await;
    let message = world.tenant.state().chats[CHAT].last().unwrap().clone();
    world.tenant.change(&message, |message| message["reactions"] = json!([{}]));
    let voice = Voice::new(&world.settings, world.tenant.clone(), world.clock.clone());
    world.tenant.fail(Verb::Post, MESSAGES, Fault::Lost);
    assert_ne!(voice.post(&chat(), &words).await.unwrap(), first);
}

#[tokio::test(start_paused = true)]
async fn two_lost_posts_of_the_same_words_are_two_messages() {
    let (world, voice) = voice().await;
    world.tenant.fail(Verb::Post, MESSAGES, Fault::LostAfter);
    world.tenant.fail(Verb::Post, MESSAGES, Fault::LostAfter);
    let (chat, words) = (chat(), Words::plain("Done."));
    let (one, other) = tokio::join!(voice.post(&chat, &words), voice.post(&chat, &words));
    assert_ne!(one.unwrap(), other.unwrap());
    assert_eq!(said(&world).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_having_looked_nothing_is_posted_again() {
    let (world, voice) = voice().await;
    world.tenant.fail(Verb::Post, MESSAGES, Fault::Lost);
    for _ in 0..9 {
        world.tenant.fail(Verb::Get, MESSAGES, Fault::Lost);
    }
    let error = voice.post(&chat(), &Words::plain("Done.")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Unknown { .. }), "{error}");
    assert_eq!(world.tenant.count(Verb::Post, MESSAGES), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_answers_is_given_up() {
    let (world, voice) = voice().await;
    for _ in 0..99 {
        world.tenant.fail(Verb::Post, MESSAGES, Fault::Lost);
    }
    let error = voice.post(&chat(), &Words::plain("Done.")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Unknown { .. }), "{error}");
    let posts = world.tenant.count(Verb::Post, MESSAGES);
    assert!((2..=5).contains(&posts), "{posts}");
}

#[tokio::test(start_paused = true)]
async fn a_busy_service_is_waited_for_within_bounds() {
    let (world, voice) = voice().await;
    let before = tokio::time::Instant::now();
    world.tenant.fail(Verb::Post, MESSAGES, Fault::Busy(Some(Duration::from_secs(7))));
    voice.post(&chat(), &Words::plain("Done.")).await.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(7), "{:?}", before.elapsed());
    assert_eq!(said(&world).len(), 1);

    world.tenant.fail(Verb::Post, MESSAGES, Fault::Busy(Some(Duration::from_secs(3600))));
    let error = voice.post(&chat(), &Words::plain("Done.")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Refused { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_post_and_one_that_is_too_long_are_not_repeated() {
    let (world, voice) = voice().await;
    world.tenant.fail(Verb::Post, MESSAGES, Fault::Refused(403));
    let error = voice.post(&chat(), &Words::plain("Done.")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Refused { .. }), "{error}");
    assert_eq!(world.tenant.count(Verb::Post, MESSAGES), 1);
    let error = voice.post(&chat(), &Words::plain("&".repeat(6_000))).await.unwrap_err();
    assert!(matches!(error, ChannelError::Refused { .. }), "{error}");
    assert_eq!(world.tenant.count(Verb::Post, MESSAGES), 1);
}

#[tokio::test(start_paused = true)]
async fn a_posted_message_is_unchanged_until_somebody_changes_it() {
    let (world, voice) = voice().await;
    let words = Words::strong("Shall I?").line("R&D");
    let unchanged = async |change: fn(&mut serde_json::Value)| {
        let id = voice.post(&chat(), &words).await.unwrap();
        assert!(voice.is_unchanged(&chat(), id).await.unwrap());
        let message = world.tenant.state().chats[CHAT].last().unwrap().clone();
        world.tenant.change(&message, change);
        voice.is_unchanged(&chat(), id).await.unwrap()
    };
    assert!(unchanged(|m| m["reactions"] = json!([{"reactionType": "👍"}])).await);
    assert!(!unchanged(|m| m["deletedDateTime"] = json!("2026-03-01T10:00:00Z")).await);
    assert!(!unchanged(|m| m["lastEditedDateTime"] = json!("2026-03-01T10:00:00Z")).await);
    assert!(!unchanged(|m| m["body"]["content"] = json!("<p>Shall I!</p>")).await);
    assert!(!unchanged(|m| m["body"]["content"] = json!("")).await);
    assert!(!unchanged(|m| m["from"]["user"]["id"] = json!(DOUG)).await);
    assert!(!voice.is_unchanged(&chat(), MessageId::new(7)).await.unwrap());
    world.tenant.fail(Verb::Get, MESSAGES, Fault::Refused(403));
    voice.is_unchanged(&chat(), MessageId::new(7)).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn the_twins_own_edit_is_told_from_anothers() {
    let (world, voice) = voice().await;
    let id = voice.post(&chat(), &Words::plain("Working…")).await.unwrap();
    wait(5).await;
    voice.edit(&chat(), id, &Words::plain("Done.")).await.unwrap();
    assert_eq!(said(&world), ["<p>Done.</p>"]);
    assert!(voice.is_unchanged(&chat(), id).await.unwrap());
    wait(5).await;
    let message = world.tenant.state().chats[CHAT].last().unwrap().clone();
    world.tenant.edit(&message, "<p>Done.</p>");
    assert!(!voice.is_unchanged(&chat(), id).await.unwrap(), "edited at another time");
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_repeated_until_it_is_answered() {
    let (world, voice) = voice().await;
    let id = voice.post(&chat(), &Words::plain("Working…")).await.unwrap();
    world.tenant.fail(Verb::Patch, MESSAGES, Fault::LostAfter);
    world.tenant.fail(Verb::Patch, MESSAGES, Fault::Busy(None));
    voice.edit(&chat(), id, &Words::plain("Done.")).await.unwrap();
    assert_eq!(said(&world), ["<p>Done.</p>"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_of_an_earlier_process_counts_as_unchanged_until_it_is_edited() {
    let (world, voice) = voice().await;
    let id = voice.post(&chat(), &Words::plain("Shall I?")).await.unwrap();
    let voice = Voice::new(&world.settings, world.tenant.clone(), world.clock.clone());
    assert!(voice.is_unchanged(&chat(), id).await.unwrap());
    let message = world.tenant.state().chats[CHAT].last().unwrap().clone();
    world.tenant.edit(&message, "<p>Shall I?</p>");
    assert!(!voice.is_unchanged(&chat(), id).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_twins_messages_since_one_are_listed_oldest_first() {
    let (world, voice) = voice().await;
    world.tenant.state().page = 2;
    let voice = Arc::new(voice);
    let first = voice.post(&chat(), &Words::plain("one")).await.unwrap();
    let mut expected = Vec::new();
    for text in ["two", "three", "four"] {
        world.doug_writes("hm");
        expected.push((voice.post(&chat(), &Words::plain(text)).await.unwrap(), text.to_owned()));
    }
    assert_eq!(voice.own_since(&chat(), first).await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_direct_chat_is_opened_with_both_people() {
    let (world, voice) = voice().await;
    world.tenant.fail(Verb::Post, "/v1.0/chats", Fault::Lost);
    assert_eq!(voice.direct(DOUG.parse().unwrap()).await.unwrap(), chat());
    let state = world.tenant.state();
    insta::assert_json_snapshot!(state.requests.last().unwrap().body, @r##"
    {
      "chatType": "oneOnOne",
      "members": [
        {
          "@odata.type": "#microsoft.graph.aadUserConversationMember",
          "roles": [
            "owner"
          ],
          "user@odata.bind": "https://graph.microsoft.com/v1.0/users('22222222-2222-4222-8222-222222222222')"
        },
        {
          "@odata.type": "#microsoft.graph.aadUserConversationMember",
          "roles": [
            "owner"
          ],
          "user@odata.bind": "https://graph.microsoft.com/v1.0/users('33333333-3333-4333-8333-333333333333')"
        }
      ]
    }
    "##);
}
