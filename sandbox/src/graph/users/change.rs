//! Changes to a user: profile, account, password, manager, sessions.

use serde_json::{Value, json};
use uuid::Uuid;

use super::addressed;
use super::rights::{Act, reaches};
use crate::graph::groups::settle;
use crate::graph::objects::{Object, changed, quoted, record, reference};
use crate::graph::odata::Query;
use crate::graph::{Answer, Call, Problem};
use crate::tenant::{Effect, Extra, ModifiedProperty, User};
use crate::world::{Event, World};

/// A text property: its name, its name in the audit log, its greatest length, where it is kept.
type Text = (&'static str, &'static str, usize, fn(&mut User) -> &mut Option<String>);

const TEXTS: &[Text] = &[
    ("givenName", "GivenName", 64, |user| &mut user.given_name),
    ("surname", "Surname", 64, |user| &mut user.surname),
    ("jobTitle", "JobTitle", 128, |user| &mut user.job_title),
    ("department", "Department", 64, |user| &mut user.department),
    ("officeLocation", "PhysicalDeliveryOfficeName", 128, |user| &mut user.office_location),
    ("employeeId", "EmployeeId", 16, |user| &mut user.employee_id),
    ("preferredLanguage", "PreferredLanguage", 64, |user| &mut user.preferred_language),
    ("usageLocation", "UsageLocation", 2, |user| &mut user.usage_location),
    ("mobilePhone", "Mobile", 64, |user| &mut user.mobile_phone),
    ("companyName", "CompanyName", 64, |user| &mut extra(user).company_name),
    ("streetAddress", "StreetAddress", 1024, |user| &mut extra(user).street_address),
    ("city", "City", 128, |user| &mut extra(user).city),
    ("state", "State", 128, |user| &mut extra(user).state),
    ("postalCode", "PostalCode", 40, |user| &mut extra(user).postal_code),
    ("country", "Country", 128, |user| &mut extra(user).country),
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
    let mut properties = Vec::new();
    for name in &names {
        properties.extend(apply(&mut next, name, body.get(*name).unwrap_or(&Value::Null))?);
    }
    let was_enabled = user.enabled;
    let mut password = None;
    if let Some(profile) = body.get("passwordProfile") {
        password = Some(new_password(profile)?);
        next.password_changed = world.now();
    }
    if let Some(password) = password {
        next.password = password;
        next.sessions_valid_from = world.now();
        properties.push(quoted("Password", None, None));
    }
    let enabled = next.enabled;
    let Some(user) = world.tenant.people.get_mut(id) else { return Err(Problem::not_found("")) };
    *user = next;
    let correlation = world.guid();
    let user_type = user_type(world, id);
    let mut log = |activity, properties| note(world, call, correlation, id, activity, properties);
    if was_enabled != enabled {
        log(if enabled { "Enable account" } else { "Disable account" }, properties.clone());
    }
    if body.contains_key("passwordProfile") {
        log("Reset user password", Vec::new());
        log("Update PasswordProfile", vec![quoted("ForceChangePassword", None, None)]);
        log("Update StsRefreshTokenValidFrom Timestamp", Vec::new());
    }
    log("Update user", with_remarks(user_type, properties));
    world.tenant.ledger.count(Effect::UserUpdated { user: id });
    settle(world, id, correlation);
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
    for name in names {
        call.needs(match *name {
            "accountEnabled" => &["User.EnableDisableAccount.All", ALL, DIRECTORY],
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
fn apply(user: &mut User, name: &str, value: &Value) -> Result<Option<ModifiedProperty>, Problem> {
    let invalid = || invalid_value(name);
    if let Some((_, logged, longest, place)) = TEXTS.iter().find(|(known, ..)| *known == name) {
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
        return Ok(Some(changed(logged, &json!(old), value)));
    }
    let strings = || -> Result<Vec<String>, Problem> {
        let values = value.as_array().ok_or_else(invalid)?;
        values.iter().map(|it| it.as_str().map(str::to_owned).ok_or_else(invalid)).collect()
    };
    match name {
        "displayName" => match value.as_str() {
            Some(text) if !text.is_empty() && text.chars().count() <= 256 => {
                let old = std::mem::replace(&mut user.display_name, text.to_owned());
                Ok(Some(changed("DisplayName", &json!(old), value)))
            }
            _ => Err(invalid()),
        },
        "accountEnabled" => {
            let enabled = value.as_bool().ok_or_else(invalid)?;
            let old = std::mem::replace(&mut user.enabled, enabled);
            Ok(Some(changed("AccountEnabled", &json!(old), value)))
        }
        "businessPhones" => {
            let phones = strings()?;
            // The directory keeps one number in this list.
            if phones.len() > 1 {
                return Err(invalid());
            }
            let old = std::mem::replace(&mut user.business_phones, phones);
            Ok(Some(changed("TelephoneNumber", &json!(old), value)))
        }
        "otherMails" => {
            let mails = strings()?;
            let old = std::mem::replace(&mut extra(user).other_mails, mails);
            Ok(Some(changed("OtherMail", &json!(old), value)))
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

/// The password in a `passwordProfile`.
pub(super) fn new_password(profile: &Value) -> Result<String, Problem> {
    let password = profile.get("password").and_then(Value::as_str);
    match password {
        Some(password) if (8..=256).contains(&password.chars().count()) => Ok(password.to_owned()),
        _ => Err(Problem::bad_request(
            "The specified password does not comply with password complexity requirements. Please \
             provide a different password.",
        )),
    }
}

pub(super) fn revoke(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    call.needs(&["User.RevokeSessions.All", ALL, DIRECTORY])?;
    let user = addressed(&world.tenant, call)?;
    let id = user.id;
    let old = user.sessions_valid_from;
    if call.caller.user != Some(id) {
        reaches(world, call, id, Act::Credentials)?;
    }
    let now = world.now();
    if let Some(user) = world.tenant.people.get_mut(id) {
        user.sessions_valid_from = now;
    }
    let correlation = world.guid();
    let time = |at: jiff::Timestamp| json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let moved = changed("StsRefreshTokensValidFrom", &time(old), &time(now));
    let activity = "Update StsRefreshTokenValidFrom Timestamp";
    note(world, call, correlation, id, activity, vec![moved.clone()]);
    let remarks = with_remarks(user_type(world, id), vec![moved]);
    note(world, call, correlation, id, "Update user", remarks);
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
    let mut old = None;
    if let Some(user) = world.tenant.people.get_mut(id) {
        old = std::mem::replace(&mut user.manager, manager);
    }
    let [old, new] = [old, manager].map(|id| id.map(|id| id.to_string()));
    let property = quoted("Manager", old.as_deref(), new.as_deref());
    let correlation = world.guid();
    // The name of the second is from memory.
    let activity = if manager.is_some() { "Set user manager" } else { "Remove user manager" };
    note(world, call, correlation, id, activity, vec![property]);
    world.tenant.ledger.count(Effect::UserUpdated { user: id });
    world.emit(Event::Directory { id });
}

/// Writes one entry about a user.
pub(super) fn note(
    world: &mut World,
    call: &Call,
    correlation: Uuid,
    user: Uuid,
    activity: &'static str,
    properties: Vec<ModifiedProperty>,
) {
    let Some(target) = Object::find(&world.tenant, user).map(|it| it.target(properties)) else {
        return;
    };
    let operation = match activity {
        "Add user" => "Add",
        "Delete user" => "Delete",
        _ => "Update",
    };
    record(world, call, correlation, (activity, "UserManagement", operation), vec![target]);
}

/// The changed attributes and the remarks that follow them in an `Update user` entry.
fn with_remarks(
    user_type: &'static str,
    mut properties: Vec<ModifiedProperty>,
) -> Vec<ModifiedProperty> {
    let names: Vec<&str> = properties.iter().map(|property| property.name).collect();
    let names = names.join(", ");
    properties.push(quoted("Included Updated Properties", None, Some(&names)));
    properties.push(quoted("TargetId.UserType", None, Some(user_type)));
    properties
}

fn user_type(world: &World, user: Uuid) -> &'static str {
    let guest = world.tenant.people.get(user).is_some_and(|user| user.guest);
    if guest { "Guest" } else { "Member" }
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
