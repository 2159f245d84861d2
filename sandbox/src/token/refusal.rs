//! The token service's errors: `AADSTS` numbers, OAuth error names and texts.
//!
//! Numbers are no contract, but people search for them. Texts are close to the service's own, not
//! copies; `suberror` is what MSAL for Node decides by.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::clients::{Client, Kind};
use crate::wire::Response;

/// Why a sign-in or a token was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(super) number: u32,
    /// The OAuth error.
    pub(super) error: &'static str,
    pub(super) suberror: Option<&'static str>,
    pub(super) text: String,
}

impl Refusal {
    fn new(number: u32, error: &'static str, text: impl Into<String>) -> Self {
        Self { number, error, suberror: None, text: text.into() }
    }

    fn because(mut self, suberror: &'static str) -> Self {
        self.suberror = Some(suberror);
        self
    }

    /// `error_description` as people see it.
    pub(super) fn description(&self, trace: Uuid, correlation: Uuid, now: Timestamp) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {}",
            self.number,
            self.text,
            stamp(now)
        )
    }

    /// The token endpoint's answer.
    pub(super) fn response(&self, trace: Uuid, correlation: Uuid, now: Timestamp) -> Response {
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(trace, correlation, now),
            "error_codes": [self.number],
            "timestamp": stamp(now),
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.number),
        });
        if let (Value::Object(body), Some(suberror)) = (&mut body, self.suberror) {
            body.insert("suberror".to_owned(), suberror.into());
        }
        let status = match self.error {
            "invalid_client" => 401,
            "temporarily_unavailable" => 503,
            _ => 400,
        };
        Response::json(status, body)
    }

    /// The refusal a fault switch names; `None` for numbers no switch can set.
    pub(crate) fn by_number(number: u32) -> Option<Self> {
        Some(match number {
            50076 => Self::new(
                50076,
                "interaction_required",
                "Due to a configuration change made by your administrator, or because you moved \
                 to a new location, you must use multi-factor authentication.",
            )
            .because("basic_action"),
            50079 => Self::new(
                50079,
                "interaction_required",
                "Due to a configuration change made by your administrator, you must enroll in \
                 multi-factor authentication.",
            )
            .because("basic_action"),
            53003 => Self::new(
                53003,
                "invalid_grant",
                "Access has been blocked by Conditional Access policies. The access policy does \
                 not allow token issuance.",
            )
            .because("message_only"),
            50173 => Self::revoked(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH),
            700_082 => Self::idle(),
            90033 => Self::unavailable(),
            _ => return None,
        })
    }

    /// The refusal of one client that a fault switch names; `None` for numbers no switch can set.
    pub(super) fn of_client(number: u32, client: &Client) -> Option<Self> {
        let (id, name) = (client.app_id, client.name.as_str());
        Some(match number {
            50013 => Self::grant_assertion("The signature is not valid."),
            50034 => Self::unknown_user("sandbox"),
            50057 => Self::blocked_user(),
            65001 => Self::no_consent(id, name),
            82001 => Self::closed_to_agents(id),
            500_133 => Self::grant_expired(),
            700_016 => Self::unknown_client(&id.to_string(), "sandbox"),
            700_024 => Self::assertion_time("It has expired."),
            700_027 => Self::assertion("[Reason - The key was not found.]"),
            700_211 => Self::no_federation("https://login.microsoftonline.com"),
            700_229 => Self::only_apps_federate(),
            7_000_112 => Self::disabled_client(id, name),
            7_000_215 => Self::wrong_secret(id),
            7_000_222 => Self::expired_key(id),
            _ => return Self::by_number(number),
        })
    }

    /// Whether a switch for clients knows a number.
    pub(crate) fn is_known(number: u32) -> bool {
        let client = Client {
            app_id: Uuid::nil(),
            name: String::new(),
            principal: Uuid::nil(),
            public: true,
            kind: Kind::Plain,
        };
        Self::of_client(number, &client).is_some()
    }

    /// The admin consent endpoint has one OAuth error for everything.
    pub(super) fn into_consent(mut self) -> Self {
        self.error = "consent_required";
        self
    }

    // Requests that make no sense.

    pub(super) fn missing(name: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        Self::new(900_144, "invalid_request", text)
    }

    pub(super) fn malformed() -> Self {
        let text = "Invalid request. Request is malformed or invalid.";
        Self::new(9_002_313, "invalid_request", text)
    }

    pub(super) fn not_post(method: &str) -> Self {
        let text = format!("The endpoint only accepts POST requests. Received a {method} request.");
        Self::new(900_561, "invalid_request", text)
    }

    pub(super) fn resource_on_v2() -> Self {
        let text = "The 'resource' request parameter is not supported.";
        Self::new(901_002, "invalid_request", text)
    }

    pub(super) fn tenant(name: &str) -> Self {
        let text = format!(
            "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are \
             signing into the correct cloud."
        );
        Self::new(90002, "invalid_request", text)
    }

    pub(super) fn no_tenant() -> Self {
        Self::new(
            50059,
            "invalid_request",
            "No tenant-identifying information found in either the request or implied by any \
             provided credentials.",
        )
    }

    pub(super) fn grant_type(name: &str) -> Self {
        let text = format!("The app requested an unsupported grant type '{name}'.");
        Self::new(70003, "unsupported_grant_type", text)
    }

    pub(super) fn response_type(name: &str) -> Self {
        let text = format!("The response_type '{name}' is not supported by the sandbox.");
        Self::new(70005, "unsupported_response_type", text)
    }

    pub(super) fn response_mode(name: &str) -> Self {
        let text = format!("'{name}' is not a supported value for 'response_mode'.");
        Self::new(70007, "invalid_request", text)
    }

    pub(super) fn unavailable() -> Self {
        Self::new(90033, "temporarily_unavailable", "A transient error has occurred.")
    }

    // Clients.

    pub(super) fn unknown_client(id: &str, tenant: &str) -> Self {
        let text = format!(
            "Application with identifier '{id}' was not found in the directory '{tenant}'. This \
             can happen if the application has not been installed by the administrator of the \
             tenant or consented to by any user in the tenant."
        );
        Self::new(700_016, "unauthorized_client", text)
    }

    pub(super) fn disabled_client(id: Uuid, name: &str) -> Self {
        let text = format!("Application '{id}'({name}) is disabled.");
        Self::new(7_000_112, "unauthorized_client", text)
    }

    pub(super) fn wrong_secret(id: Uuid) -> Self {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the \
             client secret value, not the client secret ID, for a secret added to app '{id}'."
        );
        Self::new(7_000_215, "invalid_client", text)
    }

    pub(super) fn expired_key(id: Uuid) -> Self {
        let text = format!("The provided client secret keys for app '{id}' are expired.");
        Self::new(7_000_222, "invalid_client", text)
    }

    pub(super) fn no_credential() -> Self {
        Self::new(
            7_000_218,
            "invalid_client",
            "The request body must contain the following parameter: 'client_assertion' or \
             'client_secret'.",
        )
    }

    pub(super) fn public_with_credential() -> Self {
        Self::new(
            700_025,
            "invalid_client",
            "Client is public so neither 'client_assertion' nor 'client_secret' should be \
             presented.",
        )
    }

    pub(super) fn assertion(reason: &str) -> Self {
        let text = format!("Client assertion failed signature validation. {reason}");
        Self::new(700_027, "invalid_client", text)
    }

    pub(super) fn assertion_time(reason: &str) -> Self {
        let text = format!("Client assertion is not within its valid time range. {reason}");
        Self::new(700_024, "invalid_client", text)
    }

    /// From field reports: the number for flows that are closed to agents.
    pub(super) fn closed_to_agents(id: Uuid) -> Self {
        let text = format!("Agentic application '{id}' is not permitted to use this flow.");
        Self::new(82001, "unauthorized_client", text)
    }

    pub(super) fn no_federation(issuer: &str) -> Self {
        let text = format!(
            "No matching federated identity record found for presented assertion issuer \
             '{issuer}'. Check your federated identity credential Subject, Audience and Issuer \
             against the presented assertion."
        );
        Self::new(700_211, "invalid_client", text)
    }

    /// The number is from memory.
    pub(super) fn other_audience(audience: &str) -> Self {
        let text = format!(
            "No matching federated identity record found for presented assertion audience \
             '{audience}'."
        );
        Self::new(700_212, "invalid_client", text)
    }

    /// The number is from memory.
    pub(super) fn other_subject(subject: &str) -> Self {
        let text = format!(
            "No matching federated identity record found for presented assertion subject \
             '{subject}'."
        );
        Self::new(700_213, "invalid_client", text)
    }

    pub(super) fn only_apps_federate() -> Self {
        let text = "Only app-only tokens can be used as federated identity credentials.";
        Self::new(700_229, "invalid_client", text)
    }

    pub(super) fn redirect_uri(uri: &str, id: Uuid) -> Self {
        let text = format!(
            "The redirect URI '{uri}' specified in the request does not match the redirect URIs \
             configured for the application '{id}'."
        );
        Self::new(50011, "invalid_request", text)
    }

    // Grants.

    pub(super) fn code() -> Self {
        let text = "The provided value for the 'code' parameter is not valid.";
        Self::new(70000, "invalid_grant", text)
    }

    pub(super) fn expired_code() -> Self {
        Self::new(
            70008,
            "invalid_grant",
            "The provided authorization code or refresh token has expired due to inactivity. Send \
             a new interactive authorization request for this user and resource.",
        )
    }

    pub(super) fn used_code() -> Self {
        Self::new(
            54005,
            "invalid_grant",
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code \
             or use an existing refresh token.",
        )
    }

    pub(super) fn verifier() -> Self {
        Self::new(
            501_481,
            "invalid_grant",
            "The Code_Verifier does not match the code_challenge supplied in the authorization \
             request.",
        )
    }

    pub(super) fn other_redirect() -> Self {
        Self::new(
            500_112,
            "invalid_grant",
            "The reply address does not match the reply address provided when requesting the \
             authorization code.",
        )
    }

    pub(super) fn refresh_token() -> Self {
        let text = "Provided grant is invalid or malformed.";
        Self::new(70000, "invalid_grant", text).because("bad_token")
    }

    pub(super) fn idle() -> Self {
        Self::new(700_082, "invalid_grant", "The refresh token has expired due to inactivity.")
            .because("bad_token")
    }

    pub(super) fn revoked(issued: Timestamp, valid_from: Timestamp) -> Self {
        let text = format!(
            "The provided grant has expired due to it being revoked, a fresh auth token is \
             needed. The user might have changed or reset their password. The grant was issued on \
             '{}' and the TokensValidFrom date (before which tokens are not valid) for this user \
             is '{}'.",
            issued.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            valid_from.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        );
        Self::new(50173, "invalid_grant", text).because("bad_token")
    }

    pub(super) fn grant_assertion(reason: &str) -> Self {
        let text = format!("Assertion failed signature validation. {reason}");
        Self::new(50013, "invalid_grant", text)
    }

    /// The number is from memory; the family is 50013.
    pub(super) fn grant_audience(given: &str, wanted: Uuid) -> Self {
        let text = format!(
            "Assertion audience does not match the Client app presenting the assertion. The \
             audience in the assertion was '{given}' and the expected audience is '{wanted}'."
        );
        Self::new(500_131, "invalid_grant", text)
    }

    pub(super) fn grant_expired() -> Self {
        let text = "Assertion is not within its valid time range.";
        Self::new(500_133, "invalid_grant", text)
    }

    pub(super) fn device_pending() -> Self {
        Self::new(
            70016,
            "authorization_pending",
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        )
    }

    pub(super) fn device_declined() -> Self {
        let text = "The end user has denied the authorization request.";
        Self::new(70021, "authorization_declined", text)
    }

    pub(super) fn device_expired() -> Self {
        Self::new(70020, "expired_token", "The provided device code has expired.")
    }

    pub(super) fn device_code() -> Self {
        Self::new(
            70018,
            "bad_verification_code",
            "Invalid verification code due to User typing in wrong user code for device code flow.",
        )
    }

    pub(super) fn device_code_empty() -> Self {
        let text = "The user code is null or empty.";
        Self::new(90119, "invalid_request", text)
    }

    pub(super) fn device_code_used() -> Self {
        let text = "The user code has already been used.";
        Self::new(90120, "invalid_request", text)
    }

    // People.

    pub(super) fn unknown_user(tenant: &str) -> Self {
        let text = format!(
            "The user account does not exist in the {tenant} directory. To sign into this \
             application, the account must be added to the directory."
        );
        Self::new(50034, "invalid_grant", text)
    }

    pub(super) fn blocked_user() -> Self {
        Self::new(50057, "invalid_grant", "The user account is disabled.")
    }

    pub(super) fn password() -> Self {
        Self::new(
            50126,
            "invalid_grant",
            "Error validating credentials due to invalid username or password.",
        )
    }

    pub(super) fn locked_out() -> Self {
        Self::new(
            50053,
            "invalid_grant",
            "The account is locked, you've tried to sign in too many times with an incorrect user \
             ID or password.",
        )
    }

    pub(super) fn password_expired() -> Self {
        Self::new(50055, "invalid_grant", "The password is expired.")
            .because("user_password_expired")
    }

    pub(super) fn no_session() -> Self {
        Self::new(
            50058,
            "login_required",
            "A silent sign-in request was sent but no user is signed in.",
        )
    }

    // Scopes and consent.

    pub(super) fn no_consent(client: Uuid, name: &str) -> Self {
        let text = format!(
            "The user or administrator has not consented to use the application with ID \
             '{client}' named '{name}'. Send an interactive authorization request for this user \
             and resource."
        );
        Self::new(65001, "invalid_grant", text).because("consent_required")
    }

    pub(super) fn declined() -> Self {
        Self::new(65004, "access_denied", "User declined to consent to access the app.")
    }

    pub(super) fn not_assigned(app: Uuid, name: &str) -> Self {
        let text = format!(
            "Your administrator has configured the application {name} ('{app}') to block users \
             unless they are specifically granted ('assigned') access to the application."
        );
        Self::new(50105, "invalid_grant", text)
    }

    pub(super) fn admin_needed(name: &str, tenant: &str) -> Self {
        let text = format!(
            "An administrator of {tenant} has set a policy that prevents you from granting {name} \
             the permissions it is requesting. Contact an administrator who can grant permissions \
             to this application on your behalf."
        );
        Self::new(90094, "access_denied", text)
    }

    pub(super) fn scope(scope: &str) -> Self {
        let text = format!(
            "The provided value for the input parameter 'scope' is not valid. The scope '{scope}' \
             is not valid."
        );
        Self::new(70011, "invalid_scope", text)
    }

    pub(super) fn only_default(scope: &str) -> Self {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have \
             a scope value with /.default suffixed to the resource identifier (application ID \
             URI)."
        );
        Self::new(1_002_012, "invalid_scope", text)
    }

    pub(super) fn two_resources() -> Self {
        Self::new(
            700_022,
            "invalid_scope",
            "The provided value for the input parameter scope is not valid because it contains \
             more than one resource.",
        )
    }

    pub(super) fn resource(name: &str, tenant: &str) -> Self {
        let text = format!(
            "The resource principal named {name} was not found in the tenant named {tenant}. This \
             can happen if the application has not been installed by the administrator of the \
             tenant or consented to by any user in the tenant."
        );
        Self::new(500_011, "invalid_resource", text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AADSTS{}: {}", self.number, self.text)
    }
}

fn stamp(now: Timestamp) -> String {
    now.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
