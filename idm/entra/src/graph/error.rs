use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::token::{TokenError, without_secrets};

/// A definite no from Graph: nothing happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// HTTP status, 400 to 499.
    pub status: u16,
    /// Graph's code, for example `Request_ResourceNotFound`.
    pub code: String,
    /// Graph's message.
    pub message: String,
    /// For a support case.
    pub request_id: Option<String>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)
    }
}

/// Why a request to Graph did not end well, told apart by what may have happened. Holds no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// There is no token to send it with: nothing was sent.
    #[error("`{operation}` was not sent: there is no token")]
    NoToken {
        /// Method and path.
        operation: String,
        /// Why not.
        #[source]
        cause: Arc<TokenError>,
    },
    /// No connection, or a request that must not be sent: nothing was sent.
    #[error("`{operation}` was not sent")]
    NotSent {
        /// Method and path.
        operation: String,
        /// Why not.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A definite no: nothing happened.
    #[error("Graph refused `{operation}` with {refused}")]
    Refused {
        /// Method and path.
        operation: String,
        /// What it said.
        refused: Refused,
    },
    /// Turned away before anything happened: 429, or 503 that names a time.
    #[error("Graph is too busy for `{operation}`")]
    Busy {
        /// Method and path.
        operation: String,
        /// How long it asks us to wait, where it does.
        after: Option<Duration>,
    },
    /// No answer, half an answer, or a server error: it may or may not have happened.
    #[error("the answer to `{operation}` was lost; it may or may not have happened")]
    Unknown {
        /// Method and path.
        operation: String,
        /// What went wrong.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl GraphError {
    /// What Graph said, when it said a definite no.
    #[must_use]
    pub const fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused { refused, .. } => Some(refused),
            Self::NoToken { .. }
            | Self::NotSent { .. }
            | Self::Busy { .. }
            | Self::Unknown { .. } => None,
        }
    }

    /// Whether it is a definite "there is no such object".
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.refused().is_some_and(|refused| refused.status == 404)
    }
}

#[derive(Deserialize)]
struct Body {
    error: Inner,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(alias = "innererror", rename = "innerError")]
    inner: Option<Ids>,
}

#[derive(Deserialize)]
struct Ids {
    #[serde(rename = "request-id")]
    request_id: Option<String>,
}

impl Refused {
    /// Reads an error body. One that is none still gives the status.
    pub(super) fn read(status: u16, body: &[u8], request_id: Option<String>) -> Self {
        let Ok(Body { error }) = serde_json::from_slice(body) else {
            return Self {
                status,
                code: format!("HTTP {status}"),
                message: String::new(),
                request_id,
            };
        };
        let short = |text: String, most| text.chars().take(most).collect::<String>();
        Self {
            status,
            code: short(error.code, 120),
            // Only the token itself could be echoed, and only by who was shown a bad one.
            message: if status == 401 {
                without_secrets(&error.message)
            } else {
                short(error.message, 1000)
            },
            request_id: request_id.or(error.inner.and_then(|ids| ids.request_id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_the_inner_error_are_read() {
        for spelling in ["innerError", "innererror"] {
            let body = format!(
                r#"{{"error":{{"code":"Request_BadRequest","message":"No.","{spelling}":
                   {{"date":"2026-09-01T10:00:00","request-id":"abc","client-request-id":"abc"}}}}}}"#
            );
            let refused = Refused::read(400, body.as_bytes(), None);
            assert_eq!(refused.request_id.as_deref(), Some("abc"));
            assert_eq!(refused.to_string(), "400 Request_BadRequest: No.");
        }
    }

    #[test]
    fn a_refusal_without_a_readable_body_keeps_its_status() {
        let refused = Refused::read(403, b"<html>", Some("id".to_owned()));
        assert_eq!((refused.status, refused.code.as_str()), (403, "HTTP 403"));
        assert_eq!(refused.request_id.as_deref(), Some("id"));
    }
}
