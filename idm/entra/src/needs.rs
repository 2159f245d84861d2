use subtwin_kernel::{Effect, PrincipalKind, Tool};

/// What the directory must have given the twin before a tool works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Whether it changes anything.
    pub effect: Effect,
    /// The least delegated permissions that do the tool's own work.
    pub permissions: &'static [&'static str],
    /// The least delegated permissions that read what a plan and its proof depend on.
    pub reads: &'static [&'static str],
    /// The least directory roles: for the work itself, and for reading the tenant's log.
    pub roles: &'static [&'static str],
    /// Whether doing it twice is the same as doing it once.
    pub idempotent: bool,
    /// Why an Agent User can never run it, as a sentence; `None` where it can.
    pub agent_users_cannot: Option<&'static str>,
}

/// What a tool needs (Graph permissions reference; Entra page "Authorization in Microsoft Entra
/// Agent ID" for what agents are kept from).
#[must_use]
pub const fn needs(tool: Tool) -> Needs {
    match tool {
        Tool::UserFind => Needs {
            effect: tool.effect(),
            permissions: &["User.Read.All"],
            reads: &["GroupMember.Read.All", "LicenseAssignment.Read.All"],
            roles: &[],
            idempotent: true,
            agent_users_cannot: None,
        },
        Tool::SigninExplain => Needs {
            effect: tool.effect(),
            permissions: &["AuditLog.Read.All"],
            reads: &["User.Read.All", "GroupMember.Read.All"],
            roles: &["Reports Reader"],
            idempotent: true,
            agent_users_cannot: None,
        },
        Tool::PasswordReset => Needs {
            effect: tool.effect(),
            // The second for passwords mastered on premises.
            permissions: &[
                "User-PasswordProfile.ReadWrite.All",
                "UserAuthenticationMethod.ReadWrite.All",
            ],
            reads: READS,
            roles: &["Authentication Administrator", "Reports Reader"],
            idempotent: false,
            agent_users_cannot: Some(
                "Entra does not let an agent account set passwords. A twin with an ordinary user \
                 account can; please ask an administrator.",
            ),
        },
        Tool::TapIssue => Needs {
            effect: tool.effect(),
            permissions: &["UserAuthMethod-TAP.ReadWrite.All"],
            reads: &[
                "User.Read.All",
                "GroupMember.Read.All",
                "AuditLog.Read.All",
                "Policy.Read.AuthenticationMethod",
            ],
            roles: &["Authentication Administrator", "Reports Reader"],
            idempotent: false,
            agent_users_cannot: Some(
                "Entra does not let an agent account hold the role that issues access passes. A \
                 twin with an ordinary user account can; please ask an administrator.",
            ),
        },
        Tool::MfaReset => Needs {
            effect: tool.effect(),
            permissions: &["UserAuthenticationMethod.ReadWrite.All"],
            reads: READS,
            roles: &["Authentication Administrator", "Reports Reader"],
            idempotent: true,
            agent_users_cannot: Some(
                "Entra does not let an agent account change how people sign in. A twin with an \
                 ordinary user account can; please ask an administrator.",
            ),
        },
        Tool::SessionRevoke => Needs {
            effect: tool.effect(),
            permissions: &["User.RevokeSessions.All"],
            reads: READS,
            roles: &["Helpdesk Administrator", "Reports Reader"],
            idempotent: true,
            agent_users_cannot: Some(
                "Entra does not let an agent account hold the role that signs people out. A twin \
                 with an ordinary user account can; please ask an administrator.",
            ),
        },
        Tool::AccountBlock | Tool::AccountUnblock => Needs {
            effect: tool.effect(),
            permissions: &["User.EnableDisableAccount.All"],
            reads: READS,
            roles: &["Authentication Administrator", "Reports Reader"],
            idempotent: true,
            agent_users_cannot: Some(
                "Entra does not let an agent account block or unblock accounts. A twin with an \
                 ordinary user account can; please ask an administrator.",
            ),
        },
        Tool::LicenseAssign | Tool::LicenseRemove => Needs {
            effect: tool.effect(),
            permissions: &["LicenseAssignment.ReadWrite.All"],
            reads: &[
                "LicenseAssignment.Read.All",
                "User.Read.All",
                "GroupMember.Read.All",
                "AuditLog.Read.All",
            ],
            roles: &["License Administrator", "Reports Reader"],
            idempotent: true,
            agent_users_cannot: None,
        },
        Tool::GroupMemberAdd | Tool::GroupMemberRemove => Needs {
            effect: tool.effect(),
            permissions: &["GroupMember.ReadWrite.All"],
            reads: &["User.Read.All", "AuditLog.Read.All"],
            roles: &["Groups Administrator", "Reports Reader"],
            idempotent: true,
            agent_users_cannot: Some(
                "Entra does not let an agent account change group membership. A twin with an \
                 ordinary user account can; please ask an administrator.",
            ),
        },
        Tool::UserUpdate => Needs {
            effect: tool.effect(),
            permissions: &[
                "User.ReadWrite.All",
                "User-Phone.ReadWrite.All",
                "User-Mail.ReadWrite.All",
            ],
            reads: &["GroupMember.Read.All", "AuditLog.Read.All"],
            roles: &["User Administrator", "Authentication Administrator", "Reports Reader"],
            idempotent: true,
            agent_users_cannot: Some(
                "Entra does not let an agent account change people's profiles. A twin with an \
                 ordinary user account can; please ask an administrator.",
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
            PrincipalKind::MemberUser => None,
            PrincipalKind::DelegatedHuman => match self.effect {
                Effect::Read => None,
                Effect::Write => Some(BORROWED),
            },
        }
    }
}

/// The permissions a twin with these tools signs in with, each once.
#[must_use]
pub fn scopes(tools: &[Tool]) -> Vec<String> {
    let mut all: Vec<String> = tools
        .iter()
        .map(|tool| needs(*tool))
        .flat_map(|needs| needs.permissions.iter().chain(needs.reads).copied())
        .map(str::to_owned)
        .collect();
    all.sort();
    all.dedup();
    all
}

/// Why nothing is changed with a person's token: what is posted with it carries their id, so a yes
/// in a chat proves nothing.
const BORROWED: &str = "I have no account of my own yet and act with yours, so a yes in a chat would \
                        prove nothing and I change nothing. Tell me to get my own account first.";

/// What most plans read: people, who is in which group, and the tenant's log.
const READS: &[&str] = &["User.Read.All", "GroupMember.Read.All", "AuditLog.Read.All"];

#[cfg(test)]
mod tests {
    use super::*;

    /// The delegated permissions that Graph grants to no agent, as far as our tools ask for any.
    const KEPT_FROM_AGENTS: [&str; 5] = [
        "GroupMember.ReadWrite.All",
        "User.EnableDisableAccount.All",
        "User.ReadWrite.All",
        "User-PasswordProfile.ReadWrite.All",
        "UserAuthenticationMethod.ReadWrite.All",
    ];

    #[test]
    fn a_tool_that_agents_can_run_asks_for_nothing_they_cannot_be_granted() {
        let mut can = Vec::new();
        for tool in Tool::ALL {
            let needs = needs(tool);
            if needs.keeps_out(PrincipalKind::AgentUser).is_none() {
                can.push(tool);
                for scope in scopes(&[tool]) {
                    assert!(!KEPT_FROM_AGENTS.contains(&scope.as_str()), "{tool}: {scope}");
                }
            }
            assert_eq!(needs.keeps_out(PrincipalKind::MemberUser), None);
        }
        assert_eq!(
            can,
            [Tool::UserFind, Tool::SigninExplain, Tool::LicenseAssign, Tool::LicenseRemove]
        );
    }

    #[test]
    fn a_twin_signs_in_with_what_its_tools_need_and_nothing_else() {
        assert_eq!(
            scopes(&[Tool::GroupMemberAdd, Tool::GroupMemberRemove]),
            ["AuditLog.Read.All", "GroupMember.ReadWrite.All", "User.Read.All"]
        );
        assert_eq!(
            scopes(&[Tool::PasswordReset, Tool::TapIssue, Tool::MfaReset]),
            [
                "AuditLog.Read.All",
                "GroupMember.Read.All",
                "Policy.Read.AuthenticationMethod",
                "User-PasswordProfile.ReadWrite.All",
                "User.Read.All",
                "UserAuthMethod-TAP.ReadWrite.All",
                "UserAuthenticationMethod.ReadWrite.All",
            ]
        );
        assert!(scopes(&[]).is_empty());
    }
}
