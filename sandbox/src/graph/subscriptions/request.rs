//! What `POST /subscriptions` may ask for.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rsa::PublicEncryptingKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::{Host, Url, form_urlencoded};
use uuid::Uuid;
use x509_parser::public_key::PublicKey;

use crate::graph::address::Address;
use crate::graph::chats::call::teams;
use crate::graph::messages::draft::{known, text};
use crate::graph::{Call, Problem};
use crate::tenant::{Rich, Subscription, Watch};
use crate::world::{Change, World};

/// The subscription a request describes, if everything about it is allowed.
pub(super) fn read(world: &mut World, call: &Call) -> Result<Subscription, Problem> {
    let body = &call.body;
    known(body, PROPERTIES)?;
    let resource = required(body, "resource")?;
    let target = Target::read(world, call, resource)?;
    let change_type = required(body, "changeType")?;
    let changes = changes(change_type)?;
    let notification_url = address(required(body, "notificationUrl")?, "notificationUrl")?;
    let lifecycle_url = text(body, "lifecycleNotificationUrl")?
        .map(|url| address(url, "lifecycleNotificationUrl"))
        .transpose()?;
    let client_state = text(body, "clientState")?;
    if client_state.is_some_and(|state| state.chars().count() > LONGEST_TEXT) {
        return Err(invalid("clientState must not be longer than 128 characters."));
    }
    let now = world.now();
    let expires = required(body, "expirationDateTime")?;
    let expires = expiry(expires, now, &target.watch, lifecycle_url.is_some())?;
    let rich = match body.get("includeResourceData") {
        None | Some(Value::Null | Value::Bool(false)) => None,
        Some(Value::Bool(true)) => Some(rich(body)?),
        Some(_) => return Err(invalid("includeResourceData must be a boolean.")),
    };
    Ok(Subscription {
        id: world.guid(),
        app_id: call.caller.app_id,
        creator: call.caller.user.unwrap_or(call.caller.principal),
        resource: resource.to_owned(),
        watch: target.watch,
        mentioning: target.mentioning,
        change_type: change_type.to_owned(),
        changes,
        notification_url,
        lifecycle_url,
        expires,
        client_state: client_state.map(str::to_owned),
        tls_version: text(body, "latestSupportedTlsVersion")?.unwrap_or("v1_2").to_owned(),
        query_options: text(body, "notificationQueryOptions")?.map(str::to_owned),
        rich,
        authorised_at: now,
        authorised_until: call.caller.expires,
        asked: None,
    })
}

/// Refuses duplicates and what is over a quota.
pub(super) fn room(world: &World, wanted: &Subscription) -> Result<(), Problem> {
    let subscriptions = &world.tenant.chats.subscriptions;
    let mut same = subscriptions
        .watching(&wanted.watch)
        .filter(|other| other.app_id == wanted.app_id && other.creator == wanted.creator);
    let duplicate = same.any(|other| {
        other.changes == wanted.changes
            && other.mentioning == wanted.mentioning
            && (other.notification_url == wanted.notification_url
                || matches!(other.watch, Watch::Chat(_)))
    });
    if duplicate {
        return Err(extension(409, "Conflict", "Subscription already exists for this resource."));
    }
    let (limit, taken) = match &wanted.watch {
        Watch::Chat(_) => {
            let app = |other: &&Subscription| other.app_id == wanted.app_id;
            (PER_CHAT, subscriptions.watching(&wanted.watch).filter(app).count())
        }
        Watch::UserChats(_) => (PER_USER, subscriptions.watching(&wanted.watch).count()),
        Watch::Presence(_) | Watch::Nothing => (PER_TENANT, 0),
    };
    let (limit, taken) =
        if taken < limit { (PER_TENANT, subscriptions.len()) } else { (limit, taken) };
    if taken < limit {
        return Ok(());
    }
    let why = format!("Maximum number of subscriptions reached: the limit is {limit}.");
    Err(extension(403, "Forbidden", &why))
}

/// When a subscription ends, checked against the longest life its resource allows.
pub(super) fn expiry(
    given: &str,
    now: Timestamp,
    watch: &Watch,
    lifecycle: bool,
) -> Result<Timestamp, Problem> {
    let expires: Timestamp =
        given.parse().map_err(|_| invalid("expirationDateTime is not a DateTimeOffset."))?;
    let (ahead, minutes) = (expires.duration_since(now), longest(watch));
    if ahead <= SignedDuration::ZERO {
        return Err(invalid("Subscription expiration must be in the future."));
    }
    if ahead > SignedDuration::from_mins(minutes).saturating_add(LENIENCE) {
        return Err(invalid(format!(
            "Subscription expiration can only be {minutes} minutes in the future."
        )));
    }
    if !lifecycle && ahead > SignedDuration::from_hours(1).saturating_add(LENIENCE) {
        return Err(invalid(
            "lifecycleNotificationUrl is a required property for subscription creation on this \
             resource when the expirationDateTime value is set to greater than 1 hour.",
        ));
    }
    Ok(expires)
}

