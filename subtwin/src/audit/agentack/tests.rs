use subtwin_primitives::AuditRecord;

use super::*;

const STARTED: &str = include_str!("../../../../base/primitives/vectors/valid/twin-started.json");
const STOPPED: &str = include_str!("../../../../base/primitives/vectors/valid/twin-stopped.json");
const SHOWN: &str = include_str!("../../../../base/primitives/vectors/valid/proposed.json");
const INTENT: &str = include_str!("../../../../base/primitives/vectors/valid/intent.json");
const NO: &str = include_str!("../../../../base/primitives/vectors/valid/declined-said-no.json");
const DANA: &str = "aaaaaaaa-0000-4000-8000-000000000009";
const OTHER: &str = "0197c0de-0000-7000-8000-000000000002";

/// A record of the test vectors with some members replaced, by JSON pointer.
fn record(vector: &str, at: &str, changes: &[(&str, Value)]) -> Kept {
    let mut value: Value = serde_json::from_str(vector).unwrap();
    value["at"] = json!(at);
    for (pointer, new) in changes {
        *value.pointer_mut(pointer).expect(pointer) = new.clone();
    }
    Kept::Whole(Box::new(serde_json::from_value::<AuditRecord>(value).unwrap()))
}

fn started(at: &str) -> Kept {
    record(STARTED, at, &[])
}

fn stopped(at: &str) -> Kept {
    record(STOPPED, at, &[])
}

/// Shown to Doug, whose yes is enough.
fn shown(at: &str) -> Kept {
    record(SHOWN, at, &[("/event/approval", json!("own"))])
}

fn history(records: &[Kept]) -> History {
    let mut history = History::default();
    for (index, record) in (0..).zip(records) {
        let request = match record {
            Kept::Whole(record) => record.event.request(),
            _ => None,
        };
        history.take(index, request, record).unwrap();
    }
    history
}

fn lines(records: &[Kept]) -> Vec<Vec<Value>> {
    history(records).traces().0.into_iter().map(Trace::lines).collect()
}

fn kinds(trace: &[Value]) -> Vec<&str> {
    trace.iter().map(|line| line["type"].as_str().unwrap()).collect()
}

fn of<'a>(trace: &'a [Value], kind: &str) -> &'a Value {
    trace
        .iter()
        .find(|line| line["type"] == kind)
        .unwrap_or_else(|| panic!("no {kind}: {trace:#?}"))
}

const T0: &str = "2026-07-01T10:00:00Z";
const T1: &str = "2026-07-01T10:00:01Z";
const T5: &str = "2026-07-01T10:00:05.25Z";
const T9: &str = "2026-07-01T10:09:00Z";

#[test]
fn a_yes_is_an_execution_of_what_was_shown() {
    let traces = lines(&[started(T0), shown(T1), record(INTENT, T5, &[]), stopped(T9)]);
    let [trace] = traces.as_slice() else { panic!("{traces:#?}") };
    let all = [
        "action_proposed",
        "approval_requested",
        "approval_decision",
        "action_executed",
        "interrupt",
        "session_end",
    ];
    assert_eq!(kinds(trace), all);
    let approval = json!("19:doug_sam@unq.gbl.spaces/1782900004789");
    for kind in ["approval_requested", "approval_decision", "action_executed"] {
        assert_eq!(of(trace, kind)["approval_id"], approval, "{kind}");
    }
    let action = &of(trace, "action_proposed")["action"];
    assert_eq!(action["operation"], "m365.license.assign");
    for kind in ["approval_requested", "action_executed"] {
        assert_eq!(&of(trace, kind)["action"], action, "{kind}");
    }
    assert_eq!(of(trace, "approval_decision")["expires_at"], "2026-07-01T10:01:05Z");
    let session = json!("aaaaaaaa-0000-4000-8000-00000000000f/0");
    assert!(trace.iter().all(|line| line["session_id"] == session), "{trace:#?}");
}

#[test]
fn another_plan_under_the_digest_of_the_one_shown_does_not_match() {
    let other = ("/event/plan/parts/0/step/path", json!("/v1.0/users/other/assignLicense"));
    let traces = lines(&[started(T0), shown(T1), record(INTENT, T5, &[other])]);
    let (asked, done) = (of(&traces[0], "approval_requested"), of(&traces[0], "action_executed"));
    let digest = |line: &Value| line["action"]["parameters"]["planDigest"].clone();
    assert_ne!(digest(asked), digest(done));
}

