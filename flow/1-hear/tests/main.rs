//! The intake with a memory and a handler that live in the test.

#[cfg(test)]
mod doubles;
#[cfg(test)]
mod intake;
