//! A small company to ask about.

use std::collections::BTreeMap;

use jiff::civil::Weekday;
use subtwin_kernel::{Action, GroupId, MethodKind, MethodRef, Property, SkuId, Tool, UserId};
use subtwin_policy::{Asker, GroupTarget, Protected, Question, Target, When};
use uuid::Uuid;

pub(crate) const SARAH: u128 = 1;
pub(crate) const DOUG: u128 = 2;
pub(crate) const DANA: u128 = 3;
pub(crate) const MONA: u128 = 4;
pub(crate) const OLGA: u128 = 5;
pub(crate) const PAUL: u128 = 6;
pub(crate) const CARL: u128 = 7;
pub(crate) const GINA: u128 = 8;
pub(crate) const BOB: u128 = 9;
pub(crate) const SAM: u128 = 10;
pub(crate) const ADA: u128 = 11;
pub(crate) const STELLA: u128 = 12;
pub(crate) const BREAK_GLASS: u128 = 13;

pub(crate) const FINANCE: u128 = 0x100;
pub(crate) const E3: u128 = 0x200;

/// A working day at work.
pub(crate) const TUESDAY_TEN: When = When { hour: 10, weekday: Weekday::Tuesday };

pub(crate) fn user(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(number))
}

pub(crate) fn group_id(number: u128) -> GroupId {
    GroupId::new(Uuid::from_u128(number))
}

/// Everybody, with who they are in this company.
pub(crate) const EVERYBODY: [(&str, u128); 13] = [
    ("Sarah", SARAH),
    ("Doug, helpdesk", DOUG),
    ("Dana, helpdesk", DANA),
    ("Mona, Sarah's manager", MONA),
    ("Olga, owner of Finance", OLGA),
    ("Paul, approver", PAUL),
    ("Carl, a colleague", CARL),
    ("Gina, a guest on helpdesk", GINA),
    ("Bob, helpdesk but blocked", BOB),
    ("Sam, the twin", SAM),
    ("Ada, administrator", ADA),
    ("Stella, the twin's sponsor", STELLA),
    ("break-glass", BREAK_GLASS),
];

pub(crate) fn asker(number: u128) -> Asker {
    Asker {
        id: user(number),
        upn: format!("Person{number}@contoso.com"),
        enabled: number != BOB,
        guest: number == GINA,
        twin: number == SAM,
        helpdesk: [DOUG, DANA, GINA, BOB, SAM].contains(&number),
        approver: number == PAUL,
        department: department(number),
        groups: Vec::new(),
    }
}

fn department(number: u128) -> Option<String> {
    match number {
        SARAH | OLGA => Some("Finance".to_owned()),
        DOUG | DANA => Some("IT".to_owned()),
        _ => None,
    }
}

pub(crate) fn target(number: u128) -> Target {
    Target {
        id: user(number),
        upn: format!("Person{number}@contoso.com"),
        enabled: number != BOB,
        guest: number == GINA,
        synced: false,
        department: department(number),
        manager: (number == SARAH).then(|| user(MONA)),
        privileged: number == ADA,
        protected: match number {
            SAM => Some(Protected::Twin),
            STELLA => Some(Protected::Sponsor),
            BREAK_GLASS => Some(Protected::BreakGlass),
            _ => None,
        },
    }
}

pub(crate) fn finance() -> GroupTarget {
    GroupTarget {
        id: group_id(FINANCE),
        name: "Finance".to_owned(),
        owners: vec![user(OLGA)],
        role_assignable: false,
    }
}

/// What a tool does to somebody.
pub(crate) fn using(tool: Tool, person: UserId) -> Action {
    let (sku, group) = (SkuId::new(Uuid::from_u128(E3)), group_id(FINANCE));
    match tool {
        Tool::UserFind => Action::UserFind { person },
        Tool::SigninExplain => Action::SigninExplain { person },
        Tool::PasswordReset => Action::PasswordReset { person },
        Tool::TapIssue => Action::TapIssue { person, minutes: 60, reusable: false },
        Tool::MfaReset => Action::MfaReset { person },
        Tool::SessionRevoke => Action::SessionRevoke { person },
        Tool::AccountBlock => Action::AccountBlock { person },
        Tool::AccountUnblock => Action::AccountUnblock { person },
        Tool::LicenseAssign => Action::LicenseAssign { person, sku, disabled_plans: Vec::new() },
        Tool::LicenseRemove => Action::LicenseRemove { person, sku },
        Tool::GroupMemberAdd => Action::GroupMemberAdd { person, group },
        Tool::GroupMemberRemove => Action::GroupMemberRemove { person, group },
        Tool::UserUpdate => setting(&[Property::JobTitle], person),
    }
}

pub(crate) fn setting(properties: &[Property], person: UserId) -> Action {
    let set: BTreeMap<_, _> = properties.iter().map(|key| (*key, "new".to_owned())).collect();
    Action::UserUpdate { person, set }
}

/// Every shape an action can take: each tool's, and those that are parts or variants of one.
pub(crate) fn deeds(person: UserId) -> Vec<(String, Action)> {
    let mut deeds: Vec<(String, Action)> =
        Tool::ALL.map(|tool| (tool.to_string(), using(tool, person))).into();
    let method = MethodRef { kind: MethodKind::Phone, id: "1".to_owned() };
    deeds.push(("tap.issue, taken back".to_owned(), Action::TapWithdraw { person }));
    deeds.push(("mfa.reset, one method".to_owned(), Action::MethodRemove { person, method }));
    let phone = setting(&[Property::MobilePhone], person);
    deeds.push(("user.update, phone".to_owned(), phone));
    let name = setting(&[Property::JobTitle, Property::DisplayName], person);
    deeds.push(("user.update, title and name".to_owned(), name));
    let manager = Action::ManagerSet { person, manager: Some(user(CARL)) };
    deeds.push(("user.update, manager".to_owned(), manager));
    deeds
}

/// Asks on a Tuesday at ten, for one thing.
pub(crate) fn question<'a>(
    asker: &'a Asker,
    action: &'a Action,
    target: &'a Target,
    group: &'a GroupTarget,
) -> Question<'a> {
    let group = action.group().map(|_| group);
    Question { asker, action, target, group, when: TUESDAY_TEN, count: 1 }
}
