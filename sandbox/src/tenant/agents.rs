//! Microsoft Entra Agent ID as data: blueprints, the identities made from them, and what none of
//! them can ever be given.
//!
//! A blueprint is an application, its principal and its identities are service principals, and an
//! agent's user is a user: they live with those, and this is what makes them different.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use uuid::Uuid;

use super::{Apps, Grant, GrantKind, ServicePrincipal};

/// Who answers for an object: object ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keepers {
    pub(crate) owners: BTreeSet<Uuid>,
    /// Users and groups.
    pub(crate) sponsors: BTreeSet<Uuid>,
}

/// What makes an application an `agentIdentityBlueprint`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blueprint {
    pub(crate) keepers: Keepers,
    pub(crate) inheritable: Vec<Inheritable>,
    /// Made with an app-only token: counts toward the limit for those.
    pub(crate) by_app: bool,
}

/// An `inheritablePermission`: what the identities of a blueprint get of what its principal has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inheritable {
    /// Application id of the API.
    pub(crate) resource: Uuid,
    pub(crate) scopes: Inherit,
    pub(crate) roles: Inherit,
}

/// How much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inherit {
    All,
    Named(BTreeSet<String>),
    Nothing,
}

impl Inherit {
    fn takes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(name),
            Self::Nothing => false,
        }
    }
}

/// What a service principal stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum PrincipalKind {
    #[default]
    Application,
    /// `agentIdentityBlueprintPrincipal`.
    Blueprint(Keepers),
    /// `agentIdentity`.
    Agent(Agent),
}

/// An agent identity's own part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agent {
    /// Application id of the blueprint.
    pub(crate) blueprint: Uuid,
    pub(crate) created_by: Uuid,
    pub(crate) keepers: Keepers,
    /// Made with an app-only token: counts toward the limit for those.
    pub(crate) by_app: bool,
}

impl ServicePrincipal {
    /// The agent that it is, if it is an agent identity.
    pub(crate) fn agent(&self) -> Option<&Agent> {
        match &self.kind {
            PrincipalKind::Agent(agent) => Some(agent),
            PrincipalKind::Application | PrincipalKind::Blueprint(_) => None,
        }
    }

    pub(crate) fn keepers(&self) -> Option<&Keepers> {
        match &self.kind {
            PrincipalKind::Agent(agent) => Some(&agent.keepers),
            PrincipalKind::Blueprint(keepers) => Some(keepers),
            PrincipalKind::Application => None,
        }
    }

    pub(crate) fn keepers_mut(&mut self) -> Option<&mut Keepers> {
        match &mut self.kind {
            PrincipalKind::Agent(agent) => Some(&mut agent.keepers),
            PrincipalKind::Blueprint(keepers) => Some(keepers),
            PrincipalKind::Application => None,
        }
    }
}

impl Apps {
    /// The agent identity with this object id (which is its application id, too).
    pub(crate) fn agent(&self, id: Uuid) -> Option<(&ServicePrincipal, &Agent)> {
        let principal = self.principals.iter().find(|one| one.id == id)?;
        Some((principal, principal.agent()?))
    }

    /// The blueprint with this application id.
    pub(crate) fn blueprint(&self, app_id: Uuid) -> Option<&Blueprint> {
        self.application(app_id)?.blueprint.as_deref()
    }

    /// Scopes of `resource` that an agent has from its blueprint's principal, for `user`.
    pub(super) fn inherited(&self, client: Uuid, resource: Uuid, user: Uuid) -> BTreeSet<String> {
        let Some((parent, inheritable)) = self.heirs(client, resource) else {
            return BTreeSet::new();
        };
        let concerns = |grant: &&Grant| {
            grant.client == parent
                && grant.resource == resource
                && [GrantKind::AllPrincipals, GrantKind::Principal(user)].contains(&grant.kind)
        };
        let scopes = self.grants.iter().filter(concerns).flat_map(|grant| &grant.scopes);
        scopes.filter(|scope| inheritable.scopes.takes(scope)).cloned().collect()
    }

    /// Application roles of `resource` that an agent has from its blueprint's principal.
    pub(super) fn inherited_roles(&self, client: Uuid, resource: Uuid) -> BTreeSet<String> {
        let Some((parent, inheritable)) = self.heirs(client, resource) else {
            return BTreeSet::new();
        };
        let held = self.role_assignments.iter().filter(|(principal, _)| *principal == parent);
        held.map(|(_, role)| role).filter(|role| inheritable.roles.takes(role)).cloned().collect()
    }

    /// An agent's parent principal, and what it passes on of an API.
    fn heirs(&self, client: Uuid, resource: Uuid) -> Option<(Uuid, &Inheritable)> {
        let (_, agent) = self.agent(client)?;
        let parent = self.principal_of(agent.blueprint)?.id;
        let api = self.principals.iter().find(|one| one.id == resource)?.app_id;
        let blueprint = self.blueprint(agent.blueprint)?;
        Some((parent, blueprint.inheritable.iter().find(|one| one.resource == api)?))
    }
}

/// Whether an agent can never have this delegated scope of Graph.
pub(crate) fn closed_scope(name: &str) -> bool {
    restricted().iter().any(|(kind, what, known)| {
        (*kind, *what) == ("closed", "delegated") && known.eq_ignore_ascii_case(name)
    })
}

/// Whether an agent can never have this application role of Graph.
pub(crate) fn closed_role(name: &str) -> bool {
    restricted().iter().any(|(kind, what, known)| {
        (*kind, *what) == ("closed", "application") && known.eq_ignore_ascii_case(name)
    })
}

/// Whether an agent may hold this directory role.
pub(crate) fn open_directory_role(display_name: &str) -> bool {
    restricted()
        .iter()
        .any(|(kind, what, known)| (*kind, *what) == ("role", "open") && *known == display_name)
}

fn restricted() -> &'static [(&'static str, &'static str, &'static str)] {
    static PARSED: OnceLock<Vec<(&str, &str, &str)>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let lines = RESTRICTED.lines().filter(|line| !line.starts_with('#'));
        let row = |line: &'static str| {
            let (kind, rest) = line.split_once('\t')?;
            let (what, name) = rest.split_once('\t')?;
            Some((kind, what, name))
        };
        lines.filter_map(row).collect()
    })
}

/// Made by `make-restricted.py`.
const RESTRICTED: &str = include_str!("agents/restricted.tsv");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_what_is_closed_to_agents_are_read_whole() {
        let count = |kind: &str, what: &str| {
            restricted().iter().filter(|row| (row.0, row.1) == (kind, what)).count()
        };
        assert_eq!(count("closed", "delegated"), 19);
        assert_eq!(count("closed", "application"), 55);
        assert_eq!(count("role", "open"), 84);
        assert_eq!(restricted().len(), 158);
    }

    #[test]
    fn scopes_roles_and_directory_roles_are_closed_each_by_its_own_list() {
        assert!(closed_scope("user.readwrite.all") && closed_role("User.ReadWrite.All"));
        assert!(closed_role("Chat.Read.All") && !closed_scope("Chat.Read.All"));
        assert!(
            !closed_scope("Chat.ReadWrite") && !closed_scope("LicenseAssignment.ReadWrite.All")
        );
        assert!(open_directory_role("License Administrator"));
        for closed in ["Global Administrator", "User Administrator", "Helpdesk Administrator", ""] {
            assert!(!open_directory_role(closed), "{closed}");
        }
    }
}
