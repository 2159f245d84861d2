mod manifests;

use rcgen::{CertificateParams, KeyPair};
use serde_json::json;

use super::*;
use crate::graph::desk::Desk;
use crate::graph::model::conforms;
use crate::tenant::{SAMPLE_DAEMON_APP, TWIN_ADMIN_APP};

fn desk() -> Desk {
    Desk::of_dana(&[
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "DelegatedPermissionGrant.ReadWrite.All",
    ])
}

fn principal(desk: &Desk, app: Uuid) -> Uuid {
    desk.world().tenant.apps.principal_of(app).unwrap().id
}

fn application(desk: &Desk, app: Uuid) -> String {
    format!("applications/{}", desk.world().tenant.apps.application(app).unwrap().id)
}

#[test]
fn an_app_is_registered_gets_a_principal_and_is_deleted_with_it() {
    let desk = desk();
    let body = json!({
        "displayName": "Made here",
        "isFallbackPublicClient": true,
        "publicClient": {"redirectUris": ["http://localhost"]},
        "requiredResourceAccess": [{
            "resourceAppId": GRAPH,
            "resourceAccess": [
                {"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"},
            ],
        }],
    });
    let made = desk.send("POST", "applications", body).unwrap();
    assert_eq!(made.status, 201);
    let made = made.body.unwrap();
    assert_eq!(conforms("application", &made), Vec::<String>::new());
    let app_id = made["appId"].as_str().unwrap();
    let required = desk.world().tenant.apps.application(app_id.parse().unwrap()).cloned().unwrap();
    assert_eq!(required.required_scopes, ["User.Read"]);
    let as_principal = json!({"appId": app_id});
    let created = desk.send("POST", "servicePrincipals", as_principal.clone()).unwrap();
    assert_eq!(created.status, 201);
    assert_eq!(desk.refusal("POST", "servicePrincipals", as_principal).0, 409);
    let found = desk.get(&format!("servicePrincipals?$filter=appId eq '{app_id}'"));
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
    let address = format!("applications/{}", made["id"].as_str().unwrap());
    assert_eq!(desk.send("DELETE", &address, Value::Null).unwrap().status, 204);
    assert_eq!(desk.refusal("GET", &address, Value::Null).0, 404);
    let found = desk.get(&format!("servicePrincipals?$filter=appId eq '{app_id}'"));
    assert_eq!(found["value"], json!([]));
}

#[test]
fn a_secret_is_shown_once_and_its_hint_after_that() {
    let desk = desk();
    let app = application(&desk, SAMPLE_DAEMON_APP);
    let body = json!({"passwordCredential": {"displayName": "test"}});
    let made = desk.send("POST", &format!("{app}/addPassword"), body).unwrap().body.unwrap();
    assert_eq!(conforms("passwordCredential", &made), Vec::<String>::new());
    let secret = made["secretText"].as_str().unwrap();
    assert!(secret.len() >= 32 && secret.starts_with(made["hint"].as_str().unwrap()));
    let shown = desk.get(&app);
    assert_eq!(shown["passwordCredentials"][0]["keyId"], made["keyId"]);
    assert!(!shown.to_string().contains(secret));
    let remove = json!({"keyId": made["keyId"]});
    desk.send("POST", &format!("{app}/removePassword"), remove.clone()).unwrap();
    assert_eq!(desk.refusal("POST", &format!("{app}/removePassword"), remove).0, 400);
}

