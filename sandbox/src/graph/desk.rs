//! The sample company with somebody at a keyboard, for tests of handlers.

use std::sync::{Arc, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use uuid::Uuid;

use super::{Answer, Call, Caller, Problem, dispatch};
use crate::settings::Settings;
use crate::tenant::{TWIN_ADMIN_APP, Tenant};
use crate::world::{Sandbox, World};

/// A tenant, and who calls Graph with which permissions.
#[derive(Debug)]
pub(crate) struct Desk {
    sandbox: Arc<Sandbox>,
    caller: Caller,
    pub(crate) client_request_id: Option<Uuid>,
}

impl Desk {
    /// The company for seed 1, its log without delay; Dana, who may do everything, with the
    /// permissions named.
    pub(crate) fn of_dana(permissions: &[&str]) -> Self {
        let settings = Settings { audit_delay: std::time::Duration::ZERO, ..Settings::default() };
        let (sandbox, _) = Sandbox::new(settings, Tenant::sample(1, 80));
        let caller = Caller {
            app_id: TWIN_ADMIN_APP,
            app_name: "IT Twin Admin".to_owned(),
            principal: Uuid::nil(),
            user: None,
            permissions: permissions.iter().map(|one| (*one).to_owned()).collect(),
            issued: Timestamp::UNIX_EPOCH,
            expires: Timestamp::MAX,
            cae: false,
        };
        let mut desk = Self { sandbox, caller, client_request_id: None };
        desk.sit("dana@contoso.com");
        desk
    }

    /// Somebody else takes the keyboard.
    pub(crate) fn sit(&mut self, upn: &str) {
        self.caller.user = Some(self.user(upn));
    }

    /// The app calls on its own.
    pub(crate) fn leave(&mut self) {
        self.caller.user = None;
        let principal = self.world().tenant.apps.principal_of(TWIN_ADMIN_APP).map(|one| one.id);
        self.caller.principal = principal.unwrap();
    }

    /// Another app calls on its own.
    pub(crate) fn act_as(&mut self, app_id: Uuid, principal: Uuid) {
        self.caller.user = None;
        self.caller.app_id = app_id;
        self.caller.principal = principal;
    }

    pub(crate) fn may(&mut self, permissions: &[&str]) {
        self.caller.permissions = permissions.iter().map(|one| (*one).to_owned()).collect();
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.sandbox.world()
    }

    /// Moves the sandbox's clock.
    pub(crate) fn wait(&self, span: SignedDuration) {
        let mut world = self.world();
        world.clock_offset += span;
    }

    pub(crate) fn user(&self, upn: &str) -> Uuid {
        self.world().tenant.people.find(upn).unwrap_or_else(|| panic!("no {upn}")).id
    }

    /// A product by its part number.
    pub(crate) fn sku(&self, part_number: &str) -> Uuid {
        let world = self.world();
        let mut skus = world.tenant.skus.0.iter();
        skus.find(|sku| sku.part_number == part_number).unwrap().id
    }

    pub(crate) fn call(&self, method: &str, address: &str, body: Value) -> Call {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let raw: Vec<String> = path.split('/').map(decode).collect();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Call {
            cast: None,
            beta: false,
            method: method.to_owned(),
            names: raw.iter().map(|segment| segment.to_lowercase()).collect(),
            raw,
            query,
            headers: vec![("User-Agent".to_owned(), "desk/1".to_owned())],
            body,
            caller: self.caller.clone(),
            origin: "https://graph.microsoft.com".to_owned(),
            request_id: self.world().guid(),
            client_request_id: self.client_request_id,
        }
    }

    pub(crate) fn send(&self, method: &str, address: &str, body: Value) -> Result<Answer, Problem> {
        let call = self.call(method, address, body);
        dispatch(&mut self.world(), &call)
    }

    /// A GET that must succeed: the body.
    pub(crate) fn get(&self, address: &str) -> Value {
        let answer = self.send("GET", address, Value::Null);
        answer.unwrap_or_else(|problem| panic!("{address}: {problem:?}")).body.unwrap()
    }

    /// The refusal of a call that must fail: status, code, message.
    pub(crate) fn refusal(
        &self,
        method: &str,
        address: &str,
        body: Value,
    ) -> (u16, String, String) {
        match self.send(method, address, body) {
            Ok(answer) => panic!("{method} {address} was not refused: {answer:?}"),
            Err(problem) => (problem.status, problem.code, problem.message),
        }
    }
}
