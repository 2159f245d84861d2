//! Whose activities are taken.

use axum::http::StatusCode;
use serde_json::{Value, json};
use subtwin_kernel::Clock as _;

use crate::connector::{connector, tenant};
use crate::world::{APP, CALLER, DOUG, NOW, Running, SARAH, TENANT, World};

/// Asserts that this token vouches for nothing.
async fn is_refused(world: &World, running: &Running, token: Option<&str>, why: &str) {
    let body = world.message(5, "yes", json!({})).to_string();
    let answer = running.send(token, body).await;
    assert_eq!(answer, (StatusCode::FORBIDDEN, Value::Null), "{why}");
}

fn with(mut claims: Value, changes: Value) -> Value {
    if let Value::Object(changes) = changes {
        for (name, value) in changes {
            claims[name] = value;
        }
    }
    claims
}

#[tokio::test]
async fn only_a_whole_token_of_bot_connector_for_this_app_vouches() {
    let world = World::new().await;
    let running = world.start().await;
    is_refused(&world, &running, None, "no token").await;
    is_refused(&world, &running, Some(""), "an empty one").await;
    is_refused(&world, &running, Some("a.b.c"), "no JWT").await;
    is_refused(&world, &running, Some(&"a".repeat(20_000)), "a huge one").await;
    for (why, changes) in [
        ("another issuer", json!({"iss": "https://api.botframework.com.evil.example"})),
        ("another tenant's issuer", json!({"iss": format!("https://sts.windows.net/{DOUG}/")})),
        ("another audience", json!({"aud": DOUG})),
        ("several audiences", json!({"aud": [APP]})),
        ("expired", json!({"exp": NOW - 301})),
        ("not valid yet", json!({"nbf": NOW + 301})),
        ("no end", json!({"exp": null})),
        ("for another service", json!({"serviceurl": "https://smba.trafficmanager.net/amer/"})),
        ("for no service", json!({"serviceurl": null})),
    ] {
        let token = connector().sign(&with(world.claims(), changes));
        is_refused(&world, &running, Some(&token), why).await;
    }
    let claims = world.claims();
    // Signed with a key that is somebody else's.
    is_refused(&world, &running, Some(&tenant().sign(&claims)), "another's key").await;
    for header in [
        json!({"alg": "RS256", "kid": "connector"}),
        json!({"alg": "none", "kid": "connector"}),
        json!({"alg": "HS256", "kid": "connector"}),
        json!({"alg": "RS256"}),
    ] {
        let forged = tenant().sign_as(&header, &claims);
        is_refused(&world, &running, Some(&forged), &header.to_string()).await;
    }
    assert!(world.heard_in_the_end(&running).await.is_empty());
    assert!(running.status.borrow().refused > 10);
}

#[tokio::test]
async fn clocks_may_differ_by_five_minutes() {
    let world = World::new().await;
    let running = world.start().await;
    for (number, changes) in [(1, json!({"exp": NOW - 299})), (2, json!({"nbf": NOW + 299}))] {
        let token = connector().sign(&with(world.claims(), changes));
        let body = world.message(number, "hello", json!({})).to_string();
        assert_eq!(running.send(Some(&token), body).await.0, StatusCode::ACCEPTED);
    }
    world.until_heard(2).await;
}

#[tokio::test]
async fn a_key_vouches_only_for_the_channels_it_is_endorsed_for() {
    let world = World::new().await;
    let running = world.start().await;
    for key in world.connectors.keys.lock().unwrap().iter_mut() {
        key["endorsements"] = json!(["webchat"]);
    }
    is_refused(&world, &running, Some(&world.token()), "not endorsed for Teams").await;
    let other = world.message(5, "yes", json!({"channelId": "webchat"}));
    assert_eq!(running.post(&world, &other).await.0, StatusCode::FORBIDDEN, "not served");
    assert!(world.heard_in_the_end(&running).await.is_empty());
}

#[tokio::test]
async fn a_tenants_token_vouches_only_if_it_is_the_own_tenants_and_of_a_listed_app() {
    let world = World::new().await;
    let running = world.start().await;
    let claims = |changes| {
        let own = json!({
            "iss": format!("https://sts.windows.net/{TENANT}/"), "tid": TENANT, "aud": APP,
            "appid": CALLER, "exp": NOW + 3600,
        });
        with(own, changes)
    };
    for (why, changes) in [
        ("a tid that is not the issuer's", json!({"tid": DOUG})),
        ("no tid", json!({"tid": null})),
        ("an app that is not listed", json!({"appid": DOUG})),
        ("no app", json!({"appid": null})),
        ("two apps, one not listed", json!({"azp": DOUG})),
        ("another service", json!({"serviceurl": "https://smba.trafficmanager.net/amer/"})),
        (
            "another tenant",
            json!({"iss": format!("https://login.microsoftonline.com/{DOUG}/v2.0")}),
        ),
    ] {
        let token = tenant().sign(&claims(changes));
        is_refused(&world, &running, Some(&token), why).await;
    }
    // Bot Connector's name under the tenant's key, and the other way round.
    let crossed = tenant().sign(&world.claims());
    is_refused(&world, &running, Some(&crossed), "the tenant's key").await;
    let crossed = connector().sign(&claims(json!({})));
    is_refused(&world, &running, Some(&crossed), "Bot Connector's key").await;

    let v2 = json!({
        "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "appid": null,
        "azp": CALLER, "serviceurl": world.here,
    });
    for (number, changes) in [(1, json!({})), (2, v2)] {
        let token = tenant().sign(&claims(changes));
        let body = world.message(number, "hello", json!({})).to_string();
        assert_eq!(running.send(Some(&token), body).await.0, StatusCode::ACCEPTED);
    }
    assert_eq!(world.until_heard(2).await.len(), 2);
}

