//! Several things asked for at once.

use subtwin_confirm::{NOT_ALLOWED, Refusal};
use subtwin_kernel::{Action, Approval, Tool, UserId};
use subtwin_policy::Policies;
use uuid::Uuid;

use crate::company::{Company, DOUG, E3, IRIS, MONA, PAUL, SAM, SARAH, VISIO};
use crate::planning::{gate, gate_with, joins, licence, pass, planned, planned_by, policies};

#[test]
fn several_things_are_one_plan_in_the_order_in_which_they_were_asked() {
    let asked = [licence(SARAH, E3), joins(MONA), Action::AccountBlock { person: PAUL }];
    let plan = planned(&asked).unwrap();
    assert_eq!(plan.asked, asked);
    let parts: Vec<Action> = plan.parts.iter().map(|part| part.action.clone()).collect();
    assert_eq!(parts, asked);
    assert_eq!((plan.left_out.as_slice(), plan.type_back), (&[][..], None));
    let by = ["accounts-helpdesk", "groups-helpdesk", "licences-helpdesk"];
    assert_eq!(plan.rules.allowed_by, by, "each once, sorted");
}

#[test]
fn what_concerns_how_somebody_signs_in_is_left_out_of_a_batch_and_named() {
    for (alone, tool) in [
        (pass(SARAH), Tool::TapIssue),
        (Action::PasswordReset { person: SARAH }, Tool::PasswordReset),
        (Action::MfaReset { person: SARAH }, Tool::MfaReset),
    ] {
        for asked in [[alone.clone(), licence(MONA, E3)], [licence(MONA, E3), alone.clone()]] {
            let plan = planned(&asked).unwrap();
            assert_eq!(plan.asked, [licence(MONA, E3)]);
            let [why] = plan.left_out.as_slice() else { panic!("{:?}", plan.left_out) };
            assert!(why.contains("sarah.lin@contoso.com") && why.contains(tool.name()), "{why}");
            assert_eq!(plan.approval, Approval::Own, "what is left out asks for nothing");
        }
        assert!(planned(&[alone]).unwrap().left_out.is_empty());
    }
}

#[test]
fn the_same_thing_twice_is_planned_once() {
    let plan = planned(&[licence(SARAH, E3), licence(SARAH, E3)]).unwrap();
    assert_eq!(plan.asked, [licence(SARAH, E3)]);
    let [why] = plan.left_out.as_slice() else { panic!("{:?}", plan.left_out) };
    assert!(why.contains("concern the same") && why.contains("sarah.lin"), "{why}");
    assert_eq!(planned(&[licence(SARAH, E3), licence(MONA, E3)]).unwrap().parts.len(), 2);
}

#[test]
fn what_one_thing_brings_along_is_not_taken_by_another() {
    // The group Finance carries Visio.
    for asked in [[joins(SARAH), licence(SARAH, VISIO)], [licence(SARAH, VISIO), joins(SARAH)]] {
        let plan = planned(&asked).unwrap();
        assert_eq!((plan.asked.as_slice(), plan.left_out.len()), (&asked[..1], 1));
    }
}

#[test]
fn a_seat_that_one_part_takes_is_not_free_for_the_next() {
    let asked: Vec<Action> = [SARAH, MONA, PAUL, DOUG].map(|person| licence(person, E3)).into();
    let plan = planned(&asked).unwrap();
    assert_eq!(plan.asked, asked[..3], "three seats were free");
    let seats: Vec<&str> = plan.parts.iter().map(|part| part.shown.after.as_str()).collect();
    assert_eq!(
        seats,
        [
            "Has Microsoft 365 E3. 2 seats free.",
            "Has Microsoft 365 E3. 1 seats free.",
            "Has Microsoft 365 E3. 0 seats free.",
        ]
    );
    let why = "No seat of Microsoft 365 E3 is free. (m365.license.assign, doug@contoso.com)";
    assert_eq!(plan.left_out, [why]);
}

#[test]
fn somebody_whose_name_looks_like_anothers_is_left_out_of_a_batch_and_named() {
    let plan = planned(&[licence(IRIS, E3), licence(SARAH, E3)]).unwrap();
    assert_eq!((plan.asked.as_slice(), plan.type_back), (&[licence(SARAH, E3)][..], None));
    let [why] = plan.left_out.as_slice() else { panic!("{:?}", plan.left_out) };
    assert!(why.contains("looks like") && why.contains("iris.lee@contoso.com"), "{why}");
}

