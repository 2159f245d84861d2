//! A tenant in which an installer sets an agent up, call by call.

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use crate::cloud::{Answer, Cloud, GRAPH, LOGIN, claims};

pub(crate) const INSTALLER: &str = "5b7a0c11-0005-4c4e-9a51-7a0000000005";
pub(crate) const EXCHANGE: &str = "api://AzureADTokenExchange/.default";
pub(crate) const DEFAULT: &str = "https://graph.microsoft.com/.default";
pub(crate) const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const REDIRECT: &str = "http://localhost:49152/";

/// A blueprint with a secret, its principal, an agent identity, and the agent's user.
pub(crate) struct Shop {
    pub(crate) cloud: Cloud,
    /// Dana's, through the installer.
    pub(crate) admin: String,
    /// Object id of the blueprint, and its application id.
    pub(crate) object: String,
    pub(crate) blueprint: String,
    pub(crate) principal: String,
    pub(crate) secret: String,
    pub(crate) agent: String,
    pub(crate) user: String,
    pub(crate) graph: String,
}

pub(crate) const UPN: &str = "ava@contoso.com";

impl Shop {
    pub(crate) async fn open() -> Self {
        let cloud = Cloud::start().await;
        let admin = sign_in(&cloud, INSTALLER, "dana", DEFAULT).await;
        let dana = claims(&admin)["oid"].as_str().expect("an oid").to_owned();
        let sponsor = format!("{GRAPH}/v1.0/users/{dana}");
        let path = "/v1.0/applications/microsoft.graph.agentIdentityBlueprint";
        let body = json!({"displayName": "Ava", "sponsors@odata.bind": [sponsor]});
        let blueprint = made(post(&cloud, &admin, path, &body).await);
        let object = text(&blueprint, "id");
        let app_id = text(&blueprint, "appId");
        let path = format!("/v1.0/applications/{object}/addPassword");
        let added = post(&cloud, &admin, &path, &json!({"passwordCredential": {}})).await;
        let secret = added.text_of("secretText");
        let path = "/v1.0/servicePrincipals/microsoft.graph.agentIdentityBlueprintPrincipal";
        let principal = made(post(&cloud, &admin, path, &json!({"appId": app_id})).await);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &app_id),
            ("client_secret", &secret),
            ("scope", DEFAULT),
        ];
        let own = cloud.token(&form).await.text_of("access_token");
        let path = "/v1.0/servicePrincipals/microsoft.graph.agentIdentity";
        let body = json!({
            "displayName": "Ava",
            "agentIdentityBlueprintId": app_id,
            "sponsors@odata.bind": [sponsor],
        });
        let agent = made(post(&cloud, &own, path, &body).await);
        let agent = text(&agent, "id");
        let body = json!({
            "accountEnabled": true,
            "displayName": "Ava",
            "mailNickname": "ava",
            "userPrincipalName": UPN,
            "identityParentId": agent,
        });
        let path = "/v1.0/users/microsoft.graph.agentUser";
        let user = made(post(&cloud, &admin, path, &body).await);
        let path = "/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')";
        let graph = cloud.graph(Method::GET, path, &admin).await.text_of("id");
        Self {
            admin,
            object,
            blueprint: app_id,
            principal: text(&principal, "id"),
            secret,
            agent,
            user: text(&user, "id"),
            graph,
            cloud,
        }
    }

    /// The same, with scopes granted to the agent for its user.
    pub(crate) async fn granted(scope: &str) -> Self {
        let shop = Self::open().await;
        let answer = shop.grant("Principal", scope).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        shop
    }

    pub(crate) async fn grant(&self, kind: &str, scope: &str) -> Answer {
        let body = json!({
            "clientId": self.agent,
            "consentType": kind,
            "principalId": (kind == "Principal").then_some(&self.user),
            "resourceId": self.graph,
            "scope": scope,
            "startTime": "2026-01-01T00:00:00Z",
        });
        post(&self.cloud, &self.admin, "/v1.0/oauth2PermissionGrants", &body).await
    }

    /// As Dana, through the installer.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        send(&self.cloud, &self.admin, method, path, &body).await
    }

    /// The blueprint vouches for an agent identity.
    pub(crate) async fn vouch(&self, for_whom: &str) -> Answer {
        self.cloud
            .token(&[
                ("grant_type", "client_credentials"),
                ("client_id", &self.blueprint),
                ("client_secret", &self.secret),
                ("scope", EXCHANGE),
                ("fmi_path", for_whom),
            ])
            .await
    }

    pub(crate) async fn t1(&self) -> String {
        self.vouch(&self.agent).await.text_of("access_token")
    }

    /// The agent identity with an assertion, for a resource.
    pub(crate) async fn alone(&self, assertion: &str, scope: &str) -> Answer {
        self.cloud
            .token(&[
                ("grant_type", "client_credentials"),
                ("client_id", &self.agent),
                ("client_assertion_type", ASSERTION),
                ("client_assertion", assertion),
                ("scope", scope),
            ])
            .await
    }

    /// The agent's user, with both assertions.
    pub(crate) async fn as_user(
        &self,
        t1: &str,
        t2: &str,
        who: (&str, &str),
        scope: &str,
    ) -> Answer {
        self.cloud
            .token(&[
                ("grant_type", "user_fic"),
                ("client_id", &self.agent),
                ("client_assertion_type", ASSERTION),
                ("client_assertion", t1),
                ("user_federated_identity_credential", t2),
                who,
                ("scope", scope),
                ("client_info", "1"),
            ])
            .await
    }

    /// All three steps.
    pub(crate) async fn three_hops(&self, scope: &str) -> Answer {
        let t1 = self.t1().await;
        let t2 = self.alone(&t1, EXCHANGE).await.text_of("access_token");
        self.as_user(&t1, &t2, ("user_id", &self.user), scope).await
    }
}

/// Somebody signs in at an app and agrees to everything. Gives an access token.
pub(crate) async fn sign_in(cloud: &Cloud, client: &str, who: &str, scope: &str) -> String {
    let mut url =
        Url::parse(&format!("{LOGIN}/contoso.com/oauth2/v2.0/authorize")).expect("an address");
    url.query_pairs_mut()
        .append_pair("client_id", client)
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", REDIRECT)
        .append_pair("scope", scope);
    let body = json!({"url": url.as_str(), "as": who});
    let back = cloud.control(Method::POST, "sign-in", body).await.text_of("url");
    let back = Url::parse(&back).expect("an address");
    let code = back.query_pairs().find(|(name, _)| name == "code");
    let code = code.unwrap_or_else(|| panic!("no code in {back}")).1.into_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("scope", scope),
    ];
    cloud.token(&form).await.text_of("access_token")
}

pub(crate) async fn send(
    cloud: &Cloud,
    token: &str,
    method: Method,
    path: &str,
    body: &Value,
) -> Answer {
    let mut request = cloud.request(method, &format!("{GRAPH}{path}")).bearer_auth(token);
    if !body.is_null() {
        request = request.json(body);
    }
    cloud.send(request).await
}

pub(crate) async fn post(cloud: &Cloud, token: &str, path: &str, body: &Value) -> Answer {
    send(cloud, token, Method::POST, path, body).await
}

/// The body of a 201.
pub(crate) fn made(answer: impl Into<Answer>) -> Value {
    let answer = answer.into();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}
