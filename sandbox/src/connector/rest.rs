//! The REST interface that bots answer through (Bot Connector `v3`).

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bots::{Bot, Talk, account, card};
use super::client::emit;
use crate::token;
use crate::wire::{Request, Response, at, field};
use crate::world::{Change, Event, Sandbox, World};

/// A refused call: status, code, message.
struct No(u16, &'static str, String);

/// Answers one request below a service URL.
pub(crate) fn answer(sandbox: &Sandbox, request: &Request) -> Response {
    match served(sandbox, request) {
        Ok((status, Value::Null)) => Response::empty(status),
        Ok((status, value)) => Response::json(status, value),
        Err(No(status, code, message)) => {
            let error = json!({"error": {"code": code, "message": message}});
            let response = Response::json(status, error);
            if status == 429 { response.with_header("Retry-After", "1") } else { response }
        }
    }
}

fn served(sandbox: &Sandbox, request: &Request) -> Result<(u16, Value), No> {
    let callers = caller(sandbox, request)?;
    let path = request.path.strip_prefix("/connector").unwrap_or(&request.path);
    // Whatever stands before the version is the region.
    let path = path.find("/v3/").and_then(|at| path.get(at..)).unwrap_or_default();
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let body: Value = if request.body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&request.body).map_err(|_| bad("the body is not JSON"))?
    };
    let mut world = sandbox.world();
    let bot = callers
        .iter()
        .find_map(|app| {
            let ours = |bot: &&Bot| {
                bot.app == *app || bot.agent.as_ref().is_some_and(|agent| agent.app == *app)
            };
            world.bots.all.values().find(ours)
        })
        .cloned()
        .ok_or_else(|| No(401, "Unauthorized", "No bot has this app id.".to_owned()))?;
    match (request.method.as_str(), segments.as_slice()) {
        ("POST", ["v3", "conversations"]) => create(&mut world, &bot, &body),
        ("POST", ["v3", "conversations", chat, "activities"])
        | ("POST", ["v3", "conversations", chat, "activities", _]) => {
            post(&mut world, &bot, chat, body)
        }
        ("PUT", ["v3", "conversations", chat, "activities", id]) => {
            change(&mut world, &bot, chat, id, Some(body))
        }
        ("DELETE", ["v3", "conversations", chat, "activities", id]) => {
            change(&mut world, &bot, chat, id, None)
        }
        ("GET", ["v3", "conversations", chat, "members"]) => {
            Ok((200, members(&world, &bot, chat)?.into()))
        }
        ("GET", ["v3", "conversations", chat, "pagedmembers"]) => {
            Ok((200, json!({"members": members(&world, &bot, chat)?})))
        }
        ("GET", ["v3", "conversations", chat, "members", who]) => {
            let members = members(&world, &bot, chat)?;
            let found = members
                .into_iter()
                .find(|one| at(one, "/id") == *who || at(one, "/aadObjectId") == *who);
            found.map(|one| (200, one)).ok_or_else(|| {
                No(404, "MemberNotFoundInConversation", "They are not in it.".to_owned())
            })
        }
        (method, _) => {
            Err(No(404, "NotFound", format!("The sandbox does not implement {method} {path}.")))
        }
    }
}

/// The apps a token speaks for: its own, and for an agent user's the agent identity's.
fn caller(sandbox: &Sandbox, request: &Request) -> Result<Vec<Uuid>, No> {
    let refused = || No(401, "Unauthorized", "Invalid token.".to_owned());
    let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let bearer = bearer.ok_or_else(refused)?;
    let caller = [token::CONNECTOR, token::AGENT_MESSAGING]
        .into_iter()
        .find_map(|audience| token::caller(sandbox, bearer, audience).ok());
    caller.map(|caller| vec![caller.app_id]).ok_or_else(refused)
}

fn talk<'w>(world: &'w mut World, bot: &Bot, chat: &str) -> Result<&'w mut Talk, No> {
    let talk = world.bots.talks.get_mut(chat).filter(|talk| talk.bot == bot.app);
    talk.ok_or_else(|| {
        No(404, "ConversationNotFound", "The conversation was not found.".to_owned())
    })
}

