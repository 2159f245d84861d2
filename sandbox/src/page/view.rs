//! What the page shows, as JSON of its own (not Graph's).

use serde_json::{Value, json};
use uuid::Uuid;

use super::about;
use crate::graph::Problem;
use crate::tenant::{Actor, Chat, ChatKind, Entry, Message, Sender, User};
use crate::world::World;

/// Who matches what was typed into a search box, good starting points first; without a search,
/// only those. Never more than [`MOST_PEOPLE`], however big the company is.
pub(super) fn people(world: &World, find: &str) -> Value {
    let wanted = find.trim().to_lowercase();
    let rank = |user: &User| FIRST.iter().position(|(upn, _)| *upn == user.upn);
    let fits = |user: &User| {
        let department = user.department.as_deref().unwrap_or_default();
        [&user.display_name, &user.upn, department]
            .iter()
            .any(|text| text.to_lowercase().contains(&wanted))
    };
    let mut people: Vec<&User> = world
        .tenant
        .people
        .iter()
        .filter(|user| if wanted.is_empty() { rank(user).is_some() } else { fits(user) })
        .collect();
    people.sort_by_key(|user| {
        (rank(user).unwrap_or(FIRST.len()), user.display_name.to_lowercase(), user.id)
    });
    let more = people.len().saturating_sub(MOST_PEOPLE);
    let people: Vec<Value> = people.iter().take(MOST_PEOPLE).map(|it| person(world, it)).collect();
    json!({"company": world.tenant.name, "people": people, "more": more})
}

/// One person, by id or UPN.
pub(super) fn somebody(world: &World, key: &str) -> Result<Value, Problem> {
    world
        .tenant
        .people
        .find(key)
        .map(|user| person(world, user))
        .ok_or_else(|| Problem::new(404, "NotFound", "There is nobody with this id or address."))
}

fn person(world: &World, user: &User) -> Value {
    let hint = FIRST.iter().find(|(upn, _)| *upn == user.upn).map(|(_, hint)| *hint);
    json!({
        "id": user.id,
        "name": user.display_name,
        "upn": user.upn,
        "department": user.department,
        "title": user.job_title,
        "twin": user.upn == TWIN,
        "presence": world.tenant.chats.presences.of(user.id, world.now()).availability,
        "hint": hint,
    })
}

/// The chats somebody is in, the liveliest first.
pub(super) fn chats(world: &World, me: Uuid) -> Value {
    let mut chats: Vec<&Chat> = world.tenant.chats.of(me).collect();
    chats.sort_by_key(|chat| std::cmp::Reverse(chat.active()));
    let chats: Vec<Value> =
        chats.into_iter().take(MOST_CHATS).map(|chat| chat_row(world, chat, me)).collect();
    let chats = [crate::connector::rows(world, me), chats].concat();
    json!({"chats": chats})
}

fn chat_row(world: &World, chat: &Chat, me: Uuid) -> Value {
    let others: Vec<&str> = chat
        .members
        .iter()
        .filter(|member| member.user != me)
        .map(|member| member.display_name.as_str())
        .collect();
    let other = (chat.kind == ChatKind::OneOnOne)
        .then(|| chat.members.iter().find(|member| member.user != me))
        .flatten()
        .and_then(|member| world.tenant.people.get(member.user));
    json!({
        "id": chat.id,
        "title": chat.topic.clone().unwrap_or_else(|| others.join(", ")),
        "with": other.map(|user| person(world, user)),
        "members": chat.members.len(),
        "last": last(chat).map(|message| json!({
            "id": message.id.to_string(),
            "text": about::plain(&message.content).chars().take(PREVIEW).collect::<String>(),
            "mine": is_by(message, me),
        })),
    })
}

