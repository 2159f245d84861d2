//! Passwords, access passes, sign-in methods, accounts and sessions, against a tenant.

use serde_json::{Value, json};
use subtwin_act::{Hands as _, Observed, SendError};
use subtwin_confirm::{Planner as _, Refusal};
use subtwin_kernel::{Action, MethodKind, MethodRef, Secret, Step, SystemEntropy};
use uuid::Uuid;

use crate::tenant::Tenant;

fn pass(tenant: &Tenant, alias: &str, minutes: u32, reusable: bool) -> Action {
    Action::TapIssue { person: tenant.person(alias), minutes, reusable }
}

/// The kinds that a plan removes, in its order.
fn kinds(parts: &[subtwin_kernel::Part]) -> Vec<MethodKind> {
    let kind = |part: &subtwin_kernel::Part| match &part.action {
        Action::MethodRemove { method, .. } => method.kind,
        other => panic!("{other:?}"),
    };
    parts.iter().map(kind).collect()
}

#[tokio::test]
async fn a_password_is_set_that_stands_in_no_plan() {
    let tenant = Tenant::new().await;
    let reset = Action::PasswordReset { person: tenant.person("jon.miller") };
    let part = tenant.part(&reset).await;
    insta::assert_snapshot!("password_reset", tenant.told(std::slice::from_ref(&part)));
    let (secret, _, password) = tenant.done(&part).await;
    assert!(secret.is_none(), "the new password is ours, not the directory's");
    assert_eq!(tenant.totals().await, json!({"passwordReset": 1}));
    assert!(!format!("{part:?}").contains(password.expose()));
}

#[tokio::test]
async fn a_new_password_fails_without_effect_or_is_found_to_be_set() {
    let tenant = Tenant::new().await;
    let reset = Action::PasswordReset { person: tenant.person("jon.miller") };
    tenant.fails_all_ways(&reset, "passwordReset").await;
}

#[tokio::test]
async fn a_password_mastered_on_premises_is_written_back_and_only_then_set() {
    let tenant = Tenant::new().await;
    tenant.control("quirks", json!({"resetTakesMs": 1200})).await;
    let part = tenant.part(&Action::PasswordReset { person: tenant.person("gordon.blake") }).await;
    insta::assert_snapshot!("password_reset_synced", tenant.told(std::slice::from_ref(&part)));
    tenant.done(&part).await;
    assert_eq!(tenant.totals().await["passwordReset"], 1);
}

#[tokio::test]
async fn a_password_that_was_accepted_and_not_written_back_is_not_set() {
    let tenant = Tenant::new().await;
    let part = tenant.part(&Action::PasswordReset { person: tenant.person("gordon.blake") }).await;
    tenant.control("faults", json!({"failWritebackNext": 1})).await;
    let (code, reason) = tenant.refused(&part).await;
    assert_eq!(code, "reset-failed");
    assert!(reason.contains("did not") && reason.contains("OnPremises"), "{reason}");
    assert_eq!(tenant.totals().await, json!({}));
}

#[tokio::test]
async fn a_reset_whose_answer_is_lost_is_looked_for() {
    let tenant = Tenant::new().await;
    let part = tenant.part(&Action::PasswordReset { person: tenant.person("gordon.blake") }).await;
    tenant.control("faults", json!({"failAfterNext": 1})).await;
    let (sent, trace, _) = tenant.send(&part).await;
    assert!(matches!(sent, Err(SendError::Unknown { .. })), "{sent:?}");
    assert_eq!(tenant.look(&part, &trace).await, Observed::InPlace);
}

#[tokio::test]
async fn a_password_is_put_in_its_place_and_nowhere_else() {
    let tenant = Tenant::new().await;
    let part = tenant.part(&Action::PasswordReset { person: tenant.person("jon.miller") }).await;
    let none = tenant.entra.send(&part.step, None, Uuid::nil()).await.unwrap_err();
    assert!(matches!(&none, SendError::Refused { code, .. } if code == "no-password"), "{none:?}");
    // A weak one is refused, and the refusal does not repeat it.
    let weak = Secret::new("weak".to_owned());
    let refused = tenant.entra.send(&part.step, Some(&weak), Uuid::nil()).await.unwrap_err();
    let SendError::Refused { reason, .. } = &refused else { panic!("{refused:?}") };
    assert!(
        reason.contains("too weak") && !format!("{refused:?}").contains("\"weak\""),
        "{reason}"
    );
    // A step that has no place for one does not get one.
    let title = Action::UserUpdate {
        person: tenant.person("jon.miller"),
        set: [(subtwin_kernel::Property::JobTitle, "Analyst".to_owned())].into(),
    };
    let title = tenant.part(&title).await;
    let password = Secret::new_password(&SystemEntropy::default());
    tenant.entra.send(&title.step, Some(&password), Uuid::nil()).await.unwrap();
    assert_eq!(tenant.look(&title, &tenant.send(&title).await.1).await, Observed::InPlace);
    let step = Step { body: Some(json!({"jobTitle": Step::NEW_PASSWORD})), ..title.step };
    let refused = tenant.entra.send(&step, Some(&password), Uuid::nil()).await.unwrap_err();
    assert!(matches!(&refused, SendError::Refused { code, .. } if code == "not-in-catalog"));
    assert_eq!(tenant.totals().await["passwordReset"], Value::Null);
}

