use serde_json::{Value, json};

use super::{READ, WRITE, bad, denied, gone, reference};
use crate::graph::testing::Bench;
use crate::tenant::Effect;

#[test]
fn a_manager_is_read_set_and_removed() {
    let bench = Bench::new();
    let path = "users/sarah.lin@contoso.com/manager";
    let manager = bench.by("doug", READ, "GET", path).ok();
    assert_eq!(manager["@odata.type"], "#microsoft.graph.user");
    assert_eq!(manager["displayName"], "Grace Tan");
    let expanded = bench
        .by("doug", READ, "GET", "users/sarah.lin@contoso.com?$select=id")
        .option("$expand", "manager($select=displayName)")
        .ok();
    assert_eq!(
        expanded["manager"],
        json!({"@odata.type": "#microsoft.graph.user", "displayName": "Grace Tan"})
    );
    assert_eq!(
        expanded["@odata.context"],
        "https://graph.microsoft.com/v1.0/$metadata#users(id,manager(displayName))/$entity"
    );
    let set = |by: &str| {
        let call = bench.by(by, WRITE, "PUT", &format!("{path}/$ref"));
        call.body(reference(bench.id("nadia.rahman")))
    };
    assert_eq!(set("paula.stone").refused(), denied(), "no role over profiles");
    assert_eq!(set("ken.adachi").status(), 204);
    assert_eq!(bench.by("doug", READ, "GET", path).ok()["displayName"], "Nadia Rahman");
    let own = bench.by("ken.adachi", WRITE, "PUT", &format!("{path}/$ref"));
    assert_eq!(own.body(reference(bench.id("sarah.lin"))).refused().0, 400);
    let nobody = bench.by("ken.adachi", WRITE, "PUT", &format!("{path}/$ref"));
    let id = "00000000-0000-0000-0000-000000000001";
    assert_eq!(nobody.body(reference(id)).refused(), gone(id));
    assert_eq!(bench.by("ken.adachi", WRITE, "DELETE", &format!("{path}/$ref")).status(), 204);
    assert_eq!(bench.by("doug", READ, "GET", path).refused(), gone("manager"));
    assert_eq!(bench.audited(), ["Set user manager", "Remove user manager"]);
}

#[test]
fn a_profile_is_changed_by_who_may_and_logged_once() {
    let bench = Bench::new();
    let sarah = bench.id("sarah.lin");
    let patch = |by: &str, scopes: &str, body: Value| {
        bench.by(by, scopes, "PATCH", "users/sarah.lin@contoso.com").body(body)
    };
    let change = json!({"jobTitle": "Manager", "usageLocation": "DE", "city": "Bonn", "officeLocation": null});
    assert_eq!(patch("ken.adachi", "User.Read.All", change.clone()).refused(), denied());
    assert_eq!(patch("paula.stone", WRITE, change.clone()).refused(), denied());
    assert_eq!(patch("ken.adachi", WRITE, change).status(), 204);
    let user = bench
        .by(
            "doug",
            READ,
            "GET",
            "users/sarah.lin@contoso.com?$select=jobTitle,usageLocation,city,officeLocation",
        )
        .ok();
    assert_eq!(user["jobTitle"], "Manager");
    assert_eq!(user["usageLocation"], "DE");
    assert_eq!(user["city"], "Bonn");
    assert_eq!(user["officeLocation"], Value::Null);
    let properties =
        ["city", "jobTitle", "officeLocation", "usageLocation"].map(str::to_owned).to_vec();
    let effect = Effect::ProfileUpdated { user: sarah, properties };
    assert_eq!(bench.ledger(&effect), 1);
    assert_eq!(bench.audited(), ["Update user"]);
    let world = bench.world();
    let target = &world.tenant.audit.entries.last().unwrap().targets[0];
    let title = target.properties.iter().find(|it| it.name == "JobTitle").unwrap();
    assert_eq!(title.old.as_deref(), Some("[\"Account Executive\"]"));
    assert_eq!(title.new.as_deref(), Some("[\"Manager\"]"));
    let kind = target.properties.iter().find(|it| it.name == "TargetId.UserType").unwrap();
    assert_eq!(kind.new.as_deref(), Some("\"Member\""));
}

