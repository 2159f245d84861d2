use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::{HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use subtwin_kernel::{ChatId, Entropy};
use url::Url;

use crate::pace::Pace;
use crate::service_url::ServiceUrl;

/// The twin's tokens for the connector. The binary glues it to the token service.
#[async_trait]
pub trait Passes: Send + Sync + fmt::Debug {
    /// A header value (`Bearer …`) with a token of [`Settings::scope`](crate::Settings::scope),
    /// marked as sensitive.
    ///
    /// # Errors
    /// When there is none to be had.
    async fn authorization(&self) -> Result<HeaderValue, Box<dyn std::error::Error + Send + Sync>>;

    /// The connector did not take the last one: the next must be new.
    fn reject(&self);
}

/// Bot Connector's REST interface, as far as the twin uses it.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) http: reqwest::Client,
    pub(crate) passes: Arc<dyn Passes>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) pace: Pace,
}

/// Why there is no 2xx answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the connector answered {status} `{code}`: {message}")]
    Refused { status: u16, code: String, message: String },
    /// It was not carried out, and there was no time to try longer.
    #[error("the connector is too busy")]
    Busy,
    /// It may or may not have been carried out.
    #[error("the connector did not answer")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was not sent.
    #[error("the call could not be made")]
    Unsent(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What may be done when a gateway says that the connector did not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Send it once more, as the connector's documentation says: nothing is lost if it comes twice.
    Harmless,
    /// It may have been carried out, and must not be twice.
    Never,
}

impl Connector {
    /// Calls the connector, within its limits and a budget of retries.
    pub(crate) async fn call(
        &self,
        service: &ServiceUrl,
        chat: &ChatId,
        call: (Method, &str, &Value),
        again: Again,
    ) -> Result<Value, CallError> {
        let (method, path, body) = call;
        let url = service
            .join(path)
            .ok_or_else(|| CallError::Unsent("the conversation has no usable address".into()))?;
        let mut left = RETRIES;
        let mut pause = FIRST_PAUSE;
        let mut renewed = false;
        loop {
            let at = self.pace.book(chat, PATIENCE).ok_or(CallError::Busy)?;
            tokio::time::sleep_until(at).await;
            let answer = match self.send(&method, &url, body).await {
                Ok(answer) => answer,
                Err(CallError::Unsent(cause)) if left > 0 => {
                    left -= 1;
                    tracing::warn!(cause = %cause, "the connector was not reached; trying again");
                    tokio::time::sleep(self.jitter(pause)).await;
                    pause *= 2;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if answer.status.is_success() {
                return Ok(answer.body);
            }
            if answer.status == StatusCode::UNAUTHORIZED && !renewed {
                renewed = true;
                self.passes.reject();
                continue;
            }
            let retry = match answer.status {
                StatusCode::PRECONDITION_FAILED | StatusCode::TOO_MANY_REQUESTS => true,
                StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => again == Again::Harmless,
                _ => false,
            };
            let wait = answer.after.unwrap_or_else(|| self.jitter(pause));
            if !retry || left == 0 || wait > PATIENCE {
                return Err(refusal(&answer));
            }
            left -= 1;
            pause *= 2;
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends something nobody waits for: at once, or not at all.
    pub(crate) async fn offer(
        &self,
        service: &ServiceUrl,
        chat: &ChatId,
        path: &str,
        body: &Value,
    ) -> Result<(), CallError> {
        let url = service.join(path).ok_or(CallError::Busy)?;
        self.pace.book(chat, Duration::ZERO).ok_or(CallError::Busy)?;
        self.send(&Method::POST, &url, body).await.map(drop)
    }

    async fn send(&self, method: &Method, url: &Url, body: &Value) -> Result<Answer, CallError> {
        let authorization = self.passes.authorization().await.map_err(CallError::Unsent)?;
        let request = self
            .http
            .request(method.clone(), url.clone())
            .header(header::AUTHORIZATION, authorization)
            .timeout(DEADLINE)
            .json(body);
        let mut answer = request.send().await.map_err(|cause| {
            // Without the address: it says nothing new, and names people's conversations.
            let cause = cause.without_url();
            if cause.is_connect() || cause.is_builder() {
                CallError::Unsent(cause.into())
            } else {
                CallError::Unknown(cause.into())
            }
        })?;
        let status = answer.status();
        let after = answer
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let mut bytes = Vec::new();
        while let Some(chunk) =
            answer.chunk().await.map_err(|cause| CallError::Unknown(cause.without_url().into()))?
        {
            if bytes.len() + chunk.len() > LARGEST {
                return Err(CallError::Unknown("the answer is too large".into()));
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, after, body })
    }

    /// Up to half as long again, so that many do not come back at once.
    fn jitter(&self, pause: Duration) -> Duration {
        let mut byte = [0];
        self.entropy.fill(&mut byte);
        let [drawn] = byte;
        pause + pause * u32::from(drawn) / 512
    }
}

struct Answer {
    status: StatusCode,
    after: Option<Duration>,
    body: Value,
}

fn refusal(answer: &Answer) -> CallError {
    match answer.status {
        StatusCode::PRECONDITION_FAILED | StatusCode::TOO_MANY_REQUESTS => return CallError::Busy,
        status if status.is_server_error() => {
            return CallError::Unknown(format!("it answered {status}").into());
        }
        _ => {}
    }
    let text = |name: &str| {
        let error = answer.body.get("error").unwrap_or(&answer.body);
        let text = error.get(name).and_then(Value::as_str).unwrap_or_default();
        text.chars().filter(|c| !c.is_control()).take(200).collect()
    };
    CallError::Refused {
        status: answer.status.as_u16(),
        code: text("code"),
        message: text("message"),
    }
}

/// Conversation ids stand in paths as they are, so they must be such that they can.
pub(crate) fn is_path_segment(chat: &ChatId) -> bool {
    let text = chat.as_str();
    let fits = |b: u8| b.is_ascii_alphanumeric() || b":@_-.~=+!*,;$()'".contains(&b);
    text.bytes().all(fits) && text.bytes().any(|b| b != b'.')
}

/// Where activities of a conversation are posted.
pub(crate) fn activities(chat: &ChatId) -> String {
    format!("v3/conversations/{chat}/activities")
}

/// One activity of it.
pub(crate) fn activity(chat: &ChatId, name: &str) -> String {
    format!("{}/{}", activities(chat), utf8_percent_encode(name, RESERVED))
}

/// RFC 3986 unreserved characters stay.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RETRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long one call may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
const DEADLINE: Duration = Duration::from_secs(20);
const LARGEST: usize = 256 * 1024;
