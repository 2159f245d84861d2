use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{GroupId, Property, SkuId, Tool, UserId};

/// A person as somebody spoke of them, not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Which<Id> {
    /// By name.
    Named(String),
    /// Already found in this conversation.
    Known(Id),
}

/// What a brain may ask for: a tool, and the words its objects were named by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "tool", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the tool's arguments, named for what they are")]
pub enum Call {
    #[serde(rename = "entra.user.find")]
    UserFind { person: Who },
    #[serde(rename = "entra.signin.explain")]
    SigninExplain { person: Who },
    #[serde(rename = "entra.password.reset")]
    PasswordReset { person: Who },
    #[serde(rename = "entra.tap.issue")]
    TapIssue {
        person: Who,
        /// How long it lasts, in minutes; 60 when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minutes: Option<u32>,
        /// Whether it can be used more than once.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reusable: bool,
    },
    #[serde(rename = "entra.mfa.reset")]
    MfaReset { person: Who },
    #[serde(rename = "entra.session.revoke")]
    SessionRevoke { person: Who },
    #[serde(rename = "entra.account.block")]
    AccountBlock { person: Who },
    #[serde(rename = "entra.account.unblock")]
    AccountUnblock { person: Who },
    #[serde(rename = "m365.license.assign")]
    LicenseAssign { person: Who, licence: Which<SkuId> },
    #[serde(rename = "m365.license.remove")]
    LicenseRemove { person: Who, licence: Which<SkuId> },
    #[serde(rename = "entra.groupmember.add")]
    GroupMemberAdd { person: Who, group: Which<GroupId> },
    #[serde(rename = "entra.groupmember.remove")]
    GroupMemberRemove { person: Who, group: Which<GroupId> },
    #[serde(rename = "entra.user.update")]
    UserUpdate {
        person: Who,
        /// New values; an empty one clears the property.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        set: BTreeMap<Property, String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manager: Option<Who>,
    },
}

impl Call {
    /// The tool it asks for.
    #[must_use]
    pub const fn tool(&self) -> Tool {
        match self {
            Self::UserFind { .. } => Tool::UserFind,
            Self::SigninExplain { .. } => Tool::SigninExplain,
            Self::PasswordReset { .. } => Tool::PasswordReset,
            Self::TapIssue { .. } => Tool::TapIssue,
            Self::MfaReset { .. } => Tool::MfaReset,
            Self::SessionRevoke { .. } => Tool::SessionRevoke,
            Self::AccountBlock { .. } => Tool::AccountBlock,
            Self::AccountUnblock { .. } => Tool::AccountUnblock,
            Self::LicenseAssign { .. } => Tool::LicenseAssign,
            Self::LicenseRemove { .. } => Tool::LicenseRemove,
            Self::GroupMemberAdd { .. } => Tool::GroupMemberAdd,
            Self::GroupMemberRemove { .. } => Tool::GroupMemberRemove,
            Self::UserUpdate { .. } => Tool::UserUpdate,
        }
    }

    /// The person it is about, as spoken of.
    #[must_use]
    pub const fn person(&self) -> &Who {
        match self {
            Self::UserFind { person }
            | Self::SigninExplain { person }
            | Self::PasswordReset { person }
            | Self::TapIssue { person, .. }
            | Self::MfaReset { person }
            | Self::SessionRevoke { person }
            | Self::AccountBlock { person }
            | Self::AccountUnblock { person }
            | Self::LicenseAssign { person, .. }
            | Self::LicenseRemove { person, .. }
            | Self::GroupMemberAdd { person, .. }
            | Self::GroupMemberRemove { person, .. }
            | Self::UserUpdate { person, .. } => person,
        }
    }

    /// The same, to be changed in place.
    #[must_use]
    pub const fn person_mut(&mut self) -> &mut Who {
        match self {
            Self::UserFind { person }
            | Self::SigninExplain { person }
            | Self::PasswordReset { person }
            | Self::TapIssue { person, .. }
            | Self::MfaReset { person }
            | Self::SessionRevoke { person }
            | Self::AccountBlock { person }
            | Self::AccountUnblock { person }
            | Self::LicenseAssign { person, .. }
            | Self::LicenseRemove { person, .. }
            | Self::GroupMemberAdd { person, .. }
            | Self::GroupMemberRemove { person, .. }
            | Self::UserUpdate { person, .. } => person,
        }
    }
}
