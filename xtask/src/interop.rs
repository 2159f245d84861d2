//! Programs we did not write judge the sandbox and the twin, as they were published.
//!
//! Each judge is a script in `interop/` that prints `PASS name` or `FAIL name: why` per check. It
//! runs with an empty home and an empty environment, and has a tenant of its own. What it needs
//! from package registries is kept under the target directory until its list changes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use cargo_metadata::{Message, MetadataCommand};
use serde_json::Value;

/// All judges, in the order they are heard.
const JUDGES: &[Judge] = &[
    Judge {
        name: "msal",
        runs: Program::Python,
        script: "msal_sign_in.py",
        on: Stage::Sandbox,
        patience: Duration::from_secs(120),
    },
    Judge {
        name: "msal-agent",
        runs: Program::Python,
        script: "msal_agent.py",
        on: Stage::Sandbox,
        patience: Duration::from_secs(120),
    },
    Judge {
        name: "azure-identity",
        runs: Program::Python,
        script: "azure_identity.py",
        on: Stage::Sandbox,
        patience: Duration::from_secs(180),
    },
    Judge {
        name: "msal-node",
        runs: Program::Node,
        script: "msal_node.mjs",
        on: Stage::Sandbox,
        patience: Duration::from_secs(120),
    },
    Judge {
        name: "az",
        runs: Program::AzurePython,
        script: "az.py",
        on: Stage::Sandbox,
        patience: Duration::from_secs(480),
    },
    Judge {
        name: "m365",
        runs: Program::Node,
        script: "m365.mjs",
        on: Stage::Sandbox,
        patience: Duration::from_secs(480),
    },
    Judge {
        name: "m365-apps",
        runs: Program::Node,
        script: "m365_apps.mjs",
        on: Stage::Sandbox,
        patience: Duration::from_secs(480),
    },
    Judge {
        name: "browser",
        runs: Program::Node,
        script: "browser.mjs",
        on: Stage::Page,
        patience: Duration::from_secs(480),
    },
    Judge {
        name: "agents-sdk",
        runs: Program::Node,
        script: "agents_sdk.mjs",
        on: Stage::Sandbox,
        patience: Duration::from_secs(120),
    },
    Judge {
        name: "playground",
        runs: Program::Node,
        script: "playground.mjs",
        on: Stage::Alone,
        patience: Duration::from_secs(180),
    },
    Judge {
        name: "agentack",
        runs: Program::Python,
        script: "agentack_traces.py",
        on: Stage::Alone,
        patience: Duration::from_secs(240),
    },
    Judge {
        name: "keyring",
        runs: Program::Python,
        script: "keyring.py",
        on: Stage::Alone,
        patience: Duration::from_secs(120),
    },
    Judge {
        name: "agentbarrier",
        runs: Program::Python,
        script: "agentbarrier_suite.py",
        on: Stage::Alone,
        patience: Duration::from_secs(480),
    },
    Judge {
        name: "agentdojo",
        runs: Program::Python,
        script: "agentdojo_texts.py",
        on: Stage::Alone,
        patience: Duration::from_secs(600),
    },
];

struct Judge {
    name: &'static str,
    runs: Program,
    script: &'static str,
    on: Stage,
    patience: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Python,
    /// Python in the Azure command line's environment: its packages want other versions.
    AzurePython,
    Node,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A sandbox that answers for Microsoft's hosts through a proxy.
    Sandbox,
    /// The judge starts the program itself. Arguments: the program, and a directory for what it
    /// leaves.
    Alone,
    /// The same, and it looks at the program's page with a browser.
    Page,
}

/// Runs the judges, or the one called `only`.
pub(crate) fn run(only: Option<&str>) -> anyhow::Result<()> {
    let judges: Vec<_> =
        JUDGES.iter().filter(|judge| only.is_none_or(|only| judge.name == only)).collect();
    ensure!(!judges.is_empty(), "no judge is called `{}`", only.unwrap_or_default());
    let metadata = MetadataCommand::new().other_options(vec!["--locked".to_owned()]).exec()?;
    let program = build()?;
    let kit = metadata.target_directory.join("interop").into_std_path_buf();
    copy(metadata.workspace_root.join("interop").as_std_path(), &kit)?;
    let runs = |program| judges.iter().any(|judge| judge.runs == program);
    if runs(Program::Python) {
        python_packages(&kit, "venv", "requirements.txt")?;
    }
    if runs(Program::AzurePython) {
        python_packages(&kit, "az", "requirements-az.txt")?;
    }
    if runs(Program::Node) {
        node_packages(&kit)?;
    }
    if judges.iter().any(|judge| judge.on == Stage::Page) {
        chromium()?;
    }
    if judges.iter().any(|judge| judge.name == "keyring") {
        keyring()?;
    }
    let mut passed = 0;
    let mut failed = Vec::new();
    for judge in judges {
        match hear(judge, &kit, &program).with_context(|| format!("judge {}", judge.name))? {
            Verdict::Passed(checks) => passed += checks,
            Verdict::Failed => failed.push(judge.name),
        }
    }
    ensure!(failed.is_empty(), "not satisfied: {}", failed.join(", "));
    println!("interop: {passed} checks passed");
    Ok(())
}

