//! `subtwin keys`: making keys, and putting another in the place of the one in force.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use subtwin_kernel::{KeyBytes, Secret, SystemEntropy};
use subtwin_store::{KeyFile, KeyText, Store};
use tempfile::TempDir;

use crate::stage::{DOUG, SARAH, Setup, Stage, program, succeed};

const TENANT: &str = "11111111-2222-4333-8444-555555555555";

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    assert!(!told(&output).contains("panicked"), "{}", told(&output));
    told(&output)
}

/// What `keys new --env` prints, split into the name and the key.
fn exported(name: &str) -> String {
    let output = succeed(program().args(["keys", "new", "--env", name]));
    let line = String::from_utf8(output.stdout.clone()).unwrap();
    let value = line.trim().strip_prefix(&format!("export {name}='")).unwrap();
    let value = value.strip_suffix('\'').unwrap().to_owned();
    assert!(!told(&output).contains(&value), "it is on standard output alone");
    value
}

/// A state with something sealed in it, and the configuration of the twin whose it is.
struct Room {
    dir: TempDir,
}

impl Room {
    async fn new() -> Self {
        let room = Self { dir: TempDir::new().unwrap() };
        let key = KeyFile::create(&room.path("old.key"), &SystemEntropy::default()).unwrap();
        room.configure("key_file = \"old.key\"");
        let store = room.open(&key).unwrap();
        store.put_sealed("token", &Secret::new("kept".to_owned())).await.unwrap();
        store.close().await;
        room
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn configure(&self, key: &str) {
        let id = "aaaaaaaa-0000-4000-8000-00000000000f";
        let config = format!(
            "tenant = \"{TENANT}\"\n[twin]\nid = \"{id}\"\nupn = \"sam@contoso.com\"\n\
             name = \"Sam\"\nchat_app = \"{id}\"\nadmin_app = \"{id}\"\n\
             [state]\ndir = \"state\"\n{key}\n\
             [people]\nhuman = {{ name = \"Dana\", upn = \"dana@contoso.com\" }}\n"
        );
        fs::write(self.path("twin.toml"), config).unwrap();
    }

    fn rewrap(&self, to: &[&str]) -> Command {
        let mut command = program();
        command.args(["keys", "rewrap", "--config"]).arg(self.path("twin.toml")).args(to);
        command.current_dir(self.dir.path());
        command
    }

    fn open(&self, key: &KeyBytes) -> Option<Store> {
        let owner = format!("tenant {TENANT}");
        let entropy = Arc::new(SystemEntropy::default());
        Store::open_of(&self.path("state/store"), key, &owner, entropy).ok()
    }

    /// Whether the key opens the state, and everything in it.
    async fn opens(&self, key: &KeyBytes) -> bool {
        let Some(store) = self.open(key) else { return false };
        assert_eq!(store.sealed("token").await.unwrap().unwrap().expose(), "kept");
        store.close().await;
        true
    }

    fn key(&self, name: &str) -> KeyBytes {
        KeyFile::read(&self.path(name)).unwrap()
    }
}

#[test]
fn a_key_is_made_in_one_place_and_never_over_another() {
    let room = TempDir::new().unwrap();
    let file = room.path().join("twin.key");
    succeed(program().args(["keys", "new"]).arg(&file));
    let made = fs::read(&file).unwrap();
    assert!(refused(program().args(["keys", "new"]).arg(&file)).contains("cannot create"));
    assert_eq!(fs::read(&file).unwrap(), made);

    let key = exported("SUBTWIN_KEY");
    assert!(KeyText::read(&key).is_some() && key != exported("SUBTWIN_KEY"));
    assert!(refused(program().args(["keys", "new", "--env", "a=b"])).contains("no name"));
    refused(program().args(["keys", "new"]));
    refused(program().args(["keys", "new", "x.key", "--env", "SUBTWIN_KEY"]).current_dir(&room));
}

#[test]
fn without_a_session_there_is_no_keyring_and_the_other_places_are_named() {
    let mut alone = program();
    alone.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent").env_remove("XDG_RUNTIME_DIR");
    let said = refused(alone.args(["keys", "new", "--keyring", "contoso"]));
    if cfg!(not(target_os = "macos")) {
        assert!(said.contains("no keyring answers"), "{said}");
        assert!(said.contains("in a file or an environment variable"), "{said}");
    }
}

#[tokio::test]
async fn the_state_moves_from_key_to_key_and_each_old_one_opens_nothing() {
    let room = Room::new().await;
    let old = room.key("old.key");
    let said = succeed(&mut room.rewrap(&["--to-file", "new.key"]));
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("key_file = ") && said.contains("destroy the key"), "{said}");
    let new = room.key("new.key");
    assert!(room.opens(&new).await && !room.opens(&old).await);

