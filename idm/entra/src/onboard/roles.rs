use subtwin_kernel::Tool;
use uuid::{Uuid, uuid};

use crate::needs;

/// A directory role. Its template id is the same in every tenant (Entra page "built-in roles").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryRole {
    /// Its name.
    pub name: &'static str,
    /// Its template id, which is also the id of its definition.
    pub template: Uuid,
}

impl DirectoryRole {
    /// A role that some tool needs, by its template id.
    #[must_use]
    pub fn by_template(template: Uuid) -> Option<Self> {
        ROLES.into_iter().find(|role| role.template == template)
    }

    /// A role that some tool needs, by its name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        ROLES.into_iter().find(|role| role.name == name)
    }

    /// Which of these tools it is for.
    #[must_use]
    pub fn tools(&self, tools: &[Tool]) -> Vec<Tool> {
        let wanted = |tool: &&Tool| role_names(**tool, tools).any(|name| name == self.name);
        tools.iter().filter(wanted).copied().collect()
    }
}

/// The least roles with which all these tools work, each once.
#[must_use]
pub fn least_roles(tools: &[Tool]) -> Vec<DirectoryRole> {
    ROLES.into_iter().filter(|role| !role.tools(tools).is_empty()).collect()
}

/// The roles of one tool among others. Whoever is an Authentication Administrator anyway signs
/// people out without another role.
fn role_names(tool: Tool, all: &[Tool]) -> impl Iterator<Item = &'static str> {
    let authentication = all.iter().any(|tool| needs(*tool).roles.contains(&AUTHENTICATION));
    needs(tool).roles.iter().map(move |name| match *name {
        HELPDESK if authentication => AUTHENTICATION,
        name => name,
    })
}

const AUTHENTICATION: &str = "Authentication Administrator";
const HELPDESK: &str = "Helpdesk Administrator";

const ROLES: [DirectoryRole; 6] = [
    DirectoryRole { name: AUTHENTICATION, template: uuid!("c4e39bd9-1100-46d3-8c65-fb160da0071f") },
    DirectoryRole {
        name: "Groups Administrator",
        template: uuid!("fdd7a751-b60b-444a-984c-02652fe8fa1c"),
    },
    DirectoryRole { name: HELPDESK, template: uuid!("729827e3-9c14-49f7-bb1b-9608f156bbb8") },
    DirectoryRole {
        name: "License Administrator",
        template: uuid!("4d6ac14f-3453-41d0-bef9-a3e0c569773a"),
    },
    DirectoryRole {
        name: "Reports Reader",
        template: uuid!("4a5d8f65-41da-4de4-8968-e035b65339cf"),
    },
    DirectoryRole {
        name: "User Administrator",
        template: uuid!("fe930be7-5e62-47db-91af-98c3a49a38b1"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tools: &[Tool]) -> Vec<&'static str> {
        least_roles(tools).iter().map(|role| role.name).collect()
    }

    #[test]
    fn every_role_that_a_tool_names_is_known() {
        for tool in Tool::ALL {
            for name in needs(tool).roles {
                assert!(DirectoryRole::by_name(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn a_twin_gets_the_roles_of_its_tools_and_no_other() {
        assert!(names(&[Tool::UserFind]).is_empty());
        assert_eq!(names(&[Tool::LicenseAssign]), ["License Administrator", "Reports Reader"]);
        assert_eq!(names(&[Tool::SessionRevoke]), ["Helpdesk Administrator", "Reports Reader"]);
        assert_eq!(
            names(&[Tool::SessionRevoke, Tool::TapIssue]),
            ["Authentication Administrator", "Reports Reader"]
        );
        assert_eq!(
            names(&Tool::ALL),
            [
                "Authentication Administrator",
                "Groups Administrator",
                "License Administrator",
                "Reports Reader",
                "User Administrator"
            ]
        );
        let role = DirectoryRole::by_name("Authentication Administrator").unwrap();
        assert!(role.tools(&[Tool::SessionRevoke]).is_empty());
        assert_eq!(
            role.tools(&[Tool::SessionRevoke, Tool::TapIssue]),
            [Tool::SessionRevoke, Tool::TapIssue]
        );
    }
}
