//! What people read before they say yes.

use proptest::prelude::*;
use subtwin_confirm::{Answers, Language, approval_prompt, dry_run, prompt};
use subtwin_kernel::names::{is_hidden, shown};
use subtwin_kernel::{Action, Approval, Plan, Span, Words};

use crate::company::{Company, DOUG, E3, IRIS, MONA, SAM, SARAH};
use crate::planning::{gate, joins, licence, pass, planned, planned_by};
use crate::talk::english;

/// The text, without what changes with every policy.
fn text(words: &Words, plan: &Plan) -> String {
    words.to_text().replace(&plan.digest().short(), "{digest}")
}

fn batch() -> Plan {
    planned(&[licence(SARAH, E3), joins(MONA), pass(SARAH), licence(SAM, E3)]).unwrap()
}

#[test]
fn one_change_as_its_requester_reads_it() {
    let plan = planned(&[licence(SARAH, E3)]).unwrap();
    insta::assert_snapshot!(text(&prompt(&plan, english()), &plan));
}

#[test]
fn several_changes_and_what_is_left_out() {
    let plan = batch();
    insta::assert_snapshot!(text(&prompt(&plan, english()), &plan));
}

#[test]
fn a_change_that_needs_a_typed_name_and_two_approvers() {
    let plan = planned(&[Action::MfaReset { person: IRIS }]).unwrap();
    let plan = Plan { approval: Approval::Two, ..plan };
    insta::assert_snapshot!(text(&prompt(&plan, english()), &plan));
}

#[test]
fn a_change_that_needs_an_approver_in_a_tenant_of_two_languages() {
    let answers = Answers::new([Language::German, Language::English]);
    let plan = planned(&[pass(SARAH)]).unwrap();
    insta::assert_snapshot!(text(&prompt(&plan, &answers), &plan));
}

#[test]
fn the_same_change_as_an_approver_reads_it() {
    let plan = planned(&[pass(SARAH)]).unwrap();
    let requester = "Doug Hale (doug@contoso.com)";
    insta::assert_snapshot!(text(&approval_prompt(&plan, requester, english()), &plan));
}

#[test]
fn what_would_happen_as_a_dry_run() {
    let typed = planned(&[Action::MfaReset { person: SARAH }]).unwrap();
    let text = dry_run(&typed).to_text();
    insta::assert_snapshot!(text);
    assert!(!text.contains("Reply"), "nothing waits for a yes: {text}");
}

#[test]
fn every_prompt_says_everything_that_a_plan_holds() {
    for plan in [batch(), planned(&[licence(SARAH, E3)]).unwrap(), planned(&[pass(SARAH)]).unwrap()]
    {
        let requester = "Doug Hale (doug@contoso.com)";
        let approver = approval_prompt(&plan, requester, english()).to_text();
        assert!(approver.contains(requester), "{approver}");
        for text in [prompt(&plan, english()).to_text(), approver, dry_run(&plan).to_text()] {
            for part in &plan.parts {
                let facts = &part.shown;
                let all = [
                    &facts.headline,
                    &facts.target,
                    &facts.before,
                    &facts.after,
                    &facts.undo,
                    &plan.appears_as,
                ];
                for fact in all.into_iter().chain(&facts.consequences).chain(&plan.left_out) {
                    assert!(text.contains(fact.as_str()), "`{fact}` is missing in:\n{text}");
                }
            }
        }
        let digest = plan.digest().short();
        assert!(prompt(&plan, english()).to_text().contains(&digest));
        assert!(approval_prompt(&plan, requester, english()).to_text().contains(&digest));
    }
}

#[test]
fn a_prompt_names_the_words_that_count_and_how_long_it_waits() {
    for language in Language::ALL {
        let answers = Answers::new([language]);
        let plan = planned(&[licence(SARAH, E3)]).unwrap();
        let text = prompt(&plan, &answers).to_text();
        let last = text.lines().last().unwrap();
        for word in answers.yes_words().into_iter().chain(answers.no_words()) {
            assert!(last.contains(word), "{language}: `{word}` is missing in {last}");
        }
        assert!(last.contains("5 minutes"), "{last}");
        let approver = approval_prompt(&plan, "Doug", &answers).to_text();
        assert!(approver.lines().last().unwrap().contains("30 minutes"), "{approver}");
    }
}

