use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use subtwin_edge::markup;
use subtwin_hear::{Channel, ChannelError, Heard};
use subtwin_kernel::{ChatId, Clock, MessageId, UserId, Words};

use crate::calls::{Pauses, messages_since, repeat};
use crate::graph::{chat_path, message_path};
use crate::message::{Incoming, Listener, Message, time};
use crate::{Graph, GraphError, GraphRequest, Settings, Verb};

/// What the twin says in Teams chats.
#[derive(Debug)]
pub struct Voice {
    graph: Arc<dyn Graph>,
    clock: Arc<dyn Clock>,
    listener: Listener,
    known: Mutex<Known>,
}

/// What this process knows of the chats, as far as it needs it to recognise its own messages.
#[derive(Debug, Default)]
struct Known {
    /// Own messages as they were last written.
    own: HashMap<(ChatId, MessageId), Own>,
    /// The same, oldest first.
    order: VecDeque<(ChatId, MessageId)>,
    /// The newest message seen in a chat, whoever wrote it.
    newest: HashMap<ChatId, MessageId>,
}

#[derive(Clone, Debug)]
struct Own {
    text: String,
    edited: Edited,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edited {
    Never,
    /// By us; the service's time of it is not known.
    Sometime,
    /// By us, at this time of the service.
    At(Timestamp),
}

impl Voice {
    /// A twin's voice.
    #[must_use]
    pub fn new(settings: &Settings, graph: Arc<dyn Graph>, clock: Arc<dyn Clock>) -> Self {
        let listener = settings.listener();
        Self { graph, clock, listener, known: Mutex::default() }
    }

