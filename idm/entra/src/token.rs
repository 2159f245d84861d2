//! The token service: asking for tokens, and understanding its answers.

mod app;
mod authorize;
mod claims;
mod client;
mod error;
mod key;

pub use app::{App, AssertionKey, BadKey, Credential};
pub use authorize::AuthorizeRequest;
pub use claims::{Expected, Identity};
pub use client::{DeviceCode, DevicePoll, Grant, Issued, TokenClient};
pub use error::{EntraError, TokenError};
pub use key::ClientKey;

pub(crate) use authorize::random;
pub use claims::Facets;
pub(crate) use claims::challenge;
pub(crate) use error::without_secrets;
