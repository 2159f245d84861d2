use jiff::civil::Weekday;
use subtwin_kernel::{Action, Approval, Property, Tool};
use subtwin_policy::{Decision, Policies, Question, Rule, When};

use crate::company::{
    ADA, CARL, DANA, DOUG, FINANCE, MONA, OLGA, PAUL, SARAH, TUESDAY_TEN, asker, finance, group_id,
    question, setting, target, user, using,
};

fn read(text: &str) -> Policies {
    Policies::read(&[("ours.cedar".to_owned(), text.to_owned())])
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What is decided about this on Sarah, asked by somebody.
fn decided(policies: &Policies, who: u128, action: &Action) -> Decision {
    let number = if action.person() == user(SARAH) { SARAH } else { who };
    policies.decide(&question(&asker(who), action, &target(number), &finance()))
}

fn allowed(by: &[&str], approval: Approval, typed: bool) -> Decision {
    Decision::Allow { by: by.iter().map(|id| (*id).to_owned()).collect(), approval, typed }
}

fn denied(by: &[&str]) -> Decision {
    Decision::Deny { by: by.iter().map(|id| (*id).to_owned()).collect() }
}

/// A permit for helpdesk.
fn permit(id: &str, annotations: &str, scope: &str) -> String {
    format!(
        "@id(\"{id}\") {annotations}\npermit (principal, {scope}, resource) when {{ principal.helpdesk }};\n"
    )
}

#[test]
fn who_must_say_yes_follows_from_the_risk_unless_a_permit_says() {
    use Approval::{Another, Own, Two};
    let phone = setting(&[Property::JobTitle, Property::MobilePhone], user(SARAH));
    let title = setting(&[Property::JobTitle], user(SARAH));
    let of = |tool| using(tool, user(SARAH));
    for (annotation, action, approval) in [
        ("", of(Tool::UserFind), Own),
        ("", of(Tool::SessionRevoke), Own),
        ("", of(Tool::AccountBlock), Own),
        ("", title.clone(), Own),
        ("", phone.clone(), Another),
        ("", of(Tool::PasswordReset), Another),
        ("", of(Tool::MfaReset), Another),
        ("@approval(\"own\")", of(Tool::PasswordReset), Own),
        ("@approval(\"own\")", of(Tool::MfaReset), Own),
        ("@approval(\"own\")", phone, Own),
        ("@approval(\"another\")", of(Tool::SessionRevoke), Another),
        ("@approval(\"two\")", of(Tool::UserFind), Two),
        ("@approval(\"two\")", of(Tool::MfaReset), Two),
    ] {
        let policies = read(&permit("a", annotation, "action"));
        let typed = action.tool() == Tool::MfaReset;
        let said = decided(&policies, DOUG, &action);
        assert_eq!(said, allowed(&["a"], approval, typed), "{annotation} {action:?}");
    }
}

#[test]
fn the_strictest_of_the_permits_that_apply_counts() {
    use Approval::{Another, Own, Two};
    let reset = using(Tool::PasswordReset, user(SARAH));
    let revoke = using(Tool::SessionRevoke, user(SARAH));
    for (first, second, action, approval) in [
        ("@approval(\"own\")", "", &reset, Another),
        ("@approval(\"own\")", "@approval(\"own\")", &reset, Own),
        ("@approval(\"two\")", "@approval(\"own\")", &reset, Two),
        ("@approval(\"another\")", "", &revoke, Another),
        ("", "", &revoke, Own),
    ] {
        for (a, b) in [(first, second), (second, first)] {
            let policies = read(&(permit("b", a, "action") + &permit("a", b, "action")));
            let said = decided(&policies, DOUG, action);
            assert_eq!(said, allowed(&["a", "b"], approval, false), "{a} {b} {action:?}");
        }
    }
    // One that does not apply asks for nothing.
    let elsewhere = permit("b", "@approval(\"two\") @typed(\"yes\")", "action in Action::\"read\"");
    let policies = read(&(permit("a", "", "action") + &elsewhere));
    assert_eq!(decided(&policies, DOUG, &revoke), allowed(&["a"], Own, false));
}

#[test]
fn any_permit_that_applies_can_ask_for_the_name_to_be_typed() {
    let text = permit("a", "", "action") + &permit("b", "@typed(\"yes\")", "action");
    let block = using(Tool::AccountBlock, user(SARAH));
    assert_eq!(decided(&read(&text), DOUG, &block), allowed(&["a", "b"], Approval::Own, true));
}

#[test]
fn a_forbid_wins_over_every_permit_and_all_that_apply_are_named() {
    let forbid = |id| format!("@id(\"{id}\") forbid (principal, action, resource);\n");
    let policies = read(&(forbid("z") + &permit("a", "", "action") + &forbid("b")));
    let find = using(Tool::UserFind, user(SARAH));
    assert_eq!(decided(&policies, DOUG, &find), denied(&["b", "z"]));
}

#[test]
fn what_nothing_permits_is_denied_by_nothing() {
    let policies = read("// Nothing.\n");
    assert_eq!(decided(&policies, DOUG, &using(Tool::UserFind, user(SARAH))), denied(&[]));
}

#[test]
fn a_policy_that_cannot_be_evaluated_denies_though_another_permits() {
    let broken = |effect| {
        format!(
            "@id(\"broken\") {effect} (principal, action, resource) when {{ context.hour + 9223372036854775807 > 0 }};"
        )
    };
    let find = using(Tool::UserFind, user(SARAH));
    for effect in ["permit", "forbid"] {
        let policies = read(&(permit("a", "", "action") + &broken(effect)));
        assert_eq!(decided(&policies, DOUG, &find), denied(&["evaluation-error"]), "{effect}");
    }
    let policies = read(&(broken("permit") + "@id(\"no\") forbid (principal, action, resource);"));
    assert_eq!(decided(&policies, DOUG, &find), denied(&["evaluation-error", "no"]));
    let approver = asker(DANA);
    let (doug, sarah, finance) = (asker(DOUG), target(SARAH), finance());
    let said = policies.may_approve(&approver, &question(&doug, &find, &sarah, &finance));
    assert_eq!(said, denied(&["evaluation-error", "no"]));
}

#[test]
fn as_many_conditions_as_can_be_read_can_be_evaluated() {
    let all = format!("principal.enabled{}", " && true".repeat(98));
    let sum = format!("0 == 0{}", " + 0".repeat(98));
    let choice = format!("{}true", "if true then true else ".repeat(98));
    let brackets = format!("{}true{}", "(".repeat(48), ")".repeat(48));
    let find = using(Tool::UserFind, user(SARAH));
    for condition in [all, sum, choice, brackets] {
        let policies = read(&format!(
            "@id(\"a\") permit (principal, action in Action::\"read\", resource) when {{ {condition} }};"
        ));
        let said = decided(&policies, CARL, &find);
        assert_eq!(said, allowed(&["a"], Approval::Own, false), "{condition}");
    }
}

/// Each fact with a condition that holds for Doug asking about Sarah on Tuesday at ten, for three
/// things at once, to put her into Finance; and one that does not.
#[test]
fn every_fact_is_what_the_question_says() {
    let group = group_id(FINANCE);
    let facts = [
        ("principal.upn == \"person2@contoso.com\"", "principal.upn == \"person3@contoso.com\""),
        ("principal.enabled", "!principal.enabled"),
        ("!principal.guest", "principal.guest"),
        ("!principal.twin", "principal.twin"),
        ("principal.helpdesk", "!principal.helpdesk"),
        ("!principal.approver", "principal.approver"),
        (
            "principal has department && principal.department == \"IT\"",
            "principal has department && principal.department == \"it\"",
        ),
        (
            "principal in Group::\"00000000-0000-0000-0000-00000000000a\"",
            "principal in Group::\"00000000-0000-0000-0000-00000000000b\"",
        ),
        ("resource.upn like \"person1@*\"", "resource.upn like \"person2@*\""),
        ("resource.enabled", "!resource.enabled"),
        ("!resource.guest", "resource.guest"),
        ("!resource.synced", "resource.synced"),
        ("!resource.privileged", "resource.privileged"),
        ("resource.protected == \"no\"", "resource.protected == \"twin\""),
        (
            "resource has manager && resource.manager == User::\"00000000-0000-0000-0000-000000000004\"",
            "resource has manager && resource.manager == principal",
        ),
        ("resource has department", "!(resource has department)"),
        ("resource != principal", "resource == principal"),
        ("context.hour == 10", "context.hour == 11"),
        ("context.weekday == \"tuesday\"", "context.weekday == \"monday\""),
        ("context.count == 3", "context.count == 1"),
        ("context.risk == \"high\"", "context.risk == \"low\""),
        ("!context.credential", "context.credential"),
        ("context.group.name == \"Finance\"", "context.group.name == \"finance\""),
        ("!context.group.roleAssignable", "context.group.roleAssignable"),
        (
            "context.group.owners.contains(User::\"00000000-0000-0000-0000-000000000005\")",
            "context.group.owners.contains(principal)",
        ),
    ];
    let mut doug = asker(DOUG);
    doug.groups = vec![group_id(10)];
    let (sarah, finance) = (target(SARAH), finance());
    assert_eq!(finance.id, group);
    let action = Action::GroupMemberAdd { person: sarah.id, group };
    for (holds, fails) in facts {
        for (condition, holds) in [(holds, true), (fails, false)] {
            let policies = read(&format!(
                "@id(\"a\") permit (principal, action == Action::\"entra.groupmember.add\", resource) when {{ context.count > 0 && ({condition}) }};"
            ));
            let question = Question { count: 3, ..question(&doug, &action, &sarah, &finance) };
            let said = matches!(policies.decide(&question), Decision::Allow { .. });
            assert_eq!(said, holds, "{condition}");
        }
    }
}

#[test]
fn every_day_and_hour_is_told_by_its_name() {
    let days = [
        (Weekday::Monday, "monday"),
        (Weekday::Tuesday, "tuesday"),
        (Weekday::Wednesday, "wednesday"),
        (Weekday::Thursday, "thursday"),
        (Weekday::Friday, "friday"),
        (Weekday::Saturday, "saturday"),
        (Weekday::Sunday, "sunday"),
    ];
    let (doug, sarah, finance) = (asker(DOUG), target(SARAH), finance());
    let find = using(Tool::UserFind, sarah.id);
    for (hour, (weekday, name)) in (0_i8..).step_by(3).zip(days) {
        let policies = read(&format!(
            "@id(\"a\") permit (principal, action, resource) when {{ context.weekday == \"{name}\" && context.hour == {hour} }};"
        ));
        for (other, _) in days {
            let when = When { hour, weekday: other };
            let question = Question { when, ..question(&doug, &find, &sarah, &finance) };
            let said = matches!(policies.decide(&question), Decision::Allow { .. });
            assert_eq!(said, other == weekday, "{name}: {when:?}");
        }
    }
}

#[test]
fn who_approves_can_depend_on_the_tool_the_requester_the_group_and_the_licence() {
    let policies = read(
        r#"
        @id("manager")
        permit (principal, action == Action::"approve", resource)
        when { context.tool == "entra.password.reset" }
        when { resource has manager && resource.manager == principal && context.requester.helpdesk };

        @id("owner")
        permit (principal, action == Action::"approve", resource)
        when { context has group && context.group.owners.contains(principal) };

        @id("licence")
        permit (principal, action == Action::"approve", resource)
        when { context has licence && context.licence == "00000000-0000-0000-0000-000000000200" }
        when { principal.approver };

        @id("title")
        permit (principal, action == Action::"approve", resource)
        when { context has properties && context.properties.contains("jobTitle") }
        when { principal.approver && context.risk == "low" };
        "#,
    );
    let (sarah, finance) = (target(SARAH), finance());
    let said = |requester: u128, approver: u128, tool: Tool| {
        let (requester, action) = (asker(requester), using(tool, sarah.id));
        let question = question(&requester, &action, &sarah, &finance);
        policies.may_approve(&asker(approver), &question)
    };
    let yes = |id| allowed(&[id], Approval::Own, false);
    assert_eq!(said(DOUG, MONA, Tool::PasswordReset), yes("manager"));
    assert_eq!(said(CARL, MONA, Tool::PasswordReset), denied(&[]), "not asked by helpdesk");
    assert_eq!(said(DOUG, MONA, Tool::TapIssue), denied(&[]), "another tool");
    assert_eq!(said(DOUG, OLGA, Tool::GroupMemberAdd), yes("owner"));
    assert_eq!(said(DOUG, OLGA, Tool::LicenseAssign), denied(&[]), "no group");
    assert_eq!(said(DOUG, PAUL, Tool::LicenseRemove), yes("licence"));
    assert_eq!(said(DOUG, PAUL, Tool::UserUpdate), yes("title"));
    assert_eq!(said(SARAH, PAUL, Tool::UserUpdate), yes("title"), "asked about oneself");
}

#[test]
fn the_digest_is_of_names_and_texts_in_any_order() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let (a, b) = (permit("a", "", "action"), permit("b", "", "action"));
    let of = |files: &[(String, String)]| Policies::read(files).unwrap().digest();
    let digest = of(&[file("1", &a), file("2", &b)]);
    assert_eq!(digest, of(&[file("2", &b), file("1", &a)]));
    for other in [
        vec![file("1", &b), file("2", &a)],
        vec![file("1", &(a.clone() + &b))],
        vec![file("1", &a), file("3", &b)],
        vec![file("1", &a), file("2", &(b.clone() + " "))],
        vec![file("1", &a)],
    ] {
        assert_ne!(digest, of(&other), "{other:?}");
    }
    let apart = of(&[file("a", "// b")]);
    assert_ne!(apart, of(&[file("a// b", "")]), "where a name ends counts");
    let (name, text) = Policies::shipped()
        .texts()
        .nth(1)
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .unwrap();
    assert_eq!(Policies::shipped().digest(), of(&[(name, text)]));
}

