//! What Graph says about people, groups and licences, and its translation into our words.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use subtwin_kernel::names::shown;
use subtwin_kernel::{Group, GroupId, GroupKind, Licence, Person, SkuId, UserId};
use uuid::Uuid;

use crate::products::product_name;

/// A user, with everything the tools ask about one.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) id: UserId,
    display_name: Option<String>,
    user_principal_name: Option<String>,
    mail: Option<String>,
    department: Option<String>,
    job_title: Option<String>,
    user_type: Option<String>,
    account_enabled: Option<bool>,
    on_premises_sync_enabled: Option<bool>,
    usage_location: Option<String>,
    assigned_licenses: Option<Vec<AssignedLicence>>,
    license_assignment_states: Option<Vec<LicenceState>>,
    pub(crate) sign_in_sessions_valid_from_date_time: Option<Timestamp>,
    pub(crate) last_password_change_date_time: Option<Timestamp>,
    manager: Option<Reference>,
}

#[derive(Clone, Debug, Deserialize)]
struct Reference {
    id: UserId,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssignedLicence {
    sku_id: SkuId,
    disabled_plans: Option<Vec<Uuid>>,
}

/// One way in which a user has a licence: directly, or through a group.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LicenceState {
    pub(crate) sku_id: SkuId,
    pub(crate) disabled_plans: Option<Vec<Uuid>>,
    pub(crate) assigned_by_group: Option<GroupId>,
    state: Option<String>,
}

impl LicenceState {
    /// Whether the licence works; the other states are those of a failed or switched-off one.
    pub(crate) fn works(&self) -> bool {
        self.state.as_deref().is_none_or(|state| {
            state.eq_ignore_ascii_case("Active") || state.eq_ignore_ascii_case("ActiveWithError")
        })
    }
}

impl User {
    pub(crate) const SELECT: &str = "id,displayName,userPrincipalName,mail,userType,accountEnabled,\
         department,jobTitle,usageLocation,onPremisesSyncEnabled";
    pub(crate) const SELECT_PASSWORD: &str = "id,displayName,userPrincipalName,mail,userType,\
         accountEnabled,department,jobTitle,usageLocation,onPremisesSyncEnabled,\
         lastPasswordChangeDateTime";
    pub(crate) const SELECT_LICENCES: &str = "id,displayName,userPrincipalName,mail,userType,\
         accountEnabled,department,jobTitle,usageLocation,onPremisesSyncEnabled,assignedLicenses,\
         licenseAssignmentStates";

    pub(crate) fn person(&self) -> Person {
        let upn = self.user_principal_name.clone().unwrap_or_default();
        // Anybody may choose a name: what cannot be seen, line ends and reordering are made visible
        // before it stands in a summary.
        let text =
            |field: &Option<String>| field.as_deref().map(shown).filter(|text| !text.is_empty());
        Person {
            id: self.id,
            display_name: text(&self.display_name).unwrap_or_else(|| upn.clone()),
            mail: text(&self.mail),
            department: text(&self.department),
            job_title: text(&self.job_title),
            // An invited account whose type is not given is known by its UPN.
            guest: match &self.user_type {
                Some(kind) => kind.eq_ignore_ascii_case("Guest"),
                None => upn.contains("#EXT#"),
            },
            enabled: self.account_enabled.unwrap_or(false),
            synced: self.on_premises_sync_enabled.unwrap_or(false),
            usage_location: text(&self.usage_location),
            upn,
        }
    }

