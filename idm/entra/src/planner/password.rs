use serde_json::json;
use subtwin_confirm::Refusal;
use subtwin_kernel::names::shown;
use subtwin_kernel::{Action, Inverse, Method, Part, Step, UserId};
use subtwin_policy::Asker;

use super::subject::Draft;
use super::{impossible, not_ones_own, when};
use crate::entra::Entra;
use crate::methods::PASSWORD_METHOD;
use crate::wire::User;

impl Entra {
    pub(super) async fn reset_password(
        &self,
        person: UserId,
        requester: &Asker,
    ) -> Result<Part, Refusal> {
        not_ones_own(person, requester)?;
        let subject = self.subject(person, User::SELECT_PASSWORD).await?;
        if subject.person.guest {
            return Err(impossible(
                "guest-person",
                format!(
                    "{} is a guest: their password is kept by their own organisation, which alone \
                     can reset it.",
                    subject.named()
                ),
            ));
        }
        let mut consequences = vec![
            "It must be changed at the next sign-in.".to_owned(),
            format!(
                "I show the new password once, to {} in their own chat with me.",
                shown(&requester.upn)
            ),
            "Whoever has it can sign in as them where no second factor is asked for.".to_owned(),
            "They are signed out everywhere.".to_owned(),
        ];
        if subject.person.synced {
            consequences.push(
                "It is written back to the on-premises directory, whose rules it must meet and \
                 which may still refuse it."
                    .to_owned(),
            );
        }
        let undo = "It cannot be undone: nobody can bring the old password back.";
        Ok(subject.part(
            Action::PasswordReset { person },
            reset_step(person, subject.person.synced),
            Draft {
                headline: format!("Set a new password for {}.", subject.named()),
                object: None,
                before: match subject.user.last_password_change_date_time {
                    Some(at) => format!("The password was last changed on {}.", when(at)),
                    None => "The password they have now.".to_owned(),
                },
                after: "A new one, which I make up when I set it.".to_owned(),
                consequences,
                undo: undo.to_owned(),
            },
            Inverse::None(undo.to_owned()),
        ))
    }
}

/// A password mastered on premises is written back, which only the method API does.
fn reset_step(person: UserId, synced: bool) -> Step {
    if synced {
        Step {
            method: Method::Post,
            path: format!(
                "/v1.0/users/{person}/authentication/methods/{PASSWORD_METHOD}/resetPassword"
            ),
            body: Some(json!({"newPassword": Step::NEW_PASSWORD})),
        }
    } else {
        Step {
            method: Method::Patch,
            path: format!("/v1.0/users/{person}"),
            body: Some(json!({"passwordProfile": {
                "forceChangePasswordNextSignIn": true,
                "password": Step::NEW_PASSWORD,
            }})),
        }
    }
}
