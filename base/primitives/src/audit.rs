use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subtwin_kernel::{
    Action, AppId, Approval, ChatId, Digest, MessageId, Outcome, Plan, PrincipalKind, RequestId,
    TenantEntry, TenantId, Tool, TwinId, UserId,
};
use uuid::Uuid;

use crate::EventKind;

/// The version of this shape. A reader refuses one it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ShapeVersion {
    /// The second: several changes, several yeses, and the rules they were made under.
    #[serde(rename = "subtwin.audit-record/2")]
    V2,
}

/// One thing that happened, as evidence. Holds no secret.
///
/// What belongs to one request carries its id; the intent tells who, what and by whose yes, and the
/// later events of that request only what they add.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditRecord {
    /// The version of this shape.
    pub schema: ShapeVersion,
    /// When it was put on the record.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A plan was shown; its answer is awaited.
    Proposed(Proposed),
    /// A confirmed plan is about to be carried out. On the record before the first call.
    Intent(Box<Intent>),
    /// How an intent ended.
    Outcome(OutcomeOf),
    /// What the tenant's own log says about an intent.
    Entry(Entry),
    /// A request came to nothing.
    Declined(Declined),
    /// The twin itself changed.
    Twin(TwinEvent),
    /// Records were erased; their leaves remain.
    Erased(Erased),
}

/// The person who asked, as the channel vouched for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requester {
    /// Their home directory.
    pub tenant: TenantId,
    /// Their object id there.
    pub user: UserId,
    /// What the channel showed as their name. Not an identity.
    pub display_name: String,
    /// `userPrincipalName`, where it was known.
    pub upn: Option<String>,
}

/// Where it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The conversation.
    pub chat: ChatId,
    /// The message that asked.
    pub message: MessageId,
    /// Who wrote it.
    pub by: Requester,
}

/// One yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The conversation in which it was asked for and given.
    pub chat: ChatId,
    /// The twin's message that showed the plan.
    pub prompt: MessageId,
    /// The message that said yes.
    pub answer: MessageId,
    /// Who wrote it.
    pub by: UserId,
    /// Whether it is the target's name, typed, and not only a word of assent.
    pub typed: bool,
    /// When it was read.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// Which twin, acting as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Twin {
    /// The directory it works in.
    pub tenant: TenantId,
    /// Its own directory object; none while it acts with a person's token.
    pub id: Option<TwinId>,
    /// Its display name.
    pub name: String,
    /// Its `userPrincipalName`.
    pub upn: Option<String>,
    /// Which kind of principal it acts as.
    pub acts_as: PrincipalKind,
    /// Whose token it acts with, while it has no identity of its own.
    pub token_of: Option<UserId>,
    /// The app registration its tokens are issued to.
    pub app: AppId,
}

/// A plan was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposed {
    /// The request.
    pub request: RequestId,
    /// Where and by whom it was asked.
    pub asked: Asked,
    /// Whom it was shown to: the requester, or an approver.
    pub shown_to: UserId,
    /// The conversation in which it was shown.
    pub shown_in: ChatId,
    /// The twin's message that showed it.
    pub prompt: MessageId,
    /// What it would do.
    pub actions: Vec<Action>,
    /// The digest of the plan that was shown.
    pub plan_digest: Digest,
    /// Who must say yes.
    pub approval: Approval,
    /// Until when the person it was shown to may answer.
    #[schemars(with = "String")]
    pub expires_at: Timestamp,
    /// Only shown: nothing waits for a yes.
    pub dry_run: bool,
}

/// A confirmed plan is about to be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The request.
    pub request: RequestId,
    /// Where and by whom it was asked.
    pub asked: Asked,
    /// The yeses to exactly this plan: the requester's first, then those of the approvers.
    #[serde(deserialize_with = "at_least_one")]
    #[schemars(length(min = 1))]
    pub confirmations: Vec<Confirmation>,
    /// Who carries it out.
    pub twin: Twin,
    /// The tools, each once.
    pub tools: Vec<Tool>,
    /// The exact requests, and what the person was shown.
    pub plan: Plan,
    /// SHA-256 over the plan's JSON as it stands here.
    pub plan_digest: Digest,
    /// What the call of each part carries as `client-request-id`, in the plan's order.
    #[schemars(with = "Vec<String>")]
    pub client_request_ids: Vec<Uuid>,
}

/// An intent without a yes is none.
fn at_least_one<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Confirmation>, D::Error> {
    let given = Vec::deserialize(deserializer)?;
    if given.is_empty() {
        return Err(serde::de::Error::invalid_length(0, &"at least one yes"));
    }
    Ok(given)
}

/// How an intent ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeOf {
    /// The request.
    pub request: RequestId,
    /// How each part ended, in the plan's order.
    pub outcomes: Vec<Outcome>,
    /// The parts, counted from 0, that came to a secret (a new password, an access pass). It is
    /// shown once to the requester and stands in no record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<usize>,
    /// Found out by looking at the directory after the twin was interrupted.
    pub after_restart: bool,
}

/// What the tenant's own log says about an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The request.
    pub request: RequestId,
    /// What was found about each part, in the plan's order.
    pub seen: Vec<Seen>,
}

