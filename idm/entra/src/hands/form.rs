use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use subtwin_kernel::{Method, MethodKind, Property, Step, Tool};
use uuid::Uuid;

use crate::graph::segment;
use crate::methods::{KINDS, PASSWORD_METHOD, collection};
use crate::needs::needs;

/// The requests the tools can make. Whatever a plan says, nothing else is sent: above all no DELETE
/// of a member without `/$ref`, which would delete the person, and no PATCH of a person beyond what
/// is listed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    LicenceAdd,
    LicenceRemove,
    MemberAdd,
    MemberRemove,
    Revoke,
    /// `accountEnabled` alone.
    Account,
    /// `passwordProfile` alone, with the place for a new password.
    Password,
    /// The same for a password mastered on premises: accepted first, done later.
    PasswordBack,
    Pass,
    MethodRemove(MethodKind),
    /// Properties of the profile.
    Profile,
    /// Properties of the profile that receive codes for password reset.
    Contact,
    ManagerSet,
    ManagerRemove,
}

impl Form {
    /// The form a step has, to the letter; `None` when it has none.
    pub(super) fn of(step: &Step, graph: &str) -> Option<Self> {
        let segments: Vec<&str> = step.path.split('/').collect();
        let ["", "v1.0", kind, id, rest @ ..] = segments.as_slice() else { return None };
        if !is_guid(id) {
            return None;
        }
        match (*kind, step.method, rest, &step.body) {
            ("users", Method::Post, ["assignLicense"], Some(body)) => licence(body),
            ("users", Method::Post, ["revokeSignInSessions"], None) => Some(Self::Revoke),
            ("users", Method::Patch, [], Some(body)) => person(body),
            ("users", Method::Put, ["manager", "$ref"], Some(body)) => {
                is_link(body, graph, "/v1.0/users/").then_some(Self::ManagerSet)
            }
            ("users", Method::Delete, ["manager", "$ref"], None) => Some(Self::ManagerRemove),
            ("users", _, ["authentication", rest @ ..], body) => {
                authentication(step.method, rest, body.as_ref())
            }
            ("groups", Method::Post, ["members", "$ref"], Some(body)) => {
                is_link(body, graph, "/v1.0/directoryObjects/").then_some(Self::MemberAdd)
            }
            ("groups", Method::Delete, ["members", user, "$ref"], None) if is_guid(user) => {
                Some(Self::MemberRemove)
            }
            _ => None,
        }
    }

    /// The least permissions and role it needs.
    pub(super) fn requirement(self) -> String {
        let needs = needs(self.tool());
        let role = needs.roles.first().copied().unwrap_or_default();
        let permission = match self {
            Self::PasswordBack => needs.permissions.last(),
            _ => needs.permissions.first(),
        };
        format!("the permission {} and the role {role}", permission.copied().unwrap_or_default())
    }

    const fn tool(self) -> Tool {
        match self {
            Self::LicenceAdd => Tool::LicenseAssign,
            Self::LicenceRemove => Tool::LicenseRemove,
            Self::MemberAdd => Tool::GroupMemberAdd,
            Self::MemberRemove => Tool::GroupMemberRemove,
            Self::Revoke => Tool::SessionRevoke,
            Self::Account => Tool::AccountBlock,
            Self::Password | Self::PasswordBack => Tool::PasswordReset,
            Self::Pass | Self::MethodRemove(MethodKind::TemporaryAccessPass) => Tool::TapIssue,
            Self::MethodRemove(_) => Tool::MfaReset,
            Self::Profile | Self::Contact | Self::ManagerSet | Self::ManagerRemove => {
                Tool::UserUpdate
            }
        }
    }
}

/// One licence, given or taken.
fn licence(body: &Value) -> Option<Form> {
    let [add, remove] = exactly(body, ["addLicenses", "removeLicenses"])?;
    match (add.as_array()?.as_slice(), remove.as_array()?.as_slice()) {
        ([one], []) => {
            let [sku, off] = exactly(one, ["skuId", "disabledPlans"])?;
            let plans = off.as_array()?;
            (plans.iter().chain([sku]).all(|id| id.as_str().is_some_and(is_guid)))
                .then_some(Form::LicenceAdd)
        }
        ([], [sku]) => is_guid(sku.as_str()?).then_some(Form::LicenceRemove),
        _ => None,
    }
}

