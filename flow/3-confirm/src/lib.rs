//! Step 3: the gate. Decides who may ask for what, shows the exact plan, reads every yes it needs,
//! and makes a [`Confirmed`].
//!
//! Deciding is pure and takes the time as an argument. Posts nothing and sends nothing.

mod answers;
mod confirmed;
mod gate;
mod planner;
mod prompt;
mod restraint;
mod waiting;

pub use answers::{Answer, Answers, Language, UnknownLanguage};
pub use confirmed::{Confirmed, Yes};
pub use gate::{Gate, NOT_ALLOWED, Offered};
pub use planner::{Planner, Refusal};
pub use prompt::{approval_prompt, dry_run, prompt, question};
pub use restraint::{Limits, Restrained, Restraint};
pub use waiting::{
    ACT_WITHIN, APPROVERS_PATIENCE, Asked, Assent, Declined, Ignored, Over, PATIENCE, Standing,
    Verdict, Waiting,
};
