//! The canonical form of a message, as readers and subscribers get it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::tenant::{Chat, Message, Sender};
use crate::world::World;

/// A `chatMessage` without `@odata.context`. Unless the reader asked for unknown enum members, a
/// system row's type is `unknownFutureValue`.
pub(crate) fn message_json(
    world: &World,
    chat: &Chat,
    message: &Message,
    include_unknown: bool,
) -> Value {
    let seen = Seen::of(world, message);
    let gone = seen.deleted.is_some() || message.deleted.is_some();
    let none = Vec::new();
    json!({
        "id": message.id.to_string(),
        "replyToId": null,
        "etag": message.etag.to_string(),
        "messageType": message_type(message, include_unknown),
        "createdDateTime": at_millis(message.id),
        "lastModifiedDateTime": at_millis(message.etag),
        "lastEditedDateTime": seen.edited,
        "deletedDateTime": seen.deleted,
        "subject": if gone { &None } else { &message.subject },
        "summary": null,
        "chatId": chat.id,
        "importance": message.importance,
        "locale": "en-us",
        "webUrl": null,
        "channelIdentity": null,
        "policyViolation": null,
        "eventDetail": message.event,
        "from": from(&message.sender),
        "body": {
            "contentType": message.content_type,
            "content": if gone { "" } else { message.content.as_str() },
        },
        "attachments": if gone { &none } else { &message.attachments },
        "mentions": if gone { &none } else { &message.mentions },
        "reactions": if gone { &none } else { &message.reactions },
        "messageHistory": if gone { &none } else { &message.history },
    })
}

/// The `chatMessageInfo` of a chat's newest message.
pub(crate) fn preview_json(world: &World, message: &Message, include_unknown: bool) -> Value {
    let seen = Seen::of(world, message);
    let content = if message.deleted.is_some() { "" } else { message.content.as_str() };
    json!({
        "id": message.id.to_string(),
        "createdDateTime": at_millis(message.id),
        "isDeleted": seen.deleted.is_some(),
        "messageType": message_type(message, include_unknown),
        "eventDetail": message.event,
        "body": {"contentType": message.content_type, "content": content},
        "from": from(&message.sender),
    })
}

/// A person as `teamworkUserIdentity`.
pub(crate) fn identity(id: Uuid, tenant: Uuid, display_name: &str) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.teamworkUserIdentity",
        "id": id,
        "displayName": display_name,
        "userIdentityType": "aadUser",
        "tenantId": tenant,
    })
}

/// An identity set with only a user in it.
pub(crate) fn identity_set(user: &Value) -> Value {
    json!({"application": null, "device": null, "user": user})
}

/// `eventDetail` of a change that somebody made to a chat.
pub(crate) fn event_detail(name: &str, initiator: Option<&Value>, rest: Value) -> Value {
    let mut detail = Map::new();
    detail.insert("@odata.type".to_owned(), json!(format!("#microsoft.graph.{name}")));
    if let Value::Object(rest) = rest {
        detail.extend(rest);
    }
    detail.insert("initiator".to_owned(), initiator.map_or(Value::Null, identity_set));
    Value::Object(detail)
}

/// Unix milliseconds as Graph writes times.
pub(crate) fn at_millis(millis: u64) -> String {
    let at = i64::try_from(millis).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.unwrap_or(Timestamp::MAX).to_string()
}

/// To the millisecond, as the chat service keeps times.
pub(crate) fn time(at: Timestamp) -> String {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at).to_string()
}

/// When readers think that a message was edited or deleted.
struct Seen {
    edited: Option<String>,
    deleted: Option<String>,
}

impl Seen {
    fn of(world: &World, message: &Message) -> Self {
        let hidden = message.deletion_hidden_until.is_some_and(|until| world.now() < until);
        if hidden {
            Self { edited: message.deleted.map(time), deleted: None }
        } else {
            Self { edited: message.edited.map(time), deleted: message.deleted.map(time) }
        }
    }
}

fn message_type(message: &Message, include_unknown: bool) -> &'static str {
    match (&message.sender, include_unknown) {
        (Sender::User { .. }, _) => "message",
        (Sender::System, true) => "systemEventMessage",
        (Sender::System, false) => "unknownFutureValue",
    }
}

fn from(sender: &Sender) -> Value {
    match sender {
        Sender::User { id, tenant, display_name } => {
            identity_set(&identity(*id, *tenant, display_name))
        }
        Sender::System => Value::Null,
    }
}
