use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{MethodKind, Tenant};

/// Something that really happened to the tenant, whatever the caller was told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    LicenceAssigned {
        user: Uuid,
        sku: Uuid,
    },
    LicenceRemoved {
        user: Uuid,
        sku: Uuid,
    },
    MemberAdded {
        group: Uuid,
        user: Uuid,
    },
    MemberRemoved {
        group: Uuid,
        user: Uuid,
    },
    OwnerAdded {
        group: Uuid,
        user: Uuid,
    },
    OwnerRemoved {
        group: Uuid,
        user: Uuid,
    },
    GroupCreated {
        group: Uuid,
    },
    GroupUpdated {
        group: Uuid,
    },
    GroupDeleted {
        group: Uuid,
    },
    SessionsRevoked {
        user: Uuid,
    },
    UserCreated {
        user: Uuid,
    },
    PasswordReset {
        user: Uuid,
    },
    AccessPassIssued {
        user: Uuid,
    },
    AccessPassDeleted {
        user: Uuid,
    },
    /// Any other way to sign in.
    MethodDeleted {
        user: Uuid,
        kind: MethodKind,
        method: String,
    },
    AccountBlocked {
        user: Uuid,
    },
    AccountUnblocked {
        user: Uuid,
    },
    /// The names of what was set, as Graph calls it.
    ProfileUpdated {
        user: Uuid,
        properties: Vec<String>,
    },
    ManagerSet {
        user: Uuid,
        manager: Uuid,
    },
    ManagerRemoved {
        user: Uuid,
    },
    UserDeleted {
        user: Uuid,
    },
    /// Something about apps, agents and what they may do: which deed, and to what.
    Object {
        deed: &'static str,
        object: Uuid,
    },
    MessagePosted {
        chat: String,
        user: Uuid,
    },
}

/// Counts every effect exactly; the test oracle for "how many times did this happen?".
#[derive(Debug, Default)]
pub(crate) struct Ledger(pub(crate) BTreeMap<Effect, u64>);

impl Ledger {
    pub(crate) fn count(&mut self, effect: Effect) {
        let times = self.0.entry(effect).or_default();
        *times = times.saturating_add(1);
    }

    /// How often exactly this happened.
    #[cfg(test)]
    pub(crate) fn times(&self, effect: &Effect) -> u64 {
        self.0.get(effect).copied().unwrap_or(0)
    }

    /// The ledger for people and scripts: `totals` per kind of effect, and every `effects` with the
    /// objects by id and by the name a reader knows them by.
    pub(crate) fn json(&self, tenant: &Tenant) -> Value {
        let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
        let mut effects = Vec::new();
        for (effect, times) in &self.0 {
            let total = totals.entry(effect.name()).or_default();
            *total = total.saturating_add(*times);
            effects.push(effect.json(tenant, *times));
        }
        json!({"totals": totals, "effects": effects})
    }
}

