//! The log of a job that has several steps and may be cut short between any two of them.
//!
//! A step is begun on the log before its request is sent, and what it made is on the log before the
//! next one is begun. So whoever goes on after a crash knows what to look for, and whoever undoes
//! the job knows what it made and what was there before. Nothing secret belongs here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtwin_kernel::{Clock, Entropy};
use uuid::Uuid;

/// Where step logs are kept: a text under a name. A value is replaced as a whole or not at all.
#[async_trait]
pub trait StepStore: Send + Sync + fmt::Debug {
    /// The log kept under a name.
    async fn load(&self, name: &str) -> Result<Option<String>, StepStoreError>;

    /// Keeps a log in place of the one before; it is there when this returns.
    async fn save(&self, name: &str, json: &str) -> Result<(), StepStoreError>;
}

/// The place where step logs are kept did not work.
#[derive(Debug, thiserror::Error)]
#[error("the store of step logs failed")]
pub struct StepStoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why a step log cannot be read or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepsError {
    /// The store did not work: what was to follow has not been begun.
    #[error("the step log `{name}` could not be {doing}")]
    Store {
        /// Its name.
        name: String,
        /// `read` or `kept`.
        doing: &'static str,
        /// What went wrong.
        #[source]
        cause: StepStoreError,
    },
    /// The log is not one of this job's.
    #[error("the step log `{name}` cannot be understood; a newer program may have written it")]
    Unreadable {
        /// Its name.
        name: String,
        /// What went wrong.
        #[source]
        cause: serde_json::Error,
    },
}

/// What a step made or found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The object's id.
    pub id: String,
    /// Another name of it that later steps need, such as the `appId` of an application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Made {
    /// An object known by its id alone.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), key: None }
    }

    /// With another name.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Mark {
    /// It was looked for and not there; a request that makes it may have been sent. If it is there
    /// now, this job made it.
    Begun,
    /// It was there before this job: undoing leaves it.
    Found(Made),
    /// This job made it: undoing takes it away.
    Made(Made),
    /// It was there and this job changed it: undoing brings `before` back. Written before the
    /// request is sent.
    Changed {
        /// The object.
        made: Made,
        /// What it was.
        before: Value,
    },
    /// What it had made is gone again.
    Undone {
        /// What that was, where it was known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<Made>,
    },
}

