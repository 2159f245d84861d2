//! Messages of chats: post, list, read, edit, delete, react, quote, and images inside them.

pub(crate) mod change;
pub(crate) mod draft;
pub(crate) mod html;
mod json;
mod list;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::chats::call::{
    Path, bad, context, forbidden, missing, not_allowed, options, path, person, protected, scoped,
    visible,
};
use super::{Answer, Call, Handled, Problem};
use crate::tenant::{Chat, Message, Sender};
use crate::world::World;
pub(crate) use change::post_event;
pub(crate) use json::{event_detail, identity, message_json, preview_json, time};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let path = path(call)?;
    let id = *path.raw.first()?;
    let message = path.raw.get(2).copied().unwrap_or_default();
    let method = call.method.as_str();
    let answer = match (method, path.names.get(1..)?) {
        ("GET", ["messages"]) => list::list(world, call, &path, id),
        ("POST", ["messages"]) => post(world, call, &path, id),
        (_, ["messages", "delta"]) => Err(bad("Resource not found for the segment 'delta'.")),
        ("POST", ["messages", "replywithquote"]) => reply_with_quote(world, call, &path, id),
        ("GET", ["messages", _]) => get(world, call, &path, id, message),
        ("PATCH", ["messages", _]) => patch(world, call, &path, id, message),
        ("DELETE", ["messages", _]) => Err(not_allowed()),
        ("POST", ["messages", _, "softdelete"]) => remove(world, call, &path, id, message, true),
        ("POST", ["messages", _, "undosoftdelete"]) => {
            remove(world, call, &path, id, message, false)
        }
        ("POST", ["messages", _, "setreaction"]) => react(world, call, &path, id, message, true),
        ("POST", ["messages", _, "unsetreaction"]) => react(world, call, &path, id, message, false),
        ("GET", ["messages", _, "hostedcontents"]) => {
            hosted_contents(world, call, &path, id, message)
        }
        ("GET", ["messages", _, "hostedcontents", _]) => {
            hosted_content(world, call, &path, id, message)
        }
        ("GET", ["messages", _, "hostedcontents", _, "$value"]) => {
            hosted_bytes(world, call, &path, id, message)
        }
        _ => return None,
    };
    Some(answer)
}

/// Whether the reader knows enum members newer than v1.0's first.
pub(in crate::graph) fn includes_unknown(call: &Call) -> bool {
    call.header("Prefer").is_some_and(|prefer| {
        prefer.split(',').any(|one| one.trim() == "include-unknown-enum-members")
    })
}

fn post(world: &mut World, call: &Call, path: &Path<'_>, id: &str) -> Result<Answer, Problem> {
    scoped(call, SEND, &["Teamwork.Migrate.All"])?;
    options(call, &[])?;
    if call.caller.user.is_none() {
        return Err(Problem::unsupported("The sandbox does not import messages."));
    }
    let sender = sender(world, call, path, id)?;
    let draft = draft::draft(world, call, id, sender, &call.body)?;
    let message = change::post(world, id, draft).ok_or_else(|| missing("NotFound"))?;
    Ok(Answer::created(one(world, call, id, message)?))
}

fn reply_with_quote(
    world: &mut World,
    call: &Call,
    path: &Path<'_>,
    id: &str,
) -> Result<Answer, Problem> {
    scoped(call, SEND, &[])?;
    let sender = sender(world, call, path, id)?;
    draft::known(&call.body, &["messageIds", "replyMessage"])?;
    let given = draft::list(&call.body, "messageIds")?.map_or(&[][..], Vec::as_slice);
    let mut quoted = Vec::new();
    for message in given {
        let message = message.as_str().ok_or_else(|| bad("messageIds must be strings."))?;
        quoted.push(found(world, call, path, id, message)?.1.id);
    }
    if quoted.is_empty() {
        return Err(bad("messageIds must name at least one message."));
    }
    let reply = call.body.get("replyMessage").unwrap_or(&Value::Null);
    let mut draft = draft::draft(world, call, id, sender, reply)?;
    let chat = visible(world, call, path, id)?;
    draft::quote(chat, &quoted, &mut draft);
    let message = change::post(world, id, draft).ok_or_else(|| missing("NotFound"))?;
    // The status is remembered from `POST messages`, not documented.
    Ok(Answer::created(one(world, call, id, message)?))
}

