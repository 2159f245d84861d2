//! Bot Connector: bots of the tenant, their conversations, what people write to them and what they
//! answer.
//!
//! Speaks the activity protocol at both ends: delivers signed activities to a bot's endpoint, and
//! serves the REST interface that bots answer through. Bots' conversations are kept apart from the
//! chats that Graph knows.

mod bots;
mod client;
mod control;
mod deliver;
mod keys;
mod page;
mod rest;

pub(crate) use bots::Bots;
pub(crate) use control::route as control;
pub(crate) use keys::answer as keys;
pub(crate) use page::{act, is_ours, messages, rows};
pub(crate) use rest::answer;