    /// The display name as the directory has it: to be compared, never to be shown.
    pub(crate) fn raw_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or_default()
    }

    /// Their manager, where it was read along.
    pub(crate) fn manager(&self) -> Option<UserId> {
        self.manager.as_ref().map(|manager| manager.id)
    }

    /// Every way in which the user has a licence.
    pub(crate) fn licences(&self) -> Vec<LicenceState> {
        match (&self.license_assignment_states, &self.assigned_licenses) {
            (Some(states), _) if !states.is_empty() => states.clone(),
            (_, Some(assigned)) => assigned
                .iter()
                .map(|licence| LicenceState {
                    sku_id: licence.sku_id,
                    disabled_plans: licence.disabled_plans.clone(),
                    assigned_by_group: None,
                    state: None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The direct assignment of one product, if there is one.
    pub(crate) fn direct(&self, sku: SkuId) -> Option<LicenceState> {
        self.licences()
            .into_iter()
            .find(|state| state.sku_id == sku && state.assigned_by_group.is_none())
    }
}

/// A group, with everything the tools ask about one.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireGroup {
    id: GroupId,
    display_name: Option<String>,
    mail: Option<String>,
    description: Option<String>,
    group_types: Option<Vec<String>>,
    mail_enabled: Option<bool>,
    is_assignable_to_role: Option<bool>,
    membership_rule: Option<String>,
    on_premises_sync_enabled: Option<bool>,
    assigned_licenses: Option<Vec<AssignedLicence>>,
    resource_provisioning_options: Option<Vec<String>>,
}

impl WireGroup {
    pub(crate) const SELECT: &str = "id,displayName,mail,description,groupTypes,securityEnabled,\
         mailEnabled,isAssignableToRole,membershipRule,onPremisesSyncEnabled,visibility,\
         assignedLicenses,resourceProvisioningOptions";

    pub(crate) fn group(&self) -> Group {
        let has = |kind: &str| {
            self.group_types.iter().flatten().any(|found| found.eq_ignore_ascii_case(kind))
        };
        let kind = if has("DynamicMembership")
            || self.membership_rule.as_ref().is_some_and(|rule| !rule.trim().is_empty())
        {
            GroupKind::Dynamic
        } else if has("Unified") {
            GroupKind::Microsoft365
        } else if self.mail_enabled.unwrap_or(false) {
            GroupKind::MailEnabled
        } else {
            GroupKind::Security
        };
        // Anybody may choose a name: what cannot be seen, line ends and reordering are made visible
        // before it stands in a summary.
        let text =
            |field: &Option<String>| field.as_deref().map(shown).filter(|text| !text.is_empty());
        Group {
            id: self.id,
            display_name: text(&self.display_name).unwrap_or_else(|| self.id.to_string()),
            mail: text(&self.mail),
            description: text(&self.description),
            kind,
            role_assignable: self.is_assignable_to_role.unwrap_or(false),
            synced: self.on_premises_sync_enabled.unwrap_or(false),
        }
    }

    /// The display name as the directory has it: to be compared, never to be shown.
    pub(crate) fn raw_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or_default()
    }

    /// The products that members get through the group.
    pub(crate) fn licences(&self) -> Vec<SkuId> {
        self.assigned_licenses.iter().flatten().map(|licence| licence.sku_id).collect()
    }

    /// Whether a team stands behind it.
    pub(crate) fn is_team(&self) -> bool {
        self.resource_provisioning_options
            .iter()
            .flatten()
            .any(|option| option.eq_ignore_ascii_case("Team"))
    }
}

/// A product the tenant owns.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sku {
    pub(crate) sku_id: SkuId,
    sku_part_number: Option<String>,
    pub(crate) capability_status: Option<String>,
    applies_to: Option<String>,
    consumed_units: Option<i64>,
    prepaid_units: Option<Units>,
    service_plans: Option<Vec<ServicePlan>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Units {
    enabled: Option<i64>,
    /// Of a subscription in its days of grace; they can still be given.
    warning: Option<i64>,
}

/// A service inside a product.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServicePlan {
    pub(crate) service_plan_id: Uuid,
    pub(crate) service_plan_name: Option<String>,
}

impl Sku {
    /// Whether it is given to people; some products belong to the tenant as a whole.
    pub(crate) fn is_for_people(&self) -> bool {
        self.applies_to.as_deref().is_none_or(|to| to.eq_ignore_ascii_case("User"))
    }

    pub(crate) fn product(&self) -> String {
        product_name(self.sku_id, self.sku_part_number.as_deref())
    }

    pub(crate) fn plans(&self) -> &[ServicePlan] {
        self.service_plans.as_deref().unwrap_or_default()
    }

    /// Seats as Graph counts them: free is bought minus used, never below zero.
    pub(crate) fn licence(&self) -> Licence {
        let bought = self.prepaid_units.as_ref().map_or(0, |units| {
            units.enabled.unwrap_or(0).saturating_add(units.warning.unwrap_or(0))
        });
        let free = bought.saturating_sub(self.consumed_units.unwrap_or(0));
        Licence {
            sku: self.sku_id,
            part_number: self.sku_part_number.clone().unwrap_or_default(),
            product: self.product(),
            free: seats(free),
            total: seats(bought),
        }
    }
}

fn seats(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

/// A list that is read for its first page only.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Found<T> {
    pub(crate) value: Vec<T>,
    #[serde(rename = "@odata.count")]
    pub(crate) count: Option<u64>,
}

/// Anything in the directory, when only who it is matters.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Object {
    pub(crate) id: Uuid,
    pub(crate) display_name: Option<String>,
    /// Only people have one.
    pub(crate) user_principal_name: Option<String>,
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    is_assignable_to_role: Option<bool>,
}