fn get(
    world: &World,
    call: &Call,
    path: &Path<'_>,
    id: &str,
    message: &str,
) -> Result<Answer, Problem> {
    readable(call)?;
    options(call, &[])?;
    let (chat, message) = found(world, call, path, id, message)?;
    Ok(Answer::ok(one(world, call, &chat.id, message.id)?))
}

fn patch(
    world: &mut World,
    call: &Call,
    path: &Path<'_>,
    id: &str,
    message: &str,
) -> Result<Answer, Problem> {
    scoped(call, CHANGE, &["Chat.ReadWrite.All"])?;
    let Some(user) = call.caller.user else {
        return Err(Problem::unsupported("The sandbox has no policy violations to set."));
    };
    let message = own(world, call, path, id, message, user)?;
    if message.deleted.is_some() {
        return Err(missing("NotFound"));
    }
    let draft = draft::edited(world, message, &call.body)?;
    let message = message.id;
    change::edit(world, id, message, draft);
    Ok(Answer::no_content())
}

/// Deletes or, with `gone` false, brings back.
fn remove(
    world: &mut World,
    call: &Call,
    path: &Path<'_>,
    id: &str,
    message: &str,
    gone: bool,
) -> Result<Answer, Problem> {
    // Only below a user's chats; the bare path knows no such operation.
    if path.owner.is_none() {
        return Err(not_allowed());
    }
    scoped(call, CHANGE, &[])?;
    let user = person(world, call)?;
    let message = own(world, call, path, id, message, user)?;
    let (message, was_gone) = (message.id, message.deleted.is_some());
    match (gone, was_gone) {
        (true, false) => change::delete(world, id, message),
        (false, true) => change::undelete(world, id, message),
        _ => {}
    }
    Ok(Answer::no_content())
}

fn react(
    world: &mut World,
    call: &Call,
    path: &Path<'_>,
    id: &str,
    message: &str,
    add: bool,
) -> Result<Answer, Problem> {
    scoped(call, SEND, &[])?;
    let user = person(world, call)?;
    draft::known(&call.body, &["reactionType"])?;
    let kind = draft::text(&call.body, "reactionType")?.unwrap_or_default();
    if kind.is_empty() || kind.len() > LONGEST_REACTION {
        return Err(bad("reactionType must be one emoji."));
    }
    let kind = kind.to_owned();
    let (_, message) = found(world, call, path, id, message)?;
    if message.deleted.is_some() || message.sender == Sender::System {
        return Err(bad("This message takes no reactions."));
    }
    let message = message.id;
    if add {
        change::react(world, id, message, user, &kind);
    } else if !change::unreact(world, id, message, user, &kind) {
        return Err(missing("The reaction was not found."));
    }
    Ok(Answer::no_content())
}

fn hosted_contents(
    world: &World,
    call: &Call,
    path: &Path<'_>,
    id: &str,
    message: &str,
) -> Result<Answer, Problem> {
    readable(call)?;
    options(call, &[])?;
    let (chat, message) = found(world, call, path, id, message)?;
    let value: Vec<Value> = message
        .hosted
        .iter()
        // Graph lists ids only; the bytes have their own address.
        .map(|content| json!({"id": content.id, "contentBytes": null, "contentType": null}))
        .collect();
    let place = format!("/messages('{}')/hostedContents", message.id);
    Ok(Answer::ok(json!({
        "@odata.context": context(call, &chat.id, &place),
        "@odata.count": value.len(),
        "value": value,
    })))
}

fn hosted_content(
    world: &World,
    call: &Call,
    path: &Path<'_>,
    id: &str,
    message: &str,
) -> Result<Answer, Problem> {
    readable(call)?;
    options(call, &[])?;
    let (chat, message) = found(world, call, path, id, message)?;
    let wanted = path.raw.get(4).copied().unwrap_or_default();
    let content = message.hosted.iter().find(|content| content.id == wanted);
    let content = content.ok_or_else(|| missing("NotFound"))?;
    let place = format!("/messages('{}')/hostedContents/$entity", message.id);
    Ok(Answer::ok(json!({
        "@odata.context": context(call, &chat.id, &place),
        "id": content.id,
        "contentBytes": null,
        "contentType": null,
    })))
}

