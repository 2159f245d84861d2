//! Graph addresses in their one form: many spellings, one call.
//!
//! Generated clients, hand-written ones and notifications all spell paths differently: doubled
//! slashes, OData keys, aliases, casts in any case, everything percent-encoded or nothing.

use percent_encoding::percent_decode_str;

use super::{Caller, Problem};
use crate::tenant::Tenant;

/// A path below the version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    /// Lower case, to match on.
    pub(super) names: Vec<String>,
    /// As the client wrote them.
    pub(super) raw: Vec<String>,
}

impl Address {
    /// Parses what follows the version.
    pub(super) fn parse(path: &str, caller: &Caller, tenant: &Tenant) -> Result<Self, Problem> {
        let mut address = Self::default();
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        for (at, segment) in segments.enumerate() {
            if at >= MOST_SEGMENTS {
                return Err(malformed());
            }
            let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| malformed())?;
            if decoded.chars().any(char::is_control) {
                return Err(malformed());
            }
            // An old alias for the tenant of the token, still used by shipped clients.
            if at == 0 && decoded.eq_ignore_ascii_case("myorganization") {
                continue;
            }
            address.add(&decoded, tenant);
        }
        address.resolve_me(caller)?;
        Ok(address)
    }

    fn add(&mut self, segment: &str, tenant: &Tenant) {
        let Some((name, inside)) =
            segment.strip_suffix(')').and_then(|segment| segment.split_once('('))
        else {
            return self.push(unprefixed(segment));
        };
        if inside.is_empty() {
            return self.push(unprefixed(name));
        }
        match key(name, inside, tenant) {
            Some(key) => {
                self.push(unprefixed(name));
                self.push(&key);
            }
            // A function with arguments: kept whole for whoever implements it.
            None => self.push(segment),
        }
    }

    fn push(&mut self, segment: &str) {
        self.names.push(segment.to_lowercase());
        self.raw.push(segment.to_owned());
    }

    /// `/me` is the signed-in user.
    fn resolve_me(&mut self, caller: &Caller) -> Result<(), Problem> {
        if self.names.first().is_none_or(|first| first != "me") {
            return Ok(());
        }
        let Some(user) = caller.user else {
            return Err(Problem::new(
                400,
                "BadRequest",
                "/me request is only valid with delegated authentication flow.",
            ));
        };
        for segments in [&mut self.names, &mut self.raw] {
            segments.splice(0..1, ["users".to_owned(), user.to_string()]);
        }
        Ok(())
    }
}

/// The key in `users('x')`, `users(x)`, `users(userPrincipalName='x')`; `None` for the arguments of
/// a function.
fn key(name: &str, inside: &str, tenant: &Tenant) -> Option<String> {
    if let Some(value) = quoted(inside) {
        return Some(value);
    }
    let Some((property, value)) = inside.split_once('=') else {
        return Some(inside.to_owned());
    };
    let value = quoted(value.trim())?;
    let property = property.trim().to_ascii_lowercase();
    match (name.to_ascii_lowercase().as_str(), property.as_str()) {
        (_, "id") | ("users", "userprincipalname") => Some(value),
        ("applications", "appid") => Some(by_app_id(&value, |id| {
            tenant.apps.application(id).map(|application| application.id)
        })),
        ("serviceprincipals", "appid") => {
            Some(by_app_id(&value, |id| tenant.apps.principal_of(id).map(|principal| principal.id)))
        }
        _ => None,
    }
}

/// The object id behind an `appId`, or the `appId` itself, which no object has as its id.
fn by_app_id(value: &str, find: impl Fn(uuid::Uuid) -> Option<uuid::Uuid>) -> String {
    uuid::Uuid::try_parse(value)
        .ok()
        .and_then(find)
        .map_or_else(|| value.to_owned(), |id| id.to_string())
}

/// An OData string literal; quotes inside are doubled.
fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let value = inner.replace("''", "'");
    // A single quote inside means that this is not one literal.
    (value.matches('\'').count() == inner.matches("''").count()).then_some(value)
}

/// Without the namespace when the segment is an operation; casts keep theirs, spelt one way.
fn unprefixed(segment: &str) -> &str {
    let lower = segment.to_ascii_lowercase();
    let rest = lower.strip_prefix("microsoft.graph.").or_else(|| lower.strip_prefix("graph."));
    match rest {
        Some(rest) => match TYPES.iter().find(|(name, _)| *name == rest) {
            Some((_, cast)) => cast,
            None => segment.get(segment.len().saturating_sub(rest.len())..).unwrap_or(segment),
        },
        None => segment,
    }
}

