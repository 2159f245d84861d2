//! What the documentation says is tried out: its commands run against a sandbox, its transcript is
//! the demo's, and its tables name what the code names.
//!
//! A block with the info string `sh run` is run; all such blocks of a page are one script. They run
//! in a directory in which `subtwin sandbox --ca-dir ca --write-config twin.toml --write-onboarding
//! onboard.toml` was started, with
//! `$SANDBOX` (its host and port), `$EVIDENCE` (evidence of a played demo), `$DOCS` (the folder
//! `docs`), and `subtwin` on the path. A block with the info string `text demo` must be part of what
//! `subtwin demo --script` prints, apart from receipts, ids, digests and times; a line `…` in it
//! stands for any number of lines.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use cargo_metadata::MetadataCommand;

const PAGES: [&str; 9] = [
    "README.md",
    "docs/admin/README.md",
    "docs/admin/policy.md",
    "docs/operator/README.md",
    "docs/operator/runbooks.md",
    "docs/developer/README.md",
    "docs/developer/agent.md",
    "docs/auditor/README.md",
    "docs/auditor/traces.md",
];

pub(crate) fn run() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().other_options(vec!["--locked".to_owned()]).exec()?;
    let root = metadata.workspace_root.as_std_path();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--package", "subtwin", "--target-dir"])
        .arg(&metadata.target_directory)
        .current_dir(root)
        .status()?;
    ensure!(built.success(), "the program does not build");
    let bin = metadata.target_directory.join("debug").into_std_path_buf();
    let place = tempfile::tempdir()?;

    links(root)?;
    tables(root)?;
    catalog(root, &bin)?;
    let tour = Tour::start(root, &bin, place.path())?;
    tour.demo()?;
    tour.example_config()?;
    let mut commands = 0;
    for page in PAGES {
        commands += tour.page(page)?;
    }
    println!("docs: {} pages, {commands} blocks of commands, all as they say", PAGES.len());
    Ok(())
}

/// A sandbox, and a directory in which the documentation's commands run.
struct Tour<'a> {
    root: &'a Path,
    bin: &'a Path,
    place: &'a Path,
    address: String,
    sandbox: Child,
}

impl Drop for Tour<'_> {
    fn drop(&mut self) {
        let _ = self.sandbox.kill();
        let _ = self.sandbox.wait();
    }
}

impl<'a> Tour<'a> {
    fn start(root: &'a Path, bin: &'a Path, place: &'a Path) -> anyhow::Result<Self> {
        let mut sandbox = Command::new(bin.join("subtwin"))
            .args(["sandbox", "--ca-dir", "ca", "--write-config", "twin.toml", "--json"])
            .args(["--write-onboarding", "onboard.toml"])
            .current_dir(place)
            .stdout(Stdio::piped())
            .spawn()?;
        let out = sandbox.stdout.take().context("its output is piped")?;
        let mut tour = Self { root, bin, place, address: String::new(), sandbox };
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let facts: serde_json::Value =
            serde_json::from_str(&line).context("the sandbox does not start")?;
        let proxy = facts.get("proxy").and_then(serde_json::Value::as_str);
        let proxy = proxy.context("the sandbox does not say where it is")?;
        tour.address = proxy.trim_start_matches("http://").to_owned();
        Ok(tour)
    }

