//! What becomes of people's accounts, as they notice it when they sign in.

use reqwest::Method;
use serde_json::{Value, json};
use subtwin_sandbox::Settings;

use crate::cloud::{ADMIN, Answer, CLI, Cloud, LOGIN};

const ALEX: &str = "alex.kim@contoso.com";
const NEW: &str = "Nova-4711-Kite";

/// The twin's own token with everything it was granted.
async fn sam(cloud: &Cloud) -> String {
    let scope = "https://graph.microsoft.com/.default";
    cloud.password(ADMIN, "sam@contoso.com", scope).await.text_of("access_token")
}

async fn sign_in(cloud: &Cloud, user: &str, password: &str) -> Answer {
    cloud
        .token(&[
            ("grant_type", "password"),
            ("client_id", CLI),
            ("username", user),
            ("password", password),
            ("scope", "User.Read offline_access"),
        ])
        .await
}

async fn refresh(cloud: &Cloud, token: &str) -> Answer {
    cloud
        .token(&[
            ("grant_type", "refresh_token"),
            ("client_id", CLI),
            ("refresh_token", token),
            ("scope", "User.Read"),
        ])
        .await
}

async fn send(cloud: &Cloud, method: Method, path: &str, token: &str, body: Value) -> Answer {
    let url = format!("https://graph.microsoft.com/v1.0{path}");
    cloud.send(cloud.request(method, &url).bearer_auth(token).json(&body)).await
}

#[tokio::test]
async fn a_new_password_works_the_old_one_does_not_and_old_sessions_are_over() {
    let cloud = Cloud::start().await;
    let token = sam(&cloud).await;
    let before = sign_in(&cloud, ALEX, "Sandbox!1").await.text_of("refresh_token");
    let body = json!({"passwordProfile": {"forceChangePasswordNextSignIn": true, "password": NEW}});
    let answer = send(&cloud, Method::PATCH, &format!("/users/{ALEX}"), &token, body).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(sign_in(&cloud, ALEX, "Sandbox!1").await.number(), 50126);
    assert_eq!(refresh(&cloud, &before).await.number(), 50173);
    assert_eq!(sign_in(&cloud, ALEX, NEW).await.status, 200);
    // The other way of the cloud: first a password of one's own.
    cloud.control(Method::POST, "quirks", json!({"forcedChangeStopsSignIn": true})).await;
    let expired = sign_in(&cloud, ALEX, NEW).await;
    assert_eq!(
        (expired.number(), expired.text_of("suberror").as_str()),
        (50055, "user_password_expired")
    );
    let own = json!({"password": "My-0wn-Choice"});
    assert_eq!(cloud.control(Method::POST, "users/alex.kim", own).await.status, 200);
    assert_eq!(sign_in(&cloud, ALEX, "My-0wn-Choice").await.status, 200);
    let ledger = cloud.control(Method::GET, "ledger", Value::Null).await;
    assert_eq!(ledger.json()["totals"], json!({"passwordReset": 1}));
    assert!(!ledger.text.contains(NEW));
}

#[tokio::test]
async fn who_is_blocked_can_neither_sign_in_nor_stay_signed_in() {
    let cloud = Cloud::start().await;
    let token = sam(&cloud).await;
    let before = sign_in(&cloud, ALEX, "Sandbox!1").await.text_of("refresh_token");
    let set = async |enabled: bool| {
        let body = json!({"accountEnabled": enabled});
        send(&cloud, Method::PATCH, &format!("/users/{ALEX}"), &token, body).await.status
    };
    assert_eq!(set(false).await, 204);
    assert_eq!(sign_in(&cloud, ALEX, "Sandbox!1").await.number(), 50057);
    assert_eq!(refresh(&cloud, &before).await.number(), 50057);
    assert_eq!(set(true).await, 204);
    assert_eq!(refresh(&cloud, &before).await.status, 200);
}

