//! Which activities become something heard.

use axum::http::StatusCode;
use serde_json::{Value, json};
use subtwin_hear::{Channel as _, RefersTo};
use subtwin_kernel::MessageId;

use crate::world::{AGENT, AGENT_APP, DOUG, NOW, SARAH, TENANT, World};

#[tokio::test]
async fn what_somebody_writes_is_heard_with_who_and_where_and_the_typing_is_shown() {
    let world = World::new().await;
    let running = world.start().await;
    let html =
        json!([{"contentType": "text/html", "content": "<div>give <b>Sarah</b> an E3</div>"}]);
    let message = world.message(5, "give Sarah an E3", json!({"attachments": html}));
    assert_eq!(running.post(&world, &message).await, (StatusCode::ACCEPTED, Value::Null));
    let heard = world.until_heard(1).await.remove(0);
    assert_eq!(heard.text, "give Sarah an E3");
    assert_eq!(heard.chat, world.chat());
    assert_eq!(heard.message, MessageId::new((NOW * 1000 + 5).cast_unsigned()));
    assert_eq!(heard.from.user.to_string(), DOUG);
    assert_eq!(heard.from.tenant.to_string(), TENANT);
    assert_eq!(
        (heard.from.display_name.as_str(), heard.one_on_one, heard.edited),
        ("Doug", true, false)
    );
    assert_eq!(heard.refers_to, RefersTo::Nothing);
    let typing = async {
        while world.service.calls.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), typing).await.unwrap();
    let call = world.service.calls.lock().unwrap().remove(0);
    assert_eq!(call.path, "/v3/conversations/a:1dougs_conversation/activities");
    assert_eq!(call.body["type"], "typing");
    assert_eq!(call.body["recipient"]["id"], "29:doug");
}

#[tokio::test]
async fn an_activity_that_comes_twice_is_heard_once() {
    let world = World::new().await;
    let running = world.start().await;
    for _ in 0..3 {
        running.post(&world, &world.message(5, "yes", json!({}))).await;
    }
    assert_eq!(world.heard_in_the_end(&running).await, ["yes"]);
}

#[tokio::test]
async fn groups_channels_and_whoever_has_no_directory_id_are_not_answered() {
    let world = World::new().await;
    let running = world.start().await;
    let conversation = |kind: &str, group: Value| json!({"conversation": {"conversationType": kind, "isGroup": group, "id": "19:x@thread.v2"}});
    for changes in [
        conversation("groupChat", true.into()),
        conversation("channel", true.into()),
        conversation("personal", true.into()),
        json!({"conversation": {"id": "19:x@thread.v2"}}),
        json!({"from": {"id": "29:x", "name": "Doug"}}),
        json!({"from": {"id": "29:x", "aadObjectId": "nobody"}}),
        json!({"from": {"id": "28:x", "aadObjectId": DOUG, "role": "bot"}}),
    ] {
        let message = world.message(5, "<at>Sam</at> yes", changes.clone());
        assert_eq!(running.post(&world, &message).await.0, StatusCode::ACCEPTED, "{changes}");
    }
    assert!(world.heard_in_the_end(&running).await.is_empty());
    assert!(world.service.calls.lock().unwrap().is_empty(), "nothing is said");
}

#[tokio::test]
async fn what_is_no_message_is_not_heard() {
    let world = World::new().await;
    let running = world.start().await;
    for changes in [
        json!({"type": "conversationUpdate", "membersAdded": [{"id": "29:x"}]}),
        json!({"type": "installationUpdate", "action": "add"}),
        json!({"type": "installationUpdate", "action": "remove"}),
        json!({"type": "messageUpdate", "channelData": {"eventType": "editMessage", "tenant": {"id": TENANT}}}),
        json!({"type": "messageDelete"}),
        json!({"type": "messageReaction", "reactionsAdded": [{"type": "like"}]}),
        json!({"type": "typing"}),
        json!({"type": "event", "name": "x"}),
        json!({"type": "somethingNew"}),
        // A card that was submitted: nobody wrote that.
        json!({"text": null, "value": {"confirm": "yes"}}),
        json!({"value": {"msteams": {"type": "messageBack"}}}),
        json!({"text": ""}),
        json!({"attachments": [{"contentType": "text/html", "content": "<blockquote>yes</blockquote>"}]}),
    ] {
        let message = world.message(5, "yes", changes.clone());
        assert_eq!(running.post(&world, &message).await.0, StatusCode::ACCEPTED, "{changes}");
    }
    for name in ["composeExtension/query", "signin/verifyState", "task/fetch"] {
        let call = world.message(5, "yes", json!({"type": "invoke", "name": name}));
        assert_eq!(running.post(&world, &call).await.0, StatusCode::NOT_IMPLEMENTED, "{name}");
    }
    assert!(world.heard_in_the_end(&running).await.is_empty());
}

