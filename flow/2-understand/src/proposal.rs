use subtwin_hear::Heard;
use subtwin_kernel::{Action, RequestId};

/// One action somebody asked for, every name resolved to one directory object.
///
/// Still only a wish: it becomes a plan, is shown, and needs a yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The request, from here to the last reply.
    pub request: RequestId,
    /// The message that asked. Its author is the requester, its conversation the one that counts.
    pub heard: Heard,
    /// What to do.
    pub action: Action,
}