#[test]
fn the_strictest_approval_of_any_part_is_that_of_the_plan() {
    let mixed = r#"
        @id("own") permit (principal, action == Action::"entra.session.revoke", resource)
        when { principal.helpdesk };
        @id("another") @approval("another")
        permit (principal, action == Action::"m365.license.assign", resource)
        when { principal.helpdesk };
        @id("two") @approval("two") @typed("yes")
        permit (principal, action == Action::"entra.groupmember.add", resource)
        when { principal.helpdesk };
    "#;
    let gate = gate_with(Company::new(), policies(mixed), Tool::ALL.to_vec());
    let revoke = Action::SessionRevoke { person: PAUL };
    for (asked, approval, typed) in [
        (vec![revoke.clone()], Approval::Own, None),
        (vec![revoke.clone(), licence(SARAH, E3)], Approval::Another, None),
        (vec![licence(SARAH, E3), revoke.clone()], Approval::Another, None),
        (vec![joins(MONA), licence(SARAH, E3), revoke.clone()], Approval::Two, Some("mona")),
        (vec![revoke, licence(SARAH, E3), joins(MONA)], Approval::Two, Some("paul")),
    ] {
        let plan = planned_by(&gate, DOUG, &asked).unwrap();
        // Typed is whom the first part is about.
        let typed = typed.map(|name| format!("{name}@contoso.com"));
        assert_eq!((plan.approval, plan.type_back), (approval, typed), "{asked:?}");
    }
}

#[test]
fn what_is_refused_is_named_and_the_rest_is_planned() {
    let mut company = Company::new();
    company.people.iter_mut().filter(|person| person.id == PAUL).for_each(|person| {
        person.licences.push(E3);
    });
    let gate = gate(company);
    let asked = [licence(PAUL, E3), licence(SAM, E3), licence(SARAH, E3)];
    let plan = planned_by(&gate, DOUG, &asked).unwrap();
    assert_eq!(plan.asked, [licence(SARAH, E3)]);
    let already = "Paul Grant (paul@contoso.com) has Microsoft 365 E3 already.";
    let not_allowed = format!("{NOT_ALLOWED} (m365.license.assign, sam@contoso.com)");
    assert_eq!(plan.left_out, [already, &not_allowed]);
}

#[test]
fn whatever_is_left_out_is_named_by_whom_and_what_it_is_about() {
    let gone = UserId::new(Uuid::from_u128(999));
    let asked = [
        licence(SARAH, E3),
        licence(SAM, E3),
        joins(SAM),
        licence(gone, E3),
        Action::TapWithdraw { person: MONA },
    ];
    let plan = planned(&asked).unwrap();
    assert_eq!(
        plan.left_out,
        [
            format!("{NOT_ALLOWED} (m365.license.assign, sam@contoso.com)"),
            format!("{NOT_ALLOWED} (entra.groupmember.add, sam@contoso.com)"),
            "That account is gone. (m365.license.assign)".to_owned(),
            "That is not done in this company. (entra.tap.issue, mona@contoso.com)".to_owned(),
        ]
    );
}

#[test]
fn where_everything_is_refused_the_first_reason_is_the_answer() {
    let block = Action::AccountBlock { person: crate::company::BOB };
    for (asked, first) in [
        (vec![block.clone(), licence(SAM, E3)], "already"),
        (vec![licence(SAM, E3), block.clone()], "not allowed"),
        (vec![pass(SARAH), pass(MONA)], "cannot be done"),
        (vec![block], "already"),
    ] {
        let refusal = planned(&asked).unwrap_err();
        assert!(refusal.to_string().contains(first), "{asked:?}: {refusal}");
    }
    let refusal = planned(&[]).unwrap_err();
    assert!(matches!(refusal, Refusal::Impossible { code: "nothing-asked", .. }), "{refusal:?}");
}

#[test]
fn policies_see_how_many_things_one_message_asks_for() {
    let few = r#"@id("few") permit (principal, action, resource) when { context.count <= 2 };"#;
    let gate = gate_with(Company::new(), policies(few), Tool::ALL.to_vec());
    let asked: Vec<Action> = [SARAH, MONA, PAUL].map(|person| licence(person, E3)).into();
    assert_eq!(planned_by(&gate, DOUG, &asked[..2]).unwrap().parts.len(), 2);
    let refusal = planned_by(&gate, DOUG, &asked).unwrap_err();
    assert!(matches!(refusal, Refusal::NotAllowed { .. }), "{refusal:?}");
}

#[test]
fn one_thing_alone_is_never_half_done() {
    // Every method is a part of its own; all of one person, and nothing else beside them.
    let plan = planned(&[Action::MfaReset { person: SARAH }]).unwrap();
    assert_eq!(plan.parts.len(), 2);
    assert!(plan.parts.iter().all(|part| part.action.person() == SARAH), "{:?}", plan.parts);
    assert_eq!(plan.tools(), [Tool::MfaReset]);
    assert_eq!(Policies::shipped().digest(), plan.rules.policy);
}
