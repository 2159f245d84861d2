//! Text from outside, made comparable.

use subtwin_kernel::names::is_hidden;
use unicode_normalization::UnicodeNormalization as _;

/// What somebody wrote, in one form: NFKC, straight quotes, nothing invisible. Case is kept.
pub(crate) fn normal(text: &str) -> String {
    text.nfkc()
        .filter_map(|c| match c {
            '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{02BC}' | '\u{2032}' | '`' => Some('\''),
            '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{00AB}' | '\u{00BB}' => Some('"'),
            c if is_hidden(c) => None,
            c if c.is_control() && c != '\n' => Some(' '),
            c => Some(c),
        })
        .collect()
}

/// A phrase for comparing: [`normal`], lower case, single spaces.
pub(crate) fn key(text: &str) -> String {
    let lower = normal(text).to_lowercase();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of a phrase for comparing: lower case, split at everything but letters, digits and
/// what addresses are made of.
pub(crate) fn words(text: &str) -> Vec<String> {
    key(text)
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '@' | '_' | '-' | '\'')))
        .map(|word| word.trim_matches(|c: char| matches!(c, '.' | '-' | '\'')).to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_ignores_case_width_quotes_and_hidden_characters() {
        assert_eq!(key("  Ｓarah\u{200B}  O\u{2019}Brien "), "sarah o'brien");
        assert_eq!(words("(no Teams), sarah.lin@x.com."), ["no", "teams", "sarah.lin@x.com"]);
    }
}
