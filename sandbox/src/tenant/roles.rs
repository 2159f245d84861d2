use std::collections::BTreeSet;

use uuid::{Uuid, uuid};

/// An activated directory role.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// The `directoryRole` object.
    pub(crate) id: Uuid,
    /// Its `roleTemplateId`: the same in every tenant; what `wids` holds.
    pub(crate) template: Uuid,
    pub(crate) display_name: &'static str,
    pub(crate) members: BTreeSet<Uuid>,
}

/// Every activated role.
#[derive(Debug, Default)]
pub(crate) struct Roles(pub(crate) Vec<Role>);

impl Roles {
    /// Template ids of the roles a principal holds.
    pub(crate) fn of(&self, principal: Uuid) -> impl Iterator<Item = &Role> {
        self.0.iter().filter(move |role| role.members.contains(&principal))
    }

    /// Whether a principal holds a role with this display name.
    pub(crate) fn holds(&self, principal: Uuid, display_name: &str) -> bool {
        self.of(principal).any(|role| role.display_name == display_name)
    }

    /// An activated role by its object id.
    pub(crate) fn get_mut(&mut self, id: Uuid) -> Option<&mut Role> {
        self.0.iter_mut().find(|role| role.id == id)
    }

    /// An activated role by its object id or its template id.
    pub(crate) fn find(&self, id: Uuid) -> Option<&Role> {
        self.0.iter().find(|role| role.id == id || role.template == id)
    }
}

/// Built-in roles: template id, which is the same in every tenant, and name.
pub(crate) const TEMPLATES: &[(Uuid, &str)] = &[
    (uuid!("62e90394-69f5-4237-9190-012177145e10"), "Global Administrator"),
    (uuid!("f2ef992c-3afb-46b9-b7cf-a126ee74c451"), "Global Reader"),
    (uuid!("e8611ab8-c189-46e8-94e1-60213ab1f814"), "Privileged Role Administrator"),
    (uuid!("7be44c8a-adaf-4e2a-84d6-ab2649e08a13"), "Privileged Authentication Administrator"),
    (uuid!("c4e39bd9-1100-46d3-8c65-fb160da0071f"), "Authentication Administrator"),
    (uuid!("0526716b-113d-4c15-b2c8-68e3c22b9f80"), "Authentication Policy Administrator"),
    (uuid!("966707d0-3269-4727-9be2-8c3a10f19b9d"), "Password Administrator"),
    (uuid!("729827e3-9c14-49f7-bb1b-9608f156bbb8"), "Helpdesk Administrator"),
    (uuid!("fe930be7-5e62-47db-91af-98c3a49a38b1"), "User Administrator"),
    (uuid!("4d6ac14f-3453-41d0-bef9-a3e0c569773a"), "License Administrator"),
    (uuid!("fdd7a751-b60b-444a-984c-02652fe8fa1c"), "Groups Administrator"),
    (uuid!("95e79109-95c0-4d8e-aee3-d01accf2d47b"), "Guest Inviter"),
    (uuid!("88d8e3e3-8f55-4a1e-953a-9b9898b8876b"), "Directory Readers"),
    (uuid!("9360feb5-f418-4baa-8175-e2a00bac4301"), "Directory Writers"),
    (uuid!("4a5d8f65-41da-4de4-8968-e035b65339cf"), "Reports Reader"),
    (uuid!("5d6b6bb7-de71-4623-b4af-96380a352509"), "Security Reader"),
    (uuid!("194ae4cb-b126-40b2-bd5b-6091b380977d"), "Security Administrator"),
    (uuid!("17315797-102d-40b4-93e0-432062caca18"), "Compliance Administrator"),
    (uuid!("b1be1c3e-b65d-4f19-8427-f6fa0d97feb9"), "Conditional Access Administrator"),
    (uuid!("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"), "Application Administrator"),
    (uuid!("158c047a-c907-4556-b7ef-446551a6b5f7"), "Cloud Application Administrator"),
    (uuid!("69091246-20e8-4a56-aa4d-066075b2a7a8"), "Teams Administrator"),
    (uuid!("29232cdf-9323-42fd-ade2-1d097af3e4de"), "Exchange Administrator"),
    (uuid!("f28a1f50-f6e7-4571-818b-6a12f2af6b6c"), "SharePoint Administrator"),
    (uuid!("3a2c62db-5318-420d-8d74-23affee5d9d5"), "Intune Administrator"),
    (uuid!("b0f54661-2d74-4c50-afa3-1ec803f12efe"), "Billing Administrator"),
    (uuid!("db506228-d27e-4b7d-95e5-295956d6615f"), "Agent ID Administrator"),
    (uuid!("adb2368d-a9be-41b5-8667-d96778e081b0"), "Agent ID Developer"),
];
