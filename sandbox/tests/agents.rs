//! An agent's identity from blueprint to token, over the wire.

mod behalf;
mod credentials;
mod endings;
mod shop;
mod trouble;

use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{GRAPH, claims};
use shop::{DEFAULT, EXCHANGE, Shop, UPN, post};

/// Whether a facet is in a text of numbers, in whatever order.
fn has(claim: &Value, facet: &str) -> bool {
    claim.as_str().expect("facets").split(' ').any(|one| one == facet)
}

#[tokio::test]
async fn a_blueprint_vouches_for_its_agent_in_a_token_of_the_newer_form() {
    let shop = Shop::open().await;
    let t1 = claims(&shop.t1().await);
    assert_eq!(t1["aud"], "fb60f99c-7a34-4190-8149-302f77469936");
    assert_eq!((&t1["azp"], &t1["oid"]), (&json!(shop.blueprint), &json!(shop.principal)));
    assert_eq!((&t1["idtyp"], &t1["ver"]), (&json!("app"), &json!("2.0")));
    let subject = t1["sub"].as_str().expect("a subject");
    let parts: Vec<&str> = subject.split('/').collect();
    assert_eq!(parts[..5], ["", "eid1", "c", "pub", "t"], "{subject}");
    assert_eq!((parts[5].len(), parts[6], parts[7].len()), (22, "a", 22), "{subject}");
    assert_eq!(parts[8], shop.agent);
    // The scope's name in any case.
    let answer = shop
        .cloud
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", &shop.blueprint),
            ("client_secret", &shop.secret),
            ("scope", "api://AzureAdTokenExchange/.default"),
            ("fmi_path", &shop.agent),
        ])
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn an_agent_identity_acts_as_a_service_principal() {
    let shop = Shop::open().await;
    let body = json!({
        "principalId": shop.agent,
        "resourceId": shop.graph,
        "appRoleId": "df021288-bdef-4463-88db-98f22de89214",
    });
    let path = format!("/v1.0/servicePrincipals/{}/appRoleAssignments", shop.agent);
    assert_eq!(shop.call(Method::POST, &path, body).await.status, 201);
    let answer = shop.alone(&shop.t1().await, DEFAULT).await;
    let body = answer.json();
    assert!(body.get("refresh_token").is_none() && body.get("scope").is_none(), "{body}");
    let token = answer.text_of("access_token");
    let own = claims(&token);
    for claim in ["oid", "sub", "appid"] {
        assert_eq!(own[claim], shop.agent, "{claim}");
    }
    assert_eq!((&own["idtyp"], &own["xms_idrel"]), (&json!("app"), &json!("7")));
    assert_eq!((&own["roles"], &own["appidacr"]), (&json!(["User.Read.All"]), &json!("2")));
    assert_eq!(own["xms_par_app_azp"], shop.blueprint);
    assert!(has(&own["xms_act_fct"], "11") && has(&own["xms_sub_fct"], "11"), "{own}");
    assert!(own.get("wids").is_none() && own.get("scp").is_none(), "{own}");
    let read = shop.cloud.graph(Method::GET, &format!("/v1.0/users/{UPN}"), &token).await;
    assert_eq!(read.text_of("id"), shop.user);
    assert_eq!(shop.cloud.graph(Method::GET, "/v1.0/me", &token).await.status, 400);
}

