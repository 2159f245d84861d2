//! `servicePrincipals` and the application roles granted to them.

mod people;

use serde_json::{Map, Value, json};
use uuid::{Uuid, uuid};

use super::{
    GRAPH, MANAGEMENT, READ, api, app_roles, grants, manifest, may_write, owners, resource_of,
    secrets, text, unimplemented,
};
use crate::graph::agents::{self, Cast};
use crate::graph::listing::Listing;
use crate::graph::{Answer, Call, Handled, Problem};
use crate::tenant::audit::events::{self, Trace, seconds};
use crate::tenant::{Effect, PERMISSIONS, PrincipalKind, ServicePrincipal, Tenant, closed_role};
use crate::world::{Event, World};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["serviceprincipals"]) => list(world, call),
        ("POST", ["serviceprincipals"]) => create(world, call),
        ("GET", ["serviceprincipals", _]) => one(world, call),
        ("PATCH", ["serviceprincipals", _]) => update(world, call),
        ("DELETE", ["serviceprincipals", _]) => delete(world, call),
        ("GET", ["serviceprincipals", _, "approles" | "oauth2permissionscopes"]) => {
            offers(world, call)
        }
        ("GET", ["serviceprincipals", _, "owners"]) => {
            find(world, call).and_then(|principal| owners::list(world, call, principal.id))
        }
        ("GET", ["serviceprincipals", _, "oauth2permissiongrants"]) => {
            find(world, call).and_then(|principal| grants::of_client(world, call, principal.id))
        }
        ("GET", ["serviceprincipals", _, side @ ("approleassignments" | "approleassignedto")]) => {
            assignments(world, call, *side == "approleassignedto")
        }
        ("POST", ["serviceprincipals", _, action @ ("addpassword" | "removepassword")]) => {
            let change = if *action == "addpassword" { secrets::add } else { secrets::remove };
            let found = find(world, call).map(|one| (one.id, one.display_name.clone()));
            found.and_then(|(id, name)| change(world, call, (id, &name)))
        }
        ("POST", ["serviceprincipals", _, "approleassignments" | "approleassignedto"]) => {
            assign(world, call)
        }
        ("DELETE", ["serviceprincipals", _, "approleassignments" | "approleassignedto", _]) => {
            unassign(world, call)
        }
        _ => Err(unimplemented(call)),
    })
}

const PRINCIPALS: Listing<'_> = Listing {
    context: "servicePrincipals",
    filterable: &[
        "accountEnabled",
        "appId",
        "displayName",
        "id",
        "servicePrincipalNames",
        "servicePrincipalType",
        "tags",
    ],
    page: 100,
    orderable: None,
};

fn list(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(READ).or_else(|_| call.needs(agents::readers(call.cast)))?;
    let tenant = &world.tenant;
    let all = tenant.apps.principals.iter();
    let all = all.filter(|one| match (call.cast, &one.kind) {
        (None, _)
        | (Some(Cast::BlueprintPrincipal), PrincipalKind::Blueprint(_))
        | (Some(Cast::Agent), PrincipalKind::Agent(_)) => true,
        (Some(_), _) => false,
    });
    let expanded = match call.option("$expand") {
        None => false,
        Some(relation) if relation.eq_ignore_ascii_case("appRoleAssignments") => true,
        Some(relation) => {
            return Err(Problem::unsupported(format!(
                "The sandbox does not expand `{relation}` of service principals."
            )));
        }
    };
    let rows = all.map(|one| {
        let mut shown = shown(tenant, one);
        if let (true, Value::Object(shown)) = (expanded, &mut shown) {
            let given = tenant.apps.role_assignments.iter();
            let roles = given.filter(|(client, _)| *client == one.id);
            let roles = roles.filter_map(|(_, role)| app_role_assignment(tenant, one.id, role));
            shown.insert("appRoleAssignments".to_owned(), roles.collect());
        }
        shown
    });
    PRINCIPALS.answer(call, rows.collect())
}

fn one(world: &World, call: &Call) -> Result<Answer, Problem> {
    let found = find(world, call);
    let cast = found.as_ref().ok().and_then(|one| Cast::of_principal(one));
    call.needs(READ).or_else(|_| call.needs(agents::readers(cast)))?;
    PRINCIPALS.entity(call, shown(&world.tenant, found?))
}

/// `…/appRoles` and `…/oauth2PermissionScopes`: a property of its own.
fn offers(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    let principal = find(world, call)?;
    let name =
        if call.names.get(2).is_some_and(|name| name == "approles") { "appRoles" } else { SCOPES };
    let shown = shown(&world.tenant, principal);
    let items = shown.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let context = format!("servicePrincipals('{}')/{name}", principal.id);
    Listing { context: &context, filterable: &["id", "value"], ..PRINCIPALS }.answer(call, items)
}

fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let app_id = text(&call.body, "appId").and_then(|id| Uuid::try_parse(id).ok());
    let application = app_id.and_then(|id| world.tenant.apps.application(id));
    let Some(application) = application else {
        return Err(Problem::bad_request(format!(
            "The appId '{}' of the service principal does not reference a valid application \
             object.",
            text(&call.body, "appId").unwrap_or_default()
        )));
    };
    let (app_id, name) = (application.app_id, application.display_name.clone());
    if application.blueprint.is_some() {
        // From memory: an ordinary principal cannot stand for a blueprint.
        return Err(wrong("appId"));
    }
    let mut fields = call.body.as_object().cloned().unwrap_or_default();
    fields.remove("appId");
    let (enabled, said) = described(&fields)?;
    if world.tenant.apps.principal_of(app_id).is_some() {
        return Err(Problem::new(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            format!(
                "The service principal cannot be created, updated, or restored because the \
                 service principal name {app_id} is already in use."
            ),
        ));
    }
    let made = ServicePrincipal {
        id: world.guid(),
        app_id,
        display_name: name.clone(),
        enabled: enabled.unwrap_or(true),
        assigned_only: assigned_only(&said).unwrap_or(false),
        assigned: Default::default(),
        created: world.now(),
        kind: PrincipalKind::Application,
    };
    let id = made.id;
    let kept = world.tenant.manifests.of(id);
    kept.said = said;
    kept.owners.extend(call.caller.user);
    let body = PRINCIPALS.wrapped(call, shown(&world.tenant, &made));
    world.tenant.apps.principals.push(made);
    world.tenant.ledger.count(Effect::Object { deed: "principalCreated", object: id });
    let deed = ("Add service principal", "Add");
    events::principal_changed(world, &Trace::of(call), id, &name, deed);
    world.emit(Event::Directory { id });
    Ok(Answer::created(body))
}

fn update(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let id = find(world, call)?.id;
    let Value::Object(fields) = &call.body else {
        return Err(Problem::bad_request("The request body must be a JSON object."));
    };
    let (enabled, said) = described(fields)?;
    let mut all = world.tenant.apps.principals.iter_mut();
    if let Some(principal) = all.find(|one| one.id == id) {
        principal.enabled = enabled.unwrap_or(principal.enabled);
        principal.assigned_only = assigned_only(&said).unwrap_or(principal.assigned_only);
        world.tenant.manifests.of(id).said.extend(said);
        let name = principal.display_name.clone();
        let deed = ("Update service principal", "Update");
        events::principal_changed(world, &Trace::of(call), id, &name, deed);
        world.emit(Event::Directory { id });
    }
    Ok(Answer::no_content())
}

/// Whether only who is assigned may sign in, if it was said.
fn assigned_only(said: &Map<String, Value>) -> Option<bool> {
    said.get("appRoleAssignmentRequired").and_then(Value::as_bool)
}

/// What a body says about a service principal: whether it is enabled, and what is only kept.
fn described(fields: &Map<String, Value>) -> Result<(Option<bool>, Map<String, Value>), Problem> {
    let (mut enabled, mut said) = (None, Map::new());
    for (name, value) in fields.iter().filter(|(name, _)| !name.starts_with('@')) {
        if name == "accountEnabled" {
            // One shipped client writes it as text.
            let flag = value.as_bool().or_else(|| value.as_str()?.to_lowercase().parse().ok());
            enabled = Some(flag.ok_or_else(|| wrong(name))?);
            continue;
        }
        let value = manifest::said_of_principal(name, value).ok_or_else(|| {
            Problem::unsupported(format!(
                "The sandbox does not change `{name}` of a service principal."
            ))
        })?;
        said.insert(name.clone(), value?);
    }
    Ok((enabled, said))
}

fn delete(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let gone = find(world, call)?.clone();
    if microsoft(gone.app_id) {
        return Err(Problem::denied());
    }
    let now = world.now();
    world.tenant.bin_principal(gone.id, now);
    world.tenant.ledger.count(Effect::Object { deed: "principalDeleted", object: gone.id });
    let deed = ("Remove service principal", "Delete");
    events::principal_changed(world, &Trace::of(call), gone.id, &gone.display_name, deed);
    world.emit(Event::Directory { id: gone.id });
    Ok(Answer::no_content())
}

