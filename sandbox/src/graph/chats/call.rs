//! What every call to the chat service has in common: its path, its scopes, its query options,
//! its errors.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use super::super::{Call, Problem};
use crate::tenant::Chat;
use crate::world::World;

/// A path below `/chats`, `/me/chats` or `/users/{id}/chats`.
#[derive(Debug)]
pub(in crate::graph) struct Path<'a> {
    /// Whose chats, if the path says.
    pub(in crate::graph) owner: Option<&'a str>,
    /// Lower-case, after `chats`.
    pub(in crate::graph) names: Vec<&'a str>,
    /// The same in their own casing.
    pub(in crate::graph) raw: Vec<&'a str>,
}

/// The part of a path that concerns chats, if it does.
pub(in crate::graph) fn path(call: &Call) -> Option<Path<'_>> {
    let (owner, skip) = match call.names.as_slice() {
        [chats, ..] if chats == "chats" => (None, 1),
        [users, _, chats, ..] if users == "users" && chats == "chats" => {
            (call.raw.get(1).map(String::as_str), 3)
        }
        _ => return None,
    };
    let names = call.names.iter().skip(skip).map(String::as_str).collect();
    let raw = call.raw.iter().skip(skip).map(String::as_str).collect();
    Some(Path { owner, names, raw })
}

/// Refuses unless the token carries one of the permissions for its kind.
pub(in crate::graph) fn scoped(
    call: &Call,
    delegated: &[&str],
    application: &[&str],
) -> Result<(), Problem> {
    let (kind, wanted) =
        if call.caller.user.is_some() { ("scope", delegated) } else { ("role", application) };
    let held = &call.caller.permissions;
    if wanted.iter().any(|permission| held.contains(*permission)) {
        return Ok(());
    }
    let held = held.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let kinds = if kind == "scope" { "Scopes" } else { "Roles" };
    Err(forbidden(format!(
        "Missing {kind} permissions on the request. API requires one of '{}'. {kinds} on the \
         request '{held}'",
        wanted.join(", ")
    )))
}

/// The signed-in user, who must be licensed for Teams.
pub(in crate::graph) fn person(world: &World, call: &Call) -> Result<Uuid, Problem> {
    let Some(user) = call.caller.user else {
        return Err(forbidden("This operation needs a signed-in user."));
    };
    teams(world, user).map(|()| user)
}

/// Refuses somebody who has no licence with Teams, or for whom Teams is not ready yet. What Graph
/// answers to the latter is from memory: a quirk decides.
pub(in crate::graph) fn teams(world: &World, user: Uuid) -> Result<(), Problem> {
    if !world.tenant.licensed_for_teams(user) {
        return Err(unlicensed());
    }
    if world.tenant.ready_for_teams(user, world.now()) {
        return Ok(());
    }
    Err(match world.tenant.quirks.teams_not_ready_status {
        404 => missing("NotFound"),
        _ => unlicensed(),
    })
}

/// The chat in the path, if the caller may see it: a signed-in user must be a member.
pub(in crate::graph) fn visible<'w>(
    world: &'w World,
    call: &Call,
    path: &Path<'_>,
    id: &str,
) -> Result<&'w Chat, Problem> {
    if let Some(owner) = path.owner {
        own(world, call, owner)?;
    }
    let chat = world.tenant.chats.get(id).ok_or_else(|| missing("NotFound"))?;
    match call.caller.user {
        Some(user) if chat.member(user).is_none() => {
            Err(forbidden("The signed-in user is not a member of this chat."))
        }
        _ => Ok(chat),
    }
}

/// The owner named in `/users/{id}/chats`: with a signed-in user it must be that user.
pub(in crate::graph) fn own(world: &World, call: &Call, owner: &str) -> Result<Uuid, Problem> {
    let user = world.tenant.people.find(owner).ok_or_else(|| missing("NotFound"))?;
    if call.caller.user.is_none_or(|caller| caller == user.id) {
        Ok(user.id)
    } else {
        Err(forbidden("Requested userId does not match the signed-in user."))
    }
}

