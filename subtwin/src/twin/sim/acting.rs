//! The simulated tenant written to, looked at, and its own log.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use subtwin_act::{Hands, LookError, Observed, SendError, Sent};
use subtwin_kernel::{Action, Secret, Step, TenantEntry};
use subtwin_record::{Trace, Trail, TrailError};
use uuid::Uuid;

use super::company::{group_index, index, sku_index};
use super::ports::Outside;
use super::tenant::{Account, Deed, What, Written, pass_id};
use super::world::{Event, Sending, State};

/// What will become of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    LostBefore,
    LostAfter,
    Late,
    Busy,
    Refused,
}

fn fate(state: &mut State) -> Fate {
    let faults = state.faults.clone();
    let mut roll = state.dice.below(100);
    for (share, fate) in [
        (faults.lost_before, Fate::LostBefore),
        (faults.lost_after, Fate::LostAfter),
        (faults.late, Fate::Late),
        (faults.busy, Fate::Busy),
        (faults.refused, Fate::Refused),
    ] {
        if roll < share {
            return fate;
        }
        roll -= share;
    }
    Fate::Answered
}

#[async_trait]
impl Hands for Outside {
    async fn send(
        &self,
        step: &Step,
        password: Option<&Secret>,
        id: Uuid,
    ) -> Result<Sent, SendError> {
        self.0.pass().await;
        let deed = Deed::of(step).ok_or_else(|| refusal("not-in-catalog"))?;
        assert_eq!(step.needs_password(), password.is_some(), "a password where one belongs");
        let on_record = self.recorded(id);
        self.0.with(|state| {
            if std::mem::take(&mut state.kill_on_send) {
                state.kill_at = Some(0);
            }
        });
        self.0.pass().await;
        let (fate, answers) = self.0.with(|state| {
            if let Some(password) = password {
                state.secrets.push(password.clone());
            }
            let fate = fate(state);
            let slow = state.dice.happens(state.faults.slow);
            let reaches =
                if slow { state.dice.between(500, 8_000) } else { state.dice.between(1, 80) };
            // Whatever happens to us from here on, the request is on its way. Where its answer is
            // cut, its effect comes at most twelve seconds after that, replicas included.
            let (effect, answers) = match fate {
                Fate::Answered | Fate::LostAfter => (Some(reaches), reaches),
                Fate::Late => {
                    let at = reaches + state.dice.below(28_000);
                    let spare = 12_000_u64.saturating_sub(state.faults.lag);
                    (Some(at), reaches.max(at.saturating_sub(state.dice.below(spare.max(1)))))
                }
                Fate::LostBefore | Fate::Busy | Fate::Refused => (None, reaches),
            };
            let sending = Sending { on_record, already: false };
            state.sendings.entry(id).or_default().push(sending);
            state.mix(&format!("sent {deed:?} {id}: {fate:?}, effect after {effect:?}"));
            if let Some(after) = effect {
                state.later(after, Event::Effect { deed: deed.clone(), id });
            }
            (fate, answers)
        });
        self.0.takes(answers + 1).await;
        self.0.pass().await;
        let result = self.0.with(|state| self.answer(state, fate, &deed, id));
        self.0.pass().await;
        result
    }

    async fn look(&self, action: &Action, since: Timestamp) -> Result<Observed, LookError> {
        if self.0.read().await {
            return Err(LookError("cut".into()));
        }
        Ok(self.0.with(|state| {
            let at = state.replica();
            let account = &state.tenant.at(at).0[index(action.person()).unwrap()];
            let so = in_place(account, action, since);
            state.mix(&format!("looked at {action:?}: {so}"));
            if so { Observed::InPlace } else { Observed::NotThere }
        }))
    }
}

fn refusal(code: &str) -> SendError {
    SendError::Refused { code: code.to_owned(), reason: "The directory said no.".to_owned() }
}

/// Whether an account shows an action's effect.
pub(super) fn in_place(account: &Account, action: &Action, since: Timestamp) -> bool {
    let after = |at: Option<Timestamp>| at.is_some_and(|at| at >= since);
    match action {
        Action::UserFind { .. } | Action::SigninExplain { .. } => true,
        Action::PasswordReset { .. } => after(account.password),
        Action::TapIssue { .. } => after(account.pass.map(|(_, at)| at)),
        Action::TapWithdraw { .. } => account.pass.is_none(),
        Action::MfaReset { .. } => account.methods.is_empty(),
        Action::MethodRemove { method, .. } => {
            let is_pass = account.pass.is_some_and(|(number, _)| pass_id(number) == method.id);
            !is_pass && !account.methods.contains(method)
        }
        Action::SessionRevoke { .. } => after(account.revoked),
        Action::AccountBlock { .. } => account.blocked,
        Action::AccountUnblock { .. } => !account.blocked,
        Action::LicenseAssign { sku, .. } => {
            sku_index(*sku).is_some_and(|sku| account.skus.contains(&sku))
        }
        Action::LicenseRemove { sku, .. } => {
            sku_index(*sku).is_some_and(|sku| !account.skus.contains(&sku))
        }
        Action::GroupMemberAdd { group, .. } => {
            group_index(*group).is_some_and(|group| account.groups.contains(&group))
        }
        Action::GroupMemberRemove { group, .. } => {
            group_index(*group).is_some_and(|group| !account.groups.contains(&group))
        }
        Action::UserUpdate { set, .. } => set.iter().all(|(property, value)| {
            account.profile.get(property).map_or("", String::as_str) == value
        }),
        Action::ManagerSet { manager, .. } => account.manager.map(super::company::user) == *manager,
    }
}

