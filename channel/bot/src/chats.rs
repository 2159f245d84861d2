use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{ChatId, MessageId, Secret, TenantId, UserId};

use crate::service_url::ServiceUrl;
use crate::{Allowed, Memory, MemoryError};

/// What must be known of a conversation to speak in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    service_url: String,
    pub(crate) chat: ChatId,
    /// The one person in it.
    pub(crate) person: UserId,
    /// What the connector calls them, for this bot alone (`29:…`).
    pub(crate) account: String,
    /// What the connector calls the bot.
    pub(crate) bot: String,
    /// The twin's last own messages, oldest first: to see after a restart whether something was
    /// said. A secret is not in them.
    #[serde(default)]
    own: Vec<(MessageId, String)>,
}

impl Reference {
    pub(crate) fn new(
        service: &ServiceUrl,
        chat: ChatId,
        person: UserId,
        account: String,
        bot: String,
    ) -> Self {
        let service_url = service.as_str().to_owned();
        Self { service_url, chat, person, account, bot, own: Vec::new() }
    }

    fn is_like(&self, other: &Self) -> bool {
        let facts =
            |it: &Self| (it.service_url.clone(), it.person, it.account.clone(), it.bot.clone());
        facts(self) == facts(other)
    }
}

/// A message that was taken in and not answered yet: a bot cannot read it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    chat: ChatId,
    message: MessageId,
    tenant: TenantId,
    user: UserId,
    display_name: String,
    text: String,
    at: Timestamp,
    refers_to: Option<Option<MessageId>>,
    #[serde(skip)]
    given_out: bool,
}

/// The conversations, and the messages that wait: what a bot must remember because it can look
/// nothing up. All of it is sealed on disk.
#[derive(Debug)]
pub(crate) struct Chats {
    memory: Arc<dyn Memory>,
    allowed: Allowed,
    known: Mutex<HashMap<ChatId, Reference>>,
    /// Held while a conversation is written, so that no write undoes another.
    writing: tokio::sync::Mutex<()>,
    waiting: tokio::sync::Mutex<Vec<Kept>>,
}

impl Chats {
    /// Reads back what an earlier process took in and did not finish.
    pub(crate) async fn open(
        memory: Arc<dyn Memory>,
        allowed: Allowed,
        now: Timestamp,
    ) -> Result<Self, MemoryError> {
        let mut waiting: Vec<Kept> = read(&*memory, WAITING).await?.unwrap_or_default();
        waiting.retain(|kept| now.duration_since(kept.at) < LONGEST_WAIT);
        Ok(Self {
            memory,
            allowed,
            known: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            waiting: tokio::sync::Mutex::new(waiting),
        })
    }

    /// What waits from an earlier process, oldest first.
    pub(crate) async fn waiting(&self) -> Vec<Heard> {
        self.waiting.lock().await.iter().map(Kept::heard).collect()
    }

    /// Notes durably that a message waits for its answer. `false` when too many do.
    pub(crate) async fn wait(&self, heard: &Heard) -> Result<bool, MemoryError> {
        let mut waiting = self.waiting.lock().await;
        if waiting.iter().any(|kept| kept.is(&heard.chat, heard.message)) {
            return Ok(true);
        }
        if waiting.len() >= MOST_WAITING {
            return Ok(false);
        }
        waiting.push(Kept::of(heard));
        let written = write(&*self.memory, WAITING, &*waiting).await;
        if written.is_err() {
            waiting.pop();
        }
        written.map(|()| true)
    }

    /// A message does not wait any more.
    pub(crate) async fn finish(&self, chat: &ChatId, message: MessageId) {
        self.forget(|kept| kept.is(chat, message)).await;
    }

    async fn forget(&self, which: impl Fn(&Kept) -> bool) {
        let mut waiting = self.waiting.lock().await;
        let before = waiting.len();
        waiting.retain(|kept| !which(kept));
        if waiting.len() != before
            && let Err(cause) = write(&*self.memory, WAITING, &*waiting).await
        {
            tracing::warn!(cause = crate::chain(&cause), "a message that was answered stays noted");
        }
    }

    /// A message that waits, once more, for whoever answers what an earlier process left.
    pub(crate) async fn heard(&self, chat: &ChatId, message: MessageId) -> Option<Heard> {
        let mut waiting = self.waiting.lock().await;
        let kept = waiting.iter_mut().find(|kept| kept.is(chat, message))?;
        kept.given_out = true;
        Some(kept.heard())
    }

    /// Where a conversation lives; `None` when the twin was never in it, or may not speak there any
    /// more.
    pub(crate) async fn get(
        &self,
        chat: &ChatId,
    ) -> Result<Option<(Reference, ServiceUrl)>, MemoryError> {
        let known = self.lock().get(chat).cloned();
        let reference = match known {
            Some(known) => Some(known),
            None => read(&*self.memory, &chat_name(chat)).await?,
        };
        // The list of allowed services may be another one now.
        Ok(reference.and_then(|reference: Reference| {
            let service = self.allowed.check(&reference.service_url)?;
            Some((reference, service))
        }))
    }

