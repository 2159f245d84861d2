//! Query options: `$select`, `$filter`, `$search`, `$top`, `$count`, `$expand`, `$orderby`, paging.
//!
//! Knows no resource: a [`Schema`] names the properties, a [`Row`] has their values. What Graph
//! only answers as an advanced query (`ConsistencyLevel: eventual` and `$count=true`) is refused
//! without those, as Graph refuses it.

mod evaluate;
mod filter;
mod search;
mod select;

use std::borrow::Cow;
use std::cmp::Reverse;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Answer, Call, Problem};
pub(crate) use filter::Filter;
pub(crate) use search::Search;
pub(crate) use select::Expand;

/// A property of a resource.
#[derive(Debug)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    /// Returned when nothing is selected.
    pub(crate) default: bool,
    pub(crate) filter: bool,
    pub(crate) search: bool,
    pub(crate) sort: bool,
}

/// What can be asked about a resource.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The entity type without its namespace: `user`.
    pub(crate) name: &'static str,
    /// As error messages call it: `User`.
    pub(crate) resource: &'static str,
    /// More than one table for a type that stands for several.
    pub(crate) properties: &'static [&'static [Property]],
    /// Graph's, but not the sandbox's: refused loudly.
    pub(crate) elsewhere: &'static [&'static str],
    /// What `$expand` takes, and what is there.
    pub(crate) relations: &'static [(&'static str, &'static Schema)],
    /// Whether `contains` may be asked; the directory does not take it.
    pub(crate) contains: bool,
}

impl Schema {
    /// A property by its name in any case.
    pub(crate) fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties
            .iter()
            .flat_map(|table| table.iter())
            .find(|property| property.name.eq_ignore_ascii_case(name))
    }

    fn unfilterable(&self, property: &str) -> Problem {
        Problem::new(
            400,
            "Request_UnsupportedQuery",
            format!(
                "Unsupported or invalid query filter clause specified for property '{property}' \
                 of resource '{}'.",
                self.resource
            ),
        )
    }
}

/// A value, as far as filters look into it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand<'a> {
    Null,
    Flag(bool),
    Number(i64),
    Text(Cow<'a, str>),
    Id(Uuid),
    Time(Timestamp),
    List(Vec<Operand<'a>>),
    Record(Vec<(&'static str, Operand<'a>)>),
}

impl<'a> Operand<'a> {
    /// Text that may be absent.
    pub(crate) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(Cow::Borrowed(text)))
    }

    /// Text made for the answer.
    pub(crate) fn made(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    /// A list of texts.
    pub(crate) fn texts(texts: &'a [String]) -> Self {
        Self::List(texts.iter().map(|text| Self::text(Some(text))).collect())
    }

    /// As in an answer's body.
    pub(crate) fn json(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => flag.into(),
            Self::Number(number) => number.into(),
            Self::Text(text) => text.into_owned().into(),
            Self::Id(id) => id.to_string().into(),
            Self::Time(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into(),
            Self::List(elements) => elements.into_iter().map(Self::json).collect(),
            Self::Record(fields) => {
                let fields =
                    fields.into_iter().map(|(name, value)| (name.to_owned(), value.json()));
                Value::Object(fields.collect())
            }
        }
    }
}

/// Something with properties.
pub(crate) trait Row {
    /// The value of a property, spelt as in the schema; `Null` for what it does not have.
    fn get(&self, property: &str) -> Operand<'_>;
}

/// Whether a collection is a resource of its own or a relation of another object, about which the
/// directory answers less without an advanced query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collection {
    Top,
    Relation,
}

/// The query options of a read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub(crate) filter: Option<Filter>,
    pub(crate) search: Option<Search>,
    /// Spelt as in the schema, in the order asked for.
    pub(crate) select: Option<Vec<&'static str>>,
    pub(crate) expand: Option<Expand>,
    /// Property and whether descending.
    order: Option<(&'static str, bool)>,
    top: usize,
    /// Where the page starts.
    from: usize,
    /// Whether the answer carries `@odata.count`.
    count: bool,
}

impl Query {
    /// Reads the options of a collection.
    ///
    /// # Errors
    /// Graph's 400 for what it does not take.
    pub(crate) fn collection(
        call: &Call,
        schema: &Schema,
        collection: Collection,
    ) -> Result<Self, Problem> {
        let mut query = Self { top: PAGE, ..Self::default() };
        let mut counted = false;
        for (name, value) in &call.query {
            match name.to_ascii_lowercase().as_str() {
                "$filter" => query.filter = Some(Filter::parse(value, schema)?),
                "$search" => query.search = Some(Search::parse(value, schema)?),
                "$orderby" => query.order = Some(order(value, schema)?),
                "$top" => query.top = top(value)?,
                "$skiptoken" => query.from = position(value)?,
                "$count" => counted = flag(name, value)?,
                _ => query.shape(name, value, schema)?,
            }
        }
        let eventual = eventual(call);
        let advanced = eventual && counted;
        query.count = advanced;
        if query.search.is_some() && !eventual {
            return Err(unsupported(
                "Request with $search query parameter only works through MSGraph with a special \
                 request header: 'ConsistencyLevel: eventual'",
            ));
        }
        if advanced {
            return Ok(query);
        }
        if let Some(operator) = query.filter.as_ref().and_then(Filter::advanced) {
            return Err(unsupported(format!(
                "Operator '{operator}' is not supported because the required parameters might be \
                 missing. Try adding $count=true query parameter and ConsistencyLevel:eventual \
                 header. Refer to https://aka.ms/graph-docs/advanced-queries for more information"
            )));
        }
        if query.filter.is_some() && collection == Collection::Relation {
            // From memory.
            return Err(unsupported(
                "The specified filter to the reference property query is currently not supported.",
            ));
        }
        let plain = collection == Collection::Top && query.filter.is_none();
        if query.order.is_some() && !(plain && query.search.is_none()) {
            return Err(unsortable());
        }
        Ok(query)
    }

