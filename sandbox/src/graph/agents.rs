//! Microsoft Entra Agent ID: blueprints, their principals, agent identities and agents' users.
//!
//! They are applications, service principals and users; the modules of those answer for what is the
//! same. Here is what is different: how they come to be, who may change them, what they cannot have.

mod federated;
mod identities;
mod inheritable;
mod keepers;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use super::apps::{self, text};
use super::users::{create_agent_user, delete_agent_user};
use super::{Answer, Call, Handled, Problem};
use crate::tenant::audit::events::{self, Trace, seconds};
use crate::tenant::{Application, Blueprint, Keepers, PrincipalKind, ServicePrincipal};
use crate::world::{Event, World};

/// A type of Agent ID that a path or a body names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cast {
    Blueprint,
    BlueprintPrincipal,
    Agent,
    AgentUser,
}

impl Cast {
    /// From `microsoft.graph.agentIdentity`, with or without `#`, in any case.
    pub(super) fn read(name: &str) -> Option<Self> {
        let name = name.trim_start_matches('#').to_ascii_lowercase();
        let name = name.strip_prefix("microsoft.").unwrap_or(&name).strip_prefix("graph.")?;
        Some(match name {
            "agentidentityblueprint" => Self::Blueprint,
            "agentidentityblueprintprincipal" => Self::BlueprintPrincipal,
            "agentidentity" => Self::Agent,
            "agentuser" => Self::AgentUser,
            _ => return None,
        })
    }

    /// The collection that holds objects of this type, in lower case.
    fn collection(self) -> &'static str {
        match self {
            Self::Blueprint => "applications",
            Self::BlueprintPrincipal | Self::Agent => "serviceprincipals",
            Self::AgentUser => "users",
        }
    }

    pub(super) fn of_principal(one: &ServicePrincipal) -> Option<Self> {
        match one.kind {
            PrincipalKind::Application => None,
            PrincipalKind::Blueprint(_) => Some(Self::BlueprintPrincipal),
            PrincipalKind::Agent(_) => Some(Self::Agent),
        }
    }
}

/// The call without the cast in its path; `None` when there is none.
pub(super) fn uncast(call: &Call) -> Option<Call> {
    let collection = call.names.first()?;
    let at = (1..=2).find(|at| {
        let named = call.names.get(*at).and_then(|name| Cast::read(name));
        named.is_some_and(|cast| cast.collection() == collection)
    })?;
    let mut call = call.clone();
    call.cast = call.names.get(at).and_then(|name| Cast::read(name));
    call.names.remove(at);
    call.raw.remove(at);
    Some(call)
}

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, path) = call.route();
    if let (Some(cast), [_, _, ..]) = (call.cast, path.as_slice())
        && !is(world, call, cast)
    {
        return Some(Err(Problem::not_found(call.segment(1))));
    }
    Some(match (method, path.as_slice()) {
        ("POST", ["applications" | "serviceprincipals" | "users"]) => match new(call)? {
            Ok(Cast::Blueprint) => create(world, call),
            Ok(Cast::BlueprintPrincipal) => identities::create_principal(world, call),
            Ok(Cast::Agent) => identities::create(world, call),
            Ok(Cast::AgentUser) => not_as_user(call).and_then(|()| create_agent_user(world, call)),
            Err(problem) => Err(problem),
        },
        (_, ["applications", _, "federatedidentitycredentials", ..]) => {
            federated::handle(world, call)
        }
        (_, ["applications", _, "inheritablepermissions", ..]) => inheritable::handle(world, call),
        (_, ["applications" | "serviceprincipals", _, "sponsors" | "owners", ..]) => {
            return keepers::handle(world, call);
        }
        ("PATCH", ["serviceprincipals", _]) => return identities::update(world, call),
        ("DELETE", ["serviceprincipals", _]) => return identities::delete(world, call),
        (
            "POST",
            [
                "serviceprincipals",
                _,
                "addpassword" | "addkey" | "microsoft.graph.addpassword" | "microsoft.graph.addkey",
            ],
        ) => {
            return identities::credentials(world, call);
        }
        _ => return None,
    })
}

/// Whether the object that the path names is of the type it names.
fn is(world: &World, call: &Call, cast: Cast) -> bool {
    let tenant = &world.tenant;
    let id = Uuid::try_parse(call.segment(1)).ok();
    match cast {
        Cast::Blueprint => {
            tenant.apps.applications.iter().any(|one| Some(one.id) == id && one.blueprint.is_some())
        }
        Cast::BlueprintPrincipal | Cast::Agent => {
            let found = tenant.apps.principals.iter().find(|one| Some(one.id) == id);
            found.and_then(Cast::of_principal) == Some(cast)
        }
        Cast::AgentUser => {
            tenant.people.find(call.segment(1)).is_some_and(|user| user.identity_parent.is_some())
        }
    }
}

