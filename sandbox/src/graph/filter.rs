//! `$filter` for the collections whose members are judged as the JSON they are answered with:
//! logs, apps, grants, roles.
//!
//! Comparisons, `startswith` and `any`, joined with `and`, `or` and parentheses. A property the
//! collection does not name as filterable is refused, as Graph does.

use jiff::Timestamp;
use serde_json::Value;

use super::Problem;

/// A parsed `$filter`.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    /// The value at a path, compared.
    Is(Vec<String>, Op, Literal),
    StartsWith(Vec<String>, String),
    /// Some element of the array at a path, whose value at the inner path compares.
    Some(Vec<String>, Vec<String>, Op, Literal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Ne,
    Ge,
    Gt,
    Le,
    Lt,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    Time(Timestamp),
}

impl Filter {
    /// Parses `text`; only `properties` (paths with `/`) may be named.
    pub(super) fn parse(text: &str, properties: &[&str]) -> Result<Self, Problem> {
        let tokens = tokens(text).ok_or_else(|| invalid("Invalid filter clause"))?;
        if tokens.len() > MOST_TOKENS {
            return Err(invalid("The filter clause is too long"));
        }
        let mut parser = Parser { tokens: &tokens, properties, depth: 0 };
        let filter = parser.either()?;
        if parser.tokens.is_empty() { Ok(filter) } else { Err(parser.unexpected()) }
    }

    /// Whether an object passes.
    pub(super) fn admits(&self, object: &Value) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.admits(object)),
            Self::Any(parts) => parts.iter().any(|part| part.admits(object)),
            Self::Is(path, op, literal) => compare(at(object, path), *op, literal),
            Self::StartsWith(path, prefix) => at(object, path)
                .as_str()
                .is_some_and(|text| text.to_lowercase().starts_with(&prefix.to_lowercase())),
            Self::Some(path, inner, op, literal) => {
                at(object, path).as_array().is_some_and(|items| {
                    items.iter().any(|item| compare(at(item, inner), *op, literal))
                })
            }
        }
    }
}

fn at<'a>(object: &'a Value, path: &[String]) -> &'a Value {
    path.iter().try_fold(object, |value, name| value.get(name)).unwrap_or(&Value::Null)
}

fn compare(value: &Value, op: Op, literal: &Literal) -> bool {
    use std::cmp::Ordering;
    let order = match (value, literal) {
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        (Value::Bool(value), Literal::Bool(literal)) => Some(value.cmp(literal)),
        (Value::Number(value), Literal::Number(literal)) => {
            value.as_i64().map(|value| value.cmp(literal))
        }
        (Value::String(value), Literal::Text(literal)) => {
            Some(value.to_lowercase().cmp(&literal.to_lowercase()))
        }
        (Value::String(value), Literal::Time(literal)) => {
            value.parse::<Timestamp>().ok().map(|value| value.cmp(literal))
        }
        _ => None,
    };
    match op {
        Op::Eq => order == Some(Ordering::Equal),
        Op::Ne => order != Some(Ordering::Equal),
        Op::Ge => order.is_some_and(Ordering::is_ge),
        Op::Gt => order.is_some_and(Ordering::is_gt),
        Op::Le => order.is_some_and(Ordering::is_le),
        Op::Lt => order.is_some_and(Ordering::is_lt),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A name, a path, an operator, or an unquoted literal.
    Word(String),
    Quoted(String),
    Sign(char),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            ' ' => {}
            '(' | ')' | ',' => found.push(Token::Sign(next)),
            '\'' => {
                let mut quoted = String::new();
                loop {
                    match rest.next()? {
                        // A doubled quote is a quote.
                        '\'' if rest.next_if_eq(&'\'').is_some() => quoted.push('\''),
                        '\'' => break,
                        other => quoted.push(other),
                    }
                }
                found.push(Token::Quoted(quoted));
            }
            _ => {
                let mut word = String::from(next);
                while let Some(more) = rest.next_if(|next| !" (),'".contains(*next)) {
                    word.push(more);
                }
                found.push(Token::Word(word));
            }
        }
    }
    Some(found)
}

