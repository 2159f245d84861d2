//! How fast actions get on the record for good, against the same bytes written plainly.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use subtwin_confirm::Confirmed;
use subtwin_kernel::{Clock as _, KeyBytes, Outcome, RequestId, SystemClock, SystemEntropy};
use subtwin_primitives::Twin;
use subtwin_record::audit::{Archive, Trust};
use subtwin_record::{Facts, Log};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Setup;
use crate::figures::{Aim, Figures};
use crate::sample;
use crate::stopwatch::Stopwatch;

pub(crate) async fn measure(setup: &Setup) -> anyhow::Result<Figures> {
    let place = tempfile::Builder::new().prefix("subtwin-bench-").tempdir_in(&setup.dir)?;
    let dir = place.path().join("evidence");
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::default()));
    let (log, _) = Log::open(&dir, &KeyBytes::new([7; 32]), "contoso.com/sam", clock, entropy)?;
    let twin = Arc::new(sample::twin());

    let mut alone = Vec::new();
    for number in 0..ALONE {
        let confirmed = confirmed(number)?;
        let one = Stopwatch::start();
        act(&log, &twin, confirmed).await?;
        alone.push(one.elapsed());
    }
    let ready = (ALONE..ALONE + ACTIONS).map(confirmed).collect::<Result<Vec<_>, _>>()?;
    let before = size(&dir.join("records"))?;
    let begun = Stopwatch::start();
    together(&log, &twin, ready).await?;
    let actions = begun.rate(ACTIONS);
    let bytes = size(&dir.join("records"))? - before;
    log.shut_down().await?;
    let report = Archive::open(&dir)?.verify(&Trust::default())?;
    ensure!(report.holds(), "the evidence does not hold: {:?}", report.findings);
    let expected = u64::try_from((ALONE + ACTIONS) * 2)?;
    ensure!(report.leaves == expected, "{} leaves, not {expected}", report.leaves);

    let record = usize::try_from(bytes)? / (ACTIONS * 2);
    let plain = plain(place.path(), record, AT_ONCE, ACTIONS * 2 / AT_ONCE)?;
    let mut single = singles(place.path(), record)?;
    let mut figures = Figures::of("evidence");
    figures.judge("durable actions, 1,024 at a time", actions, "/s", Aim::AtLeast(8000.0));
    figures.add("that is appends (intent, outcome)", actions * 2.0, "/s");
    figures.add("plain write and fdatasync, 1,024 records at a time", plain, "records/s");
    figures.add("our appends against plain ones", actions * 2.0 * 100.0 / plain, "%");
    figures.spread("one action alone (two appends)", &mut alone, None);
    figures.spread("one plain write and fdatasync", &mut single, None);
    figures.add("bytes on disk per record", f64::from(u32::try_from(record)?), "B");
    Ok(figures)
}

/// Puts all actions on the record, so many at a time.
async fn together(log: &Log, twin: &Arc<Twin>, ready: Vec<Confirmed>) -> anyhow::Result<()> {
    let (next, mut hands) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    let shares = split(ready, AT_ONCE);
    for share in shares {
        let (log, twin, next) = (log.clone(), Arc::clone(twin), Arc::clone(&next));
        hands.spawn(async move {
            for confirmed in share {
                act(&log, &twin, confirmed).await?;
                next.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = hands.join_next().await {
        ended??;
    }
    let done = next.load(Ordering::Relaxed);
    ensure!(done == ACTIONS, "{done} actions were recorded");
    Ok(())
}

async fn act(log: &Log, twin: &Twin, confirmed: Confirmed) -> anyhow::Result<()> {
    let facts = Facts { twin, requester_upn: Some("doug@contoso.com") };
    let (_, ticket) = log.open_intent(confirmed, facts).await?.into_parts();
    log.close(ticket, vec![Outcome::Done { at: SystemClock.now() }], Vec::new()).await?;
    Ok(())
}

fn split<T>(all: Vec<T>, into: usize) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = Vec::new();
    shares.resize_with(into, Vec::new);
    for (number, one) in all.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(number % into) {
            share.push(one);
        }
    }
    shares
}

/// Records per second when batches of them are only written and made durable.
fn plain(dir: &Path, record: usize, batch: usize, batches: usize) -> anyhow::Result<f64> {
    let mut file = File::create_new(dir.join("plain"))?;
    let bytes = vec![0xa5; record * batch];
    let begun = Stopwatch::start();
    for _ in 0..batches {
        file.write_all(&bytes)?;
        file.sync_data()?;
    }
    Ok(begun.rate(batch * batches))
}

/// How long one record takes to be written and made durable.
fn singles(dir: &Path, record: usize) -> anyhow::Result<Vec<Duration>> {
    let mut file = File::create_new(dir.join("single"))?;
    let bytes = vec![0xa5; record];
    let mut times = Vec::new();
    for _ in 0..ALONE {
        let one = Stopwatch::start();
        file.write_all(&bytes)?;
        file.sync_data()?;
        times.push(one.elapsed());
    }
    Ok(times)
}

fn size(dir: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir).with_context(|| format!("no `{}`", dir.display()))? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

/// A plan that was shown by the gate, and answered with a yes.
fn confirmed(number: usize) -> anyhow::Result<Confirmed> {
    let number = u64::try_from(number)?;
    let request = RequestId::new(Uuid::from_u128(number.into()));
    sample::confirmed(request, &sample::plan(number)).context("a yes is not taken for one")
}

/// Actions at a time.
const AT_ONCE: usize = 1024;
const ACTIONS: usize = 40 * AT_ONCE;
/// Actions one after the other.
const ALONE: usize = 200;
