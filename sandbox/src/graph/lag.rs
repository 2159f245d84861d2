//! Tests of reads that lag behind the directory's writes.

use jiff::SignedDuration;
use serde_json::json;

use super::testing::{Bench, each};

const SCOPES: &str = "User.ReadWrite.All GroupMember.ReadWrite.All Directory.Read.All \
                      LicenseAssignment.ReadWrite.All UserAuthenticationMethod.ReadWrite.All";

#[test]
fn reads_show_a_write_only_after_the_lag_and_writes_see_it_at_once() {
    let bench = Bench::new();
    bench.world().faults.replica_lag_ms = 10_000;
    let (sarah, group) = (bench.id("sarah.lin"), bench.group("Sales Team"));
    let sku = bench.world().tenant.skus.0[0].id;
    let path = "users/sarah.lin@contoso.com";
    let patch = bench.by("sam", SCOPES, "PATCH", path).body(json!({"jobTitle": "Director"}));
    assert_eq!(patch.status(), 204);
    let link = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/users/{sarah}")});
    let join = |status: bool| {
        let path = format!("groups/{group}/members/$ref");
        bench.by("sam", SCOPES, "POST", &path).body(link.clone()).answer().is_ok() == status
    };
    assert!(join(true));
    assert!(join(false), "the directory itself knows: already a member");
    let assign =
        json!({"addLicenses": [{"skuId": sku, "disabledPlans": []}], "removeLicenses": []});
    bench.by("sam", SCOPES, "POST", &format!("{path}/assignLicense")).body(assign).ok();
    let pass = format!("{path}/authentication/temporaryAccessPassMethods");
    bench.by("sam", SCOPES, "POST", &pass).body(json!({})).ok();
    let look = || {
        let get = |path: &str| bench.by("sam", SCOPES, "GET", path).ok();
        let check = json!({"groupIds": [group]});
        let check =
            bench.by("sam", SCOPES, "POST", &format!("{path}/checkMemberGroups")).body(check);
        let of = get(&format!("{path}?$select=jobTitle"));
        let groups = get(&format!("{path}/memberOf"));
        let methods = get(&format!("{path}/authentication/methods"));
        (
            of["jobTitle"] == "Director",
            each(&groups, "displayName").contains(&"Sales Team"),
            check.ok()["value"] == json!([group]),
            get(&format!("{path}/licenseDetails"))["value"].to_string().contains(&sku.to_string()),
            each(&methods, "@odata.type").len() == 2,
        )
    };
    assert_eq!(look(), (false, false, false, false, false));
    assert_eq!(look(), (false, false, false, false, false), "looking does not hurry it");
    bench.world().clock_offset += SignedDuration::from_secs(11);
    assert_eq!(look(), (true, true, true, true, true));
}

#[test]
fn a_lag_shows_each_write_in_its_turn() {
    let bench = Bench::new();
    bench.world().faults.replica_lag_ms = 10_000;
    let path = "users/sarah.lin@contoso.com";
    let write = |title: &str| {
        let patch = bench.by("sam", SCOPES, "PATCH", path).body(json!({"jobTitle": title}));
        assert_eq!(patch.status(), 204);
    };
    let wait = |seconds| bench.world().clock_offset += SignedDuration::from_secs(seconds);
    let read = || bench.by("sam", SCOPES, "GET", path).ok()["jobTitle"].clone();
    write("one");
    wait(5);
    write("two");
    assert_eq!(read(), "Account Executive");
    wait(6);
    assert_eq!(read(), "one");
    wait(5);
    assert_eq!(read(), "two");
    write("three");
    assert_eq!(read(), "two");
    bench.world().faults.replica_lag_ms = 0;
    assert_eq!(read(), "three", "no lag, no past");
}

#[test]
fn a_refused_write_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.world().faults.replica_lag_ms = 10_000;
    let path = "users/sarah.lin@contoso.com";
    let refused = bench.by("doug", SCOPES, "PATCH", path).body(json!({"jobTitle": "x"}));
    assert_eq!(refused.refused().0, 403);
    assert_eq!(bench.by("sam", SCOPES, "GET", path).ok()["jobTitle"], "Account Executive");
}
