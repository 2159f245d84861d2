//! Who is in a group, and what follows from it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{addressed, writes};
use crate::graph::objects::{Kind, Object, quoted, record, reference};
use crate::graph::users::{delete_user, synced};
use crate::graph::{Answer, Call, Caller, Problem};
use crate::tenant::{Effect, Group, ModifiedProperty, Target};
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
    let (id, unified) = (group.id, group.unified);
    let mut joining = Vec::new();
    for address in addresses {
        let object = reference(&world.tenant, address)?;
        let member = object.id();
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
    for member in joining {
        let user = world.tenant.people.get(member).is_some();
        if let Some(group) = world.tenant.groups.get_mut(id) {
            if user {
                group.members.insert(member)
            } else {
                group.member_groups.insert(member)
            };
        }
        let correlation = world.guid();
        let activity = ("Add member to group", "GroupManagement", "Assign");
        let targets = link(world, id, member, Link::Made);
        record(world, call, correlation, activity, targets);
        world.emit(Event::Directory { id });
        if user {
            world.tenant.ledger.count(Effect::MemberAdded { group: id, user: member });
            settle(world, member, correlation);
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
    let correlation = world.guid();
    let activity = ("Remove member from group", "GroupManagement", "Unassign");
    let targets = link(world, id, leaving, Link::Cut);
    record(world, call, correlation, activity, targets);
    if let Some(group) = world.tenant.groups.get_mut(id) {
        group.members.remove(&leaving);
        group.member_groups.remove(&leaving);
    }
    world.emit(Event::Directory { id });
    if user {
        world.tenant.ledger.count(Effect::MemberRemoved { group: id, user: leaving });
        settle(world, leaving, correlation);
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

/// Whether a membership came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Made,
    Cut,
}

/// The two targets of a membership's audit entry.
pub(super) fn link(world: &World, group: Uuid, member: Uuid, link: Link) -> Vec<Target> {
    let tenant = &world.tenant;
    let name = tenant.groups.get(group).map(|group| group.display_name.as_str());
    let id = group.to_string();
    let property = |property: &'static str, value: Option<&str>| -> ModifiedProperty {
        match link {
            Link::Made => quoted(property, None, value),
            Link::Cut => quoted(property, value, None),
        }
    };
    let properties = vec![
        property("Group.ObjectID", Some(&id)),
        property("Group.DisplayName", name),
        property("Group.WellKnownObjectName", None),
    ];
    let member = Object::find(tenant, member).map(|it| it.target(properties));
    let group = Object::find(tenant, group).map(|it| it.target(Vec::new()));
    member.into_iter().chain(group).collect()
}

/// After a user's profile or memberships have changed: dynamic groups and group licences follow.
pub(in crate::graph) fn settle(world: &mut World, user: Uuid, correlation: Uuid) {
    for moved in world.tenant.follow_rules(user) {
        let (effect, activity, link_kind) = if moved.joined {
            let effect = Effect::MemberAdded { group: moved.group, user };
            (effect, ("Add member to group", "GroupManagement", "Assign"), Link::Made)
        } else {
            let effect = Effect::MemberRemoved { group: moved.group, user };
            (effect, ("Remove member from group", "GroupManagement", "Unassign"), Link::Cut)
        };
        world.tenant.ledger.count(effect);
        let targets = link(world, moved.group, user, link_kind);
        // That these two services sign for it is from memory.
        by_service(world, "Microsoft Approval Management", correlation, activity, targets);
        world.emit(Event::Directory { id: moved.group });
    }
    let now = world.now();
    let (came, went) = world.tenant.recompute_group_licences(user, now);
    let changes = came.iter().map(|sku| Effect::LicenceAssigned { user, sku: *sku });
    let changes: BTreeSet<Effect> =
        changes.chain(went.iter().map(|sku| Effect::LicenceRemoved { user, sku: *sku })).collect();
    if changes.is_empty() {
        return;
    }
    for effect in changes {
        world.tenant.ledger.count(effect);
    }
    let activity = ("Change user license", "UserManagement", "Update");
    let target = Object::find(&world.tenant, user).map(|it| it.target(Vec::new()));
    let targets = target.into_iter().collect();
    by_service(world, "Microsoft Azure AD Group-Based Licensing", correlation, activity, targets);
    world.emit(Event::Directory { id: user });
}

/// Writes an entry for what the directory did by itself.
fn by_service(
    world: &mut World,
    name: &str,
    correlation: Uuid,
    (activity, category, operation): (&'static str, &'static str, &'static str),
    targets: Vec<Target>,
) {
    let service = Caller {
        app_id: Uuid::nil(),
        app_name: name.to_owned(),
        principal: Uuid::nil(),
        user: None,
        permissions: BTreeSet::new(),
        token_id: String::new(),
        issued: Timestamp::UNIX_EPOCH,
        expires: Timestamp::MAX,
        cae: false,
    };
    world.audit(&service, correlation, activity, category, operation, targets, None);
}

/// References in one request at most (Graph, "Add members").
const MOST: usize = 20;
