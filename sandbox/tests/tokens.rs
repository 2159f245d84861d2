use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{ADMIN, CLI, Cloud, DAEMON, GRAPH, LOGIN, claims};

const DOUG: &str = "doug@contoso.com";

async fn tenant(cloud: &Cloud) -> String {
    cloud.control(Method::GET, "tenant", json!(null)).await.text_of("id")
}

#[tokio::test]
async fn discovery_says_where_everything_is_and_promises_nothing_more() {
    let cloud = Cloud::start().await;
    let id = tenant(&cloud).await;
    for name in ["contoso.com", "CONTOSO.com", id.as_str()] {
        let url = format!("{LOGIN}/{name}/v2.0/.well-known/openid-configuration");
        let document = cloud.get(&url).await.json();
        assert_eq!(document["issuer"], format!("https://login.microsoftonline.com/{id}/v2.0"));
        let device = format!("{LOGIN}/{id}/oauth2/v2.0/devicecode");
        assert_eq!(document["device_authorization_endpoint"], device);
        assert_eq!(document["userinfo_endpoint"], "https://graph.microsoft.com/oidc/userinfo");
        assert!(document.get("registration_endpoint").is_none());
        assert!(document.get("code_challenge_methods_supported").is_none());
    }
    let common = cloud.get(&format!("{LOGIN}/common/v2.0/.well-known/openid-configuration")).await;
    assert_eq!(common.text_of("issuer"), "https://login.microsoftonline.com/{tenantid}/v2.0");
    let foreign =
        cloud.get(&format!("{LOGIN}/fabrikam.com/v2.0/.well-known/openid-configuration")).await;
    assert_eq!((foreign.status, foreign.number()), (400, 90002));
}

#[tokio::test]
async fn instance_discovery_knows_the_aliases_of_the_cloud() {
    let cloud = Cloud::start().await;
    let url = format!(
        "{LOGIN}/common/discovery/instance?authorization_endpoint=https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize&api-version=1.0"
    );
    let answer = cloud.get(&url).await.json();
    assert_eq!(answer["api-version"], "1.0");
    assert_eq!(
        answer["tenant_discovery_endpoint"],
        format!("{LOGIN}/contoso.com/v2.0/.well-known/openid-configuration")
    );
    assert_eq!(answer["metadata"][0]["preferred_cache"], "login.windows.net");
    let realm =
        cloud.get(&format!("{LOGIN}/common/userrealm/doug%40contoso.com?api-version=1.0")).await;
    assert_eq!(realm.text_of("account_type"), "Managed");
}

#[tokio::test]
async fn anybody_can_check_a_token_with_the_published_key() {
    let cloud = Cloud::start().await;
    let token = cloud.doug().await;
    let keys = cloud.get(&format!("{LOGIN}/common/discovery/v2.0/keys")).await.json();
    let key = &keys["keys"][0];
    let header: Value = serde_json::from_slice(
        &URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64url"),
    )
    .expect("JSON");
    assert_eq!((&header["kid"], &header["alg"]), (&key["kid"], &json!("RS256")));
    let decode =
        |text: &Value| URL_SAFE_NO_PAD.decode(text.as_str().expect("text")).expect("bytes");
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    RsaPublicKeyComponents { n: decode(&key["n"]), e: decode(&key["e"]) }
        .verify(
            &RSA_PKCS1_2048_8192_SHA256,
            signed.as_bytes(),
            &URL_SAFE_NO_PAD.decode(signature).expect("base64url"),
        )
        .expect("a good signature");
}