#[test]
fn the_yes_counts_for_the_showing_that_it_answers() {
    let again =
        [("/event/approval", json!("own")), ("/event/prompt", json!(1_782_900_003_000_u64))];
    let records = [
        started(T0),
        record(SHOWN, T1, &again),
        shown("2026-07-01T10:00:02Z"),
        record(INTENT, T5, &[]),
    ];
    let traces = lines(&records);
    let asked: Vec<_> =
        traces[0].iter().filter(|line| line["type"] == "approval_requested").collect();
    assert_eq!(asked.len(), 1, "{traces:#?}");
    assert_eq!(asked[0]["timestamp"], "2026-07-01T10:00:02Z");
}

#[test]
fn a_yes_to_what_was_never_shown_to_that_person_has_no_request() {
    let theirs = ("/event/shown_to", json!(DANA));
    let records = [
        started(T0),
        record(SHOWN, T1, &[theirs, ("/event/approval", json!("own"))]),
        record(INTENT, T5, &[]),
    ];
    let traces = lines(&records);
    assert!(!kinds(&traces[0]).contains(&"approval_requested"), "{traces:#?}");
    assert!(kinds(&traces[0]).contains(&"action_executed"), "{traces:#?}");
}

#[test]
fn a_yes_after_the_time_to_answer_has_no_time_left() {
    let late = ("/event/confirmations/0/at", json!("2026-07-01T10:06:00Z"));
    let records = [started(T0), shown(T1), record(INTENT, "2026-07-01T10:06:00.1Z", &[late])];
    let traces = lines(&records);
    assert_eq!(of(&traces[0], "approval_decision")["expires_at"], "2026-07-01T10:05:01Z");
}

/// The requester's yes, then Dana's: what is on record of both.
fn approved(yeses: &Value) -> Vec<Vec<Value>> {
    let dana = [
        ("/event/shown_to", json!(DANA)),
        ("/event/shown_in", json!("19:dana_sam@unq.gbl.spaces")),
        ("/event/prompt", json!(1_782_900_006_000_u64)),
        ("/event/expires_at", json!("2026-07-01T10:30:05Z")),
    ];
    let both =
        [("/event/plan/approval", json!("another")), ("/event/confirmations", yeses.clone())];
    lines(&[
        started(T0),
        record(SHOWN, T1, &[]),
        record(SHOWN, "2026-07-01T10:00:06Z", &dana),
        record(INTENT, "2026-07-01T10:20:00.1Z", &both),
        stopped("2026-07-01T11:00:00Z"),
    ])
}

fn yes(chat: &str, prompt: u64, by: &str, at: &str) -> Value {
    json!({"chat": chat, "prompt": prompt, "answer": prompt + 900, "by": by, "typed": false, "at": at})
}

fn doug_said_yes() -> Value {
    let doug = "aaaaaaaa-0000-4000-8000-000000000001";
    yes("19:doug_sam@unq.gbl.spaces", 1_782_900_001_456, doug, "2026-07-01T10:00:05Z")
}

#[test]
fn each_yes_that_is_needed_is_an_approval_of_its_own() {
    let dana = yes("19:dana_sam@unq.gbl.spaces", 1_782_900_006_000, DANA, "2026-07-01T10:20:00Z");
    let traces = approved(&json!([doug_said_yes(), dana]));
    let trace = &traces[0];
    let done: Vec<_> = trace.iter().filter(|line| line["type"] == "action_executed").collect();
    let what: Vec<_> =
        done.iter().map(|line| [&line["action"]["tool"], &line["approval_id"]]).collect();
    assert_eq!(
        what,
        [
            [&json!("approval"), &json!("19:doug_sam@unq.gbl.spaces/1782900002356")],
            [&json!("directory"), &json!("19:dana_sam@unq.gbl.spaces/1782900006900")],
        ]
    );
    let decisions = trace.iter().filter(|line| line["type"] == "approval_decision").count();
    assert_eq!(decisions, 2, "{trace:#?}");
    // Every action that is done was proposed, and asked for, as it was done.
    for line in done {
        for kind in ["action_proposed", "approval_requested"] {
            let same = trace.iter().any(|other| {
                other["type"] == kind
                    && other["action_id"] == line["action_id"]
                    && other["timestamp"].as_str() < line["timestamp"].as_str()
            });
            assert!(same, "{kind} of {line:#?}");
        }
    }
}

#[test]
fn a_yes_that_is_missing_is_an_execution_without_an_approval() {
    let traces = approved(&json!([doug_said_yes()]));
    let done = traces[0].iter().filter(|line| line["type"] == "action_executed");
    let change = done.into_iter().find(|line| line["action"]["tool"] == "directory").unwrap();
    assert_eq!(change["approval_id"], Value::Null, "{change:#?}");
}

