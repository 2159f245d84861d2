use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use subtwin_kernel::{Clock, GroupId, Licence, PrincipalKind, Tool, UserId};

use crate::Graph;

/// The account whose token the calls carry, and whose name the tenant's log will show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// Its object id: the twin's own, or its sponsor's while the twin has no identity yet.
    pub user: UserId,
    /// Its display name.
    pub display_name: String,
    /// Its UPN.
    pub upn: String,
    /// What kind of principal it is; decides which tools it can run.
    pub kind: PrincipalKind,
}

/// People named one by one, and a group's members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// People by object id.
    pub people: Vec<UserId>,
    /// A group whose members, direct or through other groups, belong to them.
    pub group: Option<GroupId>,
}

/// Who stands where: what the directory itself does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Who is helpdesk.
    pub helpdesk: Listed,
    /// Who may say yes to what somebody else asked for.
    pub approvers: Listed,
    /// The people who answer for the twin; nobody changes their accounts through it.
    pub sponsors: Vec<UserId>,
    /// Accounts kept for emergencies; nobody changes them through the twin.
    pub break_glass: Vec<UserId>,
    /// The tools for which the policies in force look at whether the target is privileged, beside
    /// those for which that is always looked at (`Policies::depend_on_privilege`).
    pub privilege_matters: Vec<Tool>,
}

/// A Microsoft Entra directory as the flow sees it: its directory, planner, hands and trail.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Entra(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) graph: Graph,
    pub(crate) twin: Twin,
    pub(crate) standing: Standing,
    pub(crate) clock: Arc<dyn Clock>,
    /// The tenant's products, for name lookups only; plans read them anew.
    pub(crate) products: Mutex<Option<(Timestamp, Vec<Licence>)>>,
}

impl Entra {
    /// A directory, seen and changed as the twin.
    #[must_use]
    pub fn new(graph: Graph, twin: Twin, standing: Standing, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { graph, twin, standing, clock, products: Mutex::new(None) }))
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.0.graph
    }

    /// Whether an account is the twin itself. A sponsor whose token is borrowed is a person, not
    /// the twin.
    pub(crate) fn is_twin(&self, user: UserId) -> bool {
        match self.0.twin.kind {
            PrincipalKind::MemberUser | PrincipalKind::AgentUser => user == self.0.twin.user,
            PrincipalKind::DelegatedHuman => false,
        }
    }
}
