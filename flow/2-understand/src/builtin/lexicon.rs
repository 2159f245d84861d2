//! The closed vocabulary: which words are keywords, and how far a misspelt one may be off.

use std::collections::HashSet;
use std::sync::LazyLock;

use strsim::osa_distance;

/// Words, asked about one at a time.
pub(super) type Words = LazyLock<HashSet<&'static str>>;

/// Whether `said` is `word`, or a slip of the fingers away from it. Only ever asked about the
/// vocabulary of the patterns, never about names.
pub(super) fn is_slip_of(said: &str, word: &str) -> bool {
    let (long, typed) = (word.len(), said.len());
    if long < 3 || long.abs_diff(typed) > 2 || !word.is_ascii() || !said.is_ascii() {
        return false;
    }
    // "assigned" reports, "assign" asks: an ending is no slip.
    if said
        .strip_prefix(word)
        .is_some_and(|end| matches!(end, "s" | "d" | "n" | "r" | "ed" | "ing"))
    {
        return false;
    }
    let mut first = said.bytes().zip(word.bytes());
    let same_start = first.next().is_some_and(|(a, b)| a == b);
    let swapped_start = said.bytes().take(2).eq(word.bytes().take(2).rev_pair());
    if !same_start && !swapped_start {
        return false;
    }
    if REAL_WORDS.contains(&said) {
        return false;
    }
    let distance = osa_distance(said, word);
    match long {
        // In a short word another letter makes another word: only lost, doubled or swapped ones.
        0..5 => distance == 1 && (long != typed || same_letters(said, word)),
        5..8 => distance == 1,
        _ => distance <= 2,
    }
}

fn set(words: &'static str) -> HashSet<&'static str> {
    words.split_whitespace().collect()
}

trait RevPair: Iterator<Item = u8> + Sized {
    /// The first two, the other way round.
    fn rev_pair(mut self) -> impl Iterator<Item = u8> {
        let first = self.next();
        self.next().into_iter().chain(first)
    }
}

impl<I: Iterator<Item = u8>> RevPair for I {}

fn same_letters(a: &str, b: &str) -> bool {
    let sorted = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.sort_unstable();
        bytes
    };
    sorted(a) == sorted(b)
}

/// Words in their own right that are one slip away from a keyword.
const REAL_WORDS: &[&str] = &[
    "and", "forge", "form", "giant", "grand", "how", "places", "plan", "plane", "plate", "remote",
    "sing", "sings", "soon", "then", "there", "these", "though", "thought", "too", "tow", "two",
    "four", "one", "new", "now", "hand", "hands", "off", "not", "note", "no", "let", "lets",
    "lost", "last", "set", "black", "clean", "lick", "preset", "resent", "rest", "tape", "unlock",
    "see", "seen", "seed", "sent", "send", "ran", "wants", "won", "fine",
];

/// "Licence" in all its spellings.
pub(super) fn is_licence_word(low: &str) -> bool {
    matches!(low, "subscription" | "subscriptions" | "seat" | "seats" | "sku" | "licensing")
        || ["licence", "license", "licences", "licenses"]
            .iter()
            .any(|word| *word == low || (low.starts_with("li") && osa_distance(low, word) <= 2))
}

/// "E3", "F3", "A5", "P1" and their plurals.
pub(super) fn is_code(low: &str) -> bool {
    let mut bytes = low.bytes();
    matches!(bytes.next(), Some(b'a' | b'e' | b'f' | b'g' | b'k' | b'p'))
        && matches!(bytes.next(), Some(b'1'..=b'9'))
        && matches!((bytes.next(), bytes.next()), (None | Some(b's'), None))
}

/// A word that a licence's name starts with.
pub(super) fn starts_licence(low: &str) -> bool {
    is_code(low) || low.contains('_') || LICENCE_STARTS.contains(&low)
}

const LICENCE_STARTS: &[&str] = &[
    "365",
    "aad",
    "agent",
    "audio",
    "azure",
    "business",
    "copilot",
    "defender",
    "dynamics",
    "fabric",
    "ems",
    "enterprise",
    "entra",
    "exchange",
    "frontline",
    "intune",
    "m365",
    "microsoft",
    "microsoft365",
    "ms",
    "o365",
    "office",
    "office365",
    "onedrive",
    "planner",
    "power",
    "powerapps",
    "powerbi",
    "project",
    "purview",
    "sharepoint",
    "teams",
    "visio",
    "viva",
    "windows",
];

/// Words for what a group is, at the end of its name.
pub(super) const GROUP_WORDS: &[&str] = &["group", "team", "list", "groups", "teams", "channel"];

/// Words of grammar: no name has them. Whatever pattern would need one of them inside a name does
/// not fit, which is how conditions, crowds, doubts and reports never become a call.
pub(super) static GRAMMAR: Words = LazyLock::new(|| {
    set(
        "a about there here after again all already am an any anybody anyone are as at be because been before \
     being but by can could did do does doing each either else every everybody everyone \
     everything everywhere except for from get gets got had has have he her him his how i if in \
     instead into is it later me might must help my myself needs neither never no nobody nor not now \
     off on once onto or our out over really said says shall she should since so some somebody \
     someone than that the their them then these they this those to too under unless until up us \
     was we were what when where whether which while who whoever why with without would you your \
     yourself assuming cannot-sign-in depending does-not-work forgot forgotten happen happens lest \
     provided providing supposing why-not",
    )
});

/// What happens to people: no name has these words, or "Bob starts today" would be one.
pub(super) static EVENTS: Words = LazyLock::new(|| {
    set("starts started joins joined joining starting left leaves leaving moves moved moving \
         transferred returns returned lost broke broken died switched expired married resigned \
         retired quit quits arrived")
});

/// When or how long. The twin acts now or not at all.
pub(super) static TIMES: Words = LazyLock::new(|| {
    set("day days friday hour hours minutes monday month months permanently saturday sunday \
     temporarily thursday today tomorrow tonight tuesday wednesday week weeks yesterday")
});

/// What is neither a person's nor a licence's name: things people ask of IT that are in no catalog
/// of ours, numbers, doubts.
pub(super) static OFF_CATALOG: Words = LazyLock::new(|| {
    set(
        "2fa access account accounts admin administrator admins alias away back both calendar call chat \
     computer confirm device devices email emails file files five folder four group headset \
     imagine inbox instructions joke laptop mail mailbox maybe meeting mfa mobile monitor mouse \
     owner owners pass pin password passwords perhaps permission permissions phone policy printer \
     prompt reset rights role roles rule rules script session sessions suppose system ten three \
     ticket token tokens two users vpn weather wifi yes authenticator bitlocker bluetooth camera card cookies door \
     firewall javascript keyboard login logins macros method methods network notifications popups \
     port screen sender server signin signins database jira outlook reusable router sap sim site spam updates user valid website wi-fi wlan",
    )
});

/// What people are added to that is no group.
pub(super) static NOT_GROUPS: Words = LazyLock::new(|| {
    set(
        "account calendar call case chat conversation inbox invite mailbox meeting owner owners password \
     role roles thread charge leave hold touch contact duty",
    )
});
