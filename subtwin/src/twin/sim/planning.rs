//! The simulated tenant read: lookups, the facts for policies, and the parts of plans.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Value, json};
use subtwin_confirm::{Planner, Refusal};
use subtwin_kernel::names::{look_alike, shown};
use subtwin_kernel::{
    Action, Group, GroupId, Inverse, Licence, Method, Part, Person, Property, Shown, Step, Touch,
    UserId, Words,
};
use subtwin_policy::{Asker, GroupTarget, Protected, Target};
use subtwin_understand::{Directory, LookupError};

use super::super::cards::Cards;
use super::company::{
    GROUPS, PEOPLE, PRODUCTS, SALES, SAM, group, group_index, group_object, index, sku, sku_index,
    user,
};
use super::ports::Outside;
use super::tenant::{Account, Accounts, owners, pass_id};

fn lookup(what: &str) -> LookupError {
    LookupError { what: what.to_owned(), cause: "cut".into() }
}

fn object(at: usize, account: &Account) -> Person {
    let fixed = &PEOPLE[at];
    let profile = |property| account.profile.get(&property).cloned();
    Person {
        id: user(at),
        display_name: fixed.name.to_owned(),
        upn: fixed.upn.to_owned(),
        mail: Some(fixed.upn.to_owned()),
        department: profile(Property::Department),
        job_title: profile(Property::JobTitle),
        guest: fixed.guest,
        enabled: fixed.enabled && !account.blocked,
        synced: false,
        usage_location: Some("DE".to_owned()),
    }
}

impl Outside {
    /// What a replica shows, after the time a read takes; nothing when the read fails.
    async fn seen(&self) -> Option<Accounts> {
        if self.0.read().await {
            return None;
        }
        Some(self.0.with(|state| {
            let at = state.replica();
            state.tenant.at(at).clone()
        }))
    }
}

#[async_trait]
impl Directory for Outside {
    async fn people(&self, name: &str) -> Result<Vec<Person>, LookupError> {
        let accounts = self.seen().await.ok_or_else(|| lookup("people"))?;
        let people = (0..PEOPLE.len()).map(|at| object(at, &accounts.0[at]));
        let exact: Vec<Person> =
            people.clone().filter(|person| person.upn.eq_ignore_ascii_case(name)).collect();
        if !exact.is_empty() {
            return Ok(exact);
        }
        let lower = name.to_lowercase();
        let fits = |person: &Person| person.display_name.to_lowercase().starts_with(&lower);
        Ok(people.filter(fits).take(6).collect())
    }

    async fn person(&self, id: UserId) -> Result<Option<Person>, LookupError> {
        let accounts = self.seen().await.ok_or_else(|| lookup("a person"))?;
        Ok(index(id).map(|at| object(at, &accounts.0[at])))
    }

    async fn manager(&self, of: UserId) -> Result<Option<Person>, LookupError> {
        let accounts = self.seen().await.ok_or_else(|| lookup("a manager"))?;
        let manager = index(of).and_then(|at| accounts.0[at].manager);
        Ok(manager.map(|at| object(at, &accounts.0[at])))
    }

    async fn groups(&self, name: &str) -> Result<Vec<Group>, LookupError> {
        self.seen().await.ok_or_else(|| lookup("groups"))?;
        let fits = |at: &usize| GROUPS[*at].0.eq_ignore_ascii_case(name);
        Ok((0..GROUPS.len()).filter(fits).map(group_object).collect())
    }

    async fn group(&self, id: GroupId) -> Result<Option<Group>, LookupError> {
        self.seen().await.ok_or_else(|| lookup("a group"))?;
        Ok(group_index(id).map(group_object))
    }

    async fn licences(&self) -> Result<Vec<Licence>, LookupError> {
        let accounts = self.seen().await.ok_or_else(|| lookup("licences"))?;
        let product = |(at, (part, name, total)): (usize, &(&str, &str, u32))| Licence {
            sku: sku(at),
            part_number: (*part).to_owned(),
            product: (*name).to_owned(),
            free: accounts.free(at),
            total: *total,
        };
        Ok(PRODUCTS.iter().enumerate().map(product).collect())
    }
}

