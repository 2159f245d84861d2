//! `POST /chats`, and the members in its body, which `POST /chats/{id}/members` has too.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use uuid::Uuid;

use super::call::{bad, forbidden, missing, options, person, scoped};
use super::{entity, rules};
use crate::graph::messages::draft::{known, list, moment, text};
use crate::graph::{Answer, Call, Problem};
use crate::tenant::{ChatKind, Member};
use crate::world::World;

pub(super) fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    scoped(call, &["Chat.Create", "Chat.ReadWrite"], &["Chat.Create"])?;
    options(call, &[])?;
    let body = &call.body;
    known(body, &["chatType", "topic", "members"])?;
    let kind = match text(body, "chatType")? {
        Some("oneOnOne") => ChatKind::OneOnOne,
        Some("group") => ChatKind::Group,
        _ => return Err(bad("chatType must be 'oneOnOne' or 'group'.")),
    };
    let topic = text(body, "topic")?.map(str::to_owned);
    if topic.is_some() && kind == ChatKind::OneOnOne {
        return Err(bad("Topic can only be set for group chats."));
    }
    let caller = match call.caller.user {
        Some(_) => Some(person(world, call)?),
        None => None,
    };
    let mut members: Vec<Member> = Vec::new();
    for given in list(body, "members")?.into_iter().flatten() {
        let member = member(world, given, &[])?;
        if members.iter().any(|other| other.user == member.user) {
            return Err(bad("Duplicate chat members is specified in the request body."));
        }
        members.push(member);
    }
    let enough = match kind {
        ChatKind::OneOnOne => members.len() == 2,
        ChatKind::Group => members.len() >= 2,
    };
    if !enough {
        return Err(bad("Invalid number of members in the request body."));
    }
    if let Some(caller) = caller
        && members.iter().all(|member| member.user != caller)
    {
        return Err(forbidden("The signed-in user must be one of the members."));
    }
    let existing = match (kind, members.as_slice()) {
        (ChatKind::OneOnOne, [one, other]) => world.tenant.chats.direct(one.user, other.user),
        _ => None,
    };
    if let Some(chat) = existing {
        let status = world.tenant.chats.quirks.repeated_create_status;
        return Ok(Answer { status, ..Answer::ok(entity(world, call, chat)) });
    }
    let id = rules::open(world, kind, topic, members);
    let chat = world.tenant.chats.get(&id).ok_or_else(|| missing("NotFound"))?;
    Ok(Answer::created(entity(world, call, chat)))
}

/// A member as a request names them. `extra` are properties this request may have besides.
pub(super) fn member(world: &mut World, given: &Value, extra: &[&str]) -> Result<Member, Problem> {
    let mut names = vec!["@odata.type", "roles", "user@odata.bind", "tenantId"];
    names.extend_from_slice(extra);
    known(given, &names)?;
    let kind = text(given, "@odata.type")?.unwrap_or_default().trim_start_matches('#');
    if !kind.eq_ignore_ascii_case("microsoft.graph.aadUserConversationMember") {
        return Err(bad("Each member must be an aadUserConversationMember."));
    }
    let role = match list(given, "roles")?.map(Vec::as_slice) {
        Some([Value::String(role)]) if role.eq_ignore_ascii_case("owner") => "owner",
        Some([Value::String(role)]) if role.eq_ignore_ascii_case("guest") => "guest",
        _ => return Err(bad("Each member must have exactly one role: 'owner' or 'guest'.")),
    };
    let bind = text(given, "user@odata.bind")?
        .ok_or_else(|| bad("Each member must have user@odata.bind."))?;
    let key = bound(bind).ok_or_else(|| bad(format!("'{bind}' does not name a user.")))?;
    let home = match text(given, "tenantId")? {
        Some(id) => Uuid::try_parse(id).map_err(|_| bad("tenantId must be a GUID."))?,
        None => world.tenant.id,
    };
    let mut member = find(world, home, &key)?;
    // Somebody from another tenant is `owner`, our own guests are `guest`.
    if member.role != role {
        return Err(bad(format!(
            "Invalid role '{role}' specified for member: expected '{}'.",
            member.role
        )));
    }
    if let Some(from) = text(given, "visibleHistoryStartDateTime")? {
        member.visible_from = (!from.starts_with("0001-")).then(|| moment(from)).transpose()?;
    }
    Ok(member)
}

/// Whoever a key means in a home tenant. Bound to a guest's object id in our own directory the
/// chat is made all the same, but the person never sees it: at home they are somebody else.
fn find(world: &mut World, home: Uuid, key: &str) -> Result<Member, Problem> {
    let tenant = &world.tenant;
    let id = if home == tenant.id {
        tenant.people.find(key).map(|user| (user.id, user.upn != key))
    } else {
        tenant.chats.partners.find(home, key).map(|outsider| (outsider.id, false))
    };
    let (id, other_spelling) = id.ok_or_else(|| missing("NotFound"))?;
    let odds = u64::from(tenant.chats.quirks.recased_upn_not_found);
    let recased = other_spelling && Uuid::try_parse(key).is_err();
    if recased && odds > 0 && world.roll(1000) < odds {
        return Err(missing("NotFound"));
    }
    rules::member(world, id).ok_or_else(|| missing("NotFound"))
}

/// The key in `https://graph.microsoft.com/v1.0/users('x')` or `…/users/x`, relative or not.
fn bound(bind: &str) -> Option<String> {
    let path = match bind.split_once("://") {
        Some(("https" | "http", rest)) => rest.split_once('/')?.1,
        Some(_) => return None,
        None => bind,
    };
    let path = path.trim_start_matches('/');
    let path = ["v1.0/", "beta/"].iter().find_map(|v| path.strip_prefix(v)).unwrap_or(path);
    let (collection, rest) = path.split_at_checked("users".len())?;
    if !collection.eq_ignore_ascii_case("users") {
        return None;
    }
    let key = match rest.strip_prefix("('").and_then(|rest| rest.strip_suffix("')")) {
        Some(quoted) => quoted.replace("''", "'"),
        None => rest.strip_prefix('/')?.to_owned(),
    };
    let key = percent_decode_str(&key).decode_utf8().ok()?.into_owned();
    (!key.is_empty() && !key.contains('/')).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::bound;

    #[test]
    fn a_user_is_bound_by_key_or_by_segment_absolute_or_relative() {
        for bind in [
            "https://graph.microsoft.com/v1.0/users('doug@contoso.com')",
            "https://graph.microsoft.com/beta/users/doug%40contoso.com",
            "/users('doug@contoso.com')",
            "Users/doug@contoso.com",
        ] {
            assert_eq!(bound(bind).as_deref(), Some("doug@contoso.com"), "{bind}");
        }
        assert_eq!(bound("users('o''hara@contoso.com')").as_deref(), Some("o'hara@contoso.com"));
        for bind in ["", "users", "users/", "groups/x", "ftp://h/users/x", "users/a/b", "users('')"]
        {
            assert_eq!(bound(bind), None, "{bind}");
        }
    }
}