    /// Notes that a message exists: what is posted from now on is newer.
    pub(crate) fn saw(&self, chat: &ChatId, message: MessageId) {
        self.known().saw(chat, message);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for a message of ours that this process does not know and that says `text`.
    async fn find(
        &self,
        chat: &ChatId,
        after: MessageId,
        text: &str,
    ) -> Result<Option<MessageId>, GraphError> {
        let since = time(after).unwrap_or(Timestamp::UNIX_EPOCH);
        let messages = messages_since(&*self.graph, self.listener, chat, since).await?;
        let mut known = self.known();
        let found = messages.into_iter().find(|message| {
            message.by_account
                && message.id > after
                && !message.deleted
                && message.text == text
                && known.claim(chat, message.id, text)
        });
        Ok(found.map(|message| message.id))
    }

    /// Looks for a message whose posting was not answered, twice: it may take the service a moment
    /// to show it.
    async fn find_lost(
        &self,
        chat: &ChatId,
        after: MessageId,
        text: &str,
    ) -> Result<Option<MessageId>, GraphError> {
        for pause in LOOK_AFTER {
            tokio::time::sleep(pause).await;
            let found = self.find(chat, after, text).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn message(
        &self,
        chat: &ChatId,
        message: MessageId,
    ) -> Result<Option<Message>, GraphError> {
        let request = GraphRequest::new(Verb::Get, message_path(chat, message));
        match repeat(&*self.graph, request).await {
            Ok(answer) => Message::read(&answer.body, Some(chat), self.listener)
                .map(Some)
                .map_err(|error| GraphError::Unknown { cause: error.into() }),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Channel for Voice {
    async fn post(&self, chat: &ChatId, words: &Words) -> Result<MessageId, ChannelError> {
        const OPERATION: &str = "post a message";
        let body = markup(words, OPERATION)?;
        let text = markup::read(&body);
        // By the service's time where possible; by ours, with room for its being off, where not.
        let after = self.known().newest.get(chat).copied();
        let after = after.unwrap_or_else(|| just_now(self.clock.now()));
        let request = GraphRequest::new(Verb::Post, format!("{}/messages", chat_path(chat)))
            .with(json!({"body": {"contentType": "html", "content": body}}));

        let mut pauses = Pauses::new();
        loop {
            let error = match self.graph.call(request.clone()).await {
                Ok(answer) => match answer.body.get("id").and_then(Value::as_str).map(str::parse) {
                    Some(Ok(id)) => {
                        self.known().claim(chat, id, &text);
                        return Ok(id);
                    }
                    Some(Err(_)) | None => GraphError::Unknown { cause: NO_ID.into() },
                },
                Err(error) => error,
            };
            match &error {
                GraphError::Refused { .. } => return Err(channel_error(OPERATION, error)),
                GraphError::Busy { .. } => match pauses.after(&error) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(channel_error(OPERATION, error)),
                },
                GraphError::Unknown { .. } => {
                    tracing::warn!(%chat, "posting was not answered; looking for the message");
                    match self.find_lost(chat, after, &text).await {
                        Ok(Some(id)) => return Ok(id),
                        Ok(None) if pauses.after(&error).is_some() => {}
                        // Without having looked, posting again could say it twice.
                        Ok(None) | Err(_) => return Err(channel_error(OPERATION, error)),
                    }
                }
            }
        }
    }

    async fn edit(
        &self,
        chat: &ChatId,
        message: MessageId,
        words: &Words,
    ) -> Result<(), ChannelError> {
        const OPERATION: &str = "edit a message";
        let body = markup(words, OPERATION)?;
        let text = markup::read(&body);
        let request = GraphRequest::new(Verb::Patch, message_path(chat, message))
            .with(json!({"body": {"contentType": "html", "content": body}}));
        repeat(&*self.graph, request).await.map_err(|error| channel_error(OPERATION, error))?;
        // The answer is empty; the time of the edit tells it later from another's.
        let edited = match self.message(chat, message).await {
            Ok(Some(Message { last_edited: Some(at), .. })) => Edited::At(at),
            Ok(_) | Err(_) => Edited::Sometime,
        };
        self.known().own(chat, message, Own { text, edited });
        Ok(())
    }

    async fn is_unchanged(&self, chat: &ChatId, message: MessageId) -> Result<bool, ChannelError> {
        let found = self
            .message(chat, message)
            .await
            .map_err(|error| channel_error("read a message", error))?;
        let Some(found) = found.filter(|found| found.by_account && !found.deleted) else {
            return Ok(false);
        };
        let own = self.known().own.get(&(chat.clone(), message)).cloned();
        Ok(match own {
            Some(own) => {
                found.text == own.text
                    && match (found.last_edited, own.edited) {
                        (None, _) | (Some(_), Edited::Sometime) => true,
                        (Some(_), Edited::Never) => false,
                        (Some(seen), Edited::At(ours)) => seen == ours,
                    }
            }
            // Posted by an earlier process: what it said is not known, so no edit is ours.
            None => found.last_edited.is_none() && !found.text.is_empty(),
        })
    }

    async fn heard(
        &self,
        chat: &ChatId,
        message: MessageId,
    ) -> Result<Option<Heard>, ChannelError> {
        let found = self
            .message(chat, message)
            .await
            .map_err(|error| channel_error("read a message again", error))?;
        Ok(found.and_then(|message| match message.incoming {
            Incoming::Heard(heard) => Some(heard),
            Incoming::Own | Incoming::System | Incoming::Gone | Incoming::Ignored(_) => None,
        }))
    }

    async fn still_says(&self, heard: &Heard) -> Result<bool, ChannelError> {
        let found = self.heard(&heard.chat, heard.message).await?;
        Ok(found.is_some_and(|found| {
            !found.edited && found.text == heard.text && found.from.user == heard.from.user
        }))
    }

    async fn own_since(
        &self,
        chat: &ChatId,
        after: MessageId,
    ) -> Result<Vec<(MessageId, String)>, ChannelError> {
        let since = time(after).unwrap_or(Timestamp::UNIX_EPOCH);
        let messages = messages_since(&*self.graph, self.listener, chat, since)
            .await
            .map_err(|error| channel_error("read messages", error))?;
        Ok(messages
            .into_iter()
            .filter(|message| message.by_account && !message.deleted && message.id > after)
            .map(|message| (message.id, message.text))
            .collect())
    }

    async fn direct(&self, person: UserId) -> Result<ChatId, ChannelError> {
        const OPERATION: &str = "open a chat";
        let member = |id: UserId| {
            json!({
                "@odata.type": "#microsoft.graph.aadUserConversationMember",
                "roles": ["owner"],
                "user@odata.bind": format!("https://graph.microsoft.com/v1.0/users('{id}')"),
            })
        };
        let people = [member(self.listener.twin.as_user()), member(person)];
        let request = GraphRequest::new(Verb::Post, "/v1.0/chats".to_owned())
            .with(json!({"chatType": "oneOnOne", "members": people}));
        // Opening it again gives the same chat.
        let answer =
            repeat(&*self.graph, request).await.map_err(|error| channel_error(OPERATION, error))?;
        let id = answer.body.get("id").and_then(Value::as_str).unwrap_or_default();
        ChatId::parse(id)
            .map_err(|cause| ChannelError::Unknown { operation: OPERATION, cause: cause.into() })
    }
}

impl Known {
    fn saw(&mut self, chat: &ChatId, message: MessageId) {
        if let Some(newest) = self.newest.get_mut(chat) {
            *newest = message.max(*newest);
        } else {
            if self.newest.len() >= MOST_CHATS {
                self.newest.clear();
            }
            self.newest.insert(chat.clone(), message);
        }
    }

    /// Takes a message as the result of one posting; `false` when it is another's.
    fn claim(&mut self, chat: &ChatId, message: MessageId, text: &str) -> bool {
        if self.own.contains_key(&(chat.clone(), message)) {
            return false;
        }
        self.own(chat, message, Own { text: text.to_owned(), edited: Edited::Never });
        true
    }

    fn own(&mut self, chat: &ChatId, message: MessageId, own: Own) {
        self.saw(chat, message);
        let key = (chat.clone(), message);
        if self.own.insert(key.clone(), own).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > MOST_OWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.own.remove(&oldest);
        }
    }
}

fn markup(words: &Words, operation: &'static str) -> Result<String, ChannelError> {
    let body = markup::write(words);
    if body.chars().count() > LONGEST_MESSAGE {
        let reason = format!("it is longer than {LONGEST_MESSAGE} characters");
        return Err(ChannelError::Refused { operation, reason });
    }
    Ok(body)
}

fn channel_error(operation: &'static str, error: GraphError) -> ChannelError {
    match error {
        GraphError::Refused { .. } => {
            ChannelError::Refused { operation, reason: error.to_string() }
        }
        GraphError::Busy { .. } => ChannelError::Refused { operation, reason: TOO_BUSY.to_owned() },
        GraphError::Unknown { cause } => ChannelError::Unknown { operation, cause },
    }
}

/// The id a message would have that was written a minute ago.
fn just_now(now: Timestamp) -> MessageId {
    MessageId::new(u64::try_from(now.as_millisecond()).unwrap_or(0).saturating_sub(60_000))
}

/// Markup included. Teams takes about 28 KB.
const LONGEST_MESSAGE: usize = 28_000;

/// When a message whose posting was not answered is looked for, one after the other.
const LOOK_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

const MOST_OWN: usize = 4096;
const MOST_CHATS: usize = 10_000;
const NO_ID: &str = "the answer holds no message id";
const TOO_BUSY: &str = "it is too busy";
