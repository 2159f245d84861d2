use super::wish::OnboardStep;
use crate::graph::GraphError;
use crate::steps::StepsError;

/// Why onboarding stopped. It can be begun again where it is; nothing is done twice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnboardError {
    /// Something is there that stands in the way.
    #[error("{0}")]
    InTheWay(String),
    /// Something that is needed is not to be had.
    #[error("{0}")]
    Impossible(String),
    /// The administrator may not do this step.
    #[error(
        "the directory does not let the administrator who signed in see to {step}: they need the \
         role {role}, active now, and the installer needs its permissions"
    )]
    NotAllowed {
        /// Which step.
        step: OnboardStep,
        /// The least role for it.
        role: &'static str,
        /// What Graph said.
        #[source]
        cause: Box<GraphError>,
    },
    /// Graph refused or did not answer.
    #[error("{step} could not be seen to")]
    Graph {
        /// Which step.
        step: OnboardStep,
        /// What went wrong.
        #[source]
        cause: Box<GraphError>,
    },
    /// The answer was lost and what it made has not shown up.
    #[error(
        "whether {step} was made is not known: the answer was lost and nothing has shown up yet; \
         run the same command again in a minute, it looks first"
    )]
    Lost {
        /// Which step.
        step: OnboardStep,
        /// What went wrong.
        #[source]
        cause: Box<GraphError>,
    },
    /// The log could not be written, so nothing was done.
    #[error("the log of what was done cannot be written; nothing more was done")]
    Steps(#[from] StepsError),
}

impl OnboardError {
    pub(super) fn of(step: &OnboardStep, cause: GraphError) -> Self {
        let step = step.clone();
        if cause.refused().is_some_and(|refused| refused.status == 403) {
            return Self::NotAllowed { role: step.done_by(), step, cause: Box::new(cause) };
        }
        Self::Graph { step, cause: Box::new(cause) }
    }
}
