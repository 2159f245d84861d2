use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
    pub(crate) tags: Vec<String>,
    pub(crate) notes: Option<String>,
    pub(crate) created: Timestamp,
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

    /// Whether this app lets this user in at all.
    pub(crate) fn admits(&self, client: Uuid, user: Uuid) -> bool {
        let principal = self.principals.iter().find(|principal| principal.id == client);
        principal.is_none_or(|one| !one.assigned_only || one.assigned.contains(&user))
    }

    /// Scopes of `resource` that `client` may use for `user`: what an administrator granted for
    /// everybody, and what was granted for this user.
    pub(crate) fn granted(&self, client: Uuid, resource: Uuid, user: Uuid) -> BTreeSet<String> {
        self.grants
            .iter()
            .filter(|grant| grant.client == client && grant.resource == resource)
            .filter(|grant| match grant.kind {
                GrantKind::AllPrincipals => true,
                GrantKind::Principal(whose) => whose == user,
            })
            .flat_map(|grant| grant.scopes.iter().cloned())
            .collect()
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

    /// Application permissions of a client.
    pub(crate) fn roles_of(&self, client: Uuid) -> impl Iterator<Item = &str> {
        self.role_assignments
            .iter()
            .filter(move |(principal, _)| *principal == client)
            .map(|(_, role)| role.as_str())
    }

    /// Registers a certificate for an app; `false` when there is no such app.
    pub(crate) fn add_key(&mut self, app_id: Uuid, key: KeyCredential) -> bool {
        let app = self.applications.iter_mut().find(|app| app.app_id == app_id);
        app.map(|app| app.keys.push(key)).is_some()
    }
}
