//! Graph's own entity model, as a judge of what the sandbox answers.
//!
//! The table is derived from Microsoft's CSDL by `sandbox/model/derive.py`; nobody here typed a
//! property name into it. Every builder of an answer is checked against it in tests.

use std::collections::HashMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

const TABLE: &str = include_str!("../../model/graph-v1.tsv");

/// What real answers carry although the v1.0 model does not list it: `(type, property)`.
const SEEN: &[(&str, &str)] = &[
    // Captured in September 2026 on `initiatedBy.user`.
    ("userIdentity", "agentType"),
    // In every sample of Microsoft's documentation; the type is open.
    ("teamworkUserIdentity", "tenantId"),
];

/// What is wrong with `value` as an answer of this type: properties the model does not have, JSON
/// of the wrong type, enum values outside the model. Empty when it conforms.
///
/// `type_name` is without `microsoft.graph.` (`user`, `security.auditLogQuery`); `@odata.type` in
/// an object selects a derived type. Annotations (`@odata.etag`) are not judged. A property that
/// is not there is fine: answers are selections.
pub(crate) fn conforms(type_name: &str, value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    structured(type_name, value, type_name, &mut wrong);
    wrong
}

#[derive(Debug, Default)]
struct Model {
    enums: HashMap<&'static str, (bool, Vec<&'static str>)>,
    types: HashMap<&'static str, Structure>,
}

#[derive(Debug, Default)]
struct Structure {
    base: &'static str,
    properties: HashMap<&'static str, Property>,
}

#[derive(Debug)]
struct Property {
    kind: &'static str,
    many: bool,
    nullable: bool,
}

fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let mut model = Model::default();
        for line in TABLE.lines() {
            match line.split('\t').collect::<Vec<_>>().as_slice() {
                ["E", name, flags, members] => {
                    let members = members.split(',').collect();
                    model.enums.insert(name, (*flags == "flags", members));
                }
                ["T", name, base, _open] => model.types.entry(name).or_default().base = base,
                ["P", name, property, kind, many, null, _nav] => {
                    let known = Property { kind, many: *many == "many", nullable: *null == "null" };
                    model.types.entry(name).or_default().properties.insert(property, known);
                }
                other => panic!("not a line of the model: {other:?}"),
            }
        }
        model
    })
}

fn structured(type_name: &str, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let Some(declared) = model().types.get(type_name) else {
        wrong.push(format!("{at}: type `{type_name}` is not in the model table"));
        return;
    };
    let Value::Object(object) = value else {
        wrong.push(format!("{at}: {value} is not an object"));
        return;
    };
    let named = object.get("@odata.type").and_then(Value::as_str);
    let (name, structure) = match named.map(|name| name.trim_start_matches("#microsoft.graph.")) {
        Some(name) if derives(name, type_name) => (name, model().types.get(name)),
        Some(name) => {
            wrong.push(format!("{at}: `{name}` is not a `{type_name}`"));
            return;
        }
        None => (type_name, Some(declared)),
    };
    for (key, value) in object {
        let key = match key.split_once('@') {
            Some(("", _)) => continue,
            Some((property, _)) => property,
            None => key.as_str(),
        };
        let at = format!("{at}.{key}");
        match structure.and_then(|structure| structure.properties.get(key)) {
            None if SEEN.contains(&(name, key)) => {}
            None => wrong.push(format!("{at}: `{name}` has no such property")),
            // An annotation of a property says nothing about its value.
            Some(_) if !object.contains_key(key) => {}
            Some(property) => typed(property, value, &at, wrong),
        }
    }
}

/// Whether `name` is `base` or comes from it.
fn derives(name: &str, base: &str) -> bool {
    let mut now = name;
    loop {
        if now == base {
            return true;
        }
        match model().types.get(now) {
            Some(structure) => now = structure.base,
            None => return false,
        }
    }
}

fn typed(property: &Property, value: &Value, at: &str, wrong: &mut Vec<String>) {
    match (property.many, value) {
        (false, Value::Null) if property.nullable => {}
        (false, _) => one(property.kind, value, at, wrong),
        (true, Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                one(property.kind, item, &format!("{at}[{index}]"), wrong);
            }
        }
        (true, _) => wrong.push(format!("{at}: {value} is not an array")),
    }
}

