use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use subtwin_kernel::{AppId, Clock, Entropy, Secret, UserId};
use url::Url;

use super::claims::{claims_parameter, identity};
use super::{App, AuthorizeRequest, Credential, EntraError, Expected, Identity, TokenError};
use crate::Cloud;
use crate::body::{read_body, retry_after};

/// What is traded for a token.
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    /// The code a browser brought back (RFC 6749 section 4.1, RFC 7636).
    Code {
        /// The code.
        code: &'a Secret,
        /// The request it answers.
        request: &'a AuthorizeRequest,
    },
    /// A refresh token (RFC 6749 section 6).
    Refresh(&'a Secret),
    /// A device code a person has approved (RFC 8628).
    Device(&'a Secret),
    /// The app itself (RFC 6749 section 4.4).
    ClientCredentials,
    /// A blueprint, for one of its agent identities: the token that stands in for that identity's
    /// credential (Entra page "Agent OAuth protocols", `fmi_path`).
    Impersonate(AppId),
    /// An agent identity, for its agent user. `proof` is the identity's own exchange token.
    AgentUser {
        /// The agent user.
        user: UserId,
        /// What proves that the identity asks.
        proof: &'a Secret,
    },
}

/// What the token service gave.
#[derive(Debug)]
pub struct Issued {
    /// The access token. Opaque: only Graph reads it.
    pub access: Secret,
    /// When it was given, by our clock.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What gets the next one; `None` for an app acting as itself.
    pub refresh: Option<Secret>,
    /// Whose it is; `None` for an app acting as itself.
    pub identity: Option<Identity>,
    /// The permissions it carries, as the service lists them.
    pub scope: String,
}

/// A sign-in that a person completes on another device.
#[derive(Debug)]
pub struct DeviceCode {
    /// What the person types: letters, digits and hyphens.
    pub user_code: String,
    /// Where they type it: an `https` address, or one of this machine.
    pub verification_uri: Url,
    /// When the code ends.
    pub expires_at: Timestamp,
    /// How long to wait between polls.
    pub interval: Duration,
    code: Secret,
}

/// The state of a device sign-in.
#[derive(Debug)]
pub enum DevicePoll {
    /// Not yet; ask again after the interval.
    Pending,
    /// Not yet, and from now on ask less often (RFC 8628 section 3.5).
    SlowDown,
    /// Done.
    Issued(Box<Issued>),
}

/// Talks to the token service on behalf of one app registration.
#[derive(Clone, Debug)]
pub struct TokenClient {
    pub(crate) cloud: Cloud,
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl TokenClient {
    /// A client for one app.
    #[must_use]
    pub fn new(cloud: Cloud, app: App, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { cloud, app: Arc::new(app), clock, entropy }
    }

    /// The authorization code request to send a browser to. `hint` is the UPN of the account that
    /// should sign in, or empty.
    ///
    /// # Errors
    /// When the token service's address is not one.
    pub fn authorize(
        &self,
        scopes: &[String],
        redirect: &str,
        hint: &str,
    ) -> Result<AuthorizeRequest, TokenError> {
        let entropy = self.entropy.as_ref();
        AuthorizeRequest::new(&self.cloud.login, &self.app, scopes, redirect, hint, entropy)
    }

    /// Where an administrator of the tenant agrees, for everybody in it, to what a sign-in for these
    /// scopes would ask each of them for. The answer comes to `redirect` with `state`.
    ///
    /// # Errors
    /// When the token service's address is not one.
    pub fn admin_consent_address(
        &self,
        scopes: &[String],
        redirect: &str,
        state: &Secret,
    ) -> Result<Url, TokenError> {
        let mut url =
            Url::parse(&format!("{}/{}/v2.0/adminconsent", self.cloud.login, self.app.tenant))
                .map_err(|_| TokenError::Unreadable { what: "the token service's address" })?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.app.client.to_string())
            .append_pair("scope", &scope_parameter(scopes))
            .append_pair("redirect_uri", redirect)
            .append_pair("state", state.expose());
        Ok(url)
    }

    /// Trades a grant for a token, once: no retry inside.
    ///
    /// # Errors
    /// When the service refuses or does not answer, or the token is not `expected`'s.
    pub async fn token(
        &self,
        grant: Grant<'_>,
        scopes: &[String],
        expected: Expected,
    ) -> Result<Issued, TokenError> {
        self.token_with(grant, scopes, expected, None).await
    }

    /// As [`Self::token`], answering a claims challenge.
    pub(crate) async fn token_with(
        &self,
        grant: Grant<'_>,
        scopes: &[String],
        expected: Expected,
        challenge: Option<&Value>,
    ) -> Result<Issued, TokenError> {
        let claims = claims_parameter(challenge);
        let mut fields = vec![("claims", claims.as_str()), ("client_info", "1")];
        let mut nonce = None;
        let path;
        match grant {
            Grant::Code { code, request } => {
                nonce = Some(request.nonce.expose());
                fields.extend([
                    ("grant_type", "authorization_code"),
                    ("code", code.expose()),
                    ("redirect_uri", request.redirect.as_str()),
                    ("code_verifier", request.verifier.expose()),
                ]);
            }
            Grant::Refresh(token) => {
                fields.extend([("grant_type", "refresh_token"), ("refresh_token", token.expose())]);
            }
            Grant::Device(code) => fields.extend([
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("device_code", code.expose()),
            ]),
            Grant::ClientCredentials => fields.push(("grant_type", "client_credentials")),
            Grant::Impersonate(agent) => {
                path = agent.to_string();
                fields.extend([("grant_type", "client_credentials"), ("fmi_path", &path)]);
            }
            Grant::AgentUser { user, proof } => {
                path = user.to_string();
                fields.extend([
                    ("grant_type", "user_fic"),
                    ("user_id", path.as_str()),
                    ("user_federated_identity_credential", proof.expose()),
                    ("requested_token_use", "on_behalf_of"),
                ]);
            }
        }
        let scope = match grant {
            Grant::ClientCredentials | Grant::Impersonate(_) => scopes.join(" "),
            // No refresh token is wanted: the hops give the next token.
            Grant::AgentUser { .. } => format!("{} openid profile", scopes.join(" ")),
            Grant::Code { .. } | Grant::Refresh(_) | Grant::Device(_) => scope_parameter(scopes),
        };
        fields.push(("scope", &scope));
        let issued_at = self.clock.now();
        let wire: TokenWire = self.post("token", &fields).await?;
        self.issued(&wire, issued_at, expected, nonce)
    }

    /// Starts a sign-in that a person completes on another device.
    ///
    /// # Errors
    /// When the service refuses or does not answer.
    pub async fn start_device_code(&self, scopes: &[String]) -> Result<DeviceCode, TokenError> {
        let scope = scope_parameter(scopes);
        let now = self.clock.now();
        let wire: DeviceWire = self.post("devicecode", &[("scope", &scope)]).await?;
        let unreadable = |what| TokenError::Unreadable { what };
        let typeable = |code: &str| {
            (1..=32).contains(&code.len())
                && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !typeable(&wire.user_code) {
            return Err(unreadable("the code to type is none"));
        }
        let page = Url::parse(&wire.verification_uri)
            .ok()
            .filter(|page| page.scheme() == "https" || crate::cloud::is_loopback(page))
            .ok_or_else(|| unreadable("the page to type the code on has no address"))?;
        Ok(DeviceCode {
            user_code: wire.user_code,
            verification_uri: page,
            expires_at: later(now, wire.expires_in),
            interval: Duration::from_secs(wire.interval.unwrap_or(5).clamp(1, 60)),
            code: Secret::new(wire.device_code),
        })
    }

    /// Asks once whether the person is done.
    ///
    /// # Errors
    /// When they declined, the code has ended, or the account is not `expected`'s.
    pub async fn poll_device_code(
        &self,
        device: &DeviceCode,
        scopes: &[String],
        expected: Expected,
    ) -> Result<DevicePoll, TokenError> {
        match self.token(Grant::Device(&device.code), scopes, expected).await {
            Ok(issued) => Ok(DevicePoll::Issued(Box::new(issued))),
            Err(TokenError::Refused(refused)) => match refused.error.as_str() {
                "authorization_pending" => Ok(DevicePoll::Pending),
                "slow_down" => Ok(DevicePoll::SlowDown),
                _ => Err(TokenError::Refused(refused)),
            },
            Err(error) => Err(error),
        }
    }

    fn issued(
        &self,
        wire: &TokenWire,
        issued_at: Timestamp,
        expected: Expected,
        nonce: Option<&str>,
    ) -> Result<Issued, TokenError> {
        if !wire.token_type.eq_ignore_ascii_case("bearer") || wire.access_token.is_empty() {
            return Err(TokenError::Unreadable { what: "it holds no bearer token" });
        }
        let text = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        let (id_token, client_info) = (text(&wire.id_token), text(&wire.client_info));
        let found = identity(id_token.as_deref(), client_info.as_deref(), self.app.client, nonce);
        let right = match (expected, found) {
            (Expected::App, _) => true,
            (Expected::User(user), Some(found)) => {
                found.user == user && found.tenant == self.app.tenant
            }
            (Expected::Anyone, Some(found)) => found.tenant == self.app.tenant,
            (Expected::User(_) | Expected::Anyone, None) => false,
        };
        if !right {
            return Err(TokenError::WrongIdentity { expected, tenant: self.app.tenant });
        }
        Ok(Issued {
            access: Secret::new(wire.access_token.clone()),
            issued_at,
            expires_at: later(issued_at, wire.expires_in),
            refresh: text(&wire.refresh_token).map(Secret::new),
            identity: found,
            scope: wire.scope.clone().unwrap_or_default(),
        })
    }

    /// One form to the token service, with the app's id and proof added.
    async fn post<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        fields: &[(&str, &str)],
    ) -> Result<T, TokenError> {
        let base = format!("{}/{}/oauth2/v2.0", self.cloud.login, self.app.tenant);
        let client = self.app.client.to_string();
        let mut form = vec![("client_id", client.as_str())];
        form.extend_from_slice(fields);
        let assertion = match &self.app.credential {
            Credential::Public => None,
            Credential::Certificate(key) => {
                let audience = format!("{base}/token");
                let now = self.clock.now();
                let signed = key.assertion(self.app.client, &audience, now, self.entropy.as_ref());
                Some(signed.map_err(TokenError::Key)?)
            }
            Credential::Presented(assertion) => Some(assertion.clone()),
        };
        if let Some(assertion) = &assertion {
            form.push((
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ));
            form.push(("client_assertion", assertion.expose()));
        }
        let unavailable = |cause: Box<dyn std::error::Error + Send + Sync>| {
            TokenError::Unavailable { after: None, cause }
        };
        let id = self.entropy.guid().to_string();
        let mut response = self
            .cloud
            .http
            .post(format!("{base}/{endpoint}"))
            .header("client-request-id", &id)
            .form(&form)
            .send()
            .await
            .map_err(|cause| unavailable(cause.without_url().into()))?;
        let status = response.status();
        let after = retry_after(response.headers());
        let body = read_body(&mut response).await.map_err(unavailable)?;
        if status.is_success() {
            // serde's own error would quote the value it stumbled over.
            return serde_json::from_slice(&body)
                .map_err(|_| TokenError::Unreadable { what: "a field is missing or odd" });
        }
        if status.as_u16() == 429 || status.is_server_error() {
            let cause = format!("it answered {}", status.as_u16()).into();
            return Err(TokenError::Unavailable { after, cause });
        }
        match EntraError::parse(&body) {
            Some(error) => {
                tracing::debug!(
                    endpoint, client_request_id = %id, error = %error.error, number = error.number,
                    "the token service refused"
                );
                Err(TokenError::Refused(Box::new(error)))
            }
            None => Err(TokenError::Unreadable { what: "an error without a body" }),
        }
    }
}

/// The scopes asked for, and those that make the answer say whose it is and last.
pub(super) fn scope_parameter(scopes: &[String]) -> String {
    let mut all: Vec<&str> = scopes.iter().map(String::as_str).collect();
    all.extend(["openid", "profile", "offline_access"]);
    all.join(" ")
}

fn later(from: Timestamp, seconds: u64) -> Timestamp {
    // A day is the longest life a token has; a hostile number must not overflow.
    from.saturating_add(Duration::from_secs(seconds.min(100_000))).unwrap_or(Timestamp::MAX)
}

#[derive(Deserialize)]
struct TokenWire {
    token_type: String,
    access_token: String,
    expires_in: u64,
    refresh_token: Option<String>,
    id_token: Option<String>,
    client_info: Option<String>,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct DeviceWire {
    user_code: String,
    device_code: String,
    verification_uri: String,
    expires_in: u64,
    interval: Option<u64>,
}
