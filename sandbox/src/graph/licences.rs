//! Products and their seats: `subscribedSkus`, `assignLicense`, `licenseDetails`.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};
use uuid::Uuid;

use super::listing::Listing;
use super::{Answer, Call, Handled, Problem};
use crate::tenant::audit::events::{self, Trace, seconds};
use crate::tenant::{AssignedLicence, Conflict, Effect, Sku, Tenant, Unlicensed, User, Wanted};
use crate::world::{Event, World};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["subscribedskus"]) => skus(world, call),
        ("GET", ["subscribedskus", _]) => sku(world, call),
        ("GET", ["users", _, "licensedetails"]) => details(world, call),
        ("GET", ["users", _, "licensedetails", _]) => detail(world, call),
        ("POST", ["users", _, "assignlicense"]) => assign(world, call),
        ("POST", ["users", _, "reprocesslicenseassignment"]) => reprocess(world, call),
        ("POST", ["groups", _, "assignlicense"]) => assign_to_group(world, call),
        _ => return None,
    })
}

const SKUS: Listing<'_> =
    Listing { context: "subscribedSkus", filterable: &[], page: 999, orderable: None };

const READ: &[&str] = &[
    "LicenseAssignment.Read.All",
    "LicenseAssignment.ReadWrite.All",
    "Organization.Read.All",
    "Organization.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const WRITE: &[&str] =
    &["LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"];
const WRITE_GROUP: &[&str] =
    &["LicenseAssignment.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"];

fn skus(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    let tenant = &world.tenant;
    SKUS.answer(call, tenant.skus.0.iter().map(|sku| subscribed_sku(tenant, sku)).collect())
}

fn sku(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    let (tenant, id) = (&world.tenant, call.segment(1));
    let found = tenant.skus.0.iter().find(|sku| sku_id(tenant, sku).eq_ignore_ascii_case(id));
    let found = found.ok_or_else(|| Problem::not_found(id))?;
    SKUS.entity(call, subscribed_sku(tenant, found))
}

fn details(world: &World, call: &Call) -> Result<Answer, Problem> {
    let user = readable(world, call)?;
    let context = format!("users('{}')/licenseDetails", user.id);
    let listing = Listing { context: &context, ..SKUS };
    listing.answer(call, license_details(&world.tenant, user))
}

fn detail(world: &World, call: &Call) -> Result<Answer, Problem> {
    let user = readable(world, call)?;
    let context = format!("users('{}')/licenseDetails", user.id);
    let id = call.segment(3);
    let mut details = license_details(&world.tenant, user).into_iter();
    let found = details.find(|detail| detail.get("id").and_then(Value::as_str) == Some(id));
    let found = found.ok_or_else(|| Problem::not_found(id))?;
    Listing { context: &context, ..SKUS }.entity(call, found)
}

fn readable<'a>(world: &'a World, call: &Call) -> Result<&'a User, Problem> {
    let key = call.segment(1);
    let user = world.tenant.people.find(key).ok_or_else(|| Problem::not_found(key))?;
    if call.caller.user == Some(user.id) {
        call.needs(&["User.Read", "User.ReadWrite", "User.Read.All", "User.ReadWrite.All"])
            .or_else(|_| call.needs(READ))?;
    } else {
        call.needs(&["User.Read.All", "User.ReadWrite.All"]).or_else(|_| call.needs(READ))?;
    }
    Ok(user)
}

fn assign(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let user = writable(world, call, WRITE)?;
    let wanted = wanted(&call.body)?;
    let now = world.now();
    let before = world.tenant.people.get(user).map(|user| user.licences.clone());
    let effects = world.tenant.change_licences(user, &wanted, now).map_err(|why| refused(&why))?;
    if !effects.is_empty() {
        for effect in effects {
            world.tenant.ledger.count(effect);
        }
        events::license_changed(world, &Trace::of(call), user, &before.unwrap_or_default());
        world.emit(Event::Directory { id: user });
    }
    answer(world, call, user)
}

