//! A small company in memory, and plans made from it as an adapter makes them. Small enough to be
//! read, whole enough to be asked everything; the bench asks it, too.

use async_trait::async_trait;
use subtwin_confirm::{Planner, Refusal};
use subtwin_kernel::names::{look_alike, shown};
use subtwin_kernel::{
    Action, GroupId, Inverse, Method, MethodKind, MethodRef, Part, Shown, SkuId, Step, Touch,
    UserId,
};
use subtwin_policy::{Asker, GroupTarget, Protected, Target};
use uuid::Uuid;

pub(crate) const SARAH: UserId = user(1);
pub(crate) const DOUG: UserId = user(2);
pub(crate) const DANA: UserId = user(3);
pub(crate) const PAUL: UserId = user(4);
pub(crate) const MONA: UserId = user(5);
pub(crate) const GINA: UserId = user(6);
pub(crate) const SAM: UserId = user(7);
pub(crate) const BOB: UserId = user(8);
pub(crate) const IRIS: UserId = user(9);
pub(crate) const LRIS: UserId = user(10);
pub(crate) const ADA: UserId = user(11);

pub(crate) const FINANCE: GroupId = GroupId::new(Uuid::from_u128(0x100));
pub(crate) const ADMINS: GroupId = GroupId::new(Uuid::from_u128(0x101));
pub(crate) const E3: SkuId = SkuId::new(Uuid::from_u128(0x200));
pub(crate) const VISIO: SkuId = SkuId::new(Uuid::from_u128(0x201));

const fn user(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(number))
}

#[derive(Clone, Debug)]
pub(crate) struct Company {
    pub(crate) people: Vec<Person>,
    pub(crate) groups: Vec<Group>,
    pub(crate) products: Vec<Product>,
    /// In the order in which they should be asked.
    pub(crate) approvers: Vec<UserId>,
    pub(crate) helpdesk: Vec<UserId>,
    /// Whoever is asked about them gets no answer.
    pub(crate) silent_about: Option<UserId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) upn: String,
    pub(crate) department: Option<String>,
    pub(crate) manager: Option<UserId>,
    pub(crate) enabled: bool,
    pub(crate) licences: Vec<SkuId>,
    pub(crate) groups: Vec<GroupId>,
    pub(crate) methods: Vec<MethodRef>,
    pub(crate) job_title: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    pub(crate) name: String,
    pub(crate) owners: Vec<UserId>,
    pub(crate) role_assignable: bool,
    /// The product that its members get.
    pub(crate) carries: Option<SkuId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) sku: SkuId,
    pub(crate) name: String,
    pub(crate) free: usize,
}

impl Company {
    pub(crate) fn new() -> Self {
        let people = [
            (SARAH, "Sarah Lin", "sarah.lin", "Sales"),
            (DOUG, "Doug Hale", "doug", "IT"),
            (DANA, "Dana Reyes", "dana", "IT"),
            (PAUL, "Paul Grant", "paul", "Security"),
            (MONA, "Mona Adler", "mona", "Sales"),
            (GINA, "Gina Voss", "gina_fabrikam.com#EXT#", "Guests"),
            (SAM, "Sam", "sam", "IT"),
            (BOB, "Bob Stone", "bob", "IT"),
            (IRIS, "Iris Lee", "iris.lee", "Sales"),
            (LRIS, "lris Lee", "lris.lee", "Sales"),
            (ADA, "Ada King", "ada", "IT"),
        ];
        let phone = |kind, id: &str| MethodRef { kind, id: id.to_owned() };
        let person = |(id, name, upn, department): (UserId, &str, &str, &str)| Person {
            id,
            name: name.to_owned(),
            upn: format!("{upn}@contoso.com"),
            department: Some(department.to_owned()),
            manager: (id == SARAH).then_some(MONA),
            enabled: id != BOB,
            licences: Vec::new(),
            groups: Vec::new(),
            methods: vec![phone(MethodKind::Phone, "31"), phone(MethodKind::Fido2, "f2")],
            job_title: String::new(),
        };
        let group = |id, name: &str, carries| Group {
            id,
            name: name.to_owned(),
            owners: vec![MONA],
            role_assignable: id == ADMINS,
            carries,
        };
        let product = |sku, name: &str, free| Product { sku, name: name.to_owned(), free };
        Self {
            people: people.map(person).into(),
            groups: vec![
                group(FINANCE, "Finance", Some(VISIO)),
                group(ADMINS, "Tenant Admins", None),
            ],
            products: vec![product(E3, "Microsoft 365 E3", 3), product(VISIO, "Visio Plan 2", 1)],
            approvers: vec![PAUL, SAM, GINA, BOB, DOUG, SARAH, DANA, PAUL],
            helpdesk: vec![DOUG, DANA],
            silent_about: None,
        }
    }

