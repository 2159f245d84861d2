use serde_json::{Value, json};
use uuid::Uuid;

use super::{application, desk, principal};
use crate::graph::desk::Desk;
use crate::graph::model::conforms;
use crate::tenant::{SAMPLE_CLI_APP, SAMPLE_DAEMON_APP};

fn registered(desk: &Desk, body: Value) -> (String, Value) {
    let made = desk.send("POST", "applications", body).unwrap().body.unwrap();
    (format!("applications/{}", made["id"].as_str().unwrap()), made)
}

#[test]
fn what_a_change_to_an_application_leaves_out_stays() {
    let desk = desk();
    let (app, _) = registered(
        &desk,
        json!({
            "displayName": "Piece by piece",
            "web": {"redirectUris": ["https://contoso.com/cb"]},
            "publicClient": {"redirectUris": ["http://localhost"]},
        }),
    );
    for change in [
        json!({"web": {"homePageUrl": "https://contoso.com"}}),
        json!({"web": {"implicitGrantSettings": {"enableIdTokenIssuance": true}}}),
        json!({"notes": "kept", "tags": ["one"], "groupMembershipClaims": "All"}),
        json!({"spa": {"redirectUris": ["https://contoso.com/spa"]}}),
    ] {
        assert_eq!(desk.send("PATCH", &app, change).unwrap().status, 204);
    }
    let shown = desk.get(&app);
    assert_eq!(conforms("application", &shown), Vec::<String>::new());
    assert_eq!(shown["web"]["redirectUris"], json!(["https://contoso.com/cb"]));
    assert_eq!(shown["web"]["homePageUrl"], "https://contoso.com");
    assert_eq!(shown["publicClient"]["redirectUris"], json!(["http://localhost"]));
    assert_eq!((&shown["notes"], &shown["tags"][0]), (&json!("kept"), &json!("one")));
    let id = shown["appId"].as_str().unwrap().parse().unwrap();
    let kept = desk.world().tenant.apps.application(id).cloned().unwrap();
    let everywhere = ["http://localhost", "https://contoso.com/cb", "https://contoso.com/spa"];
    assert_eq!(kept.redirect_uris, everywhere);
    assert!(kept.public_client);
    desk.send("PATCH", &app, json!({"publicClient": {"redirectUris": []}})).unwrap();
    let kept = desk.world().tenant.apps.application(id).cloned().unwrap();
    assert!(!kept.public_client, "without a fallback nothing makes it public");
}

#[test]
fn a_property_that_cannot_be_is_refused_and_nothing_is_changed() {
    let desk = desk();
    let app = application(&desk, SAMPLE_CLI_APP);
    let before = desk.get(&app);
    for (change, status) in [
        (json!({"displayName": "New", "web": {"redirectUris": ["no address"]}}), 400),
        (json!({"displayName": "New", "signInAudience": "Everybody"}), 400),
        (json!({"displayName": "New", "tags": "one"}), 400),
        (json!({"displayName": "New", "web": {"oauth2AllowUrlPathMatching": true}}), 501),
        (json!({"displayName": "New", "verifiedPublisher": {}}), 501),
    ] {
        assert_eq!(desk.refusal("PATCH", &app, change.clone()).0, status, "{change}");
    }
    assert_eq!(desk.get(&app), before);
}

