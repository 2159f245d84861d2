use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{CLI, Cloud, DAEMON};

async fn get(cloud: &Cloud, path: &str) -> Value {
    let answer = cloud.control(Method::GET, path, json!(null)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn a_script_finds_everything_it_needs() {
    let cloud = Cloud::start().await;
    let tenant = get(&cloud, "tenant").await;
    assert_eq!(
        (&tenant["domain"], &tenant["password"]),
        (&json!("contoso.com"), &json!("Sandbox!1"))
    );
    let apps = tenant["apps"].as_array().expect("apps");
    let cli = apps.iter().find(|app| app["appId"] == CLI).expect("the sample client");
    assert_eq!((&cli["role"], &cli["publicClient"]), (&json!("sampleCli"), &json!(true)));
    let people = tenant["people"].as_array().expect("people");
    let sam = people.iter().find(|one| one["userPrincipalName"] == "sam@contoso.com").expect("Sam");
    assert_eq!(sam["displayName"], "Sam (IT twin)");
    assert_eq!(tenant["page"], format!("http://{}/", cloud.address()));
}

#[tokio::test]
async fn switches_change_one_by_one_and_go_back_together() {
    let cloud = Cloud::start().await;
    let off = get(&cloud, "faults").await;
    cloud.faults(json!({"throttleNext": 3})).await;
    cloud.faults(json!({"slowMs": 1, "auditDelayMs": 9})).await;
    let now = get(&cloud, "faults").await;
    assert_eq!(
        (&now["throttleNext"], &now["slowMs"], &now["auditDelayMs"]),
        (&json!(3), &json!(1), &json!(9))
    );
    for wrong in [
        json!({"noSuchSwitch": 1}),
        json!({"throttleNext": -1}),
        json!({"refuseSignIns": 1}),
        json!([]),
    ] {
        let answer = cloud.control(Method::PUT, "faults", wrong.clone()).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    assert_eq!(get(&cloud, "faults").await, now, "a refused change changes nothing");
    cloud.control(Method::POST, "faults/reset", json!({})).await;
    assert_eq!(get(&cloud, "faults").await, off);
}

#[tokio::test]
async fn other_web_pages_control_nothing() {
    let cloud = Cloud::start().await;
    let url = format!("http://{}/sandbox/tenant", cloud.address());
    let own = format!("http://{}", cloud.address());
    for (name, value, status) in [
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("origin", own.as_str(), 200),
        ("sec-fetch-site", "same-origin", 200),
    ] {
        let answer = cloud.send(cloud.direct().get(&url).header(name, value)).await;
        assert_eq!(answer.status, status, "{name}: {value}");
    }
    let rebound = cloud.direct().get(&url).header("host", "evil.example");
    assert_eq!(cloud.send(rebound).await.status, 421);
}

#[tokio::test]
async fn nonsense_is_answered_in_words() {
    let cloud = Cloud::start().await;
    for (path, body, status) in [
        ("nothing", json!({}), 404),
        ("revoke", json!({"user": "nobody"}), 404),
        ("revoke", json!({}), 400),
        ("clock", json!({"advance_seconds": -1}), 400),
        ("consent", json!({"policy": "robots"}), 400),
        ("sign-in", json!({"url": "x", "as": "doug"}), 400),
        ("sign-in", json!({"url": "https://login.microsoftonline.com/x/y", "as": "doug"}), 400),
        ("device", json!({"user_code": "WRONG", "as": "doug"}), 400),
        (&format!("apps/{DAEMON}/keys"), json!({"certificate": "AAAA"}), 400),
        ("apps/00000000-0000-0000-0000-00000000abcd/secrets", json!({}), 404),
        ("apps/x/secrets", json!({}), 400),
    ] {
        let answer = cloud.control(Method::POST, path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        assert!(answer.json()["error"].is_string(), "{path} {body}");
    }
    let url = format!("http://{}/sandbox/say", cloud.address());
    assert_eq!(cloud.send(cloud.direct().post(url).body("{")).await.status, 400);
}

#[tokio::test]
async fn sessions_ended_from_outside_are_on_the_ledger() {
    let cloud = Cloud::start().await;
    let answer = cloud.control(Method::POST, "revoke", json!({"user": "sarah.lin"})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(get(&cloud, "ledger").await["totals"], json!({"sessionsRevoked": 1}));
}
