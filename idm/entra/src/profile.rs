//! The properties of a profile as Graph writes them.

use serde_json::{Value, json};
use subtwin_kernel::Property;

/// A user as Graph gave it, for the properties that were asked for.
#[derive(Clone, Debug)]
pub(crate) struct Profile(Value);

impl Profile {
    pub(crate) const fn new(user: Value) -> Self {
        Self(user)
    }

    /// What it says; empty for nothing, and `None` where Graph keeps more than one entry.
    pub(crate) fn value(&self, property: Property) -> Option<String> {
        match self.0.get(property.name()) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Array(entries)) => match entries.as_slice() {
                [] => Some(String::new()),
                [one] => Some(one.as_str().unwrap_or_default().to_owned()),
                [_, _, ..] => None,
            },
            _ => Some(String::new()),
        }
    }
}

/// A value as it is sent; an empty one clears the property.
pub(crate) fn wire_value(property: Property, value: &str) -> Value {
    match (property.is_list(), value.is_empty()) {
        (true, true) => json!([]),
        (true, false) => json!([value]),
        (false, true) => Value::Null,
        (false, false) => json!(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_of_a_list_is_its_value_and_several_are_none() {
        let profile = Profile::new(json!({
            "jobTitle": "Analyst", "department": null, "businessPhones": ["+1 425 555 0100"],
            "otherMails": ["a@example.com", "b@example.com"],
        }));
        assert_eq!(profile.value(Property::JobTitle).as_deref(), Some("Analyst"));
        assert_eq!(profile.value(Property::Department).as_deref(), Some(""));
        assert_eq!(profile.value(Property::BusinessPhones).as_deref(), Some("+1 425 555 0100"));
        assert_eq!(profile.value(Property::OtherMails), None);
        assert_eq!(profile.value(Property::City).as_deref(), Some(""));
    }

    #[test]
    fn an_empty_value_clears_in_the_way_of_its_kind() {
        assert_eq!(wire_value(Property::City, ""), Value::Null);
        assert_eq!(wire_value(Property::OtherMails, ""), json!([]));
        assert_eq!(wire_value(Property::OtherMails, "a@example.com"), json!(["a@example.com"]));
    }
}
