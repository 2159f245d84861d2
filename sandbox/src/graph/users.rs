//! `/users` and what hangs on a user, `/directoryObjects`, `/organization`, `/domains`.

mod change;
mod company;
mod life;
mod password;
mod related;
mod rights;

use serde_json::{Value, json};
use uuid::Uuid;

use super::objects::{Object, Sight, USER, Users};
use super::odata::{Collection, Filter, Query, Row as _};
use super::{Answer, Call, Handled, Problem};
use crate::tenant::{Tenant, User};
use crate::world::World;
pub(super) use change::{synced, undeclared};
pub(super) use life::{create_agent_user, delete as delete_user, delete_agent_user};
pub(super) use password::{PASSWORD_METHOD, acceptable, apply as apply_password, revoke_sessions};
pub(super) use related::relation;
pub(super) use rights::{Act, reaches};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, names) = call.route();
    Some(match (method, names.as_slice()) {
        ("GET", ["users"]) => list(world, call),
        ("GET", ["users", "$count"]) => count(world, call),
        ("POST", ["users"]) => life::create(world, call),
        (_, ["users", "delta"]) => Err(Problem::unsupported("The sandbox has no delta queries.")),
        ("GET", ["users", _]) => get(world, call),
        ("PATCH", ["users", _]) => change::patch(world, call),
        ("DELETE", ["users", _]) => life::delete_addressed(world, call),
        ("GET", ["users", _, "manager"]) => related::manager(world, call),
        ("GET", ["users", _, "manager", "$ref"]) => related::manager_reference(world, call),
        ("PUT", ["users", _, "manager", "$ref"]) => change::set_manager(world, call),
        ("DELETE", ["users", _, "manager", "$ref"]) => change::remove_manager(world, call),
        ("POST", ["users", _, action]) if is(action, "revokesigninsessions") => {
            change::revoke(world, call)
        }
        ("POST", ["users" | "groups" | "directoryobjects", _, action])
            if is(action, "checkmembergroups") =>
        {
            related::check(world, call, related::What::Groups)
        }
        ("POST", ["users" | "groups" | "directoryobjects", _, action])
            if is(action, "checkmemberobjects") =>
        {
            related::check(world, call, related::What::Objects)
        }
        ("POST", ["users" | "groups" | "directoryobjects", _, action])
            if is(action, "getmembergroups") =>
        {
            related::members_of(world, call, related::What::Groups)
        }
        ("POST", ["users" | "groups" | "directoryobjects", _, action])
            if is(action, "getmemberobjects") =>
        {
            related::members_of(world, call, related::What::Objects)
        }
        ("GET", ["users", _, "directreports", ..]) => {
            related::of_user(world, call, "directReports")
        }
        ("GET", ["users", _, "ownedobjects", ..]) => related::of_user(world, call, "ownedObjects"),
        ("GET", ["users", _, "memberof", ..]) => related::of_user(world, call, "memberOf"),
        ("GET", ["users", _, "transitivememberof", ..]) => {
            related::of_user(world, call, "transitiveMemberOf")
        }
        ("GET", ["users", _, property]) if USER.property(property).is_some() => {
            single_property(world, call, property)
        }
        ("GET", ["directoryobjects", _]) => company::object(world, call),
        ("POST", ["directoryobjects", action]) if is(action, "getbyids") => {
            company::objects(world, call)
        }
        ("GET", ["organization", ..]) if names.len() < 3 => company::organization(world, call),
        ("GET", ["domains", ..]) if names.len() < 3 => company::domains(world, call),
        _ => return None,
    })
}

/// Whether a segment names an action, with or without its namespace.
fn is(segment: &str, action: &str) -> bool {
    segment.strip_prefix("microsoft.graph.").unwrap_or(segment) == action
}

/// The user that the path names by id or UPN.
fn addressed<'a>(tenant: &'a Tenant, call: &Call) -> Result<&'a User, Problem> {
    let key = call.segment(1);
    tenant.people.find(key).ok_or_else(|| Problem::not_found(key))
}

fn get(world: &World, call: &Call) -> Result<Answer, Problem> {
    let query = Query::entity(call, &USER)?;
    let sight = Sight::of(world, call);
    let named = world.tenant.people.find(call.segment(1)).map(|user| user.id);
    sight.properties(named, &query.properties())?;
    let user = addressed(&world.tenant, call)?;
    let shown = Object::user(&world.tenant, user).show(&sight, &query, false);
    Ok(Answer::ok(with_context(&query.context(call, "users/$entity"), shown)))
}

