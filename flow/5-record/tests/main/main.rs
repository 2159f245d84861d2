//! The log, from outside: restarts, crashes, erasure, and auditors with their own tools.
#![cfg(test)]

mod auditor;
mod erasure;
mod journal;
mod sample;
mod tampering;
mod world;
