//! Methods as Graph writes them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::graph::users::PASSWORD_METHOD;
use crate::tenant::audit::events::seconds;
use crate::tenant::{AccessPass, Method, MethodKind, Operation, Proof, Tenant, User};

/// Somebody's methods: all of them, each with its type, or those of one kind.
pub(super) fn all(
    tenant: &Tenant,
    user: &User,
    kind: Option<MethodKind>,
    now: Timestamp,
) -> Vec<Value> {
    let mut methods = Vec::new();
    // Guests and service accounts have a password somewhere else, or none that counts.
    if !user.guest {
        methods.push((MethodKind::Password, password(user)));
    }
    methods.extend(user.methods.registered.iter().map(|it| (it.proof.kind(), method(it))));
    let pass = user.methods.pass.as_ref();
    methods.extend(pass.map(|it| (MethodKind::AccessPass, access_pass(tenant, user, it, now))));
    methods
        .into_iter()
        .filter(|(of, _)| kind.is_none_or(|kind| kind == *of))
        .map(|(of, value)| if kind.is_none() { typed(of, value) } else { value })
        .collect()
}

fn typed(kind: MethodKind, value: Value) -> Value {
    let mut all = Map::new();
    let name = format!("#microsoft.graph.{}", kind.type_name());
    all.insert("@odata.type".to_owned(), name.into());
    if let Value::Object(value) = value {
        all.extend(value);
    }
    Value::Object(all)
}

/// The password itself is never returned.
fn password(user: &User) -> Value {
    json!({
        "id": PASSWORD_METHOD,
        "password": null,
        "createdDateTime": seconds(user.password_changed),
    })
}

fn method(method: &Method) -> Value {
    let mut fields = match &method.proof {
        Proof::Phone { number, kind } => json!({
            "phoneNumber": number,
            "phoneType": kind,
            "smsSignInState": "notAllowedByPolicy",
        }),
        Proof::Authenticator { device } => json!({
            "displayName": device,
            "deviceTag": "SoftwareTokenActivated",
            "phoneAppVersion": "6.2511.7533",
        }),
        Proof::SoftwareOath => json!({"secretKey": null}),
        Proof::Fido2 { name, model } => json!({
            "displayName": name,
            "aaGuid": "00000000-0000-0000-0000-00000000f1d0",
            "model": model,
            "attestationCertificates": [],
            "attestationLevel": "notAttested",
            "passkeyType": "deviceBound",
        }),
        Proof::WindowsHello { device } => json!({"displayName": device, "keyStrength": "normal"}),
        Proof::PlatformCredential { device } => json!({
            "displayName": device,
            "keyStrength": "normal",
            "platform": "macOS",
        }),
        Proof::Email { address } => json!({"emailAddress": address}),
        Proof::External { name, configuration } => {
            json!({"displayName": name, "configurationId": configuration})
        }
    };
    if let Value::Object(fields) = &mut fields {
        fields.insert("id".to_owned(), json!(method.id));
        fields.insert("createdDateTime".to_owned(), json!(seconds(method.created)));
    }
    fields
}

/// A pass without its secret, which only the answer to its creation carries.
pub(super) fn access_pass(
    tenant: &Tenant,
    user: &User,
    pass: &AccessPass,
    now: Timestamp,
) -> Value {
    let usability = tenant.usability(user.id, pass, now);
    json!({
        "id": pass.id,
        "temporaryAccessPass": null,
        "createdDateTime": seconds(pass.created),
        "startDateTime": seconds(pass.start),
        "lifetimeInMinutes": pass.minutes,
        "isUsableOnce": pass.once,
        "isUsable": usability == crate::tenant::Usability::EnabledByPolicy,
        "methodUsabilityReason": usability.name(),
    })
}

/// A `longRunningOperation`.
pub(super) fn operation(operation: &Operation, resource: &str, now: Timestamp) -> Value {
    let status = operation.status(now);
    let detail = operation.failure.as_deref().filter(|_| status == "failed");
    json!({
        "id": operation.id,
        "createdDateTime": seconds(operation.started),
        "lastActionDateTime": seconds(operation.last_action(now)),
        "resourceLocation": resource,
        "status": status,
        "statusDetail": detail,
    })
}

pub(super) fn preferences(user: &User) -> Value {
    let default = user.methods.default.as_deref().and_then(|id| user.methods.get(id));
    json!({
        "isSystemPreferredAuthenticationMethodEnabled": false,
        "userPreferredMethodForSecondaryAuthentication": default.map(|it| match &it.proof {
            Proof::Authenticator { .. } => "push",
            Proof::SoftwareOath => "oath",
            _ => "sms",
        }),
        "systemPreferredAuthenticationMethod": null,
    })
}
