//! Step 2: from what somebody wrote to one resolved proposal, a question, or an answer.
//!
//! Holds the port for brains and the built-in one. Has no path to a token or to the store, and
//! nothing it returns changes anything: a [`Proposal`] still needs the gate.

mod brain;
mod builtin;
mod dictated;
mod directory;
mod licence;
mod memory;
mod pick;
mod proposal;
mod refer;
mod resolve;
mod say;
mod text;
mod understanding;

pub use brain::{Brain, BrainError, Talk, Turn};
pub use builtin::Builtin;
pub use directory::{Directory, LookupError};
pub use proposal::{Mode, Proposal};
pub use understanding::{Contact, Settings, UnderstandError, Understanding, Understood};