    /// Plays the demo; the README shows a part of it.
    fn demo(&self) -> anyhow::Result<()> {
        let played = self.shell("subtwin demo --script --keep demo", "demo")?;
        ensure!(played.succeeded, "the demo fails:\n{}", played.all());
        let text = fs::read_to_string(self.root.join("README.md"))?;
        let shown = blocks(&text, "text demo");
        ensure!(!shown.is_empty(), "README.md shows nothing of the demo");
        // Said only where a change takes a while.
        let printed = plain(&played.out).replace("       sam  On it.\n", "");
        for block in shown {
            let mut rest = printed.as_str();
            for part in plain(&block).split("…\n") {
                let at = rest.find(part).with_context(|| {
                    format!("README.md shows what the demo does not print:\n{part}\n---\n{rest}")
                })?;
                rest = rest.get(at + part.len()..).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// The example configuration is one that the program takes: all it lacks is the sign-in.
    fn example_config(&self) -> anyhow::Result<()> {
        let tried = self.shell(
            "mkdir -p example/config && cp $DOCS/operator/twin.toml example/config && \
             subtwin keys new example/twin.key && subtwin run --config example/config/twin.toml",
            "example",
        )?;
        let refused = tried.all().contains("has not signed in yet");
        ensure!(refused, "docs/operator/twin.toml is not right:\n{}", tried.all());
        let page = fs::read_to_string(self.root.join("docs/operator/README.md"))?;
        for config in [self.root.join("docs/operator/twin.toml"), self.place.join("twin.toml")] {
            for name in settings(&fs::read_to_string(config)?) {
                let cell = format!("| `{name}` |");
                ensure!(page.contains(&cell), "docs/operator/README.md does not explain `{name}`");
            }
        }
        Ok(())
    }

    /// Runs a page's commands and says how many blocks they were.
    fn page(&self, page: &str) -> anyhow::Result<usize> {
        let text = fs::read_to_string(self.root.join(page))?;
        let blocks = blocks(&text, "sh run");
        if blocks.is_empty() {
            return Ok(0);
        }
        let ran = self.shell(&blocks.concat(), &page.replace('/', "-"))?;
        ensure!(ran.succeeded, "{page}: a command fails; the last one below\n{}", ran.all());
        Ok(blocks.len())
    }

    /// Runs a script, which ends at its first failing command, within three minutes.
    fn shell(&self, script: &str, name: &str) -> anyhow::Result<Ran> {
        let file = |kind: &str| self.place.join(format!("{name}.{kind}"));
        let setup = format!(
            "trap 'kill $(jobs -p) 2>&- || :' EXIT\nPATH={}:$PATH\nset -eux -o pipefail\n",
            self.bin.display()
        );
        fs::write(file("sh"), setup + script)?;
        let mut child = Command::new("bash")
            .arg(file("sh"))
            .current_dir(self.place)
            .env("SANDBOX", &self.address)
            .env("EVIDENCE", self.place.join("demo/twin/evidence"))
            .env("DOCS", self.root.join("docs"))
            .env("NO_PROXY", "localhost,127.0.0.1")
            .env("no_proxy", "localhost,127.0.0.1")
            .stdin(Stdio::null())
            .stdout(File::create(file("out"))?)
            .stderr(File::create(file("err"))?)
            .spawn()?;
        for _ in 0..1800 {
            if let Some(status) = child.try_wait()? {
                let read = |kind| fs::read_to_string(file(kind));
                return Ok(Ran {
                    succeeded: status.success(),
                    out: read("out")?,
                    err: read("err")?,
                });
            }
            sleep(Duration::from_millis(100));
        }
        child.kill()?;
        bail!("{name}: not done after three minutes:\n{}", fs::read_to_string(file("err"))?)
    }
}

/// How a script ended.
struct Ran {
    succeeded: bool,
    out: String,
    err: String,
}

impl Ran {
    fn all(&self) -> String {
        format!("{}\n{}", self.out, self.err)
    }
}

/// The fenced blocks of a page that have this info string.
fn blocks(text: &str, info: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(is) = line.strip_prefix("```").filter(|is| !is.is_empty()) else { continue };
        let body = lines.by_ref().take_while(|line| *line != "```");
        let body: String = body.map(|line| format!("{line}\n")).collect();
        if is == info {
            found.push(body);
        }
    }
    found
}

/// A transcript without what differs from run to run.
fn plain(text: &str) -> String {
    let in_word = |c: char| c.is_ascii_alphanumeric() || "-:._".contains(c);
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(in_word) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !in_word(c)).unwrap_or(from.len()));
        out.push_str(before);
        out.push_str(if varies(word) { "*" } else { word });
        rest = after;
    }
    out + rest
}

/// Receipts, ids, times, digests.
fn varies(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    word.starts_with("R-0")
        || digits >= 6 && word.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ".contains(&byte))
        || word.matches('-').count() >= 4 && digits > 4
        || word.len() == 12 && hex
}

/// Names of a configuration's settings, with the names of their tables.
fn settings(toml: &str) -> Vec<String> {
    let mut table = String::new();
    let mut names = Vec::new();
    for line in toml.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{name}.");
        } else if let Some((name, _)) = line.split_once(" = ") {
            names.push(format!("{table}{name}"));
        }
    }
    names
}

