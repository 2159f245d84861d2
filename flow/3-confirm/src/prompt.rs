use subtwin_hear::{Choice, Question};
use subtwin_kernel::{Approval, Part, Plan, Words};

use crate::answers::Answers;
use crate::waiting::{APPROVERS_PATIENCE, PATIENCE};

/// A prompt with what may be pressed in place of typing it. Where the name must be typed there is
/// no yes to press.
#[must_use]
pub fn question(words: Words, plan: &Plan, answers: &Answers) -> Question {
    let choice = |name, words: &[&str]| {
        let says = (*words.first()?).to_owned();
        Some(Choice { name, label: label(words), says })
    };
    let yes = match plan.type_back {
        Some(_) => None,
        None => choice("yes", &answers.yes_words()),
    };
    let choices = yes.into_iter().chain(choice("no", &answers.no_words())).collect();
    Question { words, choices }
}

/// "Yes / Ja": every word it may be answered with.
fn label(words: &[&str]) -> String {
    let capital = |word: &&str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    words.iter().filter_map(capital).collect::<Vec<_>>().join(" / ")
}

/// The prompt: what the requester reads before saying yes, in the gate's own form. Rendered from
/// the plan alone.
#[must_use]
pub fn prompt(plan: &Plan, answers: &Answers) -> Words {
    let words = plan_words(plan);
    let words = match plan.approval {
        Approval::Own => words,
        Approval::Another => {
            words.fact("Needs", "your yes, and then the yes of an approver who is somebody else")
        }
        Approval::Two => {
            words.fact("Needs", "your yes, and then the yes of two approvers who are not you")
        }
    };
    words.line(how_to_answer(plan, answers, PATIENCE.as_secs()))
}

/// The same plan, as an approver reads it: who asked, then exactly what the requester was shown.
#[must_use]
pub fn approval_prompt(plan: &Plan, requester: &str, answers: &Answers) -> Words {
    Words::strong("Your yes is needed, too.")
        .fact("Asked by", requester)
        .and(plan_words(plan))
        .line(how_to_answer(plan, answers, APPROVERS_PATIENCE.as_secs()))
}

/// What would happen, for a dry run. Nothing waits for a yes.
#[must_use]
pub fn dry_run(plan: &Plan) -> Words {
    let words =
        Words::strong("This is what would happen. I am not doing it.").and(plan_words(plan));
    let needs = match plan.approval {
        Approval::Own => "your yes",
        Approval::Another => "your yes, and the yes of an approver who is somebody else",
        Approval::Two => "your yes, and the yes of two approvers who are not you",
    };
    let typed = match plan.type_back {
        Some(_) => ", given by typing the user principal name",
        None => "",
    };
    words
        .fact("It would need", format!("{needs}{typed}"))
        .line("Nothing was changed. Ask me for it if you want it done.")
}

fn plan_words(plan: &Plan) -> Words {
    let words = match plan.parts.as_slice() {
        [only] => one(only),
        parts => {
            let mut words = Words::strong(format!("{} changes, in this order:", parts.len()));
            for (at, part) in parts.iter().enumerate() {
                words = several(words, at + 1, part);
            }
            words
        }
    };
    let words = plan.left_out.iter().fold(words, |words, why| words.fact("Left out", why));
    words.fact("In the audit log as", &plan.appears_as)
}

fn one(part: &Part) -> Words {
    let shown = &part.shown;
    let mut words = Words::strong(shown.headline.clone()).fact("Who", &shown.target);
    if let Some(object) = &shown.object {
        words = words.fact("What", object);
    }
    words = words.fact("Now", &shown.before).fact("Afterwards", &shown.after);
    for consequence in &shown.consequences {
        words = words.fact("Note", consequence);
    }
    words.fact("Undo", &shown.undo)
}

/// The same facts, a line each: the list stays readable.
fn several(words: Words, number: usize, part: &Part) -> Words {
    let shown = &part.shown;
    let mut words = words
        .fact(&format!("{number}"), &shown.headline)
        .fact("Who", &shown.target)
        .fact("Now", &shown.before)
        .fact("Afterwards", &shown.after);
    for consequence in &shown.consequences {
        words = words.fact("Note", consequence);
    }
    words.fact("Undo", &shown.undo)
}

fn how_to_answer(plan: &Plan, answers: &Answers, seconds: u64) -> String {
    let minutes = seconds.div_euclid(60);
    let (yes, no) = (answers.yes_words().join(" / "), answers.no_words().join(" / "));
    let short = plan.digest().short();
    match &plan.type_back {
        Some(name) => format!(
            "To do exactly this, type the user principal name {name} and nothing else; or reply \
             {no}. I wait {minutes} minutes. (plan {short})"
        ),
        None => format!(
            "Reply {yes} to do exactly this, or {no}. I wait {minutes} minutes. (plan {short})"
        ),
    }
}
