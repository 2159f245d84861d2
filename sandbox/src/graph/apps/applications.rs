//! `applications`: registrations and their credentials.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::secrets::MOST_CREDENTIALS;
use super::{
    GRAPH, READ, api, app_roles, manifest, may_write, owners, scopes, secrets, text, unimplemented,
};
use crate::graph::agents::{self, Part};
use crate::graph::listing::Listing;
use crate::graph::{Answer, Call, Handled, Problem};
use crate::tenant::audit::events::{self, Trace, seconds};
use crate::tenant::{Application, Effect, KeyCredential, ServicePrincipal};
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
        (_, ["applications", _, "owners", ..]) => owned(world, call),
        ("GET", ["applications", _, "approles"]) => roles(world, call),
        _ => Err(unimplemented(call)),
    })
}

const APPLICATIONS: Listing<'_> = Listing {
    context: "applications",
    filterable: &["appId", "displayName", "id", "createdDateTime", "identifierUris", "tags"],
    page: 100,
    orderable: None,
};

fn list(world: &World, call: &Call) -> Result<Answer, Problem> {
    readable(call, call.cast == Some(agents::Cast::Blueprint))?;
    let tenant = &world.tenant;
    let all = tenant.apps.applications.iter();
    let all = all.filter(|one| call.cast.is_none() || one.blueprint.is_some());
    APPLICATIONS.answer(call, all.map(|one| manifest::shown(tenant, one)).collect())
}

fn one(world: &World, call: &Call) -> Result<Answer, Problem> {
    let found = position(world, call).map(|at| world.tenant.apps.applications.get(at));
    let blueprint = matches!(found, Ok(Some(found)) if found.blueprint.is_some());
    readable(call, blueprint)?;
    let found = found?.ok_or_else(|| Problem::not_found(call.segment(1)))?;
    let mut shown = manifest::shown(&world.tenant, found);
    let asked = call.option("$select").unwrap_or_default();
    // Certificates are only shown to who asks for them, about one application.
    if asked.split(',').any(|name| name.trim().eq_ignore_ascii_case("keyCredentials"))
        && let Some(shown) = shown.pointer_mut("/keyCredentials")
    {
        *shown = found.keys.iter().map(whole_key).collect();
    }
    APPLICATIONS.entity(call, shown)
}

/// `…/appRoles`: a property of its own.
fn roles(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    let at = position(world, call)?;
    let found = world.tenant.apps.applications.get(at);
    let found = found.ok_or_else(|| Problem::not_found(call.segment(1)))?;
    let shown = manifest::shown(&world.tenant, found);
    let items = shown.get("appRoles").and_then(Value::as_array).cloned().unwrap_or_default();
    let context = format!("applications('{}')/appRoles", found.id);
    Listing { context: &context, filterable: &["id", "value"], ..APPLICATIONS }.answer(call, items)
}

/// `…/owners` of an application.
fn owned(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let at = position(world, call)?;
    let found = world.tenant.apps.applications.get(at);
    let (id, name) = found
        .map(|one| (one.id, one.display_name.clone()))
        .ok_or_else(|| Problem::not_found(call.segment(1)))?;
    match (call.method.as_str(), call.names.get(3..).unwrap_or_default()) {
        ("GET", []) => owners::list(world, call, id),
        ("POST", [reference]) if reference == "$ref" => owners::add(world, call, (id, &name)),
        ("DELETE", [_, reference]) if reference == "$ref" => {
            owners::remove(world, call, (id, &name))
        }
        _ => Err(unimplemented(call)),
    }
}

fn readable(call: &Call, blueprint: bool) -> Result<(), Problem> {
    call.needs(READ).or_else(|no| {
        let own = ["AgentIdentityBlueprint.Read.All", "AgentIdentityBlueprint.ReadWrite.All"];
        if blueprint { call.needs(&own) } else { Err(no) }
    })
}

fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let made = empty(world);
    register(world, call, made)
}

/// A registration that says nothing yet.
pub(in crate::graph) fn empty(world: &mut World) -> Application {
    Application {
        id: world.guid(),
        app_id: world.guid(),
        display_name: String::new(),
        redirect_uris: Vec::new(),
        public_client: false,
        keys: Vec::new(),
        secrets: Vec::new(),
        federated: Vec::new(),
        identifier_uris: Vec::new(),
        own_scopes: Vec::new(),
        token_version: None,
        required_scopes: Vec::new(),
        required_roles: Vec::new(),
        created: world.now(),
        disabled: false,
        blueprint: None,
    }
}