fn reprocess(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let user = writable(world, call, WRITE)?;
    let now = world.now();
    let before = world.tenant.people.get(user).map(|user| user.licences.clone());
    let moved = world.tenant.reprocess_licences(user, now);
    inherited(world, &Trace::of(call), user, &before.unwrap_or_default(), moved);
    answer(world, call, user)
}

fn assign_to_group(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    call.needs(WRITE_GROUP)?;
    call.needs_role(world, &["License Administrator", "Groups Administrator"])?;
    let key = call.segment(1);
    let group = Uuid::try_parse(key).ok().and_then(|id| world.tenant.groups.get(id));
    let group = group.ok_or_else(|| Problem::not_found(key))?;
    let (id, mut licences) = (group.id, group.licences.clone());
    let wanted = wanted(&call.body)?;
    if wanted.add.iter().any(|(_, disabled)| !disabled.is_empty()) {
        return Err(Problem::unsupported(
            "The sandbox's groups pass on whole products: disabledPlans must be empty.",
        ));
    }
    for (sku, _) in &wanted.add {
        if world.tenant.skus.get(*sku).is_none() {
            return Err(refused(&Unlicensed::UnknownSku(*sku)));
        }
        if !licences.contains(sku) {
            licences.push(*sku);
        }
    }
    for sku in &wanted.remove {
        let at = licences.iter().position(|held| held == sku);
        licences.remove(at.ok_or_else(|| refused(&Unlicensed::NotHeld(*sku)))?);
    }
    let trace = Trace::of(call);
    if let Some(group) = world.tenant.groups.get_mut(id) {
        group.licences = licences;
    }
    let members = world.tenant.groups.get(id).map(|group| group.members.clone());
    for member in members.into_iter().flatten() {
        follow_groups(world, &trace, member);
    }
    world.emit(Event::Directory { id });
    let name = world.tenant.groups.get(id).map(|group| group.display_name.clone());
    let listing = Listing { context: "groups", ..SKUS };
    let body = json!({"id": id, "displayName": name});
    Ok(Answer { status: 202, headers: Vec::new(), body: Some(listing.wrapped(call, body)) })
}

/// Lets group licensing look at one user again.
pub(super) fn follow_groups(world: &mut World, trace: &Trace, user: Uuid) {
    let now = world.now();
    let before = world.tenant.people.get(user).map(|user| user.licences.clone());
    let moved = world.tenant.recompute_group_licences(user, now);
    inherited(world, trace, user, &before.unwrap_or_default(), moved);
}

/// Counts and writes down what group licensing changed for one member, if anything.
fn inherited(
    world: &mut World,
    trace: &Trace,
    user: Uuid,
    before: &[AssignedLicence],
    (came, went): (Vec<Uuid>, Vec<Uuid>),
) {
    if world.tenant.people.get(user).is_none_or(|user| user.licences == before) {
        return;
    }
    for sku in came {
        world.tenant.ledger.count(Effect::LicenceAssigned { user, sku });
    }
    for sku in went {
        world.tenant.ledger.count(Effect::LicenceRemoved { user, sku });
    }
    events::license_inherited(world, trace, user, before);
    world.emit(Event::Directory { id: user });
}

/// The user in the path, when the caller may change licences.
fn writable(world: &World, call: &Call, scopes: &[&str]) -> Result<Uuid, Problem> {
    call.needs(scopes)?;
    call.needs_role(world, &["License Administrator", "User Administrator"])?;
    let key = call.segment(1);
    world.tenant.people.find(key).map(|user| user.id).ok_or_else(|| Problem::not_found(key))
}

