//! `/groups`, their members and owners.

mod life;
mod members;
mod owners;

use uuid::Uuid;

use super::objects::{GROUP, Object, Sight};
use super::odata::{Collection, Query};
use super::users::{relation, with_context};
use super::{Answer, Call, Handled, Problem};
use crate::tenant::{Group, Tenant};
use crate::world::World;
pub(super) use members::settle;

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, names) = call.route();
    Some(match (method, names.as_slice()) {
        ("GET", ["groups"]) => list(world, call),
        ("GET", ["groups", "$count"]) => count(world, call),
        ("POST", ["groups"]) => life::create(world, call),
        (_, ["groups", "delta"]) => Err(Problem::unsupported("The sandbox has no delta queries.")),
        ("GET", ["groups", _]) => get(world, call),
        ("PATCH", ["groups", _]) => life::patch(world, call),
        ("DELETE", ["groups", _]) => life::delete(world, call),
        ("POST", ["groups", _, "members"]) => members::bind(world, call),
        ("POST", ["groups", _, "members", "$ref"]) => members::add(world, call),
        ("DELETE", ["groups", _, "members", "$ref"]) => members::remove_referenced(world, call),
        ("DELETE", ["groups", _, "members", _, "$ref"]) => members::remove_named(world, call),
        ("POST", ["groups", _, "owners", "$ref"]) => owners::add(world, call),
        ("DELETE", ["groups", _, "owners", "$ref"]) => owners::remove_referenced(world, call),
        ("DELETE", ["groups", _, "owners", _, "$ref"]) => owners::remove_named(world, call),
        ("DELETE", ["groups", _, "members" | "owners", _]) => members::delete_object(world, call),
        ("GET", ["groups", _, "members", ..]) => related(world, call, "members"),
        ("GET", ["groups", _, "owners", ..]) => related(world, call, "owners"),
        ("GET", ["groups", _, "memberof", ..]) => related(world, call, "memberOf"),
        ("GET", ["groups", _, "transitivemembers", ..]) => {
            related(world, call, "transitiveMembers")
        }
        ("GET", ["groups", _, "transitivememberof", ..]) => {
            related(world, call, "transitiveMemberOf")
        }
        _ => return None,
    })
}

/// The group that the path names.
fn addressed<'a>(tenant: &'a Tenant, call: &Call) -> Result<&'a Group, Problem> {
    let key = call.segment(1);
    let id = Uuid::try_parse(key)
        .map_err(|_| Problem::bad_request(format!("Invalid object identifier '{key}'.")))?;
    tenant.groups.get(id).ok_or_else(|| Problem::not_found(key))
}

/// Refuses a token that may not read groups.
fn reads_groups(world: &World, call: &Call) -> Result<Sight, Problem> {
    let sight = Sight::of(world, call);
    if sight.groups { Ok(sight) } else { Err(Problem::denied()) }
}

fn get(world: &World, call: &Call) -> Result<Answer, Problem> {
    let query = Query::entity(call, &GROUP)?;
    let sight = reads_groups(world, call)?;
    let group = addressed(&world.tenant, call)?;
    let shown = Object::group(&world.tenant, group).show(&sight, &query, false);
    Ok(Answer::ok(with_context(&query.context(call, "groups/$entity"), shown)))
}

fn list(world: &World, call: &Call) -> Result<Answer, Problem> {
    let query = Query::collection(call, &GROUP, Collection::Top)?;
    let sight = reads_groups(world, call)?;
    let tenant = &world.tenant;
    let rows = tenant.groups.from(0).map(|(at, group)| (at, Object::group(tenant, group)));
    query.page(call, "groups", rows, |object| object.show(&sight, &query, false))
}

fn count(world: &World, call: &Call) -> Result<Answer, Problem> {
    reads_groups(world, call)?;
    let query = Query::count(call, &GROUP)?;
    query.total(world.tenant.groups.iter().map(|group| Object::group(&world.tenant, group)))
}

fn related(world: &World, call: &Call, name: &str) -> Result<Answer, Problem> {
    reads_groups(world, call)?;
    let group = addressed(&world.tenant, call)?;
    relation(world, call, Object::group(&world.tenant, group), name)
}

/// Refuses unless the signed-in user owns the group or has a role over groups of its kind, and
/// the group is one that Graph writes at all. All of this is one and the same 403.
fn writes(world: &World, call: &Call, group: &Group) -> Result<(), Problem> {
    if group.role_assignable {
        call.needs(&["RoleManagement.ReadWrite.Directory"])?;
        call.needs_role(world, &["Privileged Role Administrator"])?;
    }
    if group.exchange_mastered() {
        return Err(Problem::denied());
    }
    if call.caller.user.is_some_and(|user| group.owners.contains(&user)) {
        return Ok(());
    }
    let mut roles = vec!["Groups Administrator", "User Administrator", "Directory Writers"];
    if group.role_assignable {
        roles = vec!["Privileged Role Administrator"];
    } else if group.unified {
        roles.extend(["Exchange Administrator", "SharePoint Administrator", "Teams Administrator"]);
    } else {
        roles.push("Intune Administrator");
    }
    call.needs_role(world, &roles)
}

#[cfg(test)]
mod tests;
