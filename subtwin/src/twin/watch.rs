//! Waits for the tenant's own audit entries and adds them to the reply.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use subtwin_act::Ended;
use subtwin_hear::Channel;
use subtwin_kernel::{Outcome, Plan, TenantEntry, UserId};
use subtwin_primitives::{Event, Intent, Seen};
use subtwin_record::audit::{Archive, Kept};
use subtwin_record::{Log, Ticket, Trace, Trail};
use subtwin_store::{RequestRow, Stage};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::evidence::Evidence;
use super::notes::Notes;
use super::replies;

/// Follows actions until their entries are found, or the time to look is over.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(super) channel: Arc<dyn Channel>,
    pub(super) trail: Arc<dyn Trail>,
    pub(super) log: Log,
    pub(super) notes: Arc<dyn Notes>,
    /// When to look, counted from the action.
    pub(super) look_after: Vec<Duration>,
    pub(super) taken: Taken,
    pub(super) calls: Calls,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// Ids of the tenant's entries that belong to calls already matched: one entry, one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken(Arc<Mutex<HashSet<String>>>);

impl Taken {
    /// Those on record since `since`; after a restart they are as taken as before.
    pub(super) async fn recall(&self, evidence: &Evidence, since: Timestamp) -> io::Result<()> {
        let taken = self.clone();
        let read = move |archive: &Archive| {
            archive.each(|shown| {
                if let Kept::Whole(record) = shown.record
                    && record.at >= since
                    && let Event::Entry(entry) = record.event
                {
                    for seen in entry.seen {
                        if let Seen::Matched { entry } = seen {
                            taken.take(&entry);
                        }
                    }
                }
                Ok(())
            })
        };
        evidence.read(read).await
    }

    fn all(&self) -> HashSet<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `false` when another call has taken it meanwhile.
    fn take(&self, entry: &TenantEntry) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.id.clone())
    }
}

/// When this twin's calls about each person were made. The tenant's entries show in any order: one
/// that shows first may belong to a call that came later.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Arc<Mutex<VecDeque<Call>>>);

#[derive(Clone, Debug)]
struct Call {
    id: Uuid,
    person: UserId,
    from: Timestamp,
    /// Nothing while it is under way.
    to: Option<Timestamp>,
}

impl Calls {
    /// These are about to be made.
    pub(super) fn begin(&self, traces: &[Trace]) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for trace in traces {
            calls.push_back(Call {
                id: trace.client_request_id,
                person: trace.action.person(),
                from: trace.sent_at,
                to: None,
            });
        }
        while calls.len() > MOST_CALLS {
            calls.pop_front();
        }
    }

    /// These have ended, or are on record as ended.
    fn end(&self, traces: &[Trace]) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for trace in traces {
            let to = Some(trace.ended_at.unwrap_or(trace.sent_at));
            match calls.iter_mut().find(|call| call.id == trace.client_request_id) {
                Some(call) => call.to = to,
                None => calls.push_back(Call {
                    id: trace.client_request_id,
                    person: trace.action.person(),
                    from: trace.sent_at,
                    to,
                }),
            }
        }
    }

    /// Whether an entry is dated nearer to another call about the same person. They are made one
    /// after the other, so each has a time of its own. An entry that bears this call's id is its own.
    fn is_anothers(&self, entry: &TenantEntry, trace: &Trace) -> bool {
        if entry.correlation_id == trace.client_request_id.to_string() {
            return false;
        }
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = calls.iter().find(|call| call.id == trace.client_request_id);
        let Some(own) = own.map(|call| call.far(entry.at)) else { return false };
        calls
            .iter()
            .filter(|call| call.person == trace.action.person())
            .any(|call| call.far(entry.at) < own)
    }
}

impl Call {
    /// How far a time is from this call's own.
    fn far(&self, at: Timestamp) -> SignedDuration {
        if at < self.from {
            return self.from.duration_since(at);
        }
        match self.to {
            Some(to) if at > to => at.duration_since(to),
            Some(_) | None => SignedDuration::ZERO,
        }
    }
}

/// Calls that are remembered; the oldest makes room.
const MOST_CALLS: usize = 4_096;

/// Entries of other calls that are passed over in one look.
const MOST_TRIES: usize = 8;

/// What is followed: the parts of one plan, each with its headline, its trace and how it ended.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) headlines: Vec<String>,
    pub(super) traces: Vec<Trace>,
    pub(super) outcomes: Vec<Outcome>,
}

impl Followed {
    /// What was just done.
    pub(super) fn new(plan: &Plan, ticket: &Ticket, ended: &[Ended]) -> Self {
        let mut traces = ticket.traces().to_vec();
        for (trace, ended) in traces.iter_mut().zip(ended) {
            trace.ended_at = ended.at;
        }
        Self {
            headlines: headlines(plan),
            traces,
            outcomes: ended.iter().map(|ended| ended.outcome.clone()).collect(),
        }
    }

