use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use subtwin_entra::{Expected, Grant, Identity, Issued, SignInError, sign_in};
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
            assert!(page.contains("You are signed in."), "{page}");
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
