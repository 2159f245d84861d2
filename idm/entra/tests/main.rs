//! The adapter against a scripted server on the loopback: real sockets, our own answers.

mod directory;
mod graph;
mod hands;
mod planner;
mod session;
mod sign_in;
mod support;
mod trail;
