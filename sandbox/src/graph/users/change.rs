//! Changes to a user: profile, account, password, manager, sessions.

use serde_json::{Value, json};
use uuid::Uuid;

use super::rights::{Act, reaches};
use super::{addressed, password};
use crate::graph::groups::settle;
use crate::graph::objects::reference;
use crate::graph::odata::Query;
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::events::{self, Edit, Trace};
use crate::tenant::{Effect, Extra, Secret, User};
use crate::world::{Event, World};

/// A text property: its name, its greatest length, where it is kept.
type Text = (&'static str, usize, fn(&mut User) -> &mut Option<String>);

const TEXTS: &[Text] = &[
    ("givenName", 64, |user| &mut user.given_name),
    ("surname", 64, |user| &mut user.surname),
    ("jobTitle", 128, |user| &mut user.job_title),
    ("department", 64, |user| &mut user.department),
    ("officeLocation", 128, |user| &mut user.office_location),
    ("employeeId", 16, |user| &mut user.employee_id),
    ("preferredLanguage", 64, |user| &mut user.preferred_language),
    ("usageLocation", 2, |user| &mut user.usage_location),
    ("mobilePhone", 64, |user| &mut user.mobile_phone),
    ("companyName", 64, |user| &mut extra(user).company_name),
    ("streetAddress", 1024, |user| &mut extra(user).street_address),
    ("city", 128, |user| &mut extra(user).city),
    ("state", 128, |user| &mut extra(user).state),
    ("postalCode", 40, |user| &mut extra(user).postal_code),
    ("country", 128, |user| &mut extra(user).country),
];

/// What is known to Graph and not changed here.
const ELSEWHERE: &[&str] = &[
    "userPrincipalName",
    "mailNickname",
    "mail",
    "onPremisesImmutableId",
    "onPremisesExtensionAttributes",
    "identities",
    "passwordPolicies",
    "userType",
    "employeeType",
    "employeeHireDate",
    "ageGroup",
    "consentProvidedForMinor",
    "faxNumber",
    "showInAddressList",
];

/// What the cloud keeps for users mastered on the premises.
const CLOUD_KEPT: &[&str] = &["usageLocation", "otherMails"];

/// Changed under the rules for sensitive properties.
const SENSITIVE: &[&str] = &["accountEnabled", "businessPhones", "mobilePhone", "otherMails"];

pub(super) fn patch(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let Value::Object(body) = &call.body else {
        return Err(Problem::new(400, "BadRequest", "Empty Payload. JSON content expected."));
    };
    let names: Vec<&str> =
        body.keys().map(String::as_str).filter(|name| !name.starts_with('@')).collect();
    permitted(world, call, &names)?;
    let user = addressed(&world.tenant, call)?;
    if user.on_premises_synced && names.iter().any(|name| !CLOUD_KEPT.contains(name)) {
        return Err(synced());
    }
    let id = user.id;
    // Checked on a copy: either everything changes or nothing.
    let mut next = user.clone();
    let mut edits = Vec::new();
    for name in &names {
        edits.extend(apply(&mut next, name, body.get(*name).unwrap_or(&Value::Null))?);
    }
    let was_enabled = user.enabled;
    let enabled = next.enabled;
    let password = body.get("passwordProfile").map(password::in_profile).transpose()?;
    if let Some((password, _)) = password {
        password::acceptable(world, id, password)?;
    }
    if was_enabled && !enabled && last_global_administrator(world, id) {
        // From memory.
        return Err(Problem::bad_request(
            "The last enabled Global Administrator of the organization cannot be disabled.",
        ));
    }
    let Some(user) = world.tenant.people.get_mut(id) else { return Err(Problem::not_found("")) };
    *user = next;
    let trace = Trace::of(call);
    edits.retain(|(name, ..)| *name != "accountEnabled");
    if was_enabled != enabled {
        events::account_enabled(world, &trace, id, enabled);
        world.tenant.ledger.count(if enabled {
            Effect::AccountUnblocked { user: id }
        } else {
            Effect::AccountBlocked { user: id }
        });
    }
    if let Some((password, force)) = password {
        password::apply(world, &trace, id, Secret::new(password), force);
    }
    if !edits.is_empty() {
        events::user_updated(world, &trace, id, &edits);
        let mut properties: Vec<String> =
            edits.iter().map(|(name, ..)| (*name).to_owned()).collect();
        properties.sort_unstable();
        world.tenant.ledger.count(Effect::ProfileUpdated { user: id, properties });
    }
    settle(world, id, &trace);
    world.emit(Event::Directory { id });
    Ok(Answer::no_content())
}

/// Refuses a token or a signed-in user that may not make these changes.
fn permitted(world: &World, call: &Call, names: &[&str]) -> Result<(), Problem> {
    let target = world.tenant.people.find(call.segment(1)).map(|user| user.id);
    let own = target.is_some() && target == call.caller.user;
    if own && names.iter().all(|name| *name == "mobilePhone") && call.needs(OWN).is_ok() {
        return Ok(());
    }
    let agents_user = world
        .tenant
        .people
        .find(call.segment(1))
        .is_some_and(|user| user.identity_parent.is_some());
    // An agent's user has a permission and a role of its own; a password it cannot have.
    if agents_user && call.needs(AGENT_USERS).is_ok() && !names.contains(&"passwordProfile") {
        return call.needs_role(world, &["Agent ID Administrator", "User Administrator"]);
    }
    if agents_user && names.contains(&"passwordProfile") {
        // From memory.
        return Err(Problem::bad_request("An agent user cannot have a password."));
    }
    let readable = call.needs(&["User.Read.All", "Directory.Read.All"]).is_ok();
    for name in names {
        call.needs(match *name {
            // Under the narrow permission the user must be readable, too.
            "accountEnabled" if readable => &["User.EnableDisableAccount.All", ALL, DIRECTORY],
            "accountEnabled" => &[ALL, DIRECTORY],
            "businessPhones" | "mobilePhone" => &["User-Phone.ReadWrite.All", ALL, DIRECTORY],
            "otherMails" => &["User-Mail.ReadWrite.All", ALL, DIRECTORY],
            "passwordProfile" => &["User-PasswordProfile.ReadWrite.All", AS_USER],
            _ => &[ALL, DIRECTORY],
        })?;
    }
    let Some(target) = target else { return Ok(()) };
    for name in names {
        if *name == "passwordProfile" {
            reaches(world, call, target, Act::Credentials)?;
        } else if SENSITIVE.contains(name) {
            reaches(world, call, target, Act::Sensitive)?;
        } else {
            call.needs_role(world, PROFILE_ROLES)?;
        }
    }
    Ok(())
}

/// Changes one property of a user. Returns what the audit log says about it.
fn apply<'a>(user: &mut User, name: &'a str, value: &Value) -> Result<Option<Edit<'a>>, Problem> {
    let invalid = || invalid_value(name);
    if let Some((_, longest, place)) = TEXTS.iter().find(|(known, ..)| *known == name) {
        let text = match value {
            Value::Null => None,
            Value::String(text) if !text.is_empty() && text.chars().count() <= *longest => {
                Some(text.clone())
            }
            _ => return Err(invalid()),
        };
        let country =
            |text: &String| text.len() == 2 && text.chars().all(|c| c.is_ascii_uppercase());
        if name == "usageLocation" && !text.as_ref().is_some_and(country) {
            return Err(invalid());
        }
        let old = std::mem::replace(place(user), text);
        return Ok(Some((name, json!(old), value.clone())));
    }
    let strings = || -> Result<Vec<String>, Problem> {
        let values = value.as_array().ok_or_else(invalid)?;
        values.iter().map(|it| it.as_str().map(str::to_owned).ok_or_else(invalid)).collect()
    };
    match name {
        "displayName" => match value.as_str() {
            Some(text) if !text.is_empty() && text.chars().count() <= 256 => {
                let old = std::mem::replace(&mut user.display_name, text.to_owned());
                Ok(Some((name, json!(old), value.clone())))
            }
            _ => Err(invalid()),
        },
        "accountEnabled" => {
            let enabled = value.as_bool().ok_or_else(invalid)?;
            let old = std::mem::replace(&mut user.enabled, enabled);
            Ok(Some((name, json!(old), value.clone())))
        }
        "businessPhones" => {
            let phones = strings()?;
            // The directory keeps one number in this list.
            if phones.len() > 1 {
                return Err(invalid());
            }
            let old = std::mem::replace(&mut user.business_phones, phones);
            Ok(Some((name, json!(old), value.clone())))
        }
        "otherMails" => {
            let mails = strings()?;
            let old = std::mem::replace(&mut extra(user).other_mails, mails);
            Ok(Some((name, json!(old), value.clone())))
        }
        "passwordProfile" => Ok(None),
        known if ELSEWHERE.contains(&known) => {
            Err(Problem::unsupported(format!("The sandbox does not change '{known}' of a user.")))
        }
        "id"
        | "createdDateTime"
        | "assignedLicenses"
        | "assignedPlans"
        | "proxyAddresses"
        | "signInSessionsValidFromDateTime"
        | "licenseAssignmentStates" => {
            Err(Problem::bad_request(format!("Property '{name}' is read-only and cannot be set.")))
        }
        _ => Err(undeclared(name)),
    }
}

