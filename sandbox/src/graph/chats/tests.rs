use serde_json::{Value, json};

use super::fixture::{DOUG, Fixture, PRIYA, SAM, SARAH, call, html, member, one_on_one, text};
use crate::client;
use crate::graph::dispatch;
use crate::world::Event;

/// A pair to chat with.
fn doug_and_sam() -> Value {
    one_on_one(member(DOUG, "owner"), member(SAM, "owner"))
}

#[test]
fn creating_the_same_one_to_one_chat_again_gives_the_same_chat() {
    let graph = Fixture::new();
    let first = graph.ask(SAM, "POST", "/chats", doug_and_sam()).unwrap();
    assert_eq!(first.status, 201);
    let first = first.body.unwrap();
    let (doug, sam) = (graph.id(DOUG), graph.id(SAM));
    let id = first["id"].as_str().unwrap();
    let forms =
        [format!("19:{doug}_{sam}@unq.gbl.spaces"), format!("19:{sam}_{doug}@unq.gbl.spaces")];
    assert!(forms.iter().any(|form| form == id), "{id}");
    // By id instead of UPN, in the other order, by the other person.
    let swapped = one_on_one(member(sam, "owner"), member(doug, "owner"));
    let second = graph.ask(DOUG, "POST", "/chats", swapped).unwrap();
    assert_eq!(second.body.unwrap()["id"], id);
    assert_eq!(client::direct(&mut graph.sandbox.world(), sam, doug).unwrap(), id);
}

#[test]
fn a_chat_that_breaks_a_rule_is_refused_and_not_made() {
    let graph = Fixture::new();
    let owner = |who| member(who, "owner");
    let without = |name: &str| {
        let mut member = owner(DOUG);
        member.as_object_mut().unwrap().remove(name);
        one_on_one(member, owner(SAM))
    };
    let with = |name: &str, value: Value| {
        let mut body = doug_and_sam();
        body[name] = value;
        body
    };
    let role = |roles: Value| {
        let mut body = doug_and_sam();
        body["members"][0]["roles"] = roles;
        body
    };
    let cases = [
        ("no role", role(json!([])), 400),
        ("two roles", role(json!(["owner", "guest"])), 400),
        ("unknown role", role(json!(["boss"])), 400),
        ("an own employee as guest", role(json!(["guest"])), 400),
        ("no type", without("@odata.type"), 400),
        ("no user", without("user@odata.bind"), 400),
        ("topic on one-to-one", with("topic", json!("Hi")), 400),
        ("meeting", with("chatType", json!("meeting")), 400),
        ("misspelt property", with("memberz", json!([])), 400),
        ("one member", with("members", json!([owner(SAM)])), 400),
        ("oneself", one_on_one(owner(SAM), owner(SAM)), 400),
        ("wrong address", one_on_one(owner("nobody@contoso.com"), owner(SAM)), 404),
        ("caller not listed", one_on_one(owner(DOUG), owner(SARAH)), 403),
        ("no body", Value::Null, 400),
    ];
    for (what, body, status) in cases {
        assert_eq!(graph.status(SAM, "POST", "/chats", body), status, "{what}");
    }
    assert_eq!(graph.sandbox.world().tenant.chats.by_id.len(), 0);
}

#[test]
fn somebody_without_a_teams_licence_cannot_chat() {
    let graph = Fixture::new();
    let doug = graph.id(DOUG);
    graph.sandbox.world().tenant.people.get_mut(doug).unwrap().licences.clear();
    assert_eq!(graph.status(DOUG, "POST", "/chats", doug_and_sam()), 403);
    assert_eq!(graph.status(DOUG, "GET", "/me/chats", Value::Null), 403);
    // Others can still make a chat with them.
    assert_eq!(graph.status(SAM, "POST", "/chats", doug_and_sam()), 201);
}

