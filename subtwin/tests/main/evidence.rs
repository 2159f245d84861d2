//! The evidence, as an auditor reads it: with the program's own commands.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::stage::{program, succeed};

/// `subtwin audit …` over a directory.
pub(crate) fn audit(command: &str, dir: &Path) -> Command {
    let mut audit = program();
    audit.args(["audit", command, "--dir"]).arg(dir);
    audit
}

/// Every record.
pub(crate) fn records(dir: &Path) -> Vec<Value> {
    let output = succeed(audit("list", dir).arg("--json"));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every event of one kind.
pub(crate) fn events(dir: &Path, kind: &str) -> Vec<Value> {
    let events = records(dir).into_iter().map(|mut shown| shown["record"]["event"].take());
    events.filter(|event| event["kind"] == kind).collect()
}

/// What verifying it comes to.
pub(crate) fn report(dir: &Path) -> Value {
    let output = succeed(audit("verify", dir).arg("--json"));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The evidence must verify, with nothing begun and unfinished in it.
pub(crate) fn holds(dir: &Path) -> Value {
    let report = report(dir);
    assert_eq!(report["holds"], true, "{report}");
    assert_eq!(report["open"], 0, "{report}");
    assert_eq!(report["signed"], report["records"], "{report}");
    report
}

/// Copies a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a directory, with its bytes.
pub(crate) fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    files
}