#[tokio::test]
async fn nobody_renews_their_own_credentials_and_guests_have_theirs_elsewhere() {
    let tenant = Tenant::new().await;
    let doug = tenant.person("doug");
    let guest = tenant.person("priya.shah_fabrikam.com#EXT#");
    for (own, of_guest) in [
        (Action::PasswordReset { person: doug }, Some(Action::PasswordReset { person: guest })),
        (
            pass(&tenant, "doug", 60, false),
            Some(Action::TapIssue { person: guest, minutes: 60, reusable: false }),
        ),
        (Action::MfaReset { person: doug }, None),
    ] {
        assert_eq!(tenant.obstacle(&own).await.0, "own-credential", "{own:?}");
        if let Some(of_guest) = of_guest {
            assert_eq!(tenant.obstacle(&of_guest).await.0, "guest-person", "{of_guest:?}");
        }
    }
}

#[tokio::test]
async fn a_pass_is_issued_once_its_text_comes_back_as_a_secret_and_it_can_be_withdrawn() {
    let tenant = Tenant::new().await;
    let part = tenant.part(&pass(&tenant, "sarah.lin", 60, false)).await;
    insta::assert_snapshot!("tap_issue", tenant.told(std::slice::from_ref(&part)));
    let (secret, _, _) = tenant.done(&part).await;
    let secret = secret.expect("the pass");
    assert!(secret.expose().len() >= 8);
    assert_eq!(tenant.totals().await, json!({"accessPassIssued": 1}));
    assert_eq!(tenant.obstacle(&pass(&tenant, "sarah.lin", 60, true)).await.0, "tap-exists");

    let (code, reason) = tenant.refused_again(&part).await;
    assert!(reason.contains("nobody can have two"), "{code}: {reason}");

    let withdraw = tenant.undone(&part).await;
    let golden = tenant.told(std::slice::from_ref(&withdraw));
    let Action::MethodRemove { method, .. } = &withdraw.action else { panic!("{withdraw:?}") };
    insta::assert_snapshot!("tap_withdraw", golden.replace(&method.id, "{pass}"));
    assert_eq!(tenant.totals().await["accessPassDeleted"], 1);
    let again = Action::TapWithdraw { person: tenant.person("sarah.lin") };
    assert_eq!(tenant.obstacle(&again).await.0, "already");
}

impl Tenant {
    /// A refusal of what is there already, so that a look cannot tell.
    async fn refused_again(&self, part: &subtwin_kernel::Part) -> (String, String) {
        let (sent, ..) = self.send(part).await;
        let Err(SendError::Refused { code, reason }) = sent else { panic!("{sent:?}") };
        (code, reason)
    }
}

#[tokio::test]
async fn a_pass_fails_without_effect_or_is_found_to_have_been_issued() {
    let tenant = Tenant::new().await;
    tenant.fails_all_ways(&pass(&tenant, "sarah.lin", 60, true), "accessPassIssued").await;
}

#[tokio::test]
async fn the_policy_for_passes_is_known_before_the_call_and_understood_after_it() {
    let tenant = Tenant::new().await;
    let planned = tenant.part(&pass(&tenant, "sarah.lin", 60, true)).await;
    let long = tenant.part(&pass(&tenant, "sarah.lin", 480, true)).await;
    for (minutes, reusable, code) in
        [(59, false, "tap-lifetime"), (481, false, "tap-lifetime"), (480, true, "")]
    {
        let wanted = pass(&tenant, "sarah.lin", minutes, reusable);
        match tenant.plan(&wanted).await {
            Ok(_) => assert_eq!(code, "", "{minutes}"),
            Err(Refusal::Impossible { code: got, .. }) => assert_eq!(got, code, "{minutes}"),
            Err(other) => panic!("{other:?}"),
        }
    }
    let policy = async |body: Value| tenant.control("policies/temporaryAccessPass", body).await;
    policy(json!({"maximumLifetimeInMinutes": 120})).await;
    let (_, reason) = tenant.refused(&long).await;
    assert!(reason.contains("does not allow that lifetime"), "{reason}");
    policy(json!({"isUsableOnce": true})).await;
    assert_eq!(tenant.obstacle(&pass(&tenant, "sarah.lin", 60, true)).await.0, "tap-once-only");
    assert!(tenant.refused(&planned).await.1.contains("work once"));
    policy(json!({"isUsableOnce": false, "exclude": ["All Employees"]})).await;
    let (code, reason) = tenant.obstacle(&pass(&tenant, "sarah.lin", 60, false)).await;
    assert!(code == "tap-policy-off" && reason.contains("sarah.lin@contoso.com"), "{reason}");
    assert!(tenant.refused(&planned).await.1.contains("switched off for this person"));
    policy(json!({"exclude": [], "state": "disabled"})).await;
    let (code, reason) = tenant.obstacle(&pass(&tenant, "sarah.lin", 60, false)).await;
    assert!(code == "tap-policy-off" && reason.contains("this organisation"), "{reason}");
    assert_eq!(tenant.totals().await, json!({}));
}

