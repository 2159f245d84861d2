//! Which entries each action writes, with the properties readers of real logs rely on.
//!
//! Shapes that were captured from real tenants: licence changes, session revocation, group and role
//! membership, app role grants. The rest follows Microsoft's activity list.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Actor, ModifiedProperty, Remark, Target, TargetKind};
use crate::graph::{Call, Caller};
use crate::tenant::{AssignedLicence, Role, Tenant};
use crate::world::World;

/// Who made a call and what ties its entries together.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    caller: Caller,
    correlation: Uuid,
    user_agent: Option<String>,
}

impl Trace {
    pub(crate) fn of(call: &Call) -> Self {
        Self {
            caller: call.caller.clone(),
            correlation: call.client_request_id.unwrap_or(call.request_id),
            user_agent: call.header("User-Agent").map(str::to_owned),
        }
    }

    /// For what is not done through Graph.
    pub(crate) fn by(caller: &Caller, correlation: Uuid) -> Self {
        Self { caller: caller.clone(), correlation, user_agent: None }
    }

    fn log(&self, world: &mut World, deed: Deed, targets: Vec<Target>) {
        self.remark(world, deed, targets, Remark::default());
    }

    /// For what another service than the directory logs.
    pub(super) fn remark(
        &self,
        world: &mut World,
        (activity, category, operation): Deed,
        targets: Vec<Target>,
        remark: Remark,
    ) {
        let (caller, agent) = (&self.caller, self.user_agent.clone());
        let correlation = self.correlation;
        world.audit(caller, correlation, activity, category, operation, targets, agent, remark);
    }

    /// For what a service did in consequence of the call.
    fn log_of(&self, service: &str, world: &mut World, deed: Deed, targets: Vec<Target>) {
        let actor =
            Actor::App { app_id: Uuid::nil(), principal: Uuid::nil(), name: service.to_owned() };
        world.write(actor, self.correlation, deed, targets, None, Remark::default());
    }
}

/// Activity, category, operation type.
pub(super) type Deed = (&'static str, &'static str, &'static str);

/// A changed attribute: Graph's name, value before, value after.
pub(crate) type Edit<'a> = (&'a str, Value, Value);

/// Tools 9 and 10, direct assignment: the pair `Change user license` (without properties) and
/// `Update user` (with them). `before` is what the user held.
pub(crate) fn license_changed(
    world: &mut World,
    trace: &Trace,
    user: Uuid,
    before: &[AssignedLicence],
) {
    for (deed, targets) in license_pair(&world.tenant, user, before) {
        trace.log(world, deed, targets);
    }
}

/// The same pair when group-based licensing did it.
pub(crate) fn license_inherited(
    world: &mut World,
    trace: &Trace,
    user: Uuid,
    before: &[AssignedLicence],
) {
    for (deed, targets) in license_pair(&world.tenant, user, before) {
        trace.log_of("Microsoft Azure AD Group-Based Licensing", world, deed, targets);
    }
}

fn license_pair(
    tenant: &Tenant,
    user: Uuid,
    before: &[AssignedLicence],
) -> [(Deed, Vec<Target>); 2] {
    let after = tenant.people.get(user).map_or(&[][..], |user| &user.licences);
    let properties = vec![
        change("AssignedLicense", &licenses(tenant, before), &licenses(tenant, after)),
        change("AssignedPlan", &plans(tenant, before), &plans(tenant, after)),
    ];
    [
        (
            ("Change user license", "UserManagement", "Update"),
            vec![person(tenant, user, Vec::new())],
        ),
        (UPDATE_USER, vec![updated(tenant, user, properties)]),
    ]
}

fn licenses(tenant: &Tenant, held: &[AssignedLicence]) -> Value {
    let mut seen = Vec::new();
    for licence in held {
        let name = tenant.skus.get(licence.sku).map_or("", |sku| sku.part_number.as_str());
        let disabled: Vec<_> = licence.disabled_plans.iter().map(Uuid::to_string).collect();
        let line = format!(
            "[SkuName={name}, AccountId={}, SkuId={}, DisabledPlans=[{}]]",
            tenant.id,
            licence.sku,
            disabled.join(", ")
        );
        if !seen.contains(&line) {
            seen.push(line);
        }
    }
    json!(seen)
}

