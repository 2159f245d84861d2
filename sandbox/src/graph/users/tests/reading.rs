use serde_json::{Value, json};

use super::{READ, bad, denied, gone, unsupported};
use crate::graph::model::conforms;
use crate::graph::testing::{Bench, each};

#[test]
fn a_user_is_found_by_upn_in_any_case_with_the_default_properties() {
    let bench = Bench::new();
    let user = bench.by("doug", READ, "GET", "users/SARAH.lin@contoso.com").ok();
    let names: Vec<_> = user.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "@odata.context",
            "businessPhones",
            "displayName",
            "givenName",
            "jobTitle",
            "mail",
            "mobilePhone",
            "officeLocation",
            "preferredLanguage",
            "surname",
            "userPrincipalName",
            "id",
        ]
    );
    assert_eq!(user["@odata.context"], "https://graph.microsoft.com/v1.0/$metadata#users/$entity");
    assert_eq!(user["displayName"], "Sarah Lin");
    assert_eq!(user["id"], bench.id("sarah.lin").to_string());
}

#[test]
fn a_selection_shows_what_was_asked_for_and_nothing_else() {
    let bench = Bench::new();
    let path = "users/ingrid.larsen@contoso.com?$select=usageLocation,accountEnabled,userType,\
                passwordProfile,onPremisesSyncEnabled,assignedLicenses,licenseAssignmentStates";
    let user = bench.by("doug", READ, "GET", path).ok();
    assert_eq!(
        user["@odata.context"],
        "https://graph.microsoft.com/v1.0/$metadata#users(usageLocation,accountEnabled,userType,\
         passwordProfile,onPremisesSyncEnabled,assignedLicenses,licenseAssignmentStates)/$entity"
    );
    assert_eq!(user["usageLocation"], Value::Null);
    assert_eq!(user["passwordProfile"], Value::Null);
    assert_eq!(user["onPremisesSyncEnabled"], Value::Null);
    assert_eq!(user["userType"], "Member");
    let sku = "66b55226-6b4f-492c-910c-a3b7a3c9d993";
    assert_eq!(user["assignedLicenses"], json!([{"disabledPlans": [], "skuId": sku}]));
    let state = &user["licenseAssignmentStates"][0];
    assert_eq!(state["state"], "Active");
    assert_eq!(state["error"], "None");
    assert_eq!(state["assignedByGroup"], bench.group("Licence Microsoft 365 F3").to_string());
    assert!(user.get("displayName").is_none());
}

#[test]
fn no_answer_ever_holds_a_password() {
    let bench = Bench::new();
    let properties: Vec<_> = crate::graph::objects::USER
        .properties
        .iter()
        .flat_map(|table| table.iter().map(|property| property.name))
        .collect();
    let all = bench.by("dana", READ, "GET", &format!("users?$select={}", properties.join(",")));
    let all = all.ok().to_string();
    assert!(!all.contains(crate::tenant::SAMPLE_PASSWORD));
}

#[test]
fn an_unknown_property_and_an_unknown_option_are_refused() {
    let bench = Bench::new();
    let get = |path: &str| bench.by("doug", READ, "GET", path).refused();
    assert_eq!(
        get("users?$select=shoeSize"),
        (
            400,
            "BadRequest".to_owned(),
            "Parsing OData Select and Expand failed: Could not find a property named 'shoeSize' \
             on type 'microsoft.graph.user'."
                .to_owned()
        )
    );
    assert_eq!(get("users?$skip=5"), bad("'$skip' is not supported by the service."));
    assert_eq!(get("users?$apply=x").0, 400);
    assert_eq!(get("users?colour=red").0, 400);
    assert_eq!(get("users/doug@contoso.com?$filter=id eq 'x'").0, 400);
    assert_eq!(get("users?$select=signInActivity").0, 501);
    assert_eq!(get("users/delta").0, 501);
    assert_eq!(get("users?$expand=manager,memberOf").0, 400);
    assert_eq!(get("users?$expand=displayName").0, 400);
}

#[test]
fn who_is_not_there_is_a_404_by_the_key_as_written() {
    let bench = Bench::new();
    let get = |path: &str| bench.by("doug", READ, "GET", path).refused();
    assert_eq!(get("users/Nobody@contoso.com"), gone("Nobody@contoso.com"));
    let id = "00000000-0000-0000-0000-000000000001";
    assert_eq!(get(&format!("users/{id}")), gone(id));
    assert_eq!(get(&format!("users/{id}/memberOf")), gone(id));
    assert_eq!(get(&format!("directoryObjects/{id}")), gone(id));
}

