use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::graph::desk::Desk;
use crate::graph::model::conforms;
use crate::manage::record;
use crate::tenant::audit::events::{seconds, ticks};
use crate::tenant::{Entry, Sku};

/// Power BI, as in a record captured from a real tenant: one plan.
const POWER_BI: Uuid = uuid!("a403ebcc-fae0-4ca2-8c8c-7a907fd6c235");

const ALL: &[&str] = &["AuditLog.Read.All", "LicenseAssignment.ReadWrite.All"];

/// Sam has given Sarah a small licence.
fn desk() -> Desk {
    let mut desk = Desk::of_dana(ALL);
    desk.world().tenant.skus.0.push(Sku {
        id: POWER_BI,
        part_number: "POWER_BI_STANDARD".to_owned(),
        enabled: 10,
        consumed: 0,
        capability_status: "Enabled",
        plans: vec![(uuid!("2049e525-b859-401b-b2a0-e0a31c4b1fe4"), "BI_AZURE_P0".to_owned())],
    });
    let sarah = desk.user("sarah.lin@contoso.com");
    desk.world().tenant.people.get_mut(sarah).unwrap().licences.clear();
    desk.sit("sam@contoso.com");
    let body = json!({"addLicenses": [{"skuId": POWER_BI}], "removeLicenses": []});
    desk.send("POST", "users/sarah.lin@contoso.com/assignLicense", body).unwrap();
    desk
}

fn pair(desk: &Desk) -> [Entry; 2] {
    let world = desk.world();
    let [.., first, second] = world.tenant.audit.entries.as_slice() else { panic!("no pair") };
    [first.clone(), second.clone()]
}

/// Times, ids and people replaced by words, so that the text stays the same.
fn steady(desk: &Desk, entries: &[Entry], value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap();
    let ids = [
        (desk.user("sarah.lin@contoso.com").to_string(), "{sarah}"),
        (desk.user("sam@contoso.com").to_string(), "{sam}"),
        (desk.world().tenant.id.to_string(), "{tenant}"),
    ];
    for (id, word) in ids {
        text = text.replace(&id, word);
    }
    let sarah = desk.user("sarah.lin@contoso.com");
    let updated = desk.world().tenant.people.get(sarah).unwrap().licences[0].updated;
    text = text.replace(&ticks(updated), "{assigned}");
    for entry in entries {
        text = text.replace(&entry.id, "{id}").replace(&ticks(entry.at), "{time}");
    }
    for entry in entries {
        let shown = seconds(entry.at);
        text = text
            .replace(shown.trim_end_matches('Z'), "{time}")
            .replace(&entry.correlation.to_string(), "{correlation}");
    }
    text
}

#[test]
fn a_licence_change_is_logged_as_two_directory_audits() {
    let desk = desk();
    let pair = pair(&desk);
    let shown = json!(pair.iter().map(super::directory_audit).collect::<Vec<_>>());
    insta::assert_snapshot!(steady(&desk, &pair, &shown));
}

#[test]
fn a_licence_change_is_logged_as_two_unified_records() {
    let desk = desk();
    let pair = pair(&desk);
    let records: Vec<_> = {
        let world = desk.world();
        pair.iter().map(|entry| record::unified(&world.tenant, entry)).collect()
    };
    assert_ne!(records[0]["Id"], records[1]["Id"]);
    let mut shown = json!(records);
    for record in shown.as_array_mut().unwrap() {
        record["Id"] = json!("{record}");
        record["IntraSystemId"] = json!("{intra}");
        for list in ["Actor", "Target"] {
            for identity in record[list].as_array_mut().unwrap() {
                if identity["Type"] == 3 {
                    assert_eq!(identity["ID"].as_str().map(str::len), Some(16));
                    identity["ID"] = json!("{puid}");
                }
            }
        }
        assert!(record["UserKey"].as_str().unwrap().ends_with("@contoso.com"));
        record["UserKey"] = json!("{puid}@contoso.com");
    }
    insta::assert_snapshot!(steady(&desk, &pair, &shown));
}

