//! The policy for temporary access passes, and the one that says what users may consent to.

use serde_json::{Value, json};

use super::listing;
use crate::graph::{Answer, Call, Handled, Problem};
use crate::tenant::{ConsentPolicy, PassPolicy};
use crate::world::World;

pub(super) fn handle(world: &World, call: &Call, rest: &[&str]) -> Handled {
    match (call.method.as_str(), rest) {
        ("GET", ["authenticationmethodconfigurations", "temporaryaccesspass"]) => {
            Some(read(world, call))
        }
        _ => None,
    }
}

fn read(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(&[
        "Policy.Read.AuthenticationMethod",
        "Policy.Read.All",
        "Policy.ReadWrite.AuthenticationMethod",
    ])?;
    call.needs_role(world, READERS)?;
    let context = "authenticationMethodConfigurations";
    listing(context).entity(call, configuration(&world.tenant.pass_policy))
}

/// `GET /policies/authorizationPolicy`: what of it concerns consent.
pub(super) fn authorization(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(&["Policy.Read.All", "Policy.ReadWrite.Authorization"])?;
    let consent: &[&str] = match world.tenant.apps.consent {
        ConsentPolicy::Users => &["ManagePermissionGrantsForSelf.microsoft-user-default-legacy"],
        ConsentPolicy::AdminsOnly => &[],
    };
    let policy = json!({
        "id": "authorizationPolicy",
        "displayName": "Authorization Policy",
        "defaultUserRolePermissions": {
            "allowedToCreateApps": true,
            "allowedToCreateSecurityGroups": true,
            "allowedToReadOtherUsers": true,
            "permissionGrantPoliciesAssigned": consent,
        },
    });
    listing("authorizationPolicy").entity(call, policy)
}

/// A `temporaryAccessPassAuthenticationMethodConfiguration`.
pub(crate) fn configuration(policy: &PassPolicy) -> Value {
    let group = |id: &uuid::Uuid| json!({"targetType": "group", "id": id});
    json!({
        "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration",
        "id": "TemporaryAccessPass",
        "state": if policy.enabled { "enabled" } else { "disabled" },
        "defaultLifetimeInMinutes": policy.default_minutes,
        "defaultLength": policy.length,
        "minimumLifetimeInMinutes": policy.minimum_minutes,
        "maximumLifetimeInMinutes": policy.maximum_minutes,
        "isUsableOnce": policy.once,
        "includeTargets": [
            {"targetType": "group", "id": "all_users", "isRegistrationRequired": false},
        ],
        "excludeTargets": policy.excluded.iter().map(group).collect::<Value>(),
    })
}

/// The first two are documented; that who issues passes may read their policy is assumed.
const READERS: &[&str] = &[
    "Global Reader",
    "Authentication Policy Administrator",
    "Authentication Administrator",
    "Privileged Authentication Administrator",
];
