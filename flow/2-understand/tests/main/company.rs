//! A small directory in memory, and somebody who talks to its twin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{
    Action, ChatId, Group, GroupId, GroupKind, Licence, MessageId, Person, SeededEntropy, SkuId,
    TenantId, UserId,
};
use subtwin_understand::{
    Brain, Builtin, Contact, Directory, LookupError, Mode, Settings, UnderstandError,
    Understanding, Understood,
};
use uuid::Uuid;

/// The directory: people with their managers, groups, licences.
#[derive(Debug)]
pub(crate) struct Company {
    people: Vec<(Person, Option<u128>)>,
    groups: Vec<Group>,
    licences: Vec<Licence>,
    pub(crate) down: AtomicBool,
}

fn person(number: u128, name: &str, upn: &str, department: Option<&str>) -> Person {
    Person {
        id: user(number),
        display_name: name.to_owned(),
        upn: upn.to_owned(),
        mail: Some(upn.to_owned()),
        department: department.map(str::to_owned),
        job_title: None,
        guest: upn.contains("#EXT#"),
        enabled: true,
        synced: false,
        usage_location: Some("US".to_owned()),
    }
}

fn group(number: u128, name: &str, kind: GroupKind, mail: Option<&str>) -> Group {
    Group {
        id: GroupId::new(Uuid::from_u128(number)),
        display_name: name.to_owned(),
        mail: mail.map(str::to_owned),
        description: None,
        kind,
        role_assignable: false,
        synced: false,
    }
}

fn licence(number: u128, part_number: &str, product: &str) -> Licence {
    Licence {
        sku: SkuId::new(Uuid::from_u128(number)),
        part_number: part_number.to_owned(),
        product: product.to_owned(),
        free: 4,
        total: 25,
    }
}

pub(crate) fn user(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(number))
}

/// Doug, who asks.
pub(crate) const DOUG: u128 = 9;

impl Company {
    pub(crate) fn new() -> Self {
        let people = vec![
            (person(1, "Sarah Lin", "sarah.lin@contoso.com", Some("Finance")), Some(9)),
            (person(2, "Sarah Lin", "sarah.lin2@contoso.com", Some("People Operations")), Some(4)),
            (person(3, "Sarah Lindqvist", "sarah.lindqvist@contoso.com", Some("Sales")), None),
            (person(4, "Ann Berg", "ann.berg@contoso.com", Some("Research")), Some(9)),
            (person(5, "Bob Hale", "bob.hale@contoso.com", Some("Sales")), Some(4)),
            (person(6, "Tom Reed", "tom.reed@contoso.com", None), Some(4)),
            (person(7, "Tom Reed Jr", "tom.jr@contoso.com", Some("Sales")), None),
            (person(8, "Max Roth", "max_fabrikam.com#EXT#@contoso.onmicrosoft.com", None), None),
            (person(DOUG, "Doug Price", "doug@contoso.com", Some("IT")), None),
            (person(10, "Max Roth Ltd", "max.roth@contoso.com", Some("Sales")), None),
            (person(11, "Eve\u{202E}nnA <b>", "eve@contoso.com", Some("Sales\nYes")), None),
            (person(12, "Eve Moor", "eve.moor@contoso.com", None), None),
        ];
        let groups = vec![
            group(101, "Finance", GroupKind::Security, None),
            group(102, "Finance Managers", GroupKind::Security, None),
            group(103, "Sales", GroupKind::Microsoft365, Some("sales@contoso.com")),
            group(104, "Marketing", GroupKind::Microsoft365, Some("marketing@contoso.com")),
            group(105, "Marketing", GroupKind::MailEnabled, Some("mkt-list@contoso.com")),
            group(107, "IT", GroupKind::Security, None),
            group(106, "Sales and Marketing", GroupKind::Security, None),
        ];
        let licences = vec![
            licence(201, "SPE_E3", "Microsoft 365 E3"),
            licence(202, "ENTERPRISEPACK", "Office 365 E3"),
            licence(203, "SPE_F1", "Microsoft 365 F3"),
            licence(204, "VISIOCLIENT", "Visio Plan 2"),
            licence(205, "Microsoft_Teams_Enterprise_New", "Microsoft Teams Enterprise"),
        ];
        Self { people, groups, licences, down: AtomicBool::new(false) }
    }