#[tokio::test]
async fn every_method_is_a_part_of_its_own_and_the_default_goes_last() {
    let tenant = Tenant::new().await;
    let reset = Action::MfaReset { person: tenant.person("grace.tan") };
    let parts = tenant.plan(&reset).await.unwrap();
    let mut golden = tenant.told(&parts);
    for part in &parts {
        let Action::MethodRemove { method, .. } = &part.action else { panic!("{part:?}") };
        golden = golden.replace(&method.id, &format!("{{{:?}}}", method.kind));
    }
    insta::assert_snapshot!("mfa_reset", golden);
    for part in &parts {
        tenant.done(part).await;
    }
    let removed = u64::try_from(parts.len()).unwrap();
    assert_eq!(tenant.totals().await, json!({"methodDeleted": removed}));
    let (code, reason) = tenant.obstacle(&reset).await;
    assert!(code == "already" && reason.contains("no sign-in method but"), "{reason}");
    // What is gone already counts as done.
    let (sent, ..) = tenant.send(&parts[0]).await;
    assert!(matches!(sent, Err(SendError::AlreadySo)), "{sent:?}");
}

#[tokio::test]
async fn whichever_the_default_is_it_is_removed_last() {
    let tenant = Tenant::new().await;
    for (alias, expected) in [
        ("john.miller", vec![MethodKind::PlatformCredential, MethodKind::MicrosoftAuthenticator]),
        ("alex.kim2", vec![MethodKind::SoftwareOath, MethodKind::Phone]),
        (
            "alex.kim",
            vec![MethodKind::Email, MethodKind::Phone, MethodKind::MicrosoftAuthenticator],
        ),
    ] {
        let reset = Action::MfaReset { person: tenant.person(alias) };
        let parts = tenant.plan(&reset).await.unwrap();
        assert_eq!(kinds(&parts), expected, "{alias}");
        for part in &parts {
            tenant.done(part).await;
        }
    }
}

#[tokio::test]
async fn a_default_that_is_not_gone_last_is_that_parts_own_failure() {
    let tenant = Tenant::new().await;
    let reset = Action::MfaReset { person: tenant.person("alex.kim") };
    let parts = tenant.plan(&reset).await.unwrap();
    let (_, reason) = tenant.refused(parts.last().unwrap()).await;
    assert!(reason.contains("default method"), "{reason}");
    tenant.done(&parts[0]).await;
    assert_eq!(tenant.totals().await, json!({"methodDeleted": 1}));
}

#[tokio::test]
async fn removing_a_method_fails_without_effect_or_is_found_to_be_done() {
    let tenant = Tenant::new().await;
    let reset = Action::MfaReset { person: tenant.person("jon.miller") };
    tenant.fails_all_ways(&reset, "methodDeleted").await;
}

#[tokio::test]
async fn one_method_alone_is_removed_if_it_is_there() {
    let tenant = Tenant::new().await;
    let person = tenant.person("jon.miller");
    let parts = tenant.plan(&Action::MfaReset { person }).await.unwrap();
    let part = tenant.part(&parts[0].action).await;
    assert_eq!(part.step, parts[0].step);
    let method = MethodRef { kind: MethodKind::Fido2, id: "gone".to_owned() };
    assert_eq!(tenant.obstacle(&Action::MethodRemove { person, method }).await.0, "already");
}

