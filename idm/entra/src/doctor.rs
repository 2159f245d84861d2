//! Looking whether a twin has all it needs from its directory, with its own tokens. Changes
//! nothing.

mod finding;
mod roles;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde::{Deserialize, Serialize};
use subtwin_kernel::{Clock, Entropy, PrincipalKind, Secret, Tool, UserId};
use uuid::Uuid;

use crate::needs;
use crate::{
    Cloud, Expected, Grant, Graph, GraphError, Issued, Read, TokenClient, TokenError, TokenStore,
    TokenStoreError, Tokens,
};
pub use finding::{Finding, Verdict};
use roles::{held_roles, stands_for};

/// One registration of the twin, as its token client sees it.
#[derive(Debug)]
pub struct Registered {
    /// `chat` or `admin`.
    pub name: &'static str,
    /// Its token client.
    pub client: TokenClient,
    /// The refresh token, where the twin has signed in.
    pub refresh: Option<Secret>,
    /// The scopes pinned for it.
    pub scopes: Vec<String>,
}

/// The twin that is looked at.
#[derive(Debug)]
pub struct Patient {
    /// Where its cloud is.
    pub cloud: Cloud,
    /// Its account.
    pub user: UserId,
    /// Its user principal name, as configured.
    pub upn: String,
    /// What kind of principal it is.
    pub kind: PrincipalKind,
    /// What it offers.
    pub tools: Vec<Tool>,
    /// The registration that chats.
    pub chat: Registered,
    /// The registration that acts.
    pub admin: Registered,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For request ids.
    pub entropy: Arc<dyn Entropy>,
}

/// What a registration's tokens are good for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Permit {
    /// `chat` or `admin`.
    pub registration: &'static str,
    /// Its client id.
    pub app: String,
    /// Until when the token that was just issued works.
    pub until: Option<Timestamp>,
    /// Scopes that the token service put into it, without those of a sign-in.
    pub scopes: Vec<String>,
    /// Pinned scopes that it refused.
    pub refused: Vec<String>,
    /// Scopes in it that are not pinned.
    pub beyond: Vec<String>,
    /// Why there is no token, where there is none.
    pub error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    user_principal_name: Option<String>,
    account_enabled: Option<bool>,
    usage_location: Option<String>,
    user_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LicenceDetail {
    #[serde(default)]
    service_plans: Vec<Plan>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    service_plan_id: Uuid,
    provisioning_status: Option<String>,
}

#[derive(Deserialize)]
struct PassPolicy {
    state: Option<String>,
}

impl Patient {
    /// What the tokens of one registration are good for. Asks the token service; what it gives is
    /// dropped.
    pub async fn permit(&self, registered: &Registered) -> Permit {
        let mut permit = Permit {
            registration: registered.name,
            app: registered.client.app.client.to_string(),
            until: None,
            scopes: Vec::new(),
            refused: Vec::new(),
            beyond: Vec::new(),
            error: None,
        };
        let Some(refresh) = &registered.refresh else {
            permit.error = Some("nobody has signed in".to_owned());
            return permit;
        };
        match self.ask(registered, refresh, &registered.scopes).await {
            Ok(issued) => permit.take(&issued, &registered.scopes),
            Err(error) if lacks_consent(&error) => {
                // One at a time, to know which.
                for scope in &registered.scopes {
                    match self.ask(registered, refresh, std::slice::from_ref(scope)).await {
                        Ok(issued) => permit.take(&issued, &registered.scopes),
                        Err(error) if lacks_consent(&error) => permit.refused.push(scope.clone()),
                        Err(error) => permit.error = Some(chain(&error)),
                    }
                }
            }
            Err(error) => permit.error = Some(chain(&error)),
        }
        permit
    }

    async fn ask(
        &self,
        registered: &Registered,
        refresh: &Secret,
        scopes: &[String],
    ) -> Result<Issued, TokenError> {
        let expected = Expected::User(self.user);
        registered.client.token(Grant::Refresh(refresh), scopes, expected).await
    }

    /// Graph with the tokens of a registration, for the scopes that were not refused.
    fn graph(&self, registered: &Registered, permit: &Permit) -> Graph {
        let scopes = registered.scopes.iter().filter(|scope| !permit.refused.contains(scope));
        let kept = Arc::new(OneToken(registered.refresh.clone()));
        let tokens = Tokens::of_account(
            registered.client.clone(),
            scopes.cloned().collect(),
            self.user,
            registered.name.to_owned(),
            kept,
        );
        Graph::new(self.cloud.clone(), tokens, Arc::clone(&self.entropy))
    }

    fn needing(&self, wanted: impl Fn(Tool) -> bool) -> Vec<Tool> {
        self.tools.iter().copied().filter(|tool| wanted(*tool)).collect()
    }

