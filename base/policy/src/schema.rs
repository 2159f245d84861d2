use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use cedar_policy::{
    ActionConstraint, Entity, EntityId, EntityTypeName, EntityUid, Policy, Schema, Validator,
};
use subtwin_kernel::Tool;

/// What policies may speak about.
pub(crate) const SCHEMA: &str = include_str!("../schema.cedarschema");

/// The name of the action that saying yes in another's place is.
pub(crate) const APPROVE: &str = "approve";

/// What can be asked: for what a tool does, or for a yes to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Use(Tool),
    Approve,
}

impl Deed {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Tool::ALL.into_iter().map(Self::Use).chain([Self::Approve])
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Use(tool) => tool.name(),
            Self::Approve => APPROVE,
        }
    }
}

/// The schema, read once.
pub(crate) struct Model {
    pub(crate) validator: Validator,
    pub(crate) user: EntityTypeName,
    pub(crate) group: EntityTypeName,
    deeds: BTreeMap<Deed, Known>,
}

/// An action, and the groups of actions it belongs to.
struct Known {
    entity: Entity,
    scopes: BTreeSet<EntityUid>,
}

pub(crate) static MODEL: LazyLock<Model> = LazyLock::new(Model::new);

impl Model {
    #[expect(clippy::expect_used, reason = "our own schema, checked by every test of this crate")]
    fn new() -> Self {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).expect("the schema is well formed");
        let actions = schema.action_entities().expect("actions form no circle");
        let type_name = |name: &str| -> EntityTypeName { name.parse().expect("a type's name") };
        let action_type = type_name("Action");
        let known = |deed: Deed| {
            let id = EntityId::new(deed.name());
            let uid = EntityUid::from_type_name_and_id(action_type.clone(), id);
            let entity = actions.get(&uid).expect("every deed is an action").clone();
            let mut scopes: BTreeSet<EntityUid> =
                actions.ancestors(&uid).into_iter().flatten().cloned().collect();
            scopes.insert(uid);
            (deed, Known { entity, scopes })
        };
        Self {
            deeds: Deed::all().map(known).collect(),
            user: type_name("User"),
            group: type_name("Group"),
            validator: Validator::new(schema),
        }
    }

    /// The action as it stands among the entities.
    pub(crate) fn action(&self, deed: Deed) -> Option<&Entity> {
        self.deeds.get(&deed).map(|known| &known.entity)
    }

    /// Whether a policy can apply to a deed at all, by its scope.
    pub(crate) fn concerns(&self, policy: &Policy, deed: Deed) -> bool {
        let Some(known) = self.deeds.get(&deed) else { return true };
        match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(action) => action.id().unescaped() == deed.name(),
            ActionConstraint::In(actions) => {
                actions.iter().any(|action| known.scopes.contains(action))
            }
        }
    }
}
