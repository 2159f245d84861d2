//! The words of the domain: ids, time, secrets, tools, plans, and what the twin says.
//!
//! No I/O and no async. Whatever two steps of the flow both speak about is named here, once.

mod clock;
mod directory;
mod entropy;
mod ids;
mod outcome;
mod plan;
mod secret;
mod tool;
mod words;

pub use clock::{Clock, ManualClock, SystemClock};
pub use directory::{Group, GroupKind, Licence, Person};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use ids::{
    AppId, ChatId, GroupId, IdError, MessageId, RequestId, SkuId, TenantId, TwinId, UserId,
};
pub use outcome::{Outcome, TenantEntry};
pub use plan::{Digest, Method, Plan, Step, Summary};
pub use secret::{ClientState, KeyBytes, Secret};
pub use tool::{Action, Call, Effect, PrincipalKind, Risk, Tool, UnknownTool, Which, Who};
pub use words::{Paragraph, Span, Words};
