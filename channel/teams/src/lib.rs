//! Teams chat over Graph: hears what people write to a twin, and says what it answers.
//!
//! Knows Graph's chat, subscription and notification wire, behind ports for the HTTP client, the
//! memory and the issuer's keys. Does not interpret what people write, and holds no token.

mod attention;
mod calls;
mod catch_up;
mod ears;
mod graph;
mod key;
mod listen;
mod memory;
mod message;
mod notice;
mod open;
mod presence;
mod settings;
mod status;
mod subscription;
mod voice;
mod vouch;

pub use ears::{Ears, Looker, OpenError, Ports};
pub use graph::{Graph, GraphAnswer, GraphError, GraphRequest, Verb};
pub use key::KeyError;
pub use memory::{Memory, MemoryError};
pub use presence::{Busy, Presence};
pub use settings::Settings;
pub use status::{Status, Subscribed};
pub use subscription::unsubscribe;
pub use subtwin_edge::{OpenIdKeys, SigningKeys};
pub use voice::Voice;

/// A message's text as it will be read back: what a posted message is recognised by.
#[must_use]
pub fn text_of(words: &subtwin_kernel::Words) -> String {
    subtwin_edge::markup::read(&subtwin_edge::markup::write(words))
}

/// An error with its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
