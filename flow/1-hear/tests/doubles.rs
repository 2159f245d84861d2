use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use subtwin_hear::{Handler, Heard, RefersTo, Seen, SeenError, Speaker};
use subtwin_kernel::{ChatId, MessageId, TenantId, UserId};
use tokio::sync::Semaphore;

/// Remembers what was taken; can be made to fail.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) taken: Mutex<HashSet<(ChatId, MessageId)>>,
    pub(crate) finished: Mutex<HashSet<(ChatId, MessageId)>>,
    pub(crate) failures: Mutex<u32>,
}

#[async_trait]
impl Seen for Ledger {
    async fn take(
        &self,
        chat: &ChatId,
        message: MessageId,
        _at: Timestamp,
    ) -> Result<bool, SeenError> {
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Err(SeenError("the disk is full".into()));
        }
        Ok(self.taken.lock().unwrap().insert((chat.clone(), message)))
    }

    async fn finish(&self, chat: &ChatId, message: MessageId) -> Result<(), SeenError> {
        self.finished.lock().unwrap().insert((chat.clone(), message));
        Ok(())
    }
}

/// Writes down what it handles, when it is let through a gate.
#[derive(Debug)]
pub(crate) struct Scribe {
    pub(crate) handled: Mutex<Vec<(ChatId, u64)>>,
    pub(crate) busy: Mutex<HashMap<ChatId, u32>>,
    pub(crate) most_at_once: Mutex<usize>,
    pub(crate) gate: Semaphore,
    pub(crate) slow: Duration,
    pub(crate) panics_at: Option<u64>,
}

impl Scribe {
    pub(crate) fn new(gate: usize, slow: Duration) -> Arc<Self> {
        Arc::new(Self {
            handled: Mutex::default(),
            busy: Mutex::default(),
            most_at_once: Mutex::default(),
            gate: Semaphore::new(gate),
            slow,
            panics_at: None,
        })
    }

    pub(crate) fn open() -> Arc<Self> {
        Self::new(Semaphore::MAX_PERMITS, Duration::ZERO)
    }

    pub(crate) fn handled(&self) -> Vec<u64> {
        self.handled.lock().unwrap().iter().map(|(_, message)| *message).collect()
    }

    /// Waits until so many messages were handled.
    pub(crate) async fn until(&self, count: usize) {
        while self.handled.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[async_trait]
impl Handler for Scribe {
    async fn handle(&self, heard: Heard) {
        {
            let mut busy = self.busy.lock().unwrap();
            let here = busy.entry(heard.chat.clone()).or_default();
            assert_eq!(*here, 0, "two messages of one conversation at once");
            *here += 1;
            let at_once = busy.values().filter(|count| **count > 0).count();
            let mut most = self.most_at_once.lock().unwrap();
            *most = (*most).max(at_once);
        }
        let pass = self.gate.acquire().await.unwrap();
        pass.forget();
        tokio::time::sleep(self.slow).await;
        *self.busy.lock().unwrap().get_mut(&heard.chat).unwrap() -= 1;
        assert_ne!(self.panics_at, Some(heard.message.number()), "a handler that fails");
        self.handled.lock().unwrap().push((heard.chat, heard.message.number()));
    }
}

pub(crate) fn chat(name: &str) -> ChatId {
    ChatId::parse(&format!("19:{name}@thread.v2")).unwrap()
}

pub(crate) fn heard(chat: &ChatId, message: u64) -> Heard {
    let tenant = "11111111-1111-4111-8111-111111111111".parse::<TenantId>().unwrap();
    let user = "22222222-2222-4222-8222-222222222222".parse::<UserId>().unwrap();
    Heard {
        chat: chat.clone(),
        message: MessageId::new(message),
        from: Speaker { tenant, user, display_name: "Doug".to_owned() },
        text: "hello".to_owned(),
        one_on_one: true,
        at: Timestamp::UNIX_EPOCH,
        edited: false,
        refers_to: RefersTo::Nothing,
    }
}
