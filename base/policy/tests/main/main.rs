//! Policies as their readers and writers meet them.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod company;
mod faults;
mod never;
mod own;
mod page;
mod shipped;
