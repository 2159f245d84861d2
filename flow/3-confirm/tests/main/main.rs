//! The gate from outside: what it takes for a yes, what it plans, what it shows and when it holds
//! back.
#![cfg(test)]

mod approvers;
mod batches;
mod company;
mod digests;
mod model;
mod page;
mod planning;
mod restraint;
mod talk;
mod yes;