/// The key resource data is encrypted for.
pub(super) fn rich(body: &Value) -> Result<Rich, Problem> {
    let certificate = required(body, "encryptionCertificate")?;
    let certificate_id = required(body, "encryptionCertificateId")?;
    if certificate_id.chars().count() > LONGEST_TEXT {
        return Err(invalid("encryptionCertificateId must not be longer than 128 characters."));
    }
    let odd = || invalid("encryptionCertificate is not a base64-encoded X.509 certificate.");
    let der = STANDARD.decode(certificate).map_err(|_| odd())?;
    let (rest, parsed) = x509_parser::parse_x509_certificate(&der).map_err(|_| odd())?;
    if !rest.is_empty() {
        return Err(odd());
    }
    let size = match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => key.key_size(),
        _ => 0,
    };
    let public_key = parsed.public_key().raw.to_vec();
    if !(2048..=4096).contains(&size) || PublicEncryptingKey::from_der(&public_key).is_err() {
        return Err(invalid(
            "The key of encryptionCertificate must be RSA with 2048 to 4096 bits.",
        ));
    }
    Ok(Rich {
        certificate: certificate.to_owned(),
        certificate_id: certificate_id.to_owned(),
        thumbprint: hex::encode_upper(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der)),
        public_key,
    })
}

/// What `resource` means.
#[derive(Debug)]
struct Target {
    watch: Watch,
    mentioning: Option<Uuid>,
}

impl Target {
    /// Also judges whether the caller may watch it.
    fn read(world: &World, call: &Call, resource: &str) -> Result<Self, Problem> {
        let (path, query) = resource.split_once('?').unwrap_or((resource, ""));
        let own = path.trim_start_matches('/').to_ascii_lowercase().starts_with("me/");
        let parsed = Address::parse(path, &call.caller, &world.tenant)?;
        let names: Vec<&str> = parsed.names.iter().map(String::as_str).collect();
        let key = |at: usize| parsed.raw.get(at).map_or("", String::as_str);
        let watch = match names.as_slice() {
            ["chats", _, "messages"] => chat(world, call, key(1))?,
            ["users", _, "chats", "getallmessages"] => user_chats(world, call, key(1))?,
            // Accepted by Graph and then silent.
            ["users", _, "chats", _, "messages"] if own => {
                permitted(call, MESSAGES, MESSAGES_ALL)?;
                Watch::Nothing
            }
            ["users", _, "chats"] if own => {
                return Err(extension(
                    500,
                    "InternalServerError",
                    "Specified method is not supported.",
                ));
            }
            ["chats", "getallmessages"] => {
                permitted(call, &[], MESSAGES_ALL)?;
                return Err(unapproved());
            }
            ["communications", "presences", _] => presence(world, call, key(2))?,
            _ => {
                return Err(Problem::unsupported(format!(
                    "The sandbox has no change notifications for '{resource}'."
                )));
            }
        };
        let mentioning = mentioning(query)?;
        Ok(Self { watch, mentioning })
    }
}

fn chat(world: &World, call: &Call, id: &str) -> Result<Watch, Problem> {
    permitted(call, MESSAGES, MESSAGES_ALL)?;
    let Some(user) = call.caller.user else { return Err(unapproved()) };
    match world.tenant.chats.get(id) {
        Some(chat) if chat.member(user).is_some() => {
            with_teams(world, user)?;
            Ok(Watch::Chat(id.to_owned()))
        }
        Some(_) => Err(extension(403, "Forbidden", "")),
        None => Err(extension(404, "NotFound", "")),
    }
}

fn user_chats(world: &World, call: &Call, key: &str) -> Result<Watch, Problem> {
    permitted(call, MESSAGES, MESSAGES_ALL)?;
    let Some(user) = call.caller.user else { return Err(unapproved()) };
    match world.tenant.people.find(key) {
        Some(found) if found.id == user => {
            with_teams(world, user)?;
            Ok(Watch::UserChats(user))
        }
        Some(_) => Err(extension(403, "Forbidden", "")),
        None => Err(extension(404, "NotFound", "")),
    }
}

/// Refuses somebody whose Teams is not there, or not there yet.
fn with_teams(world: &World, user: Uuid) -> Result<(), Problem> {
    teams(world, user).map_err(|no| match no.status {
        404 => extension(404, "NotFound", ""),
        _ => extension(403, "Forbidden", ""),
    })
}

