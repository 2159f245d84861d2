use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use subtwin_entra::{Expected, Grant, GraphError, Read, TokenError};
use subtwin_kernel::Secret;

use crate::support::{DOUG, Reply, SAM, TOKEN, World, b64, ok, refuse, token};

fn me() -> Read {
    Read::at("/v1.0/me")
}

fn entra_error(error: &str, number: u32) -> Reply {
    let description = format!("AADSTS{number}: No.\r\nTrace ID: 1");
    Reply::Json(
        400,
        Vec::new(),
        json!({"error": error, "error_description": description, "error_codes": [number]}),
    )
}

#[tokio::test]
async fn however_many_callers_wait_one_refresh_runs() {
    let world = World::new().await;
    world.server.on("GET /v1.0/me", ok(json!({"id": SAM})));
    let read = me();
    let reads = (0..20).map(|_| world.graph.get::<Value>(&read));
    for read in join_all(reads).await {
        read.unwrap();
    }
    let asked = world.server.seen("POST", TOKEN);
    assert_eq!(asked.len(), 1);
    let form = asked[0].form();
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], "refresh-0");
    assert_eq!(form["scope"], "User.Read.All openid profile offline_access");
    assert_eq!(form["claims"], r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#);
    assert_eq!(world.kept.now("sam"), "refresh-token-1", "the rotated token is kept");
    for call in world.server.seen("GET", "/v1.0/me") {
        assert_eq!(call.header("authorization"), "Bearer token-1");
    }
}

#[tokio::test]
async fn a_token_is_renewed_five_minutes_ahead_with_the_rotated_refresh_token() {
    let world = World::new().await;
    world.server.on("GET /v1.0/me", ok(json!({"id": SAM})));
    world.graph.get::<Value>(&me()).await.unwrap();
    world.clock.advance(Duration::from_secs(3600 - 301));
    world.graph.get::<Value>(&me()).await.unwrap();
    assert_eq!(world.server.seen("POST", TOKEN).len(), 1);
    world.clock.advance(Duration::from_secs(2));
    world.graph.get::<Value>(&me()).await.unwrap();
    let asked = world.server.seen("POST", TOKEN);
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].form()["refresh_token"], "refresh-token-1");
}

#[tokio::test]
async fn a_token_that_has_not_ended_outlives_a_failed_renewal() {
    let world = World::new().await;
    world.server.on("GET /v1.0/me", ok(json!({"id": SAM})));
    world.graph.get::<Value>(&me()).await.unwrap();
    world.server.on(&format!("POST {TOKEN}"), entra_error("invalid_grant", 50173));
    world.clock.advance(Duration::from_secs(3600 - 100));
    world.graph.get::<Value>(&me()).await.unwrap();
    world.clock.advance(Duration::from_secs(101));
    let error = world.graph.get::<Value>(&me()).await.unwrap_err();
    assert!(matches!(error, GraphError::NoToken { .. }), "{error}");
}

#[tokio::test]
async fn a_token_that_has_not_ended_is_used_while_a_refused_renewal_rests() {
    let world = World::new().await;
    world.server.on("GET /v1.0/me", ok(json!({"id": SAM})));
    world.graph.get::<Value>(&me()).await.unwrap();
    world.server.on(&format!("POST {TOKEN}"), entra_error("invalid_grant", 50173));
    world.clock.advance(Duration::from_secs(3600 - 100));
    for _ in 0..3 {
        world.graph.get::<Value>(&me()).await.unwrap();
    }
    assert_eq!(world.server.seen("POST", TOKEN).len(), 2, "one renewal was tried, no more");
}

#[tokio::test]
async fn however_many_calls_are_refused_one_token_is_asked_for() {
    let world = World::new().await;
    for _ in 0..20 {
        world.server.on("GET /v1.0/me", refuse(401, "InvalidAuthenticationToken", "Expired."));
    }
    world.server.on("GET /v1.0/me", ok(json!({"id": SAM})));
    let read = me();
    let reads = (0..20).map(|_| world.graph.get::<Value>(&read));
    let answered = join_all(reads).await.into_iter().filter(Result::is_ok).count();
    let asked = world.server.seen("POST", TOKEN).len();
    assert!(answered > 0 && asked == 2, "{answered} answered, {asked} tokens asked for");
}

