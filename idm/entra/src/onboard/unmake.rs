//! Taking away: one request each. What is gone already is as good.

use serde_json::{Value, json};

use super::look::{Eye, Known};
use super::wish::OnboardStep;
use crate::graph::{GraphError, segment, user_path};
use crate::steps::Made;

impl Eye<'_> {
    /// Takes away what a step made.
    pub(super) async fn unmake(
        &self,
        step: &OnboardStep,
        made: &Made,
        known: &Known,
    ) -> Result<(), GraphError> {
        let id = segment(&made.id);
        let path = match step {
            OnboardStep::User => user_path(&made.id),
            OnboardStep::Licence => {
                let Some(user) = known.id(&OnboardStep::User) else { return Ok(()) };
                let body = json!({"addLicenses": [], "removeLicenses": [made.id]});
                let path = format!("{}/assignLicense", user_path(user));
                return match self.graph.post(&path, Some(&body)).await {
                    Err(error) if is_gone(&error) || not_held(&error) => Ok(()),
                    ended => ended.map(drop),
                };
            }
            OnboardStep::App(_) => format!("/v1.0/applications/{id}"),
            OnboardStep::Principal(_) => format!("/v1.0/servicePrincipals/{id}"),
            OnboardStep::Assignment(which) => {
                let Some(principal) = known.id(&OnboardStep::Principal(*which)) else {
                    return Ok(());
                };
                let principal = segment(principal);
                format!("/v1.0/servicePrincipals/{principal}/appRoleAssignedTo/{id}")
            }
            OnboardStep::Consent(_) => format!("/v1.0/oauth2PermissionGrants/{id}"),
            OnboardStep::Role(_) => {
                format!("/v1.0/roleManagement/directory/roleAssignments/{id}")
            }
            // A pass ends by itself, and a password goes with the account.
            OnboardStep::UsageLocation | OnboardStep::Credential => return Ok(()),
        };
        match self.graph.delete(&path).await {
            Err(error) if is_gone(&error) => Ok(()),
            ended => ended.map(drop),
        }
    }

    /// Brings back what a step had changed.
    pub(super) async fn restore(
        &self,
        step: &OnboardStep,
        made: &Made,
        before: &Value,
    ) -> Result<(), GraphError> {
        let id = segment(&made.id);
        let (path, body) = match step {
            OnboardStep::UsageLocation => (user_path(&made.id), json!({"usageLocation": before})),
            OnboardStep::App(_) => (format!("/v1.0/applications/{id}"), before.clone()),
            OnboardStep::Principal(_) => (format!("/v1.0/servicePrincipals/{id}"), before.clone()),
            OnboardStep::Consent(_) => {
                (format!("/v1.0/oauth2PermissionGrants/{id}"), before.clone())
            }
            OnboardStep::User
            | OnboardStep::Licence
            | OnboardStep::Assignment(_)
            | OnboardStep::Credential
            | OnboardStep::Role(_) => return Ok(()),
        };
        match self.graph.patch(&path, &body).await {
            Err(error) if is_gone(&error) => Ok(()),
            ended => ended.map(drop),
        }
    }
}

fn is_gone(error: &GraphError) -> bool {
    error.is_not_found()
}

fn not_held(error: &GraphError) -> bool {
    error.refused().is_some_and(|refused| {
        refused.status == 400 && refused.message.contains("does not have a corresponding license")
    })
}
