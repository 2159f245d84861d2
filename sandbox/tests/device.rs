use reqwest::Method;
use serde_json::json;

use crate::cloud::{Answer, CLI, Cloud, LOGIN, claims};

async fn begin(cloud: &Cloud, scope: &str) -> (String, String) {
    let url = format!("{LOGIN}/organizations/oauth2/v2.0/devicecode");
    let answer = cloud.post_form(&url, &[("client_id", CLI), ("scope", scope)]).await;
    let body = answer.json();
    assert_eq!((body["expires_in"].as_u64(), body["interval"].as_u64()), (Some(900), Some(5)));
    assert!(body.get("verification_uri_complete").is_none());
    let page = body["verification_uri"].as_str().expect("a page");
    let message = body["message"].as_str().expect("a message");
    let user_code = answer.text_of("user_code");
    assert!(message.contains(page) && message.contains(&user_code), "{message}");
    (answer.text_of("device_code"), user_code)
}

/// Polls as MSAL for Python does: the code twice, no scope.
async fn poll(cloud: &Cloud, device_code: &str) -> Answer {
    let form = [
        ("client_id", CLI),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device_code),
        ("code", device_code),
        ("client_info", "1"),
    ];
    cloud.post_form(&format!("{LOGIN}/organizations/oauth2/v2.0/token"), &form).await
}

async fn answer(cloud: &Cloud, user_code: &str, who: &str, approve: bool) -> Answer {
    let body = json!({"user_code": user_code, "as": who, "approve": approve});
    cloud.control(Method::POST, "device", body).await
}

#[tokio::test]
async fn a_device_waits_and_then_is_signed_in_with_what_it_asked_for() {
    let cloud = Cloud::start().await;
    let (device_code, user_code) = begin(&cloud, "User.Read openid profile offline_access").await;
    for _ in 0..5 {
        let pending = poll(&cloud, &device_code).await;
        assert_eq!(
            (pending.status, pending.number()),
            (400, 70016),
            "never slow_down: {pending:?}"
        );
        assert_eq!(pending.text_of("error"), "authorization_pending");
    }
    assert_eq!(answer(&cloud, &user_code.to_lowercase(), "sam", true).await.status, 200);
    let tokens = poll(&cloud, &device_code).await;
    assert_eq!(claims(&tokens.text_of("access_token"))["upn"], "sam@contoso.com");
    assert_eq!(tokens.text_of("scope"), "User.Read openid profile");
    assert!(
        tokens.json().get("refresh_token").is_some() && tokens.json().get("id_token").is_some()
    );
    assert_eq!(poll(&cloud, &device_code).await.number(), 54005, "handed out once");
}

#[tokio::test]
async fn the_short_grant_type_works_too() {
    let cloud = Cloud::start().await;
    let (device_code, user_code) = begin(&cloud, "User.Read").await;
    answer(&cloud, &user_code, "sam", true).await;
    let form = [("client_id", CLI), ("grant_type", "device_code"), ("device_code", &device_code)];
    assert_eq!(cloud.token(&form).await.status, 200);
}

#[tokio::test]
async fn a_declined_or_late_device_is_told_so() {
    let cloud = Cloud::start().await;
    let (declined, user_code) = begin(&cloud, "User.Read").await;
    answer(&cloud, &user_code, "sam", false).await;
    let told = poll(&cloud, &declined).await;
    assert_eq!(told.text_of("error"), "authorization_declined");

    let (late, user_code) = begin(&cloud, "User.Read").await;
    cloud.control(Method::POST, "clock", json!({"advance_seconds": 901})).await;
    let told = poll(&cloud, &late).await;
    assert_eq!((told.number(), told.text_of("error")), (70020, "expired_token".into()));
    assert_eq!(answer(&cloud, &user_code, "sam", true).await.status, 400);
}

#[tokio::test]
async fn the_page_leads_from_the_code_to_the_person_to_the_scopes() {
    let cloud = Cloud::start().await;
    let (device_code, user_code) = begin(&cloud, "Mail.Read").await;
    let url = format!("http://{}/devicelogin", cloud.address());
    let direct = cloud.direct();
    let press =
        async |fields: &[(&str, &str)]| cloud.send(direct.post(&url).form(fields)).await.text;

    let first = cloud.send(direct.get(&url)).await.text;
    assert!(first.contains("Enter code"), "{first}");
    assert!(press(&[("user_code", "")]).await.contains("AADSTS90119"));
    assert!(press(&[("user_code", "WRONG")]).await.contains("AADSTS70018"));
    let people = press(&[("user_code", &user_code)]).await;
    assert!(people.contains("Pick an account"), "{people}");
    let tenant = cloud.control(Method::GET, "tenant", json!(null)).await.json();
    let sam = tenant["people"]
        .as_array()
        .and_then(|people| people.iter().find(|one| one["userPrincipalName"] == "sam@contoso.com"))
        .and_then(|sam| sam["id"].as_str())
        .expect("Sam");
    let question = press(&[("user_code", &user_code), ("as", sam)]).await;
    assert!(
        question.contains("Contoso Command Line") && question.contains("Read your mail"),
        "{question}"
    );
    // A link can ask, but never answer.
    let link = format!("{url}?user_code={user_code}&as={sam}&answer=accept");
    assert!(cloud.send(direct.get(link)).await.text.contains("Read your mail"));
    assert_eq!(poll(&cloud, &device_code).await.number(), 70016);

    let done = press(&[("user_code", &user_code), ("as", sam), ("answer", "accept")]).await;
    assert!(done.contains("You are signed in"), "{done}");
    assert!(press(&[("user_code", &user_code)]).await.contains("AADSTS90120"));
    assert_eq!(poll(&cloud, &device_code).await.status, 200);
}