#[tokio::test]
async fn an_agents_user_is_signed_in_by_three_steps_and_acts_as_itself() {
    let shop = Shop::granted("Chat.ReadWrite User.Read").await;
    let t1 = shop.t1().await;
    let t2 = shop.alone(&t1, EXCHANGE).await.text_of("access_token");
    // Some clients say `requested_token_use`, some do not.
    let form = [
        ("grant_type", "user_fic"),
        ("client_id", shop.agent.as_str()),
        ("client_assertion_type", shop::ASSERTION),
        ("client_assertion", t1.as_str()),
        ("user_federated_identity_credential", t2.as_str()),
        ("user_id", shop.user.as_str()),
        ("requested_token_use", "on_behalf_of"),
        ("scope", "https://graph.microsoft.com/User.Read offline_access openid profile"),
    ];
    let answer = shop.cloud.token(&form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let scope = answer.text_of("scope");
    assert_eq!(scope, "https://graph.microsoft.com/User.Read openid profile");
    for who in [("user_id", shop.user.as_str()), ("username", UPN)] {
        let answer = shop.as_user(&t1, &t2, who, DEFAULT).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = answer.text_of("access_token");
        let own = claims(&token);
        assert_eq!((&own["oid"], &own["appid"]), (&json!(shop.user), &json!(shop.agent)));
        assert_eq!((&own["idtyp"], &own["xms_idrel"]), (&json!("user"), &json!("1")));
        assert_eq!((&own["upn"], &own["name"]), (&json!(UPN), &json!("Ava")));
        assert_eq!(own["scp"], "Chat.ReadWrite User.Read");
        assert_eq!((&own["wids"], &own["xms_par_app_azp"]), (&json!([]), &json!(shop.blueprint)));
        assert!(has(&own["xms_act_fct"], "11") && has(&own["xms_sub_fct"], "13"), "{own}");
        let me = shop.cloud.graph(Method::GET, "/v1.0/me", &token).await;
        assert_eq!(me.text_of("id"), shop.user);
        assert_eq!(me.json()["@odata.type"], "#microsoft.graph.agentUser");
    }
}

#[tokio::test]
async fn every_check_of_the_three_steps_refuses() {
    let shop = Shop::granted("User.Read").await;
    let t1 = shop.t1().await;
    let t2 = shop.alone(&t1, EXCHANGE).await.text_of("access_token");
    let number = |answer: crate::cloud::Answer| {
        assert!(answer.status == 400 || answer.status == 401, "{answer:?}");
        answer.number()
    };
    // Step two: an assertion without a path, for Graph, or for somebody else.
    let plain = |scope: &'static str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", shop.blueprint.as_str()),
            ("client_secret", shop.secret.as_str()),
            ("scope", scope),
        ];
        let cloud = &shop.cloud;
        async move { cloud.token(&form).await.text_of("access_token") }
    };
    for wrong in [
        plain(EXCHANGE).await,
        plain(DEFAULT).await,
        shop.vouch(&shop.user).await.text_of("access_token"),
        t2.clone(),
    ] {
        assert_eq!(number(shop.alone(&wrong, DEFAULT).await), 700_211);
    }
    let human = shop.admin.clone();
    assert_eq!(number(shop.alone(&human, DEFAULT).await), 700_229);
    let mut forged = t1.clone();
    forged.replace_range(t1.len() - 8.., "AAAAAAAA");
    assert_eq!(number(shop.alone(&forged, DEFAULT).await), 700_027);
    // Step three: the tokens change places, speak for somebody else, or the user is not its own.
    let own = ("user_id", shop.user.as_str());
    assert_eq!(number(shop.as_user(&t1, &t1, own, DEFAULT).await), 700_211);
    assert_eq!(number(shop.as_user(&t2, &t2, own, DEFAULT).await), 700_211);
    assert_eq!(number(shop.as_user(&t1, &human, own, DEFAULT).await), 700_229);
    for stranger in ["doug@contoso.com", "nobody@contoso.com"] {
        let who = ("username", stranger);
        assert_eq!(number(shop.as_user(&t1, &t2, who, DEFAULT).await), 50034, "{stranger}");
    }
    let asked = "https://graph.microsoft.com/Chat.Read";
    let refused = shop.as_user(&t1, &t2, own, asked).await;
    assert_eq!(refused.json()["suberror"], "consent_required");
    assert_eq!(number(refused), 65001);
    let nobody = shop.as_user(&t1, &t2, ("x", "y"), DEFAULT).await;
    assert_eq!(number(nobody), 900_144);
    // A secret is nothing to an agent identity.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", shop.agent.as_str()),
        ("client_secret", shop.secret.as_str()),
        ("scope", DEFAULT),
    ];
    assert_eq!(number(shop.cloud.token(&form).await), 7_000_215);
}

