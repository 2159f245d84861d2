//! `subtwin onboard`: from nothing to a twin that answers, by the program's own commands.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control::Control;
use crate::stage::{eventually, program, succeed};

const ROBIN: &str = "robin@contoso.com";

/// A sandbox tenant, and a directory in which the commands run.
struct Office {
    dir: TempDir,
    control: Control,
    sandbox: Child,
}

impl Office {
    async fn open() -> Self {
        let dir = TempDir::new().unwrap();
        let facts = dir.path().join("sandbox.out");
        let sandbox = program()
            .args(["sandbox", "--json", "--audit-delay", "0.3", "--ca-dir"])
            .arg(dir.path().join("ca"))
            .arg("--write-onboarding")
            .arg(dir.path().join("onboard.toml"))
            .stdout(File::create(&facts).unwrap())
            .stderr(File::create(dir.path().join("sandbox.err")).unwrap())
            .spawn()
            .unwrap();
        let said = eventually("the sandbox starts", async || {
            let text = fs::read_to_string(&facts).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        });
        let said = said.await;
        let control = Control::at(said["proxy"].as_str().unwrap());
        Self { dir, control, sandbox }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Begins a command; what it prints goes into files.
    fn begin(&self, arguments: &[&str]) -> Running {
        let (out, err) = (self.path("command.out"), self.path("command.err"));
        let child = program()
            .args(arguments)
            .current_dir(self.dir.path())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        Running { child, out, err }
    }

    /// Runs a command to its end; these people sign in at the addresses it shows, in this order.
    async fn run(&self, arguments: &[&str], people: &[&str]) -> Running {
        let mut running = self.begin(arguments);
        for (at, who) in people.iter().enumerate() {
            let url = running.address(at).await;
            let body = json!({"url": url, "as": who, "follow": true});
            self.control.post("sign-in", &body).await;
        }
        let status = running.ended().await;
        assert!(status.success(), "{arguments:?}: {}\n{}", running.errors(), running.output());
        running
    }

    async fn robin(&self) -> Option<Value> {
        let tenant = self.control.get("tenant").await;
        let people = tenant["people"].as_array().unwrap();
        people.iter().find(|person| person["userPrincipalName"] == ROBIN).cloned()
    }

    async fn apps(&self) -> usize {
        let tenant = self.control.get("tenant").await;
        let apps = tenant["apps"].as_array().unwrap();
        let robins = apps
            .iter()
            .filter(|app| app["displayName"].as_str().is_some_and(|name| name.contains("Robin")));
        robins.count()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = self.sandbox.kill();
        let _ = self.sandbox.wait();
    }
}

struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// The nth address to sign in at.
    async fn address(&mut self, at: usize) -> String {
        eventually("an address to sign in at", async || {
            let text = self.errors();
            let over = self.child.try_wait().unwrap();
            assert!(over.is_none(), "it ended: {text}");
            let mut shown = text.lines().map(str::trim).filter(|line| line.starts_with("https:"));
            shown.nth(at).map(str::to_owned)
        })
        .await
    }

    async fn ended(&mut self) -> ExitStatus {
        eventually("the command ends", async || self.child.try_wait().unwrap()).await
    }

    /// Kills it (SIGKILL) when it has told this much.
    async fn killed_after(&mut self, lines: usize) -> bool {
        let in_time = eventually("progress", async || {
            let told = self.errors().lines().filter(|line| line.ends_with(": made")).count();
            let over = self.child.try_wait().unwrap().is_some();
            (over || told >= lines).then_some(!over)
        });
        let in_time = in_time.await;
        let _ = self.child.kill();
        let _ = self.child.wait();
        in_time
    }

    fn output(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    fn errors(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn files_say(dir: &Path, secret: &str) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return files_say(&path, secret);
        }
        let bytes = fs::read(&path).unwrap();
        bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
    })
}

