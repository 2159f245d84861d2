use jiff::Timestamp;
use uuid::Uuid;

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
