//! Password resets through the method API: accepted, then looked up. The only way for people whose
//! password lives on the premises, where writing it back may fail.

use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Access, json, listing, reached};
use crate::graph::users::{PASSWORD_METHOD, acceptable, apply_password, undeclared};
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::credentials;
use crate::tenant::audit::events::Trace;
use crate::tenant::{MethodKind, Operation, Secret};
use crate::world::{Event, World};

const KIND: Option<MethodKind> = Some(MethodKind::Password);

pub(super) fn reset(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let user = reached(world, call, KIND, Access::Write)?;
    let (user, synced, guest) = (user.id, user.on_premises_synced, user.guest);
    // Not for an app on its own, and not for oneself.
    if call.caller.user.is_none_or(|caller| caller == user) {
        return Err(Problem::denied());
    }
    let method = call.segment(4);
    if !method.eq_ignore_ascii_case(PASSWORD_METHOD) || guest {
        return Err(Problem::not_found(method));
    }
    let given = new_password(&call.body)?;
    let chosen = given.is_none();
    let (password, failure) = match given {
        None if synced => {
            // From memory.
            return Err(Problem::bad_request(
                "A new password is required for users mastered on the premises.",
            ));
        }
        None => (generated(world), None),
        Some(typed) => match acceptable(world, user, &typed) {
            Ok(()) => (Secret::new(typed), None),
            // The premises judge later.
            Err(_) if synced => (Secret::new(typed), Some(REFUSED_ON_PREMISES.to_owned())),
            Err(problem) => return Err(problem),
        },
    };
    let failure = failure.or_else(|| (synced && writeback_fails(world)).then(not_written_back));
    let trace = Trace::of(call);
    credentials::reset_started(world, &trace, user);
    let operation = Operation {
        id: world.guid(),
        user,
        started: world.now(),
        takes: SignedDuration::from_millis(
            i64::try_from(world.tenant.quirks.reset_takes_ms).unwrap_or(i64::MAX),
        ),
        failure: failure.clone(),
    };
    let id = operation.id;
    world.tenant.operations.add(operation);
    credentials::reset_ended(world, &trace, user, failure.as_deref());
    if failure.is_none() {
        apply_password(world, &trace, user, password.clone(), true);
    }
    let version = if call.beta { "beta" } else { "v1.0" };
    let location = format!("{}/{version}/users/{user}/authentication/operations/{id}", call.origin);
    let body = chosen.then(|| {
        let context = format!("{}/{version}/$metadata#{RESPONSE}", call.origin);
        json!({"@odata.context": context, "newPassword": password.reveal()})
    });
    let headers =
        vec![("Location".to_owned(), location), ("Retry-After".to_owned(), "1".to_owned())];
    Ok(Answer { status: 202, headers, body })
}

fn new_password(body: &Value) -> Result<Option<String>, Problem> {
    let fields = match body {
        Value::Null => return Ok(None),
        Value::Object(fields) => fields,
        _ => return Err(Problem::bad_request("Unable to read JSON request payload.")),
    };
    if let Some(odd) = fields.keys().find(|name| *name != "newPassword" && !name.starts_with('@')) {
        return Err(undeclared(odd));
    }
    match fields.get("newPassword") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Problem::bad_request("Invalid value specified for 'newPassword'.")),
    }
}

/// A password as the cloud makes them: a word and a number.
fn generated(world: &mut World) -> Secret {
    const VOWELS: &[u8] = b"aou";
    const CONSONANTS: &[u8] = b"bdfghjklmnprstvwyz";
    let mut pick = |from: &[u8]| {
        let at = world.roll(u64::try_from(from.len()).unwrap_or(1));
        usize::try_from(at).ok().and_then(|at| from.get(at)).copied().map_or('x', char::from)
    };
    let letters = [pick(CONSONANTS), pick(VOWELS), pick(CONSONANTS), pick(VOWELS)];
    let digits: String = (0..6).map(|_| pick(b"23456789")).collect();
    let mut text = String::new();
    for (at, letter) in letters.into_iter().enumerate() {
        text.push(if at == 0 { letter.to_ascii_uppercase() } else { letter });
    }
    Secret::new(text + &digits)
}

fn writeback_fails(world: &mut World) -> bool {
    let left = &mut world.faults.fail_writeback_next;
    let fails = *left > 0;
    *left = left.saturating_sub(1);
    if fails {
        world.emit(Event::Faults);
    }
    fails
}

pub(super) fn operations(world: &World, call: &Call) -> Result<Answer, Problem> {
    let user = reached(world, call, KIND, Access::Read)?.id;
    let now = world.now();
    let all = world.tenant.operations.of(user);
    let items = all.map(|it| json::operation(it, &resource(call, user), now)).collect();
    listing(&format!("users('{user}')/authentication/operations")).answer(call, items)
}

pub(super) fn operation(world: &World, call: &Call) -> Result<Answer, Problem> {
    let user = reached(world, call, KIND, Access::Read)?.id;
    let key = call.segment(4);
    let found = Uuid::try_parse(key).ok().and_then(|id| world.tenant.operations.get(user, id));
    let found = found.ok_or_else(|| Problem::not_found(key))?;
    let item = json::operation(found, &resource(call, user), world.now());
    listing(&format!("users('{user}')/authentication/operations")).entity(call, item)
}

fn resource(call: &Call, user: Uuid) -> String {
    let version = if call.beta { "beta" } else { "v1.0" };
    format!("{}/{version}/users/{user}/authentication/methods/{PASSWORD_METHOD}", call.origin)
}

fn not_written_back() -> String {
    // From memory.
    "OnPremisesConnectivityFailure: the password could not be written back to the on-premises \
     directory."
        .to_owned()
}

/// From memory.
const REFUSED_ON_PREMISES: &str = "OnPremisesPolicyViolation: the password does not meet the \
                                   requirements of the on-premises domain.";
const RESPONSE: &str = "microsoft.graph.passwordResetResponse";
