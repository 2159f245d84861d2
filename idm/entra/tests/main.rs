//! The adapter against a scripted server on the loopback: real sockets, our own answers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "these are tests, and a JSON value reads best where it is made"
)]

mod directory;
mod graph;
mod hands;
mod planner;
mod session;
mod sign_in;
mod support;
mod trail;