#[test]
fn a_certificate_is_taken_with_the_line_breaks_clients_send() {
    use base64::Engine as _;
    let desk = desk();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["twin".to_owned()]).unwrap().self_signed(&key);
    let der = certificate.unwrap().der().to_vec();
    let encoded = base64::engine::general_purpose::STANDARD.encode(&der);
    let broken: Vec<String> = encoded
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let app = application(&desk, SAMPLE_DAEMON_APP);
    let body = |key: &str| {
        json!({"keyCredentials": [{
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
            "displayName": "CN=twin",
            "key": key,
        }]})
    };
    desk.send("PATCH", &app, body(&broken.join("\r\n"))).unwrap();
    let kept = desk.world().tenant.apps.application(SAMPLE_DAEMON_APP).unwrap().keys.clone();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].certificate, der);
    let shown = desk.get(&app);
    assert_eq!(conforms("application", &shown), Vec::<String>::new());
    // Sent back as it was read, the certificate stays.
    desk.send("PATCH", &app, json!({"keyCredentials": shown["keyCredentials"]})).unwrap();
    let still = desk.world().tenant.apps.application(SAMPLE_DAEMON_APP).unwrap().keys.clone();
    assert_eq!(still[0].certificate, der);
    assert_eq!(desk.refusal("PATCH", &app, body("bm90IGEgY2VydGlmaWNhdGU=")).0, 400);
    assert_eq!(desk.refusal("PATCH", &app, json!({"verifiedPublisher": {}})).0, 501);
    let still = desk.world().tenant.apps.application(SAMPLE_DAEMON_APP).unwrap().keys.len();
    assert_eq!(still, 1, "a refused change changes nothing");
}

#[test]
fn scopes_are_granted_widened_and_taken_back() {
    let desk = desk();
    let (client, graph) = (principal(&desk, SAMPLE_DAEMON_APP), principal(&desk, GRAPH));
    let sarah = desk.user("sarah.lin@contoso.com");
    let body = json!({
        "clientId": client,
        "consentType": "Principal",
        "principalId": sarah,
        "resourceId": graph,
        "scope": "User.Read Chat.ReadWrite",
        "startTime": "0001-01-01T00:00:00Z",
        "expiryTime": "9999-01-01T00:00:00Z",
    });
    let made = desk.send("POST", "oauth2PermissionGrants", body.clone()).unwrap();
    assert_eq!(made.status, 201);
    let made = made.body.unwrap();
    assert_eq!(conforms("oAuth2PermissionGrant", &made), Vec::<String>::new());
    assert_eq!(desk.refusal("POST", "oauth2PermissionGrants", body).0, 409);
    let address = format!("oauth2PermissionGrants/{}", made["id"].as_str().unwrap());
    desk.send("PATCH", &address, json!({"scope": "User.Read"})).unwrap();
    assert_eq!(desk.get(&address)["scope"], "User.Read");
    for list in [
        format!("oauth2PermissionGrants?$filter=clientId eq '{client}'"),
        format!("servicePrincipals/{client}/oauth2PermissionGrants"),
        format!("users/{sarah}/oauth2PermissionGrants"),
    ] {
        assert_eq!(desk.get(&list)["value"][0]["id"], made["id"], "{list}");
    }
    desk.send("DELETE", &address, Value::Null).unwrap();
    assert_eq!(desk.refusal("GET", &address, Value::Null).0, 404);
    let entry = desk.world().tenant.audit.entries.last().cloned().unwrap();
    assert_eq!(entry.activity, "Remove delegated permission grant");
}

#[test]
fn application_permissions_are_granted_by_id_and_seen_from_both_sides() {
    let desk = desk();
    let (client, graph) = (principal(&desk, TWIN_ADMIN_APP), principal(&desk, GRAPH));
    let role = app_roles().find(|role| role.value == "User.Read.All").unwrap();
    let body = json!({"principalId": client, "resourceId": graph, "appRoleId": role.id});
    let own = format!("servicePrincipals/{client}/appRoleAssignments");
    let made = desk.send("POST", &own, body.clone()).unwrap().body.unwrap();
    assert_eq!(conforms("appRoleAssignment", &made), Vec::<String>::new());
    let granted = (client, "User.Read.All".to_owned());
    assert!(desk.world().tenant.apps.role_assignments.contains(&granted));
    assert_eq!(desk.refusal("POST", &own, body).0, 400, "twice");
    let stranger = json!({"principalId": client, "resourceId": graph, "appRoleId": Uuid::nil()});
    assert_eq!(desk.refusal("POST", &own, stranger).0, 400);
    let of_graph =
        format!("servicePrincipals/{graph}/appRoleAssignedTo?$filter=principalId eq '{client}'");
    assert_eq!(desk.get(&of_graph)["value"][0]["id"], made["id"]);
    let address = format!("{own}/{}", made["id"].as_str().unwrap());
    desk.send("DELETE", &address, Value::Null).unwrap();
    assert!(!desk.world().tenant.apps.role_assignments.contains(&granted));
}

