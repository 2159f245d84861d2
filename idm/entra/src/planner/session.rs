use subtwin_confirm::Refusal;
use subtwin_kernel::{Action, Inverse, Method, Part, Step, UserId};

use super::subject::Draft;
use crate::entra::Entra;
use crate::wire::User;

impl Entra {
    pub(super) async fn revoke_sessions(&self, person: UserId) -> Result<Part, Refusal> {
        let subject = self.subject(person, User::SELECT).await?;
        let mut consequences = vec![
            "They must sign in again on every device and in every app.".to_owned(),
            "Apps that are open now may keep working until their access runs out, up to about an \
             hour."
                .to_owned(),
        ];
        if subject.person.synced {
            consequences.push(
                "Sessions with the company's own servers (on premises) are not ended.".to_owned(),
            );
        }
        let undo = "There is nothing to undo: signing in again is enough.";
        Ok(subject.part(
            Action::SessionRevoke { person },
            Step {
                method: Method::Post,
                path: format!("/v1.0/users/{person}/revokeSignInSessions"),
                body: None,
            },
            Draft {
                headline: format!("Sign {} out everywhere.", subject.named()),
                object: None,
                before: "Sign-ins made until now are valid.".to_owned(),
                after: "No sign-in made before the change is valid.".to_owned(),
                consequences,
                undo: undo.to_owned(),
            },
            Inverse::None(undo.to_owned()),
        ))
    }
}
