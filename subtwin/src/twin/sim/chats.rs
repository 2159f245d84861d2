//! What was said in the simulated world, by whom, and what became of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{ChatId, MessageId, Words};

use super::company::{ELSEWHERE, HOME, PEOPLE, user};

/// What a person means by a message. Known to whoever judges, never to the twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A request: which of the schedule's.
    Asks(usize),
    Yes,
    No,
    /// The name, typed.
    Typed(String),
    /// Anything else.
    Talk,
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Author {
    Twin,
    Person { at: usize, foreign: bool },
}

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) author: Author,
    pub(super) text: String,
    /// What the twin posted, and later put in its place.
    pub(super) words: Vec<(Timestamp, Words)>,
    pub(super) meaning: Meaning,
    pub(super) refers: RefersTo,
    pub(super) at: Timestamp,
    /// Changed by somebody else than the twin.
    pub(super) edited: Option<Timestamp>,
    pub(super) deleted: Option<Timestamp>,
    /// When the twin last saw that it still stood.
    pub(super) checked: Option<Timestamp>,
    /// When the twin had dealt with it.
    pub(super) finished: Option<Timestamp>,
}

impl Message {
    pub(super) const fn stands(&self) -> bool {
        self.edited.is_none() && self.deleted.is_none()
    }

    pub(super) fn changed_before(&self, at: Timestamp) -> bool {
        [self.edited, self.deleted].into_iter().flatten().any(|changed| changed < at)
    }
}

/// Every conversation.
#[derive(Debug, Default)]
pub(super) struct Chats(pub(super) BTreeMap<ChatId, BTreeMap<u64, Message>>);

impl Chats {
    /// Puts a message at the end of a conversation. Its id is its time in milliseconds, and newer
    /// than those before it.
    pub(super) fn add(&mut self, chat: &ChatId, message: Message) -> MessageId {
        let messages = self.0.entry(chat.clone()).or_default();
        let millis = u64::try_from(message.at.as_millisecond()).unwrap();
        let next = messages.last_key_value().map_or(0, |(id, _)| id + 1);
        let id = millis.max(next);
        messages.insert(id, message);
        MessageId::new(id)
    }

    pub(super) fn get(&self, chat: &ChatId, id: MessageId) -> Option<&Message> {
        self.0.get(chat)?.get(&id.number())
    }

    pub(super) fn get_mut(&mut self, chat: &ChatId, id: MessageId) -> Option<&mut Message> {
        self.0.get_mut(chat)?.get_mut(&id.number())
    }

    /// A person's message as a reader of the chat finds it now.
    pub(super) fn heard(&self, chat: &ChatId, id: MessageId) -> Option<Heard> {
        let message = self.get(chat, id)?;
        let Author::Person { at, foreign } = message.author else { return None };
        if message.deleted.is_some() {
            return None;
        }
        Some(Heard {
            chat: chat.clone(),
            message: id,
            from: Speaker {
                tenant: if foreign { ELSEWHERE } else { HOME },
                user: user(at),
                display_name: PEOPLE[at].name.to_owned(),
            },
            text: message.text.clone(),
            one_on_one: true,
            at: message.at,
            edited: message.edited.is_some(),
            refers_to: message.refers,
        })
    }
}

/// A person's message, as it is written.
pub(super) fn written(by: usize, text: String, meaning: Meaning, at: Timestamp) -> Message {
    Message {
        author: Author::Person { at: by, foreign: false },
        text,
        words: Vec::new(),
        meaning,
        refers: RefersTo::Nothing,
        at,
        edited: None,
        deleted: None,
        checked: None,
        finished: None,
    }
}

/// The twin's message.
pub(super) fn posted(words: &Words, at: Timestamp) -> Message {
    Message {
        author: Author::Twin,
        words: vec![(at, words.clone())],
        ..written(0, words.to_text(), Meaning::Talk, at)
    }
}
