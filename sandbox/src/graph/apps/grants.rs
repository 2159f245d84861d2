//! `oauth2PermissionGrants`: delegated scopes given to a client, for everybody or for one user.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{ADMINISTRATORS, text, unimplemented};
use crate::graph::agents;
use crate::graph::listing::Listing;
use crate::graph::{Answer, Call, Handled, Problem};
use crate::tenant::audit::events::{self, Trace};
use crate::tenant::{Effect, Grant, GrantKind, closed_scope};
use crate::world::{Event, World};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["oauth2permissiongrants"]) => {
            list(world, call, "oauth2PermissionGrants", |_| true)
        }
        ("POST", ["oauth2permissiongrants"]) => create(world, call),
        ("GET", ["oauth2permissiongrants", _]) => one(world, call),
        ("PATCH", ["oauth2permissiongrants", _]) => update(world, call),
        ("DELETE", ["oauth2permissiongrants", _]) => delete(world, call),
        _ => Err(unimplemented(call)),
    })
}

/// `users/{id}/oauth2PermissionGrants`: what a user consented to.
pub(super) fn of_user(world: &World, call: &Call) -> Handled {
    if call.method != "GET" {
        return None;
    }
    let key = call.segment(1);
    let Some(user) = world.tenant.people.find(key).map(|user| user.id) else {
        return Some(Err(Problem::not_found(key)));
    };
    let context = format!("users('{user}')/oauth2PermissionGrants");
    Some(list(world, call, &context, |grant| grant.kind == GrantKind::Principal(user)))
}

/// `servicePrincipals/{id}/oauth2PermissionGrants`: what a client was given.
pub(super) fn of_client(world: &World, call: &Call, client: Uuid) -> Result<Answer, Problem> {
    let context = format!("servicePrincipals('{client}')/oauth2PermissionGrants");
    list(world, call, &context, |grant| grant.client == client)
}

const READ: &[&str] = &[
    "DelegatedPermissionGrant.Read.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const WRITE: &[&str] = &["DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All"];

const GRANTS: Listing<'_> = Listing {
    context: "oauth2PermissionGrants",
    filterable: &["clientId", "consentType", "id", "principalId", "resourceId"],
    page: 100,
    orderable: None,
};

fn list(
    world: &World,
    call: &Call,
    context: &str,
    concerns: impl Fn(&Grant) -> bool,
) -> Result<Answer, Problem> {
    call.needs(READ)?;
    let grants = world.tenant.apps.grants.iter().filter(|grant| concerns(grant));
    Listing { context, ..GRANTS }.answer(call, grants.map(permission_grant).collect())
}

fn one(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    let at = position(world, call)?;
    let grant = world.tenant.apps.grants.get(at).map(permission_grant);
    GRANTS.entity(call, grant.ok_or_else(|| Problem::not_found(call.segment(1)))?)
}

fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let body = &call.body;
    let principal = |name: &str| {
        let id = text(body, name).and_then(|id| Uuid::try_parse(id).ok());
        let known = world.tenant.apps.principals.iter().find(|one| Some(one.id) == id);
        known.map(|one| one.id).ok_or_else(|| invalid(name))
    };
    let (client, resource) = (principal("clientId")?, principal("resourceId")?);
    let kind = match text(body, "consentType") {
        Some("AllPrincipals") => GrantKind::AllPrincipals,
        Some("Principal") => {
            let user = text(body, "principalId").and_then(|id| world.tenant.people.find(id));
            GrantKind::Principal(user.ok_or_else(|| invalid("principalId"))?.id)
        }
        Some(_) | None => return Err(invalid("consentType")),
    };
    // `startTime` and `expiryTime` are no longer in the model, but clients must send them to some
    // tenants: they are accepted and mean nothing.
    const KNOWN: &[&str] = &[
        "clientId",
        "resourceId",
        "consentType",
        "principalId",
        "scope",
        "startTime",
        "expiryTime",
    ];
    let names = body.as_object().into_iter().flat_map(|fields| fields.keys());
    if let Some(odd) = names.into_iter().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(invalid(odd));
    }
    let same =
        |grant: &Grant| grant.client == client && grant.resource == resource && grant.kind == kind;
    if world.tenant.apps.grants.iter().any(same) {
        return Err(Problem::new(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "Permission entry already exists.",
        ));
    }
    agents::replicated(world, client)?;
    let scopes = words(text(body, "scope"));
    open_to(world, client, kind, &scopes)?;
    let id = world.guid().simple().to_string();
    let grant = Grant { id, client, resource, kind, scopes };
    let answer = GRANTS.wrapped(call, permission_grant(&grant));
    let after = Some(joined(&grant.scopes));
    world.tenant.apps.grants.push(grant);
    world.tenant.ledger.count(Effect::Object { deed: "scopesGiven", object: client });
    events::scopes_granted(world, &Trace::of(call), (client, resource), (None, after));
    world.emit(Event::Directory { id: client });
    Ok(Answer::created(answer))
}

