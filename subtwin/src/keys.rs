//! `subtwin keys`: the key that seals a twin's state.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use subtwin_kernel::{Entropy, KeyBytes, SystemEntropy};
use subtwin_store::{
    KeyFile, KeyText, KeyringError, Store, SystemKeyring, create_in_keyring, read_from_keyring,
};

use crate::config::{Config, KeyPlace, is_variable};
use crate::{cli, promote, run, say};

/// Makes a key, or puts another one in its place.
///
/// # Errors
/// When there is a key already where one is to be made, the key in force does not fit, the twin
/// runs, or a place cannot be written.
pub fn command(keys: &cli::Keys) -> anyhow::Result<()> {
    match (&keys.command, &keys.file) {
        (Some(cli::KeysCommand::New(new)), _) => {
            make(new.file.as_deref(), new.keyring.as_deref(), new.env.as_deref())
        }
        (Some(cli::KeysCommand::Rotate(rotate)), _) => promote::rotate(rotate),
        (Some(cli::KeysCommand::Rewrap(rewrap)), _) => run::runtime()?.block_on(seal_anew(rewrap)),
        (None, Some(file)) => make(Some(file), None, None),
        (None, None) => bail!("say what to do with keys: `new`, `rotate` or `rewrap`"),
    }
}

/// Reads the key in force.
///
/// # Errors
/// Names the place, and what is wrong there; never what was found.
pub fn read(place: &KeyPlace) -> anyhow::Result<KeyBytes> {
    match place {
        KeyPlace::File(path) => Ok(KeyFile::read(path)?),
        KeyPlace::Env(name) => from_environment(name),
        KeyPlace::Keyring(name) => Ok(read_from_keyring(&SystemKeyring, name)?),
    }
}

#[expect(clippy::disallowed_methods, reason = "the configuration names this variable")]
fn from_environment(name: &str) -> anyhow::Result<KeyBytes> {
    let found = std::env::var_os(name).filter(|value| !value.is_empty()).with_context(|| {
        format!("the environment variable `{name}`, which should hold the key, is not set")
    })?;
    let key = found.to_str().and_then(KeyText::read);
    key.with_context(|| {
        format!("the environment variable `{name}` does not hold 32 bytes in base64")
    })
}

fn make(file: Option<&Path>, keyring: Option<&str>, variable: Option<&str>) -> anyhow::Result<()> {
    let entropy = SystemEntropy::default();
    if let Some(file) = file {
        KeyFile::create(file, &entropy)?;
        say::line(format_args!(
            "made {}; keep it apart from the twin's state, and keep a copy: without it the state \
             cannot be opened",
            file.display()
        ));
    }
    if let Some(name) = keyring {
        create_in_keyring(&SystemKeyring, name, &entropy)?;
        say::line(format_args!(
            "the keyring holds a key named {name}; keep a copy: without it the state cannot be \
             opened"
        ));
    }
    if let Some(name) = variable {
        ensure!(is_variable(name), "`{name}` is no name: capital letters, digits and underscores");
        let key = KeyText::of(&KeyBytes::random(&entropy));
        say::progress("the next line is the key itself: keep it where only the twin gets it from");
        say::line(format_args!("export {name}='{}'", key.expose()));
    }
    Ok(())
}

/// The other key is durable in its place before the state is sealed with it, and the state changes
/// from one key to the other in one transaction: a crash at any point leaves one of the two that
/// opens it, and running this again goes on from there.
async fn seal_anew(options: &cli::Rewrap) -> anyhow::Result<()> {
    run::log_to_stderr("warn");
    let config = Config::read(&options.config)?;
    let to = place(&options.to, &config)?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let (store, owner) = (config.state.store(), config.owner());
    ensure!(
        store.join("state.db").exists(),
        "there is no state in `{}` yet; name the other key in the configuration",
        config.state.dir.display()
    );
    let open = |key: &KeyBytes| Store::open_of(&store, key, &owner, Arc::clone(&entropy));
    let opened = read(&config.state.key).and_then(|old| {
        let opened = open(&old)?;
        Ok((opened, old))
    });
    match opened {
        Ok((opened, old)) => {
            let new = read_or_make(&to, &*entropy)?;
            ensure!(old.expose() != new.expose(), "both places hold the same key");
            opened.rewrap(&new).await?;
            opened.close().await;
        }
        // The old key may be gone, or open nothing, because an earlier run got this far.
        Err(cause) => match read(&to).map(|new| open(&new)) {
            Ok(Ok(opened)) => opened.close().await,
            Ok(Err(_)) | Err(_) => return Err(cause),
        },
    }
    let (was, is) = (told(&config.state.key), told(&to));
    say::line(format_args!(
        "the state is sealed with the key in {is}: put `{}` in place of the old setting in {}, \
         start the twin, and then destroy the key in {was}, which opens nothing any more",
        setting(&to),
        options.config.display()
    ));
    Ok(())
}

fn place(to: &cli::OtherKey, config: &Config) -> anyhow::Result<KeyPlace> {
    let place = match (&to.to_file, &to.to_keyring, &to.to_env) {
        (Some(path), None, None) => {
            let path = std::path::absolute(path)?;
            ensure!(
                !path.starts_with(std::path::absolute(&config.state.dir)?),
                "`{}` lies inside `state.dir`: keep the key apart from what it seals",
                path.display()
            );
            KeyPlace::File(path)
        }
        (None, Some(name), None) => KeyPlace::Keyring(name.clone()),
        (None, None, Some(name)) if is_variable(name) => KeyPlace::Env(name.clone()),
        _ => bail!("name one place for the other key"),
    };
    Ok(place)
}

/// The other key. One that is there is taken: an earlier run may have made it.
fn read_or_make(place: &KeyPlace, entropy: &dyn Entropy) -> anyhow::Result<KeyBytes> {
    match place {
        KeyPlace::File(path) if !path.try_exists()? => Ok(KeyFile::create(path, entropy)?),
        KeyPlace::Keyring(name) => match create_in_keyring(&SystemKeyring, name, entropy) {
            Err(KeyringError::Taken { .. }) => read(place),
            made => Ok(made?),
        },
        // A key that only a terminal has seen may be lost; so it is made and kept first.
        KeyPlace::File(_) | KeyPlace::Env(_) => read(place),
    }
}

fn told(place: &KeyPlace) -> String {
    match place {
        KeyPlace::File(path) => format!("`{}`", path.display()),
        KeyPlace::Env(name) => format!("the environment variable `{name}`"),
        KeyPlace::Keyring(name) => format!("the keyring, under `{name}`"),
    }
}

fn setting(place: &KeyPlace) -> String {
    match place {
        KeyPlace::File(path) => format!("key_file = {:?}", path.display().to_string()),
        KeyPlace::Env(name) => format!("key_env = {name:?}"),
        KeyPlace::Keyring(name) => format!("key_in_keyring = {name:?}"),
    }
}
