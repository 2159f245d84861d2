use subtwin_hear::Heard;
use subtwin_kernel::{Action, RequestId};

/// Whether something is to be done, or only shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Plan it, show it, and do it after a yes.
    Ask,
    /// Plan it and show what would happen; nothing waits for a yes and nothing is changed.
    DryRun,
}

/// What one message asked for, every name resolved to one directory object.
///
/// Still only a wish: it becomes one plan, is shown, and needs a yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The request, from here to the last reply.
    pub request: RequestId,
    /// The message that asked. Its author is the requester, its conversation the one that counts.
    pub heard: Heard,
    /// What to do, each once, in the order in which it was asked.
    pub actions: Vec<Action>,
    /// Whether to do it.
    pub mode: Mode,
}