#[test]
fn a_list_comes_in_pages_that_lead_through_everybody_once() {
    let bench = Bench::new();
    let mut address = "users?$select=id&$top=33".to_owned();
    let mut seen = Vec::new();
    for page in 0.. {
        assert!(page < 4, "the pages never end");
        let answer = bench.by("doug", READ, "GET", &address).ok();
        seen.extend(each(&answer, "id").into_iter().map(str::to_owned));
        let Some(next) = answer.get("@odata.nextLink").and_then(Value::as_str) else { break };
        let next = next.strip_prefix("https://graph.microsoft.com/v1.0/").expect(next);
        address = next.replace("%2C", ",");
    }
    assert_eq!(seen.len(), 80);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 80);
}

#[test]
fn pages_have_a_hundred_by_default_and_at_most_999() {
    let bench = Bench::of(1200);
    let length =
        |path: &str| bench.by("doug", READ, "GET", path).ok()["value"].as_array().unwrap().len();
    assert_eq!(length("users"), 100);
    assert_eq!(length("users?$top=999"), 999);
    for top in ["0", "1000", "-1", "x"] {
        assert_eq!(
            bench.by("doug", READ, "GET", &format!("users?$top={top}")).refused(),
            unsupported(&format!(
                "Invalid page size specified: '{top}'. Must be between 1 and 999 inclusive."
            ))
        );
    }
    assert_eq!(bench.by("doug", READ, "GET", "users?$skiptoken=zzz").refused().0, 400);
}

#[test]
fn filters_find_people_by_address_name_licence_and_state() {
    let bench = Bench::new();
    let upns = |filter: &str| {
        let call = bench.by("doug", READ, "GET", "users?$select=userPrincipalName");
        let answer = call.option("$filter", filter).ok();
        each(&answer, "userPrincipalName").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        upns("mail eq 'Priya.Shah@fabrikam.com' or userPrincipalName eq 'priya.shah@fabrikam.com'"),
        ["priya.shah_fabrikam.com#EXT#@contoso.onmicrosoft.com"]
    );
    assert_eq!(
        upns("displayName eq 'Alex Kim'"),
        ["alex.kim@contoso.com", "alex.kim2@contoso.com"]
    );
    assert_eq!(upns("startswith(displayName,'Siobhán O''B')"), ["siobhan.o'brien@contoso.com"]);
    assert_eq!(upns("displayName eq 'Maria Costa'"), ["maria.costa@contoso.com"]);
    assert_eq!(
        upns("id in ('00000000-0000-0000-0000-000000000000')"),
        Vec::<String>::new(),
        "an id nobody has"
    );
    let teams = "assignedLicenses/any(x:x/skuId eq 7e31c0d9-9551-471d-836f-32ee72be4a01)";
    assert_eq!(
        upns(teams),
        ["sam@contoso.com", "sarah.lin@contoso.com", "maria.costa2@contoso.com"]
    );
    assert_eq!(upns("accountEnabled eq false"), ["victor.novak@contoso.com"]);
    assert_eq!(upns("userType eq 'Guest'").len(), 2);
    let both = format!("id eq '{}' and accountEnabled eq false", bench.id("doug"));
    assert_eq!(upns(&both), Vec::<String>::new(), "an index does not replace the filter");
    let doug = format!("id eq '{}' or mail eq 'doug@contoso.com'", bench.id("doug"));
    assert_eq!(upns(&doug), ["doug@contoso.com"], "found twice, shown once");
}

