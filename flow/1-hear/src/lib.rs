//! Step 1: what people write to the twin, once each and in order.
//!
//! Knows no service: a channel adapter offers what arrived, and posts what the twin says. Does not
//! interpret; that is step 2.

mod channel;
mod heard;
mod intake;
mod lanes;

pub use channel::{Channel, ChannelError, Choice, Question};
pub use heard::{Heard, RefersTo, Speaker};
pub use intake::{Handler, Intake, Offered, Rest, Seen, SeenError, Settings, Turned};
