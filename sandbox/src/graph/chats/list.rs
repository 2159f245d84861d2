//! `GET /me/chats`, `/users/{id}/chats` and `/chats`.

use std::cmp::Reverse;

use serde_json::{Map, Value, json};

use super::call::{
    Path, bad, base, next_link, options, own, person, scoped, skip_token, skipped, top,
};
use super::{READ, READ_ALL, chat_json, members, members_context};
use crate::graph::messages::{includes_unknown, preview_json};
use crate::graph::{Answer, Call, Problem};
use crate::tenant::{Chat, ChatKind};
use crate::world::World;

pub(super) fn list(world: &World, call: &Call, path: &Path<'_>) -> Result<Answer, Problem> {
    scoped(call, READ, READ_ALL)?;
    options(call, &["$top", "$expand", "$filter", "$orderby", "$select", "$skiptoken"])?;
    let owner = match path.owner {
        Some(owner) => own(world, call, owner)?,
        None => person(world, call)?,
    };
    if call.caller.user.is_some() {
        person(world, call)?;
    }
    let expand = Expand::read(call)?;
    if expand.preview {
        // `Chat.ReadBasic` is names and members only.
        scoped(call, &["Chat.Read", "Chat.ReadWrite"], &["Chat.Read.All", "Chat.ReadWrite.All"])?;
    }
    let filter = Filter::read(call)?;
    let select = select(call)?;
    // The only order there is, asked for or not.
    if let Some(order) = call.option("$orderby")
        && !order.trim().eq_ignore_ascii_case("lastMessagePreview/createdDateTime desc")
    {
        return Err(bad(format!("QueryOptions to order by '{order}' is not supported.")));
    }
    let top = top(call)?;
    let after = skipped(call)?;
    let key = |chat: &Chat| (Reverse(chat.active()), chat.id.clone());
    let mut chats: Vec<_> = world
        .tenant
        .chats
        .of(owner)
        .filter(|chat| filter.holds(chat))
        .map(|chat| (key(chat), chat))
        .filter(|(key, _)| {
            after.as_ref().is_none_or(|(active, id)| *key > (Reverse(*active), id.clone()))
        })
        .collect();
    chats.sort_by(|(one, _), (other, _)| one.cmp(other));
    let more = chats.len() > top;
    chats.truncate(top);
    let value: Vec<Value> =
        chats.iter().map(|(_, chat)| shown(world, call, chat, &expand, &select)).collect();
    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), json!(format!("{}/$metadata#chats", base(call))));
    body.insert("@odata.count".to_owned(), json!(value.len()));
    if let (true, Some((_, last))) = (more, chats.last()) {
        let token = skip_token(last.active(), &last.id);
        body.insert("@odata.nextLink".to_owned(), json!(next_link(call, &token)));
    }
    body.insert("value".to_owned(), Value::Array(value));
    Ok(Answer::ok(Value::Object(body)))
}

fn shown(world: &World, call: &Call, chat: &Chat, expand: &Expand, select: &[String]) -> Value {
    let mut body = chat_json(world, chat);
    let Some(object) = body.as_object_mut() else { return body };
    if !select.is_empty() {
        object.retain(|name, _| select.iter().any(|wanted| wanted == name));
    }
    if expand.members {
        let all = chat.members.iter().map(|member| members::member_json(chat, member)).collect();
        object.insert("members@odata.context".to_owned(), json!(members_context(call, chat)));
        object.insert("members".to_owned(), Value::Array(all));
    }
    if expand.preview {
        let unknown = includes_unknown(call);
        let last = chat.last().map(|message| preview_json(world, message, unknown));
        object.insert("lastMessagePreview".to_owned(), last.unwrap_or(Value::Null));
    }
    body
}

#[derive(Debug, Default)]
struct Expand {
    members: bool,
    preview: bool,
}

impl Expand {
    fn read(call: &Call) -> Result<Self, Problem> {
        let mut expand = Self::default();
        for name in call.option("$expand").unwrap_or_default().split(',').map(str::trim) {
            match name {
                "members" => expand.members = true,
                "lastMessagePreview" => expand.preview = true,
                "" => {}
                _ => {
                    return Err(bad(format!(
                        "The query parameter $expand={name} is not supported."
                    )));
                }
            }
        }
        Ok(expand)
    }
}

/// `chatType eq 'group' and topic eq 'Launch'`.
#[derive(Debug, Default)]
struct Filter {
    kind: Option<String>,
    topic: Option<String>,
}

impl Filter {
    fn read(call: &Call) -> Result<Self, Problem> {
        let mut filter = Self::default();
        let given = call.option("$filter").unwrap_or_default();
        let odd = || bad(format!("The filter '{given}' is not supported for chats."));
        let mut rest = given.trim();
        while !rest.is_empty() {
            let (property, after) = rest.split_once(" eq '").ok_or_else(odd)?;
            let (value, after) = literal(after).ok_or_else(odd)?;
            match property.trim() {
                "chatType" => filter.kind = Some(value),
                "topic" => filter.topic = Some(value),
                _ => return Err(odd()),
            }
            let after = after.trim_start();
            rest = match after.strip_prefix("and ") {
                Some(next) => next.trim_start(),
                None if after.is_empty() => after,
                None => return Err(odd()),
            };
        }
        Ok(filter)
    }

    fn holds(&self, chat: &Chat) -> bool {
        let kind = match chat.kind {
            ChatKind::OneOnOne => "oneOnOne",
            ChatKind::Group => "group",
        };
        self.kind.as_ref().is_none_or(|wanted| wanted == kind)
            && self.topic.as_ref().is_none_or(|wanted| chat.topic.as_ref() == Some(wanted))
    }
}

/// An OData string after its opening quote, and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('\'')?;
        value.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Some((value, after)),
        }
    }
}

fn select(call: &Call) -> Result<Vec<String>, Problem> {
    let names = call.option("$select").unwrap_or_default().split(',').map(str::trim);
    let names: Vec<String> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    match names.iter().find(|name| !PROPERTIES.contains(&name.as_str())) {
        Some(odd) => Err(bad(format!(
            "Could not find a property named '{odd}' on type 'microsoft.graph.chat'."
        ))),
        None => Ok(names),
    }
}

const PROPERTIES: [&str; 12] = [
    "id",
    "topic",
    "createdDateTime",
    "lastUpdatedDateTime",
    "chatType",
    "webUrl",
    "tenantId",
    "onlineMeetingInfo",
    "isHiddenForAllMembers",
    "viewpoint",
    // Relations may be selected too; they are shown only when expanded.
    "members",
    "lastMessagePreview",
];
