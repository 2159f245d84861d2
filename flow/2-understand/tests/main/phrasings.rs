//! The built-in brain, phrase by phrase.

mod accounts;
mod near;
mod profiles;
mod table;

use subtwin_kernel::{Call, Which, Who};
use subtwin_understand::{Brain as _, Builtin, Mode, Talk, Turn};

/// The turn in the table's short notation.
pub(crate) fn short(turn: &Turn) -> String {
    match turn {
        Turn::Calls { calls, mode } => {
            let calls = calls.iter().map(call).collect::<Vec<_>>().join(" ; ");
            match mode {
                Mode::Ask => calls,
                Mode::DryRun => format!("dry run: {calls}"),
            }
        }
        Turn::Undo => "undo".to_owned(),
        Turn::Say(_) => "say".to_owned(),
        Turn::Cancel => "cancel".to_owned(),
        Turn::Help => "help".to_owned(),
        Turn::Decline(_) => "decline".to_owned(),
        Turn::HandOver => "hand over".to_owned(),
    }
}

fn call(call: &Call) -> String {
    match call {
        Call::UserFind { person } => format!("find {}", who(person)),
        Call::LicenseAssign { person, licence } => {
            format!("assign {} < {}", who(person), which(licence))
        }
        Call::LicenseRemove { person, licence } => {
            format!("unassign {} > {}", who(person), which(licence))
        }
        Call::GroupMemberAdd { person, group } => format!("add {} < {}", who(person), which(group)),
        Call::GroupMemberRemove { person, group } => {
            format!("remove {} > {}", who(person), which(group))
        }
        Call::SessionRevoke { person } => format!("sign out {}", who(person)),
        Call::SigninExplain { person } => format!("explain {}", who(person)),
        Call::PasswordReset { person } => format!("password {}", who(person)),
        Call::TapIssue { person, minutes, reusable } => {
            let minutes = minutes.map_or(String::new(), |minutes| format!(" {minutes} min"));
            let reusable = if *reusable { " reusable" } else { "" };
            format!("pass {}{minutes}{reusable}", who(person))
        }
        Call::MfaReset { person } => format!("mfa {}", who(person)),
        Call::AccountBlock { person } => format!("block {}", who(person)),
        Call::AccountUnblock { person } => format!("unblock {}", who(person)),
        Call::UserUpdate { person, set, manager } => {
            let set = set.iter().map(|(property, value)| format!("{}={value}", property.name()));
            let manager = manager.iter().map(|manager| format!("manager={}", who(manager)));
            let values = set.chain(manager).collect::<Vec<_>>().join(", ");
            format!("update {}: {values}", who(person))
        }
    }
}

fn who(who_: &Who) -> String {
    match who_ {
        Who::Me => "me".to_owned(),
        Who::Named(name) => name.clone(),
        Who::Known(id) => format!("#{id}"),
        Who::ManagerOf(of) => format!("manager of {}", who(of)),
    }
}

fn which<Id: std::fmt::Display>(which: &Which<Id>) -> String {
    match which {
        Which::Named(name) => name.clone(),
        Which::Known(id) => format!("#{id}"),
    }
}

/// What the brain answers to the last of some lines.
pub(crate) async fn answer(lines: &[&str]) -> Turn {
    let lines = lines.iter().map(|line| (false, (*line).to_owned())).collect();
    Builtin::new("Sam").turn(&Talk { lines }).await.unwrap()
}

#[tokio::test]
async fn every_phrasing_of_the_table_is_understood_as_written_there() {
    let mut wrong = Vec::new();
    let parts = [table::ALL, accounts::ALL, profiles::ALL, near::ALL];
    for (said, expected) in parts.into_iter().flatten().flat_map(|part| part.iter()) {
        let lines: Vec<_> = said.split(" // ").collect();
        let got = short(&answer(&lines).await);
        if got != *expected {
            wrong.push(format!("{said}\n  expected {expected}\n  got      {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
