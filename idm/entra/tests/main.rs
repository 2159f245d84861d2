//! The adapter over real sockets: against a scripted server, whose answers are our own, and
//! against a sandbox tenant, whose answers are Graph's as far as anybody knows them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "these are tests, and a JSON value reads best where it is made"
)]

mod credentials;
mod directory;
mod doctor;
mod facts;
mod gate;
mod graph;
mod hands;
mod lookalikes;
mod obstacles;
mod onboard;
mod planner;
mod profiles;
mod provision;
mod session;
mod sign_in;
mod support;
mod tenant;
mod tools;
mod trail;