#[async_trait]
impl Cards for Outside {
    async fn card(&self, action: &Action) -> Result<Words, Refusal> {
        let accounts = self.seen().await.ok_or_else(silent)?;
        let at = index(action.person()).ok_or_else(gone)?;
        let person = object(at, &accounts.0[at]);
        Ok(Words::strong(person.display_name).fact("Mail", person.upn))
    }
}

fn silent() -> Refusal {
    Refusal::Unavailable { doing: "reading", cause: "cut".into() }
}

fn gone() -> Refusal {
    impossible("no-such-person", "That person is not in the directory any more.")
}

fn impossible(code: &'static str, reason: &str) -> Refusal {
    Refusal::Impossible { code, reason: reason.to_owned() }
}

#[async_trait]
impl Planner for Outside {
    async fn asker(&self, who: UserId, _: &[GroupId]) -> Result<Asker, Refusal> {
        let accounts = self.seen().await.ok_or_else(silent)?;
        let at = index(who).ok_or(Refusal::NotAllowed { rules: Vec::new() })?;
        let (fixed, person) = (&PEOPLE[at], object(at, &accounts.0[at]));
        Ok(Asker {
            id: who,
            upn: person.upn,
            enabled: person.enabled,
            guest: person.guest,
            twin: at == SAM,
            helpdesk: fixed.helpdesk,
            approver: fixed.approver,
            department: person.department,
            groups: Vec::new(),
        })
    }

    async fn target(&self, action: &Action) -> Result<(Target, Option<GroupTarget>), Refusal> {
        let accounts = self.seen().await.ok_or_else(silent)?;
        let at = index(action.person()).ok_or_else(gone)?;
        let (fixed, person) = (&PEOPLE[at], object(at, &accounts.0[at]));
        let of_group = |at: usize| GroupTarget {
            id: group(at),
            name: GROUPS[at].0.to_owned(),
            owners: owners(at).into_iter().map(user).collect(),
            role_assignable: GROUPS[at].1,
        };
        let target = Target {
            id: person.id,
            upn: person.upn,
            enabled: person.enabled,
            guest: person.guest,
            synced: false,
            department: person.department,
            manager: accounts.0[at].manager.map(user),
            privileged: fixed.privileged,
            protected: match at {
                SAM => Some(Protected::Twin),
                _ if fixed.sponsor => Some(Protected::Sponsor),
                _ => None,
            },
        };
        Ok((target, action.group().and_then(group_index).map(of_group)))
    }

    async fn parts(
        &self,
        action: &Action,
        requester: &Asker,
        before: &[Part],
    ) -> Result<Vec<Part>, Refusal> {
        if self.0.read().await {
            return Err(silent());
        }
        self.0.with(|state| {
            let seen = state.replica();
            let accounts = state.tenant.at(seen).clone();
            let parts = parts(&accounts, action, requester, before)?;
            for part in &parts {
                let key = serde_json::to_string(&part.action).unwrap();
                let now = state.now;
                state.looked.entry(key).or_default().push((now, part.shown.before.clone()));
            }
            Ok(parts)
        })
    }

    async fn approvers(&self) -> Result<Vec<UserId>, Refusal> {
        self.seen().await.ok_or_else(silent)?;
        let may = |at: &usize| PEOPLE[*at].approver || PEOPLE[*at].helpdesk;
        Ok((0..PEOPLE.len()).filter(may).map(user).collect())
    }

    fn appears_as(&self) -> String {
        "Sam (sam@contoso.com)".to_owned()
    }
}

