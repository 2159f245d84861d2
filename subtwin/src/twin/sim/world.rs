//! The simulated world: one state behind one lock, and an agenda of what happens when.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use subtwin_hear::{Heard, Intake};
use subtwin_kernel::{ChatId, Clock as _, MessageId, RequestId, Secret, Tool};
use subtwin_store::RequestRow;
use subtwin_understand::Turn;
use tokio::sync::Notify;
use uuid::Uuid;

use super::chats::{Author, Chats, Message};
use super::clock::SimClock;
use super::dice::Dice;
use super::people::Manners;
use super::tenant::{Applied, Deed, Tenant};

/// What can go wrong in one schedule, in percent of the calls it can happen to.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    /// Calls to the tenant that take seconds.
    pub(super) slow: u64,
    /// Reads that fail.
    pub(super) reads: u64,
    /// Writes answered 5xx before the effect.
    pub(super) lost_before: u64,
    /// Writes answered 5xx, or cut, after the effect.
    pub(super) lost_after: u64,
    /// Writes that are cut, and take effect later.
    pub(super) late: u64,
    /// Writes turned away as too many.
    pub(super) busy: u64,
    /// Writes refused.
    pub(super) refused: u64,
    /// Posts that fail, before or after the message is there.
    pub(super) posts: u64,
    /// Looks at the tenant's log that fail.
    pub(super) trail: u64,
    /// Notifications that are lost, doubled, or late.
    pub(super) notices: u64,
    /// Notes that cannot be kept.
    pub(super) notes: u64,
    /// How far reads lag behind writes at most, in milliseconds.
    pub(super) lag: u64,
}

/// Something that happens at its time, whoever looks.
#[derive(Debug)]
pub(super) enum Event {
    /// Somebody writes.
    Write {
        chat: ChatId,
        message: Box<Message>,
    },
    /// A notification arrives; without what it carries, the chat is read.
    Deliver {
        chat: ChatId,
        message: MessageId,
        carries: Option<Box<Heard>>,
    },
    /// A message is edited or deleted by a person.
    Edit {
        chat: ChatId,
        message: MessageId,
    },
    Delete {
        chat: ChatId,
        message: MessageId,
    },
    /// A request on its way takes effect.
    Effect {
        deed: Deed,
        id: Uuid,
    },
    /// An administrator changes something by hand.
    Meddle {
        deed: Deed,
    },
    /// The clock is set forward.
    Jump {
        by: Duration,
    },
    /// Other policies come into force.
    Policies,
    /// The process is killed.
    Kill,
}

/// What the twin was told about a call that it sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    /// The intent was on disk when the call arrived.
    pub(super) on_record: bool,
    pub(super) already: bool,
}

/// What is only kept on disk beside the record.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) rows: BTreeMap<RequestId, RequestRow>,
    pub(super) taken: BTreeMap<(ChatId, MessageId), bool>,
}

pub(super) struct State {
    pub(super) dice: Dice,
    pub(super) faults: Faults,
    pub(super) manners: Manners,
    pub(super) tenant: Tenant,
    pub(super) chats: Chats,
    pub(super) kept: Kept,
    pub(super) asks: Vec<Turn>,
    /// Calls that reached the tenant, by their id.
    pub(super) sendings: BTreeMap<Uuid, Vec<Sending>>,
    /// Everything that must not be seen, and who was given it.
    pub(super) secrets: Vec<Secret>,
    /// Everything a brain was shown.
    pub(super) brain_saw: BTreeSet<String>,
    /// Turns a brain took.
    pub(super) steps: u64,
    /// Who wants which tool used on whom (UPN).
    pub(super) wishes: Vec<(usize, Tool, String)>,
    /// The plans' `before` as the planner last gave it, by part: what was true at the last look.
    pub(super) looked: BTreeMap<String, Vec<(Timestamp, String)>>,
    pub(super) changed_policies: Vec<Timestamp>,
    /// Whose account an administrator changed by hand, and when.
    pub(super) meddled: Vec<(Timestamp, usize)>,
    /// Whether policies changed and nobody told the gate yet.
    pub(super) policies_due: bool,
    pub(super) trace: u64,
    /// The story is printed as it happens.
    pub(super) aloud: bool,
    pub(super) now: Timestamp,
    pub(super) points: u64,
    pub(super) kill_at: Option<u64>,
    /// The process is killed when it next sends something, before anything comes of it.
    pub(super) kill_on_send: bool,
    pub(super) dead: bool,
    /// The process was killed at least once.
    pub(super) dead_once: bool,
    pub(super) intake: Option<Intake>,
    agenda: BTreeMap<(Timestamp, u64), Event>,
    number: u64,
}

