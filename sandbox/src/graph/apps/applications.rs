//! `applications`: registrations and their credentials.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{GRAPH, READ, app_roles, may_write, scopes, text, unimplemented};
use crate::graph::listing::Listing;
use crate::graph::{Answer, Call, Handled, Problem};
use crate::tenant::audit::events::{self, Trace, seconds};
use crate::tenant::{Application, KeyCredential, ServicePrincipal};
use crate::world::{Event, World};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["applications"]) => list(world, call),
        ("POST", ["applications"]) => create(world, call),
        ("GET", ["applications", _]) => one(world, call),
        ("PATCH", ["applications", _]) => update(world, call),
        ("DELETE", ["applications", _]) => delete(world, call),
        ("POST", ["applications", _, "addpassword"]) => add_password(world, call),
        ("POST", ["applications", _, "removepassword"]) => remove_password(world, call),
        _ => Err(unimplemented(call)),
    })
}

const APPLICATIONS: Listing<'_> = Listing {
    context: "applications",
    filterable: &["appId", "displayName", "id", "createdDateTime", "tags"],
    page: 100,
    orderable: None,
};

fn list(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    let domain = &world.tenant.domain;
    let all = world.tenant.apps.applications.iter();
    APPLICATIONS.answer(call, all.map(|one| application(one, domain)).collect())
}

fn one(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    let at = position(world, call)?;
    let found = world.tenant.apps.applications.get(at);
    let found = found.ok_or_else(|| Problem::not_found(call.segment(1)))?;
    APPLICATIONS.entity(call, application(found, &world.tenant.domain))
}

fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let mut made = Application {
        id: world.guid(),
        app_id: world.guid(),
        display_name: String::new(),
        redirect_uris: Vec::new(),
        public_client: false,
        keys: Vec::new(),
        secrets: Vec::new(),
        required_scopes: Vec::new(),
        required_roles: Vec::new(),
        tags: Vec::new(),
        notes: None,
        created: world.now(),
    };
    change(world, &mut made, &call.body)?;
    if made.display_name.is_empty() {
        return Err(invalid("displayName"));
    }
    let body = APPLICATIONS.wrapped(call, application(&made, &world.tenant.domain));
    let (id, name) = (made.id, made.display_name.clone());
    world.tenant.apps.applications.push(made);
    let trace = Trace::of(call);
    events::application_changed(world, &trace, id, &name, ("Add application", "Add"));
    world.emit(Event::Directory { id });
    Ok(Answer::created(body))
}

fn update(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let at = position(world, call)?;
    // Changed as a whole or not at all.
    let mut changed = world.tenant.apps.applications.get(at).cloned();
    if let Some(application) = &mut changed {
        change(world, application, &call.body)?;
    }
    let credentials = call.body.get("keyCredentials").is_some();
    if let (Some(slot), Some(changed)) = (world.tenant.apps.applications.get_mut(at), changed) {
        let (id, name) = (changed.id, changed.display_name.clone());
        *slot = changed;
        let activity = if credentials { CREDENTIALS } else { "Update application" };
        let trace = Trace::of(call);
        events::application_changed(world, &trace, id, &name, (activity, "Update"));
        world.emit(Event::Directory { id });
    }
    Ok(Answer::no_content())
}

fn delete(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let at = position(world, call)?;
    let gone = world.tenant.apps.applications.remove(at);
    let apps = &mut world.tenant.apps;
    let principals: Vec<ServicePrincipal> =
        apps.principals.extract_if(.., |one| one.app_id == gone.app_id).collect();
    for principal in &principals {
        apps.grants.retain(|grant| grant.client != principal.id);
        apps.role_assignments.retain(|(client, _)| *client != principal.id);
    }
    let (trace, name) = (Trace::of(call), &gone.display_name);
    events::application_changed(world, &trace, gone.id, name, ("Delete application", "Delete"));
    for principal in &principals {
        let deed = ("Remove service principal", "Delete");
        events::principal_changed(world, &trace, principal.id, &principal.display_name, deed);
    }
    world.emit(Event::Directory { id: gone.id });
    Ok(Answer::no_content())
}

