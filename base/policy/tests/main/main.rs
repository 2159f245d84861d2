//! Policies as their readers and writers meet them.

mod company;
mod faults;
mod never;
mod own;
mod page;
mod shipped;
