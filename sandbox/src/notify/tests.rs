use std::sync::{Arc, OnceLock};

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use uuid::Uuid;

use super::hook::{Hook, eventually};
use crate::graph::chats::fixture::{self, ALL, DOUG, Fixture, SAM, SARAH, call};
use crate::graph::{dispatch, subscriptions};
use crate::tenant::{Counts, TWIN_CHAT_APP};
use crate::wire::{Request, Service};
use crate::world::Sandbox;
use crate::{client, control};

/// A twin that listens: its sandbox, its endpoint, its chat with Doug, its subscription.
struct Twin {
    sandbox: Arc<Sandbox>,
    hook: Arc<Hook>,
    chat: String,
    doug: Uuid,
    subscription: Uuid,
}

impl Twin {
    async fn new(extra: Value) -> Self {
        let sandbox = Fixture::notifying();
        let hook = Hook::start(&sandbox).await;
        let (doug, sam) = (fixture::id(&sandbox, DOUG), fixture::id(&sandbox, SAM));
        let chat = client::direct(&mut sandbox.world(), doug, sam).unwrap();
        let subscription = Self::subscribe(&sandbox, &hook, extra).await;
        Self { sandbox, hook, chat, doug, subscription }
    }

    async fn subscribe(sandbox: &Arc<Sandbox>, hook: &Hook, extra: Value) -> Uuid {
        let expires = sandbox.world().now() + SignedDuration::from_hours(70);
        let mut body = json!({
            "changeType": "created,updated,deleted",
            "notificationUrl": hook.url("/hook"),
            "lifecycleNotificationUrl": hook.url("/life"),
            "resource": "/me/chats/getAllMessages",
            "expirationDateTime": expires,
            "clientState": "s3cret",
        });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let call = call(sandbox, Some(SAM), &ALL, "POST", "/subscriptions", body);
        let made = subscriptions::create(sandbox, call).await.unwrap().body.unwrap();
        made["id"].as_str().unwrap().parse().unwrap()
    }

    /// Does something to the subscription over the control endpoint: the status.
    async fn happens(&self, action: &str) -> u16 {
        let request = Request {
            service: Service::Local,
            method: "POST".to_owned(),
            path: format!("/sandbox/subscriptions/{}/{action}", self.subscription),
            query: None,
            headers: hyper::HeaderMap::new(),
            body: bytes::Bytes::new(),
            origin: "http://localhost".to_owned(),
        };
        control::answer(&self.sandbox, &request).await.status
    }

    fn say(&self, words: &str) -> u64 {
        client::say(&mut self.sandbox.world(), &self.chat, self.doug, words).unwrap()
    }

    fn say_many(&self, count: usize) -> Vec<u64> {
        (0..count).map(|at| self.say(&format!("m{at}"))).collect()
    }

    /// Message ids in the order their notifications came.
    fn heard(&self) -> Vec<u64> {
        let items = self.hook.items("/hook");
        items
            .iter()
            .map(|item| item["resourceData"]["id"].as_str().unwrap().parse().unwrap())
            .collect()
    }

    fn counts(&self) -> Counts {
        self.sandbox.world().tenant.chats.subscriptions.counts
    }

    async fn settled(&self, due: usize) {
        let due = u64::try_from(due).unwrap();
        eventually("all notifications are through", || {
            let counts = self.counts();
            let done = counts.delivered + counts.dropped + counts.discarded;
            counts.due == due && done == due + counts.duplicated
        })
        .await;
    }

    fn advance(&self, by: SignedDuration) {
        fixture::advance(&self.sandbox, by);
    }

    fn reauthorize(&self) {
        let path = format!("/subscriptions/{}/reauthorize", self.subscription);
        let call = call(&self.sandbox, Some(SAM), &ALL, "POST", &path, Value::Null);
        dispatch(&mut self.sandbox.world(), &call).unwrap();
    }
}

fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap())
}

