//! With its owner's token: what the twin says carries the owner's id, too. So which messages are
//! its own is known by their ids, before any of them can be heard.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use subtwin_hear::{Channel, ChannelError, Handler, Heard, Seen, SeenError};
use subtwin_kernel::{ChatId, Clock, MessageId, Secret, UserId, Words};
use subtwin_store::{Store, StoreError};
use subtwin_teams::{Voice, text_of};
use tokio::time::Instant;

use super::ports;

/// What the twin is posting with its owner's token. While a message is on its way, nothing that is
/// heard in that conversation is judged: it may be that message.
#[derive(Debug)]
pub(super) struct Posting {
    store: Store,
    lanes: Mutex<HashMap<ChatId, Arc<tokio::sync::Mutex<()>>>>,
}

/// What messages say whose ids are not known: they were being posted when the answer, or the process,
/// was lost. The newest last.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Lost {
    texts: Vec<String>,
}

impl Posting {
    pub(super) fn new(store: Store) -> Self {
        Self { store, lanes: Mutex::default() }
    }

    fn lane(&self, chat: &ChatId) -> Arc<tokio::sync::Mutex<()>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(chat.clone()).or_default())
    }

    /// Whether a message is one whose posting was lost.
    async fn was_lost(&self, heard: &Heard) -> bool {
        self.lost(&heard.chat).await.texts.contains(&heard.text)
    }

    async fn lost(&self, chat: &ChatId) -> Lost {
        let kept = self.store.sealed(&lost_in(chat)).await.ok().flatten();
        kept.and_then(|kept| serde_json::from_str(kept.expose()).ok()).unwrap_or_default()
    }

    async fn keep(&self, chat: &ChatId, lost: &Lost) -> Result<(), StoreError> {
        let kept = Secret::new(serde_json::json!(lost).to_string());
        self.store.put_sealed(&lost_in(chat), &kept).await
    }
}

fn lost_in(chat: &ChatId) -> String {
    format!("borrowed/posting/{chat}")
}

/// A voice that speaks with its owner's token, and says so.
#[derive(Debug)]
pub(super) struct MarkedVoice {
    pub(super) voice: Arc<Voice>,
    pub(super) mark: String,
    pub(super) posting: Arc<Posting>,
    pub(super) seen: ports::Seen,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Channel for MarkedVoice {
    async fn post(&self, chat: &ChatId, words: &Words) -> Result<MessageId, ChannelError> {
        const OPERATION: &str = "post a message";
        let words = words.clone().marked(&self.mark);
        let lane = self.posting.lane(chat);
        let _on_its_way = lane.lock().await;
        let unnoted = |cause: Box<dyn std::error::Error + Send + Sync>| ChannelError::Refused {
            operation: OPERATION,
            reason: format!("what is its own could not be noted: {cause}"),
        };
        // Noted before it is sent: should it be heard after a crash, it is known.
        let mut lost = self.posting.lost(chat).await;
        lost.texts.push(text_of(&words));
        let too_many = lost.texts.len().saturating_sub(MOST_LOST);
        lost.texts.drain(..too_many);
        self.posting.keep(chat, &lost).await.map_err(|cause| unnoted(cause.into()))?;
        let posted = self.voice.post(chat, &words).await?;
        let taken = self.seen.take(chat, posted, self.clock.now()).await;
        taken.map_err(|cause| unnoted(cause.into()))?;
        if let Err(cause) = self.seen.finish(chat, posted).await {
            tracing::warn!(%cause, "that a message is its own could not be noted wholly");
        }
        lost.texts.pop();
        if let Err(cause) = self.posting.keep(chat, &lost).await {
            tracing::warn!(%cause, "a message that is known by its id is known by its text, too");
        }
        Ok(posted)
    }

    async fn edit(
        &self,
        chat: &ChatId,
        message: MessageId,
        words: &Words,
    ) -> Result<(), ChannelError> {
        self.voice.edit(chat, message, &words.clone().marked(&self.mark)).await
    }

    async fn is_unchanged(&self, chat: &ChatId, message: MessageId) -> Result<bool, ChannelError> {
        self.voice.is_unchanged(chat, message).await
    }

    async fn still_says(&self, heard: &Heard) -> Result<bool, ChannelError> {
        self.voice.still_says(heard).await
    }

    async fn heard(
        &self,
        chat: &ChatId,
        message: MessageId,
    ) -> Result<Option<Heard>, ChannelError> {
        self.voice.heard(chat, message).await
    }

    async fn own_since(
        &self,
        chat: &ChatId,
        after: MessageId,
    ) -> Result<Vec<(MessageId, String)>, ChannelError> {
        let all = self.voice.own_since(chat, after).await?;
        // The others its owner wrote.
        Ok(all.into_iter().filter(|(_, text)| text.starts_with(self.mark.trim_end())).collect())
    }

    async fn direct(&self, _: UserId) -> Result<ChatId, ChannelError> {
        Err(ChannelError::Refused {
            operation: "open a chat",
            reason: "with its owner's token it speaks only where it was told to".to_owned(),
        })
    }
}

/// Takes nothing up while a message of its own is on its way in that conversation.
#[derive(Debug)]
pub(super) struct PatientSeen {
    pub(super) seen: ports::Seen,
    pub(super) posting: Arc<Posting>,
}

#[async_trait]
impl Seen for PatientSeen {
    async fn take(
        &self,
        chat: &ChatId,
        message: MessageId,
        at: jiff::Timestamp,
    ) -> Result<bool, SeenError> {
        let lane = self.posting.lane(chat);
        drop(lane.lock().await);
        self.seen.take(chat, message, at).await
    }

