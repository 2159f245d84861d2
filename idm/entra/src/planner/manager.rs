use futures_util::future::{try_join, try_join3};
use serde_json::json;
use subtwin_confirm::Refusal;
use subtwin_kernel::{Action, Inverse, Method, Part, Person, Step, UserId};

use super::subject::{Draft, Subject};
use super::{impossible, named, synced, unavailable};
use crate::entra::Entra;
use crate::wire::User;

impl Entra {
    pub(super) async fn set_manager(
        &self,
        person: UserId,
        manager: Option<UserId>,
    ) -> Result<Part, Refusal> {
        let doing = "looking up the person's manager";
        let old =
            async { self.manager_of(person).await.map_err(|cause| unavailable(doing, cause)) };
        let subject = self.subject(person, User::SELECT);
        let Some(manager) = manager else {
            let (subject, old) = try_join(subject, old).await?;
            return no_manager(&subject, person, old);
        };
        if manager == person {
            return Err(impossible("own-manager", "Nobody is their own manager."));
        }
        let (subject, old, (new, above)) =
            try_join3(subject, old, self.new_manager(manager)).await?;
        if old.as_ref().is_some_and(|old| old.id == manager) {
            return Err(Refusal::AlreadySo(format!(
                "The manager of {} is already {}.",
                subject.named(),
                named(&new)
            )));
        }
        if subject.person.synced {
            return Err(synced(&subject.person, "the manager"));
        }
        if above.is_some_and(|above| above.id == person) {
            return Err(impossible(
                "manager-circle",
                format!(
                    "{} is the manager of {}; the two cannot be each other's managers. Change the \
                     other one first.",
                    subject.named(),
                    named(&new)
                ),
            ));
        }
        let mut consequences = vec![
            "What goes to somebody's manager (approvals, reviews, the organisation chart) goes to \
             the new one, who may also ask me for what a manager may."
                .to_owned(),
        ];
        if !new.enabled {
            consequences.push(format!("The account of {} is disabled.", named(&new)));
        }
        if new.guest {
            consequences.push(format!("{} is a guest from outside the organisation.", named(&new)));
        }
        let link = format!("{}/v1.0/users/{manager}", self.graph().address());
        Ok(subject.part(
            Action::ManagerSet { person, manager: Some(manager) },
            Step {
                method: Method::Put,
                path: format!("/v1.0/users/{person}/manager/$ref"),
                body: Some(json!({"@odata.id": link})),
            },
            Draft {
                headline: format!("Make {} the manager of {}.", named(&new), subject.named()),
                object: Some(format!("manager {}", named(&new))),
                before: said(old.as_ref()),
                after: said(Some(&new)),
                consequences,
                undo: match &old {
                    Some(old) => format!("{} can be made the manager again.", named(old)),
                    None => "The manager can be taken away again.".to_owned(),
                },
            },
            Inverse::Action(Action::ManagerSet { person, manager: old.map(|old| old.id) }),
        ))
    }

    /// The manager to be, and theirs.
    async fn new_manager(&self, manager: UserId) -> Result<(Person, Option<Person>), Refusal> {
        let doing = "looking up the new manager";
        let read = try_join(self.person_by_id(manager), self.manager_of(manager)).await;
        let (new, above) = read.map_err(|cause| unavailable(doing, cause))?;
        let new = new.ok_or_else(|| {
            impossible("no-such-manager", "The new manager is not in the directory any more.")
        })?;
        Ok((new, above))
    }
}

fn no_manager(subject: &Subject, person: UserId, old: Option<Person>) -> Result<Part, Refusal> {
    let Some(old) = old else {
        return Err(Refusal::AlreadySo(format!("{} has no manager.", subject.named())));
    };
    if subject.person.synced {
        return Err(synced(&subject.person, "the manager"));
    }
    Ok(subject.part(
        Action::ManagerSet { person, manager: None },
        Step {
            method: Method::Delete,
            path: format!("/v1.0/users/{person}/manager/$ref"),
            body: None,
        },
        Draft {
            headline: format!("Leave {} without a manager.", subject.named()),
            object: Some(format!("manager {}", named(&old))),
            before: said(Some(&old)),
            after: said(None),
            consequences: vec![
                "What goes to somebody's manager goes to nobody until there is a new one."
                    .to_owned(),
            ],
            undo: format!("{} can be made the manager again.", named(&old)),
        },
        Inverse::Action(Action::ManagerSet { person, manager: Some(old.id) }),
    ))
}

fn said(manager: Option<&Person>) -> String {
    match manager {
        Some(manager) => format!("The manager is {}.", named(manager)),
        None => "There is no manager.".to_owned(),
    }
}
