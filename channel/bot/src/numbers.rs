use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use subtwin_kernel::{ChatId, MessageId};

/// Which message an activity's id names. Teams counts milliseconds; what is not such a number gets
/// one of its own, by the time the service gives.
#[derive(Debug, Default)]
pub(crate) struct Numbers(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    numbers: HashMap<(ChatId, String), MessageId>,
    names: HashMap<(ChatId, MessageId), String>,
    order: VecDeque<(ChatId, MessageId)>,
    /// The newest message seen in a chat, whoever wrote it.
    newest: HashMap<ChatId, MessageId>,
}

impl Numbers {
    /// The message of this name; `at` is when the service says it was written.
    pub(crate) fn of(&self, chat: &ChatId, name: &str, at: Timestamp) -> MessageId {
        let mut inner = self.lock();
        let id = inner.of(chat, name, at);
        inner.saw(chat, id);
        id
    }

    /// A press, which comes after everything seen in the conversation: it says itself which message
    /// it answers.
    pub(crate) fn after_all(&self, chat: &ChatId, name: &str, at: Timestamp) -> MessageId {
        let mut inner = self.lock();
        let after = inner.newest.get(chat).map_or(0, |newest| newest.number().saturating_add(1));
        let id = inner.give(chat, name, millis(at).max(after));
        inner.saw(chat, id);
        id
    }

    /// What the service calls a message.
    pub(crate) fn name(&self, chat: &ChatId, message: MessageId) -> String {
        let known = self.lock().names.get(&(chat.clone(), message)).cloned();
        known.unwrap_or_else(|| message.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn of(&mut self, chat: &ChatId, name: &str, at: Timestamp) -> MessageId {
        if let Some(known) = self.numbers.get(&(chat.clone(), name.to_owned())) {
            return *known;
        }
        let counted = name.parse().ok().filter(|number| time(*number).is_some());
        match counted {
            Some(number) if !self.names.contains_key(&(chat.clone(), MessageId::new(number))) => {
                MessageId::new(number)
            }
            _ => self.give(chat, name, counted.unwrap_or_else(|| millis(at))),
        }
    }

    /// The first free number from `from` on.
    fn give(&mut self, chat: &ChatId, name: &str, from: u64) -> MessageId {
        let mut id = MessageId::new(from);
        while self.names.contains_key(&(chat.clone(), id)) {
            id = MessageId::new(id.number().saturating_add(1));
        }
        self.numbers.insert((chat.clone(), name.to_owned()), id);
        self.names.insert((chat.clone(), id), name.to_owned());
        self.order.push_back((chat.clone(), id));
        if self.order.len() > MOST
            && let Some((chat, id)) = self.order.pop_front()
            && let Some(name) = self.names.remove(&(chat.clone(), id))
        {
            self.numbers.remove(&(chat, name));
        }
        id
    }

    fn saw(&mut self, chat: &ChatId, id: MessageId) {
        if self.newest.len() >= MOST && !self.newest.contains_key(chat) {
            self.newest.clear();
        }
        let newest = self.newest.entry(chat.clone()).or_insert(id);
        *newest = id.max(*newest);
    }
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

/// When a message of this number was written, if it counts milliseconds.
fn time(number: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(number).ok()?).ok()
}

const MOST: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> ChatId {
        ChatId::parse("a:1").unwrap()
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[test]
    fn a_number_names_itself_and_another_name_gets_the_time_it_was_written() {
        let numbers = Numbers::default();
        assert_eq!(numbers.of(&chat(), "1485983408511", at(5)), MessageId::new(1_485_983_408_511));
        let named = numbers.of(&chat(), "e7b331fe", at(1_485_983_408_600));
        assert_eq!(named, MessageId::new(1_485_983_408_600));
        assert_eq!(numbers.of(&chat(), "e7b331fe", at(9)), named, "the same, if it comes again");
        assert_eq!(numbers.name(&chat(), named), "e7b331fe");
        assert_eq!(numbers.name(&chat(), MessageId::new(7)), "7");
    }

    #[test]
    fn two_messages_of_one_millisecond_stay_two() {
        let numbers = Numbers::default();
        let [a, b] = ["a", "b"].map(|name| numbers.of(&chat(), name, at(100)));
        assert_ne!(a, b);
        let press = numbers.after_all(&chat(), "press", at(1));
        assert!(press > b, "{press} comes after {b}");
        let counted = numbers.of(&chat(), &press.to_string(), at(1));
        assert_ne!(counted, press, "a message that counts itself is not taken for the press");
    }

    #[test]
    fn a_number_that_is_no_time_is_a_name() {
        let numbers = Numbers::default();
        let id = numbers.of(&chat(), &u64::MAX.to_string(), at(100));
        assert_eq!(id, MessageId::new(100));
    }
}
