use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{ALL, denied, path};
use crate::graph::model::conforms;
use crate::graph::testing::Bench;
use crate::graph::{Answer, Problem};
use crate::tenant::Effect;

const RESET: &str = "methods/28c10230-6103-485e-b985-444c60001490/resetPassword";

fn reset(bench: &Bench, by: &str, alias: &str, body: Value) -> Result<Answer, Problem> {
    bench.by(by, ALL, "POST", &path(alias, RESET)).body(body).answer()
}

/// What the operation behind an answer says now.
fn operation(bench: &Bench, answer: &Answer) -> Value {
    let header = |name: &str| {
        let found = answer.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap()
    };
    assert_eq!(header("Retry-After").parse::<u32>(), Ok(1));
    let location = header("Location");
    let path = location.strip_prefix("https://graph.microsoft.com/v1.0/").unwrap();
    let found = bench.by("sam", ALL, "GET", path).ok();
    assert_eq!(conforms("longRunningOperation", &found), Vec::<String>::new());
    found
}

fn wait(bench: &Bench) {
    bench.world().clock_offset += SignedDuration::from_secs(5);
}

#[test]
fn a_reset_is_accepted_then_runs_then_has_succeeded() {
    let bench = Bench::new();
    bench.world().tenant.quirks.reset_takes_ms = 4000;
    let alex = bench.user("alex.kim");
    let body = json!({"newPassword": "Nova-4711-Kite"});
    let answer = reset(&bench, "sam", "alex.kim", body).unwrap();
    assert_eq!((answer.status, &answer.body), (202, &None));
    assert_eq!(operation(&bench, &answer)["status"], "notStarted");
    wait(&bench);
    let done = operation(&bench, &answer);
    assert_eq!((&done["status"], &done["statusDetail"]), (&json!("succeeded"), &Value::Null));
    let after = bench.user("alex.kim");
    assert!(after.password.is("Nova-4711-Kite") && after.must_change_password);
    assert!(after.password_changed > alex.password_changed);
    assert!(after.sessions_valid_from > alex.sessions_valid_from);
    assert_eq!(bench.ledger(&Effect::PasswordReset { user: alex.id }), 1);
    assert_eq!(
        bench.audited(),
        [
            "Admin started password reset",
            "Reset password (by admin)",
            "Reset user password",
            "Update PasswordProfile",
            "Update StsRefreshTokenValidFrom Timestamp",
            "Update user",
        ]
    );
    let world = bench.world();
    let entries = &world.tenant.audit.entries[2..];
    assert!(entries.iter().all(|entry| entry.correlation == entries[0].correlation));
    assert_eq!(entries[0].service, "Self-service Password Management");
    assert_eq!(entries[2].service, "Core Directory");
    assert!(entries[0].at < entries[1].at, "a little apart");
    assert!(!format!("{world:?}").contains("Nova-4711-Kite"), "the password is printed somewhere");
}

#[test]
fn the_cloud_makes_a_password_when_none_is_given() {
    let bench = Bench::new();
    for body in [Value::Null, json!({}), json!({"newPassword": null})] {
        let answer = reset(&bench, "sam", "alex.kim", body).unwrap();
        let body = answer.body.clone().unwrap();
        assert_eq!(conforms("passwordResetResponse", &body), Vec::<String>::new());
        let made = body["newPassword"].as_str().unwrap();
        assert!(bench.user("alex.kim").password.is(made));
    }
    assert_eq!(reset(&bench, "sam", "gordon.blake", json!({})).unwrap_err().status, 400);
}

