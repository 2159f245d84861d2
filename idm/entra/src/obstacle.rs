use std::fmt;

use subtwin_kernel::Secret;
use url::Url;

use crate::sign_in::SignInError;
use crate::token::{EntraError, TokenClient, TokenError};

/// What stands between an account, or an app, and a token: said to a person in one plain sentence,
/// with what to do about it. Holds nothing that is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What it is.
    pub reason: Reason,
    /// What is the matter. Lower case, no full stop, like the text of an error.
    pub sentence: String,
    /// What to do about it, in the same form.
    pub remedy: String,
    /// Where an administrator removes the obstacle for the whole tenant, if it is one that consent
    /// removes. The page that follows there is one of the administrator's own machine: it may say
    /// that it cannot connect, and consent is given all the same.
    pub admin_consent: Option<Url>,
    /// For a support case: the token service's own words, numbers and trace ids.
    pub detail: Option<String>,
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Nobody has agreed to what the app asks for.
    ConsentMissing,
    /// Only an administrator may agree to it.
    AdminApprovalNeeded,
    /// The person said no.
    Declined,
    /// A second factor is asked for, or must be registered.
    SecondFactor,
    /// The device must be managed or compliant.
    DeviceNotTrusted,
    /// A Conditional Access policy stands in the way.
    ConditionalAccess,
    /// The account is not of this tenant.
    ForeignAccount,
    /// There is no such tenant.
    NoSuchTenant,
    /// The tenant does not know the app.
    AppUnknown,
    /// The account is disabled.
    AccountBlocked,
    /// The account is locked for a while.
    AccountLocked,
    /// The account may not use this app.
    NotAssigned,
    /// The user name or password is wrong.
    WrongPassword,
    /// The password has expired.
    PasswordExpired,
    /// A person must sign in again.
    SignInLapsed,
    /// Nobody has signed in yet.
    NotSignedIn,
    /// Somebody else signed in.
    WrongPerson,
    /// Consent was given in another tenant.
    ConsentElsewhere,
    /// Nobody signed in in time.
    TimedOut,
    /// The code was used, or has ended.
    CodeEnded,
    /// The app is disabled in this tenant.
    AppDisabled,
    /// The app's secret or certificate has expired.
    CredentialExpired,
    /// The app's secret is wrong.
    SecretWrong,
    /// The app's certificate is not the registered one, or the clock is wrong.
    CertificateWrong,
    /// The app must prove itself and did not.
    CredentialMissing,
    /// The app is public and must not prove itself.
    CredentialNotWanted,
    /// The app's credential was refused; why is not known.
    CredentialRefused,
    /// The certificate's key cannot be used here.
    KeyUnusable,
    /// The address that the browser comes back to is not registered.
    RedirectUnknown,
    /// A permission does not exist, or does not fit with the others.
    ScopeUnknown,
    /// The token service could not be reached, or is busy.
    Unavailable,
    /// The token service said something that makes no sense.
    Unreadable,
    /// The place where sign-ins are kept did not work.
    VaultFailed,
    /// This machine gave no port for the browser's answer.
    NoPort,
    /// Something that is not known here.
    Unknown,
}