#[test]
fn a_partners_address_with_their_tenant_reaches_them_and_our_guest_object_does_not() {
    let graph = Fixture::new();
    let partner = graph.sandbox.world().tenant.chats.partners.0[0].clone();
    let mut federated = member(PRIYA, "owner");
    assert_eq!(
        graph.status(SAM, "POST", "/chats", one_on_one(federated.clone(), member(SAM, "owner"))),
        404,
        "an outside address without its tenant is nobody"
    );
    federated["tenantId"] = json!(partner.tenant);
    let chat =
        graph.ask(SAM, "POST", "/chats", one_on_one(federated, member(SAM, "owner"))).unwrap();
    let chat = chat.body.unwrap()["id"].as_str().unwrap().to_owned();
    assert!(chat.contains(&partner.id.to_string()), "{chat}");
    let members = graph.get(SAM, &format!("/chats/{chat}/members"));
    let them =
        members["value"].as_array().unwrap().iter().find(|m| m["userId"] == partner.id.to_string());
    assert_eq!(them.unwrap()["email"], Value::Null);
    assert_eq!(them.unwrap()["tenantId"], partner.tenant.to_string());

    let guest = {
        let world = graph.sandbox.world();
        world.tenant.people.iter().find(|user| user.mail.as_deref() == Some(PRIYA)).unwrap().id
    };
    let phantom = one_on_one(member(guest, "guest"), member(SAM, "owner"));
    let phantom = graph.ask(SAM, "POST", "/chats", phantom).unwrap();
    assert_eq!(phantom.status, 201);
    let world = graph.sandbox.world();
    let seen: Vec<_> = world.tenant.chats.of(partner.id).map(|chat| chat.id.clone()).collect();
    assert_eq!(seen, [chat], "the person sees only the chat with their real account");
}

#[test]
fn only_members_see_a_chat() {
    let graph = Fixture::new();
    let chat = graph.chat();
    for path in ["", "/members", "/messages"] {
        let path = format!("/chats/{chat}{path}");
        assert_eq!(graph.status(DOUG, "GET", &path, Value::Null), 200, "{path}");
        assert_eq!(graph.status(SARAH, "GET", &path, Value::Null), 403, "{path}");
    }
    assert_eq!(graph.status(SARAH, "POST", &format!("/chats/{chat}/messages"), text("x")), 403);
    assert_eq!(graph.status(DOUG, "GET", "/chats/19:none@thread.v2", Value::Null), 404);
    assert_eq!(graph.get(SARAH, "/me/chats")["value"], json!([]));
    assert_eq!(graph.status(SARAH, "GET", "/users/doug@contoso.com/chats", Value::Null), 403);
}

#[test]
fn three_spellings_of_a_chat_are_one_chat() {
    let graph = Fixture::new();
    let chat = graph.chat();
    let message = graph.post(DOUG, &chat, text("hi"))["id"].as_str().unwrap().to_owned();
    let encoded = chat.replace(':', "%3A").replace('@', "%40");
    for path in [
        format!("/chats/{chat}/messages/{message}"),
        format!("/chats/{encoded}/messages/{message}"),
        format!("/chats('{chat}')/messages('{message}')"),
        format!("/me/chats/{chat}/messages/{message}"),
        format!("/users/sam@contoso.com/chats/{chat}/messages/{message}"),
    ] {
        assert_eq!(graph.get(SAM, &path)["id"], message.as_str(), "{path}");
    }
}

/// Each call with exactly one of the scopes that suffice, and with every other one.
#[test]
fn every_call_needs_its_own_scope() {
    let every = [
        "Chat.Create",
        "Chat.ReadBasic",
        "Chat.Read",
        "Chat.ReadWrite",
        "ChatMessage.Send",
        "ChatMember.Read",
        "ChatMember.ReadWrite",
        "User.Read",
    ];
    let read = &["Chat.Read", "Chat.ReadWrite"][..];
    let basic = &["Chat.ReadBasic", "Chat.Read", "Chat.ReadWrite"][..];
    let send = &["ChatMessage.Send", "Chat.ReadWrite"][..];
    let members = &[
        "Chat.ReadBasic",
        "Chat.Read",
        "Chat.ReadWrite",
        "ChatMember.Read",
        "ChatMember.ReadWrite",
    ][..];
    let reaction = json!({"reactionType": "👍"});
    let calls: Vec<(&str, &str, Value, &[&str])> = vec![
        ("POST", "/chats", doug_and_sam(), &["Chat.Create", "Chat.ReadWrite"]),
        ("GET", "/me/chats", Value::Null, basic),
        ("GET", "/me/chats?$expand=lastMessagePreview", Value::Null, read),
        ("GET", "/chats/{c}", Value::Null, basic),
        ("GET", "/chats/{c}/messages", Value::Null, read),
        ("GET", "/chats/{c}/messages/{m}", Value::Null, read),
        ("GET", "/chats/{c}/messages/{m}/hostedContents", Value::Null, read),
        ("POST", "/chats/{c}/messages", text("x"), send),
        ("PATCH", "/chats/{c}/messages/{m}", text("y"), &["Chat.ReadWrite"]),
        ("POST", "/chats/{c}/messages/{m}/setReaction", reaction, send),
        ("POST", "/me/chats/{c}/messages/{m}/softDelete", Value::Null, &["Chat.ReadWrite"]),
        ("POST", "/me/chats/{c}/messages/{m}/undoSoftDelete", Value::Null, &["Chat.ReadWrite"]),
        ("GET", "/chats/{c}/members", Value::Null, members),
    ];
    for (method, path, body, enough) in calls {
        for scope in every {
            let graph = Fixture::new();
            let chat = graph.chat();
            let message = graph.post(SAM, &chat, text("x"));
            let path = path.replace("{c}", &chat).replace("{m}", message["id"].as_str().unwrap());
            let answer = graph.ask_with(SAM, &[scope], method, &path, body.clone());
            let status = answer.map_or_else(|problem| problem.status, |answer| answer.status);
            let allowed = status < 300;
            assert_eq!(allowed, enough.contains(&scope), "{method} {path} with {scope}: {status}");
            assert!(allowed || status == 403, "{method} {path} with {scope}: {status}");
        }
    }
}