    async fn finish(&self, chat: &ChatId, message: MessageId) -> Result<(), SeenError> {
        self.seen.finish(chat, message).await
    }
}

/// What an owner may ask of the agent's own life.
#[async_trait]
pub(super) trait Gestures: Send + Sync + std::fmt::Debug {
    /// The owner wants it to have an account of its own.
    async fn promote(&self, heard: &Heard);
}

/// Hands what its owner writes in the one conversation to whoever answers there: with the owner's
/// token at first, from its own account after the swap.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) owner: UserId,
    pub(super) chat: ChatId,
    pub(super) posting: Arc<Posting>,
    pub(super) answers: tokio::sync::RwLock<Answers>,
    pub(super) gestures: OnceLock<Weak<dyn Gestures>>,
}

/// Who answers, and whether it does so with the owner's token.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    pub(super) by: Arc<dyn Handler>,
    pub(super) borrowed: bool,
}

impl Relay {
    pub(super) fn new(
        owner: UserId,
        chat: ChatId,
        posting: Arc<Posting>,
        answers: Answers,
    ) -> Arc<Self> {
        let answers = tokio::sync::RwLock::new(answers);
        Arc::new(Self { owner, chat, posting, answers, gestures: OnceLock::new() })
    }

    /// Hands what is heard from now on to somebody else, once `done` has written down that it is so.
    /// Gives how long the conversation paused for it.
    ///
    /// # Errors
    /// When it could not be written down, or somebody was being answered all the time: then nothing
    /// has changed.
    pub(super) async fn swap(
        &self,
        next: Answers,
        done: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<Duration> {
        for _ in 0..TRIES {
            let asked = Instant::now();
            // Who is being answered is answered first; whatever comes meanwhile waits. Not for long:
            // rather it is tried again.
            let Ok(mut answers) = tokio::time::timeout(WAIT, self.answers.write()).await else {
                tokio::time::sleep(WAIT).await;
                continue;
            };
            done.await?;
            *answers = next;
            return Ok(asked.elapsed());
        }
        anyhow::bail!("the old conversation was never quiet")
    }
}

#[async_trait]
impl Handler for Relay {
    async fn handle(&self, heard: Heard) {
        if heard.chat != self.chat || heard.from.user != self.owner || !heard.one_on_one {
            tracing::warn!(chat = %heard.chat, "heard what it was not told to listen to");
            return;
        }
        if self.posting.was_lost(&heard).await {
            tracing::info!(message = %heard.message, "a message of its own, whose id was lost");
            return;
        }
        // Held while it is answered: the swap waits for it, and whatever comes then waits for the
        // swap.
        let answers = self.answers.read().await;
        let gestures = self.gestures.get().and_then(Weak::upgrade);
        match gestures {
            Some(life) if answers.borrowed && wants_own_account(&heard.text) => {
                life.promote(&heard).await;
            }
            _ => answers.by.handle(heard).await,
        }
    }
}

/// Whether somebody asks the agent to get an account of its own. A few fixed phrases: it only
/// begins a sign-in that the owner must complete.
pub(super) fn wants_own_account(text: &str) -> bool {
    let words: Vec<String> = text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && *word != "please")
        .map(str::to_owned)
        .collect();
    let said = words.join(" ");
    matches!(said.as_str(), "promote" | "promote yourself" | "become a colleague")
        || (words.len() <= 8
            && words
                .first()
                .is_some_and(|first| ["get", "become", "move", "take"].contains(&first.as_str()))
            && ["own account", "own identity"].iter().any(|part| said.contains(part)))
}

