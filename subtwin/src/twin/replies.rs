//! What the twin says about its own work. Short, exact, and the same every time.

use subtwin_confirm::Restrained;
use subtwin_kernel::names::shown;
use subtwin_kernel::{Action, Outcome, Plan, Secret, TenantEntry, Tool, Words};
use subtwin_primitives::Seen;

use super::cases::Standing;
use super::watch::Followed;

/// For work that is not done within a moment.
pub(super) fn on_it() -> Words {
    Words::plain("On it.")
}

/// Nothing is done for now, whoever asks.
pub(super) fn stopped(why: &str) -> Words {
    Words::plain(format!(
        "I do nothing for now: {why} Please turn to your helpdesk; ask me again later."
    ))
}

/// The result, with the receipt.
pub(super) fn result(followed: &Followed, receipt: &str) -> Words {
    let words = told(followed, receipt, |_| None);
    if followed.outcomes.iter().any(Outcome::is_done) {
        words.line("I am waiting for your tenant's own audit entry and will add it here.")
    } else {
        words
    }
}

/// The result once it is known what the tenant's own log says.
pub(super) fn result_with_entries(followed: &Followed, receipt: &str, seen: &[Seen]) -> Words {
    let entry = |part: usize| match seen.get(part) {
        Some(Seen::Matched { entry }) => Some(entry),
        _ => None,
    };
    let mut words = told(followed, receipt, entry);
    for entry in seen {
        if let Seen::Matched { entry } = entry {
            words = words.fact(
                "In your tenant's audit log",
                format!(
                    "{}, by {}, {} (entry {})",
                    entry.activity,
                    entry.initiated_by,
                    entry.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
                    entry.id
                ),
            );
        }
    }
    match seen.iter().filter(|seen| matches!(seen, Seen::NotVisible {})).count() {
        0 => words,
        1 if seen.len() == 1 => words.line(
            "Your tenant's own audit entry has not appeared in the time I wait for it. That is on \
             my record.",
        ),
        missing => words.line(format!(
            "{missing} of your tenant's own audit entries have not appeared in the time I wait \
             for them. That is on my record."
        )),
    }
}

/// What became of each part.
fn told<'a>(
    followed: &Followed,
    receipt: &str,
    entry: impl Fn(usize) -> Option<&'a TenantEntry>,
) -> Words {
    if let ([headline], [outcome]) = (followed.headlines.as_slice(), followed.outcomes.as_slice()) {
        return one(headline, outcome, receipt, entry(0));
    }
    let done = followed.outcomes.iter().filter(|outcome| outcome.is_done()).count();
    let all = followed.outcomes.len();
    let head = match done {
        _ if done == all => "Done, all of it.".to_owned(),
        0 => "Not done.".to_owned(),
        _ => format!("Done: {done} of {all}."),
    };
    let mut words = Words::strong(format!("{head} (receipt {receipt})"));
    for (headline, outcome) in followed.headlines.iter().zip(&followed.outcomes) {
        words = match outcome {
            Outcome::Done { .. } => words.fact("Done", headline),
            Outcome::FoundDone { .. } => {
                words.fact("Done, as far as the directory shows", headline)
            }
            Outcome::NotDone { reason, .. } => {
                words.fact("Not done", format!("{headline} {reason}"))
            }
            Outcome::Unknown { reason } => {
                words.fact("I cannot say", format!("{headline} {reason}"))
            }
        };
    }
    words
}

fn one(headline: &str, outcome: &Outcome, receipt: &str, entry: Option<&TenantEntry>) -> Words {
    match (outcome, entry) {
        (Outcome::Done { .. }, _) => {
            Words::strong("Done.").line(format!("{headline} (receipt {receipt})"))
        }
        (Outcome::FoundDone { .. }, Some(_)) => {
            Words::strong("Done, as your tenant's audit log shows.")
                .line(format!("{headline} (receipt {receipt})"))
        }
        (Outcome::FoundDone { .. }, None) => Words::strong("Done, as far as the directory shows.")
            .line(format!("{headline} (receipt {receipt})"))
            .line(
                "The answer to my request was lost, so I looked: the change is in place. I did \
                 not send it again.",
            ),
        (Outcome::NotDone { .. } | Outcome::Unknown { .. }, Some(_)) => Words::strong(
            "I cannot say for certain; your tenant's audit log has an entry that fits.",
        )
        .line(format!("{headline} (receipt {receipt})")),
        (Outcome::NotDone { reason, .. }, None) => {
            Words::strong("Not done.").line(format!("{reason} (receipt {receipt})"))
        }
        (Outcome::Unknown { reason }, None) => Words::strong("I cannot say whether it was done.")
            .line(format!("{reason} (receipt {receipt})")),
    }
}

/// A new password or access pass, shown once.
pub(super) fn secret(target: &str, secret: &Secret, minutes: u64) -> Words {
    Words::strong(format!("For {target}, shown once:")).secret(secret.clone()).line(format!(
        "Hand it over in a way you trust. I take it out of this chat in {minutes} minutes."
    ))
}

