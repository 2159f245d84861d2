use serde_json::{Value, json};
use uuid::Uuid;

use crate::graph::desk::Desk;
use crate::graph::testing::{Bench, each};
use crate::tenant::Effect;

const READ: &str = "GroupMember.Read.All User.Read.All";
const MEMBER: &str = "GroupMember.ReadWrite.All";
const GROUP: &str = "Group.ReadWrite.All";
const F3: Uuid = uuid::uuid!("66b55226-6b4f-492c-910c-a3b7a3c9d993");

fn denied() -> (u16, String, String) {
    (
        403,
        "Authorization_RequestDenied".to_owned(),
        "Insufficient privileges to complete the operation.".to_owned(),
    )
}

fn bad(message: &str) -> (u16, String, String) {
    (400, "Request_BadRequest".to_owned(), message.to_owned())
}

fn gone(id: impl std::fmt::Display) -> (u16, String, String) {
    let message = format!(
        "Resource '{id}' does not exist or one of its queried reference-property objects are not \
         present."
    );
    (404, "Request_ResourceNotFound".to_owned(), message)
}

fn synced() -> (u16, String, String) {
    bad(
        "Unable to update the specified properties for on-premises mastered Directory Sync objects \
         or objects currently undergoing migration.",
    )
}

fn object(id: Uuid) -> String {
    format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}")
}

/// `POST /groups/{id}/members/$ref`.
fn add(bench: &Bench, by: &str, group: &str, member: &str) -> Result<u16, (u16, String, String)> {
    let path = format!("groups/{}/members/$ref", bench.group(group));
    let call = bench.by(by, MEMBER, "POST", &path);
    let answer = call.body(json!({"@odata.id": object(bench.id(member))})).answer();
    answer.map(|it| it.status).map_err(|why| (why.status, why.code, why.message))
}

/// `DELETE /groups/{id}/members/{id}/$ref`.
fn remove(
    bench: &Bench,
    by: &str,
    group: &str,
    member: &str,
) -> Result<u16, (u16, String, String)> {
    let path = format!("groups/{}/members/{}/$ref", bench.group(group), bench.id(member));
    let answer = bench.by(by, MEMBER, "DELETE", &path).answer();
    answer.map(|it| it.status).map_err(|why| (why.status, why.code, why.message))
}

fn members(bench: &Bench, group: &str) -> usize {
    let id = bench.group(group);
    bench.world().tenant.groups.get(id).unwrap().members.len()
}

#[test]
fn a_name_shared_by_two_groups_finds_both_with_their_kinds() {
    let bench = Bench::new();
    let path = "groups?$filter=displayName eq 'finance'&$select=id,mail,groupTypes,securityEnabled,\
                mailEnabled,isAssignableToRole,membershipRule,onPremisesSyncEnabled,visibility,\
                assignedLicenses,resourceProvisioningOptions";
    let answer = bench.by("doug", READ, "GET", path).ok();
    let [security, unified] = answer["value"].as_array().unwrap().as_slice() else { panic!() };
    assert_eq!(security["groupTypes"], json!([]));
    assert_eq!(security["securityEnabled"], true);
    assert_eq!(security["mail"], Value::Null);
    assert_eq!(unified["groupTypes"], json!(["Unified"]));
    assert_eq!(unified["mail"], "finance@contoso.com");
    assert_eq!(unified["isAssignableToRole"], Value::Null);
}

#[test]
fn groups_are_found_by_kind() {
    let bench = Bench::new();
    let names = |filter: &str| {
        let call = bench.by("doug", READ, "GET", "groups?$select=displayName");
        let answer = call.option("$filter", filter).ok();
        each(&answer, "displayName").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        names("groupTypes/any(c:c eq 'DynamicMembership')"),
        ["All Employees", "Sales by Rule"]
    );
    assert_eq!(names("isAssignableToRole eq true"), ["Tier 0 Operators"]);
    assert_eq!(names("onPremisesSyncEnabled eq true"), ["Warehouse Share"]);
    assert_eq!(names("resourceProvisioningOptions/any(x:x eq 'Team')").len(), 4);
    assert_eq!(
        names(&format!("assignedLicenses/any(x:x/skuId eq {F3})")),
        ["Licence Microsoft 365 F3"]
    );
    assert_eq!(names("displayName eq 'CEO''s Office'"), ["CEO's Office"]);
}

