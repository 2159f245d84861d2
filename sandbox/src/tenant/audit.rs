//! The tenant's logs: what happened, who did it, and when readers may see it.
//!
//! Which entries an action writes is in [`events`]; how a store words them is its own business.

pub(crate) mod credentials;
pub(crate) mod events;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::graph::Caller;
use crate::settings::Settings;
use crate::world::{Event, World};

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A signed-in user through an app: `initiatedBy.user`, `app` null.
    User { id: Uuid, app_id: Uuid, app_name: String },
    /// An app on its own: `initiatedBy.app`, `user` null.
    App { app_id: Uuid, principal: Uuid, name: String },
}

/// What kind of object was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetKind {
    User,
    Group,
    Role,
    Application,
    ServicePrincipal,
}

/// `targetResources[].modifiedProperties[]`: values are JSON inside strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModifiedProperty {
    pub(crate) name: &'static str,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

/// One `targetResources[]` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) kind: TargetKind,
    pub(crate) id: Uuid,
    pub(crate) display_name: Option<String>,
    pub(crate) upn: Option<String>,
    pub(crate) properties: Vec<ModifiedProperty>,
}

/// One event in the directory's own log, from which every store's shape is made.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    /// When readers see it.
    pub(crate) visible: Timestamp,
    /// Ties the entries of one call together.
    pub(crate) correlation: Uuid,
    pub(crate) activity: &'static str,
    pub(crate) category: &'static str,
    /// `Add`, `Assign`, `Update`, `Unassign`, `Delete`.
    pub(crate) operation: &'static str,
    pub(crate) actor: Actor,
    /// The acting user's name then: the user may be gone when the entry is read.
    pub(crate) actor_upn: Option<String>,
    pub(crate) targets: Vec<Target>,
    pub(crate) user_agent: Option<String>,
    /// `loggedByService`.
    pub(crate) service: &'static str,
    /// `resultReason`; empty for most.
    pub(crate) reason: String,
    pub(crate) failed: bool,
}

/// What a service says about an entry besides what happened.
#[derive(Clone, Debug)]
pub(crate) struct Remark {
    pub(crate) service: &'static str,
    pub(crate) reason: String,
    pub(crate) failed: bool,
}

impl Default for Remark {
    fn default() -> Self {
        Self { service: "Core Directory", reason: String::new(), failed: false }
    }
}

/// One sign-in.
#[derive(Clone, Debug)]
pub(crate) struct SignIn {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) visible: Timestamp,
    pub(crate) user: Option<Uuid>,
    pub(crate) app_id: Uuid,
    pub(crate) app_name: String,
    pub(crate) interactive: bool,
    /// 0 for success, otherwise the AADSTS number.
    pub(crate) error: u32,
    pub(crate) correlation: Uuid,
    /// `uniqueTokenIdentifier` = the token's `uti`.
    pub(crate) token: Option<String>,
    pub(crate) place: Place,
    /// `clientAppUsed`.
    pub(crate) client: &'static str,
}

/// Where somebody signed in from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) ip: &'static str,
    pub(crate) city: Option<&'static str>,
    pub(crate) state: Option<&'static str>,
    /// Two letters; the person's usage location when it is not known.
    pub(crate) country: Option<&'static str>,
}

/// This machine.
pub(crate) const LOCAL: Place = Place { ip: "127.0.0.1", city: None, state: None, country: None };

/// The tenant's logs, oldest first.
#[derive(Debug)]
pub(crate) struct Audit {
    pub(crate) entries: Vec<Entry>,
    pub(crate) sign_ins: Vec<SignIn>,
    /// How long what is written now stays invisible, unless a fault switch says otherwise.
    pub(crate) delay: Duration,
    /// Whether `correlationId` is the caller's `client-request-id`.
    pub(crate) correlation_follows_client: bool,
    /// Whether Graph shows the logs at all (Entra ID P1).
    pub(crate) premium: bool,
    /// Of the call that wrote last.
    call: Option<Correlated>,
    /// Entries ever written: the last part of their ids.
    written: u64,
    /// The unified log's own state: feed subscriptions and searches.
    pub(crate) unified: Unified,
}

/// Which `correlationId` a call's entries share.
#[derive(Clone, Copy, Debug)]
struct Correlated {
    /// What the handler passes with every entry of the call.
    given: Uuid,
    logged: Uuid,
}

/// What readers of the unified log have set up.
#[derive(Debug, Default)]
pub(crate) struct Unified {
    /// Content types with an activity feed subscription, and since when.
    pub(crate) feeds: Vec<Feed>,
    /// Searches made through Graph.
    pub(crate) searches: Vec<Search>,
}

/// A subscription to a content type of the Management Activity API.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub(crate) content_type: &'static str,
    pub(crate) since: Timestamp,
    pub(crate) enabled: bool,
}

/// An `auditLogQuery`.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub(crate) id: Uuid,
    pub(crate) created: Timestamp,
    pub(crate) display_name: Option<String>,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) operations: Vec<String>,
    pub(crate) users: Vec<String>,
    pub(crate) objects: Vec<String>,
}

impl Default for Audit {
    fn default() -> Self {
        let mut audit = Self {
            entries: Vec::new(),
            sign_ins: Vec::new(),
            delay: Duration::ZERO,
            correlation_follows_client: false,
            premium: true,
            call: None,
            written: 0,
            unified: Unified::default(),
        };
        audit.follow(&Settings::default());
        audit
    }
}

