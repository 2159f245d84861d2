//! The closed vocabulary: which words are keywords, and how far a misspelt one may be off.

use strsim::osa_distance;

/// Whether `said` is `word`, or a slip of the fingers away from it. Only ever asked about the
/// vocabulary of the patterns, never about names.
pub(super) fn is_slip_of(said: &str, word: &str) -> bool {
    let (long, typed) = (word.len(), said.len());
    if long < 3 || REAL_WORDS.contains(&said) || !word.is_ascii() || !said.is_ascii() {
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
    let distance = osa_distance(said, word);
    match long {
        // In a short word another letter makes another word: only lost, doubled or swapped ones.
        0..5 => distance == 1 && (long != typed || same_letters(said, word)),
        5..8 => distance == 1,
        _ => distance <= 2,
    }
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
    "lost", "last", "set", "see", "seen", "seed", "sent", "send", "ran", "wants", "won", "fine",
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
    "audio",
    "azure",
    "business",
    "copilot",
    "defender",
    "dynamics",
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
pub(super) const GRAMMAR: &[&str] = &[
    "a",
    "about",
    "after",
    "again",
    "all",
    "already",
    "am",
    "an",
    "any",
    "anybody",
    "anyone",
    "are",
    "as",
    "at",
    "be",
    "because",
    "been",
    "before",
    "being",
    "but",
    "by",
    "can",
    "could",
    "did",
    "do",
    "does",
    "doing",
    "each",
    "either",
    "else",
    "every",
    "everybody",
    "everyone",
    "everything",
    "everywhere",
    "except",
    "for",
    "from",
    "get",
    "gets",
    "got",
    "had",
    "has",
    "have",
    "he",
    "her",
    "him",
    "his",
    "how",
    "i",
    "if",
    "in",
    "instead",
    "into",
    "is",
    "it",
    "later",
    "me",
    "might",
    "must",
    "my",
    "myself",
    "needs",
    "neither",
    "never",
    "no",
    "nobody",
    "nor",
    "not",
    "now",
    "off",
    "on",
    "once",
    "onto",
    "or",
    "our",
    "out",
    "over",
    "really",
    "said",
    "says",
    "shall",
    "she",
    "should",
    "since",
    "so",
    "some",
    "somebody",
    "someone",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "these",
    "they",
    "this",
    "those",
    "to",
    "too",
    "under",
    "unless",
    "until",
    "up",
    "us",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "whether",
    "which",
    "while",
    "who",
    "whoever",
    "why",
    "with",
    "without",
    "would",
    "you",
    "your",
    "yourself",
];

/// When or how long. The twin acts now or not at all.
pub(super) const TIMES: &[&str] = &[
    "tomorrow",
    "tonight",
    "yesterday",
    "hour",
    "hours",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "minutes",
    "temporarily",
    "permanently",
];

/// Things people ask of IT that are in no catalog of ours: neither a person nor a licence.
pub(super) const OFF_CATALOG: &[&str] = &[
    "access",
    "account",
    "accounts",
    "admin",
    "admins",
    "administrator",
    "alias",
    "calendar",
    "call",
    "chat",
    "computer",
    "device",
    "devices",
    "email",
    "emails",
    "file",
    "files",
    "folder",
    "group",
    "headset",
    "inbox",
    "instructions",
    "joke",
    "laptop",
    "mail",
    "mailbox",
    "meeting",
    "mfa",
    "mobile",
    "monitor",
    "mouse",
    "owner",
    "owners",
    "pass",
    "password",
    "passwords",
    "permission",
    "permissions",
    "phone",
    "policy",
    "printer",
    "prompt",
    "reset",
    "rights",
    "role",
    "roles",
    "rule",
    "rules",
    "script",
    "session",
    "sessions",
    "system",
    "ticket",
    "token",
    "tokens",
    "users",
    "vpn",
    "weather",
];

/// What people are added to that is no group.
pub(super) const NOT_GROUPS: &[&str] = &[
    "account",
    "calendar",
    "call",
    "chat",
    "conversation",
    "inbox",
    "invite",
    "mailbox",
    "meeting",
    "owner",
    "owners",
    "password",
    "role",
    "roles",
    "thread",
];
