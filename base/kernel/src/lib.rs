//! The words of the domain: ids, time, secrets, tools, plans, and what the twin says.
//!
//! No I/O and no async. Whatever two steps of the flow both speak about is named here, once.

mod action;
mod call;
mod clock;
mod directory;
mod entropy;
mod ids;
pub mod names;
mod outcome;
mod plan;
mod property;
mod secret;
mod tool;
mod words;

pub use action::{Action, MethodKind, MethodRef, Touch};
pub use call::{Call, Which, Who};
pub use clock::{Clock, ManualClock, SystemClock};
pub use directory::{Group, GroupKind, Licence, Person};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use ids::{
    AppId, ChatId, GroupId, IdError, MessageId, RequestId, SkuId, TenantId, TwinId, UserId,
};
pub use outcome::{Outcome, TenantEntry};
pub use plan::{Approval, Digest, Inverse, Method, Part, Plan, Rules, Shown, Step};
pub use property::Property;
pub use secret::{ClientState, KeyBytes, Secret};
pub use tool::{Effect, PrincipalKind, Risk, Tool, UnknownTool};
pub use words::{Paragraph, Span, Words};
