use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::{AssignedLicence, Methods, Secret};

/// A user object.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) display_name: String,
    pub(crate) given_name: Option<String>,
    pub(crate) surname: Option<String>,
    pub(crate) upn: String,
    pub(crate) mail: Option<String>,
    pub(crate) job_title: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) office_location: Option<String>,
    pub(crate) employee_id: Option<String>,
    pub(crate) mobile_phone: Option<String>,
    pub(crate) business_phones: Vec<String>,
    pub(crate) usage_location: Option<String>,
    pub(crate) preferred_language: Option<String>,
    /// `Guest` instead of `Member`.
    pub(crate) guest: bool,
    pub(crate) enabled: bool,
    pub(crate) on_premises_synced: bool,
    pub(crate) created: Timestamp,
    pub(crate) manager: Option<Uuid>,
    /// Direct assignments and those inherited from groups.
    pub(crate) licences: Vec<AssignedLicence>,
    /// `signInSessionsValidFromDateTime`: refresh tokens older than this are refused.
    pub(crate) sessions_valid_from: Timestamp,
    /// `lastPasswordChangeDateTime`.
    pub(crate) password_changed: Timestamp,
    /// For the password grant and the sign-in page; sample users share one.
    pub(crate) password: Secret,
    /// After a reset, until the person has chosen a password of their own.
    pub(crate) must_change_password: bool,
    /// AADSTS number that every sign-in of this person is refused with.
    pub(crate) barred: Option<u32>,
    pub(crate) methods: Methods,
    /// How far Teams is with this person.
    pub(crate) teams: Readiness,
    /// `identityParentId`: the agent identity whose user this is.
    pub(crate) identity_parent: Option<Uuid>,
    /// What few people have filled in.
    pub(crate) extra: Option<Box<Extra>>,
}

/// How far Teams is with somebody. Whoever was here before the sandbox started is ready as soon as
/// they are licensed; somebody new waits once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// Never had a licence with Teams.
    New,
    /// Has had one since then.
    Since(Timestamp),
}

/// The rarely used part of a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    pub(crate) company_name: Option<String>,
    pub(crate) street_address: Option<String>,
    pub(crate) city: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) postal_code: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) other_mails: Vec<String>,
}

impl User {
    /// Whether this SKU is held, directly or through a group, and its services work.
    #[cfg(test)]
    pub(crate) fn holds(&self, sku: Uuid) -> bool {
        self.licences.iter().any(|licence| licence.sku == sku && licence.state == "Active")
    }
}

/// Every user, found by id, by UPN (any case) or by mail address.
#[derive(Clone, Debug, Default)]
pub(crate) struct People {
    by_id: HashMap<Uuid, usize>,
    by_upn: HashMap<String, usize>,
    /// Only addresses that differ from the UPN.
    by_mail: HashMap<String, usize>,
    /// Deleted users leave a gap, so that a position stays a stable page mark.
    all: Vec<Option<User>>,
}

impl People {
    /// Adds a user. The caller has made sure that id and UPN are new.
    pub(crate) fn add(&mut self, user: User) {
        let at = self.all.len();
        let upn = user.upn.to_lowercase();
        self.by_id.insert(user.id, at);
        if let Some(mail) = user.mail.as_ref().map(|mail| mail.to_lowercase())
            && mail != upn
        {
            self.by_mail.insert(mail, at);
        }
        self.by_upn.insert(upn, at);
        self.all.push(Some(user));
    }

    /// Takes a user out of the directory.
    pub(crate) fn remove(&mut self, id: Uuid) -> Option<User> {
        let at = self.by_id.remove(&id)?;
        let user = self.all.get_mut(at)?.take()?;
        self.by_upn.remove(&user.upn.to_lowercase());
        if let Some(mail) = &user.mail {
            self.by_mail.remove(&mail.to_lowercase());
        }
        Some(user)
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&User> {
        self.at(*self.by_id.get(&id)?)
    }

    /// For changes to anything but id, UPN and mail, which are indexed.
    pub(crate) fn get_mut(&mut self, id: Uuid) -> Option<&mut User> {
        self.all.get_mut(*self.by_id.get(&id)?)?.as_mut()
    }

    /// By object id or UPN, as Graph's `/users/{id | userPrincipalName}`.
    pub(crate) fn find(&self, key: &str) -> Option<&User> {
        if let Ok(id) = Uuid::try_parse(key) {
            return self.get(id);
        }
        self.find_by_upn(key)
    }

    /// By UPN only.
    pub(crate) fn find_by_upn(&self, upn: &str) -> Option<&User> {
        self.at(*self.by_upn.get(&upn.to_lowercase())?)
    }

    /// Leaves everybody who reports to this manager without one.
    pub(crate) fn leave_reports_of(&mut self, manager: Uuid) {
        for user in self.all.iter_mut().flatten().filter(|it| it.manager == Some(manager)) {
            user.manager = None;
        }
    }

    /// By primary mail address.
    pub(crate) fn find_by_mail(&self, mail: &str) -> Option<&User> {
        let mail = mail.to_lowercase();
        let by_mail = self.by_mail.get(&mail).or_else(|| self.by_upn.get(&mail));
        let user = self.at(*by_mail?)?;
        user.mail.as_ref().is_some_and(|own| own.to_lowercase() == mail).then_some(user)
    }

    /// In creation order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &User> {
        self.all.iter().flatten()
    }

    /// In creation order, each with its position, from a position on.
    pub(crate) fn from(&self, position: usize) -> impl Iterator<Item = (usize, &User)> {
        self.all
            .iter()
            .enumerate()
            .skip(position)
            .filter_map(|(at, user)| user.as_ref().map(|user| (at, user)))
    }

    fn at(&self, position: usize) -> Option<&User> {
        self.all.get(position)?.as_ref()
    }
}
