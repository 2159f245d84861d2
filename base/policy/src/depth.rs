//! How deep a text may nest. What reads, walks and drops an expression calls itself for each level.

use std::thread;

/// How deep brackets may stand within each other.
const DEEPEST: usize = 50;
/// How many signs that can each add a level one policy may have.
const MOST_SIGNS: usize = 400;

/// What the deepest text needs to be read, several times over.
const STACK: usize = 64 << 20;

/// Does something that calls itself for each level of a text, with the stack it needs.
#[expect(clippy::expect_used, reason = "the thread only reads; what it might panic with goes on")]
pub(crate) fn with_room<T: Send>(reads: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let reading = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, reads);
        reading.expect("a thread can be started").join()
    })
    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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
            '&' | '|' | '+' | '-' | '*' | '.' | '!' => signs += 1,
            ';' if depth == 0 => signs = 0,
            'i' if word == 0 && text.get(at..).is_some_and(|rest| rest.starts_with("if")) => {
                signs += 1;
            }
            _ => {}
        }
        word = if letter.is_alphanumeric() || letter == '_' { word + 1 } else { 0 };
        if depth > DEEPEST {
            return Some((at, format!("brackets stand more than {DEEPEST} deep")));
        }
        if signs > MOST_SIGNS {
            return Some((at, format!("this policy has more than {MOST_SIGNS} operators")));
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
        assert_eq!(too_deep(&"(a)".repeat(400)), None);
        assert_eq!(too_deep(&"(".repeat(50)), None);
        assert_eq!(too_deep(&"(".repeat(51)).map(|(at, _)| at), Some(50));
        assert_eq!(too_deep(&".a".repeat(401)).map(|(at, _)| at), Some(800));
        assert_eq!(too_deep(&"if ".repeat(401)).map(|(at, _)| at), Some(1200));
        assert_eq!(too_deep(&"elif ".repeat(401)), None);
    }
}