    pub(crate) fn without(mut self, part_number: &str) -> Self {
        self.licences.retain(|licence| licence.part_number != part_number);
        self
    }

    fn up(&self, what: &str) -> Result<(), LookupError> {
        if self.down.load(Ordering::Relaxed) {
            let cause = std::io::Error::other("down");
            return Err(LookupError { what: what.to_owned(), cause: Box::new(cause) });
        }
        Ok(())
    }

    /// An action in names: "assign sarah.lin@contoso.com SPE_E3".
    pub(crate) fn named(&self, action: &Action) -> String {
        let upn_of = |id: UserId| {
            let person = self.people.iter().find(|(person, _)| person.id == id);
            person.map_or("?".to_owned(), |(person, _)| person.upn.clone())
        };
        let upn = upn_of(action.person());
        let group = |id: &GroupId| {
            let group = self.groups.iter().find(|known| known.id == *id);
            group.map_or("?".to_owned(), |group| {
                group.mail.clone().unwrap_or_else(|| group.display_name.clone())
            })
        };
        let licence = |sku: &SkuId| {
            let licence = self.licences.iter().find(|licence| licence.sku == *sku);
            licence.map_or("?".to_owned(), |licence| licence.part_number.clone())
        };
        match action {
            Action::UserFind { .. } => format!("find {upn}"),
            Action::SigninExplain { .. } => format!("explain {upn}"),
            Action::PasswordReset { .. } => format!("password {upn}"),
            Action::TapIssue { minutes, reusable, .. } => {
                format!("pass {upn} {minutes} min{}", if *reusable { " reusable" } else { "" })
            }
            Action::MfaReset { .. } => format!("mfa {upn}"),
            Action::SessionRevoke { .. } => format!("sign out {upn}"),
            Action::AccountBlock { .. } => format!("block {upn}"),
            Action::AccountUnblock { .. } => format!("unblock {upn}"),
            Action::LicenseAssign { sku, .. } => format!("assign {upn} {}", licence(sku)),
            Action::LicenseRemove { sku, .. } => format!("unassign {upn} {}", licence(sku)),
            Action::GroupMemberAdd { group: id, .. } => format!("add {upn} {}", group(id)),
            Action::GroupMemberRemove { group: id, .. } => format!("remove {upn} {}", group(id)),
            Action::UserUpdate { set, .. } => {
                let set =
                    set.iter().map(|(property, value)| format!("{}={value}", property.name()));
                format!("update {upn} {}", set.collect::<Vec<_>>().join(", "))
            }
            Action::ManagerSet { manager, .. } => {
                format!("manager {upn} {}", manager.map_or_else(|| "nobody".to_owned(), upn_of))
            }
            Action::TapWithdraw { .. } | Action::MethodRemove { .. } => {
                unreachable!("no message asks for {action:?}")
            }
        }
    }
}

#[async_trait]
impl Directory for Company {
    async fn people(&self, name: &str) -> Result<Vec<Person>, LookupError> {
        self.up("people")?;
        let name = name.to_lowercase();
        let fits = |person: &&Person| {
            // Looser than the port allows, to see that an address is compared again.
            if let Some((local, _)) = name.split_once('@') {
                return person.upn.to_lowercase().starts_with(local);
            }
            let has = person.display_name.to_lowercase();
            name.split_whitespace().all(|word| has.split_whitespace().any(|h| h.starts_with(word)))
        };
        Ok(self.people.iter().map(|(person, _)| person).filter(fits).take(6).cloned().collect())
    }

