//! Bots on the page: a conversation like any other, its cards as text with buttons.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::bots::{Said, Talk, TalkKind};
use super::client::{self, absent};
use crate::graph::Problem;
use crate::graph::messages::html;
use crate::wire::at;
use crate::world::{Sandbox, World};

/// Whether a chat's id is one of a bot's conversations, or names a bot whose conversation is not
/// open yet.
pub(crate) fn is_ours(world: &World, chat: &str) -> bool {
    chat.starts_with(NEW) || world.bots.talks.contains_key(chat)
}

/// Rows for the list of somebody's chats: one for each bot.
pub(crate) fn rows(world: &World, me: Uuid) -> Vec<Value> {
    let bots = world.bots.all.values().map(|bot| {
        let talk = world.bots.talks.values().find(|talk| {
            talk.bot == bot.app && talk.kind == TalkKind::Personal && talk.people == [me]
        });
        let last = talk.and_then(|talk| talk.messages.values().rev().find(|said| !said.deleted));
        json!({
            "id": talk.map_or_else(|| format!("{NEW}{}", bot.app), |talk| talk.id.clone()),
            "title": format!("{} (app)", bot.name),
            "with": {
                "id": bot.app, "name": format!("{} (app)", bot.name), "upn": "", "twin": true,
                "title": "app", "presence": "Available",
            },
            "members": 2,
            "last": last.map(|said| json!({
                "id": said.id.to_string(), "text": plain(said), "mine": said.by == Some(me),
            })),
        })
    });
    bots.collect()
}

/// One conversation.
pub(crate) fn messages(world: &World, me: Uuid, chat: &str) -> Result<Value, Problem> {
    if chat.starts_with(NEW) {
        return Ok(json!({"messages": [], "about": null}));
    }
    let talk = world.bots.talks.get(chat).filter(|talk| talk.people.contains(&me));
    let talk = talk.ok_or_else(|| absent("chat"))?;
    let messages: Vec<Value> =
        talk.messages.values().map(|said| message(world, talk, said)).collect();
    Ok(json!({
        "chat": talk.id,
        "messages": messages,
        "typing": talk.typing.is_some(),
        "about": null,
    }))
}

fn message(world: &World, talk: &Talk, said: &Said) -> Value {
    let bot = world.bots.all.get(&talk.bot).map_or("", |bot| bot.name.as_str());
    let from = match said.by {
        Some(person) => {
            let name = world.tenant.people.get(person).map_or("", |user| &user.display_name);
            json!({"id": person, "name": name})
        }
        None => json!({"id": talk.bot, "name": bot}),
    };
    let text = at(&said.activity, "/text").as_str().unwrap_or_default();
    let (content, is_html) = match (&said.card, at(&said.activity, "/textFormat").as_str()) {
        (Some(card), _) => (drawn(card), true),
        (None, Some("xml")) => (text.to_owned(), true),
        (None, _) => (text.to_owned(), false),
    };
    let buttons: Vec<Value> = said
        .buttons()
        .iter()
        .map(|(title, verb, _)| json!({"title": title, "verb": verb}))
        .collect();
    json!({
        "id": said.id.to_string(),
        "from": from,
        "html": is_html,
        "content": content,
        "buttons": buttons,
        "card": said.card.is_some(),
        "remark": said.remark,
        "edited": said.edited,
        "deleted": said.deleted,
    })
}

/// A card's texts as markup of the page's own: a paragraph for each block.
fn drawn(card: &Value) -> String {
    let mut page = String::new();
    for block in at(card, "/body").as_array().into_iter().flatten() {
        page.push_str("<p>");
        let text = at(block, "/text").as_str().unwrap_or_default();
        page.push_str(&html::escape(text));
        for run in at(block, "/inlines").as_array().into_iter().flatten() {
            let text = html::escape(at(run, "/text").as_str().unwrap_or_default());
            let (open, close) = match (at(run, "/weight").as_str(), at(run, "/italic").as_bool()) {
                (Some("Bolder"), _) => ("<b>", "</b>"),
                (_, Some(true)) => ("<i>", "</i>"),
                _ => ("", ""),
            };
            page.push_str(open);
            page.push_str(&text);
            page.push_str(close);
        }
        page.push_str("</p>");
    }
    page
}

fn plain(said: &Said) -> String {
    let summary = at(&said.activity, "/summary").as_str();
    let text = at(&said.activity, "/text").as_str().or(summary).unwrap_or_default();
    let mut inside = false;
    let text = text.chars().filter(|c| {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                return false;
            }
            _ => {}
        }
        !inside
    });
    text.take(PREVIEW).collect()
}

/// What somebody does on the page.
pub(crate) async fn act(
    sandbox: &Arc<Sandbox>,
    what: &str,
    body: &Value,
) -> Result<Value, Problem> {
    let me = at(body, "/as").as_str().and_then(|id| Uuid::try_parse(id).ok());
    let me = me.ok_or_else(|| Problem::new(400, "BadRequest", "`as` names nobody."))?;
    let given = at(body, "/chat").as_str().unwrap_or_default();
    let opened = match given.strip_prefix(NEW).and_then(|app| Uuid::try_parse(app).ok()) {
        Some(app) => client::open(sandbox, app, me).await?,
        None => given.to_owned(),
    };
    let message = || {
        let id = at(body, "/message").as_str().and_then(|id| id.parse().ok());
        id.ok_or_else(|| Problem::new(400, "BadRequest", "Which message?"))
    };
    let text = at(body, "/text").as_str().unwrap_or_default();
    let sent = match what {
        "say" => client::say(sandbox, &opened, me, text, None).await?,
        "edit" => client::change(sandbox, &opened, me, message()?, Some(text)).await?,
        "delete" => client::change(sandbox, &opened, me, message()?, None).await?,
        "press" => client::press(sandbox, &opened, me, message()?, text, Some("manual")).await?,
        _ => return Err(absent("page")),
    };
    Ok(json!({"chat": sent.chat, "message": sent.message.to_string()}))
}

/// What the id of a conversation that is not open yet begins with; the bot's app id follows.
const NEW: &str = "bot:";
const PREVIEW: usize = 120;