struct Parser<'a> {
    tokens: &'a [Token],
    properties: &'a [&'a str],
    depth: u32,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Filter, Problem> {
        let mut parts = vec![self.both()?];
        while self.word("or") {
            parts.push(self.both()?);
        }
        Ok(Filter::Any(parts))
    }

    fn both(&mut self) -> Result<Filter, Problem> {
        let mut parts = vec![self.term()?];
        while self.word("and") {
            parts.push(self.term()?);
        }
        Ok(Filter::All(parts))
    }

    fn term(&mut self) -> Result<Filter, Problem> {
        if self.sign('(') {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(invalid("The filter clause is nested too deeply"));
            }
            let inner = self.either()?;
            self.depth -= 1;
            return if self.sign(')') { Ok(inner) } else { Err(self.unexpected()) };
        }
        let name = self.name()?;
        if name.eq_ignore_ascii_case("startswith") && self.sign('(') {
            let path = self.name()?;
            let path = self.property(&path)?;
            let (true, Some(Token::Quoted(prefix)), true) =
                (self.sign(','), self.next().cloned(), self.sign(')'))
            else {
                return Err(self.unexpected());
            };
            return Ok(Filter::StartsWith(path, prefix));
        }
        if let Some(path) = name.strip_suffix("/any").map(str::to_owned)
            && self.sign('(')
        {
            return self.lambda(&path);
        }
        let path = self.property(&name)?;
        let op = self.operator()?;
        Ok(Filter::Is(path, op, self.literal()?))
    }

    /// `t:t/id eq 'x')`, with any spacing around the colon.
    fn lambda(&mut self, path: &str) -> Result<Filter, Problem> {
        let mut head = self.name()?;
        while !head.contains(':') || head.ends_with(':') {
            head.push_str(&self.name()?);
        }
        let (variable, body) = head.split_once(':').unwrap_or_default();
        let inner: Vec<String> = match body.strip_prefix(variable) {
            Some("") => Vec::new(),
            Some(rest) if rest.starts_with('/') => {
                rest.trim_start_matches('/').split('/').map(str::to_owned).collect()
            }
            _ => return Err(self.unexpected()),
        };
        let full = [&[path.to_owned()][..], &inner[..]].concat().join("/");
        let full = self.property(&full)?;
        let outer = path.split('/').count();
        let op = self.operator()?;
        let literal = self.literal()?;
        if !self.sign(')') {
            return Err(self.unexpected());
        }
        let (path, inner) = full.split_at(outer.min(full.len()));
        Ok(Filter::Some(path.to_vec(), inner.to_vec(), op, literal))
    }

    /// The property in the model's own casing.
    fn property(&self, name: &str) -> Result<Vec<String>, Problem> {
        let known = self.properties.iter().find(|known| known.eq_ignore_ascii_case(name));
        known.map(|known| known.split('/').map(str::to_owned).collect()).ok_or_else(|| {
            invalid(format!("Invalid filter clause: `{name}` cannot be filtered on here"))
        })
    }

    fn operator(&mut self) -> Result<Op, Problem> {
        let word = self.name()?;
        match word.to_ascii_lowercase().as_str() {
            "eq" => Ok(Op::Eq),
            "ne" => Ok(Op::Ne),
            "ge" => Ok(Op::Ge),
            "gt" => Ok(Op::Gt),
            "le" => Ok(Op::Le),
            "lt" => Ok(Op::Lt),
            _ => Err(invalid(format!("Invalid filter clause: `{word}` is not an operator"))),
        }
    }

    fn literal(&mut self) -> Result<Literal, Problem> {
        match self.next().cloned() {
            Some(Token::Quoted(text)) => Ok(Literal::Text(text)),
            Some(Token::Word(word)) => Ok(unquoted(&word)),
            Some(Token::Sign(_)) | None => Err(self.unexpected()),
        }
    }

    fn next(&mut self) -> Option<&Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn name(&mut self) -> Result<String, Problem> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word.clone()),
            _ => Err(self.unexpected()),
        }
    }

    fn word(&mut self, wanted: &str) -> bool {
        let here = matches!(self.tokens.first(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        if here {
            self.next();
        }
        here
    }

    fn sign(&mut self, wanted: char) -> bool {
        let here = self.tokens.first() == Some(&Token::Sign(wanted));
        if here {
            self.next();
        }
        here
    }

    fn unexpected(&self) -> Problem {
        match self.tokens.first() {
            Some(token) => invalid(format!("Invalid filter clause near {token:?}")),
            None => invalid("Invalid filter clause: it ends too early"),
        }
    }
}

fn unquoted(word: &str) -> Literal {
    let midnight = format!("{word}T00:00:00Z");
    match word {
        "null" => Literal::Null,
        "true" => Literal::Bool(true),
        "false" => Literal::Bool(false),
        _ => word
            .parse()
            .map(Literal::Number)
            .or_else(|_| word.parse().map(Literal::Time))
            .or_else(|_| midnight.parse().map(Literal::Time))
            .unwrap_or_else(|_: jiff::Error| Literal::Text(word.to_owned())),
    }
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::bad_request(message)
}

const MOST_TOKENS: usize = 400;
const DEEPEST: u32 = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const PROPERTIES: &[&str] = &[
        "activityDateTime",
        "initiatedBy/user/id",
        "targetResources/id",
        "name",
        "status/errorCode",
        "kinds",
    ];

    fn admits(filter: &str) -> bool {
        let object = json!({
            "activityDateTime": "2026-09-10T14:32:27.4602239Z",
            "initiatedBy": {"user": {"id": "aa"}, "app": null},
            "targetResources": [{"id": "t1"}, {"id": "t2"}],
            "name": "Change user's license",
            "status": {"errorCode": 50126},
            "kinds": ["one", "two"],
        });
        Filter::parse(filter, PROPERTIES)
            .unwrap_or_else(|e| panic!("{filter}: {e:?}"))
            .admits(&object)
    }

    #[test]
    fn the_filters_of_the_log_pages_work() {
        for filter in [
            "activityDateTime ge 2026-09-10T02:00:00Z and targetResources/any(t:t/id eq 't2')",
            "activityDateTime ge 2026-09-10 and activityDateTime lt 2026-09-11",
            "targetResources/any(t: t/id eq 'T1')",
            "initiatedBy/user/id eq 'AA'",
            "startswith(name,'change USER')",
            "name eq 'Change user''s license'",
            "status/errorCode ne 0",
            "(name eq 'x' or status/errorCode eq 50126) and kinds/any(k:k eq 'two')",
        ] {
            assert!(admits(filter), "{filter}");
        }
        for filter in [
            "activityDateTime gt 2026-09-10T14:32:27.4602239Z",
            "targetResources/any(t:t/id eq 't3')",
            "name eq 'Change user' and status/errorCode eq 50126",
            "startswith(name,'user')",
        ] {
            assert!(!admits(filter), "{filter}");
        }
    }

    #[test]
    fn what_is_not_filterable_or_not_a_filter_is_refused() {
        for filter in [
            "password eq 'x'",
            "name like 'x'",
            "name eq",
            "name eq 'x",
            "name eq 'x' and",
            "(name eq 'x'",
            "targetResources/any(t:u/id eq 'x')",
            "targetResources/any(t)",
            "not(name eq 'x')",
            "",
        ] {
            let problem = Filter::parse(filter, PROPERTIES).expect_err(filter);
            assert_eq!(problem.status, 400, "{filter}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_as_a_filter_gets_an_answer(text in "[a-z/:()' ,0-9]{0,60}") {
            let _ = Filter::parse(&text, PROPERTIES);
        }

        #[test]
        fn deep_nesting_is_refused_not_followed(depth in 20usize..200) {
            let text = format!("{}name eq 'x'{}", "(".repeat(depth), ")".repeat(depth));
            prop_assert!(Filter::parse(&text, PROPERTIES).is_err());
        }
    }
}