fn parts(
    accounts: &Accounts,
    action: &Action,
    requester: &Asker,
    before: &[Part],
) -> Result<Vec<Part>, Refusal> {
    let at = index(action.person()).ok_or_else(gone)?;
    let account = &accounts.0[at];
    let is_credential = action.touches().iter().any(|t| matches!(t, Touch::Credential { .. }));
    if is_credential && requester.id == action.person() {
        return Err(impossible("own-credential", "Your own credentials I do not change."));
    }
    let draft = Draft { at, action: action.clone() };
    let so = || Refusal::AlreadySo(format!("For {} it is so already.", draft.label()));
    Ok(match action {
        Action::UserFind { .. } | Action::SigninExplain { .. } => {
            return Err(impossible("read-only", "That only reads."));
        }
        Action::PasswordReset { .. } => vec![draft.part(
            patch(at, json!({"passwordProfile": {"password": Step::NEW_PASSWORD}})),
            format!("Password of {:?}.", account.password),
            none("An old password cannot be brought back."),
        )],
        Action::TapIssue { minutes, reusable, .. } => {
            if account.pass.is_some() {
                return Err(impossible("tap-exists", "There is a pass already."));
            }
            let path =
                format!("/v1.0/users/{}/authentication/temporaryAccessPassMethods", user(at));
            let body = json!({"lifetimeInMinutes": minutes, "isUsableOnce": !reusable});
            let inverse = Inverse::Action(Action::TapWithdraw { person: user(at) });
            vec![draft.part(step(Method::Post, path, Some(body)), "No pass.".to_owned(), inverse)]
        }
        Action::TapWithdraw { .. } => {
            let (number, _) = account.pass.ok_or_else(so)?;
            let method = subtwin_kernel::MethodRef {
                kind: subtwin_kernel::MethodKind::TemporaryAccessPass,
                id: pass_id(number),
            };
            vec![removal(at, method)]
        }
        Action::MfaReset { .. } => {
            if account.methods.is_empty() {
                return Err(so());
            }
            account.methods.iter().map(|method| removal(at, method.clone())).collect()
        }
        Action::MethodRemove { method, .. } => vec![removal(at, method.clone())],
        Action::SessionRevoke { .. } => vec![draft.part(
            step(Method::Post, format!("/v1.0/users/{}/revokeSignInSessions", user(at)), None),
            "Sign-ins made until now are valid.".to_owned(),
            none("Signing in again is enough."),
        )],
        Action::AccountBlock { .. } => {
            if account.blocked {
                return Err(so());
            }
            let inverse = Inverse::Action(Action::AccountUnblock { person: user(at) });
            let step = patch(at, json!({"accountEnabled": false}));
            vec![draft.part(step, "May sign in.".to_owned(), inverse)]
        }
        Action::AccountUnblock { .. } => {
            if !account.blocked {
                return Err(so());
            }
            let inverse = Inverse::Action(Action::AccountBlock { person: user(at) });
            let step = patch(at, json!({"accountEnabled": true}));
            vec![draft.part(step, "May not sign in.".to_owned(), inverse)]
        }
        Action::LicenseAssign { sku: product, .. } => {
            let at_sku = sku_index(*product).ok_or_else(gone)?;
            if account.skus.contains(&at_sku) {
                return Err(so());
            }
            let taken = |part: &&Part| matches!(&part.action, Action::LicenseAssign { sku, .. } if sku == product);
            let taken = u32::try_from(before.iter().filter(taken).count()).unwrap();
            let free = accounts.free(at_sku).saturating_sub(taken);
            if free == 0 {
                return Err(impossible("no-seats", "No seat is free any more."));
            }
            let body = json!({"addLicenses": [{"skuId": product}], "removeLicenses": []});
            let inverse =
                Inverse::Action(Action::LicenseRemove { person: user(at), sku: *product });
            let now = format!("Has {:?}; {free} seats free.", account.skus);
            vec![draft.part(licence(at, body), now, inverse)]
        }
        Action::LicenseRemove { sku: product, .. } => {
            let at_sku = sku_index(*product).ok_or_else(gone)?;
            if !account.skus.contains(&at_sku) {
                return Err(so());
            }
            let body = json!({"addLicenses": [], "removeLicenses": [product]});
            let inverse = Inverse::Action(Action::LicenseAssign {
                person: user(at),
                sku: *product,
                disabled_plans: Vec::new(),
            });
            let now = format!("Has {:?}.", account.skus);
            vec![draft.part(licence(at, body), now, inverse)]
        }
        Action::GroupMemberAdd { group: id, .. } => {
            let at_group = group_index(*id).ok_or_else(gone)?;
            if account.groups.contains(&at_group) {
                return Err(so());
            }
            let body = json!({"@odata.id": format!("https://graph/v1.0/users/{}", user(at))});
            let path = format!("/v1.0/groups/{id}/members/$ref");
            let inverse =
                Inverse::Action(Action::GroupMemberRemove { person: user(at), group: *id });
            let now = format!("In {:?}.", account.groups);
            vec![draft.part(step(Method::Post, path, Some(body)), now, inverse)]
        }
        Action::GroupMemberRemove { group: id, .. } => {
            let at_group = group_index(*id).ok_or_else(gone)?;
            if !account.groups.contains(&at_group) {
                return Err(so());
            }
            let path = format!("/v1.0/groups/{id}/members/{}/$ref", user(at));
            let inverse = Inverse::Action(Action::GroupMemberAdd { person: user(at), group: *id });
            let now = format!("In {:?}.", account.groups);
            vec![draft.part(step(Method::Delete, path, None), now, inverse)]
        }
        Action::UserUpdate { set, .. } => {
            let held = |property| account.profile.get(property).cloned().unwrap_or_default();
            let old: BTreeMap<Property, String> =
                set.keys().map(|property| (*property, held(property))).collect();
            if old == *set {
                return Err(so());
            }
            let fields = set.iter().map(|(k, v)| (k.name().to_owned(), json!(v)));
            let now = format!("{old:?}");
            let inverse = Inverse::Action(Action::UserUpdate { person: user(at), set: old });
            vec![draft.part(patch(at, Value::Object(fields.collect())), now, inverse)]
        }
        Action::ManagerSet { manager, .. } => {
            if account.manager.map(user) == *manager {
                return Err(so());
            }
            let path = format!("/v1.0/users/{}/manager/$ref", user(at));
            let step = match manager {
                Some(id) => {
                    let body = json!({"@odata.id": format!("https://graph/v1.0/users/{id}")});
                    step(Method::Put, path, Some(body))
                }
                None => step(Method::Delete, path, None),
            };
            let old = account.manager.map(user);
            let inverse = Inverse::Action(Action::ManagerSet { person: user(at), manager: old });
            vec![draft.part(step, format!("Manager {old:?}."), inverse)]
        }
    })
}

