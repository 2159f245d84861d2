use std::sync::Arc;

use axum::Router;
use subtwin_hear::Intake;
use subtwin_kernel::{Clock, Entropy};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Notify, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attention::Attention;
use crate::catch_up::{CatchUp, Marks};
use crate::key::{KeyError, NotificationKey};
use crate::listen::{Batch, Front, Lifecycle};
use crate::memory::MemoryError;
use crate::open::Opener;
use crate::status::{Board, Status};
use crate::subscription::{Kept, Subscriber};
use crate::vouch::Voucher;
use crate::{Graph, Memory, Settings, SigningKeys, Voice};

/// What the twin's ears are connected to.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Graph, as the twin.
    pub graph: Arc<dyn Graph>,
    /// What survives a restart.
    pub memory: Arc<dyn Memory>,
    /// The issuer's keys.
    pub keys: Arc<dyn SigningKeys>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// A twin's ears cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What is needed cannot be remembered.
    #[error("opening the twin's ears failed")]
    Memory(#[source] MemoryError),
    /// The key notifications are encrypted to cannot be made or read.
    #[error("opening the twin's ears failed")]
    Key(#[source] KeyError),
}

/// Hears what people write to a twin in Teams.
#[derive(Debug)]
pub struct Ears {
    settings: Settings,
    front: Arc<Front>,
    posts: Mutex<mpsc::Receiver<Batch>>,
    events: mpsc::Receiver<Lifecycle>,
    opener: Opener,
    subscriber: Subscriber,
    kept: Option<Kept>,
    catch_up: Arc<CatchUp>,
    marks: Marks,
    board: Board,
}

impl Ears {
    /// Reads back what an earlier process knew; the first time, makes the key.
    ///
    /// # Errors
    /// When the memory fails, or the key is unusable.
    pub async fn open(
        settings: Settings,
        ports: Ports,
        voice: Arc<Voice>,
        intake: Intake,
    ) -> Result<Self, OpenError> {
        let Ports { graph, memory, keys, clock, entropy } = ports;
        let marks = Marks::load(&*memory, clock.now()).await.map_err(OpenError::Memory)?;
        let key = Arc::new(load_key(&*memory).await?);
        let board = Board::new();
        let listener = settings.listener();
        let attention = Arc::new(Attention::new(settings.check_after, settings.attention));
        let (expected, expecting) = watch::channel(None);
        let (posts_in, posts) = mpsc::channel(settings.queue.max(1));
        let (events_in, events) = mpsc::channel(16);

        let front = Arc::new(Front {
            expected: expecting,
            posts: posts_in,
            lifecycle: events_in,
            intake: intake.clone(),
            board: board.clone(),
            largest_post: settings.largest_post,
            reading: Semaphore::new(Front::READING),
            room: Arc::new(Semaphore::new(Front::ROOM_KB)),
        });
        let opener = Opener {
            key: Arc::clone(&key),
            voucher: Voucher::new(&settings, keys, Arc::clone(&clock)),
            listener,
            intake: intake.clone(),
            voice: Arc::clone(&voice),
            attention: Arc::clone(&attention),
            board: board.clone(),
        };
        let subscriber = Subscriber {
            settings: settings.clone(),
            graph: Arc::clone(&graph),
            memory: Arc::clone(&memory),
            clock: Arc::clone(&clock),
            entropy,
            key,
            expected,
            board: board.clone(),
        };
        let catch_up = Arc::new(CatchUp {
            settings: settings.clone(),
            listener,
            graph,
            memory,
            clock,
            intake,
            voice,
            attention,
            board: board.clone(),
            wanted: Notify::new(),
        });
        let kept = subscriber.load().await.map_err(OpenError::Memory)?;
        let posts = Mutex::new(posts);
        Ok(Self {
            settings,
            front,
            posts,
            events,
            opener,
            subscriber,
            kept,
            catch_up,
            marks,
            board,
        })
    }

    /// How it goes, as it changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.board.subscribe()
    }

    /// Looks through everything once more, for whoever stops listening for good.
    #[must_use]
    pub fn looker(&self) -> Looker {
        Looker(Arc::clone(&self.catch_up))
    }

    /// `POST /notifications` and `POST /lifecycle`, for a server of one's own. [`Ears::run`]
    /// serves them too.
    pub fn router(&self) -> Router {
        Arc::clone(&self.front).router()
    }

    /// Listens until told to stop: serves the two addresses on `listener`, and attends.
    pub async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let (router, patience) = (self.router(), self.settings.patience);
        let attending = self.attend(stop.clone());
        tokio::join!(subtwin_edge::serve(listener, router, patience, stop), attending);
    }

    /// Listens until told to stop, while somebody else serves [`Ears::router`]: keeps the
    /// subscription alive, opens what comes in, and catches up. On stop it opens what it has
    /// accepted, in bounded time; the subscription stays, for the next start.
    pub async fn attend(self, stop: CancellationToken) {
        let Self { settings, posts, events, opener, subscriber, kept, catch_up, marks, .. } = self;
        let patience = settings.patience;
        let tasks = TaskTracker::new();
        let background = stop.child_token();
        {
            let (catch_up, stop) = (Arc::clone(&catch_up), background.clone());
            tasks.spawn(async move { stop.run_until_cancelled(catch_up.run(marks)).await });
        }
        {
            let stop = background.clone();
            tasks.spawn(async move {
                let subscribed = subscriber.run(kept, events, || catch_up.want());
                stop.run_until_cancelled(subscribed).await
            });
        }
        let openers = TaskTracker::new();
        let (closing, cut) = (CancellationToken::new(), CancellationToken::new());
        let opener = Arc::new((opener, posts));
        for _ in 0..settings.openers.max(1) {
            let (opener, closing, cut) = (Arc::clone(&opener), closing.clone(), cut.clone());
            openers.spawn(async move {
                cut.run_until_cancelled(opener.0.run(&opener.1, &closing)).await
            });
        }
        openers.close();
        tasks.close();
        stop.cancelled().await;
        background.cancel();
        closing.cancel();
        if tokio::time::timeout(patience, openers.wait()).await.is_err() {
            tracing::warn!("accepted notifications were left unopened; they will be found again");
            cut.cancel();
            openers.wait().await;
        }
        tasks.wait().await;
    }
}

/// A look for messages that no notification told of.
#[derive(Clone, Debug)]
pub struct Looker(Arc<CatchUp>);

impl Looker {
    /// Takes in whatever was written since the last look.
    pub async fn look(&self) {
        if let Err(error) = self.0.look_once().await {
            tracing::warn!(cause = crate::chain(&error), "the last look failed");
        }
    }
}

/// The kept key, or a new one.
async fn load_key(memory: &dyn Memory) -> Result<NotificationKey, OpenError> {
    if let Some(pem) = memory.get(KEY).await.map_err(OpenError::Memory)? {
        return NotificationKey::from_pem(&pem).map_err(OpenError::Key);
    }
    let made = tokio::task::spawn_blocking(NotificationKey::generate).await;
    let pem = made.map_err(|_| OpenError::Key(KeyError::Kept))?.map_err(OpenError::Key)?;
    memory.put(KEY, &pem).await.map_err(OpenError::Memory)?;
    NotificationKey::from_pem(&pem).map_err(OpenError::Key)
}

/// The name under which the memory keeps the notification key.
const KEY: &str = "teams.notification-key";
