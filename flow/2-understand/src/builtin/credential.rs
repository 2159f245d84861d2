//! Phrases for what people sign in with: an access pass and its terms, and sign-in methods.

use super::token::{Kind, Token};

/// What an access pass is to be like, as far as somebody said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// How long it lasts.
    pub(super) minutes: Option<u32>,
    /// Whether it can be used more than once.
    pub(super) reusable: Option<bool>,
}

impl Terms {
    /// Both; nothing when they say two things about one term.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        let clash = self.minutes.is_some() && other.minutes.is_some()
            || self.reusable.is_some() && other.reusable.is_some();
        (!clash).then(|| self.or(other))
    }

    /// These, and where they say nothing, the others.
    pub(super) fn or(self, other: Self) -> Self {
        Self { minutes: self.minutes.or(other.minutes), reusable: self.reusable.or(other.reusable) }
    }
}

/// "A temporary access pass", "a reusable TAP for 2 hours", "a one-time pass".
pub(super) fn pass(tokens: &[Token]) -> Option<Terms> {
    const ARTICLES: &[&str] = &["a", "an", "the", "another", "new", "fresh", "some"];
    let articles = tokens.iter().take_while(|token| token.is_any(ARTICLES)).count();
    let tokens = tokens.get(articles..)?;
    (0..tokens.len()).find_map(|at| {
        let (before, rest) = tokens.split_at_checked(at)?;
        let (name, length) = PASSES.iter().find_map(|name| Some((name, after(rest, name)?)))?;
        let before = terms(before)?;
        // A pass as such may be one to the car park.
        if matches!(*name, ["pass" | "passes" | "passcode"]) && before == Terms::default() {
            return None;
        }
        before.and(terms(rest.get(length..)?)?)
    })
}

/// "For 2 hours", "valid for a day and reusable"; nothing at all is no terms.
pub(super) fn terms(tokens: &[Token]) -> Option<Terms> {
    const FILLERS: &[&str] = &[
        "a", "and", "be", "can", "for", "good", "is", "it", "last", "lasting", "lasts", "lifetime",
        "of", "should", "that", "to", "usable", "use", "used", "valid", "which", "with", "work",
        "works",
    ];
    let mut all = Terms::default();
    let mut rest = tokens;
    while let [first, later @ ..] = rest {
        if let Some((minutes, length)) = duration(rest) {
            all = all.and(Terms { minutes: Some(minutes), reusable: None })?;
            rest = rest.get(length..)?;
        } else if let Some((reusable, length)) = uses(rest) {
            all = all.and(Terms { minutes: None, reusable: Some(reusable) })?;
            rest = rest.get(length..)?;
        } else if (first.is_any(FILLERS) || first.kind == Kind::Comma) && !later.is_empty() {
            rest = later;
        } else {
            return None;
        }
    }
    Some(all)
}

fn uses(tokens: &[Token]) -> Option<(bool, usize)> {
    let find = |phrases: &[&[&str]]| phrases.iter().find_map(|phrase| after(tokens, phrase));
    find(MANY).map(|length| (true, length)).or_else(|| Some((false, find(ONCE)?)))
}

/// How many tokens a phrase takes, if it stands first.
fn after(tokens: &[Token], phrase: &[&str]) -> Option<usize> {
    let head = tokens.get(..phrase.len())?;
    // A slip of a short word makes another: a "tap" and a "tape".
    let same = |token: &Token, word: &str| {
        token.is(word) || word.len() >= LONG_WORD && token.means_any(&[word])
    };
    head.iter().zip(phrase).all(|(token, word)| same(token, word)).then_some(phrase.len())
}

/// Minutes, and how many tokens say so.
fn duration(tokens: &[Token]) -> Option<(u32, usize)> {
    if let Some(length) = after(tokens, &["an", "hour", "and", "a", "half"]) {
        return Some((90, length));
    }
    for half in [&["half", "an", "hour"][..], &["half", "a", "day"], &["half", "hour"]] {
        if let Some(length) = after(tokens, half) {
            return Some((if half.contains(&"day") { 12 * 60 } else { 30 }, length));
        }
    }
    let (first, rest) = tokens.split_first()?;
    if first.kind != Kind::Word {
        return None;
    }
    let low = first.low.as_str();
    // "2-hour", "one-day".
    if let Some((number, name)) = low.split_once('-') {
        return Some((minutes(number, name)?, 1));
    }
    // "90m", "8hrs".
    let digits = low.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0);
    if let Some((number, name)) = digits.and_then(|at| low.split_at_checked(at))
        && let Some(minutes) = minutes(number, name)
    {
        return Some((minutes, 1));
    }
    let name = rest.first().filter(|name| name.kind == Kind::Word)?;
    Some((minutes(low, &name.low)?, 2))
}

fn minutes(number: &str, name: &str) -> Option<u32> {
    let unit: u32 = match name {
        "m" | "min" | "mins" | "minute" | "minutes" => 1,
        "h" | "hr" | "hrs" | "hour" | "hours" => 60,
        "d" | "day" | "days" => 24 * 60,
        "week" | "weeks" => 7 * 24 * 60,
        _ => return None,
    };
    if let Some(whole) = number.strip_suffix(".5")
        && unit > 1
    {
        return whole.parse::<u32>().ok()?.checked_mul(unit)?.checked_add(unit / 2);
    }
    let count: u32 = match number {
        "a" | "an" | "one" => 1,
        "two" => 2,
        "three" => 3,
        "four" => 4,
        "five" => 5,
        "six" => 6,
        "eight" => 8,
        "ten" => 10,
        "twelve" => 12,
        "fifteen" => 15,
        "twenty" => 20,
        "thirty" => 30,
        "forty" => 40,
        "ninety" => 90,
        _ if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok()?,
        _ => return None,
    };
    count.checked_mul(unit).filter(|minutes| *minutes > 0)
}

