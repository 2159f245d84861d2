//! One message, one straight line: hear, understand, confirm, act, record, reply.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use subtwin_act::Hands;
use subtwin_confirm::{
    Answer, Assent, Confirmed, Declined, Ignored, Over, Planner, Refusal, Verdict, Waiting, prompt,
};
use subtwin_hear::{Channel, ChannelError, Handler, Heard};
use subtwin_kernel::{ChatId, Clock, Effect, Entropy, Plan, Tool, UserId, Words};
use subtwin_primitives::{Asked, Decline, Declined as OnRecord, Requester};
use subtwin_record::{Facts, Log};
use subtwin_store::{RequestRow, Stage, Store};
use subtwin_teams::Presence;
use subtwin_understand::{Directory, Proposal, Understanding, Understood};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::cards::Cards;
use super::replies;
use super::watch::{Followed, Watch};

/// Everything one conversation needs, and the prompts that are open.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(super) channel: Arc<dyn Channel>,
    pub(super) understanding: Understanding,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) planner: Arc<dyn Planner>,
    pub(super) cards: Arc<dyn Cards>,
    pub(super) hands: Arc<dyn Hands>,
    pub(super) log: Log,
    pub(super) store: Store,
    /// The directory of the evidence, to read back from.
    pub(super) evidence: PathBuf,
    /// Who the twin is, as the record says it.
    pub(super) twin: subtwin_primitives::Twin,
    pub(super) presence: Arc<Presence>,
    pub(super) watch: Watch,
    pub(super) tools: Vec<Tool>,
    /// The person who takes over what the twin cannot do.
    pub(super) human: Option<UserId>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) open: Mutex<HashMap<ChatId, Open>>,
    pub(super) lanes: Mutex<HashMap<ChatId, Arc<tokio::sync::Mutex<()>>>>,
}

/// A prompt that waits for its answer, and what comes after it.
#[derive(Debug)]
pub(super) struct Open {
    waiting: Waiting,
    row: RequestRow,
    next: VecDeque<Proposal>,
}

#[async_trait]
impl Handler for Desk {
    async fn handle(&self, heard: Heard) {
        let lane = self.lane(&heard.chat);
        let _turn = lane.lock().await;
        self.serve(heard).await;
    }
}

