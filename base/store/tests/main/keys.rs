use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use subtwin_kernel::{Secret, SystemEntropy};
use subtwin_store::{KeyFile, KeyFileError, KeyText, OpenError, Store, StoreError};

use crate::world::{key, open, try_open};

const VALUE: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9";
const NAME: &str = "refresh-token-of-sam";

fn every_file_of(path: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        all.extend(fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn a_sealed_value_survives_a_restart_is_replaced_whole_and_can_be_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.put_sealed(NAME, &Secret::new("first".to_owned())).await.unwrap();
    store.put_sealed(NAME, &Secret::new(VALUE.to_owned())).await.unwrap();
    store.close().await;
    let store = open(directory.path());
    assert_eq!(store.sealed(NAME).await.unwrap().unwrap().expose(), VALUE);
    store.forget_sealed(NAME).await.unwrap();
    assert!(store.sealed(NAME).await.unwrap().is_none());
}

#[tokio::test]
async fn the_files_without_the_key_show_neither_value_nor_name_and_open_for_no_other_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.put_sealed(NAME, &Secret::new(VALUE.to_owned())).await.unwrap();
    // While it is open the value is in the write-ahead log, afterwards in the database.
    for files in [every_file_of(directory.path()), {
        store.close().await;
        every_file_of(directory.path())
    }] {
        assert!(files.len() > 4096, "nothing was written");
        assert!(!holds(&files, VALUE) && !holds(&files, NAME));
    }
    let refused = try_open(directory.path(), 8).unwrap_err();
    assert!(matches!(refused, OpenError::WrongKey { .. }), "{refused}");
    assert!(refused.to_string().contains("give the original key"), "{refused}");
}

#[tokio::test]
async fn a_sealed_value_moved_to_another_name_does_not_open() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for (name, value) in [("one", "1"), ("two", "2")] {
        store.put_sealed(name, &Secret::new(value.to_owned())).await.unwrap();
    }
    store.close().await;
    let database = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
    let values: Vec<(Vec<u8>, Vec<u8>)> = database
        .prepare("SELECT name, value FROM sealed")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for (at, (name, _)) in values.iter().enumerate() {
        let other = &values[1 - at].1;
        database.execute("UPDATE sealed SET value = ?1 WHERE name = ?2", (other, name)).unwrap();
    }
    database.close().unwrap();

    let store = open(directory.path());
    for name in ["one", "two"] {
        let refused = store.sealed(name).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unsealable { .. }), "{refused}");
    }
}

#[tokio::test]
async fn after_rewrapping_the_new_key_opens_everything_and_the_old_one_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.put_sealed(NAME, &Secret::new(VALUE.to_owned())).await.unwrap();
    store.rewrap(&key(9)).await.unwrap();
    assert_eq!(store.sealed(NAME).await.unwrap().unwrap().expose(), VALUE);
    store.close().await;
    assert!(matches!(try_open(directory.path(), 7), Err(OpenError::WrongKey { .. })));
    let store = try_open(directory.path(), 9).unwrap();
    assert_eq!(store.sealed(NAME).await.unwrap().unwrap().expose(), VALUE);
}

#[test]
fn a_key_file_reads_back_as_the_key_it_was_made_with_and_is_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("twin.key");
    let entropy = SystemEntropy::default();
    let made = KeyFile::create(&path, &entropy).unwrap();
    assert_eq!(KeyFile::read(&path).unwrap().expose(), made.expose());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(KeyFile::create(&path, &entropy), Err(KeyFileError::Io { .. })));
}

#[test]
fn a_key_file_that_others_may_read_or_that_holds_no_key_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("twin.key");
    KeyFile::create(&path, &SystemEntropy::default()).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = KeyFile::read(&path).unwrap_err();
        assert!(matches!(refused, KeyFileError::Exposed { .. }), "{mode:o}: {refused}");
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    for text in ["", "c2hvcnQ=", "not base64 at all, not base64 at all, not ba", "\u{0}"] {
        fs::write(&path, text).unwrap();
        let refused = KeyFile::read(&path).unwrap_err();
        assert!(matches!(refused, KeyFileError::Malformed { .. }), "{text:?}: {refused}");
    }
}

#[test]
fn a_key_as_text_reads_back_whatever_white_space_is_around_it_and_nothing_else_does() {
    let text = KeyText::of(&key(7));
    for around in ["", "\n", " \t\r\n"] {
        let read = KeyText::read(&format!("{around}{}{around}", text.expose())).unwrap();
        assert_eq!(read.expose(), key(7).expose());
    }
    let half = text.expose().split_at(20).0;
    for wrong in ["", "====", half, &format!("{}AAAA", text.expose())] {
        assert!(KeyText::read(wrong).is_none(), "{wrong}");
    }
}

fn open_of(path: &Path, owner: &str) -> Result<Store, OpenError> {
    Store::open_of(path, &key(7), owner, Arc::new(SystemEntropy::default()))
}

async fn used_by(path: &Path, owner: &str) {
    let store = open_of(path, owner).unwrap();
    store.put_sealed(NAME, &Secret::new(VALUE.to_owned())).await.unwrap();
    store.close().await;
}

fn look_of(path: &Path, owner: &str) -> Result<Store, OpenError> {
    Store::look_of(path, &key(7), owner, Arc::new(SystemEntropy::default()))
}

