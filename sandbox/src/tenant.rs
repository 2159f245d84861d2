//! The company: everything a directory, a chat service and an audit log would know.
//!
//! Plain data and the rules that keep it consistent. Knows no HTTP and no JSON.

mod agents;
mod apps;
pub(crate) mod audit;
mod bin;
mod chats;
mod company;
mod groups;
mod ledger;
mod licences;
mod manifests;
mod methods;
mod operations;
mod people;
mod quirks;
mod roles;
mod scopes;
mod secret;

pub(crate) use agents::{
    Agent, Blueprint, Inherit, Inheritable, Keepers, PrincipalKind, closed_role, closed_scope,
    open_directory_role,
};
pub(crate) use apps::{
    Application, Apps, ConsentPolicy, Federated, Grant, GrantKind, KeyCredential, OwnScope,
    PasswordCredential, ServicePrincipal,
};
pub(crate) use audit::{
    Actor, Audit, Entry, LOCAL, ModifiedProperty, Place, SignIn, Target, TargetKind,
};
pub(crate) use bin::{Bin, Deleted, Remains};
pub(crate) use chats::{
    Chat, ChatKind, Chats, Counts, DeliveryPolicy, Draft, HostedContent, Lifecycle, Member,
    Message, PREFERRED, Presence, Rich, SET, Sender, StatusMessage, Subscription, Watch, millis,
};
pub(crate) use company::{
    INSTALLER_APP, PERSONAL_APP, SAMPLE_CLI_APP, SAMPLE_DAEMON_APP, SAMPLE_PASSWORD,
    TWIN_ADMIN_APP, TWIN_CHAT_APP, sample_method,
};
pub(crate) use groups::{Group, Groups, Moved, Rule};
pub(crate) use ledger::{Effect, Ledger};
pub(crate) use licences::{AssignedLicence, Conflict, Sku, Skus, Unlicensed, Wanted};
pub(crate) use manifests::Manifests;
pub(crate) use methods::{
    AccessPass, Method, MethodKind, Methods, PASS_BOUNDS, PassPolicy, Proof, Usability,
};
pub(crate) use operations::{Operation, Operations};
pub(crate) use people::{Extra, People, Readiness, User};
pub(crate) use quirks::Quirks;
pub(crate) use roles::{Role, Roles, TEMPLATES};
pub(crate) use scopes::{PERMISSIONS, Permission, permission};
pub(crate) use secret::{Secret, Told};

use uuid::Uuid;

/// One tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: Uuid,
    /// Display name of the organisation.
    pub(crate) name: String,
    /// Verified default domain.
    pub(crate) domain: String,
    pub(crate) people: People,
    pub(crate) groups: Groups,
    pub(crate) skus: Skus,
    pub(crate) roles: Roles,
    pub(crate) apps: Apps,
    /// What apps and their principals say beside what the sandbox acts on.
    pub(crate) manifests: Manifests,
    /// What was deleted of these, for a while.
    pub(crate) bin: Bin,
    pub(crate) chats: Chats,
    pub(crate) audit: Audit,
    pub(crate) ledger: Ledger,
    /// Who may have a temporary access pass, and of what kind.
    pub(crate) pass_policy: PassPolicy,
    /// Password resets under way and done.
    pub(crate) operations: Operations,
    pub(crate) quirks: Quirks,
    /// New passwords and passes.
    pub(crate) told: Told,
}

impl Tenant {
    /// The sample company for a seed.
    pub(crate) fn sample(seed: u64, users: usize) -> Self {
        company::build(seed, users)
    }
}