/// A user who is in no collection any more, as far as the bin shows them.
pub(super) fn synthetic(tenant: &Tenant, user: &User) -> Value {
    let object = Object::user(tenant, user);
    let names = ["id", "displayName", "givenName", "surname", "mail", "jobTitle", "mobilePhone"];
    let more = ["officeLocation", "preferredLanguage", "businessPhones", "identityParentId"];
    let mut shown = serde_json::Map::new();
    if user.identity_parent.is_some() {
        shown.insert("@odata.type".to_owned(), "#microsoft.graph.agentUser".into());
    }
    for name in names.into_iter().chain(more) {
        shown.insert(name.to_owned(), object.get(name).json());
    }
    shown.into()
}

/// Puts `@odata.context` first.
pub(super) fn with_context(context: &str, entity: Value) -> Value {
    let mut body = json!({"@odata.context": context});
    if let (Value::Object(body), Value::Object(entity)) = (&mut body, entity) {
        body.extend(entity);
    }
    body
}

fn list(world: &World, call: &Call) -> Result<Answer, Problem> {
    let query = Query::collection(call, &USER, Collection::Top)?;
    let sight = Sight::of(world, call);
    sight.properties(None, &query.properties())?;
    let show = |object: &Object<'_>| object.show(&sight, &query, false);
    let tenant = &world.tenant;
    match query.filter.as_ref().and_then(|filter| indexed(tenant, filter)) {
        Some(found) => {
            let found = found.into_iter().filter(|user| fits(call, user));
            let rows = found.map(|user| Object::user(tenant, user)).enumerate();
            query.page(call, "users", rows, show)
        }
        None => {
            let all = tenant.people.from(0).filter(|(_, user)| fits(call, user));
            let rows = all.map(|(at, user)| (at, Object::user(tenant, user)));
            query.page(call, "users", rows, show)
        }
    }
}

/// Whether a user is of the type that the path names.
fn fits(call: &Call, user: &User) -> bool {
    call.cast.is_none() || user.identity_parent.is_some()
}

/// The only users a filter can match, when it asks for ids or addresses.
fn indexed<'a>(tenant: &'a Tenant, filter: &Filter) -> Option<Vec<&'a User>> {
    let mut found: Vec<&User> = Vec::new();
    for (property, value) in filter.keys(&["id", "userPrincipalName", "mail"])? {
        let user = match property {
            "id" => Uuid::try_parse(value).ok().and_then(|id| tenant.people.get(id)),
            "mail" => tenant.people.find_by_mail(value),
            _ => tenant.people.find_by_upn(value),
        };
        found.extend(user.filter(|user| found.iter().all(|had| had.id != user.id)));
    }
    Some(found)
}

fn count(world: &World, call: &Call) -> Result<Answer, Problem> {
    let sight = Sight::of(world, call);
    sight.user(None)?;
    let query = Query::count(call, &USER)?;
    sight.properties(None, &query.properties())?;
    query.total(world.tenant.people.iter().map(|user| Object::user(&world.tenant, user)))
}

/// `/users/{id}/displayName`.
fn single_property(world: &World, call: &Call, property: &str) -> Result<Answer, Problem> {
    let user = addressed(&world.tenant, call)?;
    let Some(property) = USER.property(property) else {
        return Err(Problem::not_found(property));
    };
    Query::entity(call, &USER)?;
    Sight::of(world, call).properties(Some(user.id), &[property.name])?;
    let value = Object::user(&world.tenant, user).get(property.name).json();
    if value.is_null() {
        return Ok(Answer::no_content());
    }
    let set = format!("users('{}')/{}", user.id, property.name);
    let context = Query::default().context(call, &set);
    Ok(Answer::ok(json!({"@odata.context": context, "value": value})))
}

/// Refuses a token that may not read the directory's users or groups at all.
fn reads_directory(sight: &Sight) -> Result<(), Problem> {
    if sight.groups || sight.users == Users::Full { Ok(()) } else { Err(Problem::denied()) }
}

#[cfg(test)]
mod tests;
