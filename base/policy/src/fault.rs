use std::fmt;

/// One thing that is wrong with a policy text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file's name, as it was given.
    pub file: String,
    /// From 1; nothing where it is about the file as a whole.
    pub place: Option<Place>,
    /// What is wrong, without full stop.
    pub what: String,
    /// What to do about it, without full stop.
    pub remedy: String,
}

/// Where in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// How many characters of the line are meant; at least one.
    pub width: usize,
    /// The line itself, fit to be printed.
    pub text: String,
}

/// Why policies could not be read: every fault of every file, in the order in which they stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    faults: Vec<Fault>,
}

/// More of a line than this is not shown.
const WIDEST: usize = 160;

impl PolicyError {
    pub(crate) const fn new(faults: Vec<Fault>) -> Self {
        Self { faults }
    }

    /// What is wrong; at least one thing.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl Fault {
    /// About a file as a whole.
    pub(crate) fn of_file(file: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: None, what: what.into(), remedy: remedy.into() }
    }
}

impl Place {
    /// The place of `length` bytes from `offset` on. What runs on into the next line ends with its
    /// own.
    pub(crate) fn new(text: &str, offset: usize, length: usize) -> Self {
        let offset = floor(text, offset);
        let before = text.get(..offset).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let rest = text.get(start..).unwrap_or_default();
        let whole = rest.lines().next().unwrap_or_default();
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        let end = floor(text, offset.saturating_add(length)).min(start + whole.len());
        let meant = text.get(offset..end).unwrap_or_default().trim_end().chars().count();
        let text: String = whole.chars().map(printable).take(WIDEST).collect();
        let width = meant.min((WIDEST + 1).saturating_sub(column)).max(1);
        Self { line, column, width, text: text.trim_end().to_owned() }
    }
}

/// The nearest start of a character at or before a position.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

/// One character wide, and without power over the terminal.
fn printable(letter: char) -> char {
    match letter {
        '\t' => ' ',
        // Bidirectional controls, which could show a line in another order than it is read in.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            '\u{fffd}'
        }
        _ if letter.is_control() => '\u{fffd}',
        _ => letter,
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what: String = self.what.chars().map(printable).collect();
        let file: String = self.file.chars().map(printable).collect();
        writeln!(f, "error: {what}")?;
        match &self.place {
            Some(Place { line, column, width, text }) => {
                let number = line.to_string();
                let margin = " ".repeat(number.len());
                writeln!(f, "{margin}--> {file}:{line}:{column}")?;
                writeln!(f, "{margin} |")?;
                writeln!(f, "{number} | {text}")?;
                let indent = " ".repeat(column.saturating_sub(1).min(WIDEST));
                writeln!(f, "{margin} | {indent}{}", "^".repeat(*width))?;
                write!(f, "{margin} = remedy: {}", self.remedy)
            }
            None => {
                writeln!(f, " --> {file}")?;
                write!(f, "  = remedy: {}", self.remedy)
            }
        }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.faults.iter().enumerate() {
            if number > 0 {
                f.write_str("\n\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}
