use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use subtwin_hear::Heard;
use subtwin_kernel::names::{shown, shown_up_to};
use subtwin_kernel::{Call, ChatId, Entropy, Tool, Which, Who, Words};

use crate::dictated::is_dictated;
use crate::memory::{self, Conversation, Memory, Open, Target};
use crate::pick::{self, Choice};
use crate::resolve::{Resolver, Stop, repeated};
use crate::text;
use crate::{Brain, BrainError, Directory, LookupError, Mode, Proposal, Talk, Turn, say};

/// Longest message that is read, in characters.
const LONGEST_MESSAGE: usize = 2_000;

/// Most changes one message may ask for.
const MOST_CALLS: usize = 10;

/// How long a brain may think.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest context handed over, in characters.
const LONGEST_CONTEXT: usize = 2_000;

/// The human who takes over what the twin does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Their name.
    pub name: String,
    /// Their user principal name.
    pub upn: String,
}

impl Contact {
    pub(crate) fn label(&self) -> String {
        format!("{} ({})", shown(&self.name), shown(&self.upn))
    }
}

/// How a twin understands.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who takes over.
    pub contact: Contact,
    /// The tools this twin was deployed with. Others are declined.
    pub tools: Vec<Tool>,
    /// How long after its last line a conversation is remembered.
    pub retention: Duration,
    /// How many conversations are remembered at once; the one that rested longest goes first.
    pub conversations: usize,
}

impl Settings {
    /// Every tool, an hour's memory, a thousand conversations.
    #[must_use]
    pub fn new(contact: Contact) -> Self {
        Self {
            contact,
            tools: Tool::ALL.to_vec(),
            retention: Duration::from_secs(60 * 60),
            conversations: 1_000,
        }
    }
}

/// What a message comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Understood {
    /// A request, every name resolved.
    Propose(Proposal),
    /// The last thing done for this person is to be taken back.
    Undo,
    /// An answer or a question.
    Say(Words),
    /// A human takes over.
    HandOver {
        /// For the person who wrote.
        words: Words,
        /// For the human who takes over: what was written, hidden characters escaped.
        context: String,
    },
    /// The person takes back what they asked.
    Cancel,
}

