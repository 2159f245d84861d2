use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use subtwin_hear::{Intake, Offered, Rest, Settings, Turned};
use subtwin_kernel::MessageId;

use crate::doubles::{Ledger, Scribe, chat, heard};

fn intake(settings: Settings, scribe: &Arc<Scribe>) -> (Intake, Arc<Ledger>) {
    let ledger = Arc::new(Ledger::default());
    (Intake::new(settings, Arc::clone(&ledger) as _, Arc::clone(scribe) as _), ledger)
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_arrives_out_of_order_is_handled_in_order() {
    let scribe = Scribe::open();
    let settings = Settings { settle: Duration::from_millis(25), ..Settings::default() };
    let (intake, _) = intake(settings, &scribe);
    let here = chat("a");
    for message in [3, 1, 2] {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(intake.offer(heard(&here, message)), Ok(Offered::Queued));
    }
    scribe.until(3).await;
    assert_eq!(scribe.handled(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn posts_opened_side_by_side_are_handled_in_order_and_nobody_notices_the_wait() {
    let scribe = Scribe::open();
    let (intake, _) = intake(Settings::default(), &scribe);
    let here = chat("a");
    let begun = tokio::time::Instant::now();
    for message in [2, 1] {
        intake.offer(heard(&here, message)).unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    scribe.until(2).await;
    assert_eq!(scribe.handled(), [1, 2]);
    assert!(begun.elapsed() < Duration::from_millis(5), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_slow_message_is_handled_in_order() {
    let scribe = Scribe::new(0, Duration::ZERO);
    let (intake, _) = intake(Settings::default(), &scribe);
    let here = chat("a");
    intake.offer(heard(&here, 1)).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    for message in [9, 4, 7, 2] {
        intake.offer(heard(&here, message)).unwrap();
    }
    scribe.gate.add_permits(5);
    scribe.until(5).await;
    assert_eq!(scribe.handled(), [1, 2, 4, 7, 9]);
}

#[tokio::test(start_paused = true)]
async fn a_message_offered_twice_is_handled_once() {
    let scribe = Scribe::open();
    let (intake, _) = intake(Settings::default(), &scribe);
    let here = chat("a");
    assert_eq!(intake.offer(heard(&here, 1)), Ok(Offered::Queued));
    assert_eq!(intake.offer(heard(&here, 1)), Ok(Offered::Known), "while it waits");
    scribe.until(1).await;
    assert_eq!(intake.offer(heard(&here, 1)), Ok(Offered::Known), "after it was handled");
    intake.offer(heard(&here, 2)).unwrap();
    scribe.until(2).await;
    assert_eq!(scribe.handled(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn the_same_number_in_two_conversations_is_two_messages() {
    let scribe = Scribe::open();
    let (intake, _) = intake(Settings::default(), &scribe);
    intake.offer(heard(&chat("a"), 1)).unwrap();
    intake.offer(heard(&chat("b"), 1)).unwrap();
    scribe.until(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_an_earlier_process_took_is_not_handled() {
    let scribe = Scribe::open();
    let (intake, ledger) = intake(Settings::default(), &scribe);
    let here = chat("a");
    ledger.taken.lock().unwrap().insert((here.clone(), MessageId::new(1)));
    intake.offer(heard(&here, 1)).unwrap();
    intake.offer(heard(&here, 2)).unwrap();
    scribe.until(1).await;
    intake.shutdown(Duration::from_secs(1)).await;
    assert_eq!(scribe.handled(), [2]);
}

#[tokio::test(start_paused = true)]
async fn conversations_do_not_wait_for_one_another() {
    let scribe = Scribe::new(usize::MAX >> 4, Duration::from_secs(1));
    let (intake, _) = intake(Settings::default(), &scribe);
    let begun = tokio::time::Instant::now();
    for name in 0..50 {
        intake.offer(heard(&chat(&name.to_string()), 1)).unwrap();
    }
    scribe.until(50).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn no_more_conversations_than_set_are_worked_on_at_once() {
    let scribe = Scribe::new(usize::MAX >> 4, Duration::from_secs(1));
    let (intake, _) = intake(Settings { chats_at_once: 3, ..Settings::default() }, &scribe);
    for name in 0..10 {
        intake.offer(heard(&chat(&name.to_string()), 1)).unwrap();
    }
    scribe.until(10).await;
    assert_eq!(*scribe.most_at_once.lock().unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_full_intake_turns_messages_away_and_takes_them_later() {
    let scribe = Scribe::new(0, Duration::ZERO);
    let settings = Settings { queued: 3, queued_per_chat: 2, ..Settings::default() };
    let (intake, _) = intake(settings, &scribe);
    let (here, there) = (chat("a"), chat("b"));
    for message in [1, 2] {
        intake.offer(heard(&here, message)).unwrap();
    }
    assert_eq!(intake.offer(heard(&here, 3)), Err(Turned::Full), "one conversation is full");
    assert!(!intake.is_full());
    intake.offer(heard(&there, 1)).unwrap();
    assert!(intake.is_full());
    assert_eq!(intake.offer(heard(&there, 2)), Err(Turned::Full), "everything is full");
    scribe.gate.add_permits(9);
    scribe.until(3).await;
    assert_eq!(intake.offer(heard(&here, 3)), Ok(Offered::Queued));
    assert_eq!(intake.offer(heard(&there, 2)), Ok(Offered::Queued));
    scribe.until(5).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_memory_delays_a_message_and_does_not_lose_it() {
    let scribe = Scribe::open();
    let (intake, ledger) = intake(Settings::default(), &scribe);
    *ledger.failures.lock().unwrap() = 5;
    intake.offer(heard(&chat("a"), 1)).unwrap();
    scribe.until(1).await;
    assert_eq!(scribe.handled(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_does_not_stop_its_conversation() {
    let mut scribe = Scribe::open();
    Arc::get_mut(&mut scribe).unwrap().panics_at = Some(1);
    let (intake, ledger) = intake(Settings::default(), &scribe);
    let here = chat("a");
    intake.offer(heard(&here, 1)).unwrap();
    intake.offer(heard(&here, 2)).unwrap();
    scribe.until(1).await;
    intake.shutdown(Duration::from_secs(1)).await;
    assert_eq!(scribe.handled(), [2]);
    let finished = ledger.finished.lock().unwrap();
    assert!(!finished.contains(&(here.clone(), MessageId::new(1))), "it did not finish");
    assert!(finished.contains(&(here, MessageId::new(2))));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_unfinished_message_is_known_until_it_is_handled() {
    let scribe = Scribe::new(0, Duration::ZERO);
    let (intake, _) = intake(Settings::default(), &scribe);
    let here = chat("a");
    assert_eq!(intake.oldest_unfinished(&here), None);
    intake.offer(heard(&here, 5)).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    intake.offer(heard(&here, 4)).unwrap();
    assert_eq!(intake.oldest_unfinished(&here), Some(MessageId::new(4)));
    scribe.gate.add_permits(1);
    scribe.until(1).await;
    assert_eq!(intake.oldest_unfinished(&here), Some(MessageId::new(4)));
    scribe.gate.add_permits(1);
    scribe.until(2).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(intake.oldest_unfinished(&here), None);
}

#[tokio::test(start_paused = true)]
async fn stopping_lets_the_running_message_end_and_leaves_the_rest_untaken() {
    let scribe = Scribe::new(usize::MAX >> 4, Duration::from_secs(5));
    let (intake, ledger) = intake(Settings::default(), &scribe);
    let here = chat("a");
    intake.offer(heard(&here, 1)).unwrap();
    intake.offer(heard(&here, 2)).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let rest = intake.shutdown(Duration::from_secs(10)).await;
    assert_eq!(rest, Rest { waiting: 1, cut: 0 });
    assert_eq!(scribe.handled(), [1]);
    assert!(!ledger.taken.lock().unwrap().contains(&(here.clone(), MessageId::new(2))));
    assert_eq!(intake.oldest_unfinished(&here), Some(MessageId::new(2)), "not to be read past");
    assert_eq!(intake.offer(heard(&here, 3)), Err(Turned::Closed));
}

#[tokio::test(start_paused = true)]
async fn stopping_cuts_what_does_not_end_in_time() {
    let scribe = Scribe::new(0, Duration::ZERO);
    let (intake, ledger) = intake(Settings::default(), &scribe);
    let here = chat("a");
    intake.offer(heard(&here, 1)).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = tokio::time::Instant::now();
    let rest = intake.shutdown(Duration::from_secs(10)).await;
    assert_eq!(rest, Rest { waiting: 0, cut: 1 });
    assert!(begun.elapsed() < Duration::from_secs(11));
    assert!(ledger.finished.lock().unwrap().is_empty(), "a cut message is not finished");
}

#[tokio::test(start_paused = true)]
async fn stopping_while_the_memory_fails_keeps_the_message_unfinished() {
    let scribe = Scribe::open();
    let (intake, ledger) = intake(Settings::default(), &scribe);
    *ledger.failures.lock().unwrap() = u32::MAX;
    let here = chat("a");
    intake.offer(heard(&here, 1)).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    intake.shutdown(Duration::from_secs(10)).await;
    assert_eq!(intake.oldest_unfinished(&here), Some(MessageId::new(1)));
    assert!(scribe.handled().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However often and in whatever order messages are offered, and however small the intake's
    /// short memory: each is handled exactly once.
    #[test]
    fn every_message_is_handled_exactly_once(
        offers in vec((0u8..3, 0u64..12, 0u64..40), 1..80),
        recent in 1usize..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let expected: BTreeSet<_> = offers
            .iter()
            .map(|(name, message, _)| (chat(&name.to_string()), *message))
            .collect();
        let (handled, finished) = runtime.block_on(async {
            let scribe = Scribe::new(usize::MAX >> 4, Duration::from_millis(10));
            let settings = Settings { recent, queued: 200, ..Settings::default() };
            let (intake, ledger) = intake(settings, &scribe);
            for (name, message, pause) in offers {
                intake.offer(heard(&chat(&name.to_string()), message)).unwrap();
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            scribe.until(expected.len()).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            intake.shutdown(Duration::from_secs(1)).await;
            let handled = scribe.handled.lock().unwrap().clone();
            let finished = ledger.finished.lock().unwrap().len();
            (handled, finished)
        });
        prop_assert_eq!(handled.len(), expected.len(), "{:?}", handled);
        prop_assert_eq!(finished, expected.len());
        prop_assert_eq!(handled.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}
