use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use super::create;
use crate::client;
use crate::graph::chats::fixture::{self, ALL, DOUG, Fixture, SAM, SARAH, call};
use crate::graph::model::conforms;
use crate::graph::{Answer, Problem, dispatch};
use crate::notify::hook::Hook;
use crate::world::Sandbox;

const MINE: &str = "/me/chats/getAllMessages";

fn certificate(key: &KeyPair) -> String {
    STANDARD.encode(CertificateParams::default().self_signed(key).unwrap().der())
}

fn rsa() -> &'static str {
    static CERTIFICATE: OnceLock<String> = OnceLock::new();
    CERTIFICATE.get_or_init(|| certificate(&KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap()))
}

fn request(sandbox: &Sandbox, hook: &Hook, resource: &str, minutes: i64) -> Value {
    let expires = sandbox.world().now() + SignedDuration::from_mins(minutes);
    json!({
        "changeType": "created,updated",
        "notificationUrl": hook.url("/hook"),
        "resource": resource,
        "expirationDateTime": expires,
        "clientState": "s3cret",
    })
}

fn set(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

async fn subscribe_as(
    sandbox: &Arc<Sandbox>,
    who: &str,
    permissions: &[&str],
    body: Value,
) -> Result<Answer, Problem> {
    create(sandbox, call(sandbox, Some(who), permissions, "POST", "/subscriptions", body)).await
}

async fn subscribe(sandbox: &Arc<Sandbox>, body: Value) -> Result<Value, (u16, String)> {
    let answer = subscribe_as(sandbox, SAM, &ALL, body).await;
    answer.map(|answer| answer.body.unwrap()).map_err(|problem| (problem.status, problem.code))
}

fn refused(status: u16, code: &str) -> Result<Value, (u16, String)> {
    Err((status, code.to_owned()))
}

fn ask(sandbox: &Sandbox, method: &str, path: &str, body: Value) -> Result<Answer, Problem> {
    let call = call(sandbox, Some(SAM), &ALL, method, path, body);
    dispatch(&mut sandbox.world(), &call)
}

#[tokio::test]
async fn a_subscription_is_made_after_the_address_gave_back_the_token() {
    let sandbox = Fixture::new().sandbox;
    let hook = Hook::start(&sandbox).await;
    let body = request(&sandbox, &hook, MINE, 60);
    let body = set(body, "notificationUrl", json!(hook.url("/hook?twin=sam")));
    let answer = subscribe_as(&sandbox, SAM, &ALL, body).await.unwrap();
    assert_eq!(answer.status, 201);
    let heard = hook.heard();
    assert_eq!(heard.len(), 1);
    let (at, kind, body) = &heard[0];
    let expected = "/hook?twin=sam&validationToken=Validation%3a+Testing+client+application+\
                    reachability+for+subscription+Request-Id%3a+";
    assert!(at.starts_with(expected), "{at}");
    assert_eq!((kind.as_str(), body.as_str()), ("text/plain; charset=utf-8", ""));
    let mut body = answer.body.unwrap();
    assert_eq!(body["creatorId"], fixture::id(&sandbox, SAM).to_string());
    for name in ["id", "applicationId", "creatorId", "notificationUrl", "expirationDateTime"] {
        assert!(body[name].is_string(), "{name}");
        body[name] = json!("…");
    }
    insta::assert_snapshot!(body.to_string(), @r##"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#subscriptions/$entity","id":"…","resource":"/me/chats/getAllMessages","applicationId":"…","changeType":"created,updated","clientState":"s3cret","notificationUrl":"…","notificationQueryOptions":null,"lifecycleNotificationUrl":null,"expirationDateTime":"…","creatorId":"…","includeResourceData":false,"latestSupportedTlsVersion":"v1_2","encryptionCertificate":null,"encryptionCertificateId":null,"notificationUrlAppId":null}"##);
}

#[tokio::test]
async fn an_address_that_answers_otherwise_gets_no_subscription() {
    let sandbox = Fixture::new().sandbox;
    for (status, text) in [(200, "hello"), (202, ""), (404, ""), (200, "")] {
        let hook = Hook::start(&sandbox).await;
        hook.handshakes_with(status, text);
        let body = request(&sandbox, &hook, MINE, 60);
        assert_eq!(subscribe(&sandbox, body).await, refused(400, "ValidationError"), "{status}");
        assert_eq!(hook.heard().len(), 1);
    }
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let hook = Hook::start(&sandbox).await;
    let body = request(&sandbox, &hook, MINE, 60);
    let body = set(body, "notificationUrl", json!(format!("http://localhost:{nobody}/")));
    assert_eq!(subscribe(&sandbox, body).await, refused(400, "ValidationError"));
    assert_eq!(sandbox.world().tenant.chats.subscriptions.len(), 0);
}

#[tokio::test]
async fn both_addresses_are_asked_even_when_they_are_the_same() {
    let sandbox = Fixture::new().sandbox;
    let hook = Hook::start(&sandbox).await;
    let body = request(&sandbox, &hook, MINE, 4320);
    let body = set(body, "lifecycleNotificationUrl", json!(hook.url("/hook")));
    subscribe(&sandbox, body).await.unwrap();
    let heard = hook.heard();
    assert_eq!(heard.len(), 2);
    assert_ne!(heard[0].0, heard[1].0, "each check has its own token");
}

#[tokio::test]
async fn a_request_that_breaks_a_rule_is_refused_before_anybody_is_contacted() {
    let sandbox = Fixture::new().sandbox;
    let hook = Hook::start(&sandbox).await;
    let plain = request(&sandbox, &hook, MINE, 60);
    let with = |name: &str, value: Value| set(plain.clone(), name, value);
    let ahead = |minutes| {
        with(
            "expirationDateTime",
            request(&sandbox, &hook, MINE, minutes)["expirationDateTime"].clone(),
        )
    };
    let rich = |certificate: &str| {
        let body = with("includeResourceData", json!(true));
        set(
            set(body, "encryptionCertificate", json!(certificate)),
            "encryptionCertificateId",
            json!("1"),
        )
    };
    let lifecycle = hook.url("/life");
    let ec = certificate(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
    let cases = [
        ("in the past", ahead(-1)),
        ("over an hour without lifecycle address", ahead(70)),
        ("over three days", set(ahead(4330), "lifecycleNotificationUrl", json!(lifecycle))),
        ("another machine", with("notificationUrl", json!("https://example.com/hook"))),
        (
            "another machine for lifecycle",
            with("lifecycleNotificationUrl", json!("http://10.0.0.1/")),
        ),
        (
            "a name that hides an address",
            with("notificationUrl", json!("http://localhost.example/")),
        ),
        ("another scheme", with("notificationUrl", json!("file://localhost/etc/passwd"))),
        ("no address", with("notificationUrl", Value::Null)),
        ("unknown change", with("changeType", json!("created,moved"))),
        ("long client state", with("clientState", json!("x".repeat(129)))),
        ("resource data without certificate", with("includeResourceData", json!(true))),
        ("not a certificate", rich("AAAA")),
        ("an elliptic key", rich(&ec)),
    ];
    for (what, body) in cases {
        assert_eq!(subscribe(&sandbox, body).await, refused(400, "InvalidRequest"), "{what}");
    }
    assert_eq!(
        subscribe(&sandbox, with("notificationURL", json!("x"))).await,
        refused(400, "BadRequest")
    );
    assert!(hook.heard().is_empty());
    let rich = subscribe(&sandbox, rich(rsa())).await.unwrap();
    assert_eq!(rich["includeResourceData"], true);
    assert_eq!(conforms("subscription", &rich), Vec::<String>::new());
}

#[tokio::test]
async fn each_resource_asks_for_its_own_right() {
    let sandbox = Fixture::new().sandbox;
    let hook = Hook::start(&sandbox).await;
    let (doug, sam) = (fixture::id(&sandbox, DOUG), fixture::id(&sandbox, SAM));
    let theirs = fixture::id(&sandbox, SARAH);
    let (ours, other) = {
        let mut world = sandbox.world();
        (
            client::direct(&mut world, sam, doug).unwrap(),
            client::direct(&mut world, theirs, doug).unwrap(),
        )
    };
    let read = &["Chat.Read"][..];
    let cases = [
        (format!("/chats/{ours}/messages"), read, 201, ""),
        (format!("chats('{ours}')/messages?model=A"), &["Chat.ReadBasic"], 403, "ExtensionError"),
        (format!("/chats/{other}/messages"), read, 403, "ExtensionError"),
        ("/chats/19:none@thread.v2/messages".to_owned(), read, 404, "ExtensionError"),
        (format!("/users/{sam}/chats/getAllMessages"), read, 201, ""),
        (format!("/users('{doug}')/chats/getAllMessages()"), read, 403, "ExtensionError"),
        (MINE.to_owned(), &["Chat.Create"], 403, "ExtensionError"),
        ("/chats/getAllMessages".to_owned(), read, 403, "ExtensionError"),
        ("/me/chats".to_owned(), read, 500, "ExtensionError"),
        (format!("/me/chats/{ours}/messages"), read, 201, ""),
        (format!("/communications/presences/{doug}"), &["Presence.Read.All"], 201, ""),
        (format!("/communications/presences/{doug}"), &["Presence.Read"], 403, "ExtensionError"),
        ("/me/messages".to_owned(), read, 501, "SandboxNotImplemented"),
        (format!("/chats/{ours}/messages?$search=yes"), read, 501, "SandboxNotImplemented"),
    ];
    for (resource, scopes, status, code) in cases {
        let body = request(&sandbox, &hook, &resource, 50);
        let answer = subscribe_as(&sandbox, SAM, scopes, body).await;
        let seen = answer.map_or_else(|p| (p.status, p.code), |a| (a.status, String::new()));
        assert_eq!(seen, (status, code.to_owned()), "{resource} {scopes:?}");
    }
}

#[tokio::test]
async fn a_duplicate_is_a_conflict_and_quotas_hold() {
    let sandbox = Fixture::new().sandbox;
    let hook = Hook::start(&sandbox).await;
    let at = |path: &str| {
        set(request(&sandbox, &hook, MINE, 60), "notificationUrl", json!(hook.url(path)))
    };
    for number in 0..10 {
        subscribe(&sandbox, at(&format!("/{number}"))).await.unwrap();
    }
    assert_eq!(subscribe(&sandbox, at("/3")).await, refused(409, "ExtensionError"));
    let full = subscribe_as(&sandbox, SAM, &ALL, at("/11")).await.unwrap_err();
    assert_eq!(full.status, 403);
    assert!(full.message.contains("limit is 10"), "{}", full.message);
    let (doug, sam) = (fixture::id(&sandbox, DOUG), fixture::id(&sandbox, SAM));
    let chat = client::direct(&mut sandbox.world(), sam, doug).unwrap();
    let one = request(&sandbox, &hook, &format!("/chats/{chat}/messages"), 60);
    subscribe(&sandbox, one.clone()).await.unwrap();
    assert_eq!(subscribe(&sandbox, one.clone()).await, refused(409, "ExtensionError"));
    let wider = set(one, "changeType", json!("created,updated,deleted"));
    assert_eq!(subscribe(&sandbox, wider).await, refused(403, "ExtensionError"));
}

#[tokio::test]
async fn a_subscription_is_read_renewed_reauthorised_and_deleted_by_its_owner_only() {
    let sandbox = Fixture::new().sandbox;
    let hook = Hook::start(&sandbox).await;
    let made = subscribe(&sandbox, request(&sandbox, &hook, MINE, 30)).await.unwrap();
    let id: uuid::Uuid = made["id"].as_str().unwrap().parse().unwrap();
    let path = format!("/subscriptions/{id}");
    let until = || sandbox.world().tenant.chats.subscriptions.get(id).unwrap().authorised_until;
    let first = until();

    let stranger = call(&sandbox, Some(DOUG), &ALL, "GET", &path, Value::Null);
    assert_eq!(dispatch(&mut sandbox.world(), &stranger).unwrap_err().status, 404);
    let mut other_app = call(&sandbox, Some(SAM), &ALL, "GET", "/subscriptions", Value::Null);
    other_app.caller.app_id = uuid::Uuid::from_u128(5);
    let listed = dispatch(&mut sandbox.world(), &other_app).unwrap().body.unwrap();
    assert_eq!(listed["value"], json!([]));
    let listed = ask(&sandbox, "GET", "/subscriptions", Value::Null).unwrap().body.unwrap();
    assert_eq!(listed["value"][0]["id"], made["id"]);

    fixture::advance(&sandbox, SignedDuration::from_mins(10));
    let later = sandbox.world().now() + SignedDuration::from_mins(55);
    let renewed = ask(&sandbox, "PATCH", &path, json!({"expirationDateTime": later})).unwrap();
    assert_eq!(renewed.status, 200);
    assert_eq!(renewed.body.unwrap()["expirationDateTime"], later.to_string());
    let second = until();
    assert!(second > first, "a renewal also renews the authorisation");
    let status = |body| ask(&sandbox, "PATCH", &path, body).unwrap_err().status;
    let too_late = sandbox.world().now() + SignedDuration::from_mins(70);
    assert_eq!(status(json!({"expirationDateTime": too_late})), 400);
    assert_eq!(status(json!({"lifecycleNotificationUrl": hook.url("/life")})), 400);
    assert_eq!(status(json!({"notificationUrl": hook.url("/elsewhere")})), 501);

    fixture::advance(&sandbox, SignedDuration::from_mins(1));
    let again = ask(&sandbox, "POST", &format!("{path}/reauthorize"), Value::Null).unwrap();
    assert_eq!((again.status, again.body), (204, None));
    assert!(until() > second);
    assert_eq!(ask(&sandbox, "DELETE", &path, Value::Null).unwrap().status, 204);
    assert_eq!(ask(&sandbox, "DELETE", &path, Value::Null).unwrap_err().status, 404);
}

#[tokio::test]
async fn an_expired_subscription_is_gone() {
    let sandbox = Fixture::new().sandbox;
    let hook = Hook::start(&sandbox).await;
    let body = request(&sandbox, &hook, MINE, 30);
    let made = subscribe(&sandbox, body).await.unwrap();
    fixture::advance(&sandbox, SignedDuration::from_mins(31));
    let path = format!("/subscriptions/{}", made["id"].as_str().unwrap());
    assert_eq!(ask(&sandbox, "GET", &path, Value::Null).unwrap_err().status, 404);
    subscribe(&sandbox, request(&sandbox, &hook, MINE, 30)).await.unwrap();
}