/// The type of what a POST makes, from its path or its body; `None` for ordinary objects.
fn new(call: &Call) -> Option<Result<Cast, Problem>> {
    if let Some(cast) = call.cast {
        return Some(Ok(cast));
    }
    let cast = text(&call.body, "@odata.type").and_then(Cast::read)?;
    let fits = call.names.first().is_some_and(|name| name == cast.collection());
    // Without the header derived types are not understood; that it is an error and no plain object
    // is from memory.
    let version = call.header("OData-Version").is_some_and(|version| version.trim() == "4.0");
    Some(if fits && version {
        Ok(cast)
    } else {
        Err(Problem::bad_request(
            "A type derived from the collection's needs the header 'OData-Version: 4.0'.",
        ))
    })
}

/// `POST /applications/microsoft.graph.agentIdentityBlueprint`.
fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    permitted(world, call, None, CREATE)?;
    let keepers = keepers::new(world, call)?;
    let by_app = call.caller.user.is_none();
    let apps = &world.tenant.apps.applications;
    let made = apps.iter().filter_map(|one| Some(one.blueprint.as_deref()?.by_app));
    let made = made.chain(world.tenant.bin.blueprints());
    if full(made, by_app, world.faults.blueprint_limit) {
        return Err(limit("AgentBlueprint_LimitExceeded", "agent identity blueprints"));
    }
    quota(world)?;
    let mut made = apps::empty(world);
    made.blueprint = Some(Box::new(Blueprint { keepers, inheritable: Vec::new(), by_app }));
    apps::register(world, call, made)
}

/// Whether no more may be made of what was `made` so far, each by an app or not. Only apps are
/// limited, and only what they made counts; a switch limits everybody.
fn full(made: impl Iterator<Item = bool>, by_app: bool, switch: Option<u32>) -> bool {
    let most = usize::try_from(switch.unwrap_or(LIMIT)).unwrap_or(usize::MAX);
    (by_app || switch.is_some()) && made.filter(|it| *it || switch.is_some()).count() >= most
}

/// Refuses another agent object in a directory whose quota is used up.
fn quota(world: &World) -> Result<(), Problem> {
    if world.faults.agent_quota_reached {
        return Err(limit("Agent_Directory_QuotaExceeded", "objects of agents in the directory"));
    }
    Ok(())
}

/// What is changed of a blueprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Branding,
    Auth,
    Credentials,
    Sponsors,
    Delete,
}

impl Part {
    fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Branding => &["AgentIdentityBlueprint.UpdateBranding.All", ALL],
            Self::Auth => &["AgentIdentityBlueprint.UpdateAuthProperties.All", ALL],
            Self::Credentials => &["AgentIdentityBlueprint.AddRemoveCreds.All", ALL],
            Self::Sponsors => &["AgentIdentityBlueprint.UpdateSponsors.All", ALL],
            Self::Delete => &["AgentIdentityBlueprint.DeleteRestore.All", ALL],
        }
    }
}

/// The part that a property belongs to.
pub(super) fn part(_: &Application, property: &str) -> Part {
    match property {
        "displayName" | "description" | "notes" | "tags" | "@odata.type" => Part::Branding,
        "keyCredentials" | "passwordCredentials" => Part::Credentials,
        _ => Part::Auth,
    }
}

/// Refuses a caller who may not change these parts of a blueprint.
pub(super) fn may_change(
    world: &World,
    call: &Call,
    keepers: &Keepers,
    parts: &[Part],
) -> Result<(), Problem> {
    not_as_user(call)?;
    parts.iter().try_for_each(|part| permitted(world, call, Some(keepers), part.permissions()))
}

/// Refuses unless the token has one of these permissions, and the user a role or the ownership.
/// Tokens that act with all of a user's rights are refused whatever else they may.
fn permitted(
    world: &World,
    call: &Call,
    keepers: Option<&Keepers>,
    permissions: &[&str],
) -> Result<(), Problem> {
    not_as_user(call)?;
    call.needs(permissions)?;
    let owner = call
        .caller
        .user
        .is_some_and(|user| keepers.is_some_and(|keepers| keepers.owners.contains(&user)));
    // Developers make blueprints and own what they made.
    let roles: &[&str] = if keepers.is_none() {
        &["Agent ID Administrator", "Agent ID Developer"]
    } else {
        &["Agent ID Administrator"]
    };
    if owner { Ok(()) } else { call.needs_role(world, roles) }
}

fn not_as_user(call: &Call) -> Result<(), Problem> {
    let all = call.caller.permissions.contains("Directory.AccessAsUser.All");
    if all { Err(Problem::denied()) } else { Ok(()) }
}

/// Refuses what a blueprint cannot have: it signs nobody in.
pub(super) fn fits_blueprint(property: &str, value: &Value) -> Result<(), Problem> {
    if ["publicClient", "spa", "isFallbackPublicClient"].contains(&property) && !value.is_null() {
        return Err(Problem::new(
            400,
            "AgentBlueprint_IncompatibleProperty",
            format!("The property '{property}' is incompatible with agent identity blueprints."),
        ));
    }
    Ok(())
}

