//! Licences and groups, what only reads, and the tenant's log, against a tenant.

use std::collections::HashSet;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use subtwin_confirm::{Planner as _, Refusal};
use subtwin_kernel::{Action, Inverse, Part, Property, Tool, Touch};
use subtwin_record::{Trace, Trail as _};
use subtwin_sandbox::Settings;

use crate::tenant::Tenant;

#[tokio::test]
async fn a_licence_is_given_taken_and_given_back_with_what_was_switched_off() {
    let tenant = Tenant::new().await;
    let (person, sku) = (tenant.person("sarah.lin"), tenant.sku("SPE_E3").await);
    let give = Action::LicenseAssign { person, sku, disabled_plans: Vec::new() };
    let part = tenant.part(&give).await;
    insta::assert_snapshot!("license_assign", tenant.told(std::slice::from_ref(&part)));
    tenant.done(&part).await;
    assert_eq!(tenant.obstacle(&give).await.0, "already");
    let take = tenant.part(&Action::LicenseRemove { person, sku }).await;
    insta::assert_snapshot!("license_remove", tenant.told(std::slice::from_ref(&take)));
    tenant.done(&take).await;
    // With a service switched off, which the undo of taking it away brings back.
    let off = vec!["57ff2da0-773e-42df-b2af-ffb7a2317929".parse().unwrap()];
    let partly = Action::LicenseAssign { person, sku, disabled_plans: off.clone() };
    tenant.done(&tenant.part(&partly).await).await;
    let take = tenant.part(&Action::LicenseRemove { person, sku }).await;
    let Inverse::Action(Action::LicenseAssign { disabled_plans, .. }) = &take.inverse else {
        panic!("{:?}", take.inverse)
    };
    assert_eq!(*disabled_plans, off);
    tenant.done(&take).await;
    let back = tenant.undone(&take).await;
    assert_eq!(back.step.body.as_ref().unwrap()["addLicenses"][0]["disabledPlans"], json!(off));
}

#[tokio::test]
async fn seats_that_a_plan_takes_first_are_not_free_for_the_next() {
    let tenant = Tenant::new().await;
    let sku = tenant.sku("SPE_E3").await;
    let doug = tenant.asker("doug");
    let give = |alias: &str| Action::LicenseAssign {
        person: tenant.person(alias),
        sku,
        disabled_plans: Vec::new(),
    };
    let mut before: Vec<Part> = Vec::new();
    for (alias, left) in [("sarah.lin", 2), ("anna.silva", 1), ("sarah.linn", 0)] {
        let parts = tenant.entra.parts(&give(alias), &doug, &before).await.unwrap();
        let after = &parts[0].shown.after;
        assert!(after.contains(&format!(" {left} of ")), "{alias}: {after}");
        before.extend(parts);
    }
    let fourth = give("robert.tables");
    let refused = tenant.entra.parts(&fourth, &doug, &before).await.unwrap_err();
    let Refusal::Impossible { code, reason } = refused else { panic!("{refused:?}") };
    assert!(code == "no-seats" && reason.contains("come first"), "{reason}");
    let sold_out = tenant.sku("SPE_E5").await;
    let sold_out = Action::LicenseAssign {
        person: tenant.person("sarah.lin"),
        sku: sold_out,
        disabled_plans: Vec::new(),
    };
    assert_eq!(tenant.obstacle(&sold_out).await.0, "no-seats");
}

#[tokio::test]
async fn a_usage_location_that_the_plan_sets_first_counts() {
    let tenant = Tenant::new().await;
    let (person, sku) = (tenant.person("omar.haddad"), tenant.sku("SPE_E3").await);
    let give = Action::LicenseAssign { person, sku, disabled_plans: Vec::new() };
    assert_eq!(tenant.obstacle(&give).await.0, "no-usage-location");
    let set = [(Property::UsageLocation, "US".to_owned())].into();
    let location = tenant.part(&Action::UserUpdate { person, set }).await;
    let parts = tenant
        .entra
        .parts(&give, &tenant.asker("doug"), std::slice::from_ref(&location))
        .await
        .unwrap();
    let (sent, ..) = tenant.send(&parts[0]).await;
    assert!(sent.is_err(), "not before it is set");
    tenant.done(&location).await;
    tenant.done(&parts[0]).await;
}

