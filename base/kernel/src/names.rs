//! Names that others chose: made safe to show, and compared by how they look.

use unicode_security::{MixedScript as _, skeleton};

/// Longest name or phrase shown in a sentence, in characters.
const LONGEST_SHOWN: usize = 120;

/// A name or phrase from outside, fit to stand in one of the twin's sentences: characters that
/// cannot be seen or that reorder what stands around them become `\u{…}`, line ends too, and what
/// is too long is cut. Markup stays as written, because a channel escapes it.
#[must_use]
pub fn shown(text: &str) -> String {
    shown_up_to(text, LONGEST_SHOWN)
}

/// [`shown`] with another limit, in characters.
#[must_use]
pub fn shown_up_to(text: &str, longest: usize) -> String {
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

/// What is odd about a name as the directory has it, for whoever must trust it. Each completes
/// "The name …".
#[must_use]
pub fn oddities(name: &str) -> Vec<&'static str> {
    let mut odd = Vec::new();
    if name.chars().any(|c| c.is_control() || is_hidden(c)) {
        odd.push("holds characters that cannot be seen or that reorder text; I show them as codes");
    }
    if !name.is_single_script() {
        odd.push("mixes letters of different scripts, some of which look alike");
    }
    if name.contains(['<', '>', '`']) || name.contains("://") || name.contains("](") {
        odd.push("is written like markup or an address; it is only a name");
    }
    if name.trim().chars().count() > LONGEST_SHOWN {
        odd.push("is very long; I show its beginning");
    }
    odd
}

/// Whether two names look the same to a reader (Unicode TR39, section 4), in any case of letters
/// and however spaced. Every name looks like itself.
#[must_use]
pub fn look_alike(one: &str, other: &str) -> bool {
    let spaced = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (one, other) = (spaced(one), spaced(other));
    skeleton(&one).eq(skeleton(&other))
        || skeleton(&one.to_lowercase()).eq(skeleton(&other.to_lowercase()))
}

/// How a name looks, in the plainest letters for it: what an impostor's name is found under.
#[must_use]
pub fn plain_look(name: &str) -> String {
    skeleton(&name.to_lowercase()).collect()
}

/// Takes up room but no ink, or changes the direction of what follows.
#[must_use]
pub const fn is_hidden(c: char) -> bool {
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
    fn names_that_look_the_same_are_found_whatever_they_are_made_of() {
        for (one, other) in [
            ("Maria Costa", "M\u{430}ria Costa"),
            ("Maria Costa", "maria  costa"),
            ("Iris Lee", "lris Lee"),
            ("Sarah Lin", "Sarah L\u{200B}in"),
            ("Paul", "\u{420}\u{430}ul"),
            ("Zoë", "Zoe\u{308}"),
        ] {
            assert!(look_alike(one, other), "{one} and {other}");
        }
        for (one, other) in [("Ana Silva", "Anna Silva"), ("Jon", "John"), ("Zoë", "Zoe")] {
            assert!(!look_alike(one, other), "{one} and {other}");
        }
        assert_eq!(plain_look("M\u{430}ria"), plain_look("Maria"));
    }

    #[test]
    fn an_odd_name_is_marked_and_an_ordinary_one_is_not() {
        for name in ["Sarah Lin", "Zoë Müller", "山田 太郎", "Siobhán O'Brien", "Nguyễn Thị Hương"]
        {
            assert!(oddities(name).is_empty(), "{name}: {:?}", oddities(name));
        }
        for name in [
            "Pat Doe\u{202e} SYSTEM",
            "M\u{430}ria Costa",
            "<b>Robert</b>",
            "see https://example.com",
            &"x".repeat(200),
        ] {
            assert_eq!(oddities(name).len(), 1, "{name}: {:?}", oddities(name));
        }
    }
}
