use serde_json::json;

use super::*;
use crate::graph::desk::Desk;
use crate::graph::model::conforms;

const SARAH: &str = "users/sarah.lin@contoso.com/assignLicense";

fn desk() -> Desk {
    Desk::of_dana(&["LicenseAssignment.ReadWrite.All", "AuditLog.Read.All", "User.Read.All"])
}

fn add(sku: Uuid) -> Value {
    json!({"addLicenses": [{"skuId": sku, "disabledPlans": []}], "removeLicenses": []})
}

fn remove(sku: Uuid) -> Value {
    json!({"addLicenses": [], "removeLicenses": [sku]})
}

fn refused(desk: &Desk, body: Value) -> String {
    let entries = desk.world().tenant.audit.entries.len();
    let ledger = format!("{:?}", desk.world().tenant.ledger);
    let (status, code, message) = desk.refusal("POST", SARAH, body);
    assert_eq!((status, code.as_str()), (400, "Request_BadRequest"), "{message}");
    assert_eq!(desk.world().tenant.audit.entries.len(), entries, "nothing is logged");
    assert_eq!(format!("{:?}", desk.world().tenant.ledger), ledger, "nothing happened");
    message
}

#[test]
fn an_assigned_licence_is_held_counted_and_logged_once() {
    let desk = desk();
    let (e3, sarah) = (desk.sku("SPE_E3"), desk.user("sarah.lin@contoso.com"));
    let free = desk.world().tenant.skus.get(e3).unwrap().consumed;
    let logged = desk.world().tenant.audit.entries.len();
    let answer = desk.send("POST", SARAH, add(e3)).unwrap();
    assert_eq!(answer.status, 200);
    let body = answer.body.unwrap();
    assert_eq!(body["userPrincipalName"], "sarah.lin@contoso.com");
    assert!(body["assignedLicenses"].to_string().contains(&e3.to_string()), "{body}");
    // Held already: nothing changes, so nothing is counted and nothing logged.
    desk.send("POST", SARAH, add(e3)).unwrap();
    let world = desk.world();
    assert_eq!(world.tenant.skus.get(e3).unwrap().consumed, free + 1);
    let effect = Effect::LicenceAssigned { user: sarah, sku: e3 };
    assert_eq!(world.tenant.ledger.times(&effect), 1);
    let activities: Vec<_> =
        world.tenant.audit.entries[logged..].iter().map(|entry| entry.activity).collect();
    assert_eq!(activities, ["Change user license", "Update user"]);
}

#[test]
fn a_licence_given_again_with_other_plans_off_keeps_its_seat_and_gets_the_new_plans() {
    let desk = desk();
    let e3 = desk.sku("SPE_E3");
    desk.send("POST", SARAH, add(e3)).unwrap();
    let seats = desk.world().tenant.skus.get(e3).unwrap().consumed;
    let plan = desk.world().tenant.skus.get(e3).unwrap().plans[3].0;
    let body = json!({
        "addLicenses": [{"skuId": e3, "disabledPlans": [plan]}],
        "removeLicenses": [],
    });
    desk.send("POST", SARAH, body).unwrap();
    assert_eq!(desk.world().tenant.skus.get(e3).unwrap().consumed, seats);
    let details = desk.get("users/sarah.lin@contoso.com/licenseDetails");
    let of_e3 = details["value"].as_array().unwrap().iter().find(|one| one["skuId"] == json!(e3));
    let plans = of_e3.unwrap()["servicePlans"].as_array().unwrap();
    let off: Vec<_> =
        plans.iter().filter(|plan| plan["provisioningStatus"] == "Disabled").collect();
    assert_eq!(off.len(), 1);
    assert_eq!(off[0]["servicePlanId"], json!(plan));
}

#[test]
fn both_arrays_must_be_there_and_be_arrays() {
    let desk = desk();
    let e3 = desk.sku("SPE_E3");
    assert_eq!(
        refused(&desk, json!({"addLicenses": [{"skuId": e3}]})),
        "One or more parameters of the operation 'assignLicense' are missing from the request \
         payload. The missing parameters are: removeLicenses."
    );
    refused(&desk, json!({"addLicenses": [{"skuId": e3}], "removeLicenses": null}));
    refused(&desk, json!({"addLicenses": [{"skuId": "E3"}], "removeLicenses": []}));
    refused(&desk, Value::Null);
}

