//! The groups.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Dice, day, people, products};
use crate::tenant::{Group, Tenant};

/// What kind of group a room is.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Security,
    /// Microsoft 365 with a team behind it.
    Team,
    /// Microsoft 365 without a team.
    Unified,
    /// Security, filled by this rule.
    Dynamic(&'static str),
    RoleAssignable,
    /// Security, mastered on the premises.
    Synced,
    DistributionList,
    MailSecurity,
    /// Security, its members inherit a product.
    Licensed(Uuid),
}

/// Who is in.
#[derive(Clone, Copy, Debug)]
enum In {
    /// By alias.
    Named(&'static [&'static str]),
    /// Everybody enabled of a department, except these.
    Department(&'static str, &'static [&'static str]),
    Inherits,
}

struct Room {
    name: &'static str,
    nickname: &'static str,
    about: &'static str,
    kind: Kind,
    owners: &'static [&'static str],
    members: In,
}

const fn room(
    name: &'static str,
    nickname: &'static str,
    about: &'static str,
    kind: Kind,
    owners: &'static [&'static str],
    members: In,
) -> Room {
    Room { name, nickname, about, kind, owners, members }
}

/// Ids follow from the position, so only ever append.
const ROOMS: &[Room] = &[
    room(
        "All Employees",
        "allemployees",
        "Everybody who works here",
        Kind::Dynamic("(user.userType -eq \"Member\") and (user.accountEnabled -eq true)"),
        &["owen.price"],
        In::Named(&[]),
    ),
    room(
        "Sales Team",
        "salesteam",
        "Everybody in Sales",
        Kind::Team,
        &["grace.tan"],
        In::Department("Sales", &["sarah.lin"]),
    ),
    room(
        "Finance",
        "finance-sg",
        "Access to the finance share",
        Kind::Security,
        &["nadia.rahman"],
        In::Named(&["nadia.rahman", "alex.kim", "lena.hoffmann"]),
    ),
    room(
        "Finance",
        "finance",
        "Where Finance talks",
        Kind::Unified,
        &["nadia.rahman"],
        In::Department("Finance", &[]),
    ),
    room(
        "VPN Users",
        "vpnusers",
        "May connect from outside",
        Kind::Security,
        &["doug"],
        In::Named(&["doug", "dana", "helen.fischer", "jon.miller", "zoe.mueller"]),
    ),
    room(
        "IT Department",
        "it",
        "The IT department",
        Kind::Team,
        &["dana", "doug"],
        In::Department("IT", &[]),
    ),
    room(
        "Sales by Rule",
        "salesbyrule",
        "Follows the department",
        Kind::Dynamic("user.department -eq \"Sales\""),
        &["grace.tan"],
        In::Named(&[]),
    ),
    room(
        "Tier 0 Operators",
        "tier0",
        "May hold directory roles",
        Kind::RoleAssignable,
        &["dana"],
        In::Named(&["felix.brandt", "ken.adachi"]),
    ),
    room(
        "Warehouse Share",
        "warehouseshare",
        "Mastered on the premises",
        Kind::Synced,
        &[],
        In::Named(&["gordon.blake", "peter.quist"]),
    ),
    room(
        "Company Announcements",
        "announcements",
        "Distribution list",
        Kind::DistributionList,
        &["owen.price"],
        In::Named(&["evelyn.hart", "owen.price", "grace.tan", "helen.fischer"]),
    ),
    room(
        "Facilities Alerts",
        "facilitiesalerts",
        "Mail-enabled security group",
        Kind::MailSecurity,
        &["marcus.bell"],
        In::Named(&["marcus.bell", "bianca.rossi"]),
    ),
    room(
        "Licence Microsoft 365 F3",
        "lic-f3",
        "Members inherit Microsoft 365 F3",
        Kind::Licensed(products::SPE_F1),
        &["doug"],
        In::Inherits,
    ),
    room(
        "Project Phoenix",
        "phoenix",
        "With guests",
        Kind::Team,
        &["helen.fischer"],
        In::Named(&[
            "helen.fischer",
            "lukasz.wojcik",
            "huong.nguyen",
            "priya.shah_fabrikam.com#EXT#",
        ]),
    ),
    room(
        "Marketing Campaigns",
        "campaigns",
        "Open to everybody",
        Kind::Team,
        &["tomas.lindqvist", "alex.kim2"],
        In::Department("Marketing", &[]),
    ),
    room(
        "CEO's Office",
        "ceosoffice",
        "The \"inner\" circle <confidential>",
        Kind::Unified,
        &["evelyn.hart"],
        In::Named(&["evelyn.hart", "marcus.bell", "nadia.rahman"]),
    ),
    room(
        "Legacy Scanners",
        "legacyscanners",
        "Nobody owns it",
        Kind::Security,
        &[],
        In::Named(&["svc-scanner"]),
    ),
    // Contains other groups: see `open`.
    room(
        "Revenue Org",
        "revenueorg",
        "Groups in a group",
        Kind::Security,
        &["grace.tan"],
        In::Named(&["evelyn.hart"]),
    ),
    // Some of their members are in error: see `products`.
    room(
        "Licence Microsoft 365 E5",
        "lic-e5",
        "Members inherit Microsoft 365 E5",
        Kind::Licensed(products::SPE_E5),
        &["doug"],
        In::Named(&[]),
    ),
    room(
        "Licence Office 365 E3",
        "lic-o365e3",
        "Members inherit Office 365 E3",
        Kind::Licensed(products::ENTERPRISEPACK),
        &["doug"],
        In::Named(&["anna.silva"]),
    ),
];