/// A message could not be understood because something failed. Nothing was remembered of it; it
/// may be understood again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnderstandError {
    /// The brain failed.
    #[error("understanding a message failed")]
    Brain(#[source] BrainError),
    /// The brain took too long.
    #[error("understanding a message took longer than {0:?}")]
    Late(Duration),
    /// The directory did not answer.
    #[error("finding what a message names failed")]
    Lookup(#[source] LookupError),
}

/// Turns messages into proposals: asks the brain, resolves every name, asks back when a name
/// means several, and remembers for a while what was spoken of.
#[derive(Debug)]
pub struct Understanding {
    brain: Arc<dyn Brain>,
    directory: Arc<dyn Directory>,
    settings: Settings,
    memory: Memory,
}

impl Understanding {
    /// A twin's understanding, with an empty memory.
    #[must_use]
    pub fn new(brain: Arc<dyn Brain>, directory: Arc<dyn Directory>, settings: Settings) -> Self {
        let memory = Memory::new(settings.retention, settings.conversations);
        Self { brain, directory, settings, memory }
    }

    /// What one message comes to. Messages of one conversation are given one after the other.
    ///
    /// # Errors
    /// When the brain or the directory fails; the memory is then as before.
    pub async fn understand(
        &self,
        heard: &Heard,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Understood, UnderstandError> {
        let mut talk = self.memory.recall(heard, now);
        if is_dictated(&heard.text) {
            let words = say::no_dictation();
            talk.open = Open::Nothing;
            talk.add_line(true, &words.to_text());
            self.memory.keep(heard, talk, now);
            return Ok(Understood::Say(words));
        }
        talk.add_line(false, &heard.text);
        let understood = self.answer(heard, &mut talk, now, entropy).await?;
        if let Understood::Say(words) | Understood::HandOver { words, .. } = &understood {
            talk.add_line(true, &words.to_text());
        }
        self.memory.keep(heard, talk, now);
        Ok(understood)
    }

    /// Notes what the twin said later in answer to `heard` (a plan, an outcome), so that follow-ups
    /// can be understood.
    pub fn said(&self, heard: &Heard, words: &Words, now: Timestamp) {
        let mut talk = self.memory.recall(heard, now);
        talk.add_line(true, &words.to_text());
        self.memory.keep(heard, talk, now);
    }

    /// Forgets everything said in a chat.
    pub fn forget(&self, chat: &ChatId) {
        self.memory.forget(chat);
    }

    async fn answer(
        &self,
        heard: &Heard,
        talk: &mut Conversation,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Understood, UnderstandError> {
        let open = std::mem::take(&mut talk.open);
        if heard.text.chars().count() > LONGEST_MESSAGE {
            return Ok(Understood::Say(say::too_long()));
        }
        let mut asked = None;
        match open {
            Open::Which(which) => {
                if let Some(choice) = pick::pick(&heard.text, &which.choices) {
                    let calls = settle(&which, choice, talk);
                    let wish = Wish { calls: &calls, mode: which.mode };
                    return self.propose(wish, &which.heard, None, talk, now, entropy).await;
                }
                asked = Some(which);
            }
            Open::Offer(context) if pick::is_assent(&heard.text) => {
                let words = say::handing_over(&self.settings.contact);
                return Ok(Understood::HandOver { words, context });
            }
            Open::Offer(_) if pick::is_refusal(&heard.text) => {
                return Ok(Understood::Say(say::as_you_like()));
            }
            Open::Offer(_) | Open::Nothing => {}
        }
        let turn = self.ask_brain(talk).await?;
        Ok(match (turn, asked) {
            (Turn::Calls { calls, mode }, asked) => {
                let wish = Wish { calls: &calls, mode };
                return self.propose(wish, heard, asked.as_deref(), talk, now, entropy).await;
            }
            (Turn::Undo, _) => Understood::Undo,
            (Turn::Cancel, _) => Understood::Cancel,
            (Turn::HandOver, _) => Understood::HandOver {
                words: say::handing_over(&self.settings.contact),
                context: context(heard, &talk.lines),
            },
            (Turn::Help, asked) => {
                talk.open = asked.map_or(Open::Nothing, Open::Which);
                Understood::Say(say::help(&self.settings.tools, &self.settings.contact))
            }
            (Turn::Say(_) | Turn::Decline(_), Some(_)) => self.still_unclear(heard, talk),
            (Turn::Say(words), None) if self.brain.speaks_for_us() => Understood::Say(words),
            (Turn::Say(words), None) => Understood::Say(say::tamed(&words)),
            (Turn::Decline(asked), None) => {
                let asked = if self.brain.speaks_for_us() { &asked } else { &heard.text };
                self.offer(say::declined(asked, &self.settings.contact), heard, talk)
            }
        })
    }

    async fn ask_brain(&self, talk: &Conversation) -> Result<Turn, UnderstandError> {
        let talk = Talk { lines: talk.lines.clone() };
        match tokio::time::timeout(PATIENCE, self.brain.turn(&talk)).await {
            Ok(turn) => turn.map_err(UnderstandError::Brain),
            Err(_) => Err(UnderstandError::Late(PATIENCE)),
        }
    }

    /// Resolves calls. `asked` is a question that `heard` was to answer: the same question is not
    /// put twice.
    async fn propose(
        &self,
        wish: Wish<'_>,
        heard: &Heard,
        asked: Option<&memory::Which>,
        talk: &mut Conversation,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Understood, UnderstandError> {
        let Wish { calls, mode } = wish;
        let foreign = calls.iter().find(|call| !self.settings.tools.contains(&call.tool()));
        if let Some(call) = foreign {
            let words = say::not_deployed(call.tool(), &self.settings.contact);
            return Ok(self.offer(words, heard, talk));
        }
        if calls.len() > MOST_CALLS {
            return Ok(Understood::Say(say::too_many(MOST_CALLS)));
        }
        let directory = self.directory.as_ref();
        let written = (!self.brain.speaks_for_us()).then(|| talk.written());
        let resolver =
            Resolver::new(directory, talk, heard.from.user, &heard.text, written.clone());
        match resolver.actions(calls).await {
            Ok(actions) if actions.len() > MOST_CALLS => {
                Ok(Understood::Say(say::too_many(MOST_CALLS)))
            }
            Ok(actions) if actions.is_empty() => {
                Ok(self.offer(say::declined(&heard.text, &self.settings.contact), heard, talk))
            }
            Ok(actions) => Ok(Understood::Propose(Proposal {
                request: entropy.request_id(now),
                heard: heard.clone(),
                actions,
                mode,
            })),
            Err(Stop::Say(words)) => Ok(Understood::Say(words)),
            Err(Stop::Failed(error)) => Err(UnderstandError::Lookup(error)),
            Err(Stop::Ask(question)) => {
                let again = asked
                    .is_some_and(|asked| text::key(&asked.phrase) == text::key(&question.phrase));
                if again {
                    return Ok(self.still_unclear(heard, talk));
                }
                let phrase = repeated(written.as_deref(), &question.phrase);
                let words = say::which(phrase, &question.choices, question.more);
                talk.open = Open::Which(Box::new(memory::Which {
                    phrase: question.phrase,
                    choices: question.choices,
                    calls: calls.to_vec(),
                    mode,
                    heard: heard.clone(),
                }));
                Ok(Understood::Say(words))
            }
        }
    }

    fn still_unclear(&self, heard: &Heard, talk: &Conversation) -> Understood {
        Understood::HandOver {
            words: say::still_unclear(&self.settings.contact),
            context: context(heard, &talk.lines),
        }
    }

    /// Says no, and what a "hand over" would hand over.
    fn offer(&self, words: Words, heard: &Heard, talk: &mut Conversation) -> Understood {
        talk.open = Open::Offer(context(heard, &talk.lines));
        Understood::Say(words)
    }
}

/// What a brain asked for.
#[derive(Clone, Copy)]
struct Wish<'a> {
    calls: &'a [Call],
    mode: Mode,
}

/// Puts the choice in place of the name that was asked about, and remembers both.
fn settle(which: &memory::Which, choice: &Choice, talk: &mut Conversation) -> Vec<Call> {
    let phrase = text::key(&which.phrase);
    talk.settle(&phrase, choice.target.clone());
    if let Target::Person(person) = &choice.target {
        talk.mention(person.clone());
    }
    let mut calls = which.calls.clone();
    for call in &mut calls {
        match &choice.target {
            Target::Person(chosen) => {
                replace_who(call.person_mut(), &phrase, chosen);
                if let Call::UserUpdate { manager: Some(manager), .. } = call {
                    replace_who(manager, &phrase, chosen);
                }
            }
            Target::Licence(sku) => {
                if let Call::LicenseAssign { licence, .. } | Call::LicenseRemove { licence, .. } =
                    call
                {
                    replace_which(licence, &phrase, *sku);
                }
            }
            Target::Group(id) => {
                if let Call::GroupMemberAdd { group, .. } | Call::GroupMemberRemove { group, .. } =
                    call
                {
                    replace_which(group, &phrase, *id);
                }
            }
        }
    }
    calls
}

fn replace_who(who: &mut Who, phrase: &str, chosen: &memory::Mention) {
    match who {
        Who::Named(name) if text::key(name) == phrase => *who = Who::Known(chosen.id),
        Who::ManagerOf(of) => replace_who(of, phrase, chosen),
        Who::Me | Who::Named(_) | Who::Known(_) => {}
    }
}

fn replace_which<Id>(which: &mut Which<Id>, phrase: &str, id: Id) {
    if matches!(which, Which::Named(name) if text::key(name) == phrase) {
        *which = Which::Known(id);
    }
}

/// What the human who takes over reads: who wrote, and their last lines.
fn context(heard: &Heard, lines: &[(bool, String)]) -> String {
    let own: Vec<_> = lines.iter().filter(|(from_twin, _)| !from_twin).collect();
    let start = own.len().saturating_sub(4);
    let own = own.iter().skip(start).map(|(_, line)| shown_up_to(line, LONGEST_CONTEXT / 4));
    format!("{} wrote:\n{}", shown(&heard.from.display_name), own.collect::<Vec<_>>().join("\n"))
}