#[test]
fn every_reason_to_refuse_a_licence_is_told_in_graphs_words() {
    let desk = desk();
    let (e3, f3) = (desk.sku("SPE_E3"), desk.sku("SPE_F1"));
    let stranger = Uuid::from_u128(7);
    assert_eq!(
        refused(&desk, add(stranger)),
        format!("License {stranger} does not correspond to a valid company License.")
    );
    refused(
        &desk,
        json!({"addLicenses": [{"skuId": e3, "disabledPlans": [stranger]}], "removeLicenses": []}),
    );
    assert_eq!(refused(&desk, remove(e3)), "User does not have a corresponding license.");
    let sarah = desk.user("sarah.lin@contoso.com");
    desk.world().tenant.people.get_mut(sarah).unwrap().usage_location = None;
    assert_eq!(
        refused(&desk, add(e3)),
        "License assignment cannot be done for user with invalid usage location."
    );
    desk.world().tenant.people.get_mut(sarah).unwrap().usage_location = Some("US".to_owned());
    let e5 = desk.sku("SPE_E5");
    let sold_out = desk.world().tenant.skus.get(e5).map(|sku| sku.consumed == sku.enabled);
    assert_eq!(sold_out, Some(true));
    let message = format!("Subscription with SKU {e5} does not have any available licenses.");
    assert_eq!(refused(&desk, add(e5)), message);
    // One product that is there does not go through with one that is not.
    let both = json!({
        "addLicenses": [{"skuId": e3}, {"skuId": e5}],
        "removeLicenses": [],
    });
    assert_eq!(refused(&desk, both), message);
    {
        let mut world = desk.world();
        let group = world.tenant.groups.iter().find(|group| group.licences.contains(&f3));
        let group = group.unwrap().id;
        world.tenant.groups.get_mut(group).unwrap().members.insert(sarah);
        let now = world.now();
        world.tenant.recompute_group_licences(sarah, now);
    }
    assert_eq!(
        refused(&desk, remove(f3)),
        "User license is inherited from a group membership and it cannot be removed directly \
         from the user."
    );
}

#[test]
fn assigning_needs_the_scope_and_the_role() {
    let mut desk = desk();
    let e3 = desk.sku("SPE_E3");
    desk.sit("doug@contoso.com");
    assert_eq!(desk.refusal("POST", SARAH, add(e3)).1, "Authorization_RequestDenied");
    desk.sit("sam@contoso.com");
    desk.may(&["User.Read.All"]);
    assert_eq!(desk.refusal("POST", SARAH, add(e3)).1, "Authorization_RequestDenied");
    desk.may(&["LicenseAssignment.ReadWrite.All"]);
    desk.send("POST", SARAH, add(e3)).unwrap();
    let (status, code, _) = desk.refusal("POST", "users/nobody@contoso.com/assignLicense", add(e3));
    assert_eq!((status, code.as_str()), (404, "Request_ResourceNotFound"));
}

#[test]
fn a_group_that_gets_a_product_passes_it_on_and_takes_it_back() {
    let desk = desk();
    let sku = desk.sku("Microsoft_Teams_Enterprise_New");
    let (group, member) = {
        let world = desk.world();
        let group = world.tenant.groups.iter().find(|group| !group.licences.is_empty()).unwrap();
        (group.id, *group.members.iter().next().unwrap())
    };
    desk.world().tenant.skus.get_mut(sku).unwrap().enabled = 500;
    let path = format!("groups/{group}/assignLicense");
    assert_eq!(desk.send("POST", &path, add(sku)).unwrap().status, 202);
    assert!(desk.world().tenant.people.get(member).unwrap().holds(sku));
    let gave = Effect::LicenceAssigned { user: member, sku };
    assert_eq!(desk.world().tenant.ledger.times(&gave), 1);
    let entry = desk.world().tenant.audit.entries.last().cloned().unwrap();
    assert_eq!(entry.activity, "Update user");
    assert!(format!("{:?}", entry.actor).contains("Group-Based Licensing"));
    desk.send("POST", &path, remove(sku)).unwrap();
    let world = desk.world();
    let held = world.tenant.people.get(member).unwrap();
    assert!(!held.licences.iter().any(|one| one.sku == sku && one.by_group == Some(group)));
}

#[test]
fn reprocessing_gives_what_a_group_could_not_for_want_of_seats() {
    let desk = desk();
    let (f3, sarah) = (desk.sku("SPE_F1"), desk.user("sarah.lin@contoso.com"));
    {
        let mut world = desk.world();
        let sku = world.tenant.skus.get_mut(f3).unwrap();
        sku.enabled = sku.consumed;
        let group = world.tenant.groups.iter().find(|group| group.licences.contains(&f3));
        let group = group.unwrap().id;
        world.tenant.groups.get_mut(group).unwrap().members.insert(sarah);
        let now = world.now();
        world.tenant.recompute_group_licences(sarah, now);
        let user = world.tenant.people.get(sarah).unwrap();
        assert!(user.licences.iter().any(|held| held.error == "CountViolation"), "{user:?}");
        assert!(!assigned_licenses(user).to_string().contains(&f3.to_string()));
        world.tenant.skus.get_mut(f3).unwrap().enabled += 1;
    }
    let path = "users/sarah.lin@contoso.com/reprocessLicenseAssignment";
    assert_eq!(desk.send("POST", path, Value::Null).unwrap().status, 200);
    assert!(desk.world().tenant.people.get(sarah).unwrap().holds(f3));
}

