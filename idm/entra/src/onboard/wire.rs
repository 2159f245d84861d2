//! What Graph says about accounts, registrations, consent, roles and products, as far as
//! onboarding asks.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use subtwin_kernel::SkuId;
use uuid::Uuid;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) display_name: Option<String>,
    pub(super) user_principal_name: Option<String>,
    pub(super) user_type: Option<String>,
    pub(super) account_enabled: Option<bool>,
    pub(super) on_premises_sync_enabled: Option<bool>,
    pub(super) usage_location: Option<String>,
    pub(super) created_date_time: Option<Timestamp>,
    #[serde(default)]
    pub(super) assigned_licenses: Vec<Assigned>,
}

impl Account {
    pub(super) const SELECT: &str = "id,displayName,userPrincipalName,userType,accountEnabled,\
         onPremisesSyncEnabled,usageLocation,createdDateTime,assignedLicenses";
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assigned {
    pub(super) sku_id: SkuId,
    #[serde(default)]
    pub(super) disabled_plans: Vec<Uuid>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Application {
    pub(super) id: String,
    pub(super) app_id: String,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    pub(super) is_fallback_public_client: Option<bool>,
    #[serde(default)]
    pub(super) key_credentials: Vec<serde_json::Value>,
    #[serde(default)]
    pub(super) password_credentials: Vec<serde_json::Value>,
    #[serde(default)]
    pub(super) required_resource_access: Vec<ResourceAccess>,
    pub(super) public_client: Option<Redirects>,
    pub(super) web: Option<Redirects>,
    pub(super) spa: Option<Redirects>,
}

impl Application {
    pub(super) const SELECT: &str = "id,appId,displayName,tags,isFallbackPublicClient,\
         keyCredentials,passwordCredentials,requiredResourceAccess,publicClient,web,spa";

    /// Every address that an answer may go to.
    pub(super) fn redirects(&self) -> impl Iterator<Item = &str> {
        let all = [&self.public_client, &self.web, &self.spa];
        all.into_iter().flatten().flat_map(|one| &one.redirect_uris).map(String::as_str)
    }

    /// Whether nobody but its user can act through it: no secret, no certificate, answers to the
    /// user's own machine only.
    pub(super) fn is_harmless(&self) -> bool {
        self.key_credentials.is_empty()
            && self.password_credentials.is_empty()
            && self.is_fallback_public_client == Some(true)
            && self.redirects().all(|uri| uri == REDIRECT)
    }

    /// Ids of the permissions it is registered for, delegated and others.
    pub(super) fn required(&self) -> BTreeSet<(Uuid, String)> {
        let all = self.required_resource_access.iter().flat_map(|one| &one.resource_access);
        all.map(|access| (access.id, access.kind.clone())).collect()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Redirects {
    #[serde(default)]
    pub(super) redirect_uris: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceAccess {
    #[serde(default)]
    pub(super) resource_access: Vec<Access>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Access {
    pub(super) id: Uuid,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Principal {
    pub(super) id: String,
    pub(super) app_role_assignment_required: Option<bool>,
    #[serde(default)]
    pub(super) oauth2_permission_scopes: Vec<Scope>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Scope {
    pub(super) id: Uuid,
    pub(super) value: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppAssignment {
    pub(super) id: String,
    pub(super) principal_id: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Grant {
    pub(super) id: String,
    pub(super) consent_type: String,
    pub(super) principal_id: Option<String>,
    pub(super) resource_id: String,
    #[serde(default)]
    pub(super) scope: String,
}

impl Grant {
    pub(super) fn scopes(&self) -> BTreeSet<String> {
        self.scope.split_whitespace().map(str::to_owned).collect()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleAssignment {
    pub(super) id: String,
    pub(super) role_definition_id: Uuid,
    pub(super) directory_scope_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubscribedSku {
    pub(super) sku_id: SkuId,
    #[serde(rename = "skuPartNumber", default)]
    pub(super) part_number: String,
    capability_status: Option<String>,
    applies_to: Option<String>,
    #[serde(default)]
    consumed_units: i64,
    prepaid_units: Option<Prepaid>,
    #[serde(default)]
    service_plans: Vec<ServicePlan>,
}

#[derive(Clone, Debug, Deserialize)]
struct Prepaid {
    #[serde(default)]
    enabled: i64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServicePlan {
    service_plan_id: Uuid,
}

impl SubscribedSku {
    pub(super) fn is_for_users(&self) -> bool {
        self.applies_to.as_deref() != Some("Company")
            && self.capability_status.as_deref().is_none_or(|status| status == "Enabled")
    }

    pub(super) fn free(&self) -> i64 {
        let bought = self.prepaid_units.as_ref().map_or(0, |units| units.enabled);
        bought.saturating_sub(self.consumed_units).max(0)
    }

    pub(super) fn plans(&self) -> impl Iterator<Item = Uuid> {
        self.service_plans.iter().map(|plan| plan.service_plan_id)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthorizationPolicy {
    pub(super) default_user_role_permissions: Option<UserRolePermissions>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserRolePermissions {
    #[serde(default)]
    pub(super) permission_grant_policies_assigned: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PassConfiguration {
    pub(super) state: Option<String>,
    pub(super) minimum_lifetime_in_minutes: Option<u32>,
    pub(super) maximum_lifetime_in_minutes: Option<u32>,
    pub(super) is_usable_once: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Id {
    pub(super) id: String,
}

/// Where a browser's answer to a program on its own machine goes; any port matches (RFC 8252
/// section 7.3).
pub(super) const REDIRECT: &str = "http://localhost";
