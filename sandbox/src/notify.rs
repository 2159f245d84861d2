//! Delivers change notifications: encrypts, signs, posts, retries, and obeys the fault switches.

mod courier;
mod crypto;
mod delivery;
#[cfg(test)]
pub(crate) mod hook;
mod item;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::tenant::{Subscription, Watch};
use crate::world::{Event, Sandbox, World};
pub(crate) use courier::Courier;
use item::{Item, Subject};

/// Runs until the sandbox stops.
pub(crate) async fn run(sandbox: Arc<Sandbox>, mut changes: mpsc::UnboundedReceiver<Event>) {
    let courier = match Courier::new() {
        Ok(courier) => courier,
        Err(error) => {
            tracing::error!(%error, "no change notifications: the HTTP client cannot be made");
            return;
        }
    };
    let wake = Arc::clone(&sandbox.world().tenant.chats.subscriptions.wake);
    let mut notifier = Notifier { sandbox: Arc::clone(&sandbox), courier, queues: HashMap::new() };
    let mut events = Vec::new();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = sandbox.stop.cancelled() => return,
            received = changes.recv_many(&mut events, EVENTS_AT_ONCE) => {
                if received == 0 {
                    return;
                }
                notifier.route(&mut events);
            }
            _ = tick.tick() => notifier.keep(),
            () = wake.notified() => notifier.keep(),
        }
    }
}

struct Notifier {
    sandbox: Arc<Sandbox>,
    courier: Courier,
    /// One worker per subscription, so that a slow subscriber slows only itself.
    queues: HashMap<Uuid, mpsc::Sender<Item>>,
}

impl Notifier {
    /// Turns changes into notifications and gives them to the workers.
    fn route(&mut self, events: &mut Vec<Event>) {
        let items: Vec<(Uuid, Item)> = {
            let mut world = self.sandbox.world();
            events.drain(..).flat_map(|event| items(&mut world, &event)).collect()
        };
        for (subscription, item) in items {
            self.send(subscription, item);
        }
    }

    fn send(&mut self, subscription: Uuid, item: Item) {
        let queue = self.queues.entry(subscription).or_insert_with(|| {
            let (sender, receiver) = mpsc::channel(LONGEST_QUEUE);
            let worker = delivery::Worker::new(
                Arc::clone(&self.sandbox),
                self.courier.clone(),
                subscription,
            );
            self.sandbox.tasks.spawn(worker.run(receiver));
            sender
        });
        if queue.try_send(item).is_err() {
            let mut world = self.sandbox.world();
            let counts = &mut world.tenant.chats.subscriptions.counts;
            counts.discarded = counts.discarded.saturating_add(1);
        }
    }

    /// What time brings: expired subscriptions, lifecycle events.
    fn keep(&mut self) {
        let (due, tenant) = {
            let mut world = self.sandbox.world();
            let now = world.now();
            let tenant = world.tenant.id;
            let subscriptions = &mut world.tenant.chats.subscriptions;
            subscriptions.expire(now);
            self.queues.retain(|id, _| subscriptions.get(*id).is_some());
            (subscriptions.due(now), tenant)
        };
        for (subscription, event) in due {
            let Some(url) = subscription.lifecycle_url.clone() else { continue };
            let body = item::lifecycle(tenant, &subscription, event);
            let sandbox = Arc::clone(&self.sandbox);
            self.sandbox.tasks.spawn(delivery::tell(sandbox, self.courier.clone(), url, body));
        }
    }
}

/// The notifications one change gives, with what the fault switches make of them.
fn items(world: &mut World, event: &Event) -> Vec<(Uuid, Item)> {
    let Some((subject, subscriptions)) = concerned(world, event) else { return Vec::new() };
    let now = world.now();
    let delay = i64::try_from(world.faults.delay_notifications_ms).unwrap_or(i64::MAX);
    let not_before = now.saturating_add(jiff::SignedDuration::from_millis(delay)).unwrap_or(now);
    let mut items = Vec::new();
    for subscription in subscriptions {
        let dropped = world.faults.drop_notifications;
        let dropped = hit(world, dropped);
        let duplicated = world.faults.duplicate_notifications;
        let duplicated = hit(world, duplicated);
        let reordered = world.faults.reorder_notifications;
        let held = hit(world, reordered);
        let counts = &mut world.tenant.chats.subscriptions.counts;
        counts.due = counts.due.saturating_add(1);
        if dropped {
            counts.dropped = counts.dropped.saturating_add(1);
            continue;
        }
        let item = Item { subject: subject.clone(), since: now, not_before, held, alone: false };
        if duplicated {
            counts.duplicated = counts.duplicated.saturating_add(1);
            items.push((subscription, Item { alone: true, held: false, ..item.clone() }));
        }
        items.push((subscription, item));
    }
    items
}

/// What a change is about, and who subscribed to it.
fn concerned(world: &World, event: &Event) -> Option<(Subject, Vec<Uuid>)> {
    let subscriptions = &world.tenant.chats.subscriptions;
    match event {
        Event::Message { chat: id, message, change } => {
            let chat = world.tenant.chats.get(id)?;
            let members = chat.members.iter().map(|member| Watch::UserChats(member.user));
            let watches: Vec<Watch> =
                members.chain(std::iter::once(Watch::Chat(id.clone()))).collect();
            let mentions = &chat.messages.get(message)?.mentions;
            let mentioned = |user: Uuid| {
                let user = user.to_string();
                mentions.iter().any(|mention| {
                    mention.pointer("/mentioned/user/id").is_some_and(|id| *id == user.as_str())
                })
            };
            let wants = |subscription: &&Subscription| {
                subscription.changes.contains(change)
                    && subscription.mentioning.is_none_or(&mentioned)
            };
            let ids: Vec<Uuid> = watches
                .iter()
                .flat_map(|watch| subscriptions.watching(watch))
                .filter(wants)
                .map(|subscription| subscription.id)
                .collect();
            // Most messages concern nobody; only for the others is the JSON made.
            let subject = (!ids.is_empty())
                .then(|| Subject::message(world, id, *message, *change))
                .flatten()?;
            Some((subject, ids))
        }
        Event::Presence { user } => {
            let ids: Vec<Uuid> = subscriptions
                .watching(&Watch::Presence(*user))
                .map(|subscription| subscription.id)
                .collect();
            (!ids.is_empty()).then(|| (Subject::presence(world, *user), ids))
        }
        Event::Chat { .. }
        | Event::Directory { .. }
        | Event::Audit
        | Event::SignIn
        | Event::Faults => None,
    }
}

/// Rolls for a rate per thousand. A switch that is off takes nothing from the dice.
fn hit(world: &mut World, per_thousand: u32) -> bool {
    per_thousand > 0 && world.roll(1000) < u64::from(per_thousand)
}

/// How often clocks are looked at; the sandbox's own may jump.
const TICK: Duration = Duration::from_millis(250);
const EVENTS_AT_ONCE: usize = 512;
/// Notifications waiting for one subscriber.
const LONGEST_QUEUE: usize = 32_768;
