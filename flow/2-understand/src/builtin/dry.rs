//! "What would happen if …": a request that is to be shown and not done.

use std::sync::LazyLock;

use super::pattern::Pattern;
use super::token::{Kind, Line, Token};

static FRAMES: LazyLock<Vec<((), Pattern)>> = LazyLock::new(|| Pattern::table(TABLE));

/// The request inside, its verbs in the form of a request; or nothing, when the line is not only
/// to be shown.
pub(super) fn request(line: &Line, tokens: &[Token]) -> Option<Vec<Token>> {
    let range = FRAMES.iter().find_map(|((), pattern)| pattern.find(line, tokens)?.rest)?;
    let mut inside = tokens.get(range)?.to_vec();
    let mut opens = true;
    for token in &mut inside {
        let joint = token.is_break() || token.is_any(&["and", "then", "also", "plus", "i", "we"]);
        if opens
            && token.kind == Kind::Word
            && let Some((verb, _)) = FORMS.iter().find(|(_, forms)| token.is_any(forms))
        {
            (*verb).clone_into(&mut token.low);
        }
        opens = joint;
    }
    // "If I gave her an E3 and I put her in Finance".
    let after_joint = |at: usize| at == 0 || inside.get(at - 1).is_some_and(|t| t.is("and"));
    let subject: Vec<bool> =
        (0..inside.len()).map(|at| after_joint(at) && is_subject(&inside, at)).collect();
    let mut drop = subject.into_iter();
    inside.retain(|_| !drop.next().unwrap_or_default());
    Some(inside)
}

fn is_subject(tokens: &[Token], at: usize) -> bool {
    let verb = |token: &Token| FORMS.iter().any(|(verb, _)| token.is(verb));
    tokens.get(at).is_some_and(|token| token.is_any(&["i", "we"]))
        && tokens.get(at + 1).is_some_and(verb)
}

pub(super) const TABLE: &[((), &[&str])] = &[(
    (),
    &[
        "do|make|run|show|give me|us? a|the dry|test|trial run of|for|to? {R}",
        "dry|test|trial run of|for|to? {R}",
        "dry-run|dryrun|preview|simulate|simulation of|for? {R}",
        "show|give me|us? a? preview of|for? {R}",
        "show|tell me|us? what would|will happen|change if|when i|we|you were|was to {R}",
        "show|tell me|us? what would|will happen|change if|when i|we|you {R}",
        "show|tell me|us? what happens|changes if|when i|we|you {R}",
        "show|tell me|us? what you would|will do if|when i|we ask|asked|tell|told|want|wanted you to {R}",
        "show|tell me|us? what {R} would|will do|change|mean",
        "show|tell me|us? the? plan for|to {R}",
        "what would|will happen|change if|when i|we|you were|was to {R}",
        "what would|will happen|change if|when i|we ask|asked|tell|told you to {R}",
        "what would|will happen|change if|when i|we|you {R}",
        "what happens|changes if|when i|we|you {R}",
        "what if i|we|you were|was to {R}",
        "what if i|we|you {R}",
        "what would|will you do if|when i|we ask|asked|tell|told|want|wanted you to {R}",
        "what would|will you do to {R}",
        "what would|will {R} do|change|mean",
        "{R} as? a? dry run only?",
        "{R} as a preview only?",
        "{R} dry-run",
    ],
)];

/// A verb, and the other forms it is said in after "if I" and "what … would do".
const FORMS: &[(&str, &[&str])] = &[
    ("add", &["added", "adding"]),
    ("assign", &["assigned", "assigning"]),
    ("block", &["blocked", "blocking"]),
    ("change", &["changed", "changing"]),
    ("clear", &["cleared", "clearing"]),
    ("disable", &["disabled", "disabling"]),
    ("enable", &["enabled", "enabling"]),
    ("give", &["gave", "giving"]),
    ("grant", &["granted", "granting"]),
    ("issue", &["issued", "issuing"]),
    ("kick", &["kicked", "kicking"]),
    ("lock", &["locked", "locking"]),
    ("log", &["logged", "logging"]),
    ("look", &["looked", "looking"]),
    ("make", &["made", "making"]),
    ("move", &["moved", "moving"]),
    ("put", &["putting"]),
    ("reactivate", &["reactivated", "reactivating"]),
    ("remove", &["removed", "removing"]),
    ("reset", &["resetted", "resetting"]),
    ("revoke", &["revoked", "revoking"]),
    ("set", &["setting"]),
    ("sign", &["signed", "signing"]),
    ("suspend", &["suspended", "suspending"]),
    ("take", &["took", "taking"]),
    ("unassign", &["unassigned", "unassigning"]),
    ("unblock", &["unblocked", "unblocking"]),
    ("update", &["updated", "updating"]),
    ("wipe", &["wiped", "wiping"]),
];