    /// Everything about the cloud and the directory, and Graph as the twin for whoever looks on.
    pub async fn examine(&self) -> (Vec<Finding>, Option<Graph>) {
        let mut found = self.network().await;
        for tool in &self.tools {
            if let Some(why) = needs(*tool).keeps_out(self.kind) {
                found.push(
                    Finding::missing("kind of account", why)
                        .for_tools(vec![*tool])
                        .remedy("use a member twin for it, or leave it out of `tools`"),
                );
            }
        }
        let chat = self.permit(&self.chat).await;
        let admin = self.permit(&self.admin).await;
        found.extend(self.consent(&self.chat, &chat));
        found.extend(self.consent(&self.admin, &admin));
        if admin.error.is_some() || admin.scopes.is_empty() {
            return (found, None);
        }
        let graph = self.graph(&self.admin, &admin);
        found.extend(self.account(&graph).await);
        found.push(self.licence(&graph).await);
        found.extend(self.roles(&admin).await);
        found.extend(self.logs(&graph).await);
        if self.tools.contains(&Tool::TapIssue) {
            found.push(self.passes(&graph).await);
        }
        (found, Some(graph))
    }

    fn consent(&self, registered: &Registered, permit: &Permit) -> Vec<Finding> {
        let about = format!("{} registration", registered.name);
        let app = &permit.app;
        let all = |scope: &str| {
            let tools = self.needing(|tool| {
                let needs = needs(tool);
                needs.permissions.iter().chain(needs.reads).any(|one| *one == scope)
            });
            if registered.name == "chat" { Vec::new() } else { tools }
        };
        let mut found = Vec::new();
        if let Some(error) = &permit.error {
            let remedy = "run `subtwin sign-in --config FILE` as the twin's account; if that is \
                          refused, it says what an administrator must do";
            let says = format!("There is no token for the app {app}: {error}.");
            found.push(Finding::missing(&about, says).remedy(remedy));
        }
        for scope in &permit.refused {
            found.push(
                Finding::missing(&about, format!("The app {app} has no consent for {scope}."))
                    .for_tools(all(scope))
                    .remedy(format!(
                        "`subtwin onboard apply`; or Entra admin center, Enterprise applications, \
                         the app {app}, Permissions: consent to {scope}, for this account"
                    )),
            );
        }
        if !permit.beyond.is_empty() {
            let says = format!(
                "The app {app} was granted more than asked for: {}.",
                permit.beyond.join(", ")
            );
            found.push(Finding::note(&about, says).remedy(format!(
                "Entra admin center, Enterprise applications, the app {app}, Permissions: review"
            )));
        }
        if found.is_empty() {
            let count = registered.scopes.len();
            found.push(Finding::good(&about, format!("All {count} scopes are consented to.")));
        }
        found
    }

    /// The way to the token service and to Graph, and what time they think it is.
    async fn network(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let login = format!("{}/common/v2.0/.well-known/openid-configuration", self.cloud.login());
        let graph = format!("{}/v1.0/$metadata", self.cloud.graph());
        for (about, url) in [("token service", login), ("Microsoft Graph", graph)] {
            let before = self.clock.now();
            match self.cloud.http().get(&url).send().await {
                Ok(answer) => {
                    let date = answer.headers().get(reqwest::header::DATE);
                    let date = date.and_then(|date| date.to_str().ok());
                    let date = date.and_then(http_date);
                    found.push(Finding::good(about, format!("{url} answers.")));
                    if let Some(date) = date {
                        found.push(skew(about, before, date));
                    }
                }
                Err(cause) => found.push(
                    Finding::missing(about, format!("{url} cannot be reached: {}.", chain(&cause)))
                        .remedy(
                            "allow HTTPS to this host; behind a proxy set HTTPS_PROXY; where \
                             traffic is inspected set `cloud.ca_file`",
                        ),
                ),
            }
        }
        found
    }

    async fn account(&self, graph: &Graph) -> Vec<Finding> {
        let select = "id,userPrincipalName,accountEnabled,usageLocation,userType";
        let read = Read::at(format!("/v1.0/users/{}", self.user)).option("$select", select);
        let me: Me = match graph.get(&read).await {
            Ok(me) => me,
            Err(error) => return vec![unreadable("account", "the twin's own account", &error)],
        };
        let mut found = Vec::new();
        let upn = me.user_principal_name.unwrap_or_default();
        if !upn.eq_ignore_ascii_case(&self.upn) {
            let says = format!("The account is now called {upn}, not {}.", self.upn);
            found.push(Finding::missing("account", says).remedy("set `twin.upn`"));
        }
        if me.account_enabled == Some(false) {
            found.push(
                Finding::missing("account", "The account is disabled.")
                    .remedy("Entra admin center, Users, the account: enable it"),
            );
        }
        if me.user_type.as_deref() == Some("Guest") {
            found.push(
                Finding::missing("account", "The account is a guest.")
                    .remedy("a twin is a member of your organisation: `subtwin onboard plan`"),
            );
        }
        if me.usage_location.is_none() {
            let remedy =
                "Entra admin center, Users, the account, Properties: set its usage location";
            let says = "The account has no usage location, so it can be given no licence.";
            found.push(Finding::note("usage location", says).remedy(remedy));
        }
        if found.is_empty() {
            found.push(Finding::good("account", format!("{upn} is enabled.")));
        }
        found
    }

