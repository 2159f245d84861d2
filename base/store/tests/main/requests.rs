use subtwin_kernel::{RequestId, UserId};
use subtwin_store::{RequestRow, Stage, StoreError};

use crate::world::{at, chat, message, open};

fn row(number: u128, stage: Stage, updated: &str) -> RequestRow {
    RequestRow {
        request: RequestId::new(uuid::Uuid::from_u128(number)),
        chat: chat("a"),
        requester: UserId::new(uuid::Uuid::from_u128(77)),
        asked_by: message(1),
        prompt: None,
        reply: None,
        stage,
        updated: at(updated),
    }
}

#[tokio::test]
async fn every_request_that_is_not_settled_is_found_after_a_restart_as_it_was_last_kept() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let asked = row(1, Stage::Asked, "2026-07-01T10:00:00Z");
    let mut acting = row(2, Stage::Asked, "2026-07-01T10:00:01Z");
    let told = row(3, Stage::Told, "2026-07-01T09:00:00Z");
    for row in [&asked, &acting, &told, &row(4, Stage::Settled, "2026-07-01T10:00:00Z")] {
        store.save_request(row).await.unwrap();
    }
    acting.stage = Stage::Acting;
    acting.prompt = Some(message(5));
    acting.reply = Some(message(u64::MAX));
    store.save_request(&acting).await.unwrap();
    store.close().await;

    assert_eq!(open(directory.path()).open_requests().await.unwrap(), [told, asked, acting]);
}

#[tokio::test]
async fn only_old_settled_requests_are_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for row in [
        row(1, Stage::Settled, "2026-06-01T10:00:00Z"),
        row(2, Stage::Settled, "2026-07-01T10:00:00Z"),
        row(3, Stage::Told, "2026-06-01T10:00:00Z"),
    ] {
        store.save_request(&row).await.unwrap();
    }
    let forgotten = store.forget_requests_before(at("2026-07-01T00:00:00Z")).await.unwrap();
    assert_eq!(forgotten, 1);
    assert_eq!(store.open_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_closed_store_says_so_on_every_clone() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let clone = store.clone();
    store.close().await;
    store.close().await;
    let refused = clone.open_requests().await.unwrap_err();
    assert!(matches!(refused, StoreError::Closed), "{refused}");
}
