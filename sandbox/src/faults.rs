//! The switches for everything that goes wrong in the cloud. Set from the command line, the
//! control endpoint or the page; obeyed by the services.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is currently broken. All off by default. Rates are per thousand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Faults {
    /// Notifications never delivered.
    pub(crate) drop_notifications: u32,
    /// Notifications delivered twice.
    pub(crate) duplicate_notifications: u32,
    /// Every notification waits this long, in milliseconds.
    pub(crate) delay_notifications_ms: u64,
    /// Notifications held back until the next one has gone out.
    pub(crate) reorder_notifications: u32,
    /// The next N Graph writes and reads are answered 429.
    pub(crate) throttle_next: u32,
    /// `Retry-After` of those, in seconds as text (`2.128`), or none.
    pub(crate) retry_after: Option<String>,
    /// The next N Graph writes are answered 503 and do nothing.
    pub(crate) fail_before_next: u32,
    /// The next N Graph writes happen and are answered 503 all the same.
    pub(crate) fail_after_next: u32,
    /// The next N Graph writes happen and their connection is cut without an answer.
    pub(crate) cut_after_next: u32,
    /// What the 503 of those is instead: 500, 502 or 504.
    pub(crate) fail_status: Option<u16>,
    /// The four switches before count only for addresses that begin like this, below the version
    /// (`servicePrincipals`, `users/microsoft.graph.agentUser`); in any case.
    pub(crate) only_path: Option<String>,
    /// The next N grants (`oauth2PermissionGrants`, `appRoleAssignments`) are refused with 403.
    pub(crate) refuse_grants_next: u32,
    /// Reads of people, groups, licences and methods show a write only this long after it, in
    /// milliseconds.
    pub(crate) replica_lag_ms: u64,
    /// Every answer waits this long, in milliseconds.
    pub(crate) slow_ms: u64,
    /// The next N API calls find their access token expired.
    pub(crate) expire_tokens_next: u32,
    /// The next N API calls with a token that can be challenged (`xms_cc`) are.
    pub(crate) challenge_next: u32,
    /// The next N token requests are answered 503.
    pub(crate) fail_tokens_next: u32,
    /// Every token request is refused with this AADSTS number: 50076, 50079, 50173, 53003, 700082.
    pub(crate) refuse_sign_ins: Option<u32>,
    /// Token requests of these clients are refused with these AADSTS numbers.
    pub(crate) refuse_clients: BTreeMap<Uuid, u32>,
    /// The next N password resets for people mastered on the premises are accepted and fail.
    pub(crate) fail_writeback_next: u32,
    /// No more than this many blueprints, deleted ones included; without it the cloud's own limit,
    /// which is for apps only.
    pub(crate) blueprint_limit: Option<u32>,
    /// The same for the agent identities of each blueprint.
    pub(crate) agent_limit: Option<u32>,
    /// The directory takes no more blueprints and agent identities at all.
    pub(crate) agent_quota_reached: bool,
    /// Audit entries written from now on stay invisible this long, in milliseconds.
    pub(crate) audit_delay_ms: Option<u64>,
}