#[tokio::test]
async fn licences_and_memberships_fail_without_effect_or_are_found_to_be_changed() {
    let tenant = Tenant::new().await;
    let (person, sku) = (tenant.person("sarah.lin"), tenant.sku("SPE_E3").await);
    let give = Action::LicenseAssign { person, sku, disabled_plans: Vec::new() };
    tenant.fails_all_ways(&give, "licenceAssigned").await;
    tenant.fails_all_ways(&Action::LicenseRemove { person, sku }, "licenceRemoved").await;
    let group = tenant.group("VPN Users").await;
    tenant.fails_all_ways(&Action::GroupMemberAdd { person, group }, "memberAdded").await;
    tenant.fails_all_ways(&Action::GroupMemberRemove { person, group }, "memberRemoved").await;
}

#[tokio::test]
async fn a_group_that_carries_licences_touches_them() {
    let tenant = Tenant::new().await;
    let (person, group) =
        (tenant.person("sarah.lin"), tenant.group("Licence Microsoft 365 F3").await);
    let add = tenant.part(&Action::GroupMemberAdd { person, group }).await;
    let licences: Vec<&Touch> =
        add.touches.iter().filter(|touch| matches!(touch, Touch::Licence { .. })).collect();
    assert!(!licences.is_empty(), "{:?}", add.touches);
    tenant.done(&add).await;
    let remove = tenant.undone(&add).await;
    assert_eq!(remove.touches, add.touches);
}

#[tokio::test]
async fn a_membership_is_shown_made_and_taken_back() {
    let tenant = Tenant::new().await;
    let (person, group) = (tenant.person("sarah.lin"), tenant.group("VPN Users").await);
    let add = tenant.part(&Action::GroupMemberAdd { person, group }).await;
    let golden = |part: &Part| {
        tenant.told(std::slice::from_ref(part)).replace(&group.to_string(), "{group}")
    };
    insta::assert_snapshot!("groupmember_add", golden(&add));
    tenant.done(&add).await;
    let remove = tenant.undone(&add).await;
    insta::assert_snapshot!("groupmember_remove", golden(&remove));
}

#[tokio::test]
async fn why_somebody_cannot_sign_in_is_read_from_the_log() {
    let tenant = Tenant::new().await;
    for (alias, part) in [
        ("jon.miller", "locked for a while"),
        ("taro.yamada", "blocked by a Conditional Access policy"),
        ("victor.novak", "the account is blocked"),
    ] {
        let person = tenant.person(alias);
        let words = tenant.entra.read(&Action::SigninExplain { person }).await.unwrap().to_text();
        assert!(words.contains(part) && words.contains(&format!("{alias}@contoso.com")), "{words}");
    }
    let find = Action::UserFind { person: tenant.person("sarah.lin") };
    let words = tenant.entra.read(&find).await.unwrap().to_text();
    assert!(words.contains("Manager: Grace Tan (grace.tan@contoso.com)"), "{words}");
    let revoke = Action::SessionRevoke { person: tenant.person("sarah.lin") };
    let refused = tenant.entra.read(&revoke).await.unwrap_err();
    assert!(matches!(refused, Refusal::Impossible { code: "not-a-question", .. }), "{refused:?}");
    assert_eq!(tenant.obstacle(&find).await.0, "read-only");
    tenant.control("tenant", json!({"premium": false})).await;
    let explain = Action::SigninExplain { person: tenant.person("sarah.lin") };
    let refused = tenant.entra.read(&explain).await.unwrap_err();
    assert!(matches!(refused, Refusal::Impossible { code: "no-premium", .. }), "{refused:?}");
}

/// One use of each tool that changes something.
pub(crate) async fn use_of(tenant: &Tenant, tool: Tool) -> Vec<Action> {
    let person = tenant.person("alex.kim2");
    let set = |property: Property, value: &str| Action::UserUpdate {
        person,
        set: [(property, value.to_owned())].into(),
    };
    match tool {
        Tool::UserFind | Tool::SigninExplain => Vec::new(),
        Tool::PasswordReset => vec![
            Action::PasswordReset { person },
            Action::PasswordReset { person: tenant.person("gordon.blake") },
        ],
        Tool::TapIssue => vec![
            Action::TapIssue { person, minutes: 60, reusable: false },
            Action::TapWithdraw { person },
        ],
        Tool::MfaReset => vec![Action::MfaReset { person }],
        Tool::SessionRevoke => vec![Action::SessionRevoke { person }],
        Tool::AccountBlock => vec![Action::AccountBlock { person }],
        Tool::AccountUnblock => {
            vec![Action::AccountUnblock { person: tenant.person("victor.novak") }]
        }
        Tool::LicenseAssign => {
            let sku = tenant.sku("SPE_E3").await;
            vec![Action::LicenseAssign { person, sku, disabled_plans: Vec::new() }]
        }
        Tool::LicenseRemove => {
            let sku = tenant.sku("ENTERPRISEPACK").await;
            vec![Action::LicenseRemove { person, sku }]
        }
        Tool::GroupMemberAdd => {
            let group = tenant.group("VPN Users").await;
            vec![Action::GroupMemberAdd { person, group }]
        }
        Tool::GroupMemberRemove => {
            let (person, group) = (tenant.person("doug"), tenant.group("VPN Users").await);
            vec![Action::GroupMemberRemove { person, group }]
        }
        Tool::UserUpdate => vec![
            set(Property::City, "Seattle"),
            set(Property::MobilePhone, "+1 425 555 0100"),
            set(Property::OtherMails, "alex@example.com"),
            Action::ManagerSet { person, manager: Some(tenant.person("doug")) },
        ],
    }
}

