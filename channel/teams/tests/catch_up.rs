use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use subtwin_hear::Settings;
use subtwin_kernel::ChatId;
use subtwin_teams::Verb;

use crate::tenant::{CHAT, DOUG, Fault, GROUP, TWIN, time};
use crate::world::{World, wait};

/// Whatever is asked of a chat's messages.
const LISTING: &str = "/messages?";

#[tokio::test(start_paused = true)]
async fn what_was_said_before_the_first_start_is_not_heard() {
    let world = World::new();
    let old = world.doug_writes("old");
    let running = world.start().await;
    // A reaction brings it back into the list of what changed.
    world.tenant.change(&old, |message| message["reactions"] = json!([{}]));
    running.notify(&world.post("created", &[&world.doug_writes("new")])).await;
    wait(3600).await;
    assert_eq!(world.heard(), ["new"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_notification_is_found_though_later_ones_arrived() {
    let mut world = World::new();
    world.settings.attention = Duration::ZERO;
    let running = world.start().await;
    running.notify(&world.post("created", &[&world.doug_writes("1")])).await;
    world.until_heard(1).await;
    world.doug_writes("2");
    wait(5).await;
    running.notify(&world.post("created", &[&world.doug_writes("3")])).await;
    world.until_heard(2).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(world.until_heard(3).await, ["1", "3", "2"]);
    assert!(begun.elapsed() <= world.settings.catch_up_every, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_message_of_a_conversation_is_heard_within_twenty_seconds() {
    let world = World::new();
    let running = world.start().await;
    let asked = world.doug_writes("give Sarah an E3");
    running.notify(&world.post("created", &[&asked])).await;
    let plan = world.tenant.write(CHAT, TWIN, "<p>Shall I?</p>");
    running.notify(&world.post("created", &[&plan])).await;
    wait(60).await;
    world.doug_writes("yes");
    let begun = tokio::time::Instant::now();
    assert_eq!(world.until_heard(2).await, ["give Sarah an E3", "yes"]);
    assert!(begun.elapsed() <= Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_silent_conversation_costs_few_requests_and_then_none() {
    let world = World::new();
    let running = world.start().await;
    for n in 0..20 {
        running.notify(&world.post("created", &[&world.doug_writes(&n.to_string())])).await;
    }
    wait(899).await;
    let looks = world.tenant.count(Verb::Get, LISTING);
    assert!((10..=30).contains(&looks), "{looks} looks in the first quarter of an hour");
    wait(4 * 3600).await;
    let more = world.tenant.count(Verb::Get, LISTING) - looks;
    assert!(more <= 1, "{more} looks in the next four hours");
}

#[tokio::test(start_paused = true)]
async fn many_conversations_are_looked_through_at_a_bounded_rate() {
    let mut world = World::new();
    world.settings.checks_per_second = 2;
    let running = world.start().await;
    for n in 0..100 {
        let message = world.tenant.write(&format!("19:{n:032}@thread.v2"), DOUG, "hi");
        running.notify(&world.post("created", &[&message])).await;
    }
    world.until_heard(100).await;
    wait(30).await;
    let looks = world.tenant.count(Verb::Get, LISTING);
    assert!((20..=60).contains(&looks), "{looks} looks in half a minute");
}

#[tokio::test(start_paused = true)]
async fn what_was_said_while_the_twin_was_away_is_heard_at_its_next_start() {
    let world = World::new();
    let running = world.start().await;
    running.notify(&world.post("created", &[&world.doug_writes("1")])).await;
    world.until_heard(1).await;
    running.stop().await;
    wait(7200).await;
    world.doug_writes("2");
    world.tenant.write(GROUP, DOUG, "3");
    wait(7200).await;
    let running = world.launch().await;
    world.until_heard(3).await;
    wait(3600).await;
    let mut heard = world.heard();
    heard.sort();
    assert_eq!(heard, ["1", "2", "3"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waited_in_memory_at_a_crash_is_heard_at_the_next_start() {
    let world = World::new();
    world.scribe.gate.forget_permits(usize::MAX);
    let running = world.start().await;
    for n in 1..=3 {
        running.notify(&world.post("created", &[&world.doug_writes(&n.to_string())])).await;
        wait(60).await;
    }
    // Long enough for several looks: they must not read past what is not handled.
    wait(3600).await;
    running.stop().await;
    wait(3600).await;
    world.scribe.gate.add_permits(9);
    let _running = world.start().await;
    wait(60).await;
    // The first was taken up before the crash; what became of it the durable memory knows.
    assert_eq!(world.heard(), ["2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_in_one_chat_is_heard_in_order_and_in_full() {
    let mut world = World::new();
    world.intake = Settings { queued_per_chat: 2, ..Settings::default() };
    world.tenant.state().page = 3;
    let running = world.start().await;
    let said: Vec<_> = (0..20).map(|n| world.doug_writes(&n.to_string())).collect();
    running.notify(&world.post("created", &[&said[0]])).await;
    let expected: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(world.until_heard(20).await, expected);
}

#[tokio::test(start_paused = true)]
async fn every_page_is_read() {
    let world = World::new();
    world.tenant.state().page = 2;
    let running = world.start().await;
    running.stop().await;
    for chat in 0..5 {
        for n in 0..5 {
            let chat = format!("19:{chat:032}@thread.v2");
            world.tenant.write(&chat, DOUG, &format!("{n}"));
        }
    }
    let _running = world.launch().await;
    world.until_heard(25).await;
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_cannot_be_read_does_not_hide_the_others_and_is_read_later() {
    let mut world = World::new();
    world.settings.attention = Duration::ZERO;
    let running = world.start().await;
    world.doug_writes("1");
    world.tenant.write(GROUP, DOUG, "2");
    for _ in 0..5 {
        world.tenant.fail(Verb::Get, "unq.gbl.spaces/messages", Fault::Lost);
    }
    wait(901).await;
    assert_eq!(world.until_heard(1).await, ["2"]);
    assert_eq!(world.until_heard(2).await, ["2", "1"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_service_is_given_the_time_it_asks_for() {
    let mut world = World::new();
    world.settings.attention = Duration::ZERO;
    let _running = world.start().await;
    world.doug_writes("1");
    let after = Duration::from_millis(2128);
    world.tenant.fail(Verb::Get, "/me/chats", Fault::Busy(Some(after)));
    world.tenant.fail(Verb::Get, LISTING, Fault::Busy(None));
    wait(898).await;
    let before = tokio::time::Instant::now();
    world.until_heard(1).await;
    assert!(before.elapsed() < Duration::from_secs(8), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_becomes_visible_late_is_heard() {
    let mut world = World::new();
    world.settings.attention = Duration::ZERO;
    let _running = world.start().await;
    let late = world.doug_writes("late");
    world.tenant.state().chats.get_mut(CHAT).unwrap().clear();
    wait(3).await;
    world.doug_writes("in time");
    world.until_heard(1).await;
    world.tenant.state().chats.get_mut(CHAT).unwrap().insert(0, late);
    assert_eq!(world.until_heard(2).await, ["in time", "late"]);
}

#[tokio::test(start_paused = true)]
async fn a_chat_the_twin_was_added_to_does_not_bring_its_past() {
    let world = World::new();
    let mut running = world.start().await;
    running.notify(&world.post("created", &[&world.doug_writes("1")])).await;
    wait(3600).await;
    // Written while the twin was not in it.
    let past = world.tenant.write(GROUP, DOUG, "past");
    world.tenant.state().chats.remove(GROUP);
    wait(60).await;
    running.notify(&world.post("created", &[&world.doug_writes("2")])).await;
    wait(3600).await;
    world.tenant.state().chats.insert(GROUP.to_owned(), vec![past]);
    let message = world.tenant.write(GROUP, DOUG, "3");
    running.notify(&world.post("created", &[&message])).await;
    wait(3600).await;
    running.until(|status| status.caught_up.is_some()).await;
    assert_eq!(world.heard(), ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_mark_never_passes_what_is_not_handled() {
    let world = World::new();
    world.scribe.gate.forget_permits(usize::MAX);
    let running = world.start().await;
    let message = world.doug_writes("1");
    running.notify(&world.post("created", &[&message])).await;
    wait(10).await;
    running.notify(&world.post("created", &[&world.doug_writes("2")])).await;
    wait(3600).await;
    let chat = ChatId::parse(CHAT).unwrap();
    let mark = || world.memory.marks.lock().unwrap().get(&chat).copied();
    assert!(mark().is_none_or(|mark| mark < time(&message["createdDateTime"])), "{:?}", mark());
    world.scribe.gate.add_permits(9);
    wait(3600).await;
    assert!(mark().is_some_and(|mark| mark > time(&message["createdDateTime"])), "{:?}", mark());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Whatever is dropped, repeated or overtaken on the way: everything is heard exactly once,
    /// and soon.
    #[test]
    fn everything_is_heard_exactly_once(
        said in vec((0u8..3, 0u64..30, 0usize..3), 1..25),
        order in any::<prop::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let (heard, expected) = runtime.block_on(async {
            let world = World::new();
            let running = world.start().await;
            let mut expected = Vec::new();
            let mut held = Vec::new();
            for (n, (chat, pause, copies)) in said.into_iter().enumerate() {
                let message =
                    world.tenant.write(&format!("19:{chat}@thread.v2"), DOUG, &n.to_string());
                expected.push(n.to_string());
                held.extend(std::iter::repeat_n(message, copies));
                if pause % 2 == 0 && !held.is_empty() {
                    let at = order.index(held.len());
                    held.rotate_left(at);
                    let post = world.post("created", &held.iter().collect::<Vec<_>>());
                    running.notify(&post).await;
                    held.clear();
                }
                wait(pause).await;
            }
            wait(2000).await;
            (world.heard(), expected)
        });
        let mut heard = heard;
        heard.sort_by_key(|text| text.parse::<usize>().unwrap());
        prop_assert_eq!(heard, expected);
    }
}
