//! What the account first signs in with: made, shown and forgotten.

use std::fmt;

use serde_json::json;
use subtwin_kernel::Secret;

use super::error::OnboardError;
use super::look::{Known, PassPolicy};
use super::wire::Id;
use super::wish::OnboardStep;
use super::work::{How, Onboarding, Told};
use crate::graph::{GraphError, Read, segment, user_path};
use crate::steps::{Made, Mark};

/// What the account first signs in with. Shown once, kept nowhere.
pub enum FirstSignIn {
    /// A temporary access pass, which also stands for a second factor.
    Pass {
        /// The pass.
        pass: Secret,
        /// How long it works.
        minutes: u32,
        /// Whether it works once only.
        once: bool,
    },
    /// A password that must be changed at the first sign-in.
    Password(Secret),
}

impl fmt::Debug for FirstSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass { .. } => "Pass(…)",
            Self::Password(_) => "Password(…)",
        })
    }
}

impl Onboarding<'_> {
    /// Something new for the account to sign in with, shown once. What it had stays valid until
    /// its sessions are revoked.
    ///
    /// # Errors
    /// As [`OnboardError`] says.
    pub async fn renew_credential(
        &mut self,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<(), OnboardError> {
        let known = Known::of(self.steps);
        let how = self.new_credential(&known, tell).await?;
        tell(Told::Ended(&OnboardStep::Credential, how));
        Ok(())
    }

    /// What the account first signs in with: made, shown and forgotten. Nothing for an account that
    /// was there before.
    pub(super) async fn credential(
        &mut self,
        known: &Known,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<Option<How>, OnboardError> {
        let step = OnboardStep::Credential;
        if !matches!(self.steps.mark(&OnboardStep::User), Some(Mark::Made(_))) {
            return Ok(None);
        }
        if matches!(self.steps.mark(&step), Some(Mark::Made(_))) {
            return Ok(Some(How::AsLogged));
        }
        self.new_credential(known, tell).await.map(Some)
    }

    async fn new_credential(
        &mut self,
        known: &Known,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<How, OnboardError> {
        let step = OnboardStep::Credential;
        let failed = |cause| OnboardError::of(&OnboardStep::Credential, cause);
        let Some(user) = known.id(&OnboardStep::User).map(str::to_owned) else {
            return Err(OnboardError::Impossible("There is no account yet.".to_owned()));
        };
        self.steps.put(&step, Mark::Begun).await?;
        let pass = self.patiently(async || self.pass(&user).await).await.map_err(failed)?;
        let (id, shown) = match pass {
            Some((id, shown)) => (id, shown),
            None => {
                let password = Secret::new_password(self.entropy.as_ref());
                let profile = json!({
                    "forceChangePasswordNextSignIn": true,
                    "password": password.expose(),
                });
                let body = json!({"passwordProfile": profile});
                let set = async || self.graph.patch(&user_path(&user), &body).await;
                self.patiently(set).await.map_err(failed)?;
                ("password".to_owned(), FirstSignIn::Password(password))
            }
        };
        tell(Told::Shows(&shown));
        self.steps.put(&step, Mark::Made(Made::new(id))).await?;
        Ok(How::Made)
    }

    /// A temporary access pass, where policy allows one. One whose answer was lost is taken back
    /// first: only one may be open.
    async fn pass(&self, user: &str) -> Result<Option<(String, FirstSignIn)>, GraphError> {
        let policy = match PassPolicy::read(self.graph).await {
            Ok(policy) if policy.enabled => policy,
            Ok(_) => return Ok(None),
            Err(error) if error.refused().is_some() => return Ok(None),
            Err(error) => return Err(error),
        };
        let path = format!("{}/authentication/temporaryAccessPassMethods", user_path(user));
        let open: Vec<Id> = self.graph.list(&Read::at(path.as_str()), 2).await?;
        for pass in open {
            let one = format!("{path}/{}", segment(&pass.id));
            match self.graph.delete(&one).await {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        let minutes = 60.clamp(policy.least_minutes, policy.most_minutes.max(policy.least_minutes));
        // Two registrations are signed in to; the browser usually carries the first over.
        let body = json!({"lifetimeInMinutes": minutes, "isUsableOnce": policy.once});
        let answer = match self.graph.post(&path, Some(&body)).await {
            Ok(answer) => answer,
            // This account is outside the policy.
            Err(error) if error.refused().is_some_and(|refused| refused.status == 400) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let text = |name: &str| answer.body.get(name).and_then(serde_json::Value::as_str);
        let (Some(id), Some(pass)) = (text("id"), text("temporaryAccessPass")) else {
            return Ok(None);
        };
        let pass = Secret::new(pass.to_owned());
        let shown = FirstSignIn::Pass { pass, minutes, once: policy.once };
        Ok(Some((id.to_owned(), shown)))
    }
}
