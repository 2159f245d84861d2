//! From the body of a POST or PATCH to a message: what the service checks, refuses and rewrites.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::html;
use super::json::identity;
use crate::graph::chats::call::bad;
use crate::graph::{Call, Problem};
use crate::tenant::{Chat, Draft, HostedContent, Message, Sender, Tenant, millis};
use crate::world::World;

/// A new message, checked.
pub(super) fn draft(
    world: &mut World,
    call: &Call,
    chat_id: &str,
    sender: Sender,
    body: &Value,
) -> Result<Draft, Problem> {
    let now = world.now();
    let id = world.tenant.chats.get(chat_id).map_or_else(|| millis(now), |chat| chat.next_id(now));
    known(body, POSTED)?;
    if !matches!(body.get("messageType").and_then(Value::as_str), None | Some("message")) {
        return Err(bad("messageType must be 'message'."));
    }
    let Some(content) = body.get("body") else {
        return Err(bad("Missing body in the request payload."));
    };
    let blank = Draft::new(sender, "text", String::new());
    let mut draft = apply(world, blank, body, Some(content))?;
    draft.hosted = hosted(world, call, chat_id, id, body, &mut draft.content)?;
    draft.id = Some(id);
    fits(world, &draft)?;
    Ok(draft)
}

/// An edited message, checked: what the body leaves out stays.
pub(super) fn edited(world: &World, message: &Message, body: &Value) -> Result<Draft, Problem> {
    known(body, PATCHED)?;
    if body.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err(bad("No property to update."));
    }
    let before = Draft {
        sender: message.sender.clone(),
        content_type: message.content_type,
        content: message.content.clone(),
        subject: message.subject.clone(),
        attachments: message.attachments.clone(),
        mentions: message.mentions.clone(),
        importance: message.importance.clone(),
        hosted: message.hosted.clone(),
        event: None,
        id: None,
    };
    let draft = apply(world, before, body, body.get("body"))?;
    fits(world, &draft)?;
    Ok(draft)
}

fn apply(
    world: &World,
    mut draft: Draft,
    body: &Value,
    content: Option<&Value>,
) -> Result<Draft, Problem> {
    if let Some(content) = content {
        (draft.content_type, draft.content) = item_body(content)?;
    }
    if let Some(subject) = text(body, "subject")? {
        draft.subject = Some(subject.to_owned());
    }
    if let Some(importance) = text(body, "importance")? {
        if !IMPORTANCE.contains(&importance) {
            return Err(bad(format!("'{importance}' is not a chatMessageImportance.")));
        }
        draft.importance = importance.to_owned();
    }
    if let Some(given) = list(body, "attachments")? {
        draft.attachments = given.iter().map(attachment).collect::<Result<_, _>>()?;
    }
    if let Some(given) = list(body, "mentions")? {
        draft.mentions =
            given.iter().map(|given| mention(&world.tenant, given)).collect::<Result<_, _>>()?;
    }
    marked(&draft)?;
    let shown = ["<img", "<emoji"].iter().any(|element| draft.content.contains(element));
    let empty = html::plain(&draft.content).trim().is_empty() && !shown;
    if empty && draft.attachments.is_empty() {
        return Err(bad("Message body must not be empty."));
    }
    Ok(draft)
}

fn item_body(content: &Value) -> Result<(&'static str, String), Problem> {
    known(content, &["contentType", "content"])?;
    let Some(written) = text(content, "content")? else {
        return Err(bad("Missing content in the message body."));
    };
    match text(content, "contentType")?.unwrap_or("text").to_ascii_lowercase().as_str() {
        // API text stays text.
        "text" => Ok(("text", written.to_owned())),
        "html" => Ok(("html", html::reserialise(written))),
        other => Err(bad(format!("'{other}' is not a bodyType."))),
    }
}

/// Every attachment and mention must have its place in the body, and every place its object.
fn marked(draft: &Draft) -> Result<(), Problem> {
    let html = draft.content_type == "html";
    let places = |element| {
        let ids = if html { html::ids_of(&draft.content, element) } else { Vec::new() };
        ids.into_iter().collect::<BTreeSet<_>>()
    };
    let attached: BTreeSet<_> = draft.attachments.iter().filter_map(id_of).collect();
    if let Some(id) = attached.symmetric_difference(&places("attachment")).next() {
        return Err(bad(format!(
            "The attachment with id '{id}' is not both in the attachments and, as an attachment \
             element, in the body."
        )));
    }
    let mentioned: BTreeSet<_> = draft.mentions.iter().filter_map(id_of).collect();
    let at = places("at");
    if let Some(id) = mentioned.difference(&at).next() {
        return Err(bad(format!(
            "Neither Body nor adaptive card content contains marker for mention with Id '{id}'."
        )));
    }
    match at.difference(&mentioned).next() {
        Some(id) => Err(bad(format!("The mention with Id '{id}' in the body is not in mentions."))),
        None => Ok(()),
    }
}

