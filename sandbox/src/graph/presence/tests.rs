use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::graph::chats::fixture::{DOUG, Fixture, SAM};
use crate::graph::model::conforms;
use crate::tenant::TWIN_CHAT_APP;
use crate::world::Event;

fn seen(graph: &Fixture, who: &str) -> (Value, Value) {
    let body = graph.get(who, "/me/presence");
    (body["availability"].clone(), body["activity"].clone())
}

fn set(availability: &str, activity: &str, lasts: Option<&str>) -> Value {
    let mut body =
        json!({"sessionId": TWIN_CHAT_APP, "availability": availability, "activity": activity});
    if let Some(lasts) = lasts {
        body["expirationDuration"] = json!(lasts);
    }
    body
}

fn pair(availability: &str, activity: &str) -> (Value, Value) {
    (json!(availability), json!(activity))
}

#[test]
fn a_twin_is_offline_until_it_sets_a_session_and_fades_when_it_does_not_refresh() {
    let mut graph = Fixture::new();
    assert_eq!(seen(&graph, SAM), pair("Offline", "Offline"));
    let available = set("Available", "Available", Some("PT1H"));
    let answer = graph.ask(SAM, "POST", "/me/presence/setPresence", available.clone()).unwrap();
    assert_eq!((answer.status, answer.body), (200, None));
    assert!(matches!(graph.changes.try_recv(), Ok(Event::Presence { .. })));
    assert_eq!(seen(&graph, SAM), pair("Available", "Available"));
    graph.advance(SignedDuration::from_mins(6));
    assert_eq!(seen(&graph, SAM).0, "AvailableInactive");
    graph.advance(SignedDuration::from_mins(6));
    assert_eq!(seen(&graph, SAM).0, "Away");
    graph.ask(SAM, "POST", "/me/presence/setPresence", available).unwrap();
    assert_eq!(seen(&graph, SAM).0, "Available");
    graph.advance(SignedDuration::from_hours(1));
    assert_eq!(seen(&graph, SAM).0, "Offline");
}

#[test]
fn a_preference_counts_only_while_a_session_exists() {
    let graph = Fixture::new();
    let prefer = json!({"availability": "DoNotDisturb", "activity": "DoNotDisturb"});
    assert_eq!(graph.status(SAM, "POST", "/me/presence/setUserPreferredPresence", prefer), 200);
    assert_eq!(seen(&graph, SAM).0, "Offline");
    let busy = set("Busy", "InACall", Some("PT4H"));
    assert_eq!(graph.status(SAM, "POST", "/users/sam@contoso.com/presence/setPresence", busy), 200);
    assert_eq!(seen(&graph, SAM).0, "DoNotDisturb");
    let clear = "/me/presence/clearUserPreferredPresence";
    assert_eq!(graph.status(SAM, "POST", clear, Value::Null), 200);
    assert_eq!(seen(&graph, SAM), pair("Busy", "InACall"));
    let session = json!({"sessionId": TWIN_CHAT_APP});
    assert_eq!(graph.status(SAM, "POST", "/me/presence/clearPresence", session), 200);
    assert_eq!(seen(&graph, SAM).0, "Offline");
}

#[test]
fn what_presence_does_not_allow_is_refused() {
    let graph = Fixture::new();
    let doug = "/users/doug@contoso.com/presence/setPresence";
    assert_eq!(graph.status(SAM, "POST", doug, set("Away", "Away", None)), 403);
    for body in [
        set("Available", "InACall", None),
        set("DoNotDisturb", "DoNotDisturb", None),
        set("Available", "Available", Some("PT4M")),
        set("Available", "Available", Some("PT5H")),
        set("Available", "Available", Some("an hour")),
        json!({"availability": "Away", "activity": "Away"}),
        Value::Null,
    ] {
        let status = graph.status(SAM, "POST", "/me/presence/setPresence", body.clone());
        assert_eq!(status, 400, "{body}");
    }
    let read = |scope: &str, path: &str| {
        let answer = graph.ask_with(SAM, &[scope], "GET", path, Value::Null);
        answer.map_or_else(|problem| problem.status, |answer| answer.status)
    };
    assert_eq!(read("Presence.Read", "/me/presence"), 200);
    assert_eq!(read("Presence.Read", "/users/doug@contoso.com/presence"), 403);
    assert_eq!(read("Presence.Read.All", "/users/doug@contoso.com/presence"), 200);
    assert_eq!(read("Presence.Read.All", "/users/nobody@contoso.com/presence"), 404);
}

#[test]
fn several_peoples_presence_is_read_at_once_and_conforms_to_the_model() {
    let graph = Fixture::new();
    let note = json!({"statusMessage": {
        "message": {"content": "Back at 3", "contentType": "text"},
        "expiryDateTime": {"dateTime": "2999-01-01T00:00:00.0000000", "timeZone": "UTC"},
    }});
    assert_eq!(graph.status(DOUG, "POST", "/me/presence/setStatusMessage", note), 200);
    let ids = json!({"ids": [graph.id(SAM), graph.id(DOUG), uuid::Uuid::from_u128(3)]});
    let path = "/communications/getPresencesByUserId";
    let body = graph.ask(SAM, "POST", path, ids).unwrap().body.unwrap();
    let value = body["value"].as_array().unwrap();
    assert_eq!(value.len(), 2);
    assert_eq!(value[1]["statusMessage"]["message"]["content"], "Back at 3");
    for presence in value {
        assert_eq!(conforms("presence", presence), Vec::<String>::new());
    }
    let many: Vec<_> = (0..651).map(uuid::Uuid::from_u128).collect();
    assert_eq!(graph.status(SAM, "POST", path, json!({"ids": many})), 400);
}