#[test]
fn an_app_on_its_own_gets_no_message_content() {
    let graph = Fixture::new();
    let chat = graph.chat();
    let sam = graph.id(SAM);
    let ask = |method: &str, path: &str| {
        let roles = ["Chat.Read.All", "Chat.ReadWrite.All", "Chat.Create"];
        let call = call(&graph.sandbox, None, &roles, method, path, text("x"));
        dispatch(&mut graph.sandbox.world(), &call).map_or_else(|p| p.status, |a| a.status)
    };
    assert_eq!(ask("GET", &format!("/chats/{chat}/messages")), 403);
    assert_eq!(ask("POST", &format!("/chats/{chat}/messages")), 403);
    assert_eq!(ask("GET", &format!("/users/{sam}/chats/getAllMessages")), 403);
    assert_eq!(ask("GET", &format!("/users/{sam}/chats")), 200);
}

#[test]
fn there_is_no_delta_and_no_export_for_people() {
    let graph = Fixture::new();
    let chat = graph.chat();
    assert_eq!(
        graph.status(SAM, "GET", &format!("/chats/{chat}/messages/delta()"), Value::Null),
        400
    );
    assert_eq!(graph.status(SAM, "GET", "/me/chats/getAllMessages()", Value::Null), 403);
}

#[test]
fn paging_through_chats_finds_each_once_most_recently_active_first() {
    let graph = Fixture::new();
    let sam = graph.id(SAM);
    let mut made = Vec::new();
    for at in 0..23 {
        let mut world = graph.sandbox.world();
        let doug = world.tenant.people.find(DOUG).unwrap().id;
        made.push(client::group(&mut world, doug, &[sam], Some(&format!("Group {at}"))).unwrap());
        world.clock_offset = jiff::SignedDuration::from_secs(at);
    }
    let doug = graph.id(DOUG);
    for (after, at) in [(30, 3), (31, 17), (32, 9)] {
        let mut world = graph.sandbox.world();
        world.clock_offset = jiff::SignedDuration::from_secs(after);
        client::say(&mut world, &made[at], doug, "hello").unwrap();
    }
    for (top, sizes) in [(10, vec![10, 10, 3]), (23, vec![23]), (22, vec![22, 1])] {
        let pages = graph.pages(SAM, &format!("/me/chats?$top={top}&$expand=lastMessagePreview"));
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        let all: Vec<&str> = pages.iter().flatten().map(|c| c["id"].as_str().unwrap()).collect();
        assert_eq!(&all[..3], [&made[9], &made[17], &made[3]]);
        let mut unique = all.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), made.len());
        assert_eq!(pages[0][0]["lastMessagePreview"]["body"]["content"], "<p>hello</p>");
    }
    assert_eq!(graph.pages(SAM, "/me/chats").first().unwrap().len(), 20);
}

