//! Making: one request each. Whoever calls has looked, and has begun the step on the log.

use serde_json::{Value, json};
use subtwin_kernel::{Entropy, Secret};

use super::licence::{choose, offers};
use super::look::{Eye, GraphApi, Known, owned, required_json};
use super::wire::{Id, REDIRECT};
use super::wish::{OnboardStep, Registration, Wish};
use crate::graph::{GraphError, segment, user_path};
use crate::steps::Made;

/// Why something was not made.
#[derive(Debug)]
pub(super) enum NotMade {
    Graph(GraphError),
    /// There is nothing to make it from: a sentence.
    Impossible(String),
}

impl From<GraphError> for NotMade {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl Eye<'_> {
    /// Sends the request that makes what a step is for.
    pub(super) async fn make(
        &self,
        step: &OnboardStep,
        known: &Known,
        api: &GraphApi,
        entropy: &dyn Entropy,
    ) -> Result<Made, NotMade> {
        match step {
            OnboardStep::User => self.make_account(entropy).await,
            OnboardStep::Licence => self.give_licence(known).await,
            OnboardStep::App(which) => self.register(*which, api).await,
            OnboardStep::Principal(which) => {
                let app = known.get(&OnboardStep::App(*which)).and_then(|made| made.key.clone());
                let body = json!({"appId": app, "appRoleAssignmentRequired": true});
                self.create("/v1.0/servicePrincipals", &body).await
            }
            OnboardStep::Assignment(which) => {
                let principal = need(known, &OnboardStep::Principal(*which))?;
                let path =
                    format!("/v1.0/servicePrincipals/{}/appRoleAssignedTo", segment(principal));
                let body = json!({
                    "principalId": need(known, &OnboardStep::User)?,
                    "resourceId": principal,
                    // No role of the app's own: it may sign in, and nothing else follows.
                    "appRoleId": "00000000-0000-0000-0000-000000000000",
                });
                self.create(&path, &body).await
            }
            OnboardStep::Consent(which) => self.consent_to(*which, known, api).await,
            OnboardStep::Role(template) => {
                let body = json!({
                    "principalId": need(known, &OnboardStep::User)?,
                    "roleDefinitionId": template,
                    "directoryScopeId": "/",
                });
                self.create("/v1.0/roleManagement/directory/roleAssignments", &body).await
            }
            OnboardStep::UsageLocation | OnboardStep::Credential => {
                Err(NotMade::Impossible(format!("Nothing is made for {step}.")))
            }
        }
    }

    async fn create(&self, path: &str, body: &Value) -> Result<Made, NotMade> {
        let answer = self.graph.post(path, Some(body)).await?;
        let made: Id = serde_json::from_value(answer.body).map_err(|cause| {
            // It was made, but not as what: a look will tell.
            GraphError::Unknown { operation: format!("POST {path}"), cause: cause.into() }
        })?;
        Ok(Made::new(made.id))
    }

    async fn make_account(&self, entropy: &dyn Entropy) -> Result<Made, NotMade> {
        let wish = self.wish;
        let alias = wish.upn.split('@').next().unwrap_or_default();
        // The directory wants a password. Nobody ever learns this one.
        let password = Secret::new_password(entropy);
        let mut body = json!({
            "accountEnabled": true,
            "displayName": wish.display_name,
            "mailNickname": alias.replace('\'', ""),
            "userPrincipalName": wish.upn,
            "usageLocation": wish.usage_location,
            "passwordProfile": {
                "forceChangePasswordNextSignIn": true,
                "password": password.expose(),
            },
        });
        for (name, value) in [("department", &wish.department), ("jobTitle", &wish.job_title)] {
            if let (Some(value), Value::Object(body)) = (value, &mut body) {
                body.insert(name.to_owned(), json!(value));
            }
        }
        Ok(self.create("/v1.0/users", &body).await?.with_key(wish.upn.clone()))
    }

