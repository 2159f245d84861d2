//! What a decision costs: CPU per call over the shipped policies, on Linux.
//!
//! `cargo run --release -p subtwin-policy --example decide`

use std::hint::black_box;
use std::{fs, io};

use jiff::civil::Weekday;
use subtwin_kernel::{Action, GroupId, UserId};
use subtwin_policy::{Asker, GroupTarget, Policies, Question, Target, When};

const CALLS: u32 = 20_000;
const ROUNDS: u32 = 7;

fn main() -> io::Result<()> {
    let policies = Policies::shipped();
    let id = |number: u8| format!("00000000-0000-0000-0000-0000000000{number:02}");
    let user = |number| id(number).parse::<UserId>().map_err(io::Error::other);
    let asker = Asker {
        id: user(1)?,
        upn: "doug@contoso.com".to_owned(),
        enabled: true,
        guest: false,
        twin: false,
        helpdesk: true,
        approver: false,
        department: Some("IT".to_owned()),
        groups: Vec::new(),
    };
    let target = Target {
        id: user(2)?,
        upn: "sarah@contoso.com".to_owned(),
        enabled: true,
        guest: false,
        synced: false,
        department: Some("Finance".to_owned()),
        manager: Some(user(3)?),
        privileged: false,
        protected: None,
    };
    let approver = Asker { id: user(4)?, upn: "dana@contoso.com".to_owned(), ..asker.clone() };
    let group = GroupTarget {
        id: id(9).parse::<GroupId>().map_err(io::Error::other)?,
        name: "Finance".to_owned(),
        owners: vec![user(5)?, user(6)?],
        role_assignable: false,
    };
    let person = target.id;
    let when = When { hour: 10, weekday: Weekday::Tuesday };
    let deeds = [
        ("user.find", Action::UserFind { person }),
        ("password.reset", Action::PasswordReset { person }),
        ("groupmember.add", Action::GroupMemberAdd { person, group: group.id }),
        ("manager.set", Action::ManagerSet { person, manager: None }),
    ];
    for (name, action) in &deeds {
        let group = action.group().map(|_| &group);
        let question = Question { asker: &asker, action, target: &target, group, when, count: 1 };
        let decide = measured(|| drop(black_box(policies.decide(black_box(&question)))))?;
        let approve =
            measured(|| drop(black_box(policies.may_approve(&approver, black_box(&question)))))?;
        report(&format!("{name:16} decide {decide:6.1} us  may_approve {approve:6.1} us"));
    }
    Ok(())
}

/// Microseconds of CPU per call: the least of some rounds.
fn measured(call: impl Fn()) -> io::Result<f64> {
    let mut least = f64::MAX;
    for _ in 0..ROUNDS {
        let before = cpu()?;
        (0..CALLS).for_each(|_| call());
        least = least.min((cpu()? - before) / f64::from(CALLS));
    }
    Ok(least)
}

/// What this thread has run, in microseconds (proc(5), schedstat).
fn cpu() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split(' ').next().unwrap_or_default();
    nanoseconds.parse::<f64>().map(|ns| ns / 1000.0).map_err(io::Error::other)
}

#[expect(clippy::print_stdout, reason = "a report is what this is for")]
fn report(line: &str) {
    println!("{line}");
}
