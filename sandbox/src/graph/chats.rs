//! Chats: create, list, read, rename, members.

pub(in crate::graph) mod call;
mod create;
#[cfg(test)]
pub(crate) mod fixture;
mod list;
mod members;
pub(crate) mod rules;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::messages::{event_detail, identity, post_event, time, with_context};
use super::{Answer, Call, Handled, Problem, messages};
use crate::tenant::{Chat, ChatKind};
use crate::world::{Event, World};
use call::{Path, bad, context, forbidden, missing, options, path, person, protected, scoped};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let path = path(call)?;
    let answer = match (call.method.as_str(), path.names.as_slice()) {
        ("GET", []) => list::list(world, call, &path),
        ("POST", []) if path.owner.is_none() => create::create(world, call),
        ("GET", ["getallmessages" | "getallretainedmessages"]) => export(call),
        ("GET", [_]) => get(world, call, &path),
        ("PATCH", [_]) => patch(world, call, &path),
        ("GET", [_, "members"]) => members::list(world, call, &path),
        ("POST", [_, "members"]) => members::add(world, call, &path),
        ("GET", [_, "members", _]) => members::get(world, call, &path),
        ("DELETE", [_, "members", _]) => members::remove(world, call, &path),
        _ => return None,
    };
    Some(answer)
}

/// A chat without its navigations.
pub(crate) fn chat_json(world: &World, chat: &Chat) -> Value {
    let kind = match chat.kind {
        ChatKind::OneOnOne => "oneOnOne",
        ChatKind::Group => "group",
    };
    let id = percent_encoding::utf8_percent_encode(&chat.id, percent_encoding::NON_ALPHANUMERIC);
    let tenant = world.tenant.id;
    json!({
        "id": chat.id,
        "topic": chat.topic,
        "createdDateTime": time(chat.created),
        "lastUpdatedDateTime": time(chat.updated),
        "chatType": kind,
        "webUrl": format!("https://teams.microsoft.com/l/chat/{id}/0?tenantId={tenant}"),
        "tenantId": tenant,
        "onlineMeetingInfo": null,
        "isHiddenForAllMembers": false,
        // The sandbox keeps no read marks.
        "viewpoint": {"isHidden": false, "lastMessageReadDateTime": "0001-01-01T00:00:00Z"},
    })
}

/// Every message of a user or of the tenant: for apps on their own, and with Microsoft's approval.
fn export(call: &Call) -> Result<Answer, Problem> {
    if call.caller.user.is_some() {
        return Err(forbidden("This API is supported only in application context."));
    }
    scoped(call, &[], &["Chat.Read.All", "Chat.ReadWrite.All"])?;
    Err(protected())
}

fn get(world: &World, call: &Call, path: &Path<'_>) -> Result<Answer, Problem> {
    scoped(call, READ, READ_ALL)?;
    options(call, &[])?;
    if call.caller.user.is_some() {
        person(world, call)?;
    }
    let id = path.raw.first().copied().unwrap_or_default();
    let chat = call::visible(world, call, path, id)?;
    Ok(Answer::ok(entity(world, call, chat)))
}

/// Only the topic of a group can be changed.
fn patch(world: &mut World, call: &Call, path: &Path<'_>) -> Result<Answer, Problem> {
    scoped(call, &["Chat.ReadWrite"], &["Chat.ReadWrite.All"])?;
    messages::draft::known(&call.body, &["topic"])?;
    let id = path.raw.first().copied().unwrap_or_default();
    let chat = call::visible(world, call, path, id)?;
    let topic = messages::draft::text(&call.body, "topic")?;
    let Some(topic) = topic else { return Err(bad("Only the topic can be updated.")) };
    if chat.kind != ChatKind::Group {
        return Err(bad("A topic is only for group chats."));
    }
    let initiator = initiator(chat, call);
    let detail = event_detail(
        "chatRenamedEventMessageDetail",
        initiator.as_ref(),
        json!({"chatId": id, "chatDisplayName": topic}),
    );
    let (topic, now) = (topic.to_owned(), world.now());
    if let Some(chat) = world.tenant.chats.get_mut(id) {
        chat.topic = Some(topic);
        chat.updated = now;
    }
    post_event(world, id, detail);
    world.emit(Event::Chat { chat: id.to_owned() });
    let chat = world.tenant.chats.get(id).ok_or_else(|| missing("NotFound"))?;
    Ok(Answer::ok(entity(world, call, chat)))
}

fn entity(world: &World, call: &Call, chat: &Chat) -> Value {
    let context = format!("{}/$metadata#chats/$entity", call::base(call));
    with_context(context, chat_json(world, chat))
}

/// The caller as the one who changed a chat.
fn initiator(chat: &Chat, call: &Call) -> Option<Value> {
    let member = chat.member(call.caller.user?)?;
    Some(identity(member.user, member.tenant, &member.display_name))
}

/// `$metadata#chats('…')/members`.
fn members_context(call: &Call, chat: &Chat) -> String {
    context(call, &chat.id, "/members")
}

const READ: &[&str] = &["Chat.ReadBasic", "Chat.Read", "Chat.ReadWrite"];
const READ_ALL: &[&str] = &["Chat.ReadBasic.All", "Chat.Read.All", "Chat.ReadWrite.All"];
