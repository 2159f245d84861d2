//! What a person does in their own Teams client: open a chat, type, edit, delete.
//!
//! Used by the page and by the control endpoint; needs no token, because the sandbox is the client.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::graph::Problem;
use crate::graph::chats::rules;
use crate::graph::messages::{change, draft, html, identity};
use crate::tenant::{Chat, ChatKind, Draft, Member, Message, SET, Sender};
use crate::world::{Event, World};

/// The one-to-one chat of two people, made if there is none. Returns its id.
///
/// # Errors
/// 404 when one of them is nobody here and nobody at the partner company.
pub(crate) fn direct(world: &mut World, one: Uuid, other: Uuid) -> Result<String, Problem> {
    if let Some(chat) = world.tenant.chats.direct(one, other) {
        return Ok(chat.id.clone());
    }
    let members = vec![known(world, one)?, known(world, other)?];
    Ok(rules::open(world, ChatKind::OneOnOne, None, members))
}

/// A new group chat. Returns its id.
///
/// # Errors
/// 404 when one of them is nobody here and nobody at the partner company.
pub(crate) fn group(
    world: &mut World,
    founder: Uuid,
    others: &[Uuid],
    topic: Option<&str>,
) -> Result<String, Problem> {
    let mut members: Vec<Member> = Vec::new();
    for person in std::iter::once(&founder).chain(others) {
        if members.iter().all(|member| member.user != *person) {
            members.push(known(world, *person)?);
        }
    }
    Ok(rules::open(world, ChatKind::Group, topic.map(str::to_owned), members))
}

/// Posts what somebody typed, as the HTML that Teams makes of it. `@` and the full name of a
/// member is a mention. Returns the message id.
///
/// # Errors
/// 404 for an unknown chat, 403 for one the person is not in.
pub(crate) fn say(
    world: &mut World,
    chat: &str,
    person: Uuid,
    typed: &str,
) -> Result<u64, Problem> {
    let draft = written(world, chat, person, typed)?;
    send(world, chat, draft)
}

/// Answers a message with Teams' quote of it in front.
///
/// # Errors
/// As [`say`]; 404 also when the quoted message is not in the chat.
pub(crate) fn say_quoting(
    world: &mut World,
    chat: &str,
    person: Uuid,
    quoted: u64,
    typed: &str,
) -> Result<u64, Problem> {
    let mut written = written(world, chat, person, typed)?;
    let of = world.tenant.chats.get(chat).filter(|chat| chat.messages.contains_key(&quoted));
    let of = of.ok_or_else(|| absent("message"))?;
    draft::quote(of, &[quoted], &mut written);
    send(world, chat, written)
}

/// Replaces one's own message.
///
/// # Errors
/// 404 for an unknown chat or message, 403 for somebody else's.
pub(crate) fn edit(
    world: &mut World,
    chat: &str,
    person: Uuid,
    message: u64,
    typed: &str,
) -> Result<(), Problem> {
    own(world, chat, person, message)?;
    let draft = written(world, chat, person, typed)?;
    change::edit(world, chat, message, draft);
    Ok(())
}

/// Deletes one's own message.
///
/// # Errors
/// As [`edit`].
pub(crate) fn delete(
    world: &mut World,
    chat: &str,
    person: Uuid,
    message: u64,
) -> Result<(), Problem> {
    own(world, chat, person, message)?;
    change::delete_in_client(world, chat, message);
    Ok(())
}

/// Puts an emoji under a message.
///
/// # Errors
/// 404 for an unknown chat or message, 403 for a chat the person is not in.
pub(crate) fn react(
    world: &mut World,
    chat: &str,
    person: Uuid,
    message: u64,
    emoji: &str,
) -> Result<(), Problem> {
    let here = theirs(world, chat, person)?;
    if !here.messages.contains_key(&message) {
        return Err(absent("message"));
    }
    change::react(world, chat, message, person, emoji);
    Ok(())
}

/// Takes an emoji back; nothing when it was not there.
///
/// # Errors
/// 404 for an unknown chat, 403 for one the person is not in.
pub(crate) fn unreact(
    world: &mut World,
    chat: &str,
    person: Uuid,
    message: u64,
    emoji: &str,
) -> Result<(), Problem> {
    theirs(world, chat, person)?;
    change::unreact(world, chat, message, person, emoji);
    Ok(())
}

/// Somebody who types is available.
fn send(world: &mut World, chat: &str, draft: Draft) -> Result<u64, Problem> {
    if let (Sender::User { id, .. }, [available, ..]) = (&draft.sender, SET) {
        let (id, now) = (*id, world.now());
        let presences = &mut world.tenant.chats.presences;
        let before = presences.of(id, now);
        presences.set(id, CLIENT, available, now, CLIENT_SESSION);
        if before != presences.of(id, now) {
            world.emit(Event::Presence { user: id });
        }
    }
    change::post(world, chat, draft).ok_or_else(|| absent("chat"))
}

fn written(world: &World, chat: &str, person: Uuid, typed: &str) -> Result<Draft, Problem> {
    let chat = theirs(world, chat, person)?;
    let member = chat.member(person).ok_or_else(|| absent("member"))?;
    let sender = Sender::User {
        id: member.user,
        tenant: member.tenant,
        display_name: member.display_name.clone(),
    };
    let mut draft = Draft::new(sender, "html", html::typed(typed));
    draft.mentions = mentions(chat, &mut draft.content);
    Ok(draft)
}

/// Turns `@Full Name` of members into mentions.
fn mentions(chat: &Chat, content: &mut String) -> Vec<Value> {
    let mut mentions = Vec::new();
    for member in &chat.members {
        let at = format!("@{}", html::escape(&member.display_name));
        if content.contains(&at) {
            let id = mentions.len();
            let name = &member.display_name;
            *content =
                content.replace(&at, &format!("<at id=\"{id}\">{}</at>", html::escape(name)));
            mentions.push(json!({
                "id": id,
                "mentionText": name,
                "mentioned": {
                    "application": null, "device": null, "conversation": null,
                    "user": identity(member.user, member.tenant, name),
                },
            }));
        }
    }
    mentions
}

fn theirs<'w>(world: &'w World, chat: &str, person: Uuid) -> Result<&'w Chat, Problem> {
    let chat = world.tenant.chats.get(chat).ok_or_else(|| absent("chat"))?;
    if chat.member(person).is_some() {
        Ok(chat)
    } else {
        Err(Problem::new(403, "Forbidden", "This person is not in the chat."))
    }
}

fn own<'w>(
    world: &'w World,
    chat: &str,
    person: Uuid,
    message: u64,
) -> Result<&'w Message, Problem> {
    let message = theirs(world, chat, person)?.messages.get(&message);
    let message = message.filter(|message| message.deleted.is_none());
    match message.ok_or_else(|| absent("message"))? {
        message if matches!(&message.sender, Sender::User { id, .. } if *id == person) => {
            Ok(message)
        }
        _ => Err(Problem::new(403, "Forbidden", "This person did not send the message.")),
    }
}

fn known(world: &World, person: Uuid) -> Result<Member, Problem> {
    rules::member(world, person).ok_or_else(|| absent("person"))
}

fn absent(what: &str) -> Problem {
    Problem::new(404, "NotFound", format!("There is no such {what}."))
}

/// The presence session of a person's own Teams.
const CLIENT: &str = "teams-client";
const CLIENT_SESSION: jiff::SignedDuration = jiff::SignedDuration::from_hours(8);