pub(super) fn revoke(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    call.needs(&["User.RevokeSessions.All", ALL, DIRECTORY])?;
    let id = addressed(&world.tenant, call)?.id;
    if call.caller.user != Some(id) {
        reaches(world, call, id, Act::Credentials)?;
    }
    password::revoke_sessions(world, &Trace::of(call), id);
    world.tenant.ledger.count(Effect::SessionsRevoked { user: id });
    world.emit(Event::Directory { id });
    let context = Query::default().context(call, "Edm.Boolean");
    Ok(Answer::ok(json!({"@odata.context": context, "value": true})))
}

pub(super) fn set_manager(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    call.needs(&[ALL, DIRECTORY])?;
    call.needs_role(world, PROFILE_ROLES)?;
    let address = call.body.get("@odata.id").and_then(Value::as_str).ok_or_else(|| {
        Problem::new(400, "BadRequest", "Property '@odata.id' is required in the request body.")
    })?;
    let manager = reference(&world.tenant, address)?.id();
    let user = addressed(&world.tenant, call)?;
    if user.on_premises_synced {
        return Err(synced());
    }
    let id = user.id;
    if world.tenant.people.get(manager).is_none() || manager == id {
        return Err(invalid_value("manager"));
    }
    link_manager(world, call, id, Some(manager));
    Ok(Answer::no_content())
}

