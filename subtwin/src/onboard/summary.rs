//! What was made, for the customer's files.

use std::fmt::Write as _;

use jiff::Timestamp;
use subtwin_entra::onboard::{OnboardStep, Registration, Wish};
use subtwin_entra::{Mark, Steps};

use super::{APPLIED_AT, APPLIED_BY};

/// A summary in Markdown: objects with ids, scopes, roles, who consented, when, how to undo it.
pub(super) fn markdown(wish: &Wish, steps: &Steps<OnboardStep>, now: Timestamp) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut text, wish, steps, now);
    text
}

fn write(
    out: &mut String,
    wish: &Wish,
    steps: &Steps<OnboardStep>,
    now: Timestamp,
) -> std::fmt::Result {
    let fact = |name| steps.fact(name).unwrap_or("unknown");
    let second = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    writeln!(out, "# {} ({})\n", wish.display_name, wish.upn)?;
    writeln!(
        out,
        "Made by `subtwin onboard` in tenant `{}`, run `{}`. Applied and consented by {} at {}; \
         signed in at {}.\n",
        wish.tenant,
        steps.run(),
        fact(APPLIED_BY),
        fact(APPLIED_AT),
        second(now)
    )?;
    writeln!(out, "| what | id | since | undoing |\n|---|---|---|---|")?;
    for entry in steps.entries() {
        let (object, undoing) = match &entry.mark {
            Mark::Made(made) => (made, "takes it away"),
            Mark::Found(made) => (made, "leaves it: it was there before"),
            Mark::Changed { made, .. } => (made, "brings back what it was"),
            Mark::Begun | Mark::Undone { .. } => continue,
        };
        let key = object.key.as_ref().map(|key| format!(" ({key})")).unwrap_or_default();
        let id = if entry.step == OnboardStep::Credential { "shown once" } else { &object.id };
        writeln!(out, "| {} | `{id}`{key} | {} | {undoing} |", entry.step, second(entry.at))?;
    }
    for which in Registration::BOTH {
        writeln!(
            out,
            "\n## Delegated scopes of the {} registration\n\nConsent type `Principal`, for {} \
             alone; the enterprise application asks for assignment.\n",
            which.name(),
            wish.upn
        )?;
        for scope in wish.granted(which) {
            writeln!(out, "- `{scope}`")?;
        }
    }
    writeln!(out, "\n## Directory roles\n")?;
    for role in wish.roles() {
        writeln!(out, "- {} (`{}`)", role.name, role.template)?;
    }
    writeln!(
        out,
        "\n## To undo it\n\nStop the twin, then run `subtwin onboard undo` with the same \
         configuration and state directory. It takes away, last first, what the table says."
    )
}