    fn person(&self, id: UserId) -> Result<&Person, Refusal> {
        if self.silent_about == Some(id) {
            let cause = std::io::Error::other("the line is dead").into();
            return Err(Refusal::Unavailable { doing: "reading a person", cause });
        }
        let found = self.people.iter().find(|person| person.id == id);
        found.ok_or_else(|| impossible("gone", "That account is gone."))
    }

    fn group(&self, id: GroupId) -> Result<&Group, Refusal> {
        let found = self.groups.iter().find(|group| group.id == id);
        found.ok_or_else(|| impossible("gone", "That group is gone."))
    }

    fn product(&self, sku: SkuId) -> Result<&Product, Refusal> {
        let found = self.products.iter().find(|product| product.sku == sku);
        found.ok_or_else(|| impossible("gone", "That product is gone."))
    }

    /// What must be typed because somebody else has a name that looks the same.
    fn type_back(&self, person: &Person) -> Option<String> {
        let twin = |other: &&Person| other.id != person.id && look_alike(&other.name, &person.name);
        self.people.iter().find(twin).map(|_| shown(&person.upn))
    }
}

fn impossible(code: &'static str, reason: impl Into<String>) -> Refusal {
    Refusal::Impossible { code, reason: reason.into() }
}

/// "Sarah Lin (sarah.lin@contoso.com)".
fn named(person: &Person) -> String {
    format!("{} ({})", shown(&person.name), shown(&person.upn))
}

fn is_in<T: PartialEq>(all: &[T], one: &T) -> bool {
    all.contains(one)
}

/// What a part says beside whom it is about.
struct Saying {
    headline: String,
    object: Option<String>,
    before: String,
    after: String,
    consequences: Vec<String>,
    undo: &'static str,
}

const AGAIN: &str = "It can be taken back; ask me.";

#[async_trait]
impl Planner for Company {
    async fn asker(&self, who: UserId, groups: &[GroupId]) -> Result<Asker, Refusal> {
        let person = match self.person(who) {
            Ok(person) => person,
            Err(Refusal::Impossible { .. }) => {
                return Err(Refusal::NotAllowed { rules: Vec::new() });
            }
            Err(refusal) => return Err(refusal),
        };
        Ok(Asker {
            id: who,
            upn: person.upn.clone(),
            enabled: person.enabled,
            guest: who == GINA,
            twin: who == SAM,
            helpdesk: is_in(&self.helpdesk, &who),
            approver: is_in(&self.approvers, &who),
            department: person.department.clone(),
            groups: groups.iter().copied().filter(|group| is_in(&person.groups, group)).collect(),
        })
    }

    async fn target(&self, action: &Action) -> Result<(Target, Option<GroupTarget>), Refusal> {
        let person = self.person(action.person())?;
        let target = Target {
            id: person.id,
            upn: person.upn.clone(),
            enabled: person.enabled,
            guest: person.id == GINA,
            synced: false,
            department: person.department.clone(),
            manager: person.manager,
            privileged: person.id == ADA,
            protected: (person.id == SAM).then_some(Protected::Twin),
        };
        let group = action.group().map(|id| self.group(id)).transpose()?;
        let group = group.map(|group| GroupTarget {
            id: group.id,
            name: group.name.clone(),
            owners: group.owners.clone(),
            role_assignable: group.role_assignable,
        });
        Ok((target, group))
    }

    async fn parts(
        &self,
        action: &Action,
        _requester: &Asker,
        before: &[Part],
    ) -> Result<Vec<Part>, Refusal> {
        let person = self.person(action.person())?;
        if let Action::MfaReset { person: id } = action {
            let remove = |method: &MethodRef| {
                let action = Action::MethodRemove { person: *id, method: method.clone() };
                self.part(&action, person, before)
            };
            return person.methods.iter().map(remove).collect();
        }
        Ok(vec![self.part(action, person, before)?])
    }

    async fn approvers(&self) -> Result<Vec<UserId>, Refusal> {
        Ok(self.approvers.clone())
    }

    fn appears_as(&self) -> String {
        self.person(SAM).map_or_else(|_| "nobody".to_owned(), named)
    }
}

