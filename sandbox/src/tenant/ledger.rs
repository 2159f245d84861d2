use std::collections::BTreeMap;

use uuid::Uuid;

/// Something that really happened to the tenant, whatever the caller was told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    LicenceAssigned { user: Uuid, sku: Uuid },
    LicenceRemoved { user: Uuid, sku: Uuid },
    MemberAdded { group: Uuid, user: Uuid },
    MemberRemoved { group: Uuid, user: Uuid },
    SessionsRevoked { user: Uuid },
    UserUpdated { user: Uuid },
    UserDeleted { user: Uuid },
    MessagePosted { chat: String, user: Uuid },
}

/// Counts every effect exactly; the test oracle for "how many times did this happen?".
#[derive(Debug, Default)]
pub(crate) struct Ledger(pub(crate) BTreeMap<Effect, u64>);

impl Ledger {
    pub(crate) fn count(&mut self, effect: Effect) {
        let times = self.0.entry(effect).or_default();
        *times = times.saturating_add(1);
    }
}
