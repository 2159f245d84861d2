//! Passwords that somebody chose and wrote down. The twin takes none: such a message is answered,
//! and neither shown to a brain nor remembered nor handed on.

use crate::text;

/// Whether a message says what a password is to be.
pub(crate) fn is_dictated(message: &str) -> bool {
    let normal = text::normal(message).to_lowercase();
    let clauses = normal.split(['\n', ',', ';']).flat_map(|line| line.split(" and "));
    clauses.into_iter().any(|clause| is_dictating(&words(clause)))
}

/// Words with the marks that matter: a colon or an equals sign stands alone.
fn words(clause: &str) -> Vec<String> {
    let spaced = clause.replace('=', " = ").replace(": ", " : ");
    let trimmed = spaced.split_whitespace().map(|word| word.trim_end_matches(['.', '!', '?']));
    trimmed.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn is_dictating(words: &[String]) -> bool {
    let is_any = |word: &String, any: &[&str]| any.contains(&word.as_str());
    let Some(at) = words.iter().position(|word| is_any(word, PASSWORDS)) else { return false };
    let (before, after) = words.split_at(at);
    let after = after.get(1..).unwrap_or_default();
    let sets = before.iter().any(|word| is_any(word, SETTERS));
    let asks = before.iter().any(|word| is_any(word, QUESTIONS));
    for (at, word) in after.iter().enumerate() {
        let value = after.get(at + 1..).unwrap_or_default();
        let Some(first) = value.first().filter(|first| !is_any(first, STATES)) else { continue };
        let linked = match word.as_str() {
            "=" | ":" => true,
            "to" | "as" => sets && !is_any(first, AFTER_TO),
            "is" | "be" => {
                !asks && (value.len() == 1 || first.starts_with('"') || is_any(first, &["now"]))
            }
            _ => false,
        };
        if linked {
            return true;
        }
    }
    let quoted = after.first().is_some_and(|first| first.starts_with('"'));
    let used = before.iter().any(|word| is_any(word, &["use", "set"]))
        && before.iter().any(|word| is_any(word, &["as"]));
    quoted || used
}

const PASSWORDS: &[&str] = &["password", "passwords", "passphrase", "pw", "pwd", "pin", "passcode"];

const SETTERS: &[&str] = &["set", "change", "reset", "make", "update", "renew"];

const QUESTIONS: &[&str] = &["what", "why", "who", "when", "how", "is", "was", "if", "whether"];

/// What a password can be without being told.
const STATES: &[&str] = &[
    "changed",
    "correct",
    "expired",
    "expiring",
    "gone",
    "invalid",
    "known",
    "leaked",
    "lost",
    "new",
    "not",
    "old",
    "renewed",
    "reset",
    "resetting",
    "stolen",
    "unknown",
    "weak",
    "wrong",
];

const AFTER_TO: &[&str] = &["soon", "her", "him", "them", "me", "possible", "a", "an", "the"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_told_is_seen_and_one_that_is_asked_for_is_not() {
        for text in [
            "set Ann's password to hunter2",
            "Set Ann's password to “correct horse”",
            "please change the password for Ann to hunter2.",
            "reset my password to Welcome123!",
            "block Bob and set Ann's password to hunter2",
            "Ann's new password is hunter2",
            "the password should be hunter2",
            "Ann's password: hunter2",
            "password=hunter2",
            "use hunter2 as Ann's password",
            "give Ann the password \"hunter2\"",
            "her PIN is 1234",
        ] {
            assert!(is_dictated(text), "{text}");
        }
        for text in [
            "reset Ann's password",
            "issue a new password to Ann",
            "reset Ann's password and send it to me",
            "set a new password for Ann and set her title to Lead",
            "reset Ann's password as soon as possible",
            "Ann's password needs to be reset",
            "Ann's password should be changed",
            "Ann's password is expired",
            "Ann's password is not working",
            "what is Ann's password?",
            "why is Ann's password wrong",
            "Ticket 4711: reset Ann's password",
            "add Ann to Finance",
            "Hi: I forgot my password",
        ] {
            assert!(!is_dictated(text), "{text}");
        }
    }
}
