//! How people prove who they are: their authentication methods and temporary access passes.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Secret, Tenant};

/// Somebody's authentication methods besides the password, which everybody has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Methods {
    /// In the order they were registered.
    pub(crate) registered: Vec<Method>,
    /// Id of the default second factor.
    pub(crate) default: Option<String>,
    /// Expired and used ones stay until they are deleted or replaced.
    pub(crate) pass: Option<AccessPass>,
}

/// A registered method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) proof: Proof,
}

/// What a method proves somebody with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// `+1 4255550100`, and `mobile`, `alternateMobile` or `office`.
    Phone {
        number: String,
        kind: &'static str,
    },
    Authenticator {
        device: String,
    },
    SoftwareOath,
    Fido2 {
        name: String,
        model: &'static str,
    },
    WindowsHello {
        device: String,
    },
    PlatformCredential {
        device: String,
    },
    /// For resetting one's own password, not for signing in.
    Email {
        address: String,
    },
    External {
        name: String,
        configuration: Uuid,
    },
}

/// The kinds of method, each a collection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MethodKind {
    Password,
    Phone,
    Authenticator,
    SoftwareOath,
    Fido2,
    WindowsHello,
    PlatformCredential,
    Email,
    AccessPass,
    External,
}

impl MethodKind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Password,
        Self::Phone,
        Self::Authenticator,
        Self::SoftwareOath,
        Self::Fido2,
        Self::WindowsHello,
        Self::PlatformCredential,
        Self::Email,
        Self::AccessPass,
        Self::External,
    ];

    /// The collection below `authentication`.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::Password => "passwordMethods",
            Self::Phone => "phoneMethods",
            Self::Authenticator => "microsoftAuthenticatorMethods",
            Self::SoftwareOath => "softwareOathMethods",
            Self::Fido2 => "fido2Methods",
            Self::WindowsHello => "windowsHelloForBusinessMethods",
            Self::PlatformCredential => "platformCredentialMethods",
            Self::Email => "emailMethods",
            Self::AccessPass => "temporaryAccessPassMethods",
            Self::External => "externalAuthenticationMethods",
        }
    }

    /// The entity type without `microsoft.graph.`.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Password => "passwordAuthenticationMethod",
            Self::Phone => "phoneAuthenticationMethod",
            Self::Authenticator => "microsoftAuthenticatorAuthenticationMethod",
            Self::SoftwareOath => "softwareOathAuthenticationMethod",
            Self::Fido2 => "fido2AuthenticationMethod",
            Self::WindowsHello => "windowsHelloForBusinessAuthenticationMethod",
            Self::PlatformCredential => "platformCredentialAuthenticationMethod",
            Self::Email => "emailAuthenticationMethod",
            Self::AccessPass => "temporaryAccessPassAuthenticationMethod",
            Self::External => "externalAuthenticationMethod",
        }
    }

    /// In words, as a log tells it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Phone => "phone",
            Self::Authenticator => "Authenticator App",
            Self::SoftwareOath => "software OATH token",
            Self::Fido2 => "Fido",
            Self::WindowsHello => "Windows Hello for Business",
            Self::PlatformCredential => "platform credential",
            Self::Email => "email",
            Self::AccessPass => "temporary access pass",
            Self::External => "external authentication method",
        }
    }

    /// What the permissions of this kind alone are called: `UserAuthMethod-{this}.Read.All`.
    pub(crate) fn permission(self) -> &'static str {
        match self {
            Self::Password => "Password",
            Self::Phone => "Phone",
            Self::Authenticator => "MicrosoftAuthApp",
            Self::SoftwareOath => "SoftwareOATH",
            Self::Fido2 => "Passkey",
            Self::WindowsHello => "WindowsHello",
            Self::PlatformCredential => "PlatformCred",
            Self::Email => "Email",
            Self::AccessPass => "TAP",
            Self::External => "External",
        }
    }
}

impl Proof {
    pub(crate) fn kind(&self) -> MethodKind {
        match self {
            Self::Phone { .. } => MethodKind::Phone,
            Self::Authenticator { .. } => MethodKind::Authenticator,
            Self::SoftwareOath => MethodKind::SoftwareOath,
            Self::Fido2 { .. } => MethodKind::Fido2,
            Self::WindowsHello { .. } => MethodKind::WindowsHello,
            Self::PlatformCredential { .. } => MethodKind::PlatformCredential,
            Self::Email { .. } => MethodKind::Email,
            Self::External { .. } => MethodKind::External,
        }
    }
}

impl Methods {
    pub(crate) fn get(&self, id: &str) -> Option<&Method> {
        self.registered.iter().find(|method| method.id == id)
    }

    /// Takes a method away; `None` when there is no such method.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Method> {
        let at = self.registered.iter().position(|method| method.id == id)?;
        let method = self.registered.remove(at);
        if self.default.as_deref() == Some(id) {
            self.default = None;
        }
        Some(method)
    }

    /// Whether this is the default second factor and not the only method that is left.
    pub(crate) fn default_with_others(&self, id: &str) -> bool {
        self.default.as_deref() == Some(id) && self.registered.len() > 1
    }
}

/// A temporary access pass.
#[derive(Clone, Debug)]
pub(crate) struct AccessPass {
    pub(crate) id: Uuid,
    pub(crate) secret: Secret,
    pub(crate) created: Timestamp,
    pub(crate) start: Timestamp,
    pub(crate) minutes: u32,
    pub(crate) once: bool,
    pub(crate) used: bool,
}

/// `methodUsabilityReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usability {
    EnabledByPolicy,
    DisabledByPolicy,
    Expired,
    NotYetValid,
    OneTimeUsed,
}

