use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use subtwin_kernel::{ChatId, MessageId};

use crate::{Heard, Offered, Settings, Turned};

/// What waits in each conversation, and what was offered lately. Pure bookkeeping, no waiting.
#[derive(Debug)]
pub(crate) struct Lanes {
    settings: Settings,
    lanes: HashMap<ChatId, Lane>,
    /// Messages in all lanes, handled ones not counted.
    queued: usize,
    recent: Recent,
    closed: bool,
}

/// One conversation with something to do. Gone when idle.
#[derive(Debug, Default)]
struct Lane {
    waiting: BTreeMap<MessageId, Heard>,
    running: Option<MessageId>,
}

/// Whether a conversation needs a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It was idle: somebody must start working on it.
    Worker,
    /// It is being worked on.
    Nothing,
}

impl Lanes {
    pub(crate) fn new(settings: Settings) -> Self {
        let recent = Recent::new(settings.recent.max(settings.queued));
        Self { settings, lanes: HashMap::new(), queued: 0, recent, closed: false }
    }

    pub(crate) fn offer(&mut self, heard: Heard) -> Result<(Offered, Need), Turned> {
        if self.closed {
            return Err(Turned::Closed);
        }
        let key = (heard.chat.clone(), heard.message);
        if self.recent.contains(&key) {
            return Ok((Offered::Known, Need::Nothing));
        }
        if let Some(lane) = self.lanes.get(&heard.chat) {
            if lane.running == Some(heard.message) || lane.waiting.contains_key(&heard.message) {
                return Ok((Offered::Known, Need::Nothing));
            }
            if lane.waiting.len() >= self.settings.queued_per_chat {
                return Err(Turned::Full);
            }
        }
        if self.queued >= self.settings.queued {
            return Err(Turned::Full);
        }
        let need = if self.lanes.contains_key(&heard.chat) { Need::Nothing } else { Need::Worker };
        self.queued += 1;
        self.recent.insert(key);
        self.lanes.entry(heard.chat.clone()).or_default().waiting.insert(heard.message, heard);
        Ok((Offered::Queued, need))
    }

    /// The next message of a conversation; nothing when it is idle, and then its worker ends.
    pub(crate) fn next(&mut self, chat: &ChatId) -> Option<Heard> {
        let lane = self.lanes.get_mut(chat)?;
        lane.running = None;
        let next = if self.closed { None } else { lane.waiting.pop_first() };
        match next {
            Some((message, heard)) => {
                lane.running = Some(message);
                self.queued -= 1;
                Some(heard)
            }
            None => {
                // When closed, what still waits stays counted as unfinished.
                if lane.waiting.is_empty() {
                    self.lanes.remove(chat);
                }
                None
            }
        }
    }

    pub(crate) fn oldest_unfinished(&self, chat: &ChatId) -> Option<MessageId> {
        let lane = self.lanes.get(chat)?;
        lane.running.into_iter().chain(lane.waiting.keys().next().copied()).min()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.queued >= self.settings.queued
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued
    }
}

/// The last messages offered, oldest forgotten first.
#[derive(Debug)]
struct Recent {
    room: usize,
    known: HashSet<(ChatId, MessageId)>,
    order: VecDeque<(ChatId, MessageId)>,
}

impl Recent {
    fn new(room: usize) -> Self {
        Self { room, known: HashSet::new(), order: VecDeque::new() }
    }

    fn contains(&self, key: &(ChatId, MessageId)) -> bool {
        self.known.contains(key)
    }

    fn insert(&mut self, key: (ChatId, MessageId)) {
        if self.order.len() >= self.room
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.known.insert(key);
    }
}