impl Reason {
    /// What is the matter. Lower case, no full stop.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::ConsentMissing => "nobody has agreed to what this app asks for",
            Self::AdminApprovalNeeded => {
                "only an administrator may agree to what this app asks for"
            }
            Self::Declined => "the person declined",
            Self::SecondFactor => "the tenant asks for a second factor",
            Self::DeviceNotTrusted => "the tenant lets only devices in that it manages or trusts",
            Self::ConditionalAccess => "a Conditional Access policy blocks this sign-in",
            Self::ForeignAccount => "the account is not one of this tenant",
            Self::NoSuchTenant => "there is no such tenant",
            Self::AppUnknown => "this tenant does not know the client id",
            Self::AccountBlocked => "the account is disabled",
            Self::AccountLocked => "the account is locked after too many wrong passwords",
            Self::NotAssigned => "the account is not assigned to this app",
            Self::WrongPassword => "the user name or password is wrong",
            Self::PasswordExpired => "the password has expired",
            Self::SignInLapsed => "the sign-in was revoked or has lapsed",
            Self::NotSignedIn => "nobody is signed in yet",
            Self::WrongPerson => "somebody else signed in",
            Self::ConsentElsewhere => "consent was given in another tenant",
            Self::TimedOut => "nobody answered in time",
            Self::CodeEnded => "the code has expired or was used before",
            Self::AppDisabled => "the app is disabled in this tenant",
            Self::CredentialExpired => "the app's credential has expired",
            Self::SecretWrong => "the client secret is wrong",
            Self::CertificateWrong => {
                "the certificate is not registered on the app, or the clock is wrong"
            }
            Self::CredentialMissing => "the app must prove itself and has nothing to do it with",
            Self::CredentialNotWanted => "the app is a public client and must not prove itself",
            Self::CredentialRefused => "the app registration or its credential was refused",
            Self::KeyUnusable => "the app's certificate cannot be used",
            Self::RedirectUnknown => "the app does not know the address the browser comes back to",
            Self::ScopeUnknown => {
                "a permission the app asks for does not exist or does not fit with the others"
            }
            Self::Unavailable => "the token service could not be reached or is busy",
            Self::Unreadable => "the token service's answer makes no sense",
            Self::VaultFailed => "the kept sign-in could not be read",
            Self::NoPort => "this machine gave no port for the browser's answer",
            Self::Unknown => "the token service refused",
        }
    }

    /// What to do about it. Lower case, no full stop.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::ConsentMissing | Self::AdminApprovalNeeded => {
                "an administrator must grant it, once for the tenant"
            }
            Self::Declined => "sign in again and accept",
            Self::SecondFactor => {
                "sign in again in a browser with a second factor, and register one first if the \
                 account has none"
            }
            Self::DeviceNotTrusted => {
                "sign in from such a device, or have an administrator except this account"
            }
            Self::ConditionalAccess => {
                "sign in from where the policy allows, or have an administrator change it"
            }
            Self::ForeignAccount => {
                "sign in with the account the configuration names in `twin.upn`"
            }
            Self::NoSuchTenant => "check `tenant` and the cloud in the configuration",
            Self::AppUnknown => "check the app ids and `tenant` in the configuration",
            Self::AccountBlocked => "an administrator must enable it",
            Self::AccountLocked => "wait, or have an administrator set a new password",
            Self::NotAssigned => "an administrator must assign it under Enterprise applications",
            Self::WrongPassword => "sign in again with the right one",
            Self::PasswordExpired => "set a new one and sign in again",
            Self::SignInLapsed => "run `subtwin sign-in` again",
            Self::NotSignedIn => "run `subtwin sign-in`",
            Self::WrongPerson => "sign in as the twin itself, in a private window if need be",
            Self::ConsentElsewhere => "sign in as an administrator of the twin's own tenant",
            Self::TimedOut => {
                "start again; if the page asked for an administrator's approval, get that first \
                 with `subtwin sign-in --admin-consent`"
            }
            Self::CodeEnded => "start again",
            Self::AppDisabled => "an administrator must enable it under Enterprise applications",
            Self::CredentialExpired => "register a new one",
            Self::SecretWrong => "configure the secret's value, not its id",
            Self::CertificateWrong => "register the certificate, and check the time here",
            Self::CredentialMissing => "allow public client flows, or configure a certificate",
            Self::CredentialNotWanted => "remove its certificate here",
            Self::CredentialRefused => "check both",
            Self::KeyUnusable => "give a certificate and its RSA key in PEM",
            Self::RedirectUnknown => {
                "register `http://localhost` under Mobile and desktop applications"
            }
            Self::ScopeUnknown => "check the permissions of the app registration",
            Self::Unavailable => "try again later, and check the network and any proxy",
            Self::Unreadable => "check the address of the token service, and any proxy on the way",
            Self::VaultFailed => "check the twin's state directory",
            Self::NoPort => "try again, or use `--device-code`",
            Self::Unknown => "look the code up in Microsoft's list of AADSTS codes",
        }
    }

    /// Whether an administrator's consent for the tenant removes it.
    #[must_use]
    pub const fn is_about_consent(self) -> bool {
        matches!(self, Self::ConsentMissing | Self::AdminApprovalNeeded)
    }
}

impl Obstacle {
    fn of(reason: Reason) -> Self {
        Self {
            reason,
            sentence: reason.sentence().to_owned(),
            remedy: reason.remedy().to_owned(),
            admin_consent: None,
            detail: None,
        }
    }

    fn with_detail(mut self, detail: String) -> Self {
        self.detail = Some(detail).filter(|detail| !detail.is_empty());
        self
    }
}

/// One sentence: what is the matter, what to do, where, and what a support case needs.
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.sentence, self.remedy)?;
        if let Some(url) = &self.admin_consent {
            write!(f, ": {url} ")?;
        } else if self.detail.is_some() {
            f.write_str(" ")?;
        }
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, "({detail})"))
    }
}

impl std::error::Error for Obstacle {}

impl From<&EntraError> for Obstacle {
    fn from(error: &EntraError) -> Self {
        let mut detail = error.error.clone();
        for more in [
            error.suberror.clone(),
            error.number.map(|number| format!("AADSTS{number}")),
            error.trace_id.as_ref().map(|id| format!("trace {id}")),
        ] {
            let more = more.into_iter().map(|more| format!(", {more}"));
            detail.extend(more);
        }
        Self::of(error.reason()).with_detail(detail)
    }
}

