use serde_json::{Value, json};
use uuid::Uuid;

use crate::graph::desk::Desk;
use crate::graph::model::conforms;
use crate::tenant::Effect;

/// Dana with what an installer has.
const INSTALLER: &[&str] = &[
    "AgentIdentity.Create.All",
    "AgentIdentity.DeleteRestore.All",
    "AgentIdentity.EnableDisable.All",
    "AgentIdentity.Read.All",
    "AgentIdentity.UpdateSponsors.All",
    "AgentIdentityBlueprint.AddRemoveCreds.All",
    "AgentIdentityBlueprint.Create",
    "AgentIdentityBlueprint.DeleteRestore.All",
    "AgentIdentityBlueprint.Read.All",
    "AgentIdentityBlueprint.UpdateAuthProperties.All",
    "AgentIdentityBlueprint.UpdateSponsors.All",
    "AgentIdentityBlueprintPrincipal.Create",
    "AgentIdentityBlueprintPrincipal.DeleteRestore.All",
    "AgentIdUser.ReadWrite.IdentityParentedBy",
    "AppRoleAssignment.ReadWrite.All",
    "Application.Read.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "GroupMember.ReadWrite.All",
    "Group.ReadWrite.All",
    "LicenseAssignment.ReadWrite.All",
    "RoleManagement.ReadWrite.Directory",
    "User.Read.All",
];

const BLUEPRINTS: &str = "applications/microsoft.graph.agentIdentityBlueprint";
const PRINCIPALS: &str = "servicePrincipals/microsoft.graph.agentIdentityBlueprintPrincipal";
const AGENTS: &str = "servicePrincipals/microsoft.graph.agentIdentity";
const USERS: &str = "users/microsoft.graph.agentUser";

fn desk() -> Desk {
    Desk::of_dana(INSTALLER)
}

