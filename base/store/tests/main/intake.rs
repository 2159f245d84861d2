use tokio::task::JoinSet;

use crate::world::{at, chat, message, open};

#[tokio::test]
async fn a_message_is_taken_once_by_however_many_hands_and_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let mut takers = JoinSet::new();
    for number in 0..200 {
        let store = store.clone();
        takers.spawn(async move {
            store.take(&chat("a"), message(number / 20), at("2026-07-01T10:00:00Z")).await.unwrap()
        });
    }
    let taken = takers.join_all().await.into_iter().filter(|first| *first).count();
    assert_eq!(taken, 10);
    store.close().await;

    let store = open(directory.path());
    assert!(!store.take(&chat("a"), message(3), at("2026-07-01T10:00:00Z")).await.unwrap());
    assert!(store.take(&chat("b"), message(3), at("2026-07-01T10:00:00Z")).await.unwrap());
}

#[tokio::test]
async fn what_was_taken_and_not_finished_is_found_after_a_restart_oldest_first() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for (number, time) in
        [(3, "2026-07-01T10:00:01Z"), (1, "2026-07-01T10:00:00.5Z"), (2, "2026-07-01T10:00:00Z")]
    {
        store.take(&chat("a"), message(number), at(time)).await.unwrap();
    }
    store.finish(&chat("a"), message(1)).await.unwrap();
    store.close().await;

    let left = open(directory.path()).unfinished().await.unwrap();
    assert_eq!(left, [(chat("a"), message(2)), (chat("a"), message(3))]);
}

#[tokio::test]
async fn a_watermark_keeps_every_digit_and_never_moves_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    assert_eq!(store.watermark(&chat("a")).await.unwrap(), None);
    let late = at("2026-07-01T10:00:00.1234567Z");
    store.set_watermark(&chat("a"), late).await.unwrap();
    store.set_watermark(&chat("a"), at("2026-07-01T10:00:00Z")).await.unwrap();
    store.set_watermark(&chat("b"), at("2026-07-02T00:00:00Z")).await.unwrap();
    assert_eq!(store.watermark(&chat("a")).await.unwrap(), Some(late));
    let all = store.watermarks().await.unwrap();
    assert_eq!(all, [(chat("a"), late), (chat("b"), at("2026-07-02T00:00:00Z"))]);
}

#[tokio::test]
async fn a_forgotten_message_is_not_taken_again_and_an_unfinished_one_is_not_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let old = at("2026-07-01T10:00:00Z");
    for number in [1, 2] {
        store.take(&chat("a"), message(number), old).await.unwrap();
    }
    store.finish(&chat("a"), message(1)).await.unwrap();
    let forgotten = store.forget_messages_before(at("2026-07-02T00:00:00Z")).await.unwrap();
    assert_eq!(forgotten, 1);
    // A second, earlier limit takes nothing back.
    store.forget_messages_before(at("2026-06-01T00:00:00Z")).await.unwrap();
    assert!(!store.take(&chat("a"), message(1), old).await.unwrap());
    assert!(store.take(&chat("a"), message(9), at("2026-07-02T00:00:00Z")).await.unwrap());
    let left = store.unfinished().await.unwrap();
    assert_eq!(left, [(chat("a"), message(2)), (chat("a"), message(9))]);
}