/// Says in one place what is asked in another.
#[derive(Debug)]
pub(super) struct Elsewhere {
    pub(super) voice: Arc<dyn Channel>,
    pub(super) there: ChatId,
    /// Reads what was asked. Says nothing.
    pub(super) here: Arc<dyn Channel>,
}

#[async_trait]
impl Channel for Elsewhere {
    async fn post(&self, _: &ChatId, words: &Words) -> Result<MessageId, ChannelError> {
        self.voice.post(&self.there, words).await
    }

    async fn edit(
        &self,
        _: &ChatId,
        message: MessageId,
        words: &Words,
    ) -> Result<(), ChannelError> {
        self.voice.edit(&self.there, message, words).await
    }

    async fn is_unchanged(&self, _: &ChatId, message: MessageId) -> Result<bool, ChannelError> {
        self.voice.is_unchanged(&self.there, message).await
    }

    async fn still_says(&self, heard: &Heard) -> Result<bool, ChannelError> {
        self.here.still_says(heard).await
    }

    async fn heard(
        &self,
        chat: &ChatId,
        message: MessageId,
    ) -> Result<Option<Heard>, ChannelError> {
        self.here.heard(chat, message).await
    }

    async fn own_since(
        &self,
        _: &ChatId,
        after: MessageId,
    ) -> Result<Vec<(MessageId, String)>, ChannelError> {
        self.voice.own_since(&self.there, after).await
    }

    async fn direct(&self, person: UserId) -> Result<ChatId, ChannelError> {
        self.voice.direct(person).await
    }
}

