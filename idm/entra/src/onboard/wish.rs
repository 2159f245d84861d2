use std::fmt;

use serde::{Deserialize, Serialize};
use subtwin_kernel::{TenantId, Tool};
use uuid::Uuid;

use super::roles::{DirectoryRole, least_roles};

/// One of a member twin's two app registrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Registration {
    /// Reads and writes the twin's own chats.
    Chat,
    /// Carries out the tools.
    Admin,
}

impl Registration {
    /// Both, in the order in which they are made.
    pub const BOTH: [Self; 2] = [Self::Chat, Self::Admin];

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Admin => "admin",
        }
    }

    /// Delegated Graph scopes, pinned: the twin asks for what its tools need and no more.
    #[must_use]
    pub fn scopes(self, tools: &[Tool]) -> Vec<String> {
        match self {
            Self::Chat => CHAT.iter().map(|scope| (*scope).to_owned()).collect(),
            Self::Admin => crate::scopes(tools),
        }
    }
}

/// Which licence the account should get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LicenceWish {
    /// The one that costs least, as far as that can be told, and contains Teams.
    #[default]
    Cheapest,
    /// This product, by part number.
    Product(String),
    /// None: somebody else sees to it, for example a group.
    Nothing,
}

/// A member twin that should exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The directory.
    pub tenant: TenantId,
    /// Display name of the account; the registrations are named after it.
    pub display_name: String,
    /// User principal name of the account.
    pub upn: String,
    /// Where it is used (ISO 3166-1 alpha-2), without which no licence can be given.
    pub usage_location: String,
    /// Its department.
    pub department: Option<String>,
    /// Its job title.
    pub job_title: Option<String>,
    /// What it offers: decides scopes and roles.
    pub tools: Vec<Tool>,
    /// Which licence.
    pub licence: LicenceWish,
    /// Whether an account and registrations that are there already may be used.
    pub adopt: bool,
}

/// Why a wish cannot be carried out anywhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WishError {
    /// Not `alias@domain`.
    #[error("`{0}` is not a user principal name like sam@contoso.com")]
    Upn(String),
    /// Not two letters.
    #[error("`{0}` is not a usage location: two letters, such as US (ISO 3166-1)")]
    UsageLocation(String),
    /// Empty or longer than the directory takes.
    #[error("`{0}` must have 1 to {1} characters")]
    Length(&'static str, usize),
    /// No tool.
    #[error("no tool is named: the twin could do nothing")]
    NoTools,
}

impl Wish {
    /// Checks what needs no directory.
    ///
    /// # Errors
    /// Names what is wrong.
    pub fn check(&self) -> Result<(), WishError> {
        let bad = || WishError::Upn(self.upn.chars().take(120).collect());
        let (alias, domain) = self.upn.split_once('@').ok_or_else(bad)?;
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.'".contains(c);
        if alias.is_empty()
            || !alias.chars().all(good)
            || !domain.contains('.')
            || !domain.chars().all(good)
            || self.upn.len() > 113
        {
            return Err(bad());
        }
        let location = &self.usage_location;
        if location.len() != 2 || !location.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(WishError::UsageLocation(location.chars().take(20).collect()));
        }
        // Leaves room for what the registrations add to it.
        let within = |text: &str, most| (1..=most).contains(&text.chars().count());
        if !within(&self.display_name, 100) {
            return Err(WishError::Length("display name", 100));
        }
        if self.department.as_ref().is_some_and(|text| !within(text, 64)) {
            return Err(WishError::Length("department", 64));
        }
        if self.job_title.as_ref().is_some_and(|text| !within(text, 128)) {
            return Err(WishError::Length("job title", 128));
        }
        if self.tools.is_empty() { Err(WishError::NoTools) } else { Ok(()) }
    }

    /// What the directory grants one registration: its pinned scopes, and those of a sign-in.
    #[must_use]
    pub fn granted(&self, registration: Registration) -> Vec<String> {
        let mut all = registration.scopes(&self.tools);
        all.extend(SIGN_IN.iter().map(|scope| (*scope).to_owned()));
        all.sort();
        all.dedup();
        all
    }

    /// The least directory roles of its tools.
    #[must_use]
    pub fn roles(&self) -> Vec<DirectoryRole> {
        least_roles(&self.tools)
    }

    /// Display name of a registration.
    #[must_use]
    pub fn app_name(&self, registration: Registration) -> String {
        format!("{} {}", self.display_name, registration.name())
    }

    /// What a registration of this twin is found by, whoever made it.
    pub(super) fn tag(&self, registration: Registration) -> String {
        format!("subtwin.{}:{}", registration.name(), self.upn.to_ascii_lowercase())
    }

    /// What a registration that one run made is known by.
    pub(super) fn run_tag(run: Uuid) -> String {
        format!("subtwin.run:{run}")
    }
}

