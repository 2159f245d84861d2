//! What docs/admin/policy.md shows is what happens.

use jiff::civil::Weekday;
use subtwin_kernel::{Action, Approval, Property, Tool};
use subtwin_policy::{Asker, Decision, GroupTarget, Policies, Question, Target, When};

use crate::company::{
    CARL, DOUG, MONA, OLGA, SARAH, TUESDAY_TEN, asker, finance, question, target, user, using,
};

const PAGE: &str = include_str!("../../../../docs/admin/policy.md");

/// The page's fenced blocks of one kind.
fn blocks(kind: &str) -> Vec<&'static str> {
    let opening = format!("```{kind}\n");
    let blocks = PAGE.split(&opening).skip(1);
    blocks.map(|rest| rest.split_once("```").map_or(rest, |(block, _)| block)).collect()
}

/// The example that holds this id, beside the default text, as the page says.
fn example(id: &str) -> Policies {
    let block = blocks("cedar").into_iter().find(|block| block.contains(&format!("\"{id}\"")));
    let ours = ("ours.cedar".to_owned(), block.expect(id).to_owned());
    let shipped = Policies::shipped();
    let default = shipped.texts().find(|(name, _)| *name == "default.cedar");
    let default = default.map(|(name, text)| (name.to_owned(), text.to_owned()));
    Policies::read(&[ours, default.expect("it is shipped")])
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What is decided about Sarah.
fn decided(policies: &Policies, asker: &Asker, action: &Action, when: When) -> Decision {
    let (sarah, finance) = (target(SARAH), finance());
    policies.decide(&Question { when, ..question(asker, action, &sarah, &finance) })
}

fn allowed(by: &[&str], approval: Approval, typed: bool) -> Decision {
    Decision::Allow { by: by.iter().map(|id| (*id).to_owned()).collect(), approval, typed }
}

fn denied(by: &[&str]) -> Decision {
    Decision::Deny { by: by.iter().map(|id| (*id).to_owned()).collect() }
}

#[test]
fn there_are_six_examples_and_each_is_read_and_tried_here() {
    let named = |block: &&str| block.lines().next().unwrap_or_default().to_owned();
    assert_eq!(
        blocks("cedar").iter().map(named).collect::<Vec<_>>(),
        [
            "@id(\"licences-cost-owners\")",
            "@id(\"managers-block-at-night\")",
            "@id(\"passes-need-two\")",
            "@id(\"office-hours\")",
            "@id(\"board-needs-another\")",
            "@id(\"legal-not-by-helpdesk\")",
        ]
    );
}

#[test]
fn all_examples_can_stand_beside_each_other() {
    let all = ("all.cedar".to_owned(), blocks("cedar").concat());
    let policies = Policies::read(&[all]).unwrap_or_else(|error| panic!("{error}"));
    assert!(policies.rule("office-hours").is_some());
}

#[test]
fn the_cost_owners_decide_on_licences() {
    let policies = example("licences-cost-owners");
    let mut carl = asker(CARL);
    let assign = using(Tool::LicenseAssign, user(SARAH));
    assert_eq!(decided(&policies, &carl, &assign, TUESDAY_TEN), denied(&[]));
    carl.groups = policies.groups().to_vec();
    assert_eq!(carl.groups.len(), 1);
    let by_group = allowed(&["licences-cost-owners"], Approval::Own, false);
    assert_eq!(decided(&policies, &carl, &assign, TUESDAY_TEN), by_group);
    let add = using(Tool::GroupMemberAdd, user(SARAH));
    assert_eq!(decided(&policies, &carl, &add, TUESDAY_TEN), denied(&[]));
}

#[test]
fn managers_block_their_peoples_accounts_at_night() {
    let policies = example("managers-block-at-night");
    let block = using(Tool::AccountBlock, user(SARAH));
    let by_night = allowed(&["managers-block-at-night"], Approval::Own, false);
    for hour in 0..24 {
        let when = When { hour, ..TUESDAY_TEN };
        let night = !(6..20).contains(&hour);
        let said = decided(&policies, &asker(MONA), &block, when);
        assert_eq!(said, if night { by_night.clone() } else { denied(&[]) }, "{hour}");
        assert_eq!(decided(&policies, &asker(CARL), &block, when), denied(&[]), "{hour}");
    }
}

#[test]
fn access_passes_need_two_more_people() {
    let policies = example("passes-need-two");
    let issue = using(Tool::TapIssue, user(SARAH));
    let both = ["credentials-helpdesk", "passes-need-two"];
    let said = decided(&policies, &asker(DOUG), &issue, TUESDAY_TEN);
    assert_eq!(said, allowed(&both, Approval::Two, false));
}

#[test]
fn nothing_is_changed_outside_office_hours() {
    let policies = example("office-hours");
    let revoke = using(Tool::SessionRevoke, user(SARAH));
    let find = using(Tool::UserFind, user(SARAH));
    for (weekday, hour, open) in [
        (Weekday::Friday, 18, true),
        (Weekday::Friday, 19, false),
        (Weekday::Monday, 6, false),
        (Weekday::Monday, 7, true),
        (Weekday::Saturday, 12, false),
        (Weekday::Sunday, 12, false),
    ] {
        let when = When { hour, weekday };
        let said = decided(&policies, &asker(DOUG), &revoke, when);
        let yes = allowed(&["sessions-helpdesk"], Approval::Own, false);
        assert_eq!(said, if open { yes } else { denied(&["office-hours"]) }, "{when:?}");
        let said = decided(&policies, &asker(DOUG), &find, when);
        assert_eq!(said, allowed(&["find-colleagues"], Approval::Own, false), "{when:?}");
    }
}

#[test]
fn the_exception_that_the_page_names_lets_managers_block_at_night_all_the_same() {
    let exception = "unless { action == Action::\"entra.account.block\" }";
    assert!(PAGE.contains(exception));
    let mut text = blocks("cedar").concat();
    let at = text.find("unless {\n    context.hour").expect("the office hours");
    text.insert_str(at, &format!("{exception}\n"));
    let policies = Policies::read(&[("all.cedar".to_owned(), text)]).expect("well formed");
    let when = When { hour: 23, ..TUESDAY_TEN };
    let block = using(Tool::AccountBlock, user(SARAH));
    let said = decided(&policies, &asker(MONA), &block, when);
    assert_eq!(said, allowed(&["managers-block-at-night"], Approval::Own, false));
    let assign = using(Tool::LicenseAssign, user(SARAH));
    assert_eq!(decided(&policies, &asker(MONA), &assign, when), denied(&["office-hours"]));
}

#[test]
fn who_joins_one_group_needs_anothers_yes() {
    let policies = example("board-needs-another");
    let [board] = policies.groups() else { panic!("{:?}", policies.groups()) };
    let sarah = target(SARAH);
    for (group, who, said) in [
        (
            *board,
            DOUG,
            allowed(&["board-needs-another", "groups-helpdesk"], Approval::Another, true),
        ),
        (*board, OLGA, allowed(&["board-needs-another", "groups-owner"], Approval::Another, true)),
        (*board, CARL, denied(&[])),
        (finance().id, DOUG, allowed(&["groups-helpdesk"], Approval::Own, false)),
    ] {
        let about = GroupTarget { id: group, ..finance() };
        let action = Action::GroupMemberAdd { person: sarah.id, group };
        let is = policies.decide(&question(&asker(who), &action, &sarah, &about));
        assert_eq!(is, said, "{group} {who}");
    }
}

#[test]
fn helpdesk_does_not_touch_one_department() {
    let policies = example("legal-not-by-helpdesk");
    let legal = Target { department: Some("Legal".to_owned()), ..target(SARAH) };
    let finance = finance();
    for tool in Tool::ALL {
        let action = using(tool, legal.id);
        let said = policies.decide(&question(&asker(DOUG), &action, &legal, &finance));
        if action.touches().is_empty() {
            assert!(matches!(said, Decision::Allow { .. }), "{tool}: {said:?}");
        } else {
            assert_eq!(said, denied(&["legal-not-by-helpdesk"]), "{tool}");
        }
    }
    let action = using(Tool::UserUpdate, legal.id);
    let said = policies.decide(&question(&asker(MONA), &action, &legal, &finance));
    assert_eq!(said, allowed(&["profiles-manager"], Approval::Own, false), "their manager may");
}

#[test]
fn the_fault_that_the_page_shows_is_what_is_said() {
    let text = "@id(\"ours\")\nforbid (principal, action, resource)\nwhen { context.weekday == \"Sunday\" };\n";
    let error = Policies::read(&[("ours.cedar".to_owned(), text.to_owned())]).expect_err("a fault");
    assert_eq!(blocks("text"), [format!("{error}\n")]);
}

#[test]
fn the_page_names_every_tool_every_fact_and_every_rule_that_stands() {
    let mut words: Vec<String> = Tool::ALL.map(|tool| format!("`Action::\"{tool}\"`")).into();
    let credentials = Property::ALL.into_iter().filter(|property| property.is_credential());
    words.extend(credentials.map(|property| format!("`{}`", property.name())));
    let shipped = Policies::shipped();
    let (_, always) = shipped.texts().next().expect("the rules that stand");
    let ids = always.lines().filter_map(|line| line.strip_prefix("@id(\"")?.strip_suffix("\")"));
    words.extend(ids.map(|id| format!("`{id}`")));
    let schema = include_str!("../../schema.cedarschema");
    let (user, rest) = schema.split_once("type Asked").expect("the first context");
    let attributes = |text: &str| -> Vec<String> {
        let names = text.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once('"'));
        names.map(|(name, _)| name.to_owned()).collect()
    };
    let (group, user) = user.split_once("entity User").expect("people");
    words.extend(attributes(user).iter().map(|name| format!("| `{name}` |")));
    words.extend(
        attributes(group).iter().filter(|name| *name != "owners").map(|name| format!("`.{name}`")),
    );
    words.extend(attributes(rest).iter().map(|name| format!("`context.{name}`")));
    assert!(words.len() > 40, "{words:?}");
    for word in words {
        assert!(PAGE.contains(&word), "the page does not name {word}");
    }
}
