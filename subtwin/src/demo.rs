//! `subtwin demo`: a whole tenant and a twin in it, on this machine.

mod identity;
mod play;
mod stories;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use subtwin_kernel::SystemEntropy;
use subtwin_sandbox::{Running, Settings};
use subtwin_store::KeyFile;

use crate::config::{Config, KeyPlace, State};
use crate::control::Control;
use crate::twin::Twin;
use crate::{cli, run, sandbox, say, sign_in};

/// Runs the demo: with a page to talk to, or with a story played to its end.
///
/// # Errors
/// When it cannot start, or the story does not go as told.
pub fn command(options: &cli::Demo) -> anyhow::Result<()> {
    run::log_to_stderr("warn");
    if options.script.as_deref() == Some(identity::NAME) {
        let place = Place::new(options.keep.as_deref())?;
        return run::runtime()?.block_on(identity::play(options, &place.0));
    }
    let story = options.script.as_deref().map(stories::by_name).transpose()?;
    let place = Place::new(options.keep.as_deref())?;
    run::runtime()?.block_on(async {
        let stage = Stage::set(options, &place.0).await?;
        let ended = match story {
            Some(story) => play::play(&stage, story, options.json).await,
            None => open_doors(&stage).await,
        };
        stage.strike().await;
        ended
    })
}

/// A sandbox tenant with a twin at work in it.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) control: Control,
    pub(crate) config: Config,
    running: Running,
    twin: Twin,
}

impl Stage {
    async fn set(options: &cli::Demo, place: &Path) -> anyhow::Result<Self> {
        let running = subtwin_sandbox::start(Settings {
            listen: ([127, 0, 0, 1], options.port).into(),
            ca_dir: Some(place.join("sandbox")),
            capture: options.capture.clone(),
            ..Settings::default()
        })
        .await?;
        let control = Control::at(running.address)?;
        let key_file = place.join("twin.key");
        if !key_file.exists() {
            KeyFile::create(&key_file, &SystemEntropy::default())?;
        }
        let state = State { dir: place.join("twin"), key: KeyPlace::File(key_file) };
        let ca = place.join("sandbox/ca.pem");
        let config = sandbox::config_for(&running, &control, &ca, state).await?;
        sign_in_sam(&config, &control).await?;
        let twin = Twin::start(&config).await?;
        Ok(Self { control, config, running, twin })
    }

    async fn strike(self) {
        self.twin.stop().await;
        self.running.stop().await;
    }
}

/// Signs the twin in as a person would, except that the sandbox's own browser does the clicking.
async fn sign_in_sam(config: &Config, control: &Control) -> anyhow::Result<()> {
    let (addresses, mut shown) = tokio::sync::mpsc::unbounded_channel::<String>();
    let clicking = async {
        while let Some(url) = shown.recv().await {
            control.sign_in(&url, &config.twin.upn).await?;
        }
        anyhow::Ok(())
    };
    let signing = async {
        let signed = sign_in::sign_in(config, |url| {
            let _ = addresses.send(url.to_string());
        })
        .await;
        drop(addresses);
        signed
    };
    let (signed, clicked) = tokio::join!(signing, clicking);
    signed.and(clicked)
}

async fn open_doors(stage: &Stage) -> anyhow::Result<()> {
    let page = format!("http://{}/?as={}", stage.running.address, sandbox::HELPDESK);
    say::line(format_args!("Open {page}"));
    say::line(format_args!(
        "You are Doug from the helpdesk. Write to {}: give Sarah Lin an E3",
        stage.config.twin.name
    ));
    say::line(format_args!(
        "Evidence: subtwin audit list --dir {}   (Ctrl-C ends the demo)",
        stage.evidence().display()
    ));
    run::interrupted().await;
    Ok(())
}

impl Stage {
    /// Where the twin's evidence is.
    pub(crate) fn evidence(&self) -> PathBuf {
        self.config.state.dir.join("evidence")
    }
}

/// Where the demo keeps its files. A place of its own goes away with it.
#[derive(Debug)]
struct Place(PathBuf, bool);

impl Place {
    fn new(keep: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(dir) = keep {
            fs::create_dir_all(dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
            return Ok(Self(dir.to_owned(), false));
        }
        let dir = std::env::temp_dir().join(format!("subtwin-demo-{}", std::process::id()));
        fs::create_dir(&dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
        Ok(Self(dir, true))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.1 {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
