use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use crate::cloud::{Answer, CLI, Cloud, GRAPH, LOGIN, claims};

const REDIRECT: &str = "http://localhost:49152/";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-0123456789";

fn authorize(more: &[(&str, &str)]) -> Url {
    let mut url =
        Url::parse(&format!("{LOGIN}/contoso.com/oauth2/v2.0/authorize")).expect("an address");
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let usual = [
        ("client_id", CLI),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", "User.Read openid offline_access"),
        ("state", "a state"),
        ("nonce", "n-0"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let kept = usual.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    url.query_pairs_mut()
        .extend_pairs(kept)
        .extend_pairs(more.iter().filter(|(_, value)| !value.is_empty()));
    url
}

/// Completes an address as somebody; gives back where the browser goes.
async fn complete(cloud: &Cloud, url: &Url, who: &str) -> Answer {
    cloud.control(Method::POST, "sign-in", json!({"url": url.as_str(), "as": who})).await
}

fn parameter(address: &str, name: &str) -> String {
    let url = Url::parse(address).expect("an address");
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_else(|| panic!("no {name} in {address}"))
}

async fn redeem(cloud: &Cloud, code: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", CLI),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    form.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    form.extend(more);
    cloud.token(&form).await
}

/// Presses a button on the sign-in page.
async fn press(cloud: &Cloud, url: &Url, fields: &[(&str, &str)]) -> Answer {
    let mut action = url.clone();
    action.set_path(&format!("{}/answer", url.path()));
    cloud.post_form(action.as_str(), fields).await
}

async fn id_of(cloud: &Cloud, upn: &str) -> String {
    let tenant = cloud.control(Method::GET, "tenant", json!(null)).await.json();
    let people = tenant["people"].as_array().expect("people");
    let person = people.iter().find(|person| person["userPrincipalName"] == upn);
    person.expect("a person")["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_person_signs_in_with_the_page_alone() {
    let cloud = Cloud::start().await;
    let url = authorize(&[]);
    let page = cloud.get(url.as_str()).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("Pick an account") && page.text.contains("Contoso Command Line"),
        "{}",
        page.text
    );
    let mut search = url.clone();
    search.query_pairs_mut().append_pair("find", "sarah");
    let found = cloud.get(search.as_str()).await.text;
    assert!(
        found.contains("sarah.lin@contoso.com") && !found.contains("doug@contoso.com"),
        "{found}"
    );
    let mut hint = url.clone();
    hint.query_pairs_mut().append_pair("login_hint", "sarah.lin@contoso.com");
    let hinted = cloud.get(hint.as_str()).await.text;
    assert!(hinted.find("sarah.lin@") < hinted.find("doug@"), "{hinted}");

    // Every scope is granted already: choosing is enough.
    let id = id_of(&cloud, "sarah.lin@contoso.com").await;
    let answer = press(&cloud, &url, &[("as", &id)]).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    let location = answer.header("location");
    assert!(location.starts_with(REDIRECT), "{location}");
    assert_eq!(parameter(location, "state"), "a state");
    let tokens = redeem(&cloud, &parameter(location, "code"), &[]).await;
    assert_eq!(claims(&tokens.text_of("access_token"))["upn"], "sarah.lin@contoso.com");
    assert_eq!(claims(&tokens.text_of("id_token"))["nonce"], "n-0");
    assert!(tokens.json().get("refresh_token").is_some());
}

#[tokio::test]
async fn a_code_is_good_once_for_ten_minutes_and_for_its_client() {
    let cloud = Cloud::start().await;
    let code = async || {
        let answer = complete(&cloud, &authorize(&[]), "doug").await;
        parameter(&answer.text_of("url"), "code")
    };
    let first = code().await;
    let cases = [
        (("redirect_uri", "http://localhost:1/"), 500_112),
        (("code_verifier", "another"), 501_481),
        (("client_id", "5b7a0c11-0001-4c4e-9a51-7a0000000001"), 70000),
    ];
    for (field, number) in cases {
        assert_eq!(redeem(&cloud, &first, &[field]).await.number(), number, "{field:?}");
    }
    assert_eq!(redeem(&cloud, &first, &[]).await.status, 200);
    let again = redeem(&cloud, &first, &[]).await;
    assert_eq!((again.number(), again.text_of("error")), (54005, "invalid_grant".into()));

    let late = code().await;
    cloud.control(Method::POST, "clock", json!({"advance_seconds": 601})).await;
    assert_eq!(redeem(&cloud, &late, &[]).await.number(), 70008);
}

#[tokio::test]
async fn the_answer_comes_in_the_mode_the_app_asked_for() {
    let cloud = Cloud::start().await;
    let id = id_of(&cloud, "doug@contoso.com").await;
    let form = authorize(&[("response_mode", "form_post")]);
    let page = press(&cloud, &form, &[("as", &id)]).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains(&format!("action=\"{REDIRECT}\"")), "{}", page.text);
    assert!(
        page.text.contains("name=\"code\"") && page.text.contains("value=\"a state\""),
        "{}",
        page.text
    );

    let fragment = authorize(&[("response_mode", "fragment")]);
    let location = press(&cloud, &fragment, &[("as", &id)]).await;
    assert!(location.header("location").starts_with(&format!("{REDIRECT}#code=")), "{location:?}");
}

#[tokio::test]
async fn a_followed_sign_in_reaches_the_apps_loopback_address() {
    let cloud = Cloud::start().await;
    let app = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = app.local_addr().expect("an address").port();
    let redirect = format!("http://localhost:{port}");
    let url = authorize(&[("redirect_uri", &redirect), ("response_mode", "form_post")]);
    let receive = async {
        let (mut stream, _) = app.accept().await.expect("a browser");
        let mut request = vec![0; 16 * 1024];
        let mut read = 0;
        while !String::from_utf8_lossy(&request[..read]).contains("state=a+state") {
            read += stream.read(&mut request[read..]).await.expect("bytes");
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.expect("sent");
        String::from_utf8_lossy(&request[..read]).into_owned()
    };
    let body = json!({"url": url.as_str(), "as": "doug", "follow": true});
    let (request, answer) = tokio::join!(receive, cloud.control(Method::POST, "sign-in", body));
    assert!(request.starts_with("POST / ") && request.contains("code=1."), "{request}");
    assert_eq!(answer.json()["status"], 200, "{answer:?}");
}

#[tokio::test]
async fn a_request_nobody_can_trust_is_never_redirected() {
    let cloud = Cloud::start().await;
    for (change, number) in [
        (("redirect_uri", "https://evil.example/"), "AADSTS50011"),
        (("redirect_uri", "http://localhost:1/elsewhere"), "AADSTS50011"),
        (("client_id", "00000000-0000-0000-0000-00000000abcd"), "AADSTS700016"),
        (("client_id", ""), "AADSTS900144"),
    ] {
        let answer = cloud.get(authorize(&[change]).as_str()).await;
        assert_eq!(answer.status, 400, "{change:?}");
        assert!(answer.text.contains(number), "{change:?}: {}", answer.text);
        assert!(answer.header("location").is_empty());
    }
}

#[tokio::test]
async fn a_request_that_cannot_work_is_told_to_the_app() {
    let cloud = Cloud::start().await;
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "Everything.Do"), "invalid_scope"),
        (("prompt", "none"), "login_required"),
        (("code_challenge_method", "plain"), "invalid_request"),
    ] {
        let answer = cloud.get(authorize(&[change]).as_str()).await;
        assert_eq!(answer.status, 302, "{change:?}: {answer:?}");
        let location = answer.header("location");
        assert_eq!(parameter(location, "error"), error, "{location}");
        assert_eq!(parameter(location, "state"), "a state");
        assert!(parameter(location, "error_description").starts_with("AADSTS"), "{location}");
    }
}

