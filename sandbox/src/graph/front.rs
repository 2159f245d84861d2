//! From an HTTP request to calls and back: the token, the fault switches, `$batch`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::address::Address;
use super::{Answer, Call, Caller, Problem, batch, dispatch, subscriptions};
use crate::token;
use crate::wire::{Body, Request, Response};
use crate::world::{Event, Sandbox};

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(super) struct Cut;

/// What a client sends along on every request of an HTTP call, in a batch or not.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) beta: bool,
    pub(super) caller: Caller,
    pub(super) origin: String,
    pub(super) request_id: Uuid,
    pub(super) client_request_id: Option<Uuid>,
}

/// One call before its address is understood.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) method: String,
    /// Below the version, still percent-encoded.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Value,
}

/// Answers one HTTP request to Graph.
pub(crate) async fn answer(sandbox: &Arc<Sandbox>, request: &Request) -> Response {
    let (request_id, now) = {
        let mut world = sandbox.world();
        (world.guid(), world.now())
    };
    let client_request_id =
        request.header("client-request-id").and_then(|id| Uuid::try_parse(id).ok());
    let ids = (request_id, client_request_id);
    let answer = match inner(sandbox, request, ids).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(problem)) => problem.into_answer(ids, now),
        Err(Cut) => return Response { status: 0, headers: Vec::new(), body: Body::Cut },
    };
    respond(answer, request, ids)
}

async fn inner(
    sandbox: &Arc<Sandbox>,
    request: &Request,
    ids: (Uuid, Option<Uuid>),
) -> Result<Result<Answer, Problem>, Cut> {
    let (beta, path) = match version(&request.path) {
        Ok(found) => found,
        Err(problem) => return Ok(Err(problem)),
    };
    let caller = match token::caller(sandbox, bearer(request), token::GRAPH) {
        Ok(caller) => caller,
        Err(problem) => return Ok(Err(problem)),
    };
    if path.is_none() {
        return Ok(user_info(sandbox, &caller));
    }
    let context = Context {
        beta,
        caller,
        origin: request.origin.clone(),
        request_id: ids.0,
        client_request_id: ids.1,
    };
    let body = match body(request) {
        Ok(body) => body,
        Err(problem) => return Ok(Err(problem)),
    };
    let path = path.unwrap_or_default();
    let plain = path.trim_matches('/').replace("%24", "$").to_ascii_lowercase();
    if plain == "$batch" {
        return batch::answer(sandbox, &context, &request.method, &body).await;
    }
    let headers = request
        .headers
        .iter()
        .filter(|(name, _)| *name != "authorization")
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let raw = Raw {
        method: request.method.clone(),
        path: path.to_owned(),
        query: request.query.clone(),
        headers,
        body,
    };
    one(sandbox, &context, raw).await
}

/// Answers one call, with whatever the fault switches say about it.
pub(super) async fn one(
    sandbox: &Arc<Sandbox>,
    context: &Context,
    raw: Raw,
) -> Result<Result<Answer, Problem>, Cut> {
    let call = {
        let world = sandbox.world();
        match Address::parse(&raw.path, &context.caller, &world.tenant) {
            Ok(address) => call(context, raw, address),
            Err(problem) => return Ok(Err(problem)),
        }
    };
    let fault = Fault::draw(sandbox, &call);
    match fault {
        Some(Fault::Throttled(retry_after)) => return Ok(Err(throttled(retry_after))),
        Some(Fault::FailedBefore(status)) => return Ok(Err(unavailable(status))),
        Some(Fault::Refused) => return Ok(Err(Problem::denied())),
        Some(Fault::FailedAfter(_) | Fault::CutAfter) | None => {}
    }
    let subscribes = call.method == "POST" && call.names == ["subscriptions"];
    let answer = if subscribes {
        subscriptions::create(sandbox, call).await
    } else {
        dispatch(&mut sandbox.world(), &call)
    };
    match fault {
        // A write that is refused anyway did not happen, so there is nothing to be unsure about.
        Some(Fault::FailedAfter(status)) if answer.is_ok() => Ok(Err(unavailable(status))),
        Some(Fault::CutAfter) if answer.is_ok() => Err(Cut),
        _ => Ok(answer),
    }
}

fn call(context: &Context, raw: Raw, address: Address) -> Call {
    let query = raw.query.as_deref().unwrap_or_default();
    Call {
        cast: None,
        beta: context.beta,
        method: raw.method,
        names: address.names,
        raw: address.raw,
        query: form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .take(MOST_OPTIONS)
            .collect(),
        headers: raw.headers,
        body: raw.body,
        caller: context.caller.clone(),
        origin: context.origin.clone(),
        request_id: context.request_id,
        client_request_id: context.client_request_id,
    }
}

/// What a fault switch does to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    Throttled(Option<String>),
    FailedBefore(u16),
    FailedAfter(u16),
    CutAfter,
    Refused,
}

impl Fault {
    /// Takes the next fault that is due for this call, counting it down.
    fn draw(sandbox: &Sandbox, call: &Call) -> Option<Self> {
        let mut world = sandbox.world();
        let faults = &mut world.faults;
        let status = faults.fail_status.unwrap_or(503);
        let grants =
            |name: &String| ["oauth2permissiongrants", "approleassignments"].contains(&&**name);
        let fault = if writes(call)
            && call.names.iter().any(grants)
            && take(&mut faults.refuse_grants_next)
        {
            Self::Refused
        } else if faults.only_path.as_ref().is_some_and(|path| !begins(call, path)) {
            return None;
        } else if take(&mut faults.throttle_next) {
            Self::Throttled(faults.retry_after.clone())
        } else if !writes(call) {
            return None;
        } else if take(&mut faults.fail_before_next) {
            Self::FailedBefore(status)
        } else if take(&mut faults.fail_after_next) {
            Self::FailedAfter(status)
        } else if take(&mut faults.cut_after_next) {
            Self::CutAfter
        } else {
            return None;
        };
        world.emit(Event::Faults);
        Some(fault)
    }
}

