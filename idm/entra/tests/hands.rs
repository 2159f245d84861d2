use serde_json::{Value, json};
use subtwin_act::{Hands as _, Observed, SendError};
use subtwin_kernel::{Action, Method, Secret, Step};
use uuid::Uuid;

use crate::support::{
    E3, GROUP, NOW, Reply, SARAH, TOKEN, World, no_content, not_found, ok, refuse,
};

const ID: Uuid = Uuid::from_u128(0x1234);

fn assign(world: &World) -> (String, Step) {
    let _ = world;
    let path = format!("/v1.0/users/{SARAH}/assignLicense");
    let body = json!({"addLicenses": [{"skuId": E3, "disabledPlans": []}], "removeLicenses": []});
    (format!("POST {path}"), Step { method: Method::Post, path, body: Some(body) })
}

fn take_away(_: &World) -> (String, Step) {
    let path = format!("/v1.0/users/{SARAH}/assignLicense");
    let body = json!({"addLicenses": [], "removeLicenses": [E3]});
    (format!("POST {path}"), Step { method: Method::Post, path, body: Some(body) })
}

fn add(world: &World) -> (String, Step) {
    let path = format!("/v1.0/groups/{GROUP}/members/$ref");
    let link = format!("{}/v1.0/directoryObjects/{SARAH}", world.server.address);
    let body = Some(json!({"@odata.id": link}));
    (format!("POST {path}"), Step { method: Method::Post, path, body })
}

fn remove(_: &World) -> (String, Step) {
    let path = format!("/v1.0/groups/{GROUP}/members/{SARAH}/$ref");
    (format!("DELETE {path}"), Step { method: Method::Delete, path, body: None })
}

fn revoke(_: &World) -> (String, Step) {
    let path = format!("/v1.0/users/{SARAH}/revokeSignInSessions");
    (format!("POST {path}"), Step { method: Method::Post, path, body: None })
}

fn user_patch(body: Value) -> (String, Step) {
    let path = format!("/v1.0/users/{SARAH}");
    (format!("PATCH {path}"), Step { method: Method::Patch, path, body: Some(body) })
}

fn block(_: &World) -> (String, Step) {
    user_patch(json!({"accountEnabled": false}))
}

fn password(_: &World) -> (String, Step) {
    let profile = json!({"forceChangePasswordNextSignIn": true, "password": Step::NEW_PASSWORD});
    user_patch(json!({"passwordProfile": profile}))
}

fn title(_: &World) -> (String, Step) {
    user_patch(json!({"jobTitle": "Analyst"}))
}

fn phone(_: &World) -> (String, Step) {
    user_patch(json!({"mobilePhone": "+1 425 555 0100"}))
}

fn pass(_: &World) -> (String, Step) {
    let path = format!("/v1.0/users/{SARAH}/authentication/temporaryAccessPassMethods");
    let body = Some(json!({"lifetimeInMinutes": 60, "isUsableOnce": true}));
    (format!("POST {path}"), Step { method: Method::Post, path, body })
}

fn method(_: &World) -> (String, Step) {
    let path = format!("/v1.0/users/{SARAH}/authentication/fido2Methods/a%2Bb");
    (format!("DELETE {path}"), Step { method: Method::Delete, path, body: None })
}

fn manager(world: &World) -> (String, Step) {
    let path = format!("/v1.0/users/{SARAH}/manager/$ref");
    let body = Some(json!({"@odata.id": format!("{}/v1.0/users/{GROUP}", world.server.address)}));
    (format!("PUT {path}"), Step { method: Method::Put, path, body })
}

fn no_manager(_: &World) -> (String, Step) {
    let path = format!("/v1.0/users/{SARAH}/manager/$ref");
    (format!("DELETE {path}"), Step { method: Method::Delete, path, body: None })
}

