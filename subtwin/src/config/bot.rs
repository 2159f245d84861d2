use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use subtwin_bot::Allowed;
use subtwin_kernel::AppId;
use url::Url;

use super::is_loopback;

/// The twin as a bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bot {
    /// The app registration of the bot. Its certificate is made by `subtwin bot certificate`.
    pub app: AppId,
    /// Apps of the own tenant whose tokens vouch for activities as Bot Connector's do. None, unless
    /// something of one's own stands between Teams and the twin.
    #[serde(default)]
    pub callers: Vec<AppId>,
    /// Connectors besides the public cloud's, by their origins. The twin's token goes nowhere else.
    #[serde(default)]
    pub service_urls: Vec<Url>,
    /// The OpenID document of whoever signs activities; the public cloud's when left out.
    pub openid: Option<Url>,
}

impl Bot {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        self.allowed()?;
        if let Some(url) = &self.openid {
            ensure!(
                url.scheme() == "https" || is_loopback(url),
                "`bot.openid` must be https: whoever changes it on its way can sign as anybody"
            );
        }
        Ok(())
    }

    /// Where the twin's token may go.
    pub(crate) fn allowed(&self) -> anyhow::Result<Allowed> {
        Allowed::new(self.service_urls.clone()).context("`bot.service_urls` is not right")
    }

    /// Where the keys are that activities are signed with.
    pub(crate) fn openid(&self) -> anyhow::Result<Url> {
        self.openid.clone().map_or_else(|| Ok(Url::parse(PUBLIC)?), Ok)
    }
}

/// Bot Connector's, in the public cloud.
const PUBLIC: &str = "https://login.botframework.com/v1/.well-known/openidconfiguration";
