//! The simulated tenant: accounts, what a request does to them, and its own audit log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use subtwin_kernel::{Method, MethodKind, MethodRef, Property, Step, TenantEntry};
use uuid::Uuid;

use super::company::{CARL, GROUPS, PEOPLE, PRODUCTS, TWIN, group_index, index, sku_index, user};

/// What can change about a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) blocked: bool,
    pub(super) revoked: Option<Timestamp>,
    pub(super) password: Option<Timestamp>,
    pub(super) pass: Option<(u64, Timestamp)>,
    pub(super) methods: BTreeSet<MethodRef>,
    pub(super) skus: BTreeSet<usize>,
    pub(super) groups: BTreeSet<usize>,
    pub(super) profile: BTreeMap<Property, String>,
    pub(super) manager: Option<usize>,
}

/// Everybody's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accounts(pub(super) Vec<Account>);

impl Accounts {
    pub(super) fn new() -> Self {
        let account = |at: usize| Account {
            methods: [MethodKind::Phone, MethodKind::MicrosoftAuthenticator]
                .map(|kind| MethodRef { kind, id: format!("{kind:?}-{at}") })
                .into(),
            manager: PEOPLE[at].manager,
            // Every third has a licence or is in a group, so that there is something to take away.
            skus: if at.is_multiple_of(3) { [0].into() } else { BTreeSet::new() },
            groups: if at % 3 == 1 { [0].into() } else { BTreeSet::new() },
            blocked: at == CARL,
            ..Account::default()
        };
        Self((0..PEOPLE.len()).map(account).collect())
    }

    pub(super) fn free(&self, sku: usize) -> u32 {
        let used = self.0.iter().filter(|account| account.skus.contains(&sku)).count();
        PRODUCTS[sku].2.saturating_sub(u32::try_from(used).unwrap())
    }
}

/// One change of one person, as the tenant understands a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    pub(super) person: usize,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Password,
    Pass,
    Method(String),
    Revoke,
    Enabled(bool),
    Licence(usize, bool),
    Member(usize, bool),
    Profile(BTreeMap<String, String>),
    Manager(Option<usize>),
}

impl What {
    pub(super) const fn activity(&self) -> &'static str {
        match self {
            Self::Password => "Reset user password",
            Self::Pass => "Admin registered security info",
            Self::Method(_) => "Admin deleted security info",
            Self::Revoke => "Update StsRefreshTokenValidFrom Timestamp",
            Self::Enabled(true) => "Enable account",
            Self::Enabled(false) => "Disable account",
            Self::Licence(..) => "Change user license",
            Self::Member(_, true) => "Add member to group",
            Self::Member(_, false) => "Remove member from group",
            Self::Profile(_) => "Update user",
            Self::Manager(_) => "Set user manager",
        }
    }
}

impl Deed {
    /// Reads a request to the letter. What is none that the tenant knows is none.
    pub(super) fn of(step: &Step) -> Option<Self> {
        let path: Vec<&str> = step.path.strip_prefix("/v1.0/")?.split('/').collect();
        let body = step.body.as_ref();
        let person = |text: &str| index(text.parse().ok()?);
        let (person, what) = match (step.method, path.as_slice()) {
            (Method::Post, ["users", id, "revokeSignInSessions"]) => (person(id)?, What::Revoke),
            (Method::Post, ["users", id, "assignLicense"]) => {
                let body = body?;
                let one = |field: &str| body.get(field)?.as_array()?.first().cloned();
                let sku = |value: &Value| sku_index(value.as_str()?.parse().ok()?);
                let what = match (one("addLicenses"), one("removeLicenses")) {
                    (Some(add), None) => What::Licence(sku(add.get("skuId")?)?, true),
                    (None, Some(gone)) => What::Licence(sku(&gone)?, false),
                    _ => return None,
                };
                (person(id)?, what)
            }
            (Method::Post, ["groups", id, "members", "$ref"]) => {
                let member = body?.get("@odata.id")?.as_str()?.rsplit('/').next()?;
                (person(member)?, What::Member(group_index(id.parse().ok()?)?, true))
            }
            (Method::Delete, ["groups", id, "members", member, "$ref"]) => {
                (person(member)?, What::Member(group_index(id.parse().ok()?)?, false))
            }
            (Method::Post, ["users", id, "authentication", "temporaryAccessPassMethods"]) => {
                (person(id)?, What::Pass)
            }
            (Method::Delete, ["users", id, "authentication", "methods", method]) => {
                (person(id)?, What::Method((*method).to_owned()))
            }
            (Method::Put, ["users", id, "manager", "$ref"]) => {
                let manager = body?.get("@odata.id")?.as_str()?.rsplit('/').next()?;
                (person(id)?, What::Manager(Some(person(manager)?)))
            }
            (Method::Delete, ["users", id, "manager", "$ref"]) => {
                (person(id)?, What::Manager(None))
            }
            (Method::Patch, ["users", id]) => {
                let fields = body?.as_object()?;
                let what = if fields.contains_key("passwordProfile") {
                    What::Password
                } else if let Some(enabled) = fields.get("accountEnabled") {
                    What::Enabled(enabled.as_bool()?)
                } else {
                    let set = fields.iter().map(|(key, value)| {
                        (key.clone(), value.as_str().unwrap_or_default().to_owned())
                    });
                    What::Profile(set.collect())
                };
                (person(id)?, what)
            }
            _ => return None,
        };
        Some(Self { person, what })
    }
}

