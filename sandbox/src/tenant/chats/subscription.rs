use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::sync::Notify;
use url::Url;
use uuid::Uuid;

use crate::world::Change;

/// What a subscription watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Watch {
    /// The messages of one chat.
    Chat(String),
    /// The messages of every chat somebody is in, now or later.
    UserChats(Uuid),
    /// Somebody's presence.
    Presence(Uuid),
    /// Accepted by Graph, but nothing ever comes (`/me/chats/{id}/messages`).
    Nothing,
}

/// How notifications with resource data are encrypted.
#[derive(Clone, Debug)]
pub(crate) struct Rich {
    /// As given: base64 of the DER.
    pub(crate) certificate: String,
    pub(crate) certificate_id: String,
    /// Upper-case hex SHA-1 of the DER.
    pub(crate) thumbprint: String,
    /// `SubjectPublicKeyInfo`, DER.
    pub(crate) public_key: Vec<u8>,
}

/// A subscription to change notifications.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) id: Uuid,
    pub(crate) app_id: Uuid,
    /// The signed-in user, else the app's service principal.
    pub(crate) creator: Uuid,
    /// As given.
    pub(crate) resource: String,
    pub(crate) watch: Watch,
    /// Only messages that mention this user.
    pub(crate) mentioning: Option<Uuid>,
    /// As given: `created,updated`.
    pub(crate) change_type: String,
    pub(crate) changes: Vec<Change>,
    pub(crate) notification_url: Url,
    pub(crate) lifecycle_url: Option<Url>,
    pub(crate) expires: Timestamp,
    pub(crate) client_state: Option<String>,
    pub(crate) tls_version: String,
    pub(crate) query_options: Option<String>,
    pub(crate) rich: Option<Rich>,
    pub(crate) authorised_at: Timestamp,
    /// When the access token lapses that it was created or last renewed with: it lives off that.
    pub(crate) authorised_until: Timestamp,
    /// When `reauthorizationRequired` was last sent.
    pub(crate) asked: Option<Timestamp>,
}

/// Something to tell a subscription's lifecycle address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    ReauthorizationRequired,
    SubscriptionRemoved,
}

impl Lifecycle {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReauthorizationRequired => "reauthorizationRequired",
            Self::SubscriptionRemoved => "subscriptionRemoved",
        }
    }
}

/// What became of notifications. Each counts once, whatever it shared a request with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    /// A change met a subscription.
    pub(crate) due: u64,
    /// The endpoint answered 2xx; a duplicate counts again.
    pub(crate) delivered: u64,
    /// Lost by the fault switch.
    pub(crate) dropped: u64,
    /// Sent twice by the fault switch.
    pub(crate) duplicated: u64,
    /// Held back behind a later one by the fault switch.
    pub(crate) reordered: u64,
    /// Given up: too slow an endpoint, four hours of failures, or too long a queue.
    pub(crate) discarded: u64,
    /// POSTs that failed and were tried again.
    pub(crate) retries: u64,
    /// POSTs made, retries included.
    pub(crate) posts: u64,
}

/// How delivery behaves. Published texts disagree on several of these numbers, so they can be
/// turned.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryPolicy {
    /// An answer later than this is slow and counts as a failure.
    pub(crate) answer_within: SignedDuration,
    /// The endpoint is judged by its answers of this long.
    pub(crate) window: SignedDuration,
    /// And not before it gave this many.
    pub(crate) fewest_answers: usize,
    /// Slow answers per hundred that make new notifications wait.
    pub(crate) slow_percent: usize,
    pub(crate) slow_wait: SignedDuration,
    /// Slow answers per hundred that make new notifications disappear.
    pub(crate) drop_percent: usize,
    pub(crate) drop_for: SignedDuration,
    pub(crate) first_retry: SignedDuration,
    pub(crate) longest_retry: SignedDuration,
    pub(crate) give_up_after: SignedDuration,
    /// Notifications in one POST.
    pub(crate) batch: usize,
    /// `reauthorizationRequired` comes this long before the token lapses.
    pub(crate) reauthorise_before: SignedDuration,
    pub(crate) reauthorise_every: SignedDuration,
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        Self {
            answer_within: SignedDuration::from_secs(10),
            window: SignedDuration::from_mins(10),
            fewest_answers: 20,
            slow_percent: 10,
            slow_wait: SignedDuration::from_secs(10),
            drop_percent: 15,
            drop_for: SignedDuration::from_mins(10),
            first_retry: SignedDuration::from_secs(1),
            longest_retry: SignedDuration::from_mins(10),
            give_up_after: SignedDuration::from_hours(4),
            batch: 50,
            reauthorise_before: SignedDuration::from_mins(15),
            reauthorise_every: SignedDuration::from_mins(15),
        }
    }
}

