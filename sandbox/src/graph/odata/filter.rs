//! `$filter`: from text to an expression over known properties.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::Schema;
use crate::graph::Problem;

/// A condition on a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(Path, Comparison, Literal),
    In(Path, Vec<Literal>),
    Match(Path, Matching, String),
    /// Some element meets the condition; without one: there is an element.
    Any(Path, Option<Box<Filter>>),
    All(Path, Box<Filter>),
}

/// Where a value is: from the row, or from the element a lambda looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) element: bool,
    /// The first step of a row's path is spelt as in the schema. `$count` is the last if at all.
    pub(crate) steps: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matching {
    StartsWith,
    EndsWith,
    Contains,
}

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Null,
    Flag(bool),
    Number(i64),
    Text(String),
    Id(Uuid),
    Time(Timestamp),
}

impl Filter {
    /// Reads a filter over the properties of `schema`.
    ///
    /// # Errors
    /// Graph's 400 for what is no filter, names no property or is not supported on one.
    pub(crate) fn parse(text: &str, schema: &Schema) -> Result<Self, Problem> {
        if text.len() > LONGEST {
            return Err(invalid("The filter is too long."));
        }
        let mut tokens = tokens(text)?;
        tokens.reverse();
        let mut parser = Parser { tokens, text, schema, element: None, depth: 0 };
        let filter = parser.any()?;
        match parser.tokens.last() {
            None => Ok(filter),
            Some(_) => Err(parser.syntax()),
        }
    }

    /// The operator that Graph only answers as an advanced query, if there is one.
    pub(crate) fn advanced(&self) -> Option<&'static str> {
        match self {
            Self::And(one, other) | Self::Or(one, other) => one.advanced().or(other.advanced()),
            Self::Not(_) => Some("Not"),
            Self::Compare(path, ..) if path.counts() => Some("Count"),
            // The spelling of this one is from memory.
            Self::Compare(_, Comparison::NotEqual, _) => Some("NotEqualsMatch"),
            Self::Match(_, Matching::EndsWith, _) => Some("endsWith"),
            Self::Any(_, Some(inner)) | Self::All(_, inner) => inner.advanced(),
            Self::Compare(..) | Self::In(..) | Self::Match(..) | Self::Any(_, None) => None,
        }
    }

    /// Values of which a matching row must have one, if the filter demands that: `(property,
    /// value)` with a property out of `keys`. Lets an index find the candidates.
    pub(crate) fn keys(&self, keys: &[&str]) -> Option<Vec<(&str, &str)>> {
        match self {
            Self::And(one, other) => one.keys(keys).or_else(|| other.keys(keys)),
            Self::Or(one, other) => {
                let mut all = one.keys(keys)?;
                all.extend(other.keys(keys)?);
                Some(all)
            }
            Self::Compare(path, Comparison::Equal, Literal::Text(value)) => {
                Some(vec![(path.key(keys)?, value)])
            }
            Self::In(path, values) => {
                let key = path.key(keys)?;
                values
                    .iter()
                    .map(|value| match value {
                        Literal::Text(value) => Some((key, value.as_str())),
                        _ => None,
                    })
                    .collect()
            }
            _ => None,
        }
    }

    /// Every property of the row that the filter asks about.
    pub(crate) fn properties(&self) -> Vec<&str> {
        match self {
            Self::And(one, other) | Self::Or(one, other) => {
                let mut all = one.properties();
                all.extend(other.properties());
                all
            }
            Self::Not(inner) => inner.properties(),
            Self::Compare(path, ..)
            | Self::In(path, _)
            | Self::Match(path, ..)
            | Self::Any(path, _)
            | Self::All(path, _) => path.steps.first().map(String::as_str).into_iter().collect(),
        }
    }
}

impl Path {
    fn counts(&self) -> bool {
        self.steps.last().is_some_and(|step| step == COUNT)
    }