/// One step of making a member twin. Undone in the opposite order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnboardStep {
    /// The account.
    User,
    /// Where an account that was there before is used.
    UsageLocation,
    /// Its licence.
    Licence,
    /// An app registration.
    App(Registration),
    /// The registration as present in the tenant; lets in only who is assigned.
    Principal(Registration),
    /// The account may sign in to it.
    Assignment(Registration),
    /// Consent to its scopes, for the account alone.
    Consent(Registration),
    /// What the account first signs in with, shown once.
    Credential,
    /// A directory role, by template id. After the credential, because few may give credentials to
    /// who holds a role.
    Role(Uuid),
}

impl OnboardStep {
    /// Every step of a wish, in order.
    #[must_use]
    pub fn of(wish: &Wish) -> Vec<Self> {
        let mut all = vec![Self::User, Self::UsageLocation];
        if wish.licence != LicenceWish::Nothing {
            all.push(Self::Licence);
        }
        all.extend(Registration::BOTH.map(Self::App));
        all.extend(Registration::BOTH.map(Self::Principal));
        all.extend(Registration::BOTH.map(Self::Assignment));
        all.extend(Registration::BOTH.map(Self::Consent));
        all.push(Self::Credential);
        all.extend(wish.roles().iter().map(|role| Self::Role(role.template)));
        all
    }

    /// Which directory role an administrator needs for it (Graph permissions reference).
    #[must_use]
    pub const fn done_by(&self) -> &'static str {
        match self {
            Self::User | Self::UsageLocation => "User Administrator",
            Self::Licence => "License Administrator",
            Self::App(_) | Self::Principal(_) | Self::Assignment(_) => {
                "Cloud Application Administrator"
            }
            Self::Consent(_) | Self::Role(_) => "Privileged Role Administrator",
            Self::Credential => "Authentication Administrator",
        }
    }
}

impl fmt::Display for OnboardStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("the account"),
            Self::UsageLocation => f.write_str("the account's usage location"),
            Self::Licence => f.write_str("the licence"),
            Self::App(which) => write!(f, "the {} registration", which.name()),
            Self::Principal(which) => write!(f, "the {} enterprise application", which.name()),
            Self::Assignment(which) => write!(f, "the account's place in the {} app", which.name()),
            Self::Consent(which) => write!(f, "consent to the {} scopes", which.name()),
            Self::Credential => f.write_str("what the account first signs in with"),
            Self::Role(template) => match DirectoryRole::by_template(*template) {
                Some(role) => write!(f, "the role {}", role.name),
                None => write!(f, "the role {template}"),
            },
        }
    }
}

const CHAT: [&str; 5] =
    ["Chat.ReadWrite", "ChatMessage.Send", "Chat.Create", "Presence.ReadWrite", "User.Read"];
/// What a sign-in asks for besides, and a consent must cover.
const SIGN_IN: [&str; 3] = ["offline_access", "openid", "profile"];

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn wish() -> Wish {
        Wish {
            tenant: "aaaaaaaa-0000-4000-8000-000000000001".parse().unwrap(),
            display_name: "Sam (IT twin)".to_owned(),
            upn: "sam.twin@contoso.com".to_owned(),
            usage_location: "US".to_owned(),
            department: Some("IT".to_owned()),
            job_title: None,
            tools: vec![Tool::UserFind, Tool::LicenseAssign],
            licence: LicenceWish::Cheapest,
            adopt: false,
        }
    }

    #[test]
    fn a_wish_that_no_directory_would_take_is_refused_by_name() {
        assert_eq!(wish().check(), Ok(()));
        for upn in ["", "sam", "@contoso.com", "sam@", "sam@contoso", "a b@contoso.com", "a/b@c.de"]
        {
            let bad = Wish { upn: upn.to_owned(), ..wish() };
            assert_eq!(bad.check(), Err(WishError::Upn(upn.to_owned())));
        }
        for location in ["", "us", "USA", "U1"] {
            let bad = Wish { usage_location: location.to_owned(), ..wish() };
            assert!(matches!(bad.check(), Err(WishError::UsageLocation(_))), "{location}");
        }
        let bad = Wish { display_name: String::new(), ..wish() };
        assert_eq!(bad.check(), Err(WishError::Length("display name", 100)));
        assert_eq!(Wish { tools: Vec::new(), ..wish() }.check(), Err(WishError::NoTools));
    }

    #[test]
    fn what_is_granted_is_what_the_twin_asks_for_and_nothing_else() {
        assert_eq!(
            wish().granted(Registration::Admin),
            [
                "AuditLog.Read.All",
                "GroupMember.Read.All",
                "LicenseAssignment.Read.All",
                "LicenseAssignment.ReadWrite.All",
                "User.Read.All",
                "offline_access",
                "openid",
                "profile",
            ]
        );
        let chat = wish().granted(Registration::Chat);
        assert!(chat.iter().all(|scope| !scope.ends_with(".All")), "{chat:?}");
    }

    #[test]
    fn roles_come_after_the_credential_and_the_account_first() {
        let steps = OnboardStep::of(&wish());
        let at = |step: &OnboardStep| steps.iter().position(|one| one == step);
        assert_eq!(at(&OnboardStep::User), Some(0));
        let first_role = steps.iter().position(|one| matches!(one, OnboardStep::Role(_)));
        assert!(at(&OnboardStep::Credential) < first_role);
        assert_eq!(steps.len(), 14, "{steps:?}");
    }
}
