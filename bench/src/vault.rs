//! The sealed store: opening it, and putting another key in the place of the one in force.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use subtwin_kernel::{ChatId, Entropy, KeyBytes, MessageId, Secret, SystemEntropy};
use subtwin_store::Store;

use crate::Setup;
use crate::figures::{Aim, Figures};
use crate::stopwatch::Stopwatch;

pub(crate) async fn measure(setup: &Setup) -> anyhow::Result<Figures> {
    let dir = tempfile::tempdir_in(&setup.dir)?;
    let path = dir.path().join("store");
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let (mut key, mut other) = (KeyBytes::random(&*entropy), KeyBytes::random(&*entropy));
    let open = |key: &KeyBytes| Store::open_of(&path, key, "tenant", Arc::clone(&entropy));
    let mut figures = Figures::of("vault");

    let first = Stopwatch::start();
    let store = open(&key)?;
    let first = first.elapsed();
    figures.spread("first open, which makes it", &mut [first], None);
    fill(&store).await?;
    store.close().await;

    let (mut opening, mut reading, mut rewrapping) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let watch = Stopwatch::start();
        let store = open(&key)?;
        opening.push(watch.elapsed());
        let watch = Stopwatch::start();
        store.sealed("token/admin").await?.context("a sealed value is gone")?;
        reading.push(watch.elapsed());
        let watch = Stopwatch::start();
        store.rewrap(&other).await?;
        rewrapping.push(watch.elapsed());
        store.close().await;
        std::mem::swap(&mut key, &mut other);
    }
    figures.spread("open with 10,000 messages noted", &mut opening, Some(Aim::AtMost(20.0)));
    figures.spread("read one sealed value", &mut reading, None);
    figures.spread("seal with another key", &mut rewrapping, None);
    Ok(figures)
}

/// What a twin keeps sealed, and notes of many messages.
async fn fill(store: &Store) -> anyhow::Result<()> {
    for name in ["token/chat", "token/admin", "evidence/key", "teams.notification-key"] {
        store.put_sealed(name, &Secret::new("x".repeat(1_700))).await?;
    }
    let chat = ChatId::parse("19:bench@unq.gbl.spaces")?;
    let began = Timestamp::UNIX_EPOCH;
    for number in 0..MESSAGES {
        let at = began.saturating_add(SignedDuration::from_secs(number.cast_signed()))?;
        store.take(&chat, MessageId::new(number), at).await?;
        store.finish(&chat, MessageId::new(number)).await?;
    }
    Ok(())
}

const MESSAGES: u64 = 10_000;
const ROUNDS: usize = 50;
