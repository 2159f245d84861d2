use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use subtwin_kernel::{ChatId, UserId};

use crate::AgentId;

/// How far an agent came from its owner's token to an account of its own. Durable; every change of
/// it is put on the record.
///
/// ```text
/// signed out ─▶ delegated ─▶ provisioning ─▶ agent user ─▶ signed out
///                   ▲            │                │
///                   └── failed ◀─┘                ▼
///                                      suspended, failed: nobody
/// ```
///
/// There is no way back from an account of its own to its owner's token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Progress {
    /// Nobody has signed in.
    SignedOut {},
    /// It speaks with its owner's token.
    Delegated {
        /// The owner.
        owner: UserId,
        /// Since when.
        since: Timestamp,
        /// Why it has no account of its own although it was tried, with what helps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// The same, while its own account is being made.
    Provisioning {
        /// The owner.
        owner: UserId,
        /// Since when it is being made.
        since: Timestamp,
    },
    /// It speaks with its own account.
    AgentUser {
        /// The owner.
        owner: UserId,
        /// Who it is.
        agent: AgentId,
        /// Since when.
        since: Timestamp,
        /// Where the conversation with the owner goes on.
        chat: ChatId,
        /// Until when the old conversation is still listened to with the owner's token. Nothing is
        /// said there any more.
        hears_until: Option<Timestamp>,
    },
    /// Somebody stopped it.
    Suspended {
        /// What it was.
        was: Box<Progress>,
        /// Since when.
        since: Timestamp,
        /// Why.
        why: String,
    },
    /// Its own account does not work any more.
    Failed {
        /// The owner.
        owner: UserId,
        /// Who it was.
        agent: AgentId,
        /// Since when.
        since: Timestamp,
        /// Why, with what helps.
        why: String,
        /// Where the conversation with the owner was.
        chat: ChatId,
    },
}

/// As whom it may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActsAs {
    /// As nobody: nothing is sent.
    Nobody,
    /// With its owner's token.
    Owner(UserId),
    /// With its own account.
    Agent(AgentId),
}

/// A change that does not lead anywhere from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an agent that is {from} cannot become {to}")]
pub struct WrongStage {
    /// What it is.
    pub from: &'static str,
    /// What it was to become.
    pub to: &'static str,
}

