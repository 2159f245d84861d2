//! The tools as a catalog describes them: what they do, what they need, how they are taken back.

use subtwin_kernel::{PrincipalKind, Tool};
use subtwin_primitives::{Capability, Catalog, Principal, Takeback, arguments_schema};

use crate::needs::needs;

/// One tool as the catalog of a twin describes it.
#[must_use]
pub fn capability(tool: Tool) -> Capability {
    let needs = needs(tool);
    let owned = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
    let kinds =
        [PrincipalKind::MemberUser, PrincipalKind::AgentUser, PrincipalKind::DelegatedHuman];
    let principal =
        |kind| Principal { kind, unavailable_because: needs.keeps_out(kind).map(str::to_owned) };
    Capability {
        name: tool,
        does: does(tool).to_owned(),
        arguments: arguments_schema(tool),
        effect: tool.effect(),
        risk: tool.risk(),
        idempotent: needs.idempotent,
        permissions: owned(needs.permissions),
        reads: owned(needs.reads),
        roles: owned(needs.roles),
        principals: kinds.map(principal).into(),
        inverse: inverse(tool),
    }
}

/// The catalog of a twin with these tools: each once, in catalog order, whatever their order here.
#[must_use]
pub fn catalog(tools: &[Tool]) -> Catalog {
    let offered = Tool::ALL.into_iter().filter(|tool| tools.contains(tool));
    Catalog::new(offered.map(capability).collect())
}

const fn does(tool: Tool) -> &'static str {
    match tool {
        Tool::UserFind => {
            "Looks a person up: who they are, their manager, their licences and their groups."
        }
        Tool::SigninExplain => {
            "Says why a person cannot sign in, from their latest attempts in the tenant's log."
        }
        Tool::PasswordReset => {
            "Sets a new password that must be changed at the next sign-in, and shows it once to \
             the person who asked."
        }
        Tool::TapIssue => {
            "Issues a temporary access pass, and shows it once to the person who asked."
        }
        Tool::MfaReset => "Removes every sign-in method of a person but the password.",
        Tool::SessionRevoke => "Signs a person out everywhere.",
        Tool::AccountBlock => "Keeps an account from signing in.",
        Tool::AccountUnblock => "Lets a blocked account sign in again.",
        Tool::LicenseAssign => "Gives a person a licence.",
        Tool::LicenseRemove => "Takes a licence away from a person.",
        Tool::GroupMemberAdd => "Puts a person into a group.",
        Tool::GroupMemberRemove => "Takes a person out of a group.",
        Tool::UserUpdate => "Changes what a person's profile says, or who their manager is.",
    }
}

fn inverse(tool: Tool) -> Takeback {
    match tool {
        Tool::UserFind | Tool::SigninExplain | Tool::SessionRevoke => Takeback::NothingToUndo,
        Tool::PasswordReset => {
            Takeback::Never("Nobody can bring the old password back.".to_owned())
        }
        Tool::TapIssue => Takeback::Own("Withdraws the pass while it is valid.".to_owned()),
        Tool::MfaReset => {
            Takeback::Never("Only the person can set their methods up again.".to_owned())
        }
        Tool::AccountBlock => Takeback::By(Tool::AccountUnblock),
        Tool::AccountUnblock => Takeback::By(Tool::AccountBlock),
        Tool::LicenseAssign => Takeback::By(Tool::LicenseRemove),
        Tool::LicenseRemove => Takeback::By(Tool::LicenseAssign),
        Tool::GroupMemberAdd => Takeback::By(Tool::GroupMemberRemove),
        Tool::GroupMemberRemove => Takeback::By(Tool::GroupMemberAdd),
        Tool::UserUpdate => Takeback::By(Tool::UserUpdate),
    }
}

#[cfg(test)]
mod tests {
    use subtwin_kernel::Effect;

    use super::*;

    #[test]
    fn a_catalog_has_every_tool_once_in_its_order_and_one_digest() {
        let all = catalog(&Tool::ALL);
        assert_eq!(all.tools(), Tool::ALL);
        let mut turned = Tool::ALL.to_vec();
        turned.reverse();
        turned.push(Tool::UserFind);
        assert_eq!(catalog(&turned).digest(), all.digest());
        assert_ne!(catalog(&[Tool::UserFind]).digest(), all.digest());
    }

    #[test]
    fn every_capability_says_what_it_does_and_how_it_is_taken_back() {
        for capability in catalog(&Tool::ALL).capabilities {
            let name = capability.name;
            assert!(capability.does.ends_with('.'), "{name}");
            assert!(!capability.permissions.is_empty(), "{name}");
            if capability.effect == Effect::Write {
                assert!(!capability.roles.is_empty(), "{name}");
            }
            if let Takeback::By(other) = capability.inverse {
                assert_eq!(other.effect(), Effect::Write, "{name}");
            }
            assert_eq!(capability.principals.len(), 3, "{name}");
        }
    }
}
