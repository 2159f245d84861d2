//! Answers of the small collections: envelope, `$filter`, `$select`, `$top`, `$skiptoken`. An option
//! the collection does not have is refused.

use serde_json::{Map, Value, json};

use super::filter::Filter;
use super::{Answer, Call, Problem};

/// How a collection is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listing<'a> {
    /// What follows `$metadata#`.
    pub(super) context: &'a str,
    /// What may be filtered on.
    pub(super) filterable: &'a [&'a str],
    /// Most on one page, and how many without `$top`.
    pub(super) page: usize,
    /// What `$orderby` may say besides `… desc`: the items come newest first.
    pub(super) orderable: Option<&'a str>,
}

impl Listing<'_> {
    /// A page of `items`.
    pub(super) fn answer(&self, call: &Call, items: Vec<Value>) -> Result<Answer, Problem> {
        self.check(call)?;
        let mut items = items;
        if let Some(filter) = call.option("$filter") {
            let filter = Filter::parse(filter, self.filterable)?;
            items.retain(|item| filter.admits(item));
        }
        if self.ascending(call)? {
            items.reverse();
        }
        let total = items.len();
        if let Some(token) = call.option("$skiptoken") {
            let after =
                items.iter().position(|item| item.get("id").and_then(Value::as_str) == Some(token));
            let Some(after) = after else {
                return Err(Problem::bad_request("The skip token is not valid."));
            };
            items.drain(..=after);
        }
        let size = top(call, self.page)?;
        let next = (items.len() > size)
            .then(|| {
                items
                    .get(size.saturating_sub(1))
                    .and_then(|item| item.get("id").and_then(Value::as_str))
            })
            .flatten()
            .map(|last| next_link(call, last));
        items.truncate(size);
        let mut body = Map::new();
        body.insert("@odata.context".to_owned(), json!(self.context(call)));
        if call.option("$count") == Some("true") {
            body.insert("@odata.count".to_owned(), json!(total));
        }
        if let Some(next) = next {
            body.insert("@odata.nextLink".to_owned(), json!(next));
        }
        let items = items.into_iter().map(|item| select(call, item)).collect();
        body.insert("value".to_owned(), Value::Array(items));
        Ok(Answer::ok(Value::Object(body)))
    }

    /// One member.
    pub(super) fn entity(&self, call: &Call, item: Value) -> Result<Answer, Problem> {
        for (option, _) in &call.query {
            if !["$select", "$expand"].iter().any(|known| known.eq_ignore_ascii_case(option)) {
                return Err(unknown(option));
            }
        }
        Ok(Answer::ok(self.wrapped(call, item)))
    }

    /// An item with its context, `$select` applied.
    pub(super) fn wrapped(&self, call: &Call, item: Value) -> Value {
        let mut body = Map::new();
        let context = format!("{}/$entity", self.context(call));
        body.insert("@odata.context".to_owned(), json!(context));
        if let Value::Object(item) = select(call, item) {
            body.extend(item);
        }
        Value::Object(body)
    }

    fn context(&self, call: &Call) -> String {
        let version = if call.beta { "beta" } else { "v1.0" };
        format!("{}/{version}/$metadata#{}", call.origin, self.context)
    }

    fn check(&self, call: &Call) -> Result<(), Problem> {
        let known = ["$filter", "$select", "$top", "$skiptoken", "$orderby", "$count", "$expand"];
        let odd = call.query.iter().find(|(option, _)| {
            option.starts_with('$') && !known.iter().any(|known| known.eq_ignore_ascii_case(option))
        });
        odd.map_or(Ok(()), |(option, _)| Err(unknown(option)))
    }

    fn ascending(&self, call: &Call) -> Result<bool, Problem> {
        let Some(order) = call.option("$orderby") else { return Ok(false) };
        let mut words = order.split_whitespace();
        let named = words.next().zip(self.orderable);
        match (named, words.next(), words.next()) {
            (Some((by, known)), direction, None) if by.eq_ignore_ascii_case(known) => {
                match direction {
                    None | Some("asc") => Ok(true),
                    Some("desc") => Ok(false),
                    Some(other) => Err(unknown(other)),
                }
            }
            _ => Err(Problem::bad_request(format!("Sorting by `{order}` is not supported."))),
        }
    }
}

fn top(call: &Call, page: usize) -> Result<usize, Problem> {
    let Some(top) = call.option("$top") else { return Ok(page) };
    match top.parse() {
        Ok(top) if (1..=LARGEST).contains(&top) => Ok(top),
        _ => Err(Problem::bad_request(format!(
            "Invalid page size specified: '{top}'. Must be between 1 and {LARGEST} inclusive."
        ))),
    }
}

/// Keeps what `$select` names.
pub(super) fn select(call: &Call, item: Value) -> Value {
    let (Some(names), Value::Object(item)) = (call.option("$select"), &item) else { return item };
    let wanted: Vec<_> = names.split(',').map(str::trim).collect();
    let kept = item.iter().filter(|(key, _)| {
        key.starts_with('@') || wanted.iter().any(|name| name.eq_ignore_ascii_case(key))
    });
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn next_link(call: &Call, last: &str) -> String {
    let version = if call.beta { "beta" } else { "v1.0" };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (option, value) in &call.query {
        if !option.eq_ignore_ascii_case("$skiptoken") {
            query.append_pair(option, value);
        }
    }
    query.append_pair("$skiptoken", last);
    format!("{}/{version}/{}?{}", call.origin, call.raw.join("/"), query.finish())
}

fn unknown(option: &str) -> Problem {
    Problem::bad_request(format!("The query option or value '{option}' is not supported here."))
}

const LARGEST: usize = 999;
