//! What policies are told.

use serde_json::{Value, json};
use subtwin_confirm::{Planner as _, Refusal};
use subtwin_kernel::{Action, GroupId, PrincipalKind};
use subtwin_policy::{Asker, Protected, Target};

use crate::support::{
    APPROVERS, DOUG, E3, GLASS, GROUP, HELPDESK, PAT, SAM, SARAH, World, not_found, ok, user,
};
use crate::tenant::Tenant;

async fn world() -> World {
    let world = World::new().await;
    for (id, name) in [(DOUG, "Doug"), (PAT, "Pat"), (SARAH, "Sarah"), (SAM, "Sam"), (GLASS, "G")] {
        world.server.on(&format!("GET /v1.0/users/{id}"), ok(user(id, name, json!({}))));
        in_groups(&world, id, &[]);
        roles(&world, id, json!([]), json!([]), json!([]));
    }
    world
}

fn in_groups(world: &World, id: &str, groups: &[&str]) {
    let request = format!("POST /v1.0/users/{id}/checkMemberGroups");
    world.server.instead(&request, ok(json!({"value": groups})));
}

fn roles(world: &World, id: &str, roles: Value, member: Value, owned: Value) {
    let list = |value: Value| ok(json!({"value": value}));
    let path = format!("GET /v1.0/users/{id}");
    world
        .server
        .instead(&format!("{path}/transitiveMemberOf/microsoft.graph.directoryRole"), list(roles))
        .instead(&format!("{path}/transitiveMemberOf/microsoft.graph.group"), list(member))
        .instead(&format!("{path}/ownedObjects/microsoft.graph.group"), list(owned));
}

async fn asker(world: &World, id: &str, groups: &[GroupId]) -> Asker {
    world.entra().asker(id.parse().unwrap(), groups).await.unwrap()
}

async fn target(world: &World, action: &Action) -> Target {
    world.entra().target(action).await.unwrap().0
}

fn give(id: &str) -> Action {
    Action::LicenseAssign {
        person: id.parse().unwrap(),
        sku: E3.parse().unwrap(),
        disabled_plans: Vec::new(),
    }
}

fn revoke(id: &str) -> Action {
    Action::SessionRevoke { person: id.parse().unwrap() }
}

#[tokio::test]
async fn groups_are_asked_for_once_and_through_other_groups() {
    let world = world().await;
    in_groups(&world, PAT, &[HELPDESK, GROUP]);
    let named: Vec<GroupId> = [GROUP, E3].iter().map(|id| id.parse().unwrap()).collect();
    let pat = asker(&world, PAT, &named).await;
    assert!(pat.helpdesk, "by the group");
    assert!(pat.approver, "by name");
    assert_eq!(pat.groups, [named[0]]);
    assert!(pat.enabled && !pat.guest && !pat.twin);
    assert_eq!(
        (pat.upn.as_str(), pat.department.as_deref()),
        ("pat@contoso.com", Some("Marketing"))
    );
    let asked = world.server.seen("POST", &format!("/v1.0/users/{PAT}/checkMemberGroups"));
    assert_eq!(asked.len(), 1);
    for group in [GROUP, E3, HELPDESK, APPROVERS] {
        assert!(asked[0].body.contains(group), "{}", asked[0].body);
    }
    assert_eq!(world.server.seen_in_all(), 3, "a token, the person, their groups");
}

