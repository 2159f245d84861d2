//! One message, one straight line: hear, understand, confirm, act, record, reply.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use subtwin_act::Hands;
use subtwin_confirm::{
    Answer, Answers, Declined, Gate, Ignored, Refusal, Restraint, Waiting, dry_run, prompt,
    question,
};
use subtwin_hear::{Channel, ChannelError, Handler, Heard};
use subtwin_kernel::{Action, ChatId, Clock, Effect, Entropy, Plan, UserId, Words};
use subtwin_policy::Policies;
use subtwin_primitives::Proposed;
use subtwin_record::Log;
use subtwin_store::{RequestRow, Stage};
use subtwin_teams::Presence;
use subtwin_understand::{Directory, Mode, Proposal, Understanding, Understood};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cards::Cards;
use super::cases::{Case, Cases, Judged};
use super::evidence::Evidence;
use super::notes::Notes;
use super::replies;
use super::watch::Watch;
use super::watchman::Watchman;

/// Everything one conversation needs, and what is open.
#[derive(Debug)]
pub(crate) struct Desk {
    /// Itself, for work that outlives a message.
    pub(super) me: Weak<Self>,
    pub(super) channel: Arc<dyn Channel>,
    pub(super) understanding: Understanding,
    pub(super) directory: Arc<dyn Directory>,
    /// Replaced when the policies are read anew.
    pub(super) gate: RwLock<Arc<Gate>>,
    pub(super) answers: Answers,
    pub(super) restraint: Mutex<Restraint>,
    pub(super) cards: Arc<dyn Cards>,
    pub(super) hands: Arc<dyn Hands>,
    pub(super) log: Log,
    pub(super) notes: Arc<dyn Notes>,
    /// The record, to read back from.
    pub(super) evidence: Evidence,
    /// Who the twin is, as the record says it.
    pub(super) twin: subtwin_primitives::Twin,
    /// Where the twin can be seen to be at work.
    pub(super) presence: Option<Arc<Presence>>,
    pub(super) watch: Watch,
    /// Whether it may act at all.
    pub(super) watchman: Arc<Watchman>,
    /// The person who takes over what the twin cannot do.
    pub(super) human: Option<UserId>,
    /// How far back an undo reaches.
    pub(super) undo_within: Duration,
    /// How long a secret stands in the chat.
    pub(super) secrets_shown: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) cases: Cases,
    pub(super) lanes: Mutex<HashMap<ChatId, Arc<tokio::sync::Mutex<()>>>>,
    /// One change at a time to one person.
    pub(super) targets: Mutex<HashMap<UserId, Arc<tokio::sync::Mutex<()>>>>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

#[async_trait]
impl Handler for Desk {
    async fn handle(&self, heard: Heard) {
        let lane = self.lane(&heard.chat);
        let _turn = lane.lock().await;
        let chat = heard.chat.clone();
        self.serve(heard).await;
        self.next_here(&chat).await;
    }
}

