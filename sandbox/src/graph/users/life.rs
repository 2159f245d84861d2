//! How users come and go.

use serde_json::Value;
use uuid::Uuid;

use super::change::{invalid_value, synced};
use super::password;
use super::rights::{Act, reaches};
use super::{addressed, with_context};
use crate::graph::agents;
use crate::graph::groups::settle;
use crate::graph::objects::{Object, Sight, initial_domain};
use crate::graph::odata::Query;
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::events::{self, Trace};
use crate::tenant::{Deleted, Effect, Methods, Readiness, Remains, Secret, User};
use crate::world::{Event, World};

/// The texts that a new user may bring along.
const TEXTS: &[&str] = &[
    "givenName",
    "surname",
    "jobTitle",
    "department",
    "officeLocation",
    "employeeId",
    "mobilePhone",
    "usageLocation",
    "preferredLanguage",
];

/// What an agent's new user must bring along.
const AGENT_REQUIRED: &[&str] =
    &["accountEnabled", "displayName", "identityParentId", "mailNickname", "userPrincipalName"];

/// What a new user must bring along.
const REQUIRED: &[&str] =
    &["accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName"];

pub(super) fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    call.needs(&["User.ReadWrite.All", "Directory.ReadWrite.All"])?;
    call.needs_role(world, &["User Administrator", "Directory Writers"])?;
    let known = |name: &str| REQUIRED.contains(&name) || TEXTS.contains(&name);
    let body = spelt(&call.body);
    let draft = draft(world, &body, REQUIRED, known)?;
    let profile = body.get("passwordProfile").unwrap_or(&Value::Null);
    let (password, force) = password::in_profile(profile)?;
    let user = User { password: Secret::new(password), must_change_password: force, ..draft };
    add(world, call, user)
}

/// `POST /users/microsoft.graph.agentUser`: the one user of an agent identity, who has nothing to
/// sign in with.
pub(in crate::graph) fn create_agent_user(
    world: &mut World,
    call: &Call,
) -> Result<Answer, Problem> {
    call.needs(AGENT_USERS)?;
    call.needs_role(world, &["User Administrator", "Agent ID Administrator"])?;
    let known = |name: &str| AGENT_REQUIRED.contains(&name) || TEXTS.contains(&name);
    let draft = draft(world, &call.body, AGENT_REQUIRED, known)?;
    let key = call.body.get("identityParentId").and_then(Value::as_str).unwrap_or_default();
    let parent = Uuid::try_parse(key).ok();
    let agent = parent.and_then(|id| world.tenant.apps.agent(id));
    let (parent, blueprint) = match agent {
        Some((principal, agent)) => (principal.id, agent.blueprint),
        None => return Err(Problem::bad_request(format!("Object with id '{key}' not found."))),
    };
    agents::replicated(world, parent)?;
    // With the narrow permission a blueprint reaches its own agents only.
    let own = call.caller.user.is_some() || call.caller.app_id == blueprint;
    if !own && call.needs(EVERY_AGENT_USER).is_err() {
        return Err(Problem::denied());
    }
    if world.tenant.people.iter().any(|user| user.identity_parent == Some(parent)) {
        // The text is from memory.
        return Err(Problem::bad_request(
            "The agent identity already has an agent user; there can be only one.",
        ));
    }
    add(world, call, User { identity_parent: Some(parent), ..draft })
}

/// A new user as the body describes it, without anything to sign in with.
fn draft(
    world: &mut World,
    body: &Value,
    required: &[&str],
    known: impl Fn(&str) -> bool,
) -> Result<User, Problem> {
    let Value::Object(body) = body else {
        return Err(Problem::new(400, "BadRequest", "Empty Payload. JSON content expected."));
    };
    for name in required {
        if body.get(*name).is_none_or(Value::is_null) {
            return Err(Problem::bad_request(format!(
                "A value is required for property '{name}' of resource 'User'."
            )));
        }
    }
    if let Some(name) = body.keys().find(|name| !known(name) && !name.starts_with('@')) {
        return Err(Problem::unsupported(format!("The sandbox makes no user with '{name}'.")));
    }
    let text = |name: &str| -> Result<Option<String>, Problem> {
        match body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() && text.chars().count() <= 256 => {
                Ok(Some(text.clone()))
            }
            Some(_) => Err(invalid_value(name)),
        }
    };
    let need = |name: &str| text(name)?.ok_or_else(|| invalid_value(name));
    let upn = need("userPrincipalName")?;
    let (alias, domain) = upn.split_once('@').ok_or_else(|| invalid_value("userPrincipalName"))?;
    if alias.is_empty() || alias.contains(char::is_whitespace) {
        return Err(invalid_value("userPrincipalName"));
    }
    let own = [world.tenant.domain.clone(), initial_domain(&world.tenant)];
    if !own.iter().any(|own| own.eq_ignore_ascii_case(domain)) {
        return Err(Problem::bad_request(
            "The domain portion of the userPrincipalName property is invalid. You must use one of \
             the verified domain names in your organization.",
        ));
    }
    if world.tenant.people.find_by_upn(&upn).is_some() {
        return Err(Problem::bad_request(
            "Another object with the same value for property userPrincipalName already exists.",
        ));
    }
    need("mailNickname")?;
    let enabled = body.get("accountEnabled").and_then(Value::as_bool);
    let enabled = enabled.ok_or_else(|| invalid_value("accountEnabled"))?;
    let now = world.now();
    let id = world.guid();
    let unknown = world.guid();
    Ok(User {
        id,
        display_name: need("displayName")?,
        given_name: text("givenName")?,
        surname: text("surname")?,
        upn,
        mail: None,
        job_title: text("jobTitle")?,
        department: text("department")?,
        office_location: text("officeLocation")?,
        employee_id: text("employeeId")?,
        mobile_phone: text("mobilePhone")?,
        business_phones: Vec::new(),
        usage_location: text("usageLocation")?,
        preferred_language: text("preferredLanguage")?,
        guest: false,
        enabled,
        on_premises_synced: false,
        created: now,
        manager: None,
        licences: Vec::new(),
        sessions_valid_from: now,
        password_changed: now,
        // Nobody is told.
        password: Secret::new(unknown.to_string()),
        must_change_password: false,
        barred: None,
        methods: Methods::default(),
        teams: Readiness::New,
        identity_parent: None,
        extra: None,
    })
}