#[test]
fn a_group_shows_its_defaults_and_404s_when_there_is_none() {
    let bench = Bench::new();
    let id = bench.group("Sales Team");
    let group = bench.by("doug", READ, "GET", &format!("groups/{id}")).ok();
    assert_eq!(
        group["@odata.context"],
        "https://graph.microsoft.com/v1.0/$metadata#groups/$entity"
    );
    assert_eq!(group["visibility"], "Private");
    assert_eq!(group["resourceProvisioningOptions"], json!(["Team"]));
    assert_eq!(group["createdDateTime"], "2024-02-15T08:00:00Z");
    assert_eq!(group.get("assignedLicenses"), None, "only when selected");
    let nobody = "00000000-0000-0000-0000-000000000001";
    assert_eq!(bench.by("doug", READ, "GET", &format!("groups/{nobody}")).refused(), gone(nobody));
    assert_eq!(bench.by("doug", READ, "GET", "groups/sales").refused().0, 400);
    assert_eq!(bench.by("doug", "User.Read.All", "GET", "groups").refused(), denied());
    let count = bench.by("doug", READ, "GET", "groups/$count");
    assert_eq!(count.header("ConsistencyLevel", "eventual").ok(), 19);
}

#[test]
fn members_and_owners_are_listed_narrowed_and_counted() {
    let bench = Bench::new();
    let id = bench.group("Revenue Org");
    let get = |rest: &str| bench.by("doug", READ, "GET", &format!("groups/{id}/{rest}"));
    let all = get("members").ok();
    assert_eq!(each(&all, "@odata.type").len(), 3);
    assert_eq!(each(&get("members/microsoft.graph.user").ok(), "displayName"), ["Evelyn Hart"]);
    assert_eq!(each(&get("members/microsoft.graph.group").ok(), "displayName").len(), 2);
    assert_eq!(each(&get("owners").ok(), "displayName"), ["Grace Tan"]);
    let through = get("transitiveMembers/microsoft.graph.user?$select=displayName&$top=999").ok();
    assert!(each(&through, "displayName").contains(&"Sarah Lin"));
    let count = get("members/microsoft.graph.user/$count").header("ConsistencyLevel", "eventual");
    assert_eq!(count.ok(), 1);
    let expanded = bench.by("doug", READ, "GET", &format!("groups/{id}?$select=id&$expand=owners"));
    assert_eq!(expanded.ok()["owners"][0]["displayName"], "Grace Tan");
    let narrow = bench.by("doug", "GroupMember.Read.All", "GET", &format!("groups/{id}/members"));
    let narrow = narrow.ok();
    assert!(narrow["value"].to_string().contains("\"displayName\":null"), "users are not readable");
}

#[test]
fn hidden_members_are_shown_to_members_only() {
    let bench = Bench::new();
    let path = format!("groups/{}/members", bench.group("CEO's Office"));
    let seen = |by: &str, scopes: &str| {
        bench.by(by, scopes, "GET", &path).ok()["value"].as_array().unwrap().len()
    };
    assert_eq!(seen("doug", READ), 0);
    assert_eq!(seen("evelyn.hart", READ), 3);
    let group = format!("groups/{}?$expand=members", bench.group("CEO's Office"));
    assert_eq!(bench.by("doug", READ, "GET", &group).ok()["members"], json!([]));
    assert_eq!(seen("doug", &format!("{READ} Member.Read.Hidden")), 3);
}

#[test]
fn a_member_is_added_once_and_logged_as_graph_logs_it() {
    let bench = Bench::new();
    let (group, user) = (bench.group("Sales Team"), bench.id("sarah.lin"));
    assert_eq!(add(&bench, "sam", "Sales Team", "sarah.lin"), Ok(204));
    assert_eq!(bench.ledger(&Effect::MemberAdded { group, user }), 1);
    assert_eq!(
        add(&bench, "sam", "Sales Team", "sarah.lin"),
        Err(bad("One or more added object references already exist for the following modified \
             properties: 'members'."))
    );
    assert_eq!(bench.ledger(&Effect::MemberAdded { group, user }), 1);
    assert_eq!(bench.audited(), ["Add member to group"]);
    let world = bench.world();
    let entry = world.tenant.audit.entries.last().unwrap();
    assert_eq!((entry.category, entry.operation), ("GroupManagement", "Assign"));
    let [member, into] = entry.targets.as_slice() else { panic!("{entry:?}") };
    assert_eq!((member.id, into.id), (user, group));
    assert!(into.properties.is_empty());
    let properties: Vec<_> =
        member.properties.iter().map(|it| (it.name, it.new.as_deref())).collect();
    let id = format!("\"{group}\"");
    assert_eq!(
        properties,
        [
            ("Group.ObjectID", Some(id.as_str())),
            ("Group.DisplayName", Some("\"Sales Team\"")),
            ("Group.WellKnownObjectName", None),
        ]
    );
}

