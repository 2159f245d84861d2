//! What applications and service principals say about themselves: kept, shown, and hardly acted on.
//!
//! Objects such as `web` are changed property by property; what a request leaves out stays.

use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::applications::application;
use super::text;
use crate::graph::Problem;
use crate::tenant::{Application, Tenant};

/// An `application` with everything that was said about it.
pub(super) fn shown(tenant: &Tenant, one: &Application) -> Value {
    let mut shown = application(one, &tenant.domain);
    if let Value::Object(shown) = &mut shown {
        let said = tenant.manifests.get(one.id).map(|manifest| &manifest.said);
        let said = said.into_iter().flatten();
        let defaults = defaults();
        for (name, value) in defaults.iter().chain(said) {
            match (shown.get_mut(name), value) {
                (Some(Value::Object(known)), Value::Object(more)) => {
                    known.extend(more.clone());
                }
                _ => {
                    shown.insert(name.clone(), value.clone());
                }
            }
        }
    }
    shown
}

/// Whether an application's property is one of those kept here.
pub(super) fn keeps(name: &str) -> bool {
    form(name).is_some()
}

/// What is said about an application that is shown like this after a POST or PATCH body.
///
/// # Errors
/// Graph's 400 for a value that does not fit its property.
pub(super) fn said(
    shown: &Value,
    body: &Map<String, Value>,
) -> Result<Map<String, Value>, Problem> {
    let mut said = Map::new();
    for (name, value) in body {
        let Some(form) = form(name) else { continue };
        let before = shown.get(name).unwrap_or(&Value::Null);
        said.insert(name.clone(), form.read(name, before, value)?);
    }
    Ok(said)
}

/// Lets the application act on what was said about where its users come back to, and whether it
/// can keep a secret.
pub(super) fn follow(application: &mut Application, shown: &Value, said: &Map<String, Value>) {
    let platforms = ["publicClient", "web", "spa"];
    let follows = |name: &&str| said.contains_key(*name);
    if !platforms.iter().chain(&["isFallbackPublicClient"]).any(follows) {
        return;
    }
    let of = |name: &str| said.get(name).or_else(|| shown.get(name)).unwrap_or(&Value::Null);
    let uris = |name: &str| -> Vec<String> {
        let uris = of(name).get("redirectUris").and_then(Value::as_array);
        let uris = uris.into_iter().flatten().filter_map(Value::as_str);
        uris.map(str::to_owned).collect()
    };
    let fallback = of("isFallbackPublicClient").as_bool().unwrap_or(false);
    application.public_client = fallback || !uris("publicClient").is_empty();
    application.redirect_uris = platforms.into_iter().flat_map(uris).collect();
}

/// What of a service principal is kept as it was said: `None` for what is not.
pub(super) fn said_of_principal(name: &str, value: &Value) -> Option<Result<Value, Problem>> {
    let form = PRINCIPAL.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)?;
    Some(form.read(name, &Value::Null, value))
}

/// The roles that an application of this tenant offers; `None` when it offers none.
pub(super) fn own_roles(tenant: &Tenant, app_id: Uuid) -> Option<Value> {
    let application = tenant.apps.application(app_id)?;
    tenant.manifests.said(application.id, "appRoles").cloned()
}

/// How a property's value looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Flag,
    Texts,
    /// Of these members; redirect URIs among them are checked.
    Object(&'static [&'static str]),
    /// An object that is kept as it is.
    Any,
    Roles,
    Access,
    Audience,
}

impl Form {
    fn read(self, name: &str, before: &Value, value: &Value) -> Result<Value, Problem> {
        let fits = match self {
            Self::Text => value.is_null() || value.as_str().is_some_and(|text| text.len() <= LONG),
            Self::Flag => value.is_null() || value.is_boolean(),
            Self::Texts => strings(value),
            Self::Any => value.is_null() || value.is_object(),
            Self::Object(members) => return object(name, members, before, value),
            Self::Roles => return roles(before, value),
            Self::Access => return access(value),
            Self::Audience => AUDIENCES.iter().any(|known| value == known),
        };
        if fits { Ok(value.clone()) } else { Err(invalid(name)) }
    }
}

fn form(name: &str) -> Option<Form> {
    APPLICATION.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
}

fn strings(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}

fn object(name: &str, members: &[&str], before: &Value, value: &Value) -> Result<Value, Problem> {
    let Value::Object(fields) = value else { return Err(invalid(name)) };
    let mut merged = before.as_object().cloned().unwrap_or_default();
    for (member, value) in fields.iter().filter(|(member, _)| !member.starts_with('@')) {
        if !members.contains(&member.as_str()) {
            return Err(Problem::unsupported(format!(
                "The sandbox does not keep `{name}.{member}` of an application."
            )));
        }
        if member == "redirectUris" {
            let uris = value.as_array().ok_or_else(|| invalid(member))?;
            let fits = |uri: &Value| uri.as_str().is_some_and(|uri| Url::parse(uri).is_ok());
            if !uris.iter().all(fits) {
                return Err(invalid(member));
            }
        }
        merged.insert(member.clone(), value.clone());
    }
    Ok(Value::Object(merged))
}