#[tokio::test]
async fn an_access_pass_signs_in_once_at_the_sign_in_page() {
    let cloud = Cloud::start().await;
    let token = sam(&cloud).await;
    let path = "/users/sarah.lin@contoso.com/authentication/temporaryAccessPassMethods";
    let body = json!({"lifetimeInMinutes": 60, "isUsableOnce": true});
    let issued = send(&cloud, Method::POST, path, &token, body).await;
    assert_eq!(issued.status, 201, "{issued:?}");
    let pass = issued.text_of("temporaryAccessPass");
    let url = format!(
        "{LOGIN}/contoso.com/oauth2/v2.0/authorize?client_id={CLI}&response_type=code\
         &redirect_uri=http://localhost&scope=User.Read"
    );
    let sign_in = async |password: &str| {
        let body = json!({"url": url, "as": "sarah.lin", "password": password});
        cloud.control(Method::POST, "sign-in", body).await
    };
    let wrong = sign_in("not the pass").await;
    assert!(wrong.status == 400 && wrong.text.contains("50126"), "{wrong:?}");
    let right = sign_in(&pass).await.json();
    assert!(right["url"].as_str().expect("an address").contains("code="), "{right}");
    assert!(sign_in(&pass).await.text.contains("50126"), "once is once");
    assert!(sign_in("Sandbox!1").await.json()["url"].is_string(), "the password still works");
    // At the page itself.
    let sarah = cloud.control(Method::GET, "tenant", Value::Null).await.json()["people"]
        .as_array()
        .expect("people")
        .iter()
        .find(|one| one["userPrincipalName"] == "sarah.lin@contoso.com")
        .expect("Sarah")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let answer = url.replace("/authorize?", "/authorize/answer?");
    let wrong = cloud.post_form(&answer, &[("as", &sarah), ("passwd", "wrong")]).await;
    assert!(wrong.text.contains("50126"), "{wrong:?}");
    let right = cloud.post_form(&answer, &[("as", &sarah), ("passwd", "Sandbox!1")]).await;
    assert_eq!(right.status, 302, "{right:?}");
}

#[tokio::test]
async fn the_policy_for_passes_is_the_organisations_to_set() {
    let cloud = Cloud::start().await;
    let token = sam(&cloud).await;
    let set =
        async |body: Value| cloud.control(Method::POST, "policies/temporaryAccessPass", body).await;
    let path = "/users/doug@contoso.com/authentication/temporaryAccessPassMethods";
    let issue = async |minutes: u32| {
        send(&cloud, Method::POST, path, &token, json!({"lifetimeInMinutes": minutes})).await.status
    };
    assert_eq!(set(json!({"state": "disabled"})).await.json()["state"], "disabled");
    assert_eq!(issue(60).await, 400);
    assert_eq!(set(json!({"state": "enabled", "exclude": ["IT Department"]})).await.status, 200);
    assert_eq!(issue(60).await, 400, "Doug is in the excluded group");
    let wide =
        json!({"exclude": [], "minimumLifetimeInMinutes": 10, "maximumLifetimeInMinutes": 43200});
    assert_eq!(set(wide).await.status, 200);
    assert_eq!((issue(9).await, issue(43201).await, issue(10).await), (400, 400, 201));
    for bad in [
        json!({"state": "maybe"}),
        json!({"minimumLifetimeInMinutes": 9}),
        json!({"defaultLifetimeInMinutes": 5}),
        json!({"defaultLength": 7}),
        json!({"colour": 1}),
        json!([]),
    ] {
        assert_eq!(set(bad.clone()).await.status, 400, "{bad}");
    }
    assert_eq!(set(json!({"exclude": ["Nobody's Group"]})).await.status, 404);
    let policy = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/\
                  temporaryAccessPass";
    let read = cloud.graph(Method::GET, &format!("/v1.0{policy}"), &token).await;
    assert_eq!(read.json()["maximumLifetimeInMinutes"], 43200);
}