/// Makes the groups and lets the people in.
pub(super) fn open(tenant: &mut Tenant, dice: &mut Dice) {
    for (at, room) in (0..).zip(ROOMS) {
        let group = group(tenant, room, dice.guid(), at);
        tenant.groups.add(group);
    }
    let named = |name: &str| -> Vec<Uuid> {
        tenant.groups.iter().filter(|group| group.display_name == name).map(|g| g.id).collect()
    };
    let children: BTreeSet<Uuid> =
        ["Sales Team", "Sales by Rule"].into_iter().flat_map(named).collect();
    if let Some(parent) = tenant.groups.iter_mut().find(|group| group.display_name == "Revenue Org")
    {
        parent.member_groups = children;
    }
    let dynamic: Vec<Uuid> =
        tenant.groups.iter().filter(|group| group.dynamic()).map(|group| group.id).collect();
    for group in dynamic {
        tenant.follow_rule(group);
    }
}

fn group(tenant: &Tenant, room: &Room, id: Uuid, at: i64) -> Group {
    let find = |alias: &&str| {
        let user = tenant
            .people
            .find(&format!("{alias}@{}", tenant.domain))
            .or_else(|| tenant.people.iter().find(|user| user.upn.starts_with(*alias)));
        user.map(|user| user.id)
    };
    let members = match room.members {
        In::Named(aliases) => aliases.iter().filter_map(find).collect(),
        In::Department(name, except) => {
            let except: BTreeSet<Uuid> = except.iter().filter_map(find).collect();
            let belongs = tenant
                .people
                .iter()
                .filter(|user| user.department.as_deref() == Some(name) && user.enabled)
                .map(|user| user.id);
            belongs.filter(|id| !except.contains(id)).collect()
        }
        In::Inherits => {
            tenant.people.iter().filter(|user| people::inherits_f3(user)).map(|u| u.id).collect()
        }
    };
    let unified = matches!(room.kind, Kind::Team | Kind::Unified);
    let mail_enabled = unified || matches!(room.kind, Kind::DistributionList | Kind::MailSecurity);
    Group {
        id,
        display_name: room.name.to_owned(),
        description: Some(room.about.to_owned()),
        mail: mail_enabled.then(|| format!("{}@{}", room.nickname, tenant.domain)),
        mail_nickname: room.nickname.to_owned(),
        security_enabled: !unified && !matches!(room.kind, Kind::DistributionList),
        mail_enabled,
        unified,
        membership_rule: match room.kind {
            Kind::Dynamic(rule) => Some(rule.to_owned()),
            _ => None,
        },
        role_assignable: matches!(room.kind, Kind::RoleAssignable),
        on_premises_synced: matches!(room.kind, Kind::Synced),
        visibility: match (unified, room.name) {
            (true, "Marketing Campaigns") => Some("Public".to_owned()),
            (true, "CEO's Office") => Some("HiddenMembership".to_owned()),
            (true, _) => Some("Private".to_owned()),
            (false, _) if matches!(room.kind, Kind::RoleAssignable) => Some("Private".to_owned()),
            (false, _) => None,
        },
        team: matches!(room.kind, Kind::Team),
        created: day(30 + at),
        owners: room.owners.iter().filter_map(find).collect(),
        members,
        member_groups: BTreeSet::new(),
        licences: match room.kind {
            Kind::Licensed(sku) => vec![sku],
            _ => Vec::new(),
        },
    }
}
