use std::sync::Arc;

use axum::Router;
use subtwin_hear::{Intake, Turned};
use subtwin_kernel::Clock;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::front::Front;
use crate::status::{Board, Status};
use crate::vouch::Voucher;
use crate::{Settings, SigningKeys, Voice};

/// The keys of those whose tokens vouch for activities.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Bot Connector's: for the public cloud the document is
    /// `https://login.botframework.com/v1/.well-known/openidconfiguration`.
    pub connector: Arc<dyn SigningKeys>,
    /// The own tenant's token service's.
    pub tenant: Arc<dyn SigningKeys>,
}

/// Hears what people write to a twin that is a bot.
#[derive(Debug)]
pub struct Ears {
    settings: Settings,
    front: Arc<Front>,
    board: Board,
}

impl Ears {
    /// Ready to listen. What an earlier process took in and did not finish is offered again.
    pub async fn open(
        settings: Settings,
        keys: Keys,
        clock: Arc<dyn Clock>,
        voice: Arc<Voice>,
        intake: Intake,
    ) -> Self {
        for heard in voice.chats.waiting().await {
            let chat = heard.chat.clone();
            match intake.offer(heard) {
                Ok(_) | Err(Turned::Closed) => {}
                Err(Turned::Full) => tracing::warn!(%chat, "a chat is full"),
            }
        }
        let board = Board::new();
        let front = Arc::new(Front {
            voucher: Voucher::new(&settings, keys, clock),
            settings: settings.clone(),
            voice,
            intake,
            board: board.clone(),
            reading: Semaphore::new(Front::READING),
            tasks: TaskTracker::new(),
        });
        Self { settings, front, board }
    }

    /// How it goes, as it changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.board.subscribe()
    }

    /// `POST /api/messages`, for a server of one's own. [`Ears::run`] serves it too.
    pub fn router(&self) -> Router {
        Arc::clone(&self.front).router()
    }

    /// Serves the messaging endpoint on `listener` until told to stop.
    pub async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let patience = self.settings.patience;
        subtwin_edge::serve(listener, self.router(), patience, stop.clone()).await;
        self.attend(stop).await;
    }

    /// The same while somebody else serves [`Ears::router`].
    pub async fn attend(self, stop: CancellationToken) {
        let patience = self.settings.patience;
        stop.cancelled().await;
        self.front.tasks.close();
        if tokio::time::timeout(patience, self.front.tasks.wait()).await.is_err() {
            tracing::debug!("a courtesy was left undone");
        }
    }
}
