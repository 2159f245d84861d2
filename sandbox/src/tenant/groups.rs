mod rule;

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use uuid::Uuid;

use super::{AssignedLicence, Tenant, User};
pub(crate) use rule::Rule;

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

impl Group {
    /// Lists and mail-enabled security groups are Exchange's: Graph may only read them.
    pub(crate) fn exchange_mastered(&self) -> bool {
        self.mail_enabled && !self.unified
    }

    pub(crate) fn dynamic(&self) -> bool {
        self.membership_rule.is_some()
    }
}

/// Every group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    by_id: HashMap<Uuid, usize>,
    /// Deleted groups leave a gap, so that a position stays a stable page mark.
    all: Vec<Option<Group>>,
}

impl Groups {
    pub(crate) fn add(&mut self, group: Group) {
        self.by_id.insert(group.id, self.all.len());
        self.all.push(Some(group));
    }

    pub(crate) fn remove(&mut self, id: Uuid) -> Option<Group> {
        self.all.get_mut(self.by_id.remove(&id)?)?.take()
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&Group> {
        self.all.get(*self.by_id.get(&id)?)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: Uuid) -> Option<&mut Group> {
        self.all.get_mut(*self.by_id.get(&id)?)?.as_mut()
    }

    /// In creation order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.all.iter().flatten()
    }

    /// In creation order, to change.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Group> {
        self.all.iter_mut().flatten()
    }

    /// In creation order, each with its position, from a position on.
    pub(crate) fn from(&self, position: usize) -> impl Iterator<Item = (usize, &Group)> {
        self.all
            .iter()
            .enumerate()
            .skip(position)
            .filter_map(|(at, group)| group.as_ref().map(|group| (at, group)))
    }

    /// The groups that have this user or group as a direct member.
    pub(crate) fn with_member(&self, member: Uuid) -> impl Iterator<Item = &Group> {
        self.iter().filter(move |group| {
            group.members.contains(&member) || group.member_groups.contains(&member)
        })
    }

    /// The groups that have this user or group as a member, directly or through other groups.
    pub(crate) fn with_transitive_member(&self, member: Uuid) -> BTreeSet<Uuid> {
        let mut found = BTreeSet::new();
        let mut open = vec![member];
        while let Some(next) = open.pop() {
            open.extend(
                self.with_member(next).map(|group| group.id).filter(|id| found.insert(*id)),
            );
        }
        found
    }

    /// Everybody in a group, directly or through other groups: `(users, groups)`.
    pub(crate) fn transitive_members(&self, group: Uuid) -> (BTreeSet<Uuid>, BTreeSet<Uuid>) {
        let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
        let mut open = vec![group];
        while let Some(group) = open.pop().and_then(|next| self.get(next)) {
            users.extend(group.members.iter().copied());
            open.extend(group.member_groups.iter().copied().filter(|id| groups.insert(*id)));
        }
        groups.remove(&group);
        (users, groups)
    }
}

/// A dynamic group that a user has joined or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) group: Uuid,
    pub(crate) joined: bool,
}

impl Tenant {
    /// Lets the rules of all dynamic groups look at one user again.
    pub(crate) fn follow_rules(&mut self, user: Uuid) -> Vec<Moved> {
        let mut moved = Vec::new();
        let user = self.people.get(user).ok_or(user);
        for group in self.groups.iter_mut() {
            let Some(rule) = &group.membership_rule else { continue };
            let (id, belongs) = match user {
                Ok(user) => (user.id, Rule::parse(rule).is_ok_and(|rule| rule.admits(user))),
                Err(id) => (id, false),
            };
            let joined = if belongs { group.members.insert(id) } else { group.members.remove(&id) };
            if joined {
                moved.push(Moved { group: group.id, joined: belongs });
            }
        }
        moved
    }

    /// Fills a dynamic group from its rule. Returns who joined and who left.
    pub(crate) fn follow_rule(&mut self, group: Uuid) -> (Vec<Uuid>, Vec<Uuid>) {
        let Some(group) = self.groups.get_mut(group) else { return Default::default() };
        let Some(Ok(rule)) = group.membership_rule.as_deref().map(Rule::parse) else {
            return Default::default();
        };
        let admits = |user: &&User| rule.admits(user);
        let belong: BTreeSet<Uuid> =
            self.people.iter().filter(admits).map(|user| user.id).collect();
        let joined = belong.difference(&group.members).copied().collect();
        let left = group.members.difference(&belong).copied().collect();
        group.members = belong;
        (joined, left)
    }

    /// Gives a user the licences of the groups they are a direct member of (nested groups pass
    /// none on) and takes away those of groups they have left. Returns the SKUs that came and went.
    pub(crate) fn recompute_group_licences(
        &mut self,
        user: Uuid,
        now: Timestamp,
    ) -> (Vec<Uuid>, Vec<Uuid>) {
        let moved = self.inherit_licences(user, now);
        self.begin_teams(user, now);
        moved
    }

    fn inherit_licences(&mut self, user: Uuid, now: Timestamp) -> (Vec<Uuid>, Vec<Uuid>) {
        let Some(user) = self.people.get_mut(user) else { return Default::default() };
        let due: Vec<(Uuid, Uuid)> = self
            .groups
            .iter()
            .filter(|group| !group.licences.is_empty() && group.members.contains(&user.id))
            .flat_map(|group| group.licences.iter().map(|sku| (group.id, *sku)))
            .collect();
        let before: BTreeSet<Uuid> = held(user);
        user.licences.retain(|licence| {
            licence.by_group.is_none_or(|group| due.contains(&(group, licence.sku)))
        });
        for (group, sku) in due {
            if user.licences.iter().any(|had| had.by_group == Some(group) && had.sku == sku) {
                continue;
            }
            let seat = before.contains(&sku)
                || self.skus.get(sku).is_some_and(|sku| sku.consumed < sku.enabled);
            let mut licence = AssignedLicence {
                sku,
                disabled_plans: Vec::new(),
                by_group: Some(group),
                state: "Active",
                error: "None",
                updated: now,
            };
            let had = self.skus.conflict(&user.licences, &self.quirks).is_some();
            user.licences.push(licence.clone());
            let conflict =
                if had { None } else { self.skus.conflict(&user.licences, &self.quirks) };
            let error = match conflict {
                Some(conflict) => Some(conflict.name()),
                None if seat => None,
                None => Some("CountViolation"),
            };
            if let Some(error) = error {
                licence.state = "Error";
                licence.error = error;
                user.licences.pop();
                user.licences.push(licence);
            }
            // Two groups of one call may carry the same product: one seat.
            if error.is_none()
                && !before.contains(&sku)
                && held_by(user, sku) == 1
                && let Some(sku) = self.skus.get_mut(sku)
            {
                sku.consumed = sku.consumed.saturating_add(1);
            }
        }
        let after = held(user);
        let left: Vec<Uuid> = before.difference(&after).copied().collect();
        for sku in &left {
            if let Some(sku) = self.skus.get_mut(*sku) {
                sku.consumed = sku.consumed.saturating_sub(1);
            }
        }
        (after.difference(&before).copied().collect(), left)
    }
}

/// The SKUs a user really has.
fn held(user: &User) -> BTreeSet<Uuid> {
    user.licences.iter().filter(|held| held.state == "Active").map(|held| held.sku).collect()
}

/// In how many ways a user really has a SKU.
fn held_by(user: &User, sku: Uuid) -> usize {
    user.licences.iter().filter(|held| held.state == "Active" && held.sku == sku).count()
}