fn id_of(value: &Value) -> Option<String> {
    match value.get("id") {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    }
}

fn mention(tenant: &Tenant, given: &Value) -> Result<Value, Problem> {
    known(given, &["id", "mentionText", "mentioned"])?;
    let id = given.get("id").and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok());
    let Some(id) = id else { return Err(bad("A mention needs a whole number as id.")) };
    let text = text(given, "mentionText")?.unwrap_or("");
    let user = given
        .pointer("/mentioned/user/id")
        .and_then(Value::as_str)
        .and_then(|id| Uuid::try_parse(id).ok());
    let known = user.and_then(|user| person(tenant, user));
    let Some(who) = known else {
        return Err(bad(format!("The user in the mention with Id '{id}' was not found.")));
    };
    Ok(json!({
        "id": id,
        "mentionText": text,
        "mentioned": {"application": null, "device": null, "conversation": null, "user": who},
    }))
}

fn person(tenant: &Tenant, id: Uuid) -> Option<Value> {
    if let Some(user) = tenant.people.get(id) {
        return Some(identity(id, tenant.id, &user.display_name));
    }
    tenant.chats.partners.get(id).map(|user| identity(id, user.tenant, &user.display_name))
}

/// A card, a link to a file, or a quoted message.
fn attachment(given: &Value) -> Result<Value, Problem> {
    known(
        given,
        &["id", "contentType", "contentUrl", "content", "name", "thumbnailUrl", "teamsAppId"],
    )?;
    let (Some(id), Some(kind)) = (text(given, "id")?, text(given, "contentType")?) else {
        return Err(bad("An attachment needs id and contentType."));
    };
    let content = text(given, "content")?;
    let link = text(given, "contentUrl")?;
    if kind.starts_with("application/vnd.microsoft.card.") || kind == "messageReference" {
        let parsed = content.map(serde_json::from_str::<Value>);
        if !matches!(parsed, Some(Ok(Value::Object(_)))) {
            return Err(bad(format!("The content of attachment '{id}' is not JSON in a string.")));
        }
    } else if kind == "reference" {
        if link.is_none() {
            return Err(bad(format!("The reference attachment '{id}' has no contentUrl.")));
        }
    } else {
        return Err(bad(format!("Attachment contentType '{kind}' is not supported.")));
    }
    let name = text(given, "name")?;
    let thumbnail = text(given, "thumbnailUrl")?;
    let app = text(given, "teamsAppId")?;
    Ok(json!({
        "id": id, "contentType": kind, "contentUrl": link, "content": content, "name": name,
        "thumbnailUrl": thumbnail, "teamsAppId": app,
    }))
}

/// Stores inline images and points the body at their absolute addresses.
fn hosted(
    world: &mut World,
    call: &Call,
    chat_id: &str,
    message: u64,
    body: &Value,
    content: &mut String,
) -> Result<Vec<HostedContent>, Problem> {
    let mut stored = Vec::new();
    let mut total = 0_usize;
    for given in list(body, "hostedContents")?.into_iter().flatten() {
        known(given, &["@microsoft.graph.temporaryId", "contentBytes", "contentType"])?;
        let temporary = text(given, "@microsoft.graph.temporaryId")?;
        let kind = text(given, "contentType")?;
        let bytes = text(given, "contentBytes")?.and_then(|bytes| STANDARD.decode(bytes).ok());
        let (Some(temporary), Some(kind), Some(bytes)) = (temporary, kind, bytes) else {
            return Err(bad(
                "A hosted content needs @microsoft.graph.temporaryId, contentType and base64 \
                 contentBytes.",
            ));
        };
        total = total.saturating_add(bytes.len());
        if !kind.starts_with("image/") || total > LARGEST_IMAGES {
            return Err(bad("Hosted contents must be images of at most 4 MB together."));
        }
        let relative = format!("../hostedContents/{temporary}/$value");
        if !content.contains(&relative) {
            return Err(bad(format!("The body does not show hosted content '{temporary}'.")));
        }
        let id = URL_SAFE_NO_PAD.encode(format!("id=x_{},type=1,url=", world.guid().simple()));
        let absolute = format!(
            "{}/v1.0/chats/{chat_id}/messages/{message}/hostedContents/{id}/$value",
            call.origin
        );
        *content = content.replace(&relative, &absolute);
        stored.push(HostedContent { id, content_type: kind.to_owned(), bytes });
    }
    if content.contains("../hostedContents/") {
        return Err(bad("The body shows a hosted content that was not sent."));
    }
    Ok(stored)
}

