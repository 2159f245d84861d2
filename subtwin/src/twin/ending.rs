//! The ways out without an action, and what the record says about them.

use std::sync::PoisonError;

use subtwin_confirm::{Asked, Declined, Over, Refusal, Restrained};
use subtwin_hear::ChannelError;
use subtwin_kernel::{Action, MessageId, Touch, UserId};
use subtwin_primitives::{Decline, Declined as OnRecord, Proposed};
use subtwin_store::RequestRow;
use subtwin_understand::Proposal;

use super::cases::Standing;
use super::desk::{Desk, asked, refused};
use super::replies;

impl Desk {
    /// A plan that was shown ends without being carried out.
    pub(super) async fn give_up(&self, over: Over, row: RequestRow) -> Result<(), ChannelError> {
        let requester = over.proposal.heard.from.user;
        let why = match &over.why {
            Declined::No(by) => Decline::SaidNo { by: *by },
            Declined::ChangedMind(_) => Decline::ChangedMind {},
            Declined::Expired => Decline::Expired {},
            Declined::PromptChanged => Decline::PromptChanged {},
            Declined::AnswerChanged => Decline::AnswerChanged {},
            Declined::Drifted | Declined::NoLongerPossible => {
                Decline::Drift { detail: over.why.name().to_owned() }
            }
        };
        if let Declined::No(_) = over.why {
            let touches = over.plan.parts.iter().flat_map(|part| part.touches.clone());
            self.turned_down(requester, touches);
        }
        self.record_decline(&over.proposal, Some(&over), why).await;
        self.settle(row).await;
        let words = match &over.why {
            Declined::No(by) if *by == requester => replies::declined(&over.plan),
            Declined::No(_) => replies::approver_declined(&over.plan),
            Declined::ChangedMind(_) => replies::changed_mind(&over.plan),
            Declined::Expired => replies::expired(&over.plan),
            Declined::Drifted => replies::drifted(),
            Declined::PromptChanged => replies::prompt_changed(),
            Declined::AnswerChanged => replies::answer_changed(),
            Declined::NoLongerPossible => replies::directory_silent(),
        };
        self.say(&over.proposal.heard, &words).await
    }

    /// What was shown cannot or may not be done any more.
    pub(super) async fn not_any_more(
        &self,
        over: Over,
        row: RequestRow,
        refusal: &Refusal,
    ) -> Result<(), ChannelError> {
        let why =
            decline(refusal).unwrap_or_else(|| Decline::Drift { detail: refusal.to_string() });
        self.record_decline(&over.proposal, Some(&over), why).await;
        self.settle(row).await;
        self.say(&over.proposal.heard, &refused(refusal)).await
    }

    /// There is no plan: say why, and put it on the record.
    pub(super) async fn refuse(
        &self,
        proposal: &Proposal,
        refusal: &Refusal,
    ) -> Result<(), ChannelError> {
        if let Refusal::NotAllowed { .. } = refusal {
            let touches = proposal.actions.iter().flat_map(Action::touches);
            self.turned_down(proposal.heard.from.user, touches);
        }
        if let Some(why) = decline(refusal) {
            self.record_decline(proposal, None, why).await;
        }
        self.say(&proposal.heard, &refused(refusal)).await
    }

    /// The plan is not shown: the same was turned down a moment ago, or too much was asked.
    pub(super) async fn hold_back(
        &self,
        proposal: &Proposal,
        why: Restrained,
    ) -> Result<(), ChannelError> {
        let words = replies::held_back(why);
        let detail = words.to_text();
        self.record_decline(proposal, None, Decline::HeldBack { detail }).await;
        self.say(&proposal.heard, &words).await
    }

    fn turned_down(&self, requester: UserId, touches: impl IntoIterator<Item = Touch>) {
        let mut restraint = self.restraint.lock().unwrap_or_else(PoisonError::into_inner);
        restraint.turned_down(requester, touches, self.clock.now());
    }

    /// Puts on the record that a request came to nothing.
    pub(super) async fn record_decline(
        &self,
        proposal: &Proposal,
        shown: Option<&Over>,
        why: Decline,
    ) {
        let declined = OnRecord {
            request: proposal.request,
            asked: asked(proposal),
            twin: self.twin.clone(),
            actions: shown.map_or(&proposal.actions, |over| &over.plan.asked).clone(),
            prompt: shown.map(|over| over.prompt),
            answer: shown.and_then(|over| over.answer),
            plan_digest: shown.map(|over| over.plan.digest()),
            why,
        };
        if let Err(cause) = self.log.declined(declined).await {
            tracing::error!(%cause, "a decline could not be recorded");
        }
    }

    /// Puts on the record that a plan was shown; without that, no yes to it may count.
    pub(super) async fn record_shown(&self, shown: Proposed) -> bool {
        match self.log.proposed(shown).await {
            Ok(_) => true,
            Err(cause) => {
                tracing::error!(%cause, "that a plan was shown could not be recorded");
                false
            }
        }
    }

    pub(super) async fn record_shown_to(&self, open: &Standing, asked: &Asked) -> bool {
        self.record_shown(Proposed {
            request: open.request,
            asked: open.asked.clone(),
            shown_to: asked.approver,
            shown_in: asked.chat.clone(),
            prompt: asked.prompt,
            actions: open.plan.asked.clone(),
            plan_digest: open.plan.digest(),
            approval: open.plan.approval,
            expires_at: open.expires_at,
            dry_run: false,
        })
        .await
    }

    /// The requester was shown a plan once more.
    pub(super) async fn record_shown_again(&self, open: &Standing, prompt: MessageId) -> bool {
        let asked = Asked { approver: open.requester, chat: open.asked.chat.clone(), prompt };
        self.record_shown_to(open, &asked).await
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
        Refusal::NotAllowed { rules } => Some(Decline::NotAllowed {
            detail: subtwin_confirm::NOT_ALLOWED.to_owned(),
            rules: rules.clone(),
        }),
        _ => None,
    }
}
