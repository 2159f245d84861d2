//! What the twin says about its own work. Short, exact, and the same every time.

use subtwin_kernel::{Outcome, Plan, TenantEntry, Tool, Words};

/// For work that is not done within a moment.
pub(super) fn on_it() -> Words {
    Words::plain("On it.")
}

/// The result, with the receipt.
pub(super) fn result(plan_headline: &str, outcome: &Outcome, receipt: &str) -> Words {
    match outcome {
        Outcome::Done { .. } => Words::strong("Done.")
            .line(format!("{plan_headline} (receipt {receipt})"))
            .line("I am waiting for your tenant's own audit entry and will add it here."),
        Outcome::FoundDone { .. } => Words::strong("Done, as far as the directory shows.")
            .line(format!("{plan_headline} (receipt {receipt})"))
            .line(
                "The answer to my request was lost, so I looked: the change is in place. I did \
                 not send it again.",
            ),
        Outcome::NotDone { reason, .. } => {
            Words::strong("Not done.").line(format!("{reason} (receipt {receipt})"))
        }
        Outcome::Unknown { reason } => Words::strong("I cannot say whether it was done.")
            .line(format!("{reason} (receipt {receipt})")),
    }
}

/// The result once the tenant's own entry is known.
pub(super) fn result_with_entry(
    plan_headline: &str,
    outcome: &Outcome,
    receipt: &str,
    entry: &TenantEntry,
) -> Words {
    let head = match outcome {
        Outcome::Done { .. } => "Done.",
        Outcome::FoundDone { .. } => "Done, as your tenant's audit log shows.",
        Outcome::NotDone { .. } | Outcome::Unknown { .. } => {
            "I cannot say for certain; your tenant's audit log has an entry that fits."
        }
    };
    Words::strong(head).line(format!("{plan_headline} (receipt {receipt})")).fact(
        "In your tenant's audit log",
        format!(
            "{}, by {}, {} (entry {})",
            entry.activity,
            entry.initiated_by,
            entry.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
            entry.id
        ),
    )
}

/// The result when the tenant's own entry never appeared.
pub(super) fn result_without_entry(plan_headline: &str, outcome: &Outcome, receipt: &str) -> Words {
    let head = match outcome {
        Outcome::Done { .. } => "Done.",
        Outcome::FoundDone { .. } => "Done, as far as the directory shows.",
        Outcome::NotDone { .. } => "Not done.",
        Outcome::Unknown { .. } => "I cannot say whether it was done.",
    };
    Words::strong(head).line(format!("{plan_headline} (receipt {receipt})")).line(
        "Your tenant's own audit entry has not appeared in the time I wait for it. That is on my \
         record.",
    )
}

/// After a no.
pub(super) fn declined(plan: &Plan) -> Words {
    Words::plain(format!("All right, I won't. Nothing was changed. ({})", plan.summary.headline))
}

/// After five minutes without an answer.
pub(super) fn expired(plan: &Plan) -> Words {
    Words::plain(format!(
        "I had no answer in time, so I let this go: {} Nothing was changed; ask me again if you \
         still want it.",
        plan.summary.headline
    ))
}

/// A second request while one is open.
pub(super) fn one_at_a_time(headline: &str) -> Words {
    Words::plain(format!(
        "I am still waiting for your yes or no to this: {headline} Answer that first, then I take \
         the next."
    ))
}

/// "Cancel" with nothing open.
pub(super) fn nothing_open() -> Words {
    Words::plain("Nothing is waiting for an answer from you, so there is nothing to cancel.")
}

/// A tool this twin was not deployed with.
pub(super) fn not_offered(tool: Tool) -> Words {
    Words::plain(format!("That is not among the things I am set up to do here ({tool})."))
}

/// Somebody of another organisation.
pub(super) fn foreign() -> Words {
    Words::plain("I work only for the people of my own organisation.")
}

/// What the human contact reads.
pub(super) fn handed_over(requester: &str, context: &str) -> Words {
    Words::strong(format!("{requester} needs a human."))
        .line("They asked me for something I do not do. In their words:")
        .line(context)
}

/// What was shown is no longer true.
pub(super) fn drifted() -> Words {
    Words::plain(
        "Something has changed in the directory since I showed you that, so your yes no longer \
         fits. Nothing was changed. This is how it is now:",
    )
}

/// The prompt was edited or deleted.
pub(super) fn prompt_changed() -> Words {
    Words::plain(
        "The message you said yes to is not what I posted any more, so I did nothing. Please ask \
         me again.",
    )
}

/// The yes was edited or deleted meanwhile.
pub(super) fn answer_changed() -> Words {
    Words::plain(
        "You changed or deleted your yes before I acted on it, so I did nothing. Please ask me \
         again if you still want it.",
    )
}

/// The record could not be written.
pub(super) fn no_record() -> Words {
    Words::plain(
        "I cannot write my record of this at the moment, and without a record I do nothing. \
         Nothing was changed. Please tell whoever looks after me.",
    )
}

/// The directory did not answer.
pub(super) fn directory_silent() -> Words {
    Words::plain(
        "The directory does not answer me at the moment. Nothing was changed; please try again in \
         a few minutes.",
    )
}

/// Restarted while a prompt was open.
pub(super) fn restarted() -> Words {
    Words::plain(
        "I was restarted before you answered my last question. Nothing was changed; please ask me \
         again.",
    )
}

/// A yes or no that quotes another message than the open prompt.
pub(super) fn refers_elsewhere() -> Words {
    Words::plain(
        "That quotes another message than my question, so I cannot tell what you mean by it. \
         Please answer this one:",
    )
}

/// An edited message while a prompt is open.
pub(super) fn edited_does_not_count() -> Words {
    Words::plain(
        "That message was changed after you wrote it, and I take a yes only from a new message. \
         Please write it again.",
    )
}