/// Messages whose posting was lost that are remembered in a conversation.
const MOST_LOST: usize = 16;
/// How long the swap waits for a quiet moment, and how often.
const WAIT: Duration = Duration::from_millis(800);
const TRIES: u32 = 75;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicU64, Ordering};

    use subtwin_hear::{Intake, RefersTo, Speaker};
    use subtwin_kernel::{KeyBytes, SystemEntropy};

    use super::*;

    /// Answers, sometimes slowly, and notes what it answered.
    #[derive(Debug, Default)]
    struct Desk {
        answered: Mutex<Vec<u64>>,
        slow: u64,
    }

    #[async_trait]
    impl Handler for Desk {
        async fn handle(&self, heard: Heard) {
            let id = heard.message.number();
            let pause = if id.is_multiple_of(7) { self.slow } else { id % 3 };
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.answered.lock().unwrap().push(id);
        }
    }

    fn said(id: u64) -> Heard {
        let user = UserId::new(uuid::Uuid::from_u128(1));
        let at = jiff::Timestamp::UNIX_EPOCH;
        Heard {
            chat: ChatId::parse("19:old@unq.gbl.spaces").unwrap(),
            message: MessageId::new(id),
            from: Speaker {
                tenant: subtwin_kernel::TenantId::new(uuid::Uuid::from_u128(2)),
                user,
                display_name: "Doug".to_owned(),
            },
            text: "What can you do?".to_owned(),
            one_on_one: true,
            at,
            edited: false,
            refers_to: RefersTo::Nothing,
        }
    }

    /// One swap under 50 messages a second that come twice, in other order, or late. Gives who
    /// answered what.
    async fn swapped(seed: u64, store: Store) -> (Vec<u64>, Vec<u64>, bool) {
        let dice = AtomicU64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let roll = |below: u64| {
            let mut x = dice.load(Ordering::Relaxed);
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            dice.store(x, Ordering::Relaxed);
            x % below
        };
        let (old, new) =
            (Arc::new(Desk { slow: roll(60), ..Desk::default() }), Arc::<Desk>::default());
        let posting = Arc::new(Posting::new(store.clone()));
        let answers = Answers { by: Arc::clone(&old) as _, borrowed: true };
        let first = said(1000);
        let relay = Relay::new(first.from.user, first.chat, Arc::clone(&posting), answers);
        let seen = PatientSeen { seen: ports::Seen(store), posting };
        let handler: Arc<dyn Handler> = Arc::clone(&relay) as _;
        let intake = Intake::new(subtwin_hear::Settings::default(), Arc::new(seen), handler);
        let (at, fails) = (roll(40), roll(10) == 0);
        let mut held = Vec::new();
        let swapping = async {
            tokio::time::sleep(Duration::from_millis(at * 20)).await;
            let next = Answers { by: Arc::clone(&new) as _, borrowed: false };
            let done = async { if fails { anyhow::bail!("the disk is full") } else { Ok(()) } };
            relay.swap(next, done).await.is_ok()
        };
        let writing = async {
            for n in 0..40 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let message = said(1000 + n);
                match roll(10) {
                    0 => held.push(message),
                    1 | 2 => {
                        intake.offer(message.clone()).unwrap();
                        intake.offer(message).unwrap();
                    }
                    _ => {
                        intake.offer(message).unwrap();
                    }
                }
            }
            // What was not notified is found by looking.
            for n in 0..40 {
                intake.offer(said(1000 + n)).unwrap();
            }
        };
        let (did, ()) = tokio::join!(swapping, writing);
        let take = |desk: &Desk| desk.answered.lock().unwrap().clone();
        for _ in 0..2000 {
            if take(&old).len() + take(&new).len() >= 40 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Whatever is answered twice is answered by now.
        intake.shutdown(Duration::from_secs(30)).await;
        (take(&old), take(&new), did)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_hundred_swaps_lose_no_message_and_answer_none_twice() {
        let dir = tempfile::tempdir().unwrap();
        let mut swaps = tokio::task::JoinSet::new();
        let mut moved = 0;
        for seed in 1..=200 {
            let entropy = Arc::new(SystemEntropy::default());
            let place = dir.path().join(seed.to_string());
            let store = Store::open(&place, &KeyBytes::new([1; 32]), entropy).unwrap();
            swaps.spawn(async move { (seed, swapped(seed, store).await) });
            if swaps.len() < 50 {
                continue;
            }
            while let Some(ended) = swaps.join_next().await {
                let (seed, (old, new, did)) = ended.unwrap();
                let all: Vec<u64> = old.iter().chain(&new).copied().collect();
                let each: HashSet<u64> = all.iter().copied().collect();
                assert_eq!(all.len(), each.len(), "one was answered twice (seed {seed}): {all:?}");
                assert_eq!(each.len(), 40, "one was lost (seed {seed}): {old:?} {new:?}");
                assert!(did || new.is_empty(), "it did not swap, and somebody else answered");
                moved += usize::from(did && !new.is_empty() && !old.is_empty());
            }
        }
        assert!(moved > 100, "{moved} swaps in the middle of a conversation");
    }

    #[test]
    fn an_owner_asks_for_an_account_in_a_few_plain_ways_and_no_others() {
        for yes in [
            "Get your own account",
            "please get your own account!",
            "become a colleague",
            "promote yourself",
            "Get an own identity, please",
        ] {
            assert!(wants_own_account(yes), "{yes}");
        }
        for no in [
            "give Sarah her own account",
            "do not get your own account",
            "I read that agents get their own account these days, what do you think of it?",
            "yes",
            "",
        ] {
            assert!(!wants_own_account(no), "{no}");
        }
    }
}
