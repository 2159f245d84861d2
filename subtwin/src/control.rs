//! A sandbox tenant's control endpoints, as its own people and scripts use them. The twin never
//! does.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

/// The control endpoints of one sandbox.
#[derive(Clone, Debug)]
pub struct Control {
    http: reqwest::Client,
    base: String,
}

impl Control {
    /// The sandbox at `address` (`127.0.0.1:port`).
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    #[expect(clippy::disallowed_methods, reason = "a loopback call without tokens or proxies")]
    pub fn at(address: std::net::SocketAddr) -> anyhow::Result<Self> {
        let http =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { http, base: format!("http://{address}/sandbox") })
    }

    /// Reads one endpoint.
    ///
    /// # Errors
    /// When the sandbox does not answer or refuses.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.answer(path, self.http.get(format!("{}/{path}", self.base))).await
    }

    /// Tells one endpoint something.
    ///
    /// # Errors
    /// When the sandbox does not answer or refuses.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.answer(path, self.http.post(format!("{}/{path}", self.base)).json(body)).await
    }

    /// Turns fault switches, given as `name=value`.
    ///
    /// # Errors
    /// When one is not known or its value is not right.
    pub async fn set_faults(&self, switches: &[String]) -> anyhow::Result<()> {
        if switches.is_empty() {
            return Ok(());
        }
        let mut body = Map::new();
        for switch in switches {
            let (name, value) = switch
                .split_once('=')
                .with_context(|| format!("`{switch}` is not NAME=VALUE, such as slowMs=200"))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            body.insert(name.to_owned(), value);
        }
        let call = self.http.put(format!("{}/faults", self.base)).json(&body);
        self.answer("faults", call).await.map(drop)
    }

    async fn answer(&self, path: &str, call: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer =
            call.send().await.with_context(|| format!("the sandbox does not answer `{path}`"))?;
        let status = answer.status();
        let text = answer.text().await?;
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if !status.is_success() {
            let reason = value["error"].as_str().unwrap_or(&text).to_owned();
            bail!("the sandbox refuses `{path}`: {reason}");
        }
        Ok(value)
    }
}
