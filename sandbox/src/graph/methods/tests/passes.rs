use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{READ, denied, path};
use crate::graph::model::conforms;
use crate::graph::testing::Bench;
use crate::tenant::Effect;

const TAP: &str = "UserAuthMethod-TAP.ReadWrite.All";
const POLICY: &str =
    "policies/authenticationMethodsPolicy/authenticationMethodConfigurations/TemporaryAccessPass";

fn issue(bench: &Bench, by: &str, alias: &str, body: Value) -> Result<Value, (u16, String)> {
    let call = bench.by(by, TAP, "POST", &path(alias, "temporaryAccessPassMethods")).body(body);
    match call.answer() {
        Ok(answer) => {
            assert_eq!(answer.status, 201);
            Ok(answer.body.unwrap())
        }
        Err(why) => Err((why.status, why.message)),
    }
}

fn pass(bench: &Bench, alias: &str) -> Value {
    let listed = bench.by("sam", TAP, "GET", &path(alias, "temporaryAccessPassMethods")).ok();
    listed["value"][0].clone()
}

fn wait(bench: &Bench, minutes: i64) {
    let mut world = bench.world();
    world.clock_offset += SignedDuration::from_mins(minutes);
}

#[test]
fn a_pass_is_shown_once_and_follows_the_clock() {
    let bench = Bench::new();
    let sarah = bench.id("sarah.lin");
    let body = json!({"lifetimeInMinutes": 60, "isUsableOnce": true});
    let issued = issue(&bench, "sam", "sarah.lin", body).unwrap();
    let plain = |value: &Value| conforms("temporaryAccessPassAuthenticationMethod", value);
    assert_eq!(plain(&issued), Vec::<String>::new());
    let secret = issued["temporaryAccessPass"].as_str().unwrap();
    assert_eq!(secret.chars().count(), 8);
    assert_eq!(issued["isUsable"], true);
    assert_eq!(issued["lifetimeInMinutes"], 60);
    let later = pass(&bench, "sarah.lin");
    assert_eq!(plain(&later), Vec::<String>::new());
    assert_eq!(later["temporaryAccessPass"], Value::Null);
    assert_eq!(later["methodUsabilityReason"], "enabledByPolicy");
    let all = bench.by("sam", READ, "GET", &path("sarah.lin", "methods")).ok();
    assert_eq!(all["value"][1]["id"], issued["id"]);
    assert_eq!(bench.ledger(&Effect::AccessPassIssued { user: sarah }), 1);
    assert_eq!(bench.audited(), ["Admin registered security info"]);
    // Neither the log nor the ledger nor a debug print knows it.
    let world = format!("{:?}", bench.world());
    assert!(!world.contains(secret), "the pass is printed somewhere");
    {
        let world = bench.world();
        let entry = world.tenant.audit.entries.last().unwrap();
        assert_eq!(entry.service, "Authentication Methods");
        assert_eq!(entry.reason, "Admin registered temporary access pass method for user");
        let ledger = world.tenant.ledger.json(&world.tenant);
        assert_eq!(ledger["effects"][0]["effect"], "accessPassIssued");
    }
    wait(&bench, 61);
    let later = pass(&bench, "sarah.lin");
    assert_eq!(
        (&later["isUsable"], &later["methodUsabilityReason"]),
        (&json!(false), &json!("expired"))
    );
}

#[test]
fn there_is_one_usable_pass_at_a_time() {
    let bench = Bench::new();
    let first = issue(&bench, "sam", "sarah.lin", json!({"isUsableOnce": true})).unwrap();
    let (status, message) = issue(&bench, "sam", "sarah.lin", json!({})).unwrap_err();
    assert_eq!(status, 400, "{message}");
    let sarah = bench.id("sarah.lin");
    assert_eq!(bench.ledger(&Effect::AccessPassIssued { user: sarah }), 1);
    // A used or expired one is in nobody's way.
    let typed = first["temporaryAccessPass"].as_str().unwrap();
    let now = bench.world().now();
    assert!(bench.world().tenant.use_pass(sarah, typed, now));
    assert_eq!(pass(&bench, "sarah.lin")["methodUsabilityReason"], "oneTimeUsed");
    let second = issue(&bench, "sam", "sarah.lin", json!({})).unwrap();
    assert_ne!(first["id"], second["id"]);
    wait(&bench, 61);
    issue(&bench, "sam", "sarah.lin", json!({})).unwrap();
}

#[test]
fn a_pass_can_begin_later() {
    let bench = Bench::new();
    let start = bench.world().now() + SignedDuration::from_mins(90);
    let body = json!({"startDateTime": start.to_string()});
    let issued = issue(&bench, "sam", "sarah.lin", body).unwrap();
    assert_eq!(issued["methodUsabilityReason"], "notYetValid");
    assert!(issue(&bench, "sam", "sarah.lin", json!({})).is_err(), "it will be usable");
    wait(&bench, 91);
    assert_eq!(pass(&bench, "sarah.lin")["isUsable"], true);
}

