//! Calls for tests: made by a person of the sample company, with these scopes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{Answer, Call, Caller, Problem, dispatch};
use crate::settings::Settings;
use crate::tenant::{SAMPLE_CLI_APP, SAMPLE_DAEMON_APP, Tenant, User};
use crate::world::{Sandbox, World};

/// A sandbox over the sample company, without a network.
pub(super) struct Bench {
    sandbox: std::sync::Arc<Sandbox>,
}

/// A call being put together.
pub(super) struct Draft<'a> {
    bench: &'a Bench,
    call: Call,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::of(80)
    }

    /// A company of this size.
    pub(super) fn of(users: usize) -> Self {
        let settings = Settings { users, ..Settings::default() };
        let tenant = Tenant::sample(settings.seed, settings.users);
        let (sandbox, _notifier) = Sandbox::new(settings, tenant);
        Self { sandbox }
    }

    pub(super) fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.sandbox.world()
    }

    /// The user with this UPN before the `@`.
    pub(super) fn user(&self, alias: &str) -> User {
        let world = self.world();
        let found = world.tenant.people.find(&format!("{alias}@contoso.com"));
        found.unwrap_or_else(|| panic!("nobody is called {alias}")).clone()
    }

    pub(super) fn id(&self, alias: &str) -> Uuid {
        self.user(alias).id
    }

    /// The first group with this name.
    pub(super) fn group(&self, name: &str) -> Uuid {
        let world = self.world();
        let found = world.tenant.groups.iter().find(|group| group.display_name == name);
        found.unwrap_or_else(|| panic!("no group is called {name}")).id
    }

    /// How often this has happened.
    pub(super) fn ledger(&self, effect: &crate::tenant::Effect) -> u64 {
        self.world().tenant.ledger.0.get(effect).copied().unwrap_or(0)
    }

    /// Activities in the audit log since the company was made.
    pub(super) fn audited(&self) -> Vec<&'static str> {
        self.world().tenant.audit.entries.iter().skip(2).map(|entry| entry.activity).collect()
    }

    /// A call by a person through the sample command line, with these scopes.
    pub(super) fn by(&self, alias: &str, scopes: &str, method: &str, path: &str) -> Draft<'_> {
        let user = Some(self.id(alias));
        self.draft(SAMPLE_CLI_APP, "Contoso Command Line", user, scopes, method, path)
    }

    /// A call by the sample daemon on its own, with these application roles.
    pub(super) fn by_app(&self, roles: &str, method: &str, path: &str) -> Draft<'_> {
        self.draft(SAMPLE_DAEMON_APP, "Contoso Reporting", None, roles, method, path)
    }

    fn draft(
        &self,
        app_id: Uuid,
        app_name: &str,
        user: Option<Uuid>,
        permissions: &str,
        method: &str,
        address: &str,
    ) -> Draft<'_> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let raw: Vec<String> =
            path.split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let query = query.split('&').filter(|it| !it.is_empty()).map(|option| {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            (name.to_owned(), value.to_owned())
        });
        let permissions: BTreeSet<String> =
            permissions.split_whitespace().map(str::to_owned).collect();
        let call = Call {
            cast: None,
            beta: false,
            method: method.to_owned(),
            names: raw.iter().map(|segment| segment.to_lowercase()).collect(),
            raw,
            query: query.collect(),
            headers: Vec::new(),
            body: Value::Null,
            caller: Caller {
                app_id,
                app_name: app_name.to_owned(),
                principal: Uuid::from_u128(7),
                user,
                permissions,
                issued: Timestamp::UNIX_EPOCH,
                expires: Timestamp::MAX,
                cae: false,
            },
            origin: "https://graph.microsoft.com".to_owned(),
            request_id: Uuid::from_u128(1),
            client_request_id: None,
        };
        Draft { bench: self, call }
    }
}

impl Draft<'_> {
    /// Somebody whose address is not in the company's own domain.
    pub(super) fn by_user(mut self, user: Uuid) -> Self {
        self.call.caller.user = Some(user);
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.call.body = body;
        self
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.call.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As an advanced query: the header and `$count=true`.
    pub(super) fn advanced(mut self) -> Self {
        self.call.query.push(("$count".to_owned(), "true".to_owned()));
        self.header("ConsistencyLevel", "eventual")
    }

    /// Adds a query option that holds `&` or `=`.
    pub(super) fn option(mut self, name: &str, value: &str) -> Self {
        self.call.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn answer(self) -> Result<Answer, Problem> {
        dispatch(&mut self.bench.world(), &self.call)
    }

    /// The body of a successful answer.
    pub(super) fn ok(self) -> Value {
        let what = format!("{} {}", self.call.method, self.call.raw.join("/"));
        let answer = self.answer().unwrap_or_else(|why| panic!("{what}: {why:?}"));
        answer.body.unwrap_or_default()
    }

    /// The status of a successful answer.
    pub(super) fn status(self) -> u16 {
        let what = format!("{} {}", self.call.method, self.call.raw.join("/"));
        self.answer().unwrap_or_else(|why| panic!("{what}: {why:?}")).status
    }

    /// Status, code and message of a refusal.
    pub(super) fn refused(self) -> (u16, String, String) {
        let what = format!("{} {}", self.call.method, self.call.raw.join("/"));
        match self.answer() {
            Ok(answer) => panic!("{what} was answered: {answer:?}"),
            Err(why) => (why.status, why.code, why.message),
        }
    }
}

/// `field` of every element of a collection's answer.
pub(super) fn each<'a>(answer: &'a Value, field: &str) -> Vec<&'a str> {
    let value = answer.get("value").and_then(Value::as_array).expect("a collection");
    value.iter().map(|it| it.get(field).and_then(Value::as_str).unwrap_or("-")).collect()
}