/// What the code lists is in the page that is about it.
fn tables(root: &Path) -> anyhow::Result<()> {
    let read = |path: &str| {
        fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
    };
    let (developer, admin) = ("docs/developer/README.md", "docs/admin/README.md");
    let calls = read("sandbox/src/control.rs")?;
    let calls = calls.lines().filter_map(|line| line.strip_prefix("//! "));
    let calls = calls.filter(|line| line.starts_with("| `")).map(str::to_owned);
    let faults = read("sandbox/src/faults.rs")?;
    let faults = faults.lines().filter_map(|line| line.trim().strip_prefix("pub(crate) "));
    let faults = faults
        .filter_map(|line| line.split_once(": "))
        .map(|(name, _)| format!("| `{}` |", camel(name)));
    let chat = read("idm/entra/src/onboard/wish.rs")?;
    let chat = chat.split("const CHAT: [&str; 5]").nth(1).and_then(|rest| rest.split(';').next());
    let chat = chat.context("idm/entra/src/onboard/wish.rs names no chat scopes")?.split('"');
    let chat = chat.skip(1).step_by(2).map(|scope| format!("| `{scope}` |"));
    let wanted: [(&str, Vec<String>); 3] =
        [(developer, calls.collect()), (developer, faults.collect()), (admin, chat.collect())];
    for (page, wanted) in wanted {
        let text = read(page)?;
        ensure!(!wanted.is_empty(), "nothing was found that {page} must name");
        for name in wanted {
            ensure!(text.contains(&name), "{page} does not name {name}");
        }
    }
    Ok(())
}

/// The administrator's page names what each tool needs, as the program itself says it.
fn catalog(root: &Path, bin: &Path) -> anyhow::Result<()> {
    let page = fs::read_to_string(root.join("docs/admin/README.md"))?;
    let printed = Command::new(bin.join("subtwin")).args(["catalog", "--json"]).output()?;
    let catalog: serde_json::Value = serde_json::from_slice(&printed.stdout)?;
    let all = catalog.get("capabilities").and_then(serde_json::Value::as_array);
    for capability in all.context("the catalog is empty")? {
        let texts = |name: &str| -> Vec<&str> {
            let list = capability.get(name).and_then(serde_json::Value::as_array);
            list.into_iter().flatten().filter_map(serde_json::Value::as_str).collect()
        };
        let name = capability.get("name").and_then(serde_json::Value::as_str);
        let name = name.context("a capability has no name")?;
        let cell = format!("`{name}`");
        let needed = [texts("permissions"), texts("reads")].concat();
        let told = page.lines().filter(|line| line.starts_with('|') && line.contains(&cell));
        let row = told.filter(|line| needed.iter().all(|n| line.contains(&format!("`{n}`"))));
        ensure!(row.count() > 0, "docs/admin/README.md has no row with all of {name}'s {needed:?}");
        for role in texts("roles") {
            ensure!(page.contains(role), "docs/admin/README.md does not name {role}, for {name}");
        }
    }
    Ok(())
}

fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        name + &head.to_ascii_uppercase() + tail
    })
}

/// Links to files of this repository lead somewhere.
fn links(root: &Path) -> anyhow::Result<()> {
    for page in PAGES {
        let path = root.join(page);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {page}"))?;
        let base: PathBuf = path.parent().unwrap_or(root).to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            // Pictures are taken of a release, not of a commit.
            let picture = file.starts_with("docs/screenshots/");
            let outside = link.contains("://") || file.is_empty() || picture;
            ensure!(outside || base.join(file).exists(), "{page} links to `{link}`: not there");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_does_what_it_says() {
        run().unwrap();
    }

    #[test]
    fn a_transcript_is_compared_without_what_differs_from_run_to_run() {
        assert_eq!(
            plain(
                "(plan ebd909fff4a9) R-000002-2U46IB, 2026-11-22T06:55:00.05Z 2026-11-22 06:55:00 Microsoft 365 E3\n"
            ),
            "(plan *) *, * * * Microsoft 365 E3\n"
        );
        assert_eq!(plain("937a0052-e8ce-4456-b767-89ece25633cd"), "*");
    }

    #[test]
    fn blocks_are_told_apart_by_their_info_string() {
        let page = "```sh run\na\n```\ntext\n```sh\nb\n```\n```sh run\nc\n```\n";
        assert_eq!(blocks(page, "sh run"), ["a\n", "c\n"]);
        assert_eq!(blocks(page, "sh"), ["b\n"]);
    }
}