    fn key(&self, keys: &[&str]) -> Option<&str> {
        match self.steps.as_slice() {
            [step] if !self.element && keys.contains(&step.as_str()) => Some(step),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Comma,
    Slash,
    Colon,
    Word(String),
    Text(String),
}

/// Each token with the position after it.
fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Problem> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, next)) = rest.next() {
        let token = match next {
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '/' => Token::Slash,
            ':' => Token::Colon,
            '\'' => {
                let mut value = String::new();
                loop {
                    match rest.next() {
                        // A doubled quote stands for one.
                        Some((_, '\'')) if rest.next_if(|(_, c)| *c == '\'').is_some() => {
                            value.push('\'');
                        }
                        Some((_, '\'')) => break,
                        Some((_, other)) => value.push(other),
                        None => {
                            return Err(invalid(format!(
                                "There is an unterminated string literal at position {} in \
                                 '{text}'.",
                                text.len()
                            )));
                        }
                    }
                }
                Token::Text(value)
            }
            space if space.is_whitespace() => continue,
            first if first.is_ascii_alphanumeric() || "_$-+".contains(first) => {
                let mut word = String::from(first);
                // Dates have colons; lambdas have them too, but no number before.
                let number = first.is_ascii_digit();
                while let Some((_, more)) = rest.next_if(|(_, c)| {
                    c.is_ascii_alphanumeric()
                        || "_$-.".contains(*c)
                        || (number && ":+".contains(*c))
                }) {
                    word.push(more);
                }
                Token::Word(word)
            }
            other => {
                return Err(invalid(format!(
                    "Syntax error: character '{other}' is not valid at position {at} in '{text}'."
                )));
            }
        };
        let after = rest.peek().map_or(text.len(), |(at, _)| *at);
        tokens.push((token, after));
    }
    Ok(tokens)
}

struct Parser<'a> {
    /// Last first.
    tokens: Vec<(Token, usize)>,
    text: &'a str,
    schema: &'a Schema,
    /// The name a lambda gives its element.
    element: Option<String>,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Filter, Problem> {
        let mut filter = self.all()?;
        while self.word("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.all()?));
        }
        Ok(filter)
    }

    fn all(&mut self) -> Result<Filter, Problem> {
        let mut filter = self.one()?;
        while self.word("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.one()?));
        }
        Ok(filter)
    }

    fn one(&mut self) -> Result<Filter, Problem> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(invalid("The filter is nested too deeply."));
        }
        let filter = if self.word("not") {
            Filter::Not(Box::new(self.one()?))
        } else if self.next_if(&Token::Open) {
            let filter = self.any()?;
            self.expect(&Token::Close)?;
            filter
        } else {
            self.condition()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn condition(&mut self) -> Result<Filter, Problem> {
        let Some((Token::Word(first), _)) = self.tokens.pop() else { return Err(self.syntax()) };
        if let Some(matching) = matching(&first)
            && self.next_if(&Token::Open)
        {
            let path = self.path(None)?;
            if matching == Matching::Contains && !self.schema.contains {
                return Err(self.schema.unfilterable(&path.steps.join("/")));
            }
            self.expect(&Token::Comma)?;
            let Some((Token::Text(value), _)) = self.tokens.pop() else {
                return Err(self.syntax());
            };
            self.expect(&Token::Close)?;
            let filter = Filter::Match(path, matching, value);
            // `startswith(…) eq true` says the same.
            if self.word("eq") {
                return match self.tokens.pop() {
                    Some((Token::Word(word), _)) if word.eq_ignore_ascii_case("true") => Ok(filter),
                    Some((Token::Word(word), _)) if word.eq_ignore_ascii_case("false") => {
                        Ok(Filter::Not(Box::new(filter)))
                    }
                    _ => Err(self.syntax()),
                };
            }
            return Ok(filter);
        }
        let mut path = self.path(Some(first))?;
        if let Some(last) = path.steps.last()
            && self.tokens.last().is_some_and(|(token, _)| *token == Token::Open)
            && let Some(every) = quantifier(last)
        {
            path.steps.pop();
            return self.lambda(path, every);
        }
        let Some((Token::Word(operator), _)) = self.tokens.pop() else { return Err(self.syntax()) };
        if operator.eq_ignore_ascii_case("in") {
            self.expect(&Token::Open)?;
            let mut values = vec![self.literal()?];
            while self.next_if(&Token::Comma) {
                values.push(self.literal()?);
            }
            self.expect(&Token::Close)?;
            return Ok(Filter::In(path, values));
        }
        let comparison = comparison(&operator).ok_or_else(|| self.syntax())?;
        Ok(Filter::Compare(path, comparison, self.literal()?))
    }

    /// `any(x:condition)` after its path.
    fn lambda(&mut self, path: Path, every: bool) -> Result<Filter, Problem> {
        self.expect(&Token::Open)?;
        if !every && self.next_if(&Token::Close) {
            return Ok(Filter::Any(path, None));
        }
        let Some((Token::Word(name), _)) = self.tokens.pop() else { return Err(self.syntax()) };
        self.expect(&Token::Colon)?;
        let outer = self.element.replace(name);
        if outer.is_some() {
            // Graph nests lambdas nowhere that matters here.
            return Err(invalid("Nested lambda expressions are not supported."));
        }
        let condition = Box::new(self.any()?);
        self.expect(&Token::Close)?;
        self.element = outer;
        Ok(if every { Filter::All(path, condition) } else { Filter::Any(path, Some(condition)) })
    }

    /// `name/name`, of which the first may have been read already.
    fn path(&mut self, first: Option<String>) -> Result<Path, Problem> {
        let first = match first {
            Some(first) => first,
            None => self.name()?,
        };
        let mut path = if self.element.as_ref().is_some_and(|element| *element == first) {
            Path { element: true, steps: Vec::new() }
        } else {
            let property = self.schema.property(&first).ok_or_else(|| {
                invalid(format!(
                    "Could not find a property named '{first}' on type 'microsoft.graph.{}'.",
                    self.schema.name
                ))
            })?;
            if !property.filter {
                return Err(self.schema.unfilterable(property.name));
            }
            Path { element: false, steps: vec![property.name.to_owned()] }
        };
        while self.next_if(&Token::Slash) {
            path.steps.push(self.name()?);
        }
        Ok(path)
    }

    fn name(&mut self) -> Result<String, Problem> {
        match self.tokens.pop() {
            Some((Token::Word(name), _)) => Ok(name),
            _ => Err(self.syntax()),
        }
    }

    fn literal(&mut self) -> Result<Literal, Problem> {
        let Some((token, after)) = self.tokens.pop() else { return Err(self.syntax()) };
        let word = match token {
            Token::Text(value) => return Ok(Literal::Text(value)),
            Token::Word(word) => word,
            _ => return Err(self.syntax()),
        };
        let known = match word.as_str() {
            "null" => Some(Literal::Null),
            "true" => Some(Literal::Flag(true)),
            "false" => Some(Literal::Flag(false)),
            _ => None,
        };
        known
            .or_else(|| (word.len() == 36).then(|| Uuid::try_parse(&word).ok())?.map(Literal::Id))
            .or_else(|| word.parse().ok().map(Literal::Number))
            .or_else(|| word.parse().ok().map(Literal::Time))
            .or_else(|| {
                let day: Date = word.parse().ok()?;
                Some(Literal::Time(day.to_zoned(TimeZone::UTC).ok()?.timestamp()))
            })
            .ok_or_else(|| self.syntax_at(after))
    }

    fn word(&mut self, wanted: &str) -> bool {
        self.tokens
            .pop_if(|(token, _)| {
                matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(wanted))
            })
            .is_some()
    }

    fn next_if(&mut self, wanted: &Token) -> bool {
        self.tokens.pop_if(|(token, _)| token == wanted).is_some()
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), Problem> {
        if self.next_if(wanted) { Ok(()) } else { Err(self.syntax()) }
    }

    fn syntax(&self) -> Problem {
        self.syntax_at(self.tokens.last().map_or(self.text.len(), |(_, after)| *after))
    }

    fn syntax_at(&self, position: usize) -> Problem {
        invalid(format!("Syntax error at position {position} in '{}'.", self.text))
    }
}

