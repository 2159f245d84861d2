use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use uuid::Uuid;

/// A group object.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "Graph's own flags")]
pub(crate) struct Group {
    pub(crate) id: Uuid,
    pub(crate) display_name: String,
    pub(crate) description: Option<String>,
    pub(crate) mail: Option<String>,
    pub(crate) mail_nickname: String,
    pub(crate) security_enabled: bool,
    pub(crate) mail_enabled: bool,
    /// `groupTypes` has `Unified`: a Microsoft 365 group.
    pub(crate) unified: bool,
    /// `groupTypes` has `DynamicMembership`; members follow this rule.
    pub(crate) membership_rule: Option<String>,
    pub(crate) role_assignable: bool,
    pub(crate) on_premises_synced: bool,
    /// `Public`, `Private` or `HiddenMembership`.
    pub(crate) visibility: Option<String>,
    /// `resourceProvisioningOptions` has `Team`.
    pub(crate) team: bool,
    pub(crate) created: Timestamp,
    pub(crate) owners: BTreeSet<Uuid>,
    /// Users only; groups in groups are in `member_groups`.
    pub(crate) members: BTreeSet<Uuid>,
    pub(crate) member_groups: BTreeSet<Uuid>,
    /// SKUs its members inherit.
    pub(crate) licences: Vec<Uuid>,
}

/// Every group.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_id: HashMap<Uuid, usize>,
    all: Vec<Group>,
}

impl Groups {
    pub(crate) fn add(&mut self, group: Group) {
        self.by_id.insert(group.id, self.all.len());
        self.all.push(group);
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&Group> {
        self.all.get(*self.by_id.get(&id)?)
    }

    pub(crate) fn get_mut(&mut self, id: Uuid) -> Option<&mut Group> {
        self.all.get_mut(*self.by_id.get(&id)?)
    }

    /// In creation order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.all.iter()
    }
}
