//! Whom a plan is about, and whether somebody else could be taken for them.

use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::Value;
use subtwin_confirm::Refusal;
use subtwin_kernel::names::{look_alike, oddities, plain_look, shown};
use subtwin_kernel::{Action, Inverse, Part, Person, Shown, Step, Touch, UserId};

use super::{facts, named, target_line, unavailable};
use crate::entra::Entra;
use crate::graph::{GraphError, Read, search_phrase};
use crate::wire::{Found, User};

/// Whom a plan is about.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) user: User,
    pub(super) person: Person,
    /// What is odd about the name, and whose it could be taken for.
    careful: Vec<String>,
    type_back: Option<String>,
}

/// What one part says, but for what every part says.
pub(super) struct Draft {
    pub(super) headline: String,
    pub(super) object: Option<String>,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) consequences: Vec<String>,
    pub(super) undo: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Namesake {
    id: UserId,
    display_name: Option<String>,
    user_principal_name: Option<String>,
    department: Option<String>,
}

/// Accounts whose names look like a given one.
pub(super) enum Alike {
    /// These, each as a phrase: its UPN, and its department.
    Found(Vec<String>),
    /// The name is written so that it cannot be searched for.
    CannotTell,
}

impl Entra {
    /// The person an action is about, with what is asked of Graph about them.
    pub(super) async fn subject(
        &self,
        person: UserId,
        select: &'static str,
    ) -> Result<Subject, Refusal> {
        let raw = self.raw_user(person, select).await?;
        self.subject_of(&raw).await
    }

    /// The same of a user that was read already.
    pub(super) async fn subject_of(&self, raw: &Value) -> Result<Subject, Refusal> {
        let user = parsed(raw)?;
        let alike = self.alike(user.raw_name(), user.id).await?;
        Ok(Subject::new(user, &alike))
    }

    pub(super) async fn target_user(&self, person: UserId, select: &str) -> Result<User, Refusal> {
        parsed(&self.raw_user(person, select).await?)
    }

    pub(super) async fn raw_user(&self, person: UserId, select: &str) -> Result<Value, Refusal> {
        let read = Read::at(format!("/v1.0/users/{person}")).option("$select", select);
        let found = self.graph().find(&read).await;
        let found = found.map_err(|cause| unavailable(DOING, cause))?;
        found.ok_or_else(facts::no_such_person)
    }

    /// The accounts but one whose names look like this one (Unicode TR39), however they are
    /// spelled: found by each word of it, because a look-alike often borrows one word as it is.
    pub(super) async fn alike(&self, name: &str, but: UserId) -> Result<Alike, Refusal> {
        let searches = words(name).into_iter().map(|word| async move {
            let read = Read::at("/v1.0/users")
                .option("$search", &search_phrase("displayName", &word))
                .option("$count", "true")
                .option("$top", "999")
                .option("$select", "id,displayName,userPrincipalName,department")
                .eventual();
            match self.graph().get::<Found<Namesake>>(&read).await {
                Ok(found) => Ok(Some(found.value)),
                Err(error) if is_bad_search(&error) => Ok(None),
                Err(error) => Err(error),
            }
        });
        let found = try_join_all(searches)
            .await
            .map_err(|cause| unavailable("looking for people of the same name", cause))?;
        let all_searched = !found.is_empty() && found.iter().all(Option::is_some);
        let mut alike: Vec<String> = found
            .into_iter()
            .flatten()
            .flatten()
            .filter(|other| other.id != but)
            .filter(|other| {
                other.display_name.as_deref().is_some_and(|other| look_alike(name, other))
            })
            .map(|other| {
                let upn = shown(other.user_principal_name.as_deref().unwrap_or_default());
                let department = other.department.as_deref().map(shown);
                match department.filter(|department| !department.is_empty()) {
                    Some(department) => format!("{upn} ({department})"),
                    None => format!("{upn} (no department)"),
                }
            })
            .collect();
        alike.sort();
        alike.dedup();
        if alike.is_empty() && !all_searched && !name.trim().is_empty() {
            return Ok(Alike::CannotTell);
        }
        Ok(Alike::Found(alike))
    }
}

impl Subject {
    fn new(user: User, alike: &Alike) -> Self {
        let person = user.person();
        let upn = shown(&person.upn);
        let mut careful: Vec<String> = oddities(user.raw_name())
            .into_iter()
            .map(|odd| format!("Careful: the name of {upn} {odd}."))
            .collect();
        let mut type_back = Some(upn.clone());
        match alike {
            Alike::Found(others) if others.is_empty() => type_back = None,
            Alike::Found(others) => careful.push(format!(
                "Careful: {} has a name that looks the same as that of {upn}.",
                several(others)
            )),
            Alike::CannotTell => careful.push(format!(
                "Careful: I cannot tell whether another account has a name that looks like that \
                 of {upn}."
            )),
        }
        Self { user, person, careful, type_back }
    }

