use std::collections::BTreeSet;

use uuid::Uuid;

/// An activated directory role.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// The `directoryRole` object.
    pub(crate) id: Uuid,
    /// Its `roleTemplateId`: the same in every tenant; what `wids` holds.
    pub(crate) template: Uuid,
    pub(crate) display_name: &'static str,
    pub(crate) members: BTreeSet<Uuid>,
}

/// Every activated role.
#[derive(Debug, Default)]
pub(crate) struct Roles(pub(crate) Vec<Role>);

impl Roles {
    /// Template ids of the roles a principal holds.
    pub(crate) fn of(&self, principal: Uuid) -> impl Iterator<Item = &Role> {
        self.0.iter().filter(move |role| role.members.contains(&principal))
    }

    /// Whether a principal holds a role with this display name.
    pub(crate) fn holds(&self, principal: Uuid, display_name: &str) -> bool {
        self.of(principal).any(|role| role.display_name == display_name)
    }
}