#[test]
fn a_bad_change_changes_nothing() {
    let bench = Bench::new();
    let before = format!("{:?}", bench.user("sarah.lin"));
    let patch = |body: Value| {
        bench.by("ken.adachi", WRITE, "PATCH", "users/sarah.lin@contoso.com").body(body).refused()
    };
    let invalid = |name: &str| {
        bad(&format!("Invalid value specified for property '{name}' of resource 'User'."))
    };
    assert_eq!(patch(json!({"jobTitle": "x", "usageLocation": "USA"})), invalid("usageLocation"));
    assert_eq!(patch(json!({"jobTitle": 5})), invalid("jobTitle"));
    assert_eq!(patch(json!({"jobTitle": ""})), invalid("jobTitle"));
    assert_eq!(patch(json!({"displayName": null})), invalid("displayName"));
    assert_eq!(patch(json!({"displayName": "x".repeat(257)})), invalid("displayName"));
    assert_eq!(patch(json!({"accountEnabled": "no"})), invalid("accountEnabled"));
    assert_eq!(patch(json!({"businessPhones": ["1", "2"]})), invalid("businessPhones"));
    assert_eq!(
        patch(json!({"jobTitle": "x", "shoeSize": 43})),
        bad("Property 'shoeSize' does not exist as a declared property or extension property.")
    );
    assert_eq!(patch(json!({"id": "x"})), bad("Property 'id' is read-only and cannot be set."));
    assert_eq!(patch(json!({"userPrincipalName": "a@contoso.com"})).0, 501);
    assert_eq!(patch(Value::Null).0, 400);
    assert_eq!(format!("{:?}", bench.user("sarah.lin")), before);
    assert_eq!(bench.audited(), Vec::<&str>::new());
}

#[test]
fn a_user_mastered_on_the_premises_keeps_only_a_usage_location_in_the_cloud() {
    let bench = Bench::new();
    let patch = |body: Value| {
        bench.by("ken.adachi", WRITE, "PATCH", "users/gordon.blake@contoso.com").body(body)
    };
    let synced = bad(
        "Unable to update the specified properties for on-premises mastered Directory Sync objects \
         or objects currently undergoing migration.",
    );
    assert_eq!(patch(json!({"jobTitle": "x"})).refused(), synced);
    assert_eq!(patch(json!({"accountEnabled": false})).refused(), synced);
    assert_eq!(patch(json!({"usageLocation": "DE"})).status(), 204);
    let delete = bench.by("ken.adachi", WRITE, "DELETE", "users/gordon.blake@contoso.com");
    assert_eq!(delete.refused(), synced);
}

#[test]
fn an_account_is_blocked_and_unblocked_under_the_narrow_permission() {
    let bench = Bench::new();
    let narrow = "User.EnableDisableAccount.All User.Read.All";
    let patch = |by: &str, enabled: bool| {
        let call = bench.by(by, narrow, "PATCH", "users/alex.kim@contoso.com");
        call.body(json!({"accountEnabled": enabled}))
    };
    assert_eq!(patch("paula.stone", false).refused(), denied(), "Helpdesk may not block");
    assert_eq!(patch("ken.adachi", false).status(), 204);
    assert!(!bench.user("alex.kim").enabled);
    assert_eq!(patch("ken.adachi", true).status(), 204);
    let with_title = bench.by("ken.adachi", narrow, "PATCH", "users/alex.kim@contoso.com");
    assert_eq!(
        with_title.body(json!({"accountEnabled": false, "jobTitle": "x"})).refused(),
        denied()
    );
    let mut activities = bench.audited();
    // A blocked user leaves the group of everybody, too.
    activities.retain(|activity| !activity.contains("group"));
    assert_eq!(activities, ["Disable account", "Update user", "Enable account", "Update user"]);
}

#[test]
fn a_dynamic_group_follows_the_department() {
    let bench = Bench::new();
    let (alex, group) = (bench.id("alex.kim"), bench.group("Sales by Rule"));
    let patch = |department: &str| {
        let call = bench.by("ken.adachi", WRITE, "PATCH", "users/alex.kim@contoso.com");
        call.body(json!({"department": department})).status()
    };
    let inside = || bench.world().tenant.groups.get(group).unwrap().members.contains(&alex);
    assert!(!inside());
    assert_eq!(patch("Sales"), 204);
    assert!(inside());
    assert_eq!(patch("Finance"), 204);
    assert!(!inside());
    assert_eq!(bench.ledger(&Effect::MemberAdded { group, user: alex }), 1);
    assert_eq!(bench.ledger(&Effect::MemberRemoved { group, user: alex }), 1);
}

#[test]
fn revoking_sessions_answers_true_and_moves_the_time() {
    let bench = Bench::new();
    let sarah = bench.id("sarah.lin");
    let revoke = |by: &str, scopes: &str, alias: &str| {
        bench.by(by, scopes, "POST", &format!("users/{alias}@contoso.com/revokeSignInSessions"))
    };
    let before = bench.user("sarah.lin").sessions_valid_from;
    let answer = revoke("sam", "User.RevokeSessions.All", "sarah.lin").ok();
    assert_eq!(
        answer,
        json!({
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Edm.Boolean",
            "value": true,
        })
    );
    assert!(bench.user("sarah.lin").sessions_valid_from > before);
    assert_eq!(bench.ledger(&Effect::SessionsRevoked { user: sarah }), 1);
    assert_eq!(bench.audited(), ["Update StsRefreshTokenValidFrom Timestamp", "Update user"]);
    let world = bench.world();
    let [.., one, two] = world.tenant.audit.entries.as_slice() else { panic!() };
    assert_eq!(one.correlation, two.correlation);
}

