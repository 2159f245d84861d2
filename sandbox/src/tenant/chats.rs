//! The chat service's state: conversations, presence, subscriptions, the partner company.

mod partner;
mod presence;
mod subscription;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

pub(crate) use partner::Partners;
pub(crate) use presence::{PREFERRED, Presence, Presences, SET, StatusMessage};
pub(crate) use subscription::{
    Counts, DeliveryPolicy, Lifecycle, Rich, Subscription, Subscriptions, Watch,
};

/// What kind of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChatKind {
    OneOnOne,
    Group,
}

/// Somebody in a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) user: Uuid,
    /// Home tenant; differs from ours for federated people.
    pub(crate) tenant: Uuid,
    pub(crate) display_name: String,
    /// `owner` or `guest`.
    pub(crate) role: &'static str,
    /// Empty for federated people: Graph does not know it.
    pub(crate) email: Option<String>,
    /// `visibleHistoryStartDateTime`; `None` shows everything (year 1 on the wire).
    pub(crate) visible_from: Option<Timestamp>,
}

/// Who sent a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    User {
        id: Uuid,
        tenant: Uuid,
        display_name: String,
    },
    /// A system row (`from` null).
    System,
}

/// An image inside a message (`chatMessageHostedContent`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostedContent {
    pub(crate) id: String,
    pub(crate) content_type: String,
    pub(crate) bytes: Vec<u8>,
}

/// What a sender decides about a message.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) sender: Sender,
    /// `html` or `text`.
    pub(crate) content_type: &'static str,
    pub(crate) content: String,
    pub(crate) subject: Option<String>,
    pub(crate) attachments: Vec<Value>,
    pub(crate) mentions: Vec<Value>,
    pub(crate) importance: String,
    pub(crate) hosted: Vec<HostedContent>,
    /// `eventDetail` of a system row.
    pub(crate) event: Option<Value>,
    /// The id it was promised, because its own content mentions it.
    pub(crate) id: Option<u64>,
}

impl Draft {
    /// Plain content and nothing else.
    pub(crate) fn new(sender: Sender, content_type: &'static str, content: String) -> Self {
        Self {
            sender,
            content_type,
            content,
            subject: None,
            attachments: Vec::new(),
            mentions: Vec::new(),
            importance: "normal".to_owned(),
            hosted: Vec::new(),
            event: None,
            id: None,
        }
    }
}

/// One message as stored.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Unix milliseconds; unique and rising within a chat.
    pub(crate) id: u64,
    /// Milliseconds of the last change; equals `id` until then.
    pub(crate) etag: u64,
    pub(crate) sender: Sender,
    /// `html` or `text`.
    pub(crate) content_type: &'static str,
    pub(crate) content: String,
    pub(crate) subject: Option<String>,
    pub(crate) attachments: Vec<Value>,
    pub(crate) mentions: Vec<Value>,
    pub(crate) reactions: Vec<Value>,
    /// `messageHistory`: reactions added and removed.
    pub(crate) history: Vec<Value>,
    pub(crate) importance: String,
    pub(crate) hosted: Vec<HostedContent>,
    pub(crate) edited: Option<Timestamp>,
    pub(crate) deleted: Option<Timestamp>,
    /// Until then readers see an emptied, edited message instead of a deleted one.
    pub(crate) deletion_hidden_until: Option<Timestamp>,
    /// `eventDetail` of a system row.
    pub(crate) event: Option<Value>,
}

/// A conversation.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    pub(crate) id: String,
    pub(crate) kind: ChatKind,
    pub(crate) topic: Option<String>,
    pub(crate) created: Timestamp,
    /// Renamed, or members changed.
    pub(crate) updated: Timestamp,
    pub(crate) members: Vec<Member>,
    pub(crate) messages: BTreeMap<u64, Message>,
    /// `(etag, id)` of every message: the order of the message list.
    by_change: BTreeSet<(u64, u64)>,
}

