//! A whole Microsoft 365 tenant in one process: token service, Graph, Teams chat, audit log, a web
//! page, and switches for everything that goes wrong in the cloud.
//!
//! Faithful enough for clients nobody here wrote. Shares no type with the twin's own adapters: if
//! both used one struct, a misspelt field would pass every test.

mod azure;
mod client;
mod connector;
mod control;
mod faults;
mod graph;
mod manage;
mod notify;
mod page;
mod replica;
mod server;
mod settings;
mod tenant;
mod token;
mod wire;
mod world;

pub use server::{Running, StartError, start};
pub use settings::Settings;