#[test]
fn owners_and_the_right_roles_may_change_members() {
    for (by, group, allowed) in [
        ("grace.tan", "Sales Team", true),
        ("sam", "Sales Team", true),
        ("ken.adachi", "Sales Team", true),
        ("dana", "Sales Team", true),
        ("doug", "Sales Team", false),
        ("paula.stone", "Sales Team", false),
        ("doug", "IT Department", true),
        ("grace.tan", "IT Department", false),
    ] {
        let bench = Bench::new();
        let got = add(&bench, by, group, "sarah.lin");
        assert_eq!(got.is_ok(), allowed, "{by} on {group}: {got:?}");
        if !allowed {
            assert_eq!(got, Err(denied()));
        }
    }
    let bench = Bench::new();
    let path = format!("groups/{}/members/$ref", bench.group("Sales Team"));
    let body = json!({"@odata.id": object(bench.id("sarah.lin"))});
    let without = bench.by("sam", READ, "POST", &path).body(body.clone());
    assert_eq!(without.refused(), denied(), "the role without the scope");
    assert_eq!(bench.by_app(MEMBER, "POST", &path).body(body).status(), 204);
}

#[test]
fn groups_that_graph_does_not_write_are_the_same_403_to_everybody() {
    let bench = Bench::new();
    for group in [
        "All Employees",
        "Sales by Rule",
        "Tier 0 Operators",
        "Company Announcements",
        "Facilities Alerts",
    ] {
        let before = members(&bench, group);
        for by in ["sam", "dana"] {
            assert_eq!(add(&bench, by, group, "maria.costa2"), Err(denied()), "{by} on {group}");
        }
        assert_eq!(members(&bench, group), before);
    }
    assert_eq!(remove(&bench, "sam", "All Employees", "doug"), Err(denied()));
    assert_eq!(add(&bench, "sam", "Warehouse Share", "doug"), Err(synced()));
    assert_eq!(remove(&bench, "sam", "Warehouse Share", "gordon.blake"), Err(synced()));
    assert_eq!(bench.audited(), Vec::<&str>::new(), "refusals leave no entry");
}

#[test]
fn a_role_assignable_group_takes_the_privileged_role_and_scope() {
    let bench = Bench::new();
    let path = format!("groups/{}/members/$ref", bench.group("Tier 0 Operators"));
    let post = |by: &str, scopes: &str| {
        let call = bench.by(by, scopes, "POST", &path);
        call.body(json!({"@odata.id": object(bench.id("doug"))})).answer().map(|it| it.status)
    };
    let both = format!("{MEMBER} RoleManagement.ReadWrite.Directory");
    assert!(post("felix.brandt", MEMBER).is_err());
    assert!(post("sam", &both).is_err());
    assert_eq!(post("felix.brandt", &both).unwrap(), 204);
}

#[test]
fn what_is_not_there_cannot_be_added_or_removed() {
    let bench = Bench::new();
    let group = bench.group("Sales Team");
    let nobody = uuid::uuid!("00000000-0000-0000-0000-000000000001");
    let post = |path: &str, body: Value| bench.by("sam", MEMBER, "POST", path).body(body).refused();
    let path = format!("groups/{group}/members/$ref");
    assert_eq!(post(&path, json!({"@odata.id": object(nobody)})), gone(nobody));
    assert_eq!(
        post(&format!("groups/{nobody}/members/$ref"), json!({"@odata.id": object(group)})),
        gone(nobody)
    );
    assert_eq!(post(&path, json!({})).0, 400);
    assert_eq!(post(&path, json!({"@odata.id": bench.id("sarah.lin")})).0, 400, "no address");
    assert_eq!(post(&path, json!({"@odata.id": object(bench.group("Finance"))})).0, 400, "nesting");
    let sarah = bench.id("sarah.lin");
    assert_eq!(remove(&bench, "sam", "Sales Team", "sarah.lin"), Err(gone(sarah)));
    let other = format!("groups/{group}/members/$ref");
    assert_eq!(bench.by("sam", MEMBER, "DELETE", &other).refused().0, 400);
}

