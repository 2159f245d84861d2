//! Who is in a group, and what follows from it.

use serde_json::Value;
use uuid::Uuid;

use super::{addressed, writes};
use crate::graph::licences::follow_groups;
use crate::graph::objects::{Kind, reference};
use crate::graph::users::{delete_user, synced};
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::events::{self, Trace};
use crate::tenant::{Effect, Group, Moved};
use crate::world::{Event, World};

/// Permissions to change members.
const PERMISSIONS: &[&str] =
    &["GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"];

/// `POST /groups/{id}/members/$ref`.
pub(super) fn add(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let address = call.body.get("@odata.id").and_then(Value::as_str).ok_or_else(|| {
        Problem::new(400, "BadRequest", "Property '@odata.id' is required in the request body.")
    })?;
    join(world, call, &[address])?;
    Ok(Answer::no_content())
}

/// `POST /groups/{id}/members` with `members@odata.bind`.
pub(super) fn bind(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let addresses = bound(&call.body, "members@odata.bind")?.ok_or_else(|| {
        Problem::bad_request("Property 'members@odata.bind' is required in the request body.")
    })?;
    join(world, call, &addresses)?;
    Ok(Answer::no_content())
}

/// The references under a `…@odata.bind` member.
pub(super) fn bound<'a>(body: &'a Value, name: &str) -> Result<Option<Vec<&'a str>>, Problem> {
    let Some(value) = body.get(name) else { return Ok(None) };
    let addresses: Option<Vec<&str>> =
        value.as_array().and_then(|all| all.iter().map(Value::as_str).collect());
    match addresses {
        Some(addresses) if addresses.len() <= MOST => Ok(Some(addresses)),
        // The texts are from memory.
        Some(_) => Err(Problem::bad_request(format!(
            "The number of references in '{name}' exceeds the limit of {MOST} per request."
        ))),
        None => Err(Problem::bad_request(format!("Invalid value specified for '{name}'."))),
    }
}

/// Lets all of these in, or nobody.
pub(super) fn join(world: &mut World, call: &Call, addresses: &[&str]) -> Result<(), Problem> {
    let group = writable(world, call)?;
    let (id, unified, guarded) = (group.id, group.unified, group.role_assignable);
    let mut joining = Vec::new();
    for address in addresses {
        let object = reference(&world.tenant, address)?;
        let member = object.id();
        // Agents stay out of groups that roles can be given to. The text is from memory.
        let agent = matches!(object.kind, Kind::User(user) if user.identity_parent.is_some());
        if guarded && agent {
            return Err(Problem::bad_request(format!(
                "Unable to add '{member}': an agent cannot be a member of a role-assignable group."
            )));
        }
        let fits = match object.kind {
            Kind::User(_) => true,
            Kind::Group(_) => !unified && member != id,
            Kind::Role(_) => false,
        };
        if !fits {
            // From memory.
            return Err(Problem::bad_request(format!(
                "Unable to add '{member}': this kind of object cannot be a member of this group."
            )));
        }
        let group = addressed(&world.tenant, call)?;
        let present = group.members.contains(&member) || group.member_groups.contains(&member);
        if present || joining.contains(&member) {
            return Err(already("members"));
        }
        joining.push(member);
    }
    let trace = Trace::of(call);
    for member in joining {
        let user = world.tenant.people.get(member).is_some();
        if let Some(group) = world.tenant.groups.get_mut(id) {
            if user {
                group.members.insert(member)
            } else {
                group.member_groups.insert(member)
            };
        }
        events::member_added(world, &trace, id, member);
        world.emit(Event::Directory { id });
        if user {
            world.tenant.ledger.count(Effect::MemberAdded { group: id, user: member });
            settle(world, member, &trace);
        }
    }
    Ok(())
}

/// `DELETE /groups/{id}/members/{id}/$ref`.
pub(super) fn remove_named(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    leave(world, call, call.segment(3))
}

