//! The one place in the sandbox that sends requests: to subscribers on this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

/// An HTTP client for subscribers.
#[derive(Clone, Debug)]
pub(crate) struct Courier(reqwest::Client);

/// Why a subscriber's address was not accepted. The texts are remembered, not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandshakeFailed {
    #[error("Subscription validation request failed. Notification endpoint could not be reached.")]
    Unreachable,
    #[error("Subscription validation request timed out.")]
    TimedOut,
    #[error(
        "Subscription validation request failed. Notification endpoint must respond with 200 OK \
         to validation request."
    )]
    NotOk,
    #[error(
        "Subscription validation request failed. Response must exactly match validationToken \
         query parameter."
    )]
    WrongToken,
}

/// How a subscriber took a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// 2xx in time.
    Yes,
    /// Another status, or no connection.
    No,
    /// No answer in time.
    TooSlow,
}

impl Courier {
    /// # Errors
    /// When TLS cannot be set up.
    #[expect(clippy::disallowed_methods, reason = "the only client of the sandbox")]
    pub(crate) fn new() -> reqwest::Result<Self> {
        let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        // `localhost` is this machine whatever a resolver says.
        let here = here.map(|ip| SocketAddr::new(ip, 0));
        let client = reqwest::Client::builder()
            .user_agent("subtwin-sandbox")
            .no_proxy()
            .redirect(Policy::none())
            .resolve_to_addrs("localhost", &here)
            .connect_timeout(HANDSHAKE)
            // Nobody issues certificates for this machine, and nothing else is contacted.
            .tls_danger_accept_invalid_certs(true)
            .build()?;
        Ok(Self(client))
    }

    /// Posts JSON with a bearer token and gives the status and what JSON came back; nothing when
    /// there is no answer in time.
    pub(crate) async fn ask(
        &self,
        url: &Url,
        bearer: &str,
        body: &Value,
        within: Duration,
    ) -> Option<(u16, Value)> {
        let request = self.0.post(url.clone()).bearer_auth(bearer).json(body).timeout(within);
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.ok()?;
        Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// Asks whether a subscriber wants notifications at this address: it must give back the
    /// token, form-decoded, as plain text.
    pub(crate) async fn handshake(&self, url: &Url, id: Uuid) -> Result<(), HandshakeFailed> {
        let mut url = url.clone();
        let token = format!("validationToken={}{id}", ENCODED);
        let query = match url.query().filter(|query| !query.is_empty()) {
            Some(query) => format!("{query}&{token}"),
            None => token,
        };
        url.set_query(Some(&query));
        let request = self
            .0
            .post(url)
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body("")
            .timeout(HANDSHAKE);
        let failed = |error: reqwest::Error| {
            if error.is_timeout() {
                HandshakeFailed::TimedOut
            } else {
                HandshakeFailed::Unreachable
            }
        };
        let mut response = request.send().await.map_err(failed)?;
        if response.status() != 200 {
            return Err(HandshakeFailed::NotOk);
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/plain")) {
            return Err(HandshakeFailed::WrongToken);
        }
        let expected = format!("{DECODED}{id}").into_bytes();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > expected.len() {
                break;
            }
        }
        if body == expected { Ok(()) } else { Err(HandshakeFailed::WrongToken) }
    }

    /// Delivers one body.
    pub(super) async fn post(&self, url: &Url, body: &Value, within: Duration) -> Taken {
        let request = self
            .0
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body.to_string())
            .timeout(within);
        match request.send().await {
            Ok(response) if response.status().is_success() => {
                // Read to the end, so that the connection can be used again.
                let _ = response.bytes().await;
                Taken::Yes
            }
            Ok(_) => Taken::No,
            Err(error) if error.is_timeout() => Taken::TooSlow,
            Err(_) => Taken::No,
        }
    }
}

/// As it is in the query.
const ENCODED: &str =
    "Validation%3a+Testing+client+application+reachability+for+subscription+Request-Id%3a+";
/// As it must come back.
const DECODED: &str =
    "Validation: Testing client application reachability for subscription Request-Id: ";

/// How long a subscriber may take to answer the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
