//! One entry as the unified log keeps it: other names and another dialect than Graph's
//! `directoryAudit`, from the same event. Modelled on records captured from real tenants.

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::graph::kind;
use crate::tenant::{Actor, Entry, Target, TargetKind, Tenant};

/// The record of an entry. The records of one call share `InterSystemsId`.
pub(crate) fn unified(tenant: &Tenant, entry: &Entry) -> Value {
    let target = entry.targets.first();
    let (user_id, user_key, user_type) = match &entry.actor {
        Actor::User { id, .. } => (
            entry.actor_upn.clone().unwrap_or_else(|| id.to_string()),
            format!("{}@{}", puid(*id), tenant.domain),
            // 0 even for administrators.
            0,
        ),
        Actor::App { principal, .. } => {
            (format!("ServicePrincipal_{principal}"), "Not Available".to_owned(), 4)
        }
    };
    json!({
        "CreationTime": without_zone(entry.at),
        "Id": derived(entry, "id"),
        "Operation": format!("{}.", entry.activity),
        "OrganizationId": tenant.id,
        "RecordType": 8,
        "ResultStatus": if entry.failed { "Failure" } else { "Success" },
        "UserKey": user_key,
        "UserType": user_type,
        "Version": 1,
        "Workload": "AzureActiveDirectory",
        "ClientIP": null,
        "ObjectId": target.map(object_id),
        "UserId": user_id,
        "AzureActiveDirectoryEventType": 1,
        "ExtendedProperties": [
            {"Name": "additionalDetails", "Value": details(entry).to_string()},
            {"Name": "extendedAuditEventCategory", "Value": category(entry)},
        ],
        "ModifiedProperties": modified(entry),
        "Actor": actor(entry),
        "ActorContextId": tenant.id,
        "InterSystemsId": entry.correlation,
        "IntraSystemId": derived(entry, "intra"),
        "SupportTicketId": "",
        "Target": target.map(identities),
        "TargetContextId": tenant.id,
    })
}

/// `2021-05-18T21:42:25`: UTC, without saying so.
pub(super) fn without_zone(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

fn object_id(target: &Target) -> String {
    target.upn.clone().unwrap_or_else(|| target.id.to_string())
}

fn details(entry: &Entry) -> Value {
    let mut details = Map::new();
    let rows = entry.targets.iter().flat_map(|target| &target.properties);
    for row in rows.filter(|row| row.name == "TargetId.UserType") {
        details.insert("UserType".to_owned(), json!(plain(row.new.as_deref())));
    }
    if let Some(agent) = &entry.user_agent {
        details.insert("User-Agent".to_owned(), json!(agent));
    }
    Value::Object(details)
}

fn category(entry: &Entry) -> &'static str {
    match entry.category {
        "UserManagement" => "User",
        "GroupManagement" => "Group",
        "RoleManagement" => "Role",
        _ => entry.targets.first().map_or("Directory", |target| kind(target.kind)),
    }
}

fn modified(entry: &Entry) -> Value {
    let rows = entry.targets.iter().flat_map(|target| &target.properties);
    rows.map(|row| {
        json!({
            "Name": row.name,
            "NewValue": plain(row.new.as_deref()),
            "OldValue": plain(row.old.as_deref()),
        })
    })
    .collect()
}

/// The other dialect: scalars unquoted, arrays over several lines, nothing as an empty string.
fn plain(value: Option<&str>) -> String {
    match value.map(serde_json::from_str::<Value>) {
        None => String::new(),
        Some(Ok(Value::String(text))) => text,
        Some(Ok(value)) => {
            serde_json::to_string_pretty(&value).unwrap_or_default().replace('\n', "\r\n")
        }
        Some(Err(_)) => value.unwrap_or_default().to_owned(),
    }
}

/// Types: 1 name, 2 id or kind, 3 PUID, 4 service principal name, 5 UPN.
fn actor(entry: &Entry) -> Value {
    match &entry.actor {
        Actor::User { id, .. } => json!([
            {"ID": entry.actor_upn, "Type": 5},
            {"ID": puid(*id), "Type": 3},
            {"ID": format!("User_{id}"), "Type": 2},
            {"ID": id, "Type": 2},
            {"ID": "User", "Type": 2},
        ]),
        Actor::App { app_id, principal, name } => json!([
            {"ID": name, "Type": 1},
            {"ID": app_id, "Type": 2},
            {"ID": format!("ServicePrincipal_{principal}"), "Type": 2},
            {"ID": principal, "Type": 2},
            {"ID": "ServicePrincipal", "Type": 2},
        ]),
    }
}

fn identities(target: &Target) -> Value {
    let kind = kind(target.kind);
    let mut list = vec![
        json!({"ID": format!("{kind}_{}", target.id), "Type": 2}),
        json!({"ID": target.id, "Type": 2}),
        json!({"ID": kind, "Type": 2}),
    ];
    if target.kind == TargetKind::User {
        list.push(json!({"ID": target.upn, "Type": 5}));
        list.push(json!({"ID": puid(target.id), "Type": 3}));
    } else if let Some(name) = &target.display_name {
        list.push(json!({"ID": name, "Type": 1}));
    }
    Value::Array(list)
}

/// A passport id for a user: sixteen hexadecimal digits, always the same.
fn puid(user: Uuid) -> String {
    let low = user.as_u128() & 0x0000_FFFF_FFFF_FFFF;
    format!("1003{low:012X}")
}

/// An id that is always the same for an entry.
fn derived(entry: &Entry, part: &str) -> Uuid {
    let hash = digest::digest(&digest::SHA256, format!("{part} {}", entry.id).as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(byte, hashed)| *byte = *hashed);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
