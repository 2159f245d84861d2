//! `GET /chats/{id}/messages`: newest first, and a filter that counts only next to its own order.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::draft::moment;
use super::{history_from, includes_unknown, message_json, readable};
use crate::graph::chats::call::{
    Path, bad, context, next_link, options, person, skip_token, skipped, top, visible,
};
use crate::graph::{Answer, Call, Problem};
use crate::tenant::{Chat, Message};
use crate::world::World;

pub(super) fn list(
    world: &World,
    call: &Call,
    path: &Path<'_>,
    id: &str,
) -> Result<Answer, Problem> {
    readable(call)?;
    options(call, &["$top", "$orderby", "$filter", "$skiptoken"])?;
    person(world, call)?;
    let chat = visible(world, call, path, id)?;
    let order = order(call)?;
    let window = window(call, order)?;
    let from = history_from(chat, call);
    let below = match skipped(call)? {
        Some((key, id)) => Some((key, id.parse().map_err(|_| bad("Badly formed token."))?)),
        None => None,
    };
    let top = top(call)?;
    let mut page: Vec<&Message> = newest(chat, order, below)
        .filter(|message| message.id >= from && window.holds(order.key(message)))
        .take(top.saturating_add(1))
        .collect();
    let more = page.len() > top;
    page.truncate(top);
    let unknown = includes_unknown(call);
    let value: Vec<Value> =
        page.iter().map(|message| message_json(world, chat, message, unknown)).collect();
    let mut body = json!({
        "@odata.context": context(call, &chat.id, "/messages"),
        "@odata.count": value.len(),
    });
    if let (true, Some(last), Some(object)) = (more, page.last(), body.as_object_mut()) {
        let token = skip_token(order.key(last), &last.id.to_string());
        object.insert("@odata.nextLink".to_owned(), json!(next_link(call, &token)));
    }
    if let Some(object) = body.as_object_mut() {
        object.insert("value".to_owned(), Value::Array(value));
    }
    Ok(Answer::ok(body))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Modified,
    Created,
}

impl Order {
    fn named(property: &str) -> Option<Self> {
        match property {
            "lastModifiedDateTime" => Some(Self::Modified),
            "createdDateTime" => Some(Self::Created),
            _ => None,
        }
    }

    fn key(self, message: &Message) -> u64 {
        match self {
            Self::Modified => message.etag,
            Self::Created => message.id,
        }
    }
}

fn newest(
    chat: &Chat,
    order: Order,
    below: Option<(u64, u64)>,
) -> Box<dyn Iterator<Item = &Message> + '_> {
    match order {
        Order::Modified => Box::new(chat.by_change(below)),
        Order::Created => {
            let end = below.map_or(u64::MAX, |(_, id)| id);
            Box::new(chat.messages.range(..end).rev().map(|(_, message)| message))
        }
    }
}

fn order(call: &Call) -> Result<Order, Problem> {
    let Some(given) = call.option("$orderby") else { return Ok(Order::Modified) };
    let mut words = given.split_whitespace();
    match (words.next().and_then(Order::named), words.next(), words.next()) {
        (Some(order), Some(direction), None) if direction.eq_ignore_ascii_case("desc") => Ok(order),
        (Some(_), ..) => Err(bad("QueryOptions to order by a property in ascending order is not \
             supported.")),
        _ => Err(bad(format!("QueryOptions to order by '{given}' is not supported."))),
    }
}

/// The open interval a filter leaves.
#[derive(Debug, Default)]
struct Window {
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Window {
    fn holds(&self, millis: u64) -> bool {
        let at = i64::try_from(millis).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        at.is_some_and(|at| {
            self.after.is_none_or(|after| at > after)
                && self.before.is_none_or(|before| at < before)
        })
    }
}

/// What the filter asks for, if it counts: without `$orderby` on the same property Graph ignores
/// it without a word.
fn window(call: &Call, order: Order) -> Result<Window, Problem> {
    let (Some(filter), Some(_)) = (call.option("$filter"), call.option("$orderby")) else {
        return Ok(Window::default());
    };
    let mut window = Window::default();
    for part in filter.split(" and ") {
        let part = part.trim().trim_start_matches('(').trim_end_matches(')');
        let words: Vec<&str> = part.split_whitespace().collect();
        let [property, operator, value] = words.as_slice() else { return Err(odd(filter)) };
        let property = Order::named(property).ok_or_else(|| odd(filter))?;
        if property != order {
            return Ok(Window::default());
        }
        match (property, *operator) {
            (Order::Modified, "gt") => window.after = Some(moment(value)?),
            (_, "lt") => window.before = Some(moment(value)?),
            _ => return Err(odd(filter)),
        }
    }
    Ok(window)
}

fn odd(filter: &str) -> Problem {
    bad(format!("The filter '{filter}' is not supported for chat messages."))
}
