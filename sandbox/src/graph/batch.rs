//! `$batch`: up to 20 calls in one request, each judged alone.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::front::{Context, Cut, Raw, one};
use super::{Answer, Problem};
use crate::wire::field;
use crate::world::Sandbox;

/// One member, checked for form.
#[derive(Debug)]
struct Member {
    id: String,
    depends_on: Vec<String>,
    raw: Raw,
}

/// Answers a batch. It is 200 even when members fail.
pub(super) async fn answer(
    sandbox: &Arc<Sandbox>,
    context: &Context,
    method: &str,
    body: &Value,
) -> Result<Result<Answer, Problem>, Cut> {
    if method != "POST" {
        return Ok(Err(Problem::new(405, "Request_BadRequest", "Only POST is allowed on $batch.")));
    }
    let members = match members(body) {
        Ok(members) => members,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut succeeded: HashMap<String, bool> = HashMap::new();
    let mut responses = Vec::with_capacity(members.len());
    for Member { id, depends_on, raw } in members {
        let ready = depends_on.iter().all(|other| succeeded.get(other) == Some(&true));
        let result = if ready { one(sandbox, context, raw).await? } else { Err(dependency()) };
        let now = sandbox.world().now();
        let ids = (context.request_id, context.client_request_id);
        let answer = result.unwrap_or_else(|problem| problem.into_answer(ids, now));
        succeeded.insert(id.clone(), answer.status < 400);
        responses.push(response(&id, answer));
    }
    Ok(Ok(Answer::ok(json!({"responses": responses}))))
}

fn response(id: &str, answer: Answer) -> Value {
    let mut headers: Map<String, Value> =
        answer.headers.into_iter().map(|(name, value)| (name, value.into())).collect();
    headers.insert("Cache-Control".to_owned(), "no-store".into());
    let mut response = Map::new();
    response.insert("id".to_owned(), id.into());
    response.insert("status".to_owned(), answer.status.into());
    if let Some(body) = answer.body {
        headers.insert("Content-Type".to_owned(), "application/json".into());
        response.insert("headers".to_owned(), headers.into());
        response.insert("body".to_owned(), body);
    } else {
        response.insert("headers".to_owned(), headers.into());
        response.insert("body".to_owned(), Value::Null);
    }
    response.into()
}

/// The members in the order they were sent, or why the whole batch is refused.
fn members(body: &Value) -> Result<Vec<Member>, Problem> {
    let requests = field(body, "requests")
        .as_array()
        .filter(|requests| !requests.is_empty())
        .ok_or_else(|| bad("Invalid batch payload format."))?;
    if requests.len() > MOST_MEMBERS {
        return Err(bad(format!(
            "Number of batch request steps exceeds the maximum value of {MOST_MEMBERS}."
        )));
    }
    let mut members: Vec<Member> = Vec::with_capacity(requests.len());
    for request in requests {
        let member = member(request)?;
        if members.iter().any(|other| other.id == member.id) {
            return Err(bad("Request Id must be unique."));
        }
        // Only backwards: a cycle has no order to run in.
        if let Some(unknown) =
            member.depends_on.iter().find(|id| !members.iter().any(|other| other.id == **id))
        {
            return Err(bad(format!(
                "Request Id {} depends on {unknown}, which does not come before it.",
                member.id
            )));
        }
        members.push(member);
    }
    Ok(members)
}

fn member(request: &Value) -> Result<Member, Problem> {
    let own = id(field(request, "id")).ok_or_else(|| bad("Request Id cannot be null or empty."))?;
    let method = field(request, "method").as_str().unwrap_or_default().to_ascii_uppercase();
    if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
        return Err(bad(format!("Invalid method for request Id {own}.")));
    }
    let url = field(request, "url").as_str().unwrap_or_default();
    let plain = url.trim_start_matches('/');
    if plain.is_empty() || plain.contains("://") || plain.to_ascii_lowercase().contains("$batch") {
        return Err(bad(format!("Invalid URL for request Id {own}: it must be relative.")));
    }
    let (path, query) = match plain.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (plain, None),
    };
    let headers: Vec<(String, String)> = field(request, "headers")
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let body = field(request, "body").clone();
    let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !body.is_null() && !typed {
        return Err(bad(format!(
            "Write request id : {own} does not contain Content-Type header or body."
        )));
    }
    let depends_on = field(request, "dependsOn").as_array().into_iter().flatten().filter_map(id);
    Ok(Member {
        depends_on: depends_on.collect(),
        raw: Raw { method, path: path.to_owned(), query, headers, body },
        id: own,
    })
}

/// Ids are strings, but shipped clients send numbers.
fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

fn bad(message: impl Into<String>) -> Problem {
    Problem::new(400, "BadRequest", message)
}

fn dependency() -> Problem {
    Problem::new(424, "FailedDependency", "A request this one depends on has failed.")
}

const MOST_MEMBERS: usize = 20;
