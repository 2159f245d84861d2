use subtwin_kernel::Action;
use subtwin_policy::{Decision, GroupTarget, Policies};

use crate::company::{
    ADA, BOB, BREAK_GLASS, CARL, DANA, DOUG, EVERYBODY, GINA, MONA, OLGA, PAUL, SAM, SARAH, STELLA,
    asker, deeds, finance, question, target, user,
};

/// What is decided, in one line.
fn line(decision: &Decision) -> String {
    match decision {
        Decision::Allow { by, approval, typed } => {
            let typed = if *typed { ", typed" } else { "" };
            format!("yes, {}{typed}: {}", approval.name(), by.join(" "))
        }
        Decision::Deny { by } if by.is_empty() => "no".to_owned(),
        Decision::Deny { by } => format!("no: {}", by.join(" ")),
    }
}

/// For each deed, everybody who may or may not do it to this target; those alike on one line.
fn grid(number: u128, group: &GroupTarget) -> String {
    let policies = Policies::shipped();
    let mut page = String::new();
    let target = target(number);
    for (name, action) in deeds(target.id) {
        page.push_str(&format!("{name}\n"));
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for (who, number) in EVERYBODY {
            let said = line(&policies.decide(&question(&asker(number), &action, &target, group)));
            let who = who.split_once(',').map_or(who, |(name, _)| name);
            match lines.iter_mut().find(|(is, _)| *is == said) {
                Some((_, all)) => all.push(who),
                None => lines.push((said, vec![who])),
            }
        }
        for (said, who) in lines {
            page.push_str(&format!("  {said} <- {}\n", who.join(", ")));
        }
    }
    page
}

#[test]
fn the_default_policies_decide_about_an_ordinary_colleague() {
    insta::assert_snapshot!(grid(SARAH, &finance()));
}

#[test]
fn helpdesk_about_itself() {
    insta::assert_snapshot!(grid(DOUG, &finance()));
}

#[test]
fn the_default_policies_decide_about_an_administrator() {
    insta::assert_snapshot!(grid(ADA, &finance()));
}

#[test]
fn nobody_changes_a_protected_account() {
    for number in [SAM, STELLA, BREAK_GLASS] {
        for (name, action) in deeds(user(number)) {
            for (who, asking) in EVERYBODY {
                let decision = Policies::shipped().decide(&question(
                    &asker(asking),
                    &action,
                    &target(number),
                    &finance(),
                ));
                let Decision::Deny { by } = decision else {
                    assert!(action.touches().is_empty(), "{who} may {name} {number}");
                    continue;
                };
                let changes = !action.touches().is_empty();
                let protected = by.iter().any(|id| id == "always-protected");
                assert_eq!(protected, changes, "{who} {name} {number}: {by:?}");
            }
        }
    }
}

#[test]
fn nobody_changes_a_group_that_can_carry_roles() {
    let group = GroupTarget { role_assignable: true, ..finance() };
    for (name, action) in deeds(user(SARAH)) {
        if action.group().is_none() {
            continue;
        }
        for (who, number) in EVERYBODY {
            let decision = Policies::shipped().decide(&question(
                &asker(number),
                &action,
                &target(SARAH),
                &group,
            ));
            let Decision::Deny { by } = decision else { panic!("{who} may {name}") };
            assert!(by.iter().any(|id| id == "always-role-group"), "{who} {name}: {by:?}");
        }
    }
}

#[test]
fn who_may_say_yes_to_what_helpdesk_asks_about_a_colleague() {
    let mut page = String::new();
    let (requester, target, group) = (asker(DOUG), target(SARAH), finance());
    let action = Action::PasswordReset { person: target.id };
    let question = question(&requester, &action, &target, &group);
    for (who, number) in EVERYBODY {
        let said = line(&Policies::shipped().may_approve(&asker(number), &question));
        page.push_str(&format!("{who}: {said}\n"));
    }
    insta::assert_snapshot!(page);
}

#[test]
fn helpdesk_does_not_say_yes_about_itself() {
    let (requester, target, group) = (asker(DANA), target(DOUG), finance());
    let action = Action::TapIssue { person: target.id, minutes: 60, reusable: false };
    let question = question(&requester, &action, &target, &group);
    let said = Policies::shipped().may_approve(&asker(DOUG), &question);
    assert_eq!(said, Decision::Deny { by: vec!["always-not-the-target".to_owned()] });
}

#[test]
fn who_asks_about_themselves_says_no_second_yes() {
    let (requester, target, group) = (asker(DOUG), target(DOUG), finance());
    let action = Action::SessionRevoke { person: target.id };
    let question = question(&requester, &action, &target, &group);
    let said = Policies::shipped().may_approve(&asker(DOUG), &question);
    let by = ["always-not-the-target", "always-somebody-else"].map(str::to_owned).into();
    assert_eq!(said, Decision::Deny { by });
}

#[test]
fn facts_about_somebody_else_than_is_asked_about_allow_nothing() {
    let denied = Decision::Deny { by: vec!["facts-contradict".to_owned()] };
    let (doug, finance) = (asker(DOUG), finance());
    let about = |action: &Action, number, group: Option<&GroupTarget>| {
        let target = target(number);
        let question = question(&doug, action, &target, &finance);
        Policies::shipped().decide(&subtwin_policy::Question { group, ..question })
    };
    let find = Action::UserFind { person: user(CARL) };
    assert_eq!(about(&find, SARAH, None), denied, "another person");
    assert_eq!(about(&find, CARL, Some(&finance)), denied, "a group nobody asked about");
    let add = crate::company::using(subtwin_kernel::Tool::GroupMemberAdd, user(CARL));
    assert_eq!(about(&add, CARL, None), denied, "no group");
    let other = GroupTarget { id: crate::company::group_id(5), ..finance.clone() };
    assert_eq!(about(&add, CARL, Some(&other)), denied, "another group");
    let nothing = crate::company::setting(&[], user(CARL));
    assert_eq!(about(&nothing, CARL, None), denied, "no property");
}

#[test]
fn one_person_described_in_two_ways_may_do_nothing() {
    let (mut doug, target, group) = (asker(DOUG), target(DOUG), finance());
    doug.department = Some("Sales".to_owned());
    let action = Action::UserFind { person: target.id };
    let said = Policies::shipped().decide(&question(&doug, &action, &target, &group));
    assert_eq!(said, Decision::Deny { by: vec!["facts-contradict".to_owned()] });
}

#[test]
fn who_asks_and_says_yes_in_one_is_described_alike_or_says_nothing() {
    let (requester, target, group) = (asker(DOUG), target(SARAH), finance());
    let action = Action::PasswordReset { person: target.id };
    let question = question(&requester, &action, &target, &group);
    let approver = subtwin_policy::Asker { approver: true, ..asker(DOUG) };
    let said = Policies::shipped().may_approve(&approver, &question);
    assert_eq!(said, Decision::Deny { by: vec!["facts-contradict".to_owned()] });
}

#[test]
fn the_grid_knows_everybody() {
    let numbers: Vec<u128> = EVERYBODY.iter().map(|(_, number)| *number).collect();
    let named =
        [SARAH, DOUG, DANA, MONA, OLGA, PAUL, CARL, GINA, BOB, SAM, ADA, STELLA, BREAK_GLASS];
    assert_eq!(numbers, named);
}
