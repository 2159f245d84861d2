//! Blueprint principals and agent identities.

use serde_json::Value;
use uuid::Uuid;

use super::{
    Cast, absent, bin_users, full, keepers, limit, logged, not_as_user, orphan, permitted, quota,
    replicated, text,
};
use crate::graph::apps::{find_principal, service_principal};
use crate::graph::{Answer, Call, Handled, Problem};
use crate::tenant::{Agent, Effect, PrincipalKind, ServicePrincipal};
use crate::world::World;

/// `POST /servicePrincipals/microsoft.graph.agentIdentityBlueprintPrincipal`.
pub(super) fn create_principal(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let permissions =
        ["AgentIdentityBlueprintPrincipal.Create", "AgentIdentityBlueprintPrincipal.ReadWrite.All"];
    permitted(world, call, None, &permissions)?;
    let key = text(&call.body, "appId").unwrap_or_default();
    let app_id = Uuid::try_parse(key).ok().ok_or_else(|| absent(key))?;
    let application = world.tenant.apps.application(app_id).ok_or_else(|| absent(key))?;
    let (name, name_key) = (application.display_name.clone(), application.id);
    if application.blueprint.is_none() {
        return Err(Problem::bad_request_as(
            "AgentBlueprintPrincipal_RequireAgentBlueprint",
            "Agent identity blueprint principals can only be created for agent blueprints.",
        ));
    }
    replicated(world, name_key)?;
    known(call, &["appId", "@odata.type", "sponsors@odata.bind", "owners@odata.bind"])?;
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
    let mut keepers = keepers::bound(world, call)?;
    keepers.owners.extend(call.caller.user);
    let id = world.guid();
    let kind = PrincipalKind::Blueprint(keepers);
    keep(
        world,
        call,
        ServicePrincipal {
            assigned_only: false,
            assigned: Default::default(),
            id,
            app_id,
            display_name: name,
            enabled: true,
            created: world.now(),
            kind,
        },
    )
}

/// `POST /servicePrincipals/microsoft.graph.agentIdentity`.
pub(super) fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    not_as_user(call)?;
    let apps = &world.tenant.apps;
    if apps.agent(call.caller.principal).is_some() || apps.agent(call.caller.app_id).is_some() {
        return Err(Problem::new(
            403,
            "Error_AgentIdentitiesCreatingAgentIdentitiesNotAllowed",
            "Agent identities cannot create other agent identities.",
        ));
    }
    let by_app = call.caller.user.is_none();
    let by_blueprint = by_app && apps.blueprint(call.caller.app_id).is_some();
    if !by_blueprint || call.needs(&["AgentIdentity.CreateAsManager"]).is_err() {
        let permissions = ["AgentIdentity.Create.All", "AgentIdentity.ReadWrite.All"];
        permitted(world, call, None, &permissions)?;
    }
    for property in ["keyCredentials", "passwordCredentials"] {
        if call.body.get(property).is_some() {
            return Err(no_credentials());
        }
    }
    known(
        call,
        &[
            "displayName",
            "agentIdentityBlueprintId",
            "accountEnabled",
            "@odata.type",
            "sponsors@odata.bind",
            "owners@odata.bind",
            "tags",
        ],
    )?;
    let name = text(&call.body, "displayName").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| invalid("displayName"))?.to_owned();
    let key = text(&call.body, "agentIdentityBlueprintId").unwrap_or_default();
    let blueprint = Uuid::try_parse(key).map_err(|_| invalid("agentIdentityBlueprintId"))?;
    if by_blueprint && call.caller.app_id != blueprint {
        return Err(Problem::new(
            403,
            "Error_AgentBlueprintCannotCreateAssociatedIdentity",
            "A blueprint cannot create agent identities of another blueprint.",
        ));
    }
    let apps = &world.tenant.apps;
    let is_blueprint = apps.blueprint(blueprint).is_some();
    // An object id, of a blueprint or of anything else, is no parent either.
    let is_object = apps.applications.iter().any(|one| one.id == blueprint)
        || apps.principals.iter().any(|one| one.app_id == blueprint || one.id == blueprint);
    if !is_blueprint {
        return Err(if is_object {
            Problem::bad_request_as(
                "AgentIdentity_IncompatibleParentType",
                "agentIdentityBlueprintId must be the appId of an agent identity blueprint.",
            )
        } else {
            absent(blueprint)
        });
    }
    let Some(parent) = apps.principal_of(blueprint).map(|one| one.id) else {
        return Err(Problem::bad_request_as(
            "AgentIdentity_AgentBlueprintPrincipalDoesNotExist",
            "The agent identity blueprint has no principal in this tenant.",
        ));
    };
    replicated(world, parent)?;
    let keepers = keepers::new(world, call)?;
    let all = world.tenant.apps.principals.iter().filter_map(ServicePrincipal::agent);
    let made = all.filter(|one| one.blueprint == blueprint).map(|one| one.by_app);
    let made = made.chain(world.tenant.bin.agents_of(blueprint));
    if full(made, by_app, world.faults.agent_limit) {
        return Err(limit("AgentIdentity_LimitExceeded", "agent identities of this blueprint"));
    }
    quota(world)?;
    let id = world.guid();
    let created_by = call.caller.app_id;
    keep(
        world,
        call,
        ServicePrincipal {
            assigned_only: false,
            assigned: Default::default(),
            id,
            app_id: id,
            display_name: name,
            enabled: call.body.get("accountEnabled").and_then(Value::as_bool).unwrap_or(true),
            created: world.now(),
            kind: PrincipalKind::Agent(Agent { blueprint, created_by, keepers, by_app }),
        },
    )
}

