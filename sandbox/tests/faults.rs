use reqwest::Method;
use serde_json::json;

use crate::cloud::{CLI, Cloud, GRAPH};

const NOWHERE: &str = "/v1.0/planner/tasks";

#[tokio::test]
async fn throttled_calls_say_when_to_come_back_or_do_not() {
    let cloud = Cloud::start().await;
    let token = cloud.doug().await;
    cloud.faults(json!({"throttleNext": 1, "retryAfter": "2.128"})).await;
    let answer = cloud.graph(Method::GET, NOWHERE, &token).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "2.128"));
    assert_eq!(answer.json()["error"]["code"], "TooManyRequests");
    assert_eq!(cloud.graph(Method::GET, NOWHERE, &token).await.status, 501, "counted down");

    cloud.faults(json!({"throttleNext": 1, "retryAfter": null})).await;
    let answer = cloud.graph(Method::GET, NOWHERE, &token).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, ""));
}

#[tokio::test]
async fn a_failing_write_leaves_reads_alone() {
    let cloud = Cloud::start().await;
    let token = cloud.doug().await;
    cloud.faults(json!({"failBeforeNext": 1})).await;
    assert_eq!(cloud.graph(Method::GET, NOWHERE, &token).await.status, 501);
    let write = cloud.graph(Method::DELETE, NOWHERE, &token).await;
    assert_eq!(
        (write.status, write.json()["error"]["code"].as_str()),
        (503, Some("ServiceUnavailable"))
    );
    assert_eq!(cloud.graph(Method::DELETE, NOWHERE, &token).await.status, 501);
}

#[tokio::test]
async fn a_refused_write_is_refused_even_when_answers_get_lost() {
    let cloud = Cloud::start().await;
    let token = cloud.doug().await;
    cloud.faults(json!({"failAfterNext": 1, "cutAfterNext": 1})).await;
    assert_eq!(cloud.graph(Method::DELETE, NOWHERE, &token).await.status, 501);
    assert_eq!(cloud.graph(Method::DELETE, NOWHERE, &token).await.status, 501);
    let left = cloud.control(Method::GET, "faults", json!(null)).await.json();
    assert_eq!((left["failAfterNext"].as_u64(), left["cutAfterNext"].as_u64()), (Some(0), Some(0)));
}

#[tokio::test]
async fn tokens_can_be_made_to_expire_early() {
    let cloud = Cloud::start().await;
    let token = cloud.doug().await;
    cloud.faults(json!({"expireTokensNext": 1})).await;
    assert_eq!(cloud.graph(Method::GET, NOWHERE, &token).await.status, 401);
    assert_eq!(cloud.graph(Method::GET, NOWHERE, &token).await.status, 501);
}

#[tokio::test]
async fn only_clients_that_can_be_challenged_are() {
    let cloud = Cloud::start().await;
    let plain = cloud.doug().await;
    let capable = cloud
        .token(&[
            ("grant_type", "password"),
            ("client_id", CLI),
            ("username", "doug@contoso.com"),
            ("password", "Sandbox!1"),
            ("scope", "User.Read"),
            ("claims", r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#),
        ])
        .await
        .text_of("access_token");
    cloud.faults(json!({"challengeNext": 1})).await;
    assert_eq!(cloud.graph(Method::GET, NOWHERE, &plain).await.status, 501);
    let challenged = cloud.graph(Method::GET, NOWHERE, &capable).await;
    assert_eq!(challenged.status, 401);
    assert!(
        challenged.header("www-authenticate").contains("insufficient_claims"),
        "{challenged:?}"
    );
    assert_eq!(cloud.graph(Method::GET, NOWHERE, &capable).await.status, 501);
}

#[tokio::test]
async fn sign_ins_can_be_made_to_fail() {
    let cloud = Cloud::start().await;
    for (number, error, suberror) in [
        (50076, "interaction_required", "basic_action"),
        (50079, "interaction_required", "basic_action"),
        (53003, "invalid_grant", "message_only"),
        (50173, "invalid_grant", "bad_token"),
        (700_082, "invalid_grant", "bad_token"),
    ] {
        cloud.faults(json!({"refuseSignIns": number})).await;
        let answer = cloud.password(CLI, "doug@contoso.com", "User.Read").await;
        assert_eq!((answer.status, answer.number()), (400, number), "{answer:?}");
        assert_eq!(answer.json()["error"], error);
        assert_eq!(answer.json()["suberror"], suberror);
    }
    cloud.faults(json!({"refuseSignIns": null, "failTokensNext": 1})).await;
    let answer = cloud.password(CLI, "doug@contoso.com", "User.Read").await;
    assert_eq!((answer.status, answer.number()), (503, 90033));
    assert_eq!(cloud.password(CLI, "doug@contoso.com", "User.Read").await.status, 200);
}

#[tokio::test]
async fn an_answer_that_never_comes_closes_the_connection() {
    let cloud = Cloud::start().await;
    let sarah = "sarah.lin@contoso.com";
    let token = cloud.password(CLI, "dana@contoso.com", "User.RevokeSessions.All").await;
    let token = token.text_of("access_token");
    let url = format!("{GRAPH}/v1.0/users/{sarah}/revokeSignInSessions");
    cloud.faults(json!({"cutAfterNext": 1})).await;
    let request = cloud.request(Method::POST, &url).bearer_auth(&token);
    assert!(request.send().await.is_err(), "an answer came");
    let ledger = cloud.control(Method::GET, "ledger", json!(null)).await.json();
    assert_eq!(ledger["totals"]["sessionsRevoked"], 1, "it happened all the same");

    cloud.faults(json!({"failAfterNext": 1})).await;
    let answer = cloud.send(cloud.request(Method::POST, &url).bearer_auth(&token)).await;
    assert_eq!(answer.status, 503);
    let ledger = cloud.control(Method::GET, "ledger", json!(null)).await.json();
    assert_eq!(ledger["totals"]["sessionsRevoked"], 2, "it happened all the same");
}