fn one(kind: &str, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some((flags, members)) = model().enums.get(kind) {
        let listed = value.as_str().is_some_and(|text| {
            let mut parts = text.split(if *flags { ',' } else { '\0' });
            parts.all(|part| members.contains(&part))
        });
        if !listed {
            wrong.push(format!("{at}: {value} is not a member of `{kind}`"));
        }
        return;
    }
    let text = value.as_str();
    let right = match kind {
        "Edm.String" | "Edm.Duration" | "Edm.TimeOfDay" => text.is_some(),
        "Edm.Boolean" => value.is_boolean(),
        "Edm.Byte" | "Edm.SByte" | "Edm.Int16" | "Edm.Int32" | "Edm.Int64" => {
            value.is_i64() || value.is_u64()
        }
        "Edm.Double" | "Edm.Single" | "Edm.Decimal" => value.is_number() || text.is_some(),
        "Edm.Guid" => text.is_some_and(|text| text.len() == 36 && Uuid::try_parse(text).is_ok()),
        "Edm.DateTimeOffset" => {
            text.is_some_and(|text| text.ends_with('Z') && text.parse::<Timestamp>().is_ok())
        }
        "Edm.Date" => text.is_some_and(|text| text.parse::<jiff::civil::Date>().is_ok()),
        "Edm.Binary" => text.is_some_and(|text| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.decode(text).is_ok()
        }),
        "Edm.Stream" => true,
        _ => return structured(kind, value, at, wrong),
    };
    if !right {
        wrong.push(format!("{at}: {value} is not `{kind}`"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_graph_user_conforms() {
        let user = json!({
            "@odata.type": "#microsoft.graph.user",
            "id": "3f7a2f3e-6a3e-4b62-9d46-0c6a4d5a0d11",
            "accountEnabled": true,
            "businessPhones": ["+1 425 555 0100"],
            "mobilePhone": null,
            "createdDateTime": "2026-01-05T08:00:00Z",
            "assignedLicenses": [{"skuId": "05e9a617-0261-4cee-bb44-138d3ef5d965", "disabledPlans": []}],
            "manager@odata.context": "x",
        });
        assert_eq!(conforms("user", &user), Vec::<String>::new());
        assert_eq!(conforms("directoryObject", &user), Vec::<String>::new());
    }

    #[test]
    fn a_misspelt_property_a_wrong_type_and_a_wrong_enum_value_are_named() {
        let user = json!({
            "id": 7,
            "userPrincipleName": "sam@contoso.com",
            "accountEnabled": "true",
            "assignedLicenses": {"skuId": "E3"},
            "createdDateTime": "yesterday",
        });
        let wrong = conforms("user", &user);
        for field in [
            "user.id",
            "user.userPrincipleName",
            "user.accountEnabled",
            "user.assignedLicenses",
            "user.createdDateTime",
        ] {
            assert!(wrong.iter().any(|line| line.starts_with(&format!("{field}:"))), "{wrong:#?}");
        }
        assert_eq!(wrong.len(), 5, "{wrong:#?}");
        let audit = json!({"result": "succeeded", "targetResources": [{"groupType": "azureAd"}]});
        assert_eq!(conforms("directoryAudit", &audit).len(), 2);
    }

    #[test]
    fn nested_and_derived_types_are_judged_by_their_own_properties() {
        let member = json!({
            "@odata.type": "#microsoft.graph.aadUserConversationMember",
            "roles": ["owner"],
            "userId": "3f7a2f3e-6a3e-4b62-9d46-0c6a4d5a0d11",
        });
        assert_eq!(conforms("conversationMember", &member), Vec::<String>::new());
        let untyped = json!({"roles": [], "userId": "x"});
        assert_eq!(
            conforms("conversationMember", &untyped).len(),
            1,
            "userId is the derived type's"
        );
        let stranger = json!({"@odata.type": "#microsoft.graph.group"});
        assert_eq!(conforms("conversationMember", &stranger).len(), 1);
    }

    #[test]
    fn every_type_a_kept_property_reaches_is_in_the_table() {
        let known = |kind: &str| {
            kind.starts_with("Edm.")
                || model().enums.contains_key(kind)
                || model().types.contains_key(kind)
        };
        let missing: Vec<_> = model()
            .types
            .values()
            .flat_map(|structure| structure.properties.values())
            .filter(|property| !known(property.kind))
            .map(|property| property.kind)
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