/// Refuses to use an object that was made so lately that not every replica has it.
pub(super) fn replicated(world: &World, id: Uuid) -> Result<(), Problem> {
    let lag = i64::try_from(world.faults.replica_lag_ms).unwrap_or(i64::MAX);
    let apps = &world.tenant.apps;
    let principal = apps.principals.iter().find(|one| one.id == id).map(|one| one.created);
    let made = principal.or_else(|| {
        let mut all = apps.applications.iter();
        all.find(|one| one.id == id || one.app_id == id).map(|one| one.created)
    });
    let made = made.or_else(|| world.tenant.people.get(id).map(|user| user.created));
    let young = made
        .is_some_and(|made| world.now().duration_since(made) < SignedDuration::from_millis(lag));
    if young { Err(absent(id)) } else { Ok(()) }
}

/// Graph's 400 for an object that is not there, or not there yet.
fn absent(id: impl std::fmt::Display) -> Problem {
    Problem::bad_request(format!("Object with id '{id}' not found."))
}

/// Graph's answer to a permission that agents can never have. That it is this answer is from
/// memory; that it is refused is documented.
pub(super) fn closed(permission: &str) -> Problem {
    Problem::bad_request(format!(
        "The permission '{permission}' cannot be granted to an agent identity or an agent user."
    ))
}

/// A limit is reached. The status is from memory.
fn limit(code: &str, what: &str) -> Problem {
    Problem::new(
        403,
        code,
        format!(
            "The maximum number of {what} is reached, active and deleted ones together. Delete \
             some for good to make more."
        ),
    )
}

/// Permissions with which objects of a type can be read, besides those for all of their kind.
pub(super) fn readers(cast: Option<Cast>) -> &'static [&'static str] {
    match cast {
        Some(Cast::Blueprint) => &["AgentIdentityBlueprint.Read.All", ALL],
        Some(Cast::BlueprintPrincipal) => &[
            "AgentIdentityBlueprintPrincipal.Read.All",
            "AgentIdentityBlueprintPrincipal.ReadWrite.All",
        ],
        Some(Cast::Agent) => &["AgentIdentity.Read.All", "AgentIdentity.ReadWrite.All"],
        Some(Cast::AgentUser) | None => &[],
    }
}

/// What a service principal of an agent shows besides.
pub(super) fn adorn(one: &ServicePrincipal, shown: &mut Value) {
    let Value::Object(shown) = shown else { return };
    let mut add = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    match &one.kind {
        PrincipalKind::Application => {}
        PrincipalKind::Blueprint(_) => {
            add("@odata.type", "#microsoft.graph.agentIdentityBlueprintPrincipal".into());
        }
        PrincipalKind::Agent(agent) => {
            add("@odata.type", "#microsoft.graph.agentIdentity".into());
            add("agentIdentityBlueprintId", json!(agent.blueprint));
            add("createdByAppId", json!(agent.created_by));
            add("createdDateTime", json!(seconds(one.created)));
        }
    }
}

/// A blueprint or its principal is gone: its identities and their users go with it, unless the
/// quirk leaves them. Microsoft's pages contradict each other about this.
pub(super) fn orphan(world: &mut World, call: &Call, blueprint: Uuid) {
    if !world.tenant.quirks.blueprint_takes_agents {
        return;
    }
    let all = world.tenant.apps.principals.iter();
    let heirs: Vec<Uuid> = all
        .filter(|one| {
            one.agent().is_some_and(|agent| agent.blueprint == blueprint)
                || (one.app_id == blueprint && one.keepers().is_some())
        })
        .map(|one| one.id)
        .collect();
    for heir in heirs {
        identities::bin(world, call, heir);
    }
}

/// The users of an agent identity.
fn users_of(world: &World, identity: Uuid) -> Vec<Uuid> {
    let all = world.tenant.people.iter();
    all.filter(|user| user.identity_parent == Some(identity)).map(|user| user.id).collect()
}

/// Deletes a principal's users with it.
fn bin_users(world: &mut World, call: &Call, identity: Uuid) {
    for user in users_of(world, identity) {
        delete_agent_user(world, call, user);
    }
}

fn logged(
    world: &mut World,
    call: &Call,
    one: &ServicePrincipal,
    deed: (&'static str, &'static str),
) {
    events::principal_changed(world, &Trace::of(call), one.id, &one.display_name, deed);
    world.emit(Event::Directory { id: one.id });
}

const ALL: &str = "AgentIdentityBlueprint.ReadWrite.All";
const CREATE: &[&str] =
    &["AgentIdentityBlueprint.Create", "AgentIdentityBlueprint.CreateAsManager", ALL];
/// Blueprints in a tenant, and identities of one blueprint, that apps may make.
const LIMIT: u32 = 250;
