//! Taking back the last thing done for somebody, through the same gate.

use std::collections::HashMap;
use std::io;

use jiff::{SignedDuration, Timestamp};
use subtwin_hear::{ChannelError, Heard};
use subtwin_kernel::{Action, Inverse, Outcome, Plan, RequestId, UserId};
use subtwin_primitives::{Event, Intent};
use subtwin_record::audit::{Archive, Kept};
use subtwin_understand::{Mode, Proposal};

use super::desk::Desk;
use super::replies;

/// What an undo would take back.
#[derive(Debug, Default, PartialEq, Eq)]
struct Back {
    /// The inverses, the last change first.
    actions: Vec<Action>,
    /// Why parts of it cannot be taken back. Each a sentence.
    not: Vec<String>,
}

impl Desk {
    /// Proposes the exact inverse of the last thing done for whoever asks; or says why there is
    /// none.
    pub(super) async fn undo(&self, heard: &Heard) -> Result<(), ChannelError> {
        let (requester, now) = (heard.from.user, self.clock.now());
        let within = SignedDuration::try_from(self.undo_within).unwrap_or(SignedDuration::MAX);
        let since = now.saturating_sub(within).unwrap_or(now);
        let read = move |archive: &Archive| last_done(archive, requester, since);
        let last = match self.evidence.read(read).await {
            Ok(last) => last,
            Err(cause) => {
                tracing::error!(%cause, "the record cannot be read back");
                return self.say(heard, &replies::no_record_to_undo()).await;
            }
        };
        let Some((plan, outcomes)) = last else {
            let minutes = self.undo_within.as_secs().div_euclid(60);
            return self.say(heard, &replies::nothing_to_undo(minutes)).await;
        };
        let back = back(&plan, &outcomes);
        if !back.not.is_empty() {
            self.say(heard, &replies::not_undone(&back.not)).await?;
        }
        if back.actions.is_empty() {
            return Ok(());
        }
        let request = self.entropy.request_id(now);
        let proposal =
            Proposal { request, heard: heard.clone(), actions: back.actions, mode: Mode::Ask };
        self.propose(proposal).await
    }
}

/// The inverses of what was done.
fn back(plan: &Plan, outcomes: &[Outcome]) -> Back {
    let mut back = Back::default();
    for (part, outcome) in plan.parts.iter().zip(outcomes).rev() {
        if !outcome.is_done() {
            continue;
        }
        match &part.inverse {
            Inverse::Action(action) => back.actions.push(action.clone()),
            Inverse::None(why) => back.not.push(why.clone()),
        }
    }
    back
}

/// The last plan of this person of which something was done, from the record: it survives a
/// restart, and it is what was really done.
fn last_done(
    archive: &Archive,
    requester: UserId,
    since: Timestamp,
) -> io::Result<Option<(Plan, Vec<Outcome>)>> {
    let mut open: HashMap<RequestId, Box<Intent>> = HashMap::new();
    let mut last = None;
    archive.each(|shown| {
        let Kept::Whole(record) = shown.record else { return Ok(()) };
        if record.at < since {
            return Ok(());
        }
        match record.event {
            Event::Intent(intent) if intent.asked.by.user == requester => {
                open.insert(intent.request, intent);
            }
            Event::Outcome(event) => {
                if let Some(intent) = open.remove(&event.request)
                    && event.outcomes.iter().any(Outcome::is_done)
                {
                    last = Some((intent.plan, event.outcomes));
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(last)
}