#[tokio::test]
async fn a_token_service_that_names_a_time_is_left_alone_for_that_long() {
    let world = World::new().await;
    let busy = Reply::Json(429, vec![("retry-after", "60".to_owned())], Value::Null);
    world.server.on(&format!("POST {TOKEN}"), busy);
    world.server.on("GET /v1.0/me", ok(json!({"id": SAM})));
    for _ in 0..5 {
        let error = world.graph.get::<Value>(&me()).await.unwrap_err();
        assert!(matches!(error, GraphError::NoToken { .. }), "{error}");
    }
    assert_eq!(world.server.seen("POST", TOKEN).len(), 1);
    world.server.instead(&format!("POST {TOKEN}"), ok(token("token-1", SAM)));
    world.clock.advance(Duration::from_secs(59));
    world.graph.get::<Value>(&me()).await.unwrap_err();
    world.clock.advance(Duration::from_secs(2));
    world.graph.get::<Value>(&me()).await.unwrap();
}

#[tokio::test]
async fn a_tokens_life_is_counted_by_our_own_clock_whatever_the_service_calls_the_time() {
    for date in ["Tue, 01 Sep 2026 22:00:00 GMT", "Mon, 31 Aug 2026 10:00:00 GMT"] {
        let world = World::new().await;
        let mut issued = token("token-1", SAM);
        issued["expires_on"] = json!("1");
        let skewed = Reply::Json(200, vec![("date", date.to_owned())], issued);
        world.server.on(&format!("POST {TOKEN}"), skewed);
        world.server.on("GET /v1.0/me", ok(json!({"id": SAM})));
        world.graph.get::<Value>(&me()).await.unwrap();
        world.clock.advance(Duration::from_secs(3600 - 302));
        world.graph.get::<Value>(&me()).await.unwrap();
        assert_eq!(world.server.seen("POST", TOKEN).len(), 1, "{date}");
    }
}

#[tokio::test]
async fn a_definite_no_is_not_asked_for_again_at_once() {
    let world = World::new().await;
    world.server.on(&format!("POST {TOKEN}"), entra_error("invalid_grant", 700_082));
    for _ in 0..5 {
        let error = world.graph.get::<Value>(&me()).await.unwrap_err();
        let GraphError::NoToken { cause, .. } = error else { panic!("{error}") };
        let TokenError::Refused(refused) = &*cause else { panic!("{cause}") };
        assert_eq!(refused.number, Some(700_082));
        assert!(refused.reason().remedy().contains("subtwin sign-in"));
    }
    assert_eq!(world.server.seen("POST", TOKEN).len(), 1);
    world.clock.advance(Duration::from_secs(31));
    world.graph.get::<Value>(&me()).await.unwrap_err();
    assert_eq!(world.server.seen("POST", TOKEN).len(), 2);
    assert!(world.server.seen("GET", "/v1.0/me").is_empty(), "nothing goes out without a token");
}

#[tokio::test]
async fn a_token_service_that_stumbles_is_asked_again() {
    let world = World::new().await;
    let busy = Reply::Json(503, vec![("retry-after", "0.01".to_owned())], Value::Null);
    world.server.on(&format!("POST {TOKEN}"), busy);
    world.server.on(&format!("POST {TOKEN}"), ok(token("token-9", SAM)));
    world.server.on("GET /v1.0/me", ok(json!({"id": SAM})));
    world.graph.get::<Value>(&me()).await.unwrap();
    assert_eq!(world.server.seen("POST", TOKEN).len(), 2);
}

