//! Who owns an application or a service principal. Here these are users only.

use serde_json::Value;
use uuid::Uuid;

use super::{READ, may_write};
use crate::graph::objects::{DIRECTORY, Object, Sight, reference};
use crate::graph::odata::{Collection, Query};
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::events::{self, Trace};
use crate::world::{Event, World};

/// `GET …/{id}/owners`.
pub(super) fn list(world: &World, call: &Call, of: Uuid) -> Result<Answer, Problem> {
    call.needs(READ)?;
    let sight = Sight::of(world, call);
    let query = Query::collection(call, &DIRECTORY, Collection::Relation)?;
    let owners = world.tenant.manifests.get(of).map(|manifest| &manifest.owners);
    let owners = owners.into_iter().flatten();
    let rows = owners.filter_map(|id| Object::find(&world.tenant, *id)).enumerate();
    query.page(call, "directoryObjects", rows, |found| found.show(&sight, &query, true))
}

/// `POST /applications/{id}/owners/$ref`.
pub(super) fn add(world: &mut World, call: &Call, of: (Uuid, &str)) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let address = call.body.get("@odata.id").and_then(Value::as_str).ok_or_else(|| {
        Problem::new(400, "BadRequest", "Property '@odata.id' is required in the request body.")
    })?;
    let owner = reference(&world.tenant, address)?.id();
    if world.tenant.people.get(owner).is_none() {
        return Err(Problem::unsupported("In the sandbox only users own applications."));
    }
    if !world.tenant.manifests.of(of.0).owners.insert(owner) {
        return Err(Problem::bad_request(
            "One or more added object references already exist for the following modified \
             properties: 'owners'.",
        ));
    }
    changed(world, call, of, ("Add owner to application", "Assign"))
}

/// `DELETE /applications/{id}/owners/{id}/$ref`.
pub(super) fn remove(world: &mut World, call: &Call, of: (Uuid, &str)) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let key = call.segment(3);
    let owner = Uuid::try_parse(key).map_err(|_| Problem::not_found(key))?;
    if !world.tenant.manifests.of(of.0).owners.remove(&owner) {
        return Err(Problem::not_found(key));
    }
    changed(world, call, of, ("Remove owner from application", "Unassign"))
}

fn changed(
    world: &mut World,
    call: &Call,
    (id, name): (Uuid, &str),
    deed: (&'static str, &'static str),
) -> Result<Answer, Problem> {
    events::application_changed(world, &Trace::of(call), id, name, deed);
    world.emit(Event::Directory { id });
    Ok(Answer::no_content())
}
