//! What a request asks for: scopes, the resource they are of, and the form they were written in.

use uuid::Uuid;

use super::refusal::Refusal;
use super::{AGENT_MESSAGING, CONNECTOR};
use crate::tenant::{Tenant, permission};

/// An API tokens are issued for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Graph,
    Manage,
    Azure,
    Portal,
    /// What assertions of federated clients are for (`api://AzureADTokenExchange`).
    Exchange,
    /// The service that agents' users answer Teams activities through.
    Messaging,
    /// An app's own API, by the app's id.
    Own(Uuid),
    /// Bot Connector, for bots.
    Connector,
}

impl Resource {
    /// One of Microsoft's, by application id URI (with or without slash) or application id.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('/').to_ascii_lowercase();
        RESOURCES
            .iter()
            .find(|(_, app_id, uris)| *app_id == text || uris.contains(&text.as_str()))
            .map(|(resource, ..)| *resource)
    }

    /// Also those of the tenant's own apps.
    fn named(tenant: &Tenant, text: &str) -> Option<Self> {
        Self::of(text).or_else(|| {
            let app = tenant.apps.called(text.trim_end_matches('/'))?;
            Some(Self::Own(app.app_id))
        })
    }

    /// Its application id; of Microsoft's the same in every tenant.
    pub(super) fn app_id(self) -> Uuid {
        match self {
            Self::Own(app_id) => app_id,
            Self::Graph
            | Self::Manage
            | Self::Azure
            | Self::Portal
            | Self::Exchange
            | Self::Connector
            | Self::Messaging => {
                self.row().and_then(|(_, id, _)| Uuid::try_parse(id).ok()).unwrap_or_default()
            }
        }
    }

    /// What full scope names start with, and the `aud` of tokens in the older form.
    pub(super) fn uri(self) -> String {
        match self.row().and_then(|(_, _, uris)| uris.first()) {
            Some(uri) => (*uri).to_owned(),
            None => self.app_id().to_string(),
        }
    }

    fn row(self) -> Option<&'static (Self, &'static str, &'static [&'static str])> {
        RESOURCES.iter().find(|(resource, ..)| *resource == self)
    }

    /// A delegated scope by its name in any case: its proper name and whether users may not consent
    /// to it themselves.
    pub(super) fn scope(self, tenant: &Tenant, name: &str) -> Option<(String, bool)> {
        let listed = |names: &[&str], admin: bool| {
            let found = names.iter().find(|known| known.eq_ignore_ascii_case(name));
            found.map(|known| ((*known).to_owned(), admin))
        };
        match self {
            Self::Graph => permission(name)
                .filter(|known| !known.delegated.is_empty() || known.application.is_empty())
                .map(|known| (known.name.to_owned(), known.admin)),
            Self::Manage => listed(&MANAGE, true),
            Self::Azure | Self::Portal => listed(&["user_impersonation"], false),
            Self::Messaging => listed(&MESSAGING, true),
            Self::Exchange | Self::Connector => None,
            Self::Own(app_id) => {
                let own = &tenant.apps.application(app_id)?.own_scopes;
                let found = own
                    .iter()
                    .find(|scope| scope.enabled && scope.value.eq_ignore_ascii_case(name));
                found.map(|scope| (scope.value.clone(), scope.admin))
            }
        }
    }

    /// Whether an application role of this name is this resource's.
    pub(super) fn has_role(self, name: &str) -> bool {
        match self {
            Self::Graph => !MANAGE.contains(&name),
            Self::Manage => MANAGE.contains(&name),
            Self::Azure
            | Self::Portal
            | Self::Exchange
            | Self::Messaging
            | Self::Connector
            | Self::Own(_) => false,
        }
    }
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) resource: Resource,
    /// The resource as it was written, for the `aud` of tokens for an app's own API.
    pub(super) audience: String,
    /// Proper name, and the form it was asked in.
    pub(super) scopes: Vec<(String, String)>,
    /// `.default` as it was asked for.
    pub(super) default: Option<String>,
    /// `openid`, `profile`, `email`, `offline_access`.
    pub(super) sign_in: Vec<&'static str>,
}

