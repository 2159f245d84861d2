use uuid::{Uuid, uuid};

use super::Dice;
use crate::tenant::{People, Role, Roles};

/// Activated roles: display name, template id (the same in every tenant) and who holds them.
const ACTIVATED: &[(&str, Uuid, &[&str])] = &[
    ("Global Administrator", uuid!("62e90394-69f5-4237-9190-012177145e10"), &["dana", "emergency"]),
    (
        "Privileged Role Administrator",
        uuid!("e8611ab8-c189-46e8-94e1-60213ab1f814"),
        &["felix.brandt"],
    ),
    (
        "Privileged Authentication Administrator",
        uuid!("7be44c8a-adaf-4e2a-84d6-ab2649e08a13"),
        &["felix.brandt"],
    ),
    ("User Administrator", uuid!("fe930be7-5e62-47db-91af-98c3a49a38b1"), &["ken.adachi", "sam"]),
    (
        "Helpdesk Administrator",
        uuid!("729827e3-9c14-49f7-bb1b-9608f156bbb8"),
        &["sam", "paula.stone"],
    ),
    ("Authentication Administrator", uuid!("c4e39bd9-1100-46d3-8c65-fb160da0071f"), &["sam"]),
    ("Password Administrator", uuid!("966707d0-3269-4727-9be2-8c3a10f19b9d"), &[]),
    ("License Administrator", uuid!("4d6ac14f-3453-41d0-bef9-a3e0c569773a"), &["sam"]),
    ("Groups Administrator", uuid!("fdd7a751-b60b-444a-984c-02652fe8fa1c"), &["sam"]),
    ("Reports Reader", uuid!("4a5d8f65-41da-4de4-8968-e035b65339cf"), &["sam", "irene.walsh"]),
    ("Security Reader", uuid!("5d6b6bb7-de71-4623-b4af-96380a352509"), &["felix.brandt"]),
    ("Global Reader", uuid!("f2ef992c-3afb-46b9-b7cf-a126ee74c451"), &["irene.walsh"]),
    ("Teams Administrator", uuid!("69091246-20e8-4a56-aa4d-066075b2a7a8"), &[]),
    ("Exchange Administrator", uuid!("29232cdf-9323-42fd-ade2-1d097af3e4de"), &[]),
    ("Directory Readers", uuid!("88d8e3e3-8f55-4a1e-953a-9b9898b8876b"), &["svc-scanner"]),
];

/// The activated roles and their holders.
pub(super) fn held(people: &People, dice: &mut Dice) -> Roles {
    let domain = "contoso.com";
    let role = |(display_name, template, holders): &(&'static str, Uuid, &[&str])| Role {
        id: dice.guid(),
        template: *template,
        display_name,
        members: holders
            .iter()
            .filter_map(|alias| people.find(&format!("{alias}@{domain}")))
            .map(|user| user.id)
            .collect(),
    };
    Roles(ACTIVATED.iter().map(role).collect())
}