fn update(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let at = position(world, call)?;
    let scopes = words(Some(text(&call.body, "scope").ok_or_else(|| invalid("scope"))?));
    if let Some(grant) = world.tenant.apps.grants.get(at) {
        open_to(world, grant.client, grant.kind, &scopes)?;
    }
    let Some(grant) = world.tenant.apps.grants.get_mut(at) else {
        return Err(Problem::not_found(call.segment(1)));
    };
    let before = Some(joined(&grant.scopes));
    let after = Some(joined(&scopes));
    grant.scopes = scopes;
    let (client, resource) = (grant.client, grant.resource);
    world.tenant.ledger.count(Effect::Object { deed: "scopesChanged", object: client });
    events::scopes_granted(world, &Trace::of(call), (client, resource), (before, after));
    world.emit(Event::Directory { id: client });
    Ok(Answer::no_content())
}

fn delete(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let at = position(world, call)?;
    let gone = world.tenant.apps.grants.remove(at);
    world.tenant.ledger.count(Effect::Object { deed: "scopesTaken", object: gone.client });
    let before = Some(joined(&gone.scopes));
    let ends = (gone.client, gone.resource);
    events::scopes_granted(world, &Trace::of(call), ends, (before, None));
    world.emit(Event::Directory { id: gone.client });
    Ok(Answer::no_content())
}

fn may_write(world: &World, call: &Call) -> Result<(), Problem> {
    call.needs(WRITE)?;
    let roles = [ADMINISTRATORS, &["Privileged Role Administrator"]].concat();
    call.needs_role(world, &roles)
}

/// Refuses to give an agent, or an agent's user, what agents can never have.
fn open_to(
    world: &World,
    client: Uuid,
    kind: GrantKind,
    scopes: &BTreeSet<String>,
) -> Result<(), Problem> {
    let tenant = &world.tenant;
    let agents_user = match kind {
        GrantKind::AllPrincipals => false,
        GrantKind::Principal(user) => {
            tenant.people.get(user).is_some_and(|user| user.identity_parent.is_some())
        }
    };
    if !agents_user && tenant.apps.agent(client).is_none() {
        return Ok(());
    }
    match scopes.iter().find(|scope| closed_scope(scope)) {
        Some(scope) => Err(agents::closed(scope)),
        None => Ok(()),
    }
}

fn position(world: &World, call: &Call) -> Result<usize, Problem> {
    let id = call.segment(1);
    let mut grants = world.tenant.apps.grants.iter();
    grants.position(|grant| grant.id == id).ok_or_else(|| Problem::not_found(id))
}

fn invalid(property: &str) -> Problem {
    Problem::bad_request(format!(
        "Invalid value specified for property '{property}' of resource 'OAuth2PermissionGrant'."
    ))
}

fn words(scope: Option<&str>) -> BTreeSet<String> {
    scope.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn joined(scopes: &BTreeSet<String>) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// An `oAuth2PermissionGrant`.
pub(crate) fn permission_grant(grant: &Grant) -> Value {
    let (kind, principal) = match grant.kind {
        GrantKind::AllPrincipals => ("AllPrincipals", None),
        GrantKind::Principal(user) => ("Principal", Some(user)),
    };
    json!({
        "id": grant.id,
        "clientId": grant.client,
        "consentType": kind,
        "principalId": principal,
        "resourceId": grant.resource,
        "scope": joined(&grant.scopes),
    })
}
