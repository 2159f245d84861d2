//! One notification before it is encrypted, and the body of a POST.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};
use uuid::Uuid;

use super::crypto::Recipient;
use crate::graph::messages::message_json;
use crate::graph::presence::presence_json;
use crate::tenant::{Lifecycle, Subscription};
use crate::world::{Change, World};

/// One notification for one subscription.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) subject: Subject,
    /// When the change happened: the clock of giving up.
    pub(super) since: Timestamp,
    /// The fault switch delays it until then.
    pub(super) not_before: Timestamp,
    /// The fault switch lets the next one overtake it.
    pub(super) held: bool,
    /// Goes in a POST of its own: a duplicate next to its twin would be seen through.
    pub(super) alone: bool,
}

/// What changed.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) change: Change,
    /// `chats('…')/messages('…')`.
    resource: String,
    data: Value,
    /// The resource itself, for those who asked for it.
    plain: Bytes,
}

impl Subject {
    /// A message as it is now; `None` when it is gone.
    pub(super) fn message(world: &World, chat: &str, id: u64, change: Change) -> Option<Self> {
        let chat = world.tenant.chats.get(chat)?;
        let message = chat.messages.get(&id)?;
        let resource = format!("chats('{}')/messages('{id}')", chat.id);
        let mut plain = message_json(world, chat, message, false);
        if let Some(object) = plain.as_object_mut() {
            object.insert("replies".to_owned(), json!([]));
            object.insert("hostedContents".to_owned(), json!([]));
        }
        Some(Self {
            change,
            data: json!({
                "id": id.to_string(),
                "@odata.type": "#Microsoft.Graph.chatMessage",
                "@odata.id": resource,
            }),
            resource,
            plain: plain.to_string().into(),
        })
    }

    /// Somebody's presence as it is now.
    pub(super) fn presence(world: &World, user: Uuid) -> Self {
        let resource = format!("communications/presences('{user}')");
        let plain = presence_json(world, user);
        Self {
            change: Change::Updated,
            data: json!({
                "id": user,
                "@odata.type": "#Microsoft.Graph.presence",
                "@odata.id": resource,
            }),
            resource,
            plain: plain.to_string().into(),
        }
    }

    /// One element of `value`. Without a recipient, only the address of what changed.
    pub(super) fn notification(
        &self,
        tenant: Uuid,
        subscription: &Subscription,
        recipient: Option<&Recipient>,
    ) -> Option<Value> {
        let mut notification = json!({
            "subscriptionId": subscription.id,
            "changeType": name(self.change),
            "clientState": subscription.client_state,
            "tenantId": tenant,
            "subscriptionExpirationDateTime": expiry(subscription.expires),
            "resource": self.resource,
            "resourceData": self.data,
        });
        if let (Some(rich), Some(recipient)) = (&subscription.rich, recipient) {
            let encrypted = recipient.encrypt(&self.plain).ok()?;
            notification.as_object_mut()?.insert(
                "encryptedContent".to_owned(),
                json!({
                    "data": encrypted.data,
                    "dataSignature": encrypted.signature,
                    "dataKey": encrypted.key,
                    "encryptionCertificateId": rich.certificate_id,
                    "encryptionCertificateThumbprint": rich.thumbprint,
                }),
            );
        }
        Some(notification)
    }
}

/// The body that carries one lifecycle event.
pub(super) fn lifecycle(tenant: Uuid, subscription: &Subscription, event: Lifecycle) -> Value {
    json!({"value": [{
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": expiry(subscription.expires),
        "tenantId": tenant,
        "clientState": subscription.client_state,
        "lifecycleEvent": event.name(),
    }]})
}

fn name(change: Change) -> &'static str {
    match change {
        Change::Created => "created",
        Change::Updated => "updated",
        Change::Deleted => "deleted",
    }
}

/// Seven digits and a Pacific offset, as the documentation's own sample has it: readers must cope.
fn expiry(at: Timestamp) -> String {
    let zone = TimeZone::fixed(Offset::constant(-8));
    at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S.%7f%:z").to_string()
}