fn add_password(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let at = position(world, call)?;
    let asked = call.body.get("passwordCredential").unwrap_or(&Value::Null);
    let now = world.now();
    let end = match text(asked, "endDateTime").map(str::parse::<Timestamp>) {
        None => now.saturating_add(TWO_YEARS).unwrap_or(Timestamp::MAX),
        Some(Ok(end)) if end > now => end,
        Some(_) => return Err(invalid("endDateTime")),
    };
    let (one, other, key) = (world.guid(), world.guid(), world.guid());
    let mut bytes = one.as_bytes().to_vec();
    bytes.extend_from_slice(other.as_bytes());
    let encoded = URL_SAFE_NO_PAD.encode(bytes);
    let (start, rest) = encoded.split_at_checked(3).unwrap_or((&encoded, ""));
    let secret = format!("{start}8Q~{rest}");
    let hint = start.to_owned();
    let body = json!({
        "customKeyIdentifier": null,
        "displayName": text(asked, "displayName"),
        "endDateTime": seconds(end),
        "hint": hint,
        "keyId": key,
        "secretText": secret,
        "startDateTime": seconds(now),
    });
    let Some(application) = world.tenant.apps.applications.get_mut(at) else {
        return Err(Problem::not_found(call.segment(1)));
    };
    if application.secrets.len() >= MOST_CREDENTIALS {
        return Err(Problem::bad_request("The application has too many credentials."));
    }
    application.secrets.push((key, hint, secret));
    let (id, name) = (application.id, application.display_name.clone());
    events::application_changed(world, &Trace::of(call), id, &name, (CREDENTIALS, "Update"));
    let context = "microsoft.graph.passwordCredential";
    let mut answer = Map::new();
    let address = format!("{}/v1.0/$metadata#{context}", call.origin);
    answer.insert("@odata.context".to_owned(), json!(address));
    if let Value::Object(fields) = body {
        answer.extend(fields);
    }
    Ok(Answer::ok(Value::Object(answer)))
}

fn remove_password(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let at = position(world, call)?;
    let key = text(&call.body, "keyId").and_then(|id| Uuid::try_parse(id).ok());
    let Some(application) = world.tenant.apps.applications.get_mut(at) else {
        return Err(Problem::not_found(call.segment(1)));
    };
    let secret = application.secrets.iter().position(|(id, ..)| Some(*id) == key);
    let secret = secret.ok_or_else(|| {
        Problem::bad_request("No password credential found with the given keyId.")
    })?;
    application.secrets.remove(secret);
    let (id, name) = (application.id, application.display_name.clone());
    events::application_changed(world, &Trace::of(call), id, &name, (CREDENTIALS, "Update"));
    Ok(Answer::no_content())
}

/// Applies a POST or PATCH body. What the sandbox cannot keep is refused.
fn change(world: &mut World, application: &mut Application, body: &Value) -> Result<(), Problem> {
    let Value::Object(fields) = body else {
        return Err(Problem::bad_request("The request body must be a JSON object."));
    };
    for (name, value) in fields {
        match name.as_str() {
            "displayName" => {
                value
                    .as_str()
                    .ok_or_else(|| invalid(name))?
                    .clone_into(&mut application.display_name);
            }
            "isFallbackPublicClient" => {
                application.public_client = value.as_bool().unwrap_or(false);
            }
            "publicClient" => {
                application.redirect_uris = redirects(value, name)?;
                application.public_client = true;
            }
            "web" => application.redirect_uris = redirects(value, name)?,
            "requiredResourceAccess" => require(application, value)?,
            "keyCredentials" => application.keys = keys(world, &application.keys, value)?,
            "signInAudience" if value == "AzureADMyOrg" => {}
            "tags" => application.tags = texts(value).ok_or_else(|| invalid(name))?,
            "notes" => application.notes = value.as_str().map(str::to_owned),
            // The sandbox has no use for these, and they change nothing it answers.
            "@odata.type" | "description" => {}
            _ => {
                return Err(Problem::unsupported(format!(
                    "The sandbox does not keep `{name}` of an application."
                )));
            }
        }
    }
    Ok(())
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

fn redirects(value: &Value, name: &str) -> Result<Vec<String>, Problem> {
    let uris = value.get("redirectUris").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    uris.iter().map(|uri| uri.as_str().map(str::to_owned).ok_or_else(|| invalid(name))).collect()
}

fn require(application: &mut Application, value: &Value) -> Result<(), Problem> {
    let wrong = || invalid("requiredResourceAccess");
    let (mut wanted_scopes, mut wanted_roles) = (Vec::new(), Vec::new());
    for resource in value.as_array().ok_or_else(wrong)? {
        for access in resource.get("resourceAccess").and_then(Value::as_array).ok_or_else(wrong)? {
            let id =
                text(access, "id").and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(wrong)?;
            let (role, found) = match text(access, "type") {
                Some("Role") => (true, app_roles().find(|offered| offered.id == id)),
                Some("Scope") => (false, scopes().find(|offered| offered.id == id)),
                Some(_) | None => return Err(wrong()),
            };
            let found = found.ok_or_else(|| {
                Problem::unsupported(format!("The sandbox does not know the permission {id}."))
            })?;
            let list = if role { &mut wanted_roles } else { &mut wanted_scopes };
            list.push(found.value.to_owned());
        }
    }
    application.required_scopes = wanted_scopes;
    application.required_roles = wanted_roles;
    Ok(())
}

/// The new list of certificates; one without `key` stays if its `keyId` is known.
fn keys(
    world: &mut World,
    had: &[KeyCredential],
    value: &Value,
) -> Result<Vec<KeyCredential>, Problem> {
    let items = value.as_array().ok_or_else(|| invalid("keyCredentials"))?;
    if items.len() > MOST_CREDENTIALS {
        return Err(Problem::bad_request("The application has too many credentials."));
    }
    let mut keys = Vec::new();
    for item in items {
        let key_id = text(item, "keyId").and_then(|id| Uuid::try_parse(id).ok());
        let Some(key) = text(item, "key") else {
            let kept = had.iter().find(|had| Some(had.key_id) == key_id);
            keys.push(kept.cloned().ok_or_else(|| invalid("keyCredentials"))?);
            continue;
        };
        // Clients send what their tools printed, line breaks included.
        let compact: String = key.chars().filter(|sign| !sign.is_ascii_whitespace()).collect();
        let certificate = STANDARD
            .decode(compact)
            .or_else(|_| URL_SAFE_NO_PAD.decode(key))
            .map_err(|_| invalid("key"))?;
        let (start, end) = validity(&certificate)?;
        keys.push(KeyCredential {
            key_id: key_id.unwrap_or_else(|| world.guid()),
            display_name: text(item, "displayName").unwrap_or_default().to_owned(),
            certificate,
            start,
            end,
        });
    }
    Ok(keys)
}

fn validity(certificate: &[u8]) -> Result<(Timestamp, Timestamp), Problem> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| Problem::bad_request("The key credential is not a DER certificate."))?;
    let time = |seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let validity = parsed.validity();
    Ok((time(validity.not_before.timestamp()), time(validity.not_after.timestamp())))
}

