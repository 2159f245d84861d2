//! What every way in from Teams has at its edge: posts served within bounds, an issuer's signing
//! keys, and Teams' markup.
//!
//! Knows no chat, no subscription and no activity; decides nothing about who may be heard.

mod key_ring;
pub mod markup;
mod openid;
mod serve;

pub use key_ring::{KeyRing, KnownKey, SigningKeys};
pub use openid::OpenIdKeys;
pub use serve::serve;
