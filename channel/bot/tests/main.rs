//! The bot adapter against a Bot Connector that lives in the test.

#[cfg(test)]
mod connector;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod hearing;
#[cfg(test)]
mod pressing;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod speaking;
#[cfg(test)]
mod world;
