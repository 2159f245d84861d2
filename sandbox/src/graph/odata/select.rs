//! `$select` and `$expand`.

use super::Schema;
use crate::graph::Problem;

/// One expanded relation. The directory expands one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expand {
    /// Spelt as in the schema.
    pub(crate) relation: &'static str,
    /// Spelt as in the schema of what is there.
    pub(crate) select: Option<Vec<&'static str>>,
}

impl Expand {
    /// Reads `manager` or `manager($select=id,displayName)`.
    ///
    /// # Errors
    /// Graph's 400 for what is no relation, or the sandbox's refusal of more than that.
    pub(crate) fn parse(text: &str, schema: &Schema) -> Result<Self, Problem> {
        let text = text.trim();
        let (name, inner) = match text.split_once('(') {
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')').ok_or_else(|| {
                    failed(format!("Found an unbalanced bracket expression in '{text}'."))
                })?;
                (name.trim(), Some(inner))
            }
            None => (text, None),
        };
        let known = schema.relations.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((relation, target)) = known else {
            return Err(if name.contains(',') {
                // From memory.
                Problem::bad_request("Only one property can be expanded in a single query.")
            } else if schema.property(name).is_some() {
                failed(format!(
                    "Property '{name}' on type 'microsoft.graph.{}' is not a navigation property \
                     or complex property. Only navigation properties can be expanded.",
                    schema.name
                ))
            } else {
                missing(name, schema)
            });
        };
        let mut select = None;
        for option in inner.into_iter().flat_map(|inner| inner.split(';')) {
            match option.trim().split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("$select") => {
                    select = Some(self::select(value, target)?);
                }
                _ => {
                    return Err(Problem::unsupported(format!(
                        "The sandbox takes only $select inside $expand, not '{option}'."
                    )));
                }
            }
        }
        Ok(Self { relation, select })
    }

    /// As in `@odata.context`.
    pub(super) fn context(&self) -> String {
        format!("{}({})", self.relation, self.select.as_deref().unwrap_or_default().join(","))
    }
}

/// Reads `$select`.
///
/// # Errors
/// Graph's 400 for a name that is no property.
pub(crate) fn select(text: &str, schema: &Schema) -> Result<Vec<&'static str>, Problem> {
    let mut names = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if schema.elsewhere.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(Problem::unsupported(format!(
                "The sandbox does not know the property '{name}' of {}.",
                schema.resource
            )));
        }
        let property = schema.property(name).ok_or_else(|| missing(name, schema))?;
        if !names.contains(&property.name) {
            names.push(property.name);
        }
    }
    Ok(names)
}

fn missing(name: &str, schema: &Schema) -> Problem {
    failed(format!(
        "Could not find a property named '{name}' on type 'microsoft.graph.{}'.",
        schema.name
    ))
}

fn failed(why: impl Into<String>) -> Problem {
    Problem::new(
        400,
        "BadRequest",
        format!("Parsing OData Select and Expand failed: {}", why.into()),
    )
}
