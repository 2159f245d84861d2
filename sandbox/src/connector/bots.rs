//! What is known of bots: plain data and the rules that keep it consistent.

use std::collections::{BTreeMap, VecDeque};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::wire::at;

/// Every bot of the tenant and its conversations.
#[derive(Debug, Default)]
pub(crate) struct Bots {
    pub(super) all: BTreeMap<Uuid, Bot>,
    pub(super) talks: BTreeMap<String, Talk>,
}

/// A registered bot.
#[derive(Clone, Debug)]
pub(super) struct Bot {
    pub(super) app: Uuid,
    pub(super) name: String,
    /// Where activities are posted.
    pub(super) endpoint: Url,
    /// Where it answers.
    pub(super) service_url: String,
    pub(super) issuer: Issuer,
    /// It is an Agent User.
    pub(super) agent: Option<Agent>,
}

/// Whose tokens vouch for activities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Issuer {
    /// `https://api.botframework.com`.
    Connector,
    /// The tenant, for an app of it; without one as the service itself does.
    Tenant { caller: Option<Uuid> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) user: Uuid,
    pub(super) app: Uuid,
}

/// One conversation with a bot in it.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) id: String,
    pub(super) bot: Uuid,
    pub(super) kind: TalkKind,
    pub(super) people: Vec<Uuid>,
    pub(super) messages: BTreeMap<u64, Said>,
    /// The person has blocked the bot.
    pub(super) blocked: bool,
    /// Somebody is seen typing.
    pub(super) typing: Option<Timestamp>,
    /// When the bot called, the last first: for the limits.
    pub(super) calls: VecDeque<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TalkKind {
    Personal,
    Group,
}

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) id: u64,
    /// A person; nobody for the bot.
    pub(super) by: Option<Uuid>,
    /// As it was sent: `text`, `textFormat`, `attachments`, `summary`.
    pub(super) activity: Value,
    /// The card as it is now, after answers to presses.
    pub(super) card: Option<Value>,
    /// What a press was answered with in words.
    pub(super) remark: Option<String>,
    pub(super) edited: bool,
    pub(super) deleted: bool,
}

impl Bots {
    /// The personal conversation of somebody with a bot, begun if there is none. `true` when it is
    /// new.
    pub(super) fn personal(&mut self, bot: Uuid, person: Uuid) -> (String, bool) {
        let id = format!("a:1{}", short(&format!("{bot} {person}")));
        let new = !self.talks.contains_key(&id);
        if new {
            self.begin(id.clone(), bot, TalkKind::Personal, vec![person]);
        }
        (id, new)
    }

    /// A group chat with a bot in it.
    pub(super) fn group(&mut self, bot: Uuid, people: &[Uuid]) -> String {
        let names: Vec<String> = people.iter().map(Uuid::to_string).collect();
        let id = format!("19:{}@thread.v2", short(&format!("{bot} {}", names.join(" "))));
        if !self.talks.contains_key(&id) {
            self.begin(id.clone(), bot, TalkKind::Group, people.to_vec());
        }
        id
    }

    fn begin(&mut self, id: String, bot: Uuid, kind: TalkKind, people: Vec<Uuid>) {
        let talk = Talk {
            id: id.clone(),
            bot,
            kind,
            people,
            messages: BTreeMap::new(),
            blocked: false,
            typing: None,
            calls: VecDeque::new(),
        };
        self.talks.insert(id, talk);
    }
}

impl Talk {
    /// Keeps a message and returns its id: milliseconds, unique and rising.
    pub(super) fn say(&mut self, by: Option<Uuid>, activity: Value, now: Timestamp) -> u64 {
        let after = self.messages.last_key_value().map_or(0, |(id, _)| id.saturating_add(1));
        let id = u64::try_from(now.as_millisecond()).unwrap_or(0).max(after);
        let card = card(&activity).cloned();
        let said = Said { id, by, activity, card, remark: None, edited: false, deleted: false };
        self.messages.insert(id, said);
        self.typing = None;
        id
    }

    /// Whether the bot called too often: 7 in a second, 8 in two, 60 in thirty, 1,800 in an hour.
    pub(super) fn is_throttled(&mut self, now: Timestamp) -> bool {
        let within = |call: &Timestamp, seconds: i64| {
            now.duration_since(*call) < jiff::SignedDuration::from_secs(seconds)
        };
        self.calls.retain(|call| within(call, 3600));
        let limits = [(7, 1), (8, 2), (60, 30), (1800, 3600)];
        let over = limits.iter().any(|(most, seconds)| {
            self.calls.iter().filter(|call| within(call, *seconds)).count() >= *most
        });
        if !over {
            self.calls.push_front(now);
        }
        over
    }
}

impl Said {
    /// The card's buttons that run something: title, verb, data.
    pub(super) fn buttons(&self) -> Vec<(&str, &str, &Value)> {
        let actions = self.card.as_ref().and_then(|card| card.get("actions"));
        let actions = actions.and_then(Value::as_array).into_iter().flatten();
        actions
            .filter(|action| at(action, "/type") == "Action.Execute")
            .filter_map(|action| {
                Some((
                    at(action, "/title").as_str()?,
                    at(action, "/verb").as_str()?,
                    at(action, "/data"),
                ))
            })
            .collect()
    }
}

/// The Adaptive Card of an activity.
pub(super) fn card(activity: &Value) -> Option<&Value> {
    let attachments = activity.get("attachments").and_then(Value::as_array)?;
    let card = attachments.iter().find(|one| at(one, "/contentType") == ADAPTIVE)?;
    card.get("content")
}

/// Thirty-two letters and digits that follow from a text.
pub(super) fn short(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes())).chars().take(32).collect()
}

/// What the connector calls somebody, for one bot alone.
pub(super) fn account(bot: Uuid, person: Uuid) -> String {
    format!("29:1{}", short(&format!("account {bot} {person}")))
}

/// What the connector calls a bot.
pub(super) fn bot_account(bot: Uuid) -> String {
    format!("28:{bot}")
}

pub(super) const ADAPTIVE: &str = "application/vnd.microsoft.card.adaptive";
