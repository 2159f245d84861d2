//! The whole product: the program's own processes, a sandbox tenant, and real sockets between them.
#![cfg(test)]

mod agent;
mod bot;
mod control;
mod evidence;
mod faults;
mod gate;
mod health;
mod keys;
mod kills;
mod onboard;
mod secrets;
mod sign_in;
mod stage;
mod story;
mod yes;
