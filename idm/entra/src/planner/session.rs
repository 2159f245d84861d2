use futures_util::future::{try_join, try_join3};
use subtwin_confirm::Refusal;
use subtwin_kernel::{Action, Method, Plan, Step, Summary, UserId};

use super::{account_notes, impossible, named, target_line, unavailable};
use crate::entra::Entra;
use crate::graph::{GraphError, Read};
use crate::wire::{Found, Object};

impl Entra {
    pub(super) async fn plan_revoke(
        &self,
        person: UserId,
        requester: UserId,
    ) -> Result<Plan, Refusal> {
        let privileged = async {
            match self.is_privileged(person).await {
                Ok(privileged) => Ok(privileged),
                // The person is gone; the read of the person says so in better words.
                Err(cause) if cause.is_not_found() => Ok(false),
                Err(cause) => Err(unavailable("looking at the person's roles", cause)),
            }
        };
        let (standing, user, privileged) =
            try_join3(self.standing(requester), self.target(person), privileged).await?;
        standing.helpdesk_or(requester == person)?;
        let target = user.person();
        if privileged {
            return Err(impossible(
                "privileged-person",
                format!(
                    "{} has an administrator role, or could get one through a group. Only a \
                     Privileged Authentication Administrator may sign them out.",
                    named(&target)
                ),
            ));
        }
        let mut consequences = vec![
            "They must sign in again on every device and in every app.".to_owned(),
            "Apps that are open now may keep working until their access runs out, up to about an \
             hour."
                .to_owned(),
        ];
        if target.synced {
            consequences.push(
                "Sessions with the company's own servers (on premises) are not ended.".to_owned(),
            );
        }
        consequences.extend(account_notes(&target));
        Ok(Plan {
            action: Action::SessionRevoke { person },
            steps: vec![Step {
                method: Method::Post,
                path: format!("/v1.0/users/{person}/revokeSignInSessions"),
                body: None,
            }],
            summary: Summary {
                headline: format!("Sign {} out everywhere.", named(&target)),
                target: target_line(&target),
                object: None,
                before: "Sign-ins made until now are valid.".to_owned(),
                after: "No sign-in made before the change is valid.".to_owned(),
                consequences,
                undo: "There is nothing to undo: signing in again is enough.".to_owned(),
                appears_as: self.appears_as(),
            },
        })
    }

    /// Whether somebody holds an active administrator role, or is in, or owns, a group that can
    /// carry one. Roles they are only eligible for do not show.
    async fn is_privileged(&self, person: UserId) -> Result<bool, GraphError> {
        let roles = Read::at(format!(
            "/v1.0/users/{person}/transitiveMemberOf/microsoft.graph.directoryRole"
        ))
        .option("$select", "id,displayName,roleTemplateId");
        let groups = |relation: &str| {
            Read::at(format!("/v1.0/users/{person}/{relation}/microsoft.graph.group"))
                .option("$select", "id,displayName,isAssignableToRole")
                .option("$top", "999")
        };
        let (member, owned) = (groups("transitiveMemberOf"), groups("ownedObjects"));
        let (roles, (member, owned)) = try_join(
            self.graph().get::<Found<Object>>(&roles),
            try_join(
                self.graph().list::<Object>(&member, 10),
                self.graph().list::<Object>(&owned, 10),
            ),
        )
        .await?;
        Ok(!roles.value.is_empty() || member.iter().chain(&owned).any(Object::carries_roles))
    }
}
