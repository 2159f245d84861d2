use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use axum::http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use subtwin_edge::markup;
use subtwin_hear::{Channel, ChannelError, Heard, Question, Seen, SeenError};
use subtwin_kernel::{ChatId, Clock, Entropy, MessageId, Span, UserId, Words};

use crate::chats::{Chats, Reference};
use crate::connector::{self, Again, CallError, Connector, is_path_segment};
use crate::numbers::Numbers;
use crate::pace::Pace;
use crate::prompts::Prompts;
use crate::service_url::ServiceUrl;
use crate::{Memory, MemoryError, Passes, Settings, card};

/// What the twin's voice is connected to.
#[derive(Clone, Debug)]
pub struct Ports {
    /// For calls to the connector. Must follow no redirection: the twin's token travels with it.
    pub http: reqwest::Client,
    /// The twin's tokens for the connector.
    pub passes: Arc<dyn Passes>,
    /// What survives a restart.
    pub memory: Arc<dyn Memory>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// What the twin says as a bot, and what it knows of the conversations.
#[derive(Debug)]
pub struct Voice {
    settings: Settings,
    connector: Connector,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    pub(crate) chats: Chats,
    pub(crate) numbers: Numbers,
    pub(crate) prompts: Prompts,
    known: Mutex<Known>,
}

/// What happened to messages, as far as this process saw it.
#[derive(Debug, Default)]
struct Known {
    /// Own messages, and whether they are as they were posted.
    own: HashMap<(ChatId, MessageId), bool>,
    order: VecDeque<(ChatId, MessageId)>,
    /// Messages that were edited or deleted.
    changed: HashMap<(ChatId, MessageId), ()>,
    changes: VecDeque<(ChatId, MessageId)>,
}

impl Voice {
    /// A twin's voice. Reads back what an earlier process knew.
    ///
    /// # Errors
    /// When the memory fails.
    pub async fn open(settings: &Settings, ports: Ports) -> Result<Arc<Self>, MemoryError> {
        let Ports { http, passes, memory, clock, entropy } = ports;
        let chats = Chats::open(memory, settings.allowed.clone(), clock.now()).await?;
        let connector =
            Connector { http, passes, entropy: Arc::clone(&entropy), pace: Pace::default() };
        Ok(Arc::new(Self {
            settings: settings.clone(),
            connector,
            clock,
            entropy,
            chats,
            numbers: Numbers::default(),
            prompts: Prompts::default(),
            known: Mutex::default(),
        }))
    }

    /// The durable memory of taken messages, with this channel's own: what came to its end is not
    /// kept for another look.
    #[must_use]
    pub fn seen(self: &Arc<Self>, seen: Arc<dyn Seen>) -> Arc<dyn Seen> {
        Arc::new(SeenHere { voice: Arc::clone(self), seen })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A message was edited or deleted by somebody.
    pub(crate) fn changed(&self, chat: &ChatId, message: MessageId) {
        let key = (chat.clone(), message);
        let mut known = self.known();
        if known.changed.insert(key.clone(), ()).is_none() {
            known.changes.push_back(key);
        }
        if known.changes.len() > MOST
            && let Some(oldest) = known.changes.pop_front()
        {
            known.changed.remove(&oldest);
        }
    }

    /// Shows that the twin is at work. A courtesy: nothing depends on it.
    pub(crate) async fn at_work(&self, chat: &ChatId) {
        let Ok(Some((reference, service))) = self.chats.get(chat).await else { return };
        let body = addressed(card::typing(), &reference);
        let path = connector::activities(chat);
        if let Err(error) = self.connector.offer(&service, chat, &path, &body).await {
            tracing::debug!(cause = crate::chain(&error), "showing that it is at work failed");
        }
    }

    async fn reference(
        &self,
        chat: &ChatId,
        operation: &'static str,
    ) -> Result<(Reference, ServiceUrl), ChannelError> {
        match self.chats.get(chat).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => {
                let reason = "it is not known where the conversation lives".to_owned();
                Err(ChannelError::Refused { operation, reason })
            }
            Err(cause) => Err(ChannelError::Unknown { operation, cause: cause.into() }),
        }
    }