fn decrypt(content: &Value) -> Value {
    let field = |name: &str| STANDARD.decode(content[name].as_str().unwrap()).unwrap();
    let private = PrivateDecryptingKey::from_pkcs8(key().serialized_der()).unwrap();
    let private = OaepPrivateDecryptingKey::new(private).unwrap();
    let mut out = vec![0; private.min_output_size()];
    let key = private.decrypt(&OAEP_SHA1_MGF1SHA1, &field("dataKey"), &mut out, None).unwrap();
    let mut data = field("data");
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), &data, &field("dataSignature")).unwrap();
    let iv: [u8; 16] = key[..16].try_into().unwrap();
    let cipher = UnboundCipherKey::new(&AES_256, key).unwrap();
    let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).unwrap();
    let iv = DecryptionContext::Iv128(FixedLength::from(iv));
    serde_json::from_slice(cipher.decrypt(&mut data, iv).unwrap()).unwrap()
}

#[tokio::test]
async fn resource_data_arrives_encrypted_for_the_certificate_and_vouched_for() {
    let certificate = CertificateParams::default().self_signed(key()).unwrap();
    let twin = Twin::new(json!({
        "includeResourceData": true,
        "encryptionCertificate": STANDARD.encode(certificate.der()),
        "encryptionCertificateId": "key-1",
    }))
    .await;
    let (first, second) = (twin.say("Sarah starts Monday"), twin.say("give her an E3"));
    twin.settled(2).await;
    let items = twin.hook.items("/hook");
    assert_eq!(twin.heard(), [first, second]);
    let message = decrypt(&items[0]["encryptedContent"]);
    assert_eq!(message["body"]["content"], "<p>Sarah starts Monday</p>");
    assert_eq!(message["from"]["user"]["id"], twin.doug.to_string());
    assert_eq!((&message["replies"], &message["hostedContents"]), (&json!([]), &json!([])));
    assert_ne!(
        items[0]["encryptedContent"]["dataKey"], items[1]["encryptedContent"]["dataKey"],
        "a fresh key per item"
    );
    assert_eq!(items[0]["encryptedContent"]["encryptionCertificateId"], "key-1");
    let sha1 =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, certificate.der());
    let thumbprint =
        items[0]["encryptedContent"]["encryptionCertificateThumbprint"].as_str().unwrap();
    assert!(thumbprint.eq_ignore_ascii_case(&hex::encode(sha1)));

    let tokens = twin.hook.bodies("/hook")[0]["validationTokens"].clone();
    let token = tokens[0].as_str().unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let tenant = twin.sandbox.world().tenant.id;
    assert_eq!(claims["aud"], TWIN_CHAT_APP.to_string());
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{tenant}/"));
    assert_eq!(claims["appid"], "0bf30f3b-4a52-48df-9a82-234910c4a086");
}

#[tokio::test]
async fn a_plain_notification_says_only_where_to_look() {
    let twin = Twin::new(json!({})).await;
    let id = twin.say("hi");
    twin.settled(1).await;
    let body = &twin.hook.bodies("/hook")[0];
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["value"]);
    let item = &body["value"][0];
    let resource = format!("chats('{}')/messages('{id}')", twin.chat);
    assert_eq!(item["resource"], resource);
    assert_eq!(
        item["resourceData"],
        json!({
            "id": id.to_string(),
            "@odata.type": "#Microsoft.Graph.chatMessage",
            "@odata.id": resource,
        })
    );
    assert_eq!(item["subscriptionId"], twin.subscription.to_string());
    assert_eq!((&item["changeType"], &item["clientState"]), (&json!("created"), &json!("s3cret")));
    assert!(item.get("encryptedContent").is_none());
    let expires = item["subscriptionExpirationDateTime"].as_str().unwrap();
    assert!(
        expires.ends_with("-08:00") && expires.len() == "2021-02-02T10:30:34.9097561-08:00".len()
    );
    let expires: jiff::Timestamp = expires.parse().unwrap();
    let real =
        twin.sandbox.world().tenant.chats.subscriptions.get(twin.subscription).unwrap().expires;
    assert!(real.duration_since(expires).abs() < SignedDuration::from_micros(1));
}

