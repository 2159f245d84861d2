//! Bot Connector as far as these tests need it: a signer of tokens, and a place to post to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use subtwin_bot::{Passes, SigningKeys};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// A key that signs tokens.
pub(crate) struct Signer {
    key: RsaKeyPair,
    kid: &'static str,
    endorsements: &'static [&'static str],
}

fn made(kid: &'static str, endorsements: &'static [&'static str]) -> Signer {
    let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
    let key = RsaKeyPair::from_pkcs8(pair.unwrap().serialized_der()).unwrap();
    Signer { key, kid, endorsements }
}

/// Bot Connector's.
pub(crate) fn connector() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| made("connector", &["msteams", "webchat"]))
}

/// A tenant's token service's, endorsed for nothing.
pub(crate) fn tenant() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| made("tenant", &[]))
}

impl Signer {
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"typ": "JWT", "alg": "RS256", "kid": self.kid}), claims)
    }

    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn jwk(&self) -> Value {
        let public = self.key.public_key();
        json!({
            "kty": "RSA", "use": "sig", "kid": self.kid,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
            "endorsements": self.endorsements,
        })
    }
}

/// The keys an issuer publishes, and how often they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Published {
    pub(crate) keys: Mutex<Vec<Value>>,
    pub(crate) asked: Mutex<u32>,
}

impl Published {
    pub(crate) fn of(signer: &Signer) -> Arc<Self> {
        Arc::new(Self { keys: Mutex::new(vec![signer.jwk()]), asked: Mutex::default() })
    }
}

#[async_trait]
impl SigningKeys for Published {
    async fn fetch(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        *self.asked.lock().unwrap() += 1;
        Ok(json!({"keys": *self.keys.lock().unwrap()}).to_string())
    }
}

/// The twin's tokens, numbered.
#[derive(Debug, Default)]
pub(crate) struct Wallet(Mutex<u32>);

#[async_trait]
impl Passes for Wallet {
    async fn authorization(&self) -> Result<HeaderValue, Box<dyn std::error::Error + Send + Sync>> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0.lock().unwrap()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn reject(&self) {
        *self.0.lock().unwrap() += 1;
    }
}

/// One call that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) token: String,
    pub(crate) body: Value,
}

/// A service that takes what the twin says.
#[derive(Debug, Default)]
pub(crate) struct Service {
    pub(crate) calls: Mutex<Vec<Call>>,
    /// Status and body of the next answers; a new id after those.
    pub(crate) answers: Mutex<VecDeque<(u16, Value)>>,
    next: Mutex<u64>,
}

impl Service {
    pub(crate) async fn start(tasks: &TaskTracker) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let service = Arc::new(Self { next: Mutex::new(1_700_000_000_500), ..Self::default() });
        let router = Router::new().fallback(take).with_state(Arc::clone(&service));
        tasks.spawn(async move { axum::serve(listener, router).await });
        (service, here)
    }

    /// Calls that say something: not that somebody is typing.
    pub(crate) fn said(&self) -> Vec<Call> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|call| call.body["type"] != "typing").cloned().collect()
    }

    pub(crate) fn answers(&self, status: u16, body: Value) {
        self.answers.lock().unwrap().push_back((status, body));
    }
}

async fn take(
    State(service): State<Arc<Service>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, axum::Json<Value>) {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let typing = body["type"] == "typing";
    let token = headers["authorization"].to_str().unwrap().to_owned();
    service.calls.lock().unwrap().push(Call { method, path: uri.path().to_owned(), token, body });
    if !typing && let Some((status, body)) = service.answers.lock().unwrap().pop_front() {
        return (StatusCode::from_u16(status).unwrap(), axum::Json(body));
    }
    let mut next = service.next.lock().unwrap();
    *next += 1;
    (StatusCode::CREATED, axum::Json(json!({"id": next.to_string()})))
}
