use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{CLI, Cloud, GRAPH};

/// Something Graph has and the sandbox will not: shows that a token was accepted.
const NOWHERE: &str = "/v1.0/planner/tasks";

#[tokio::test]
async fn a_call_without_a_good_token_gets_graphs_401() {
    let cloud = Cloud::start().await;
    let none = cloud.get(&format!("{GRAPH}{NOWHERE}")).await;
    assert_eq!(none.status, 401);
    assert_eq!(none.json()["error"]["code"], "InvalidAuthenticationToken");
    assert_eq!(none.json()["error"]["message"], "Access token is empty.");
    assert!(none.header("www-authenticate").starts_with("Bearer realm=\"\""), "{none:?}");

    let token = cloud.doug().await;
    let mut forged = token.clone();
    forged.replace_range(token.len() - 6..token.len() - 4, "AA");
    let moved = token.rsplit_once('.').map(|(head, _)| format!("{head}.")).expect("three parts");
    for bad in ["x", "a.b.c", &forged, &moved] {
        let answer = cloud.graph(Method::GET, NOWHERE, bad).await;
        assert_eq!(answer.status, 401, "{bad}");
        assert_eq!(answer.json()["error"]["code"], "InvalidAuthenticationToken");
    }
    assert_eq!(cloud.graph(Method::GET, NOWHERE, &token).await.status, 501);
}

#[tokio::test]
async fn a_token_opens_only_the_api_it_is_for() {
    let cloud = Cloud::start().await;
    let scope = "https://manage.office.com/.default";
    let manage = cloud.password(CLI, "doug@contoso.com", scope).await.text_of("access_token");
    let answer = cloud.graph(Method::GET, NOWHERE, &manage).await;
    assert_eq!(answer.status, 401);
    let message = answer.json()["error"]["message"].to_string();
    assert!(message.contains("Invalid audience"), "{message}");
}

#[tokio::test]
async fn an_id_token_opens_nothing() {
    let cloud = Cloud::start().await;
    let id = cloud.password(CLI, "doug@contoso.com", "User.Read openid").await.text_of("id_token");
    assert_eq!(cloud.graph(Method::GET, NOWHERE, &id).await.status, 401);
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let cloud = Cloud::start().await;
    let token = cloud.doug().await;
    cloud.control(Method::POST, "clock", json!({"advance_seconds": 3800})).await;
    assert_eq!(cloud.graph(Method::GET, NOWHERE, &token).await.status, 501);
    cloud.control(Method::POST, "clock", json!({"advance_seconds": 101})).await;
    let answer = cloud.graph(Method::GET, NOWHERE, &token).await;
    assert_eq!(answer.status, 401);
    let message = answer.json()["error"]["message"].to_string();
    assert!(message.contains("token is expired"), "{message}");
}

#[tokio::test]
async fn the_clients_request_id_comes_back() {
    let cloud = Cloud::start().await;
    let token = cloud.doug().await;
    let own = "5f0f6c8e-58a0-4e2b-8d0a-000000000001";
    let request = cloud
        .request(Method::GET, &format!("{GRAPH}{NOWHERE}"))
        .bearer_auth(&token)
        .header("client-request-id", own);
    let answer = cloud.send(request).await;
    assert_eq!(answer.header("client-request-id"), own);
    let inner = answer.json()["error"]["innerError"].clone();
    assert_eq!(inner["client-request-id"], own);
    assert_eq!(inner["request-id"], answer.header("request-id"));
    assert!(!answer.header("date").is_empty());
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_as_graph_does() {
    let cloud = Cloud::start().await;
    let token = cloud.doug().await;
    for (kind, body) in [("application/json", "{"), ("text/plain", "{}")] {
        let request = cloud
            .request(Method::POST, &format!("{GRAPH}{NOWHERE}"))
            .bearer_auth(&token)
            .header("content-type", kind)
            .body(body);
        let answer = cloud.send(request).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (400, Some("BadRequest"))
        );
    }
}

#[tokio::test]
async fn what_is_missing_is_said_loudly() {
    let cloud = Cloud::start().await;
    let token = cloud.doug().await;
    let answer = cloud.graph(Method::GET, NOWHERE, &token).await;
    assert_eq!(answer.status, 501);
    assert_eq!(
        answer.json()["error"]["message"],
        "The sandbox does not implement GET /planner/tasks."
    );
    assert_eq!(cloud.graph(Method::GET, "/v3.0/users", &token).await.status, 400);
}