impl Object {
    pub(crate) fn is_group(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("#microsoft.graph.group"))
    }

    pub(crate) fn carries_roles(&self) -> bool {
        self.is_assignable_to_role.unwrap_or(false)
    }
}

/// An entry of the tenant's audit log, read leniently: only what is matched on must be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEntry {
    pub(crate) id: String,
    pub(crate) activity_display_name: String,
    pub(crate) activity_date_time: Timestamp,
    pub(crate) correlation_id: Option<String>,
    pub(crate) result: Option<String>,
    pub(crate) result_reason: Option<String>,
    pub(crate) initiated_by: Option<InitiatedBy>,
    pub(crate) target_resources: Option<Vec<AuditTarget>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct InitiatedBy {
    pub(crate) user: Option<AuditUser>,
    app: Option<AuditApp>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditApp {
    display_name: Option<String>,
}

impl AuditEntry {
    pub(crate) fn succeeded(&self) -> bool {
        self.result.as_deref().is_none_or(|result| result.eq_ignore_ascii_case("success"))
    }

    /// Who did it, as the tenant says.
    pub(crate) fn actor(&self) -> String {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let by = self.initiated_by.as_ref();
        let user = by.and_then(|by| by.user.as_ref());
        // The UPN first: the display name has been seen to carry the client app's name.
        let user = user.and_then(|user| {
            given(&user.user_principal_name)
                .or_else(|| given(&user.display_name))
                .or_else(|| given(&user.id))
        });
        let app = by.and_then(|by| given(&by.app.as_ref()?.display_name));
        user.or(app).unwrap_or_else(|| "somebody whom it does not name".to_owned())
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditUser {
    pub(crate) id: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) user_principal_name: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditTarget {
    pub(crate) id: Option<String>,
    pub(crate) modified_properties: Option<Value>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn group(value: &Value) -> Group {
        let mut whole = json!({"id": "00000000-0000-0000-0000-000000000001"});
        for (key, value) in value.as_object().unwrap() {
            whole[key] = value.clone();
        }
        serde_json::from_value::<WireGroup>(whole).unwrap().group()
    }

    #[test]
    fn a_groups_kind_follows_from_its_types_and_its_mail() {
        let kind = |value: Value| group(&value).kind;
        assert_eq!(kind(json!({"groupTypes": [], "mailEnabled": false})), GroupKind::Security);
        assert_eq!(
            kind(json!({"groupTypes": ["Unified"], "mailEnabled": true})),
            GroupKind::Microsoft365
        );
        assert_eq!(
            kind(json!({"groupTypes": ["Unified", "DynamicMembership"]})),
            GroupKind::Dynamic
        );
        assert_eq!(kind(json!({"membershipRule": "user.country -eq \"US\""})), GroupKind::Dynamic);
        assert_eq!(kind(json!({"groupTypes": [], "mailEnabled": true})), GroupKind::MailEnabled);
        let plain = group(&json!({"isAssignableToRole": null, "onPremisesSyncEnabled": null}));
        assert!(!plain.role_assignable && !plain.synced);
    }

    #[test]
    fn a_user_without_a_name_is_shown_by_upn_and_without_a_flag_is_not_enabled() {
        let user: User = serde_json::from_value(json!({
            "id": "00000000-0000-0000-0000-000000000001", "displayName": null,
            "userPrincipalName": "ann_fabrikam.com#EXT#@contoso.com", "department": " ",
        }))
        .unwrap();
        let person = user.person();
        assert_eq!(person.display_name, "ann_fabrikam.com#EXT#@contoso.com");
        assert!(person.guest && !person.enabled);
        assert_eq!(person.department, None);
    }

    #[test]
    fn free_seats_are_never_below_zero() {
        let sku: Sku = serde_json::from_value(json!({
            "skuId": "05e9a617-0261-4cee-bb44-138d3ef5d965", "skuPartNumber": "SPE_E3",
            "consumedUnits": 12, "prepaidUnits": {"enabled": 10, "warning": 0, "suspended": 0},
        }))
        .unwrap();
        let licence = sku.licence();
        assert_eq!((licence.free, licence.total), (0, 10));
        assert_eq!(licence.product, "Microsoft 365 E3");
    }

    #[test]
    fn seats_of_a_subscription_in_its_days_of_grace_count() {
        let sku: Sku = serde_json::from_value(json!({
            "skuId": "05e9a617-0261-4cee-bb44-138d3ef5d965", "skuPartNumber": "SPE_E3",
            "consumedUnits": 12, "prepaidUnits": {"enabled": 0, "warning": 15, "suspended": 9},
        }))
        .unwrap();
        assert_eq!((sku.licence().free, sku.licence().total), (3, 15));
    }
}
