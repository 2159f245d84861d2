//! A running sandbox and a client that reaches it as the cloud.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, Proxy, redirect};
use serde_json::Value;
use subtwin_sandbox::{Running, Settings, start};

/// Public client of the sample company with broad scopes.
pub(crate) const CLI: &str = "5b7a0c11-0003-4c4e-9a51-7a0000000003";
/// Public client with the twin's administrative scopes.
pub(crate) const ADMIN: &str = "5b7a0c11-0002-4c4e-9a51-7a0000000002";
/// Confidential client with application permissions.
pub(crate) const DAEMON: &str = "5b7a0c11-0004-4c4e-9a51-7a0000000004";

pub(crate) const LOGIN: &str = "https://login.microsoftonline.com";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";

/// A sandbox for one test.
pub(crate) struct Cloud {
    pub(crate) running: Running,
    http: reqwest::Client,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The AADSTS number.
    pub(crate) fn number(&self) -> u64 {
        self.json()["error_codes"][0].as_u64().unwrap_or_else(|| panic!("no number: {self:?}"))
    }

    pub(crate) fn text_of(&self, field: &str) -> String {
        self.json()[field].as_str().unwrap_or_else(|| panic!("no {field}: {self:?}")).to_owned()
    }
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let running = start(settings).await.expect("a sandbox");
        let http = client(&running, |builder| {
            let proxy = Proxy::all(format!("http://{}", running.address)).expect("a proxy");
            builder.proxy(proxy)
        });
        Self { running, http }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// A client that is not sent through the proxy.
    pub(crate) fn direct(&self) -> reqwest::Client {
        client(&self.running, reqwest::ClientBuilder::no_proxy)
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        read(request.send().await.expect("an answer")).await
    }

    pub(crate) fn request(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        self.http.request(method, url)
    }

    pub(crate) async fn get(&self, url: &str) -> Answer {
        self.send(self.request(Method::GET, url)).await
    }

    /// Graph, with a token.
    pub(crate) async fn graph(&self, method: Method, path: &str, token: &str) -> Answer {
        self.send(self.request(method, &format!("{GRAPH}{path}")).bearer_auth(token)).await
    }

    pub(crate) async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::POST, url).form(form)).await
    }

    /// The token endpoint of the tenant.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.post_form(&format!("{LOGIN}/contoso.com/oauth2/v2.0/token"), form).await
    }

    /// Signs a sample user in with the password.
    pub(crate) async fn password(&self, client: &str, user: &str, scope: &str) -> Answer {
        self.token(&[
            ("grant_type", "password"),
            ("client_id", client),
            ("username", user),
            ("password", "Sandbox!1"),
            ("scope", scope),
            ("client_info", "1"),
        ])
        .await
    }

    /// An access token of Doug's for Graph.
    pub(crate) async fn doug(&self) -> String {
        self.password(CLI, "doug@contoso.com", "User.Read").await.text_of("access_token")
    }

    /// The control endpoint.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Answer {
        let url = format!("http://{}/sandbox/{path}", self.address());
        self.send(self.direct().request(method, url).json(&body)).await
    }

    /// Turns fault switches.
    pub(crate) async fn faults(&self, switches: Value) {
        let answer = self.control(Method::PUT, "faults", switches).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

pub(crate) async fn read(response: reqwest::Response) -> Answer {
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.expect("a body"),
    }
}

/// Follows no redirects and trusts nobody but the sandbox.
#[expect(clippy::disallowed_methods, reason = "a test plays somebody else's client")]
fn client(
    running: &Running,
    change: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> reqwest::Client {
    let ca = reqwest::Certificate::from_pem(running.ca_pem.as_bytes()).expect("a certificate");
    change(reqwest::Client::builder().tls_certs_only([ca]).redirect(redirect::Policy::none()))
        .build()
        .expect("a client")
}

/// What a token says, unchecked.
pub(crate) fn claims(token: &str) -> Value {
    let middle = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(middle).expect("base64url")).expect("JSON")
}
