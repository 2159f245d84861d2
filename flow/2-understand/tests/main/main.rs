//! What people write, and what the twin makes of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod company;
mod conversations;
mod phrasings;
mod properties;
mod requests;