#[test]
fn a_group_can_be_put_into_a_security_group() {
    let bench = Bench::new();
    let (vpn, team) = (bench.group("VPN Users"), bench.group("Sales Team"));
    let path = format!("groups/{vpn}/members/$ref");
    let body = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/groups/{team}")});
    assert_eq!(bench.by("sam", MEMBER, "POST", &path).body(body).status(), 204);
    let path = format!("groups/{vpn}/transitiveMembers/microsoft.graph.user?$select=displayName");
    assert!(each(&bench.by("doug", READ, "GET", &path).ok(), "displayName").contains(&"Grace Tan"));
    let path = format!("groups/{vpn}/members/{team}/$ref");
    assert_eq!(bench.by("sam", MEMBER, "DELETE", &path).status(), 204);
}

#[test]
fn a_bind_adds_up_to_twenty_or_nobody() {
    let bench = Bench::new();
    let group = bench.group("VPN Users");
    let strangers: Vec<Uuid> = {
        let world = bench.world();
        let members = &world.tenant.groups.get(group).unwrap().members;
        world.tenant.people.iter().map(|it| it.id).filter(|id| !members.contains(id)).collect()
    };
    let addresses = |ids: &[Uuid]| json!(ids.iter().map(|id| object(*id)).collect::<Vec<_>>());
    let patch = |ids: Value| {
        let call = bench.by("sam", MEMBER, "PATCH", &format!("groups/{group}"));
        call.body(json!({"members@odata.bind": ids})).answer().map(|it| it.status)
    };
    let before = members(&bench, "VPN Users");
    assert_eq!(patch(addresses(&strangers[..21])).unwrap_err().status, 400);
    let with_member = [strangers[0], bench.id("doug")];
    assert_eq!(patch(addresses(&with_member)).unwrap_err().status, 400, "one is in already");
    let twice = [strangers[0], strangers[0]];
    assert_eq!(patch(addresses(&twice)).unwrap_err().status, 400);
    assert_eq!(members(&bench, "VPN Users"), before, "all or nothing");
    assert_eq!(patch(addresses(&strangers[..20])).unwrap(), 204);
    assert_eq!(members(&bench, "VPN Users"), before + 20);
    let path = format!("groups/{group}/members");
    let post = bench.by("sam", MEMBER, "POST", &path);
    let post = post.body(json!({"members@odata.bind": addresses(&strangers[20..21])}));
    assert_eq!(post.status(), 204);
    assert_eq!(bench.audited().len(), 21);
}

#[test]
fn a_member_is_removed_by_either_form_of_reference() {
    let bench = Bench::new();
    let (group, jon) = (bench.group("Sales Team"), bench.id("jon.miller"));
    assert_eq!(remove(&bench, "sam", "Sales Team", "jon.miller"), Ok(204));
    assert_eq!(bench.ledger(&Effect::MemberRemoved { group, user: jon }), 1);
    assert_eq!(bench.audited(), ["Remove member from group"]);
    let john = bench.id("john.miller");
    let path = format!("groups/{group}/members/$ref?@id={}", object(john));
    assert_eq!(bench.by("sam", MEMBER, "DELETE", &path).status(), 204);
    assert!(bench.world().tenant.people.get(john).is_some());
    let world = bench.world();
    let entry = world.tenant.audit.entries.last().unwrap();
    assert_eq!(entry.operation, "Unassign");
    let old = entry.targets[0].properties[1].old.as_deref();
    assert_eq!(old, Some("\"Sales Team\""));
}

