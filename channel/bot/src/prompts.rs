use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use subtwin_hear::{Choice, Question};
use subtwin_kernel::{ChatId, MessageId, Words};
use tokio::sync::watch;

/// The question that stands last in each conversation. Only it can be answered by a press, and only
/// once. Kept in memory alone: no question survives a restart.
#[derive(Debug, Default)]
pub(crate) struct Prompts(Mutex<HashMap<ChatId, Last>>);

#[derive(Debug)]
struct Last {
    /// Drawn at random; what its buttons send back.
    id: String,
    question: Question,
    /// Its message, once the service has named it.
    message: watch::Sender<Option<MessageId>>,
    used: bool,
}

/// A press that counts, if the gate agrees.
#[derive(Debug)]
pub(crate) struct Pressed {
    pub(crate) message: watch::Receiver<Option<MessageId>>,
    pub(crate) words: Words,
    pub(crate) choice: Choice,
}

/// Why a press does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotPressed {
    /// The question is not the last one here, or of an earlier process.
    Old,
    /// It was answered by a press already.
    Used,
    /// It has no such choice.
    NoSuchChoice,
}

impl Prompts {
    /// A question is about to be posted. It takes the place of the one before, which cannot be
    /// answered by a press from now on.
    pub(crate) fn begin(&self, chat: &ChatId, id: &str, question: &Question) {
        let mut last = self.lock();
        if last.len() >= MOST && !last.contains_key(chat) {
            // Presses on what is forgotten are told so.
            last.clear();
        }
        let (id, question) = (id.to_owned(), question.clone());
        let message = watch::Sender::new(None);
        last.insert(chat.clone(), Last { id, question, message, used: false });
    }

    /// It was posted as this message.
    pub(crate) fn posted(&self, chat: &ChatId, id: &str, message: MessageId) {
        if let Some(last) = self.lock().get(chat).filter(|last| last.id == id) {
            last.message.send_replace(Some(message));
        }
    }

    /// It was not posted, as far as is known.
    pub(crate) fn failed(&self, chat: &ChatId, id: &str) {
        let mut all = self.lock();
        if all.get(chat).is_some_and(|last| last.id == id) {
            all.remove(chat);
        }
    }

    /// A message stands there as it was no more: if it was the question, it cannot be pressed.
    pub(crate) fn gone(&self, chat: &ChatId, message: MessageId) {
        let mut all = self.lock();
        if all.get(chat).is_some_and(|last| *last.message.borrow() == Some(message)) {
            all.remove(chat);
        }
    }

    /// Uses a question up.
    pub(crate) fn press(
        &self,
        chat: &ChatId,
        id: &str,
        choice: &str,
    ) -> Result<Pressed, NotPressed> {
        let mut all = self.lock();
        let last = all.get_mut(chat).filter(|last| last.id == id).ok_or(NotPressed::Old)?;
        if last.used {
            return Err(NotPressed::Used);
        }
        let choice = last.question.choices.iter().find(|known| known.name == choice);
        let choice = choice.cloned().ok_or(NotPressed::NoSuchChoice)?;
        last.used = true;
        let words = last.question.words.clone();
        Ok(Pressed { message: last.message.subscribe(), words, choice })
    }

    /// The press could not be handed on: it may be pressed again.
    pub(crate) fn give_back(&self, chat: &ChatId, id: &str) {
        if let Some(last) = self.lock().get_mut(chat).filter(|last| last.id == id) {
            last.used = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChatId, Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(name: &str) -> ChatId {
        ChatId::parse(name).unwrap()
    }

    fn question() -> Question {
        let no = Choice { name: "no", label: "No".to_owned(), says: "no".to_owned() };
        let yes = Choice { name: "yes", label: "Yes".to_owned(), says: "yes".to_owned() };
        Question { words: Words::plain("?"), choices: vec![yes, no] }
    }

    fn press(prompts: &Prompts, at: &str, id: &str, choice: &str) -> Result<String, NotPressed> {
        prompts.press(&chat(at), id, choice).map(|pressed| pressed.choice.says)
    }

    #[test]
    fn only_the_last_question_of_a_conversation_can_be_pressed_and_only_once() {
        let prompts = Prompts::default();
        prompts.begin(&chat("a:1"), "old", &question());
        prompts.begin(&chat("a:1"), "new", &question());
        prompts.begin(&chat("a:2"), "other", &question());
        assert_eq!(press(&prompts, "a:1", "old", "yes"), Err(NotPressed::Old));
        assert_eq!(press(&prompts, "a:1", "other", "yes"), Err(NotPressed::Old));
        assert_eq!(press(&prompts, "a:3", "new", "yes"), Err(NotPressed::Old));
        assert_eq!(press(&prompts, "a:1", "new", "maybe"), Err(NotPressed::NoSuchChoice));
        assert_eq!(press(&prompts, "a:1", "new", "yes"), Ok("yes".to_owned()));
        for again in ["yes", "no"] {
            assert_eq!(press(&prompts, "a:1", "new", again), Err(NotPressed::Used));
        }
    }

    #[test]
    fn a_press_that_could_not_be_handed_on_may_come_again_and_a_failed_question_may_not() {
        let prompts = Prompts::default();
        prompts.begin(&chat("a:1"), "one", &question());
        prompts.press(&chat("a:1"), "one", "yes").unwrap();
        prompts.give_back(&chat("a:1"), "one");
        prompts.press(&chat("a:1"), "one", "no").unwrap();
        prompts.begin(&chat("a:1"), "two", &question());
        prompts.failed(&chat("a:1"), "one");
        prompts.press(&chat("a:1"), "two", "no").unwrap();
        prompts.failed(&chat("a:1"), "two");
        assert_eq!(press(&prompts, "a:1", "two", "yes"), Err(NotPressed::Old));
    }
}
