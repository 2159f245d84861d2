//! What the organisation has set and bought, and behaviour that nobody has seen proven.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::No;
use crate::graph::pass_configuration;
use crate::tenant::{MethodKind, PASS_BOUNDS, PassPolicy, Tenant, User, sample_method};
use crate::world::{Event, World};

/// One of the calls below `/sandbox/` that are about settings; `None` for others.
pub(super) fn route(
    world: &mut World,
    method: &str,
    segments: &[&str],
    body: &Value,
) -> Option<Result<Value, No>> {
    let answer = match (method, segments) {
        ("GET", ["quirks"]) => Ok(all_quirks(world)),
        ("POST", ["quirks"]) => quirks(world, body).map(|()| all_quirks(world)),
        ("POST", ["skus", part_number]) => seats(world, part_number, body),
        ("POST", ["tenant"]) => tenant(world, body),
        ("POST", ["policies", "temporaryAccessPass"]) => access_pass(world, body),
        _ => return None,
    };
    Some(answer)
}

fn object(body: &Value) -> Result<&Map<String, Value>, No> {
    body.as_object().ok_or_else(|| No::bad("Send an object."))
}

fn flag(name: &str, value: &Value) -> Result<bool, No> {
    value.as_bool().ok_or_else(|| No::bad(format!("`{name}` is true or false.")))
}

fn number(name: &str, value: &Value) -> Result<u32, No> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| No::bad(format!("`{name}` is a number.")))
}

/// Changes the quirks that the body names and leaves the others; all of it or nothing.
fn quirks(world: &mut World, body: &Value) -> Result<(), No> {
    let mut chats = world.tenant.chats.quirks.clone();
    let mut directory = world.tenant.quirks.clone();
    for (name, value) in object(body)? {
        match name.as_str() {
            "clientDeletionsHiddenSeconds" => {
                let number = number(name, value)?;
                let hidden = SignedDuration::from_secs(i64::from(number));
                chats.client_deletions_hidden_for = (number > 0).then_some(hidden);
            }
            "recasedUpnNotFound" => chats.recased_upn_not_found = number(name, value)?,
            "defaultMethodLast" => directory.default_method_last = flag(name, value)?,
            "readdingReplacesPlans" => directory.readding_replaces_plans = flag(name, value)?,
            "plansExclude" => directory.plans_exclude = flag(name, value)?,
            "passwordReuseRefused" => directory.password_reuse_refused = flag(name, value)?,
            "forcedChangeStopsSignIn" => {
                directory.forced_change_stops_sign_in = flag(name, value)?;
            }
            "teamsReadyAfterMs" => {
                directory.teams_ready_after_ms = u64::from(number(name, value)?);
            }
            "teamsNotReadyStatus" => {
                directory.teams_not_ready_status = match number(name, value)? {
                    status @ (403 | 404) => status,
                    _ => return Err(No::bad("`teamsNotReadyStatus` is 403 or 404.")),
                };
            }
            "blueprintTakesAgents" => directory.blueprint_takes_agents = flag(name, value)?,
            "resetTakesMs" => directory.reset_takes_ms = u64::from(number(name, value)?),
            _ => return Err(No::bad(format!("There is no quirk `{name}`."))),
        }
    }
    world.tenant.chats.quirks = chats;
    world.tenant.quirks = directory;
    Ok(())
}

fn all_quirks(world: &World) -> Value {
    let (chats, directory) = (&world.tenant.chats.quirks, &world.tenant.quirks);
    let hidden = chats.client_deletions_hidden_for.map_or(0, |hidden| hidden.as_secs());
    json!({
        "clientDeletionsHiddenSeconds": hidden,
        "recasedUpnNotFound": chats.recased_upn_not_found,
        "defaultMethodLast": directory.default_method_last,
        "readdingReplacesPlans": directory.readding_replaces_plans,
        "plansExclude": directory.plans_exclude,
        "passwordReuseRefused": directory.password_reuse_refused,
        "forcedChangeStopsSignIn": directory.forced_change_stops_sign_in,
        "teamsReadyAfterMs": directory.teams_ready_after_ms,
        "teamsNotReadyStatus": directory.teams_not_ready_status,
        "blueprintTakesAgents": directory.blueprint_takes_agents,
        "resetTakesMs": directory.reset_takes_ms,
    })
}

/// Leaves so many seats of a product free.
fn seats(world: &mut World, part_number: &str, body: &Value) -> Result<Value, No> {
    let free = number("free", body.get("free").unwrap_or(&Value::Null))?;
    let found = world
        .tenant
        .skus
        .0
        .iter_mut()
        .find(|sku| sku.part_number.eq_ignore_ascii_case(part_number))
        .ok_or_else(|| No::missing(format!("The company owns no `{part_number}`.")))?;
    found.enabled = found.consumed.saturating_add(free);
    Ok(json!({"skuPartNumber": found.part_number, "skuId": found.id, "free": free}))
}