#[tokio::test]
async fn quirks_and_settings_are_turned_one_by_one() {
    let cloud = Cloud::start().await;
    let quirks = cloud.control(Method::GET, "quirks", Value::Null).await.json();
    assert_eq!(quirks["defaultMethodLast"], true);
    let all = quirks.as_object().expect("quirks").len();
    let turned = cloud.control(Method::POST, "quirks", json!({"defaultMethodLast": false})).await;
    assert_eq!(turned.json()["defaultMethodLast"], false);
    assert_eq!(turned.json().as_object().expect("quirks").len(), all);
    for bad in [
        json!({"clientDeletionsHiddenSeconds": "x"}),
        json!({"defaultMethodLast": 1}),
        json!({"noSuchQuirk": true}),
        json!({"resetTakesMs": 0, "noSuchQuirk": true}),
    ] {
        assert_eq!(cloud.control(Method::POST, "quirks", bad.clone()).await.status, 400, "{bad}");
    }
    let now = cloud.control(Method::GET, "quirks", Value::Null).await.json();
    assert_eq!(now["resetTakesMs"], quirks["resetTakesMs"], "all of it or nothing");
    let token = sam(&cloud).await;
    let log = async || cloud.graph(Method::GET, "/v1.0/auditLogs/signIns", &token).await;
    assert_eq!(log().await.status, 200);
    let set = cloud.control(Method::POST, "tenant", json!({"premium": false})).await;
    assert_eq!(set.json(), json!({"premium": false, "correlationFollowsClient": false}));
    let refused = log().await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (403, Some("Authentication_RequestFromNonPremiumTenantOrB2CTenant"))
    );
    assert_eq!(cloud.control(Method::POST, "tenant", json!({"premium": "no"})).await.status, 400);
    assert_eq!(cloud.control(Method::POST, "users/doug", json!({})).await.status, 400);
}

#[tokio::test]
async fn a_secret_is_captured_nowhere_not_even_in_the_chat_that_carries_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("exchanges.jsonl");
    let cloud = Cloud::with(Settings { capture: Some(file.clone()), ..Settings::default() }).await;
    let token = sam(&cloud).await;
    let methods = "/users/alex.kim@contoso.com/authentication";
    let pass = format!("{methods}/temporaryAccessPassMethods");
    let pass = send(&cloud, Method::POST, &pass, &token, json!({})).await;
    let pass = pass.text_of("temporaryAccessPass");
    let reset = format!("{methods}/methods/28c10230-6103-485e-b985-444c60001490/resetPassword");
    let made = send(&cloud, Method::POST, &reset, &token, json!({})).await.text_of("newPassword");
    let said = json!({"as": "doug", "to": "sam", "text": "hello"});
    let chat = cloud.control(Method::POST, "say", said).await.text_of("chat");
    let scope = "https://graph.microsoft.com/.default";
    let chatter = cloud.password(CLI, "sam@contoso.com", scope).await.text_of("access_token");
    let told = json!({"body": {"content": format!("The pass is {pass}, the password {made}.")}});
    let posted =
        send(&cloud, Method::POST, &format!("/chats/{chat}/messages"), &chatter, told).await;
    assert_eq!(posted.status, 201, "{posted:?}");
    cloud.running.stop().await;
    let text = std::fs::read_to_string(&file).expect("a file");
    for secret in [&pass, &made] {
        assert!(!text.contains(secret.as_str()), "{secret} in {text}");
    }
    assert!(text.contains("The pass is (masked), the password (masked)."), "{text}");
}

#[tokio::test]
async fn ten_wrong_passwords_lock_an_account_for_a_minute() {
    let cloud = Cloud::start().await;
    for _ in 0..10 {
        assert_eq!(sign_in(&cloud, ALEX, "wrong").await.number(), 50126);
    }
    assert_eq!(sign_in(&cloud, ALEX, "Sandbox!1").await.number(), 50053);
    cloud.control(Method::POST, "clock", json!({"advance_seconds": 61})).await;
    assert_eq!(sign_in(&cloud, ALEX, "wrong").await.number(), 50126);
    assert_eq!(sign_in(&cloud, ALEX, "Sandbox!1").await.status, 200);
    for _ in 0..9 {
        sign_in(&cloud, ALEX, "wrong").await;
    }
    assert_eq!(sign_in(&cloud, ALEX, "Sandbox!1").await.status, 200, "nine do not lock");
}