#[test]
fn sessions_are_revoked_only_downwards() {
    let bench = Bench::new();
    let revoke = |by: &str, alias: &str| {
        let path = format!("users/{alias}@contoso.com/revokeSignInSessions");
        bench.by(by, "User.RevokeSessions.All", "POST", &path).answer().map(|answer| answer.status)
    };
    for (by, target, allowed) in [
        ("sam", "doug", true),
        ("sam", "paula.stone", true),
        ("sam", "svc-scanner", true),
        ("sam", "sam", true),
        ("sam", "dana", false),
        ("sam", "irene.walsh", false),
        ("sam", "ken.adachi", false),
        ("paula.stone", "doug", true),
        ("paula.stone", "ken.adachi", false),
        ("paula.stone", "sam", false),
        ("sam", "felix.brandt", false),
        ("ken.adachi", "paula.stone", true),
        ("ken.adachi", "ken.adachi", true),
        ("ken.adachi", "sam", false),
        ("felix.brandt", "dana", true),
        ("dana", "ken.adachi", true),
        ("doug", "sarah.lin", false),
        ("doug", "doug", true),
    ] {
        let got = revoke(by, target);
        assert_eq!(got.is_ok(), allowed, "{by} on {target}: {got:?}");
    }
    let path = "users/sarah.lin@contoso.com/revokeSignInSessions";
    assert_eq!(bench.by("sam", "User.Read.All", "POST", path).refused(), denied());
    assert_eq!(bench.by_app("User.RevokeSessions.All", "POST", path).status(), 200);
    let admin = "users/dana@contoso.com/revokeSignInSessions";
    assert_eq!(bench.by_app("User.RevokeSessions.All", "POST", admin).refused(), denied());
    let nobody = "users/nobody@contoso.com/revokeSignInSessions";
    let nobody = bench.by("sam", "User.RevokeSessions.All", "POST", nobody);
    assert_eq!(nobody.refused(), gone("nobody@contoso.com"));
}

#[test]
fn blocking_an_administrator_takes_a_higher_one_with_a_token_for_everything() {
    let bench = Bench::new();
    let block = |by: &str, scopes: &str, target: &str| {
        let call = bench.by(by, scopes, "PATCH", &format!("users/{target}@contoso.com"));
        call.body(json!({"accountEnabled": false})).answer().map(|answer| answer.status)
    };
    let all = "User.ReadWrite.All Directory.AccessAsUser.All";
    assert!(block("ken.adachi", all, "dana").is_err(), "upwards");
    assert!(block("ken.adachi", all, "sam").is_err(), "a License Administrator");
    assert!(block("dana", WRITE, "paula.stone").is_err(), "without AccessAsUser");
    assert_eq!(block("dana", all, "paula.stone").unwrap(), 204);
}

#[test]
fn a_password_is_set_under_its_own_permission_and_ends_the_sessions() {
    let bench = Bench::new();
    let before = bench.user("alex.kim");
    let patch = |by: &str, scopes: &str, password: &str| {
        let profile = json!({"forceChangePasswordNextSignIn": true, "password": password});
        let call = bench.by(by, scopes, "PATCH", "users/alex.kim@contoso.com");
        call.body(json!({"passwordProfile": profile}))
    };
    let scope = "User-PasswordProfile.ReadWrite.All";
    assert_eq!(patch("paula.stone", WRITE, "Long enough 1").refused(), denied());
    assert_eq!(patch("doug", scope, "Long enough 1").refused(), denied());
    assert_eq!(patch("paula.stone", scope, "short").refused().0, 400);
    assert_eq!(patch("paula.stone", scope, "Long enough 1").status(), 204);
    let after = bench.user("alex.kim");
    assert!(after.password.is("Long enough 1") && after.must_change_password);
    assert!(after.password_changed > before.password_changed);
    assert!(after.sessions_valid_from > before.sessions_valid_from);
    assert_eq!(
        bench.audited(),
        [
            "Reset user password",
            "Update PasswordProfile",
            "Update StsRefreshTokenValidFrom Timestamp",
            "Update user",
        ]
    );
    assert!(!format!("{:?}", bench.world().tenant.audit).contains("Long enough 1"));
}

#[test]
fn a_user_is_made_whatever_the_case_of_the_names_in_the_request() {
    let bench = Bench::new();
    let new = json!({
        "accountEnabled": true,
        "displayName": "New Hire",
        // CLI for Microsoft 365 spells it like this.
        "mailNickName": "new.hire",
        "userPrincipalName": "new.hire@contoso.com",
        "PasswordProfile": {"password": "Pa55-word!"},
    });
    let answer = bench.by("ken.adachi", WRITE, "POST", "users").body(new).answer().unwrap();
    assert_eq!(answer.status, 201);
    assert!(bench.user("new.hire").password.is("Pa55-word!"));
}

