//! Who may ask for what on whom, in Cedar.
//!
//! Decides and explains. Reads no file, no directory and no clock: facts are arguments.

mod question;

pub use question::{Asker, Decision, GroupTarget, Protected, Question, Target, When};
