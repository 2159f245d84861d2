mod apps;
mod cast;
mod crowd;
mod history;
mod methods;
mod people;
mod products;
mod roles;
mod rooms;
mod sign_ins;

pub(crate) use methods::sample_method;

pub(crate) use apps::{
    INSTALLER_APP, PERSONAL_APP, SAMPLE_CLI_APP, SAMPLE_DAEMON_APP, TWIN_ADMIN_APP, TWIN_CHAT_APP,
};

use jiff::{SignedDuration, Timestamp};
use rand::rngs::SmallRng;
use rand::{RngCore as _, SeedableRng as _};
use uuid::Uuid;

use super::{
    Audit, Bin, Chats, Groups, Ledger, Operations, PassPolicy, People, Quirks, Roles, Tenant, Told,
};

/// The password of every sample user.
pub(crate) const SAMPLE_PASSWORD: &str = "Sandbox!1";

/// Builds the sample company: the fixed cast, and a crowd until there are `users` people.
pub(super) fn build(seed: u64, users: usize) -> Tenant {
    let mut tenant = Tenant {
        id: Dice::new(seed, "tenant").guid(),
        name: "Contoso".to_owned(),
        domain: "contoso.com".to_owned(),
        people: People::default(),
        groups: Groups::default(),
        skus: products::owned(),
        roles: Roles::default(),
        apps: apps::registered(&mut Dice::new(seed, "apps")),
        manifests: super::Manifests::default(),
        bin: Bin::default(),
        chats: Chats::default(),
        audit: Audit::default(),
        ledger: Ledger::default(),
        pass_policy: PassPolicy::default(),
        operations: Operations::default(),
        quirks: Quirks::default(),
        told: Told::default(),
    };
    people::hire(&mut tenant, &mut Dice::new(seed, "people"), users);
    products::assign(&mut tenant);
    rooms::open(&mut tenant, &mut Dice::new(seed, "groups"));
    products::fill(&mut tenant);
    methods::register(&mut tenant, &mut Dice::new(seed, "methods"));
    tenant.roles = roles::held(&tenant.people, &mut Dice::new(seed, "roles"));
    tenant.audit = history::told(&tenant, &mut Dice::new(seed, "history"));
    tenant.audit.sign_ins = sign_ins::logged(&mut tenant, &mut Dice::new(seed, "sign-ins"));
    tenant
}

/// A stream of ids and numbers for one part of the company, so that a change in one part leaves
/// the ids of the others alone.
struct Dice(SmallRng);

impl Dice {
    fn new(seed: u64, part: &str) -> Self {
        let part = part.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(257) ^ u64::from(byte));
        Self(SmallRng::seed_from_u64(seed ^ part.rotate_left(17)))
    }

    fn guid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let bound = u64::try_from(from.len()).ok()?;
        from.get(usize::try_from(self.0.next_u64().checked_rem(bound)?).ok()?)
    }

    /// A number below a hundred.
    fn percent(&mut self) -> u32 {
        self.0.next_u32() % 100
    }
}

/// The day the company moved in, and `days` after that.
fn day(days: i64) -> Timestamp {
    FOUNDED.saturating_add(SignedDuration::from_hours(days.saturating_mul(24))).unwrap_or(FOUNDED)
}

/// 2024-01-15T08:00:00Z.
const FOUNDED: Timestamp = Timestamp::constant(1_705_305_600, 0);

#[cfg(test)]
mod tests;
