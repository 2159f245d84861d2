//! The twin's process: the real desk on the simulated world. Killing it is dropping its runtime.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use subtwin_confirm::{Answers, Gate, Limits, Offered, Restraint};
use subtwin_hear::Intake;
use subtwin_kernel::{
    AppId, Clock as _, Digest, Entropy, KeyBytes, PrincipalKind, SeededEntropy, Tool,
};
use subtwin_policy::Policies;
use subtwin_record::Log;
use subtwin_teams::Presence;
use subtwin_understand::{Brain, Contact, Understanding};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;
use uuid::Uuid;

use super::super::cases::Cases;
use super::super::desk::Desk;
use super::super::evidence::Evidence;
use super::super::resume::Left;
use super::super::watch::{Calls, Taken, Watch};
use super::company::{HANNA, HOME, PEOPLE, TWIN, user};
use super::ports::Outside;
use super::world::World;

/// One life of the process.
pub(super) struct Process {
    pub(super) desk: Arc<Desk>,
    pub(super) intake: Intake,
    log: Log,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Killed,
    Rest,
}

/// Policies that differ from the shipped ones and say the same.
pub(super) fn other_policies() -> Policies {
    let shipped = Policies::shipped();
    let (name, text) = shipped.texts().last().unwrap();
    let text = format!("{text}\n// Read again.\n");
    Policies::read(&[(name.to_owned(), text)]).unwrap()
}

impl Process {
    pub(super) async fn start(world: &Arc<World>, brain: Arc<dyn Brain>, limits: Limits) -> Self {
        let outside = Arc::new(Outside(Arc::clone(world)));
        let seed = world.with(|state| state.dice.next());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(seed));
        let dir = world.dir.join("evidence");
        let key = KeyBytes::new([7; 32]);
        let clock = Arc::clone(&world.clock) as _;
        let (log, recovered) =
            Log::open_in_place(&dir, &key, "contoso.com/sam", clock, Arc::clone(&entropy)).unwrap();
        let left = Left::read(recovered, &*outside).await.unwrap();
        let app = AppId::new(Uuid::from_u128(0xA0));
        let settings = {
            let here = Url::parse("http://127.0.0.1/").unwrap();
            subtwin_teams::Settings::new(HOME, TWIN, app, &here).unwrap()
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let watch = Watch {
            channel: Arc::clone(&outside) as _,
            trail: Arc::clone(&outside) as _,
            log: log.clone(),
            notes: Arc::clone(&outside) as _,
            look_after: LOOK_AFTER.map(Duration::from_secs).to_vec(),
            taken: Taken::default(),
            calls: Calls::default(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        let contact =
            Contact { name: PEOPLE[HANNA].name.to_owned(), upn: PEOPLE[HANNA].upn.to_owned() };
        let settings_of_mind = subtwin_understand::Settings::new(contact);
        let changed = world.with(|state| !state.changed_policies.is_empty());
        let policies = if changed { other_policies() } else { Policies::shipped() };
        let offered = Offered { tools: Tool::ALL.to_vec(), digest: Digest::of(b"catalog") };
        let gate = Gate::new(Arc::clone(&outside) as _, policies, offered, TimeZone::UTC);
        let desk = Arc::new_cyclic(|me| Desk {
            me: me.clone(),
            channel: Arc::clone(&outside) as _,
            understanding: Understanding::new(brain, Arc::clone(&outside) as _, settings_of_mind),
            directory: Arc::clone(&outside) as _,
            gate: RwLock::new(Arc::new(gate)),
            answers: Answers::new([]),
            restraint: Mutex::new(Restraint::new(limits)),
            cards: Arc::clone(&outside) as _,
            hands: Arc::clone(&outside) as _,
            log: log.clone(),
            notes: Arc::clone(&outside) as _,
            evidence: Evidence::in_place(dir),
            twin: subtwin_primitives::Twin {
                tenant: HOME,
                id: Some(TWIN),
                name: "Sam".to_owned(),
                upn: Some("sam@contoso.com".to_owned()),
                acts_as: PrincipalKind::MemberUser,
                token_of: None,
                app,
            },
            presence: Some(Arc::new(Presence::new(&settings, Arc::clone(&outside) as _))),
            watch,
            watchman: Arc::default(),
            human: Some(user(HANNA)),
            undo_within: Duration::from_secs(30 * 60),
            secrets_shown: Duration::from_secs(10 * 60),
            clock: Arc::clone(&world.clock) as _,
            entropy,
            cases: Cases::default(),
            lanes: Mutex::new(HashMap::new()),
            targets: Mutex::new(HashMap::new()),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let held = desk.hold(left.people()).await;
        let intake = Intake::new(
            subtwin_hear::Settings::default(),
            Arc::clone(&outside) as _,
            Arc::clone(&desk) as _,
        );
        world.with(|state| {
            state.intake = Some(intake.clone());
            state.catch_up();
        });
        tasks.spawn(Arc::clone(&desk).resume(left, held));
        Self { desk, intake, log, tasks, stop }
    }

    /// Lets time pass until nothing is left to do.
    pub(super) async fn work(&self, world: &World) {
        loop {
            let due = world.with(|state| std::mem::take(&mut state.policies_due));
            if due {
                self.desk.take_policies(other_policies());
            }
            let now = world.clock.now();
            let open = !self.desk.cases.late(Timestamp::MAX).is_empty();
            let next = world.next_due();
            if next.is_none() && !open && self.is_idle(world) {
                return;
            }
            let most = Duration::from_secs(if open { 15 } else { 60 });
            let due_in =
                next.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
            let pause = due_in.map_or(most, |due| due.min(most)) + Duration::from_micros(1);
            tokio::select! {
                biased;
                () = world.agenda_changed.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            if open {
                self.desk.sweep().await;
            }
        }
    }

    fn is_idle(&self, world: &World) -> bool {
        let chats: Vec<_> = world.with(|state| state.chats.0.keys().cloned().collect());
        self.tasks.is_empty()
            && chats.iter().all(|chat| self.intake.oldest_unfinished(chat).is_none())
    }

    /// What is kept in memory has not grown beyond who and what there is.
    pub(super) fn check(&self) -> Result<(), String> {
        let desk = &self.desk;
        let (lanes, targets) =
            (desk.lanes.lock().unwrap().len(), desk.targets.lock().unwrap().len());
        let open = desk.cases.late(Timestamp::MAX).len();
        if lanes <= PEOPLE.len() && targets <= PEOPLE.len() && open == 0 {
            return Ok(());
        }
        Err(format!("kept in memory: {lanes} lanes, {targets} targets, {open} cases"))
    }

    /// Stops in good order.
    pub(super) async fn stop(self, world: &World) {
        world.with(|state| state.intake = None);
        self.intake.shutdown(Duration::from_secs(20)).await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.log.shut_down().await.unwrap();
    }
}

/// The last look is later than the longest audit delay of any schedule.
const LOOK_AFTER: [u64; 7] = [2, 4, 8, 20, 60, 180, 420];
