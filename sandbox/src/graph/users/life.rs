//! How users come and go.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::change::{invalid_value, synced};
use super::password;
use super::rights::{Act, reaches};
use super::{addressed, with_context};
use crate::graph::groups::settle;
use crate::graph::objects::{Object, Sight, initial_domain};
use crate::graph::odata::Query;
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::events::{self, Trace};
use crate::tenant::{Effect, Methods, Secret, User};
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

/// What a new user must bring along.
const REQUIRED: &[&str] =
    &["accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName"];

pub(super) fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    call.needs(&["User.ReadWrite.All", "Directory.ReadWrite.All"])?;
    call.needs_role(world, &["User Administrator", "Directory Writers"])?;
    let Value::Object(body) = &call.body else {
        return Err(Problem::new(400, "BadRequest", "Empty Payload. JSON content expected."));
    };
    let body = &spelt(body);
    for name in REQUIRED {
        if body.get(*name).is_none_or(Value::is_null) {
            return Err(Problem::bad_request(format!(
                "A value is required for property '{name}' of resource 'User'."
            )));
        }
    }
    let known = |name: &str| REQUIRED.contains(&name) || TEXTS.contains(&name);
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
    let profile = body.get("passwordProfile").unwrap_or(&Value::Null);
    let (password, force) = password::in_profile(profile)?;
    let enabled = body.get("accountEnabled").and_then(Value::as_bool);
    let enabled = enabled.ok_or_else(|| invalid_value("accountEnabled"))?;
    let now = world.now();
    let id = world.guid();
    world.tenant.people.add(User {
        id,
        display_name: need("displayName")?,
        given_name: text("givenName")?,
        surname: text("surname")?,
        upn: upn.clone(),
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
        password: Secret::new(password),
        must_change_password: force,
        barred: None,
        methods: Methods::default(),
        extra: None,
    });
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
fn spelt(body: &Map<String, Value>) -> Map<String, Value> {
    let names = || REQUIRED.iter().chain(TEXTS);
    let known = |name: &String| names().find(|known| known.eq_ignore_ascii_case(name));
    body.iter()
        .map(|(name, value)| {
            (known(name).map_or_else(|| name.clone(), |known| (*known).to_owned()), value.clone())
        })
        .collect()
}

/// `DELETE /users/{id}`.
pub(super) fn delete_addressed(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    call.needs(PERMISSIONS)?;
    let id = addressed(&world.tenant, call)?.id;
    delete(world, call, id)
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
    events::user_deleted(world, &Trace::of(call), id);
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
    Ok(Answer::no_content())
}

/// Permissions to delete users.
const PERMISSIONS: &[&str] =
    &["User.DeleteRestore.All", "User.ReadWrite.All", "Directory.ReadWrite.All"];