/// "MFA", "all her sign-in methods", "two-factor authentication", "authenticator app".
pub(super) fn is_methods(tokens: &[Token]) -> bool {
    tokens.len() <= 6
        && tokens.iter().all(|token| token.means_any(AROUND_METHODS))
        && (tokens.iter().any(|token| token.means_any(FACTORS)) || is_registered(tokens))
}

/// The same, but not the mere demand for a second factor, which no tool of ours takes away.
pub(super) fn is_registered(tokens: &[Token]) -> bool {
    let info = |pair: &[Token]| after(pair, &["security", "info"]).is_some();
    tokens.len() <= 6
        && tokens.iter().all(|token| token.means_any(AROUND_METHODS))
        && (tokens.iter().any(|token| token.means_any(REGISTERED)) || tokens.windows(2).any(info))
}

/// The words of these phrases that are long enough to be recognised when misspelt.
pub(super) fn vocabulary() -> impl Iterator<Item = &'static str> {
    let words = PASSES.iter().copied().flatten().chain(FACTORS).chain(REGISTERED).copied();
    words.chain(["authentication"]).filter(|word| word.len() >= LONG_WORD)
}

/// Shortest word that is recognised when misspelt, in letters.
const LONG_WORD: usize = 6;

const PASSES: &[&[&str]] = &[
    &["temporary", "access", "pass"],
    &["temporary", "access", "passes"],
    &["temporary", "access", "code"],
    &["temp", "access", "pass"],
    &["temporary", "pass"],
    &["temp", "pass"],
    &["access", "pass"],
    &["access", "passes"],
    &["tap", "code"],
    &["tap"],
    &["taps"],
    &["passcode"],
    &["passes"],
    &["pass"],
];

const MANY: &[&[&str]] = &[
    &["multi", "use"],
    &["multi-use"],
    &["multiuse"],
    &["multiple", "use"],
    &["multiple", "uses"],
    &["multiple", "times"],
    &["several", "times"],
    &["many", "times"],
    &["more", "than", "once"],
    &["reusable"],
    &["re-usable"],
];

const ONCE: &[&[&str]] = &[
    &["one", "time", "use"],
    &["one", "time"],
    &["one-time"],
    &["onetime"],
    &["single", "use"],
    &["single-use"],
    &["only", "once"],
    &["once", "only"],
    &["once"],
];

/// Words for a second factor as such.
const FACTORS: &[&str] = &[
    "mfa",
    "2fa",
    "two-factor",
    "2-factor",
    "twofactor",
    "multifactor",
    "multi-factor",
    "factor",
    "factors",
];

/// Words for what somebody has registered.
const REGISTERED: &[&str] = &[
    "authenticator",
    "authenticators",
    "method",
    "methods",
    "registration",
    "registrations",
    "enrolment",
    "enrollment",
];

const AROUND_METHODS: &[&str] = &[
    "2",
    "2-factor",
    "2fa",
    "all",
    "app",
    "auth",
    "authentication",
    "authenticator",
    "authenticators",
    "enrolment",
    "enrollment",
    "every",
    "factor",
    "factors",
    "her",
    "his",
    "in",
    "info",
    "login",
    "method",
    "methods",
    "mfa",
    "microsoft",
    "multi",
    "multi-factor",
    "multifactor",
    "my",
    "registered",
    "registration",
    "registrations",
    "second",
    "security",
    "settings",
    "setup",
    "sign",
    "signin",
    "the",
    "their",
    "two",
    "two-factor",
    "twofactor",
    "verification",
];

#[cfg(test)]
mod tests {
    use super::super::token::Line;
    use super::*;

    fn read(text: &str) -> Option<(Option<u32>, Option<bool>)> {
        pass(&Line::read(text).tokens).map(|terms| (terms.minutes, terms.reusable))
    }

    #[test]
    fn a_pass_is_read_with_what_was_said_of_it_and_nothing_else() {
        for (text, expected) in [
            ("a temporary access pass", Some((None, None))),
            ("a TAP for 2 hours", Some((Some(120), None))),
            ("a 90-minute access pass", Some((Some(90), None))),
            ("a reusable access pass valid for 8h", Some((Some(480), Some(true)))),
            ("a one-time pass", Some((None, Some(false)))),
            ("an access pass that works more than once", Some((None, Some(true)))),
            ("a TAP that lasts half an hour", Some((Some(30), None))),
            ("a TAP for an hour and a half", Some((Some(90), None))),
            ("a TAP for 1.5 hours", Some((Some(90), None))),
            ("a pass", None),
            ("a one-time reusable TAP", None),
            ("a TAP for 2 hours for 3 hours", None),
            ("a TAP for", None),
            ("a TAP for 99999999999 hours", None),
            ("a TAP for 0 minutes", None),
            ("a TAP until Friday", None),
            ("a TAP, 2 hours", Some((Some(120), None))),
            ("a TAP, valid for 2 hours, reusable", Some((Some(120), Some(true)))),
            ("a TAP,", None),
            ("a tape", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