/// Builds the program and returns where it is.
fn build() -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new("cargo")
        .args(["build", "--quiet", "--locked", "--package", "subtwin"])
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(cargo.stdout.take().context("cargo has no output")?);
    let mut program = None;
    for message in Message::parse_stream(output) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == "subtwin"
        {
            program = artifact.executable.or(program);
        }
    }
    ensure!(cargo.wait()?.success(), "subtwin does not build");
    Ok(program.context("cargo built no subtwin")?.into_std_path_buf())
}

/// Scripts run beside their packages, because that is where Node looks for them.
fn copy(from: &Path, kit: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(kit)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), kit.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn python_packages(kit: &Path, venv: &str, list: &str) -> anyhow::Result<()> {
    once(kit, venv, &[list], || {
        quietly(Command::new("python3").args(["-m", "venv", venv]).current_dir(kit))?;
        // Not compiled: a judge imports little of what large packages bring along.
        let install = ["install", "-qq", "--no-deps", "--no-compile", "--no-input"];
        let mut pip = Command::new(kit.join(venv).join("bin/pip"));
        pip.args(install).arg("--disable-pip-version-check");
        quietly(pip.args(["-r", list]).current_dir(kit))
    })
}

fn node_packages(kit: &Path) -> anyhow::Result<()> {
    once(kit, "node_modules", &["package.json", "package-lock.json", ".npmrc"], || {
        let install = ["ci", "--ignore-scripts", "--loglevel=error"];
        quietly(Command::new("npm").args(install).current_dir(kit))
    })
}

/// Makes a directory of packages, unless it was made from the very same lists.
fn once(
    kit: &Path,
    made: &str,
    from: &[&str],
    make: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut lists = String::new();
    for list in from {
        lists += &fs::read_to_string(kit.join(list)).with_context(|| (*list).to_owned())?;
    }
    let stamp = kit.join(format!("{made}.from"));
    if fs::read_to_string(&stamp).is_ok_and(|before| before == lists) {
        return Ok(());
    }
    gone(&kit.join(made))?;
    make()?;
    Ok(fs::write(stamp, lists)?)
}

/// The browser, from the system's packages where that is possible.
fn chromium() -> anyhow::Result<()> {
    if inherited("CHROMIUM").is_some() || Path::new(CHROMIUM).exists() {
        return Ok(());
    }
    let or = format!("there is no {CHROMIUM}: install Chromium, or say where it is in CHROMIUM");
    system_packages(&["chromium"], &or)
}

/// A keyring daemon, a bus to reach it, and its own client.
fn keyring() -> anyhow::Result<()> {
    let programs = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon", "secret-tool"];
    let there = |name: &&str| Path::new("/usr/bin").join(name).exists();
    if programs.iter().all(there) {
        return Ok(());
    }
    let or = "install dbus, GNOME Keyring and libsecret's secret-tool";
    system_packages(&["dbus", "dbus-bin", "gnome-keyring", "libsecret-tools"], or)
}

