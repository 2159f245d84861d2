//! How an agent is stopped, and at which step it notices.

use reqwest::Method;
use serde_json::{Value, json};

use super::shop::{DEFAULT, EXCHANGE, Shop, UPN};

/// AADSTS numbers of the three steps; 0 for success. A step whose assertion is missing gets one
/// from before.
async fn numbers(shop: &Shop, t1: &str, t2: &str) -> [u64; 3] {
    let number = |answer: &crate::cloud::Answer| match answer.status {
        200 => 0,
        _ => answer.number(),
    };
    let one = shop.vouch(&shop.agent).await;
    let two = shop.alone(t1, EXCHANGE).await;
    let three = shop.as_user(t1, t2, ("user_id", &shop.user), DEFAULT).await;
    [number(&one), number(&two), number(&three)]
}

async fn assertions(shop: &Shop) -> (String, String) {
    let t1 = shop.t1().await;
    let t2 = shop.alone(&t1, EXCHANGE).await.text_of("access_token");
    (t1, t2)
}

#[tokio::test]
async fn each_part_can_be_disabled_and_is_refused_at_its_own_step() {
    let shop = Shop::granted("User.Read").await;
    let (t1, t2) = assertions(&shop).await;
    assert_eq!(numbers(&shop, &t1, &t2).await, [0, 0, 0]);
    let cases = [
        (format!("/v1.0/applications/{}", shop.object), "isDisabled", [7_000_112; 3]),
        (format!("/v1.0/servicePrincipals/{}", shop.principal), "accountEnabled", [7_000_112; 3]),
        (
            format!("/v1.0/servicePrincipals/{}", shop.agent),
            "accountEnabled",
            [0, 7_000_112, 7_000_112],
        ),
        (format!("/v1.0/users/{}", shop.user), "accountEnabled", [0, 0, 50057]),
    ];
    for (path, property, refused) in cases {
        for stop in [true, false] {
            let value = (property == "isDisabled") == stop;
            // The installer may enable and disable agents, but not blueprint principals.
            let token = super::shop::sign_in(
                &shop.cloud,
                super::shop::INSTALLER,
                "dana",
                "AgentIdentityBlueprintPrincipal.EnableDisable.All AgentIdUser.ReadWrite.All",
            )
            .await;
            let body = json!({property: value});
            let answer = super::shop::send(&shop.cloud, &token, Method::PATCH, &path, &body).await;
            assert_eq!(answer.status, 204, "{path}: {answer:?}");
            let expected = if stop { refused } else { [0; 3] };
            assert_eq!(numbers(&shop, &t1, &t2).await, expected, "{path} {property} {value}");
        }
    }
}

#[tokio::test]
async fn consent_that_is_taken_back_ends_the_third_step() {
    let shop = Shop::granted("User.Read").await;
    let (t1, t2) = assertions(&shop).await;
    let path = format!("/v1.0/servicePrincipals/{}/oauth2PermissionGrants", shop.agent);
    let grants = shop.call(Method::GET, &path, Value::Null).await.json();
    let id = grants["value"][0]["id"].as_str().expect("a grant").to_owned();
    let path = format!("/v1.0/oauth2PermissionGrants/{id}");
    let refused = shop.call(Method::PATCH, &path, json!({"scope": "Group.ReadWrite.All"})).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(shop.call(Method::DELETE, &path, Value::Null).await.status, 204);
    assert_eq!(numbers(&shop, &t1, &t2).await, [0, 0, 65001]);
}

#[tokio::test]
async fn sessions_of_an_agents_user_can_be_revoked() {
    let shop = Shop::granted("User.Read").await;
    let scope = "https://graph.microsoft.com/.default offline_access openid profile";
    let answer = shop.three_hops(scope).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let refresh = answer.text_of("refresh_token");
    let t1 = shop.t1().await;
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", shop.agent.as_str()),
        ("client_assertion_type", super::shop::ASSERTION),
        ("client_assertion", t1.as_str()),
        ("refresh_token", refresh.as_str()),
        ("scope", DEFAULT),
    ];
    assert_eq!(shop.cloud.token(&form).await.status, 200);
    let path = format!("/v1.0/users/{}/revokeSignInSessions", shop.user);
    let answer = shop.call(Method::POST, &path, Value::Null).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(shop.cloud.token(&form).await.number(), 50173);
    assert_eq!(shop.three_hops(scope).await.status, 200, "it can sign in anew");
}

#[tokio::test]
async fn deleted_parts_go_into_the_bin_and_come_back() {
    let shop = Shop::granted("User.Read").await;
    let (t1, t2) = assertions(&shop).await;
    let user = format!("/v1.0/users/{}", shop.user);
    assert_eq!(shop.call(Method::DELETE, &user, Value::Null).await.status, 204);
    assert_eq!(numbers(&shop, &t1, &t2).await, [0, 0, 50034]);
    let bin = "/v1.0/directory/deletedItems";
    let list = format!("{bin}/microsoft.graph.agentUser");
    let listed = shop.call(Method::GET, &list, Value::Null).await.json();
    let row = &listed["value"][0];
    assert_eq!(row["id"], shop.user, "{listed}");
    assert!(row["userPrincipalName"].as_str().is_some_and(|upn| upn != UPN && upn.ends_with(UPN)));
    let one = format!("{bin}/{}", shop.user);
    let answer = shop.call(Method::POST, &format!("{one}/restore"), json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(numbers(&shop, &t1, &t2).await, [0, 0, 0]);
    let agent = format!("/v1.0/servicePrincipals/{}", shop.agent);
    assert_eq!(shop.call(Method::DELETE, &agent, Value::Null).await.status, 204);
    assert_eq!(numbers(&shop, &t1, &t2).await, [0, 700_016, 700_016]);
    let blueprint = format!("/v1.0/applications/{}", shop.object);
    assert_eq!(shop.call(Method::DELETE, &blueprint, Value::Null).await.status, 204);
    assert_eq!(numbers(&shop, &t1, &t2).await, [700_016, 700_016, 700_016]);
    for id in [&shop.user, &shop.agent, &shop.object] {
        let one = format!("{bin}/{id}");
        assert_eq!(shop.call(Method::GET, &one, Value::Null).await.status, 200, "{id}");
        let gone = shop.call(Method::DELETE, &one, Value::Null).await;
        assert_eq!(gone.status, 204, "{id}: {gone:?}");
        assert_eq!(shop.call(Method::GET, &one, Value::Null).await.status, 404, "{id}");
    }
}