    /// What is on record.
    pub(super) fn of(
        intent: &Intent,
        sent_at: Timestamp,
        ended_at: Option<Timestamp>,
        outcomes: Vec<Outcome>,
    ) -> Self {
        let parts = intent.plan.parts.iter().zip(&intent.client_request_ids);
        let trace = |(part, id): (&subtwin_kernel::Part, &Uuid)| Trace {
            action: part.action.clone(),
            client_request_id: *id,
            sent_at,
            ended_at,
        };
        Self { headlines: headlines(&intent.plan), traces: parts.map(trace).collect(), outcomes }
    }
}

/// The parts of a plan are made one after the other, so their entries of one name about one person
/// are dated in that order, whichever became visible first.
fn in_order(traces: &[Trace], seen: &mut [Seen]) {
    let mut alike: BTreeMap<(UserId, String), Vec<usize>> = BTreeMap::new();
    for (at, (trace, seen)) in traces.iter().zip(seen.iter()).enumerate() {
        if let Seen::Matched { entry } = seen {
            let key = (trace.action.person(), entry.activity.clone());
            alike.entry(key).or_default().push(at);
        }
    }
    for places in alike.into_values().filter(|places| places.len() > 1) {
        let found = places.iter().filter_map(|at| seen.get(*at).cloned());
        let mut found: Vec<Seen> = found.collect();
        found.sort_by_key(|seen| match seen {
            Seen::Matched { entry } => entry.at,
            Seen::NotVisible {} | Seen::NotExpected {} => Timestamp::MAX,
        });
        for (at, entry) in places.into_iter().zip(found) {
            if let Some(seen) = seen.get_mut(at) {
                *seen = entry;
            }
        }
    }
}

fn headlines(plan: &Plan) -> Vec<String> {
    plan.parts.iter().map(|part| part.shown.headline.clone()).collect()
}

impl Watch {
    /// Follows an action in the background. What was definitely not done leaves no entry.
    pub(super) fn follow(&self, row: RequestRow, followed: Followed, receipt: String) {
        self.calls.end(&followed.traces);
        let watch = self.clone();
        self.tasks.spawn(async move {
            let stopped = watch.stop.clone();
            let work = watch.work(row, followed, receipt);
            // Stopping loses nothing: a request that is not settled is followed again at start.
            let _ = stopped.run_until_cancelled(work).await;
        });
    }

    async fn work(self, row: RequestRow, followed: Followed, receipt: String) {
        let expected = |outcome: &Outcome| !matches!(outcome, Outcome::NotDone { .. });
        if !followed.outcomes.iter().any(expected) {
            return self.settle(row).await;
        }
        let mut seen: Vec<Seen> = followed
            .outcomes
            .iter()
            .map(|o| if expected(o) { Seen::NotVisible {} } else { Seen::NotExpected {} })
            .collect();
        self.find(&followed.traces, &mut seen).await;
        in_order(&followed.traces, &mut seen);
        if let Err(cause) = self.log.entry(row.request, seen.clone()).await {
            tracing::error!(%cause, "the tenant's entries could not be recorded");
            return;
        }
        self.finish(row, &followed, &receipt, &seen).await;
    }

    /// Adds to the reply what is on record about the tenant's entries; then nothing is left to do.
    pub(super) async fn finish(
        &self,
        row: RequestRow,
        followed: &Followed,
        receipt: &str,
        seen: &[Seen],
    ) {
        let words = replies::result_with_entries(followed, receipt, seen);
        if let Some(reply) = row.reply
            && let Err(cause) = self.channel.edit(&row.chat, reply, &words).await
        {
            tracing::warn!(%cause, "the tenant's entries could not be added to the reply");
        }
        self.settle(row).await;
    }

    async fn settle(&self, mut row: RequestRow) {
        row.stage = Stage::Settled;
        if let Err(cause) = self.notes.save_request(&row).await {
            tracing::error!(%cause, request = %row.request, "could not settle a request");
        }
    }

    async fn find(&self, traces: &[Trace], seen: &mut [Seen]) {
        let mut waited = Duration::ZERO;
        for at in &self.look_after {
            sleep(at.saturating_sub(waited)).await;
            waited = *at;
            for (trace, seen) in traces.iter().zip(seen.iter_mut()) {
                if matches!(seen, Seen::NotVisible {})
                    && let Some(entry) = self.look(trace).await
                {
                    *seen = Seen::Matched { entry };
                }
            }
            if !seen.iter().any(|seen| matches!(seen, Seen::NotVisible {})) {
                return;
            }
        }
    }

    async fn look(&self, trace: &Trace) -> Option<TenantEntry> {
        let mut not_ours = self.taken.all();
        for _ in 0..MOST_TRIES {
            match self.trail.find(trace, &not_ours).await {
                Ok(Some(entry)) if self.calls.is_anothers(&entry, trace) => {
                    not_ours.insert(entry.id);
                }
                Ok(Some(entry)) => return self.taken.take(&entry).then_some(entry),
                Ok(None) => return None,
                Err(cause) => {
                    tracing::warn!(%cause, "could not read the tenant's audit log");
                    return None;
                }
            }
        }
        None
    }
}