#[test]
fn advanced_queries_need_the_header_and_the_count() {
    let bench = Bench::new();
    let get = |query: &str| bench.by("doug", READ, "GET", &format!("users?{query}"));
    let hint = "is not supported because the required parameters might be missing. Try adding \
                $count=true query parameter and ConsistencyLevel:eventual header. Refer to \
                https://aka.ms/graph-docs/advanced-queries for more information";
    let filter = "$filter=endsWith(mail,'@fabrikam.com')";
    assert_eq!(get(filter).refused(), unsupported(&format!("Operator 'endsWith' {hint}")));
    let header = get(filter).header("ConsistencyLevel", "eventual");
    assert_eq!(header.refused(), unsupported(&format!("Operator 'endsWith' {hint}")));
    let answer = get(filter).advanced().ok();
    assert_eq!(answer["@odata.count"], 1);
    assert_eq!(each(&answer, "displayName"), ["Priya Shah"]);
    for filter in ["department ne 'IT'", "not (department eq 'IT')", "assignedLicenses/$count eq 0"]
    {
        assert_eq!(get(&format!("$filter={filter}")).refused().1, "Request_UnsupportedQuery");
        assert!(get(&format!("$filter={filter}")).advanced().ok()["@odata.count"].is_u64());
    }
    assert_eq!(
        get("$search=\"displayName:lin\"").refused(),
        unsupported(
            "Request with $search query parameter only works through MSGraph with a special \
             request header: 'ConsistencyLevel: eventual'"
        )
    );
    assert_eq!(
        get("$filter=userType eq 'Guest'&$orderby=displayName").refused(),
        unsupported("Sorting not supported for current query.")
    );
    let sorted = get("$filter=userType eq 'Guest'&$orderby=displayName desc").advanced().ok();
    assert_eq!(each(&sorted, "displayName"), ["Priya Shah", "Liam Turner (Adatum)"]);
}

#[test]
fn a_count_without_the_header_is_ignored_in_a_list_and_refused_on_its_own() {
    let bench = Bench::new();
    let answer = bench.by("doug", READ, "GET", "users?$count=true").ok();
    assert_eq!(answer.get("@odata.count"), None);
    assert_eq!(
        bench.by("doug", READ, "GET", "users/$count").refused(),
        bad("$count is not currently supported.")
    );
    let count = bench.by("doug", READ, "GET", "users/$count");
    assert_eq!(count.header("ConsistencyLevel", "eventual").ok(), 80);
    let guests = bench.by("doug", READ, "GET", "users/$count?$filter=userType eq 'Guest'");
    let answer = guests.header("ConsistencyLevel", "eventual").answer().unwrap();
    assert_eq!(answer.body, Some(json!(2)));
    assert_eq!(answer.headers, [("Content-Type".to_owned(), "text/plain".to_owned())]);
}

#[test]
fn a_search_finds_look_alikes_but_no_other_script() {
    let bench = Bench::new();
    let found = |search: &str| {
        let call = bench.by("doug", READ, "GET", "users?$select=displayName&$top=6");
        let answer = call.option("$search", search).advanced().ok();
        each(&answer, "displayName").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("\"displayName:sarah lin\""), ["Sarah Lin", "Sarah Linn"]);
    assert_eq!(found("\"displayName:alex kim\""), ["Alex Kim", "Alex Kim"]);
    assert_eq!(found("\"displayName:maria costa\""), ["Maria Costa"]);
    assert_eq!(found("\"mail:priya\" OR \"displayName:山田\"").len(), 2);
}

#[test]
fn sorting_alone_works_and_pages() {
    let bench = Bench::new();
    let path = "users?$orderby=displayName&$select=displayName&$top=50";
    let first = bench.by("doug", READ, "GET", path).ok();
    let names = each(&first, "displayName");
    let mut sorted = names.clone();
    sorted.sort_by_key(|name| name.to_lowercase());
    assert_eq!(names, sorted);
    let next = first["@odata.nextLink"].as_str().unwrap();
    let next = next.strip_prefix("https://graph.microsoft.com/v1.0/").unwrap();
    let rest = bench.by("doug", READ, "GET", next).ok();
    assert_eq!(rest["value"].as_array().unwrap().len(), 30);
    assert_eq!(
        bench.by("doug", READ, "GET", "users?$orderby=city").refused(),
        unsupported("Sorting not supported for current query.")
    );
}

#[test]
fn contains_is_not_for_directory_objects() {
    let bench = Bench::new();
    let call = bench.by("doug", READ, "GET", "users?$filter=contains(displayName,'a')");
    assert_eq!(
        call.advanced().refused(),
        unsupported(
            "Unsupported or invalid query filter clause specified for property 'displayName' of \
             resource 'User'."
        )
    );
}

