//! Presence: read anybody's, set one's own.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::chats::call::{bad, base, forbidden, missing, options, scoped};
use super::messages::draft::{known, moment, text};
use super::messages::{time, with_context};
use super::{Answer, Call, Handled, Problem};
use crate::tenant::{PREFERRED, Presence, SET, StatusMessage};
use crate::world::{Event, World};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, names) = call.route();
    let key = call.segment(if names.first() == Some(&"users") { 1 } else { 2 });
    let answer = match (method, names.as_slice()) {
        ("GET", ["users", _, "presence"] | ["communications", "presences", _]) => {
            get(world, call, key)
        }
        ("POST", ["communications", "getpresencesbyuserid"]) => several(world, call),
        ("POST", ["users", _, "presence", action] | ["communications", "presences", _, action]) => {
            act(world, call, key, action)?
        }
        _ => return None,
    };
    Some(answer)
}

/// A `presence` without `@odata.context`.
pub(crate) fn presence_json(world: &World, user: Uuid) -> Value {
    let now = world.now();
    let presences = &world.tenant.chats.presences;
    let Presence { availability, activity } = presences.of(user, now);
    let status = presences.status(user, now).map(|status| {
        json!({
            "message": {"content": status.content, "contentType": status.content_type},
            "publishedDateTime": time(status.published),
            "expiryDateTime": status.expires.map(|at| {
                json!({
                    "dateTime": at.strftime("%Y-%m-%dT%H:%M:%S.0000000").to_string(),
                    "timeZone": "UTC",
                })
            }),
        })
    });
    json!({
        "id": user,
        "availability": availability,
        "activity": activity,
        "statusMessage": status,
        "outOfOfficeSettings": {"message": null, "isOutOfOffice": false},
        "workLocation": null,
        "sequenceNumber": now.as_millisecond().to_string(),
    })
}

fn get(world: &World, call: &Call, key: &str) -> Result<Answer, Problem> {
    let user = found(world, key)?;
    let own = call.caller.user == Some(user);
    scoped(call, if own { READ_OWN } else { READ_ANY }, &["Presence.Read.All"])?;
    options(call, &["$select"])?;
    let context = format!("{}/$metadata#users('{user}')/presence/$entity", base(call));
    let mut body = presence_json(world, user);
    if let (Some(select), Some(object)) = (call.option("$select"), body.as_object_mut()) {
        object.retain(|name, _| select.split(',').any(|wanted| wanted.trim() == name));
    }
    Ok(Answer::ok(with_context(context, body)))
}

fn several(world: &World, call: &Call) -> Result<Answer, Problem> {
    scoped(call, READ_ANY, &["Presence.Read.All", "Presence.ReadWrite.All"])?;
    known(&call.body, &["ids"])?;
    let given = match call.body.get("ids") {
        Some(Value::Array(ids)) if !ids.is_empty() && ids.len() <= MOST_IDS => ids,
        _ => return Err(bad(format!("ids must hold 1 to {MOST_IDS} user ids."))),
    };
    let mut value = Vec::new();
    for id in given {
        let id = id.as_str().and_then(|id| Uuid::try_parse(id).ok());
        let id = id.ok_or_else(|| bad("ids must be GUIDs."))?;
        // Ids of nobody are left out.
        if world.tenant.people.get(id).is_some() {
            value.push(presence_json(world, id));
        }
    }
    let context = format!("{}/$metadata#Collection(microsoft.graph.presence)", base(call));
    Ok(Answer::ok(json!({"@odata.context": context, "value": value})))
}

/// `None` for an action that is not ours.
fn act(world: &mut World, call: &Call, key: &str, action: &str) -> Option<Result<Answer, Problem>> {
    let act: fn(&mut World, &Call, Uuid) -> Result<(), Problem> = match action {
        "setpresence" => set,
        "clearpresence" => clear,
        "setuserpreferredpresence" => prefer,
        "clearuserpreferredpresence" => unprefer,
        "setstatusmessage" => note,
        _ => return None,
    };
    Some((|| {
        scoped(call, &["Presence.ReadWrite"], &["Presence.ReadWrite.All"])?;
        let user = found(world, key)?;
        if call.caller.user.is_some_and(|caller| caller != user) {
            return Err(forbidden("Presence can be set for the signed-in user only."));
        }
        let before = world.tenant.chats.presences.of(user, world.now());
        act(world, call, user)?;
        if action == "setstatusmessage"
            || before != world.tenant.chats.presences.of(user, world.now())
        {
            world.emit(Event::Presence { user });
        }
        Ok(Answer { status: 200, headers: Vec::new(), body: None })
    })())
}

