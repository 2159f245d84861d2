//! One conversation at a time, written out: for attacks with a name.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use subtwin_confirm::Limits;
use subtwin_hear::RefersTo;
use subtwin_kernel::{Call, ChatId, Clock as _, MessageId, Which, Who};
use subtwin_understand::{Mode, Turn};

use super::brain::Scripted;
use super::chats::{Author, Meaning, written};
use super::company::{PEOPLE, chat_of};
use super::disks;
use super::judge::{Tally, judge};
use super::people::{assent, prompt_line};
use super::process::Process;
use super::world::{Event, World};

/// A world without faults in which nobody does anything by themselves.
pub(super) struct Scene {
    pub(super) world: Arc<World>,
    pub(super) process: Process,
    disks: tempfile::TempDir,
}

/// A prompt as it stands in a chat.
#[derive(Clone, Debug)]
pub(super) struct Prompt {
    pub(super) chat: ChatId,
    pub(super) id: MessageId,
    pub(super) text: String,
    /// What says yes to it.
    pub(super) yes: String,
}

impl Scene {
    pub(super) async fn open() -> Self {
        Self::of(1).await
    }

    pub(super) async fn of(seed: u64) -> Self {
        let disks = disks();
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let world = World::new(seed, disks.path().to_owned(), start);
        world.clock.begin().await;
        let process = life(&world).await;
        Self { world, process, disks }
    }

    /// Lets time pass.
    pub(super) async fn wait(&self, millis: u64) {
        let until = self.world.clock.now() + Duration::from_millis(millis);
        loop {
            self.world.with(|_| ());
            let now = self.world.clock.now();
            if now >= until {
                return;
            }
            let next = self.world.next_due().map_or(until, |due| due.min(until));
            let pause = Duration::try_from(next.duration_since(now)).unwrap_or_default();
            tokio::select! {
                () = self.world.agenda_changed.notified() => {}
                () = tokio::time::sleep(pause.max(Duration::from_millis(1))) => {}
            }
        }
    }

    /// Somebody writes in their own chat; the twin has answered when this returns.
    pub(super) async fn says(&self, who: usize, text: &str) -> MessageId {
        let id = self.writes(who, &chat_of(who), text, RefersTo::Nothing);
        self.wait(2_000).await;
        id
    }

    /// Somebody writes anywhere.
    pub(super) fn writes(
        &self,
        who: usize,
        chat: &ChatId,
        text: &str,
        refers: RefersTo,
    ) -> MessageId {
        self.world.with(|state| {
            let meaning = match text {
                "yes" => Meaning::Yes,
                "no" | "cancel" => Meaning::No,
                name if name.contains('@') => Meaning::Typed(name.to_owned()),
                _ => Meaning::Talk,
            };
            let mut message = written(who, text.to_owned(), meaning, state.now);
            message.refers = refers;
            let id = state.chats.add(chat, message);
            let carries = state.chats.heard(chat, id).map(Box::new);
            state.later(5, Event::Deliver { chat: chat.clone(), message: id, carries });
            id
        })
    }

    /// Somebody asks for something, and has its prompt.
    pub(super) async fn asks(&self, who: usize, call: Call) -> Prompt {
        let number = self.world.with(|state| {
            state.asks.push(Turn::Calls { calls: vec![call], mode: Mode::Ask });
            state.asks.len() - 1
        });
        self.says(who, &format!("please do #{number}")).await;
        self.prompt(who).unwrap_or_else(|| panic!("no prompt but {}", self.last(who)))
    }

    /// The prompt that stands last in somebody's chat, if one does.
    pub(super) fn prompt(&self, who: usize) -> Option<Prompt> {
        let chat = chat_of(who);
        self.world.with(|state| {
            let (id, message) = state.chats.0.get(&chat)?.iter().next_back()?;
            let line = prompt_line(&message.words.last()?.1)?;
            let id = MessageId::new(*id);
            Some(Prompt {
                chat: chat.clone(),
                id,
                text: message.text.clone(),
                yes: assent(&line).0,
            })
        })
    }

    /// What the twin said last in somebody's chat.
    pub(super) fn last(&self, who: usize) -> String {
        self.world.with(|state| {
            let messages = state.chats.0.get(&chat_of(who)).into_iter().flatten();
            let mut own = messages.filter(|(_, message)| message.author == Author::Twin);
            own.next_back().map(|(_, message)| message.text.clone()).unwrap_or_default()
        })
    }

    pub(super) fn effects(&self) -> usize {
        self.world.with(|state| state.tenant.effects.len())
    }

    /// Lets everything come to rest, and judges it.
    pub(super) async fn ends(self) -> Tally {
        self.process.work(&self.world).await;
        self.process.stop(&self.world).await;
        let dir = self.disks.path().join("evidence");
        self.world.with(|state| judge(state, &dir, false)).unwrap()
    }
}

async fn life(world: &Arc<World>) -> Process {
    Process::start(world, Arc::new(Scripted(Arc::clone(world))), Limits::default()).await
}

pub(super) fn named(at: usize) -> Who {
    Who::Named(PEOPLE[at].upn.to_owned())
}

/// A change that needs the requester's yes alone.
pub(super) fn sign_out(at: usize) -> Call {
    Call::SessionRevoke { person: named(at) }
}

/// A change that needs an approver's yes, too.
pub(super) fn new_password(at: usize) -> Call {
    Call::PasswordReset { person: named(at) }
}

pub(super) fn e3(at: usize) -> Call {
    Call::LicenseAssign { person: named(at), licence: Which::Named("Microsoft 365 E3".to_owned()) }
}