impl Desk {
    /// The turn in one conversation. Whoever reads or answers there holds it, so that a prompt is
    /// never overtaken: the intake, and what goes on after a restart.
    pub(super) fn lane(&self, chat: &ChatId) -> Arc<tokio::sync::Mutex<()>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        Arc::clone(lanes.entry(chat.clone()).or_default())
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
        if let Err(cause) = self.line(&heard).await {
            tracing::error!(%cause, chat = %heard.chat, "could not answer");
        }
    }

    async fn line(&self, heard: &Heard) -> Result<(), ChannelError> {
        let now = self.clock.now();
        if let Some(Open { waiting, row, next }) = self.take_open(&heard.chat) {
            match waiting.hear(heard, now) {
                Verdict::Yes(assent) => return self.released(heard, assent, row, next).await,
                Verdict::Over(over) => {
                    let why = over.why;
                    self.give_up(*over, row).await?;
                    if why == Declined::No {
                        return self.propose(next).await;
                    }
                }
                Verdict::Wait(waiting, why) => {
                    self.put_open(Open { waiting, row, next });
                    let answers = subtwin_confirm::read(&heard.text) != Answer::Other;
                    if why == Ignored::Edited {
                        return self.say(heard, &replies::edited_does_not_count()).await;
                    }
                    if why == Ignored::RefersElsewhere && answers {
                        return self.say_beside(heard, &replies::refers_elsewhere()).await;
                    }
                }
            }
        }
        self.understand(heard).await
    }

    async fn understand(&self, heard: &Heard) -> Result<(), ChannelError> {
        let now = self.clock.now();
        match self.understanding.understand(heard, now, &*self.entropy).await {
            Ok(Understood::Propose(proposals)) => match self.open_headline(&heard.chat) {
                Some(headline) if proposals.iter().any(changes_something) => {
                    self.say(heard, &replies::one_at_a_time(&headline)).await
                }
                Some(_) => {
                    self.propose(proposals.into()).await?;
                    self.prompt_again(&heard.chat).await
                }
                None => self.propose(proposals.into()).await,
            },
            Ok(Understood::Say(words)) => self.say_beside(heard, &words).await,
            Ok(Understood::HandOver { words, context }) => {
                self.hand_over(heard, &context).await;
                self.say_beside(heard, &words).await
            }
            Ok(Understood::Cancel) => self.cancel(heard).await,
            Err(cause) => {
                tracing::warn!(%cause, "could not understand");
                self.say(heard, &replies::directory_silent()).await
            }
        }
    }

    /// Takes proposals in order until one of them waits for an answer.
    async fn propose(&self, mut proposals: VecDeque<Proposal>) -> Result<(), ChannelError> {
        while let Some(proposal) = proposals.pop_front() {
            let tool = proposal.action.tool();
            if !self.tools.contains(&tool) {
                self.say(&proposal.heard, &replies::not_offered(tool)).await?;
                continue;
            }
            if tool.effect() == Effect::Read {
                let asker = proposal.heard.from.user;
                let words = match self.cards.card(&proposal.action, asker).await {
                    Ok(words) => words,
                    Err(refusal) => refused(&refusal),
                };
                self.say(&proposal.heard, &words).await?;
                continue;
            }
            match self.planner.plan(&proposal.action, proposal.heard.from.user).await {
                Ok(plan) => return self.show(proposal, plan, proposals).await,
                Err(refusal) => self.refuse(&proposal, &refusal).await?,
            }
        }
        Ok(())
    }

    /// Posts the prompt; from then on the request waits.
    async fn show(
        &self,
        proposal: Proposal,
        plan: Plan,
        next: VecDeque<Proposal>,
    ) -> Result<(), ChannelError> {
        let mut row = RequestRow {
            request: proposal.request,
            chat: proposal.heard.chat.clone(),
            requester: proposal.heard.from.user,
            asked_by: proposal.heard.message,
            prompt: None,
            reply: None,
            stage: Stage::Asked,
            updated: self.clock.now(),
        };
        self.save(&row).await;
        let words = prompt(&plan);
        let posted = self.channel.post(&row.chat, &words).await?;
        self.understanding.said(&proposal.heard, &words, self.clock.now());
        row.prompt = Some(posted);
        self.save(&row).await;
        let waiting = Waiting::ask(proposal, plan, posted, self.clock.now());
        self.put_open(Open { waiting, row, next });
        Ok(())
    }

    /// After a yes that counts: look again, then act, record, reply.
    async fn released(
        &self,
        yes: &Heard,
        assent: Assent,
        row: RequestRow,
        next: VecDeque<Proposal>,
    ) -> Result<(), ChannelError> {
        let proposal = assent.proposal().clone();
        let (unchanged, stands, fresh, requester) = tokio::join!(
            self.channel.is_unchanged(&row.chat, assent.prompt()),
            self.channel.still_says(yes),
            self.planner.plan(&proposal.action, row.requester),
            self.directory.person(row.requester),
        );
        let fresh = match fresh {
            Ok(fresh) => fresh,
            Err(refusal) => {
                let over = assent.end(Declined::NoLongerPossible);
                let why = decline(&refusal)
                    .unwrap_or_else(|| Decline::Drift { detail: refusal.to_string() });
                self.record_decline(&over.proposal, Some(&over), why).await;
                self.settle(row).await;
                self.say(&over.proposal.heard, &refused(&refusal)).await?;
                return self.propose(next).await;
            }
        };
        let (Ok(unchanged), Ok(stands)) = (unchanged, stands) else {
            self.give_up(assent.end(Declined::NoLongerPossible), row).await?;
            return self.propose(next).await;
        };
        if !stands {
            self.give_up(assent.end(Declined::AnswerChanged), row).await?;
            return self.propose(next).await;
        }
        let confirmed = match assent.release(&fresh, unchanged) {
            Ok(confirmed) => confirmed,
            Err(over) => {
                let why = over.why;
                self.give_up(*over, row).await?;
                if why == Declined::Drifted {
                    let request = self.entropy.request_id(self.clock.now());
                    let again = Proposal { request, ..proposal };
                    return self.show(again, fresh, next).await;
                }
                return self.propose(next).await;
            }
        };
        let upn = requester.ok().flatten().map(|person| person.upn);
        self.act(confirmed, upn.as_deref(), row).await?;
        self.propose(next).await
    }

    async fn act(
        &self,
        confirmed: Confirmed,
        requester_upn: Option<&str>,
        mut row: RequestRow,
    ) -> Result<(), ChannelError> {
        let headline = confirmed.plan().summary.headline.clone();
        let action = confirmed.plan().action.clone();
        let facts = Facts { twin: &self.twin, requester_upn };
        let opened = match self.log.open_intent(confirmed, facts).await {
            Ok(opened) => opened,
            Err(cause) => {
                tracing::error!(%cause, "the record cannot be written; nothing is done");
                self.settle(row.clone()).await;
                return self.channel.post(&row.chat, &replies::no_record()).await.map(drop);
            }
        };
        row.stage = Stage::Acting;
        self.save(&row).await;
        let followed = Followed::new(&opened, action, headline);
        let _busy = self.presence.busy();
        let ended = CancellationToken::new();
        let acting = async {
            let result = subtwin_act::run(opened, &*self.hands, &*self.clock).await;
            ended.cancel();
            result
        };
        let announcing = async {
            if ended.run_until_cancelled(sleep(A_MOMENT)).await.is_some()
                && let Err(cause) = self.channel.post(&row.chat, &replies::on_it()).await
            {
                tracing::warn!(%cause, "could not say that it takes a while");
            }
        };
        let ((ticket, outcome), ()) = tokio::join!(acting, announcing);
        let receipt = match self.log.close(ticket, outcome.clone()).await {
            Ok(closed) => closed.receipt.to_string(),
            Err(cause) => {
                tracing::error!(%cause, "the outcome could not be recorded");
                "none: my record of the outcome could not be written".to_owned()
            }
        };
        let words = replies::result(&followed.headline, &outcome, &receipt);
        // Untold, the row stays as it is, and the next start tells it.
        row.reply = Some(self.channel.post(&row.chat, &words).await?);
        row.stage = Stage::Told;
        self.save(&row).await;
        self.watch.follow(row, followed, outcome, receipt);
        Ok(())
    }
}