/// Behaviour of the real service that was seen in the field or is only remembered, so it can be
/// turned to either side.
#[derive(Clone, Debug)]
pub(crate) struct Quirks {
    /// Answer to creating a one-to-one chat that exists: the same chat with this status.
    pub(crate) repeated_create_status: u16,
    /// How long a message deleted in the Teams client still reads as edited to nothing, with
    /// `deletedDateTime` null. Off by default; hours were seen.
    pub(crate) client_deletions_hidden_for: Option<SignedDuration>,
    /// Taking a reaction back gives two `updated` notifications.
    pub(crate) two_updates_per_unreact: bool,
    /// Per thousand: a UPN bound in another casing than the directory's is not found.
    pub(crate) recased_upn_not_found: u32,
    /// Markup, attachments and all: more is refused.
    pub(crate) largest_message: usize,
    /// Status of that refusal.
    pub(crate) too_large_status: u16,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            repeated_create_status: 201,
            client_deletions_hidden_for: None,
            two_updates_per_unreact: true,
            recased_upn_not_found: 0,
            largest_message: 28 * 1024,
            too_large_status: 413,
        }
    }
}

/// Every conversation; the chat service's other state hangs here too.
#[derive(Debug, Default)]
pub(crate) struct Chats {
    pub(crate) by_id: HashMap<String, Chat>,
    by_member: HashMap<Uuid, BTreeSet<String>>,
    /// One-to-one chats by their two members, smaller id first.
    direct: HashMap<(Uuid, Uuid), String>,
    pub(crate) presences: Presences,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) partners: Partners,
    pub(crate) quirks: Quirks,
}

impl Chats {
    pub(crate) fn get(&self, id: &str) -> Option<&Chat> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Chat> {
        self.by_id.get_mut(id)
    }

    /// The chats somebody is in.
    pub(crate) fn of(&self, user: Uuid) -> impl Iterator<Item = &Chat> {
        self.by_member.get(&user).into_iter().flatten().filter_map(|id| self.by_id.get(id))
    }

    /// The one-to-one chat of two people.
    pub(crate) fn direct(&self, one: Uuid, other: Uuid) -> Option<&Chat> {
        self.by_id.get(self.direct.get(&pair(one, other))?)
    }

    /// Adds a chat. The caller has made sure that its id is new.
    pub(crate) fn add(&mut self, chat: Chat) {
        for member in &chat.members {
            self.by_member.entry(member.user).or_default().insert(chat.id.clone());
        }
        if let (ChatKind::OneOnOne, [one, other]) = (chat.kind, chat.members.as_slice()) {
            self.direct.insert(pair(one.user, other.user), chat.id.clone());
        }
        self.by_id.insert(chat.id.clone(), chat);
    }

    /// Adds somebody to a chat; false when there is no such chat or they are in it already.
    pub(crate) fn join(&mut self, id: &str, member: Member, now: Timestamp) -> bool {
        let Some(chat) = self.by_id.get_mut(id) else { return false };
        if chat.member(member.user).is_some() {
            return false;
        }
        self.by_member.entry(member.user).or_default().insert(id.to_owned());
        chat.members.push(member);
        chat.updated = now;
        true
    }

    /// Takes somebody out of a chat.
    pub(crate) fn leave(&mut self, id: &str, user: Uuid, now: Timestamp) -> Option<Member> {
        let chat = self.by_id.get_mut(id)?;
        let at = chat.members.iter().position(|member| member.user == user)?;
        if let Some(chats) = self.by_member.get_mut(&user) {
            chats.remove(id);
        }
        chat.updated = now;
        Some(chat.members.remove(at))
    }
}

fn pair(one: Uuid, other: Uuid) -> (Uuid, Uuid) {
    (one.min(other), one.max(other))
}

