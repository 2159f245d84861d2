//! How groups come, change and go.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::members::{bound, join, refill, settle};
use super::{addressed, writes};
use crate::graph::objects::{Object, Sight, reference};
use crate::graph::odata::Query;
use crate::graph::users::{synced, undeclared, with_context};
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::events::{self, Edit, Trace};
use crate::tenant::{Effect, Group, Rule};
use crate::world::{Event, World};

const PERMISSIONS: &[&str] = &["Group.ReadWrite.All", "Directory.ReadWrite.All"];

/// What a new group must bring along.
const REQUIRED: &[&str] = &["displayName", "mailEnabled", "mailNickname", "securityEnabled"];

/// What else it may.
const OPTIONAL: &[&str] = &[
    "description",
    "groupTypes",
    "visibility",
    "isAssignableToRole",
    "membershipRule",
    "membershipRuleProcessingState",
    "owners@odata.bind",
    "members@odata.bind",
];

pub(super) fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    call.needs(&["Group.Create", "Group.ReadWrite.All", "Directory.ReadWrite.All"])?;
    let Value::Object(body) = &call.body else {
        return Err(Problem::new(400, "BadRequest", "Empty Payload. JSON content expected."));
    };
    for name in REQUIRED {
        if body.get(*name).is_none_or(Value::is_null) {
            return Err(Problem::bad_request(format!(
                "A value is required for property '{name}' of resource 'Group'."
            )));
        }
    }
    let known = |name: &str| REQUIRED.contains(&name) || OPTIONAL.contains(&name);
    if let Some(name) = body.keys().find(|name| !known(name) && *name != "@odata.type") {
        return Err(Problem::unsupported(format!("The sandbox makes no group with '{name}'.")));
    }
    let types: Vec<&str> = match body.get("groupTypes") {
        None | Some(Value::Null) => Vec::new(),
        Some(types) => types
            .as_array()
            .and_then(|types| types.iter().map(Value::as_str).collect())
            .ok_or_else(|| invalid("groupTypes"))?,
    };
    if types.iter().any(|it| !["Unified", "DynamicMembership"].contains(it)) {
        return Err(invalid("groupTypes"));
    }
    let unified = types.contains(&"Unified");
    let mail_enabled = flag(body, "mailEnabled")?;
    if mail_enabled != unified {
        return Err(Problem::bad_request(
            "The service does not currently support writes of mail-enabled groups. Please ensure \
             that the mail-enablement property is unset and the security-enablement property is \
             set.",
        ));
    }
    let role_assignable =
        body.contains_key("isAssignableToRole") && flag(body, "isAssignableToRole")?;
    if role_assignable {
        call.needs(&["RoleManagement.ReadWrite.Directory"])?;
        call.needs_role(world, &["Privileged Role Administrator"])?;
    }
    let rule = text(body, "membershipRule", 3072)?;
    if rule.is_some() != types.contains(&"DynamicMembership") {
        return Err(invalid("membershipRule"));
    }
    if let Some(rule) = &rule {
        judge(rule)?;
    }
    let mut owners = BTreeSet::new();
    for address in bound(&call.body, "owners@odata.bind")?.unwrap_or_default() {
        owners.insert(person(world, address)?);
    }
    // Who makes a group owns it, unless others are named.
    if owners.is_empty() {
        owners.extend(call.caller.user);
    }
    let mut members = BTreeSet::new();
    for address in bound(&call.body, "members@odata.bind")?.unwrap_or_default() {
        members.insert(person(world, address)?);
    }
    let mail_nickname = need(body, "mailNickname", 64)?;
    let now = world.now();
    let id = world.guid();
    let group = Group {
        id,
        display_name: need(body, "displayName", 256)?,
        description: text(body, "description", 1024)?,
        mail: unified.then(|| format!("{mail_nickname}@{}", world.tenant.domain)),
        mail_nickname,
        security_enabled: flag(body, "securityEnabled")?,
        mail_enabled,
        unified,
        role_assignable,
        on_premises_synced: false,
        visibility: text(body, "visibility", 32)?.or_else(|| unified.then(|| "Public".to_owned())),
        team: false,
        created: now,
        owners,
        members: members.clone(),
        member_groups: BTreeSet::new(),
        licences: Vec::new(),
        membership_rule: rule,
    };
    world.tenant.groups.add(group);
    let trace = Trace::of(call);
    events::group_created(world, &trace, id);
    world.tenant.ledger.count(Effect::GroupCreated { group: id });
    refill(world, id, &trace);
    world.emit(Event::Directory { id });
    let query = Query::default();
    let shown = Object::find(&world.tenant, id)
        .map(|group| group.show(&Sight::of(world, call), &query, false))
        .unwrap_or_default();
    Ok(Answer::created(with_context(&query.context(call, "groups/$entity"), shown)))
}

