//! The token service (`login.microsoftonline.com`): discovery, sign-in, consent, tokens.

mod agent;
mod authorize;
mod clients;
mod consent;
mod device;
mod federated;
mod grants;
mod issue;
mod keys;
mod metadata;
mod pages;
mod params;
mod refusal;
mod scopes;
mod sessions;
mod verify;

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use crate::wire::{Body, Request, Response};
use crate::world::{Sandbox, World};
pub(crate) use authorize::{Final, complete};
pub(crate) use device::{Answer as DeviceAnswer, decide as decide_device};
pub(crate) use issue::subject;
pub(crate) use keys::Keys;
pub(crate) use refusal::Refusal;
pub(crate) use sessions::{IssuerKey, Sessions};
pub(crate) use verify::caller;

/// Audience of Graph's tokens.
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";
/// Audience of Bot Connector's tokens.
pub(crate) const CONNECTOR: &str = "https://api.botframework.com";
/// Audience of the tokens with which agent users answer activities.
pub(crate) const AGENT_MESSAGING: &str = "5a807f24-c9de-44ee-a3a7-329e88a00ffc";
/// Audience of the Management Activity API's tokens.
pub(crate) const MANAGE: &str = "https://manage.office.com";
/// Audience of Azure Resource Manager's tokens.
pub(crate) const AZURE: &str = "https://management.azure.com";
/// Audience of the tokens for the portal's own API, the same in every tenant.
pub(crate) const PORTAL: &str = "74658136-14ec-4630-ad9b-26e160ff0fc6";

/// Answers one request to the login host.
pub(crate) async fn answer(sandbox: &Arc<Sandbox>, request: &Request) -> Response {
    let path = request.path.trim_matches('/').to_ascii_lowercase();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let get = request.method == "GET";
    match segments.as_slice() {
        ["common", "discovery", "instance"] if get => metadata::instance(request),
        ["common", "userrealm", ..] if get => metadata::realm(sandbox, request),
        ["devicelogin"] => device::page(sandbox, request),
        [tenant, ".well-known", "openid-configuration"]
        | [tenant, "v2.0", ".well-known", "openid-configuration"]
            if get =>
        {
            metadata::configuration(sandbox, request, tenant)
        }
        [tenant, "discovery", "keys"] | [tenant, "discovery", "v2.0", "keys"] if get => {
            metadata::keys(sandbox, tenant)
        }
        [tenant, "oauth2", "v2.0", "authorize", ..] => {
            authorize::page(sandbox, request, tenant, authorize::Kind::SignIn)
        }
        [tenant, "adminconsent"] | [tenant, "v2.0", "adminconsent", ..] => {
            authorize::page(sandbox, request, tenant, authorize::Kind::AdminConsent)
        }
        [tenant, "oauth2", "v2.0", "token"] => grants::token(sandbox, request, tenant),
        [tenant, "oauth2", "v2.0", "devicecode"] => device::start(sandbox, request, tenant),
        [_, "oauth2", "v2.0", "logout"] => {
            Response::html(200, pages::message("Signed out", "You can close this window."))
        }
        _ => Response {
            status: 404,
            headers: Vec::new(),
            body: Body::Text(format!(
                "The sandbox's token service does not implement {} {}.\n",
                request.method, request.path
            )),
        },
    }
}

/// A token like those in change notifications: from Microsoft's publisher for the subscriber.
pub(crate) fn notification_token(sandbox: &Sandbox, app_id: Uuid, tenant: Uuid) -> String {
    let now = sandbox.world().now().as_second();
    sandbox.keys.signing().sign(&json!({
        "aud": app_id,
        "iss": format!("https://sts.windows.net/{tenant}/"),
        "iat": now,
        "nbf": now,
        "exp": now.saturating_add(NOTIFICATION_TOKEN_SECONDS),
        "appid": PUBLISHER,
        "appidacr": "2",
        "idp": format!("https://sts.windows.net/{tenant}/"),
        "tid": tenant,
        "ver": "1.0",
    }))
}

/// The tenant a path names: `true` when it is named, `false` for `common` and `organizations`.
fn tenant_of(world: &World, name: &str) -> Result<bool, Refusal> {
    let tenant = &world.tenant;
    let ours = Uuid::try_parse(name)
        .map_or_else(|_| name.eq_ignore_ascii_case(&tenant.domain), |id| id == tenant.id);
    match name {
        "common" | "organizations" => Ok(false),
        _ if ours => Ok(true),
        _ => Err(Refusal::tenant(name)),
    }
}

/// The id a client gave its request, in the header or, like MSAL for Node, in the query; a new one
/// otherwise.
fn correlation(world: &mut World, request: &Request) -> Uuid {
    let query = params::Params::parse(request.query.as_deref().unwrap_or_default().as_bytes());
    request
        .header("client-request-id")
        .or_else(|| query.get("client-request-id"))
        .and_then(|id| Uuid::try_parse(id).ok())
        .unwrap_or_else(|| world.guid())
}

/// A refusal as the token endpoint answers it.
fn refused(world: &mut World, request: &Request, refusal: &Refusal) -> Response {
    let correlation = correlation(world, request);
    let trace = world.guid();
    no_store(refusal.response(trace, correlation, world.now()))
}

fn no_store(response: Response) -> Response {
    response.with_header("Cache-Control", "no-store").with_header("Pragma", "no-cache")
}

/// Microsoft's change tracking: who signs notifications' validation tokens.
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
const NOTIFICATION_TOKEN_SECONDS: i64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use crate::tenant::Tenant;

    #[test]
    fn a_notification_token_names_the_publisher_the_app_and_the_tenant() {
        let (sandbox, _changes) = Sandbox::new(Settings::default(), Tenant::sample(1, 5));
        let tenant = sandbox.world().tenant.id;
        let app = Uuid::from_u128(7);
        let token = notification_token(&sandbox, app, tenant);
        let jws = keys::Jws::parse(&token).expect("a JWS");
        assert!(sandbox.keys.signing().verifies(&jws));
        assert_eq!(jws.claims["appid"], "0bf30f3b-4a52-48df-9a82-234910c4a086");
        assert_eq!(jws.claims["aud"], app.to_string());
        assert_eq!(jws.claims["iss"], format!("https://sts.windows.net/{tenant}/"));
        // It says nothing about a caller of Graph.
        assert!(caller(&sandbox, &token, GRAPH).is_err());
    }
}
