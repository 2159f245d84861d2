//! Which roles the account holds, as its own token says.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtwin_kernel::Secret;
use uuid::Uuid;

use crate::onboard::DirectoryRole;

/// The roles that are as good as this one for what the tools do with it, by template id (Entra page
/// "built-in roles").
pub(super) fn stands_for(role: &str) -> Vec<Uuid> {
    let others: &[Uuid] = match role {
        "Helpdesk Administrator" => &[AUTHENTICATION, USER, PRIVILEGED_AUTHENTICATION],
        "Authentication Administrator" => &[PRIVILEGED_AUTHENTICATION],
        "License Administrator" | "Groups Administrator" => &[USER],
        "Reports Reader" => &[GLOBAL_READER, SECURITY_READER, SECURITY],
        _ => &[],
    };
    let own = DirectoryRole::by_name(role).map(|role| role.template);
    own.into_iter().chain([GLOBAL]).chain(others.iter().copied()).collect()
}

/// The template ids in a token's `wids`. Graph's tokens are not ours to read and may change: `None`
/// when it cannot be told.
pub(super) fn held_roles(access: &Secret) -> Option<BTreeSet<Uuid>> {
    let payload = access.expose().split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    let wids = claims.get("wids")?.as_array()?.iter();
    Some(wids.filter_map(|id| Uuid::try_parse(id.as_str()?).ok()).collect())
}

const GLOBAL: Uuid = uuid::uuid!("62e90394-69f5-4237-9190-012177145e10");
const USER: Uuid = uuid::uuid!("fe930be7-5e62-47db-91af-98c3a49a38b1");
const AUTHENTICATION: Uuid = uuid::uuid!("c4e39bd9-1100-46d3-8c65-fb160da0071f");
const PRIVILEGED_AUTHENTICATION: Uuid = uuid::uuid!("7be44c8a-adaf-4e2a-84d6-ab2649e08a13");
const GLOBAL_READER: Uuid = uuid::uuid!("f2ef992c-3afb-46b9-b7cf-a126ee74c451");
const SECURITY_READER: Uuid = uuid::uuid!("5d6b6bb7-de71-4623-b4af-96380a352509");
const SECURITY: Uuid = uuid::uuid!("194ae4cb-b126-40b2-bd5b-6091b380977d");

#[cfg(test)]
mod tests {
    use subtwin_kernel::Tool;

    use super::*;
    use crate::needs;

    #[test]
    fn every_role_stands_for_itself_and_a_token_that_cannot_be_read_says_nothing() {
        for tool in Tool::ALL {
            for role in needs(tool).roles {
                let own = DirectoryRole::by_name(role).unwrap().template;
                assert_eq!(stands_for(role)[0], own, "{role}");
            }
        }
        assert!(stands_for("Groups Administrator").contains(&USER));
        assert!(!stands_for("User Administrator").contains(&AUTHENTICATION));
        let token = |claims: &str| {
            held_roles(&Secret::new(format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims))))
        };
        assert_eq!(token(&format!(r#"{{"wids":["{USER}","odd"]}}"#)), Some([USER].into()));
        assert_eq!(token("{}"), None);
        assert_eq!(held_roles(&Secret::new("opaque".to_owned())), None);
    }
}
