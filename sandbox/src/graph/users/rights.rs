//! Which administrator may do what to whom (Entra, "Who can reset passwords" and "Who can perform
//! sensitive actions").

use uuid::Uuid;

use crate::graph::{Call, Problem};
use crate::tenant::Tenant;
use crate::world::World;

/// What is done to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graph) enum Act {
    /// Invalidates refresh tokens, or resets the password.
    Credentials,
    /// Blocks, unblocks, deletes, or changes a sensitive property.
    Sensitive,
    /// Sees or changes how somebody signs in.
    Methods,
}

/// Refuses unless the signed-in user's roles reach the target. An app on its own reaches whoever
/// is no administrator.
pub(in crate::graph) fn reaches(
    world: &World,
    call: &Call,
    target: Uuid,
    act: Act,
) -> Result<(), Problem> {
    let tenant = &world.tenant;
    let held: Vec<&str> = tenant.roles.of(target).map(|role| role.display_name).collect();
    let guarded = guarded(tenant, target);
    let Some(caller) = call.caller.user else {
        let reached = held.iter().all(|role| LENIENT.contains(role)) && !guarded;
        return if reached { Ok(()) } else { Err(Problem::denied()) };
    };
    let reaches = tenant.roles.of(caller).any(|role| {
        let over = |target: Option<&str>| over(role.display_name, target, act);
        over(None)
            && held.iter().all(|target| over(Some(target)))
            && (!guarded || over(Some(GUARDED)))
    });
    if !reaches {
        return Err(Problem::denied());
    }
    // A sensitive act on an administrator needs the token to act with all of the user's rights.
    let privileged = held.iter().any(|role| PRIVILEGED.contains(role));
    if act == Act::Sensitive && privileged {
        call.needs(&["Directory.AccessAsUser.All"])?;
    }
    Ok(())
}

/// Member or owner of a role-assignable group.
fn guarded(tenant: &Tenant, user: Uuid) -> bool {
    tenant.groups.iter().any(|group| {
        group.role_assignable && (group.members.contains(&user) || group.owners.contains(&user))
    })
}

/// Whether a role may act on somebody with (or without) a role.
fn over(role: &str, target: Option<&str>, act: Act) -> bool {
    let lenient = target.is_none_or(|target| LENIENT.contains(&target));
    match role {
        "Global Administrator" | "Privileged Authentication Administrator" => true,
        "User Administrator" => {
            let reached = matches!(
                target,
                Some("Groups Administrator" | "Helpdesk Administrator" | "User Administrator")
            );
            act != Act::Methods && (lenient || reached)
        }
        "Authentication Administrator" => lenient || target == Some("Authentication Administrator"),
        "Helpdesk Administrator" => {
            act == Act::Credentials && (lenient || target == Some("Helpdesk Administrator"))
        }
        "Password Administrator" => {
            act == Act::Credentials
                && matches!(
                    target,
                    None | Some("Directory Readers" | "Guest Inviter" | "Password Administrator")
                )
        }
        _ => false,
    }
}

/// Stands for membership in a role-assignable group: no role below the highest reaches it.
const GUARDED: &str = "role-assignable group";

/// Roles that leave their holders within reach of the lower administrators.
const LENIENT: &[&str] = &[
    "Directory Readers",
    "Guest Inviter",
    "Message Center Reader",
    "Password Administrator",
    "Reports Reader",
    "Usage Summary Reports Reader",
    "User Experience Success Manager",
];

/// Roles that Entra labels privileged.
const PRIVILEGED: &[&str] = &[
    "Authentication Administrator",
    "Global Administrator",
    "Global Reader",
    "Helpdesk Administrator",
    "Password Administrator",
    "Privileged Authentication Administrator",
    "Privileged Role Administrator",
    "Security Administrator",
    "Security Reader",
    "User Administrator",
];
