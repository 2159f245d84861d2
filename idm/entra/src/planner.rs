//! Plans: fresh reads, every known obstacle by name, the exact requests, and what a human reads.
//!
//! Decides nothing about who may ask for what: policies do, from the facts that are read here.

mod account;
mod card;
mod explain;
mod facts;
mod group;
mod licence;
mod manager;
mod methods;
mod pass;
mod password;
mod profile;
mod session;
mod subject;
mod values;

use async_trait::async_trait;
use subtwin_confirm::{Planner, Refusal};
use subtwin_kernel::names::shown;
use subtwin_kernel::{Action, GroupId, Part, Person, Tool, UserId, Words};
use subtwin_policy::{Asker, GroupTarget, Target};
use uuid::Uuid;

use crate::entra::Entra;
use crate::graph::{GraphError, Read, Refused};
use crate::needs::needs;
use crate::wire::Object;

#[async_trait]
impl Planner for Entra {
    async fn asker(&self, who: UserId, groups: &[GroupId]) -> Result<Asker, Refusal> {
        self.facts_of_asker(who, groups).await
    }

    async fn target(&self, action: &Action) -> Result<(Target, Option<GroupTarget>), Refusal> {
        self.facts_of_target(action).await
    }

    async fn parts(
        &self,
        action: &Action,
        requester: &Asker,
        before: &[Part],
    ) -> Result<Vec<Part>, Refusal> {
        self.available(action.tool())?;
        match action {
            Action::UserFind { .. } | Action::SigninExplain { .. } => Err(impossible(
                "read-only",
                "That only reads and changes nothing, so there is nothing to confirm.",
            )),
            Action::PasswordReset { person } => {
                self.reset_password(*person, requester).await.map(one)
            }
            Action::TapIssue { person, minutes, reusable } => {
                self.issue_pass(*person, *minutes, *reusable, requester).await.map(one)
            }
            Action::TapWithdraw { person } => self.withdraw_pass(*person).await.map(one),
            Action::MfaReset { person } => self.reset_methods(*person, requester).await,
            Action::MethodRemove { person, method } => {
                self.remove_method(*person, method, requester).await.map(one)
            }
            Action::SessionRevoke { person } => self.revoke_sessions(*person).await.map(one),
            Action::AccountBlock { person } => self.block(*person, before).await.map(one),
            Action::AccountUnblock { person } => self.unblock(*person).await.map(one),
            Action::LicenseAssign { person, sku, disabled_plans } => {
                self.assign_licence(*person, *sku, disabled_plans, before).await.map(one)
            }
            Action::LicenseRemove { person, sku } => {
                self.remove_licence(*person, *sku).await.map(one)
            }
            Action::GroupMemberAdd { person, group } => {
                self.add_member(*person, *group, before).await.map(one)
            }
            Action::GroupMemberRemove { person, group } => {
                self.remove_member(*person, *group, before).await.map(one)
            }
            Action::UserUpdate { person, set } => self.update_profile(*person, set).await.map(one),
            Action::ManagerSet { person, manager } => {
                self.set_manager(*person, *manager).await.map(one)
            }
        }
    }

    async fn approvers(&self) -> Result<Vec<UserId>, Refusal> {
        self.listed_approvers().await
    }

    fn appears_as(&self) -> String {
        let twin = &self.0.twin;
        with_upn(&shown(&twin.display_name), &shown(&twin.upn))
    }
}

