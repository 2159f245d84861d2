//! Keeping an account from signing in, and letting it sign in again.

use futures_util::future::try_join;
use jiff::Timestamp;
use serde_json::{Value, json};
use subtwin_confirm::Refusal;
use subtwin_kernel::names::shown;
use subtwin_kernel::{Action, Inverse, Method, Part, Step, UserId};

use super::subject::Draft;
use super::{synced, unavailable, when};
use crate::entra::Entra;
use crate::graph::{GraphError, Read, literal};
use crate::wire::{AuditEntry, Found, User};

impl Entra {
    pub(super) async fn block(&self, person: UserId, before: &[Part]) -> Result<Part, Refusal> {
        let subject = self.subject(person, User::SELECT).await?;
        if !subject.person.enabled {
            return Err(Refusal::AlreadySo(format!("{} is already blocked.", subject.named())));
        }
        if subject.person.synced {
            return Err(synced(&subject.person, "whether they may sign in"));
        }
        let mut consequences = vec![
            format!("Nobody can sign in as {} any more.", subject.name()),
            "Mail still arrives, licences stay assigned, and whoever was given access to their \
             mailbox or files keeps it."
                .to_owned(),
        ];
        let signed_out = before.iter().any(
            |part| matches!(part.action, Action::SessionRevoke { person: of } if of == person),
        );
        // Known only for what comes earlier in the plan; what follows may end them, too.
        if !signed_out {
            consequences.push(
                "What is signed in now stays so until its access runs out, often about an hour. Only \
                 signing them out everywhere ends it at once: ask for that in the same request."
                    .to_owned(),
            );
        }
        Ok(subject.part(
            Action::AccountBlock { person },
            enabled_step(person, false),
            Draft {
                headline: format!("Block the account of {}.", subject.named()),
                object: None,
                before: "The account can sign in.".to_owned(),
                after: "The account cannot sign in.".to_owned(),
                consequences,
                undo: "The account can be unblocked again.".to_owned(),
            },
            Inverse::Action(Action::AccountUnblock { person }),
        ))
    }

    pub(super) async fn unblock(&self, person: UserId) -> Result<Part, Refusal> {
        let blocked = async {
            self.blocked_by(person)
                .await
                .map_err(|cause| unavailable("looking up who blocked the account", cause))
        };
        let (subject, blocked) = try_join(self.subject(person, User::SELECT), blocked).await?;
        if subject.person.enabled {
            return Err(Refusal::AlreadySo(format!("{} is not blocked.", subject.named())));
        }
        if subject.person.synced {
            return Err(synced(&subject.person, "whether they may sign in"));
        }
        Ok(subject.part(
            Action::AccountUnblock { person },
            enabled_step(person, true),
            Draft {
                headline: format!("Unblock the account of {}.", subject.named()),
                object: None,
                before: match blocked {
                    Some((at, by)) => {
                        format!("The account cannot sign in: blocked on {} by {by}.", when(at))
                    }
                    None => {
                        "The account cannot sign in. The tenant's log does not show since when \
                             or who blocked it."
                            .to_owned()
                    }
                },
                after: "The account can sign in, with the password and methods it had.".to_owned(),
                consequences: vec![format!(
                    "{} gets back whatever access the account still has.",
                    subject.name()
                )],
                undo: "The account can be blocked again; what was done meanwhile stays.".to_owned(),
            },
            Inverse::Action(Action::AccountBlock { person }),
        ))
    }

    /// When an account was last blocked and by whom, as far as the tenant's log goes back. Not
    /// known where the log may not be read, or where the account was unblocked since, so that
    /// something else than a logged change must have blocked it again.
    async fn blocked_by(&self, person: UserId) -> Result<Option<(Timestamp, String)>, GraphError> {
        let (blocked, unblocked) = try_join(
            self.last_entry(person, "Disable account"),
            self.last_entry(person, "Enable account"),
        )
        .await?;
        let since = unblocked.map(|entry| entry.activity_date_time);
        let blocked = blocked.filter(|entry| Some(entry.activity_date_time) > since);
        Ok(blocked.map(|entry| (entry.activity_date_time, shown(&entry.actor()))))
    }

    /// The latest entry of that name about somebody.
    async fn last_entry(
        &self,
        person: UserId,
        activity: &str,
    ) -> Result<Option<AuditEntry>, GraphError> {
        let filter = format!(
            "activityDisplayName eq {} and targetResources/any(t:t/id eq {})",
            literal(activity),
            literal(&person.to_string())
        );
        let read = Read::at("/v1.0/auditLogs/directoryAudits")
            .option("$filter", &filter)
            .option("$top", "10");
        let found = match self.graph().get::<Found<Value>>(&read).await {
            Ok(found) => found.value,
            Err(error) if error.refused().is_some() => return Ok(None),
            Err(error) => return Err(error),
        };
        let entries = found
            .into_iter()
            .filter_map(|raw| serde_json::from_value::<AuditEntry>(raw).ok())
            .filter(AuditEntry::succeeded);
        Ok(entries.max_by_key(|entry| entry.activity_date_time))
    }
}

fn enabled_step(person: UserId, enabled: bool) -> Step {
    Step {
        method: Method::Patch,
        path: format!("/v1.0/users/{person}"),
        body: Some(json!({"accountEnabled": enabled})),
    }
}
