use futures_util::future::try_join4;
use serde::Deserialize;
use subtwin_confirm::Refusal;
use subtwin_kernel::names::shown;
use subtwin_kernel::{Person, SkuId, UserId, Words};

use super::{named, unavailable};
use crate::entra::Entra;
use crate::graph::Read;
use crate::products::product_name;
use crate::wire::{Found, Object, User};

/// What the twin tells a colleague about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PersonCard {
    person: Person,
    manager: Option<Person>,
    /// The products they have, by name, sorted.
    licences: Vec<String>,
    /// The groups they are in, by name, sorted.
    groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LicenceDetail {
    sku_id: SkuId,
    sku_part_number: Option<String>,
}

impl Entra {
    pub(super) async fn card(&self, person: UserId) -> Result<PersonCard, Refusal> {
        let doing = "looking the person up";
        let details =
            Read::at(format!("/v1.0/users/{person}/licenseDetails")).option("$top", "100");
        let manager =
            async { self.manager_of(person).await.map_err(|cause| unavailable(doing, cause)) };
        let licences = async {
            let found = self.graph().find::<Found<LicenceDetail>>(&details).await;
            found.map_err(|cause| unavailable(doing, cause))
        };
        let groups = async {
            match self.memberships(person).await {
                Ok(groups) => Ok(groups),
                Err(cause) if cause.is_not_found() => Ok(Vec::new()),
                Err(cause) => Err(unavailable(doing, cause)),
            }
        };
        let user = self.target_user(person, User::SELECT);
        let (user, manager, licences, groups) = try_join4(user, manager, licences, groups).await?;
        let licences = licences.map(|found| found.value).unwrap_or_default();
        Ok(PersonCard {
            person: user.person(),
            manager,
            licences: sorted(
                licences
                    .iter()
                    .map(|detail| product_name(detail.sku_id, detail.sku_part_number.as_deref())),
            ),
            groups: sorted(
                groups
                    .into_iter()
                    .filter(Object::is_group)
                    .filter_map(|group| group.display_name.as_deref().map(shown)),
            ),
        })
    }
}

impl PersonCard {
    /// The card as the twin says it.
    pub(super) fn words(&self) -> Words {
        let person = &self.person;
        let mut words = Words::strong(named(person));
        let facts = [
            ("Title", person.job_title.clone()),
            ("Department", person.department.clone()),
            ("Mail", person.mail.clone()),
            ("Manager", self.manager.as_ref().map(named)),
        ];
        for (label, value) in facts {
            if let Some(value) = value {
                words = words.fact(label, value);
            }
        }
        words
            .fact("Account", self.account())
            .fact("Licences", short(&self.licences))
            .fact("Groups", short(&self.groups))
    }

    fn account(&self) -> String {
        let person = &self.person;
        let mut facts = vec![if person.enabled { "can sign in" } else { "disabled" }];
        if person.guest {
            facts.push("guest");
        }
        if person.synced {
            facts.push("managed on premises");
        }
        if person.usage_location.is_none() {
            facts.push("no usage location");
        }
        facts.join(", ")
    }
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort_by_key(|name| name.to_lowercase());
    names.dedup();
    names
}

/// A list short enough for a chat.
fn short(names: &[String]) -> String {
    const MOST: usize = 12;
    let shown: Vec<&str> = names.iter().take(MOST).map(String::as_str).collect();
    match names.len().saturating_sub(MOST) {
        _ if names.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
