//! Apps: registrations, service principals, and what they were granted.

mod api;
mod applications;
mod grants;
mod manifest;
mod owners;
mod principals;
mod secrets;
#[cfg(test)]
mod tests;

use serde_json::Value;
use uuid::Uuid;

pub(super) use applications::{application, empty, position, register};
pub(super) use principals::{find as find_principal, service_principal};

use super::{Call, Handled, Problem};
use crate::tenant::{PERMISSIONS, Permission, Tenant};
use crate::world::World;

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (_, path) = call.route();
    match path.first().copied() {
        Some("applications") => applications::handle(world, call),
        Some("serviceprincipals") => principals::handle(world, call),
        Some("oauth2permissiongrants") => grants::handle(world, call),
        Some("users") if path.get(2) == Some(&"oauth2permissiongrants") => {
            grants::of_user(world, call)
        }
        Some(_) | None => None,
    }
}

pub(super) const READ: &[&str] = &[
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];

pub(super) fn may_write(world: &World, call: &Call) -> Result<(), Problem> {
    call.needs(&["Application.ReadWrite.All", "Directory.ReadWrite.All"])?;
    call.needs_role(world, ADMINISTRATORS)
}

pub(super) const ADMINISTRATORS: &[&str] =
    &["Application Administrator", "Cloud Application Administrator"];

/// A permission some API of the tenant offers.
#[derive(Clone, Copy, Debug)]
struct Offered {
    /// The API's application id.
    resource: Uuid,
    id: Uuid,
    value: &'static str,
}

/// Every application role, with its id.
fn app_roles() -> impl Iterator<Item = Offered> {
    let graph = PERMISSIONS.iter().filter_map(|known| offered(known, known.application));
    graph.chain([Offered { resource: MANAGEMENT, id: ACTIVITY_FEED, value: "ActivityFeed.Read" }])
}

/// Every delegated scope of Graph, with its id.
fn scopes() -> impl Iterator<Item = Offered> {
    PERMISSIONS.iter().filter_map(|known| offered(known, known.delegated))
}

fn offered(known: &Permission, id: &str) -> Option<Offered> {
    Some(Offered { resource: GRAPH, id: Uuid::try_parse(id).ok()?, value: known.name })
}

/// The principal of the API that offers an application role.
fn resource_of(tenant: &Tenant, role: &str) -> Uuid {
    let offering = app_roles().find(|offered| offered.value == role);
    let principal = offering.and_then(|offered| tenant.apps.principal_of(offered.resource));
    principal.map_or(tenant.apps.graph, |principal| principal.id)
}

pub(super) fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

fn unimplemented(call: &Call) -> Problem {
    Problem::unsupported(format!(
        "The sandbox does not implement {} /{}.",
        call.method,
        call.raw.join("/")
    ))
}

/// Microsoft Graph, the same in every tenant.
const GRAPH: Uuid = uuid::uuid!("00000003-0000-0000-c000-000000000000");
/// Office 365 Management APIs, the same in every tenant.
const MANAGEMENT: Uuid = uuid::uuid!("c5393580-f805-4401-95e8-94b7a6ef2fc2");
/// Its one role the sandbox serves.
const ACTIVITY_FEED: Uuid = uuid::uuid!("594c1fb6-4f81-4475-ae41-0c394909246c");