#[tokio::test]
async fn a_state_opens_for_its_owner_alone_even_where_two_share_a_key() {
    let directory = tempfile::tempdir().unwrap();
    // Where nothing is sealed, nobody is the owner yet: a name may have been mistyped.
    open_of(directory.path(), "tenant o").unwrap().close().await;
    look_of(directory.path(), "tenant b").unwrap().close().await;
    // One from before owners were noted becomes that of the first who names itself.
    let store = open(directory.path());
    store.put_sealed("another", &Secret::new(VALUE.to_owned())).await.unwrap();
    store.forget_sealed("another").await.unwrap();
    store.close().await;
    let store = open_of(directory.path(), "tenant a").unwrap();
    store.put_sealed(NAME, &Secret::new(VALUE.to_owned())).await.unwrap();
    store.rewrap(&key(7)).await.unwrap();
    store.close().await;

    for refused in [open_of(directory.path(), "tenant b"), look_of(directory.path(), "tenant b")] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, OpenError::NotOurs { .. }), "{refused}");
        let told = refused.to_string();
        assert!(told.contains("tenant a") && told.contains("tenant b"), "{told}");
    }
    let store = open_of(directory.path(), "tenant a").unwrap();
    assert_eq!(store.sealed(NAME).await.unwrap().unwrap().expose(), VALUE);
    assert!(!holds(&every_file_of(directory.path()), "tenant a"), "nor is it there in clear");
}

#[tokio::test]
async fn anothers_database_moved_into_a_directory_is_refused() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    used_by(ours.path(), "tenant a").await;
    used_by(theirs.path(), "tenant b").await;
    fs::copy(theirs.path().join("state.db"), ours.path().join("state.db")).unwrap();
    let refused = open_of(ours.path(), "tenant a").unwrap_err();
    assert!(matches!(refused, OpenError::NotOurs { .. }), "{refused}");
    // Somebody's owner alone, moved into another state, is damage: it is sealed with the data key.
    let other = tempfile::tempdir().unwrap();
    used_by(other.path(), "tenant b").await;
    let database = rusqlite::Connection::open(theirs.path().join("state.db")).unwrap();
    let value: Vec<u8> = database
        .query_row("SELECT value FROM sealed ORDER BY length(value)", [], |row| row.get(0))
        .unwrap();
    database.close().unwrap();
    let database = rusqlite::Connection::open(other.path().join("state.db")).unwrap();
    database.execute("UPDATE sealed SET value = ?1", [value]).unwrap();
    database.close().unwrap();
    let refused = open_of(other.path(), "tenant a").unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
}

#[tokio::test]
async fn a_look_beside_the_process_that_holds_it_reads_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_of(directory.path(), "tenant a").unwrap();
    store.put_sealed(NAME, &Secret::new(VALUE.to_owned())).await.unwrap();
    let beside = look_of(directory.path(), "tenant a").unwrap();
    assert_eq!(beside.sealed(NAME).await.unwrap().unwrap().expose(), VALUE);
    let refused = beside.put_sealed(NAME, &Secret::new("other".to_owned())).await.unwrap_err();
    assert!(matches!(refused, StoreError::Database { .. }), "{refused}");
    assert_eq!(store.sealed(NAME).await.unwrap().unwrap().expose(), VALUE);
}

#[tokio::test]
async fn a_damaged_data_key_is_said_to_be_damaged_and_not_taken_for_another_key() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).close().await;
    for damage in [
        "UPDATE wrapped_key SET wrapped = x'00'",
        "UPDATE wrapped_key SET wrapped = zeroblob(60)",
        "DELETE FROM wrapped_key",
        "DROP TABLE wrapped_key",
    ] {
        let database = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
        database.execute_batch(damage).unwrap();
        database.close().unwrap();
        let refused = try_open(directory.path(), 7).unwrap_err();
        assert!(matches!(refused, OpenError::Damaged { .. }), "{damage}: {refused}");
    }
}

/// Not a test by itself: the process of the next one, which is killed after the rewrapping.
#[test]
fn rewraps_a_store_for_another_test() {
    if let Some(directory) = directory_to_rewrap() {
        let store = open(Path::new(&directory));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(store.rewrap(&key(9))).unwrap();
        println!("rewrapped");
        let _until_killed = std::io::stdin().read_line(&mut String::new());
    }
}

#[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to rewrap")]
fn directory_to_rewrap() -> Option<String> {
    std::env::var("SUBTWIN_STORE_TEST_REWRAP").ok()
}

#[tokio::test]
async fn killed_right_after_rewrapping_the_new_key_opens_and_the_old_one_left_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.put_sealed(NAME, &Secret::new(VALUE.to_owned())).await.unwrap();
    store.close().await;
    let database = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
    let old: Vec<u8> =
        database.query_row("SELECT wrapped FROM wrapped_key", [], |row| row.get(0)).unwrap();
    database.close().unwrap();

    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "keys::rewraps_a_store_for_another_test", "--nocapture"])
        .env("SUBTWIN_STORE_TEST_REWRAP", directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("rewrapped")));
    other.kill().unwrap();
    other.wait().unwrap();

    let files = every_file_of(directory.path());
    assert!(!files.windows(old.len()).any(|window| window == old), "the old wrapping is left");
    assert!(matches!(try_open(directory.path(), 7), Err(OpenError::WrongKey { .. })));
    let store = try_open(directory.path(), 9).unwrap();
    assert_eq!(store.sealed(NAME).await.unwrap().unwrap().expose(), VALUE);
}