/// Whether a call's address begins with this path.
fn begins(call: &Call, path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let mut wanted = path.split('/').filter(|name| !name.is_empty());
    let mut names = call.names.iter();
    wanted.all(|wanted| names.next().is_some_and(|name| name == wanted))
}

/// Counts a switch down; whether it was on.
fn take(left: &mut u32) -> bool {
    let on = *left > 0;
    *left = left.saturating_sub(1);
    on
}

/// Whether a call changes something. Some POSTs only read.
pub(super) fn writes(call: &Call) -> bool {
    let last = call.names.last().map_or("", String::as_str);
    call.method != "GET"
        && !["get", "check", "validate"].iter().any(|prefix| last.starts_with(prefix))
}

fn throttled(retry_after: Option<String>) -> Problem {
    let mut problem =
        Problem::new(429, "TooManyRequests", "Too many requests. Please try again later.");
    problem.headers.extend(retry_after.map(|seconds| ("Retry-After".to_owned(), seconds)));
    problem
}

fn unavailable(status: u16) -> Problem {
    let (code, message) = match status {
        500 => ("InternalServerError", "An internal server error occurred."),
        502 => ("BadGateway", "The gateway received an invalid answer."),
        504 => ("GatewayTimeout", "The gateway timed out."),
        _ => {
            let message = "The service is temporarily unavailable. Please try again later.";
            return Problem::new(503, "ServiceUnavailable", message);
        }
    };
    Problem::new(status, code, message)
}

/// The version and what follows it; `None` for `/oidc/userinfo`.
fn version(path: &str) -> Result<(bool, Option<&str>), Problem> {
    let trimmed = path.trim_start_matches('/');
    let (first, rest) = trimmed.split_once('/').unwrap_or((trimmed, ""));
    match first.to_ascii_lowercase().as_str() {
        "v1.0" => Ok((false, Some(rest))),
        "beta" => Ok((true, Some(rest))),
        "oidc" if rest.eq_ignore_ascii_case("userinfo") => Ok((false, None)),
        _ => Err(Problem::new(400, "BadRequest", "Invalid version.")),
    }
}

fn bearer(request: &Request) -> &str {
    let header = request.header("authorization").unwrap_or_default();
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    }
}

fn body(request: &Request) -> Result<Value, Problem> {
    if request.body.is_empty() {
        return Ok(Value::Null);
    }
    let kind = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let parsed =
        if kind.contains("json") { serde_json::from_slice(&request.body).ok() } else { None };
    parsed.ok_or_else(|| {
        Problem::new(
            400,
            "BadRequest",
            "Unable to read JSON request payload. Please ensure Content-Type header is set and \
             payload is of valid JSON format.",
        )
    })
}

/// The OpenID Connect user info endpoint, which lives on Graph's host.
fn user_info(sandbox: &Sandbox, caller: &Caller) -> Result<Answer, Problem> {
    let world = sandbox.world();
    let user =
        caller.user.and_then(|id| world.tenant.people.get(id)).ok_or_else(Problem::denied)?;
    Ok(Answer::ok(json!({
        "sub": token::subject(user.id, caller.app_id),
        "name": user.display_name,
        "family_name": user.surname,
        "given_name": user.given_name,
        "email": user.mail,
        "picture": "https://graph.microsoft.com/v1.0/me/photo/$value",
    })))
}

fn respond(answer: Answer, request: &Request, ids: (Uuid, Option<Uuid>)) -> Response {
    let mut headers = answer.headers;
    headers.push(("request-id".to_owned(), ids.0.to_string()));
    // Sent back when it was sent; a new one otherwise, as the real service does.
    headers.push(("client-request-id".to_owned(), ids.1.unwrap_or(ids.0).to_string()));
    headers.push(("Cache-Control".to_owned(), "no-store".to_owned()));
    let typed = headers.iter().any(|(name, _)| name == "Content-Type");
    let body = match answer.body {
        // Bytes travel inside answers as `$batch` shows them: base64 next to their type.
        Some(Value::String(bytes)) if typed => {
            Body::Bytes(STANDARD.decode(bytes).unwrap_or_default().into())
        }
        // `/$count`.
        Some(Value::Number(count)) if typed => Body::Text(count.to_string()),
        Some(value) => {
            let kind = if answer.status < 400 {
                headers.push(("OData-Version".to_owned(), "4.0".to_owned()));
                success_type(request)
            } else {
                "application/json"
            };
            headers.push(("Content-Type".to_owned(), kind.to_owned()));
            Body::Json(value)
        }
        None => Body::Empty,
    };
    Response { status: answer.status, headers, body }
}

fn success_type(request: &Request) -> &'static str {
    if request.path.to_ascii_lowercase().starts_with("/oidc") {
        return "application/json";
    }
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
}

impl Problem {
    /// The answer that carries it.
    pub(super) fn into_answer(self, ids: (Uuid, Option<Uuid>), now: Timestamp) -> Answer {
        let body = self.body(ids, now);
        Answer { status: self.status, headers: self.headers, body: Some(body) }
    }
}

const MOST_OPTIONS: usize = 64;
