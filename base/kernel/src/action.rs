use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{GroupId, Property, Risk, SkuId, Tool, UserId};

/// The kinds of sign-in method that can be removed (Graph page "Authentication methods API
/// overview"). A password is not among them.
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
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Graph's names")]
pub enum MethodKind {
    Phone,
    MicrosoftAuthenticator,
    SoftwareOath,
    Fido2,
    WindowsHelloForBusiness,
    PlatformCredential,
    Email,
    TemporaryAccessPass,
    ExternalAuthentication,
}

/// One sign-in method of a person.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct MethodRef {
    /// Its kind.
    pub kind: MethodKind,
    /// Its id within the person's methods; not a secret.
    pub id: String,
}

/// A [`crate::Call`] with every name resolved to one directory object, or one part of what it
/// takes to carry it out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "tool")]
#[expect(missing_docs, reason = "the fields are the tool's arguments, named for what they are")]
pub enum Action {
    #[serde(rename = "entra.user.find")]
    UserFind { person: UserId },
    #[serde(rename = "entra.signin.explain")]
    SigninExplain { person: UserId },
    #[serde(rename = "entra.password.reset")]
    PasswordReset { person: UserId },
    #[serde(rename = "entra.tap.issue")]
    TapIssue { person: UserId, minutes: u32, reusable: bool },
    /// The inverse of [`Action::TapIssue`].
    #[serde(rename = "entra.tap.issue/withdraw")]
    TapWithdraw { person: UserId },
    /// Every method but the password; planned as one [`Action::MethodRemove`] each.
    #[serde(rename = "entra.mfa.reset")]
    MfaReset { person: UserId },
    /// One method, as a part of [`Action::MfaReset`] or of [`Action::TapWithdraw`].
    #[serde(rename = "entra.mfa.reset/method")]
    MethodRemove { person: UserId, method: MethodRef },
    #[serde(rename = "entra.session.revoke")]
    SessionRevoke { person: UserId },
    #[serde(rename = "entra.account.block")]
    AccountBlock { person: UserId },
    #[serde(rename = "entra.account.unblock")]
    AccountUnblock { person: UserId },
    #[serde(rename = "m365.license.assign")]
    LicenseAssign {
        person: UserId,
        sku: SkuId,
        /// Services of the product to leave off; only an undo names any.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(with = "Vec<String>")]
        disabled_plans: Vec<Uuid>,
    },
    #[serde(rename = "m365.license.remove")]
    LicenseRemove { person: UserId, sku: SkuId },
    #[serde(rename = "entra.groupmember.add")]
    GroupMemberAdd { person: UserId, group: GroupId },
    #[serde(rename = "entra.groupmember.remove")]
    GroupMemberRemove { person: UserId, group: GroupId },
    /// New values; an empty one clears the property. Never both kinds of property at once.
    #[serde(rename = "entra.user.update")]
    UserUpdate { person: UserId, set: BTreeMap<Property, String> },
    #[serde(rename = "entra.user.update/manager")]
    ManagerSet {
        person: UserId,
        /// Nobody only as the inverse of setting the first one.
        manager: Option<UserId>,
    },
}

/// What a change touches, whichever tool makes it. A no to one route is a no to the others.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(tag = "touches", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what is touched")]
pub enum Touch {
    /// How somebody proves who they are.
    Credential { person: UserId },
    /// Whether somebody is signed in.
    Sessions { person: UserId },
    /// Whether somebody may sign in.
    Account { person: UserId },
    /// Whether somebody has a product, directly or through a group.
    Licence { person: UserId, sku: SkuId },
    /// Whether somebody is in a group.
    Membership { person: UserId, group: GroupId },
    /// What a profile says.
    Profile { person: UserId, property: Property },
    /// Who somebody's manager is.
    Manager { person: UserId },
}