#[test]
fn what_is_in_force_can_be_shown() {
    let policies = read(&permit("a", "@reason(\"Because.\")", "action"));
    let names: Vec<&str> = policies.texts().map(|(name, _)| name).collect();
    assert_eq!(names, ["always.cedar", "ours.cedar"]);
    let rule = policies.rule("a").unwrap();
    let text = permit("a", "@reason(\"Because.\")", "action");
    assert_eq!(
        rule,
        Rule { id: "a", reason: Some("Because."), file: "ours.cedar", line: 1, text: text.trim() }
    );
    assert_eq!(policies.rule("always-no-guest").unwrap().file, "always.cedar");
    assert_eq!(policies.rule("evaluation-error"), None);
    assert_eq!(policies.rule("find-colleagues"), None, "replaced");
    let shown = format!("{policies:?}");
    assert!(shown.contains("ours.cedar") && shown.len() < 200, "{shown}");
}

#[test]
fn every_shipped_rule_says_why() {
    let policies = Policies::shipped();
    for (name, text) in policies.texts() {
        let ids = text.lines().filter_map(|line| line.strip_prefix("@id(\"")?.strip_suffix("\")"));
        for id in ids {
            let rule = policies.rule(id).unwrap();
            assert_eq!(rule.file, name);
            assert!(rule.reason.is_some_and(|reason| reason.ends_with('.')), "{id}");
            assert!(
                rule.text.starts_with("@id") && rule.text.ends_with("};")
                    || rule.text.ends_with("resource);"),
                "{rule:?}"
            );
            assert_eq!(text.lines().nth(rule.line - 1), Some(&*format!("@id(\"{id}\")")));
        }
    }
}