#[tokio::test]
async fn a_persons_token_says_who_and_what() {
    let cloud = Cloud::start().await;
    let id = tenant(&cloud).await;
    let answer =
        cloud.password(CLI, "dana@contoso.com", "User.Read openid profile offline_access").await;
    let body = answer.json();
    assert_eq!(
        (body["token_type"].as_str(), body["expires_in"].as_u64()),
        (Some("Bearer"), Some(3900))
    );
    let access = claims(&answer.text_of("access_token"));
    assert_eq!(access["iss"], format!("https://sts.windows.net/{id}/"));
    assert_eq!(access["aud"], GRAPH);
    assert_eq!((&access["appid"], &access["appidacr"]), (&json!(CLI), &json!("0")));
    assert_eq!((&access["idtyp"], &access["xms_idrel"]), (&json!("user"), &json!("1")));
    assert_eq!(
        (&access["upn"], &access["name"]),
        (&json!("dana@contoso.com"), &json!("Dana Whitfield"))
    );
    assert_eq!(access["wids"], json!(["62e90394-69f5-4237-9190-012177145e10"]));
    assert_eq!((&access["ver"], &access["tid"]), (&json!("1.0"), &json!(id)));
    assert!(access.get("xms_cc").is_none() && access.get("roles").is_none());
    let scopes: Vec<&str> = access["scp"].as_str().expect("scopes").split(' ').collect();
    assert!(scopes.contains(&"User.Read") && scopes.contains(&"Group.ReadWrite.All"), "{scopes:?}");
    assert!(!scopes.contains(&"offline_access"), "{scopes:?}");

    let id_token = claims(&answer.text_of("id_token"));
    assert_eq!(id_token["iss"], format!("https://login.microsoftonline.com/{id}/v2.0"));
    assert_eq!(
        (&id_token["aud"], &id_token["preferred_username"]),
        (&json!(CLI), &json!("dana@contoso.com"))
    );
    let info = URL_SAFE_NO_PAD.decode(answer.text_of("client_info")).expect("base64url");
    let info: Value = serde_json::from_slice(&info).expect("JSON");
    assert_eq!(info, json!({"uid": access["oid"], "utid": id}));
}

#[tokio::test]
async fn the_scope_of_an_answer_is_in_the_form_that_was_asked() {
    let cloud = Cloud::start().await;
    let scope = |asked: &'static str| {
        let cloud = &cloud;
        async move { cloud.password(ADMIN, DOUG, asked).await.text_of("scope") }
    };
    assert_eq!(scope("User.Read openid offline_access").await, "User.Read openid");
    assert_eq!(
        scope("https://graph.microsoft.com/User.Read user.read.all").await,
        "https://graph.microsoft.com/User.Read user.read.all"
    );
    let default = scope("https://graph.microsoft.com//.default").await;
    let words: Vec<&str> = default.split(' ').collect();
    assert!(words.contains(&"https://graph.microsoft.com//.default"), "{default}");
    assert!(
        words.contains(&"https://graph.microsoft.com/LicenseAssignment.ReadWrite.All"),
        "{default}"
    );
}

#[tokio::test]
async fn refresh_and_id_tokens_come_only_when_asked_for() {
    let cloud = Cloud::start().await;
    let body = cloud.password(CLI, DOUG, "User.Read").await.json();
    assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none(), "{body}");
}

async fn refresh(cloud: &Cloud, token: &str, more: &[(&str, &str)]) -> crate::cloud::Answer {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    if !more.iter().any(|(name, _)| *name == "client_id") {
        form.push(("client_id", CLI));
    }
    form.extend(more);
    cloud.token(&form).await
}

#[tokio::test]
async fn a_refresh_token_belongs_to_user_and_client_but_to_no_resource() {
    let cloud = Cloud::start().await;
    let scope = "https://manage.office.com/.default offline_access";
    let first = cloud.password(CLI, DOUG, scope).await.text_of("refresh_token");
    let other = refresh(&cloud, &first, &[("scope", "https://graph.microsoft.com/.default")]).await;
    assert_eq!(claims(&other.text_of("access_token"))["aud"], GRAPH);
    let second = other.text_of("refresh_token");
    assert_ne!(first, second, "rotated");
    assert_eq!(refresh(&cloud, &first, &[]).await.status, 200, "the old one stays valid");
    let remembered = refresh(&cloud, &first, &[]).await.text_of("access_token");
    assert_eq!(claims(&remembered)["aud"], "https://manage.office.com");

    let stolen = refresh(&cloud, &second, &[("client_id", ADMIN)]).await;
    assert_eq!((stolen.status, stolen.number()), (400, 70000));
    let unknown = refresh(&cloud, "1.nothing", &[]).await;
    assert_eq!(unknown.json()["error"], "invalid_grant");
    assert_eq!(refresh(&cloud, "garbage", &[]).await.number(), 9_002_313);
}

