//! The Teams adapter against a Graph and a notification service that live in the test.

#[cfg(test)]
mod catch_up;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod hearing;
#[cfg(test)]
mod http;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod service;
#[cfg(test)]
mod subscription;
#[cfg(test)]
mod tenant;
#[cfg(test)]
mod voice;
#[cfg(test)]
mod world;
