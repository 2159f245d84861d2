//! `inheritablePermissions` of a blueprint: what its identities get of what its principal has.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Part, may_change, readers};
use crate::graph::agents::Cast;
use crate::graph::apps::{READ, position, text};
use crate::graph::listing::Listing;
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::events::{self, Trace};
use crate::tenant::{Blueprint, Inherit, Inheritable};
use crate::world::{Event, World};

pub(super) fn handle(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let at = position(world, call)?;
    let id = call.segment(1).to_owned();
    let Some(blueprint) = blueprint(world, at) else { return Err(Problem::not_found(&id)) };
    let context = format!("applications('{id}')/inheritablePermissions");
    let listing = Listing { context: &context, ..LISTING };
    let key = Uuid::try_parse(call.segment(3)).ok();
    let readable = || call.needs(READ).or_else(|_| call.needs(readers(Some(Cast::Blueprint))));
    match (call.method.as_str(), call.names.len()) {
        ("GET", 3) => {
            readable()?;
            listing.answer(call, blueprint.inheritable.iter().map(permission).collect())
        }
        ("GET", 4) => {
            readable()?;
            let found = blueprint.inheritable.iter().find(|one| Some(one.resource) == key);
            let found = found.ok_or_else(|| Problem::not_found(call.segment(3)))?;
            listing.entity(call, permission(found))
        }
        ("POST", 3) => {
            may_change(world, call, &blueprint.keepers, &[Part::Auth])?;
            let made = parse(call)?;
            if blueprint.inheritable.iter().any(|one| one.resource == made.resource) {
                return Err(Problem::new(
                    409,
                    "Request_MultipleObjectsWithSameKeyValue",
                    "Inheritable permissions for this resource exist already.",
                ));
            }
            if blueprint.inheritable.len() >= MOST {
                return Err(Problem::bad_request(format!(
                    "A blueprint has inheritable permissions for at most {MOST} resources."
                )));
            }
            let body = listing.wrapped(call, permission(&made));
            change(world, call, at, |list| list.push(made));
            Ok(Answer::created(body))
        }
        ("PATCH", 4) => {
            may_change(world, call, &blueprint.keepers, &[Part::Auth])?;
            let had = blueprint.inheritable.iter().find(|one| Some(one.resource) == key);
            let had = had.ok_or_else(|| Problem::not_found(call.segment(3)))?;
            let next = Inheritable {
                resource: had.resource,
                scopes: inherit(call, "inheritableScopes", "scopes", Some(&had.scopes))?,
                roles: inherit(call, "inheritableRoles", "roles", Some(&had.roles))?,
            };
            change(world, call, at, |list| {
                list.retain(|one| one.resource != next.resource);
                list.push(next);
            });
            Ok(Answer::no_content())
        }
        ("DELETE", 4) => {
            may_change(world, call, &blueprint.keepers, &[Part::Auth])?;
            if !blueprint.inheritable.iter().any(|one| Some(one.resource) == key) {
                return Err(Problem::not_found(call.segment(3)));
            }
            change(world, call, at, |list| list.retain(|one| Some(one.resource) != key));
            Ok(Answer::no_content())
        }
        _ => Err(Problem::unsupported(format!(
            "The sandbox does not implement {} /{}.",
            call.method,
            call.raw.join("/")
        ))),
    }
}

const LISTING: Listing<'_> = Listing {
    context: "inheritablePermissions",
    filterable: &["resourceAppId"],
    page: 100,
    orderable: None,
};

fn blueprint(world: &World, at: usize) -> Option<&Blueprint> {
    world.tenant.apps.applications.get(at)?.blueprint.as_deref()
}

fn change(world: &mut World, call: &Call, at: usize, with: impl FnOnce(&mut Vec<Inheritable>)) {
    let Some(one) = world.tenant.apps.applications.get_mut(at) else { return };
    if let Some(blueprint) = one.blueprint.as_deref_mut() {
        with(&mut blueprint.inheritable);
    }
    let (id, name) = (one.id, one.display_name.clone());
    let deed = ("Update application", "Update");
    events::application_changed(world, &Trace::of(call), id, &name, deed);
    world.emit(Event::Directory { id });
}

fn parse(call: &Call) -> Result<Inheritable, Problem> {
    let resource = text(&call.body, "resourceAppId").and_then(|id| Uuid::try_parse(id).ok());
    Ok(Inheritable {
        resource: resource.ok_or_else(|| invalid("resourceAppId"))?,
        scopes: inherit(call, "inheritableScopes", "scopes", None)?,
        roles: inherit(call, "inheritableRoles", "roles", None)?,
    })
}

/// `{"@odata.type": "#microsoft.graph.allAllowedScopes", "kind": "allAllowed"}`,
/// `{"kind": "enumerated", "scopes": […]}` or `{"kind": "none"}`. `had` when it is not said.
fn inherit(
    call: &Call,
    property: &str,
    list: &str,
    had: Option<&Inherit>,
) -> Result<Inherit, Problem> {
    let value = match call.body.get(property) {
        None | Some(Value::Null) => return Ok(had.cloned().unwrap_or(Inherit::Nothing)),
        Some(value) => value,
    };
    let kind = text(value, "kind").map(str::to_owned).or_else(|| {
        let named = text(value, "@odata.type")?.rsplit('.').next()?.to_ascii_lowercase();
        let kinds = [("allallowed", "allAllowed"), ("enumerated", "enumerated"), ("no", "none")];
        let found = kinds.iter().find(|(start, _)| named.starts_with(start))?;
        Some(found.1.to_owned())
    });
    match kind.as_deref() {
        Some("allAllowed") => Ok(Inherit::All),
        Some("none") => Ok(Inherit::Nothing),
        Some("enumerated") => {
            let names = value.get(list).and_then(Value::as_array);
            let names: Option<_> = names.and_then(|names| {
                names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
            });
            names.map(Inherit::Named).ok_or_else(|| invalid(property))
        }
        _ => Err(invalid(property)),
    }
}

/// An `inheritablePermission`. Roles are not in the entity model of v1.0 and are shown only where
/// some are inherited.
pub(super) fn permission(one: &Inheritable) -> Value {
    let mut shown = json!({
        "resourceAppId": one.resource,
        "inheritableScopes": scopes(&one.scopes, "Scopes", "scopes"),
    });
    if let (true, Value::Object(shown)) = (one.roles != Inherit::Nothing, &mut shown) {
        shown.insert("inheritableRoles".to_owned(), scopes(&one.roles, "Roles", "roles"));
    }
    shown
}

fn scopes(inherit: &Inherit, what: &str, list: &str) -> Value {
    let kind = |name: &str| format!("#microsoft.graph.{name}{what}");
    match inherit {
        Inherit::All => json!({"@odata.type": kind("allAllowed"), "kind": "allAllowed"}),
        Inherit::Nothing => json!({"@odata.type": kind("no"), "kind": "none"}),
        Inherit::Named(names) => {
            json!({"@odata.type": kind("enumerated"), "kind": "enumerated", list: names})
        }
    }
}

fn invalid(property: &str) -> Problem {
    Problem::bad_request(format!(
        "Invalid value specified for property '{property}' of resource 'InheritablePermission'."
    ))
}

/// Resources with inheritable permissions (Graph, "inheritablePermission").
const MOST: usize = 10;
