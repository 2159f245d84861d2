use jiff::Timestamp;
use subtwin_kernel::{ChatId, MessageId, TenantId, UserId};

/// Who wrote a message, as the service vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Their home directory.
    pub tenant: TenantId,
    /// Their object id there.
    pub user: UserId,
    /// What the service shows as their name. Never an identity.
    pub display_name: String,
}

/// One message from a person to the twin.
///
/// Made only from a new message that a person wrote: the twin's own messages, system messages,
/// deleted ones and edits never become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The conversation.
    pub chat: ChatId,
    /// The message. Ids of one conversation sort by time.
    pub message: MessageId,
    /// Who wrote it.
    pub from: Speaker,
    /// What they wrote, as plain text: markup, mentions' markup, quoted and forwarded parts removed,
    /// entities resolved, NFKC, trimmed. Case is kept.
    pub text: String,
    /// Whether the conversation has exactly two people, one of them the twin.
    pub one_on_one: bool,
    /// When it was written.
    pub at: Timestamp,
    /// Whether it was changed after it was written. Such a message never confirms anything.
    pub edited: bool,
    /// Which other message it answers or passes on, if any. The quoted words are not in `text`.
    pub refers_to: RefersTo,
}

/// What a message says it answers or passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefersTo {
    /// It stands for itself.
    Nothing,
    /// One message of the same conversation.
    Message(MessageId),
    /// Several messages, one of another conversation, or something that could not be read.
    Something,
}
