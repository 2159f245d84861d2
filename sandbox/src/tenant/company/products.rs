use std::collections::HashMap;

use jiff::Timestamp;
use uuid::{Uuid, uuid};

use super::cast::Plan;
use super::day;
use crate::tenant::{AssignedLicence, Sku, Skus, Tenant};

/// Microsoft 365 E3.
pub(super) const SPE_E3: Uuid = uuid!("05e9a617-0261-4cee-bb44-138d3ef5d965");
/// Office 365 E3.
pub(super) const ENTERPRISEPACK: Uuid = uuid!("6fd2c87f-b296-42f0-b197-1e91e994b900");
/// Microsoft 365 E5.
pub(super) const SPE_E5: Uuid = uuid!("06ebc4ee-1bb5-47dd-8120-11324bc54e06");
/// Microsoft 365 F3.
pub(super) const SPE_F1: Uuid = uuid!("66b55226-6b4f-492c-910c-a3b7a3c9d993");
/// Microsoft Teams Enterprise.
pub(super) const TEAMS_ENTERPRISE: Uuid = uuid!("7e31c0d9-9551-471d-836f-32ee72be4a01");

/// Visio Plan 2: the subscription has run out and is in its days of grace.
pub(super) const VISIOCLIENT: Uuid = uuid!("c5928f49-12ba-48f7-ada3-0d743a3601d5");
/// Planner and Project Plan 3: suspended.
pub(super) const PROJECTPROFESSIONAL: Uuid = uuid!("53818b1b-4a27-454b-8896-0dba576410e6");

/// Who holds what besides their plan.
const ALSO: &[(&str, Uuid)] = &[
    ("zoe.mueller", VISIOCLIENT),
    ("marcus.bell", VISIOCLIENT),
    ("helen.fischer", PROJECTPROFESSIONAL),
    ("lukasz.wojcik", PROJECTPROFESSIONAL),
];

/// Whom a licensed group took in too late, and that group: no seat is left, or the plans do not go
/// together with what they have.
const STRAINED: &[(&str, &str)] =
    &[("carla.mendes", "Licence Microsoft 365 E5"), ("devon.clarke", "Licence Office 365 E3")];

/// Seats left of each product. E5 is sold out.
const SPARE: &[(Uuid, u32)] = &[
    (SPE_E3, 3),
    (ENTERPRISEPACK, 5),
    (SPE_E5, 0),
    (SPE_F1, 2),
    (TEAMS_ENTERPRISE, 10),
    (VISIOCLIENT, 3),
    (PROJECTPROFESSIONAL, 5),
];

/// The products, as made by `make-skus.py`.
const PUBLISHED: &str = include_str!("skus.tsv");

/// The subscriptions, with no seat taken and no end of seats yet.
pub(super) fn owned() -> Skus {
    let mut skus: Vec<Sku> = Vec::new();
    for line in PUBLISHED.lines() {
        let mut columns = line.split('\t');
        let kind = columns.next();
        let (Some(Ok(id)), Some(name)) = (columns.next().map(Uuid::try_parse), columns.next())
        else {
            continue;
        };
        if kind == Some("sku") {
            skus.push(Sku {
                id,
                part_number: name.to_owned(),
                enabled: u32::MAX,
                consumed: 0,
                capability_status: match id {
                    VISIOCLIENT => "Warning",
                    PROJECTPROFESSIONAL => "Suspended",
                    _ => "Enabled",
                },
                plans: Vec::new(),
            });
        } else if let Some(sku) = skus.last_mut() {
            sku.plans.push((id, name.to_owned()));
        }
    }
    Skus(skus)
}

/// What somebody with this plan holds directly.
pub(super) fn direct(plan: Plan, since: Timestamp) -> Vec<AssignedLicence> {
    let sku = match plan {
        Plan::E3 => SPE_E3,
        Plan::OfficeE3 => ENTERPRISEPACK,
        Plan::E5 => SPE_E5,
        Plan::Teams => TEAMS_ENTERPRISE,
        Plan::F3 | Plan::None => return Vec::new(),
    };
    vec![licence(sku, since)]
}

fn licence(sku: Uuid, since: Timestamp) -> AssignedLicence {
    AssignedLicence {
        sku,
        disabled_plans: Vec::new(),
        by_group: None,
        state: "Active",
        error: "None",
        updated: since,
    }
}

/// Counts the seats of direct licences.
pub(super) fn assign(tenant: &mut Tenant) {
    for (alias, sku) in ALSO {
        let id = tenant.people.find(&format!("{alias}@{}", tenant.domain)).map(|user| user.id);
        if let Some(user) = id.and_then(|id| tenant.people.get_mut(id)) {
            user.licences.push(licence(*sku, user.created));
        }
    }
    let mut seats: HashMap<Uuid, u32> = HashMap::new();
    for licence in tenant.people.iter().flat_map(|user| &user.licences) {
        *seats.entry(licence.sku).or_default() += 1;
    }
    for sku in &mut tenant.skus.0 {
        sku.consumed = seats.get(&sku.id).copied().unwrap_or(0);
    }
}

/// Lets members of licensed groups inherit, then buys what is used and a little more. What comes
/// after that is in error.
pub(super) fn fill(tenant: &mut Tenant) {
    let licensed: Vec<Uuid> = tenant
        .groups
        .iter()
        .filter(|group| !group.licences.is_empty())
        .flat_map(|group| group.members.iter().copied())
        .collect();
    for user in licensed {
        tenant.recompute_group_licences(user, day(60));
    }
    for (sku, spare) in SPARE {
        if let Some(sku) = tenant.skus.get_mut(*sku) {
            sku.enabled = sku.consumed.saturating_add(*spare);
        }
    }
    // However it is later, this is how they got there.
    let usual = std::mem::replace(&mut tenant.quirks.plans_exclude, true);
    for (alias, name) in STRAINED {
        let user = tenant.people.find(&format!("{alias}@{}", tenant.domain)).map(|user| user.id);
        let group = tenant.groups.iter_mut().find(|group| group.display_name == *name);
        if let (Some(user), Some(group)) = (user, group) {
            group.members.insert(user);
            tenant.recompute_group_licences(user, day(70));
        }
    }
    tenant.quirks.plans_exclude = usual;
}