    async fn send(
        &self,
        chat: &ChatId,
        activity: Value,
        words: &Words,
    ) -> Result<MessageId, ChannelError> {
        const OPERATION: &str = "post a message";
        let (reference, service) = self.reference(chat, OPERATION).await?;
        let body = addressed(activity, &reference);
        if body.to_string().len() > LONGEST_MESSAGE {
            let reason = format!("it is longer than {LONGEST_MESSAGE} bytes");
            return Err(ChannelError::Refused { operation: OPERATION, reason });
        }
        // A message nobody has the name of can never be taken out of the chat again.
        let again = if holds_a_secret(words) { Again::Never } else { Again::Harmless };
        let path = connector::activities(chat);
        let answer = self
            .connector
            .call(&service, chat, (Method::POST, &path, &body), again)
            .await
            .map_err(|error| channel_error(OPERATION, error))?;
        let name = answer.get("id").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| ChannelError::Unknown {
            operation: OPERATION,
            cause: "the answer holds no message id".into(),
        })?;
        let message = self.numbers.of(chat, name, self.clock.now());
        self.known().own(chat, message);
        self.chats.said(chat, message, &markup::plain(&words.to_text())).await;
        Ok(message)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Channel for Voice {
    async fn post(&self, chat: &ChatId, words: &Words) -> Result<MessageId, ChannelError> {
        self.send(chat, card::message(words), words).await
    }

    async fn ask(&self, chat: &ChatId, question: &Question) -> Result<MessageId, ChannelError> {
        let mut id = [0; 16];
        self.entropy.fill(&mut id);
        let id = hex::encode(id);
        // Before it is posted: nobody can press faster than the answer comes.
        self.prompts.begin(chat, &id, question);
        let posted = self.send(chat, card::question(question, &id), &question.words).await;
        match &posted {
            Ok(message) => self.prompts.posted(chat, &id, *message),
            Err(_) => self.prompts.failed(chat, &id),
        }
        posted
    }

    async fn edit(
        &self,
        chat: &ChatId,
        message: MessageId,
        words: &Words,
    ) -> Result<(), ChannelError> {
        const OPERATION: &str = "edit a message";
        let (reference, service) = self.reference(chat, OPERATION).await?;
        let name = self.numbers.name(chat, message);
        let mut activity = card::message(words);
        if let Some(activity) = activity.as_object_mut() {
            activity.insert("id".to_owned(), name.clone().into());
        }
        let body = addressed(activity, &reference);
        // Whatever comes of it, it is not certain to be as it was posted.
        if let Some(unchanged) = self.known().own.get_mut(&(chat.clone(), message)) {
            *unchanged = false;
        }
        self.prompts.gone(chat, message);
        let path = connector::activity(chat, &name);
        self.connector
            .call(&service, chat, (Method::PUT, &path, &body), Again::Harmless)
            .await
            .map(drop)
            .map_err(|error| channel_error(OPERATION, error))
    }

    /// As far as this process knows: nobody but the twin changes a bot's message, and a bot cannot
    /// read one back.
    async fn is_unchanged(&self, chat: &ChatId, message: MessageId) -> Result<bool, ChannelError> {
        let key = (chat.clone(), message);
        let known = self.known();
        Ok(known.own.get(&key).copied().unwrap_or(false) && !known.changed.contains_key(&key))
    }

    /// As far as the service has told: an edit or a deletion comes as an activity of its own.
    async fn still_says(&self, heard: &Heard) -> Result<bool, ChannelError> {
        Ok(!self.known().changed.contains_key(&(heard.chat.clone(), heard.message)))
    }

    async fn heard(
        &self,
        chat: &ChatId,
        message: MessageId,
    ) -> Result<Option<Heard>, ChannelError> {
        Ok(self.chats.heard(chat, message).await)
    }

    async fn own_since(
        &self,
        chat: &ChatId,
        after: MessageId,
    ) -> Result<Vec<(MessageId, String)>, ChannelError> {
        self.chats.own_since(chat, after).await.map_err(|cause| ChannelError::Unknown {
            operation: "look what was said",
            cause: cause.into(),
        })
    }

    async fn direct(&self, person: UserId) -> Result<ChatId, ChannelError> {
        const OPERATION: &str = "open a chat";
        let lost = |cause: MemoryError| ChannelError::Unknown {
            operation: OPERATION,
            cause: cause.into(),
        };
        if let Some(chat) = self.chats.of(person).await.map_err(lost)? {
            return Ok(chat);
        }
        let refused = |reason: &str| ChannelError::Refused {
            operation: OPERATION,
            reason: reason.to_owned(),
        };
        let service =
            self.settings.allowed.first().ok_or_else(|| refused("there is no service"))?;
        let tenant = self.settings.tenant;
        let bot = format!("28:{}", self.settings.app);
        let body = json!({
            "isGroup": false,
            "bot": {"id": bot},
            "members": [{"id": person.to_string()}],
            "tenantId": tenant.to_string(),
            "channelData": {"tenant": {"id": tenant.to_string()}},
        });
        // Counted for a conversation that has no id yet.
        let new = ChatId::parse(&person.to_string()).map_err(|_| refused("they have no id"))?;
        let call = (Method::POST, "v3/conversations", &body);
        // Opening it again gives the same conversation.
        let answer = self
            .connector
            .call(&service, &new, call, Again::Harmless)
            .await
            .map_err(|error| channel_error(OPERATION, error))?;
        let id = answer.get("id").and_then(Value::as_str).unwrap_or_default();
        let chat = ChatId::parse(id).ok().filter(is_path_segment);
        let chat = chat.ok_or_else(|| ChannelError::Unknown {
            operation: OPERATION,
            cause: "the answer holds no conversation id".into(),
        })?;
        let reference = Reference::new(&service, chat.clone(), person, person.to_string(), bot);
        self.chats.keep(reference).await.map_err(lost)?;
        Ok(chat)
    }
}

/// Tells the channel when the handling of a message has come to its end.
#[derive(Debug)]
struct SeenHere {
    voice: Arc<Voice>,
    seen: Arc<dyn Seen>,
}

#[async_trait]
impl Seen for SeenHere {
    async fn take(
        &self,
        chat: &ChatId,
        message: MessageId,
        at: Timestamp,
    ) -> Result<bool, SeenError> {
        self.seen.take(chat, message, at).await
    }

