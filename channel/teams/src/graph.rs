use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use subtwin_kernel::{ChatId, MessageId};

/// The methods this crate uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 9110 names")]
pub enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

/// One Graph request, as the twin.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphRequest {
    /// Method.
    pub verb: Verb,
    /// Path from the version on with the query, already encoded: `/v1.0/me/chats?$top=50`.
    pub path: String,
    /// Header fields besides the authorization and what every request carries.
    pub headers: Vec<(&'static str, String)>,
    /// JSON body, or nothing.
    pub body: Option<Value>,
    /// Send it with an access token got for this request, not with one already in use. A
    /// subscription lives off the token it was made or renewed with, so that one must be young.
    pub new_token: bool,
}

/// What Graph answered with a 2xx status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphAnswer {
    /// The status.
    pub status: u16,
    /// The JSON body; `Null` when there is none.
    pub body: Value,
}

/// Why there is no 2xx answer.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// Graph refused, with a status below 500 that is not 429.
    #[error("Graph answered {status} `{code}`: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// `error.code`.
        code: String,
        /// `error.message`.
        message: String,
    },
    /// 429, or 503 with `Retry-After`: it was not carried out.
    #[error("Graph is busy")]
    Busy {
        /// `Retry-After`, where it was given.
        after: Option<Duration>,
    },
    /// No answer, or another server error: it may or may not have been carried out.
    #[error("Graph did not answer")]
    Unknown {
        /// What went wrong.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Graph, as the twin. Bounds the answer's size and has a deadline for each call; sends a request
/// once and leaves trying again to the caller.
#[async_trait]
pub trait Graph: Send + Sync + fmt::Debug {
    /// Sends one request.
    ///
    /// # Errors
    /// When there is no 2xx answer.
    async fn call(&self, request: GraphRequest) -> Result<GraphAnswer, GraphError>;
}

impl GraphRequest {
    /// A request without a body.
    #[must_use]
    pub fn new(verb: Verb, path: String) -> Self {
        Self { verb, path, headers: Vec::new(), body: None, new_token: false }
    }

    /// With a JSON body.
    #[must_use]
    pub fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// With a new access token.
    #[must_use]
    pub fn with_new_token(mut self) -> Self {
        self.new_token = true;
        self
    }
}

impl GraphError {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Busy { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// A chat's path, its id percent-encoded.
pub(crate) fn chat_path(chat: &ChatId) -> String {
    format!("/v1.0/chats/{}", encode(chat.as_str()))
}

/// A message's path.
pub(crate) fn message_path(chat: &ChatId, message: MessageId) -> String {
    format!("{}/messages/{message}", chat_path(chat))
}

/// Percent-encodes a text for a path segment or a query value.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// What `@odata.nextLink` names, as a path. The host is left out: the next request goes where this
/// crate's requests go, whatever a link says, and so does its token.
pub(crate) fn next_page(body: &Value) -> Option<String> {
    let link = body.get("@odata.nextLink")?.as_str()?;
    let from = link.find("/v1.0/")?;
    link.get(from..).filter(|path| path.len() <= LONGEST_PATH).map(str::to_owned)
}

/// The items of a collection's page.
pub(crate) fn items(body: &mut Value) -> Vec<Value> {
    match body.get_mut("value").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// RFC 3986 unreserved characters stay.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const LONGEST_PATH: usize = 16 * 1024;