#[tokio::test]
async fn every_change_in_every_chat_is_told_ones_own_included_and_others_chats_are_not() {
    let twin = Twin::new(json!({})).await;
    let (sam, sarah) = (fixture::id(&twin.sandbox, SAM), fixture::id(&twin.sandbox, SARAH));
    let ids = {
        let mut world = twin.sandbox.world();
        let world = &mut *world;
        let theirs = client::direct(world, twin.doug, sarah).unwrap();
        client::say(world, &theirs, sarah, "not for Sam").unwrap();
        let new = client::direct(world, sam, sarah).unwrap();
        let own = client::say(world, &new, sam, "hello").unwrap();
        client::edit(world, &new, sam, own, "hello!").unwrap();
        client::delete(world, &new, sam, own).unwrap();
        own
    };
    twin.settled(3).await;
    let items = twin.hook.items("/hook");
    let changes: Vec<&Value> = items.iter().map(|item| &item["changeType"]).collect();
    assert_eq!(changes, ["created", "updated", "deleted"]);
    assert_eq!(twin.heard(), [ids, ids, ids]);
}

#[tokio::test]
async fn what_queues_up_shares_posts_and_keeps_its_order() {
    let twin = Twin::new(json!({})).await;
    let ids = twin.say_many(300);
    twin.settled(300).await;
    assert_eq!(twin.heard(), ids);
    let posts = twin.counts().posts;
    assert!((6..300).contains(&posts), "{posts} POSTs of at most 50 for 300 notifications");
}

/// Drops and doubles while 400 messages are posted; what was heard must match the counts.
async fn lose_and_double() -> Counts {
    let twin = Twin::new(json!({})).await;
    {
        let mut world = twin.sandbox.world();
        world.faults.drop_notifications = 300;
        world.faults.duplicate_notifications = 200;
    }
    let ids = twin.say_many(400);
    twin.settled(400).await;
    let counts = twin.counts();
    let heard = twin.heard();
    assert!((80..160).contains(&counts.dropped), "{counts:?}");
    assert!((30..90).contains(&counts.duplicated), "{counts:?}");
    assert_eq!(u64::try_from(heard.len()).unwrap(), 400 - counts.dropped + counts.duplicated);
    let mut unique = heard.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(u64::try_from(unique.len()).unwrap(), 400 - counts.dropped);
    assert!(unique.iter().all(|id| ids.contains(id)));
    counts
}

#[tokio::test]
async fn dropped_and_duplicated_notifications_are_counted_exactly_and_the_same_for_the_same_seed() {
    let (one, other) = (lose_and_double().await, lose_and_double().await);
    assert_eq!((one.dropped, one.duplicated), (other.dropped, other.duplicated));
}

#[tokio::test]
async fn reordered_notifications_all_arrive_but_not_in_order() {
    let twin = Twin::new(json!({})).await;
    twin.sandbox.world().faults.reorder_notifications = 400;
    let ids = twin.say_many(101);
    eventually("all but a held-back one came", || twin.heard().len() >= 100).await;
    twin.advance(SignedDuration::from_secs(10));
    twin.settled(101).await;
    let heard = twin.heard();
    assert_ne!(heard, ids);
    let mut sorted = heard.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ids);
    assert!(twin.counts().reordered > 10, "{:?}", twin.counts());
}

