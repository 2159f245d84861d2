//! Making what a member twin needs in its directory, and unmaking it: the account, two app
//! registrations, consent for this account alone, directory roles and a licence.
//!
//! Acts with an administrator's token, one step at a time, on a durable log ([`crate::Steps`]).
//! Every step looks before it makes; what was there before is never taken over silently and never
//! removed.

mod credential;
mod error;
mod licence;
mod look;
mod make;
mod plan;
mod remains;
mod roles;
mod unmake;
mod wire;
mod wish;
mod work;

pub use credential::FirstSignIn;
pub use error::OnboardError;
pub(crate) use licence::TEAMS;
pub use licence::{Offer, choose, offered};
pub use look::{PassPolicy, Survey, survey};
pub use plan::{
    Change, Costs, Plan, PlannedApp, PlannedLicence, PlannedRole, PlannedScope, PlannedUser, plan,
};
pub use remains::{Remain, remains};
pub use roles::{DirectoryRole, least_roles};
pub use wish::{LicenceWish, OnboardStep, Registration, Wish, WishError};
pub use work::{How, Onboarding, Patience, Told};

/// Delegated permissions of the administrator's own sign-in, to look only.
pub const READING: [&str; 6] = [
    "User.Read.All",
    "Application.Read.All",
    "DelegatedPermissionGrant.Read.All",
    "RoleManagement.Read.Directory",
    "LicenseAssignment.Read.All",
    "Policy.Read.All",
];

/// Delegated permissions of the administrator's own sign-in, to make and unmake.
pub const WRITING: [&str; 10] = [
    "User.ReadWrite.All",
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "RoleManagement.ReadWrite.Directory",
    "LicenseAssignment.ReadWrite.All",
    "UserAuthMethod-TAP.ReadWrite.All",
    "User.RevokeSessions.All",
    "User-PasswordProfile.ReadWrite.All",
    "Policy.Read.All",
];