    async fn finish(&self, chat: &ChatId, message: MessageId) -> Result<(), SeenError> {
        let finished = self.seen.finish(chat, message).await;
        self.voice.chats.finish(chat, message).await;
        finished
    }
}

impl Known {
    fn own(&mut self, chat: &ChatId, message: MessageId) {
        let key = (chat.clone(), message);
        if self.own.insert(key.clone(), true).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.own.remove(&oldest);
        }
    }
}

/// From the twin to the person.
fn addressed(mut activity: Value, reference: &Reference) -> Value {
    if let Some(fields) = activity.as_object_mut() {
        fields.insert("from".to_owned(), json!({"id": reference.bot}));
        fields.insert("recipient".to_owned(), json!({"id": reference.account}));
        fields.insert("conversation".to_owned(), json!({"id": reference.chat.as_str()}));
    }
    activity
}

fn holds_a_secret(words: &Words) -> bool {
    words.paragraphs().iter().flatten().any(|span| matches!(span, Span::Secret(_)))
}

fn channel_error(operation: &'static str, error: CallError) -> ChannelError {
    let reason = match &error {
        CallError::Refused { status: 403, code, .. } if code == "MessageWritesBlocked" => {
            "the person has blocked or removed the twin's app, so it cannot write to them"
                .to_owned()
        }
        CallError::Refused { status: 403 | 404, .. } if operation == "open a chat" => format!(
            "{error}; the twin can write to somebody first only where its app is installed for them"
        ),
        CallError::Refused { .. } | CallError::Busy => error.to_string(),
        CallError::Unsent(_) => crate::chain(&error),
        CallError::Unknown(_) => {
            return ChannelError::Unknown { operation, cause: error.into() };
        }
    };
    ChannelError::Refused { operation, reason }
}

const MOST: usize = 4096;
/// Bytes of an activity. Teams takes about 28 KB.
const LONGEST_MESSAGE: usize = 28_000;
