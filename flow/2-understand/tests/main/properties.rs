//! Whatever people write.

use proptest::prelude::*;
use subtwin_kernel::{Call, Which, Who};
use subtwin_understand::{Brain as _, Builtin, Talk, Turn};
use unicode_normalization::UnicodeNormalization as _;

use crate::company::Twin;

/// Words that make requests, and words that make trouble.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(
            "give assign add put remove take sign log out kick revoke who is look up find show an a \
             the E3 F3 Microsoft 365 Visio licence licences group team Sales Finance Sarah Lin Bob \
             Ann sarah.lin@contoso.com her him them she it same for to from in of off and , . ! ? \
             too also as well instead manager Sarah's Bob's sessions everywhere all please not never \
             don't no yes if everyone undo \" ' & + - need needs should have be member"
                .split_whitespace()
                .collect::<Vec<_>>()
        )
        .prop_map(str::to_owned),
        "\\PC{0,8}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => prop::collection::vec(word(), 0..14).prop_map(|words| words.join(" ")),
        1 => any::<String>(),
    ]
}

fn names(call: &Call) -> Vec<String> {
    fn of_who(who: &Who) -> Option<String> {
        match who {
            Who::Named(name) => Some(name.clone()),
            Who::ManagerOf(of) => of_who(of),
            Who::Me | Who::Known(_) => None,
        }
    }
    fn of_which<Id>(which: &Which<Id>) -> Option<String> {
        match which {
            Which::Named(name) => Some(name.clone()),
            Which::Known(_) => None,
        }
    }
    let things: Vec<String> = match call {
        Call::LicenseAssign { licence, .. } | Call::LicenseRemove { licence, .. } => {
            of_which(licence).into_iter().collect()
        }
        Call::GroupMemberAdd { group, .. } | Call::GroupMemberRemove { group, .. } => {
            of_which(group).into_iter().collect()
        }
        Call::UserUpdate { set, manager, .. } => {
            let values = set.values().filter(|value| !value.is_empty()).cloned();
            values.chain(manager.as_ref().and_then(of_who)).collect()
        }
        _ => Vec::new(),
    };
    of_who(call.person()).into_iter().chain(things).collect()
}

/// Letters and digits only, so that quotes and what cannot be seen do not count.
fn bare(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

fn turn(lines: &[String]) -> Turn {
    let talk = Talk { lines: lines.iter().map(|line| (false, line.clone())).collect() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Builtin::new("Sam").turn(&talk)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_text_makes_the_brain_panic_or_name_what_nobody_said(
        lines in prop::collection::vec(line(), 1..4)
    ) {
        let said = bare(&lines.join(" "));
        if let Turn::Calls { calls, .. } = turn(&lines) {
            prop_assert!(!calls.is_empty());
            for name in calls.iter().flat_map(names) {
                prop_assert!(!name.trim().is_empty());
                prop_assert!(said.contains(&bare(&name)), "{name:?} not in {lines:?}");
            }
        }
    }

    #[test]
    fn no_line_with_a_negation_becomes_a_call(
        before in prop::collection::vec(word(), 0..6),
        after in prop::collection::vec(word(), 1..8),
        negation in prop::sample::select(vec!["not", "don't", "never", "doesn't", "shouldn't"]),
    ) {
        // Inside quotes it would be part of a name.
        let line = format!("{} {negation} {}", before.join(" "), after.join(" ")).replace(['"', '«', '»', '“', '”', '„'], "");
        let turn = turn(std::slice::from_ref(&line));
        prop_assert!(!matches!(turn, Turn::Calls { .. }), "{line:?} became {turn:?}");
    }

    #[test]
    fn no_conversation_makes_understanding_panic(lines in prop::collection::vec(line(), 1..5)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut twin = Twin::new();
        for line in &lines {
            prop_assert!(runtime.block_on(twin.hear(line)).is_ok());
        }
    }
}