fn set(world: &mut World, call: &Call, user: Uuid) -> Result<(), Problem> {
    known(&call.body, &["sessionId", "availability", "activity", "expirationDuration"])?;
    let session = session(call)?;
    let presence = chosen(call, &SET)?;
    let lasts = lasts(call, FIVE_MINUTES)?;
    if !(FIVE_MINUTES..=FOUR_HOURS).contains(&lasts) {
        return Err(bad("expirationDuration must be between PT5M and PT4H."));
    }
    let now = world.now();
    world.tenant.chats.presences.set(user, &session, presence, now, lasts);
    Ok(())
}

fn clear(world: &mut World, call: &Call, user: Uuid) -> Result<(), Problem> {
    known(&call.body, &["sessionId"])?;
    let session = session(call)?;
    // A session that is not there is as good as cleared.
    world.tenant.chats.presences.clear(user, &session);
    Ok(())
}

fn prefer(world: &mut World, call: &Call, user: Uuid) -> Result<(), Problem> {
    known(&call.body, &["availability", "activity", "expirationDuration"])?;
    let presence = chosen(call, &PREFERRED)?;
    let usual = match presence.availability {
        "Busy" | "DoNotDisturb" => ONE_DAY,
        _ => SEVEN_DAYS,
    };
    let lasts = lasts(call, usual)?;
    if lasts <= SignedDuration::ZERO {
        return Err(bad("expirationDuration must be positive."));
    }
    let expires = world.now().saturating_add(lasts).unwrap_or(Timestamp::MAX);
    world.tenant.chats.presences.prefer(user, Some((presence, expires)));
    Ok(())
}

fn unprefer(world: &mut World, _call: &Call, user: Uuid) -> Result<(), Problem> {
    world.tenant.chats.presences.prefer(user, None);
    Ok(())
}

fn note(world: &mut World, call: &Call, user: Uuid) -> Result<(), Problem> {
    known(&call.body, &["statusMessage"])?;
    let Some(status) = call.body.get("statusMessage") else {
        return Err(bad("statusMessage is missing."));
    };
    known(status, &["message", "expiryDateTime"])?;
    let message = status.get("message").cloned().unwrap_or(Value::Null);
    known(&message, &["content", "contentType"])?;
    let content = text(&message, "content")?.unwrap_or_default().to_owned();
    if content.len() > LONGEST_NOTE {
        return Err(bad("The status message is too long."));
    }
    let content_type = match text(&message, "contentType")? {
        Some("html") => "html",
        _ => "text",
    };
    let expires = match status.pointer("/expiryDateTime/dateTime").and_then(Value::as_str) {
        Some(at) if at.ends_with('Z') => Some(moment(at)?),
        Some(at) => Some(moment(&format!("{at}Z"))?),
        None => None,
    };
    let published = world.now();
    let status = StatusMessage { content, content_type, published, expires };
    let empty = status.content.is_empty();
    world.tenant.chats.presences.note(user, (!empty).then_some(status));
    Ok(())
}

fn found(world: &World, key: &str) -> Result<Uuid, Problem> {
    world.tenant.people.find(key).map(|user| user.id).ok_or_else(|| missing("NotFound"))
}

/// The app's id names its session.
fn session(call: &Call) -> Result<String, Problem> {
    match text(&call.body, "sessionId")? {
        Some(id) if Uuid::try_parse(id).is_ok() => Ok(id.to_ascii_lowercase()),
        _ => Err(bad("sessionId must be the application's id.")),
    }
}

fn chosen(call: &Call, allowed: &[Presence]) -> Result<Presence, Problem> {
    let availability = text(&call.body, "availability")?.unwrap_or_default();
    let activity = text(&call.body, "activity")?.unwrap_or_default();
    let presence = allowed
        .iter()
        .find(|presence| presence.availability == availability && presence.activity == activity);
    presence.copied().ok_or_else(|| {
        bad(format!("The combination {availability}/{activity} of availability and activity is not supported."))
    })
}

fn lasts(call: &Call, usual: SignedDuration) -> Result<SignedDuration, Problem> {
    let Some(given) = text(&call.body, "expirationDuration")? else { return Ok(usual) };
    given
        .parse::<Span>()
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| bad("expirationDuration must be an ISO 8601 duration."))
}

const READ_OWN: &[&str] = &["Presence.Read", "Presence.ReadWrite", "Presence.Read.All"];
const READ_ANY: &[&str] = &["Presence.Read.All"];

const FIVE_MINUTES: SignedDuration = SignedDuration::from_mins(5);
const FOUR_HOURS: SignedDuration = SignedDuration::from_hours(4);
const ONE_DAY: SignedDuration = SignedDuration::from_hours(24);
const SEVEN_DAYS: SignedDuration = SignedDuration::from_hours(7 * 24);

const MOST_IDS: usize = 650;
/// Characters Teams lets a person type.
const LONGEST_NOTE: usize = 280;
