use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::AssignedLicence;

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
    /// For the password grant and the sign-in page; sample users share one.
    pub(crate) password: String,
}

/// Every user, found by id or by UPN (any case).
#[derive(Debug, Default)]
pub(crate) struct People {
    by_id: HashMap<Uuid, usize>,
    by_upn: HashMap<String, usize>,
    all: Vec<User>,
}

impl People {
    /// Adds a user. The caller has made sure that id and UPN are new.
    pub(crate) fn add(&mut self, user: User) {
        let at = self.all.len();
        self.by_id.insert(user.id, at);
        self.by_upn.insert(user.upn.to_lowercase(), at);
        self.all.push(user);
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&User> {
        self.all.get(*self.by_id.get(&id)?)
    }

    pub(crate) fn get_mut(&mut self, id: Uuid) -> Option<&mut User> {
        self.all.get_mut(*self.by_id.get(&id)?)
    }

    /// By object id or UPN, as Graph's `/users/{id | userPrincipalName}`.
    pub(crate) fn find(&self, key: &str) -> Option<&User> {
        if let Ok(id) = Uuid::try_parse(key) {
            return self.get(id);
        }
        self.all.get(*self.by_upn.get(&key.to_lowercase())?)
    }

    /// In creation order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &User> {
        self.all.iter()
    }
}
