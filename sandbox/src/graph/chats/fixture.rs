//! The sample company and people calling Graph, for tests.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use url::form_urlencoded;
use uuid::Uuid;

use crate::graph::address::Address;
use crate::graph::{Answer, Call, Caller, Problem, dispatch};
use crate::settings::Settings;
use crate::tenant::{TWIN_CHAT_APP, Tenant};
use crate::world::{Event, Sandbox};

pub(crate) const SAM: &str = "sam@contoso.com";
pub(crate) const DOUG: &str = "doug@contoso.com";
pub(crate) const SARAH: &str = "sarah.lin@contoso.com";
/// At the partner company.
pub(crate) const PRIYA: &str = "priya.shah@fabrikam.com";

/// Every delegated permission the chat service knows.
pub(crate) const ALL: [&str; 5] = [
    "Chat.ReadWrite",
    "ChatMember.ReadWrite",
    "Chat.Create",
    "Presence.ReadWrite",
    "Presence.Read.All",
];

#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) changes: mpsc::UnboundedReceiver<Event>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let (sandbox, changes) = Sandbox::new(Settings::default(), Tenant::sample(1, 40));
        Self { sandbox, changes }
    }

    /// With a notifier at work.
    pub(crate) fn notifying() -> Arc<Sandbox> {
        let Self { sandbox, changes } = Self::new();
        sandbox.tasks.spawn(crate::notify::run(Arc::clone(&sandbox), changes));
        sandbox
    }

    pub(crate) fn id(&self, upn: &str) -> Uuid {
        id(&self.sandbox, upn)
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        advance(&self.sandbox, by);
    }

    /// Calls with every permission.
    pub(crate) fn ask(
        &self,
        who: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> Result<Answer, Problem> {
        self.ask_with(who, &ALL, method, path, body)
    }

    pub(crate) fn ask_with(
        &self,
        who: &str,
        scopes: &[&str],
        method: &str,
        path: &str,
        body: Value,
    ) -> Result<Answer, Problem> {
        let call = call(&self.sandbox, Some(who), scopes, method, path, body);
        dispatch(&mut self.sandbox.world(), &call)
    }

    /// The body of a successful GET.
    pub(crate) fn get(&self, who: &str, path: &str) -> Value {
        let answer = self.ask(who, "GET", path, Value::Null).expect(path);
        assert_eq!(answer.status, 200, "{path}");
        answer.body.expect(path)
    }

    /// Status of an answer or a refusal.
    pub(crate) fn status(&self, who: &str, method: &str, path: &str, body: Value) -> u16 {
        match self.ask(who, method, path, body) {
            Ok(answer) => answer.status,
            Err(problem) => problem.status,
        }
    }

    /// The one-to-one chat of Doug and the twin.
    pub(crate) fn chat(&self) -> String {
        let (doug, sam) = (self.id(DOUG), self.id(SAM));
        crate::client::direct(&mut self.sandbox.world(), doug, sam).expect("a chat")
    }

    /// Posts as an app and returns the message.
    pub(crate) fn post(&self, who: &str, chat: &str, body: Value) -> Value {
        let answer =
            self.ask(who, "POST", &format!("/chats/{chat}/messages"), body).expect("a post");
        assert_eq!(answer.status, 201);
        answer.body.expect("a message")
    }

    /// Follows `@odata.nextLink` to the end.
    pub(crate) fn pages(&self, who: &str, path: &str) -> Vec<Vec<Value>> {
        let mut pages = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let body = self.get(who, &path);
            let page = body["value"].as_array().expect("a page").clone();
            assert_eq!(body["@odata.count"], page.len(), "the count is that of the page");
            pages.push(page);
            next = body.get("@odata.nextLink").map(|link| {
                link.as_str()
                    .unwrap()
                    .strip_prefix("https://graph.microsoft.com/v1.0")
                    .unwrap()
                    .into()
            });
            assert!(pages.len() < 1000, "paging does not end");
        }
        pages
    }
}

pub(crate) fn id(sandbox: &Sandbox, upn: &str) -> Uuid {
    sandbox.world().tenant.people.find(upn).expect(upn).id
}

pub(crate) fn advance(sandbox: &Sandbox, by: SignedDuration) {
    let mut world = sandbox.world();
    world.clock_offset = world.clock_offset.checked_add(by).expect("a clock");
}

pub(crate) fn call(
    sandbox: &Sandbox,
    who: Option<&str>,
    permissions: &[&str],
    method: &str,
    path: &str,
    body: Value,
) -> Call {
    let world = sandbox.world();
    let user = who.map(|who| world.tenant.people.find(who).expect(who).id);
    let now = world.now();
    let caller = Caller {
        app_id: TWIN_CHAT_APP,
        app_name: "Twin".to_owned(),
        principal: Uuid::from_u128(0xA99),
        user,
        permissions: permissions.iter().map(|&permission| permission.to_owned()).collect(),
        issued: now,
        expires: now + SignedDuration::from_mins(65),
        cae: false,
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let address = Address::parse(path, &caller, &world.tenant).expect("an address");
    let query = form_urlencoded::parse(query.as_bytes());
    Call {
        cast: None,
        beta: false,
        method: method.to_owned(),
        names: address.names,
        raw: address.raw,
        query: query.map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
        headers: Vec::new(),
        body,
        caller,
        origin: "https://graph.microsoft.com".to_owned(),
        request_id: Uuid::nil(),
        client_request_id: None,
    }
}

/// A member of a chat to be created.
pub(crate) fn member(user: impl std::fmt::Display, role: &str) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "roles": [role],
        "user@odata.bind": format!("https://graph.microsoft.com/v1.0/users('{user}')"),
    })
}

pub(crate) fn one_on_one(one: impl Into<Value>, other: impl Into<Value>) -> Value {
    let (one, other): (Value, Value) = (one.into(), other.into());
    json!({"chatType": "oneOnOne", "members": [one, other]})
}

pub(crate) fn text(content: &str) -> Value {
    json!({"body": {"content": content}})
}

pub(crate) fn html(content: &str) -> Value {
    json!({"body": {"contentType": "html", "content": content}})
}
