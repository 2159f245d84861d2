//! What Cedar finds wrong, in the words of this program's readers.

use std::collections::BTreeSet;

use cedar_policy::{PolicySet, ValidationError, ValidationMode, ValidationWarning};
use miette::Diagnostic;

use crate::schema::MODEL;

/// Something Cedar says about a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Offset and length, in bytes; nothing where it is about the policy as a whole.
    pub(crate) place: Option<(usize, usize)>,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

/// What the reader is sent to where nothing better can be said.
const REFER: &str = "see docs/admin/policy.md for what a policy can say";

/// What the context can hold for some action or other.
const CONTEXT: [&str; 10] = [
    "risk",
    "hour",
    "weekday",
    "count",
    "credential",
    "licence",
    "group",
    "properties",
    "tool",
    "requester",
];

/// Why a text is no list of policies.
pub(crate) fn of_parse(error: &dyn Diagnostic, text: &str) -> Finding {
    let mut finding = Finding::of(error);
    if finding.what == "invalid token" {
        let sign = finding.place.and_then(|(at, _)| text.get(at..)?.chars().next());
        finding.what = match sign {
            Some('"') => "a text that begins here or before does not end".to_owned(),
            Some(sign) => format!("`{sign}` cannot stand here"),
            None => finding.what,
        };
    }
    finding
}

/// Checks policies against the schema. Each finding comes with Cedar's own id of its policy.
pub(crate) fn of_set(set: &PolicySet, text: &str) -> BTreeSet<(String, Finding)> {
    let result = MODEL.validator.validate(set, ValidationMode::Strict);
    let mut findings: BTreeSet<(String, Finding)> = result
        .validation_errors()
        .map(|error| (error.policy_id().to_string(), of_error(error, text)))
        .collect();
    let faulty: BTreeSet<String> = findings.iter().map(|(id, _)| id.clone()).collect();
    for warning in result.validation_warnings() {
        let id = warning.policy_id().to_string();
        let finding = match warning {
            // Follows from whatever else is wrong with it.
            ValidationWarning::ImpossiblePolicy(_)
            | ValidationWarning::InvalidActionApplication(_)
                if faulty.contains(&id) =>
            {
                continue;
            }
            ValidationWarning::ImpossiblePolicy(_)
            | ValidationWarning::InvalidActionApplication(_) => Finding {
                place: None,
                what: "this can never apply: its conditions contradict each other, or its actions"
                    .to_owned(),
                remedy: "compare it with the table of facts in docs/admin/policy.md".to_owned(),
            },
            ValidationWarning::BidiCharsInString(_)
            | ValidationWarning::BidiCharsInIdentifier(_) => Finding {
                what: "this holds signs that turn the direction of writing".to_owned(),
                remedy: "delete them: they can make a policy read otherwise than it works"
                    .to_owned(),
                ..Finding::of(warning)
            },
            // Names in any script are fine: departments have them.
            ValidationWarning::MixedScriptString(_)
            | ValidationWarning::MixedScriptIdentifier(_)
            | ValidationWarning::ConfusableIdentifier(_) => continue,
            // Cedar may learn to warn of more.
            _ => Finding::of(warning),
        };
        findings.insert((id, finding));
    }
    findings
}

fn of_error(error: &ValidationError, text: &str) -> Finding {
    let mut finding = Finding::of(error);
    if let ValidationError::UnrecognizedEntityType(_) = error {
        finding.remedy = "people are `User`, groups are `Group`".to_owned();
    }
    let (ValidationError::UnsafeAttributeAccess(_)
    | ValidationError::UnsafeOptionalAttributeAccess(_)) = error
    else {
        return finding;
    };
    // "attribute `department` on entity type `User`", "attribute `group` in context for Action::…"
    let name = finding.what.split('`').nth(1).unwrap_or_default().to_owned();
    let words = finding.place.and_then(|(at, length)| text.get(at..at + length));
    let owner = words.and_then(|words| words.split_once(&format!(".{name}")));
    if finding.what.contains("` in context for ") {
        if CONTEXT.contains(&name.as_str()) {
            // Said once for each action, with another action's name.
            finding.what = format!("`context.{name}` is not known of all actions this is about");
            finding.remedy =
                format!("name only actions that have it, or ask first: `context has {name} && …`");
        } else {
            finding.what = format!("there is no `context.{name}`");
            finding.remedy = format!("it can be `context.` and one of {}", CONTEXT.join(", "));
        }
    } else if let (ValidationError::UnsafeOptionalAttributeAccess(_), Some((owner, _))) =
        (error, owner)
    {
        finding.what = format!("`{owner}.{name}` may be missing");
        finding.remedy = format!("ask first: `{owner} has {name} && …`");
    }
    finding
}

impl Finding {
    fn of(said: &dyn Diagnostic) -> Self {
        let label = said.labels().and_then(|mut labels| labels.next());
        let what = said.to_string();
        // Cedar names a policy by its number; the line says it better.
        let what = match what.split_once("`, ") {
            Some((start, rest)) if start.starts_with("for policy `") => rest.to_owned(),
            _ => what,
        };
        let help = said.help().map(|help| help.to_string());
        let expected = label.as_ref().and_then(|label| label.label().map(str::to_owned));
        let remedy = help.or(expected).unwrap_or_else(|| REFER.to_owned());
        Self {
            place: label.map(|label| (label.offset(), label.len())),
            what,
            remedy: remedy.trim_end_matches('.').to_owned(),
        }
    }
}