impl Mark {
    /// The object, where one is known.
    #[must_use]
    pub const fn object(&self) -> Option<&Made> {
        match self {
            Self::Found(made) | Self::Made(made) | Self::Changed { made, .. } => Some(made),
            Self::Begun | Self::Undone { .. } => None,
        }
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepEntry<S> {
    /// Which step.
    pub step: S,
    /// When it reached this mark.
    pub at: Timestamp,
    /// How far it is.
    pub mark: Mark,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept<S> {
    run: Uuid,
    begun: Timestamp,
    #[serde(default)]
    facts: BTreeMap<String, String>,
    entries: Vec<StepEntry<S>>,
}

/// The log of one job whose steps are an `S`. Each change is kept before it is believed.
#[derive(Debug)]
pub struct Steps<S> {
    name: String,
    kept: Kept<S>,
    fresh: bool,
    store: Arc<dyn StepStore>,
    clock: Arc<dyn Clock>,
}

impl<S: Clone + PartialEq + Serialize + DeserializeOwned> Steps<S> {
    /// Reads the log of a job, or begins one. A new one is not kept before its first step.
    ///
    /// # Errors
    /// When the store fails, or what it keeps is no log of this job.
    pub async fn open(
        name: &str,
        store: Arc<dyn StepStore>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Self, StepsError> {
        let name = name.to_owned();
        let text = store.load(&name).await.map_err(|cause| StepsError::Store {
            name: name.clone(),
            doing: "read",
            cause,
        })?;
        let fresh = text.is_none();
        let kept = match text {
            Some(text) => serde_json::from_str(&text)
                .map_err(|cause| StepsError::Unreadable { name: name.clone(), cause })?,
            None => Kept {
                run: entropy.guid(),
                begun: clock.now(),
                facts: BTreeMap::new(),
                entries: Vec::new(),
            },
        };
        Ok(Self { name, kept, fresh, store, clock })
    }

    /// What tells this job's objects from others': the same in every attempt of one job.
    #[must_use]
    pub const fn run(&self) -> Uuid {
        self.kept.run
    }

    /// When the job was begun.
    #[must_use]
    pub const fn begun_at(&self) -> Timestamp {
        self.kept.begun
    }

    /// Whether no step of it was ever begun.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.fresh
    }

    /// How far a step is.
    #[must_use]
    pub fn mark(&self, step: &S) -> Option<&Mark> {
        self.entries().iter().find(|entry| entry.step == *step).map(|entry| &entry.mark)
    }

    /// The object of a step, where one is known.
    #[must_use]
    pub fn object(&self, step: &S) -> Option<&Made> {
        self.mark(step).and_then(Mark::object)
    }

    /// Ids of what a step had made and that is gone again, as far as the log knows.
    #[must_use]
    pub fn taken(&self, step: &S) -> Vec<String> {
        match self.mark(step) {
            Some(Mark::Undone { was: Some(was) }) => vec![was.id.clone()],
            _ => Vec::new(),
        }
    }

    /// Every step so far, in the order in which they were first begun: undo goes from the end.
    #[must_use]
    pub fn entries(&self) -> &[StepEntry<S>] {
        &self.kept.entries
    }

    /// A fact about the whole job, such as who ran it.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.kept.facts.get(name).map(String::as_str)
    }

    /// Keeps a fact about the whole job.
    ///
    /// # Errors
    /// When it could not be kept; the log is as it was.
    pub async fn note(&mut self, name: &str, value: &str) -> Result<(), StepsError> {
        let mut kept = self.kept.clone();
        kept.facts.insert(name.to_owned(), value.to_owned());
        self.keep(kept).await
    }

    /// Puts down how far a step is.
    ///
    /// # Errors
    /// When it could not be kept; the log is as it was, and what was to follow must not be done.
    pub async fn put(&mut self, step: &S, mark: Mark) -> Result<(), StepsError> {
        let mut kept = self.kept.clone();
        let at = self.clock.now();
        match kept.entries.iter_mut().find(|entry| entry.step == *step) {
            Some(entry) => (entry.at, entry.mark) = (at, mark),
            None => kept.entries.push(StepEntry { step: step.clone(), at, mark }),
        }
        self.keep(kept).await
    }

    async fn keep(&mut self, kept: Kept<S>) -> Result<(), StepsError> {
        let failed = |cause| StepsError::Store { name: self.name.clone(), doing: "kept", cause };
        let json =
            serde_json::to_string(&kept).map_err(|cause| failed(StepStoreError(cause.into())))?;
        self.store.save(&self.name, &json).await.map_err(failed)?;
        self.kept = kept;
        self.fresh = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use subtwin_kernel::{ManualClock, SeededEntropy};

    use super::*;

    #[derive(Debug, Default)]
    struct Shelf {
        kept: Mutex<HashMap<String, String>>,
        full: Mutex<bool>,
    }

    #[async_trait]
    impl StepStore for Shelf {
        async fn load(&self, name: &str) -> Result<Option<String>, StepStoreError> {
            Ok(self.kept.lock().unwrap().get(name).cloned())
        }

        async fn save(&self, name: &str, json: &str) -> Result<(), StepStoreError> {
            if *self.full.lock().unwrap() {
                return Err(StepStoreError("the disk is full".into()));
            }
            self.kept.lock().unwrap().insert(name.to_owned(), json.to_owned());
            Ok(())
        }
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Step {
        Walls,
        Roof(u8),
    }

    async fn open(shelf: &Arc<Shelf>, seed: u64) -> Result<Steps<Step>, StepsError> {
        let clock = Arc::new(ManualClock::at("2026-09-01T10:00:00Z".parse().unwrap()));
        Steps::open("house", shelf.clone(), clock, &SeededEntropy::new(seed)).await
    }

    #[tokio::test]
    async fn whoever_goes_on_knows_what_was_begun_made_and_found() {
        let shelf = Arc::new(Shelf::default());
        let mut steps = open(&shelf, 1).await.unwrap();
        assert!(steps.is_new());
        steps.put(&Step::Walls, Mark::Begun).await.unwrap();
        steps.put(&Step::Walls, Mark::Made(Made::new("w").with_key("north"))).await.unwrap();
        steps.put(&Step::Roof(2), Mark::Begun).await.unwrap();
        steps.note("builder", "Doug").await.unwrap();

        let again = open(&shelf, 2).await.unwrap();
        assert!(!again.is_new());
        assert_eq!(again.run(), steps.run(), "one job, one mark on its objects");
        assert_eq!(again.object(&Step::Walls).unwrap().key.as_deref(), Some("north"));
        assert_eq!(again.mark(&Step::Roof(2)), Some(&Mark::Begun));
        assert_eq!(again.mark(&Step::Roof(1)), None);
        assert_eq!(again.fact("builder"), Some("Doug"));
        let order: Vec<_> = again.entries().iter().map(|entry| entry.step.clone()).collect();
        assert_eq!(order, [Step::Walls, Step::Roof(2)]);
    }

    #[tokio::test]
    async fn what_could_not_be_kept_is_not_believed() {
        let shelf = Arc::new(Shelf::default());
        let mut steps = open(&shelf, 1).await.unwrap();
        *shelf.full.lock().unwrap() = true;
        let error = steps.put(&Step::Walls, Mark::Begun).await.unwrap_err();
        assert_eq!(error.to_string(), "the step log `house` could not be kept");
        assert_eq!(steps.mark(&Step::Walls), None);
        assert!(steps.note("builder", "Doug").await.is_err());
        assert_eq!(steps.fact("builder"), None);
    }

    #[tokio::test]
    async fn another_jobs_log_is_refused_and_kept() {
        let shelf = Arc::new(Shelf::default());
        shelf.save("house", r#"{"run":"x"}"#).await.unwrap();
        let error = open(&shelf, 1).await.unwrap_err();
        assert!(matches!(error, StepsError::Unreadable { .. }), "{error}");
        assert_eq!(shelf.load("house").await.unwrap().unwrap(), r#"{"run":"x"}"#);
    }
}
