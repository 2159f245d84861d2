use std::time::Duration;

use subtwin_kernel::TenantId;

use super::SignInError;
use super::loopback::{Answer, Doorway, Loopback};
use crate::token::{EntraError, TokenClient, random};

/// Has an administrator agree, once for the whole tenant, to what the app asks for: shows the
/// address to open and waits for the answer on a free port of 127.0.0.1. Entra page "Admin consent
/// on the Microsoft identity platform".
///
/// Only tokens issued afterwards show it, and it may take a minute or two until they do.
///
/// # Errors
/// When nobody answers within `patience`, whoever answers is no administrator or declines, or the
/// consent is one of another tenant.
pub async fn admin_consent(
    client: &TokenClient,
    scopes: &[String],
    patience: Duration,
    show: impl FnOnce(&Doorway),
) -> Result<(), SignInError> {
    let loopback = Loopback::open().await?;
    let state = random::<16>(client.entropy.as_ref());
    let address = client
        .admin_consent_address(scopes, &loopback.redirect(), &state)
        .map_err(SignInError::Token)?;
    show(&loopback.doorway(&address));
    let tenant = loopback.answer(&state, &address, patience, tenant).await?;
    let expected = client.app.tenant;
    if tenant == Some(expected) {
        return Ok(());
    }
    Err(SignInError::ConsentElsewhere { expected })
}

/// The tenant for which consent was given; `None` when it does not say which.
fn tenant(answer: &Answer) -> Result<Option<TenantId>, Box<EntraError>> {
    let given =
        answer.admin_consent.as_deref().is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if !given || answer.error.is_some() {
        return Err(answer.refusal("consent_required"));
    }
    Ok(answer.tenant.as_deref().and_then(|text| text.parse().ok()))
}
