use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use subtwin_hear::Intake;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::notice::{Expected, NotOurs, Notice, Post};
use crate::status::Board;

/// What the service reaches of a twin: takes posts in, says so at once, and leaves opening them to
/// others.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) expected: watch::Receiver<Option<Expected>>,
    pub(crate) posts: mpsc::Sender<Batch>,
    pub(crate) lifecycle: mpsc::Sender<Lifecycle>,
    pub(crate) intake: Intake,
    pub(crate) board: Board,
    pub(crate) largest_post: usize,
    /// Posts being read.
    pub(crate) reading: Semaphore,
    /// Kilobytes of posts read and not yet opened.
    pub(crate) room: Arc<Semaphore>,
}

/// Notifications of one post that belong to our subscription, not yet opened.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) notices: Vec<Notice>,
    pub(crate) tokens: Vec<String>,
    /// Its share of the room, given back when it is opened.
    pub(crate) _room: OwnedSemaphorePermit,
}

/// What the service says about our subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    Reauthorize,
    Removed,
    Missed,
}

impl Front {
    pub(crate) const READING: usize = 32;
    pub(crate) const ROOM_KB: usize = 64 * 1024;

    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/notifications", post(receive))
            .route("/lifecycle", post(receive))
            .with_state(self)
    }

    /// Takes one post in. Both addresses take both kinds: which kind it is, the post says.
    fn take(&self, bytes: &[u8]) -> StatusCode {
        let Ok(post) = serde_json::from_slice::<Post>(bytes) else {
            return StatusCode::BAD_REQUEST;
        };
        let mut ours = Vec::new();
        let mut events = Vec::new();
        let mut refused = 0;
        let mut why = None;
        {
            let expected = self.expected.borrow();
            for notice in post.value {
                let check = match expected.as_ref() {
                    Some(expected) => notice.check(expected),
                    None => Err(NotOurs::Subscription),
                };
                match (check, &notice.lifecycle_event) {
                    (Ok(()), Some(event)) => events.extend(lifecycle(event)),
                    (Ok(()), None) => ours.push(notice),
                    (Err(error), _) => {
                        refused += 1;
                        why = Some(error);
                    }
                }
            }
        }
        if let Some(why) = why {
            // One line however many there are: anybody can send them.
            tracing::warn!(refused, last = %why, "notifications were refused");
            self.board.note(|status| status.refused += refused);
        }
        for event in events {
            // Only the last of many equal events matters, and there is room for those before it.
            let _ = self.lifecycle.try_send(event);
        }
        if ours.is_empty() {
            // Also when all were refused: who forges learns nothing.
            return StatusCode::ACCEPTED;
        }
        let kilobytes = u32::try_from(bytes.len() / 1024 + 1).unwrap_or(u32::MAX);
        let taken = Arc::clone(&self.room)
            .try_acquire_many_owned(kilobytes)
            .ok()
            .filter(|_| !self.intake.is_full())
            .map(|room| Batch { notices: ours, tokens: post.validation_tokens, _room: room })
            .is_some_and(|batch| self.posts.try_send(batch).is_ok());
        if taken {
            StatusCode::ACCEPTED
        } else {
            self.board.note(|status| status.turned_away += 1);
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// Answers the service's check that this address is ours, or takes a post in.
async fn receive(State(front): State<Arc<Front>>, request: Request) -> Response {
    if let Some(token) = validation_token(request.uri().query().unwrap_or_default()) {
        return match token {
            token if token.len() <= LONGEST_TOKEN => plain_text(token),
            _ => StatusCode::BAD_REQUEST.into_response(),
        };
    }
    let Ok(_reading) = front.reading.try_acquire() else {
        front.board.note(|status| status.turned_away += 1);
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let body = Limited::new(request.into_body(), front.largest_post).collect();
    match tokio::time::timeout(READ_DEADLINE, body).await {
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            StatusCode::PAYLOAD_TOO_LARGE.into_response()
        }
        Ok(Err(_)) => StatusCode::BAD_REQUEST.into_response(),
        Ok(Ok(body)) => front.take(&body.to_bytes()).into_response(),
    }
}

/// The token of the handshake, form-decoded: a `+` is a space.
fn validation_token(query: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "validationToken")
        .map(|(_, token)| token.into_owned())
}

fn plain_text(text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (StatusCode::OK, headers, text).into_response()
}

fn lifecycle(event: &str) -> Option<Lifecycle> {
    match event {
        "reauthorizationRequired" => Some(Lifecycle::Reauthorize),
        "subscriptionRemoved" => Some(Lifecycle::Removed),
        "missed" => Some(Lifecycle::Missed),
        _ => {
            tracing::warn!("an unknown lifecycle event was ignored");
            None
        }
    }
}

/// The service gives up after ten seconds.
const READ_DEADLINE: Duration = Duration::from_secs(10);

const LONGEST_TOKEN: usize = 4096;
