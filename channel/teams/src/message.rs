use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use subtwin_edge::markup;
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{ChatId, MessageId, TenantId, TwinId, UserId};

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
    /// Plain text, see [`markup::read`].
    pub(crate) text: String,
    /// Written with the token the twin has, whoever held it.
    pub(crate) by_account: bool,
    pub(crate) incoming: Incoming,
}

/// Who is listening.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener {
    pub(crate) tenant: TenantId,
    /// The account whose token the calls carry.
    pub(crate) twin: TwinId,
    /// Whether that is a person's, who writes with it as well.
    pub(crate) borrowed: bool,
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
            Some("html") => markup::read(body),
            Some(_) | None => markup::plain(body),
        };
        let mut message = Self {
            chat,
            id,
            modified: wire.last_modified_date_time.unwrap_or(created),
            last_edited: wire.last_edited_date_time,
            deleted: wire.deleted_date_time.is_some(),
            text,
            by_account: false,
            incoming: Incoming::System,
        };
        let writer = wire.from.as_ref().and_then(|from| from.user.as_ref());
        let writer: Option<UserId> = writer.and_then(|user| user.id.parse().ok());
        message.by_account = writer == Some(listener.twin.as_user())
            && wire.message_type.as_deref() == Some("message");
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
        match (id == listener.twin.as_user(), listener.borrowed) {
            (true, false) => return Incoming::Own,
            (false, true) => return Incoming::Ignored("only the owner is listened to"),
            // Which of them the twin wrote itself, whoever takes them in knows by their ids.
            (true, true) | (false, false) => {}
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
                display_name: markup::plain(&user.display_name.unwrap_or_default()),
            },
            text: self.text.clone(),
            at: created,
            edited: self.last_edited.is_some(),
            refers_to: refers_to(wire.attachments.as_deref().unwrap_or_default()),
        })
    }
}