#[test]
fn a_token_sees_what_its_scopes_allow() {
    let bench = Bench::new();
    let get = |scopes: &str, path: &str| bench.by("doug", scopes, "GET", path);
    let own = format!("users/{}", bench.id("doug"));
    assert_eq!(get("User.Read", &own).ok()["jobTitle"], "IT Helpdesk Lead");
    assert_eq!(get("User.Read", "users/dana@contoso.com").refused(), denied());
    assert_eq!(get("User.Read", "users/nobody@contoso.com").refused(), denied());
    assert_eq!(get("User.Read", "users").refused(), denied());
    assert_eq!(get("Chat.ReadWrite", &own).refused(), denied());
    assert_eq!(get("User.Read", "users/$count").refused(), denied());

    let basic = get("User.ReadBasic.All", "users/dana@contoso.com").ok();
    assert_eq!(basic["displayName"], "Dana Whitfield");
    assert_eq!(basic["jobTitle"], Value::Null);
    assert_eq!(basic["businessPhones"], Value::Null);
    let department = get("User.ReadBasic.All", "users/dana@contoso.com?$select=department");
    assert_eq!(department.refused(), denied());
    let probe = get("User.ReadBasic.All", "users?$filter=department eq 'IT'");
    assert_eq!(probe.refused(), denied(), "a filter would tell too");
    assert_eq!(
        get("User.ReadBasic.All", "users?$filter=mail eq 'dana@contoso.com'").ok()["value"][0]["mail"],
        "dana@contoso.com"
    );
    assert_eq!(
        bench.by_app("User.Read.All", "GET", "users/dana@contoso.com").ok()["jobTitle"],
        "IT Manager"
    );
}

#[test]
fn direct_reports_are_who_names_the_manager() {
    let bench = Bench::new();
    let reports = bench.by("doug", READ, "GET", "users/doug@contoso.com/directReports").ok();
    let mut names = each(&reports, "displayName");
    names.retain(|name| ["Sam (IT twin)", "Paula Stone"].contains(name));
    assert_eq!(names, ["Sam (IT twin)", "Paula Stone"]);
    let count = bench.by("doug", READ, "GET", "users/alex.kim@contoso.com/directReports/$count");
    assert_eq!(count.header("ConsistencyLevel", "eventual").ok(), 0);
}

#[test]
fn memberships_are_groups_and_roles_and_can_be_narrowed() {
    let bench = Bench::new();
    let get = |path: &str| bench.by("doug", READ, "GET", path).ok();
    let sam = get("users/sam@contoso.com/memberOf");
    assert_eq!(
        sam["@odata.context"],
        "https://graph.microsoft.com/v1.0/$metadata#directoryObjects"
    );
    let types = each(&sam, "@odata.type");
    assert!(types.contains(&"#microsoft.graph.group"), "{types:?}");
    assert!(types.contains(&"#microsoft.graph.directoryRole"), "{types:?}");
    let roles = get(
        "users/sam@contoso.com/transitiveMemberOf/microsoft.graph.directoryRole?$select=displayName,\
         roleTemplateId",
    );
    assert_eq!(
        each(&roles, "displayName"),
        [
            "User Administrator",
            "Helpdesk Administrator",
            "Authentication Administrator",
            "License Administrator",
            "Groups Administrator",
            "Reports Reader"
        ]
    );
    assert_eq!(each(&roles, "roleTemplateId")[0], "fe930be7-5e62-47db-91af-98c3a49a38b1");
    assert_eq!(roles["value"][0].get("@odata.type"), None, "a narrowed collection is not mixed");
    let groups = get("users/sarah.lin@contoso.com/transitiveMemberOf/microsoft.graph.group");
    let mut names = each(&groups, "displayName");
    names.sort_unstable();
    assert_eq!(names, ["All Employees", "Revenue Org", "Sales by Rule"], "through a nested group");
    let direct = get("users/sarah.lin@contoso.com/memberOf/Microsoft.Graph.Group");
    assert_eq!(each(&direct, "displayName").len(), 2);
    let filtered = "users/sarah.lin@contoso.com/memberOf/microsoft.graph.group?$filter=displayName \
                    eq 'Sales by Rule'";
    assert_eq!(bench.by("doug", READ, "GET", filtered).refused().1, "Request_UnsupportedQuery");
    assert_eq!(bench.by("doug", READ, "GET", filtered).advanced().ok()["@odata.count"], 1);
}

#[test]
fn groups_a_token_may_not_read_show_only_their_ids() {
    let bench = Bench::new();
    let path = format!("users/{}/memberOf", bench.id("doug"));
    let answer = bench.by("doug", "User.Read", "GET", &path).ok();
    for group in answer["value"].as_array().unwrap() {
        assert!(group["id"].is_string());
        assert_eq!(group["displayName"], Value::Null);
        assert!(group["@odata.type"].is_string());
    }
}