#[tokio::test]
async fn an_edit_is_never_a_yes_and_undoes_the_one_it_changes() {
    let world = World::new().await;
    let running = world.start().await;
    running.post(&world, &world.message(5, "yes", json!({}))).await;
    running.post(&world, &world.message(6, "yes", json!({}))).await;
    let heard = world.until_heard(2).await;
    assert!(running.voice.still_says(&heard[0]).await.unwrap());
    for (number, kind) in [(5, "messageUpdate"), (6, "messageDelete")] {
        running.post(&world, &world.message(number, "no", json!({"type": kind}))).await;
    }
    for heard in &heard {
        assert!(!running.voice.still_says(heard).await.unwrap(), "{heard:?}");
    }
    assert_eq!(world.heard_in_the_end(&running).await, ["yes", "yes"], "and no more");
}

#[tokio::test]
async fn a_quoted_text_is_not_said_and_names_what_it_answers() {
    let world = World::new().await;
    let running = world.start().await;
    let reply = "<blockquote itemscope itemtype=\"http://schema.skype.com/Reply\" itemid=\"77\">yes</blockquote>";
    for (number, html, refers_to) in [
        (1, format!("{reply}<p>no</p>"), RefersTo::Message(MessageId::new(77))),
        (2, format!("{reply}{reply}<p>no</p>"), RefersTo::Something),
        (3, "<blockquote>yes</blockquote><p>no</p>".to_owned(), RefersTo::Something),
    ] {
        let attachments = json!([{"contentType": "text/html", "content": html}]);
        let message = world.message(number, "yes no", json!({"attachments": attachments}));
        running.post(&world, &message).await;
        let heard = world.until_heard(usize::try_from(number).unwrap()).await.pop().unwrap();
        assert_eq!((heard.text.as_str(), heard.refers_to), ("no", refers_to), "{html}");
    }
    let forwarded = json!([{"contentType": "forwardedMessageReference", "id": "7"}]);
    running.post(&world, &world.message(9, "yes", json!({"attachments": forwarded}))).await;
    assert_eq!(world.until_heard(4).await[3].refers_to, RefersTo::Something);
}

#[tokio::test]
async fn an_agent_user_hears_what_is_addressed_to_it_and_nothing_else() {
    let world = World::new().await.agent();
    let running = world.start().await;
    let to = |user: &str, app: &str, role: &str| {
        json!({"recipient": {"id": "28:x", "role": role, "agenticUserId": user,
            "agenticAppId": app, "tenantId": TENANT}})
    };
    for (number, changes) in [
        (1, to(AGENT, AGENT_APP, "agenticUser")),
        (2, to("SAM@contoso.com", AGENT_APP, "agenticUser")),
    ] {
        let (status, _) = running.post(&world, &world.message(number, "hello", changes)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    for changes in [
        json!({}),
        to(AGENT, AGENT_APP, "agenticAppInstance"),
        to(AGENT, AGENT, "agenticUser"),
        to(SARAH, AGENT_APP, "agenticUser"),
        to("", AGENT_APP, "agenticUser"),
    ] {
        let (status, _) = running.post(&world, &world.message(5, "no", changes.clone())).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{changes}");
    }
    assert_eq!(world.heard_in_the_end(&running).await, ["hello", "hello"]);
    let agent = world.settings.scope();
    assert_eq!(agent, "5a807f24-c9de-44ee-a3a7-329e88a00ffc/.default");
}

#[tokio::test]
async fn who_wants_the_replies_at_once_is_told_that_it_is_not_done() {
    let world = World::new().await;
    let running = world.start().await;
    let message = world.message(5, "hello", json!({"deliveryMode": "expectReplies"}));
    let (status, body) = running.post(&world, &message).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body["error"]["message"].as_str().unwrap().contains("expectReplies"), "{body}");
    assert!(world.heard_in_the_end(&running).await.is_empty());
}
