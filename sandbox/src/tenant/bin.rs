//! What was deleted and can be brought back for thirty days.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Application, Grant, ServicePrincipal, Tenant, User};

/// `directory/deletedItems`, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bin(pub(crate) Vec<Deleted>);

/// One deleted object.
#[derive(Clone, Debug)]
pub(crate) struct Deleted {
    pub(crate) at: Timestamp,
    pub(crate) what: Remains,
}

/// What is kept of it.
#[derive(Clone, Debug)]
pub(crate) enum Remains {
    /// With the groups the user was in.
    User(Box<User>, Vec<Uuid>),
    Application(Box<Application>),
    /// With the scopes and application roles it was given.
    Principal(Box<ServicePrincipal>, Vec<Grant>, Vec<String>),
}

impl Deleted {
    pub(crate) fn id(&self) -> Uuid {
        match &self.what {
            Remains::User(user, _) => user.id,
            Remains::Application(application) => application.id,
            Remains::Principal(principal, ..) => principal.id,
        }
    }
}

impl Bin {
    /// Forgets what has been in it for too long.
    pub(crate) fn empty_old(&mut self, now: Timestamp) {
        self.0.retain(|one| now.duration_since(one.at) < KEPT);
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&Deleted> {
        self.0.iter().find(|one| one.id() == id)
    }

    pub(crate) fn take(&mut self, id: Uuid) -> Option<Deleted> {
        let at = self.0.iter().position(|one| one.id() == id)?;
        Some(self.0.remove(at))
    }

    /// The blueprints in it: whether each was made by an app.
    pub(crate) fn blueprints(&self) -> impl Iterator<Item = bool> {
        self.0.iter().filter_map(|one| match &one.what {
            Remains::Application(it) => Some(it.blueprint.as_deref()?.by_app),
            Remains::User(..) | Remains::Principal(..) => None,
        })
    }

    /// The identities of a blueprint in it: whether each was made by an app.
    pub(crate) fn agents_of(&self, blueprint: Uuid) -> impl Iterator<Item = bool> {
        self.0.iter().filter_map(move |one| match &one.what {
            Remains::Principal(it, ..) => {
                it.agent().filter(|it| it.blueprint == blueprint).map(|it| it.by_app)
            }
            Remains::User(..) | Remains::Application(_) => None,
        })
    }
}

impl Tenant {
    /// Takes an app registration out of the directory.
    pub(crate) fn bin_application(&mut self, id: Uuid, now: Timestamp) {
        let apps = &mut self.apps.applications;
        if let Some(at) = apps.iter().position(|one| one.id == id) {
            let what = Remains::Application(Box::new(apps.remove(at)));
            self.bin.0.push(Deleted { at: now, what });
        }
    }

    /// Takes a service principal out of the directory, with what it was given.
    pub(crate) fn bin_principal(&mut self, id: Uuid, now: Timestamp) {
        let apps = &mut self.apps;
        let Some(at) = apps.principals.iter().position(|one| one.id == id) else { return };
        let principal = Box::new(apps.principals.remove(at));
        let grants = apps.grants.extract_if(.., |grant| grant.client == id).collect();
        let roles = apps.role_assignments.extract_if(.., |(client, _)| *client == id);
        let roles = roles.map(|(_, role)| role).collect();
        for role in &mut self.roles.0 {
            role.members.remove(&id);
        }
        let what = Remains::Principal(principal, grants, roles);
        self.bin.0.push(Deleted { at: now, what });
    }
}

/// How long something can be brought back (Entra, "Recover from deletions").
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
