//! `directoryAudit` and `signIn` as Graph writes them.

use serde_json::{Value, json};

use crate::tenant::audit::events::{seconds, ticks};
use crate::tenant::{Actor, Entry, ModifiedProperty, SignIn, Target, TargetKind, Tenant};

/// A `directoryAudit`.
pub(crate) fn directory_audit(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "category": entry.category,
        "correlationId": entry.correlation,
        "result": if entry.failed { "failure" } else { "success" },
        "resultReason": entry.reason,
        "activityDisplayName": entry.activity,
        "activityDateTime": ticks(entry.at),
        "loggedByService": entry.service,
        "operationType": entry.operation,
        "initiatedBy": initiated_by(entry),
        "targetResources": entry.targets.iter().map(target).collect::<Value>(),
        "additionalDetails": details(entry),
    })
}

fn initiated_by(entry: &Entry) -> Value {
    match &entry.actor {
        Actor::User { id, app_name, .. } => json!({
            "app": null,
            "user": {
                "id": id,
                // Captured: the client app's name, not the person's.
                "displayName": app_name,
                "userPrincipalName": entry.actor_upn,
                "ipAddress": "127.0.0.1",
                "agentType": "notAgentic",
            },
        }),
        // Captured: the app's id is null, its principal is not.
        Actor::App { principal, name, .. } => json!({
            "app": {
                "appId": null,
                "displayName": name,
                "servicePrincipalId": (!principal.is_nil()).then_some(principal),
                "servicePrincipalName": null,
            },
            "user": null,
        }),
    }
}

fn target(target: &Target) -> Value {
    json!({
        "id": target.id,
        // Captured: people are named by their UPN only.
        "displayName": target.display_name.as_ref().filter(|_| target.kind != TargetKind::User),
        "type": kind(target.kind),
        "userPrincipalName": target.upn,
        "groupType": (target.kind == TargetKind::Group).then_some("azureAD"),
        "modifiedProperties": target.properties.iter().map(modified).collect::<Value>(),
    })
}

fn modified(property: &ModifiedProperty) -> Value {
    json!({
        "displayName": property.name,
        "oldValue": property.old,
        "newValue": property.new,
    })
}

/// `UserType` repeats the row of the same name; `User-Agent` is the caller's.
fn details(entry: &Entry) -> Value {
    let rows = entry.targets.iter().flat_map(|target| &target.properties);
    let types =
        rows.filter(|row| row.name == "TargetId.UserType").filter_map(|row| row.new.as_ref());
    let types = types.map(|quoted| json!({"key": "UserType", "value": quoted.trim_matches('"')}));
    let agent = entry.user_agent.iter().map(|agent| json!({"key": "User-Agent", "value": agent}));
    types.chain(agent).collect()
}

/// The kind of a target, as both logs name it.
pub(crate) fn kind(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::User => "User",
        TargetKind::Group => "Group",
        TargetKind::Role => "Role",
        TargetKind::Application => "Application",
        TargetKind::ServicePrincipal => "ServicePrincipal",
    }
}

/// A `signIn`. Which policies applied is shown to who may read policies.
pub(crate) fn sign_in(tenant: &Tenant, logged: &SignIn, beta: bool, policies: bool) -> Value {
    let user = logged.user.and_then(|id| tenant.people.get(id));
    let graph = tenant.apps.principals.iter().find(|principal| principal.id == tenant.apps.graph);
    let home = user.and_then(|user| user.usage_location.as_deref());
    let applied = policy(tenant, logged.error);
    let mut value = json!({
        "id": logged.id,
        "createdDateTime": seconds(logged.at),
        "userDisplayName": user.map(|user| &user.display_name),
        "userPrincipalName": user.map(|user| &user.upn),
        "userId": logged.user.map(|id| id.to_string()).unwrap_or_default(),
        "appId": logged.app_id,
        "appDisplayName": logged.app_name,
        "ipAddress": logged.place.ip,
        "clientAppUsed": logged.client,
        "correlationId": logged.correlation,
        "conditionalAccessStatus": if applied.is_some() { "failure" } else { "notApplied" },
        "isInteractive": logged.interactive,
        "riskDetail": "none",
        "riskLevelAggregated": "none",
        "riskLevelDuringSignIn": "none",
        "riskState": "none",
        "riskEventTypes": [],
        "riskEventTypes_v2": [],
        "resourceDisplayName": "Microsoft Graph",
        "resourceId": graph.map(|principal| principal.app_id),
        "status": {
            "errorCode": logged.error,
            "failureReason": reason(logged.error),
            "additionalDetails": null,
        },
        "deviceDetail": {
            "deviceId": "",
            "displayName": "",
            "operatingSystem": "",
            "browser": "",
            "isCompliant": false,
            "isManaged": false,
            "trustType": "",
        },
        "location": {
            "city": logged.place.city,
            "state": logged.place.state,
            "countryOrRegion": logged.place.country.or(home),
            "geoCoordinates": {"altitude": null, "latitude": null, "longitude": null},
        },
        "appliedConditionalAccessPolicies": applied.filter(|_| policies).into_iter().collect::<Value>(),
    });
    if beta && let Value::Object(fields) = &mut value {
        let kind = match (logged.user, logged.interactive) {
            (None, _) => "servicePrincipal",
            (Some(_), true) => "interactiveUser",
            (Some(_), false) => "nonInteractiveUser",
        };
        fields.insert("signInEventTypes".to_owned(), json!([kind]));
        fields.insert("uniqueTokenIdentifier".to_owned(), json!(logged.token));
    }
    value
}

/// The Conditional Access policy behind a refusal.
fn policy(tenant: &Tenant, error: u32) -> Option<Value> {
    let (name, control) = match error {
        53003 => ("Block sign-ins from countries we do not work in", "Block"),
        50076 | 50079 => ("Require a second factor", "Mfa"),
        _ => return None,
    };
    Some(json!({
        // Derived, so that it stays the same.
        "id": uuid::Uuid::from_u128(tenant.id.as_u128() ^ u128::from(error)),
        "displayName": name,
        "enforcedGrantControls": [control],
        "enforcedSessionControls": [],
        "result": "failure",
    }))
}

/// Microsoft's words for an AADSTS number.
fn reason(error: u32) -> &'static str {
    match error {
        0 => "Other.",
        50053 => {
            "Account is locked because user tried to sign in too many times with an incorrect user \
             ID or password."
        }
        50055 => "The password is expired.",
        50057 => "The user account is disabled.",
        50076 | 50079 => "Multi-factor authentication is required.",
        50126 => "Invalid username or password.",
        50173 | 700_082 => "The session or refresh token is no longer valid.",
        53003 => "Access has been blocked by Conditional Access policies.",
        65001 => "The user or administrator has not consented to use the application.",
        _ => "Sign-in failed.",
    }
}
