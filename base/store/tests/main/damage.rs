use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use subtwin_kernel::Secret;
use subtwin_store::OpenError;

use crate::world::{at, chat, message, open, try_open};

async fn fill(path: &Path) {
    let store = open(path);
    store.put_sealed("token", &Secret::new("x".repeat(9_000))).await.unwrap();
    for number in 0..300 {
        store.take(&chat("a"), message(number), at("2026-07-01T10:00:00Z")).await.unwrap();
    }
    store.close().await;
}

/// Opens and reads everything; gives the error, if any step gives one.
async fn read_all(path: &Path) -> Result<(), String> {
    let store = try_open(path, 7).map_err(|refused| refused.to_string())?;
    let read = async {
        store.sealed("token").await.map_err(|refused| refused.to_string())?;
        store.unfinished().await.map_err(|refused| refused.to_string())?;
        Ok(())
    };
    let result = read.await;
    store.close().await;
    result
}

#[tokio::test]
async fn a_file_cut_anywhere_is_refused_with_a_remedy() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path()).await;
    let database = directory.path().join("state.db");
    let whole = fs::read(&database).unwrap();
    assert!(whole.len() > 12_000, "{}", whole.len());
    for length in [0, 1, 15, 16, 100, 4095, 4096, whole.len() / 2, whole.len() - 1] {
        fs::write(&database, &whole[..length]).unwrap();
        let refused = try_open(directory.path(), 7).unwrap_err();
        assert!(matches!(refused, OpenError::Damaged { .. }), "{length}: {refused:?}");
        assert!(refused.to_string().contains("restore the directory"), "{refused}");
    }
    fs::write(&database, &whole).unwrap();
    read_all(directory.path()).await.unwrap();
}

#[tokio::test]
async fn flipped_bytes_are_refused_or_harmless_and_never_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path()).await;
    let database = directory.path().join("state.db");
    let whole = fs::read(&database).unwrap();
    let mut refused = 0;
    for position in (0..whole.len()).step_by(509) {
        let mut flipped = whole.clone();
        flipped[position] ^= 0xff;
        fs::write(&database, &flipped).unwrap();
        refused += usize::from(read_all(directory.path()).await.is_err());
    }
    // The sealed value alone fills two pages; its bytes are all authenticated.
    assert!(refused >= 18, "{refused}");
}

#[tokio::test]
async fn a_database_that_is_gone_while_its_write_ahead_log_is_there_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path()).await;
    fs::remove_file(directory.path().join("state.db")).unwrap();
    fs::write(directory.path().join("state.db-wal"), b"left").unwrap();
    assert!(matches!(try_open(directory.path(), 7), Err(OpenError::Damaged { .. })));
}

#[tokio::test]
async fn a_half_made_database_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("state.db.new"), b"SQLite format 3\0 and then nothing")
        .unwrap();
    fill(directory.path()).await;
    read_all(directory.path()).await.unwrap();
}

#[tokio::test]
async fn a_state_from_a_newer_program_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path()).await;
    let database = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
    database.pragma_update(None, "user_version", 2).unwrap();
    database.close().unwrap();
    let refused = try_open(directory.path(), 7).unwrap_err();
    assert!(matches!(refused, OpenError::TooNew { found: 2, known: 1, .. }), "{refused}");
}

/// Not a test by itself: the other process of the next one, which names a directory to hold.
#[test]
fn holds_a_store_for_another_test() {
    if let Some(directory) = option_directory() {
        let _store = open(Path::new(&directory));
        println!("holding");
        let _until_the_other_side_hangs_up = std::io::stdin().read_line(&mut String::new());
    }
}

#[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to hold")]
fn option_directory() -> Option<String> {
    std::env::var("SUBTWIN_STORE_TEST_HOLD").ok()
}

#[tokio::test]
async fn a_second_process_is_refused_while_the_first_one_runs_and_welcome_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "damage::holds_a_store_for_another_test", "--nocapture"])
        .env("SUBTWIN_STORE_TEST_HOLD", directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("holding")));

    let refused = try_open(directory.path(), 7).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");

    other.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(lines.count() > 0);
    assert!(other.wait().unwrap().success());
    open(directory.path()).close().await;
}