#[tokio::test]
async fn each_tool_works_with_its_own_permissions_alone() {
    for tool in Tool::ALL {
        let settings = Settings { audit_delay: Duration::ZERO, ..Settings::default() };
        let tenant = Tenant::for_tools(settings, &[tool]).await;
        let person = tenant.person("jon.miller");
        match tool {
            Tool::UserFind => drop(tenant.entra.read(&Action::UserFind { person }).await.unwrap()),
            Tool::SigninExplain => {
                drop(tenant.entra.read(&Action::SigninExplain { person }).await.unwrap());
            }
            _ => {}
        }
        for action in use_of(&tenant, tool).await {
            let (target, _) = tenant.entra.target(&action).await.unwrap();
            assert!(!target.privileged, "{action:?}");
            let mut taken = HashSet::new();
            for part in tenant.plan(&action).await.unwrap_or_else(|e| panic!("{action:?}: {e:?}")) {
                let (_, trace, _) = tenant.done(&part).await;
                let found = tenant.entra.find(&trace, &taken).await.unwrap();
                let found = found.unwrap_or_else(|| panic!("{action:?}: no entry"));
                assert!(taken.insert(found.id));
            }
        }
    }
}

#[tokio::test]
async fn what_services_exclude_or_need_is_graphs_to_say_and_ours_to_word() {
    let tenant = Tenant::new().await;
    tenant.control("quirks", json!({"plansExclude": true})).await;
    let (person, sku) = (tenant.person("sarah.linn"), tenant.sku("SPE_F1").await);
    let part =
        tenant.part(&Action::LicenseAssign { person, sku, disabled_plans: Vec::new() }).await;
    let (code, reason) = tenant.refused(&part).await;
    assert!(code == "Request_BadRequest" && reason.contains("cannot stand beside"), "{reason}");
    // One subscription has run out, another will.
    let give = |sku| Action::LicenseAssign { person, sku, disabled_plans: Vec::new() };
    let suspended = give(tenant.sku("PROJECTPROFESSIONAL").await);
    assert_eq!(tenant.obstacle(&suspended).await.0, "subscription-suspended");
    let grace = tenant.part(&give(tenant.sku("VISIOCLIENT").await)).await;
    assert!(grace.shown.consequences.iter().any(|line| line.contains("grace period")), "{grace:?}");
    tenant.done(&grace).await;
}

/// Calls that each write entries, on one person, one after the other.
async fn serialised(tenant: &Tenant) -> Vec<Trace> {
    let person = tenant.person("grace.tan");
    let mut traces = Vec::new();
    let set = |property, value: &str| Action::UserUpdate {
        person,
        set: [(property, value.to_owned())].into(),
    };
    let mut actions = vec![
        Action::PasswordReset { person },
        Action::SessionRevoke { person },
        set(Property::JobTitle, "Chief Sales Officer"),
        set(Property::MobilePhone, "+1 425 555 0199"),
        set(Property::JobTitle, "VP Sales"),
        Action::ManagerSet { person, manager: Some(tenant.person("dana")) },
        Action::ManagerSet { person, manager: None },
        Action::AccountBlock { person },
        Action::AccountUnblock { person },
        Action::AccountBlock { person },
        Action::AccountUnblock { person },
        Action::PasswordReset { person },
    ];
    for action in actions.drain(..) {
        let part = tenant.part(&action).await;
        traces.push(tenant.done(&part).await.1);
    }
    let began = traces.last().unwrap().ended_at.unwrap();
    for part in tenant.plan(&Action::MfaReset { person }).await.unwrap() {
        let mut trace = tenant.done(&part).await.1;
        // All parts of a plan are put on the record before the first is sent.
        trace.sent_at = began;
        traces.push(trace);
    }
    let pass = Action::TapIssue { person, minutes: 60, reusable: false };
    let pass = tenant.part(&pass).await;
    traces.push(tenant.done(&pass).await.1);
    let withdraw = tenant.part(&Action::TapWithdraw { person }).await;
    traces.push(tenant.done(&withdraw).await.1);
    traces
}

