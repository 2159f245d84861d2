//! The whole product: the program's own processes, a sandbox tenant, and real sockets between them.
#![cfg(test)]

mod control;
mod evidence;
mod faults;
mod gate;
mod health;
mod kills;
mod onboard;
mod stage;
mod story;
mod yes;
