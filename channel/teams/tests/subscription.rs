use std::time::Duration;

use serde_json::json;
use subtwin_teams::Verb;

use crate::tenant::{Fault, TWIN, time};
use crate::world::{World, wait};

const ONE: &str = "/v1.0/subscriptions/";

#[tokio::test(start_paused = true)]
async fn the_subscription_asks_for_what_the_twin_needs() {
    let world = World::new();
    let _running = world.start().await;
    let state = world.tenant.state();
    let made = state
        .requests
        .iter()
        .find(|request| request.verb == Verb::Post && request.path == "/v1.0/subscriptions")
        .unwrap();
    assert!(made.new_token, "it lives off the token it is made with");
    let mut body = made.body.clone().unwrap();
    assert_eq!(body["clientState"].as_str().unwrap().len(), 64);
    for secret in ["clientState", "encryptionCertificate", "encryptionCertificateId"] {
        assert!(!body[secret].as_str().unwrap().is_empty());
        body[secret] = json!("…");
    }
    insta::assert_json_snapshot!(body, @r#"
    {
      "changeType": "created,updated,deleted",
      "notificationUrl": "https://twin.contoso.com/teams/notifications",
      "lifecycleNotificationUrl": "https://twin.contoso.com/teams/lifecycle",
      "resource": "/users/22222222-2222-4222-8222-222222222222/chats/getAllMessages",
      "expirationDateTime": "2026-03-04T07:00:00Z",
      "clientState": "…",
      "includeResourceData": true,
      "encryptionCertificate": "…",
      "encryptionCertificateId": "…"
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_subscription_is_renewed_every_three_quarters_of_an_hour() {
    let world = World::new();
    let _running = world.start().await;
    let end = time(&world.subscription()["expirationDateTime"]);
    wait(46 * 60).await;
    assert_eq!(world.tenant.count(Verb::Patch, ONE), 1);
    assert!(time(&world.subscription()["expirationDateTime"]) > end);
    wait(24 * 3600).await;
    let renewals = world.tenant.count(Verb::Patch, ONE);
    assert!((32..=33).contains(&renewals), "{renewals} renewals in a day");
    let state = world.tenant.state();
    let patches = || state.requests.iter().filter(|r| r.verb == Verb::Patch);
    assert!(patches().all(|request| request.new_token));
    assert_eq!(state.requests.iter().filter(|r| r.path == "/v1.0/subscriptions").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_subscription_is_found_again() {
    let world = World::new();
    world.start().await.stop().await;
    let before = world.subscription();
    wait(60).await;
    let running = world.start().await;
    assert_eq!(running.status.borrow().made, 0);
    let after = world.subscription();
    assert_eq!(before["id"], after["id"]);
    assert_eq!(before["encryptionCertificate"], after["encryptionCertificate"]);
    running.notify(&world.post("created", &[&world.doug_writes("hello")])).await;
    assert_eq!(world.until_heard(1).await, ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_ended_while_the_twin_was_away_is_made_anew_with_the_same_key() {
    let world = World::new();
    world.start().await.stop().await;
    let before = world.subscription();
    world.tenant.state().subscriptions.clear();
    let running = world.start().await;
    let after = world.subscription();
    assert_ne!(before["clientState"], "");
    assert_eq!(before["encryptionCertificate"], after["encryptionCertificate"]);
    assert_eq!(running.status.borrow().made, 1);
}

#[tokio::test(start_paused = true)]
async fn other_addresses_need_another_subscription_and_the_old_one_is_removed() {
    let mut world = World::new();
    world.start().await.stop().await;
    world.settings.notification_url =
        "https://elsewhere.contoso.com/notifications".parse().unwrap();
    let running = world.start().await;
    assert_eq!(world.tenant.state().subscriptions.len(), 1);
    assert_eq!(world.subscription()["notificationUrl"], world.settings.notification_url.as_str());
    assert_eq!(running.status.borrow().made, 1);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_left_behind_is_removed_and_others_are_left_alone() {
    let world = World::new();
    let resource = format!("users/{}/chats/getAllMessages", TWIN.to_uppercase());
    for (id, resource) in
        [("old-1", resource.as_str()), ("old-2", &resource), ("else", "/users/other/messages")]
    {
        world.tenant.state().subscriptions.push(json!({"id": id, "resource": resource}));
    }
    world.tenant.state().page = 1;
    let _running = world.start().await;
    let state = world.tenant.state();
    let ids: Vec<_> = state.subscriptions.iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["else", "subscription-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_that_appears_meanwhile_is_removed_too() {
    let world = World::new();
    world.tenant.fail(Verb::Post, "/subscriptions", Fault::Refused(409));
    let begun = tokio::time::Instant::now();
    let mut running = world.launch().await;
    running.until(|status| status.made == 1).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "at once: {:?}", begun.elapsed());
    assert_eq!(world.tenant.count(Verb::Get, "/subscriptions"), 2, "it looked again");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaves_one_subscription() {
    let world = World::new();
    world.tenant.fail(Verb::Post, "/subscriptions", Fault::LostAfter);
    let mut running = world.launch().await;
    running.until(|status| status.trouble.is_some()).await;
    running.until(|status| status.subscription.is_some()).await;
    assert_eq!(world.tenant.state().subscriptions.len(), 1);
    assert_eq!(running.status.borrow().trouble, None);
    wait(1).await;
    running.notify(&world.post("created", &[&world.doug_writes("hello")])).await;
    assert_eq!(world.until_heard(1).await, ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_subscription_is_tried_again_less_and_less_often() {
    let world = World::new();
    for _ in 0..1000 {
        world.tenant.fail(Verb::Post, "/subscriptions", Fault::Refused(403));
    }
    let running = world.launch().await;
    wait(3600).await;
    let attempts = world.tenant.count(Verb::Post, "/subscriptions");
    assert!((10..=25).contains(&attempts), "{attempts} attempts in an hour");
    let trouble = running.status.borrow().trouble.clone().unwrap();
    assert!(trouble.contains("make the subscription") && trouble.contains("403"), "{trouble}");
    // Meanwhile nothing is lost.
    world.doug_writes("hello");
    assert_eq!(world.until_heard(1).await, ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_is_repeated() {
    let world = World::new();
    let running = world.start().await;
    for _ in 0..7 {
        world.tenant.fail(Verb::Patch, ONE, Fault::Lost);
    }
    wait(50 * 60).await;
    assert_eq!(running.status.borrow().made, 1);
    assert_eq!(running.status.borrow().renewed, 1);
    assert_eq!(running.status.borrow().trouble, None);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_found_gone_is_made_anew_and_the_gap_is_caught_up() {
    let mut world = World::new();
    world.settings.catch_up_every = Duration::from_secs(1_000_000);
    world.settings.attention = Duration::ZERO;
    let mut running = world.start().await;
    world.tenant.state().subscriptions.clear();
    world.doug_writes("hello");
    wait(46 * 60).await;
    running.until(|status| status.made == 2).await;
    assert_eq!(world.until_heard(1).await, ["hello"]);
    assert_eq!(world.tenant.state().subscriptions.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_removed_subscription_is_made_anew_and_the_gap_is_caught_up() {
    let mut world = World::new();
    world.settings.catch_up_every = Duration::from_secs(1_000_000);
    world.settings.attention = Duration::ZERO;
    let mut running = world.start().await;
    let old = world.subscription();
    world.tenant.state().subscriptions.clear();
    world.doug_writes("hello");
    for _ in 0..3 {
        running.lifecycle(&old, "subscriptionRemoved").await;
    }
    wait(60).await;
    running.until(|status| status.made == 2).await;
    assert_eq!(world.until_heard(1).await, ["hello"]);
    // Notifications of the new one are heard, those of the old one are not ours any more.
    running.notify(&world.post("created", &[&world.doug_writes("again")])).await;
    assert_eq!(world.until_heard(2).await, ["hello", "again"]);
    running.lifecycle(&old, "subscriptionRemoved").await;
    running.until(|status| status.refused == 1).await;
    wait(60).await;
    assert_eq!(running.status.borrow().made, 2);
}

#[tokio::test(start_paused = true)]
async fn the_service_gets_its_authorisation_when_it_asks() {
    let world = World::new();
    let running = world.start().await;
    let reauthorized = || world.tenant.count(Verb::Post, "/reauthorize");
    running.lifecycle(&world.subscription(), "reauthorizationRequired").await;
    wait(5).await;
    assert_eq!(reauthorized(), 0, "it was made a moment ago");
    wait(15 * 60).await;
    for _ in 0..3 {
        running.lifecycle(&world.subscription(), "reauthorizationRequired").await;
    }
    wait(5).await;
    assert_eq!(reauthorized(), 1);
    assert!(
        world
            .tenant
            .state()
            .requests
            .iter()
            .any(|r| r.path.ends_with("/reauthorize") && r.new_token)
    );
    assert_eq!(world.tenant.count(Verb::Patch, ONE), 0);
}

#[tokio::test(start_paused = true)]
async fn renewing_and_reauthorising_never_come_within_ten_minutes() {
    let world = World::new();
    let running = world.start().await;
    let mut acts: Vec<(Verb, u64)> = Vec::new();
    let mut known = 0;
    for minute in 0..600 {
        if minute % 7 == 0 {
            running.lifecycle(&world.subscription(), "reauthorizationRequired").await;
        }
        wait(60).await;
        let state = world.tenant.state();
        for request in &state.requests[known..] {
            if request.verb == Verb::Patch || request.path.ends_with("/reauthorize") {
                acts.push((request.verb, minute));
            }
        }
        known = state.requests.len();
    }
    for pair in acts.windows(2) {
        let apart = pair[1].1 - pair[0].1;
        assert!(pair[0].0 == pair[1].0 || apart >= 9, "{pair:?}");
    }
    let patches = acts.iter().filter(|(verb, _)| *verb == Verb::Patch).count();
    assert!(patches >= 12, "the end is moved however often the service asks: {patches}");
    assert!(patches < acts.len());
}

#[tokio::test(start_paused = true)]
async fn a_forged_lifecycle_event_does_nothing() {
    let world = World::new();
    let mut running = world.start().await;
    let mut forged = world.subscription();
    forged["clientState"] = json!("guess");
    running.lifecycle(&forged, "subscriptionRemoved").await;
    running.until(|status| status.refused == 1).await;
    wait(60).await;
    assert_eq!(running.status.borrow().made, 1);
}

#[tokio::test(start_paused = true)]
async fn missed_notifications_are_caught_up_at_once() {
    let mut world = World::new();
    world.settings.catch_up_every = Duration::from_secs(1_000_000);
    let running = world.start().await;
    world.doug_writes("hello");
    running.lifecycle(&world.subscription(), "missed").await;
    assert_eq!(world.until_heard(1).await, ["hello"]);
}