#[test]
fn membership_checks_follow_nested_groups() {
    let bench = Bench::new();
    let post = |action: &str, body: Value| {
        bench.by("doug", READ, "POST", &format!("users/jon.miller@contoso.com/{action}")).body(body)
    };
    let (team, org, vpn) =
        (bench.group("Sales Team"), bench.group("Revenue Org"), bench.group("IT Department"));
    let answer = post("checkMemberGroups", json!({"groupIds": [team, org, vpn]})).ok();
    assert_eq!(answer["value"], json!([team, org]));
    assert_eq!(
        answer["@odata.context"],
        "https://graph.microsoft.com/v1.0/$metadata#Collection(Edm.String)"
    );
    let all = post("getMemberGroups", json!({"securityEnabledOnly": false})).ok();
    let all = all["value"].as_array().unwrap().clone();
    assert!(all.contains(&json!(team)) && all.contains(&json!(org)));
    let secure = post("microsoft.graph.getMemberGroups", json!({"securityEnabledOnly": true})).ok();
    assert!(!secure["value"].as_array().unwrap().contains(&json!(team)), "a team grants nothing");
    let many = vec![team; 21];
    assert_eq!(post("checkMemberGroups", json!({"groupIds": many})).refused().0, 400);
    assert_eq!(post("checkMemberGroups", json!({"groupIds": ["x"]})).refused().0, 400);
    assert_eq!(post("checkMemberGroups", json!({})).refused().0, 400);
    let roles = bench.by("doug", READ, "POST", "users/dana@contoso.com/getMemberObjects");
    assert!(roles.body(json!({})).ok()["value"].as_array().unwrap().len() > 3);
}

#[test]
fn licence_details_name_the_product_and_its_services() {
    let bench = Bench::new();
    let path = "users/sarah.lin@contoso.com/licenseDetails";
    let answer = bench.by("doug", READ, "GET", path).ok();
    assert_eq!(each(&answer, "skuPartNumber"), ["Microsoft_Teams_Enterprise_New"]);
    let plans = answer["value"][0]["servicePlans"].as_array().unwrap();
    let teams = plans.iter().find(|plan| plan["servicePlanName"] == "TEAMS1").unwrap();
    assert_eq!(teams["servicePlanId"], "57ff2da0-773e-42df-b2af-ffb7a2317929");
    assert_eq!(teams["provisioningStatus"], "Success");
    assert_eq!(bench.by("doug", "Chat.Read", "GET", path).refused(), denied());
    let narrow = bench.by("doug", "LicenseAssignment.Read.All", "GET", path);
    assert_eq!(narrow.status(), 200);
}

#[test]
fn objects_of_any_kind_are_found_by_id() {
    let bench = Bench::new();
    let (doug, team) = (bench.id("doug"), bench.group("Sales Team"));
    let one = bench.by("doug", READ, "GET", &format!("directoryObjects/{team}")).ok();
    assert_eq!(one["@odata.type"], "#microsoft.graph.group");
    let ids = json!({"ids": [doug, team, "00000000-0000-0000-0000-000000000001"]});
    let all = bench.by("doug", READ, "POST", "directoryObjects/getByIds").body(ids.clone()).ok();
    assert_eq!(each(&all, "displayName"), ["Doug Hale", "Sales Team"]);
    let mut users = ids;
    users["types"] = json!(["user"]);
    let users = bench.by("doug", READ, "POST", "directoryObjects/getByIds").body(users).ok();
    assert_eq!(each(&users, "displayName"), ["Doug Hale"]);
}

#[test]
fn the_organisation_and_its_domains_are_known() {
    let bench = Bench::new();
    let answer = bench.by("doug", "Organization.Read.All", "GET", "organization").ok();
    assert_eq!(each(&answer, "displayName"), ["Contoso"]);
    let path = "organization?$select=id,displayName";
    let narrow = bench.by("doug", "Organization.Read.All", "GET", path).ok();
    assert_eq!(narrow["value"][0].as_object().unwrap().len(), 2);
    assert_eq!(bench.by("doug", "Chat.Read", "GET", "organization").refused(), denied());
    let domains = bench.by("doug", READ, "GET", "domains").ok();
    assert_eq!(each(&domains, "id"), ["contoso.com", "contoso.onmicrosoft.com"]);
    assert_eq!(bench.by("doug", READ, "GET", "domains/contoso.com").ok()["isDefault"], true);
    assert_eq!(bench.by("doug", READ, "GET", "domains/x.com").refused(), gone("x.com"));
}

