use serde_json::json;

use super::*;

const GRAPH: &str = "https://graph.microsoft.com";
const A: &str = "00000000-0000-4000-8000-00000000000a";
const B: &str = "00000000-0000-4000-8000-00000000000b";

fn form(method: Method, path: &str, body: Option<Value>) -> Option<Form> {
    let path = path.replace("{a}", A).replace("{b}", B);
    Form::of(&Step { method, path, body }, GRAPH)
}

fn password(force: bool, text: &str) -> Value {
    json!({"passwordProfile": {"forceChangePasswordNextSignIn": force, "password": text}})
}

#[test]
fn the_requests_of_every_tool_are_recognised() {
    let member = json!({"@odata.id": format!("{GRAPH}/v1.0/directoryObjects/{A}")});
    let manager = json!({"@odata.id": format!("{GRAPH}/v1.0/users/{B}")});
    let add = json!({"addLicenses": [{"skuId": A, "disabledPlans": [B]}], "removeLicenses": []});
    let remove = json!({"addLicenses": [], "removeLicenses": [A]});
    let assign = "/v1.0/users/{a}/assignLicense";
    let user = "/v1.0/users/{a}";
    let way = "/v1.0/users/{a}/authentication";
    let new = Step::NEW_PASSWORD;
    for (method, path, body, expected) in [
        (Method::Post, assign, Some(add), Form::LicenceAdd),
        (Method::Post, assign, Some(remove), Form::LicenceRemove),
        (Method::Post, "/v1.0/groups/{b}/members/$ref", Some(member), Form::MemberAdd),
        (Method::Delete, "/v1.0/groups/{b}/members/{a}/$ref", None, Form::MemberRemove),
        (Method::Post, "/v1.0/users/{a}/revokeSignInSessions", None, Form::Revoke),
        (Method::Patch, user, Some(json!({"accountEnabled": false})), Form::Account),
        (Method::Patch, user, Some(password(true, new)), Form::Password),
        (
            Method::Patch,
            user,
            Some(json!({"jobTitle": "Analyst", "department": null})),
            Form::Profile,
        ),
        (
            Method::Patch,
            user,
            Some(json!({"mobilePhone": null, "businessPhones": [], "otherMails": ["a@b.example"]})),
            Form::Contact,
        ),
        (Method::Put, "/v1.0/users/{a}/manager/$ref", Some(manager), Form::ManagerSet),
        (Method::Delete, "/v1.0/users/{a}/manager/$ref", None, Form::ManagerRemove),
        (
            Method::Post,
            &format!("{way}/methods/{PASSWORD_METHOD}/resetPassword"),
            Some(json!({"newPassword": new})),
            Form::PasswordBack,
        ),
        (
            Method::Post,
            &format!("{way}/temporaryAccessPassMethods"),
            Some(json!({"lifetimeInMinutes": 60, "isUsableOnce": true})),
            Form::Pass,
        ),
    ] {
        assert_eq!(form(method, path, body.clone()), Some(expected), "{path} {body:?}");
    }
    for kind in KINDS {
        for id in [A, "-2_GRUg2-HYz6_1YG4YRAQ2", "a%2Fb%2Bc%3D%3D"] {
            let path = format!("{way}/{}/{id}", collection(kind));
            assert_eq!(form(Method::Delete, &path, None), Some(Form::MethodRemove(kind)), "{path}");
        }
    }
}

#[test]
fn no_other_path_is() {
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
        (Method::Delete, "/v1.0/users/{a}/manager"),
        (Method::Delete, "/v1.0/users/{a}/authentication/passwordMethods/{b}"),
        (Method::Delete, "/v1.0/users/{a}/authentication/methods/{b}"),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods"),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods/"),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods/."),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods/.."),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods/%2E%2E"),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods/x%2F..%2F.."),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods/%61"),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods/a%2fb"),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods/a+b"),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods/a%20b"),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods/%FF"),
        (Method::Delete, "/v1.0/users/{a}/authentication/phoneMethods/a?b"),
        (Method::Delete, "/beta/users/{a}/authentication/phoneMethods/{b}"),
        (Method::Delete, "/v1.0/users/me/authentication/phoneMethods/{b}"),
        (Method::Patch, "/v1.0/users/{a}"),
        (Method::Put, "/v1.0/groups/{b}/members/{a}/$ref"),
        (Method::Put, "/v1.0/users/{a}/manager/$ref"),
        (Method::Post, "/v1.0/users/me/revokeSignInSessions"),
        (Method::Post, "/v1.0/users/{a}/revokeSignInSessions?x"),
        (Method::Post, "/v1.0/users/{a}/invalidateAllRefreshTokens"),
        (Method::Post, "/v1.0/users/0000000000004000800000000000000a/revokeSignInSessions"),
        (Method::Post, "/v1.0/users/{a}/authentication/temporaryAccessPassMethods"),
    ] {
        assert_eq!(form(method, path, None), None, "{path}");
    }
}