impl Action {
    /// The tool that does it.
    #[must_use]
    pub const fn tool(&self) -> Tool {
        match self {
            Self::UserFind { .. } => Tool::UserFind,
            Self::SigninExplain { .. } => Tool::SigninExplain,
            Self::PasswordReset { .. } => Tool::PasswordReset,
            Self::TapIssue { .. } | Self::TapWithdraw { .. } => Tool::TapIssue,
            Self::MfaReset { .. } | Self::MethodRemove { .. } => Tool::MfaReset,
            Self::SessionRevoke { .. } => Tool::SessionRevoke,
            Self::AccountBlock { .. } => Tool::AccountBlock,
            Self::AccountUnblock { .. } => Tool::AccountUnblock,
            Self::LicenseAssign { .. } => Tool::LicenseAssign,
            Self::LicenseRemove { .. } => Tool::LicenseRemove,
            Self::GroupMemberAdd { .. } => Tool::GroupMemberAdd,
            Self::GroupMemberRemove { .. } => Tool::GroupMemberRemove,
            Self::UserUpdate { .. } | Self::ManagerSet { .. } => Tool::UserUpdate,
        }
    }

    /// How much harm a mistaken yes to exactly this would do.
    #[must_use]
    pub fn risk(&self) -> Risk {
        match self {
            Self::UserUpdate { set, .. } if set.keys().any(|property| property.is_credential()) => {
                Risk::HighPrivilege
            }
            // Takes away what a pass gave.
            Self::TapWithdraw { .. } => Risk::Low,
            _ => self.tool().risk(),
        }
    }

    /// The person it is about.
    #[must_use]
    pub const fn person(&self) -> UserId {
        match self {
            Self::UserFind { person }
            | Self::SigninExplain { person }
            | Self::PasswordReset { person }
            | Self::TapIssue { person, .. }
            | Self::TapWithdraw { person }
            | Self::MfaReset { person }
            | Self::MethodRemove { person, .. }
            | Self::SessionRevoke { person }
            | Self::AccountBlock { person }
            | Self::AccountUnblock { person }
            | Self::LicenseAssign { person, .. }
            | Self::LicenseRemove { person, .. }
            | Self::GroupMemberAdd { person, .. }
            | Self::GroupMemberRemove { person, .. }
            | Self::UserUpdate { person, .. }
            | Self::ManagerSet { person, .. } => *person,
        }
    }

    /// The group it is about, if it is about one.
    #[must_use]
    pub const fn group(&self) -> Option<GroupId> {
        match self {
            Self::GroupMemberAdd { group, .. } | Self::GroupMemberRemove { group, .. } => {
                Some(*group)
            }
            _ => None,
        }
    }

    /// The product it is about, if it is about one.
    #[must_use]
    pub const fn sku(&self) -> Option<SkuId> {
        match self {
            Self::LicenseAssign { sku, .. } | Self::LicenseRemove { sku, .. } => Some(*sku),
            _ => None,
        }
    }

    /// What it touches; nothing for what only reads.
    #[must_use]
    pub fn touches(&self) -> Vec<Touch> {
        let person = self.person();
        match self {
            Self::UserFind { .. } | Self::SigninExplain { .. } => Vec::new(),
            Self::PasswordReset { .. }
            | Self::TapIssue { .. }
            | Self::TapWithdraw { .. }
            | Self::MfaReset { .. }
            | Self::MethodRemove { .. } => vec![Touch::Credential { person }],
            Self::SessionRevoke { .. } => vec![Touch::Sessions { person }],
            Self::AccountBlock { .. } | Self::AccountUnblock { .. } => {
                vec![Touch::Account { person }]
            }
            Self::LicenseAssign { sku, .. } | Self::LicenseRemove { sku, .. } => {
                vec![Touch::Licence { person, sku: *sku }]
            }
            Self::GroupMemberAdd { group, .. } | Self::GroupMemberRemove { group, .. } => {
                vec![Touch::Membership { person, group: *group }]
            }
            Self::UserUpdate { set, .. } => {
                let touch = |property: &Property| {
                    // A code goes there, so whoever sets it can become the person.
                    if property.is_credential() {
                        Touch::Credential { person }
                    } else {
                        Touch::Profile { person, property: *property }
                    }
                };
                set.keys().map(touch).collect()
            }
            Self::ManagerSet { .. } => vec![Touch::Manager { person }],
        }
    }
}
