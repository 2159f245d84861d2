use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Dice;
use crate::tenant::{Method, MethodKind, Methods, Proof, Tenant, User};

/// Whose methods are part of the story, whatever the seed.
const FIXED: &[(&str, &[MethodKind])] = &[
    ("doug", &[MethodKind::Phone, MethodKind::Authenticator, MethodKind::WindowsHello]),
    ("dana", &[MethodKind::Phone, MethodKind::Authenticator, MethodKind::Fido2]),
    // The new hire, and the twin.
    ("sarah.lin", &[]),
    ("sam", &[]),
    (
        "grace.tan",
        &[
            MethodKind::Phone,
            MethodKind::Authenticator,
            MethodKind::Fido2,
            MethodKind::WindowsHello,
            MethodKind::Email,
        ],
    ),
    ("alex.kim", &[MethodKind::Phone, MethodKind::Authenticator, MethodKind::Email]),
    ("alex.kim2", &[MethodKind::Phone, MethodKind::SoftwareOath]),
    ("jon.miller", &[MethodKind::Phone]),
    ("john.miller", &[MethodKind::Authenticator, MethodKind::PlatformCredential]),
    ("helen.fischer", &[MethodKind::Phone, MethodKind::External, MethodKind::PlatformCredential]),
    ("gordon.blake", &[MethodKind::Phone, MethodKind::Authenticator]),
];

/// How many of a hundred others have each kind.
const USUAL: &[(MethodKind, u32)] = &[
    (MethodKind::Phone, 85),
    (MethodKind::Authenticator, 70),
    (MethodKind::SoftwareOath, 6),
    (MethodKind::Fido2, 12),
    (MethodKind::WindowsHello, 35),
    (MethodKind::PlatformCredential, 6),
    (MethodKind::Email, 30),
    (MethodKind::External, 3),
];

/// Of a hundred others, how many never registered anything.
const NOTHING: u32 = 25;

/// Lets everybody register their methods. Guests and service accounts have none here.
pub(super) fn register(tenant: &mut Tenant, dice: &mut Dice) {
    let people: Vec<User> =
        tenant.people.iter().filter(|user| user.employee_id.is_some()).cloned().collect();
    for user in people {
        let alias = user.upn.split('@').next().unwrap_or_default();
        let fixed = FIXED.iter().find(|(known, _)| *known == alias);
        let kinds = match fixed {
            Some((_, kinds)) => kinds.to_vec(),
            None if dice.percent() < NOTHING => Vec::new(),
            None => {
                let has =
                    |(kind, share): &(MethodKind, u32)| (dice.percent() < *share).then_some(*kind);
                USUAL.iter().filter_map(has).collect()
            }
        };
        let methods = methods(&user, &kinds, dice);
        if let Some(user) = tenant.people.get_mut(user.id) {
            user.methods = methods;
        }
    }
}

fn methods(user: &User, kinds: &[MethodKind], dice: &mut Dice) -> Methods {
    let mut methods = Methods::default();
    for (at, kind) in (1..).zip(kinds) {
        let created =
            user.created.saturating_add(SignedDuration::from_hours(at)).unwrap_or(user.created);
        let ids = [dice.guid(), dice.guid()];
        methods.registered.extend(sample_method(user, *kind, created, ids));
    }
    // An app comes before a phone, as the cloud prefers it.
    let default = [MethodKind::Authenticator, MethodKind::Phone, MethodKind::SoftwareOath]
        .iter()
        .find_map(|kind| methods.registered.iter().find(|method| method.proof.kind() == *kind));
    methods.default = default.map(|method| method.id.clone());
    methods
}

/// A plausible method of this kind for somebody; `None` for the kinds that nobody registers.
pub(crate) fn sample_method(
    user: &User,
    kind: MethodKind,
    created: Timestamp,
    [guid, other]: [Uuid; 2],
) -> Option<Method> {
    let given = user.given_name.clone().unwrap_or_default();
    let (id, proof) = match kind {
        MethodKind::Phone => {
            let number = format!("+1 42555501{:02}", user.id.as_u128() % 100);
            (MOBILE.to_owned(), Proof::Phone { number, kind: "mobile" })
        }
        MethodKind::Authenticator => {
            (guid.to_string(), Proof::Authenticator { device: format!("{given}’s phone") })
        }
        MethodKind::SoftwareOath => (guid.to_string(), Proof::SoftwareOath),
        MethodKind::Fido2 => {
            let name = format!("{given}’s security key");
            (key_id(guid), Proof::Fido2 { name, model: "Example Security Key" })
        }
        MethodKind::WindowsHello => (key_id(guid), Proof::WindowsHello { device: laptop(guid) }),
        MethodKind::PlatformCredential => {
            (key_id(guid), Proof::PlatformCredential { device: format!("MAC-{}", short(guid)) })
        }
        MethodKind::Email => {
            let alias = user.upn.split('@').next().unwrap_or_default();
            (EMAIL.to_owned(), Proof::Email { address: format!("{alias}@example.net") })
        }
        MethodKind::External => {
            let name = "Contoso Token Service".to_owned();
            (guid.to_string(), Proof::External { name, configuration: other })
        }
        // Everybody has the one; nobody starts with the other.
        MethodKind::Password | MethodKind::AccessPass => return None,
    };
    Some(Method { id, created, proof })
}

/// Ids of keys look like this in the cloud.
fn key_id(guid: Uuid) -> String {
    format!("{}2", URL_SAFE_NO_PAD.encode(guid.into_bytes()))
}

fn laptop(guid: Uuid) -> String {
    format!("LAPTOP-{}", short(guid))
}

fn short(guid: Uuid) -> String {
    guid.simple().to_string().chars().take(6).collect::<String>().to_uppercase()
}

/// The id of everybody's mobile phone, and of everybody's e-mail address (Graph,
/// "phoneAuthenticationMethod" and "emailAuthenticationMethod").
const MOBILE: &str = "3179e48a-750b-4051-897c-87b9720928f7";
const EMAIL: &str = "3ddfcfc8-9383-446f-83cc-3ab9be4be18f";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_have_plausible_methods_and_guests_and_service_accounts_none() {
        let tenant = Tenant::sample(1, 200);
        let kinds = |alias: &str| -> Vec<MethodKind> {
            let user = tenant.people.find(&format!("{alias}@contoso.com")).unwrap();
            user.methods.registered.iter().map(|method| method.proof.kind()).collect()
        };
        assert_eq!(kinds("sarah.lin"), []);
        assert_eq!(
            kinds("doug"),
            [MethodKind::Phone, MethodKind::Authenticator, MethodKind::WindowsHello]
        );
        let mut seen = std::collections::BTreeSet::new();
        let mut nothing = 0;
        for user in tenant.people.iter() {
            let methods = &user.methods;
            assert!(methods.pass.is_none(), "{}", user.upn);
            seen.extend(methods.registered.iter().map(|method| method.proof.kind()));
            if user.employee_id.is_none() {
                assert!(methods.registered.is_empty(), "{}", user.upn);
            } else if methods.registered.is_empty() {
                nothing += 1;
            }
            let default = methods.default.as_deref();
            assert!(default.is_none_or(|id| methods.get(id).is_some()), "{}", user.upn);
        }
        assert_eq!(seen.len(), 8, "every kind that can be registered: {seen:?}");
        assert!((20..90).contains(&nothing), "{nothing} have only a password");
    }
}