fn malformed() -> Problem {
    Problem::new(400, "BadRequest", "Bad Request - Error in query syntax.")
}

/// Types that appear as casts in paths.
const TYPES: [(&str, &str); 13] = [
    ("user", "microsoft.graph.user"),
    ("group", "microsoft.graph.group"),
    ("device", "microsoft.graph.device"),
    ("application", "microsoft.graph.application"),
    ("serviceprincipal", "microsoft.graph.servicePrincipal"),
    ("orgcontact", "microsoft.graph.orgContact"),
    ("directoryrole", "microsoft.graph.directoryRole"),
    ("administrativeunit", "microsoft.graph.administrativeUnit"),
    ("agentuser", "microsoft.graph.agentUser"),
    ("agentidentity", "microsoft.graph.agentIdentity"),
    ("agentidentityblueprint", "microsoft.graph.agentIdentityBlueprint"),
    ("agentidentityblueprintprincipal", "microsoft.graph.agentIdentityBlueprintPrincipal"),
    ("aaduserconversationmember", "microsoft.graph.aadUserConversationMember"),
];

const MOST_SEGMENTS: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    const ME: Uuid = Uuid::from_u128(7);

    fn caller(user: Option<Uuid>) -> Caller {
        Caller {
            app_id: Uuid::nil(),
            app_name: String::new(),
            principal: Uuid::nil(),
            user,
            permissions: BTreeSet::new(),
            issued: Timestamp::UNIX_EPOCH,
            expires: Timestamp::UNIX_EPOCH,
            cae: false,
        }
    }

    fn parse(path: &str) -> Result<String, u16> {
        let tenant = Tenant::sample(1, 5);
        Address::parse(path, &caller(Some(ME)), &tenant)
            .map(|address| address.raw.join(" "))
            .map_err(|problem| problem.status)
    }

    #[test]
    fn every_spelling_of_a_path_is_the_same_call() {
        let chat = "chats 19:a_b@unq.gbl.spaces messages 161";
        let me = format!("users {ME} chats");
        let cases = [
            ("/users", "users"),
            ("//users", "users"),
            ("/users/", "users"),
            ("/myorganization/users", "users"),
            ("/users/sam%40contoso.com", "users sam@contoso.com"),
            ("/users('sam@contoso.com')", "users sam@contoso.com"),
            ("/users(userPrincipalName='o''neil@contoso.com')", "users o'neil@contoso.com"),
            ("/chats/19:a_b@unq.gbl.spaces/messages/161", chat),
            ("/chats/19%3Aa_b%40unq.gbl.spaces/messages/161", chat),
            ("/chats('19:a_b@unq.gbl.spaces')/messages('161')", chat),
            ("/groups/1/members/%24ref", "groups 1 members $ref"),
            ("/users/microsoft.graph.delta()", "users delta"),
            ("/users/1/microsoft.graph.assignLicense", "users 1 assignLicense"),
            ("/users/graph.agentuser", "users microsoft.graph.agentUser"),
            ("/groups/1/members/Microsoft.Graph.User", "groups 1 members microsoft.graph.user"),
            ("/reports/getX(period='D7')", "reports getX(period='D7')"),
            ("/me/chats", me.as_str()),
        ];
        for (path, expected) in cases {
            assert_eq!(parse(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn names_match_in_any_case_and_ids_keep_theirs() {
        let tenant = Tenant::sample(1, 5);
        let address = Address::parse("/Users/AbC", &caller(None), &tenant).expect("an address");
        assert_eq!(address.names, ["users", "abc"]);
        assert_eq!(address.raw, ["Users", "AbC"]);
    }

    #[test]
    fn me_needs_a_user() {
        let tenant = Tenant::sample(1, 5);
        let refused = Address::parse("/me", &caller(None), &tenant).expect_err("no user");
        assert_eq!((refused.status, refused.code.as_str()), (400, "BadRequest"));
    }

    #[test]
    fn broken_bytes_are_refused() {
        assert_eq!(parse("/users/%ff"), Err(400));
        assert_eq!(parse("/users/%00"), Err(400));
        assert_eq!(parse(&"/x".repeat(100)), Err(400));
    }
}
