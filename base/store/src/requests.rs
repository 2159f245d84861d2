use jiff::Timestamp;
use rusqlite::{Row, params};
use subtwin_kernel::{ChatId, MessageId, RequestId, UserId};

use crate::intake::{chat_at, message_at, parse, text, time_at};
use crate::{Store, StoreError};

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The twin was asked; a prompt may be waiting for its answer.
    Asked,
    /// It was confirmed and is being done, or was when we stopped.
    Acting,
    /// The requester was told how it ended; the tenant's own entry is still awaited.
    Told,
    /// Nothing is left to do.
    Settled,
}

/// One request, as far as it must survive a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    /// The request.
    pub request: RequestId,
    /// The conversation.
    pub chat: ChatId,
    /// Who asked.
    pub requester: UserId,
    /// The message that asked.
    pub asked_by: MessageId,
    /// The twin's message that showed the plan.
    pub prompt: Option<MessageId>,
    /// The twin's message that says how it ended.
    pub reply: Option<MessageId>,
    /// How far it has come.
    pub stage: Stage,
    /// When this was last changed.
    pub updated: Timestamp,
}

impl Store {
    /// Keeps a request, replacing what was kept of it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_request(&self, row: &RequestRow) -> Result<(), StoreError> {
        let row = row.clone();
        self.run("keep a request", move |db| {
            db.execute(
                "INSERT OR REPLACE INTO request VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    row.request.to_string(),
                    row.chat.as_str(),
                    row.requester.to_string(),
                    row.asked_by.number().cast_signed(),
                    row.prompt.map(|id| id.number().cast_signed()),
                    row.reply.map(|id| id.number().cast_signed()),
                    row.stage.name(),
                    text(row.updated),
                ],
            )
            .map(|_| ())
        })
        .await
    }

    /// Every request that is not settled, the longest untouched first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn open_requests(&self) -> Result<Vec<RequestRow>, StoreError> {
        self.run("list open requests", |db| {
            db.prepare("SELECT * FROM request WHERE stage <> 'settled' ORDER BY updated, request")?
                .query_map([], read)?
                .collect()
        })
        .await
    }

    /// Forgets settled requests last changed before `before`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_requests_before(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.run("forget old requests", move |db| {
            db.execute(
                "DELETE FROM request WHERE stage = 'settled' AND updated < ?1",
                [text(before)],
            )
        })
        .await
    }
}

impl Stage {
    const ALL: [Self; 4] = [Self::Asked, Self::Acting, Self::Told, Self::Settled];

    const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Acting => "acting",
            Self::Told => "told",
            Self::Settled => "settled",
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a stage of a request")]
struct UnknownStage(String);

fn read(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    let optional = |column| {
        row.get::<_, Option<i64>>(column).map(|id| id.map(|id| MessageId::new(id.cast_unsigned())))
    };
    let stage = |text: &str| {
        Stage::ALL
            .into_iter()
            .find(|stage| stage.name() == text)
            .ok_or_else(|| UnknownStage(text.to_owned()))
    };
    Ok(RequestRow {
        request: parse(0, &row.get::<_, String>(0)?, str::parse)?,
        chat: chat_at(row, 1)?,
        requester: parse(2, &row.get::<_, String>(2)?, str::parse)?,
        asked_by: message_at(row, 3)?,
        prompt: optional(4)?,
        reply: optional(5)?,
        stage: parse(6, &row.get::<_, String>(6)?, stage)?,
        updated: time_at(row, 7)?,
    })
}
