//! Reading the answer to "which one?", and to "shall I?".

use crate::memory::Target;
use crate::text;

/// One of the things asked about.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) target: Target,
    /// The line that is shown.
    pub(crate) label: String,
    /// Texts that mean exactly this one, as [`text::key`].
    pub(crate) names: Vec<String>,
}

impl Choice {
    pub(crate) fn new(target: Target, label: String, names: &[&str]) -> Self {
        Self { target, label, names: names.iter().map(|name| text::key(name)).collect() }
    }
}

/// The one choice an answer points at: its number, its exact name or address, or words that only
/// it has. `None` when that is not exactly one.
pub(crate) fn pick<'a>(answer: &str, choices: &'a [Choice]) -> Option<&'a Choice> {
    let whole = text::key(answer);
    let mut exact = choices.iter().filter(|choice| choice.names.contains(&whole));
    if let (Some(one), None) = (exact.next(), exact.next()) {
        return Some(one);
    }
    if let ([only], true) = (choices, is_assent(answer)) {
        return Some(only);
    }
    let words: Vec<String> =
        text::words(answer).into_iter().filter(|word| !FILLERS.contains(&word.as_str())).collect();
    if let [one] = words.as_slice()
        && let Some(number) = number(one, choices.len())
    {
        return number.checked_sub(1).and_then(|at| choices.get(at));
    }
    if words.is_empty() {
        return None;
    }
    // Whole words first: "sarah.lin" is one address even where "sarah.lin2" is another.
    only(choices, &words, |known, word| known == word)
        .or_else(|| only(choices, &words, |known, word| word.len() >= 3 && known.contains(word)))
}

fn only<'a>(
    choices: &'a [Choice],
    words: &[String],
    same: impl Fn(&str, &str) -> bool,
) -> Option<&'a Choice> {
    let has_all = |choice: &&Choice| {
        let mut known = text::words(&choice.label);
        let parts = known.iter().filter_map(|word| word.split_once('@'));
        let locals: Vec<String> = parts.map(|(local, _)| local.to_owned()).collect();
        known.extend(locals);
        words.iter().all(|word| known.iter().any(|known| same(known, word)))
    };
    let mut fitting = choices.iter().filter(has_all);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

fn number(word: &str, count: usize) -> Option<usize> {
    const ORDINALS: [&[&str]; 5] = [
        &["first", "1st"],
        &["second", "2nd"],
        &["third", "3rd"],
        &["fourth", "4th"],
        &["fifth", "5th"],
    ];
    if word == "last" {
        return Some(count);
    }
    let ordinal = ORDINALS.iter().position(|names| names.contains(&word)).map(|at| at + 1);
    // A number that is no choice must not fall through to a name with that digit in it.
    ordinal.or_else(|| word.parse::<usize>().ok())
}

/// "Yes, please", "hand over": a yes to the twin's own offer. Never a yes to a change, which only
/// the gate reads.
pub(crate) fn is_assent(answer: &str) -> bool {
    const YES: [&str; 6] = ["yes", "yep", "yeah", "sure", "ok", "okay"];
    let bare = bare(answer);
    let after_yes = YES.iter().find_map(|yes| bare.strip_prefix(yes));
    matches!(
        after_yes.unwrap_or(&bare).trim(),
        "do" | "do so"
            | "do it"
            | "do that"
            | "go ahead"
            | "hand over"
            | "hand it over"
            | "pass it on"
            | "pass it over"
            | "that would be great"
    ) || after_yes == Some("")
}

/// "No, thanks": a no to the twin's own offer.
pub(crate) fn is_refusal(answer: &str) -> bool {
    matches!(
        bare(answer).as_str(),
        "no" | "nope" | "nah" | "no need" | "not now" | "do not" | "don't"
    )
}

fn bare(answer: &str) -> String {
    let polite = |word: &String| {
        !matches!(word.as_str(), "please" | "thanks" | "thank" | "you" | "thx" | "pls")
    };
    text::words(answer).into_iter().filter(polite).collect::<Vec<_>>().join(" ")
}

const FILLERS: &[&str] = &[
    "a", "an", "at", "from", "group", "i", "in", "is", "it", "it's", "licence", "license", "mean",
    "meant", "number", "of", "one", "option", "please", "that", "that's", "thanks", "the", "with",
];

#[cfg(test)]
mod tests {
    use subtwin_kernel::GroupId;
    use uuid::Uuid;

    use super::*;

    fn choices() -> Vec<Choice> {
        let choice = |number: u128, label: &str, upn: &str| {
            let target = Target::Group(GroupId::new(Uuid::from_u128(number)));
            Choice::new(target, label.to_owned(), &[upn])
        };
        vec![
            choice(1, "Sarah Lin (sarah.lin@contoso.com), Finance", "sarah.lin@contoso.com"),
            choice(
                2,
                "Sarah Lin (sarah.lin2@contoso.com), People Operations",
                "sarah.lin2@contoso.com",
            ),
            choice(3, "Sarah Lin (s.lin#EXT#@contoso.com), guest", "s.lin#EXT#@contoso.com"),
        ]
    }

    fn picked(answer: &str) -> Option<usize> {
        let choices = choices();
        let one = pick(answer, &choices)?;
        choices.iter().position(|choice| choice.target == one.target).map(|at| at + 1)
    }

    #[test]
    fn an_answer_picks_by_number_address_or_a_word_that_only_one_has() {
        for (answer, at) in [
            ("2", 2),
            ("#2", 2),
            ("2.", 2),
            ("number 3 please", 3),
            ("the second one", 2),
            ("the last one", 3),
            ("1st", 1),
            ("the one in Finance", 1),
            ("Sarah Lin in finance", 1),
            ("people operations", 2),
            ("operations", 2),
            ("SARAH.LIN2@contoso.com", 2),
            ("sarah.lin", 1),
            ("sarah.lin2@", 2),
            ("the guest", 3),
            ("s.lin#EXT#@contoso.com", 3),
        ] {
            assert_eq!(picked(answer), Some(at), "{answer}");
        }
    }

    #[test]
    fn an_answer_that_could_be_several_or_none_picks_nothing() {
        for answer in [
            "",
            "yes",
            "Sarah",
            "Sarah Lin",
            "contoso.com",
            "4",
            "0",
            "12",
            "both",
            "Marketing",
            "not the one in Finance",
            "the one in Finance or the guest",
            "the one",
            "lin",
            "1 2",
            "add Bob to Finance",
        ] {
            assert_eq!(picked(answer), None, "{answer}");
        }
    }

    #[test]
    fn a_full_name_picks_its_bearer_even_where_another_name_goes_on() {
        let choice = |number: u128, label: &str, name: &str| {
            let target = Target::Group(GroupId::new(Uuid::from_u128(number)));
            Choice::new(target, label.to_owned(), &[name])
        };
        let choices = [
            choice(1, "Microsoft 365 E3 (no Teams) (X)", "Microsoft 365 E3 (no Teams)"),
            choice(2, "Microsoft 365 E3 (SPE_E3)", "Microsoft 365 E3"),
        ];
        let picked = pick("microsoft 365 e3", &choices);
        assert_eq!(picked.map(|choice| &choice.target), Some(&choices[1].target));
    }

    #[test]
    fn a_single_choice_can_be_agreed_to() {
        let one = choices().into_iter().take(1).collect::<Vec<_>>();
        assert!(pick("yes please", &one).is_some());
        assert!(pick("no", &one).is_none());
    }
}