impl Asked {
    /// Parses a `scope` parameter.
    pub(super) fn parse(scope: &str, tenant: &Tenant) -> Result<Self, Refusal> {
        let mut resource: Option<(Resource, String)> = None;
        let mut asked = Self {
            resource: Resource::Graph,
            audience: String::new(),
            scopes: Vec::new(),
            default: None,
            sign_in: Vec::new(),
        };
        for word in scope.split_whitespace().take(MOST) {
            if let Some(known) = SIGN_IN.iter().find(|known| known.eq_ignore_ascii_case(word)) {
                asked.sign_in.push(known);
                continue;
            }
            let (of, audience, name) = split(word, tenant)?;
            if resource.get_or_insert((of, audience)).0 != of {
                return Err(Refusal::two_resources());
            }
            if name.eq_ignore_ascii_case(".default") {
                asked.default = Some(word.to_owned());
            } else {
                let (name, _) = of.scope(tenant, name).ok_or_else(|| Refusal::scope(word))?;
                asked.scopes.push((name, word.to_owned()));
            }
        }
        if let (Some(_), Some((_, mixed))) = (&asked.default, asked.scopes.first()) {
            return Err(Refusal::scope(mixed));
        }
        let (resource, audience) =
            resource.unwrap_or_else(|| (Resource::Graph, Resource::Graph.uri()));
        asked.resource = resource;
        asked.audience = audience;
        Ok(asked)
    }

    pub(super) fn signs_in(&self, scope: &str) -> bool {
        self.sign_in.contains(&scope)
    }
}

/// `https://graph.microsoft.com/User.Read`, `{app id}/.default`, or a bare name, which is Graph's.
fn split<'a>(word: &'a str, tenant: &Tenant) -> Result<(Resource, String, &'a str), Refusal> {
    let Some((uri, name)) = word.rsplit_once('/') else {
        return Ok((Resource::Graph, Resource::Graph.uri(), word));
    };
    let resource =
        Resource::named(tenant, uri).ok_or_else(|| Refusal::resource(uri, &tenant.name))?;
    let audience = match resource {
        Resource::Own(_) => uri.trim_end_matches('/').to_owned(),
        Resource::Graph
        | Resource::Manage
        | Resource::Azure
        | Resource::Portal
        | Resource::Exchange
        | Resource::Connector
        | Resource::Messaging => resource.uri(),
    };
    Ok((resource, audience, name))
}

const RESOURCES: [(Resource, &str, &[&str]); 7] = [
    (Resource::Graph, "00000003-0000-0000-c000-000000000000", &["https://graph.microsoft.com"]),
    (Resource::Manage, "c5393580-f805-4401-95e8-94b7a6ef2fc2", &["https://manage.office.com"]),
    (
        Resource::Azure,
        "797f4846-ba00-4fd7-9dba-dac1f8f63013",
        &["https://management.azure.com", "https://management.core.windows.net"],
    ),
    // It has no address of its own: its id is its name.
    (Resource::Portal, super::PORTAL, &[super::PORTAL]),
    (
        Resource::Exchange,
        "fb60f99c-7a34-4190-8149-302f77469936",
        &["fb60f99c-7a34-4190-8149-302f77469936", "api://azureadtokenexchange"],
    ),
    (Resource::Messaging, AGENT_MESSAGING, &[AGENT_MESSAGING]),
    (Resource::Connector, CONNECTOR, &[CONNECTOR]),
];

/// Permissions of the Office 365 Management APIs, delegated and application alike.
const MANAGE: [&str; 3] = ["ActivityFeed.Read", "ActivityFeed.ReadDlp", "ServiceHealth.Read"];

/// Delegated scopes of the messaging service, from memory.
const MESSAGING: [&str; 2] = ["Authorization.ReadWrite", "user_impersonation"];

const SIGN_IN: [&str; 4] = ["openid", "profile", "email", "offline_access"];

const MOST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(scope: &str) -> Result<Asked, u32> {
        Asked::parse(scope, &Tenant::sample(1, 5)).map_err(|refused| refused.number)
    }

    #[test]
    fn a_scope_is_understood_in_every_form_and_kept_in_the_one_asked() {
        let asked =
            parse("user.read https://graph.microsoft.com/Chat.Read openid").expect("good scopes");
        assert_eq!(
            asked.scopes,
            [
                ("User.Read".to_owned(), "user.read".to_owned()),
                ("Chat.Read".to_owned(), "https://graph.microsoft.com/Chat.Read".to_owned())
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
