//! How the people of the simulated company behave towards the twin.

use subtwin_hear::RefersTo;
use subtwin_kernel::{ChatId, MessageId, Words};

use super::chats::{Author, Meaning, Message, written};
use super::company::{PEOPLE, chat_of, owner_of};
use super::world::{Event, State};

/// How people answer, in percent of the prompts they read; what is left is silence.
#[derive(Clone, Debug, Default)]
pub(super) struct Manners {
    pub(super) yes: u64,
    pub(super) no: u64,
    /// A yes when the time is over.
    pub(super) late: u64,
    /// Something else, and then a yes.
    pub(super) talk: u64,
    /// Of the yeses: changed afterwards, deleted, doubled, or quoting something else.
    pub(super) edit: u64,
    pub(super) delete: u64,
    pub(super) twice: u64,
    pub(super) quote: u64,
    /// Somebody else says yes, or a stranger in the same chat.
    pub(super) stranger: u64,
    /// The prompt is changed by somebody who has got hold of the twin's account.
    pub(super) tamper: u64,
    /// Approvals called off by who asked.
    pub(super) call_off: u64,
    /// Says no, or nothing, whatever is shown.
    pub(super) never: Option<usize>,
    /// Says yes only to a prompt that shows exactly what they asked for.
    pub(super) careful: Option<usize>,
}

/// The line that makes a message of the twin a prompt: the last one, and the gate's own.
pub(super) fn prompt_line(words: &Words) -> Option<String> {
    let last = words.to_text().lines().last()?.to_owned();
    let is_prompt = last.contains("to do exactly this, or ") || last.starts_with("To do exactly");
    (is_prompt && last.contains("(plan ")).then_some(last)
}

/// What answers a prompt with a yes.
pub(super) fn assent(line: &str) -> (String, Meaning) {
    match line.split_once("type the user principal name ") {
        Some((_, rest)) => {
            let name = rest.split(' ').next().unwrap().to_owned();
            (name.clone(), Meaning::Typed(name))
        }
        None => ("yes".to_owned(), Meaning::Yes),
    }
}

/// Whether a prompt shows one change, and that is one that this person wanted.
fn shows_a_wish(state: &State, me: usize, text: &str) -> bool {
    let shown = text.lines().next().unwrap_or_default();
    state.wishes.iter().any(|(who, tool, upn)| {
        *who == me
            && shown.starts_with(&format!("{tool} for "))
            && shown.contains(&format!("({upn})"))
    })
}

impl Manners {
    /// Whether somebody who reads writes this after all: not a yes, if another prompt than the one
    /// they wanted stands last by now.
    pub(super) fn still_writes(&self, state: &State, chat: &ChatId, message: &Message) -> bool {
        let Author::Person { at, .. } = message.author else { return true };
        if self.careful != Some(at) || !matches!(message.meaning, Meaning::Yes | Meaning::Typed(_))
        {
            return true;
        }
        let messages = state.chats.0.get(chat).into_iter().flatten();
        let shown = messages.filter_map(|(_, message)| message.words.first());
        let mut prompts = shown.filter(|(_, words)| prompt_line(words).is_some());
        prompts.next_back().is_some_and(|(_, words)| shows_a_wish(state, at, &words.to_text()))
    }

    /// People read what the twin posted.
    pub(super) fn react(&self, state: &mut State, chat: &ChatId, id: MessageId, words: &Words) {
        let Some(me) = owner_of(chat) else { return };
        let text = words.to_text();
        if text.contains("so I am asking ") && state.dice.happens(self.call_off) {
            let after = state.dice.between(200, 30_000);
            say(state, me, "cancel", Meaning::No, after);
        }
        let Some(line) = prompt_line(words) else { return };
        if state.dice.happens(self.tamper) {
            let after = state.dice.between(100, 15_000);
            let (chat, message) = (chat.clone(), id);
            let event = if state.dice.happens(50) {
                Event::Edit { chat, message }
            } else {
                Event::Delete { chat, message }
            };
            state.later(after, event);
        }
        if self.never == Some(me) {
            if state.dice.happens(30) {
                say(state, me, "no", Meaning::No, 2_000);
            }
            return;
        }
        if self.careful == Some(me) && !shows_a_wish(state, me, &text) {
            say(state, me, "no", Meaning::No, 2_000);
            return;
        }
        let (yes, meaning) = assent(&line);
        let after = state.dice.between(300, 20_000);
        if state.dice.happens(self.stranger) {
            let other = usize::try_from(state.dice.below(PEOPLE.len() as u64)).unwrap();
            if state.dice.happens(50) {
                say(state, other, &yes, meaning.clone(), after / 2);
            } else {
                let mut message = written(other, yes.clone(), Meaning::Talk, state.now);
                message.author = Author::Person { at: me, foreign: true };
                message.at =
                    state.now.saturating_add(std::time::Duration::from_millis(after / 2)).unwrap();
                let event = Event::Write { chat: chat.clone(), message: Box::new(message) };
                state.later(after / 2, event);
            }
        }
        let mut roll = state.dice.below(100);
        for (share, what) in [(self.yes, 0), (self.no, 1), (self.late, 2), (self.talk, 3)] {
            if roll >= share {
                roll -= share;
                continue;
            }
            match what {
                0 => self.say_yes(state, me, id, &yes, &meaning, after),
                1 => say(state, me, "no", Meaning::No, after),
                2 => {
                    let late = state.dice.between(301_000, 400_000);
                    say(state, me, &yes, meaning, late);
                }
                _ => {
                    say(state, me, "hm, let me think", Meaning::Talk, after);
                    self.say_yes(state, me, id, &yes, &meaning, after + 4_000);
                }
            }
            return;
        }
    }

    fn say_yes(
        &self,
        state: &mut State,
        me: usize,
        prompt: MessageId,
        yes: &str,
        meaning: &Meaning,
        after: u64,
    ) {
        if !state.dice.happens(self.quote) {
            say(state, me, yes, meaning.clone(), after);
        } else {
            let refers = match state.dice.below(3) {
                0 => RefersTo::Message(prompt),
                1 => RefersTo::Message(MessageId::new(prompt.number() - 1)),
                _ => RefersTo::Something,
            };
            say_about(state, me, yes, meaning.clone(), refers, after);
        }
        if state.dice.happens(self.twice) {
            let again = after + state.dice.between(1, 3_000);
            say(state, me, yes, meaning.clone(), again);
        }
    }

    /// People think better of what they wrote.
    pub(super) fn after_writing(&self, state: &mut State, chat: &ChatId, id: MessageId) {
        let (chat, message) = (chat.clone(), id);
        if state.dice.happens(self.edit) {
            let after = state.dice.below(1_500);
            state.later(after, Event::Edit { chat, message });
        } else if state.dice.happens(self.delete) {
            let after = state.dice.below(1_500);
            state.later(after, Event::Delete { chat, message });
        }
    }
}

/// Somebody will write something in their own conversation with the twin.
pub(super) fn say(state: &mut State, who: usize, text: &str, meaning: Meaning, after: u64) {
    say_about(state, who, text, meaning, RefersTo::Nothing, after);
}

fn say_about(
    state: &mut State,
    who: usize,
    text: &str,
    meaning: Meaning,
    refers: RefersTo,
    after: u64,
) {
    let at = state.now.saturating_add(std::time::Duration::from_millis(after)).unwrap();
    let mut message = written(who, text.to_owned(), meaning, at);
    message.refers = refers;
    state.plan(at, Event::Write { chat: chat_of(who), message: Box::new(message) });
}
