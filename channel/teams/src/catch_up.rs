use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use subtwin_hear::{Intake, Offered, Turned};
use subtwin_kernel::{ChatId, Clock, MessageId, Secret};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::attention::Attention;
use crate::calls::{messages_since, repeat};
use crate::graph::{items, next_page};
use crate::memory::MemoryError;
use crate::message::{Incoming, Listener, just_before};
use crate::status::Board;
use crate::{Graph, GraphError, GraphRequest, Memory, Settings, Verb, Voice, chain};

/// Finds what was not notified. Nothing else moves a watermark, so whatever the notifications
/// leave out is found here.
#[derive(Debug)]
pub(crate) struct CatchUp {
    pub(crate) settings: Settings,
    pub(crate) listener: Listener,
    pub(crate) graph: Arc<dyn Graph>,
    pub(crate) memory: Arc<dyn Memory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) intake: Intake,
    pub(crate) voice: Arc<Voice>,
    pub(crate) attention: Arc<Attention>,
    pub(crate) board: Board,
    pub(crate) wanted: Notify,
}

/// How far the chats were read, in the service's time.
#[derive(Debug)]
pub(crate) struct Marks {
    chats: HashMap<ChatId, Timestamp>,
    start: Start,
    /// Chats whose last look found nothing beyond their mark. The others may have messages that
    /// became visible late.
    settled: HashSet<ChatId>,
}

/// What was written before is not for the twin.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Start {
    /// When the twin first listened.
    first: Timestamp,
    /// Where chats without a mark begin.
    floor: Timestamp,
}

/// Why looking did not come to its end. It is done again later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatchUpError {
    #[error("reading the {what} failed")]
    Graph {
        what: &'static str,
        #[source]
        cause: GraphError,
    },
    #[error("remembering how far a chat was read failed")]
    Memory(#[source] MemoryError),
    #[error("there is no room for what was found")]
    Full,
}

impl Marks {
    /// Reads the marks back; the first time ever, everything begins now.
    pub(crate) async fn load(memory: &dyn Memory, now: Timestamp) -> Result<Self, MemoryError> {
        let kept = memory.get(START).await?;
        let start = match kept.and_then(|kept| serde_json::from_str(kept.expose()).ok()) {
            Some(start) => start,
            None => {
                let start = Start { first: now, floor: now };
                memory.put(START, &start.kept()).await?;
                start
            }
        };
        let chats = memory.watermarks().await?.into_iter().collect();
        Ok(Self { chats, start, settled: HashSet::new() })
    }

    fn of(&self, chat: &ChatId) -> Timestamp {
        self.chats.get(chat).copied().unwrap_or(self.start.floor)
    }

    /// Where the next look through a chat begins.
    fn since(&self, chat: &ChatId, overlap: Duration) -> Timestamp {
        match self.chats.get(chat) {
            Some(mark) => before(*mark, overlap).max(self.start.first),
            None => self.start.floor,
        }
    }

    fn has_moved(&self, chat: &Chat, id: &ChatId, overlap: Duration) -> bool {
        let unsettled = !self.settled.contains(id);
        match (chat.last_message(), chat.last_updated_date_time) {
            (Some(last), _) => last > self.of(id) || (unsettled && last > self.since(id, overlap)),
            (None, Some(updated)) => unsettled && updated > self.of(id),
            (None, None) => unsettled,
        }
    }
}

impl Start {
    fn kept(&self) -> Secret {
        // Not a secret; the memory keeps nothing else.
        Secret::new(serde_json::json!(self).to_string())
    }
}

impl CatchUp {
    /// Has everything looked through soon.
    pub(crate) fn want(&self) {
        self.wanted.notify_one();
    }