fn keep(world: &mut World, call: &Call, made: ServicePrincipal) -> Result<Answer, Problem> {
    let mut body = serde_json::Map::new();
    let context = format!("{}/v1.0/$metadata#servicePrincipals/$entity", call.origin);
    body.insert("@odata.context".to_owned(), context.into());
    if let Value::Object(shown) = service_principal(&world.tenant, &made) {
        body.extend(shown);
    }
    let deed = if made.agent().is_some() { "agentCreated" } else { "principalCreated" };
    world.tenant.ledger.count(Effect::Object { deed, object: made.id });
    logged(world, call, &made, ("Add service principal", "Add"));
    world.tenant.apps.principals.push(made);
    Ok(Answer::created(body.into()))
}

/// `PATCH` of a blueprint principal or an agent identity; `None` for others.
pub(super) fn update(world: &mut World, call: &Call) -> Handled {
    let found = find_principal(world, call).ok()?.clone();
    let cast = Cast::of_principal(&found)?;
    Some(change(world, call, found, cast))
}

fn change(
    world: &mut World,
    call: &Call,
    mut found: ServicePrincipal,
    cast: Cast,
) -> Result<Answer, Problem> {
    let Value::Object(fields) = &call.body else {
        return Err(Problem::bad_request("The request body must be a JSON object."));
    };
    for (name, value) in fields {
        match (name.as_str(), cast) {
            ("accountEnabled", _) => {
                let enable: &[&str] = if cast == Cast::Agent {
                    &["AgentIdentity.EnableDisable.All", "AgentIdentity.ReadWrite.All"]
                } else {
                    &[
                        "AgentIdentityBlueprintPrincipal.EnableDisable.All",
                        "AgentIdentityBlueprintPrincipal.ReadWrite.All",
                    ]
                };
                permitted(world, call, found.keepers(), enable)?;
                found.enabled = value.as_bool().ok_or_else(|| invalid(name))?;
            }
            ("displayName", Cast::Agent) => {
                permitted(world, call, found.keepers(), &["AgentIdentity.ReadWrite.All"])?;
                let text = value.as_str().filter(|text| !text.is_empty());
                text.ok_or_else(|| invalid(name))?.clone_into(&mut found.display_name);
            }
            ("keyCredentials" | "passwordCredentials", Cast::Agent) => {
                return Err(no_credentials());
            }
            ("@odata.type", _) => {}
            _ => {
                return Err(Problem::unsupported(format!(
                    "The sandbox does not change `{name}` of this kind of service principal."
                )));
            }
        }
    }
    let mut all = world.tenant.apps.principals.iter_mut();
    if let Some(slot) = all.find(|one| one.id == found.id) {
        *slot = found.clone();
    }
    logged(world, call, &found, ("Update service principal", "Update"));
    Ok(Answer::no_content())
}

/// `DELETE` of a blueprint principal or an agent identity; `None` for others.
pub(super) fn delete(world: &mut World, call: &Call) -> Handled {
    let found = find_principal(world, call).ok()?.clone();
    let permissions: &[&str] = match Cast::of_principal(&found)? {
        Cast::Agent => &["AgentIdentity.DeleteRestore.All", "AgentIdentity.ReadWrite.All"],
        Cast::BlueprintPrincipal | Cast::Blueprint | Cast::AgentUser => &[
            "AgentIdentityBlueprintPrincipal.DeleteRestore.All",
            "AgentIdentityBlueprintPrincipal.ReadWrite.All",
        ],
    };
    if let Err(refused) = permitted(world, call, found.keepers(), permissions) {
        return Some(Err(refused));
    }
    bin(world, call, found.id);
    if found.agent().is_none() {
        orphan(world, call, found.app_id);
    }
    Some(Ok(Answer::no_content()))
}

/// Moves a principal into the bin, and an agent identity's user with it.
pub(super) fn bin(world: &mut World, call: &Call, id: Uuid) {
    let found = world.tenant.apps.principals.iter().find(|one| one.id == id).cloned();
    let Some(found) = found else { return };
    let now = world.now();
    world.tenant.bin_principal(id, now);
    let deed = if found.agent().is_some() { "agentDeleted" } else { "principalDeleted" };
    world.tenant.ledger.count(Effect::Object { deed, object: id });
    logged(world, call, &found, ("Remove service principal", "Delete"));
    if found.agent().is_some() && world.tenant.quirks.blueprint_takes_agents {
        bin_users(world, call, id);
    }
}

/// `addPassword` and `addKey`: refused for agent identities; `None` for others.
pub(super) fn credentials(world: &World, call: &Call) -> Handled {
    let found = find_principal(world, call).ok()?;
    found.agent().map(|_| Err(no_credentials()))
}

fn no_credentials() -> Problem {
    Problem::bad_request_as(
        "AgentIdentity_CredentialsNotSupported",
        "Agent identities have no credentials: add them to the blueprint.",
    )
}

fn known(call: &Call, names: &[&str]) -> Result<(), Problem> {
    let fields = call.body.as_object().into_iter().flat_map(|fields| fields.keys());
    let odd = fields.into_iter().find(|name| !names.contains(&name.as_str()));
    odd.map_or(Ok(()), |odd| {
        Err(Problem::bad_request_as(
            "AgentBlueprintPrincipal_AgentIdentity_IncompatibleProperty",
            format!("The property '{odd}' cannot be set on this kind of service principal."),
        ))
    })
}

fn invalid(property: &str) -> Problem {
    Problem::bad_request(format!(
        "Invalid value specified for property '{property}' of resource 'AgentIdentity'."
    ))
}