    async fn licence(&self, graph: &Graph) -> Finding {
        let read = Read::at(format!("/v1.0/users/{}/licenseDetails", self.user));
        let held: Vec<LicenceDetail> = match graph.list(&read, 5).await {
            Ok(held) => held,
            Err(error) => return unreadable("licence", "the account's licences", &error),
        };
        let teams = held.iter().flat_map(|held| &held.service_plans);
        let states: Vec<&str> = teams
            .filter(|plan| plan.service_plan_id == TEAMS)
            .map(|plan| plan.provisioning_status.as_deref().unwrap_or_default())
            .collect();
        if states.contains(&"Success") {
            return Finding::good("licence", "The account has Teams.");
        }
        let remedy = "`subtwin onboard apply`; or Microsoft 365 admin center, Users, the account, \
                      Licenses and apps: a product with Microsoft Teams, and the app switched on";
        let says = match states.first() {
            None => "The account has no licence with Teams: nobody can chat with it.".to_owned(),
            Some(state) => format!(
                "The account has Teams, but it is not ready ({state}). New licences take up to a \
                 day."
            ),
        };
        Finding::missing("licence", says).remedy(remedy)
    }

    /// The roles stand in the token itself (`wids`): the twin may not read the directory's.
    async fn roles(&self, permit: &Permit) -> Vec<Finding> {
        let Some(refresh) = &self.admin.refresh else { return Vec::new() };
        let scopes: Vec<String> = permit.scopes.clone();
        let held = match self.ask(&self.admin, refresh, &scopes).await {
            Ok(issued) => held_roles(&issued.access),
            Err(_) => None,
        };
        let Some(held) = held else {
            let says = "Which roles the account holds cannot be seen with its own tokens.";
            let remedy = "an administrator sees it: `subtwin onboard plan --sign-in`";
            return vec![Finding::note("role", says).remedy(remedy)];
        };
        let wanted: BTreeSet<&str> =
            self.tools.iter().flat_map(|tool| needs(*tool).roles).copied().collect();
        let mut found = Vec::new();
        for role in wanted {
            if stands_for(role).iter().any(|template| held.contains(template)) {
                continue;
            }
            let tools = self.needing(|tool| needs(tool).roles.contains(&role));
            let remedy = format!(
                "`subtwin onboard apply`; or Entra admin center, Roles and administrators, {role}: \
                 add the account"
            );
            let finding = if role == "Reports Reader" {
                let only = self.needing(|tool| tool == Tool::SigninExplain);
                let says = "The account is no Reports Reader: changes are made, and no entry of \
                            your audit log can be matched with them.";
                if only.is_empty() {
                    Finding::note("role", says)
                } else {
                    Finding::missing("role", says).for_tools(only)
                }
            } else {
                Finding::missing("role", format!("The account does not hold {role}."))
                    .for_tools(tools)
            };
            found.push(finding.remedy(remedy));
        }
        if found.is_empty() {
            found.push(Finding::good("role", "The account holds every role its tools need."));
        }
        found
    }

    /// Whether the tenant's logs can be read: a matter of the tenant's licence and of a role.
    async fn logs(&self, graph: &Graph) -> Vec<Finding> {
        let mut found = Vec::new();
        let proof = self.needing(|tool| needs(tool).reads.contains(&"AuditLog.Read.All"));
        let explains = self.needing(|tool| tool == Tool::SigninExplain);
        let logs = [("audit log", "directoryAudits", proof), ("sign-in log", "signIns", explains)];
        for (about, path, tools) in logs {
            if tools.is_empty() {
                continue;
            }
            let read = Read::at(format!("/v1.0/auditLogs/{path}")).option("$top", "1");
            let Err(error) = graph.get::<serde_json::Value>(&read).await else {
                found.push(Finding::good(about, format!("The tenant's {about} can be read.")));
                continue;
            };
            let code = error.refused().map(|refused| refused.code.clone()).unwrap_or_default();
            let (says, remedy) = if code.contains("NonPremiumTenant") {
                (
                    format!("Your tenant has no Entra ID P1: Graph does not show its {about}."),
                    "buy Entra ID P1, or live without: Microsoft 365 admin center, Billing",
                )
            } else if error.refused().is_some_and(|refused| refused.status == 403) {
                (
                    format!("The account may not read the {about}."),
                    "give it the role Reports Reader: `subtwin onboard apply`",
                )
            } else {
                found.push(unreadable(about, about, &error));
                continue;
            };
            let finding = if path == "signIns" {
                Finding::missing(about, says).for_tools(tools)
            } else {
                Finding::note(about, format!("{says} Changes are made, and no entry is matched."))
            };
            found.push(finding.remedy(remedy));
        }
        found
    }