/// The world outside the twin's process.
pub(super) struct World {
    state: Mutex<State>,
    pub(super) clock: Arc<SimClock>,
    pub(super) killed: Notify,
    pub(super) agenda_changed: Notify,
    pub(super) dir: PathBuf,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World(…)")
    }
}

impl World {
    pub(super) fn new(seed: u64, dir: PathBuf, start: Timestamp) -> Arc<Self> {
        let state = State {
            dice: Dice::new(seed),
            faults: Faults::default(),
            manners: Manners::default(),
            tenant: Tenant::new(start),
            chats: Chats::default(),
            kept: Kept::default(),
            asks: Vec::new(),
            sendings: BTreeMap::new(),
            secrets: Vec::new(),
            brain_saw: BTreeSet::new(),
            steps: 0,
            wishes: Vec::new(),
            looked: BTreeMap::new(),
            changed_policies: Vec::new(),
            meddled: Vec::new(),
            policies_due: false,
            trace: seed,
            aloud: false,
            now: start,
            points: 0,
            kill_at: None,
            kill_on_send: false,
            dead: false,
            dead_once: false,
            intake: None,
            agenda: BTreeMap::new(),
            number: 0,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            clock: Arc::new(SimClock::at(start)),
            killed: Notify::new(),
            agenda_changed: Notify::new(),
            dir,
        })
    }

    /// Looks at the world as it is now: what was due has happened.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap();
        let before = state.number;
        while let Some(entry) = state.agenda.first_entry()
            && entry.key().0 <= now
        {
            let ((at, _), event) = entry.remove_entry();
            state.now = at.max(state.now);
            state.happen(event, self);
        }
        state.now = now.max(state.now);
        let result = look(&mut state);
        if state.number != before {
            self.agenda_changed.notify_one();
        }
        result
    }

    /// A place where the process can be killed: each port passes one before it acts and one after.
    pub(super) async fn pass(&self) {
        let dead = self.with(|state| {
            state.points += 1;
            let dies = state.kill_at.is_some_and(|at| state.points >= at);
            if dies && !state.dead {
                state.dead = true;
                state.kill_at = None;
                self.killed.notify_one();
            }
            state.dead
        });
        if dead {
            std::future::pending::<()>().await;
        }
    }

    /// The time something takes.
    pub(super) async fn takes(&self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    /// A read of the tenant: takes its time, and may fail. `true` when it failed.
    pub(super) async fn read(&self) -> bool {
        self.pass().await;
        let (millis, fails) = self.with(|state| {
            let slow = state.dice.happens(state.faults.slow);
            let millis =
                if slow { state.dice.between(500, 9_000) } else { state.dice.between(1, 40) };
            (millis, state.dice.happens(state.faults.reads))
        });
        self.takes(millis).await;
        self.pass().await;
        fails
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.state.lock().unwrap().agenda.first_key_value().map(|((at, _), _)| *at)
    }
}

impl State {
    /// Puts something on the agenda.
    pub(super) fn plan(&mut self, at: Timestamp, event: Event) {
        self.number += 1;
        self.agenda.insert((at.max(self.now), self.number), event);
    }

    pub(super) fn later(&mut self, millis: u64, event: Event) {
        let at = self.now.saturating_add(Duration::from_millis(millis)).unwrap();
        self.plan(at, event);
    }

    /// How the tenant's replicas show it to a read that happens now.
    pub(super) fn replica(&mut self) -> Timestamp {
        let lag = if self.faults.lag == 0 { 0 } else { self.dice.below(self.faults.lag) };
        self.now.saturating_sub(Duration::from_millis(lag)).unwrap()
    }

