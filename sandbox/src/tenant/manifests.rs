use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::PasswordCredential;

/// What is known of an application or a service principal beside what the sandbox acts on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manifest {
    /// Properties as they were last said, in Graph's words.
    pub(crate) said: Map<String, Value>,
    /// Users who own it.
    pub(crate) owners: BTreeSet<Uuid>,
    /// Of a service principal: what its app may sign in with, beside what the registration has.
    pub(crate) secrets: Vec<PasswordCredential>,
}

/// Manifests by object id. What nobody said anything about has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manifests(HashMap<Uuid, Manifest>);

impl Manifests {
    pub(crate) fn get(&self, id: Uuid) -> Option<&Manifest> {
        self.0.get(&id)
    }

    pub(crate) fn of(&mut self, id: Uuid) -> &mut Manifest {
        self.0.entry(id).or_default()
    }

    /// A property that was said about an object.
    pub(crate) fn said(&self, id: Uuid, name: &str) -> Option<&Value> {
        self.get(id)?.said.get(name)
    }
}
