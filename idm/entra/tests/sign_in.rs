use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use subtwin_entra::{
    Expected, Grant, Identity, Issued, Obstacle, Reason, SignInError, TokenError, admin_consent,
    sign_in, sign_in_in_browser, wait_for_device,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use url::Url;

use crate::support::{DOUG, SAM, TENANT, TOKEN, World, id_token, ok, token};

const PATIENCE: Duration = Duration::from_secs(20);

/// Plays the browser: gets the address to open, returns what it should send to our port.
async fn sign_in_with(
    world: &World,
    expected: Expected,
    browser: impl AsyncFnOnce(HashMap<String, String>, u16),
) -> Result<Issued, SignInError> {
    let (opened, open) = oneshot::channel::<Url>();
    let scopes = ["User.Read.All".to_owned()];
    let show = |url: &Url| opened.send(url.clone()).unwrap();
    let signing_in = sign_in(&world.client, &scopes, "sam@contoso.com", expected, PATIENCE, show);
    let browsing = async {
        let url = open.await.unwrap();
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let redirect = Url::parse(&query["redirect_uri"]).unwrap();
        assert_eq!(redirect.host_str(), Some("localhost"));
        browser(query, redirect.port().unwrap()).await;
    };
    let (signed_in, ()) = futures_util::future::join(signing_in, browsing).await;
    signed_in
}

async fn send(port: u16, request: String) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn post(port: u16, form: &str) -> String {
    let length = form.len();
    send(
        port,
        format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: \
             application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
        ),
    )
    .await
}

