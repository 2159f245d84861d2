use std::time::Duration;

use serde::Deserialize;
use subtwin_kernel::TenantId;

use super::app::BadKey;
use super::claims::Expected;

/// Why there is no token. Holds neither a token nor a code nor an assertion.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The token service said no.
    #[error("the token service refused")]
    Refused(#[source] Box<EntraError>),
    /// The token service could not be reached, or was not able to answer; trying later may help.
    #[error("the token service did not answer")]
    Unavailable {
        /// How long it asks us to wait, where it does.
        after: Option<Duration>,
        /// What went wrong.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An answer that makes no sense.
    #[error("the token service's answer makes no sense: {what}")]
    Unreadable {
        /// What could not be read.
        what: &'static str,
    },
    /// The token belongs to somebody else, or does not say to whom.
    #[error("the token is not {}; sign in as the twin itself", whose(*expected, *tenant))]
    WrongIdentity {
        /// Whose it should have been.
        expected: Expected,
        /// Of which directory.
        tenant: TenantId,
    },
    /// Nobody has signed in yet, or what they signed in with was forgotten.
    #[error("nobody is signed in as `{name}`; run `subtwin sign-in`")]
    SignedOut {
        /// The name the sign-in is kept under.
        name: String,
    },
    /// The place where sign-ins are kept did not work.
    #[error("the kept sign-in `{name}` could not be read")]
    Store {
        /// The name the sign-in is kept under.
        name: String,
        /// What went wrong.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The app's key is unusable.
    #[error("the app's certificate cannot be used")]
    Key(#[source] BadKey),
}

fn whose(expected: Expected, tenant: TenantId) -> String {
    match expected {
        Expected::User(user) => format!("that of account {user} in tenant {tenant}"),
        Expected::Anyone => format!("that of an account in tenant {tenant}"),
        Expected::App => "usable".to_owned(),
    }
}

/// What the token service said in its error body. The numbers are hints, not a contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{error}`{}: {}; {}", number.map(|n| format!(" (AADSTS{n})")).unwrap_or_default(),
    self.reason().sentence(), self.reason().remedy()
)]
pub struct EntraError {
    /// OAuth's word for it: `invalid_grant`, `interaction_required`, …
    pub error: String,
    /// Entra's finer word: `consent_required`, `bad_token`, …
    pub suberror: Option<String>,
    /// The first AADSTS number.
    pub number: Option<u32>,
    /// The first line of the description, without anything that could be a secret.
    pub description: String,
    /// For a support case.
    pub trace_id: Option<String>,
    /// For a support case.
    pub correlation_id: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    error: String,
    suberror: Option<String>,
    error_description: Option<String>,
    #[serde(default)]
    error_codes: Vec<u32>,
    trace_id: Option<String>,
    correlation_id: Option<String>,
}

impl EntraError {
    /// Reads an error body; `None` when it is not one.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(body).ok()?;
        let description = wire.error_description.unwrap_or_default();
        let number = wire.error_codes.first().copied().or_else(|| number_in(&description));
        let line = description.lines().next().unwrap_or_default();
        Some(Self {
            error: without_secrets(&wire.error),
            suberror: wire.suberror.filter(|s| !s.is_empty()).map(|text| without_secrets(&text)),
            number,
            description: without_secrets(line),
            trace_id: wire.trace_id.map(|text| without_secrets(&text)),
            correlation_id: wire.correlation_id.map(|text| without_secrets(&text)),
        })
    }

    /// Reads what comes back to a redirect address instead of a code.
    pub(crate) fn from_redirect(error: &str, description: &str, subcode: Option<&str>) -> Self {
        Self {
            error: without_secrets(error),
            suberror: subcode.filter(|text| !text.is_empty()).map(without_secrets),
            number: number_in(description),
            description: without_secrets(description.lines().next().unwrap_or_default()),
            trace_id: None,
            correlation_id: None,
        }
    }

    /// Whether a person must sign in again before anything works.
    #[must_use]
    pub fn needs_sign_in(&self) -> bool {
        matches!(self.error.as_str(), "invalid_grant" | "interaction_required" | "login_required")
    }
}

fn number_in(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).take(9).collect();
    digits.parse().ok()
}

/// Cuts a foreign text to a bearable length and blanks every long unbroken run, so that a service
/// which echoes a token, a code or an assertion cannot put it into our errors. GUIDs (36) stay.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut safe = String::new();
    let mut run = String::new();
    for character in text.chars().take(600).chain([' ']) {
        if character.is_ascii_alphanumeric() || "-_.~+/=".contains(character) {
            run.push(character);
            continue;
        }
        if run.len() > 38 {
            run = "[…]".to_owned();
        }
        safe.push_str(&run);
        run.clear();
        safe.push(if character.is_control() { ' ' } else { character });
    }
    safe.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;

    fn parse(description: &str) -> EntraError {
        let body = serde_json::json!({
            "error": "invalid_grant", "error_description": description, "suberror": "bad_token",
            "trace_id": "0b1c5f6e-0000-0000-0000-000000000000", "timestamp": "2026-09-01 10:00:00Z",
        });
        EntraError::parse(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_number_is_read_from_the_list_or_else_from_the_text() {
        let error = parse("AADSTS50173: The provided grant has expired.\r\nTrace ID: 1");
        assert_eq!(error.number, Some(50173));
        assert_eq!(error.description, "AADSTS50173: The provided grant has expired.");
        assert_eq!(
            error.to_string(),
            "`invalid_grant` (AADSTS50173): the sign-in was revoked or has lapsed; run \
             `subtwin sign-in` again"
        );
        let body = br#"{"error":"invalid_client","error_codes":[7000215]}"#;
        assert_eq!(EntraError::parse(body).unwrap().number, Some(7_000_215));
        assert_eq!(parse("no number").number, None);
        assert_eq!(EntraError::parse(b"<html>"), None);
    }

    #[test]
    fn an_echoed_token_never_reaches_an_error() {
        let token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJQUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl";
        let error = parse(&format!("AADSTS50013: Assertion '{token}' failed, app {}", "a-b-c"));
        assert_eq!(error.description, "AADSTS50013: Assertion '[…]' failed, app a-b-c");
        assert!(!format!("{error:?} {error}").contains("eyJ"));
        let guid = "0b1c5f6e-1111-2222-3333-444444444444";
        assert_eq!(without_secrets(guid), guid);
    }

    #[test]
    fn consent_is_recognised_by_its_suberror_too() {
        let body = br#"{"error":"invalid_grant","suberror":"consent_required"}"#;
        let error = EntraError::parse(body).unwrap();
        assert_eq!(error.reason(), Reason::ConsentMissing);
        assert!(error.needs_sign_in());
    }
}
