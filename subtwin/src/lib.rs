//! The `subtwin` program: configuration, wiring and the command line. A library so that tests and
//! benchmarks reach its parts; not an API for others.

pub mod audit;
pub mod bot;
pub mod browser;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod doctor;
pub mod keys;
mod last_error;
pub mod onboard;
pub mod policy;
pub mod promote;
mod provisioner;
pub mod run;
pub mod sandbox;
pub mod say;
pub mod sign_in;
pub mod status;
pub mod suspension;
mod twin;