#[test]
fn an_enabled_role_cannot_be_left_out_and_a_disabled_one_can() {
    let desk = desk();
    let (app, made) = registered(&desk, json!({"displayName": "With roles"}));
    let role = |enabled: Value| {
        json!({"appRoles": [{
            "allowedMemberTypes": ["User"],
            "description": "Approves",
            "displayName": "Approver",
            "id": Uuid::from_u128(5),
            "isEnabled": enabled,
            "value": "approver",
        }]})
    };
    // One client writes the flag as text.
    desk.send("PATCH", &app, role(json!("true"))).unwrap();
    let none = json!({"appRoles": []});
    let (status, code, _) = desk.refusal("PATCH", &app, none.clone());
    assert_eq!((status, code.as_str()), (400, "CannotDeleteOrUpdateEnabledEntitlement"));
    let made = desk.send("POST", "servicePrincipals", json!({"appId": made["appId"]}));
    let made = made.unwrap().body.unwrap();
    assert_eq!(made["appRoles"][0]["value"], "approver");
    desk.send("PATCH", &app, role(json!(false))).unwrap();
    desk.send("PATCH", &app, none).unwrap();
    assert_eq!(desk.get(&app)["appRoles"], json!([]));
}

#[test]
fn permissions_of_other_apis_are_kept_as_they_were_written() {
    let desk = desk();
    let app = application(&desk, SAMPLE_DAEMON_APP);
    let wanted = json!([{
        "resourceAppId": Uuid::from_u128(7),
        "resourceAccess": [{"id": Uuid::from_u128(8), "type": "Scope"}],
    }]);
    desk.send("PATCH", &app, json!({"requiredResourceAccess": wanted})).unwrap();
    assert_eq!(desk.get(&app)["requiredResourceAccess"], wanted);
    let kept = desk.world().tenant.apps.application(SAMPLE_DAEMON_APP).cloned().unwrap();
    assert!(kept.required_roles.is_empty() && kept.required_scopes.is_empty());
}

#[test]
fn owners_come_and_go_and_who_registers_an_app_is_the_first() {
    let desk = desk();
    let (app, made) = registered(&desk, json!({"displayName": "Owned"}));
    let owners = || {
        let mut all = desk.get(&format!("{app}/owners"))["value"].as_array().unwrap().clone();
        all.sort_by_key(|one| one["id"].as_str().unwrap().to_owned());
        all
    };
    assert_eq!(owners()[0]["@odata.type"], "#microsoft.graph.user");
    assert_eq!(owners()[0]["id"], desk.user("dana@contoso.com").to_string());
    let sarah = desk.user("sarah.lin@contoso.com");
    let address = format!("https://graph.microsoft.com/v1.0/directoryObjects/{sarah}");
    let body = json!({"@odata.id": address});
    desk.send("POST", &format!("{app}/owners/$ref"), body.clone()).unwrap();
    assert_eq!(owners().len(), 2);
    let (status, _, message) = desk.refusal("POST", &format!("{app}/owners/$ref"), body);
    assert_eq!(status, 400);
    assert!(message.contains("already exist"), "{message}");
    let gone = format!("{app}/owners/{sarah}/$ref");
    desk.send("DELETE", &gone, Value::Null).unwrap();
    assert_eq!(desk.refusal("DELETE", &gone, Value::Null).0, 404);
    assert_eq!(owners().len(), 1);
    desk.send("POST", "servicePrincipals", json!({"appId": made["appId"]})).unwrap();
    let id = made["appId"].as_str().unwrap().parse().unwrap();
    let owned = desk.get(&format!("servicePrincipals/{}/owners", principal(&desk, id)));
    assert_eq!(owned["value"].as_array().unwrap().len(), 1);
}

#[test]
fn a_service_principal_keeps_what_is_said_about_it_and_takes_a_flag_in_either_form() {
    let desk = desk();
    let address = format!("servicePrincipals/{}", principal(&desk, SAMPLE_DAEMON_APP));
    let body = json!({"accountEnabled": "False", "tags": ["HideApp"], "notes": "by the book"});
    desk.send("PATCH", &address, body).unwrap();
    let shown = desk.get(&address);
    assert_eq!(shown["accountEnabled"], false);
    assert_eq!((&shown["tags"][0], &shown["notes"]), (&json!("HideApp"), &json!("by the book")));
    let tagged = desk.get("servicePrincipals?$filter=tags/any(t:t eq 'HideApp')");
    assert_eq!(tagged["value"].as_array().unwrap().len(), 1);
}

