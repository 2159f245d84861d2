//! Signing in with a person: in a browser, on another device, and the consent of an administrator.

mod consent;
mod device;
mod loopback;

use std::time::Duration;

use subtwin_kernel::{Secret, TenantId};
use url::Url;

use crate::token::{EntraError, Expected, Grant, Issued, TokenClient, TokenError};

pub use consent::admin_consent;
pub use device::{sign_in_by_device_code, wait_for_device};
pub use loopback::Doorway;
use loopback::{Answer, Loopback};

/// Why a sign-in did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// No port could be opened on this machine.
    #[error("opening a port on 127.0.0.1 for the browser's answer failed")]
    Listen(#[source] std::io::Error),
    /// Nobody signed in in time.
    #[error("nobody signed in within {} seconds", .0.as_secs())]
    TooLate(Duration),
    /// The browser brought back an error.
    #[error("the sign-in was not completed")]
    Refused(#[source] Box<EntraError>),
    /// The code could not be traded for a token.
    #[error("the sign-in could not be completed")]
    Token(#[source] TokenError),
    /// An administrator agreed, but not for the app's tenant.
    #[error("consent was given in another tenant than {expected}")]
    ConsentElsewhere {
        /// The app's tenant.
        expected: TenantId,
    },
}

/// Signs a person's browser in: shows the address to open, waits for the answer on a free port of
/// 127.0.0.1, checks that it answers this request, and trades the code for tokens of the expected
/// account.
///
/// `hint` is the UPN of the account that should sign in, or empty. `show` gets the address, to
/// print it.
///
/// # Errors
/// When nobody signs in within `patience`, they decline, or somebody else signs in.
pub async fn sign_in(
    client: &TokenClient,
    scopes: &[String],
    hint: &str,
    expected: Expected,
    patience: Duration,
    show: impl FnOnce(&Url),
) -> Result<Issued, SignInError> {
    let show = |doorway: &Doorway| show(&doorway.address);
    sign_in_in_browser(client, scopes, hint, expected, patience, show).await
}

/// As [`sign_in`]; `show` also gets the address to start a browser of this machine with.
///
/// # Errors
/// As for [`sign_in`].
pub async fn sign_in_in_browser(
    client: &TokenClient,
    scopes: &[String],
    hint: &str,
    expected: Expected,
    patience: Duration,
    show: impl FnOnce(&Doorway),
) -> Result<Issued, SignInError> {
    let loopback = Loopback::open().await?;
    let request =
        client.authorize(scopes, &loopback.redirect(), hint).map_err(SignInError::Token)?;
    show(&loopback.doorway(&request.url));
    let code = loopback.answer(&request.state, &request.url, patience, code).await?;
    let grant = Grant::Code { code: &code, request: &request };
    client.token(grant, scopes, expected).await.map_err(SignInError::Token)
}

fn code(answer: &Answer) -> Result<Secret, Box<EntraError>> {
    match (&answer.code, &answer.error) {
        (Some(code), None) => Ok(Secret::new(code.clone())),
        _ => Err(answer.refusal("no code")),
    }
}
