//! The web page: who am I, the chat, the directory card, the audit log, the fault switches.
//!
//! A person's own Teams client, drawn by the sandbox: it acts as whoever was picked and needs no
//! token. Files are compiled in; no build step, no address outside this machine.

mod about;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};
use url::form_urlencoded;
use uuid::Uuid;

use crate::client;
use crate::connector;
use crate::graph::Problem;
use crate::wire::{Body, Request, Response, field, set};
use crate::world::{Event, Sandbox, World};

/// Answers one request for `/` and below.
pub(crate) async fn answer(sandbox: &Arc<Sandbox>, request: &Request) -> Response {
    if !is_ours(request) {
        return Response {
            status: 403,
            headers: Vec::new(),
            body: Body::Text("This page is for this machine's own browser.\n".to_owned()),
        };
    }
    if matches!(request.method.as_str(), "GET" | "HEAD")
        && let Some((_, kind, bytes)) = FILES.iter().find(|(path, ..)| *path == request.path)
    {
        return page(bytes, kind);
    }
    let answered = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/page/events") => return events(sandbox),
        ("GET", "/page/people") => {
            let find = option(request, "find").unwrap_or_default();
            Ok(view::people(&sandbox.world(), &find))
        }
        ("GET", "/page/person") => {
            let who = option(request, "who").unwrap_or_default();
            view::somebody(&sandbox.world(), &who)
        }
        ("GET", "/page/chats") => chats(sandbox, request),
        ("GET", "/page/messages") => messages(sandbox, request),
        ("GET", "/page/audit") => Ok(view::audit(&sandbox.world())),
        ("POST", path) if bots(sandbox, request) => {
            let what = path.strip_prefix("/page/").unwrap_or_default();
            let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            connector::act(sandbox, what, &body).await
        }
        ("POST", "/page/open") => act(sandbox, request, open),
        ("POST", "/page/say") => act(sandbox, request, say),
        ("POST", "/page/edit") => act(sandbox, request, edit),
        ("POST", "/page/delete") => act(sandbox, request, delete),
        _ => Err(Problem::new(404, "NotFound", "There is no such page here.")),
    };
    match answered {
        Ok(value) => Response::json(200, value),
        Err(problem) => Response::json(problem.status, json!({"error": problem.message})),
    }
    .with_header("cache-control", "no-store")
    .with_header("x-content-type-options", "nosniff")
}

/// Whether what the page asks for is about a conversation with a bot.
fn bots(sandbox: &Sandbox, request: &Request) -> bool {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let chat = field(&body, "chat").as_str().unwrap_or_default();
    connector::is_ours(&sandbox.world(), chat)
}

/// The page acts as anybody, so only pages of this very origin may ask: not another site (its
/// `Origin` differs), not a name that was pointed at this machine (its `Host` is no loopback).
fn is_ours(request: &Request) -> bool {
    let host = request.header("host").unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let loopback = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    let same = request.header("origin").is_none_or(|origin| {
        origin.strip_prefix("http://").or(origin.strip_prefix("https://")) == Some(host)
    });
    // A link to the page may stand anywhere; what the page asks for comes from the page alone.
    let from_us = request.path == "/"
        || request
            .header("sec-fetch-site")
            .is_none_or(|site| matches!(site, "same-origin" | "none"));
    loopback && same && from_us
}

fn page(bytes: &'static [u8], kind: &'static str) -> Response {
    Response { status: 200, headers: Vec::new(), body: Body::File(kind, bytes) }
        .with_header("cache-control", "no-store")
        .with_header("x-content-type-options", "nosniff")
        .with_header("referrer-policy", "no-referrer")
        .with_header(
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        )
}

/// What changed, as it changes. The page then asks for what it shows.
fn events(sandbox: &Arc<Sandbox>) -> Response {
    let mut changes = sandbox.events.subscribe();
    let (sender, receiver) = mpsc::channel(64);
    let stop = sandbox.stop.clone();
    sandbox.tasks.spawn(async move {
        loop {
            let change = tokio::select! {
                () = stop.cancelled() => return,
                () = sender.closed() => return,
                change = changes.recv() => change,
            };
            let told = match change {
                Ok(change) => told(&change),
                // Too many to follow: everything may have changed.
                Err(broadcast::error::RecvError::Lagged(_)) => json!({"what": "everything"}),
                Err(broadcast::error::RecvError::Closed) => return,
            };
            if sender.send(told.to_string()).await.is_err() {
                return;
            }
        }
    });
    Response { status: 200, headers: Vec::new(), body: Body::Events(receiver) }
        .with_header("cache-control", "no-store")
}

