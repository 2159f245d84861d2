//! `federatedIdentityCredentials` of applications and blueprints.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Part, may_change};
use crate::graph::apps::{READ, may_write, position, text};
use crate::graph::listing::Listing;
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::events::{self, Trace};
use crate::tenant::{Application, Federated};
use crate::world::{Event, World};

pub(super) fn handle(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let at = position(world, call)?;
    let key = call.segment(3).to_owned();
    match (call.method.as_str(), call.names.len()) {
        ("GET", 3) => {
            let one = read(world, call, at)?;
            let context = context(one);
            let rows = one.federated.iter().map(credential).collect();
            Listing { context: &context, ..LISTING }.answer(call, rows)
        }
        ("GET", 4) => {
            let one = read(world, call, at)?;
            let context = context(one);
            let found = one.federated.iter().find(|it| named(it, &key));
            let found = found.ok_or_else(|| Problem::not_found(&key))?;
            Listing { context: &context, ..LISTING }.entity(call, credential(found))
        }
        ("POST", 3) => create(world, call, at),
        ("DELETE", 4) => delete(world, call, at, &key),
        _ => Err(Problem::unsupported(format!(
            "The sandbox does not implement {} /{}.",
            call.method,
            call.raw.join("/")
        ))),
    }
}

const LISTING: Listing<'_> = Listing {
    context: "federatedIdentityCredentials",
    filterable: &["name", "issuer", "subject"],
    page: 100,
    orderable: None,
};

fn read<'a>(world: &'a World, call: &Call, at: usize) -> Result<&'a Application, Problem> {
    let one = world.tenant.apps.applications.get(at);
    let one = one.ok_or_else(|| Problem::not_found(call.segment(1)))?;
    let own = ["AgentIdentityBlueprint.Read.All", "AgentIdentityBlueprint.ReadWrite.All"];
    call.needs(READ).or_else(
        |no| {
            if one.blueprint.is_some() { call.needs(&own) } else { Err(no) }
        },
    )?;
    Ok(one)
}

fn permitted(world: &World, call: &Call, at: usize) -> Result<(), Problem> {
    match world.tenant.apps.applications.get(at).and_then(|one| one.blueprint.as_deref()) {
        Some(blueprint) => may_change(world, call, &blueprint.keepers, &[Part::Credentials]),
        None => may_write(world, call),
    }
}

fn create(world: &mut World, call: &Call, at: usize) -> Result<Answer, Problem> {
    permitted(world, call, at)?;
    let need = |name: &str| {
        text(&call.body, name)
            .filter(|text| !text.is_empty() && text.len() <= LONGEST)
            .map(str::to_owned)
            .ok_or_else(|| invalid(name))
    };
    let audiences: Option<Vec<String>> = call
        .body
        .get("audiences")
        .and_then(Value::as_array)
        .and_then(|all| all.iter().map(|one| one.as_str().map(str::to_owned)).collect());
    let made = Federated {
        id: world.guid(),
        name: need("name")?,
        issuer: need("issuer")?,
        subject: need("subject")?,
        audiences: audiences.filter(|all| all.len() == 1).ok_or_else(|| invalid("audiences"))?,
        description: text(&call.body, "description").map(str::to_owned),
    };
    let Some(one) = world.tenant.apps.applications.get_mut(at) else {
        return Err(Problem::not_found(call.segment(1)));
    };
    let same = |it: &Federated| {
        it.name == made.name || (it.issuer == made.issuer && it.subject == made.subject)
    };
    if one.federated.iter().any(same) {
        // The text is from memory.
        return Err(Problem::new(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "A federated identity credential with this name, or this issuer and subject, exists.",
        ));
    }
    if one.federated.len() >= MOST {
        return Err(Problem::bad_request("The application has too many credentials."));
    }
    let context = context(one);
    let body = Listing { context: &context, ..LISTING }.wrapped(call, credential(&made));
    one.federated.push(made);
    logged(world, call, at);
    Ok(Answer::created(body))
}

fn delete(world: &mut World, call: &Call, at: usize, key: &str) -> Result<Answer, Problem> {
    permitted(world, call, at)?;
    let Some(one) = world.tenant.apps.applications.get_mut(at) else {
        return Err(Problem::not_found(call.segment(1)));
    };
    let before = one.federated.len();
    one.federated.retain(|it| !named(it, key));
    if one.federated.len() == before {
        return Err(Problem::not_found(key));
    }
    logged(world, call, at);
    Ok(Answer::no_content())
}

fn logged(world: &mut World, call: &Call, at: usize) {
    let one = world.tenant.apps.applications.get(at);
    let Some((id, name)) = one.map(|one| (one.id, one.display_name.clone())) else { return };
    let deed = ("Update application", "Update");
    events::application_changed(world, &Trace::of(call), id, &name, deed);
    world.emit(Event::Directory { id });
}

/// By id or by name: Graph takes either.
fn named(one: &Federated, key: &str) -> bool {
    Uuid::try_parse(key).is_ok_and(|id| id == one.id) || one.name == key
}

fn context(one: &Application) -> String {
    format!("applications('{}')/federatedIdentityCredentials", one.id)
}

/// A `federatedIdentityCredential`.
pub(super) fn credential(one: &Federated) -> Value {
    json!({
        "id": one.id,
        "name": one.name,
        "issuer": one.issuer,
        "subject": one.subject,
        "audiences": one.audiences,
        "description": one.description,
    })
}

fn invalid(property: &str) -> Problem {
    Problem::bad_request(format!(
        "Invalid value specified for property '{property}' of resource \
         'FederatedIdentityCredential'."
    ))
}

const LONGEST: usize = 600;
/// Graph, "federatedIdentityCredential".
const MOST: usize = 20;
