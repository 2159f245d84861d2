//! `/users/{id}/authentication`: the methods people sign in with, temporary access passes, password
//! resets, and the policy for passes.

mod access_pass;
mod json;
mod policy;
mod reset;
#[cfg(test)]
mod tests;

use uuid::Uuid;

use super::listing::Listing;
use super::users::{Act, reaches, revoke_sessions};
use super::{Answer, Call, Handled, Problem};
use crate::tenant::audit::credentials;
use crate::tenant::audit::events::Trace;
use crate::tenant::{Effect, MethodKind, User};
use crate::world::{Event, World};

pub(crate) use policy::configuration as pass_configuration;

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, names) = call.route();
    let rest = match names.as_slice() {
        ["policies", "authenticationmethodspolicy", rest @ ..] => {
            return policy::handle(world, call, rest);
        }
        ["policies", "authorizationpolicy"] if method == "GET" => {
            return Some(policy::authorization(world, call));
        }
        ["users", _, "authentication", rest @ ..] => rest,
        _ => return None,
    };
    let kind = rest.first().and_then(|name| kind_of(name));
    Some(match (method, rest) {
        ("GET", ["methods"]) => list(world, call, None),
        ("GET", ["methods", _]) => get(world, call, None),
        ("POST", ["methods" | "passwordmethods", _, "resetpassword"]) => reset::reset(world, call),
        ("GET", ["operations"]) => reset::operations(world, call),
        ("GET", ["operations", _]) => reset::operation(world, call),
        ("GET", ["signinpreferences"]) if call.beta => preferences(world, call),
        ("POST", ["temporaryaccesspassmethods"]) => access_pass::issue(world, call),
        ("GET", [_]) if kind.is_some() => list(world, call, kind),
        ("GET", [_, _]) if kind.is_some() => get(world, call, kind),
        ("DELETE", [_, _]) => delete(world, call, kind?),
        _ => return None,
    })
}

/// The kind whose collection this is, in any case.
fn kind_of(segment: &str) -> Option<MethodKind> {
    MethodKind::ALL.into_iter().find(|kind| kind.collection().eq_ignore_ascii_case(segment))
}

/// What a call wants with methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// The user in the path, when the caller may see or change their methods: the permission for all
/// methods or for this kind, and over others a role.
fn reached<'a>(
    world: &'a World,
    call: &Call,
    kind: Option<MethodKind>,
    access: Access,
) -> Result<&'a User, Problem> {
    let key = call.segment(1);
    let target = world.tenant.people.find(key);
    let own = target.is_some_and(|user| call.caller.user == Some(user.id));
    let family = kind.map(|kind| format!("UserAuthMethod-{}", kind.permission()));
    let families = ["UserAuthenticationMethod"].into_iter().chain(family.as_deref());
    let permitted = families.into_iter().any(|family| {
        let has = |suffix: &str| call.caller.permissions.contains(&format!("{family}.{suffix}"));
        has("ReadWrite.All")
            || (access == Access::Read && has("Read.All"))
            || (own && has("ReadWrite"))
            || (own && access == Access::Read && has("Read"))
    });
    if !permitted {
        return Err(Problem::denied());
    }
    let user = target.ok_or_else(|| Problem::not_found(key))?;
    let roles = &world.tenant.roles;
    let reader = |caller| access == Access::Read && roles.holds(caller, "Global Reader");
    if !own && !call.caller.user.is_some_and(reader) {
        reaches(world, call, user.id, Act::Methods)?;
    }
    Ok(user)
}

fn list(world: &World, call: &Call, kind: Option<MethodKind>) -> Result<Answer, Problem> {
    let user = reached(world, call, kind, Access::Read)?;
    let items = json::all(&world.tenant, user, kind, world.now());
    listing(&context(user.id, kind)).answer(call, items)
}

fn get(world: &World, call: &Call, kind: Option<MethodKind>) -> Result<Answer, Problem> {
    let user = reached(world, call, kind, Access::Read)?;
    let id = call.segment(4);
    let mut items = json::all(&world.tenant, user, kind, world.now()).into_iter();
    let found = items.find(|item| item.get("id").and_then(|id| id.as_str()) == Some(id));
    let found = found.ok_or_else(|| Problem::not_found(id))?;
    listing(&context(user.id, kind)).entity(call, found)
}

fn context(user: Uuid, kind: Option<MethodKind>) -> String {
    let collection = kind.map_or("methods", MethodKind::collection);
    format!("users('{user}')/authentication/{collection}")
}

fn listing(context: &str) -> Listing<'_> {
    Listing { context, filterable: &[], page: 100, orderable: None }
}

fn delete(world: &mut World, call: &Call, kind: MethodKind) -> Result<Answer, Problem> {
    let user = reached(world, call, Some(kind), Access::Write)?;
    let (user, id) = (user.id, call.segment(4));
    if kind == MethodKind::Password {
        // From memory.
        return Err(Problem::bad_request("The password method cannot be deleted."));
    }
    if kind == MethodKind::AccessPass {
        return access_pass::delete(world, call, user);
    }
    let last = world.tenant.quirks.default_method_last;
    let Some(person) = world.tenant.people.get_mut(user) else {
        return Err(Problem::not_found(call.segment(1)));
    };
    if person.methods.get(id).is_none_or(|method| method.proof.kind() != kind) {
        return Err(Problem::not_found(id));
    }
    if last && person.methods.default_with_others(id) {
        // From memory, like the rule itself.
        return Err(Problem::bad_request(
            "The default authentication method cannot be deleted while other methods are \
             registered.",
        ));
    }
    person.methods.remove(id);
    credentials::security_info_deleted(world, &Trace::of(call), user, kind);
    let method = id.to_owned();
    world.tenant.ledger.count(Effect::MethodDeleted { user, kind, method });
    world.emit(Event::Directory { id: user });
    Ok(Answer::no_content())
}

/// `signInPreferences`, which only beta has.
fn preferences(world: &World, call: &Call) -> Result<Answer, Problem> {
    let user = reached(world, call, None, Access::Read)?;
    let context = format!("users('{}')/authentication/signInPreferences", user.id);
    listing(&context).entity(call, json::preferences(user))
}
