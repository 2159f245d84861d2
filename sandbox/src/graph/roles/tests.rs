use super::*;
use crate::graph::desk::Desk;
use crate::graph::model::conforms;

const ALL: &[&str] = &["RoleManagement.ReadWrite.Directory"];
const LICENSE_ADMIN: &str = "4d6ac14f-3453-41d0-bef9-a3e0c569773a";

fn members(desk: &Desk, key: &str) -> Vec<String> {
    let body = desk.get(&format!("{key}/members"));
    let rows = body["value"].as_array().unwrap();
    rows.iter().map(|row| row["userPrincipalName"].as_str().unwrap().to_owned()).collect()
}

fn link(id: Uuid) -> Value {
    json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}")})
}

#[test]
fn a_role_is_found_by_its_id_and_by_its_template() {
    let desk = Desk::of_dana(ALL);
    let by_template = format!("directoryRoles(roleTemplateId='{LICENSE_ADMIN}')");
    let role = desk.get(&by_template);
    assert_eq!(role["displayName"], "License Administrator");
    let by_id = format!("directoryRoles/{}", role["id"].as_str().unwrap());
    assert_eq!(desk.get(&by_id)["roleTemplateId"], LICENSE_ADMIN);
    assert_eq!(members(&desk, &by_id), ["sam@contoso.com"]);
    assert_eq!(members(&desk, &by_template), ["sam@contoso.com"]);
    let wrong = format!("directoryRoles/{LICENSE_ADMIN}");
    assert_eq!(desk.refusal("GET", &wrong, Value::Null).0, 404, "a template id is no object id");
}

#[test]
fn a_role_is_given_and_taken_and_both_are_logged() {
    let desk = Desk::of_dana(ALL);
    let role = format!("directoryRoles(roleTemplateId='{LICENSE_ADMIN}')");
    let doug = desk.user("doug@contoso.com");
    let add = format!("{role}/members/$ref");
    assert_eq!(desk.send("POST", &add, link(doug)).unwrap().status, 204);
    assert!(desk.world().tenant.roles.holds(doug, "License Administrator"));
    let entry = desk.world().tenant.audit.entries.last().cloned().unwrap();
    assert_eq!((entry.activity, entry.category), ("Add member to role", "RoleManagement"));
    let rows: Vec<_> = entry.targets[0].properties.iter().map(|row| row.name).collect();
    assert_eq!(
        rows,
        ["Role.ObjectID", "Role.DisplayName", "Role.TemplateId", "Role.WellKnownObjectName"]
    );
    assert_eq!(desk.refusal("POST", &add, link(doug)).0, 400, "twice");
    assert_eq!(desk.refusal("POST", &add, link(Uuid::from_u128(3))).0, 404, "nobody");
    let remove = format!("{role}/members/{doug}/$ref");
    assert_eq!(desk.send("DELETE", &remove, Value::Null).unwrap().status, 204);
    assert!(!desk.world().tenant.roles.holds(doug, "License Administrator"));
    assert_eq!(desk.world().tenant.audit.entries.last().unwrap().operation, "Unassign");
    assert_eq!(desk.refusal("DELETE", &remove, Value::Null).0, 404, "twice");
}

#[test]
fn only_who_manages_roles_may_change_them() {
    let mut desk = Desk::of_dana(&["RoleManagement.Read.Directory"]);
    let add = format!("directoryRoles(roleTemplateId='{LICENSE_ADMIN}')/members/$ref");
    let doug = desk.user("doug@contoso.com");
    assert_eq!(desk.refusal("POST", &add, link(doug)).0, 403, "no scope");
    desk.may(ALL);
    desk.sit("sam@contoso.com");
    assert_eq!(desk.refusal("POST", &add, link(doug)).0, 403, "no role");
    desk.sit("felix.brandt@contoso.com");
    desk.send("POST", &add, link(doug)).unwrap();
}

#[test]
fn assignments_are_found_by_principal_and_by_definition() {
    let desk = Desk::of_dana(ALL);
    let sam = desk.user("sam@contoso.com");
    let base = "roleManagement/directory/roleAssignments";
    let of_sam = desk.get(&format!("{base}?$filter=principalId eq '{sam}'"));
    assert_eq!(of_sam["value"].as_array().unwrap().len(), 6);
    let one = desk.get(&format!(
        "{base}?$filter=principalId eq '{sam}' and roleDefinitionId eq '{LICENSE_ADMIN}'"
    ));
    let id = one["value"][0]["id"].as_str().unwrap();
    assert_eq!(desk.get(&format!("{base}/{id}"))["principalId"], json!(sam));
}

#[test]
fn a_role_not_yet_in_use_is_activated_once() {
    let desk = Desk::of_dana(ALL);
    let template = json!({"roleTemplateId": "95e79109-95c0-4d8e-aee3-d01accf2d47b"});
    let made = desk.send("POST", "directoryRoles", template.clone()).unwrap();
    assert_eq!((made.status, &made.body.unwrap()["displayName"]), (201, &json!("Guest Inviter")));
    assert_eq!(desk.refusal("POST", "directoryRoles", template).0, 400);
}

#[test]
fn role_answers_conform_to_graphs_model() {
    let desk = Desk::of_dana(ALL);
    for (address, kind) in [
        ("directoryRoles", "directoryRole"),
        ("directoryRoleTemplates", "directoryRoleTemplate"),
        ("roleManagement/directory/roleDefinitions", "unifiedRoleDefinition"),
        ("roleManagement/directory/roleAssignments", "unifiedRoleAssignment"),
    ] {
        let body = desk.get(address);
        let rows = body["value"].as_array().unwrap();
        assert!(rows.len() > 4, "{address}");
        for row in rows {
            assert_eq!(conforms(kind, row), Vec::<String>::new());
        }
    }
    let members = desk.get(&format!("directoryRoles(roleTemplateId='{LICENSE_ADMIN}')/members"));
    assert_eq!(conforms("directoryObject", &members["value"][0]), Vec::<String>::new());
}

#[test]
fn a_role_is_given_and_taken_as_an_assignment_and_needs_no_activation() {
    let desk = Desk::of_dana(ALL);
    let doug = desk.user("doug@contoso.com");
    let guests = "95e79109-95c0-4d8e-aee3-d01accf2d47b";
    let body = json!({"principalId": doug, "roleDefinitionId": guests, "directoryScopeId": "/"});
    let all = "roleManagement/directory/roleAssignments";
    let made = desk.send("POST", all, body.clone()).unwrap();
    assert_eq!(made.status, 201);
    let made = made.body.unwrap();
    assert_eq!(made["roleDefinitionId"], guests);
    assert!(desk.world().tenant.roles.holds(doug, "Guest Inviter"));
    assert_eq!(desk.world().tenant.audit.entries.last().unwrap().activity, "Add member to role");
    assert_eq!(desk.refusal("POST", all, body).0, 400, "twice");
    let found = desk.get(&format!("{all}?$filter=principalId eq '{doug}'"));
    assert_eq!(found["value"].as_array().unwrap().len(), 1, "{found}");
    let one = format!("{all}/{}", made["id"].as_str().unwrap());
    assert_eq!(desk.send("DELETE", &one, Value::Null).unwrap().status, 204);
    assert!(!desk.world().tenant.roles.holds(doug, "Guest Inviter"));
    assert_eq!(desk.refusal("DELETE", &one, Value::Null).0, 404, "twice");
    let wrong = json!({"principalId": doug, "roleDefinitionId": doug, "directoryScopeId": "/"});
    assert_eq!(desk.refusal("POST", all, wrong).0, 404, "no such role");
}
