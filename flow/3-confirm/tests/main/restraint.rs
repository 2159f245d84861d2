//! When the gate does not even ask.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use subtwin_confirm::{Limits, Restrained, Restraint};
use subtwin_kernel::{Action, Plan, Touch, UserId};
use uuid::Uuid;

use crate::company::{DANA, DOUG, E3, MONA, SARAH, VISIO};
use crate::planning::{joins, licence, pass, planned};
use crate::talk::{SHOWN, later};

fn plan(action: Action) -> Plan {
    planned(&[action]).unwrap()
}

fn touches(plan: &Plan) -> Vec<Touch> {
    plan.parts.iter().flat_map(|part| part.touches.clone()).collect()
}

/// Doug was shown this and said no.
fn after_no(action: Action) -> Restraint {
    let mut restraint = Restraint::new(Limits::default());
    let plan = plan(action);
    restraint.show(DOUG, &plan, SHOWN).unwrap();
    restraint.turned_down(DOUG, touches(&plan), SHOWN);
    restraint
}

fn is_held_back(restraint: &mut Restraint, action: Action) {
    let plan = plan(action);
    let until = later(300);
    for seconds in [0, 1, 299] {
        let shown = restraint.show(DOUG, &plan, later(seconds));
        assert_eq!(shown, Err(Restrained::TurnedDown { until }), "{:?}", plan.asked);
    }
    assert_eq!(restraint.show(DOUG, &plan, until), Ok(()), "{:?}", plan.asked);
}

#[test]
fn what_was_turned_down_is_not_proposed_again_for_five_minutes() {
    let same = || licence(SARAH, E3);
    is_held_back(&mut after_no(same()), same());
}

#[test]
fn the_same_effect_by_another_tool_is_held_back_too() {
    // The group Finance carries Visio.
    is_held_back(&mut after_no(joins(SARAH)), licence(SARAH, VISIO));
    is_held_back(&mut after_no(licence(SARAH, VISIO)), joins(SARAH));
    is_held_back(&mut after_no(Action::PasswordReset { person: SARAH }), pass(SARAH));
    is_held_back(&mut after_no(pass(SARAH)), Action::MfaReset { person: SARAH });
}

#[test]
fn one_part_that_was_turned_down_holds_the_whole_plan_back() {
    let mut restraint = after_no(licence(SARAH, E3));
    let both = planned(&[licence(MONA, E3), licence(SARAH, E3)]).unwrap();
    let shown = restraint.show(DOUG, &both, SHOWN);
    assert!(matches!(shown, Err(Restrained::TurnedDown { .. })), "{shown:?}");
}

#[test]
fn of_several_noes_the_last_to_end_counts() {
    let mut restraint = after_no(licence(SARAH, E3));
    restraint.turned_down(DOUG, touches(&plan(licence(MONA, E3))), later(100));
    let both = planned(&[licence(SARAH, E3), licence(MONA, E3)]).unwrap();
    let until = later(400);
    assert_eq!(restraint.show(DOUG, &both, later(200)), Err(Restrained::TurnedDown { until }));
}

#[test]
fn other_effects_and_other_people_are_not_affected() {
    let mut restraint = after_no(licence(SARAH, E3));
    for other in [licence(MONA, E3), licence(SARAH, VISIO), pass(SARAH)] {
        assert_eq!(restraint.show(DOUG, &plan(other), SHOWN), Ok(()));
    }
    // Whoever else asks decides for themselves.
    assert_eq!(restraint.show(DANA, &plan(licence(SARAH, E3)), SHOWN), Ok(()));
}

#[test]
fn a_refusal_by_policy_holds_back_like_a_no() {
    let mut restraint = Restraint::new(Limits::default());
    restraint.turned_down(DOUG, Action::PasswordReset { person: SARAH }.touches(), SHOWN);
    is_held_back(&mut restraint, pass(SARAH));
}

#[test]
fn a_second_no_counts_from_then_on() {
    let mut restraint = after_no(licence(SARAH, E3));
    let plan = plan(licence(SARAH, E3));
    restraint.turned_down(DOUG, touches(&plan), later(200));
    let until = later(500);
    assert_eq!(restraint.show(DOUG, &plan, later(499)), Err(Restrained::TurnedDown { until }));
    assert_eq!(restraint.show(DOUG, &plan, until), Ok(()));
}

