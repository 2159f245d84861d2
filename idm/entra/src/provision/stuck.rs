use std::fmt;
use std::time::Duration;

use super::Stage;
use crate::GraphError;
use crate::token::TokenError;

/// A step that cannot be done, with what helps. What was made before stays.
#[derive(Debug, thiserror::Error)]
#[error("{} failed: {because}", stage.doing())]
pub struct Stuck {
    /// The step.
    pub stage: Stage,
    /// Why.
    pub because: Because,
    /// What the service said.
    #[source]
    pub cause: Option<GraphError>,
}

impl Stuck {
    pub(super) const fn at(stage: Stage, because: Because) -> Self {
        Self { stage, because, cause: None }
    }
}

/// Why a step cannot be done. Printed, it is a sentence with the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Because {
    /// Who makes agents lacks a permission.
    NotAllowed {
        /// The permissions that would do.
        permissions: &'static str,
    },
    /// Nobody is signed in who may make agents, or their sign-in is not good any more.
    NoProvisioner,
    /// The tenant has as many agents as it may.
    Quota,
    /// The name of the account is taken by somebody else.
    NameTaken {
        /// The user principal name.
        upn: String,
    },
    /// The domain of the account's name is not the tenant's.
    Domain {
        /// The user principal name.
        upn: String,
    },
    /// The sponsor is not in the directory.
    Sponsor,
    /// No product with Teams has a free seat.
    NoSeat {
        /// Products with Teams that are used up.
        full: Vec<String>,
    },
    /// The place where the account is used is not known, and cannot be set.
    UsageLocation,
    /// A permission that agents can never have was asked for.
    Blocked {
        /// The permissions asked for.
        scopes: String,
    },
    /// Teams does not know the account yet.
    NotReady,
    /// What was made is not what it should be.
    Odd {
        /// What differs.
        what: String,
    },
    /// The service did not answer, for too long.
    Silent,
    /// The service refused, for a reason we have no words for.
    Refused {
        /// Its own words.
        said: String,
    },
    /// What was sealed on this machine cannot be read or written.
    Kept,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed { permissions } => write!(
                f,
                "whoever makes agents must hold {permissions} (and, signed in as a person, the role \
                 Agent ID Administrator or more); grant it and try again"
            ),
            Self::NoProvisioner => f.write_str(
                "nobody who may make agents is signed in; run `subtwin promote` again and sign in",
            ),
            Self::Quota => f.write_str(
                "the tenant has as many agents as it may have; delete some for good (those in the \
                 bin count for 30 days) and try again",
            ),
            Self::NameTaken { upn } => {
                write!(f, "`{upn}` belongs to somebody else; choose another name for the account")
            }
            Self::Domain { upn } => write!(
                f,
                "`{upn}` is not on a verified domain of the tenant; choose a name that is"
            ),
            Self::Sponsor => {
                f.write_str("the sponsor is not in the directory; name somebody who is")
            }
            Self::NoSeat { full } if full.is_empty() => f.write_str(
                "the tenant has no product with Teams; buy one (the smallest frontline one will do) \
                 and try again",
            ),
            Self::NoSeat { full } => write!(
                f,
                "no seat with Teams is free ({} used up); buy or free one and try again",
                full.join(", ")
            ),
            Self::UsageLocation => f.write_str(
                "the account has no usage location and none may be set; have an administrator set \
                 it, or grant User.ReadWrite.All, and try again",
            ),
            Self::Blocked { scopes } => write!(
                f,
                "Entra never gives an agent one of these permissions: {scopes}; ask for fewer"
            ),
            Self::NotReady => f.write_str(
                "Teams does not know the account yet; that can take a day, and it is tried again",
            ),
            Self::Odd { what } => write!(f, "{what}; nothing is sent as this account"),
            Self::Silent => f.write_str("the directory did not answer; try again later"),
            Self::Refused { said } => {
                write!(f, "the directory refused ({said}); mend that and try again")
            }
            Self::Kept => f.write_str(
                "what was kept about it on this machine is damaged or cannot be written; restore \
                 the state directory, or take the agent back and begin anew",
            ),
        }
    }
}

/// Why it failed, and whether trying again may help.
pub(super) fn judge(stage: Stage, error: &GraphError) -> (Because, bool) {
    match error {
        GraphError::Busy { .. } | GraphError::NotSent { .. } | GraphError::Unknown { .. } => {
            (Because::Silent, true)
        }
        GraphError::NoToken { cause, .. } => match &**cause {
            TokenError::Unavailable { .. } => (Because::Silent, true),
            // A blueprint or an identity that is minutes old is not everywhere yet.
            TokenError::Refused(_) if stage >= Stage::Identity => {
                (Because::Refused { said: cause_of(cause) }, true)
            }
            TokenError::Refused(_) | TokenError::SignedOut { .. } => {
                (Because::NoProvisioner, false)
            }
            other => (Because::Refused { said: other.to_string() }, false),
        },
        GraphError::Refused { refused, .. } => {
            let said = refused.message.to_ascii_lowercase();
            let says = |part: &str| said.contains(part);
            match (refused.status, refused.code.as_str()) {
                (_, code) if code.ends_with("LimitExceeded") || code.ends_with("QuotaExceeded") => {
                    (Because::Quota, false)
                }
                (403, _) if stage == Stage::Ready => (Because::NotReady, true),
                (404 | 400, _) if stage == Stage::Ready => (Because::NotReady, true),
                (404, _) => (Because::Refused { said: refused.to_string() }, true),
                (400, "AgentIdentity_AgentBlueprintPrincipalDoesNotExist") => {
                    (Because::Refused { said: refused.to_string() }, true)
                }
                (400, _) if says("object with id") || says("does not exist") => {
                    (Because::Refused { said: refused.to_string() }, true)
                }
                // Somebody was faster, or an earlier request did arrive: it is looked for again.
                (409, _) => (Because::Refused { said: refused.to_string() }, true),
                (401 | 403, _) => (Because::NotAllowed { permissions: permissions(stage) }, false),
                (400, _) if says("domain") => (Because::Domain { upn: String::new() }, false),
                (400, _) if says("usage location") => (Because::UsageLocation, false),
                (400, _) if says("available licenses") => {
                    (Because::NoSeat { full: Vec::new() }, false)
                }
                _ => (Because::Refused { said: refused.to_string() }, false),
            }
        }
    }
}

fn cause_of(error: &TokenError) -> String {
    match error {
        TokenError::Refused(said) => said.to_string(),
        other => other.to_string(),
    }
}

/// How long the service asks to wait.
pub(super) const fn asked(error: &GraphError) -> Option<Duration> {
    match error {
        GraphError::Busy { after, .. } => *after,
        GraphError::NoToken { .. }
        | GraphError::NotSent { .. }
        | GraphError::Refused { .. }
        | GraphError::Unknown { .. } => None,
    }
}

/// What whoever makes agents needs for a step (Graph permissions reference).
const fn permissions(stage: Stage) -> &'static str {
    match stage {
        Stage::Blueprint => "AgentIdentityBlueprint.Create",
        Stage::Principal => "AgentIdentityBlueprintPrincipal.Create",
        Stage::Certificate => "AgentIdentityBlueprint.AddRemoveCreds.All",
        Stage::Identity => "AgentIdentity.Create.All",
        Stage::User => "AgentIdUser.ReadWrite.All",
        Stage::Consent => "DelegatedPermissionGrant.ReadWrite.All",
        Stage::Licence => "LicenseAssignment.ReadWrite.All and User.ReadWrite.All",
        Stage::Ready | Stage::Checked => "User.Read",
    }
}
