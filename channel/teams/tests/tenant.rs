//! A tenant's Graph, as far as the adapter asks it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use subtwin_kernel::Clock;
use subtwin_teams::{Graph, GraphAnswer, GraphError, GraphRequest, Verb};

pub(crate) const TENANT: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const TWIN: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const DOUG: &str = "33333333-3333-4333-8333-333333333333";
pub(crate) const APP: &str = "55555555-5555-4555-8555-555555555555";
pub(crate) const CHAT: &str =
    "19:22222222-2222-4222-8222-222222222222_33333333-3333-4333-8333-333333333333@unq.gbl.spaces";
pub(crate) const GROUP: &str = "19:0123456789abcdef0123456789abcdef@thread.v2";

#[derive(Debug)]
pub(crate) struct Tenant {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) chats: BTreeMap<String, Vec<Value>>,
    pub(crate) subscriptions: Vec<Value>,
    pub(crate) requests: Vec<GraphRequest>,
    faults: Vec<(Verb, String, Fault)>,
    last_id: i64,
    made: u32,
    /// Items on a page, whatever is asked for.
    pub(crate) page: usize,
}

/// What goes wrong with the next request that fits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Refused(u16),
    Busy(Option<Duration>),
    /// No answer, and nothing happened.
    Lost,
    /// No answer, but it happened.
    LostAfter,
}