fn assignments(world: &World, call: &Call, to: bool) -> Result<Answer, Problem> {
    call.needs(READ).or_else(|_| call.needs(&["AppRoleAssignment.ReadWrite.All"]))?;
    let (tenant, id) = (&world.tenant, find(world, call)?.id);
    let side = if to { "appRoleAssignedTo" } else { "appRoleAssignments" };
    let context = format!("servicePrincipals('{id}')/{side}");
    let concerned =
        tenant.apps.role_assignments.iter().filter(|(client, role)| {
            if to { resource_of(tenant, role) == id } else { *client == id }
        });
    let rows = concerned.filter_map(|(client, role)| app_role_assignment(tenant, *client, role));
    let people = to.then(|| people::rows(tenant, id)).into_iter().flatten();
    let rows = rows.chain(people);
    let filterable = &["principalId", "resourceId", "appRoleId", "principalType"];
    Listing { context: &context, filterable, ..PRINCIPALS }.answer(call, rows.collect())
}

fn assign(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    if let Some((user, app)) = people::meant(world, call) {
        return people::assign(world, call, user, app);
    }
    may_assign(world, call)?;
    let path = find(world, call)?.id;
    let guid = |name: &str| {
        text(&call.body, name).and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(|| wrong(name))
    };
    let (client, resource, role) = (guid("principalId")?, guid("resourceId")?, guid("appRoleId")?);
    let known = |id| world.tenant.apps.principals.iter().find(|one| one.id == id);
    let (Some(_), Some(api)) = (known(client), known(resource)) else {
        return Err(wrong(if known(client).is_none() { "principalId" } else { "resourceId" }));
    };
    if path != client && path != resource {
        return Err(wrong("principalId"));
    }
    let offered = app_roles().find(|one| one.id == role && one.resource == api.app_id);
    let Some(offered) = offered else {
        return Err(Problem::bad_request(format!(
            "Permission being assigned was not found on application '{}'.",
            api.app_id
        )));
    };
    if world.tenant.apps.agent(client).is_some() && closed_role(offered.value) {
        return Err(agents::closed(offered.value));
    }
    agents::replicated(world, client)?;
    let assignment = (client, offered.value.to_owned());
    if world.tenant.apps.role_assignments.contains(&assignment) {
        return Err(Problem::bad_request("Permission being assigned already exists on the object"));
    }
    world.tenant.apps.role_assignments.push(assignment);
    world.tenant.ledger.count(Effect::Object { deed: "appRoleGiven", object: client });
    let trace = Trace::of(call);
    let role = (role, offered.value);
    events::app_role_changed(world, &trace, (client, resource), role, true);
    world.emit(Event::Directory { id: client });
    let body = app_role_assignment(&world.tenant, client, offered.value).unwrap_or_default();
    let context = format!("servicePrincipals('{path}')/appRoleAssignments");
    Ok(Answer::created(Listing { context: &context, ..PRINCIPALS }.wrapped(call, body)))
}

fn unassign(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let (path, id) = (find(world, call)?.id, call.segment(3));
    if let Some(user) = people::of_row(&world.tenant, path, id) {
        return people::unassign(world, call, user, path);
    }
    may_assign(world, call)?;
    let tenant = &world.tenant;
    let at = tenant.apps.role_assignments.iter().position(|(client, role)| {
        (*client == path || resource_of(tenant, role) == path)
            && app_role_assignment(tenant, *client, role)
                .is_some_and(|row| row.get("id").and_then(Value::as_str) == Some(id))
    });
    let at = at.ok_or_else(|| Problem::not_found(id))?;
    let (client, role) = world.tenant.apps.role_assignments.remove(at);
    world.tenant.ledger.count(Effect::Object { deed: "appRoleTaken", object: client });
    let resource = resource_of(&world.tenant, &role);
    let role_id = app_roles().find(|one| one.value == role).map_or(Uuid::nil(), |one| one.id);
    let trace = Trace::of(call);
    events::app_role_changed(world, &trace, (client, resource), (role_id, &role), false);
    world.emit(Event::Directory { id: client });
    Ok(Answer::no_content())
}

/// Application permissions of Graph are beyond what application administrators may give.
fn may_assign(world: &World, call: &Call) -> Result<(), Problem> {
    call.needs(&["AppRoleAssignment.ReadWrite.All"])?;
    call.needs_role(world, &["Privileged Role Administrator"])
}

pub(in crate::graph) fn find<'a>(
    world: &'a World,
    call: &Call,
) -> Result<&'a ServicePrincipal, Problem> {
    let key = call.segment(1);
    let id = Uuid::try_parse(key).ok();
    let mut all = world.tenant.apps.principals.iter();
    all.find(|one| Some(one.id) == id).ok_or_else(|| Problem::not_found(key))
}

