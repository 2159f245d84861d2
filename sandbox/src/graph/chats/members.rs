//! `/chats/{id}/members`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::call::{Path, bad, context, missing, options, person, scoped, visible};
use super::{create, initiator, members_context};
use crate::graph::messages::{event_detail, identity, post_event, time, with_context};
use crate::graph::{Answer, Call, Problem};
use crate::tenant::{Chat, ChatKind, Member};
use crate::world::{Event, World};

/// An `aadUserConversationMember`.
pub(super) fn member_json(chat: &Chat, member: &Member) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "id": membership(chat, member),
        "roles": [member.role],
        "displayName": member.display_name,
        "visibleHistoryStartDateTime":
            member.visible_from.map_or_else(|| ALWAYS.to_owned(), time),
        "userId": member.user,
        "email": member.email,
        "tenantId": member.tenant,
    })
}

pub(super) fn list(world: &World, call: &Call, path: &Path<'_>) -> Result<Answer, Problem> {
    scoped(call, READ, READ_ALL)?;
    options(call, &[])?;
    let chat = seen(world, call, path)?;
    let value: Vec<Value> = chat.members.iter().map(|member| member_json(chat, member)).collect();
    Ok(Answer::ok(json!({
        "@odata.context": members_context(call, chat),
        "@odata.count": value.len(),
        "value": value,
    })))
}

pub(super) fn get(world: &World, call: &Call, path: &Path<'_>) -> Result<Answer, Problem> {
    scoped(call, READ, READ_ALL)?;
    options(call, &[])?;
    let chat = seen(world, call, path)?;
    let member = named(chat, path)?;
    let context = context(call, &chat.id, "/members/$entity");
    Ok(Answer::ok(with_context(context, member_json(chat, member))))
}

pub(super) fn add(world: &mut World, call: &Call, path: &Path<'_>) -> Result<Answer, Problem> {
    scoped(call, &["ChatMember.ReadWrite", "Chat.ReadWrite"], &["Chat.ReadWrite.All"])?;
    let chat = group(world, call, path)?;
    let (id, initiator) = (chat.id.clone(), initiator(chat, call));
    let mut member = create::member(world, &call.body, &["visibleHistoryStartDateTime"])?;
    let now = world.now();
    // Without a word about history, none is shared.
    if call.body.get("visibleHistoryStartDateTime").is_none() {
        member.visible_from = Some(now);
    }
    let location = {
        let chat = world.tenant.chats.get(&id).ok_or_else(|| missing("NotFound"))?;
        format!("/chats/{id}/members/{}", membership(chat, &member))
    };
    let from = member.visible_from.map_or_else(|| ALWAYS.to_owned(), time);
    let detail = event_detail(
        "membersAddedEventMessageDetail",
        initiator.as_ref(),
        json!({"visibleHistoryStartDateTime": from, "members": [who(&member)]}),
    );
    if !world.tenant.chats.join(&id, member, now) {
        return Err(Problem::new(409, "Conflict", "The member is already in the chat."));
    }
    post_event(world, &id, detail);
    world.emit(Event::Chat { chat: id });
    Ok(Answer { status: 201, headers: vec![("Location".to_owned(), location)], body: None })
}

pub(super) fn remove(world: &mut World, call: &Call, path: &Path<'_>) -> Result<Answer, Problem> {
    scoped(call, &["ChatMember.ReadWrite"], &["Chat.ReadWrite.All"])?;
    let chat = group(world, call, path)?;
    let (id, initiator) = (chat.id.clone(), initiator(chat, call));
    let user = named(chat, path)?.user;
    let now = world.now();
    let member = world.tenant.chats.leave(&id, user, now).ok_or_else(|| missing("NotFound"))?;
    let kind = if call.caller.user == Some(user) {
        "membersLeftEventMessageDetail"
    } else {
        "membersDeletedEventMessageDetail"
    };
    let detail = event_detail(kind, initiator.as_ref(), json!({"members": [who(&member)]}));
    post_event(world, &id, detail);
    world.emit(Event::Chat { chat: id });
    Ok(Answer::no_content())
}

fn seen<'w>(world: &'w World, call: &Call, path: &Path<'_>) -> Result<&'w Chat, Problem> {
    if call.caller.user.is_some() {
        person(world, call)?;
    }
    visible(world, call, path, path.raw.first().copied().unwrap_or_default())
}

fn group<'w>(world: &'w World, call: &Call, path: &Path<'_>) -> Result<&'w Chat, Problem> {
    let chat = seen(world, call, path)?;
    if chat.kind == ChatKind::Group {
        Ok(chat)
    } else {
        Err(bad("Members of a one-on-one chat cannot be changed."))
    }
}

fn named<'c>(chat: &'c Chat, path: &Path<'_>) -> Result<&'c Member, Problem> {
    let wanted = path.raw.get(2).copied().unwrap_or_default();
    let member = chat.members.iter().find(|member| membership(chat, member) == wanted);
    member.ok_or_else(|| missing("NotFound"))
}

fn who(member: &Member) -> Value {
    identity(member.user, member.tenant, &member.display_name)
}

/// Opaque: whoever parses it relies on nothing that Graph promises.
fn membership(chat: &Chat, member: &Member) -> String {
    STANDARD.encode(format!("0##1##{}##{}##{}", member.tenant, chat.id, member.user))
}

const READ: &[&str] =
    &["Chat.ReadBasic", "Chat.Read", "Chat.ReadWrite", "ChatMember.Read", "ChatMember.ReadWrite"];
const READ_ALL: &[&str] =
    &["Chat.ReadBasic.All", "Chat.Read.All", "Chat.ReadWrite.All", "ChatMember.Read.All"];

/// Everything, since the beginning.
const ALWAYS: &str = "0001-01-01T00:00:00Z";