impl Desk {
    /// The turn in one conversation. Whoever reads or answers there holds it, so that a prompt is
    /// never overtaken: the intake, and what goes on after a restart.
    ///
    /// INVARIANT: nobody who holds one conversation's turn waits for another's. Work in another
    /// conversation is spawned ([`Desk::later`]).
    pub(super) fn lane(&self, chat: &ChatId) -> Arc<tokio::sync::Mutex<()>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        Arc::clone(lanes.entry(chat.clone()).or_default())
    }

    /// The gate with the policies of now.
    pub(super) fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Other policies from now on.
    pub(super) fn take_policies(&self, policies: Policies) {
        let mut gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        *gate = Arc::new(gate.under(policies));
    }

    /// Work in another conversation, or later.
    pub(super) fn later<F>(&self, work: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(me) = self.me.upgrade() {
            self.tasks.spawn(work(me));
        }
    }

    /// Serves one message; the caller holds its conversation's turn.
    pub(super) async fn serve(&self, heard: Heard) {
        if !heard.one_on_one {
            tracing::debug!(chat = %heard.chat, "not a one-to-one conversation");
            return;
        }
        if heard.from.tenant != self.twin.tenant {
            // Object ids are looked up in our directory; a foreign one must not even be tried.
            if let Err(cause) = self.say(&heard, &replies::foreign()).await {
                tracing::warn!(%cause, "could not turn somebody of another organisation away");
            }
            return;
        }
        if let Some(why) = self.attend().await {
            if self.watchman.tell(&heard.chat)
                && let Err(cause) = self.say(&heard, &replies::stopped(&why)).await
            {
                tracing::warn!(%cause, "could not say that nothing is done for now");
            }
            return;
        }
        if let Err(cause) = self.line(&heard).await {
            tracing::error!(%cause, chat = %heard.chat, "could not answer");
        }
    }

    async fn line(&self, heard: &Heard) -> Result<(), ChannelError> {
        match self.cases.hear(heard, &self.answers, self.clock.now()) {
            Judged::Nothing => {}
            Judged::Yes(assent, row) => {
                self.withdraw(assent.asked(), &heard.chat);
                if row.chat == heard.chat {
                    return self.released(*assent, row).await;
                }
                self.later(|desk| desk.released_by_approver(*assent, row));
                return self.say(heard, &replies::thank_you()).await;
            }
            Judged::Over(over, row) => {
                self.withdraw(&over.asked, &heard.chat);
                let why = over.why.clone();
                if row.chat != heard.chat {
                    self.later(|desk| desk.given_up_elsewhere(*over, row));
                    if matches!(why, Declined::No(_)) {
                        return self.say(heard, &replies::approval_refused()).await;
                    }
                } else {
                    self.give_up(*over, row).await?;
                    if matches!(why, Declined::No(_)) {
                        return Ok(());
                    }
                }
            }
            Judged::More(request) => return self.more(heard, request).await,
            Judged::Waits(why) => {
                let answer = self.answers.read(&heard.text);
                let answers = matches!(answer, Answer::Yes | Answer::No);
                match why {
                    Ignored::Edited => {
                        return self.say(heard, &replies::edited_does_not_count()).await;
                    }
                    Ignored::RefersElsewhere if answers => {
                        return self.say_beside(heard, &replies::refers_elsewhere()).await;
                    }
                    Ignored::MustBeTyped => {
                        return self.say_beside(heard, &replies::must_be_typed()).await;
                    }
                    Ignored::Twice if answers => {
                        return self.say(heard, &replies::still_with_approvers()).await;
                    }
                    Ignored::RefersElsewhere
                    | Ignored::Twice
                    | Ignored::OtherChat
                    | Ignored::SomebodyElse
                    | Ignored::TooOld
                    | Ignored::NeitherYesNorNo => {}
                }
            }
        }
        self.understand(heard).await
    }

    async fn understand(&self, heard: &Heard) -> Result<(), ChannelError> {
        let now = self.clock.now();
        match self.understanding.understand(heard, now, &*self.entropy).await {
            Ok(Understood::Propose(proposal)) => match self.cases.at(&heard.chat) {
                Some(open) if proposal.mode == Mode::Ask && changes_something(&proposal) => {
                    self.say(heard, &replies::one_at_a_time(&open)).await
                }
                Some(_) => {
                    self.propose(proposal).await?;
                    self.prompt_again(&heard.chat).await
                }
                None => self.propose(proposal).await,
            },
            Ok(Understood::Undo) => match self.cases.at(&heard.chat) {
                Some(open) => self.say(heard, &replies::one_at_a_time(&open)).await,
                None => self.undo(heard).await,
            },
            Ok(Understood::Say(words)) => self.say_beside(heard, &words).await,
            Ok(Understood::HandOver { words, context }) => {
                self.hand_over(heard, &context);
                self.say_beside(heard, &words).await
            }
            Ok(Understood::Cancel) => self.cancel(heard).await,
            Err(cause) => {
                tracing::warn!(%cause, "could not understand");
                self.say(heard, &replies::directory_silent()).await
            }
        }
    }

    /// Answers what only reads, then plans what changes something: one plan for one message.
    pub(super) async fn propose(&self, mut proposal: Proposal) -> Result<(), ChannelError> {
        let reads = |action: &Action| action.tool().effect() == Effect::Read;
        let (reads, changes): (Vec<_>, Vec<_>) =
            std::mem::take(&mut proposal.actions).into_iter().partition(reads);
        for action in reads {
            self.answer(&proposal, &action).await?;
        }
        if changes.is_empty() {
            return Ok(());
        }
        proposal.actions = changes;
        let (gate, now) = (self.gate(), self.clock.now());
        let requester = proposal.heard.from.user;
        let planned = match gate.plan(&proposal.actions, requester, now).await {
            // Better said now than after the requester's yes.
            Ok(plan) if plan.approval.approvers() > 0 => {
                gate.approvers(&plan, requester, now).await.map(|_| plan)
            }
            planned => planned,
        };
        match (planned, proposal.mode) {
            (Ok(plan), Mode::Ask) => self.show(proposal, plan).await,
            (Ok(plan), Mode::DryRun) => self.show_only(&proposal, &plan).await,
            (Err(refusal), _) => self.refuse(&proposal, &refusal).await,
        }
    }

    async fn answer(&self, proposal: &Proposal, action: &Action) -> Result<(), ChannelError> {
        let (gate, requester) = (self.gate(), proposal.heard.from.user);
        if !gate.offered().tools.contains(&action.tool()) {
            return self.say(&proposal.heard, &replies::not_offered(action.tool())).await;
        }
        let may = gate.may_read(action, requester, self.clock.now()).await;
        let words = match may {
            Ok(()) => self.cards.card(action).await,
            Err(refusal) => Err(refusal),
        };
        match words {
            Ok(words) => self.say(&proposal.heard, &words).await,
            Err(refusal) => {
                let only = Proposal { actions: vec![action.clone()], ..proposal.clone() };
                self.refuse(&only, &refusal).await
            }
        }
    }

    /// Posts the prompt; from then on the request waits.
    async fn show(&self, proposal: Proposal, plan: Plan) -> Result<(), ChannelError> {
        let now = self.clock.now();
        let held_back = {
            let mut restraint = self.restraint.lock().unwrap_or_else(PoisonError::into_inner);
            restraint.show(proposal.heard.from.user, &plan, now).err()
        };
        if let Some(why) = held_back {
            return self.hold_back(&proposal, why).await;
        }
        let mut row = RequestRow {
            request: proposal.request,
            chat: proposal.heard.chat.clone(),
            requester: proposal.heard.from.user,
            asked_by: proposal.heard.message,
            prompt: None,
            reply: None,
            stage: Stage::Asked,
            updated: now,
        };
        self.save(&row).await;
        let words = prompt(&plan, &self.answers);
        let asking = question(words, &plan, &self.answers);
        let posted = self.channel.ask(&row.chat, &asking).await?;
        self.understanding.said(&proposal.heard, &asking.words, self.clock.now());
        row.prompt = Some(posted);
        self.save(&row).await;
        let waiting = Waiting::ask(proposal, plan, posted, self.clock.now());
        let case = Case { waiting, row };
        if !self.record_shown(shown(&case.waiting, false)).await {
            self.settle(case.row).await;
            return self
                .channel
                .post(&case.waiting.proposal().heard.chat, &replies::no_record())
                .await
                .map(drop);
        }
        self.cases.open(case);
        Ok(())
    }

    /// Shows what would happen; nothing waits.
    async fn show_only(&self, proposal: &Proposal, plan: &Plan) -> Result<(), ChannelError> {
        let words = dry_run(plan);
        let posted = self.channel.post(&proposal.heard.chat, &words).await?;
        self.understanding.said(&proposal.heard, &words, self.clock.now());
        let waiting = Waiting::ask(proposal.clone(), plan.clone(), posted, self.clock.now());
        self.record_shown(shown(&waiting, true)).await;
        Ok(())
    }

    async fn cancel(&self, heard: &Heard) -> Result<(), ChannelError> {
        let Some(Case { waiting, row }) = self.cases.take_at(&heard.chat) else {
            return self.say(heard, &replies::nothing_open()).await;
        };
        let over = waiting.end(Declined::No(heard.from.user));
        self.withdraw(&over.asked, &heard.chat);
        self.give_up(over, row).await
    }

    fn hand_over(&self, heard: &Heard, context: &str) {
        let Some(human) = self.human.filter(|human| *human != heard.from.user) else { return };
        let words = replies::handed_over(&heard.from.display_name, context);
        self.later(|desk| async move {
            let told = match desk.channel.direct(human).await {
                // What a stranger wrote must not stand below the human's own open prompt.
                Ok(chat) => {
                    let lane = desk.lane(&chat);
                    let _turn = lane.lock().await;
                    match desk.channel.post(&chat, &words).await {
                        Ok(_) => desk.prompt_again(&chat).await,
                        Err(cause) => Err(cause),
                    }
                }
                Err(cause) => Err(cause),
            };
            if let Err(cause) = told {
                tracing::error!(%cause, "the human contact could not be told");
            }
        });
    }

    /// Forgets what is only kept to go on after a restart. Called every few hours.
    pub(super) async fn forget(&self) {
        let now = self.clock.now();
        let before = now.saturating_sub(KEPT).unwrap_or(now);
        if let Err(cause) = self.notes.forget_before(before).await {
            tracing::warn!(%cause, "old state could not be forgotten");
        }
    }

    /// Lets go of every prompt whose time is over. Called every few seconds.
    pub(super) async fn sweep(&self) {
        for (request, chat) in self.cases.late(self.clock.now()) {
            let lane = self.lane(&chat);
            // Somebody is being served there: their message ends the prompt.
            let Ok(_turn) = lane.try_lock() else { continue };
            let Some(Case { waiting, row }) = self.cases.take(request) else { continue };
            let over = waiting.end(Declined::Expired);
            self.withdraw(&over.asked, &chat);
            if let Err(cause) = self.give_up(over, row).await {
                tracing::warn!(%cause, "could not say that a prompt expired");
            }
            self.next_here(&chat).await;
        }
    }

    /// Says something while a prompt may be open.
    pub(super) async fn say_beside(
        &self,
        heard: &Heard,
        words: &Words,
    ) -> Result<(), ChannelError> {
        self.say(heard, words).await?;
        self.prompt_again(&heard.chat).await
    }

    /// Shows an open prompt again below what was said since, so that a yes can only mean what
    /// stands last.
    pub(super) async fn prompt_again(&self, chat: &ChatId) -> Result<(), ChannelError> {
        let Some(open) = self.cases.at(chat) else { return Ok(()) };
        if !open.of_requester {
            return self.show_to_approver(chat, &open).await;
        }
        if open.with_approvers {
            return Ok(());
        }
        let words = prompt(&open.plan, &self.answers);
        let asking = question(words, &open.plan, &self.answers);
        let posted = self.channel.ask(chat, &asking).await?;
        // Not on record, it does not count: only the prompt before it does.
        if self.record_shown_again(&open, posted).await
            && let Some(row) = self.cases.shown_again(open.request, posted)
        {
            self.save(&row).await;
        }
        Ok(())
    }

    pub(super) async fn say(&self, heard: &Heard, words: &Words) -> Result<(), ChannelError> {
        self.channel.post(&heard.chat, words).await.map(drop)
    }

    pub(super) async fn settle(&self, mut row: RequestRow) {
        row.stage = Stage::Settled;
        self.save(&row).await;
    }

    /// The row helps after a restart; the evidence does not depend on it.
    pub(super) async fn save(&self, row: &RequestRow) {
        if let Err(cause) = self.notes.save_request(row).await {
            tracing::error!(%cause, request = %row.request, "could not note a request's stage");
        }
    }
}