#[test]
fn the_log_is_read_newest_first_filtered_and_paged() {
    let desk = desk();
    let (sam, sarah) = (desk.user("sam@contoso.com"), desk.user("sarah.lin@contoso.com"));
    let [first, second] = pair(&desk);
    let ids = |address: &str| -> Vec<String> {
        let body = desk.get(&format!("auditLogs/directoryAudits{address}"));
        let rows = body["value"].as_array().unwrap();
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids("");
    assert_eq!(all[..2], [second.id.clone(), first.id.clone()]);
    assert!(all.len() > 2, "the company has a history");
    let mut oldest_first = ids("?$orderby=activityDateTime asc");
    oldest_first.reverse();
    assert_eq!(oldest_first, all);
    let at = ticks(second.at);
    for filter in [
        format!("initiatedBy/user/id eq '{sam}' and targetResources/any(t:t/id eq '{sarah}')"),
        format!("correlationId eq '{}'", first.correlation),
        "initiatedBy/user/userPrincipalName eq 'sam@contoso.com'".to_owned(),
        format!("activityDateTime ge {} and activityDateTime le {at}", ticks(first.at)),
    ] {
        let found = ids(&format!("?$filter={}", filter.replace('+', "%2B")));
        assert_eq!(found, [second.id.clone(), first.id.clone()], "{filter}");
    }
    let one = ids(
        "?$filter=activityDisplayName eq 'Change user license' and category eq 'UserManagement'",
    );
    assert_eq!(one, std::slice::from_ref(&first.id));
    let starts = ids(
        "?$filter=startswith(activityDisplayName,'Change') and loggedByService eq 'Core Directory'",
    );
    assert_eq!(starts, std::slice::from_ref(&first.id));
    // Page by page, one gets the same.
    let mut paged = Vec::new();
    let mut address = "?$top=1".to_owned();
    loop {
        let body = desk.get(&format!("auditLogs/directoryAudits{address}"));
        paged.extend(body["value"].as_array().unwrap().iter().map(|row| row["id"].clone()));
        let Some(next) = body["@odata.nextLink"].as_str() else { break };
        address = next.split_once("directoryAudits").unwrap().1.to_owned();
        assert!(paged.len() <= all.len(), "{address}");
    }
    assert_eq!(json!(paged), json!(all));
    let found = desk.get(&format!("auditLogs/directoryAudits/{}", first.id));
    assert_eq!(found["activityDisplayName"], "Change user license");
}

#[test]
fn unknown_filters_options_and_page_sizes_are_refused() {
    let desk = desk();
    for address in [
        "auditLogs/directoryAudits?$filter=resultReason eq 'x'",
        "auditLogs/directoryAudits?$top=1000",
        "auditLogs/directoryAudits?$top=0",
        "auditLogs/directoryAudits?$search=\"x\"",
        "auditLogs/directoryAudits?$orderby=category",
        "auditLogs/directoryAudits?$skiptoken=x",
        "auditLogs/signIns?$filter=signInEventTypes/any(t: t eq 'nonInteractiveUser')",
    ] {
        assert_eq!(desk.refusal("GET", address, Value::Null).0, 400, "{address}");
    }
}

#[test]
fn an_entry_nobody_may_see_yet_is_not_in_any_answer() {
    let desk = Desk::of_dana(ALL);
    desk.world().tenant.audit.delay = std::time::Duration::from_secs(60);
    let e3 = desk.sku("SPE_E3");
    let body = json!({"addLicenses": [{"skuId": e3}], "removeLicenses": []});
    desk.send("POST", "users/sarah.lin@contoso.com/assignLicense", body).unwrap();
    let [first, _] = pair(&desk);
    let address = format!("auditLogs/directoryAudits/{}", first.id);
    assert_eq!(desk.refusal("GET", &address, Value::Null).0, 404);
    let list = format!("auditLogs/directoryAudits?$filter=id eq '{}'", first.id);
    assert_eq!(desk.get(&list)["value"], json!([]));
    desk.wait(SignedDuration::from_secs(61));
    assert_eq!(desk.get(&address)["id"], json!(first.id));
}

#[test]
fn the_log_tells_apart_a_missing_permission_a_missing_role_and_a_missing_plan() {
    let mut desk = desk();
    let read = |desk: &Desk| {
        let (status, code, _) = desk.refusal("GET", "auditLogs/directoryAudits", Value::Null);
        (status, code)
    };
    desk.may(&["Directory.Read.All"]);
    assert_eq!(read(&desk), (403, "Authentication_MSGraphPermissionMissing".to_owned()));
    desk.may(ALL);
    // A User Administrator.
    desk.sit("ken.adachi@contoso.com");
    assert_eq!(read(&desk), (403, "Authentication_RequestFromUnsupportedUserRole".to_owned()));
    desk.leave();
    desk.get("auditLogs/directoryAudits");
    desk.world().tenant.audit.premium = false;
    assert_eq!(
        read(&desk),
        (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant".to_owned())
    );
}

#[test]
fn an_app_on_its_own_is_named_as_an_app() {
    let mut desk = desk();
    desk.leave();
    let body = json!({"addLicenses": [], "removeLicenses": [POWER_BI]});
    desk.send("POST", "users/sarah.lin@contoso.com/assignLicense", body).unwrap();
    let audit = super::directory_audit(&pair(&desk)[1]);
    assert_eq!(audit["initiatedBy"]["user"], Value::Null);
    assert_eq!(audit["initiatedBy"]["app"]["appId"], Value::Null);
    assert_eq!(audit["initiatedBy"]["app"]["displayName"], "IT Twin Admin");
    let properties = audit["targetResources"][0]["modifiedProperties"].as_array().unwrap();
    assert_eq!(properties[0]["newValue"], "[]", "nothing is held any more");
}

#[test]
fn sign_ins_are_filtered_and_only_beta_shows_those_without_a_person() {
    let desk = desk();
    {
        let mut world = desk.world();
        let mut silent = world.tenant.audit.sign_ins[0].clone();
        silent.id = Uuid::from_u128(5);
        silent.interactive = false;
        world.tenant.audit.sign_ins.push(silent);
    }
    let count = |address: &str| desk.get(address)["value"].as_array().unwrap().len();
    let all = count("auditLogs/signIns");
    let logged = desk.world().tenant.audit.sign_ins.len();
    assert_eq!(all, logged - 1, "the silent one is not among them");
    let alex = desk.user("alex.kim@contoso.com");
    assert_eq!(count(&format!("auditLogs/signIns?$filter=userId eq '{alex}'&$top=10")), 2);
    assert_eq!(count("auditLogs/signIns?$filter=status/errorCode eq 50126"), 31);
    assert_eq!(count("auditLogs/signIns?$filter=userPrincipalName eq 'dana@contoso.com'"), 1);
    let filter = "signInEventTypes/any(t: t eq 'nonInteractiveUser')";
    let mut call = desk.call("GET", &format!("auditLogs/signIns?$filter={filter}"), Value::Null);
    call.beta = true;
    let answer = crate::graph::dispatch(&mut desk.world(), &call).unwrap().body.unwrap();
    assert_eq!(answer["value"].as_array().unwrap().len(), 1);
    assert_eq!(answer["value"][0]["id"], json!(Uuid::from_u128(5)));
}

#[test]
fn log_answers_conform_to_graphs_model() {
    let desk = desk();
    for audit in desk.get("auditLogs/directoryAudits")["value"].as_array().unwrap() {
        assert_eq!(conforms("directoryAudit", audit), Vec::<String>::new());
    }
    for sign_in in desk.get("auditLogs/signIns")["value"].as_array().unwrap() {
        assert_eq!(conforms("signIn", sign_in), Vec::<String>::new());
    }
}

#[test]
fn the_unified_log_is_searched_by_polling() {
    let mut desk = desk();
    let [first, _] = pair(&desk);
    desk.may(&["AuditLogsQuery-Entra.Read.All"]);
    let body = json!({
        "displayName": "licences",
        "filterStartDateTime": seconds(first.at.saturating_sub(SignedDuration::from_mins(5)).unwrap()),
        "filterEndDateTime": seconds(first.at.saturating_add(SignedDuration::from_mins(5)).unwrap()),
        "operationFilters": ["Change user license."],
    });
    let answer = desk.send("POST", "security/auditLog/queries", body.clone()).unwrap();
    assert_eq!(answer.status, 201);
    let made = answer.body.unwrap();
    assert_eq!(conforms("security.auditLogQuery", &made), Vec::<String>::new());
    let address = format!("security/auditLog/queries/{}", made["id"].as_str().unwrap());
    desk.wait(SignedDuration::from_secs(5));
    assert_eq!(desk.get(&address)["status"], "succeeded");
    let records = desk.get(&format!("{address}/records"));
    let [record] = records["value"].as_array().unwrap().as_slice() else { panic!("{records}") };
    assert_eq!(record["operation"], "Change user license.");
    assert_eq!(record["auditData"]["InterSystemsId"], json!(first.correlation));
    let mut outer = record.clone();
    outer.as_object_mut().unwrap().remove("auditData");
    assert_eq!(conforms("security.auditLogRecord", &outer), Vec::<String>::new());
    desk.may(&["AuditLog.Read.All"]);
    assert_eq!(desk.refusal("POST", "security/auditLog/queries", body).0, 403);
}
