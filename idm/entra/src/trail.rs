use std::collections::HashSet;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use subtwin_kernel::{Action, MethodKind, Property, TenantEntry};
use subtwin_record::{Trace, Trail, TrailError};

use crate::entra::Entra;
use crate::graph::{GraphError, Read};
use crate::wire::AuditEntry;

#[async_trait]
impl Trail for Entra {
    /// Looks by the id we sent first, then by time and actor. Whichever way an entry was found, it
    /// counts only if the twin did it, to this target, under an expected name: that Graph copies
    /// our id into the log is not promised.
    async fn find(
        &self,
        trace: &Trace,
        taken: &HashSet<String>,
    ) -> Result<Option<TenantEntry>, TrailError> {
        let by_id = format!("correlationId eq '{}'", trace.client_request_id);
        let found = self.entries(&by_id, 3).await.map_err(|cause| TrailError(cause.into()))?;
        if let Some(entry) = self.best(&found, trace, taken) {
            return Ok(Some(entry));
        }
        let (from, to) = window(trace);
        let by_time = format!(
            "activityDateTime ge {from:.3} and activityDateTime le {to:.3} and \
             initiatedBy/user/id eq '{}'",
            self.0.twin.user
        );
        let found = self.entries(&by_time, 20).await.map_err(|cause| TrailError(cause.into()))?;
        Ok(self.best(&found, trace, taken))
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

    /// The entry that fits this call best. Entries we cannot read are not ours.
    fn best(&self, found: &[Value], trace: &Trace, taken: &HashSet<String>) -> Option<TenantEntry> {
        let all: Vec<(AuditEntry, &Value)> = found
            .iter()
            .filter_map(|raw| Some((serde_json::from_value(raw.clone()).ok()?, raw)))
            .collect();
        // What one call wrote beside its primary entry belongs to that call, too.
        let told: HashSet<&str> = all
            .iter()
            .filter(|(entry, _)| taken.contains(&entry.id))
            .filter_map(|(entry, _)| entry.correlation_id.as_deref())
            .filter(|id| !id.is_empty())
            .collect();
        let is_told = |entry: &AuditEntry| {
            entry.correlation_id.as_deref().is_some_and(|id| told.contains(id))
        };
        all.iter()
            .filter(|(entry, _)| !taken.contains(&entry.id))
            .filter_map(|(entry, raw)| Some((self.rank(entry, &trace.action)?, entry, raw)))
            .filter(|(name, entry, _)| *name == 0 || !is_told(entry))
            .min_by_key(|(name, entry, _)| {
                let strange = !is_about_method(entry, &trace.action);
                let others = is_told(entry) || is_others(entry, &all, &trace.action);
                (strange, others, *name, far(entry.activity_date_time, trace))
            })
            .map(|(_, entry, raw)| tenant_entry(entry, (*raw).clone()))
    }

    /// Which of the expected names an entry has, if it can be this action's at all.
    fn rank(&self, entry: &AuditEntry, action: &Action) -> Option<usize> {
        let name = entry.activity_display_name.trim_end_matches('.');
        let rank = activities(action).iter().position(|it| name.eq_ignore_ascii_case(it))?;
        let actor = entry.initiated_by.as_ref().and_then(|by| by.user.as_ref()?.id.as_deref());
        let twin = self.0.twin.user.to_string();
        let ours = entry.succeeded()
            && actor.is_some_and(|actor| actor.eq_ignore_ascii_case(&twin))
            && mentions(entry, &action.person().to_string())
            && is_about_object(entry, action);
        ours.then_some(rank)
    }
}

/// Whether an entry stands beside the primary entry of another tool: one call may write several
/// under one correlation id, such as the end of sessions that comes with a new password.
fn is_others(entry: &AuditEntry, all: &[(AuditEntry, &Value)], action: &Action) -> bool {
    const WITH_COMPANY: [&str; 4] =
        ["Reset user password", "Reset password (by admin)", "Disable account", "Enable account"];
    let own = activities(action);
    let Some(id) = entry.correlation_id.as_deref().filter(|id| !id.is_empty()) else {
        return false;
    };
    all.iter().any(|(beside, _)| {
        let name = beside.activity_display_name.trim_end_matches('.');
        let is = |it: &&str| name.eq_ignore_ascii_case(it);
        beside.correlation_id.as_deref() == Some(id)
            && WITH_COMPANY.iter().any(is)
            && !own.iter().any(is)
    })
}

/// Whether what an action is about beside the person stands in the entry.
fn is_about_object(entry: &AuditEntry, action: &Action) -> bool {
    match action {
        Action::GroupMemberAdd { group, .. } | Action::GroupMemberRemove { group, .. } => {
            mentions(entry, &group.to_string())
        }
        // Other changes write an `Update user` beside their own entry.
        Action::UserUpdate { set, .. } => set.keys().all(|property| changed(entry, *property)),
        Action::UserFind { .. }
        | Action::SigninExplain { .. }
        | Action::PasswordReset { .. }
        | Action::TapIssue { .. }
        | Action::TapWithdraw { .. }
        | Action::MfaReset { .. }
        | Action::MethodRemove { .. }
        | Action::SessionRevoke { .. }
        | Action::AccountBlock { .. }
        | Action::AccountUnblock { .. }
        | Action::LicenseAssign { .. }
        | Action::LicenseRemove { .. }
        | Action::ManagerSet { .. } => true,
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

/// Whether an entry says that a property changed, under its name in Graph or in the directory.
fn changed(entry: &AuditEntry, property: Property) -> bool {
    let names = [property.name(), attribute(property)];
    let is_it = |row: &Value| {
        let name = row.get("displayName").and_then(Value::as_str).unwrap_or_default();
        names.iter().any(|it| name.eq_ignore_ascii_case(it))
    };
    let targets = entry.target_resources.iter().flatten();
    targets
        .filter_map(|target| target.modified_properties.as_ref()?.as_array())
        .flatten()
        .any(is_it)
}

/// What the directory itself calls a property, where that is another name than Graph's. From
/// memory; the log has been seen to use it.
const fn attribute(property: Property) -> &'static str {
    match property {
        Property::OfficeLocation => "PhysicalDeliveryOfficeName",
        Property::MobilePhone => "Mobile",
        Property::BusinessPhones => "TelephoneNumber",
        Property::OtherMails => "OtherMail",
        Property::CompanyName => "Company",
        Property::DisplayName
        | Property::GivenName
        | Property::Surname
        | Property::JobTitle
        | Property::Department
        | Property::EmployeeId
        | Property::StreetAddress
        | Property::City
        | Property::State
        | Property::PostalCode
        | Property::Country
        | Property::PreferredLanguage
        | Property::UsageLocation => property.name(),
    }
}

/// Whether an entry's reason speaks of the kind of method that was changed. Only prefers one entry
/// over another: how kinds are worded is not promised.
fn is_about_method(entry: &AuditEntry, action: &Action) -> bool {
    let kind = match action {
        Action::MethodRemove { method, .. } => method.kind,
        Action::TapIssue { .. } | Action::TapWithdraw { .. } => MethodKind::TemporaryAccessPass,
        _ => return true,
    };
    let words: &[&str] = match kind {
        MethodKind::Phone => &["phone", "sms"],
        MethodKind::MicrosoftAuthenticator => &["authenticator"],
        MethodKind::SoftwareOath => &["oath", "one-time code"],
        MethodKind::Fido2 => &["fido", "passkey", "security key"],
        MethodKind::WindowsHelloForBusiness => &["hello"],
        MethodKind::PlatformCredential => &["platform"],
        MethodKind::Email => &["email", "e-mail"],
        MethodKind::TemporaryAccessPass => &["access pass"],
        MethodKind::ExternalAuthentication => &["external"],
    };
    let reason = entry.result_reason.as_deref().unwrap_or_default().to_lowercase();
    words.iter().any(|word| reason.contains(word))
}

/// The names that an action's primary entry may have in the tenant's log, the best first (Entra
/// page "Audit log activity reference").
const fn activities(action: &Action) -> &'static [&'static str] {
    match action {
        Action::UserFind { .. } | Action::SigninExplain { .. } => &[],
        Action::PasswordReset { .. } => {
            &["Reset user password", "Reset password (by admin)", "Reset password"]
        }
        Action::TapIssue { .. } => &["Admin registered security info"],
        Action::TapWithdraw { .. } | Action::MfaReset { .. } | Action::MethodRemove { .. } => {
            &["Admin deleted security info"]
        }
        Action::SessionRevoke { .. } => &["Update StsRefreshTokenValidFrom Timestamp"],
        Action::AccountBlock { .. } => &["Disable account"],
        Action::AccountUnblock { .. } => &["Enable account"],
        Action::LicenseAssign { .. } | Action::LicenseRemove { .. } => &["Change user license"],
        Action::GroupMemberAdd { .. } => &["Add member to group"],
        Action::GroupMemberRemove { .. } => &["Remove member from group"],
        Action::UserUpdate { .. } => &["Update user"],
        Action::ManagerSet { manager: Some(_), .. } => &["Set user manager"],
        Action::ManagerSet { manager: None, .. } => &["Remove user manager"],
    }
}

/// From when until when an entry may be dated.
fn window(trace: &Trace) -> (Timestamp, Timestamp) {
    let from = trace.sent_at.saturating_sub(SKEW).unwrap_or(trace.sent_at);
    let last = trace.ended_at.unwrap_or(trace.sent_at).max(trace.sent_at);
    (from, last.saturating_add(AFTER).unwrap_or(last))
}

/// How far an entry is from its call. Parts of one plan are sent one after the other, each when
/// the one before it has ended, so of the entries before a call's end the last is its own.
fn far(at: Timestamp, trace: &Trace) -> (bool, bool, SignedDuration) {
    let early = at < trace.sent_at.saturating_sub(SKEW).unwrap_or(trace.sent_at);
    match trace.ended_at {
        Some(ended) => {
            let late = at > ended.saturating_add(SKEW).unwrap_or(ended);
            (early || late, at > ended, at.duration_since(ended).abs())
        }
        None => (early, at < trace.sent_at, at.duration_since(trace.sent_at).abs()),
    }
}

fn tenant_entry(entry: &AuditEntry, raw: Value) -> TenantEntry {
    TenantEntry {
        id: entry.id.clone(),
        activity: entry.activity_display_name.clone(),
        at: entry.activity_date_time,
        initiated_by: entry.actor(),
        correlation_id: entry.correlation_id.clone().unwrap_or_default(),
        raw,
    }
}

/// How far the tenant's clock may be from ours.
const SKEW: SignedDuration = SignedDuration::from_secs(5);
/// How long after a call an entry may be dated.
const AFTER: SignedDuration = SignedDuration::from_secs(60);