/// The bytes. An answer holds JSON, so they travel as `$batch` shows binary bodies: base64 in a
/// string, with the image's `Content-Type`.
fn hosted_bytes(
    world: &World,
    call: &Call,
    path: &Path<'_>,
    id: &str,
    message: &str,
) -> Result<Answer, Problem> {
    readable(call)?;
    let (_, message) = found(world, call, path, id, message)?;
    let wanted = path.raw.get(4).copied().unwrap_or_default();
    let content = message.hosted.iter().find(|content| content.id == wanted);
    let content = content.ok_or_else(|| missing("NotFound"))?;
    Ok(Answer {
        status: 200,
        headers: vec![("Content-Type".to_owned(), content.content_type.clone())],
        body: Some(Value::String(STANDARD.encode(&content.bytes))),
    })
}

/// Reading content: members with their scope; apps on their own only with Microsoft's approval,
/// which this tenant does not have.
pub(in crate::graph) fn readable(call: &Call) -> Result<(), Problem> {
    scoped(call, &["Chat.Read", "Chat.ReadWrite"], &["Chat.Read.All", "Chat.ReadWrite.All"])?;
    if call.caller.user.is_none() { Err(protected()) } else { Ok(()) }
}

/// A message the caller may see, and its chat.
fn found<'w>(
    world: &'w World,
    call: &Call,
    path: &Path<'_>,
    chat: &str,
    message: &str,
) -> Result<(&'w Chat, &'w Message), Problem> {
    if call.caller.user.is_some() {
        person(world, call)?;
    }
    let chat = visible(world, call, path, chat)?;
    let from = history_from(chat, call);
    let message = message.parse::<u64>().ok().and_then(|id| chat.messages.get(&id));
    match message.filter(|message| message.id >= from) {
        Some(message) => Ok((chat, message)),
        None => Err(missing("NotFound")),
    }
}

/// Milliseconds from which on the caller sees the chat's messages.
fn history_from(chat: &Chat, call: &Call) -> u64 {
    let member = call.caller.user.and_then(|user| chat.member(user));
    member.and_then(|member| member.visible_from).map_or(0, crate::tenant::millis)
}

fn own<'w>(
    world: &'w World,
    call: &Call,
    path: &Path<'_>,
    chat: &str,
    message: &str,
    user: Uuid,
) -> Result<&'w Message, Problem> {
    let (_, message) = found(world, call, path, chat, message)?;
    match &message.sender {
        Sender::User { id, .. } if *id == user => Ok(message),
        _ => Err(forbidden("The signed-in user did not send this message.")),
    }
}

fn sender(world: &World, call: &Call, path: &Path<'_>, chat: &str) -> Result<Sender, Problem> {
    let user = person(world, call)?;
    let chat = visible(world, call, path, chat)?;
    let member = chat.member(user).ok_or_else(|| forbidden("Forbidden"))?;
    Ok(Sender::User {
        id: member.user,
        tenant: member.tenant,
        display_name: member.display_name.clone(),
    })
}

fn one(world: &World, call: &Call, chat: &str, message: u64) -> Result<Value, Problem> {
    let chat = world.tenant.chats.get(chat).ok_or_else(|| missing("NotFound"))?;
    let message = chat.messages.get(&message).ok_or_else(|| missing("NotFound"))?;
    let body = message_json(world, chat, message, includes_unknown(call));
    Ok(with_context(context(call, &chat.id, "/messages/$entity"), body))
}

/// Puts `@odata.context` first.
pub(in crate::graph) fn with_context(context: String, body: Value) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("@odata.context".to_owned(), Value::String(context));
    if let Value::Object(body) = body {
        object.extend(body);
    }
    Value::Object(object)
}

const SEND: &[&str] = &["ChatMessage.Send", "Chat.ReadWrite"];
const CHANGE: &[&str] = &["Chat.ReadWrite"];

/// An emoji may be several code points; the longest family is well below this.
const LONGEST_REACTION: usize = 64;
