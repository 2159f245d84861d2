use subtwin_kernel::{PrincipalKind, Tool};

/// What the directory must have given the twin before a tool works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The least delegated permission that does the tool's own work.
    pub permission: &'static str,
    /// The least delegated permissions that read what a plan and its proof depend on.
    pub reads: &'static [&'static str],
    /// The least directory roles: for the work itself, and for reading the tenant's log.
    pub roles: &'static [&'static str],
    /// Why an Agent User can never run it, as a sentence; `None` where it can.
    pub agent_users_cannot: Option<&'static str>,
}

/// What a tool needs (Graph permissions reference; Entra page "Authorization in Microsoft Entra
/// Agent ID" for what agents are kept from).
#[must_use]
pub const fn needs(tool: Tool) -> Needs {
    match tool {
        Tool::UserFind => Needs {
            permission: "User.Read.All",
            reads: &["GroupMember.Read.All", "LicenseAssignment.Read.All"],
            roles: &[],
            agent_users_cannot: None,
        },
        Tool::LicenseAssign | Tool::LicenseRemove => Needs {
            permission: "LicenseAssignment.ReadWrite.All",
            reads: &[
                "LicenseAssignment.Read.All",
                "User.Read.All",
                "GroupMember.Read.All",
                "AuditLog.Read.All",
            ],
            roles: &["License Administrator", "Reports Reader"],
            agent_users_cannot: None,
        },
        Tool::GroupMemberAdd | Tool::GroupMemberRemove => Needs {
            permission: "GroupMember.ReadWrite.All",
            reads: &["User.Read.All", "AuditLog.Read.All"],
            roles: &["Groups Administrator", "Reports Reader"],
            agent_users_cannot: Some(
                "Entra does not let an agent account change group membership. A twin with an \
                 ordinary user account can; please ask an administrator.",
            ),
        },
        Tool::SessionRevoke => Needs {
            permission: "User.RevokeSessions.All",
            reads: &["User.Read.All", "GroupMember.Read.All", "AuditLog.Read.All"],
            roles: &["Helpdesk Administrator", "Reports Reader"],
            agent_users_cannot: Some(
                "Entra does not let an agent account hold the role that signs people out. A twin \
                 with an ordinary user account can; please ask an administrator.",
            ),
        },
    }
}

impl Needs {
    /// Why this kind of principal can never run the tool, if it cannot.
    #[must_use]
    pub const fn keeps_out(&self, kind: PrincipalKind) -> Option<&'static str> {
        match kind {
            PrincipalKind::AgentUser => self.agent_users_cannot,
            PrincipalKind::MemberUser | PrincipalKind::DelegatedHuman => None,
        }
    }
}

/// The permissions a twin with these tools signs in with, each once.
#[must_use]
pub fn scopes(tools: &[Tool]) -> Vec<String> {
    let mut all: Vec<String> = tools
        .iter()
        .map(|tool| needs(*tool))
        .flat_map(|needs| [needs.permission].into_iter().chain(needs.reads.iter().copied()))
        .map(str::to_owned)
        .collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The delegated permissions that Graph grants to no agent, as far as our tools ask for any.
    const KEPT_FROM_AGENTS: [&str; 1] = ["GroupMember.ReadWrite.All"];

    #[test]
    fn a_tool_that_agents_can_run_asks_for_nothing_they_cannot_be_granted() {
        for tool in Tool::ALL {
            let needs = needs(tool);
            if needs.keeps_out(PrincipalKind::AgentUser).is_none() {
                for scope in scopes(&[tool]) {
                    assert!(!KEPT_FROM_AGENTS.contains(&scope.as_str()), "{tool}: {scope}");
                }
            }
            assert_eq!(needs.keeps_out(PrincipalKind::MemberUser), None);
        }
    }

    #[test]
    fn a_twin_signs_in_with_what_its_tools_need_and_nothing_else() {
        assert_eq!(
            scopes(&[Tool::GroupMemberAdd, Tool::GroupMemberRemove]),
            ["AuditLog.Read.All", "GroupMember.ReadWrite.All", "User.Read.All"]
        );
        assert!(scopes(&[]).is_empty());
    }
}