#[tokio::test]
async fn a_forged_service_never_sees_the_twins_token() {
    let world = World::new().await;
    let running = world.start().await;
    for service in [
        "https://evil.example/",
        "https://smba.trafficmanager.net.evil.example/",
        "http://127.0.0.1:1/",
        "",
    ] {
        // Even where the token names the same.
        let token = connector().sign(&with(world.claims(), json!({"serviceurl": service})));
        let body = world.message(5, "yes", json!({"serviceUrl": service})).to_string();
        assert_eq!(running.send(Some(&token), body).await.0, StatusCode::FORBIDDEN, "{service}");
    }
    assert!(world.memory.values.lock().unwrap().is_empty(), "no such service is remembered");
}

#[tokio::test]
async fn another_tenants_people_and_other_bots_activities_are_refused() {
    let world = World::new().await;
    let running = world.start().await;
    let conversation =
        |tenant: &str| json!({"conversationType": "personal", "tenantId": tenant, "id": "a:1"});
    for changes in [
        json!({"channelData": {"tenant": {"id": DOUG}}}),
        json!({"conversation": conversation(DOUG)}),
        json!({"channelData": {"tenant": {"id": "x"}}}),
        json!({"recipient": {"id": format!("28:{DOUG}")}}),
        json!({"recipient": {"id": "28:x", "role": "agenticUser", "agenticUserId": DOUG}}),
    ] {
        let message = world.message(5, "yes", changes.clone());
        assert_eq!(running.post(&world, &message).await.0, StatusCode::FORBIDDEN, "{changes}");
    }
    for changes in [
        json!({"channelData": null, "conversation": {"conversationType": "personal", "id": "a:1"}}),
        json!({"conversation": {"conversationType": "personal", "id": "a:1/../../v3"}}),
        json!({"conversation": {"conversationType": "personal", "id": ".."}}),
        json!({"conversation": {"conversationType": "personal", "id": ""}}),
        json!({"conversation": null}),
    ] {
        let message = world.message(5, "yes", changes.clone());
        assert_eq!(running.post(&world, &message).await.0, StatusCode::BAD_REQUEST, "{changes}");
    }
    assert!(world.heard_in_the_end(&running).await.is_empty());
}

#[tokio::test]
async fn nobody_writes_in_somebody_elses_personal_conversation() {
    let world = World::new().await;
    let running = world.start().await;
    running.greeted(&world).await;
    let from = json!({"from": {"id": "29:sarah", "name": "Doug", "aadObjectId": SARAH}});
    let message = world.message(5, "yes", from);
    assert_eq!(running.post(&world, &message).await.0, StatusCode::FORBIDDEN);
    assert_eq!(world.heard_in_the_end(&running).await, ["hello"]);
}

#[tokio::test]
async fn what_is_too_large_or_no_activity_is_refused_and_read_only_with_a_good_token() {
    let mut world = World::new().await;
    world.settings.largest_post = 2000;
    let running = world.start().await;
    let token = world.token();
    let send = |body: String| running.send(Some(&token), body);
    let huge = world.message(5, &"x".repeat(2000), json!({})).to_string();
    let deep = "[".repeat(1500);
    for (status, body) in [
        (StatusCode::PAYLOAD_TOO_LARGE, huge.clone()),
        (StatusCode::BAD_REQUEST, String::new()),
        (StatusCode::BAD_REQUEST, "{".to_owned()),
        (StatusCode::BAD_REQUEST, deep),
        (StatusCode::BAD_REQUEST, json!({"type": "message"}).to_string()),
        (StatusCode::BAD_REQUEST, json!({"type": 7}).to_string()),
    ] {
        let start: String = body.chars().take(40).collect();
        assert_eq!(send(body).await.0, status, "{start}");
    }
    assert_eq!(running.send(None, huge).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_unknown_key_id_makes_the_twin_look_again_but_not_often() {
    let world = World::new().await;
    let running = world.start().await;
    let asked = || *world.connectors.asked.lock().unwrap();
    running.greeted(&world).await;
    assert_eq!(asked(), 1);
    let strange = tenant().sign_as(&json!({"alg": "RS256", "kid": "strange"}), &world.claims());
    for _ in 0..5 {
        is_refused(&world, &running, Some(&strange), "a key nobody has").await;
    }
    assert_eq!(asked(), 1, "asked a moment ago");
    world.clock.advance(std::time::Duration::from_secs(61));
    for _ in 0..5 {
        is_refused(&world, &running, Some(&strange), "a key nobody has").await;
    }
    assert_eq!(asked(), 2, "at {}", world.clock.now());
}