#[tokio::test]
async fn a_delayed_notification_waits_for_the_sandboxs_clock() {
    let twin = Twin::new(json!({})).await;
    twin.sandbox.world().faults.delay_notifications_ms = 3_600_000;
    let late = twin.say("late");
    eventually("it is due", || twin.counts().due == 1).await;
    twin.sandbox.world().faults.delay_notifications_ms = 0;
    let prompt = twin.say("in time");
    eventually("the one without delay came", || !twin.heard().is_empty()).await;
    twin.advance(SignedDuration::from_mins(59));
    assert_eq!(twin.heard(), [prompt]);
    twin.advance(SignedDuration::from_mins(2));
    twin.settled(2).await;
    assert_eq!(twin.heard(), [prompt, late]);
}

#[tokio::test]
async fn a_failed_post_is_tried_again_and_does_not_hold_up_later_ones() {
    let twin = Twin::new(json!({})).await;
    twin.hook.answers(&[503, 500, 302]);
    let first = twin.say("first");
    eventually("the first attempt failed", || twin.counts().retries >= 1).await;
    let second = twin.say("second");
    // Backoff runs on the sandbox's clock.
    for _ in 0..4 {
        twin.advance(SignedDuration::from_secs(3));
    }
    twin.settled(2).await;
    let heard = twin.heard();
    assert_eq!(heard.len(), 5, "three failures and two deliveries: {heard:?}");
    assert!(heard.contains(&first) && heard.contains(&second));
    assert_eq!(twin.counts().retries, 3);
}

#[tokio::test]
async fn after_four_hours_of_failure_a_notification_is_given_up() {
    let twin = Twin::new(json!({})).await;
    twin.hook.answers(&[500; 100]);
    twin.say("lost");
    eventually("it failed", || twin.counts().retries >= 1).await;
    twin.advance(SignedDuration::from_mins(59));
    eventually("it failed again", || twin.counts().retries >= 2).await;
    twin.reauthorize();
    twin.advance(SignedDuration::from_mins(60));
    twin.reauthorize();
    twin.advance(SignedDuration::from_mins(60));
    twin.reauthorize();
    twin.advance(SignedDuration::from_mins(62));
    twin.reauthorize();
    eventually("it is given up", || twin.counts().discarded == 1).await;
    assert_eq!(twin.counts().delivered, 0);
}

#[tokio::test]
async fn delivery_pauses_when_the_token_lapses_and_resumes_when_it_is_renewed() {
    let twin = Twin::new(json!({})).await;
    twin.advance(SignedDuration::from_mins(66));
    twin.say("are you there?");
    eventually("it was asked to reauthorise", || !twin.hook.items("/life").is_empty()).await;
    eventually("it is due", || twin.counts().due == 1).await;
    let event = twin.hook.items("/life")[0].clone();
    assert_eq!(event["lifecycleEvent"], "reauthorizationRequired");
    assert_eq!(event["subscriptionId"], twin.subscription.to_string());
    assert_eq!(event["clientState"], "s3cret");
    assert!(twin.heard().is_empty());
    twin.reauthorize();
    twin.settled(1).await;
    assert_eq!(twin.heard().len(), 1);
}

#[tokio::test]
async fn an_authorisation_withdrawn_from_outside_pauses_delivery_until_it_is_renewed() {
    let twin = Twin::new(json!({})).await;
    assert_eq!(twin.happens("vanish").await, 404);
    assert_eq!(twin.happens("lapse").await, 200);
    eventually("it was asked to reauthorise", || !twin.hook.items("/life").is_empty()).await;
    twin.say("are you there?");
    eventually("it is due", || twin.counts().due == 1).await;
    assert!(twin.heard().is_empty());
    twin.reauthorize();
    twin.settled(1).await;
    assert_eq!(twin.heard().len(), 1);
}

#[tokio::test]
async fn reauthorisation_is_asked_for_before_the_token_lapses_and_again_every_15_minutes() {
    let twin = Twin::new(json!({})).await;
    twin.advance(SignedDuration::from_mins(49));
    assert!(twin.hook.items("/life").is_empty());
    twin.advance(SignedDuration::from_mins(2));
    eventually("asked once", || twin.hook.items("/life").len() == 1).await;
    twin.advance(SignedDuration::from_mins(15));
    eventually("asked twice", || twin.hook.items("/life").len() == 2).await;
    twin.reauthorize();
    twin.advance(SignedDuration::from_mins(30));
    twin.say("x");
    twin.settled(1).await;
    assert_eq!(twin.hook.items("/life").len(), 2);
}

