use subtwin_kernel::{Plan, Words};

use crate::waiting::PATIENCE;

/// The prompt: what the human reads before saying yes, in the gate's own form. Rendered from the
/// plan alone.
#[must_use]
pub fn prompt(plan: &Plan) -> Words {
    let shown = &plan.summary;
    let mut words = Words::strong(shown.headline.clone()).fact("Who", &shown.target);
    if let Some(object) = &shown.object {
        words = words.fact("What", object);
    }
    words = words.fact("Now", &shown.before).fact("Afterwards", &shown.after);
    for consequence in &shown.consequences {
        words = words.fact("Note", consequence);
    }
    let digest = plan.digest().to_string();
    let short: String = digest.chars().take(12).collect();
    words.fact("Undo", &shown.undo).fact("In the audit log as", &shown.appears_as).line(format!(
        "Reply yes to do exactly this, or no. I wait {} minutes. (plan {short})",
        PATIENCE.as_secs().div_euclid(60)
    ))
}