    /// Reads the options of `/$count`.
    ///
    /// # Errors
    /// Without `ConsistencyLevel: eventual`, or Graph's 400 for what it does not take.
    pub(crate) fn count(call: &Call, schema: &Schema) -> Result<Self, Problem> {
        if !eventual(call) {
            return Err(Problem::bad_request("$count is not currently supported."));
        }
        let mut query = Self::default();
        for (name, value) in &call.query {
            match name.to_ascii_lowercase().as_str() {
                "$filter" => query.filter = Some(Filter::parse(value, schema)?),
                "$search" => query.search = Some(Search::parse(value, schema)?),
                _ => query.shape(name, value, schema)?,
            }
        }
        Ok(query)
    }

    /// Reads the options of a single object.
    ///
    /// # Errors
    /// Graph's 400 for what it does not take.
    pub(crate) fn entity(call: &Call, schema: &Schema) -> Result<Self, Problem> {
        let mut query = Self::default();
        for (name, value) in &call.query {
            query.shape(name, value, schema)?;
        }
        Ok(query)
    }

    /// The options that say what of a row is shown.
    fn shape(&mut self, name: &str, value: &str, schema: &Schema) -> Result<(), Problem> {
        match name.to_ascii_lowercase().as_str() {
            "$select" => self.select = Some(select::select(value, schema)?),
            "$expand" => self.expand = Some(Expand::parse(value, schema)?),
            "$format" if value.contains("json") => {}
            "$skip" => {
                return Err(Problem::bad_request("'$skip' is not supported by the service."));
            }
            // From memory.
            _ => {
                return Err(Problem::new(
                    400,
                    "BadRequest",
                    format!("The query parameter '{name}' is not supported."),
                ));
            }
        }
        Ok(())
    }

    /// Whether a row is asked for.
    ///
    /// # Errors
    /// When the filter compares what cannot be compared.
    pub(crate) fn wants(&self, row: &dyn Row) -> Result<bool, Problem> {
        let found = self.search.as_ref().is_none_or(|search| search.finds(row));
        Ok(found
            && match &self.filter {
                Some(filter) => evaluate::meets(filter, row)?,
                None => true,
            })
    }

    /// Whether which rows are shown, or where, depends on their properties.
    pub(crate) fn asks(&self) -> bool {
        self.filter.is_some() || self.search.is_some() || self.order.is_some()
    }

    /// How many rows are asked for, as text.
    ///
    /// # Errors
    /// When the filter compares what cannot be compared.
    pub(crate) fn total<R: Row>(&self, rows: impl Iterator<Item = R>) -> Result<Answer, Problem> {
        let mut count = 0u64;
        for row in rows {
            count += u64::from(self.wants(&row)?);
        }
        let mut answer = Answer::ok(json!(count));
        answer.headers.push(("Content-Type".to_owned(), "text/plain".to_owned()));
        Ok(answer)
    }

    /// Every property that the query names, to be judged against what the caller may see.
    pub(crate) fn properties(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.select.iter().flatten().copied().collect();
        all.extend(self.filter.iter().flat_map(Filter::properties));
        all.extend(self.search.iter().flat_map(|search| search.properties()));
        all.extend(self.order.map(|(property, _)| property));
        all
    }

