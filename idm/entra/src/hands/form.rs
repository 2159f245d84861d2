use serde_json::Value;
use subtwin_kernel::{Method, Step, Tool};
use uuid::Uuid;

use crate::needs::needs;

/// The five requests the tools can make. Whatever a plan says, nothing else is sent: above all no
/// DELETE of a member without `/$ref`, which would delete the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    LicenceAdd,
    LicenceRemove,
    MemberAdd,
    MemberRemove,
    Revoke,
}

impl Form {
    /// The form a step has, to the letter; `None` when it has none.
    pub(super) fn of(step: &Step, graph: &str) -> Option<Self> {
        let segments: Vec<&str> = step.path.split('/').collect();
        match (step.method, segments.as_slice(), &step.body) {
            (Method::Post, ["", "v1.0", "users", user, "assignLicense"], Some(body))
                if is_guid(user) =>
            {
                licence(body)
            }
            (Method::Post, ["", "v1.0", "users", user, "revokeSignInSessions"], None)
                if is_guid(user) =>
            {
                Some(Self::Revoke)
            }
            (Method::Post, ["", "v1.0", "groups", group, "members", "$ref"], Some(body))
                if is_guid(group) =>
            {
                let [link] = exactly(body, ["@odata.id"])?;
                let user = link.as_str()?.strip_prefix(graph)?;
                is_guid(user.strip_prefix("/v1.0/directoryObjects/")?).then_some(Self::MemberAdd)
            }
            (Method::Delete, ["", "v1.0", "groups", group, "members", user, "$ref"], None)
                if is_guid(group) && is_guid(user) =>
            {
                Some(Self::MemberRemove)
            }
            _ => None,
        }
    }

    /// The least permission and role it needs.
    pub(super) fn requirement(self) -> String {
        let tool = match self {
            Self::LicenceAdd => Tool::LicenseAssign,
            Self::LicenceRemove => Tool::LicenseRemove,
            Self::MemberAdd => Tool::GroupMemberAdd,
            Self::MemberRemove => Tool::GroupMemberRemove,
            Self::Revoke => Tool::SessionRevoke,
        };
        let needs = needs(tool);
        let role = needs.roles.first().copied().unwrap_or_default();
        format!("the permission {} and the role {role}", needs.permission)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GRAPH: &str = "https://graph.microsoft.com";
    const A: &str = "00000000-0000-4000-8000-00000000000a";
    const B: &str = "00000000-0000-4000-8000-00000000000b";

    fn form(method: Method, path: &str, body: Option<Value>) -> Option<Form> {
        let path = path.replace("{a}", A).replace("{b}", B);
        Form::of(&Step { method, path, body }, GRAPH)
    }

    #[test]
    fn the_five_requests_are_recognised() {
        let link = json!({"@odata.id": format!("{GRAPH}/v1.0/directoryObjects/{A}")});
        let add =
            json!({"addLicenses": [{"skuId": A, "disabledPlans": [B]}], "removeLicenses": []});
        let remove = json!({"addLicenses": [], "removeLicenses": [A]});
        let assign = "/v1.0/users/{a}/assignLicense";
        assert_eq!(form(Method::Post, assign, Some(add)), Some(Form::LicenceAdd));
        assert_eq!(form(Method::Post, assign, Some(remove)), Some(Form::LicenceRemove));
        let members = "/v1.0/groups/{b}/members/$ref";
        assert_eq!(form(Method::Post, members, Some(link)), Some(Form::MemberAdd));
        let member = "/v1.0/groups/{b}/members/{a}/$ref";
        assert_eq!(form(Method::Delete, member, None), Some(Form::MemberRemove));
        let revoke = "/v1.0/users/{a}/revokeSignInSessions";
        assert_eq!(form(Method::Post, revoke, None), Some(Form::Revoke));
    }

    #[test]
    fn nothing_else_is() {
        for (method, path) in [
            (Method::Delete, "/v1.0/groups/{b}/members/{a}"),
            (Method::Delete, "/v1.0/groups/{b}/members/{a}/"),
            (Method::Delete, "/v1.0/groups/{b}/members/{a}/$ref/"),
            (Method::Delete, "/v1.0/groups/{b}/members/{a}/%24ref"),
            (Method::Delete, "/v1.0/groups/{b}/owners/{a}/$ref"),
            (Method::Delete, "/v1.0/groups/{b}/members/$ref?@id=x"),
            (Method::Delete, "/beta/groups/{b}/members/{a}/$ref"),
            (Method::Delete, "/v1.0/groups/../members/{a}/$ref"),
            (Method::Delete, "/v1.0/users/{a}"),
            (Method::Patch, "/v1.0/users/{a}"),
            (Method::Put, "/v1.0/groups/{b}/members/{a}/$ref"),
            (Method::Post, "/v1.0/users/me/revokeSignInSessions"),
            (Method::Post, "/v1.0/users/{a}/revokeSignInSessions?x"),
            (Method::Post, "/v1.0/users/{a}/invalidateAllRefreshTokens"),
            (Method::Post, "/v1.0/users/0000000000004000800000000000000a/revokeSignInSessions"),
        ] {
            assert_eq!(form(method, path, None), None, "{path}");
        }
        let assign = "/v1.0/users/{a}/assignLicense";
        for body in [
            json!({"addLicenses": [], "removeLicenses": []}),
            json!({"addLicenses": [], "removeLicenses": [A, B]}),
            json!({"addLicenses": [{"skuId": A, "disabledPlans": []}], "removeLicenses": [B]}),
            json!({"addLicenses": [{"skuId": A}], "removeLicenses": []}),
            json!({"addLicenses": [{"skuId": "E3", "disabledPlans": []}], "removeLicenses": []}),
            json!({"addLicenses": [], "removeLicenses": [A], "extra": 1}),
            json!([]),
        ] {
            assert_eq!(form(Method::Post, assign, Some(body.clone())), None, "{body}");
        }
        assert_eq!(form(Method::Post, assign, None), None);
        let members = "/v1.0/groups/{b}/members/$ref";
        for link in [
            format!("https://graph.example/v1.0/directoryObjects/{A}"),
            format!("{GRAPH}/v1.0/users/{A}"),
            format!("{GRAPH}/v1.0/directoryObjects/{A}?x"),
            format!("{GRAPH}.example/v1.0/directoryObjects/{A}"),
        ] {
            let body = json!({"@odata.id": link});
            assert_eq!(form(Method::Post, members, Some(body)), None, "{link}");
        }
        let revoke = "/v1.0/users/{a}/revokeSignInSessions";
        assert_eq!(form(Method::Post, revoke, Some(json!({}))), None);
    }
}