#[test]
fn a_certificate_is_shown_to_who_asks_for_it_about_one_application() {
    let desk = desk();
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["twin".to_owned()]).unwrap();
    let certificate = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        made.self_signed(&key).unwrap().der(),
    );
    let app = application(&desk, SAMPLE_DAEMON_APP);
    let one = json!({"type": "AsymmetricX509Cert", "usage": "Verify", "key": certificate});
    desk.send("PATCH", &app, json!({"keyCredentials": [one]})).unwrap();
    assert_eq!(desk.get(&app)["keyCredentials"][0]["key"], Value::Null);
    let asked = desk.get(&format!("{app}?$select=id,keyCredentials"));
    assert_eq!(asked["keyCredentials"][0]["key"], certificate);
}

#[test]
fn roles_and_scopes_are_collections_and_assignments_are_expanded() {
    let desk = desk();
    let graph = principal(&desk, crate::graph::apps::GRAPH);
    let read =
        desk.get(&format!("servicePrincipals/{graph}/appRoles?$filter=value eq 'User.Read.All'"));
    assert_eq!(read["value"].as_array().unwrap().len(), 1);
    let scopes = desk.get(&format!("servicePrincipals/{graph}/oauth2PermissionScopes"));
    assert!(scopes["value"].as_array().unwrap().iter().any(|one| one["value"] == "User.Read"));
    let called = "servicePrincipalNames/any(n:n eq 'https://graph.microsoft.com')";
    let found = desk.get(&format!("servicePrincipals?$filter={called}"));
    assert_eq!(found["value"][0]["id"], graph.to_string());
    let (app, _) = registered(&desk, json!({"displayName": "Without roles"}));
    assert_eq!(desk.get(&format!("{app}/appRoles"))["value"], json!([]));
    let of = format!("appId eq '{SAMPLE_DAEMON_APP}'");
    let list = format!("servicePrincipals?$expand=appRoleAssignments&$filter={of}");
    let found = desk.get(&list);
    let given = found["value"][0]["appRoleAssignments"].as_array().unwrap();
    assert_eq!(given.len(), 5);
    assert_eq!(given[0]["resourceId"], graph.to_string());
    let other = list.replace("appRoleAssignments", "owners");
    assert_eq!(desk.refusal("GET", &other, Value::Null).0, 501);
}

#[test]
fn a_service_principal_has_secrets_of_its_own() {
    let desk = desk();
    let id = principal(&desk, SAMPLE_DAEMON_APP);
    let address = format!("servicePrincipals/{id}");
    let add = format!("{address}/addPassword");
    let made = desk.send("POST", &add, json!({})).unwrap().body.unwrap();
    assert_eq!(conforms("passwordCredential", &made), Vec::<String>::new());
    let secret = made["secretText"].as_str().unwrap();
    let shown = desk.get(&address);
    assert_eq!(shown["passwordCredentials"][0]["keyId"], made["keyId"]);
    assert!(!shown.to_string().contains(secret));
    let kept = desk.world().tenant.manifests.get(id).unwrap().secrets[0].secret.is(secret);
    assert!(kept, "what was shown is what counts");
    let app = application(&desk, SAMPLE_DAEMON_APP);
    assert_eq!(desk.get(&app)["passwordCredentials"], json!([]));
    let late = json!({"passwordCredential": {"endDateTime": "2001-01-01T00:00:00Z"}});
    assert_eq!(desk.refusal("POST", &add, late).0, 400);
    let remove = format!("{address}/removePassword");
    let key = json!({"keyId": made["keyId"]});
    assert_eq!(desk.send("POST", &remove, key.clone()).unwrap().status, 204);
    assert_eq!(desk.refusal("POST", &remove, key).0, 400);
    assert_eq!(desk.get(&address)["passwordCredentials"], json!([]));
}
