//! How deep a text may nest. What reads, evaluates and drops an expression calls itself for each
//! level of it; Cedar then gives up, or the program ends, where the stack does.

/// How deep brackets may stand within each other.
const DEEPEST: usize = 50;
/// How much one policy's signs may weigh together: two for each that can add a level.
const MOST_SIGNS: usize = 200;

/// What a text of that depth needs at most: some 40 KiB for each level where nothing is optimised.
const STACK: usize = 16 << 20;
/// What evaluating one needs at most. Where nothing is optimised it always takes its own.
const ENOUGH: usize = if cfg!(debug_assertions) { STACK } else { 1 << 20 };

/// Reads with the stack it needs.
pub(crate) fn reading<T>(reads: impl FnOnce() -> T) -> T {
    stacker::grow(STACK, reads)
}

/// Evaluates with the stack it needs.
pub(crate) fn evaluating<T>(evaluates: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(ENOUGH, STACK, evaluates)
}

/// Where a text nests deeper than can be read, in bytes, and what is wrong there.
pub(crate) fn too_deep(text: &str) -> Option<(usize, String)> {
    let (mut depth, mut signs) = (0_usize, 0_usize);
    let mut word = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                // Whatever a text holds, it does not nest.
                while let Some((_, letter)) = letters.next() {
                    match letter {
                        '\\' => drop(letters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '/' if letters.peek().is_some_and(|(_, next)| *next == '/') => {
                while letters.next_if(|(_, letter)| *letter != '\n').is_some() {}
            }
            '(' | '[' | '{' => (depth, signs) = (depth + 1, signs + 1),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            // Two of these make one.
            '&' | '|' | '.' | '!' => signs += 1,
            '+' | '-' | '*' => signs += 2,
            ';' if depth == 0 => signs = 0,
            'i' if word == 0 && text.get(at..).is_some_and(|rest| rest.starts_with("if")) => {
                signs += 2;
            }
            _ => {}
        }
        word = if letter.is_alphanumeric() || letter == '_' { word + 1 } else { 0 };
        if depth > DEEPEST {
            return Some((at, format!("brackets stand more than {DEEPEST} deep")));
        }
        if signs > MOST_SIGNS {
            return Some((at, "this policy has too many conditions".to_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nests_is_counted_and_each_policy_anew() {
        let text = format!("// {0}\n@id(\"\\\"{0}\");", "(".repeat(2000));
        assert_eq!(too_deep(&text), None);
        assert_eq!(too_deep(&"a && b;".repeat(2000)), None);
        assert_eq!(too_deep(&"(a)".repeat(200)), None);
        assert_eq!(too_deep(&"(".repeat(50)), None);
        assert_eq!(too_deep(&"(".repeat(51)).map(|(at, _)| at), Some(50));
        assert_eq!(too_deep(&".a".repeat(201)).map(|(at, _)| at), Some(400));
        assert_eq!(too_deep(&"if ".repeat(101)).map(|(at, _)| at), Some(300));
        assert_eq!(too_deep(&"elif ".repeat(201)), None);
    }
}
