//! Subscriptions: create with handshake, renew, reauthorise, delete.

mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::chats::call::base;
use super::messages::{draft, with_context};
use super::{Answer, Call, Handled, Problem};
use crate::notify::Courier;
use crate::tenant::Subscription;
use crate::world::{Sandbox, World};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, names) = call.route();
    let now = world.now();
    world.tenant.chats.subscriptions.expire(now);
    let answer = match (method, names.as_slice()) {
        ("GET", ["subscriptions"]) => Ok(list(world, call)),
        ("GET", ["subscriptions", _]) => get(world, call),
        ("PATCH", ["subscriptions", _]) => patch(world, call),
        ("DELETE", ["subscriptions", _]) => delete(world, call),
        ("POST", ["subscriptions", _, "reauthorize"]) => reauthorize(world, call),
        _ => return None,
    };
    Some(answer)
}

/// `POST /subscriptions`: the only call that waits, for the handshake with the subscriber.
pub(crate) async fn create(sandbox: &Arc<Sandbox>, call: Call) -> Result<Answer, Problem> {
    let (wanted, handshakes) = {
        let mut world = sandbox.world();
        let now = world.now();
        world.tenant.chats.subscriptions.expire(now);
        let wanted = request::read(&mut world, &call)?;
        request::room(&world, &wanted)?;
        let urls = std::iter::once(&wanted.notification_url).chain(&wanted.lifecycle_url);
        let urls: Vec<_> = urls.cloned().collect();
        let handshakes: Vec<_> = urls.into_iter().map(|url| (url, world.guid())).collect();
        (wanted, handshakes)
    };
    let courier =
        Courier::new().map_err(|_| Problem::new(503, "ServiceUnavailable", "No client."))?;
    for (url, id) in handshakes {
        // Graph reports a failed handshake as 400; the code is remembered.
        let handshake = courier.handshake(&url, id).await;
        handshake.map_err(|why| Problem::new(400, "ValidationError", why.to_string()))?;
    }
    let mut world = sandbox.world();
    // Somebody may have been faster during the handshake.
    request::room(&world, &wanted)?;
    let body = entity(&call, &wanted);
    world.tenant.chats.subscriptions.add(wanted);
    Ok(Answer::created(body))
}

fn list(world: &World, call: &Call) -> Answer {
    let value: Vec<Value> = world
        .tenant
        .chats
        .subscriptions
        .iter()
        .filter(|subscription| belongs(subscription, call))
        .map(subscription_json)
        .collect();
    let context = format!("{}/$metadata#subscriptions", base(call));
    Answer::ok(json!({"@odata.context": context, "value": value}))
}

fn get(world: &World, call: &Call) -> Result<Answer, Problem> {
    let id = found(world, call)?;
    let subscription = world.tenant.chats.subscriptions.get(id).ok_or_else(absent)?;
    Ok(Answer::ok(entity(call, subscription)))
}

/// Renews; may change the certificate. A change of address would need a handshake.
fn patch(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let id = found(world, call)?;
    draft::known(
        &call.body,
        &[
            "expirationDateTime",
            "notificationUrl",
            "encryptionCertificate",
            "encryptionCertificateId",
        ],
    )?;
    let now = world.now();
    let before = world.tenant.chats.subscriptions.get(id).ok_or_else(absent)?;
    let mut after = before.clone();
    if let Some(url) = draft::text(&call.body, "notificationUrl")?
        && Url::parse(url).ok().as_ref() != Some(&before.notification_url)
    {
        return Err(Problem::unsupported("The sandbox cannot move a subscription to another URL."));
    }
    if let Some(expires) = draft::text(&call.body, "expirationDateTime")? {
        after.expires = request::expiry(expires, now, &after.watch, after.lifecycle_url.is_some())?;
    }
    if call.body.get("encryptionCertificate").is_some() {
        after.rich = Some(request::rich(&call.body)?);
    }
    after.reauthorise(now, call.caller.expires);
    let body = entity(call, &after);
    if let Some(subscription) = world.tenant.chats.subscriptions.get_mut(id) {
        *subscription = after;
    }
    Ok(Answer::ok(body))
}

fn reauthorize(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let id = found(world, call)?;
    let now = world.now();
    let subscription = world.tenant.chats.subscriptions.get_mut(id).ok_or_else(absent)?;
    subscription.reauthorise(now, call.caller.expires);
    // Documented as an empty success; the number is remembered.
    Ok(Answer::no_content())
}

fn delete(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let id = found(world, call)?;
    world.tenant.chats.subscriptions.remove(id);
    Ok(Answer::no_content())
}

/// The subscription in the path, if it is the caller's.
fn found(world: &World, call: &Call) -> Result<Uuid, Problem> {
    let id = Uuid::try_parse(call.segment(1)).map_err(|_| absent())?;
    let subscription = world.tenant.chats.subscriptions.get(id);
    match subscription {
        Some(subscription) if belongs(subscription, call) => Ok(id),
        _ => Err(absent()),
    }
}

/// An app sees only its own, and of those only the signed-in user's.
fn belongs(subscription: &Subscription, call: &Call) -> bool {
    subscription.app_id == call.caller.app_id
        && call.caller.user.is_none_or(|user| user == subscription.creator)
}

fn absent() -> Problem {
    Problem::new(404, "ResourceNotFound", "The object was not found.")
}

fn entity(call: &Call, subscription: &Subscription) -> Value {
    let context = format!("{}/$metadata#subscriptions/$entity", base(call));
    with_context(context, subscription_json(subscription))
}

fn subscription_json(subscription: &Subscription) -> Value {
    let rich = subscription.rich.as_ref();
    json!({
        "id": subscription.id,
        "resource": subscription.resource,
        "applicationId": subscription.app_id,
        "changeType": subscription.change_type,
        "clientState": subscription.client_state,
        "notificationUrl": subscription.notification_url.as_str(),
        "notificationQueryOptions": subscription.query_options,
        "lifecycleNotificationUrl": subscription.lifecycle_url.as_ref().map(Url::as_str),
        "expirationDateTime": subscription.expires.to_string(),
        "creatorId": subscription.creator,
        "includeResourceData": rich.is_some(),
        "latestSupportedTlsVersion": subscription.tls_version,
        "encryptionCertificate": rich.map(|rich| &rich.certificate),
        "encryptionCertificateId": rich.map(|rich| &rich.certificate_id),
        "notificationUrlAppId": null,
    })
}
