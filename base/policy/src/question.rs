use jiff::civil::Weekday;
use subtwin_kernel::{Action, Approval, GroupId, UserId};

/// A person as far as policies may ask about them, read anew from the directory for every question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Object id.
    pub id: UserId,
    /// `userPrincipalName`.
    pub upn: String,
    /// May sign in.
    pub enabled: bool,
    /// From another organisation.
    pub guest: bool,
    /// Is a twin: never a requester and never an approver.
    pub twin: bool,
    /// Is helpdesk: listed, or in the helpdesk group.
    pub helpdesk: bool,
    /// Is listed as an approver, or in the approvers' group.
    pub approver: bool,
    /// Department.
    pub department: Option<String>,
    /// Those of the groups which the policies name ([`crate::Policies::groups`]) that they are in,
    /// directly or through another group.
    pub groups: Vec<GroupId>,
}

/// Why nobody may change an account through a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protected {
    /// It is the twin's own.
    Twin,
    /// It belongs to a sponsor of the twin.
    Sponsor,
    /// It is kept for emergencies.
    BreakGlass,
}

/// The person a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Object id.
    pub id: UserId,
    /// `userPrincipalName`.
    pub upn: String,
    /// May sign in.
    pub enabled: bool,
    /// From another organisation.
    pub guest: bool,
    /// Mastered on premises.
    pub synced: bool,
    /// Department.
    pub department: Option<String>,
    /// Their manager.
    pub manager: Option<UserId>,
    /// Holds an administrator role, or is in or owns a group that can carry one. Need not be read
    /// where nothing depends on it ([`crate::Policies::depend_on_privilege`]).
    pub privileged: bool,
    /// Why nobody may change it, if so.
    pub protected: Option<Protected>,
}

/// The group a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTarget {
    /// Object id.
    pub id: GroupId,
    /// Display name; not unique.
    pub name: String,
    /// Its owners.
    pub owners: Vec<UserId>,
    /// Can carry directory roles.
    pub role_assignable: bool,
}

/// When a question is asked, in the time zone the twin is configured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// 0 to 23.
    pub hour: i8,
    /// Day of the week.
    pub weekday: Weekday,
}

/// May this person ask for this?
///
/// All facts are of one reading: the target and the group are those that the action names, and a
/// person who plays two parts is described alike in both. Otherwise the answer is no
/// ([`crate::CONTRADICTION`]).
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who asks.
    pub asker: &'a Asker,
    /// For what.
    pub action: &'a Action,
    /// About whom.
    pub target: &'a Target,
    /// About which group, where the action is about one.
    pub group: Option<&'a GroupTarget>,
    /// When.
    pub when: When,
    /// How many things the same message asks for.
    pub count: usize,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed.
    Allow {
        /// The policies that allow it, by id, sorted.
        by: Vec<String>,
        /// Who must say yes: the strictest that any of them asks for. One that does not say asks for
        /// what the risk asks for.
        approval: Approval,
        /// Whether the target's UPN must be typed in place of a yes.
        typed: bool,
    },
    /// Not allowed.
    Deny {
        /// The policies that forbid it, by id, sorted; none where nothing allows it. Among them may
        /// be [`crate::EVALUATION_ERROR`] or [`crate::CONTRADICTION`].
        by: Vec<String>,
    },
}