/// Reads `{"addLicenses": [...], "removeLicenses": [...]}`; both must be there.
fn wanted(body: &Value) -> Result<Wanted, Problem> {
    let missing: Vec<_> = ["addLicenses", "removeLicenses"]
        .into_iter()
        .filter(|name| body.get(name).is_none())
        .collect();
    if !missing.is_empty() {
        return Err(Problem::bad_request(format!(
            "One or more parameters of the operation 'assignLicense' are missing from the \
             request payload. The missing parameters are: {}.",
            missing.join(", ")
        )));
    }
    let mut wanted = Wanted::default();
    for item in array(body, "addLicenses")? {
        let plans = item.get("disabledPlans").and_then(Value::as_array);
        let plans = plans.map_or(&[][..], Vec::as_slice);
        let plans = plans.iter().map(guid).collect::<Result<_, _>>()?;
        wanted.add.push((guid(item.get("skuId").unwrap_or(&Value::Null))?, plans));
    }
    for item in array(body, "removeLicenses")? {
        wanted.remove.push(guid(item)?);
    }
    Ok(wanted)
}

fn array<'a>(body: &'a Value, name: &str) -> Result<&'a [Value], Problem> {
    let items = body.get(name).and_then(Value::as_array).map(Vec::as_slice);
    items.ok_or_else(|| {
        Problem::bad_request(format!(
            "A null value or a value that is not a collection was found for '{name}'."
        ))
    })
}

fn guid(value: &Value) -> Result<Uuid, Problem> {
    value.as_str().and_then(|text| Uuid::try_parse(text).ok()).ok_or_else(|| {
        Problem::bad_request(format!(
            "Cannot convert the literal '{value}' to the expected type 'Edm.Guid'."
        ))
    })
}

/// Microsoft's words where they are known from real answers: unknown product, no usage location,
/// no seats, inherited, not held. The other two are our own wording, and conflicts are
/// worded from memory.
fn refused(why: &Unlicensed) -> Problem {
    Problem::bad_request(match why {
        Unlicensed::Conflict(Conflict::Exclusive(one, other)) => format!(
            "License assignment failed because service plans {one}, {other} are mutually exclusive."
        ),
        Unlicensed::Conflict(Conflict::Dependent(plan, needs)) => format!(
            "License assignment failed because service plan {plan} depends on the service plan(s) \
             {needs}."
        ),
        Unlicensed::UnknownSku(sku) => {
            format!("License {sku} does not correspond to a valid company License.")
        }
        Unlicensed::UnknownPlan(sku) => {
            format!("One or more disabled plans are not part of the license {sku}.")
        }
        Unlicensed::Repeated(sku) => format!("License {sku} occurs more than once."),
        Unlicensed::NoUsageLocation => {
            "License assignment cannot be done for user with invalid usage location.".to_owned()
        }
        Unlicensed::NoSeat(sku) => {
            format!("Subscription with SKU {sku} does not have any available licenses.")
        }
        Unlicensed::NotHeld(_) => "User does not have a corresponding license.".to_owned(),
        Unlicensed::Inherited(_) => "User license is inherited from a group membership and it \
                                     cannot be removed directly from the user."
            .to_owned(),
    })
}

fn answer(world: &World, call: &Call, user: Uuid) -> Result<Answer, Problem> {
    let user = world.tenant.people.get(user).ok_or_else(|| Problem::not_found(call.segment(1)))?;
    Ok(Answer::ok(
        Listing { context: "users", ..SKUS }.wrapped(call, user_json(&world.tenant, user)),
    ))
}

fn user_json(tenant: &Tenant, user: &User) -> Value {
    json!({
        "id": user.id,
        "businessPhones": user.business_phones,
        "displayName": user.display_name,
        "givenName": user.given_name,
        "jobTitle": user.job_title,
        "mail": user.mail,
        "mobilePhone": user.mobile_phone,
        "officeLocation": user.office_location,
        "preferredLanguage": user.preferred_language,
        "surname": user.surname,
        "userPrincipalName": user.upn,
        "usageLocation": user.usage_location,
        "assignedLicenses": assigned_licenses(user),
        "assignedPlans": assigned_plans(tenant, user),
    })
}

