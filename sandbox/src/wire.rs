//! Requests and responses between the HTTP server and the services behind it.

use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::Value;

/// Which of the cloud's services a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// `login.microsoftonline.com` and its aliases.
    Login,
    /// `graph.microsoft.com`.
    Graph,
    /// `manage.office.com`.
    Manage,
    /// `management.azure.com`: just enough for `az login`.
    Azure,
    /// `main.iam.ad.ext.azure.com`: just enough for `az ad app permission admin-consent`.
    Portal,
    /// `smba.trafficmanager.net`: Bot Connector.
    Connector,
    /// `login.botframework.com`: Bot Connector's keys.
    BotLogin,
    /// The page and the control endpoints: the sandbox's own.
    Local,
}

/// One HTTP request, body read.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) service: Service,
    pub(crate) method: String,
    /// Raw path, percent-encoded, without query.
    pub(crate) path: String,
    /// Raw query without `?`.
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// `https://host[:port]` as the client wrote it; base of absolute links in answers.
    pub(crate) origin: String,
}

impl Request {
    /// A header as text, if it is there once and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// One HTTP response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// What a response carries.
#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Html(String),
    Text(String),
    /// Whatever the `Content-Type` among the headers says.
    Bytes(Bytes),
    /// A static file: content type, bytes.
    File(&'static str, &'static [u8]),
    /// Server-sent events: each item is one event's `data`.
    Events(tokio::sync::mpsc::Receiver<String>),
    /// No answer at all: the connection is closed.
    Cut,
}

impl Response {
    pub(crate) fn json(status: u16, value: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(value) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Empty }
    }

    pub(crate) fn html(status: u16, page: String) -> Self {
        Self { status, headers: Vec::new(), body: Body::Html(page) }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A field of a JSON object; `null` when it is not there.
pub(crate) fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

/// What a JSON pointer (RFC 6901) names; `null` when it is not there.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// Sets a field of a JSON object.
pub(crate) fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}
