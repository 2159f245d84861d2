//! Removing the ways in which somebody signs in, one part each.

use futures_util::future::try_join3;
use subtwin_confirm::Refusal;
use subtwin_kernel::names::shown;
use subtwin_kernel::{Action, Inverse, Method, MethodKind, MethodRef, Part, Step, UserId};
use subtwin_policy::Asker;

use super::subject::{Draft, Subject};
use super::{impossible, listed, not_ones_own, unavailable, when};
use crate::entra::Entra;
use crate::methods::{self, Sort, method_path};
use crate::wire::User;

/// One method that can be removed.
struct Removable {
    kind: MethodKind,
    method: methods::Method,
}

struct Facts {
    subject: Subject,
    /// In the order in which they are removed.
    removable: Vec<Removable>,
    /// What this program does not know how to remove, by its name in Graph.
    unknown: Vec<String>,
}

impl Entra {
    pub(super) async fn reset_methods(
        &self,
        person: UserId,
        requester: &Asker,
    ) -> Result<Vec<Part>, Refusal> {
        not_ones_own(person, requester)?;
        let facts = self.method_facts(person).await?;
        let subject = &facts.subject;
        if facts.removable.is_empty() {
            if facts.unknown.is_empty() {
                return Err(Refusal::AlreadySo(format!(
                    "{} has no sign-in method but the password.",
                    subject.named()
                )));
            }
            return Err(impossible(
                "unknown-methods",
                format!(
                    "{} has only sign-in methods that I do not know how to remove ({}). An \
                     administrator can, in the Entra admin center.",
                    subject.named(),
                    listed(&facts.unknown)
                ),
            ));
        }
        let mut parts: Vec<Part> = Vec::new();
        for removable in &facts.removable {
            parts.push(part(subject, person, removable, parts.is_empty().then_some(&facts)));
        }
        Ok(parts)
    }

    /// One method alone, as a part of what was begun before.
    pub(super) async fn remove_method(
        &self,
        person: UserId,
        method: &MethodRef,
        requester: &Asker,
    ) -> Result<Part, Refusal> {
        not_ones_own(person, requester)?;
        let facts = self.method_facts(person).await?;
        let found = facts
            .removable
            .iter()
            .find(|found| found.kind == method.kind && found.method.id == method.id);
        let Some(found) = found else {
            return Err(Refusal::AlreadySo(format!(
                "{} does not have that sign-in method any more.",
                facts.subject.named()
            )));
        };
        Ok(part(&facts.subject, person, found, None))
    }

    async fn method_facts(&self, person: UserId) -> Result<Facts, Refusal> {
        let doing = "looking at the person's sign-in methods";
        let all = async {
            match self.methods(person).await {
                Ok(all) => Ok(all),
                // The person is gone; the read of the person says so in better words.
                Err(cause) if cause.is_not_found() => Ok(Vec::new()),
                Err(cause) => Err(unavailable(doing, cause)),
            }
        };
        let preferred =
            async { self.preferred(person).await.map_err(|cause| unavailable(doing, cause)) };
        let (subject, all, preferred) =
            try_join3(self.subject(person, User::SELECT), all, preferred).await?;
        let mut removable = Vec::new();
        let mut unknown = Vec::new();
        for method in all {
            match method.sort() {
                Sort::Password => {}
                // What does not work any more is no way in.
                Sort::Known(MethodKind::TemporaryAccessPass) if !method.pass_lives() => {}
                Sort::Known(kind) => removable.push(Removable { kind, method }),
                Sort::Unknown(name) => unknown.push(shown(&name)),
            }
        }
        removable.sort_by_cached_key(|it| {
            let last = preferred.as_deref().map_or(0, |name| default_rank(it, name));
            (last, rank(it), it.method.id.clone())
        });
        unknown.sort();
        unknown.dedup();
        Ok(Facts { subject, removable, unknown })
    }
}