/// Fills a new registration from the body and keeps it.
pub(in crate::graph) fn register(
    world: &mut World,
    call: &Call,
    mut made: Application,
) -> Result<Answer, Problem> {
    let mut said = change(world, &mut made, &call.body)?;
    // From here on it is what was said, and not what follows from it.
    said.entry("isFallbackPublicClient").or_insert(Value::Null);
    if made.display_name.is_empty() {
        return Err(invalid("displayName"));
    }
    let (id, name) = (made.id, made.display_name.clone());
    let kept = world.tenant.manifests.of(id);
    kept.said = said;
    kept.owners.extend(call.caller.user);
    let body = APPLICATIONS.wrapped(call, manifest::shown(&world.tenant, &made));
    let deed = if made.blueprint.is_some() { "blueprintCreated" } else { "applicationCreated" };
    world.tenant.ledger.count(Effect::Object { deed, object: id });
    world.tenant.apps.applications.push(made);
    let trace = Trace::of(call);
    events::application_changed(world, &trace, id, &name, ("Add application", "Add"));
    world.emit(Event::Directory { id });
    Ok(Answer::created(body))
}

fn update(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let at = position(world, call)?;
    permitted(world, call, at, |one| {
        let fields = call.body.as_object().into_iter().flat_map(|fields| fields.keys());
        fields.map(|name| agents::part(one, name)).collect()
    })?;
    // Changed as a whole or not at all.
    let mut changed = world.tenant.apps.applications.get(at).cloned();
    let said = match &mut changed {
        Some(application) => change(world, application, &call.body)?,
        None => Map::new(),
    };
    let credentials = call.body.get("keyCredentials").is_some();
    if let Some(one) = &changed {
        let deed = if credentials { "credentialsChanged" } else { "applicationUpdated" };
        world.tenant.ledger.count(Effect::Object { deed, object: one.id });
    }
    if let (Some(slot), Some(changed)) = (world.tenant.apps.applications.get_mut(at), changed) {
        let (id, name) = (changed.id, changed.display_name.clone());
        *slot = changed;
        world.tenant.manifests.of(id).said.extend(said);
        let activity = if credentials { CREDENTIALS } else { "Update application" };
        let trace = Trace::of(call);
        events::application_changed(world, &trace, id, &name, (activity, "Update"));
        world.emit(Event::Directory { id });
    }
    Ok(Answer::no_content())
}

fn delete(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let at = position(world, call)?;
    permitted(world, call, at, |_| vec![Part::Delete])?;
    let apps = &world.tenant.apps;
    let Some(gone) = apps.applications.get(at).cloned() else {
        return Err(Problem::not_found(call.segment(1)));
    };
    let principals: Vec<ServicePrincipal> =
        apps.principals.iter().filter(|one| one.app_id == gone.app_id).cloned().collect();
    let now = world.now();
    world.tenant.bin_application(gone.id, now);
    for principal in &principals {
        world.tenant.bin_principal(principal.id, now);
    }
    let deed = if gone.blueprint.is_some() { "blueprintDeleted" } else { "applicationDeleted" };
    world.tenant.ledger.count(Effect::Object { deed, object: gone.id });
    agents::orphan(world, call, gone.app_id);
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
    let at = position(world, call)?;
    permitted(world, call, at, |_| vec![Part::Credentials])?;
    let (secret, answer) = secrets::made(world, call)?;
    let Some(application) = world.tenant.apps.applications.get_mut(at) else {
        return Err(Problem::not_found(call.segment(1)));
    };
    if application.secrets.len() >= MOST_CREDENTIALS {
        return Err(Problem::bad_request("The application has too many credentials."));
    }
    application.secrets.push(secret);
    let (id, name) = (application.id, application.display_name.clone());
    world.tenant.ledger.count(Effect::Object { deed: "secretAdded", object: id });
    events::application_changed(world, &Trace::of(call), id, &name, (CREDENTIALS, "Update"));
    Ok(answer)
}

