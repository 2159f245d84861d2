use std::collections::{BTreeSet, HashMap};

use super::cast::CAST;
use super::products::{SPE_E3, SPE_E5, SPE_F1, TEAMS_ENTERPRISE};
use super::*;
use crate::tenant::User;

fn sample() -> Tenant {
    build(1, 80)
}

fn person<'a>(tenant: &'a Tenant, upn: &str) -> &'a User {
    tenant.people.find(upn).unwrap_or_else(|| panic!("nobody is called {upn}"))
}

#[test]
fn the_same_seed_gives_the_same_company_and_another_seed_other_ids() {
    let [one, same, other] = [build(7, 80), build(7, 80), build(8, 80)].map(|tenant| {
        let people: Vec<_> = tenant.people.iter().collect();
        let groups: Vec<_> = tenant.groups.iter().collect();
        let all = format!("{people:?}{groups:?}{:?}{:?}", tenant.apps, tenant.audit);
        (all, person(&tenant, "doug@contoso.com").id)
    });
    assert!(one == same, "two companies from one seed differ");
    assert_ne!(one.1, other.1);
}

#[test]
fn the_cast_keeps_its_ids_however_large_the_company_is() {
    let (small, large) = (build(1, 0), build(1, 500));
    assert_eq!(small.people.iter().count(), CAST.len());
    assert_eq!(large.people.iter().count(), 500);
    for user in small.people.iter() {
        assert_eq!(large.people.get(user.id).map(|same| &same.upn), Some(&user.upn));
    }
    let ids = |tenant: &Tenant| tenant.groups.iter().map(|group| group.id).collect::<Vec<_>>();
    assert_eq!(ids(&small), ids(&large));
}

#[test]
fn every_employee_reports_up_to_the_chief_executive() {
    let tenant = build(1, 400);
    let top = person(&tenant, "evelyn.hart@contoso.com").id;
    for user in tenant.people.iter().filter(|user| user.employee_id.is_some()) {
        let mut at = user;
        let mut steps = 0;
        while let Some(manager) = at.manager.and_then(|id| tenant.people.get(id)) {
            at = manager;
            steps += 1;
            assert!(steps < 20, "{} goes round in circles", user.upn);
        }
        assert_eq!(at.id, top, "{}", user.upn);
    }
}

#[test]
fn addresses_are_unique_and_found_in_any_case() {
    let tenant = build(1, 3000);
    let mut seen = BTreeSet::new();
    for user in tenant.people.iter() {
        assert!(seen.insert(user.upn.to_lowercase()), "{} twice", user.upn);
        assert_eq!(
            tenant.people.find(&user.upn.to_uppercase()).map(|found| found.id),
            Some(user.id)
        );
        if let Some(mail) = &user.mail {
            assert_eq!(tenant.people.find_by_mail(mail).map(|found| found.id), Some(user.id));
        }
    }
}

#[test]
fn every_seat_is_counted_once_and_e5_is_sold_out() {
    let tenant = sample();
    for sku in &tenant.skus.0 {
        let holders = tenant.people.iter().filter(|user| user.holds(sku.id)).count();
        assert_eq!(usize::try_from(sku.consumed), Ok(holders), "{}", sku.part_number);
        assert!(sku.plans.len() > 3, "{}", sku.part_number);
    }
    let left = |id| tenant.skus.get(id).map(|sku| sku.enabled - sku.consumed);
    assert_eq!(left(SPE_E5), Some(0));
    assert_eq!(left(SPE_E3), Some(3));
}

#[test]
fn sarah_can_chat_but_has_no_e3_and_is_not_yet_in_the_sales_team() {
    let tenant = sample();
    let sarah = person(&tenant, "sarah.lin@contoso.com");
    let held: Vec<_> = sarah.licences.iter().map(|licence| licence.sku).collect();
    assert_eq!(held, [TEAMS_ENTERPRISE]);
    assert_eq!(sarah.usage_location.as_deref(), Some("US"));
    let groups: Vec<_> =
        tenant.groups.with_member(sarah.id).map(|group| group.display_name.as_str()).collect();
    assert_eq!(groups, ["All Employees", "Sales by Rule"]);
}

