//! The token service (`login.microsoftonline.com`): discovery, sign-in, consent, tokens.

mod keys;
mod sessions;

use std::sync::Arc;

use crate::graph::{Caller, Problem};
use crate::wire::{Request, Response};
use crate::world::Sandbox;
pub(crate) use keys::Keys;
pub(crate) use sessions::Sessions;

/// Answers one request to the login host.
pub(crate) async fn answer(_sandbox: &Arc<Sandbox>, _request: &Request) -> Response {
    Response::empty(501)
}

/// Who an access token for `audience` speaks for; Graph's 401 when it does not verify.
pub(crate) fn caller(
    _sandbox: &Arc<Sandbox>,
    _bearer: &str,
    _audience: &str,
) -> Result<Caller, Problem> {
    Err(Problem::new(401, "InvalidAuthenticationToken", "Access token is empty."))
}
