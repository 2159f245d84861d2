//! Subscriptions: create with handshake, renew, reauthorise, delete.

use std::sync::Arc;

use super::{Answer, Call, Handled, Problem};
use crate::world::{Sandbox, World};

pub(super) fn handle(_world: &mut World, _call: &Call) -> Handled {
    None
}

/// `POST /subscriptions`: the only call that waits, for the handshake with the subscriber.
pub(super) async fn create(_sandbox: &Arc<Sandbox>, _call: Call) -> Result<Answer, Problem> {
    Err(Problem::unsupported("The sandbox does not implement POST /subscriptions."))
}
