//! The store, from outside: restarts, damage, keys, and several hands at once.
#![cfg(test)]

mod damage;
mod intake;
mod keys;
mod requests;
mod world;
