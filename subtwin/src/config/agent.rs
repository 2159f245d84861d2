use anyhow::ensure;
use serde::{Deserialize, Serialize};
use subtwin_kernel::{AppId, ChatId};

/// A person's own agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// What people call it.
    pub name: String,
    /// Its owner's user principal name.
    pub owner: String,
    /// The app registration through which it uses its owner's token: a public client of its own, so
    /// that the tenant's log tells it from its owner's other apps.
    pub app: AppId,
    /// The one conversation it listens to while it has no account of its own.
    pub watch: ChatId,
    /// What its messages begin with while they carry its owner's name.
    #[serde(default)]
    pub mark: Option<String>,
    /// The user principal name its own account will have.
    pub upn: String,
    /// Where the account is used: an ISO 3166 code of two letters, on which licences depend.
    pub usage_location: String,
    /// The app registration through which whoever makes agents signs in.
    pub installer: AppId,
    /// Minutes in which the old conversation is still listened to after the change.
    #[serde(default = "ten")]
    pub hears_on_minutes: u64,
}

impl Agent {
    /// Whether it can be so.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let place = &self.usage_location;
        ensure!(
            place.len() == 2 && place.bytes().all(|b| b.is_ascii_uppercase()),
            "`agent.usage_location` must be two capital letters, such as US"
        );
        ensure!(
            self.mark().trim().chars().count() >= 3,
            "`agent.mark` must be three characters at least: people must see who writes"
        );
        Ok(())
    }

    /// What its messages begin with.
    #[must_use]
    pub fn mark(&self) -> String {
        self.mark.clone().unwrap_or_else(|| format!("[{}] ", self.name))
    }
}

const fn ten() -> u64 {
    10
}
