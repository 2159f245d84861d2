use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use subtwin_edge::markup;
use subtwin_hear::RefersTo;
use subtwin_kernel::{AppId, ChatId, TenantId, UserId};

use crate::connector::is_path_segment;
use crate::service_url::ServiceUrl;
use crate::{AgentUser, Settings};

/// One activity for this twin, from its own tenant, about a conversation that can be named.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Activity {
    /// What the service calls it; empty when it gave it no name.
    pub(crate) id: String,
    pub(crate) channel: String,
    pub(crate) service: ServiceUrl,
    pub(crate) chat: ChatId,
    /// The conversation has one person and the twin.
    pub(crate) personal: bool,
    /// Who did it; nothing when the service does not say who that is in the directory.
    pub(crate) from: Option<UserId>,
    pub(crate) name: String,
    /// What the connector calls them.
    pub(crate) account: String,
    /// What the connector calls the twin.
    pub(crate) bot: String,
    pub(crate) tenant: TenantId,
    /// When it happened, as the service says.
    pub(crate) at: Option<Timestamp>,
    /// The sender wants the replies in the answer to this very request.
    pub(crate) expects_replies: bool,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Somebody wrote a message.
    Message { text: String, refers_to: RefersTo },
    /// A card sent something in somebody's name. Nobody wrote it.
    Submitted,
    /// A message was edited, brought back or deleted.
    Changed { message: String },
    /// The twin can be reached in this conversation.
    Arrived,
    /// Something was pressed, or a card asks for its newest form.
    Press(Press),
    /// Another call that wants an answer.
    Invoke,
    /// Nothing that concerns the twin.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Press {
    /// The client did it on its own: a refresh.
    pub(crate) automatic: bool,
    pub(crate) choice: String,
    pub(crate) prompt: String,
}

/// Why a request's body is no activity for this twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotForUs {
    #[error("the body is no activity")]
    Shape,
    #[error("the activity has no usable `{0}`")]
    Field(&'static str),
    #[error("the activity's service is not one that the twin's token may go to")]
    Service,
    #[error("the activity is of another tenant")]
    Tenant,
    #[error("the activity is for another bot or agent")]
    Recipient,
}

impl Activity {
    pub(crate) fn read(bytes: &[u8], settings: &Settings) -> Result<Self, NotForUs> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|_| NotForUs::Shape)?;
        let service = wire.service_url.as_deref().unwrap_or_default();
        let service = settings.allowed.check(service).ok_or(NotForUs::Service)?;
        let chat = ChatId::parse(&wire.conversation.id)
            .ok()
            .filter(is_path_segment)
            .ok_or(NotForUs::Field("conversation.id"))?;
        let tenant = wire.tenant(settings.tenant)?;
        wire.recipient.check(settings)?;
        let at = wire.timestamp.as_deref().and_then(|at| at.parse().ok());
        let personal = wire.conversation.kind.as_deref() == Some("personal")
            && wire.conversation.is_group != Some(true);
        let from = wire.from.aad_object_id.as_deref().and_then(|id| id.parse().ok());
        let from = from.filter(|_| wire.from.role.as_deref() != Some("bot"));
        let expects_replies = wire.delivery_mode.as_deref() == Some("expectReplies");
        let kind = wire.kind();
        Ok(Self {
            id: wire.id.unwrap_or_default().chars().take(LONGEST_NAME).collect(),
            channel: wire.channel_id.unwrap_or_default(),
            service,
            chat,
            personal,
            from,
            name: markup::plain(&wire.from.name.unwrap_or_default()),
            account: wire.from.id.chars().take(LONGEST_NAME).collect(),
            bot: wire.recipient.id.chars().take(LONGEST_NAME).collect(),
            tenant,
            at,
            expects_replies,
            kind,
        })
    }
}

