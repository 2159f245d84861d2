use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use subtwin_hear::{Heard, Speaker};
use subtwin_kernel::{ChatId, MessageId, TenantId, TwinId, UserId};

use crate::html;

/// What a message in a chat is to the twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A person wrote it.
    Heard(Heard),
    /// The twin wrote it.
    Own,
    /// The service wrote it: somebody was added, a call ended.
    System,
    /// It was deleted, or emptied, which is how some clients delete.
    Gone,
    /// Nobody the twin listens to wrote it, or there is nothing in it to read.
    Ignored(&'static str),
}

/// A message with what any reader needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) chat: ChatId,
    pub(crate) id: MessageId,
    /// Moves with every edit, deletion and reaction.
    pub(crate) modified: Timestamp,
    pub(crate) last_edited: Option<Timestamp>,
    pub(crate) deleted: bool,
    /// Plain text, see [`html::read`].
    pub(crate) text: String,
    pub(crate) incoming: Incoming,
}

/// Who is listening.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener {
    pub(crate) tenant: TenantId,
    pub(crate) twin: TwinId,
}

/// A JSON value is not a chat message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("the message is not a `chatMessage`")]
    Shape(#[source] serde_json::Error),
    #[error("the message has no usable `{0}`")]
    Field(&'static str),
}

impl Message {
    /// Reads a `chatMessage`. `chat` is where it was found, when that is known; a message that
    /// says it belongs elsewhere is none.
    pub(crate) fn read(
        json: &Value,
        chat: Option<&ChatId>,
        listener: Listener,
    ) -> Result<Self, MessageError> {
        let wire = Wire::deserialize(json).map_err(MessageError::Shape)?;
        let chat = match (&wire.chat_id, chat) {
            (Some(said), Some(found)) if said != found.as_str() => {
                return Err(MessageError::Field("chatId"));
            }
            (Some(text), _) => ChatId::parse(text).map_err(|_| MessageError::Field("chatId"))?,
            (None, Some(found)) => found.clone(),
            (None, None) => return Err(MessageError::Field("chatId")),
        };
        let id: MessageId = wire.id.parse().map_err(|_| MessageError::Field("id"))?;
        let at = time(id).ok_or(MessageError::Field("id"))?;
        let created = wire.created_date_time.unwrap_or(at);
        let body = wire.body.as_ref().and_then(|body| body.content.as_deref()).unwrap_or_default();
        let text = match wire.body.as_ref().and_then(|body| body.content_type.as_deref()) {
            _ if body.len() > LONGEST_BODY => String::new(),
            Some("html") => html::read(body),
            Some(_) | None => html::plain(body),
        };
        let mut message = Self {
            chat,
            id,
            modified: wire.last_modified_date_time.unwrap_or(created),
            last_edited: wire.last_edited_date_time,
            deleted: wire.deleted_date_time.is_some(),
            text,
            incoming: Incoming::System,
        };
        let length = body_len(body);
        message.incoming = message.classify(wire, created, length, listener);
        Ok(message)
    }

    fn classify(
        &self,
        wire: Wire,
        created: Timestamp,
        length: Length,
        listener: Listener,
    ) -> Incoming {
        // System messages come as `unknownFutureValue` unless asked for by name.
        if wire.message_type.as_deref() != Some("message") {
            return Incoming::System;
        }
        let Some(from) = wire.from else { return Incoming::System };
        let Some(user) = from.user else { return Incoming::Ignored("an app wrote it") };
        let Ok(id) = user.id.parse::<UserId>() else {
            return Incoming::Ignored("its writer has no directory id");
        };
        if id == listener.twin.as_user() {
            return Incoming::Own;
        }
        let tenant = match (user.identity_type.as_deref(), &user.tenant_id) {
            (None | Some("aadUser" | "onPremiseAadUser" | "federatedUser"), Some(tenant)) => {
                match tenant.parse() {
                    Ok(tenant) => tenant,
                    Err(_) => return Incoming::Ignored("its writer has no directory"),
                }
            }
            // Older payloads leave the tenant out for people of the chat's own.
            (None | Some("aadUser"), None) => listener.tenant,
            _ => return Incoming::Ignored("its writer is not in a directory"),
        };
        match length {
            Length::Huge => return Incoming::Ignored("it is too long"),
            Length::Empty => return Incoming::Gone,
            Length::Some => {}
        }
        if self.deleted {
            return Incoming::Gone;
        }
        if self.text.is_empty() {
            return Incoming::Ignored("it holds no text");
        }
        Incoming::Heard(Heard {
            one_on_one: is_one_on_one(&self.chat, listener.twin),
            chat: self.chat.clone(),
            message: self.id,
            from: Speaker {
                tenant,
                user: id,
                display_name: html::plain(&user.display_name.unwrap_or_default()),
            },
            text: self.text.clone(),
            at: created,
            edited: self.last_edited.is_some(),
        })
    }
}

#[derive(Clone, Copy)]
enum Length {
    Empty,
    Some,
    Huge,
}

fn body_len(body: &str) -> Length {
    if body.is_empty() {
        Length::Empty
    } else if body.len() > LONGEST_BODY {
        Length::Huge
    } else {
        Length::Some
    }
}

/// When a message was created: its id counts Unix milliseconds.
pub(crate) fn time(id: MessageId) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(id.number()).ok()?).ok()
}

/// The instant just before a message was created.
pub(crate) fn just_before(id: MessageId) -> Timestamp {
    time(id)
        .and_then(|at| at.checked_sub(Duration::from_millis(1)).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whether a chat is the twin's conversation with one person. Its id is made of both their ids,
/// either first, each in its own directory.
pub(crate) fn is_one_on_one(chat: &ChatId, twin: TwinId) -> bool {
    let people = chat
        .as_str()
        .strip_prefix("19:")
        .and_then(|rest| rest.strip_suffix("@unq.gbl.spaces"))
        .and_then(|people| people.split_once('_'));
    let Some((one, other)) = people else { return false };
    match (one.parse::<UserId>(), other.parse::<UserId>()) {
        (Ok(one), Ok(other)) => (one == twin.as_user()) != (other == twin.as_user()),
        _ => false,
    }
}

/// `chatMessage`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    id: String,
    chat_id: Option<String>,
    message_type: Option<String>,
    created_date_time: Option<Timestamp>,
    last_modified_date_time: Option<Timestamp>,
    last_edited_date_time: Option<Timestamp>,
    deleted_date_time: Option<Timestamp>,
    from: Option<From>,
    body: Option<Body>,
}

#[derive(Deserialize)]
struct From {
    user: Option<User>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    display_name: Option<String>,
    tenant_id: Option<String>,
    #[serde(rename = "userIdentityType")]
    identity_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    content_type: Option<String>,
    content: Option<String>,
}

/// Bytes of markup. Teams stores about 28 KB; the largest seen was 100 KB.
const LONGEST_BODY: usize = 128 * 1024;
