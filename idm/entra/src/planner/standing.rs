use futures_util::future::try_join;
use serde::Deserialize;
use serde_json::json;
use subtwin_confirm::Refusal;
use subtwin_kernel::{Person, UserId};

use super::unavailable;
use crate::entra::Entra;
use crate::graph::{GraphError, Read};
use crate::wire::User;

/// Where the requester stands, read anew for every plan.
#[derive(Debug)]
pub(super) struct Standing {
    requester: Option<Person>,
    helpdesk: bool,
}

#[derive(Deserialize)]
struct Ids {
    value: Vec<String>,
}

impl Standing {
    /// Colleagues who can sign in. Guests and disabled accounts ask for nothing.
    pub(super) fn colleague(&self) -> Result<(), Refusal> {
        match &self.requester {
            Some(person) if person.enabled && !person.guest => Ok(()),
            _ => Err(refused()),
        }
    }

    /// Helpdesk people only.
    pub(super) fn helpdesk(&self) -> Result<(), Refusal> {
        self.helpdesk_or(false)
    }

    /// Helpdesk people, and whoever stands in the named relation to the target.
    pub(super) fn helpdesk_or(&self, related: bool) -> Result<(), Refusal> {
        self.colleague()?;
        if self.helpdesk || related { Ok(()) } else { Err(refused()) }
    }
}

impl Entra {
    pub(super) async fn standing(&self, requester: UserId) -> Result<Standing, Refusal> {
        let read = Read::at(format!("/v1.0/users/{requester}")).option("$select", User::SELECT);
        let person = self.graph().find::<User>(&read);
        let (person, helpdesk) = try_join(person, self.is_helpdesk(requester))
            .await
            .map_err(|cause| unavailable("looking up who is asking", cause))?;
        Ok(Standing { requester: person.map(|user| user.person()), helpdesk })
    }

    async fn is_helpdesk(&self, requester: UserId) -> Result<bool, GraphError> {
        let helpdesk = &self.0.helpdesk;
        if helpdesk.people.contains(&requester) {
            return Ok(true);
        }
        let Some(group) = helpdesk.group else { return Ok(false) };
        let path = format!("/v1.0/users/{requester}/checkMemberGroups");
        let group = group.to_string();
        match self.graph().ask::<Ids>(&path, &json!({"groupIds": [group]})).await {
            Ok(found) => Ok(found.value.iter().any(|id| id.eq_ignore_ascii_case(&group))),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// One sentence for every reason: it teaches nobody whom to imitate.
pub(super) fn refused() -> Refusal {
    Refusal::NotAllowed {
        reason: "I am sorry, I may not do that for you. Please ask your helpdesk.".to_owned(),
    }
}