/// An activity, as far as it is read (Bot Framework Activity schema).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    timestamp: Option<String>,
    service_url: Option<String>,
    channel_id: Option<String>,
    from: Account,
    conversation: Conversation,
    recipient: Account,
    text: Option<String>,
    text_format: Option<String>,
    attachments: Option<Vec<Attachment>>,
    channel_data: Option<ChannelData>,
    value: Option<Value>,
    name: Option<String>,
    action: Option<String>,
    members_added: Option<Vec<Account>>,
    delivery_mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    id: String,
    name: Option<String>,
    aad_object_id: Option<String>,
    role: Option<String>,
    agentic_user_id: Option<String>,
    agentic_app_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Conversation {
    id: String,
    #[serde(rename = "conversationType")]
    kind: Option<String>,
    is_group: Option<bool>,
    tenant_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    content_type: Option<String>,
    content: Option<Value>,
}

#[derive(Deserialize)]
struct ChannelData {
    tenant: Option<Tenant>,
}

#[derive(Deserialize)]
struct Tenant {
    id: Option<String>,
}

#[derive(Deserialize)]
struct ActionValue {
    action: Action,
    trigger: Option<String>,
}

#[derive(Deserialize)]
struct Action {
    #[serde(rename = "type")]
    kind: String,
    verb: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    prompt: Option<String>,
}

impl Wire {
    /// Every tenant it names must be ours, and it must name one.
    fn tenant(&self, ours: TenantId) -> Result<TenantId, NotForUs> {
        let data = self.channel_data.as_ref().and_then(|data| data.tenant.as_ref());
        let mut named = data
            .and_then(|tenant| tenant.id.as_ref())
            .into_iter()
            .chain(&self.conversation.tenant_id)
            .peekable();
        if named.peek().is_none() {
            return Err(NotForUs::Field("channelData.tenant.id"));
        }
        let same = |id: &String| id.parse::<TenantId>().is_ok_and(|id| id == ours);
        if named.all(same) { Ok(ours) } else { Err(NotForUs::Tenant) }
    }

    fn kind(&self) -> Kind {
        match self.kind.as_str() {
            // `Action.Submit` has a value; so has what a card's button types in somebody's name.
            "message" if self.value.as_ref().is_some_and(|value| !value.is_null()) => {
                Kind::Submitted
            }
            "message" => Kind::Message { text: self.said(), refers_to: self.refers_to() },
            "messageUpdate" | "messageDelete" => {
                Kind::Changed { message: self.id.clone().unwrap_or_default() }
            }
            "installationUpdate" if self.action.as_deref().is_none_or(is_adding) => Kind::Arrived,
            "conversationUpdate" if self.adds_the_twin() => Kind::Arrived,
            "invoke" if self.name.as_deref() == Some("adaptiveCard/action") => {
                self.press().map_or(Kind::Invoke, Kind::Press)
            }
            "invoke" => Kind::Invoke,
            _ => Kind::Other,
        }
    }

    fn adds_the_twin(&self) -> bool {
        let added = self.members_added.as_deref().unwrap_or_default();
        added.iter().any(|member| member.id == self.recipient.id)
    }

    /// What was written, as plain text: from the HTML where there is one, because only there a
    /// quoted text can be told from one's own.
    fn said(&self) -> String {
        match (self.html(), self.text.as_deref(), self.text_format.as_deref()) {
            (Some(html), _, _) => markup::read(html),
            (None, Some(text), Some("xml")) => markup::read(text),
            (None, Some(text), _) => markup::plain(text),
            (None, None, _) => String::new(),
        }
    }

    fn html(&self) -> Option<&str> {
        let attachments = self.attachments.as_deref().unwrap_or_default();
        let html = attachments.iter().find(|one| one.content_type.as_deref() == Some("text/html"));
        html?.content.as_ref()?.as_str()
    }

    /// A quoted message stands in a block quote that names it; a reference may be an attachment,
    /// too. What is not certainly one message of this conversation refers to something else.
    fn refers_to(&self) -> RefersTo {
        let attachments = self.attachments.as_deref().unwrap_or_default();
        let referring = attachments.iter().any(|attachment| {
            let kind = attachment.content_type.as_deref().unwrap_or_default();
            kind.to_ascii_lowercase().ends_with("messagereference")
        });
        if referring {
            return RefersTo::Something;
        }
        let html = self.html().unwrap_or_default().to_ascii_lowercase();
        let mut quotes = html.split("<blockquote").skip(1);
        let Some(quote) = quotes.next() else { return RefersTo::Nothing };
        let tag = quote.split('>').next().unwrap_or_default();
        let named = tag
            .split_once("itemid=\"")
            .filter(|_| tag.contains("schema.skype.com/reply"))
            .and_then(|(_, rest)| rest.split('"').next()?.parse().ok());
        match named {
            Some(id) if quotes.next().is_none() => RefersTo::Message(id),
            _ => RefersTo::Something,
        }
    }

