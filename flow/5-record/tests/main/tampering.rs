use std::fs;
use std::path::Path;

use subtwin_record::OpenError;
use subtwin_record::audit::{Archive, Trust};

use crate::world::{ORIGIN, copy, files, open, request, try_open, verify};

/// Five requests, one of them erased, and a tree of more than one tile.
async fn fill(dir: &Path) {
    let world = open(dir);
    world.start().await;
    for number in 0..5 {
        world.act(number).await;
    }
    world.log.erase(request(3)).await.unwrap();
    world.log.shut_down().await.unwrap();
}

#[tokio::test]
async fn any_flipped_byte_of_any_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    assert_eq!(verify(dir.path()).findings, Vec::<String>::new());
    let mut flipped = 0;
    for (name, bytes) in files(dir.path()) {
        // A sample of the records and bundles, every byte of the rest. Every byte of a batch's own
        // numbers and leaves is tried where batches are read.
        let step = if bytes.len() > 1024 { 23 } else { 1 };
        for at in (0..bytes.len()).step_by(step) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            fs::write(dir.path().join(&name), &changed).unwrap();
            let report = verify(dir.path());
            assert!(!report.holds(), "`{name}`, byte {at} of {}", bytes.len());
            flipped += 1;
        }
        fs::write(dir.path().join(&name), &bytes).unwrap();
    }
    assert!(flipped > 1000, "{flipped}");
    assert!(verify(dir.path()).holds());
}

#[tokio::test]
async fn any_missing_file_is_found_and_so_is_any_that_does_not_belong() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    for (name, bytes) in files(dir.path()).into_iter().filter(|(name, _)| name != "lock") {
        // A checkpoint signs whatever is left as wide as it was.
        fs::remove_file(dir.path().join(&name)).unwrap();
        let report = verify(dir.path());
        let older = name.contains(".p/") && !name.ends_with(&format!(".p/{}", 17));
        assert!(older || !report.holds(), "`{name}` is gone");
        fs::write(dir.path().join(&name), bytes).unwrap();
    }
    for stray in ["records/extra.seg", "tile/0/001", "tile/0/000.p/1x", "tile/5/000.p/1"] {
        let path = dir.path().join(stray);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"stray").unwrap();
        assert!(!verify(dir.path()).holds(), "`{stray}` is there");
        fs::remove_file(path).unwrap();
    }
    assert!(verify(dir.path()).holds());
}

#[tokio::test]
async fn a_log_that_was_cut_or_replaced_is_found_with_a_checkpoint_kept_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    world.act(1).await;
    world.log.shut_down().await.unwrap();
    let early = tempfile::tempdir().unwrap();
    copy(dir.path(), early.path());

    let world = open(dir.path());
    world.act(2).await;
    let kept = world.log.checkpoint().await.unwrap();
    world.act(3).await;
    world.log.shut_down().await.unwrap();

    let vkey = verify(dir.path()).vkey;
    let trust = Trust { vkey: Some(&vkey), older_checkpoint: Some(&kept) };
    let check = |dir: &Path| Archive::open(dir).unwrap().verify(&trust).unwrap();
    assert_eq!(check(dir.path()).findings, Vec::<String>::new());
    // Rolled back as a whole: consistent in itself, and yet found.
    assert!(verify(early.path()).holds());
    let report = check(early.path());
    assert!(report.findings[0].contains("signs for 6 records, only 3 are here"), "{report:?}");

    // The same twin, key and size, but another history.
    let other = tempfile::tempdir().unwrap();
    let world = open(other.path());
    for number in [1, 5, 6] {
        world.act(number).await;
    }
    world.log.shut_down().await.unwrap();
    assert!(verify(other.path()).holds());
    let report = check(other.path());
    assert!(report.findings[0].contains("signs for other records"), "{report:?}");

    // Nor does the twin itself go on with records that its checkpoint does not sign.
    for (records, said) in [(early.path(), "only 3 are whole"), (other.path(), "not those its")] {
        let mixed = tempfile::tempdir().unwrap();
        copy(records, mixed.path());
        fs::copy(dir.path().join("checkpoint"), mixed.path().join("checkpoint")).unwrap();
        let refused = try_open(mixed.path(), 7, ORIGIN).err().unwrap();
        assert!(refused.to_string().contains(said), "{refused}");
    }

    // Signed anew with another key.
    let forged = tempfile::tempdir().unwrap();
    let world = try_open(forged.path(), 9, ORIGIN).unwrap();
    world.act(1).await;
    world.log.shut_down().await.unwrap();
    assert!(verify(forged.path()).holds());
    assert!(!check(forged.path()).holds());
}

#[tokio::test]
async fn a_damaged_log_is_not_opened_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    for (name, bytes) in files(dir.path()) {
        if !name.starts_with("records/") && name != "checkpoint" {
            continue;
        }
        for at in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            fs::write(dir.path().join(&name), &changed).unwrap();
            let before = files(dir.path());
            match try_open(dir.path(), 7, ORIGIN) {
                Err(OpenError::Damaged { .. }) => assert!(before == files(dir.path())),
                Err(other) => panic!("`{name}`, byte {at}: {other:?}"),
                // What was erased is only overwritten again.
                Ok(world) => {
                    world.log.shut_down().await.unwrap();
                    assert!(verify(dir.path()).holds(), "`{name}`, byte {at}");
                }
            }
            fs::write(dir.path().join(&name), &bytes).unwrap();
        }
    }
}

#[tokio::test]
async fn tiles_that_are_gone_or_wrong_are_made_good_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    fs::write(dir.path().join("tile/0/000.p/17"), b"wrong").unwrap();
    fs::write(dir.path().join("tile/0/000.p/3"), b"older").unwrap();
    fs::remove_dir_all(dir.path().join("tile/entries")).unwrap();
    assert!(!verify(dir.path()).holds());
    open(dir.path()).log.shut_down().await.unwrap();
    assert!(verify(dir.path()).holds());
}
