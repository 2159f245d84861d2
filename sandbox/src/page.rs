//! The web page: who am I, the chat, the directory card, the audit log, the fault switches.

use std::sync::Arc;

use crate::wire::{Request, Response};
use crate::world::Sandbox;

/// Answers one request for `/` and below.
pub(crate) async fn answer(_sandbox: &Arc<Sandbox>, _request: &Request) -> Response {
    Response::empty(501)
}
