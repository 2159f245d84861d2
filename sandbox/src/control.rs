//! The control endpoints under `/sandbox/`: for scripts and tests, never for the twin.
//!
//! | call | does |
//! |---|---|
//! | `GET /sandbox/tenant` | ids, apps, people, the password, where things are |
//! | `GET /sandbox/ledger` | what really happened, and how often |
//! | `GET`, `PUT /sandbox/faults`, `POST /sandbox/faults/reset` | the fault switches; `PUT` changes only what it names |
//! | `POST /sandbox/say` | `{as, to \| chat, text, quoting?}`: types in a Teams client |
//! | `POST /sandbox/group` | `{as, with, topic?}`: opens a group chat |
//! | `POST /sandbox/messages/{edit, delete, react, unreact}` | `{as, chat, message, text? emoji?}` |
//! | `POST /sandbox/bots` | `{name?, endpoint, appId?, serviceUrl?, issuer?, caller?, agent?: {user, app}}`: registers a bot, or changes where it listens |
//! | `POST /sandbox/bots/{appId}/{say, edit, delete, press, block}` | `{as, with?, text? message? button? trigger? blocked? deliveryMode?}`: what a person does with a bot; `with` makes it a group |
//! | `GET /sandbox/bots/{appId}/chat?as=` | somebody's conversation with a bot |
//! | `POST /sandbox/bots/{appId}/token` | `{claims?}`: a token that vouches for an activity to it |
//! | `GET /sandbox/subscriptions` | subscriptions, and what became of their notifications |
//! | `POST /sandbox/subscriptions/{id}/{remove, lapse}` | Graph takes it away; its authorisation ends |
//! | `GET`, `POST /sandbox/quirks` | behaviour nobody has seen proven, one way or the other; see below |
//! | `POST /sandbox/tenant` | `{premium?, correlationFollowsClient?}`: what is bought, and how the log ties entries to calls |
//! | `POST /sandbox/policies/temporaryAccessPass` | `{state?, minimumLifetimeInMinutes?, maximumLifetimeInMinutes?, defaultLifetimeInMinutes?, defaultLength?, isUsableOnce?, exclude?}` |
//! | `GET /sandbox/chats?as=` | somebody's chats with their messages |
//! | `POST /sandbox/sign-in` | `{url, as, password?, decline?, follow?}`: completes an authorize or admin consent address |
//! | `POST /sandbox/device` | `{user_code, as, approve?}`: answers a device code |
//! | `POST /sandbox/revoke` | `{user}`: signs somebody out everywhere |
//! | `POST /sandbox/users/{user}` | `{enabled?, password?, refuseSignIns?}`: blocks and unblocks an account; the person chooses a password; a policy bars the person with this AADSTS number, or null |
//! | `POST /sandbox/users/{user}/methods` | `{kind}`, a collection of `authentication` such as `phoneMethods`: the person registers a method |
//! | `POST /sandbox/apps/{appId}/keys` | `{certificate}` (PEM or base64 DER): registers a certificate |
//! | `POST /sandbox/apps/{appId}/secrets` | makes a client secret |
//! | `POST /sandbox/apps/{appId}` | `{enabled}` |
//! | `POST /sandbox/skus/{partNumber}` | `{free}`: so many seats are left |
//! | `POST /sandbox/issuers` | `{issuer, keys}`: the RSA keys (JWK) of an issuer that federated credentials name |
//! | `POST /sandbox/consent` | `{policy: "users" \| "admins"}`: who may consent |
//! | `POST /sandbox/clock` | `{advance_seconds}` |

mod chat;
mod report;
mod settings;
mod sign_in;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use url::form_urlencoded;
use uuid::Uuid;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::faults::Faults;
use crate::graph::Problem;
use crate::tenant::{ConsentPolicy, Effect, KeyCredential, PasswordCredential, Secret, User};
use crate::token::{IssuerKey, Refusal};
use crate::wire::{Request, Response, field};
use crate::world::{Event, Sandbox, World};

/// Answers one request.
pub(crate) async fn answer(sandbox: &Arc<Sandbox>, request: &Request) -> Response {
    let result = match permitted(request) {
        Ok(()) => route(sandbox, request).await,
        Err(no) => Err(no),
    };
    match result {
        Ok(value) => Response::json(200, value),
        Err(No { status, message }) => Response::json(status, json!({"error": message})),
    }
    .with_header("Cache-Control", "no-store")
}