#[test]
fn only_what_somebody_agreed_to_is_allowed_and_all_of_it_is_blocked() {
    let cases = [
        (json!({"reason": "said_no", "by": "aaaaaaaa-0000-4000-8000-000000000001"}), "deny"),
        (json!({"reason": "expired"}), "deny"),
        (json!({"reason": "changed_mind"}), "deny"),
        (json!({"reason": "restarted"}), "deny"),
        (json!({"reason": "not_allowed", "detail": "no", "rules": []}), "deny"),
        (json!({"reason": "drift", "detail": "seats"}), "allow"),
        (json!({"reason": "prompt_changed"}), "allow"),
        (json!({"reason": "answer_changed"}), "allow"),
    ];
    for (why, decision) in cases {
        let records =
            [started(T0), shown(T1), record(NO, T5, &[("/event/why", why.clone())]), stopped(T9)];
        let traces = lines(&records);
        let all = [
            "action_proposed",
            "approval_requested",
            "approval_decision",
            "action_blocked",
            "interrupt",
            "session_end",
        ];
        assert_eq!(kinds(&traces[0]), all, "{why}");
        assert_eq!(of(&traces[0], "approval_decision")["decision"], decision, "{why}");
        assert_eq!(of(&traces[0], "action_blocked")["reason"], why["reason"]);
    }
}

#[test]
fn a_no_of_an_approver_denies_what_was_shown_to_the_approver() {
    let dana = [
        ("/event/shown_to", json!(DANA)),
        ("/event/shown_in", json!("19:dana_sam@unq.gbl.spaces")),
    ];
    let no = [("/event/why", json!({"reason": "said_no", "by": DANA}))];
    let records =
        [started(T0), record(SHOWN, T1, &[]), record(SHOWN, T1, &dana), record(NO, T5, &no)];
    let traces = lines(&records);
    let approval = of(&traces[0], "approval_decision")["approval_id"].as_str().unwrap().to_owned();
    assert!(approval.starts_with("19:dana_sam@"), "{approval}");
}

#[test]
fn a_dry_run_is_proposed_and_blocked() {
    let dry = [("/event/dry_run", json!(true))];
    let traces = lines(&[started(T0), record(SHOWN, T1, &dry), stopped(T9)]);
    assert_eq!(
        kinds(&traces[0]),
        ["action_proposed", "action_blocked", "interrupt", "session_end"]
    );
    assert_eq!(of(&traces[0], "action_proposed")["action"]["tool"], "dry-run");
}

#[test]
fn what_a_restart_ended_stands_in_the_run_in_which_it_was_asked() {
    let restarted = [("/event/why", json!({"reason": "restarted"}))];
    let records = [started(T0), shown(T1), started(T5), record(NO, T9, &restarted)];
    let traces = lines(&records);
    assert_eq!(traces.len(), 1, "the second run has nothing to tell yet: {traces:#?}");
    assert_eq!(
        kinds(&traces[0]),
        [
            "action_proposed",
            "approval_requested",
            "interrupt",
            "approval_decision",
            "action_blocked",
            "session_end"
        ]
    );
}

#[test]
fn a_run_that_goes_on_has_no_end_and_an_open_prompt_no_decision() {
    let traces = lines(&[started(T0), shown(T1)]);
    assert_eq!(kinds(&traces[0]), ["action_proposed", "approval_requested"]);
}

#[test]
fn what_was_never_shown_and_what_is_erased_is_left_out_and_counted() {
    let never = [("/event/prompt", Value::Null), ("/event/request", json!(OTHER))];
    let mut history = history(&[started(T0), shown(T1), record(NO, T5, &never), stopped(T9)]);
    let erased = "0197c0de-0000-7000-8000-000000000001".parse().unwrap();
    history.take(4, Some(erased), &Kept::Erased).unwrap();
    let (traces, exported) = history.traces();
    assert_eq!(exported, Exported { traces: 1, requests: 0, never_shown: 1, erased: 1 });
    let lines: Vec<Value> = traces.into_iter().flat_map(Trace::lines).collect();
    assert_eq!(kinds(&lines), ["interrupt", "session_end"]);
}

#[test]
fn an_altered_record_ends_the_export() {
    let error = History::default().take(7, None, &Kept::Altered).unwrap_err();
    assert!(error.to_string().contains("record 7"), "{error}");
}
