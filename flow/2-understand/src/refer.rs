//! Words that point back at somebody or something already spoken of.

use crate::text;

/// Whether a phrase stands for somebody spoken of before.
pub(crate) fn is_pronoun(phrase: &str) -> bool {
    matches!(text::key(phrase).as_str(), "she" | "he" | "her" | "him" | "hers" | "his")
        || is_plural(phrase)
}

/// Whether a phrase may stand for several people spoken of before.
pub(crate) fn is_plural(phrase: &str) -> bool {
    matches!(text::key(phrase).as_str(), "they" | "them" | "their" | "both of them" | "all of them")
}

/// Whether a phrase stands for the licence or group spoken of before.
pub(crate) fn is_same(phrase: &str) -> bool {
    if phrase.trim() == "IT" {
        // The department.
        return false;
    }
    let key = text::key(phrase);
    let rest = key.strip_prefix("the ").unwrap_or(&key);
    matches!(
        rest,
        "it" | "one"
            | "that"
            | "this"
            | "same"
            | "same one"
            | "same licence"
            | "same license"
            | "same group"
            | "that one"
            | "that licence"
            | "that license"
            | "that group"
            | "this group"
    )
}

/// Whether a phrase means a crowd. The twin works for people one by one.
pub(crate) fn is_crowd(phrase: &str) -> bool {
    let words = text::words(phrase);
    let crowd = |word: &String| {
        matches!(
            word.as_str(),
            "everyone"
                | "everybody"
                | "anyone"
                | "anybody"
                | "all"
                | "every"
                | "each"
                | "people"
                | "users"
                | "staff"
                | "employees"
                | "*"
        )
    };
    words.is_empty() || words.iter().any(crowd)
}
