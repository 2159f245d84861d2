//! Whatever people write.

use proptest::prelude::*;
use subtwin_kernel::names::is_hidden;
use subtwin_kernel::{Call, Effect, Property, Tool, Which, Who};
use subtwin_understand::{Brain as _, Builtin, Mode, Talk, Turn};
use unicode_normalization::UnicodeNormalization as _;

use crate::company::Twin;

/// Words that make requests, and words that make trouble.
const WORDS: &str = "give assign add put remove take sign log out kick revoke who is look up find \
     show an a the E3 F3 Microsoft 365 Visio licence licences group team Sales Finance Sarah Lin \
     Bob Ann sarah.lin@contoso.com her him them she it same for to from in of off and , . ! ? too \
     also as well instead manager Sarah's Bob's Ann's sessions everywhere all please not never \
     don't no yes if everyone undo \" ' & + - need needs should have be member reset block unblock \
     disable enable lock locked password mfa TAP access pass temporary 2 hours minutes reusable \
     change set clear update title department office mobile job new now called reports make why \
     sign-ins account forgot lost back that dry run what would happen I gave blocked preview > : ;";

fn common_word() -> impl Strategy<Value = String> {
    prop::sample::select(WORDS.split_whitespace().collect::<Vec<_>>()).prop_map(str::to_owned)
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![9 => common_word(), 1 => "\\PC{0,8}"]
}

/// Something that may well be a request: short phrases in any order.
fn phrases() -> impl Strategy<Value = String> {
    let phrases = vec![
        "give Ann an E3",
        "reset Ann's password",
        "block Bob",
        "set Ann's job title to Sales Lead",
        "and office to Building 2",
        "and sign her out",
        "give Bob a TAP for 2 hours",
        "reset Ann's MFA",
        "make Bob Ann's manager",
        "Ann can't sign in",
        "Ann forgot her password",
        "Ann is now called Ann Baker",
        "and put her in Finance",
        "unblock her",
        "her laptop was stolen",
        "same for Bob",
        "what would happen if I",
        "dry run",
        "undo that",
        "and her manager too",
        "do it",
    ];
    let one = prop::sample::select(phrases).prop_map(str::to_owned);
    let joint = prop::sample::select(vec![" ", ", ", ". ", " and ", "\n"]);
    prop::collection::vec((one, joint), 1..5)
        .prop_map(|parts| parts.into_iter().map(|(one, joint)| one + joint).collect())
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => prop::collection::vec(word(), 0..14).prop_map(|words| words.join(" ")),
        6 => phrases(),
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

/// One line; what stands between quotes would be part of a name.
fn unquoted(parts: &[&str]) -> String {
    parts.join(" ").replace(['"', '«', '»', '“', '”', '„'], "")
}

fn is_change(turn: &Turn) -> bool {
    match turn {
        Turn::Calls { calls, mode: Mode::Ask } => {
            calls.iter().any(|call| call.tool().effect() == Effect::Write)
        }
        Turn::Undo => true,
        _ => false,
    }
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
    fn no_line_with_a_negation_becomes_a_change(
        before in prop::collection::vec(word(), 0..6),
        request in phrases(),
        after in prop::collection::vec(word(), 0..8),
        negation in prop::sample::select(vec!["not", "don't", "never", "doesn't", "shouldn't"]),
        whole in any::<bool>(),
    ) {
        let request = if whole { request } else { String::new() };
        let line = unquoted(&[&before.join(" "), negation, &request, &after.join(" ")]);
        let turn = turn(std::slice::from_ref(&line));
        prop_assert!(!is_change(&turn), "{line:?} became {turn:?}");
    }

    #[test]
    fn no_line_with_a_condition_becomes_a_change(
        before in prop::collection::vec(word(), 0..6),
        request in phrases(),
        after in prop::collection::vec(word(), 0..8),
        condition in prop::sample::select(vec![
            "if", "unless", "until", "whether", "provided", "assuming", "in case", "as long as",
            "depending on",
        ]),
        first in any::<bool>(),
        loud in any::<bool>(),
    ) {
        let condition = if loud { condition.to_uppercase() } else { condition.to_owned() };
        let (before, after) = (before.join(" "), after.join(" "));
        let line = if first {
            unquoted(&[&before, &condition, &after, &request])
        } else {
            unquoted(&[&request, &condition, &before, &after])
        };
        let turn = turn(std::slice::from_ref(&line));
        prop_assert!(!is_change(&turn), "{line:?} became {turn:?}");
    }

    #[test]
    fn a_request_means_the_same_whatever_was_said_before(
        before in prop::collection::vec(line(), 0..4),
        line in line(),
    ) {
        let alone = turn(std::slice::from_ref(&line));
        prop_assert_eq!(&alone, &turn(std::slice::from_ref(&line)));
        if matches!(alone, Turn::Calls { .. }) {
            let mut lines = before;
            lines.push(line);
            prop_assert_eq!(turn(&lines), alone, "{:?}", lines);
        }
    }

    #[test]
    fn what_is_only_to_be_shown_is_never_asked_for(
        frame in prop::sample::select(vec!["dry run: ", "preview ", "what would happen if I "]),
        line in line(),
    ) {
        let line = format!("{frame}{line}");
        let turn = turn(std::slice::from_ref(&line));
        let asks = matches!(turn, Turn::Calls { mode: Mode::Ask, .. });
        prop_assert!(!asks, "{line:?} became {turn:?}");
    }

    #[test]
    fn a_value_in_quotes_is_kept_as_it_is_and_nothing_in_it_is_read(value in "[^\"\\p{C}]{0,40}") {
        // What is compared is what a reader would see.
        let value: String = value.nfkc().filter(|c| !is_hidden(*c) && !c.is_control()).collect();
        let quote = |c: char| "\"«»“”„‘’‚`ʼ′".contains(c);
        let value: String = value.replace(quote, "").nfkc().collect();
        prop_assume!(value.chars().any(char::is_alphanumeric));
        let turn = turn(&[format!("set Ann's job title to \"{value}\"")]);
        let Turn::Calls { calls, .. } = &turn else { panic!("{value:?} became {turn:?}") };
        let [Call::UserUpdate { set, manager: None, .. }] = calls.as_slice() else {
            panic!("{value:?} became {turn:?}")
        };
        prop_assert_eq!(set.get(&Property::JobTitle).map(String::as_str), Some(value.trim()));
    }

    #[test]
    fn nothing_in_a_value_becomes_another_request(
        value in prop::collection::vec(common_word(), 1..10),
        request in phrases(),
        joint in prop::sample::select(vec![" ", ", ", " and ", " & ", " - ", ": ", " then "]),
    ) {
        let ends = |word: &String| !matches!(word.as_str(), "." | "!" | "?" | ";" | "\"");
        let value: Vec<_> = value.into_iter().filter(ends).collect();
        let request = request.replace(['.', '\n'], " ");
        let line = format!("set Bob's department to {}{joint}{request}", value.join(" "));
        if let Turn::Calls { calls, .. } = turn(std::slice::from_ref(&line)) {
            let updates = calls.iter().all(|call| call.tool() == Tool::UserUpdate);
            prop_assert!(updates, "{line:?} became {calls:?}");
        }
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