/// Names as an impostor would choose them.
fn hostile() -> impl Strategy<Value = String> {
    const PIECES: [&str; 24] = [
        "\nUndo: nothing",
        "\r\nWho: Bob",
        "\u{2028}Now: good",
        "\u{2029}Reply yes",
        "\u{85}Note: harmless",
        "\u{b}",
        "\u{c}",
        "\t",
        "\u{0}",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{feff}",
        "\u{e0041}",
        "</b></p><p><b>Undo: </b>",
        "**Undo:** none",
        "&#10;Who: Bob",
        "\\nWho: Bob",
        "Undo: ",
        "Reply yes to do exactly this",
        "Left out: ",
        "(plan 123456789012)",
        "\u{5d0}\u{5d1}",
        " ",
    ];
    let pieces = prop::collection::vec(prop::sample::select(PIECES.as_slice()), 0..6);
    prop_oneof![pieces.prop_map(|all| all.concat()), "(?s).{0,30}", any::<String>()]
}

/// What stands at the beginning of each paragraph, where it is a label.
fn labels(words: &Words) -> Vec<Option<String>> {
    let label = |paragraph: &Vec<Span>| match paragraph.as_slice() {
        [Span::Strong(label), Span::Plain(_)] => Some(label.clone()),
        _ => None,
    };
    words.paragraphs().iter().map(label).collect()
}

const LABELS: [&str; 12] = [
    "Who: ",
    "What: ",
    "Now: ",
    "Afterwards: ",
    "Note: ",
    "Undo: ",
    "Left out: ",
    "Needs: ",
    "In the audit log as: ",
    "Asked by: ",
    "It would need: ",
    "Reply ",
];

fn pages(company: Company, requester: &str) -> Vec<Words> {
    let gate = gate(company);
    let plan = |asked: &[Action]| planned_by(&gate, DOUG, asked).unwrap();
    let plans = [
        plan(&[licence(SARAH, E3)]),
        plan(&[joins(SARAH), licence(MONA, E3), licence(SAM, E3)]),
        plan(&[pass(SARAH)]),
    ];
    let of = |plan: &Plan| {
        [prompt(plan, english()), approval_prompt(plan, requester, english()), dry_run(plan)]
    };
    plans.iter().flat_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_name_can_make_a_line_or_look_like_one_of_the_gates_own(
        names in prop::collection::vec((hostile(), hostile()), 11),
        things in prop::collection::vec(hostile(), 4),
        requester in hostile(),
    ) {
        let mut company = Company::new();
        for (number, (person, (name, department))) in
            company.people.iter_mut().zip(names).enumerate()
        {
            // No two look alike: that would be another prompt.
            person.name = format!("{name}{number}");
            person.upn = format!("{department}{}", person.upn);
            person.department = Some(department);
        }
        for (thing, name) in company.groups.iter_mut().map(|group| &mut group.name)
            .chain(company.products.iter_mut().map(|product| &mut product.name))
            .zip(things)
        {
            *thing = name;
        }
        let plain = pages(Company::new(), "Doug");
        let odd = pages(company, &shown(&requester));
        prop_assert_eq!(plain.len(), odd.len());
        for (plain, odd) in plain.iter().zip(&odd) {
            // The same paragraphs with the same labels, whatever anybody is called.
            prop_assert_eq!(labels(plain), labels(odd));
            let text = odd.to_text();
            let bad = |c: char| c != '\n' && (c.is_control() || is_hidden(c));
            prop_assert!(!text.contains(bad), "{:?}", text);
            let lines: Vec<&str> = text.lines().collect();
            prop_assert_eq!(lines.len(), odd.paragraphs().len(), "{:?}", text);
            for (line, label) in lines.iter().zip(labels(odd)) {
                let begins = LABELS.iter().find(|known| line.starts_with(**known));
                match label {
                    Some(label) => prop_assert!(line.starts_with(&label)),
                    // Only the last line says how to answer.
                    None => prop_assert!(
                        begins.is_none() || lines.last() == Some(line), "{:?}", line
                    ),
                }
            }
        }
    }
}
