//! The people, groups and products of the simulated tenant. Fixed; only what is about them changes.

use subtwin_kernel::{ChatId, Group, GroupId, GroupKind, SkuId, TenantId, TwinId, UserId};
use uuid::Uuid;

/// What never changes about a person.
#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) name: &'static str,
    pub(super) upn: &'static str,
    pub(super) manager: Option<usize>,
    pub(super) helpdesk: bool,
    pub(super) approver: bool,
    pub(super) guest: bool,
    pub(super) enabled: bool,
    pub(super) privileged: bool,
    pub(super) sponsor: bool,
}

const NOBODY: Fixed = Fixed {
    name: "",
    upn: "",
    manager: None,
    helpdesk: false,
    approver: false,
    guest: false,
    enabled: true,
    privileged: false,
    sponsor: false,
};

const fn person(name: &'static str, upn: &'static str) -> Fixed {
    Fixed { name, upn, ..NOBODY }
}

pub(super) const DOUG: usize = 0;
pub(super) const DANA: usize = 1;
pub(super) const MONA: usize = 2;
pub(super) const OLGA: usize = 3;
pub(super) const PAUL: usize = 4;
pub(super) const PETRA: usize = 5;
pub(super) const CARL: usize = 6;
pub(super) const GINA: usize = 7;
pub(super) const BOB: usize = 8;
pub(super) const ADA: usize = 9;
pub(super) const SARAH: usize = 10;
pub(super) const SARAH_ALIKE: usize = 11;
pub(super) const OMAR: usize = 12;
pub(super) const SAM: usize = 13;
pub(super) const STELLA: usize = 14;
pub(super) const ZOE: usize = 15;
pub(super) const HANNA: usize = 16;

/// Everybody.
pub(super) const PEOPLE: [Fixed; 17] = [
    Fixed { helpdesk: true, ..person("Doug Hale", "doug@contoso.com") },
    Fixed { helpdesk: true, ..person("Dana Reed", "dana@contoso.com") },
    person("Mona Weiss", "mona@contoso.com"),
    person("Olga Novak", "olga@contoso.com"),
    Fixed { approver: true, ..person("Paul Stone", "paul@contoso.com") },
    Fixed { approver: true, ..person("Petra Vogel", "petra@contoso.com") },
    person("Carl Berg", "carl@contoso.com"),
    Fixed { helpdesk: true, guest: true, ..person("Gina Fox", "gina_fabrikam#EXT#@contoso.com") },
    Fixed { helpdesk: true, enabled: false, ..person("Bob Lane", "bob@contoso.com") },
    Fixed { privileged: true, ..person("Ada Admin", "ada@contoso.com") },
    Fixed { manager: Some(MONA), ..person("Sarah Lin", "sarah.lin@contoso.com") },
    person("S\u{430}rah Lin", "s.lin@contoso.com"),
    Fixed { manager: Some(MONA), ..person("Omar Aziz", "omar@contoso.com") },
    person("Sam", "sam@contoso.com"),
    Fixed { sponsor: true, ..person("Stella Marsh", "stella@contoso.com") },
    person("Zo\u{eb} M\u{fc}ller", "zoe@contoso.com"),
    person("Hanna Koch", "hanna@contoso.com"),
];

pub(super) const HOME: TenantId = TenantId::new(Uuid::from_u128(0xC0));
pub(super) const ELSEWHERE: TenantId = TenantId::new(Uuid::from_u128(0xE0));
pub(super) const TWIN: TwinId = TwinId::new(Uuid::from_u128(0x1000 + SAM as u128));

pub(super) const fn user(at: usize) -> UserId {
    UserId::new(Uuid::from_u128(0x1000 + at as u128))
}

/// Who has this id.
pub(super) fn index(id: UserId) -> Option<usize> {
    let at = usize::try_from(id.guid().as_u128().checked_sub(0x1000)?).ok()?;
    (at < PEOPLE.len()).then_some(at)
}

/// The conversation of somebody and the twin.
pub(super) fn chat_of(at: usize) -> ChatId {
    ChatId::parse(&format!("19:{at:02}_sam@unq.gbl.spaces")).unwrap()
}

pub(super) fn owner_of(chat: &ChatId) -> Option<usize> {
    chat.as_str().get(3..5)?.parse().ok().filter(|at| *at < PEOPLE.len())
}

/// Who is in it has an E3 through it.
pub(super) const SALES: usize = 1;

/// The groups: name, whether it can carry roles, and its owner. Sales brings a licence with it.
pub(super) const GROUPS: [(&str, bool, Option<usize>); 3] =
    [("Finance", false, Some(OLGA)), ("Sales", false, None), ("Admins", true, None)];

pub(super) const fn group(at: usize) -> GroupId {
    GroupId::new(Uuid::from_u128(0x2000 + at as u128))
}

pub(super) fn group_index(id: GroupId) -> Option<usize> {
    let at = usize::try_from(id.guid().as_u128().checked_sub(0x2000)?).ok()?;
    (at < GROUPS.len()).then_some(at)
}

pub(super) fn group_object(at: usize) -> Group {
    let (name, role_assignable, _) = GROUPS[at];
    Group {
        id: group(at),
        display_name: name.to_owned(),
        mail: None,
        description: None,
        kind: GroupKind::Security,
        role_assignable,
        synced: false,
    }
}

/// The products: part number, name, seats. The second has one seat, so that there is a last one.
pub(super) const PRODUCTS: [(&str, &str, u32); 2] =
    [("SPE_E3", "Microsoft 365 E3", 9), ("SPE_F1", "Microsoft 365 F3", 1)];

pub(super) const fn sku(at: usize) -> SkuId {
    SkuId::new(Uuid::from_u128(0x3000 + at as u128))
}

pub(super) fn sku_index(id: SkuId) -> Option<usize> {
    let at = usize::try_from(id.guid().as_u128().checked_sub(0x3000)?).ok()?;
    (at < PRODUCTS.len()).then_some(at)
}
