//! Products, seats, and who holds what: the rules of direct assignment. What a group passes on to
//! its members is recomputed in `groups`.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Effect, Quirks, Readiness, Tenant};

/// A licence a user holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssignedLicence {
    pub(crate) sku: Uuid,
    pub(crate) disabled_plans: Vec<Uuid>,
    /// The group it is inherited from; `None` when assigned directly.
    pub(crate) by_group: Option<Uuid>,
    /// `Active`, or `Error` with `error`.
    pub(crate) state: &'static str,
    pub(crate) error: &'static str,
    pub(crate) updated: Timestamp,
}

/// A subscription the tenant owns.
#[derive(Clone, Debug)]
pub(crate) struct Sku {
    pub(crate) id: Uuid,
    pub(crate) part_number: String,
    pub(crate) enabled: u32,
    /// Users that hold it (each counted once).
    pub(crate) consumed: u32,
    /// `Enabled`, `Warning`, `Suspended`, `LockedOut`.
    pub(crate) capability_status: &'static str,
    /// `(servicePlanId, servicePlanName)`.
    pub(crate) plans: Vec<(Uuid, String)>,
}

impl Sku {
    /// Whether one more user can hold it.
    fn has_seat(&self) -> bool {
        self.consumed < self.enabled && matches!(self.capability_status, "Enabled" | "Warning")
    }
}

/// Every subscription, in the order the company bought them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Skus(pub(crate) Vec<Sku>);

/// Why the plans of two licences do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Plans that exclude each other.
    Exclusive(Uuid, Uuid),
    /// A plan that needs another one.
    Dependent(Uuid, Uuid),
}

impl Conflict {
    /// As `licenseAssignmentStates` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Exclusive(..) => "MutuallyExclusiveViolation",
            Self::Dependent(..) => "DependencyViolation",
        }
    }
}

impl Skus {
    /// The first conflict among the plans that these licences switch on; with the quirk that lets
    /// plans exclude each other, or without.
    pub(crate) fn conflict(&self, held: &[AssignedLicence], quirks: &Quirks) -> Option<Conflict> {
        let plans = held.iter().filter(|held| held.state == "Active").flat_map(|held| {
            let plans = self.get(held.sku).map_or(&[][..], |sku| &sku.plans);
            plans.iter().filter(|(id, _)| !held.disabled_plans.contains(id))
        });
        let on: Vec<&(Uuid, String)> = plans.collect();
        let named = |name: &str| on.iter().find(|(_, plan)| plan == name).map(|(id, _)| *id);
        let exclusive = EXCLUSIVE
            .iter()
            .find_map(|(one, other)| Some(Conflict::Exclusive(named(one)?, named(other)?)));
        exclusive.filter(|_| quirks.plans_exclude).or_else(|| {
            DEPENDENT.iter().find_map(|(plan, needs)| {
                let plan = named(plan)?;
                let needed = || self.plan(needs).unwrap_or_default();
                named(needs).is_none().then(|| Conflict::Dependent(plan, needed()))
            })
        })
    }

    fn plan(&self, name: &str) -> Option<Uuid> {
        let mut plans = self.0.iter().flat_map(|sku| &sku.plans);
        plans.find(|(_, plan)| plan == name).map(|(id, _)| *id)
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&Sku> {
        self.0.iter().find(|sku| sku.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: Uuid) -> Option<&mut Sku> {
        self.0.iter_mut().find(|sku| sku.id == id)
    }
}

/// A change of somebody's direct licences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// SKU and the plans to switch off. One already held directly gets the new plans.
    pub(crate) add: Vec<(Uuid, Vec<Uuid>)>,
    pub(crate) remove: Vec<Uuid>,
}

/// Why licences were not changed. Nothing was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unlicensed {
    /// The company does not own this.
    UnknownSku(Uuid),
    /// A plan to switch off is not part of its SKU.
    UnknownPlan(Uuid),
    /// The same SKU twice in one request.
    Repeated(Uuid),
    NoUsageLocation,
    NoSeat(Uuid),
    NotHeld(Uuid),
    /// Only the group can take it away.
    Inherited(Uuid),
    /// The plans would not go together.
    Conflict(Conflict),
}

