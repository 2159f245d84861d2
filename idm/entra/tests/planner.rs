use serde_json::{Value, json};
use subtwin_confirm::{Planner as _, Refusal};
use subtwin_kernel::{Action, Method, Part, PrincipalKind};
use subtwin_policy::Asker;

use crate::support::{DOUG, E3, E5, GROUP, PAT, SARAH, World, not_found, ok, refuse, user};

/// A tenant in which every plan succeeds: Pat owns the group.
async fn tenant() -> World {
    let world = World::new().await;
    world
        .server
        .on("GET /v1.0/users?$search", ok(json!({"value": []})))
        .on("GET /v1.0/groups?$filter", ok(json!({"value": []})))
        .on(&format!("GET /v1.0/users/{SARAH}/memberOf"), ok(json!({"value": []})))
        .on(
            &format!("GET /v1.0/groups/{GROUP}/owners"),
            ok(json!({"value": [
            {"@odata.type": "#microsoft.graph.user", "id": PAT, "displayName": "Pat"}]})),
        )
        .on(
            &format!("GET /v1.0/groups/{GROUP}/members"),
            ok(json!({
            "@odata.count": 12, "value": [{"id": DOUG}]})),
        );
    sarah(&world, json!({}));
    group(&world, json!({}));
    skus(&world, json!({}));
    world
}

fn sarah(world: &World, with: Value) {
    let sarah = user(SARAH, "Sarah Miller", with);
    world.server.instead(&format!("GET /v1.0/users/{SARAH}"), ok(sarah));
}

fn group(world: &World, with: Value) {
    let mut group = json!({
        "id": GROUP, "displayName": "Finance", "mail": "finance@contoso.com", "description": null,
        "groupTypes": ["Unified"], "mailEnabled": true, "securityEnabled": false,
        "isAssignableToRole": null, "membershipRule": null, "onPremisesSyncEnabled": null,
        "visibility": "Private", "assignedLicenses": [], "resourceProvisioningOptions": ["Team"],
    });
    for (key, value) in with.as_object().unwrap() {
        group[key] = value.clone();
    }
    world.server.instead(&format!("GET /v1.0/groups/{GROUP}"), ok(group));
}

fn skus(world: &World, e3: Value) {
    let plan = |id: &str, name: &str| json!({"servicePlanId": id, "servicePlanName": name});
    let exchange = plan("efb87545-963c-4e0d-99df-69c6916d9eb0", "EXCHANGE_S_ENTERPRISE");
    let teams = plan("57ff2da0-773e-42df-b2af-ffb7a2317929", "TEAMS1");
    let site = plan("5dbe027f-2339-4123-9542-606e4d348a72", "SHAREPOINTENTERPRISE");
    let mut e3_sku = json!({
        "id": "x", "skuId": E3, "skuPartNumber": "SPE_E3", "capabilityStatus": "Enabled",
        "appliesTo": "User", "consumedUnits": 22, "servicePlans": [exchange, teams, site],
        "prepaidUnits": {"enabled": 25, "warning": 0, "suspended": 0, "lockedOut": 0},
    });
    for (key, value) in e3.as_object().unwrap() {
        e3_sku[key] = value.clone();
    }
    let e5_sku = json!({
        "id": "y", "skuId": E5, "skuPartNumber": "SPE_E5", "capabilityStatus": "Enabled",
        "appliesTo": "User", "consumedUnits": 1, "servicePlans": [exchange],
        "prepaidUnits": {"enabled": 1, "warning": 0, "suspended": 0, "lockedOut": 0},
    });
    world.server.instead("GET /v1.0/subscribedSkus", ok(json!({"value": [e3_sku, e5_sku]})));
}

fn give() -> Action {
    Action::LicenseAssign {
        person: SARAH.parse().unwrap(),
        sku: E3.parse().unwrap(),
        disabled_plans: Vec::new(),
    }
}

fn take() -> Action {
    Action::LicenseRemove { person: SARAH.parse().unwrap(), sku: E3.parse().unwrap() }
}

