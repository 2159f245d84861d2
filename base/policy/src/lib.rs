//! Who may ask for what on whom, in Cedar.
//!
//! Decides and explains. Reads no file, no directory and no clock: facts are arguments.

mod depth;
mod diagnosis;
mod facts;
mod fault;
mod policies;
mod question;
mod reading;
mod schema;
mod wording;

pub use fault::{Fault, Place, PolicyError};
pub use policies::{CONTRADICTION, EVALUATION_ERROR, Policies, Rule};
pub use question::{Asker, Decision, GroupTarget, Protected, Question, Target, When};