async fn granted(cloud: &Cloud, user: &str, scope: &str) -> bool {
    cloud.password(CLI, user, scope).await.status == 200
}

#[tokio::test]
async fn consent_is_asked_in_plain_words_and_remembered() {
    let cloud = Cloud::start().await;
    let url = authorize(&[("scope", "Mail.Read")]);
    let id = id_of(&cloud, "sarah.lin@contoso.com").await;
    let sarah = "sarah.lin@contoso.com";
    assert!(!granted(&cloud, sarah, "Mail.Read").await);
    let page = press(&cloud, &url, &[("as", &id)]).await;
    assert!(
        page.text.contains("Read your mail") && page.text.contains("Mail.Read"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("on behalf of your organisation"), "she is no administrator");

    let declined = press(&cloud, &url, &[("as", &id), ("answer", "decline")]).await;
    let location = declined.header("location");
    assert_eq!(parameter(location, "error"), "access_denied");
    assert!(parameter(location, "error_description").starts_with("AADSTS65004"), "{location}");
    assert!(!granted(&cloud, sarah, "Mail.Read").await);

    let accepted = press(&cloud, &url, &[("as", &id), ("answer", "accept")]).await;
    assert_eq!(accepted.status, 302, "{accepted:?}");
    assert!(granted(&cloud, sarah, "Mail.Read").await);
    assert!(!granted(&cloud, "doug@contoso.com", "Mail.Read").await, "for her alone");
    let next = press(&cloud, &url, &[("as", &id)]).await;
    assert_eq!(next.status, 302, "not asked again");
    let again = authorize(&[("scope", "Mail.Read"), ("prompt", "consent")]);
    assert_eq!(press(&cloud, &again, &[("as", &id)]).await.status, 200, "asked when told to");
}

#[tokio::test]
async fn what_needs_an_administrator_is_not_for_users() {
    let cloud = Cloud::start().await;
    let url = authorize(&[("scope", "Reports.Read.All")]);
    let id = id_of(&cloud, "sarah.lin@contoso.com").await;
    let page = press(&cloud, &url, &[("as", &id)]).await;
    assert!(
        page.text.contains("AADSTS90094") && page.text.contains("Return to the application"),
        "{}",
        page.text
    );
    let back = complete(&cloud, &url, "sarah.lin").await.text_of("url");
    assert_eq!(parameter(&back, "error"), "access_denied");
    assert!(parameter(&back, "error_description").starts_with("AADSTS90094"), "{back}");

    let dana = id_of(&cloud, "dana@contoso.com").await;
    let page = press(&cloud, &url, &[("as", &dana)]).await;
    assert!(page.text.contains("on behalf of your organisation"), "{}", page.text);
    let everybody = [("as", dana.as_str()), ("answer", "accept"), ("everybody", "1")];
    assert_eq!(press(&cloud, &url, &everybody).await.status, 302);
    assert!(granted(&cloud, "sarah.lin@contoso.com", "Reports.Read.All").await);
}

#[tokio::test]
async fn a_strict_company_lets_only_administrators_consent() {
    let cloud = Cloud::start().await;
    cloud.control(Method::POST, "consent", json!({"policy": "admins"})).await;
    let url = authorize(&[("scope", "Mail.Read")]);
    let back = complete(&cloud, &url, "doug").await.text_of("url");
    assert!(parameter(&back, "error_description").starts_with("AADSTS90094"), "{back}");
    assert!(complete(&cloud, &url, "dana").await.text_of("url").contains("code="));
}

#[tokio::test]
async fn an_administrator_consents_for_everybody_in_advance() {
    let cloud = Cloud::start().await;
    let consent = |tenant: &str| {
        let mut url =
            Url::parse(&format!("{LOGIN}/{tenant}/v2.0/adminconsent")).expect("an address");
        url.query_pairs_mut().extend_pairs([
            ("client_id", CLI),
            ("scope", "https://graph.microsoft.com/Reports.Read.All"),
            ("redirect_uri", REDIRECT),
            ("state", "a state"),
        ]);
        url
    };
    let url = consent("organizations");
    let refused = complete(&cloud, &url, "doug").await.text_of("url");
    assert_eq!(parameter(&refused, "error"), "consent_required");
    assert_eq!(parameter(&refused, "state"), "a state");

    let back = complete(&cloud, &url, "dana").await.text_of("url");
    let tenant = cloud.control(Method::GET, "tenant", json!(null)).await.text_of("id");
    assert_eq!(parameter(&back, "admin_consent"), "True");
    assert_eq!(parameter(&back, "tenant"), tenant);
    assert_eq!(parameter(&back, "scope"), "https://graph.microsoft.com/Reports.Read.All");
    assert!(granted(&cloud, "doug@contoso.com", "Reports.Read.All").await);

    let page = cloud.get(consent("contoso.com").as_str()).await;
    assert!(page.text.contains("Pick an account"), "{}", page.text);
}

#[tokio::test]
async fn a_blocked_person_is_told_on_the_page() {
    let cloud = Cloud::start().await;
    let id = id_of(&cloud, "doug@contoso.com").await;
    cloud.control(Method::POST, "users/doug", json!({"enabled": false})).await;
    let page = press(&cloud, &authorize(&[]), &[("as", &id)]).await;
    assert!(page.text.contains("AADSTS50057"), "{}", page.text);
    let scripted = complete(&cloud, &authorize(&[]), "doug").await;
    assert_eq!(scripted.status, 400);
    assert!(scripted.json()["error"].as_str().is_some_and(|text| text.contains("AADSTS50057")));
}

#[tokio::test]
async fn names_with_markup_stay_text() {
    let cloud = Cloud::start().await;
    let mut url = authorize(&[("state", "\"><script>alert(1)</script>")]);
    url.query_pairs_mut().append_pair("find", "<b>nobody");
    let page = cloud.get(url.as_str()).await.text;
    assert!(!page.contains("<script>alert") && !page.contains("<b>nobody"), "{page}");
    assert!(page.contains("Nobody here is called that."), "{page}");
}

/// Entra: "When an application requires assignment, user consent for that application isn't allowed."
#[tokio::test]
async fn an_app_that_asks_for_assignment_lets_nobody_else_in_and_lets_nobody_consent() {
    let cloud = Cloud::start().await;
    let (scopes, dana) = ("Application.ReadWrite.All AppRoleAssignment.ReadWrite.All", "dana");
    let admin = authorize(&[("scope", scopes)]);
    let to = complete(&cloud, &admin, dana).await.text_of("url");
    let token = redeem(&cloud, &parameter(&to, "code"), &[]).await.text_of("access_token");
    let send = async |method: Method, path: &str, body: serde_json::Value| {
        let url = format!("{GRAPH}/v1.0/{path}");
        cloud.send(cloud.request(method, &url).bearer_auth(&token).json(&body)).await
    };
    let by_app = format!("/v1.0/servicePrincipals(appId='{CLI}')");
    let found = cloud.graph(Method::GET, &by_app, &token).await.json();
    let principal = found["id"].as_str().expect("an id").to_owned();
    let sarah = id_of(&cloud, "sarah.lin@contoso.com").await;
    let address = format!("servicePrincipals/{principal}");
    let assignment = json!({"principalId": sarah, "resourceId": principal, "appRoleId": NO_ROLE});
    let assigned = send(Method::POST, &format!("{address}/appRoleAssignedTo"), assignment).await;
    assert_eq!(assigned.status, 201, "{assigned:?}");
    let only = json!({"appRoleAssignmentRequired": true});
    let changed = send(Method::PATCH, &address, only).await;
    assert_eq!(changed.status, 204, "{changed:?}");

    let stranger = complete(&cloud, &authorize(&[]), "doug").await;
    assert!(stranger.text.contains("AADSTS50105"), "{stranger:?}");
    let in_again = complete(&cloud, &authorize(&[]), "sarah.lin").await;
    assert!(in_again.text_of("url").contains("code="), "{in_again:?}");
    // A scope that users may usually consent to.
    let more = authorize(&[("scope", "Mail.Read openid")]);
    let refused = complete(&cloud, &more, "sarah.lin").await.text_of("url");
    assert!(refused.contains("AADSTS90094"), "{refused}");
}

const NO_ROLE: &str = "00000000-0000-0000-0000-000000000000";
