use jiff::Timestamp;
use uuid::Uuid;

/// A licence a user holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssignedLicence {
    pub(crate) sku: Uuid,
    pub(crate) disabled_plans: Vec<Uuid>,
    /// The group it is inherited from; `None` when assigned directly.
    pub(crate) by_group: Option<Uuid>,
    /// `Active`, or `Error` with `error`.
    pub(crate) state: &'static str,
    pub(crate) error: &'static str,
    pub(crate) updated: Timestamp,
}

/// A subscription the tenant owns.
#[derive(Clone, Debug)]
pub(crate) struct Sku {
    pub(crate) id: Uuid,
    pub(crate) part_number: String,
    pub(crate) enabled: u32,
    /// Users that hold it (each counted once).
    pub(crate) consumed: u32,
    /// `Enabled`, `Warning`, `Suspended`, `LockedOut`.
    pub(crate) capability_status: &'static str,
    /// `(servicePlanId, servicePlanName)`.
    pub(crate) plans: Vec<(Uuid, String)>,
}

/// Every subscription, in the order the company bought them.
#[derive(Debug, Default)]
pub(crate) struct Skus(pub(crate) Vec<Sku>);

impl Skus {
    pub(crate) fn get(&self, id: Uuid) -> Option<&Sku> {
        self.0.iter().find(|sku| sku.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: Uuid) -> Option<&mut Sku> {
        self.0.iter_mut().find(|sku| sku.id == id)
    }
}