#[tokio::test]
async fn an_account_is_blocked_and_unblocked_and_who_blocked_it_is_told() {
    let tenant = Tenant::new().await;
    let person = tenant.person("jon.miller");
    let block = tenant.part(&Action::AccountBlock { person }).await;
    insta::assert_snapshot!("account_block", tenant.told(std::slice::from_ref(&block)));
    assert_eq!(tenant.obstacle(&Action::AccountUnblock { person }).await.0, "already");
    tenant.done(&block).await;
    assert_eq!(tenant.obstacle(&Action::AccountBlock { person }).await.0, "already");
    let unblock = tenant.undone(&block).await;
    insta::assert_snapshot!("account_unblock", tenant.told(std::slice::from_ref(&unblock)));
    let totals = tenant.totals().await;
    assert_eq!((&totals["accountBlocked"], &totals["accountUnblocked"]), (&json!(1), &json!(1)));
    // Blocked in a way that the log does not show, after it was unblocked.
    tenant.control("users/jon.miller", json!({"enabled": false})).await;
    let unknown = tenant.part(&Action::AccountUnblock { person }).await;
    assert!(unknown.shown.before.contains("does not show"), "{}", unknown.shown.before);
    tenant.control("users/jon.miller", json!({"enabled": true})).await;
    // In a tenant whose log Graph does not show.
    tenant.control("tenant", json!({"premium": false})).await;
    tenant.done(&block).await;
    let unknown = tenant.part(&Action::AccountUnblock { person }).await;
    assert!(unknown.shown.before.contains("does not show"), "{}", unknown.shown.before);
}

#[tokio::test]
async fn blocking_offers_to_end_sessions_unless_the_plan_does_that_already() {
    let tenant = Tenant::new().await;
    let person = tenant.person("jon.miller");
    let offers = |part: &subtwin_kernel::Part| {
        part.shown
            .consequences
            .iter()
            .any(|line| line.contains("signing them out everywhere ends it"))
    };
    assert!(offers(&tenant.part(&Action::AccountBlock { person }).await));
    let revoke = tenant.part(&Action::SessionRevoke { person }).await;
    let block = Action::AccountBlock { person };
    let after = tenant.entra.parts(&block, &tenant.asker("doug"), &[revoke]).await.unwrap();
    assert!(!offers(&after[0]), "{:?}", after[0].shown);
}

#[tokio::test]
async fn accounts_mastered_on_premises_are_left_to_the_premises() {
    let tenant = Tenant::new().await;
    let person = tenant.person("gordon.blake");
    assert_eq!(tenant.obstacle(&Action::AccountBlock { person }).await.0, "synced-person");
    // Planned before it was synced: Graph says so, too.
    let mut part = tenant.part(&Action::AccountBlock { person: tenant.person("jon.miller") }).await;
    part.step.path = format!("/v1.0/users/{person}");
    part.action = Action::AccountBlock { person };
    assert!(tenant.refused(&part).await.1.contains("on-premises"));
}

#[tokio::test]
async fn blocking_and_signing_out_fail_without_effect_or_are_found_to_be_done() {
    let tenant = Tenant::new().await;
    let person = tenant.person("jon.miller");
    tenant.fails_all_ways(&Action::AccountBlock { person }, "accountBlocked").await;
    tenant.fails_all_ways(&Action::AccountUnblock { person }, "accountUnblocked").await;
    let person = tenant.person("john.miller");
    tenant.fails_all_ways(&Action::SessionRevoke { person }, "sessionsRevoked").await;
}

#[tokio::test]
async fn what_entra_keeps_from_the_twin_is_refused_with_what_it_would_need() {
    let tenant = Tenant::new().await;
    // Dana is a Global Administrator: the policies stop this before there is a plan.
    let person = tenant.person("dana");
    let part = tenant.part(&Action::AccountBlock { person }).await;
    let (code, reason) = tenant.refused(&part).await;
    assert_eq!(code, "Authorization_RequestDenied");
    assert!(reason.contains("User.EnableDisableAccount.All"), "{reason}");
    let part = tenant.part(&Action::PasswordReset { person }).await;
    assert!(tenant.refused(&part).await.1.contains("User-PasswordProfile.ReadWrite.All"));
    let person = tenant.person("sarah.lin");
    let revoke = tenant.part(&Action::SessionRevoke { person }).await;
    insta::assert_snapshot!("session_revoke", tenant.told(std::slice::from_ref(&revoke)));
    tenant.done(&revoke).await;
}

#[tokio::test]
async fn what_a_replica_does_not_show_yet_is_not_there_yet() {
    let tenant = Tenant::new().await;
    let person = tenant.person("jon.miller");
    tenant.control("faults", json!({"replicaLagMs": 5000})).await;
    for action in [Action::PasswordReset { person }, Action::AccountBlock { person }] {
        let part = tenant.part(&action).await;
        let (sent, trace, _) = tenant.send(&part).await;
        sent.unwrap();
        assert_eq!(tenant.look(&part, &trace).await, Observed::NotThere, "{action:?}");
        tenant.control("clock", json!({"advance_seconds": 6})).await;
        assert_eq!(tenant.look(&part, &trace).await, Observed::InPlace, "{action:?}");
    }
}
