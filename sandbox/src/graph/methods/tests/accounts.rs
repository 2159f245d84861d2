//! Blocking, unblocking and profiles, as the ledger counts them.

use serde_json::{Value, json};

use super::denied;
use crate::graph::testing::Bench;
use crate::graph::{Answer, Problem};
use crate::tenant::Effect;

const NARROW: &str = "User.EnableDisableAccount.All User.Read.All";

fn patch(
    bench: &Bench,
    (by, scopes): (&str, &str),
    alias: &str,
    body: Value,
) -> Result<Answer, Problem> {
    bench.by(by, scopes, "PATCH", &format!("users/{alias}@contoso.com")).body(body).answer()
}

#[test]
fn blocking_and_unblocking_are_counted_and_what_is_so_already_is_not() {
    let bench = Bench::new();
    let alex = bench.id("alex.kim");
    let set = |enabled: bool| {
        patch(&bench, ("sam", NARROW), "alex.kim", json!({"accountEnabled": enabled})).unwrap()
    };
    set(true);
    assert_eq!(bench.ledger(&Effect::AccountUnblocked { user: alex }), 0);
    set(false);
    set(false);
    assert_eq!(bench.ledger(&Effect::AccountBlocked { user: alex }), 1);
    set(true);
    assert_eq!(bench.ledger(&Effect::AccountUnblocked { user: alex }), 1);
    let mut log = bench.audited();
    log.retain(|activity| !activity.contains("group"));
    assert_eq!(log, ["Disable account", "Update user", "Enable account", "Update user"]);
}

#[test]
fn the_narrow_permission_needs_the_user_to_be_readable() {
    let bench = Bench::new();
    let alone = "User.EnableDisableAccount.All";
    let refused = patch(&bench, ("sam", alone), "alex.kim", json!({"accountEnabled": false}));
    assert_eq!(refused.unwrap_err().status, 403);
    let wide = "User.ReadWrite.All";
    assert!(patch(&bench, ("sam", wide), "alex.kim", json!({"accountEnabled": false})).is_ok());
}

#[test]
fn the_last_global_administrator_who_can_sign_in_is_not_blocked() {
    let bench = Bench::new();
    let all = "User.ReadWrite.All Directory.AccessAsUser.All";
    let block = |alias: &str| patch(&bench, ("dana", all), alias, json!({"accountEnabled": false}));
    assert!(block("emergency").is_ok());
    let refused = block("dana").unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (400, "Request_BadRequest"));
    assert!(bench.user("dana").enabled);
}

#[test]
fn what_is_privileged_or_mastered_elsewhere_is_not_blocked() {
    let bench = Bench::new();
    let block = |alias: &str| {
        patch(&bench, ("sam", NARROW), alias, json!({"accountEnabled": false})).unwrap_err().status
    };
    assert_eq!((block("dana"), block("felix.brandt"), block("gordon.blake")), (403, 403, 400));
}

#[test]
fn each_property_of_a_profile_has_its_permission() {
    let bench = Bench::new();
    let (profile, phone, mail) =
        ("User.ReadWrite.All", "User-Phone.ReadWrite.All", "User-Mail.ReadWrite.All");
    for (scopes, body, allowed) in [
        (profile, json!({"jobTitle": "x"}), true),
        (phone, json!({"jobTitle": "x"}), false),
        (phone, json!({"mobilePhone": "+1 425 555 0100"}), true),
        (phone, json!({"businessPhones": ["+1 425 555 0100"]}), true),
        (phone, json!({"otherMails": ["a@example.net"]}), false),
        (mail, json!({"otherMails": ["a@example.net"]}), true),
        (mail, json!({"mobilePhone": "+1 425 555 0100"}), false),
        (profile, json!({"mobilePhone": "+1 425 555 0101"}), true),
        (NARROW, json!({"department": "x"}), false),
    ] {
        let got = patch(&bench, ("sam", scopes), "jon.miller", body.clone());
        assert_eq!(got.is_ok(), allowed, "{body} with {scopes}: {got:?}");
    }
    // Sensitive for somebody privileged, harmless otherwise.
    let paula = |body| patch(&bench, ("sam", profile), "paula.stone", body);
    assert_eq!(paula(json!({"mobilePhone": "1"})).unwrap_err().status, 403);
    assert!(paula(json!({"jobTitle": "x"})).is_ok());
}

#[test]
fn the_ledger_says_what_was_set() {
    let bench = Bench::new();
    let jon = bench.id("jon.miller");
    let body = json!({"jobTitle": "Lead", "department": "Sales"});
    patch(&bench, ("sam", "User.ReadWrite.All"), "jon.miller", body).unwrap();
    let manager = bench.id("doug");
    let link = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/users/{manager}")});
    let put =
        bench.by("sam", "User.ReadWrite.All", "PUT", "users/jon.miller@contoso.com/manager/$ref");
    assert_eq!(put.body(link).status(), 204);
    assert_eq!(bench.ledger(&Effect::ManagerSet { user: jon, manager }), 1);
    let world = bench.world();
    let view = world.tenant.ledger.json(&world.tenant);
    assert_eq!(view["totals"], json!({"managerSet": 1, "profileUpdated": 1}));
    let effects = view["effects"].as_array().unwrap();
    let profile = effects.iter().find(|it| it["effect"] == "profileUpdated").unwrap();
    assert_eq!(profile["properties"], json!(["department", "jobTitle"]));
    assert_eq!(profile["upn"], "jon.miller@contoso.com");
    let set = effects.iter().find(|it| it["effect"] == "managerSet").unwrap();
    assert_eq!(set["managerUpn"], "doug@contoso.com");
}

#[test]
fn a_manager_cannot_be_set_without_the_wide_permission() {
    let bench = Bench::new();
    let put = bench.by(
        "sam",
        "User-Phone.ReadWrite.All",
        "PUT",
        "users/jon.miller@contoso.com/manager/$ref",
    );
    assert_eq!(put.refused(), denied());
}