/// A refused request.
#[derive(Debug)]
struct No {
    status: u16,
    message: String,
}

impl No {
    fn bad(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into() }
    }

    fn missing(message: impl Into<String>) -> Self {
        Self { status: 404, message: message.into() }
    }
}

impl From<Problem> for No {
    fn from(problem: Problem) -> Self {
        Self { status: problem.status, message: format!("{}: {}", problem.code, problem.message) }
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self { status: 400, message: refusal.to_string() }
    }
}

/// A browser may call only from our own page. That the host is loopback is known already: requests
/// for any other host never get here.
fn permitted(request: &Request) -> Result<(), No> {
    let foreign = request.header("origin").is_some_and(|origin| origin != request.origin)
        || request
            .header("sec-fetch-site")
            .is_some_and(|site| !["same-origin", "none"].contains(&site));
    if foreign {
        return Err(No {
            status: 403,
            message: "Other web pages may not control the sandbox.".to_owned(),
        });
    }
    Ok(())
}

async fn route(sandbox: &Arc<Sandbox>, request: &Request) -> Result<Value, No> {
    let path = request.path.trim_matches('/').to_owned();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let method = request.method.as_str();
    let body = body(request)?;
    match (method, segments.as_slice()) {
        ("GET", ["tenant"]) => Ok(report::tenant(sandbox)),
        ("GET", ["ledger"]) => {
            let world = sandbox.world();
            Ok(world.tenant.ledger.json(&world.tenant))
        }
        ("GET", ["chats"]) => {
            let query = request.query.as_deref().unwrap_or_default();
            let whose = form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == "as")
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default();
            let world = sandbox.world();
            Ok(report::chats(&world, person(&world, &whose)?))
        }
        ("GET", ["faults"]) => Ok(json!(sandbox.world().faults)),
        ("PUT" | "PATCH", ["faults"]) => set_faults(&mut sandbox.world(), &body),
        ("POST", ["faults", "reset"]) => {
            let mut world = sandbox.world();
            world.faults = Faults::default();
            world.emit(Event::Faults);
            Ok(json!(world.faults))
        }
        (_, ["bots", ..]) => {
            let query = request.query.as_deref().unwrap_or_default();
            Ok(crate::connector::control(sandbox, method, &segments, query, &body).await?)
        }
        ("POST", ["sign-in"]) => sign_in::browser(sandbox, request, &body).await,
        ("POST", ["device"]) => sign_in::device(&mut sandbox.world(), &body),
        ("POST", ["revoke"]) => {
            let mut world = sandbox.world();
            let id = person(&world, text(&body, "user")?)?.id;
            let now = world.now();
            change_user(&mut world, id, |user| user.sessions_valid_from = now);
            world.tenant.ledger.count(Effect::SessionsRevoked { user: id });
            Ok(json!({"user": id, "sessionsValidFrom": now}))
        }
        ("POST", ["users", user]) => {
            let mut world = sandbox.world();
            let id = person(&world, user)?.id;
            change_account(&mut world, id, &body)
        }
        ("POST", ["users", user, "methods"]) => {
            let mut world = sandbox.world();
            let user = person(&world, user)?.clone();
            settings::register(&mut world, &user, text(&body, "kind")?)
        }
        ("POST", ["apps", app]) => {
            let mut world = sandbox.world();
            let app = app_id(app)?;
            let enabled = flag(&body, "enabled")?;
            let principals = &mut world.tenant.apps.principals;
            let principal = principals
                .iter_mut()
                .find(|principal| principal.app_id == app)
                .ok_or_else(|| No::missing(format!("There is no app `{app}`.")))?;
            principal.enabled = enabled;
            Ok(json!({"appId": app, "enabled": enabled}))
        }
        ("POST", ["apps", app, "keys"]) => add_key(&mut sandbox.world(), app_id(app)?, &body),
        ("POST", ["apps", app, "secrets"]) => add_secret(&mut sandbox.world(), app_id(app)?),
        ("POST", ["issuers"]) => add_issuer(&mut sandbox.world(), &body),
        ("POST", ["consent"]) => {
            let policy = match text(&body, "policy")? {
                "users" => ConsentPolicy::Users,
                "admins" => ConsentPolicy::AdminsOnly,
                other => {
                    return Err(No::bad(format!(
                        "`policy` is `users` or `admins`, not `{other}`."
                    )));
                }
            };
            sandbox.world().tenant.apps.consent = policy;
            Ok(json!({}))
        }
        ("POST", ["clock"]) => {
            let seconds = field(&body, "advance_seconds")
                .as_i64()
                .filter(|seconds| (0..=MOST_SECONDS).contains(seconds))
                .ok_or_else(|| {
                    No::bad(format!("`advance_seconds` is a number from 0 to {MOST_SECONDS}."))
                })?;
            let mut world = sandbox.world();
            world.clock_offset =
                world.clock_offset.saturating_add(SignedDuration::from_secs(seconds));
            Ok(json!({"now": world.now()}))
        }
        _ => {
            let mut world = sandbox.world();
            settings::route(&mut world, method, &segments, &body)
                .or_else(|| chat::route(&mut world, method, &segments, &body))
                .unwrap_or_else(|| Err(No::missing(format!("There is no {method} /{path}."))))
        }
    }
}

