use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use subtwin_kernel::ChatId;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Which conversations are going on, and when each is next looked through for messages that were
/// not notified.
///
/// A conversation is looked through `check_after` after something happened in it, again after the
/// same time, and then at distances that grow with the silence, until `attention` has passed. So a
/// conversation costs a bounded number of requests however long nothing happens in it, and one
/// that nothing is notified of costs none.
#[derive(Debug)]
pub(crate) struct Attention {
    check_after: Duration,
    attention: Duration,
    chats: Mutex<HashMap<ChatId, Attended>>,
    sooner: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Attended {
    touched: Instant,
    due: Instant,
}

impl Attention {
    pub(crate) fn new(check_after: Duration, attention: Duration) -> Self {
        Self { check_after, attention, chats: Mutex::default(), sooner: Notify::new() }
    }

    /// Something happened in a conversation.
    pub(crate) fn touch(&self, chat: &ChatId) {
        if self.attention.is_zero() {
            return;
        }
        let now = Instant::now();
        let due = now + self.check_after;
        let mut chats = self.chats();
        if let Some(attended) = chats.get_mut(chat) {
            attended.touched = now;
            attended.due = attended.due.min(due);
        } else if chats.len() < MOST_CHATS {
            chats.insert(chat.clone(), Attended { touched: now, due });
        }
        drop(chats);
        self.sooner.notify_one();
    }

    /// Waits for a conversation that is due, and sets when it is due again.
    pub(crate) async fn next(&self) -> ChatId {
        loop {
            let sooner = self.sooner.notified();
            let earliest = {
                let chats = self.chats();
                chats
                    .iter()
                    .min_by_key(|(_, attended)| attended.due)
                    .map(|(chat, attended)| (chat.clone(), attended.due))
            };
            match earliest {
                Some((chat, due)) if due <= Instant::now() => {
                    self.looked(&chat);
                    return chat;
                }
                Some((_, due)) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(due) => {}
                        () = sooner => {}
                    }
                }
                None => sooner.await,
            }
        }
    }

    fn looked(&self, chat: &ChatId) {
        let now = Instant::now();
        let mut chats = self.chats();
        let Some(attended) = chats.get_mut(chat) else { return };
        let silence = now.duration_since(attended.touched);
        if silence >= self.attention {
            chats.remove(chat);
        } else {
            attended.due = now + self.check_after.max(silence / SPREAD);
        }
    }

    fn chats(&self) -> MutexGuard<'_, HashMap<ChatId, Attended>> {
        self.chats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next look comes after this share of the silence so far.
const SPREAD: u32 = 8;

/// Conversations attended at the same time; others wait for the slow timer.
const MOST_CHATS: usize = 10_000;