#[tokio::test]
async fn three_commands_make_a_twin_that_answers_and_a_fourth_leaves_nothing() {
    let office = Office::open().await;
    let config = ["--config", "onboard.toml"];
    let with = |words: &[&'static str]| -> Vec<&'static str> {
        let mut all = vec!["onboard"];
        all.extend_from_slice(words);
        all.extend_from_slice(&config);
        all
    };

    // The plan needs nobody, and with somebody it says what is there.
    let plan = office.run(&with(&["plan"]), &[]).await.output();
    assert!(plan.contains("robin@contoso.com (Robin (IT twin))"), "{plan}");
    assert!(plan.contains("consent for that account alone (Principal)"), "{plan}");
    assert!(!plan.contains("[to be made]"), "{plan}");
    let plan = office.run(&with(&["plan", "--sign-in", "--json"]), &["dana"]).await.output();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["user"]["change"], "make");
    assert_eq!(plan["obstacles"], json!([]));
    assert_eq!(office.robin().await, None);

    // Dry: nothing. Then killed twice on the way, and gone on from.
    let dry = office.run(&with(&["apply", "--dry-run"]), &["dana"]).await.output();
    assert!(dry.contains("Nothing was changed."), "{dry}");
    assert_eq!(office.robin().await, None);
    let apply = with(&["apply", "--print-secret"]);
    for lines in [1, 5] {
        let mut running = office.begin(&apply);
        let url = running.address(0).await;
        let body = json!({"url": url, "as": "dana", "follow": true});
        office.control.post("sign-in", &body).await;
        let killed = running.killed_after(lines).await;
        assert!(killed, "it was too fast: {}", running.errors());
    }
    let applied = office.run(&apply, &["dana"]).await;
    let told = applied.errors();
    assert!(told.contains("the account: made earlier, as it should be"), "{told}");
    // What was shown by a command that was killed is shown no more; there is a new one for that.
    let anew = with(&["apply", "--print-secret", "--new-credential"]);
    let shown = office.run(&anew, &["dana"]).await.output();
    let pass = shown.lines().find_map(|line| line.trim().strip_prefix("temporary access pass  "));
    let pass = pass.unwrap_or_else(|| panic!("{shown}")).to_owned();
    fs::remove_file(office.path("command.out")).unwrap();
    assert!(!files_say(office.dir.path(), &pass), "it is kept nowhere");
    let robin = office.robin().await.unwrap();
    assert_eq!(office.apps().await, 2);

    // Somebody else's sign-in is refused; Robin's makes the configuration and the summary.
    let mut wrong = office.begin(&with(&["sign-in"]));
    let url = wrong.address(0).await;
    let body = json!({"url": url, "as": "doug"});
    let refused = office.control.try_post("sign-in", &body).await;
    assert!(refused.contains("AADSTS50105"), "{refused}");
    drop(wrong);
    office.run(&with(&["sign-in"]), &["robin", "robin"]).await;
    let summary = fs::read_to_string(office.path("onboarding.md")).unwrap();
    assert!(summary.contains("Applied and consented by dana@contoso.com"), "{summary}");
    assert!(summary.contains(robin["id"].as_str().unwrap()), "{summary}");
    assert!(!summary.contains(&pass), "{summary}");

    // It is a twin.
    let mut twin = office.begin(&["run", "--config", "twin.toml"]);
    eventually("the twin listens", async || {
        assert!(twin.child.try_wait().unwrap().is_none(), "{}", twin.errors());
        twin.errors().contains(" listens (").then_some(())
    })
    .await;
    let said = json!({"as": "doug", "to": ROBIN, "text": "Give Sarah Lin a Microsoft 365 E3"});
    office.control.post("say", &said).await;
    eventually("Robin answers", async || {
        let chats = office.control.get("chats?as=doug").await.to_string();
        chats.contains("Reply yes").then_some(())
    })
    .await;
    succeed(std::process::Command::new("kill").args(["-TERM", &twin.child.id().to_string()]));
    assert!(twin.ended().await.success(), "{}", twin.errors());

    // Out of service: said first, then done, then looked for.
    let dry = office.run(&["offboard", "--config", "onboard.toml", "--dry-run"], &[]).await;
    assert!(dry.output().contains("the account: taken away"), "{}", dry.output());
    assert_eq!(office.apps().await, 2);
    let out = ["offboard", "--config", "onboard.toml", "--json"];
    let gone = office.run(&out, &["dana"]).await;
    let proof: Value = serde_json::from_str(&gone.output()).unwrap();
    assert_eq!(proof["orphans"], 0, "{proof:#}");
    assert_eq!(proof["host"]["refreshTokens"], 0);
    let unexpected = proof["directory"].as_array().unwrap().iter();
    let unexpected = unexpected.filter(|one| one["expected"] == false);
    assert!(unexpected.clone().count() >= 8, "{proof:#}");
    assert!(unexpected.into_iter().all(|one| one["found"] == json!([])), "{proof:#}");
    assert_eq!(office.robin().await, None);
    assert_eq!(office.apps().await, 0);
    // Again, and nothing is wrong with that.
    office.run(&out, &["dana"]).await;
}

#[tokio::test]
async fn an_administrator_without_the_roles_is_told_which_and_nothing_is_made() {
    let office = Office::open().await;
    let mut running =
        office.begin(&["onboard", "apply", "--config", "onboard.toml", "--print-secret"]);
    let url = running.address(0).await;
    let body = json!({"url": url, "as": "paula.stone", "follow": true});
    office.control.post("sign-in", &body).await;
    assert!(!running.ended().await.success());
    let told = running.errors();
    assert!(told.contains("administrator") || told.contains("AADSTS90094"), "{told}");
    assert_eq!(office.robin().await, None);
    assert_eq!(office.apps().await, 0);
}