/// What was found in the tenant's own log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case", deny_unknown_fields)]
pub enum Seen {
    /// The tenant wrote this about it.
    Matched {
        /// The entry.
        entry: TenantEntry,
    },
    /// Nothing yet, and we stopped looking.
    NotVisible {},
    /// The part was not done, so there is nothing to find.
    NotExpected {},
}

/// A request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Declined {
    /// The request.
    pub request: RequestId,
    /// Where and by whom it was asked.
    pub asked: Asked,
    /// The twin that declined.
    pub twin: Twin,
    /// What was asked for, as far as it was understood.
    pub actions: Vec<Action>,
    /// The twin's message that showed the plan, if one was shown.
    pub prompt: Option<MessageId>,
    /// The message that ended it, if one did.
    pub answer: Option<MessageId>,
    /// The digest of the plan that was shown, if one was.
    pub plan_digest: Option<Digest>,
    /// Why.
    pub why: Decline,
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decline {
    /// Somebody whose yes was needed said no.
    SaidNo {
        /// Who.
        by: UserId,
    },
    /// No answer in time.
    Expired {},
    /// The requester asked for something else instead.
    ChangedMind {},
    /// What was shown was no longer so when the yes came.
    Drift {
        /// What differs, in words.
        detail: String,
    },
    /// The twin's message was edited or deleted before the yes.
    PromptChanged {},
    /// A yes was edited or deleted before it was acted upon.
    AnswerChanged {},
    /// The twin was restarted before all yeses were there.
    Restarted {},
    /// The requester may not ask for it.
    NotAllowed {
        /// Why, as the requester was told.
        detail: String,
        /// The policies that forbid it, by id; none where nothing allows it.
        rules: Vec<String>,
    },
    /// The twin held back: the same was turned down a moment ago, or too much was asked.
    HeldBack {
        /// Why, as the requester was told.
        detail: String,
    },
    /// The directory's state is in the way.
    Refused {
        /// A stable name for the obstacle ("no-seats").
        code: String,
        /// What is in the way, as the requester was told.
        detail: String,
    },
}

/// The twin itself changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TwinEvent {
    /// The twin.
    pub twin: Twin,
    /// What changed.
    pub change: TwinChange,
}

/// What changed about a twin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum TwinChange {
    /// It started, with this catalog.
    Started {
        /// The program's version.
        version: String,
        /// The tools it was deployed with.
        catalog: Vec<Tool>,
        /// The digest of the catalog's manifest.
        catalog_digest: Digest,
        /// The digest of the policies.
        policy_digest: Digest,
    },
    /// It stopped in good order.
    Stopped {},
    /// Its catalog was replaced.
    Catalog {
        /// The tools it has from now on.
        catalog: Vec<Tool>,
        /// The digest of the catalog's manifest.
        catalog_digest: Digest,
    },
    /// Its policies were replaced.
    Policy {
        /// The digest of the policies.
        policy_digest: Digest,
    },
    /// It acts as somebody else from now on, or as nobody.
    Identity {
        /// What it was.
        from: String,
        /// What it is.
        to: String,
        /// Why, where there is more to say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

/// Records were erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Erased {
    /// Which leaves lost their records, ascending and apart.
    pub leaves: Vec<LeafRange>,
    /// What for.
    pub reason: ErasedFor,
}

/// Leaves `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeafRange {
    /// Index of the first.
    pub first: u64,
    /// Index of the last.
    pub last: u64,
}

/// What records were erased for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "for", rename_all = "snake_case", deny_unknown_fields)]
pub enum ErasedFor {
    /// Somebody asked to have everything about one request erased.
    Request {
        /// The request.
        request: RequestId,
    },
    /// They were older than the company keeps records.
    Retention {
        /// Everything put on the record before this.
        #[schemars(with = "String")]
        before: Timestamp,
    },
}

impl AuditRecord {
    /// A record of this version.
    #[must_use]
    pub const fn new(at: Timestamp, event: Event) -> Self {
        Self { schema: ShapeVersion::V2, at, event }
    }
}

impl Event {
    /// Its kind, which its leaf also shows.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Proposed(_) => EventKind::Proposed,
            Self::Intent(_) => EventKind::Intent,
            Self::Outcome(_) => EventKind::Outcome,
            Self::Entry(_) => EventKind::Entry,
            Self::Declined(_) => EventKind::Declined,
            Self::Twin(_) => EventKind::Twin,
            Self::Erased(_) => EventKind::Erased,
        }
    }

    /// The request it belongs to, which its leaf also shows.
    #[must_use]
    pub const fn request(&self) -> Option<RequestId> {
        match self {
            Self::Proposed(event) => Some(event.request),
            Self::Intent(event) => Some(event.request),
            Self::Outcome(event) => Some(event.request),
            Self::Entry(event) => Some(event.request),
            Self::Declined(event) => Some(event.request),
            Self::Erased(Erased { reason: ErasedFor::Request { request }, .. }) => Some(*request),
            Self::Twin(_) | Self::Erased(_) => None,
        }
    }
}
