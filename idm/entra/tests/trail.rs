use std::collections::HashSet;

use serde_json::{Value, json};
use subtwin_kernel::Action;
use subtwin_record::{Trace, Trail as _};
use uuid::Uuid;

use crate::support::{DOUG, E3, GROUP, HELPDESK, NOW, SAM, SARAH, World, ok, refuse};

const ID: Uuid = Uuid::from_u128(0x1234);
const AUDITS: &str = "GET /v1.0/auditLogs/directoryAudits";

fn trace(action: Action) -> Trace {
    Trace { action, client_request_id: ID, sent_at: NOW.parse().unwrap(), ended_at: None }
}

fn assign() -> Trace {
    trace(Action::LicenseAssign {
        person: SARAH.parse().unwrap(),
        sku: E3.parse().unwrap(),
        disabled_plans: Vec::new(),
    })
}

/// An entry as the tenant writes one, with some members replaced.
fn entry(activity: &str, with: Value) -> Value {
    let mut entry = json!({
        "id": "Directory_1_X_1", "category": "UserManagement", "correlationId": ID.to_string(),
        "result": "success", "resultReason": "", "activityDisplayName": activity,
        "activityDateTime": "2026-09-01T10:00:01.1234567Z", "loggedByService": "Core Directory",
        "operationType": "Update", "additionalDetails": [],
        "initiatedBy": {"app": null, "user": {
            "id": SAM, "displayName": "Graph client", "userPrincipalName": "sam@contoso.com",
            "ipAddress": "", "agentType": "notAgentic"}},
        "targetResources": [
            {"id": SARAH, "displayName": null, "type": "User", "modifiedProperties": []}],
    });
    for (key, value) in with.as_object().unwrap() {
        entry[key] = value.clone();
    }
    entry
}

fn empty() -> crate::support::Reply {
    ok(json!({"value": []}))
}

#[tokio::test]
async fn the_primary_entry_is_found_by_the_id_we_sent_and_kept_as_it_is() {
    let world = World::new().await;
    let primary = entry("Change user license", json!({}));
    let found = json!({"value": [entry("Update user", json!({})), primary]});
    world.server.on(AUDITS, ok(found));
    let found = world.entra().find(&assign(), &HashSet::new()).await.unwrap().unwrap();
    assert_eq!(found.activity, "Change user license");
    assert_eq!(found.initiated_by, "sam@contoso.com", "not the client app's name");
    assert_eq!(found.correlation_id, ID.to_string());
    assert_eq!(found.at.to_string(), "2026-09-01T10:00:01.1234567Z");
    assert_eq!(found.raw, primary);
    let seen = world.server.seen("GET", "/v1.0/auditLogs/directoryAudits");
    assert_eq!(seen.len(), 1);
    assert!(seen[0].query.starts_with(&format!("$filter=correlationId eq '{ID}'&")), "{seen:?}");
    assert_eq!(seen[0].header("prefer"), "include-unknown-enum-members");
}

#[tokio::test]
async fn without_our_id_it_is_found_by_time_actor_target_and_name() {
    let world = World::new().await;
    let other = "9f9f9f9f-0000-4000-8000-000000000009";
    world.server.on(AUDITS, empty());
    world.server.on(
        AUDITS,
        ok(json!({"value": [
            entry("Change user license", json!({
                "id": "later", "correlationId": other,
                "activityDateTime": "2026-09-01T10:00:40Z"})),
            entry("Change user license", json!({"id": "near", "correlationId": other})),
            {"id": "unreadable"},
        ]})),
    );
    let found = world.entra().find(&assign(), &HashSet::new()).await.unwrap().unwrap();
    assert_eq!(found.id, "near");
    let query = &world.server.seen("GET", "/v1.0/auditLogs/directoryAudits")[1].query;
    assert!(
        query.starts_with(&format!(
            "$filter=activityDateTime ge 2026-09-01T09:59:55.000Z and activityDateTime le \
             2026-09-01T10:01:00.000Z and initiatedBy/user/id eq '{SAM}'&"
        )),
        "{query}"
    );
}

#[tokio::test]
async fn an_entry_of_somebody_else_or_of_another_thing_is_not_ours() {
    let app = json!({"app": {"appId": SAM}, "user": null});
    let user = |id: &str| json!({"app": null, "user": {"id": id, "displayName": "x"}});
    for wrong in [
        json!({"initiatedBy": user(DOUG)}),
        json!({"initiatedBy": app}),
        json!({"initiatedBy": null}),
        json!({"targetResources": [{"id": DOUG, "type": "User"}]}),
        json!({"targetResources": null}),
        json!({"result": "failure"}),
        json!({"activityDisplayName": "Update user"}),
        json!({"activityDateTime": "soon"}),
    ] {
        let world = World::new().await;
        world
            .server
            .on(AUDITS, ok(json!({"value": [entry("Change user license", wrong.clone())]})));
        assert_eq!(world.entra().find(&assign(), &HashSet::new()).await.unwrap(), None, "{wrong}");
    }
}

#[tokio::test]
async fn a_membership_entry_must_name_the_group() {
    let (person, group) = (SARAH.parse().unwrap(), GROUP.parse().unwrap());
    let add = trace(Action::GroupMemberAdd { person, group });
    let targets = |group: &str| {
        let property = json!({
            "displayName": "Group.ObjectID", "oldValue": null, "newValue": format!("\"{group}\""),
        });
        json!({"targetResources": [
            {"id": SARAH, "type": "User", "modifiedProperties": [property]}]})
    };
    let world = World::new().await;
    world.server.on(AUDITS, ok(json!({"value": [entry("Add member to group", targets(GROUP))]})));
    assert!(world.entra().find(&add, &HashSet::new()).await.unwrap().is_some());
    let other = entry("Add member to group", targets(HELPDESK));
    world.server.instead(AUDITS, ok(json!({"value": [other]})));
    assert_eq!(world.entra().find(&add, &HashSet::new()).await.unwrap(), None);

    let remove = trace(Action::GroupMemberRemove { person, group });
    let removed = json!({"targetResources": [{"id": SARAH, "type": "User"}, {"id": GROUP}]});
    let found = json!({"value": [entry("Remove member from group", removed)]});
    world.server.instead(AUDITS, ok(found));
    assert!(world.entra().find(&remove, &HashSet::new()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_sign_out_is_known_by_its_odd_name_with_or_without_a_full_stop() {
    let revoke = trace(Action::SessionRevoke { person: SARAH.parse().unwrap() });
    for stop in ["", "."] {
        let world = World::new().await;
        let name = format!("Update StsRefreshTokenValidFrom Timestamp{stop}");
        world.server.on(AUDITS, ok(json!({"value": [entry(&name, json!({}))]})));
        assert!(world.entra().find(&revoke, &HashSet::new()).await.unwrap().is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_log_that_may_not_be_read_is_an_error_and_not_an_absence() {
    let world = World::new().await;
    world.server.on(AUDITS, refuse(403, "Authentication_RequestFromUnsupportedUserRole", "No."));
    assert!(world.entra().find(&assign(), &HashSet::new()).await.is_err());
}
