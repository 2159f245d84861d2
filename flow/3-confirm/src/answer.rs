/// What a reply to a prompt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An unmistakable yes and nothing else.
    Yes,
    /// An unmistakable no.
    No,
    /// Anything else: a question, a new request, "yes, but …".
    Other,
}

/// Reads a reply. The whole text must be one of the accepted phrases; a phrase inside a sentence
/// is [`Answer::Other`].
///
/// ```
/// use subtwin_confirm::{Answer, read};
/// assert_eq!(read("Yes, please!"), Answer::Yes);
/// assert_eq!(read("yes, but for Bob"), Answer::Other);
/// ```
#[must_use]
pub fn read(text: &str) -> Answer {
    let said = normal(text);
    if YES.contains(&said.as_str()) {
        Answer::Yes
    } else if NO.contains(&said.as_str()) {
        Answer::No
    } else {
        Answer::Other
    }
}

/// Lower case, commas and sentence ends dropped, inner white space single. The channel has already
/// removed markup and quotes and applied NFKC.
fn normal(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, ',' | '.' | '!'))
        .flat_map(char::to_lowercase)
        .map(|c| if c == '\u{2019}' { '\'' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

const YES: &[&str] = &[
    "yes",
    "y",
    "yes please",
    "yes do it",
    "yes go ahead",
    "yes confirmed",
    "yes i confirm",
    "yep",
    "yeah",
    "yup",
    "confirm",
    "confirmed",
    "i confirm",
    "go ahead",
    "do it",
    "please do",
    "approve",
    "approved",
];

const NO: &[&str] = &[
    "no",
    "n",
    "no thanks",
    "no thank you",
    "nope",
    "nah",
    "no stop",
    "stop",
    "cancel",
    "cancel that",
    "cancel it",
    "never mind",
    "nevermind",
    "forget it",
    "don't",
    "do not",
    "don't do it",
    "no don't",
    "abort",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_yes_is_a_yes() {
        for yes in ["yes", "Yes.", "YES!", " yes ", "yes, please", "Go ahead!"] {
            assert_eq!(read(yes), Answer::Yes, "{yes}");
        }
        for other in [
            "yes?",
            "yes but not Sarah",
            "yes and also Bob",
            "not yes",
            "say yes",
            "\"yes\"",
            "yesterday",
            "ye s",
            "yes yes",
            "ok",
            "",
            "1",
            "yes\u{200b}no",
        ] {
            assert_eq!(read(other), Answer::Other, "{other}");
        }
    }

    #[test]
    fn a_no_in_its_usual_words_is_a_no() {
        for no in ["no", "No, thanks.", "never mind", "Don\u{2019}t", "cancel", "STOP!"] {
            assert_eq!(read(no), Answer::No, "{no}");
        }
    }
}