impl Audit {
    /// Takes over what the operator set.
    pub(crate) fn follow(&mut self, settings: &Settings) {
        self.delay = settings.audit_delay;
        self.correlation_follows_client = settings.correlation_follows_client;
        self.premium = settings.premium;
    }

    /// Moves the sign-ins of the sample company, which all happened before, to just before `now`.
    pub(crate) fn move_sign_ins(&mut self, now: Timestamp) {
        let newest = self.sign_ins.iter().map(|sign_in| sign_in.at).max();
        let Some(newest) = newest else { return };
        let by = now.duration_since(newest).saturating_sub(QUIET);
        for sign_in in &mut self.sign_ins {
            sign_in.at = sign_in.at.saturating_add(by).unwrap_or(sign_in.at);
            sign_in.visible = sign_in.at;
        }
    }

    /// What readers see at `now`, oldest first.
    pub(crate) fn visible(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.visible <= now)
    }
}

impl World {
    /// Writes an entry of the directory's log. `correlation` is the same for all entries of a call:
    /// `call.client_request_id.unwrap_or(call.request_id)`.
    #[expect(clippy::too_many_arguments, reason = "an entry has that many independent facts")]
    pub(crate) fn audit(
        &mut self,
        caller: &Caller,
        correlation: Uuid,
        activity: &'static str,
        category: &'static str,
        operation: &'static str,
        targets: Vec<Target>,
        user_agent: Option<String>,
        remark: Remark,
    ) {
        let actor = match caller.user {
            Some(id) => {
                Actor::User { id, app_id: caller.app_id, app_name: caller.app_name.clone() }
            }
            None => Actor::App {
                app_id: caller.app_id,
                principal: caller.principal,
                name: caller.app_name.clone(),
            },
        };
        let deed = (activity, category, operation);
        self.write(actor, correlation, deed, targets, user_agent, remark);
    }

    /// Writes an entry for what a service of the cloud did on its own, as licensing does when a
    /// group's members change.
    fn write(
        &mut self,
        actor: Actor,
        given: Uuid,
        (activity, category, operation): (&'static str, &'static str, &'static str),
        targets: Vec<Target>,
        user_agent: Option<String>,
        remark: Remark,
    ) {
        let now = self.now();
        let correlation = self.correlate(given, activity, &targets);
        let shard = self.shard();
        let actor_upn = match &actor {
            Actor::User { id, .. } => self.tenant.people.get(*id).map(|user| user.upn.clone()),
            Actor::App { .. } => None,
        };
        let visible = self.visible_at();
        let audit = &mut self.tenant.audit;
        // Real pairs are about a millisecond apart, and no two entries share a tick.
        let at = audit.entries.last().map_or(now, |last| {
            let step = if last.correlation == correlation { PAIR } else { TICK };
            now.max(last.at.saturating_add(step).unwrap_or(last.at))
        });
        audit.written = audit.written.saturating_add(1);
        let entry = Entry {
            id: format!("Directory_{correlation}_{shard}_{}", FIRST_NUMBER + audit.written),
            at,
            visible,
            correlation,
            activity,
            category,
            operation,
            actor,
            actor_upn,
            targets,
            user_agent,
            service: remark.service,
            reason: remark.reason,
            failed: remark.failed,
        };
        if audit.entries.len() >= KEPT {
            // Many at once: each time moves the rest.
            audit.entries.drain(..KEPT / 10);
        }
        audit.entries.push(entry);
        self.emit(Event::Audit);
    }

    /// The `correlationId` for an entry of the call that passes `given`.
    fn correlate(&mut self, given: Uuid, activity: &str, targets: &[Target]) -> Uuid {
        if self.tenant.audit.correlation_follows_client {
            return given;
        }
        if let Some(call) = self.tenant.audit.call
            && call.given == given
        {
            // A client may send one `client-request-id` with many calls; what was already logged
            // under it belongs to an earlier one.
            let entries = self.tenant.audit.entries.iter().rev();
            let repeated = entries
                .take(COMPARED)
                .take_while(|entry| entry.correlation == call.logged)
                .any(|entry| entry.activity == activity && entry.targets == targets);
            if !repeated {
                return call.logged;
            }
        }
        let logged = self.guid();
        self.tenant.audit.call = Some(Correlated { given, logged });
        logged
    }

    /// Five characters such as `6LPVG`, as in the ids of real entries.
    fn shard(&mut self) -> String {
        const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let sign = |at: u64| usize::try_from(at).ok().and_then(|at| SIGNS.get(at)).copied();
        (0..5).filter_map(|_| sign(self.roll(36))).map(char::from).collect()
    }
}

/// Between the newest sign-in of the sample company and the start.
const QUIET: SignedDuration = SignedDuration::from_mins(25);
/// Between the entries of one call.
const PAIR: SignedDuration = SignedDuration::from_nanos(998_800);
/// The log's resolution.
const TICK: SignedDuration = SignedDuration::from_nanos(100);
/// Entries of one call that a new one is compared with: a rule may move thousands of people.
const COMPARED: usize = 200;
/// Entries kept at most; a real tenant keeps thirty days.
const KEPT: usize = 50_000;
const FIRST_NUMBER: u64 = 73_478_000;