impl Chat {
    /// An empty conversation.
    pub(crate) fn new(
        id: String,
        kind: ChatKind,
        topic: Option<String>,
        members: Vec<Member>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            kind,
            topic,
            created: now,
            updated: now,
            members,
            messages: BTreeMap::new(),
            by_change: BTreeSet::new(),
        }
    }

    pub(crate) fn member(&self, user: Uuid) -> Option<&Member> {
        self.members.iter().find(|member| member.user == user)
    }

    /// The newest message.
    pub(crate) fn last(&self) -> Option<&Message> {
        self.messages.last_key_value().map(|(_, message)| message)
    }

    /// Milliseconds of the newest message, or of the chat's creation: what chat lists are
    /// ordered by.
    pub(crate) fn active(&self) -> u64 {
        self.last().map_or_else(|| millis(self.created), |message| message.id)
    }

    /// The id a message posted now would get.
    pub(crate) fn next_id(&self, now: Timestamp) -> u64 {
        let after = self.messages.last_key_value().map_or(0, |(id, _)| id.saturating_add(1));
        millis(now).max(after)
    }

    /// Stores a message and returns its id.
    pub(crate) fn post(&mut self, draft: Draft, now: Timestamp) -> u64 {
        let next = self.next_id(now);
        let rises = |id: &u64| self.last().is_none_or(|last| *id > last.id);
        let id = draft.id.filter(rises).unwrap_or(next);
        let message = Message {
            id,
            etag: id,
            sender: draft.sender,
            content_type: draft.content_type,
            content: draft.content,
            subject: draft.subject,
            attachments: draft.attachments,
            mentions: draft.mentions,
            reactions: Vec::new(),
            history: Vec::new(),
            importance: draft.importance,
            hosted: draft.hosted,
            edited: None,
            deleted: None,
            deletion_hidden_until: None,
            event: draft.event,
        };
        self.by_change.insert((id, id));
        self.messages.insert(id, message);
        id
    }

    /// Changes a message and moves its `etag`; false when there is no such message.
    pub(crate) fn change(
        &mut self,
        id: u64,
        now: Timestamp,
        change: impl FnOnce(&mut Message),
    ) -> bool {
        let Some(message) = self.messages.get_mut(&id) else { return false };
        change(message);
        self.by_change.remove(&(message.etag, id));
        message.etag = millis(now).max(message.etag.saturating_add(1));
        self.by_change.insert((message.etag, id));
        true
    }

    /// Messages from the most recently changed, starting below `(etag, id)` if given.
    pub(crate) fn by_change(&self, below: Option<(u64, u64)>) -> impl Iterator<Item = &Message> {
        self.by_change
            .range(..below.unwrap_or((u64::MAX, u64::MAX)))
            .rev()
            .filter_map(|(_, id)| self.messages.get(id))
    }
}

/// Unix milliseconds; 0 before 1970.
pub(crate) fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> Chat {
        Chat::new("19:x@thread.v2".into(), ChatKind::Group, None, vec![], Timestamp::UNIX_EPOCH)
    }

    fn text(content: &str) -> Draft {
        Draft::new(Sender::System, "text", content.to_owned())
    }

    #[test]
    fn message_ids_are_unique_and_rise_even_within_one_millisecond_or_when_the_clock_goes_back() {
        let mut chat = chat();
        let now = Timestamp::from_millisecond(5_000).unwrap();
        let early = Timestamp::from_millisecond(10).unwrap();
        let ids = [now, now, early, now].map(|at| chat.post(text("x"), at));
        assert_eq!(ids, [5_000, 5_001, 5_002, 5_003]);
    }

    #[test]
    fn a_change_moves_the_etag_and_brings_the_message_to_the_front() {
        let mut chat = chat();
        let now = Timestamp::from_millisecond(5_000).unwrap();
        let first = chat.post(text("first"), now);
        let second = chat.post(text("second"), now);
        assert!(chat.change(first, now, |message| message.content.clear()));
        let order: Vec<u64> = chat.by_change(None).map(|message| message.id).collect();
        // Both changed in one millisecond: the id decides.
        assert_eq!(order, [second, first]);
        assert!(chat.change(first, now, |_| ()));
        let order: Vec<u64> = chat.by_change(None).map(|message| message.id).collect();
        assert_eq!(order, [first, second]);
        assert!(chat.messages[&first].etag > first);
    }

    #[test]
    fn somebody_who_leaves_no_longer_has_the_chat() {
        let mut chats = Chats::default();
        let user = Uuid::from_u128(7);
        let now = Timestamp::UNIX_EPOCH;
        chats.add(chat());
        let member = Member {
            user,
            tenant: Uuid::nil(),
            display_name: "Doug Hale".into(),
            role: "owner",
            email: None,
            visible_from: None,
        };
        assert!(chats.join("19:x@thread.v2", member.clone(), now));
        assert!(!chats.join("19:x@thread.v2", member, now));
        assert_eq!(chats.of(user).count(), 1);
        assert!(chats.leave("19:x@thread.v2", user, now).is_some());
        assert_eq!(chats.of(user).count(), 0);
    }
}
