//! Passwords set by an administrator, and what follows from that.

use serde_json::Value;
use uuid::Uuid;

use crate::graph::Problem;
use crate::tenant::audit::events::{self, Trace};
use crate::tenant::{Effect, Secret};
use crate::world::{Event, World};

/// The id of everybody's password method (Graph, "passwordAuthenticationMethod").
pub(in crate::graph) const PASSWORD_METHOD: &str = "28c10230-6103-485e-b985-444c60001490";

/// The password in a `passwordProfile`, and whether it must be changed at the next sign-in.
pub(super) fn in_profile(profile: &Value) -> Result<(&str, bool), Problem> {
    let password = profile.get("password").and_then(Value::as_str).ok_or_else(weak)?;
    complex(password)?;
    let force = |name: &str| profile.get(name).and_then(Value::as_bool);
    // The default is from memory.
    let force = force("forceChangePasswordNextSignIn").unwrap_or(true)
        || force("forceChangePasswordNextSignInWithMfa").unwrap_or(false);
    Ok((password, force))
}

/// Refuses a password that is weak, or the one that the user has already.
pub(in crate::graph) fn acceptable(
    world: &World,
    user: Uuid,
    password: &str,
) -> Result<(), Problem> {
    complex(password)?;
    let had = world.tenant.people.get(user).is_some_and(|user| user.password.is(password));
    if had && world.tenant.quirks.password_reuse_refused {
        // From memory.
        return Err(Problem::bad_request(
            "The specified password was used before. Please provide a different password.",
        ));
    }
    Ok(())
}

/// Gives a user a new password and ends their sessions.
pub(in crate::graph) fn apply(
    world: &mut World,
    trace: &Trace,
    user: Uuid,
    password: Secret,
    force: bool,
) {
    let now = world.now();
    world.tenant.told.add(password.clone());
    let Some(person) = world.tenant.people.get_mut(user) else { return };
    let before = std::mem::replace(&mut person.sessions_valid_from, now);
    person.password = password;
    person.password_changed = now;
    person.must_change_password = force;
    events::password_reset(world, trace, user, force, (before, now));
    world.tenant.ledger.count(Effect::PasswordReset { user });
    world.emit(Event::Directory { id: user });
}

/// Ends a user's sessions and says so in the log.
pub(in crate::graph) fn revoke_sessions(world: &mut World, trace: &Trace, user: Uuid) {
    let now = world.now();
    let Some(person) = world.tenant.people.get_mut(user) else { return };
    let before = std::mem::replace(&mut person.sessions_valid_from, now);
    events::sessions_revoked(world, trace, user, before, now);
}

/// Eight to 256 characters, of three kinds out of four (Entra, "password policies").
fn complex(password: &str) -> Result<(), Problem> {
    let kinds: [fn(char) -> bool; 4] =
        [|c| c.is_lowercase(), |c| c.is_uppercase(), |c| c.is_numeric(), |c| !c.is_alphanumeric()];
    let used = kinds.iter().filter(|kind| password.chars().any(kind)).count();
    if (8..=256).contains(&password.chars().count()) && used >= 3 { Ok(()) } else { Err(weak()) }
}

/// From memory.
fn weak() -> Problem {
    Problem::bad_request(
        "The specified password does not comply with password complexity requirements. Please \
         provide a different password.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_three_kinds_of_character_out_of_four() {
        for good in ["Sandbox!1", "Pa55word", "pass word 1", "ПАРОЛЬ пароль 1"] {
            assert!(complex(good).is_ok(), "{good}");
        }
        for bad in
            ["", "Pa5!", "password", "passw0rd", "PASSWORD 1".to_lowercase().trim_end_matches(" 1")]
        {
            assert!(complex(bad).is_err(), "{bad}");
        }
        assert!(complex(&"Aa1".repeat(86)).is_err(), "258 characters");
    }
}