impl Tenant {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State { page: 50, ..State::default() };
        Arc::new(Self { clock, state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next request with this method and with `part` in its path fails.
    pub(crate) fn fail(&self, verb: Verb, part: &str, fault: Fault) {
        self.state().faults.push((verb, part.to_owned(), fault));
    }

    /// How many requests there were with this method and with `part` in their path.
    pub(crate) fn count(&self, verb: Verb, part: &str) -> usize {
        let state = self.state();
        state.requests.iter().filter(|r| r.verb == verb && r.path.contains(part)).count()
    }

    /// A person writes; returns the stored message.
    pub(crate) fn write(&self, chat: &str, from: &str, html: &str) -> Value {
        let now = self.clock.now();
        self.state().write(now, chat, from, html)
    }

    /// Somebody changes a message.
    pub(crate) fn change(&self, message: &Value, change: impl FnOnce(&mut Value)) -> Value {
        let now = self.clock.now().to_string();
        let mut state = self.state();
        let chat = message["chatId"].as_str().unwrap();
        let stored = state.chats.get_mut(chat).unwrap();
        let stored = stored.iter_mut().find(|stored| stored["id"] == message["id"]).unwrap();
        stored["lastModifiedDateTime"] = json!(now);
        change(stored);
        stored.clone()
    }

    pub(crate) fn edit(&self, message: &Value, html: &str) -> Value {
        let now = self.clock.now().to_string();
        self.change(message, |stored| {
            stored["body"]["content"] = json!(html);
            stored["lastEditedDateTime"] = json!(now);
        })
    }
}

impl State {
    fn write(&mut self, now: Timestamp, chat: &str, from: &str, html: &str) -> Value {
        self.last_id = (self.last_id + 1).max(now.as_millisecond());
        let at = Timestamp::from_millisecond(self.last_id).unwrap().to_string();
        let message = json!({
            "id": self.last_id.to_string(), "replyToId": null, "etag": self.last_id.to_string(),
            "messageType": "message", "createdDateTime": at, "lastModifiedDateTime": at,
            "lastEditedDateTime": null, "deletedDateTime": null, "chatId": chat,
            "from": {"application": null, "device": null, "user": {
                "@odata.type": "#microsoft.graph.teamworkUserIdentity", "id": from,
                "displayName": "Doug", "userIdentityType": "aadUser", "tenantId": TENANT}},
            "body": {"contentType": "html", "content": html},
            "attachments": [], "mentions": [], "reactions": [],
        });
        self.chats.entry(chat.to_owned()).or_default().push(message.clone());
        message
    }

    fn answer(&mut self, now: Timestamp, request: &GraphRequest) -> Result<(u16, Value), u16> {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let path = decode(path);
        let query: BTreeMap<_, _> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let parts: Vec<_> = path.trim_start_matches("/v1.0/").split('/').collect();
        let body = request.body.clone().unwrap_or_default();
        match (request.verb, parts.as_slice()) {
            (Verb::Get, ["me", "chats"]) => {
                let chats = self.chats.iter().map(|(id, messages)| {
                    let preview = messages.last().map(|last| {
                        json!({"id": last["id"], "createdDateTime": last["createdDateTime"]})
                    });
                    json!({"id": id, "chatType": "oneOnOne", "lastMessagePreview": preview,
                        "lastUpdatedDateTime": "2020-01-01T00:00:00Z"})
                });
                Ok((200, self.page(&request.path, &query, &chats.collect::<Vec<_>>())))
            }
            (Verb::Get, ["chats", chat, "messages"]) => {
                let mut found = self.chats.get(*chat).ok_or(404_u16)?.clone();
                let order = query.get("$orderby").map(String::as_str);
                if order == Some("lastModifiedDateTime desc") {
                    found.sort_by_key(|m| std::cmp::Reverse(time(&m["lastModifiedDateTime"])));
                    let filter = query.get("$filter").map_or("", String::as_str);
                    if let Some(since) = filter.strip_prefix("lastModifiedDateTime gt ") {
                        let since: Timestamp = since.parse().unwrap();
                        found.retain(|m| time(&m["lastModifiedDateTime"]) > since);
                    }
                }
                Ok((200, self.page(&request.path, &query, &found)))
            }
            (Verb::Post, ["chats", chat, "messages"]) => {
                let html = body["body"]["content"].as_str().unwrap();
                Ok((201, self.write(now, chat, TWIN, html)))
            }
            (Verb::Get, ["chats", chat, "messages", id]) => {
                let messages = self.chats.get(*chat).ok_or(404_u16)?;
                Ok((200, messages.iter().find(|m| m["id"] == **id).ok_or(404_u16)?.clone()))
            }
            (Verb::Patch, ["chats", chat, "messages", id]) => {
                let messages = self.chats.get_mut(*chat).ok_or(404_u16)?;
                let message = messages.iter_mut().find(|m| m["id"] == **id).ok_or(404_u16)?;
                message["body"] = body["body"].clone();
                message["lastEditedDateTime"] = json!(now.to_string());
                message["lastModifiedDateTime"] = json!(now.to_string());
                Ok((204, Value::Null))
            }
            (Verb::Post, ["chats"]) => {
                self.chats.entry(CHAT.to_owned()).or_default();
                Ok((201, json!({"id": CHAT, "chatType": "oneOnOne"})))
            }
            (Verb::Get, ["subscriptions"]) => {
                Ok((200, self.page(&request.path, &query, &self.subscriptions)))
            }
            (Verb::Post, ["subscriptions"]) => {
                if self.subscriptions.iter().any(|s| s["resource"] == body["resource"]) {
                    return Err(409);
                }
                self.made += 1;
                let mut made = body;
                made["id"] = json!(format!("subscription-{}", self.made));
                self.subscriptions.push(made.clone());
                Ok((201, made))
            }
            (Verb::Patch, ["subscriptions", id]) => {
                let subscription = self.subscription(id)?;
                subscription["expirationDateTime"] = body["expirationDateTime"].clone();
                Ok((200, subscription.clone()))
            }
            (Verb::Post, ["subscriptions", id, "reauthorize"]) => {
                self.subscription(id).map(|_| (204, Value::Null))
            }
            (Verb::Delete, ["subscriptions", id]) => {
                self.subscription(id)?;
                self.subscriptions.retain(|s| s["id"] != **id);
                Ok((204, Value::Null))
            }
            (Verb::Post, ["users", _, "presence", "setPresence"]) => Ok((200, Value::Null)),
            _ => Err(400),
        }
    }

    fn subscription(&mut self, id: &str) -> Result<&mut Value, u16> {
        self.subscriptions.iter_mut().find(|s| s["id"] == *id).ok_or(404)
    }

    fn page(&self, path: &str, query: &BTreeMap<String, String>, all: &[Value]) -> Value {
        let skip: usize = query.get("$skip").map_or(0, |skip| skip.parse().unwrap());
        let page: Vec<_> = all.iter().skip(skip).take(self.page).cloned().collect();
        let mut body = json!({"@odata.count": page.len(), "value": page});
        if skip + self.page < all.len() {
            let path = path.split("&$skip").next().unwrap();
            let sign = if path.contains('?') { '&' } else { '?' };
            let next = skip + self.page;
            body["@odata.nextLink"] =
                json!(format!("https://graph.example{path}{sign}$skip={next}"));
        }
        body
    }
}

#[async_trait]
impl Graph for Tenant {
    async fn call(&self, request: GraphRequest) -> Result<GraphAnswer, GraphError> {
        let now = self.clock.now();
        // A request takes a moment, so that other tasks run meanwhile.
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.requests.push(request.clone());
        let fault = state
            .faults
            .iter()
            .position(|(verb, part, _)| *verb == request.verb && request.path.contains(part))
            .map(|at| state.faults.remove(at).2);
        let lost = || GraphError::Unknown { cause: "the connection was reset".into() };
        let refused = |status: u16| GraphError::Refused {
            status,
            code: "Code".to_owned(),
            message: "message".to_owned(),
        };
        match fault {
            Some(Fault::Refused(status)) => return Err(refused(status)),
            Some(Fault::Busy(after)) => return Err(GraphError::Busy { after }),
            Some(Fault::Lost) => return Err(lost()),
            Some(Fault::LostAfter) => {
                state.answer(now, &request).unwrap();
                return Err(lost());
            }
            None => {}
        }
        let (status, body) = state.answer(now, &request).map_err(refused)?;
        Ok(GraphAnswer { status, body })
    }
}

pub(crate) fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn decode(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8().unwrap().into_owned()
}