#[test]
fn guests_see_themselves_and_nobody_else() {
    let bench = Bench::new();
    let upn = "priya.shah_fabrikam.com#EXT#@contoso.onmicrosoft.com";
    let id = bench.world().tenant.people.find(upn).unwrap().id;
    let as_guest = |path: &str| {
        bench.by("doug", "User.Read.All", "GET", path).by_user(id).answer().map(|it| it.status)
    };
    assert!(as_guest("users").is_err());
    assert!(as_guest("users/dana@contoso.com").is_err());
    assert_eq!(as_guest(&format!("users/{upn}")).unwrap(), 200);
}

#[test]
fn a_single_property_has_its_own_address() {
    let bench = Bench::new();
    let get = |path: &str| bench.by("doug", READ, "GET", path);
    let name = get("users/sarah.lin@contoso.com/displayName").ok();
    let context = format!(
        "https://graph.microsoft.com/v1.0/$metadata#users('{}')/displayName",
        bench.id("sarah.lin")
    );
    assert_eq!(name, json!({"@odata.context": context, "value": "Sarah Lin"}));
    assert_eq!(get("users/sarah.lin@contoso.com/mobilePhone").status(), 204);
    assert_eq!(get("users/sarah.lin@contoso.com/shoeSize").refused().0, 501);
}

#[test]
fn three_hundred_thousand_would_be_found_by_index_without_reading_them() {
    let bench = Bench::of(3000);
    let world = bench.world();
    let filter = "mail eq 'sarah.lin@contoso.com' or userPrincipalName eq 'nobody'";
    let filter = crate::graph::odata::Filter::parse(filter, &crate::graph::objects::USER).unwrap();
    let found = super::super::indexed(&world.tenant, &filter).unwrap();
    assert_eq!(found.len(), 1);
    let filter = "startswith(mail,'sarah')";
    let filter = crate::graph::odata::Filter::parse(filter, &crate::graph::objects::USER).unwrap();
    assert!(super::super::indexed(&world.tenant, &filter).is_none());
}

#[test]
fn what_a_token_may_not_see_it_may_not_ask_about() {
    let bench = Bench::new();
    let own = format!("users/{}/memberOf/microsoft.graph.group", bench.id("doug"));
    let filter = format!("{own}?$filter=displayName eq 'VPN Users'");
    assert_eq!(bench.by("doug", "User.Read", "GET", &filter).advanced().refused(), denied());
    assert_eq!(bench.by("doug", READ, "GET", &filter).advanced().ok()["@odata.count"], 1);
    let count = format!("{own}/$count?$filter=displayName eq 'VPN Users'");
    let count = |scopes: &str| {
        let call = bench.by("doug", scopes, "GET", &count);
        call.header("ConsistencyLevel", "eventual")
    };
    assert_eq!(count("User.Read").refused(), denied());
    assert_eq!(count(READ).ok(), 1);
    let users = bench.by("doug", "User.ReadBasic.All", "GET", "users/$count?$filter=city eq 'x'");
    assert_eq!(users.header("ConsistencyLevel", "eventual").refused(), denied());
}

#[test]
fn a_guests_two_addresses_meet_in_identities_only() {
    let bench = Bench::new();
    let world = bench.world();
    let guest = world.tenant.people.iter().find(|user| user.guest).unwrap().clone();
    drop(world);
    let path = format!("users/{}?$select=identities", guest.id);
    let shown = bench.by("sam", "User.Read.All", "GET", &path).ok();
    assert_eq!(conforms("user", &shown), Vec::<String>::new());
    let identities = shown["identities"].as_array().unwrap();
    let ids: Vec<_> = identities.iter().map(|one| &one["issuerAssignedId"]).collect();
    assert_eq!(ids, [&json!(guest.upn), &json!(guest.mail.unwrap())]);
    assert_eq!(identities[1]["signInType"], "federated");
    let member =
        bench.by("sam", "User.Read.All", "GET", "users/doug@contoso.com?$select=identities");
    assert_eq!(member.ok()["identities"].as_array().unwrap().len(), 1);
}
