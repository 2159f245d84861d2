//! Where clients learn where everything is.

use serde_json::{Value, json};

use super::tenant_of;
use crate::wire::{Request, Response};
use crate::world::Sandbox;

/// The OpenID Connect discovery document.
pub(super) fn configuration(sandbox: &Sandbox, request: &Request, tenant: &str) -> Response {
    let named = {
        let mut world = sandbox.world();
        match tenant_of(&world, tenant) {
            Ok(named) => named.then_some(world.tenant.id),
            Err(refusal) => return super::refused(&mut world, request, &refusal),
        }
    };
    // Common endpoints serve every tenant: the issuer is a pattern there.
    let issuer = named.map_or_else(|| "{tenantid}".to_owned(), |id| id.to_string());
    let in_path = named.map_or_else(|| tenant.to_owned(), |id| id.to_string());
    let base = format!("{}/{in_path}", request.origin);
    Response::json(
        200,
        json!({
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": format!("https://login.microsoftonline.com/{issuer}/v2.0"),
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
            "http_logout_supported": true,
            "frontchannel_logout_supported": true,
            "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
            "claims_supported": [
                "sub", "iss", "cloud_instance_name", "cloud_instance_host_name",
                "cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat", "auth_time", "acr",
                "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email",
            ],
            "tenant_region_scope": if named.is_some() { json!("NA") } else { Value::Null },
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": "graph.microsoft.com",
            "rbac_url": "https://pas.windows.net",
        }),
    )
}

/// Instance discovery: which hosts are one cloud.
pub(super) fn instance(request: &Request) -> Response {
    let query = super::params::Params::parse(request.query.as_deref().unwrap_or("").as_bytes());
    let endpoint = query.get("authorization_endpoint").unwrap_or_default();
    // `https://host/tenant/oauth2/v2.0/authorize` of our own origin or of the cloud's.
    let tenant = endpoint.split('/').nth(3).filter(|tenant| !tenant.is_empty()).unwrap_or("common");
    let discovery = format!("{}/{tenant}/v2.0/.well-known/openid-configuration", request.origin);
    let host = request.origin.rsplit('/').next().unwrap_or_default();
    let mut metadata = vec![json!({
        "preferred_network": "login.microsoftonline.com",
        "preferred_cache": "login.windows.net",
        "aliases": [
            "login.microsoftonline.com", "login.windows.net", "login.microsoft.com",
            "sts.windows.net",
        ],
    })];
    if !host.ends_with("microsoftonline.com") {
        metadata.push(json!({
            "preferred_network": host, "preferred_cache": host, "aliases": [host],
        }));
    }
    let version = query.get("api-version").unwrap_or("1.1");
    Response::json(
        200,
        json!({
            "tenant_discovery_endpoint": discovery,
            "api-version": version,
            "metadata": metadata,
        }),
    )
}

/// Home realm discovery, asked before password sign-ins.
pub(super) fn realm(sandbox: &Sandbox, request: &Request) -> Response {
    let last = request.path.trim_matches('/').rsplit('/').next().unwrap_or_default();
    let login = percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned();
    let domain = login.rsplit('@').next().unwrap_or_default().to_owned();
    let world = sandbox.world();
    let ours = domain.eq_ignore_ascii_case(&world.tenant.domain);
    Response::json(
        200,
        if ours {
            json!({
                "ver": "1.0",
                "account_type": "Managed",
                "domain_name": world.tenant.domain,
                "cloud_instance_name": "microsoftonline.com",
                "cloud_audience_urn": "urn:federation:MicrosoftOnline",
            })
        } else {
            json!({"ver": "1.0", "account_type": "Unknown", "cloud_instance_name": "microsoftonline.com"})
        },
    )
}

/// The keys tokens are signed with.
pub(super) fn keys(sandbox: &Sandbox, tenant: &str) -> Response {
    if tenant_of(&sandbox.world(), tenant).is_err() {
        return Response::empty(404);
    }
    Response::json(200, sandbox.keys.signing().jwks())
}
