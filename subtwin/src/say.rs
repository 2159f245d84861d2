//! What the program prints: plain output on standard output, errors with cause and remedy on
//! standard error.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where printing happens")]

use std::fmt::Display;
use std::process::ExitCode;

/// Prints one line of output.
pub fn line(text: impl Display) {
    println!("{text}");
}

/// Prints one line of progress, beside the output.
pub fn progress(text: impl Display) {
    eprintln!("{text}");
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// Whether there is a terminal to show a secret on, whatever output is redirected to.
pub fn has_terminal() -> bool {
    terminal().is_ok()
}

/// Shows a secret on the terminal and nowhere else.
///
/// # Errors
/// When there is no terminal.
pub fn on_terminal(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut terminal = terminal()?;
    writeln!(terminal, "{text}")?;
    terminal.flush()
}

fn terminal() -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).open("/dev/tty")
}

/// Ends the program: silently, or with the error and its causes.
pub fn ended(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("subtwin: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because {cause}");
    }
    ExitCode::FAILURE
}

/// Whether standard error takes colours: a terminal, and `NO_COLOR` not set (no-color.org).
#[expect(clippy::disallowed_methods, reason = "NO_COLOR is a setting of the user's whole terminal")]
pub fn colours() -> bool {
    use std::io::IsTerminal as _;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}