fn fits(world: &World, draft: &Draft) -> Result<(), Problem> {
    let attachments: usize = draft
        .attachments
        .iter()
        .filter_map(|attachment| attachment.get("content").and_then(Value::as_str))
        .map(str::len)
        .sum();
    let quirks = &world.tenant.chats.quirks;
    if draft.content.len().saturating_add(attachments) <= quirks.largest_message {
        return Ok(());
    }
    Err(Problem::new(
        quirks.too_large_status,
        "RequestEntityTooLarge",
        "Message size exceeds the limit.",
    ))
}

/// Quotes messages as the Teams client does: an attachment for each, at the front.
pub(crate) fn quote(chat: &Chat, quoted: &[u64], reply: &mut Draft) {
    if reply.content_type == "text" {
        reply.content = html::typed(&reply.content);
        reply.content_type = "html";
    }
    for message in quoted.iter().rev().filter_map(|id| chat.messages.get(id)) {
        let id = message.id.to_string();
        reply.content.insert_str(0, &format!("<attachment id=\"{id}\"></attachment>"));
        reply.attachments.insert(0, reference(&id, message));
    }
}

/// The quoted message's words go along.
fn reference(id: &str, message: &Message) -> Value {
    let preview = match message.content_type {
        "html" => html::plain(&message.content),
        _ => message.content.clone(),
    };
    let sender = match &message.sender {
        Sender::User { id, tenant, display_name } => {
            super::json::identity_set(&identity(*id, *tenant, display_name))
        }
        Sender::System => Value::Null,
    };
    let content = json!({
        "messageId": id,
        "messagePreview": preview.chars().take(LONGEST_PREVIEW).collect::<String>(),
        "messageSender": sender,
    });
    json!({
        "id": id, "contentType": QUOTE, "contentUrl": null, "content": content.to_string(),
        "name": null, "thumbnailUrl": null, "teamsAppId": null,
    })
}

/// Refuses properties the type does not have, so that a misspelt one is noticed.
pub(in crate::graph) fn known(given: &Value, names: &[&str]) -> Result<(), Problem> {
    let Value::Object(given) = given else { return Err(bad("Invalid request body was sent.")) };
    let odd =
        given.keys().find(|name| !names.contains(&name.as_str()) && !name.contains("@odata."));
    match odd {
        Some(name) => Err(bad(format!(
            "The property '{name}' does not exist or cannot be set in this request."
        ))),
        None => Ok(()),
    }
}

/// A property that must be text if it is there.
pub(in crate::graph) fn text<'a>(given: &'a Value, name: &str) -> Result<Option<&'a str>, Problem> {
    match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(bad(format!("The property '{name}' must be a string."))),
    }
}

/// A property that must be an array if it is there.
pub(in crate::graph) fn list<'a>(
    given: &'a Value,
    name: &str,
) -> Result<Option<&'a Vec<Value>>, Problem> {
    match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(values)) if values.len() <= LONGEST_LIST => Ok(Some(values)),
        Some(Value::Array(_)) => Err(bad(format!("Too many elements in '{name}'."))),
        Some(_) => Err(bad(format!("The property '{name}' must be an array."))),
    }
}

/// A time in a request.
pub(in crate::graph) fn moment(given: &str) -> Result<Timestamp, Problem> {
    given.parse().map_err(|_| bad(format!("'{given}' is not a DateTimeOffset.")))
}

const POSTED: &[&str] =
    &["body", "subject", "importance", "mentions", "attachments", "hostedContents", "messageType"];

const PATCHED: &[&str] = &["body", "subject", "importance", "mentions", "attachments"];

const IMPORTANCE: [&str; 3] = ["normal", "high", "urgent"];

/// The type name is remembered, not documented.
const QUOTE: &str = "messageReference";

const LONGEST_PREVIEW: usize = 200;
const LONGEST_LIST: usize = 200;
const LARGEST_IMAGES: usize = 4 * 1024 * 1024;
