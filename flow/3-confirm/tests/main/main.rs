//! The gate from outside: what it takes for a yes, what it plans, what it shows and when it holds
//! back.
#![cfg(test)]

mod approvers;
mod company;
mod model;
mod talk;
mod yes;
