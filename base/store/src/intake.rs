use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Row, params};
use subtwin_kernel::{ChatId, MessageId};

use crate::{Store, StoreError};

/// Which messages were taken, and how far each conversation was read.
impl Store {
    /// Takes a message: true the first time only, whoever asks again and however often. Messages
    /// from before what [`Store::forget_messages_before`] forgot count as taken.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn take(
        &self,
        chat: &ChatId,
        message: MessageId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let chat = chat.as_str().to_owned();
        self.run("take a message", move |db| {
            let mut take = db.prepare_cached(
                "INSERT INTO message SELECT ?1, ?2, ?3, 0
                 WHERE NOT EXISTS (SELECT 1 FROM horizon WHERE at > ?3)
                 ON CONFLICT DO NOTHING",
            )?;
            let taken = take.execute(params![chat, message.number().cast_signed(), text(at)])?;
            Ok(taken == 1)
        })
        .await
    }

    /// Says that nothing is left to do about a message.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn finish(&self, chat: &ChatId, message: MessageId) -> Result<(), StoreError> {
        let chat = chat.as_str().to_owned();
        self.run("finish a message", move |db| {
            db.prepare_cached("UPDATE message SET finished = 1 WHERE chat = ?1 AND message = ?2")?
                .execute(params![chat, message.number().cast_signed()])
                .map(|_| ())
        })
        .await
    }

    /// Messages that were taken and not finished, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn unfinished(&self) -> Result<Vec<(ChatId, MessageId)>, StoreError> {
        self.run("list unfinished messages", |db| {
            db.prepare("SELECT chat, message FROM message WHERE finished = 0 ORDER BY at, message")?
                .query_map([], |row| Ok((chat_at(row, 0)?, message_at(row, 1)?)))?
                .collect()
        })
        .await
    }

    /// Up to when a conversation was read.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn watermark(&self, chat: &ChatId) -> Result<Option<Timestamp>, StoreError> {
        let chat = chat.as_str().to_owned();
        self.run("read a watermark", move |db| {
            db.query_row("SELECT at FROM watermark WHERE chat = ?1", [chat], |row| time_at(row, 0))
                .optional()
        })
        .await
    }

    /// Says up to when a conversation was read. Never moves back.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_watermark(&self, chat: &ChatId, at: Timestamp) -> Result<(), StoreError> {
        let chat = chat.as_str().to_owned();
        self.run("set a watermark", move |db| {
            db.execute(
                "INSERT INTO watermark VALUES (?1, ?2)
                 ON CONFLICT (chat) DO UPDATE SET at = max(at, excluded.at)",
                params![chat, text(at)],
            )
            .map(|_| ())
        })
        .await
    }

    /// Every conversation and up to when it was read.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn watermarks(&self) -> Result<Vec<(ChatId, Timestamp)>, StoreError> {
        self.run("list watermarks", |db| {
            db.prepare("SELECT chat, at FROM watermark ORDER BY chat")?
                .query_map([], |row| Ok((chat_at(row, 0)?, time_at(row, 1)?)))?
                .collect()
        })
        .await
    }

    /// Forgets finished messages older than `before`. None that old is ever taken again.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_messages_before(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.run("forget old messages", move |db| {
            let transaction = db.transaction()?;
            transaction.execute(
                "INSERT INTO horizon VALUES (1, ?1)
                 ON CONFLICT (one) DO UPDATE SET at = max(at, excluded.at)",
                [text(before)],
            )?;
            let forgotten = transaction
                .execute("DELETE FROM message WHERE finished = 1 AND at < ?1", [text(before)])?;
            transaction.commit()?;
            Ok(forgotten)
        })
        .await
    }
}

/// Nine digits after the point, so that times sort as text.
pub(crate) fn text(at: Timestamp) -> String {
    format!("{at:.9}")
}

pub(crate) fn time_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    parse(column, &row.get::<_, String>(column)?, str::parse::<Timestamp>)
}

pub(crate) fn chat_at(row: &Row<'_>, column: usize) -> rusqlite::Result<ChatId> {
    parse(column, &row.get::<_, String>(column)?, ChatId::parse)
}

pub(crate) fn message_at(row: &Row<'_>, column: usize) -> rusqlite::Result<MessageId> {
    Ok(MessageId::new(row.get::<_, i64>(column)?.cast_unsigned()))
}

pub(crate) fn parse<T, E: std::error::Error + Send + Sync + 'static>(
    column: usize,
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> rusqlite::Result<T> {
    parse(text).map_err(|cause| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(cause))
    })
}