#[tokio::test]
async fn a_revoked_person_has_to_sign_in_again() {
    let cloud = Cloud::start().await;
    let capable = [
        ("grant_type", "password"),
        ("client_id", CLI),
        ("username", DOUG),
        ("password", "Sandbox!1"),
        ("scope", "User.Read offline_access"),
        ("claims", r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
    ];
    let before = cloud.token(&capable).await;
    let plain = cloud.doug().await;
    let path = "/v1.0/planner/tasks";
    assert_eq!(claims(&before.text_of("access_token"))["xms_cc"], json!(["cp1"]));
    let revoked = cloud.control(Method::POST, "revoke", json!({"user": DOUG})).await;
    assert_eq!(revoked.status, 200, "{revoked:?}");

    let answer = refresh(&cloud, &before.text_of("refresh_token"), &[]).await;
    assert_eq!((answer.status, answer.number()), (400, 50173));
    assert_eq!(
        (answer.text_of("error"), answer.text_of("suberror")),
        ("invalid_grant".into(), "bad_token".into())
    );

    let challenged = cloud.graph(Method::GET, path, &before.text_of("access_token")).await;
    assert_eq!(challenged.status, 401);
    let header = challenged.header("www-authenticate");
    assert!(header.contains("error=\"insufficient_claims\""), "{header}");
    let encoded = header.split("claims=\"").nth(1).and_then(|rest| rest.split('"').next());
    let encoded = STANDARD.decode(encoded.expect("claims")).expect("base64");
    let wanted: Value = serde_json::from_slice(&encoded).expect("JSON");
    assert_eq!(wanted["access_token"]["nbf"]["essential"], true);
    assert!(wanted["access_token"]["nbf"]["value"].is_string());
    assert_eq!(cloud.graph(Method::GET, path, &plain).await.status, 501, "plain ones live on");

    let again = cloud.token(&capable).await;
    assert_eq!(cloud.graph(Method::GET, path, &again.text_of("access_token")).await.status, 501);
    assert_eq!(refresh(&cloud, &again.text_of("refresh_token"), &[]).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_ends_after_ninety_idle_days() {
    let cloud = Cloud::start().await;
    let token =
        cloud.password(CLI, DOUG, "User.Read offline_access").await.text_of("refresh_token");
    let days = |days: u64| json!({"advance_seconds": days * 24 * 3600});
    cloud.control(Method::POST, "clock", days(89)).await;
    let token = refresh(&cloud, &token, &[]).await.text_of("refresh_token");
    cloud.control(Method::POST, "clock", days(89)).await;
    assert_eq!(refresh(&cloud, &token, &[]).await.status, 200, "use keeps it alive");
    cloud.control(Method::POST, "clock", days(2)).await;
    assert_eq!(refresh(&cloud, &token, &[]).await.number(), 700_082);
}

#[tokio::test]
async fn an_app_signs_in_with_its_secret() {
    let cloud = Cloud::start().await;
    let path = format!("apps/{DAEMON}/secrets");
    let secret = cloud.control(Method::POST, &path, json!({})).await.text_of("secretText");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", DAEMON),
        ("client_secret", secret.as_str()),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let answer = cloud.token(&form).await;
    let access = claims(&answer.text_of("access_token"));
    assert_eq!((&access["idtyp"], &access["appidacr"]), (&json!("app"), &json!("1")));
    assert_eq!(access["app_displayname"], "Contoso Reporting");
    assert!(access["roles"].as_array().expect("roles").contains(&json!("User.Read.All")));
    assert_eq!(access["oid"], access["sub"]);
    assert!(access.get("scp").is_none() && access.get("upn").is_none());
    for absent in ["scope", "refresh_token", "id_token", "client_info"] {
        assert!(answer.json().get(absent).is_none(), "{absent}");
    }
    let me = cloud.graph(Method::GET, "/v1.0/me", &answer.text_of("access_token")).await;
    assert_eq!((me.status, me.json()["error"]["code"].as_str()), (400, Some("BadRequest")));

    // The same secret in the header.
    let basic = cloud
        .request(Method::POST, &format!("{LOGIN}/contoso.com/oauth2/v2.0/token"))
        .basic_auth(DAEMON, Some(&secret))
        .form(&[
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
        ]);
    assert_eq!(cloud.send(basic).await.status, 200);
}

/// Every refusal of the token endpoint that a request alone can cause.
/// A form, and the number, `error` and `suberror` it is refused with.
type Case<'a> = (Vec<(&'a str, &'a str)>, u64, &'a str, Option<&'a str>);

#[tokio::test]
async fn every_refusal_has_its_number_and_shape() {
    let cloud = Cloud::start().await;
    let path = format!("apps/{DAEMON}/secrets");
    let secret = cloud.control(Method::POST, &path, json!({})).await.text_of("secretText");
    let password = |client: &'static str, user: &'static str, scope: &'static str| {
        vec![
            ("grant_type", "password"),
            ("client_id", client),
            ("username", user),
            ("password", "Sandbox!1"),
            ("scope", scope),
        ]
    };
    let app = |scope| {
        vec![
            ("grant_type", "client_credentials"),
            ("client_id", DAEMON),
            ("client_secret", secret.as_str()),
            ("scope", scope),
        ]
    };
    let with = |mut form: Vec<(&'static str, &'static str)>, name, value| {
        form.retain(|(known, _)| *known != name);
        form.push((name, value));
        form
    };
    let good = password(CLI, DOUG, "User.Read");
    let nobody = "00000000-0000-0000-0000-00000000abcd";
    let cases: Vec<Case<'_>> = vec![
        (vec![("client_id", CLI)], 900_144, "invalid_request", None),
        (vec![("grant_type", "password")], 900_144, "invalid_request", None),
        (with(good.clone(), "grant_type", "magic"), 70003, "unsupported_grant_type", None),
        (with(good.clone(), "resource", GRAPH), 901_002, "invalid_request", None),
        (with(good.clone(), "client_id", nobody), 700_016, "unauthorized_client", None),
        (with(good.clone(), "client_id", "not an id"), 700_016, "unauthorized_client", None),
        (with(good.clone(), "client_secret", "x"), 700_025, "invalid_client", None),
        (with(good.clone(), "username", "nobody@contoso.com"), 50034, "invalid_grant", None),
        (with(good.clone(), "password", "wrong"), 50126, "invalid_grant", None),
        (with(good.clone(), "scope", "Everything.Do"), 70011, "invalid_scope", None),
        (
            with(good.clone(), "scope", "User.Read https://manage.office.com/ActivityFeed.Read"),
            700_022,
            "invalid_scope",
            None,
        ),
        (
            with(good.clone(), "scope", "https://vault.azure.net/.default"),
            500_011,
            "invalid_resource",
            None,
        ),
        (
            with(good.clone(), "scope", "Mail.Read"),
            65001,
            "invalid_grant",
            Some("consent_required"),
        ),
        (app("User.Read.All"), 1_002_012, "invalid_scope", None),
        (
            vec![
                ("grant_type", "client_credentials"),
                ("client_id", DAEMON),
                ("scope", ".default"),
            ],
            7_000_218,
            "invalid_client",
            None,
        ),
        (
            vec![("grant_type", "client_credentials"), ("client_id", CLI), ("scope", ".default")],
            7_000_218,
            "invalid_client",
            None,
        ),
        (
            vec![
                ("grant_type", "client_credentials"),
                ("client_id", DAEMON),
                ("client_secret", "wrong"),
                ("scope", ".default"),
            ],
            7_000_215,
            "invalid_client",
            None,
        ),
        (
            vec![
                ("grant_type", "authorization_code"),
                ("client_id", CLI),
                ("code", "x"),
                ("redirect_uri", "http://localhost"),
            ],
            70000,
            "invalid_grant",
            None,
        ),
        (
            vec![("grant_type", "device_code"), ("client_id", CLI), ("device_code", "x")],
            70018,
            "bad_verification_code",
            None,
        ),
    ];
    for (form, number, error, suberror) in cases {
        let answer = cloud.token(&form).await;
        let body = answer.json();
        let status = if error == "invalid_client" { 401 } else { 400 };
        assert_eq!((answer.status, answer.number()), (status, number), "{form:?}: {body}");
        assert_eq!(body["error"], error, "{form:?}");
        assert_eq!(body["suberror"].as_str(), suberror, "{form:?}");
        let description = body["error_description"].as_str().expect("a description");
        assert!(description.starts_with(&format!("AADSTS{number}: ")), "{description}");
        let trace = body["trace_id"].as_str().expect("a trace id");
        assert!(
            description.contains(&format!("Trace ID: {trace} Correlation ID: ")),
            "{description}"
        );
        assert_eq!(
            body["error_uri"],
            format!("https://login.microsoftonline.com/error?code={number}")
        );
    }
    let get = cloud.get(&format!("{LOGIN}/contoso.com/oauth2/v2.0/token")).await;
    assert_eq!(get.number(), 900_561);
    let url = format!("{LOGIN}/common/oauth2/v2.0/token");
    let common = cloud.post_form(&url, &app("https://graph.microsoft.com/.default")).await;
    assert_eq!(common.number(), 50059);
    let foreign = cloud.post_form(&format!("{LOGIN}/fabrikam.com/oauth2/v2.0/token"), &good).await;
    assert_eq!(foreign.number(), 90002);
}

#[tokio::test]
async fn blocked_people_and_disabled_apps_stay_outside() {
    let cloud = Cloud::start().await;
    let scope = "User.Read offline_access";
    let token = cloud.password(CLI, DOUG, scope).await.text_of("refresh_token");
    cloud.control(Method::POST, "users/doug", json!({"enabled": false})).await;
    assert_eq!(cloud.password(CLI, DOUG, scope).await.number(), 50057);
    assert_eq!(refresh(&cloud, &token, &[]).await.number(), 50057);
    cloud.control(Method::POST, "users/doug", json!({"enabled": true})).await;
    assert_eq!(cloud.password(CLI, DOUG, scope).await.status, 200);

    cloud.control(Method::POST, &format!("apps/{CLI}"), json!({"enabled": false})).await;
    let answer = cloud.password(CLI, DOUG, scope).await;
    assert_eq!(
        (answer.number(), answer.text_of("error")),
        (7_000_112, "unauthorized_client".into())
    );
}

#[tokio::test]
async fn the_clients_request_id_is_the_correlation_id() {
    let cloud = Cloud::start().await;
    let own = "5f0f6c8e-58a0-4e2b-8d0a-000000000001";
    let url = format!("{LOGIN}/contoso.com/oauth2/v2.0/token");
    let header = cloud.request(Method::POST, &url).header("client-request-id", own);
    let query = cloud.request(Method::POST, &format!("{url}?client-request-id={own}"));
    for request in [header, query] {
        let answer = cloud.send(request.form(&[("grant_type", "x")])).await;
        assert_eq!(answer.text_of("correlation_id"), own);
    }
}

#[tokio::test]
async fn a_command_line_of_microsofts_own_trades_its_azure_token_for_graph() {
    let cloud = Cloud::start().await;
    let az = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
    let scope = "https://management.core.windows.net//.default offline_access";
    let first = cloud.password(az, DOUG, scope).await;
    let azure = claims(&first.text_of("access_token"));
    assert_eq!(
        (&azure["aud"], &azure["scp"]),
        (&json!("https://management.azure.com"), &json!("user_impersonation"))
    );
    let graph = [("client_id", az), ("scope", "https://graph.microsoft.com//.default")];
    let second = refresh(&cloud, &first.text_of("refresh_token"), &graph).await;
    assert_eq!(claims(&second.text_of("access_token"))["aud"], GRAPH);
}
