//! The two corners of Azure that its command line visits: the lists of tenants and subscriptions
//! (`management.azure.com`), and the portal's button for admin consent
//! (`main.iam.ad.ext.azure.com`).

use serde_json::json;
use uuid::Uuid;

use crate::graph::Caller;
use crate::tenant::audit::events::{self, Trace};
use crate::tenant::{GrantKind, PrincipalKind, ServicePrincipal};
use crate::token;
use crate::wire::{Request, Response};
use crate::world::{Event, Sandbox, World};

/// Answers for Azure Resource Manager, which knows no subscription here.
pub(crate) fn manage(sandbox: &Sandbox, request: &Request) -> Response {
    if caller(sandbox, request, token::AZURE).is_none() {
        return failed(401, "AuthenticationFailed", "Authentication failed.");
    }
    let path = request.path.trim_matches('/').to_ascii_lowercase();
    match (request.method.as_str(), path.as_str()) {
        ("GET", "subscriptions") => Response::json(200, json!({"value": []})),
        ("GET", "tenants") => {
            let world = sandbox.world();
            let tenant = &world.tenant;
            Response::json(
                200,
                json!({"value": [{
                    "id": format!("/tenants/{}", tenant.id),
                    "tenantId": tenant.id,
                    "countryCode": "US",
                    "displayName": tenant.name,
                    "domains": [tenant.domain],
                    "defaultDomain": tenant.domain,
                    "tenantCategory": "Home",
                    "tenantType": "AAD",
                }]}),
            )
        }
        _ => unimplemented(request),
    }
}

/// Answers for the portal. Undocumented; what the command line needs of it.
pub(crate) fn portal(sandbox: &Sandbox, request: &Request) -> Response {
    let Some(caller) = caller(sandbox, request, token::PORTAL) else {
        return failed(401, "Unauthorized", "Authorization has been denied for this request.");
    };
    let path = request.path.trim_matches('/').to_ascii_lowercase();
    let segments: Vec<&str> = path.split('/').collect();
    let ["api", "registeredapplications", app, "consent"] = segments.as_slice() else {
        return unimplemented(request);
    };
    if request.method != "POST" {
        return unimplemented(request);
    }
    let for_everybody = request.query.as_deref().is_some_and(|query| {
        query.split('&').any(|option| option.eq_ignore_ascii_case("onBehalfOfAll=true"))
    });
    if !for_everybody {
        return unimplemented(request);
    }
    let mut world = sandbox.world();
    match consent(&mut world, &caller, app) {
        Ok(()) => Response::empty(204),
        Err(response) => response,
    }
}

/// Gives an app, for everybody, everything of Graph that its registration asks for.
fn consent(world: &mut World, caller: &Caller, app: &str) -> Result<(), Response> {
    let may = |role: &str| caller.user.is_some_and(|user| world.tenant.roles.holds(user, role));
    if !["Global Administrator", "Privileged Role Administrator"].into_iter().any(may) {
        return Err(failed(403, "Forbidden", "This person may not consent for everybody."));
    }
    let found = Uuid::try_parse(app).ok().and_then(|id| world.tenant.apps.application(id));
    let Some(application) = found.cloned() else {
        return Err(failed(404, "NotFound", "There is no such application."));
    };
    let graph = world.tenant.apps.graph;
    let correlation = world.guid();
    let trace = Trace::by(caller, correlation);
    let known = world.tenant.apps.principal_of(application.app_id).map(|principal| principal.id);
    let client = match known {
        Some(client) => client,
        None => {
            let (id, name) = (world.guid(), application.display_name.clone());
            let principal = ServicePrincipal {
                assigned_only: false,
                assigned: Default::default(),
                id,
                app_id: application.app_id,
                display_name: name.clone(),
                enabled: true,
                created: world.now(),
                kind: PrincipalKind::Application,
            };
            world.tenant.apps.principals.push(principal);
            let deed = ("Add service principal", "Add");
            events::principal_changed(world, &trace, id, &name, deed);
            id
        }
    };
    if !application.required_scopes.is_empty() {
        let after = application.required_scopes.join(" ");
        let scopes = application.required_scopes;
        world.tenant.apps.consent(client, graph, GrantKind::AllPrincipals, scopes);
        events::scopes_granted(world, &trace, (client, graph), (None, Some(after)));
    }
    for role in application.required_roles {
        let assignment = (client, role);
        if !world.tenant.apps.role_assignments.contains(&assignment) {
            world.tenant.apps.role_assignments.push(assignment);
        }
    }
    world.emit(Event::Directory { id: client });
    Ok(())
}

fn caller(sandbox: &Sandbox, request: &Request, audience: &str) -> Option<Caller> {
    let (scheme, bearer) = request.header("authorization")?.split_once(' ')?;
    let bearer = scheme.eq_ignore_ascii_case("bearer").then(|| bearer.trim())?;
    token::caller(sandbox, bearer, audience).ok()
}

fn unimplemented(request: &Request) -> Response {
    let message =
        format!("The sandbox does not implement {} {} of Azure.", request.method, request.path);
    failed(501, "SandboxNotImplemented", &message)
}

