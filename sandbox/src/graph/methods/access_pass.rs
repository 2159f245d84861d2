//! Temporary access passes: issued once, shown once, gone when deleted.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Access, context, json, listing, reached, revoke_sessions};
use crate::graph::users::undeclared;
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::credentials;
use crate::tenant::audit::events::Trace;
use crate::tenant::{AccessPass, Effect, MethodKind, PASS_BOUNDS, Secret};
use crate::world::{Event, World};

const KIND: MethodKind = MethodKind::AccessPass;

/// What was asked for, within the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wish {
    minutes: u32,
    once: bool,
    start: Timestamp,
}

pub(super) fn issue(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let user = reached(world, call, Some(KIND), Access::Write)?;
    let (user, guest) = (user.id, user.guest);
    // Nobody issues a pass to themselves.
    if call.caller.user == Some(user) {
        return Err(Problem::denied());
    }
    let now = world.now();
    let wish = wish(world, &call.body, now)?;
    if guest {
        return Err(bad("Temporary Access Pass cannot be added to an external guest user."));
    }
    if !world.tenant.may_have_pass(user) {
        return Err(bad("Temporary Access Pass policy is not enabled for the user."));
    }
    let held = world.tenant.people.get(user).and_then(|user| user.methods.pass.as_ref());
    if held.is_some_and(|pass| pass.lives(now)) {
        return Err(bad("The user already has a usable Temporary Access Pass."));
    }
    let pass = AccessPass {
        id: world.guid(),
        secret: secret(world),
        created: now,
        start: wish.start,
        minutes: wish.minutes,
        once: wish.once,
        used: false,
    };
    let Some(person) = world.tenant.people.get_mut(user) else {
        return Err(Problem::not_found(call.segment(1)));
    };
    person.methods.pass = Some(pass.clone());
    world.tenant.told.add(pass.secret.clone());
    credentials::security_info_registered(world, &Trace::of(call), user, KIND);
    world.tenant.ledger.count(Effect::AccessPassIssued { user });
    world.emit(Event::Directory { id: user });
    let Some(person) = world.tenant.people.get(user) else {
        return Err(Problem::not_found(call.segment(1)));
    };
    let mut body = json::access_pass(&world.tenant, person, &pass, now);
    if let Value::Object(body) = &mut body {
        body.insert("temporaryAccessPass".to_owned(), json!(pass.secret.reveal()));
    }
    Ok(Answer::created(listing(&context(user, Some(KIND))).wrapped(call, body)))
}

/// Deletes a pass. One that still works ends the sessions, too.
pub(super) fn delete(world: &mut World, call: &Call, user: Uuid) -> Result<Answer, Problem> {
    let id = call.segment(4);
    let now = world.now();
    let Some(person) = world.tenant.people.get_mut(user) else {
        return Err(Problem::not_found(call.segment(1)));
    };
    let pass = person.methods.pass.take_if(|pass| pass.id.to_string().eq_ignore_ascii_case(id));
    let pass = pass.ok_or_else(|| Problem::not_found(id))?;
    let trace = Trace::of(call);
    credentials::security_info_deleted(world, &trace, user, KIND);
    if pass.lives(now) {
        revoke_sessions(world, &trace, user);
    }
    world.tenant.ledger.count(Effect::AccessPassDeleted { user });
    world.emit(Event::Directory { id: user });
    Ok(Answer::no_content())
}

fn wish(world: &World, body: &Value, now: Timestamp) -> Result<Wish, Problem> {
    let policy = &world.tenant.pass_policy;
    let empty = serde_json::Map::new();
    let fields = match body {
        Value::Null => &empty,
        Value::Object(fields) => fields,
        _ => return Err(bad("Unable to read JSON request payload.")),
    };
    let known = [
        "@odata.type",
        "lifetimeInMinutes",
        "isUsableOnce",
        "startDateTime",
        "temporaryAccessPass",
        "isUsable",
        "methodUsabilityReason",
    ];
    if let Some(odd) = fields.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(undeclared(odd));
    }
    let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
    let minutes = match given("lifetimeInMinutes") {
        None => policy.default_minutes,
        Some(value) => {
            let minutes = value.as_u64().and_then(|minutes| u32::try_from(minutes).ok());
            minutes.ok_or_else(|| bad("lifetimeInMinutes must be a number of minutes."))?
        }
    };
    let (least, most) =
        (policy.minimum_minutes.max(PASS_BOUNDS.0), policy.maximum_minutes.min(PASS_BOUNDS.1));
    if !(least..=most).contains(&minutes) {
        return Err(bad(format!(
            "lifetimeInMinutes must be between {least} and {most} as defined by the policy."
        )));
    }
    let once = match given("isUsableOnce") {
        None => policy.once,
        Some(Value::Bool(false)) if policy.once => {
            return Err(bad("The policy allows only one-time Temporary Access Passes."));
        }
        Some(Value::Bool(once)) => *once,
        Some(_) => return Err(bad("isUsableOnce must be true or false.")),
    };
    let start = match given("startDateTime") {
        None => now,
        Some(value) => {
            let start = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            // The past means at once.
            start.ok_or_else(|| bad("startDateTime is not a date and time."))?.max(now)
        }
    };
    Ok(Wish { minutes, once, start })
}

/// Characters that nobody mistakes for each other, from the sandbox's dice.
fn secret(world: &mut World) -> Secret {
    const SIGNS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789#$%*+=?@^";
    let bound = u64::try_from(SIGNS.len()).unwrap_or(1);
    let sign = |at: u64| usize::try_from(at).ok().and_then(|at| SIGNS.get(at)).copied();
    let length = world.tenant.pass_policy.length;
    let signs: Vec<u64> = (0..length).map(|_| world.roll(bound)).collect();
    Secret::new(signs.into_iter().filter_map(sign).map(char::from).collect::<String>())
}

/// The status is documented; the words are ours.
fn bad(message: impl Into<String>) -> Problem {
    Problem::new(400, "badRequest", message)
}
