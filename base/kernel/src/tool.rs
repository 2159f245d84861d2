use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The tools a twin can be deployed with. The catalog is closed: what is not here cannot happen.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
pub enum Tool {
    /// Look a person up.
    #[serde(rename = "entra.user.find")]
    UserFind,
    /// Say why somebody cannot sign in.
    #[serde(rename = "entra.signin.explain")]
    SigninExplain,
    /// Set a new password.
    #[serde(rename = "entra.password.reset")]
    PasswordReset,
    /// Issue a temporary access pass.
    #[serde(rename = "entra.tap.issue")]
    TapIssue,
    /// Remove every sign-in method but the password.
    #[serde(rename = "entra.mfa.reset")]
    MfaReset,
    /// Sign a person out everywhere.
    #[serde(rename = "entra.session.revoke")]
    SessionRevoke,
    /// Keep an account from signing in.
    #[serde(rename = "entra.account.block")]
    AccountBlock,
    /// Let an account sign in again.
    #[serde(rename = "entra.account.unblock")]
    AccountUnblock,
    /// Give a person a licence.
    #[serde(rename = "m365.license.assign")]
    LicenseAssign,
    /// Take a licence away.
    #[serde(rename = "m365.license.remove")]
    LicenseRemove,
    /// Put a person into a group.
    #[serde(rename = "entra.groupmember.add")]
    GroupMemberAdd,
    /// Take a person out of a group.
    #[serde(rename = "entra.groupmember.remove")]
    GroupMemberRemove,
    /// Change what a person's profile says, or their manager.
    #[serde(rename = "entra.user.update")]
    UserUpdate,
}

/// Whether a tool changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Reads only; needs no yes.
    Read,
    /// Changes something; needs a yes.
    Write,
}

/// How much harm a mistaken yes would do, from least to most.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Reads only.
    Read,
    /// Easily undone.
    Low,
    /// Grants or takes access, or starts the clock on somebody's data.
    High,
    /// Whoever misuses it becomes somebody else.
    HighPrivilege,
    /// As [`Risk::HighPrivilege`], and what is lost cannot be brought back.
    Destructive,
}

/// Which kind of principal a twin acts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PrincipalKind {
    /// An ordinary licensed user with narrow admin roles.
    MemberUser,
    /// An Entra Agent User.
    AgentUser,
    /// A person's own token, before the twin has an identity of its own.
    DelegatedHuman,
}

impl Tool {
    /// Every tool, in catalog order.
    pub const ALL: [Self; 13] = [
        Self::UserFind,
        Self::SigninExplain,
        Self::PasswordReset,
        Self::TapIssue,
        Self::MfaReset,
        Self::SessionRevoke,
        Self::AccountBlock,
        Self::AccountUnblock,
        Self::LicenseAssign,
        Self::LicenseRemove,
        Self::GroupMemberAdd,
        Self::GroupMemberRemove,
        Self::UserUpdate,
    ];

    /// Its name, `domain.object.verb`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserFind => "entra.user.find",
            Self::SigninExplain => "entra.signin.explain",
            Self::PasswordReset => "entra.password.reset",
            Self::TapIssue => "entra.tap.issue",
            Self::MfaReset => "entra.mfa.reset",
            Self::SessionRevoke => "entra.session.revoke",
            Self::AccountBlock => "entra.account.block",
            Self::AccountUnblock => "entra.account.unblock",
            Self::LicenseAssign => "m365.license.assign",
            Self::LicenseRemove => "m365.license.remove",
            Self::GroupMemberAdd => "entra.groupmember.add",
            Self::GroupMemberRemove => "entra.groupmember.remove",
            Self::UserUpdate => "entra.user.update",
        }
    }

    /// Whether it changes anything.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self.risk() {
            Risk::Read => Effect::Read,
            Risk::Low | Risk::High | Risk::HighPrivilege | Risk::Destructive => Effect::Write,
        }
    }

    /// How much harm a mistaken yes would do, at least; some arguments raise it ([`crate::Action::risk`]).
    #[must_use]
    pub const fn risk(self) -> Risk {
        match self {
            Self::UserFind | Self::SigninExplain => Risk::Read,
            Self::SessionRevoke
            | Self::LicenseAssign
            | Self::GroupMemberRemove
            | Self::UserUpdate => Risk::Low,
            Self::AccountBlock
            | Self::AccountUnblock
            | Self::LicenseRemove
            | Self::GroupMemberAdd => Risk::High,
            Self::PasswordReset | Self::TapIssue => Risk::HighPrivilege,
            Self::MfaReset => Risk::Destructive,
        }
    }
}

impl Risk {
    /// Its name, as in policies and descriptors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Low => "low",
            Self::High => "high",
            Self::HighPrivilege => "high-privilege",
            Self::Destructive => "destructive",
        }
    }

    /// Whether it is done for one person at a time, in a plan of its own.
    #[must_use]
    pub const fn stands_alone(self) -> bool {
        match self {
            Self::Read | Self::Low | Self::High => false,
            Self::HighPrivilege | Self::Destructive => true,
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is in no catalog.
#[derive(Debug, thiserror::Error)]
#[error("there is no tool named `{0}`")]
pub struct UnknownTool(String);

impl FromStr for Tool {
    type Err = UnknownTool;

    fn from_str(name: &str) -> Result<Self, UnknownTool> {
        Self::ALL
            .into_iter()
            .find(|tool| tool.name() == name)
            .ok_or_else(|| UnknownTool(name.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tools_name_reads_back_as_itself_in_text_and_in_json() {
        for tool in Tool::ALL {
            assert_eq!(tool.name().parse::<Tool>().unwrap(), tool);
            assert_eq!(serde_json::to_value(tool).unwrap(), tool.name());
            assert!(
                tool.name().split('.').count() == 3 && !tool.name().contains('_'),
                "{tool}: an MCP name must map back without loss"
            );
        }
    }

    #[test]
    fn a_risks_name_is_what_its_json_says() {
        for tool in Tool::ALL {
            assert_eq!(serde_json::to_value(tool.risk()).unwrap(), tool.risk().name());
        }
    }
}
