//! Entries of the services that look after how people sign in. Names follow Microsoft's activity
//! list; reasons are from memory.

use uuid::Uuid;

use super::Remark;
use super::events::{Deed, Trace, person};
use crate::tenant::MethodKind;
use crate::world::World;

/// Tool 3 through the method API: accepted.
pub(crate) fn reset_started(world: &mut World, trace: &Trace, user: Uuid) {
    let deed = ("Admin started password reset", "UserManagement", "Update");
    let remark = Remark {
        service: RESETS,
        reason: "Administrator started password reset for user".to_owned(),
        failed: false,
    };
    trace.remark(world, deed, vec![person(&world.tenant, user, Vec::new())], remark);
}

/// Tool 3 through the method API: how it ended.
pub(crate) fn reset_ended(world: &mut World, trace: &Trace, user: Uuid, failure: Option<&str>) {
    let deed = ("Reset password (by admin)", "UserManagement", "Update");
    let reason = failure.unwrap_or("Successfully completed reset.");
    let remark = Remark { service: RESETS, reason: reason.to_owned(), failed: failure.is_some() };
    trace.remark(world, deed, vec![person(&world.tenant, user, Vec::new())], remark);
}

/// Tool 4: an administrator gave somebody a way to sign in.
pub(crate) fn security_info_registered(
    world: &mut World,
    trace: &Trace,
    user: Uuid,
    kind: MethodKind,
) {
    let deed = ("Admin registered security info", "UserManagement", "Add");
    security_info(
        world,
        trace,
        user,
        deed,
        format!("Admin registered {} method for user", kind.words()),
    );
}

/// Tool 5, and tool 4 taken back.
pub(crate) fn security_info_deleted(
    world: &mut World,
    trace: &Trace,
    user: Uuid,
    kind: MethodKind,
) {
    let deed = ("Admin deleted security info", "UserManagement", "Delete");
    security_info(
        world,
        trace,
        user,
        deed,
        format!("Admin deleted {} method for user", kind.words()),
    );
}

fn security_info(world: &mut World, trace: &Trace, user: Uuid, deed: Deed, reason: String) {
    let remark = Remark { service: "Authentication Methods", reason, failed: false };
    trace.remark(world, deed, vec![person(&world.tenant, user, Vec::new())], remark);
}

const RESETS: &str = "Self-service Password Management";
