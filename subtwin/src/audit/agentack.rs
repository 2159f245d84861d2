//! The evidence as traces for agentack, a checker of approvals that is not ours.
//!
//! One file for each run of the twin (agentack: a session), schema version 2. What is written is
//! what the records say, and what they do not say is not made up:
//!
//! - A request is an `action`, whatever the number of its parts: one plan, one prompt, one yes. Its
//!   parameters hold the digest of the plan: as it was shown, and for the execution as it comes out
//!   of the plan on record, so a plan that is not the one that was shown does not match.
//! - An `approval_id` is the conversation and the message that answered. The same answer cannot
//!   count for two requests without being seen.
//! - agentack knows one approval for one action. Where a plan needs several yeses, each but the last
//!   is an action of its own (`approval:count`, done when it is counted), and the change stands on
//!   the last. A yes that is missing is an execution without an approval.
//! - A yes may be acted upon for [`ACT_WITHIN`]; one that came too late has no time left at all.
//! - agentack asks for a decision wherever approval was asked for. `deny` is written where nobody
//!   agreed: a no, no answer in time, a restart. `allow` and a block is written where somebody had
//!   agreed and the second look stopped it.
//! - A dry run (`dry-run:…`) is proposed and blocked at once.
//! - Left out and counted: requests that were never shown, and those of which a record is erased.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use subtwin_confirm::ACT_WITHIN;
use subtwin_kernel::{Action, Digest, RequestId, UserId};
use subtwin_primitives::{
    Confirmation, Decline, Declined, Event, Intent, Proposed, Twin, TwinChange,
};
use subtwin_record::audit::{Archive, Kept};

/// What came of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Exported {
    /// Files written: one for each run.
    pub(super) traces: usize,
    /// Requests in them.
    pub(super) requests: usize,
    /// Requests left out because their plan was never shown.
    pub(super) never_shown: usize,
    /// Requests left out because one of their records is erased.
    pub(super) erased: usize,
}

