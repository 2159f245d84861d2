//! One worker per subscription: batches what is due, posts it, judges the endpoint, tries again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

use super::courier::{Courier, Taken};
use super::crypto::Recipient;
use super::item::Item;
use crate::tenant::{Counts, DeliveryPolicy, Subscription};
use crate::token;
use crate::world::Sandbox;

/// Delivers the notifications of one subscription.
pub(super) struct Worker {
    sandbox: Arc<Sandbox>,
    courier: Courier,
    subscription: Uuid,
    /// In the order of the changes.
    ready: VecDeque<Item>,
    /// Kept until the next one has been queued in front of it.
    held: Option<Item>,
    retries: BTreeMap<(Timestamp, u64), Batch>,
    /// Tells retries due at the same time apart.
    failures: u64,
    endpoint: Endpoint,
    recipient: Option<(Vec<u8>, Recipient)>,
    token: Option<(Timestamp, String)>,
}

/// What goes in one POST.
struct Batch {
    items: Vec<Item>,
    attempts: u32,
    /// When it was first tried.
    since: Timestamp,
}

/// What is to be done now.
enum Step {
    Post(Batch),
    Wait,
    /// The subscription is no more.
    Leave,
}

impl Worker {
    pub(super) fn new(sandbox: Arc<Sandbox>, courier: Courier, subscription: Uuid) -> Self {
        Self {
            sandbox,
            courier,
            subscription,
            ready: VecDeque::new(),
            held: None,
            retries: BTreeMap::new(),
            failures: 0,
            endpoint: Endpoint::default(),
            recipient: None,
            token: None,
        }
    }