fn wrong(property: &str) -> Problem {
    Problem::bad_request(format!("Invalid value specified for property '{property}' of resource."))
}

fn microsoft(app_id: Uuid) -> bool {
    app_id == GRAPH || app_id == MANAGEMENT
}

/// A `servicePrincipal` with everything that was said about it.
fn shown(tenant: &Tenant, one: &ServicePrincipal) -> Value {
    let mut shown = service_principal(tenant, one);
    if let (Value::Object(shown), Some(kept)) = (&mut shown, tenant.manifests.get(one.id)) {
        shown.extend(kept.said.clone());
        let secrets = kept.secrets.iter().map(secrets::shown).collect();
        shown.insert("passwordCredentials".to_owned(), secrets);
    }
    shown
}

/// A `servicePrincipal`.
pub(crate) fn service_principal(tenant: &Tenant, one: &ServicePrincipal) -> Value {
    let owner = if microsoft(one.app_id) { MICROSOFT } else { tenant.id };
    let application = tenant.apps.application(one.app_id);
    let replies = application.map_or(&[][..], |application| &application.redirect_uris);
    let own_scopes = application.map(api::scopes);
    let mut shown = json!({
        "id": one.id,
        "deletedDateTime": null,
        "accountEnabled": one.enabled,
        "appDisplayName": one.display_name,
        "appId": one.app_id,
        "appOwnerOrganizationId": owner,
        "appRoleAssignmentRequired": one.assigned_only,
        "displayName": one.display_name,
        "homepage": null,
        "replyUrls": replies,
        "servicePrincipalNames": names_of(one.app_id),
        "servicePrincipalType": if one.agent().is_some() { "ServiceIdentity" } else { "Application" },
        "signInAudience": if microsoft(one.app_id) { "AzureADMultipleOrgs" } else { "AzureADMyOrg" },
        "tags": [],
        "appRoles": manifest::own_roles(tenant, one.app_id).unwrap_or_else(|| roles_of(one.app_id)),
        "oauth2PermissionScopes": own_scopes.unwrap_or_else(|| scopes_of(one.app_id)),
        "keyCredentials": [],
        "passwordCredentials": [],
    });
    agents::adorn(one, &mut shown);
    shown
}

/// What a client may call it by; Graph has its address, too.
fn names_of(app_id: Uuid) -> Vec<String> {
    let mut names = vec![app_id.to_string()];
    if app_id == GRAPH {
        names.push("https://graph.microsoft.com".to_owned());
    }
    names
}

fn roles_of(api: Uuid) -> Value {
    let offered = app_roles().filter(|role| role.resource == api);
    offered
        .map(|role| {
            json!({
                "allowedMemberTypes": ["Application"],
                "description": role.value,
                "displayName": role.value,
                "id": role.id,
                "isEnabled": true,
                "origin": "Application",
                "value": role.value,
            })
        })
        .collect()
}

fn scopes_of(api: Uuid) -> Value {
    let offered = PERMISSIONS.iter().filter(|known| api == GRAPH && !known.delegated.is_empty());
    offered
        .map(|known| {
            json!({
                "adminConsentDescription": known.meaning,
                "adminConsentDisplayName": known.meaning,
                "id": known.delegated,
                "isEnabled": true,
                "type": if known.admin { "Admin" } else { "User" },
                "userConsentDescription": known.meaning,
                "userConsentDisplayName": known.meaning,
                "value": known.name,
            })
        })
        .collect()
}

/// An `appRoleAssignment`; `None` for a role nobody offers.
pub(crate) fn app_role_assignment(tenant: &Tenant, client: Uuid, role: &str) -> Option<Value> {
    let offered = app_roles().find(|offered| offered.value == role)?;
    let principal = tenant.apps.principals.iter().find(|one| one.id == client)?;
    let resource = tenant.apps.principal_of(offered.resource)?;
    // Opaque in reality; here derived, so that it stays the same.
    let id = Uuid::from_u128(client.as_u128() ^ offered.id.as_u128());
    Some(json!({
        "id": id.simple().to_string(),
        "deletedDateTime": null,
        "appRoleId": offered.id,
        "createdDateTime": seconds(principal.created),
        "principalDisplayName": principal.display_name,
        "principalId": client,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": resource.display_name,
        "resourceId": resource.id,
    }))
}

const SCOPES: &str = "oauth2PermissionScopes";
/// The tenant Microsoft's own apps live in.
const MICROSOFT: Uuid = uuid!("f8cdef31-a31e-4b4a-93e4-5f571e91255a");
