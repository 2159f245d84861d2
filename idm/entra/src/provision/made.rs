use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use subtwin_kernel::{AppId, Entropy, Secret, UserId};

use super::Stage;
use crate::AgentId;

/// What was made so far. Sealed, though it holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Things {
    /// The blueprint's display name: what a crash left behind is found by it.
    pub mark: String,
    /// What is there, by the step that made it.
    pub things: BTreeMap<Stage, Thing>,
}

/// Something in the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Thing {
    /// Its id: an object's, a certificate's, a product's.
    pub id: String,
    /// Its client id, if it is an app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppId>,
}

impl Thing {
    pub(super) fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), app: None }
    }
}

impl Things {
    /// The name it is sealed under.
    pub(super) const NAME: &str = "agent/made";

    pub(super) fn begin(name: &str, entropy: &dyn Entropy) -> Self {
        let mark = entropy.guid().simple().to_string();
        let mark: String = mark.chars().take(12).collect();
        Self { mark: format!("{name} (subtwin {mark})"), things: BTreeMap::new() }
    }

    pub(super) fn to_text(&self) -> Secret {
        Secret::new(serde_json::json!(self).to_string())
    }

    pub(super) fn from_text(text: &Secret) -> Option<Self> {
        serde_json::from_str(text.expose()).ok()
    }

    /// Whether a step was done.
    #[must_use]
    pub fn has(&self, stage: Stage) -> bool {
        self.things.contains_key(&stage)
    }

    /// The id of what a step made.
    #[must_use]
    pub fn id(&self, stage: Stage) -> Option<&str> {
        self.things.get(&stage).map(|thing| thing.id.as_str())
    }

    /// Whether enough is known to look for what a step may have made.
    pub(super) fn can_look_for(&self, stage: Stage) -> bool {
        match stage {
            Stage::Blueprint | Stage::Certificate => true,
            Stage::Principal | Stage::Identity => self.has(Stage::Blueprint),
            Stage::User => self.has(Stage::Identity),
            Stage::Consent | Stage::Licence | Stage::Ready | Stage::Checked => {
                self.has(Stage::User)
            }
        }
    }

    pub(super) fn note(&mut self, stage: Stage, thing: Thing) {
        self.things.insert(stage, thing);
    }

    pub(super) fn gone(&mut self, stage: Stage) {
        self.things.remove(&stage);
    }

    /// The blueprint's client id.
    #[must_use]
    pub fn blueprint_app(&self) -> Option<AppId> {
        self.things.get(&Stage::Blueprint)?.app
    }

    /// The agent identity and its user, once both are there.
    #[must_use]
    pub fn agent(&self) -> Option<AgentId> {
        let identity = self.things.get(&Stage::Identity)?.app?;
        let user: UserId = self.id(Stage::User)?.parse().ok()?;
        Some(AgentId { identity, user })
    }
}