#[test]
fn a_user_is_made_and_joins_the_groups_of_the_rules() {
    let bench = Bench::new();
    let new = json!({
        "accountEnabled": true,
        "displayName": "New Hire",
        "mailNickname": "new.hire",
        "userPrincipalName": "new.hire@contoso.com",
        "department": "Sales",
        "passwordProfile": {"forceChangePasswordNextSignIn": true, "password": "Pa55-word!"},
    });
    let post = |by: &str, body: &Value| bench.by(by, WRITE, "POST", "users").body(body.clone());
    assert_eq!(post("paula.stone", &new).refused(), denied());
    let answer = post("ken.adachi", &new).answer().unwrap();
    assert_eq!(answer.status, 201);
    let body = answer.body.unwrap();
    assert_eq!(body["@odata.context"], "https://graph.microsoft.com/v1.0/$metadata#users/$entity");
    assert_eq!(body["userPrincipalName"], "new.hire@contoso.com");
    assert_eq!(body.get("passwordProfile"), None);
    let id = bench.id("new.hire");
    assert_eq!(bench.ledger(&Effect::UserCreated { user: id }), 1);
    let group = bench.group("Sales by Rule");
    assert!(bench.world().tenant.groups.get(group).unwrap().members.contains(&id));
    assert_eq!(bench.audited()[..2], ["Add user", "Add member to group"]);
    assert_eq!(
        post("ken.adachi", &new).refused(),
        bad("Another object with the same value for property userPrincipalName already exists.")
    );
    for (name, message) in [
        ("displayName", "A value is required for property 'displayName' of resource 'User'."),
        (
            "passwordProfile",
            "A value is required for property 'passwordProfile' of resource 'User'.",
        ),
    ] {
        let mut without = new.clone();
        without.as_object_mut().unwrap().remove(name);
        assert_eq!(post("ken.adachi", &without).refused(), bad(message));
    }
    let mut elsewhere = new.clone();
    elsewhere["userPrincipalName"] = json!("x@fabrikam.com");
    assert!(post("ken.adachi", &elsewhere).refused().2.contains("verified domain"));
    let mut strange = new;
    strange["userPrincipalName"] = json!("y@contoso.com");
    strange["shoeSize"] = json!(43);
    assert_eq!(post("ken.adachi", &strange).refused().0, 501);
}

#[test]
fn a_deleted_user_is_gone_everywhere() {
    let bench = Bench::new();
    let jon = bench.user("jon.miller");
    let seats = || bench.world().tenant.skus.get(jon.licences[0].sku).unwrap().consumed;
    let before = seats();
    let delete = |by: &str| bench.by(by, WRITE, "DELETE", "users/jon.miller@contoso.com");
    assert_eq!(delete("paula.stone").refused(), denied());
    assert_eq!(delete("ken.adachi").status(), 204);
    assert_eq!(delete("ken.adachi").refused(), gone("jon.miller@contoso.com"));
    assert_eq!(seats(), before - 1);
    assert_eq!(bench.ledger(&Effect::UserDeleted { user: jon.id }), 1);
    let world = bench.world();
    assert!(world.tenant.groups.iter().all(|group| !group.members.contains(&jon.id)));
    let entry = world.tenant.audit.entries.last().unwrap();
    assert_eq!(entry.activity, "Delete user");
    let upn = entry.targets[0].upn.as_deref().unwrap();
    assert_eq!(upn, format!("{}jon.miller@contoso.com", jon.id.simple()));
}

#[test]
fn who_reported_to_a_deleted_manager_has_none() {
    let bench = Bench::new();
    let all = "User.ReadWrite.All Directory.AccessAsUser.All";
    assert_eq!(bench.by("dana", all, "DELETE", "users/grace.tan@contoso.com").status(), 204);
    assert_eq!(bench.user("sarah.lin").manager, None);
}

#[test]
fn who_is_in_a_role_assignable_group_is_out_of_reach_of_the_helpdesk() {
    let bench = Bench::new();
    let (group, doug) = (bench.group("Tier 0 Operators"), bench.id("doug"));
    let revoke = |by: &str| {
        let path = "users/doug@contoso.com/revokeSignInSessions";
        bench.by(by, "User.RevokeSessions.All", "POST", path)
    };
    assert_eq!(revoke("sam").status(), 200);
    bench.world().tenant.groups.get_mut(group).unwrap().owners.insert(doug);
    assert_eq!(revoke("sam").refused(), denied());
    assert_eq!(revoke("felix.brandt").status(), 200);
}
