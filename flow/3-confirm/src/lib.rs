//! Step 3: the gate. Shows the exact plan, reads the human's yes, and makes a [`Confirmed`].
//!
//! Deciding is pure and takes the time as an argument. Posts nothing and sends nothing.

mod answer;
mod confirmed;
mod planner;
mod prompt;
mod waiting;

pub use answer::{Answer, read};
pub use confirmed::Confirmed;
pub use planner::{Planner, Refusal};
pub use prompt::prompt;
pub use waiting::{Assent, Declined, Ignored, Over, PATIENCE, Verdict, Waiting};