    /// Keeps where a conversation lives.
    pub(crate) async fn keep(&self, mut reference: Reference) -> Result<(), MemoryError> {
        let chat = reference.chat.clone();
        let _one = self.writing.lock().await;
        let before = match self.get(&chat).await? {
            Some((before, _)) if before.is_like(&reference) => {
                self.cache(before);
                return Ok(());
            }
            Some((before, _)) => before.own,
            None => Vec::new(),
        };
        reference.own = before;
        write(&*self.memory, &chat_name(&chat), &reference).await?;
        write(&*self.memory, &person_name(reference.person), &chat).await?;
        self.cache(reference);
        Ok(())
    }

    /// The conversation with a person, if there is one.
    pub(crate) async fn of(&self, person: UserId) -> Result<Option<ChatId>, MemoryError> {
        let chat: Option<ChatId> = read(&*self.memory, &person_name(person)).await?;
        let Some(chat) = chat else { return Ok(None) };
        Ok(self.get(&chat).await?.map(|_| chat))
    }

    /// The twin said something.
    pub(crate) async fn said(&self, chat: &ChatId, message: MessageId, text: &str) {
        let said = async {
            let _one = self.writing.lock().await;
            let Some((mut reference, _)) = self.get(chat).await? else { return Ok(()) };
            reference.own.push((message, text.chars().take(LONGEST_OWN).collect()));
            let many = reference.own.len().saturating_sub(MOST_OWN);
            reference.own.drain(..many);
            let written = write(&*self.memory, &chat_name(chat), &reference).await;
            self.cache(reference);
            written
        };
        if let Err(cause) = said.await {
            tracing::warn!(cause = crate::chain(&cause), "what was said could not be noted");
        }
        // What was given out a second time has its answer now.
        self.forget(|kept| kept.given_out && kept.chat == *chat).await;
    }

    /// The twin's own messages after one.
    pub(crate) async fn own_since(
        &self,
        chat: &ChatId,
        after: MessageId,
    ) -> Result<Vec<(MessageId, String)>, MemoryError> {
        let own = self.get(chat).await?.map(|(reference, _)| reference.own).unwrap_or_default();
        Ok(own.into_iter().filter(|(message, _)| *message > after).collect())
    }

    fn cache(&self, reference: Reference) {
        let mut known = self.lock();
        if known.len() >= MOST_CACHED {
            known.clear();
        }
        known.insert(reference.chat.clone(), reference);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChatId, Reference>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn of(heard: &Heard) -> Self {
        Self {
            chat: heard.chat.clone(),
            message: heard.message,
            tenant: heard.from.tenant,
            user: heard.from.user,
            display_name: heard.from.display_name.clone(),
            text: heard.text.clone(),
            at: heard.at,
            refers_to: match heard.refers_to {
                RefersTo::Nothing => None,
                RefersTo::Message(message) => Some(Some(message)),
                RefersTo::Something => Some(None),
            },
            given_out: false,
        }
    }

    fn heard(&self) -> Heard {
        Heard {
            chat: self.chat.clone(),
            message: self.message,
            from: Speaker {
                tenant: self.tenant,
                user: self.user,
                display_name: self.display_name.clone(),
            },
            text: self.text.clone(),
            one_on_one: true,
            at: self.at,
            edited: false,
            refers_to: match self.refers_to {
                None => RefersTo::Nothing,
                Some(Some(message)) => RefersTo::Message(message),
                Some(None) => RefersTo::Something,
            },
        }
    }

    fn is(&self, chat: &ChatId, message: MessageId) -> bool {
        self.message == message && self.chat == *chat
    }
}

async fn read<T: for<'a> Deserialize<'a>>(
    memory: &dyn Memory,
    name: &str,
) -> Result<Option<T>, MemoryError> {
    let Some(value) = memory.get(name).await? else { return Ok(None) };
    // Written by another version: as if it had not been there.
    Ok(serde_json::from_str(value.expose()).ok())
}

async fn write<T: Serialize + ?Sized>(
    memory: &dyn Memory,
    name: &str,
    value: &T,
) -> Result<(), MemoryError> {
    let text = serde_json::to_string(value)
        .map_err(|cause| MemoryError { operation: "write a value", cause: cause.into() })?;
    memory.put(name, &Secret::new(text)).await
}

fn chat_name(chat: &ChatId) -> String {
    format!("bot.chat/{chat}")
}

fn person_name(person: UserId) -> String {
    format!("bot.person/{person}")
}

const WAITING: &str = "bot.waiting";
const MOST_WAITING: usize = 512;
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);
const MOST_CACHED: usize = 10_000;
const MOST_OWN: usize = 8;
/// Characters; a receipt stands near the beginning.
const LONGEST_OWN: usize = 4000;
