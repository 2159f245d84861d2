//! The story of two identities, played with the program's own commands: a person's agent that grows
//! into an account of its own, and a colleague that has one from the start.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use subtwin_kernel::{AppId, ChatId, Clock as _, SystemClock};
use subtwin_sandbox::Settings;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::config::{Agent, Config, KeyPlace, State};
use crate::control::Control;
use crate::{cli, sandbox, say};

pub(super) const NAME: &str = "identity";

/// Plays it to its end.
///
/// # Errors
/// At the first thing that does not go as told.
pub(super) async fn play(options: &cli::Demo, place: &Path) -> anyhow::Result<()> {
    let running = subtwin_sandbox::start(Settings {
        listen: ([127, 0, 0, 1], options.port).into(),
        ca_dir: Some(place.join("sandbox")),
        capture: options.capture.clone(),
        ..Settings::default()
    })
    .await?;
    let control = Control::at(running.address)?;
    let ca = place.join("sandbox/ca.pem");
    let state = State { dir: "ada-state".into(), key: KeyPlace::File("ada.key".into()) };
    let config = sandbox::config_for(&running, &control, &ca, state).await?;
    let config_file = place.join("colleague.toml");
    sandbox::write_onboarding(&running, &control, Some(&place.join("sandbox")), &config_file)
        .await?;
    let stage = Stage { control, place: place.to_owned(), json: options.json };
    let played = async {
        stage.agents_life(config).await?;
        stage.colleagues_life().await
    };
    let played = played.await;
    running.stop().await;
    played
}

#[derive(Debug)]
struct Stage {
    control: Control,
    place: PathBuf,
    json: bool,
}

impl Stage {
    async fn agents_life(&self, config: Config) -> anyhow::Result<()> {
        self.scene("An agent starts at once, with its owner's token, and says so");
        let chat = self.control.say_to(DOUG, SARAH, "Ada listens here from now on.").await?;
        self.configure(config, &chat).await?;
        self.command(&["keys", "new", "ada.key"], &[]).await?;
        let began = SystemClock.now();
        self.command(&["sign-in", "--no-browser", "--config", ADA], &[DOUG]).await?;
        let mut ada = self.start(ADA).await?;
        self.doug_says(&chat, "What can you do?").await?;
        self.until("Ada answers in Doug's name", async || {
            Ok(self.said(&chat, DOUGS_NAME).await?.iter().any(|text| text.starts_with(MARK)))
        })
        .await?;
        let took = SystemClock.now().duration_since(began).as_secs_f64();
        self.tell(&format!("From the sign-in to the first answer: {took:.1} s"));

        self.scene("It gets an account of its own while its owner writes on, 50 messages a second");
        self.doug_says(&chat, "Get your own account, please").await?;
        let url = self.link(&chat).await?;
        self.tell("       ada  (says what is made, what it costs, and where to sign in for it)");
        self.control.sign_in(&url, DANA).await?;
        let asked = self.write_until_moved(&chat).await?;
        self.accounted_for(&chat, asked).await?;

        self.scene("Its certificate is renewed without a gap");
        self.stop(&mut ada).await?;
        self.command(&["keys", "rotate", "--no-browser", "--config", ADA], &[DANA]).await?;
        let mut ada = self.start(ADA).await?;
        self.ada_answers("It still answers").await?;

        self.scene("The tenant takes its account away: nothing is sent as anybody");
        let in_dougs_name = self.said(&chat, DOUGS_NAME).await?.len();
        self.control.enable(ADAS, false).await?;
        self.until("Ada notices", async || {
            let log = fs::read_to_string(self.place.join("run.err"))?;
            Ok(log.contains("the twin does nothing until this is changed"))
        })
        .await?;
        let now = self.said(&chat, DOUGS_NAME).await?.len();
        ensure!(now == in_dougs_name, "something was said in Doug's name");
        self.tell("       ada  (is silent; its operator's log says why)");
        self.control.enable(ADAS, true).await?;

        self.scene("Its last day");
        self.stop(&mut ada).await?;
        self.command(&["demote", "--no-browser", "--config", ADA], &[DANA]).await?;
        self.command(&["audit", "verify", "--dir", "ada-state/evidence"], &[]).await
    }