#[tokio::test]
async fn user_info_tells_who_signed_in() {
    let cloud = Cloud::start().await;
    let token = cloud.doug().await;
    let answer = cloud.graph(Method::GET, "/oidc/userinfo", &token).await;
    assert_eq!(answer.json()["name"], "Doug Hale", "{answer:?}");
}

async fn batch(cloud: &Cloud, requests: Value) -> (u16, Value) {
    let token = cloud.doug().await;
    let request = cloud
        .request(Method::POST, &format!("{GRAPH}/v1.0/%24batch"))
        .bearer_auth(token)
        .json(&json!({"requests": requests}));
    let answer = cloud.send(request).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn members_of_a_batch_are_judged_alone_and_in_order() {
    let cloud = Cloud::start().await;
    let (status, body) = batch(
        &cloud,
        json!([
            {"id": 1, "method": "GET", "url": "/planner/tasks"},
            {"id": "b", "method": "get", "url": "planner/plans", "dependsOn": ["1"]},
            {"id": "c", "method": "GET", "url": "/me/%ff"},
        ]),
    )
    .await;
    assert_eq!(status, 200);
    let statuses: Vec<(&str, u64)> = body["responses"]
        .as_array()
        .expect("responses")
        .iter()
        .map(|one| (one["id"].as_str().expect("an id"), one["status"].as_u64().expect("a status")))
        .collect();
    assert_eq!(statuses, [("1", 501), ("b", 424), ("c", 400)]);
    assert_eq!(body["responses"][0]["body"]["error"]["code"], "SandboxNotImplemented");
    assert_eq!(body["responses"][0]["headers"]["Content-Type"], "application/json");
}

#[tokio::test]
async fn a_member_is_throttled_on_its_own() {
    let cloud = Cloud::start().await;
    cloud.faults(json!({"throttleNext": 1, "retryAfter": "2.128"})).await;
    let (status, body) = batch(
        &cloud,
        json!([
            {"id": "1", "method": "GET", "url": "/planner/tasks"},
            {"id": "2", "method": "GET", "url": "/planner/tasks"},
        ]),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(body["responses"][0]["status"], 429);
    assert_eq!(body["responses"][0]["headers"]["Retry-After"], "2.128");
    assert_eq!(body["responses"][1]["status"], 501);
}

#[tokio::test]
async fn a_malformed_batch_is_refused_as_a_whole() {
    let cloud = Cloud::start().await;
    let get = |id: Value, url: &str| json!({"id": id, "method": "GET", "url": url});
    let many: Vec<Value> = (0..21).map(|id| get(json!(id), "/users")).collect();
    for requests in [
        json!(many),
        json!([]),
        json!([get(json!("1"), "/users"), get(json!(1), "/users")]),
        json!([get(json!(null), "/users")]),
        json!([get(json!("1"), "https://graph.microsoft.com/v1.0/users")]),
        json!([get(json!("1"), "/$batch")]),
        json!([{"id": "1", "method": "TRACE", "url": "/users"}]),
        json!([{"id": "1", "method": "GET", "url": "/users", "dependsOn": ["2"]}]),
        json!([{"id": "1", "method": "POST", "url": "/users", "body": {}}]),
    ] {
        let (status, body) = batch(&cloud, requests.clone()).await;
        assert_eq!(
            (status, body["error"]["code"].as_str()),
            (400, Some("BadRequest")),
            "{requests}"
        );
    }
}

#[tokio::test]
async fn a_count_is_a_number_in_plain_text() {
    let cloud = Cloud::start().await;
    let token = cloud.password(CLI, "doug@contoso.com", "User.Read.All").await;
    let url = format!("{GRAPH}/v1.0/users/$count");
    let request = cloud.request(Method::GET, &url).bearer_auth(token.text_of("access_token"));
    let answer = cloud.send(request.header("ConsistencyLevel", "eventual")).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "80"), "{answer:?}");
    let types: Vec<_> = answer.headers.get_all("content-type").iter().collect();
    assert_eq!(types, ["text/plain"]);
}