    /// One page of `rows`, which come with their positions, rising.
    ///
    /// # Errors
    /// When the filter compares what cannot be compared.
    pub(crate) fn page<R: Row>(
        &self,
        call: &Call,
        set: &str,
        rows: impl Iterator<Item = (usize, R)>,
        show: impl Fn(&R) -> Value,
    ) -> Result<Answer, Problem> {
        let mut shown = Vec::new();
        let mut next = None;
        let mut count = 0u64;
        if let Some((property, descending)) = self.order {
            let mut found = Vec::new();
            for (_, row) in rows {
                if self.wants(&row)? {
                    found.push((sort_key(row.get(property)), row));
                }
            }
            count = u64::try_from(found.len()).unwrap_or(u64::MAX);
            if descending {
                found.sort_by_cached_key(|(key, _)| Reverse(key.clone()));
            } else {
                found.sort_by(|(one, _), (other, _)| one.cmp(other));
            }
            let end = self.from.saturating_add(self.top);
            next = (found.len() > end).then_some(end);
            shown.extend(found.iter().skip(self.from).take(self.top).map(|(_, row)| show(row)));
        } else {
            for (at, row) in rows {
                let before = at < self.from;
                if (before && !self.count) || !self.wants(&row)? {
                    continue;
                }
                count += 1;
                if !before && shown.len() < self.top {
                    shown.push(show(&row));
                } else if !before && next.is_none() {
                    next = Some(at);
                    if !self.count {
                        break;
                    }
                }
            }
        }
        let mut body = Map::new();
        body.insert("@odata.context".to_owned(), self.context(call, set).into());
        if self.count {
            body.insert("@odata.count".to_owned(), count.into());
        }
        if let Some(next) = next {
            body.insert("@odata.nextLink".to_owned(), next_link(call, next).into());
        }
        body.insert("value".to_owned(), Value::Array(shown));
        Ok(Answer::ok(Value::Object(body)))
    }

    /// `@odata.context` for a set such as `users` or `users/$entity`.
    pub(crate) fn context(&self, call: &Call, set: &str) -> String {
        let version = if call.beta { "beta" } else { "v1.0" };
        let (set, entity) = match set.strip_suffix("/$entity") {
            Some(set) => (set, "/$entity"),
            None => (set, ""),
        };
        let mut shape: Vec<String> =
            self.select.iter().flatten().map(|name| (*name).to_owned()).collect();
        shape.extend(self.expand.as_ref().map(Expand::context));
        let shape = if shape.is_empty() { String::new() } else { format!("({})", shape.join(",")) };
        format!("{}/{version}/$metadata#{set}{shape}{entity}", call.origin)
    }
}

fn eventual(call: &Call) -> bool {
    call.header("ConsistencyLevel").is_some_and(|level| level.eq_ignore_ascii_case("eventual"))
}

fn order(value: &str, schema: &Schema) -> Result<(&'static str, bool), Problem> {
    let mut words = value.split_whitespace();
    let name = words.next().unwrap_or_default();
    let descending = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("asc") => false,
        Some(word) if word.eq_ignore_ascii_case("desc") => true,
        Some(_) => return Err(unsortable()),
    };
    let property = schema.property(name).ok_or_else(|| {
        Problem::new(
            400,
            "BadRequest",
            format!(
                "Could not find a property named '{name}' on type 'microsoft.graph.{}'.",
                schema.name
            ),
        )
    })?;
    if words.next().is_some() || !property.sort {
        return Err(unsortable());
    }
    Ok((property.name, descending))
}

fn top(value: &str) -> Result<usize, Problem> {
    match value.parse() {
        Ok(top @ 1..=LARGEST_PAGE) => Ok(top),
        _ => Err(unsupported(format!(
            "Invalid page size specified: '{value}'. Must be between 1 and {LARGEST_PAGE} \
             inclusive."
        ))),
    }
}

fn flag(name: &str, value: &str) -> Result<bool, Problem> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::new(
            400,
            "BadRequest",
            format!("Invalid value '{value}' for {name} query option found."),
        )),
    }
}

/// What comes first when sorted: nothing, then text without regard to case, then times.
fn sort_key(value: Operand<'_>) -> (u8, String) {
    match value {
        Operand::Null => (0, String::new()),
        Operand::Text(text) => (1, text.to_lowercase()),
        other => (2, other.json().to_string()),
    }
}

/// Where a page starts, from its opaque mark.
fn position(token: &str) -> Result<usize, Problem> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        std::str::from_utf8(&bytes).ok()?.strip_prefix(MARK)?.parse().ok()
    };
    // The text is from memory.
    read().ok_or_else(|| Problem::bad_request("Skip token is null or invalid."))
}

/// The same request again, from `position` on.
fn next_link(call: &Call, position: usize) -> String {
    let version = if call.beta { "beta" } else { "v1.0" };
    let mut link = format!("{}/{version}", call.origin);
    for segment in &call.raw {
        link.push('/');
        link.extend(utf8_percent_encode(segment, PLAIN));
    }
    let mark = URL_SAFE_NO_PAD.encode(format!("{MARK}{position}"));
    let kept = call.query.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken"));
    let mark = ("$skiptoken".to_owned(), mark);
    for (at, (name, value)) in kept.chain([&mark]).enumerate() {
        link.push(if at == 0 { '?' } else { '&' });
        link.extend(utf8_percent_encode(name, PLAIN));
        link.push('=');
        link.extend(utf8_percent_encode(value, PLAIN));
    }
    link
}

fn unsupported(message: impl Into<String>) -> Problem {
    Problem::new(400, "Request_UnsupportedQuery", message)
}

fn unsortable() -> Problem {
    unsupported("Sorting not supported for current query.")
}

/// What needs no escape in an address.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'$').remove(b'@');
/// Objects on a page when `$top` says nothing.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 999;
/// What a page mark starts with inside.
const MARK: &str = "m~";

#[cfg(test)]
mod tests;