fn step(method: Method, path: String, body: Option<Value>) -> Step {
    Step { method, path, body }
}

fn patch(at: usize, body: Value) -> Step {
    step(Method::Patch, format!("/v1.0/users/{}", user(at)), Some(body))
}

fn licence(at: usize, body: Value) -> Step {
    step(Method::Post, format!("/v1.0/users/{}/assignLicense", user(at)), Some(body))
}

fn removal(at: usize, method: subtwin_kernel::MethodRef) -> Part {
    let path = format!("/v1.0/users/{}/authentication/methods/{}", user(at), method.id);
    let now = format!("Has {}.", method.id);
    let draft = Draft { at, action: Action::MethodRemove { person: user(at), method } };
    draft.part(step(Method::Delete, path, None), now, none("It must be set up anew."))
}

fn none(why: &str) -> Inverse {
    Inverse::None(why.to_owned())
}

struct Draft {
    at: usize,
    action: Action,
}

impl Draft {
    fn label(&self) -> String {
        format!("{} ({})", shown(PEOPLE[self.at].name), PEOPLE[self.at].upn)
    }

    fn part(self, step: Step, before: String, inverse: Inverse) -> Part {
        let label = self.label();
        let mut touches = self.action.touches();
        // Who is in Sales has an E3 through it.
        if self.action.group() == Some(group(SALES)) {
            touches.push(Touch::Licence { person: user(self.at), sku: sku(0) });
        }
        let name = PEOPLE[self.at].name;
        let alike = PEOPLE.iter().filter(|other| look_alike(other.name, name)).count() > 1;
        Part {
            shown: Shown {
                headline: format!("{} for {label}: {}.", self.action.tool(), step.path),
                target: label,
                object: None,
                before,
                after: "As asked.".to_owned(),
                consequences: Vec::new(),
                undo: "See there.".to_owned(),
            },
            type_back: alike.then(|| PEOPLE[self.at].upn.to_owned()),
            action: self.action,
            step,
            inverse,
            touches,
        }
    }
}