    /// Runs until the subscription or the sandbox ends.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Item>) {
        let stop = self.sandbox.stop.clone();
        loop {
            while let Ok(item) = queue.try_recv() {
                self.take(item);
            }
            match self.step() {
                Step::Post(batch) => {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = self.post(batch) => {}
                    }
                }
                Step::Wait => {
                    let idle =
                        self.ready.is_empty() && self.held.is_none() && self.retries.is_empty();
                    // The sandbox's clock may jump, so nobody with work waits for long.
                    let patience = if idle { Duration::MAX } else { POLL };
                    let item = tokio::select! {
                        () = stop.cancelled() => return,
                        item = timeout(patience, queue.recv()) => item,
                    };
                    match item {
                        Ok(Some(item)) => self.take(item),
                        Ok(None) => return,
                        Err(_) => {}
                    }
                }
                Step::Leave => return,
            }
        }
    }

    /// Queues one, in front of the one held back for it.
    fn take(&mut self, item: Item) {
        if item.held && self.held.is_none() {
            self.held = Some(item);
            return;
        }
        self.ready.push_back(item);
        if let Some(held) = self.held.take() {
            self.ready.push_back(held);
            self.count(|counts| counts.reordered = counts.reordered.saturating_add(1));
        }
    }

    fn step(&mut self) -> Step {
        let mut world = self.sandbox.world();
        let now = world.now();
        let subscriptions = &mut world.tenant.chats.subscriptions;
        let policy = subscriptions.policy.clone();
        let Some(subscription) = subscriptions.get(self.subscription) else { return Step::Leave };
        let authorised = subscription.authorised(now);
        // Nothing follows: better late than never.
        if self.held.as_ref().is_some_and(|held| now.duration_since(held.since) >= LONGEST_HOLD) {
            self.ready.extend(self.held.take());
        }
        let before = self.ready.len();
        self.ready.retain(|item| now.duration_since(item.since) < policy.give_up_after);
        if self.endpoint.dropping(now, &policy) {
            self.ready.clear();
        }
        let lost = before.saturating_sub(self.ready.len());
        let counts = &mut subscriptions.counts;
        counts.discarded = counts.discarded.saturating_add(u64::try_from(lost).unwrap_or(0));
        drop(world);
        if !authorised {
            return Step::Wait;
        }
        if let Some(entry) = self.retries.first_entry()
            && entry.key().0 <= now
        {
            return Step::Post(entry.remove());
        }
        let wait =
            if self.endpoint.slow(now, &policy) { policy.slow_wait } else { SignedDuration::ZERO };
        let due = |item: &Item| {
            let slowed = item.since.saturating_add(wait).unwrap_or(item.since);
            item.not_before.max(slowed) <= now
        };
        let mut items = Vec::new();
        // A delayed one does not hold up those behind it.
        while let Some(at) = self.ready.iter().position(due)
            && let Some(item) = self.ready.remove(at)
        {
            let alone = item.alone;
            if alone && !items.is_empty() {
                self.ready.insert(at, item);
                break;
            }
            items.push(item);
            if alone || items.len() >= policy.batch {
                break;
            }
        }
        if items.is_empty() {
            return Step::Wait;
        }
        Step::Post(Batch { items, attempts: 0, since: now })
    }

    async fn post(&mut self, mut batch: Batch) {
        let (subscription, policy, tenant, now) = {
            let world = self.sandbox.world();
            let subscriptions = &world.tenant.chats.subscriptions;
            let Some(subscription) = subscriptions.get(self.subscription).cloned() else { return };
            (subscription, subscriptions.policy.clone(), world.tenant.id, world.now())
        };
        let url = subscription.notification_url.clone();
        let body = self.body(&subscription, tenant, now, &batch).await;
        let within = policy.answer_within.try_into().unwrap_or(Duration::ZERO);
        let taken = self.courier.post(&url, &body, within).await;
        let now = self.sandbox.world().now();
        self.endpoint.answered(now, taken == Taken::TooSlow, &policy);
        let size = u64::try_from(batch.items.len()).unwrap_or(0);
        self.count(|counts| counts.posts = counts.posts.saturating_add(1));
        if taken == Taken::Yes {
            return self.count(|counts| counts.delivered = counts.delivered.saturating_add(size));
        }
        batch.attempts = batch.attempts.saturating_add(1);
        let tried_for = now.duration_since(batch.since);
        let pause = policy.pause(batch.attempts);
        if tried_for.saturating_add(pause) >= policy.give_up_after
            || self.retries.len() >= MOST_RETRIES
        {
            return self.count(|counts| counts.discarded = counts.discarded.saturating_add(size));
        }
        self.count(|counts| counts.retries = counts.retries.saturating_add(1));
        self.failures = self.failures.saturating_add(1);
        let due = now.saturating_add(pause).unwrap_or(now);
        self.retries.insert((due, self.failures), batch);
    }

    /// Made anew for every attempt: keys and tokens are never reused longer than they should.
    async fn body(
        &mut self,
        subscription: &Subscription,
        tenant: Uuid,
        now: Timestamp,
        batch: &Batch,
    ) -> Value {
        let rich = subscription.rich.is_some();
        self.learn_key(subscription);
        let recipient = self.recipient.as_ref().map(|(_, recipient)| recipient);
        let value: Vec<Value> = batch
            .items
            .iter()
            .filter_map(|item| item.subject.notification(tenant, subscription, recipient))
            .collect();
        let mut body = json!({"value": value});
        if rich && let Some(object) = body.as_object_mut() {
            let token = self.token(subscription.app_id, tenant, now).await;
            object.insert("validationTokens".to_owned(), json!([token]));
        }
        body
    }

    /// Keeps the parsed key until the certificate is changed.
    fn learn_key(&mut self, subscription: &Subscription) {
        let wanted = subscription.rich.as_ref().map(|rich| &rich.public_key);
        if self.recipient.as_ref().map(|(der, _)| der) != wanted {
            self.recipient = wanted.and_then(|der| Some((der.clone(), Recipient::new(der).ok()?)));
        }
    }

    /// One token serves for minutes: signing is slow.
    async fn token(&mut self, app_id: Uuid, tenant: Uuid, now: Timestamp) -> String {
        if let Some((made, token)) = &self.token
            && now.duration_since(*made) < TOKEN_REUSE
        {
            return token.clone();
        }
        let sandbox = Arc::clone(&self.sandbox);
        let sign = move || token::notification_token(&sandbox, app_id, tenant);
        let signed = self.sandbox.tasks.spawn_blocking(sign);
        let token = signed.await.unwrap_or_default();
        self.token = Some((now, token.clone()));
        token
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.sandbox.world().tenant.chats.subscriptions.counts);
    }
}