impl Company {
    fn part(&self, action: &Action, person: &Person, before: &[Part]) -> Result<Part, Refusal> {
        let saying = self.saying(action, person, before)?;
        let mut touches = action.touches();
        if let Some(group) = action.group()
            && let Some(sku) = self.group(group)?.carries
        {
            touches.push(Touch::Licence { person: person.id, sku });
        }
        let department = person.department.as_deref().map(shown).unwrap_or_default();
        Ok(Part {
            step: Step {
                method: Method::Post,
                path: format!("/v1.0/users/{}/{}", person.id, action.tool()),
                body: serde_json::to_value(action).ok(),
            },
            shown: Shown {
                headline: saying.headline,
                target: format!("{}, {department}", named(person)),
                object: saying.object,
                before: saying.before,
                after: saying.after,
                consequences: saying.consequences,
                undo: saying.undo.to_owned(),
            },
            inverse: Inverse::None("the company forgets".to_owned()),
            touches,
            type_back: self.type_back(person),
            action: action.clone(),
        })
    }

    fn saying(&self, action: &Action, person: &Person, before: &[Part]) -> Result<Saying, Refusal> {
        let who = named(person);
        let plain = |headline: String, before: &str, after: &str, undo| Saying {
            headline,
            object: None,
            before: before.to_owned(),
            after: after.to_owned(),
            consequences: Vec::new(),
            undo,
        };
        Ok(match action {
            Action::LicenseAssign { sku, .. } => {
                let product = self.product(*sku)?;
                let taken = before.iter().filter(|part| part.action.sku() == Some(*sku)).count();
                let name = shown(&product.name);
                if is_in(&person.licences, sku) {
                    return Err(Refusal::AlreadySo(format!("{who} has {name} already.")));
                }
                let Some(left) = product.free.checked_sub(taken + 1) else {
                    return Err(impossible("no-seats", format!("No seat of {name} is free.")));
                };
                Saying {
                    headline: format!("Give {who} a {name} licence."),
                    object: Some(format!("{name} licence")),
                    before: format!("Has no {name}. {} seats free.", left + 1),
                    after: format!("Has {name}. {left} seats free."),
                    consequences: vec!["Uses one paid seat.".to_owned()],
                    undo: AGAIN,
                }
            }
            Action::GroupMemberAdd { group, .. } => {
                let group = self.group(*group)?;
                let name = shown(&group.name);
                let carries = group.carries.map(|sku| self.product(sku)).transpose()?;
                let brings = carries.map(|it| format!("Brings {} along.", shown(&it.name)));
                Saying {
                    headline: format!("Put {who} into the group {name}."),
                    object: Some(format!("security group {name}")),
                    before: format!("Not in {name}."),
                    after: format!("In {name}."),
                    consequences: brings.into_iter().collect(),
                    undo: AGAIN,
                }
            }
            Action::PasswordReset { .. } => plain(
                format!("Set a new password for {who}."),
                "The password they know.",
                "A new one, which you are shown once.",
                "Cannot be undone: the old password is gone.",
            ),
            Action::TapIssue { minutes, .. } => plain(
                format!("Issue a temporary access pass for {who}."),
                "No access pass.",
                &format!("An access pass for {minutes} minutes, which you are shown once."),
                AGAIN,
            ),
            Action::MethodRemove { method, .. } => plain(
                format!("Remove the {:?} {} of {who}.", method.kind, shown(&method.id)),
                "Registered.",
                "Not registered.",
                "Cannot be undone: they register it anew.",
            ),
            Action::SessionRevoke { .. } => {
                plain(format!("Sign {who} out everywhere."), "Signed in.", "Signed out.", AGAIN)
            }
            Action::AccountBlock { .. } if !person.enabled => {
                return Err(Refusal::AlreadySo(format!("{who} is blocked already.")));
            }
            Action::AccountBlock { .. } => plain(
                format!("Keep {who} from signing in."),
                "May sign in.",
                "May not sign in.",
                AGAIN,
            ),
            Action::UserUpdate { set, .. } => {
                let words: Vec<String> = set
                    .iter()
                    .map(|(property, value)| format!("{} to “{}”", property.words(), shown(value)))
                    .collect();
                let before = format!("Job title “{}”.", shown(&person.job_title));
                plain(
                    format!("Change of {who}: {}.", words.join(", ")),
                    &before,
                    &format!("Set: {}.", words.join(", ")),
                    AGAIN,
                )
            }
            Action::UserFind { .. }
            | Action::SigninExplain { .. }
            | Action::TapWithdraw { .. }
            | Action::MfaReset { .. }
            | Action::AccountUnblock { .. }
            | Action::LicenseRemove { .. }
            | Action::GroupMemberRemove { .. }
            | Action::ManagerSet { .. } => {
                return Err(impossible("not-here", "That is not done in this company."));
            }
        })
    }
}
