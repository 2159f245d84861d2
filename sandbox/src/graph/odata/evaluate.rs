//! Does a row meet a filter?

use std::cmp::Ordering;

use super::filter::{COUNT, Comparison, Filter, Literal, Matching, Path, invalid};
use super::{Operand, Row};
use crate::graph::Problem;

/// Whether `row` meets `filter`.
///
/// # Errors
/// When the filter compares what cannot be compared: Graph refuses such a filter as a whole, here
/// it is noticed at the first row that has a value.
pub(super) fn meets(filter: &Filter, row: &dyn Row) -> Result<bool, Problem> {
    holds(filter, row, None)
}

fn holds(filter: &Filter, row: &dyn Row, element: Option<&Operand<'_>>) -> Result<bool, Problem> {
    Ok(match filter {
        Filter::And(one, other) => holds(one, row, element)? && holds(other, row, element)?,
        Filter::Or(one, other) => holds(one, row, element)? || holds(other, row, element)?,
        Filter::Not(inner) => !holds(inner, row, element)?,
        Filter::Compare(path, comparison, literal) => {
            at(path, row, element, |value| compare(value, *comparison, literal))?
        }
        Filter::In(path, literals) => at(path, row, element, |value| {
            let mut found = false;
            for literal in literals {
                found |= compare(value, Comparison::Equal, literal)?;
            }
            Ok(found)
        })?,
        Filter::Match(path, matching, wanted) => {
            at(path, row, element, |value| matches(value, *matching, wanted))?
        }
        Filter::Any(path, condition) => at(path, row, element, |value| {
            let Operand::List(elements) = value else { return Ok(false) };
            let Some(condition) = condition else { return Ok(!elements.is_empty()) };
            for one in elements {
                if holds(condition, row, Some(one))? {
                    return Ok(true);
                }
            }
            Ok(false)
        })?,
        Filter::All(path, condition) => at(path, row, element, |value| {
            let Operand::List(elements) = value else { return Ok(true) };
            for one in elements {
                if !holds(condition, row, Some(one))? {
                    return Ok(false);
                }
            }
            Ok(true)
        })?,
    })
}

/// Judges the value at a path.
fn at(
    path: &Path,
    row: &dyn Row,
    element: Option<&Operand<'_>>,
    judge: impl FnOnce(&Operand<'_>) -> Result<bool, Problem>,
) -> Result<bool, Problem> {
    let (first, steps) = match (path.element, element, path.steps.split_first()) {
        (true, Some(element), _) => return judge(step(element, &path.steps).as_ref()),
        (_, _, Some((first, steps))) => (first, steps),
        _ => return judge(&Operand::Null),
    };
    let value = row.get(first);
    judge(step(&value, steps).as_ref())
}

/// A value inside another; borrowed where possible.
enum Inner<'o, 'a> {
    There(&'o Operand<'a>),
    Made(Operand<'a>),
}

impl<'a> AsRef<Operand<'a>> for Inner<'_, 'a> {
    fn as_ref(&self) -> &Operand<'a> {
        match self {
            Self::There(value) => value,
            Self::Made(value) => value,
        }
    }
}

fn step<'o, 'a>(value: &'o Operand<'a>, steps: &[String]) -> Inner<'o, 'a> {
    let mut value = value;
    for step in steps {
        value = match value {
            Operand::List(elements) if step == COUNT => {
                let count = i64::try_from(elements.len()).unwrap_or(i64::MAX);
                return Inner::Made(Operand::Number(count));
            }
            Operand::Record(fields) => {
                match fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(step)) {
                    Some((_, value)) => value,
                    None => return Inner::Made(Operand::Null),
                }
            }
            _ => return Inner::Made(Operand::Null),
        };
    }
    Inner::There(value)
}

fn compare(value: &Operand<'_>, how: Comparison, literal: &Literal) -> Result<bool, Problem> {
    let order = match (value, literal) {
        (Operand::Null, Literal::Null) => Some(Ordering::Equal),
        (Operand::Null, _) | (_, Literal::Null) => None,
        (Operand::Flag(value), Literal::Flag(literal)) => Some(value.cmp(literal)),
        (Operand::Number(value), Literal::Number(literal)) => Some(value.cmp(literal)),
        (Operand::Text(value), Literal::Text(literal)) => Some(folded(value).cmp(folded(literal))),
        (Operand::Id(value), Literal::Id(literal)) => Some(value.cmp(literal)),
        (Operand::Time(value), Literal::Time(literal)) => Some(value.cmp(literal)),
        (value, literal) => {
            return Err(invalid(format!(
                "A binary operator with incompatible types was detected. Found operand types '{}' \
                 and '{}' for operator kind '{how:?}'.",
                edm(value),
                edm_literal(literal)
            )));
        }
    };
    Ok(match how {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
    })
}

fn matches(value: &Operand<'_>, how: Matching, wanted: &str) -> Result<bool, Problem> {
    let value = match value {
        Operand::Text(value) => value.to_lowercase(),
        Operand::Null => return Ok(false),
        other => {
            return Err(invalid(format!(
                "No function signature for the function with name '{}' matches the specified \
                 arguments. Found operand type '{}'.",
                match how {
                    Matching::StartsWith => "startswith",
                    Matching::EndsWith => "endswith",
                    Matching::Contains => "contains",
                },
                edm(other)
            )));
        }
    };
    let wanted = wanted.to_lowercase();
    Ok(match how {
        Matching::StartsWith => value.starts_with(&wanted),
        Matching::EndsWith => value.ends_with(&wanted),
        Matching::Contains => value.contains(&wanted),
    })
}

/// The directory compares text without regard to case.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

fn edm(value: &Operand<'_>) -> &'static str {
    match value {
        Operand::Null => "Edm.Null",
        Operand::Flag(_) => "Edm.Boolean",
        Operand::Number(_) => "Edm.Int64",
        Operand::Text(_) => "Edm.String",
        Operand::Id(_) => "Edm.Guid",
        Operand::Time(_) => "Edm.DateTimeOffset",
        Operand::List(_) => "Collection",
        Operand::Record(_) => "Edm.ComplexType",
    }
}

fn edm_literal(literal: &Literal) -> &'static str {
    match literal {
        Literal::Null => "Edm.Null",
        Literal::Flag(_) => "Edm.Boolean",
        Literal::Number(_) => "Edm.Int32",
        Literal::Text(_) => "Edm.String",
        Literal::Id(_) => "Edm.Guid",
        Literal::Time(_) => "Edm.DateTimeOffset",
    }
}
