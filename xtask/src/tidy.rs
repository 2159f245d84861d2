//! What no compiler checks: which crate may know which, and what must be absent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context as _, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Who may depend on whom inside this workspace. An edge that is not here is an error, and so is
/// an edge here that no longer exists.
const EDGES: &[(&str, &[&str])] = &[
    ("subtwin-kernel", &[]),
    ("subtwin-policy", &["subtwin-kernel"]),
    ("subtwin-primitives", &["subtwin-kernel"]),
    ("subtwin-store", &["subtwin-kernel"]),
    ("subtwin-hear", &["subtwin-kernel"]),
    ("subtwin-understand", &["subtwin-kernel", "subtwin-hear"]),
    (
        "subtwin-confirm",
        &["subtwin-kernel", "subtwin-hear", "subtwin-understand", "subtwin-policy"],
    ),
    ("subtwin-record", &["subtwin-kernel", "subtwin-primitives", "subtwin-confirm"]),
    ("subtwin-act", &["subtwin-kernel", "subtwin-record"]),
    (
        "subtwin-entra",
        &[
            "subtwin-kernel",
            "subtwin-policy",
            "subtwin-primitives",
            "subtwin-understand",
            "subtwin-confirm",
            "subtwin-act",
            "subtwin-record",
        ],
    ),
    ("subtwin-edge", &["subtwin-kernel"]),
    ("subtwin-teams", &["subtwin-kernel", "subtwin-hear", "subtwin-edge"]),
    ("subtwin-bot", &["subtwin-kernel", "subtwin-hear", "subtwin-edge"]),
    // INVARIANT: empty. Sharing a type with the clients it judges would blind every test.
    ("subtwin-sandbox", &[]),
    (
        "subtwin",
        &[
            "subtwin-kernel",
            "subtwin-policy",
            "subtwin-primitives",
            "subtwin-store",
            "subtwin-hear",
            "subtwin-understand",
            "subtwin-confirm",
            "subtwin-act",
            "subtwin-record",
            "subtwin-entra",
            "subtwin-teams",
            "subtwin-bot",
            "subtwin-edge",
            "subtwin-sandbox",
        ],
    ),
    // The program itself it runs as a process; what it calls directly are the parts it measures.
    (
        "subtwin-bench",
        &[
            "subtwin-kernel",
            "subtwin-policy",
            "subtwin-primitives",
            "subtwin-store",
            "subtwin-hear",
            "subtwin-understand",
            "subtwin-confirm",
            "subtwin-record",
            "subtwin-teams",
        ],
    ),
    ("xtask", &[]),
];

/// Outside crates that only some of ours may name, and why.
const ONLY_IN: &[(&str, &[&str], &str)] = &[
    ("rusqlite", &["subtwin-store"], "one crate knows SQLite"),
    (
        "reqwest",
        &[
            "subtwin-entra",
            "subtwin-edge",
            "subtwin-bot",
            "subtwin-teams",
            "subtwin-sandbox",
            "subtwin",
            "subtwin-bench",
        ],
        "HTTP leaves from adapters; the sandbox delivers notifications; the binary plays people",
    ),
    ("dbus", &["subtwin-store"], "one crate asks the keyring"),
    ("dbus-secret-service", &["subtwin-store"], "one crate asks the keyring"),
    ("tlog_tiles", &["subtwin-record"], "one crate writes evidence"),
    ("signed_note", &["subtwin-record"], "one crate signs evidence"),
    ("cedar-policy", &["subtwin-policy"], "one crate knows how policies are written"),
    ("miette", &["subtwin-policy"], "only Cedar's errors are read through it"),
    ("stacker", &["subtwin-policy"], "only Cedar needs more stack than a thread has"),
    ("openssl", &[], "one crypto provider"),
    ("native-tls", &[], "one crypto provider"),
    ("rsa", &[], "RUSTSEC-2023-0071"),
];

/// Crates whose whole dependency tree must not contain these: who talks to a language model has no
/// path to a token, to the store or to the network.
const NO_PATH: &[(&str, &[&str])] =
    &[("subtwin-understand", &["subtwin-store", "subtwin-entra", "reqwest", "rusqlite", "hyper"])];

/// How to run every test.
const TESTS: &str = "cargo test --workspace --locked";

/// A file longer than this usually holds two ideas.
const LONGEST_FILE: usize = 600;

pub(crate) fn run() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().other_options(vec!["--locked".to_owned()]).exec()?;
    let mut faults = Vec::new();
    edges(&metadata, &mut faults);
    only_in(&metadata, &mut faults);
    no_path(&metadata, &mut faults);
    members(&metadata, &mut faults)?;
    sources(&metadata, &mut faults)?;
    one_test_command(&metadata, &mut faults)?;
    if faults.is_empty() {
        println!("tidy: {} crates, all as the table says", metadata.workspace_members.len());
        return Ok(());
    }
    bail!("tidy found:\n  {}", faults.join("\n  "));
}

fn ours(metadata: &Metadata) -> BTreeMap<&str, &Package> {
    metadata.workspace_packages().into_iter().map(|p| (p.name.as_str(), p)).collect()
}