/// One conversation, and whoever is spoken about in it.
pub(super) fn messages(world: &World, me: Uuid, chat: &str) -> Result<Value, Problem> {
    let chat = world
        .tenant
        .chats
        .by_id
        .get(chat)
        .filter(|chat| chat.members.iter().any(|member| member.user == me))
        .ok_or_else(|| Problem::new(404, "NotFound", "You are not in this chat."))?;
    let start = chat.messages.len().saturating_sub(MOST_MESSAGES);
    let messages: Vec<Value> = chat
        .messages
        .values()
        .skip(start)
        .map(|message| {
            let from = match &message.sender {
                Sender::User { id, display_name, .. } => {
                    json!({"id": id, "name": display_name})
                }
                _ => Value::Null,
            };
            json!({
                "id": message.id.to_string(),
                "from": from,
                "html": message.content_type == "html",
                "content": message.content,
                "edited": message.edited.is_some(),
                "deleted": message.deleted.is_some(),
            })
        })
        .collect();
    let talk = chat.messages.values().rev().take(12).filter(|m| m.deleted.is_none());
    let about = about::spoken_of(world, talk.map(|message| message.content.as_str()), me);
    Ok(json!({"messages": messages, "about": about}))
}

/// The tenant's audit log as a reader sees it now, newest first, and what is on its way.
pub(super) fn audit(world: &World) -> Value {
    let now = world.now();
    let all = &world.tenant.audit.entries;
    let seen = all.iter().filter(|entry| entry.visible <= now).count();
    let coming: Vec<i64> = all
        .iter()
        .rev()
        .take(MOST_ENTRIES)
        .filter(|entry| entry.visible > now)
        .map(|entry| entry.visible.duration_since(now).as_millis())
        .map(|millis| i64::try_from(millis).unwrap_or(i64::MAX))
        .collect();
    let entries: Vec<Value> = all
        .iter()
        .rev()
        .filter(|entry| entry.visible <= now)
        .take(MOST_ENTRIES)
        .map(|entry| audit_entry(world, entry))
        .collect();
    json!({"entries": entries, "seen": seen, "coming": coming.len(), "nextInMs": coming.iter().min()})
}

fn audit_entry(world: &World, entry: &Entry) -> Value {
    let (actor, twin) = match &entry.actor {
        Actor::User { id, .. } => {
            let user = world.tenant.people.get(*id);
            let name = user.map_or_else(|| id.to_string(), |user| user.display_name.clone());
            (name, user.is_some_and(|user| user.upn == TWIN))
        }
        Actor::App { name, .. } => (name.clone(), false),
    };
    let targets: Vec<String> = entry
        .targets
        .iter()
        .map(|target| {
            let name = target.upn.clone().or_else(|| target.display_name.clone());
            name.unwrap_or_else(|| target.id.to_string())
        })
        .collect();
    json!({
        "id": entry.id,
        "at": entry.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "activity": entry.activity,
        "failed": entry.failed,
        "actor": actor,
        "twin": twin,
        "targets": targets,
    })
}

fn last(chat: &Chat) -> Option<&Message> {
    chat.messages.values().rev().find(|message| message.deleted.is_none())
}

fn is_by(message: &Message, person: Uuid) -> bool {
    matches!(&message.sender, Sender::User { id, .. } if *id == person)
}

const MOST_PEOPLE: usize = 20;
const MOST_CHATS: usize = 50;
/// Characters of the newest message in the list of chats.
const PREVIEW: usize = 120;
const MOST_MESSAGES: usize = 200;
const MOST_ENTRIES: usize = 60;
pub(super) const TWIN: &str = "sam@contoso.com";

/// Good people to be, and why.
const FIRST: &[(&str, &str)] = &[
    ("doug@contoso.com", "Runs the IT helpdesk, and may ask the twin for licences and groups."),
    ("sarah.lin@contoso.com", "The new hire. She has Teams, and waits for her E3."),
    ("dana@contoso.com", "The twin sends people to her for what it cannot do."),
    ("paula.stone@contoso.com", "A helpdesk technician, with a directory role of her own."),
    (TWIN, "The twin itself."),
];
