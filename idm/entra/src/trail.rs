use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use subtwin_kernel::{Action, TenantEntry, Tool};
use subtwin_record::{Trace, Trail, TrailError};

use crate::entra::Entra;
use crate::graph::{GraphError, Read};
use crate::wire::AuditEntry;

#[async_trait]
impl Trail for Entra {
    /// Looks by the id we sent first, then by time and actor. Whichever way an entry was found, it
    /// counts only if the twin did it, to this target, under the expected name: that Graph copies
    /// our id into the log is not promised.
    async fn find(&self, trace: &Trace) -> Result<Option<TenantEntry>, TrailError> {
        let by_id = format!("correlationId eq '{}'", trace.client_request_id);
        let found = self.entries(&by_id, 3).await.map_err(|cause| TrailError(cause.into()))?;
        if let Some(entry) = self.best(&found, trace) {
            return Ok(Some(entry));
        }
        let from = trace.sent_at.saturating_sub(BEFORE).unwrap_or(trace.sent_at);
        let to = trace.sent_at.saturating_add(AFTER).unwrap_or(trace.sent_at);
        let by_time = format!(
            "activityDateTime ge {from:.3} and activityDateTime le {to:.3} and \
             initiatedBy/user/id eq '{}'",
            self.0.twin.user
        );
        let found = self.entries(&by_time, 20).await.map_err(|cause| TrailError(cause.into()))?;
        Ok(self.best(&found, trace))
    }
}

impl Entra {
    async fn entries(&self, filter: &str, most: usize) -> Result<Vec<Value>, GraphError> {
        let read = Read::at("/v1.0/auditLogs/directoryAudits")
            .option("$filter", filter)
            .option("$top", "50")
            // Without it an agent's entries hide what they are.
            .prefer("include-unknown-enum-members");
        self.graph().list(&read, most).await
    }

    /// The entry of this call nearest in time. Entries we cannot read are not ours.
    fn best(&self, found: &[Value], trace: &Trace) -> Option<TenantEntry> {
        found
            .iter()
            .filter_map(|raw| {
                let entry = serde_json::from_value::<AuditEntry>(raw.clone()).ok()?;
                self.is_of(&entry, &trace.action).then_some((entry, raw))
            })
            .min_by_key(|(entry, _)| distance(entry.activity_date_time, trace.sent_at))
            .map(|(entry, raw)| tenant_entry(entry, raw.clone()))
    }

    fn is_of(&self, entry: &AuditEntry, action: &Action) -> bool {
        let name = entry.activity_display_name.trim_end_matches('.');
        let expected =
            activity(action.tool()).is_some_and(|expected| name.eq_ignore_ascii_case(expected));
        let actor = entry.initiated_by.as_ref().and_then(|by| by.user.as_ref()?.id.as_deref());
        let twin = self.0.twin.user.to_string();
        let succeeded =
            entry.result.as_deref().is_none_or(|result| result.eq_ignore_ascii_case("success"));
        expected
            && succeeded
            && actor.is_some_and(|actor| actor.eq_ignore_ascii_case(&twin))
            && mentions(entry, &action.person().to_string())
            && match action {
                Action::GroupMemberAdd { group, .. } | Action::GroupMemberRemove { group, .. } => {
                    mentions(entry, &group.to_string())
                }
                Action::UserFind { .. }
                | Action::LicenseAssign { .. }
                | Action::LicenseRemove { .. }
                | Action::SessionRevoke { .. } => true,
            }
    }
}

/// Whether an id is that of a target, or stands in what changed on one: a membership names its
/// group in both places.
fn mentions(entry: &AuditEntry, id: &str) -> bool {
    entry.target_resources.iter().flatten().any(|target| {
        let is_target = target.id.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(id));
        let changed = target.modified_properties.as_ref();
        is_target || changed.is_some_and(|changed| changed.to_string().contains(id))
    })
}

/// The name of a tool's primary entry in the tenant's log.
const fn activity(tool: Tool) -> Option<&'static str> {
    match tool {
        Tool::UserFind => None,
        Tool::LicenseAssign | Tool::LicenseRemove => Some("Change user license"),
        Tool::GroupMemberAdd => Some("Add member to group"),
        Tool::GroupMemberRemove => Some("Remove member from group"),
        Tool::SessionRevoke => Some("Update StsRefreshTokenValidFrom Timestamp"),
    }
}

fn distance(one: Timestamp, other: Timestamp) -> SignedDuration {
    one.duration_since(other).abs()
}

fn tenant_entry(entry: AuditEntry, raw: Value) -> TenantEntry {
    let user = entry.initiated_by.and_then(|by| by.user);
    // The UPN first: the display name has been seen to carry the client app's name.
    let named = user.and_then(|user| {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        given(user.user_principal_name).or_else(|| given(user.display_name)).or(user.id)
    });
    TenantEntry {
        id: entry.id,
        activity: entry.activity_display_name,
        at: entry.activity_date_time,
        initiated_by: named.unwrap_or_default(),
        correlation_id: entry.correlation_id.unwrap_or_default(),
        raw,
    }
}

/// How far from the call an entry may be dated.
const BEFORE: SignedDuration = SignedDuration::from_secs(5);
const AFTER: SignedDuration = SignedDuration::from_secs(60);
