//! The one mutable state of the sandbox, its clock, its dice, and what is told when it changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::SmallRng;
use rand::{RngCore as _, SeedableRng as _};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::connector::Bots;
use crate::faults::Faults;
use crate::replica::Replica;
use crate::settings::Settings;
use crate::tenant::Tenant;
use crate::token::{Keys, Sessions};

/// A running sandbox, shared by every connection.
#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) settings: Settings,
    /// What access tokens are signed with.
    pub(crate) keys: Keys,
    /// What Bot Connector signs with.
    pub(crate) bot_keys: Keys,
    world: Mutex<World>,
    /// What the page listens to.
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// Everything that changes.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) tenant: Tenant,
    /// Bots, and what is said with them.
    pub(crate) bots: Bots,
    pub(crate) faults: Faults,
    /// Sign-ins under way and what they gave out.
    pub(crate) sessions: Sessions,
    /// What reads still show while they lag behind.
    pub(crate) replica: Replica,
    dice: SmallRng,
    token_lifetime: Duration,
    /// How far the sandbox's clock is moved from the machine's.
    pub(crate) clock_offset: SignedDuration,
    events: broadcast::Sender<Event>,
    /// What the notifier turns into change notifications.
    outbox: mpsc::UnboundedSender<Event>,
}

/// Something changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A chat message.
    Message { chat: String, message: u64, change: Change },
    /// A chat was made or its members changed.
    Chat { chat: String },
    /// A directory object.
    Directory { id: Uuid },
    /// Somebody's presence.
    Presence { user: Uuid },
    /// An audit entry was written (it becomes visible later).
    Audit,
    /// A sign-in was logged.
    SignIn,
    /// A fault switch was turned.
    Faults,
}

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Created,
    Updated,
    Deleted,
}

impl Sandbox {
    /// A sandbox around a tenant, and the stream its notifier reads.
    pub(crate) fn new(
        settings: Settings,
        mut tenant: Tenant,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Event>) {
        let (events, _) = broadcast::channel(1024);
        let (outbox, notifier) = mpsc::unbounded_channel();
        tenant.audit.follow(&settings);
        let mut world = World {
            tenant,
            bots: Bots::default(),
            faults: Faults::default(),
            sessions: Sessions::default(),
            replica: Replica::default(),
            dice: SmallRng::seed_from_u64(settings.seed ^ 0x0005_7711_7E57),
            token_lifetime: settings.token_lifetime,
            clock_offset: SignedDuration::ZERO,
            events: events.clone(),
            outbox,
        };
        let now = world.now();
        world.tenant.audit.move_sign_ins(now);
        let sandbox = Self {
            settings,
            keys: Keys::default(),
            bot_keys: Keys::default(),
            world: Mutex::new(world),
            events,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        (Arc::new(sandbox), notifier)
    }

    /// Takes the world for one synchronous change. Never held across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// The sandbox's time.
    #[expect(clippy::disallowed_methods, reason = "this is the sandbox's clock")]
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.clock_offset).unwrap_or(Timestamp::MAX)
    }

    /// A new GUID from the seeded dice.
    pub(crate) fn guid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.dice.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A number below `bound` (0 when `bound` is 0).
    pub(crate) fn roll(&mut self, bound: u64) -> u64 {
        self.dice.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// How long access tokens issued now live.
    pub(crate) fn token_lifetime(&self) -> Duration {
        self.token_lifetime
    }

    /// When an audit entry or a sign-in written now becomes visible.
    pub(crate) fn visible_at(&self) -> Timestamp {
        let set = self.tenant.audit.delay;
        let delay = self.faults.audit_delay_ms.map_or(set, Duration::from_millis);
        let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        self.now().saturating_add(delay).unwrap_or(Timestamp::MAX)
    }

    /// Tells the page and the notifier.
    pub(crate) fn emit(&self, event: Event) {
        // Nobody listening is fine: the state itself is what counts.
        let _ = self.outbox.send(event.clone());
        let _ = self.events.send(event);
    }
}
