//! Plans: fresh reads, every known obstacle by name, the exact requests, and what a human reads.

mod card;
mod group;
mod licence;
mod session;
mod standing;

use async_trait::async_trait;
use subtwin_confirm::{Planner, Refusal};
use subtwin_kernel::{Action, Person, Plan, Tool, UserId};
use uuid::Uuid;

use crate::entra::Entra;
use crate::graph::{GraphError, Read, Refused};
use crate::needs::needs;
use crate::wire::{Object, User};

pub use card::PersonCard;

#[async_trait]
impl Planner for Entra {
    async fn plan(&self, action: &Action, requester: UserId) -> Result<Plan, Refusal> {
        if self.is_twin(requester) {
            return Err(standing::refused());
        }
        if let Some(why) = needs(action.tool()).keeps_out(self.0.twin.kind) {
            return Err(impossible("agent-account", why));
        }
        if self.is_twin(action.person()) && action.tool() != Tool::UserFind {
            return Err(impossible(
                "target-is-twin",
                "That is me. I do not change my own account; please ask an administrator.",
            ));
        }
        match *action {
            Action::UserFind { .. } => Err(impossible(
                "read-only",
                "Looking somebody up changes nothing, so there is nothing to confirm.",
            )),
            Action::LicenseAssign { person, sku } => self.plan_assign(person, sku, requester).await,
            Action::LicenseRemove { person, sku } => self.plan_remove(person, sku, requester).await,
            Action::GroupMemberAdd { person, group } => {
                self.plan_add(person, group, requester).await
            }
            Action::GroupMemberRemove { person, group } => {
                self.plan_take_out(person, group, requester).await
            }
            Action::SessionRevoke { person } => self.plan_revoke(person, requester).await,
        }
    }
}

impl Entra {
    /// The person an action is about, with their licences.
    async fn target(&self, person: UserId) -> Result<User, Refusal> {
        let read =
            Read::at(format!("/v1.0/users/{person}")).option("$select", User::SELECT_LICENCES);
        let found = self.graph().find(&read).await;
        found.map_err(|cause| unavailable("looking the person up", cause))?.ok_or_else(|| {
            impossible("no-such-person", "That person is not in the directory any more.")
        })
    }

    /// The groups, roles and units somebody is a direct member of. Read from the person's side,
    /// because `checkMemberGroups` would also count groups inside groups.
    pub(crate) async fn memberships(&self, person: UserId) -> Result<Vec<Object>, GraphError> {
        let read = Read::at(format!("/v1.0/users/{person}/memberOf"))
            .option("$select", "id,displayName")
            .option("$top", "999");
        self.graph().list(&read, 10).await
    }

    /// Whose name the tenant's log will show.
    fn appears_as(&self) -> String {
        let twin = &self.0.twin;
        with_upn(&twin.display_name, &twin.upn)
    }
}

/// "Sarah Miller (sarah@contoso.com)": a display name is never shown alone.
fn named(person: &Person) -> String {
    with_upn(&person.display_name, &person.upn)
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

/// What is worth knowing about the account before saying yes.
fn account_notes(person: &Person) -> Vec<String> {
    let mut notes = Vec::new();
    if person.guest {
        notes.push(format!("{} is a guest from outside the organisation.", person.display_name));
    }
    if !person.enabled {
        notes.push(format!(
            "The account of {} is disabled: nobody can sign in with it until it is enabled.",
            person.display_name
        ));
    }
    notes
}

fn impossible(code: &'static str, reason: impl Into<String>) -> Refusal {
    Refusal::Impossible { code, reason: reason.into() }
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
