use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::client;
use crate::graph::chats::fixture::{ALL, DOUG, Fixture, SAM, SARAH, call, html, member, text};
use crate::graph::dispatch;
use crate::graph::model::conforms;
use crate::tenant::Effect;
use crate::world::{Change, Event};

fn messages(chat: &str) -> String {
    format!("/chats/{chat}/messages")
}

fn contents(graph: &Fixture, who: &str, path: &str) -> Vec<String> {
    graph
        .pages(who, path)
        .concat()
        .iter()
        .map(|message| message["body"]["content"].as_str().unwrap().to_owned())
        .collect()
}

/// What was told about messages since the last look.
fn told(graph: &mut Fixture) -> Vec<Change> {
    let mut changes = Vec::new();
    while let Ok(event) = graph.changes.try_recv() {
        if let Event::Message { change, .. } = event {
            changes.push(change);
        }
    }
    changes
}

#[test]
fn a_posted_message_is_stored_in_its_canonical_form() {
    let graph = Fixture::new();
    let chat = graph.chat();
    let mut message = graph.post(DOUG, &chat, html("<p>hi</p>"));
    let id = message["id"].as_str().unwrap().to_owned();
    assert_eq!(message["etag"], id.as_str());
    assert_eq!(message["createdDateTime"], message["lastModifiedDateTime"]);
    let created: jiff::Timestamp = message["createdDateTime"].as_str().unwrap().parse().unwrap();
    assert_eq!(created.as_millisecond().to_string(), id);
    assert_eq!(graph.get(SAM, &format!("{}/{id}", messages(&chat)))["id"], id.as_str());
    assert_eq!(message["chatId"], chat.as_str());
    let encoded = chat.replace(':', "%3A").replace('@', "%40");
    assert_eq!(
        message["@odata.context"],
        format!("https://graph.microsoft.com/v1.0/$metadata#chats('{encoded}')/messages/$entity")
    );
    for (name, value) in [
        ("@odata.context", "…"),
        ("id", "1"),
        ("etag", "1"),
        ("createdDateTime", "…"),
        ("lastModifiedDateTime", "…"),
        ("chatId", "19:…"),
    ] {
        message[name] = json!(value);
    }
    assert_eq!(message["from"]["user"]["id"], graph.id(DOUG).to_string());
    message["from"]["user"]["id"] = json!("…");
    message["from"]["user"]["tenantId"] = json!("…");
    insta::assert_snapshot!(message.to_string(), @r##"{"@odata.context":"…","id":"1","replyToId":null,"etag":"1","messageType":"message","createdDateTime":"…","lastModifiedDateTime":"…","lastEditedDateTime":null,"deletedDateTime":null,"subject":null,"summary":null,"chatId":"19:…","importance":"normal","locale":"en-us","webUrl":null,"channelIdentity":null,"policyViolation":null,"eventDetail":null,"from":{"application":null,"device":null,"user":{"@odata.type":"#microsoft.graph.teamworkUserIdentity","id":"…","displayName":"Doug Hale","userIdentityType":"aadUser","tenantId":"…"}},"body":{"contentType":"html","content":"<p>hi</p>"},"attachments":[],"mentions":[],"reactions":[],"messageHistory":[]}"##);
    let effect = Effect::MessagePosted { chat, user: graph.id(DOUG) };
    assert_eq!(graph.sandbox.world().tenant.ledger.0[&effect], 1);
}

#[test]
fn text_stays_text_html_is_cleaned_and_typed_words_become_paragraphs() {
    let graph = Fixture::new();
    let chat = graph.chat();
    let doug = graph.id(DOUG);
    let as_text = graph.post(SAM, &chat, text("<b>a</b>\n & b"));
    assert_eq!(as_text["body"], json!({"contentType": "text", "content": "<b>a</b>\n & b"}));
    let as_html = graph.post(SAM, &chat, html("<div>\n <b>a</b><script>x</script>\n</div>"));
    assert_eq!(as_html["body"]["content"], "<div><b>a</b></div>");
    client::say(&mut graph.sandbox.world(), &chat, doug, "yes & <go>").unwrap();
    let typed = &graph.get(SAM, &messages(&chat))["value"][0]["body"];
    assert_eq!(*typed, json!({"contentType": "html", "content": "<p>yes &amp; &lt;go&gt;</p>"}));
}

#[test]
fn a_message_that_breaks_a_rule_is_refused_and_not_stored() {
    let graph = Fixture::new();
    let chat = graph.chat();
    let doug = graph.id(DOUG);
    let card = json!({
        "id": "1", "contentType": "application/vnd.microsoft.card.adaptive", "content": "{}",
    });
    let mention = |id: i64, user: &str| json!([{"id": id, "mentionText": "Doug", "mentioned": {"user": {"id": user}}}]);
    let with = |mut body: Value, name: &str, value: Value| {
        body[name] = value;
        body
    };
    let at = "<at id=\"0\">Doug</at>";
    let nobody = uuid::Uuid::from_u128(1).to_string();
    let cases = [
        ("no body", json!({}), 400),
        ("no content", json!({"body": {}}), 400),
        ("empty", text(" "), 400),
        ("unknown content type", json!({"body": {"contentType": "md", "content": "x"}}), 400),
        ("misspelt property", with(text("x"), "importence", json!("high")), 400),
        ("unknown importance", with(text("x"), "importance", json!("low")), 400),
        ("typing", with(text("x"), "messageType", json!("typing")), 400),
        ("mention without its object", html(at), 400),
        (
            "mention without its place",
            with(html("x"), "mentions", mention(0, &doug.to_string())),
            400,
        ),
        ("mention of nobody", with(html(at), "mentions", mention(0, &nobody)), 400),
        ("mention in text", with(text(at), "mentions", mention(0, &doug.to_string())), 400),
        ("card without its place", with(html("x"), "attachments", json!([card])), 400),
        ("place without its card", html("<attachment id=\"1\"></attachment>x"), 400),
        (
            "card as an object",
            with(
                html("<attachment id=\"1\"></attachment>"),
                "attachments",
                json!([with(card.clone(), "content", json!({}))]),
            ),
            400,
        ),
        ("image that was not sent", html("<img src=\"../hostedContents/1/$value\">"), 400),
        ("too large", text(&"x".repeat(28 * 1024 + 1)), 413),
    ];
    for (what, body, status) in cases {
        assert_eq!(graph.status(SAM, "POST", &messages(&chat), body), status, "{what}");
    }
    assert_eq!(graph.get(SAM, &messages(&chat))["value"], json!([]));
    assert_eq!(graph.status(SAM, "POST", &messages(&chat), text(&"x".repeat(28 * 1024))), 201);
}

#[test]
fn mentions_and_cards_are_stored_with_their_places() {
    let graph = Fixture::new();
    let chat = graph.chat();
    let doug = graph.id(DOUG);
    let mut body = html("<at id=\"0\">Doug</at> look: <attachment id=\"c\"></attachment>");
    body["mentions"] = json!([{
        "id": 0, "mentionText": "Doug",
        "mentioned": {"user": {"id": doug, "displayName": "Doug", "userIdentityType": "aadUser"}},
    }]);
    body["attachments"] = json!([{
        "id": "c", "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null,
        "content": "{\"type\":\"AdaptiveCard\"}", "name": null, "thumbnailUrl": null,
    }]);
    let message = graph.post(SAM, &chat, body);
    assert_eq!(message["mentions"][0]["mentioned"]["user"]["displayName"], "Doug Hale");
    assert_eq!(message["attachments"][0]["content"], "{\"type\":\"AdaptiveCard\"}");
    client::say(&mut graph.sandbox.world(), &chat, doug, "@Sam (IT twin) yes").unwrap();
    let typed = &graph.get(SAM, &messages(&chat))["value"][0];
    assert_eq!(typed["body"]["content"], "<p><at id=\"0\">Sam (IT twin)</at> yes</p>");
    assert_eq!(typed["mentions"][0]["mentioned"]["user"]["id"], graph.id(SAM).to_string());
}

#[test]
fn an_inline_image_gets_an_absolute_address_that_serves_its_bytes() {
    let graph = Fixture::new();
    let chat = graph.chat();
    let mut body = html("<img src=\"../hostedContents/1/$value\" alt=\"x\">");
    body["hostedContents"] = json!([{
        "@microsoft.graph.temporaryId": "1",
        "contentBytes": STANDARD.encode(b"PNG"),
        "contentType": "image/png",
    }]);
    let message = graph.post(SAM, &chat, body);
    let content = message["body"]["content"].as_str().unwrap();
    let (_, url) = content.split_once("src=\"https://graph.microsoft.com/v1.0").unwrap();
    let (path, _) = url.split_once('"').unwrap();
    assert!(path.starts_with(&format!("{}/{}", messages(&chat), message["id"].as_str().unwrap())));
    let answer = graph.ask(DOUG, "GET", path, Value::Null).unwrap();
    assert_eq!(answer.body, Some(json!(STANDARD.encode(b"PNG"))));
    assert_eq!(answer.headers, [("Content-Type".to_owned(), "image/png".to_owned())]);
    assert_eq!(graph.status(SARAH, "GET", path, Value::Null), 403);
}

#[test]
fn only_ones_own_message_can_be_edited_and_the_edit_shows() {
    let mut graph = Fixture::new();
    let chat = graph.chat();
    let message = graph.post(SAM, &chat, text("first"));
    let path = format!("{}/{}", messages(&chat), message["id"].as_str().unwrap());
    assert_eq!(graph.status(DOUG, "PATCH", &path, text("mine")), 403);
    assert_eq!(graph.status(SAM, "PATCH", &path, json!({})), 400);
    assert_eq!(graph.status(SAM, "PATCH", &path, json!({"from": null})), 400);
    told(&mut graph);
    assert_eq!(graph.status(SAM, "PATCH", &path, text("second")), 204);
    assert_eq!(told(&mut graph), [Change::Updated]);
    let edited = graph.get(DOUG, &path);
    assert_eq!(edited["body"]["content"], "second");
    assert!(edited["lastEditedDateTime"].is_string());
    assert_ne!(edited["etag"], edited["id"]);
    assert_eq!(edited["createdDateTime"], message["createdDateTime"]);
}

#[test]
fn a_message_is_deleted_only_below_a_users_chats_and_can_come_back() {
    let mut graph = Fixture::new();
    let chat = graph.chat();
    let message = graph.post(SAM, &chat, text("oops"));
    let path = format!("{}/{}", messages(&chat), message["id"].as_str().unwrap());
    let delete = |who, prefix: &str| {
        graph.status(who, "POST", &format!("{prefix}{path}/softDelete"), Value::Null)
    };
    assert_eq!(delete(SAM, ""), 405);
    assert_eq!(graph.status(SAM, "DELETE", &path, Value::Null), 405);
    assert_eq!(delete(DOUG, "/me"), 403, "somebody else's message");
    assert_eq!(delete(SAM, "/users/doug@contoso.com"), 403, "somebody else's chats");
    assert_eq!(delete(SAM, "/users/sam@contoso.com"), 204);
    told(&mut graph);
    let gone = graph.get(DOUG, &path);
    assert!(gone["deletedDateTime"].is_string());
    assert_eq!(gone["body"]["content"], "");
    let preview = graph.get(DOUG, "/me/chats?$expand=lastMessagePreview");
    assert_eq!(preview["value"][0]["lastMessagePreview"]["isDeleted"], true);
    assert_eq!(graph.status(SAM, "PATCH", &path, text("x")), 404);
    let undo = format!("/me{path}/undoSoftDelete");
    assert_eq!(graph.status(SAM, "POST", &undo, Value::Null), 204);
    assert_eq!(told(&mut graph), [Change::Updated]);
    assert_eq!(graph.get(DOUG, &path)["body"]["content"], "oops");
}

#[test]
fn a_deletion_in_the_client_can_look_like_an_edit_to_nothing_for_hours() {
    let mut graph = Fixture::new();
    let chat = graph.chat();
    let doug = graph.id(DOUG);
    graph.sandbox.world().tenant.chats.quirks.client_deletions_hidden_for =
        Some(SignedDuration::from_hours(2));
    let id = client::say(&mut graph.sandbox.world(), &chat, doug, "yes").unwrap();
    told(&mut graph);
    client::delete(&mut graph.sandbox.world(), &chat, doug, id).unwrap();
    assert_eq!(told(&mut graph), [Change::Updated]);
    let path = format!("{}/{id}", messages(&chat));
    let seen = graph.get(SAM, &path);
    assert_eq!((&seen["deletedDateTime"], &seen["body"]["content"]), (&Value::Null, &json!("")));
    assert!(seen["lastEditedDateTime"].is_string());
    graph.advance(SignedDuration::from_hours(2));
    assert!(graph.get(SAM, &path)["deletedDateTime"].is_string());
}

#[test]
fn a_reaction_moves_the_message_and_taking_it_back_is_told_twice() {
    let mut graph = Fixture::new();
    let chat = graph.chat();
    let message = graph.post(SAM, &chat, text("done"));
    let path = format!("{}/{}", messages(&chat), message["id"].as_str().unwrap());
    let react = |action: &str| {
        graph.status(DOUG, "POST", &format!("{path}/{action}"), json!({"reactionType": "👍"}))
    };
    assert_eq!(react("unsetReaction"), 404);
    assert_eq!((react("setReaction"), react("setReaction")), (204, 204));
    let liked = graph.get(SAM, &path);
    assert_eq!(liked["reactions"].as_array().unwrap().len(), 1);
    assert_eq!(liked["reactions"][0]["user"]["user"]["id"], graph.id(DOUG).to_string());
    assert_eq!(liked["lastEditedDateTime"], Value::Null);
    assert_ne!(liked["lastModifiedDateTime"], liked["createdDateTime"]);
    assert_eq!(react("unsetReaction"), 204);
    let unliked = graph.get(SAM, &path);
    assert_eq!(unliked["reactions"], json!([]));
    let history: Vec<&Value> =
        unliked["messageHistory"].as_array().unwrap().iter().map(|h| &h["actions"]).collect();
    assert_eq!(history, ["reactionAdded", "reactionRemoved"]);
    let changes = told(&mut graph);
    assert_eq!(
        changes,
        [Change::Created, Change::Updated, Change::Updated, Change::Updated],
        "one for the post, one for the like, two for taking it back"
    );
}

#[test]
fn a_quote_goes_in_front_as_an_attachment_for_apps_and_people_alike() {
    let graph = Fixture::new();
    let chat = graph.chat();
    let doug = graph.id(DOUG);
    let first = graph.post(SAM, &chat, html("<p>Reply <b>yes</b></p>"));
    let id: u64 = first["id"].as_str().unwrap().parse().unwrap();
    client::say_quoting(&mut graph.sandbox.world(), &chat, doug, id, "yes").unwrap();
    let mut reply = text("");
    reply["body"] = json!({"content": "yes"});
    let body = json!({"messageIds": [id.to_string()], "replyMessage": reply});
    let path = format!("{}/replyWithQuote", messages(&chat));
    assert_eq!(graph.status(DOUG, "POST", &path, body), 201);
    let list = graph.get(SAM, &messages(&chat));
    for message in &list["value"].as_array().unwrap()[..2] {
        assert_eq!(
            message["body"]["content"],
            format!("<attachment id=\"{id}\"></attachment><p>yes</p>")
        );
        assert_eq!(message["attachments"][0]["contentType"], "messageReference");
        assert_eq!(message["replyToId"], Value::Null);
        let quoted: Value =
            serde_json::from_str(message["attachments"][0]["content"].as_str().unwrap()).unwrap();
        assert_eq!(quoted["messagePreview"], "Reply yes");
    }
    let absent = json!({"messageIds": ["1"], "replyMessage": text("x")});
    assert_eq!(graph.status(DOUG, "POST", &path, absent), 404);
}

#[test]
fn only_who_asks_for_unknown_members_learns_that_a_row_is_a_system_event() {
    let graph = Fixture::new();
    let (sam, doug) = (graph.id(SAM), graph.id(DOUG));
    let chat = client::group(&mut graph.sandbox.world(), doug, &[sam], Some("a")).unwrap();
    graph.ask(DOUG, "PATCH", &format!("/chats/{chat}"), json!({"topic": "b"})).unwrap();
    let kind = |prefer: &str| {
        let mut call = call(&graph.sandbox, Some(SAM), &ALL, "GET", &messages(&chat), Value::Null);
        call.headers.push(("prefer".to_owned(), prefer.to_owned()));
        let answer = dispatch(&mut graph.sandbox.world(), &call).unwrap();
        answer.body.unwrap()["value"][0]["messageType"].clone()
    };
    assert_eq!(kind("include-unknown-enum-members"), "systemEventMessage");
    assert_eq!(kind("odata.maxpagesize=5"), "unknownFutureValue");
}

#[test]
fn a_filter_counts_only_next_to_its_own_order() {
    let graph = Fixture::new();
    let chat = graph.chat();
    for word in ["one", "two", "three"] {
        graph.post(SAM, &chat, text(word));
        graph.advance(SignedDuration::from_secs(10));
    }
    let all = graph.get(SAM, &messages(&chat));
    let second = all["value"][1]["createdDateTime"].as_str().unwrap();
    let read = |query: String| contents(&graph, SAM, &format!("{}?{query}", messages(&chat)));
    let modified = "$orderby=lastModifiedDateTime desc";
    let created = "$orderby=createdDateTime desc";
    let everything = ["three", "two", "one"];
    assert_eq!(read(format!("$filter=lastModifiedDateTime gt {second}")), everything);
    assert_eq!(read(format!("{created}&$filter=lastModifiedDateTime gt {second}")), everything);
    assert_eq!(read(format!("{modified}&$filter=createdDateTime lt {second}")), everything);
    assert_eq!(read(format!("{modified}&$filter=lastModifiedDateTime gt {second}")), ["three"]);
    assert_eq!(read(format!("{created}&$filter=createdDateTime lt {second}")), ["one"]);
    let between = format!(
        "{modified}&$filter=lastModifiedDateTime gt 2020-01-01T00:00:00Z and \
         lastModifiedDateTime lt {second}"
    );
    assert_eq!(read(between), ["one"]);
    for odd in [
        "$orderby=createdDateTime asc".to_owned(),
        "$orderby=createdDateTime".to_owned(),
        "$orderby=id desc".to_owned(),
        "$top=51".to_owned(),
        "$select=id".to_owned(),
        "$expand=replies".to_owned(),
        format!("{created}&$filter=createdDateTime gt {second}"),
        format!("{modified}&$filter=lastModifiedDateTime gt yesterday"),
    ] {
        let path = format!("{}?{odd}", messages(&chat));
        assert_eq!(graph.status(SAM, "GET", &path, Value::Null), 400, "{odd}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// However many there are and however they were edited: paging shows each message once,
    /// newest change first.
    #[test]
    fn paging_shows_every_message_once_in_order(
        posts in 0_usize..60,
        edits in prop::collection::vec(0_usize..60, 0..8),
        top in 1_usize..=50,
        created in any::<bool>(),
    ) {
        let graph = Fixture::new();
        let chat = graph.chat();
        let ids: Vec<String> = (0..posts)
            .map(|at| graph.post(SAM, &chat, text(&format!("m{at}")))["id"].as_str().unwrap().into())
            .collect();
        for edit in edits.into_iter().filter(|edit| *edit < posts) {
            let path = format!("{}/{}", messages(&chat), ids[edit]);
            graph.ask(SAM, "PATCH", &path, text("edited")).unwrap();
        }
        let property = if created { "createdDateTime" } else { "lastModifiedDateTime" };
        let path = format!("{}?$top={top}&$orderby={property} desc", messages(&chat));
        let pages = graph.pages(SAM, &path);
        prop_assert!(pages.iter().rev().skip(1).all(|page| page.len() == top));
        let all = pages.concat();
        let mut seen: Vec<&str> = all.iter().map(|message| message["id"].as_str().unwrap()).collect();
        let key = if created { "id" } else { "etag" };
        let keys: Vec<u64> =
            all.iter().map(|message| message[key].as_str().unwrap().parse().unwrap()).collect();
        prop_assert!(keys.is_sorted_by(|one, other| one >= other), "{keys:?}");
        seen.sort_unstable();
        prop_assert_eq!(seen, ids.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn people_change_only_their_own_messages_in_their_own_chats() {
    let graph = Fixture::new();
    let chat = graph.chat();
    let (doug, sarah, sam) = (graph.id(DOUG), graph.id(SARAH), graph.id(SAM));
    let mut world = graph.sandbox.world();
    let id = client::say(&mut world, &chat, doug, "hi").unwrap();
    let status =
        |result: Result<(), crate::graph::Problem>| result.map_err(|problem| problem.status);
    assert_eq!(client::say(&mut world, &chat, sarah, "x").map_err(|p| p.status), Err(403));
    assert_eq!(client::say(&mut world, "19:x", doug, "x").map_err(|p| p.status), Err(404));
    assert_eq!(status(client::edit(&mut world, &chat, sam, id, "x")), Err(403));
    assert_eq!(status(client::delete(&mut world, &chat, doug, 1)), Err(404));
    assert_eq!(status(client::edit(&mut world, &chat, doug, id, "hello")), Ok(()));
    assert_eq!(status(client::react(&mut world, &chat, sam, id, "❤️")), Ok(()));
    assert_eq!(status(client::unreact(&mut world, &chat, sam, id, "❤️")), Ok(()));
    assert_eq!(status(client::delete(&mut world, &chat, doug, id)), Ok(()));
    assert_eq!(status(client::delete(&mut world, &chat, doug, id)), Err(404));
}

#[test]
fn messages_of_every_kind_conform_to_the_model() {
    let graph = Fixture::new();
    let (sam, doug) = (graph.id(SAM), graph.id(DOUG));
    let chat = client::group(&mut graph.sandbox.world(), doug, &[sam], Some("a")).unwrap();
    let sarah = member(SARAH, "owner");
    graph.ask(DOUG, "POST", &format!("/chats/{chat}/members"), sarah).unwrap();
    graph.ask(DOUG, "PATCH", &format!("/chats/{chat}"), json!({"topic": "b"})).unwrap();
    {
        let mut world = graph.sandbox.world();
        let first = client::say(&mut world, &chat, doug, "@Sam (IT twin) hi").unwrap();
        client::say_quoting(&mut world, &chat, sam, first, "yes?").unwrap();
        client::react(&mut world, &chat, sam, first, "👍").unwrap();
        client::edit(&mut world, &chat, doug, first, "hi all").unwrap();
        let gone = client::say(&mut world, &chat, doug, "gone").unwrap();
        client::delete(&mut world, &chat, doug, gone).unwrap();
    }
    let members = graph.get(SAM, &format!("/chats/{chat}/members"));
    let path = format!("/chats/{chat}/members/{}", members["value"][2]["id"].as_str().unwrap());
    graph.ask(DOUG, "DELETE", &path, Value::Null).unwrap();
    let list = graph.get(SAM, &messages(&chat));
    let messages = list["value"].as_array().unwrap();
    assert_eq!(messages.len(), 6);
    for message in messages {
        assert_eq!(conforms("chatMessage", message), Vec::<String>::new());
    }
    for member in members["value"].as_array().unwrap() {
        assert_eq!(conforms("aadUserConversationMember", member), Vec::<String>::new());
    }
    let chats = graph.get(SAM, "/me/chats?$expand=members,lastMessagePreview");
    let mut chat = chats["value"][0].clone();
    assert!(chat.as_object_mut().unwrap().shift_remove("members@odata.context").is_some());
    assert_eq!(conforms("chat", &chat), Vec::<String>::new());
}