    /// Adds to the story, from which one run is told from another.
    pub(super) fn mix(&mut self, text: &str) {
        if self.aloud {
            println!("{} {text}", self.now.strftime("%H:%M:%S%.3f"));
        }
        for byte in text.bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn happen(&mut self, event: Event, world: &World) {
        if self.aloud {
            println!("{} ({event:?})", self.now.strftime("%H:%M:%S%.3f"));
        }
        match event {
            Event::Write { chat, message } => {
                if self.manners.still_writes(self, &chat, &message) {
                    self.write(&chat, *message);
                }
            }
            Event::Deliver { chat, message, carries } => self.deliver(&chat, message, carries),
            Event::Edit { chat, message } => {
                let now = self.now;
                if let Some(message) = self.chats.get_mut(&chat, message) {
                    message.edited = Some(now);
                    message.text.push_str(" (or not)");
                }
            }
            Event::Delete { chat, message } => {
                let now = self.now;
                if let Some(message) = self.chats.get_mut(&chat, message) {
                    message.deleted = Some(now);
                }
            }
            Event::Effect { deed, id } => drop(self.arrive(&deed, id)),
            Event::Meddle { deed } => {
                self.meddled.push((self.now, deed.person));
                let _ = self.tenant.apply(&deed, None, self.now);
            }
            Event::Jump { by } => world.clock.jump(by),
            Event::Policies => {
                self.changed_policies.push(self.now);
                self.policies_due = true;
            }
            Event::Kill => {
                if self.intake.is_some() && !self.dead {
                    self.dead = true;
                    world.killed.notify_one();
                }
            }
        }
    }

    /// A request takes effect.
    pub(super) fn arrive(&mut self, deed: &Deed, id: Uuid) -> Applied {
        let applied = self.tenant.apply(deed, Some(id), self.now);
        self.mix(&format!("{deed:?} {applied:?}"));
        applied
    }

    /// Somebody writes, and the twin is notified, mostly.
    fn write(&mut self, chat: &ChatId, message: Message) {
        let line = format!("{chat} hears {:?}: {}", message.author, message.text);
        self.mix(&line);
        let by = message.author.clone();
        let id = self.chats.add(chat, message);
        let Author::Person { .. } = by else { return };
        let carries = self.chats.heard(chat, id).map(Box::new);
        let faulty = self.dice.happens(self.faults.notices);
        let (delays, lost): (Vec<u64>, bool) = match (faulty, self.dice.below(3)) {
            (true, 0) => (vec![], true),
            (true, 1) => (vec![self.dice.below(3_000), self.dice.below(20_000)], false),
            (true, _) => (vec![self.dice.between(1_000, 15_000)], false),
            (false, _) => (vec![self.dice.between(5, 200)], false),
        };
        for delay in delays {
            let carries = if self.dice.happens(80) { carries.clone() } else { None };
            self.later(delay, Event::Deliver { chat: chat.clone(), message: id, carries });
        }
        if lost {
            // Found by the next look through the chat.
            let delay = self.dice.between(10_000, 60_000);
            self.later(delay, Event::Deliver { chat: chat.clone(), message: id, carries: None });
        }
        let manners = self.manners.clone();
        manners.after_writing(self, chat, id);
    }

    fn deliver(&mut self, chat: &ChatId, message: MessageId, carries: Option<Box<Heard>>) {
        let heard = carries.map(|heard| *heard).or_else(|| self.chats.heard(chat, message));
        if let (Some(heard), Some(intake), false) = (heard, &self.intake, self.dead) {
            // Full is not possible with so few messages; closed is found again at the next start.
            let _ = intake.offer(heard);
        }
    }

    /// What a look through all chats after a start finds.
    pub(super) fn catch_up(&mut self) {
        let all: Vec<(ChatId, MessageId)> = self
            .chats
            .0
            .iter()
            .flat_map(|(chat, messages)| {
                let people = messages.iter().filter(|(_, m)| m.author != Author::Twin);
                people.map(|(id, _)| (chat.clone(), MessageId::new(*id)))
            })
            .collect();
        for (chat, message) in all {
            self.deliver(&chat, message, None);
        }
    }
}
