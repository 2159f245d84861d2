//! A sandbox tenant and a twin, each a process of its own.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::control::Control;

pub(crate) const DOUG: &str = "doug@contoso.com";
pub(crate) const DANA: &str = "dana@contoso.com";
pub(crate) const SARAH: &str = "sarah.lin@contoso.com";
pub(crate) const SAM: &str = "sam@contoso.com";

/// How a twin is set up; the sandbox's own configuration with these changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// Who may ask; Doug alone when empty.
    pub(crate) helpdesk: Vec<String>,
    /// When the tenant's log is read; the usual when empty.
    pub(crate) look_after_seconds: Vec<u64>,
}

/// A tenant with a twin at work in it. All processes end with it.
pub(crate) struct Stage {
    pub(crate) dir: TempDir,
    pub(crate) control: Control,
    pub(crate) tenant: Value,
    sandbox: Child,
    twin: Option<Child>,
    starts: u32,
}

/// A message as its readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) chat: String,
    pub(crate) by_twin: bool,
    pub(crate) text: String,
    pub(crate) edited: bool,
}

/// What somebody wrote.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) chat: String,
    pub(crate) id: u64,
}

impl Stage {
    /// A tenant, a twin that has signed in, at work.
    pub(crate) async fn new() -> Self {
        Self::with(&Setup::default()).await
    }

    pub(crate) async fn with(setup: &Setup) -> Self {
        let mut stage = Self::signed_in(setup).await;
        stage.start().await;
        stage
    }

    /// A tenant and a twin that has signed in and was never started.
    pub(crate) async fn signed_in(setup: &Setup) -> Self {
        let stage = Self::set(setup).await;
        stage.sign_in().await;
        stage
    }

    /// A tenant and a twin that has a key and a configuration, and has not signed in.
    pub(crate) async fn set(setup: &Setup) -> Self {
        let dir = TempDir::new().unwrap();
        let facts = dir.path().join("sandbox.out");
        let sandbox = program()
            .args(["sandbox", "--json", "--audit-delay", "0.3", "--ca-dir"])
            .arg(dir.path().join("ca"))
            .arg("--write-config")
            .arg(dir.path().join("made.toml"))
            .stdout(File::create(&facts).unwrap())
            .stderr(File::create(dir.path().join("sandbox.err")).unwrap())
            .spawn()
            .unwrap();
        let mut sandbox = Guard(Some(sandbox));
        let said = eventually("the sandbox starts", async || {
            assert!(sandbox.0.as_mut().unwrap().try_wait().unwrap().is_none(), "it ended");
            fs::read_to_string(&facts)
                .ok()
                .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        });
        let said = said.await;
        let control = Control::at(said["proxy"].as_str().unwrap());
        let tenant = control.get("tenant").await;
        configure(dir.path(), setup);
        succeed(program().args(["keys", "new"]).arg(dir.path().join("twin.key")));
        let sandbox = sandbox.0.take().unwrap();
        Self { dir, control, tenant, sandbox, twin: None, starts: 0 }
    }

    /// Signs the twin in as its own person would, twice: once for each registration.
    async fn sign_in(&self) {
        let log = self.dir.path().join("sign-in.err");
        let child = program()
            .args(["sign-in", "--no-browser", "--config"])
            .arg(self.config())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut child = Guard(Some(child));
        for number in 1..=2 {
            let url = eventually("an address to sign in at", async || {
                let text = fs::read_to_string(&log).unwrap();
                let mut shown =
                    text.lines().map(str::trim).filter(|line| line.starts_with("https:"));
                shown.nth(number - 1).map(str::to_owned)
            });
            let body = json!({"url": url.await, "as": SAM, "follow": true});
            self.control.post("sign-in", &body).await;
        }
        let ended =
            eventually("signing in ends", async || child.0.as_mut().unwrap().try_wait().unwrap());
        assert!(ended.await.success(), "{}", fs::read_to_string(&log).unwrap());
        child.0.take();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("twin.toml")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("twin-state")
    }

    pub(crate) fn evidence(&self) -> PathBuf {
        self.state().join("evidence")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.path().join(format!("twin-{}.err", self.starts))
    }

    /// Starts the twin and waits until it listens.
    pub(crate) async fn start(&mut self) {
        self.start_with(&mut program()).await;
    }