fn part(subject: &Subject, person: UserId, it: &Removable, first: Option<&Facts>) -> Part {
    let method = MethodRef { kind: it.kind, id: it.method.id.clone() };
    let label = label(it);
    let mut consequences = Vec::new();
    if let Some(facts) = first {
        consequences.push(format!(
            "{} must prove who they are anew: with the password alone nobody gets far where a \
             second factor is asked for. An access pass lets them set up new methods; ask me for \
             one afterwards.",
            subject.name()
        ));
        if !facts.unknown.is_empty() {
            consequences.push(format!(
                "I do not know how to remove {}; that stays.",
                listed(&facts.unknown)
            ));
        }
    }
    if is_device(it.kind) {
        consequences.push(format!(
            "{} loses the sign-in on that device and must set it up there again.",
            subject.name()
        ));
    }
    if it.kind == MethodKind::TemporaryAccessPass {
        consequences.push("The pass still works, so they are signed out everywhere.".to_owned());
    }
    let undo = "It cannot be undone: only the person can set it up again.";
    let draft = Draft {
        headline: format!("Remove {label} of {}.", subject.named()),
        object: Some(label),
        before: match it.method.created_date_time {
            Some(at) => format!("Registered since {}.", when(at)),
            None => "Registered.".to_owned(),
        },
        after: "Removed; nobody can prove who they are with it.".to_owned(),
        consequences,
        undo: undo.to_owned(),
    };
    let step = Step { method: Method::Delete, path: method_path(person, &method), body: None };
    let action = Action::MethodRemove { person, method };
    let inverse = Inverse::None(undo.to_owned());
    if first.is_some() {
        subject.part(action, step, draft, inverse)
    } else {
        subject.further_part(action, step, draft, inverse)
    }
}

/// What people call it, with just enough to tell two of a kind apart.
fn label(it: &Removable) -> String {
    let on = |what: &str| match it.method.display_name.as_deref().map(shown) {
        Some(name) if !name.is_empty() => format!("{what} “{name}”"),
        _ => what.to_owned(),
    };
    match it.kind {
        MethodKind::Phone => {
            let kind = match it.method.phone_type.as_deref() {
                Some("mobile") => "the mobile phone",
                Some("alternateMobile") => "the second mobile phone",
                Some("office") => "the office phone",
                _ => "the phone",
            };
            let digits: Vec<char> = it
                .method
                .phone_number
                .iter()
                .flat_map(|number| number.chars())
                .filter(char::is_ascii_digit)
                .collect();
            match digits.as_slice() {
                [_, _, .., one, other] => format!("{kind} ending in {one}{other}"),
                _ => kind.to_owned(),
            }
        }
        MethodKind::MicrosoftAuthenticator => on("the Microsoft Authenticator"),
        MethodKind::SoftwareOath => on("the one-time code app"),
        MethodKind::Fido2 => on("the passkey"),
        MethodKind::WindowsHelloForBusiness => on("Windows Hello on"),
        MethodKind::PlatformCredential => on("the platform credential"),
        MethodKind::Email => {
            let domain = it.method.email_address.as_deref().and_then(|it| it.rsplit_once('@'));
            match domain {
                Some((_, domain)) => format!("the mail address at {}", shown(domain)),
                None => "the mail address".to_owned(),
            }
        }
        MethodKind::TemporaryAccessPass => "the access pass".to_owned(),
        MethodKind::ExternalAuthentication => on("the outside method"),
    }
}

/// Methods that are bound to a device, with which it signs its owner in.
const fn is_device(kind: MethodKind) -> bool {
    matches!(
        kind,
        MethodKind::Fido2 | MethodKind::WindowsHelloForBusiness | MethodKind::PlatformCredential
    )
}

/// Above nought for what may be the default second factor that Graph names, and most for what most
/// likely is.
fn default_rank(it: &Removable, preferred: &str) -> u8 {
    let phone = |kind: &str| match it.kind {
        MethodKind::Phone if it.method.phone_type.as_deref() == Some(kind) => 2,
        _ => 0,
    };
    match (preferred, it.kind) {
        ("push", MethodKind::MicrosoftAuthenticator) | ("oath", MethodKind::SoftwareOath) => 2,
        // The app shows codes, too.
        ("oath", MethodKind::MicrosoftAuthenticator) => 1,
        ("sms" | "voiceMobile", _) => phone("mobile"),
        ("voiceAlternateMobile", _) => phone("alternateMobile"),
        ("voiceOffice", _) => phone("office"),
        _ => 0,
    }
}

/// The order of removal where the default is not known: Graph refuses to remove the default while
/// there are others, and it is most often the app or the phone.
fn rank(it: &Removable) -> u8 {
    match it.kind {
        MethodKind::TemporaryAccessPass => 0,
        MethodKind::Email => 1,
        MethodKind::ExternalAuthentication => 2,
        MethodKind::PlatformCredential => 3,
        MethodKind::WindowsHelloForBusiness => 4,
        MethodKind::Fido2 => 5,
        MethodKind::SoftwareOath => 6,
        MethodKind::MicrosoftAuthenticator => 7,
        MethodKind::Phone if it.method.phone_type.as_deref() == Some("mobile") => 9,
        MethodKind::Phone => 8,
    }
}