/// A `subscribedSku`.
pub(crate) fn subscribed_sku(tenant: &Tenant, sku: &Sku) -> Value {
    let enabled = matches!(sku.capability_status, "Enabled");
    let units = |status: &str| if sku.capability_status == status { sku.enabled } else { 0 };
    json!({
        "id": sku_id(tenant, sku),
        "accountId": tenant.id,
        "accountName": tenant.name,
        "appliesTo": "User",
        "capabilityStatus": sku.capability_status,
        "consumedUnits": sku.consumed,
        "prepaidUnits": {
            "enabled": if enabled { sku.enabled } else { 0 },
            "suspended": units("Suspended"),
            "warning": units("Warning"),
            "lockedOut": units("LockedOut"),
        },
        "servicePlans": service_plans(sku, &[]),
        "skuId": sku.id,
        "skuPartNumber": sku.part_number,
        // One subscription per product; derived, so that it stays the same.
        "subscriptionIds": [Uuid::from_u128(sku.id.as_u128() ^ tenant.id.as_u128())],
    })
}

fn sku_id(tenant: &Tenant, sku: &Sku) -> String {
    format!("{}_{}", tenant.id, sku.id)
}

fn service_plans(sku: &Sku, disabled: &[Uuid]) -> Value {
    let plan = |(id, name): &(Uuid, String)| {
        let status = if disabled.contains(id) { "Disabled" } else { "Success" };
        json!({
            "servicePlanId": id,
            "servicePlanName": name,
            "provisioningStatus": status,
            "appliesTo": "User",
        })
    };
    sku.plans.iter().map(plan).collect()
}

/// `licenseDetails` of a user: one per product, however often it is held.
pub(crate) fn license_details(tenant: &Tenant, user: &User) -> Vec<Value> {
    let mut details: Vec<Value> = Vec::new();
    for held in assigned(user) {
        let Some(sku) = tenant.skus.get(held.0) else { continue };
        details.push(json!({
            "id": Uuid::from_u128(sku.id.as_u128() ^ user.id.as_u128()),
            "skuId": sku.id,
            "skuPartNumber": sku.part_number,
            "servicePlans": service_plans(sku, &held.1),
        }));
    }
    details
}

/// `assignedLicenses` of a user: one per product; a plan is off only if every assignment has it
/// off.
pub(crate) fn assigned_licenses(user: &User) -> Value {
    let row = |(sku, disabled): (Uuid, Vec<Uuid>)| json!({"skuId": sku, "disabledPlans": disabled});
    assigned(user).into_iter().map(row).collect()
}

fn assigned(user: &User) -> Vec<(Uuid, Vec<Uuid>)> {
    let mut products: Vec<(Uuid, Vec<Uuid>)> = Vec::new();
    for held in user.licences.iter().filter(|held| held.state == "Active") {
        match products.iter_mut().find(|(sku, _)| *sku == held.sku) {
            Some((_, disabled)) => disabled.retain(|plan| held.disabled_plans.contains(plan)),
            None => products.push((held.sku, held.disabled_plans.clone())),
        }
    }
    products
}

/// `assignedPlans` of a user, each plan once.
pub(crate) fn assigned_plans(tenant: &Tenant, user: &User) -> Value {
    let mut plans: Vec<Value> = Vec::new();
    for held in user.licences.iter().filter(|held| held.state == "Active") {
        let Some(sku) = tenant.skus.get(held.sku) else { continue };
        for (id, name) in sku.plans.iter().filter(|(id, _)| !held.disabled_plans.contains(id)) {
            if plans.iter().any(|plan| plan.get("servicePlanId") == Some(&json!(id))) {
                continue;
            }
            plans.push(json!({
                "assignedDateTime": seconds(held.updated),
                "capabilityStatus": plan_status(sku),
                "service": name.split('_').next().unwrap_or(name),
                "servicePlanId": id,
            }));
        }
    }
    Value::Array(plans)
}

/// `capabilityStatus` of the plans of a product: theirs follows the subscription's.
pub(crate) fn plan_status(sku: &Sku) -> &'static str {
    match sku.capability_status {
        "Suspended" | "LockedOut" => "Suspended",
        "Warning" => "Warning",
        _ => "Enabled",
    }
}