fn remove_password(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let at = position(world, call)?;
    permitted(world, call, at, |_| vec![Part::Credentials])?;
    let key = text(&call.body, "keyId").and_then(|id| Uuid::try_parse(id).ok());
    let Some(application) = world.tenant.apps.applications.get_mut(at) else {
        return Err(Problem::not_found(call.segment(1)));
    };
    let secret = application.secrets.iter().position(|one| Some(one.key_id) == key);
    let secret = secret.ok_or_else(secrets::unknown)?;
    application.secrets.remove(secret);
    let (id, name) = (application.id, application.display_name.clone());
    world.tenant.ledger.count(Effect::Object { deed: "secretRemoved", object: id });
    events::application_changed(world, &Trace::of(call), id, &name, (CREDENTIALS, "Update"));
    Ok(Answer::no_content())
}

/// Applies a POST or PATCH body; returns what its manifest says from now on. What the sandbox
/// cannot keep is refused.
fn change(
    world: &mut World,
    application: &mut Application,
    body: &Value,
) -> Result<Map<String, Value>, Problem> {
    let Value::Object(fields) = body else {
        return Err(Problem::bad_request("The request body must be a JSON object."));
    };
    let before = manifest::shown(&world.tenant, application);
    let said = manifest::said(&before, fields)?;
    manifest::follow(application, &before, &said);
    for (name, value) in fields {
        if application.blueprint.is_some() {
            agents::fits_blueprint(name, value)?;
        }
        match name.as_str() {
            "displayName" => {
                value
                    .as_str()
                    .ok_or_else(|| invalid(name))?
                    .clone_into(&mut application.display_name);
            }
            "requiredResourceAccess" => require(application, value)?,
            "keyCredentials" => application.keys = keys(world, &application.keys, value)?,
            "identifierUris" => {
                let uris = api::identifier_uris(&world.tenant, application.id, value)?;
                application.identifier_uris = uris;
            }
            "api" => api::change(application, value)?,
            "isDisabled" => application.disabled = value.as_bool().unwrap_or(false),
            // Read by whoever makes a blueprint.
            "sponsors@odata.bind" | "owners@odata.bind" if application.blueprint.is_some() => {}
            "@odata.type" | "@odata.context" => {}
            other if manifest::keeps(other) => {}
            _ => {
                return Err(Problem::unsupported(format!(
                    "The sandbox does not keep `{name}` of an application."
                )));
            }
        }
    }
    Ok(said)
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
            // Of another API, or one that the sandbox does not know: kept, but nothing comes of it.
            let Some(found) = found else { continue };
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

/// Refuses a caller who may not change these parts of an application; those of a blueprint have
/// permissions of their own.
fn permitted(
    world: &World,
    call: &Call,
    at: usize,
    parts: impl FnOnce(&Application) -> Vec<Part>,
) -> Result<(), Problem> {
    match world.tenant.apps.applications.get(at) {
        Some(one) => match one.blueprint.as_deref() {
            Some(blueprint) => agents::may_change(world, call, &blueprint.keepers, &parts(one)),
            None => may_write(world, call),
        },
        None => Err(Problem::not_found(call.segment(1))),
    }
}

pub(in crate::graph) fn position(world: &World, call: &Call) -> Result<usize, Problem> {
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
    let mut shown = json!({
        "id": one.id,
        "deletedDateTime": null,
        "appId": one.app_id,
        "createdDateTime": seconds(one.created),
        "displayName": one.display_name,
        "description": null,
        "identifierUris": one.identifier_uris,
        "isDisabled": one.disabled.then_some(true),
        "api": api::json(one),
        "isFallbackPublicClient": one.public_client,
        "publisherDomain": domain,
        "signInAudience": "AzureADMyOrg",
        "tags": [],
        "appRoles": [],
        "keyCredentials": one.keys.iter().map(key).collect::<Value>(),
        "passwordCredentials": one.secrets.iter().map(secrets::shown).collect::<Value>(),
        "requiredResourceAccess": required,
        "publicClient": {"redirectUris": uris(one.public_client)},
        "spa": {"redirectUris": []},
        "web": {"homePageUrl": null, "logoutUrl": null, "redirectUris": uris(!one.public_client)},
    });
    if let (Some(_), Value::Object(shown)) = (&one.blueprint, &mut shown) {
        let kind = "#microsoft.graph.agentIdentityBlueprint";
        shown.insert("@odata.type".to_owned(), kind.into());
    }
    shown
}

fn whole_key(one: &KeyCredential) -> Value {
    let mut shown = key(one);
    if let Value::Object(shown) = &mut shown {
        shown.insert("key".to_owned(), STANDARD.encode(&one.certificate).into());
    }
    shown
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

/// With a dash of its own, as the log writes it.
const CREDENTIALS: &str = "Update application – Certificates and secrets management ";