    /// Starts it with an environment of its own.
    pub(crate) async fn start_with(&mut self, program: &mut Command) {
        assert!(self.twin.is_none(), "it runs already");
        self.starts += 1;
        let log = self.log();
        let twin = program
            .args(["run", "--config"])
            .arg(self.config())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let twin = self.twin.insert(twin);
        eventually("the twin listens", async || {
            let ended = twin.try_wait().unwrap();
            let text = fs::read_to_string(&log).unwrap();
            assert!(ended.is_none(), "the twin ended: {text}");
            text.contains(" listens (").then_some(())
        })
        .await;
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut twin = self.twin.take().unwrap();
        twin.kill().unwrap();
        twin.wait().unwrap();
    }

    /// Tells the twin to stop, as a service manager does.
    pub(crate) fn terminate(&self) {
        succeed(Command::new("kill").args(["-TERM", &self.pid()]));
    }

    /// The twin's process id.
    pub(crate) fn pid(&self) -> String {
        self.twin.as_ref().unwrap().id().to_string()
    }

    /// Waits until the twin that was told to stop has ended, and well.
    pub(crate) async fn ended(&mut self) {
        let mut twin = Guard(self.twin.take());
        let status =
            eventually("the twin stops", async || twin.0.as_mut().unwrap().try_wait().unwrap());
        let status = status.await;
        twin.0.take();
        assert!(status.success(), "{status}: {}", fs::read_to_string(self.log()).unwrap());
    }

    pub(crate) async fn stop(&mut self) {
        self.terminate();
        self.ended().await;
    }

    /// Somebody writes to the twin.
    pub(crate) async fn say(&self, who: &str, text: &str) -> Said {
        self.say_with(&json!({"as": who, "to": SAM, "text": text})).await
    }

    pub(crate) async fn say_with(&self, body: &Value) -> Said {
        let said = self.control.post("say", body).await;
        let id = said["message"].as_str().unwrap().parse().unwrap();
        Said { chat: said["chat"].as_str().unwrap().to_owned(), id }
    }

    /// Turns fault switches.
    pub(crate) async fn faults(&self, switches: &[&str]) {
        self.control.faults(switches).await;
    }

    /// Everything said in somebody's conversations with the twin alone, oldest first.
    pub(crate) async fn messages(&self, who: &str) -> Vec<Message> {
        let twin = self.person(SAM);
        let chats = self.control.get(&format!("chats?as={who}")).await;
        let mut messages = Vec::new();
        for chat in chats.as_array().unwrap() {
            let members = chat["members"].as_array().unwrap();
            if members.len() != 2 || !members.iter().any(|member| member["id"] == twin.as_str()) {
                continue;
            }
            for message in chat["messages"].as_array().unwrap() {
                messages.push(Message {
                    id: message["id"].as_str().unwrap().parse().unwrap(),
                    chat: chat["id"].as_str().unwrap().to_owned(),
                    by_twin: message["from"]["id"] == twin.as_str(),
                    text: plain(message["content"].as_str().unwrap()),
                    edited: message["edited"].as_bool().unwrap_or(!message["edited"].is_null()),
                });
            }
        }
        messages.sort_by_key(|message| message.id);
        messages
    }

    /// What the twin has said to somebody since a message.
    pub(crate) async fn answers(&self, who: &str, after: &Said) -> Vec<Message> {
        let mut messages = self.messages(who).await;
        messages.retain(|message| message.by_twin && message.id > after.id);
        messages
    }