#[tokio::test]
async fn more_groups_than_graph_takes_at_once_are_asked_for_in_turns() {
    let world = world().await;
    let many: Vec<GroupId> =
        (0..45u128).map(|n| GroupId::new(uuid::Uuid::from_u128(n + 1))).collect();
    asker(&world, PAT, &many).await;
    let asked = world.server.seen("POST", &format!("/v1.0/users/{PAT}/checkMemberGroups"));
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn whoever_is_nobody_here_may_not_ask_and_the_twin_is_known() {
    let world = world().await;
    world.server.instead(&format!("GET /v1.0/users/{PAT}"), not_found());
    world.server.instead(&format!("POST /v1.0/users/{PAT}/checkMemberGroups"), not_found());
    let refused = world.entra().asker(PAT.parse().unwrap(), &[]).await;
    assert!(
        matches!(&refused, Err(Refusal::NotAllowed { rules }) if rules.is_empty()),
        "{refused:?}"
    );
    assert!(asker(&world, SAM, &[]).await.twin);
    let sponsor = world.entra_as(PrincipalKind::DelegatedHuman);
    assert!(!sponsor.asker(SAM.parse().unwrap(), &[]).await.unwrap().twin, "a borrowed account");
    let doug = asker(&world, DOUG, &[]).await;
    assert!(doug.helpdesk && !doug.approver);
    for (with, enabled, guest) in [
        (json!({"accountEnabled": false}), false, false),
        (json!({"userType": "Guest"}), true, true),
    ] {
        world.server.instead(&format!("GET /v1.0/users/{DOUG}"), ok(user(DOUG, "Doug", with)));
        let doug = asker(&world, DOUG, &[]).await;
        assert_eq!((doug.enabled, doug.guest), (enabled, guest));
    }
}

#[tokio::test]
async fn the_target_of_a_licence_is_one_read() {
    let world = world().await;
    let with = json!({"manager": {"id": DOUG}, "onPremisesSyncEnabled": true});
    world.server.instead(&format!("GET /v1.0/users/{SARAH}"), ok(user(SARAH, "Sarah", with)));
    let sarah = target(&world, &give(SARAH)).await;
    assert_eq!(sarah.manager, Some(DOUG.parse().unwrap()));
    assert!(sarah.synced && sarah.enabled && !sarah.privileged && sarah.protected.is_none());
    assert_eq!(world.server.seen_in_all(), 2, "a token and the person");
    let query = &world.server.seen("GET", &format!("/v1.0/users/{SARAH}"))[0].query;
    assert!(query.ends_with("&$expand=manager($select=id)"), "{query}");
}

#[tokio::test]
async fn the_twin_its_sponsors_and_emergency_accounts_are_protected() {
    let world = world().await;
    for (id, expected) in [
        (SAM, Some(Protected::Twin)),
        (DOUG, Some(Protected::Sponsor)),
        (GLASS, Some(Protected::BreakGlass)),
        (SARAH, None),
    ] {
        assert_eq!(target(&world, &give(id)).await.protected, expected, "{id}");
    }
}

#[tokio::test]
async fn a_role_or_a_way_to_one_is_told_where_the_rules_ask_for_it() {
    let carrier = json!([{"id": GROUP, "displayName": "Admins", "isAssignableToRole": true}]);
    let plain = json!([{"id": GROUP, "displayName": "Finance", "isAssignableToRole": null}]);
    let role = json!([{"@odata.type": "#microsoft.graph.directoryRole", "id": E3,
                       "displayName": null}]);
    for (held, member, owned, privileged) in [
        (role, json!([]), json!([]), true),
        (json!([]), carrier.clone(), json!([]), true),
        (json!([]), json!([]), carrier, true),
        (json!([]), plain.clone(), plain, false),
    ] {
        let world = world().await;
        roles(&world, SARAH, held.clone(), member, owned);
        assert_eq!(target(&world, &revoke(SARAH)).await.privileged, privileged, "{held}");
        assert!(!target(&world, &give(SARAH)).await.privileged);
        let take =
            Action::LicenseRemove { person: SARAH.parse().unwrap(), sku: E3.parse().unwrap() };
        assert_eq!(target(&world, &take).await.privileged, privileged, "a policy asks for it");
    }
}

#[tokio::test]
async fn who_is_gone_is_said_to_be_gone() {
    let world = world().await;
    let path = format!("GET /v1.0/users/{SARAH}");
    world.server.instead(&path, not_found());
    let role = format!("{path}/transitiveMemberOf/microsoft.graph.directoryRole");
    world.server.instead(&role, not_found());
    for action in [give(SARAH), revoke(SARAH)] {
        let refused = world.entra().target(&action).await;
        let Err(Refusal::Impossible { code, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(code, "no-such-person");
    }
}

#[tokio::test]
async fn approvers_come_before_helpdesk_and_names_before_groups() {
    let world = world().await;
    let member = |id: &str, upn: &str| json!({"@odata.type": "#microsoft.graph.user", "id": id, "userPrincipalName": upn});
    let nested = json!({"@odata.type": "#microsoft.graph.group", "id": GROUP});
    let members = |all: Value| ok(json!({"value": all}));
    world.server.on(
        &format!("GET /v1.0/groups/{APPROVERS}/transitiveMembers"),
        members(json!([member(SARAH, "z@contoso.com"), nested, member(GLASS, "a@contoso.com")])),
    );
    world.server.on(
        &format!("GET /v1.0/groups/{HELPDESK}/transitiveMembers"),
        members(json!([member(PAT, "pat@contoso.com")])),
    );
    let expected = [PAT, GLASS, SARAH, DOUG].map(|id| id.parse().unwrap());
    assert_eq!(world.entra().approvers().await.unwrap(), expected);
    assert_eq!(world.entra().appears_as(), "Sam (sam@contoso.com)");
}

#[tokio::test]
async fn a_tenant_tells_the_same_facts() {
    let tenant = Tenant::new().await;
    let sarah = tenant.person("sarah.lin");
    let (target, group) =
        tenant.entra.target(&Action::SessionRevoke { person: sarah }).await.unwrap();
    assert_eq!(target.manager, Some(tenant.person("grace.tan")));
    assert!(!target.privileged && group.is_none());
    for alias in ["dana", "felix.brandt", "paula.stone", "sam"] {
        let action = Action::SessionRevoke { person: tenant.person(alias) };
        assert!(tenant.entra.target(&action).await.unwrap().0.privileged, "{alias}");
    }
    let group = tenant.group("All Employees").await;
    let add = Action::GroupMemberAdd { person: sarah, group };
    let (_, found) = tenant.entra.target(&add).await.unwrap();
    let found = found.unwrap();
    assert_eq!((found.id, found.name.as_str()), (group, "All Employees"));
    let asker = tenant.entra.asker(sarah, &[group]).await.unwrap();
    assert_eq!(asker.groups, [group]);
}
