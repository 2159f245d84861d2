use std::time::Duration;

use subtwin_kernel::{AppId, TenantId, UserId};

use crate::Allowed;

/// How a twin listens as a bot.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The twin's directory. Nobody of another one is heard.
    pub tenant: TenantId,
    /// The app registration of the bot: the audience of tokens that come in. For an Agent User its
    /// blueprint.
    pub app: AppId,
    /// The Agent User whom activities must be addressed to, where the twin is one.
    pub agent: Option<AgentUser>,
    /// Apps of the own tenant whose tokens vouch for activities as Bot Connector's do. Any app of a
    /// tenant can have a token for any other, so a tenant's token alone vouches for nothing.
    pub callers: Vec<AppId>,
    /// Where the twin's own token may go.
    pub allowed: Allowed,
    /// The largest activity, in bytes.
    pub largest_post: usize,
    /// How long running work may go on after the twin was told to stop.
    pub patience: Duration,
}

/// An Agent User, as activities name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentUser {
    /// Its object id.
    pub user: UserId,
    /// Its user principal name, which some senders use in the object id's place.
    pub upn: String,
    /// The app id of its agent identity.
    pub app: AppId,
}

impl Settings {
    /// The usual settings of a bot with its own app registration.
    #[must_use]
    pub fn new(tenant: TenantId, app: AppId, allowed: Allowed) -> Self {
        Self {
            tenant,
            app,
            agent: None,
            callers: Vec::new(),
            allowed,
            largest_post: 256 * 1024,
            patience: Duration::from_secs(10),
        }
    }

    /// What the twin's token for the connector must be asked for.
    #[must_use]
    pub const fn scope(&self) -> &'static str {
        match self.agent {
            None => "https://api.botframework.com/.default",
            Some(_) => "5a807f24-c9de-44ee-a3a7-329e88a00ffc/.default",
        }
    }
}