#[tokio::test]
async fn somebody_elses_token_is_never_used() {
    let world = World::new().await;
    world.server.on(&format!("POST {TOKEN}"), ok(token("token-of-doug", DOUG)));
    let error = world.graph.get::<Value>(&me()).await.unwrap_err();
    let GraphError::NoToken { cause, .. } = error else { panic!("{error}") };
    assert!(matches!(*cause, TokenError::WrongIdentity { .. }), "{cause}");
    assert!(cause.to_string().contains(SAM), "{cause}");
    assert_eq!(world.kept.now("sam"), "refresh-0", "nor is its refresh token kept");
    assert!(world.server.seen("GET", "/v1.0/me").is_empty());
}

#[tokio::test]
async fn a_token_that_does_not_say_whose_it_is_is_not_used() {
    let world = World::new().await;
    let mut nameless = token("token-1", SAM);
    nameless["id_token"] = Value::Null;
    nameless["client_info"] = Value::Null;
    world.server.on(&format!("POST {TOKEN}"), ok(nameless));
    assert!(world.graph.get::<Value>(&me()).await.is_err());
    assert!(world.server.seen("GET", "/v1.0/me").is_empty());
}

#[tokio::test]
async fn without_a_kept_sign_in_the_remedy_is_named() {
    let world = World::new().await;
    world.kept.0.lock().unwrap().clear();
    let error = world.graph.get::<Value>(&me()).await.unwrap_err();
    let GraphError::NoToken { cause, .. } = error else { panic!("{error}") };
    assert_eq!(cause.to_string(), "nobody is signed in as `sam`; run `subtwin sign-in`");
}

#[tokio::test]
async fn an_unaccepted_token_is_replaced_once() {
    let world = World::new().await;
    world.server.on("GET /v1.0/me", refuse(401, "InvalidAuthenticationToken", "Expired."));
    world.server.on("GET /v1.0/me", ok(json!({"id": SAM})));
    world.graph.get::<Value>(&me()).await.unwrap();
    let calls = world.server.seen("GET", "/v1.0/me");
    assert_eq!(calls[0].header("authorization"), "Bearer token-1");
    assert_eq!(calls[1].header("authorization"), "Bearer token-2");

    world.server.instead("GET /v1.0/me", refuse(401, "InvalidAuthenticationToken", "No."));
    let error = world.graph.get::<Value>(&me()).await.unwrap_err();
    assert_eq!(error.refused().unwrap().status, 401);
    assert_eq!(world.server.seen("GET", "/v1.0/me").len(), 4, "one try, one more, no third");
}

#[tokio::test]
async fn a_claims_challenge_is_answered_with_what_it_demands() {
    let world = World::new().await;
    let demanded = json!({"access_token": {"nbf": {"essential": true, "value": "1788256800"}}});
    let header = format!(
        "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/\
         authorize\", error=\"insufficient_claims\", claims=\"{}\"",
        b64(&demanded)
    );
    let Reply::Json(status, _, body) = refuse(401, "InvalidAuthenticationToken", "Challenged.")
    else {
        unreachable!()
    };
    world.server.on("GET /v1.0/me", Reply::Json(status, vec![("www-authenticate", header)], body));
    world.server.on("GET /v1.0/me", ok(json!({"id": SAM})));
    world.graph.get::<Value>(&me()).await.unwrap();
    let asked = world.server.seen("POST", TOKEN);
    assert_eq!(asked.len(), 2);
    assert_eq!(
        asked[1].form()["claims"],
        r#"{"access_token":{"xms_cc":{"values":["cp1"]},"nbf":{"essential":true,"value":"1788256800"}}}"#
    );
}

