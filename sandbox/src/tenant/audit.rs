use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::graph::Caller;
use crate::world::{Event, World};

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A signed-in user through an app: `initiatedBy.user`, `app` null.
    User { id: Uuid, app_id: Uuid, app_name: String },
    /// An app on its own: `initiatedBy.app`, `user` null.
    App { app_id: Uuid, principal: Uuid, name: String },
}

/// What kind of object was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetKind {
    User,
    Group,
    Role,
    Application,
    ServicePrincipal,
}

/// `targetResources[].modifiedProperties[]`: values are JSON inside strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModifiedProperty {
    pub(crate) name: &'static str,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

/// One `targetResources[]` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) kind: TargetKind,
    pub(crate) id: Uuid,
    pub(crate) display_name: Option<String>,
    pub(crate) upn: Option<String>,
    pub(crate) properties: Vec<ModifiedProperty>,
}

/// One event in the directory's own log, from which every store's shape is made.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    /// When readers see it.
    pub(crate) visible: Timestamp,
    /// Ties the entries of one call together.
    pub(crate) correlation: Uuid,
    pub(crate) activity: &'static str,
    pub(crate) category: &'static str,
    /// `Add`, `Assign`, `Update`, `Unassign`, `Delete`.
    pub(crate) operation: &'static str,
    pub(crate) actor: Actor,
    pub(crate) targets: Vec<Target>,
    pub(crate) user_agent: Option<String>,
}

/// One sign-in.
#[derive(Clone, Debug)]
pub(crate) struct SignIn {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) visible: Timestamp,
    pub(crate) user: Option<Uuid>,
    pub(crate) app_id: Uuid,
    pub(crate) app_name: String,
    pub(crate) interactive: bool,
    /// 0 for success, otherwise the AADSTS number.
    pub(crate) error: u32,
    pub(crate) correlation: Uuid,
    /// `uniqueTokenIdentifier` = the token's `uti`.
    pub(crate) token: Option<String>,
}

/// The tenant's logs, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    pub(crate) entries: Vec<Entry>,
    pub(crate) sign_ins: Vec<SignIn>,
}

impl World {
    /// Writes one entry. Minimal: replaced by the catalog's.
    #[expect(clippy::too_many_arguments, reason = "an entry has that many parts")]
    pub(crate) fn audit(
        &mut self,
        caller: &Caller,
        correlation: Uuid,
        activity: &'static str,
        category: &'static str,
        operation: &'static str,
        targets: Vec<Target>,
        user_agent: Option<String>,
    ) {
        let at = self.now();
        let delay = self.faults.audit_delay_ms.and_then(|delay| i64::try_from(delay).ok());
        let delay = SignedDuration::from_millis(delay.unwrap_or(0));
        let actor = match caller.user {
            Some(id) => {
                Actor::User { id, app_id: caller.app_id, app_name: caller.app_name.clone() }
            }
            None => Actor::App {
                app_id: caller.app_id,
                principal: caller.principal,
                name: caller.app_name.clone(),
            },
        };
        let number = self.tenant.audit.entries.len();
        self.tenant.audit.entries.push(Entry {
            id: format!("Directory_{correlation}_NXG5K_{number}"),
            at,
            visible: at.saturating_add(delay).unwrap_or(at),
            correlation,
            activity,
            category,
            operation,
            actor,
            targets,
            user_agent,
        });
        self.emit(Event::Audit);
    }
}
