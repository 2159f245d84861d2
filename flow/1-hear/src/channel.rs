use async_trait::async_trait;
use subtwin_kernel::{ChatId, MessageId, Words};

use crate::Heard;

/// Why a channel could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The service refused; trying again will not help.
    #[error("the chat service refused to {operation}: {reason}")]
    Refused {
        /// What was tried.
        operation: &'static str,
        /// The service's answer, without secrets.
        reason: String,
    },
    /// No answer, or a server error: it may or may not have happened.
    #[error("the chat service did not answer `{operation}`; it may or may not have happened")]
    Unknown {
        /// What was tried.
        operation: &'static str,
        /// What went wrong.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A message that waits for an answer, and what may be pressed in place of typing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The whole message.
    pub words: Words,
    /// What a channel with buttons offers beside it.
    pub choices: Vec<Choice>,
}

/// One answer that may be pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// A stable name of it, for a channel's own use.
    pub name: &'static str,
    /// What stands on the button.
    pub label: String,
    /// What is heard when it is pressed, in answer to this very message and to no other: as if it
    /// had been typed in a message that quotes the question.
    pub says: String,
}

/// A place where the twin talks. Implemented by `channel/*`.
#[async_trait]
pub trait Channel: Send + Sync + std::fmt::Debug {
    /// Posts a message and returns its id.
    ///
    /// A lost answer is looked up in the conversation before it is posted again, so that one call
    /// posts one message.
    async fn post(&self, chat: &ChatId, words: &Words) -> Result<MessageId, ChannelError>;

    /// Posts a message that waits for an answer. A channel without buttons posts its words.
    ///
    /// A press becomes a [`Heard`] whose text is what the choice says and which refers to the
    /// question's message ([`RefersTo::Message`](crate::RefersTo::Message)); it comes once, and only
    /// while no later question stands in the conversation.
    async fn ask(&self, chat: &ChatId, question: &Question) -> Result<MessageId, ChannelError> {
        self.post(chat, &question.words).await
    }

    /// Replaces the text of one of the twin's own messages.
    async fn edit(
        &self,
        chat: &ChatId,
        message: MessageId,
        words: &Words,
    ) -> Result<(), ChannelError>;

    /// Whether the twin's message is still there as it was posted: neither edited nor deleted.
    async fn is_unchanged(&self, chat: &ChatId, message: MessageId) -> Result<bool, ChannelError>;

    /// Whether somebody's message still stands as it was heard: neither edited nor deleted since.
    async fn still_says(&self, heard: &Heard) -> Result<bool, ChannelError>;

    /// Reads one message again, as it would have been heard: what was taken up before a stop and
    /// not answered. `None` when it is gone, or was no person's.
    async fn heard(&self, chat: &ChatId, message: MessageId)
    -> Result<Option<Heard>, ChannelError>;

    /// The twin's own messages newer than `after`, oldest first: id and plain text. Used after a
    /// crash to see whether a reply had already been posted.
    async fn own_since(
        &self,
        chat: &ChatId,
        after: MessageId,
    ) -> Result<Vec<(MessageId, String)>, ChannelError>;

    /// The one-to-one conversation with a person, made if there is none.
    async fn direct(&self, person: subtwin_kernel::UserId) -> Result<ChatId, ChannelError>;
}
