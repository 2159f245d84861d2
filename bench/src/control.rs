use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// The control endpoints of the sandbox: what its people do.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    http: reqwest::Client,
    base: String,
}

impl Control {
    #[expect(clippy::disallowed_methods, reason = "loopback calls without tokens or proxies")]
    pub(crate) fn at(base: &str) -> anyhow::Result<Self> {
        let http =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned() })
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        answer(path, self.http.get(format!("{}/{path}", self.base))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        answer(path, self.http.post(format!("{}/{path}", self.base)).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        answer(path, self.http.put(format!("{}/{path}", self.base)).json(body)).await
    }

    /// Somebody writes to the twin; returns the message's id, which is its time in milliseconds.
    pub(crate) async fn say(&self, who: &str, to: &str, text: &str) -> anyhow::Result<u64> {
        let said = self.post("say", &json!({"as": who, "to": to, "text": text})).await?;
        let id = at(&said, "/message").as_str().context("a message has an id")?;
        Ok(id.parse()?)
    }

    /// The twin's messages in its conversation with somebody, oldest first: id and content.
    pub(crate) async fn heard(&self, who: &str, twin: &str) -> anyhow::Result<Vec<(u64, String)>> {
        let chats = self.get(&format!("chats?as={who}")).await?;
        let mut heard = Vec::new();
        for message in chats.as_array().into_iter().flatten().flat_map(messages) {
            if at(message, "/from/id") == twin {
                let id = at(message, "/id").as_str().context("a message has an id")?.parse()?;
                heard.push((id, at(message, "/content").as_str().unwrap_or_default().to_owned()));
            }
        }
        heard.sort_unstable();
        Ok(heard)
    }

    /// Messages posted so far, by whomever.
    pub(crate) async fn posted(&self) -> anyhow::Result<u64> {
        let ledger = self.get("ledger").await?;
        Ok(at(&ledger, "/totals/messagePosted").as_u64().unwrap_or_default())
    }
}

fn messages(chat: &Value) -> impl Iterator<Item = &Value> {
    at(chat, "/messages").as_array().into_iter().flatten()
}

/// What is at a JSON Pointer (RFC 6901); null where there is nothing.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

async fn answer(path: &str, call: RequestBuilder) -> anyhow::Result<Value> {
    let answer = call.send().await.with_context(|| format!("no answer to `{path}`"))?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "the sandbox refuses `{path}`: {text}");
    serde_json::from_str(&text).with_context(|| format!("`{path}` does not answer JSON"))
}
