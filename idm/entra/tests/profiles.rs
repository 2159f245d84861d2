//! Profiles and managers, against a tenant.

use std::collections::BTreeMap;

use serde_json::json;
use subtwin_act::SendError;
use subtwin_kernel::{Action, Inverse, Property};

use crate::tenant::Tenant;

fn update(tenant: &Tenant, alias: &str, set: &[(Property, &str)]) -> Action {
    let set: BTreeMap<_, _> =
        set.iter().map(|(property, value)| (*property, (*value).to_owned())).collect();
    Action::UserUpdate { person: tenant.person(alias), set }
}

#[tokio::test]
async fn a_profile_is_changed_as_shown_and_set_back_as_it_was() {
    let tenant = Tenant::new().await;
    let set = [
        (Property::JobTitle, "Senior Account Executive"),
        (Property::OfficeLocation, ""),
        (Property::City, "Seattle"),
        (Property::Department, "Sales"),
    ];
    let change = update(&tenant, "sarah.lin", &set);
    let part = tenant.part(&change).await;
    insta::assert_snapshot!("user_update", tenant.told(std::slice::from_ref(&part)));
    tenant.done(&part).await;
    assert_eq!(tenant.obstacle(&change).await.0, "already");
    tenant.undone(&part).await;
    assert_eq!(tenant.part(&change).await, part, "as it was before");
    assert_eq!(tenant.totals().await["profileUpdated"], 2);
}

#[tokio::test]
async fn where_codes_go_is_shown_as_a_credential_and_changed_on_its_own() {
    let tenant = Tenant::new().await;
    let phone = update(&tenant, "sarah.lin", &[(Property::MobilePhone, "+1 425 555 0100")]);
    let part = tenant.part(&phone).await;
    insta::assert_snapshot!("user_update_phone", tenant.told(std::slice::from_ref(&part)));
    tenant.done(&part).await;
    tenant.undone(&part).await;
    let mails = update(&tenant, "sarah.lin", &[(Property::OtherMails, "sarah@example.com")]);
    let part = tenant.part(&mails).await;
    tenant.done(&part).await;
    let business = [(Property::BusinessPhones, "+1 425 555 0101")];
    let part = tenant.part(&update(&tenant, "sarah.lin", &business)).await;
    tenant.done(&part).await;
    tenant.undone(&part).await;
    let both = [(Property::MobilePhone, "+1 425 555 0100"), (Property::City, "Seattle")];
    let (code, reason) = tenant.obstacle(&update(&tenant, "sarah.lin", &both)).await;
    assert!(code == "asks-for-its-own" && reason.contains("separately"), "{reason}");
}

#[tokio::test]
async fn a_value_that_graph_would_refuse_is_refused_before_the_call() {
    let tenant = Tenant::new().await;
    for set in [
        (Property::UsageLocation, "UK"),
        (Property::UsageLocation, ""),
        (Property::DisplayName, ""),
        (Property::MobilePhone, "call me"),
        (Property::OtherMails, "sarah"),
        (Property::EmployeeId, "12345678901234567"),
    ] {
        let (code, _) = tenant.obstacle(&update(&tenant, "sarah.lin", &[set])).await;
        assert_eq!(code, "bad-value", "{set:?}");
    }
    assert_eq!(tenant.obstacle(&update(&tenant, "sarah.lin", &[])).await.0, "nothing-asked");
    let first = update(&tenant, "omar.haddad", &[(Property::UsageLocation, "us")]);
    let part = tenant.part(&first).await;
    assert!(matches!(&part.inverse, Inverse::None(why) if why.contains("empty")), "{part:?}");
    tenant.done(&part).await;
}

#[tokio::test]
async fn of_people_mastered_on_premises_only_the_usage_location_is_changed_here() {
    let tenant = Tenant::new().await;
    let title = update(&tenant, "gordon.blake", &[(Property::JobTitle, "Foreman")]);
    assert_eq!(tenant.obstacle(&title).await.0, "synced-person");
    let location = update(&tenant, "gordon.blake", &[(Property::UsageLocation, "GB")]);
    tenant.done(&tenant.part(&location).await).await;
    let manager = Action::ManagerSet {
        person: tenant.person("gordon.blake"),
        manager: Some(tenant.person("grace.tan")),
    };
    assert_eq!(tenant.obstacle(&manager).await.0, "synced-person");
}

#[tokio::test]
async fn a_manager_is_set_and_the_old_one_set_back() {
    let tenant = Tenant::new().await;
    let (person, dana) = (tenant.person("sarah.lin"), tenant.person("helen.fischer"));
    let set = Action::ManagerSet { person, manager: Some(dana) };
    let part = tenant.part(&set).await;
    insta::assert_snapshot!("manager_set", tenant.told(std::slice::from_ref(&part)));
    tenant.done(&part).await;
    assert_eq!(tenant.obstacle(&set).await.0, "already");
    tenant.undone(&part).await;
    let none = tenant.part(&Action::ManagerSet { person, manager: None }).await;
    insta::assert_snapshot!("manager_removed", tenant.told(std::slice::from_ref(&none)));
    tenant.done(&none).await;
    assert_eq!(tenant.obstacle(&Action::ManagerSet { person, manager: None }).await.0, "already");
    let (sent, ..) = tenant.send(&none).await;
    assert!(matches!(sent, Err(SendError::AlreadySo)), "{sent:?}");
    tenant.undone(&none).await;
    assert_eq!(tenant.totals().await, json!({"managerSet": 3, "managerRemoved": 1}));
}

#[tokio::test]
async fn nobody_is_their_own_manager_nor_that_of_theirs() {
    let tenant = Tenant::new().await;
    let (sarah, grace) = (tenant.person("sarah.lin"), tenant.person("grace.tan"));
    let own = Action::ManagerSet { person: sarah, manager: Some(sarah) };
    assert_eq!(tenant.obstacle(&own).await.0, "own-manager");
    let circle = Action::ManagerSet { person: grace, manager: Some(sarah) };
    assert_eq!(tenant.obstacle(&circle).await.0, "manager-circle");
    let gone = "00000000-0000-4000-8000-0000000000ff".parse().unwrap();
    let gone = Action::ManagerSet { person: sarah, manager: Some(gone) };
    assert_eq!(tenant.obstacle(&gone).await.0, "no-such-manager");
}

#[tokio::test]
async fn profiles_and_managers_fail_without_effect_or_are_found_to_be_changed() {
    let tenant = Tenant::new().await;
    let title = update(&tenant, "sarah.lin", &[(Property::JobTitle, "Analyst")]);
    tenant.fails_all_ways(&title, "profileUpdated").await;
    let person = tenant.person("sarah.lin");
    let manager = Action::ManagerSet { person, manager: Some(tenant.person("doug")) };
    tenant.fails_all_ways(&manager, "managerSet").await;
}
