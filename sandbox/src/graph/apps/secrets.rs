//! Client secrets: how they are made and shown, and those that a service principal has itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{may_write, text};
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::events::{self, Trace, seconds};
use crate::tenant::{PasswordCredential, Secret};
use crate::world::{Event, World};

/// A new secret as the request asks for it, and the one answer that shows it.
///
/// # Errors
/// Graph's 400 for an end that is none.
pub(super) fn made(
    world: &mut World,
    call: &Call,
) -> Result<(PasswordCredential, Answer), Problem> {
    let asked = call.body.get("passwordCredential").unwrap_or(&Value::Null);
    let now = world.now();
    let end = match text(asked, "endDateTime").map(str::parse::<Timestamp>) {
        None => now.saturating_add(TWO_YEARS).unwrap_or(Timestamp::MAX),
        Some(Ok(end)) if end > now => end,
        Some(_) => {
            return Err(Problem::bad_request(
                "Invalid value specified for property 'endDateTime' of resource \
                 'PasswordCredential'.",
            ));
        }
    };
    let (one, other, key) = (world.guid(), world.guid(), world.guid());
    let mut bytes = one.as_bytes().to_vec();
    bytes.extend_from_slice(other.as_bytes());
    let encoded = URL_SAFE_NO_PAD.encode(bytes);
    let (start, rest) = encoded.split_at_checked(3).unwrap_or((&encoded, ""));
    let secret = format!("{start}8Q~{rest}");
    let made = PasswordCredential {
        key_id: key,
        display_name: text(asked, "displayName").map(str::to_owned),
        hint: start.to_owned(),
        secret: Secret::new(&secret),
        start: now,
        end,
    };
    let address = format!("{}/v1.0/$metadata#microsoft.graph.passwordCredential", call.origin);
    let mut answer = Map::new();
    answer.insert("@odata.context".to_owned(), json!(address));
    if let Value::Object(fields) = shown(&made) {
        answer.extend(fields);
    }
    answer.insert("secretText".to_owned(), json!(secret));
    Ok((made, Answer::ok(Value::Object(answer))))
}

/// A `passwordCredential`, without the secret.
pub(super) fn shown(one: &PasswordCredential) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": one.display_name,
        "endDateTime": seconds(one.end),
        "hint": one.hint,
        "keyId": one.key_id,
        "secretText": null,
        "startDateTime": seconds(one.start),
    })
}

/// `POST /servicePrincipals/{id}/addPassword`.
pub(super) fn add(world: &mut World, call: &Call, of: (Uuid, &str)) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let (secret, answer) = made(world, call)?;
    let secrets = &mut world.tenant.manifests.of(of.0).secrets;
    if secrets.len() >= MOST_CREDENTIALS {
        return Err(Problem::bad_request("The service principal has too many credentials."));
    }
    secrets.push(secret);
    changed(world, call, of);
    Ok(answer)
}

/// `POST /servicePrincipals/{id}/removePassword`.
pub(super) fn remove(world: &mut World, call: &Call, of: (Uuid, &str)) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let key = text(&call.body, "keyId").and_then(|id| Uuid::try_parse(id).ok());
    let secrets = &mut world.tenant.manifests.of(of.0).secrets;
    let at = secrets.iter().position(|one| Some(one.key_id) == key).ok_or_else(unknown)?;
    secrets.remove(at);
    changed(world, call, of);
    Ok(Answer::no_content())
}

pub(super) fn unknown() -> Problem {
    Problem::bad_request("No password credential found with the given keyId.")
}

fn changed(world: &mut World, call: &Call, (id, name): (Uuid, &str)) {
    let deed = ("Update service principal", "Update");
    events::principal_changed(world, &Trace::of(call), id, name, deed);
    world.emit(Event::Directory { id });
}

/// How many keys, and how many secrets, an object has at most.
pub(super) const MOST_CREDENTIALS: usize = 20;
const TWO_YEARS: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);
