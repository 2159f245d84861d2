use async_trait::async_trait;
use subtwin_kernel::{Call, Words};

use crate::Mode;

/// What a brain sees of a conversation: recent lines, oldest first, the last one to be answered.
/// Holds no ids of tokens, no secrets.
#[derive(Clone, Debug)]
pub struct Talk {
    /// `(from the twin?, text)`.
    pub lines: Vec<(bool, String)>,
}

/// What a brain makes of the last line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It asks for tools, in this order. Pronouns and "the same" may stand in a name as they were
    /// said: whoever resolves the calls remembers what they mean.
    Calls {
        /// What it asks for.
        calls: Vec<Call>,
        /// Whether it is to be done, or only shown ("what would happen if …").
        mode: Mode,
    },
    /// The person wants the last thing done for them taken back.
    Undo,
    /// It only talks. Shown as talk, never as a prompt.
    Say(Words),
    /// The person takes back what they asked.
    Cancel,
    /// The person wants to know what the twin can do.
    Help,
    /// The request is none the twin serves; offer a human. What was asked, in the person's words.
    Decline(String),
    /// The person wants to be handed to a human.
    HandOver,
}

/// A brain could not answer.
#[derive(Debug, thiserror::Error)]
#[error("the brain `{brain}` did not answer")]
pub struct BrainError {
    /// Which one.
    pub brain: &'static str,
    /// What went wrong.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

/// Whatever turns talk into tool calls. Untrusted: its worst answer is a wrong question.
#[async_trait]
pub trait Brain: Send + Sync + std::fmt::Debug {
    /// Whether what it says are our own fixed sentences. A model's words are shown apart.
    fn speaks_for_us(&self) -> bool {
        false
    }

    /// Takes one turn.
    async fn turn(&self, talk: &Talk) -> Result<Turn, BrainError>;
}