/// A PATCH of a person: the account alone, the password alone, or properties of one kind.
fn person(body: &Value) -> Option<Form> {
    if let Some([enabled]) = exactly(body, ["accountEnabled"]) {
        return enabled.is_boolean().then_some(Form::Account);
    }
    if let Some([profile]) = exactly(body, ["passwordProfile"]) {
        let [force, password] = exactly(profile, ["forceChangePasswordNextSignIn", "password"])?;
        return (force == &Value::Bool(true) && is_placeholder(password)).then_some(Form::Password);
    }
    properties(body.as_object()?)
}

fn properties(fields: &Map<String, Value>) -> Option<Form> {
    let mut credentials = 0;
    for (name, value) in fields {
        let property = Property::ALL.into_iter().find(|property| property.name() == name)?;
        credentials += usize::from(property.is_credential());
        let fits = match (property.is_list(), value) {
            (true, Value::Array(entries)) => match entries.as_slice() {
                [] => true,
                [one] => one.as_str().is_some_and(is_text),
                [_, _, ..] => false,
            },
            (false, Value::Null) => true,
            (false, Value::String(text)) => is_text(text),
            _ => false,
        };
        if !fits {
            return None;
        }
    }
    match credentials {
        _ if fields.is_empty() => None,
        0 => Some(Form::Profile),
        all if all == fields.len() => Some(Form::Contact),
        _ => None,
    }
}

/// What stands below a person's `authentication`.
fn authentication(method: Method, rest: &[&str], body: Option<&Value>) -> Option<Form> {
    match (method, rest, body) {
        (Method::Post, ["methods", PASSWORD_METHOD, "resetPassword"], Some(body)) => {
            let [password] = exactly(body, ["newPassword"])?;
            is_placeholder(password).then_some(Form::PasswordBack)
        }
        (Method::Post, ["temporaryAccessPassMethods"], Some(body)) => {
            let [minutes, once] = exactly(body, ["lifetimeInMinutes", "isUsableOnce"])?;
            (minutes.as_u64().is_some_and(|it| (10..=43_200).contains(&it)) && once.is_boolean())
                .then_some(Form::Pass)
        }
        (Method::Delete, [of, id], None) if is_method_id(id) => {
            KINDS.into_iter().find(|kind| collection(*kind) == *of).map(Form::MethodRemove)
        }
        _ => None,
    }
}

/// A link to one object, and nothing else.
fn is_link(body: &Value, graph: &str, to: &str) -> bool {
    exactly(body, ["@odata.id"])
        .and_then(|[link]| link.as_str()?.strip_prefix(graph)?.strip_prefix(to))
        .is_some_and(is_guid)
}

/// The values of an object that has exactly these keys.
fn exactly<'a, const N: usize>(value: &'a Value, keys: [&str; N]) -> Option<[&'a Value; N]> {
    let object = value.as_object().filter(|object| object.len() == N)?;
    let mut values = [&Value::Null; N];
    for (slot, key) in values.iter_mut().zip(keys) {
        *slot = object.get(key)?;
    }
    Some(values)
}

/// A GUID in its one canonical spelling.
fn is_guid(text: &str) -> bool {
    Uuid::try_parse(text).is_ok_and(|guid| guid.to_string() == text)
}

/// A method's id as one segment in its one canonical spelling. Some are base64, so a slash and a
/// plus may stand in it, but nothing that a server could take for the way up.
fn is_method_id(segment_text: &str) -> bool {
    let Ok(id) = percent_decode_str(segment_text).decode_utf8() else { return false };
    let fits = |c: char| c.is_ascii_alphanumeric() || "+/=_-.~:|".contains(c);
    (1..=500).contains(&id.len())
        && id.chars().all(fits)
        && !id.split('/').any(|part| part == "." || part == "..")
        && segment(&id) == segment_text
}

fn is_placeholder(value: &Value) -> bool {
    value.as_str() == Some(Step::NEW_PASSWORD)
}

fn is_text(text: &str) -> bool {
    (1..=1024).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
        // Nobody's title is the place for a password.
        && text != Step::NEW_PASSWORD
}

#[cfg(test)]
mod tests;