/// Writes the traces into `out`, a directory that does not exist yet.
///
/// # Errors
/// When a record is not what was recorded, or the disk refuses.
pub(super) fn export(archive: &Archive, out: &Path) -> anyhow::Result<Exported> {
    let mut history = History::default();
    archive.each(|shown| {
        history.take(shown.index, shown.leaf.request, &shown.record).map_err(io::Error::other)
    })?;
    let (traces, exported) = history.traces();
    fs::create_dir(out).with_context(|| format!("cannot make `{}`", out.display()))?;
    for trace in traces {
        let path = out.join(format!("run-{:06}.jsonl", trace.began));
        let mut file = BufWriter::new(File::create(&path)?);
        for line in trace.lines() {
            writeln!(file, "{line}")?;
        }
        file.flush().with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(exported)
}

/// What the records say, by run and by request.
#[derive(Debug, Default)]
struct History {
    runs: Vec<Trace>,
    requests: BTreeMap<RequestId, Request>,
    erased: BTreeSet<RequestId>,
    never_shown: usize,
}

/// One run of the twin.
#[derive(Debug)]
struct Trace {
    /// Where in the log it began.
    began: u64,
    twin: String,
    stopped: bool,
    events: Vec<(Timestamp, Value)>,
}

/// What is on record about one request.
#[derive(Debug, Default)]
struct Request {
    /// The run in which it began.
    run: usize,
    shown: Vec<(Timestamp, Proposed)>,
    intents: Vec<(Timestamp, Intent)>,
    declined: Vec<(Timestamp, Declined)>,
}

#[derive(Debug, thiserror::Error)]
#[error("record {0} is not what was recorded; run `subtwin audit verify`")]
struct Altered(u64);

impl History {
    fn take(
        &mut self,
        index: u64,
        request: Option<RequestId>,
        record: &Kept,
    ) -> Result<(), Altered> {
        let record = match record {
            Kept::Whole(record) => record,
            Kept::Erased => {
                self.erased.extend(request);
                return Ok(());
            }
            Kept::Altered => return Err(Altered(index)),
        };
        let at = record.at;
        match &record.event {
            Event::Proposed(shown) => {
                self.request(index, shown.request).shown.push((at, shown.clone()));
            }
            Event::Intent(intent) => {
                self.request(index, intent.request).intents.push((at, (**intent).clone()));
            }
            Event::Declined(declined) if declined.prompt.is_some() => {
                self.request(index, declined.request).declined.push((at, declined.clone()));
            }
            Event::Declined(_) => self.never_shown = self.never_shown.saturating_add(1),
            Event::Twin(event) => match event.change {
                TwinChange::Started { .. } => {
                    if let Some(before) = self.runs.last_mut() {
                        before.stop(at, "the run ended without saying so");
                    }
                    self.begin(index, named(&event.twin));
                }
                TwinChange::Stopped {} => {
                    if let Some(run) = self.runs.last_mut() {
                        run.stop(at, "stopped");
                    }
                }
                TwinChange::Catalog { .. }
                | TwinChange::Policy { .. }
                | TwinChange::Identity { .. } => {}
            },
            Event::Outcome(_) | Event::Entry(_) | Event::Erased(_) => {}
        }
        Ok(())
    }

    fn begin(&mut self, began: u64, twin: String) {
        self.runs.push(Trace { began, twin, stopped: false, events: Vec::new() });
    }

    fn request(&mut self, index: u64, id: RequestId) -> &mut Request {
        // Where the start itself is erased, a run begins with what is left of it.
        if self.runs.is_empty() {
            self.begin(index, "unknown".to_owned());
        }
        let run = self.runs.len().saturating_sub(1);
        self.requests.entry(id).or_insert_with(|| Request { run, ..Request::default() })
    }

    fn traces(mut self) -> (Vec<Trace>, Exported) {
        let (mut requests, mut erased) = (0_usize, 0_usize);
        for (id, request) in &self.requests {
            if self.erased.contains(id) {
                erased = erased.saturating_add(1);
                continue;
            }
            requests = requests.saturating_add(1);
            if let Some(run) = self.runs.get_mut(request.run) {
                run.events.extend(request.events(*id));
            }
        }
        // A run of which nothing is known yet but its start would be an empty file.
        let traces: Vec<Trace> =
            self.runs.into_iter().filter(|run| !run.events.is_empty()).collect();
        let exported =
            Exported { traces: traces.len(), requests, never_shown: self.never_shown, erased };
        (traces, exported)
    }
}

impl Trace {
    fn stop(&mut self, at: Timestamp, reason: &str) {
        if !self.stopped {
            self.stopped = true;
            self.events.push((at, json!({"type": "interrupt", "reason": reason})));
        }
    }

    /// In the order of time. A run that goes on has no end, and agentack says so.
    fn lines(mut self) -> Vec<Value> {
        self.events.sort_by_key(|(at, _)| *at);
        if self.stopped
            && let Some(last) = self.events.last().map(|(at, _)| *at)
        {
            self.events.push((last, json!({"type": "session_end"})));
        }
        let session = format!("{}/{}", self.twin, self.began);
        let line = |(at, event): (Timestamp, Value)| {
            let mut line = json!({"schema_version": 2, "session_id": session, "timestamp": at});
            if let (Some(line), Value::Object(event)) = (line.as_object_mut(), event) {
                line.extend(event);
            }
            line
        };
        self.events.into_iter().map(line).collect()
    }
}

impl Request {
    fn events(&self, id: RequestId) -> Vec<(Timestamp, Value)> {
        let mut told = Told { id, intent: self.intent_id(), events: Vec::new() };
        for (at, dry) in self.shown.iter().filter(|(_, shown)| shown.dry_run) {
            told.proposed(*at, &told.main(), &action("dry-run", dry.plan_digest, &dry.actions));
            told.blocked(*at, None, "dry run");
        }
        if let Some((at, first)) = self.shown.iter().find(|(_, shown)| !shown.dry_run) {
            told.proposed(*at, &told.main(), &change(first));
        }
        for (at, intent) in &self.intents {
            self.carried_out(&mut told, *at, intent);
        }
        for (at, declined) in &self.declined {
            self.came_to_nothing(&mut told, *at, declined);
        }
        if self.intents.is_empty()
            && self.declined.is_empty()
            && let Some((at, last)) = self.shown.iter().rfind(|(_, shown)| !shown.dry_run)
        {
            // Nothing more is known. agentack calls that incomplete.
            let approval = format!("{}/{}", last.shown_in, last.prompt);
            told.requested(*at, &told.main(), &approval, &change(last));
        }
        told.events
    }

    /// Who wants what for whom. After a no, another action for the same needs a yes of its own.
    fn intent_id(&self) -> String {
        let shown = self.shown.iter().map(|(_, shown)| (&shown.asked, &shown.actions));
        let done = self.intents.iter().map(|(_, intent)| (&intent.asked, &intent.plan.asked));
        let not = self.declined.iter().map(|(_, declined)| (&declined.asked, &declined.actions));
        let first = shown.chain(done).chain(not).next();
        first.map_or_else(String::new, |(asked, actions)| {
            format!("{}/{}", asked.by.user, people(actions))
        })
    }

    fn carried_out(&self, told: &mut Told, at: Timestamp, intent: &Intent) {
        // Recomputed: what is carried out is the plan that stands there, whatever it is called.
        let (digest, actions) = (intent.plan.digest(), &intent.plan.asked);
        let needed = intent.plan.approval.approvers().saturating_add(1);
        for number in 1..=needed {
            let last = number == needed;
            let id = if last { told.main() } else { format!("{}/{number}", told.id) };
            let of = |digest: Digest, actions: &[Action]| {
                if last { action("directory", digest, actions) } else { counted(told.id, digest) }
            };
            let does = of(digest, actions);
            let Some(yes) = intent.confirmations.get(number.saturating_sub(1)) else {
                told.executed(at, &id, None, &does);
                continue;
            };
            let approval = format!("{}/{}", yes.chat, yes.answer);
            let shown = self.shown_for(yes);
            if let Some((shown_at, shown)) = shown {
                let asked_for = of(shown.plan_digest, &shown.actions);
                if !last {
                    told.proposed(*shown_at, &id, &asked_for);
                }
                told.requested(*shown_at, &id, &approval, &asked_for);
            }
            let expires = valid_until(yes, shown.map(|(_, shown)| shown));
            told.decided(yes.at, &id, &approval, Some(expires));
            told.executed(if last { at } else { yes.at }, &id, Some(&approval), &does);
        }
    }

    /// The showing that a yes answers: that prompt, in that conversation, to that person.
    fn shown_for(&self, yes: &Confirmation) -> Option<&(Timestamp, Proposed)> {
        self.shown.iter().find(|(_, shown)| {
            shown.shown_in == yes.chat && shown.prompt == yes.prompt && shown.shown_to == yes.by
        })
    }

    fn came_to_nothing(&self, told: &mut Told, at: Timestamp, declined: &Declined) {
        let said_no = match &declined.why {
            Decline::SaidNo { by } => Some(*by),
            _ => None,
        };
        let to = |user: UserId| {
            self.shown.iter().rfind(|(_, shown)| shown.shown_to == user && !shown.dry_run)
        };
        let shown = said_no.and_then(to).or_else(|| to(declined.asked.by.user));
        let chat = shown.map_or(&declined.asked.chat, |(_, shown)| &shown.shown_in);
        let answer = declined.answer.or(shown.map(|(_, shown)| shown.prompt)).or(declined.prompt);
        let answer = answer.map_or_else(String::new, |answer| answer.to_string());
        let (id, approval) = (told.main(), format!("{chat}/{answer}"));
        if let Some((shown_at, shown)) = shown {
            told.requested(*shown_at, &id, &approval, &change(shown));
        }
        let agreed = match &declined.why {
            Decline::Drift { .. } | Decline::PromptChanged {} | Decline::AnswerChanged {} => true,
            Decline::SaidNo { .. }
            | Decline::Expired {}
            | Decline::ChangedMind {}
            | Decline::Restarted {}
            | Decline::NotAllowed { .. }
            | Decline::HeldBack { .. }
            | Decline::Refused { .. } => false,
        };
        told.decided(at, &id, &approval, agreed.then_some(at));
        let reason = json!(declined.why);
        let reason = reason.get("reason").and_then(Value::as_str).unwrap_or_default();
        told.blocked(at, Some(&approval), reason);
    }
}

/// The events of one request.
#[derive(Debug)]
struct Told {
    id: RequestId,
    intent: String,
    events: Vec<(Timestamp, Value)>,
}

impl Told {
    /// The id of the action that is the change itself.
    fn main(&self) -> String {
        self.id.to_string()
    }

    fn put(&mut self, at: Timestamp, kind: &str, id: &str, more: Value) {
        let mut event = json!({"type": kind, "action_id": id, "intent_id": self.intent});
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        self.events.push((at, event));
    }

    fn proposed(&mut self, at: Timestamp, id: &str, action: &Value) {
        self.put(at, "action_proposed", id, json!({"action": action}));
    }

    fn requested(&mut self, at: Timestamp, id: &str, approval: &str, action: &Value) {
        let more = json!({"approval_id": approval, "action": action});
        self.put(at, "approval_requested", id, more);
    }

    /// Allowed until then, or denied.
    fn decided(&mut self, at: Timestamp, id: &str, approval: &str, until: Option<Timestamp>) {
        let more = match until {
            Some(until) => {
                json!({"approval_id": approval, "decision": "allow", "expires_at": until})
            }
            None => json!({"approval_id": approval, "decision": "deny"}),
        };
        self.put(at, "approval_decision", id, more);
    }

    fn executed(&mut self, at: Timestamp, id: &str, approval: Option<&str>, action: &Value) {
        self.put(at, "action_executed", id, json!({"approval_id": approval, "action": action}));
    }

    fn blocked(&mut self, at: Timestamp, approval: Option<&str>, reason: &str) {
        let more = json!({"approval_id": approval, "reason": reason});
        self.put(at, "action_blocked", &self.main(), more);
    }
}

/// Until when a yes may be acted upon. What was said after the time to answer has no time left.
fn valid_until(yes: &Confirmation, shown: Option<&Proposed>) -> Timestamp {
    let within = SignedDuration::try_from(ACT_WITHIN).unwrap_or(SignedDuration::ZERO);
    match shown {
        Some(shown) if yes.at > shown.expires_at => shown.expires_at,
        _ => yes.at.saturating_add(within).unwrap_or(yes.at),
    }
}

fn change(shown: &Proposed) -> Value {
    action("directory", shown.plan_digest, &shown.actions)
}

fn action(tool: &str, digest: Digest, actions: &[Action]) -> Value {
    json!({
        "tool": tool,
        "operation": once(actions.iter().map(|action| action.tool().name().to_owned())),
        "resource": format!("user/{}", people(actions)),
        "parameters": {"actions": actions, "planDigest": digest},
    })
}

/// A yes is counted, and more are needed.
fn counted(request: RequestId, digest: Digest) -> Value {
    json!({
        "tool": "approval",
        "operation": "count",
        "resource": format!("request/{request}"),
        "parameters": {"planDigest": digest},
    })
}

fn people(actions: &[Action]) -> String {
    once(actions.iter().map(|action| action.person().to_string()))
}

/// Each once, in the order in which they come.
fn once(names: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all.join("+")
}

fn named(twin: &Twin) -> String {
    twin.id.map_or_else(|| twin.name.clone(), |id| id.to_string())
}

#[cfg(test)]
mod tests;
