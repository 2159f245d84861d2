//! Who owns and who sponsors a blueprint, its principal or an agent identity.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Part, absent, permitted, readers};
use crate::graph::agents::Cast;
use crate::graph::apps::READ;
use crate::graph::objects::{Kind, Object, Sight, reference};
use crate::graph::odata::Query;
use crate::graph::{Answer, Call, Handled, Problem};
use crate::tenant::Keepers;
use crate::tenant::audit::events::{self, Trace};
use crate::world::{Event, World};

/// The sponsors and owners that a new blueprint or agent identity names. A signed-in user owns what
/// they make, and sponsors it if nobody else does; an app must name a sponsor.
pub(super) fn new(world: &World, call: &Call) -> Result<Keepers, Problem> {
    let mut keepers = bound(world, call)?;
    keepers.owners.extend(call.caller.user);
    if keepers.sponsors.is_empty() {
        keepers.sponsors.extend(call.caller.user);
    }
    if keepers.sponsors.is_empty() { Err(no_sponsor()) } else { Ok(keepers) }
}

/// The same without the rule that somebody must sponsor.
pub(super) fn bound(world: &World, call: &Call) -> Result<Keepers, Problem> {
    let mut keepers = Keepers::default();
    for (name, sponsors) in [("sponsors@odata.bind", true), ("owners@odata.bind", false)] {
        let Some(value) = call.body.get(name) else { continue };
        let wrong = || Problem::bad_request(format!("Invalid value specified for '{name}'."));
        for address in value.as_array().ok_or_else(wrong)? {
            let address = address.as_str().ok_or_else(wrong)?;
            if sponsors {
                keepers.sponsors.insert(sponsor(world, address)?);
            } else {
                keepers.owners.insert(owner(world, address)?);
            }
        }
    }
    Ok(keepers)
}

/// A user, a Microsoft 365 group or a group with a rule.
fn sponsor(world: &World, address: &str) -> Result<Uuid, Problem> {
    let object = reference(&world.tenant, address)?;
    match object.kind {
        Kind::User(user) if user.identity_parent.is_none() => Ok(user.id),
        Kind::Group(group) if group.unified || group.dynamic() => Ok(group.id),
        // The text is from memory.
        Kind::User(_) | Kind::Group(_) | Kind::Role(_) => Err(Problem::bad_request(
            "A sponsor must be a user, a Microsoft 365 group or a dynamic group.",
        )),
    }
}

/// A user or a service principal.
fn owner(world: &World, address: &str) -> Result<Uuid, Problem> {
    let key = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let id = Uuid::try_parse(key).ok();
    let principal = world.tenant.apps.principals.iter().find(|one| Some(one.id) == id);
    if let Some(principal) = principal {
        return Ok(principal.id);
    }
    let object = reference(&world.tenant, address)?;
    match object.kind {
        Kind::User(user) => Ok(user.id),
        Kind::Group(_) | Kind::Role(_) => {
            Err(Problem::bad_request("An owner must be a user or a service principal."))
        }
    }
}

/// `/{object}/sponsors` and `/{object}/owners`; `None` for objects that are no agents'.
pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let id = Uuid::try_parse(call.segment(1)).ok()?;
    let place = Place::find(world, id)?;
    let sponsors = call.names.get(2).is_some_and(|name| name == "sponsors");
    let rest: Vec<&str> = call.names.iter().skip(3).map(String::as_str).collect();
    Some(match (call.method.as_str(), rest.as_slice()) {
        ("GET", []) => list(world, call, place, sponsors),
        ("POST", ["$ref"]) => add(world, call, place, sponsors),
        ("DELETE", [_, "$ref"]) => {
            let key = call.segment(3).to_owned();
            remove(world, call, place, sponsors, &key)
        }
        _ => return None,
    })
}

/// Where the keepers of an object are kept.
#[derive(Clone, Copy, Debug)]
enum Place {
    Blueprint(Uuid),
    Principal(Uuid, Cast),
}

impl Place {
    fn find(world: &World, id: Uuid) -> Option<Self> {
        let apps = &world.tenant.apps;
        if apps.applications.iter().any(|one| one.id == id && one.blueprint.is_some()) {
            return Some(Self::Blueprint(id));
        }
        let principal = apps.principals.iter().find(|one| one.id == id)?;
        Some(Self::Principal(id, Cast::of_principal(principal)?))
    }

    fn keepers(self, world: &World) -> Option<&Keepers> {
        let apps = &world.tenant.apps;
        match self {
            Self::Blueprint(id) => {
                let found = apps.applications.iter().find(|one| one.id == id)?;
                Some(&found.blueprint.as_deref()?.keepers)
            }
            Self::Principal(id, _) => apps.principals.iter().find(|one| one.id == id)?.keepers(),
        }
    }

    fn keepers_mut(self, world: &mut World) -> Option<&mut Keepers> {
        let apps = &mut world.tenant.apps;
        match self {
            Self::Blueprint(id) => {
                let found = apps.applications.iter_mut().find(|one| one.id == id)?;
                Some(&mut found.blueprint.as_deref_mut()?.keepers)
            }
            Self::Principal(id, _) => {
                apps.principals.iter_mut().find(|one| one.id == id)?.keepers_mut()
            }
        }
    }

    fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Blueprint(_) => Part::Sponsors.permissions(),
            Self::Principal(_, Cast::Agent) => {
                &["AgentIdentity.UpdateSponsors.All", "AgentIdentity.ReadWrite.All"]
            }
            Self::Principal(..) => &["AgentIdentityBlueprintPrincipal.ReadWrite.All"],
        }
    }

    fn cast(self) -> Cast {
        match self {
            Self::Blueprint(_) => Cast::Blueprint,
            Self::Principal(_, cast) => cast,
        }
    }
}

fn list(world: &World, call: &Call, place: Place, sponsors: bool) -> Result<Answer, Problem> {
    call.needs(READ).or_else(|_| call.needs(readers(Some(place.cast()))))?;
    let sight = Sight::of(world, call);
    let query = Query::default();
    let keepers = place.keepers(world).cloned().unwrap_or_default();
    let ids = if sponsors { keepers.sponsors } else { keepers.owners };
    let shown: Vec<Value> = ids
        .into_iter()
        .map(|id| match Object::find(&world.tenant, id) {
            Some(found) => found.show(&sight, &query, true),
            None => json!({"@odata.type": "#microsoft.graph.servicePrincipal", "id": id}),
        })
        .collect();
    let context = query.context(call, "directoryObjects");
    Ok(Answer::ok(json!({"@odata.context": context, "value": shown})))
}

fn add(world: &mut World, call: &Call, place: Place, sponsors: bool) -> Result<Answer, Problem> {
    permitted(world, call, place.keepers(world), place.permissions())?;
    let address = call.body.get("@odata.id").and_then(Value::as_str).ok_or_else(|| {
        Problem::new(400, "BadRequest", "Property '@odata.id' is required in the request body.")
    })?;
    let id = if sponsors { sponsor(world, address)? } else { owner(world, address)? };
    let keepers = place.keepers_mut(world).ok_or_else(|| absent(id))?;
    let list = if sponsors { &mut keepers.sponsors } else { &mut keepers.owners };
    if !list.insert(id) {
        let property = if sponsors { "sponsors" } else { "owners" };
        return Err(Problem::bad_request(format!(
            "One or more added object references already exist for the following modified \
             properties: '{property}'."
        )));
    }
    changed(world, call, place, sponsors, true);
    Ok(Answer::no_content())
}

fn remove(
    world: &mut World,
    call: &Call,
    place: Place,
    sponsors: bool,
    key: &str,
) -> Result<Answer, Problem> {
    permitted(world, call, place.keepers(world), place.permissions())?;
    let id = Uuid::try_parse(key).map_err(|_| Problem::not_found(key))?;
    let keepers = place.keepers_mut(world).ok_or_else(|| Problem::not_found(key))?;
    let list = if sponsors { &mut keepers.sponsors } else { &mut keepers.owners };
    if !list.contains(&id) {
        return Err(Problem::not_found(key));
    }
    let last = sponsors && list.len() == 1;
    // A blueprint principal has no sponsor of its own to begin with.
    if last && !matches!(place, Place::Principal(_, Cast::BlueprintPrincipal)) {
        return Err(no_sponsor());
    }
    list.remove(&id);
    changed(world, call, place, sponsors, false);
    Ok(Answer::no_content())
}

/// Which words the log has for sponsors is from memory.
fn changed(world: &mut World, call: &Call, place: Place, sponsors: bool, added: bool) {
    let trace = Trace::of(call);
    match place {
        Place::Blueprint(id) => {
            let deed = match (sponsors, added) {
                (true, true) => ("Add sponsor to application", "Assign"),
                (true, false) => ("Remove sponsor from application", "Unassign"),
                (false, true) => ("Add owner to application", "Assign"),
                (false, false) => ("Remove owner from application", "Unassign"),
            };
            let mut all = world.tenant.apps.applications.iter();
            let name = all.find(|one| one.id == id).map(|one| one.display_name.clone());
            events::application_changed(world, &trace, id, &name.unwrap_or_default(), deed);
            world.emit(Event::Directory { id });
        }
        Place::Principal(id, _) => {
            let deed = match (sponsors, added) {
                (true, true) => ("Add sponsor to service principal", "Assign"),
                (true, false) => ("Remove sponsor from service principal", "Unassign"),
                (false, true) => ("Add owner to service principal", "Assign"),
                (false, false) => ("Remove owner from service principal", "Unassign"),
            };
            let mut all = world.tenant.apps.principals.iter();
            let name = all.find(|one| one.id == id).map(|one| one.display_name.clone());
            events::principal_changed(world, &trace, id, &name.unwrap_or_default(), deed);
            world.emit(Event::Directory { id });
        }
    }
}

/// The text is from memory.
fn no_sponsor() -> Problem {
    Problem::bad_request("No sponsor specified. Please provide at least one sponsor.")
}