/// Teams names a quoted message in an attachment of type `messageReference`, whose id is the
/// message's; a forwarded one in another type that ends like it. What is not certainly one message
/// of this conversation refers to something else.
fn refers_to(attachments: &[Attachment]) -> RefersTo {
    let mut references = attachments.iter().filter(|attachment| {
        let kind = attachment.content_type.as_deref().unwrap_or_default();
        kind.to_ascii_lowercase().ends_with("messagereference")
    });
    let Some(first) = references.next() else { return RefersTo::Nothing };
    let quoted = first.content_type.as_deref() == Some("messageReference");
    match first.id.as_deref().map(str::parse) {
        Some(Ok(id)) if quoted && references.next().is_none() => RefersTo::Message(id),
        _ => RefersTo::Something,
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
    attachments: Option<Vec<Attachment>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    id: Option<String>,
    content_type: Option<String>,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use subtwin_hear::RefersTo;
    use subtwin_kernel::{ChatId, MessageId};

    use super::{Incoming, Listener, Message, is_one_on_one};

    const TENANT: &str = "11111111-1111-4111-8111-111111111111";
    const TWIN: &str = "22222222-2222-4222-8222-222222222222";
    const DOUG: &str = "33333333-3333-4333-8333-333333333333";
    const OTHER: &str = "44444444-4444-4444-8444-444444444444";
    const CHAT: &str = "19:22222222-2222-4222-8222-222222222222_33333333-3333-4333-8333-333333333333@unq.gbl.spaces";

    fn listener() -> Listener {
        Listener { tenant: TENANT.parse().unwrap(), twin: TWIN.parse().unwrap(), borrowed: false }
    }

    /// A person's message, with one thing changed.
    fn read(change: impl FnOnce(&mut Value)) -> Incoming {
        let mut json = json!({
            "id": "1616964509832", "messageType": "message", "chatId": CHAT,
            "createdDateTime": "2021-03-28T20:48:29.832Z",
            "lastModifiedDateTime": "2021-03-28T20:48:29.8321234-08:00",
            "lastEditedDateTime": null, "deletedDateTime": null,
            "from": {"application": null, "device": null, "user": {"id": DOUG,
                "displayName": "Doug", "userIdentityType": "aadUser", "tenantId": TENANT}},
            "body": {"contentType": "html", "content": "<p>hi</p>"}
        });
        change(&mut json);
        Message::read(&json, None, listener()).unwrap().incoming
    }

    fn heard(change: impl FnOnce(&mut Value)) -> subtwin_hear::Heard {
        match read(change) {
            Incoming::Heard(heard) => heard,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_persons_message_is_heard() {
        let heard = heard(|_| {});
        assert_eq!(heard.text, "hi");
        assert_eq!(heard.from.tenant.to_string(), TENANT);
        assert_eq!(heard.at.to_string(), "2021-03-28T20:48:29.832Z");
        assert!(heard.one_on_one && !heard.edited);
    }

    #[test]
    fn who_wrote_it_decides() {
        assert_eq!(read(|m| m["from"]["user"]["id"] = json!(TWIN)), Incoming::Own);
        assert_eq!(read(|m| m["from"]["user"]["id"] = json!(TWIN.to_uppercase())), Incoming::Own);
        assert_eq!(read(|m| m["from"] = Value::Null), Incoming::System);
        assert_eq!(read(|m| m["messageType"] = json!("unknownFutureValue")), Incoming::System);
        assert_eq!(read(|m| m["messageType"] = json!("systemEventMessage")), Incoming::System);
        assert_eq!(read(|m| m["messageType"] = Value::Null), Incoming::System);
        let bot = json!({"user": null, "application": {"id": DOUG}});
        assert!(matches!(read(|m| m["from"] = bot), Incoming::Ignored(_)));
        for kind in ["anonymousGuest", "skypeUser", "phoneUser", "emailUser", "unknownFutureValue"]
        {
            let incoming = read(|m| m["from"]["user"]["userIdentityType"] = json!(kind));
            assert!(matches!(incoming, Incoming::Ignored(_)), "{kind}: {incoming:?}");
        }
    }

    #[test]
    fn a_person_of_another_tenant_keeps_their_tenant() {
        let heard = heard(|m| {
            m["from"]["user"]["userIdentityType"] = json!("federatedUser");
            m["from"]["user"]["tenantId"] = json!(OTHER);
        });
        assert_eq!(heard.from.tenant.to_string(), OTHER);
        let nowhere = read(|m| {
            m["from"]["user"]["userIdentityType"] = json!("federatedUser");
            m["from"]["user"]["tenantId"] = Value::Null;
        });
        assert!(matches!(nowhere, Incoming::Ignored(_)), "{nowhere:?}");
    }

    #[test]
    fn what_was_taken_back_is_gone() {
        assert_eq!(read(|m| m["deletedDateTime"] = json!("2021-03-28T20:49:00Z")), Incoming::Gone);
        assert_eq!(read(|m| m["body"]["content"] = json!("")), Incoming::Gone);
        assert_eq!(read(|m| m["body"] = Value::Null), Incoming::Gone);
        let empty = read(|m| m["body"]["content"] = json!("<p>&nbsp;</p><img src=\"x\">"));
        assert!(matches!(empty, Incoming::Ignored(_)), "{empty:?}");
    }

    #[test]
    fn a_very_long_message_is_not_cut_into_a_short_one() {
        let long = format!("yes{}no", " ".repeat(200_000));
        let incoming = read(|m| m["body"]["content"] = json!(long));
        assert!(matches!(incoming, Incoming::Ignored(_)));
    }

    #[test]
    fn plain_text_is_not_read_as_markup() {
        let heard = heard(|m| {
            m["body"] = json!({"contentType": "text", "content": " a <b> &amp;\u{a0}c "});
        });
        assert_eq!(heard.text, "a <b> &amp; c");
    }

    #[test]
    fn a_quoted_or_forwarded_message_is_named_and_what_is_unclear_is_something_else() {
        let refers = |attachments: Value| heard(|json| json["attachments"] = attachments).refers_to;
        let quote = |id: &str| json!({"id": id, "contentType": "messageReference"});
        assert_eq!(refers(json!([])), RefersTo::Nothing);
        assert_eq!(refers(Value::Null), RefersTo::Nothing);
        assert_eq!(refers(json!([quote("1616")])), RefersTo::Message(MessageId::new(1616)));
        assert_eq!(refers(json!([quote("1616"), quote("1617")])), RefersTo::Something);
        assert_eq!(refers(json!([quote("x")])), RefersTo::Something);
        let forwarded = json!([{"id": "1616", "contentType": "forwardedMessageReference"}]);
        assert_eq!(refers(forwarded), RefersTo::Something);
        assert_eq!(refers(json!([{"contentType": "messageReference"}])), RefersTo::Something);
        let card = json!([{"id": "1", "contentType": "application/vnd.microsoft.card.adaptive"}]);
        assert_eq!(refers(card), RefersTo::Nothing);
    }

    #[test]
    fn an_edited_message_says_so() {
        assert!(heard(|m| m["lastEditedDateTime"] = json!("2021-03-28T20:49:00Z")).edited);
    }

    #[test]
    fn a_message_found_in_another_chat_is_refused() {
        let json = json!({"id": "1", "chatId": CHAT});
        let elsewhere = ChatId::parse("19:elsewhere@thread.v2").unwrap();
        Message::read(&json, Some(&elsewhere), listener()).unwrap_err();
        Message::read(&json!({"id": "1"}), None, listener()).unwrap_err();
        Message::read(&json!({"id": "x", "chatId": CHAT}), None, listener()).unwrap_err();
    }

    #[test]
    fn only_the_twins_own_pair_is_one_on_one() {
        let twin = TWIN.parse().unwrap();
        for (chat, expected) in [
            (CHAT.to_owned(), true),
            (format!("19:{DOUG}_{TWIN}@unq.gbl.spaces"), true),
            (format!("19:{DOUG}_{OTHER}@unq.gbl.spaces"), false),
            (format!("19:{TWIN}_{TWIN}@unq.gbl.spaces"), false),
            (format!("19:{TWIN}@unq.gbl.spaces"), false),
            ("19:0123456789abcdef0123456789abcdef@thread.v2".to_owned(), false),
            (format!("19:{DOUG}_{TWIN}@thread.v2"), false),
        ] {
            assert_eq!(is_one_on_one(&ChatId::parse(&chat).unwrap(), twin), expected, "{chat}");
        }
    }

    proptest! {
        /// Whatever a message's fields hold, reading it ends, and nothing unusual is heard.
        #[test]
        fn anything_can_be_read(
            field in prop::sample::select(vec!["id", "chatId", "messageType", "from", "body",
                "createdDateTime", "lastEditedDateTime", "deletedDateTime"]),
            value in prop_oneof![
                Just(Value::Null), any::<bool>().prop_map(Value::from),
                any::<u64>().prop_map(Value::from), ".{0,20}".prop_map(Value::from),
                Just(json!([])), Just(json!({})), Just(json!({"user": {}})),
            ],
        ) {
            let mut json = json!({"id": "1616964509832", "messageType": "message", "chatId": CHAT,
                "from": {"user": {"id": DOUG, "tenantId": TENANT}}, "body": {"content": "hi"}});
            json[field] = value;
            if let Ok(message) = Message::read(&json, None, listener())
                && let Incoming::Heard(heard) = message.incoming
            {
                prop_assert_eq!(heard.from.user.to_string(), DOUG);
                prop_assert!(!heard.text.is_empty());
            }
        }
    }
}