fn told(change: &Event) -> Value {
    match change {
        Event::Message { chat, .. } => json!({"what": "message", "chat": chat}),
        Event::Chat { chat } => json!({"what": "chat", "chat": chat}),
        Event::Directory { id } => json!({"what": "directory", "id": id}),
        Event::Presence { user } => json!({"what": "presence", "id": user}),
        Event::Audit | Event::SignIn => json!({"what": "audit"}),
        Event::Faults => json!({"what": "faults"}),
    }
}

fn chats(sandbox: &Arc<Sandbox>, request: &Request) -> Result<Value, Problem> {
    let me = person(request, "as")?;
    Ok(view::chats(&sandbox.world(), me))
}

fn messages(sandbox: &Arc<Sandbox>, request: &Request) -> Result<Value, Problem> {
    let me = person(request, "as")?;
    let chat = option(request, "chat").unwrap_or_default();
    let world = sandbox.world();
    if connector::is_ours(&world, &chat) {
        let mut shown = connector::messages(&world, me, &chat)?;
        let said = field(&shown, "messages").as_array().into_iter().flatten().rev();
        let talk: Vec<&str> =
            said.take(12).filter_map(|message| field(message, "content").as_str()).collect();
        let about = about::spoken_of(&world, talk.into_iter(), me);
        set(&mut shown, "about", json!(about));
        return Ok(shown);
    }
    view::messages(&world, me, &chat)
}

/// What the page asks to be done.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Act {
    #[serde(rename = "as")]
    me: Uuid,
    with: Option<Uuid>,
    #[serde(default)]
    chat: String,
    message: Option<String>,
    #[serde(default)]
    text: String,
}

impl Act {
    fn message(&self) -> Result<u64, Problem> {
        let id = self.message.as_deref().and_then(|id| id.parse().ok());
        id.ok_or_else(|| Problem::new(400, "BadRequest", "Which message?"))
    }
}

fn act(
    sandbox: &Arc<Sandbox>,
    request: &Request,
    done: fn(&mut World, &Act) -> Result<Value, Problem>,
) -> Result<Value, Problem> {
    let act: Act = serde_json::from_slice(&request.body)
        .map_err(|cause| Problem::new(400, "BadRequest", cause.to_string()))?;
    done(&mut sandbox.world(), &act)
}

fn open(world: &mut World, act: &Act) -> Result<Value, Problem> {
    let with = act.with.ok_or_else(|| Problem::new(400, "BadRequest", "With whom?"))?;
    client::direct(world, act.me, with).map(|chat| json!({"chat": chat}))
}

fn say(world: &mut World, act: &Act) -> Result<Value, Problem> {
    let id = client::say(world, &act.chat, act.me, &act.text)?;
    Ok(json!({"message": id.to_string()}))
}

fn edit(world: &mut World, act: &Act) -> Result<Value, Problem> {
    client::edit(world, &act.chat, act.me, act.message()?, &act.text).map(|()| json!({}))
}

fn delete(world: &mut World, act: &Act) -> Result<Value, Problem> {
    client::delete(world, &act.chat, act.me, act.message()?).map(|()| json!({}))
}

fn option(request: &Request, name: &str) -> Option<String> {
    let query = request.query.as_deref().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn person(request: &Request, name: &str) -> Result<Uuid, Problem> {
    option(request, name)
        .and_then(|id| Uuid::try_parse(&id).ok())
        .ok_or_else(|| Problem::new(400, "BadRequest", format!("`{name}` names nobody.")))
}

/// Path, type, content.
const FILES: [(&str, &str, &[u8]); 8] = [
    ("/", "text/html; charset=utf-8", include_bytes!("page/index.html")),
    ("/page/style.css", "text/css; charset=utf-8", include_bytes!("page/style.css")),
    ("/page/app.js", SCRIPT, include_bytes!("page/app.js")),
    ("/page/chat.js", SCRIPT, include_bytes!("page/chat.js")),
    ("/page/faults.js", SCRIPT, include_bytes!("page/faults.js")),
    ("/page/net.js", SCRIPT, include_bytes!("page/net.js")),
    ("/page/icon.svg", ICON, include_bytes!("page/icon.svg")),
    ("/favicon.ico", ICON, include_bytes!("page/icon.svg")),
];
const SCRIPT: &str = "text/javascript; charset=utf-8";
const ICON: &str = "image/svg+xml";