fn plans(tenant: &Tenant, held: &[AssignedLicence]) -> Value {
    let mut seen: Vec<Value> = Vec::new();
    for licence in held {
        let plans = tenant.skus.get(licence.sku).map_or(&[][..], |sku| &sku.plans);
        for (plan, name) in plans.iter().filter(|(id, _)| !licence.disabled_plans.contains(id)) {
            if seen.iter().any(|row| row.get("ServicePlanId") == Some(&json!(plan))) {
                continue;
            }
            seen.push(json!({
                "SubscribedPlanId": plan,
                "ServiceInstance": format!("{name}/SDF"),
                "CapabilityStatus": 0,
                "AssignedTimestamp": ticks(licence.updated),
                "InitialState": null,
                "Capability": null,
                "ServicePlanId": plan,
            }));
        }
    }
    Value::Array(seen)
}

/// Tool 11.
pub(crate) fn member_added(world: &mut World, trace: &Trace, group: Uuid, member: Uuid) {
    trace.log(world, ADD_MEMBER, group_link(&world.tenant, group, member, true));
}

/// Tool 12.
pub(crate) fn member_removed(world: &mut World, trace: &Trace, group: Uuid, member: Uuid) {
    trace.log(world, REMOVE_MEMBER, group_link(&world.tenant, group, member, false));
}

/// A dynamic group took a user in by its rule, or let them go.
pub(crate) fn rule_followed(
    world: &mut World,
    trace: &Trace,
    (group, user): (Uuid, Uuid),
    joined: bool,
) {
    let deed = if joined { ADD_MEMBER } else { REMOVE_MEMBER };
    let targets = group_link(&world.tenant, group, user, joined);
    // That this service signs for it is from memory.
    trace.log_of("Microsoft Approval Management", world, deed, targets);
}

/// A new owner of a group.
pub(crate) fn owner_added(world: &mut World, trace: &Trace, group: Uuid, owner: Uuid) {
    let deed = ("Add owner to group", "GroupManagement", "Assign");
    trace.log(world, deed, group_link(&world.tenant, group, owner, true));
}

/// An owner of a group less.
pub(crate) fn owner_removed(world: &mut World, trace: &Trace, group: Uuid, owner: Uuid) {
    let deed = ("Remove owner from group", "GroupManagement", "Unassign");
    trace.log(world, deed, group_link(&world.tenant, group, owner, false));
}

fn group_link(tenant: &Tenant, group: Uuid, member: Uuid, added: bool) -> Vec<Target> {
    let name = tenant.groups.get(group).map(|group| group.display_name.clone());
    let rows = vec![
        link("Group.ObjectID", Some(group.to_string()), added),
        link("Group.DisplayName", name, added),
        link("Group.WellKnownObjectName", None, added),
    ];
    let of_member = if tenant.groups.get(member).is_some() {
        bare(TargetKind::Group, member, None, rows)
    } else {
        person(tenant, member, rows)
    };
    vec![of_member, bare(TargetKind::Group, group, None, Vec::new())]
}

/// A group was made.
pub(crate) fn group_created(world: &mut World, trace: &Trace, group: Uuid) {
    let name = world.tenant.groups.get(group).map(|group| group.display_name.clone());
    let rows = vec![change("DisplayName", &json!([]), &json!([name])), included(&["DisplayName"])];
    let target = bare(TargetKind::Group, group, name, rows);
    trace.log(world, ("Add group", "GroupManagement", "Add"), vec![target]);
}

