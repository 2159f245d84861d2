use serde::{Deserialize, Serialize};
use subtwin_kernel::Tool;

/// How something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Worth knowing; the tools work.
    Note,
    /// Something does not work because of it.
    Missing,
}

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub about: String,
    /// How it was found.
    pub verdict: Verdict,
    /// What was found, as a sentence.
    pub says: String,
    /// The tools that do not work because of it; with `Missing` and none, the whole twin.
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// What to do about it: a command, or where in the portal.
    #[serde(default)]
    pub remedy: Option<String>,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn good(about: &str, says: impl Into<String>) -> Self {
        Self::new(about, Verdict::Good, says)
    }

    /// Something worth knowing.
    #[must_use]
    pub fn note(about: &str, says: impl Into<String>) -> Self {
        Self::new(about, Verdict::Note, says)
    }

    /// Something is missing.
    #[must_use]
    pub fn missing(about: &str, says: impl Into<String>) -> Self {
        Self::new(about, Verdict::Missing, says)
    }

    fn new(about: &str, verdict: Verdict, says: impl Into<String>) -> Self {
        let (about, says) = (about.to_owned(), says.into());
        Self { about, verdict, says, tools: Vec::new(), remedy: None }
    }

    /// The tools it is about.
    #[must_use]
    pub fn for_tools(mut self, tools: Vec<Tool>) -> Self {
        self.tools = tools;
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}