impl Effect {
    /// The kind, as in the JSON view.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::LicenceAssigned { .. } => "licenceAssigned",
            Self::LicenceRemoved { .. } => "licenceRemoved",
            Self::MemberAdded { .. } => "memberAdded",
            Self::MemberRemoved { .. } => "memberRemoved",
            Self::OwnerAdded { .. } => "ownerAdded",
            Self::OwnerRemoved { .. } => "ownerRemoved",
            Self::GroupCreated { .. } => "groupCreated",
            Self::GroupUpdated { .. } => "groupUpdated",
            Self::GroupDeleted { .. } => "groupDeleted",
            Self::SessionsRevoked { .. } => "sessionsRevoked",
            Self::UserCreated { .. } => "userCreated",
            Self::PasswordReset { .. } => "passwordReset",
            Self::AccessPassIssued { .. } => "accessPassIssued",
            Self::AccessPassDeleted { .. } => "accessPassDeleted",
            Self::MethodDeleted { .. } => "methodDeleted",
            Self::AccountBlocked { .. } => "accountBlocked",
            Self::AccountUnblocked { .. } => "accountUnblocked",
            Self::ProfileUpdated { .. } => "profileUpdated",
            Self::ManagerSet { .. } => "managerSet",
            Self::ManagerRemoved { .. } => "managerRemoved",
            Self::UserDeleted { .. } => "userDeleted",
            Self::Object { deed, .. } => deed,
            Self::MessagePosted { .. } => "messagePosted",
        }
    }

    fn json(&self, tenant: &Tenant, times: u64) -> Value {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("effect", json!(self.name()));
        put("times", json!(times));
        let (user, group, sku, chat) = match self {
            Self::LicenceAssigned { user, sku } | Self::LicenceRemoved { user, sku } => {
                (Some(user), None, Some(sku), None)
            }
            Self::MemberAdded { group, user }
            | Self::MemberRemoved { group, user }
            | Self::OwnerAdded { group, user }
            | Self::OwnerRemoved { group, user } => (Some(user), Some(group), None, None),
            Self::GroupCreated { group }
            | Self::GroupUpdated { group }
            | Self::GroupDeleted { group } => (None, Some(group), None, None),
            Self::Object { .. } => (None, None, None, None),
            Self::MessagePosted { chat, user } => (Some(user), None, None, Some(chat)),
            Self::SessionsRevoked { user }
            | Self::UserCreated { user }
            | Self::PasswordReset { user }
            | Self::AccessPassIssued { user }
            | Self::AccessPassDeleted { user }
            | Self::MethodDeleted { user, .. }
            | Self::AccountBlocked { user }
            | Self::AccountUnblocked { user }
            | Self::ProfileUpdated { user, .. }
            | Self::ManagerSet { user, .. }
            | Self::ManagerRemoved { user }
            | Self::UserDeleted { user } => (Some(user), None, None, None),
        };
        if let Some(user) = user {
            put("user", json!(user));
            put("upn", json!(tenant.people.get(*user).map(|user| &user.upn)));
        }
        if let Some(group) = group {
            put("group", json!(group));
            put("groupName", json!(tenant.groups.get(*group).map(|group| &group.display_name)));
        }
        if let Some(sku) = sku {
            put("sku", json!(sku));
            put("skuPartNumber", json!(tenant.skus.get(*sku).map(|sku| &sku.part_number)));
        }
        if let Some(chat) = chat {
            put("chat", json!(chat));
            put("topic", json!(tenant.chats.by_id.get(chat).and_then(|chat| chat.topic.as_ref())));
        }
        if let Self::Object { object, .. } = self {
            let apps = &tenant.apps;
            let principal = apps.principals.iter().find(|one| one.id == *object);
            let name = principal.map(|one| &one.display_name).or_else(|| {
                let mut all = apps.applications.iter();
                all.find(|one| one.id == *object).map(|one| &one.display_name)
            });
            let user = tenant.people.get(*object).map(|user| &user.upn);
            put("object", json!(object));
            put("objectName", json!(name.or(user)));
        }
        if let Self::MethodDeleted { kind, method, .. } = self {
            put("kind", json!(kind.collection()));
            put("method", json!(method));
        }
        if let Self::ProfileUpdated { properties, .. } = self {
            put("properties", json!(properties));
        }
        if let Self::ManagerSet { manager, .. } = self {
            put("manager", json!(manager));
            put("managerUpn", json!(tenant.people.get(*manager).map(|user| &user.upn)));
        }
        Value::Object(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_view_totals_each_kind_and_names_the_objects() {
        let tenant = Tenant::sample(1, 60);
        let sarah = tenant.people.find("sarah.lin@contoso.com").unwrap().id;
        let (one, other) = (tenant.skus.0[0].id, tenant.skus.0[1].id);
        let group = tenant.groups.iter().next().unwrap();
        let mut ledger = Ledger::default();
        ledger.count(Effect::LicenceAssigned { user: sarah, sku: one });
        ledger.count(Effect::LicenceAssigned { user: sarah, sku: one });
        ledger.count(Effect::LicenceAssigned { user: sarah, sku: other });
        ledger.count(Effect::MemberAdded { group: group.id, user: sarah });
        let view = ledger.json(&tenant);
        assert_eq!(view["totals"], json!({"licenceAssigned": 3, "memberAdded": 1}));
        let effects = view["effects"].as_array().unwrap();
        assert_eq!(effects.len(), 3);
        let twice = effects.iter().find(|effect| effect["sku"] == json!(one)).unwrap();
        assert_eq!(
            *twice,
            json!({
                "effect": "licenceAssigned",
                "times": 2,
                "user": sarah,
                "upn": "sarah.lin@contoso.com",
                "sku": one,
                "skuPartNumber": tenant.skus.0[0].part_number,
            })
        );
        let joined = effects.iter().find(|effect| effect["effect"] == "memberAdded").unwrap();
        assert_eq!(joined["groupName"], json!(group.display_name));
    }
}
