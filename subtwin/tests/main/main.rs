//! The whole product: the program's own processes, a sandbox tenant, and real sockets between them.
#![cfg(test)]

mod bot;
mod control;
mod evidence;
mod faults;
mod gate;
mod kills;
mod stage;
mod story;
mod yes;
