//! Posting activities to a bot, signed.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::bots::{Bot, Talk, TalkKind, account, bot_account};
use super::keys;
use crate::notify::Courier;
use crate::tenant::User;
use crate::wire::set;
use crate::world::{Sandbox, World};

/// What became of an activity.
#[derive(Debug)]
pub(super) struct Delivered {
    /// The bot's status; 0 when it did not answer.
    pub(super) status: u16,
    pub(super) body: Value,
}

/// Posts an activity to a bot and waits for its answer.
pub(super) async fn deliver(sandbox: &Sandbox, bot: &Bot, activity: &Value) -> Delivered {
    let token = keys::token(sandbox, bot, &Value::Null);
    let Ok(courier) = Courier::new() else {
        return Delivered { status: 0, body: Value::Null };
    };
    let answered = courier.ask(&bot.endpoint, &token, activity, ANSWER_WITHIN).await;
    let (status, body) = answered.unwrap_or((0, Value::Null));
    Delivered { status, body }
}

/// An activity of a person in a conversation, to be completed.
pub(super) fn activity(world: &World, bot: &Bot, talk: &Talk, person: &User, id: &str) -> Value {
    let now = world.now();
    let tenant = world.tenant.id;
    let (kind, group) = match talk.kind {
        TalkKind::Personal => ("personal", Value::Null),
        TalkKind::Group => ("groupChat", true.into()),
    };
    let mut conversation = json!({"conversationType": kind, "tenantId": tenant, "id": talk.id});
    if !group.is_null() {
        set(&mut conversation, "isGroup", group);
    }
    json!({
        "id": id,
        "timestamp": now,
        "localTimestamp": now,
        "localTimezone": "UTC",
        "serviceUrl": bot.service_url,
        "channelId": "msteams",
        "from": {
            "id": account(bot.app, person.id),
            "name": person.display_name,
            "aadObjectId": person.id,
        },
        "conversation": conversation,
        "recipient": recipient(bot, tenant),
        "entities": [{"locale": "en-US", "country": "US", "platform": "Web", "timezone": "UTC",
            "type": "clientInfo"}],
        "channelData": {"tenant": {"id": tenant}},
        "locale": "en-US",
    })
}

fn recipient(bot: &Bot, tenant: Uuid) -> Value {
    let mut recipient = json!({"id": bot_account(bot.app), "name": bot.name});
    if let Some(agent) = &bot.agent {
        set(&mut recipient, "role", "agenticUser".into());
        set(&mut recipient, "agenticUserId", json!(agent.user));
        set(&mut recipient, "agenticAppId", json!(agent.app));
        set(&mut recipient, "tenantId", json!(tenant));
    }
    recipient
}

/// The service gives up after fifteen seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
