//! Who owns a group.

use serde_json::Value;
use uuid::Uuid;

use super::members::{already, referenced};
use super::{addressed, writes};
use crate::graph::objects::reference;
use crate::graph::users::synced;
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::events::{self, Trace};
use crate::tenant::{Effect, Group};
use crate::world::{Event, World};

/// `POST /groups/{id}/owners/$ref`.
pub(super) fn add(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let group = writable(world, call)?;
    let id = group.id;
    let address = call.body.get("@odata.id").and_then(Value::as_str).ok_or_else(|| {
        Problem::new(400, "BadRequest", "Property '@odata.id' is required in the request body.")
    })?;
    let owner = reference(&world.tenant, address)?.id();
    if group.owners.contains(&owner) {
        return Err(already("owners"));
    }
    if world.tenant.people.get(owner).is_none() {
        // From memory.
        return Err(Problem::bad_request(format!("Object '{owner}' cannot own a group.")));
    }
    if let Some(group) = world.tenant.groups.get_mut(id) {
        group.owners.insert(owner);
    }
    events::owner_added(world, &Trace::of(call), id, owner);
    world.tenant.ledger.count(Effect::OwnerAdded { group: id, user: owner });
    world.emit(Event::Directory { id });
    Ok(Answer::no_content())
}

/// `DELETE /groups/{id}/owners/{id}/$ref`.
pub(super) fn remove_named(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    remove(world, call, call.segment(3))
}

/// `DELETE /groups/{id}/owners/$ref?@id=…`.
pub(super) fn remove_referenced(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    remove(world, call, referenced(call)?)
}

fn remove(world: &mut World, call: &Call, owner: &str) -> Result<Answer, Problem> {
    let group = writable(world, call)?;
    let id = group.id;
    let leaving = Uuid::try_parse(owner).ok().filter(|it| group.owners.contains(it));
    let leaving = leaving.ok_or_else(|| Problem::not_found(owner))?;
    if group.owners.len() == 1 {
        return Err(Problem::bad_request(
            "The group must have at least one owner, hence this owner cannot be removed.",
        ));
    }
    if let Some(group) = world.tenant.groups.get_mut(id) {
        group.owners.remove(&leaving);
    }
    events::owner_removed(world, &Trace::of(call), id, leaving);
    world.tenant.ledger.count(Effect::OwnerRemoved { group: id, user: leaving });
    world.emit(Event::Directory { id });
    Ok(Answer::no_content())
}

fn writable<'a>(world: &'a World, call: &Call) -> Result<&'a Group, Problem> {
    call.needs(&["Group.ReadWrite.All", "Directory.ReadWrite.All"])?;
    let group = addressed(&world.tenant, call)?;
    writes(world, call, group)?;
    if group.on_premises_synced {
        return Err(synced());
    }
    Ok(group)
}