fn add() -> Action {
    Action::GroupMemberAdd { person: SARAH.parse().unwrap(), group: GROUP.parse().unwrap() }
}

fn remove() -> Action {
    Action::GroupMemberRemove { person: SARAH.parse().unwrap(), group: GROUP.parse().unwrap() }
}

fn revoke() -> Action {
    Action::SessionRevoke { person: SARAH.parse().unwrap() }
}

fn doug() -> Asker {
    Asker {
        id: DOUG.parse().unwrap(),
        upn: "doug@contoso.com".to_owned(),
        enabled: true,
        guest: false,
        twin: false,
        helpdesk: true,
        approver: false,
        department: None,
        groups: Vec::new(),
    }
}

async fn part(world: &World, action: &Action) -> Result<Part, Refusal> {
    let mut parts = world.entra().parts(action, &doug(), &[]).await?;
    assert_eq!(parts.len(), 1);
    Ok(parts.remove(0))
}

/// What the human reads, one line per field.
async fn shown(world: &World, action: &Action) -> String {
    let part = part(world, action).await.unwrap();
    let again = self::part(world, action).await.unwrap();
    assert_eq!(part, again, "equal states give equal parts");
    let shown = part.shown;
    let mut lines = vec![shown.headline, format!("target: {}", shown.target)];
    lines.extend(shown.object.map(|object| format!("object: {object}")));
    lines.push(format!("before: {}", shown.before));
    lines.push(format!("after: {}", shown.after));
    lines.extend(shown.consequences.into_iter().map(|line| format!("- {line}")));
    lines.push(format!("undo: {}", shown.undo));
    lines.join("\n")
}

async fn obstacle(world: &World, action: &Action) -> (String, String) {
    match part(world, action).await.unwrap_err() {
        Refusal::Impossible { code, reason } => (code.to_owned(), reason),
        Refusal::AlreadySo(reason) => ("already".to_owned(), reason),
        other => panic!("{other:?}"),
    }
}

fn direct(state: &str, off: Value) -> Value {
    json!([{"skuId": E3, "disabledPlans": off, "assignedByGroup": null, "state": state,
            "error": "None"}])
}

fn through_group() -> Value {
    json!([{"skuId": E3, "disabledPlans": [], "assignedByGroup": GROUP, "state": "Active"}])
}