/// Refuses `$` options the endpoint does not know.
pub(in crate::graph) fn options(call: &Call, allowed: &[&str]) -> Result<(), Problem> {
    let odd = call.query.iter().map(|(name, _)| name).find(|name| {
        name.starts_with('$') && !allowed.iter().any(|known| known.eq_ignore_ascii_case(name))
    });
    match odd {
        Some(name) => Err(bad(format!(
            "Query option '{}' is not allowed. To allow it, set the 'AllowedQueryOptions' \
             property on EnableQueryAttribute or QueryValidationSettings.",
            name.trim_start_matches('$')
        ))),
        None => Ok(()),
    }
}

/// `$top`: 1 to 50.
pub(in crate::graph) fn top(call: &Call) -> Result<usize, Problem> {
    let Some(given) = call.option("$top") else { return Ok(DEFAULT_PAGE) };
    match given.parse::<usize>() {
        Ok(top) if (1..=LARGEST_PAGE).contains(&top) => Ok(top),
        Ok(top) if top > LARGEST_PAGE => Err(bad(format!(
            "The limit of '{LARGEST_PAGE}' for Top query has been exceeded. The value from the \
             incoming request is '{top}'."
        ))),
        _ => Err(bad(format!("Invalid value '{given}' for $top query option found."))),
    }
}

/// Where the next page begins, as `$skiptoken` carries it.
pub(in crate::graph) fn skip_token(order: u64, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{order}|{id}"))
}

/// The reverse.
pub(in crate::graph) fn skipped(call: &Call) -> Result<Option<(u64, String)>, Problem> {
    let Some(token) = call.option("$skiptoken") else { return Ok(None) };
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (order, id) = text.split_once('|')?;
        Some((order.parse().ok()?, id.to_owned()))
    };
    read().map(Some).ok_or_else(|| bad("Badly formed token."))
}

/// The same address with another `$skiptoken`.
pub(in crate::graph) fn next_link(call: &Call, token: &str) -> String {
    let mut link = format!("{}/{}", base(call), call.raw.join("/"));
    let mut separator = '?';
    let kept = call.query.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken"));
    for (name, value) in kept {
        link.push(separator);
        link.push_str(name);
        link.push('=');
        link.extend(utf8_percent_encode(value, QUERY));
        separator = '&';
    }
    link.push(separator);
    link.push_str("$skiptoken=");
    link.push_str(token);
    link
}

/// `https://graph.microsoft.com/v1.0`.
pub(in crate::graph) fn base(call: &Call) -> String {
    format!("{}/{}", call.origin, if call.beta { "beta" } else { "v1.0" })
}

/// `…/$metadata#chats('19%3A…')…`.
pub(in crate::graph) fn context(call: &Call, chat: &str, rest: &str) -> String {
    let chat = utf8_percent_encode(chat, PART);
    format!("{}/$metadata#chats('{chat}'){rest}", base(call))
}

pub(in crate::graph) fn bad(message: impl Into<String>) -> Problem {
    Problem::new(400, "BadRequest", message)
}

pub(in crate::graph) fn forbidden(message: impl Into<String>) -> Problem {
    Problem::new(403, "Forbidden", message)
}

pub(in crate::graph) fn missing(message: impl Into<String>) -> Problem {
    Problem::new(404, "NotFound", message)
}

/// A path that exists under another prefix or with another method only.
pub(in crate::graph) fn not_allowed() -> Problem {
    Problem::new(
        405,
        "Request_BadRequest",
        "Specified HTTP method is not allowed for the request target.",
    )
}

/// Application access to message content, which Microsoft grants on request only.
pub(in crate::graph) fn protected() -> Problem {
    forbidden(
        "Invoked API requires Protected API access in application-only context when not using \
         Resource Specific Consent.",
    )
}

fn unlicensed() -> Problem {
    forbidden(
        "Failed to get license information for the user. Ensure user has a valid Office365 \
         license assigned to them.",
    )
}

/// Characters a query value keeps.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b',')
    .remove(b'/')
    .remove(b':');

/// Characters a key keeps in a context address.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Remembered, not documented for chats.
const DEFAULT_PAGE: usize = 20;
const LARGEST_PAGE: usize = 50;
