//! What goes wrong while an agent is set up: Teams takes its time, calls fail, answers get lost.

use reqwest::Method;
use serde_json::{Value, json};

use super::shop::{DEFAULT, EXCHANGE, Shop, made, post, sign_in};
use crate::cloud::{Answer, GRAPH};

const CHAT: &str = "Chat.Create Chat.ReadWrite User.Read";

async fn license(shop: &Shop, user: &str) -> Answer {
    let path = format!("/v1.0/users/{user}");
    let answer = shop.call(Method::PATCH, &path, json!({"usageLocation": "US"})).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    let skus = shop.call(Method::GET, "/v1.0/subscribedSkus", Value::Null).await.json();
    let skus = skus["value"].as_array().expect("products");
    let teams = skus.iter().find(|sku| sku["skuPartNumber"] == "Microsoft_Teams_Enterprise_New");
    let sku = &teams.expect("Teams")["skuId"];
    let body = json!({"addLicenses": [{"skuId": sku, "disabledPlans": []}], "removeLicenses": []});
    shop.call(Method::POST, &format!("{path}/assignLicense"), body).await
}

fn chat(one: &str) -> Value {
    let member = |key: &str| {
        json!({
            "@odata.type": "#microsoft.graph.aadUserConversationMember",
            "roles": ["owner"],
            "user@odata.bind": format!("{GRAPH}/v1.0/users('{key}')"),
        })
    };
    json!({"chatType": "oneOnOne", "members": [member(one), member("doug@contoso.com")]})
}

async fn wait(shop: &Shop, seconds: u64) {
    shop.cloud.control(Method::POST, "clock", json!({"advance_seconds": seconds})).await;
}

async fn quirk(shop: &Shop, quirks: Value) {
    let answer = shop.cloud.control(Method::POST, "quirks", quirks).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn teams_is_ready_for_a_new_agent_only_after_a_while() {
    let shop = Shop::granted(CHAT).await;
    quirk(&shop, json!({"teamsReadyAfterMs": 600_000})).await;
    let token = shop.three_hops(DEFAULT).await.text_of("access_token");
    let wanted = chat(&shop.user);
    let open = || post(&shop.cloud, &token, "/v1.0/chats", &wanted);
    let subscription = json!({
        "changeType": "created",
        "notificationUrl": "http://127.0.0.1:9/",
        "resource": "/me/chats/getAllMessages",
        "expirationDateTime": "2100-01-01T00:00:00Z",
    });
    let subscribe = || post(&shop.cloud, &token, "/v1.0/subscriptions", &subscription);
    assert_eq!(open().await.status, 403, "no licence");
    assert_eq!(license(&shop, &shop.user).await.status, 200);
    assert_eq!(open().await.status, 403, "not ready");
    let refused = subscribe().await;
    assert_eq!(refused.json()["error"]["code"], "ExtensionError", "{refused:?}");
    assert_eq!(refused.status, 403);
    quirk(&shop, json!({"teamsNotReadyStatus": 404})).await;
    assert_eq!((open().await.status, subscribe().await.status), (404, 404));
    wait(&shop, 599).await;
    assert_eq!(open().await.status, 404);
    wait(&shop, 2).await;
    let made = made(open().await);
    let path = format!("/v1.0/chats/{}/messages", made["id"].as_str().expect("an id"));
    let body = json!({"body": {"content": "here"}});
    let said = super::shop::made(post(&shop.cloud, &token, &path, &body).await);
    assert_eq!(said["from"]["user"]["id"], shop.user);
    assert_ne!(subscribe().await.status, 404, "refused for another reason");
}

#[tokio::test]
async fn teams_takes_its_time_with_a_new_member_and_none_with_somebody_who_was_here() {
    let shop = Shop::open().await;
    let body = json!({
        "accountEnabled": true, "displayName": "New", "mailNickname": "new",
        "userPrincipalName": "new@contoso.com", "passwordProfile": {"password": "Sandbox!1"},
    });
    made(shop.call(Method::POST, "/v1.0/users", body).await);
    assert_eq!(license(&shop, "new@contoso.com").await.status, 200);
    let open = |who: &'static str| {
        let shop = &shop;
        async move {
            let token = shop.cloud.password(crate::cloud::CLI, who, "Chat.Create").await;
            let token = token.text_of("access_token");
            post(&shop.cloud, &token, "/v1.0/chats", &chat(who)).await.status
        }
    };
    assert_eq!(open("new@contoso.com").await, 403);
    wait(&shop, 3).await;
    assert_eq!(open("new@contoso.com").await, 201);
    assert_eq!(open("emergency@contoso.com").await, 403, "no licence");
    assert_eq!(license(&shop, "emergency@contoso.com").await.status, 200);
    assert_eq!(open("emergency@contoso.com").await, 201);
}

async fn times(shop: &Shop, effect: &str) -> u64 {
    let ledger = shop.cloud.control(Method::GET, "ledger", json!(null)).await.json();
    ledger["totals"][effect].as_u64().unwrap_or(0)
}

