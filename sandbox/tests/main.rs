//! The sandbox over real sockets, as its clients meet it.

mod assertions;
mod cloud;
mod consent;
mod control;
mod device;
mod faults;
mod graph;
mod tokens;
mod wire;
