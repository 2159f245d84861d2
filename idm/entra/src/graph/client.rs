use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use subtwin_kernel::Entropy;
use url::Url;
use uuid::Uuid;

use super::{GraphError, Read, Refused};
use crate::Cloud;
use crate::body::{read_body, retry_after};
use crate::session::{Bearer, Tokens};
use crate::token::challenge;

/// Graph, as one account or app. Cheap to clone.
///
/// Reads are repeated a few times when they fail for a reason that may pass; writes are sent once.
#[derive(Clone, Debug)]
pub struct Graph {
    cloud: Cloud,
    tokens: Tokens,
    entropy: Arc<dyn Entropy>,
}

/// Graph's yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The body, or null where there is none.
    pub body: Value,
    /// The answer's `request-id`, for support cases.
    pub request_id: Option<String>,
    /// Where what was begun can be looked at (`Location`), where Graph says so.
    pub location: Option<String>,
    /// How long it asks us to wait before looking.
    pub retry_after: Option<Duration>,
}

/// A request, ready to be sent as often as it may be.
struct Call<'a> {
    method: Method,
    url: Url,
    operation: String,
    body: Option<&'a Value>,
    eventual: bool,
    prefer: Option<&'static str>,
    headers: &'a [(&'static str, String)],
    client_request_id: Uuid,
}

struct Raw {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

impl Graph {
    /// Graph in a cloud, with tokens of one account or app.
    #[must_use]
    pub fn new(cloud: Cloud, tokens: Tokens, entropy: Arc<dyn Entropy>) -> Self {
        Self { cloud, tokens, entropy }
    }

    /// The address of Graph, without a slash at the end: object links start with it.
    #[must_use]
    pub fn address(&self) -> &str {
        self.cloud.graph()
    }

    /// Reads one object.
    ///
    /// # Errors
    /// As [`GraphError`] says.
    pub async fn get<T: DeserializeOwned>(&self, read: &Read) -> Result<T, GraphError> {
        let mut call = self.call(Method::GET, &read.path, None, self.entropy.guid())?;
        call.eventual = read.eventual;
        call.prefer = read.prefer;
        self.read(&call).await
    }

    /// Reads one object that may not exist.
    ///
    /// # Errors
    /// As [`GraphError`] says; 404 is no error.
    pub async fn find<T: DeserializeOwned>(&self, read: &Read) -> Result<Option<T>, GraphError> {
        match self.get(read).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks with a POST that only reads, such as `checkMemberGroups`.
    ///
    /// # Errors
    /// As [`GraphError`] says.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, GraphError> {
        let call = self.call(Method::POST, path, Some(body), self.entropy.guid())?;
        self.read(&call).await
    }

    /// Reads a list to its end, following links within this Graph only.
    ///
    /// # Errors
    /// As [`GraphError`] says; also when the list has more than `most` pages, because half a list
    /// would be taken for a whole one.
    pub async fn list<T: DeserializeOwned>(
        &self,
        read: &Read,
        most: usize,
    ) -> Result<Vec<T>, GraphError> {
        let mut call = self.call(Method::GET, &read.path, None, self.entropy.guid())?;
        call.eventual = read.eventual;
        call.prefer = read.prefer;
        let mut all = Vec::new();
        for _ in 0..most {
            let page: Page<T> = self.read(&call).await?;
            all.extend(page.value);
            let Some(next) = page.next else { return Ok(all) };
            let next = Url::parse(&next).map_err(|cause| call.unknown(cause))?;
            if next.origin() != call.url.origin() {
                return Err(call.unknown("the next page is at another address"));
            }
            call.url = next;
            call.client_request_id = self.entropy.guid();
        }
        Err(call.unknown(format!("the list has more than {most} pages")))
    }

    /// Sends a POST, once. Without a body an empty one is sent.
    ///
    /// # Errors
    /// As [`GraphError`] says.
    pub async fn post(&self, path: &str, body: Option<&Value>) -> Result<Answer, GraphError> {
        self.write(Method::POST, path, body, self.entropy.guid()).await
    }

    /// Sends a PATCH, once.
    ///
    /// # Errors
    /// As [`GraphError`] says.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Answer, GraphError> {
        self.write(Method::PATCH, path, Some(body), self.entropy.guid()).await
    }

    /// Sends a DELETE, once.
    ///
    /// # Errors
    /// As [`GraphError`] says.
    pub async fn delete(&self, path: &str) -> Result<Answer, GraphError> {
        self.write(Method::DELETE, path, None, self.entropy.guid()).await
    }

    /// Sends a write, once, under a `client-request-id` of the caller's.
    pub(crate) async fn write(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        client_request_id: Uuid,
    ) -> Result<Answer, GraphError> {
        let call = self.call(method, path, body, client_request_id)?;
        self.attempt(&call).await.map(|(_, answer)| answer)
    }

