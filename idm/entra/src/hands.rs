//! Carries out a step of a plan, and looks whether an action's effect is in place.

mod form;
mod look;
mod refusal;
mod reset;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use subtwin_act::{Hands, LookError, Observed, SendError, Sent};
use subtwin_kernel::{Action, Method, Secret, Step};
use uuid::Uuid;

use self::form::Form;
use crate::entra::Entra;
use crate::graph::Answer;

#[async_trait]
impl Hands for Entra {
    async fn send(
        &self,
        step: &Step,
        password: Option<&Secret>,
        client_request_id: Uuid,
    ) -> Result<Sent, SendError> {
        let Some(form) = Form::of(step, self.graph().address()) else {
            return Err(refusal::local(
                "not-in-catalog",
                "That request is none that my tools can make, so I did not send it.",
            ));
        };
        let method = match step.method {
            Method::Post => reqwest::Method::POST,
            Method::Patch => reqwest::Method::PATCH,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        // INVARIANT: the password is in this one value and goes no further than the request.
        let with_password;
        let body = match (form, password) {
            (Form::Password | Form::PasswordBack, Some(password)) => {
                with_password = step.body.as_ref().map(|body| filled(body, password));
                with_password.as_ref()
            }
            (Form::Password | Form::PasswordBack, None) => {
                return Err(refusal::local(
                    "no-password",
                    "There was no new password to set, so I did not send it.",
                ));
            }
            _ => step.body.as_ref(),
        };
        let sent = self.graph().write(method, &step.path, body, client_request_id).await;
        let mut answer = sent.map_err(|error| refusal::told(error, form, password))?;
        if form == Form::PasswordBack {
            self.wait_for_reset(&step.path, &answer).await?;
        }
        let secret = (form == Form::Pass).then(|| pass_in(&mut answer)).flatten();
        Ok(Sent { request_id: answer.request_id, secret })
    }

    async fn look(&self, action: &Action, since: Timestamp) -> Result<Observed, LookError> {
        match self.in_place(action, since).await {
            Ok(true) => Ok(Observed::InPlace),
            Ok(false) => Ok(Observed::NotThere),
            Err(cause) => Err(LookError(cause.into())),
        }
    }
}

/// A body with the password in its place.
fn filled(body: &Value, password: &Secret) -> Value {
    match body {
        Value::String(text) if text == Step::NEW_PASSWORD => {
            Value::String(password.expose().to_owned())
        }
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), filled(value, password))).collect()
        }
        other => other.clone(),
    }
}

/// Takes the text of a new pass out of the answer, which alone carries it.
fn pass_in(answer: &mut Answer) -> Option<Secret> {
    let text = answer.body.as_object_mut()?.remove("temporaryAccessPass")?;
    match text {
        Value::String(text) if !text.is_empty() => Some(Secret::new(text)),
        _ => None,
    }
}