/// What the organisation has bought, and how its log ties entries to calls.
fn tenant(world: &mut World, body: &Value) -> Result<Value, No> {
    let audit = &world.tenant.audit;
    let (mut premium, mut follows) = (audit.premium, audit.correlation_follows_client);
    for (name, value) in object(body)? {
        match name.as_str() {
            "premium" => premium = flag(name, value)?,
            "correlationFollowsClient" => follows = flag(name, value)?,
            _ => return Err(No::bad(format!("There is no setting `{name}`."))),
        }
    }
    world.tenant.audit.premium = premium;
    world.tenant.audit.correlation_follows_client = follows;
    Ok(json!({"premium": premium, "correlationFollowsClient": follows}))
}

/// The policy for temporary access passes, in Graph's own words; `exclude` names groups.
fn access_pass(world: &mut World, body: &Value) -> Result<Value, No> {
    let mut policy = world.tenant.pass_policy.clone();
    for (name, value) in object(body)? {
        match name.as_str() {
            "state" => {
                policy.enabled = match value.as_str() {
                    Some("enabled") => true,
                    Some("disabled") => false,
                    _ => return Err(No::bad("`state` is `enabled` or `disabled`.")),
                };
            }
            "minimumLifetimeInMinutes" => policy.minimum_minutes = number(name, value)?,
            "maximumLifetimeInMinutes" => policy.maximum_minutes = number(name, value)?,
            "defaultLifetimeInMinutes" => policy.default_minutes = number(name, value)?,
            "defaultLength" => policy.length = number(name, value)?,
            "isUsableOnce" => policy.once = flag(name, value)?,
            "exclude" => policy.excluded = groups(&world.tenant, value)?,
            _ => return Err(No::bad(format!("The policy has no `{name}`."))),
        }
    }
    consistent(&policy)?;
    let answer = pass_configuration(&policy);
    world.tenant.pass_policy = policy;
    Ok(answer)
}

/// Lets somebody register a method; one of a kind that has a fixed id replaces the one there is.
pub(super) fn register(world: &mut World, user: &User, kind: &str) -> Result<Value, No> {
    let known = MethodKind::ALL.into_iter().find(|known| known.collection() == kind);
    let ids = [world.guid(), world.guid()];
    let now = world.now();
    let method = known.and_then(|kind| sample_method(user, kind, now, ids));
    let method = method.ok_or_else(|| No::bad(format!("Nobody can register `{kind}`.")))?;
    let id = method.id.clone();
    if let Some(user) = world.tenant.people.get_mut(user.id) {
        user.methods.registered.retain(|had| had.id != id);
        user.methods.registered.push(method);
        let second = matches!(
            known,
            Some(MethodKind::Authenticator | MethodKind::Phone | MethodKind::SoftwareOath)
        );
        if second && user.methods.default.is_none() {
            user.methods.default = Some(id.clone());
        }
    }
    world.emit(Event::Directory { id: user.id });
    Ok(json!({"user": user.id, "kind": kind, "id": id}))
}

fn groups(tenant: &Tenant, value: &Value) -> Result<Vec<Uuid>, No> {
    let names = value.as_array().ok_or_else(|| No::bad("`exclude` is a list of groups."))?;
    let find = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        let id = Uuid::try_parse(name).ok();
        let found =
            tenant.groups.iter().find(|group| Some(group.id) == id || group.display_name == name);
        found
            .map(|group| group.id)
            .ok_or_else(|| No::missing(format!("There is no group `{name}`.")))
    };
    names.iter().map(find).collect()
}

/// Graph's bounds (8 to 48 characters, 10 minutes to 30 days), and the default between the others.
fn consistent(policy: &PassPolicy) -> Result<(), No> {
    let ordered = PASS_BOUNDS.0 <= policy.minimum_minutes
        && policy.minimum_minutes <= policy.default_minutes
        && policy.default_minutes <= policy.maximum_minutes
        && policy.maximum_minutes <= PASS_BOUNDS.1;
    if !ordered {
        return Err(No::bad(format!(
            "The lifetimes must keep {} ≤ minimum ≤ default ≤ maximum ≤ {}.",
            PASS_BOUNDS.0, PASS_BOUNDS.1
        )));
    }
    if (8..=48).contains(&policy.length) {
        Ok(())
    } else {
        Err(No::bad("`defaultLength` is from 8 to 48."))
    }
}