#[tokio::test]
async fn nobody_signs_in_at_a_blueprint_at_an_agent_or_as_an_agents_user() {
    let shop = Shop::granted("User.Read").await;
    let cloud = &shop.cloud;
    for client in [&shop.blueprint, &shop.agent] {
        let form = [("client_id", client.as_str()), ("scope", "User.Read")];
        let url = format!("{}/contoso.com/oauth2/v2.0/devicecode", crate::cloud::LOGIN);
        assert_eq!(cloud.post_form(&url, &form).await.number(), 82001);
        let url = format!(
            "{}/contoso.com/oauth2/v2.0/authorize?client_id={client}&response_type=code\
             &scope=User.Read&redirect_uri=http://localhost",
            crate::cloud::LOGIN
        );
        let page = cloud.get(&url).await;
        assert_eq!(page.status, 400, "{page:?}");
    }
    let form = [
        ("grant_type", "password"),
        ("client_id", shop.blueprint.as_str()),
        ("client_secret", shop.secret.as_str()),
        ("username", "doug@contoso.com"),
        ("password", "Sandbox!1"),
        ("scope", "User.Read"),
    ];
    assert_eq!(cloud.token(&form).await.number(), 82001);
    let url = format!(
        "{}/contoso.com/oauth2/v2.0/authorize?client_id={}&response_type=code&scope=User.Read\
         &redirect_uri=http://localhost",
        crate::cloud::LOGIN,
        crate::cloud::CLI
    );
    let refused = cloud.control(Method::POST, "sign-in", json!({"url": url, "as": UPN})).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.text.contains("AADSTS50126"), "{refused:?}");
}