#[tokio::test]
async fn a_removed_subscription_says_so_and_falls_silent() {
    let twin = Twin::new(json!({})).await;
    twin.say("one");
    twin.settled(1).await;
    assert_eq!(twin.happens("remove").await, 200);
    assert_eq!(twin.happens("remove").await, 404, "it is gone");
    eventually("told", || !twin.hook.items("/life").is_empty()).await;
    assert_eq!(twin.hook.items("/life")[0]["lifecycleEvent"], "subscriptionRemoved");
    twin.say("two");
    let again = Twin::subscribe(&twin.sandbox, &twin.hook, json!({})).await;
    twin.say("three");
    twin.settled(2).await;
    let items = twin.hook.items("/hook");
    let from: Vec<&Value> = items.iter().map(|item| &item["subscriptionId"]).collect();
    assert_eq!(from, [&json!(twin.subscription.to_string()), &json!(again.to_string())]);
}

#[tokio::test]
async fn an_endpoint_that_never_answers_in_time_loses_new_notifications() {
    let twin = Twin::new(json!({})).await;
    {
        let mut world = twin.sandbox.world();
        let policy = &mut world.tenant.chats.subscriptions.policy;
        policy.answer_within = SignedDuration::from_millis(50);
        policy.fewest_answers = 2;
    }
    twin.hook.falls_silent(true);
    twin.say("one");
    eventually("one slow answer", || twin.counts().retries >= 1).await;
    twin.advance(SignedDuration::from_secs(2));
    eventually("another", || twin.counts().retries >= 2).await;
    let before = twin.counts().discarded;
    twin.say("two");
    eventually("discarded", || twin.counts().discarded > before).await;
    twin.hook.falls_silent(false);
    twin.advance(SignedDuration::from_mins(11));
    twin.say("three");
    eventually("forgiven", || twin.counts().delivered == 2).await;
}

#[tokio::test]
async fn a_subscription_to_mentions_hears_only_those() {
    let sandbox = Fixture::notifying();
    let hook = Hook::start(&sandbox).await;
    let (doug, sam) = (fixture::id(&sandbox, DOUG), fixture::id(&sandbox, SAM));
    let chat = client::group(&mut sandbox.world(), doug, &[sam], None).unwrap();
    let filter = format!("?$filter=mentions/any(u: u/mentioned/user/id eq '{sam}')");
    let resource = format!("/chats/{chat}/messages{filter}");
    Twin::subscribe(&sandbox, &hook, json!({"resource": resource})).await;
    {
        let mut world = sandbox.world();
        client::say(&mut world, &chat, doug, "hello all").unwrap();
        client::say(&mut world, &chat, doug, "@Sam (IT twin) hello").unwrap();
    }
    eventually("told", || !hook.items("/hook").is_empty()).await;
    assert_eq!(sandbox.world().tenant.chats.subscriptions.counts.due, 1);
}

#[tokio::test]
async fn presence_is_told_to_who_subscribed_to_it() {
    let twin = Twin::new(json!({})).await;
    let resource = format!("/communications/presences/{}", twin.doug);
    let expires = twin.sandbox.world().now() + SignedDuration::from_mins(50);
    let extra =
        json!({"resource": resource, "expirationDateTime": expires, "changeType": "updated"});
    Twin::subscribe(&twin.sandbox, &twin.hook, extra).await;
    // Typing makes a person available.
    twin.say("hi");
    twin.settled(2).await;
    let items = twin.hook.items("/hook");
    let resource = format!("communications/presences('{}')", twin.doug);
    assert_eq!(items.iter().filter(|item| item["resource"] == resource.as_str()).count(), 1);
}