/// The ways out without an action, and the bookkeeping.
impl Desk {
    /// A plan that was shown ends without being carried out.
    async fn give_up(&self, over: Over, row: RequestRow) -> Result<(), ChannelError> {
        let why = match over.why {
            Declined::No => Decline::SaidNo {},
            Declined::Expired => Decline::Expired {},
            Declined::PromptChanged => Decline::PromptChanged {},
            Declined::Drifted | Declined::AnswerChanged | Declined::NoLongerPossible => {
                Decline::Drift { detail: over.why.name().to_owned() }
            }
        };
        self.record_decline(&over.proposal, Some(&over), why).await;
        self.settle(row).await;
        let words = match over.why {
            Declined::No => replies::declined(&over.plan),
            Declined::Expired => replies::expired(&over.plan),
            Declined::Drifted => replies::drifted(),
            Declined::PromptChanged => replies::prompt_changed(),
            Declined::AnswerChanged => replies::answer_changed(),
            Declined::NoLongerPossible => replies::directory_silent(),
        };
        self.say(&over.proposal.heard, &words).await
    }

    /// There is no plan: say why, and put it on the record.
    async fn refuse(&self, proposal: &Proposal, refusal: &Refusal) -> Result<(), ChannelError> {
        if let Some(why) = decline(refusal) {
            self.record_decline(proposal, None, why).await;
        }
        self.say(&proposal.heard, &refused(refusal)).await
    }

    async fn cancel(&self, heard: &Heard) -> Result<(), ChannelError> {
        match self.take_open(&heard.chat) {
            Some(Open { waiting, row, .. }) => self.give_up(waiting.end(Declined::No), row).await,
            None => self.say(heard, &replies::nothing_open()).await,
        }
    }

    async fn hand_over(&self, heard: &Heard, context: &str) {
        let Some(human) = self.human.filter(|human| *human != heard.from.user) else { return };
        let words = replies::handed_over(&heard.from.display_name, context);
        let told = match self.channel.direct(human).await {
            // What a stranger wrote must not stand below the human's own open prompt.
            Ok(chat) => {
                let lane = self.lane(&chat);
                let _turn = lane.lock().await;
                match self.channel.post(&chat, &words).await {
                    Ok(_) => self.prompt_again(&chat).await,
                    Err(cause) => Err(cause),
                }
            }
            Err(cause) => Err(cause),
        };
        if let Err(cause) = told {
            tracing::error!(%cause, "the human contact could not be told");
        }
    }

    /// Forgets what is only kept to go on after a restart. Called every few hours.
    pub(super) async fn forget(&self) {
        let now = self.clock.now();
        let before = now.saturating_sub(KEPT).unwrap_or(now);
        let messages = self.store.forget_messages_before(before).await;
        let requests = self.store.forget_requests_before(before).await;
        if let Err(cause) = messages.and(requests) {
            tracing::warn!(%cause, "old state could not be forgotten");
        }
    }