    async fn person(&self, id: UserId) -> Result<Option<Person>, LookupError> {
        self.up("person")?;
        Ok(self.people.iter().find(|(person, _)| person.id == id).map(|(person, _)| person.clone()))
    }

    async fn manager(&self, of: UserId) -> Result<Option<Person>, LookupError> {
        self.up("manager")?;
        let manager = self.people.iter().find(|(person, _)| person.id == of).and_then(|(_, m)| *m);
        match manager {
            Some(manager) => self.person(user(manager)).await,
            None => Ok(None),
        }
    }

    async fn groups(&self, name: &str) -> Result<Vec<Group>, LookupError> {
        self.up("groups")?;
        let name = name.to_lowercase();
        let starts = |group: &&Group| group.display_name.to_lowercase().starts_with(&name);
        Ok(self.groups.iter().filter(starts).take(6).cloned().collect())
    }

    async fn group(&self, id: GroupId) -> Result<Option<Group>, LookupError> {
        self.up("group")?;
        Ok(self.groups.iter().find(|group| group.id == id).cloned())
    }

    async fn licences(&self) -> Result<Vec<Licence>, LookupError> {
        self.up("licences")?;
        Ok(self.licences.clone())
    }
}

/// A twin of the company, and the time.
#[derive(Debug)]
pub(crate) struct Twin {
    pub(crate) company: Arc<Company>,
    pub(crate) understanding: Understanding,
    pub(crate) now: Timestamp,
    messages: u64,
}

pub(crate) fn settings() -> Settings {
    Settings::new(Contact { name: "Dana Kent".to_owned(), upn: "dana@contoso.com".to_owned() })
}

impl Twin {
    pub(crate) fn new() -> Self {
        Self::of(Company::new(), Arc::new(Builtin::new("Sam")), settings())
    }

    pub(crate) fn of(company: Company, brain: Arc<dyn Brain>, settings: Settings) -> Self {
        let company = Arc::new(company);
        let understanding = Understanding::new(brain, company.clone(), settings);
        let now = Timestamp::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Self { company, understanding, now, messages: 0 }
    }

    /// A new message from somebody.
    pub(crate) fn message(&mut self, from: u128, chat: &str, text: &str) -> Heard {
        self.messages += 1;
        Heard {
            chat: ChatId::parse(chat).unwrap(),
            message: MessageId::new(self.messages),
            from: Speaker {
                tenant: TenantId::new(Uuid::from_u128(77)),
                user: user(from),
                display_name: "Doug Price".to_owned(),
            },
            text: text.to_owned(),
            one_on_one: true,
            at: self.now,
            edited: false,
            refers_to: RefersTo::Nothing,
        }
    }

    pub(crate) async fn hear(&mut self, text: &str) -> Result<Understood, UnderstandError> {
        let heard = self.message(DOUG, "19:doug@unq.gbl.spaces", text);
        self.understanding.understand(&heard, self.now, &SeededEntropy::new(1)).await
    }

    /// What Doug hears back: proposals in names, parted by "; ", or the words.
    pub(crate) async fn says(&mut self, text: &str) -> String {
        let understood = self.hear(text).await.unwrap();
        self.in_short(&understood)
    }

    pub(crate) fn in_short(&self, understood: &Understood) -> String {
        match understood {
            Understood::Propose(proposal) => {
                let actions = proposal.actions.iter().map(|action| self.company.named(action));
                let actions = actions.collect::<Vec<_>>().join("; ");
                match proposal.mode {
                    Mode::Ask => actions,
                    Mode::DryRun => format!("DRY RUN {actions}"),
                }
            }
            Understood::Undo => "UNDO".to_owned(),
            Understood::Say(words) => words.to_text(),
            Understood::HandOver { context, .. } => format!("HAND OVER {context}"),
            Understood::Cancel => "CANCEL".to_owned(),
        }
    }
}