impl Progress {
    /// Its stage, as the record and people call it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SignedOut {} => "signed out",
            Self::Delegated { .. } => "delegated",
            Self::Provisioning { .. } => "provisioning",
            Self::AgentUser { .. } => "agent user",
            Self::Suspended { .. } => "suspended",
            Self::Failed { .. } => "failed",
        }
    }

    /// As whom it may act now.
    #[must_use]
    pub const fn acts_as(&self) -> ActsAs {
        match self {
            Self::SignedOut {} | Self::Suspended { .. } | Self::Failed { .. } => ActsAs::Nobody,
            Self::Delegated { owner, .. } | Self::Provisioning { owner, .. } => {
                ActsAs::Owner(*owner)
            }
            Self::AgentUser { agent, .. } => ActsAs::Agent(*agent),
        }
    }

    /// As whom it would act if nothing kept it from acting.
    #[must_use]
    pub fn would_act_as(&self) -> ActsAs {
        match self {
            Self::Suspended { was, .. } => was.would_act_as(),
            Self::Failed { agent, .. } => ActsAs::Agent(*agent),
            other => other.acts_as(),
        }
    }

    /// Whose agent it is.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        match self {
            Self::SignedOut {} => None,
            Self::Delegated { owner, .. }
            | Self::Provisioning { owner, .. }
            | Self::AgentUser { owner, .. }
            | Self::Failed { owner, .. } => Some(*owner),
            Self::Suspended { was, .. } => was.owner(),
        }
    }

    /// Its owner has signed in.
    ///
    /// # Errors
    /// When it has an account of its own, or belongs to somebody else.
    pub fn signed_in(self, by: UserId, now: Timestamp) -> Result<Self, WrongStage> {
        match self {
            Self::SignedOut {} => Ok(Self::Delegated { owner: by, since: now, failed: None }),
            Self::Delegated { owner, .. } | Self::Provisioning { owner, .. } if owner == by => {
                Ok(self)
            }
            other => Err(other.not("delegated")),
        }
    }

    /// Its own account is being made from now on.
    ///
    /// # Errors
    /// When it has one, or nobody has signed in.
    pub fn provisioning(self, now: Timestamp) -> Result<Self, WrongStage> {
        match self {
            Self::Delegated { owner, .. } => Ok(Self::Provisioning { owner, since: now }),
            Self::Provisioning { .. } => Ok(self),
            other => Err(other.not("provisioning")),
        }
    }

    /// Its own account could not be made, for now: it goes on with its owner's token.
    ///
    /// # Errors
    /// When none is being made.
    pub fn not_provisioned(self, why: String, now: Timestamp) -> Result<Self, WrongStage> {
        match self {
            Self::Provisioning { owner, .. } => {
                Ok(Self::Delegated { owner, since: now, failed: Some(why) })
            }
            other => Err(other.not("delegated again")),
        }
    }

    /// The swap: from its owner's token to its own account.
    ///
    /// # Errors
    /// When no account was being made.
    pub fn swapped(
        self,
        agent: AgentId,
        chat: ChatId,
        now: Timestamp,
        hears_until: Timestamp,
    ) -> Result<Self, WrongStage> {
        match self {
            Self::Provisioning { owner, .. } => Ok(Self::AgentUser {
                owner,
                agent,
                since: now,
                chat,
                hears_until: Some(hears_until),
            }),
            other => Err(other.not("agent user")),
        }
    }

    /// The old conversation is not listened to any more; the owner's token is forgotten.
    ///
    /// # Errors
    /// When it has no account of its own.
    pub fn alone(self) -> Result<Self, WrongStage> {
        match self {
            Self::AgentUser { owner, agent, since, chat, hears_until: _ } => {
                Ok(Self::AgentUser { owner, agent, since, chat, hears_until: None })
            }
            other => Err(other.not("agent user without its owner's token")),
        }
    }

    /// Somebody stops it, whatever it does.
    ///
    /// # Errors
    /// When there is nothing to stop.
    pub fn suspended(self, why: String, now: Timestamp) -> Result<Self, WrongStage> {
        match self {
            Self::SignedOut {} | Self::Suspended { .. } => Err(self.not("suspended")),
            was => Ok(Self::Suspended { was: Box::new(was), since: now, why }),
        }
    }

    /// Somebody lets it go on as what it was.
    ///
    /// # Errors
    /// When nobody stopped it.
    pub fn resumed(self) -> Result<Self, WrongStage> {
        match self {
            Self::Suspended { was, .. } => Ok(*was),
            other => Err(other.not("resumed")),
        }
    }

    /// Its own account does not work any more. Nothing is sent as anybody.
    ///
    /// # Errors
    /// When it has none.
    pub fn failed(self, why: String, now: Timestamp) -> Result<Self, WrongStage> {
        match self {
            Self::AgentUser { owner, agent, chat, .. } => {
                Ok(Self::Failed { owner, agent, since: now, why, chat })
            }
            other => Err(other.not("failed")),
        }
    }

    /// Its last day: nothing is left of it but what it did.
    ///
    /// # Errors
    /// When it never was anybody.
    pub fn ended(self) -> Result<Self, WrongStage> {
        match self {
            Self::SignedOut {} => Err(self.not("signed out")),
            _ => Ok(Self::SignedOut {}),
        }
    }

    /// Its account works again.
    ///
    /// # Errors
    /// When it had not failed.
    pub fn mended(self, now: Timestamp) -> Result<Self, WrongStage> {
        match self {
            Self::Failed { owner, agent, chat, .. } => {
                Ok(Self::AgentUser { owner, agent, since: now, chat, hears_until: None })
            }
            other => Err(other.not("agent user")),
        }
    }

    const fn not(&self, to: &'static str) -> WrongStage {
        WrongStage { from: self.name(), to }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delegated { failed: Some(why), .. } => {
                write!(f, "delegated, without an account of its own: {why}")
            }
            Self::Suspended { was, why, .. } => write!(f, "suspended ({}): {why}", was.name()),
            Self::Failed { why, .. } => write!(f, "failed: {why}"),
            other => f.write_str(other.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn user(n: u128) -> UserId {
        UserId::new(uuid::Uuid::from_u128(n))
    }

    fn agent() -> AgentId {
        AgentId { identity: subtwin_kernel::AppId::new(uuid::Uuid::from_u128(8)), user: user(9) }
    }

    fn chat() -> ChatId {
        ChatId::parse("19:new@unq.gbl.spaces").unwrap()
    }

    fn every() -> Vec<Progress> {
        let out = Progress::SignedOut {};
        let delegated = out.clone().signed_in(user(1), NOW).unwrap();
        let making = delegated.clone().provisioning(NOW).unwrap();
        let own = making.clone().swapped(agent(), chat(), NOW, NOW).unwrap();
        let stopped = own.clone().suspended("asked to".to_owned(), NOW).unwrap();
        let failed = own.clone().failed("it is disabled".to_owned(), NOW).unwrap();
        vec![out, delegated, making, own, stopped, failed]
    }

    #[test]
    fn there_is_no_way_from_its_own_account_to_its_owners_token() {
        let mut reached = every();
        reached.retain(|it| !matches!(it.acts_as(), ActsAs::Owner(_)));
        reached.retain(|it| !matches!(it, Progress::SignedOut {}));
        // Whatever is done to them, however often, they never act as their owner.
        for _ in 0..4 {
            let mut next = Vec::new();
            for one in &reached {
                let one = || one.clone();
                let tried = [
                    one().signed_in(user(1), NOW),
                    one().provisioning(NOW),
                    one().not_provisioned("no".to_owned(), NOW),
                    one().swapped(agent(), chat(), NOW, NOW),
                    one().alone(),
                    one().suspended("x".to_owned(), NOW),
                    one().resumed(),
                    one().failed("y".to_owned(), NOW),
                    one().mended(NOW),
                ];
                next.extend(tried.into_iter().flatten());
            }
            for one in &next {
                assert!(!matches!(one.acts_as(), ActsAs::Owner(_)), "{one}");
            }
            reached.extend(next);
        }
    }

    #[test]
    fn only_one_who_signed_in_and_was_provisioned_swaps() {
        for one in every() {
            let name = one.name();
            let swaps = one.swapped(agent(), chat(), NOW, NOW).is_ok();
            assert_eq!(swaps, name == "provisioning", "{name}");
        }
    }

    #[test]
    fn somebody_elses_sign_in_does_not_take_it_over() {
        let ours = Progress::SignedOut {}.signed_in(user(1), NOW).unwrap();
        let error = ours.signed_in(user(2), NOW).unwrap_err();
        assert_eq!(error.to_string(), "an agent that is delegated cannot become delegated");
    }

    #[test]
    fn it_reads_back_as_it_was_kept() {
        for one in every() {
            let text = serde_json::to_string(&one).unwrap();
            assert_eq!(serde_json::from_str::<Progress>(&text).unwrap(), one, "{text}");
        }
    }
}