    /// Waits for an answer that says each of `parts`, in any case of letters.
    pub(crate) async fn hears(&self, who: &str, after: &Said, parts: &[&str]) -> Message {
        let mut last = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answers = self.answers(who, after).await;
            if let Some(found) = answers.iter().find(|message| says(message, parts)) {
                return found.clone();
            }
            last = if answers.is_empty() { last } else { answers };
            assert!(Instant::now() < deadline, "{who} never heard {parts:?}, but {last:#?}");
            sleep(PAUSE).await;
        }
    }

    /// Somebody writes to the twin and hears an answer that says each of `parts`.
    pub(crate) async fn ask(&self, who: &str, text: &str, parts: &[&str]) -> (Said, Message) {
        let said = self.say(who, text).await;
        let heard = self.hears(who, &said, parts).await;
        (said, heard)
    }

    /// How often this happened to somebody.
    pub(crate) async fn times(&self, effect: &str, upn: &str) -> u64 {
        let ledger = self.control.get("ledger").await;
        let effects = ledger["effects"].as_array().unwrap().iter();
        effects
            .filter(|one| one["effect"] == effect && one["upn"] == upn)
            .map(|one| one["times"].as_u64().unwrap())
            .sum()
    }

    /// Every change of the directory, as `(effect, upn, times)`.
    pub(crate) async fn changes(&self) -> Vec<(String, String, u64)> {
        let ledger = self.control.get("ledger").await;
        let effects = ledger["effects"].as_array().unwrap().iter();
        effects
            .filter(|one| one["effect"] != "messagePosted")
            .map(|one| {
                let text = |name: &str| one[name].as_str().unwrap().to_owned();
                (text("effect"), text("upn"), one["times"].as_u64().unwrap())
            })
            .collect()
    }

    /// Waits until the directory was changed in this way.
    pub(crate) async fn happened(&self, effect: &str, upn: &str) {
        eventually("a change of the directory", async || {
            (self.times(effect, upn).await > 0).then_some(())
        })
        .await;
    }

    /// Somebody's object id.
    pub(crate) fn person(&self, upn: &str) -> String {
        let people = self.tenant["people"].as_array().unwrap();
        let found = people.iter().find(|person| person["userPrincipalName"] == upn);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// An employee's address by number: ordinary people without administrator roles.
    pub(crate) fn colleague(&self, number: usize) -> String {
        let people = self.tenant["people"].as_array().unwrap().iter().rev();
        let mut ordinary = people.filter(|person| {
            let upn = person["userPrincipalName"].as_str().unwrap();
            person["guest"] == false && person["enabled"] == true && upn.contains('.')
        });
        ordinary.nth(number).unwrap()["userPrincipalName"].as_str().unwrap().to_owned()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(Guard(self.twin.take()));
        let _ = self.sandbox.kill();
        let _ = self.sandbox.wait();
        if std::thread::panicking() {
            let mut told = String::new();
            for start in 1..=self.starts {
                let log = self.dir.path().join(format!("twin-{start}.err"));
                let text = fs::read_to_string(log).unwrap_or_default();
                let _ = writeln!(told, "--- the twin's log, start {start}\n{text}");
            }
            println!("{told}");
        }
    }
}

/// Ends a process that nobody waited for.
pub(crate) struct Guard(pub(crate) Option<Child>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The program itself, with nothing of our own environment that would change it.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subtwin"));
    for ours in ["SUBTWIN_LOG", "DISPLAY", "WAYLAND_DISPLAY"] {
        command.env_remove(ours);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command that must succeed.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ends with {}: {told}", output.status);
    output
}

fn configure(dir: &Path, setup: &Setup) {
    let made = fs::read_to_string(dir.join("made.toml")).unwrap();
    let mut config: toml::Table = made.parse().unwrap();
    if !setup.helpdesk.is_empty() {
        config["people"]["helpdesk"] = setup.helpdesk.clone().into();
    }
    if !setup.look_after_seconds.is_empty() {
        let seconds: Vec<i64> =
            setup.look_after_seconds.iter().map(|one| i64::try_from(*one).unwrap()).collect();
        config["audit"]["look_after_seconds"] = seconds.into();
    }
    fs::write(dir.join("twin.toml"), config.to_string()).unwrap();
}

/// Asks again and again until there is an answer; fails when that takes too long.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        sleep(PAUSE).await;
    }
}

pub(crate) fn says(message: &Message, parts: &[&str]) -> bool {
    let text = message.text.to_lowercase();
    parts.iter().all(|part| text.contains(&part.to_lowercase()))
}

/// The words of stored HTML.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in html.replace("</p>", "\n").replace("<br>", "\n").chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    for (entity, c) in [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, c);
    }
    text.trim().to_owned()
}

/// How long anything may take: a look after a restart alone takes up to 40 seconds.
const PATIENCE: Duration = Duration::from_secs(70);
const PAUSE: Duration = Duration::from_millis(20);
