//! The built-in brain, phrase by phrase.

mod table;

use subtwin_kernel::{Call, Which, Who};
use subtwin_understand::{Brain as _, Builtin, Talk, Turn};

/// The turn in the table's short notation.
pub(crate) fn short(turn: &Turn) -> String {
    match turn {
        Turn::Calls(calls) => calls.iter().map(call).collect::<Vec<_>>().join(" ; "),
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
    for (said, expected) in table::ALL.iter().flat_map(|part| part.iter()) {
        let lines: Vec<_> = said.split(" // ").collect();
        let got = short(&answer(&lines).await);
        if got != *expected {
            wrong.push(format!("{said}\n  expected {expected}\n  got      {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
