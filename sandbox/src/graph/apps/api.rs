//! What an app says about its own API: names and delegated permissions.

use serde_json::{Value, json};
use uuid::Uuid;

use super::text;
use crate::graph::Problem;
use crate::tenant::{Application, OwnScope, Tenant};

/// `identifierUris` for the application with this object id: no other app may have them.
pub(super) fn identifier_uris(
    tenant: &Tenant,
    own: Uuid,
    value: &Value,
) -> Result<Vec<String>, Problem> {
    let items = value.as_array().ok_or_else(|| invalid("identifierUris"))?;
    let mut uris = Vec::new();
    for item in items {
        let uri = item.as_str().filter(|uri| uri.contains("://") && uri.len() <= LONGEST);
        let uri = uri.ok_or_else(|| invalid("identifierUris"))?;
        if tenant.apps.called(uri).is_some_and(|other| other.id != own) {
            return Err(Problem::bad_request(
                "Another object with the same value for property identifierUris already exists.",
            ));
        }
        uris.push(uri.to_owned());
    }
    Ok(uris)
}

/// Applies `api`.
pub(super) fn change(application: &mut Application, value: &Value) -> Result<(), Problem> {
    let Value::Object(fields) = value else { return Err(invalid("api")) };
    for (name, value) in fields {
        match name.as_str() {
            "oauth2PermissionScopes" => {
                let items = value.as_array().ok_or_else(|| invalid(name))?;
                let scopes: Result<Vec<_>, _> = items.iter().map(scope).collect();
                application.own_scopes = scopes?;
            }
            "requestedAccessTokenVersion" => {
                application.token_version = match value.as_u64() {
                    None if value.is_null() => None,
                    Some(1) => Some(1),
                    Some(2) => Some(2),
                    _ => return Err(invalid(name)),
                };
            }
            // What an app sends back as it read it.
            "acceptMappedClaims" if value.is_null() => {}
            "knownClientApplications" | "preAuthorizedApplications"
                if value.as_array().is_some_and(Vec::is_empty) => {}
            _ => {
                return Err(Problem::unsupported(format!(
                    "The sandbox does not keep `api.{name}` of an application."
                )));
            }
        }
    }
    Ok(())
}

fn scope(item: &Value) -> Result<OwnScope, Problem> {
    let wrong = || invalid("oauth2PermissionScopes");
    let id = text(item, "id").and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(wrong)?;
    let value = text(item, "value").filter(|value| !value.is_empty() && !value.contains(' '));
    let admin = match text(item, "type") {
        Some("Admin") | None => true,
        Some("User") => false,
        Some(_) => return Err(wrong()),
    };
    Ok(OwnScope {
        id,
        value: value.ok_or_else(wrong)?.to_owned(),
        admin,
        enabled: item.get("isEnabled").and_then(Value::as_bool).unwrap_or(true),
        texts: TEXTS.map(|name| text(item, name).map(str::to_owned)),
    })
}

/// An `apiApplication`.
pub(super) fn json(application: &Application) -> Value {
    json!({
        "acceptMappedClaims": null,
        "knownClientApplications": [],
        "requestedAccessTokenVersion": application.token_version,
        "oauth2PermissionScopes": scopes(application),
        "preAuthorizedApplications": [],
    })
}

/// The `permissionScope`s of an app.
pub(super) fn scopes(application: &Application) -> Value {
    let shown = application.own_scopes.iter().map(|scope| {
        let mut shown = json!({
            "id": scope.id,
            "isEnabled": scope.enabled,
            "type": if scope.admin { "Admin" } else { "User" },
            "value": scope.value,
        });
        if let Value::Object(shown) = &mut shown {
            for (name, text) in TEXTS.iter().zip(&scope.texts) {
                shown.insert((*name).to_owned(), json!(text));
            }
        }
        shown
    });
    shown.collect()
}

fn invalid(property: &str) -> Problem {
    Problem::bad_request(format!(
        "Invalid value specified for property '{property}' of resource 'Application'."
    ))
}

const TEXTS: [&str; 4] = [
    "adminConsentDescription",
    "adminConsentDisplayName",
    "userConsentDescription",
    "userConsentDisplayName",
];
const LONGEST: usize = 255;