#[tokio::test]
async fn what_a_blueprint_passes_on_is_in_tokens_and_not_on_the_agent() {
    let shop = Shop::open().await;
    let path = format!(
        "/v1.0/applications/microsoft.graph.agentIdentityBlueprint/{}/inheritablePermissions",
        shop.object
    );
    let body = json!({
        "resourceAppId": "00000003-0000-0000-c000-000000000000",
        "inheritableScopes": {
            "@odata.type": "#microsoft.graph.allAllowedScopes", "kind": "allAllowed",
        },
        "inheritableRoles": {
            "@odata.type": "#microsoft.graph.allAllowedRoles", "kind": "allAllowed",
        },
    });
    assert_eq!(shop.call(Method::POST, &path, body.clone()).await.status, 201);
    assert_eq!(shop.call(Method::POST, &path, body).await.status, 409);
    let body = json!({
        "clientId": shop.principal,
        "consentType": "AllPrincipals",
        "resourceId": shop.graph,
        "scope": "Chat.ReadWrite User.ReadWrite.All",
    });
    let answer = shop.call(Method::POST, "/v1.0/oauth2PermissionGrants", body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let body = json!({
        "principalId": shop.principal,
        "resourceId": shop.graph,
        "appRoleId": "df021288-bdef-4463-88db-98f22de89214",
    });
    let path = format!("/v1.0/servicePrincipals/{}/appRoleAssignments", shop.principal);
    assert_eq!(shop.call(Method::POST, &path, body).await.status, 201);
    let user = claims(&shop.three_hops(DEFAULT).await.text_of("access_token"));
    assert_eq!(user["scp"], "Chat.ReadWrite", "what is closed to agents is not passed on");
    let own = shop.alone(&shop.t1().await, DEFAULT).await.text_of("access_token");
    assert_eq!(claims(&own)["roles"], json!(["User.Read.All"]));
    let path = format!("/v1.0/servicePrincipals/{}/oauth2PermissionGrants", shop.agent);
    assert_eq!(shop.call(Method::GET, &path, Value::Null).await.json()["value"], json!([]));
}

#[tokio::test]
async fn the_plain_collection_takes_a_typed_body_with_the_right_header() {
    let shop = Shop::open().await;
    let body = json!({
        "@odata.type": "Microsoft.Graph.AgentIdentityBlueprint",
        "displayName": "Second",
    });
    let url = format!("{GRAPH}/v1.0/applications");
    let request = || shop.cloud.request(Method::POST, &url).bearer_auth(&shop.admin).json(&body);
    let made = shop.cloud.send(request().header("OData-Version", "4.0")).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["@odata.type"], "#microsoft.graph.agentIdentityBlueprint");
    assert_eq!(shop.cloud.send(request()).await.status, 400);
    for path in [
        "/v1.0/applications/graph.agentIdentityBlueprint",
        "/v1.0/applications/Microsoft.Graph.AgentIdentityBlueprint",
    ] {
        let list = shop.call(Method::GET, path, Value::Null).await.json();
        assert_eq!(list["value"].as_array().map(Vec::len), Some(2), "{path}: {list}");
    }
    let path = format!("/v1.0/servicePrincipals/{}/graph.agentidentity", shop.agent);
    assert_eq!(shop.call(Method::GET, &path, Value::Null).await.text_of("id"), shop.agent);
    let path = format!("/v1.0/servicePrincipals/graph.agentIdentity/{}", shop.principal);
    assert_eq!(shop.call(Method::GET, &path, Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_logs_show_a_user_and_a_service_principal_and_mark_no_agent() {
    let shop = Shop::granted("LicenseAssignment.ReadWrite.All User.Read").await;
    shop.cloud.faults(json!({"auditDelayMs": 0})).await;
    // The agent's user takes a licence away; the identity signs somebody out.
    let role = json!({
        "principalId": shop.user,
        "roleDefinitionId": "4d6ac14f-3453-41d0-bef9-a3e0c569773a",
        "directoryScopeId": "/",
    });
    let path = "/v1.0/roleManagement/directory/roleAssignments";
    assert_eq!(shop.call(Method::POST, path, role).await.status, 201);
    let revoke = json!({
        "principalId": shop.agent,
        "resourceId": shop.graph,
        "appRoleId": "77f3a031-c388-4f99-b373-dc68676a979e",
    });
    let path = format!("/v1.0/servicePrincipals/{}/appRoleAssignments", shop.agent);
    assert_eq!(shop.call(Method::POST, &path, revoke).await.status, 201);
    let token = shop.three_hops(DEFAULT).await.text_of("access_token");
    assert_eq!(claims(&token)["wids"], json!(["4d6ac14f-3453-41d0-bef9-a3e0c569773a"]));
    let sarah = "/v1.0/users/sarah.lin@contoso.com";
    let held = shop.call(Method::GET, &format!("{sarah}/licenseDetails"), Value::Null).await.json();
    let body = json!({"addLicenses": [], "removeLicenses": [held["value"][0]["skuId"]]});
    let taken = post(&shop.cloud, &token, &format!("{sarah}/assignLicense"), &body).await;
    assert_eq!(taken.status, 200, "{taken:?}");
    let alone = shop.alone(&shop.t1().await, DEFAULT).await.text_of("access_token");
    let out = post(&shop.cloud, &alone, &format!("{sarah}/revokeSignInSessions"), &json!({})).await;
    assert_eq!(out.status, 200, "{out:?}");

    let cli = shop.cloud.password(crate::cloud::CLI, "dana@contoso.com", "AuditLog.Read.All");
    let cli = cli.await.text_of("access_token");
    let path = "/v1.0/auditLogs/directoryAudits?$top=20";
    let log = shop.cloud.graph(Method::GET, path, &cli).await.json();
    let rows = log["value"].as_array().expect("rows");
    let by = |activity: &str| {
        let found = rows.iter().find(|row| row["activityDisplayName"] == activity);
        found.unwrap_or_else(|| panic!("no {activity} in {log}"))["initiatedBy"].clone()
    };
    let user = by("Change user license");
    assert_eq!((&user["user"]["id"], &user["app"]), (&json!(shop.user), &Value::Null));
    assert_eq!(user["user"]["userPrincipalName"], UPN);
    assert_eq!(user["user"]["agentType"], "notAgentic");
    let app = by("Update StsRefreshTokenValidFrom Timestamp");
    assert_eq!(app["app"]["servicePrincipalId"], shop.agent);
    assert_eq!(app["user"], Value::Null);

    // Only beta shows sign-ins without a person at a screen.
    let path = format!(
        "/beta/auditLogs/signIns?$filter=appId eq '{}' and signInEventTypes/any(t:t ne 'x')",
        shop.agent
    );
    let log = shop.cloud.graph(Method::GET, &path, &cli).await.json();
    let rows = log["value"].as_array().expect("rows");
    let users: Vec<_> = rows.iter().map(|row| row["userId"].as_str().unwrap_or("")).collect();
    assert_eq!(users, ["", shop.user.as_str(), ""], "{log}");
    let kinds: Vec<_> = rows.iter().map(|row| &row["signInEventTypes"][0]).collect();
    assert_eq!(kinds, ["servicePrincipal", "nonInteractiveUser", "servicePrincipal"], "{log}");
}

#[tokio::test]
async fn a_token_that_acts_with_all_rights_of_a_user_makes_no_blueprint() {
    let shop = Shop::open().await;
    let azure = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
    let token = shop.cloud.password(azure, "dana@contoso.com", DEFAULT).await;
    let token = token.text_of("access_token");
    assert!(claims(&token)["scp"].as_str().expect("scopes").contains("AccessAsUser"));
    let path = "/v1.0/applications/microsoft.graph.agentIdentityBlueprint";
    let refused = post(&shop.cloud, &token, path, &json!({"displayName": "x"})).await;
    assert_eq!(refused.status, 403, "{refused:?}");
}
