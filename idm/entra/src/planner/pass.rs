//! Temporary access passes.

use futures_util::future::try_join3;
use serde::Deserialize;
use serde_json::json;
use subtwin_confirm::Refusal;
use subtwin_kernel::names::shown;
use subtwin_kernel::{Action, GroupId, Inverse, Method, MethodKind, MethodRef, Part, Step, UserId};
use subtwin_policy::Asker;

use super::subject::{Draft, Subject};
use super::{impossible, not_ones_own, unavailable};
use crate::entra::Entra;
use crate::graph::{GraphError, Read};
use crate::methods::method_path;
use crate::wire::User;

/// The tenant's policy for passes (Graph page
/// "temporaryAccessPassAuthenticationMethodConfiguration").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    state: Option<String>,
    is_usable_once: Option<bool>,
    minimum_lifetime_in_minutes: Option<u32>,
    maximum_lifetime_in_minutes: Option<u32>,
    include_targets: Option<Vec<PolicyTarget>>,
    exclude_targets: Option<Vec<PolicyTarget>>,
}

#[derive(Debug, Deserialize)]
struct PolicyTarget {
    id: Option<String>,
}

impl Entra {
    pub(super) async fn issue_pass(
        &self,
        person: UserId,
        minutes: u32,
        reusable: bool,
        requester: &Asker,
    ) -> Result<Part, Refusal> {
        not_ones_own(person, requester)?;
        let doing = "reading the policy for access passes";
        let policy = async { self.pass_policy().await.map_err(|cause| unavailable(doing, cause)) };
        let (subject, policy, passes) =
            try_join3(self.subject(person, User::SELECT), policy, self.held_passes(person)).await?;
        if subject.person.guest {
            return Err(impossible(
                "guest-person",
                format!(
                    "{} is a guest, who signs in at their own organisation; a guest cannot have an \
                     access pass.",
                    subject.named()
                ),
            ));
        }
        match &policy {
            Some(policy) => {
                self.allows(policy, &subject).await?;
                within(policy, minutes, reusable)?;
            }
            None => within_bounds(minutes, LEAST, MOST)?,
        }
        if passes.iter().any(crate::methods::Method::pass_lives) {
            return Err(impossible(
                "tap-exists",
                format!(
                    "{} has an access pass already that has not been used up, and nobody can have \
                     two. Its text cannot be shown again; wait until it expires, or have it \
                     withdrawn first.",
                    subject.named()
                ),
            ));
        }
        let uses = if reusable { "as often as they like" } else { "once" };
        let mut consequences = vec![
            format!(
                "Whoever has it can sign in as {}, and it counts as the second factor, too.",
                subject.named()
            ),
            format!("I show it once, to {} in their own chat with me.", shown(&requester.upn)),
        ];
        if policy.is_none() {
            consequences.push(
                "I am not allowed to read the policy for access passes, so the directory may still \
                 refuse it."
                    .to_owned(),
            );
        }
        let undo = "It can be withdrawn while it is valid, which also signs them out; what was \
                    done with it meanwhile stays.";
        Ok(subject.part(
            Action::TapIssue { person, minutes, reusable },
            Step {
                method: Method::Post,
                path: format!("/v1.0/users/{person}/authentication/temporaryAccessPassMethods"),
                body: Some(json!({"lifetimeInMinutes": minutes, "isUsableOnce": !reusable})),
            },
            Draft {
                headline: format!(
                    "Issue an access pass for {}, valid for {minutes} minutes.",
                    subject.named()
                ),
                object: Some("temporary access pass".to_owned()),
                before: "No access pass that works.".to_owned(),
                after: format!("One that works for {minutes} minutes from then on, {uses}."),
                consequences,
                undo: undo.to_owned(),
            },
            Inverse::Action(Action::TapWithdraw { person }),
        ))
    }

