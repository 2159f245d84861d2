//! `auditLogs`: who changed what, who signed in, as Graph words it; and searches of the unified log
//! (`security/auditLog/queries`).

mod entries;
mod queries;
#[cfg(test)]
mod tests;

use super::listing::Listing;
use super::{Answer, Call, Handled, Problem};
use crate::world::World;

pub(crate) use entries::{directory_audit, kind, sign_in};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["auditlogs", "directoryaudits"]) => audits(world, call),
        ("GET", ["auditlogs", "directoryaudits", _]) => audit(world, call),
        ("GET", ["auditlogs", "signins"]) => sign_ins(world, call),
        ("GET", ["auditlogs", "signins", _]) => one_sign_in(world, call),
        (_, ["security", "auditlog", "queries", ..]) => return queries::handle(world, call),
        _ => return None,
    })
}

const AUDITS: Listing<'_> = Listing {
    context: "auditLogs/directoryAudits",
    filterable: &[
        "activityDateTime",
        "activityDisplayName",
        "category",
        "correlationId",
        "id",
        "loggedByService",
        "operationType",
        "result",
        "initiatedBy/user/id",
        "initiatedBy/user/displayName",
        "initiatedBy/user/userPrincipalName",
        "initiatedBy/app/appId",
        "initiatedBy/app/displayName",
        "initiatedBy/app/servicePrincipalId",
        "targetResources/id",
        "targetResources/displayName",
        "targetResources/userPrincipalName",
    ],
    page: PAGE,
    orderable: Some("activityDateTime"),
};

const SIGN_INS: Listing<'_> = Listing {
    context: "auditLogs/signIns",
    filterable: &[
        "appDisplayName",
        "appId",
        "clientAppUsed",
        "conditionalAccessStatus",
        "correlationId",
        "createdDateTime",
        "id",
        "ipAddress",
        "isInteractive",
        "resourceDisplayName",
        "resourceId",
        "status/errorCode",
        "userDisplayName",
        "userId",
        "userPrincipalName",
    ],
    page: PAGE,
    orderable: Some("createdDateTime"),
};

fn audits(world: &World, call: &Call) -> Result<Answer, Problem> {
    may_read(world, call)?;
    let items = world.tenant.audit.visible(world.now()).rev().map(directory_audit).collect();
    AUDITS.answer(call, items)
}

fn audit(world: &World, call: &Call) -> Result<Answer, Problem> {
    may_read(world, call)?;
    let id = call.segment(2);
    let mut visible = world.tenant.audit.visible(world.now());
    let entry = visible.find(|entry| entry.id == id).ok_or_else(|| Problem::not_found(id))?;
    AUDITS.entity(call, directory_audit(entry))
}

fn sign_ins(world: &World, call: &Call) -> Result<Answer, Problem> {
    may_read(world, call)?;
    let now = world.now();
    // Only beta can ask for sign-ins without a person at the screen.
    let types = "signInEventTypes";
    let asked = call.beta && call.option("$filter").is_some_and(|filter| filter.contains(types));
    let logged = world.tenant.audit.sign_ins.iter().rev();
    let items = logged
        .filter(|sign_in| sign_in.visible <= now && (asked || sign_in.interactive))
        .map(|logged| sign_in(&world.tenant, logged, call.beta, policies(call)))
        .collect();
    if call.beta {
        let filterable = [SIGN_INS.filterable, &[types]].concat();
        return Listing { filterable: &filterable, ..SIGN_INS }.answer(call, items);
    }
    SIGN_INS.answer(call, items)
}

fn one_sign_in(world: &World, call: &Call) -> Result<Answer, Problem> {
    may_read(world, call)?;
    let (now, id) = (world.now(), call.segment(2));
    let mut logged = world.tenant.audit.sign_ins.iter();
    let found = logged.find(|logged| logged.visible <= now && logged.id.to_string() == id);
    let found = found.ok_or_else(|| Problem::not_found(id))?;
    SIGN_INS.entity(call, sign_in(&world.tenant, found, call.beta, policies(call)))
}

/// Whether the token may see which Conditional Access policies applied.
fn policies(call: &Call) -> bool {
    call.needs(&["Policy.Read.All", "Policy.Read.ConditionalAccess"]).is_ok()
}

/// The log's own three refusals: the permission, the role, the tenant's plan.
fn may_read(world: &World, call: &Call) -> Result<(), Problem> {
    if call.needs(&["AuditLog.Read.All"]).is_err() {
        return Err(Problem::new(
            403,
            "Authentication_MSGraphPermissionMissing",
            "The principal does not have required Microsoft Graph permission(s): \
             AuditLog.Read.All to call this API.",
        ));
    }
    if call.needs_role(world, READERS).is_err() {
        return Err(Problem::new(
            403,
            "Authentication_RequestFromUnsupportedUserRole",
            "User is not in the allowed roles",
        ));
    }
    if !world.tenant.audit.premium {
        return Err(Problem::new(
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "Neither tenant is B2C or tenant doesn't have premium license",
        ));
    }
    Ok(())
}

/// Who may read the logs besides Global Administrators. User Administrators may not.
const READERS: &[&str] = &[
    "Reports Reader",
    "Security Reader",
    "Global Reader",
    "Security Administrator",
    "Compliance Administrator",
];
const PAGE: usize = 999;
