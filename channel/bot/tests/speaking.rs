//! What the twin says, worked, failed, and failed but happened.

use axum::http::Method;
use serde_json::json;
use subtwin_hear::{Channel as _, ChannelError};
use subtwin_kernel::{MessageId, Secret, Words};

use crate::world::{APP, DOUG, SARAH, TENANT, World};

fn reason(error: &ChannelError) -> String {
    match error {
        ChannelError::Refused { reason, .. } => reason.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_message_goes_to_its_conversation_as_escaped_markup_and_is_remembered() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let words = Words::strong("Done.").fact("Who", "<at>Sarah</at> & co");
    let message = running.voice.post(&world.chat(), &words).await.unwrap();
    let call = world.service.said().pop().unwrap();
    assert_eq!(
        (call.method, call.path.as_str()),
        (Method::POST, "/v3/conversations/a:1dougs_conversation/activities")
    );
    assert_eq!(call.token, "Bearer 0");
    assert_eq!(
        call.body,
        json!({
            "type": "message", "textFormat": "xml",
            "text": "<p><b>Done.</b></p><p><b>Who: </b>&lt;at&gt;Sarah&lt;/at&gt; &amp; co</p>",
            "from": {"id": format!("28:{APP}")}, "recipient": {"id": "29:doug"},
            "conversation": {"id": "a:1dougs_conversation"},
        })
    );
    assert!(running.voice.is_unchanged(&world.chat(), message).await.unwrap());
    let own = running.voice.own_since(&world.chat(), MessageId::new(0)).await.unwrap();
    assert_eq!(own, [(message, "Done.\nWho: <at>Sarah</at> & co".to_owned())]);

    running.voice.edit(&world.chat(), message, &Words::plain("Gone.")).await.unwrap();
    let call = world.service.said().pop().unwrap();
    assert_eq!(
        (call.method, call.path),
        (Method::PUT, format!("/v3/conversations/a:1dougs_conversation/activities/{message}"))
    );
    assert_eq!(
        (&call.body["id"], &call.body["text"]),
        (&json!(message.to_string()), &json!("<p>Gone.</p>"))
    );
    assert!(!running.voice.is_unchanged(&world.chat(), message).await.unwrap(), "it was edited");
}

#[tokio::test]
async fn a_rejected_token_is_replaced_and_a_busy_connector_asked_again() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    for status in [401, 429, 412] {
        world.service.answers(status, json!({}));
    }
    running.voice.post(&world.chat(), &Words::plain("hi")).await.unwrap();
    let tokens: Vec<_> = world.service.said().iter().map(|call| call.token.clone()).collect();
    assert_eq!(tokens, ["Bearer 0", "Bearer 1", "Bearer 1", "Bearer 1"]);
}

#[tokio::test]
async fn what_the_connector_refuses_is_said_once_and_plainly() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    world.service.answers(403, json!({"error": {"code": "MessageWritesBlocked", "message": "x"}}));
    let error = running.voice.post(&world.chat(), &Words::plain("hi")).await.unwrap_err();
    assert!(reason(&error).contains("has blocked or removed the twin's app"), "{error}");
    world.service.answers(400, json!({"error": {"code": "BadSyntax", "message": "bad\u{7} card"}}));
    let error = running.voice.post(&world.chat(), &Words::plain("hi")).await.unwrap_err();
    assert!(reason(&error).contains("400 `BadSyntax`: bad card"), "{error}");
    assert_eq!(world.service.said().len(), 2);
    let nowhere = subtwin_kernel::ChatId::parse("a:unknown").unwrap();
    let error = running.voice.post(&nowhere, &Words::plain("hi")).await.unwrap_err();
    assert!(reason(&error).contains("not known where"), "{error}");
    let long = Words::plain("x".repeat(30_000));
    let error = running.voice.post(&world.chat(), &long).await.unwrap_err();
    assert!(reason(&error).contains("longer than"), "{error}");
    assert_eq!(world.service.said().len(), 2, "neither was sent");
}

#[tokio::test]
async fn a_secret_is_never_sent_twice_and_a_gateways_doubt_about_it_is_no_refusal() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let secret = Words::plain("Once:").secret(Secret::new("pass-word-1".to_owned()));
    world.service.answers(502, json!({}));
    let error = running.voice.post(&world.chat(), &secret).await.unwrap_err();
    assert!(matches!(error, ChannelError::Unknown { .. }), "{error:?}");
    assert_eq!(world.service.said().len(), 1);
    // What is no secret may come twice.
    world.service.answers(502, json!({}));
    running.voice.post(&world.chat(), &Words::plain("hi")).await.unwrap();
    assert_eq!(world.service.said().len(), 3);

    running.voice.post(&world.chat(), &secret).await.unwrap();
    let kept: Vec<String> = world
        .memory
        .values
        .lock()
        .unwrap()
        .values()
        .map(|value| value.expose().to_owned())
        .collect();
    assert!(!kept.concat().contains("pass-word-1"), "a secret is not noted");
}

#[tokio::test]
async fn an_answer_without_an_id_is_no_message_that_could_be_relied_on() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    world.service.answers(201, json!({}));
    let error = running.voice.post(&world.chat(), &Words::plain("hi")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Unknown { .. }), "{error:?}");
    assert_eq!(world.service.said().len(), 1, "not sent again");
}

#[tokio::test]
async fn who_has_written_is_written_to_where_they_did_and_others_get_a_new_conversation() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let chat = running.voice.direct(DOUG.parse().unwrap()).await.unwrap();
    assert_eq!(chat, world.chat());
    assert!(world.service.said().is_empty(), "nothing was asked for");
    world.service.answers(201, json!({"id": "a:sarahs"}));
    let chat = running.voice.direct(SARAH.parse().unwrap()).await.unwrap();
    assert_eq!(chat.as_str(), "a:sarahs");
    let call = world.service.said().pop().unwrap();
    assert_eq!(call.path, "/v3/conversations");
    assert_eq!(
        call.body,
        json!({
            "isGroup": false, "bot": {"id": format!("28:{APP}")}, "members": [{"id": SARAH}],
            "tenantId": TENANT, "channelData": {"tenant": {"id": TENANT}},
        })
    );
    running.voice.post(&chat, &Words::plain("hi")).await.unwrap();
    assert_eq!(running.voice.direct(SARAH.parse().unwrap()).await.unwrap(), chat, "and only once");

    world.service.answers(403, json!({"error": {"code": "BotNotInConversationRoster"}}));
    let other = "99999999-9999-4999-8999-999999999999".parse().unwrap();
    let error = running.voice.direct(other).await.unwrap_err();
    assert!(reason(&error).contains("only where its app is installed"), "{error}");
}
