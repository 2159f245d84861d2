//! The control endpoints under `/sandbox/`: for scripts and tests, never for the twin.

use std::sync::Arc;

use crate::wire::{Request, Response};
use crate::world::Sandbox;

/// Answers one request.
pub(crate) async fn answer(_sandbox: &Arc<Sandbox>, _request: &Request) -> Response {
    Response::empty(501)
}