impl Usability {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EnabledByPolicy => "enabledByPolicy",
            Self::DisabledByPolicy => "disabledByPolicy",
            Self::Expired => "expired",
            Self::NotYetValid => "notYetValid",
            Self::OneTimeUsed => "oneTimeUsed",
        }
    }
}

impl AccessPass {
    /// Whether its time and its one use are not over: it works now or will.
    pub(crate) fn lives(&self, now: Timestamp) -> bool {
        !(self.once && self.used) && now < self.end()
    }

    /// When its time is over.
    pub(crate) fn end(&self) -> Timestamp {
        let lifetime = SignedDuration::from_mins(i64::from(self.minutes));
        self.start.saturating_add(lifetime).unwrap_or(Timestamp::MAX)
    }
}

/// The policy for temporary access passes. Bounds and defaults are the cloud's own at the start
/// (Graph, "temporaryAccessPassAuthenticationMethodConfiguration").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PassPolicy {
    pub(crate) enabled: bool,
    pub(crate) minimum_minutes: u32,
    pub(crate) maximum_minutes: u32,
    pub(crate) default_minutes: u32,
    /// Characters of a pass.
    pub(crate) length: u32,
    /// Every pass is good once only, whatever is asked.
    pub(crate) once: bool,
    /// Groups whose members get none.
    pub(crate) excluded: Vec<Uuid>,
}

impl Default for PassPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            minimum_minutes: 60,
            maximum_minutes: 480,
            default_minutes: 60,
            length: 8,
            once: false,
            excluded: Vec::new(),
        }
    }
}

/// The bounds that no policy goes beyond, in minutes.
pub(crate) const PASS_BOUNDS: (u32, u32) = (10, 43_200);

impl Tenant {
    /// Whether the policy lets this user have a temporary access pass.
    pub(crate) fn may_have_pass(&self, user: Uuid) -> bool {
        let policy = &self.pass_policy;
        let inside = |group: &Uuid| self.groups.transitive_members(*group).0.contains(&user);
        policy.enabled && !policy.excluded.iter().any(inside)
    }

    /// What can be done with a user's pass at `now`.
    pub(crate) fn usability(&self, user: Uuid, pass: &AccessPass, now: Timestamp) -> Usability {
        if !self.may_have_pass(user) {
            Usability::DisabledByPolicy
        } else if pass.once && pass.used {
            Usability::OneTimeUsed
        } else if now >= pass.end() {
            Usability::Expired
        } else if now < pass.start {
            Usability::NotYetValid
        } else {
            Usability::EnabledByPolicy
        }
    }

    /// Uses a pass to sign in; `false` when it is not this user's or not usable at `now`.
    pub(crate) fn use_pass(&mut self, user: Uuid, typed: &str, now: Timestamp) -> bool {
        let Some(pass) = self.people.get(user).and_then(|user| user.methods.pass.as_ref()) else {
            return false;
        };
        let good =
            pass.secret.is(typed) && self.usability(user, pass, now) == Usability::EnabledByPolicy;
        if good
            && let Some(pass) =
                self.people.get_mut(user).and_then(|user| user.methods.pass.as_mut())
        {
            pass.used = true;
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn with_pass(once: bool) -> (Tenant, Uuid) {
        let mut tenant = Tenant::sample(1, 50);
        let user = tenant.people.find("sarah.lin@contoso.com").unwrap().id;
        tenant.people.get_mut(user).unwrap().methods.pass = Some(AccessPass {
            id: Uuid::from_u128(1),
            secret: Secret::new("pass-word"),
            created: minutes(0),
            start: minutes(10),
            minutes: 60,
            once,
            used: false,
        });
        (tenant, user)
    }

    #[test]
    fn a_pass_follows_the_clock_its_use_and_the_policy() {
        let (mut tenant, user) = with_pass(true);
        let at = |tenant: &Tenant, now| {
            let pass = tenant.people.get(user).unwrap().methods.pass.as_ref().unwrap();
            tenant.usability(user, pass, minutes(now))
        };
        assert_eq!(at(&tenant, 9), Usability::NotYetValid);
        assert_eq!(at(&tenant, 10), Usability::EnabledByPolicy);
        assert_eq!(at(&tenant, 69), Usability::EnabledByPolicy);
        assert_eq!(at(&tenant, 70), Usability::Expired);
        assert!(!tenant.use_pass(user, "pass-word", minutes(9)));
        assert!(!tenant.use_pass(user, "other-word", minutes(20)));
        assert!(tenant.use_pass(user, "pass-word", minutes(20)));
        assert_eq!(at(&tenant, 21), Usability::OneTimeUsed);
        assert!(!tenant.use_pass(user, "pass-word", minutes(21)), "once is once");
        tenant.pass_policy.enabled = false;
        assert_eq!(at(&tenant, 20), Usability::DisabledByPolicy);
    }

    #[test]
    fn a_pass_for_more_than_one_use_works_until_it_expires() {
        let (mut tenant, user) = with_pass(false);
        assert!(tenant.use_pass(user, "pass-word", minutes(20)));
        assert!(tenant.use_pass(user, "pass-word", minutes(69)));
        assert!(!tenant.use_pass(user, "pass-word", minutes(70)));
    }

    #[test]
    fn who_is_in_an_excluded_group_gets_no_pass() {
        let (mut tenant, user) = with_pass(false);
        assert!(tenant.may_have_pass(user));
        let group = tenant.groups.iter().find(|group| group.members.contains(&user)).unwrap().id;
        tenant.pass_policy.excluded.push(group);
        assert!(!tenant.may_have_pass(user));
    }
}
