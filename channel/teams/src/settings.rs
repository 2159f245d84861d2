use std::time::Duration;

use subtwin_kernel::{AppId, ChatId, TenantId, TwinId};
use url::Url;

use crate::message::Listener;

/// How a twin listens in Teams.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The twin's directory.
    pub tenant: TenantId,
    /// The account whose token the calls carry: the twin's own, or its owner's while it has none.
    pub twin: TwinId,
    /// With its owner's token, the one conversation it was told to listen to. It hears only what
    /// the owner writes there, looks into no other, and what it says carries the owner's id, too.
    pub borrowed: Option<ChatId>,
    /// The app registration the twin's tokens are made for; the audience of validation tokens.
    pub app: AppId,
    /// Where Graph delivers notifications: this crate's `POST /notifications`, as Graph reaches it.
    pub notification_url: Url,
    /// Where Graph delivers lifecycle events: this crate's `POST /lifecycle`.
    pub lifecycle_url: Url,
    /// What a tenant's id and a slash are appended to, to name who issues validation tokens.
    pub issuer_base: String,
    /// How long a subscription is asked for. Graph allows 4,320 minutes.
    pub lifetime: Duration,
    /// How often a subscription is renewed and with it reauthorised. Below the hour an access
    /// token lives.
    pub renew_every: Duration,
    /// How often everything is looked through for messages that were not notified.
    pub catch_up_every: Duration,
    /// How far behind the last reading the next one begins.
    pub overlap: Duration,
    /// How long after something happened in a conversation it is looked through, and how often at
    /// most.
    pub check_after: Duration,
    /// How long after something happened in a conversation it is still looked through, at growing
    /// distances. Zero turns these checks off.
    pub attention: Duration,
    /// Checks of conversations per second, all together.
    pub checks_per_second: u32,
    /// Accepted notification posts that may wait to be opened.
    pub queue: usize,
    /// Posts opened at the same time; about the number of cores.
    pub openers: usize,
    /// The largest notification post, in bytes.
    pub largest_post: usize,
    /// How long running work may go on after the twin was told to stop.
    pub patience: Duration,
}

impl Settings {
    /// The usual settings for a twin whose endpoint Graph reaches under `public`.
    ///
    /// # Errors
    /// When nothing can be appended to `public`.
    pub fn new(
        tenant: TenantId,
        twin: TwinId,
        app: AppId,
        public: &Url,
    ) -> Result<Self, url::ParseError> {
        let mut base = public.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", public.path()));
        }
        Ok(Self {
            tenant,
            twin,
            borrowed: None,
            app,
            notification_url: base.join("notifications")?,
            lifecycle_url: base.join("lifecycle")?,
            issuer_base: "https://sts.windows.net/".to_owned(),
            lifetime: Duration::from_secs(70 * 3600),
            renew_every: Duration::from_secs(45 * 60),
            catch_up_every: Duration::from_secs(15 * 60),
            overlap: Duration::from_secs(10),
            check_after: Duration::from_secs(10),
            attention: Duration::from_secs(10 * 60),
            checks_per_second: 2,
            queue: 512,
            openers: 4,
            largest_post: 4 * 1024 * 1024,
            patience: Duration::from_secs(10),
        })
    }

    /// The resource the twin subscribes to: every chat it is in, new ones included; with its owner's
    /// token the one it was told to listen to, and no other.
    pub(crate) fn resource(&self) -> String {
        match &self.borrowed {
            Some(chat) => format!("/chats/{chat}/messages"),
            None => format!("/users/{}/chats/getAllMessages", self.twin),
        }
    }

    /// Who listens.
    pub(crate) const fn listener(&self) -> Listener {
        Listener { tenant: self.tenant, twin: self.twin, borrowed: self.borrowed.is_some() }
    }
}
