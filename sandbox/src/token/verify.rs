//! Access tokens that come back: are they ours, still good, and meant for this API?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::issue::fingerprint;
use super::keys::{Jws, Keys};
use super::scopes::Resource;
use super::sessions::{Names, Verified};
use crate::graph::{Caller, Problem};
use crate::wire::field;
use crate::world::{Event, Sandbox, World};

/// Who an access token for `audience` speaks for; Graph's 401 when it does not verify.
pub(crate) fn caller(sandbox: &Sandbox, bearer: &str, audience: &str) -> Result<Caller, Problem> {
    if bearer.is_empty() {
        return Err(refused("Access token is empty."));
    }
    let mut world = sandbox.world();
    let print = fingerprint(bearer);
    let known = world.sessions.verified.get(&print).cloned();
    let verified = match known {
        Some(verified) => verified,
        None => {
            // The signature is checked without the world, so that others need not wait.
            drop(world);
            let verified = genuine(&sandbox.keys, bearer)?;
            world = sandbox.world();
            let verified = with_client(&world, verified)?;
            world.sessions.verified.insert(print, verified.clone());
            verified
        }
    };
    if Resource::of(&verified.audience) != Resource::of(audience) {
        return Err(refused("Access token validation failure. Invalid audience."));
    }
    let caller = verified.caller;
    let now = world.now();
    let expired_by_switch = take(&mut world, |faults| &mut faults.expire_tokens_next);
    if expired_by_switch || now >= caller.expires {
        return Err(refused("Lifetime validation failed, the token is expired."));
    }
    if let Some(challenge) = challenge(&mut world, &caller, now) {
        return Err(challenge);
    }
    Ok(caller)
}

/// Continuous access evaluation: what changed since the token was issued.
fn challenge(world: &mut World, caller: &Caller, now: Timestamp) -> Option<Problem> {
    if !caller.cae {
        return None;
    }
    let switch = take(world, |faults| &mut faults.challenge_next);
    let user = caller.user.map(|id| world.tenant.people.get(id));
    let message = match user {
        Some(None) => {
            "Continuous access evaluation resulted in challenge with result: \
                       InteractionRequired and code: UserNotFound"
        }
        Some(Some(user)) if !user.enabled => {
            "Continuous access evaluation resulted in challenge with result: InteractionRequired \
             and code: AccountDisabled"
        }
        Some(Some(user)) if user.sessions_valid_from > caller.issued => {
            "Continuous access evaluation resulted in challenge with result: InteractionRequired \
             and code: TokenIssuedBeforeRevocationTimestamp"
        }
        _ if switch => {
            "Continuous access evaluation resulted in challenge with result: InteractionRequired \
             and code: TokenCreatedWithOutdatedPolicies"
        }
        _ => return None,
    };
    let claims = json!({
        "access_token": {"nbf": {"essential": true, "value": now.as_second().to_string()}}
    });
    let claims = STANDARD.encode(claims.to_string());
    let mut problem = Problem::new(401, "InvalidAuthenticationToken", message);
    problem.headers.push((
        "WWW-Authenticate".to_owned(),
        format!(
            "Bearer realm=\"\", authorization_uri=\"{AUTHORIZATION_URI}\", \
             error=\"insufficient_claims\", claims=\"{claims}\""
        ),
    ));
    Some(problem)
}

/// Counts a fault switch down; whether it was on.
fn take(world: &mut World, switch: impl Fn(&mut crate::faults::Faults) -> &mut u32) -> bool {
    let left = switch(&mut world.faults);
    let on = *left > 0;
    *left = left.saturating_sub(1);
    if on {
        world.emit(Event::Faults);
    }
    on
}

/// Checks signature and form.
fn genuine(keys: &Keys, bearer: &str) -> Result<Verified, Problem> {
    if bearer.matches('.').count() != 2 {
        return Err(refused("IDX14100: JWT is not well formed, there are no dots (.)."));
    }
    let jws = Jws::parse(bearer).ok_or_else(|| refused("CompactToken parsing failed."))?;
    if !keys.signing().verifies(&jws) {
        return Err(refused("Signature validation failed."));
    }
    let text = |claim: &str| field(&jws.claims, claim).as_str().unwrap_or_default();
    let id = |claim: &str| Uuid::try_parse(text(claim)).ok();
    let time =
        |claim: &str| jws.seconds(claim).and_then(|seconds| Timestamp::from_second(seconds).ok());
    let by_user = text("idtyp") == "user";
    let permissions: Names = if by_user {
        text("scp").split_whitespace().map(str::to_owned).collect()
    } else {
        let roles = field(&jws.claims, "roles").as_array().into_iter().flatten();
        roles.filter_map(|role| Some(role.as_str()?.to_owned())).collect()
    };
    // An id token is ours too, but has no `appid` and opens nothing.
    let (Some(app_id), Some(issued), Some(expires)) = (id("appid"), time("iat"), time("exp"))
    else {
        return Err(refused("Access token validation failure."));
    };
    Ok(Verified {
        audience: text("aud").to_owned(),
        caller: Caller {
            app_id,
            app_name: text("app_displayname").to_owned(),
            principal: Uuid::nil(),
            user: if by_user { id("oid") } else { None },
            permissions,
            issued,
            expires,
            cae: field(&jws.claims, "xms_cc").is_array(),
        },
    })
}

fn with_client(world: &World, mut verified: Verified) -> Result<Verified, Problem> {
    let principal = world.tenant.apps.principal_of(verified.caller.app_id);
    verified.caller.principal = principal
        .map(|principal| principal.id)
        .ok_or_else(|| refused("Access token validation failure."))?;
    Ok(verified)
}

/// Graph's 401.
fn refused(message: &str) -> Problem {
    let mut problem = Problem::new(401, "InvalidAuthenticationToken", message);
    problem.headers.push((
        "WWW-Authenticate".to_owned(),
        format!(
            "Bearer realm=\"\", authorization_uri=\"{AUTHORIZATION_URI}\", \
             client_id=\"00000003-0000-0000-c000-000000000000\""
        ),
    ));
    problem
}

const AUTHORIZATION_URI: &str = "https://login.microsoftonline.com/common/oauth2/authorize";
