//! Carries out a step of a plan, and looks whether an action's effect is in place.

mod form;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use subtwin_act::{Hands, LookError, Observed, SendError, Sent};
use subtwin_kernel::{Action, Method, SkuId, Step, UserId};
use uuid::Uuid;

use self::form::Form;
use crate::entra::Entra;
use crate::graph::{GraphError, Read, Refused};
use crate::token::TokenError;
use crate::wire::User;

#[async_trait]
impl Hands for Entra {
    async fn send(&self, step: &Step, client_request_id: Uuid) -> Result<Sent, SendError> {
        let Some(form) = Form::of(step, self.graph().address()) else {
            return Err(SendError::Refused {
                code: "not-in-catalog".to_owned(),
                reason: "That request is none that my tools can make, so I did not send it."
                    .to_owned(),
            });
        };
        let method = match step.method {
            Method::Post => reqwest::Method::POST,
            Method::Patch => reqwest::Method::PATCH,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let body = step.body.as_ref();
        match self.graph().write(method, &step.path, body, client_request_id).await {
            Ok(answer) => Ok(Sent { request_id: answer.request_id }),
            Err(error) => Err(told(error, form)),
        }
    }

    async fn look(&self, action: &Action, since: Timestamp) -> Result<Observed, LookError> {
        let in_place = match *action {
            // A lookup has no effect that could be missing.
            Action::UserFind { .. } => Ok(true),
            Action::LicenseAssign { person, sku } => self.has_licence(person, sku).await,
            Action::LicenseRemove { person, sku } => {
                self.look_at(person).await.map(|user| user.direct(sku).is_none())
            }
            Action::GroupMemberAdd { person, group } => self.is_in(person, group.guid()).await,
            Action::GroupMemberRemove { person, group } => {
                self.is_in(person, group.guid()).await.map(|member| !member)
            }
            Action::SessionRevoke { person } => self.look_at(person).await.map(|user| {
                // Graph rounds to whole seconds, and its clock is not ours.
                let earliest = since.saturating_sub(SKEW).unwrap_or(since);
                user.sign_in_sessions_valid_from_date_time.is_some_and(|from| from >= earliest)
            }),
        };
        match in_place {
            Ok(true) => Ok(Observed::InPlace),
            Ok(false) => Ok(Observed::NotThere),
            Err(cause) => Err(LookError(cause.into())),
        }
    }
}

impl Entra {
    async fn look_at(&self, person: UserId) -> Result<User, GraphError> {
        let read = Read::at(format!("/v1.0/users/{person}")).option(
            "$select",
            "id,assignedLicenses,licenseAssignmentStates,signInSessionsValidFromDateTime",
        );
        self.graph().get(&read).await
    }

    async fn has_licence(&self, person: UserId, sku: SkuId) -> Result<bool, GraphError> {
        let user = self.look_at(person).await?;
        Ok(user.direct(sku).is_some_and(|state| state.works()))
    }

    async fn is_in(&self, person: UserId, group: Uuid) -> Result<bool, GraphError> {
        Ok(self.memberships(person).await?.iter().any(|found| found.id == group))
    }
}

/// What a failed request means for the action.
fn told(error: GraphError, form: Form) -> SendError {
    match error {
        GraphError::Refused { refused, .. } => refusal(&refused, form),
        GraphError::Busy { after, .. } => SendError::Busy { after },
        // Nothing left this machine.
        GraphError::NotSent { .. } => SendError::Busy { after: None },
        GraphError::NoToken { cause, .. } => match &*cause {
            TokenError::Unavailable { after, .. } => SendError::Busy { after: *after },
            refused => SendError::Refused {
                code: "no-token".to_owned(),
                reason: format!(
                    "I could not sign in to the directory, so nothing happened: {}.",
                    std::error::Error::source(refused).unwrap_or(refused)
                ),
            },
        },
        unknown @ GraphError::Unknown { .. } => SendError::Unknown { cause: unknown.into() },
    }
}

fn refusal(refused: &Refused, form: Form) -> SendError {
    let says = |part: &str| refused.message.contains(part);
    let already = match form {
        Form::MemberAdd => refused.status == 400 && says("object references already exist"),
        Form::MemberRemove => {
            refused.status == 404
                || (refused.status == 400 && says("object references do not exist"))
        }
        Form::LicenceRemove => refused.status == 400 && says("not have a corresponding license"),
        Form::LicenceAdd | Form::Revoke => false,
    };
    if already {
        return SendError::AlreadySo;
    }
    let reason = if says("invalid usage location") {
        "The person has no usage location; an administrator must set it first.".to_owned()
    } else if says("any available licenses") {
        "No seat is free any more; free one or buy another.".to_owned()
    } else if says("inherited from a group") {
        "The licence comes from a group; remove the person from the group instead.".to_owned()
    } else if says("on-premises mastered") {
        "It is managed in the on-premises directory and must be changed there.".to_owned()
    } else if refused.status == 404 {
        "The directory does not know one of the two any more.".to_owned()
    } else if refused.status == 403 {
        format!(
            "The directory does not let me. I need {}, or the target is protected.",
            form.requirement()
        )
    } else if refused.status == 401 {
        "The directory does not accept my sign-in any more; an administrator must renew it."
            .to_owned()
    } else {
        format!("The directory said no: {}", refused.message)
    };
    SendError::Refused { code: refused.code.clone(), reason }
}

const SKEW: SignedDuration = SignedDuration::from_secs(1);
