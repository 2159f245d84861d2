//! Real sockets and real time.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::json;
use subtwin_teams::{OpenIdKeys, SigningKeys as _};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::world::World;

#[expect(clippy::disallowed_methods, reason = "the test is the service that sends")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn the_handshake_is_answered_with_the_decoded_token() {
    let running = World::new().start().await;
    for path in ["notifications", "lifecycle"] {
        let address = format!(
            "http://{}/{path}?key=1&validationToken=Validation%3a+Testing+%26%20Request-Id%3a+7%2B",
            running.address
        );
        let answer = client()
            .post(address)
            .header("content-type", "text/plain; charset=utf-8")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/plain");
        assert_eq!(answer.text().await.unwrap(), "Validation: Testing & Request-Id: 7+");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_notification_is_accepted_and_heard() {
    let world = World::new();
    let running = world.start().await;
    let post = world.post("created", &[&world.doug_writes("hello")]);
    let address = format!("http://{}/notifications", running.address);
    let answer = client().post(address).json(&post).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert_eq!(answer.text().await.unwrap(), "");
    assert_eq!(world.until_heard(1).await, ["hello"]);
    running.stop().await;
}

#[tokio::test]
async fn what_is_no_post_of_notifications_is_refused() {
    let mut world = World::new();
    world.settings.largest_post = 1000;
    let running = world.start().await;
    let address = |path: &str| format!("http://{}/{path}", running.address);
    let post = |path: &str, body: String| client().post(address(path)).body(body).send();
    let long = json!({"value": [], "padding": "x".repeat(1000)}).to_string();
    for (status, answer) in [
        (StatusCode::BAD_REQUEST, post("notifications", "{".to_owned()).await),
        (StatusCode::BAD_REQUEST, post("notifications", "[1]".to_owned()).await),
        (StatusCode::BAD_REQUEST, post("notifications", String::new()).await),
        (StatusCode::PAYLOAD_TOO_LARGE, post("notifications", long).await),
        (StatusCode::NOT_FOUND, post("other", "{}".to_owned()).await),
        (StatusCode::METHOD_NOT_ALLOWED, client().get(address("notifications")).send().await),
        (StatusCode::ACCEPTED, post("notifications", json!({"value": []}).to_string()).await),
        (
            StatusCode::BAD_REQUEST,
            post(&format!("lifecycle?validationToken={}", "x".repeat(5000)), String::new()).await,
        ),
    ] {
        assert_eq!(answer.unwrap().status(), status);
    }
    running.stop().await;
}

#[tokio::test]
async fn the_issuers_keys_are_found_through_its_document() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    let document = json!({"issuer": "x", "jwks_uri": format!("{here}/keys")}).to_string();
    let router = Router::new()
        .route("/document", get(async || document))
        .route("/keys", get(async || "{\"keys\":[]}"))
        .route("/large", get(async || "x".repeat(2_000_000)))
        .route("/broken", get(async || StatusCode::INTERNAL_SERVER_ERROR));
    let tasks = TaskTracker::new();
    tasks.spawn(async move { axum::serve(listener, router).await });
    let fetch = async |path: &str| {
        let document = format!("{here}/{path}").parse().unwrap();
        OpenIdKeys::new(client(), document).fetch().await
    };
    assert_eq!(fetch("document").await.unwrap(), "{\"keys\":[]}");
    for path in ["large", "broken", "keys", "nothing"] {
        fetch(path).await.unwrap_err();
    }
}
