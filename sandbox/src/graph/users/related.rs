//! What a user (or group) is related to.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{addressed, reads_directory, with_context};
use crate::graph::objects::{Cast, DIRECTORY, GROUP, Object, ROLE, Sight, USER};
use crate::graph::odata::{Collection, Query, Schema};
use crate::graph::{Answer, Call, Problem};
use crate::world::World;

/// What membership is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Groups,
    /// Roles too.
    Objects,
}

/// A relation of the user that the path names.
pub(super) fn of_user(world: &World, call: &Call, name: &str) -> Result<Answer, Problem> {
    let sight = Sight::of(world, call);
    let named = world.tenant.people.find(call.segment(1)).map(|user| user.id);
    if sight.user(named).is_err() {
        reads_directory(&sight)?;
    }
    let user = addressed(&world.tenant, call)?;
    relation(world, call, Object::user(&world.tenant, user), name)
}

/// A relation of an object: `/{object}/{relation}[/{type}][/$count]`, or one object in it.
pub(in crate::graph) fn relation(
    world: &World,
    call: &Call,
    object: Object<'_>,
    name: &str,
) -> Result<Answer, Problem> {
    let tenant = &world.tenant;
    let sight = Sight::of(world, call);
    let rest: Vec<&str> = call.names.iter().skip(3).map(String::as_str).collect();
    let (cast, counted) = match rest.as_slice() {
        [] => (None, false),
        ["$count"] => (None, true),
        [one] => match Cast::read(one) {
            Some(cast) => (Some(cast), false),
            None => return one_of(call, &sight, object, name),
        },
        [cast, "$count"] => match Cast::read(cast) {
            Some(cast) => (Some(cast), true),
            None => return Err(unsupported(call)),
        },
        _ => return Err(unsupported(call)),
    };
    let hidden = sight.hides(&object, name);
    let related = if hidden { Vec::new() } else { object.related(name) };
    let rows = related
        .into_iter()
        .filter_map(|id| Object::find(tenant, id))
        .filter(|found| cast.is_none_or(|cast| found.cast() == cast));
    let schema: &Schema = match cast {
        None => &DIRECTORY,
        Some(Cast::User) => &USER,
        Some(Cast::Group) => &GROUP,
        Some(Cast::Role) => &ROLE,
    };
    let query = if counted {
        Query::count(call, schema)?
    } else {
        Query::collection(call, schema, Collection::Relation)?
    };
    if query.asks() {
        sight.asks(cast)?;
    }
    if counted {
        return query.total(rows);
    }
    let set = cast.map_or("directoryObjects", Cast::set);
    query.page(call, set, rows.enumerate(), |found| found.show(&sight, &query, cast.is_none()))
}

/// `/{relation}/{id}`: the object, if it is in the relation.
fn one_of(call: &Call, sight: &Sight, object: Object<'_>, name: &str) -> Result<Answer, Problem> {
    let key = call.segment(3);
    let found = Uuid::try_parse(key)
        .ok()
        .filter(|id| !sight.hides(&object, name) && object.related(name).contains(id))
        .and_then(|id| Object::find(object.tenant, id))
        .ok_or_else(|| Problem::not_found(key))?;
    let query = Query::entity(call, &DIRECTORY)?;
    let context = query.context(call, "directoryObjects/$entity");
    Ok(Answer::ok(with_context(&context, found.show(sight, &query, true))))
}

pub(super) fn manager(world: &World, call: &Call) -> Result<Answer, Problem> {
    let (manager, sight) = manager_of(world, call)?;
    let query = Query::entity(call, &DIRECTORY)?;
    let manager = manager.ok_or_else(no_manager)?;
    let shown = manager.show(&sight, &query, true);
    Ok(Answer::ok(with_context(&query.context(call, "directoryObjects/$entity"), shown)))
}

pub(super) fn manager_reference(world: &World, call: &Call) -> Result<Answer, Problem> {
    let (manager, _) = manager_of(world, call)?;
    let id = manager.ok_or_else(no_manager)?.id();
    let version = if call.beta { "beta" } else { "v1.0" };
    Ok(Answer::ok(json!({
        "@odata.context": Query::default().context(call, "$ref"),
        "@odata.id": format!("{}/{version}/{}/directoryObjects/{id}", call.origin, world.tenant.id),
    })))
}

fn manager_of<'a>(world: &'a World, call: &Call) -> Result<(Option<Object<'a>>, Sight), Problem> {
    let sight = Sight::of(world, call);
    let tenant = &world.tenant;
    sight.user(tenant.people.find(call.segment(1)).map(|user| user.id))?;
    let user = addressed(tenant, call)?;
    let manager = user.manager.and_then(|id| tenant.people.get(id));
    Ok((manager.map(|manager| Object::user(tenant, manager)), sight))
}

/// Graph's answer for who reports to nobody.
fn no_manager() -> Problem {
    Problem::not_found("manager")
}

/// Which of the groups (or objects) in the body the user or group is a member of, directly or not.
pub(super) fn check(world: &World, call: &Call, what: What) -> Result<Answer, Problem> {
    let (key, most) = match what {
        What::Groups => ("groupIds", 20),
        What::Objects => ("ids", 20),
    };
    let all = all_memberships(world, call, what)?;
    let wanted = call.body.get(key).and_then(Value::as_array).ok_or_else(|| {
        // From memory.
        Problem::bad_request(format!("Required parameter '{key}' is missing."))
    })?;
    if wanted.len() > most {
        return Err(Problem::bad_request(format!(
            "Too many object identifiers specified. The maximum number allowed is {most}."
        )));
    }
    let mut found = Vec::new();
    for id in wanted {
        let id = id.as_str().and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(|| {
            Problem::bad_request("Invalid object identifier specified in the request.")
        })?;
        if all.contains(&id) {
            found.push(id);
        }
    }
    Ok(strings(call, &found))
}

/// Every group (or object) the user or group is a member of, directly or not.
pub(super) fn members_of(world: &World, call: &Call, what: What) -> Result<Answer, Problem> {
    let security = match call.body.get("securityEnabledOnly") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => {
            return Err(Problem::bad_request(
                "Invalid value specified for parameter 'securityEnabledOnly'.",
            ));
        }
    };
    let mut all = all_memberships(world, call, what)?;
    all.retain(|id| {
        let group = world.tenant.groups.get(*id);
        !security || group.is_none_or(|group| group.security_enabled)
    });
    Ok(strings(call, &all))
}

fn all_memberships(world: &World, call: &Call, what: What) -> Result<Vec<Uuid>, Problem> {
    let sight = Sight::of(world, call);
    let tenant = &world.tenant;
    if sight.user(tenant.people.find(call.segment(1)).map(|user| user.id)).is_err() {
        reads_directory(&sight)?;
    }
    let object = match call.names.first().map(String::as_str) {
        Some("users") => Object::user(tenant, addressed(tenant, call)?),
        _ => {
            let key = call.segment(1);
            let found = Uuid::try_parse(key).ok().and_then(|id| Object::find(tenant, id));
            found.ok_or_else(|| Problem::not_found(key))?
        }
    };
    let mut all = object.related("transitiveMemberOf");
    all.retain(|id| what == What::Objects || tenant.groups.get(*id).is_some());
    Ok(all)
}

fn strings(call: &Call, ids: &[Uuid]) -> Answer {
    let context = Query::default().context(call, "Collection(Edm.String)");
    Answer::ok(json!({"@odata.context": context, "value": ids}))
}

fn unsupported(call: &Call) -> Problem {
    Problem::unsupported(format!("The sandbox does not implement /{}.", call.raw.join("/")))
}
