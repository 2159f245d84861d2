use serde_json::{Value, json};
use subtwin_entra::{GraphError, Read};

use crate::support::{Reply, World, no_content, ok, refuse};

fn busy(status: u16, after: Option<&str>) -> Reply {
    let headers = after.map(|after| ("retry-after", after.to_owned())).into_iter().collect();
    Reply::Json(status, headers, json!({"error": {"code": "TooManyRequests", "message": "Wait."}}))
}

#[tokio::test]
async fn every_call_can_be_found_again_by_its_ids() {
    let world = World::new().await;
    world.server.on("POST /v1.0/chats", Reply::Json(201, Vec::new(), json!({"id": "19:x"})));
    world.server.on("DELETE /v1.0/subscriptions/1", no_content());
    let answer = world.graph.post("/v1.0/chats", Some(&json!({"a": 1}))).await.unwrap();
    assert_eq!(answer.body["id"], "19:x");
    assert_eq!(answer.request_id.as_deref(), Some("graph-1"));
    let answer = world.graph.delete("/v1.0/subscriptions/1").await.unwrap();
    assert_eq!(answer.body, Value::Null);
    let first = &world.server.seen("POST", "/v1.0/chats")[0];
    let second = &world.server.seen("DELETE", "/v1.0/subscriptions/1")[0];
    assert_eq!(first.header("client-request-id").len(), 36);
    assert_ne!(first.header("client-request-id"), second.header("client-request-id"));
    assert_eq!(first.header("return-client-request-id"), "true");
    assert!(first.header("user-agent").starts_with("subtwin/"));
}

#[tokio::test]
async fn a_read_waits_as_it_is_told_and_is_repeated() {
    let world = World::new().await;
    world.server.on("GET /v1.0/me", busy(429, Some("0.01")));
    world.server.on("GET /v1.0/me", Reply::HangUp);
    world.server.on("GET /v1.0/me", ok(json!({"id": 1})));
    let me: Value = world.graph.get(&Read::at("/v1.0/me")).await.unwrap();
    assert_eq!(me["id"], 1);
    assert_eq!(world.server.seen("GET", "/v1.0/me").len(), 3);
}

#[tokio::test]
async fn a_read_that_would_wait_long_is_given_back_at_once() {
    let world = World::new().await;
    world.server.on("GET /v1.0/me", busy(429, Some("30.5")));
    let error = world.graph.get::<Value>(&Read::at("/v1.0/me")).await.unwrap_err();
    let GraphError::Busy { after, .. } = error else { panic!("{error}") };
    assert_eq!(after.unwrap().as_secs_f64(), 30.5);
    assert_eq!(world.server.seen("GET", "/v1.0/me").len(), 1);
}

#[tokio::test]
async fn a_refused_read_is_not_repeated() {
    let world = World::new().await;
    world.server.on("GET /v1.0/me", refuse(403, "Authorization_RequestDenied", "No."));
    let error = world.graph.get::<Value>(&Read::at("/v1.0/me")).await.unwrap_err();
    assert_eq!(error.refused().unwrap().code, "Authorization_RequestDenied");
    assert_eq!(world.server.seen("GET", "/v1.0/me").len(), 1);
}

#[tokio::test]
async fn a_write_is_sent_once_and_its_end_is_told_apart() {
    let world = World::new().await;
    let post = "POST /v1.0/chats";
    for (reply, expected) in [
        (busy(429, None), "busy"),
        (busy(429, Some("2.128")), "busy"),
        (busy(503, Some("1")), "busy"),
        (busy(503, None), "unknown"),
        (busy(500, None), "unknown"),
        (busy(504, Some("1")), "unknown"),
        (busy(408, None), "unknown"),
        (Reply::HangUp, "unknown"),
        (refuse(400, "BadRequest", "No."), "refused"),
        (refuse(409, "Conflict", "No."), "refused"),
        (Reply::Json(302, vec![("location", "/v1.0/other".to_owned())], Value::Null), "unknown"),
    ] {
        world.server.instead(post, reply.clone());
        let before = world.server.seen("POST", "/v1.0/chats").len();
        let error = world.graph.post("/v1.0/chats", Some(&json!({}))).await.unwrap_err();
        let got = match error {
            GraphError::Busy { .. } => "busy",
            GraphError::Unknown { .. } => "unknown",
            GraphError::Refused { .. } => "refused",
            _ => "something else",
        };
        assert_eq!(got, expected, "{reply:?}");
        assert_eq!(world.server.seen("POST", "/v1.0/chats").len(), before + 1, "{reply:?}");
    }
    assert!(world.server.seen("GET", "/v1.0/other").is_empty());
}

#[tokio::test]
async fn a_refused_connection_means_that_nothing_was_sent() {
    let world = World::new().await;
    world.server.on("GET /v1.0/me", ok(json!({})));
    world.graph.get::<Value>(&Read::at("/v1.0/me")).await.unwrap();
    let World { server, graph, .. } = world;
    drop(server);
    // The kept connection may be found closed only after the request went out; a new one is not.
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(graph.post("/v1.0/chats", Some(&json!({}))).await.unwrap_err());
    }
    assert!(matches!(kinds[2], GraphError::NotSent { .. }), "{kinds:?}");
}

#[tokio::test]
async fn pages_are_followed_to_the_end_but_never_elsewhere_and_not_for_ever() {
    let world = World::new().await;
    let page = |next: String| ok(json!({"value": [1], "@odata.nextLink": next}));
    let here = |path: &str| format!("{}{path}", world.server.address);
    world.server.on("GET /v1.0/users", page(here("/v1.0/users?$skiptoken=a")));
    world.server.on("GET /v1.0/users?$skiptoken", ok(json!({"value": [2]})));
    let read = Read::at("/v1.0/users");
    assert_eq!(world.graph.list::<u32>(&read, 5).await.unwrap(), [1, 2]);

    world.server.on("GET /v1.0/loop", page(here("/v1.0/loop")));
    let error = world.graph.list::<u32>(&Read::at("/v1.0/loop"), 4).await.unwrap_err();
    assert!(matches!(error, GraphError::Unknown { .. }), "{error}");
    assert_eq!(world.server.seen("GET", "/v1.0/loop").len(), 4);

    world.server.on("GET /v1.0/away", page("http://127.0.0.1:1/v1.0/users".to_owned()));
    let error = world.graph.list::<u32>(&Read::at("/v1.0/away"), 5).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "the next page is at another address");
}

#[tokio::test]
async fn a_path_that_would_be_read_as_another_is_not_sent() {
    let world = World::new().await;
    for path in [
        "/v1.0/users/../groups",
        "/v1.0/users/%2e%2e/groups",
        "/v1.0/users/a#EXT#@b",
        "/v1.0/users\\x",
        "/v2.0/users",
        "users",
        "@evil.example/v1.0/users",
    ] {
        let error = world.graph.delete(path).await.unwrap_err();
        assert!(matches!(error, GraphError::NotSent { .. }), "{path}: {error}");
    }
    assert_eq!(world.server.seen_in_all(), 0);
}

#[tokio::test]
async fn a_post_without_a_body_says_that_it_is_empty() {
    let world = World::new().await;
    world.server.on("POST /v1.0/users/1/revokeSignInSessions", ok(json!({"value": true})));
    world.graph.post("/v1.0/users/1/revokeSignInSessions", None).await.unwrap();
    let seen = &world.server.seen("POST", "/v1.0/users/1/revokeSignInSessions")[0];
    assert_eq!(seen.header("content-length"), "0");
    assert_eq!(seen.headers.keys().filter(|name| *name == "content-length").count(), 1);
}
