use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use subtwin_kernel::{ChatId, MessageId};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Heard;
use crate::lanes::{Lanes, Need};

/// What is done with a message. Implemented by the binary: steps 2 to 5.
#[async_trait]
pub trait Handler: Send + Sync + fmt::Debug {
    /// Handles one message. Called once for each, in order of their ids within a conversation.
    async fn handle(&self, heard: Heard);
}

/// Which messages were taken up, kept where a restart does not lose it.
#[async_trait]
pub trait Seen: Send + Sync + fmt::Debug {
    /// Takes a message up: durably notes that it will be handled now. `at` is when it was written.
    ///
    /// `false` when it had been taken before, by this process or an earlier one, finished or not.
    /// What an earlier process took and did not finish is for whoever opens the store to look
    /// into; it is not handed out a second time.
    ///
    /// # Errors
    /// When nothing durable is known; the caller tries again.
    async fn take(
        &self,
        chat: &ChatId,
        message: MessageId,
        at: Timestamp,
    ) -> Result<bool, SeenError>;

    /// Notes that handling a message has come to its end.
    ///
    /// # Errors
    /// When it could not be written down.
    async fn finish(&self, chat: &ChatId, message: MessageId) -> Result<(), SeenError>;
}

/// The memory of taken messages failed.
#[derive(Debug, thiserror::Error)]
#[error("remembering which messages were taken failed")]
pub struct SeenError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Bounds of the intake.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Messages that may wait in all conversations together.
    pub queued: usize,
    /// Messages that may wait in one conversation.
    pub queued_per_chat: usize,
    /// Conversations worked on at the same time. Each may hold a few connections to the service.
    pub chats_at_once: usize,
    /// Messages remembered as offered, to spare the durable memory the common duplicate.
    pub recent: usize,
    /// How long an idle conversation's first message waits for others of the same burst, so that
    /// notifications that overtook one another are handled in order. Everybody who writes waits
    /// this long: a few milliseconds bring posts that are opened side by side back into order.
    /// What the service itself delivers late comes seconds late, and no wait would do.
    pub settle: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queued: 4096,
            queued_per_chat: 64,
            chats_at_once: 64,
            recent: 16_384,
            settle: Duration::from_millis(2),
        }
    }
}

/// What became of an offered message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It will be handled, unless the durable memory knows it.
    Queued,
    /// It was offered before; nothing to do.
    Known,
}

/// Why a message was not taken in. It may be offered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Turned {
    /// Too much is waiting, in this conversation or in all.
    #[error("the intake is full")]
    Full,
    /// The twin is stopping.
    #[error("the intake is closed")]
    Closed,
}

/// What was left when the intake stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Messages not yet taken up: they will be found again after a restart.
    pub waiting: usize,
    /// Messages whose handling was cut short.
    pub cut: usize,
}

/// Takes in what people wrote: each message once, one at a time within a conversation, in order of
/// their ids as far as they are known, conversations side by side.
#[derive(Clone, Debug)]
pub struct Intake(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    seen: Arc<dyn Seen>,
    handler: Arc<dyn Handler>,
    lanes: Mutex<Lanes>,
    turns: Semaphore,
    workers: TaskTracker,
    handling: TaskTracker,
    /// No new message is taken up.
    stopping: CancellationToken,
    /// What is still being handled is dropped.
    cut: CancellationToken,
}

impl Intake {
    /// An intake that hands messages to `handler`.
    #[must_use]
    pub fn new(settings: Settings, seen: Arc<dyn Seen>, handler: Arc<dyn Handler>) -> Self {
        Self(Arc::new(Inner {
            settings,
            seen,
            handler,
            lanes: Mutex::new(Lanes::new(settings)),
            turns: Semaphore::new(settings.chats_at_once.max(1)),
            workers: TaskTracker::new(),
            handling: TaskTracker::new(),
            stopping: CancellationToken::new(),
            cut: CancellationToken::new(),
        }))
    }

