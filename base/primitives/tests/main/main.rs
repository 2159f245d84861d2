//! The committed schemas and vectors against the types, and against each other.
#![cfg(test)]

mod schema;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use subtwin_primitives::{
    AuditRecord, Event, Leaf, audit_record_schema, catalog_schema, leaf_schema,
};

fn committed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn vectors(of: &str) -> Vec<(String, String)> {
    let mut all: Vec<_> = fs::read_dir(committed("vectors").join(of))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect();
    all.sort();
    assert!(!all.is_empty());
    all
}

#[test]
fn the_committed_schemas_are_the_ones_the_types_give() {
    let remedy = "run `cargo run -p subtwin-primitives --example schemas` and look at the change";
    for (path, expected) in [
        ("schemas/audit-record.json", audit_record_schema()),
        ("schemas/audit-leaf.json", leaf_schema()),
        ("schemas/catalog.json", catalog_schema()),
    ] {
        assert_eq!(fs::read_to_string(committed(path)).unwrap(), expected, "{path}: {remedy}");
    }
}

#[test]
fn every_valid_vector_passes_the_schema_and_comes_back_from_the_type_byte_for_byte() {
    let schema: Value = serde_json::from_str(&audit_record_schema()).unwrap();
    for (name, text) in vectors("valid") {
        let value: Value = serde_json::from_str(&text).unwrap();
        schema::check(&schema, &value).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        let record: AuditRecord =
            serde_json::from_str(&text).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        let again = serde_json::to_string_pretty(&record).unwrap();
        assert_eq!(again, text.trim_end(), "{name}");
    }
}

#[test]
fn every_invalid_vector_is_refused_by_the_schema_and_by_the_type() {
    let schema: Value = serde_json::from_str(&audit_record_schema()).unwrap();
    for (name, text) in vectors("invalid") {
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(schema::check(&schema, &value).is_err(), "{name} passes the schema");
        assert!(serde_json::from_str::<AuditRecord>(&text).is_err(), "{name} parses");
    }
}

#[test]
fn the_valid_vectors_show_every_kind_of_event() {
    let mut kinds: Vec<_> = vectors("valid")
        .iter()
        .map(|(_, text)| serde_json::from_str::<AuditRecord>(text).unwrap().event.kind())
        .map(|kind| serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned())
        .collect();
    kinds.sort();
    kinds.dedup();
    let all = ["declined", "entry", "erased", "intent", "outcome", "proposed", "twin"];
    assert_eq!(kinds, all);
}

#[test]
fn the_plan_digest_of_an_intent_is_the_sha_256_of_its_plan_as_it_stands_there() {
    for (name, text) in vectors("valid") {
        if let Event::Intent(intent) = serde_json::from_str::<AuditRecord>(&text).unwrap().event {
            assert_eq!(intent.plan.digest(), intent.plan_digest, "{name}");
        }
    }
}

#[test]
fn a_leaf_names_nobody_and_reads_back_from_its_one_line() {
    let line = concat!(
        r#"{"leaf":"subtwin.audit-leaf/1","event":"intent","#,
        r#""request":"0197c0de-0000-7000-8000-000000000001","at":"2026-07-01T10:00:05.25Z","#,
        r#""commitment":"0000000000000000000000000000000000000000000000000000000000000000"}"#
    );
    let leaf: Leaf = serde_json::from_str(line).unwrap();
    assert_eq!(serde_json::to_string(&leaf).unwrap(), line);
    let schema: Value = serde_json::from_str(&leaf_schema()).unwrap();
    schema::check(&schema, &serde_json::from_str(line).unwrap()).unwrap();
}
