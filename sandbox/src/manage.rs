//! The Office 365 Management Activity API (`manage.office.com`).

use std::sync::Arc;

use crate::wire::{Request, Response};
use crate::world::Sandbox;

/// Answers one request.
pub(crate) fn answer(_sandbox: &Arc<Sandbox>, _request: &Request) -> Response {
    Response::empty(501)
}