fn matching(word: &str) -> Option<Matching> {
    match word.to_ascii_lowercase().as_str() {
        "startswith" => Some(Matching::StartsWith),
        "endswith" => Some(Matching::EndsWith),
        "contains" => Some(Matching::Contains),
        _ => None,
    }
}

fn comparison(word: &str) -> Option<Comparison> {
    match word.to_ascii_lowercase().as_str() {
        "eq" => Some(Comparison::Equal),
        "ne" => Some(Comparison::NotEqual),
        "gt" => Some(Comparison::Greater),
        "ge" => Some(Comparison::GreaterOrEqual),
        "lt" => Some(Comparison::Less),
        "le" => Some(Comparison::LessOrEqual),
        _ => None,
    }
}

/// Whether this step asks for every element (`all`) or for one (`any`).
fn quantifier(step: &str) -> Option<bool> {
    match step.to_ascii_lowercase().as_str() {
        "any" => Some(false),
        "all" => Some(true),
        _ => None,
    }
}

/// Graph's answer to a filter it cannot read. The words after the colon are from memory.
pub(super) fn invalid(why: impl Into<String>) -> Problem {
    Problem::new(400, "BadRequest", format!("Invalid filter clause: {}", why.into()))
}

/// The last step of `collection/$count`.
pub(super) const COUNT: &str = "$count";

/// Far longer than any address that a server takes.
const LONGEST: usize = 16 * 1024;
const DEEPEST: usize = 64;
