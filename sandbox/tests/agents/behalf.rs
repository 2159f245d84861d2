//! On behalf of somebody: by an agent, and by an ordinary app.

use reqwest::Method;
use serde_json::{Value, json};

use super::has;
use super::shop::{ASSERTION, DEFAULT, Shop, made, sign_in};
use crate::cloud::{Answer, CLI, claims};

const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What a PATCH says to give an app an API with one scope that people may consent to.
fn api(app_id: &str, scope: &str) -> Value {
    json!({
        "identifierUris": [format!("api://{app_id}")],
        "api": {"oauth2PermissionScopes": [{
            "id": "6f1f5f1c-3c6a-4c0f-9d53-2d9d6f3f7f01",
            "adminConsentDescription": "Reach the agent",
            "adminConsentDisplayName": "Reach the agent",
            "isEnabled": true,
            "type": "User",
            "value": scope,
        }]},
    })
}

async fn agent(shop: &Shop, human: &str) -> Answer {
    let t1 = shop.t1().await;
    shop.cloud
        .token(&[
            ("grant_type", BEARER),
            ("client_id", &shop.agent),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", &t1),
            ("assertion", human),
            ("requested_token_use", "on_behalf_of"),
            ("scope", "https://graph.microsoft.com/User.Read offline_access"),
        ])
        .await
}

#[tokio::test]
async fn an_agent_acts_for_a_person_who_called_its_blueprints_api() {
    let shop = Shop::open().await;
    let path = format!("/v1.0/applications/{}", shop.object);
    let body = api(&shop.blueprint, "access_agent");
    assert_eq!(shop.call(Method::PATCH, &path, body).await.status, 204);
    let scope = format!("api://{}/access_agent", shop.blueprint);
    let human = sign_in(&shop.cloud, CLI, "doug", &scope).await;
    let said = claims(&human);
    assert_eq!(said["aud"], format!("api://{}", shop.blueprint));
    assert_eq!((&said["scp"], &said["appid"]), (&json!("access_agent"), &json!(CLI)));
    let refused = agent(&shop, &human).await;
    assert_eq!((refused.status, refused.number()), (400, 65001), "nothing is granted yet");
    assert_eq!(shop.grant("AllPrincipals", "User.Read").await.status, 201);
    let answer = agent(&shop, &human).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let own = claims(&answer.text_of("access_token"));
    assert_eq!((&own["upn"], &own["oid"]), (&json!("doug@contoso.com"), &said["oid"]));
    assert_eq!((&own["appid"], &own["idtyp"]), (&json!(shop.agent), &json!("user")));
    assert!(has(&own["xms_act_fct"], "11") && !has(&own["xms_sub_fct"], "13"), "{own}");
    let me = shop.cloud.graph(Method::GET, "/v1.0/me", &answer.text_of("access_token")).await;
    assert_eq!(me.text_of("userPrincipalName"), "doug@contoso.com");
    assert!(!answer.text_of("refresh_token").is_empty());
    // A token for Graph is not for the blueprint.
    let graph = shop.cloud.doug().await;
    assert_eq!(agent(&shop, &graph).await.number(), 500_131);
    // Neither does the API take part in Graph.
    assert_eq!(shop.cloud.graph(Method::GET, "/v1.0/me", &human).await.status, 401);
}

#[tokio::test]
async fn an_ordinary_app_acts_for_a_person_who_called_its_api() {
    let shop = Shop::open().await;
    let cli = shop.cloud.password(CLI, "dana@contoso.com", "User.Read");
    assert_eq!(cli.await.status, 200);
    let app =
        made(shop.call(Method::POST, "/v1.0/applications", json!({"displayName": "Desk"})).await);
    let (object, app_id) = (app["id"].as_str().unwrap(), app["appId"].as_str().unwrap());
    let path = format!("/v1.0/applications/{object}");
    let mut body = api(app_id, "access_as_user");
    body["api"]["requestedAccessTokenVersion"] = json!(2);
    assert_eq!(shop.call(Method::PATCH, &path, body).await.status, 204);
    let principal =
        made(shop.call(Method::POST, "/v1.0/servicePrincipals", json!({"appId": app_id})).await);
    let secret = shop.call(Method::POST, &format!("{path}/addPassword"), json!({})).await;
    let secret = secret.text_of("secretText");
    let human = sign_in(&shop.cloud, CLI, "doug", &format!("api://{app_id}/access_as_user")).await;
    let said = claims(&human);
    assert_eq!((&said["aud"], &said["ver"]), (&json!(app_id), &json!("2.0")));
    assert_eq!(
        (&said["azp"], &said["preferred_username"]),
        (&json!(CLI), &json!("doug@contoso.com"))
    );
    let behalf = |assertion: String| {
        let form = [
            ("grant_type", BEARER.to_owned()),
            ("client_id", app_id.to_owned()),
            ("client_secret", secret.clone()),
            ("assertion", assertion),
            ("requested_token_use", "on_behalf_of".to_owned()),
            ("scope", DEFAULT.to_owned()),
        ];
        let cloud = &shop.cloud;
        async move {
            let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            cloud.token(&form).await
        }
    };
    assert_eq!(behalf(human.clone()).await.number(), 65001);
    let grant = json!({
        "clientId": principal["id"],
        "consentType": "AllPrincipals",
        "resourceId": shop.graph,
        "scope": "User.Read",
    });
    let granted = shop.call(Method::POST, "/v1.0/oauth2PermissionGrants", grant).await;
    assert_eq!(granted.status, 201, "{granted:?}");
    let answer = behalf(human.clone()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let own = claims(&answer.text_of("access_token"));
    assert_eq!((&own["upn"], &own["appid"]), (&json!("doug@contoso.com"), &json!(app_id)));
    assert!(own.get("xms_act_fct").is_none(), "{own}");
    // Signed out everywhere, an older token no longer counts.
    shop.cloud.control(Method::POST, "clock", json!({"advance_seconds": 2})).await;
    shop.cloud.control(Method::POST, "revoke", json!({"user": "doug"})).await;
    assert_eq!(behalf(human.clone()).await.number(), 50173);
    let mut forged = human.clone();
    forged.replace_range(human.len() - 8.., "AAAAAAAA");
    assert_eq!(behalf(forged).await.number(), 50013);
    shop.cloud.control(Method::POST, "clock", json!({"advance_seconds": 8000})).await;
    assert_eq!(behalf(human).await.number(), 500_133);
}
