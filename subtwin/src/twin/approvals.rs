//! Yeses of people other than the requester, each in their own conversation.

use subtwin_confirm::{Asked, Assent, Over, Refusal, approval_prompt, question};
use subtwin_hear::{ChannelError, Heard};
use subtwin_kernel::names::shown;
use subtwin_kernel::{ChatId, RequestId, UserId};
use subtwin_store::RequestRow;

use super::cases::Standing;
use super::desk::Desk;
use super::replies;

/// Most approvers that are asked for one request; the first yes of as many as are needed counts.
const MOST_ASKED: usize = 5;

impl Desk {
    /// A yes that counts, and more are needed: the requester's own, or an approver's of several.
    pub(super) async fn more(&self, heard: &Heard, request: RequestId) -> Result<(), ChannelError> {
        let Some(open) = self.cases.of(request) else { return Ok(()) };
        if heard.from.user != open.requester {
            return self.say(heard, &replies::thank_you()).await;
        }
        let found = self.gate().approvers(&open.plan, open.requester, self.clock.now()).await;
        let approvers: Vec<UserId> = match found {
            Ok(found) => found.into_iter().take(MOST_ASKED).collect(),
            Err(refusal) => return self.nobody_to_ask(request, &refusal).await,
        };
        let mut names = Vec::new();
        for approver in &approvers {
            if let Ok(Some(person)) = self.directory.person(*approver).await {
                names.push(format!("{} ({})", person.display_name, person.upn));
            }
        }
        self.say(heard, &replies::asking_approvers(&names, open.plan.approval.approvers())).await?;
        for approver in approvers {
            self.later(|desk| async move { desk.ask_approver(request, approver).await });
        }
        Ok(())
    }

    /// There were approvers when the plan was shown, and now there are not.
    async fn nobody_to_ask(
        &self,
        request: RequestId,
        refusal: &Refusal,
    ) -> Result<(), ChannelError> {
        let Some(case) = self.cases.take(request) else { return Ok(()) };
        let over = case.waiting.end(subtwin_confirm::Declined::NoLongerPossible);
        self.not_any_more(over, case.row, refusal).await
    }

    /// Shows a plan to an approver, as soon as nothing else waits for an answer there.
    async fn ask_approver(&self, request: RequestId, approver: UserId) {
        let chat = match self.channel.direct(approver).await {
            Ok(chat) => chat,
            Err(cause) => {
                tracing::error!(%cause, "an approver cannot be reached");
                return;
            }
        };
        let lane = self.lane(&chat);
        let _turn = lane.lock().await;
        if !self.cases.is_free_for(&chat, request, approver) {
            return;
        }
        self.ask_here(&chat, request, approver).await;
    }

    /// Shows it; the caller holds the conversation's turn.
    async fn ask_here(&self, chat: &ChatId, request: RequestId, approver: UserId) {
        let Some(open) = self.cases.of(request) else { return };
        if let Err(cause) = self.show_here(chat, &open, approver).await {
            tracing::error!(%cause, "an approver could not be asked");
        }
    }

    /// Shows an approval again below what was said since.
    pub(super) async fn show_to_approver(
        &self,
        chat: &ChatId,
        open: &Standing,
    ) -> Result<(), ChannelError> {
        match self.cases.approver_at(chat) {
            Some(approver) => self.show_here(chat, open, approver).await,
            None => Ok(()),
        }
    }

    async fn show_here(
        &self,
        chat: &ChatId,
        open: &Standing,
        approver: UserId,
    ) -> Result<(), ChannelError> {
        let requester = match self.directory.person(open.requester).await {
            Ok(Some(person)) => format!("{} ({})", person.display_name, person.upn),
            Ok(None) | Err(_) => format!("{} ({})", shown(&open.requester_name), open.requester),
        };
        let words = approval_prompt(&open.plan, &requester, &self.answers);
        let asking = question(words, &open.plan, &self.answers);
        let prompt = self.channel.ask(chat, &asking).await?;
        let asked = Asked { approver, chat: chat.clone(), prompt };
        let recorded = self.record_shown_to(open, &asked).await;
        // Decided meanwhile, or not on record: nothing waits for an answer to this any more.
        if !recorded || !self.cases.shown_to(open.request, asked) {
            self.channel.edit(chat, prompt, &replies::withdrawn()).await?;
        }
        Ok(())
    }

    /// Shows the next approval that waited for this conversation, if that is free now. Whoever ends
    /// a turn in it does this last.
    pub(super) async fn next_here(&self, chat: &ChatId) {
        if let Some((request, approver)) = self.cases.next_for(chat) {
            self.ask_here(chat, request, approver).await;
        }
    }

    /// Tells approvers that their answer is not needed any more, except where it was just given.
    pub(super) fn withdraw(&self, asked: &[Asked], except: &ChatId) {
        for asked in asked.iter().filter(|asked| asked.chat != *except).cloned() {
            self.later(|desk| async move {
                let lane = desk.lane(&asked.chat);
                let _turn = lane.lock().await;
                let words = replies::withdrawn();
                let told = desk.channel.edit(&asked.chat, asked.prompt, &words).await;
                if let Err(cause) = told {
                    tracing::warn!(%cause, "an approval could not be withdrawn");
                }
                desk.next_here(&asked.chat).await;
            });
        }
    }

    /// The last yes came from an approver: go on in the requester's conversation.
    pub(super) async fn released_by_approver(
        self: std::sync::Arc<Self>,
        assent: Assent,
        row: RequestRow,
    ) {
        let lane = self.lane(&row.chat);
        let _turn = lane.lock().await;
        let chat = row.chat.clone();
        if let Err(cause) = self.released(assent, row).await {
            tracing::error!(%cause, "could not tell the requester");
        }
        self.next_here(&chat).await;
    }

    /// An approver ended it: say so in the requester's conversation.
    pub(super) async fn given_up_elsewhere(
        self: std::sync::Arc<Self>,
        over: Over,
        row: RequestRow,
    ) {
        let lane = self.lane(&row.chat);
        let _turn = lane.lock().await;
        let chat = row.chat.clone();
        if let Err(cause) = self.give_up(over, row).await {
            tracing::error!(%cause, "could not tell the requester");
        }
        self.next_here(&chat).await;
    }
}
