//! As much of JSON Schema (draft 2020-12) as our schemas use. A keyword it does not know fails, so
//! that nothing passes unchecked.

use serde_json::Value;

pub(crate) fn check(root: &Value, value: &Value) -> Result<(), String> {
    apply(root, root, value)
}

fn apply(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let members = match schema {
        Value::Bool(true) => return Ok(()),
        Value::Object(members) => members,
        other => return Err(format!("not a schema: {other}")),
    };
    for (keyword, given) in members {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "format" | "default" => true,
            "$ref" => {
                let pointer = given.as_str().unwrap().trim_start_matches('#');
                apply(root, root.pointer(pointer).unwrap(), value)?;
                true
            }
            "type" => match given {
                Value::String(name) => is(name, value),
                names => names.as_array().unwrap().iter().any(|n| is(n.as_str().unwrap(), value)),
            },
            "const" => given == value,
            "enum" => given.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= given.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= given.as_f64().unwrap()),
            "required" => given
                .as_array()
                .unwrap()
                .iter()
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "properties" => {
                for (name, schema) in given.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        apply(root, schema, member)
                            .map_err(|reason| format!("{name}: {reason}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(given, false, "only `false` is understood");
                let known = members.get("properties").and_then(Value::as_object);
                value.as_object().is_none_or(|found| {
                    found.keys().all(|name| known.is_some_and(|known| known.contains_key(name)))
                })
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    apply(root, given, item)?;
                }
                true
            }
            "minItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 >= given.as_u64().unwrap())
            }
            "oneOf" => passing(root, given, value) == 1,
            "anyOf" => passing(root, given, value) >= 1,
            other => return Err(format!("keyword `{other}` is not understood here")),
        };
        if !holds {
            return Err(format!("{value} does not satisfy `{keyword}`"));
        }
    }
    Ok(())
}

fn passing(root: &Value, schemas: &Value, value: &Value) -> usize {
    schemas.as_array().unwrap().iter().filter(|one| apply(root, one, value).is_ok()).count()
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("type `{other}` is not a JSON type"),
    }
}
