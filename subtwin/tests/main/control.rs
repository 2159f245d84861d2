//! The sandbox's control endpoints, as a script would use them.

use std::time::Duration;

use serde_json::{Map, Value};

pub(crate) struct Control {
    http: reqwest::Client,
    base: String,
}

impl Control {
    /// The sandbox at `http://127.0.0.1:port`.
    #[expect(clippy::disallowed_methods, reason = "a loopback call without tokens or proxies")]
    pub(crate) fn at(address: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30));
        Self { http: http.build().unwrap(), base: format!("{address}/sandbox") }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        answer(path, self.http.get(format!("{}/{path}", self.base))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        answer(path, self.http.post(format!("{}/{path}", self.base)).json(body)).await
    }

    /// What the sandbox says, also when it refuses.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> String {
        let call = self.http.post(format!("{}/{path}", self.base)).json(body);
        call.send().await.unwrap().text().await.unwrap()
    }

    /// Turns fault switches, given as `name=value`.
    pub(crate) async fn faults(&self, switches: &[&str]) {
        let named = switches.iter().map(|switch| {
            let (name, value) = switch.split_once('=').unwrap();
            (name.to_owned(), serde_json::from_str(value).unwrap())
        });
        let body: Map<String, Value> = named.collect();
        answer("faults", self.http.put(format!("{}/faults", self.base)).json(&body)).await;
    }
}

async fn answer(path: &str, call: reqwest::RequestBuilder) -> Value {
    let answer = call.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "the sandbox refuses `{path}`: {text}");
    serde_json::from_str(&text).unwrap()
}
