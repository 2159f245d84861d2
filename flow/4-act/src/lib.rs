//! Step 4: runs what is on the record, once, and finds out how it ended.
//!
//! A lost answer is looked up, never repeated blindly. Knows no service: adapters are its hands.

mod hands;
mod run;

pub use hands::{Hands, LookError, Observed, SendError, Sent};
pub use run::{Ended, look_up, run};