#[tokio::test]
async fn a_write_below_one_path_fails_before_or_after_its_effect() {
    let shop = Shop::open().await;
    let path = "/v1.0/applications/microsoft.graph.agentIdentityBlueprint";
    let create = || shop.call(Method::POST, path, json!({"displayName": "B"}));
    let grant = || shop.grant("Principal", "User.Read");
    assert_eq!(times(&shop, "blueprintCreated").await, 1);
    let only = "Applications/microsoft.graph.agentIdentityBlueprint";
    shop.cloud.faults(json!({"onlyPath": only, "failBeforeNext": 1, "failStatus": 500})).await;
    assert_eq!(grant().await.status, 201, "another path");
    let failed = create().await;
    assert_eq!((failed.status, times(&shop, "blueprintCreated").await), (500, 1));
    shop.cloud.faults(json!({"failAfterNext": 1, "failStatus": 504})).await;
    let failed = create().await;
    assert_eq!((failed.status, times(&shop, "blueprintCreated").await), (504, 2));
    shop.cloud.faults(json!({"cutAfterNext": 1})).await;
    let request = shop.cloud.request(Method::POST, &format!("{GRAPH}{path}"));
    let sent = request.bearer_auth(&shop.admin).json(&json!({"displayName": "B"})).send().await;
    assert!(sent.is_err(), "{sent:?}");
    assert_eq!(times(&shop, "blueprintCreated").await, 3);
    assert_eq!(create().await.status, 201);
    let refused = shop.cloud.control(Method::PUT, "faults", json!({"failStatus": 418})).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_client_can_be_refused_with_a_number() {
    let shop = Shop::open().await;
    let t1 = shop.t1().await;
    for number in [7_000_222, 700_016, 65001, 53003, 50076, 90033] {
        shop.cloud.faults(json!({"refuseClients": {(&*shop.agent): number}})).await;
        let answer = shop.alone(&t1, EXCHANGE).await;
        assert_eq!(answer.number(), number, "{answer:?}");
        assert_eq!(shop.vouch(&shop.agent).await.status, 200, "another client");
    }
    let unknown = json!({"refuseClients": {(&*shop.agent): 1}});
    assert_eq!(shop.cloud.control(Method::PUT, "faults", unknown).await.status, 400);
    shop.cloud.faults(json!({"refuseClients": {}})).await;
    assert_eq!(shop.alone(&t1, EXCHANGE).await.status, 200);
}

#[tokio::test]
async fn grants_are_refused_and_seats_run_out() {
    let shop = Shop::open().await;
    shop.cloud.faults(json!({"refuseGrantsNext": 1})).await;
    let refused = shop.grant("Principal", CHAT).await;
    assert_eq!(refused.json()["error"]["code"], "Authorization_RequestDenied", "{refused:?}");
    assert_eq!((refused.status, times(&shop, "scopesGiven").await), (403, 0));
    assert_eq!(shop.grant("Principal", CHAT).await.status, 201);
    let path = "skus/Microsoft_Teams_Enterprise_New";
    let set = shop.cloud.control(Method::POST, path, json!({"free": 0})).await;
    assert_eq!(set.status, 200, "{set:?}");
    let refused = license(&shop, &shop.user).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.text.contains("does not have any available licenses"), "{refused:?}");
    shop.cloud.control(Method::POST, path, json!({"free": 1})).await;
    assert_eq!(license(&shop, &shop.user).await.status, 200);
    assert_eq!(shop.cloud.control(Method::POST, "skus/none", json!({"free": 1})).await.status, 404);
}

#[tokio::test]
async fn people_consent_to_the_personal_app_themselves_and_not_to_the_installer() {
    let shop = Shop::open().await;
    let personal = "5b7a0c11-0006-4c4e-9a51-7a0000000006";
    let token = sign_in(&shop.cloud, personal, "doug", DEFAULT).await;
    let wanted = "Chat.Create Chat.ReadWrite ChatMessage.Send Presence.ReadWrite User.Read \
                  User.ReadBasic.All";
    assert_eq!(crate::cloud::claims(&token)["scp"], wanted);
    let url = format!(
        "{}/contoso.com/oauth2/v2.0/authorize?client_id={}&response_type=code\
         &redirect_uri=http://localhost&scope={DEFAULT}",
        crate::cloud::LOGIN,
        super::shop::INSTALLER
    );
    let body = json!({"url": url, "as": "doug"});
    let back = shop.cloud.control(Method::POST, "sign-in", body).await.text_of("url");
    assert!(back.contains("AADSTS90094"), "{back}");
    let tenant = shop.cloud.control(Method::GET, "tenant", json!(null)).await.json();
    let apps = tenant["apps"].as_array().expect("apps");
    let names = |role: &str| {
        let found = apps.iter().find(|app| app["role"] == role);
        found.map(|app| app["displayName"].clone())
    };
    assert_eq!(names("installer"), Some(json!("subtwin installer")));
    assert_eq!(names("personal"), Some(json!("subtwin personal")));
}