pub(super) fn remove_manager(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    call.needs(&[ALL, DIRECTORY])?;
    call.needs_role(world, PROFILE_ROLES)?;
    let user = addressed(&world.tenant, call)?;
    if user.on_premises_synced {
        return Err(synced());
    }
    let id = user.id;
    if user.manager.is_none() {
        return Err(Problem::not_found("manager"));
    }
    link_manager(world, call, id, None);
    Ok(Answer::no_content())
}

fn link_manager(world: &mut World, call: &Call, id: Uuid, manager: Option<Uuid>) {
    if let Some(user) = world.tenant.people.get_mut(id) {
        user.manager = manager;
    }
    events::manager_set(world, &Trace::of(call), id, manager);
    world.tenant.ledger.count(match manager {
        Some(manager) => Effect::ManagerSet { user: id, manager },
        None => Effect::ManagerRemoved { user: id },
    });
    world.emit(Event::Directory { id });
}

/// Whether nobody else who can sign in holds the highest role.
fn last_global_administrator(world: &World, user: Uuid) -> bool {
    let tenant = &world.tenant;
    let enabled = |id: &Uuid| tenant.people.get(*id).is_some_and(|user| user.enabled);
    let role = tenant.roles.0.iter().find(|role| role.display_name == "Global Administrator");
    role.is_some_and(|role| {
        role.members.contains(&user) && !role.members.iter().any(|id| *id != user && enabled(id))
    })
}

fn extra(user: &mut User) -> &mut Extra {
    user.extra.get_or_insert_default()
}

/// Graph's answer to a change of what the premises master.
pub(in crate::graph) fn synced() -> Problem {
    Problem::bad_request(
        "Unable to update the specified properties for on-premises mastered Directory Sync \
         objects or objects currently undergoing migration.",
    )
}

pub(super) fn invalid_value(property: &str) -> Problem {
    Problem::bad_request(format!(
        "Invalid value specified for property '{property}' of resource 'User'."
    ))
}

/// Graph's answer to a property that no resource has.
pub(in crate::graph) fn undeclared(property: &str) -> Problem {
    Problem::bad_request(format!(
        "Property '{property}' does not exist as a declared property or extension property."
    ))
}

const AGENT_USERS: &[&str] =
    &["AgentIdUser.ReadWrite.IdentityParentedBy", "AgentIdUser.ReadWrite.All"];
const ALL: &str = "User.ReadWrite.All";
const DIRECTORY: &str = "Directory.ReadWrite.All";
const AS_USER: &str = "Directory.AccessAsUser.All";
/// One's own profile.
const OWN: &[&str] = &["User.ReadWrite", ALL, DIRECTORY];
/// Roles with `microsoft.directory/users/basic/update`.
pub(super) const PROFILE_ROLES: &[&str] = &[
    "User Administrator",
    "Authentication Administrator",
    "Privileged Authentication Administrator",
    "Directory Writers",
];
