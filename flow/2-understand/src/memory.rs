use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use subtwin_hear::Heard;
use subtwin_kernel::names::shown;
use subtwin_kernel::{Action, Call, ChatId, GroupId, Person, SkuId, UserId};

use crate::Mode;
use crate::pick::Choice;
use crate::text;

/// Most lines kept of a conversation.
const MOST_LINES: usize = 16;

/// Longest line kept, in characters.
const LONGEST_LINE: usize = 1_000;

/// Most people, and most settled names, kept of a conversation.
const MOST_NAMES: usize = 16;

/// One person's side of one chat. Nobody's "her" points at what somebody else said.
type Key = (ChatId, UserId);

/// What was said lately, in memory only: gone with the process, and after the retention time.
#[derive(Debug)]
pub(crate) struct Memory {
    retention: Duration,
    most: usize,
    conversations: Mutex<HashMap<Key, Conversation>>,
}

impl Memory {
    pub(crate) fn new(retention: Duration, most: usize) -> Self {
        Self { retention, most, conversations: Mutex::default() }
    }

    /// A copy of what is remembered, to work on; empty when there is nothing or it is too old.
    pub(crate) fn recall(&self, heard: &Heard, now: Timestamp) -> Conversation {
        let mut all = self.lock();
        all.retain(|_, conversation| now.duration_since(conversation.used) <= self.span());
        all.get(&key(heard)).cloned().unwrap_or_default()
    }

    /// Keeps what a conversation has become; the one that rested longest makes room.
    pub(crate) fn keep(&self, heard: &Heard, mut conversation: Conversation, now: Timestamp) {
        conversation.used = now;
        let mut all = self.lock();
        all.insert(key(heard), conversation);
        while all.len() > self.most {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            all.remove(&oldest);
        }
    }

    pub(crate) fn forget(&self, chat: &ChatId) {
        self.lock().retain(|(kept, _), _| kept != chat);
    }

    fn span(&self) -> jiff::SignedDuration {
        self.retention.try_into().unwrap_or(jiff::SignedDuration::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Conversation>> {
        self.conversations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(heard: &Heard) -> Key {
    (heard.chat.clone(), heard.from.user)
}

/// What is remembered of one conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conversation {
    /// `(from the twin?, text)`, oldest first.
    pub(crate) lines: Vec<(bool, String)>,
    /// People spoken of, the latest first.
    pub(crate) people: Vec<Mention>,
    /// The people of the last request.
    pub(crate) latest: Vec<Mention>,
    /// The last request.
    pub(crate) proposed: Vec<Action>,
    pub(crate) group: Option<GroupId>,
    pub(crate) licence: Option<SkuId>,
    /// What a name turned out to mean, for follow-ups that repeat it.
    settled: Vec<(String, Target)>,
    pub(crate) open: Open,
    used: Timestamp,
}

/// What the next line may answer.
#[derive(Clone, Debug, Default)]
pub(crate) enum Open {
    #[default]
    Nothing,
    /// "Which Sarah Lin?"
    Which(Box<Which>),
    /// "Shall I pass it on?"; what would be passed on.
    Offer(String),
}

/// A question that blocks a request.
#[derive(Clone, Debug)]
pub(crate) struct Which {
    /// The name that means several.
    pub(crate) phrase: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) calls: Vec<Call>,
    pub(crate) mode: Mode,
    /// The message that asked.
    pub(crate) heard: Heard,
}

/// Somebody spoken of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) id: UserId,
    /// Name and UPN, fit to be shown.
    pub(crate) label: String,
}

impl From<&Person> for Mention {
    fn from(person: &Person) -> Self {
        let label = format!("{} ({})", shown(&person.display_name), shown(&person.upn));
        Self { id: person.id, label }
    }
}

/// What a name can stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Person(Mention),
    Group(GroupId),
    Licence(SkuId),
}

impl Conversation {
    pub(crate) fn add_line(&mut self, from_twin: bool, text: &str) {
        self.lines.push((from_twin, text.chars().take(LONGEST_LINE).collect()));
        let extra = self.lines.len().saturating_sub(MOST_LINES);
        self.lines.drain(..extra);
    }

    /// What the person wrote, as [`text::key`], a line each.
    pub(crate) fn written(&self) -> String {
        let own = self.lines.iter().filter(|(from_twin, _)| !from_twin);
        own.map(|(_, line)| text::key(line)).collect::<Vec<_>>().join("\n")
    }

    /// Puts somebody first among the people spoken of.
    pub(crate) fn mention(&mut self, person: Mention) {
        self.people.retain(|known| known.id != person.id);
        self.people.insert(0, person);
        self.people.truncate(MOST_NAMES);
    }

    /// Remembers what a name means.
    pub(crate) fn settle(&mut self, phrase: &str, target: Target) {
        let phrase = text::key(phrase);
        self.settled.retain(|(known, before)| {
            *known != phrase || std::mem::discriminant(before) != std::mem::discriminant(&target)
        });
        self.settled.insert(0, (phrase, target));
        self.settled.truncate(MOST_NAMES);
    }

    pub(crate) fn settled(&self, phrase: &str) -> impl Iterator<Item = &Target> {
        let phrase = text::key(phrase);
        self.settled.iter().filter(move |(known, _)| *known == phrase).map(|(_, target)| target)
    }

    /// Whether this group has been found in this conversation.
    pub(crate) fn knows_group(&self, id: GroupId) -> bool {
        self.settled.iter().any(|(_, target)| *target == Target::Group(id))
    }
}
