//! The gate over the adapter: shipped policies, a whole tenant.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use subtwin_confirm::{Gate, Offered, Refusal};
use subtwin_entra::catalog;
use subtwin_kernel::{Action, Approval, Tool};
use subtwin_policy::Policies;

use crate::tenant::Tenant;
use crate::tools::use_of;

fn gate(tenant: &Tenant) -> Gate {
    let catalog = catalog(&Tool::ALL);
    let offered = Offered { tools: catalog.tools(), digest: catalog.digest() };
    let planner = Arc::new(tenant.entra.clone());
    Gate::new(planner, Policies::shipped(), offered, TimeZone::UTC)
}

#[test]
fn what_is_always_looked_at_covers_what_the_shipped_policies_ask_for() {
    let asked: Vec<Tool> = Tool::ALL
        .into_iter()
        .filter(|tool| Policies::shipped().depend_on_privilege(*tool))
        .collect();
    assert_eq!(
        asked,
        [
            Tool::PasswordReset,
            Tool::TapIssue,
            Tool::MfaReset,
            Tool::SessionRevoke,
            Tool::AccountBlock,
            Tool::AccountUnblock,
            Tool::UserUpdate
        ]
    );
}

#[tokio::test]
async fn a_plan_that_is_made_anew_is_the_same_and_says_who_must_agree() {
    let tenant = Tenant::new().await;
    let (gate, doug) = (gate(&tenant), tenant.person("doug"));
    for tool in Tool::ALL {
        for action in use_of(&tenant, tool).await {
            let actions = [action.clone()];
            let now = Timestamp::UNIX_EPOCH;
            let plan = match gate.plan(&actions, doug, now).await {
                Ok(plan) => plan,
                // Nothing to withdraw.
                Err(Refusal::AlreadySo(_)) => continue,
                Err(other) => panic!("{action:?}: {other:?}"),
            };
            let again = gate.plan(&actions, doug, now).await.unwrap();
            assert_eq!(plan.digest(), again.digest(), "{action:?}");
            let own = plan.approval == Approval::Own;
            assert_eq!(own, !action.risk().stands_alone(), "{action:?}: {:?}", plan.approval);
            if !own {
                let approvers = gate.approvers(&plan, doug, now).await.unwrap();
                assert_eq!(approvers, [tenant.person("dana")], "{action:?}");
            }
            assert_eq!(plan.appears_as, "Sam (IT twin) (sam@contoso.com)");
        }
    }
}

#[tokio::test]
async fn administrators_sponsors_and_the_twin_are_left_alone() {
    let tenant = Tenant::new().await;
    let (gate, doug) = (gate(&tenant), tenant.person("doug"));
    for alias in ["dana", "sam", "emergency", "felix.brandt", "ken.adachi", "paula.stone"] {
        let person = tenant.person(alias);
        for action in [
            Action::PasswordReset { person },
            Action::TapIssue { person, minutes: 60, reusable: false },
            Action::MfaReset { person },
            Action::SessionRevoke { person },
            Action::AccountBlock { person },
        ] {
            let refused =
                gate.plan(std::slice::from_ref(&action), doug, Timestamp::UNIX_EPOCH).await;
            let Err(Refusal::NotAllowed { rules }) = refused else {
                panic!("{alias} {action:?}: {refused:?}")
            };
            assert!(!rules.is_empty(), "{alias} {action:?}");
        }
    }
}

#[tokio::test]
async fn one_message_may_block_sign_out_and_take_a_licence() {
    let tenant = Tenant::new().await;
    let (gate, doug) = (gate(&tenant), tenant.person("doug"));
    let person = tenant.person("jon.miller");
    let sku = tenant.sku("SPE_E3").await;
    let actions = [
        Action::SessionRevoke { person },
        Action::AccountBlock { person },
        Action::LicenseRemove { person, sku },
        Action::MfaReset { person },
    ];
    let plan = gate.plan(&actions, doug, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(plan.parts.len(), 3, "{:?}", plan.left_out);
    assert!(plan.left_out[0].contains("separately"), "{:?}", plan.left_out);
    for part in &plan.parts {
        tenant.done(part).await;
    }
}
