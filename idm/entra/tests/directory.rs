use std::time::Duration;

use serde_json::{Value, json};
use subtwin_kernel::{GroupKind, Person};
use subtwin_understand::Directory as _;

use crate::support::{DOUG, E3, GROUP, SAM, SARAH, World, not_found, ok, refuse, user};

fn upns(people: &[Person]) -> Vec<&str> {
    people.iter().map(|person| person.upn.as_str()).collect()
}

#[tokio::test]
async fn an_exact_upn_gives_that_one_person() {
    let world = World::new().await;
    let filtered = ok(json!({"value": [user(DOUG, "Doug", json!({}))]}));
    world.server.on("GET /v1.0/users?$filter", filtered);
    world.server.on(
        "GET /v1.0/users/sarah%40contoso.com",
        ok(user(SARAH, "Sarah Miller", json!({"onPremisesSyncEnabled": true}))),
    );
    let found = world.entra().people(" sarah@contoso.com ").await.unwrap();
    assert_eq!(upns(&found), ["sarah@contoso.com"]);
    assert!(found[0].synced && found[0].enabled && !found[0].guest);
}

#[tokio::test]
async fn a_mail_address_that_is_no_upn_is_found_too() {
    let world = World::new().await;
    let guest = json!({
        "userPrincipalName": "o'neil_fabrikam.com#EXT#@contoso.com", "userType": "Guest",
    });
    world.server.on("GET /v1.0/users/o%27neil%40fabrikam.com", not_found());
    let filtered = ok(json!({"value": [user(SARAH, "Pat O'Neil", guest)]}));
    world.server.on("GET /v1.0/users?$filter", filtered);
    let found = world.entra().people("o'neil@fabrikam.com").await.unwrap();
    assert!(found[0].guest);
    let query = &world.server.seen("GET", "/v1.0/users")[0].query;
    let filter = "$filter=mail eq 'o''neil@fabrikam.com' or \
                  userPrincipalName eq 'o''neil@fabrikam.com'&";
    assert!(query.starts_with(filter), "{query}");
}