#[tokio::test]
async fn every_answer_to_what_concerns_an_account_means_what_the_catalog_says() {
    type Make = fn(&World) -> (String, Step);
    let gone = || refuse(404, "Request_ResourceNotFound", "Resource 'x' does not exist.");
    let bad = |message: &str| refuse(400, "Request_BadRequest", message);
    let denied = || refuse(403, "Authorization_RequestDenied", "Insufficient privileges.");
    let synced = "Unable to update the specified properties for on-premises mastered Directory \
                  Sync objects or objects currently undergoing migration.";
    let cases: Vec<(Make, Reply, &str)> = vec![
        (method, gone(), "already"),
        (no_manager, gone(), "already"),
        (manager, gone(), "refused: does not know"),
        (block, gone(), "refused: does not know"),
        (block, bad(synced), "refused: on-premises"),
        (title, bad(synced), "refused: on-premises"),
        (block, bad("The last enabled Global Administrator cannot be disabled."), "refused: last"),
        (block, denied(), "refused: User.EnableDisableAccount.All and the role Authentication"),
        (
            password,
            bad("The specified password does not comply with password complexity requirements."),
            "refused: too weak",
        ),
        (password, bad("The specified password was used before."), "refused: used before"),
        (password, denied(), "refused: User-PasswordProfile.ReadWrite.All"),
        (pass, denied(), "refused: UserAuthMethod-TAP.ReadWrite.All"),
        (pass, bad("The user already has a usable Temporary Access Pass."), "refused: two"),
        (pass, bad("The policy is not enabled for the user."), "refused: switched off"),
        (pass, bad("lifetimeInMinutes must be between 60 and 480."), "refused: lifetime"),
        (
            method,
            bad("The default authentication method cannot be deleted while others remain."),
            "refused: default method",
        ),
        (method, denied(), "refused: UserAuthenticationMethod.ReadWrite.All"),
        (title, bad("Invalid value specified for property 'jobTitle'."), "refused: that value"),
        (title, denied(), "refused: User.ReadWrite.All and the role User Administrator"),
        (phone, denied(), "refused: User.ReadWrite.All"),
        (
            assign,
            bad("License assignment failed because service plans a, b are mutually exclusive."),
            "refused: cannot stand beside",
        ),
        (assign, bad("Service plan a depends on the service plan(s) b."), "refused: needs another"),
        (
            remove,
            bad("The group must have at least one owner, hence this owner cannot be removed."),
            "refused: last owner",
        ),
        (block, Reply::Json(503, Vec::new(), Value::Null), "unknown"),
        (pass, Reply::HangUp, "unknown"),
        (method, Reply::Json(429, vec![("retry-after", "3".to_owned())], Value::Null), "busy"),
    ];
    for (make, reply, expected) in cases {
        let world = World::new().await;
        let (request, step) = make(&world);
        world.server.on(&request, reply.clone());
        let secret = Secret::new("Nova-4711-Kite".to_owned());
        let given = step.needs_password().then_some(&secret);
        let got = match world.entra().send(&step, given, ID).await.unwrap_err() {
            SendError::AlreadySo => "already".to_owned(),
            SendError::Refused { reason, .. } => format!("refused: {reason}"),
            SendError::Busy { after } => format!("busy: {after:?}"),
            SendError::Unknown { .. } => "unknown".to_owned(),
            other => format!("{other:?}"),
        };
        let (kind, part) = expected.split_once(": ").unwrap_or((expected, ""));
        assert!(got.starts_with(kind) && got.contains(part), "{request} {reply:?}: {got}");
        let method = request.split(' ').next().unwrap();
        assert_eq!(world.server.seen(method, &step.path).len(), 1, "{request}: sent once");
    }
}

#[tokio::test]
async fn a_step_is_sent_as_it_stands_under_the_given_id() {
    let world = World::new().await;
    let (request, step) = add(&world);
    world.server.on(&request, no_content());
    let sent = world.entra().send(&step, None, ID).await.unwrap();
    assert_eq!(sent.request_id.as_deref(), Some("graph-1"));
    let seen = world.server.seen("POST", &step.path);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("client-request-id"), ID.to_string());
    assert_eq!(serde_json::from_str::<Value>(&seen[0].body).unwrap(), step.body.unwrap());

    let (request, step) = remove(&world);
    world.server.on(&request, no_content());
    world.entra().send(&step, None, ID).await.unwrap();
    let (request, step) = revoke(&world);
    world.server.on(&request, ok(json!({"value": true})));
    world.entra().send(&step, None, ID).await.unwrap();
    let (request, step) = assign(&world);
    world.server.on(&request, ok(json!({"id": SARAH})));
    world.entra().send(&step, None, ID).await.unwrap();
}