    pub(super) async fn withdraw_pass(&self, person: UserId) -> Result<Part, Refusal> {
        let (subject, passes) = futures_util::future::try_join(
            self.subject(person, User::SELECT),
            self.held_passes(person),
        )
        .await?;
        let Some(pass) = passes.into_iter().find(crate::methods::Method::pass_lives) else {
            return Err(Refusal::AlreadySo(format!(
                "{} has no access pass that works.",
                subject.named()
            )));
        };
        let method = MethodRef { kind: MethodKind::TemporaryAccessPass, id: pass.id };
        let undo = "It cannot be brought back; another one can be issued.";
        Ok(subject.part(
            Action::MethodRemove { person, method: method.clone() },
            Step { method: Method::Delete, path: method_path(person, &method), body: None },
            Draft {
                headline: format!("Withdraw the access pass of {}.", subject.named()),
                object: Some("temporary access pass".to_owned()),
                before: "An access pass that has not been used up.".to_owned(),
                after: "No access pass.".to_owned(),
                consequences: vec!["They are signed out everywhere.".to_owned()],
                undo: undo.to_owned(),
            },
            Inverse::None(undo.to_owned()),
        ))
    }

    async fn held_passes(&self, person: UserId) -> Result<Vec<crate::methods::Method>, Refusal> {
        match self.passes(person).await {
            Ok(passes) => Ok(passes),
            // The person is gone; the read of the person says so in better words.
            Err(cause) if cause.is_not_found() => Ok(Vec::new()),
            Err(cause) => Err(unavailable("looking at the person's access passes", cause)),
        }
    }

    /// The policy, unless the twin may not read it: the roles that issue passes and those that
    /// read the policy are not the same.
    async fn pass_policy(&self) -> Result<Option<Policy>, GraphError> {
        let read = Read::at(
            "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/\
             TemporaryAccessPass",
        );
        match self.graph().find(&read).await {
            Err(error) if error.refused().is_some_and(|refused| refused.status == 403) => Ok(None),
            read => read,
        }
    }

    /// Refuses people for whom the policy has no passes.
    async fn allows(&self, policy: &Policy, subject: &Subject) -> Result<(), Refusal> {
        let off = |who: &str| {
            impossible(
                "tap-policy-off",
                format!(
                    "Access passes are switched off for {who}. Whoever looks after the \
                     authentication methods policy can switch them on."
                ),
            )
        };
        let enabled = policy.state.as_deref().is_some_and(|it| it.eq_ignore_ascii_case("enabled"));
        if !enabled {
            return Err(off("this organisation"));
        }
        let groups = |targets: &Option<Vec<PolicyTarget>>| -> Vec<GroupId> {
            let ids = targets.iter().flatten().filter_map(|target| target.id.as_deref());
            ids.filter_map(|id| id.parse().ok()).collect()
        };
        let (included, excluded) =
            (groups(&policy.include_targets), groups(&policy.exclude_targets));
        let everybody = policy
            .include_targets
            .iter()
            .flatten()
            .any(|target| target.id.as_deref().is_some_and(|id| id == EVERYBODY));
        if excluded.is_empty() && everybody {
            return Ok(());
        }
        let all: Vec<GroupId> = included.iter().chain(&excluded).copied().collect();
        let inside = self.groups_among(subject.person.id, &all).await.map_err(|cause| {
            unavailable("looking whom the policy for access passes covers", cause)
        })?;
        let covered = everybody || included.iter().any(|group| inside.contains(group));
        if !covered || excluded.iter().any(|group| inside.contains(group)) {
            return Err(off(&subject.named()));
        }
        Ok(())
    }
}

fn within(policy: &Policy, minutes: u32, reusable: bool) -> Result<(), Refusal> {
    if reusable && policy.is_usable_once.unwrap_or(false) {
        return Err(impossible(
            "tap-once-only",
            "The policy for access passes allows only those that work once. Ask me for one of \
             these.",
        ));
    }
    within_bounds(
        minutes,
        policy.minimum_lifetime_in_minutes.unwrap_or(LEAST).max(LEAST),
        policy.maximum_lifetime_in_minutes.unwrap_or(MOST).min(MOST),
    )
}

fn within_bounds(minutes: u32, least: u32, most: u32) -> Result<(), Refusal> {
    if (least..=most).contains(&minutes) {
        return Ok(());
    }
    Err(impossible(
        "tap-lifetime",
        format!(
            "An access pass lasts between {least} and {most} minutes here, not {minutes}. Ask me \
             for a time within that."
        ),
    ))
}

/// Stands for all users among a policy's targets.
const EVERYBODY: &str = "all_users";
/// The bounds that no policy goes beyond, in minutes (Graph page
/// "temporaryAccessPassAuthenticationMethod").
const LEAST: u32 = 10;
const MOST: u32 = 43_200;