async fn get(port: u16, query: &str) -> String {
    send(port, format!("GET /?{query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
        .await
}

fn with_nonce(world: &World, oid: &str, nonce: &str) {
    let mut issued = token("token-1", oid);
    issued["id_token"] = json!(id_token(oid, Some(nonce)));
    world.server.instead(&format!("POST {TOKEN}"), ok(issued));
}

#[tokio::test]
async fn a_browser_brings_the_code_back_by_form_or_by_query() {
    let sam = Expected::User(SAM.parse().unwrap());
    for by_form in [true, false] {
        let world = World::new().await;
        let issued = sign_in_with(&world, sam, async |query, port| {
            with_nonce(&world, SAM, &query["nonce"]);
            let fields = format!("code=the-code&state={}", query["state"]);
            let page = if by_form { post(port, &fields).await } else { get(port, &fields).await };
            assert!(page.contains("Done: subtwin has your answer"), "{page}");
            assert!(!page.contains("the-code"), "{page}");
        })
        .await
        .unwrap();
        let who = Identity { tenant: TENANT.parse().unwrap(), user: SAM.parse().unwrap() };
        assert_eq!(issued.identity, Some(who));
        let form = world.server.seen("POST", TOKEN)[0].form();
        assert_eq!(form["grant_type"], "authorization_code");
        assert_eq!(form["code"], "the-code");
        assert!(form["redirect_uri"].starts_with("http://localhost:"));
        assert!(form["code_verifier"].len() >= 43);
    }
}

#[tokio::test]
async fn an_answer_to_some_other_request_changes_nothing() {
    let world = World::new().await;
    let issued = sign_in_with(&world, Expected::Anyone, async |query, port| {
        with_nonce(&world, SAM, &query["nonce"]);
        for stray in ["code=evil", "code=evil&state=guess", "error=access_denied&state="] {
            let page = get(port, stray).await;
            assert!(page.starts_with("HTTP/1.1 400"), "{page}");
        }
        assert!(get(port, "").await.starts_with("HTTP/1.1 400"));
        get(port, &format!("code=good&state={}", query["state"])).await;
    })
    .await
    .unwrap();
    assert_eq!(world.server.seen("POST", TOKEN)[0].form()["code"], "good");
    world.tokens.adopt(issued).await.unwrap();
    assert_eq!(world.kept.now("sam"), "refresh-token-1");
}

#[tokio::test]
async fn a_declined_sign_in_says_so() {
    let world = World::new().await;
    let error = sign_in_with(&world, Expected::Anyone, async |query, port| {
        let description = "AADSTS65004%3A+User+declined+to+consent.";
        let state = &query["state"];
        get(port, &format!("error=access_denied&error_description={description}&state={state}"))
            .await;
    })
    .await
    .unwrap_err();
    assert_eq!(Obstacle::from(&error).reason, Reason::Declined);
    let SignInError::Refused(refused) = error else { panic!("{error}") };
    assert_eq!(refused.number, Some(65004));
    assert!(world.server.seen("POST", TOKEN).is_empty());
}

#[tokio::test]
async fn somebody_else_signing_in_or_an_old_id_token_is_refused() {
    for (oid, fresh) in [(DOUG, true), (SAM, false)] {
        let world = World::new().await;
        let sam = Expected::User(SAM.parse().unwrap());
        let error = sign_in_with(&world, sam, async |query, port| {
            with_nonce(&world, oid, if fresh { &query["nonce"] } else { "old" });
            get(port, &format!("code=c&state={}", query["state"])).await;
        })
        .await
        .unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("sign in as the twin itself"), "{source}");
    }
}

#[tokio::test]
async fn somebody_elses_tokens_are_not_adopted() {
    let world = World::new().await;
    world.server.on(&format!("POST {TOKEN}"), ok(token("token-1", DOUG)));
    let scopes = ["User.Read.All".to_owned()];
    let refresh = subtwin_kernel::Secret::new("r".to_owned());
    let issued =
        world.client.token(Grant::Refresh(&refresh), &scopes, Expected::Anyone).await.unwrap();
    assert!(world.tokens.adopt(issued).await.is_err());
    assert_eq!(world.kept.now("sam"), "refresh-0");
}

#[tokio::test]
async fn nobody_is_waited_for_for_ever() {
    let world = World::new().await;
    let patience = Duration::from_millis(30);
    let error =
        sign_in(&world.client, &[], "", Expected::Anyone, patience, |_| ()).await.unwrap_err();
    assert!(matches!(error, SignInError::TooLate(_)), "{error}");
}

#[tokio::test]
async fn a_browser_that_we_start_is_sent_on_once_and_no_other_page_is() {
    let world = World::new().await;
    let scopes = ["User.Read.All".to_owned()];
    let (opened, open) = oneshot::channel();
    let show = |door: &subtwin_entra::Doorway| opened.send(door.clone()).unwrap();
    let signing_in =
        sign_in_in_browser(&world.client, &scopes, "", Expected::Anyone, PATIENCE, show);
    let browsing = async {
        let door = open.await.unwrap();
        let query: HashMap<String, String> = door.address.query_pairs().into_owned().collect();
        let port = door.local.port().unwrap();
        for secret in [&query["state"], &query["nonce"], &query["code_challenge"]] {
            assert!(!door.local.as_str().contains(secret.as_str()), "{}", door.local);
            assert!(!format!("{door:?}").contains(secret.as_str()));
        }
        let begin =
            |headers: &str| format!("GET /begin HTTP/1.1\r\nconnection: close\r\n{headers}\r\n");
        for foreign in
            ["host: evil.example\r\n", "host: localhost\r\nsec-fetch-site: cross-site\r\n"]
        {
            let answer = send(port, begin(foreign)).await;
            assert!(answer.starts_with("HTTP/1.1 410"), "{answer}");
        }
        let sent = send(port, begin("host: 127.0.0.1:1\r\n")).await;
        assert!(sent.starts_with("HTTP/1.1 303"), "{sent}");
        assert!(sent.contains(door.address.as_str()), "{sent}");
        let again = send(port, begin("host: 127.0.0.1:1\r\n")).await;
        assert!(again.starts_with("HTTP/1.1 410") && !again.contains("state="), "{again}");
        with_nonce(&world, SAM, &query["nonce"]);
        get(port, &format!("code=c&state={}", query["state"])).await;
    };
    let (signed_in, ()) = futures_util::future::join(signing_in, browsing).await;
    signed_in.unwrap();
}

/// Plays the administrator's browser, which brings back what `answer` makes of the state.
async fn consented(answer: impl FnOnce(&str) -> String) -> Result<(), SignInError> {
    let world = World::new().await;
    let scopes = ["User.Read.All".to_owned()];
    let (opened, open) = oneshot::channel();
    let show = |door: &subtwin_entra::Doorway| opened.send(door.address.clone()).unwrap();
    let asking = admin_consent(&world.client, &scopes, PATIENCE, show);
    let browsing = async {
        let url = open.await.unwrap();
        assert_eq!(url.path(), format!("/{TENANT}/v2.0/adminconsent"));
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(query["scope"], "User.Read.All openid profile offline_access");
        let port = Url::parse(&query["redirect_uri"]).unwrap().port().unwrap();
        let stray = get(port, &format!("admin_consent=True&tenant={TENANT}&state=guess")).await;
        assert!(stray.starts_with("HTTP/1.1 400"), "{stray}");
        get(port, &answer(&query["state"])).await;
    };
    let (given, ()) = futures_util::future::join(asking, browsing).await;
    given
}

#[tokio::test]
async fn an_administrators_consent_counts_for_this_tenant_and_this_request_alone() {
    consented(|state| format!("admin_consent=True&tenant={TENANT}&state={state}&scope=x"))
        .await
        .unwrap();

    let other = "aaaaaaaa-0000-4000-8000-00000000beef";
    for tenant in [format!("&tenant={other}"), String::new(), "&tenant=contoso".to_owned()] {
        let error = consented(|state| format!("admin_consent=True{tenant}&state={state}"))
            .await
            .unwrap_err();
        assert!(matches!(error, SignInError::ConsentElsewhere { .. }), "{error}");
        assert_eq!(Obstacle::from(&error).reason, Reason::ConsentElsewhere);
    }
}

#[tokio::test]
async fn without_the_word_true_no_consent_was_given() {
    for (answer, reason) in [
        ("admin_consent=False", Reason::ConsentMissing),
        ("", Reason::ConsentMissing),
        (
            "error=consent_required&error_description=AADSTS90094%3A+No.",
            Reason::AdminApprovalNeeded,
        ),
        ("error=consent_required&error_description=AADSTS65004%3A+No.", Reason::Declined),
        ("error=access_denied&error_subcode=cancel", Reason::Declined),
        ("admin_consent=True&error=consent_required", Reason::ConsentMissing),
    ] {
        let error =
            consented(|state| format!("{answer}&tenant={TENANT}&state={state}")).await.unwrap_err();
        assert_eq!(Obstacle::from(&error).reason, reason, "{answer}: {error}");
    }
}

async fn device_code(
    world: &World,
    with: serde_json::Value,
) -> Result<subtwin_entra::DeviceCode, TokenError> {
    let mut body = json!({
        "user_code": "ABCD-EFGH", "device_code": "dev", "interval": 1, "expires_in": 900,
        "verification_uri": "https://microsoft.com/devicelogin", "message": "Go there.",
    });
    for (key, value) in with.as_object().unwrap() {
        body[key] = value.clone();
    }
    world.server.instead(&format!("POST {}", TOKEN.replace("/token", "/devicecode")), ok(body));
    let mut device = world.client.start_device_code(&["User.Read.All".to_owned()]).await?;
    device.interval = Duration::ZERO;
    Ok(device)
}

fn device_error(error: &str) -> crate::support::Reply {
    crate::support::Reply::Json(400, Vec::new(), json!({"error": error}))
}

#[tokio::test]
async fn a_device_code_is_asked_after_until_it_is_answered_declined_or_over() {
    let scopes = ["User.Read.All".to_owned()];
    let sam = Expected::User(SAM.parse().unwrap());
    let request = format!("POST {TOKEN}");

    let world = World::new().await;
    let device = device_code(&world, json!({})).await.unwrap();
    for _ in 0..3 {
        world.server.on(&request, device_error("authorization_pending"));
    }
    world.server.on(&request, ok(token("token-1", SAM)));
    let issued = wait_for_device(&world.client, &device, &scopes, sam).await.unwrap();
    assert_eq!(issued.access.expose(), "token-1");
    assert_eq!(world.server.seen("POST", TOKEN).len(), 4);

    for (error, reason) in [
        ("authorization_declined", Reason::Declined),
        ("expired_token", Reason::CodeEnded),
        ("bad_verification_code", Reason::CodeEnded),
    ] {
        let world = World::new().await;
        let device = device_code(&world, json!({})).await.unwrap();
        world.server.on(&request, device_error("authorization_pending"));
        world.server.on(&request, device_error(error));
        let ended = wait_for_device(&world.client, &device, &scopes, sam).await.unwrap_err();
        assert_eq!(Obstacle::from(&ended).reason, reason, "{ended}");
    }

    let world = World::new().await;
    let device = device_code(&world, json!({})).await.unwrap();
    world.server.on(&request, ok(token("token-of-doug", DOUG)));
    let ended = wait_for_device(&world.client, &device, &scopes, sam).await.unwrap_err();
    assert_eq!(Obstacle::from(&ended).reason, Reason::WrongPerson, "{ended}");

    let world = World::new().await;
    let device = device_code(&world, json!({})).await.unwrap();
    world.clock.advance(Duration::from_secs(901));
    let ended = wait_for_device(&world.client, &device, &scopes, sam).await.unwrap_err();
    assert!(matches!(ended, SignInError::TooLate(_)), "{ended}");
    assert!(world.server.seen("POST", TOKEN).is_empty(), "an ended code is not asked after");
}

#[tokio::test]
async fn what_would_mislead_on_a_terminal_is_no_code_and_no_page_to_type_it_on() {
    let world = World::new().await;
    for with in [
        json!({"user_code": "\u{1b}[2Jevil"}),
        json!({"user_code": ""}),
        json!({"user_code": "A".repeat(40)}),
        json!({"verification_uri": "http://login.example/device"}),
        json!({"verification_uri": "javascript:alert(1)"}),
        json!({"verification_uri": "nowhere"}),
    ] {
        let refused = device_code(&world, with.clone()).await.unwrap_err();
        assert!(matches!(refused, TokenError::Unreadable { .. }), "{with}: {refused}");
    }
    device_code(&world, json!({"verification_uri": "http://127.0.0.1:1/devicelogin"}))
        .await
        .unwrap();
}