#[tokio::test]
async fn every_answer_means_what_the_catalog_says() {
    type Make = fn(&World) -> (String, Step);
    let gone = "Resource 'x' does not exist or one of its queried reference-property objects are \
                not present.";
    let bad = |message: &str| refuse(400, "Request_BadRequest", message);
    let denied = || {
        let message = "Insufficient privileges to complete the operation.";
        refuse(403, "Authorization_RequestDenied", message)
    };
    let cases: Vec<(Make, Reply, &str)> = vec![
        (
            add,
            bad("One or more added object references already exist for the following modified \
                 properties: 'members'."),
            "already",
        ),
        (remove, refuse(404, "Request_ResourceNotFound", gone), "already"),
        (
            remove,
            bad("One or more removed object references do not exist for the following modified \
                 properties: 'members'."),
            "already",
        ),
        (take_away, bad("User does not have a corresponding license."), "already"),
        (add, refuse(404, "Request_ResourceNotFound", gone), "refused: does not know"),
        (remove, bad("Something else."), "refused: Something else."),
        (
            assign,
            bad("License assignment cannot be done for user with invalid usage location."),
            "refused: usage location",
        ),
        (
            assign,
            bad("Subscription with SKU x does not have any available licenses."),
            "refused: No seat",
        ),
        (
            take_away,
            bad("User license is inherited from a group membership and it cannot be removed \
                 directly from the user."),
            "refused: from a group",
        ),
        (
            add,
            bad("Unable to update the specified properties for on-premises mastered Directory \
                 Sync objects or objects currently undergoing migration."),
            "refused: on-premises",
        ),
        (add, denied(), "refused: GroupMember.ReadWrite.All"),
        (assign, denied(), "refused: License Administrator"),
        (revoke, denied(), "refused: Helpdesk Administrator"),
        (revoke, Reply::Json(429, Vec::new(), Value::Null), "busy: None"),
        (
            revoke,
            Reply::Json(429, vec![("retry-after", "2.5".to_owned())], Value::Null),
            "busy: Some(2.5s)",
        ),
        (
            revoke,
            Reply::Json(503, vec![("retry-after", "4".to_owned())], Value::Null),
            "busy: Some(4s)",
        ),
        (revoke, Reply::Json(503, Vec::new(), Value::Null), "unknown"),
        (revoke, Reply::Json(500, Vec::new(), Value::Null), "unknown"),
        (revoke, Reply::HangUp, "unknown"),
    ];
    for (make, reply, expected) in cases {
        let world = World::new().await;
        let (request, step) = make(&world);
        world.server.on(&request, reply.clone());
        let got = match world.entra().send(&step, None, ID).await.unwrap_err() {
            SendError::AlreadySo => "already".to_owned(),
            SendError::Refused { reason, .. } => format!("refused: {reason}"),
            SendError::Busy { after } => format!("busy: {after:?}"),
            SendError::Unknown { .. } => "unknown".to_owned(),
            other => format!("{other:?}"),
        };
        let (kind, part) = expected.split_once(": ").unwrap_or((expected, ""));
        assert!(got.starts_with(kind) && got.contains(part), "{request} {reply:?}: {got}");
        let method = request.split(' ').next().unwrap();
        assert_eq!(world.server.seen(method, &step.path).len(), 1, "{request}: sent once");
    }
}

#[tokio::test]
async fn a_write_whose_token_was_not_accepted_is_sent_once_more() {
    let world = World::new().await;
    let (request, step) = add(&world);
    world.server.on(&request, refuse(401, "InvalidAuthenticationToken", "Expired."));
    world.server.on(&request, no_content());
    world.entra().send(&step, None, ID).await.unwrap();
    let seen = world.server.seen("POST", &step.path);
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].header("client-request-id"), ID.to_string());
    assert_eq!(seen[1].header("authorization"), "Bearer token-2");
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_reason_is_told() {
    let world = World::new().await;
    let (_, step) = add(&world);
    let body = json!({"error": "invalid_grant", "error_codes": [50173]});
    world.server.on(&format!("POST {TOKEN}"), Reply::Json(400, Vec::new(), body));
    let error = world.entra().send(&step, None, ID).await.unwrap_err();
    let SendError::Refused { code, reason } = error else { panic!("{error}") };
    assert_eq!(code, "no-token");
    assert!(reason.contains("nothing happened") && reason.contains("AADSTS50173"), "{reason}");
    assert!(world.server.seen("POST", &step.path).is_empty());
}