impl Entra {
    /// The answer to what only reads: who somebody is, or why they cannot sign in. Whether the
    /// requester may have it was decided before.
    ///
    /// # Errors
    /// When the person is gone, the directory does not answer or does not let the twin read it, or
    /// when the action is none that only reads.
    pub async fn read(&self, action: &Action) -> Result<Words, Refusal> {
        self.available(action.tool())?;
        match action {
            Action::UserFind { person } => self.card(*person).await.map(|card| card.words()),
            Action::SigninExplain { person } => self.explain(*person).await,
            Action::PasswordReset { .. }
            | Action::TapIssue { .. }
            | Action::TapWithdraw { .. }
            | Action::MfaReset { .. }
            | Action::MethodRemove { .. }
            | Action::SessionRevoke { .. }
            | Action::AccountBlock { .. }
            | Action::AccountUnblock { .. }
            | Action::LicenseAssign { .. }
            | Action::LicenseRemove { .. }
            | Action::GroupMemberAdd { .. }
            | Action::GroupMemberRemove { .. }
            | Action::UserUpdate { .. }
            | Action::ManagerSet { .. } => {
                Err(impossible("not-a-question", "That changes something, so I must ask first."))
            }
        }
    }

    fn available(&self, tool: Tool) -> Result<(), Refusal> {
        match needs(tool).keeps_out(self.0.twin.kind) {
            Some(why) => Err(impossible("agent-account", why)),
            None => Ok(()),
        }
    }

    /// The groups, roles and units somebody is a direct member of. Read from the person's side,
    /// because `checkMemberGroups` would also count groups inside groups.
    pub(crate) async fn memberships(&self, person: UserId) -> Result<Vec<Object>, GraphError> {
        let read = Read::at(format!("/v1.0/users/{person}/memberOf"))
            .option("$select", "id,displayName")
            .option("$top", "999");
        self.graph().list(&read, 10).await
    }
}

fn one(part: Part) -> Vec<Part> {
    vec![part]
}

/// "Sarah Miller (sarah@contoso.com)": a display name is never shown alone.
fn named(person: &Person) -> String {
    with_upn(&person.display_name, &shown(&person.upn))
}

fn with_upn(name: &str, upn: &str) -> String {
    if name == upn { upn.to_owned() } else { format!("{name} ({upn})") }
}

/// The target line of a summary. The department is always there, so that namesakes are told apart
/// without another read.
fn target_line(person: &Person) -> String {
    match &person.department {
        Some(department) => format!("{}, {department}", named(person)),
        None => named(person),
    }
}

fn impossible(code: &'static str, reason: impl Into<String>) -> Refusal {
    Refusal::Impossible { code, reason: reason.into() }
}

fn no_such_group() -> Refusal {
    impossible("no-such-group", "That group is not in the directory any more.")
}

/// Nobody renews their own credentials through the twin.
fn not_ones_own(person: UserId, requester: &Asker) -> Result<(), Refusal> {
    if requester.id == person {
        return Err(impossible(
            "own-credential",
            "Your own credentials I do not change, whoever you are. Somebody else must ask for that.",
        ));
    }
    Ok(())
}

/// What the on-premises directory masters is not changed here.
fn synced(person: &Person, what: &str) -> Refusal {
    impossible(
        "synced-person",
        format!(
            "{} comes from the on-premises directory, so {what} must be changed there; the change \
             arrives with the next sync.",
            named(person)
        ),
    )
}

fn unavailable(doing: &'static str, cause: GraphError) -> Refusal {
    match cause.refused() {
        Some(Refused { status: 403, .. }) => impossible(
            "twin-may-not-read",
            format!(
                "I am not allowed to read what I need for this ({doing}). An administrator must \
                 give me the permission or the role; docs/admin lists what each tool needs."
            ),
        ),
        _ => Refusal::Unavailable { doing, cause: cause.into() },
    }
}

/// "one, two and three".
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn contains(objects: &[Object], id: Uuid) -> bool {
    objects.iter().any(|object| object.id == id)
}

/// "2026-09-01 10:00 UTC".
fn when(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_like_a_sentence() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&names), "a, b and c");
        assert_eq!(listed(&names[..2]), "a and b");
        assert_eq!(listed(&names[..1]), "a");
    }

    #[test]
    fn a_name_that_is_the_upn_is_not_said_twice() {
        assert_eq!(with_upn("Sarah", "sarah@contoso.com"), "Sarah (sarah@contoso.com)");
        assert_eq!(with_upn("sarah@contoso.com", "sarah@contoso.com"), "sarah@contoso.com");
    }
}