    /// Sends one request of a kind this crate has no words for, once, with header fields of the
    /// caller's. The adapters of other services of Graph (chats) use it.
    ///
    /// # Errors
    /// As [`GraphError`] says.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Option<&Value>,
    ) -> Result<(u16, Value), GraphError> {
        let mut call = self.call(method, path, body, self.entropy.guid())?;
        call.headers = headers;
        let (status, answer) = self.attempt(&call).await?;
        Ok((status, answer.body))
    }

    /// Gets a new token for the calls that follow: what lives off a token (a subscription) should
    /// be made with a young one.
    pub fn renew(&self) {
        self.tokens.drop_current();
    }

    fn call<'a>(
        &self,
        method: Method,
        path: &str,
        body: Option<&'a Value>,
        client_request_id: Uuid,
    ) -> Result<Call<'a>, GraphError> {
        let bare = path.split('?').next().unwrap_or_default();
        let operation = format!("{method} {bare}");
        let given = format!("{}{path}", self.cloud.graph);
        let url = Url::parse(&given).ok().filter(|url| {
            // A dot segment or a backslash would have been resolved to some other path.
            (bare.starts_with("/v1.0/") || bare.starts_with("/beta/"))
                && url.path() == bare
                && url.fragment().is_none()
        });
        match url {
            Some(url) => Ok(Call {
                method,
                url,
                operation,
                body,
                eventual: false,
                prefer: None,
                headers: &[],
                client_request_id,
            }),
            None => Err(GraphError::NotSent {
                operation,
                cause: "this is no canonical path of Graph's".into(),
            }),
        }
    }

    /// Sends a read until it is answered or the budget is used up.
    async fn read<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, GraphError> {
        let mut pauses = PAUSES.into_iter();
        let answer = loop {
            let error = match self.attempt(call).await {
                Ok((_, answer)) => break answer,
                Err(error) => error,
            };
            let asked = match &error {
                GraphError::Busy { after, .. } => *after,
                GraphError::NotSent { .. } | GraphError::Unknown { .. } => None,
                GraphError::NoToken { .. } | GraphError::Refused { .. } => return Err(error),
            };
            let Some(pause) = pauses.next().map(|pause| asked.unwrap_or(pause)) else {
                return Err(error);
            };
            if pause > LONGEST_PAUSE {
                return Err(error);
            }
            tracing::warn!(operation = call.operation, error = %error, "a read is repeated");
            tokio::time::sleep(pause).await;
        };
        serde_json::from_value(answer.body).map_err(|cause| call.unknown(cause))
    }

    /// Sends a request; again, once, if its token was not accepted, because then nothing happened.
    async fn attempt(&self, call: &Call<'_>) -> Result<(u16, Answer), GraphError> {
        let bearer = self.bearer(call).await?;
        let mut raw = self.once(call, &bearer).await?;
        if raw.status == StatusCode::UNAUTHORIZED {
            let demanded = raw
                .headers
                .get_all(WWW_AUTHENTICATE)
                .iter()
                .find_map(|header| challenge(header.to_str().ok()?));
            self.tokens.reject(&bearer, demanded);
            let bearer = self.bearer(call).await?;
            raw = self.once(call, &bearer).await?;
        }
        let request_id = raw
            .headers
            .get("request-id")
            .and_then(|id| id.to_str().ok())
            .map(|id| id.chars().take(100).collect::<String>());
        tracing::debug!(
            operation = call.operation,
            status = raw.status.as_u16(),
            request_id,
            client_request_id = %call.client_request_id,
            "graph answered"
        );
        call.judge(&raw, request_id).map(|answer| (raw.status.as_u16(), answer))
    }

    async fn bearer(&self, call: &Call<'_>) -> Result<Bearer, GraphError> {
        let operation = || call.operation.clone();
        self.tokens
            .bearer()
            .await
            .map_err(|cause| GraphError::NoToken { operation: operation(), cause })
    }

    async fn once(&self, call: &Call<'_>, bearer: &Bearer) -> Result<Raw, GraphError> {
        let mut request = self
            .cloud
            .http
            .request(call.method.clone(), call.url.clone())
            .header(AUTHORIZATION, bearer.header.clone())
            .header("client-request-id", call.client_request_id.to_string())
            .header("return-client-request-id", "true");
        if call.eventual {
            request = request.header("ConsistencyLevel", "eventual");
        }
        if let Some(prefer) = call.prefer {
            request = request.header("Prefer", prefer);
        }
        for (name, value) in call.headers {
            request = request.header(*name, value);
        }
        request = match call.body {
            Some(body) => request.json(body),
            // Front ends answer 411 to a POST that does not say that it is empty.
            None if call.method == Method::POST => request.header(CONTENT_LENGTH, "0"),
            None => request,
        };
        let mut response = request.send().await.map_err(|cause| {
            let cause = cause.without_url();
            if cause.is_connect() || cause.is_builder() {
                GraphError::NotSent { operation: call.operation.clone(), cause: cause.into() }
            } else {
                call.unknown(cause)
            }
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(&mut response).await.map_err(|cause| call.unknown(cause))?;
        Ok(Raw { status, headers, body })
    }
}

impl Call<'_> {
    fn unknown(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> GraphError {
        GraphError::Unknown { operation: self.operation.clone(), cause: cause.into() }
    }

    fn judge(&self, raw: &Raw, request_id: Option<String>) -> Result<Answer, GraphError> {
        let operation = || self.operation.clone();
        let after = retry_after(&raw.headers);
        match raw.status.as_u16() {
            200..=299 => {
                let body = if raw.body.is_empty() {
                    Value::Null
                } else {
                    serde_json::from_slice(&raw.body).map_err(|cause| self.unknown(cause))?
                };
                let location = raw.headers.get(LOCATION).and_then(|it| it.to_str().ok());
                let location = location.map(|it| it.chars().take(2000).collect());
                Ok(Answer { body, request_id, location, retry_after: after })
            }
            429 => Err(GraphError::Busy { operation: operation(), after }),
            503 if after.is_some() => Err(GraphError::Busy { operation: operation(), after }),
            // 408: the service gave up waiting, perhaps in the middle.
            status @ 400..=499 if status != 408 => Err(GraphError::Refused {
                operation: operation(),
                refused: Refused::read(status, &raw.body, request_id),
            }),
            status => Err(self.unknown(format!("Graph answered {status}"))),
        }
    }
}

const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];
/// A read that must wait longer is given back, so that somebody can be told.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
