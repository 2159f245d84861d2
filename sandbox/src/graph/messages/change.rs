//! Changes to messages, whoever makes them: an app through Graph or a person in Teams. Each tells
//! the page and the notifier.

use serde_json::{Value, json};
use uuid::Uuid;

use super::json::{identity, identity_set, time};
use crate::tenant::{Chat, Draft, Effect, Message, Sender};
use crate::world::{Change, Event, World};

/// Posts a message and returns its id; `None` when there is no such chat.
pub(crate) fn post(world: &mut World, chat_id: &str, draft: Draft) -> Option<u64> {
    let now = world.now();
    let sender = match &draft.sender {
        Sender::User { id, .. } => Some(*id),
        Sender::System => None,
    };
    let id = world.tenant.chats.get_mut(chat_id)?.post(draft, now);
    if let Some(user) = sender {
        world.tenant.ledger.count(Effect::MessagePosted { chat: chat_id.to_owned(), user });
    }
    tell(world, chat_id, id, Change::Created);
    Some(id)
}

/// A row that nobody wrote.
pub(crate) fn post_event(world: &mut World, chat_id: &str, detail: Value) -> Option<u64> {
    let mut draft = Draft::new(Sender::System, "html", "<systemEventMessage/>".to_owned());
    draft.event = Some(detail);
    post(world, chat_id, draft)
}

/// Gives a message new content.
pub(crate) fn edit(world: &mut World, chat_id: &str, id: u64, draft: Draft) {
    let now = world.now();
    changed(world, chat_id, id, Change::Updated, |message| {
        message.content_type = draft.content_type;
        message.content = draft.content;
        message.subject = draft.subject;
        message.attachments = draft.attachments;
        message.mentions = draft.mentions;
        message.importance = draft.importance;
        message.hosted = draft.hosted;
        message.edited = Some(now);
    });
}

/// Deletes a message through the API: readers see it deleted at once.
pub(crate) fn delete(world: &mut World, chat_id: &str, id: u64) {
    let now = world.now();
    changed(world, chat_id, id, Change::Deleted, |message| message.deleted = Some(now));
}

/// Deletes a message in the Teams client. What readers see depends on a quirk.
pub(crate) fn delete_in_client(world: &mut World, chat_id: &str, id: u64) {
    let now = world.now();
    let hidden = world.tenant.chats.quirks.client_deletions_hidden_for;
    let until = hidden.and_then(|lasts| now.saturating_add(lasts).ok());
    let change = if until.is_some() { Change::Updated } else { Change::Deleted };
    changed(world, chat_id, id, change, |message| {
        message.deleted = Some(now);
        message.deletion_hidden_until = until;
    });
}

/// Takes a deletion back.
pub(crate) fn undelete(world: &mut World, chat_id: &str, id: u64) {
    changed(world, chat_id, id, Change::Updated, |message| {
        message.deleted = None;
        message.deletion_hidden_until = None;
    });
}

/// Adds somebody's reaction; a second of the same kind by the same person changes nothing.
pub(crate) fn react(world: &mut World, chat_id: &str, id: u64, user: Uuid, kind: &str) {
    let now = time(world.now());
    let Some(member) = world.tenant.chats.get(chat_id).and_then(|chat| chat.member(user)) else {
        return;
    };
    let who = identity_set(&identity(member.user, member.tenant, &member.display_name));
    let reaction = json!({
        "reactionType": kind,
        "displayName": null,
        "reactionContentUrl": null,
        "createdDateTime": now,
        "user": who,
    });
    if find(world, chat_id, id).is_some_and(|message| reacted(message, user, kind).is_none()) {
        changed(world, chat_id, id, Change::Updated, |message| {
            message.history.push(history(&now, "reactionAdded", &reaction));
            message.reactions.push(reaction);
        });
    }
}

/// Takes somebody's reaction back. False when there was none.
pub(crate) fn unreact(world: &mut World, chat_id: &str, id: u64, user: Uuid, kind: &str) -> bool {
    let now = time(world.now());
    let Some(at) = find(world, chat_id, id).and_then(|message| reacted(message, user, kind)) else {
        return false;
    };
    changed(world, chat_id, id, Change::Updated, |message| {
        let reaction = message.reactions.remove(at);
        message.history.push(history(&now, "reactionRemoved", &reaction));
    });
    if world.tenant.chats.quirks.two_updates_per_unreact {
        tell(world, chat_id, id, Change::Updated);
    }
    true
}

fn history(now: &str, action: &str, reaction: &Value) -> Value {
    json!({"modifiedDateTime": now, "actions": action, "reaction": reaction})
}

fn reacted(message: &Message, user: Uuid, kind: &str) -> Option<usize> {
    let user = user.to_string();
    message.reactions.iter().position(|reaction| {
        reaction.pointer("/user/user/id").and_then(Value::as_str) == Some(&user)
            && reaction.get("reactionType").and_then(Value::as_str) == Some(kind)
    })
}

fn find<'w>(world: &'w World, chat_id: &str, id: u64) -> Option<&'w Message> {
    world.tenant.chats.get(chat_id)?.messages.get(&id)
}

fn changed(
    world: &mut World,
    chat_id: &str,
    id: u64,
    change: Change,
    with: impl FnOnce(&mut Message),
) {
    let now = world.now();
    let chat: Option<&mut Chat> = world.tenant.chats.get_mut(chat_id);
    if chat.is_some_and(|chat| chat.change(id, now, with)) {
        tell(world, chat_id, id, change);
    }
}

fn tell(world: &World, chat_id: &str, message: u64, change: Change) {
    world.emit(Event::Message { chat: chat_id.to_owned(), message, change });
}
