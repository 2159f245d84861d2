mod accounts;
mod passes;
mod resets;

use serde_json::{Value, json};

use crate::graph::model::conforms;
use crate::graph::testing::{Bench, each};
use crate::tenant::{Effect, MethodKind};

const ALL: &str = "UserAuthenticationMethod.ReadWrite.All";
const READ: &str = "UserAuthenticationMethod.Read.All";

fn denied() -> (u16, String, String) {
    (
        403,
        "Authorization_RequestDenied".to_owned(),
        "Insufficient privileges to complete the operation.".to_owned(),
    )
}

fn path(alias: &str, rest: &str) -> String {
    format!("users/{alias}@contoso.com/authentication/{rest}")
}

/// The ids of somebody's methods of a kind.
fn ids(bench: &Bench, alias: &str, kind: MethodKind) -> Vec<String> {
    let methods = bench.user(alias).methods.registered;
    methods.into_iter().filter(|it| it.proof.kind() == kind).map(|it| it.id).collect()
}

#[test]
fn everybodys_methods_are_listed_with_their_types_and_conform() {
    let bench = Bench::new();
    let mut seen = std::collections::BTreeSet::new();
    for alias in ["grace.tan", "alex.kim2", "john.miller", "helen.fischer", "sarah.lin"] {
        let all = bench.by("sam", READ, "GET", &path(alias, "methods")).ok();
        let methods = all["value"].as_array().unwrap();
        for method in methods {
            assert_eq!(conforms("authenticationMethod", method), Vec::<String>::new());
            seen.insert(method["@odata.type"].as_str().unwrap().to_owned());
            let one = path(alias, &format!("methods/{}", method["id"].as_str().unwrap()));
            let one = bench.by("sam", READ, "GET", &one).ok();
            assert_eq!(one["@odata.type"], method["@odata.type"]);
        }
        assert_eq!(methods[0]["id"], "28c10230-6103-485e-b985-444c60001490");
        assert_eq!(methods[0]["password"], Value::Null);
    }
    assert_eq!(seen.len(), 9, "every kind but the pass: {seen:?}");
    let only = bench.by("sam", READ, "GET", &path("sarah.lin", "methods")).ok();
    assert_eq!(only["value"].as_array().unwrap().len(), 1, "only a password");
    let guest = "users/priya.shah_fabrikam.com#EXT#@contoso.onmicrosoft.com/authentication/methods";
    assert_eq!(bench.by("sam", READ, "GET", guest).ok()["value"], json!([]));
}

#[test]
fn each_kind_is_a_collection_of_its_own_under_its_own_permission() {
    let bench = Bench::new();
    for (alias, kind) in [
        ("grace.tan", MethodKind::Password),
        ("grace.tan", MethodKind::Phone),
        ("grace.tan", MethodKind::Authenticator),
        ("alex.kim2", MethodKind::SoftwareOath),
        ("grace.tan", MethodKind::Fido2),
        ("grace.tan", MethodKind::WindowsHello),
        ("john.miller", MethodKind::PlatformCredential),
        ("grace.tan", MethodKind::Email),
        ("helen.fischer", MethodKind::External),
    ] {
        let collection = path(alias, kind.collection());
        let narrow = format!("UserAuthMethod-{}.Read.All", kind.permission());
        let listed = bench.by("sam", &narrow, "GET", &collection).ok();
        assert!(
            listed["@odata.context"].as_str().unwrap().ends_with(kind.collection()),
            "{listed}"
        );
        let [method] = listed["value"].as_array().unwrap().as_slice() else { panic!("{listed}") };
        assert_eq!(conforms(kind.type_name(), method), Vec::<String>::new());
        assert_eq!(method.get("@odata.type"), None);
        let one = format!("{collection}/{}", method["id"].as_str().unwrap());
        assert_eq!(bench.by("sam", &narrow, "GET", &one).ok()["id"], method["id"]);
        let other = if kind == MethodKind::Phone { "Email" } else { "Phone" };
        let other = format!("UserAuthMethod-{other}.ReadWrite.All User.ReadWrite.All");
        assert_eq!(bench.by("sam", &other, "GET", &collection).refused(), denied());
    }
    let absent = path("grace.tan", "fido2Methods/nothing");
    assert_eq!(bench.by("sam", READ, "GET", &absent).refused().0, 404);
    assert_eq!(bench.by("sam", READ, "GET", &path("nobody", "methods")).refused().0, 404);
}

#[test]
fn methods_are_seen_by_their_owner_and_by_whose_role_reaches_them() {
    let bench = Bench::new();
    for (by, scopes, target, allowed) in [
        ("sam", READ, "doug", true),
        ("sam", ALL, "doug", true),
        ("sam", "User.ReadWrite.All", "doug", false),
        // Not a role over methods.
        ("paula.stone", READ, "doug", false),
        ("ken.adachi", READ, "doug", false),
        ("doug", READ, "sarah.lin", false),
        // Privileged targets.
        ("sam", READ, "dana", false),
        ("sam", READ, "ken.adachi", false),
        ("felix.brandt", READ, "dana", true),
        ("dana", READ, "felix.brandt", true),
        ("irene.walsh", READ, "dana", true),
        // One's own.
        ("doug", READ, "doug", true),
        ("doug", "UserAuthenticationMethod.Read", "doug", true),
        ("doug", "UserAuthenticationMethod.Read", "sarah.lin", false),
        // The scope over one's own methods is none over others', whatever the role.
        ("sam", "UserAuthenticationMethod.ReadWrite", "sam", true),
        ("sam", "UserAuthenticationMethod.ReadWrite", "doug", false),
    ] {
        let got = bench.by(by, scopes, "GET", &path(target, "methods")).answer();
        assert_eq!(got.is_ok(), allowed, "{by} on {target} with {scopes}: {got:?}");
    }
    let app = |target: &str| bench.by_app(READ, "GET", &path(target, "methods")).answer().is_ok();
    assert_eq!((app("doug"), app("dana")), (true, false));
}

