use aws_lc_rs::rsa::OAEP_SHA256_MGF1SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::service::{self, Issuer, Sealing, claims, item, seal};
use crate::tenant::{CHAT, DOUG, GROUP};
use crate::world::{World, wait};

/// Changes one thing about a genuine post.
type Forgery = fn(&World, &mut Value);

/// Every check a notification must pass, each failed alone.
const FORGERIES: &[(&str, Forgery)] = &[
    ("client state", |_, post| post["value"][0]["clientState"] = json!("guess")),
    ("no client state", |_, post| post["value"][0]["clientState"] = json!("")),
    ("subscription", |_, post| post["value"][0]["subscriptionId"] = json!("subscription-9")),
    ("tenant", |_, post| {
        post["value"][0]["tenantId"] = json!("99999999-1111-4111-8111-111111111111");
    }),
    ("no token", |_, post| post["validationTokens"] = json!([])),
    ("no token at all", |_, post| {
        post.as_object_mut().unwrap().remove("validationTokens");
    }),
    ("token is no JWT", |_, post| post["validationTokens"] = json!(["a.b.c"])),
    ("publisher", |world, post| {
        resign(world, post, |claims| claims["appid"] = json!(crate::tenant::APP));
    }),
    ("no publisher", |world, post| {
        resign(world, post, |claims| claims["appid"] = Value::Null);
    }),
    ("v2 publisher", |world, post| {
        resign(world, post, |claims| {
            claims["appid"] = Value::Null;
            claims["azp"] = json!(crate::tenant::APP);
        });
    }),
    ("two publishers", |world, post| {
        resign(world, post, |claims| claims["azp"] = json!(crate::tenant::APP));
    }),
    ("audience", |world, post| {
        resign(world, post, |claims| claims["aud"] = json!("https://graph.microsoft.com"));
    }),
    ("issuer's tenant", |world, post| {
        resign(world, post, |claims| {
            claims["iss"] = json!("https://sts.windows.net/99999999-1111-4111-8111-111111111111/");
        });
    }),
    ("issuer's host", |world, post| {
        resign(world, post, |claims| {
            let iss = claims["iss"].as_str().unwrap().replace("windows", "windovvs");
            claims["iss"] = json!(iss);
        });
    }),
    ("expired", |world, post| {
        resign(world, post, |claims| claims["exp"] = json!(world.now().as_second() - 61));
    }),
    ("not yet valid", |world, post| {
        resign(world, post, |claims| claims["nbf"] = json!(world.now().as_second() + 120));
    }),
    ("no expiry", |world, post| resign(world, post, |claims| claims["exp"] = Value::Null)),
    ("another's signature", |world, post| {
        let other = Issuer::new(&world.issuer.kid);
        post["validationTokens"] = json!([other.sign(&claims(world.now()))]);
    }),
    ("another's key", |world, post| {
        post["validationTokens"] = json!([Issuer::new("key-9").sign(&claims(world.now()))]);
    }),
    ("no signature", |world, post| {
        let header = json!({"alg": "none", "kid": world.issuer.kid, "typ": "JWT"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.", part(&header), part(&claims(world.now())));
        post["validationTokens"] = json!([token]);
    }),
    ("symmetric signature", |world, post| {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        header.kid = Some(world.issuer.kid.clone());
        let n = URL_SAFE_NO_PAD.decode(world.issuer.jwk["n"].as_str().unwrap()).unwrap();
        let key = jsonwebtoken::EncodingKey::from_secret(&n);
        let token = jsonwebtoken::encode(&header, &claims(world.now()), &key).unwrap();
        post["validationTokens"] = json!([token]);
    }),
    ("no key id", |world, post| {
        let token = world.issuer.sign_as(None, &claims(world.now()));
        post["validationTokens"] = json!([token]);
    }),
    ("data signature", |world, post| {
        reseal(world, post, &Sealing { mac_key: vec![1; 32], ..Sealing::default() });
    }),
    ("changed data", |_, post| {
        let content = &mut post["value"][0]["encryptedContent"];
        let mut data = STANDARD.decode(content["data"].as_str().unwrap()).unwrap();
        data[0] ^= 1;
        content["data"] = json!(STANDARD.encode(data));
    }),
    ("shortened signature", |_, post| {
        let content = &mut post["value"][0]["encryptedContent"];
        let tag = STANDARD.decode(content["dataSignature"].as_str().unwrap()).unwrap();
        content["dataSignature"] = json!(STANDARD.encode(&tag[..16]));
    }),
    ("OAEP with SHA-256", |world, post| {
        reseal(world, post, &Sealing { oaep: &OAEP_SHA256_MGF1SHA256, ..Sealing::default() });
    }),
    ("a short key", |world, post| {
        let key = vec![3; 16];
        reseal(world, post, &Sealing { mac_key: key.clone(), key, ..Sealing::default() });
    }),
    ("another certificate", |_, post| {
        post["value"][0]["encryptedContent"]["encryptionCertificateId"] = json!("another");
    }),
    ("another message's content", |_, post| {
        let resource = format!("chats('{CHAT}')/messages('1612289765949')");
        post["value"][0]["resource"] = json!(resource);
    }),
    ("another chat's content", |_, post| {
        let id = post["value"][0]["resourceData"]["id"].as_str().unwrap();
        post["value"][0]["resource"] = json!(format!("chats('{GROUP}')/messages('{id}')"));
    }),
    ("content that is not JSON", |world, post| {
        let content = seal(&world.subscription(), b"yes", &Sealing::default());
        post["value"][0]["encryptedContent"] = content;
    }),
    ("content that is not base64", |_, post| {
        post["value"][0]["encryptedContent"]["dataKey"] = json!("%%%");
    }),
];

fn resign(world: &World, post: &mut Value, change: impl FnOnce(&mut Value)) {
    let mut claims = claims(world.now());
    change(&mut claims);
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    post["validationTokens"] = json!([world.issuer.sign(&claims)]);
}

fn reseal(world: &World, post: &mut Value, sealing: &Sealing) {
    let plain = forged_message(world).to_string();
    post["value"][0]["encryptedContent"] = seal(&world.subscription(), plain.as_bytes(), sealing);
}

/// A message that nobody wrote.
fn forged_message(world: &World) -> Value {
    json!({
        "id": "1772355600777", "messageType": "message", "chatId": CHAT,
        "createdDateTime": world.now().to_string(), "lastModifiedDateTime": world.now().to_string(),
        "from": {"user": {"id": DOUG, "displayName": "Doug", "userIdentityType": "aadUser",
            "tenantId": crate::tenant::TENANT}},
        "body": {"contentType": "html", "content": "<p>forged</p>"},
    })
}

/// A post that is right in everything, about a message that nobody wrote.
fn perfect(world: &World) -> Value {
    let item = item(&world.subscription(), "created", &forged_message(world));
    service::post(&[item], &[world.token()])
}

#[tokio::test(start_paused = true)]
async fn a_notification_that_fails_any_one_check_is_not_heard() {
    let world = World::new();
    let mut running = world.start().await;
    for (count, (name, forge)) in (1..).zip(FORGERIES) {
        let mut post = perfect(&world);
        forge(&world, &mut post);
        running.notify(&post).await;
        running.until(|status| status.refused + status.accepted == count).await;
        assert_eq!(running.status.borrow().refused, count, "{name}: refused");
    }
    wait(3600).await;
    assert_eq!(world.heard(), [""; 0]);
    // The forgeries failed for what was changed in them: unchanged, the post passes.
    running.notify(&perfect(&world)).await;
    assert_eq!(world.until_heard(1).await, ["forged"]);
}

#[tokio::test(start_paused = true)]
async fn a_version_two_token_and_a_token_among_others_vouch() {
    let world = World::new();
    let mut running = world.start().await;
    let mut post = perfect(&world);
    resign(&world, &mut post, |claims| {
        claims["azp"] = claims["appid"].take();
    });
    let good = post["validationTokens"][0].clone();
    let mut other = claims(world.now());
    other["aud"] = json!("another app");
    post["validationTokens"] = json!([world.issuer.sign(&other), good]);
    running.notify(&post).await;
    running.until(|status| status.accepted == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_good_is_refused_when_it_has_expired() {
    let world = World::new();
    let mut running = world.start().await;
    let post = perfect(&world);
    running.notify(&post).await;
    running.until(|status| status.accepted == 1).await;
    wait(3600 + 61).await;
    running.notify(&post).await;
    running.until(|status| status.refused == 1).await;
    assert_eq!(running.status.borrow().accepted, 1);
}

#[tokio::test(start_paused = true)]
async fn forgeries_in_a_post_do_not_spoil_what_is_genuine() {
    let world = World::new();
    let mut running = world.start().await;
    let message = world.doug_writes("hello");
    let mut post = world.post("created", &[&message, &message, &message]);
    post["value"][0]["clientState"] = json!("guess");
    post["value"][1]["encryptedContent"]["dataSignature"] = json!("AAAA");
    running.notify(&post).await;
    running.until(|status| status.accepted == 1 && status.refused == 2).await;
    assert_eq!(world.until_heard(1).await, ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn forged_posts_take_no_room_in_the_queue() {
    let mut world = World::new();
    world.settings.queue = 1;
    world.settings.openers = 1;
    let mut running = world.start().await;
    let mut post = perfect(&world);
    post["value"][0]["clientState"] = json!("guess");
    for _ in 0..100 {
        running.notify(&post).await;
    }
    running.until(|status| status.refused == 100).await;
    assert_eq!(running.status.borrow().turned_away, 0);
}
