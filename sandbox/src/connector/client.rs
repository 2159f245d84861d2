//! What a person does with a bot in their own Teams client: write, edit, delete, press.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::bots::{Bot, Talk, TalkKind};
use super::deliver::{Delivered, activity, deliver};
use crate::graph::Problem;
use crate::graph::messages::html;
use crate::tenant::User;
use crate::wire::{at, set};
use crate::world::{Change, Event, Sandbox, World};

/// What was sent, and what became of it.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) chat: String,
    pub(super) message: u64,
    pub(super) delivered: Delivered,
}

/// Writes in a conversation.
pub(super) async fn say(
    sandbox: &Arc<Sandbox>,
    chat: &str,
    person: Uuid,
    typed: &str,
    delivery: Option<&str>,
) -> Result<Sent, Problem> {
    let (bot, message, activity) = {
        let mut world = sandbox.world();
        let now = world.now();
        let talk = theirs_mut(&mut world, chat, person)?;
        let mentioned = talk.kind == TalkKind::Personal || typed.contains('@');
        let message = talk.say(Some(person), json!({"text": typed}), now);
        let (bot, talk, user) = facts(&world, chat, person)?;
        let mut activity = written(&world, &bot, &talk, user, message, typed);
        if let Some(delivery) = delivery {
            set(&mut activity, "deliveryMode", delivery.into());
        }
        emit(&world, chat, message, Change::Created);
        // In a group a bot gets only what mentions it.
        (bot, message, mentioned.then_some(activity))
    };
    let delivered = match activity {
        Some(activity) => deliver(sandbox, &bot, &activity).await,
        None => Delivered { status: 0, body: Value::Null },
    };
    Ok(Sent { chat: chat.to_owned(), message, delivered })
}

/// Changes an own message, or takes it back with `typed` left out.
pub(super) async fn change(
    sandbox: &Arc<Sandbox>,
    chat: &str,
    person: Uuid,
    message: u64,
    typed: Option<&str>,
) -> Result<Sent, Problem> {
    let (bot, activity) = {
        let mut world = sandbox.world();
        let talk = theirs_mut(&mut world, chat, person)?;
        let said = talk.messages.get_mut(&message).filter(|said| said.by == Some(person));
        let said = said.ok_or_else(|| absent("message of this person"))?;
        match typed {
            Some(typed) => {
                said.edited = true;
                said.activity = json!({"text": typed});
            }
            None => said.deleted = true,
        }
        let (bot, talk, user) = facts(&world, chat, person)?;
        let text = typed.unwrap_or_default();
        let mut activity = written(&world, &bot, &talk, user, message, text);
        let (kind, event) = match typed {
            Some(_) => ("messageUpdate", "editMessage"),
            None => ("messageDelete", "softDeleteMessage"),
        };
        set(&mut activity, "type", kind.into());
        if let Some(data) = activity.get_mut("channelData") {
            set(data, "eventType", event.into());
        }
        let change = if typed.is_some() { Change::Updated } else { Change::Deleted };
        emit(&world, chat, message, change);
        (bot, activity)
    };
    let delivered = deliver(sandbox, &bot, &activity).await;
    Ok(Sent { chat: chat.to_owned(), message, delivered })
}

/// Presses a card's button; `trigger` is `manual` unless the client does it on its own.
pub(super) async fn press(
    sandbox: &Arc<Sandbox>,
    chat: &str,
    person: Uuid,
    message: u64,
    button: &str,
    trigger: Option<&str>,
) -> Result<Sent, Problem> {
    let (bot, activity) = {
        let mut world = sandbox.world();
        let id = world.guid();
        let (bot, talk, user) = facts(&world, chat, person)?;
        let said = talk.messages.get(&message).ok_or_else(|| absent("message"))?;
        let (_, verb, data) = said
            .buttons()
            .into_iter()
            .find(|(title, verb, _)| *title == button || *verb == button)
            .ok_or_else(|| absent("button"))?;
        let mut value = json!({"action": {"type": "Action.Execute", "verb": verb, "data": data}});
        if let Some(trigger) = trigger {
            set(&mut value, "trigger", trigger.into());
        }
        let mut activity = activity(&world, &bot, &talk, user, &format!("f:{id}"));
        set(&mut activity, "type", "invoke".into());
        set(&mut activity, "name", "adaptiveCard/action".into());
        set(&mut activity, "replyToId", message.to_string().into());
        set(&mut activity, "value", value);
        (bot, activity)
    };
    let delivered = deliver(sandbox, &bot, &activity).await;
    let mut world = sandbox.world();
    if let Some(said) =
        world.bots.talks.get_mut(chat).and_then(|talk| talk.messages.get_mut(&message))
    {
        answered(said, &delivered);
    }
    emit(&world, chat, message, Change::Updated);
    Ok(Sent { chat: chat.to_owned(), message, delivered })
}