    /// Takes a message in, at once. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When there is no room, or the twin is stopping.
    pub fn offer(&self, heard: Heard) -> Result<Offered, Turned> {
        let chat = heard.chat.clone();
        let mut lanes = self.0.lanes();
        let (offered, need) = lanes.offer(heard)?;
        if need == Need::Worker {
            // Under the lock, so that shutdown cannot miss the worker.
            self.0.workers.spawn(work(Arc::clone(&self.0), chat));
        }
        Ok(offered)
    }

    /// Whether no message of any conversation can be taken in now.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.lanes().is_full()
    }

    /// The oldest message of a conversation that was taken in and whose handling has not ended.
    /// Whoever remembers how far a conversation was read must not go beyond it.
    #[must_use]
    pub fn oldest_unfinished(&self, chat: &ChatId) -> Option<MessageId> {
        self.0.lanes().oldest_unfinished(chat)
    }

    /// Stops: takes nothing more in and up, lets what is being handled end within `patience`, then
    /// cuts it.
    pub async fn shutdown(&self, patience: Duration) -> Rest {
        self.0.lanes().close();
        self.0.stopping.cancel();
        self.0.workers.close();
        self.0.handling.close();
        let ended = tokio::time::timeout(patience, self.0.workers.wait()).await;
        let cut = if ended.is_ok() { 0 } else { self.0.handling.len() };
        self.0.cut.cancel();
        self.0.workers.wait().await;
        Rest { waiting: self.0.lanes().queued(), cut }
    }
}

impl Inner {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the durable memory until it answers. There is no other budget than the queue: while
    /// the memory is silent nothing is handled, the queue fills, and the service is told to come
    /// back later.
    async fn take(&self, heard: &Heard) -> Option<bool> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.seen.take(&heard.chat, heard.message, heard.at).await {
                Ok(ours) => return Some(ours),
                Err(error) => tracing::error!(
                    chat = %heard.chat, message = %heard.message, cause = chain(&error),
                    "taking a message up failed; trying again"
                ),
            }
            self.stopping.run_until_cancelled(tokio::time::sleep(pause)).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Works on one conversation until it is idle.
async fn work(inner: Arc<Inner>, chat: ChatId) {
    if !inner.settings.settle.is_zero() {
        let settle = tokio::time::sleep(inner.settings.settle);
        inner.stopping.run_until_cancelled(settle).await;
    }
    loop {
        // A turn per message, not per conversation: a busy one cannot keep the others out.
        let Ok(_turn) = inner.turns.acquire().await else { return };
        let Some(heard) = inner.lanes().next(&chat) else { return };
        let message = heard.message;
        // A task of its own: a panic ends this message, not the conversation.
        let one = inner.handling.spawn(handle_one(Arc::clone(&inner), heard)).await;
        match one {
            Ok(End::Over) => {}
            // It stays the conversation's oldest unfinished message.
            Ok(End::NotTaken) => return,
            Err(error) => tracing::error!(%chat, %message, %error, "handling a message failed"),
        }
    }
}

/// How far one message came.
enum End {
    /// Handled, known before, or cut.
    Over,
    /// The intake stopped before it was taken up; it will be found again after a restart.
    NotTaken,
}

async fn handle_one(inner: Arc<Inner>, heard: Heard) -> End {
    let (chat, message) = (heard.chat.clone(), heard.message);
    match inner.take(&heard).await {
        Some(true) => {}
        Some(false) => return End::Over,
        None => return End::NotTaken,
    }
    if inner.cut.run_until_cancelled(inner.handler.handle(heard)).await.is_none() {
        tracing::warn!(%chat, %message, "handling a message was cut by shutdown");
        return End::Over;
    }
    if let Err(error) = inner.seen.finish(&chat, message).await {
        let cause = chain(&error);
        tracing::error!(%chat, %message, cause, "noting that a message was handled failed");
    }
    End::Over
}

/// An error with its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