pub(super) fn patch(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let Value::Object(body) = &call.body else {
        return Err(Problem::new(400, "BadRequest", "Empty Payload. JSON content expected."));
    };
    let joining = bound(&call.body, "members@odata.bind")?;
    let names: Vec<&str> = body
        .keys()
        .map(String::as_str)
        .filter(|name| !matches!(*name, "members@odata.bind" | "@odata.type" | "@odata.context"))
        .collect();
    if names.is_empty() {
        join(world, call, &joining.unwrap_or_default())?;
        return Ok(Answer::no_content());
    }
    call.needs(PERMISSIONS)?;
    let group = addressed(&world.tenant, call)?;
    writes(world, call, group)?;
    if group.on_premises_synced {
        return Err(synced());
    }
    let id = group.id;
    let mut next = group.clone();
    let mut edits = Vec::new();
    for name in names {
        edits.push(apply(&mut next, name, body)?);
    }
    if let Some(joining) = joining {
        join(world, call, &joining)?;
        // The change was judged on the group as it was; the members have come since.
        if let Some(group) = world.tenant.groups.get(id) {
            next.members.clone_from(&group.members);
            next.member_groups.clone_from(&group.member_groups);
        }
    }
    if let Some(group) = world.tenant.groups.get_mut(id) {
        *group = next;
    }
    let trace = Trace::of(call);
    events::group_updated(world, &trace, id, &edits);
    world.tenant.ledger.count(Effect::GroupUpdated { group: id });
    refill(world, id, &trace);
    world.emit(Event::Directory { id });
    Ok(Answer::no_content())
}

/// Changes one property of a group. Returns what the audit log says about it.
fn apply<'a>(
    group: &mut Group,
    name: &'a str,
    body: &serde_json::Map<String, Value>,
) -> Result<Edit<'a>, Problem> {
    let value = body.get(name).unwrap_or(&Value::Null);
    match name {
        "displayName" => {
            let old = std::mem::replace(&mut group.display_name, need(body, name, 256)?);
            Ok((name, json!(old), value.clone()))
        }
        "description" => {
            let old = std::mem::replace(&mut group.description, text(body, name, 1024)?);
            Ok((name, json!(old), value.clone()))
        }
        "visibility" if group.unified => {
            let next = need(body, name, 32)?;
            if !["Public", "Private"].contains(&next.as_str()) {
                return Err(invalid(name));
            }
            let old = group.visibility.replace(next);
            Ok((name, json!(old), value.clone()))
        }
        "membershipRule" if group.dynamic() => {
            let rule = need(body, name, 3072)?;
            judge(&rule)?;
            let old = group.membership_rule.replace(rule);
            Ok((name, json!(old), value.clone()))
        }
        "mailNickname"
        | "groupTypes"
        | "membershipRule"
        | "membershipRuleProcessingState"
        | "securityEnabled"
        | "visibility"
        | "owners@odata.bind"
        | "assignedLabels"
        | "allowExternalSenders"
        | "autoSubscribeNewMembers"
        | "preferredLanguage"
        | "theme" => {
            Err(Problem::unsupported(format!("The sandbox does not change '{name}' of a group.")))
        }
        "id" | "createdDateTime" | "isAssignableToRole" | "mail" | "mailEnabled"
        | "assignedLicenses" | "proxyAddresses" => {
            Err(Problem::bad_request(format!("Property '{name}' is read-only and cannot be set.")))
        }
        _ => Err(undeclared(name)),
    }
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    call.needs(PERMISSIONS)?;
    let group = addressed(&world.tenant, call)?;
    writes(world, call, group)?;
    if group.on_premises_synced {
        return Err(synced());
    }
    let id = group.id;
    let members: Vec<Uuid> = group.members.iter().copied().collect();
    let trace = Trace::of(call);
    events::group_deleted(world, &trace, id);
    world.tenant.ledger.count(Effect::GroupDeleted { group: id });
    world.tenant.groups.remove(id);
    for parent in world.tenant.groups.iter_mut() {
        parent.member_groups.remove(&id);
    }
    for user in members {
        settle(world, user, &trace);
    }
    world.emit(Event::Directory { id });
    Ok(Answer::no_content())
}

/// The user behind a reference.
fn person(world: &World, address: &str) -> Result<Uuid, Problem> {
    let object = reference(&world.tenant, address)?;
    if world.tenant.people.get(object.id()).is_some() {
        Ok(object.id())
    } else {
        Err(Problem::unsupported("The sandbox makes groups of users only."))
    }
}

fn judge(rule: &str) -> Result<(), Problem> {
    // The text after the dash is the sandbox's.
    Rule::parse(rule)
        .map(|_| ())
        .map_err(|why| Problem::bad_request(format!("Invalid membership rule - {why}.")))
}

fn need(
    body: &serde_json::Map<String, Value>,
    name: &str,
    longest: usize,
) -> Result<String, Problem> {
    text(body, name, longest)?.ok_or_else(|| invalid(name))
}

fn text(
    body: &serde_json::Map<String, Value>,
    name: &str,
    longest: usize,
) -> Result<Option<String>, Problem> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.chars().count() <= longest => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(invalid(name)),
    }
}

fn flag(body: &serde_json::Map<String, Value>, name: &str) -> Result<bool, Problem> {
    body.get(name).and_then(Value::as_bool).ok_or_else(|| invalid(name))
}

fn invalid(property: &str) -> Problem {
    Problem::bad_request(format!(
        "Invalid value specified for property '{property}' of resource 'Group'."
    ))
}