fn body(request: &Request) -> Result<Value, No> {
    if request.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&request.body)
        .map_err(|error| No::bad(format!("The body is not JSON: {error}.")))
}

/// Changes the switches that the body names and leaves the others.
fn set_faults(world: &mut World, body: &Value) -> Result<Value, No> {
    let changes = body.as_object().ok_or_else(|| No::bad("Send an object with switches."))?;
    let mut all = match json!(world.faults) {
        Value::Object(all) => all,
        _ => Map::new(),
    };
    all.extend(changes.clone());
    let faults: Faults =
        serde_json::from_value(all.into()).map_err(|error| No::bad(error.to_string()))?;
    if let Some(number) =
        faults.refuse_sign_ins.filter(|number| Refusal::by_number(*number).is_none())
    {
        return Err(No::bad(format!("`refuseSignIns` does not know AADSTS{number}.")));
    }
    if let Some(number) = faults.refuse_clients.values().find(|it| !Refusal::is_known(**it)) {
        return Err(No::bad(format!("`refuseClients` does not know AADSTS{number}.")));
    }
    if let Some(status) = faults.fail_status.filter(|it| ![500, 502, 503, 504].contains(it)) {
        return Err(No::bad(format!("`failStatus` is 500, 502, 503 or 504, not {status}.")));
    }
    world.faults = faults;
    world.emit(Event::Faults);
    Ok(json!(world.faults))
}

fn add_key(world: &mut World, app: Uuid, body: &Value) -> Result<Value, No> {
    let given = text(body, "certificate")?;
    let der = if given.contains("-----BEGIN") {
        let pem = Pem::iter_from_buffer(given.as_bytes())
            .flatten()
            .find(|pem| pem.label == "CERTIFICATE")
            .ok_or_else(|| No::bad("`certificate` holds no PEM certificate."))?;
        pem.contents
    } else {
        STANDARD
            .decode(given.trim())
            .map_err(|_| No::bad("`certificate` is neither PEM nor base64."))?
    };
    let (_, certificate) = X509Certificate::from_der(&der)
        .map_err(|_| No::bad("`certificate` is not an X.509 certificate."))?;
    let validity = certificate.validity();
    let time = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
    let key = KeyCredential {
        key_id: world.guid(),
        display_name: field(body, "displayName").as_str().unwrap_or("control endpoint").to_owned(),
        start: time(validity.not_before.timestamp()),
        end: time(validity.not_after.timestamp()),
        certificate: der.clone(),
    };
    let key_id = key.key_id;
    if !world.tenant.apps.add_key(app, key) {
        return Err(No::missing(format!("There is no app `{app}`.")));
    }
    Ok(json!({"appId": app, "keyId": key_id}))
}

