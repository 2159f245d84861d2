//! Text from outside, made comparable and made safe to show.

use unicode_normalization::UnicodeNormalization as _;

/// Longest name or phrase shown in a sentence, in characters.
const LONGEST_SHOWN: usize = 120;

/// A name or phrase from outside, fit to stand in one of the twin's sentences: characters that
/// cannot be seen or that reorder what stands around them become `\u{…}`, line ends too, and what
/// is too long is cut. Markup stays as written, because a channel escapes it.
#[must_use]
pub fn shown(text: &str) -> String {
    tame(text, LONGEST_SHOWN)
}

/// [`shown`] with another limit, in characters.
pub(crate) fn tame(text: &str, longest: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for (count, c) in text.trim().chars().enumerate() {
        if count == longest {
            out.push('…');
            break;
        }
        if c.is_control() || is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

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

/// Takes up room but no ink, or changes the direction of what follows.
const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown_escaped_and_markup_is_left_to_the_channel() {
        assert_eq!(shown("Sarah\u{202E}niL"), "Sarah\\u{202e}niL");
        assert_eq!(shown("Sa\u{200B}rah\nLin"), "Sa\\u{200b}rah\\u{a}Lin");
        assert_eq!(shown(" <b>Sarah</b> "), "<b>Sarah</b>");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), LONGEST_SHOWN + 1);
    }

    #[test]
    fn what_is_compared_ignores_case_width_quotes_and_hidden_characters() {
        assert_eq!(key("  Ｓarah\u{200B}  O\u{2019}Brien "), "sarah o'brien");
        assert_eq!(words("(no Teams), sarah.lin@x.com."), ["no", "teams", "sarah.lin@x.com"]);
    }
}