impl Tenant {
    /// Changes the direct licences of a user: all of it or nothing. Returns what really changed;
    /// what was already so is not in it.
    pub(crate) fn change_licences(
        &mut self,
        user: Uuid,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<Vec<Effect>, Unlicensed> {
        self.check_known(wanted)?;
        let Some(person) = self.people.get(user) else { return Ok(Vec::new()) };
        let mut after = person.licences.clone();
        let mut effects = Vec::new();
        for sku in &wanted.remove {
            let direct = |held: &AssignedLicence| held.sku == *sku && held.by_group.is_none();
            if let Some(at) = after.iter().position(direct) {
                after.remove(at);
                effects.push(Effect::LicenceRemoved { user, sku: *sku });
            } else if after.iter().any(|held| held.sku == *sku) {
                return Err(Unlicensed::Inherited(*sku));
            } else {
                return Err(Unlicensed::NotHeld(*sku));
            }
        }
        if !wanted.add.is_empty() && person.usage_location.is_none() {
            return Err(Unlicensed::NoUsageLocation);
        }
        for (sku, disabled) in &wanted.add {
            let held = after.iter_mut().find(|held| held.sku == *sku && held.by_group.is_none());
            match held {
                // The quirk: what is held is left as it is.
                Some(_) if !self.quirks.readding_replaces_plans => continue,
                Some(held) if same(&held.disabled_plans, disabled) => continue,
                Some(held) => {
                    held.disabled_plans.clone_from(disabled);
                    held.updated = now;
                }
                None => after.push(AssignedLicence {
                    sku: *sku,
                    disabled_plans: disabled.clone(),
                    by_group: None,
                    state: "Active",
                    error: "None",
                    updated: now,
                }),
            }
            effects.push(Effect::LicenceAssigned { user, sku: *sku });
        }
        // What does not go together already is not this change's fault.
        if self.skus.conflict(&person.licences, &self.quirks).is_none()
            && let Some(conflict) = self.skus.conflict(&after, &self.quirks)
        {
            return Err(Unlicensed::Conflict(conflict));
        }
        let (before, after_set) = (active(&person.licences), active(&after));
        for sku in after_set.difference(&before) {
            if !self.skus.get(*sku).is_some_and(Sku::has_seat) {
                return Err(Unlicensed::NoSeat(*sku));
            }
        }
        self.move_seats(&before, &after_set);
        if let Some(person) = self.people.get_mut(user) {
            person.licences = after;
        }
        self.begin_teams(user, now);
        Ok(effects)
    }

    /// Whether a licence with a Teams plan is in effect, whatever Teams has made of it so far.
    pub(crate) fn licensed_for_teams(&self, user: Uuid) -> bool {
        let Some(user) = self.people.get(user) else { return false };
        user.licences.iter().filter(|licence| licence.state == "Active").any(|licence| {
            self.skus.get(licence.sku).is_some_and(|sku| {
                sku.plans.iter().any(|(id, name)| {
                    TEAMS_PLANS.contains(&name.as_str()) && !licence.disabled_plans.contains(id)
                })
            })
        })
    }

    /// Whether somebody who is licensed for Teams can use it.
    pub(crate) fn ready_for_teams(&self, user: Uuid, now: Timestamp) -> bool {
        let wait = i64::try_from(self.quirks.teams_ready_after_ms).unwrap_or(i64::MAX);
        match self.people.get(user).map(|user| user.teams) {
            Some(Readiness::Ready) => true,
            Some(Readiness::Since(since)) => {
                now.duration_since(since) >= SignedDuration::from_millis(wait)
            }
            // Licensed by something that did not say so.
            Some(Readiness::New) => wait == 0,
            None => false,
        }
    }

    /// After somebody's licences changed: Teams begins with who is new to it.
    pub(super) fn begin_teams(&mut self, user: Uuid, now: Timestamp) {
        if self.licensed_for_teams(user)
            && let Some(user) = self.people.get_mut(user)
            && user.teams == Readiness::New
        {
            user.teams = Readiness::Since(now);
        }
    }

    /// Tries again what group licensing could not do, as when there was no seat. Returns the SKUs
    /// that came and went.
    pub(crate) fn reprocess_licences(
        &mut self,
        user: Uuid,
        now: Timestamp,
    ) -> (Vec<Uuid>, Vec<Uuid>) {
        if let Some(person) = self.people.get_mut(user) {
            person.licences.retain(|held| held.by_group.is_none() || held.state == "Active");
        }
        self.recompute_group_licences(user, now)
    }

    /// How many users hold a SKU, counted from the users.
    #[cfg(test)]
    pub(crate) fn holders(&self, sku: Uuid) -> usize {
        let holds = |user: &&super::User| active(&user.licences).contains(&sku);
        self.people.iter().filter(holds).count()
    }

    fn check_known(&self, wanted: &Wanted) -> Result<(), Unlicensed> {
        let mut seen = BTreeSet::new();
        let added = wanted.add.iter().map(|(sku, _)| sku);
        for sku in added.chain(&wanted.remove) {
            if self.skus.get(*sku).is_none() {
                return Err(Unlicensed::UnknownSku(*sku));
            }
            if !seen.insert(*sku) {
                return Err(Unlicensed::Repeated(*sku));
            }
        }
        for (sku, disabled) in &wanted.add {
            let plans = self.skus.get(*sku).map_or(&[][..], |sku| &sku.plans);
            if !disabled.iter().all(|plan| plans.iter().any(|(id, _)| id == plan)) {
                return Err(Unlicensed::UnknownPlan(*sku));
            }
        }
        Ok(())
    }

    fn move_seats(&mut self, before: &BTreeSet<Uuid>, after: &BTreeSet<Uuid>) {
        for sku in &mut self.skus.0 {
            match (before.contains(&sku.id), after.contains(&sku.id)) {
                (false, true) => sku.consumed = sku.consumed.saturating_add(1),
                (true, false) => sku.consumed = sku.consumed.saturating_sub(1),
                (true, true) | (false, false) => {}
            }
        }
    }
}

/// Service plans that carry Teams chat.
const TEAMS_PLANS: [&str; 3] = ["TEAMS1", "TEAMS_FREE_SERVICE", "TEAMSPRO_CUST"];

/// Plans that nobody can have together. From memory.
const EXCLUSIVE: &[(&str, &str)] = &[("SHAREPOINTDESKLESS", "SHAREPOINTENTERPRISE")];
/// Plans that need another one. From memory.
const DEPENDENT: &[(&str, &str)] = &[("MCOEV", "MCOSTANDARD")];

/// The SKUs that take a seat: each once, however it is held.
fn active(held: &[AssignedLicence]) -> BTreeSet<Uuid> {
    held.iter().filter(|held| held.state == "Active").map(|held| held.sku).collect()
}

fn same(one: &[Uuid], other: &[Uuid]) -> bool {
    one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
}

#[cfg(test)]
mod tests;