/// What a request came to inside the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    Changed,
    AlreadySo,
    Refused(&'static str),
}

/// One change that really happened.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    pub(super) id: Uuid,
    pub(super) deed: Deed,
    pub(super) at: Timestamp,
}

/// One entry of the tenant's own log.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) entry: TenantEntry,
    pub(super) deed: Deed,
    pub(super) visible: Timestamp,
    /// The call that caused it; the tenant itself does not tell.
    pub(super) by: Uuid,
}

/// The tenant.
#[derive(Debug)]
pub(super) struct Tenant {
    /// Every state there was, and from when on.
    pub(super) history: Vec<(Timestamp, Arc<Accounts>)>,
    pub(super) effects: Vec<Effect>,
    pub(super) log: Vec<Written>,
    pub(super) audit_delay: Duration,
    pub(super) copies_ids: bool,
    passes: u64,
}

impl Tenant {
    pub(super) fn new(start: Timestamp) -> Self {
        Self {
            history: vec![(start, Arc::new(Accounts::new()))],
            effects: Vec::new(),
            log: Vec::new(),
            audit_delay: Duration::ZERO,
            copies_ids: true,
            passes: 0,
        }
    }

    pub(super) fn now(&self) -> &Accounts {
        &self.history.last().unwrap().1
    }

    /// As a replica shows it that was last brought up to date at `at`.
    pub(super) fn at(&self, at: Timestamp) -> &Arc<Accounts> {
        let known = self.history.iter().rev().find(|(from, _)| *from <= at);
        &known.unwrap_or(&self.history[0]).1
    }

    /// Carries a request out. `id` is what it carries as `client-request-id`; none is an
    /// administrator's own doing.
    pub(super) fn apply(&mut self, deed: &Deed, id: Option<Uuid>, at: Timestamp) -> Applied {
        let mut accounts = Accounts::clone(self.now());
        match self.change(&mut accounts, deed, at) {
            Applied::Changed => {}
            other => return other,
        }
        self.history.push((at, Arc::new(accounts)));
        if let Some(id) = id {
            self.effects.push(Effect { id, deed: deed.clone(), at });
            self.write(deed, id, at);
        }
        Applied::Changed
    }

    fn change(&mut self, accounts: &mut Accounts, deed: &Deed, at: Timestamp) -> Applied {
        let free = match deed.what {
            What::Licence(sku, true) => accounts.free(sku),
            _ => 0,
        };
        let account = &mut accounts.0[deed.person];
        match &deed.what {
            What::Password => account.password = Some(at),
            What::Revoke => account.revoked = Some(at),
            What::Pass if account.pass.is_some() => return Applied::Refused("tap-exists"),
            What::Pass => {
                self.passes += 1;
                account.pass = Some((self.passes, at));
            }
            What::Method(id) => {
                let is_pass = account.pass.is_some_and(|(number, _)| *id == pass_id(number));
                if is_pass {
                    account.pass = None;
                } else if let Some(found) = account.methods.iter().find(|m| m.id == *id).cloned() {
                    account.methods.remove(&found);
                } else {
                    return Applied::AlreadySo;
                }
            }
            // Setting what is set already is accepted, and changes nothing.
            What::Enabled(enabled) if account.blocked != *enabled => return Applied::AlreadySo,
            What::Enabled(enabled) => account.blocked = !enabled,
            What::Licence(sku, true) if account.skus.contains(sku) => return Applied::AlreadySo,
            What::Licence(_, true) if free == 0 => return Applied::Refused("no-seats"),
            What::Licence(sku, true) => drop(account.skus.insert(*sku)),
            What::Licence(sku, false) => {
                if !account.skus.remove(sku) {
                    return Applied::AlreadySo;
                }
            }
            What::Member(group, true) => {
                if !account.groups.insert(*group) {
                    return Applied::AlreadySo;
                }
            }
            What::Member(group, false) => {
                if !account.groups.remove(group) {
                    return Applied::AlreadySo;
                }
            }
            What::Profile(set) => {
                let before = account.profile.clone();
                for (name, value) in set {
                    let property = Property::ALL.into_iter().find(|it| it.name() == name).unwrap();
                    if value.is_empty() {
                        account.profile.remove(&property);
                    } else {
                        account.profile.insert(property, value.clone());
                    }
                }
                if account.profile == before {
                    return Applied::AlreadySo;
                }
            }
            What::Manager(manager) if account.manager == *manager => return Applied::AlreadySo,
            What::Manager(manager) => account.manager = *manager,
        }
        Applied::Changed
    }

    fn write(&mut self, deed: &Deed, id: Uuid, at: Timestamp) {
        let number = self.log.len();
        let correlation = if self.copies_ids { id } else { Uuid::from_u128(number as u128 + 1) };
        let entry = TenantEntry {
            id: format!("Directory_{number}"),
            activity: deed.what.activity().to_owned(),
            at,
            initiated_by: PEOPLE[super::company::SAM].upn.to_owned(),
            correlation_id: correlation.to_string(),
            raw: json!({"target": user(deed.person), "by": TWIN, "id": number}),
        };
        let visible = at.saturating_add(self.audit_delay).unwrap();
        self.log.push(Written { entry, deed: deed.clone(), visible, by: id });
    }
}

/// The id of an access pass among somebody's methods.
pub(super) fn pass_id(number: u64) -> String {
    format!("pass-{number}")
}

/// Who owns a group.
pub(super) fn owners(group: usize) -> Vec<usize> {
    GROUPS[group].2.into_iter().collect()
}