/// Posts one lifecycle event, with the same patience as notifications.
pub(super) async fn tell(sandbox: Arc<Sandbox>, courier: Courier, url: Url, body: Value) {
    let (policy, since) = {
        let world = sandbox.world();
        (world.tenant.chats.subscriptions.policy.clone(), world.now())
    };
    let within = policy.answer_within.try_into().unwrap_or(Duration::ZERO);
    let mut attempts = 0_u32;
    let told = async {
        while courier.post(&url, &body, within).await != Taken::Yes {
            attempts = attempts.saturating_add(1);
            let again = sandbox.world().now().saturating_add(policy.pause(attempts));
            let again = again.unwrap_or(Timestamp::MAX);
            if again.duration_since(since) >= policy.give_up_after {
                return;
            }
            while sandbox.world().now() < again {
                tokio::time::sleep(POLL).await;
            }
        }
    };
    tokio::select! {
        () = sandbox.stop.cancelled() => {}
        () = told => {}
    }
}

impl DeliveryPolicy {
    /// How long to wait after so many failed attempts.
    fn pause(&self, attempts: u32) -> SignedDuration {
        let doubled = 2_i32.saturating_pow(attempts.saturating_sub(1).min(30));
        self.first_retry.checked_mul(doubled).unwrap_or(SignedDuration::MAX).min(self.longest_retry)
    }
}

/// How an endpoint has behaved of late.
#[derive(Debug, Default)]
struct Endpoint {
    /// When it answered, and whether too slowly.
    answers: VecDeque<(Timestamp, bool)>,
    dropping_until: Option<Timestamp>,
}

impl Endpoint {
    fn answered(&mut self, now: Timestamp, slow: bool, policy: &DeliveryPolicy) {
        self.answers.push_back((now, slow));
        self.forget(now, policy);
        if self.slow_percent(policy) > policy.drop_percent {
            self.dropping_until = now.saturating_add(policy.drop_for).ok();
            self.answers.clear();
        }
    }

    fn slow(&mut self, now: Timestamp, policy: &DeliveryPolicy) -> bool {
        self.forget(now, policy);
        self.slow_percent(policy) > policy.slow_percent
    }

    fn dropping(&mut self, now: Timestamp, policy: &DeliveryPolicy) -> bool {
        self.forget(now, policy);
        self.dropping_until.is_some_and(|until| now < until)
    }

    fn forget(&mut self, now: Timestamp, policy: &DeliveryPolicy) {
        let old = |(at, _): &mut (Timestamp, bool)| now.duration_since(*at) > policy.window;
        while self.answers.pop_front_if(old).is_some() {}
    }

    fn slow_percent(&self, policy: &DeliveryPolicy) -> usize {
        let all = self.answers.len();
        if all < policy.fewest_answers {
            return 0;
        }
        let slow = self.answers.iter().filter(|(_, slow)| *slow).count();
        slow.saturating_mul(100).checked_div(all).unwrap_or(0)
    }
}

/// How soon a jump of the sandbox's clock is noticed.
const POLL: Duration = Duration::from_millis(100);
/// A notification held back for the next one goes out after this when none comes.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_secs(5);
const TOKEN_REUSE: SignedDuration = SignedDuration::from_mins(5);
/// Failed POSTs waiting for another attempt.
const MOST_RETRIES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_pause_doubles_up_to_ten_minutes() {
        let policy = DeliveryPolicy::default();
        let pauses = [1, 2, 3, 10, 11, 99].map(|attempts| policy.pause(attempts).as_secs());
        assert_eq!(pauses, [1, 2, 4, 512, 600, 600]);
    }

    #[test]
    fn an_endpoint_is_slow_then_dropped_then_forgiven() {
        let policy = DeliveryPolicy::default();
        let mut endpoint = Endpoint::default();
        for answer in 0..25 {
            endpoint.answered(at(answer), answer >= 22, &policy);
        }
        // 3 of 25 is 12 %.
        assert!(endpoint.slow(at(25), &policy) && !endpoint.dropping(at(25), &policy));
        for answer in 25..28 {
            endpoint.answered(at(answer), true, &policy);
        }
        // The fifth slow one of 27 makes more than 15 %.
        assert!(endpoint.dropping(at(28), &policy));
        assert!(!endpoint.dropping(at(28 + 600), &policy) && !endpoint.slow(at(628), &policy));
    }

    #[test]
    fn few_answers_judge_nobody() {
        let policy = DeliveryPolicy::default();
        let mut endpoint = Endpoint::default();
        for answer in 0..19 {
            endpoint.answered(at(answer), true, &policy);
        }
        assert!(!endpoint.slow(at(19), &policy) && !endpoint.dropping(at(19), &policy));
    }
}