#[test]
fn a_deleted_method_is_gone_logged_and_counted_once() {
    let bench = Bench::new();
    let grace = bench.id("grace.tan");
    let [key] = ids(&bench, "grace.tan", MethodKind::Fido2).try_into().unwrap();
    let one = path("grace.tan", &format!("fido2Methods/{key}"));
    assert_eq!(bench.by("sam", READ, "DELETE", &one).refused(), denied(), "may only read");
    assert_eq!(bench.by("paula.stone", ALL, "DELETE", &one).refused(), denied(), "no role");
    assert_eq!(
        bench.by("sam", "UserAuthMethod-Passkey.ReadWrite.All", "DELETE", &one).status(),
        204
    );
    assert_eq!(bench.by("sam", ALL, "DELETE", &one).refused().0, 404);
    let kind = MethodKind::Fido2;
    let effect = Effect::MethodDeleted { user: grace, kind, method: key };
    assert_eq!(bench.ledger(&effect), 1);
    assert_eq!(bench.audited(), ["Admin deleted security info"]);
    let world = bench.world();
    let entry = world.tenant.audit.entries.last().unwrap();
    let entry = crate::graph::audit_logs::directory_audit(entry);
    assert_eq!(conforms("directoryAudit", &entry), Vec::<String>::new());
    assert_eq!(entry["loggedByService"], "Authentication Methods");
    assert_eq!(entry["category"], "UserManagement");
    assert_eq!(entry["operationType"], "Delete");
    assert_eq!(entry["resultReason"], "Admin deleted Fido method for user");
    assert_eq!(entry["targetResources"][0]["userPrincipalName"], "grace.tan@contoso.com");
}

#[test]
fn every_kind_can_be_deleted_but_the_password() {
    let bench = Bench::new();
    for (alias, kind) in [
        ("grace.tan", MethodKind::Phone),
        ("grace.tan", MethodKind::Fido2),
        ("grace.tan", MethodKind::WindowsHello),
        ("grace.tan", MethodKind::Email),
        // The default, now the last.
        ("grace.tan", MethodKind::Authenticator),
        ("alex.kim2", MethodKind::SoftwareOath),
        ("john.miller", MethodKind::PlatformCredential),
        ("helen.fischer", MethodKind::External),
    ] {
        let [id] = ids(&bench, alias, kind).try_into().unwrap();
        let one = path(alias, &format!("{}/{id}", kind.collection()));
        let narrow = format!("UserAuthMethod-{}.ReadWrite.All", kind.permission());
        assert_eq!(bench.by("sam", &narrow, "DELETE", &one).status(), 204, "{kind:?}");
        assert_eq!(ids(&bench, alias, kind), Vec::<String>::new());
    }
    let password = "passwordMethods/28c10230-6103-485e-b985-444c60001490";
    assert_eq!(bench.by("sam", ALL, "DELETE", &path("grace.tan", password)).refused().0, 400);
    let left = bench.by("sam", READ, "GET", &path("grace.tan", "methods")).ok();
    assert_eq!(each(&left, "@odata.type"), ["#microsoft.graph.passwordAuthenticationMethod"]);
}

#[test]
fn the_default_method_goes_last_unless_the_quirk_is_off() {
    let bench = Bench::new();
    let [app] = ids(&bench, "alex.kim", MethodKind::Authenticator).try_into().unwrap();
    let one = path("alex.kim", &format!("microsoftAuthenticatorMethods/{app}"));
    let (status, _, message) = bench.by("sam", ALL, "DELETE", &one).refused();
    assert_eq!(status, 400);
    assert!(message.contains("default"), "{message}");
    assert_eq!(bench.user("alex.kim").methods.registered.len(), 3, "nothing happened");
    assert_eq!(bench.audited(), Vec::<&str>::new());
    bench.world().tenant.quirks.default_method_last = false;
    assert_eq!(bench.by("sam", ALL, "DELETE", &one).status(), 204);
    assert_eq!(bench.user("alex.kim").methods.default, None);
}

#[test]
fn a_method_is_not_found_under_another_kind() {
    let bench = Bench::new();
    let [app] = ids(&bench, "doug", MethodKind::Authenticator).try_into().unwrap();
    let one = path("doug", &format!("phoneMethods/{app}"));
    assert_eq!(bench.by("sam", ALL, "DELETE", &one).refused().0, 404);
    let whole = path("doug", &format!("methods/{app}"));
    assert_eq!(bench.by("sam", ALL, "DELETE", &whole).refused().0, 501, "Graph has none, either");
}