    room.configure("key_file = \"new.key\"");
    let value = exported("SUBTWIN_KEY");
    let third = KeyText::read(&value).unwrap();
    let unset = refused(&mut room.rewrap(&["--to-env", "SUBTWIN_KEY"]));
    assert!(unset.contains("`SUBTWIN_KEY`") && unset.contains("is not set"), "{unset}");
    assert!(room.opens(&new).await);
    succeed(room.rewrap(&["--to-env", "SUBTWIN_KEY"]).env("SUBTWIN_KEY", &value));
    assert!(room.opens(&third).await && !room.opens(&new).await);

    room.configure("key_env = \"SUBTWIN_KEY\"");
    succeed(room.rewrap(&["--to-file", "fourth.key"]).env("SUBTWIN_KEY", &value));
    assert!(room.opens(&room.key("fourth.key")).await && !room.opens(&third).await);
}

#[tokio::test]
async fn what_cannot_be_put_in_place_leaves_the_key_in_force() {
    let room = Room::new().await;
    let old = room.key("old.key");
    let inside = refused(&mut room.rewrap(&["--to-file", "state/new.key"]));
    assert!(inside.contains("inside `state.dir`"), "{inside}");
    assert!(refused(&mut room.rewrap(&["--to-file", "old.key"])).contains("the same key"));
    fs::write(room.path("half.key"), "c2hvcnQ=").unwrap();
    succeed(Command::new("chmod").arg("600").arg(room.path("half.key")));
    let half = refused(&mut room.rewrap(&["--to-file", "half.key"]));
    assert!(half.contains("does not hold 32 bytes"), "{half}");
    let nowhere = refused(&mut room.rewrap(&["--to-file", "no/such/place.key"]));
    assert!(nowhere.contains("cannot create"), "{nowhere}");
    let wrong = refused(room.rewrap(&["--to-env", "K"]).env("K", "hunter2hunter2"));
    assert!(wrong.contains("`K` does not hold") && !wrong.contains("hunter2"), "{wrong}");
    refused(&mut room.rewrap(&[]));
    refused(&mut room.rewrap(&["--to-file", "a.key", "--to-env", "A"]));

    let running = room.open(&old).unwrap();
    let in_use = refused(&mut room.rewrap(&["--to-file", "new.key"]));
    assert!(in_use.contains("in use by another process"), "{in_use}");
    assert!(!room.path("new.key").exists(), "no key is made for nothing");
    running.close().await;
    assert!(room.opens(&old).await);

    KeyFile::create(&room.path("stranger.key"), &SystemEntropy::default()).unwrap();
    room.configure("key_file = \"stranger.key\"");
    let wrong = refused(&mut room.rewrap(&["--to-file", "new.key"]));
    assert!(wrong.contains("is not the one") && !room.path("new.key").exists(), "{wrong}");
}