impl Outside {
    fn answer(
        &self,
        state: &mut State,
        fate: Fate,
        deed: &Deed,
        id: Uuid,
    ) -> Result<Sent, SendError> {
        match fate {
            Fate::Busy => {
                let after = state.dice.between(1, 30);
                let named = state.dice.happens(60);
                Err(SendError::Busy { after: named.then(|| std::time::Duration::from_secs(after)) })
            }
            Fate::Refused => Err(refusal("Authorization_RequestDenied")),
            Fate::LostBefore | Fate::LostAfter | Fate::Late => {
                Err(SendError::Unknown { cause: "502".into() })
            }
            Fate::Answered => {
                let changed = state.tenant.effects.iter().any(|effect| effect.id == id);
                if changed {
                    return Ok(Sent { request_id: None, secret: pass(state, deed) });
                }
                match deed.what {
                    What::Licence(sku, true) if !has(state, deed.person, sku) => {
                        Err(refusal("no-seats"))
                    }
                    What::Pass => Err(refusal("tap-exists")),
                    _ => {
                        if let Some(last) = state.sendings.entry(id).or_default().last_mut() {
                            last.already = true;
                        }
                        Err(SendError::AlreadySo)
                    }
                }
            }
        }
    }

    /// Whether an intent that names this call is on disk: read as bytes, by nobody's code but ours.
    fn recorded(&self, id: Uuid) -> bool {
        let id = id.hyphenated().to_string();
        let folder = self.0.dir.join("evidence/records");
        let Ok(files) = std::fs::read_dir(folder) else { return false };
        files.flatten().any(|file| {
            let bytes = std::fs::read(file.path()).unwrap_or_default();
            memchr(&bytes, id.as_bytes())
        })
    }
}

fn memchr(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn has(state: &State, person: usize, sku: usize) -> bool {
    state.tenant.now().0[person].skus.contains(&sku)
}

/// The text of a pass is given out with the answer, once.
fn pass(state: &mut State, deed: &Deed) -> Option<Secret> {
    if deed.what != What::Pass {
        return None;
    }
    let secret = Secret::new(format!("PASS-{:016x}", state.dice.next()));
    state.secrets.push(secret.clone());
    Some(secret)
}

#[async_trait]
impl Trail for Outside {
    /// By the id that was sent, then by name, target and time, the nearest to the call's end; what
    /// belongs to another call is passed over.
    async fn find(
        &self,
        trace: &Trace,
        taken: &HashSet<String>,
    ) -> Result<Option<TenantEntry>, TrailError> {
        self.0.pass().await;
        let (millis, fails) = self
            .0
            .with(|state| (state.dice.between(5, 200), state.dice.happens(state.faults.trail)));
        self.0.takes(millis).await;
        self.0.pass().await;
        if fails {
            return Err(TrailError("cut".into()));
        }
        Ok(self.0.with(|state| {
            let now = state.now;
            let fits = |written: &&Written| {
                written.visible <= now
                    && !taken.contains(&written.entry.id)
                    && is_of(&written.deed, &trace.action)
            };
            let visible: Vec<&Written> = state.tenant.log.iter().filter(fits).collect();
            let id = trace.client_request_id.to_string();
            let exact = visible.iter().find(|written| written.entry.correlation_id == id);
            let last = trace.ended_at.unwrap_or(trace.sent_at).max(trace.sent_at);
            let (from, to) = (trace.sent_at - SKEW, last + AFTER);
            let near = visible
                .iter()
                .filter(|written| (from..=to).contains(&written.entry.at))
                .min_by_key(|written| far(written.entry.at, trace));
            exact.or(near).map(|written| written.entry.clone())
        }))
    }
}

fn far(at: Timestamp, trace: &Trace) -> (bool, bool, SignedDuration) {
    let early = at < trace.sent_at - SKEW;
    match trace.ended_at {
        Some(ended) => {
            let late = at > ended + SKEW;
            (early || late, at > ended, at.duration_since(ended).abs())
        }
        None => (early, at < trace.sent_at, at.duration_since(trace.sent_at).abs()),
    }
}

/// Whether an entry's name and target are those of an action.
fn is_of(deed: &Deed, action: &Action) -> bool {
    if index(action.person()) != Some(deed.person) {
        return false;
    }
    match (action, &deed.what) {
        (Action::PasswordReset { .. }, What::Password)
        | (Action::TapIssue { .. }, What::Pass)
        | (Action::SessionRevoke { .. }, What::Revoke)
        | (Action::AccountBlock { .. }, What::Enabled(false))
        | (Action::AccountUnblock { .. }, What::Enabled(true))
        | (Action::LicenseAssign { .. } | Action::LicenseRemove { .. }, What::Licence(..))
        | (Action::ManagerSet { .. }, What::Manager(_)) => true,
        // The entry's reason names the kind of method.
        (Action::MethodRemove { method, .. }, What::Method(id)) => method.id == *id,
        (Action::GroupMemberAdd { group, .. }, What::Member(at, true))
        | (Action::GroupMemberRemove { group, .. }, What::Member(at, false)) => {
            group_index(*group) == Some(*at)
        }
        (Action::UserUpdate { set, .. }, What::Profile(fields)) => {
            set.keys().all(|property| fields.contains_key(property.name()))
        }
        _ => false,
    }
}

const SKEW: SignedDuration = SignedDuration::from_secs(5);
const AFTER: SignedDuration = SignedDuration::from_secs(60);