fn add_secret(world: &mut World, app: Uuid) -> Result<Value, No> {
    let key_id = world.guid();
    let secret = format!("sbx~{}{}", world.guid().simple(), world.guid().simple());
    let hint: String = secret.chars().take(3).collect();
    let now = world.now();
    let application = world
        .tenant
        .apps
        .applications
        .iter_mut()
        .find(|application| application.app_id == app)
        .ok_or_else(|| No::missing(format!("There is no app `{app}`.")))?;
    application.secrets.push(PasswordCredential {
        key_id,
        display_name: None,
        hint,
        secret: Secret::new(secret.as_str()),
        start: now,
        end: now.saturating_add(SignedDuration::from_hours(365 * 24)).unwrap_or(now),
    });
    Ok(json!({"appId": app, "keyId": key_id, "secretText": secret}))
}

/// Registers the RSA keys of an issuer elsewhere; the sandbox fetches nothing itself.
fn add_issuer(world: &mut World, body: &Value) -> Result<Value, No> {
    let issuer = text(body, "issuer")?.to_owned();
    let keys = body["keys"].as_array().ok_or_else(|| No::bad("`keys` is a list of RSA keys."))?;
    let number = |key: &Value, member: &str| {
        let decoded = URL_SAFE_NO_PAD.decode(text(key, member)?.trim_end_matches('='));
        decoded.map_err(|_| No::bad(format!("`{member}` is not base64url.")))
    };
    let mut known = Vec::new();
    for key in keys {
        let kid = key["kid"].as_str().map(str::to_owned);
        known.push(IssuerKey { kid, n: number(key, "n")?, e: number(key, "e")? });
    }
    let count = known.len();
    world.sessions.issuers.insert(issuer.clone(), known);
    Ok(json!({"issuer": issuer, "keys": count}))
}

/// Blocks or unblocks, and lets the person choose a password; both are checked first.
fn change_account(world: &mut World, id: Uuid, body: &Value) -> Result<Value, No> {
    let enabled = match field(body, "enabled") {
        Value::Null => None,
        _ => Some(flag(body, "enabled")?),
    };
    let password = match field(body, "password") {
        Value::Null => None,
        _ => Some(text(body, "password")?),
    };
    let barred = match body.get("refuseSignIns") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(number) => {
            let known = number.as_u64().and_then(|number| u32::try_from(number).ok());
            let known = known.filter(|number| Refusal::by_number(*number).is_some());
            let unknown = || No::bad(format!("`refuseSignIns` does not know AADSTS{number}."));
            Some(Some(known.ok_or_else(unknown)?))
        }
    };
    if enabled.is_none() && password.is_none() && barred.is_none() {
        return Err(No::bad("Send `enabled`, `password` or `refuseSignIns`."));
    }
    let now = world.now();
    change_user(world, id, |user| {
        user.enabled = enabled.unwrap_or(user.enabled);
        user.barred = barred.unwrap_or(user.barred);
        if let Some(password) = password {
            user.password = Secret::new(password);
            user.password_changed = now;
            user.must_change_password = false;
        }
    });
    let enabled = world.tenant.people.get(id).map(|user| user.enabled);
    Ok(json!({"user": id, "enabled": enabled}))
}

fn change_user(world: &mut World, id: Uuid, change: impl FnOnce(&mut User)) {
    if let Some(user) = world.tenant.people.get_mut(id) {
        change(user);
    }
    world.emit(Event::Directory { id });
}

/// By id, by UPN, or by what stands before the `@`.
fn person<'a>(world: &'a World, key: &str) -> Result<&'a User, No> {
    let tenant = &world.tenant;
    tenant
        .people
        .find(key)
        .or_else(|| tenant.people.find(&format!("{key}@{}", tenant.domain)))
        .ok_or_else(|| No::missing(format!("There is nobody called `{key}`.")))
}

fn app_id(text: &str) -> Result<Uuid, No> {
    Uuid::try_parse(text).map_err(|_| No::bad(format!("`{text}` is not an app id.")))
}

fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str, No> {
    body[field].as_str().ok_or_else(|| No::bad(format!("`{field}` is missing or not a text.")))
}

fn flag(body: &Value, field: &str) -> Result<bool, No> {
    body[field].as_bool().ok_or_else(|| No::bad(format!("`{field}` is true or false.")))
}

/// Ten years at a time.
const MOST_SECONDS: i64 = 10 * 366 * 24 * 3600;
