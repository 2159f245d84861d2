//! Who may let an app do what.

use uuid::Uuid;

use super::clients::Client;
use super::issue::resource_principal;
use super::refusal::Refusal;
use super::scopes::{Asked, Resource};
use crate::tenant::{ConsentPolicy, GrantKind};
use crate::world::World;

/// What stands between a person and an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    /// All is granted already.
    Given,
    /// The person has to agree to these scopes.
    Ask(Vec<String>),
    /// Only an administrator can agree to some of these.
    AskAdmin(Vec<String>),
}

/// What `user` would have to agree to. `again` asks even for what was granted before.
pub(super) fn needed(
    world: &World,
    client: &Client,
    user: Uuid,
    asked: &Asked,
    again: bool,
) -> Result<Consent, Refusal> {
    let resource = resource_principal(world, asked.resource)?;
    let granted = world.tenant.apps.granted(client.principal, resource, user);
    let wanted = wanted(world, client, asked, granted.is_empty());
    let missing: Vec<(&str, bool)> =
        wanted.into_iter().filter(|(name, _)| again || !granted.contains(*name)).collect();
    let names = missing.iter().map(|(name, _)| (*name).to_owned()).collect();
    // What an administrator granted for everybody is not asked of anybody again.
    let only_admin = missing.iter().any(|(name, admin)| *admin && !granted.contains(*name))
        || (world.tenant.apps.consent == ConsentPolicy::AdminsOnly
            && missing.iter().any(|(name, _)| !granted.contains(*name)));
    let principal = world.tenant.apps.principals.iter().find(|one| one.id == client.principal);
    // An app that asks for assignment lets no user consent (Entra, "restrict your app to a set of
    // users").
    let only_admin = only_admin
        || (principal.is_some_and(|one| one.assigned_only)
            && missing.iter().any(|(name, _)| !granted.contains(*name)));
    Ok(if missing.is_empty() {
        Consent::Given
    } else if only_admin && !is_admin(world, user) {
        Consent::AskAdmin(names)
    } else {
        Consent::Ask(names)
    })
}

/// The scopes meant, with whether they need an administrator. `.default` means what was granted, or
/// everything the app is registered for when nothing was.
fn wanted<'a>(
    world: &'a World,
    client: &Client,
    asked: &'a Asked,
    nothing_granted: bool,
) -> Vec<(&'a str, bool)> {
    let scopes: Vec<&str> = if asked.default.is_none() {
        asked.scopes.iter().map(|(name, _)| name.as_str()).collect()
    } else if nothing_granted && asked.resource == Resource::Graph {
        let application = world.tenant.apps.application(client.app_id);
        application.into_iter().flat_map(|app| &app.required_scopes).map(String::as_str).collect()
    } else {
        Vec::new()
    };
    scopes
        .into_iter()
        .map(|name| {
            (name, asked.resource.scope(&world.tenant, name).is_none_or(|(_, admin)| admin))
        })
        .collect()
}

/// Records what a person agreed to, for themselves or for the whole organisation.
pub(super) fn give(
    world: &mut World,
    client: &Client,
    resource: Resource,
    kind: GrantKind,
    scopes: Vec<String>,
) -> Result<(), Refusal> {
    let resource = resource_principal(world, resource)?;
    world.tenant.apps.consent(client.principal, resource, kind, scopes);
    Ok(())
}

/// Whether this person may consent to everything, for everybody.
pub(super) fn is_admin(world: &World, user: Uuid) -> bool {
    let roles = &world.tenant.roles;
    ["Global Administrator", "Privileged Role Administrator"]
        .iter()
        .any(|role| roles.holds(user, role))
}