#[test]
fn nobody_is_shown_more_than_twenty_prompts_in_ten_minutes_and_the_window_slides() {
    let mut restraint = Restraint::new(Limits::default());
    let plan = plan(licence(SARAH, E3));
    for prompt in 0..20 {
        assert_eq!(restraint.show(DOUG, &plan, later(prompt)), Ok(()), "{prompt}");
    }
    // What is not shown does not count, or somebody who keeps trying would wait for ever.
    for seconds in [20, 300, 599] {
        let until = later(600);
        assert_eq!(restraint.show(DOUG, &plan, later(seconds)), Err(Restrained::TooMany { until }));
    }
    assert_eq!(restraint.show(DANA, &plan, later(30)), Ok(()), "another person");
    assert_eq!(restraint.show(DOUG, &plan, later(600)), Ok(()), "the first is ten minutes ago");
    let until = later(601);
    assert_eq!(restraint.show(DOUG, &plan, later(600)), Err(Restrained::TooMany { until }));
    assert_eq!(restraint.show(DOUG, &plan, until), Ok(()));
}

#[test]
fn what_was_held_back_after_a_no_does_not_count_as_a_prompt() {
    let mut restraint = after_no(licence(SARAH, E3));
    for _ in 0..50 {
        restraint.show(DOUG, &plan(licence(SARAH, E3)), SHOWN).unwrap_err();
    }
    assert_eq!(restraint.show(DOUG, &plan(licence(MONA, E3)), SHOWN), Ok(()));
}

#[test]
fn what_is_over_is_forgotten_whichever_way_it_came() {
    let someone = |number: u128| UserId::new(Uuid::from_u128(1_000_000 + number));
    let size = |restraint: &Restraint| format!("{restraint:?}").len();
    let (mut by_no, mut by_prompt) =
        (Restraint::new(Limits::default()), Restraint::new(Limits::default()));
    let plan = plan(licence(SARAH, E3));
    let mut sizes = Vec::new();
    for second in 0..6000_u32 {
        let (now, who) = (later(second.into()), someone(second.into()));
        by_no.turned_down(who, [Touch::Account { person: who }], now);
        by_prompt.show(who, &plan, now).unwrap();
        if second % 1000 == 999 {
            sizes.push((size(&by_no), size(&by_prompt)));
        }
    }
    let first = sizes[0];
    assert!(
        sizes.iter().all(|(no, prompt)| *no <= first.0 + 99 && *prompt <= first.1 + 99),
        "{sizes:?}"
    );
}

/// What was done to a [`Restraint`], with the answer that a plain look at all of it gives.
fn rules(history: &[(Timestamp, usize, usize, bool)], limits: Limits) -> Vec<bool> {
    let span = |duration| SignedDuration::try_from(duration).unwrap();
    let mut shown: Vec<(Timestamp, usize)> = Vec::new();
    let mut answers = Vec::new();
    for (index, (now, who, what, is_no)) in history.iter().enumerate() {
        if *is_no {
            continue;
        }
        let refused = history[..index].iter().any(|(at, by, of, no)| {
            *no && by == who && of == what && now.duration_since(*at) < span(limits.after_a_no)
        });
        let recent = |(at, by): &&(Timestamp, usize)| {
            by == who && now.duration_since(*at) < span(limits.window)
        };
        let may = !refused && shown.iter().filter(recent).count() < limits.prompts;
        if may {
            shown.push((*now, *who));
        }
        answers.push(may);
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_was_before_the_gate_asks_exactly_when_the_rules_say_so(
        all in prop::collection::vec((0..40_i64, 0..2_usize, 0..3_usize, any::<bool>()), 0..120),
    ) {
        let limits = Limits { prompts: 5, ..Limits::default() };
        let plans = [licence(SARAH, E3), licence(MONA, E3), joins(SARAH)].map(plan);
        let people = [DOUG, DANA];
        let mut now = SHOWN;
        let history: Vec<_> = all
            .into_iter()
            .map(|(pause, who, what, is_no)| {
                now += SignedDuration::from_secs(pause);
                (now, who, what, is_no)
            })
            .collect();
        let mut restraint = Restraint::new(limits);
        let mut answers = Vec::new();
        for (now, who, what, is_no) in &history {
            if *is_no {
                restraint.turned_down(people[*who], touches(&plans[*what]), *now);
            } else {
                answers.push(restraint.show(people[*who], &plans[*what], *now).is_ok());
            }
        }
        prop_assert_eq!(answers, rules(&history, limits));
    }
}