/// What the client makes of the answer to a press.
fn answered(said: &mut super::bots::Said, delivered: &Delivered) {
    let body = &delivered.body;
    said.remark = None;
    match (delivered.status, at(body, "/type").as_str()) {
        (200, Some(super::bots::ADAPTIVE)) => said.card = Some(at(body, "/value").clone()),
        (200, Some("application/vnd.microsoft.activity.message")) => {
            said.remark = at(body, "/value").as_str().map(str::to_owned);
        }
        (200, Some("application/vnd.microsoft.error")) => {
            let why = at(body, "/value/message").as_str().unwrap_or("Something went wrong.");
            said.remark = Some(why.to_owned());
        }
        _ => said.remark = Some("Something went wrong. Please try again.".to_owned()),
    }
}

/// Opens the personal conversation of somebody with a bot: the first time, it is installed.
pub(super) async fn open(
    sandbox: &Arc<Sandbox>,
    bot: Uuid,
    person: Uuid,
) -> Result<String, Problem> {
    let (chat, activities) = {
        let mut world = sandbox.world();
        if world.tenant.people.get(person).is_none() {
            return Err(absent("person"));
        }
        if !world.bots.all.contains_key(&bot) {
            return Err(absent("bot"));
        }
        let (chat, new) = world.bots.personal(bot, person);
        let ids = [world.guid(), world.guid()];
        let mut activities = Vec::new();
        if new {
            let (bot, talk, user) = facts(&world, &chat, person)?;
            let [mut added, mut installed] =
                ids.map(|id| activity(&world, &bot, &talk, user, &format!("f:{id}")));
            set(&mut added, "type", "conversationUpdate".into());
            let itself = json!([{"id": at(&added, "/recipient/id")}]);
            set(&mut added, "membersAdded", itself);
            set(&mut installed, "type", "installationUpdate".into());
            set(&mut installed, "action", "add".into());
            activities.extend([(bot.clone(), added), (bot, installed)]);
            world.emit(Event::Chat { chat: chat.clone() });
        }
        (chat, activities)
    };
    for (bot, activity) in activities {
        deliver(sandbox, &bot, &activity).await;
    }
    Ok(chat)
}

fn written(world: &World, bot: &Bot, talk: &Talk, user: &User, message: u64, typed: &str) -> Value {
    let mut activity = activity(world, bot, talk, user, &message.to_string());
    set(&mut activity, "type", "message".into());
    set(&mut activity, "textFormat", "plain".into());
    set(&mut activity, "text", typed.into());
    set(
        &mut activity,
        "attachments",
        json!([{"contentType": "text/html", "content": html::typed(typed)}]),
    );
    if talk.kind == TalkKind::Group {
        let mention = format!("<at>{}</at>", bot.name);
        let text = typed.replace(&format!("@{}", bot.name), &mention);
        set(&mut activity, "text", text.into());
        let mentioned = json!({"id": at(&activity, "/recipient/id"), "name": bot.name});
        let entity = json!({"type": "mention", "text": mention, "mentioned": mentioned});
        set(&mut activity, "entities", json!([entity]));
    }
    activity
}

fn facts<'w>(world: &'w World, chat: &str, person: Uuid) -> Result<(Bot, Talk, &'w User), Problem> {
    let talk = world.bots.talks.get(chat).filter(|talk| talk.people.contains(&person));
    let talk = talk.ok_or_else(|| absent("chat of this person"))?;
    let bot = world.bots.all.get(&talk.bot).ok_or_else(|| absent("bot"))?;
    let user = world.tenant.people.get(person).ok_or_else(|| absent("person"))?;
    Ok((bot.clone(), talk.clone(), user))
}

fn theirs_mut<'w>(world: &'w mut World, chat: &str, person: Uuid) -> Result<&'w mut Talk, Problem> {
    let talk = world.bots.talks.get_mut(chat).filter(|talk| talk.people.contains(&person));
    talk.ok_or_else(|| absent("chat of this person"))
}

pub(super) fn emit(world: &World, chat: &str, message: u64, change: Change) {
    world.emit(Event::Message { chat: chat.to_owned(), message, change });
}

pub(super) fn absent(what: &str) -> Problem {
    Problem::new(404, "NotFound", format!("There is no such {what}."))
}
