//! Changes to what a profile says.

use std::collections::BTreeMap;

use futures_util::future::try_join;
use serde_json::{Map, Value};
use subtwin_confirm::Refusal;
use subtwin_kernel::names::{shown, shown_up_to};
use subtwin_kernel::{Action, Inverse, Method, Part, Property, Step, UserId};

use super::subject::{Alike, Draft, Subject};
use super::values::checked;
use super::{impossible, listed, synced};
use crate::entra::Entra;
use crate::profile::{Profile, wire_value};
use crate::wire::User;

/// One property that is to change.
struct Change {
    property: Property,
    old: String,
    new: String,
}

impl Entra {
    pub(super) async fn update_profile(
        &self,
        person: UserId,
        set: &BTreeMap<Property, String>,
    ) -> Result<Part, Refusal> {
        let wanted = wanted(set)?;
        let names: Vec<&str> = wanted.keys().map(|property| property.name()).collect();
        let select = format!("{},{}", User::SELECT, names.join(","));
        let read = async {
            let raw = self.raw_user(person, &select).await?;
            let subject = self.subject_of(&raw).await?;
            Ok((subject, Profile::new(raw)))
        };
        let namesakes = async {
            match wanted.get(&Property::DisplayName) {
                Some(name) => self.alike(name, person).await,
                None => Ok(Alike::Found(Vec::new())),
            }
        };
        let ((mut subject, profile), namesakes) = try_join(read, namesakes).await?;
        let changes = changes(&subject, &profile, wanted)?;
        if changes.is_empty() {
            return Err(already(&subject, set));
        }
        let kept_in_the_cloud =
            changes.iter().all(|change| change.property == Property::UsageLocation);
        if subject.person.synced && !kept_in_the_cloud {
            return Err(synced(&subject.person, "the profile"));
        }
        if changes.iter().any(|change| change.property == Property::DisplayName) {
            warn_of_namesakes(&mut subject, &namesakes);
        }
        Ok(part(&subject, person, &changes))
    }
}

/// What is asked for, checked; never both what is a credential and what is not.
fn wanted(set: &BTreeMap<Property, String>) -> Result<BTreeMap<Property, String>, Refusal> {
    if set.is_empty() {
        return Err(impossible("nothing-asked", "You named nothing of the profile to change."));
    }
    let credentials = set.keys().filter(|property| property.is_credential()).count();
    if credentials != 0 && credentials != set.len() {
        return Err(impossible(
            "asks-for-its-own",
            "Phone numbers and other mail addresses receive codes for password reset, so I change \
             them only on their own; please ask me for them separately.",
        ));
    }
    set.iter().map(|(property, value)| Ok((*property, checked(*property, value)?))).collect()
}

fn changes(
    subject: &Subject,
    profile: &Profile,
    wanted: BTreeMap<Property, String>,
) -> Result<Vec<Change>, Refusal> {
    let mut changes = Vec::new();
    for (property, new) in wanted {
        let Some(old) = profile.value(property) else {
            return Err(impossible(
                "several-values",
                format!(
                    "{} has several {}es, and I keep one only, so the others would be lost. An \
                     administrator can change them in the Entra admin center.",
                    subject.named(),
                    property.words()
                ),
            ));
        };
        if old != new {
            changes.push(Change { property, old, new });
        }
    }
    Ok(changes)
}

fn already(subject: &Subject, set: &BTreeMap<Property, String>) -> Refusal {
    let words: Vec<String> = set.keys().map(|property| property.words().to_owned()).collect();
    Refusal::AlreadySo(format!(
        "The profile of {} already says that ({}).",
        subject.named(),
        listed(&words)
    ))
}

fn warn_of_namesakes(subject: &mut Subject, namesakes: &Alike) {
    match namesakes {
        Alike::Found(others) if others.is_empty() => {}
        Alike::Found(others) => subject.must_be_typed(format!(
            "Careful: the new name looks the same as that of {}.",
            super::subject::several(others)
        )),
        Alike::CannotTell => subject.must_be_typed(
            "Careful: I cannot tell whether another account has a name that looks like the new one."
                .to_owned(),
        ),
    }
}

fn part(subject: &Subject, person: UserId, changes: &[Change]) -> Part {
    let mut consequences = Vec::new();
    for change in changes {
        consequences.extend(consequence(subject, change.property));
    }
    let (inverse, undo) = taken_back(person, changes);
    let body: Map<String, Value> = changes
        .iter()
        .map(|change| (change.property.name().to_owned(), wire_value(change.property, &change.new)))
        .collect();
    let set = changes.iter().map(|change| (change.property, change.new.clone())).collect();
    subject.part(
        Action::UserUpdate { person, set },
        Step {
            method: Method::Patch,
            path: format!("/v1.0/users/{person}"),
            body: Some(Value::Object(body)),
        },
        Draft {
            headline: headline(subject, changes),
            object: Some(listed(&words(changes))),
            before: said(changes, |change| &change.old),
            after: said(changes, |change| &change.new),
            consequences,
            undo,
        },
        inverse,
    )
}

fn headline(subject: &Subject, changes: &[Change]) -> String {
    let of = subject.named();
    match changes {
        [Change { property, new, .. }] if new.is_empty() => {
            format!("Clear the {} of {of}.", property.words())
        }
        [Change { property, new, .. }] => {
            format!("Set the {} of {of} to “{}”.", property.words(), shown(new))
        }
        several => format!("Change the {} of {of}.", listed(&words(several))),
    }
}

fn words(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| change.property.words().to_owned()).collect()
}

/// "Job title: Analyst. Department: none."
fn said(changes: &[Change], value: impl Fn(&Change) -> &String) -> String {
    let lines = changes.iter().map(|change| {
        let value = value(change);
        let value = if value.is_empty() {
            "none".to_owned()
        } else {
            format!("“{}”", shown_up_to(value, 300))
        };
        let mut words = change.property.words().chars();
        let first = words.next().into_iter().flat_map(char::to_uppercase).collect::<String>();
        format!("{first}{}: {value}.", words.as_str())
    });
    lines.collect::<Vec<_>>().join(" ")
}

fn consequence(subject: &Subject, property: Property) -> Option<String> {
    Some(match property {
        Property::MobilePhone | Property::BusinessPhones | Property::OtherMails => format!(
            "This is a credential: codes for resetting the password may go to the {}, so whoever \
             holds it can become {}.",
            property.words(),
            subject.named()
        ),
        Property::DisplayName => {
            "Colleagues see the new name everywhere; the UPN and the mail address stay.".to_owned()
        }
        Property::UsageLocation => {
            "It decides which services licences may give to the person.".to_owned()
        }
        Property::Department | Property::JobTitle | Property::Country => {
            "Groups and policies whose rules look at it may take the person in or let them go."
                .to_owned()
        }
        _ => return None,
    })
}

/// The same change with the old values, where these can be set at all.
fn taken_back(person: UserId, changes: &[Change]) -> (Inverse, String) {
    let mut set = BTreeMap::new();
    for change in changes {
        match checked(change.property, &change.old) {
            Ok(old) if old == change.old => set.insert(change.property, old),
            _ => {
                let why = if change.old.is_empty() {
                    format!("The {} cannot be made empty again.", change.property.words())
                } else {
                    format!(
                        "The old {} is written in a way that I do not set.",
                        change.property.words()
                    )
                };
                return (Inverse::None(why.clone()), why);
            }
        };
    }
    let undo = "The old values can be set again.".to_owned();
    (Inverse::Action(Action::UserUpdate { person, set }), undo)
}