#[test]
fn a_reset_for_the_premises_may_be_accepted_and_fail() {
    let bench = Bench::new();
    let gordon = bench.user("gordon.blake");
    let good = json!({"newPassword": "Nova-4711-Kite"});
    bench.world().faults.fail_writeback_next = 1;
    let answer = reset(&bench, "sam", "gordon.blake", good.clone()).unwrap();
    assert_eq!(answer.status, 202);
    wait(&bench);
    let failed = operation(&bench, &answer);
    assert_eq!(failed["status"], "failed");
    assert!(failed["statusDetail"].as_str().unwrap().starts_with("OnPremises"), "{failed}");
    let after = bench.user("gordon.blake");
    assert!(after.password.is("Sandbox!1"), "nothing happened");
    assert_eq!(after.password_changed, gordon.password_changed);
    assert_eq!(bench.ledger(&Effect::PasswordReset { user: gordon.id }), 0);
    assert_eq!(bench.audited(), ["Admin started password reset", "Reset password (by admin)"]);
    {
        let world = bench.world();
        let entry = world.tenant.audit.entries.last().unwrap();
        assert_eq!(crate::graph::audit_logs::directory_audit(entry)["result"], "failure");
    }
    // The premises judge a weak password later, too.
    let weak = reset(&bench, "sam", "gordon.blake", json!({"newPassword": "x"})).unwrap();
    wait(&bench);
    assert_eq!(operation(&bench, &weak)["status"], "failed");
    let again = reset(&bench, "sam", "gordon.blake", good).unwrap();
    wait(&bench);
    assert_eq!(operation(&bench, &again)["status"], "succeeded");
    assert_eq!(bench.ledger(&Effect::PasswordReset { user: gordon.id }), 1);
    let list = bench.by("sam", ALL, "GET", &path("gordon.blake", "operations")).ok();
    assert_eq!(list["value"].as_array().unwrap().len(), 3);
}

#[test]
fn a_reset_is_refused_to_oneself_to_an_app_upwards_and_without_the_permission() {
    let bench = Bench::new();
    let body = json!({"newPassword": "Nova-4711-Kite"});
    for (by, target) in
        [("sam", "sam"), ("sam", "dana"), ("paula.stone", "alex.kim"), ("doug", "alex.kim")]
    {
        let refused = reset(&bench, by, target, body.clone()).unwrap_err();
        assert_eq!(refused.status, 403, "{by} on {target}");
    }
    assert!(reset(&bench, "felix.brandt", "dana", body.clone()).is_ok());
    let reset_path = path("alex.kim", RESET);
    let app = bench.by_app(ALL, "POST", &reset_path).body(body.clone());
    assert_eq!(app.refused(), denied());
    let other = bench.by("sam", "UserAuthMethod-Phone.ReadWrite.All", "POST", &reset_path);
    assert_eq!(other.body(body.clone()).refused(), denied());
    let phone = path("alex.kim", "methods/3179e48a-750b-4051-897c-87b9720928f7/resetPassword");
    assert_eq!(bench.by("sam", ALL, "POST", &phone).body(body).refused().0, 404);
    let unknown = path("alex.kim", "operations/00000000-0000-0000-0000-000000000001");
    assert_eq!(bench.by("sam", ALL, "GET", &unknown).refused().0, 404);
    let odd = reset(&bench, "sam", "alex.kim", json!({"password": "x"})).unwrap_err();
    assert_eq!(odd.status, 400);
}

#[test]
fn a_weak_password_and_the_old_one_are_refused_both_ways() {
    let bench = Bench::new();
    let alex = bench.id("alex.kim");
    let patch = |password: &str| {
        let scope = "User-PasswordProfile.ReadWrite.All";
        let body = json!({"passwordProfile": {"password": password}});
        bench.by("sam", scope, "PATCH", "users/alex.kim@contoso.com").body(body).answer()
    };
    for password in ["", "short", "alllowercase", "Sandbox!1"] {
        assert_eq!(patch(password).unwrap_err().status, 400, "{password}");
        let body = json!({"newPassword": password});
        if !password.is_empty() {
            let refused = reset(&bench, "sam", "alex.kim", body).unwrap_err();
            assert_eq!(refused.status, 400, "{password}");
        }
    }
    assert_eq!(bench.ledger(&Effect::PasswordReset { user: alex }), 0);
    assert_eq!(bench.audited(), Vec::<&str>::new());
    bench.world().tenant.quirks.password_reuse_refused = false;
    assert!(patch("Sandbox!1").is_ok());
    assert_eq!(bench.ledger(&Effect::PasswordReset { user: alex }), 1);
}

#[test]
fn a_password_profile_is_not_for_people_mastered_on_the_premises() {
    let bench = Bench::new();
    let body = json!({"passwordProfile": {"password": "Nova-4711-Kite"}});
    let scope = "User-PasswordProfile.ReadWrite.All";
    let call = bench.by("sam", scope, "PATCH", "users/gordon.blake@contoso.com").body(body);
    let (status, _, message) = call.refused();
    assert_eq!(status, 400);
    assert!(message.contains("on-premises mastered"), "{message}");
}