/// The list of `appRole`s. One that is enabled cannot be left out: it is disabled first.
fn roles(before: &Value, value: &Value) -> Result<Value, Problem> {
    let wrong = || invalid("appRoles");
    let mut roles: Vec<Value> = Vec::new();
    for item in value.as_array().ok_or_else(wrong)? {
        let id = text(item, "id").and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(wrong)?;
        let of = item.get("allowedMemberTypes").ok_or_else(wrong)?;
        let for_known = |kind: &Value| kind == "User" || kind == "Application";
        let members = of.as_array().filter(|kinds| kinds.iter().all(for_known));
        let (members, named) = (members.ok_or_else(wrong)?, text(item, "displayName"));
        let value = item.get("value").unwrap_or(&Value::Null);
        let same = |role: &Value| {
            text(role, "id") == Some(&id.to_string())
                || (!value.is_null() && role.get("value") == Some(value))
        };
        if roles.iter().any(same) {
            return Err(wrong());
        }
        // Clients write flags as text, too.
        let enabled = item.get("isEnabled").is_none_or(|flag| flag != false && flag != "false");
        roles.push(json!({
            "allowedMemberTypes": members,
            "description": text(item, "description"),
            "displayName": named.ok_or_else(wrong)?,
            "id": id,
            "isEnabled": enabled,
            "origin": "Application",
            "value": value,
        }));
    }
    let gone = |old: &&Value| roles.iter().all(|role| role.get("id") != old.get("id"));
    let mut gone = before.as_array().into_iter().flatten().filter(gone);
    if gone.any(|old| old.get("isEnabled") == Some(&Value::Bool(true))) {
        // Code and text from memory.
        return Err(Problem::new(
            400,
            "CannotDeleteOrUpdateEnabledEntitlement",
            "Permission (scope or role) cannot be deleted or updated unless disabled first.",
        ));
    }
    Ok(Value::Array(roles))
}

/// `requiredResourceAccess`: Graph keeps whatever ids it is given.
fn access(value: &Value) -> Result<Value, Problem> {
    let wrong = || invalid("requiredResourceAccess");
    let guid = |item: &Value, name: &str| {
        text(item, name).and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(wrong)
    };
    let mut resources = Vec::new();
    for resource in value.as_array().ok_or_else(wrong)? {
        let api = guid(resource, "resourceAppId")?;
        let list = resource.get("resourceAccess").and_then(Value::as_array).ok_or_else(wrong)?;
        let mut wanted = Vec::new();
        for one in list {
            let kind = text(one, "type").filter(|kind| ["Role", "Scope"].contains(kind));
            wanted.push(json!({"id": guid(one, "id")?, "type": kind.ok_or_else(wrong)?}));
        }
        resources.push(json!({"resourceAppId": api, "resourceAccess": wanted}));
    }
    Ok(Value::Array(resources))
}

fn invalid(property: &str) -> Problem {
    Problem::bad_request(format!(
        "Invalid value specified for property '{property}' of resource 'Application'."
    ))
}

/// Properties of an application that nobody said anything about.
fn defaults() -> Map<String, Value> {
    let value = json!({
        "addIns": [],
        "groupMembershipClaims": null,
        "info": {
            "logoUrl": null, "marketingUrl": null, "privacyStatementUrl": null,
            "supportUrl": null, "termsOfServiceUrl": null,
        },
        "notes": null,
        "optionalClaims": null,
        "serviceManagementReference": null,
        "web": {"implicitGrantSettings": {
            "enableAccessTokenIssuance": false, "enableIdTokenIssuance": false,
        }},
    });
    match value {
        Value::Object(value) => value,
        _ => Map::new(),
    }
}

const APPLICATION: &[(&str, Form)] = &[
    ("appRoles", Form::Roles),
    ("description", Form::Text),
    ("groupMembershipClaims", Form::Text),
    (
        "info",
        Form::Object(&[
            "logoUrl",
            "marketingUrl",
            "privacyStatementUrl",
            "supportUrl",
            "termsOfServiceUrl",
        ]),
    ),
    ("isFallbackPublicClient", Form::Flag),
    ("notes", Form::Text),
    ("optionalClaims", Form::Any),
    ("publicClient", Form::Object(&["redirectUris"])),
    ("requiredResourceAccess", Form::Access),
    ("serviceManagementReference", Form::Text),
    ("signInAudience", Form::Audience),
    ("spa", Form::Object(&["redirectUris"])),
    ("tags", Form::Texts),
    ("web", Form::Object(&["homePageUrl", "implicitGrantSettings", "logoutUrl", "redirectUris"])),
];

const PRINCIPAL: &[(&str, Form)] = &[
    ("appRoleAssignmentRequired", Form::Flag),
    ("description", Form::Text),
    ("homepage", Form::Text),
    ("loginUrl", Form::Text),
    ("notes", Form::Text),
    ("tags", Form::Texts),
];

const AUDIENCES: [&str; 4] = [
    "AzureADMyOrg",
    "AzureADMultipleOrgs",
    "AzureADandPersonalMicrosoftAccount",
    "PersonalMicrosoftAccount",
];

const LONG: usize = 1024;