    /// "Sarah Miller (sarah@contoso.com)".
    pub(super) fn named(&self) -> String {
        named(&self.person)
    }

    /// For the middle of a sentence whose headline holds the UPN already.
    pub(super) fn name(&self) -> &str {
        &self.person.display_name
    }

    /// Asks for the UPN to be typed for another reason than a name that looks like another's.
    pub(super) fn must_be_typed(&mut self, why: String) {
        self.careful.push(why);
        self.type_back.get_or_insert_with(|| shown(&self.person.upn));
    }

    pub(super) fn part(&self, action: Action, step: Step, draft: Draft, inverse: Inverse) -> Part {
        let mut part = self.further_part(action, step, draft, inverse);
        part.shown.consequences.extend(account_notes(&self.person, &part.action));
        part.shown.consequences.extend(self.careful.iter().cloned());
        part
    }

    /// A part that stands behind another one about the same person, which has said what there is
    /// to say about the account.
    pub(super) fn further_part(
        &self,
        action: Action,
        step: Step,
        draft: Draft,
        inverse: Inverse,
    ) -> Part {
        let touches = action.touches();
        let Draft { headline, object, before, after, consequences, undo } = draft;
        let target = target_line(&self.person);
        let shown = Shown { headline, target, object, before, after, consequences, undo };
        Part { action, step, shown, inverse, touches, type_back: self.type_back.clone() }
    }
}

/// Adds what a part touches beside what its action says.
pub(super) fn touching(mut part: Part, more: impl IntoIterator<Item = Touch>) -> Part {
    for touch in more {
        if !part.touches.contains(&touch) {
            part.touches.push(touch);
        }
    }
    part
}

/// What is worth knowing about the account before saying yes.
fn account_notes(person: &Person, action: &Action) -> Vec<String> {
    let mut notes = Vec::new();
    if person.guest {
        notes.push(format!("{} is a guest from outside the organisation.", person.display_name));
    }
    if !person.enabled && !matches!(action, Action::AccountUnblock { .. }) {
        notes.push(format!(
            "The account of {} is disabled: nobody can sign in with it until it is enabled.",
            person.display_name
        ));
    }
    notes
}

/// The words to search for: those of the name, those of how it looks, and those of what may hide
/// behind how it looks.
fn words(name: &str) -> Vec<String> {
    let plain = plain_look(name);
    // To a skeleton an `m` is an `r` and an `n` (Unicode TR39, table of confusables).
    let folded = plain.replace("rn", "m");
    let spelled = [name.to_lowercase(), folded, plain];
    let mut words: Vec<String> = Vec::new();
    for text in &spelled {
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            if !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
    }
    // Initials find half a company; they are looked at only where there is nothing else.
    if words.iter().any(|word| word.chars().nth(1).is_some()) {
        words.retain(|word| word.chars().nth(1).is_some());
    }
    words.truncate(MOST_SEARCHES);
    words
}

pub(super) fn several(others: &[String]) -> String {
    match others {
        [one, two, three, _, ..] => {
            let more = others.len().saturating_sub(3);
            format!("each of {one}, {two}, {three} and {more} more")
        }
        [] | [_] => others.concat(),
        few => format!("each of {}", super::listed(few)),
    }
}

fn parsed(raw: &Value) -> Result<User, Refusal> {
    User::deserialize(raw)
        .map_err(|cause| Refusal::Unavailable { doing: DOING, cause: cause.into() })
}

fn is_bad_search(error: &GraphError) -> bool {
    error.refused().is_some_and(|refused| refused.status == 400)
}

const DOING: &str = "looking the person up";
const MOST_SEARCHES: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_searched_by_its_words_and_by_how_they_look() {
        assert_eq!(words("Sarah Lin"), ["sarah", "lin"]);
        assert_eq!(words("M\u{430}ria Costa"), ["m\u{430}ria", "costa", "maria", "rnaria"]);
        assert_eq!(words("J. O'Brien"), ["brien"]);
        assert_eq!(words("X"), ["x"]);
        assert!(words("a b c d e f g h i").len() <= MOST_SEARCHES);
        assert!(words(" ").is_empty());
    }
}