    /// Lets go of every prompt whose time is over. Called every few seconds.
    pub(super) async fn sweep(&self) {
        let now = self.clock.now();
        let late: Vec<ChatId> = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.iter()
                .filter(|(_, open)| open.waiting.is_expired(now))
                .map(|(chat, _)| chat.clone())
                .collect()
        };
        for chat in late {
            let lane = self.lane(&chat);
            // Somebody is being served there: their message ends the prompt.
            let Ok(_turn) = lane.try_lock() else { continue };
            let Some(open) = self.take_open(&chat) else { continue };
            if !open.waiting.is_expired(now) {
                self.put_open(open);
                continue;
            }
            let Open { waiting, row, .. } = open;
            if let Err(cause) = self.give_up(waiting.end(Declined::Expired), row).await {
                tracing::warn!(%cause, "could not say that a prompt expired");
            }
        }
    }

    /// Puts on the record that a request came to nothing.
    async fn record_decline(&self, proposal: &Proposal, shown: Option<&Over>, why: Decline) {
        let by = &proposal.heard.from;
        let declined = OnRecord {
            request: proposal.request,
            asked: Asked {
                chat: proposal.heard.chat.clone(),
                message: proposal.heard.message,
                by: Requester {
                    tenant: by.tenant,
                    user: by.user,
                    display_name: by.display_name.clone(),
                    upn: None,
                },
            },
            twin: self.twin.clone(),
            action: Some(proposal.action.clone()),
            prompt: shown.map(|over| over.prompt),
            answer: None,
            plan_digest: shown.map(|over| over.plan.digest()),
            why,
        };
        if let Err(cause) = self.log.declined(declined).await {
            tracing::error!(%cause, "a decline could not be recorded");
        }
    }

    /// Says something while a prompt may be open.
    async fn say_beside(&self, heard: &Heard, words: &Words) -> Result<(), ChannelError> {
        self.say(heard, words).await?;
        self.prompt_again(&heard.chat).await
    }

    /// Shows an open prompt again below what was said since, so that a yes can only mean what
    /// stands last.
    async fn prompt_again(&self, chat: &ChatId) -> Result<(), ChannelError> {
        let Some(Open { waiting, mut row, next }) = self.take_open(chat) else { return Ok(()) };
        let posted = match self.channel.post(chat, &prompt(waiting.plan())).await {
            Ok(posted) => posted,
            Err(cause) => {
                self.put_open(Open { waiting, row, next });
                return Err(cause);
            }
        };
        row.prompt = Some(posted);
        self.save(&row).await;
        self.put_open(Open { waiting: waiting.shown_again(posted), row, next });
        Ok(())
    }

    async fn say(&self, heard: &Heard, words: &Words) -> Result<(), ChannelError> {
        self.channel.post(&heard.chat, words).await.map(drop)
    }

    pub(super) async fn settle(&self, mut row: RequestRow) {
        row.stage = Stage::Settled;
        self.save(&row).await;
    }

    /// The row helps after a restart; the evidence does not depend on it.
    pub(super) async fn save(&self, row: &RequestRow) {
        if let Err(cause) = self.store.save_request(row).await {
            tracing::error!(%cause, request = %row.request, "could not note a request's stage");
        }
    }

    fn take_open(&self, chat: &ChatId) -> Option<Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(chat)
    }

    fn put_open(&self, open: Open) {
        let chat = open.row.chat.clone();
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(chat, open);
    }

    fn open_headline(&self, chat: &ChatId) -> Option<String> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(chat).map(|open| open.waiting.plan().summary.headline.clone())
    }
}

/// What somebody reads when there is no plan.
fn refused(refusal: &Refusal) -> Words {
    match refusal {
        Refusal::AlreadySo(why) => Words::plain(why.clone()),
        Refusal::Impossible { reason, .. } | Refusal::NotAllowed { reason } => {
            Words::plain(reason.clone())
        }
        _ => replies::directory_silent(),
    }
}

/// A refusal as the record says it; a directory that does not answer has decided nothing.
fn decline(refusal: &Refusal) -> Option<Decline> {
    match refusal {
        Refusal::AlreadySo(detail) => {
            Some(Decline::Refused { code: "already-so".to_owned(), detail: detail.clone() })
        }
        Refusal::Impossible { code, reason } => {
            Some(Decline::Refused { code: (*code).to_owned(), detail: reason.clone() })
        }
        Refusal::NotAllowed { reason } => Some(Decline::NotAllowed { detail: reason.clone() }),
        _ => None,
    }
}

fn changes_something(proposal: &Proposal) -> bool {
    proposal.action.tool().effect() == Effect::Write
}

/// How long handled messages and settled requests are kept. The evidence is another thing.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Work that takes longer than this is announced.
const A_MOMENT: Duration = Duration::from_millis(700);