#[test]
fn without_ref_the_member_itself_is_deleted_if_the_token_may_delete_users() {
    let bench = Bench::new();
    let (group, jon) = (bench.group("Sales Team"), bench.id("jon.miller"));
    let path = format!("groups/{group}/members/{jon}");
    let delete = |by: &str, scopes: &str| bench.by(by, scopes, "DELETE", &path);
    assert_eq!(delete("ken.adachi", MEMBER).refused(), denied());
    assert_eq!(
        delete("paula.stone", "GroupMember.ReadWrite.All User.ReadWrite.All").refused(),
        denied()
    );
    assert!(bench.world().tenant.people.get(jon).is_some());
    let both = "GroupMember.ReadWrite.All User.ReadWrite.All";
    assert_eq!(delete("ken.adachi", both).status(), 204);
    assert!(bench.world().tenant.people.get(jon).is_none(), "the person is gone");
    assert_eq!(bench.ledger(&Effect::UserDeleted { user: jon }), 1);
    assert_eq!(bench.audited(), ["Delete user"]);
    assert_eq!(delete("ken.adachi", both).refused(), gone(jon));
}

#[test]
fn members_of_a_licensed_group_inherit_and_lose_its_licence() {
    let bench = Bench::new();
    let user = bench.id("sarah.lin");
    let seats = || bench.world().tenant.skus.get(F3).unwrap().consumed;
    let before = seats();
    assert_eq!(add(&bench, "sam", "Licence Microsoft 365 F3", "sarah.lin"), Ok(204));
    let group = bench.group("Licence Microsoft 365 F3");
    let inherited =
        || bench.user("sarah.lin").licences.into_iter().find(|it| it.by_group == Some(group));
    assert_eq!(inherited().map(|it| (it.sku, it.state)), Some((F3, "Active")));
    assert_eq!(seats(), before + 1);
    assert_eq!(bench.ledger(&Effect::LicenceAssigned { user, sku: F3 }), 1);
    assert_eq!(bench.audited(), ["Add member to group", "Change user license", "Update user"]);
    assert_eq!(remove(&bench, "sam", "Licence Microsoft 365 F3", "sarah.lin"), Ok(204));
    assert!(inherited().is_none());
    assert_eq!(seats(), before);
    assert_eq!(bench.ledger(&Effect::LicenceRemoved { user, sku: F3 }), 1);
    assert_eq!(bench.user("sarah.lin").licences.len(), 1, "the direct one stays");
}

#[test]
fn an_inherited_licence_without_a_seat_is_an_error_that_takes_none() {
    let bench = Bench::new();
    for alias in ["sarah.lin", "sam", "maria.costa2"] {
        assert_eq!(add(&bench, "sam", "Licence Microsoft 365 F3", alias), Ok(204));
    }
    let state = |alias: &str| {
        let held = bench.user(alias).licences;
        held.into_iter().find(|it| it.sku == F3).map(|it| (it.state, it.error))
    };
    assert_eq!(state("sam"), Some(("Active", "None")));
    assert_eq!(state("maria.costa2"), Some(("Error", "CountViolation")));
    let sku = |bench: &Bench| bench.world().tenant.skus.get(F3).unwrap().clone();
    assert_eq!(sku(&bench).consumed, sku(&bench).enabled);
    let path = format!(
        "groups/{}?$select=hasMembersWithLicenseErrors",
        bench.group("Licence Microsoft 365 F3")
    );
    assert_eq!(bench.by("doug", READ, "GET", &path).ok()["hasMembersWithLicenseErrors"], true);
    assert_eq!(remove(&bench, "sam", "Licence Microsoft 365 F3", "maria.costa2"), Ok(204));
    assert_eq!(sku(&bench).consumed, sku(&bench).enabled, "no seat was held, none is freed");
}

#[test]
fn an_owner_comes_and_goes_but_never_the_last() {
    let bench = Bench::new();
    let (group, grace, jon) =
        (bench.group("Sales Team"), bench.id("grace.tan"), bench.id("jon.miller"));
    let post = |by: &str, scopes: &str| {
        let call = bench.by(by, scopes, "POST", &format!("groups/{group}/owners/$ref"));
        call.body(json!({"@odata.id": object(jon)}))
    };
    let delete = |id: Uuid| {
        let path = format!("groups/{group}/owners/{id}/$ref");
        bench.by("sam", GROUP, "DELETE", &path)
    };
    assert_eq!(
        delete(grace).refused(),
        bad("The group must have at least one owner, hence this owner cannot be removed.")
    );
    assert_eq!(post("sam", MEMBER).refused(), denied());
    assert_eq!(post("doug", GROUP).refused(), denied());
    assert_eq!(delete(jon).refused(), gone(jon));
    assert_eq!(post("grace.tan", GROUP).status(), 204);
    assert!(post("sam", GROUP).refused().2.ends_with("modified properties: 'owners'."));
    assert_eq!(delete(grace).status(), 204);
    assert_eq!(bench.audited(), ["Add owner to group", "Remove owner from group"]);
    assert_eq!(bench.ledger(&Effect::OwnerAdded { group, user: jon }), 1);
    assert_eq!(bench.ledger(&Effect::OwnerRemoved { group, user: grace }), 1);
    let path = format!("groups/{group}/owners/$ref?@id={}", object(jon));
    assert!(bench.by("sam", GROUP, "DELETE", &path).refused().2.contains("at least one owner"));
}

