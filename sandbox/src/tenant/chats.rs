use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

/// What kind of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChatKind {
    OneOnOne,
    Group,
}

/// Somebody in a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) user: Uuid,
    /// Home tenant; differs from ours for federated people.
    pub(crate) tenant: Uuid,
    pub(crate) display_name: String,
    /// `owner` or `guest`.
    pub(crate) role: &'static str,
}

/// Who sent a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    User {
        id: Uuid,
        tenant: Uuid,
        display_name: String,
    },
    /// A system row (`from` null).
    System,
}

/// One message as stored.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Unix milliseconds; unique and rising within a chat.
    pub(crate) id: u64,
    /// Milliseconds of the last change; equals `id` until then.
    pub(crate) etag: u64,
    pub(crate) sender: Sender,
    /// `html` or `text`.
    pub(crate) content_type: &'static str,
    pub(crate) content: String,
    pub(crate) attachments: Vec<Value>,
    pub(crate) mentions: Vec<Value>,
    pub(crate) reactions: Vec<Value>,
    pub(crate) importance: String,
    pub(crate) edited: Option<Timestamp>,
    pub(crate) deleted: Option<Timestamp>,
    /// `eventDetail` of a system row.
    pub(crate) event: Option<Value>,
}

/// A conversation.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    pub(crate) id: String,
    pub(crate) kind: ChatKind,
    pub(crate) topic: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) members: Vec<Member>,
    pub(crate) messages: BTreeMap<u64, Message>,
}

/// Every conversation; the chat service's other state (presence, subscriptions) hangs here too.
#[derive(Debug, Default)]
pub(crate) struct Chats {
    pub(crate) by_id: HashMap<String, Chat>,
}