impl From<&TokenError> for Obstacle {
    fn from(error: &TokenError) -> Self {
        match error {
            TokenError::Refused(refused) => Self::from(&**refused),
            TokenError::Unavailable { cause, .. } => {
                Self::of(Reason::Unavailable).with_detail(chain(&**cause))
            }
            TokenError::Unreadable { what } => {
                Self::of(Reason::Unreadable).with_detail((*what).to_owned())
            }
            TokenError::WrongIdentity { .. } => {
                Self::of(Reason::WrongPerson).with_detail(error.to_string())
            }
            TokenError::SignedOut { .. } => Self::of(Reason::NotSignedIn),
            TokenError::Store { cause, .. } => {
                Self::of(Reason::VaultFailed).with_detail(chain(&**cause))
            }
            TokenError::Key(cause) => Self::of(Reason::KeyUnusable).with_detail(chain(cause)),
        }
    }
}

impl From<&SignInError> for Obstacle {
    fn from(error: &SignInError) -> Self {
        match error {
            SignInError::Listen(cause) => Self::of(Reason::NoPort).with_detail(chain(cause)),
            SignInError::TooLate(_) => Self::of(Reason::TimedOut).with_detail(error.to_string()),
            SignInError::Refused(refused) => Self::from(&**refused),
            SignInError::Token(cause) => Self::from(cause),
            SignInError::ConsentElsewhere { .. } => {
                Self::of(Reason::ConsentElsewhere).with_detail(error.to_string())
            }
        }
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl TokenClient {
    /// What stands in the way of `scopes`, with the link at which an administrator of the tenant
    /// can remove it where consent is what is missing.
    #[must_use]
    pub fn obstacle(&self, error: impl Into<Obstacle>, scopes: &[String]) -> Obstacle {
        let mut obstacle = error.into();
        if obstacle.reason.is_about_consent() {
            // Nobody waits for the answer, so there is nothing that it must match.
            let unwatched = Secret::new("consent".to_owned());
            obstacle.admin_consent =
                self.admin_consent_address(scopes, "http://localhost", &unwatched).ok();
        }
        obstacle
    }
}

impl EntraError {
    /// Why. The numbers are hints and no contract, so what is not known by its number is judged by
    /// OAuth's words.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.number
            .and_then(by_number)
            .or_else(|| by_suberror(self.suberror.as_deref()?))
            .unwrap_or_else(|| by_error(&self.error))
    }
}

fn by_number(number: u32) -> Option<Reason> {
    Some(match number {
        65001 => Reason::ConsentMissing,
        90094 | 90095 => Reason::AdminApprovalNeeded,
        65004 => Reason::Declined,
        50072 | 50074 | 50076 | 50079 => Reason::SecondFactor,
        53000..=53002 => Reason::DeviceNotTrusted,
        53003 | 53004 => Reason::ConditionalAccess,
        50020 | 50034 => Reason::ForeignAccount,
        90002 => Reason::NoSuchTenant,
        700_016 => Reason::AppUnknown,
        50057 => Reason::AccountBlocked,
        50053 => Reason::AccountLocked,
        50105 => Reason::NotAssigned,
        50126 => Reason::WrongPassword,
        50055 => Reason::PasswordExpired,
        50058 | 50173 | 700_082 | 70000 | 70008 | 54005 => Reason::SignInLapsed,
        70018..=70020 => Reason::CodeEnded,
        70021 => Reason::Declined,
        7_000_112 => Reason::AppDisabled,
        7_000_222 => Reason::CredentialExpired,
        7_000_215 => Reason::SecretWrong,
        7_000_218 => Reason::CredentialMissing,
        700_025 => Reason::CredentialNotWanted,
        700_027 | 700_024 | 50013 | 500_133 => Reason::CertificateWrong,
        50011 | 500_112 | 500_113 => Reason::RedirectUnknown,
        70011 | 500_011 | 700_022 => Reason::ScopeUnknown,
        90033 => Reason::Unavailable,
        _ => return None,
    })
}

fn by_suberror(suberror: &str) -> Option<Reason> {
    Some(match suberror {
        "consent_required" => Reason::ConsentMissing,
        "bad_token" | "token_expired" => Reason::SignInLapsed,
        "user_password_expired" => Reason::PasswordExpired,
        "cancel" => Reason::Declined,
        _ => return None,
    })
}

fn by_error(error: &str) -> Reason {
    match error {
        "consent_required" => Reason::ConsentMissing,
        "authorization_declined" | "access_denied" => Reason::Declined,
        "expired_token" | "bad_verification_code" => Reason::CodeEnded,
        "invalid_scope" | "invalid_resource" => Reason::ScopeUnknown,
        "invalid_grant" | "interaction_required" | "login_required" => Reason::SignInLapsed,
        "invalid_client" | "unauthorized_client" => Reason::CredentialRefused,
        "temporarily_unavailable" | "server_error" => Reason::Unavailable,
        _ => Reason::Unknown,
    }
}
