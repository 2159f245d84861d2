//! The digest that a yes is bound to: the same for the same directory, another for anything else
//! shown.

use std::collections::BTreeMap;

use proptest::prelude::*;
use subtwin_kernel::{Action, Digest, MethodKind, MethodRef, Plan, Property, Tool};
use subtwin_policy::Policies;

use crate::company::{Company, DOUG, E3, MONA, Person, SAM, SARAH};
use crate::planning::{gate, gate_with, joins, licence, planned_by, policies};

fn title() -> Action {
    let set = BTreeMap::from([(Property::JobTitle, "Lead".to_owned())]);
    Action::UserUpdate { person: SARAH, set }
}

fn everything() -> [Action; 4] {
    [licence(SARAH, E3), joins(SARAH), title(), Action::AccountBlock { person: MONA }]
}

fn digest(company: &Company, asked: &[Action]) -> Digest {
    planned_by(&gate(company.clone()), DOUG, asked).unwrap().digest()
}

fn sarah(company: &mut Company) -> &mut Person {
    company.people.iter_mut().find(|person| person.id == SARAH).unwrap()
}

/// Another company of the same people, whatever it calls them and however much it has of what.
fn companies() -> impl Strategy<Value = Company> {
    let people = prop::collection::vec((".{0,20}", ".{0,12}", ".{0,12}"), 11);
    (people, 4..9_usize, 1..9_usize, ".{1,12}", prop::bool::ANY).prop_map(
        |(people, licences, visio, group, carries)| {
            let mut company = Company::new();
            for (number, (person, (name, department, job_title))) in
                company.people.iter_mut().zip(people).enumerate()
            {
                // No two look alike: that is another rule.
                person.name = format!("{name} {number}");
                person.department = (!department.is_empty()).then_some(department);
                person.job_title = job_title;
            }
            company.products[0].free = licences;
            company.products[1].free = visio;
            company.groups[0].name = group;
            if !carries {
                company.groups[0].carries = None;
            }
            company
        },
    )
}

type Change = (&'static str, fn() -> Action, fn(&mut Company));

/// Every fact of the directory that is shown or sent, by an action that does.
const CHANGES: [Change; 15] = [
    ("the target's name", title, |c| sarah(c).name.push('x')),
    ("the target's upn", title, |c| sarah(c).upn.insert(0, 'x')),
    ("the target's department", title, |c| sarah(c).department = Some("Elsewhere, Ltd".into())),
    ("what it is now", title, |c| sarah(c).job_title.push('x')),
    ("seats", || licence(SARAH, E3), |c| c.products[0].free += 1),
    ("the product's name", || licence(SARAH, E3), |c| c.products[0].name.push('x')),
    ("the group's name", || joins(SARAH), |c| c.groups[0].name.push('x')),
    (
        "what a group brings along",
        || joins(SARAH),
        |c| {
            c.groups[0].carries = if c.groups[0].carries.is_none() { Some(E3) } else { None };
        },
    ),
    ("a look-alike", title, |c| {
        let name = sarah(c).name.clone();
        c.people.iter_mut().filter(|person| person.id == MONA).for_each(|mona| {
            mona.name.clone_from(&name);
        });
    }),
    (
        "a sign-in method less",
        || Action::MfaReset { person: SARAH },
        |c| {
            sarah(c).methods.pop();
        },
    ),
    (
        "a sign-in method more",
        || Action::MfaReset { person: SARAH },
        |c| {
            sarah(c).methods.push(MethodRef { kind: MethodKind::Email, id: "3c".to_owned() });
        },
    ),
    (
        "another sign-in method",
        || Action::MfaReset { person: SARAH },
        |c| {
            sarah(c).methods[0].id = "32".to_owned();
        },
    ),
    (
        "the order of the methods",
        || Action::MfaReset { person: SARAH },
        |c| {
            sarah(c).methods.reverse();
        },
    ),
    ("the twin's name", title, |c| {
        c.people.iter_mut().filter(|p| p.id == SAM).for_each(|sam| sam.name.push('x'));
    }),
    ("the twin's upn", title, |c| {
        c.people.iter_mut().filter(|p| p.id == SAM).for_each(|sam| sam.upn.insert(0, 'x'));
    }),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    #[test]
    fn equal_directories_give_equal_digests_in_whatever_order_they_are_read(company in companies()) {
        let mut other = company.clone();
        other.people.reverse();
        other.groups.reverse();
        other.products.reverse();
        other.approvers.reverse();
        for asked in everything() {
            let asked = [asked];
            prop_assert_eq!(digest(&company, &asked), digest(&other, &asked));
        }
        prop_assert_eq!(digest(&company, &everything()[..1]), digest(&company, &everything()[..1]));
        let plan = |company: &Company| -> Plan {
            planned_by(&gate(company.clone()), DOUG, &everything()).unwrap()
        };
        prop_assert_eq!(plan(&company), plan(&other));
    }

    #[test]
    fn any_change_of_any_fact_shown_gives_another_digest(company in companies()) {
        for (what, asked, change) in CHANGES {
            let mut changed = company.clone();
            change(&mut changed);
            let asked = [asked()];
            prop_assert_ne!(digest(&company, &asked), digest(&changed, &asked), "{}", what);
        }
    }

    #[test]
    fn what_is_not_shown_does_not_count(company in companies()) {
        let mut changed = company.clone();
        for person in &mut changed.people {
            if person.id != SARAH && person.id != SAM {
                person.department = Some("Elsewhere".to_owned());
                person.methods.clear();
            }
        }
        changed.products[0].free += 1;
        let asked = [title()];
        prop_assert_eq!(digest(&company, &asked), digest(&changed, &asked));
    }
}

#[test]
fn another_catalog_or_another_policy_text_gives_another_digest() {
    let own = r#"@id("own") permit (principal, action, resource) when { principal.helpdesk };"#;
    let with = |text: &str| {
        let gate = gate_with(Company::new(), policies(text), Tool::ALL.to_vec());
        planned_by(&gate, DOUG, &[title()]).unwrap().digest()
    };
    assert_eq!(with(own), with(own));
    assert_ne!(with(own), with(&format!("{own}\n// Nothing else is different.")));
    let of = |catalog: &[u8]| {
        let offered =
            subtwin_confirm::Offered { tools: Tool::ALL.to_vec(), digest: Digest::of(catalog) };
        let company = std::sync::Arc::new(Company::new());
        let utc = jiff::tz::TimeZone::UTC;
        let gate = subtwin_confirm::Gate::new(company, Policies::shipped(), offered, utc);
        planned_by(&gate, DOUG, &[title()]).unwrap().digest()
    };
    assert_eq!(of(b"one"), of(b"one"));
    assert_ne!(of(b"one"), of(b"another"));
}

#[test]
fn what_is_left_out_and_the_order_of_what_is_done_are_part_of_the_plan() {
    let company = Company::new();
    let asked = [licence(SARAH, E3), joins(MONA)];
    let turned = [joins(MONA), licence(SARAH, E3)];
    assert_ne!(digest(&company, &asked), digest(&company, &turned));
    let more = [licence(SARAH, E3), joins(MONA), licence(SAM, E3)];
    assert_ne!(digest(&company, &asked), digest(&company, &more));
}
