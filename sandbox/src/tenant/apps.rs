use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

/// A certificate an application signs its assertions with.
#[derive(Clone, Debug)]
pub(crate) struct KeyCredential {
    pub(crate) key_id: Uuid,
    pub(crate) display_name: String,
    /// DER.
    pub(crate) certificate: Vec<u8>,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// An app registration.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    /// Object id of the `application`.
    pub(crate) id: Uuid,
    /// `appId`: the OAuth client id.
    pub(crate) app_id: Uuid,
    pub(crate) display_name: String,
    /// `publicClient.redirectUris` and `web.redirectUris` together.
    pub(crate) redirect_uris: Vec<String>,
    /// `isFallbackPublicClient`: device code and password grants allowed.
    pub(crate) public_client: bool,
    pub(crate) keys: Vec<KeyCredential>,
    /// `(keyId, hint, secret)`.
    pub(crate) secrets: Vec<(Uuid, String, String)>,
    /// Delegated Graph scopes in `requiredResourceAccess`.
    pub(crate) required_scopes: Vec<String>,
    /// Application Graph roles in `requiredResourceAccess`.
    pub(crate) required_roles: Vec<String>,
    pub(crate) created: Timestamp,
}

/// An app (or a Microsoft service) as present in this tenant.
#[derive(Clone, Debug)]
pub(crate) struct ServicePrincipal {
    pub(crate) id: Uuid,
    pub(crate) app_id: Uuid,
    pub(crate) display_name: String,
    pub(crate) enabled: bool,
    pub(crate) created: Timestamp,
}

/// For whom delegated scopes were granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantKind {
    AllPrincipals,
    Principal(Uuid),
}

/// An `oAuth2PermissionGrant` on Graph.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) id: String,
    /// The client's service principal.
    pub(crate) client: Uuid,
    /// The resource's service principal.
    pub(crate) resource: Uuid,
    pub(crate) kind: GrantKind,
    pub(crate) scopes: BTreeSet<String>,
}

/// Who may consent to what (`permissionGrantPoliciesAssigned`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConsentPolicy {
    /// Users may consent to scopes that need no admin.
    Users,
    /// Only administrators consent.
    AdminsOnly,
}

/// Everything about apps.
#[derive(Debug)]
pub(crate) struct Apps {
    pub(crate) applications: Vec<Application>,
    pub(crate) principals: Vec<ServicePrincipal>,
    pub(crate) grants: Vec<Grant>,
    /// `(client service principal, app role value)` on Graph: application permissions granted.
    pub(crate) role_assignments: Vec<(Uuid, String)>,
    pub(crate) consent: ConsentPolicy,
    /// Graph's own service principal in this tenant.
    pub(crate) graph: Uuid,
}

impl Apps {
    pub(crate) fn application(&self, app_id: Uuid) -> Option<&Application> {
        self.applications.iter().find(|app| app.app_id == app_id)
    }

    pub(crate) fn principal_of(&self, app_id: Uuid) -> Option<&ServicePrincipal> {
        self.principals.iter().find(|principal| principal.app_id == app_id)
    }
}
