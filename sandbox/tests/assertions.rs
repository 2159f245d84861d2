use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, PKCS_RSA_SHA256, date_time_ymd};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{ADMIN, Answer, CLI, Cloud, DAEMON, claims};

const TOKEN_URL: &str = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token";

/// A client's key and certificate.
pub(crate) struct Own {
    pub(crate) key: KeyPair,
    pub(crate) certificate: Vec<u8>,
    pub(crate) pem: String,
}

impl Own {
    pub(crate) fn new() -> Self {
        Self::until(4000)
    }

    /// With a certificate that ends with this year.
    pub(crate) fn until(year: i32) -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = key.as_der().expect("a key");
        let der: &[u8] = der.as_ref();
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der.into(), &PKCS_RSA_SHA256)
            .expect("the same key");
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(year, 12, 31);
        let certificate = params.self_signed(&pair).expect("a certificate");
        Self { key, certificate: certificate.der().to_vec(), pem: certificate.pem() }
    }

    pub(crate) fn sign(
        &self,
        encoding: &'static dyn RsaEncoding,
        header: &Value,
        claims: &Value,
    ) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn cloud_with(app: &str, own: &Own) -> Cloud {
    let cloud = Cloud::start().await;
    let body = json!({"certificate": own.pem});
    let answer = cloud.control(Method::POST, &format!("apps/{app}/keys"), body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    cloud
}

async fn now(cloud: &Cloud) -> i64 {
    let now = cloud.control(Method::GET, "tenant", json!(null)).await.text_of("now");
    now.parse::<jiff::Timestamp>().expect("a time").as_second()
}

/// Claims as shipped clients write them.
fn usual(app: &str, jti: &str, now: i64) -> Value {
    json!({"aud": TOKEN_URL, "iss": app, "sub": app, "jti": jti, "iat": now, "exp": now + 600})
}

async fn present(cloud: &Cloud, app: &str, assertion: &str) -> Answer {
    cloud
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", app),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
            ("scope", "https://graph.microsoft.com/.default"),
        ])
        .await
}

