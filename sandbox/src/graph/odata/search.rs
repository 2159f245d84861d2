//! `$search`: quoted `"property:words"` clauses, joined by AND and OR.

use super::{Operand, Row, Schema};
use crate::graph::Problem;

/// A condition on the words of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    And(Box<Search>, Box<Search>),
    Or(Box<Search>, Box<Search>),
    /// Wanted in a property, spelt as in the schema.
    Words(&'static str, Words),
}

/// What is looked for, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    text: String,
    tokens: Vec<String>,
}

impl Search {
    /// Reads a search over the searchable properties of `schema`.
    ///
    /// # Errors
    /// Graph's 400 for what is no search or names a property that cannot be searched.
    pub(crate) fn parse(text: &str, schema: &Schema) -> Result<Self, Problem> {
        if text.len() > LONGEST {
            return Err(Problem::new(400, "BadRequest", "The search is too long."));
        }
        let mut parser = Parser { text, at: 0, schema, depth: 0 };
        let search = parser.any()?;
        parser.space();
        match parser.peek() {
            None => Ok(search),
            Some(_) => Err(parser.syntax()),
        }
    }

    /// Whether `row` has the words.
    pub(super) fn finds(&self, row: &dyn Row) -> bool {
        match self {
            Self::And(one, other) => one.finds(row) && other.finds(row),
            Self::Or(one, other) => one.finds(row) || other.finds(row),
            Self::Words(property, words) => match row.get(property) {
                Operand::Text(text) => has(property, &text, words),
                Operand::List(texts) => texts
                    .iter()
                    .any(|text| matches!(text, Operand::Text(text) if has(property, text, words))),
                _ => false,
            },
        }
    }

    /// Every property that is searched.
    pub(crate) fn properties(&self) -> Vec<&'static str> {
        match self {
            Self::And(one, other) | Self::Or(one, other) => {
                let mut all = one.properties();
                all.extend(other.properties());
                all
            }
            Self::Words(property, _) => vec![property],
        }
    }
}

/// Names and descriptions are found by the beginnings of their words, in any order; everything
/// else by its own beginning (Graph, "Use the $search query parameter").
fn has(property: &str, text: &str, words: &Words) -> bool {
    if !TOKENISED.contains(&property) {
        return text.to_lowercase().starts_with(&words.text);
    }
    let tokens = tokens(text);
    words.tokens.iter().all(|word| tokens.iter().any(|token| token.starts_with(word)))
}

/// Words in lower case; a change of kind (letter, digit) or a capital after a small letter starts
/// another one.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut before = None;
    for next in text.chars() {
        if next.is_alphanumeric() {
            let starts = before.is_none_or(|before: char| {
                before.is_numeric() != next.is_numeric()
                    || (before.is_lowercase() && next.is_uppercase())
            });
            if starts {
                tokens.push(String::new());
            }
            if let Some(token) = tokens.last_mut() {
                token.extend(next.to_lowercase());
            }
        }
        before = next.is_alphanumeric().then_some(next);
    }
    tokens
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    schema: &'a Schema,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Search, Problem> {
        let mut search = self.all()?;
        while self.word("OR") {
            search = Search::Or(Box::new(search), Box::new(self.all()?));
        }
        Ok(search)
    }

    fn all(&mut self) -> Result<Search, Problem> {
        let mut search = self.one()?;
        while self.word("AND") {
            search = Search::And(Box::new(search), Box::new(self.one()?));
        }
        Ok(search)
    }

    fn one(&mut self) -> Result<Search, Problem> {
        self.space();
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.syntax());
        }
        let search = match self.peek() {
            Some('(') => {
                self.at += 1;
                let search = self.any()?;
                self.space();
                if self.peek() != Some(')') {
                    return Err(self.syntax());
                }
                self.at += 1;
                search
            }
            Some('"') => self.clause()?,
            _ => return Err(self.syntax()),
        };
        self.depth -= 1;
        Ok(search)
    }

    /// `"property:words"`, with `\"` and `\\` inside.
    fn clause(&mut self) -> Result<Search, Problem> {
        self.at += 1;
        let mut clause = String::new();
        loop {
            let next = self.peek().ok_or_else(|| self.syntax())?;
            self.at += next.len_utf8();
            match next {
                '"' => break,
                '\\' => {
                    let escaped = self.peek().ok_or_else(|| self.syntax())?;
                    self.at += escaped.len_utf8();
                    clause.push(escaped);
                }
                other => clause.push(other),
            }
        }
        let Some((property, words)) = clause.split_once(':') else {
            // From memory.
            return Err(Problem::bad_request(format!("Invalid search clause '{clause}'.")));
        };
        let found = self.schema.property(property.trim()).filter(|property| property.search);
        let Some(property) = found else {
            return Err(Problem::new(
                400,
                "Request_UnsupportedQuery",
                format!(
                    "Unsupported or invalid search clause specified for property '{property}' of \
                     resource '{}'.",
                    self.schema.resource
                ),
            ));
        };
        let words = words.trim();
        let words = Words { text: words.to_lowercase(), tokens: tokens(words) };
        Ok(Search::Words(property.name, words))
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn space(&mut self) {
        while let Some(space) = self.peek().filter(|next| next.is_whitespace()) {
            self.at += space.len_utf8();
        }
    }

    fn word(&mut self, word: &str) -> bool {
        self.space();
        let found = self.text.get(self.at..).is_some_and(|rest| {
            rest.strip_prefix(word)
                .is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric()))
        });
        if found {
            self.at += word.len();
        }
        found
    }

    fn syntax(&self) -> Problem {
        let message = match self.peek() {
            Some(next) => format!(
                "Syntax error: character '{next}' is not valid at position {} in '{}'.",
                self.at, self.text
            ),
            None => format!("Syntax error at position {} in '{}'.", self.at, self.text),
        };
        Problem::new(400, "BadRequest", message)
    }
}

const TOKENISED: &[&str] = &["displayName", "description"];
const LONGEST: usize = 4 * 1024;
const DEEPEST: usize = 64;