#[test]
fn what_is_said_about_licences_conforms_to_graphs_model() {
    let desk = desk();
    let skus = desk.get("subscribedSkus");
    let skus = skus["value"].as_array().unwrap();
    assert!(skus.len() >= 5);
    for sku in skus {
        assert_eq!(conforms("subscribedSku", sku), Vec::<String>::new());
        let one = desk.get(&format!("subscribedSkus/{}", sku["id"].as_str().unwrap()));
        assert_eq!(one["skuId"], sku["skuId"]);
    }
    let world = desk.world();
    for user in world.tenant.people.iter() {
        for detail in license_details(&world.tenant, user) {
            assert_eq!(conforms("licenseDetails", &detail), Vec::<String>::new());
        }
        let about = json!({
            "assignedLicenses": assigned_licenses(user),
            "assignedPlans": assigned_plans(&world.tenant, user),
        });
        assert_eq!(conforms("user", &about), Vec::<String>::new());
        assert_eq!(conforms("user", &user_json(&world.tenant, user)), Vec::<String>::new());
    }
}

#[test]
fn plans_that_exclude_or_need_each_other_are_refused_and_nothing_happens() {
    let desk = desk();
    let (e3, e5, f3) = (desk.sku("SPE_E3"), desk.sku("SPE_E5"), desk.sku("SPE_F1"));
    desk.world().tenant.quirks.plans_exclude = true;
    desk.world().tenant.skus.get_mut(e5).unwrap().enabled += 1;
    desk.send("POST", SARAH, add(e3)).unwrap();
    let message = refused(&desk, add(f3));
    assert!(message.contains("mutually exclusive"), "{message}");
    let plan = |name: &str| {
        let world = desk.world();
        let plans = &world.tenant.skus.get(e5).unwrap().plans;
        plans.iter().find(|(_, plan)| plan == name).unwrap().0
    };
    let without = |name: &str| json!({"addLicenses": [{"skuId": e5, "disabledPlans": [plan(name)]}], "removeLicenses": [e3]});
    let message = refused(&desk, without("MCOSTANDARD"));
    assert!(message.contains("depends on the service plan(s)"), "{message}");
    assert!(message.contains(&plan("MCOEV").to_string()), "{message}");
    desk.send("POST", SARAH, without("MCOEV")).unwrap();
    desk.world().tenant.quirks.plans_exclude = false;
    desk.send("POST", SARAH, add(f3)).unwrap();
}

#[test]
fn what_a_group_could_not_give_is_in_the_states_with_its_error() {
    let desk = desk();
    let states = |alias: &str| {
        let path =
            format!("users/{alias}@contoso.com?$select=licenseAssignmentStates,assignedLicenses");
        let user = desk.get(&path);
        assert_eq!(conforms("user", &user), Vec::<String>::new());
        let states = user["licenseAssignmentStates"].as_array().unwrap().clone();
        let failed = states.into_iter().find(|state| state["state"] == "Error").unwrap();
        let held = user["assignedLicenses"].to_string();
        assert!(!held.contains(failed["skuId"].as_str().unwrap()), "{held}");
        assert!(failed["assignedByGroup"].is_string());
        failed["error"].clone()
    };
    assert_eq!(states("carla.mendes"), "CountViolation");
    assert_eq!(states("devon.clarke"), "MutuallyExclusiveViolation");
}

#[test]
fn a_subscription_in_grace_gives_seats_and_a_suspended_one_does_not() {
    let desk = desk();
    let (visio, project) = (desk.sku("VISIOCLIENT"), desk.sku("PROJECTPROFESSIONAL"));
    let skus = desk.get("subscribedSkus");
    let shown = |id: Uuid| {
        let skus = skus["value"].as_array().unwrap();
        skus.iter().find(|sku| sku["skuId"] == json!(id)).unwrap().clone()
    };
    assert_eq!(shown(visio)["capabilityStatus"], "Warning");
    assert_eq!(shown(visio)["prepaidUnits"]["enabled"], 0);
    assert_eq!(shown(visio)["prepaidUnits"]["warning"], 5);
    assert_eq!(shown(project)["capabilityStatus"], "Suspended");
    assert!(refused(&desk, add(project)).contains("does not have any available licenses"));
    desk.send("POST", SARAH, add(visio)).unwrap();
    let plans = desk.get("users/lukasz.wojcik@contoso.com?$select=assignedPlans");
    assert!(plans.to_string().contains("\"Suspended\""), "{plans}");
}

#[test]
fn whether_a_licence_given_again_gets_the_new_plans_is_a_quirk() {
    let desk = desk();
    let e3 = desk.sku("SPE_E3");
    desk.send("POST", SARAH, add(e3)).unwrap();
    desk.world().tenant.quirks.readding_replaces_plans = false;
    let plan = desk.world().tenant.skus.get(e3).unwrap().plans[3].0;
    let body = json!({
        "addLicenses": [{"skuId": e3, "disabledPlans": [plan]}],
        "removeLicenses": [],
    });
    let logged = desk.world().tenant.audit.entries.len();
    assert_eq!(desk.send("POST", SARAH, body).unwrap().status, 200);
    let user = desk.world().tenant.people.find("sarah.lin@contoso.com").unwrap().clone();
    assert!(user.licences.iter().all(|held| held.disabled_plans.is_empty()));
    assert_eq!(desk.world().tenant.audit.entries.len(), logged, "nothing happened");
}