/// What stands in a secret's place afterwards.
pub(super) fn secret_gone() -> Words {
    Words::plain("What stood here was shown once and is gone.")
}

/// It was made, and the answer that held it was lost.
pub(super) fn secret_lost() -> Words {
    Words::plain(
        "It was made, but what it is was in the answer that got lost, so I cannot show it. Please \
         ask me to undo that, or to make a new one.",
    )
}

/// Whether an action comes to something that is shown once.
pub(super) const fn gives_a_secret(action: &Action) -> bool {
    matches!(action, Action::PasswordReset { .. } | Action::TapIssue { .. })
}

/// After a no.
pub(super) fn declined(plan: &Plan) -> Words {
    Words::plain(format!("All right, I won't. Nothing was changed. ({})", plan.headline()))
}

/// After an approver's no.
pub(super) fn approver_declined(plan: &Plan) -> Words {
    Words::plain(format!(
        "An approver said no, so I won't. Nothing was changed. ({})",
        plan.headline()
    ))
}

/// After "yes, but …" or "no, … instead".
pub(super) fn changed_mind(plan: &Plan) -> Words {
    Words::plain(format!(
        "Then I leave that. Nothing was changed. ({}) I take what you said as a new request.",
        plan.headline()
    ))
}

/// After five minutes without an answer.
pub(super) fn expired(plan: &Plan) -> Words {
    Words::plain(format!(
        "I had no answer in time, so I let this go: {} Nothing was changed; ask me again if you \
         still want it.",
        plan.headline()
    ))
}

/// A second request while one is open.
pub(super) fn one_at_a_time(open: &Standing) -> Words {
    let headline = open.plan.headline();
    Words::plain(if open.with_approvers && open.of_requester {
        format!(
            "I am still waiting for an approver's yes to this: {headline} I take the next when \
             that is decided; say “cancel” if you do not want it any more."
        )
    } else {
        format!(
            "I am still waiting for your yes or no to this: {headline} Answer that first, then I \
             take the next."
        )
    })
}

/// "Cancel" with nothing open.
pub(super) fn nothing_open() -> Words {
    Words::plain("Nothing is waiting for an answer from you, so there is nothing to cancel.")
}

/// After the requester's yes, where others must agree.
pub(super) fn asking_approvers(names: &[String], needed: usize) -> Words {
    let yes = if needed == 1 { "one yes" } else { "two yeses" };
    Words::plain(format!(
        "Thank you. It needs {yes} of somebody else, too, so I am asking {}. Nothing is changed \
         before that; say “cancel” if you do not want it any more.",
        names.join(", ")
    ))
}

/// A yes again, while others are asked.
pub(super) fn still_with_approvers() -> Words {
    Words::plain("I have your yes and am waiting for somebody else's. Nothing was changed yet.")
}

/// To an approver after their yes.
pub(super) fn thank_you() -> Words {
    Words::plain("Thank you. I pass your yes on.")
}

/// To an approver after their no.
pub(super) fn approval_refused() -> Words {
    Words::plain("All right, it will not be done.")
}

/// In place of an approval that is not needed any more.
pub(super) fn withdrawn() -> Words {
    Words::plain("This was a request for your yes. It has been decided; nothing waits for you.")
}

/// A bare yes where the name must be typed.
pub(super) fn must_be_typed() -> Words {
    Words::plain(
        "For this a yes is not enough. Please type the user principal name, as it stands here:",
    )
}

/// The same was turned down a moment ago, or too much was asked.
pub(super) fn held_back(why: Restrained) -> Words {
    let at = |until: jiff::Timestamp| until.strftime("%H:%M UTC").to_string();
    Words::plain(match why {
        Restrained::TurnedDown { until } => format!(
            "Something with the same effect was turned down a moment ago, so I do not propose it \
             again before {}.",
            at(until)
        ),
        Restrained::TooMany { until } => format!(
            "I have asked you for many decisions in a short time, so I ask for no more before {}. \
             Nothing was changed.",
            at(until)
        ),
    })
}

/// Nothing was done lately.
pub(super) fn nothing_to_undo(minutes: u64) -> Words {
    Words::plain(format!(
        "I have done nothing for you in the last {minutes} minutes that could be undone."
    ))
}

/// What cannot be taken back, and why.
pub(super) fn not_undone(why: &[String]) -> Words {
    why.iter().fold(Words::plain("This cannot be undone:"), Words::line)
}

/// The record cannot be read.
pub(super) fn no_record_to_undo() -> Words {
    Words::plain(
        "I cannot read my record at the moment, so I cannot tell what to undo. Nothing was changed.",
    )
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
    let head = Words::strong(format!("{} needs a human.", shown(requester)))
        .line("They asked me for something I do not do. In their words:");
    // A line each, and apart from mine: it could be written like one of the gate's own.
    context.lines().fold(head, Words::talk)
}

/// What was shown is no longer true.
pub(super) fn drifted() -> Words {
    Words::plain(
        "Something has changed since I showed you that, so your yes no longer fits. Nothing was \
         changed; ask me again, and I show you how it is now.",
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