/// Names of a package's dependencies; tests may depend on more.
fn named(package: &Package) -> BTreeSet<&str> {
    let shipped = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
    shipped.map(|d| d.name.as_str()).collect()
}

fn edges(metadata: &Metadata, faults: &mut Vec<String>) {
    let packages = ours(metadata);
    let table: BTreeMap<_, BTreeSet<_>> =
        EDGES.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    for (name, package) in &packages {
        let Some(allowed) = table.get(name) else {
            faults.push(format!("crate {name} is not in the edge table"));
            continue;
        };
        let is: BTreeSet<_> =
            named(package).into_iter().filter(|to| packages.contains_key(to)).collect();
        for to in is.difference(allowed) {
            faults.push(format!("{name} may not depend on {to}"));
        }
        for to in allowed.difference(&is) {
            faults.push(format!("the table lets {name} depend on {to}, but it does not"));
        }
    }
    for name in table.keys().filter(|name| !packages.contains_key(*name)) {
        faults.push(format!("the edge table names {name}, which does not exist"));
    }
}

fn only_in(metadata: &Metadata, faults: &mut Vec<String>) {
    for (name, package) in ours(metadata) {
        for (outside, allowed, why) in ONLY_IN {
            if named(package).contains(outside) && !allowed.contains(&name) {
                faults.push(format!("{name} may not name {outside}: {why}"));
            }
        }
    }
}

fn no_path(metadata: &Metadata, faults: &mut Vec<String>) {
    let Some(resolve) = &metadata.resolve else {
        faults.push("cargo gave no resolved graph".to_owned());
        return;
    };
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let names: BTreeMap<_, _> =
        metadata.packages.iter().map(|p| (&p.id, p.name.as_str())).collect();
    for (from, forbidden) in NO_PATH {
        let Some(start) = ours(metadata).get(from).map(|p| &p.id) else {
            faults.push(format!("{from} does not exist"));
            continue;
        };
        let mut seen = BTreeSet::new();
        let mut next = vec![start];
        while let Some(id) = next.pop() {
            if !seen.insert(id) {
                continue;
            }
            if let Some(name) = names.get(id).filter(|name| forbidden.contains(name)) {
                faults.push(format!("{from} has a path to {name}"));
            }
            let Some(node) = nodes.get(id) else { continue };
            let shipped = node.deps.iter().filter(|dep| {
                dep.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development)
            });
            next.extend(shipped.map(|dep| &dep.pkg));
        }
    }
}

/// Every member takes the workspace's lints; every outside dependency says what it is for.
fn members(metadata: &Metadata, faults: &mut Vec<String>) -> anyhow::Result<()> {
    for (name, package) in ours(metadata) {
        let manifest = fs::read_to_string(&package.manifest_path)?;
        if !manifest.contains("[lints]\nworkspace = true") {
            faults.push(format!("{name} does not take the workspace's lints"));
        }
    }
    let root = fs::read_to_string(metadata.workspace_root.join("Cargo.toml"))?;
    let dependencies = root
        .split("[workspace.dependencies]")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next())
        .context("the root manifest has no [workspace.dependencies]")?;
    for line in dependencies.lines().filter(|l| l.contains('=') && !l.contains("path = ")) {
        if !line.starts_with('#') && !line.contains(" # ") {
            faults.push(format!("no reason given for the dependency `{line}`"));
        }
    }
    Ok(())
}

/// What every tracked file must keep.
fn sources(metadata: &Metadata, faults: &mut Vec<String>) -> anyhow::Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&metadata.workspace_root)
        .output()
        .context("git ls-files")?;
    let files = String::from_utf8(listed.stdout)?;
    for file in files.split('\0').filter(|f| !f.is_empty()) {
        let Ok(text) = fs::read_to_string(metadata.workspace_root.join(file)) else { continue };
        if text.contains(&["/ro", "ot/"].concat()) || text.contains(&["/wo", "rk/"].concat()) {
            faults.push(format!("{file} names a path of one machine"));
        }
        if text.contains(&["\"resolved\": \"", "http"].concat()) {
            faults.push(format!("{file} names a registry's address"));
        }
        if !file.ends_with(".rs") {
            continue;
        }
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            faults.push(format!("{file} has {lines} lines; more than {LONGEST_FILE}"));
        }
        if text.contains(&["#[all", "ow("].concat()) || text.contains(&["#![all", "ow("].concat()) {
            faults.push(format!("{file} allows a lint; expect it, with a reason"));
        }
    }
    Ok(())
}

/// What newcomers are told to run is what runs for every change.
fn one_test_command(metadata: &Metadata, faults: &mut Vec<String>) -> anyhow::Result<()> {
    for (file, line) in [("README.md", TESTS.to_owned()), (".ci/run", format!("step {TESTS}"))] {
        let text = fs::read_to_string(metadata.workspace_root.join(file)).context(file)?;
        if !text.lines().any(|is| is == line) {
            faults.push(format!("{file} has no line `{line}`"));
        }
    }
    Ok(())
}
