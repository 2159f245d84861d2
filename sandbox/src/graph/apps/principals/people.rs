//! Users assigned to an app, without a role of its own (the all-zero `appRoleId`).

use serde_json::{Value, json};
use uuid::Uuid;

use super::{PRINCIPALS, wrong};
use crate::graph::apps::{ADMINISTRATORS, text};
use crate::graph::listing::Listing;
use crate::graph::{Answer, Call, Problem};
use crate::tenant::Tenant;
use crate::tenant::audit::events::{self, Trace, seconds};
use crate::world::{Event, World};

/// The user and the app, when a person is to be assigned without a role.
pub(super) fn meant(world: &World, call: &Call) -> Option<(Uuid, Uuid)> {
    let guid = |name| text(&call.body, name).and_then(|id| Uuid::try_parse(id).ok());
    let (user, app) = (guid("principalId")?, guid("resourceId")?);
    let person = world.tenant.people.get(user).is_some();
    (person && guid("appRoleId")?.is_nil()).then_some((user, app))
}

pub(super) fn assign(
    world: &mut World,
    call: &Call,
    user: Uuid,
    app: Uuid,
) -> Result<Answer, Problem> {
    may(world, call)?;
    let mut all = world.tenant.apps.principals.iter_mut();
    let added = all.find(|one| one.id == app).ok_or_else(|| wrong("resourceId"))?;
    if !added.assigned.insert(user) {
        return Err(Problem::bad_request("Permission being assigned already exists on the object"));
    }
    note(world, call, (user, app), true);
    let body = row(&world.tenant, user, app).unwrap_or_default();
    let context = format!("servicePrincipals('{app}')/appRoleAssignedTo");
    Ok(Answer::created(Listing { context: &context, ..PRINCIPALS }.wrapped(call, body)))
}

pub(super) fn unassign(
    world: &mut World,
    call: &Call,
    user: Uuid,
    app: Uuid,
) -> Result<Answer, Problem> {
    may(world, call)?;
    let mut all = world.tenant.apps.principals.iter_mut();
    if let Some(principal) = all.find(|one| one.id == app) {
        principal.assigned.remove(&user);
    }
    note(world, call, (user, app), false);
    Ok(Answer::no_content())
}

/// Who is assigned to an app.
pub(super) fn rows(tenant: &Tenant, app: Uuid) -> Vec<Value> {
    let principal = tenant.apps.principals.iter().find(|one| one.id == app);
    let users = principal.into_iter().flat_map(|one| &one.assigned);
    users.filter_map(|user| row(tenant, *user, app)).collect()
}

/// The user whom this assignment to the app is about.
pub(super) fn of_row(tenant: &Tenant, app: Uuid, id: &str) -> Option<Uuid> {
    let principal = tenant.apps.principals.iter().find(|one| one.id == app)?;
    principal.assigned.iter().copied().find(|user| row_id(*user, app) == id)
}

fn note(world: &mut World, call: &Call, (user, app): (Uuid, Uuid), added: bool) {
    events::app_role_changed(world, &Trace::of(call), (user, app), (Uuid::nil(), ""), added);
    world.emit(Event::Directory { id: app });
}

/// Assigning people is any application administrator's to do.
fn may(world: &World, call: &Call) -> Result<(), Problem> {
    call.needs(&["AppRoleAssignment.ReadWrite.All"])?;
    let roles = [ADMINISTRATORS, &["User Administrator", "Privileged Role Administrator"]].concat();
    call.needs_role(world, &roles)
}

/// Opaque in reality; here derived, so that it stays the same.
fn row_id(user: Uuid, app: Uuid) -> String {
    Uuid::from_u128(user.as_u128() ^ app.as_u128()).simple().to_string()
}

fn row(tenant: &Tenant, user: Uuid, app: Uuid) -> Option<Value> {
    let person = tenant.people.get(user)?;
    let principal = tenant.apps.principals.iter().find(|one| one.id == app)?;
    Some(json!({
        "id": row_id(user, app),
        "deletedDateTime": null,
        "appRoleId": Uuid::nil(),
        "createdDateTime": seconds(principal.created),
        "principalDisplayName": person.display_name,
        "principalId": user,
        "principalType": "User",
        "resourceDisplayName": principal.display_name,
        "resourceId": app,
    }))
}
