//! Whether an action's effect is in place.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use subtwin_kernel::{Action, MethodKind, Property, SkuId, UserId};
use uuid::Uuid;

use crate::entra::Entra;
use crate::graph::{GraphError, Read};
use crate::methods::{Method, Sort};
use crate::profile::Profile;
use crate::wire::User;

impl Entra {
    pub(super) async fn in_place(
        &self,
        action: &Action,
        since: Timestamp,
    ) -> Result<bool, GraphError> {
        // Graph rounds to whole seconds, and its clock is not ours.
        let earliest = since.saturating_sub(SKEW).unwrap_or(since);
        let late = |at: Option<Timestamp>| at.is_some_and(|at| at >= earliest);
        match action {
            // What only reads has no effect that could be missing.
            Action::UserFind { .. } | Action::SigninExplain { .. } => Ok(true),
            Action::PasswordReset { person } => {
                let user = self.look_at(*person, "id,lastPasswordChangeDateTime").await?;
                Ok(late(user.last_password_change_date_time))
            }
            Action::TapIssue { person, .. } => {
                let passes = self.passes(*person).await?;
                Ok(passes.iter().any(|pass| late(pass.created_date_time)))
            }
            Action::TapWithdraw { person } => {
                Ok(!self.passes(*person).await?.iter().any(Method::pass_lives))
            }
            Action::MfaReset { person } => Ok(!self.methods(*person).await?.iter().any(is_way_in)),
            Action::MethodRemove { person, method } => {
                self.has_method(*person, method).await.map(|has| !has)
            }
            Action::SessionRevoke { person } => {
                let user = self.look_at(*person, "id,signInSessionsValidFromDateTime").await?;
                Ok(late(user.sign_in_sessions_valid_from_date_time))
            }
            Action::AccountBlock { person } => self.is_enabled(*person).await.map(|it| !it),
            Action::AccountUnblock { person } => self.is_enabled(*person).await,
            Action::LicenseAssign { person, sku, .. } => self.has_licence(*person, *sku).await,
            Action::LicenseRemove { person, sku } => {
                Ok(self.look_at_licences(*person).await?.direct(*sku).is_none())
            }
            Action::GroupMemberAdd { person, group } => self.is_in(*person, group.guid()).await,
            Action::GroupMemberRemove { person, group } => {
                self.is_in(*person, group.guid()).await.map(|member| !member)
            }
            Action::UserUpdate { person, set } => {
                let names: Vec<&str> = set.keys().map(|property| property.name()).collect();
                let read = Read::at(format!("/v1.0/users/{person}"))
                    .option("$select", &format!("id,{}", names.join(",")));
                let profile = Profile::new(self.graph().get::<Value>(&read).await?);
                let says = |(property, value): (&Property, &String)| {
                    profile.value(*property).is_some_and(|found| found == *value)
                };
                Ok(set.iter().all(says))
            }
            Action::ManagerSet { person, manager } => {
                let found = self.manager_of(*person).await?;
                Ok(found.map(|found| found.id) == *manager)
            }
        }
    }

    async fn look_at(&self, person: UserId, select: &str) -> Result<User, GraphError> {
        self.graph().get(&Read::at(format!("/v1.0/users/{person}")).option("$select", select)).await
    }

    async fn look_at_licences(&self, person: UserId) -> Result<User, GraphError> {
        self.look_at(person, "id,assignedLicenses,licenseAssignmentStates").await
    }

    async fn is_enabled(&self, person: UserId) -> Result<bool, GraphError> {
        Ok(self.look_at(person, "id,accountEnabled").await?.person().enabled)
    }

    async fn has_licence(&self, person: UserId, sku: SkuId) -> Result<bool, GraphError> {
        let user = self.look_at_licences(person).await?;
        Ok(user.direct(sku).is_some_and(|state| state.works()))
    }

    async fn is_in(&self, person: UserId, group: Uuid) -> Result<bool, GraphError> {
        Ok(self.memberships(person).await?.iter().any(|found| found.id == group))
    }
}

fn is_way_in(method: &Method) -> bool {
    match method.sort() {
        Sort::Password => false,
        Sort::Known(MethodKind::TemporaryAccessPass) => method.pass_lives(),
        Sort::Known(_) | Sort::Unknown(_) => true,
    }
}

const SKEW: SignedDuration = SignedDuration::from_secs(1);
