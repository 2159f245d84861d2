//! Why somebody cannot sign in, from the tenant's sign-in log.

use futures_util::future::try_join;
use jiff::Timestamp;
use serde::Deserialize;
use subtwin_confirm::Refusal;
use subtwin_kernel::names::shown;
use subtwin_kernel::{Person, UserId, Words};

use super::{impossible, named, unavailable, when};
use crate::entra::Entra;
use crate::graph::{GraphError, Read, literal};
use crate::wire::{Found, User};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignIn {
    created_date_time: Timestamp,
    app_display_name: Option<String>,
    status: Option<Status>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    error_code: Option<i64>,
    failure_reason: Option<String>,
}

impl Entra {
    pub(super) async fn explain(&self, person: UserId) -> Result<Words, Refusal> {
        let log = async { self.sign_ins(person).await.map_err(not_readable) };
        let user = self.target_user(person, User::SELECT_PASSWORD);
        let (user, mut log) = try_join(user, log).await?;
        log.sort_by_key(|entry| std::cmp::Reverse(entry.created_date_time));
        let found = user.person();
        let mut words = Words::strong(named(&found)).fact("Account", account(&found));
        if let Some(at) = user.last_password_change_date_time {
            words = words.fact("Password last changed", when(at));
        }
        if log.is_empty() {
            return Ok(words.line(
                "The sign-in log shows no attempt. It may be some minutes behind, and keeps only \
                 some weeks.",
            ));
        }
        for entry in &log {
            let app = entry.app_display_name.as_deref().map(shown).unwrap_or_default();
            let app = if app.is_empty() { "an app".to_owned() } else { app };
            let said = format!("{app}: {}", entry.words());
            words = words.fact(&when(entry.created_date_time), said);
        }
        // What was wrong before a sign-in that went well is over.
        match log.first().and_then(SignIn::advice) {
            Some(advice) => Ok(words.line(advice)),
            None => Ok(words),
        }
    }

    /// The latest attempts; only those in which a person took part are in this list.
    async fn sign_ins(&self, person: UserId) -> Result<Vec<SignIn>, GraphError> {
        let filter = format!("userId eq {}", literal(&person.to_string()));
        let read =
            Read::at("/v1.0/auditLogs/signIns").option("$filter", &filter).option("$top", "10");
        Ok(self.graph().get::<Found<SignIn>>(&read).await?.value)
    }
}

impl SignIn {
    fn code(&self) -> i64 {
        self.status.as_ref().and_then(|status| status.error_code).unwrap_or(0)
    }

    fn words(&self) -> String {
        let code = self.code();
        match known(code) {
            Some((words, _)) => words.to_owned(),
            None => {
                let reason = self.status.as_ref().and_then(|it| it.failure_reason.as_deref());
                match reason.map(shown).filter(|reason| !reason.is_empty()) {
                    Some(reason) => format!("failed with AADSTS{code}: {reason}"),
                    None => format!("failed with AADSTS{code}"),
                }
            }
        }
    }

    fn advice(&self) -> Option<&'static str> {
        known(self.code())?.1
    }
}

fn account(person: &Person) -> &'static str {
    match (person.enabled, person.guest) {
        (false, _) => "blocked: nobody can sign in with it",
        (true, true) => "may sign in, at their own organisation",
        (true, false) => "may sign in",
    }
}

fn not_readable(cause: GraphError) -> Refusal {
    let premium = cause
        .refused()
        .is_some_and(|it| it.code == "Authentication_RequestFromNonPremiumTenantOrB2CTenant");
    if premium {
        return impossible(
            "no-premium",
            "This organisation's plan keeps no sign-in log that I could read: that needs Microsoft \
             Entra ID P1 or P2.",
        );
    }
    unavailable("reading the sign-in log", cause)
}

/// What an error number means, and what helps (Microsoft page "Microsoft Entra authentication and
/// authorization error codes").
const fn known(code: i64) -> Option<(&'static str, Option<&'static str>)> {
    Some(match code {
        0 => ("signed in", None),
        50034 => ("there is no such account", Some("The name was mistyped, or is another one.")),
        50053 => (
            "locked for a while after too many wrong passwords, or from an address with a bad name",
            Some("Waiting helps. If the attempts were not theirs, a new password does, too."),
        ),
        50055 => ("the password has expired", Some("They can set a new one when they sign in.")),
        50056 | 50126 => (
            "wrong name or password",
            Some("If they forgot the password, a new one or an access pass helps."),
        ),
        50057 => ("the account is blocked", Some("Unblocking the account helps.")),
        50058 | 50140 => ("stopped half-way to ask something; no failure by itself", None),
        50072 | 50079 => {
            ("must set up a second factor first", Some("An access pass lets them set one up."))
        }
        50074 | 50076 => (
            "was asked for a second factor",
            Some("If they have lost it, a reset of their sign-in methods and an access pass help."),
        ),
        50105 => (
            "is not assigned to the app",
            Some("Whoever looks after the app can assign them, or the group that does."),
        ),
        50133 | 50173 => (
            "the session ended because the password was changed or sessions were revoked",
            Some("Signing in again is enough."),
        ),
        53000 | 53001 => (
            "the device does not meet the organisation's rules",
            Some("The device must be enrolled or repaired first."),
        ),
        53003 => (
            "blocked by a Conditional Access policy",
            Some("Whoever looks after Conditional Access can see in the log which one, and why."),
        ),
        65001 => ("the app has no consent", Some("An administrator must consent to the app.")),
        500_121 => (
            "the second factor was denied or not answered",
            Some("If they did not ask for it themselves, somebody may know their password."),
        ),
        700_082 | 700_084 => {
            ("the session expired after long disuse", Some("Signing in again is enough."))
        }
        _ => return None,
    })
}
