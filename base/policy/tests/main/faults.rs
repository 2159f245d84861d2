use subtwin_policy::{Fault, Place, Policies};

/// What is said about one file.
fn said(text: &str) -> String {
    match Policies::read(&[("ours.cedar".to_owned(), text.to_owned())]) {
        Ok(_) => "nothing".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Where and what, without how it is shown.
fn told(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<_> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let line = |fault: &Fault| match &fault.place {
        Some(Place { line, column, .. }) => {
            format!("{}:{line}:{column} {}", fault.file, fault.what)
        }
        None => format!("{} {}", fault.file, fault.what),
    };
    match Policies::read(&files) {
        Ok(_) => Vec::new(),
        Err(error) => error.faults().iter().map(line).collect(),
    }
}

/// A policy for helpdesk that says this, too.
fn helpdesk(condition: &str) -> String {
    format!(
        "@id(\"ours\")\npermit (principal, action == Action::\"entra.user.update\", resource)\nwhen {{ principal.helpdesk && {condition} }};\n"
    )
}

#[test]
fn text_that_is_no_policy_is_shown_where_it_stops_being_one() {
    insta::assert_snapshot!(said(
        r#"@id("ours")
permit (principal, action == Action::"entra.user.find", resource)
when { principal.helpdesk &&& true };

@id("theirs")
permit (principal, action = Action::"entra.user.find", resource);

@id("last")
allow (principal, action, resource);
"#
    ));
}

#[test]
fn an_unclosed_text_is_shown_where_it_opens() {
    insta::assert_snapshot!(said(
        "@id(\"ours)\npermit (principal, action == Action::\"entra.user.find\", resource);\n"
    ));
}

#[test]
fn what_the_schema_does_not_know_is_shown_with_what_it_knows() {
    insta::assert_snapshot!(said(
        r#"@id("a")
permit (principal, action == Action::"entra.password.rest", resource)
when { principal.helpdesk };

@id("b")
permit (principal, action == Action::"entra.user.find", resource)
when { principal.helpdisk };

@id("c")
permit (principal, action == Action::"entra.user.find", resource)
when { principal.department == "IT" };

@id("d")
permit (principal, action == Action::"m365.license.assign", resource)
when { context.hour < "18" };

@id("e")
permit (principal, action, resource)
when { principal.helpdesk && context.group.name == "Finance" };

@id("typo")
permit (principal, action == Action::"entra.user.find", resource)
when { principal.helpdesk && context.weekdy == "monday" };

@id("f")
permit (principal in Role::"00000000-0000-0000-0000-000000000001", action, resource);
"#
    ));
}

#[test]
fn what_can_never_apply_is_no_policy() {
    insta::assert_snapshot!(said(
        r#"@id("ours")
forbid (principal, action == Action::"entra.user.find", resource)
when { context has group && context.group.name == "Board" };
"#
    ));
}

#[test]
fn every_policy_has_an_id_of_its_own_that_is_not_ours() {
    insta::assert_snapshot!(said(
        r#"// permit in a comment
@reason("permit this")
permit (principal, action == Action::"entra.user.find", resource);

@id("a")
permit (principal, action == Action::"entra.user.find", resource);

@id("a")
forbid (principal, action == Action::"entra.user.find", resource);

@id("always-no-guest")
permit (principal, action == Action::"entra.user.find", resource);

@id("always-mine")
permit (principal, action == Action::"entra.user.find", resource);

@id("evaluation-error")
permit (principal, action == Action::"entra.user.find", resource);

@id("two words")
permit (principal, action == Action::"entra.user.find", resource);

@id
permit (principal, action == Action::"entra.user.find", resource);
"#
    ));
}

#[test]
fn annotations_say_only_what_is_understood() {
    insta::assert_snapshot!(said(
        r#"@id("a")
@approval("three")
permit (principal, action in Action::"change", resource)
when { principal.helpdesk };

@id("b")
@aproval("two")
permit (principal, action in Action::"change", resource)
when { principal.helpdesk };

@id("c")
@typed("true")
permit (principal, action in Action::"change", resource)
when { principal.helpdesk };

@id("d")
@approval("two")
forbid (principal, action in Action::"change", resource)
when { principal.helpdesk };

@id("e")
@approval("two")
permit (principal, action == Action::"approve", resource)
when { principal.helpdesk };

@id("f")
@reason
permit (principal, action == Action::"entra.user.find", resource);
"#
    ));
}

#[test]
fn signs_that_turn_the_direction_of_writing_are_refused() {
    insta::assert_snapshot!(said(&helpdesk("principal.upn != \"\u{202e}moc.osotnoc\"")));
}

#[test]
fn templates_are_refused() {
    insta::assert_snapshot!(said(
        r#"@id("ours")
permit (principal == ?principal, action == Action::"entra.user.find", resource);
"#
    ));
}

#[test]
fn people_and_groups_are_named_by_their_object_ids() {
    insta::assert_snapshot!(said(
        r#"@id("a")
permit (principal in Group::"Cost owners", action in Action::"change", resource);

@id("b")
permit (principal, action in Action::"change", resource)
when { principal in [Group::"0000000A-0000-0000-0000-000000000001"] };

@id("c")
permit ( // Not User::"doug@contoso.com" but his object id.
    principal == User::"doug@contoso.com", action in Action::"change", resource);

@id("d")
permit (principal in Group::"0000000a-0000-0000-0000-000000000001", action == Action::"entra.user.find", resource);
"#
    ));
}

#[test]
fn a_change_is_not_permitted_to_everybody() {
    insta::assert_snapshot!(said(
        r#"@id("a")
permit (principal, action, resource);

@id("b")
permit (principal is User, action in Action::"change", resource is User)
when { true };

@id("c")
permit (principal, action == Action::"approve", resource)
unless { false };

@id("colleagues")
permit (principal, action == Action::"m365.license.assign", resource)
when { principal.enabled && !principal.guest }
unless { principal.twin || !principal.enabled };

@id("either")
permit (principal, action == Action::"m365.license.assign", resource)
when { principal.helpdesk || principal.enabled }
unless { principal.helpdesk && principal.guest };

@id("fine")
permit (principal, action == Action::"m365.license.assign", resource)
when { principal.helpdesk && principal.enabled }
unless { principal.helpdesk || principal.guest };

@id("fine-too")
permit (principal, action == Action::"m365.license.assign", resource)
unless { principal.helpdesk || principal.guest };

@id("d")
permit (principal, action in Action::"read", resource);

@id("e")
forbid (principal, action in Action::"change", resource);
"#
    ));
}

#[test]
fn facts_that_nobody_knows_are_not_asked_for() {
    insta::assert_snapshot!(said(
        &[
            "resource.helpdesk",
            "resource.twin",
            "principal.privileged",
            "principal has manager",
            "resource in Group::\"00000000-0000-0000-0000-000000000001\"",
            "(resource has manager && resource.manager.enabled)",
            "User::\"00000000-0000-0000-0000-000000000001\".guest",
            "(if context.credential then principal else resource).helpdesk",
            "resource is User in Group::\"00000000-0000-0000-0000-000000000001\"",
        ]
        .iter()
        .enumerate()
        .map(|(number, condition)| helpdesk(condition).replace("ours", &format!("rule-{number}")))
        .collect::<String>()
    ));
}

#[test]
fn membership_is_asked_only_of_groups_that_are_written_out() {
    insta::assert_snapshot!(said(
        r#"@id("a")
permit (principal, action == Action::"entra.groupmember.add", resource)
when { principal in context.group };

@id("b")
permit (principal, action == Action::"entra.user.find", resource in Group::"00000000-0000-0000-0000-000000000001");
"#
    ));
}

#[test]
fn words_that_are_never_said_are_not_compared_with() {
    insta::assert_snapshot!(said(
        &[
            "context.weekday == \"Sunday\"",
            "[\"saturday\", \"sonday\"].contains(context.weekday)",
            "context.risk != \"medium\"",
            "resource.protected == \"yes\"",
            "[\"jobTitle\", \"jobtitle\"].containsAll(context.properties)",
            "context.properties.contains(\"phone\")",
            "principal.upn == \"Doug@contoso.com\"",
            "principal.upn like \"*@Contoso.com\"",
        ]
        .iter()
        .enumerate()
        .map(|(number, condition)| helpdesk(condition).replace("ours", &format!("rule-{number}")))
        .collect::<String>()
    ));
}

#[test]
fn a_licence_is_named_by_its_sku_id() {
    insta::assert_snapshot!(said(
        r#"@id("ours")
permit (principal, action == Action::"m365.license.assign", resource)
when { principal.helpdesk && context.licence == "SPE_E3" };
"#
    ));
}

#[test]
fn what_is_well_said_is_not_found_fault_with() {
    for condition in [
        "true",
        "principal has department && principal.department == \"Отдел IT\"",
        "resource has department && resource.department == \"Büro\"",
        "context.hour >= 8 && context.hour < 18 && context.count < 5",
        "resource has manager && resource.manager == principal",
        "context.properties.containsAny([\"jobTitle\", \"manager\"])",
        "(if context.credential then principal.approver else true)",
        "principal in [Group::\"00000000-0000-0000-0000-00000000000a\"]",
        "principal is User in Group::\"00000000-0000-0000-0000-00000000000a\"",
        "action in Action::\"change\"",
        "[User::\"00000000-0000-0000-0000-00000000000a\"].contains(principal)",
        "principal.upn like \"*@contoso.com\"",
        "resource.protected == \"no\" && !resource.privileged && !resource.synced",
    ] {
        assert_eq!(said(&helpdesk(condition)), "nothing", "{condition}");
    }
}

#[test]
fn all_files_faults_are_told_at_once_in_order() {
    let found = told(&[
        ("b.cedar", "permit (principal, action == Action::\"entra.user.find\", resource);"),
        ("a.cedar", "permit"),
        (
            "c.cedar",
            "@id(\"find\")\npermit (principal, action == Action::\"entra.user.find\", resource);",
        ),
    ]);
    assert_eq!(
        found,
        ["a.cedar:1:7 unexpected end of input", "b.cedar:1:1 this policy has no `@id`"]
    );
}

#[test]
fn an_id_is_taken_across_files() {
    let find =
        "@id(\"find\")\npermit (principal, action == Action::\"entra.user.find\", resource);";
    assert_eq!(
        told(&[("b.cedar", find), ("a.cedar", find)]),
        ["b.cedar:1:1 the id `find` is already taken at a.cedar:1"]
    );
}

#[test]
fn files_have_bounds_and_names_of_their_own() {
    let find =
        "@id(\"find\")\npermit (principal, action == Action::\"entra.user.find\", resource);";
    assert_eq!(told(&[]), ["policies there is no policy file"]);
    assert_eq!(told(&[("always.cedar", find)]), ["always.cedar two policy files have this name"]);
    assert_eq!(
        told(&[("a.cedar", find), ("a.cedar", find)]),
        ["a.cedar two policy files have this name"]
    );
    let long = format!("// {}", "x".repeat(256 * 1024));
    assert_eq!(told(&[("a.cedar", &long)]), ["a.cedar the file is longer than 256 KiB"]);
    let names: Vec<String> = (0..65).map(|number| format!("{number}.cedar")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(told(&many), ["always.cedar there are more than 64 policy files"]);
    assert_eq!(told(&many[..64]), Vec::<String>::new());
}

#[test]
fn there_are_no_more_than_a_thousand_policies() {
    let policy = |number: usize| {
        format!(
            "@id(\"p{number}\")forbid(principal,action==Action::\"entra.user.find\",resource);\n"
        )
    };
    let text: String = (0..992).map(policy).collect();
    assert_eq!(
        told(&[("a.cedar", &text), ("b.cedar", &policy(1000))]),
        ["b.cedar there are more than 1000 policies"]
    );
}

#[test]
fn a_text_nested_as_deep_as_it_fits_is_a_fault_not_a_fall() {
    let open = "(".repeat(100_000);
    let close = ")".repeat(100_000);
    let text = helpdesk(&format!("{open}true{close}"));
    assert_eq!(told(&[("a.cedar", &text)]), ["a.cedar:3:79 brackets stand more than 50 deep"]);
    for sign in ["!", "-", "true && ", "if true then true else "] {
        let text = helpdesk(&format!("{}true", sign.repeat(250_000 / sign.len())));
        let found = told(&[("a.cedar", &text)]);
        assert!(found[0].contains("too many conditions"), "{sign}: {found:?}");
    }
}

#[test]
fn a_text_nested_as_deep_as_may_be_is_read() {
    let all = format!("{}true", "true && ".repeat(95));
    let brackets = format!("{}true{}", "(".repeat(48), ")".repeat(48));
    let choices = format!("({}true)", "if true then true else ".repeat(95));
    for condition in [all, brackets, choices] {
        assert_eq!(said(&helpdesk(&condition)), "nothing");
    }
}

#[test]
fn what_is_shown_has_no_power_over_the_terminal() {
    let said = said("permit \u{1b}[31m\u{202e} (principal,\taction, resource);\r\n");
    assert!(!said.contains(['\u{1b}', '\u{202e}', '\t', '\r']), "{said:?}");
}

#[test]
fn a_fault_over_several_lines_is_shown_at_its_first() {
    let text = "@id(\"ours\")\npermit (principal, action, resource)\nwhen {\tcontext.hour +\n    context.count };\n";
    insta::assert_snapshot!(said(text));
}

#[test]
fn a_fault_in_the_middle_of_a_letter_is_placed_before_it() {
    let said = said(
        "// Büro\n@id(\"ü\") permit (principal, action == Action::\"entra.user.find\", resource);",
    );
    assert!(said.contains("ours.cedar:2:1"), "{said}");
}
