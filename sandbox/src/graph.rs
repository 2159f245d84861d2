//! Microsoft Graph: from an HTTP request to a call, to the module that answers it, to a response.
//!
//! Handlers are synchronous functions over the [`World`]; they never wait. What has to wait (the
//! handshake of a subscription) is done here, around them.

mod address;
mod agents;
mod apps;
mod audit_logs;
mod batch;
mod bin;
pub(crate) mod chats;
#[cfg(test)]
pub(crate) mod desk;
mod filter;
mod front;
mod groups;
#[cfg(test)]
mod lag;
mod licences;
mod listing;
pub(crate) mod messages;
mod methods;
#[cfg(test)]
pub(crate) mod model;
mod objects;
mod odata;
pub(crate) mod presence;
mod roles;
pub(crate) mod subscriptions;
#[cfg(test)]
mod testing;
mod users;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::replica::Past;
use crate::world::World;
pub(crate) use audit_logs::kind;
pub(crate) use front::answer;
pub(crate) use methods::pass_configuration;

/// Who calls, as their access token says.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The client app.
    pub(crate) app_id: Uuid,
    pub(crate) app_name: String,
    /// The client's service principal in this tenant.
    pub(crate) principal: Uuid,
    /// The signed-in user; `None` for app-only tokens.
    pub(crate) user: Option<Uuid>,
    /// Delegated scopes (`scp`) or application roles (`roles`).
    pub(crate) permissions: BTreeSet<String>,
    /// When the token was issued: sessions revoked later challenge CAE-capable clients.
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    /// Asked for `xms_cc` `cp1`: may be challenged.
    pub(crate) cae: bool,
}

/// One Graph call, from the wire or from a `$batch`.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) beta: bool,
    /// The type of Agent ID that the path named and that is no longer in it.
    pub(crate) cast: Option<agents::Cast>,
    /// Upper case.
    pub(crate) method: String,
    /// Segments after the version, percent-decoded once; `users('x')` is two segments; `me` is
    /// already `users` and the caller's id. Names are lower-cased in `names`, kept in `raw`.
    pub(crate) names: Vec<String>,
    pub(crate) raw: Vec<String>,
    /// Decoded query options in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    /// `Null` when there was none.
    pub(crate) body: Value,
    pub(crate) caller: Caller,
    /// Base of absolute links: `https://graph.microsoft.com`.
    pub(crate) origin: String,
    pub(crate) request_id: Uuid,
    pub(crate) client_request_id: Option<Uuid>,
}

impl Call {
    /// `("GET", ["users", "{id}", "manager"])`, to match on.
    pub(crate) fn route(&self) -> (&str, Vec<&str>) {
        (self.method.as_str(), self.names.iter().map(String::as_str).collect())
    }

    /// The segment at `at` in its own casing.
    pub(crate) fn segment(&self, at: usize) -> &str {
        self.raw.get(at).map_or("", String::as_str)
    }

    /// A query option, by its name in any case.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// A header, by its name in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Refuses unless the token carries one of these permissions.
    pub(crate) fn needs(&self, any_of: &[&str]) -> Result<(), Problem> {
        if any_of.iter().any(|wanted| self.caller.permissions.contains(*wanted)) {
            Ok(())
        } else {
            Err(Problem::denied())
        }
    }

    /// Refuses unless the signed-in user holds one of these directory roles (Global Administrator
    /// always counts). App-only callers pass: their permissions are their rights.
    pub(crate) fn needs_role(&self, world: &World, any_of: &[&str]) -> Result<(), Problem> {
        let Some(user) = self.caller.user else { return Ok(()) };
        let roles = &world.tenant.roles;
        let held = roles.holds(user, "Global Administrator")
            || any_of.iter().any(|role| roles.holds(user, role));
        if held { Ok(()) } else { Err(Problem::denied()) }
    }
}

/// A successful answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// `None` for an empty body.
    pub(crate) body: Option<Value>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: Some(body) }
    }

    pub(crate) fn created(body: Value) -> Self {
        Self { status: 201, headers: Vec::new(), body: Some(body) }
    }

    pub(crate) fn no_content() -> Self {
        Self { status: 204, headers: Vec::new(), body: None }
    }
}

/// A Graph error.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Problem {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), headers: Vec::new() }
    }

    /// 400 `Request_BadRequest`.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    /// 400 with a code of its own.
    pub(crate) fn bad_request_as(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// The opaque 403 that stands for many obstacles.
    pub(crate) fn denied() -> Self {
        Self::new(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    /// 404 for a directory object.
    pub(crate) fn not_found(id: &str) -> Self {
        Self::new(
            404,
            "Request_ResourceNotFound",
            format!(
                "Resource '{id}' does not exist or one of its queried reference-property objects \
                 are not present."
            ),
        )
    }

    /// Something Graph has and the sandbox does not: refused loudly, never ignored.
    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::new(501, "SandboxNotImplemented", what)
    }

    /// The error body.
    pub(crate) fn body(&self, call_ids: (Uuid, Option<Uuid>), now: Timestamp) -> Value {
        let (request, client) = call_ids;
        json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                "request-id": request,
                "client-request-id": client.unwrap_or(request),
            },
        }})
    }
}

/// What a handler makes of a call: `None` when the path is not its own.
pub(crate) type Handled = Option<Result<Answer, Problem>>;

/// Answers one call, on its own or inside a `$batch`. Reads may be shown what was before the newest
/// writes; writes always see the present.
pub(crate) fn dispatch(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let lag = i64::try_from(world.faults.replica_lag_ms).unwrap_or(i64::MAX);
    if lag == 0 {
        world.replica.catch_up();
        return route(world, call);
    }
    let now = world.now();
    if front::writes(call) {
        let past = Past::of(&world.tenant, now);
        let answer = route(world, call);
        if answer.is_ok() {
            world.replica.remember(past);
        }
        return answer;
    }
    let Some(mut past) = world.replica.take(SignedDuration::from_millis(lag), now) else {
        return route(world, call);
    };
    past.change_places(&mut world.tenant);
    let answer = route(world, call);
    past.change_places(&mut world.tenant);
    world.replica.put_back(past);
    answer
}

fn route(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let uncast = agents::uncast(call);
    let call = uncast.as_ref().unwrap_or(call);
    let modules: [fn(&mut World, &Call) -> Handled; 13] = [
        agents::handle,
        bin::handle,
        users::handle,
        methods::handle,
        groups::handle,
        licences::handle,
        roles::handle,
        apps::handle,
        audit_logs::handle,
        chats::handle,
        messages::handle,
        presence::handle,
        subscriptions::handle,
    ];
    modules.iter().find_map(|handle| handle(world, call)).unwrap_or_else(|| {
        Err(Problem::unsupported(format!(
            "The sandbox does not implement {} /{}.",
            call.method,
            call.raw.join("/")
        )))
    })
}