#[test]
fn a_chat_list_is_filtered_and_shaped_by_the_options_it_knows() {
    let graph = Fixture::new();
    graph.chat();
    let (sam, doug) = (graph.id(SAM), graph.id(DOUG));
    client::group(&mut graph.sandbox.world(), doug, &[sam], Some("Doug's plan")).unwrap();
    let topics = |query: &str| -> Vec<Value> {
        let body = graph.get(SAM, &format!("/chats?{query}"));
        body["value"].as_array().unwrap().iter().map(|chat| chat["topic"].clone()).collect()
    };
    assert_eq!(topics("$filter=chatType eq 'oneOnOne'"), [Value::Null]);
    assert_eq!(topics("$filter=topic eq 'Doug''s plan' and chatType eq 'group'"), ["Doug's plan"]);
    assert_eq!(topics("$filter=topic eq 'other'"), [] as [Value; 0]);
    let body = graph.get(SAM, "/me/chats?$select=id,topic&$expand=members");
    let first = body["value"][0].as_object().unwrap();
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        ["id", "topic", "members@odata.context", "members"]
    );
    assert_eq!(first["members"].as_array().unwrap().len(), 2);
    // As CLI for Microsoft 365 asks; a selected relation is shown only when expanded.
    for (query, shown) in [
        ("$select=id,members&$expand=members", vec!["id", "members@odata.context", "members"]),
        ("$select=id,members", vec!["id"]),
    ] {
        let body = graph.get(SAM, &format!("/me/chats?{query}"));
        let first = body["value"][0].as_object().unwrap();
        assert_eq!(first.keys().collect::<Vec<_>>(), shown, "{query}");
    }
    for odd in [
        "$filter=topic ne 'x'",
        "$filter=topic eq 'x",
        "$filter=topic eq 'x' or topic eq 'y'",
        "$top=51",
        "$top=0",
        "$orderby=lastMessagePreview/createdDateTime asc",
        "$search=x",
        "$expand=messages",
        "$select=nothing",
        "$skiptoken=%%%",
    ] {
        assert_eq!(
            graph.status(SAM, "GET", &format!("/me/chats?{odd}"), Value::Null),
            400,
            "{odd}"
        );
    }
    let chat = graph.chat();
    assert_eq!(
        graph.status(SAM, "GET", &format!("/chats/{chat}?$expand=members"), Value::Null),
        400
    );
}

#[test]
fn a_new_member_sees_only_the_history_they_were_given_and_everybody_is_told() {
    let graph = Fixture::new();
    let (sam, doug) = (graph.id(SAM), graph.id(DOUG));
    let chat = client::group(&mut graph.sandbox.world(), doug, &[sam], Some("Plan")).unwrap();
    graph.post(DOUG, &chat, html("<p>before</p>"));
    graph.advance(jiff::SignedDuration::from_secs(1));
    let members = format!("/chats/{chat}/members");
    let added = graph.ask(SAM, "POST", &members, member(SARAH, "owner")).unwrap();
    assert_eq!((added.status, added.body), (201, None));
    let (_, location) = added.headers.into_iter().find(|(name, _)| name == "Location").unwrap();
    assert_eq!(graph.status(SAM, "POST", &members, member(SARAH, "owner")), 409);
    let count = |who| graph.get(who, &format!("/chats/{chat}/messages"))["@odata.count"].clone();
    assert_eq!((count(SARAH), count(SAM)), (json!(1), json!(2)));
    let newest = graph.get(SARAH, &format!("/chats/{chat}/messages"))["value"][0].clone();
    assert_eq!(newest["messageType"], "unknownFutureValue");
    assert_eq!(newest["from"], Value::Null);
    assert_eq!(newest["body"]["content"], "<systemEventMessage/>");
    assert_eq!(
        newest["eventDetail"]["@odata.type"],
        "#microsoft.graph.membersAddedEventMessageDetail"
    );
    assert_eq!(newest["eventDetail"]["initiator"]["user"]["id"], sam.to_string());

    assert_eq!(graph.get(SAM, &location)["displayName"], "Sarah Lin");
    assert_eq!(graph.status(SAM, "DELETE", &location, Value::Null), 204);
    assert_eq!(graph.status(SAM, "DELETE", &location, Value::Null), 404);
    assert_eq!(graph.status(SARAH, "GET", &members, Value::Null), 403);
    let mut with_history = member(SARAH, "owner");
    with_history["visibleHistoryStartDateTime"] = json!("0001-01-01T00:00:00Z");
    assert_eq!(graph.status(SAM, "POST", &members, with_history), 201);
    assert_eq!(count(SARAH), json!(4));
    assert_eq!(graph.status(SAM, "PATCH", &format!("/chats/{chat}"), json!({"topic": "New"})), 200);
    assert_eq!(graph.get(SAM, &format!("/chats/{chat}"))["topic"], "New");
    let one_to_one = graph.chat();
    assert_eq!(
        graph.status(SAM, "POST", &format!("/chats/{one_to_one}/members"), member(SARAH, "owner")),
        400
    );
}

#[test]
fn a_new_chat_is_told_once() {
    let mut graph = Fixture::new();
    graph.chat();
    graph.chat();
    assert!(matches!(graph.changes.try_recv(), Ok(Event::Chat { .. })));
    assert!(graph.changes.try_recv().is_err());
}
