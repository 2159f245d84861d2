use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{GroupId, SkuId, UserId};

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
    /// Sign a person out everywhere.
    #[serde(rename = "entra.session.revoke")]
    SessionRevoke,
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

/// How much harm a mistaken yes would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Reads only.
    Read,
    /// Easily undone.
    Low,
    /// Grants access or starts the clock on somebody's data.
    High,
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
    pub const ALL: [Self; 6] = [
        Self::UserFind,
        Self::LicenseAssign,
        Self::LicenseRemove,
        Self::GroupMemberAdd,
        Self::GroupMemberRemove,
        Self::SessionRevoke,
    ];

    /// Its name, `domain.object.verb`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserFind => "entra.user.find",
            Self::LicenseAssign => "m365.license.assign",
            Self::LicenseRemove => "m365.license.remove",
            Self::GroupMemberAdd => "entra.groupmember.add",
            Self::GroupMemberRemove => "entra.groupmember.remove",
            Self::SessionRevoke => "entra.session.revoke",
        }
    }

    /// Whether it changes anything.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self {
            Self::UserFind => Effect::Read,
            Self::LicenseAssign
            | Self::LicenseRemove
            | Self::GroupMemberAdd
            | Self::GroupMemberRemove
            | Self::SessionRevoke => Effect::Write,
        }
    }

    /// How much harm a mistaken yes would do.
    #[must_use]
    pub const fn risk(self) -> Risk {
        match self {
            Self::UserFind => Risk::Read,
            Self::LicenseAssign | Self::GroupMemberRemove | Self::SessionRevoke => Risk::Low,
            Self::LicenseRemove | Self::GroupMemberAdd => Risk::High,
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

/// A person as somebody spoke of them, not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The requester.
    Me,
    /// By name, mail address or UPN.
    Named(String),
    /// Somebody already found in this conversation.
    Known(UserId),
    /// Somebody's manager.
    ManagerOf(Box<Self>),
}

/// A group or a licence as somebody spoke of it, not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which<Id> {
    /// By name.
    Named(String),
    /// Already found in this conversation.
    Known(Id),
}

/// What a brain may ask for: a tool, and the words its objects were named by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tool", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the tool's arguments, named for what they are")]
pub enum Call {
    #[serde(rename = "entra.user.find")]
    UserFind { person: Who },
    #[serde(rename = "m365.license.assign")]
    LicenseAssign { person: Who, licence: Which<SkuId> },
    #[serde(rename = "m365.license.remove")]
    LicenseRemove { person: Who, licence: Which<SkuId> },
    #[serde(rename = "entra.groupmember.add")]
    GroupMemberAdd { person: Who, group: Which<GroupId> },
    #[serde(rename = "entra.groupmember.remove")]
    GroupMemberRemove { person: Who, group: Which<GroupId> },
    #[serde(rename = "entra.session.revoke")]
    SessionRevoke { person: Who },
}

impl Call {
    /// The tool it asks for.
    #[must_use]
    pub const fn tool(&self) -> Tool {
        match self {
            Self::UserFind { .. } => Tool::UserFind,
            Self::LicenseAssign { .. } => Tool::LicenseAssign,
            Self::LicenseRemove { .. } => Tool::LicenseRemove,
            Self::GroupMemberAdd { .. } => Tool::GroupMemberAdd,
            Self::GroupMemberRemove { .. } => Tool::GroupMemberRemove,
            Self::SessionRevoke { .. } => Tool::SessionRevoke,
        }
    }
}

/// A [`Call`] with every name resolved to one directory object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "tool")]
#[expect(missing_docs, reason = "the fields are the tool's arguments, named for what they are")]
pub enum Action {
    #[serde(rename = "entra.user.find")]
    UserFind { person: UserId },
    #[serde(rename = "m365.license.assign")]
    LicenseAssign { person: UserId, sku: SkuId },
    #[serde(rename = "m365.license.remove")]
    LicenseRemove { person: UserId, sku: SkuId },
    #[serde(rename = "entra.groupmember.add")]
    GroupMemberAdd { person: UserId, group: GroupId },
    #[serde(rename = "entra.groupmember.remove")]
    GroupMemberRemove { person: UserId, group: GroupId },
    #[serde(rename = "entra.session.revoke")]
    SessionRevoke { person: UserId },
}

impl Action {
    /// The tool that does it.
    #[must_use]
    pub const fn tool(&self) -> Tool {
        match self {
            Self::UserFind { .. } => Tool::UserFind,
            Self::LicenseAssign { .. } => Tool::LicenseAssign,
            Self::LicenseRemove { .. } => Tool::LicenseRemove,
            Self::GroupMemberAdd { .. } => Tool::GroupMemberAdd,
            Self::GroupMemberRemove { .. } => Tool::GroupMemberRemove,
            Self::SessionRevoke { .. } => Tool::SessionRevoke,
        }
    }

    /// The person it is about.
    #[must_use]
    pub const fn person(&self) -> UserId {
        match self {
            Self::UserFind { person }
            | Self::LicenseAssign { person, .. }
            | Self::LicenseRemove { person, .. }
            | Self::GroupMemberAdd { person, .. }
            | Self::GroupMemberRemove { person, .. }
            | Self::SessionRevoke { person } => *person,
        }
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
        }
    }
}
