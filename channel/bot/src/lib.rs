//! The activity protocol: a twin that people reach as a bot, or that is an Agent User.
//!
//! Takes activities in, vouched for by Bot Connector or by the own tenant, and says what the twin
//! answers through the connector. Does not interpret what people write, and holds no credential.

mod activity;
mod card;
mod chats;
mod connector;
mod ears;
mod front;
mod memory;
mod numbers;
mod pace;
mod press;
mod prompts;
mod service_url;
mod settings;
mod status;
mod voice;
mod vouch;

pub use connector::Passes;
pub use ears::{Ears, Keys};
pub use memory::{Memory, MemoryError};
pub use service_url::{Allowed, NotAllowed};
pub use settings::{AgentUser, Settings};
pub use status::Status;
pub use subtwin_edge::{OpenIdKeys, SigningKeys};
pub use voice::{Ports, Voice};

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