fn add(world: &mut World, call: &Call, user: User) -> Result<Answer, Problem> {
    let (id, upn) = (user.id, user.upn.clone());
    world.tenant.people.add(user);
    let trace = Trace::of(call);
    events::user_created(world, &trace, id);
    world.tenant.ledger.count(Effect::UserCreated { user: id });
    settle(world, id, &trace);
    world.emit(Event::Directory { id });
    let query = Query::default();
    let Some(user) = Object::find(&world.tenant, id) else { return Err(Problem::not_found(&upn)) };
    let shown = user.show(&Sight::of(world, call), &query, false);
    Ok(Answer::created(with_context(&query.context(call, "users/$entity"), shown)))
}

/// The body with names spelt as in the schema: a shipped client writes `mailNickName`.
fn spelt(body: &Value) -> Value {
    let Value::Object(fields) = body else { return body.clone() };
    let names = || REQUIRED.iter().chain(TEXTS);
    let known = |name: &String| names().find(|known| known.eq_ignore_ascii_case(name));
    let spelt = fields.iter().map(|(name, value)| {
        (known(name).map_or_else(|| name.clone(), |known| (*known).to_owned()), value.clone())
    });
    Value::Object(spelt.collect())
}

/// `DELETE /users/{id}`.
pub(super) fn delete_addressed(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let user = addressed(&world.tenant, call);
    if let Ok(user) = &user
        && user.identity_parent.is_some()
        && call.needs(AGENT_USERS).is_ok()
    {
        let id = user.id;
        call.needs_role(world, &["User Administrator", "Agent ID Administrator"])?;
        delete_agent_user(world, call, id);
        return Ok(Answer::no_content());
    }
    call.needs(PERMISSIONS)?;
    let id = user?.id;
    delete(world, call, id)
}

/// Deletes an agent's user; the caller has made sure that it may be.
pub(in crate::graph) fn delete_agent_user(world: &mut World, call: &Call, id: Uuid) {
    take_out(world, call, id);
}

/// Deletes a user, whichever path named them.
///
/// # Errors
/// Graph's 403 without the permission or the role; 400 for users mastered on the premises.
pub(in crate::graph) fn delete(
    world: &mut World,
    call: &Call,
    id: Uuid,
) -> Result<Answer, Problem> {
    call.needs(PERMISSIONS)?;
    reaches(world, call, id, Act::Sensitive)?;
    let Some(user) = world.tenant.people.get(id) else {
        return Err(Problem::not_found(&id.to_string()));
    };
    if user.on_premises_synced {
        return Err(synced());
    }
    take_out(world, call, id);
    Ok(Answer::no_content())
}

/// Moves a user into the bin.
fn take_out(world: &mut World, call: &Call, id: Uuid) {
    events::user_deleted(world, &Trace::of(call), id);
    let now = world.now();
    let tenant = &mut world.tenant;
    if let Some(user) = tenant.people.remove(id) {
        let mut seats: Vec<Uuid> = user
            .licences
            .iter()
            .filter(|held| held.state == "Active")
            .map(|held| held.sku)
            .collect();
        seats.sort_unstable();
        seats.dedup();
        for sku in seats {
            if let Some(sku) = tenant.skus.get_mut(sku) {
                sku.consumed = sku.consumed.saturating_sub(1);
            }
        }
        let groups = tenant.groups.with_member(id).map(|group| group.id).collect();
        let what = Remains::User(Box::new(user), groups);
        tenant.bin.0.push(Deleted { at: now, what });
    }
    for group in tenant.groups.iter_mut() {
        group.members.remove(&id);
        group.owners.remove(&id);
    }
    for role in &mut tenant.roles.0 {
        role.members.remove(&id);
    }
    tenant.people.leave_reports_of(id);
    tenant.ledger.count(Effect::UserDeleted { user: id });
    world.emit(Event::Directory { id });
}

/// Those that reach the users of everybody's agents.
const EVERY_AGENT_USER: &[&str] = &["AgentIdUser.ReadWrite.All", "User.ReadWrite.All"];

/// Permissions to change agents' users.
const AGENT_USERS: &[&str] = &[
    "AgentIdUser.ReadWrite.IdentityParentedBy",
    "AgentIdUser.ReadWrite.All",
    "User.ReadWrite.All",
];

/// Permissions to delete users.
const PERMISSIONS: &[&str] =
    &["User.DeleteRestore.All", "User.ReadWrite.All", "Directory.ReadWrite.All"];