fn system_packages(packages: &[&str], or: &str) -> anyhow::Result<()> {
    let root = Command::new("id").arg("-u").output()?.stdout.trim_ascii() == b"0";
    ensure!(root, "{or}");
    quietly(Command::new("apt-get").args(["update", "-qq"]))?;
    quietly(
        Command::new("apt-get")
            .args(["install", "-qq", "--yes", "--no-install-recommends"])
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// Runs to the end; what it printed matters only if it failed, and addresses of registries never.
fn quietly(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {name}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let address = |word: &&str| !word.contains("://") && !word.contains("host=");
    let said: Vec<_> = said.split_whitespace().filter(address).collect();
    bail!("{name} failed ({}): {}", output.status, said.join(" "))
}

enum Verdict {
    Passed(usize),
    Failed,
}

/// Runs one judge and prints a line per check.
fn hear(judge: &Judge, kit: &Path, program: &Path) -> anyhow::Result<Verdict> {
    let room = kit.join("run").join(judge.name);
    gone(&room)?;
    let home = room.join("home");
    fs::create_dir_all(&home)?;
    let mut command = match judge.runs {
        Program::Python => Command::new(kit.join("venv/bin/python")),
        Program::AzurePython => Command::new(kit.join("az/bin/python")),
        Program::Node => Command::new("node"),
    };
    command.arg(judge.script).current_dir(kit).env_clear().env("HOME", home);
    command.envs(KEPT.iter().filter_map(|name| Some((name, inherited(name)?))));
    let _sandbox = match judge.on {
        Stage::Alone | Stage::Page => {
            command.arg(program).arg(&room);
            None
        }
        Stage::Sandbox => {
            let sandbox = Sandbox::start(program, &room)?;
            command.envs(["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"].map(
                // Each client reads its own.
                |name| (name, &sandbox.ca),
            ));
            command.env("HTTPS_PROXY", &sandbox.proxy).env("SANDBOX_CONTROL", &sandbox.control);
            Some(sandbox)
        }
    };
    let errors = room.join("errors");
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&errors)?)
        // Its own group, so that what it started can be ended with it.
        .process_group(0)
        .spawn()?;
    let (mut passed, mut failed, mut rest) = (0, 0, String::new());
    let ended = follow(child, judge.patience, |line| match line.split_once(' ') {
        Some((verdict @ ("PASS" | "FAIL"), check)) => {
            println!("{verdict} {}: {check}", judge.name);
            *(if verdict == "PASS" { &mut passed } else { &mut failed }) += 1;
        }
        _ => rest = format!("{rest}{line}\n"),
    })?;
    let trouble = match ended {
        None => format!("not done after {} seconds", judge.patience.as_secs()),
        Some(status) if !status.success() && failed == 0 => format!("ended with {status}"),
        Some(_) if passed == 0 && failed == 0 => "checked nothing".to_owned(),
        Some(_) if failed == 0 => return Ok(Verdict::Passed(passed)),
        Some(_) => format!("checks failed: {failed}"),
    };
    println!("FAIL {}: {trouble}; more in {}", judge.name, room.display());
    print!("{rest}{}", fs::read_to_string(errors)?);
    Ok(Verdict::Failed)
}

/// Hands on what a process prints until it ends; `None` if it took too long and was killed.
fn follow(
    mut child: Child,
    patience: Duration,
    mut hear: impl FnMut(&str),
) -> anyhow::Result<Option<ExitStatus>> {
    let end = deadline(patience);
    let lines = lines(child.stdout.take().context("no output")?);
    while !left(end).is_zero() {
        match lines.recv_timeout(TICK) {
            Ok(line) => hear(&line),
            Err(quiet) => {
                if let Some(status) = child.try_wait()? {
                    return Ok(Some(status));
                }
                if quiet == RecvTimeoutError::Disconnected {
                    thread::sleep(TICK);
                }
            }
        }
    }
    let group = format!("-{}", child.id());
    Command::new("kill").args(["-KILL", "--", &group]).status()?;
    child.wait()?;
    Ok(None)
}

/// A sandbox tenant in a process of its own, which ends with this value.
struct Sandbox {
    process: Child,
    proxy: String,
    control: String,
    ca: PathBuf,
}

impl Sandbox {
    fn start(program: &Path, room: &Path) -> anyhow::Result<Self> {
        let process = Command::new(program)
            .args(["sandbox", "--json", "--audit-delay", "1", "--ca-dir"])
            .arg(room)
            .arg("--capture")
            .arg(room.join("exchanges.jsonl"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(room.join("sandbox.log"))?)
            .spawn()?;
        let (proxy, control) = (String::new(), String::new());
        let mut sandbox = Self { process, proxy, control, ca: room.join("ca.pem") };
        let output = sandbox.process.stdout.take().context("no output")?;
        let first = lines(output).recv_timeout(START).context("the sandbox did not start")?;
        let facts: Value = serde_json::from_str(&first)?;
        let fact = |name: &str| facts.get(name).and_then(Value::as_str).map(str::to_owned);
        sandbox.proxy = fact("proxy").context("no `proxy` in what the sandbox says")?;
        sandbox.control = fact("control").context("no `control` in what the sandbox says")?;
        Ok(sandbox)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It keeps nothing; an error means that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines of an output, until it closes or nobody listens.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (send, receive) = sync_channel(64);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

fn gone(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[expect(clippy::disallowed_methods, reason = "judges get these and no other variables")]
fn inherited(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

#[expect(clippy::disallowed_methods, reason = "other processes take real time")]
fn deadline(patience: Duration) -> Instant {
    Instant::now() + patience
}

#[expect(clippy::disallowed_methods, reason = "other processes take real time")]
fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

const CHROMIUM: &str = "/usr/bin/chromium";
/// What a judge needs from our environment.
const KEPT: [&str; 2] = ["PATH", "CHROMIUM"];
const START: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(50);