fn post(world: &mut World, bot: &Bot, chat: &str, body: Value) -> Result<(u16, Value), No> {
    let now = world.now();
    let talk = talk(world, bot, chat)?;
    if talk.blocked {
        let message = "The user has blocked the conversation.".to_owned();
        return Err(No(403, "MessageWritesBlocked", message));
    }
    if talk.is_throttled(now) {
        return Err(No(429, "TooManyRequests", "Too many requests.".to_owned()));
    }
    match field(&body, "type").as_str() {
        Some("typing") => {
            talk.typing = Some(now);
            world.emit(Event::Chat { chat: chat.to_owned() });
            Ok((202, Value::Null))
        }
        Some("message") => {
            check(&body)?;
            let id = talk.say(None, body, now);
            emit(world, chat, id, Change::Created);
            Ok((201, json!({"id": id.to_string()})))
        }
        _ => Err(bad("`type` is missing or not one that a bot can send")),
    }
}

fn change(
    world: &mut World,
    bot: &Bot,
    chat: &str,
    id: &str,
    body: Option<Value>,
) -> Result<(u16, Value), No> {
    let now = world.now();
    let talk = talk(world, bot, chat)?;
    if talk.is_throttled(now) {
        return Err(No(429, "TooManyRequests", "Too many requests.".to_owned()));
    }
    let said = id.parse().ok().and_then(|id: u64| talk.messages.get_mut(&id));
    let said = said
        .filter(|said| said.by.is_none() && !said.deleted)
        .ok_or_else(|| No(404, "ActivityNotFoundInConversation", "It is not there.".to_owned()))?;
    let what = match body {
        Some(body) => {
            check(&body)?;
            said.card = card(&body).cloned();
            said.activity = body;
            said.remark = None;
            said.edited = true;
            Change::Updated
        }
        None => {
            said.deleted = true;
            Change::Deleted
        }
    };
    let number = said.id;
    emit(world, chat, number, what);
    Ok((200, json!({"id": id})))
}

/// As far as Teams looks at what it is sent.
fn check(body: &Value) -> Result<(), No> {
    let text = field(body, "text").as_str().is_some_and(|text| !text.is_empty());
    let Some(card) = card(body) else {
        return if text { Ok(()) } else { Err(bad("the message is empty")) };
    };
    if text {
        return Err(bad("the sandbox takes a text or a card: Teams would split them"));
    }
    let version = field(card, "version").as_str().unwrap_or_default();
    if at(card, "/type") != "AdaptiveCard" || version.is_empty() {
        return Err(bad("the card is no Adaptive Card"));
    }
    let execute = at(card, "/actions")
        .as_array()
        .is_some_and(|actions| actions.iter().any(|one| at(one, "/type") == "Action.Execute"));
    if execute && version < "1.4" {
        return Err(bad("`Action.Execute` needs version 1.4 or later"));
    }
    Ok(())
}

fn create(world: &mut World, bot: &Bot, body: &Value) -> Result<(u16, Value), No> {
    let tenant = field(body, "tenantId").as_str();
    let tenant = tenant.or_else(|| at(body, "/channelData/tenant/id").as_str());
    if tenant.and_then(|id| Uuid::try_parse(id).ok()) != Some(world.tenant.id) {
        return Err(bad("the tenant is missing or another one"));
    }
    let [member] = at(body, "/members").as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(bad("a personal conversation has one member"));
    };
    let id = at(member, "/id").as_str().unwrap_or_default();
    let person = world
        .tenant
        .people
        .iter()
        .find(|user| user.id.to_string() == id || account(bot.app, user.id) == id)
        .map(|user| user.id)
        .ok_or_else(|| {
            No(403, "BadSyntax", "Bot is not part of the conversation roster.".to_owned())
        })?;
    let (chat, _) = world.bots.personal(bot.app, person);
    world.emit(Event::Chat { chat: chat.clone() });
    Ok((201, json!({"id": chat, "serviceUrl": bot.service_url})))
}

fn members(world: &World, bot: &Bot, chat: &str) -> Result<Vec<Value>, No> {
    let talk = world.bots.talks.get(chat).filter(|talk| talk.bot == bot.app);
    let talk = talk.ok_or_else(|| {
        No(404, "ConversationNotFound", "The conversation was not found.".to_owned())
    })?;
    let people = talk.people.iter().filter_map(|id| world.tenant.people.get(*id));
    Ok(people
        .map(|user| {
            json!({
                "id": account(bot.app, user.id),
                "name": user.display_name,
                "aadObjectId": user.id,
                "userPrincipalName": user.upn,
                "tenantId": world.tenant.id,
                "userRole": "user",
            })
        })
        .collect())
}

fn bad(why: &str) -> No {
    No(400, "BadSyntax", why.to_owned())
}