fn made(desk: &Desk, path: &str, body: Value) -> Value {
    let answer = desk.send("POST", path, body).unwrap_or_else(|why| panic!("{path}: {why:?}"));
    assert_eq!(answer.status, 201, "{path}");
    answer.body.unwrap()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn bind(desk: &Desk, upn: &str) -> Value {
    json!([format!("https://graph.microsoft.com/v1.0/users/{}", desk.user(upn))])
}

/// A blueprint with its principal: object id and application id.
fn blueprint(desk: &Desk) -> (String, String) {
    let one = made(desk, BLUEPRINTS, json!({"displayName": "Ava"}));
    made(desk, PRINCIPALS, json!({"appId": one["appId"]}));
    (text(&one, "id").to_owned(), text(&one, "appId").to_owned())
}

fn agent(desk: &Desk, blueprint: &str) -> String {
    let body = json!({"displayName": "Ava", "agentIdentityBlueprintId": blueprint});
    text(&made(desk, AGENTS, body), "id").to_owned()
}

fn user_body(parent: &str, alias: &str) -> Value {
    json!({
        "accountEnabled": true,
        "displayName": "Ava",
        "mailNickname": alias,
        "userPrincipalName": format!("{alias}@contoso.com"),
        "identityParentId": parent,
    })
}

/// The blueprint calls on its own.
fn as_blueprint(desk: &mut Desk, app_id: &str) {
    let app_id: Uuid = app_id.parse().unwrap();
    let principal = desk.world().tenant.apps.principal_of(app_id).unwrap().id;
    desk.leave();
    desk.act_as(app_id, principal);
    desk.may(&["AgentIdentity.CreateAsManager"]);
}

#[test]
fn every_object_of_an_agent_conforms_to_the_model() {
    let desk = desk();
    let one = made(&desk, BLUEPRINTS, json!({"displayName": "Ava"}));
    assert_eq!(conforms("agentIdentityBlueprint", &one), Vec::<String>::new());
    assert_eq!(conforms("application", &one), Vec::<String>::new());
    let principal = made(&desk, PRINCIPALS, json!({"appId": one["appId"]}));
    assert_eq!(conforms("agentIdentityBlueprintPrincipal", &principal), Vec::<String>::new());
    let body = json!({"displayName": "Ava", "agentIdentityBlueprintId": one["appId"]});
    let agent = made(&desk, AGENTS, body);
    assert_eq!(conforms("agentIdentity", &agent), Vec::<String>::new());
    assert_eq!(agent["id"], agent["appId"]);
    assert_eq!(agent["servicePrincipalType"], "ServiceIdentity");
    assert_eq!(agent["agentIdentityBlueprintId"], one["appId"]);
    assert_eq!(agent["createdByAppId"], json!(desk.caller().app_id));
    let user = made(&desk, USERS, user_body(text(&agent, "id"), "ava"));
    assert_eq!(conforms("agentUser", &user), Vec::<String>::new());
    let object = text(&one, "id");
    let path = format!("applications/{object}/federatedIdentityCredentials");
    let body = json!({
        "name": "ci", "issuer": "https://ci.example", "subject": "s", "audiences": ["a"],
    });
    let credential = made(&desk, &path, body);
    assert_eq!(conforms("federatedIdentityCredential", &credential), Vec::<String>::new());
    let path = format!("applications/{object}/inheritablePermissions");
    let body = json!({
        "resourceAppId": "00000003-0000-0000-c000-000000000000",
        "inheritableScopes": {
            "@odata.type": "#microsoft.graph.enumeratedScopes",
            "kind": "enumerated",
            "scopes": ["User.Read"],
        },
    });
    let inheritable = made(&desk, &path, body);
    assert_eq!(conforms("inheritablePermission", &inheritable), Vec::<String>::new());
}

#[test]
fn a_blueprint_gets_no_principal_unless_somebody_makes_one() {
    let desk = desk();
    let one = made(&desk, BLUEPRINTS, json!({"displayName": "Ava"}));
    let app_id = text(&one, "appId");
    let body = json!({"displayName": "Ava", "agentIdentityBlueprintId": app_id});
    let refused = desk.refusal("POST", AGENTS, body.clone());
    assert_eq!(
        (refused.0, refused.1.as_str()),
        (400, "AgentIdentity_AgentBlueprintPrincipalDoesNotExist")
    );
    made(&desk, PRINCIPALS, json!({"appId": app_id}));
    assert_eq!(desk.refusal("POST", PRINCIPALS, json!({"appId": app_id})).0, 409);
    made(&desk, AGENTS, body);
}

#[test]
fn parents_of_other_kinds_are_refused() {
    let desk = desk();
    let (object, _) = blueprint(&desk);
    let body = |id: &str| json!({"displayName": "Ava", "agentIdentityBlueprintId": id});
    let plain = crate::tenant::TWIN_ADMIN_APP.to_string();
    for id in [object.as_str(), plain.as_str()] {
        let refused = desk.refusal("POST", AGENTS, body(id));
        assert_eq!((refused.0, refused.1.as_str()), (400, "AgentIdentity_IncompatibleParentType"));
    }
    let refused = desk.refusal("POST", AGENTS, body("11111111-2222-4333-8444-555555555555"));
    assert_eq!((refused.0, refused.1.as_str()), (400, "Request_BadRequest"));
    let refused = desk.refusal("POST", PRINCIPALS, json!({"appId": plain}));
    assert_eq!(refused.1, "AgentBlueprintPrincipal_RequireAgentBlueprint");
}

#[test]
fn somebody_must_sponsor() {
    let mut desk = desk();
    let one = made(&desk, BLUEPRINTS, json!({"displayName": "Ava"}));
    let sponsors = format!("applications/{}/sponsors", text(&one, "id"));
    let dana = desk.user("dana@contoso.com");
    let listed = desk.get(&sponsors);
    assert_eq!(listed["value"][0]["id"], json!(dana), "who makes it answers for it: {listed}");
    let doug = json!({"@odata.id": bind(&desk, "doug@contoso.com")[0]});
    let add = format!("{sponsors}/$ref");
    assert_eq!(desk.send("POST", &add, doug.clone()).unwrap().status, 204);
    assert_eq!(desk.refusal("POST", &add, doug).0, 400);
    let remove = format!("{sponsors}/{dana}/$ref");
    assert_eq!(desk.send("DELETE", &remove, Value::Null).unwrap().status, 204);
    let last = format!("{sponsors}/{}/$ref", desk.user("doug@contoso.com"));
    assert_eq!(desk.refusal("DELETE", &last, Value::Null).0, 400);
    let plain = |it: &&crate::tenant::Group| !it.unified && !it.dynamic();
    let security = desk.world().tenant.groups.iter().find(plain).unwrap().id;
    let address = format!("https://graph.microsoft.com/v1.0/groups/{security}");
    let body = json!({"displayName": "x", "sponsors@odata.bind": [address]});
    assert_eq!(desk.refusal("POST", BLUEPRINTS, body).0, 400, "no plain security group");
    desk.leave();
    assert_eq!(desk.refusal("POST", BLUEPRINTS, json!({"displayName": "x"})).0, 400);
    let body = json!({"displayName": "x", "sponsors@odata.bind": bind(&desk, "doug@contoso.com")});
    made(&desk, BLUEPRINTS, body);
}

#[test]
fn a_blueprint_signs_nobody_in_and_an_identity_has_no_credentials() {
    let desk = desk();
    let (object, app_id) = blueprint(&desk);
    let path = format!("applications/{object}");
    for (name, value) in [
        ("publicClient", json!({"redirectUris": ["http://localhost"]})),
        ("spa", json!({"redirectUris": []})),
        ("isFallbackPublicClient", json!(true)),
    ] {
        let refused = desk.refusal("PATCH", &path, json!({name: value}));
        assert_eq!(refused.1, "AgentBlueprint_IncompatibleProperty", "{name}");
        let refused = desk.refusal("POST", BLUEPRINTS, json!({"displayName": "x", name: value}));
        assert_eq!(refused.1, "AgentBlueprint_IncompatibleProperty", "{name}");
    }
    let agent = agent(&desk, &app_id);
    let path = format!("servicePrincipals/{agent}");
    for refused in [
        desk.refusal("POST", &format!("{path}/addPassword"), json!({})),
        desk.refusal("PATCH", &path, json!({"keyCredentials": []})),
    ] {
        assert_eq!((refused.0, refused.1.as_str()), (400, "AgentIdentity_CredentialsNotSupported"));
    }
}

#[test]
fn each_change_of_a_blueprint_has_its_own_permission() {
    let mut desk = desk();
    let (object, app_id) = blueprint(&desk);
    let path = format!("applications/{object}");
    let uris = json!({"identifierUris": [format!("api://{app_id}")]});
    let cases = [
        (
            "AgentIdentityBlueprint.AddRemoveCreds.All",
            "POST",
            format!("{path}/addPassword"),
            json!({}),
        ),
        (
            "AgentIdentityBlueprint.AddRemoveCreds.All",
            "PATCH",
            path.clone(),
            json!({"keyCredentials": []}),
        ),
        ("AgentIdentityBlueprint.UpdateAuthProperties.All", "PATCH", path.clone(), uris),
        (
            "AgentIdentityBlueprint.UpdateBranding.All",
            "PATCH",
            path.clone(),
            json!({"displayName": "B"}),
        ),
        ("AgentIdentityBlueprint.DeleteRestore.All", "DELETE", path.clone(), Value::Null),
    ];
    for (permission, method, path, body) in cases {
        desk.may(&["Application.ReadWrite.All", "AgentIdentityBlueprint.Create"]);
        assert_eq!(desk.refusal(method, &path, body.clone()).0, 403, "{method} {path}");
        desk.may(&[permission, "Directory.AccessAsUser.All"]);
        assert_eq!(desk.refusal(method, &path, body.clone()).0, 403, "{method} {path}");
        desk.may(&[permission]);
        assert!(desk.send(method, &path, body).is_ok(), "{permission}: {method} {path}");
    }
}

#[test]
fn a_permission_without_a_role_reaches_only_what_one_owns() {
    let mut desk = desk();
    let (object, _) = blueprint(&desk);
    desk.sit("doug@contoso.com");
    let path = format!("applications/{object}/addPassword");
    assert_eq!(desk.refusal("POST", &path, json!({})).0, 403);
    assert_eq!(desk.refusal("POST", BLUEPRINTS, json!({"displayName": "x"})).0, 403);
    desk.sit("dana@contoso.com");
    let owners = format!("applications/{object}/owners/$ref");
    let doug = json!({"@odata.id": bind(&desk, "doug@contoso.com")[0]});
    assert_eq!(desk.send("POST", &owners, doug).unwrap().status, 204);
    desk.sit("doug@contoso.com");
    assert!(desk.send("POST", &path, json!({})).is_ok());
}

#[test]
fn a_blueprint_makes_identities_of_its_own_and_of_no_other() {
    let mut desk = desk();
    let (_, other) = blueprint(&desk);
    let (_, own) = blueprint(&desk);
    let identity = agent(&desk, &own);
    let sponsors = bind(&desk, "doug@contoso.com");
    let body = |of: &str| {
        json!({
            "displayName": "Ava", "agentIdentityBlueprintId": of, "sponsors@odata.bind": sponsors,
        })
    };
    as_blueprint(&mut desk, &own);
    let refused = desk.refusal("POST", AGENTS, body(&other));
    assert_eq!(
        (refused.0, refused.1.as_str()),
        (403, "Error_AgentBlueprintCannotCreateAssociatedIdentity")
    );
    let one = made(&desk, AGENTS, body(&own));
    assert_eq!(one["createdByAppId"], own);
    let refused =
        desk.refusal("POST", AGENTS, json!({"displayName": "x", "agentIdentityBlueprintId": own}));
    assert_eq!(refused.0, 400, "an app must name a sponsor");
    let identity: Uuid = identity.parse().unwrap();
    desk.act_as(identity, identity);
    desk.may(&["AgentIdentity.Create.All"]);
    let refused = desk.refusal("POST", AGENTS, body(&own));
    assert_eq!(refused.1, "Error_AgentIdentitiesCreatingAgentIdentitiesNotAllowed");
}

#[test]
fn limits_count_what_is_in_the_bin() {
    let desk = desk();
    desk.world().faults.blueprint_limit = Some(2);
    desk.world().faults.agent_limit = Some(1);
    let (_, app_id) = blueprint(&desk);
    let second = made(&desk, BLUEPRINTS, json!({"displayName": "B"}));
    let refused = desk.refusal("POST", BLUEPRINTS, json!({"displayName": "C"}));
    assert_eq!(refused.1, "AgentBlueprint_LimitExceeded");
    let object = text(&second, "id");
    desk.send("DELETE", &format!("applications/{object}"), Value::Null).unwrap();
    assert_eq!(desk.refusal("POST", BLUEPRINTS, json!({"displayName": "C"})).1, refused.1);
    desk.send("DELETE", &format!("directory/deletedItems/{object}"), Value::Null).unwrap();
    made(&desk, BLUEPRINTS, json!({"displayName": "C"}));
    let one = agent(&desk, &app_id);
    let body = json!({"displayName": "B", "agentIdentityBlueprintId": app_id});
    let refused = desk.refusal("POST", AGENTS, body.clone());
    assert_eq!(refused.1, "AgentIdentity_LimitExceeded");
    desk.send("DELETE", &format!("servicePrincipals/{one}"), Value::Null).unwrap();
    assert_eq!(desk.refusal("POST", AGENTS, body.clone()).1, refused.1);
    // After thirty days the bin forgets.
    desk.wait(jiff::SignedDuration::from_hours(31 * 24));
    assert_eq!(desk.refusal("GET", &format!("directory/deletedItems/{one}"), Value::Null).0, 404);
    made(&desk, AGENTS, body);
    desk.world().faults.blueprint_limit = None;
    desk.world().faults.agent_quota_reached = true;
    let refused = desk.refusal("POST", BLUEPRINTS, json!({"displayName": "D"}));
    assert_eq!(refused.1, "Agent_Directory_QuotaExceeded");
}

#[test]
fn an_identity_has_one_user_in_the_companys_own_domain() {
    let desk = desk();
    let (_, app_id) = blueprint(&desk);
    let one = agent(&desk, &app_id);
    let mut foreign = user_body(&one, "ava");
    foreign["userPrincipalName"] = json!("ava@fabrikam.com");
    let mut secret = user_body(&one, "ava");
    secret["passwordProfile"] = json!({"password": "Sandbox!1"});
    let plain = desk.world().tenant.apps.graph.to_string();
    for wrong in [foreign, user_body(&plain, "ava"), user_body("", "ava")] {
        assert_eq!(desk.refusal("POST", USERS, wrong.clone()).0, 400, "{wrong}");
    }
    assert_eq!(desk.refusal("POST", USERS, secret).0, 501);
    let user = made(&desk, USERS, user_body(&one, "ava"));
    let id: Uuid = text(&user, "id").parse().unwrap();
    assert_eq!(desk.world().tenant.ledger.0.get(&Effect::UserCreated { user: id }), Some(&1));
    let refused = desk.refusal("POST", USERS, user_body(&one, "ava2"));
    assert_eq!((refused.0, refused.1.as_str()), (400, "Request_BadRequest"), "{refused:?}");
    let found = desk.get(&format!("users?$filter=identityParentId eq '{one}'"));
    assert_eq!(
        (&found["value"][0]["id"], found["value"].as_array().unwrap().len()),
        (&json!(id), 1)
    );
    assert_eq!(found["value"][0]["@odata.type"], "#microsoft.graph.agentUser");
    assert_eq!(desk.get(USERS)["value"].as_array().unwrap().len(), 1);
    let path = format!("servicePrincipals?$filter=agentIdentityBlueprintId eq '{app_id}'");
    assert_eq!(desk.refusal("GET", &path, Value::Null).0, 400);
    let patch = json!({"usageLocation": "US"});
    assert_eq!(desk.send("PATCH", &format!("users/{id}"), patch).unwrap().status, 204);
    let password = json!({"passwordProfile": {"password": "Sandbox!1"}});
    assert_eq!(desk.refusal("PATCH", &format!("users/{id}"), password).0, 400);
    let sku = desk.sku("SPE_E3");
    let body = json!({"addLicenses": [{"skuId": sku, "disabledPlans": []}], "removeLicenses": []});
    assert!(desk.send("POST", &format!("users/{id}/assignLicense"), body).is_ok());
}

#[test]
fn the_narrow_permission_lets_a_blueprint_reach_its_own_agents_only() {
    let mut desk = desk();
    let (_, other) = blueprint(&desk);
    let (_, own) = blueprint(&desk);
    let (theirs, mine) = (agent(&desk, &other), agent(&desk, &own));
    as_blueprint(&mut desk, &own);
    desk.may(&["AgentIdUser.ReadWrite.IdentityParentedBy"]);
    assert_eq!(desk.refusal("POST", USERS, user_body(&theirs, "x")).0, 403);
    made(&desk, USERS, user_body(&mine, "y"));
}

#[test]
fn what_is_closed_to_agents_is_never_given_to_them() {
    let mut desk = desk();
    let (_, app_id) = blueprint(&desk);
    let one = agent(&desk, &app_id);
    let user = text(&made(&desk, USERS, user_body(&one, "ava")), "id").to_owned();
    let graph = desk.world().tenant.apps.graph;
    let grant = |client: &str, scope: &str| {
        json!({
            "clientId": client, "consentType": "Principal", "principalId": user,
            "resourceId": graph, "scope": scope, "startTime": "2026-01-01T00:00:00Z",
        })
    };
    let cli = desk.world().tenant.apps.principal_of(crate::tenant::SAMPLE_CLI_APP).unwrap().id;
    for client in [one.as_str(), &cli.to_string()] {
        let body = grant(client, "User.Read GroupMember.ReadWrite.All");
        assert_eq!(desk.refusal("POST", "oauth2PermissionGrants", body).0, 400);
    }
    let given = made(&desk, "oauth2PermissionGrants", grant(&one, "User.Read"));
    let path = format!("oauth2PermissionGrants/{}", text(&given, "id"));
    let more = json!({"scope": "User.Read Directory.AccessAsUser.All"});
    assert_eq!(desk.refusal("PATCH", &path, more).0, 400);
    let assign = |role: &str| json!({"principalId": one, "resourceId": graph, "appRoleId": role});
    let path = format!("servicePrincipals/{one}/appRoleAssignments");
    let closed = assign("741f803b-c850-494e-b5df-cde7c675a1ca");
    assert_eq!(desk.refusal("POST", &path, closed).0, 400, "User.ReadWrite.All");
    made(&desk, &path, assign("df021288-bdef-4463-88db-98f22de89214"));
    for who in [&one, &user] {
        let link = format!("https://graph.microsoft.com/v1.0/directoryObjects/{who}");
        let member = json!({"@odata.id": link});
        let role = |desk: &Desk, name: &str| {
            let world = desk.world();
            let found = world.tenant.roles.0.iter().find(|role| role.display_name == name);
            format!("directoryRoles/{}/members/$ref", found.unwrap().id)
        };
        let closed = role(&desk, "Helpdesk Administrator");
        assert_eq!(desk.refusal("POST", &closed, member.clone()).0, 400, "{who}");
        let open = role(&desk, "License Administrator");
        assert_eq!(desk.send("POST", &open, member).unwrap().status, 204, "{who}");
    }
    let group = desk.world().tenant.groups.iter().find(|group| group.role_assignable).unwrap().id;
    let member = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/users/{user}")});
    desk.may(&["GroupMember.ReadWrite.All", "RoleManagement.ReadWrite.Directory"]);
    assert_eq!(desk.refusal("POST", &format!("groups/{group}/members/$ref"), member).0, 400);
}

#[test]
fn what_was_just_made_is_not_everywhere_at_once() {
    let desk = desk();
    desk.world().faults.replica_lag_ms = 10_000;
    let one = made(&desk, BLUEPRINTS, json!({"displayName": "Ava"}));
    let path = format!("applications/{}", text(&one, "id"));
    assert_eq!(desk.refusal("GET", &path, Value::Null).0, 404);
    let later = || desk.wait(jiff::SignedDuration::from_secs(11));
    let young = |path: &str, body: Value| {
        let refused = desk.refusal("POST", path, body.clone());
        assert_eq!((refused.0, refused.1.as_str()), (400, "Request_BadRequest"));
        assert!(refused.2.contains("Object with id") && refused.2.contains("not found"));
        later();
        made(&desk, path, body)
    };
    young(PRINCIPALS, json!({"appId": one["appId"]}));
    let body = json!({"displayName": "Ava", "agentIdentityBlueprintId": one["appId"]});
    let agent = young(AGENTS, body);
    let agent = text(&agent, "id");
    let user = young(USERS, user_body(agent, "ava"));
    let graph = desk.world().tenant.apps.graph;
    let grant = json!({
        "clientId": agent, "consentType": "Principal", "principalId": user["id"],
        "resourceId": graph, "scope": "User.Read",
    });
    made(&desk, "oauth2PermissionGrants", grant);
}

#[test]
fn a_blueprint_takes_its_agents_with_it_or_leaves_them() {
    for takes in [true, false] {
        let desk = desk();
        desk.world().tenant.quirks.blueprint_takes_agents = takes;
        let (object, app_id) = blueprint(&desk);
        let one = agent(&desk, &app_id);
        let user = text(&made(&desk, USERS, user_body(&one, "ava")), "id").to_owned();
        desk.send("DELETE", &format!("applications/{object}"), Value::Null).unwrap();
        let agent = desk.send("GET", &format!("servicePrincipals/{one}"), Value::Null);
        assert_eq!(agent.is_err(), takes);
        let user = desk.send("GET", &format!("users/{user}"), Value::Null);
        assert_eq!(user.is_err(), takes);
    }
}

#[test]
fn at_most_ten_resources_pass_something_on() {
    let desk = desk();
    let (object, _) = blueprint(&desk);
    let path = format!("applications/{object}/inheritablePermissions");
    let body = |at: u128| json!({"resourceAppId": Uuid::from_u128(at)});
    for at in 1..=10 {
        made(&desk, &path, body(at));
    }
    assert_eq!(desk.refusal("POST", &path, body(11)).0, 400);
    assert_eq!(desk.refusal("POST", &path, body(1)).0, 409);
    let one = format!("{path}/{}", Uuid::from_u128(1));
    assert_eq!(desk.send("DELETE", &one, Value::Null).unwrap().status, 204);
    made(&desk, &path, body(11));
    assert_eq!(desk.get(&path)["value"].as_array().unwrap().len(), 10);
}

#[test]
fn the_log_tells_of_each_step_like_of_any_other_object() {
    let desk = desk();
    let before = desk.world().tenant.audit.entries.len();
    let (object, app_id) = blueprint(&desk);
    desk.send("POST", &format!("applications/{object}/addPassword"), json!({})).unwrap();
    let one = agent(&desk, &app_id);
    made(&desk, USERS, user_body(&one, "ava"));
    let world = desk.world();
    let told: Vec<_> =
        world.tenant.audit.entries.iter().skip(before).map(|entry| entry.activity).collect();
    assert_eq!(
        told,
        [
            "Add application",
            "Add service principal",
            "Update application – Certificates and secrets management ",
            "Add service principal",
            "Add user",
            // A rule takes everybody in.
            "Add member to group",
        ]
    );
}
