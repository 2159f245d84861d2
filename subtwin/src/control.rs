//! A sandbox tenant's control endpoints, as its own people and scripts use them. The twin never
//! does.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use subtwin_kernel::{AppId, TenantId, UserId};

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

    /// What the sandbox tells about its tenant.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn tenant(&self) -> anyhow::Result<Tenant> {
        self.get("tenant").await
    }

    /// Somebody's chats.
    ///
    /// # Errors
    /// When the sandbox does not answer or knows nobody of this name.
    pub async fn chats(&self, person: &str) -> anyhow::Result<Vec<Chat>> {
        self.get(&format!("chats?as={person}")).await
    }

    /// What really happened to the directory and the chats, and how often.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn ledger(&self) -> anyhow::Result<Ledger> {
        self.get("ledger").await
    }

    /// Somebody writes to somebody else, both named by UPN.
    ///
    /// # Errors
    /// When the sandbox does not answer or refuses.
    pub async fn say(&self, from: &str, to: &str, text: &str) -> anyhow::Result<()> {
        self.post("say", &json!({"as": from, "to": to, "text": text})).await.map(drop)
    }

    /// Signs somebody in at an authorize address and takes the answer back to the app.
    ///
    /// # Errors
    /// When the sandbox does not answer or refuses.
    pub async fn sign_in(&self, url: &str, person: &str) -> anyhow::Result<()> {
        let body = json!({"url": url, "as": person, "follow": true});
        self.post("sign-in", &body).await.map(drop)
    }

    /// Somebody writes into a chat that exists; gives the chat's id.
    ///
    /// # Errors
    /// When the sandbox does not answer or refuses.
    pub async fn say_to(&self, from: &str, to: &str, text: &str) -> anyhow::Result<String> {
        let said = self.post("say", &json!({"as": from, "to": to, "text": text})).await?;
        let chat = said.get("chat").and_then(Value::as_str).context("no chat in the answer")?;
        Ok(chat.to_owned())
    }

    /// As [`Self::say`], with a body of the caller's.
    ///
    /// # Errors
    /// When the sandbox does not answer or refuses.
    pub async fn say_with(&self, body: &Value) -> anyhow::Result<()> {
        self.post("say", body).await.map(drop)
    }

    /// An administrator blocks an account, or lets it in again.
    ///
    /// # Errors
    /// When the sandbox does not answer or knows nobody of this name.
    pub async fn enable(&self, person: &str, enabled: bool) -> anyhow::Result<()> {
        self.post(&format!("users/{person}"), &json!({"enabled": enabled})).await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let value = self.answer(path, self.http.get(format!("{}/{path}", self.base))).await?;
        serde_json::from_value(value).with_context(|| format!("`{path}` is not as expected"))
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
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
            let reason = value.get("error").and_then(Value::as_str).unwrap_or(&text);
            bail!("the sandbox refuses `{path}`: {reason}");
        }
        Ok(value)
    }
}

/// A sandbox's tenant.
#[derive(Clone, Debug, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its apps.
    pub apps: Vec<App>,
    /// Its people.
    pub people: Vec<Person>,
}

/// An app in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// The client id.
    pub app_id: AppId,
    /// What it is for, if it is one of the sample apps.
    pub role: Option<String>,
}

/// Somebody in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Object id.
    pub id: UserId,
    /// UPN.
    pub user_principal_name: String,
    /// Display name.
    pub display_name: String,
}

/// A conversation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// Its id.
    pub id: String,
    /// Its messages, oldest first.
    pub messages: Vec<Message>,
}

/// A message.
#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    /// Who wrote it; nobody for the service's own.
    pub from: Option<Author>,
    /// As stored: HTML, or text.
    pub content: String,
}

/// Who wrote a message.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Author {
    /// Object id.
    pub id: UserId,
    /// Display name.
    pub display_name: String,
}

/// What really happened.
#[derive(Clone, Debug, Deserialize)]
pub struct Ledger {
    /// Each effect once, with how often.
    pub effects: Vec<Effect>,
}

/// Something that happened.
#[derive(Clone, Debug, Deserialize)]
pub struct Effect {
    /// What.
    pub effect: String,
    /// How often.
    pub times: u64,
    /// To whom.
    pub upn: Option<String>,
}

/// What a posted message counts as.
pub const MESSAGE_POSTED: &str = "messagePosted";
