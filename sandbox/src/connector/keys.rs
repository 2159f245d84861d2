//! `login.botframework.com`: who signs activities, and with what.

use serde_json::{Value, json};
use uuid::Uuid;

use super::bots::{Bot, Issuer};
use crate::wire::{Body, Request, Response, set};
use crate::world::Sandbox;

/// Answers one request to the login host of Bot Framework.
pub(crate) fn answer(sandbox: &Sandbox, request: &Request) -> Response {
    let path = request.path.trim_end_matches('/');
    let path = path.strip_prefix("/botframework").unwrap_or(path);
    let base = match request.path.strip_prefix("/botframework") {
        Some(_) => format!("{}/botframework", request.origin),
        None => request.origin.clone(),
    };
    match (request.method.as_str(), path) {
        ("GET", "/v1/.well-known/openidconfiguration") => Response::json(
            200,
            json!({
                "issuer": CONNECTOR,
                "authorization_endpoint": "https://invalid.botframework.com",
                "jwks_uri": format!("{base}/v1/.well-known/keys"),
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            }),
        ),
        ("GET", "/v1/.well-known/keys") => {
            let mut keys = sandbox.bot_keys.signing().jwks();
            let all = keys.get_mut("keys").and_then(Value::as_array_mut);
            for key in all.into_iter().flatten() {
                set(key, "endorsements", json!(["msteams"]));
                if let Some(key) = key.as_object_mut() {
                    key.remove("issuer");
                }
            }
            Response::json(200, keys)
        }
        _ => Response {
            status: 404,
            headers: Vec::new(),
            body: Body::Text("The sandbox's Bot Framework has no such page.\n".to_owned()),
        },
    }
}

/// A token that vouches for an activity to this bot. `changes` replaces claims.
pub(super) fn token(sandbox: &Sandbox, bot: &Bot, changes: &Value) -> String {
    let (now, tenant) = {
        let world = sandbox.world();
        (world.now().as_second(), world.tenant.id)
    };
    let (mut claims, keys) = match &bot.issuer {
        Issuer::Connector => (by_connector(bot, now), &sandbox.bot_keys),
        Issuer::Tenant { caller } => (by_tenant(bot, *caller, tenant, now), &sandbox.keys),
    };
    for (name, value) in changes.as_object().into_iter().flatten() {
        set(&mut claims, name, value.clone());
    }
    keys.signing().sign(&claims)
}

fn by_connector(bot: &Bot, now: i64) -> Value {
    json!({
        "serviceurl": bot.service_url,
        "nbf": now,
        "exp": now.saturating_add(LIFETIME),
        "iss": CONNECTOR,
        "aud": bot.app,
    })
}

fn by_tenant(bot: &Bot, caller: Option<Uuid>, tenant: Uuid, now: i64) -> Value {
    let mut claims = json!({
        "aud": bot.app,
        "iss": format!("https://sts.windows.net/{tenant}/"),
        "iat": now,
        "nbf": now,
        "exp": now.saturating_add(LIFETIME),
        "idtyp": "app",
        "tid": tenant,
        "ver": "1.0",
    });
    if let Some(caller) = caller {
        set(&mut claims, "appid", json!(caller));
        set(&mut claims, "appidacr", "2".into());
    }
    claims
}

const CONNECTOR: &str = "https://api.botframework.com";
/// Seconds.
const LIFETIME: i64 = 3600;
