//! Control of the chat service: what people do in Teams beyond typing, and what Graph does to
//! subscriptions on its own.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{No, person, text};
use crate::client;
use crate::wire::field;
use crate::world::World;

/// One of the calls below `/sandbox/` that are about chats; `None` for others.
pub(super) fn route(
    world: &mut World,
    method: &str,
    segments: &[&str],
    body: &Value,
) -> Option<Result<Value, No>> {
    let answer = match (method, segments) {
        ("POST", ["say"]) => say(world, body),
        ("POST", ["group"]) => group(world, body),
        ("POST", ["messages", action]) => change(world, action, body),
        ("GET", ["subscriptions"]) => Ok(subscriptions(world)),
        ("POST", ["subscriptions", id, action]) => subscription(world, id, action),
        _ => return None,
    };
    Some(answer)
}

fn say(world: &mut World, body: &Value) -> Result<Value, No> {
    let speaker = somebody(world, text(body, "as")?)?;
    let typed = text(body, "text")?;
    let chat = match field(body, "chat").as_str() {
        Some(chat) => chat.to_owned(),
        None => {
            let to = somebody(world, text(body, "to")?)?;
            client::direct(world, speaker, to)?
        }
    };
    let message = match field(body, "quoting") {
        Value::Null => client::say(world, &chat, speaker, typed)?,
        _ => client::say_quoting(world, &chat, speaker, number(body, "quoting")?, typed)?,
    };
    Ok(json!({"chat": chat, "message": message.to_string()}))
}

fn group(world: &mut World, body: &Value) -> Result<Value, No> {
    let founder = somebody(world, text(body, "as")?)?;
    let with = field(body, "with").as_array();
    let with = with.ok_or_else(|| No::bad("`with` is a list of people."))?;
    let others: Vec<Uuid> = with
        .iter()
        .map(|one| somebody(world, one.as_str().unwrap_or_default()))
        .collect::<Result<_, _>>()?;
    let chat = client::group(world, founder, &others, field(body, "topic").as_str())?;
    Ok(json!({"chat": chat}))
}

fn change(world: &mut World, action: &str, body: &Value) -> Result<Value, No> {
    let person = somebody(world, text(body, "as")?)?;
    let (chat, message) = (text(body, "chat")?, number(body, "message")?);
    match action {
        "edit" => client::edit(world, chat, person, message, text(body, "text")?)?,
        "delete" => client::delete(world, chat, person, message)?,
        "react" => client::react(world, chat, person, message, text(body, "emoji")?)?,
        "unreact" => client::unreact(world, chat, person, message, text(body, "emoji")?)?,
        _ => return Err(No::missing(format!("Nobody can `{action}` a message."))),
    }
    Ok(json!({}))
}

fn subscriptions(world: &World) -> Value {
    let subscriptions = &world.tenant.chats.subscriptions;
    let all: Vec<Value> = subscriptions
        .iter()
        .map(|subscription| {
            json!({
                "id": subscription.id,
                "appId": subscription.app_id,
                "creator": subscription.creator,
                "resource": subscription.resource,
                "notificationUrl": subscription.notification_url.as_str(),
                "expires": subscription.expires,
                "authorisedUntil": subscription.authorised_until,
            })
        })
        .collect();
    json!({"subscriptions": all, "notifications": subscriptions.counts})
}

/// `remove`: Graph takes it away. `lapse`: its authorisation ends now.
fn subscription(world: &mut World, id: &str, action: &str) -> Result<Value, No> {
    let key = Uuid::try_parse(id).unwrap_or_default();
    let now = world.now();
    let subscriptions = &mut world.tenant.chats.subscriptions;
    let done = match action {
        "remove" => subscriptions.cancel(key),
        "lapse" => subscriptions.lapse(key, now),
        _ => return Err(No::missing(format!("Nothing called `{action}` happens to it."))),
    };
    if done { Ok(json!({})) } else { Err(No::missing(format!("There is no subscription `{id}`."))) }
}

/// A colleague, or somebody at the partner company by address or object id.
fn somebody(world: &World, key: &str) -> Result<Uuid, No> {
    let id = Uuid::try_parse(key).ok();
    let outsiders = &world.tenant.chats.partners.0;
    let outsider = outsiders
        .iter()
        .find(|outsider| Some(outsider.id) == id || outsider.upn.eq_ignore_ascii_case(key));
    match outsider {
        Some(outsider) => Ok(outsider.id),
        None => person(world, key).map(|person| person.id),
    }
}

fn number(body: &Value, name: &str) -> Result<u64, No> {
    let value = field(body, name);
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| No::bad(format!("`{name}` is missing or not a message id.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::chats::fixture::Fixture;

    #[test]
    fn people_type_quote_edit_react_and_delete_and_the_partner_joins_in() {
        let graph = Fixture::new();
        let mut world = graph.sandbox.world();
        let mut ask = |path: &[&str], body: Value| {
            route(&mut world, "POST", path, &body).unwrap().map_err(|no| no.status)
        };
        let said = ask(&["say"], json!({"as": "doug", "to": "sam", "text": "hi"})).unwrap();
        let on = |extra: Value| {
            let mut body = json!({"as": "doug", "chat": said["chat"], "message": said["message"]});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            body
        };
        let quoting =
            json!({"as": "sam", "chat": said["chat"], "quoting": said["message"], "text": "yes"});
        ask(&["say"], quoting).unwrap();
        ask(&["messages", "edit"], on(json!({"text": "hello"}))).unwrap();
        ask(&["messages", "react"], on(json!({"emoji": "👍"}))).unwrap();
        ask(&["messages", "unreact"], on(json!({"emoji": "👍"}))).unwrap();
        ask(&["messages", "delete"], on(json!({}))).unwrap();
        assert_eq!(ask(&["messages", "delete"], on(json!({}))), Err(404));
        assert_eq!(ask(&["messages", "burn"], on(json!({}))), Err(404));
        let outside = json!({"as": "priya.shah@fabrikam.com", "to": "sam", "text": "hello"});
        ask(&["say"], outside).unwrap();
        let group = json!({"as": "doug", "with": ["sam", "priya.shah@fabrikam.com"], "topic": "T"});
        ask(&["group"], group).unwrap();
        assert_eq!(ask(&["say"], json!({"as": "nobody", "to": "sam", "text": "x"})), Err(404));
        let sam = world.tenant.people.find("sam@contoso.com").unwrap().id;
        assert_eq!(world.tenant.chats.of(sam).count(), 3);
    }
}