    async fn give_licence(&self, known: &Known) -> Result<Made, NotMade> {
        let all = offers(&owned(self.graph).await?);
        let offer = choose(&all, &self.wish.licence).map_err(NotMade::Impossible)?;
        let user = need(known, &OnboardStep::User)?;
        let body = json!({
            "addLicenses": [{"skuId": offer.sku, "disabledPlans": []}],
            "removeLicenses": [],
        });
        self.graph.post(&format!("{}/assignLicense", user_path(user)), Some(&body)).await?;
        Ok(Made::new(offer.sku.to_string()).with_key(offer.name.clone()))
    }

    async fn register(&self, which: Registration, api: &GraphApi) -> Result<Made, NotMade> {
        let run = self.run.unwrap_or_default();
        let body = json!({
            "displayName": self.wish.app_name(which),
            "signInAudience": "AzureADMyOrg",
            "isFallbackPublicClient": true,
            "publicClient": {"redirectUris": [REDIRECT]},
            "requiredResourceAccess": required_json(self.required(which, api)),
            "tags": [self.wish.tag(which), Wish::run_tag(run)],
            "notes": format!(
                "Made by `subtwin onboard apply` for {} (run {run}); taken away by `subtwin \
                 onboard undo`.",
                self.wish.upn
            ),
        });
        let answer = self.graph.post("/v1.0/applications", Some(&body)).await?;
        let text = |name: &str| answer.body.get(name).and_then(Value::as_str);
        match (text("id"), text("appId")) {
            (Some(id), Some(app)) => Ok(Made::new(id).with_key(app)),
            _ => Err(NotMade::Graph(GraphError::Unknown {
                operation: "POST /v1.0/applications".to_owned(),
                cause: "the answer names no application".into(),
            })),
        }
    }

    async fn consent_to(
        &self,
        which: Registration,
        known: &Known,
        api: &GraphApi,
    ) -> Result<Made, NotMade> {
        let mut body = json!({
            "clientId": need(known, &OnboardStep::Principal(which))?,
            // For this account alone: `AllPrincipals` would let the app act as anybody.
            "consentType": "Principal",
            "principalId": need(known, &OnboardStep::User)?,
            "resourceId": api.principal,
            "scope": self.wish.granted(which).join(" "),
        });
        match self.create("/v1.0/oauth2PermissionGrants", &body).await {
            // Gone from the model and still demanded by some tenants.
            Err(NotMade::Graph(GraphError::Refused { refused, .. }))
                if refused.message.contains("startTime") =>
            {
                if let Value::Object(body) = &mut body {
                    body.insert("startTime".to_owned(), json!("0001-01-01T00:00:00Z"));
                    body.insert("expiryTime".to_owned(), json!("9999-01-01T00:00:00Z"));
                }
                self.create("/v1.0/oauth2PermissionGrants", &body).await
            }
            made => made,
        }
    }

    /// Makes what is there what was wished for.
    pub(super) async fn change(
        &self,
        step: &OnboardStep,
        made: &Made,
        api: &GraphApi,
    ) -> Result<(), GraphError> {
        let (path, body) = match step {
            OnboardStep::UsageLocation => {
                (user_path(&made.id), json!({"usageLocation": self.wish.usage_location}))
            }
            OnboardStep::App(which) => (
                format!("/v1.0/applications/{}", segment(&made.id)),
                json!({"requiredResourceAccess": required_json(self.required(*which, api))}),
            ),
            OnboardStep::Principal(_) => (
                format!("/v1.0/servicePrincipals/{}", segment(&made.id)),
                json!({"appRoleAssignmentRequired": true}),
            ),
            OnboardStep::Consent(which) => (
                format!("/v1.0/oauth2PermissionGrants/{}", segment(&made.id)),
                json!({"scope": self.wish.granted(*which).join(" ")}),
            ),
            OnboardStep::User
            | OnboardStep::Licence
            | OnboardStep::Assignment(_)
            | OnboardStep::Credential
            | OnboardStep::Role(_) => return Ok(()),
        };
        self.graph.patch(&path, &body).await.map(drop)
    }
}

fn need<'a>(known: &'a Known, step: &OnboardStep) -> Result<&'a str, NotMade> {
    let missing = || NotMade::Impossible(format!("There is no {step} to go on from."));
    known.id(step).ok_or_else(missing)
}
