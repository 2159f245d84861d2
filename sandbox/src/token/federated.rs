//! Client assertions that somebody else signed, whom the client trusts by a federated identity
//! credential (Entra, "Workload identity federation").

use uuid::Uuid;

use super::clients::{Client, SKEW};
use super::keys::{Jws, Keys};
use super::refusal::Refusal;
use super::scopes::Resource;
use crate::wire::field;
use crate::world::World;

/// Whether an assertion names an issuer, and not the client itself, as its signer.
pub(super) fn foreign(assertion: &str) -> bool {
    Jws::parse(assertion).is_some_and(|jws| text(&jws, "iss").starts_with("https://"))
}

/// Checks such an assertion against the client's credentials.
pub(super) fn check(
    world: &World,
    keys: &Keys,
    client: &Client,
    assertion: &str,
) -> Result<(), Refusal> {
    let jws = Jws::parse(assertion).ok_or_else(|| Refusal::assertion("It is not a JWT."))?;
    let (issuer, subject) = (text(&jws, "iss"), text(&jws, "sub"));
    let application = world.tenant.apps.application(client.app_id);
    let known = application.map_or(&[][..], |app| &app.federated);
    let known: Vec<_> = known.iter().filter(|one| one.issuer == issuer).collect();
    if known.is_empty() {
        return Err(Refusal::no_federation(issuer));
    }
    signed(world, keys, &jws)?;
    if ours(world.tenant.id, issuer) && text(&jws, "idtyp") != "app" {
        return Err(Refusal::only_apps_federate());
    }
    let known: Vec<_> = known.into_iter().filter(|one| one.subject == subject).collect();
    if known.is_empty() {
        return Err(Refusal::other_subject(subject));
    }
    let audience = text(&jws, "aud");
    let fits = |wanted: &String| {
        wanted == audience
            || Resource::of(wanted).is_some_and(|it| Some(it) == Resource::of(audience))
    };
    if !known.iter().any(|one| one.audiences.iter().any(fits)) {
        return Err(Refusal::other_audience(audience));
    }
    fresh(world, &jws)
}

/// Refuses an assertion whose signature is not its issuer's.
pub(super) fn signed(world: &World, keys: &Keys, jws: &Jws<'_>) -> Result<(), Refusal> {
    let issuer = text(jws, "iss");
    let kid = field(&jws.header, "kid").as_str();
    let good = if ours(world.tenant.id, issuer) {
        keys.signing().verifies(jws)
    } else {
        let known = world.sessions.issuers.get(issuer).map_or(&[][..], Vec::as_slice);
        known
            .iter()
            .filter(|key| key.kid.is_none() || key.kid.as_deref() == kid)
            .any(|key| jws.verifies_with(&key.n, &key.e))
    };
    let no = || Refusal::assertion("[Reason - The key was not found.]");
    if good { Ok(()) } else { Err(no()) }
}

/// Refuses an assertion that is no longer, or not yet, valid.
pub(super) fn fresh(world: &World, jws: &Jws<'_>) -> Result<(), Refusal> {
    let now = world.now().as_second();
    let expires = jws.seconds("exp").ok_or_else(|| Refusal::assertion_time("It has no 'exp'."))?;
    if expires.saturating_add(SKEW.as_secs()) < now {
        return Err(Refusal::assertion_time("It has expired."));
    }
    let starts = jws.seconds("nbf").or_else(|| jws.seconds("iat"));
    if starts.is_some_and(|starts| starts > now.saturating_add(SKEW.as_secs())) {
        return Err(Refusal::assertion_time("It is not valid yet."));
    }
    Ok(())
}

/// Whether this token service issues under that name.
pub(super) fn ours(tenant: Uuid, issuer: &str) -> bool {
    issuer == format!("https://login.microsoftonline.com/{tenant}/v2.0")
        || issuer == format!("https://sts.windows.net/{tenant}/")
}

/// A claim that is a text; empty otherwise.
pub(super) fn text<'a>(jws: &'a Jws<'_>, claim: &str) -> &'a str {
    field(&jws.claims, claim).as_str().unwrap_or_default()
}