fn presence(world: &World, call: &Call, key: &str) -> Result<Watch, Problem> {
    permitted(call, &["Presence.Read.All"], &[])?;
    let user = world.tenant.people.find(key).ok_or_else(|| extension(404, "NotFound", ""))?;
    Ok(Watch::Presence(user.id))
}

/// `$filter=mentions/any(u: u/mentioned/user/id eq '…')`; `model` no longer means anything.
fn mentioning(query: &str) -> Result<Option<Uuid>, Problem> {
    let mut mentioning = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let user = match (name.as_ref(), value.split_once("/mentioned/user/id eq '")) {
            ("model", _) => continue,
            ("$filter", Some((any, user))) if any.starts_with("mentions/any(") => {
                user.strip_suffix("')").and_then(|user| Uuid::try_parse(user).ok())
            }
            _ => None,
        };
        mentioning = Some(user.ok_or_else(|| {
            Problem::unsupported(format!(
                "The sandbox does not filter notifications by '{name}={value}'."
            ))
        })?);
    }
    Ok(mentioning)
}

fn permitted(call: &Call, delegated: &[&str], application: &[&str]) -> Result<(), Problem> {
    let wanted = if call.caller.user.is_some() { delegated } else { application };
    if wanted.iter().any(|permission| call.caller.permissions.contains(*permission)) {
        return Ok(());
    }
    let names = delegated.iter().chain(application).copied().collect::<Vec<_>>().join(",");
    let why =
        format!("Required permissions to access the resource, one of ('{names}') is missing.");
    Err(extension(403, "Unauthorized", &why))
}

/// Application access to messages, which Microsoft grants on request only.
fn unapproved() -> Problem {
    extension(
        403,
        "Forbidden",
        "Invoked API requires Protected API access in application-only context.",
    )
}

/// The error body of subscriptions: a whole sentence made by the layer below.
fn extension(status: u16, reason: &str, why: &str) -> Problem {
    Problem::new(
        status,
        "ExtensionError",
        format!("Operation: Create; Exception: [Status Code: {reason}; Reason: {why}]"),
    )
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(400, "InvalidRequest", message)
}

fn required<'a>(body: &'a Value, name: &str) -> Result<&'a str, Problem> {
    let missing = || invalid(format!("Subscription property '{name}' is required."));
    text(body, name)?.filter(|text| !text.is_empty()).ok_or_else(missing)
}

fn changes(given: &str) -> Result<Vec<Change>, Problem> {
    let mut changes = Vec::new();
    for one in given.split(',').map(str::trim) {
        let change = match one.to_ascii_lowercase().as_str() {
            "created" => Change::Created,
            "updated" => Change::Updated,
            "deleted" => Change::Deleted,
            _ => return Err(invalid(format!("'{one}' is not a changeType."))),
        };
        changes.push(change);
    }
    // In one order, so that two lists of the same changes are equal.
    let all = [Change::Created, Change::Updated, Change::Deleted];
    Ok(all.into_iter().filter(|change| changes.contains(change)).collect())
}

/// Where to send. Only this machine: a sandbox calls nobody on the network.
fn address(given: &str, name: &str) -> Result<Url, Problem> {
    let url = Url::parse(given).map_err(|_| invalid(format!("{name} is not a URL.")))?;
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => false,
    };
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    if loopback && plain {
        Ok(url)
    } else {
        Err(invalid(format!(
            "{name} must be an http or https URL on this machine (localhost): the sandbox \
             contacts nothing else."
        )))
    }
}

/// Minutes a subscription may live.
fn longest(watch: &Watch) -> i64 {
    match watch {
        Watch::Chat(_) | Watch::UserChats(_) | Watch::Nothing => 4_320,
        Watch::Presence(_) => 60,
    }
}

const PROPERTIES: &[&str] = &[
    "changeType",
    "notificationUrl",
    "lifecycleNotificationUrl",
    "resource",
    "expirationDateTime",
    "clientState",
    "includeResourceData",
    "encryptionCertificate",
    "encryptionCertificateId",
    "latestSupportedTlsVersion",
    "notificationQueryOptions",
];

const MESSAGES: &[&str] = &["Chat.Read", "Chat.ReadWrite"];
const MESSAGES_ALL: &[&str] = &["Chat.Read.All", "Chat.ReadWrite.All"];

const LONGEST_TEXT: usize = 128;
/// Clocks differ a little; nobody asks for exactly the longest life otherwise.
const LENIENCE: SignedDuration = SignedDuration::from_secs(60);

/// Subscriptions of one app to one chat, to one user's chats, and of a tenant.
const PER_CHAT: usize = 1;
const PER_USER: usize = 10;
const PER_TENANT: usize = 10_000;