#[test]
fn no_other_body_is() {
    let user = "/v1.0/users/{a}";
    let new = Step::NEW_PASSWORD;
    let two =
        json!({"accountEnabled": false, "passwordProfile": password(true, new)["passwordProfile"]});
    for body in [
        json!({}),
        json!([]),
        json!({"accountEnabled": null}),
        json!({"accountEnabled": "false"}),
        json!({"accountEnabled": true, "jobTitle": "Analyst"}),
        two,
        password(true, "Sandbox!1"),
        password(false, new),
        json!({"passwordProfile": {"password": new}}),
        json!({"passwordProfile": {"forceChangePasswordNextSignIn": true, "password": new,
                                   "forceChangePasswordNextSignInWithMfa": false}}),
        json!({"userPrincipalName": "a@contoso.com"}),
        json!({"jobTitle": "Analyst", "mailNickname": "a"}),
        json!({"jobTitle": "Analyst", "mobilePhone": "+1 425 555 0100"}),
        json!({"jobTitle": 1}),
        json!({"jobTitle": ""}),
        json!({"jobTitle": new}),
        json!({"jobTitle": "a\u{7}"}),
        json!({"jobTitle": "x".repeat(1025)}),
        json!({"jobTitle": ["Analyst"]}),
        json!({"businessPhones": "+1 425 555 0100"}),
        json!({"businessPhones": ["+1 425 555 0100", "+1 425 555 0101"]}),
        json!({"otherMails": null}),
    ] {
        assert_eq!(form(Method::Patch, user, Some(body.clone())), None, "{body}");
    }
    let pass = "/v1.0/users/{a}/authentication/temporaryAccessPassMethods";
    for body in [
        json!({"lifetimeInMinutes": 60}),
        json!({"lifetimeInMinutes": 9, "isUsableOnce": true}),
        json!({"lifetimeInMinutes": 50_000, "isUsableOnce": true}),
        json!({"lifetimeInMinutes": "60", "isUsableOnce": true}),
        json!({"lifetimeInMinutes": 60, "isUsableOnce": true, "temporaryAccessPass": "x"}),
    ] {
        assert_eq!(form(Method::Post, pass, Some(body.clone())), None, "{body}");
    }
    let reset = format!("/v1.0/users/{A}/authentication/methods/{PASSWORD_METHOD}/resetPassword");
    for body in [json!({}), json!({"newPassword": "Sandbox!1"}), json!({"newPassword": null})] {
        assert_eq!(form(Method::Post, &reset, Some(body.clone())), None, "{body}");
    }
    let other = format!("/v1.0/users/{A}/authentication/methods/{B}/resetPassword");
    assert_eq!(form(Method::Post, &other, Some(json!({"newPassword": new}))), None);
}

#[test]
fn no_other_licence_or_link_is() {
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
    for (path, method, good) in [
        ("/v1.0/groups/{b}/members/$ref", Method::Post, "directoryObjects"),
        ("/v1.0/users/{a}/manager/$ref", Method::Put, "users"),
    ] {
        for link in [
            format!("https://graph.example/v1.0/{good}/{A}"),
            format!("{GRAPH}/v1.0/groups/{A}"),
            format!("{GRAPH}/v1.0/{good}/{A}?x"),
            format!("{GRAPH}.example/v1.0/{good}/{A}"),
        ] {
            let body = json!({"@odata.id": link});
            assert_eq!(form(method, path, Some(body)), None, "{link}");
        }
    }
    let revoke = "/v1.0/users/{a}/revokeSignInSessions";
    assert_eq!(form(Method::Post, revoke, Some(json!({}))), None);
}
