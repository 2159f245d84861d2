//! Signing in without a browser.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use super::{No, person, text};
use crate::token::{self, DeviceAnswer, Final};
use crate::wire::{Request, field};
use crate::world::{Sandbox, World};

/// Completes an authorize or admin consent address as a person would, who accepts everything unless
/// told to `decline`. A `password`, which may be an access pass, must be right when there is one. With `follow` the answer is delivered to the app's loopback address as well.
pub(super) async fn browser(
    sandbox: &Arc<Sandbox>,
    request: &Request,
    body: &Value,
) -> Result<Value, No> {
    let url = Url::parse(text(body, "url")?).map_err(|_| No::bad("`url` is not an address."))?;
    let user = person(&sandbox.world(), text(body, "as")?)?.id;
    let accept = !field(body, "decline").as_bool().unwrap_or(false);
    let typed = field(body, "password").as_str();
    let to = token::complete(sandbox, request, &url, user, typed, accept)?;
    let (method, address, fields) = match &to {
        Final::Redirect(address) => ("GET", address, &[][..]),
        Final::Form { url, fields } => ("POST", url, fields.as_slice()),
    };
    let form: Map<String, Value> =
        fields.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let mut answer = json!({"method": method, "url": address, "fields": form});
    if field(body, "follow").as_bool().unwrap_or(false) {
        let status = deliver(address, fields).await?;
        if let Value::Object(answer) = &mut answer {
            answer.insert("status".to_owned(), status.into());
        }
    }
    Ok(answer)
}

/// Takes the answer to the app, as the browser would; loopback only.
async fn deliver(address: &str, fields: &[(String, String)]) -> Result<u16, No> {
    let url =
        Url::parse(address).map_err(|_| No::bad("The redirect address cannot be followed."))?;
    if !matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
        return Err(No::bad("Only redirects to loopback are followed."));
    }
    #[expect(clippy::disallowed_methods, reason = "a loopback call: nothing of ours is needed")]
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(|error| No::bad(error.to_string()))?;
    let sent = if fields.is_empty() {
        client.get(url).send().await
    } else {
        client.post(url).form(fields).send().await
    };
    sent.map(|response| response.status().as_u16())
        .map_err(|error| No { status: 502, message: format!("The app did not answer: {error}.") })
}

/// Answers a device code.
pub(super) fn device(world: &mut World, body: &Value) -> Result<Value, No> {
    let user = person(world, text(body, "as")?)?.id;
    let answer = if field(body, "approve").as_bool().unwrap_or(true) {
        DeviceAnswer::Accept
    } else {
        DeviceAnswer::Decline
    };
    token::decide_device(world, text(body, "user_code")?, user, answer)?;
    Ok(json!({}))
}
