//! Schedules: what a few people ask for, and everything that goes wrong around it.

use std::collections::BTreeMap;
use std::time::Duration;

use subtwin_kernel::{Call, Property, Which, Who};
use subtwin_understand::{Mode, Turn};

use super::chats::Meaning;
use super::company::{
    ADA, BOB, CARL, DANA, DOUG, GINA, GROUPS, MONA, OLGA, OMAR, PAUL, PEOPLE, PRODUCTS, SAM, SARAH,
    SARAH_ALIKE, STELLA, ZOE,
};
use super::dice::Dice;
use super::people::{Manners, say};
use super::tenant::{Deed, What};
use super::world::{Event, Faults, State};

/// Who may be killed how often, and what else is known about a schedule.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// How often the process is killed, and within how many passages of a port.
    pub(super) kills: u64,
    /// Nothing in this schedule can blur whose effect is whose: every entry must be found.
    pub(super) all_entries: bool,
}

/// Fills a fresh world with a schedule.
pub(super) fn write(state: &mut State) -> Plot {
    let kind = state.dice.below(10);
    state.tenant.audit_delay = Duration::from_secs(*state.dice.pick(&[0_u64, 1, 15, 300]));
    state.tenant.copies_ids = state.dice.happens(50);
    // Every third world is calm, so that the plain paths are walked, too.
    let some = |dice: &mut Dice, most: u64| if dice.happens(50) { dice.below(most + 1) } else { 0 };
    let dice = &mut state.dice;
    if kind >= 3 {
        state.faults = Faults {
            slow: some(dice, 20),
            reads: some(dice, 4),
            lost_before: some(dice, 25),
            lost_after: some(dice, 25),
            late: some(dice, 20),
            busy: some(dice, 25),
            refused: some(dice, 10),
            posts: some(dice, 6),
            trail: some(dice, 20),
            notices: some(dice, 40),
            notes: some(dice, 3),
            lag: *dice.pick(&[0, 0, 800, 6_000]),
        };
    }
    state.manners =
        Manners { yes: 88, no: 4, late: 2, talk: 3, call_off: 10, ..Manners::default() };
    if kind >= 5 {
        let manners = &mut state.manners;
        manners.edit = some(dice, 12);
        manners.delete = some(dice, 8);
        manners.twice = some(dice, 30);
        manners.quote = some(dice, 20);
        manners.stranger = some(dice, 40);
        manners.tamper = some(dice, 10);
    }
    let kills = if kind >= 4 { state.dice.below(4) } else { 0 };
    let asks = state.dice.between(2, 7);
    for number in 0..asks {
        ask(state, usize::try_from(number).unwrap());
    }
    if kind >= 6 && state.dice.happens(40) {
        let after = state.dice.below(60_000);
        let what =
            if state.dice.happens(50) { What::Licence(0, true) } else { What::Member(0, true) };
        let person = *state.dice.pick(&[SARAH, OMAR, ZOE]);
        state.later(after, Event::Meddle { deed: Deed { person, what } });
    }
    if kind >= 6 && state.dice.happens(20) {
        let by = Duration::from_secs(state.dice.between(1, 500));
        let after = state.dice.below(60_000);
        state.later(after, Event::Jump { by });
    }
    if kind >= 6 && state.dice.happens(15) {
        let after = state.dice.below(60_000);
        state.later(after, Event::Policies);
    }
    if kills > 0 && state.dice.happens(30) {
        let after = state.dice.below(120_000);
        state.later(after, Event::Kill);
    }
    Plot { kills, all_entries: kind < 3 }
}

/// Somebody asks for something, some time in the first minutes.
fn ask(state: &mut State, number: usize) {
    let who = *state
        .dice
        .pick(&[DOUG, DOUG, DOUG, DANA, DANA, DANA, OLGA, MONA, CARL, GINA, BOB, ADA, PAUL, SARAH]);
    let roll = state.dice.below(100);
    let (turn, after) = if number > 0 && roll < 10 {
        (Turn::Undo, state.dice.between(40_000, 200_000))
    } else {
        let mode = if roll < 18 { Mode::DryRun } else { Mode::Ask };
        let count = if state.dice.happens(70) { 1 } else { state.dice.between(2, 5) };
        let calls = (0..count).map(|_| call(&mut state.dice)).collect();
        (Turn::Calls { calls, mode }, state.dice.below(90_000))
    };
    state.asks.push(turn);
    say(state, who, &format!("please do #{number}"), Meaning::Asks(number), after);
}

fn named(at: usize) -> Who {
    Who::Named(PEOPLE[at].upn.to_owned())
}

/// Any of the tools that change something, mostly about a few people, so that they meet.
fn call(dice: &mut Dice) -> Call {
    let at = *dice.pick(&[
        SARAH,
        SARAH,
        SARAH,
        OMAR,
        OMAR,
        ZOE,
        CARL,
        SARAH_ALIKE,
        ADA,
        SAM,
        STELLA,
        DOUG,
    ]);
    let person = named(at);
    let licence = |dice: &mut Dice| Which::Named(dice.pick(&PRODUCTS).1.to_owned());
    let group = |dice: &mut Dice| Which::Named(dice.pick(&GROUPS).0.to_owned());
    match dice.below(14) {
        0 => Call::PasswordReset { person },
        1 => Call::TapIssue { person, minutes: None, reusable: false },
        2 => Call::MfaReset { person },
        3 | 4 => Call::SessionRevoke { person },
        5 => Call::AccountBlock { person },
        6 => Call::AccountUnblock { person },
        7 | 8 => Call::LicenseAssign { person, licence: licence(dice) },
        9 => Call::LicenseRemove { person, licence: licence(dice) },
        10 => Call::GroupMemberAdd { person, group: group(dice) },
        11 => Call::GroupMemberRemove { person, group: group(dice) },
        12 => Call::UserUpdate { person, set: profile(dice), manager: None },
        _ => {
            let manager = *dice.pick(&[MONA, OLGA, PAUL]);
            Call::UserUpdate { person, set: BTreeMap::new(), manager: Some(named(manager)) }
        }
    }
}

fn profile(dice: &mut Dice) -> BTreeMap<Property, String> {
    let all =
        [Property::JobTitle, Property::Department, Property::OfficeLocation, Property::MobilePhone];
    let property = *dice.pick(&all);
    [(property, format!("value {}", dice.below(3)))].into()
}