#[tokio::test]
async fn a_request_that_no_tool_makes_never_leaves() {
    let world = World::new().await;
    let path = format!("/v1.0/groups/{GROUP}/members/{SARAH}");
    let step = Step { method: Method::Delete, path, body: None };
    let error = world.entra().send(&step, None, ID).await.unwrap_err();
    let SendError::Refused { code, .. } = error else { panic!("{error}") };
    assert_eq!(code, "not-in-catalog");
    assert_eq!(world.server.seen_in_all(), 0);
}

fn reset_back() -> Step {
    let path = format!(
        "/v1.0/users/{SARAH}/authentication/methods/28c10230-6103-485e-b985-444c60001490/\
         resetPassword"
    );
    let body = Some(json!({"newPassword": Step::NEW_PASSWORD}));
    Step { method: Method::Post, path, body }
}

fn accepted(location: &str, wait: &str) -> Reply {
    let headers = vec![("location", location.to_owned()), ("retry-after", wait.to_owned())];
    Reply::Json(202, headers, Value::Null)
}

#[tokio::test]
async fn an_accepted_reset_is_looked_at_where_it_is_and_nowhere_else() {
    let operations = format!("/v1.0/users/{SARAH}/authentication/operations/{ID}");
    let elsewhere = operations.replace(SARAH, GROUP);
    let password = Secret::new("Nova-4711-Kite".to_owned());
    for (location, wait, status, expected) in [
        (operations.as_str(), "0", "succeeded", "done"),
        (operations.as_str(), "0", "failed", "refused"),
        // Longer than anybody waits for a request.
        (operations.as_str(), "60", "succeeded", "unknown"),
        (elsewhere.as_str(), "0", "succeeded", "unknown"),
        ("https://graph.example/v1.0/users", "0", "succeeded", "unknown"),
        ("", "0", "succeeded", "unknown"),
    ] {
        let world = World::new().await;
        let step = reset_back();
        let location = match location.strip_prefix('/') {
            Some(path) => format!("{}/{path}", world.server.address),
            None => location.to_owned(),
        };
        world.server.on(&format!("POST {}", step.path), accepted(&location, wait));
        for path in [&operations, &elsewhere] {
            world.server.on(&format!("GET {path}"), ok(json!({"id": ID, "status": "running"})));
            let detail = "Password policy of the domain.";
            let ended = json!({"id": ID, "status": status, "statusDetail": detail});
            world.server.on(&format!("GET {path}"), ok(ended));
        }
        let got = match world.entra().send(&step, Some(&password), ID).await {
            Ok(_) => "done",
            Err(SendError::Refused { code, reason }) => {
                assert_eq!(code, "reset-failed");
                assert!(reason.contains("the old one still counts"), "{reason}");
                assert!(reason.contains("Password policy of the domain."), "{reason}");
                "refused"
            }
            Err(SendError::Unknown { .. }) => "unknown",
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(got, expected, "{location} {wait} {status}");
        assert!(world.server.seen("GET", &elsewhere).is_empty());
        let seen = &world.server.seen("POST", &step.path)[0].body;
        assert_eq!(*seen, r#"{"newPassword":"Nova-4711-Kite"}"#);
    }
}

#[tokio::test]
async fn a_refusal_that_repeats_the_password_does_not_pass_it_on() {
    let world = World::new().await;
    let path = format!("/v1.0/users/{SARAH}");
    let profile = json!({"forceChangePasswordNextSignIn": true, "password": Step::NEW_PASSWORD});
    let body = Some(json!({"passwordProfile": profile}));
    let step = Step { method: Method::Patch, path, body };
    let says = "The value Nova-4711-Kite is not one.";
    world.server.on(&format!("PATCH {}", step.path), refuse(400, "Nova-4711-Kite", says));
    let password = Secret::new("Nova-4711-Kite".to_owned());
    let error = world.entra().send(&step, Some(&password), ID).await.unwrap_err();
    assert!(!format!("{error:?}").contains("Nova"), "{error:?}");
    assert!(format!("{error:?}").contains("The value … is not one."), "{error:?}");
}

#[tokio::test]
async fn the_text_of_a_pass_leaves_as_a_secret_if_graph_gave_it() {
    let path = format!("/v1.0/users/{SARAH}/authentication/temporaryAccessPassMethods");
    let body = Some(json!({"lifetimeInMinutes": 60, "isUsableOnce": true}));
    let step = Step { method: Method::Post, path, body };
    for (text, expected) in [(json!("TAPRocks!"), Some("TAPRocks!")), (Value::Null, None)] {
        let world = World::new().await;
        let answer = json!({"id": "1", "temporaryAccessPass": text});
        let answer = Reply::Json(201, Vec::new(), answer);
        world.server.on(&format!("POST {}", step.path), answer);
        let sent = world.entra().send(&step, None, ID).await.unwrap();
        assert!(!format!("{sent:?}").contains("TAPRocks"), "{sent:?}");
        assert_eq!(sent.secret.as_ref().map(Secret::expose), expected);
    }
}

async fn look(world: &World, action: Action) -> Observed {
    world.entra().look(&action, NOW.parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_licence_is_in_place_when_it_is_given_directly_and_works() {
    let (person, sku) = (SARAH.parse().unwrap(), E3.parse().unwrap());
    let give = Action::LicenseAssign { person, sku, disabled_plans: Vec::new() };
    let take = Action::LicenseRemove { person, sku };
    let state =
        |by: Value, state: &str| json!([{"skuId": E3, "assignedByGroup": by, "state": state}]);
    for (states, given) in [
        (state(Value::Null, "Active"), true),
        (state(Value::Null, "ActiveWithError"), true),
        (state(json!(GROUP), "Active"), false),
        (json!([]), false),
    ] {
        let world = World::new().await;
        let request = format!("GET /v1.0/users/{SARAH}");
        let user = json!({"id": SARAH, "licenseAssignmentStates": states, "assignedLicenses": []});
        world.server.on(&request, ok(user));
        let expected = if given {
            (Observed::InPlace, Observed::NotThere)
        } else {
            (Observed::NotThere, Observed::InPlace)
        };
        assert_eq!((look(&world, give.clone()).await, look(&world, take.clone()).await), expected);
    }
    let world = World::new().await;
    let failed = json!({"id": SARAH, "licenseAssignmentStates": state(Value::Null, "Error")});
    world.server.on(&format!("GET /v1.0/users/{SARAH}"), ok(failed));
    assert_eq!(look(&world, give).await, Observed::NotThere);
    assert_eq!(look(&world, take).await, Observed::NotThere, "it is still assigned");
}

#[tokio::test]
async fn membership_counts_only_when_it_is_direct() {
    let world = World::new().await;
    let (person, group) = (SARAH.parse().unwrap(), GROUP.parse().unwrap());
    let request = format!("GET /v1.0/users/{SARAH}/memberOf");
    world.server.on(&request, ok(json!({"value": [{"id": E3, "displayName": "Other"}]})));
    let add = Action::GroupMemberAdd { person, group };
    let remove = Action::GroupMemberRemove { person, group };
    assert_eq!(look(&world, add.clone()).await, Observed::NotThere);
    assert_eq!(look(&world, remove.clone()).await, Observed::InPlace);
    world.server.instead(&request, ok(json!({"value": [{"id": GROUP}]})));
    assert_eq!(look(&world, add).await, Observed::InPlace);
    assert_eq!(look(&world, remove).await, Observed::NotThere);
}

#[tokio::test]
async fn a_sign_out_counts_only_if_it_is_not_older_than_the_call() {
    let action = Action::SessionRevoke { person: SARAH.parse().unwrap() };
    for (from, expected) in [
        ("2026-09-01T09:59:58Z", Observed::NotThere),
        ("2026-09-01T09:59:59Z", Observed::InPlace),
        ("2026-09-01T10:00:03.1234567Z", Observed::InPlace),
    ] {
        let world = World::new().await;
        let user = json!({"id": SARAH, "signInSessionsValidFromDateTime": from});
        world.server.on(&format!("GET /v1.0/users/{SARAH}"), ok(user));
        assert_eq!(look(&world, action.clone()).await, expected, "{from}");
    }
}

#[tokio::test]
async fn a_look_that_fails_is_no_observation() {
    let world = World::new().await;
    world.server.on(&format!("GET /v1.0/users/{SARAH}"), not_found());
    let action = Action::SessionRevoke { person: SARAH.parse().unwrap() };
    assert!(world.entra().look(&action, NOW.parse().unwrap()).await.is_err());
}
