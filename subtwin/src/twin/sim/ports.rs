//! The simulated world as the twin's ports see it: the chats and the notes.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use subtwin_hear::{Channel, ChannelError, Heard, Seen, SeenError};
use subtwin_kernel::{ChatId, MessageId, UserId, Words};
use subtwin_store::{RequestRow, Stage, StoreError};
use subtwin_teams::{Graph, GraphAnswer, GraphError, GraphRequest};

use super::super::notes::Notes;
use super::chats::{Author, posted};
use super::company::{chat_of, index};
use super::world::World;

/// The twin's side of everything.
#[derive(Clone, Debug)]
pub(super) struct Outside(pub(super) Arc<World>);

fn lost(operation: &'static str) -> ChannelError {
    ChannelError::Unknown { operation, cause: "cut".into() }
}

impl Outside {
    /// A call to the chat service: takes a moment. The dice of whether and how it fails.
    async fn chatting(&self) -> Option<bool> {
        self.0.pass().await;
        let (millis, fault) = self.0.with(|state| {
            let fault = state.dice.happens(state.faults.posts);
            let before = state.dice.happens(50);
            (state.dice.between(1, 60), fault.then_some(before))
        });
        self.0.takes(millis).await;
        self.0.pass().await;
        fault
    }
}

#[async_trait]
impl Channel for Outside {
    async fn post(&self, chat: &ChatId, words: &Words) -> Result<MessageId, ChannelError> {
        let fault = self.chatting().await;
        if fault == Some(true) {
            return Err(lost("post a message"));
        }
        let id = self.0.with(|state| {
            state.mix(&format!("{chat} shows: {}", words.to_text()));
            let message = posted(words, state.now);
            let id = state.chats.add(chat, message);
            let manners = state.manners.clone();
            manners.react(state, chat, id, words);
            id
        });
        self.0.pass().await;
        if fault == Some(false) {
            return Err(lost("post a message"));
        }
        Ok(id)
    }

    async fn edit(
        &self,
        chat: &ChatId,
        message: MessageId,
        words: &Words,
    ) -> Result<(), ChannelError> {
        let fault = self.chatting().await;
        if fault == Some(true) {
            return Err(lost("edit a message"));
        }
        self.0.with(|state| {
            let now = state.now;
            if let Some(message) = state.chats.get_mut(chat, message) {
                message.text = words.to_text();
                message.words.push((now, words.clone()));
            }
        });
        self.0.pass().await;
        if fault == Some(false) { Err(lost("edit a message")) } else { Ok(()) }
    }

    async fn is_unchanged(&self, chat: &ChatId, message: MessageId) -> Result<bool, ChannelError> {
        if self.chatting().await.is_some() {
            return Err(lost("read a message"));
        }
        Ok(self.0.with(|state| {
            let now = state.now;
            state.chats.get_mut(chat, message).is_some_and(|message| {
                message.checked = Some(now);
                message.stands()
            })
        }))
    }

    async fn still_says(&self, heard: &Heard) -> Result<bool, ChannelError> {
        if self.chatting().await.is_some() {
            return Err(lost("read a message"));
        }
        Ok(self.0.with(|state| {
            let now = state.now;
            if let Some(message) = state.chats.get_mut(&heard.chat, heard.message) {
                message.checked = Some(now);
            }
            let found = state.chats.heard(&heard.chat, heard.message);
            found.is_some_and(|found| !found.edited && found.text == heard.text)
        }))
    }

    async fn heard(
        &self,
        chat: &ChatId,
        message: MessageId,
    ) -> Result<Option<Heard>, ChannelError> {
        if self.chatting().await.is_some() {
            return Err(lost("read a message"));
        }
        Ok(self.0.with(|state| state.chats.heard(chat, message)))
    }

    async fn own_since(
        &self,
        chat: &ChatId,
        after: MessageId,
    ) -> Result<Vec<(MessageId, String)>, ChannelError> {
        if self.chatting().await.is_some() {
            return Err(lost("read messages"));
        }
        Ok(self.0.with(|state| {
            let messages = state.chats.0.get(chat).into_iter().flatten();
            messages
                .filter(|(id, message)| {
                    **id > after.number() && message.author == Author::Twin && message.stands()
                })
                .map(|(id, message)| (MessageId::new(*id), message.text.clone()))
                .collect()
        }))
    }

    async fn direct(&self, person: UserId) -> Result<ChatId, ChannelError> {
        if self.chatting().await.is_some() {
            return Err(lost("open a chat"));
        }
        index(person).map(chat_of).ok_or_else(|| lost("open a chat"))
    }
}

impl Outside {
    async fn noting<T>(
        &self,
        note: impl FnOnce(&mut super::world::Kept, Timestamp) -> T,
    ) -> Result<T, StoreError> {
        self.0.pass().await;
        let result = self.0.with(|state| {
            if state.dice.happens(state.faults.notes) {
                return Err(StoreError::Database { doing: "note", cause: "full".into() });
            }
            Ok(note(&mut state.kept, state.now))
        });
        self.0.pass().await;
        result
    }
}

#[async_trait]
impl Notes for Outside {
    async fn save_request(&self, row: &RequestRow) -> Result<(), StoreError> {
        self.noting(|kept, _| drop(kept.rows.insert(row.request, row.clone()))).await
    }

    async fn open_requests(&self) -> Result<Vec<RequestRow>, StoreError> {
        self.0.pass().await;
        Ok(self.0.with(|state| {
            let open = state.kept.rows.values().filter(|row| row.stage != Stage::Settled);
            let mut open: Vec<RequestRow> = open.cloned().collect();
            open.sort_by_key(|row| (row.updated, row.request));
            open
        }))
    }

    async fn unfinished(&self) -> Result<Vec<(ChatId, MessageId)>, StoreError> {
        self.0.pass().await;
        Ok(self.0.with(|state| {
            let open = state.kept.taken.iter().filter(|(_, finished)| !**finished);
            let mut open: Vec<_> = open.map(|(key, _)| key.clone()).collect();
            open.sort_by_key(|(_, message)| *message);
            open
        }))
    }

    async fn finish(&self, chat: &ChatId, message: MessageId) -> Result<(), StoreError> {
        Seen::finish(self, chat, message)
            .await
            .map_err(|cause| StoreError::Database { doing: "finish", cause: cause.0 })
    }

    async fn forget_before(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Seen for Outside {
    async fn take(
        &self,
        chat: &ChatId,
        message: MessageId,
        _: Timestamp,
    ) -> Result<bool, SeenError> {
        let key = (chat.clone(), message);
        let taken = self.noting(|kept, _| {
            let new = !kept.taken.contains_key(&key);
            if new {
                kept.taken.insert(key, false);
            }
            new
        });
        taken.await.map_err(|cause| SeenError(cause.into()))
    }

    async fn finish(&self, chat: &ChatId, message: MessageId) -> Result<(), SeenError> {
        let key = (chat.clone(), message);
        let finished = self.noting(|kept, _| kept.taken.insert(key, true)).await.map(|_| ());
        self.0.with(|state| {
            let now = state.now;
            if let Some(message) = state.chats.get_mut(chat, message) {
                message.finished = Some(now);
            }
        });
        finished.map_err(|cause| SeenError(cause.into()))
    }
}

/// Only [`subtwin_teams::Presence`] holds it, and nothing runs that.
#[async_trait]
impl Graph for Outside {
    async fn call(&self, _: GraphRequest) -> Result<GraphAnswer, GraphError> {
        Err(GraphError::Unknown { cause: "nobody shows presence here".into() })
    }
}