/// Runs it, kills it after `wait`, and says which keys open the state then.
async fn killed_after(wait: Duration) -> (bool, bool) {
    let room = Room::new().await;
    let old = room.key("old.key");
    let mut child = room.rewrap(&["--to-file", "new.key"]).spawn().unwrap();
    tokio::time::sleep(wait).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let new = KeyFile::read(&room.path("new.key")).ok();
    let by_new = match &new {
        Some(new) => room.opens(new).await,
        None => false,
    };
    let by_old = room.opens(&old).await;
    assert!(by_old != by_new, "one of the two opens it: old {by_old}, new {by_new}, {wait:?}");

    // It goes on from there, also when the old key is gone by then; a file cut short is replaced.
    if new.is_none() {
        let _not_there = fs::remove_file(room.path("new.key"));
    }
    if by_new {
        fs::remove_file(room.path("old.key")).unwrap();
    }
    succeed(&mut room.rewrap(&["--to-file", "new.key"]));
    assert!(room.opens(&room.key("new.key")).await && !room.opens(&old).await);
    (by_old, by_new)
}

#[tokio::test]
async fn killed_at_any_point_one_of_the_two_keys_opens_the_state_and_it_goes_on() {
    let mut seen = (0, 0);
    for step in 0..40 {
        let (old, new) = killed_after(Duration::from_millis(step)).await;
        seen = (seen.0 + u32::from(old), seen.1 + u32::from(new));
        // Far enough behind the end: later kills kill nothing.
        if seen.1 > 4 {
            break;
        }
    }
    assert!(seen.0 > 0, "some kills came before the change: {seen:?}");
}

#[tokio::test]
async fn between_the_steps_either_key_opens_the_state_and_running_it_again_ends_it() {
    // Killed after the key was made and before the state was sealed with it.
    let room = Room::new().await;
    let old = room.key("old.key");
    let new = KeyFile::create(&room.path("new.key"), &SystemEntropy::default()).unwrap();
    assert!(room.opens(&old).await && !room.opens(&new).await);
    succeed(&mut room.rewrap(&["--to-file", "new.key"]));
    assert!(!room.opens(&old).await && room.opens(&new).await);
    // Killed after that and before anybody was told.
    succeed(&mut room.rewrap(&["--to-file", "new.key"]));
    fs::remove_file(room.path("old.key")).unwrap();
    succeed(&mut room.rewrap(&["--to-file", "new.key"]));
    assert!(room.opens(&new).await);
}

#[tokio::test]
async fn a_twin_runs_with_its_key_in_the_environment_and_another_tenants_state_does_not_open() {
    let mut stage = Stage::signed_in(&Setup::default()).await;
    let value = exported("SUBTWIN_KEY");
    let mut rewrap = program();
    rewrap.args(["keys", "rewrap", "--to-env", "SUBTWIN_KEY", "--config"]).arg(stage.config());
    succeed(rewrap.env("SUBTWIN_KEY", &value));
    let config = fs::read_to_string(stage.config()).unwrap();
    let config = config.replace("key_file = \"twin.key\"", "key_env = \"SUBTWIN_KEY\"");
    assert!(config.contains("key_env"), "{config}");
    fs::write(stage.config(), &config).unwrap();
    let run = |config: &Path| {
        let mut command = program();
        command.args(["run", "--config"]).arg(config);
        command
    };
    assert!(refused(&mut run(&stage.config())).contains("`SUBTWIN_KEY`"));
    stage.start_with(program().env("SUBTWIN_KEY", &value)).await;
    stage.ask(DOUG, "Who is Sarah Lin?", &[SARAH]).await;
    stage.stop().await;

    let tenant = config.split("tenant = \"").nth(1).unwrap().split('"').next().unwrap();
    let theirs = stage.dir.path().join("theirs.toml");
    fs::write(&theirs, config.replacen(tenant, TENANT, 1)).unwrap();
    let said = refused(run(&theirs).env("SUBTWIN_KEY", &value));
    assert!(said.contains(&format!("belongs to tenant {tenant}")), "{said}");
}
