//! The sandbox over real sockets, as its clients meet it.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod agents;
#[cfg(test)]
mod assertions;
#[cfg(test)]
mod bots;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod consent;
#[cfg(test)]
mod control;
#[cfg(test)]
mod device;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod wire;