#[test]
fn the_groups_that_policies_name_are_those_to_be_read() {
    assert_eq!(Policies::shipped().groups(), []);
    let policies = read(
        r#"
        @id("a") permit (principal in Group::"00000000-0000-0000-0000-000000000003", action in Action::"change", resource);
        @id("b") forbid (principal, action in Action::"change", resource)
        when { principal in [Group::"00000000-0000-0000-0000-000000000001", Group::"00000000-0000-0000-0000-000000000003"] }
        unless { principal is User in Group::"00000000-0000-0000-0000-000000000002" };
        "#,
    );
    assert_eq!(policies.groups(), [group_id(1), group_id(2), group_id(3)]);
    let revoke = using(Tool::SessionRevoke, user(SARAH));
    for (groups, said) in [
        (vec![], denied(&[])),
        (vec![3], denied(&["b"])),
        (vec![2, 3], allowed(&["a"], Approval::Own, false)),
    ] {
        let mut carl = asker(CARL);
        carl.groups = groups.iter().map(|number| group_id(*number)).collect();
        let is = policies.decide(&question(&carl, &revoke, &target(SARAH), &finance()));
        assert_eq!(is, said, "{groups:?}");
    }
}

#[test]
fn whether_the_target_is_privileged_is_read_where_a_policy_asks() {
    let shipped = Policies::shipped();
    for tool in Tool::ALL {
        let asks = !matches!(
            tool,
            Tool::UserFind
                | Tool::SigninExplain
                | Tool::LicenseAssign
                | Tool::LicenseRemove
                | Tool::GroupMemberAdd
                | Tool::GroupMemberRemove
        );
        assert_eq!(shipped.depend_on_privilege(tool), asks, "{tool}");
    }
    let licences = read(
        r#"@id("a") forbid (principal, action == Action::"m365.license.assign", resource) when { resource.privileged };"#,
    );
    assert!(licences.depend_on_privilege(Tool::LicenseAssign));
    assert!(!licences.depend_on_privilege(Tool::LicenseRemove));
    let approve = read(
        r#"@id("a") permit (principal, action == Action::"approve", resource) unless { resource.privileged };"#,
    );
    assert!(Tool::ALL.into_iter().all(|tool| approve.depend_on_privilege(tool)));
    assert!(target(ADA).privileged && TUESDAY_TEN.hour == 10);
}