    async fn colleagues_life(&self) -> anyhow::Result<()> {
        self.scene("A colleague is made in three commands");
        let config = ["--config", "colleague.toml"];
        let with = |words: &[&'static str]| [words, &config].concat();
        self.command(&with(&["onboard", "plan"]), &[]).await?;
        let apply = with(&["onboard", "apply", "--print-secret"]);
        self.command(&apply, &[DANA]).await?;
        let sign_in = with(&["onboard", "sign-in", "--out", ROBIN]);
        self.command(&sign_in, &[ROBINS, ROBINS]).await?;
        self.command(&["doctor", "--config", ROBIN], &[]).await?;
        let mut robin = self.start(ROBIN).await?;

        self.scene("It works as itself, with a yes");
        let text = "Give Sarah Lin a Microsoft 365 E3 licence";
        let chat = self.control.say_to(DOUG, ROBINS, text).await?;
        self.tell(&format!("      doug  {text}"));
        self.hears(&chat, "Reply yes").await?;
        self.doug_says(&chat, "yes").await?;
        self.hears(&chat, "Done.").await?;

        self.scene("It is stopped at once, and goes on");
        let why = "an inquiry is under way.";
        self.command(&["suspend", "--config", ROBIN, "--why", why], &[]).await?;
        self.doug_says(&chat, "Give Sarah Lin a Visio licence").await?;
        self.hears(&chat, why).await?;
        self.command(&["resume", "--config", ROBIN], &[]).await?;

        self.scene("Its last day, with proof that nothing is orphaned");
        self.stop(&mut robin).await?;
        self.command(&with(&["offboard"]), &[DANA]).await
    }

    /// Writes Ada's configuration.
    async fn configure(&self, mut config: Config, chat: &str) -> anyhow::Result<()> {
        let apps = self.control.tenant().await?.apps;
        let app = |role: &str| -> anyhow::Result<AppId> {
            let found = apps.iter().find(|app| app.role.as_deref() == Some(role));
            Ok(found.with_context(|| format!("the company has no app `{role}`"))?.app_id)
        };
        config.twin = crate::config::Twin::default();
        config.agent = Some(Agent {
            name: "Ada".to_owned(),
            owner: DOUG.to_owned(),
            app: app("personal")?,
            watch: ChatId::parse(chat)?,
            mark: None,
            upn: ADAS.to_owned(),
            usage_location: "US".to_owned(),
            installer: app("installer")?,
            hears_on_minutes: 10,
        });
        let mut text: toml::Table = toml::Table::try_from(&config)?;
        text.remove("twin");
        Ok(fs::write(self.place.join(ADA), toml::to_string_pretty(&text)?)?)
    }

    /// Runs one command of the program to its end; `people` sign in where it asks for it, one after
    /// the other.
    async fn command(&self, words: &[&str], people: &[&str]) -> anyhow::Result<()> {
        self.tell(&format!("\n$ subtwin {}", words.join(" ")));
        let (out, errors) = (self.place.join("command.out"), self.place.join("command.err"));
        let mut child = self
            .program()?
            .args(words)
            .stdout(File::create(&out)?)
            .stderr(File::create(&errors)?)
            .spawn()?;
        for (at, who) in people.iter().enumerate() {
            let url = self.shown(&errors, at).await?;
            self.control.sign_in(&url, who).await?;
            self.tell(&format!("  ({who} signs in)"));
        }
        let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
        let status = ended.context("it does not end")??;
        let said = fs::read_to_string(&out)?;
        if !status.success() {
            bail!("it ends with {status}: {}{}", said, fs::read_to_string(&errors)?);
        }
        self.tell(said.trim_end());
        Ok(())
    }

    /// The nth address to sign in at that a command has shown.
    async fn shown(&self, file: &Path, at: usize) -> anyhow::Result<String> {
        let mut found = None;
        self.until("an address to sign in at", async || {
            let text = fs::read_to_string(file)?;
            let mut urls = text.split_whitespace().filter(|word| word.starts_with("https://"));
            found = urls.nth(at).map(str::to_owned);
            Ok(found.is_some())
        })
        .await?;
        found.context("no address was shown")
    }

    /// Starts a twin and waits until it listens.
    async fn start(&self, config: &str) -> anyhow::Result<Child> {
        self.tell(&format!("\n$ subtwin run --config {config} &"));
        let errors = self.place.join("run.err");
        let child = self
            .program()?
            .args(["run", "--config", config])
            .stdout(Stdio::null())
            .stderr(File::create(&errors)?)
            .spawn()?;
        self.until("it listens", async || Ok(fs::read_to_string(&errors)?.contains(" listens (")))
            .await
            .with_context(|| fs::read_to_string(&errors).unwrap_or_default())?;
        Ok(child)
    }

    async fn stop(&self, twin: &mut Child) -> anyhow::Result<()> {
        let pid = twin.id().context("it has ended")?.to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await?;
        let status = tokio::time::timeout(PATIENCE, twin.wait()).await??;
        ensure!(status.success(), "the twin ended with {status}");
        Ok(())
    }

    fn program(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.current_dir(&self.place).stdin(Stdio::null()).kill_on_drop(true);
        command.env_remove("SUBTWIN_LOG");
        Ok(command)
    }

    async fn doug_says(&self, chat: &str, text: &str) -> anyhow::Result<()> {
        self.tell(&format!("      doug  {text}"));
        self.doug_writes(chat, text).await
    }

    async fn doug_writes(&self, chat: &str, text: &str) -> anyhow::Result<()> {
        self.control.say_with(&json!({"as": DOUG, "chat": chat, "text": text})).await
    }

    /// The address that Ada's answer holds.
    async fn link(&self, chat: &str) -> anyhow::Result<String> {
        let mut found = None;
        self.until("where to sign in", async || {
            let said = self.said(chat, DOUGS_NAME).await?.join(" ");
            let word = said.split_whitespace().find(|word| word.starts_with("https://"));
            found = word.map(str::to_owned);
            Ok(found.is_some())
        })
        .await?;
        found.context("no address was shown")
    }

    /// Doug writes 50 messages a second until Ada has moved, and a second longer. Gives how many.
    async fn write_until_moved(&self, chat: &str) -> anyhow::Result<usize> {
        let began = SystemClock.now();
        let (mut asked, mut left) = (0, None);
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        while left != Some(0) && asked < MOST {
            pace.tick().await;
            self.doug_writes(chat, QUESTION).await?;
            asked += 1;
            match &mut left {
                Some(left) => *left -= 1,
                None if asked % 10 == 0 && self.adas_chat().await?.is_some() => {
                    let took = SystemClock.now().duration_since(began).as_secs_f64();
                    self.tell(&format!(
                        "From the sign-in to its own account: {took:.1} s, 2 of them the sandbox's \
                         own wait for Teams"
                    ));
                    left = Some(50);
                }
                None => {}
            }
        }
        self.tell(&format!("      doug  {QUESTION} ({asked} times)"));
        Ok(asked)
    }

    /// Every question was answered once: in Doug's name before the swap, in Ada's after it.
    async fn accounted_for(&self, chat: &str, asked: usize) -> anyhow::Result<()> {
        // The first question of the story is one of them.
        let asked = asked + 1;
        let mut counts = (0, 0);
        self.until("every question is answered", async || {
            let before = self.said(chat, DOUGS_NAME).await?;
            let before = before.iter().filter(|text| text.starts_with(MARK)).filter(is_answer);
            let there = self.adas_chat().await?.context("Ada has no chat with Doug")?;
            let after = self.said(&there, "Ada").await?;
            counts = (before.count(), after.iter().filter(is_answer).count());
            ensure!(counts.0 + counts.1 <= asked, "{counts:?} answers to {asked} questions");
            Ok(counts.0 + counts.1 == asked)
        })
        .await
        .with_context(|| format!("{counts:?} answers to {asked} questions"))?;
        let log = fs::read_to_string(self.place.join("run.err"))?;
        let pause = log
            .split_whitespace()
            .find_map(|word| word.strip_prefix("pause_ms="))
            .context("the log does not tell how long the pause was")?;
        self.tell(&format!(
            "{asked} questions, {} answers in Doug's name, {} under Ada's own; none lost, none \
             twice; the conversation paused {pause} ms",
            counts.0, counts.1
        ));
        ensure!(pause.parse::<u64>()? <= 1000, "the pause was {pause} ms");
        Ok(())
    }

    async fn ada_answers(&self, why: &str) -> anyhow::Result<()> {
        let chat = self.adas_chat().await?.context("Ada has no chat with Doug")?;
        let before = self.said(&chat, "Ada").await?.len();
        self.doug_says(&chat, QUESTION).await?;
        self.until(why, async || Ok(self.said(&chat, "Ada").await?.len() > before)).await
    }

    async fn hears(&self, chat: &str, part: &str) -> anyhow::Result<()> {
        let mut found = None;
        self.until(part, async || {
            let said = self.said(chat, "Robin (IT twin)").await?;
            found = said.into_iter().rfind(|text| text.contains(part));
            Ok(found.is_some())
        })
        .await?;
        let text = found.unwrap_or_default().replace('\n', "\n            ");
        self.tell(&format!("     robin  {text}"));
        Ok(())
    }

    /// What somebody said in one of Doug's conversations, oldest first.
    async fn said(&self, chat: &str, name: &str) -> anyhow::Result<Vec<String>> {
        let chats = self.control.chats(DOUG).await?;
        let messages = chats.iter().filter(|it| it.id == chat).flat_map(|it| &it.messages);
        let by = messages.filter(|it| it.from.as_ref().is_some_and(|by| by.display_name == name));
        Ok(by.map(|it| super::play::readable(&it.content)).collect())
    }

    async fn adas_chat(&self) -> anyhow::Result<Option<String>> {
        let chats = self.control.chats(DOUG).await?;
        let with_ada = |it: &&crate::control::Chat| {
            let mut by = it.messages.iter().filter_map(|it| it.from.as_ref());
            by.any(|by| by.display_name == "Ada")
        };
        Ok(chats.iter().find(with_ada).map(|it| it.id.clone()))
    }

    async fn until(
        &self,
        what: &str,
        mut is_so: impl AsyncFnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        for _ in 0..TRIES {
            if is_so().await? {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        bail!("{what}: that never came")
    }

    fn scene(&self, title: &str) {
        self.say(&json!({"event": "scene", "title": title}), &format!("\n== {title}"));
    }

    fn tell(&self, text: &str) {
        self.say(&json!({"event": "line", "text": text}), text);
    }

    fn say(&self, event: &Value, text: &str) {
        if self.json {
            say::line(event);
        } else {
            say::line(text);
        }
    }
}

/// Whether it answers the question, and is not news about Ada itself.
fn is_answer(text: &&String) -> bool {
    text.contains("This is what I can do")
}

const DOUG: &str = sandbox::HELPDESK;
const DOUGS_NAME: &str = "Doug Hale";
const DANA: &str = sandbox::HUMAN;
const SARAH: &str = "sarah.lin@contoso.com";
const ADAS: &str = "ada@contoso.com";
const ROBINS: &str = "robin@contoso.com";
const ADA: &str = "ada.toml";
const ROBIN: &str = "robin.toml";
const MARK: &str = "[Ada] ";
const QUESTION: &str = "What can you do?";
const PATIENCE: Duration = Duration::from_secs(60);
/// Tries times pause, 60 seconds.
const TRIES: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(50);
/// Messages that Doug writes at most.
const MOST: usize = 2000;
