//! Calls to Graph with a budget of retries.

use std::time::Duration;

use jiff::Timestamp;
use subtwin_kernel::ChatId;

use crate::graph::{chat_path, encode, items, next_page};
use crate::message::{Listener, Message};
use crate::{Graph, GraphAnswer, GraphError, GraphRequest, Verb};

/// A budget of retries: so many, and waiting no longer than so long in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    left: u32,
    wait_left: Duration,
    next: Duration,
}

impl Pauses {
    pub(crate) const fn new() -> Self {
        Self { left: 4, wait_left: Duration::from_secs(60), next: Duration::from_millis(500) }
    }

    /// How long to wait before trying again; nothing when the budget is spent or trying again
    /// cannot help.
    pub(crate) fn after(&mut self, error: &GraphError) -> Option<Duration> {
        let pause = match error {
            GraphError::Refused { .. } => return None,
            GraphError::Busy { after: Some(after) } => *after,
            GraphError::Busy { after: None } | GraphError::Unknown { .. } => self.next,
        };
        self.left = self.left.checked_sub(1)?;
        self.wait_left = self.wait_left.checked_sub(pause)?;
        self.next *= 2;
        Some(pause)
    }
}

/// Sends a request that may be carried out twice without harm.
pub(crate) async fn repeat(
    graph: &dyn Graph,
    request: GraphRequest,
) -> Result<GraphAnswer, GraphError> {
    let mut pauses = Pauses::new();
    loop {
        let error = match graph.call(request.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match pauses.after(&error) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
    }
}

/// The messages of a chat that were made or changed after an instant, oldest first.
///
/// The filter counts only because the order names the same property. What cannot be read as a
/// message is left out.
pub(crate) async fn messages_since(
    graph: &dyn Graph,
    listener: Listener,
    chat: &ChatId,
    since: Timestamp,
) -> Result<Vec<Message>, GraphError> {
    let filter = encode(&format!("lastModifiedDateTime gt {since}"));
    let order = encode("lastModifiedDateTime desc");
    let mut next =
        Some(format!("{}/messages?$top=50&$orderby={order}&$filter={filter}", chat_path(chat)));
    let mut messages = Vec::new();
    for page in 0.. {
        let Some(path) = next else { break };
        if page == MOST_PAGES {
            tracing::error!(%chat, %since, "more messages than can be read; the oldest are left");
            break;
        }
        let mut body = repeat(graph, GraphRequest::new(Verb::Get, path)).await?.body;
        next = next_page(&body);
        for item in items(&mut body) {
            match Message::read(&item, Some(chat), listener) {
                // A service that ignores the filter must not make old messages new.
                Ok(message) if message.modified > since => messages.push(message),
                Ok(_) => {}
                Err(error) => tracing::warn!(%chat, %error, "a message cannot be read"),
            }
        }
    }
    messages.sort_by_key(|message| message.id);
    messages.dedup_by_key(|message| message.id);
    Ok(messages)
}

/// Pages of 50 read of one chat at a time.
const MOST_PAGES: u32 = 100;
