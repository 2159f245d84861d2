use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use uuid::Uuid;

use super::agents::{closed_role, closed_scope};
use super::{Blueprint, PrincipalKind};

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

/// A client secret.
#[derive(Clone)]
pub(crate) struct PasswordCredential {
    pub(crate) key_id: Uuid,
    pub(crate) display_name: Option<String>,
    /// Its first characters.
    pub(crate) hint: String,
    pub(crate) secret: super::Secret,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl std::fmt::Debug for PasswordCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordCredential").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// A `federatedIdentityCredential`: whose assertions are taken instead of a certificate's.
#[derive(Clone, Debug)]
pub(crate) struct Federated {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) description: Option<String>,
}

/// A delegated permission that an app's own API offers.
#[derive(Clone, Debug)]
pub(crate) struct OwnScope {
    pub(crate) id: Uuid,
    pub(crate) value: String,
    /// `Admin` rather than `User`.
    pub(crate) admin: bool,
    pub(crate) enabled: bool,
    /// `adminConsentDescription`, `adminConsentDisplayName`, `userConsentDescription`,
    /// `userConsentDisplayName`.
    pub(crate) texts: [Option<String>; 4],
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
    pub(crate) secrets: Vec<PasswordCredential>,
    pub(crate) federated: Vec<Federated>,
    /// Names of its own API, such as `api://{appId}`.
    pub(crate) identifier_uris: Vec<String>,
    /// `api.oauth2PermissionScopes`.
    pub(crate) own_scopes: Vec<OwnScope>,
    /// `api.requestedAccessTokenVersion`.
    pub(crate) token_version: Option<u8>,
    /// Delegated Graph scopes in `requiredResourceAccess`.
    pub(crate) required_scopes: Vec<String>,
    /// Application Graph roles in `requiredResourceAccess`.
    pub(crate) required_roles: Vec<String>,
    pub(crate) created: Timestamp,
    /// `isDisabled`.
    pub(crate) disabled: bool,
    /// Of a blueprint for agents.
    pub(crate) blueprint: Option<Box<Blueprint>>,
}

impl Application {
    /// Whether this text names the app's own API.
    pub(crate) fn is_called(&self, text: &str) -> bool {
        Uuid::try_parse(text).is_ok_and(|id| id == self.app_id)
            || self.identifier_uris.iter().any(|uri| uri.eq_ignore_ascii_case(text))
    }
}

/// An app (or a Microsoft service) as present in this tenant.
#[derive(Clone, Debug)]
pub(crate) struct ServicePrincipal {
    pub(crate) id: Uuid,
    pub(crate) app_id: Uuid,
    pub(crate) display_name: String,
    pub(crate) enabled: bool,
    /// `appRoleAssignmentRequired`: only who is assigned may sign in, and only administrators
    /// consent.
    pub(crate) assigned_only: bool,
    /// Users assigned to it, with no role of its own.
    pub(crate) assigned: BTreeSet<Uuid>,
    pub(crate) created: Timestamp,
    pub(crate) kind: PrincipalKind,
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
#[derive(Clone, Debug)]
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

    /// Whether this app lets this user in at all.
    pub(crate) fn admits(&self, client: Uuid, user: Uuid) -> bool {
        let principal = self.principals.iter().find(|principal| principal.id == client);
        principal.is_none_or(|one| !one.assigned_only || one.assigned.contains(&user))
    }

    /// Scopes of `resource` that `client` may use for `user`: what an administrator granted for
    /// everybody, and what was granted for this user.
    pub(crate) fn granted(&self, client: Uuid, resource: Uuid, user: Uuid) -> BTreeSet<String> {
        let mut granted: BTreeSet<String> = self
            .grants
            .iter()
            .filter(|grant| grant.client == client && grant.resource == resource)
            .filter(|grant| match grant.kind {
                GrantKind::AllPrincipals => true,
                GrantKind::Principal(whose) => whose == user,
            })
            .flat_map(|grant| grant.scopes.iter().cloned())
            .collect();
        granted.extend(self.inherited(client, resource, user));
        if self.agent(client).is_some() {
            granted.retain(|scope| !closed_scope(scope));
        }
        granted
    }

    /// The app whose own API this text names.
    pub(crate) fn called(&self, text: &str) -> Option<&Application> {
        self.applications.iter().find(|app| app.is_called(text))
    }

    /// Records consent: widens the grant there is, or makes one.
    pub(crate) fn consent(
        &mut self,
        client: Uuid,
        resource: Uuid,
        kind: GrantKind,
        scopes: impl IntoIterator<Item = String>,
    ) {
        let there = self.grants.iter_mut().find(|grant| {
            grant.client == client && grant.resource == resource && grant.kind == kind
        });
        if let Some(grant) = there {
            grant.scopes.extend(scopes);
            return;
        }
        let principal = match kind {
            GrantKind::AllPrincipals => Uuid::nil(),
            GrantKind::Principal(user) => user,
        };
        // Follows from what it joins, so that it is the same in every run.
        let id = [client, resource, principal].map(|id| id.into_bytes()).concat();
        self.grants.push(Grant {
            id: URL_SAFE_NO_PAD.encode(id),
            client,
            resource,
            kind,
            scopes: scopes.into_iter().collect(),
        });
    }

    /// Application permissions of a client on an API.
    pub(crate) fn roles_of(&self, client: Uuid, resource: Uuid) -> BTreeSet<String> {
        let own = self.role_assignments.iter().filter(|(principal, _)| *principal == client);
        let mut roles: BTreeSet<String> = own.map(|(_, role)| role.clone()).collect();
        roles.extend(self.inherited_roles(client, resource));
        if self.agent(client).is_some() {
            roles.retain(|role| !closed_role(role));
        }
        roles
    }

    /// Registers a certificate for an app; `false` when there is no such app.
    pub(crate) fn add_key(&mut self, app_id: Uuid, key: KeyCredential) -> bool {
        let app = self.applications.iter_mut().find(|app| app.app_id == app_id);
        app.map(|app| app.keys.push(key)).is_some()
    }
}