#[tokio::test]
async fn giving_a_licence_says_what_it_costs_and_what_is_left() {
    let world = tenant().await;
    insta::assert_snapshot!(shown(&world, &give()).await, @r"
    Give Sarah Miller (sarah@contoso.com) a Microsoft 365 E3 licence.
    target: Sarah Miller (sarah@contoso.com), Marketing
    object: Microsoft 365 E3 licence
    before: Has no licence. 3 of 25 seats free.
    after: Has Microsoft 365 E3. 2 of 25 seats free.
    - Uses one paid seat.
    undo: The licence can be taken away again; what was stored with it by then enters its retention period.
    ");
    let part = part(&world, &give()).await.unwrap();
    assert_eq!(part.action, give());
    assert_eq!(part.step.method, Method::Post);
    assert_eq!(part.step.path, format!("/v1.0/users/{SARAH}/assignLicense"));
    assert_eq!(
        part.step.body.as_ref().unwrap().to_string(),
        format!(r#"{{"addLicenses":[{{"skuId":"{E3}","disabledPlans":[]}}],"removeLicenses":[]}}"#)
    );
}

#[tokio::test]
async fn giving_a_failed_licence_again_keeps_what_was_switched_off() {
    let world = tenant().await;
    let off = "57ff2da0-773e-42df-b2af-ffb7a2317929";
    sarah(&world, json!({"licenseAssignmentStates": direct("Error", json!([off]))}));
    let part = part(&world, &give()).await.unwrap();
    let body = part.step.body.as_ref().unwrap();
    assert_eq!(body["addLicenses"][0]["disabledPlans"], json!([off]));
    assert!(
        part.shown.consequences.iter().any(|line| line.contains("stay switched off")),
        "{:?}",
        part.shown
    );
}

#[tokio::test]
async fn taking_a_licence_says_what_stops_and_what_other_licences_still_give() {
    let world = tenant().await;
    let mut states = direct("Active", json!([]));
    let e5 = json!({"skuId": E5, "disabledPlans": [], "assignedByGroup": null, "state": "Active"});
    states.as_array_mut().unwrap().push(e5);
    sarah(&world, json!({"licenseAssignmentStates": states, "accountEnabled": false}));
    insta::assert_snapshot!(shown(&world, &take()).await, @r"
    Take the Microsoft 365 E3 licence away from Sarah Miller (sarah@contoso.com).
    target: Sarah Miller (sarah@contoso.com), Marketing
    object: Microsoft 365 E3 licence
    before: Has Microsoft 365 E3 and Microsoft 365 E5. 3 of 25 seats free.
    after: No longer has Microsoft 365 E3. 4 of 25 seats free.
    - These stop for Sarah Miller: OneDrive and SharePoint and Teams.
    - Data kept by these services enters its retention period and is deleted after it.
    - The account of Sarah Miller is disabled: nobody can sign in with it until it is enabled.
    undo: The licence can be given again while a seat is free; data comes back only within its retention period.
    ");
    let part = part(&world, &take()).await.unwrap();
    assert_eq!(
        part.step.body.as_ref().unwrap().to_string(),
        format!(r#"{{"addLicenses":[],"removeLicenses":["{E3}"]}}"#)
    );
}

#[tokio::test]
async fn taking_a_licence_that_a_group_gives_too_says_that_it_stays() {
    let world = tenant().await;
    let mut states = direct("Active", json!([]));
    states.as_array_mut().unwrap().push(through_group()[0].clone());
    sarah(&world, json!({"licenseAssignmentStates": states}));
    let part = part(&world, &take()).await.unwrap();
    assert_eq!(
        part.shown.consequences[0],
        "Sarah Miller keeps Microsoft 365 E3 through the group Finance; only the direct assignment \
         goes."
    );
}

#[tokio::test]
async fn adding_to_a_group_says_what_it_opens() {
    let world = tenant().await;
    group(&world, json!({"assignedLicenses": [{"skuId": E3, "disabledPlans": []}]}));
    sarah(
        &world,
        json!({"userType": "Guest", "userPrincipalName": "sarah_fabrikam.com#EXT#@contoso.com"}),
    );
    insta::assert_snapshot!(shown(&world, &add()).await, @r"
    Add Sarah Miller (sarah_fabrikam.com#EXT#@contoso.com) to the Microsoft 365 group Finance.
    target: Sarah Miller (sarah_fabrikam.com#EXT#@contoso.com), Marketing
    object: Microsoft 365 group Finance
    before: Not a member. The group has 12 members, owned by Pat.
    after: A member. The group has 13 members, owned by Pat.
    - Sarah Miller gets access to everything Finance gives access to.
    - A team stands behind the group: its channels and files open, too.
    - Its members get Microsoft 365 E3 through it, which uses a paid seat each.
    - Sarah Miller is a guest from outside the organisation.
    undo: Membership can be taken away again; what was read or copied meanwhile cannot.
    ");
    let part = part(&world, &add()).await.unwrap();
    assert_eq!(part.step.path, format!("/v1.0/groups/{GROUP}/members/$ref"));
    assert_eq!(
        part.step.body,
        Some(json!({
            "@odata.id": format!("{}/v1.0/directoryObjects/{SARAH}", world.server.address)}))
    );
}

#[tokio::test]
async fn removing_from_a_group_says_what_it_closes_and_removes_only_the_reference() {
    let world = tenant().await;
    let member = ok(json!({"value": [{"@odata.type": "#microsoft.graph.group", "id": GROUP}]}));
    world.server.instead(&format!("GET /v1.0/users/{SARAH}/memberOf"), member);
    let owners = ok(json!({"value": [{"id": PAT, "displayName": "Pat"},
                                     {"id": SARAH, "displayName": "Sarah Miller"}]}));
    world.server.instead(&format!("GET /v1.0/groups/{GROUP}/owners"), owners);
    group(
        &world,
        json!({"groupTypes": [], "mailEnabled": false,
                         "resourceProvisioningOptions": []}),
    );
    insta::assert_snapshot!(shown(&world, &remove()).await, @r"
    Remove Sarah Miller (sarah@contoso.com) from the security group Finance.
    target: Sarah Miller (sarah@contoso.com), Marketing
    object: security group Finance
    before: A member. The group has 12 members, owned by Pat and Sarah Miller.
    after: Not a member. The group has 11 members, owned by Pat and Sarah Miller.
    - Sarah Miller loses the access that Finance gives.
    - Sarah Miller stays an owner of the group.
    undo: The person can be added again.
    ");
    let part = part(&world, &remove()).await.unwrap();
    assert_eq!(part.step.method, Method::Delete);
    assert_eq!(part.step.path, format!("/v1.0/groups/{GROUP}/members/{SARAH}/$ref"));
    assert_eq!(part.step.body, None);
}

#[tokio::test]
async fn signing_somebody_out_says_what_goes_on_working() {
    let world = tenant().await;
    sarah(&world, json!({"onPremisesSyncEnabled": true}));
    insta::assert_snapshot!(shown(&world, &revoke()).await, @r"
    Sign Sarah Miller (sarah@contoso.com) out everywhere.
    target: Sarah Miller (sarah@contoso.com), Marketing
    before: Sign-ins made until now are valid.
    after: No sign-in made before the change is valid.
    - They must sign in again on every device and in every app.
    - Apps that are open now may keep working until their access runs out, up to about an hour.
    - Sessions with the company's own servers (on premises) are not ended.
    undo: There is nothing to undo: signing in again is enough.
    ");
    let part = part(&world, &revoke()).await.unwrap();
    assert_eq!(part.step.path, format!("/v1.0/users/{SARAH}/revokeSignInSessions"));
    assert_eq!(part.step.body, None);
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_licence_is_known_before_the_call() {
    let held = |state: Value| json!({"licenseAssignmentStates": state});
    for (person, e3, action, code, part) in [
        (json!({"usageLocation": null}), json!({}), give(), "no-usage-location", "Usage location"),
        (json!({}), json!({"consumedUnits": 25}), give(), "no-seats", "all 25 are in use"),
        (
            json!({}),
            json!({"capabilityStatus": "Suspended"}),
            give(),
            "subscription-suspended",
            "is suspended",
        ),
        (
            json!({}),
            json!({"capabilityStatus": "LockedOut"}),
            give(),
            "subscription-suspended",
            "renew",
        ),
        (json!({}), json!({"appliesTo": "Company"}), give(), "product-not-for-people", "whole"),
        (json!({}), json!({"skuId": GROUP}), give(), "product-not-owned", "Microsoft 365 E3"),
        (held(direct("Active", json!([]))), json!({}), give(), "already", "already has"),
        (held(through_group()), json!({}), give(), "already", "through the group Finance"),
        (held(json!([])), json!({}), take(), "already", "does not have Microsoft 365 E3"),
        (held(through_group()), json!({}), take(), "licence-from-group", "the group Finance"),
    ] {
        let world = tenant().await;
        sarah(&world, person.clone());
        skus(&world, e3.clone());
        let (got, reason) = obstacle(&world, &action).await;
        assert_eq!(got, code, "{person} {e3}: {reason}");
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn an_assigned_licence_without_states_counts_as_given_directly() {
    let world = tenant().await;
    let assigned = json!([{"skuId": E3, "disabledPlans": []}]);
    sarah(&world, json!({"assignedLicenses": assigned, "licenseAssignmentStates": null}));
    assert_eq!(obstacle(&world, &give()).await.0, "already");
    assert!(part(&world, &take()).await.is_ok());
}

#[tokio::test]
async fn a_lapsing_subscription_can_still_be_given_and_says_so() {
    let world = tenant().await;
    skus(&world, json!({"capabilityStatus": "Warning"}));
    let part = part(&world, &give()).await.unwrap();
    assert!(part.shown.consequences.iter().any(|line| line.contains("grace period")));
}

#[tokio::test]
async fn groups_that_graph_would_refuse_with_one_word_are_told_apart_before_the_call() {
    for (with, code, part) in [
        (
            json!({"groupTypes": ["DynamicMembership"], "membershipRule": "user.city -eq \"Rome\""}),
            "dynamic-group",
            "rule",
        ),
        (json!({"onPremisesSyncEnabled": true}), "synced-group", "on-premises"),
        (json!({"isAssignableToRole": true}), "role-assignable-group", "Privileged Role"),
        (json!({"groupTypes": []}), "mail-enabled-group", "Exchange"),
        (json!({"groupTypes": [], "securityEnabled": true}), "mail-enabled-group", "Exchange"),
    ] {
        let world = tenant().await;
        group(&world, with.clone());
        for action in [add(), remove()] {
            let (got, reason) = obstacle(&world, &action).await;
            assert_eq!(got, code, "{with}");
            assert!(reason.contains(part), "{reason}");
        }
    }
}

#[tokio::test]
async fn membership_that_is_already_so_is_no_change() {
    let world = tenant().await;
    let (code, reason) = obstacle(&world, &remove()).await;
    assert_eq!(code, "already");
    assert_eq!(
        reason,
        "Sarah Miller (sarah@contoso.com) is not in the Microsoft 365 group Finance."
    );
    let member = ok(json!({"value": [{"id": GROUP, "displayName": "Finance"}]}));
    world.server.instead(&format!("GET /v1.0/users/{SARAH}/memberOf"), member);
    assert_eq!(obstacle(&world, &add()).await.0, "already");
}

#[tokio::test]
async fn who_or_what_is_gone_is_said_to_be_gone() {
    let world = tenant().await;
    world.server.instead(&format!("GET /v1.0/groups/{GROUP}"), not_found());
    world.server.instead(&format!("GET /v1.0/groups/{GROUP}/owners"), not_found());
    world.server.instead(&format!("GET /v1.0/groups/{GROUP}/members"), not_found());
    assert_eq!(obstacle(&world, &add()).await.0, "no-such-group");

    let world = tenant().await;
    let path = format!("GET /v1.0/users/{SARAH}");
    world.server.instead(&path, not_found());
    world.server.instead(&format!("{path}/memberOf"), not_found());
    for action in [give(), take(), add(), revoke()] {
        assert_eq!(obstacle(&world, &action).await.0, "no-such-person", "{action:?}");
    }
}

#[tokio::test]
async fn a_directory_that_fails_decides_nothing_and_one_that_forbids_says_so() {
    let world = tenant().await;
    let long = refuse(429, "TooManyRequests", "Wait.");
    let crate::support::Reply::Json(status, _, body) = long else { unreachable!() };
    let busy = vec![("retry-after", "60".to_owned())];
    let busy = crate::support::Reply::Json(status, busy, body);
    world.server.instead("GET /v1.0/subscribedSkus", busy);
    let refused = part(&world, &give()).await;
    assert!(matches!(refused, Err(Refusal::Unavailable { .. })), "{refused:?}");
    let denied = refuse(403, "Authorization_RequestDenied", "No.");
    world.server.instead("GET /v1.0/subscribedSkus", denied);
    let (code, reason) = obstacle(&world, &give()).await;
    assert_eq!(code, "twin-may-not-read");
    assert!(reason.contains("the tenant's licences"), "{reason}");
}

#[tokio::test]
async fn an_agent_account_says_which_tools_entra_keeps_from_it() {
    let world = tenant().await;
    let entra = world.entra_as(PrincipalKind::AgentUser);
    for action in [add(), remove(), revoke()] {
        let refused = entra.parts(&action, &doug(), &[]).await.unwrap_err();
        let Refusal::Impossible { code, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(code, "agent-account");
    }
    assert!(entra.parts(&give(), &doug(), &[]).await.is_ok());
}

#[tokio::test]
async fn a_person_is_shown_to_a_colleague() {
    let world = tenant().await;
    let path = format!("GET /v1.0/users/{SARAH}");
    let details = json!({"value": [
        {"id": "x", "skuId": E3, "skuPartNumber": "SPE_E3", "servicePlans": []},
        {"id": "y", "skuId": GROUP, "skuPartNumber": "NEW_THING", "servicePlans": []}]});
    world.server.on(&format!("{path}/manager"), ok(user(DOUG, "Doug", json!({}))));
    world.server.on(&format!("{path}/licenseDetails"), ok(details));
    world.server.instead(
        &format!("{path}/memberOf"),
        ok(json!({"value": [
            {"@odata.type": "#microsoft.graph.group", "id": GROUP, "displayName": "Finance"},
            {"@odata.type": "#microsoft.graph.group", "id": E3, "displayName": "all staff"},
            {"@odata.type": "#microsoft.graph.administrativeUnit", "id": E5,
             "displayName": "Unit"}]})),
    );
    sarah(&world, json!({"jobTitle": "Analyst", "usageLocation": null}));
    let find = Action::UserFind { person: SARAH.parse().unwrap() };
    let card = world.entra().read(&find).await.unwrap();
    insta::assert_snapshot!(card.to_text(), @r"
    Sarah Miller (sarah@contoso.com)
    Title: Analyst
    Department: Marketing
    Mail: sarah@contoso.com
    Manager: Doug (doug@contoso.com)
    Account: can sign in, no usage location
    Licences: Microsoft 365 E3, NEW_THING
    Groups: all staff, Finance
    ");
    assert_eq!(obstacle(&world, &find).await.0, "read-only");
}

#[tokio::test]
async fn why_somebody_cannot_sign_in_is_told_in_words_and_with_what_helps() {
    let world = tenant().await;
    let attempt = |at: &str, app: Value, code: i64, reason: &str| {
        json!({"id": at, "createdDateTime": at, "appDisplayName": app, "userId": SARAH,
               "status": {"errorCode": code, "failureReason": reason}})
    };
    let log = json!({"value": [
        attempt("2026-09-01T09:30:00Z", json!("Microsoft Teams"), 50126, "Invalid."),
        attempt("2026-09-01T09:50:00Z", json!("Office\u{202e}"), 53003, "Blocked."),
        attempt("2026-08-31T08:00:00Z", Value::Null, 0, "Other."),
        attempt("2026-08-30T08:00:00Z", json!("Outlook"), 99999, "Something new."),
    ]});
    world.server.on("GET /v1.0/auditLogs/signIns", ok(log));
    sarah(&world, json!({"lastPasswordChangeDateTime": "2026-05-01T08:00:00Z"}));
    let explain = Action::SigninExplain { person: SARAH.parse().unwrap() };
    let words = world.entra().read(&explain).await.unwrap();
    insta::assert_snapshot!(words.to_text(), @r"
    Sarah Miller (sarah@contoso.com)
    Account: may sign in
    Password last changed: 2026-05-01 08:00 UTC
    2026-09-01 09:50 UTC: Office\u{202e}: blocked by a Conditional Access policy
    2026-09-01 09:30 UTC: Microsoft Teams: wrong name or password
    2026-08-31 08:00 UTC: an app: signed in
    2026-08-30 08:00 UTC: Outlook: failed with AADSTS99999: Something new.
    Whoever looks after Conditional Access can see in the log which one, and why.
    ");
    let query = &world.server.seen("GET", "/v1.0/auditLogs/signIns")[0].query;
    assert_eq!(*query, format!("$filter=userId eq '{SARAH}'&$top=10"));

    world.server.instead("GET /v1.0/auditLogs/signIns", ok(json!({"value": []})));
    let words = world.entra().read(&explain).await.unwrap().to_text();
    assert!(words.contains("shows no attempt"), "{words}");
    let role = "Authentication_RequestFromUnsupportedUserRole";
    world.server.instead("GET /v1.0/auditLogs/signIns", refuse(403, role, "No."));
    let refused = world.entra().read(&explain).await.unwrap_err();
    assert!(
        matches!(refused, Refusal::Impossible { code: "twin-may-not-read", .. }),
        "{refused:?}"
    );
}