fn new_group() -> Value {
    json!({
        "displayName": "Crew",
        "mailEnabled": false,
        "mailNickname": "crew",
        "securityEnabled": true,
    })
}

#[test]
fn a_group_is_made_by_anybody_with_the_scope_who_then_owns_it() {
    let bench = Bench::new();
    let post = |body: &Value| bench.by("doug", GROUP, "POST", "groups").body(body.clone());
    let answer = post(&new_group()).answer().unwrap();
    assert_eq!(answer.status, 201);
    let body = answer.body.unwrap();
    assert_eq!(body["groupTypes"], json!([]));
    let id = bench.group("Crew");
    assert_eq!(body["id"], id.to_string());
    let owners = bench.world().tenant.groups.get(id).unwrap().owners.clone();
    assert_eq!(Vec::from_iter(owners), [bench.id("doug")]);
    assert_eq!(add(&bench, "doug", "Crew", "sarah.lin"), Ok(204));
    assert_eq!(bench.audited(), ["Add group", "Add member to group"]);
    assert_eq!(bench.ledger(&Effect::GroupCreated { group: id }), 1);
    assert_eq!(bench.by("doug", READ, "POST", "groups").body(new_group()).refused(), denied());
}

#[test]
fn groups_that_cannot_be_made_are_refused() {
    let bench = Bench::new();
    let post = |changes: Value| {
        let mut body = new_group();
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        bench.by("ken.adachi", GROUP, "POST", "groups").body(body).refused()
    };
    assert_eq!(
        post(json!({"displayName": null})),
        bad("A value is required for property 'displayName' of resource 'Group'.")
    );
    assert!(post(json!({"mailEnabled": true})).2.contains("does not currently support writes"));
    assert_eq!(post(json!({"isAssignableToRole": true})), denied());
    assert_eq!(post(json!({"groupTypes": ["Odd"]})).0, 400);
    assert_eq!(post(json!({"groupTypes": ["DynamicMembership"]})).0, 400, "without a rule");
    assert_eq!(post(json!({"membershipRule": "user.city -eq \"x\""})).0, 400, "without the type");
    let rule = json!({"groupTypes": ["DynamicMembership"], "membershipRule": "user.shoe -eq 5"});
    assert!(post(rule).2.contains("user.shoe"));
    assert_eq!(post(json!({"theme": "Red"})).0, 501);
    assert_eq!(bench.world().tenant.groups.iter().count(), 19);
}

#[test]
fn a_dynamic_group_is_filled_when_made_and_when_its_rule_changes() {
    let bench = Bench::new();
    let mut body = new_group();
    body["groupTypes"] = json!(["DynamicMembership"]);
    body["membershipRule"] =
        json!("user.department -eq \"Legal\" and user.accountEnabled -eq true");
    assert_eq!(bench.by("ken.adachi", GROUP, "POST", "groups").body(body).status(), 201);
    let legal = members(&bench, "Crew");
    assert!(legal >= 4, "{legal}");
    let patch = |body: Value| {
        let path = format!("groups/{}", bench.group("Crew"));
        bench.by("ken.adachi", GROUP, "PATCH", &path).body(body)
    };
    assert_eq!(patch(json!({"membershipRule": "user.department"})).refused().0, 400);
    assert_eq!(
        patch(json!({"membershipRule": "user.mail -startsWith \"sarah.lin@\""})).status(),
        204
    );
    assert_eq!(members(&bench, "Crew"), 1);
    let (group, sarah) = (bench.group("Crew"), bench.id("sarah.lin"));
    assert_eq!(bench.ledger(&Effect::MemberAdded { group, user: sarah }), 1);
    assert_eq!(bench.ledger(&Effect::GroupUpdated { group }), 1);
    let count = |activity: &str| bench.audited().iter().filter(|it| **it == activity).count();
    assert_eq!(count("Add member to group"), legal + 1);
    assert_eq!(count("Remove member from group"), legal);
}

