use std::sync::Arc;

use serde_json::Value;
use subtwin_hear::{Intake, Offered, Turned};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::Voice;
use crate::attention::Attention;
use crate::key::{NotificationKey, SealError};
use crate::listen::Batch;
use crate::message::{Incoming, Listener, Message, MessageError};
use crate::notice::Notice;
use crate::status::Board;
use crate::vouch::Voucher;

/// Opens posts: checks who vouches for them, decrypts what they hold, reads the messages, and
/// offers what people wrote.
#[derive(Debug)]
pub(crate) struct Opener {
    pub(crate) key: Arc<NotificationKey>,
    pub(crate) voucher: Voucher,
    pub(crate) listener: Listener,
    pub(crate) intake: Intake,
    pub(crate) voice: Arc<Voice>,
    pub(crate) attention: Arc<Attention>,
    pub(crate) board: Board,
}

/// Why a notification was not opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("its content was not opened: {0}")]
    Seal(SealError),
    #[error("its content is not JSON")]
    Json,
    #[error("{0}")]
    Message(MessageError),
    #[error("it holds another message than it names")]
    Subject,
}

impl Opener {
    /// Opens posts until there are no more, or `closing` and the queue is empty. Several may share
    /// the queue.
    pub(crate) async fn run(
        &self,
        posts: &Mutex<mpsc::Receiver<Batch>>,
        closing: &CancellationToken,
    ) {
        loop {
            let batch = {
                // Held while waiting: one waits for the next post, the others for their turn.
                let mut posts = posts.lock().await;
                match closing.run_until_cancelled(posts.recv()).await {
                    Some(batch) => batch,
                    None => posts.try_recv().ok(),
                }
            };
            let Some(batch) = batch else { return };
            self.open(batch).await;
        }
    }

    async fn open(&self, batch: Batch) {
        if let Err(why) = self.voucher.vouches(&batch.tokens).await {
            tracing::warn!(%why, "notifications were refused");
            self.refuse(&batch.notices);
            return;
        }
        let key = Arc::clone(&self.key);
        let listener = self.listener;
        // RSA: a third of a millisecond for each.
        let opened = tokio::task::spawn_blocking(move || {
            let Batch { notices, tokens: _, _room } = batch;
            notices
                .into_iter()
                .map(|notice| (open_one(&key, listener, &notice), notice))
                .collect::<Vec<_>>()
        });
        let Ok(opened) = opened.await else {
            tracing::error!("opening notifications failed");
            return;
        };
        for (opened, notice) in opened {
            match opened {
                Ok(message) => {
                    self.board.note(|status| status.accepted += 1);
                    self.hand_on(&notice, message);
                }
                Err(why) => {
                    tracing::warn!(%why, "a notification was refused");
                    self.refuse(&[notice]);
                }
            }
        }
    }

    fn hand_on(&self, notice: &Notice, message: Option<Message>) {
        let Some(message) = message else { return self.attend(notice) };
        self.voice.saw(&message.chat, message.id);
        let is_new = notice.change_type.eq_ignore_ascii_case("created");
        match message.incoming {
            Incoming::Heard(heard) if is_new => {
                match self.intake.offer(heard) {
                    Ok(Offered::Queued | Offered::Known) => {}
                    Err(Turned::Full) => tracing::warn!(chat = %message.chat, "a chat is full"),
                    Err(Turned::Closed) => return,
                }
                self.attention.touch(&message.chat);
            }
            // A change never becomes something heard. If what was changed had not been heard, the
            // next look through the chat finds it as it is now.
            Incoming::Heard(_) => self.attention.touch(&message.chat),
            // The twin spoke: an answer may follow.
            Incoming::Own if is_new => self.attention.touch(&message.chat),
            Incoming::Own | Incoming::System | Incoming::Gone => {}
            Incoming::Ignored(why) => tracing::debug!(chat = %message.chat, why, "ignored"),
        }
    }

    /// Counts what was refused, and has its chats looked through: should it have been real, it is
    /// found there, and if not, nothing is.
    fn refuse(&self, notices: &[Notice]) {
        let count = u64::try_from(notices.len()).unwrap_or(u64::MAX);
        self.board.note(|status| status.refused += count);
        for notice in notices {
            self.attend(notice);
        }
    }

    fn attend(&self, notice: &Notice) {
        if let Some((chat, _)) = notice.subject() {
            self.attention.touch(&chat);
        }
    }
}

/// The message a notification carries; nothing when it only names one.
fn open_one(
    key: &NotificationKey,
    listener: Listener,
    notice: &Notice,
) -> Result<Option<Message>, OpenError> {
    let Some(content) = &notice.encrypted_content else { return Ok(None) };
    let bytes = key.open(content).map_err(OpenError::Seal)?;
    let json: Value = serde_json::from_slice(&bytes).map_err(|_| OpenError::Json)?;
    let subject = notice.subject();
    let chat = subject.as_ref().map(|(chat, _)| chat);
    let message = Message::read(&json, chat, listener).map_err(OpenError::Message)?;
    // A content put into another notification's envelope.
    if subject.is_some_and(|(_, named)| named != message.id) {
        return Err(OpenError::Subject);
    }
    Ok(Some(message))
}
