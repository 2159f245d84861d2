//! Step 3: the gate. Shows the exact plan, reads the human's yes, and makes a [`Confirmed`].
//!
//! Deciding is pure and takes the time as an argument. Posts nothing and sends nothing.

mod confirmed;
mod planner;

pub use confirmed::Confirmed;
pub use planner::{Planner, Refusal};