fn failed(status: u16, code: &str, message: &str) -> Response {
    Response::json(status, json!({"error": {"code": code, "message": message}}))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::HeaderMap;
    use serde_json::Value;

    use super::*;
    use crate::settings::Settings;
    use crate::tenant::{SAMPLE_DAEMON_APP, Tenant};
    use crate::wire::{Body, Service};

    const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

    fn sandbox() -> std::sync::Arc<Sandbox> {
        Sandbox::new(Settings::default(), Tenant::sample(1, 20)).0
    }

    fn request(service: Service, method: &str, path: &str, bearer: &str) -> Request {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {bearer}").parse().unwrap());
        Request {
            service,
            method: method.to_owned(),
            path: path.to_owned(),
            query: Some(query.to_owned()),
            headers,
            body: Bytes::new(),
            origin: "https://login.microsoftonline.com".to_owned(),
        }
    }

    /// A token of the Azure command line for a person.
    async fn token_of(sandbox: &std::sync::Arc<Sandbox>, who: &str, scope: &str) -> String {
        let path = "/contoso.com/oauth2/v2.0/token";
        let mut asked = request(Service::Login, "POST", path, "");
        asked.headers.clear();
        asked.body = Bytes::from(format!(
            "client_id={AZURE_CLI}&grant_type=password&username={who}&password=Sandbox%211\
             &scope={scope}"
        ));
        let Body::Json(body) = token::answer(sandbox, &asked).await.body else { panic!("no JSON") };
        body["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
    }

    fn status_and_body(response: Response) -> (u16, Value) {
        match response.body {
            Body::Json(body) => (response.status, body),
            _ => (response.status, Value::Null),
        }
    }

    #[tokio::test]
    async fn azure_lists_one_tenant_and_no_subscription_to_who_has_a_token_for_it() {
        let sandbox = sandbox();
        let scope = "https://management.core.windows.net//.default";
        let bearer = token_of(&sandbox, "dana@contoso.com", scope).await;
        let ask = |path: &str, bearer: &str| {
            status_and_body(manage(&sandbox, &request(Service::Azure, "GET", path, bearer)))
        };
        let none = ask("/subscriptions?api-version=2022-12-01", &bearer);
        assert_eq!(none, (200, json!({"value": []})));
        let (_, tenants) = ask("/tenants?api-version=2022-12-01", &bearer);
        let id = sandbox.world().tenant.id;
        assert_eq!(tenants["value"][0]["tenantId"], id.to_string());
        assert_eq!(ask("/providers", &bearer).0, 501);
        let other = token_of(&sandbox, "dana@contoso.com", "User.Read.All").await;
        assert_eq!(ask("/subscriptions", &other).0, 401);
    }

    #[tokio::test]
    async fn the_portals_consent_gives_an_app_what_it_asks_for_and_administrators_only_may() {
        let sandbox = sandbox();
        let scope = "74658136-14ec-4630-ad9b-26e160ff0fc6/.default";
        let path = format!("/api/RegisteredApplications/{SAMPLE_DAEMON_APP}/Consent");
        {
            let mut world = sandbox.world();
            let apps = &mut world.tenant.apps;
            apps.role_assignments.clear();
            let mut all = apps.applications.iter_mut();
            let app = all.find(|one| one.app_id == SAMPLE_DAEMON_APP).unwrap();
            app.required_scopes = vec!["User.Read".to_owned()];
        }
        let push = |query: &str, bearer: &str| {
            let asked = request(Service::Portal, "POST", &format!("{path}{query}"), bearer);
            portal(&sandbox, &asked).status
        };
        let given = || sandbox.world().tenant.apps.role_assignments.len();
        let doug = token_of(&sandbox, "doug@contoso.com", scope).await;
        assert_eq!(push("?onBehalfOfAll=true", &doug), 403);
        let dana = token_of(&sandbox, "dana@contoso.com", scope).await;
        assert_eq!(push("", &dana), 501);
        assert_eq!(push("?onBehalfOfAll=true", "no token"), 401);
        assert_eq!(given(), 0, "refused, and nothing happened");
        assert_eq!(push("?onBehalfOfAll=true", &dana), 204);
        assert_eq!(push("?onBehalfOfAll=true", &dana), 204);
        let world = sandbox.world();
        let apps = &world.tenant.apps;
        let client = apps.principal_of(SAMPLE_DAEMON_APP).unwrap().id;
        let wanted = &apps.application(SAMPLE_DAEMON_APP).unwrap().required_roles;
        let given = apps.role_assignments.iter().filter(|(one, _)| *one == client);
        let given: Vec<&String> = given.map(|(_, role)| role).collect();
        assert_eq!(given, wanted.iter().collect::<Vec<_>>(), "each once");
        let granted = apps.granted(client, apps.graph, Uuid::nil());
        assert_eq!(granted.into_iter().collect::<Vec<_>>(), ["User.Read"]);
        let logged = world.tenant.audit.entries.last().unwrap();
        assert_eq!(logged.activity, "Add delegated permission grant");
    }
}