#[test]
fn everybody_at_work_has_a_plan_with_teams() {
    let tenant = sample();
    let at_work = |user: &&User| user.employee_id.is_some() && user.enabled;
    for user in tenant.people.iter().filter(at_work) {
        let teams = user
            .licences
            .iter()
            .filter_map(|held| tenant.skus.get(held.sku))
            .any(|sku| sku.plans.iter().any(|(_, name)| name == "TEAMS1"));
        assert!(teams, "{} cannot chat", user.upn);
    }
}

#[test]
fn who_has_no_usage_location_can_only_have_an_inherited_licence() {
    let tenant = sample();
    let nowhere: Vec<_> = tenant
        .people
        .iter()
        .filter(|user| user.usage_location.is_none() && !user.licences.is_empty())
        .collect();
    assert_eq!(nowhere.len(), 2);
    for licence in nowhere.iter().flat_map(|user| &user.licences) {
        assert_eq!(licence.sku, SPE_F1);
        assert!(licence.by_group.is_some());
    }
}

#[test]
fn names_are_shared_confusable_long_and_hostile() {
    let tenant = sample();
    let mut names: HashMap<&str, usize> = HashMap::new();
    for user in tenant.people.iter() {
        *names.entry(&user.display_name).or_default() += 1;
    }
    assert_eq!(names.get("Alex Kim"), Some(&2));
    assert_eq!(names.get("Maria Costa"), Some(&1), "the other one has a Cyrillic letter");
    assert!(names.keys().any(|name| name.chars().count() == 256));
    assert!(names.keys().any(|name| name.contains("<img")));
    let groups = tenant.groups.iter().filter(|group| group.display_name == "Finance").count();
    assert_eq!(groups, 2);
}

#[test]
fn guests_live_under_the_initial_domain_and_keep_their_own_mail() {
    let tenant = sample();
    let guest = person(&tenant, "priya.shah_fabrikam.com#EXT#@contoso.onmicrosoft.com");
    assert!(guest.guest);
    assert_eq!(guest.mail.as_deref(), Some("priya.shah@fabrikam.com"));
    assert_eq!(tenant.people.find_by_mail("Priya.Shah@fabrikam.com").map(|u| u.id), Some(guest.id));
}

#[test]
fn roles_are_held_by_whom_the_story_says() {
    let tenant = sample();
    let roles = |upn| -> Vec<_> {
        tenant.roles.of(person(&tenant, upn).id).map(|role| role.display_name).collect()
    };
    assert_eq!(roles("dana@contoso.com"), ["Global Administrator"]);
    assert_eq!(
        roles("sam@contoso.com"),
        [
            "User Administrator",
            "Helpdesk Administrator",
            "Authentication Administrator",
            "License Administrator",
            "Groups Administrator",
            "Reports Reader"
        ]
    );
    assert_eq!(roles("doug@contoso.com"), Vec::<&str>::new());
}

#[test]
fn every_named_person_in_a_table_exists() {
    let tenant = sample();
    let owned = tenant.groups.iter().filter(|group| !group.owners.is_empty()).count();
    assert_eq!(owned, 17, "all but the synced group and the scanners' have owners");
    let phoenix = tenant.groups.iter().find(|group| group.display_name == "Project Phoenix");
    assert_eq!(phoenix.map(|group| group.members.len()), Some(4));
    assert_eq!(crowd::DEPARTMENTS.iter().map(|it| it.share).sum::<u32>(), 100);
    assert_eq!(tenant.audit.entries.len(), 2);
}

#[test]
fn apps_have_consent_and_the_daemon_has_roles() {
    let tenant = sample();
    let principal = tenant.apps.principal_of(TWIN_ADMIN_APP).unwrap();
    let grant = tenant.apps.grants.iter().find(|grant| grant.client == principal.id).unwrap();
    assert!(grant.scopes.contains("LicenseAssignment.ReadWrite.All"));
    let daemon = tenant.apps.application(SAMPLE_DAEMON_APP).unwrap();
    assert!(!daemon.public_client && daemon.redirect_uris.is_empty());
    assert_eq!(tenant.apps.role_assignments.len(), 5);
}