/// Where and by whom a request was made, as the record says it.
pub(super) fn asked(proposal: &Proposal) -> subtwin_primitives::Asked {
    let by = &proposal.heard.from;
    subtwin_primitives::Asked {
        chat: proposal.heard.chat.clone(),
        message: proposal.heard.message,
        by: subtwin_primitives::Requester {
            tenant: by.tenant,
            user: by.user,
            display_name: by.display_name.clone(),
            upn: None,
        },
    }
}

/// That a plan was shown to its requester, as the record says it.
fn shown(waiting: &Waiting, dry_run: bool) -> Proposed {
    let (proposal, plan) = (waiting.proposal(), waiting.plan());
    Proposed {
        request: proposal.request,
        asked: asked(proposal),
        shown_to: proposal.heard.from.user,
        shown_in: proposal.heard.chat.clone(),
        prompt: waiting.prompt(),
        actions: plan.asked.clone(),
        plan_digest: plan.digest(),
        approval: plan.approval,
        expires_at: waiting.expires_at(),
        dry_run,
    }
}

fn changes_something(proposal: &Proposal) -> bool {
    proposal.actions.iter().any(|action| action.tool().effect() == Effect::Write)
}

/// What somebody reads when there is no plan.
pub(super) fn refused(refusal: &Refusal) -> Words {
    match refusal {
        Refusal::AlreadySo(why) => Words::plain(why.clone()),
        Refusal::Impossible { reason, .. } => Words::plain(reason.clone()),
        Refusal::NotAllowed { .. } => Words::plain(subtwin_confirm::NOT_ALLOWED),
        _ => replies::directory_silent(),
    }
}

/// How long handled messages and settled requests are kept. The evidence is another thing.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