#[test]
fn a_group_is_changed_and_deleted_by_owners_and_roles() {
    let bench = Bench::new();
    let id = bench.group("VPN Users");
    let patch = |by: &str, scopes: &str, body: Value| {
        bench.by(by, scopes, "PATCH", &format!("groups/{id}")).body(body)
    };
    assert_eq!(patch("sam", MEMBER, json!({"displayName": "x"})).refused(), denied());
    assert_eq!(patch("jon.miller", GROUP, json!({"displayName": "x"})).refused(), denied());
    assert_eq!(patch("doug", GROUP, json!({"mail": "x"})).refused().0, 400);
    assert_eq!(patch("doug", GROUP, json!({"shoeSize": 4})).refused().0, 400);
    assert_eq!(patch("doug", GROUP, json!({"theme": "Red"})).refused().0, 501);
    let both = json!({
        "description": "New",
        "members@odata.bind": [object(bench.id("sarah.lin"))],
    });
    assert_eq!(patch("doug", GROUP, both).status(), 204);
    {
        let world = bench.world();
        let group = world.tenant.groups.get(id).unwrap();
        assert_eq!(group.description.as_deref(), Some("New"));
        assert_eq!(group.members.len(), 6);
    }
    let delete = |by: &str| bench.by(by, GROUP, "DELETE", &format!("groups/{id}"));
    assert_eq!(delete("jon.miller").refused(), denied());
    assert_eq!(delete("doug").status(), 204);
    assert_eq!(delete("doug").refused(), gone(id));
    let path = format!("groups/{}", bench.group("Warehouse Share"));
    assert_eq!(bench.by("sam", GROUP, "DELETE", &path).refused(), synced());
}

#[test]
fn deleting_a_licensed_group_takes_its_licences_back() {
    let bench = Bench::new();
    let path = format!("groups/{}", bench.group("Licence Microsoft 365 F3"));
    assert_eq!(bench.by("sam", GROUP, "DELETE", &path).status(), 204);
    assert_eq!(bench.world().tenant.skus.get(F3).unwrap().consumed, 0);
    assert!(bench.user("bianca.rossi").licences.is_empty());
}

#[test]
fn memberships_of_any_object_are_asked_for_in_either_place() {
    let desk = Desk::of_dana(&["Group.ReadWrite.All", "User.Read.All"]);
    let sarah = desk.user("sarah.lin@contoso.com");
    let made = json!({
        "displayName": "Outer", "mailEnabled": false, "mailNickname": "outer",
        "securityEnabled": true,
    });
    let outer = desk.send("POST", "groups", made).unwrap().body.unwrap()["id"].clone();
    let outer = outer.as_str().unwrap();
    let body = json!({"groupIds": [outer]});
    for address in
        [format!("directoryObjects/{sarah}"), format!("users/{sarah}"), format!("groups/{outer}")]
    {
        let check = format!("{address}/checkMemberGroups");
        let found = desk.send("POST", &check, body.clone()).unwrap().body.unwrap();
        assert_eq!(found["value"], json!([]), "{address}");
    }
    let reference = format!("https://graph.microsoft.com/v1.0/directoryObjects/{sarah}");
    desk.send("POST", &format!("groups/{outer}/members/$ref"), json!({"@odata.id": reference}))
        .unwrap();
    let check = format!("directoryObjects/{sarah}/checkMemberGroups");
    let found = desk.send("POST", &check, body).unwrap().body.unwrap();
    assert_eq!(found["value"], json!([outer]));
    let all = json!({"securityEnabledOnly": false});
    let of_group = format!("groups/{outer}/getMemberGroups");
    let found = desk.send("POST", &of_group, all.clone()).unwrap().body.unwrap();
    assert_eq!(found["value"], json!([]));
    let nobody = "directoryObjects/00000000-0000-0000-0000-00000000dead/getMemberGroups";
    assert_eq!(desk.refusal("POST", nobody, all).0, 404);
}