#[tokio::test]
async fn assertions_are_accepted_as_every_shipped_client_writes_them() {
    let own = Own::new();
    let cloud = cloud_with(DAEMON, &own).await;
    let now = now(&cloud).await;
    let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, &own.certificate);
    let sha256 = digest(&SHA256, &own.certificate);
    let x5c = STANDARD.encode(&own.certificate);
    let mut floats = usual(DAEMON, "floats", now);
    floats["iat"] = json!(now as f64 + 0.25);
    floats["exp"] = json!(now as f64 + 600.25);
    let mut bare = usual(DAEMON, "bare", now);
    bare.as_object_mut().expect("claims").remove("iat");
    let mut authority = usual(DAEMON, "authority", now);
    authority["aud"] = json!("https://login.microsoftonline.com/contoso.com/v2.0");
    let rs: &'static dyn RsaEncoding = &RSA_PKCS1_SHA256;
    let ps: &'static dyn RsaEncoding = &RSA_PSS_SHA256;
    for (name, encoding, header, claims) in [
        (
            "MSAL for Python",
            ps,
            json!({"alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE.encode(sha256), "x5c": [x5c]}),
            floats,
        ),
        ("azure-identity", rs, json!({"alg": "RS256", "x5t": URL_SAFE_NO_PAD.encode(sha1)}), bare),
        (
            "thumbprints with padding",
            rs,
            json!({"alg": "RS256", "x5t": URL_SAFE.encode(sha1)}),
            usual(DAEMON, "padding", now),
        ),
        (
            "the newer thumbprint",
            rs,
            json!({"alg": "RS256", "x5t#S256": URL_SAFE_NO_PAD.encode(sha256)}),
            authority,
        ),
    ] {
        let answer = present(&cloud, DAEMON, &own.sign(encoding, &header, &claims)).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert_eq!(crate::cloud::claims(&answer.text_of("access_token"))["appidacr"], "2");
    }
}

#[tokio::test]
async fn an_assertion_that_is_not_right_opens_nothing() {
    let own = Own::new();
    let cloud = cloud_with(DAEMON, &own).await;
    let now = now(&cloud).await;
    let x5t = URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &own.certificate));
    let header = json!({"alg": "RS256", "x5t": x5t});
    let rs: &'static dyn RsaEncoding = &RSA_PKCS1_SHA256;
    let changed = |jti: &str, change: &dyn Fn(&mut Value)| {
        let mut claims = usual(DAEMON, jti, now);
        change(&mut claims);
        own.sign(rs, &header, &claims)
    };

    let good = changed("once", &|_| {});
    assert_eq!(present(&cloud, DAEMON, &good).await.status, 200);
    assert_eq!(present(&cloud, DAEMON, &good).await.number(), 700_027, "a replay");

    let stranger = Own::new();
    let unsigned = format!("{}.", good.rsplit_once('.').expect("a signature").0);
    let x5t_other =
        URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &stranger.certificate));
    for (name, assertion, number) in [
        ("no JWT", "x".to_owned(), 700_027),
        ("no signature", unsigned, 700_027),
        ("another key", stranger.sign(rs, &header, &usual(DAEMON, "k", now)), 700_027),
        (
            "an unregistered certificate",
            stranger.sign(rs, &json!({"alg": "RS256", "x5t": x5t_other}), &usual(DAEMON, "c", now)),
            700_027,
        ),
        (
            "no algorithm",
            own.sign(rs, &json!({"alg": "none", "x5t": x5t}), &usual(DAEMON, "n", now)),
            700_027,
        ),
        ("another issuer", changed("i", &|claims| claims["iss"] = json!(CLI)), 700_027),
        ("another subject", changed("s", &|claims| claims["sub"] = json!(CLI)), 700_027),
        (
            "another audience",
            changed("a", &|claims| claims["aud"] = json!("https://evil.example/token")),
            700_027,
        ),
        ("no jti", changed("j", &|claims| claims["jti"] = json!(null)), 700_027),
        ("expired", changed("e", &|claims| claims["exp"] = json!(now - 301)), 700_024),
        ("no end", changed("x", &|claims| claims["exp"] = json!(null)), 700_024),
        ("not yet", changed("b", &|claims| claims["nbf"] = json!(now + 900)), 700_024),
    ] {
        let answer = present(&cloud, DAEMON, &assertion).await;
        assert_eq!((answer.status, answer.number()), (401, number), "{name}: {answer:?}");
        assert_eq!(answer.text_of("error"), "invalid_client", "{name}");
    }
}

#[tokio::test]
async fn a_public_client_may_hold_a_certificate_too() {
    let own = Own::new();
    let cloud = cloud_with(ADMIN, &own).await;
    let x5t = URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &own.certificate));
    let header = json!({"alg": "RS256", "x5t": x5t});
    let claims_in = usual(ADMIN, "1", now(&cloud).await);
    let answer = present(&cloud, ADMIN, &own.sign(&RSA_PKCS1_SHA256, &header, &claims_in)).await;
    let access = claims(&answer.text_of("access_token"));
    assert_eq!((&access["idtyp"], &access["appidacr"]), (&json!("app"), &json!("2")));
    assert!(access.get("roles").is_none(), "no application permission was granted");
    let person = cloud.password(ADMIN, "doug@contoso.com", "User.Read").await;
    assert_eq!(person.status, 200, "still public: {person:?}");
}

#[tokio::test]
async fn an_expired_certificate_opens_nothing() {
    let own = Own::until(2020);
    let cloud = cloud_with(DAEMON, &own).await;
    let x5t = URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &own.certificate));
    let claims = usual(DAEMON, "1", now(&cloud).await);
    let assertion = own.sign(&RSA_PKCS1_SHA256, &json!({"alg": "RS256", "x5t": x5t}), &claims);
    assert_eq!(present(&cloud, DAEMON, &assertion).await.number(), 7_000_222);
}