#[test]
fn only_application_administrators_change_apps_and_only_role_administrators_give_roles() {
    let mut desk = desk();
    let app = application(&desk, SAMPLE_DAEMON_APP);
    let client = principal(&desk, SAMPLE_DAEMON_APP);
    desk.sit("doug@contoso.com");
    desk.get(&app);
    let calls = [
        ("PATCH", app.clone(), json!({"displayName": "Mine"})),
        ("POST", format!("{app}/addPassword"), json!({})),
        ("POST", format!("servicePrincipals/{client}/appRoleAssignments"), json!({})),
        ("POST", "oauth2PermissionGrants".to_owned(), json!({})),
        ("DELETE", app, Value::Null),
    ];
    for (method, address, body) in calls {
        let (status, code, _) = desk.refusal(method, &address, body);
        assert_eq!((status, code.as_str()), (403, "Authorization_RequestDenied"), "{address}");
    }
    desk.may(&[]);
    assert_eq!(desk.refusal("GET", "servicePrincipals", Value::Null).0, 403);
}

#[test]
fn what_is_said_about_apps_conforms_to_graphs_model() {
    let desk = desk();
    let lists = [
        ("applications".to_owned(), "application"),
        ("servicePrincipals".to_owned(), "servicePrincipal"),
        ("oauth2PermissionGrants".to_owned(), "oAuth2PermissionGrant"),
        (
            format!("servicePrincipals/{}/appRoleAssignments", principal(&desk, SAMPLE_DAEMON_APP)),
            "appRoleAssignment",
        ),
    ];
    for (address, kind) in lists {
        let body = desk.get(&address);
        let rows = body["value"].as_array().unwrap();
        assert!(rows.len() > 2, "{address}");
        for row in rows {
            assert_eq!(conforms(kind, row), Vec::<String>::new());
        }
    }
}

#[test]
fn an_app_keeps_its_tags_and_notes_and_is_found_by_a_tag() {
    let desk = desk();
    let body = json!({"displayName": "Made here", "tags": ["run:1", "b"], "notes": "by Doug"});
    let made = desk.send("POST", "applications", body).unwrap().body.unwrap();
    assert_eq!(made["tags"], json!(["run:1", "b"]));
    assert_eq!(made["notes"], "by Doug");
    let found = desk.get("applications?$filter=tags/any(t:t eq 'run:1')");
    assert_eq!(found["value"].as_array().unwrap().len(), 1, "{found}");
}

#[test]
fn people_are_assigned_to_an_app_that_lets_in_only_who_is() {
    let desk = desk();
    let app = principal(&desk, TWIN_ADMIN_APP);
    let address = format!("servicePrincipals/{app}");
    let only = json!({"appRoleAssignmentRequired": true});
    assert_eq!(desk.send("PATCH", &address, only).unwrap().status, 204);
    assert_eq!(desk.get(&address)["appRoleAssignmentRequired"], true);
    let sam = desk.user("sam@contoso.com");
    assert!(!desk.world().tenant.apps.admits(app, sam));
    let to = format!("{address}/appRoleAssignedTo");
    let body = json!({"principalId": sam, "resourceId": app, "appRoleId": Uuid::nil()});
    let made = desk.send("POST", &to, body.clone()).unwrap();
    assert_eq!(made.status, 201);
    let made = made.body.unwrap();
    assert_eq!(conforms("appRoleAssignment", &made), Vec::<String>::new());
    assert_eq!(made["principalType"], "User");
    assert!(desk.world().tenant.apps.admits(app, sam));
    assert_eq!(desk.refusal("POST", &to, body).0, 400, "twice");
    assert_eq!(desk.get(&to)["value"].as_array().unwrap().len(), 1);
    let one = format!("{to}/{}", made["id"].as_str().unwrap());
    assert_eq!(desk.send("DELETE", &one, Value::Null).unwrap().status, 204);
    assert_eq!(desk.refusal("DELETE", &one, Value::Null).0, 404, "twice");
    assert!(!desk.world().tenant.apps.admits(app, sam));
}