#[tokio::test]
async fn no_secret_reaches_an_error_or_a_debug_print() {
    let world = World::new().await;
    let long = "S3cr3tS3cr3tS3cr3tS3cr3tS3cr3tS3cr3tS3cr3t";
    world.kept.0.lock().unwrap().insert("sam".to_owned(), Secret::new(long.to_owned()));
    let echo = json!({
        "error": "invalid_grant", "error_description": format!("AADSTS9002313: bad '{long}'"),
        "correlation_id": long, "suberror": long,
    });
    let request = format!("POST {TOKEN}");
    world.server.on(&request, Reply::Json(400, Vec::new(), echo));
    let error = world.graph.get::<Value>(&me()).await.unwrap_err();
    assert!(!format!("{error:?} {:?} {:?}", world.tokens, world.graph).contains("S3cr3t"));

    // serde would quote what it stumbled over.
    world.server.instead(&request, ok(json!({"token_type": "Bearer", "access_token": [long]})));
    world.clock.advance(Duration::from_secs(60));
    let error = world.graph.get::<Value>(&me()).await.unwrap_err();
    assert!(!format!("{error:?}").contains("S3cr3t"), "{error:?}");
}

#[tokio::test]
async fn a_device_sign_in_is_polled_until_the_person_is_done() {
    let world = World::new().await;
    let scopes = ["User.Read.All".to_owned()];
    world.server.on(
        &format!("POST {}", TOKEN.replace("/token", "/devicecode")),
        ok(json!({
            "user_code": "ABCD", "device_code": "dev", "interval": 5, "expires_in": 900,
            "verification_uri": "https://microsoft.com/devicelogin", "message": "Go there.",
        })),
    );
    let request = format!("POST {TOKEN}");
    world.server.on(&request, entra_error("authorization_pending", 70016));
    world.server.on(&request, ok(token("token-1", SAM)));
    world.server.on(&request, entra_error("expired_token", 70019));

    let device = world.client.start_device_code(&scopes).await.unwrap();
    assert_eq!((device.user_code.as_str(), device.interval.as_secs()), ("ABCD", 5));
    assert!(!format!("{device:?}").contains("\"dev\""));
    let expected = Expected::User(SAM.parse().unwrap());
    let poll = world.client.poll_device_code(&device, &scopes, expected).await.unwrap();
    assert!(matches!(poll, subtwin_entra::DevicePoll::Pending), "{poll:?}");
    let poll = world.client.poll_device_code(&device, &scopes, expected).await.unwrap();
    assert!(matches!(poll, subtwin_entra::DevicePoll::Issued(_)), "{poll:?}");
    let form = &world.server.seen("POST", TOKEN)[0].form();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!(form["device_code"], "dev");
    let error = world.client.poll_device_code(&device, &scopes, expected).await.unwrap_err();
    assert!(matches!(error, TokenError::Refused(_)), "{error}");
}

#[tokio::test]
async fn an_app_proves_itself_with_a_signed_assertion() {
    use std::sync::Arc;

    use subtwin_entra::{App, AssertionKey, Cloud, CloudSettings, Credential, TokenClient};
    use subtwin_kernel::SeededEntropy;

    let world = World::new().await;
    let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)
        .unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["twin".to_owned()]).unwrap().self_signed(&pair).unwrap();
    let key =
        AssertionKey::from_pem(&certificate.pem(), &Secret::new(pair.serialize_pem())).unwrap();
    let settings = CloudSettings {
        login: world.server.address.clone(),
        graph: world.server.address.clone(),
        ..CloudSettings::default()
    };
    let app = App {
        tenant: crate::support::TENANT.parse().unwrap(),
        client: crate::support::APP.parse().unwrap(),
        credential: Credential::Certificate(key),
    };
    let client = TokenClient::new(
        Cloud::open(&settings).unwrap(),
        app,
        world.clock.clone(),
        Arc::new(SeededEntropy::new(2)),
    );
    let scopes = ["https://graph.microsoft.com/.default".to_owned()];
    let issued = client.token(Grant::ClientCredentials, &scopes, Expected::App).await.unwrap();
    assert_eq!(issued.access.expose(), "token-1");
    let form = world.server.seen("POST", TOKEN)[0].form();
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["scope"], "https://graph.microsoft.com/.default");
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    assert_eq!(form["client_assertion"].split('.').count(), 3);
}
