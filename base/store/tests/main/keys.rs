use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use subtwin_kernel::{Secret, SystemEntropy};
use subtwin_store::{KeyFile, KeyFileError, OpenError, StoreError};

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
    assert!(refused.to_string().contains("give the original key file"), "{refused}");
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
