//! What a request asks for: scopes, the resource they are of, and the form they were written in.

use super::refusal::Refusal;
use super::{AGENT_MESSAGING, CONNECTOR};
use crate::tenant::permission;

/// An API tokens are issued for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Graph,
    Manage,
    Azure,
    /// Bot Connector, for bots.
    Connector,
    /// The same, for agent users.
    AgentMessaging,
}

impl Resource {
    /// By application id URI (with or without slash) or application id.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('/').to_ascii_lowercase();
        RESOURCES
            .iter()
            .find(|(_, app_id, uris)| *app_id == text || uris.contains(&text.as_str()))
            .map(|(resource, ..)| *resource)
    }

    /// Its application id, the same in every tenant.
    pub(super) fn app_id(self) -> &'static str {
        self.row().map_or("", |(_, app_id, _)| app_id)
    }

    /// What full scope names start with, and the `aud` of its tokens.
    pub(super) fn uri(self) -> &'static str {
        self.row().and_then(|(_, _, uris)| uris.first()).copied().unwrap_or_default()
    }

    fn row(self) -> Option<&'static (Self, &'static str, &'static [&'static str])> {
        RESOURCES.iter().find(|(resource, ..)| *resource == self)
    }

    /// A delegated scope by its name in any case: its proper name and whether users may not consent
    /// to it themselves.
    pub(super) fn scope(self, name: &str) -> Option<(&'static str, bool)> {
        match self {
            Self::Graph => permission(name)
                .filter(|known| !known.delegated.is_empty() || known.application.is_empty())
                .map(|known| (known.name, known.admin)),
            Self::Manage => MANAGE
                .iter()
                .find(|known| known.eq_ignore_ascii_case(name))
                .map(|known| (*known, true)),
            Self::Azure => name
                .eq_ignore_ascii_case("user_impersonation")
                .then_some(("user_impersonation", false)),
            Self::Connector | Self::AgentMessaging => None,
        }
    }

    /// Whether an application role of this name is this resource's.
    pub(super) fn has_role(self, name: &str) -> bool {
        match self {
            Self::Graph => !MANAGE.contains(&name),
            Self::Manage => MANAGE.contains(&name),
            Self::Azure | Self::Connector | Self::AgentMessaging => false,
        }
    }
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) resource: Resource,
    /// Proper name, and the form it was asked in.
    pub(super) scopes: Vec<(&'static str, String)>,
    /// `.default` as it was asked for.
    pub(super) default: Option<String>,
    /// `openid`, `profile`, `email`, `offline_access`.
    pub(super) sign_in: Vec<&'static str>,
}

impl Asked {
    /// Parses a `scope` parameter. `tenant` is for the error text.
    pub(super) fn parse(scope: &str, tenant: &str) -> Result<Self, Refusal> {
        let mut resource = None;
        let mut asked = Self {
            resource: Resource::Graph,
            scopes: Vec::new(),
            default: None,
            sign_in: Vec::new(),
        };
        for word in scope.split_whitespace().take(MOST) {
            if let Some(known) = SIGN_IN.iter().find(|known| known.eq_ignore_ascii_case(word)) {
                asked.sign_in.push(known);
                continue;
            }
            let (of, name) = split(word, tenant)?;
            if *resource.get_or_insert(of) != of {
                return Err(Refusal::two_resources());
            }
            if name.eq_ignore_ascii_case(".default") {
                asked.default = Some(word.to_owned());
            } else {
                let (name, _) = of.scope(name).ok_or_else(|| Refusal::scope(word))?;
                asked.scopes.push((name, word.to_owned()));
            }
        }
        if let (Some(_), Some((_, mixed))) = (&asked.default, asked.scopes.first()) {
            return Err(Refusal::scope(mixed));
        }
        asked.resource = resource.unwrap_or(Resource::Graph);
        Ok(asked)
    }

    pub(super) fn signs_in(&self, scope: &str) -> bool {
        self.sign_in.contains(&scope)
    }
}

/// `https://graph.microsoft.com/User.Read`, `{app id}/.default`, or a bare name, which is Graph's.
fn split<'a>(word: &'a str, tenant: &str) -> Result<(Resource, &'a str), Refusal> {
    let Some((uri, name)) = word.rsplit_once('/') else {
        return Ok((Resource::Graph, word));
    };
    let resource = Resource::of(uri).ok_or_else(|| Refusal::resource(uri, tenant))?;
    Ok((resource, name))
}

const RESOURCES: [(Resource, &str, &[&str]); 5] = [
    (Resource::Graph, "00000003-0000-0000-c000-000000000000", &["https://graph.microsoft.com"]),
    (Resource::Manage, "c5393580-f805-4401-95e8-94b7a6ef2fc2", &["https://manage.office.com"]),
    (
        Resource::Azure,
        "797f4846-ba00-4fd7-9dba-dac1f8f63013",
        &["https://management.azure.com", "https://management.core.windows.net"],
    ),
    (Resource::Connector, CONNECTOR, &[CONNECTOR]),
    (Resource::AgentMessaging, AGENT_MESSAGING, &[AGENT_MESSAGING]),
];

/// Permissions of the Office 365 Management APIs, delegated and application alike.
const MANAGE: [&str; 3] = ["ActivityFeed.Read", "ActivityFeed.ReadDlp", "ServiceHealth.Read"];

const SIGN_IN: [&str; 4] = ["openid", "profile", "email", "offline_access"];

const MOST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(scope: &str) -> Result<Asked, u32> {
        Asked::parse(scope, "Contoso").map_err(|refused| refused.number)
    }

    #[test]
    fn a_scope_is_understood_in_every_form_and_kept_in_the_one_asked() {
        let asked =
            parse("user.read https://graph.microsoft.com/Chat.Read openid").expect("good scopes");
        assert_eq!(
            asked.scopes,
            [
                ("User.Read", "user.read".to_owned()),
                ("Chat.Read", "https://graph.microsoft.com/Chat.Read".to_owned())
            ]
        );
        assert_eq!(asked.sign_in, ["openid"]);
        assert_eq!(asked.resource, Resource::Graph);
    }

    #[test]
    fn the_azure_command_line_doubles_the_slash() {
        let asked = parse("https://graph.microsoft.com//.default").expect("a good scope");
        assert_eq!(asked.default.as_deref(), Some("https://graph.microsoft.com//.default"));
        let asked = parse("00000003-0000-0000-c000-000000000000/.default").expect("a good scope");
        assert_eq!(asked.resource, Resource::Graph);
    }

    #[test]
    fn scopes_that_cannot_be_are_refused() {
        assert_eq!(parse("User.Read https://manage.office.com/ActivityFeed.Read"), Err(700_022));
        assert_eq!(parse("Everything.Do"), Err(70011));
        assert_eq!(parse("https://vault.azure.net/.default"), Err(500_011));
        assert_eq!(parse(".default User.Read"), Err(70011));
        // An application permission only.
        assert_eq!(parse("Chat.Read.All"), Err(70011));
    }
}
