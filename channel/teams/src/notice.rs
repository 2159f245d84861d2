use serde::Deserialize;
use subtwin_kernel::{ChatId, ClientState, MessageId, TenantId};

use crate::key::Encrypted;

/// A post of notifications, as Graph sends it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Post {
    #[serde(default)]
    pub(crate) value: Vec<Notice>,
    #[serde(default)]
    pub(crate) validation_tokens: Vec<String>,
}

/// One notification, or one lifecycle event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notice {
    #[serde(default)]
    pub(crate) subscription_id: String,
    #[serde(default)]
    pub(crate) client_state: String,
    #[serde(default)]
    pub(crate) tenant_id: String,
    #[serde(default)]
    pub(crate) change_type: String,
    #[serde(default)]
    pub(crate) resource: String,
    pub(crate) encrypted_content: Option<Encrypted>,
    pub(crate) lifecycle_event: Option<String>,
}

/// The subscription notifications must belong to.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) subscription: String,
    pub(crate) client_state: ClientState,
    pub(crate) tenant: TenantId,
}

/// Why a notification is not ours, before anything is decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOurs {
    #[error("it has the wrong client state")]
    ClientState,
    #[error("it is for an unknown subscription")]
    Subscription,
    #[error("it is from another tenant")]
    Tenant,
}

impl Notice {
    /// The cheap checks, made before anything is queued: junk from the internet costs no room.
    pub(crate) fn check(&self, expected: &Expected) -> Result<(), NotOurs> {
        if !expected.client_state.matches(&self.client_state) {
            return Err(NotOurs::ClientState);
        }
        if !self.subscription_id.eq_ignore_ascii_case(&expected.subscription) {
            return Err(NotOurs::Subscription);
        }
        if self.tenant_id.parse::<TenantId>().ok() != Some(expected.tenant) {
            return Err(NotOurs::Tenant);
        }
        Ok(())
    }

    /// The chat and message it is about, from `chats('…')/messages('…')`.
    pub(crate) fn subject(&self) -> Option<(ChatId, MessageId)> {
        let (_, rest) = self.resource.split_once("chats('")?;
        let (chat, rest) = rest.split_once("')/messages('")?;
        let message = rest.strip_suffix("')")?;
        Some((ChatId::parse(chat).ok()?, message.parse().ok()?))
    }
}