#[tokio::test]
async fn the_sign_in_log_tells_why_somebody_cannot_sign_in() {
    let settings = Settings { audit_delay: std::time::Duration::ZERO, ..Settings::default() };
    let cloud = Cloud::with(settings).await;
    let token = sam(&cloud).await;
    let log = async |filter: &str| {
        let path = format!("/v1.0/auditLogs/signIns?$filter={filter}&$top=50");
        let answer = cloud.graph(Method::GET, &path, &token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["value"].as_array().expect("a log").clone()
    };
    let numbers = |log: &[Value]| -> Vec<u64> {
        log.iter().map(|one| one["status"]["errorCode"].as_u64().expect("a number")).collect()
    };
    // Before anybody looked.
    let jon = log("userPrincipalName eq 'jon.miller@contoso.com'").await;
    assert_eq!(numbers(&jon)[..4], [50053, 50053, 50053, 50126], "newest first");
    assert_eq!(numbers(&jon).iter().filter(|number| **number == 50126).count(), 30);
    assert!(jon[0]["status"]["failureReason"].as_str().expect("words").contains("locked"));
    let taro = log("userPrincipalName eq 'taro.yamada@contoso.com'").await;
    assert_eq!(numbers(&taro), [53003, 53003, 53003]);
    assert_eq!(taro[0]["conditionalAccessStatus"], "failure");
    assert_eq!(taro[0]["appliedConditionalAccessPolicies"], json!([]), "needs Policy.Read.All");
    assert_eq!(taro[0]["location"]["city"], "Osaka");
    // What happens now is added: he is really refused, and somebody blocked is, too.
    assert_eq!(sign_in(&cloud, "taro.yamada@contoso.com", "Sandbox!1").await.number(), 53003);
    assert_eq!(log("userPrincipalName eq 'taro.yamada@contoso.com'").await.len(), 4);
    let url = format!(
        "{LOGIN}/contoso.com/oauth2/v2.0/authorize?client_id={CLI}&response_type=code\
         &redirect_uri=http://localhost&scope=User.Read"
    );
    let body = json!({"url": url, "as": "victor.novak"});
    assert!(cloud.control(Method::POST, "sign-in", body).await.text.contains("50057"));
    let victor = log("userPrincipalName eq 'victor.novak@contoso.com'").await;
    assert_eq!(numbers(&victor), [50057, 50057, 50057]);
    let since = log(&format!(
        "createdDateTime ge {} and userPrincipalName eq 'victor.novak@contoso.com'",
        victor[0]["createdDateTime"].as_str().expect("a time")
    ))
    .await;
    assert_eq!(since.len(), 1);
    let app =
        log(&format!("appId eq '{CLI}' and userPrincipalName eq 'huong.nguyen@contoso.com'")).await;
    assert_eq!(numbers(&app), [65001]);
    // The control endpoint lets him in again.
    let free = json!({"refuseSignIns": null});
    assert_eq!(cloud.control(Method::POST, "users/taro.yamada", free).await.status, 200);
    assert_eq!(sign_in(&cloud, "taro.yamada@contoso.com", "Sandbox!1").await.status, 200);
    let odd = json!({"refuseSignIns": 1});
    assert_eq!(cloud.control(Method::POST, "users/taro.yamada", odd).await.status, 400);
    // Page by page.
    let first = cloud.graph(Method::GET, "/v1.0/auditLogs/signIns?$top=5", &token).await.json();
    assert_eq!(first["value"].as_array().expect("a page").len(), 5);
    let next = first["@odata.nextLink"].as_str().expect("another page");
    let next = next.strip_prefix("https://graph.microsoft.com").expect("of Graph");
    let second = cloud.graph(Method::GET, next, &token).await.json();
    assert_ne!(first["value"][0]["id"], second["value"][0]["id"]);
}

#[tokio::test]
async fn each_change_that_fails_does_nothing_or_has_happened_once_all_the_same() {
    let cloud = Cloud::start().await;
    let token = sam(&cloud).await;
    let of = |alias: &str, rest: &str| format!("/users/{alias}@contoso.com{rest}");
    let methods = of("jon.miller", "/authentication/phoneMethods");
    let phone = cloud.graph(Method::GET, &format!("/v1.0{methods}"), &token).await.json();
    let phone = format!("{methods}/{}", phone["value"][0]["id"].as_str().expect("a phone"));
    let manager = json!({"@odata.id": "https://graph.microsoft.com/v1.0/users/doug@contoso.com"});
    let password = json!({"passwordProfile": {"password": NEW}});
    let reset = of(
        "grace.tan",
        "/authentication/methods/28c10230-6103-485e-b985-444c60001490/resetPassword",
    );
    let pass = of("sarah.lin", "/authentication/temporaryAccessPassMethods");
    for (method, path, body, effect) in [
        (Method::POST, pass, json!({}), "accessPassIssued"),
        (Method::POST, reset, json!({"newPassword": NEW}), "passwordReset"),
        (Method::PATCH, of("alex.kim", ""), password, "passwordReset"),
        (Method::PATCH, of("alex.kim2", ""), json!({"accountEnabled": false}), "accountBlocked"),
        (Method::PATCH, of("jon.miller", ""), json!({"jobTitle": "x"}), "profileUpdated"),
        (Method::PUT, of("jon.miller", "/manager/$ref"), manager, "managerSet"),
        (Method::DELETE, phone, Value::Null, "methodDeleted"),
    ] {
        let times = async || {
            let ledger = cloud.control(Method::GET, "ledger", Value::Null).await.json();
            ledger["totals"][effect].as_u64().unwrap_or(0)
        };
        let before = times().await;
        let send = async || send(&cloud, method.clone(), &path, &token, body.clone()).await;
        cloud.faults(json!({"failBeforeNext": 1})).await;
        assert_eq!(send().await.status, 503, "{path}");
        assert_eq!(times().await, before, "{path}: failed, nothing happened");
        cloud.faults(json!({"failAfterNext": 1})).await;
        assert_eq!(send().await.status, 503, "{path}");
        assert_eq!(times().await, before + 1, "{path}: failed, and happened once");
    }
}

#[tokio::test]
async fn whether_the_log_follows_the_callers_id_can_be_switched() {
    let settings = Settings { audit_delay: std::time::Duration::ZERO, ..Settings::default() };
    let cloud = Cloud::with(settings).await;
    let token = sam(&cloud).await;
    let id = "0d5a9a0e-6c33-4a6e-9d6b-0a5a7f6f2c11";
    let block = async |enabled: bool| {
        let url = format!("https://graph.microsoft.com/v1.0/users/{ALEX}");
        let request = cloud.request(Method::PATCH, &url).bearer_auth(&token);
        let request = request.header("client-request-id", id);
        cloud.send(request.json(&json!({"accountEnabled": enabled}))).await
    };
    let found = async || {
        let path = format!("/v1.0/auditLogs/directoryAudits?$filter=correlationId eq '{id}'");
        let answer = cloud.graph(Method::GET, &path, &token).await.json();
        let entries = answer["value"].as_array().expect("entries").clone();
        entries.iter().map(|one| one["activityDisplayName"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(block(false).await.status, 204);
    assert_eq!(found().await, Vec::<Value>::new());
    let follow = json!({"correlationFollowsClient": true});
    assert_eq!(cloud.control(Method::POST, "tenant", follow).await.status, 200);
    assert_eq!(block(true).await.status, 204);
    let found = found().await;
    assert!(found.contains(&json!("Enable account")), "{found:?}");
}

#[tokio::test]
async fn after_a_reset_somebody_registers_anew() {
    let cloud = Cloud::start().await;
    let token = sam(&cloud).await;
    let register = async |kind: &str| {
        cloud.control(Method::POST, "users/sarah.lin/methods", json!({"kind": kind})).await
    };
    let phone = register("phoneMethods").await.text_of("id");
    assert_eq!(register("phoneMethods").await.text_of("id"), phone, "one mobile phone each");
    register("microsoftAuthenticatorMethods").await;
    for odd in ["passwordMethods", "temporaryAccessPassMethods", "carrierPigeons"] {
        assert_eq!(register(odd).await.status, 400, "{odd}");
    }
    let methods = "/users/sarah.lin@contoso.com/authentication";
    let listed = cloud.graph(Method::GET, &format!("/v1.0{methods}/methods"), &token).await.json();
    assert_eq!(listed["value"].as_array().expect("methods").len(), 3, "{listed}");
    // The phone came first and is the default.
    let delete = async |path: &str| {
        cloud.graph(Method::DELETE, &format!("/v1.0{methods}/{path}"), &token).await.status
    };
    assert_eq!(delete(&format!("phoneMethods/{phone}")).await, 400);
    let app = listed["value"][2]["id"].as_str().expect("an id");
    assert_eq!(delete(&format!("microsoftAuthenticatorMethods/{app}")).await, 204);
    assert_eq!(delete(&format!("phoneMethods/{phone}")).await, 204);
}