/// `DELETE /groups/{id}/members/$ref?@id=…`.
pub(super) fn remove_referenced(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    leave(world, call, referenced(call)?)
}

/// The object id in `?@id=` (or `?$id=`).
pub(super) fn referenced(call: &Call) -> Result<&str, Problem> {
    let address = call.option("@id").or_else(|| call.option("$id")).ok_or_else(|| {
        Problem::bad_request("The '@id' query option with the object to remove is missing.")
    })?;
    Ok(address.trim_end_matches('/').rsplit('/').next().unwrap_or_default())
}

fn leave(world: &mut World, call: &Call, member: &str) -> Result<Answer, Problem> {
    let group = writable(world, call)?;
    let id = group.id;
    let present = |it: &Uuid| group.members.contains(it) || group.member_groups.contains(it);
    let leaving = Uuid::try_parse(member).ok().filter(present);
    let leaving = leaving.ok_or_else(|| Problem::not_found(member))?;
    let user = group.members.contains(&leaving);
    let trace = Trace::of(call);
    events::member_removed(world, &trace, id, leaving);
    if let Some(group) = world.tenant.groups.get_mut(id) {
        group.members.remove(&leaving);
        group.member_groups.remove(&leaving);
    }
    world.emit(Event::Directory { id });
    if user {
        world.tenant.ledger.count(Effect::MemberRemoved { group: id, user: leaving });
        settle(world, leaving, &trace);
    }
    Ok(Answer::no_content())
}

/// `DELETE /groups/{id}/members/{id}`, without `/$ref`: not the membership is deleted but the
/// member, if the token may delete users (Graph, "Remove member").
pub(super) fn delete_object(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let group = addressed(&world.tenant, call)?;
    let key = call.segment(3);
    let named = Uuid::try_parse(key).ok().filter(|id| {
        group.members.contains(id) || group.owners.contains(id) || group.member_groups.contains(id)
    });
    let member = named.ok_or_else(|| Problem::not_found(key))?;
    if world.tenant.people.get(member).is_none() {
        return Err(Problem::unsupported("The sandbox deletes only users this way."));
    }
    delete_user(world, call, member)
}

/// The group that the path names, if the caller may change its members.
fn writable<'a>(world: &'a World, call: &Call) -> Result<&'a Group, Problem> {
    call.needs(PERMISSIONS)?;
    let group = addressed(&world.tenant, call)?;
    if group.dynamic() {
        return Err(Problem::denied());
    }
    writes(world, call, group)?;
    if group.on_premises_synced {
        return Err(synced());
    }
    Ok(group)
}

/// Graph's answer to a link that is there already.
pub(super) fn already(property: &str) -> Problem {
    Problem::bad_request(format!(
        "One or more added object references already exist for the following modified \
         properties: '{property}'."
    ))
}

/// After a user's profile or memberships have changed: dynamic groups and group licences follow.
pub(in crate::graph) fn settle(world: &mut World, user: Uuid, trace: &Trace) {
    for Moved { group, joined } in world.tenant.follow_rules(user) {
        moved(world, trace, (group, user), joined);
    }
    follow_groups(world, trace, user);
}

/// Fills a dynamic group from its rule.
pub(super) fn refill(world: &mut World, group: Uuid, trace: &Trace) {
    let (joined, left) = world.tenant.follow_rule(group);
    for user in joined {
        moved(world, trace, (group, user), true);
        follow_groups(world, trace, user);
    }
    for user in left {
        moved(world, trace, (group, user), false);
        follow_groups(world, trace, user);
    }
}

fn moved(world: &mut World, trace: &Trace, (group, user): (Uuid, Uuid), joined: bool) {
    world.tenant.ledger.count(if joined {
        Effect::MemberAdded { group, user }
    } else {
        Effect::MemberRemoved { group, user }
    });
    events::rule_followed(world, trace, (group, user), joined);
    world.emit(Event::Directory { id: group });
}

/// References in one request at most (Graph, "Add members").
const MOST: usize = 20;