fn position(world: &World, call: &Call) -> Result<usize, Problem> {
    let key = call.segment(1);
    let id = Uuid::try_parse(key).ok();
    let mut all = world.tenant.apps.applications.iter();
    all.position(|one| Some(one.id) == id).ok_or_else(|| Problem::not_found(key))
}

fn invalid(property: &str) -> Problem {
    Problem::bad_request(format!(
        "Invalid value specified for property '{property}' of resource 'Application'."
    ))
}

/// An `application`.
pub(crate) fn application(one: &Application, domain: &str) -> Value {
    let uris = |here: bool| if here { one.redirect_uris.as_slice() } else { &[] };
    let access = |known: Vec<Value>| json!({"resourceAppId": GRAPH, "resourceAccess": known});
    let ids = |names: &[String], kind: &str, all: &[super::Offered]| -> Vec<Value> {
        let wanted = all.iter().filter(|offered| names.iter().any(|name| name == offered.value));
        wanted.map(|offered| json!({"id": offered.id, "type": kind})).collect()
    };
    let mut required = ids(&one.required_scopes, "Scope", &scopes().collect::<Vec<_>>());
    required.extend(ids(&one.required_roles, "Role", &app_roles().collect::<Vec<_>>()));
    let required = if required.is_empty() { Vec::new() } else { vec![access(required)] };
    json!({
        "id": one.id,
        "deletedDateTime": null,
        "appId": one.app_id,
        "createdDateTime": seconds(one.created),
        "displayName": one.display_name,
        "description": null,
        "notes": one.notes,
        "identifierUris": [],
        "isFallbackPublicClient": one.public_client,
        "publisherDomain": domain,
        "signInAudience": "AzureADMyOrg",
        "tags": one.tags,
        "appRoles": [],
        "keyCredentials": one.keys.iter().map(key).collect::<Value>(),
        "passwordCredentials": one.secrets.iter().map(secret).collect::<Value>(),
        "requiredResourceAccess": required,
        "publicClient": {"redirectUris": uris(one.public_client)},
        "spa": {"redirectUris": []},
        "web": {"homePageUrl": null, "logoutUrl": null, "redirectUris": uris(!one.public_client)},
    })
}

fn key(key: &KeyCredential) -> Value {
    let thumbprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &key.certificate);
    json!({
        "customKeyIdentifier": STANDARD.encode(thumbprint),
        "displayName": key.display_name,
        "endDateTime": seconds(key.end),
        // Only shown when selected on a single application.
        "key": null,
        "keyId": key.key_id,
        "startDateTime": seconds(key.start),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    })
}

fn secret((id, hint, _): &(Uuid, String, String)) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": null,
        "endDateTime": null,
        "hint": hint,
        "keyId": id,
        "secretText": null,
        "startDateTime": null,
    })
}

/// With a dash of its own, as the log writes it.
const CREDENTIALS: &str = "Update application – Certificates and secrets management ";
const TWO_YEARS: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);
const MOST_CREDENTIALS: usize = 20;