/// A group's attributes changed.
pub(crate) fn group_updated(world: &mut World, trace: &Trace, group: Uuid, changes: &[Edit<'_>]) {
    let name = world.tenant.groups.get(group).map(|group| group.display_name.clone());
    let mut rows = attributes(changes);
    let names: Vec<_> = rows.iter().map(|row| row.name).collect();
    rows.push(included(&names));
    let target = bare(TargetKind::Group, group, name, rows);
    trace.log(world, ("Update group", "GroupManagement", "Update"), vec![target]);
}

/// A group was deleted. Call it before the group is gone.
pub(crate) fn group_deleted(world: &mut World, trace: &Trace, group: Uuid) {
    let name = world.tenant.groups.get(group).map(|group| group.display_name.clone());
    let target = bare(TargetKind::Group, group, name, Vec::new());
    trace.log(world, ("Delete group", "GroupManagement", "Delete"), vec![target]);
}

/// Tool 6: the pair `Update StsRefreshTokenValidFrom Timestamp` and `Update user`.
pub(crate) fn sessions_revoked(
    world: &mut World,
    trace: &Trace,
    user: Uuid,
    before: Timestamp,
    after: Timestamp,
) {
    let row =
        || change("StsRefreshTokensValidFrom", &json!([seconds(before)]), &json!([seconds(after)]));
    let bare = person(&world.tenant, user, vec![row()]);
    trace.log(
        world,
        ("Update StsRefreshTokenValidFrom Timestamp", "UserManagement", "Update"),
        vec![bare],
    );
    let full = updated(&world.tenant, user, vec![row()]);
    trace.log(world, UPDATE_USER, vec![full]);
}

/// Tools 7 and 8: `Disable account` or `Enable account`, and `Update user`.
pub(crate) fn account_enabled(world: &mut World, trace: &Trace, user: Uuid, enabled: bool) {
    let row = || change("AccountEnabled", &json!([!enabled]), &json!([enabled]));
    let activity = if enabled { "Enable account" } else { "Disable account" };
    let bare = person(&world.tenant, user, vec![row()]);
    trace.log(world, (activity, "UserManagement", "Update"), vec![bare]);
    let full = updated(&world.tenant, user, vec![row()]);
    trace.log(world, UPDATE_USER, vec![full]);
}

/// Tool 13: `Update user`.
pub(crate) fn user_updated(world: &mut World, trace: &Trace, user: Uuid, changes: &[Edit<'_>]) {
    let target = updated(&world.tenant, user, attributes(changes));
    trace.log(world, UPDATE_USER, vec![target]);
}

/// Tool 13: `Set user manager`, or `Remove user manager` when there is none now.
pub(crate) fn manager_set(world: &mut World, trace: &Trace, user: Uuid, manager: Option<Uuid>) {
    let (activity, operation) = match manager {
        Some(_) => ("Set user manager", "Assign"),
        None => ("Remove user manager", "Unassign"),
    };
    let mut targets = vec![person(&world.tenant, user, Vec::new())];
    targets.extend(manager.map(|manager| person(&world.tenant, manager, Vec::new())));
    trace.log(world, (activity, "UserManagement", operation), targets);
}

/// Tool 3, cloud-only account. Sessions end too: `before` and `after` as in [`sessions_revoked`].
pub(crate) fn password_reset(
    world: &mut World,
    trace: &Trace,
    user: Uuid,
    force_change: bool,
    (before, after): (Timestamp, Timestamp),
) {
    let target = person(&world.tenant, user, Vec::new());
    trace.log(world, ("Reset user password", "UserManagement", "Update"), vec![target]);
    // Captured: password values are null on both sides.
    let password = ModifiedProperty { name: "Password", old: None, new: None };
    let force = change("ForceChangePassword", &json!([!force_change]), &json!([force_change]));
    let target = person(&world.tenant, user, vec![password, force]);
    trace.log(world, ("Update PasswordProfile", "UserManagement", "Update"), vec![target]);
    sessions_revoked(world, trace, user, before, after);
}

/// `Add user`.
pub(crate) fn user_created(world: &mut World, trace: &Trace, user: Uuid) {
    let person = world.tenant.people.get(user);
    let rows = vec![
        change("AccountEnabled", &json!([]), &json!([person.is_none_or(|user| user.enabled)])),
        change("DisplayName", &json!([]), &json!([person.map(|user| user.display_name.clone())])),
        change("UserPrincipalName", &json!([]), &json!([person.map(|user| user.upn.clone())])),
    ];
    let target = updated(&world.tenant, user, rows);
    trace.log(world, ("Add user", "UserManagement", "Add"), vec![target]);
}

/// `Delete user`: into the bin, the name already mangled. Call it while the user can still be
/// found.
pub(crate) fn user_deleted(world: &mut World, trace: &Trace, user: Uuid) {
    let upn = world.tenant.people.get(user).map(|user| user.upn.clone());
    let mangled = upn.map(|upn| format!("{}{upn}", user.simple()));
    let mut target = person(
        &world.tenant,
        user,
        vec![ModifiedProperty {
            name: "Is Hard Deleted",
            old: None,
            new: Some(json!("False").to_string()),
        }],
    );
    target.upn = mangled;
    trace.log(world, ("Delete user", "UserManagement", "Delete"), vec![target]);
}

/// `Hard Delete user` or `Restore user`: somebody in the bin.
pub(crate) fn user_binned(world: &mut World, trace: &Trace, user: Uuid, upn: &str, gone: bool) {
    let mut target = person(&world.tenant, user, Vec::new());
    target.upn = Some(upn.to_owned());
    let deed = if gone {
        ("Hard Delete user", "UserManagement", "Delete")
    } else {
        ("Restore user", "UserManagement", "Update")
    };
    trace.log(world, deed, vec![target]);
}

/// `Add member to role`, or `Remove member from role`.
pub(crate) fn role_changed(
    world: &mut World,
    trace: &Trace,
    role: &Role,
    member: Uuid,
    added: bool,
) {
    let well_known = match role.display_name {
        "Global Administrator" => "TenantAdmins".to_owned(),
        name => name.replace(' ', "").replace("Administrator", "Administrators"),
    };
    let rows = vec![
        link("Role.ObjectID", Some(role.id.to_string()), added),
        link("Role.DisplayName", Some(role.display_name.to_owned()), added),
        link("Role.TemplateId", Some(role.template.to_string()), added),
        link("Role.WellKnownObjectName", Some(well_known), added),
    ];
    let deed = if added {
        ("Add member to role", "RoleManagement", "Assign")
    } else {
        ("Remove member from role", "RoleManagement", "Unassign")
    };
    let targets = vec![
        principal(&world.tenant, member, rows),
        bare(TargetKind::Role, role.id, None, Vec::new()),
    ];
    trace.log(world, deed, targets);
}

/// An app registration was added, updated, deleted, or its credentials changed.
pub(crate) fn application_changed(
    world: &mut World,
    trace: &Trace,
    id: Uuid,
    name: &str,
    (activity, operation): (&'static str, &'static str),
) {
    let target = bare(TargetKind::Application, id, Some(name.to_owned()), Vec::new());
    trace.log(world, (activity, "ApplicationManagement", operation), vec![target]);
}

/// A service principal was added, updated or deleted.
pub(crate) fn principal_changed(
    world: &mut World,
    trace: &Trace,
    id: Uuid,
    name: &str,
    (activity, operation): (&'static str, &'static str),
) {
    let target = bare(TargetKind::ServicePrincipal, id, Some(name.to_owned()), Vec::new());
    trace.log(world, (activity, "ApplicationManagement", operation), vec![target]);
}

/// Delegated scopes were granted, changed or taken back.
pub(crate) fn scopes_granted(
    world: &mut World,
    trace: &Trace,
    (client, resource): (Uuid, Uuid),
    (before, after): (Option<String>, Option<String>),
) {
    let deed = match (&before, &after) {
        (_, None) => ("Remove delegated permission grant", "ApplicationManagement", "Unassign"),
        (None, _) => ("Add delegated permission grant", "ApplicationManagement", "Assign"),
        (Some(_), Some(_)) => {
            ("Update delegated permission grant", "ApplicationManagement", "Update")
        }
    };
    let row = ModifiedProperty {
        name: "DelegatedPermissionGrant.Scope",
        old: before.map(|scope| json!(scope).to_string()),
        new: after.map(|scope| json!(scope).to_string()),
    };
    let targets = vec![
        principal(&world.tenant, resource, vec![row]),
        principal(&world.tenant, client, Vec::new()),
    ];
    trace.log(world, deed, targets);
}

/// An application permission was granted or taken back.
pub(crate) fn app_role_changed(
    world: &mut World,
    trace: &Trace,
    (client, resource): (Uuid, Uuid),
    (role_id, role): (Uuid, &str),
    added: bool,
) {
    let client = world.tenant.apps.principals.iter().find(|principal| principal.id == client);
    let name = client.map(|principal| principal.display_name.clone());
    let app_id = client.map(|principal| principal.app_id.to_string());
    let rows = vec![
        link("AppRole.Id", Some(role_id.to_string()), added),
        link("AppRole.Value", Some(role.to_owned()), added),
        link("ServicePrincipal.DisplayName", name, added),
        link("ServicePrincipal.AppId", app_id, added),
    ];
    let deed = if added {
        ("Add app role assignment to service principal", "ApplicationManagement", "Assign")
    } else {
        ("Remove app role assignment from service principal", "ApplicationManagement", "Unassign")
    };
    let targets = vec![principal(&world.tenant, resource, rows)];
    trace.log(world, deed, targets);
}

const ADD_MEMBER: Deed = ("Add member to group", "GroupManagement", "Assign");
const REMOVE_MEMBER: Deed = ("Remove member from group", "GroupManagement", "Unassign");
const UPDATE_USER: Deed = ("Update user", "UserManagement", "Update");

/// An attribute change: values are arrays.
fn change(name: &'static str, old: &Value, new: &Value) -> ModifiedProperty {
    ModifiedProperty { name, old: Some(old.to_string()), new: Some(new.to_string()) }
}

/// A link or a fact about one: values are quoted scalars on the side where the link was.
fn link(name: &'static str, value: Option<String>, added: bool) -> ModifiedProperty {
    let value = value.map(|value| json!(value).to_string());
    if added {
        ModifiedProperty { name, old: None, new: value }
    } else {
        ModifiedProperty { name, old: value, new: None }
    }
}

fn included(names: &[&str]) -> ModifiedProperty {
    link("Included Updated Properties", Some(names.join(", ")), true)
}

fn attributes(changes: &[Edit<'_>]) -> Vec<ModifiedProperty> {
    changes
        .iter()
        .map(|(name, old, new)| change(attribute(name), &listed(old), &listed(new)))
        .collect()
}

fn listed(value: &Value) -> Value {
    match value {
        Value::Null => json!([]),
        Value::Array(_) => value.clone(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => json!([value]),
    }
}

fn bare(
    kind: TargetKind,
    id: Uuid,
    display_name: Option<String>,
    properties: Vec<ModifiedProperty>,
) -> Target {
    Target { kind, id, display_name, upn: None, properties }
}

/// A user as a target: captured with a null display name.
pub(super) fn person(tenant: &Tenant, id: Uuid, properties: Vec<ModifiedProperty>) -> Target {
    let upn = tenant.people.get(id).map(|user| user.upn.clone());
    Target { kind: TargetKind::User, id, display_name: None, upn, properties }
}

/// A user as the target of `Update user`: with the two rows that describe the rest.
fn updated(tenant: &Tenant, id: Uuid, mut properties: Vec<ModifiedProperty>) -> Target {
    let names: Vec<_> = properties.iter().map(|row| row.name).collect();
    properties.push(included(&names));
    let guest = tenant.people.get(id).is_some_and(|user| user.guest);
    let kind = if guest { "Guest" } else { "Member" };
    properties.push(link("TargetId.UserType", Some(kind.to_owned()), true));
    person(tenant, id, properties)
}

fn principal(tenant: &Tenant, id: Uuid, mut properties: Vec<ModifiedProperty>) -> Target {
    let found = tenant.apps.principals.iter().find(|principal| principal.id == id);
    match found {
        Some(found) => {
            if !properties.is_empty() {
                let names = Some(found.app_id.to_string());
                properties.push(link("TargetId.ServicePrincipalNames", names, true));
            }
            let name = Some(found.display_name.clone());
            bare(TargetKind::ServicePrincipal, id, name, properties)
        }
        None => person(tenant, id, properties),
    }
}

/// The directory's own name of an attribute.
fn attribute(graph: &str) -> &'static str {
    match graph {
        "accountEnabled" => "AccountEnabled",
        "businessPhones" => "TelephoneNumber",
        "city" => "City",
        "companyName" => "CompanyName",
        "country" => "Country",
        "department" => "Department",
        "description" => "Description",
        "displayName" => "DisplayName",
        "employeeId" => "EmployeeId",
        "givenName" => "GivenName",
        "jobTitle" => "JobTitle",
        "mail" => "Mail",
        "mailNickname" => "MailNickname",
        "membershipRule" => "MembershipRule",
        "mobilePhone" => "Mobile",
        "officeLocation" => "PhysicalDeliveryOfficeName",
        "otherMails" => "OtherMail",
        "postalCode" => "PostalCode",
        "preferredLanguage" => "PreferredLanguage",
        "state" => "State",
        "streetAddress" => "StreetAddress",
        "surname" => "Surname",
        "usageLocation" => "UsageLocation",
        "userPrincipalName" => "UserPrincipalName",
        "visibility" => "Visibility",
        _ => "DirectoryAttribute",
    }
}

/// As the log writes times: seven decimals at most, trailing zeros dropped.
pub(crate) fn ticks(at: Timestamp) -> String {
    let nanos = at.subsec_nanosecond().rem_euclid(1_000_000_000);
    let whole = seconds(at);
    let fraction = format!("{:07}", nanos / 100);
    match fraction.trim_end_matches('0') {
        "" => whole,
        digits => format!("{}.{digits}Z", whole.trim_end_matches('Z')),
    }
}

/// Whole seconds, `Z`.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