/// Each call with the one entry that is its own: found in order, none twice, and each written by
/// that very call.
async fn joined(tenant: &Tenant, traces: &[Trace]) {
    let mut taken = HashSet::new();
    let mut correlations: Vec<String> = Vec::new();
    for trace in traces {
        let found = tenant.entra.find(trace, &taken).await.unwrap();
        let found = found.unwrap_or_else(|| panic!("{:?}: not found", trace.action));
        assert!(taken.insert(found.id.clone()), "{}: twice", found.activity);
        // The entries of one call are dated about a millisecond apart, from the call on.
        let (at, ended) = (found.at, trace.ended_at.unwrap() + SignedDuration::from_millis(2));
        assert!(at <= ended, "{:?}: {at} after {ended}", trace.action);
        correlations.push(found.correlation_id);
    }
    let mut once = correlations.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), traces.len(), "every call has entries of its own");
}

#[tokio::test]
async fn calls_on_one_person_join_their_entries_one_to_one_without_ids_of_ours() {
    let tenant = Tenant::new().await;
    let traces = serialised(&tenant).await;
    joined(&tenant, &traces).await;
}

#[tokio::test]
async fn calls_on_one_person_join_their_own_entries_by_ids_of_ours_and_by_time_alone() {
    let settings = Settings {
        audit_delay: Duration::ZERO,
        correlation_follows_client: true,
        ..Settings::default()
    };
    let tenant = Tenant::with(settings).await;
    let traces = serialised(&tenant).await;
    joined(&tenant, &traces).await;
    let mut taken = HashSet::new();
    for trace in traces.iter().rev() {
        let found = tenant.entra.find(trace, &taken).await.unwrap().unwrap();
        assert_eq!(found.correlation_id, trace.client_request_id.to_string());
        taken.insert(found.id);
    }
    // As if the log had ids of its own: the same entries, found by time, one after the other and
    // each for itself.
    let mut taken = HashSet::new();
    for trace in &traces {
        let blind = Trace { client_request_id: uuid::Uuid::from_u128(7), ..trace.clone() };
        let found = tenant.entra.find(&blind, &taken).await.unwrap().unwrap();
        let own = trace.client_request_id.to_string();
        assert_eq!(found.correlation_id, own, "{:?}: {}", trace.action, found.activity);
        taken.insert(found.id);
        let alone = tenant.entra.find(&blind, &HashSet::new()).await.unwrap().unwrap();
        assert_eq!(alone.correlation_id, own, "{:?}: {}", trace.action, alone.activity);
    }
}

#[tokio::test]
async fn entries_that_show_five_minutes_late_are_found_when_they_show() {
    let settings = Settings { audit_delay: Duration::from_secs(300), ..Settings::default() };
    let tenant = Tenant::with(settings).await;
    let traces = serialised(&tenant).await;
    for trace in &traces {
        let found = tenant.entra.find(trace, &HashSet::new()).await.unwrap();
        assert_eq!(found, None, "{:?}", trace.action);
    }
    tenant.control("clock", json!({"advance_seconds": 301})).await;
    joined(&tenant, &traces).await;
}

#[tokio::test]
async fn an_entry_of_another_call_is_not_taken_for_one_that_does_not_show() {
    let tenant = Tenant::new().await;
    let person = tenant.person("gordon.blake");
    let part = tenant.part(&Action::PasswordReset { person }).await;
    let (_, trace, _) = tenant.done(&part).await;
    let first = tenant.entra.find(&trace, &HashSet::new()).await.unwrap().unwrap();
    assert_eq!(first.activity, "Reset user password");
    // A second call has no entry yet: what the first wrote beside its own is not the second's.
    let second = Trace { client_request_id: uuid::Uuid::from_u128(7), ..trace.clone() };
    let taken = HashSet::from([first.id]);
    assert_eq!(tenant.entra.find(&second, &taken).await.unwrap(), None);
    // Nor is what it wrote the entry of a change to the profile, although it has that name.
    let set = [(Property::City, "Seattle".to_owned())].into();
    let profile = Trace { action: Action::UserUpdate { person, set }, ..trace };
    assert_eq!(tenant.entra.find(&profile, &HashSet::new()).await.unwrap(), None);
}