#[test]
fn a_pass_that_the_policy_does_not_allow_is_refused() {
    let bench = Bench::new();
    for body in [
        json!({"lifetimeInMinutes": 59}),
        json!({"lifetimeInMinutes": 481}),
        json!({"lifetimeInMinutes": -5}),
        json!({"lifetimeInMinutes": "60"}),
        json!({"isUsableOnce": "yes"}),
        json!({"startDateTime": "tomorrow"}),
        json!({"colour": "red"}),
        json!([]),
    ] {
        let refused = issue(&bench, "sam", "sarah.lin", body.clone()).unwrap_err();
        assert_eq!(refused.0, 400, "{body}");
    }
    bench.world().tenant.pass_policy.once = true;
    assert!(issue(&bench, "sam", "sarah.lin", json!({"isUsableOnce": false})).is_err());
    assert_eq!(issue(&bench, "sam", "sarah.lin", json!({})).unwrap()["isUsableOnce"], true);
    bench.world().tenant.pass_policy.enabled = false;
    assert_eq!(issue(&bench, "sam", "doug", json!({})).unwrap_err().0, 400);
    assert_eq!(pass(&bench, "sarah.lin")["methodUsabilityReason"], "disabledByPolicy");
}

#[test]
fn nobody_issues_a_pass_upwards_to_a_guest_or_to_themselves() {
    let bench = Bench::new();
    let refused = |by: &str, target: &str| {
        issue(&bench, by, target, json!({})).err().map(|(status, _)| status)
    };
    assert_eq!(refused("sam", "dana"), Some(403));
    assert_eq!(refused("paula.stone", "sarah.lin"), Some(403));
    assert_eq!(refused("sam", "sam"), Some(403));
    assert_eq!(refused("felix.brandt", "dana"), None);
    let guest = "users/priya.shah_fabrikam.com#EXT#@contoso.onmicrosoft.com/authentication/\
                 temporaryAccessPassMethods";
    assert_eq!(bench.by("sam", TAP, "POST", guest).refused().0, 400);
    let without = path("sarah.lin", "temporaryAccessPassMethods");
    assert_eq!(bench.by("sam", "User.ReadWrite.All", "POST", &without).refused(), denied());
    assert_eq!(
        bench.by("sam", "UserAuthMethod-TAP.Read.All", "POST", &without).refused(),
        denied()
    );
    assert_eq!(bench.audited(), ["Admin registered security info"], "of the one that was issued");
}

#[test]
fn deleting_a_living_pass_ends_the_sessions_and_a_dead_one_does_not() {
    let bench = Bench::new();
    let sarah = bench.id("sarah.lin");
    let delete = |id: &Value| {
        let one = format!("temporaryAccessPassMethods/{}", id.as_str().unwrap());
        bench.by("sam", TAP, "DELETE", &path("sarah.lin", &one))
    };
    let before = bench.user("sarah.lin").sessions_valid_from;
    let living = issue(&bench, "sam", "sarah.lin", json!({})).unwrap();
    assert_eq!(delete(&living["id"]).status(), 204);
    let after = bench.user("sarah.lin").sessions_valid_from;
    assert!(after > before);
    assert_eq!(
        bench.audited()[1..],
        ["Admin deleted security info", "Update StsRefreshTokenValidFrom Timestamp", "Update user"]
    );
    assert_eq!(delete(&living["id"]).refused().0, 404);
    assert_eq!(bench.ledger(&Effect::AccessPassDeleted { user: sarah }), 1);
    let dead = issue(&bench, "sam", "sarah.lin", json!({})).unwrap();
    wait(&bench, 61);
    assert_eq!(delete(&dead["id"]).status(), 204);
    assert_eq!(bench.user("sarah.lin").sessions_valid_from, after);
}

#[test]
fn the_policy_is_read_by_who_may() {
    let bench = Bench::new();
    let read = |by: &str, scopes: &str| bench.by(by, scopes, "GET", POLICY);
    let policy = read("sam", "Policy.Read.AuthenticationMethod").ok();
    assert_eq!(
        conforms("authenticationMethodConfiguration", &policy),
        Vec::<String>::new(),
        "{policy}"
    );
    assert_eq!(
        (
            &policy["state"],
            &policy["minimumLifetimeInMinutes"],
            &policy["maximumLifetimeInMinutes"]
        ),
        (&json!("enabled"), &json!(60), &json!(480))
    );
    bench.world().tenant.pass_policy.enabled = false;
    assert_eq!(read("irene.walsh", "Policy.Read.All").ok()["state"], "disabled");
    assert_eq!(read("doug", "Policy.Read.All").refused(), denied());
    assert_eq!(read("sam", "User.Read.All").refused(), denied());
}