/// Every subscription, and what happened to its notifications.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    all: BTreeMap<Uuid, Subscription>,
    watching: HashMap<Watch, BTreeSet<Uuid>>,
    lifecycle: VecDeque<(Subscription, Lifecycle)>,
    /// Wakes the notifier when a lifecycle event is due.
    pub(crate) wake: Arc<Notify>,
    pub(crate) counts: Counts,
    pub(crate) policy: DeliveryPolicy,
}

impl Subscriptions {
    pub(crate) fn get(&self, id: Uuid) -> Option<&Subscription> {
        self.all.get(&id)
    }

    /// For everything but what it watches.
    pub(crate) fn get_mut(&mut self, id: Uuid) -> Option<&mut Subscription> {
        self.all.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.all.values()
    }

    /// The subscriptions that watch this.
    pub(crate) fn watching(&self, watch: &Watch) -> impl Iterator<Item = &Subscription> {
        self.watching.get(watch).into_iter().flatten().filter_map(|id| self.all.get(id))
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn add(&mut self, subscription: Subscription) {
        self.watching.entry(subscription.watch.clone()).or_default().insert(subscription.id);
        self.all.insert(subscription.id, subscription);
    }

    pub(crate) fn remove(&mut self, id: Uuid) -> Option<Subscription> {
        let subscription = self.all.remove(&id)?;
        if let Some(ids) = self.watching.get_mut(&subscription.watch) {
            ids.remove(&id);
            if ids.is_empty() {
                self.watching.remove(&subscription.watch);
            }
        }
        Some(subscription)
    }

    /// Forgets the expired ones: Graph says nothing about them.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        let gone: Vec<Uuid> =
            self.all.values().filter(|s| s.expires <= now).map(|s| s.id).collect();
        for id in gone {
            self.remove(id);
        }
    }

    /// Graph takes the subscription away and says so. False when there is none.
    pub(crate) fn cancel(&mut self, id: Uuid) -> bool {
        let Some(subscription) = self.remove(id) else { return false };
        self.lifecycle.push_back((subscription, Lifecycle::SubscriptionRemoved));
        self.wake.notify_one();
        true
    }

    /// Graph withdraws the authorisation: delivery pauses until the subscription is renewed.
    /// False when there is none.
    pub(crate) fn lapse(&mut self, id: Uuid, now: Timestamp) -> bool {
        let Some(subscription) = self.all.get_mut(&id) else { return false };
        subscription.authorised_until = subscription.authorised_until.min(now);
        subscription.asked = None;
        self.wake.notify_one();
        true
    }

    /// The lifecycle events to send now: those queued, and `reauthorizationRequired` for every
    /// subscription whose authorisation ends soon or has ended.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<(Subscription, Lifecycle)> {
        let mut due: Vec<_> = self.lifecycle.drain(..).collect();
        let before = self.policy.reauthorise_before;
        let every = self.policy.reauthorise_every;
        for subscription in self.all.values_mut() {
            if subscription.wants_reauthorisation(now, before, every) {
                subscription.asked = Some(now);
                due.push((subscription.clone(), Lifecycle::ReauthorizationRequired));
            }
        }
        due
    }
}

impl Subscription {
    /// Whether delivery may go on.
    pub(crate) fn authorised(&self, now: Timestamp) -> bool {
        now < self.authorised_until
    }

    /// A renewal: both clocks start again.
    pub(crate) fn reauthorise(&mut self, now: Timestamp, until: Timestamp) {
        self.authorised_at = now;
        self.authorised_until = until;
        self.asked = None;
    }

    fn wants_reauthorisation(
        &self,
        now: Timestamp,
        before: SignedDuration,
        every: SignedDuration,
    ) -> bool {
        let ends = self.authorised_until.min(self.expires);
        // A token that lives only minutes must not be complained about from its first second.
        let lead = before.min(ends.duration_since(self.authorised_at) / 4);
        ends.duration_since(now) <= lead
            && self.asked.is_none_or(|asked| now.duration_since(asked) >= every)
    }
}