    fn press(&self) -> Option<Press> {
        let value: ActionValue = Deserialize::deserialize(self.value.as_ref()?).ok()?;
        if value.action.kind != "Action.Execute" {
            return None;
        }
        Some(Press {
            automatic: !matches!(value.trigger.as_deref(), None | Some("manual")),
            choice: value.action.verb.unwrap_or_default(),
            prompt: value.action.data.and_then(|data| data.prompt).unwrap_or_default(),
        })
    }
}

impl Account {
    /// Whether it is this twin.
    fn check(&self, settings: &Settings) -> Result<(), NotForUs> {
        let agentic = self.role.as_deref().is_some_and(|role| role.starts_with("agentic"));
        let ours = match &settings.agent {
            Some(agent) => agentic && self.is_agent(agent),
            None => {
                let named = self.id.strip_prefix("28:");
                let other =
                    named.is_some_and(|app| app.parse().is_ok_and(|id: AppId| id != settings.app));
                !agentic && !other
            }
        };
        if ours { Ok(()) } else { Err(NotForUs::Recipient) }
    }

    /// The agent user is named by its object id or by its user principal name.
    fn is_agent(&self, agent: &AgentUser) -> bool {
        let user = self.agentic_user_id.as_deref().unwrap_or_default();
        let app = self.agentic_app_id.as_deref().unwrap_or_default();
        self.role.as_deref() == Some("agenticUser")
            && !user.is_empty()
            && (user.parse().ok() == Some(agent.user) || user.eq_ignore_ascii_case(&agent.upn))
            && app.parse().ok() == Some(agent.app)
    }
}

fn is_adding(action: &str) -> bool {
    action.starts_with("add")
}

/// Characters of what the connector calls people and activities.
const LONGEST_NAME: usize = 512;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::Allowed;

    const TENANT: &str = "11111111-1111-4111-8111-111111111111";
    const APP: &str = "22222222-2222-4222-8222-222222222222";
    const DOUG: &str = "33333333-3333-4333-8333-333333333333";

    fn settings() -> Settings {
        let allowed = Allowed::new([]).unwrap();
        Settings::new(TENANT.parse().unwrap(), APP.parse().unwrap(), allowed)
    }

    /// A person's message, with one field set.
    fn with(name: &str, value: &Value) -> Vec<u8> {
        let mut activity = json!({
            "type": "message", "id": "1485983408511", "text": "hi", "channelId": "msteams",
            "serviceUrl": "https://smba.trafficmanager.net/amer/",
            "from": {"id": "29:x", "aadObjectId": DOUG}, "recipient": {"id": "28:x"},
            "conversation": {"conversationType": "personal", "id": "a:1", "tenantId": TENANT},
        });
        activity[name] = value.clone();
        activity.to_string().into_bytes()
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "(?s).{0,12}".prop_map(Value::from),
            "(<blockquote|itemid=\"|77|\">|yes|schema.skype.com/reply|</blockquote>){0,8}"
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(
                    "id|type|action|data|prompt|verb|trigger|tenant|content|contentType|role",
                    inner,
                    0..4
                )
                .prop_map(|map| Value::from(serde_json::Map::from_iter(map))),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_field_nobody_else_is_heard_and_no_other_service_is_named(
            name in "type|id|text|from|recipient|conversation|channelData|value|attachments|name|timestamp|serviceUrl|membersAdded",
            value in json_value(),
        ) {
            if let Ok(read) = Activity::read(&with(&name, &value), &settings()) {
                prop_assert_eq!(read.tenant.to_string(), TENANT);
                prop_assert_eq!(read.service.as_str(), "https://smba.trafficmanager.net/amer/");
                let heard = matches!(read.kind, Kind::Message { .. });
                prop_assert!(!heard || name == "type" || value.is_null() || name != "value");
            }
        }

        #[test]
        fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Activity::read(&bytes, &settings()).is_err());
        }
    }
}