    async fn passes(&self, graph: &Graph) -> Finding {
        let path = "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/\
                    TemporaryAccessPass";
        match graph.get::<PassPolicy>(&Read::at(path)).await {
            Ok(policy) if policy.state.as_deref() == Some("enabled") => {
                Finding::good("access passes", "The tenant issues temporary access passes.")
            }
            Ok(_) => Finding::missing("access passes", "The tenant issues no access passes.")
                .for_tools(vec![Tool::TapIssue])
                .remedy(
                    "Entra admin center, Authentication methods, Policies, Temporary Access Pass: \
                     enable it; or leave entra.tap.issue out of `tools`",
                ),
            Err(error) if error.refused().is_some_and(|refused| refused.status == 403) => {
                Finding::note(
                    "access passes",
                    "The policy for access passes may not be read; the directory decides.",
                )
            }
            Err(error) => unreadable("access passes", "the policy for access passes", &error),
        }
    }
}

impl Permit {
    fn take(&mut self, issued: &Issued, pinned: &[String]) {
        self.until = Some(self.until.map_or(issued.expires_at, |had| had.min(issued.expires_at)));
        for scope in issued.scope.split_whitespace() {
            let name = scope.rsplit('/').next().unwrap_or(scope);
            if ["openid", "profile", "email", "offline_access"].contains(&name) {
                continue;
            }
            let known = pinned.iter().any(|one| one.eq_ignore_ascii_case(name));
            let list = if known { &mut self.scopes } else { &mut self.beyond };
            if !list.iter().any(|had| had.eq_ignore_ascii_case(name)) {
                list.push(name.to_owned());
            }
        }
    }
}

/// One refresh token, looked at and never replaced: a running twin's own is not spoilt.
#[derive(Debug)]
struct OneToken(Option<Secret>);

#[async_trait]
impl TokenStore for OneToken {
    async fn load(&self, _: &str) -> Result<Option<Secret>, TokenStoreError> {
        Ok(self.0.clone())
    }

    async fn save(&self, _: &str, _: &Secret) -> Result<(), TokenStoreError> {
        Ok(())
    }

    async fn forget(&self, _: &str) -> Result<(), TokenStoreError> {
        Ok(())
    }
}

fn lacks_consent(error: &TokenError) -> bool {
    matches!(error, TokenError::Refused(refused) if refused.number == Some(65001)
        || refused.suberror.as_deref() == Some("consent_required"))
}

fn unreadable(about: &str, what: &str, error: &GraphError) -> Finding {
    Finding::missing(about, format!("Looking at {what} failed: {}.", chain(error)))
        .remedy("see what else is missing here; then try again")
}

fn skew(about: &str, here: Timestamp, there: Timestamp) -> Finding {
    let seconds = there.as_second().saturating_sub(here.as_second());
    let name = "clock";
    match seconds.unsigned_abs() {
        0..=60 => Finding::good(name, format!("This clock agrees with that of the {about}.")),
        61..=300 => Finding::note(
            name,
            format!("This clock is {seconds} seconds behind that of the {about}."),
        )
        .remedy("let the machine keep time (NTP)"),
        _ => Finding::missing(
            name,
            format!(
                "This clock is {seconds} seconds behind that of the {about}: waits and the \
                 matching of audit entries go wrong."
            ),
        )
        .remedy("let the machine keep time (NTP)"),
    }
}

/// A `Date` header (RFC 9110 section 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// Teams itself (`TEAMS1`).
const TEAMS: Uuid = uuid::uuid!("57ff2da0-773e-42df-b2af-ffb7a2317929");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_by_minutes_is_said_to_be() {
        let here: Timestamp = "2026-09-01T10:00:00Z".parse().unwrap();
        let at = |date: &str| skew("token service", here, http_date(date).unwrap()).verdict;
        assert_eq!(at("Tue, 01 Sep 2026 10:00:30 GMT"), Verdict::Good);
        assert_eq!(at("Tue, 01 Sep 2026 09:57:00 GMT"), Verdict::Note);
        assert_eq!(at("Tue, 01 Sep 2026 10:06:00 GMT"), Verdict::Missing);
        assert_eq!(http_date("yesterday"), None);
    }
}
