//! What a blueprint proves itself with.

use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use super::shop::{ASSERTION, DEFAULT, EXCHANGE, Shop};
use crate::assertions::Own;
use crate::cloud::{Answer, DAEMON, claims};

const TOKEN_URL: &str = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token";

async fn present(shop: &Shop, assertion: &str) -> Answer {
    shop.cloud
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", &shop.blueprint),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", assertion),
            ("scope", EXCHANGE),
            ("fmi_path", &shop.agent),
        ])
        .await
}

async fn now(shop: &Shop) -> i64 {
    let now = shop.cloud.control(Method::GET, "tenant", json!(null)).await.text_of("now");
    now.parse::<jiff::Timestamp>().expect("a time").as_second()
}

/// An assertion of the blueprint's own, signed with a certificate.
async fn signed(shop: &Shop, own: &Own, jti: &str) -> String {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    let x5t = URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &own.certificate));
    let now = now(shop).await;
    let claims = json!({
        "aud": TOKEN_URL, "iss": shop.blueprint, "sub": shop.blueprint, "jti": jti,
        "iat": now, "exp": now + 600,
    });
    own.sign(&RSA_PKCS1_SHA256, &json!({"alg": "RS256", "x5t": x5t}), &claims)
}

async fn register(shop: &Shop, own: &Own) {
    let path = format!("/v1.0/applications/{}", shop.object);
    let body = json!({"keyCredentials": [{
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "key": STANDARD.encode(&own.certificate),
    }]});
    let answer = shop.call(Method::PATCH, &path, body).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[tokio::test]
async fn a_certificate_counts_until_it_is_removed_or_expires() {
    let shop = Shop::open().await;
    let own = Own::new();
    register(&shop, &own).await;
    let answer = present(&shop, &signed(&shop, &own, "1").await).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let t1 = answer.text_of("access_token");
    assert_eq!(claims(&t1)["azpacr"], "2");
    assert_eq!(shop.alone(&t1, DEFAULT).await.status, 200);
    let old = Own::until(2020);
    register(&shop, &old).await;
    assert_eq!(present(&shop, &signed(&shop, &own, "2").await).await.number(), 700_027, "removed");
    assert_eq!(present(&shop, &signed(&shop, &old, "3").await).await.number(), 7_000_222);
    // What was vouched for before stays so until it ends.
    assert_eq!(shop.alone(&t1, DEFAULT).await.status, 200);
    shop.cloud.control(Method::POST, "clock", json!({"advance_seconds": 8000})).await;
    assert_eq!(shop.alone(&t1, DEFAULT).await.number(), 700_024);
}

#[tokio::test]
async fn a_secret_counts_until_it_is_removed_or_expires() {
    let shop = Shop::open().await;
    assert_eq!(shop.vouch(&shop.agent).await.status, 200);
    let path = format!("/v1.0/applications/{}", shop.object);
    let shown = shop.call(Method::GET, &path, Value::Null).await.json();
    let key = shown["passwordCredentials"][0]["keyId"].clone();
    shop.cloud.control(Method::POST, "clock", json!({"advance_seconds": 3 * 366 * 86_400})).await;
    assert_eq!(shop.vouch(&shop.agent).await.number(), 7_000_222);
    let token = super::shop::sign_in(&shop.cloud, super::shop::INSTALLER, "dana", DEFAULT).await;
    let body = json!({"keyId": key});
    let path = format!("{path}/removePassword");
    let answer = super::shop::post(&shop.cloud, &token, &path, &body).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(shop.vouch(&shop.agent).await.number(), 7_000_215);
}

#[tokio::test]
async fn an_app_of_the_tenant_is_trusted_by_issuer_subject_and_audience() {
    let shop = Shop::open().await;
    let path = format!("apps/{DAEMON}/secrets");
    let secret = shop.cloud.control(Method::POST, &path, json!({})).await.text_of("secretText");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", DAEMON),
        ("client_secret", &secret),
        ("scope", EXCHANGE),
    ];
    let word = shop.cloud.token(&form).await.text_of("access_token");
    let said = claims(&word);
    assert_eq!(present(&shop, &word).await.number(), 700_211);
    let path = format!("/v1.0/applications/{}/federatedIdentityCredentials", shop.object);
    let body = |subject: &Value, audience: &str| {
        json!({
            "name": "daemon", "issuer": said["iss"], "subject": subject, "audiences": [audience],
        })
    };
    let wrong = shop.call(Method::POST, &path, body(&json!("x"), "api://AzureADTokenExchange"));
    let wrong = wrong.await;
    assert_eq!(wrong.status, 201, "{wrong:?}");
    assert_eq!(present(&shop, &word).await.number(), 700_213);
    let one = format!("{path}/{}", wrong.text_of("id"));
    assert_eq!(shop.call(Method::DELETE, &one, Value::Null).await.status, 204);
    let wrong = shop.call(Method::POST, &path, body(&said["sub"], "https://elsewhere")).await;
    assert_eq!(present(&shop, &word).await.number(), 700_212);
    let one = format!("{path}/{}", wrong.text_of("id"));
    assert_eq!(shop.call(Method::DELETE, &one, Value::Null).await.status, 204);
    let right = body(&said["sub"], "api://AzureADTokenExchange");
    assert_eq!(shop.call(Method::POST, &path, right.clone()).await.status, 201);
    assert_eq!(shop.call(Method::POST, &path, right).await.status, 409);
    let answer = present(&shop, &word).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let listed = shop.call(Method::GET, &path, Value::Null).await.json();
    assert_eq!(listed["value"][0]["subject"], said["sub"]);
}

#[tokio::test]
async fn an_issuer_elsewhere_is_trusted_with_the_keys_it_was_registered_with() {
    let shop = Shop::open().await;
    let own = Own::new();
    let path = format!("/v1.0/applications/{}/federatedIdentityCredentials", shop.object);
    let body = json!({
        "name": "ci", "issuer": "https://ci.example", "subject": "repo:ava",
        "audiences": ["api://AzureADTokenExchange"],
    });
    assert_eq!(shop.call(Method::POST, &path, body).await.status, 201);
    let now = now(&shop).await;
    let word = own.sign(
        &RSA_PKCS1_SHA256,
        &json!({"alg": "RS256", "kid": "one"}),
        &json!({
            "iss": "https://ci.example", "sub": "repo:ava", "aud": "api://AzureADTokenExchange",
            "iat": now, "exp": now + 300,
        }),
    );
    assert_eq!(present(&shop, &word).await.number(), 700_027, "its keys are not known yet");
    let public = own.key.public_key();
    let keys = json!({"issuer": "https://ci.example", "keys": [{
        "kty": "RSA",
        "kid": "one",
        "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
        "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
    }]});
    let answer = shop.cloud.control(Method::POST, "issuers", keys).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = present(&shop, &word).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let (signed, _) = word.rsplit_once('.').expect("a signature");
    assert_eq!(present(&shop, &format!("{signed}.AAAA")).await.number(), 700_027);
}
