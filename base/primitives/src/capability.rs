use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subtwin_kernel::{Call, Digest, Effect, PrincipalKind, Risk, Tool};

/// The version of a manifest's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CatalogVersion {
    /// The first.
    #[serde(rename = "subtwin.catalog/1")]
    V1,
}

/// Everything a twin can do: fixed when it is deployed, and part of every record by its digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// The version of this shape.
    pub schema: CatalogVersion,
    /// What it can do, in catalog order.
    pub capabilities: Vec<Capability>,
}

/// One thing a twin can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capability {
    /// `domain.object.verb`.
    pub name: Tool,
    /// What it does, as a sentence.
    pub does: String,
    /// JSON Schema (draft 2020-12) of its arguments. None of them is a confirmation.
    pub arguments: Value,
    /// Whether it changes anything.
    pub effect: Effect,
    /// How much harm a mistaken yes would do, at least.
    pub risk: Risk,
    /// Whether doing it twice is the same as doing it once.
    pub idempotent: bool,
    /// The least delegated Graph permissions that do its own work.
    pub permissions: Vec<String>,
    /// The least delegated Graph permissions that read what a plan and its proof depend on.
    pub reads: Vec<String>,
    /// The least directory roles.
    pub roles: Vec<String>,
    /// Who can run it.
    pub principals: Vec<Principal>,
    /// How it is taken back.
    pub inverse: Takeback,
}

/// Whether one kind of principal can run a capability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// Which kind.
    pub kind: PrincipalKind,
    /// Why it cannot, as a sentence; nothing where it can.
    pub unavailable_because: Option<String>,
}

/// How a capability is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Takeback {
    /// By this capability, with the values of before.
    By(Tool),
    /// By a request of its own, which only an undo makes.
    Own(String),
    /// Not at all; why, as a sentence.
    Never(String),
    /// There is nothing to take back.
    NothingToUndo,
}

impl Catalog {
    /// A catalog of these.
    #[must_use]
    pub const fn new(capabilities: Vec<Capability>) -> Self {
        Self { schema: CatalogVersion::V1, capabilities }
    }

    /// The names of what is in it.
    #[must_use]
    pub fn tools(&self) -> Vec<Tool> {
        self.capabilities.iter().map(|capability| capability.name).collect()
    }

    /// SHA-256 over its JSON with members in declaration order, without white space.
    #[must_use]
    #[expect(clippy::expect_used, reason = "plain data with string keys: nothing can fail")]
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("a catalog is plain data"))
    }
}

/// The JSON Schema (draft 2020-12) of a tool's arguments, from the type that a brain's call is
/// read into.
#[must_use]
pub fn arguments_schema(tool: Tool) -> Value {
    let whole = schemars::schema_for!(Call).to_value();
    let of_tool = |variant: &&Value| {
        variant.pointer("/properties/tool/const").and_then(Value::as_str) == Some(tool.name())
    };
    let variants = whole.get("oneOf").and_then(Value::as_array);
    let mut schema = match variants.and_then(|variants| variants.iter().find(of_tool)) {
        Some(Value::Object(fields)) => fields.clone(),
        _ => Map::new(),
    };
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.remove("tool");
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| name != "tool");
    }
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    let mut text = Value::Object(schema.clone()).to_string();
    // Only what is referred to, directly or through another, comes along.
    let mut needed = Map::new();
    if let Some(Value::Object(all)) = whole.get("$defs") {
        loop {
            let before = needed.len();
            for (name, of) in all {
                if text.contains(&format!("#/$defs/{name}\"")) && !needed.contains_key(name) {
                    text.push_str(&of.to_string());
                    needed.insert(name.clone(), of.clone());
                }
            }
            if needed.len() == before {
                break;
            }
        }
    }
    if !needed.is_empty() {
        schema.insert("$defs".to_owned(), Value::Object(needed));
    }
    Value::Object(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_schema_of_its_arguments_and_none_has_a_field_for_a_yes() {
        for tool in Tool::ALL {
            let schema = arguments_schema(tool);
            let properties = schema.get("properties").and_then(Value::as_object);
            let names: Vec<_> = properties.unwrap().keys().cloned().collect();
            assert!(names.contains(&"person".to_owned()), "{tool}: {names:?}");
            for name in names {
                assert!(!name.contains("confirm") && !name.contains("yes"), "{tool}: {name}");
            }
        }
    }
}