    pub(crate) async fn run(&self, mut marks: Marks) {
        let pace = Duration::from_secs(1) / self.settings.checks_per_second.max(1);
        let mut due = Instant::now();
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = self.wanted.notified() => {}
                chat = self.attention.next() => {
                    if let Err(error) = self.look_through(&mut marks, &chat).await {
                        tracing::warn!(%chat, cause = chain(&error), "looking through a chat failed");
                    }
                    self.board.note(|status| status.checks += 1);
                    tokio::time::sleep(pace).await;
                    continue;
                }
            }
            let pause = match self.look_everywhere(&mut marks).await {
                Ok(()) => {
                    let now = self.clock.now();
                    self.board.note(|status| status.caught_up = Some(now));
                    self.settings.catch_up_every
                }
                Err(error) => {
                    tracing::warn!(cause = chain(&error), "catching up failed");
                    SOON.min(self.settings.catch_up_every)
                }
            };
            due = Instant::now() + pause;
        }
    }

    /// One look from what is remembered.
    pub(crate) async fn look_once(&self) -> Result<(), CatchUpError> {
        let marks = Marks::load(&*self.memory, self.clock.now()).await;
        self.look_everywhere(&mut marks.map_err(CatchUpError::Memory)?).await
    }

    /// Looks through every chat in which something happened since it was last read.
    async fn look_everywhere(&self, marks: &mut Marks) -> Result<(), CatchUpError> {
        // What else its owner writes and reads is none of the twin's business.
        if let Some(chat) = &self.settings.borrowed {
            return self.look_through(marks, chat).await;
        }
        let mut newest = None;
        let mut moved = Vec::new();
        let mut next = Some("/v1.0/me/chats?$expand=lastMessagePreview&$top=50".to_owned());
        for page in 0.. {
            let Some(path) = next else { break };
            if page == MOST_PAGES {
                tracing::error!("more chats than can be read; the last are left out");
                break;
            }
            let mut body = repeat(&*self.graph, GraphRequest::new(Verb::Get, path))
                .await
                .map_err(|cause| CatchUpError::Graph { what: "list of chats", cause })?
                .body;
            next = next_page(&body);
            for item in items(&mut body) {
                let Ok(chat) = Chat::deserialize(item) else { continue };
                let Ok(id) = ChatId::parse(&chat.id) else { continue };
                newest = newest.max(chat.last_message());
                if marks.has_moved(&chat, &id, self.settings.overlap) {
                    moved.push(id);
                }
            }
        }
        let mut result = Ok(());
        for chat in moved {
            // One chat that cannot be read does not hide the others.
            if let Err(error) = self.look_through(marks, &chat).await {
                tracing::warn!(%chat, cause = chain(&error), "a chat was not caught up");
                result = Err(error);
            }
        }
        result?;
        // Chats found from now on were not there, or silent, when everything was read.
        let floor = newest.map(|newest| before(newest, self.settings.overlap));
        if let Some(floor) = floor.filter(|floor| *floor > marks.start.floor) {
            let start = Start { floor, ..marks.start };
            self.memory.put(START, &start.kept()).await.map_err(CatchUpError::Memory)?;
            marks.start = start;
        }
        Ok(())
    }

    /// Offers every message of a chat that was written since it was last read, and notes how far
    /// that was.
    async fn look_through(&self, marks: &mut Marks, chat: &ChatId) -> Result<(), CatchUpError> {
        let since = marks.since(chat, self.settings.overlap);
        let found = match messages_since(&*self.graph, self.listener, chat, since).await {
            Ok(found) => found,
            // The twin is no longer in it.
            Err(error) if matches!(error.status(), Some(403 | 404)) => {
                tracing::info!(%chat, "a chat cannot be read any more");
                return Ok(());
            }
            Err(cause) => return Err(CatchUpError::Graph { what: "messages of a chat", cause }),
        };
        let mut read = marks.of(chat);
        let mut left: Option<MessageId> = None;
        let mut news = false;
        for message in found {
            self.voice.saw(chat, message.id);
            read = read.max(message.modified);
            let Incoming::Heard(heard) = message.incoming else { continue };
            // An older one was read when it was written; only an edit or a reaction is new.
            if heard.at <= since || left.is_some() {
                continue;
            }
            match self.intake.offer(heard) {
                Ok(Offered::Queued) => news = true,
                Ok(Offered::Known) => {}
                Err(Turned::Full | Turned::Closed) => left = Some(message.id),
            }
        }
        if news || left.is_some() {
            self.attention.touch(chat);
        }
        // INVARIANT: the mark stays behind every message whose handling has not ended, for what
        // waits in memory is lost in a crash.
        let unfinished = self.intake.oldest_unfinished(chat);
        for message in [left, unfinished].into_iter().flatten() {
            read = read.min(just_before(message));
        }
        self.mark(marks, chat, read).await?;
        if left.is_some() { Err(CatchUpError::Full) } else { Ok(()) }
    }

    /// Notes how far a chat was read. Never goes back.
    async fn mark(
        &self,
        marks: &mut Marks,
        chat: &ChatId,
        read: Timestamp,
    ) -> Result<(), CatchUpError> {
        let known = marks.chats.get(chat).copied();
        if known.is_some_and(|known| read <= known) {
            marks.settled.insert(chat.clone());
            return Ok(());
        }
        self.memory.set_watermark(chat, read).await.map_err(CatchUpError::Memory)?;
        marks.chats.insert(chat.clone(), read);
        marks.settled.remove(chat);
        Ok(())
    }
}

/// A chat of the list, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chat {
    id: String,
    last_updated_date_time: Option<Timestamp>,
    last_message_preview: Option<Preview>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Preview {
    created_date_time: Option<Timestamp>,
}

impl Chat {
    fn last_message(&self) -> Option<Timestamp> {
        self.last_message_preview.as_ref().and_then(|preview| preview.created_date_time)
    }
}

fn before(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// The name under which the memory keeps where the twin's listening begins.
const START: &str = "teams.start";

/// After everything could not be looked through, it is tried again this soon.
const SOON: Duration = Duration::from_secs(60);

/// Pages of 50 chats.
const MOST_PAGES: u32 = 200;