#[tokio::test]
async fn a_guests_upn_reaches_graph_whole() {
    let world = World::new().await;
    world.server.on("GET /v1.0/users?$filter", ok(json!({"value": []})));
    world.server.on(
        "GET /v1.0/users/ann_fabrikam.com%23EXT%23%40contoso.com",
        ok(user(SARAH, "Ann", json!({}))),
    );
    let found = world.entra().people("ann_fabrikam.com#EXT#@contoso.com").await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn a_name_is_searched_and_the_best_six_come_first() {
    let world = World::new().await;
    let mut hits: Vec<Value> = (0..8)
        .map(|n| {
            user(
                &format!("00000000-0000-4000-8000-00000000000{n}"),
                &format!("S{n} Sarah"),
                json!({}),
            )
        })
        .collect();
    hits.push(user(DOUG, "Sarah", json!({"accountEnabled": false})));
    hits[0]["userType"] = json!("Guest");
    world.server.on("GET /v1.0/users?$search", ok(json!({"value": hits})));
    let found = world.entra().people("sarah").await.unwrap();
    assert_eq!(found.len(), 6);
    assert_eq!(found[0].display_name, "Sarah", "an exact name first, even if disabled");
    assert_eq!(found[1].display_name, "S1 Sarah", "guests after colleagues");
    let seen = &world.server.seen("GET", "/v1.0/users")[0];
    assert_eq!(seen.header("consistencylevel"), "eventual");
    assert!(seen.query.starts_with("$search=\"displayName:sarah\"&$count=true&"), "{}", seen.query);
}

#[tokio::test]
async fn names_are_found_by_their_start_where_search_finds_nothing_or_is_not_to_be_had() {
    for searched in
        [ok(json!({"value": []})), refuse(400, "Request_UnsupportedQuery", "No $search.")]
    {
        let world = World::new().await;
        world.server.on("GET /v1.0/users?$search", searched);
        let filtered = ok(json!({"value": [user(SARAH, "Sarah Miller", json!({}))]}));
        world.server.on("GET /v1.0/users?$filter", filtered);
        let found = world.entra().people("Sar").await.unwrap();
        assert_eq!(upns(&found), ["sarah@contoso.com"]);
        let query = &world.server.seen("GET", "/v1.0/users")[1].query;
        assert!(query.contains("startswith(displayName,'Sar') or startswith(givenName"), "{query}");
    }
}

#[tokio::test]
async fn nothing_is_asked_for_an_empty_name_and_a_failure_names_what_was_looked_up() {
    let world = World::new().await;
    assert!(world.entra().people("  ").await.unwrap().is_empty());
    assert!(world.entra().groups("\n").await.unwrap().is_empty());
    assert_eq!(world.server.seen_in_all(), 0);
    world.server.on("GET /v1.0/users?$search", refuse(403, "Authorization_RequestDenied", "No."));
    let error = world.entra().people("Sarah").await.unwrap_err();
    assert_eq!(error.to_string(), "looking up people named `Sarah` failed");
}

#[tokio::test]
async fn somebody_without_a_manager_has_none() {
    let world = World::new().await;
    let path = format!("GET /v1.0/users/{SARAH}/manager");
    world.server.on(&path, not_found());
    let sarah = SARAH.parse().unwrap();
    assert_eq!(world.entra().manager(sarah).await.unwrap(), None);
    world.server.instead(&path, ok(user(DOUG, "Doug", json!({}))));
    assert_eq!(world.entra().manager(sarah).await.unwrap().unwrap().upn, "doug@contoso.com");
    world.server.on(&format!("GET /v1.0/users/{SAM}"), not_found());
    assert_eq!(world.entra().person(SAM.parse().unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn groups_of_exactly_that_name_come_first_and_once() {
    let world = World::new().await;
    let group = |id: &str, name: &str| {
        json!({
            "id": id, "displayName": name, "groupTypes": ["Unified"], "mailEnabled": true,
            "securityEnabled": false, "isAssignableToRole": null, "membershipRule": null,
            "onPremisesSyncEnabled": null, "description": null, "mail": null,
        })
    };
    let finance = group(GROUP, "Finance");
    let team = group(SARAH, "Finance Team");
    world.server.on("GET /v1.0/groups?$filter", ok(json!({"value": [team, finance]})));
    let found = world.entra().groups("Finance").await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].kind, GroupKind::Microsoft365);
    let mut asked: Vec<String> =
        world.server.seen("GET", "/v1.0/groups").into_iter().map(|seen| seen.query).collect();
    asked.sort();
    assert!(asked[0].starts_with("$filter=displayName eq 'Finance'&$top=6&"), "{asked:?}");
    assert!(asked[1].starts_with("$filter=startswith(displayName,'Finance')&"), "{asked:?}");
}

#[tokio::test]
async fn licences_have_the_names_people_use_and_are_remembered_for_five_seconds() {
    let world = World::new().await;
    world.server.on(
        "GET /v1.0/subscribedSkus",
        ok(json!({"value": [
            {"id": "x", "skuId": E3, "skuPartNumber": "SPE_E3", "capabilityStatus": "Enabled",
             "appliesTo": "User", "consumedUnits": 3,
             "prepaidUnits": {"enabled": 10, "warning": 0, "suspended": 0, "lockedOut": 0}},
            {"id": "y", "skuId": GROUP, "skuPartNumber": "TENANT_WIDE", "appliesTo": "Company",
             "consumedUnits": 0, "prepaidUnits": {"enabled": 1}},
        ]})),
    );
    let entra = world.entra();
    let found = entra.licences().await.unwrap();
    assert_eq!(found.len(), 1, "what belongs to the tenant as a whole is not on offer");
    assert_eq!((found[0].product.as_str(), found[0].free), ("Microsoft 365 E3", 7));
    entra.licences().await.unwrap();
    assert_eq!(world.server.seen("GET", "/v1.0/subscribedSkus").len(), 1);
    world.clock.advance(Duration::from_secs(6));
    entra.licences().await.unwrap();
    assert_eq!(world.server.seen("GET", "/v1.0/subscribedSkus").len(), 2);
}
